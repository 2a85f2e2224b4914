/*
 * store_element.c - elements: written with their key, found by its stamp, and
 * met by nobody else.
 */

#include "disk.h"

#include "store/count.h"

#define MEMORY   (8 * 1024 * 1024)
#define KEYS     5
#define NAMES    200
#define MANY     3000

/* What is known of one key: alive if stamp is not 0. */
typedef struct {
    uint64_t  stamp;
    unsigned  value[NAMES];         /* 0 = there is no such element */
    uint64_t  expire_at[NAMES];
} model_t;

/* What a scan of elements has met. */
typedef struct {
    unsigned  n;
    unsigned  numbers[MANY];
    unsigned  values[MANY];
    unsigned  skip_to;              /* seek there from the first entry on */
    char      seek[16];
    bool      done;
} met_t;

static disk_t   disk;
static model_t  models[KEYS];
static met_t    met;
static char     names[MANY][16];


static int
element_setup(void **state)
{
    (void) state;

    memset(models, 0, sizeof(models));
    disk_begin(&disk, MEMORY);

    for (unsigned i = 0; i < MANY; i++) {
        (void) sprintf(names[i], "e%05u", i);
    }

    return 0;
}


static int
element_teardown(void **state)
{
    (void) state;
    disk_end(&disk);

    return 0;
}


static int
update(fkv_change_t *change)
{
    bool          done = false;
    fkv_update_t  u = { .store = disk.store, .changes = change, .n = 1,
                        .now_ms = fkv_now_ms(disk.store),
                        .op = { .on_done = live_done, .data = &done } };

    return live_wait(&disk.live, &u.op, fkv_update(&u), &done);
}


/* Puts the key with elements. */
static int
put(const char *key, uint64_t stamp, fkv_element_t *elements, unsigned n)
{
    fkv_change_t  change = { .key = live_str(key), .blind = true,
                             .action = FKV_PUT, .value = FKV_STR("head"),
                             .type = 3, .stamp = stamp,
                             .elements = elements, .elements_n = n };

    return update(&change);
}


static int
delete(const char *key)
{
    fkv_change_t  change = { .key = live_str(key), .action = FKV_DELETE };

    return update(&change);
}


/* Elements from .. from + n - 1, each with its number as value. */
static void
put_many(const char *key, uint64_t stamp, unsigned from, unsigned n)
{
    static fkv_element_t  elements[MANY];

    for (unsigned i = 0; i < n; i++) {
        elements[i] = (fkv_element_t) { .name = live_str(names[from + i]),
                                        .value = disk_value(from + i) };
        elements[i].value.data = (const uint8_t *) names[from + i] + 1;
        elements[i].value.len = 5;
    }

    assert_int_equal(put(key, stamp, elements, n), FKV_OK);
}


/* The value of an element, 0 if there is none. */
static unsigned
get(const char *key, uint64_t stamp, unsigned number)
{
    bool       done = false;
    unsigned   value = 0;
    fkv_get_t  op = { .store = disk.store, .key = live_str(key),
                      .stamp = stamp, .element = live_str(names[number]),
                      .now_ms = fkv_now_ms(disk.store),
                      .op = { .on_done = live_done, .data = &done } };
    int        rc = live_wait(&disk.live, &op.op, fkv_get(&op), &done);

    if (rc == FKV_OK) {
        value = check_number(op.value.data, 0);

    } else {
        assert_int_equal(rc, FKV_NOTFOUND);
    }

    fkv_get_done(&op);

    return value;
}


static int
on_entry(fkv_scan_t *scan, fkv_str_t name, const fkv_value_t *value)
{
    met.numbers[met.n] = check_number(name, 1);
    met.values[met.n] = check_number(value->data, 0);
    met.n++;

    if (met.skip_to != 0 && met.n == 1) {
        (void) sprintf(met.seek, "e%05u", met.skip_to);
        scan->seek = live_str(met.seek);
    }

    return FKV_OK;
}


static fkv_scan_t
scan_of(const char *key, uint64_t stamp)
{
    return (fkv_scan_t) { .store = disk.store, .key = live_str(key),
                          .stamp = stamp, .on_entry = on_entry,
                          .now_ms = fkv_now_ms(disk.store),
                          .op = { .on_done = live_done, .data = &met.done } };
}


static unsigned
scan(fkv_scan_t *op)
{
    met.n = 0;
    met.done = false;
    assert_int_equal(live_wait(&disk.live, &op->op, fkv_scan(op), &met.done),
                     FKV_OK);

    return met.n;
}


static unsigned
scan_all(const char *key, uint64_t stamp)
{
    fkv_scan_t  op = scan_of(key, stamp);

    return scan(&op);
}


static void
reopen(void)
{
    disk_close(&disk);
    disk_open(&disk, MEMORY);
    disk_attach(&disk);
}


static void
elements_are_found_by_stamp_and_name_wherever_they_lie(void **state)
{
    (void) state;

    put_many("a", 7, 1, 50);
    put_many("a\1", 7, 100, 3);
    put_many("b", 7, 200, 50);

    for (unsigned round = 0; round < 4; round++) {
        assert_int_equal(scan_all("a", 7), 50);
        assert_int_equal(met.numbers[0], 1);
        assert_int_equal(met.numbers[49], 50);
        assert_int_equal(met.values[49], 50);
        assert_int_equal(scan_all("a\1", 7), 3);
        assert_int_equal(scan_all("b", 7), 50);
        assert_int_equal(scan_all("a", 8), 0);
        assert_int_equal(scan_all("c", 7), 0);

        assert_int_equal(get("a", 7, 50), 50);
        assert_int_equal(get("a", 7, 51), 0);
        assert_int_equal(get("a", 8, 50), 0);
        assert_int_equal(get("a\1", 7, 101), 101);

        switch (round) {

        case 0:
            reopen();
            break;

        case 1:
            put_many("a", 7, 1, 50);
            disk_flush(&disk);
            break;

        case 2:
            for (unsigned i = 0; i < 8; i++) {
                put_many("b", 7, 200, 50);
                disk_flush(&disk);
            }

            (void) disk_compact(&disk);
            break;
        }
    }
}


static void
a_scan_of_elements_has_the_bounds_of_a_scan_of_keys(void **state)
{
    fkv_scan_t  op;

    (void) state;

    put_many("k", 1, 100, 60);
    disk_flush(&disk);
    put_many("k", 1, 160, 40);

    op = scan_of("k", 1);
    op.prefix = FKV_STR("e0015");
    assert_int_equal(scan(&op), 10);
    assert_int_equal(met.numbers[0], 150);
    assert_true(op.complete);

    op = scan_of("k", 1);
    op.start = live_str(names[150]);
    op.end = live_str(names[170]);
    assert_int_equal(scan(&op), 20);
    assert_int_equal(met.numbers[0], 150);

    op = scan_of("k", 1);
    op.start = live_str(names[150]);
    op.after = true;
    op.limit = 5;
    assert_int_equal(scan(&op), 5);
    assert_int_equal(met.numbers[0], 151);
    assert_false(op.complete);

    op = scan_of("k", 1);
    met.skip_to = 180;
    assert_int_equal(scan(&op), 21);
    assert_int_equal(met.numbers[1], 180);
    met.skip_to = 0;

    /* Goes on where it was, though all has changed since. */

    op = scan_of("k", 1);
    op.limit = 10;
    op.lease_ms = 60000;
    op.nonce = 4711;
    assert_int_equal(scan(&op), 10);
    put_many("k", 1, 100, 5);
    put_many("k", 1, 300, 100);
    assert_int_equal(delete("k"), FKV_OK);
    disk_flush(&disk);

    op.start = live_str(names[met.numbers[9]]);
    op.after = true;
    op.limit = 0;
    assert_int_equal(scan(&op), 90);
    assert_int_equal(fkv_snapshot_drop(disk.store, &op.lease), FKV_OK);
}


static int
on_key(fkv_scan_t *op, fkv_str_t key, const fkv_value_t *value)
{
    (void) op;
    assert_int_equal(key.len, 1);
    assert_int_equal(value->type, 3);
    met.n++;

    return FKV_OK;
}


static void
keys_are_walked_and_counted_without_elements(void **state)
{
    fkv_stats_t  stats;
    uint64_t     n;

    (void) state;

    put_many("a", 1, 0, 500);
    put_many("b", 2, 0, 500);

    for (unsigned round = 0; round < 3; round++) {
        fkv_scan_t  op = scan_of("", 0);

        op.on_entry = on_key;
        assert_int_equal(scan(&op), 2);
        assert_int_equal(fkv__count_keys(disk.helper, 0, FKV_STR_NULL, &n),
                         FKV_OK);
        assert_int_equal(n, 2);

        fkv_stats(disk.store, &stats);
        assert_int_equal(stats.keys_estimated, 2);
        assert_int_equal(stats.usage[0].keys, 2);
        assert_true(stats.usage[0].bytes > 1000 * 10);

        if (round == 0) {
            disk_flush(&disk);

        } else {
            reopen();
        }
    }
}


static void
what_makes_no_sense_is_refused(void **state)
{
    static uint8_t  large[FKV_BLOB_MIN_DEFAULT];
    fkv_element_t   one[2] = { { .name = FKV_STR("n") } };
    fkv_element_t   none[1] = { { .value = FKV_STR("v") } };
    fkv_change_t    change = { .key = FKV_STR("k"), .blind = true,
                               .action = FKV_PUT, .stamp = 1,
                               .elements = one, .elements_n = 1 };
    fkv_get_t       op = { .store = disk.store, .key = FKV_STR("k"),
                           .element = FKV_STR("n") };

    (void) state;

    assert_int_equal(put("k", 0, one, 1), FKV_EINVAL);
    assert_int_equal(put("k", 1, none, 1), FKV_EINVAL);

    one[1] = one[0];
    assert_int_equal(put("k", 1, one, 2), FKV_EINVAL);
    one[1].name = FKV_STR("m");
    assert_int_equal(put("k", 1, one, 2), FKV_EINVAL);

    change.ns = FKV_NAMESPACE_CACHE;
    assert_int_equal(update(&change), FKV_EINVAL);

    one[0].value = (fkv_str_t) { large, disk.store->options.blob_min };
    assert_int_equal(put("k", 1, one, 1), FKV_ETOOBIG);
    one[0].value.len = 0;
    one[0].name = (fkv_str_t) { large, FKV_KEY_BYTES_MAX };
    assert_int_equal(put("k", 1, one, 1), FKV_ETOOBIG);
    one[0].name.len--;
    assert_int_equal(put("k", 1, one, 1), FKV_OK);

    assert_int_equal(fkv_get(&op), FKV_EINVAL);
    op.stamp = 1;
    op.ns = FKV_NAMESPACE_LIMITS;
    assert_int_equal(fkv_get(&op), FKV_EINVAL);
}


/* Bytes bound an update, or, of small elements, the index they need. */
static void
thousands_of_elements_go_in_one_update_but_not_any_number(void **state)
{
    static char           text[60000][8];
    static fkv_element_t  elements[60000];
    static uint8_t        value[10000];
    unsigned              n;

    (void) state;

    put_many("k", 1, 0, MANY);
    assert_int_equal(scan_all("k", 1), MANY);

    for (unsigned i = 0; i < 60000; i++) {
        (void) sprintf(text[i], "%05u", i);
        elements[i] = (fkv_element_t) { .name = live_str(text[i]) };
    }

    n = (unsigned) (disk.store->seg->arena_bytes / 2 / 64);
    assert_true(n < 60000);
    assert_int_equal(put("k", 2, elements, n), FKV_ETOOBIG);
    disk_flush(&disk);
    assert_int_equal(put("k", 2, elements, n / 2), FKV_OK);
    disk_flush(&disk);

    for (unsigned i = 0; i < 1000; i++) {
        elements[i].value = (fkv_str_t) { value, sizeof(value) };
    }

    n = (unsigned) (disk.store->seg->arena_bytes / 4 / sizeof(value));
    assert_int_equal(put("k", 2, elements, n + 1), FKV_ETOOBIG);
    assert_int_equal(put("k", 2, elements, n - 1), FKV_OK);
}


static void
delete_all(unsigned ns, const char *prefix)
{
    fkv_change_t  change = { .ns = ns, .key = live_str(prefix), .prefix = true,
                             .action = FKV_DELETE };

    assert_int_equal(update(&change), FKV_OK);
}


static void
a_prefix_takes_elements_along(void **state)
{
    (void) state;

    for (unsigned round = 0; round < 2; round++) {
        put_many("ka", 1, 0, 50);
        put_many("kb", 2, 0, 50);
        put_many("l", 3, 0, 50);

        if (round == 1) {
            disk_flush(&disk);
        }

        delete_all(1, "");
        assert_int_equal(scan_all("ka", 1), 50);
        delete_all(0, "k");
        assert_int_equal(scan_all("ka", 1), 0);
        assert_int_equal(scan_all("kb", 2), 0);
        assert_int_equal(get("ka", 1, 3), 0);
        assert_int_equal(scan_all("l", 3), 50);
        delete_all(0, "");
        assert_int_equal(scan_all("l", 3), 0);

        /* What comes later is not hidden, also in the same update. */

        put_many("ka", 4, 0, 50);
        assert_int_equal(scan_all("ka", 4), 50);
        disk_flush(&disk);
        assert_int_equal(scan_all("ka", 4), 50);
        assert_int_equal(scan_all("kb", 2), 0);
        (void) disk_compact(&disk);
        assert_int_equal(scan_all("ka", 4), 50);
        delete_all(0, "");
    }
}


/* A put of one of the models' keys with some elements, or its end. */
static void
churn(uint64_t *stamps)
{
    fkv_element_t  elements[NAMES];
    unsigned       key = (unsigned) (check_random(&disk.random) % KEYS);
    unsigned       what = (unsigned) (check_random(&disk.random) % 20);
    model_t       *model = &models[key];
    char           name[2] = { (char) ('a' + key), 0 };
    static char    text[NAMES][16];
    unsigned       n = 0;

    if (what == 0) {
        assert_int_equal(delete(name), FKV_OK);
        memset(model, 0, sizeof(*model));
        return;
    }

    if (what == 1 || model->stamp == 0) {
        memset(model, 0, sizeof(*model));
        model->stamp = ++*stamps;
    }

    for (unsigned i = 0; i < NAMES; i++) {
        unsigned  choice = (unsigned) (check_random(&disk.random) % 100);

        if (choice > 10) {
            continue;
        }

        elements[n] = (fkv_element_t) { .name = live_str(names[i]) };
        model->expire_at[i] = 0;

        if (choice < 3) {
            elements[n].gone = true;
            model->value[i] = 0;

        } else {
            model->value[i] = ++disk.values;
            (void) sprintf(text[n], "%u", disk.values);
            elements[n].value = live_str(text[n]);
        }

        if (choice == 10) {
            model->expire_at[i] = fkv_now_ms(disk.store) + 1
                                  + check_random(&disk.random) % 100000;
            elements[n].expire_at = model->expire_at[i];
        }

        n++;
    }

    assert_int_equal(put(name, model->stamp, elements, n), FKV_OK);
}


/* Head and elements are as the model says, and no others. */
static void
check_models(void)
{
    uint64_t  now_ms = fkv_now_ms(disk.store);

    for (unsigned key = 0; key < KEYS; key++) {
        const model_t  *model = &models[key];
        char            name[2] = { (char) ('a' + key), 0 }, out[8];
        unsigned        n = 0;

        if (model->stamp == 0) {
            assert_int_equal(live_get(&disk.live, name, out, sizeof(out)),
                             FKV_NOTFOUND);
            continue;
        }

        assert_int_equal(live_get(&disk.live, name, out, sizeof(out)),
                         FKV_OK);
        (void) scan_all(name, model->stamp);

        for (unsigned i = 0; i < NAMES; i++) {
            bool  lives = model->value[i] != 0
                          && (model->expire_at[i] == 0
                              || model->expire_at[i] > now_ms);

            assert_int_equal(get(name, model->stamp, i),
                             lives ? model->value[i] : 0);

            if (lives) {
                assert_true(n < met.n);
                assert_int_equal(met.numbers[n], i);
                assert_int_equal(met.values[n], model->value[i]);
                n++;
            }
        }

        assert_int_equal(met.n, n);
    }
}


static void
elements_agree_with_a_model_through_flushes_and_restarts(void **state)
{
    uint64_t  stamps = 0;

    (void) state;

    for (unsigned round = 0; round < 12; round++) {
        for (unsigned i = 0; i < 40; i++) {
            churn(&stamps);
        }

        check_models();
        disk_pass(&disk, 20000);

        if (round % 4 == 3) {
            reopen();

        } else {
            disk_flush(&disk);
        }

        check_models();

        if (round % 3 == 2) {
            (void) disk_compact(&disk);
            check_models();
        }
    }
}


int
main(void)
{
#define TEST(name)                                                            \
    cmocka_unit_test_setup_teardown(name, element_setup, element_teardown)

    const struct CMUnitTest  tests[] = {
        TEST(elements_are_found_by_stamp_and_name_wherever_they_lie),
        TEST(a_scan_of_elements_has_the_bounds_of_a_scan_of_keys),
        TEST(keys_are_walked_and_counted_without_elements),
        TEST(what_makes_no_sense_is_refused),
        TEST(thousands_of_elements_go_in_one_update_but_not_any_number),
        TEST(a_prefix_takes_elements_along),
        TEST(elements_agree_with_a_model_through_flushes_and_restarts),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
