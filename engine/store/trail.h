/*
 * trail.h - the records of the memtables in the order in which they were
 * written, from a position of the log on.
 *
 * Threads    the store is an attached one of the calling thread: arenas are
 *            pinned, for a piece of FKV__TRAIL_BYTES at a time
 *
 * Only frames that are complete may lie before the end: up to log.ready.
 */

#ifndef FKV_STORE_TRAIL_H
#define FKV_STORE_TRAIL_H

#include "format/record.h"
#include "store/store.h"

#define FKV__TRAIL_BYTES  (256 * 1024)

typedef struct {
    fkv_t     *store;
    uint64_t   at;              /* LSN */
    bool       expiring;        /* arenas where nothing expires are passed */
    void     (*on_record)(void *data, const fkv__record_t *rec,
                 uint64_t version);
    void      *data;
} fkv__trail_t;

/*
 * FKV_END it has come to the end · FKV_AGAIN a piece, or an arena, is done:
 * call again · FKV_GONE what comes next is in no memtable any more; at is where
 * they begin
 */
int fkv__trail(fkv__trail_t *trail, uint64_t end);


#endif /* FKV_STORE_TRAIL_H */
