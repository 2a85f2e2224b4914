#include "glob.h"


/*
 * Does the class that begins behind its bracket at *at have c?  *at moves
 * behind it.  As Redis: a range may be the wrong way round, may even begin or
 * end in a bracket, and the pattern's end closes the class, too.
 */
static bool
class_has(ferrokv_str pattern, size_t *at, unsigned char c)
{
    const unsigned char  *p = pattern.data;
    size_t                i = *at, end = pattern.len;
    bool                  except = (i < end && p[i] == '^');
    bool                  has = false;

    for (i += except; i < end && p[i] != ']'; i++) {
        unsigned char  low = p[i], high = p[i];

        if (p[i] == '\\' && end - i >= 2) {
            low = high = p[++i];

        } else if (end - i >= 3 && p[i + 1] == '-') {
            low = (p[i] < p[i + 2]) ? p[i] : p[i + 2];
            high = (p[i] < p[i + 2]) ? p[i + 2] : p[i];
            i += 2;
        }

        has |= (low <= c && c <= high);
    }

    *at = (i < end) ? i + 1 : end;

    return has != except;
}


/* Does what stands at *at, no star, take c?  *at moves behind it if it does. */
static bool
one_takes(ferrokv_str pattern, size_t *at, unsigned char c)
{
    const unsigned char  *p = pattern.data;
    size_t                i = *at;
    bool                  takes;

    switch (p[i]) {

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
        takes = (p[i++] == c);
        break;

    default:
        takes = (p[i++] == c);
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
glob(ferrokv_str pattern, ferrokv_str text)
{
    const unsigned char  *in = pattern.data, *c = text.data;
    size_t                p = 0, t = 0;
    size_t                behind_star = 0, star_text = 0;
    bool                  star = false;

    while (t < text.len) {

        if (p < pattern.len && in[p] == '*') {
            behind_star = ++p;
            star_text = t;
            star = true;

            if (p == pattern.len) {
                return true;
            }

            continue;
        }

        if (p < pattern.len && one_takes(pattern, &p, c[t])) {
            t++;
            continue;
        }

        if (!star) {
            return false;
        }

        p = behind_star;
        t = ++star_text;
    }

    while (p < pattern.len && in[p] == '*') {
        p++;
    }

    return p == pattern.len;
}
