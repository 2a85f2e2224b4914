/*
 * usage.h - how many keys each namespace holds, and how many bytes of disk
 * they need, about.
 *
 * What a table holds is known (format/share.h), but not how much of it is
 * hidden by newer records elsewhere: a hot counter lies in every memtable and
 * in every table that was made of one.  So what is summed is by how much each
 * of them made the store grow:
 *
 *   memtable   a write that has read its key knows what it replaces and adds
 *              the difference.  A blind put counts once a memtable, a blind
 *              delete not at all, a merge operand with its bytes, and as a
 *              key if the memtable has none such
 *   flush      the table's net is its memtable's
 *   merge      if nothing older lies below, the net is what the tables hold,
 *              and all errors so far are forgotten; else it is the sum of the
 *              nets of what was merged, of which each table has its part
 *   replay     what the log's writes had read is not known any more: a
 *              tombstone takes one key off, of the mean size
 *
 * A table of which a range tombstone hides all counts nothing, one with expired
 * records the less; a range delete in a memtable counts when it is in the
 * version.  Bytes of keys and values become bytes of disk by what the tables
 * of the namespace need for theirs: packing, index and filter are in it.
 *
 * Elements are counted apart from the keys they belong to, and their bytes with
 * those of the keys' namespace.  They are written without being read, so one
 * that is overwritten counts once a memtable, and one that is deleted goes on
 * counting until a merge; so do those of a dead stamp, until compaction has
 * dropped them.
 *
 * Shape      a sum in each arena's header, by whoever writes there; the sum of
 *            the tables, with each edit, by who announces it
 * Processes  all; relaxed, each number by itself, for nothing depends on them
 * If killed  before a write is counted: its memtable is that much off, until
 *            its table is merged down.  No lock, no state
 */

#ifndef FKV_STORE_USAGE_H
#define FKV_STORE_USAGE_H

#include "format/manifest.h"
#include "store/store.h"
#include "store/version.h"

/*
 * ns is below FKV_NAMESPACES; bytes of its elements are in.  Some dozens of
 * loads, any process and thread.
 */
fkv_usage_t fkv__usage(const fkv_t *store, unsigned ns);

/* Bytes of the namespaces [from, to), and of their elements. */
uint64_t fkv__usage_bytes(const fkv_t *store, unsigned from, unsigned to);


/*
 * By how many bytes a change that is written makes its namespace grow, large
 * values included.
 *   key_bytes   of its internal key
 *   known       what it replaces has been read
 */
static inline int64_t
fkv__usage_growth(const fkv_change_t *change, size_t key_bytes, bool known)
{
    int64_t  growth = 0;

    if (change->action == FKV_PUT || change->action == FKV_MERGE) {
        growth += (int64_t) (key_bytes + change->content_type.len
                             + change->value.len);
    }

    if (known && change->exists && change->action != FKV_MERGE) {
        growth -= (int64_t) (key_bytes + change->current.content_type.len
                             + change->current.size);
    }

    return growth;
}


/*
 * A change is written to the arena, before its frame is READY.
 *   fresh       the arena had no such key
 *   others      as above
 */
void fkv__usage_write(fkv__arena_shm_t *arena, const fkv_change_t *change,
    size_t key_bytes, bool fresh, bool known);

/* An element of a key of ns is; of a deleted one, bytes are 0. */
void fkv__usage_element(fkv__arena_shm_t *arena, unsigned ns, int64_t bytes,
    bool fresh);

/* The edit adds the tables that were made of this arena. */
void fkv__usage_flush(fkv__edit_t *edit, const fkv__arena_shm_t *arena);

/*
 * The first n tables of the edit were merged of others; the caller adds up the
 * nets of those that have gone.
 *   nets   of FKV__USAGES, zero at first
 *   to     the table's data before this offset have gone; UINT64_MAX = all
 */
void fkv__usage_gone(fkv__usage_shm_t *nets, const fkv__table_info_t *info,
    uint64_t to);
void fkv__usage_merge(fkv__edit_t *edit, size_t n,
    const fkv__usage_shm_t *nets);

/* Of a table below which there is nothing older. */
void fkv__usage_settle(fkv__table_info_t *info);

/* Of a table that is made of a log file. */
void fkv__usage_replay(fkv__table_info_t *info);

/* Sums up the tables of a version that is about to be announced. */
void fkv__usage_announce(fkv_t *store, const fkv__version_t *version);


#endif /* FKV_STORE_USAGE_H */
