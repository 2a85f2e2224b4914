/*
 * entries.c - what has been found of sorted sets, and what becomes of it.
 */

#include "zset.h"

#include <string.h>


void
entries_add(ferrokv_ctx *ctx, entries_t *entries, const entry_t *entry)
{
    entry_t  *list;

    if (entries->n == entries->room) {
        entries->room = 2 * entries->room + 32;
        list = ctx->api->alloc(ctx, entries->room * sizeof(entry_t));

        if (entries->n > 0) {
            memcpy(list, entries->list, entries->n * sizeof(entry_t));
        }

        entries->list = list;
    }

    entries->list[entries->n++] = *entry;
}


void
entries_say(ferrokv_ctx *ctx, const entries_t *entries, bool pairs)
{
    if (pairs) {
        ctx->api->say_pairs(ctx, entries->n);

    } else {
        ctx->api->say_array(ctx, entries->n);
    }

    for (uint64_t i = 0; i < entries->n; i++) {
        ctx->api->say_str(ctx, entries->list[i].name);

        if (pairs) {
            ctx->api->say_real(ctx, entries->list[i].score);
        }
    }
}


int
entries_store(ferrokv_ctx *ctx, ferrokv_str key, const entries_t *entries)
{
    members_t  m;
    int        rc = members_replace(&m, &zset_kind, ctx, key);

    for (uint64_t i = 0; i < entries->n && rc == FERROKV_OK; i++) {
        rc = zset_put(&m, entries->list[i].name, NULL, entries->list[i].score);
    }

    if (rc != FERROKV_OK || (rc = members_close(&m)) != FERROKV_OK) {
        return rc;
    }

    return ctx->api->say_int(ctx, (int64_t) entries->n);
}


int
name_order(ferrokv_str a, ferrokv_str b)
{
    size_t  len = (a.len < b.len) ? a.len : b.len;
    int     rc = (len > 0) ? memcmp(a.data, b.data, len) : 0;

    return (rc != 0) ? rc : (a.len > b.len) - (a.len < b.len);
}


int
entry_order(const void *a, const void *b)
{
    const entry_t  *x = a, *y = b;

    if (x->score != y->score) {
        return (x->score > y->score) - (x->score < y->score);
    }

    return name_order(x->name, y->name);
}
