/*
 * store_memtable.c - the index of an arena against a sorted model.
 */

#include "check.h"
#include "base/bytes.h"
#include "base/hash.h"
#include "format/key.h"
#include "shared/arena.h"
#include "store/memtable.h"

#include <pthread.h>

#define KEYS     2000
#define THREADS  2

static fkv__segment_shm_t  *seg;
static fkv__memtable_t      mt;


static int
memtable_setup(void **state)
{
    int  rc = fkv__segment_create(64 * 1024 * 1024, &seg);

    (void) state;

    fkv__arena_reset(&seg->arenas[0], (uint32_t) seg->arena_bytes);
    seg->arenas[0].base = 4096;
    fkv__memtable_init(&mt, seg, 0);

    return rc;
}


static int
memtable_teardown(void **state)
{
    (void) state;
    fkv__segment_unmap(seg);
    return 0;
}


/* One frame with one record, READY; returns where the frame is. */
static uint32_t
put(fkv_str_t key, fkv_str_t value, bool link)
{
    fkv__record_t      rec = { .kind = FKV__RECORD_VALUE, .key = key,
                               .value = value };
    uint64_t           hash = fkv__hash(key);
    uint32_t           nodes, bytes;
    uint8_t           *p;
    fkv__arena_room_t  room;
    fkv__memtable_pos_t  pos;

    (void) fkv__memtable_find(&mt, key, hash, UINT64_MAX, &pos);

    bytes = (uint32_t) fkv__align(32 + fkv__record_size(&rec), 8);
    assert_int_equal(fkv__arena_reserve(mt.shm, mt.mem, 0, bytes,
                         fkv__memtable_nodes(hash, pos.node == 0), &room),
                     FKV_OK);

    p = mt.mem + room.frame;
    nodes = room.nodes;
    fkv__put_le32(p + 4, nodes);
    memcpy(fkv__record_put(p + 32, &rec), value.data, value.len);

    if (link) {
        rec.key.data = p + 32 + fkv__record_size(&rec) - value.len - key.len;
        fkv__memtable_link(&mt, rec.key, hash, room.frame, room.frame + 32,
                           &nodes);
    }

    fkv__put_le32(p, FKV__FRAME_READY);

    return room.frame;
}


static fkv_str_t
key_of(unsigned n, char *room)
{
    return (fkv_str_t) { (uint8_t *) room,
                         (size_t) sprintf(room, "key%07u", n * 7919 % 10007) };
}


static void
the_newest_version_below_the_bound_is_found(void **state)
{
    fkv_str_t            key = FKV_STR("k");
    uint64_t             hash = fkv__hash(key);
    uint64_t             v1 = 4096 + 32 + put(key, FKV_STR("one"), true);
    uint64_t             v2 = 4096 + 32 + put(key, FKV_STR("two"), true);
    fkv__record_t        rec;
    fkv__memtable_pos_t  pos;

    (void) state;

    assert_true(fkv__memtable_find(&mt, key, hash, UINT64_MAX, &pos));
    assert_int_equal(pos.version, v2);
    assert_true(pos.ready);
    assert_int_equal(fkv__memtable_record(&mt, pos.entry, &rec), FKV_OK);
    check_str(rec.value, FKV_STR("two"));
    check_str(rec.key, key);
    assert_int_equal(rec.version, v2);

    assert_true(fkv__memtable_find(&mt, key, hash, v2, &pos));
    assert_int_equal(pos.version, v1);

    assert_false(fkv__memtable_find(&mt, key, hash, v1, &pos));
    assert_int_not_equal(pos.node, 0);

    assert_false(fkv__memtable_find(&mt, FKV_STR("l"), fkv__hash(FKV_STR("l")),
                                    UINT64_MAX, &pos));
    assert_int_equal(pos.node, 0);
}


static void
a_void_version_is_passed_over(void **state)
{
    fkv_str_t             key = FKV_STR("k");
    uint32_t              frame;
    fkv__memtable_pos_t   pos;
    fkv__memtable_iter_t  it;

    (void) state;

    frame = put(key, FKV_STR("dead"), true);
    fkv__put_le32(mt.mem + frame, FKV__FRAME_VOID);

    assert_false(fkv__memtable_find(&mt, key, fkv__hash(key), UINT64_MAX,
                                    &pos));

    fkv__memtable_iter_seek(&it, &mt, FKV_STR_NULL);
    assert_int_not_equal(it.node, 0);
    assert_int_equal(fkv__memtable_iter_version(&it, 0), 0);
}


static void
keys_come_in_order(void **state)
{
    char                  room[16], last[16] = "";
    unsigned              n = 0;
    fkv__memtable_iter_t  it;

    (void) state;

    for (unsigned i = 0; i < KEYS; i++) {
        (void) put(key_of(i, room), FKV_STR("v"), true);
        (void) put(key_of(i, room), FKV_STR("w"), true);
    }

    for (fkv__memtable_iter_seek(&it, &mt, FKV_STR_NULL); it.node != 0;
         fkv__memtable_iter_next(&it))
    {
        fkv_str_t  key = fkv__memtable_iter_key(&it);
        uint32_t   newest = fkv__memtable_iter_version(&it, 0), older;

        assert_true(memcmp(last, key.data, key.len) < 0);
        memcpy(last, key.data, key.len);

        older = fkv__memtable_iter_version(&it, newest);
        assert_int_not_equal(older, 0);
        assert_int_equal(fkv__memtable_iter_version(&it, older), 0);
        n++;
    }

    assert_int_equal(n, KEYS);

    fkv__memtable_iter_seek(&it, &mt, FKV_STR("key9"));
    assert_int_equal(it.node, 0);
}


/* Keys, and elements of keys that begin alike, with stamps that do. */
static fkv_str_t
mixed_key(unsigned *random, uint8_t *room)
{
    static const fkv_str_t  keys[] = {
        FKV_STR("h"), FKV_STR("h\0i"), FKV_STR("hash"),
        FKV_STR("a key of more than sixteen bytes"),
        FKV_STR("a key of more than sixteen bytez")
    };
    static const uint64_t   stamps[] = { 1, 0x100, 0x4000000000000000 };
    char                    name[24];
    size_t                  len = (size_t) rand_r(random) % sizeof(name);
    fkv__space_t            space = {
        .ns = (unsigned) rand_r(random) % 2,
        .key = keys[rand_r(random) % 5],
        .stamp = stamps[rand_r(random) % 3]
    };

    for (size_t i = 0; i < len; i++) {
        name[i] = "a\xff\0"[rand_r(random) % 3];
    }

    if (rand_r(random) % 4 == 0) {
        space.stamp = 0;
    }

    return (fkv_str_t) {
        room, fkv__space_encode(room, &space,
                                (fkv_str_t) { (uint8_t *) name, len })
    };
}


static int
strs_compare(const void *a, const void *b)
{
    return fkv__str_cmp(*(const fkv_str_t *) a, *(const fkv_str_t *) b);
}


static void
elements_come_in_order_among_keys(void **state)
{
    static uint8_t        bytes[KEYS][128];
    static fkv_str_t      sorted[KEYS];
    unsigned              random = 20, n = 0;
    fkv__memtable_iter_t  it;

    (void) state;

    for (unsigned i = 0; i < KEYS; i++) {
        sorted[i] = mixed_key(&random, bytes[i]);
        (void) put(sorted[i], FKV_STR("v"), true);
    }

    qsort(sorted, KEYS, sizeof(fkv_str_t), strs_compare);

    for (unsigned i = 0; i < KEYS; i++) {
        if (n == 0 || !fkv__str_eq(sorted[i], sorted[n - 1])) {
            sorted[n++] = sorted[i];
        }
    }

    fkv__memtable_iter_seek(&it, &mt, FKV_STR_NULL);

    for (unsigned i = 0; i < n; i++) {
        assert_int_not_equal(it.node, 0);
        check_str(fkv__memtable_iter_key(&it), sorted[i]);
        fkv__memtable_iter_next(&it);
    }

    assert_int_equal(it.node, 0);

    for (unsigned i = 0; i < KEYS; i++) {
        fkv__memtable_pos_t  pos;
        uint8_t              room[128];
        fkv_str_t            key = mixed_key(&random, room);
        unsigned             at = 0;

        key.len -= (size_t) rand_r(&random) % 3;

        while (at < n && fkv__str_cmp(sorted[at], key) < 0) {
            at++;
        }

        fkv__memtable_iter_seek(&it, &mt, key);
        assert_int_equal(it.node == 0, at == n);

        if (at < n) {
            check_str(fkv__memtable_iter_key(&it), sorted[at]);
        }

        assert_int_equal(fkv__memtable_find(&mt, key, fkv__hash(key),
                                            UINT64_MAX, &pos),
                         at < n && fkv__str_eq(sorted[at], key));
    }
}


static void
linking_again_links_nothing_twice(void **state)
{
    char                  room[16];
    unsigned              n = 0;
    fkv__memtable_iter_t  it;

    (void) state;

    for (unsigned i = 0; i < KEYS; i++) {
        fkv_str_t  key = key_of(i, room);
        uint32_t   frame = put(key, FKV_STR("v"), true);

        for (unsigned again = 0; again < 2; again++) {
            uint32_t   nodes = fkv__get_le32(mt.mem + frame + 4);
            fkv_str_t  inside = { mt.mem + frame + 32 + 4, key.len };

            check_str(inside, key);
            fkv__memtable_link(&mt, inside, fkv__hash(key), frame, frame + 32,
                               &nodes);
        }
    }

    for (fkv__memtable_iter_seek(&it, &mt, FKV_STR_NULL); it.node != 0;
         fkv__memtable_iter_next(&it))
    {
        uint32_t  version = fkv__memtable_iter_version(&it, 0);

        assert_int_equal(fkv__memtable_iter_version(&it, version), 0);
        n++;
    }

    assert_int_equal(n, KEYS);
}


/* Its owner dropped the latch and died; somebody wrote; then it is reaped. */
static void
linking_again_below_a_newer_version_changes_nothing(void **state)
{
    fkv_str_t             key = FKV_STR("k");
    uint64_t              hash = fkv__hash(key), newer;
    uint32_t              dead = put(key, FKV_STR("dead"), true), nodes;
    fkv__memtable_pos_t   pos;
    fkv__memtable_iter_t  it;

    (void) state;

    newer = 4096 + 32 + put(key, FKV_STR("newer"), true);

    nodes = fkv__get_le32(mt.mem + dead + 4);
    fkv__memtable_link(&mt, (fkv_str_t) { mt.mem + dead + 32 + 4, 1 }, hash,
                       dead, dead + 32, &nodes);

    assert_true(fkv__memtable_find(&mt, key, hash, UINT64_MAX, &pos));
    assert_int_equal(pos.version, newer);

    fkv__memtable_iter_seek(&it, &mt, key);
    pos.entry = fkv__memtable_iter_version(&it, pos.entry);
    assert_int_not_equal(pos.entry, 0);
    assert_int_equal(fkv__memtable_iter_version(&it, pos.entry), 0);
}


static void *
put_my_half(void *data)
{
    char  room[16];

    for (unsigned i = (unsigned) (uintptr_t) data; i < KEYS; i += THREADS) {
        (void) put(key_of(i, room), FKV_STR("value"), true);
    }

    return NULL;
}


static void
concurrent_inserts_of_different_keys_lose_none(void **state)
{
    pthread_t             threads[THREADS];
    char                  room[16];
    unsigned              n = 0;
    fkv__memtable_iter_t  it;
    fkv__memtable_pos_t   pos;

    (void) state;

    for (uintptr_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, put_my_half,
                                        (void *) i), 0);
    }

    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }

    for (unsigned i = 0; i < KEYS; i++) {
        fkv_str_t  key = key_of(i, room);

        assert_true(fkv__memtable_find(&mt, key, fkv__hash(key), UINT64_MAX,
                                       &pos));
    }

    for (fkv__memtable_iter_seek(&it, &mt, FKV_STR_NULL); it.node != 0;
         fkv__memtable_iter_next(&it))
    {
        n++;
    }

    assert_int_equal(n, KEYS);
}


/* Searches ahead go the way of those that follow, and to its end. */
static void
walks_end_where_searches_do(void **state)
{
    char  room[16];

    (void) state;

    for (unsigned i = 0; i < KEYS; i++) {
        (void) put(key_of(i, room), FKV_STR("v"), true);
    }

    for (unsigned i = 0; i < 2 * KEYS; i++) {
        fkv_str_t             key = key_of(i, room);
        fkv__memtable_walk_t  walk = { .ikey = key, .hash = fkv__hash(key),
                                       .place = (i % 3 == 0) };
        fkv__memtable_pos_t   pos;
        fkv__memtable_iter_t  it;
        bool                  more;

        fkv__memtable_prefetch(&mt, walk.hash);

        for (more = fkv__memtable_walk_begin(&mt, &walk); more; ) {
            more = fkv__memtable_walk_step(&mt, &walk);
        }

        assert_int_equal(walk.found,
                         fkv__memtable_find(&mt, key, walk.hash, UINT64_MAX,
                                            &pos));

        if (walk.found) {
            assert_int_equal(walk.at, pos.entry);

        } else if (walk.place) {
            fkv__memtable_iter_seek(&it, &mt, key);
            assert_int_equal(walk.behind, it.node);
        }
    }
}


int
main(void)
{
#define TEST(name)                                                            \
    cmocka_unit_test_setup_teardown(name, memtable_setup, memtable_teardown)

    const struct CMUnitTest  tests[] = {
        TEST(the_newest_version_below_the_bound_is_found),
        TEST(a_void_version_is_passed_over),
        TEST(keys_come_in_order),
        TEST(elements_come_in_order_among_keys),
        TEST(linking_again_links_nothing_twice),
        TEST(linking_again_below_a_newer_version_changes_nothing),
        TEST(concurrent_inserts_of_different_keys_lose_none),
        TEST(walks_end_where_searches_do),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
