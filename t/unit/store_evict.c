/*
 * store_evict.c - a store beyond its max_size deletes what is worth least, and
 * nothing else.
 */

#include "disk.h"
#include "store/evict.h"
#include "store/pace.h"
#include "store/size.h"

#include <fcntl.h>

#define MEMORY   (16 * 1024 * 1024)
#define VALUE    500
#define RECORD   (9 + 3 + VALUE)
#define KEYS     4000
#define LARGE    (100 * 1024)

static disk_t        disk;
static fkv__evict_t  evict;
static uint8_t       bytes[LARGE];


static void
bound(uint64_t max_size, fkv_evict_e policy)
{
    fkv_change(disk.store, &(fkv_options_t) {
        .max_size = max_size, .evict = policy
    });
}


static uint64_t
size(void)
{
    return fkv__size_used(disk.store, FKV__BOUND_STORE);
}


static int
evict_setup(void **state)
{
    (void) state;
    disk_begin(&disk, MEMORY);
    memset(&evict, 0, sizeof(evict));
    evict.store = disk.store;
    evict.random = 1;
    fkv__evict_init(&evict);
    bound(1024 * 1024 * 1024, FKV_EVICT_RANDOM);

    return 0;
}


static int
evict_teardown(void **state)
{
    (void) state;
    fkv__evict_done(&evict);
    disk_end(&disk);

    return 0;
}


/* FKV_OK or why not; a length of 0 deletes. */
static int
write_bytes(unsigned ns, unsigned key, size_t len, uint64_t expire_at)
{
    bool           done = false;
    char           name[16];
    fkv_change_t   change = { .ns = ns, .expire_at = expire_at,
                              .action = (len > 0) ? FKV_PUT : FKV_DELETE,
                              .value = { bytes, len } };
    fkv_update_t   u = { .store = disk.store, .changes = &change, .n = 1,
                         .now_ms = fkv_now_ms(disk.store),
                         .op = { .on_done = live_done, .data = &done } };

    (void) sprintf(name, "key%06u", key);
    change.key = live_str(name);

    return live_wait(&disk.live, &u.op, fkv_update(&u), &done);
}


static int
write_key(unsigned ns, unsigned key, uint64_t expire_at)
{
    for (size_t i = 0; i < VALUE; i++) {
        disk.random = disk.random * 6364136223846793005ull + 1;
        bytes[i] = (uint8_t) (disk.random >> 56);
    }

    return write_bytes(ns, key, VALUE, expire_at);
}


static void
write_keys(unsigned ns, unsigned from, unsigned to)
{
    for (unsigned key = from; key < to; key++) {
        assert_int_equal(write_key(ns, key, 0), FKV_OK);

        if (key % 1000 == 499) {
            disk_flush(&disk);          /* nobody else makes room in memory */
        }
    }
}


static bool
has_key(unsigned ns, unsigned key)
{
    bool        done = false;
    char        name[16];
    int         rc;
    fkv_get_t   get = { .store = disk.store, .ns = ns,
                        .now_ms = fkv_now_ms(disk.store),
                        .op = { .on_done = live_done, .data = &done } };

    (void) sprintf(name, "key%06u", key);
    get.key = live_str(name);

    rc = live_wait(&disk.live, &get.op, fkv_get(&get), &done);
    fkv_get_done(&get);

    assert_true(rc == FKV_OK || rc == FKV_NOTFOUND);

    return rc == FKV_OK;
}


static unsigned
count_keys(unsigned ns, unsigned from, unsigned to)
{
    unsigned  n = 0;

    for (unsigned key = from; key < to; key++) {
        n += has_key(ns, key);
    }

    return n;
}


/* Until it has nothing more to do; what it said then. */
static int
evict_all(void)
{
    int  rc;

    do {
        rc = fkv__evict(&evict);
    } while (rc == FKV_OK);

    return rc;
}


static void
it_begins_at_max_size_and_ends_a_little_below(void **state)
{
    unsigned  left;
    uint64_t  max = KEYS * RECORD;

    (void) state;

    write_keys(0, 0, KEYS / 2);
    disk_flush(&disk);
    write_keys(0, KEYS / 2, KEYS);

    bound(max * 5 / 4, FKV_EVICT_RANDOM);
    assert_int_equal(fkv__evict(&evict), FKV_END);
    assert_int_equal(disk_count(&disk, FKV__STAT_evict_sampled), 0);

    bound(max * 3 / 4, FKV_EVICT_RANDOM);
    assert_int_equal(fkv__evict(&evict), FKV_OK);
    assert_int_equal(evict_all(), FKV_END);
    assert_true(size() <= max * 3 / 4 * 95 / 100);
    assert_true(size() > max * 3 / 4 * 90 / 100);

    left = count_keys(0, 0, KEYS);
    assert_int_equal(left, KEYS - disk_count(&disk, FKV__STAT_evicted));
    assert_true(left < KEYS * 73 / 100);
    assert_true(left > KEYS * 65 / 100);

    /* Neither what is in memory nor what is in tables was spared. */
    assert_true(count_keys(0, 0, KEYS / 2) < KEYS / 2 * 85 / 100);
    assert_true(count_keys(0, KEYS / 2, KEYS) < KEYS / 2 * 85 / 100);

    /* What was evicted takes no room, also when it is compacted. */
    disk_flush(&disk);
    disk_compact(&disk);
    assert_int_equal(count_keys(0, 0, KEYS), left);
    assert_int_equal(fkv__evict(&evict), FKV_END);
}


static void
what_was_written_since_it_was_sampled_stays(void **state)
{
    uint64_t  evicted;

    (void) state;

    write_keys(0, 0, KEYS);
    disk_flush(&disk);
    bound(KEYS * RECORD / 2, FKV_EVICT_RANDOM);
    assert_int_equal(fkv__evict(&evict), FKV_OK);
    evicted = disk_count(&disk, FKV__STAT_evicted);
    assert_true(evicted > 0);
    assert_true(evict.scopes[FKV__BOUND_STORE].n > 0);
    assert_int_equal(disk_count(&disk, FKV__STAT_evict_changed), 0);

    /* What is in the pool is old now. */
    bound(1024 * 1024 * 1024, FKV_EVICT_RANDOM);
    write_keys(0, 0, KEYS);
    bound(KEYS * RECORD / 2, FKV_EVICT_RANDOM);

    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(fkv__evict(&evict), FKV_OK);
    }

    assert_true(disk_count(&disk, FKV__STAT_evict_changed) > 0);
    assert_int_equal(count_keys(0, 0, KEYS),
                     KEYS - (disk_count(&disk, FKV__STAT_evicted) - evicted));
}


/* A key of a zipfian distribution, scattered over the key space. */
static unsigned
zipf(const double *sums)
{
    double    at;
    unsigned  low = 0, high = KEYS - 1;

    disk.random = disk.random * 6364136223846793005ull + 1442695040888963407ull;
    at = (double) (disk.random >> 11) / (double) (1ull << 53) * sums[KEYS - 1];

    while (low < high) {
        unsigned  middle = (low + high) / 2;

        if (sums[middle] < at) {
            low = middle + 1;

        } else {
            high = middle;
        }
    }

    return low * 2654435761u % KEYS;
}


/* As a cache for a quarter of the keys: hits of the later accesses. */
static unsigned
cache_hits(fkv_evict_e policy)
{
    static double  sums[KEYS];
    unsigned       hits = 0;

    for (unsigned i = 0; i < KEYS; i++) {
        sums[i] = ((i > 0) ? sums[i - 1] : 0) + 1.0 / (i + 1);
    }

    disk.random = 42;
    bound(KEYS / 4 * RECORD, policy);

    for (unsigned i = 0; i < 30000; i++) {
        unsigned  key = zipf(sums);
        bool      hit = has_key(0, key);

        hits += (hit && i >= 10000);
        disk_pass(&disk, 20);

        if (!hit) {
            while (write_key(0, key, 0) != FKV_OK) {
                assert_int_equal(evict_all(), FKV_END);
            }

            (void) evict_all();
        }

        if (i % 5000 == 4999) {
            disk_flush(&disk);
            disk_compact(&disk);
        }
    }

    assert_true(size() <= KEYS / 4 * RECORD);

    return hits;
}


static void
hot_keys_survive_lru_and_lfu(void **state)
{
    unsigned     hits[3];
    fkv_evict_e  policies[3] = {
        FKV_EVICT_RANDOM, FKV_EVICT_LRU, FKV_EVICT_LFU
    };

    for (unsigned i = 0; i < 3; i++) {
        hits[i] = cache_hits(policies[i]);
        (void) evict_teardown(state);
        (void) evict_setup(state);
    }

    printf("# hits of 20000: random %u, lru %u, lfu %u\n", hits[0], hits[1],
           hits[2]);

    assert_true(hits[1] > hits[0] + 600);
    assert_true(hits[2] > hits[0] + 600);
}


static void
ttl_takes_what_expires_first_and_nothing_that_does_not(void **state)
{
    uint64_t  now = fkv_now_ms(disk.store);
    unsigned  soon, late;

    (void) state;

    for (unsigned key = 0; key < KEYS; key++) {
        uint64_t  at = (key % 4 == 0) ? 0 : now + DISK_HOUR
                       + (key % 4) * DISK_HOUR;

        assert_int_equal(write_key(0, key, at), FKV_OK);

        if (key % 1000 == 499) {
            disk_flush(&disk);
        }
    }

    disk_flush(&disk);
    bound(KEYS * RECORD * 4 / 5, FKV_EVICT_TTL);
    assert_int_equal(evict_all(), FKV_END);

    soon = late = 0;

    for (unsigned key = 0; key < KEYS; key += 4) {
        assert_true(has_key(0, key));
        soon += has_key(0, key + 1);
        late += has_key(0, key + 3);
    }

    assert_true(soon < KEYS / 4 / 4);
    assert_int_equal(late, KEYS / 4);

    /* Only such are left that it must not take. */
    bound(KEYS / 8 * RECORD, FKV_EVICT_TTL);
    disk.live.quiet = true;
    assert_int_equal(evict_all(), FKV_NOTFOUND);
    assert_int_equal(count_keys(0, 0, KEYS), KEYS / 4);
    assert_int_equal(disk_state(&disk)->bounds[FKV__BOUND_STORE].dry, 1);
    assert_int_equal(write_key(0, KEYS, now + DISK_HOUR), FKV_EMAXSIZE);

    bound(16 * 1024 * 1024, FKV_EVICT_TTL);
    assert_int_equal(evict_all(), FKV_END);
    assert_int_equal(disk_state(&disk)->bounds[FKV__BOUND_STORE].dry, 0);
    assert_int_equal(write_key(0, KEYS, now + DISK_HOUR), FKV_OK);
}


static void
limits_and_the_catalog_are_spared(void **state)
{
    (void) state;

    write_keys(0, 0, 500);
    write_keys(7, 0, 500);
    write_keys(FKV_NAMESPACE_CACHE, 0, 500);
    write_keys(FKV_NAMESPACE_LIMITS, 0, 500);
    write_keys(FKV_NAMESPACE_CATALOG, 0, 500);
    bound(1000 * RECORD, FKV_EVICT_RANDOM);

    assert_int_equal(evict_all(), FKV_NOTFOUND);
    assert_int_equal(count_keys(0, 0, 500), 0);
    assert_int_equal(count_keys(7, 0, 500), 0);
    assert_int_equal(count_keys(FKV_NAMESPACE_CACHE, 0, 500), 0);
    assert_int_equal(count_keys(FKV_NAMESPACE_LIMITS, 0, 500), 500);
    assert_int_equal(count_keys(FKV_NAMESPACE_CATALOG, 0, 500), 500);
}


/* A quota of the cache alone; evict= says nothing of it. */
static void
quota(uint64_t most, fkv_evict_e policy)
{
    fkv_change(disk.store, &(fkv_options_t) {
        .max_size = 1024 * 1024 * 1024, .evict = policy,
        .quota = { [FKV_CLASS_CACHE] = most }
    });
}


static void
the_cache_beyond_its_quota_evicts_within_itself(void **state)
{
    uint64_t  used;

    (void) state;
    quota(0, FKV_EVICT_NONE);
    assert_false(fkv__evict_wanted(disk.store, 0));

    write_keys(0, 0, 500);
    write_keys(FKV_NAMESPACE_LIMITS, 0, 500);
    write_keys(FKV_NAMESPACE_CACHE, 0, 2000);
    quota(1000 * RECORD, FKV_EVICT_NONE);
    assert_true(fkv__evict_wanted(disk.store, FKV__EVICT_NEAR));
    quota(10000 * RECORD, FKV_EVICT_NONE);
    assert_false(fkv__evict_wanted(disk.store, FKV__EVICT_FAR));
    assert_true(fkv__evict_wanted(disk.store, 0));
    quota(1000 * RECORD, FKV_EVICT_NONE);
    disk_pass(&disk, 1000);

    /* What was read since then stays. */
    assert_int_equal(count_keys(FKV_NAMESPACE_CACHE, 0, 200), 200);
    assert_int_equal(evict_all(), FKV_END);

    used = fkv__size_used(disk.store, FKV_CLASS_CACHE);
    assert_true(used <= 1000 * RECORD * 95 / 100);
    assert_true(used > 1000 * RECORD * 85 / 100);
    assert_true(count_keys(FKV_NAMESPACE_CACHE, 0, 200) >= 195);
    assert_true(count_keys(FKV_NAMESPACE_CACHE, 200, 2000) < 800);
    assert_int_equal(count_keys(0, 0, 500), 500);
    assert_int_equal(count_keys(FKV_NAMESPACE_LIMITS, 0, 500), 500);

    /* With the tables of both it is the same. */
    disk_flush(&disk);
    disk_compact(&disk);
    disk_pass(&disk, 1000);
    assert_true(count_keys(FKV_NAMESPACE_CACHE, 0, 200) >= 195);
    quota(500 * RECORD, FKV_EVICT_TTL);
    assert_int_equal(evict_all(), FKV_END);
    assert_true(fkv__size_used(disk.store, FKV_CLASS_CACHE) <= 500 * RECORD);
    assert_true(count_keys(FKV_NAMESPACE_CACHE, 0, 200) >= 190);
    assert_int_equal(count_keys(0, 0, 500), 500);
    assert_int_equal(count_keys(FKV_NAMESPACE_LIMITS, 0, 500), 500);
}


/* However many come, each is taken, and neither they nor others stay behind. */
static void
a_flood_of_the_cache_is_taken_and_spares_the_others(void **state)
{
    uint64_t  max = 1024 * 1024;

    (void) state;
    write_keys(0, 0, 500);
    quota(max, FKV_EVICT_NONE);

    for (unsigned key = 0; key < 3 * KEYS; key++) {
        assert_int_equal(write_key(FKV_NAMESPACE_CACHE, key, 0), FKV_OK);
        assert_true(fkv__size_used(disk.store, FKV_CLASS_CACHE)
                    <= max + max / FKV__SIZE_OVER);
        (void) fkv__evict(&evict);

        if (key % 500 == 499) {
            disk_flush(&disk);
            disk_compact(&disk);
        }
    }

    assert_int_equal(disk_count(&disk, FKV__STAT_quota_refused), 0);
    assert_int_equal(count_keys(0, 0, 500), 500);
    assert_true(count_keys(FKV_NAMESPACE_CACHE, 3 * KEYS - 500, 3 * KEYS)
                > 300);
}


/* Also when eviction has nothing to do but for that one. */
static void
a_write_that_needs_much_room_gets_it(void **state)
{
    bool            done = false;
    uint64_t        sampled;
    fkv_change_t    change = { .ns = FKV_NAMESPACE_CACHE, .action = FKV_PUT,
                               .key = FKV_STR("much"),
                               .value = { bytes, LARGE } };
    fkv_update_t    u = { .store = disk.store, .changes = &change, .n = 1,
                          .now_ms = fkv_now_ms(disk.store),
                          .op = { .on_done = live_done, .data = &done } };

    (void) state;

    write_keys(FKV_NAMESPACE_CACHE, 0, 1900);
    quota(1024 * 1024, FKV_EVICT_NONE);
    assert_int_equal(fkv__evict(&evict), FKV_END);
    sampled = disk_count(&disk, FKV__STAT_evict_sampled);

    assert_int_equal(fkv_update(&u), FKV_AGAIN);

    while (!done) {
        live_loop(&disk.live, 10);
        (void) fkv__evict(&evict);
    }

    assert_int_equal(u.op.rc, FKV_OK);
    assert_true(disk_count(&disk, FKV__STAT_evict_sampled) > sampled);
    assert_true(fkv__size_used(disk.store, FKV_CLASS_CACHE)
                <= 1024 * 1024 + 1024 * 1024 / FKV__SIZE_OVER);

    /* More than there could ever be is refused at once. */
    quota(LARGE / 2, FKV_EVICT_NONE);
    (void) evict_all();
    change.key = live_str("more");
    done = false;
    assert_int_equal(live_wait(&disk.live, &u.op, fkv_update(&u), &done),
                     FKV_EQUOTA);
}


/* Beyond the bound a write waits the longer, the more there is to evict. */
static void
the_delay_grows_with_what_is_to_be_evicted(void **state)
{
    fkv__state_shm_t  *shm = disk_state(&disk);
    uint64_t          *next_us = &shm->bounds[FKV__BOUND_STORE].next_us;
    uint64_t           used, delays, before = 0;

    (void) state;

    write_keys(0, 0, KEYS);
    disk_flush(&disk);
    used = size();
    shm->pace_evict = 200 * 1024;

    /* From a thousandth beyond it on. */
    for (unsigned part = 1000; part > FKV__SIZE_OVER; part = part * 2 / 3) {
        uint64_t  turn = fkv__monotonic_us() + 50000;    /* we may be late */

        bound(used - used / part, FKV_EVICT_RANDOM);
        *next_us = turn;
        assert_int_equal(write_key(0, KEYS, 0), FKV_OK);
        assert_true(fkv__monotonic_us() >= turn);
        assert_true(*next_us - turn > before);
        before = *next_us - turn;
        assert_int_equal(write_bytes(0, KEYS, 0, 0), FKV_OK);
    }

    /* Half a KiB at three times what is evicted in a second, then at half. */
    assert_in_range(before, 3000, 10000);
    delays = disk_count(&disk, FKV__STAT_delays);
    assert_true(delays > 5);
    assert_int_equal(disk_count(&disk, FKV__STAT_wait_evict), 0);

    /* Deletes do not wait, nor does what takes no more than it replaces. */
    *next_us = fkv__monotonic_us() + 1000000;
    assert_int_equal(write_key(0, 1, 0), FKV_OK);
    assert_int_equal(write_bytes(0, 1, 0, 0), FKV_OK);
    assert_int_equal(disk_count(&disk, FKV__STAT_delays), delays);
}


/* Of large values only the size matters: none is read. */
static void
large_values_are_not_read_to_be_evicted(void **state)
{
    uint64_t  left;

    (void) state;

    for (unsigned key = 0; key < 40; key++) {
        assert_int_equal(write_bytes(0, key, LARGE, 0), FKV_OK);
    }

    disk_flush(&disk);
    bound(20 * LARGE, FKV_EVICT_LRU);
    assert_int_equal(evict_all(), FKV_END);

    left = 40 - disk_count(&disk, FKV__STAT_evicted);
    assert_in_range(left, 10, 19);
    assert_true(disk_count(&disk, FKV__STAT_evicted_bytes)
                >= (40 - left) * LARGE);
    assert_int_equal(disk_count(&disk, FKV__STAT_blob_reads), 0);
}


/* Of all tables. */
static void
flip_a_byte(void)
{
    char            path[400];
    DIR            *dir;
    struct dirent  *entry;

    (void) sprintf(path, "%s/sst", disk.live.dir);
    dir = opendir(path);
    assert_non_null(dir);

    while ((entry = readdir(dir)) != NULL) {
        uint8_t  byte;
        int      fd;

        if (entry->d_name[0] == '.') {
            continue;
        }

        (void) snprintf(path, sizeof(path), "%s/sst/%s", disk.live.dir,
                        entry->d_name);
        fd = open(path, O_RDWR);
        assert_int_equal(pread(fd, &byte, 1, 20000), 1);
        byte ^= 0x40;
        assert_int_equal(pwrite(fd, &byte, 1, 20000), 1);
        (void) close(fd);
    }

    (void) closedir(dir);
}


/* It hides some keys from eviction, and that is all. */
static void
a_damaged_block_does_not_stop_it(void **state)
{
    (void) state;

    write_keys(0, 0, KEYS);
    disk_flush(&disk);
    disk_compact(&disk);
    disk_close(&disk);
    flip_a_byte();
    disk_open(&disk, MEMORY);
    disk_attach(&disk);
    evict.store = disk.store;

    bound(KEYS * RECORD / 2, FKV_EVICT_RANDOM);
    assert_int_equal(evict_all(), FKV_END);
    assert_true(disk_count(&disk, FKV__STAT_errors_corrupt) > 0);
    assert_true(disk_count(&disk, FKV__STAT_evicted) > KEYS / 3);
}


int
main(void)
{
#define TEST(name)  cmocka_unit_test_setup_teardown(name, evict_setup,        \
                                                    evict_teardown)

    const struct CMUnitTest  tests[] = {
        TEST(it_begins_at_max_size_and_ends_a_little_below),
        TEST(what_was_written_since_it_was_sampled_stays),
        TEST(hot_keys_survive_lru_and_lfu),
        TEST(ttl_takes_what_expires_first_and_nothing_that_does_not),
        TEST(limits_and_the_catalog_are_spared),
        TEST(the_cache_beyond_its_quota_evicts_within_itself),
        TEST(a_flood_of_the_cache_is_taken_and_spares_the_others),
        TEST(a_write_that_needs_much_room_gets_it),
        TEST(the_delay_grows_with_what_is_to_be_evicted),
        TEST(large_values_are_not_read_to_be_evicted),
        TEST(a_damaged_block_does_not_stop_it),
    };

#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
