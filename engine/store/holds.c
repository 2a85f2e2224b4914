/*
 * holds.c - moving on to the oldest epoch that is still held.
 */

#include "store/holds.h"

#include <string.h>


void
fkv__holds_init(fkv__holds_t *holds, fkv__segment_shm_t *seg,
    fkv__slot_shm_t *own)
{
    memset(holds, 0, sizeof(*holds));

    holds->seg = seg;
    holds->own = own;
}


/* Last is the only one that may count none, and then it is the only one. */
void
fkv__holds_move(fkv__holds_t *holds)
{
    while (holds->last != holds->first
           && holds->n[holds->last % FKV__HOLDS_EPOCHS] == 0)
    {
        holds->last--;
    }

    while (holds->first != holds->last
           && holds->n[holds->first % FKV__HOLDS_EPOCHS] == 0)
    {
        holds->first++;
    }

    /* What was read is read before others may write there. */
    __atomic_store_n(&holds->own->reading,
                     holds->n[holds->first % FKV__HOLDS_EPOCHS] == 0
                     ? 0 : holds->epoch[holds->first % FKV__HOLDS_EPOCHS],
                     __ATOMIC_RELEASE);
}
