/*
 * extensions_encode.c - names that sort as values do, and packed sequences.
 */

#include "check.h"
#include "extensions/ferrokv_encode.h"

#include <math.h>

#define ROUNDS      20000
#define TEXT_BYTES  12


static int
order(const void *a, size_t a_len, const void *b, size_t b_len)
{
    int  rc = memcmp(a, b, (a_len < b_len) ? a_len : b_len);

    if (rc == 0) {
        rc = (a_len > b_len) - (a_len < b_len);
    }

    return (rc > 0) - (rc < 0);
}


static ferrokv_str
str(const void *data, size_t len)
{
    return (ferrokv_str) { data, len };
}


/* Numbers near each other, near the ends, and any. */
static uint64_t
number(uint64_t *seed)
{
    static const uint64_t  near[] = {
        0, 1ull << 63, UINT64_MAX, 1ull << 32, 255, 0x7ff0000000000000
    };
    uint64_t  bits = check_random(seed);

    if (bits % 2 == 0) {
        return near[(bits >> 8) % 6] + (bits >> 16) % 5 - 2;
    }

    return check_random(seed) >> (bits >> 8) % 64;
}


static void
whole_numbers_sort_as_they_are(void **state)
{
    uint64_t  seed = 1;
    uint8_t   x[FERROKV_ENCODED_BYTES], y[FERROKV_ENCODED_BYTES];

    (void) state;

    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t  a = number(&seed), b = number(&seed);
        int64_t   c = (int64_t) a, d = (int64_t) b;

        ferrokv_put_u64(x, a);
        ferrokv_put_u64(y, b);
        assert_int_equal(order(x, sizeof(x), y, sizeof(y)), (a > b) - (a < b));
        assert_true(ferrokv_get_u64(x) == a);

        ferrokv_put_i64(x, c);
        ferrokv_put_i64(y, d);
        assert_int_equal(order(x, sizeof(x), y, sizeof(y)), (c > d) - (c < d));
        assert_true(ferrokv_get_i64(x) == c);
    }
}


static double
real(uint64_t *seed)
{
    uint64_t  bits = number(seed);
    double    n;

    if (bits % 3 == 0) {
        return (double) (int64_t) (bits >> 50) - 4096;
    }

    memcpy(&n, &bits, sizeof(n));

    return n;
}


static void
real_numbers_sort_as_they_are(void **state)
{
    uint64_t  seed = 2;
    uint8_t   x[FERROKV_ENCODED_BYTES], y[FERROKV_ENCODED_BYTES];

    (void) state;

    for (unsigned i = 0; i < ROUNDS; i++) {
        double  a = real(&seed), b = real(&seed);

        ferrokv_put_double(x, a);
        ferrokv_put_double(y, b);

        if (isnan(a)) {
            assert_true(isnan(ferrokv_get_double(x)));
            assert_true(isnan(b) || order(x, sizeof(x), y, sizeof(y)) > 0);

        } else if (!isnan(b)) {
            assert_int_equal(order(x, sizeof(x), y, sizeof(y)),
                             (a > b) - (a < b));
            assert_true(ferrokv_get_double(x) == a);
        }
    }

    ferrokv_put_double(x, -INFINITY);
    ferrokv_put_double(y, -1.7976931348623157e308);
    assert_int_equal(order(x, sizeof(x), y, sizeof(y)), -1);
    ferrokv_put_double(x, -0.0);
    check_hex(x, sizeof(x), "80000000 00000000");
}


/* Short, of few different bytes: prefixes and zeros are common. */
static size_t
random_text(uint64_t *seed, uint8_t *out)
{
    static const uint8_t  letters[] = { 0, 0, 1, 'a', 0xfe, 0xff };
    size_t  len = check_random(seed) % (TEXT_BYTES + 1);

    for (size_t i = 0; i < len; i++) {
        out[i] = letters[check_random(seed) % sizeof(letters)];
    }

    return len;
}


static void
texts_sort_by_the_first_then_by_what_follows(void **state)
{
    uint64_t  seed = 3;

    (void) state;

    for (unsigned i = 0; i < ROUNDS; i++) {
        uint8_t  a[TEXT_BYTES], b[TEXT_BYTES], c[TEXT_BYTES], d[TEXT_BYTES];
        uint8_t  x[3 * TEXT_BYTES + 2], y[3 * TEXT_BYTES + 2];
        size_t   a_len = random_text(&seed, a);
        size_t   b_len = (i % 2) ? random_text(&seed, b) : a_len;
        size_t   c_len = random_text(&seed, c), d_len = random_text(&seed, d);
        size_t   x_len, y_len;
        int      wanted;

        if (i % 2 == 0) {
            memcpy(b, a, a_len);
        }

        x_len = ferrokv_put_text(x, str(a, a_len));
        y_len = ferrokv_put_text(y, str(b, b_len));
        memcpy(x + x_len, c, c_len);
        memcpy(y + y_len, d, d_len);

        wanted = order(a, a_len, b, b_len);
        wanted = wanted ? wanted : order(c, c_len, d, d_len);
        assert_int_equal(order(x, x_len + c_len, y, y_len + d_len), wanted);
    }
}


static void
texts_come_back_and_their_beginnings_do_not(void **state)
{
    uint64_t  seed = 4;

    (void) state;

    for (unsigned i = 0; i < ROUNDS; i++) {
        uint8_t  a[TEXT_BYTES], x[2 * TEXT_BYTES + 2], out[sizeof(x)];
        size_t   a_len = random_text(&seed, a), len, out_len;

        len = ferrokv_put_text(x, str(a, a_len));
        assert_int_equal(ferrokv_get_text(str(x, len), out, &out_len), len);
        assert_int_equal(order(a, a_len, out, out_len), 0);

        for (size_t cut = 0; cut < len; cut++) {
            assert_int_equal(ferrokv_get_text(str(x, cut), out, &out_len), 0);
        }
    }
}


static void
varints_come_back_and_their_beginnings_do_not(void **state)
{
    static const uint8_t  large[] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2
    };
    uint64_t  seed = 5, n;

    (void) state;

    for (unsigned i = 0; i < ROUNDS; i++) {
        uint64_t  a = number(&seed);
        uint8_t   x[FERROKV_VARINT_BYTES];
        uint8_t  *end = ferrokv_put_varint(x, a);

        assert_int_equal(end - x, ferrokv_varint_size(a));
        assert_ptr_equal(ferrokv_get_varint(x, end, &n), end);
        assert_true(n == a);

        for (uint8_t *cut = x; cut < end; cut++) {
            assert_null(ferrokv_get_varint(x, cut, &n));
        }
    }

    assert_null(ferrokv_get_varint(large, large + sizeof(large), &n));
}


static void
a_packed_sequence_comes_back(void **state)
{
    static const size_t  lens[] = { 0, 1, 127, 128, 300, 0, 20000 };
    uint8_t       text[20000], x[sizeof(text) + 1000], *p = x;
    ferrokv_str   packed, item;
    uint64_t      seed = 6;
    const size_t  n = sizeof(lens) / sizeof(lens[0]);

    (void) state;
    check_random_bytes(&seed, text, sizeof(text));

    for (size_t i = 0; i < n; i++) {
        uint8_t  *end = ferrokv_packed_put(p, str(text, lens[i]));

        assert_int_equal(end - p, ferrokv_packed_size(lens[i]));
        p = end;
    }

    packed = str(x, (size_t) (p - x));
    assert_int_equal(ferrokv_packed_count(packed), n);

    for (size_t i = 0; i < n; i++) {
        assert_int_equal(ferrokv_packed_next(&packed, &item), FERROKV_OK);
        assert_int_equal(item.len, lens[i]);
        assert_memory_equal(item.data, text, lens[i]);
    }

    assert_int_equal(ferrokv_packed_next(&packed, &item), FERROKV_NONE);
}


/* In memory of its own, so that the sanitizer sees a byte too many. */
static size_t
walk(const uint8_t *data, size_t len, int *rc)
{
    uint8_t      *copy = malloc(len + (len == 0));
    ferrokv_str   packed = str(copy, len), item;
    size_t        n = 0, sum = 0;

    memcpy(copy, data, len);

    while ((*rc = ferrokv_packed_next(&packed, &item)) == FERROKV_OK) {
        assert_true((const uint8_t *) item.data >= copy);
        assert_true((const uint8_t *) item.data + item.len <= copy + len);

        for (size_t i = 0; i < item.len; i++) {
            sum += ((const uint8_t *) item.data)[i];
        }

        n++;
    }

    free(copy);
    assert_true(sum <= 255 * len);

    return n;
}


static void
a_cut_sequence_is_damaged_or_shorter(void **state)
{
    static const size_t  lens[] = { 3, 200, 0, 128, 1 };
    uint8_t  text[200] = { 0 }, x[400], *p = x, *ends[5];
    int      rc;

    (void) state;

    for (size_t i = 0; i < 5; i++) {
        p = ends[i] = ferrokv_packed_put(p, str(text, lens[i]));
    }

    for (size_t cut = 0; cut <= (size_t) (p - x); cut++) {
        size_t  n = 0;
        bool    whole;

        while (n < 5 && ends[n] <= x + cut) {
            n++;
        }

        whole = (cut == 0 || (n > 0 && ends[n - 1] == x + cut));
        assert_int_equal(walk(x, cut, &rc), n);
        assert_int_equal(rc, whole ? FERROKV_NONE : FERROKV_ECORRUPT);
    }
}


static void
random_bytes_are_read_within_their_bounds(void **state)
{
    uint64_t  seed = 7;

    (void) state;

    for (unsigned i = 0; i < ROUNDS; i++) {
        uint8_t  x[40], out[sizeof(x)];
        size_t   len = check_random(&seed) % (sizeof(x) + 1), out_len;
        int      rc;

        check_random_bytes(&seed, x, len);

        for (size_t j = 0; j < len && i % 2; j++) {
            x[j] = (x[j] < 128) ? x[j] % 9 : 0xff;
        }

        (void) walk(x, len, &rc);
        assert_true(rc == FERROKV_NONE || rc == FERROKV_ECORRUPT);
        assert_true(ferrokv_get_text(str(x, len), out, &out_len) <= len);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(whole_numbers_sort_as_they_are),
        cmocka_unit_test(real_numbers_sort_as_they_are),
        cmocka_unit_test(texts_sort_by_the_first_then_by_what_follows),
        cmocka_unit_test(texts_come_back_and_their_beginnings_do_not),
        cmocka_unit_test(varints_come_back_and_their_beginnings_do_not),
        cmocka_unit_test(a_packed_sequence_comes_back),
        cmocka_unit_test(a_cut_sequence_is_damaged_or_shorter),
        cmocka_unit_test(random_bytes_are_read_within_their_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
