/*
 * spill.h - the records of one log file, sorted and written as tables.
 *
 * Shape      entries in the order of the log -> sorted by key, of one key by
 *            position -> the newest of each key, and of a chain of operands
 *            (fold.h) all down to its base -> tables of level 0, disjoint
 *            and at most about FKV__SPILL_TABLE_BYTES long
 * Memory     an entry is 24 bytes, twice while they are sorted; the records
 *            stay where the log file was read to
 *
 * No snapshot outlives the store, so older versions are of no use.  Tombstones
 * and expired records are kept: older tables may hold what they hide.  So do
 * range tombstones, which go into the edit; the records of this file that they
 * hide are left out.
 */

#ifndef FKV_STORE_SPILL_H
#define FKV_STORE_SPILL_H

#include "format/manifest.h"
#include "format/range.h"
#include "io/file.h"

#define FKV__SPILL_TABLE_BYTES  (64 * 1024 * 1024)

typedef struct {
    uint64_t        prefix;     /* of the key, behind what all have in common */
    const uint8_t  *key;
    uint32_t        key_len;
    uint32_t        head;       /* bytes of the record before its key */
} fkv__spill_entry_t;

/* Zero-initialized it is empty. */
typedef struct {
    fkv__spill_entry_t  *entries;
    size_t               n;
    size_t               cap;
    size_t               common;    /* first bytes that all keys share */
    fkv__buf_t           ranges;    /* fkv__range_t, version = place in mem */
} fkv__spill_t;

/* Where the tables go. */
typedef struct {
    const fkv__fs_t  *fs;
    int               sst_dir;
    uid_t             uid;
    gid_t             gid;
    uint64_t          now_ms;
    const fkv__table_options_t *options;
    fkv__edit_t      *edit;         /* gets the tables, level 0 ... */
    uint64_t         *next_file;    /* ... and their ids come from here */
} fkv__spill_target_t;

/* Of the record that begins at p and stays there.  FKV_OK or FKV_ENOMEM. */
int fkv__spill_add(fkv__spill_t *spill, const uint8_t *p,
    const fkv__record_t *rec);

/*
 * As above of a range tombstone, which lies so many bytes behind the beginning
 * of all records.  FKV_OK · FKV_ECORRUPT · FKV_ENOMEM
 */
int fkv__spill_add_range(fkv__spill_t *spill, uint64_t at,
    const fkv__record_t *rec);

/*
 * Sorts and writes; the entries are used up.
 *   mem, end   where all records lie
 *   base       LSN of mem: a record's version is its position
 * FKV_OK each table is on disk, its directory entry not yet · FKV_EIO
 * · FKV_EFULL · FKV_ENOMEM; cause in errno, tables in edit stay
 */
int fkv__spill_write(fkv__spill_t *spill, const uint8_t *mem,
    const uint8_t *end, uint64_t base, const fkv__spill_target_t *target);

void fkv__spill_done(fkv__spill_t *spill);

#endif /* FKV_STORE_SPILL_H */
