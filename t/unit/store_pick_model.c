/*
 * store_pick_model.c - what compaction costs: a store of keys without values,
 * on which the picks are done as compact.c does them, slices and cuts
 * included, and every byte that would be written is counted.
 */

#include "check.h"
#include "store/mix.h"
#include "store/output.h"
#include "store/pick.h"

#define MB           (1024 * 1024ull)
#define KEYS         50000u
#define ENTRY_BYTES  (12 * 1024ull)             /* so a full store has 586 MB */
#define FLUSH_KEYS   (unsigned) (24 * MB / ENTRY_BYTES)
#define TABLE_KEYS   (unsigned) (16 * MB / ENTRY_BYTES)
#define SLICE_KEYS   (4 * TABLE_KEYS)
#define IDS_MAX      100000

/* A table's keys, ascending. */
typedef struct {
    unsigned   n;
    uint32_t  *keys;
} content_t;

static struct {
    fkv__version_t  *version;
    fkv__pick_t      pick;
    content_t        tables[IDS_MAX];
    uint64_t         next_id;
    uint64_t         random;
    uint64_t         given;                 /* keys */
    uint64_t         flushed;
    uint64_t         merged;
    uint64_t         slice_max;
    unsigned         level_0_max;
    double           space_max;             /* of all tables, by live keys */
    uint8_t          live[KEYS];
    unsigned         live_n;
} model;


static int
model_setup(void **state)
{
    (void) state;

    memset(&model, 0, sizeof(model));
    model.version = fkv__version_new();
    model.next_id = 1;
    model.random = 88172645463325252ull;
    fkv__pick_init(&model.pick);
    model.pick.base_bytes = 64 * MB;

    return 0;
}


static int
model_teardown(void **state)
{
    (void) state;

    for (unsigned i = 0; i < model.next_id; i++) {
        free(model.tables[i].keys);
    }

    fkv__version_unpin(model.version);
    fkv__pick_done(&model.pick);

    return 0;
}


static void
set_key(fkv__buf_t *buf, uint32_t key)
{
    char  text[16];

    buf->len = 0;
    assert_int_equal(fkv__buf_append(buf, text, (size_t) sprintf(text, "%08u",
                                                                 key)),
                     FKV_OK);
}


/* Takes the keys over. */
static void
add_table(fkv__edit_t *edit, unsigned level, uint32_t *keys, unsigned n,
    uint64_t version)
{
    fkv__table_info_t  info;

    fkv__table_info_init(&info);
    assert_true(model.next_id < IDS_MAX);

    info.id = model.next_id++;
    info.bytes = n * ENTRY_BYTES;
    info.index_offset = 1;              /* a layout as good as any */
    info.entries = n;
    info.keys = n;
    info.version_min = version;
    info.version_max = version;
    set_key(&info.smallest, keys[0]);
    set_key(&info.largest, keys[n - 1]);

    model.tables[info.id] = (content_t) { n, keys };
    assert_int_equal(fkv__edit_add(edit, level, &info), FKV_OK);
    fkv__table_info_done(&info);
}


static void
apply(fkv__edit_t *edit)
{
    fkv__version_t  *to;

    edit->number = model.version->edit + 1;
    assert_int_equal(fkv__version_apply(model.version, edit, &to), FKV_OK);
    fkv__version_unpin(model.version);
    model.version = to;
    fkv__edit_done(edit);
}


static uint32_t
key_at(fkv_str_t key)
{
    uint32_t  n = 0;

    for (size_t i = 0; i < key.len; i++) {
        n = 10 * n + (uint32_t) (key.data[i] - '0');
    }

    return n;
}


/* Keys are unique in the tables' sum: a byte for each says "it is there". */
static void
do_merge(void)
{
    static uint8_t      in[KEYS];
    const fkv__pick_t  *pick = &model.pick;
    fkv__edit_t         edit;
    uint32_t           *out = NULL, cut = KEYS;
    unsigned            n = 0, written = 0, at = 0;
    uint64_t            version = 0, below = 0, merging;

    memset(in, 0, sizeof(in));
    fkv__edit_init(&edit);
    merging = (pick->tables[0]->info.merging != 0)
              ? pick->tables[0]->info.merging : pick->tables[0]->info.id;

    for (unsigned i = 0; i < pick->n; i++) {
        const fkv__table_t  *table = pick->tables[i];
        const content_t     *content = &model.tables[table->info.id];

        version = fkv__max(version, table->info.version_max);

        for (unsigned k = 0; k < content->n; k++) {
            if (content->keys[k]
                >= key_at(fkv__buf_str(&table->info.smallest)))
            {
                in[content->keys[k]] = 1;
            }
        }
    }

    for (uint32_t key = 0; key < KEYS; key++) {
        bool  passed = false;

        if (!in[key]) {
            continue;
        }

        while (pick->to + 1 < FKV__LEVELS
               && at < model.version->n[pick->to + 1])
        {
            const fkv__table_info_t  *info;

            info = &model.version->levels[pick->to + 1][at]->info;

            if (key_at(fkv__buf_str(&info->largest)) >= key) {
                break;
            }

            below += info->bytes;
            at++;
            passed = true;
        }

        if (n >= TABLE_KEYS
            || (n > 0 && passed
                && (2 * n >= TABLE_KEYS
                    || below >= FKV__OUTPUT_BELOW * TABLE_KEYS * ENTRY_BYTES)))
        {
            add_table(&edit, pick->to, out, n, version);
            written += n;
            n = 0;
            below = 0;
            out = NULL;

            if (written >= SLICE_KEYS) {
                cut = key;
                break;
            }
        }

        if (out == NULL) {
            out = malloc((TABLE_KEYS + 1) * sizeof(*out));
        }

        out[n++] = key;
    }

    if (n > 0) {
        add_table(&edit, pick->to, out, n, version);
        written += n;
    }

    for (unsigned i = 0; i < pick->n; i++) {
        const fkv__table_t  *table = pick->tables[i];
        fkv__table_info_t    info;
        const content_t     *content = &model.tables[table->info.id];
        unsigned             k = 0;

        assert_int_equal(fkv__edit_drop(&edit, table->info.id), FKV_OK);

        while (k < content->n && content->keys[k] < cut) {
            k++;
        }

        if (k == content->n) {
            continue;
        }

        assert_int_equal(fkv__table_info_copy(&info, &table->info), FKV_OK);

        if (content->keys[k] > key_at(fkv__buf_str(&info.smallest))) {
            set_key(&info.smallest, content->keys[k]);
        }

        if (table->level == 0 || (pick->wide && table->level < pick->to)) {
            info.merging = merging;
        }

        assert_int_equal(fkv__edit_add(&edit, table->level, &info), FKV_OK);
        fkv__table_info_done(&info);
    }

    apply(&edit);
    model.merged += written;
    model.slice_max = fkv__max(model.slice_max, written);
}


static void
do_whole(void)
{
    const fkv__pick_t  *pick = &model.pick;
    fkv__edit_t         edit;

    fkv__edit_init(&edit);

    for (unsigned i = 0; i < pick->n; i++) {
        fkv__table_info_t  info = pick->tables[i]->info;

        info.merging = 0;
        assert_int_equal(fkv__edit_drop(&edit, info.id), FKV_OK);
        assert_int_equal(fkv__edit_add(&edit, pick->to, &info), FKV_OK);
    }

    apply(&edit);
}


static bool
compact(void)
{
    int  rc = fkv__pick(&model.pick, model.version, UINT64_MAX, 0);

    if (rc == FKV_END) {
        return false;
    }

    assert_int_equal(rc, FKV_OK);

    if (model.pick.what == FKV__PICK_MOVE) {
        do_whole();

    } else {
        do_merge();
    }

    return true;
}


static int
compare_keys(const void *a, const void *b)
{
    uint32_t  x = *(const uint32_t *) a, y = *(const uint32_t *) b;

    return (x > y) - (x < y);
}


/* A memtable of these keys, and then so many units of compaction. */
static void
flush(uint32_t *keys, unsigned n, unsigned slices)
{
    uint64_t     bytes = 0;
    unsigned     distinct = 0;
    fkv__edit_t  edit;

    model.given += n;
    qsort(keys, n, sizeof(*keys), compare_keys);

    for (unsigned i = 0; i < n; i++) {
        model.live_n += !model.live[keys[i]];
        model.live[keys[i]] = 1;

        if (distinct == 0 || keys[distinct - 1] != keys[i]) {
            keys[distinct++] = keys[i];
        }
    }

    fkv__edit_init(&edit);
    add_table(&edit, 0, keys, distinct, model.version->edit + 1);
    apply(&edit);
    model.flushed += distinct;

    model.level_0_max = fkv__max(model.level_0_max, model.version->n[0]);

    for (unsigned level = 0; level < FKV__LEVELS; level++) {
        bytes += model.version->bytes[level];
    }

    if (model.live_n > KEYS / 2) {
        double  space = (double) bytes / ENTRY_BYTES / model.live_n;

        model.space_max = fkv__max(model.space_max, space);
    }

    while (slices-- > 0 && compact()) {
        /* go on */
    }
}


static void
write_keys(uint64_t n, bool random, unsigned slices)
{
    for (uint64_t done = 0; done < n; done += FLUSH_KEYS) {
        uint32_t  *keys = malloc(FLUSH_KEYS * sizeof(*keys));

        for (unsigned i = 0; i < FLUSH_KEYS; i++) {
            keys[i] = (uint32_t) ((random ? check_random(&model.random)
                                          : done + i)
                                  % KEYS);
        }

        flush(keys, FLUSH_KEYS, slices);
    }
}


static double
write_amplification(const char *what)
{
    uint64_t  bytes = 0;
    double    written = (double) (model.flushed + model.merged)
                        / (double) model.given;

    for (unsigned level = 0; level < FKV__LEVELS; level++) {
        bytes += model.version->bytes[level];
    }

    printf("# %s: written %.2f, space at the end %.2f, at most %.2f, level 0 "
           "at most %u, slice at most %.0f MB\n", what, written,
           (double) bytes / ENTRY_BYTES / model.live_n, model.space_max,
           model.level_0_max, (double) model.slice_max * ENTRY_BYTES / MB);

    return written;
}


/* The rest of write_amplification() is of what comes from here on. */
static void
count_anew(void)
{
    model.given = 0;
    model.flushed = 0;
    model.merged = 0;
    model.space_max = 0;
}


static void
ascending_keys_are_written_once(void **state)
{
    (void) state;

    write_keys(KEYS, false, 100);
    assert_true(write_amplification("ascending") < 1.01);
    assert_true(model.space_max < 1.03);
}


static void
overwriting_costs_little_when_compaction_keeps_up(void **state)
{
    (void) state;

    write_keys(KEYS, true, 1000);
    count_anew();
    write_keys(5 * KEYS, true, 1000);

    assert_true(write_amplification("overwrite") < 6);
    assert_true(model.space_max < 1.35);
    assert_true(model.level_0_max <= FKV__PICK_L0);
}


/* Where few read, level 0 may be larger: each merge takes more along. */
static void
overwriting_costs_less_with_more_in_level_0(void **state)
{
    double  few, many;

    write_keys(KEYS, true, 1000);
    count_anew();
    write_keys(5 * KEYS, true, 1000);
    few = write_amplification("level 0 of 4");

    (void) model_teardown(state);
    (void) model_setup(state);

    model.pick.level_0 = FKV__PICK_L0_WRITES;
    write_keys(KEYS, true, 1000);
    count_anew();
    write_keys(5 * KEYS, true, 1000);
    many = write_amplification("level 0 of 8");

    assert_true(many < 0.8 * few);
    assert_true(model.space_max < 1.6);
    assert_true(model.level_0_max <= FKV__PICK_L0_WRITES);
}


/* As when writes are fast: two slices for each memtable. */
static void
overwriting_costs_less_when_it_does_not(void **state)
{
    (void) state;

    write_keys(KEYS, true, 2);
    count_anew();
    write_keys(5 * KEYS, true, 2);

    assert_true(write_amplification("fast overwrite") < 5.3);
    assert_true(model.level_0_max < 24);
    assert_true(model.slice_max <= SLICE_KEYS + TABLE_KEYS);
}


static bool
is_leveled(void)
{
    bool  leveled = true;

    for (unsigned level = 1; level < FKV__LEVELS - 1; level++) {
        leveled = leveled && model.version->bytes[level]
                             <= fkv__pick_target(model.version, level);
    }

    return leveled;
}


static void
tiered_writes_clearly_less(void **state)
{
    double  leveled, tiered;

    write_keys(KEYS, true, 1000);
    count_anew();
    write_keys(10 * KEYS, true, 1000);
    leveled = write_amplification("leveled");

    (void) model_teardown(state);
    (void) model_setup(state);

    model.pick.runs = FKV__PICK_RUNS;
    write_keys(KEYS, true, 1000);
    count_anew();
    write_keys(10 * KEYS, true, 1000);
    tiered = write_amplification("tiered");

    assert_true(tiered < 0.75 * leveled);
    assert_true(model.space_max < 3.1);
}


/* Slices of several merges, flushes and moves between each other. */
static void
tiered_does_not_lose_a_key_when_it_falls_behind(void **state)
{
    static uint8_t  found[KEYS];

    (void) state;
    model.pick.runs = FKV__PICK_RUNS;

    for (unsigned round = 0; round < 10; round++) {
        unsigned  keys = 0;

        write_keys(KEYS / 2, round % 3 != 0, 1 + round % 3);
        memset(found, 0, sizeof(found));

        for (unsigned level = 0; level < FKV__LEVELS; level++) {
            for (unsigned i = 0; i < model.version->n[level]; i++) {
                const content_t  *content;

                content = &model.tables[model.version->levels[level][i]
                                        ->info.id];

                for (unsigned k = 0; k < content->n; k++) {
                    keys += !found[content->keys[k]];
                    found[content->keys[k]] = 1;
                }
            }
        }

        assert_int_equal(keys, model.live_n);
    }

    assert_true(write_amplification("fast tiered") < 4);
    assert_true(model.level_0_max < 24);
}


/* As the helper does it: writes and reads counted, and then a pick. */
static void
adaptive_goes_each_way(void **state)
{
    uint64_t    writes = 0, reads = 0, now_ms = 1;
    fkv__mix_t  mix = { 0 };

    (void) state;
    write_keys(KEYS, true, 1000);
    count_anew();

    for (unsigned i = 0; i < 100; i++) {
        writes += FLUSH_KEYS;
        now_ms += FKV__MIX_WINDOW_MS;
        fkv__mix_look(&mix, reads, writes, now_ms);
        model.pick.runs = fkv__mix_runs(&mix, FKV__PICK_RUNS);
        write_keys(FLUSH_KEYS, true, 1000);
    }

    assert_int_equal(model.pick.runs, FKV__PICK_RUNS);
    assert_false(is_leveled());
    assert_true(write_amplification("adaptive, writes") < 4);

    for (unsigned i = 0; i < 20; i++) {
        reads += FLUSH_KEYS;
        now_ms += FKV__MIX_WINDOW_MS;
        fkv__mix_look(&mix, reads, writes, now_ms);
        model.pick.runs = fkv__mix_runs(&mix, FKV__PICK_RUNS);

        while (compact()) {
            /* go on */
        }
    }

    assert_int_equal(model.pick.runs, 0);
    assert_true(is_leveled());
    (void) write_amplification("adaptive, reads");
}


int
main(void)
{
#define TEST(name)                                                            \
    cmocka_unit_test_setup_teardown(name, model_setup, model_teardown)

    const struct CMUnitTest  tests[] = {
        TEST(ascending_keys_are_written_once),
        TEST(overwriting_costs_little_when_compaction_keeps_up),
        TEST(overwriting_costs_less_with_more_in_level_0),
        TEST(overwriting_costs_less_when_it_does_not),
        TEST(tiered_writes_clearly_less),
        TEST(tiered_does_not_lose_a_key_when_it_falls_behind),
        TEST(adaptive_goes_each_way),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
