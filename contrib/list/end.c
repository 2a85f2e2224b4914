/*
 * end.c - what comes and goes at a list's ends.
 */

#include "list.h"
#include "../collection/args.h"


static int
push(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv, bool left,
    bool only_there)
{
    items_t  items;
    int      rc = items_open(&items, ctx, argv[1]);

    if (rc == FERROKV_OK && only_there && items.count == 0) {
        return ctx->api->say_int(ctx, 0);
    }

    for (size_t i = 2; i < argc && rc == FERROKV_OK; i++) {
        rc = items_push(&items, left, argv[i]);
    }

    if (rc != FERROKV_OK || (rc = items_close(&items)) != FERROKV_OK) {
        return rc;
    }

    return ctx->api->say_int(ctx, (int64_t) items.count);
}


static int
lpush(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    return push(ctx, argc, argv, true, false);
}


static int
rpush(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    return push(ctx, argc, argv, false, false);
}


static int
lpushx(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    return push(ctx, argc, argv, true, true);
}


static int
rpushx(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    return push(ctx, argc, argv, false, true);
}


/* So many of them, or all, as an array. */
static int
pop_several(items_t *items, bool left, uint64_t n)
{
    ferrokv_str  item;
    int          rc = FERROKV_OK;

    n = (n < items->count) ? n : items->count;
    items->ctx->api->say_array(items->ctx, n);

    for (uint64_t i = 0; i < n; i++) {
        rc = items_pop(items, left, &item);

        if (rc != FERROKV_OK) {
            return rc;
        }

        items->ctx->api->say_str(items->ctx, item);
    }

    return items_close(items);
}


static int
pop(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv, bool left)
{
    items_t      items;
    ferrokv_str  item;
    int64_t      n;
    int          rc = FERROKV_OK;

    if (argc > 3) {
        return args_arity(ctx, left ? "lpop" : "rpop");
    }

    if (argc == 3) {
        rc = args_positive(ctx, argv[2], &n);
    }

    if (rc != FERROKV_OK
        || (rc = items_open(&items, ctx, argv[1])) != FERROKV_OK)
    {
        return rc;
    }

    if (items.count == 0) {
        return (argc == 3) ? ctx->api->say_null_array(ctx)
               : ctx->api->say_null(ctx);
    }

    if (argc == 3) {
        return pop_several(&items, left, (uint64_t) n);
    }

    if ((rc = items_pop(&items, left, &item)) != FERROKV_OK
        || (rc = items_close(&items)) != FERROKV_OK)
    {
        return rc;
    }

    return ctx->api->say_str(ctx, item);
}


static int
lpop(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    return pop(ctx, argc, argv, true);
}


static int
rpop(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    return pop(ctx, argc, argv, false);
}


/* From one end of a list to an end of another, or of the same. */
static int
move(ferrokv_ctx *ctx, const ferrokv_str *argv, bool from_left, bool to_left)
{
    items_t      from, other, *to = &other;
    ferrokv_str  item;
    int          rc = items_open(&from, ctx, argv[1]);

    if (rc != FERROKV_OK || from.count == 0) {
        return (rc != FERROKV_OK) ? rc : FERROKV_NONE;
    }

    if (args_equal(argv[1], argv[2])) {
        to = &from;

    } else {
        rc = items_open(to, ctx, argv[2]);
    }

    if (rc != FERROKV_OK
        || (rc = items_pop(&from, from_left, &item)) != FERROKV_OK
        || (rc = items_push(to, to_left, item)) != FERROKV_OK
        || (rc = items_close(&from)) != FERROKV_OK
        || (to != &from && (rc = items_close(to)) != FERROKV_OK))
    {
        return rc;
    }

    return ctx->api->say_str(ctx, item);
}


static int
side_read(ferrokv_ctx *ctx, ferrokv_str arg, bool *left)
{
    *left = args_is(arg, "LEFT");

    return (*left || args_is(arg, "RIGHT")) ? FERROKV_OK : args_syntax(ctx);
}


static int
lmove(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    bool  from_left, to_left;
    int   rc;

    (void) argc;

    if ((rc = side_read(ctx, argv[3], &from_left)) != FERROKV_OK
        || (rc = side_read(ctx, argv[4], &to_left)) != FERROKV_OK)
    {
        return rc;
    }

    return move(ctx, argv, from_left, to_left);
}


static int
rpoplpush(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    (void) argc;

    return move(ctx, argv, false, true);
}


static int
lmpop(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    items_t  items;
    int64_t  keys, n;
    bool     left;
    int      rc = args_pop_keys(ctx, argc, argv, &keys);

    if (rc != FERROKV_OK
        || (rc = side_read(ctx, argv[2 + keys], &left)) != FERROKV_OK
        || (rc = args_pop_count(ctx, argc, argv, (size_t) keys + 3, &n))
           != FERROKV_OK)
    {
        return rc;
    }

    for (int64_t i = 0; i < keys; i++) {
        rc = items_open(&items, ctx, argv[2 + i]);

        if (rc != FERROKV_OK) {
            return rc;
        }

        if (items.count > 0) {
            ctx->api->say_array(ctx, 2);
            ctx->api->say_str(ctx, argv[2 + i]);

            return pop_several(&items, left, (uint64_t) n);
        }
    }

    return ctx->api->say_null_array(ctx);
}


const ferrokv_command  list_lpush = {
    LIST_WRITES, "LPUSH", -3, 1, 1, 1, lpush,
    "key element [element ...]", "Puts items before the first."
};

const ferrokv_command  list_rpush = {
    LIST_WRITES, "RPUSH", -3, 1, 1, 1, rpush,
    "key element [element ...]", "Puts items behind the last."
};

const ferrokv_command  list_lpushx = {
    LIST_WRITES, "LPUSHX", -3, 1, 1, 1, lpushx,
    "key element [element ...]",
    "Puts items before the first of a list that exists."
};

const ferrokv_command  list_rpushx = {
    LIST_WRITES, "RPUSHX", -3, 1, 1, 1, rpushx,
    "key element [element ...]",
    "Puts items behind the last of a list that exists."
};

const ferrokv_command  list_lpop = {
    LIST_WRITES, "LPOP", -2, 1, 1, 1, lpop,
    "key [count]", "Takes the first items."
};

const ferrokv_command  list_rpop = {
    LIST_WRITES, "RPOP", -2, 1, 1, 1, rpop,
    "key [count]", "Takes the last items."
};

const ferrokv_command  list_lmove = {
    LIST_WRITES, "LMOVE", 5, 1, 2, 1, lmove,
    "source destination LEFT | RIGHT LEFT | RIGHT",
    "Moves an item from an end of a list to an end of another."
};

const ferrokv_command  list_rpoplpush = {
    LIST_WRITES, "RPOPLPUSH", 3, 1, 2, 1, rpoplpush,
    "source destination",
    "Moves the last item of a list before the first of another."
};

const ferrokv_command  list_lmpop = {
    LIST_WRITES, "LMPOP", -4, 0, 0, 0, lmpop,
    "numkeys key [key ...] LEFT | RIGHT [COUNT count]",
    "Takes items from the first list that has any."
};
