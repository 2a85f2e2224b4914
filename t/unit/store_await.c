/*
 * store_await.c - when an update is placed, and reading behind what is visible.
 */

#include "live.h"

static live_t  live;


static int
setup(void **state)
{
    (void) state;

    live_dir(&live);
    live_open(&live, FKV_MEMORY_MIN, FKV_SYNC_ALWAYS);
    live_attach(&live, FKV_WORKER);

    return 0;
}


static int
teardown(void **state)
{
    (void) state;

    live_detach_close(&live);
    live_remove(&live);

    return 0;
}


typedef struct {
    fkv_update_t  u;
    fkv_change_t  change;
    bool          done;
    unsigned      placed;
} write_t;


static void
on_placed(fkv_update_t *u)
{
    write_t  *w = fkv__container(u, write_t, u);

    assert_true(u->placed);
    assert_false(w->done);
    w->placed++;
}


static int
write_start(write_t *w, const char *key, const char *value)
{
    memset(w, 0, sizeof(*w));
    w->change = (fkv_change_t) { .key = live_str(key), .blind = true,
                                 .action = FKV_PUT,
                                 .value = live_str(value) };
    w->u = (fkv_update_t) { .store = live.store, .changes = &w->change,
                            .n = 1, .now_ms = fkv_now_ms(live.store),
                            .on_placed = on_placed,
                            .op = { .on_done = live_done,
                                    .data = &w->done } };

    return fkv_update(&w->u);
}


/* NULL: it does not exist. */
static const char *
read_after(const char *key, uint64_t after)
{
    static char  text[32];
    bool         done = false;
    fkv_get_t    get = { .store = live.store, .key = live_str(key),
                         .now_ms = fkv_now_ms(live.store), .after = after,
                         .op = { .on_done = live_done, .data = &done } };
    int          rc = live_wait(&live, &get.op, fkv_get(&get), &done);

    if (rc == FKV_OK) {
        memcpy(text, get.value.data.data, get.value.data.len);
        text[get.value.data.len] = '\0';
    }

    fkv_get_done(&get);

    return (rc == FKV_OK) ? text : NULL;
}


static void
what_is_placed_is_seen_by_who_wants_to(void **state)
{
    write_t      w;
    fkv_await_t  await = { .store = live.store };
    bool         done = false;
    int          rc = write_start(&w, "k", "v");

    (void) state;

    assert_int_equal(rc, FKV_AGAIN);
    assert_int_equal(w.placed, 1);
    assert_true(w.u.lsn > fkv_visible(live.store));

    assert_null(read_after("k", 0));
    assert_null(read_after("k", w.change.version));

    await.lsn = w.u.lsn;
    await.complete = true;
    assert_int_equal(fkv_await(&await), FKV_OK);
    assert_string_equal(read_after("k", w.u.lsn), "v");
    assert_null(read_after("other", w.u.lsn));

    await.complete = false;
    await.op.on_done = live_done;
    await.op.data = &done;
    rc = fkv_await(&await);
    assert_int_equal(rc, FKV_AGAIN);
    assert_int_equal(live_wait(&live, &await.op, rc, &done), FKV_OK);
    assert_true(fkv_visible(live.store) >= w.u.lsn);
    assert_true(w.done);
    assert_int_equal(w.placed, 1);
    assert_string_equal(read_after("k", 0), "v");
    assert_int_equal(fkv_await(&await), FKV_OK);
}


static int
decide_keep(fkv_update_t *u)
{
    u->changes[0].action = FKV_KEEP;

    return FKV_EXISTS;
}


/* It is placed where what it saw is. */
static void
an_update_that_writes_nothing_is_placed(void **state)
{
    write_t  first, w;
    int      rc = write_start(&first, "k", "v");

    (void) state;

    assert_int_equal(rc, FKV_AGAIN);

    memset(&w, 0, sizeof(w));
    w.change.key = live_str("k");
    w.u = (fkv_update_t) { .store = live.store, .changes = &w.change, .n = 1,
                           .now_ms = fkv_now_ms(live.store),
                           .decide = decide_keep, .on_placed = on_placed,
                           .op = { .on_done = live_done, .data = &w.done } };
    rc = fkv_update(&w.u);
    assert_int_equal(rc, FKV_AGAIN);
    assert_int_equal(w.placed, 1);
    assert_true(w.u.lsn > first.change.version);
    assert_true(w.u.lsn <= first.u.lsn);
    assert_int_equal(live_wait(&live, &w.u.op, rc, &w.done), FKV_EXISTS);
    assert_int_equal(live_wait(&live, &first.u.op, FKV_AGAIN, &first.done),
                     FKV_OK);
}


static int
decide_fails(fkv_update_t *u)
{
    (void) u;

    return FKV_EINVAL;
}


static void
one_that_fails_is_not(void **state)
{
    write_t  w = { .change = { .key = FKV_STR("k") } };

    (void) state;

    w.u = (fkv_update_t) { .store = live.store, .changes = &w.change, .n = 1,
                           .now_ms = fkv_now_ms(live.store),
                           .decide = decide_fails, .on_placed = on_placed };
    assert_int_equal(fkv_update(&w.u), FKV_EINVAL);
    assert_int_equal(w.placed, 0);
    assert_false(w.u.placed);
}


/*
 * Another process has reserved a frame before ours and not filled it: ours is
 * placed, but nobody reads behind it before the other's is complete.  It dies
 * there, so the reaper has to see to that.
 */
static void
what_lies_before_must_be_complete(void **state)
{
    int          status, rc, awaits, ready[2], go[2];
    bool         done = false;
    char         byte = 0;
    write_t      w;
    fkv_await_t  await = { .complete = true,
                           .op = { .on_done = live_done, .data = &done } };
    pid_t        pid;

    (void) state;

    fkv_detach(live.store);
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(go), 0);
    pid = fork();

    if (pid == 0) {
        (void) setenv("FKV_KILL", "update.4", 1);
        live_attach(&live, FKV_WORKER);
        (void) !write(ready[1], &byte, 1);
        (void) !read(go[0], &byte, 1);
        (void) live_put(&live, "theirs", "1");
        _exit(1);
    }

    /* It has a slot of its own, so ours is another, and reaps nothing. */
    assert_int_equal(read(ready[0], &byte, 1), 1);
    live_attach(&live, FKV_WORKER);
    assert_int_equal(write(go[1], &byte, 1), 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

    rc = write_start(&w, "ours", "2");
    assert_int_equal(w.placed, 1);

    await.store = live.store;
    await.lsn = w.u.lsn;
    awaits = fkv_await(&await);
    assert_int_equal(awaits, FKV_AGAIN);
    assert_int_equal(live_wait(&live, &await.op, awaits, &done), FKV_OK);
    assert_string_equal(read_after("ours", w.u.lsn), "2");
    assert_int_equal(live_wait(&live, &w.u.op, rc, &w.done), FKV_OK);

    for (unsigned i = 0; i < 2; i++) {
        close(ready[i]);
        close(go[i]);
    }
}


int
main(void)
{
#define TEST(name)  cmocka_unit_test_setup_teardown(name, setup, teardown)

    const struct CMUnitTest  tests[] = {
        TEST(what_is_placed_is_seen_by_who_wants_to),
        TEST(an_update_that_writes_nothing_is_placed),
        TEST(one_that_fails_is_not),
        TEST(what_lies_before_must_be_complete),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
