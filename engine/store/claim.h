/*
 * claim.h - waiting for another's claim to end.
 *
 *   TAKE --ours--> done                    BUSY: the latch, in a millisecond
 *    | ^
 *    | '-- BUSY
 *    v
 *   WATCH --it has ended, or its holder died--> done
 *
 * Shape      ops that WATCH stand on store->claims.  Who lets go sets
 *            own->claims_moved of every slot whose bit is set, then wakes it;
 *            fkv_poll() runs the list only then
 * Processes  workers
 * If killed  shared/claim.h; who reaps tells all that live.  While anybody
 *            waits the slots are looked at every FKV__CLAIM_LIVENESS_MS
 */

#ifndef FKV_STORE_CLAIM_H
#define FKV_STORE_CLAIM_H

#include "store/store.h"

#define FKV__CLAIM_LIVENESS_MS  100

/* Those whose claims may have ended. */
void fkv__claim_poll(fkv_t *store);

/* Some claim may have ended: every process that lives looks. */
void fkv__claim_tell_all(fkv_t *store);


#endif /* FKV_STORE_CLAIM_H */
