/*
 * shared_lease.c - leases: bounded, named by a secret, ended by anybody.
 */

#include "check.h"
#include "shared/lease.h"

#include <pthread.h>

#define NOW     1000
#define ROUNDS  20000

static fkv__segment_shm_t  *seg;


static int
segment_setup(void **state)
{
    (void) state;
    return fkv__segment_create(4 * 1024 * 1024, &seg);
}


static int
segment_teardown(void **state)
{
    (void) state;
    fkv__segment_unmap(seg);
    return 0;
}


static unsigned
living(uint64_t now_ms)
{
    unsigned  n = 0;

    for (unsigned i = 0; i < seg->leases; i++) {
        n += (fkv__lease_snapshot(seg, i, now_ms) != 0);
    }

    return n;
}


static void
a_lease_says_its_snapshot_until_its_deadline(void **state)
{
    fkv_lease_t  lease;
    uint64_t     snapshot, until;

    (void) state;

    assert_int_equal(fkv__lease_take(seg, false, 77, NOW, NOW + 10, 5, &lease),
                     FKV_OK);
    assert_int_equal(lease.nonce, 5);
    assert_int_equal(fkv__lease_find(seg, &lease, NOW + 9, &snapshot), FKV_OK);
    assert_int_equal(snapshot, 77);
    assert_int_equal(fkv__lease_find(seg, &lease, NOW + 10, &snapshot),
                     FKV_GONE);

    /* Over is not free yet, and a renewal may not bring it back. */

    until = NOW + 100;
    assert_int_equal(fkv__lease_renew(seg, &lease, NOW + 10, false, &until),
                     FKV_GONE);
    assert_int_equal(fkv__lease_renew(seg, &lease, NOW + 9, false, &until),
                     FKV_OK);
    assert_int_equal(fkv__lease_find(seg, &lease, NOW + 99, &snapshot),
                     FKV_OK);

    /* An earlier deadline is for those who mean it. */

    until = NOW + 50;
    assert_int_equal(fkv__lease_renew(seg, &lease, NOW, false, &until),
                     FKV_OK);
    assert_int_equal(until, NOW + 100);
    until = NOW + 50;
    assert_int_equal(fkv__lease_renew(seg, &lease, NOW, true, &until), FKV_OK);
    assert_int_equal(until, NOW + 50);

    assert_int_equal(living(NOW + 49), 1);
    assert_int_equal(living(NOW + 50), 0);
    assert_int_equal(fkv__lease_find(seg, &lease, NOW, &snapshot), FKV_GONE);
}


static void
a_dropped_lease_is_gone_for_all(void **state)
{
    fkv_lease_t  lease;
    uint64_t     snapshot;

    (void) state;

    assert_int_equal(fkv__lease_take(seg, false, 77, NOW, NOW + 10, 5, &lease),
                     FKV_OK);
    assert_int_equal(fkv__lease_drop(seg, &lease, NOW), FKV_OK);
    assert_int_equal(fkv__lease_drop(seg, &lease, NOW), FKV_GONE);
    assert_int_equal(fkv__lease_find(seg, &lease, NOW, &snapshot), FKV_GONE);
    assert_int_equal(living(NOW), 0);
}


static void
a_name_is_of_one_lease_only(void **state)
{
    fkv_lease_t  lease, other, wrong;
    uint64_t     snapshot, until = NOW + 99;

    (void) state;

    assert_int_equal(fkv__lease_take(seg, false, 77, NOW, NOW + 10, 5, &lease),
                     FKV_OK);

    /* The same entry again, since the nonce says where to look first. */

    assert_int_equal(fkv__lease_take(seg, false, 88, NOW + 10, NOW + 20, 5,
                                     &other), FKV_OK);
    assert_int_equal(other.id, lease.id + 1);
    assert_int_equal(fkv__lease_find(seg, &lease, NOW, &snapshot), FKV_GONE);
    assert_int_equal(fkv__lease_renew(seg, &lease, NOW, false, &until),
                     FKV_GONE);
    assert_int_equal(fkv__lease_drop(seg, &lease, NOW), FKV_GONE);
    assert_int_equal(fkv__lease_find(seg, &other, NOW + 10, &snapshot),
                     FKV_OK);
    assert_int_equal(snapshot, 88);

    wrong = other;
    wrong.nonce++;
    assert_int_equal(fkv__lease_find(seg, &wrong, NOW, &snapshot), FKV_GONE);

    for (unsigned bit = 0; bit < 64; bit++) {
        wrong = other;
        wrong.id ^= 1ull << bit;
        assert_int_equal(fkv__lease_find(seg, &wrong, NOW, &snapshot),
                         FKV_GONE);
    }
}


static void
the_table_is_bounded_and_fills_up_again(void **state)
{
    static fkv_lease_t  leases[16384];
    fkv_lease_t         more;
    unsigned            n = (unsigned) seg->leases;
    uint64_t            snapshot;

    (void) state;

    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(fkv__lease_take(seg, false, 100 + i, NOW, NOW + 10, 3,
                                         &leases[i]), FKV_OK);
    }

    assert_int_equal(living(NOW), n);
    assert_int_equal(fkv__lease_take(seg, false, 1, NOW, NOW + 10, 3, &more),
                     FKV_EFULL);

    assert_int_equal(fkv__lease_drop(seg, &leases[n / 2], NOW), FKV_OK);
    assert_int_equal(fkv__lease_take(seg, false, 1, NOW, NOW + 10, 3, &more),
                     FKV_OK);

    for (unsigned i = 0; i < n; i++) {
        int  rc = fkv__lease_find(seg, &leases[i], NOW, &snapshot);

        assert_int_equal(rc, i == n / 2 ? FKV_GONE : FKV_OK);
        assert_true(rc != FKV_OK || snapshot == 100 + i);
    }

    /* What is over is taken over by who needs it. */

    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(fkv__lease_take(seg, false, 2, NOW + 10, NOW + 20, 3,
                                         &more), FKV_OK);
    }

    assert_int_equal(fkv__lease_take(seg, false, 2, NOW + 10, NOW + 20, 3,
                                     &more), FKV_EFULL);
}


static void
cursors_leave_some_for_snapshots(void **state)
{
    unsigned     n = (unsigned) seg->leases, rest = n / FKV__LEASE_RESERVED;
    fkv_lease_t  lease;

    (void) state;

    for (unsigned i = 0; i < n - rest; i++) {
        assert_int_equal(fkv__lease_take(seg, true, 1, NOW, NOW + 10, i * 7,
                                         &lease), FKV_OK);
    }

    assert_true(rest > 0);
    assert_int_equal(fkv__lease_take(seg, true, 1, NOW, NOW + 10, 3, &lease),
                     FKV_EFULL);

    for (unsigned i = 0; i < rest; i++) {
        assert_int_equal(fkv__lease_take(seg, false, 1, NOW, NOW + 10, 3,
                                         &lease), FKV_OK);
    }

    assert_int_equal(fkv__lease_take(seg, false, 1, NOW, NOW + 10, 3, &lease),
                     FKV_EFULL);
}


/* Takes, checks and drops in turn; the snapshot tells whose lease it is. */
static void *
churn(void *arg)
{
    uint64_t     who = *(uint64_t *) arg, snapshot;
    fkv_lease_t  lease;

    for (uint64_t i = 1; i <= ROUNDS; i++) {
        uint64_t  mine = who << 32 | i, until = NOW + 20;

        if (fkv__lease_take(seg, false, mine, NOW, NOW + 10, i % 4, &lease)
            != FKV_OK)
        {
            return "full";
        }

        if (fkv__lease_find(seg, &lease, NOW, &snapshot) != FKV_OK
            || snapshot != mine
            || fkv__lease_renew(seg, &lease, NOW, false, &until) != FKV_OK)
        {
            return "lost";
        }

        if (fkv__lease_drop(seg, &lease, NOW) != FKV_OK) {
            return "not mine";
        }
    }

    return NULL;
}


/* Three who take and drop, one who frees what is over; nothing is over. */
static void
threads_never_meet_in_one_lease(void **state)
{
    static uint64_t  who[3] = { 1, 2, 3 };
    pthread_t        threads[3];
    void            *wrong;

    (void) state;

    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, churn, &who[i]), 0);
    }

    for (unsigned i = 0; i < 1000; i++) {
        (void) living(NOW + 9);
    }

    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }

    assert_int_equal(living(NOW), 0);
}


int
main(void)
{
#define TEST(name)                                                            \
    cmocka_unit_test_setup_teardown(name, segment_setup, segment_teardown)

    const struct CMUnitTest  tests[] = {
        TEST(a_lease_says_its_snapshot_until_its_deadline),
        TEST(a_dropped_lease_is_gone_for_all),
        TEST(a_name_is_of_one_lease_only),
        TEST(the_table_is_bounded_and_fills_up_again),
        TEST(cursors_leave_some_for_snapshots),
        TEST(threads_never_meet_in_one_lease),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
