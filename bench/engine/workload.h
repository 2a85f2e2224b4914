/*
 * workload.h - which request an actor makes next.
 *
 * Shape      a workload is a name and a function for those who are measured,
 *            and perhaps one for a writer beside them
 * Processes  each actor has a state of its own; where each key is wanted once,
 *            actor a of n takes every n-th
 */

#ifndef BENCH_WORKLOAD_H
#define BENCH_WORKLOAD_H

#include "data.h"
#include "driver.h"

typedef struct {
    uint64_t         keys;      /* loaded, or to be */
    uint64_t         expected;  /* inserts that may follow */
    unsigned         actor;     /* 0 .. actors - 1 */
    unsigned         actors;
    bool             expires;   /* the engine drops old keys by itself */

    uint64_t         i;         /* requests made */
    uint64_t         inserted;
    uint64_t         pending;   /* CHURN: the key to be deleted next, + 1 */
    bench_random_t   random;
    bench_shuffle_t  shuffle;
    bench_zipf_t     zipf;
} bench_state_t;

typedef void (*bench_next_pt)(bench_state_t *state, bench_request_t *request);

typedef struct {
    const char     *name;
    bench_next_pt   next;
    bench_next_pt   beside;     /* NULL, or what another actor does all the
                                   time */
    bool            zipfian;
} bench_workload_t;

/* NULL: there is none of that name. */
const bench_workload_t *bench_workload(const char *name);

/* keys, expected, actor, actors and expires are set. */
void bench_state_init(bench_state_t *state, const bench_workload_t *workload,
    uint64_t seed);

/* Reads each of an actor's share of the keys once. */
void bench_next_warm(bench_state_t *state, bench_request_t *request);

#endif /* BENCH_WORKLOAD_H */
