/*
 * open fill DIR MEMORY_MB LOG_MB - a store whose log holds so much, in records
 * of 100 bytes, and whose processes have ended.
 * open time DIR MEMORY_MB - opens it and attaches one worker; prints how long
 * each took and what CPU it cost.
 */

#define _GNU_SOURCE

#include "fkv.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MIB          (1024 * 1024)
#define BATCH        64
#define KEY_BYTES    16
#define VALUE_BYTES  100
#define FRAME_BYTES  32             /* of a batch in the log */
#define RECORD_BYTES (KEY_BYTES + 3 + VALUE_BYTES + 5)      /* in the log */

typedef struct {
    double  wall;
    double  cpu;
} span_t;


static void
on_log(void *data, fkv_log_level_e level, const char *text)
{
    (void) data;

    if (level <= FKV_LOG_INFO) {
        fprintf(stderr, "%s\n", text);
    }
}


static const fkv_log_t  log_to_stderr = { on_log, NULL };


static void
on_turn(void *data)
{
    *(bool *) data = true;
}


static int
fail(const char *what)
{
    fprintf(stderr, "open: %s\n", what);
    exit(1);
}


static span_t
now(void)
{
    struct timespec  ts;
    struct rusage    r;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);
    (void) getrusage(RUSAGE_SELF, &r);

    return (span_t) {
        (double) ts.tv_sec + (double) ts.tv_nsec / 1e9,
        (double) (r.ru_utime.tv_sec + r.ru_stime.tv_sec)
        + (double) (r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6
    };
}


static void
tell(const char *what, span_t begin)
{
    span_t  end = now();

    printf("%-7s %.2f s, CPU %.2f s\n", what, end.wall - begin.wall,
           end.cpu - begin.cpu);
}


static fkv_t *
store_open(const char *dir, const char *memory_mb)
{
    char            error[FKV_ERROR_BYTES];
    fkv_t          *store;
    fkv_options_t   opt = {
        .path = dir,
        .memory = strtoull(memory_mb, NULL, 10) * MIB,
        .sync = FKV_SYNC_EVERYSEC,
        .uid = (uid_t) -1,
        .gid = (gid_t) -1
    };

    if (fkv_open(&store, &opt, &log_to_stderr, error) != FKV_OK) {
        fail(error);
    }

    return store;
}


static void
store_attach(fkv_t *store, bool *turn)
{
    char  error[FKV_ERROR_BYTES];

    if (fkv_attach(store, FKV_WORKER, &log_to_stderr, on_turn, turn, error)
        != FKV_OK)
    {
        fail(error);
    }
}


static void
on_done(fkv_op_t *op)
{
    *(int *) op->data = op->rc;
}


/* One batch of blind writes, at random places of the key space. */
static void
write_batch(fkv_t *store, bool *turn)
{
    int            rc;
    uint8_t        value[VALUE_BYTES];
    char           keys[BATCH][KEY_BYTES + 1];
    fkv_change_t   changes[BATCH];
    fkv_update_t   update = {
        .op = { .on_done = on_done, .data = &rc },
        .store = store, .changes = changes, .n = BATCH
    };
    struct pollfd  wake = { .fd = fkv_eventfd(store), .events = POLLIN };

    memset(value, (int) random(), sizeof(value));
    memset(changes, 0, sizeof(changes));

    for (unsigned i = 0; i < BATCH; i++) {
        (void) snprintf(keys[i], sizeof(keys[i]), "key:%08lx%04x",
                        (unsigned long) random(), i);

        changes[i].key = (fkv_str_t) { (uint8_t *) keys[i], KEY_BYTES };
        changes[i].value = (fkv_str_t) { value, sizeof(value) };
        changes[i].action = FKV_PUT;
        changes[i].blind = true;
    }

    rc = fkv_update(&update);

    while (rc == FKV_AGAIN) {
        (void) poll(&wake, 1, 10);
        fkv_poll(store);
    }

    if (rc != FKV_OK) {
        fail(fkv_code_text(rc));
    }

    if (*turn) {
        *turn = false;
        fkv_turn(store);
    }
}


/* No helper: what is written stays in the log. */
static void
fill(fkv_t *store, uint64_t bytes)
{
    bool      turn = false;
    uint64_t  batch = FRAME_BYTES + BATCH * RECORD_BYTES;

    store_attach(store, &turn);

    for (uint64_t at = 0; at < bytes; at += batch) {
        write_batch(store, &turn);
    }

    fkv_detach(store);
}


static void
attach(fkv_t *store)
{
    bool   turn = false;
    pid_t  pid = fork();

    if (pid == 0) {
        span_t  begin = now();

        store_attach(store, &turn);
        tell("attach", begin);
        fflush(stdout);
        fkv_detach(store);
        _exit(0);
    }

    (void) waitpid(pid, NULL, 0);
}


int
main(int argc, char **argv)
{
    fkv_t   *store;
    span_t   begin;

    if (argc == 5 && strcmp(argv[1], "fill") == 0) {
        store = store_open(argv[2], argv[3]);
        fill(store, strtoull(argv[4], NULL, 10) * MIB);

    } else if (argc == 4 && strcmp(argv[1], "time") == 0) {
        begin = now();
        store = store_open(argv[2], argv[3]);
        tell("open", begin);
        fflush(stdout);
        attach(store);

    } else {
        return fail("open fill DIR MEMORY_MB LOG_MB | open time DIR MEMORY_MB");
    }

    fkv_close(store);

    return 0;
}
