/*
 * actor.h - one thread or process that makes requests, and what it measured.
 *
 * Shape      warm, settle | start together | requests | end together | settle
 * Processes  a result lies in memory that is shared, for an actor may be a
 *            process; it is written by its actor and read when that has ended
 *
 * A request's time runs from its start, or from the end of the one before if
 * that is later, to its end: the runner looks at the clock once a request.
 */

#ifndef BENCH_ACTOR_H
#define BENCH_ACTOR_H

#include "driver.h"
#include "histogram.h"
#include "meter.h"
#include "workload.h"

#include <pthread.h>

#define BENCH_ROWS_MAX  7200        /* seconds that are told one by one */
#define BENCH_PARTS     10

typedef struct {
    uint64_t  ops;
    uint64_t  p50_ns;
    uint64_t  p99_ns;
    uint64_t  max_ns;
} bench_row_t;

typedef struct {
    bench_histogram_t  kinds[BENCH_KINDS];
    uint64_t           found;       /* entries read */
    uint64_t           start_ns;
    uint64_t           end_ns;
    bench_meter_t      before;      /* of the process */
    bench_meter_t      after;
    bench_meter_t      settled;
    uint64_t           settle_ns;
    uint64_t           memory_peak;
    uint64_t           memory_shared;
    uint64_t           disk_bytes;  /* when the requests had ended */
    uint64_t           parts_ns[BENCH_PARTS];   /* ends of the tenths */
    bench_histogram_t  second;      /* this one */
    unsigned           rows_n;
    bench_row_t        rows[BENCH_ROWS_MAX];
} bench_result_t;

typedef struct {
    pthread_barrier_t  start;
    pthread_barrier_t  end;
    unsigned           measured;    /* actors still at work, not beside */
} bench_common_t;

typedef struct {
    const bench_driver_t    *driver;
    const bench_settings_t  *settings;
    const bench_workload_t  *workload;
    const bench_values_t    *values;
    void                    *store;
    bench_common_t          *common;
    bench_result_t          *result;

    bench_state_t            state;
    bool                     beside;
    bool                     first;     /* of its process: it measures it */
    bool                     fresh;     /* the store was empty */
    bool                     warm;
    bool                     settle;    /* afterwards, too */
    unsigned                 in_flight;
    uint64_t                 ops;       /* 0: until the time is over */
    uint64_t                 seconds;   /* 0: until the operations are made */
    uint64_t                 rate;      /* a second at most; 0: all it can */
    uint64_t                 seed;
} bench_actor_t;

/* Runs the actor to its end; in its own thread or process. */
void *bench_actor_run(void *actor);

#endif /* BENCH_ACTOR_H */
