/*
 * index.h - a page of a table's index: which block has what comes next.
 *
 *     head 24 | common | words 8 each | ends 4 each | lines 20 each
 *             | ends of rests 4 each | rests
 *
 * Entries    one a block, in order; its separator lies at or behind all records
 *            of its block and before those of the next.  So the first entry at
 *            or behind (ikey, version) names the block where the first record
 *            at or behind it is; if that has none, the next block begins
 *            with it
 * Words      of a separator: eight bytes of its key, behind the bytes that
 *            all separators of the page have in common, as one number, big-
 *            endian, padded with zeros.  An entry is short if these bytes tell
 *            its block from the next: any key with this word is at or before
 *            the separator.  Most are
 * Rests      of a long entry: what else its key needs, and the version, as
 *            blocks may part the versions of one key
 * Lines      from a word, taken as digits of the page's own alphabet, to a
 *            position, never further off than the head's error: the search
 *            begins there and verifies by comparing.  No lines: binary search
 *
 * The page's blocks lie one behind the other, so their ends are their places.
 */

#ifndef FKV_FORMAT_INDEX_H
#define FKV_FORMAT_INDEX_H

#include "format/block.h"

#define FKV__INDEX_HEAD_BYTES   24
#define FKV__INDEX_ENTRY_BYTES  12      /* of a short one */

/* How to search: of the one who builds, pages say it themselves. */
typedef enum {
    FKV__INDEX_LEARNED = 0,     /* as many lines as it takes */
    FKV__INDEX_LINEAR,          /* one line, if it narrows the search */
    FKV__INDEX_BINARY           /* no line */
} fkv__index_kind_e;


/* What the first bytes of words are digits of. */
typedef struct {
    uint8_t  low;                   /* bytes low to high ... */
    uint8_t  high;
    uint8_t  gap;                   /* ... without gap_bytes from here on ... */
    uint8_t  gap_bytes;
    uint8_t  digits;                /* ... in so many of a word */
} fkv__index_alphabet_t;

/* A page's payload, its lengths verified. */
typedef struct {
    uint32_t                n;
    unsigned                lines_n;
    unsigned                error;
    fkv__index_alphabet_t   alphabet;
    uint64_t                base;   /* where the first block begins */
    fkv_str_t               common;
    const uint8_t          *words;
    const uint8_t          *ends;
    const uint8_t          *lines;
    const uint8_t          *rest_ends;  /* NULL: all entries are short */
    const uint8_t          *rests;
} fkv__index_t;

/* FKV_OK or FKV_ECORRUPT. */
int fkv__index_open(fkv__index_t *index, fkv_str_t payload);

/*
 * The first entry at or behind (ikey, version); n if there is none.
 *   looks   NULL, or is increased by the number of comparisons
 * FKV_OK or FKV_ECORRUPT
 */
int fkv__index_seek(const fkv__index_t *index, fkv_str_t ikey,
    uint64_t version, uint32_t *at, unsigned *looks);

/* FKV_OK entry at is at or behind (ikey, version) · FKV_END · FKV_ECORRUPT */
int fkv__index_covers(const fkv__index_t *index, uint32_t at, fkv_str_t ikey,
    uint64_t version);

/* Where the block of entry at < n lies.  FKV_OK or FKV_ECORRUPT. */
int fkv__index_place(const fkv__index_t *index, uint32_t at,
    fkv__block_place_t *place);


/* Collects entries of one page after the other. */
typedef struct {
    fkv__buf_t  entries;
    fkv__buf_t  keys;
    uint64_t    bytes;              /* of all blocks */
} fkv__index_builder_t;

void fkv__index_builder_init(fkv__index_builder_t *index);
void fkv__index_builder_done(fkv__index_builder_t *index);

/*
 * The next block.
 *   key, version   its last record
 *   next           key of the record behind it; empty if there is none
 *   bytes          of the block with its trailer
 * FKV_OK or FKV_ENOMEM
 */
int fkv__index_builder_add(fkv__index_builder_t *index, fkv_str_t key,
    uint64_t version, fkv_str_t next, uint64_t bytes);

/* How many entries there are; about how long the page would be. */
uint32_t fkv__index_builder_n(const fkv__index_builder_t *index);
size_t   fkv__index_builder_bytes(const fkv__index_builder_t *index);

/*
 * Appends the payload of a page to out, after at least one entry, and begins
 * an empty one.
 *   base    where in the file the first block begins
 * FKV_OK · FKV_ENOMEM out has not changed
 */
int fkv__index_builder_finish(fkv__index_builder_t *index,
    fkv__index_kind_e kind, uint64_t base, fkv__buf_t *out);


#endif /* FKV_FORMAT_INDEX_H */
