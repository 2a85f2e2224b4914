#include "number.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


bool
number_int(ferrokv_str text, int64_t *n)
{
    const char  *p = text.data;
    bool         minus = (text.len > 0 && p[0] == '-');
    size_t       i = minus;
    int64_t      value = 0;

    if (i == text.len || text.len > NUMBER_INT_BYTES
        || (p[i] == '0' && text.len > 1))
    {
        return false;
    }

    for ( ; i < text.len; i++) {
        int  digit = minus ? '0' - p[i] : p[i] - '0';

        if (p[i] < '0' || p[i] > '9'
            || __builtin_mul_overflow(value, (int64_t) 10, &value)
            || __builtin_add_overflow(value, (int64_t) digit, &value))
        {
            return false;
        }
    }

    *n = value;

    return true;
}


size_t
number_int_put(char *out, int64_t n)
{
    char      digits[NUMBER_INT_BYTES], *p = digits + sizeof(digits);
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


/* A copy that ends with a zero byte, of what may be a number. */
static bool
text_copy(char *copy, ferrokv_str text)
{
    const char  *p = text.data;

    if (text.len == 0 || text.len >= NUMBER_REAL_BYTES || p[0] == ' '
        || (p[0] >= '\t' && p[0] <= '\r'))
    {
        return false;
    }

    memcpy(copy, p, text.len);
    copy[text.len] = '\0';
    errno = 0;

    return true;
}


bool
number_long_real(ferrokv_str text, long double *n)
{
    char         copy[NUMBER_REAL_BYTES], *end;
    long double  value;

    if (!text_copy(copy, text)) {
        return false;
    }

    value = strtold(copy, &end);

    /* too large, or so small that nothing is left */
    if (errno == ERANGE && (isinf(value) || value == 0)) {
        return false;
    }

    *n = value;

    return end == copy + text.len && !isnan(value);
}


size_t
number_long_real_put(char *out, long double n)
{
    int  len = snprintf(out, NUMBER_REAL_BYTES, "%.17Lf", n);

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


bool
number_real(ferrokv_str text, double *n)
{
    char    copy[NUMBER_REAL_BYTES], *end;
    double  value;

    if (!text_copy(copy, text)) {
        return false;
    }

    value = strtod(copy, &end);

    if (errno == ERANGE && (isinf(value) || value == 0)) {
        return false;
    }

    *n = value;

    return end == copy + text.len && !isnan(value);
}
