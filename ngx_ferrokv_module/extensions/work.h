/*
 * work.h - jobs in threads, of whoever would block the event loop.
 *
 * Shape      a queue for some threads, which begin with the first job, and one
 *            of what is done; an eventfd in the event loop says that there is
 *            something in it
 * Threads    job runs in any of them, done in the event loop.  What job has
 *            written is there for done: both queues are under one mutex
 * Deadline   a job cannot be stopped: who waits for one suspends with a
 *            timeout, and goes on without it
 * If killed  the jobs are gone with the process, as are their threads
 */

#ifndef FKV_EXTENSIONS_WORK_H
#define FKV_EXTENSIONS_WORK_H

#include "base/list.h"
#include "extensions/loop.h"

#define FKV_WORK_THREADS  4
#define FKV_WORK_MAX      1024      /* jobs that wait or run */

typedef struct fkv_work_s  fkv_work_t;

struct fkv_work_s {
    fkv_link_t   link;
    void       (*job)(fkv_work_t *work);
    void       (*done)(fkv_work_t *work);   /* work is the caller's again */
};

/* FKV_OK · FKV_EBUSY too many · FKV_EINVAL there is no event loop · FKV_EIO
   no thread, no eventfd */
int fkv_work(fkv_work_t *work);


#endif /* FKV_EXTENSIONS_WORK_H */
