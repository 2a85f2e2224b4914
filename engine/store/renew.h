/*
 * renew.h - values that compaction meets and that want to be written anew: an
 * older encoding wrote them, or their type may make them smaller.
 *
 *     compact.c   COMPACT thread: fkv__renew_met() -> keys
 *                 the process's own thread: fkv_renew_next() -> an update
 *
 * They cannot be changed where they are while tables are put together: a
 * version that a snapshot, or an ETag, has shown would have other bytes
 * afterwards.  So the key goes to the process that has the helper role, and
 * that writes it as anybody does, if its version is still the one that was met.
 *
 * Bounded: what there is no room for is counted, and is met again when its
 * table is compacted again.  Nothing waits for it, and nothing is owed: a key
 * that is told twice has another version the second time.
 *
 * Shape      private memory; keys are under the mutex, which is held for a copy
 * If killed  the keys go with the process; the next compaction of their tables
 *            tells them again
 */

#ifndef FKV_STORE_RENEW_H
#define FKV_STORE_RENEW_H

#include "base/buf.h"
#include "format/record.h"
#include "store/store.h"

#include <pthread.h>

typedef struct {
    pthread_mutex_t  mutex;
    fkv__buf_t       keys;          /* under it; each: version, length, key */
    fkv__buf_t       taken;         /* the process's own thread's, ... */
    size_t           at;            /* ... told up to here */
} fkv__renew_t;

void fkv__renew_init(fkv__renew_t *renew);
void fkv__renew_done(fkv__renew_t *renew);

/* COMPACT has met the newest record of a key, as far as its inputs know. */
void fkv__renew_met(fkv__renew_t *renew, fkv_t *store,
    const fkv__record_t *rec);


#endif /* FKV_STORE_RENEW_H */
