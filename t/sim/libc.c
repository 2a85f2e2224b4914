/*
 * libc.c - the C library's calls of the engine: the linker has them go to
 * __wrap_NAME (build.mk).  What is not of the simulated disk, as a memfd, goes
 * on to the real one.
 */

#define _GNU_SOURCE
#include "sim.h"
#include "sanitize.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define EVENTS      100000                  /* descriptors from here on */
#define EVENTS_MAX  8192

static uint64_t  events[EVENTS_MAX];
static unsigned  events_n;


void __wrap_fkv__step(const char *name);

void
__wrap_fkv__step(const char *name)
{
    sim_yield(SIM_AT_STEP, name);
}


/* Each thread has its own. */

int *__real___errno_location(void);
int *__wrap___errno_location(void);

int *
__wrap___errno_location(void)
{
    int  *own = sim_errno();

    return (own != NULL) ? own : __real___errno_location();
}


/* Time. */

int __wrap_clock_gettime(clockid_t clock, struct timespec *ts);

int
__wrap_clock_gettime(clockid_t clock, struct timespec *ts)
{
    uint64_t  us = (clock == CLOCK_REALTIME) ? sim_wall_us() : sim_now_us();

    ts->tv_sec = (time_t) (us / SIM_SECOND);
    ts->tv_nsec = (long) (us % SIM_SECOND) * 1000;

    return 0;
}


int __wrap_nanosleep(const struct timespec *ts, struct timespec *rest);

int
__wrap_nanosleep(const struct timespec *ts, struct timespec *rest)
{
    (void) rest;
    sim_sleep((uint64_t) ts->tv_sec * SIM_SECOND
              + (uint64_t) ts->tv_nsec / 1000);

    return 0;
}


/* Wakeups. */

bool
sim_event_has(int fd)
{
    return fd >= EVENTS && fd < EVENTS + EVENTS_MAX;
}


void
sim_events_end(void)
{
    events_n = 0;
}


void
sim_event_signal(int fd)
{
    events[fd - EVENTS]++;
    sim_wake_kernel(&events[fd - EVENTS]);
}


int __wrap_eventfd(unsigned count, int flags);

int
__wrap_eventfd(unsigned count, int flags)
{
    (void) flags;

    if (events_n == EVENTS_MAX) {
        sim_fail("too many eventfds");
    }

    events[events_n] = count;

    return EVENTS + (int) events_n++;
}


ssize_t __real_write(int fd, const void *buf, size_t len);
ssize_t __wrap_write(int fd, const void *buf, size_t len);

ssize_t
__wrap_write(int fd, const void *buf, size_t len)
{
    if (!sim_event_has(fd)) {
        return __real_write(fd, buf, len);
    }

    sim_yield(SIM_AT_CALL, NULL);
    sanitize_release(&events[fd - EVENTS]);
    sim_event_signal(fd);

    return (ssize_t) len;
}


int __wrap_eventfd_write(int fd, uint64_t value);

int
__wrap_eventfd_write(int fd, uint64_t value)
{
    return __wrap_write(fd, &value, sizeof(value)) < 0 ? -1 : 0;
}


ssize_t __wrap_read(int fd, void *buf, size_t len);

ssize_t
__wrap_read(int fd, void *buf, size_t len)
{
    uint64_t  count;

    if (!sim_event_has(fd)) {
        sim_fail("read of descriptor %d", fd);
    }

    sim_yield(SIM_AT_CALL, NULL);
    count = events[fd - EVENTS];

    if (count == 0) {
        errno = EAGAIN;
        return -1;
    }

    events[fd - EVENTS] = 0;
    sanitize_acquire(&events[fd - EVENTS]);
    memcpy(buf, &count, sizeof(count));

    return (ssize_t) len;
}


int __wrap_eventfd_read(int fd, uint64_t *value);

int
__wrap_eventfd_read(int fd, uint64_t *value)
{
    return __wrap_read(fd, value, sizeof(*value)) < 0 ? -1 : 0;
}


int __wrap_poll(struct pollfd *fds, nfds_t n, int ms);

int
__wrap_poll(struct pollfd *fds, nfds_t n, int ms)
{
    uint64_t  until = (ms < 0) ? SIM_FOREVER
                               : sim_now_us() + (uint64_t) ms * SIM_MS;

    if (n == 0 || fds[0].fd < 0) {
        sim_sleep(until - sim_now_us());
        return 0;
    }

    if (n != 1 || !sim_event_has(fds[0].fd)) {
        sim_fail("poll of descriptor %d", fds[0].fd);
    }

    sim_yield(SIM_AT_CALL, NULL);

    while (events[fds[0].fd - EVENTS] == 0) {
        if (!sim_wait(&events[fds[0].fd - EVENTS], until)) {
            return 0;
        }
    }

    fds[0].revents = POLLIN;

    return 1;
}


/*
 * Locks.  The word is the lock: 0, or the number of the task that has it.
 */
static uint32_t *
lock_word(void *lock)
{
    return lock;
}


int __wrap_pthread_mutex_init(pthread_mutex_t *mutex,
    const pthread_mutexattr_t *attr);

int
__wrap_pthread_mutex_init(pthread_mutex_t *mutex,
    const pthread_mutexattr_t *attr)
{
    (void) attr;
    *lock_word(mutex) = 0;

    return 0;
}


int __wrap_pthread_mutex_destroy(pthread_mutex_t *mutex);

int
__wrap_pthread_mutex_destroy(pthread_mutex_t *mutex)
{
    if (*lock_word(mutex) != 0) {
        sim_fail("a mutex is destroyed that is held");
    }

    return 0;
}


int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex);

int
__wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
    sim_yield(SIM_AT_CALL, NULL);

    if (*lock_word(mutex) == sim_task()) {
        sim_fail("a mutex is locked twice");
    }

    while (*lock_word(mutex) != 0) {
        (void) sim_wait(mutex, SIM_FOREVER);
    }

    *lock_word(mutex) = sim_task();
    sanitize_acquire(mutex);

    return 0;
}


int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex);

int
__wrap_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    if (*lock_word(mutex) != sim_task()) {
        sim_fail("a mutex is unlocked that another task holds");
    }

    *lock_word(mutex) = 0;
    sim_wake(mutex);
    sim_yield(SIM_AT_CALL, NULL);

    return 0;
}


int __wrap_pthread_cond_init(pthread_cond_t *cond,
    const pthread_condattr_t *attr);

int
__wrap_pthread_cond_init(pthread_cond_t *cond, const pthread_condattr_t *attr)
{
    (void) cond;
    (void) attr;

    return 0;
}


int __wrap_pthread_cond_destroy(pthread_cond_t *cond);

int
__wrap_pthread_cond_destroy(pthread_cond_t *cond)
{
    (void) cond;

    return 0;
}


int __wrap_pthread_cond_signal(pthread_cond_t *cond);

int
__wrap_pthread_cond_signal(pthread_cond_t *cond)
{
    sim_wake(cond);

    return 0;
}


int __wrap_pthread_cond_timedwait(pthread_cond_t *cond,
    pthread_mutex_t *mutex, const struct timespec *until);

int
__wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
    const struct timespec *until)
{
    bool  woken;

    *lock_word(mutex) = 0;
    sim_wake(mutex);
    woken = sim_wait(cond, (uint64_t) until->tv_sec * SIM_SECOND
                           + (uint64_t) until->tv_nsec / 1000);
    (void) __wrap_pthread_mutex_lock(mutex);

    return woken ? 0 : ETIMEDOUT;
}


/* Threads. */

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
    void *(*body)(void *data), void *data);

int
__wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr,
    void *(*body)(void *data), void *data)
{
    (void) attr;
    *thread = sim_spawn(sim_proc(), body, data);
    sim_yield(SIM_AT_CALL, NULL);

    return 0;
}


int __wrap_pthread_join(pthread_t thread, void **result);

int
__wrap_pthread_join(pthread_t thread, void **result)
{
    (void) result;
    (void) sim_task_ended((unsigned) thread);

    return 0;
}


/* There is one key, of format/pack.c. */

void *__wrap_pthread_getspecific(pthread_key_t key);

void *
__wrap_pthread_getspecific(pthread_key_t key)
{
    (void) key;

    return *sim_specific();
}


int __wrap_pthread_setspecific(pthread_key_t key, const void *value);

int
__wrap_pthread_setspecific(pthread_key_t key, const void *value)
{
    (void) key;
    *sim_specific() = (void *) (uintptr_t) value;

    return 0;
}


int __wrap_pthread_setname_np(pthread_t thread, const char *name);

int
__wrap_pthread_setname_np(pthread_t thread, const char *name)
{
    (void) thread;
    (void) name;

    return 0;
}


/* The process's own, which is ours. */

int __wrap_setpriority(int which, id_t who, int priority);

int
__wrap_setpriority(int which, id_t who, int priority)
{
    (void) which;
    (void) who;
    (void) priority;

    return 0;
}


int __wrap_madvise(void *at, size_t len, int advice);

int
__wrap_madvise(void *at, size_t len, int advice)
{
    (void) at;
    (void) len;
    (void) advice;
    errno = EINVAL;

    return -1;
}


pid_t __wrap_getpid(void);

pid_t
__wrap_getpid(void)
{
    return 1000 + (pid_t) sim_proc_id(sim_proc());
}


/* Files.  The table's calls are in fs.c. */

static int
answer(int res)
{
    if (res < 0) {
        errno = -res;
        return -1;
    }

    return res;
}


int __real_close(int fd);
int __wrap_close(int fd);

int
__wrap_close(int fd)
{
    if (sim_event_has(fd)) {
        return 0;
    }

    return sim_fd_is(fd) ? answer(sim_fs_close(fd)) : __real_close(fd);
}


int __wrap_openat(int dir, const char *path, int flags, ...);

int
__wrap_openat(int dir, const char *path, int flags, ...)
{
    return answer(sim_fs_open(dir, path, flags, 0600));
}


int __wrap_unlinkat(int dir, const char *path, int flags);

int
__wrap_unlinkat(int dir, const char *path, int flags)
{
    return answer(sim_fs_unlink(dir, path, (flags & AT_REMOVEDIR) != 0));
}


int __wrap_fstat(int fd, struct stat *st);

int
__wrap_fstat(int fd, struct stat *st)
{
    return answer(sim_files_stat(fd, "", st));
}


int __wrap_fstatat(int dir, const char *path, struct stat *st, int flags);

int
__wrap_fstatat(int dir, const char *path, struct stat *st, int flags)
{
    (void) flags;

    return answer(sim_files_stat(dir, path, st));
}


int __wrap_fcntl(int fd, int call, ...);

int
__wrap_fcntl(int fd, int call, ...)
{
    va_list        args;
    struct flock  *lock;

    if (call == F_GETFL) {
        return O_RDWR | O_NONBLOCK;
    }

    va_start(args, call);
    lock = va_arg(args, struct flock *);
    va_end(args);

    sim_yield(SIM_AT_CALL, NULL);

    if (call == F_OFD_GETLK) {
        if (sim_files_lock(fd, (uint64_t) lock->l_start, false, true) == 0) {
            lock->l_type = F_UNLCK;
        }

        return 0;
    }

    sim_behind_the_dead();

    return answer(sim_files_lock(fd, (uint64_t) lock->l_start,
                                lock->l_type != F_UNLCK, false));
}


/* A directory that is read: its names as they were when that began. */
typedef struct {
    int            fd;
    unsigned       n;
    unsigned       next;
    char         (*names)[SIM_NAME_MAX];
    struct dirent  entry;
} listing_t;

DIR *__wrap_fdopendir(int fd);

DIR *
__wrap_fdopendir(int fd)
{
    listing_t   *listing = calloc(1, sizeof(*listing));
    const char  *name;

    listing->fd = fd;

    while ((name = sim_files_name(fd, listing->n)) != NULL) {
        listing->names = realloc(listing->names,
                                 (listing->n + 1) * sizeof(*listing->names));
        memcpy(listing->names[listing->n++], name, SIM_NAME_MAX);
    }

    return (DIR *) (void *) listing;
}


DIR *__wrap_opendir(const char *path);

DIR *
__wrap_opendir(const char *path)
{
    (void) path;
    errno = ENOENT;                         /* there is no /proc */

    return NULL;
}


struct dirent *__wrap_readdir(DIR *dir);

struct dirent *
__wrap_readdir(DIR *dir)
{
    listing_t  *listing = (listing_t *) (void *) dir;

    sim_yield(SIM_AT_CALL, NULL);

    if (listing->next == listing->n) {
        return NULL;
    }

    memcpy(listing->entry.d_name, listing->names[listing->next++],
           SIM_NAME_MAX);

    return &listing->entry;
}


int __wrap_dirfd(DIR *dir);

int
__wrap_dirfd(DIR *dir)
{
    return ((listing_t *) (void *) dir)->fd;
}


int __wrap_closedir(DIR *dir);

int
__wrap_closedir(DIR *dir)
{
    listing_t  *listing = (listing_t *) (void *) dir;

    (void) sim_fs_close(listing->fd);
    free(listing->names);
    free(listing);

    return 0;
}
