/*
 * filter.c - our filter beside RocksDB's: the same keys, bits and questions.
 */

#include "blocks.h"

#include "base/hash.h"
#include "data.h"
#include "format/filter.h"
#include "rocksdb_filter.h"

#include <stdio.h>
#include <stdlib.h>

#define BITS   10
#define ASKED  2000000

typedef struct {
    uint64_t           keys;
    size_t             bytes;
    fkv__buf_t         buf;         /* ours */
    uint64_t           pages;
    rocksdb_filter_t  *theirs;      /* NULL: it is ours */
} filter_t;


static double
build_ours(filter_t *f)
{
    fkv__filter_builder_t  builder = { 0 };
    double                 start = seconds();

    for (uint64_t i = 0; i < f->keys; i++) {
        uint8_t  key[KEY_ROOM];

        must(fkv__filter_builder_add(&builder,
                                     fkv__hash(ikey_of(BENCH_LOADED(i), key))));
    }

    f->pages = fkv__filter_builder_pages(&builder, BITS);
    must(fkv__filter_builder_finish(&builder, &f->buf, BITS, 1, 0));
    f->bytes = f->buf.len;
    fkv__filter_builder_done(&builder);

    return seconds() - start;
}


static double
build_theirs(filter_t *f)
{
    double  start = seconds();

    f->theirs = rocksdb_filter_new(BITS);

    for (uint64_t i = 0; i < f->keys; i++) {
        uint8_t    key[KEY_ROOM];
        fkv_str_t  ikey = ikey_of(BENCH_LOADED(i), key);

        rocksdb_filter_add(f->theirs, (const char *) ikey.data, ikey.len);
    }

    f->bytes = rocksdb_filter_finish(f->theirs);

    return seconds() - start;
}


static bool
maybe(const filter_t *f, fkv_str_t ikey)
{
    uint64_t  hash, page;

    if (f->theirs != NULL) {
        return rocksdb_filter_maybe(f->theirs, (const char *) ikey.data,
                                    ikey.len);
    }

    hash = fkv__hash(ikey);
    page = fkv__filter_page(hash, f->pages);

    return fkv__filter_maybe((fkv_str_t) {
        f->buf.data + page * FKV__FILTER_PAGE_BYTES, FKV__FILTER_PAGE_BYTES },
        hash, f->pages);
}


/* Makes the keys and adds them up: what asking costs besides. */
static double
nothing_ns(const filter_t *f)
{
    bench_random_t  random = { 1 };
    double          start = seconds();
    size_t          sum = 0;

    for (unsigned i = 0; i < ASKED; i++) {
        uint8_t    key[KEY_ROOM];
        fkv_str_t  ikey = ikey_of(BENCH_LOADED(bench_below(&random, f->keys)),
                                 key);

        sum += ikey.data[8];
    }

    must(sum != 0 ? FKV_OK : FKV_ECORRUPT);

    return (seconds() - start) * 1e9 / ASKED;
}


static double
ask_ns(const filter_t *f, bool missing, uint64_t *yes)
{
    bench_random_t  random = { 1 };
    double          start = seconds();

    *yes = 0;

    for (unsigned i = 0; i < ASKED; i++) {
        uint8_t   key[KEY_ROOM];
        uint64_t  n = bench_below(&random, f->keys);

        *yes += maybe(f, ikey_of(missing ? BENCH_MISSING(n) : BENCH_LOADED(n),
                                key));
    }

    return (seconds() - start) * 1e9 / ASKED;
}


static void
measure(filter_t *f, const char *name, double build_s)
{
    double    nothing = 0, absent = 0, present = 0;
    uint64_t  wrong = 0, right = 0;

    for (unsigned round = 0; round < ROUNDS; round++) {
        double  ns[3] = { nothing_ns(f), ask_ns(f, true, &wrong),
                          ask_ns(f, false, &right) };

        nothing = (round == 0 || ns[0] < nothing) ? ns[0] : nothing;
        absent = (round == 0 || ns[1] < absent) ? ns[1] : absent;
        present = (round == 0 || ns[2] < present) ? ns[2] : present;
    }

    must(right == ASKED ? FKV_OK : FKV_ECORRUPT);

    printf("| %llu | %s | %.2f | %.3f%% | %.0f | %.1f | %.1f |\n",
           (unsigned long long) f->keys, name,
           8.0 * (double) f->bytes / (double) f->keys,
           100.0 * (double) wrong / ASKED,
           build_s * 1e9 / (double) f->keys, absent - nothing,
           present - nothing);
}


void
measure_filter(void)
{
    static const uint64_t  keys[] = { 30000, 1000000, 20000000 };

    printf("\n| keys | filter | bits a key | wrong | build ns | absent ns "
           "| present ns |\n| --- | --- | --- | --- | --- | --- | --- |\n");

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        filter_t  ours = { .keys = keys[i] }, theirs = { .keys = keys[i] };

        measure(&ours, "ours", build_ours(&ours));
        fkv__buf_done(&ours.buf);

        measure(&theirs, "RocksDB", build_theirs(&theirs));
        rocksdb_filter_free(theirs.theirs);
    }
}
