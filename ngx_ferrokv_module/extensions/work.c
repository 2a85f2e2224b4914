#define _GNU_SOURCE
#include "extensions/work.h"

#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Of this process; a child that is forked has no threads, so nothing here. */
static struct {
    pthread_mutex_t  mutex;
    pthread_cond_t   wake;
    pid_t            pid;           /* 0: nothing has begun */
    int              fd;
    unsigned         threads;       /* under the mutex, as all that follows */
    unsigned         idle;
    unsigned         n;             /* jobs not done with */
    fkv_link_t       jobs;
    fkv_link_t       done;
} works = { .mutex = PTHREAD_MUTEX_INITIALIZER,
            .wake = PTHREAD_COND_INITIALIZER };


static fkv_link_t *
job_next(void)
{
    fkv_link_t  *link;

    while (fkv__list_empty(&works.jobs)) {
        works.idle++;
        pthread_cond_wait(&works.wake, &works.mutex);
        works.idle--;
    }

    link = works.jobs.next;
    fkv__list_remove(link);

    return link;
}


static void *
work_thread(void *data)
{
    const uint64_t  one = 1;

    (void) data;
    pthread_mutex_lock(&works.mutex);

    for (;;) {
        fkv_work_t  *work = fkv__container(job_next(), fkv_work_t, link);

        pthread_mutex_unlock(&works.mutex);
        work->job(work);
        pthread_mutex_lock(&works.mutex);

        fkv__list_append(&works.done, &work->link);
        (void) !write(works.fd, &one, sizeof(one));
    }

    return NULL;
}


static void
on_ready(void *data, int events)
{
    uint64_t     count;
    fkv_link_t  *link;

    (void) data;
    (void) events;
    (void) !read(works.fd, &count, sizeof(count));

    for (;;) {
        pthread_mutex_lock(&works.mutex);
        link = fkv__list_empty(&works.done) ? NULL : works.done.next;

        if (link != NULL) {
            fkv__list_remove(link);
            works.n--;
        }

        pthread_mutex_unlock(&works.mutex);

        if (link == NULL) {
            return;
        }

        fkv__container(link, fkv_work_t, link)->done(
            fkv__container(link, fkv_work_t, link));
    }
}


static int
works_begin(void)
{
    const fkv_loop_t  *loop = fkv_loop();

    if (works.pid == getpid()) {
        return FKV_OK;
    }

    if (loop == NULL || loop->watch == NULL) {
        return FKV_EINVAL;
    }

    works.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

    if (works.fd == -1) {
        return FKV_EIO;
    }

    if (loop->watch(works.fd, 1, on_ready, NULL) != FKV_OK) {
        (void) close(works.fd);
        return FKV_EIO;
    }

    fkv__list_init(&works.jobs);
    fkv__list_init(&works.done);
    works.threads = 0;
    works.idle = 0;
    works.n = 0;
    works.pid = getpid();

    return FKV_OK;
}


/* Signals are the event loop's affair. */
static int
thread_begin(void)
{
    sigset_t   all, was;
    pthread_t  thread;
    int        rc;

    (void) sigfillset(&all);
    (void) pthread_sigmask(SIG_SETMASK, &all, &was);
    rc = pthread_create(&thread, NULL, work_thread, NULL);
    (void) pthread_sigmask(SIG_SETMASK, &was, NULL);

    if (rc != 0) {
        return FKV_EIO;
    }

    (void) pthread_detach(thread);
    works.threads++;

    return FKV_OK;
}


int
fkv_work(fkv_work_t *work)
{
    int  rc = works_begin();

    if (rc != FKV_OK) {
        return rc;
    }

    pthread_mutex_lock(&works.mutex);

    if (works.n == FKV_WORK_MAX) {
        rc = FKV_EBUSY;

    } else if (works.idle == 0 && works.threads < FKV_WORK_THREADS
               && thread_begin() != FKV_OK && works.threads == 0)
    {
        rc = FKV_EIO;

    } else {
        works.n++;
        fkv__list_append(&works.jobs, &work->link);
        pthread_cond_signal(&works.wake);
    }

    pthread_mutex_unlock(&works.mutex);

    return rc;
}
