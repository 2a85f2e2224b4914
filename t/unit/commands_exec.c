/*
 * commands_exec.c - commands as transactions on a real store.
 */

#include "perform.h"
#include "own_commands.h"

#define NIL   "$-1\r\n"
#define OK    "+OK\r\n"

static live_t     live;
static perform_t  p;


static int
setup(void **state)
{
    (void) state;

    perform_open(&p, &live);
    p.own = own_commands;

    return 0;
}


static int
teardown(void **state)
{
    (void) state;

    perform_remove(&p);

    return 0;
}


static void
one_command_is_a_transaction(void **state)
{
    (void) state;

    perform_expect(&p, "GET a", NIL);
    perform_expect(&p, "SET a 1", OK);
    perform_expect(&p, "GET a", "$1\r\n1\r\n");
    perform_expect(&p, "INCR a", ":2\r\n");
    perform_expect(&p, "INCR b", ":1\r\n");
    perform_expect(&p, "SETNX a x", ":0\r\n");
    perform_expect(&p, "SETNX c x", ":1\r\n");
    perform_expect(&p, "MGET a b c d a",
                   "*5\r\n$1\r\n2\r\n$1\r\n1\r\n$1\r\nx\r\n$-1\r\n"
                   "$1\r\n2\r\n");
    perform_expect(&p, "INCR c", "-ERR value is not an integer or out of "
                   "range\r\n");
    perform_expect(&p, "RENAME c d", OK);
    perform_expect(&p, "MGET c d", "*2\r\n$-1\r\n$1\r\nx\r\n");
    perform_expect(&p, "RENAME c d", "-ERR no such key\r\n");
    perform_expect(&p, "DEL a b c d", ":3\r\n");
    perform_expect(&p, "MSET a 1 b 2 a 3", OK);
    perform_expect(&p, "MGET a b", "*2\r\n$1\r\n3\r\n$1\r\n2\r\n");
    perform_expect(&p, "SETBAD a 4", "-ERR bad\r\n");
    perform_expect(&p, "GET a", "$1\r\n3\r\n");
}


static void
keys_that_no_definition_names(void **state)
{
    (void) state;

    perform_expect(&p, "SET m 1", OK);
    perform_expect(&p, "MOVE m 3", ":1\r\n");
    perform_expect(&p, "GET m", NIL);
    perform_expect(&p, "SELECT 3", OK);
    assert_int_equal(p.ns, 3);
    perform_expect(&p, "GET m", "$1\r\n1\r\n");
    perform_expect(&p, "SELECT 0", OK);
    perform_expect(&p, "SET m 2", OK);
    perform_expect(&p, "MOVE m 3", ":0\r\n");
    perform_expect(&p, "SELECT x", "-ERR value is not an integer or out of "
                   "range\r\n");
    assert_int_equal(p.ns, 0);
}


static void
several_commands_see_each_other(void **state)
{
    (void) state;

    perform_expect(&p, "SET a 1", OK);

    assert_string_equal(
        perform_multi(&p, "INCR a;GET a;SETBAD a 9;GET a;DEL a;GET a;"
                      "SETNX a 7;INCR a;INCR new;SELECT 2;GET a;SET a 5",
                      NULL, 0),
        "*12\r\n:2\r\n$1\r\n2\r\n-ERR bad\r\n$1\r\n2\r\n:1\r\n$-1\r\n:1\r\n"
        ":8\r\n:1\r\n+OK\r\n$-1\r\n+OK\r\n");

    assert_int_equal(p.ns, 2);
    perform_expect(&p, "GET a", "$1\r\n5\r\n");
    p.ns = 0;
    perform_expect(&p, "MGET a new", "*2\r\n$1\r\n8\r\n$1\r\n1\r\n");

    /* One that is wrong stops no other. */
    assert_string_equal(perform_multi(&p, "SET a 1;NOSUCH x;GET a", NULL, 0),
                        "*3\r\n+OK\r\n-ERR unknown command 'NOSUCH', with "
                        "args beginning with: 'x' \r\n$1\r\n1\r\n");
    assert_string_equal(perform_multi(&p, "GET a;MGET a b", NULL, 0),
                        "*2\r\n$1\r\n1\r\n*2\r\n$1\r\n1\r\n$-1\r\n");
    assert_string_equal(perform_multi(&p, "", NULL, 0), "*0\r\n");
}


static void
a_database_is_cleared(void **state)
{
    (void) state;

    perform_expect(&p, "MSET a 1 b 2", OK);

    assert_string_equal(perform_multi(&p, "SET c 3;FLUSH;GET a;GET c;SET b 5;"
                                      "DEL a b;SET d 4;INCR a", NULL, 0),
                        "*8\r\n+OK\r\n+OK\r\n$-1\r\n$-1\r\n+OK\r\n:1\r\n"
                        "+OK\r\n:1\r\n");
    perform_expect(&p, "MGET a b c d",
                   "*4\r\n$1\r\n1\r\n$-1\r\n$-1\r\n$1\r\n4\r\n");
    perform_expect(&p, "FLUSH", OK);
    perform_expect(&p, "MGET a b c d",
                   "*4\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n");
}


static void
watched_keys(void **state)
{
    fkv_watch_t  watch = { .key = FKV_STR("w"), .version = 0 };

    (void) state;

    assert_string_equal(perform_multi(&p, "SET w 1", &watch, 1),
                        "*1\r\n+OK\r\n");
    assert_string_equal(perform_multi(&p, "SET w 2", &watch, 1), "*-1\r\n");
    assert_string_equal(perform_multi(&p, "GET w", &watch, 1), "*-1\r\n");
    assert_string_equal(perform_multi(&p, "", &watch, 1), "*-1\r\n");
    perform_expect(&p, "GET w", "$1\r\n1\r\n");
    perform_expect(&p, "DEL w", ":1\r\n");
    assert_string_equal(perform_multi(&p, "GET w;GET v", &watch, 1),
                        "*2\r\n$-1\r\n$-1\r\n");
}


static void
scans_see_what_was_written(void **state)
{
    (void) state;

    perform_expect(&p, "MSET ax 1 b 2 bx 3 c 4", OK);
    perform_expect(&p, "KEYS + + 0",
                   "*4\r\n$2\r\nax\r\n$1\r\nb\r\n$2\r\nbx\r\n$1\r\nc\r\n");
    perform_expect(&p, "KEYS b + 0", "*2\r\n$1\r\nb\r\n$2\r\nbx\r\n");
    perform_expect(&p, "KEYS + b 1", "*2\r\n$2\r\nbx\r\n+MORE\r\n");
    perform_expect(&p, "KEYSX + + 3", "*3\r\n$2\r\nax\r\n$2\r\nbx\r\n"
                   "+MORE\r\n");

    assert_string_equal(
        perform_multi(&p, "SET bb 1;DEL b;SET zx 1;KEYS + + 0;KEYSX b + 0;"
                      "KEYS + + 2;FLUSH;KEYS + + 0;SET q 1;KEYS + + 0",
                      NULL, 0),
        "*10\r\n+OK\r\n:1\r\n+OK\r\n"
        "*5\r\n$2\r\nax\r\n$2\r\nbb\r\n$2\r\nbx\r\n$1\r\nc\r\n$2\r\nzx\r\n"
        "*1\r\n$2\r\nbx\r\n"
        "*2\r\n$2\r\nax\r\n+MORE\r\n"
        "+OK\r\n*0\r\n+OK\r\n*1\r\n$1\r\nq\r\n");
}


static void
counts_see_what_was_written(void **state)
{
    (void) state;

    (void) fkv_helper(live.store);
    perform_expect(&p, "MSET a 1 b 2", OK);
    perform_expect(&p, "COUNT", ":2\r\n");

    assert_string_equal(
        perform_multi(&p, "COUNT;SET a 5;SET c 1;COUNT;DEL b;COUNT;FLUSH;"
                      "COUNT;SET b 1;COUNT", NULL, 0),
        "*10\r\n:2\r\n+OK\r\n+OK\r\n:3\r\n:1\r\n:2\r\n+OK\r\n:0\r\n+OK\r\n"
        ":1\r\n");
    perform_expect(&p, "COUNT", ":1\r\n");
    fkv_helper_stop(live.store);
}


static void
what_has_expired_is_not_there(void **state)
{
    (void) state;

    p.now_ms = 1000;
    perform_expect(&p, "SETUNTIL e 1 1500", OK);
    perform_expect(&p, "GET e", "$1\r\n1\r\n");
    assert_string_equal(perform_multi(&p, "SETUNTIL f 1 900;GET f", NULL, 0),
                        "*2\r\n+OK\r\n$-1\r\n");
    p.now_ms = 1500;
    perform_expect(&p, "GET e", NIL);
    perform_expect(&p, "INCR e", ":1\r\n");
}


static void
keys_and_values_out_of_range(void **state)
{
    performing_t  *r = malloc(sizeof(*r));
    size_t         len = FKV_KEY_BYTES_MAX + 1;
    uint8_t       *bytes = calloc(1, 1024 * 1024 + 1);

    (void) state;

    perform_expect(&p, "GET \"\"", NIL);
    perform_expect(&p, "SETNX \"\" x", "-ERR a key has 1 to 65536 bytes\r\n");
    perform_expect(&p, "SET \"\" x", "-ERR a key has 1 to 65536 bytes\r\n");
    perform_expect(&p, "DEL \"\" x", ":0\r\n");
    perform_expect(&p, "HUNGRY", "-ERR it would take more memory than one "
                   "command may, its answer included (output_limit and "
                   "max_value together)\r\n");

    perform_init(&p, r);
    perform_add(&p, r, "GET k");
    r->args[0][1] = (fkv_str_t) { bytes, len };
    assert_string_equal(perform_end(&p, r, fkv_exec(&r->exec)), NIL);

    perform_init(&p, r);
    perform_add(&p, r, "SET k v");
    r->args[0][2] = (fkv_str_t) { bytes, 1024 * 1024 + 1 };
    assert_string_equal(perform_end(&p, r, fkv_exec(&r->exec)),
                        "-ERR string exceeds maximum allowed size "
                        "(max_value is 1048576 bytes)\r\n");
    free(bytes);
    free(r);
}


/* Values that go to files of their own, and are loaded from there. */
static void
large_values(void **state)
{
    performing_t  *r = malloc(sizeof(*r));
    size_t         len = 300000;
    uint8_t       *bytes = malloc(len);

    (void) state;

    memset(bytes, 'v', len);
    perform_init(&p, r);
    perform_add(&p, r, "SET large v");
    r->args[0][2] = (fkv_str_t) { bytes, len };
    assert_string_equal(perform_end(&p, r, fkv_exec(&r->exec)), OK);

    assert_int_equal(strlen(perform(&p, "GET large")), len + 11);
    perform_expect(&p, "RENAME large larger", OK);
    assert_int_equal(strlen(perform(&p, "MGET large larger a")),
                     len + 11 + 4 + 5 + 5);
    perform_expect(&p, "INCR larger",
                   "-ERR value is not an integer or out of range\r\n");
    assert_string_equal(perform_multi(&p, "DEL larger;GET larger", NULL, 0),
                        "*2\r\n:1\r\n$-1\r\n");

    free(bytes);
    free(r);
}


/* More keys than are found without a hash, than are read at once. */
static void
many_keys(void **state)
{
    enum { N = 1000 };
    performing_t  *r = malloc(sizeof(*r));
    fkv_str_t     *args = malloc((2 * N + 1) * sizeof(*args));
    char          *text = malloc(16 * (2 * N + 1)), line[32];

    (void) state;

    perform_init(&p, r);
    perform_add(&p, r, "MSET");

    for (unsigned i = 0; i <= 2 * N; i++) {
        (void) sprintf(text + 16 * i, "%c%u", (i % 2) ? 'k' : 'v',
                       (i - 1) / 2);
        args[i] = live_str(text + 16 * i);
    }

    args[0] = live_str("MSET");
    r->requests[0].argv = args;
    r->requests[0].argc = 2 * N + 1;
    assert_string_equal(perform_end(&p, r, fkv_exec(&r->exec)), OK);

    perform_init(&p, r);
    perform_add(&p, r, "MGET");
    args[0] = live_str("MGET");

    for (unsigned i = 1; i <= N; i++) {
        args[i] = args[2 * i - 1];
    }

    r->requests[0].argv = args;
    r->requests[0].argc = N + 1;
    (void) perform_end(&p, r, fkv_exec(&r->exec));
    (void) sprintf(line, "*%u\r\n$2\r\nv0\r\n$2\r\nv1\r\n", N);
    assert_memory_equal(p.out.data, line, strlen(line));
    (void) sprintf(line, "v%u\r\n", N - 1);
    assert_string_equal(p.out.data + p.out.len - 1 - strlen(line), line);

    free(args);
    free(text);
    free(r);
}


/* Sixteen writes and a read of one of them, and nobody waits in between. */
static void
a_pipeline_sees_what_it_wrote(void **state)
{
    enum { N = 17 };
    performing_t  *r = calloc(N, sizeof(*r));
    fkv_stats_t    before, stats;
    uint64_t       after = 0;
    int            rc[N];
    char           line[32];

    (void) state;

    fkv_stats(live.store, &before);

    for (unsigned i = 0; i < N; i++) {
        perform_init(&p, &r[i]);
        (void) sprintf(line, (i < N - 1) ? "SET k%u v%u" : "GET k3", i, i);
        perform_add(&p, &r[i], line);
        r[i].exec.after = after;
        rc[i] = fkv_exec(&r[i].exec);
        assert_int_equal(rc[i], FKV_AGAIN);
        assert_true(r[i].exec.placed);
        after = fkv__max(after, r[i].exec.lsn);
    }

    /* Another connection does not see it yet. */
    perform_expect(&p, "GET k3", NIL);

    for (unsigned i = 0; i < N - 1; i++) {
        assert_string_equal(perform_end(&p, &r[i], rc[i]), OK);
    }

    assert_string_equal(perform_end(&p, &r[N - 1], rc[N - 1]),
                        "$2\r\nv3\r\n");
    fkv_stats(live.store, &stats);
    assert_int_equal(stats.commits - before.commits, 1);
    free(r);
}


/* Of what is given up the rest of the process hears nothing. */
static void
given_up(void **state)
{
    performing_t  *r = malloc(sizeof(*r));

    (void) state;

    perform_init(&p, r);
    perform_add(&p, r, "INCR g");
    assert_int_equal(fkv_exec(&r->exec), FKV_AGAIN);
    assert_true(r->exec.placed);
    fkv_exec_done(&r->exec);
    memset(r, 0x5a, sizeof(*r));
    free(r);

    perform_expect(&p, "INCR g", ":2\r\n");
    assert_int_equal(fkv_in_flight(live.store), 0);
}


/* More keys than a scan passes in one turn; what it was asked for is gone. */
static void
given_up_in_a_scan(void **state)
{
    performing_t  *r = malloc(sizeof(*r));
    char           line[32];

    (void) state;

    for (unsigned i = 0; i < 600; i += 4) {
        (void) sprintf(line, "SET k%u%c v", i, (i % 8) ? 'x' : 'y');
        perform_multi(&p, line, NULL, 0);
    }

    for (unsigned i = 0; i < 300; i++) {
        (void) sprintf(line, "MSET a%u v b%u v", i, i);
        perform_expect(&p, line, OK);
    }

    perform_init(&p, r);
    perform_add(&p, r, "KEYSX + + 0");
    assert_int_equal(fkv_exec(&r->exec), FKV_AGAIN);
    fkv_exec_done(&r->exec);
    memset(r, 0x5a, sizeof(*r));
    free(r);

    for (uint64_t until = live_ms() + 60000;
         fkv_in_flight(live.store) > 0; )
    {
        live_loop(&live, 10);
        assert_true(live_ms() < until);
    }

    assert_memory_equal(perform(&p, "KEYSX + + 0"), "*75\r\n", 5);
}


static int
refuse(void *data, fkv_update_t *u)
{
    int  *rc = data;

    u->refusal = FKV_STR("quota: 7 keys\r\nat most");

    return *rc;
}


static void
a_hook_refuses(void **state)
{
    static const fkv_hooks_t  hooks = { .write = refuse };
    int                       rc = FKV_EDENIED;

    (void) state;

    fkv_hook(live.store, &hooks, &rc);
    perform_expect(&p, "SET k v", "-NOPERM quota: 7 keys  at most\r\n");
    perform_expect(&p, "GET k", NIL);
    rc = FKV_EMISSING;
    perform_expect(&p, "SET k v", "-EXTMISSING the extension that owns it is "
                   "not here\r\n");
    fkv_hook(live.store, NULL, NULL);
    perform_expect(&p, "SET k v", OK);
}


/* Operands whose operator is not here: only their bytes are not to be had. */
static void
an_operator_is_missing(void **state)
{
    bool          done = false;
    fkv_change_t  change = { .key = FKV_STR("k"), .blind = true, .type = 7,
                             .action = FKV_MERGE, .value = FKV_STR("+") };
    fkv_update_t  u = { .store = live.store, .changes = &change, .n = 1,
                        .op = { .on_done = live_done, .data = &done } };

    (void) state;

    assert_int_equal(live_wait(&live, &u.op, fkv_update(&u), &done), FKV_OK);
    perform_expect(&p, "INCR k", "-EXTMISSING the extension that owns it is "
                   "not here\r\n");
    perform_expect(&p, "DEL k", ":1\r\n");
    perform_expect(&p, "DEL k", ":0\r\n");
}


int
main(void)
{
#define TEST(name)  cmocka_unit_test_setup_teardown(name, setup, teardown)

    const struct CMUnitTest  tests[] = {
        TEST(one_command_is_a_transaction),
        TEST(keys_that_no_definition_names),
        TEST(several_commands_see_each_other),
        TEST(a_database_is_cleared),
        TEST(watched_keys),
        TEST(scans_see_what_was_written),
        TEST(counts_see_what_was_written),
        TEST(what_has_expired_is_not_there),
        TEST(keys_and_values_out_of_range),
        TEST(large_values),
        TEST(many_keys),
        TEST(a_pipeline_sees_what_it_wrote),
        TEST(given_up),
        TEST(given_up_in_a_scan),
        TEST(a_hook_refuses),
        TEST(an_operator_is_missing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
