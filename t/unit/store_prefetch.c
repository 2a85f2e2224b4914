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


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(nothing_changes),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
