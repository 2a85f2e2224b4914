/*
 * commands_element.c - random commands over keys with elements, alone, in
 * transactions and in pipelines, against a model that is a table; of two
 * processes; and of one that is killed.
 */

#include "sent.h"
#include "own_elements.h"
#include "commands/types.h"

#define KEYS       4
#define FIELDS     8
#define ROUNDS     900
#define SHARED     1200

#define WRONG                                                                 \
    "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"

typedef enum { NONE, STRING, HASH } kind_e;

typedef struct {
    kind_e    kind;
    unsigned  values[FIELDS];       /* 0 = there is none */
} cell_t;

static cell_t  model[SENT_DATABASES][KEYS];


static void
attach(void)
{
    static const fkv_type_t  type = { .id = T_TYPE, .name = "hash",
                                      .label = "hash", .owner = &live };

    live_attach(&live, FKV_WORKER);
    assert_int_equal(fkv_types_set(live.store, &type), FKV_OK);
    p = (perform_t) { .live = &live, .own = own_elements };
}


static void
detach(void)
{
    fkv_types_done(live.store);
    perform_close(&p);
    live_detach_close(&live);
}


/* What becomes of a key when one of its fields is set, or goes: 0. */
static int
field_set(cell_t *cell, unsigned field, unsigned value)
{
    bool  was = (cell->values[field] != 0), left = false;

    cell->values[field] = value;

    for (unsigned i = 0; i < FIELDS; i++) {
        left |= (cell->values[i] != 0);
    }

    cell->kind = left ? HASH : NONE;

    return (value != 0) ? !was : was;
}


static void
expect_number(sent_t *s, unsigned n)
{
    char  text[16];

    (void) snprintf(text, sizeof(text), "%u", n);
    answers(s, "$%zu\r\n%s\r\n", strlen(text), text);
}


/* Fields from <= f < to, n at most; 0 = all. */
static void
expect_fields(sent_t *s, const cell_t *cell, unsigned from, unsigned to,
    unsigned n)
{
    unsigned  count = 0;

    for (unsigned i = from; i < to; i++) {
        count += (cell->kind == HASH && cell->values[i] != 0);
    }

    n = (n == 0) ? count : fkv__min(n, count);
    answers(s, "*%u\r\n", 2 * n);

    for (unsigned i = from; i < to && n > 0; i++) {
        if (cell->values[i] != 0) {
            answers(s, "$1\r\n%c\r\n", 'a' + i);
            expect_number(s, cell->values[i]);
            n--;
        }
    }
}


static void
model_hset(sent_t *s, cell_t *cell, const unsigned *f, const unsigned *v,
    unsigned n)
{
    int  added = 0;

    if (cell->kind == STRING) {
        answers(s, WRONG);
        return;
    }

    for (unsigned i = 0; i < n; i++) {
        added += field_set(cell, f[i], v[i]);
    }

    answers(s, ":%d\r\n", added);
}


static void
model_hdel(sent_t *s, cell_t *cell, unsigned a, unsigned b)
{
    int  gone = 0;

    if (cell->kind == STRING) {
        answers(s, WRONG);
        return;
    }

    if (cell->kind == HASH) {
        gone += field_set(cell, a, 0);
        gone += field_set(cell, b, 0);
    }

    answers(s, ":%d\r\n", gone);
}


static void
cell_clear(cell_t *cell)
{
    memset(cell, 0, sizeof(*cell));
}


static void
model_place(sent_t *s, cell_t *from, cell_t *to, bool drop)
{
    cell_t  copy = *from;

    if (from->kind == NONE) {
        answers(s, drop ? "-ERR no such key\r\n" : ":0\r\n");
        return;
    }

    if (drop) {
        cell_clear(from);
    }

    *to = copy;
    answers(s, drop ? "+OK\r\n" : ":1\r\n");
}


static void
model_move(sent_t *s, unsigned a)
{
    cell_t  *from = &model[sent_ns][a], *to = &model[1 - sent_ns][a];

    if (from->kind == NONE || to->kind != NONE) {
        answers(s, ":0\r\n");
        return;
    }

    *to = *from;
    cell_clear(from);
    answers(s, ":1\r\n");
}


/* Fields that differ, in any order, and what they become. */
static unsigned
fields_any(unsigned *f, unsigned *v)
{
    unsigned  n = 1 + any(3), first = any(FIELDS);

    for (unsigned i = 0; i < n; i++) {
        f[i] = (first + i * 5) % FIELDS;
        v[i] = 1 + any(1000);
    }

    return n;
}


/* One random command: its line, and what the model answers. */
static void
command_any(sent_t *s, char *line, size_t size)
{
    static const char *const  sets[] = { "HSET", "HSETLATE", "HSETBAD" };
    cell_t                   *cells = model[sent_ns], was;
    unsigned                  a = any(KEYS), b = any(KEYS), n, f[3], v[3];
    size_t                    len;

    switch (any(14)) {

    case 0: case 1: case 2: case 3:
        n = fields_any(f, v);
        b = any(8);
        b = (b == 7) ? 2 : (b == 6);
        len = (size_t) snprintf(line, size, "%s k%c", sets[b], 'a' + a);

        for (unsigned i = 0; i < n; i++) {
            len += (size_t) snprintf(line + len, size - len, " %c %u",
                                     'a' + f[i], v[i]);
        }

        was = cells[a];
        len = s->len;
        model_hset(s, &cells[a], f, v, n);

        if (b == 2 && was.kind != STRING) {
            s->len = len;
            answers(s, "-ERR bad\r\n");
            cells[a] = was;
        }

        return;

    case 4: case 5:
        n = any(FIELDS);
        (void) snprintf(line, size, "%s k%c %c", any(4) ? "HGET" : "HGETLATE",
                        'a' + a, 'a' + n);

        if (cells[a].kind == STRING) {
            answers(s, WRONG);

        } else if (cells[a].kind == NONE || cells[a].values[n] == 0) {
            answers(s, "$-1\r\n");

        } else {
            expect_number(s, cells[a].values[n]);
        }

        return;

    case 6:
        n = any(FIELDS);
        b = (n + 1 + any(FIELDS - 1)) % FIELDS;
        (void) snprintf(line, size, "HDEL k%c %c %c", 'a' + a, 'a' + n,
                        'a' + b);
        model_hdel(s, &cells[a], n, b);
        return;

    case 7: case 8:
        (void) snprintf(line, size, "HALL k%c", 'a' + a);

        if (cells[a].kind == STRING) {
            answers(s, WRONG);
        } else {
            expect_fields(s, &cells[a], 0, FIELDS, 0);
        }

        return;

    case 9:
        f[0] = any(FIELDS);
        f[1] = f[0] + any(FIELDS - f[0] + 1);
        n = any(4);
        (void) snprintf(line, size, "HALL k%c %c %c %u", 'a' + a, 'a' + f[0],
                        'a' + f[1], n);

        if (cells[a].kind == STRING) {
            answers(s, WRONG);
        } else {
            expect_fields(s, &cells[a], f[0], f[1], n);
        }

        return;

    case 10:
        if (any(2)) {
            (void) snprintf(line, size, "DEL k%c", 'a' + a);
            answers(s, ":%d\r\n", cells[a].kind != NONE);
            cell_clear(&cells[a]);

        } else {
            (void) snprintf(line, size, "SET k%c x", 'a' + a);
            answers(s, "+OK\r\n");
            cell_clear(&cells[a]);
            cells[a].kind = STRING;
        }

        return;

    case 11:
        (void) snprintf(line, size, "RENAME k%c k%c", 'a' + a, 'a' + b);
        model_place(s, &cells[a], &cells[b], true);
        return;

    case 12:
        b = (a == b) ? (a + 1) % KEYS : b;
        (void) snprintf(line, size, "COPY k%c k%c REPLACE", 'a' + a, 'a' + b);
        model_place(s, &cells[a], &cells[b], false);
        return;
    }

    if (any(6) == 0) {
        (void) snprintf(line, size, "FLUSHDB");
        memset(cells, 0, sizeof(model[0]));
        answers(s, "+OK\r\n");
        return;
    }

    if (any(3) == 0) {
        (void) snprintf(line, size, "PEXPIRE k%c 10000000", 'a' + a);
        answers(s, ":%d\r\n", cells[a].kind != NONE);
        return;
    }

    (void) snprintf(line, size, "MOVE k%c %u", 'a' + a, 1 - sent_ns);
    model_move(s, a);
}


static void
random_commands(fkv_sync_e sync)
{
    live_dir(&live);
    live_open(&live, FKV_MEMORY_MIN, sync);
    attach();
    (void) fkv_helper(live.store);
    memset(model, 0, sizeof(model));
    seed = 23 + sync;

    sent_rounds(ROUNDS, command_any);
    fkv_helper_stop(live.store);
    detach();
    live_remove(&live);
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


/* Each of an array of bulk strings that stands in the reply. */
static long long
item(const char **at)
{
    long long  len = strtoll(*at + 1, (char **) at, 10), n;

    n = strtoll(*at + 2, NULL, 10);
    *at += 2 + len + 2;

    return n;
}


/* What the key says, and what its elements say together. */
static void
sums_read(long long *head, long long *sum)
{
    const char  *reply = perform_multi(&p, "GET n;HALL h + + 0", NULL, 0);
    const char  *at = reply + 4;
    long long    n;

    assert_memory_equal(reply, "*2\r\n", 4);
    *head = (at[1] == '-') ? 0 : item(&at);
    at = strchr(at, '*') + 1;
    n = strtoll(at, (char **) &at, 10);
    at += 2;

    for (*sum = 0; n > 0; n -= 2) {
        (void) item(&at);
        *sum += item(&at);
    }
}


static void
count_all(unsigned rounds, unsigned own)
{
    char  line[64];

    for (unsigned i = 0; i < rounds; i++) {
        long long  head, sum;

        (void) snprintf(line, sizeof(line), "HADD h %c;INCR n",
                        (i % 3 == 0) ? 's' : 'a' + (int) own);
        assert_memory_equal(perform_multi(&p, line, NULL, 0), "*2\r\n:", 5);

        if (i % 8 == 0) {
            sums_read(&head, &sum);
            assert_true(head == sum);
        }
    }
}


static void
transactions_of_two_processes(void **state)
{
    int        status;
    long long  head, sum;
    pid_t      pid;

    (void) state;

    live_dir(&live);
    live_open(&live, FKV_MEMORY_MIN, FKV_SYNC_EVERYSEC);
    pid = fork();
    attach();
    count_all(SHARED, pid == 0);

    if (pid == 0) {
        fkv_detach(live.store);
        _exit(0);
    }

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);

    sums_read(&head, &sum);
    assert_true(head == 2 * SHARED);
    assert_true(sum == 2 * SHARED);

    detach();
    live_remove(&live);
}


/* Tells every count that was answered, until it is killed. */
static void
count_until_killed(int to)
{
    live_open(&live, FKV_MEMORY_MIN, FKV_SYNC_ALWAYS);
    attach();

    for (unsigned i = 0; i < 1000; i++) {
        const char  *reply = perform_multi(&p, (i % 2) ? "HADD h a;INCR n"
                                                       : "INCR n;HADD h b",
                                           NULL, 0);
        long long    n = strtoll(reply + 5, NULL, 10);

        (void) !write(to, &n, sizeof(n));
    }
}


static void
all_or_nothing(void **state)
{
    long long  head, sum, last = 0;

    (void) state;

    live_dir(&live);

    for (size_t i = 0; i < PERFORM_STEPS; i++) {
        last = perform_killed(perform_steps[i], count_until_killed, last);

        live_open(&live, FKV_MEMORY_MIN, FKV_SYNC_ALWAYS);
        attach();
        sums_read(&head, &sum);
        assert_true(head == sum);
        assert_true(head == last || head == last + 1);
        last = head;
        detach();
    }

    live_remove(&live);
}


static void
what_is_wrong_is_said(void **state)
{
    char  long_name[900], line[1000];

    (void) state;

    live_dir(&live);
    live_open(&live, FKV_MEMORY_MIN, FKV_SYNC_OFF);
    attach();
    memset(long_name, 'n', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';

    perform_expect(&p, "HSET h \"\" x", "-ERR an element has a name of 1 to "
                   "65535 bytes\r\n");
    perform_expect(&p, "HGET h \"\"", "$-1\r\n");
    perform_expect(&p, "HALL h", "*0\r\n");
    (void) snprintf(line, sizeof(line), "HSET h %s 5", long_name);
    perform_expect(&p, line, ":1\r\n");
    perform_expect(&p, "HSET h a 5", ":1\r\n");
    perform_expect(&p, "STRLEN h", WRONG);

    detach();
    live_remove(&live);
}


/* What was watched has changed by an element, or has not. */
static void
elements_are_watched_with_their_key(void **state)
{
    fkv_watch_t  watch = { .ns = 0, .key = FKV_STR("h") };

    (void) state;

    live_dir(&live);
    live_open(&live, FKV_MEMORY_MIN, FKV_SYNC_OFF);
    attach();

    assert_string_equal(perform_multi(&p, "HSET h a 1", &watch, 1),
                        "*1\r\n:1\r\n");
    assert_string_equal(perform_multi(&p, "HSET h a 2", &watch, 1),
                        "*-1\r\n");
    assert_string_equal(perform_multi(&p, "HGET h a", &watch, 1), "*-1\r\n");
    perform_expect(&p, "HGET h a", "$1\r\n1\r\n");

    detach();
    live_remove(&live);
}


/* More than one transaction takes: nothing is copied, and it is said. */
static void
too_much_is_refused(void **state)
{
    char  line[512];

    (void) state;

    live_dir(&live);
    live_open(&live, FKV_MEMORY_MIN, FKV_SYNC_OFF);
    attach();

    for (unsigned i = 0; i < 4000; i++) {
        (void) snprintf(line, sizeof(line), "HSET h name%06u "
                        "value-of-some-bytes-so-that-there-are-many-%06u-"
                        "and-some-more-to-make-it-soon-too-much-to-be-copied",
                        i, i);
        perform_expect(&p, line, ":1\r\n");
    }

    perform_expect(&p, "COPY h c", "-ERR too much for one transaction: at "
                   "most 1024 keys, and with their elements a quarter of a "
                   "memtable\r\n");
    perform_expect(&p, "EXISTS c", ":0\r\n");
    perform_expect(&p, "DEL h", ":1\r\n");
    perform_expect(&p, "HALL h", "*0\r\n");
    perform_expect(&p, "HSET h a 1", ":1\r\n");
    perform_expect(&p, "HALL h", "*2\r\n$1\r\na\r\n$1\r\n1\r\n");

    detach();
    live_remove(&live);
}


/* "RESTORE key 0 bytes REPLACE" */
static const char *
restore(const char *key, fkv_str_t bytes)
{
    static performing_t  r;

    perform_init(&p, &r);
    perform_add(&p, &r, "RESTORE key 0 bytes REPLACE");
    r.args[0][1] = live_str(key);
    r.args[0][3] = bytes;

    return perform_end(&p, &r, fkv_exec(&r.exec));
}


/* Of "DUMP key"; the caller's. */
static fkv_str_t
dump(const char *line)
{
    const char  *reply = perform(&p, line), *at = strchr(reply, '\n') + 1;
    size_t       len = strtoul(reply + 1, NULL, 10);
    uint8_t     *copy = malloc(len);

    assert_int_equal(reply[0], '$');
    memcpy(copy, at, len);

    return (fkv_str_t) { copy, len };
}


static void
keys_are_dumped_and_restored(void **state)
{
    static const fkv_type_t  gone = { .id = T_TYPE, .name = "hash",
                                      .extension = "hash", .version = "1" };
    fkv_str_t                bytes;
    uint8_t                 *changed;
    char                     line[64];

    (void) state;

    live_dir(&live);
    live_open(&live, FKV_MEMORY_MIN, FKV_SYNC_OFF);
    attach();

    for (unsigned i = 0; i < 600; i++) {
        (void) snprintf(line, sizeof(line), "HSET h name%03u %u", i, i);
        perform_expect(&p, line, ":1\r\n");
    }

    bytes = dump("DUMP h");
    assert_string_equal(restore("r", bytes), "+OK\r\n");
    perform_expect(&p, "HGET r name599", "$3\r\n599\r\n");
    assert_int_equal(strtol(perform(&p, "HALL r") + 1, NULL, 10), 1200);

    /* What was there has nothing to do with it. */
    perform_expect(&p, "HSET r other 1", ":1\r\n");
    assert_string_equal(restore("r", bytes), "+OK\r\n");
    perform_expect(&p, "HGET r other", "$-1\r\n");

    /* Also where nobody knows what they mean. */
    assert_int_equal(fkv_types_set(live.store, &gone), FKV_OK);
    assert_string_equal(restore("g", bytes), "+OK\r\n");
    free((void *) (uintptr_t) bytes.data);
    bytes = dump("DUMP g");
    perform_expect(&p, "GET g", "-EXTMISSING extension \"hash\" 1 is needed "
                   "for the key\r\n");

    fkv_types_done(live.store);
    assert_string_equal(restore("x", bytes), "-EXTMISSING extension \"hash\" "
                        "is needed for the value\r\n");
    perform_expect(&p, "EXISTS x", ":0\r\n");

    changed = malloc(bytes.len);
    memcpy(changed, bytes.data, bytes.len);
    changed[40] ^= 1;
    assert_string_equal(restore("x", (fkv_str_t) { changed, bytes.len }),
                        "-ERR DUMP payload version or checksum are wrong\r\n");
    free(changed);
    free((void *) (uintptr_t) bytes.data);

    detach();
    live_remove(&live);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(elements_are_watched_with_their_key),
        cmocka_unit_test(too_much_is_refused),
        cmocka_unit_test(keys_are_dumped_and_restored),
        cmocka_unit_test(what_waits_for_the_disk_agrees),
        cmocka_unit_test(what_does_not_wait_agrees),
        cmocka_unit_test(transactions_of_two_processes),
        cmocka_unit_test(all_or_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
