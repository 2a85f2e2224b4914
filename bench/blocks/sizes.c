/*
 * sizes.c - tables with blocks of several sizes: their bytes, what a point read
 * and a scanned record cost with all blocks unpacked in memory, and what a
 * point read costs of which nothing is.
 */

#include "blocks.h"

#include "base/hash.h"
#include "data.h"
#include "format/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES       (96 * 1024 * 1024)      /* of keys and values */
#define READS       400000
#define PAGE        4096
#define INDEX_PAGE  (32 * 1024)
#define FILE_ID     1

typedef struct {
    fkv__table_builder_t   builder;
    fkv__table_info_t      info;
    const uint8_t         *file;
    uint64_t               keys;
    double                 build_s;
    fkv__index_t           root;
    fkv__index_t          *pages;       /* as many as root has entries */
    uint32_t              *first;       /* data block of each page */
    fkv_str_t             *blocks;      /* unpacked payloads */
    uint32_t               blocks_n;
    uint64_t               stored;      /* bytes of blocks, trailers too */
    uint64_t               disk_pages;  /* touched, one block at a time */
    double                 open_s;      /* verify and unpack all of them */
} table_t;


static void
table_build(table_t *t, size_t value_bytes, size_t block_bytes,
    fkv__block_type_e type)
{
    fkv__table_options_t  options = {
        .block_bytes = block_bytes,
        .bits_per_key = 10,
        .compression = type,
        .fingers = true,
        .page_bytes = INDEX_PAGE
    };
    bench_random_t        random = { 1 };
    bench_values_t        values;
    char                 *value = malloc(value_bytes);
    double                start;

    bench_values_init(&values, value_bytes, 1);
    fkv__table_builder_init(&t->builder, FILE_ID, &options);
    t->keys = BYTES / (16 + value_bytes);

    start = seconds();

    for (uint64_t i = 0; i < t->keys; i++) {
        uint8_t        key[KEY_ROOM];
        fkv__record_t  rec = {
            .kind = FKV__RECORD_VALUE,
            .key = ikey_of(BENCH_LOADED(i), key),
            .value = { (const uint8_t *) value, value_bytes },
            .version = 1000000000 + bench_below(&random, 1000000000)
        };

        bench_value(&values, BENCH_LOADED(i), &random, value);
        must(fkv__table_builder_add(&t->builder, &rec));
    }

    must(fkv__table_builder_finish(&t->builder, &t->info));

    t->build_s = seconds() - start;
    t->file = t->builder.out.data;

    free(value);
    free(values.bytes);
}


static void
page_open(table_t *t, fkv__block_place_t place, fkv__index_t *page)
{
    fkv_str_t  payload;

    must(fkv__block_check(t->file + place.offset,
                          place.bytes + FKV__BLOCK_TRAILER_BYTES, FILE_ID,
                          place.offset, &payload));
    must(fkv__index_open(page, payload));
}


/* Pages of the device that hold the block. */
static uint64_t
place_pages(fkv__block_place_t place)
{
    uint64_t  last = place.offset + place.bytes + FKV__BLOCK_TRAILER_BYTES - 1;

    return last / PAGE - place.offset / PAGE + 1;
}


static void
block_load(table_t *t, fkv__block_place_t place, fkv__buf_t *unpacked,
    uint8_t **to)
{
    double     start = seconds();
    fkv_str_t  payload;

    must(fkv__block_open(t->file + place.offset,
                         place.bytes + FKV__BLOCK_TRAILER_BYTES, FILE_ID,
                         place.offset, unpacked, &payload));
    t->open_s += seconds() - start;
    t->stored += place.bytes + FKV__BLOCK_TRAILER_BYTES;
    t->disk_pages += place_pages(place);

    memcpy(*to, payload.data, payload.len);
    t->blocks[t->blocks_n++] = (fkv_str_t) { *to, payload.len };
    *to += (payload.len + 63) / 64 * 64;
}


/* All that a cache would hold if it held everything. */
static uint8_t *
table_load(table_t *t)
{
    fkv__buf_t  unpacked = { 0 };
    uint8_t    *cache = room(t->info.raw_bytes + 64 * t->info.blocks);
    uint8_t    *to = cache;
    bool        deep = fkv__table_depth(&t->info) == 2;

    page_open(t, fkv__table_root(&t->info), &t->root);
    t->blocks = calloc(t->info.blocks, sizeof(*t->blocks));
    t->pages = calloc(t->root.n, sizeof(*t->pages));
    t->first = calloc(t->root.n, sizeof(*t->first));

    for (uint32_t i = 0; i < t->root.n; i++) {
        fkv__block_place_t  place;

        t->first[i] = t->blocks_n;
        must(fkv__table_place(&t->info, 0, &t->root, i, &place));

        if (!deep) {
            block_load(t, place, &unpacked, &to);
            continue;
        }

        page_open(t, place, &t->pages[i]);

        for (uint32_t j = 0; j < t->pages[i].n; j++) {
            must(fkv__table_place(&t->info, 1, &t->pages[i], j, &place));
            block_load(t, place, &unpacked, &to);
        }
    }

    fkv__buf_done(&unpacked);

    return cache;
}


static void
table_get(const table_t *t, uint64_t number)
{
    uint8_t        key[KEY_ROOM];
    fkv_str_t      ikey = ikey_of(BENCH_LOADED(number), key);
    uint32_t       at, block;
    fkv__record_t  rec;

    must(fkv__index_seek(&t->root, ikey, UINT64_MAX, &at, NULL));
    block = t->first[at];

    if (fkv__table_depth(&t->info) == 2) {
        const fkv__index_t  *page = &t->pages[at];

        must(fkv__index_seek(page, ikey, UINT64_MAX, &at, NULL));
        block += at;
    }

    must(fkv__block_find(t->blocks[block], ikey, fkv__hash(ikey), UINT64_MAX,
                         &rec));
}


static double
gets_ns(const table_t *t)
{
    double  least = 0;

    for (unsigned round = 0; round < ROUNDS; round++) {
        bench_random_t  random = { round };
        double          start = seconds(), took;

        for (unsigned i = 0; i < READS; i++) {
            table_get(t, bench_below(&random, t->keys));
        }

        took = seconds() - start;
        least = (round == 0 || took < least) ? took : least;
    }

    return least * 1e9 / READS;
}


static double
scan_ns(const table_t *t)
{
    double  least = 0;

    for (unsigned round = 0; round < ROUNDS; round++) {
        double    start = seconds(), took;
        uint64_t  n = 0;

        for (uint32_t i = 0; i < t->blocks_n; i++) {
            fkv__block_iter_t  it;

            must(fkv__block_iter_init(&it, t->blocks[i]));

            while (fkv__block_iter_next(&it) == FKV_OK) {
                n++;
            }

            fkv__block_iter_done(&it);
        }

        must(n == t->keys ? FKV_OK : FKV_ECORRUPT);
        took = seconds() - start;
        least = (round == 0 || took < least) ? took : least;
    }

    return least * 1e9 / (double) t->keys;
}


static void
measure(size_t value_bytes, size_t block_bytes, fkv__block_type_e type,
    const char *name)
{
    table_t   t = { 0 };
    uint64_t  meta;
    uint8_t  *cache;

    table_build(&t, value_bytes, block_bytes, type);
    cache = table_load(&t);
    meta = t.info.bytes - t.stored;

    printf("| %zu KiB | %s | %.1f | %.2f | %.0f | %.0f | %.0f | %.1f | %.2f "
           "|\n", block_bytes / 1024, name,
           (double) t.info.bytes / (double) t.keys,
           (double) meta / (double) t.keys,
           t.build_s * 1e9 / (double) t.keys, gets_ns(&t), scan_ns(&t),
           t.open_s * 1e6 / t.blocks_n,
           (double) t.disk_pages / t.blocks_n);

    free(cache);
    free(t.pages);
    free(t.first);
    free(t.blocks);
    fkv__table_info_done(&t.info);
    fkv__table_builder_done(&t.builder);
}


void
measure_sizes(void)
{
    static const struct {
        const char         *name;
        fkv__block_type_e   type;
    } packings[] = {
        { "lz4", FKV__BLOCK_LZ4 },
        { "zstd", FKV__BLOCK_ZSTD },
        { "none", FKV__BLOCK_PLAIN }
    };
    static const size_t  values[] = { 100, 1024 };

    for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
        printf("\nvalues of %zu bytes\n\n| block | packed | bytes a record "
               "| of which filter, index | build ns | read ns | scan ns "
               "| miss, CPU us | miss, 4 KiB pages |\n"
               "| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
               values[v]);

        for (size_t p = 0; p < sizeof(packings) / sizeof(packings[0]); p++) {
            for (size_t kib = 2; kib <= 32; kib *= 2) {
                measure(values[v], kib * 1024, packings[p].type,
                        packings[p].name);
            }
        }
    }
}
