/*
 * commands_glob.c - Redis' patterns, beside a model that tries everything.
 */

#include "check.h"
#include "commands/glob.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>


static fkv_str_t
str(const char *text)
{
    return (fkv_str_t) { (const uint8_t *) text, strlen(text) };
}


/*
 * The set of a pattern's next element, as 256 flags; returns what it takes of
 * the pattern.  Not for stars.
 */
static size_t
model_set(const uint8_t *p, size_t len, bool set[256])
{
    size_t  i = 0;
    bool    except;

    memset(set, 0, 256 * sizeof(bool));

    if (p[0] == '?') {
        memset(set, 1, 256 * sizeof(bool));
        return 1;
    }

    if (p[0] == '\\' && len > 1) {
        set[p[1]] = true;
        return 2;
    }

    if (p[0] != '[') {
        set[p[0]] = true;
        return 1;
    }

    except = (len > 1 && p[1] == '^');
    i = 1 + except;

    while (i < len && p[i] != ']') {

        if (p[i] == '\\' && i + 1 < len) {
            set[p[i + 1]] = true;
            i += 2;

        } else if (i + 2 < len && p[i + 1] == '-') {
            int  step = (p[i] <= p[i + 2]) ? 1 : -1;

            for (int c = p[i]; c != p[i + 2] + step; c += step) {
                set[c] = true;
            }

            i += 3;

        } else {
            set[p[i++]] = true;
        }
    }

    for (unsigned c = 0; except && c < 256; c++) {
        set[c] = !set[c];
    }

    return (i < len) ? i + 1 : len;
}


static bool
model(const uint8_t *p, size_t p_len, const uint8_t *t, size_t t_len)
{
    bool    set[256];
    size_t  n;

    if (p_len == 0) {
        return t_len == 0;
    }

    if (p[0] == '*') {
        return model(p + 1, p_len - 1, t, t_len)
               || (t_len > 0 && model(p, p_len, t + 1, t_len - 1));
    }

    n = model_set(p, p_len, set);

    return t_len > 0 && set[t[0]]
           && model(p + n, p_len - n, t + 1, t_len - 1);
}


static void
known_patterns(void **state)
{
    static const struct {
        const char  *pattern, *text;
        bool         match;
    } cases[] = {
        { "", "", true }, { "", "a", false }, { "*", "", true },
        { "**", "abc", true }, { "a*", "abc", true }, { "a*", "b", false },
        { "*c", "abc", true }, { "a*c*e", "abcde", true },
        { "a*c*e", "abcdf", false }, { "h?llo", "hello", true },
        { "h?llo", "hllo", false }, { "?", "", false },
        { "h[ae]llo", "hallo", true }, { "h[ae]llo", "hillo", false },
        { "h[^e]llo", "hello", false }, { "h[^e]llo", "hbllo", true },
        { "h[a-b]llo", "hbllo", true }, { "h[b-a]llo", "hallo", true },
        { "[a-]", "a", true }, { "[a-]", "_", true }, { "[a-]", "-", false },
        { "[]", "a", false }, { "[^]", "a", true }, { "[abc", "c", true },
        { "[", "[", false }, { "[^", "x", true }, { "[\\]]", "]", true },
        { "[\\", "\\", true }, { "\\*", "*", true }, { "\\*", "a", false },
        { "a\\", "a\\", true }, { "\\a", "a", true }, { "*\\?", "ab?", true },
        { "*[0-9]", "key7", true }, { "*ab", "aab", true }
    };

    (void) state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool  match = fkv_glob(str(cases[i].pattern), str(cases[i].text));

        if (match != cases[i].match) {
            fail_msg("\"%s\" and \"%s\"", cases[i].pattern, cases[i].text);
        }
    }
}


static void
random_patterns_match_as_the_model(void **state)
{
    static const char  letters[] = "aab*?[]^-\\bc";
    unsigned           matches = 0;

    (void) state;
    srandom(7);

    for (unsigned round = 0; round < 300000; round++) {
        uint8_t  p[9], t[7];
        size_t   p_len = (size_t) random() % (sizeof(p) + 1);
        size_t   t_len = (size_t) random() % (sizeof(t) + 1);
        bool     expected;

        for (size_t i = 0; i < p_len; i++) {
            p[i] = (uint8_t) letters[random() % (sizeof(letters) - 1)];
        }

        for (size_t i = 0; i < t_len; i++) {
            t[i] = (uint8_t) letters[random() % (sizeof(letters) - 1)];
        }

        expected = model(p, p_len, t, t_len);
        matches += expected;

        if (fkv_glob((fkv_str_t) { p, p_len }, (fkv_str_t) { t, t_len })
            != expected)
        {
            fail_msg("\"%.*s\" and \"%.*s\": expected %d", (int) p_len, p,
                     (int) t_len, t, expected);
        }
    }

    assert_true(matches > 1000);
}


static void
what_matches_begins_with_the_prefix(void **state)
{
    static const struct {
        const char  *pattern, *prefix;
    } cases[] = {
        { "", "" }, { "*", "" }, { "abc", "abc" }, { "abc*", "abc" },
        { "a?c", "a" }, { "a[bc]", "a" }, { "a\\*b*", "a*b" },
        { "a\\", "a\\" }, { "user:\\[1\\]:*", "user:[1]:" }
    };

    (void) state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint8_t  out[32];
        size_t   n = fkv_glob_prefix(str(cases[i].pattern), out);

        assert_int_equal(n, strlen(cases[i].prefix));
        assert_memory_equal(out, cases[i].prefix, n);
    }
}


/* By trying every star again this would take longer than the world has. */
static void
many_stars_take_no_time(void **state)
{
    uint8_t  text[20000], pattern[200];
    clock_t  begin = clock();

    (void) state;
    memset(text, 'a', sizeof(text));

    for (size_t i = 0; i < sizeof(pattern); i++) {
        pattern[i] = (i % 2 == 0) ? '*' : 'a';
    }

    pattern[sizeof(pattern) - 1] = 'b';

    assert_false(fkv_glob((fkv_str_t) { pattern, sizeof(pattern) },
                          (fkv_str_t) { text, sizeof(text) }));
    assert_true(clock() - begin < 5 * CLOCKS_PER_SEC);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(known_patterns),
        cmocka_unit_test(random_patterns_match_as_the_model),
        cmocka_unit_test(what_matches_begins_with_the_prefix),
        cmocka_unit_test(many_stars_take_no_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
