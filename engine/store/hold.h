/*
 * hold.h - a position that an operation of this process reads at: from taking
 * it to dropping it, no version that is seen there is dropped.
 *
 * Shape      a place of its own in the process's slot; when all are taken, the
 *            lowest of those without one stands for all above it
 * Processes  the owner's own thread writes, who drops versions reads (keep.h)
 * If killed  the slot is cleared when it is reaped
 *
 * Who holds publishes first and then looks whether the position is still good;
 * who drops says up to where (gc_floor), or frees expired leases, and then
 * looks at what is published.  All sequentially consistent: one of the two
 * sees the other.
 *
 * 1  A position from gc_floor on is good: nothing it sees was dropped.
 * 2  One below is good if a lease holds it, also after it was published.
 * 3  A hold may be handed to a new lease: the lease is taken, handoffs is
 *    raised, and only then the hold is dropped.  Leases are looked at before
 *    slots, so who met neither meets the new figure, and looks again.
 */

#ifndef FKV_STORE_HOLD_H
#define FKV_STORE_HOLD_H

#include "store/store.h"

typedef struct {
    fkv_link_t  link;           /* of tables->crowd */
    uint64_t    lsn;            /* what is published; 0 = nothing */
    unsigned    place;          /* in the slot; ... */
} fkv__hold_t;

#define FKV__HOLD_CROWD  FKV__SLOT_SNAPSHOTS    /* ... none was free */

/*
 * Holds what the lease holds if it names one, else wanted, which is not above
 * what is ready; 0 = what is visible.  hold is zero before.
 * FKV_OK hold->lsn may be read at · FKV_GONE the lease has ended, or versions
 * seen at wanted may have been dropped; nothing is held
 */
int fkv__hold_take(fkv_t *store, fkv__hold_t *hold, uint64_t wanted,
    const fkv_lease_t *lease);

/* Nothing happens if nothing is held. */
void fkv__hold_drop(fkv_t *store, fkv__hold_t *hold);

/*
 * A new lease of what is held; for a cursor, or for who asks for a snapshot.
 * FKV_OK · FKV_EFULL all that it may have are taken
 */
int fkv__hold_lease(fkv_t *store, const fkv__hold_t *hold, bool cursor,
    uint64_t ttl_ms, uint64_t nonce, fkv_lease_t *lease);


#endif /* FKV_STORE_HOLD_H */
