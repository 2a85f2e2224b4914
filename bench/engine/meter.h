/*
 * meter.h - what a process used: CPU time, memory, bytes of input and output,
 * bytes of a directory.
 */

#ifndef BENCH_METER_H
#define BENCH_METER_H

#include <stdint.h>

typedef struct {
    uint64_t  cpu_ns;           /* all threads, user and system */
    uint64_t  read_bytes;       /* of the disk, by /proc/self/io */
    uint64_t  write_bytes;
} bench_meter_t;

uint64_t bench_now_ns(void);

/* Of this process, all threads. */
void     bench_meter(bench_meter_t *meter);

/* VmHWM, the most that was resident, and how much of that is shared now. */
void     bench_memory(uint64_t *peak, uint64_t *shared);

/* Disk blocks of all files below dir, in bytes. */
uint64_t bench_disk_bytes(const char *dir);

#endif /* BENCH_METER_H */
