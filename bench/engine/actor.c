/*
 * actor.c - the loop that makes requests.
 */

#define _GNU_SOURCE
#include "actor.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND_NS         1000000000
#define WAIT_MS           100
#define QUIET_CPU_NS      (SECOND_NS / 20)      /* in a second: it is idle */
#define QUIET_BYTES       (256 * 1024)
#define SETTLE_SECONDS    900

typedef struct {
    bench_actor_t    *actor;
    bench_next_pt     next;
    void             *session;
    bench_request_t  *requests;
    bench_request_t  *free;
    char             *buffers;      /* a value for each request */
    unsigned          pending;
    uint64_t          now_ns;
    uint64_t          until_ns;
    uint64_t          made;
    uint64_t          ended;
    uint64_t          row_ns;       /* when this second ends */
    bool              measure;
    uint64_t          ops;          /* 0: no bound */
    bench_random_t    random;
} loop_t;


static void
row_end(loop_t *loop)
{
    bench_result_t     *result = loop->actor->result;
    bench_histogram_t  *second = &result->second;

    while (loop->now_ns >= loop->row_ns) {
        loop->row_ns += SECOND_NS;

        if (result->rows_n < BENCH_ROWS_MAX) {
            result->rows[result->rows_n++] = (bench_row_t) {
                .ops = second->n,
                .p50_ns = bench_histogram_at(second, 0.5),
                .p99_ns = bench_histogram_at(second, 0.99),
                .max_ns = second->max,
            };
        }

        memset(second, 0, sizeof(*second));
    }
}


static void
part_end(loop_t *loop)
{
    uint64_t  ops = loop->ops;

    for (unsigned part = 0; part < BENCH_PARTS; part++) {
        if (loop->ended == ops * (part + 1) / BENCH_PARTS) {
            loop->actor->result->parts_ns[part] = loop->now_ns;
        }
    }
}


static void
request_ended(loop_t *loop, bench_request_t *request)
{
    bench_result_t  *result = loop->actor->result;
    uint64_t         ns = loop->now_ns - request->started_ns;

    loop->ended++;

    if (loop->measure) {
        bench_histogram_add(&result->kinds[request->kind], ns);
        result->found += request->found;

        if (loop->now_ns >= loop->row_ns) {
            row_end(loop);
        }

        bench_histogram_add(&result->second, ns);

        if (loop->ops != 0
            && loop->ended % ((loop->ops + BENCH_PARTS - 1) / BENCH_PARTS)
               == 0)
        {
            part_end(loop);
        }
    }

    request->next = loop->free;
    loop->free = request;
}


static void
on_done(bench_request_t *request)
{
    loop_t  *loop = request->data;

    loop->now_ns = bench_now_ns();
    loop->pending--;
    request_ended(loop, request);
}


static bool
over(const loop_t *loop)
{
    const bench_actor_t  *actor = loop->actor;

    if (actor->beside && loop->measure) {
        return __atomic_load_n(&actor->common->measured, __ATOMIC_RELAXED)
               == 0;
    }

    return (loop->ops != 0 && loop->made >= loop->ops)
           || (loop->until_ns != 0 && loop->now_ns >= loop->until_ns);
}


static void
request_start(loop_t *loop)
{
    bench_actor_t    *actor = loop->actor;
    bench_request_t  *request = loop->free;

    loop->free = request->next;
    loop->made++;

    loop->next(&actor->state, request);
    bench_key(request->key, request->number);

    if (request->kind == BENCH_PUT || request->kind == BENCH_CHANGE) {
        bench_value(actor->values, request->number, &loop->random,
                    (char *) request->value);
    }

    request->started_ns = loop->now_ns;

    if (actor->driver->start(loop->session, request)) {
        loop->now_ns = bench_now_ns();
        request_ended(loop, request);
        return;
    }

    loop->pending++;
    loop->now_ns = bench_now_ns();
}


static void
idle(loop_t *loop, int ms)
{
    struct timespec  step = { 0, ms * 1000000 };

    if (loop->actor->driver->turn != NULL) {
        loop->actor->driver->turn(loop->session, ms);

    } else {
        (void) nanosleep(&step, NULL);
    }
}


/* True: it has made all that its rate allows so far. */
static bool
ahead(const loop_t *loop)
{
    uint64_t  since = loop->now_ns - loop->actor->result->start_ns;

    return loop->actor->rate != 0 && loop->measure
           && loop->made * 1000 >= loop->actor->rate * (since / 1000000);
}


static void
requests_run(loop_t *loop)
{
    const bench_driver_t  *driver = loop->actor->driver;

    loop->made = 0;
    loop->ended = 0;
    loop->now_ns = bench_now_ns();

    for ( ;; ) {
        while (loop->free != NULL && !over(loop) && !ahead(loop)) {
            request_start(loop);
        }

        if (loop->pending != 0) {
            driver->turn(loop->session, WAIT_MS);

        } else if (over(loop)) {
            return;

        } else {
            idle(loop, 1);
        }

        loop->now_ns = bench_now_ns();
    }
}


static void
loop_init(loop_t *loop, bench_actor_t *actor)
{
    size_t  value_bytes = actor->values->value_bytes;

    memset(loop, 0, sizeof(*loop));
    loop->actor = actor;
    loop->random = (bench_random_t) { actor->seed ^ actor->state.actor };
    loop->session = actor->driver->session(actor->store);
    loop->requests = aligned_alloc(64, actor->in_flight
                                       * sizeof(bench_request_t));
    loop->buffers = malloc(actor->in_flight * value_bytes);

    if (loop->requests == NULL || loop->buffers == NULL) {
        bench_die("out of memory");
    }

    for (unsigned i = 0; i < actor->in_flight; i++) {
        bench_request_t  *request = &loop->requests[i];

        memset(request, 0, sizeof(*request));
        request->on_done = on_done;
        request->data = loop;
        request->value = loop->buffers + i * value_bytes;
        request->value_len = value_bytes;
        request->next = loop->free;
        loop->free = request;
    }
}


/* Until the engine's own threads have been idle for a second. */
static void
settle(loop_t *loop)
{
    uint64_t       start = bench_now_ns();
    bench_meter_t  last, now;

    do {
        uint64_t  until = bench_now_ns() + SECOND_NS;

        bench_meter(&last);

        while (bench_now_ns() < until) {
            idle(loop, WAIT_MS);
        }

        bench_meter(&now);

    } while ((now.cpu_ns - last.cpu_ns > QUIET_CPU_NS
              || now.write_bytes - last.write_bytes > QUIET_BYTES)
             && bench_now_ns() - start < (uint64_t) SETTLE_SECONDS
                                         * SECOND_NS);
}


static void
warm(loop_t *loop)
{
    bench_state_t  *state = &loop->actor->state;
    uint64_t        i = state->i;

    state->i = 0;
    loop->next = bench_next_warm;
    loop->ops = state->keys / state->actors;
    requests_run(loop);
    state->i = i;
}


static void
prepare(loop_t *loop)
{
    bench_actor_t  *actor = loop->actor;

    if (actor->first && !actor->fresh) {
        settle(loop);
    }

    if (actor->warm && !actor->beside) {
        warm(loop);
    }
}


static void
measured_run(loop_t *loop)
{
    bench_actor_t   *actor = loop->actor;
    bench_result_t  *result = actor->result;

    loop->next = actor->beside ? actor->workload->beside
                               : actor->workload->next;
    loop->ops = actor->beside ? 0 : actor->ops;
    loop->measure = true;

    (void) pthread_barrier_wait(&actor->common->start);

    if (actor->first) {
        bench_meter(&result->before);
    }

    result->start_ns = bench_now_ns();
    loop->row_ns = result->start_ns + SECOND_NS;
    loop->until_ns = (actor->seconds != 0)
                     ? result->start_ns + actor->seconds * SECOND_NS : 0;

    requests_run(loop);
    result->end_ns = bench_now_ns();

    if (!actor->beside) {
        (void) __atomic_sub_fetch(&actor->common->measured, 1,
                                  __ATOMIC_RELAXED);
    }

    (void) pthread_barrier_wait(&actor->common->end);
}


void *
bench_actor_run(void *data)
{
    loop_t           loop;
    bench_actor_t   *actor = data;
    bench_result_t  *result = actor->result;

    loop_init(&loop, actor);
    prepare(&loop);
    measured_run(&loop);

    if (actor->first) {
        bench_meter(&result->after);
        result->disk_bytes = bench_disk_bytes(actor->settings->dir);

        if (actor->settle) {
            settle(&loop);
        }

        bench_meter(&result->settled);
        result->settle_ns = bench_now_ns() - result->end_ns;
        bench_memory(&result->memory_peak, &result->memory_shared);
    }

    actor->driver->session_end(loop.session);
    free(loop.requests);
    free(loop.buffers);

    return NULL;
}
