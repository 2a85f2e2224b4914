/*
 * rocksdb_filter.h - the filter of RocksDB's tables, format 5: a Bloom filter
 * whose probes of one key lie in one cache line.
 */

#ifndef BENCH_ROCKSDB_FILTER_H
#define BENCH_ROCKSDB_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rocksdb_filter_s  rocksdb_filter_t;

rocksdb_filter_t *rocksdb_filter_new(unsigned bits_per_key);
void   rocksdb_filter_add(rocksdb_filter_t *filter, const char *key,
    size_t len);
size_t rocksdb_filter_finish(rocksdb_filter_t *filter);     /* its bytes */
bool   rocksdb_filter_maybe(rocksdb_filter_t *filter, const char *key,
    size_t len);
void   rocksdb_filter_free(rocksdb_filter_t *filter);

#ifdef __cplusplus
}
#endif

#endif /* BENCH_ROCKSDB_FILTER_H */
