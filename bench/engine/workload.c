/*
 * workload.c - what is asked, in which order.
 */

#include "workload.h"

#include <string.h>

#define SEEK_ENTRIES   11           /* the one sought and 10 next */
#define SCAN_ENTRIES   10000        /* of one request of a whole scan */
#define YCSB_SCAN_MAX  100


static void
ask(bench_request_t *request, bench_kind_e kind, uint64_t number)
{
    request->kind = kind;
    request->number = number;
}


/* This actor's next one of 0 .. n - 1, over and over. */
static uint64_t
turn_of(bench_state_t *state, uint64_t n)
{
    return (state->i++ * state->actors + state->actor) % n;
}


static uint64_t
any_key(bench_state_t *state)
{
    return bench_below(&state->random, state->keys);
}


static void
next_fillseq(bench_state_t *state, bench_request_t *request)
{
    ask(request, BENCH_PUT, BENCH_LOADED(turn_of(state, state->keys)));
}


static void
next_fillrandom(bench_state_t *state, bench_request_t *request)
{
    uint64_t  i = turn_of(state, state->keys);

    ask(request, BENCH_PUT, BENCH_LOADED(bench_shuffle(&state->shuffle, i)));
}


static void
next_overwrite(bench_state_t *state, bench_request_t *request)
{
    ask(request, BENCH_PUT, BENCH_LOADED(any_key(state)));
}


static void
next_delete(bench_state_t *state, bench_request_t *request)
{
    uint64_t  i = turn_of(state, state->keys);

    ask(request, BENCH_DELETE,
        BENCH_LOADED(bench_shuffle(&state->shuffle, i)));
}


static void
next_read(bench_state_t *state, bench_request_t *request)
{
    ask(request, BENCH_GET, BENCH_LOADED(any_key(state)));
}


static void
next_missing(bench_state_t *state, bench_request_t *request)
{
    ask(request, BENCH_GET, BENCH_MISSING(any_key(state)));
}


static void
next_seek(bench_state_t *state, bench_request_t *request)
{
    ask(request, BENCH_SCAN, BENCH_LOADED(any_key(state)));
    request->limit = SEEK_ENTRIES;
}


static void
next_scan(bench_state_t *state, bench_request_t *request)
{
    uint64_t  chunks = (state->keys + SCAN_ENTRIES - 1) / SCAN_ENTRIES;

    ask(request, BENCH_SCAN,
        BENCH_LOADED(turn_of(state, chunks) * SCAN_ENTRIES));
    request->limit = SCAN_ENTRIES;
}


/* Keys that never come again. */
static uint64_t
churn_number(uint64_t i)
{
    return bench_mix(i) % 1000000000000000;
}


/*
 * New keys all the time.  The engine forgets the old ones by itself, or each
 * put is followed by the deletion of the key put a set's size before.
 */
static void
next_churn(bench_state_t *state, bench_request_t *request)
{
    if (state->pending != 0) {
        ask(request, BENCH_DELETE, churn_number(state->pending - 1));
        state->pending = 0;
        return;
    }

    ask(request, BENCH_PUT, churn_number(state->i));

    if (!state->expires && state->i >= state->keys) {
        state->pending = state->i - state->keys + 1;
    }

    state->i++;
}


/* The j-th key that was inserted since the load, somewhere in between. */
static uint64_t
inserted_number(const bench_state_t *state, uint64_t j)
{
    uint64_t  at = bench_shuffle(&state->shuffle, j % state->keys);
    uint64_t  digit = 1 + j / state->keys % 4;

    return BENCH_LOADED(at) + digit;
}


static uint64_t
number_of(const bench_state_t *state, uint64_t i)
{
    return i < state->keys ? BENCH_LOADED(i)
                           : inserted_number(state, i - state->keys);
}


static uint64_t
scrambled(bench_state_t *state)
{
    uint64_t  i, total = state->keys + state->expected;

    do {
        i = bench_mix(bench_zipf(&state->zipf, &state->random) + 1) % total;
    } while (i >= state->keys + state->inserted);

    return number_of(state, i);
}


static bool
chance(bench_state_t *state, unsigned percent)
{
    return bench_below(&state->random, 100) < percent;
}


static void
ycsb(bench_state_t *state, bench_request_t *request, unsigned reads,
    bench_kind_e write)
{
    ask(request, chance(state, reads) ? BENCH_GET : write, scrambled(state));
}


static void
next_ycsb_a(bench_state_t *state, bench_request_t *request)
{
    ycsb(state, request, 50, BENCH_PUT);
}


static void
next_ycsb_b(bench_state_t *state, bench_request_t *request)
{
    ycsb(state, request, 95, BENCH_PUT);
}


static void
next_ycsb_c(bench_state_t *state, bench_request_t *request)
{
    ycsb(state, request, 100, BENCH_GET);
}


static void
insert(bench_state_t *state, bench_request_t *request)
{
    ask(request, BENCH_PUT, inserted_number(state, state->inserted++));
}


static void
next_ycsb_d(bench_state_t *state, bench_request_t *request)
{
    uint64_t  newest = state->keys + state->inserted - 1;

    if (!chance(state, 95)) {
        insert(state, request);
        bench_zipf_grow(&state->zipf);
        return;
    }

    ask(request, BENCH_GET, number_of(state, newest
                                - bench_zipf(&state->zipf, &state->random)));
}


static void
next_ycsb_e(bench_state_t *state, bench_request_t *request)
{
    if (!chance(state, 95)) {
        insert(state, request);
        return;
    }

    ask(request, BENCH_SCAN, scrambled(state));
    request->limit = 1 + (unsigned) bench_below(&state->random,
                                                YCSB_SCAN_MAX);
}


static void
next_ycsb_f(bench_state_t *state, bench_request_t *request)
{
    ycsb(state, request, 50, BENCH_CHANGE);
}


void
bench_next_warm(bench_state_t *state, bench_request_t *request)
{
    uint64_t  i = turn_of(state, state->keys);

    ask(request, BENCH_GET, BENCH_LOADED(bench_shuffle(&state->shuffle, i)));
}


static const bench_workload_t  workloads[] = {
    { "fillseq",          next_fillseq,    NULL,           false },
    { "fillrandom",       next_fillrandom, NULL,           false },
    { "overwrite",        next_overwrite,  NULL,           false },
    { "readrandom",       next_read,       NULL,           false },
    { "readmissing",      next_missing,    NULL,           false },
    { "seekrandom",       next_seek,       NULL,           false },
    { "scan",             next_scan,       NULL,           false },
    { "readwhilewriting", next_read,       next_overwrite, false },
    { "delete",           next_delete,     NULL,           false },
    { "churn",            next_churn,      NULL,           false },
    { "ycsb-a",           next_ycsb_a,     NULL,           true },
    { "ycsb-b",           next_ycsb_b,     NULL,           true },
    { "ycsb-c",           next_ycsb_c,     NULL,           true },
    { "ycsb-d",           next_ycsb_d,     NULL,           true },
    { "ycsb-e",           next_ycsb_e,     NULL,           true },
    { "ycsb-f",           next_ycsb_f,     NULL,           true },
};


const bench_workload_t *
bench_workload(const char *name)
{
    for (size_t i = 0; i < sizeof(workloads) / sizeof(workloads[0]); i++) {
        if (strcmp(name, workloads[i].name) == 0) {
            return &workloads[i];
        }
    }

    return NULL;
}


void
bench_state_init(bench_state_t *state, const bench_workload_t *workload,
    uint64_t seed)
{
    state->i = 0;
    state->inserted = 0;
    state->pending = 0;
    state->random = (bench_random_t) { bench_mix(seed + state->actor + 1) };
    bench_shuffle_init(&state->shuffle, state->keys, seed);

    if (workload->zipfian) {
        bench_zipf_init(&state->zipf,
                        state->keys + (workload->next == next_ycsb_d
                                       ? 0 : state->expected));
    }
}
