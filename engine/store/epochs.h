/*
 * epochs.h - which shared blocks this process still reads, said by one number.
 *
 * Shape      who reads belongs to the epoch in which it began; a short ring
 *            counts them; the slot shows the oldest epoch that has any
 *            (shared/blocks.h)
 * Processes  private but for slot->reading; one thread.  It may last over
 *            turns: that keeps evicted chunks from being used again, not the
 *            cache from working
 */

#ifndef FKV_STORE_EPOCHS_H
#define FKV_STORE_EPOCHS_H

#include "shared/blocks.h"

#define FKV__EPOCHS_MAX  16             /* a power of two */

typedef struct {
    fkv__segment_shm_t  *seg;
    fkv__slot_shm_t     *own;
    unsigned             first;         /* oldest; counted up for ever */
    unsigned             last;
    unsigned             n[FKV__EPOCHS_MAX];
    uint64_t             epoch[FKV__EPOCHS_MAX];
} fkv__epochs_t;

void fkv__epochs_init(fkv__epochs_t *epochs, fkv__segment_shm_t *seg,
    fkv__slot_shm_t *own);


/*
 * What is found from now on stays until fkv__epochs_leave(), which gets what
 * this returned.  If the ring is full an older epoch stands for the newest: it
 * protects more.
 */
static inline unsigned
fkv__epochs_enter(fkv__epochs_t *epochs)
{
    uint64_t  epoch = fkv__blocks_epoch(epochs->seg);
    unsigned  i = epochs->last % FKV__EPOCHS_MAX;

    if (epochs->n[i] == 0) {
        /* The only one: the ring is empty. */
        epochs->epoch[i] = epoch;
        __atomic_store_n(&epochs->own->reading, epoch, __ATOMIC_SEQ_CST);

    } else if (epochs->epoch[i] != epoch
               && epochs->last - epochs->first < FKV__EPOCHS_MAX - 1)
    {
        i = ++epochs->last % FKV__EPOCHS_MAX;
        epochs->epoch[i] = epoch;
    }

    epochs->n[i]++;

    return i;
}


/* Shows the oldest that is left. */
void fkv__epochs_move(fkv__epochs_t *epochs);

static inline void
fkv__epochs_leave(fkv__epochs_t *epochs, unsigned entered)
{
    if (--epochs->n[entered] == 0) {
        fkv__epochs_move(epochs);
    }
}


#endif /* FKV_STORE_EPOCHS_H */
