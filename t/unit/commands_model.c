/*
 * commands_model.c - random commands and transactions, some sent before the
 * answers of those before them have come, against a model that is a table.
 */

#include "perform.h"
#include "own_commands.h"

#define KEYS       12
#define DATABASES  2
#define DEPTH_MAX  8
#define ROUNDS     1200
#define VALUE_MAX  40

static live_t     live;
static perform_t  p;
static uint64_t   seed;

typedef struct {
    bool  exists;
    char  value[VALUE_MAX];
} cell_t;

static cell_t    model[DATABASES][KEYS];
static unsigned  model_ns;

/* What a pipeline of these should answer, and its parts. */
typedef struct {
    performing_t  r;
    int           rc;
    char          expected[16384];
    size_t        len;
} sent_t;


static unsigned
any(unsigned n)
{
    return (unsigned) (check_random(&seed) >> 33) % n;
}


static void
answers(sent_t *s, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    s->len += (size_t) vsnprintf(s->expected + s->len,
                                 sizeof(s->expected) - s->len, fmt, args);
    va_end(args);
    assert_true(s->len < sizeof(s->expected));
}


static void
expect_cell(sent_t *s, const cell_t *cell)
{
    if (!cell->exists) {
        answers(s, "$-1\r\n");
        return;
    }

    answers(s, "$%zu\r\n%s\r\n", strlen(cell->value), cell->value);
}


static void
cell_set(cell_t *cell, const char *value)
{
    cell->exists = true;
    (void) snprintf(cell->value, sizeof(cell->value), "%s", value);
}


static bool
cell_int(const cell_t *cell, long long *n)
{
    char  *end;

    *n = cell->exists ? strtoll(cell->value, &end, 10) : 0;

    return !cell->exists || *end == '\0';
}


static void
model_incr(sent_t *s, cell_t *cell)
{
    long long  n;
    char       text[VALUE_MAX];

    if (!cell_int(cell, &n)) {
        answers(s, "-ERR value is not an integer or out of range\r\n");
        return;
    }

    (void) snprintf(text, sizeof(text), "%lld", n + 1);
    cell_set(cell, text);
    answers(s, ":%lld\r\n", n + 1);
}


static void
model_rename(sent_t *s, cell_t *from, cell_t *to)
{
    cell_t  moved = *from;

    if (!from->exists) {
        answers(s, "-ERR no such key\r\n");
        return;
    }

    from->exists = false;
    *to = moved;
    answers(s, "+OK\r\n");
}


static void
model_move(sent_t *s, unsigned a)
{
    cell_t  *from = &model[model_ns][a], *to = &model[1 - model_ns][a];

    if (!from->exists || to->exists) {
        answers(s, ":0\r\n");
        return;
    }

    *to = *from;
    from->exists = false;
    answers(s, ":1\r\n");
}


/* Names sort as their numbers do: "ka", "kb" ... */
static void
model_keys(sent_t *s, const cell_t *cells)
{
    unsigned  n = 0;

    for (unsigned i = 0; i < KEYS; i++) {
        n += cells[i].exists;
    }

    answers(s, "*%u\r\n", n);

    for (unsigned i = 0; i < KEYS; i++) {
        if (cells[i].exists) {
            answers(s, "$2\r\nk%c\r\n", 'a' + i);
        }
    }
}


/* One random command: its line, and what the model answers. */
static void
command_any(sent_t *s, char *line, size_t size)
{
    cell_t    *cells = model[model_ns];
    unsigned   a = any(KEYS), b = any(KEYS), c = any(KEYS);
    char       value[VALUE_MAX];

    if (any(3) == 0) {
        (void) snprintf(value, sizeof(value), "v%u", any(100000));
    } else {
        (void) snprintf(value, sizeof(value), "%u", any(100));
    }

    switch (any(14)) {

    case 0:
    case 1:
        (void) snprintf(line, size, "GET k%c", 'a' + a);
        expect_cell(s, &cells[a]);
        return;

    case 2:
        (void) snprintf(line, size, "MGET k%c k%c k%c", 'a' + a, 'a' + b,
                        'a' + c);
        answers(s, "*3\r\n");
        expect_cell(s, &cells[a]);
        expect_cell(s, &cells[b]);
        expect_cell(s, &cells[c]);
        return;

    case 3:
    case 4:
        (void) snprintf(line, size, "SET k%c %s", 'a' + a, value);
        cell_set(&cells[a], value);
        answers(s, "+OK\r\n");
        return;

    case 5:
        (void) snprintf(line, size, "MSET k%c %s k%c 7 k%c x", 'a' + a, value,
                        'a' + b, 'a' + c);
        cell_set(&cells[a], value);
        cell_set(&cells[b], "7");
        cell_set(&cells[c], "x");
        answers(s, "+OK\r\n");
        return;

    case 6:
        (void) snprintf(line, size, "SETNX k%c %s", 'a' + a, value);
        answers(s, ":%d\r\n", !cells[a].exists);

        if (!cells[a].exists) {
            cell_set(&cells[a], value);
        }

        return;

    case 7:
    case 8:
        (void) snprintf(line, size, "INCR k%c", 'a' + a);
        model_incr(s, &cells[a]);
        return;

    case 9:
        b = (b == a) ? (a + 1) % KEYS : b;
        (void) snprintf(line, size, "DEL k%c k%c", 'a' + a, 'a' + b);
        answers(s, ":%d\r\n", cells[a].exists + cells[b].exists);
        cells[a].exists = cells[b].exists = false;
        return;

    case 10:
        (void) snprintf(line, size, "RENAME k%c k%c", 'a' + a, 'a' + b);
        model_rename(s, &cells[a], &cells[b]);
        return;

    case 11:
        (void) snprintf(line, size, "MOVE k%c %u", 'a' + a, 1 - model_ns);
        model_move(s, a);
        return;

    case 12:
        (void) snprintf(line, size, "SETBAD k%c %s", 'a' + a, value);
        answers(s, "-ERR bad\r\n");
        return;
    }

    if (any(4) == 0) {
        (void) snprintf(line, size, "FLUSH");
        memset(cells, 0, sizeof(model[0]));
        answers(s, "+OK\r\n");
        return;
    }

    (void) snprintf(line, size, "KEYS + + 0");
    model_keys(s, cells);
}


static void
sent_make(sent_t *s)
{
    unsigned  n = (any(3) == 0) ? 1 + any(6) : 1;
    char      line[128];

    perform_init(&p, &s->r);
    s->len = 0;
    s->r.exec.multi = (n > 1);

    if (n > 1) {
        answers(s, "*%u\r\n", n);
    }

    for (unsigned i = 0; i < n; i++) {
        command_any(s, line, sizeof(line));
        perform_add(&p, &s->r, line);
    }
}


/* The next one may start when this one is placed. */
static void
sent_start(sent_t *s, uint64_t *after)
{
    s->r.exec.after = *after;
    s->rc = fkv_exec(&s->r.exec);

    for (uint64_t until = live_ms() + 60000; !s->r.exec.placed; ) {
        live_loop(&live, 10);
        assert_true(live_ms() < until);
    }

    *after = fkv__max(*after, s->r.exec.lsn);
}


static void
sent_check(sent_t *s)
{
    char  first[256];

    (void) snprintf(first, sizeof(first), "%s", s->r.text[0]);
    (void) perform_end(&p, &s->r, s->rc);

    if (p.out.len != s->len + 1
        || memcmp(p.out.data, s->expected, s->len) != 0)
    {
        fail_msg("%s...: expected \"%s\", got \"%s\"", first, s->expected,
                 p.out.data);
    }
}


static void
random_commands(fkv_sync_e sync)
{
    sent_t    *sent = calloc(DEPTH_MAX, sizeof(*sent));
    uint64_t   after = 0;
    char       filler[16000];

    live_dir(&live);
    live_open(&live, FKV_MEMORY_MIN, sync);
    live_attach(&live, FKV_WORKER);
    (void) fkv_helper(live.store);
    p = (perform_t) { .live = &live, .own = own_commands };
    memset(model, 0, sizeof(model));
    memset(filler, 'f', sizeof(filler));
    seed = 17 + sync;

    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned  depth = 1 + any(DEPTH_MAX);

        p.ns = model_ns = any(DATABASES);

        for (unsigned k = 0; k < depth; k++) {
            sent_make(&sent[k]);
            sent_start(&sent[k], &after);
        }

        for (unsigned k = 0; k < depth; k++) {
            sent_check(&sent[k]);
        }

        /* So that memtables become tables meanwhile. */
        if (i % 4 == 0) {
            bool          done = false;
            fkv_change_t  change = { .ns = 2, .key = FKV_STR("filler"),
                                     .blind = true, .action = FKV_PUT,
                                     .value = { (uint8_t *) filler,
                                                sizeof(filler) } };
            fkv_update_t  u = { .store = live.store, .changes = &change,
                                .n = 1, .op = { .on_done = live_done,
                                                .data = &done } };

            assert_int_equal(live_wait(&live, &u.op, fkv_update(&u), &done),
                             FKV_OK);
        }
    }

    {
        fkv_stats_t  stats;

        fkv_stats(live.store, &stats);
        assert_true(stats.flushes > 0);
    }

    assert_int_equal(fkv_in_flight(live.store), 0);
    fkv_helper_stop(live.store);
    perform_remove(&p);
    free(sent);
}


static void
what_waits_for_the_disk_agrees(void **state)
{
    (void) state;
    random_commands(FKV_SYNC_ALWAYS);
}


static void
what_does_not_wait_agrees(void **state)
{
    (void) state;
    random_commands(FKV_SYNC_EVERYSEC);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(what_waits_for_the_disk_agrees),
        cmocka_unit_test(what_does_not_wait_agrees),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
