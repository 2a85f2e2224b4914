/*
 * holds.h - which shared blocks this process still reads, said by one number.
 *
 * Shape      each hold belongs to the epoch of its beginning; a short ring
 *            counts them; the slot shows the oldest that is held
 *            (shared/blocks.h)
 * Processes  private but for slot->reading; one thread.  A hold may last over
 *            turns: it keeps evicted chunks from being used again, not the
 *            cache from working
 */

#ifndef FKV_STORE_HOLDS_H
#define FKV_STORE_HOLDS_H

#include "shared/blocks.h"

#define FKV__HOLDS_EPOCHS  16           /* a power of two */

typedef struct {
    fkv__segment_shm_t  *seg;
    fkv__slot_shm_t     *own;
    unsigned             first;         /* oldest; counted up for ever */
    unsigned             last;
    unsigned             n[FKV__HOLDS_EPOCHS];
    uint64_t             epoch[FKV__HOLDS_EPOCHS];
} fkv__holds_t;

void fkv__holds_init(fkv__holds_t *holds, fkv__segment_shm_t *seg,
    fkv__slot_shm_t *own);


/*
 * What is found from now on stays until fkv__hold_end(), which gets what this
 * returned.  If the ring is full an older epoch stands for the newest: it
 * protects more.
 */
static inline unsigned
fkv__hold(fkv__holds_t *holds)
{
    uint64_t  epoch = fkv__blocks_epoch(holds->seg);
    unsigned  i = holds->last % FKV__HOLDS_EPOCHS;

    if (holds->n[i] == 0) {
        /* The only one: the ring is empty. */
        holds->epoch[i] = epoch;
        __atomic_store_n(&holds->own->reading, epoch, __ATOMIC_SEQ_CST);

    } else if (holds->epoch[i] != epoch
               && holds->last - holds->first < FKV__HOLDS_EPOCHS - 1)
    {
        i = ++holds->last % FKV__HOLDS_EPOCHS;
        holds->epoch[i] = epoch;
    }

    holds->n[i]++;

    return i;
}


/* Shows the oldest that is left. */
void fkv__holds_move(fkv__holds_t *holds);

static inline void
fkv__hold_end(fkv__holds_t *holds, unsigned hold)
{
    if (--holds->n[hold] == 0) {
        fkv__holds_move(holds);
    }
}


#endif /* FKV_STORE_HOLDS_H */
