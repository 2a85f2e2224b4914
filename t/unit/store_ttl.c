/*
 * store_ttl.c - keys that expire are written for ever: what they take on disk
 * stays a small multiple of what is alive.
 */

#include "disk.h"

#define KEYS           60000
#define VALUE_BYTES    100
#define WRITES         100          /* a second */
#define FLUSH_SECONDS  5
#define SECONDS        600
#define TTL_MS_MIN     1000
#define TTL_DOUBLES    8            /* up to 256 s */

/* What a key may take in a table, beside its share of filter and index. */
#define KEY_BYTES      (VALUE_BYTES + 40)

static disk_t    disk;
static uint64_t  expiry[KEYS];      /* 0 none was written, 1 never */


static int
ttl_setup(void **state)
{
    (void) state;

    memset(expiry, 0, sizeof(expiry));
    disk_begin(&disk, FKV_MEMORY_MIN);
    disk.helper->table_bytes = 64 * 1024;
    disk.helper->slice_bytes = 192 * 1024;
    disk.helper->pick.base_bytes = 128 * 1024;

    return 0;
}


static int
ttl_teardown(void **state)
{
    (void) state;
    disk_end(&disk);

    return 0;
}


static void
put(unsigned key, bool expires)
{
    static char  value[VALUE_BYTES + 1];
    char         name[16];
    uint64_t     ttl = TTL_MS_MIN << check_random(&disk.random) % TTL_DOUBLES;

    memset(value, 'v', VALUE_BYTES);
    (void) sprintf(name, "%u-%u", key * 7919 % KEYS, key);

    ttl += check_random(&disk.random) % ttl;
    expiry[key] = expires ? fkv_now_ms(disk.store) + ttl : 1;

    assert_int_equal(live_put_at(&disk.live, name, live_str(value),
                                 expires ? expiry[key] : 0, FKV_SYNC_DEFAULT),
                     FKV_OK);
}


static uint64_t
alive(void)
{
    uint64_t  n = 0, now_ms = fkv_now_ms(disk.store);

    for (unsigned i = 0; i < KEYS; i++) {
        n += (expiry[i] == 1 || expiry[i] > now_ms);
    }

    return n;
}


/* The key of the n-th write; whether it expires. */
typedef unsigned (*next_t)(unsigned n, bool *expires);

static unsigned
always_new(unsigned n, bool *expires)
{
    *expires = true;

    return n % KEYS;
}


static unsigned
the_same_ones(unsigned n, bool *expires)
{
    (void) n;
    *expires = true;

    return (unsigned) (check_random(&disk.random) % 3000);
}


/* A tenth of the writes go to keys that stay. */
static unsigned
among_others(unsigned n, bool *expires)
{
    *expires = (n % 10 != 0);

    return *expires ? n % (KEYS - 2000) + 2000
                    : (unsigned) (check_random(&disk.random) % 2000);
}


/* The worst ratio of what is on disk to what may be. */
static double
churn(next_t next)
{
    unsigned  n = 0;
    double    worst = 0;

    for (unsigned second = 1; second <= SECONDS; second++) {
        for (unsigned i = 0; i < WRITES; i++) {
            bool      expires;
            unsigned  key = next(n++, &expires);

            put(key, expires);
        }

        disk_pass(&disk, 1000);
        fkv__clock_tick(disk.store);

        if (second % FLUSH_SECONDS != 0) {
            continue;
        }

        disk_flush(&disk);
        (void) disk_compact(&disk);

        if (second > SECONDS / 3) {
            double  entries = (double) (alive() + FKV__PICK_L0 * FLUSH_SECONDS
                                                  * WRITES);
            double  bytes = (double) disk_state(&disk)->table_bytes;

            worst = fkv__max(worst, bytes / (entries * KEY_BYTES));
        }
    }

    return worst;
}


/* Nothing is written any more, and time passes. */
static void
rest(unsigned seconds)
{
    for (unsigned i = 0; i < seconds; i += 10) {
        disk_pass(&disk, 10 * 1000);
        fkv__clock_tick(disk.store);
        (void) disk_compact(&disk);
    }
}


static void
report(const char *what, double worst)
{
    double  given = (double) SECONDS * WRITES * KEY_BYTES;

    printf("# %s: on disk at most %.2f of what lives and waits in level 0, "
           "compaction wrote %.1f bytes for each one given\n", what, worst,
           (double) disk_count(&disk, FKV__STAT_compaction_written) / given);
}


static void
sessions_take_what_is_alive(void **state)
{
    double  worst = churn(always_new);

    (void) state;

    report("new keys", worst);
    assert_true(worst < 1.5);

    rest(600);
    assert_int_equal(alive(), 0);
    assert_int_equal(disk_state(&disk)->tables, 0);
    assert_int_equal(disk_files(&disk), 0);
}


static void
renewed_keys_take_what_is_alive(void **state)
{
    double  worst = churn(the_same_ones);

    (void) state;

    report("the same keys", worst);
    assert_true(worst < 1.5);

    rest(600);
    assert_int_equal(alive(), 0);
    assert_int_equal(disk_state(&disk)->tables, 0);
}


static void
keys_that_stay_are_all_that_stays(void **state)
{
    double    worst = churn(among_others);
    uint64_t  bytes;

    (void) state;

    report("among others", worst);
    assert_true(worst < 1.5);

    rest(600);
    bytes = disk_state(&disk)->table_bytes;
    printf("# %llu keys stay: %llu bytes\n", (unsigned long long) alive(),
           (unsigned long long) bytes);
    assert_true(bytes < 2 * alive() * KEY_BYTES);
}


int
main(void)
{
#define TEST(name)                                                            \
    cmocka_unit_test_setup_teardown(name, ttl_setup, ttl_teardown)

    const struct CMUnitTest  tests[] = {
        TEST(sessions_take_what_is_alive),
        TEST(renewed_keys_take_what_is_alive),
        TEST(keys_that_stay_are_all_that_stays),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
