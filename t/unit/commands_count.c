/*
 * commands_count.c - an execution is counted once, whatever it went through.
 */

#include "perform.h"
#include "own_commands.h"
#include "commands/server.h"

static live_t        live;
static fkv_server_t  server;
static perform_t     p;

static struct {
    void  (*on_over)(void *data);
    void   *data;
    uint64_t ms;
} pausing;


static void *
pause_later(uint64_t ms, void (*on_over)(void *data), void *data)
{
    pausing.on_over = on_over;
    pausing.data = data;
    pausing.ms = ms;

    return &pausing;
}


static void
pause_never(void *pause)
{
    assert_ptr_equal(pause, &pausing);
    pausing.on_over = NULL;
}


static int
setup(void **state)
{
    const uint64_t  random[3] = { 1, 2, 3 };

    (void) state;

    live_dir(&live);
    live_open(&live, FKV_MEMORY_MIN, FKV_SYNC_ALWAYS);
    live_attach(&live, FKV_WORKER);

    server = (fkv_server_t) {
        .store = live.store, .options = fkv_options(live.store),
        .meter = fkv_meter_open(1, random), .pause = pause_later,
        .unpause = pause_never
    };
    assert_non_null(server.meter);
    fkv_meter_attach(server.meter, fkv_slot(live.store));

    p = (perform_t) { .live = &live, .server = &server, .own = own_commands };

    return 0;
}


static int
teardown(void **state)
{
    (void) state;

    perform_close(&p);
    fkv_meter_close(server.meter);
    live_detach_close(&live);
    live_remove(&live);

    return 0;
}


static fkv_meter_sums_t
sums_now(void)
{
    fkv_stats_t       stats;
    fkv_meter_sums_t  sums;

    fkv_stats(live.store, &stats);
    fkv_meter_sum(server.meter, live.store, &stats, &sums);

    return sums;
}


static fkv_meter_command_shm_t
line_of(const char *name)
{
    fkv_meter_line_t  line;

    assert_true(fkv_meter_line(server.meter,
                               fkv_meter_index(server.meter, fkv_command_find(
                                                   live_str(name))), &line));

    return line.sums;
}


static void
calls_failures_and_what_was_not_run(void **state)
{
    fkv_meter_sums_t  sums;

    (void) state;

    perform_expect(&p, "WAIT 0 0", ":0\r\n");
    perform_expect(&p, "WAIT 0 -1", "-ERR timeout is negative\r\n");
    (void) perform(&p, "WAIT");
    (void) perform(&p, "NOSUCH x");
    (void) perform(&p, "CONFIG GET save");
    (void) perform(&p, "config HELP");

    assert_int_equal(line_of("WAIT").calls, 2);
    assert_int_equal(line_of("WAIT").failed, 1);
    assert_int_equal(line_of("WAIT").rejected, 1);
    assert_int_equal(line_of("CONFIG").calls, 1);

    sums = sums_now();
    assert_int_equal(sums.commands, 4);
    assert_int_equal(sums.errors, 3);
    assert_int_equal(sums.by_error[FKV_METER_ERROR_ERR], 3);
}


static void
each_command_of_a_transaction_is_a_call(void **state)
{
    (void) state;

    (void) perform_multi(&p, "TIME;WAIT 0 -1;NOSUCH;COMMAND COUNT;"
                         "CONFIG GET max*;WAIT 0 0", NULL, 0);

    assert_int_equal(line_of("TIME").calls, 1);
    assert_int_equal(line_of("WAIT").calls, 2);
    assert_int_equal(line_of("WAIT").failed, 1);
    assert_int_equal(sums_now().errors, 2);
}


/* Reading commands, one key each time; also those that had to read from disk,
   and ran again. */
static void
hits_and_misses_are_exact(void **state)
{
    fkv_meter_sums_t  sums;

    (void) state;

    perform_expect(&p, "SET a 1", "+OK\r\n");
    perform_expect(&p, "INCR a", ":2\r\n");
    (void) perform(&p, "GET a");
    (void) perform(&p, "MGET a b c a");
    (void) perform(&p, "GET nosuch");
    (void) perform_multi(&p, "SET x 1;GET x;GET y", NULL, 0);
    (void) perform(&p, "MEMORY USAGE a");
    (void) perform(&p, "DEBUG OBJECT a");

    sums = sums_now();
    assert_int_equal(sums.hits, 4);
    assert_int_equal(sums.misses, 4);
}


/* Commands that write are counted where Redis does so. */
static void
who_writes_may_look_too(void **state)
{
    static const struct {
        const char  *line;
        unsigned     hits, misses;
    } cases[] = {
        { "SET s 1", 0, 0 },
        { "SET s 2 XX", 0, 0 },
        { "SET s 3 GET", 1, 0 },
        { "SET new 1 GET", 0, 1 },
        { "GETSET s 4", 1, 0 },
        { "GETEX s PERSIST", 1, 0 },
        { "GETDEL s", 1, 0 },
        { "GETDEL s", 0, 1 },
        { "APPEND s x", 0, 0 },
        { "SETRANGE s 1 y", 0, 0 },
        { "SETBIT b 1 1", 0, 0 },
        { "BITOP OR d b nosuch", 1, 1 },
        { "BITFIELD b GET u1 0", 1, 0 },
        { "BITFIELD b SET u1 0 1", 0, 0 },
        { "STRLEN s", 1, 0 },
        { "SETNX s 1", 0, 0 },
        { "MSETNX s 1 t 2", 0, 0 },
        { "INCR n", 0, 0 },
        { "COPY s copied", 1, 0 },
        { "COPY nosuch copied", 0, 1 },
        { "EXISTS s nosuch", 1, 1 },
        { "TTL s", 1, 0 },
        { "TYPE nosuch", 0, 1 },
        { "EXPIRE s 100", 0, 0 },
        { "DEL nosuch", 0, 0 },
        { "OBJECT ENCODING s", 0, 0 }
    };
    fkv_meter_sums_t  before, after;

    (void) state;

    p.own = NULL;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {

        before = sums_now();
        (void) perform(&p, cases[i].line);
        after = sums_now();

        if (after.hits - before.hits != cases[i].hits
            || after.misses - before.misses != cases[i].misses
            || after.errors != before.errors)
        {
            fail_msg("%s: %llu hits, %llu misses, %s", cases[i].line,
                     (unsigned long long) (after.hits - before.hits),
                     (unsigned long long) (after.misses - before.misses),
                     (char *) p.out.data);
        }
    }
}


static void
what_a_key_takes(void **state)
{
    (void) state;

    perform_expect(&p, "SET a 12345", "+OK\r\n");
    assert_int_equal(perform(&p, "MEMORY USAGE a")[0], ':');
    perform_expect(&p, "MEMORY USAGE nosuch", "$-1\r\n");
    perform_expect(&p, "MEMORY USAGE a SAMPLES", "-ERR syntax error\r\n");
    perform_expect(&p, "MEMORY USAGE a SAMPLES -1", "-ERR syntax error\r\n");
    perform_expect(&p, "MEMORY USAGE a SAMPLES x",
                   "-ERR value is not an integer or out of range\r\n");
    perform_expect(&p, "DEBUG OBJECT a",
                   "+Value at:0x0 refcount:1 encoding:int serializedlength:5 "
                   "lru:0 lru_seconds_idle:0\r\n");
    perform_expect(&p, "DEBUG OBJECT nosuch", "-ERR no such key\r\n");
    perform_expect(&p, "DEBUG JMAP", "-ERR unknown subcommand or wrong number "
                   "of arguments for 'JMAP'. Try DEBUG HELP.\r\n");
    perform_expect(&p, "DEBUG RELOAD", "+OK\r\n");
}


static void
what_is_slow_is_logged(void **state)
{
    fkv_slow_shm_t       *slow = &server.meter->shm->slow;
    fkv_slow_entry_shm_t  entry;
    fkv_str_t             text;
    uint64_t              first, next;
    size_t                at = 0;

    (void) state;

    (void) perform(&p, "CONFIG SET slowlog-log-slower-than 0");
    (void) perform(&p, "SLOWLOG RESET");
    next = fkv_slow_range(slow, &first);
    (void) perform_multi(&p, "TIME;GET k", NULL, 0);

    /* nobody knows EXEC here, so nothing tells of it but what is in it */
    if (fkv_command_find(FKV_STR("EXEC")) != NULL) {
        assert_int_equal(fkv_slow_read(slow, next, &entry), FKV_OK);
        assert_int_equal(entry.argc, 4);
        assert_int_equal(fkv_slow_text(&entry, &at, &text), FKV_OK);
        assert_memory_equal(text.data, "EXEC", 4);
    }

    (void) perform(&p, "CONFIG SET slowlog-log-slower-than -1");
    next = fkv_slow_range(slow, &first);
    (void) perform(&p, "TIME");
    assert_int_equal(fkv_slow_range(slow, &first), next);
}


/* Others are served meanwhile; who gives up is not served any more. */
static void
a_pause_holds_up_nobody(void **state)
{
    performing_t  *r = malloc(sizeof(*r));

    (void) state;

    perform_init(&p, r);
    perform_add(&p, r, "DEBUG SLEEP 0.25");
    assert_int_equal(fkv_exec(&r->exec), FKV_AGAIN);
    assert_int_equal(pausing.ms, 250);

    perform_expect(&p, "WAIT 0 0", ":0\r\n");
    assert_false(r->done);

    pausing.on_over(pausing.data);
    assert_true(r->done);
    assert_string_equal(perform_end(&p, r, FKV_AGAIN), "+OK\r\n");

    perform_init(&p, r);
    perform_add(&p, r, "DEBUG SLEEP 5");
    assert_int_equal(fkv_exec(&r->exec), FKV_AGAIN);
    fkv_exec_done(&r->exec);
    assert_null(pausing.on_over);
    assert_false(r->done);

    free(r);

    server.pause = NULL;
    perform_expect(&p, "DEBUG SLEEP 5", "+OK\r\n");
    perform_expect(&p, "DEBUG SLEEP x", "+OK\r\n");
}


int
main(void)
{
#define count_test(f)  cmocka_unit_test_setup_teardown(f, setup, teardown)

    const struct CMUnitTest  tests[] = {
        count_test(calls_failures_and_what_was_not_run),
        count_test(each_command_of_a_transaction_is_a_call),
        count_test(hits_and_misses_are_exact),
        count_test(who_writes_may_look_too),
        count_test(what_a_key_takes),
        count_test(what_is_slow_is_logged),
        count_test(a_pause_holds_up_nobody)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
