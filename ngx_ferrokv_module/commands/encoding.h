/*
 * encoding.h - how Redis would hold a string, by the string alone.
 */

#ifndef FKV_COMMANDS_ENCODING_H
#define FKV_COMMANDS_ENCODING_H

#include "commands/number.h"

#define FKV_ENCODING_EMBSTR_MAX   44        /* bytes */
#define FKV_ENCODING_SHARED_INTS  10000     /* numbers that many keys share */

static inline const char *
fkv_encoding(fkv_str_t value)
{
    int64_t  n;

    if (fkv_number_int(value, &n) == FKV_OK) {
        return "int";
    }

    return (value.len <= FKV_ENCODING_EMBSTR_MAX) ? "embstr" : "raw";
}


/* What Redis says of a number that all its keys share is INT32_MAX. */
static inline int64_t
fkv_encoding_refcount(fkv_str_t value)
{
    int64_t  n;

    return (fkv_number_int(value, &n) == FKV_OK && n >= 0
            && n < FKV_ENCODING_SHARED_INTS) ? INT32_MAX : 1;
}


#endif /* FKV_COMMANDS_ENCODING_H */
