#include "extensions/wait.h"
#include "extensions/answer.h"
#include "extensions/work.h"
#include "commands/txn.h"

#define TIMEOUT_MAX  (3600 * 1000)      /* ms: an hour */
#define RESUMED      (-1000)            /* in front of an extension's failure,
                                           which is none of ours */

static const fkv_loop_t  *loop;         /* of this process */


void
fkv_loop_set(const fkv_loop_t *to)
{
    loop = to;
}


const fkv_loop_t *
fkv_loop(void)
{
    return loop;
}


/* How a suspended command goes on.  Of the call: it stays until its end. */
typedef struct {
    fkv_extension_t  *extension;
    int             (*go_on)(ferrokv_ctx *ctx, void *data, int rc);
    void             *data;
    int               rc;
} going_t;


static int
going_run(fkv_host_t *host, void *data)
{
    const going_t  *going = data;

    return going->go_on(&host->ctx, going->data, going->rc);
}


/* The commands layer has a code of its own for a time that is over. */
static int
going_on(fkv_call_t *call, void *data, int rc)
{
    going_t     *going = data;
    fkv_host_t   host;

    going->rc = (rc == FKV_ECANCELED) ? FERROKV_ETIMEOUT
                                      : (rc <= RESUMED) ? rc - RESUMED : rc;
    fkv_host_init(&host, going->extension, call, FERROKV_IN_COMMAND,
                  &call->txn->run);

    return fkv_answer(&host, fkv_host_run(&host, going_run, going));
}


/* What is named is the number that the commands layer knows it by. */
ferrokv_wait *
fkv_wait_suspend(ferrokv_ctx *ctx, uint64_t timeout,
    int (*go_on)(ferrokv_ctx *ctx, void *data, int rc), void *data)
{
    fkv_host_t  *host = fkv_host_of(ctx);
    going_t     *going;
    uint64_t     wait;

    _Static_assert(sizeof(void *) == sizeof(uint64_t), "a number has room");

    if (ctx->place != FERROKV_IN_COMMAND || host->rc != FKV_OK
        || timeout == 0 || timeout > TIMEOUT_MAX)
    {
        return NULL;
    }

    going = ctx->api->alloc(ctx, sizeof(*going));
    *going = (going_t) { .extension = host->extension, .go_on = go_on,
                         .data = data };
    wait = fkv_call_suspend(host->call, timeout, going_on, going);
    host->suspended |= (wait != 0);

    return (ferrokv_wait *) (uintptr_t) wait;
}


void
fkv_wait_resume(ferrokv_wait *wait, int rc)
{
    fkv_call_resume((uint64_t) (uintptr_t) wait, (rc < 0) ? rc + RESUMED : rc);
}


/* FERROKV_OK · FERROKV_EPLACE · FERROKV_EDENIED nginx.conf grants it not */
static int
wait_allowed(const fkv_host_t *host, uint32_t need)
{
    if (host->ctx.place != FERROKV_IN_PROCESS && !host->suspended) {
        return FERROKV_EPLACE;
    }

    if ((host->extension->granted & need) != need) {
        return FERROKV_EDENIED;
    }

    return (loop != NULL) ? FERROKV_OK : FERROKV_EPLACE;
}


/* One timer, or one job. */
typedef struct {
    fkv_work_t        work;
    fkv_extension_t  *extension;
    void            (*job)(void *data);
    void            (*fn)(ferrokv_ctx *ctx, void *data);
    void             *data;
} task_t;


static int
task_call(fkv_host_t *host, void *data)
{
    const task_t  *task = data;

    task->fn(&host->ctx, task->data);

    return FERROKV_OK;
}


static void
task_over(void *data)
{
    task_t  *task = data;

    (void) fkv_host_process(task->extension, task_call, task);
    fkv__free(task);
}


int
fkv_wait_timer(ferrokv_ctx *ctx, uint64_t ms,
    void (*fn)(ferrokv_ctx *ctx, void *data), void *data)
{
    fkv_host_t  *host = fkv_host_of(ctx);
    int          rc = wait_allowed(host, 0);
    task_t      *task;

    if (rc != FERROKV_OK) {
        return rc;
    }

    task = fkv__zalloc(sizeof(*task));

    if (task == NULL) {
        return FERROKV_EMEMORY;
    }

    task->extension = host->extension;
    task->fn = fn;
    task->data = data;
    rc = loop->timer(ms, task_over, task);

    if (rc != FKV_OK) {
        fkv__free(task);
    }

    return fkv_answer_code(rc);
}


static void
task_job(fkv_work_t *work)
{
    const task_t  *task = fkv__container(work, task_t, work);

    task->job(task->data);
}


static void
task_done(fkv_work_t *work)
{
    task_over(fkv__container(work, task_t, work));
}


int
fkv_wait_work(ferrokv_ctx *ctx, void (*job)(void *data),
    void (*done)(ferrokv_ctx *ctx, void *data), void *data)
{
    fkv_host_t  *host = fkv_host_of(ctx);
    int          rc = wait_allowed(host, FERROKV_NEEDS_THREADS);
    task_t      *task;

    if (rc != FERROKV_OK) {
        return rc;
    }

    task = fkv__zalloc(sizeof(*task));

    if (task == NULL) {
        return FERROKV_EMEMORY;
    }

    *task = (task_t) {
        .work = { .job = task_job, .done = task_done },
        .extension = host->extension,
        .job = job,
        .fn = done,
        .data = data
    };

    rc = fkv_work(&task->work);

    if (rc != FKV_OK) {
        fkv__free(task);
    }

    return fkv_answer_code(rc);
}


/* A descriptor that is watched. */
typedef struct watch_s  watch_t;

struct watch_s {
    watch_t          *next;
    int               fd;
    int               events;       /* those that have come */
    fkv_extension_t  *extension;
    void            (*fn)(ferrokv_ctx *ctx, void *data, int events);
    void             *data;
};

static watch_t  *watches;           /* of this process: few */


static watch_t **
watch_find(int fd)
{
    watch_t  **at = &watches;

    while (*at != NULL && (*at)->fd != fd) {
        at = &(*at)->next;
    }

    return at;
}


static int
watch_call(fkv_host_t *host, void *data)
{
    const watch_t  *watch = data;

    watch->fn(&host->ctx, watch->data, watch->events);

    return FERROKV_OK;
}


/* What it calls may end the watch. */
static void
on_ready(void *data, int events)
{
    watch_t  watch = *(watch_t *) data;

    watch.events = events;
    (void) fkv_host_process(watch.extension, watch_call, &watch);
}


static void
watch_end(watch_t **at)
{
    watch_t  *watch = *at;

    if (watch != NULL) {
        *at = watch->next;
        (void) loop->watch(watch->fd, 0, on_ready, watch);
        fkv__free(watch);
    }
}


int
fkv_wait_watch(ferrokv_ctx *ctx, int fd, int events,
    void (*fn)(ferrokv_ctx *ctx, void *data, int events), void *data)
{
    fkv_host_t  *host = fkv_host_of(ctx);
    watch_t    **at = watch_find(fd);
    watch_t     *watch = *at;
    int          rc = wait_allowed(host, FERROKV_NEEDS_NET);

    if (rc != FERROKV_OK) {
        return rc;
    }

    if (fd < 0 || (events & ~3) != 0
        || (watch != NULL && watch->extension != host->extension))
    {
        return FERROKV_EARG;
    }

    if (events == 0) {
        watch_end(at);
        return FERROKV_OK;
    }

    if (watch == NULL) {

        watch = fkv__zalloc(sizeof(*watch));
        if (watch == NULL) {
            return FERROKV_EMEMORY;
        }

        watch->fd = fd;
        watch->extension = host->extension;
        *at = watch;
    }

    watch->fn = fn;
    watch->data = data;
    rc = loop->watch(fd, events, on_ready, watch);

    if (rc != FKV_OK) {
        watch_end(at);
    }

    return fkv_answer_code(rc);
}
