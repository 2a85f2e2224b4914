
#include "ngx_http_ferrokv_rest.h"


int
ngx_http_ferrokv_add(fkv_str_t *current, int64_t by, int64_t init,
    int64_t *sum, ngx_uint_t *overflow)
{
    int64_t  n;

    *overflow = 0;
    n = init;

    if (current
        && ngx_ferrokv_parse_int(current->data, current->len, &n) != NGX_OK)
    {
        return FKV_NOTINT;
    }

    if (__builtin_add_overflow(n, by, sum)) {
        *overflow = 1;
        return FKV_NOTINT;
    }

    return FKV_OK;
}


u_char *
ngx_http_ferrokv_print_uint(u_char *p, uint64_t n)
{
    u_char  *digit, text[20];

    digit = text + sizeof(text);

    do {
        *--digit = (u_char) ('0' + n % 10);
        n /= 10;
    } while (n);

    return ngx_cpymem(p, digit, text + sizeof(text) - digit);
}
