/*
 * claim.h - who works on what: a bounded table of numbers, each held by one
 * process at most.
 *
 * Shape      FKV__CLAIMS entries in sets of FKV__CLAIM_WAYS; a number belongs
 *            into one set.  An entry's word is 0, or token << 8 | slot + 1 of
 *            who holds it; it is the truth.  waiters has a bit for each slot
 *            that wants to hear of its end
 * Processes  any worker.  Taking is done under the set's latch (latch.h), so no
 *            number is taken twice; letting go is one CAS of the word, without
 *            a latch, so it never waits
 * If killed  claim.1: with the latch, after the word was stored; the reaper
 *            frees both.  claim.2: the word is 0, nobody has been told; the
 *            reaper tells everybody
 *
 * 1  id and since are written before the word, and change only while it is 0,
 *    under the latch.
 * 2  Who waits sets its bit and looks at the word again; who lets go clears the
 *    word and takes the bits.  All four are sequentially consistent: the one
 *    sees the word cleared, or the other the bit.
 * 3  Between clearing and taking the bits the entry may be another's already,
 *    and those bits its waiters'.  They are told too soon, look, and set their
 *    bits again: nobody is told too late.
 */

#ifndef FKV_SHARED_CLAIM_H
#define FKV_SHARED_CLAIM_H

#include "shared/segment.h"

/* Which entry, and the word that made it ours or another's. */
typedef struct {
    uint32_t  place;
    uint64_t  word;
} fkv__claim_at_t;

typedef struct {
    uint64_t  words[FKV__SLOTS_MAX / 64];
} fkv__claim_waiters_t;

/*
 * Takes id for a slot.  An entry that is older than age_ms is taken over; 0 =
 * never.
 *   now_ms   boot time
 * FKV_OK at is ours · FKV_EXISTS at is another's, left_ms says how long until
 * age_ms, and the slot will be told of its end · FKV_EBUSY the latch is
 * another's now · FKV_EFULL no room
 */
int fkv__claim_take(fkv__segment_shm_t *seg, unsigned slot, uint64_t id,
    uint64_t now_ms, uint64_t age_ms, fkv__claim_at_t *at, uint64_t *left_ms);

/*
 * Is it still held as it was?  The slot will be told of its end then.
 */
bool fkv__claim_watch(fkv__segment_shm_t *seg, unsigned slot,
    const fkv__claim_at_t *at);

/* Lets go, unless it was taken over; those in waiters want to hear of it. */
void fkv__claim_drop(fkv__segment_shm_t *seg, const fkv__claim_at_t *at,
    fkv__claim_waiters_t *waiters);

/*
 * For the reaper, or who leaves: all that a slot holds.  True if there was
 * anything.
 */
bool fkv__claim_drop_all(fkv__segment_shm_t *seg, unsigned slot);


#endif /* FKV_SHARED_CLAIM_H */
