/*
 * resp.c - tokens become lines; a token needs no more than its own line and
 * its bytes, so nothing is kept from one to the next but how many scalars of
 * pairs are still to come.
 */

#include "commands/resp.h"
#include "commands/number.h"

#include <math.h>
#include <stdio.h>

#define LINE_BYTES  64          /* of a head without a text */


static uint8_t *
bytes_put(uint8_t *p, fkv_str_t str)
{
    if (str.len > 0) {
        memcpy(p, str.data, str.len);
    }

    return p + str.len;
}


static uint8_t *
crlf_put(uint8_t *p)
{
    p[0] = '\r';
    p[1] = '\n';

    return p + 2;
}


/* "*3\r\n" */
static uint8_t *
number_put(uint8_t *p, char type, int64_t n)
{
    *p++ = (uint8_t) type;
    p += fkv_number_int_put((char *) p, n);

    return crlf_put(p);
}


static uint8_t *
bulk_put(uint8_t *p, fkv_str_t str)
{
    p = number_put(p, '$', (int64_t) str.len);

    return crlf_put(bytes_put(p, str));
}


/* "+OK\r\n" */
static uint8_t *
line_put(uint8_t *p, char type, fkv_str_t str)
{
    *p++ = (uint8_t) type;

    return crlf_put(bytes_put(p, str));
}


/* 17 digits tell any two apart. */
static uint8_t *
real_put(uint8_t *p, double n, unsigned protocol)
{
    char       text[LINE_BYTES / 2];
    fkv_str_t  str = { (uint8_t *) text, 0 };

    if (isinf(n)) {
        str = (n < 0) ? FKV_STR("-inf") : FKV_STR("inf");

    } else if (isnan(n)) {
        str = FKV_STR("nan");

    } else {
        str.len = (size_t) snprintf(text, sizeof(text), "%.17g", n);
    }

    return (protocol == 3) ? line_put(p, ',', str) : bulk_put(p, str);
}


/* In RESP3 it says that it is plain text. */
static uint8_t *
text_put(uint8_t *p, fkv_str_t str, unsigned protocol)
{
    if (protocol == 2) {
        return bulk_put(p, str);
    }

    p = number_put(p, '=', (int64_t) str.len + 4);
    p = bytes_put(p, FKV_STR("txt:"));

    return crlf_put(bytes_put(p, str));
}


static uint8_t *
null_put(uint8_t *p, fkv_reply_e type, unsigned protocol)
{
    if (protocol == 3) {
        return bytes_put(p, FKV_STR("_\r\n"));
    }

    return number_put(p, (type == FKV_REPLY_NULL) ? '$' : '*', -1);
}


static uint8_t *
bool_put(uint8_t *p, bool yes, unsigned protocol)
{
    return (protocol == 3)
           ? bytes_put(p, yes ? FKV_STR("#t\r\n") : FKV_STR("#f\r\n"))
           : number_put(p, ':', yes);
}


static uint8_t *
token_put(uint8_t *p, const fkv_reply_token_t *token, unsigned protocol)
{
    bool  new = (protocol == 3);

    switch (token->type) {

    case FKV_REPLY_NULL:
    case FKV_REPLY_NULL_ARRAY:
        return null_put(p, token->type, protocol);

    case FKV_REPLY_INT:
        return number_put(p, ':', token->n);

    case FKV_REPLY_REAL:
        return real_put(p, token->real, protocol);

    case FKV_REPLY_BOOL:
        return bool_put(p, token->n != 0, protocol);

    case FKV_REPLY_STATUS:
        return line_put(p, '+', token->str);

    case FKV_REPLY_STR:
        return bulk_put(p, token->str);

    case FKV_REPLY_TEXT:
        return text_put(p, token->str, protocol);

    case FKV_REPLY_ERROR:
        return line_put(p, '-', token->str);

    case FKV_REPLY_ARRAY:
        return number_put(p, '*', token->n);

    case FKV_REPLY_MAP:
        return number_put(p, new ? '%' : '*', new ? token->n : 2 * token->n);

    case FKV_REPLY_SET:
        return number_put(p, new ? '~' : '*', token->n);

    case FKV_REPLY_PAIRS:
        return number_put(p, '*', new ? token->n : 2 * token->n);
    }

    fkv__unreachable();
}


int
fkv_resp_put(fkv__buf_t *out, const fkv_reply_t *reply, unsigned protocol)
{
    size_t             at = 0, begin = out->len;
    uint8_t           *p;
    int64_t            paired = 0;
    fkv_reply_token_t  token = { .str = FKV_STR_NULL };

    if (reply->rc != FKV_OK) {
        return reply->rc;
    }

    while (fkv_reply_next(reply, &at, &token) == FKV_OK) {
        if (fkv__buf_reserve(out, token.str.len + LINE_BYTES) != FKV_OK) {
            out->len = begin;
            return FKV_ENOMEM;
        }

        p = out->data + out->len;

        if (paired > 0 && paired-- % 2 == 0) {
            p = number_put(p, '*', 2);
        }

        if (token.type == FKV_REPLY_PAIRS && protocol == 3) {
            paired = 2 * token.n;
        }

        out->len = (size_t) (token_put(p, &token, protocol) - out->data);
    }

    return FKV_OK;
}
