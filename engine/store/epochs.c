/*
 * epochs.c - moving on to the oldest epoch that is still read in.
 */

#include "store/epochs.h"

#include <string.h>


void
fkv__epochs_init(fkv__epochs_t *epochs, fkv__segment_shm_t *seg,
    fkv__slot_shm_t *own)
{
    memset(epochs, 0, sizeof(*epochs));

    epochs->seg = seg;
    epochs->own = own;
}


/* Last is the only one that may count none, and then it is the only one. */
void
fkv__epochs_move(fkv__epochs_t *epochs)
{
    while (epochs->last != epochs->first
           && epochs->n[epochs->last % FKV__EPOCHS_MAX] == 0)
    {
        epochs->last--;
    }

    while (epochs->first != epochs->last
           && epochs->n[epochs->first % FKV__EPOCHS_MAX] == 0)
    {
        epochs->first++;
    }

    /* What was read is read before others may write there. */
    __atomic_store_n(&epochs->own->reading,
                     epochs->n[epochs->first % FKV__EPOCHS_MAX] == 0
                     ? 0 : epochs->epoch[epochs->first % FKV__EPOCHS_MAX],
                     __ATOMIC_RELEASE);
}
