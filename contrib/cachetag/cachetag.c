/*
 * cachetag.c - TAG.ADD, TAG.PURGE, TAG.STALE, TAG.KEYS, TAG.DEL: tags over
 * keys, which may be those of this store or of any other cache.
 *
 * A purge is one entry, however many keys have the tag: who asks about a key
 * compares when it was tagged with when its tags were purged.
 *
 * Own map    "k" key tag -> when, "t" tag key -> nothing, "p" tag -> when; the
 *            first name of two is put_text(), times are 8 bytes.  All expire
 *            after cachetag.ttl.  It knows nothing of databases
 * Expired    a hook, in the helper, keeps the names of keys of database 0 that
 *            have expired in a ring; the worker takes their tags away, piece by
 *            piece.  What the ring has no room for expires by itself
 */

#include <ferrokv_encode.h>

#include <string.h>

#define NAME_MAX_BYTES  512     /* of a key, of a tag */
#define TIME_BYTES      8
#define ENTRY_BYTES     (1 + 2 * NAME_MAX_BYTES + 2 + NAME_MAX_BYTES + 1)
#define RING            1024    /* expired keys that wait for the worker */
#define PIECE           100     /* entries in a transaction of the worker */
#define TAGS_MAX        64

static const ferrokv_str  own_map = { NULL, 0 };

static const ferrokv_param  ttl = {
    FERROKV_PARAM, 0, "cachetag.ttl", FERROKV_TIME, 0, 1000, 31536000000, "1d",
    NULL, "how long tags are kept: at least as long as the cache keeps a key"
};

static const ferrokv_metric  purged = {
    FERROKV_METRIC, 0, "cachetag.purged", 0, 0, "tags that were purged"
};

static const ferrokv_metric  stale = {
    FERROKV_METRIC, 0, "cachetag.stale", 0, 0, "keys that TAG.STALE found stale"
};

static const ferrokv_metric  cleaned = {
    FERROKV_METRIC, 0, "cachetag.cleaned", 0, 0,
    "tags taken from keys that have expired"
};

/* Of the helper. */
typedef struct {
    unsigned     first;
    unsigned     n;
    uint16_t     lens[RING];
    char         keys[RING][NAME_MAX_BYTES];
} state;

/* Rows of one name, in a walk. */
typedef struct {
    ferrokv_str  prefix;
    ferrokv_str  names[PIECE];
    uint64_t     times[PIECE];
    size_t       n;
} rows;


static int
start(ferrokv_ctx *ctx)
{
    state  *st = ctx->api->keep(ctx, sizeof(state));

    if (st == NULL) {
        return FERROKV_EMEMORY;
    }

    st->first = 0;
    st->n = 0;
    ctx->self = st;

    return FERROKV_OK;
}


static void
stop(ferrokv_ctx *ctx)
{
    if (ctx->self != NULL) {
        ctx->api->drop(ctx, ctx->self);
        ctx->self = NULL;
    }
}


/* kind, one name, another one behind it. */
static ferrokv_str
entry(ferrokv_ctx *ctx, char kind, ferrokv_str one, ferrokv_str other)
{
    unsigned char  *p = ctx->api->alloc(ctx, ENTRY_BYTES);
    size_t          n = 1;

    p[0] = (unsigned char) kind;
    n += ferrokv_put_text(p + n, one);

    if (other.len > 0) {
        memcpy(p + n, other.data, other.len);
    }

    return (ferrokv_str) { p, n + other.len };
}


/* The first element that does not begin so. */
static ferrokv_str
behind(ferrokv_ctx *ctx, ferrokv_str prefix)
{
    unsigned char  *p = ctx->api->alloc(ctx, prefix.len);

    memcpy(p, prefix.data, prefix.len);
    p[prefix.len - 1]++;            /* put_text() ends with 00 */

    return (ferrokv_str) { p, prefix.len };
}


static int
row(ferrokv_ctx *ctx, void *data, ferrokv_str elem, const ferrokv_value *val)
{
    rows           *all = data;
    size_t          len = elem.len - all->prefix.len;
    char           *copy = ctx->api->alloc(ctx, len + 1);
    const char     *from = elem.data;

    memcpy(copy, from + all->prefix.len, len);
    all->names[all->n] = (ferrokv_str) { copy, len };
    all->times[all->n] = (val->data.len == TIME_BYTES)
                         ? ferrokv_get_u64(val->data.data) : 0;
    all->n++;

    return FERROKV_OK;
}


static int
find(ferrokv_ctx *ctx, char kind, ferrokv_str name, uint64_t n, rows *all)
{
    const ferrokv_str  none = { NULL, 0 };

    all->prefix = entry(ctx, kind, name, none);
    all->n = 0;

    return ctx->api->scan(ctx, own_map, all->prefix, behind(ctx, all->prefix),
                          n, row, all);
}


static int
put_time(ferrokv_ctx *ctx, ferrokv_str elem)
{
    unsigned char  bytes[TIME_BYTES];
    int64_t        ms;
    ferrokv_value  value = { { bytes, sizeof(bytes) }, NULL, 0 };

    ctx->api->param(ctx, &ttl, &ms);
    ferrokv_put_u64(bytes, ctx->now);
    value.expires = ctx->now + (uint64_t) ms;

    return ctx->api->put(ctx, own_map, elem, &value);
}


static int
check(ferrokv_ctx *ctx, size_t n, const ferrokv_str *names)
{
    for (size_t i = 0; i < n; i++) {
        if (names[i].len == 0 || names[i].len > NAME_MAX_BYTES) {
            return ctx->api->fail(ctx, FERROKV_EARG, "ERR keys and tags have "
                                  "1 to %d bytes", NAME_MAX_BYTES);
        }
    }

    return FERROKV_OK;
}


static int
has(const rows *all, ferrokv_str name)
{
    for (size_t i = 0; i < all->n; i++) {
        if (all->names[i].len == name.len
            && memcmp(all->names[i].data, name.data, name.len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* New ones count from now, and so do those that the key had. */
static int
add(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    rows     all;
    int64_t  added = 0;
    int      rc;

    if ((rc = check(ctx, argc - 1, argv + 1)) < 0
        || (rc = find(ctx, 'k', argv[1], TAGS_MAX, &all)) < 0)
    {
        return rc;
    }

    for (size_t i = 2; i < argc; i++) {
        if (has(&all, argv[i])) {
            continue;
        }

        if (all.n == TAGS_MAX) {
            return ctx->api->fail(ctx, FERROKV_EARG, "ERR a key has at most "
                                  "%d tags", TAGS_MAX);
        }

        all.names[all.n++] = argv[i];
        added++;
    }

    for (size_t i = 0; i < all.n; i++) {
        if ((rc = put_time(ctx, entry(ctx, 'k', argv[1], all.names[i]))) < 0
            || (rc = put_time(ctx, entry(ctx, 't', all.names[i], argv[1]))) < 0)
        {
            return rc;
        }
    }

    return ctx->api->say_int(ctx, added);
}


static int
purge(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    const ferrokv_str  none = { NULL, 0 };
    int                rc = check(ctx, argc - 1, argv + 1);

    for (size_t i = 1; rc >= 0 && i < argc; i++) {
        rc = put_time(ctx, entry(ctx, 'p', argv[i], none));
    }

    if (rc < 0) {
        return rc;
    }

    ctx->api->count(ctx, &purged, (int64_t) argc - 1);

    return ctx->api->say_int(ctx, (int64_t) argc - 1);
}


/* In the millisecond of its purge it is stale: asking again costs less. */
static int
is_purged(ferrokv_ctx *ctx, ferrokv_str tag, uint64_t since, int *yes)
{
    const ferrokv_str  none = { NULL, 0 };
    ferrokv_value      value;
    int                rc;

    rc = ctx->api->get(ctx, own_map, entry(ctx, 'p', tag, none), &value);

    if (rc == FERROKV_OK && value.data.len == TIME_BYTES
        && ferrokv_get_u64(value.data.data) >= since)
    {
        *yes = 1;
    }

    return (rc < 0) ? rc : FERROKV_OK;
}


static int
stale_call(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    rows  all;
    int   yes = 0, rc;

    (void) argc;

    if ((rc = check(ctx, 1, argv + 1)) < 0
        || (rc = find(ctx, 'k', argv[1], TAGS_MAX, &all)) < 0)
    {
        return rc;
    }

    for (size_t i = 0; i < all.n && !yes; i++) {
        rc = is_purged(ctx, all.names[i], all.times[i], &yes);

        if (rc < 0) {
            return rc;
        }
    }

    if (yes) {
        ctx->api->count(ctx, &stale, 1);
    }

    return ctx->api->say_int(ctx, yes);
}


static int
say_key(ferrokv_ctx *ctx, void *data, ferrokv_str elem,
    const ferrokv_value *val)
{
    rows        *all = data;
    const char  *name = elem.data;

    (void) val;
    all->n++;

    return ctx->api->say_str(ctx, (ferrokv_str) {
                                 name + all->prefix.len,
                                 elem.len - all->prefix.len });
}


static int
keys(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    const ferrokv_str  none = { NULL, 0 };
    rows               all = { .n = 0 };
    size_t             begin;
    int                rc;

    (void) argc;

    if ((rc = check(ctx, 1, argv + 1)) < 0) {
        return rc;
    }

    begin = ctx->api->say_begin(ctx);
    all.prefix = entry(ctx, 't', argv[1], none);
    rc = ctx->api->scan(ctx, own_map, all.prefix, behind(ctx, all.prefix), 0,
                        say_key, &all);

    return (rc < 0) ? rc : ctx->api->say_end(ctx, begin, all.n);
}


static int
take(ferrokv_ctx *ctx, ferrokv_str key, ferrokv_str tag)
{
    int  rc = ctx->api->del(ctx, own_map, entry(ctx, 'k', key, tag));

    return (rc < 0) ? rc : ctx->api->del(ctx, own_map,
                                         entry(ctx, 't', tag, key));
}


/* Those that are named, or all. */
static int
del(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    rows     all;
    int64_t  n = 0;
    int      rc;

    if ((rc = check(ctx, argc - 1, argv + 1)) < 0
        || (rc = find(ctx, 'k', argv[1], TAGS_MAX, &all)) < 0)
    {
        return rc;
    }

    for (size_t i = 0; i < all.n; i++) {
        int  is = (argc == 2);

        for (size_t j = 2; j < argc && !is; j++) {
            is = argv[j].len == all.names[i].len
                 && memcmp(argv[j].data, all.names[i].data, argv[j].len) == 0;
        }

        if (is) {
            if ((rc = take(ctx, argv[1], all.names[i])) < 0) {
                return rc;
            }

            n++;
        }
    }

    return ctx->api->say_int(ctx, n);
}


static int
expired(ferrokv_ctx *ctx, ferrokv_event *ev)
{
    state     *st = ctx->self;
    unsigned   at;

    if (st == NULL || ev->db != 0 || st->n == RING || ev->key.len == 0
        || ev->key.len > NAME_MAX_BYTES)
    {
        return FERROKV_OK;
    }

    at = (st->first + st->n++) % RING;
    memcpy(st->keys[at], ev->key.data, ev->key.len);
    st->lens[at] = (uint16_t) ev->key.len;

    return FERROKV_OK;
}


/*
 * A run may be made again, and nobody says whether it counted: so a key stays
 * in the ring until a run finds that it has no tags.
 */
static int
clean(ferrokv_ctx *ctx)
{
    state        *st = ctx->self;
    ferrokv_str   key;
    rows          all;
    int           rc;

    if (st == NULL || st->n == 0) {
        return FERROKV_OK;
    }

    key = (ferrokv_str) { st->keys[st->first], st->lens[st->first] };

    if ((rc = find(ctx, 'k', key, PIECE, &all)) < 0) {
        return rc;
    }

    for (size_t i = 0; i < all.n; i++) {
        if ((rc = take(ctx, key, all.names[i])) < 0) {
            return rc;
        }
    }

    ctx->api->count(ctx, &cleaned, (int64_t) all.n);

    if (all.n == 0) {
        st->first = (st->first + 1) % RING;
        st->n--;
    }

    return (st->n > 0) ? FERROKV_AGAIN : FERROKV_OK;
}


static const ferrokv_command  tag_add = {
    FERROKV_COMMAND, FERROKV_WRITE | FERROKV_ELEMENTS, "TAG.ADD", -3, 0, 0, 0,
    add, "key tag [tag ...]", "Gives a key tags, which count from now."
};

static const ferrokv_command  tag_purge = {
    FERROKV_COMMAND, FERROKV_WRITE | FERROKV_ELEMENTS, "TAG.PURGE", -2, 0, 0, 0,
    purge, "tag [tag ...]", "Makes all keys stale that have one of these tags."
};

static const ferrokv_command  tag_stale = {
    FERROKV_COMMAND, FERROKV_READ | FERROKV_ELEMENTS, "TAG.STALE", 2, 0, 0, 0,
    stale_call, "key", "Was a tag of this key purged since it was tagged?"
};

static const ferrokv_command  tag_keys = {
    FERROKV_COMMAND, FERROKV_READ | FERROKV_SLOW | FERROKV_ELEMENTS,
    "TAG.KEYS", 2, 0, 0, 0, keys, "tag", "The keys that have a tag."
};

static const ferrokv_command  tag_del = {
    FERROKV_COMMAND, FERROKV_WRITE | FERROKV_ELEMENTS, "TAG.DEL", -2, 0, 0, 0,
    del, "key [tag ...]", "Takes tags from a key, or all."
};

static const ferrokv_hook  on_expire = {
    FERROKV_HOOK, 0, "cachetag.expired", FERROKV_ON_EXPIRE, FERROKV_OBSERVE, "",
    expired
};

static const ferrokv_worker  cleaner = {
    FERROKV_WORKER, 0, "cachetag.cleaner", 1000, clean
};

static const void *const  provides[] = {
    &tag_add, &tag_purge, &tag_stale, &tag_keys, &tag_del, &on_expire, &cleaner,
    &ttl, &purged, &stale, &cleaned, NULL
};

static const ferrokv_extension  extension = {
    sizeof(ferrokv_extension), FERROKV_NEEDS_HELPER, "cachetag",
    FERROKV_VERSION, provides, NULL, 0, 0, start, stop
};

FERROKV_DEFINE(extension);
