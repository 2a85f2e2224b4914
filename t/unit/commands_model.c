/*
 * commands_model.c - random commands and transactions, some sent before the
 * answers of those before them have come, against a model that is a table.
 */

#include "sent.h"
#include "own_commands.h"

#define KEYS       12
#define ROUNDS     1200
#define VALUE_MAX  40

typedef struct {
    bool  exists;
    char  value[VALUE_MAX];
} cell_t;

static cell_t  model[SENT_DATABASES][KEYS];


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
    cell_t  *from = &model[sent_ns][a], *to = &model[1 - sent_ns][a];

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
    cell_t    *cells = model[sent_ns];
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
        (void) snprintf(line, size, "MOVE k%c %u", 'a' + a, 1 - sent_ns);
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
random_commands(fkv_sync_e sync)
{
    live_dir(&live);
    live_open(&live, FKV_MEMORY_MIN, sync);
    live_attach(&live, FKV_WORKER);
    (void) fkv_helper(live.store);
    p = (perform_t) { .live = &live, .own = own_commands };
    memset(model, 0, sizeof(model));
    seed = 17 + sync;

    sent_rounds(ROUNDS, command_any);
    fkv_helper_stop(live.store);
    perform_remove(&p);
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
