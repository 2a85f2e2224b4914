/*
 * store_notice.c - which expiries are told, when, and to whom after a death.
 */

#include "disk.h"

#include "store/notice.h"
#include "store/read.h"

#define KEYS  3000

static disk_t           disk;
static fkv__notice_t    notice;
static fkv__listener_t  listener;
static uint64_t         expiry[KEYS];       /* 0 never, or gone */
static unsigned         told[KEYS];
static unsigned         told_n;
static uint64_t         late_max;


/* Each is told once, not too early, and of its newest version. */
static void
on_expired(void *data, const fkv__expired_t *expired)
{
    unsigned  key = check_number(expired->ikey, 1 + strlen("key"));

    (void) data;
    assert_true(key < KEYS);

    if (expired->expire_at != expiry[key]
        || expired->expire_at > fkv_now_ms(disk.store))
    {
        fail_msg("key %u: told of %llu, it is %llu", key,
                 (unsigned long long) expired->expire_at,
                 (unsigned long long) expiry[key]);
    }

    told[key]++;
    told_n++;
    late_max = fkv__max(late_max, expired->late_ms);
}


static void
helper_begins(void)
{
    listener.on_expired = on_expired;
    fkv__notice_init(&notice, disk.helper, &listener, 1);
}


static int
notice_setup(void **state)
{
    (void) state;

    memset(expiry, 0, sizeof(expiry));
    memset(told, 0, sizeof(told));
    told_n = 0;
    late_max = 0;

    disk_begin(&disk, FKV_MEMORY_MIN);
    helper_begins();

    return 0;
}


static int
notice_teardown(void **state)
{
    (void) state;
    fkv__notice_done(&notice);
    disk_end(&disk);

    return 0;
}


static void
put(unsigned key, uint64_t ttl_ms)
{
    char  name[16];

    disk_key(key, name);
    expiry[key] = (ttl_ms > 0) ? fkv_now_ms(disk.store) + ttl_ms : 0;
    told[key] = 0;
    assert_int_equal(live_put_at(&disk.live, name, FKV_STR("v"), expiry[key],
                                 FKV_SYNC_DEFAULT), FKV_OK);
}


static void
remove_key(unsigned key)
{
    char  name[16];
    int   rc;

    disk_key(key, name);
    rc = live_delete(&disk.live, name);
    assert_true(rc == FKV_OK || rc == FKV_NOTFOUND);
    expiry[key] = 0;
}


/* Until nothing more is being looked for. */
static void
turns(void)
{
    uint64_t  until = live_ms() + 20000;

    do {
        if (fkv__notice_turn(&notice) > 0) {
            (void) poll(NULL, 0, 1);
        }

        assert_true(live_ms() < until);
    } while (notice.refill.running);

    (void) fkv__notice_turn(&notice);
}


static void
pass(uint64_t ms)
{
    disk_pass(&disk, ms);
    fkv__clock_tick(disk.store);
    turns();
}


/* Every one that has expired was told, once; no other was. */
static void
check_told(void)
{
    uint64_t  now_ms = fkv_now_ms(disk.store);

    for (unsigned i = 0; i < KEYS; i++) {
        unsigned  want = (expiry[i] != 0 && expiry[i] <= now_ms);

        if (told[i] != want) {
            fail_msg("key %u was told %u times, not %u", i, told[i], want);
        }
    }
}


static void
nothing_is_attached_until_something_expires(void **state)
{
    (void) state;

    put(1, 0);
    turns();
    assert_null(notice.twin);
    assert_int_equal(fkv__notice_fd(&notice), -1);

    put(2, 1000);
    turns();
    assert_non_null(notice.twin);
    assert_int_equal(told_n, 0);

    pass(999);
    assert_int_equal(told_n, 0);
    pass(1);
    assert_int_equal(told_n, 1);
    check_told();
}


static void
what_is_written_anew_or_deleted_is_not_told(void **state)
{
    (void) state;

    for (unsigned i = 0; i < 100; i++) {
        put(i, 1000);
    }

    turns();

    for (unsigned i = 0; i < 100; i += 10) {
        put(i, 5000);           /* later */
        put(i + 1, 500);        /* sooner */
        put(i + 2, 0);          /* never */
        remove_key(i + 3);
    }

    pass(500);
    assert_int_equal(told_n, 10);
    pass(500);
    assert_int_equal(told_n, 10 + 60);
    check_told();

    /* In the last moment, before it was noticed. */

    disk_pass(&disk, 4000);
    put(0, 100);
    turns();
    check_told();
    pass(100);
    check_told();
}


static void
a_deleted_range_is_not_told(void **state)
{
    (void) state;

    for (unsigned i = 0; i < 200; i++) {
        put(i, 1000);
    }

    turns();
    disk_delete_prefix(&disk, "key0001");

    for (unsigned i = 10; i < 20; i++) {
        expiry[i] = 0;
    }

    put(15, 900);
    pass(1000);
    assert_int_equal(told_n, 200 - 10 + 1);
    check_told();
}


static void
put_limit(const char *key, uint64_t ttl_ms)
{
    bool          done = false;
    fkv_change_t  change = { .ns = FKV_NAMESPACE_LIMITS, .key = live_str(key),
                             .blind = true, .action = FKV_PUT,
                             .value = FKV_STR("v"),
                             .expire_at = fkv_now_ms(disk.store) + ttl_ms };
    fkv_update_t  u = { .store = disk.store, .changes = &change, .n = 1,
                        .now_ms = fkv_now_ms(disk.store),
                        .op = { .on_done = live_done, .data = &done } };

    assert_int_equal(live_wait(&disk.live, &u.op, fkv_update(&u), &done),
                     FKV_OK);
}


/* Neither as it is written nor when a helper looks for it in tables. */
static void
what_a_limit_remembers_goes_untold(void **state)
{
    (void) state;

    put_limit("limit1", 1000);
    turns();
    assert_null(notice.twin);

    put(1, 1000);
    put_limit("limit2", 1000);
    turns();
    assert_int_equal(notice.due.n, 1);

    disk_flush(&disk);
    put_limit("limit3", 1000);
    fkv__notice_done(&notice);
    helper_begins();
    turns();
    assert_int_equal(notice.due.n, 1);

    pass(1000);
    assert_int_equal(told_n, 1);
    check_told();
}


/* Random writes; more than the memtables and the heap hold. */
static void
churn(unsigned rounds, unsigned writes)
{
    for (unsigned round = 0; round < rounds; round++) {
        for (unsigned i = 0; i < writes; i++) {
            unsigned  key = (unsigned) (check_random(&disk.random) % KEYS);
            unsigned  what = (unsigned) (check_random(&disk.random) % 10);

            if (expiry[key] != 0 && expiry[key] <= fkv_now_ms(disk.store)
                && !told[key])
            {
                continue;
            }

            if (what < 2) {
                remove_key(key);
                told[key] = 0;

            } else {
                put(key, (what == 2) ? 0
                         : 1 + check_random(&disk.random) % 60000);
            }
        }

        if (round % 3 == 0) {
            disk_flush(&disk);
        }

        pass(check_random(&disk.random) % 5000);
        check_told();
    }
}


static void
each_is_told_once_wherever_it_lies(void **state)
{
    (void) state;

    churn(30, 500);
    pass(60000);
    check_told();
    assert_true(told_n > 2000);
    assert_true(late_max <= 60000);             /* what passed at once */
}


static void
a_heap_that_is_too_small_is_filled_again(void **state)
{
    (void) state;

    notice.due.bytes_max = 64 * 1024;
    churn(20, 500);

    for (unsigned i = 0; i < 60; i++) {
        pass(1000);
        check_told();
        assert_true(notice.due.bytes <= notice.due.bytes_max);
    }

    /* All in one millisecond. */

    for (unsigned i = 0; i < KEYS; i++) {
        put(i, 1000);
    }

    turns();
    assert_true(notice.due.bytes <= notice.due.bytes_max);
    assert_true(fkv__moment_after(FKV__MOMENT_NEVER, notice.due.bound));
    disk_pass(&disk, 1000);

    for (unsigned i = 0; i < 20; i++) {
        turns();
    }

    check_told();
}


static void
the_next_helper_goes_on(void **state)
{
    (void) state;

    for (unsigned round = 0; round < 12; round++) {
        uint64_t  gone_ms = check_random(&disk.random) % 3000;

        churn(2, 400);
        fkv__notice_done(&notice);

        /* Keys expire meanwhile, and are compacted, but not dropped. */

        for (unsigned i = 0; i < 100; i++) {
            unsigned  key = (unsigned) (check_random(&disk.random) % KEYS);

            if (told[key] || expiry[key] == 0) {
                put(key, 1 + check_random(&disk.random) % 5000);
            }
        }

        disk_pass(&disk, gone_ms);

        if (round % 2) {
            disk_flush(&disk);
        }

        helper_begins();
        turns();
        check_told();
    }

    pass(60000);
    check_told();
}


/* It comes back to an arena that was recycled. */
static void
what_was_not_followed_is_found_in_tables(void **state)
{
    (void) state;

    put(0, 1000);
    turns();

    for (unsigned i = 1; i < KEYS; i++) {
        put(i, 1000 + i);

        if (i % 200 == 0) {
            disk_flush(&disk);
        }
    }

    assert_true(notice.trail.at < fkv__read_oldest(
                    disk.store, disk_state(&disk)->memtables));
    pass(2000);
    pass(5000);
    check_told();
    assert_int_equal(told_n, KEYS);
}


static void
a_clock_that_steps_tells_no_lie(void **state)
{
    (void) state;

    for (unsigned i = 0; i < 100; i++) {
        put(i, 1000 + i * DISK_HOUR / 50);      /* within two hours */
    }

    turns();

    /* An hour forward: what is due by that is told at once, and not late. */

    disk.stepped_ms += DISK_HOUR;
    pass(20);
    assert_int_equal(told_n, 50);
    assert_true(late_max <= 20);
    check_told();

    /* An hour back: time goes on as if nothing had been. */

    disk.stepped_ms -= DISK_HOUR;
    pass(20);
    assert_int_equal(told_n, 50);

    put(200, 300);
    turns();
    pass(299);
    assert_int_equal(told_n, 50);
    pass(1);
    assert_int_equal(told_n, 51);
    check_told();

    for (unsigned i = 0; i < 60; i++) {
        pass(60 * 1000);
        check_told();
    }

    assert_int_equal(told_n, 101);
}


int
main(void)
{
#define TEST(name)                                                            \
    cmocka_unit_test_setup_teardown(name, notice_setup, notice_teardown)

    const struct CMUnitTest  tests[] = {
        TEST(nothing_is_attached_until_something_expires),
        TEST(what_is_written_anew_or_deleted_is_not_told),
        TEST(a_deleted_range_is_not_told),
        TEST(what_a_limit_remembers_goes_untold),
        TEST(each_is_told_once_wherever_it_lies),
        TEST(a_heap_that_is_too_small_is_filled_again),
        TEST(the_next_helper_goes_on),
        TEST(what_was_not_followed_is_found_in_tables),
        TEST(a_clock_that_steps_tells_no_lie),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
