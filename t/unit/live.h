/*
 * live.h - a real store in a temporary directory, and an event loop for it.
 */

#ifndef FKV_T_LIVE_H
#define FKV_T_LIVE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "check.h"
#include "fkv.h"

#include <ftw.h>
#include <poll.h>
#include <sys/mman.h>
#include <time.h>

typedef struct {
    char        dir[64];
    fkv_t      *store;
    bool        turn;           /* the engine asked for one */
    bool        quiet;          /* the log is not printed */
    fkv_log_t   log;
    char        logged[1024];   /* the last message */
    char        error[FKV_ERROR_BYTES];
} live_t;


static inline void
live_log(void *data, fkv_log_level_e level, const char *text)
{
    live_t  *live = data;

    (void) snprintf(live->logged, sizeof(live->logged), "%s", text);

    if (!live->quiet && level <= FKV_LOG_WARN) {
        printf("# %s\n", text);
    }
}


static inline void
live_on_turn(void *data)
{
    ((live_t *) data)->turn = true;
}


static inline void
live_dir(live_t *live)
{
    memset(live, 0, sizeof(*live));
    strcpy(live->dir, "/var/tmp/fkv-unit-XXXXXX");
    assert_non_null(mkdtemp(live->dir));
    live->log = (fkv_log_t) { live_log, live };
}


static inline int
live_unlink(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void) st;
    (void) flag;
    (void) ftw;

    return remove(path);
}


static inline void
live_remove(live_t *live)
{
    (void) nftw(live->dir, live_unlink, 16, FTW_DEPTH | FTW_PHYS);
}


static inline int
live_open_with(live_t *live, fkv_options_t opt)
{
    opt.path = live->dir;
    opt.uid = (uid_t) -1;
    opt.gid = (gid_t) -1;

    return fkv_open(&live->store, &opt, &live->log, live->error);
}


static inline void
live_open(live_t *live, uint64_t memory, fkv_sync_e sync)
{
    int  rc;

    rc = live_open_with(live, (fkv_options_t) { .memory = memory,
                                                .sync = sync });
    if (rc != FKV_OK) {
        fail_msg("open: %s", live->error);
    }
}


static inline void
live_attach(live_t *live, fkv_process_e as)
{
    if (fkv_attach(live->store, as, &live->log, live_on_turn, live,
                   live->error) != FKV_OK)
    {
        fail_msg("attach: %s", live->error);
    }
}


static inline void
live_detach_close(live_t *live)
{
    fkv_detach(live->store);
    fkv_close(live->store);
    live->store = NULL;
}


/* One turn of the loop; waits for at most ms milliseconds. */
static inline void
live_loop(live_t *live, int ms)
{
    int64_t        timeout;
    struct pollfd  pfd = { fkv_eventfd(live->store), POLLIN, 0 };
    uint64_t       count;

    while (live->turn) {
        live->turn = false;
        fkv_turn(live->store);
    }

    timeout = fkv_timeout_ms(live->store);

    if (timeout >= 0 && timeout < ms) {
        ms = (int) timeout;
    }

    if (poll(&pfd, 1, ms) > 0) {
        (void) !read(pfd.fd, &count, sizeof(count));
    }

    fkv_poll(live->store);
}


static inline uint64_t
live_ms(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000 + (uint64_t) ts.tv_nsec / 1000000;
}


static inline void
live_done(fkv_op_t *op)
{
    *(bool *) op->data = true;
}


/* Waits for an operation that answered FKV_AGAIN; returns its result. */
static inline int
live_wait(live_t *live, fkv_op_t *op, int rc, bool *done)
{
    uint64_t  until = live_ms() + 60000;

    if (rc != FKV_AGAIN) {
        return rc;
    }

    while (!*done) {
        live_loop(live, 100);

        if (live_ms() > until) {
            fail_msg("%s does not end, it is in state %d", op->name,
                     op->state);
        }
    }

    return op->rc;
}


static inline fkv_str_t
live_str(const char *s)
{
    return (fkv_str_t) { (const uint8_t *) s, strlen(s) };
}


static inline int
live_put_at(live_t *live, const char *key, fkv_str_t value,
    uint64_t expire_at, fkv_sync_e sync)
{
    bool          done = false;
    fkv_change_t  change = { .key = live_str(key), .blind = true,
                             .action = FKV_PUT, .value = value,
                             .expire_at = expire_at };
    fkv_update_t  u = { .store = live->store, .changes = &change, .n = 1,
                        .sync = sync, .now_ms = fkv_now_ms(live->store),
                        .op = { .on_done = live_done, .data = &done } };

    return live_wait(live, &u.op, fkv_update(&u), &done);
}


static inline int
live_put(live_t *live, const char *key, const char *value)
{
    return live_put_at(live, key, live_str(value), 0, FKV_SYNC_DEFAULT);
}


static inline int
live_delete(live_t *live, const char *key)
{
    bool          done = false;
    fkv_change_t  change = { .key = live_str(key), .action = FKV_DELETE };
    fkv_update_t  u = { .store = live->store, .changes = &change, .n = 1,
                        .now_ms = fkv_now_ms(live->store),
                        .op = { .on_done = live_done, .data = &done } };

    return live_wait(live, &u.op, fkv_update(&u), &done);
}


/* The value as a string in out[size], or the code. */
static inline int
live_get(live_t *live, const char *key, char *out, size_t size)
{
    bool       done = false;
    int        rc;
    fkv_get_t  get = { .store = live->store, .key = live_str(key),
                       .now_ms = fkv_now_ms(live->store),
                       .op = { .on_done = live_done, .data = &done } };

    rc = live_wait(live, &get.op, fkv_get(&get), &done);

    if (rc == FKV_OK) {
        size_t  n = fkv__min(get.value.data.len, size - 1);

        /* Of a large value that is not loaded there are no bytes. */
        if (n > 0) {
            memcpy(out, get.value.data.data, n);
        }

        out[n] = '\0';
    }

    fkv_get_done(&get);

    return rc;
}


typedef struct {
    char      text[24];
    int64_t   by;
    int64_t   value;
} live_incr_t;


static inline int
live_incr_decide(fkv_update_t *u)
{
    live_incr_t   *incr = (live_incr_t *) u->op.data;
    fkv_change_t  *change = u->changes;
    int64_t        old = 0;

    if (change->exists) {
        char    text[24] = "";
        size_t  n = fkv__min(change->current.data.len, sizeof(text) - 1);

        memcpy(text, change->current.data.data, n);
        old = atoll(text);
    }

    incr->value = old + incr->by;
    change->action = FKV_PUT;
    change->value.data = (uint8_t *) incr->text;
    change->value.len = (size_t) sprintf(incr->text, "%lld",
                                         (long long) incr->value);

    return FKV_OK;
}


static inline void
live_incr_done(fkv_op_t *op)
{
    ((live_incr_t *) op->data)->by = 0;         /* says that it has ended */
}


static inline int
live_incr(live_t *live, const char *key, int64_t by, int64_t *value)
{
    int           rc;
    uint64_t      until = live_ms() + 20000;
    live_incr_t   incr = { .by = by };
    fkv_change_t  change = { .key = live_str(key) };
    fkv_update_t  u = { .store = live->store, .changes = &change, .n = 1,
                        .now_ms = fkv_now_ms(live->store),
                        .decide = live_incr_decide,
                        .op = { .on_done = live_incr_done, .data = &incr } };

    rc = fkv_update(&u);

    if (rc == FKV_AGAIN) {
        while (incr.by != 0) {
            live_loop(live, 100);

            if (live_ms() > until) {
                fail_msg("incr does not end");
            }
        }

        rc = u.op.rc;
    }

    *value = incr.value;

    return rc;
}


/*
 * Of a test whose processes tell each other something: an open store, and size
 * bytes of zeroes that all of them see.
 */
static inline void *
live_share(live_t *live, size_t size)
{
    void  *told;

    live_dir(live);
    live->quiet = true;
    live_open(live, FKV_MEMORY_MIN, FKV_SYNC_EVERYSEC);

    told = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                -1, 0);
    assert_true(told != MAP_FAILED);

    return told;
}


static inline void
live_unshare(live_t *live, void *told, size_t size)
{
    live_detach_close(live);
    live_remove(live);
    (void) munmap(told, size);
}


#endif /* FKV_T_LIVE_H */
