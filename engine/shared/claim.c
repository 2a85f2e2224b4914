/*
 * claim.c - taking and letting go of numbers.
 */

#include "shared/claim.h"
#include "shared/latch.h"

#define SETS  (FKV__CLAIMS / FKV__CLAIM_WAYS)


static uint64_t
word_load(const fkv__claim_shm_t *claim)
{
    return __atomic_load_n(&claim->word, __ATOMIC_SEQ_CST);
}


static unsigned
word_slot(uint64_t word)
{
    return (unsigned) (word & 0xff) - 1;
}


static bool
word_move(fkv__claim_shm_t *claim, uint64_t from, uint64_t to)
{
    return __atomic_compare_exchange_n(&claim->word, &from, to, false,
                                       __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}


static fkv__claim_shm_t *
place_of(fkv__segment_shm_t *seg, const fkv__claim_at_t *at)
{
    return &seg->claims[at->place % FKV__CLAIMS];
}


static uint64_t
next_word(fkv__segment_shm_t *seg, unsigned slot)
{
    uint64_t  token = __atomic_add_fetch(&seg->claims_taken, 1,
                                         __ATOMIC_RELAXED);

    return token << 8 | (slot + 1);
}


/* The entry that has the number, else a free one, else NULL. */
static fkv__claim_shm_t *
set_find(fkv__segment_shm_t *seg, uint64_t id, uint64_t *word)
{
    fkv__claim_shm_t  *set, *room = NULL;

    set = &seg->claims[(id % SETS) * FKV__CLAIM_WAYS];

    for (unsigned i = 0; i < FKV__CLAIM_WAYS; i++) {
        *word = word_load(&set[i]);

        if (*word != 0 && set[i].id == id) {
            return &set[i];
        }

        if (*word == 0 && room == NULL) {
            room = &set[i];
        }
    }

    *word = 0;

    return room;
}


/* How long it is another's; 0: it may be taken over. */
static uint64_t
age_left(const fkv__claim_shm_t *claim, uint64_t now_ms, uint64_t age_ms)
{
    uint64_t  until;

    if (age_ms == 0) {
        return UINT64_MAX;
    }

    until = claim->since_ms + age_ms;

    return until > now_ms ? until - now_ms : 0;
}


static int
take_locked(fkv__segment_shm_t *seg, unsigned slot, uint64_t id,
    uint64_t now_ms, uint64_t age_ms, fkv__claim_at_t *at, uint64_t *left_ms)
{
    uint64_t           word;
    fkv__claim_shm_t  *claim;

    for ( ;; ) {
        claim = set_find(seg, id, &word);
        if (claim == NULL) {
            return FKV_EFULL;
        }

        at->place = (uint32_t) (claim - seg->claims);
        at->word = word;

        if (word == 0) {
            break;
        }

        *left_ms = age_left(claim, now_ms, age_ms);

        if (*left_ms > 0) {
            if (fkv__claim_watch(seg, slot, at)) {
                return FKV_EXISTS;
            }

        } else if (word_move(claim, word, 0)) {
            break;
        }

        /* It was let go just now. */
    }

    claim->id = id;
    claim->since_ms = now_ms;
    at->word = next_word(seg, slot);
    __atomic_store_n(&claim->word, at->word, __ATOMIC_SEQ_CST);
    FKV_STEP("claim.1");

    return FKV_OK;
}


int
fkv__claim_take(fkv__segment_shm_t *seg, unsigned slot, uint64_t id,
    uint64_t now_ms, uint64_t age_ms, fkv__claim_at_t *at, uint64_t *left_ms)
{
    int       rc;
    uint32_t  stripe = (uint32_t) (id % SETS) % FKV__LATCHES;
    unsigned  blocker;

    if (fkv__latch_take(seg, &stripe, 1, slot, &blocker) != FKV_OK) {
        return FKV_EBUSY;
    }

    rc = take_locked(seg, slot, id, now_ms, age_ms, at, left_ms);

    fkv__latch_drop(seg, &stripe, 1);

    return rc;
}


bool
fkv__claim_watch(fkv__segment_shm_t *seg, unsigned slot,
    const fkv__claim_at_t *at)
{
    fkv__claim_shm_t  *claim = place_of(seg, at);

    (void) __atomic_fetch_or(&claim->waiters[slot / 64], 1ull << slot % 64,
                             __ATOMIC_SEQ_CST);

    return word_load(claim) == at->word;
}


void
fkv__claim_drop(fkv__segment_shm_t *seg, const fkv__claim_at_t *at,
    fkv__claim_waiters_t *waiters)
{
    fkv__claim_shm_t  *claim = place_of(seg, at);

    *waiters = (fkv__claim_waiters_t) { { 0 } };

    if (!word_move(claim, at->word, 0)) {
        return;
    }

    FKV_STEP("claim.2");

    for (unsigned i = 0; i < FKV__SLOTS_MAX / 64; i++) {
        waiters->words[i] = __atomic_exchange_n(&claim->waiters[i], 0,
                                                __ATOMIC_SEQ_CST);
    }
}


bool
fkv__claim_drop_all(fkv__segment_shm_t *seg, unsigned slot)
{
    bool  any = false;

    for (unsigned i = 0; i < FKV__CLAIMS; i++) {
        uint64_t  word = word_load(&seg->claims[i]);

        if (word != 0 && word_slot(word) == slot) {
            any |= word_move(&seg->claims[i], word, 0);
        }
    }

    return any;
}
