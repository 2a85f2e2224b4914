/*
 * claim.c - the operation behind fkv_claim().
 */

#include "store/claim.h"
#include "shared/claim.h"

typedef enum {
    CLAIM_TAKE,
    CLAIM_WATCH
} claim_state_e;


static fkv__claim_at_t
claim_at(const fkv_claim_t *claim)
{
    return (fkv__claim_at_t) { claim->place, claim->word };
}


static fkv__turn_e
claim_ends(fkv_claim_t *claim, int rc)
{
    claim->waits = false;
    claim->held = (rc == FKV_OK);
    claim->store->in_flight--;

    return fkv__op_end(&claim->op, rc);
}


static fkv__turn_e
claim_watches(fkv_claim_t *claim)
{
    claim->waits = true;
    claim->op.state = CLAIM_WATCH;
    fkv__list_append(&claim->store->claims, &claim->op.link);

    /* So that the caller asks for our timeout. */
    fkv__want_turn(claim->store);

    return FKV__TURN_WAIT;
}


static fkv__turn_e
claim_take(fkv_claim_t *claim)
{
    int               rc;
    fkv_t            *store = claim->store;
    fkv__claim_at_t   at;

    rc = fkv__claim_take(store->seg, store->slot, claim->id,
                         store->clock->boot_ms(store->clock), claim->age_ms,
                         &at, &claim->left_ms);

    if (rc == FKV_EBUSY) {
        claim->waits = true;
        fkv__retry(store, &claim->op, true);
        return FKV__TURN_WAIT;
    }

    claim->place = at.place;
    claim->word = at.word;

    if (rc == FKV_EXISTS && claim->wait) {
        return claim_watches(claim);
    }

    return claim_ends(claim, rc);
}


static fkv__turn_e
claim_watch(fkv_claim_t *claim)
{
    fkv_t            *store = claim->store;
    fkv__claim_at_t   at = claim_at(claim);

    if (fkv__claim_watch(store->seg, store->slot, &at)) {
        return claim_watches(claim);
    }

    return claim_ends(claim, FKV_EXISTS);
}


static fkv__turn_e
claim_step(fkv_op_t *op)
{
    fkv_claim_t  *claim = fkv__container(op, fkv_claim_t, op);

    switch ((claim_state_e) op->state) {
    case CLAIM_TAKE:   return claim_take(claim);
    case CLAIM_WATCH:  return claim_watch(claim);
    }

    fkv__unreachable();
}


int
fkv_claim(fkv_claim_t *claim)
{
    FKV_ASSERT(!claim->held);
    FKV_ASSERT(!claim->waits);

    claim->store->in_flight++;

    return fkv__op_start(&claim->op, "claim", claim_step, CLAIM_TAKE);
}


static void
claim_tell(fkv_t *store, unsigned slot)
{
    __atomic_store_n(&store->seg->slots[slot].claims_moved, 1,
                     __ATOMIC_SEQ_CST);
    fkv__wake(store, slot);
}


void
fkv_claim_drop(fkv_claim_t *claim)
{
    fkv_t                 *store = claim->store;
    fkv__claim_at_t        at = claim_at(claim);
    fkv__claim_waiters_t   waiters;

    if (claim->waits) {
        claim->waits = false;
        store->in_flight--;
        fkv__list_remove(&claim->op.link);
    }

    if (!claim->held) {
        return;
    }

    claim->held = false;
    fkv__claim_drop(store->seg, &at, &waiters);

    for (unsigned slot = 0; slot < FKV__SLOTS_MAX; slot++) {
        if (waiters.words[slot / 64] >> slot % 64 & 1) {
            claim_tell(store, slot);
        }
    }
}


void
fkv__claim_poll(fkv_t *store)
{
    if (!fkv__list_empty(&store->claims)
        && __atomic_exchange_n(&store->own->claims_moved, 0,
                               __ATOMIC_SEQ_CST))
    {
        fkv__run_all(&store->claims);
    }
}


void
fkv__claim_tell_all(fkv_t *store)
{
    for (unsigned slot = 0; slot < FKV__SLOTS_MAX; slot++) {
        if (__atomic_load_n(&store->seg->slots[slot].state, __ATOMIC_ACQUIRE)
            == FKV__SLOT_LIVE)
        {
            claim_tell(store, slot);
        }
    }
}
