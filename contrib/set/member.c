/*
 * member.c - members of one set, and from one to another.
 */

#include "set.h"
#include "../collection/args.h"
#include "../collection/scan.h"

static const ferrokv_str  nothing = { NULL, 0 };


static int
sadd(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    members_t  m;
    int64_t    n = 0;
    int        rc = members_open_write(&m, &set_kind, ctx, argv[1]);

    if (rc == FERROKV_OK) {
        rc = members_ahead(&m, argv + 2, argc - 2, 1);
    }

    for (size_t i = 2; i < argc && rc == FERROKV_OK; i++) {
        bool  added = false;

        rc = members_put(&m, argv[i], nothing, false, &added);
        n += added;
    }

    if (rc != FERROKV_OK || (rc = members_close(&m)) != FERROKV_OK) {
        return rc;
    }

    return ctx->api->say_int(ctx, n);
}


static int
srem(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    members_t  m;
    int64_t    n = 0;
    int        rc = members_open_write(&m, &set_kind, ctx, argv[1]);

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
sismember(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    members_t  m;
    member_t   member;
    int        rc = members_open(&m, &set_kind, ctx, argv[1]);

    (void) argc;

    if (rc == FERROKV_OK) {
        rc = members_get(&m, argv[2], &member);
    }

    return (rc < 0) ? rc : ctx->api->say_int(ctx, rc == FERROKV_OK);
}


static void
presence_say(ferrokv_ctx *ctx, const member_t *member, const void *data)
{
    (void) data;

    ctx->api->say_int(ctx, member != NULL);
}


static int
smismember(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    return members_answer(&set_kind, ctx, argc, argv, presence_say);
}


static int
say_member(members_t *m, void *data, const member_t *member)
{
    (void) data;

    return m->ctx->api->say_str(m->ctx, member->name);
}


static int
smembers(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    members_t  m;
    int        rc = members_open(&m, &set_kind, ctx, argv[1]);

    (void) argc;

    if (rc != FERROKV_OK) {
        return rc;
    }

    ctx->api->say_set(ctx, m.count);

    return members_each(&m, say_member, NULL);
}


static int
scard(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    members_t  m;
    int        rc = members_open(&m, &set_kind, ctx, argv[1]);

    (void) argc;

    return (rc != FERROKV_OK) ? rc : ctx->api->say_int(ctx, (int64_t) m.count);
}


/* From the first to the second, where both are what they should be. */
static int
move_open(ferrokv_ctx *ctx, const ferrokv_str *argv, members_t *from,
    members_t *to)
{
    int  rc = members_open_write(from, &set_kind, ctx, argv[1]);

    if (rc != FERROKV_OK || from->form == MEMBERS_NONE) {
        return (rc != FERROKV_OK) ? rc : FERROKV_NONE;
    }

    return members_open_write(to, &set_kind, ctx, argv[2]);
}


static int
smove(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    members_t  from, to;
    member_t   member;
    int        rc = move_open(ctx, argv, &from, &to);

    (void) argc;

    if (rc == FERROKV_OK) {
        rc = members_get(&from, argv[3], &member);
    }

    if (rc == FERROKV_OK && !args_equal(argv[1], argv[2])) {
        rc = members_del(&from, argv[3]);

        if (rc != FERROKV_OK
            || (rc = members_put(&to, argv[3], nothing, false, NULL))
               != FERROKV_OK
            || (rc = members_close(&from)) != FERROKV_OK
            || (rc = members_close(&to)) != FERROKV_OK)
        {
            return rc;
        }
    }

    return (rc < 0) ? rc : ctx->api->say_int(ctx, rc == FERROKV_OK);
}


static int
sscan(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    return scan_members(&set_kind, NULL, ctx, argc, argv);
}


const ferrokv_command  set_sadd = {
    SET_WRITES, "SADD", -3, 1, 1, 1, sadd,
    "key member [member ...]", "Adds members to a set."
};

const ferrokv_command  set_srem = {
    SET_WRITES, "SREM", -3, 1, 1, 1, srem,
    "key member [member ...]", "Removes members."
};

const ferrokv_command  set_sismember = {
    SET_READS, "SISMEMBER", 3, 1, 1, 1, sismember,
    "key member", "Says whether it is a member."
};

const ferrokv_command  set_smismember = {
    SET_READS, "SMISMEMBER", -3, 1, 1, 1, smismember,
    "key member [member ...]", "Says of each whether it is a member."
};

const ferrokv_command  set_smembers = {
    SET_READS, "SMEMBERS", 2, 1, 1, 1, smembers,
    "key", "Gives all members."
};

const ferrokv_command  set_scard = {
    SET_READS, "SCARD", 2, 1, 1, 1, scard,
    "key", "Says how many members there are."
};

const ferrokv_command  set_smove = {
    SET_WRITES, "SMOVE", 4, 1, 2, 1, smove,
    "source destination member", "Moves a member to another set."
};

const ferrokv_command  set_sscan = {
    SET_READS, "SSCAN", -3, 1, 1, 1, sscan,
    "key cursor [MATCH pattern] [COUNT count]",
    "Gives some of the members, and where to go on."
};
