/*
 * lease.c - taking, finding and ending leases.
 */

#include "shared/lease.h"
#include "shared/pair.h"

#define GENERATION_BITS  20
#define GENERATIONS      (1u << GENERATION_BITS)


static uint64_t
word_deadline(uint64_t word)
{
    return word >> GENERATION_BITS;
}


static uint64_t
word_generation(uint64_t word)
{
    return word & (GENERATIONS - 1);
}


static uint64_t
word_make(uint64_t deadline_ms, uint64_t generation)
{
    return deadline_ms << GENERATION_BITS | (generation & (GENERATIONS - 1));
}


static bool
word_cas(fkv__lease_shm_t *entry, uint64_t word, uint64_t snapshot,
    uint64_t to_word, uint64_t to_snapshot)
{
    return fkv__pair_cas(&entry->word, fkv__pair(word, snapshot),
                         fkv__pair(to_word, to_snapshot));
}


/* Both halves as they were at one moment. */
static uint64_t
entry_load(const fkv__lease_shm_t *entry, uint64_t *snapshot)
{
    uint64_t  word, again;

    again = __atomic_load_n(&entry->word, __ATOMIC_SEQ_CST);

    do {
        word = again;
        *snapshot = __atomic_load_n(&entry->snapshot, __ATOMIC_SEQ_CST);
        again = __atomic_load_n(&entry->word, __ATOMIC_SEQ_CST);
    } while (word != again);

    return word;
}


/*
 * An owner that sleeps in here until others have had the entry must not name
 * their lease: then the half it has read is not there any more.
 */
static void
entry_name(fkv__lease_shm_t *entry, uint64_t generation, uint64_t nonce)
{
    uint64_t  was[2];

    do {
        was[0] = __atomic_load_n(&entry->nonce, __ATOMIC_SEQ_CST);
        was[1] = __atomic_load_n(&entry->named, __ATOMIC_SEQ_CST);

        if (word_generation(__atomic_load_n(&entry->word, __ATOMIC_SEQ_CST))
            != generation)
        {
            return;
        }
    } while (!fkv__pair_cas(&entry->nonce, fkv__pair(was[0], was[1]),
                            fkv__pair(nonce, generation)));
}


int
fkv__lease_take(fkv__segment_shm_t *seg, bool cursor, uint64_t snapshot,
    uint64_t now_ms, uint64_t deadline_ms, uint64_t nonce, fkv_lease_t *lease)
{
    fkv__lease_shm_t  *leases = fkv__segment_leases(seg);
    uint64_t           from = cursor ? seg->leases / FKV__LEASE_RESERVED : 0;
    uint64_t           n = seg->leases - from;

    for (uint64_t i = 0; i < n; i++) {
        uint64_t           at = from + (nonce % n + i) % n;
        uint64_t           was, word, generation;
        fkv__lease_shm_t  *entry = &leases[at];

        word = entry_load(entry, &was);
        generation = word_generation(word + 1);

        if (word_deadline(word) > now_ms
            || !word_cas(entry, word, was, word_make(deadline_ms, generation),
                         snapshot))
        {
            continue;
        }

        FKV_STEP("lease.1");
        entry_name(entry, generation, nonce);

        lease->id = (at + 1) << GENERATION_BITS | generation;
        lease->nonce = nonce;

        return FKV_OK;
    }

    return FKV_EFULL;
}


/* The entry, with its word and its snapshot; NULL if it is another lease's. */
static fkv__lease_shm_t *
lease_entry(const fkv__segment_shm_t *seg, const fkv_lease_t *lease,
    uint64_t *word, uint64_t *snapshot)
{
    uint64_t           at = lease->id >> GENERATION_BITS;
    uint64_t           generation = word_generation(lease->id);
    fkv__lease_shm_t  *entry;

    if (at == 0 || at > seg->leases) {
        return NULL;
    }

    entry = fkv__segment_leases((fkv__segment_shm_t *) (uintptr_t) seg)
            + (at - 1);

    /* Whoever has the lease from its taker sees the name that this one set. */

    if (__atomic_load_n(&entry->named, __ATOMIC_SEQ_CST) != generation
        || __atomic_load_n(&entry->nonce, __ATOMIC_SEQ_CST) != lease->nonce)
    {
        return NULL;
    }

    *word = entry_load(entry, snapshot);

    return (word_generation(*word) == generation) ? entry : NULL;
}


int
fkv__lease_find(const fkv__segment_shm_t *seg, const fkv_lease_t *lease,
    uint64_t now_ms, uint64_t *snapshot)
{
    uint64_t  word;

    if (lease_entry(seg, lease, &word, snapshot) == NULL
        || word_deadline(word) <= now_ms)
    {
        return FKV_GONE;
    }

    return FKV_OK;
}


int
fkv__lease_renew(fkv__segment_shm_t *seg, const fkv_lease_t *lease,
    uint64_t now_ms, bool shorten, uint64_t *deadline_ms)
{
    fkv__lease_shm_t  *entry;
    uint64_t           word, snapshot, to;

    do {
        entry = lease_entry(seg, lease, &word, &snapshot);

        if (entry == NULL || word_deadline(word) <= now_ms) {
            return FKV_GONE;
        }

        if (word_deadline(word) >= *deadline_ms && !shorten) {
            *deadline_ms = word_deadline(word);
            return FKV_OK;
        }

        to = word_make(*deadline_ms, word_generation(word));
    } while (!word_cas(entry, word, snapshot, to, snapshot));

    return FKV_OK;
}


int
fkv__lease_drop(fkv__segment_shm_t *seg, const fkv_lease_t *lease,
    uint64_t now_ms)
{
    fkv__lease_shm_t  *entry;
    uint64_t           word, snapshot;

    do {
        entry = lease_entry(seg, lease, &word, &snapshot);

        if (entry == NULL || word_deadline(word) <= now_ms) {
            return FKV_GONE;
        }
    } while (!word_cas(entry, word, snapshot,
                       word_make(0, word_generation(word)), snapshot));

    return FKV_OK;
}


uint64_t
fkv__lease_snapshot(fkv__segment_shm_t *seg, unsigned i, uint64_t now_ms)
{
    fkv__lease_shm_t  *entry = &fkv__segment_leases(seg)[i];
    uint64_t           word, snapshot;

    do {
        word = entry_load(entry, &snapshot);

        if (word_deadline(word) > now_ms) {
            return snapshot;
        }

        if (word_deadline(word) == 0) {
            return 0;
        }
    } while (!word_cas(entry, word, snapshot,
                       word_make(0, word_generation(word)), snapshot));

    return 0;
}
