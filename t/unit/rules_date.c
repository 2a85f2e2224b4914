/*
 * rules_date.c - dates: three forms read, one written, the rest refused.
 */

#include "check.h"
#include "rules/date.h"

#include <time.h>

#define NOW  1800000000                 /* Fri, 15 Jan 2027 08:00:00 GMT */

static int
parse(const char *text, int64_t *date)
{
    size_t    len = strlen(text);
    uint8_t  *copy = check_copy(text, len);
    int       rc = fkv_rules_date_parse((fkv_str_t) { copy, len }, NOW, date);

    free(copy);
    return rc;
}


static void
is_date(const char *text, int64_t expected)
{
    int64_t  date = -1;

    if (parse(text, &date) != FKV_OK || date != expected) {
        fail_msg("\"%s\" is %lld", text, (long long) date);
    }
}


static void
is_no_date(const char *text)
{
    int64_t  date = 42;

    if (parse(text, &date) != FKV_EINVAL || date != 42) {
        fail_msg("\"%s\" is %lld", text, (long long) date);
    }
}


static void
the_three_forms_are_read(void **state)
{
    (void) state;

    is_date("Sun, 06 Nov 1994 08:49:37 GMT", 784111777);
    is_date("Sunday, 06-Nov-94 08:49:37 GMT", 784111777);
    is_date("Sun Nov  6 08:49:37 1994", 784111777);
    is_date("Wed Nov 16 08:49:37 1994", 784975777);
    is_date("Thu, 01 Jan 1970 00:00:00 GMT", 0);
    is_date("Wed, 31 Dec 1969 23:59:59 GMT", -1);
    is_date("Fri, 31 Dec 9999 23:59:59 GMT", FKV_RULES_DATE_MAX);
    is_date("Tue, 29 Feb 2000 00:00:00 GMT", 951782400);
    is_date("Sat, 01 Jan 0000 00:00:00 GMT", -62167219200);
    is_date("Tue, 29 Feb 0000 00:00:00 GMT", -62162121600);
    is_date("Sat, 31 Dec 2016 23:59:60 GMT", 1483228800);
    is_date("Mon, 06 Nov 1994 08:49:37 GMT", 784111777);
}


static void
two_digits_of_a_year_are_at_most_fifty_years_ahead(void **state)
{
    (void) state;

    is_date("Friday, 15-Jan-27 08:00:00 GMT", NOW);
    is_date("Friday, 01-Jan-77 00:00:00 GMT", 3376684800);      /* 2077 */
    is_date("Friday, 01-Jan-78 00:00:00 GMT", 252460800);       /* 1978 */
    is_date("Friday, 01-Jan-99 00:00:00 GMT", 915148800);       /* 1999 */
    is_date("Friday, 01-Jan-00 00:00:00 GMT", 946684800);       /* 2000 */
}


static void
what_is_no_date_is_refused(void **state)
{
    static const char *const  texts[] = {
        "", " ", "0", "-1", "now", "Sun", "Sun,", "Sunday", "Sun, ",
        "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 ",
        "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 06 Nov 1994 08:49:37 gmt", "sun, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 nov 1994 08:49:37 GMT", "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994  08:49:37 GMT", "Sun,06 Nov 1994 08:49:37 GMT",
        " Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMTx",
        "Sun, 06 Nov 94 08:49:37 GMT", "Sun, 06 Nov 1994 8:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08:60:00 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT", "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 31 Nov 1994 08:49:37 GMT", "Wed, 29 Feb 2023 00:00:00 GMT",
        "Mon, 29 Feb 2100 00:00:00 GMT", "Sun, 0x Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08-49-37 GMT", "Sunday, 06-Nov-1994 08:49:37 GMT",
        "Sunday, 06 Nov 1994 08:49:37 GMT", "Sun, 06-Nov-94 08:49:37 GMT",
        "Sun Nov 6 08:49:37 1994", "Sun Nov  6 08:49:37 1994 GMT",
        "Sun Nov 06  08:49:37 1994", "Foo, 06 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
    };

    (void) state;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        is_no_date(texts[i]);
    }
}


static void
the_c_library_agrees_and_what_is_written_is_read(void **state)
{
    uint64_t  random = 88172645463325252ull;

    (void) state;

    for (unsigned i = 0; i < 50000; i++) {
        int64_t    date = (int64_t) (check_random(&random)
                                     % (FKV_RULES_DATE_MAX + 1));
        time_t     t = (time_t) date;
        struct tm  tm;
        char       expected[40];
        uint8_t    got[FKV_RULES_DATE_LEN + 1];

        assert_non_null(gmtime_r(&t, &tm));
        (void) strftime(expected, sizeof(expected),
                        "%a, %d %b %Y %H:%M:%S GMT", &tm);

        assert_ptr_equal(fkv_rules_date_print(got, date),
                         got + FKV_RULES_DATE_LEN);
        got[FKV_RULES_DATE_LEN] = '\0';

        assert_string_equal((char *) got, expected);
        is_date(expected, date);

        (void) strftime(expected, sizeof(expected), "%a %b %e %H:%M:%S %Y",
                        &tm);
        is_date(expected, date);
    }
}


static void
no_cut_and_no_flip_is_read_beyond_its_end(void **state)
{
    static const char  text[] = "Sun, 06 Nov 1994 08:49:37 GMT";
    uint64_t           random = 4711;

    (void) state;

    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        char  cut[sizeof(text)] = { 0 };

        memcpy(cut, text, len);
        is_no_date(cut);
    }

    for (unsigned i = 0; i < 50000; i++) {
        char     junk[sizeof(text)];
        int64_t  date;

        memcpy(junk, text, sizeof(text));
        junk[check_random(&random) % (sizeof(text) - 1)]
            = (char) (check_random(&random) >> 40);
        (void) parse(junk, &date);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(the_three_forms_are_read),
        cmocka_unit_test(two_digits_of_a_year_are_at_most_fifty_years_ahead),
        cmocka_unit_test(what_is_no_date_is_refused),
        cmocka_unit_test(the_c_library_agrees_and_what_is_written_is_read),
        cmocka_unit_test(no_cut_and_no_flip_is_read_beyond_its_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
