/*
 * number.h - numbers as Redis reads and writes them.
 */

#ifndef FKV_COMMANDS_NUMBER_H
#define FKV_COMMANDS_NUMBER_H

#include "base/types.h"

#define FKV_NUMBER_INT_BYTES   20       /* room for any, as text */
#define FKV_NUMBER_REAL_BYTES  5120     /* a long double has 4933 digits */

/* No plus, blanks, leading zeros or "-0"; FKV_OK or FKV_NOTINT. */
int fkv_number_int(fkv_str_t text, int64_t *n);
size_t fkv_number_int_put(char *out, int64_t n);

/* Of a hexadecimal digit; -1: it is none. */
static inline int
fkv_number_hex(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    return (c >= 'a' && c <= 'f') ? c - 'a' + 10 : -1;
}


/* What strtold() takes, whole, in its range; no blanks or nan.  As above. */
int fkv_number_real(fkv_str_t text, long double *n);

/* 17 digits behind the point, without trailing zeros: INCRBYFLOAT's form. */
size_t fkv_number_real_put(char *out, long double n);


#endif /* FKV_COMMANDS_NUMBER_H */
