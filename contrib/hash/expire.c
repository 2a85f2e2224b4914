/*
 * expire.c - when fields end: as of Redis 7.4.
 */

#include "hash.h"
#include "../collection/args.h"

#define NOT_POSITIVE  "Number of fields must be a positive integer"
#define TIME_MAX     (((int64_t) 1 << 46) - 1)      /* ms, as in Redis */

/* Answers for one field. */
#define NO_FIELD     -2
#define NO_TIME      -1
#define REFUSED      0
#define SET          1
#define DELETED      2

typedef enum { ALWAYS, IF_NONE, IF_SOME, IF_LATER, IF_EARLIER } condition_e;

typedef struct {
    const char  *name;          /* of the command, in lower case */
    bool         seconds;
    bool         absolute;      /* since 1970; else from now on */
} unit_t;

typedef struct {
    uint64_t      at;
    condition_e   condition;
} wish_t;


/* FIELDS numfields field ..., from argv[i] on, to the end. */
static int
fields_read(members_t *m, size_t argc, const ferrokv_str *argv, size_t i,
    const char *wrong)
{
    ferrokv_ctx  *ctx = m->ctx;
    int64_t       n;
    int           rc;

    if (i + 1 >= argc || !args_is(argv[i], "FIELDS")) {
        return ctx->api->fail(ctx, FERROKV_EARG, "ERR Mandatory argument "
                              "FIELDS is missing or not at the right position");
    }

    rc = args_range(ctx, argv[i + 1], 1, INT64_MAX, wrong, &n);

    if (rc == FERROKV_OK && (uint64_t) n != argc - i - 2) {
        return ctx->api->fail(ctx, FERROKV_EARG, "ERR The `numfields` "
                              "parameter must match the number of arguments");
    }

    return (rc == FERROKV_OK) ? members_ahead(m, argv + i + 2, argc - i - 2, 1)
                              : rc;
}


/* What is done with a field; sets *answer.  FERROKV_OK · failures */
typedef int (*field_change)(members_t *m, ferrokv_str field,
    const wish_t *wish, int64_t *answer);

static int
fields_change(members_t *m, size_t argc, const ferrokv_str *argv, size_t i,
    field_change change, const wish_t *wish)
{
    m->ctx->api->say_array(m->ctx, argc - i);

    for (; i < argc; i++) {
        int64_t  answer;
        int      rc = change(m, argv[i], wish, &answer);

        if (rc != FERROKV_OK) {
            return rc;
        }

        m->ctx->api->say_int(m->ctx, answer);
    }

    return members_close(m);
}


static int
time_wrong(ferrokv_ctx *ctx, const unit_t *unit)
{
    return ctx->api->fail(ctx, FERROKV_EARG, "ERR invalid expire time in '%s' "
                          "command", unit->name);
}


static int
time_read(ferrokv_ctx *ctx, ferrokv_str arg, const unit_t *unit, uint64_t *at)
{
    int64_t  n, now = unit->absolute ? 0 : (int64_t) ctx->now;
    int      rc = args_int(ctx, arg, &n);

    if (rc != FERROKV_OK) {
        return rc;
    }

    if (n < 0) {
        return ctx->api->fail(ctx, FERROKV_EARG,
                              "ERR invalid expire time, must be >= 0");
    }

    if (n > (unit->seconds ? TIME_MAX / 1000 : TIME_MAX)) {
        return time_wrong(ctx, unit);
    }

    n *= unit->seconds ? 1000 : 1;

    if (n > TIME_MAX - now) {
        return time_wrong(ctx, unit);
    }

    *at = (uint64_t) (n + now);

    return FERROKV_OK;
}


/* The word before FIELDS, if there is one: *i moves behind it. */
static condition_e
condition_read(ferrokv_str arg, size_t *i)
{
    static const char *const  words[] = { "", "NX", "XX", "GT", "LT" };

    for (int c = IF_NONE; c <= IF_EARLIER; c++) {
        if (args_is(arg, words[c])) {
            ++*i;
            return (condition_e) c;
        }
    }

    return ALWAYS;
}


static bool
wish_holds(const wish_t *wish, uint64_t old)
{
    switch (wish->condition) {

    case ALWAYS:
        return true;

    case IF_NONE:
        return old == 0;

    case IF_SOME:
        return old != 0;

    case IF_LATER:
        return old != 0 && wish->at > old;

    case IF_EARLIER:
        return old == 0 || wish->at < old;
    }

    return false;
}


static int
field_expire(members_t *m, ferrokv_str field, const wish_t *wish,
    int64_t *answer)
{
    member_t  member;
    int       rc = members_get(m, field, &member);

    if (rc != FERROKV_OK) {
        *answer = NO_FIELD;
        return (rc < 0) ? rc : FERROKV_OK;
    }

    if (!wish_holds(wish, member.expires)) {
        *answer = REFUSED;
        return FERROKV_OK;
    }

    if (wish->at <= m->ctx->now) {
        *answer = DELETED;
        return members_del(m, field);
    }

    *answer = SET;

    return members_expire(m, &member, wish->at);
}


static int
hash_expire(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv,
    const unit_t *unit)
{
    size_t     i = 3;
    wish_t     wish = { 0, ALWAYS };
    members_t  m;
    int        rc = members_open_write(&m, &hash_kind, ctx, argv[1]);

    if (rc != FERROKV_OK
        || (rc = time_read(ctx, argv[2], unit, &wish.at)) != FERROKV_OK)
    {
        return rc;
    }

    wish.condition = condition_read(argv[3], &i);
    rc = fields_read(&m, argc, argv, i,
                     "Parameter `numFields` should be greater than 0");

    return (rc == FERROKV_OK) ? fields_change(&m, argc, argv, i + 2,
                                              field_expire, &wish)
                              : rc;
}


static int64_t
time_of(const ferrokv_ctx *ctx, const member_t *member, const unit_t *unit)
{
    uint64_t  ms = member->expires;

    if (ms == 0) {
        return NO_TIME;
    }

    ms += unit->seconds ? 999 : 0;
    ms -= unit->absolute ? 0 : ctx->now;

    return (int64_t) (unit->seconds ? ms / 1000 : ms);
}


static void
time_say(ferrokv_ctx *ctx, const member_t *member, const void *unit)
{
    ctx->api->say_int(ctx, (member != NULL) ? time_of(ctx, member, unit)
                                            : NO_FIELD);
}


static int
hash_time(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv,
    const unit_t *unit)
{
    members_t  m;
    int        rc = members_open(&m, &hash_kind, ctx, argv[1]);

    if (rc == FERROKV_OK) {
        rc = fields_read(&m, argc, argv, 2, NOT_POSITIVE);
    }

    return (rc == FERROKV_OK) ? members_say(&m, argv + 4, argc - 4, time_say,
                                            unit)
                              : rc;
}


static int
field_persist(members_t *m, ferrokv_str field, const wish_t *wish,
    int64_t *answer)
{
    member_t  member;
    int       rc = members_get(m, field, &member);

    (void) wish;

    *answer = NO_FIELD;

    if (rc != FERROKV_OK) {
        return (rc < 0) ? rc : FERROKV_OK;
    }

    *answer = (member.expires == 0) ? NO_TIME : SET;

    return (member.expires == 0) ? FERROKV_OK : members_expire(m, &member, 0);
}


static int
hpersist(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    members_t  m;
    int        rc = members_open_write(&m, &hash_kind, ctx, argv[1]);

    if (rc == FERROKV_OK) {
        rc = fields_read(&m, argc, argv, 2, NOT_POSITIVE);
    }

    return (rc == FERROKV_OK) ? fields_change(&m, argc, argv, 4, field_persist,
                                              NULL)
                              : rc;
}


static int
hexpire(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    static const unit_t  unit = { "hexpire", true, false };

    return hash_expire(ctx, argc, argv, &unit);
}


static int
hpexpire(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    static const unit_t  unit = { "hpexpire", false, false };

    return hash_expire(ctx, argc, argv, &unit);
}


static int
hexpireat(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    static const unit_t  unit = { "hexpireat", true, true };

    return hash_expire(ctx, argc, argv, &unit);
}


static int
hpexpireat(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    static const unit_t  unit = { "hpexpireat", false, true };

    return hash_expire(ctx, argc, argv, &unit);
}


static int
httl(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    static const unit_t  unit = { "httl", true, false };

    return hash_time(ctx, argc, argv, &unit);
}


static int
hpttl(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    static const unit_t  unit = { "hpttl", false, false };

    return hash_time(ctx, argc, argv, &unit);
}


static int
hexpiretime(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    static const unit_t  unit = { "hexpiretime", true, true };

    return hash_time(ctx, argc, argv, &unit);
}


static int
hpexpiretime(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    static const unit_t  unit = { "hpexpiretime", false, true };

    return hash_time(ctx, argc, argv, &unit);
}


#define EXPIRE_USAGE(time)                                                    \
    "key " time " [NX | XX | GT | LT] FIELDS numfields field [field ...]"
#define TIME_USAGE  "key FIELDS numfields field [field ...]"

const ferrokv_command  hash_hexpire = {
    HASH_WRITES, "HEXPIRE", -6, 1, 1, 1, hexpire,
    EXPIRE_USAGE("seconds"), "Lets fields end in so many seconds."
};

const ferrokv_command  hash_hpexpire = {
    HASH_WRITES, "HPEXPIRE", -6, 1, 1, 1, hpexpire,
    EXPIRE_USAGE("milliseconds"), "Lets fields end in so many milliseconds."
};

const ferrokv_command  hash_hexpireat = {
    HASH_WRITES, "HEXPIREAT", -6, 1, 1, 1, hexpireat,
    EXPIRE_USAGE("unix-time-seconds"), "Lets fields end at a second."
};

const ferrokv_command  hash_hpexpireat = {
    HASH_WRITES, "HPEXPIREAT", -6, 1, 1, 1, hpexpireat,
    EXPIRE_USAGE("unix-time-milliseconds"), "Lets fields end at a millisecond."
};

const ferrokv_command  hash_httl = {
    HASH_READS, "HTTL", -5, 1, 1, 1, httl,
    TIME_USAGE, "Says in how many seconds fields end."
};

const ferrokv_command  hash_hpttl = {
    HASH_READS, "HPTTL", -5, 1, 1, 1, hpttl,
    TIME_USAGE, "Says in how many milliseconds fields end."
};

const ferrokv_command  hash_hexpiretime = {
    HASH_READS, "HEXPIRETIME", -5, 1, 1, 1, hexpiretime,
    TIME_USAGE, "Says at which second fields end."
};

const ferrokv_command  hash_hpexpiretime = {
    HASH_READS, "HPEXPIRETIME", -5, 1, 1, 1, hpexpiretime,
    TIME_USAGE, "Says at which millisecond fields end."
};

const ferrokv_command  hash_hpersist = {
    HASH_WRITES, "HPERSIST", -5, 1, 1, 1, hpersist,
    TIME_USAGE, "Takes away when fields end."
};
