/*
 * pool.c - file I/O through a few threads, where io_uring is forbidden.
 *
 * The owner collects requests in queue and flush moves them to todo; a thread
 * takes one, runs it to its end and puts it on done; reap takes all of done.
 *
 * 1. todo, done and stop are touched under the mutex only; queue is the
 *    owner's alone.
 * 2. A request is on one list, or one thread has it.
 * 3. Who makes done non-empty signals the eventfd, and reap drains the
 *    eventfd before it takes done: nothing stays on done unannounced.
 *
 * The threads start with the first flush, so a process that does no I/O has
 * none.  All signals are blocked in them: they are for nginx's main thread.
 */

#define _GNU_SOURCE  1

#include "io/io.h"

#include "base/alloc.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define POOL_THREADS        4
#define POOL_STACK_BYTES    (256 * 1024)
#define POOL_NEW_FILE_MODE  0600

typedef struct {
    int              eventfd;
    fkv_link_t       queue;

    pthread_mutex_t  mutex;
    pthread_cond_t   wake;          /* todo is not empty, or stop */
    fkv_link_t       todo;
    fkv_link_t       done;
    bool             stop;

    unsigned         threads_n;
    pthread_t        threads[POOL_THREADS];
} pool_t;


static int
pool_open(fkv__io_t *io, unsigned depth)
{
    pool_t  *pool = fkv__zalloc(sizeof(*pool));

    /* The number of threads bounds what is in flight. */

    (void) depth;

    if (pool == NULL) {
        errno = ENOMEM;
        return FKV_ENOMEM;
    }

    pool->eventfd = io->eventfd;
    fkv__list_init(&pool->queue);
    fkv__list_init(&pool->todo);
    fkv__list_init(&pool->done);
    FKV_ASSERT(pthread_mutex_init(&pool->mutex, NULL) == 0);
    FKV_ASSERT(pthread_cond_init(&pool->wake, NULL) == 0);
    io->backend = pool;

    return FKV_OK;
}


static int64_t
pool_write(fkv__io_req_t *req)
{
    int64_t  n;

    if (!req->dsync) {
        return pwritev(req->fd, req->iov, (int) req->iov_n,
                       (off_t) req->offset);
    }

    n = pwritev2(req->fd, req->iov, (int) req->iov_n, (off_t) req->offset,
                 RWF_DSYNC);

    if (n >= 0 || (errno != EOPNOTSUPP && errno != ENOSYS)) {
        return n;
    }

    n = pwritev(req->fd, req->iov, (int) req->iov_n, (off_t) req->offset);
    if (n >= 0 && fdatasync(req->fd) != 0) {
        return -1;
    }

    return n;
}


static int64_t
pool_call(fkv__io_req_t *req)
{
    switch (req->kind) {

    case FKV__IO_READ:
        return preadv(req->fd, req->iov, (int) req->iov_n,
                      (off_t) req->offset);

    case FKV__IO_WRITE:
        return pool_write(req);

    case FKV__IO_FDATASYNC:
        return fdatasync(req->fd);

    case FKV__IO_FSYNC:
        return fsync(req->fd);

    case FKV__IO_OPEN:
        return openat(req->fd, req->path, req->flags | O_CLOEXEC,
                      POOL_NEW_FILE_MODE);

    case FKV__IO_CLOSE:
        return close(req->fd);
    }

    fkv__unreachable();
}


static void
pool_perform(fkv__io_req_t *req)
{
    static const struct timespec  pause = { 0, 1000000 };

    for ( ;; ) {
        int64_t  res = pool_call(req);

        if (fkv__io_progress(req, res < 0 ? -errno : res)) {
            return;
        }

        if (req->tries > 0) {
            (void) nanosleep(&pause, NULL);
        }
    }
}


static void *
pool_thread(void *data)
{
    pool_t  *pool = data;

    pthread_mutex_lock(&pool->mutex);

    for ( ;; ) {
        bool         first;
        fkv_link_t  *link = pool->todo.next;

        if (fkv__list_empty(&pool->todo)) {
            if (pool->stop) {
                break;
            }

            pthread_cond_wait(&pool->wake, &pool->mutex);
            continue;
        }

        fkv__list_remove(link);
        pthread_mutex_unlock(&pool->mutex);

        pool_perform(fkv__container(link, fkv__io_req_t, link));

        pthread_mutex_lock(&pool->mutex);
        first = fkv__list_empty(&pool->done);
        fkv__list_append(&pool->done, link);

        if (first) {
            fkv__io_signal(pool->eventfd);
        }
    }

    pthread_mutex_unlock(&pool->mutex);

    return NULL;
}


static void
pool_start_threads(fkv__io_t *io, pool_t *pool)
{
    int             rc = 0;
    sigset_t        all, old;
    pthread_attr_t  attr;

    sigfillset(&all);
    FKV_ASSERT(pthread_sigmask(SIG_SETMASK, &all, &old) == 0);
    FKV_ASSERT(pthread_attr_init(&attr) == 0);
    FKV_ASSERT(pthread_attr_setstacksize(&attr, POOL_STACK_BYTES) == 0);

    while (pool->threads_n < POOL_THREADS && rc == 0) {
        rc = pthread_create(&pool->threads[pool->threads_n], &attr,
                            pool_thread, pool);
        if (rc == 0) {
            pool->threads_n++;
        }
    }

    (void) pthread_attr_destroy(&attr);
    FKV_ASSERT(pthread_sigmask(SIG_SETMASK, &old, NULL) == 0);

    if (rc != 0) {
        fkv__log(io->log, FKV_LOG_WARN,
                 "pthread_create() failed (%d: %s), file I/O has %u threads "
                 "instead of %d", rc, strerror(rc), pool->threads_n,
                 POOL_THREADS);
    }
}


static void
pool_submit(fkv__io_t *io, fkv__io_req_t *req)
{
    pool_t  *pool = io->backend;

    fkv__list_append(&pool->queue, &req->link);
}


/* Without a single thread nothing can be run, and waiting is forbidden. */
static void
pool_refuse(pool_t *pool)
{
    while (!fkv__list_empty(&pool->queue)) {
        fkv_link_t  *link = pool->queue.next;

        fkv__list_remove(link);
        fkv__container(link, fkv__io_req_t, link)->res = -EAGAIN;
        fkv__list_append(&pool->done, link);
    }

    fkv__io_signal(pool->eventfd);
}


static void
pool_flush(fkv__io_t *io)
{
    pool_t  *pool = io->backend;

    if (fkv__list_empty(&pool->queue)) {
        return;
    }

    if (pool->threads_n == 0) {
        pool_start_threads(io, pool);
    }

    if (pool->threads_n == 0) {
        pool_refuse(pool);
        return;
    }

    pthread_mutex_lock(&pool->mutex);

    while (!fkv__list_empty(&pool->queue)) {
        fkv_link_t  *link = pool->queue.next;

        fkv__list_remove(link);
        fkv__list_append(&pool->todo, link);
        pthread_cond_signal(&pool->wake);
    }

    pthread_mutex_unlock(&pool->mutex);
}


static unsigned
pool_reap(fkv__io_t *io)
{
    pool_t      *pool = io->backend;
    unsigned     n = 0;
    fkv_link_t   done;

    fkv__io_drain(io->eventfd);

    pthread_mutex_lock(&pool->mutex);
    fkv__list_take(&done, &pool->done);
    pthread_mutex_unlock(&pool->mutex);

    while (!fkv__list_empty(&done)) {
        fkv_link_t  *link = done.next;

        fkv__list_remove(link);
        fkv__io_finish(io, fkv__container(link, fkv__io_req_t, link));
        n++;
    }

    return n;
}


static void
pool_close(fkv__io_t *io)
{
    pool_t  *pool = io->backend;

    pool_flush(io);

    pthread_mutex_lock(&pool->mutex);
    pool->stop = true;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->mutex);

    for (unsigned i = 0; i < pool->threads_n; i++) {
        FKV_ASSERT(pthread_join(pool->threads[i], NULL) == 0);
    }

    (void) pool_reap(io);

    (void) pthread_cond_destroy(&pool->wake);
    (void) pthread_mutex_destroy(&pool->mutex);
    fkv__free(pool);
    io->backend = NULL;
}


const fkv__io_ops_t  fkv__io_pool = {
    .name = "threads",
    .open = pool_open,
    .submit = pool_submit,
    .flush = pool_flush,
    .reap = pool_reap,
    .close = pool_close
};
