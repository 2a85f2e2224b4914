/*
 * field.c - fields and their values.
 */

#include "hash.h"
#include "../collection/args.h"
#include "../collection/scan.h"


static int
set_fields(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv,
    uint64_t *added)
{
    members_t  m;
    int        rc = members_open_write(&m, &hash_kind, ctx, argv[1]);

    *added = 0;

    if (rc == FERROKV_OK) {
        rc = members_ahead(&m, argv + 2, (argc - 2) / 2, 2);
    }

    for (size_t i = 2; i < argc && rc == FERROKV_OK; i += 2) {
        bool  new = false;

        rc = members_put(&m, argv[i], argv[i + 1], false, &new);
        *added += new;
    }

    return (rc == FERROKV_OK) ? members_close(&m) : rc;
}


static int
hset(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    uint64_t  added;
    int       rc;

    if (argc % 2 == 1) {
        return args_arity(ctx, "hset");
    }

    rc = set_fields(ctx, argc, argv, &added);

    return (rc != FERROKV_OK) ? rc : ctx->api->say_int(ctx, (int64_t) added);
}


static int
hmset(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    uint64_t  added;
    int       rc;

    if (argc % 2 == 1) {
        return args_arity(ctx, "hmset");
    }

    rc = set_fields(ctx, argc, argv, &added);

    return (rc != FERROKV_OK) ? rc : ctx->api->say_status(ctx, "OK");
}


static int
hsetnx(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    members_t  m;
    member_t   member;
    int        rc = members_open_write(&m, &hash_kind, ctx, argv[1]);

    (void) argc;

    if (rc != FERROKV_OK) {
        return rc;
    }

    rc = members_get(&m, argv[2], &member);

    if (rc == FERROKV_OK) {
        return ctx->api->say_int(ctx, 0);
    }

    if (rc != FERROKV_NONE
        || (rc = members_put(&m, argv[2], argv[3], false, NULL)) != FERROKV_OK
        || (rc = members_close(&m)) != FERROKV_OK)
    {
        return rc;
    }

    return ctx->api->say_int(ctx, 1);
}


static int
get_field(ferrokv_ctx *ctx, const ferrokv_str *argv, member_t *member)
{
    members_t  m;
    int        rc = members_open(&m, &hash_kind, ctx, argv[1]);

    return (rc == FERROKV_OK) ? members_get(&m, argv[2], member) : rc;
}


static int
hget(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    member_t  member;
    int       rc = get_field(ctx, argv, &member);

    (void) argc;

    return (rc != FERROKV_OK) ? rc : ctx->api->say_str(ctx, member.value);
}


static int
hexists(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    member_t  member;
    int       rc = get_field(ctx, argv, &member);

    (void) argc;

    return (rc < 0) ? rc : ctx->api->say_int(ctx, rc == FERROKV_OK);
}


static int
hstrlen(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    member_t  member = { { NULL, 0 }, { NULL, 0 }, 0 };
    int       rc = get_field(ctx, argv, &member);

    (void) argc;

    if (rc < 0) {
        return rc;
    }

    return ctx->api->say_int(ctx, rc == FERROKV_OK
                                  ? (int64_t) member.value.len : 0);
}


static void
value_say(ferrokv_ctx *ctx, const member_t *member, const void *data)
{
    (void) data;

    if (member != NULL) {
        ctx->api->say_str(ctx, member->value);

    } else {
        ctx->api->say_null(ctx);
    }
}


static int
hmget(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    return members_answer(&hash_kind, ctx, argc, argv, value_say);
}


static int
say_name(members_t *m, void *data, const member_t *member)
{
    (void) data;

    return m->ctx->api->say_str(m->ctx, member->name);
}


static int
say_value(members_t *m, void *data, const member_t *member)
{
    (void) data;

    return m->ctx->api->say_str(m->ctx, member->value);
}


static int
say_both(members_t *m, void *data, const member_t *member)
{
    m->ctx->api->say_str(m->ctx, member->name);

    return say_value(m, data, member);
}


static int
hgetall(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    members_t  m;
    int        rc = members_open(&m, &hash_kind, ctx, argv[1]);

    (void) argc;

    if (rc != FERROKV_OK) {
        return rc;
    }

    ctx->api->say_map(ctx, m.count);

    return members_each(&m, say_both, NULL);
}


static int
say_all(ferrokv_ctx *ctx, ferrokv_str key, members_row say)
{
    members_t  m;
    int        rc = members_open(&m, &hash_kind, ctx, key);

    if (rc != FERROKV_OK) {
        return rc;
    }

    ctx->api->say_array(ctx, m.count);

    return members_each(&m, say, NULL);
}


static int
hkeys(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    (void) argc;

    return say_all(ctx, argv[1], say_name);
}


static int
hvals(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    (void) argc;

    return say_all(ctx, argv[1], say_value);
}


static int
hdel(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    members_t  m;
    int64_t    n = 0;
    int        rc = members_open_write(&m, &hash_kind, ctx, argv[1]);

    if (rc == FERROKV_OK) {
        rc = members_ahead(&m, argv + 2, argc - 2, 1);
    }

    for (size_t i = 2; i < argc && rc >= 0; i++) {
        rc = members_del(&m, argv[i]);
        n += (rc == FERROKV_OK);
    }

    if (rc < 0 || (rc = members_close(&m)) != FERROKV_OK) {
        return rc;
    }

    return ctx->api->say_int(ctx, n);
}


static int
hlen(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    members_t  m;
    int        rc = members_open(&m, &hash_kind, ctx, argv[1]);

    (void) argc;

    return (rc != FERROKV_OK) ? rc : ctx->api->say_int(ctx, (int64_t) m.count);
}


static int
hscan(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    return scan_members(&hash_kind, NULL, ctx, argc, argv);
}


const ferrokv_command  hash_hset = {
    HASH_WRITES, "HSET", -4, 1, 1, 1, hset,
    "key field value [field value ...]", "Sets fields of a hash."
};

const ferrokv_command  hash_hmset = {
    HASH_WRITES, "HMSET", -4, 1, 1, 1, hmset,
    "key field value [field value ...]", "Sets fields of a hash."
};

const ferrokv_command  hash_hsetnx = {
    HASH_WRITES, "HSETNX", 4, 1, 1, 1, hsetnx,
    "key field value", "Sets a field that does not exist."
};

const ferrokv_command  hash_hget = {
    HASH_READS, "HGET", 3, 1, 1, 1, hget,
    "key field", "Gives the value of a field."
};

const ferrokv_command  hash_hmget = {
    HASH_READS, "HMGET", -3, 1, 1, 1, hmget,
    "key field [field ...]", "Gives the values of fields."
};

const ferrokv_command  hash_hgetall = {
    HASH_READS, "HGETALL", 2, 1, 1, 1, hgetall,
    "key", "Gives all fields and their values."
};

const ferrokv_command  hash_hkeys = {
    HASH_READS, "HKEYS", 2, 1, 1, 1, hkeys,
    "key", "Gives all fields."
};

const ferrokv_command  hash_hvals = {
    HASH_READS, "HVALS", 2, 1, 1, 1, hvals,
    "key", "Gives the values of all fields."
};

const ferrokv_command  hash_hdel = {
    HASH_WRITES, "HDEL", -3, 1, 1, 1, hdel,
    "key field [field ...]", "Removes fields."
};

const ferrokv_command  hash_hlen = {
    HASH_READS, "HLEN", 2, 1, 1, 1, hlen,
    "key", "Says how many fields there are."
};

const ferrokv_command  hash_hexists = {
    HASH_READS, "HEXISTS", 3, 1, 1, 1, hexists,
    "key field", "Says whether a field exists."
};

const ferrokv_command  hash_hstrlen = {
    HASH_READS, "HSTRLEN", 3, 1, 1, 1, hstrlen,
    "key field", "Says how long the value of a field is."
};

const ferrokv_command  hash_hscan = {
    HASH_READS, "HSCAN", -3, 1, 1, 1, hscan,
    "key cursor [MATCH pattern] [COUNT count]",
    "Gives some of the fields, and where to go on."
};
