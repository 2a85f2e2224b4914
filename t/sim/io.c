/*
 * io.c - a process's asynchronous I/O, done at moments that the seed chooses
 * and in any order; it may outlive the process.
 *
 * A request is copied when it starts: what lands later reads the memory that
 * iov names, as the kernel does, but the request itself may be gone with its
 * process.
 */

#define _GNU_SOURCE
#include "sim.h"
#include "sanitize.h"

#include <errno.h>

#define FLIGHTS_MAX    4000
#define ORPHAN_US_MAX  (8 * SIM_SECOND)     /* a start waits for longer */

typedef struct {
    fkv_link_t   queue;         /* of requests, not started */
    fkv_link_t   done;
    int          eventfd;
    sim_proc_t  *proc;
    unsigned     flying;
} backend_t;

typedef struct {
    backend_t      *backend;    /* NULL: free */
    fkv__io_req_t  *req;
    fkv__io_req_t   as;         /* what it was when it started */
    sim_file_t     *file;
    uint64_t        at_us;
    bool            orphan;     /* its process is dead */
} flight_t;

static flight_t  flights[FLIGHTS_MAX];
static unsigned  flights_top;


static int
io_open(fkv__io_t *io, unsigned depth)
{
    backend_t  *backend = calloc(1, sizeof(*backend));

    (void) depth;
    fkv__list_init(&backend->queue);
    fkv__list_init(&backend->done);
    backend->eventfd = io->eventfd;
    backend->proc = sim_proc();
    io->backend = backend;

    return FKV_OK;
}


static void
io_submit(fkv__io_t *io, fkv__io_req_t *req)
{
    backend_t  *backend = io->backend;

    fkv__list_append(&backend->queue, &req->link);
    sim_yield(SIM_AT_CALL, NULL);
}


static uint64_t
latency_us(void)
{
    return sim_chance(50) ? 20 * SIM_MS + sim_below(100 * SIM_MS)
                          : 20 + sim_below(3 * SIM_MS);
}


static void
flight_start(backend_t *backend, fkv__io_req_t *req)
{
    unsigned   i = 0;
    flight_t  *flight;

    while (i < FLIGHTS_MAX && flights[i].backend != NULL) {
        i++;
    }

    if (i == FLIGHTS_MAX) {
        sim_fail("too many requests in flight");
    }

    flights_top = fkv__max(flights_top, i + 1);
    flight = &flights[i];

    *flight = (flight_t) {
        .backend = backend,
        .req = req,
        .as = *req,
        .file = (req->kind == FKV__IO_CLOSE) ? NULL : sim_file_hold(req->fd),
        .at_us = sim_now_us() + latency_us()
    };

    backend->flying++;
}


static void
io_flush(fkv__io_t *io)
{
    backend_t  *backend = io->backend;

    while (!fkv__list_empty(&backend->queue)) {
        fkv_link_t  *link = backend->queue.next;

        fkv__list_remove(link);
        flight_start(backend, fkv__container(link, fkv__io_req_t, link));
    }
}


/* The first iov alone: the rest is another transfer. */
static int64_t
flight_move(flight_t *flight)
{
    fkv__io_req_t  *as = &flight->as;
    struct iovec   *iov = &as->iov[0];
    size_t          len = iov->iov_len;

    if (!sim_file_aligned(flight->file, iov->iov_base, len, as->offset)) {
        return -EINVAL;
    }

    if (len > 512 && sim_chance(sim_faults.short_one_in)) {
        len = 512 * (1 + sim_below(len / 512));
    }

    return (as->kind == FKV__IO_READ)
           ? sim_file_read(flight->file, iov->iov_base, len, as->offset)
           : sim_file_write(flight->file, iov->iov_base, len, as->offset,
                            as->dsync);
}


static int64_t
flight_call(flight_t *flight)
{
    fkv__io_req_t  *as = &flight->as;
    int             cause;

    switch (as->kind) {

    case FKV__IO_READ:
        return sim_fault("read", &cause) ? -cause : flight_move(flight);

    case FKV__IO_WRITE:
        return sim_fault("pwrite", &cause) ? -cause : flight_move(flight);

    case FKV__IO_FDATASYNC:
    case FKV__IO_FSYNC:
        if (sim_fault("fdatasync", &cause)) {
            sim_node_forget(sim_file_node(flight->file));
            return -cause;
        }

        sim_node_sync(sim_file_node(flight->file));
        return 0;

    case FKV__IO_OPEN:
        return sim_fault("open", &cause)
               ? -cause
               : sim_files_open(flight->backend->proc, as->fd, as->path,
                                as->flags);

    case FKV__IO_CLOSE:
        return sim_files_close(as->fd);
    }

    fkv__unreachable();
}


static void
flight_over(flight_t *flight)
{
    if (flight->file != NULL) {
        sim_file_drop(flight->file);
    }

    flight->backend = NULL;
}


static void
flight_land(flight_t *flight)
{
    backend_t  *backend = flight->backend;
    int64_t     res;

    if (flight->orphan) {
        /* The kernel finishes what it has begun, or has not begun it. */
        if (flight->as.kind == FKV__IO_WRITE && sim_chance(2)) {
            (void) flight_move(flight);
            sim_say("what %s wrote lands, %zu bytes at %llu",
                    flight->backend->proc->name, flight->as.iov[0].iov_len,
                    (unsigned long long) flight->as.offset);
        }

        flight_over(flight);
        return;
    }

    res = flight_call(flight);

    if (!fkv__io_progress(&flight->as, res)) {
        flight->at_us = sim_now_us() + sim_below(500);
        return;
    }

    flight->req->res = flight->as.res;
    fkv__list_append(&backend->done, &flight->req->link);
    backend->flying--;
    flight_over(flight);
    sim_event_signal(backend->eventfd);
}


uint64_t
sim_io_next_us(void)
{
    uint64_t  next = SIM_FOREVER;

    for (unsigned i = 0; i < flights_top; i++) {
        if (flights[i].backend != NULL) {
            next = fkv__min(next, flights[i].at_us);
        }
    }

    return next;
}


void
sim_io_run(uint64_t now_us)
{
    sanitize_kernel(true);

    for (unsigned i = 0; i < flights_top; i++) {
        if (flights[i].backend != NULL && flights[i].at_us <= now_us) {
            flight_land(&flights[i]);
        }
    }

    sanitize_kernel(false);

    while (flights_top > 0 && flights[flights_top - 1].backend == NULL) {
        flights_top--;
    }
}


/* At a cut some sectors of what is being written are on disk. */
void
sim_io_cut(void)
{
    for (unsigned i = 0; i < flights_top; i++) {
        flight_t  *flight = &flights[i];

        if (flight->backend == NULL) {
            continue;
        }

        if (flight->as.kind == FKV__IO_WRITE) {
            uint64_t  offset = flight->as.offset;

            for (unsigned k = 0; k < flight->as.iov_n; k++) {
                const struct iovec  *iov = &flight->as.iov[k];

                sim_file_tear(flight->file, iov->iov_base, iov->iov_len,
                              offset);
                offset += iov->iov_len;
            }
        }

        flight_over(flight);
    }

    flights_top = 0;
}


void
sim_io_died(const sim_proc_t *proc)
{
    for (unsigned i = 0; i < flights_top; i++) {
        if (flights[i].backend != NULL
            && (proc == NULL || flights[i].backend->proc == proc))
        {
            flights[i].orphan = true;

            if (sim_chance(2)) {
                flights[i].at_us += sim_any_below(ORPHAN_US_MAX);
            }
        }
    }
}


bool
sim_io_orphans(void)
{
    for (unsigned i = 0; i < flights_top; i++) {
        if (flights[i].backend != NULL && flights[i].orphan) {
            return true;
        }
    }

    return false;
}


static unsigned
io_reap(fkv__io_t *io)
{
    backend_t   *backend = io->backend;
    unsigned     n = 0;
    fkv_link_t   done;

    fkv__io_drain(io->eventfd);
    fkv__list_take(&done, &backend->done);

    while (!fkv__list_empty(&done)) {
        fkv_link_t  *link = done.next;

        fkv__list_remove(link);
        fkv__io_finish(io, fkv__container(link, fkv__io_req_t, link));
        n++;
    }

    return n;
}


static void
io_close(fkv__io_t *io)
{
    backend_t  *backend = io->backend;

    io_flush(io);

    while (backend->flying > 0) {
        sim_sleep(100);
    }

    (void) io_reap(io);
    free(backend);
    io->backend = NULL;
}


const fkv__io_ops_t  sim_io = {
    .name = "simulated",
    .open = io_open,
    .submit = io_submit,
    .flush = io_flush,
    .reap = io_reap,
    .close = io_close
};
