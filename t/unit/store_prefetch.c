/*
 * store_prefetch.c - a hint that changes nothing, whatever it is told.
 */

#include "live.h"

#define KEYS    300
#define ROUNDS  40

static live_t    live;
static uint64_t  seed = 1;


static int
put_decide(fkv_update_t *update)
{
    update->changes[0].action = FKV_PUT;

    return FKV_OK;
}


static void
put(fkv_str_t key, fkv_str_t value)
{
    fkv_change_t  change = { .key = key, .value = value };
    bool          done = false;
    fkv_update_t  update = { .op = { .on_done = live_done, .data = &done },
                             .store = live.store, .changes = &change,
                             .n = 1, .now_ms = fkv_now_ms(live.store),
                             .decide = put_decide };

    assert_int_equal(live_wait(&live, &update.op, fkv_update(&update), &done),
                     FKV_OK);
}


static void
expect(fkv_str_t key, fkv_str_t value)
{
    bool       done = false;
    fkv_get_t  get = { .op = { .on_done = live_done, .data = &done },
                       .store = live.store, .key = key,
                       .now_ms = fkv_now_ms(live.store) };
    int        rc = live_wait(&live, &get.op, fkv_get(&get), &done);

    assert_int_equal(rc, (value.data != NULL) ? FKV_OK : FKV_NOTFOUND);

    if (rc == FKV_OK) {
        assert_int_equal(get.value.data.len, value.len);
        assert_memory_equal(get.value.data.data, value.data, value.len);
    }

    fkv_get_done(&get);
}


/* Keys of all lengths, one of them empty, and more than go together. */
static void
keys_make(fkv_str_t *keys, char (*rooms)[128])
{
    for (unsigned i = 0; i < KEYS; i++) {
        keys[i].data = (uint8_t *) rooms[i];
        keys[i].len = (size_t) snprintf(rooms[i], sizeof(rooms[i]),
                                        "%0*u", 4 + (int) (i % 100), i);
    }

    keys[7].len = 0;
}


/* Over several memtables, flushed ones too. */
static void
nothing_changes(void **state)
{
    static char       rooms[KEYS][128];
    static fkv_str_t  keys[KEYS], values[KEYS];
    static uint8_t    bytes[16 * 1024];

    (void) state;

    live_dir(&live);
    live_open(&live, FKV_MEMORY_MIN, FKV_SYNC_OFF);
    live_attach(&live, FKV_WORKER);

    keys_make(keys, rooms);
    check_random_bytes(&seed, bytes, sizeof(bytes));

    for (unsigned round = 0; round < ROUNDS; round++) {
        fkv_prefetch(live.store, 0, keys, KEYS, round % 2);
        fkv_prefetch(live.store, 3, keys, round % KEYS, true);

        for (unsigned i = round % 3; i < KEYS; i += 3) {
            if (keys[i].len > 0 && i % 10 != 0) {
                values[i].data = bytes;
                values[i].len = check_random(&seed) % sizeof(bytes);
                put(keys[i], values[i]);
            }
        }

        fkv_prefetch(live.store, 0, keys, KEYS, true);

        for (unsigned i = 0; i < KEYS; i++) {
            if (keys[i].len > 0) {
                expect(keys[i], values[i]);
            }
        }
    }

    fkv_prefetch(live.store, 0, NULL, 0, true);

    live_detach_close(&live);
    live_remove(&live);
}


/* A key with one element, its number; every third has none. */
static void
put_stamped(fkv_str_t key, unsigned i)
{
    char           text[16];
    fkv_element_t  element = { .name = FKV_STR("name") };
    fkv_change_t   change = { .key = key, .blind = true, .action = FKV_PUT,
                              .value = { (uint8_t *) text, 0 } };
    bool           done = false;
    fkv_update_t   update = { .op = { .on_done = live_done, .data = &done },
                              .store = live.store, .changes = &change,
                              .n = 1, .now_ms = fkv_now_ms(live.store) };

    change.value.len = (size_t) sprintf(text, "%u", i);
    element.value = change.value;

    if (i % 3 != 0) {
        change.type = 3;
        change.stamp = i + 1;
        change.elements = &element;
        change.elements_n = 1;
    }

    assert_int_equal(live_wait(&live, &update.op, fkv_update(&update), &done),
                     FKV_OK);
}


static void
expect_element(fkv_str_t key, unsigned i)
{
    bool       done = false;
    fkv_get_t  get = { .op = { .on_done = live_done, .data = &done },
                       .store = live.store, .key = key, .stamp = i + 1,
                       .element = FKV_STR("name"),
                       .now_ms = fkv_now_ms(live.store) };
    int        rc = live_wait(&live, &get.op, fkv_get(&get), &done);

    assert_int_equal(rc, (i % 3 != 0) ? FKV_OK : FKV_NOTFOUND);

    if (rc == FKV_OK) {
        assert_int_equal(check_number(get.value.data, 0), i);
    }

    fkv_get_done(&get);
}


typedef struct {
    unsigned  last;                 /* asked for, and one */
    unsigned  n;
} asked_t;


/* Some that are there, some that are not, one that is too long. */
static unsigned
names_of(void *data, unsigned key, const fkv_value_t *value, fkv_str_t *names)
{
    static uint8_t  bytes[300];
    asked_t        *asked = data;

    assert_true(key >= asked->last);
    assert_int_not_equal(key % 3, 0);
    assert_int_equal(value->stamp, key + 1);
    assert_int_equal(check_number(value->data, 0), key);

    for (unsigned i = 0; i < FKV_PREFETCH_NAMES; i++) {
        names[i] = (fkv_str_t) { bytes, i * i };
    }

    names[key % FKV_PREFETCH_NAMES] = FKV_STR("name");
    names[(key + 1) % FKV_PREFETCH_NAMES] = (fkv_str_t) { bytes, 300 };
    asked->last = key + 1;
    asked->n++;

    return key % (FKV_PREFETCH_NAMES + 1);
}


static void
keys_with_a_stamp_are_asked_about(void **state)
{
    static char       rooms[KEYS][128];
    static fkv_str_t  keys[KEYS];

    (void) state;

    live_dir(&live);
    live_open(&live, FKV_MEMORY_MIN, FKV_SYNC_OFF);
    live_attach(&live, FKV_WORKER);
    keys_make(keys, rooms);

    for (unsigned i = 0; i < KEYS; i++) {
        if (keys[i].len > 0) {
            put_stamped(keys[i], i);
        }
    }

    for (unsigned round = 0; round < 4; round++) {
        asked_t  asked = { 0, 0 };

        fkv_prefetch_elements(live.store, 0, keys, KEYS, round % 2, names_of,
                              &asked);
        assert_int_equal(asked.n, KEYS - KEYS / 3 - 1);

        asked = (asked_t) { 0, 0 };
        fkv_prefetch_elements(live.store, 1, keys, KEYS, round % 2, names_of,
                              &asked);
        assert_int_equal(asked.n, 0);
    }

    for (unsigned i = 0; i < KEYS; i++) {
        if (keys[i].len > 0) {
            expect_element(keys[i], i);
        }
    }

    live_detach_close(&live);
    live_remove(&live);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(nothing_changes),
        cmocka_unit_test(keys_with_a_stamp_are_asked_about),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
