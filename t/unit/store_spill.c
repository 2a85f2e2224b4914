/*
 * store_spill.c - what a log file holds comes out sorted, the newest of each
 * key, in tables of bounded length.
 */

#include "recover.h"
#include "store/spill.h"

#define BASE  1000000

typedef struct {
    uint8_t  key[24];
    size_t   len;
    size_t   at;                    /* of the record */
} model_t;

static int               sst_dir;
static uint64_t          next_file;
static fkv__edit_t       edit;
static fkv__spill_t      spill;
static uint8_t          *mem;
static size_t            used;


static int
setup(void **state)
{
    if (scratch_setup(state) != 0) {
        return -1;
    }

    sst_dir = open(scratch.path, O_RDONLY | O_DIRECTORY);
    next_file = 1;
    used = 0;
    fkv__edit_init(&edit);

    return 0;
}


static int
teardown(void **state)
{
    fkv__spill_done(&spill);
    fkv__edit_done(&edit);
    free(mem);
    mem = NULL;
    close(sst_dir);

    return scratch_teardown(state);
}


static void
add(const void *key, size_t key_len, const void *value, size_t len)
{
    uint8_t        *p = mem + used, *end;
    const uint8_t  *next;
    fkv__record_t   rec = {
        .kind = FKV__RECORD_VALUE,
        .expire_at = used,
        .key = { key, key_len },
        .value = { value, len }
    };

    end = fkv__record_put(p, &rec);

    if (len > 0) {
        memcpy(end, value, len);
    }

    used += fkv__record_size(&rec);

    assert_int_equal(fkv__record_get(p, mem + used, &rec, &next), FKV_OK);
    assert_int_equal(fkv__spill_add(&spill, p, &rec), FKV_OK);
}


static int
spill_it(void)
{
    fkv__table_options_t  options;
    fkv__spill_target_t   target = {
        .fs = &scratch_fs,
        .sst_dir = sst_dir,
        .uid = (uid_t) -1,
        .gid = (gid_t) -1,
        .now_ms = 5,
        .options = &options,
        .edit = &edit,
        .next_file = &next_file
    };

    fkv__table_options(&(fkv_options_t) { .compression = FKV_COMPRESSION_NONE },
                       &options);

    return fkv__spill_write(&spill, mem, mem + used, BASE, &target);
}


static int
model_cmp(const void *p1, const void *p2)
{
    const model_t  *a = p1, *b = p2;
    int             rc;

    rc = fkv__str_cmp((fkv_str_t) { a->key, a->len },
                      (fkv_str_t) { b->key, b->len });

    return (rc != 0) ? rc : (a->at > b->at) - (a->at < b->at);
}


/* The records of the tables in their order, as recover_dump() prints them. */
static void
check_model(model_t *model, size_t n)
{
    size_t            k = 0;
    fkv__buf_t        records = { 0 };
    fkv__directory_t  d = { .sst_dir = sst_dir };

    qsort(model, n, sizeof(*model), model_cmp);

    for (size_t i = 0; i < edit.n_adds; i++) {
        recover_dump_table(&d, &edit.adds[i].info, &records);
    }

    for (size_t i = 0; i < n; i++) {
        char  line[256];

        if (i + 1 < n && model[i].len == model[i + 1].len
            && memcmp(model[i].key, model[i + 1].key, model[i].len) == 0)
        {
            continue;
        }

        (void) snprintf(line, sizeof(line), "%.*s %020llu =",
                        (int) model[i].len, model[i].key,
                        (unsigned long long) (BASE + model[i].at));

        assert_true(256 * k < records.len);
        assert_string_equal(records.data + 256 * k, line);
        k++;
    }

    assert_int_equal(records.len, 256 * k);
    fkv__buf_done(&records);
}


/* Keys of these letters, of up to so many bytes, behind a common prefix. */
static void
check_keys(const char *prefix, unsigned letters, unsigned len_max, size_t n)
{
    uint64_t  random = 7;
    model_t  *model = calloc(n, sizeof(*model));

    mem = malloc(n * 64);

    for (size_t i = 0; i < n; i++) {
        model_t  *m = &model[i];
        size_t    len = check_random(&random) % (len_max + 1);

        m->len = strlen(prefix);
        memcpy(m->key, prefix, m->len);

        while (len-- > 0) {
            m->key[m->len++] = (uint8_t)
                               ('a' + check_random(&random) % letters);
        }

        m->at = used;
        add(m->key, m->len, "", 0);
    }

    assert_int_equal(spill_it(), FKV_OK);
    check_model(model, n);
    free(model);
}


static void
short_keys_sort(void **state)
{
    (void) state;

    check_keys("x", 26, 6, 20000);
}


static void
keys_that_differ_late_sort(void **state)
{
    (void) state;

    check_keys("prefix", 2, 17, 20000);
}


static void
a_hot_key_leaves_one_record(void **state)
{
    (void) state;

    check_keys("hot", 1, 1, 50000);
    assert_int_equal(edit.n_adds, 1);
    assert_int_equal(edit.adds[0].info.entries, 2);
}


static void
nothing_gives_no_table(void **state)
{
    (void) state;

    assert_int_equal(spill_it(), FKV_OK);
    assert_int_equal(edit.n_adds, 0);
}


static void
tables_are_bounded_and_disjoint(void **state)
{
    size_t    len = 1024 * 1024;
    uint8_t  *value = calloc(1, len);

    (void) state;

    mem = malloc(70 * (len + 64));

    for (unsigned i = 0; i < 70; i++) {
        char  key[8];

        (void) snprintf(key, sizeof(key), "k%02u", (i * 37) % 70);
        add(key, 3, value, len);
    }

    assert_int_equal(spill_it(), FKV_OK);
    assert_int_equal(edit.n_adds, 2);
    assert_int_equal(edit.adds[0].level, 0);
    assert_in_range(edit.adds[0].info.bytes, FKV__SPILL_TABLE_BYTES,
                    FKV__SPILL_TABLE_BYTES + 2 * len);
    assert_int_equal(edit.adds[0].info.entries + edit.adds[1].info.entries,
                     70);
    assert_true(fkv__str_cmp(fkv__buf_str(&edit.adds[0].info.largest),
                             fkv__buf_str(&edit.adds[1].info.smallest)) < 0);
    assert_int_equal(next_file, 3);
    free(value);
}


static void
a_failure_leaves_no_half_table(void **state)
{
    (void) state;

    mem = malloc(64);
    scratch_fail(2, -ENOSPC, false);
    add("k", 1, "", 0);

    assert_int_equal(spill_it(), FKV_EFULL);
    assert_int_equal(errno, ENOSPC);
    assert_int_equal(edit.n_adds, 0);
    assert_false(scratch_exists("000001.sst"));
}


#define TEST(name)  cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
    const struct CMUnitTest  tests[] = {
        TEST(short_keys_sort),
        TEST(keys_that_differ_late_sort),
        TEST(a_hot_key_leaves_one_record),
        TEST(nothing_gives_no_table),
        TEST(tables_are_bounded_and_disjoint),
        TEST(a_failure_leaves_no_half_table)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
