/*
 * glob.c - Redis' patterns, and numbers as Redis reads them.
 *
 * A pattern matches a text if a matcher says so that tries every way; whatever
 * it matches begins with its prefix.  A whole number that was read is written
 * as it was; a real one can be read from what is written of it.
 *
 * Input    length of the pattern 1 | pattern | text
 */

#include "fuzz.h"
#include "commands/glob.h"
#include "commands/number.h"

#define LEN_MAX  48

typedef struct {
    const uint8_t  *p;
    size_t          n;
    const uint8_t  *t;
    size_t          m;
    int8_t          known[LEN_MAX + 1][LEN_MAX + 1];
} ways_t;

static bool  matches(ways_t *w, size_t i, size_t k);


/* Of the class behind "[" at i: does c belong, and where does it end? */
static bool
in_class(const ways_t *w, size_t i, uint8_t c, size_t *end)
{
    bool  no = (i < w->n && w->p[i] == '^'), in = false;

    for (i += no; i < w->n && w->p[i] != ']'; i++) {
        uint8_t  low = w->p[i], high = low;

        if (low == '\\' && i + 1 < w->n) {
            low = high = w->p[++i];

        } else if (i + 2 < w->n && w->p[i + 1] == '-') {
            high = w->p[i + 2];
            i += 2;
        }

        in |= (low <= high) ? (c >= low && c <= high)
                            : (c >= high && c <= low);
    }

    *end = fkv__min(i + 1, w->n);

    return in != no;
}


static bool
tries(ways_t *w, size_t i, size_t k)
{
    size_t  end;

    if (i == w->n) {
        return k == w->m;
    }

    if (w->p[i] == '*') {
        return matches(w, i + 1, k) || (k < w->m && matches(w, i, k + 1));
    }

    if (k == w->m) {
        return false;
    }

    if (w->p[i] == '?') {
        return matches(w, i + 1, k + 1);
    }

    if (w->p[i] == '[') {
        return in_class(w, i + 1, w->t[k], &end) && matches(w, end, k + 1);
    }

    i += (w->p[i] == '\\' && i + 1 < w->n);

    return w->p[i] == w->t[k] && matches(w, i + 1, k + 1);
}


static bool
matches(ways_t *w, size_t i, size_t k)
{
    if (w->known[i][k] == 0) {
        w->known[i][k] = tries(w, i, k) ? 1 : -1;
    }

    return w->known[i][k] > 0;
}


static void
number(fkv_str_t text)
{
    char         out[FKV_NUMBER_REAL_BYTES];
    int64_t      n;
    long double  real, again;
    fkv_str_t    written = { (uint8_t *) out, 0 };

    if (fkv_number_int(text, &n) == FKV_OK) {
        written.len = fkv_number_int_put(out, n);
        check_str(written, text);
    }

    if (fkv_number_real(text, &real) == FKV_OK) {
        written.len = fkv_number_real_put(out, real);
        assert_in_range(written.len, 1, sizeof(out));
        written = fuzz_copy(written);
        assert_int_equal(fkv_number_real(written, &again), FKV_OK);
        fuzz_free(written);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_t     in = { data, size };
    size_t     n = fuzz_byte(&in);
    uint8_t   *prefix;
    fkv_str_t  pattern = fuzz_copy(fuzz_take(&in, n % (LEN_MAX + 1)));
    fkv_str_t  text = fuzz_copy(fuzz_take(&in, LEN_MAX));
    ways_t     ways = { .p = pattern.data, .n = pattern.len, .t = text.data,
                        .m = text.len };
    bool       matched = fkv_glob(pattern, text);

    assert_int_equal(matched, matches(&ways, 0, 0));

    prefix = malloc(pattern.len + 1);
    n = fkv_glob_prefix(pattern, prefix);
    assert_true(n <= pattern.len);

    if (matched) {
        assert_true(n <= text.len);
        assert_memory_equal(text.data, prefix, n);
    }

    number(pattern);
    number(text);

    free(prefix);
    fuzz_free(pattern);
    fuzz_free(text);

    return 0;
}
