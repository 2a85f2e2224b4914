/*
 * job.h - work for the helper that somebody waits for: a mailbox in shared
 * memory.
 *
 *     FREE --client--> FILLING --client--> POSTED --helper--> RUNNING
 *      ^                                     ^                 |   |
 *      |                                     +--helper stops---+   |
 *      +--client has read-- ENDED <-------------------helper-------+
 *
 * Shape      FKV__JOBS entries; the state names the client in the same word
 *            and is changed by CAS only, so entry and client change together.
 *            What a client writes before it stores POSTED the helper reads
 *            after its CAS, what the helper writes before ENDED likewise:
 *            release and acquire.  Jobs run one at a time, in the order of
 *            their numbers
 * Processes  any worker is a client; the owner of the helper role, JOBS thread
 * If killed  the client: its entry is freed by who reaps the slot; one that is
 *            RUNNING then belongs to nobody, and the helper frees it when it
 *            is through.  The helper: the next owner posts what is RUNNING
 *            again; FKV__JOB_TRIES helpers that died at it are enough, then it
 *            ends with FKV_EOWNERDEAD.  Steps: job.1 an entry is FILLING;
 *            job.2 it is POSTED, nobody is woken; job.3 it is RUNNING, nothing
 *            done; job.4 it is done, not ENDED; job.5 it is ENDED, nobody is
 *            woken
 */

#ifndef FKV_STORE_JOB_H
#define FKV_STORE_JOB_H

#include "store/store.h"

#define FKV__JOB_TRIES  3

/* What the helper is asked for; copied, for its client may die. */
typedef struct {
    unsigned   entry;
    fkv_job_e  kind;
    unsigned   ns;
    size_t     text_len;
    uint8_t    text[FKV__JOB_TEXT_MAX];
} fkv__job_order_t;

/* Is there anything to be taken? */
bool fkv__job_posted(const fkv_t *store);

/* For a new owner of the role: what its predecessor ran is posted again. */
void fkv__job_adopt(fkv_t *store);

/* FKV_OK the oldest one is RUNNING · FKV_END there is none */
int fkv__job_take(fkv_t *store, fkv__job_order_t *order);

/* It is through, and its client is woken; or it is to be run again. */
void fkv__job_end(fkv_t *store, const fkv__job_order_t *order, int rc,
    uint64_t result);
void fkv__job_put_back(fkv_t *store, const fkv__job_order_t *order);

/* Frees all that have not ended. */
void fkv__job_close(fkv_t *store);

/* The client of this slot wants nothing any more. */
void fkv__job_drop(fkv__segment_shm_t *seg, unsigned slot);


#endif /* FKV_STORE_JOB_H */
