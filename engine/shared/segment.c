/*
 * segment.c - dividing, creating and mapping the shared memory.
 */

#define _GNU_SOURCE
#include "shared/segment.h"
#include "base/time.h"
#include "shared/blocks.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE           4096
#define SEGMENT_MAGIC  0x314765536b764bull
#define HUGE_PAGE      (2 * 1024 * 1024)
#define HUGE_US        500000
#define BYTES_PER_KEY  256      /* a bucket for so many bytes of arena */
#define BYTES_PER_LEASE  (64 * 1024)    /* a lease for so many of memory */
#define LEASES_MAX     16384
#define BYTES_PER_CURSOR  (256 * 1024)

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE  23
#endif

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE  25
#endif


static uint64_t
buckets_for(uint64_t arena_bytes)
{
    uint64_t  n = 1024;

    while (n * BYTES_PER_KEY < arena_bytes) {
        n *= 2;
    }

    return n;
}


static uint64_t
sketch_lines(uint64_t memory)
{
    uint64_t  n = 1;

    while (2 * n * FKV__CACHE_LINE <= memory / FKV__SKETCH_SHARE) {
        n *= 2;
    }

    return n;
}


/* Of so many bytes, those for arenas and their buckets. */
static uint64_t
arenas_share(uint64_t bytes)
{
    uint64_t  share = fkv__min(bytes / 8 * 5, FKV__ARENAS_BYTES_FEW);

    share = fkv__max(fkv__max(share, bytes / 2), FKV__ARENAS_BYTES_MIN);
    share = fkv__min(share, FKV__ARENAS_BYTES_MAX);

    return fkv__min(share, bytes / 8 * 7);
}


void
fkv__segment_layout(uint64_t memory, fkv__segment_layout_t *layout)
{
    uint64_t  share;

    layout->latches_at = fkv__align(sizeof(fkv__segment_shm_t), PAGE);
    layout->leases_at = layout->latches_at
                        + fkv__align(FKV__LATCHES * sizeof(uint32_t), PAGE);

    layout->leases = fkv__min(memory / BYTES_PER_LEASE, LEASES_MAX);
    layout->cursors_at = layout->leases_at
                         + fkv__align(layout->leases
                                      * sizeof(fkv__lease_shm_t), PAGE);

    layout->cursors = fkv__min(memory / BYTES_PER_CURSOR, FKV__CURSORS_MAX);
    layout->sketch_at = layout->cursors_at
                        + fkv__align(layout->cursors
                                     * sizeof(fkv__cursor_shm_t), PAGE);

    layout->sketch_lines = sketch_lines(memory);
    layout->buckets_at = layout->sketch_at
                         + fkv__align(layout->sketch_lines * FKV__CACHE_LINE,
                                      PAGE);

    share = arenas_share(memory - layout->buckets_at);

    layout->buckets = buckets_for(share / FKV__ARENAS);
    layout->arenas_at = fkv__align(layout->buckets_at + FKV__ARENAS
                                   * layout->buckets * sizeof(uint32_t), PAGE);

    layout->arena_bytes = fkv__align_down((share + layout->buckets_at
                                           - layout->arenas_at)
                                          / FKV__ARENAS, PAGE);

    layout->blocks_at = layout->arenas_at + FKV__ARENAS * layout->arena_bytes;
    layout->blocks_bytes = fkv__align_down(memory - layout->blocks_at, PAGE);
}


/* Maps the file at a multiple of HUGE_PAGE.  MAP_FAILED: errno says why. */
static void *
map_aligned(int fd, uint64_t bytes)
{
    uint8_t  *room, *at;
    size_t    before;
    void     *p;

    room = mmap(NULL, bytes + HUGE_PAGE, PROT_NONE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (room == MAP_FAILED) {
        return MAP_FAILED;
    }

    at = (uint8_t *) fkv__align((uintptr_t) room, HUGE_PAGE);
    before = (size_t) (at - room);

    (void) munmap(at + bytes, HUGE_PAGE - before);

    if (before > 0) {
        (void) munmap(room, before);
    }

    p = mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);

    if (p == MAP_FAILED) {
        (void) munmap(at, bytes);
    }

    return p;
}


/*
 * Huge pages, as far as the kernel has them to give: without them a random
 * look into a large segment misses the TLB at every step.  This call does not
 * follow the system's settings of transparent huge pages, but wants a page to
 * be there already; kernels before 6.1 refuse it.  It clears them: that is
 * quick, but not where a hypervisor takes its time to find memory, and a start
 * does not wait for it longer than HUGE_US.
 */
static void
take_huge_pages(uint8_t *p, uint64_t bytes)
{
    uint64_t  until = fkv__monotonic_us() + HUGE_US;

    for (uint64_t at = 0;
         at + HUGE_PAGE <= bytes && fkv__monotonic_us() < until;
         at += HUGE_PAGE)
    {
        volatile uint8_t  *page = p + at;

        *page = 0;

        if (madvise(p + at, HUGE_PAGE, MADV_COLLAPSE) != 0) {
            return;
        }
    }
}


/*
 * All its memory is taken now, or the start fails.  fallocate() does not clear
 * the pages, which is most of what faulting them in would cost.
 */
static void *
segment_map(uint64_t memory)
{
    int    fd, rc, cause;
    void  *p = MAP_FAILED;

    memory = fkv__align(memory, PAGE);

    fd = memfd_create("ferrokv", MFD_CLOEXEC);
    if (fd < 0) {
        return MAP_FAILED;
    }

    rc = ftruncate(fd, (off_t) memory);

    if (rc == 0) {
        p = map_aligned(fd, memory);
    }

    if (p != MAP_FAILED) {
        take_huge_pages(p, memory);

        do {
            rc = fallocate(fd, 0, 0, (off_t) memory);
        } while (rc != 0 && errno == EINTR);
    }

    cause = errno;
    (void) close(fd);

    if (p != MAP_FAILED && rc != 0) {
        (void) munmap(p, memory);
        p = MAP_FAILED;
    }

    errno = cause;

    return p;
}


int
fkv__segment_create(uint64_t memory, fkv__segment_shm_t **segment)
{
    fkv__segment_shm_t     *seg;
    fkv__segment_layout_t   layout;

    fkv__segment_layout(memory, &layout);

    seg = segment_map(memory);

    if (seg == MAP_FAILED) {
        return FKV_ENOMEM;
    }

    (void) madvise(seg, memory, MADV_DONTDUMP);

    seg->magic = SEGMENT_MAGIC;
    seg->bytes = memory;
    seg->arena_bytes = layout.arena_bytes;
    seg->buckets = layout.buckets;
    seg->leases = layout.leases;
    seg->latches_at = layout.latches_at;
    seg->leases_at = layout.leases_at;
    seg->cursors = layout.cursors;
    seg->cursors_at = layout.cursors_at;
    seg->sketch_at = layout.sketch_at;
    seg->sketch_lines = layout.sketch_lines;
    seg->buckets_at = layout.buckets_at;
    seg->arenas_at = layout.arenas_at;
    seg->blocks_at = layout.blocks_at;
    seg->blocks_bytes = layout.blocks_bytes;
    fkv__blocks_create(seg);

    fkv__segment_populate(seg, 0, fkv__segment_first(seg));
    *segment = seg;

    return FKV_OK;
}


void
fkv__segment_populate(fkv__segment_shm_t *seg, uint64_t from, uint64_t to)
{
    /* An older kernel faults page by page later: slower, not wrong. */
    (void) madvise((uint8_t *) seg + from, to - from, MADV_POPULATE_WRITE);
}


void
fkv__segment_unmap(fkv__segment_shm_t *seg)
{
    (void) munmap(seg, seg->bytes);
}
