/*
 * say.c - tokens are counted as they are said; only where say_begin() has left
 * a length open they are counted once more, at the end.
 */

#include "extensions/say.h"

#include <string.h>

#define ITEMS_MAX     (1u << 30)        /* of one array: sums cannot overflow */
#define STATUS_BYTES  256               /* longer ones are cut */


/*
 * FERROKV_OK: one token may be said, and `more` behind it.  Pairs are of
 * scalars: RESP3 counts them.
 */
static int
say_token(fkv_host_t *host, bool scalar, size_t more)
{
    if (!host->says) {
        return FERROKV_EPLACE;
    }

    if (host->rc != FKV_OK || host->failed != 0) {
        return FERROKV_ERROR;           /* the answer is an error already */
    }

    if (host->owed == 0 || more > 2 * (size_t) ITEMS_MAX
        || (host->paired > 0 && !scalar))
    {
        host->wrong = true;
        return FERROKV_ERROR;
    }

    host->paired -= (host->paired > 0);

    if (!host->open) {
        host->owed += (int64_t) more - 1;
    }

    return FERROKV_OK;
}


int
fkv_say_int(ferrokv_ctx *ctx, int64_t n)
{
    fkv_host_t  *host = fkv_host_of(ctx);
    int          rc = say_token(host, true, 0);

    if (rc == FERROKV_OK) {
        fkv_reply_int(host->call->reply, n);
    }

    return rc;
}


int
fkv_say_real(ferrokv_ctx *ctx, double n)
{
    fkv_host_t  *host = fkv_host_of(ctx);
    int          rc = say_token(host, true, 0);

    if (rc == FERROKV_OK) {
        fkv_reply_real(host->call->reply, n);
    }

    return rc;
}


int
fkv_say_bool(ferrokv_ctx *ctx, int yes)
{
    fkv_host_t  *host = fkv_host_of(ctx);
    int          rc = say_token(host, true, 0);

    if (rc == FERROKV_OK) {
        fkv_reply_bool(host->call->reply, yes != 0);
    }

    return rc;
}


/* It is a line in RESP: what would end it becomes a blank. */
int
fkv_say_status(ferrokv_ctx *ctx, const char *text)
{
    fkv_host_t  *host = fkv_host_of(ctx);
    int          rc = say_token(host, true, 0);
    char         line[STATUS_BYTES];
    size_t       n = 0;

    if (rc != FERROKV_OK) {
        return rc;
    }

    for (; text[n] != '\0' && n < sizeof(line) - 1; n++) {
        line[n] = (text[n] == '\r' || text[n] == '\n') ? ' ' : text[n];
    }

    line[n] = '\0';
    fkv_reply_status(host->call->reply, line);

    return FERROKV_OK;
}


int
fkv_say_str(ferrokv_ctx *ctx, ferrokv_str str)
{
    fkv_host_t  *host = fkv_host_of(ctx);
    int          rc = say_token(host, true, 0);

    if (rc == FERROKV_OK && str.data == NULL && str.len != 0) {
        host->wrong = true;
        return FERROKV_EARG;
    }

    if (rc == FERROKV_OK) {
        fkv_reply_str(host->call->reply, fkv_host_in(str));
    }

    return rc;
}


int
fkv_say_null(ferrokv_ctx *ctx)
{
    fkv_host_t  *host = fkv_host_of(ctx);
    int          rc = say_token(host, true, 0);

    if (rc == FERROKV_OK) {
        fkv_reply_null(host->call->reply);
    }

    return rc;
}


int
fkv_say_null_array(ferrokv_ctx *ctx)
{
    fkv_host_t  *host = fkv_host_of(ctx);
    int          rc = say_token(host, true, 0);

    if (rc == FERROKV_OK) {
        fkv_reply_null_array(host->call->reply);
    }

    return rc;
}


int
fkv_say_array(ferrokv_ctx *ctx, size_t n)
{
    fkv_host_t  *host = fkv_host_of(ctx);
    int          rc = say_token(host, false, n);

    if (rc == FERROKV_OK) {
        fkv_reply_array(host->call->reply, n);
    }

    return rc;
}


int
fkv_say_set(ferrokv_ctx *ctx, size_t n)
{
    fkv_host_t  *host = fkv_host_of(ctx);
    int          rc = say_token(host, false, n);

    if (rc == FERROKV_OK) {
        fkv_reply_set(host->call->reply, n);
    }

    return rc;
}


static size_t
twice(size_t n)
{
    return (n <= ITEMS_MAX) ? 2 * n : SIZE_MAX;
}


int
fkv_say_map(ferrokv_ctx *ctx, size_t n)
{
    fkv_host_t  *host = fkv_host_of(ctx);
    int          rc = say_token(host, false, twice(n));

    if (rc == FERROKV_OK) {
        fkv_reply_map(host->call->reply, n);
    }

    return rc;
}


int
fkv_say_pairs(ferrokv_ctx *ctx, size_t n)
{
    fkv_host_t  *host = fkv_host_of(ctx);
    int          rc = say_token(host, false, twice(n));

    if (rc == FERROKV_OK) {
        fkv_reply_pairs(host->call->reply, n);
        host->paired = 2 * n;
    }

    return rc;
}


size_t
fkv_say_begin(ferrokv_ctx *ctx)
{
    fkv_host_t  *host = fkv_host_of(ctx);
    size_t       begin;

    if (!host->says || host->rc != FKV_OK || host->failed != 0) {
        return 0;
    }

    if (host->owed == 0 || host->paired > 0
        || host->begins_n == FKV_HOST_OPEN_MAX)
    {
        host->wrong = true;
        return 0;
    }

    begin = fkv_reply_array_begin(host->call->reply);
    host->begins[host->begins_n++] = begin;
    host->open = true;

    return begin;
}


int
fkv_say_end(ferrokv_ctx *ctx, size_t begin, size_t n)
{
    fkv_host_t  *host = fkv_host_of(ctx);

    if (!host->says) {
        return FERROKV_EPLACE;
    }

    if (host->rc != FKV_OK || host->failed != 0) {
        return FERROKV_ERROR;
    }

    if (host->begins_n == 0 || host->begins[host->begins_n - 1] != begin
        || n > ITEMS_MAX)
    {
        host->wrong = true;
        return FERROKV_EARG;
    }

    host->begins_n--;
    fkv_reply_array_end(host->call->reply, begin, n);

    return FERROKV_OK;
}


bool
fkv_say_complete(const fkv_host_t *host)
{
    const fkv_reply_t  *reply = host->call->reply;
    fkv_reply_token_t   token = { .str = FKV_STR_NULL };
    int64_t             owed = 1;
    size_t              at = host->base;

    if (host->wrong || host->paired > 0 || host->begins_n > 0) {
        return false;
    }

    if (!host->open) {
        return host->owed == 0;
    }

    while (owed > 0 && fkv_reply_next(reply, &at, &token) == FKV_OK) {

        owed--;

        if (token.type == FKV_REPLY_ARRAY || token.type == FKV_REPLY_SET) {
            owed += token.n;

        } else if (token.type == FKV_REPLY_MAP
                   || token.type == FKV_REPLY_PAIRS)
        {
            owed += 2 * token.n;
        }
    }

    return owed == 0 && at == reply->bytes.len;
}
