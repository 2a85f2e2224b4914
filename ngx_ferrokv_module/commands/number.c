#include "commands/number.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REAL_TEXT_MAX  (FKV_NUMBER_REAL_BYTES - 1)


int
fkv_number_int(fkv_str_t text, int64_t *n)
{
    bool     minus = (text.len > 0 && text.data[0] == '-');
    size_t   i = minus;
    int64_t  value = 0;

    if (i == text.len || text.len > FKV_NUMBER_INT_BYTES) {
        return FKV_NOTINT;
    }

    if (text.data[i] == '0' && text.len > 1) {
        return FKV_NOTINT;
    }

    for ( ; i < text.len; i++) {
        uint8_t  c = text.data[i];
        int64_t  digit = minus ? '0' - c : c - '0';

        if (c < '0' || c > '9'
            || __builtin_mul_overflow(value, (int64_t) 10, &value)
            || __builtin_add_overflow(value, digit, &value))
        {
            return FKV_NOTINT;
        }
    }

    *n = value;

    return FKV_OK;
}


size_t
fkv_number_int_put(char *out, int64_t n)
{
    char      digits[FKV_NUMBER_INT_BYTES], *p = digits + sizeof(digits);
    uint64_t  left = (n < 0) ? -(uint64_t) n : (uint64_t) n;
    size_t    len;

    do {
        *--p = (char) ('0' + left % 10);
        left /= 10;
    } while (left > 0);

    if (n < 0) {
        *--p = '-';
    }

    len = (size_t) (digits + sizeof(digits) - p);
    memcpy(out, p, len);

    return len;
}


int
fkv_number_real(fkv_str_t text, long double *n)
{
    char         copy[REAL_TEXT_MAX + 1], *end;
    long double  value;

    if (text.len == 0 || text.len > REAL_TEXT_MAX
        || text.data[0] == ' '
        || (text.data[0] >= '\t' && text.data[0] <= '\r'))
    {
        return FKV_NOTINT;
    }

    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    errno = 0;
    value = strtold(copy, &end);

    if (end != copy + text.len || isnan(value)) {
        return FKV_NOTINT;
    }

    /* Too large, or so small that nothing is left. */
    if (errno == ERANGE && (isinf(value) || value == 0)) {
        return FKV_NOTINT;
    }

    *n = value;

    return FKV_OK;
}


size_t
fkv_number_real_put(char *out, long double n)
{
    int  len = snprintf(out, FKV_NUMBER_REAL_BYTES, "%.17Lf", n);

    while (out[len - 1] == '0') {
        len--;
    }

    if (out[len - 1] == '.') {
        len--;
    }

    if (len == 2 && out[0] == '-' && out[1] == '0') {
        out[0] = '0';
        len = 1;
    }

    return (size_t) len;
}
