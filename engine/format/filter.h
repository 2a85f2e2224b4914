/*
 * filter.h - a table's Bloom filter: does this file lack a key for certain?
 *
 * Lines of 64 bytes, one cache line each; a key sets six bits of one line.
 * 63 lines, padding and a block's trailer make a page of 4096 bytes, so that
 * one lookup reads, verifies and caches one page and touches one line of it.
 * Which line and which bits follows from fkv__hash() of the internal key and
 * the number of pages: on disk, do not change.
 */

#ifndef FKV_FORMAT_FILTER_H
#define FKV_FORMAT_FILTER_H

#include "base/buf.h"

#define FKV__FILTER_PAGE_BYTES   4096   /* with trailer, at such an offset */
#define FKV__FILTER_LINE_BYTES   64
#define FKV__FILTER_PAGE_LINES   63
#define FKV__FILTER_PROBES       6


/* Collects hashes.  Zero-initialized it is empty and valid. */
typedef struct {
    fkv__buf_t  hashes;
} fkv__filter_builder_t;

void fkv__filter_builder_done(fkv__filter_builder_t *filter);

/* Once per distinct key.  FKV_OK or FKV_ENOMEM. */
int fkv__filter_builder_add(fkv__filter_builder_t *filter, uint64_t hash);

/* Pages for what was added; 0 if nothing was or bits_per_key is 0. */
uint64_t fkv__filter_builder_pages(const fkv__filter_builder_t *filter,
    unsigned bits_per_key);

/*
 * Appends that many pages to out; offset is where the first will be in the
 * file, a multiple of 4096.  Empties the builder.  FKV_OK or FKV_ENOMEM.
 */
int fkv__filter_builder_finish(fkv__filter_builder_t *filter, fkv__buf_t *out,
    unsigned bits_per_key, uint64_t file_id, uint64_t offset);


/* The page that knows about hash: 0 .. pages - 1; pages must not be 0. */
uint64_t fkv__filter_page(uint64_t hash, uint64_t pages);

/* From where on in that page FKV__FILTER_LINE_BYTES are looked at. */
size_t fkv__filter_at(uint64_t hash, uint64_t pages);

/*
 * Asks that page, as fkv__block_check() gave it.  False: no such key in this
 * table.  True: perhaps.
 */
bool fkv__filter_maybe(fkv_str_t page, uint64_t hash, uint64_t pages);


#endif /* FKV_FORMAT_FILTER_H */
