/*
 * read.h - finding the newest version of a key across the memtables.
 */

#ifndef FKV_STORE_READ_H
#define FKV_STORE_READ_H

#include "store/fold.h"
#include "store/memtable.h"
#include "store/store.h"

/*
 * The newest version of ikey below the bound (UINT64_MAX: pending ones too)
 * in the pinned set, newest memtable first.  True if found in mt at pos; that
 * may be a range tombstone, if it is newer than all versions of the key.
 *   since    memtables that end before it are passed, but never the active one
 *   active   NULL, or set to what the active memtable knows of the key
 */
bool fkv__read_memtables(fkv_t *store, uint64_t set, fkv_str_t ikey,
    uint64_t hash, uint64_t below, uint64_t since, fkv__memtable_t *mt,
    fkv__memtable_pos_t *pos, fkv__memtable_pos_t *active);

/*
 * rec is an operand, the newest version of ikey that is wanted: goes down its
 * chain in the pinned set.  ops gets the operands.
 * FKV_OK rec is the base, or the tombstone in its place · FKV_NOTFOUND the
 * rest is in tables · FKV_AGAIN a frame is not complete yet · FKV_ECORRUPT
 * · FKV_ENOMEM
 */
int fkv__read_chain(fkv_t *store, uint64_t set, fkv_str_t ikey, uint64_t hash,
    fkv__operands_t *ops, fkv__record_t *rec);

/* LSN from which on everything is still in memtables of the set. */
uint64_t fkv__read_oldest(const fkv_t *store, uint64_t set);

/*
 * What a record says to a reader at now_ms: FKV_OK with value filled in,
 * FKV_NOTFOUND for tombstones and an expired record, FKV_ECORRUPT for a kind
 * that this build does not write.
 */
int fkv__read_value(const fkv__record_t *rec, uint64_t now_ms,
    fkv_value_t *value);

/* Frees all that have not been done, and what is kept for the next ones. */
void fkv__get_close(fkv__tables_t *tables);

#endif /* FKV_STORE_READ_H */
