/*
 * commands_wait.c - commands that are suspended, and what ends their wait.
 */

#include "perform.h"
#include "commands/server.h"

#define OK       "+OK\r\n"
#define SECONDS  30000

static live_t        live;
static perform_t     p;
static fkv_server_t  server;
static uint64_t      held;          /* the last one */
static unsigned      timers;

static struct {
    void     (*on_over)(void *data);
    void      *data;
} timer;


static void *
pause_later(uint64_t ms, void (*on_over)(void *data), void *data)
{
    assert_int_equal(ms, SECONDS);
    timer.on_over = on_over;
    timer.data = data;
    timers++;

    return &timer;
}


static void
pause_never(void *pause)
{
    assert_ptr_equal(pause, &timer);
    timers--;
}


static void
time_is_over(void)
{
    timers--;
    timer.on_over(timer.data);
}


/* What the key holds now, behind what has ended the wait. */
static int
look(fkv_call_t *call, void *data, int rc)
{
    fkv_call_value_t  value;
    int               got = fkv_call_get(call, call->argv[1], &value);

    if (got != FKV_OK) {
        return got;
    }

    fkv_reply_array(call->reply, 3);
    fkv_reply_int(call->reply, rc);
    fkv_reply_str(call->reply, value.data);
    fkv_reply_cstr(call->reply, data);

    return FKV_OK;
}


static int
look_again(fkv_call_t *call, void *data, int rc)
{
    assert_int_equal(rc, 1);
    held = fkv_call_suspend(call, SECONDS, look, data);
    assert_true(held != 0);

    return FKV_AGAIN;
}


/* HOLD key [TWICE | NOW | OTHERWISE] */
static int
hold(fkv_call_t *call)
{
    fkv_call_value_t  value;
    char             *text = fkv_call_alloc(call, 8);
    int               rc = fkv_call_get(call, call->argv[1], &value);

    if (rc != FKV_OK) {
        return rc;
    }

    strcpy(text, "kept");
    held = fkv_call_suspend(call, SECONDS,
                            fkv_call_is(call, 2, "TWICE") ? look_again : look,
                            text);

    if (held == 0) {
        return fkv_call_fail(call, "ERR refused");
    }

    assert_true(fkv_call_suspend(call, SECONDS, look, NULL) == 0);

    if (fkv_call_is(call, 2, "NOW")) {
        fkv_call_resume(held, 7);
    }

    if (fkv_call_is(call, 2, "OTHERWISE")) {
        fkv_reply_ok(call->reply);
        return FKV_OK;
    }

    return FKV_AGAIN;
}


static int
put_then(fkv_call_t *call, void *data, int rc)
{
    fkv_call_value_t  value;
    int               got = fkv_call_get(call, call->argv[1], &value);

    (void) data;

    if (got != FKV_OK) {
        return got;
    }

    fkv_reply_int(call->reply, rc);

    return fkv_call_put(call, call->argv[1], (fkv_str_t) {
        (const uint8_t *) "then", 4 }, value.expire_at);
}


/* CHANGE key [LATE]: it has written before it wants to wait */
static int
change(fkv_call_t *call)
{
    if (call->argc == 3) {
        (void) fkv_call_put(call, call->argv[1], call->argv[2], 0);
    }

    held = fkv_call_suspend(call, SECONDS, put_then, NULL);

    return (held != 0) ? FKV_AGAIN : fkv_call_fail(call, "ERR refused");
}


static const fkv_command_t  own_commands[] = {
    { .name = "HOLD", .arity = -2, .flags = FKV_COMMAND_READ, .call = hold,
      .first_key = 1, .last_key = 1, .key_step = 1 },
    { .name = "CHANGE", .arity = -2, .flags = FKV_COMMAND_WRITE,
      .call = change, .first_key = 1, .last_key = 1, .key_step = 1 },
    { .name = "CHANGEFIRST", .arity = -2,
      .flags = FKV_COMMAND_WRITE | FKV_COMMAND_ELEMENTS, .call = change,
      .first_key = 1, .last_key = 1, .key_step = 1 },
    { .name = NULL }
};


static int
setup(void **state)
{
    (void) state;
    perform_open(&p, &live);
    server = (fkv_server_t) {
        .store = live.store, .options = fkv_options(live.store),
        .pause = pause_later, .unpause = pause_never
    };
    p.server = &server;
    p.own = own_commands;
    timers = 0;
    perform_expect(&p, "SET k before", OK);

    return 0;
}


static int
teardown(void **state)
{
    (void) state;
    assert_int_equal(timers, 0);
    perform_remove(&p);

    return 0;
}


/* Begins, and waits until it is suspended. */
static performing_t *
begin(const char *line)
{
    performing_t  *r = malloc(sizeof(*r));

    perform_init(&p, r);
    perform_add(&p, r, line);
    held = 0;
    assert_int_equal(fkv_exec(&r->exec), FKV_AGAIN);

    for (uint64_t until = live_ms() + 60000; timers == 0; ) {
        live_loop(&live, 10);
        assert_true(live_ms() < until);
    }

    return r;
}


static void
end(performing_t *r, const char *expected)
{
    assert_string_equal(perform_end(&p, r, FKV_AGAIN), expected);
    free(r);
}


static void
what_has_changed_meanwhile_is_seen(void **state)
{
    performing_t  *r = begin("HOLD k");

    (void) state;

    perform_expect(&p, "SET k behind", OK);
    assert_false(r->done);
    fkv_call_resume(held, 5);
    end(r, "*3\r\n:5\r\n$6\r\nbehind\r\n$4\r\nkept\r\n");

    /* In vain. */
    fkv_call_resume(held, 6);
    fkv_call_resume(0, 6);
    fkv_call_resume(UINT64_MAX, 6);
}


static void
the_time_ends_it(void **state)
{
    performing_t  *r = begin("HOLD k");

    (void) state;

    time_is_over();
    fkv_call_resume(held, 6);
    end(r, "*3\r\n:-11\r\n$6\r\nbefore\r\n$4\r\nkept\r\n");
}


static void
it_may_wait_again(void **state)
{
    performing_t  *r = begin("HOLD k TWICE");
    uint64_t       first = held;

    (void) state;

    fkv_call_resume(held, 1);
    assert_true(held != first);
    fkv_call_resume(first, 9);
    assert_false(r->done);
    fkv_call_resume(held, 2);
    end(r, "*3\r\n:2\r\n$6\r\nbefore\r\n$4\r\nkept\r\n");
}


static void
who_has_gone_is_not_waited_for(void **state)
{
    performing_t  *r = begin("HOLD k");

    (void) state;

    fkv_exec_done(&r->exec);
    assert_int_equal(timers, 0);
    fkv_call_resume(held, 5);
    assert_false(r->done);
    free(r);
}


static void
what_is_over_before_it_began(void **state)
{
    (void) state;

    perform_expect(&p, "HOLD k NOW", "*3\r\n:7\r\n$6\r\nbefore\r\n"
                   "$4\r\nkept\r\n");
    perform_expect(&p, "HOLD k OTHERWISE", OK);
    assert_int_equal(timers, 0);
}


static void
who_writes_may_wait_before(void **state)
{
    static const char *const  lines[] = { "CHANGE k", "CHANGEFIRST k" };

    (void) state;

    for (unsigned i = 0; i < 2; i++) {
        performing_t  *r = begin(lines[i]);

        perform_expect(&p, "SET k meanwhile EX 100", OK);
        fkv_call_resume(held, 3);
        end(r, ":3\r\n");
        perform_expect(&p, "GET k", "$4\r\nthen\r\n");
        assert_true(strtol(perform(&p, "TTL k") + 1, NULL, 10) > 0);
    }
}


static void
it_is_refused(void **state)
{
    (void) state;

    perform_expect(&p, "CHANGE k x", "-ERR refused\r\n");
    perform_expect(&p, "CHANGEFIRST k x", "-ERR refused\r\n");
    assert_string_equal(perform_multi(&p, "HOLD k;HOLD k", NULL, 0),
                        "*2\r\n-ERR refused\r\n-ERR refused\r\n");
    server.pause = NULL;
    perform_expect(&p, "HOLD k", "-ERR refused\r\n");
    perform_expect(&p, "GET k", "$6\r\nbefore\r\n");
}


int
main(void)
{
#define TEST(f)  cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest  tests[] = {
        TEST(what_has_changed_meanwhile_is_seen),
        TEST(the_time_ends_it),
        TEST(it_may_wait_again),
        TEST(who_has_gone_is_not_waited_for),
        TEST(what_is_over_before_it_began),
        TEST(who_writes_may_wait_before),
        TEST(it_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
