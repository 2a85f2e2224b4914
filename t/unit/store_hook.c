/*
 * store_hook.c - who is asked and told of updates, and what of it outlives a
 * death.
 */

#include "live.h"

#include "store/hook.h"
#include "store/twin.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define TAGS  8

/* What the hook does, and what it has seen. */
typedef struct {
    int           answer;           /* of write() */
    const char   *sentence;
    const char   *value;            /* what it puts in place of all */
    uint64_t      expire_at;
    unsigned      tags;             /* entries it adds: the key, a number */
    bool          removes;          /* ... are deletes */
    unsigned      add_ns;

    unsigned      asked;
    unsigned      committed;
    unsigned      ended;
    unsigned      expired;
    uint64_t      version;
    char          seen[32];         /* the value that it was asked about */
    char          key[32];          /* the one that expired */
    unsigned      ns;

    fkv_change_t  more[TAGS];
    char          names[TAGS][40];
} hook_t;

static live_t  live;
static hook_t  hook;


static void
text_of(fkv_str_t str, char *out)
{
    size_t  n = fkv__min(str.len, 31);

    if (n > 0) {
        memcpy(out, str.data, n);
    }

    out[n] = '\0';
}


static void
add(hook_t *h, const fkv_change_t *change, fkv_update_t *u)
{
    for (unsigned i = 0; i < h->tags; i++) {
        int  n = sprintf(h->names[i], "m/test/%.*s/%u", (int) change->key.len,
                         change->key.data, i);

        h->more[i] = (fkv_change_t) {
            .ns = h->add_ns,
            .key = { (uint8_t *) h->names[i], (size_t) n },
            .action = h->removes ? FKV_DELETE : FKV_PUT,
            .value = change->value
        };
    }

    u->more = h->more;
    u->more_n = h->tags;
}


static int
on_write(void *data, fkv_update_t *u)
{
    hook_t        *h = data;
    fkv_change_t  *change = &u->changes[0];

    text_of(change->value, h->seen);
    h->asked++;
    assert_int_equal(u->more_n, 0);

    if (u->hook == NULL) {
        u->hook = h;

    } else {
        assert_ptr_equal(u->hook, h);
    }

    if (h->sentence != NULL) {
        u->refusal = live_str(h->sentence);
    }

    if (h->value != NULL) {
        change->value = live_str(h->value);
    }

    if (h->expire_at != 0) {
        change->expire_at = h->expire_at;
    }

    if (h->tags > 0) {
        add(h, change, u);
    }

    return h->answer;
}


static void
on_commit(void *data, const fkv_update_t *u)
{
    hook_t  *h = data;

    h->committed++;
    h->version = u->changes[0].version;
    assert_int_equal(u->more_n, h->tags);

    for (unsigned i = 0; i < u->more_n; i++) {
        assert_true(u->more[i].version > h->version);
    }
}


static void
on_end(void *data, fkv_update_t *u)
{
    hook_t  *h = data;

    assert_ptr_equal(u->hook, h);
    h->ended++;
}


static void
on_expire(void *data, unsigned ns, fkv_str_t key)
{
    hook_t  *h = data;

    h->expired++;
    h->ns = ns;
    text_of(key, h->key);
}


static const fkv_hooks_t  hooks = { on_write, on_commit, on_end, on_expire };


static void
begin(fkv_sync_e sync)
{
    live_dir(&live);
    live_open_with(&live, (fkv_options_t) { .memory = FKV_MEMORY_MIN,
                                            .sync = sync, .blob_min = 4096 });
    live_attach(&live, FKV_WORKER);
    hook = (hook_t) { .add_ns = FKV_NAMESPACE_CATALOG };
    fkv_hook(live.store, &hooks, &hook);
}


static int
setup(void **state)
{
    (void) state;
    begin(FKV_SYNC_OFF);

    return 0;
}


static int
teardown(void **state)
{
    (void) state;

    if (live.store != NULL) {
        live_detach_close(&live);
        live_remove(&live);
    }

    return 0;
}


static const char *
value_of(unsigned ns, const char *key)
{
    static char  text[32];
    bool         done = false;
    fkv_get_t    get = { .store = live.store, .ns = ns, .key = live_str(key),
                         .now_ms = fkv_now_ms(live.store),
                         .op = { .on_done = live_done, .data = &done } };
    int          rc = live_wait(&live, &get.op, fkv_get(&get), &done);

    if (rc == FKV_OK) {
        text_of(get.value.data, text);
    }

    fkv_get_done(&get);

    return (rc == FKV_OK) ? text : NULL;
}


static const char *
tag_of(const char *key, unsigned i)
{
    char  name[40];

    (void) sprintf(name, "m/test/%s/%u", key, i);

    return value_of(FKV_NAMESPACE_CATALOG, name);
}


static void
it_refuses_with_a_sentence(void **state)
{
    fkv_str_t  said;

    (void) state;

    hook.answer = FKV_EDENIED;
    hook.sentence = "no\r\nmore";
    assert_int_equal(live_put(&live, "k", "v"), FKV_EDENIED);
    assert_null(value_of(0, "k"));

    said = fkv_refusal(live.store);
    assert_int_equal(said.len, 8);
    assert_memory_equal(said.data, "no  more", 8);
    assert_int_equal(hook.asked, 1);
    assert_int_equal(hook.committed, 0);
    assert_int_equal(hook.ended, 1);

    hook.sentence = NULL;
    hook.answer = FKV_PRECONDITION;
    assert_int_equal(live_put(&live, "k", "v"), FKV_PRECONDITION);
    assert_int_equal(fkv_refusal(live.store).len, 0);

    hook.answer = FKV_AGAIN;                /* it must not wait */
    assert_int_equal(live_put(&live, "k", "v"), FKV_EDENIED);

    hook.answer = FKV_OK;
    assert_int_equal(live_put(&live, "k", "v"), FKV_OK);
    assert_string_equal(value_of(0, "k"), "v");
    assert_int_equal(hook.committed, 1);
    assert_int_equal(hook.ended, 4);
}


static void
what_writes_nothing_is_not_shown(void **state)
{
    (void) state;

    assert_int_equal(live_delete(&live, "absent"), FKV_OK);
    assert_int_equal(hook.asked, 0);

    fkv_hook(live.store, NULL, NULL);
    assert_int_equal(live_put(&live, "k", "v"), FKV_OK);
    assert_int_equal(hook.asked, 0);
}


static void
it_changes_value_and_expiry_but_not_what_the_caller_has(void **state)
{
    uint64_t      now_ms = fkv_now_ms(live.store);
    bool          done = false;
    fkv_change_t  change = { .key = FKV_STR("k"), .blind = true,
                             .action = FKV_PUT, .value = FKV_STR("v") };
    fkv_update_t  u = { .store = live.store, .changes = &change, .n = 1,
                        .now_ms = now_ms,
                        .op = { .on_done = live_done, .data = &done } };
    fkv_get_t     get = { .store = live.store, .key = FKV_STR("k"),
                          .now_ms = now_ms };

    (void) state;

    hook.value = "other";
    hook.expire_at = now_ms + 100000;
    assert_int_equal(live_wait(&live, &u.op, fkv_update(&u), &done), FKV_OK);
    assert_int_equal(change.value.len, 1);
    assert_int_equal(change.expire_at, 0);

    assert_int_equal(fkv_get(&get), FKV_OK);
    assert_int_equal(get.value.data.len, 5);
    assert_int_equal(get.value.expire_at, now_ms + 100000);
    assert_int_equal(get.value.version, hook.version);
    fkv_get_done(&get);
}


/* The key changes behind the back of the first try. */
static int
decide_late(fkv_update_t *u)
{
    unsigned  *tries = u->op.data;

    if ((*tries)++ == 0) {
        const fkv_hooks_t  *was = live.store->hooks;

        live.store->hooks = NULL;
        assert_int_equal(live_put(&live, "k", "between"), FKV_OK);
        live.store->hooks = was;
    }

    u->changes[0].action = FKV_PUT;         /* the value stands already */

    return FKV_OK;
}


static void
a_try_begins_with_what_was_decided(void **state)
{
    unsigned      tries = 0;
    fkv_change_t  change = { .key = FKV_STR("k"), .value = FKV_STR("mine") };
    fkv_update_t  u = { .store = live.store, .changes = &change, .n = 1,
                        .now_ms = fkv_now_ms(live.store),
                        .decide = decide_late, .op = { .data = &tries } };

    (void) state;

    hook.value = "hook's";
    hook.tags = TAGS;
    assert_int_equal(fkv_update(&u), FKV_OK);
    assert_int_equal(tries, 2);
    assert_int_equal(hook.asked, 2);
    assert_string_equal(hook.seen, "mine");
    assert_int_equal(hook.committed, 1);
    assert_int_equal(hook.ended, 1);
    assert_string_equal(value_of(0, "k"), "hook's");
    assert_string_equal(tag_of("k", TAGS - 1), "hook's");
}


static void
what_it_adds_is_in_the_same_frame(void **state)
{
    (void) state;

    for (unsigned n = 0; n <= TAGS; n += 4) {
        hook.tags = n;
        assert_int_equal(live_put(&live, "k", "v"), FKV_OK);

        for (unsigned i = 0; i < TAGS; i++) {
            assert_int_equal(tag_of("k", i) != NULL, i < n);
        }
    }

    hook.removes = true;
    assert_int_equal(live_delete(&live, "k"), FKV_OK);
    assert_null(value_of(0, "k"));
    assert_null(tag_of("k", 0));
    assert_null(tag_of("k", TAGS - 1));
    assert_int_equal(hook.committed, 4);
}


static void
what_it_must_not_add_is_refused(void **state)
{
    static char  large[5000];

    (void) state;

    hook.tags = 1;
    hook.add_ns = FKV_NAMESPACE_USER;
    assert_int_equal(live_put(&live, "k", "v"), FKV_EINVAL);

    hook.add_ns = FKV_NAMESPACE_CATALOG;
    assert_int_equal(live_put_at(&live, "k", (fkv_str_t) { (uint8_t *) large,
                                                           sizeof(large) },
                                 0, FKV_SYNC_DEFAULT), FKV_ETOOBIG);
    assert_null(value_of(0, "k"));
    assert_int_equal(hook.ended, 2);
    assert_int_equal(hook.committed, 0);
}


/* A large value is written before the frame, so decide() is asked again. */
static void
it_makes_a_value_large(void **state)
{
    static char  large[9000];
    fkv_get_t    get = { .store = live.store, .key = FKV_STR("k"),
                         .load_max = sizeof(large) };
    bool         done = false;

    (void) state;

    memset(large, 'x', sizeof(large) - 1);
    hook.value = large;
    assert_int_equal(live_put(&live, "k", "v"), FKV_OK);
    assert_int_equal(hook.committed, 1);
    assert_true(hook.asked > 1);

    get.op.on_done = live_done;
    get.op.data = &done;
    get.now_ms = fkv_now_ms(live.store);
    assert_int_equal(live_wait(&live, &get.op, fkv_get(&get), &done), FKV_OK);
    assert_int_equal(get.value.data.len, sizeof(large) - 1);
    fkv_get_done(&get);
}


/* Those of eviction run there: nothing may refuse them. */
static void
updates_of_the_helpers_threads_are_not_shown(void **state)
{
    fkv_t         *twin;
    fkv_change_t   change = { .key = FKV_STR("k"), .action = FKV_DELETE };
    fkv_update_t   u = { .changes = &change, .n = 1,
                         .op = { .on_done = fkv__twin_done } };

    (void) state;

    assert_int_equal(live_put(&live, "k", "v"), FKV_OK);
    assert_int_equal(hook.asked, 1);

    assert_int_equal(fkv__twin_open(&twin, live.store, live.error), FKV_OK);
    u.store = twin;
    u.now_ms = fkv_now_ms(twin);
    assert_int_equal(fkv__twin_wait(twin, &u.op, fkv_update(&u), NULL),
                     FKV_OK);
    assert_int_equal(hook.asked, 1);
    fkv_twin_close(twin);
    assert_null(value_of(0, "k"));
}


static void
it_is_told_when_the_disk_has_it(void **state)
{
    bool          done = false;
    fkv_change_t  change = { .key = FKV_STR("k"), .blind = true,
                             .action = FKV_PUT, .value = FKV_STR("v") };
    fkv_update_t  u = { .store = live.store, .changes = &change, .n = 1,
                        .now_ms = fkv_now_ms(live.store),
                        .sync = FKV_SYNC_ALWAYS,
                        .op = { .on_done = live_done, .data = &done } };

    (void) state;

    assert_int_equal(fkv_update(&u), FKV_AGAIN);
    assert_int_equal(hook.asked, 1);
    assert_int_equal(hook.committed, 0);
    assert_int_equal(live_wait(&live, &u.op, FKV_AGAIN, &done), FKV_OK);
    assert_int_equal(hook.committed, 1);
    assert_int_equal(hook.ended, 1);
}


static void
expiries_come_to_the_processs_own_thread(void **state)
{
    uint64_t  until = live_ms() + 20000;

    (void) state;

    (void) fkv_helper(live.store);
    assert_non_null(live.store->helper);
    assert_int_equal(live_put_at(&live, "k\001x", FKV_STR("v"),
                                 fkv_now_ms(live.store) + 10,
                                 FKV_SYNC_DEFAULT), FKV_OK);

    while (hook.expired == 0) {
        live_loop(&live, 10);
        assert_int_equal(hook.expired, 0);
        (void) fkv_helper(live.store);
        assert_true(live_ms() < until);
    }

    assert_int_equal(hook.expired, 1);
    assert_int_equal(hook.ns, 0);
    assert_string_equal(hook.key, "k\001x");
}


static void
expiries_wait_for_room(void **state)
{
    fkv__told_t  told;
    uint8_t      ikey[FKV__KEY_SIZE(8)];
    unsigned     n = 0;
    size_t       len = fkv__key_encode(ikey, 3, FKV_STR("a\0b"));

    (void) state;
    fkv__told_init(&told);

    while (fkv__told_ready(&told, live.store)) {
        fkv__told_add(&told, live.store, (fkv_str_t) { ikey, len });
        n++;
    }

    assert_in_range(told.keys.len, FKV_EXPIRED_BYTES, FKV_EXPIRED_BYTES + 100);

    while (fkv__told_tell(&told, live.store)) {
        assert_true(hook.expired < n);
        assert_true(fkv__told_ready(&told, live.store));
    }

    assert_int_equal(hook.expired, n);
    assert_int_equal(hook.ns, 3);
    assert_memory_equal(hook.key, "a\0b", 4);

    fkv_hook(live.store, NULL, NULL);
    fkv__told_add(&told, live.store, (fkv_str_t) { ikey, len });
    assert_int_equal(told.keys.len, 0);
    fkv__told_done(&told);
}


static void
dies_at(const char *step, bool expires)
{
    int    status;
    pid_t  pid = fork();

    assert_true(pid >= 0);

    if (pid == 0) {
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void) setenv("FKV_KILL", step, 1);
        live_attach(&live, FKV_WORKER);
        fkv_hook(live.store, &hooks, &hook);
        (void) fkv_helper(live.store);
        (void) live_put_at(&live, "k", FKV_STR("new"),
                           expires ? fkv_now_ms(live.store) + 1 : 0,
                           FKV_SYNC_ALWAYS);

        for (unsigned i = 0; expires && i < 2000; i++) {
            live_loop(&live, 10);
            (void) fkv_helper(live.store);
        }

        _exit(0);
    }

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
}


/* Key and entries: what was added is there if the key is, and only then. */
static void
all_or_nothing_outlives_a_death(void **state)
{
    static const char *const  steps[] = {
        "hook.1", "update.1", "reserve.2", "update.2", "update.3", "update.4",
        "update.5", "update.6", "hook.2"
    };

    (void) state;

    for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        const char  *key;
        bool         there;

        fkv_detach(live.store);
        hook.tags = TAGS;
        dies_at(steps[i], false);

        live_attach(&live, FKV_WORKER);
        hook.tags = 0;
        assert_int_equal(live_put(&live, "behind", "it"), FKV_OK);
        key = value_of(0, "k");
        there = (key != NULL && strcmp(key, "new") == 0);

        for (unsigned k = 0; k < TAGS; k++) {
            assert_int_equal(tag_of("k", k) != NULL, there);
        }

        /* "new" was there to be seen from update.6 on at the latest. */

        assert_true(there || i < 7);
        assert_true(!there || i > 2);

        assert_int_equal(live_delete(&live, "k"), FKV_OK);
        hook.tags = TAGS;
        hook.removes = true;
        assert_int_equal(live_put(&live, "k", "old"), FKV_OK);
        hook.removes = false;
    }
}


static void
a_helper_may_die_before_it_tells(void **state)
{
    (void) state;

    fkv_detach(live.store);
    dies_at("hook.3", true);
    live_attach(&live, FKV_WORKER);
    assert_int_equal(live_put(&live, "k", "v"), FKV_OK);
    (void) fkv_helper(live.store);
    assert_int_equal(hook.expired, 0);
}


int
main(void)
{
#define TEST(name)  cmocka_unit_test_setup_teardown(name, setup, teardown)

    const struct CMUnitTest  tests[] = {
        TEST(it_refuses_with_a_sentence),
        TEST(what_writes_nothing_is_not_shown),
        TEST(it_changes_value_and_expiry_but_not_what_the_caller_has),
        TEST(a_try_begins_with_what_was_decided),
        TEST(what_it_adds_is_in_the_same_frame),
        TEST(what_it_must_not_add_is_refused),
        TEST(it_makes_a_value_large),
        TEST(updates_of_the_helpers_threads_are_not_shown),
        TEST(it_is_told_when_the_disk_has_it),
        TEST(expiries_come_to_the_processs_own_thread),
        TEST(expiries_wait_for_room),
        TEST(all_or_nothing_outlives_a_death),
        TEST(a_helper_may_die_before_it_tells),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
