/*
 * warm.h - new tables come into the shared cache with what they replace.
 *
 * Shape      a merge asks of each block that it reads whether it is cached; a
 *            block that it writes is cached, too, if at least half of its
 *            records come from such, and with the first of them the table's
 *            index and filter.  A flush replaces nothing that could be asked:
 *            its blocks are cached if the cache was asked more often since the
 *            last flush than they are many
 * Bounds     of a merge about what was cached before; and CLOCK: what nobody
 *            asks for goes with its chunk
 * Processes  the helper's threads, one at a time by a mutex, with an epoch of
 *            their own in the slot (slot->filling)
 * If killed  nobody looks for blocks of a table that no edit names, and its id
 *            is not given out again while the cache lives: state.next_file,
 *            helper.h
 */

#ifndef FKV_STORE_WARM_H
#define FKV_STORE_WARM_H

#include "store/helper.h"

typedef struct {
    fkv__helper_t  *helper;
    unsigned        records;        /* of the block that grows ... */
    unsigned        cached;         /* ... and how many of them were */
    bool            any;            /* a block of this table was cached */
    fkv__buf_t      room;           /* unpacked */
} fkv__warm_t;

void fkv__warm_init(fkv__warm_t *warm, fkv__helper_t *helper);
void fkv__warm_done(fkv__warm_t *warm);

/* Is this block cached?  It does not count as used. */
bool fkv__warm_asks(fkv__helper_t *helper, uint64_t id, uint64_t offset);

/* Whether this flush, which FLUSH begins, is to be cached. */
bool fkv__warm_flush(fkv__helper_t *helper);

/* A record was added to the growing block. */
static inline void
fkv__warm_record(fkv__warm_t *warm, bool cached)
{
    warm->records++;
    warm->cached += cached;
}


/* A block was finished: so many bytes of the file, trailer included. */
void fkv__warm_block(fkv__warm_t *warm, uint64_t id, const uint8_t *raw,
    size_t len, uint64_t offset);

/*
 * The table was finished, raw are its bytes from offset on: filter and index
 * are among them.
 */
void fkv__warm_table(fkv__warm_t *warm, const fkv__table_info_t *info,
    const uint8_t *raw, uint64_t offset);


#endif /* FKV_STORE_WARM_H */
