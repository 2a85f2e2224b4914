/*
 * date.c - the three forms of a date, by a cursor that fails once and for all.
 *
 * Days are counted in eras of 400 years that begin on the first of March, so
 * that the day a leap year has more is the last of its year.
 */

#include "rules/date.h"

#include <string.h>

#define ERA_DAYS  146097
#define ERA_1970  719468                /* from March 1st of year 0 */

static const char  day_names[7][10] = {
    "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday",
    "Saturday"
};

static const char  month_names[12][4] = {
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct",
    "Nov", "Dec"
};

typedef struct {
    const uint8_t  *p;
    const uint8_t  *end;
    bool            failed;
} cursor_t;

typedef struct {
    int64_t   year;
    unsigned  month;                    /* 0 .. 11 */
    unsigned  day;                      /* 1 .. 31 */
    unsigned  seconds;                  /* of the day */
} moment_t;


static bool
take(cursor_t *c, const char *text)
{
    size_t  len = strlen(text);

    if ((size_t) (c->end - c->p) < len || memcmp(c->p, text, len) != 0) {
        return false;
    }

    c->p += len;
    return true;
}


static void
expect(cursor_t *c, const char *text)
{
    c->failed |= !take(c, text);
}


/* What most names differ in; c stays. */
static bool
begins(const cursor_t *c, const char *three)
{
    return c->end - c->p >= 3 && memcmp(c->p, three, 3) == 0;
}


/* Exactly so many digits. */
static unsigned
digits(cursor_t *c, unsigned n)
{
    unsigned  value = 0;

    if ((size_t) (c->end - c->p) < n) {
        c->failed = true;
        return 0;
    }

    while (n-- > 0) {
        c->failed |= (*c->p < '0' || *c->p > '9');
        value = value * 10 + (unsigned) (*c->p++ - '0');
    }

    return value;
}


static unsigned
month(cursor_t *c)
{
    for (unsigned i = 0; i < 12; i++) {
        if (begins(c, month_names[i])) {
            c->p += 3;
            return i;
        }
    }

    c->failed = true;
    return 0;
}


/* A second of 60 is a leap second, and the next minute's first one here. */
static unsigned
time_of_day(cursor_t *c)
{
    unsigned  hour, minute, second;

    hour = digits(c, 2);
    expect(c, ":");
    minute = digits(c, 2);
    expect(c, ":");
    second = digits(c, 2);

    c->failed |= (hour > 23 || minute > 59 || second > 60);

    return (hour * 60 + minute) * 60 + second;
}


static bool
leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}


static bool
day_exists(const moment_t *m)
{
    static const uint8_t  days[12] = {
        31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
    };
    unsigned  last = days[m->month];

    last += (m->month == 1 && leap(m->year));

    return m->day >= 1 && m->day <= last;
}


static int64_t
moment_seconds(const moment_t *m)
{
    int64_t   year = m->year - (m->month < 2);
    unsigned  since_march = (m->month + 10) % 12;
    int64_t   era = (year < 0 ? year - 399 : year) / 400;
    int64_t   of_era = year - era * 400;
    int64_t   day = (153 * since_march + 2) / 5 + m->day - 1;

    day += of_era * 365 + of_era / 4 - of_era / 100;

    return (era * ERA_DAYS + day - ERA_1970) * 86400 + m->seconds;
}


/* The year of a date, four digits of it. */
static int64_t
year_of(int64_t date)
{
    int64_t   days = fkv__max(date, 0) / 86400 + ERA_1970;
    int64_t   era = days / ERA_DAYS;
    unsigned  day = (unsigned) (days % ERA_DAYS);
    unsigned  year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    unsigned  of_year = day - (365 * year + year / 4 - year / 100);

    return era * 400 + year + (of_year >= 306);
}


/* Behind "Sun, ". */
static void
fixdate(cursor_t *c, moment_t *m)
{
    m->day = digits(c, 2);
    expect(c, " ");
    m->month = month(c);
    expect(c, " ");
    m->year = digits(c, 4);
    expect(c, " ");
    m->seconds = time_of_day(c);
    expect(c, " GMT");
}


/* Behind "Sunday, ". */
static void
rfc850(cursor_t *c, moment_t *m, int64_t now)
{
    int64_t  this_year = year_of(now);

    m->day = digits(c, 2);
    expect(c, "-");
    m->month = month(c);
    expect(c, "-");
    m->year = this_year - this_year % 100 + digits(c, 2);
    expect(c, " ");
    m->seconds = time_of_day(c);
    expect(c, " GMT");

    if (m->year > this_year + 50) {
        m->year -= 100;

    } else if (m->year <= this_year - 50) {
        m->year += 100;
    }
}


/* Behind "Sun ". */
static void
asctime_form(cursor_t *c, moment_t *m)
{
    m->month = month(c);
    expect(c, " ");
    m->day = take(c, " ") ? digits(c, 1) : digits(c, 2);
    expect(c, " ");
    m->seconds = time_of_day(c);
    expect(c, " ");
    m->year = digits(c, 4);
}


/* The name of a day, long or of three letters: what follows tells the form. */
static void
any_form(cursor_t *c, moment_t *m, int64_t now)
{
    unsigned  i = 0;

    while (i < 7 && !begins(c, day_names[i])) {
        i++;
    }

    if (i == 7) {
        c->failed = true;
        return;
    }

    if (take(c, day_names[i])) {
        expect(c, ", ");
        rfc850(c, m, now);
        return;
    }

    c->p += 3;

    if (take(c, ", ")) {
        fixdate(c, m);

    } else {
        expect(c, " ");
        asctime_form(c, m);
    }
}


int
fkv_rules_date_parse(fkv_str_t text, int64_t now, int64_t *date)
{
    cursor_t  c = { text.data, text.data + text.len, false };
    moment_t  m = { 0 };

    any_form(&c, &m, now);

    if (c.failed || c.p != c.end || !day_exists(&m)) {
        return FKV_EINVAL;
    }

    *date = moment_seconds(&m);

    return FKV_OK;
}


static uint8_t *
print_text(uint8_t *p, const char *text, size_t len)
{
    memcpy(p, text, len);
    return p + len;
}


static uint8_t *
print_2(uint8_t *p, unsigned n, char behind)
{
    *p++ = (uint8_t) ('0' + n / 10 % 10);
    *p++ = (uint8_t) ('0' + n % 10);
    *p++ = (uint8_t) behind;

    return p;
}


uint8_t *
fkv_rules_date_print(uint8_t *p, int64_t date)
{
    int64_t   days = date / 86400;
    unsigned  seconds = (unsigned) (date % 86400);
    int64_t   year = year_of(date);
    moment_t  m = { .year = year, .day = 1 };
    int64_t   day = days - moment_seconds(&m) / 86400;

    FKV_ASSERT(date >= 0 && date <= FKV_RULES_DATE_MAX);

    for (m.month = 11; m.month > 0; m.month--) {
        int64_t  first = moment_seconds(&m) / 86400;

        if (first <= days) {
            day = days - first;
            break;
        }
    }

    p = print_text(p, day_names[(days + 4) % 7], 3);
    p = print_text(p, ", ", 2);
    p = print_2(p, (unsigned) day + 1, ' ');
    p = print_text(p, month_names[m.month], 3);
    *p++ = ' ';
    *p++ = (uint8_t) ('0' + year / 1000);
    *p++ = (uint8_t) ('0' + year / 100 % 10);
    p = print_2(p, (unsigned) (year % 100), ' ');
    p = print_2(p, seconds / 3600, ':');
    p = print_2(p, seconds / 60 % 60, ':');
    p = print_2(p, seconds % 60, ' ');

    return print_text(p, "GMT", 3);
}
