/*
 * json.c - tokens become JSON; arrays nest as deep as commands' own replies,
 * which is a handful, so they are walked by recursion.
 */

#include "commands/json.h"
#include "commands/number.h"
#include "commands/utf8.h"

#include <math.h>
#include <stdio.h>

#define REAL_BYTES  32

typedef struct {
    fkv__buf_t         *out;
    const fkv_reply_t  *reply;
    size_t              at;
    bool                base64;
} writer_t;


static int
text_put(writer_t *w, const char *text)
{
    return fkv__buf_append(w->out, text, strlen(text));
}


static uint8_t *
escape_put(uint8_t *out, uint8_t byte)
{
    static const char  hex[] = "0123456789abcdef";

    *out++ = '\\';

    switch (byte) {
    case '"':
    case '\\':  *out++ = byte; return out;
    case '\n':  *out++ = 'n';  return out;
    case '\r':  *out++ = 'r';  return out;
    case '\t':  *out++ = 't';  return out;
    }

    memcpy(out, "u00", 3);
    out[3] = (uint8_t) hex[byte >> 4];
    out[4] = (uint8_t) hex[byte & 0xf];

    return out + 5;
}


/* One character; p moves behind it. */
static uint8_t *
character_put(uint8_t *out, const uint8_t **p, const uint8_t *end)
{
    size_t  n = fkv_utf8_sequence(*p, end);

    if (n == 0) {
        (*p)++;
        memcpy(out, "\xef\xbf\xbd", 3);
        return out + 3;
    }

    if (n == 1 && (**p < 0x20 || **p == '"' || **p == '\\')) {
        return escape_put(out, *(*p)++);
    }

    memcpy(out, *p, n);
    *p += n;

    return out + n;
}


static int
string_put(writer_t *w, fkv_str_t str)
{
    const uint8_t  *p = str.data, *end = p + str.len;
    uint8_t        *out;

    if (text_put(w, "\"") != FKV_OK) {
        return FKV_ENOMEM;
    }

    while (p < end) {
        /* In pieces, so that room for the worst case, 6 for 1, stays small. */
        const uint8_t  *stop = p + fkv__min(end - p, 4096);

        if (fkv__buf_reserve(w->out, 6 * (size_t) (stop - p)) != FKV_OK) {
            return FKV_ENOMEM;
        }

        out = w->out->data + w->out->len;

        while (p < stop) {
            out = character_put(out, &p, end);
        }

        w->out->len = (size_t) (out - w->out->data);
    }

    return text_put(w, "\"");
}


static void
base64_group(uint8_t *out, const uint8_t *in, size_t n)
{
    static const char  digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklm"
                                  "nopqrstuvwxyz0123456789+/";
    uint32_t           bits = (uint32_t) in[0] << 16;

    bits |= (n > 1) ? (uint32_t) in[1] << 8 : 0;
    bits |= (n > 2) ? in[2] : 0;

    out[0] = (uint8_t) digits[bits >> 18];
    out[1] = (uint8_t) digits[bits >> 12 & 63];
    out[2] = (n > 1) ? (uint8_t) digits[bits >> 6 & 63] : '=';
    out[3] = (n > 2) ? (uint8_t) digits[bits & 63] : '=';
}


static int
base64_put(writer_t *w, fkv_str_t str)
{
    size_t    bytes = (str.len + 2) / 3 * 4 + 2;
    uint8_t  *out;

    if (fkv__buf_reserve(w->out, bytes) != FKV_OK) {
        return FKV_ENOMEM;
    }

    out = w->out->data + w->out->len;
    *out++ = '"';

    for (size_t i = 0; i < str.len; i += 3) {
        base64_group(out, str.data + i, fkv__min(str.len - i, 3));
        out += 4;
    }

    *out = '"';
    w->out->len += bytes;

    return FKV_OK;
}


static int
number_put(writer_t *w, int64_t n)
{
    char    text[FKV_NUMBER_INT_BYTES];
    size_t  len = fkv_number_int_put(text, n);

    return fkv__buf_append(w->out, text, len);
}


/* JSON has no infinity. */
static int
real_put(writer_t *w, double n)
{
    char  text[REAL_BYTES];

    if (isinf(n)) {
        return string_put(w, (n < 0) ? FKV_STR("-inf") : FKV_STR("inf"));
    }

    if (isnan(n)) {
        return string_put(w, FKV_STR("nan"));
    }

    (void) snprintf(text, sizeof(text), "%.17g", n);

    return text_put(w, text);
}


static int
status_put(writer_t *w, fkv_str_t str)
{
    bool  ok = (str.len == 2 && memcmp(str.data, "OK", 2) == 0);

    return (w->base64 && !ok) ? base64_put(w, str) : string_put(w, str);
}


typedef int (*token_put_pt)(writer_t *w, const fkv_reply_token_t *token);


static int
array_put(writer_t *w, int64_t n, token_put_pt put)
{
    fkv_reply_token_t  token;
    int                rc = text_put(w, "[");

    for (int64_t i = 0; i < n && rc == FKV_OK; i++) {
        if (fkv_reply_next(w->reply, &w->at, &token) != FKV_OK) {
            break;
        }

        rc = text_put(w, (i > 0) ? "," : "");
        rc = (rc == FKV_OK) ? put(w, &token) : rc;
    }

    return (rc == FKV_OK) ? text_put(w, "]") : rc;
}


static int
value_put(writer_t *w, const fkv_reply_token_t *token)
{
    switch (token->type) {

    case FKV_REPLY_NULL:
    case FKV_REPLY_NULL_ARRAY:
        return text_put(w, "null");

    case FKV_REPLY_INT:
        return number_put(w, token->n);

    case FKV_REPLY_REAL:
        return real_put(w, token->real);

    case FKV_REPLY_BOOL:
        return number_put(w, token->n != 0);

    case FKV_REPLY_STATUS:
        return status_put(w, token->str);

    case FKV_REPLY_STR:
    case FKV_REPLY_TEXT:
        return w->base64 ? base64_put(w, token->str)
                         : string_put(w, token->str);

    case FKV_REPLY_ERROR:
        return string_put(w, token->str);

    case FKV_REPLY_ARRAY:
    case FKV_REPLY_SET:
        return array_put(w, token->n, value_put);

    case FKV_REPLY_MAP:
    case FKV_REPLY_PAIRS:
        return array_put(w, 2 * token->n, value_put);
    }

    fkv__unreachable();
}


/* {"result":...} of the token and what belongs to it. */
static int
envelope_put(writer_t *w, const fkv_reply_token_t *token)
{
    bool  error = (token->type == FKV_REPLY_ERROR);
    int   rc = text_put(w, error ? "{\"error\":" : "{\"result\":");

    if (rc == FKV_OK) {
        rc = value_put(w, token);
    }

    return (rc == FKV_OK) ? text_put(w, "}") : rc;
}


static int
reply_put(fkv__buf_t *out, const fkv_reply_t *reply, bool base64, bool all,
    int (*put)(writer_t *w, const fkv_reply_token_t *token))
{
    writer_t           w = { out, reply, 0, base64 };
    size_t             begin = out->len;
    fkv_reply_token_t  token;
    int                rc = reply->rc;

    if (rc != FKV_OK) {
        return rc;
    }

    FKV_ASSERT(fkv_reply_next(reply, &w.at, &token) == FKV_OK);

    rc = (all && token.type == FKV_REPLY_ARRAY)
         ? array_put(&w, token.n, put) : put(&w, &token);

    if (rc != FKV_OK) {
        out->len = begin;
    }

    return rc;
}


int
fkv_json_put(fkv__buf_t *out, const fkv_reply_t *reply, bool base64)
{
    return reply_put(out, reply, base64, false, envelope_put);
}


int
fkv_json_put_all(fkv__buf_t *out, const fkv_reply_t *reply, bool base64)
{
    return reply_put(out, reply, base64, true, envelope_put);
}


int
fkv_json_put_value(fkv__buf_t *out, const fkv_reply_t *reply)
{
    return reply_put(out, reply, false, false, value_put);
}


int
fkv_json_put_error(fkv__buf_t *out, fkv_str_t text)
{
    fkv_reply_t  reply = { .rc = FKV_OK };
    int          rc;

    fkv_reply_error(&reply, "%.*s", (int) text.len, (const char *) text.data);
    rc = fkv_json_put(out, &reply, false);
    fkv_reply_done(&reply);

    return rc;
}
