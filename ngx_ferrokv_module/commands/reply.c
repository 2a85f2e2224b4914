/*
 * reply.c - tokens in a row: type 1 | n 8 | bytes, if it is a string.
 *
 * n is the length of a string or an array, a whole number, or the bits of a
 * real one.  All of it stays in this process, in its byte order.
 */

#include "commands/reply.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define HEAD_BYTES   9
#define ERROR_BYTES  1024       /* longer ones are cut */


static void
put_head(uint8_t *p, fkv_reply_e type, int64_t n)
{
    p[0] = (uint8_t) type;
    memcpy(p + 1, &n, sizeof(n));
}


/* A token with room for len bytes behind its head; NULL: out of memory. */
static uint8_t *
token_add(fkv_reply_t *reply, fkv_reply_e type, int64_t n, size_t len)
{
    fkv__buf_t  *bytes = &reply->bytes;
    uint8_t     *p;

    if (reply->rc != FKV_OK) {
        return NULL;
    }

    if (reply->max > 0 && bytes->len + HEAD_BYTES + len > reply->max) {
        reply->rc = FKV_EBOUND;
        return NULL;
    }

    if (fkv__buf_reserve(bytes, HEAD_BYTES + len) != FKV_OK) {
        reply->rc = FKV_ENOMEM;
        return NULL;
    }

    p = bytes->data + bytes->len;
    put_head(p, type, n);
    bytes->len += HEAD_BYTES + len;

    return p + HEAD_BYTES;
}


static void
string_add(fkv_reply_t *reply, fkv_reply_e type, fkv_str_t str)
{
    uint8_t  *p = token_add(reply, type, (int64_t) str.len, str.len);

    if (p != NULL && str.len > 0) {
        memcpy(p, str.data, str.len);
    }
}


static fkv_str_t
text_str(const char *text)
{
    return (fkv_str_t) { (const uint8_t *) text, strlen(text) };
}


void
fkv_reply_null(fkv_reply_t *reply)
{
    (void) token_add(reply, FKV_REPLY_NULL, 0, 0);
}


void
fkv_reply_null_array(fkv_reply_t *reply)
{
    (void) token_add(reply, FKV_REPLY_NULL_ARRAY, 0, 0);
}


void
fkv_reply_int(fkv_reply_t *reply, int64_t n)
{
    (void) token_add(reply, FKV_REPLY_INT, n, 0);
}


void
fkv_reply_real(fkv_reply_t *reply, double n)
{
    int64_t  bits;

    memcpy(&bits, &n, sizeof(bits));
    (void) token_add(reply, FKV_REPLY_REAL, bits, 0);
}


void
fkv_reply_bool(fkv_reply_t *reply, bool yes)
{
    (void) token_add(reply, FKV_REPLY_BOOL, yes, 0);
}


void
fkv_reply_status(fkv_reply_t *reply, const char *text)
{
    string_add(reply, FKV_REPLY_STATUS, text_str(text));
}


void
fkv_reply_ok(fkv_reply_t *reply)
{
    string_add(reply, FKV_REPLY_STATUS, FKV_STR("OK"));
}


void
fkv_reply_str(fkv_reply_t *reply, fkv_str_t str)
{
    string_add(reply, FKV_REPLY_STR, str);
}


void
fkv_reply_cstr(fkv_reply_t *reply, const char *text)
{
    string_add(reply, FKV_REPLY_STR, text_str(text));
}


void
fkv_reply_text(fkv_reply_t *reply, fkv_str_t str)
{
    string_add(reply, FKV_REPLY_TEXT, str);
}


void
fkv_reply_error(fkv_reply_t *reply, const char *fmt, ...)
{
    char     text[ERROR_BYTES];
    va_list  args;

    va_start(args, fmt);
    (void) vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    for (char *p = text; *p != '\0'; p++) {
        if (*p == '\r' || *p == '\n') {
            *p = ' ';
        }
    }

    string_add(reply, FKV_REPLY_ERROR, text_str(text));
}


void
fkv_reply_array(fkv_reply_t *reply, size_t n)
{
    (void) token_add(reply, FKV_REPLY_ARRAY, (int64_t) n, 0);
}


void
fkv_reply_map(fkv_reply_t *reply, size_t n)
{
    (void) token_add(reply, FKV_REPLY_MAP, (int64_t) n, 0);
}


void
fkv_reply_set(fkv_reply_t *reply, size_t n)
{
    (void) token_add(reply, FKV_REPLY_SET, (int64_t) n, 0);
}


void
fkv_reply_pairs(fkv_reply_t *reply, size_t n)
{
    (void) token_add(reply, FKV_REPLY_PAIRS, (int64_t) n, 0);
}


size_t
fkv_reply_array_begin(fkv_reply_t *reply)
{
    size_t  begin = reply->bytes.len;

    fkv_reply_array(reply, 0);

    return begin;
}


void
fkv_reply_array_end(fkv_reply_t *reply, size_t begin, size_t n)
{
    if (reply->rc == FKV_OK) {
        put_head(reply->bytes.data + begin, FKV_REPLY_ARRAY, (int64_t) n);
    }
}


void
fkv_reply_cut(fkv_reply_t *reply, size_t len)
{
    reply->bytes.len = len;
}


void
fkv_reply_done(fkv_reply_t *reply)
{
    fkv__buf_done(&reply->bytes);
    reply->rc = FKV_OK;
}


static bool
type_is_string(fkv_reply_e type)
{
    return type == FKV_REPLY_STR || type == FKV_REPLY_STATUS
           || type == FKV_REPLY_TEXT || type == FKV_REPLY_ERROR;
}


int
fkv_reply_next(const fkv_reply_t *reply, size_t *at, fkv_reply_token_t *token)
{
    const uint8_t  *p = reply->bytes.data + *at;

    if (*at == reply->bytes.len) {
        return FKV_END;
    }

    token->type = (fkv_reply_e) p[0];
    memcpy(&token->n, p + 1, sizeof(token->n));
    token->str = FKV_STR_NULL;
    *at += HEAD_BYTES;

    if (type_is_string(token->type)) {
        token->str = (fkv_str_t) { p + HEAD_BYTES, (size_t) token->n };
        *at += token->str.len;

    } else if (token->type == FKV_REPLY_REAL) {
        memcpy(&token->real, &token->n, sizeof(token->real));
    }

    return FKV_OK;
}
