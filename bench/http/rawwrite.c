/*
 * rawwrite FILE SECONDS - what the disk asks for one durable write: 4 KiB,
 * direct and DSYNC, one at a time, into a file that was written before.
 *
 * Prints JSON: writes, seconds, p50 and p99 in microseconds.
 */

#define _GNU_SOURCE

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BLOCK   4096
#define BLOCKS  16384
#define BATCH   256     /* of blocks, to write the file beforehand */


static uint64_t
now_ns(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000000 + (uint64_t) ts.tv_nsec;
}


static int
compare(const void *a, const void *b)
{
    uint32_t  x = *(const uint32_t *) a;
    uint32_t  y = *(const uint32_t *) b;

    return (x > y) - (x < y);
}


static int
fail(const char *what)
{
    perror(what);
    return 1;
}


int
main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: rawwrite FILE SECONDS\n");
        return 2;
    }

    int        fd = open(argv[1], O_RDWR | O_CREAT | O_TRUNC | O_DIRECT, 0600);
    uint64_t   limit = (uint64_t) atoi(argv[2]) * 1000000000;
    size_t     n_max = (size_t) atoi(argv[2]) * 200000;
    uint32_t  *took = malloc(n_max * sizeof(*took));
    void      *block;

    if (fd == -1) {
        return fail(argv[1]);
    }

    if (took == NULL || posix_memalign(&block, BLOCK, BLOCK * BATCH) != 0) {
        return fail("memory");
    }

    memset(block, 'v', BLOCK * BATCH);

    for (off_t i = 0; i < BLOCKS / BATCH; i++) {
        if (pwrite(fd, block, BLOCK * BATCH, i * BLOCK * BATCH)
            != BLOCK * BATCH)
        {
            return fail("pwrite");
        }
    }

    if (fsync(fd) != 0 || close(fd) != 0) {
        return fail("fsync");
    }

    fd = open(argv[1], O_RDWR | O_DIRECT | O_DSYNC);

    if (fd == -1) {
        return fail(argv[1]);
    }

    uint64_t  start = now_ns();
    uint64_t  last = start;
    size_t    n = 0;

    while (n < n_max && last - start < limit) {
        if (pwrite(fd, block, BLOCK, (off_t) (n % BLOCKS) * BLOCK) != BLOCK) {
            return fail("pwrite");
        }

        uint64_t  now = now_ns();

        took[n++] = (uint32_t) ((now - last) / 100);    /* tenths of a us */
        last = now;
    }

    qsort(took, n, sizeof(*took), compare);

    printf("{\"requests\":%zu,\"seconds\":%.6f,\"p50\":%.1f,\"p99\":%.1f,"
           "\"p999\":%.1f}\n", n, (double) (last - start) / 1e9,
           took[n / 2] / 10.0, took[n * 99 / 100] / 10.0,
           took[n * 999 / 1000] / 10.0);

    return 0;
}
