/*
 * meter.c - what a process used.
 */

#define _GNU_SOURCE
#include "meter.h"
#include "driver.h"

#include <ftw.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>


uint64_t
bench_now_ns(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_MONOTONIC, &ts);

    return (uint64_t) ts.tv_sec * 1000000000 + (uint64_t) ts.tv_nsec;
}


/* The number behind a label of a /proc file; 0: there is no such line. */
static uint64_t
proc_number(const char *path, const char *label)
{
    char                line[256];
    FILE               *file = fopen(path, "re");
    unsigned long long  number = 0;

    if (file == NULL) {
        bench_die("cannot open %s", path);
    }

    while (fgets(line, sizeof(line), file) != NULL) {
        if (strncmp(line, label, strlen(label)) == 0) {
            (void) sscanf(line + strlen(label), "%llu", &number);
            break;
        }
    }

    (void) fclose(file);

    return number;
}


static uint64_t
time_ns(const struct timeval *tv)
{
    return (uint64_t) tv->tv_sec * 1000000000 + (uint64_t) tv->tv_usec * 1000;
}


void
bench_meter(bench_meter_t *meter)
{
    struct rusage  usage;

    (void) getrusage(RUSAGE_SELF, &usage);

    meter->cpu_ns = time_ns(&usage.ru_utime) + time_ns(&usage.ru_stime);
    meter->read_bytes = proc_number("/proc/self/io", "read_bytes:");
    meter->write_bytes = proc_number("/proc/self/io", "write_bytes:");
}


void
bench_memory(uint64_t *peak, uint64_t *shared)
{
    *peak = proc_number("/proc/self/status", "VmHWM:") * 1024;
    *shared = proc_number("/proc/self/status", "RssShmem:") * 1024;
}


static uint64_t  disk_bytes;    /* nftw() has no argument for its callback */

static int
disk_add(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void) path;
    (void) ftw;

    if (flag == FTW_F) {
        disk_bytes += (uint64_t) st->st_blocks * 512;
    }

    return 0;
}


uint64_t
bench_disk_bytes(const char *dir)
{
    disk_bytes = 0;
    (void) nftw(dir, disk_add, 16, FTW_PHYS);

    return disk_bytes;
}
