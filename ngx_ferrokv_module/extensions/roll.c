#define _GNU_SOURCE
#include "extensions/roll.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct {
    uint64_t  read;
    uint64_t  configuration;
    uint32_t  pid;              /* 0: nobody */
    uint32_t  unused;
} fkv_roll_row_shm_t;

struct fkv_roll_shm_s {
    uint64_t            generation;
    fkv_roll_row_shm_t  rows[FKV_SLOTS];
};

_Static_assert(sizeof(fkv_roll_row_shm_t) == 24, "of shared memory");


fkv_roll_t *
fkv_roll_open(void)
{
    fkv_roll_t  *roll = fkv__zalloc(sizeof(*roll));
    void        *p;

    if (roll == NULL) {
        return NULL;
    }

    p = mmap(NULL, sizeof(*roll->shm), PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (p == MAP_FAILED) {
        fkv__free(roll);
        return NULL;
    }

    roll->shm = p;

    return roll;
}


void
fkv_roll_close(fkv_roll_t *roll)
{
    (void) munmap(roll->shm, sizeof(*roll->shm));
    fkv__free(roll);
}


void
fkv_roll_configure(fkv_roll_t *roll)
{
    roll->configuration++;
}


void
fkv_roll_attach(fkv_roll_t *roll, unsigned slot)
{
    fkv_roll_row_shm_t  *row;

    FKV_ASSERT(slot < FKV_SLOTS);

    row = &roll->shm->rows[slot];
    roll->slot = slot;
    roll->enrolled = true;

    __atomic_store_n(&row->pid, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&row->read, 0, __ATOMIC_RELEASE);
    __atomic_store_n(&row->configuration, roll->configuration,
                     __ATOMIC_RELEASE);
    __atomic_store_n(&row->pid, (uint32_t) getpid(), __ATOMIC_RELEASE);
}


void
fkv_roll_detach(fkv_roll_t *roll)
{
    if (roll->enrolled) {
        __atomic_store_n(&roll->shm->rows[roll->slot].pid, 0,
                         __ATOMIC_RELEASE);
        roll->enrolled = false;
    }
}


uint64_t
fkv_roll_generation(const fkv_roll_t *roll)
{
    return __atomic_load_n(&roll->shm->generation, __ATOMIC_ACQUIRE);
}


void
fkv_roll_read(fkv_roll_t *roll, uint64_t generation)
{
    uint64_t  known = fkv_roll_generation(roll);

    while (known < generation
           && !__atomic_compare_exchange_n(&roll->shm->generation, &known,
                                           generation, false,
                                           __ATOMIC_RELEASE,
                                           __ATOMIC_ACQUIRE))
    {
        /* known is what it is now */
    }

    if (roll->enrolled) {
        __atomic_store_n(&roll->shm->rows[roll->slot].read, generation,
                         __ATOMIC_RELEASE);
    }
}


/* A slot's owner that lives, of those that enrol. */
static bool
row_lives(const fkv_roll_row_shm_t *row)
{
    uint32_t  pid = __atomic_load_n(&row->pid, __ATOMIC_ACQUIRE);

    return pid != 0 && (kill((pid_t) pid, 0) == 0 || errno != ESRCH);
}


bool
fkv_roll_all_read(const fkv_roll_t *roll, uint64_t generation)
{
    for (unsigned i = 0; i < FKV_SLOTS; i++) {

        const fkv_roll_row_shm_t  *row = &roll->shm->rows[i];

        if (__atomic_load_n(&row->read, __ATOMIC_ACQUIRE) < generation
            && row_lives(row))
        {
            return false;
        }
    }

    return true;
}


bool
fkv_roll_newest_only(const fkv_roll_t *roll)
{
    for (unsigned i = 0; i < FKV_SLOTS; i++) {

        const fkv_roll_row_shm_t  *row = &roll->shm->rows[i];

        if (__atomic_load_n(&row->configuration, __ATOMIC_ACQUIRE)
            < roll->configuration
            && row_lives(row))
        {
            return false;
        }
    }

    return true;
}
