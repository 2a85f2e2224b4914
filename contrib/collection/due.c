#include "due.h"

#include "ferrokv_encode.h"

#include <string.h>

#define TIME_BYTES   9              /* before the name */
#define REMOVE_MAX   1000           /* entries, */
#define REMOVE_BYTES (256 << 10)    /*   and bytes of them, by one write */

typedef struct {
    ferrokv_str  list[REMOVE_MAX];
    uint64_t     n;
    size_t       bytes;
} over_t;


static void
time_put(unsigned char *p, uint64_t at)
{
    p[0] = 't';
    ferrokv_put_u64(p + 1, at);
}


static ferrokv_str
entry(ferrokv_ctx *ctx, uint64_t at, ferrokv_str name)
{
    unsigned char  *p = ctx->api->alloc(ctx, TIME_BYTES + name.len);
    ferrokv_str     elem = { p, TIME_BYTES + name.len };

    time_put(p, at);

    if (name.len > 0) {
        memcpy(p + TIME_BYTES, name.data, name.len);
    }

    return elem;
}


int
due_put(ferrokv_ctx *ctx, ferrokv_str key, uint64_t at, ferrokv_str name)
{
    ferrokv_value  value = { { NULL, 0 }, NULL, 0 };

    return ctx->api->put(ctx, key, entry(ctx, at, name), &value);
}


int
due_del(ferrokv_ctx *ctx, ferrokv_str key, uint64_t at, ferrokv_str name)
{
    int  rc = ctx->api->del(ctx, key, entry(ctx, at, name));

    return (rc == FERROKV_NONE) ? FERROKV_OK : rc;
}


/* From the first that is still to come, or up to it. */
static int
due_scan(ferrokv_ctx *ctx, ferrokv_str key, int over, uint64_t n,
    ferrokv_row row, void *data)
{
    unsigned char  now[TIME_BYTES];
    ferrokv_str    first = { "t", 1 }, end = { "u", 1 };
    ferrokv_str    border = { now, sizeof(now) };

    time_put(now, ctx->now + 1);

    return ctx->api->scan(ctx, key, over ? first : border, over ? border : end,
                          n, row, data);
}


static int
count_one(ferrokv_ctx *ctx, void *data, ferrokv_str key,
    const ferrokv_value *val)
{
    (void) ctx;
    (void) key;
    (void) val;
    ++*(uint64_t *) data;

    return FERROKV_OK;
}


int
due_count(ferrokv_ctx *ctx, ferrokv_str key, uint64_t *n)
{
    *n = 0;

    return due_scan(ctx, key, 1, 0, count_one, n);
}


static int
take_one(ferrokv_ctx *ctx, void *data, ferrokv_str key,
    const ferrokv_value *val)
{
    over_t  *over = data;

    (void) ctx;
    (void) val;

    over->list[over->n++] = key;
    over->bytes += key.len;

    return (over->n == REMOVE_MAX || over->bytes > REMOVE_BYTES)
           ? FERROKV_AGAIN : FERROKV_OK;
}


static int
first_one(ferrokv_ctx *ctx, void *data, ferrokv_str key,
    const ferrokv_value *val)
{
    (void) val;

    if (key.len < TIME_BYTES) {
        return ctx->api->fail(ctx, FERROKV_ECORRUPT, "ERR the value is "
                              "damaged");
    }

    *(uint64_t *) data = ferrokv_get_u64((const unsigned char *) key.data + 1);

    return FERROKV_OK;
}


int
due_remove(ferrokv_ctx *ctx, ferrokv_str key, uint64_t *n, uint64_t *next)
{
    over_t   *over = ctx->api->alloc(ctx, sizeof(*over));
    uint64_t  i;
    int       rc;

    over->n = 0;
    over->bytes = 0;
    rc = due_scan(ctx, key, 1, REMOVE_MAX, take_one, over);
    *n = over->n;

    for (i = 0; i < over->n && rc >= 0; i++) {
        rc = ctx->api->del(ctx, key, over->list[i]);
    }

    if (rc < 0 || (over->n == REMOVE_MAX || over->bytes > REMOVE_BYTES)) {
        return (rc < 0) ? rc : FERROKV_OK;  /* *next stays: there are more */
    }

    *next = 0;
    rc = due_scan(ctx, key, 0, 1, first_one, next);

    return (rc < 0) ? rc : FERROKV_OK;
}
