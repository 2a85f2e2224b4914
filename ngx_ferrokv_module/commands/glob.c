#include "commands/glob.h"


/*
 * Does the class that begins behind its bracket at *at have c?  *at moves
 * behind it.  As Redis: a range may be the wrong way round, may even begin or
 * end in a bracket, and the pattern's end closes the class, too.
 */
static bool
class_has(fkv_str_t pattern, size_t *at, uint8_t c)
{
    const uint8_t  *p = pattern.data;
    size_t          i = *at, end = pattern.len;
    bool            except = (i < end && p[i] == '^');
    bool            has = false;

    for (i += except; i < end && p[i] != ']'; i++) {
        uint8_t  low = p[i], high = p[i];

        if (p[i] == '\\' && end - i >= 2) {
            low = high = p[++i];

        } else if (end - i >= 3 && p[i + 1] == '-') {
            low = fkv__min(p[i], p[i + 2]);
            high = fkv__max(p[i], p[i + 2]);
            i += 2;
        }

        has |= (low <= c && c <= high);
    }

    *at = (i < end) ? i + 1 : end;

    return has != except;
}


/* Does what stands at *at, no star, take c?  *at moves behind it if it does. */
static bool
one_takes(fkv_str_t pattern, size_t *at, uint8_t c)
{
    size_t  i = *at;
    bool    takes;

    switch (pattern.data[i]) {

    case '?':
        i++;
        takes = true;
        break;

    case '[':
        i++;
        takes = class_has(pattern, &i, c);
        break;

    case '\\':
        i += (pattern.len - i >= 2);
        takes = (pattern.data[i++] == c);
        break;

    default:
        takes = (pattern.data[i++] == c);
    }

    if (takes) {
        *at = i;
    }

    return takes;
}


/*
 * If a star can be passed at all, the shortest way through it leaves most to
 * what follows; so only the last one met has to be tried again.
 */
bool
fkv_glob(fkv_str_t pattern, fkv_str_t text)
{
    size_t  p = 0, t = 0;
    size_t  behind_star = 0, star_text = 0;
    bool    star = false;

    while (t < text.len) {

        if (p < pattern.len && pattern.data[p] == '*') {
            behind_star = ++p;
            star_text = t;
            star = true;

            if (p == pattern.len) {
                return true;
            }

            continue;
        }

        if (p < pattern.len && one_takes(pattern, &p, text.data[t])) {
            t++;
            continue;
        }

        if (!star) {
            return false;
        }

        p = behind_star;
        t = ++star_text;
    }

    while (p < pattern.len && pattern.data[p] == '*') {
        p++;
    }

    return p == pattern.len;
}


size_t
fkv_glob_prefix(fkv_str_t pattern, uint8_t *out)
{
    size_t  n = 0;

    for (size_t i = 0; i < pattern.len; i++) {
        uint8_t  c = pattern.data[i];

        if (c == '*' || c == '?' || c == '[') {
            break;
        }

        if (c == '\\' && i + 1 < pattern.len) {
            c = pattern.data[++i];
        }

        out[n++] = c;
    }

    return n;
}
