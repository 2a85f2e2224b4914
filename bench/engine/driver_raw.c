/*
 * driver_raw.c - no engine: each write is 4 KiB, direct and DSYNC, into a file
 * that was written before; how long the disk alone may keep a writer waiting.
 */

#define _GNU_SOURCE
#include "driver.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK   4096
#define BLOCKS  16384
#define BATCH   256     /* of blocks, to write the file beforehand */

typedef struct {
    int     fd;
    char   *block;
    off_t   at;
} raw_t;


static void *
raw_open(const bench_settings_t *settings)
{
    char    path[4096];
    raw_t  *raw = calloc(1, sizeof(*raw));

    if (raw == NULL || posix_memalign((void **) &raw->block, BLOCK,
                                      BLOCK * BATCH) != 0)
    {
        bench_die("out of memory");
    }

    (void) snprintf(path, sizeof(path), "%s/raw", settings->dir);
    memset(raw->block, 'v', BLOCK * BATCH);

    raw->fd = open(path, O_RDWR | O_CREAT | O_DIRECT | O_DSYNC | O_CLOEXEC,
                   0600);

    if (raw->fd == -1) {
        bench_die("%s: %s", path, strerror(errno));
    }

    for (off_t i = 0; i < BLOCKS / BATCH; i++) {
        if (pwrite(raw->fd, raw->block, BLOCK * BATCH, i * BLOCK * BATCH)
            != BLOCK * BATCH)
        {
            bench_die("%s: %s", path, strerror(errno));
        }
    }

    return raw;
}


static void *
raw_session(void *store)
{
    return store;
}


static bool
raw_start(void *session, bench_request_t *request)
{
    raw_t  *raw = session;

    if (request->kind != BENCH_PUT) {
        bench_die("raw: it can only write");
    }

    if (pwrite(raw->fd, raw->block, BLOCK, raw->at++ % BLOCKS * BLOCK)
        != BLOCK)
    {
        bench_die("raw: write: %s", strerror(errno));
    }

    return true;
}


static void
raw_session_end(void *session)
{
    (void) session;
}


static void
raw_close(void *store)
{
    raw_t  *raw = store;

    (void) close(raw->fd);
    free(raw->block);
    free(raw);
}


static void
raw_describe(void *store, FILE *out)
{
    (void) store;

    fprintf(out, "4 KiB, O_DIRECT | O_DSYNC, one at a time");
}


const bench_driver_t  bench_driver_raw = {
    .name = "raw",
    .open = raw_open,
    .session = raw_session,
    .start = raw_start,
    .session_end = raw_session_end,
    .close = raw_close,
    .describe = raw_describe,
};
