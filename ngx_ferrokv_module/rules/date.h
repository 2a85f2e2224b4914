/*
 * date.h - the dates of HTTP fields: RFC 9110, section 5.6.7.
 *
 * Shape      read in three forms, written in one:
 *                Sun, 06 Nov 1994 08:49:37 GMT     the one of today
 *                Sunday, 06-Nov-94 08:49:37 GMT    RFC 850
 *                Sun Nov  6 08:49:37 1994          asctime()
 *
 * What is not exactly one of these is no date: a wrong Expires must be stale,
 * not guessed.  Only the name of the day may disagree with the day.
 */

#ifndef FKV_RULES_DATE_H
#define FKV_RULES_DATE_H

#include "base/types.h"

#define FKV_RULES_DATE_LEN  29          /* of what is written, no NUL */
#define FKV_RULES_DATE_MAX  253402300799        /* the end of year 9999 */
#define FKV_RULES_NO_TIME   INT64_MIN           /* where there is none */

/*
 * Seconds since 1970, negative before.  A year of two digits is at most 50
 * years after now.
 * FKV_OK · FKV_EINVAL not a date, *date is unchanged
 */
int fkv_rules_date_parse(fkv_str_t text, int64_t now, int64_t *date);

/* Returns the byte behind the date; date: 0 .. FKV_RULES_DATE_MAX. */
uint8_t *fkv_rules_date_print(uint8_t *p, int64_t date);


#endif /* FKV_RULES_DATE_H */
