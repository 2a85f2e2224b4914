/*
 * stat.c - STAT.COMMANDS, STAT.PREFIXES, STAT.HOTKEYS, STAT.RESET: what a store
 * is used for.
 *
 * A hook behind each command counts, in memory of its process that is made once
 * and never grows (table.h, sketch.h).  The processes' figures meet in the own
 * map (picture.h): a second hook writes this process's as part of somebody's
 * write, when the last time is long enough ago.  Whoever answers adds up its
 * own figures, which are fresh, and what the others have written.
 */

#define _GNU_SOURCE         /* memmem */

#include <ferrokv_extension.h>

#include "picture.h"

#include <string.h>
#include <unistd.h>

#define COMMANDS_MAX  128       /* names in a process */
#define MERGED_MAX    1024      /* names, and keys, in an answer */
#define PROCESSES_MAX 256       /* in an answer */
#define ROWS_DEFAULT  10
#define ID_BYTES      8
#define NAME_BYTES    (2 + ID_BYTES)    /* of an element */


static const ferrokv_param  delimiter = {
    FERROKV_PARAM, 0, "stat.delimiter", FERROKV_TEXT, 0, 0, 0, ":", NULL,
    "what ends the prefix of a key"
};

static const ferrokv_param  prefixes = {
    FERROKV_PARAM, 0, "stat.prefixes", FERROKV_NUMBER, 0, 16, 512, "128", NULL,
    "prefixes that a process counts"
};

static const ferrokv_param  hotkeys = {
    FERROKV_PARAM, 0, "stat.hotkeys", FERROKV_NUMBER, 0, 16, 512, "128", NULL,
    "keys that a process counts"
};

static const ferrokv_param  interval = {
    FERROKV_PARAM, 0, "stat.interval", FERROKV_TIME, 0, 100, 3600000, "5s",
    NULL,
    "how often a process writes its figures down"
};


/* Of a process. */
typedef struct {
    picture        pic;
    uint64_t       written;     /* when */
    uint64_t       interval;
    ferrokv_str    delimiter;
    char           id[ID_BYTES];
} state;


static int
start(ferrokv_ctx *ctx)
{
    int64_t   prefixes_n, hotkeys_n, ms;
    uint64_t  id = ctx->random ^ ctx->now << 20 ^ (uint64_t) getpid() << 32;
    uint32_t  max = 2;
    state    *st = ctx->api->keep(ctx, sizeof(state));

    ctx->api->param(ctx, &prefixes, &prefixes_n);
    ctx->api->param(ctx, &hotkeys, &hotkeys_n);
    ctx->api->param(ctx, &interval, &ms);

    while (max < 2 * prefixes_n) {
        max *= 2;
    }

    if (st == NULL) {
        return FERROKV_EMEMORY;
    }

    *st = (state) { .pic = {
        .since = ctx->now,
        .commands = ctx->api->keep(ctx, table_size(COMMANDS_MAX * 2)),
        .prefixes = ctx->api->keep(ctx, table_size(max)),
        .keys = ctx->api->keep(ctx, sketch_size((uint32_t) hotkeys_n)) } };

    if (st->pic.commands == NULL || st->pic.prefixes == NULL
        || st->pic.keys == NULL)
    {
        return FERROKV_EMEMORY;
    }

    table_init(st->pic.commands, COMMANDS_MAX * 2);
    table_init(st->pic.prefixes, max);
    sketch_init(st->pic.keys, (uint32_t) hotkeys_n);

    ctx->api->param(ctx, &delimiter, &st->delimiter);
    st->interval = (uint64_t) ms;
    st->written = ctx->now;
    memcpy(st->id, &id, ID_BYTES);
    ctx->self = st;

    return FERROKV_OK;
}


static void
stop(ferrokv_ctx *ctx)
{
    state  *st = ctx->self;

    if (st != NULL) {
        ctx->api->drop(ctx, st->pic.commands);
        ctx->api->drop(ctx, st->pic.prefixes);
        ctx->api->drop(ctx, st->pic.keys);
        ctx->api->drop(ctx, st);
        ctx->self = NULL;
    }
}


/* The part up to the delimiter, without it; of a key that has none, nothing. */
static ferrokv_str
prefix_of(const state *st, ferrokv_str key)
{
    const char  *at = NULL;

    if (st->delimiter.len != 0) {
        at = memmem(key.data, key.len, st->delimiter.data, st->delimiter.len);
    }

    return (ferrokv_str) { key.data,
                           at != NULL ? (size_t) (at - (const char *) key.data)
                                      : 0 };
}


static int
count_call(ferrokv_ctx *ctx, ferrokv_event *ev)
{
    state  *st = ctx->self;

    if (st == NULL) {
        return FERROKV_OK;
    }

    table_count(table_at(st->pic.commands,
                         (ferrokv_str) { ev->command, strlen(ev->command) }),
                ev->micros, ev->rc < 0);

    if (ev->key.len != 0) {
        table_count(table_at(st->pic.prefixes, prefix_of(st, ev->key)),
                    ev->micros, ev->rc < 0);
        sketch_count(st->pic.keys, ev->db, ev->key);
    }

    return FERROKV_OK;
}


static ferrokv_str
name_of(char name[NAME_BYTES], char kind, const char *id)
{
    name[0] = kind;
    name[1] = '/';
    memcpy(name + 2, id, ID_BYTES);

    return (ferrokv_str) { name, NAME_BYTES };
}


static int
put_picture(ferrokv_ctx *ctx, state *st, char kind)
{
    const ferrokv_str  map = { NULL, 0 };
    char               name[NAME_BYTES];
    uint8_t           *bytes = ctx->api->alloc(ctx, PICTURE_BYTES_MAX);
    ferrokv_value      value = { { bytes, 0 }, NULL, 0 };

    st->pic.now = ctx->now;
    value.data.len = picture_put(&st->pic, bytes);

    return ctx->api->put(ctx, map, name_of(name, kind, st->id), &value);
}


/* If the write comes to nothing, the next one is early enough. */
static int
write_down(ferrokv_ctx *ctx, ferrokv_event *ev)
{
    state  *st = ctx->self;

    (void) ev;

    if (st == NULL || ctx->now < st->written + st->interval) {
        return FERROKV_OK;
    }

    st->written = ctx->now;

    return put_picture(ctx, st, 'p');
}


/* All processes' figures, while they are being put together. */
typedef struct {
    picture      pic;
    const char  *own;                   /* id; its figures are fresh */
    char       (*ids)[ID_BYTES];        /* of whom something was added */
    unsigned     ids_n;
} sum;


static int
is_added(const sum *all, const char *id)
{
    for (unsigned i = 0; i < all->ids_n; i++) {
        if (memcmp(all->ids[i], id, ID_BYTES) == 0) {
            return 1;
        }
    }

    return 0;
}


static void
add_id(sum *all, const char *id)
{
    memcpy(all->ids[all->ids_n++], id, ID_BYTES);
}


/* "p/ID" */
static int
add_process(ferrokv_ctx *ctx, void *data, ferrokv_str name,
    const ferrokv_value *val)
{
    const char  *id = (const char *) name.data + 2;
    sum         *all = data;
    uint64_t     now, since;

    if (name.len != NAME_BYTES || memcmp(id, all->own, ID_BYTES) == 0
        || all->ids_n == PROCESSES_MAX
        || picture_head(val->data, &now, &since) != FERROKV_OK
        || now + PICTURE_AGE_MAX < ctx->now)
    {
        return FERROKV_OK;
    }

    /* A damaged one is shorter, and says nothing wrong. */
    (void) picture_add(&all->pic, val->data, 1);
    add_id(all, id);

    if (since < all->pic.since) {
        all->pic.since = since;
    }

    return FERROKV_OK;
}


/* "b/ID" */
static int
take_off(ferrokv_ctx *ctx, void *data, ferrokv_str name,
    const ferrokv_value *val)
{
    sum       *all = data;
    uint64_t   now, since;

    (void) ctx;

    if (name.len == NAME_BYTES
        && is_added(all, (const char *) name.data + 2)
        && picture_head(val->data, &now, &since) == FERROKV_OK)
    {
        (void) picture_add(&all->pic, val->data, -1);

    }

    return FERROKV_OK;
}


static int
scan(ferrokv_ctx *ctx, const char *from, const char *to, ferrokv_row row,
    void *data)
{
    const ferrokv_str  map = { NULL, 0 };

    return ctx->api->scan(ctx, map, (ferrokv_str) { from, 2 },
                          (ferrokv_str) { to, 2 }, 0, row, data);
}


static void *
zeros(ferrokv_ctx *ctx, size_t size)
{
    return memset(ctx->api->alloc(ctx, size), 0, size);
}


static int
add_up(ferrokv_ctx *ctx, sum *all)
{
    state     *st = ctx->self;
    uint8_t   *bytes;
    int        rc;

    if (st == NULL) {
        return ctx->api->fail(ctx, FERROKV_ERROR,
                              "ERR nothing is counted here");
    }

    *all = (sum) { .own = st->id,
        .ids = ctx->api->alloc(ctx, PROCESSES_MAX * ID_BYTES),
        .pic = { .since = st->pic.since,
            .commands = zeros(ctx, table_size(MERGED_MAX)),
            .prefixes = zeros(ctx, table_size(MERGED_MAX)),
            .keys = zeros(ctx, sketch_size(MERGED_MAX)) } };
    table_init(all->pic.commands, MERGED_MAX);
    table_init(all->pic.prefixes, MERGED_MAX);
    sketch_init(all->pic.keys, MERGED_MAX);

    /* The way that all others' take. */
    bytes = ctx->api->alloc(ctx, PICTURE_BYTES_MAX);
    rc = picture_add(&all->pic, (ferrokv_str) { bytes,
                                picture_put(&st->pic, bytes) }, 1);
    add_id(all, st->id);

    if (rc == FERROKV_OK) {
        rc = scan(ctx, "p/", "p0", add_process, all);
    }

    return (rc == FERROKV_OK) ? scan(ctx, "b/", "b0", take_off, all) : rc;
}


/* [count] */
static int
rows_of(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv, uint32_t *n)
{
    const char  *p = (argc > 1) ? argv[1].data : NULL;

    if (p == NULL) {
        *n = ROWS_DEFAULT;
        return FERROKV_OK;
    }

    *n = 0;

    for (size_t i = 0; i < argv[1].len && i < 5; i++) {
        if (p[i] < '0' || p[i] > '9') {
            *n = 0;
            break;
        }

        *n = *n * 10 + (uint32_t) (p[i] - '0');
    }

    if (argc > 2 || *n == 0 || argv[1].len > 4) {
        return ctx->api->fail(ctx, FERROKV_EARG,
                              "ERR how many: a number from 1 to 9999");
    }

    return FERROKV_OK;
}


static void
say_pair(ferrokv_ctx *ctx, const char *name, uint64_t n)
{
    ctx->api->say_str(ctx, (ferrokv_str) { name, strlen(name) });
    ctx->api->say_int(ctx, (int64_t) n);
}


static void
say_row(ferrokv_ctx *ctx, const char *what, const table_row *row)
{
    ctx->api->say_map(ctx, 6);
    ctx->api->say_str(ctx, (ferrokv_str) { what, strlen(what) });
    ctx->api->say_str(ctx, (ferrokv_str) { row->name, row->len });
    say_pair(ctx, "calls", row->calls);
    say_pair(ctx, "errors", row->errors);
    say_pair(ctx, "usec", row->micros);
    say_pair(ctx, "p50_usec", table_percentile(row, 50));
    say_pair(ctx, "p99_usec", table_percentile(row, 99));
}


static int
say_table(ferrokv_ctx *ctx, const char *what, table *t, uint32_t max)
{
    uint32_t  n = table_sort(t);

    n = (n < max) ? n : max;
    ctx->api->say_array(ctx, n);

    for (uint32_t i = 0; i < n; i++) {
        say_row(ctx, what, &t->rows[i]);
    }

    return FERROKV_OK;
}


static int
commands(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    sum       all;
    uint32_t  n;
    int       rc;

    if ((rc = rows_of(ctx, argc, argv, &n)) < 0
        || (rc = add_up(ctx, &all)) < 0)
    {
        return rc;
    }

    return say_table(ctx, "command", all.pic.commands, n);
}


static int
prefixes_call(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    sum       all;
    uint32_t  n;
    int       rc;

    if ((rc = rows_of(ctx, argc, argv, &n)) < 0
        || (rc = add_up(ctx, &all)) < 0)
    {
        return rc;
    }

    return say_table(ctx, "prefix", all.pic.prefixes, n);
}


static int
hotkeys_call(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    sum       all;
    uint32_t  n, found;
    int       rc;

    if ((rc = rows_of(ctx, argc, argv, &n)) < 0
        || (rc = add_up(ctx, &all)) < 0)
    {
        return rc;
    }

    found = sketch_sort(all.pic.keys);
    n = (found < n) ? found : n;
    ctx->api->say_array(ctx, n);

    for (uint32_t i = 0; i < n; i++) {
        const sketch_row  *row = &all.pic.keys->rows[i];

        ctx->api->say_map(ctx, 4);
        ctx->api->say_str(ctx, (ferrokv_str) { "key", 3 });
        ctx->api->say_str(ctx, (ferrokv_str) { row->key, row->len });
        say_pair(ctx, "db", row->db);
        say_pair(ctx, "count", row->count);
        say_pair(ctx, "error", row->error);
    }

    return FERROKV_OK;
}


static int
forget(ferrokv_ctx *ctx, void *data, ferrokv_str name,
    const ferrokv_value *val)
{
    const ferrokv_str  map = { NULL, 0 };
    int                rc = ctx->api->del(ctx, map, name);

    (void) data;
    (void) val;

    return (rc < 0) ? rc : FERROKV_OK;
}


/* What stands in "p/" now is what is taken off from now on. */
static int
keep_as_base(ferrokv_ctx *ctx, void *data, ferrokv_str name,
    const ferrokv_value *val)
{
    const ferrokv_str  map = { NULL, 0 };
    const state       *st = ctx->self;
    const char        *id = (const char *) name.data + 2;
    char               base[NAME_BYTES];
    uint64_t           now, since;

    (void) data;

    if (name.len != NAME_BYTES
        || picture_head(val->data, &now, &since) != FERROKV_OK
        || now + PICTURE_AGE_MAX < ctx->now)
    {
        return forget(ctx, NULL, name, val);
    }

    if (memcmp(id, st->id, ID_BYTES) == 0) {
        return FERROKV_OK;
    }

    return ctx->api->put(ctx, map, name_of(base, 'b', id), val);
}


static int
reset(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    state  *st = ctx->self;
    int     rc;

    (void) argc;
    (void) argv;

    if (st == NULL) {
        return ctx->api->fail(ctx, FERROKV_ERROR,
                              "ERR nothing is counted here");
    }

    if ((rc = scan(ctx, "b/", "b0", forget, NULL)) < 0
        || (rc = scan(ctx, "p/", "p0", keep_as_base, NULL)) < 0
        || (rc = put_picture(ctx, st, 'b')) < 0)
    {
        return rc;
    }

    return ctx->api->say_status(ctx, "OK");
}


static const ferrokv_command  stat_commands = {
    FERROKV_COMMAND, FERROKV_READ | FERROKV_ADMIN | FERROKV_SLOW
                     | FERROKV_ELEMENTS,
    "STAT.COMMANDS", -1, 0, 0, 0, commands, "[count]",
    "Which commands take the most time, and how long each takes."
};

static const ferrokv_command  stat_prefixes = {
    FERROKV_COMMAND, FERROKV_READ | FERROKV_ADMIN | FERROKV_SLOW
                     | FERROKV_ELEMENTS,
    "STAT.PREFIXES", -1, 0, 0, 0, prefixes_call, "[count]",
    "The same of the prefixes of keys."
};

static const ferrokv_command  stat_hotkeys = {
    FERROKV_COMMAND, FERROKV_READ | FERROKV_ADMIN | FERROKV_SLOW
                     | FERROKV_ELEMENTS,
    "STAT.HOTKEYS", -1, 0, 0, 0, hotkeys_call, "[count]",
    "Which keys are used most."
};

static const ferrokv_command  stat_reset = {
    FERROKV_COMMAND, FERROKV_WRITE | FERROKV_ADMIN | FERROKV_SLOW
                     | FERROKV_ELEMENTS,
    "STAT.RESET", 1, 0, 0, 0, reset, NULL,
    "Counts from now on."
};

static const ferrokv_hook  on_call = {
    FERROKV_HOOK, 0, "stat.calls", FERROKV_ON_CALL, FERROKV_OBSERVE, "",
    count_call
};

static const ferrokv_hook  on_write = {
    FERROKV_HOOK, 0, "stat.write", FERROKV_ON_WRITE, FERROKV_OBSERVE, "",
    write_down
};

static const void *const  provides[] = {
    &stat_commands, &stat_prefixes, &stat_hotkeys, &stat_reset, &on_call,
    &on_write, &delimiter, &prefixes, &hotkeys, &interval, NULL
};

static const ferrokv_extension  extension = {
    sizeof(ferrokv_extension), 0, "stat", FERROKV_VERSION, provides,
    NULL, 0, 0, start, stop
};

FERROKV_DEFINE(extension);
