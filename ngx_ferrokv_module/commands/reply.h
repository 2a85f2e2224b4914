/*
 * reply.h - what a command answers, before anybody knows in which protocol.
 *
 * Shape    a string of tokens: a scalar, or an array, map, set or pairs and as
 *          many tokens behind it as it says (n of a map, n pairs: 2 n)
 * Errors   out of memory is kept in rc: whoever renders looks once.  So is
 *          that there was no room for all of it: it is not whole then
 *
 * A renderer (resp.h, json.h) walks the tokens with a reader; nested tokens
 * follow each other, so it needs no stack but for closing brackets.
 */

#ifndef FKV_COMMANDS_REPLY_H
#define FKV_COMMANDS_REPLY_H

#include "base/buf.h"

typedef enum {
    FKV_REPLY_NULL,
    FKV_REPLY_NULL_ARRAY,       /* of EXEC: RESP2 tells it from NULL */
    FKV_REPLY_INT,
    FKV_REPLY_REAL,
    FKV_REPLY_BOOL,
    FKV_REPLY_STATUS,           /* "OK" */
    FKV_REPLY_STR,
    FKV_REPLY_TEXT,             /* verbatim text: INFO */
    FKV_REPLY_ERROR,            /* "ERR syntax error": code, blank, sentence */
    FKV_REPLY_ARRAY,
    FKV_REPLY_MAP,
    FKV_REPLY_SET,
    FKV_REPLY_PAIRS             /* of scalars, in a row: RESP3 puts each pair
                                   in an array of its own */
} fkv_reply_e;

typedef struct {
    fkv__buf_t  bytes;
    size_t      max;            /* bytes of tokens; 0 = any number */
    int         rc;             /* FKV_OK, FKV_ENOMEM or FKV_EBOUND */
} fkv_reply_t;                  /* zero-initialized: empty */

void fkv_reply_null(fkv_reply_t *reply);
void fkv_reply_null_array(fkv_reply_t *reply);
void fkv_reply_int(fkv_reply_t *reply, int64_t n);
void fkv_reply_real(fkv_reply_t *reply, double n);
void fkv_reply_bool(fkv_reply_t *reply, bool yes);
void fkv_reply_status(fkv_reply_t *reply, const char *text);
void fkv_reply_ok(fkv_reply_t *reply);
void fkv_reply_str(fkv_reply_t *reply, fkv_str_t str);
void fkv_reply_cstr(fkv_reply_t *reply, const char *text);
void fkv_reply_text(fkv_reply_t *reply, fkv_str_t str);

/* CR and LF in it become blanks. */
void fkv_reply_error(fkv_reply_t *reply, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* n tokens (n pairs of a map, n pairs) follow. */
void fkv_reply_array(fkv_reply_t *reply, size_t n);
void fkv_reply_map(fkv_reply_t *reply, size_t n);
void fkv_reply_set(fkv_reply_t *reply, size_t n);
void fkv_reply_pairs(fkv_reply_t *reply, size_t n);

/* Of a length not known yet: end it with what begin has returned. */
size_t fkv_reply_array_begin(fkv_reply_t *reply);
void   fkv_reply_array_end(fkv_reply_t *reply, size_t begin, size_t n);

/* Back to a length that reply->bytes.len had: what came later is gone. */
void fkv_reply_cut(fkv_reply_t *reply, size_t len);
void fkv_reply_done(fkv_reply_t *reply);


typedef struct {
    fkv_reply_e  type;
    int64_t      n;             /* INT, BOOL; length of ARRAY, MAP,
                                   SET, PAIRS */
    double       real;
    fkv_str_t    str;           /* STATUS, STR, TEXT, ERROR: in the reply;
                                   empty of others */
} fkv_reply_token_t;

/*
 * The token at *at of the reply's bytes; at moves behind it.
 * FKV_OK · FKV_END
 */
int fkv_reply_next(const fkv_reply_t *reply, size_t *at,
    fkv_reply_token_t *token);


#endif /* FKV_COMMANDS_REPLY_H */
