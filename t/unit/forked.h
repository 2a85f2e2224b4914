/*
 * forked.h - many small trials in processes of their own, a batch each: what
 * fails, crashes or hangs is known by its number, and the next ones go on.
 */

#ifndef FKV_T_FORKED_H
#define FKV_T_FORKED_H

#include "live.h"

#define FORKED_HANG_MS  60000

/* Shared with the children; a test appends its own counters. */
typedef struct {
    uint64_t  at;                   /* the trial that goes on */
    uint64_t  done;                 /* trials that ended well */
} forked_t;


/* bytes of zeros that children and parent see; begins with a forked_t. */
static inline void *
forked_share(size_t bytes)
{
    void  *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    assert_true(p != MAP_FAILED);

    return p;
}


/* A check that fails ends the child. */
static inline void
forked_child(forked_t *shared, void (*trial)(uint64_t i), uint64_t from,
    uint64_t to)
{
    (void) setenv("CMOCKA_TEST_ABORT", "1", 1);

    for (uint64_t i = from; i < to; i++) {
        __atomic_store_n(&shared->at, i, __ATOMIC_RELAXED);
        trial(i);
        __atomic_add_fetch(&shared->done, 1, __ATOMIC_RELAXED);
    }

    (void) fflush(stdout);
    _exit(0);
}


/*
 * Runs trials [from, to).  True: all went well.  Else shared->at is the one
 * that did not, and those behind it have not been run.
 */
static inline bool
forked_batch(forked_t *shared, void (*trial)(uint64_t i), uint64_t from,
    uint64_t to)
{
    int       status = 0;
    pid_t     pid;
    uint64_t  done = 0, since = live_ms();

    (void) fflush(stdout);
    pid = fork();
    assert_true(pid >= 0);

    if (pid == 0) {
        forked_child(shared, trial, from, to);
    }

    while (waitpid(pid, &status, WNOHANG) == 0) {
        uint64_t  now = __atomic_load_n(&shared->done, __ATOMIC_RELAXED);

        if (now != done) {
            done = now;
            since = live_ms();
        }

        if (live_ms() - since > FORKED_HANG_MS) {
            (void) kill(pid, SIGKILL);
            printf("# trial %llu hangs\n", (unsigned long long) shared->at);
        }

        (void) poll(NULL, 0, 2);
    }

    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}


/* How long a test may go on: FKV_SECONDS, or so many. */
static inline uint64_t
forked_end_ms(unsigned seconds)
{
    const char  *text = getenv("FKV_SECONDS");

    return live_ms() + 1000 * (text != NULL ? strtoull(text, NULL, 10)
                                            : seconds);
}


/* FKV_SEED, or another one each time; it is printed. */
static inline uint64_t
forked_seed(void)
{
    const char  *text = getenv("FKV_SEED");
    uint64_t     seed;

    seed = (text != NULL) ? strtoull(text, NULL, 10) : (uint64_t) time(NULL);
    printf("# FKV_SEED=%llu\n", (unsigned long long) seed);

    return seed;
}


#endif /* FKV_T_FORKED_H */
