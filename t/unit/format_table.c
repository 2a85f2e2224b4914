/*
 * format_table.c - whole tables: built, read back, damaged.
 */

#include "check.h"
#include "base/crc32c.h"
#include "base/hash.h"
#include "format/table.h"

#define FILE_ID  77

typedef struct {
    uint64_t  key;
    uint64_t  version;
    bool      tombstone;
    uint64_t  expire_at;
    size_t    value_len;
} row_t;

typedef struct {
    row_t              *rows;
    size_t              n;
    fkv__buf_t          file;
    fkv__buf_t          room;
    fkv__table_info_t   info;
} model_t;

static uint8_t  value_bytes[20000];


static fkv__record_t
row_record(const row_t *row, uint8_t *key)
{
    fkv__record_t  rec = { 0 };
    int            n = sprintf((char *) key + 1, "key%08llu",
                               (unsigned long long) row->key);

    key[0] = 0;
    key[1 + n] = 0;
    key[2 + n] = 0;

    rec.kind = row->tombstone ? FKV__RECORD_TOMBSTONE : FKV__RECORD_VALUE;
    rec.version = row->version;
    rec.expire_at = row->expire_at;
    rec.key = (fkv_str_t) { key, 3 + (size_t) n };
    rec.value = (fkv_str_t) { value_bytes, row->value_len };

    return rec;
}


/* Moves some of the builder's output to the file. */
static void
model_drain(fkv__table_builder_t *builder, fkv__buf_t *file, size_t n)
{
    assert_int_equal(builder->written, file->len);
    assert_int_equal(fkv__buf_append(file, builder->out.data, n), FKV_OK);
    fkv__table_builder_drained(builder, n);
}


static void
model_make_with(model_t *model, size_t n, const fkv__table_options_t *options,
    uint64_t seed)
{
    fkv__table_builder_t  builder;
    uint64_t              random = seed, drain = seed + 1, estimate;
    row_t                 row = { 0 };

    model->rows = calloc(n, sizeof(row_t));
    model->n = n;
    memset(&model->file, 0, sizeof(model->file));
    memset(&model->room, 0, sizeof(model->room));

    fkv__table_builder_init(&builder, FILE_ID, options);

    for (size_t i = 0; i < n; i++) {
        uint8_t        key[32];
        fkv__record_t  rec;

        if (row.version > 1 && check_random(&random) % 3 == 0) {
            row.version -= 1 + check_random(&random) % (row.version - 1);

        } else {
            row.key += 2 + 2 * (check_random(&random) % 10);
            row.version = 1 + check_random(&random) % 1000;
        }

        row.tombstone = check_random(&random) % 8 == 0;
        row.expire_at = (check_random(&random) % 4 == 0)
                        ? 1 + check_random(&random) % 100000 : 0;
        row.value_len = row.tombstone ? 0 : check_random(&random) % 100;

        if (check_random(&random) % 100 == 0) {
            row.value_len = check_random(&random) % sizeof(value_bytes);
        }

        model->rows[i] = row;
        rec = row_record(&row, key);
        assert_int_equal(fkv__table_builder_add(&builder, &rec), FKV_OK);

        if (check_random(&drain) % 5 == 0) {
            model_drain(&builder, &model->file,
                        check_random(&drain) % (builder.out.len + 1));
        }
    }

    estimate = fkv__table_builder_bytes(&builder);
    assert_int_equal(fkv__table_builder_finish(&builder, &model->info),
                     FKV_OK);
    model_drain(&builder, &model->file, builder.out.len);

    assert_int_equal(model->info.bytes, model->file.len);

    if (options->compression == FKV__BLOCK_PLAIN) {
        assert_in_range(estimate, model->file.len,
                        model->file.len + FKV__FILTER_PAGE_BYTES + 512
                        + FKV__EXPIRY_BYTES_MAX / 2);
    }

    fkv__table_builder_done(&builder);
}


/* Blocks of a KiB, and two index pages if there are some. */
static fkv__table_options_t
model_options(unsigned bits_per_key)
{
    return (fkv__table_options_t) {
        .block_bytes = 1024, .bits_per_key = bits_per_key, .fingers = true,
        .page_bytes = 250, .created_ms = 1234567
    };
}


static void
model_make(model_t *model, size_t n, unsigned bits_per_key, uint64_t seed)
{
    fkv__table_options_t  options = model_options(bits_per_key);

    model_make_with(model, n, &options, seed);
}


static void
model_done(model_t *model)
{
    fkv__buf_done(&model->room);
    free(model->rows);
    fkv__buf_done(&model->file);
    fkv__table_info_done(&model->info);
}


/* A packed one stays until the next one is asked for. */
static fkv_str_t
model_block(model_t *model, fkv__block_place_t place)
{
    fkv_str_t  payload;

    assert_int_equal(fkv__block_open(model->file.data + place.offset,
                                     place.bytes + FKV__BLOCK_TRAILER_BYTES,
                                     model->info.id, place.offset,
                                     &model->room, &payload),
                     FKV_OK);
    return payload;
}


/* Where the index leads to.  FKV_OK or FKV_END. */
static int
model_seek(model_t *model, fkv_str_t ikey, uint64_t version,
    fkv__block_place_t *place)
{
    *place = fkv__table_root(&model->info);

    for (unsigned depth = 0; depth < fkv__table_depth(&model->info); depth++) {
        fkv__index_t  index;
        uint32_t      at;

        assert_int_equal(fkv__index_open(&index, model_block(model, *place)),
                         FKV_OK);
        assert_int_equal(fkv__index_seek(&index, ikey, version, &at, NULL),
                         FKV_OK);

        if (at == index.n) {
            return FKV_END;
        }

        assert_int_equal(fkv__table_place(&model->info, depth, &index, at,
                                          place),
                         FKV_OK);
    }

    return FKV_OK;
}


static void
record_is_row(const fkv__record_t *rec, const row_t *row)
{
    uint8_t        key[32];
    fkv__record_t  want = row_record(row, key);

    check_str(rec->key, want.key);
    check_str(rec->value, want.value);
    assert_int_equal(rec->version, want.version);
    assert_int_equal(rec->kind, want.kind);
    assert_int_equal(rec->expire_at, want.expire_at);
}


static void
infos_are_equal(const fkv__table_info_t *a, const fkv__table_info_t *b)
{
#define INFO_EQUAL(tag, name)  assert_int_equal(a->name, b->name);
    FKV__TABLE_INFO_MAP(INFO_EQUAL)
#undef INFO_EQUAL

    check_str(fkv__buf_str(&a->smallest), fkv__buf_str(&b->smallest));
    check_str(fkv__buf_str(&a->largest), fkv__buf_str(&b->largest));
    check_str(fkv__buf_str(&a->expiry), fkv__buf_str(&b->expiry));
    check_str(fkv__buf_str(&a->shares), fkv__buf_str(&b->shares));
}


static void
table_has_these_bytes(void **state)
{
    fkv__table_builder_t  builder;
    fkv__table_info_t     info;
    fkv__record_t         rec = { 0 };

    (void) state;

    fkv__table_builder_init(&builder, 5, &(fkv__table_options_t) {
                                .block_bytes = 4096, .created_ms = 2000 });

    rec.kind = FKV__RECORD_VALUE;
    rec.version = 9;
    rec.key = FKV_STR("\0apple\0\0");
    rec.value = FKV_STR("red");
    assert_int_equal(fkv__table_builder_add(&builder, &rec), FKV_OK);

    rec.kind = FKV__RECORD_TOMBSTONE;
    rec.version = 8;
    rec.value = FKV_STR_NULL;
    assert_int_equal(fkv__table_builder_add(&builder, &rec), FKV_OK);

    rec.kind = FKV__RECORD_VALUE;
    rec.version = 300;
    rec.expire_at = 1000;
    rec.key = FKV_STR("\0apricot\0\0");
    rec.value = FKV_STR("x");
    assert_int_equal(fkv__table_builder_add(&builder, &rec), FKV_OK);

    assert_int_equal(fkv__table_builder_finish(&builder, &info), FKV_OK);

    check_hex(builder.out.data, builder.out.len,
              "8100080309006170706c650000726564820800000889e803000000000000"
              "030701ac027269636f7400007800001000150003000000004ce258070100"
              "00000a0000000000ff080000000000000000000000000061707269636f74"
              "000000000000000000003a000000009782d41f02010506013a08012e0e01"
              "031001021201011401011601081802ac021a02e8071c02e80701011a0301"
              "040502d00f2b01352d0101110200011e08006170706c650000200a006170"
              "7269636f7400002506001e0216000000d82d90d23a000000000000002e00"
              "000000000000000000000000000000000000000000006d00000000000000"
              "560000000000000005000000000000002801000000000000000000000000"
              "0000000000000000000001000000192166e1464b567373740d0a");

    fkv__table_info_done(&info);
    fkv__table_builder_done(&builder);
}


static void
footer_and_properties_give_back_the_info(void **state)
{
    (void) state;

    for (uint64_t seed = 20; seed < 24; seed++) {
        model_t              model;
        fkv__table_info_t    info;
        fkv__block_place_t   place;
        uint8_t             *end;

        model_make(&model, 500, seed % 2 * 10, seed);
        end = model.file.data + model.file.len;

        assert_int_equal(fkv__table_footer_get(end - FKV__TABLE_FOOTER_BYTES,
                                               model.file.len, &info, &place),
                         FKV_OK);
        assert_int_equal(info.id, FILE_ID);
        assert_int_equal(
            fkv__table_properties_get(model.file.data + place.offset,
                                      place.bytes + FKV__BLOCK_TRAILER_BYTES,
                                      place.offset, &info),
            FKV_OK);
        infos_are_equal(&info, &model.info);
        assert_int_equal(fkv__table_info_check(&info), FKV_OK);

        fkv__table_info_done(&info);
        model_done(&model);
    }
}


static void
properties_count_what_is_in_the_table(void **state)
{
    fkv__table_info_t  want = { 0 };
    model_t            model;
    uint8_t            first[32], last[32];

    (void) state;

    model_make(&model, 1000, 10, 30);

    want.version_min = UINT64_MAX;
    want.expire_at_min = UINT64_MAX;

    for (size_t i = 0; i < model.n; i++) {
        const row_t  *row = &model.rows[i];

        want.keys += i == 0 || row->key != model.rows[i - 1].key;
        want.tombstones += row->tombstone;
        want.value_bytes += row->value_len;
        want.version_min = fkv__min(want.version_min, row->version);
        want.version_max = fkv__max(want.version_max, row->version);

        if (row->expire_at != 0 && row->tombstone) {
            want.stubs++;
            want.stub_at_max = fkv__max(want.stub_at_max, row->expire_at);

        } else if (row->expire_at != 0) {
            want.expiring++;
            want.expire_at_min = fkv__min(want.expire_at_min, row->expire_at);
            want.expire_at_max = fkv__max(want.expire_at_max, row->expire_at);
        }
    }

    assert_int_equal(model.info.entries, model.n);
    assert_int_equal(model.info.keys, want.keys);
    assert_int_equal(model.info.tombstones, want.tombstones);
    assert_int_equal(model.info.operands, 0);
    assert_int_equal(model.info.stubs, want.stubs);
    assert_int_equal(model.info.stub_at_max, want.stub_at_max);
    assert_true(want.stubs > 0);
    assert_int_equal(model.info.expiring, want.expiring);
    assert_int_equal(model.info.key_bytes, model.n * 14);
    assert_int_equal(model.info.value_bytes, want.value_bytes);
    assert_int_equal(model.info.version_min, want.version_min);
    assert_int_equal(model.info.version_max, want.version_max);
    assert_int_equal(model.info.expire_at_min, want.expire_at_min);
    assert_int_equal(model.info.expire_at_max, want.expire_at_max);
    assert_int_equal(model.info.created_ms, 1234567);
    assert_int_equal(fkv__expiry_check(fkv__buf_str(&model.info.expiry),
                                       want.expiring), FKV_OK);
    assert_int_equal(fkv__expiry_passed(fkv__buf_str(&model.info.expiry),
                                        1234567,
                                        1235567 + want.expire_at_max),
                     want.expiring);
    check_str(fkv__buf_str(&model.info.smallest),
              row_record(&model.rows[0], first).key);
    check_str(fkv__buf_str(&model.info.largest),
              row_record(&model.rows[model.n - 1], last).key);

    model_done(&model);
}


/* Every record of a data block, from row i on; returns how many. */
static size_t
block_has_rows(model_t *model, fkv__block_place_t place, size_t i)
{
    fkv__block_iter_t  it;
    size_t             n = 0;

    assert_int_equal(fkv__block_iter_init(&it, model_block(model, place)),
                     FKV_OK);

    while (fkv__block_iter_next(&it) == FKV_OK) {
        assert_true(i + n < model->n);
        record_is_row(&it.rec, &model->rows[i + n++]);
    }

    fkv__block_iter_done(&it);

    return n;
}


/* Below a page at depth: all blocks in order, without a gap. */
static void
index_leads_on(model_t *model, fkv__block_place_t page, unsigned depth,
    size_t *i, uint64_t *end, uint64_t *blocks)
{
    fkv__index_t  index;
    fkv__buf_t    copy = { 0 };
    fkv_str_t     payload = model_block(model, page);

    assert_int_equal(fkv__buf_append(&copy, payload.data, payload.len),
                     FKV_OK);
    assert_int_equal(fkv__index_open(&index, fkv__buf_str(&copy)), FKV_OK);

    for (uint32_t at = 0; at < index.n; at++) {
        fkv__block_place_t  place;
        size_t              n;

        assert_int_equal(fkv__table_place(&model->info, depth, &index, at,
                                          &place),
                         FKV_OK);

        if (depth + 1 < fkv__table_depth(&model->info)) {
            index_leads_on(model, place, depth + 1, i, end, blocks);
            continue;
        }

        assert_int_equal(place.offset, *end);
        *end = place.offset + place.bytes + FKV__BLOCK_TRAILER_BYTES;
        n = block_has_rows(model, place, *i);

        /* Long only for the sake of one record. */
        assert_true(n > 0);
        assert_true(*end - place.offset <= 1024 || n == 1);
        *i += n;
        (*blocks)++;
    }

    fkv__buf_done(&copy);
}


static void
index_leads_through_all_records_in_order(void **state)
{
    (void) state;

    for (unsigned pages = 0; pages < 2; pages++) {
        fkv__table_options_t  options = model_options(10);
        model_t               model;
        size_t                i = 0;
        uint64_t              blocks = 0, end = 0;

        options.page_bytes = pages ? 500 : 100000;
        model_make_with(&model, 2000, &options, 31);

        assert_int_equal(fkv__table_depth(&model.info), 1 + pages);
        index_leads_on(&model, fkv__table_root(&model.info), 0, &i, &end,
                       &blocks);

        assert_int_equal(i, model.n);
        assert_true(blocks > 50);
        assert_int_equal(blocks, model.info.blocks);
        assert_int_equal(model.info.finger_bytes, model.n);
        assert_int_equal(model.info.filter_offset, fkv__align(end, 4096));
        assert_int_equal(fkv__table_data_end(&model.info),
                         model.info.filter_offset);

        model_done(&model);
    }
}


/* What is searched for lies there, or there is no such thing. */
static void
search_is_as_the_model_says(model_t *model, row_t want)
{
    uint8_t              key[32];
    fkv__block_place_t   place;
    fkv__block_iter_t    it;
    fkv__record_t        rec;
    fkv_str_t            ikey = row_record(&want, key).key, payload;
    size_t               i = 0;
    int                  rc;

    while (i < model->n
           && (model->rows[i].key < want.key
               || (model->rows[i].key == want.key
                   && model->rows[i].version > want.version)))
    {
        i++;
    }

    rc = model_seek(model, ikey, want.version, &place);

    if (i == model->n) {
        if (rc == FKV_END) {
            return;
        }

    } else {
        assert_int_equal(rc, FKV_OK);
    }

    payload = model_block(model, place);
    rc = fkv__block_find(payload, ikey, fkv__hash(ikey), want.version, &rec);

    if (i < model->n && model->rows[i].key == want.key) {
        assert_int_equal(rc, FKV_OK);
        record_is_row(&rec, &model->rows[i]);

    } else {
        assert_int_equal(rc, FKV_NOTFOUND);
    }

    /* In a gap between two blocks it is the next one's first. */
    assert_int_equal(fkv__block_iter_init(&it, payload), FKV_OK);
    rc = fkv__block_iter_seek(&it, ikey, want.version);

    if (rc == FKV_OK) {
        record_is_row(&it.rec, &model->rows[i]);

    } else {
        assert_int_equal(rc, FKV_END);
        assert_int_equal(fkv__block_iter_first(&it), FKV_OK);

        while (fkv__block_iter_next(&it) == FKV_OK) {
            continue;
        }

        record_is_row(&it.rec, &model->rows[i - 1]);
    }

    fkv__block_iter_done(&it);
}


/* One page, which is the root, and two to a dozen below a root. */
static void
any_number_of_pages_leads_to_every_record(void **state)
{
    unsigned  seen = 0;

    (void) state;

    for (size_t page_bytes = 40; page_bytes < 900; page_bytes += 10) {
        fkv__table_options_t  options = model_options(10);
        model_t               model;

        options.page_bytes = page_bytes;
        model_make_with(&model, 300, &options, 7);

        if (model.info.index_pages < 32) {
            seen |= 1u << model.info.index_pages;
        }

        for (size_t i = 0; i < model.n; i++) {
            search_is_as_the_model_says(&model, model.rows[i]);
        }

        search_is_as_the_model_says(&model, (row_t) { .key = 0 });
        search_is_as_the_model_says(&model, (row_t) { .key = 99999999 });
        model_done(&model);
    }

    assert_int_equal(seen & 0x7f, 0x7d);
}


static void
search_finds_what_the_model_finds_in_every_mode(void **state)
{
    (void) state;

    for (unsigned mode = 0; mode < 3 * 2 * 2 * 3; mode++) {
        fkv__table_options_t  options = {
            .block_bytes = 600, .bits_per_key = 10,
            .compression = mode % 3,
            .fingers = mode / 3 % 2,
            .page_bytes = (mode / 6 % 2) ? 700 : 100000,
            .index = mode / 12,
            .created_ms = 1234567
        };
        model_t               model;
        uint64_t              random = mode + 1;

        model_make_with(&model, 1500, &options, 100 + mode);
        assert_int_equal(fkv__table_depth(&model.info), 1 + mode / 6 % 2);

        for (int round = 0; round < 1500; round++) {
            row_t  want = model.rows[check_random(&random) % model.n];

            want.key += (check_random(&random) % 4 == 0);
            want.version = check_random(&random) % 1100;
            search_is_as_the_model_says(&model, want);
        }

        search_is_as_the_model_says(&model, (row_t) { .key = 0 });
        search_is_as_the_model_says(&model, (row_t) { .key = 99999999 });
        model_done(&model);
    }
}


static void
filter_knows_every_key_of_the_table(void **state)
{
    model_t   model;
    unsigned  wrong = 0;

    (void) state;

    model_make(&model, 9000, 10, 33);
    assert_true(model.info.filter_pages > 1);

    /* A key counts once, however many versions of it there are. */
    assert_true(model.info.keys < model.n * 3 / 4);
    assert_int_equal(model.info.filter_pages,
                     (model.info.keys * 10 + 32255) / 32256);

    for (uint64_t key = 0; key < model.rows[model.n - 1].key; key++) {
        row_t      row = { .key = key };
        uint8_t    bytes[32];
        uint64_t   hash = fkv__hash(row_record(&row, bytes).key);
        uint64_t   page = fkv__filter_page(hash, model.info.filter_pages);
        uint64_t   offset = model.info.filter_offset
                            + page * FKV__FILTER_PAGE_BYTES;
        fkv_str_t  payload;
        bool       maybe;

        payload = model_block(&model, (fkv__block_place_t) {
                                  offset, FKV__FILTER_PAGE_BYTES
                                          - FKV__BLOCK_TRAILER_BYTES });
        maybe = fkv__filter_maybe(payload, hash, model.info.filter_pages);

        /* The rows' keys are even. */
        wrong += (key % 2 == 1) && maybe;
    }

    assert_true(wrong < model.rows[model.n - 1].key / 2 * 2 / 100);

    for (size_t i = 0; i < model.n; i++) {
        uint8_t    bytes[32];
        uint64_t   hash = fkv__hash(row_record(&model.rows[i], bytes).key);
        uint64_t   page = fkv__filter_page(hash, model.info.filter_pages);

        assert_true(fkv__filter_maybe(
                        (fkv_str_t) { model.file.data
                                      + model.info.filter_offset
                                      + page * FKV__FILTER_PAGE_BYTES,
                                      FKV__FILTER_PAGE_BYTES },
                        hash, model.info.filter_pages));
    }

    model_done(&model);
}


static void
way_of_draining_does_not_change_the_file(void **state)
{
    fkv__table_builder_t  builder;
    fkv__table_info_t     info;
    model_t               model;
    fkv__table_options_t  options = model_options(10);

    (void) state;

    model_make(&model, 700, 10, 34);
    fkv__table_builder_init(&builder, FILE_ID, &options);

    for (size_t i = 0; i < model.n; i++) {
        uint8_t        key[32];
        fkv__record_t  rec = row_record(&model.rows[i], key);

        assert_int_equal(fkv__table_builder_add(&builder, &rec), FKV_OK);
    }

    assert_int_equal(fkv__table_builder_finish(&builder, &info), FKV_OK);
    check_str(fkv__buf_str(&builder.out), fkv__buf_str(&model.file));

    fkv__table_info_done(&info);
    fkv__table_builder_done(&builder);
    model_done(&model);
}


static void
table_of_one_record_is_a_table(void **state)
{
    model_t   model;
    size_t    i = 0;
    uint64_t  end = 0, blocks = 0;

    (void) state;

    model_make(&model, 1, 10, 35);
    assert_int_equal(model.info.entries, 1);
    assert_int_equal(model.info.filter_pages, 1);
    assert_int_equal(model.info.index_pages, 0);
    check_str(fkv__buf_str(&model.info.smallest),
              fkv__buf_str(&model.info.largest));

    index_leads_on(&model, fkv__table_root(&model.info), 0, &i, &end, &blocks);
    assert_int_equal(i, 1);
    assert_int_equal(blocks, 1);

    model_done(&model);
}


static void
given_up_builder_leaves_no_memory(void **state)
{
    size_t                before = fkv_alloc_bytes();
    fkv__table_builder_t  builder;
    row_t                 row = { .key = 1, .version = 1, .value_len = 5000 };
    uint8_t               key[32];
    fkv__record_t         rec = row_record(&row, key);

    (void) state;

    fkv__table_builder_init(&builder, FILE_ID, &(fkv__table_options_t) {
                                .block_bytes = 4096, .bits_per_key = 10 });
    assert_int_equal(fkv__table_builder_add(&builder, &rec), FKV_OK);
    fkv__table_builder_done(&builder);

    assert_int_equal(fkv_alloc_bytes(), before);
}


static void
every_flipped_bit_of_the_footer_is_found(void **state)
{
    model_t              model;
    fkv__table_info_t    info;
    fkv__block_place_t   place;
    uint8_t             *footer;

    (void) state;

    model_make(&model, 50, 10, 36);
    footer = model.file.data + model.file.len - FKV__TABLE_FOOTER_BYTES;

    for (size_t bit = 0; bit < 8 * FKV__TABLE_FOOTER_BYTES; bit++) {
        footer[bit / 8] ^= (uint8_t) (1 << bit % 8);
        assert_int_equal(fkv__table_footer_get(footer, model.file.len, &info,
                                               &place),
                         FKV_ECORRUPT);
        footer[bit / 8] ^= (uint8_t) (1 << bit % 8);
    }

    /* A file that is longer or shorter than when it was written. */
    assert_int_equal(fkv__table_footer_get(footer, model.file.len + 1, &info,
                                           &place),
                     FKV_ECORRUPT);
    assert_int_equal(fkv__table_footer_get(footer, 95, &info, &place),
                     FKV_ECORRUPT);

    model_done(&model);
}


static void
footer_of_a_newer_build_is_refused_as_such(void **state)
{
    model_t              model;
    fkv__table_info_t    info;
    fkv__block_place_t   place;
    uint8_t             *footer;

    (void) state;

    model_make(&model, 50, 10, 37);
    footer = model.file.data + model.file.len - FKV__TABLE_FOOTER_BYTES;

    fkv__put_le32(footer + 80, FKV__TABLE_FORMAT + 1);
    fkv__put_le32(footer + 84, fkv__crc32c(0, footer, 84));

    assert_int_equal(fkv__table_footer_get(footer, model.file.len, &info,
                                           &place),
                     FKV_EVERSION);
    model_done(&model);
}


/* Sealed again, so that the sum alone does not give it away. */
static void
impossible_places_in_a_footer_are_corrupt(void **state)
{
    static const uint64_t  odd[] = {
        0, 1, 4096, 1 << 20, UINT32_MAX, (uint64_t) 1 << 63, UINT64_MAX,
        UINT64_MAX - 4, UINT64_MAX - 4095
    };
    model_t                model;

    (void) state;

    model_make(&model, 300, 10, 38);

    for (size_t at = 0; at < 64; at += 8) {
        for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
            uint8_t              footer[FKV__TABLE_FOOTER_BYTES];
            uint64_t             was;
            fkv__table_info_t    info;
            fkv__block_place_t   place;
            int                  rc;

            memcpy(footer, model.file.data + model.file.len - sizeof(footer),
                   sizeof(footer));
            was = fkv__get_le64(footer + at);

            fkv__put_le64(footer + at, odd[i]);
            fkv__put_le32(footer + 84, fkv__crc32c(0, footer, 84));
            rc = fkv__table_footer_get(footer, model.file.len, &info, &place);

            /* Another id, or shorter places, are found out later. */
            if (rc == FKV_OK) {
                assert_true(was == odd[i] || at == 48
                            || (odd[i] < was && (at == 8 || at == 40)));
                assert_true(place.offset + place.bytes
                            + FKV__BLOCK_TRAILER_BYTES <= model.file.len);
                assert_true(info.index_offset + info.index_bytes
                            + FKV__BLOCK_TRAILER_BYTES <= model.file.len);

            } else {
                assert_int_equal(rc, FKV_ECORRUPT);
            }
        }
    }

    model_done(&model);
}


static void
properties_of_another_table_are_corrupt(void **state)
{
    model_t              model;
    fkv__table_info_t    info;
    fkv__block_place_t   place;
    uint8_t             *raw;
    size_t               len;

    (void) state;

    model_make(&model, 300, 10, 39);

    assert_int_equal(fkv__table_footer_get(model.file.data + model.file.len
                                           - FKV__TABLE_FOOTER_BYTES,
                                           model.file.len, &info, &place),
                     FKV_OK);
    raw = model.file.data + place.offset;
    len = place.bytes + FKV__BLOCK_TRAILER_BYTES;

    info.index_bytes++;
    assert_int_equal(fkv__table_properties_get(raw, len, place.offset, &info),
                     FKV_ECORRUPT);
    info.index_bytes--;
    info.id++;
    assert_int_equal(fkv__table_properties_get(raw, len, place.offset, &info),
                     FKV_ECORRUPT);
    info.id--;

    for (size_t bit = 0; bit < 8 * len; bit++) {
        raw[bit / 8] ^= (uint8_t) (1 << bit % 8);
        assert_int_equal(fkv__table_properties_get(raw, len, place.offset,
                                                   &info),
                         FKV_ECORRUPT);
        raw[bit / 8] ^= (uint8_t) (1 << bit % 8);
    }

    assert_int_equal(fkv__table_properties_get(raw, len, place.offset, &info),
                     FKV_OK);

    fkv__table_info_done(&info);
    model_done(&model);
}


static void
info_survives_copy_and_round_trip(void **state)
{
    fkv__table_info_t  copy, back;
    fkv__buf_t         buf = { 0 };
    model_t            model;

    (void) state;

    model_make(&model, 300, 10, 40);

    assert_int_equal(fkv__table_info_copy(&copy, &model.info), FKV_OK);
    infos_are_equal(&copy, &model.info);
    assert_ptr_not_equal(copy.smallest.data, model.info.smallest.data);

    assert_int_equal(fkv__table_info_put(&buf, &copy), FKV_OK);
    assert_int_equal(fkv__table_info_get(fkv__buf_str(&buf), &back), FKV_OK);
    infos_are_equal(&back, &model.info);

    fkv__buf_done(&buf);
    fkv__table_info_done(&copy);
    fkv__table_info_done(&back);
    model_done(&model);
}


static void
impossible_infos_are_corrupt(void **state)
{
    model_t  model;

    (void) state;

    model_make(&model, 300, 10, 41);

#define INFO_BAD(change)                                                      \
    do {                                                                      \
        fkv__table_info_t  bad = model.info;                                  \
                                                                              \
        assert_int_equal(fkv__table_info_check(&bad), FKV_OK);                \
        change;                                                               \
        assert_int_equal(fkv__table_info_check(&bad), FKV_ECORRUPT);          \
    } while (0)

    INFO_BAD(bad.id = 0);
    INFO_BAD(bad.bytes = 95);
    INFO_BAD(bad.bytes = bad.index_offset + bad.index_bytes);
    INFO_BAD(bad.index_offset = bad.pages_offset - 1);
    INFO_BAD(bad.index_offset = UINT64_MAX);
    INFO_BAD(bad.index_bytes = UINT64_MAX);
    INFO_BAD(bad.filter_offset++);
    INFO_BAD(bad.filter_offset += 4096);
    INFO_BAD(bad.filter_offset = 0);
    INFO_BAD(bad.filter_pages++);
    INFO_BAD(bad.filter_pages = 0);
    INFO_BAD(bad.filter_pages = UINT64_MAX);
    INFO_BAD(bad.filter_pages += (uint64_t) 1 << 52);
    INFO_BAD(bad.index_pages = 0);
    INFO_BAD(bad.pages_offset = 0);
    INFO_BAD(bad.pages_offset = bad.index_offset + 1);
    INFO_BAD(bad.pages_offset++);
    INFO_BAD(bad.entries = 0);
    INFO_BAD(bad.keys = 0);
    INFO_BAD(bad.keys = bad.entries + 1);
    INFO_BAD(bad.tombstones = bad.entries + 1);
    INFO_BAD(bad.expiring = bad.entries + 1);
    INFO_BAD(bad.expiring = 0);
    INFO_BAD(bad.version_min = 0);
    INFO_BAD(bad.version_min = bad.version_max + 1);
    INFO_BAD(bad.expire_at_min = bad.expire_at_max + 1);
    INFO_BAD(bad.expire_at_min = 0);
    INFO_BAD(bad.smallest = model.info.largest;
             bad.largest = model.info.smallest);

#undef INFO_BAD

    model_done(&model);
}


static void
places_outside_of_the_data_are_corrupt(void **state)
{
    model_t  model;

    (void) state;

    model_make(&model, 300, 10, 42);

#define PLACE(pages, base_, bytes)                                            \
    ({                                                                        \
        uint8_t              ends[4];                                         \
        fkv__index_t         index = { .n = 1, .base = base_, .ends = ends }; \
        fkv__table_info_t    info = model.info;                               \
        fkv__block_place_t   place;                                           \
                                                                              \
        info.index_pages = pages;                                             \
        info.pages_offset = pages ? info.index_offset - 200 : 0;              \
        fkv__put_le32(ends, bytes);                                           \
        fkv__table_place(&info, 0, &index, 0, &place);                        \
    })

    uint64_t  limit = model.info.filter_offset;
    uint64_t  root = model.info.index_offset;

    assert_int_equal(PLACE(0, 10, 25), FKV_OK);
    assert_int_equal(PLACE(0, 10, 4), FKV_ECORRUPT);
    assert_int_equal(PLACE(0, 0, (uint32_t) limit), FKV_OK);
    assert_int_equal(PLACE(0, 0, (uint32_t) limit + 1), FKV_ECORRUPT);
    assert_int_equal(PLACE(0, 1, (uint32_t) limit), FKV_ECORRUPT);
    assert_int_equal(PLACE(0, limit, 5), FKV_ECORRUPT);
    assert_int_equal(PLACE(0, UINT64_MAX, 25), FKV_ECORRUPT);
    assert_int_equal(PLACE(0, 10, UINT32_MAX), FKV_ECORRUPT);
    assert_int_equal(PLACE(1, root - 200, 200), FKV_OK);
    assert_int_equal(PLACE(1, root - 200, 201), FKV_ECORRUPT);
    assert_int_equal(PLACE(1, root - 201, 100), FKV_ECORRUPT);
    assert_int_equal(PLACE(1, 10, 25), FKV_ECORRUPT);

#undef PLACE

    model_done(&model);
}


static void
garbage_is_no_info(void **state)
{
    fkv__buf_t         buf = { 0 };
    fkv__table_info_t  info;
    model_t            model;
    uint64_t           random = 43;

    (void) state;

    model_make(&model, 300, 10, 43);
    assert_int_equal(fkv__table_info_put(&buf, &model.info), FKV_OK);

    for (int i = 0; i < 100000; i++) {
        size_t    len = check_random(&random) % (buf.len + 1);
        uint8_t  *bytes = check_copy(buf.data, len);

        for (int j = 0; j < 3 && len > 0; j++) {
            bytes[check_random(&random) % len] = (uint8_t)
                                                 check_random(&random);
        }

        if (fkv__table_info_get((fkv_str_t) { bytes, len }, &info) == FKV_OK) {
            (void) fkv__table_info_check(&info);
        }

        fkv__table_info_done(&info);
        free(bytes);
    }

    fkv__buf_done(&buf);
    model_done(&model);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(table_has_these_bytes),
        cmocka_unit_test(footer_and_properties_give_back_the_info),
        cmocka_unit_test(properties_count_what_is_in_the_table),
        cmocka_unit_test(index_leads_through_all_records_in_order),
        cmocka_unit_test(any_number_of_pages_leads_to_every_record),
        cmocka_unit_test(search_finds_what_the_model_finds_in_every_mode),
        cmocka_unit_test(filter_knows_every_key_of_the_table),
        cmocka_unit_test(way_of_draining_does_not_change_the_file),
        cmocka_unit_test(table_of_one_record_is_a_table),
        cmocka_unit_test(given_up_builder_leaves_no_memory),
        cmocka_unit_test(every_flipped_bit_of_the_footer_is_found),
        cmocka_unit_test(footer_of_a_newer_build_is_refused_as_such),
        cmocka_unit_test(impossible_places_in_a_footer_are_corrupt),
        cmocka_unit_test(properties_of_another_table_are_corrupt),
        cmocka_unit_test(info_survives_copy_and_round_trip),
        cmocka_unit_test(impossible_infos_are_corrupt),
        cmocka_unit_test(places_outside_of_the_data_are_corrupt),
        cmocka_unit_test(garbage_is_no_info),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
