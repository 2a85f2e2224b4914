/*
 * latch.c - taking and dropping stripes.
 *
 * Taking is an acquire, dropping a release: what one holder linked, the next
 * one sees.  Beyond that taking is sequentially consistent, for the gate.
 */

#include "shared/latch.h"

#include <stdlib.h>

#define SPINS  2000     /* some microseconds: longer than a holder that runs */


static int
stripe_cmp(const void *a, const void *b)
{
    uint32_t  x = *(const uint32_t *) a, y = *(const uint32_t *) b;

    return (x > y) - (x < y);
}


unsigned
fkv__latch_sort(uint32_t *stripes, unsigned n)
{
    unsigned  kept = 1;

    if (n < 2) {
        return n;
    }

    qsort(stripes, n, sizeof(uint32_t), stripe_cmp);

    for (unsigned i = 1; i < n; i++) {
        if (stripes[i] != stripes[kept - 1]) {
            stripes[kept++] = stripes[i];
        }
    }

    return kept;
}


int
fkv__latch_take(fkv__segment_shm_t *seg, const uint32_t *stripes, unsigned n,
    unsigned slot, unsigned *blocker)
{
    uint32_t  *latches = fkv__segment_latches(seg), gate;

    for (unsigned i = 0; i < n; i++) {
        unsigned  spins = 0;
        uint32_t  holder = FKV__NOBODY;

        while (!__atomic_compare_exchange_n(&latches[stripes[i]], &holder,
                                            slot + 1, false, __ATOMIC_SEQ_CST,
                                            __ATOMIC_RELAXED))
        {
            if (++spins == SPINS) {
                fkv__latch_drop(seg, stripes, i);
                *blocker = holder - 1;
                return FKV_EBUSY;
            }

            fkv__cpu_relax();
            holder = FKV__NOBODY;
        }
    }

    gate = __atomic_load_n(&seg->gate.owner, __ATOMIC_SEQ_CST);

    if (gate != FKV__NOBODY) {
        fkv__latch_drop(seg, stripes, n);
        *blocker = gate - 1;
        return FKV_EBUSY;
    }

    return FKV_OK;
}


void
fkv__latch_drop(fkv__segment_shm_t *seg, const uint32_t *stripes, unsigned n)
{
    uint32_t  *latches = fkv__segment_latches(seg);

    for (unsigned i = 0; i < n; i++) {
        __atomic_store_n(&latches[stripes[i]], FKV__NOBODY, __ATOMIC_RELEASE);
    }
}


int
fkv__latch_take_gate(fkv__segment_shm_t *seg, unsigned slot, unsigned *blocker)
{
    uint32_t  *latches = fkv__segment_latches(seg), holder = FKV__NOBODY;

    if (!__atomic_compare_exchange_n(&seg->gate.owner, &holder, slot + 1,
                                     false, __ATOMIC_SEQ_CST,
                                     __ATOMIC_RELAXED))
    {
        *blocker = holder - 1;
        return FKV_EBUSY;
    }

    FKV_STEP("latch.1");

    for (unsigned i = 0; i < FKV__LATCHES; i++) {
        unsigned  spins = 0;

        while ((holder = __atomic_load_n(&latches[i], __ATOMIC_SEQ_CST))
               != FKV__NOBODY)
        {
            if (++spins == SPINS) {
                fkv__latch_drop_gate(seg);
                *blocker = holder - 1;
                return FKV_EBUSY;
            }

            fkv__cpu_relax();
        }
    }

    return FKV_OK;
}


void
fkv__latch_drop_gate(fkv__segment_shm_t *seg)
{
    __atomic_store_n(&seg->gate.owner, FKV__NOBODY, __ATOMIC_RELEASE);
}


void
fkv__latch_drop_all(fkv__segment_shm_t *seg, unsigned slot)
{
    uint32_t  *latches = fkv__segment_latches(seg), gate = slot + 1;

    (void) __atomic_compare_exchange_n(&seg->gate.owner, &gate, FKV__NOBODY,
                                       false, __ATOMIC_RELEASE,
                                       __ATOMIC_RELAXED);

    for (unsigned i = 0; i < FKV__LATCHES; i++) {
        uint32_t  holder = slot + 1;

        (void) __atomic_compare_exchange_n(&latches[i], &holder, FKV__NOBODY,
                                           false, __ATOMIC_RELEASE,
                                           __ATOMIC_RELAXED);
    }
}
