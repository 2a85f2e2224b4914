/*
 * place.c - items by where they stand, and where items stand.
 */

#include "list.h"
#include "../collection/args.h"

#include <limits.h>


static int
llen(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    items_t  items;
    int      rc = items_open(&items, ctx, argv[1]);

    (void) argc;

    return (rc != FERROKV_OK) ? rc
           : ctx->api->say_int(ctx, (int64_t) items.count);
}


/* From start to stop, both counted from the end if they are below 0. */
static void
range_clip(const items_t *items, int64_t start, int64_t stop, uint64_t *i,
    uint64_t *n)
{
    int64_t  count = (int64_t) items->count;

    start = (start < 0) ? start + count : start;
    stop = (stop < 0) ? stop + count : stop;
    start = (start < 0) ? 0 : start;
    stop = (stop >= count) ? count - 1 : stop;

    *i = (uint64_t) start;
    *n = (start > stop || start >= count) ? 0 : (uint64_t) (stop - start + 1);
}


static int
range_read(ferrokv_ctx *ctx, const ferrokv_str *argv, items_t *items,
    uint64_t *i, uint64_t *n)
{
    int64_t  start, stop;
    int      rc;

    if ((rc = args_int(ctx, argv[2], &start)) != FERROKV_OK
        || (rc = args_int(ctx, argv[3], &stop)) != FERROKV_OK
        || (rc = items_open(items, ctx, argv[1])) != FERROKV_OK)
    {
        return rc;
    }

    range_clip(items, start, stop, i, n);

    return FERROKV_OK;
}


static ferrokv_str *
load_room(ferrokv_ctx *ctx, uint64_t n)
{
    return ctx->api->alloc(ctx, (n + 1) * sizeof(ferrokv_str));
}


static int
lrange(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    items_t       items;
    uint64_t      from, n;
    ferrokv_str  *list;
    int           rc = range_read(ctx, argv, &items, &from, &n);

    (void) argc;

    if (rc != FERROKV_OK) {
        return rc;
    }

    list = load_room(ctx, n);
    rc = items_load(&items, from, n, list);

    if (rc != FERROKV_OK) {
        return rc;
    }

    ctx->api->say_array(ctx, n);

    for (uint64_t i = 0; i < n; i++) {
        ctx->api->say_str(ctx, list[i]);
    }

    return FERROKV_OK;
}


static int
ltrim(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    items_t   items;
    uint64_t  i, n;
    int       rc = range_read(ctx, argv, &items, &i, &n);

    (void) argc;

    if (rc == FERROKV_OK && items.count > 0) {
        rc = items_trim(&items, (n > 0) ? i : 0, n);
    }

    if (rc != FERROKV_OK || (rc = items_close(&items)) != FERROKV_OK) {
        return rc;
    }

    return ctx->api->say_status(ctx, "OK");
}


/* FERROKV_NONE: there is no such place. */
static int
index_read(ferrokv_ctx *ctx, ferrokv_str arg, const items_t *items, uint64_t *i)
{
    int64_t  n;
    int      rc = args_int(ctx, arg, &n);

    if (rc != FERROKV_OK) {
        return rc;
    }

    n = (n < 0) ? n + (int64_t) items->count : n;
    *i = (uint64_t) n;

    return (n < 0 || *i >= items->count) ? FERROKV_NONE : FERROKV_OK;
}


static int
lindex(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    items_t      items;
    uint64_t     i;
    ferrokv_str  item;
    int          rc = items_open(&items, ctx, argv[1]);

    (void) argc;

    if (rc != FERROKV_OK || items.count == 0) {
        return (rc != FERROKV_OK) ? rc : FERROKV_NONE;
    }

    if ((rc = index_read(ctx, argv[2], &items, &i)) != FERROKV_OK
        || (rc = items_load(&items, i, 1, &item)) != FERROKV_OK)
    {
        return rc;
    }

    return ctx->api->say_str(ctx, item);
}


static int
lset(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    items_t   items;
    uint64_t  i;
    int       rc = items_open(&items, ctx, argv[1]);

    (void) argc;

    if (rc != FERROKV_OK) {
        return rc;
    }

    if (items.count == 0) {
        return ctx->api->fail(ctx, FERROKV_EARG, "ERR no such key");
    }

    rc = index_read(ctx, argv[2], &items, &i);

    if (rc == FERROKV_NONE) {
        return ctx->api->fail(ctx, FERROKV_EARG, "ERR index out of range");
    }

    if (rc != FERROKV_OK
        || (rc = items_set(&items, i, argv[3])) != FERROKV_OK
        || (rc = items_close(&items)) != FERROKV_OK)
    {
        return rc;
    }

    return ctx->api->say_status(ctx, "OK");
}


static int
linsert(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    items_t       items;
    uint64_t      i = 0;
    ferrokv_str  *list;
    bool          after = args_is(argv[2], "AFTER");
    int           rc;

    (void) argc;

    if (!after && !args_is(argv[2], "BEFORE")) {
        return args_syntax(ctx);
    }

    rc = items_open(&items, ctx, argv[1]);

    if (rc != FERROKV_OK || items.count == 0) {
        return (rc != FERROKV_OK) ? rc : ctx->api->say_int(ctx, 0);
    }

    list = load_room(ctx, items.count);
    rc = items_load(&items, 0, items.count, list);

    if (rc != FERROKV_OK) {
        return rc;
    }

    while (i < items.count && !args_equal(list[i], argv[3])) {
        i++;
    }

    if (i == items.count) {
        return ctx->api->say_int(ctx, -1);
    }

    if ((rc = items_replace(&items, i + after, 0, &argv[4], 1)) != FERROKV_OK
        || (rc = items_close(&items)) != FERROKV_OK)
    {
        return rc;
    }

    return ctx->api->say_int(ctx, (int64_t) items.count);
}


typedef struct {
    ferrokv_str  *list;
    uint64_t      n;
    uint64_t      first, last;  /* of those that go */
    uint64_t      gone;
} removal_t;


/* Marks what goes: at most so many, from one end. */
static void
removal_find(removal_t *r, ferrokv_str item, uint64_t most, bool backwards,
    bool *goes)
{
    for (uint64_t k = 0; k < r->n; k++) {
        uint64_t  i = backwards ? r->n - 1 - k : k;

        goes[i] = (r->gone < most && args_equal(r->list[i], item));

        if (goes[i]) {
            r->first = (r->gone == 0 || i < r->first) ? i : r->first;
            r->last = (r->gone == 0 || i > r->last) ? i : r->last;
            r->gone++;
        }
    }
}


static int
removal_do(items_t *items, removal_t *r, const bool *goes)
{
    uint64_t  kept = 0;

    for (uint64_t i = r->first; i <= r->last; i++) {
        if (!goes[i]) {
            r->list[r->first + kept++] = r->list[i];
        }
    }

    return items_replace(items, r->first, r->last - r->first + 1,
                         r->list + r->first, kept);
}


static int
lrem(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    items_t    items;
    removal_t  r = { NULL, 0, 0, 0, 0 };
    int64_t    n;
    uint64_t   most;
    bool      *goes;
    int        rc;

    (void) argc;

    if ((rc = args_int(ctx, argv[2], &n)) != FERROKV_OK
        || (rc = items_open(&items, ctx, argv[1])) != FERROKV_OK)
    {
        return rc;
    }

    r.n = items.count;
    r.list = load_room(ctx, r.n);
    rc = items_load(&items, 0, r.n, r.list);

    if (rc != FERROKV_OK) {
        return rc;
    }

    goes = ctx->api->alloc(ctx, r.n + 1);
    most = (n < 0) ? 0 - (uint64_t) n : (uint64_t) n;
    removal_find(&r, argv[3], (n == 0) ? UINT64_MAX : most, n < 0, goes);

    if (r.gone > 0) {
        rc = removal_do(&items, &r, goes);
    }

    if (rc != FERROKV_OK || (rc = items_close(&items)) != FERROKV_OK) {
        return rc;
    }

    return ctx->api->say_int(ctx, (int64_t) r.gone);
}


typedef struct {
    int64_t  rank;
    int64_t  count;             /* -1: nobody has said one */
    int64_t  maxlen;
} search_t;


static int
rank_read(ferrokv_ctx *ctx, ferrokv_str arg, search_t *search)
{
    int  rc = args_range(ctx, arg, -LONG_MAX, LONG_MAX, NULL, &search->rank);

    if (rc == FERROKV_OK && search->rank == 0) {
        return ctx->api->fail(ctx, FERROKV_EARG, "ERR RANK can't be zero: use "
                              "1 to start from the first match, 2 from the "
                              "second ... or use negative to start from the "
                              "end of the list");
    }

    return rc;
}


static int
search_read(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv,
    search_t *search)
{
    int  rc = FERROKV_OK;

    for (size_t i = 3; i < argc && rc == FERROKV_OK; i += 2) {

        if (i + 1 == argc) {
            return args_syntax(ctx);
        }

        if (args_is(argv[i], "RANK")) {
            rc = rank_read(ctx, argv[i + 1], search);

        } else if (args_is(argv[i], "COUNT")) {
            rc = args_range(ctx, argv[i + 1], 0, LONG_MAX,
                            "COUNT can't be negative", &search->count);

        } else if (args_is(argv[i], "MAXLEN")) {
            rc = args_range(ctx, argv[i + 1], 0, LONG_MAX,
                            "MAXLEN can't be negative", &search->maxlen);

        } else {
            return args_syntax(ctx);
        }
    }

    return rc;
}


/* Says where it stands, of several an array. */
static void
search_say(ferrokv_ctx *ctx, const search_t *search, ferrokv_str item,
    const ferrokv_str *list, uint64_t from, uint64_t n)
{
    bool      several = (search->count >= 0), back = (search->rank < 0);
    uint64_t  rank = (uint64_t) (back ? -search->rank : search->rank);
    uint64_t  most = several ? (uint64_t) search->count : 1;
    uint64_t  matches = 0, said = 0;
    size_t    begin = several ? ctx->api->say_begin(ctx) : 0;

    for (uint64_t k = 0; k < n && (most == 0 || said < most); k++) {
        uint64_t  i = back ? n - 1 - k : k;

        if (args_equal(list[i], item) && ++matches >= rank) {
            ctx->api->say_int(ctx, (int64_t) (from + i));
            said++;
        }
    }

    if (several) {
        ctx->api->say_end(ctx, begin, said);

    } else if (said == 0) {
        ctx->api->say_null(ctx);
    }
}


static int
lpos(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    items_t       items;
    search_t      search = { 1, -1, 0 };
    uint64_t      from, n;
    ferrokv_str  *list;
    int           rc;

    if ((rc = search_read(ctx, argc, argv, &search)) != FERROKV_OK
        || (rc = items_open(&items, ctx, argv[1])) != FERROKV_OK)
    {
        return rc;
    }

    n = items.count;

    if (search.maxlen > 0 && (uint64_t) search.maxlen < n) {
        n = (uint64_t) search.maxlen;
    }

    from = (search.rank < 0) ? items.count - n : 0;
    list = load_room(ctx, n);
    rc = items_load(&items, from, n, list);

    if (rc == FERROKV_OK) {
        search_say(ctx, &search, argv[2], list, from, n);
    }

    return rc;
}


const ferrokv_command  list_llen = {
    LIST_READS, "LLEN", 2, 1, 1, 1, llen,
    "key", "Says how many items there are."
};

const ferrokv_command  list_lrange = {
    LIST_READS, "LRANGE", 4, 1, 1, 1, lrange,
    "key start stop", "Gives the items from one place to another."
};

const ferrokv_command  list_lindex = {
    LIST_READS, "LINDEX", 3, 1, 1, 1, lindex,
    "key index", "Gives the item of a place."
};

const ferrokv_command  list_lset = {
    LIST_WRITES, "LSET", 4, 1, 1, 1, lset,
    "key index element", "Sets the item of a place."
};

const ferrokv_command  list_linsert = {
    LIST_WRITES, "LINSERT", 5, 1, 1, 1, linsert,
    "key BEFORE | AFTER pivot element", "Puts an item beside another."
};

const ferrokv_command  list_lrem = {
    LIST_WRITES, "LREM", 4, 1, 1, 1, lrem,
    "key count element", "Removes items that are equal to one."
};

const ferrokv_command  list_ltrim = {
    LIST_WRITES, "LTRIM", 4, 1, 1, 1, ltrim,
    "key start stop", "Keeps the items from one place to another."
};

const ferrokv_command  list_lpos = {
    LIST_READS, "LPOS", -3, 1, 1, 1, lpos,
    "key element [RANK rank] [COUNT num-matches] [MAXLEN len]",
    "Says where an item stands."
};
