/*
 * disk.c - a disk with a volatile cache, for a loop device to stand on.
 *
 *     disk IMAGE DIRECTORY        shows IMAGE as the file DIRECTORY/disk
 *
 * Shape     one file in a filesystem of our own (FUSE): what the loop device
 *           writes comes here, and so do its flushes.  Of each sector written
 *           since the last flush the old bytes are kept, in memory.
 * Orders    lines on stdin, each answered by a line:
 *             slow MS         each read, write and flush takes that long
 *             cut N SEED      the power goes with the N-th write from now on:
 *                             any of the sectors that no flush has covered are
 *                             as they were before, and all requests fail
 *             live            there is power again
 *             counts          writes, flushes, sectors lost so far
 *             end             leave
 * End       with stdin, too
 *
 * A disk may keep any subset of what it was not told to flush, in any order,
 * and tears nothing below a sector.  One thread: requests wait for each other,
 * as those of a slow disk do.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define SECTOR      512
#define WRITE_MAX   (128 * 1024)
#define FILE_NODE   2

static struct {
    int            fd;              /* of /dev/fuse */
    int            image;
    uint64_t       size;

    unsigned char  **old;           /* of each sector, or NULL */
    uint64_t        *dirty;         /* the sectors that have some */
    size_t           n_dirty;

    long             slow_ms;
    long             cut_after;     /* writes; 0: none is ordered */
    int              dead;

    unsigned long    writes;
    unsigned long    flushes;
    unsigned long    lost;
} disk;


static void
fail(const char *what)
{
    perror(what);
    exit(1);
}


static void
reply(uint64_t unique, int error, const void *data, size_t len)
{
    struct fuse_out_header  out = {
        .len = sizeof(out) + len, .error = -error, .unique = unique };
    struct iovec            iov[] = {
        { &out, sizeof(out) }, { (void *) data, len } };

    /* ENOENT: whoever asked was killed meanwhile. */
    if (writev(disk.fd, iov, 2) < 0 && errno != ENOENT) {
        fail("reply");
    }
}


static struct fuse_attr
attributes(uint64_t node)
{
    struct fuse_attr  attr = { .ino = node, .nlink = 1 };

    attr.mode = (node == FILE_NODE) ? S_IFREG | 0600 : S_IFDIR | 0700;
    attr.size = (node == FILE_NODE) ? disk.size : 0;
    attr.blksize = 4096;
    return attr;
}


static void
do_init(uint64_t unique, const struct fuse_init_in *in)
{
    struct fuse_init_out  out = {
        .major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION,
        .max_readahead = in->max_readahead, .max_write = WRITE_MAX,
        .max_pages = WRITE_MAX / 4096, .max_background = 64,
        .congestion_threshold = 48, .time_gran = 1,
        .flags = in->flags & (FUSE_BIG_WRITES | FUSE_MAX_PAGES
                              | FUSE_ASYNC_READ) };

    reply(unique, 0, &out, sizeof(out));
}


static void
do_lookup(uint64_t unique, const char *name)
{
    struct fuse_entry_out  out = { .nodeid = FILE_NODE, .attr_valid = 3600,
                                   .entry_valid = 3600 };

    out.attr = attributes(FILE_NODE);
    reply(unique, strcmp(name, "disk") == 0 ? 0 : ENOENT, &out,
          strcmp(name, "disk") == 0 ? sizeof(out) : 0);
}


static void
do_attributes(uint64_t unique, uint64_t node)
{
    struct fuse_attr_out  out = { .attr_valid = 3600 };

    out.attr = attributes(node);
    reply(unique, 0, &out, sizeof(out));
}


static void
wait_for_disk(void)
{
    struct timespec  t = { disk.slow_ms / 1000,
                           disk.slow_ms % 1000 * 1000000 };

    if (disk.slow_ms > 0) {
        (void) nanosleep(&t, NULL);
    }
}


static void
forget(void)
{
    for (size_t i = 0; i < disk.n_dirty; i++) {
        free(disk.old[disk.dirty[i]]);
        disk.old[disk.dirty[i]] = NULL;
    }

    disk.n_dirty = 0;
}


static void
keep_old(uint64_t offset, uint64_t len)
{
    uint64_t  sector;

    for (sector = offset / SECTOR; sector * SECTOR < offset + len; sector++) {
        if (disk.old[sector] != NULL) {
            continue;
        }

        disk.old[sector] = calloc(1, SECTOR);

        if (disk.old[sector] == NULL
            || pread(disk.image, disk.old[sector], SECTOR, sector * SECTOR) < 0)
        {
            fail("old sector");
        }

        disk.dirty[disk.n_dirty++] = sector;
    }
}


/* Nothing of it is lost, all, or a share that is as random as the sectors. */

static void
cut(void)
{
    long  share = random() % 5 * 25;

    for (size_t i = 0; i < disk.n_dirty; i++) {
        uint64_t  sector = disk.dirty[i];

        if (random() % 100 >= share) {
            continue;
        }

        if (pwrite(disk.image, disk.old[sector], SECTOR, sector * SECTOR)
            != SECTOR)
        {
            fail("old sector");
        }

        disk.lost++;
    }

    forget();
    disk.dead = 1;
}


static void
do_write(uint64_t unique, const struct fuse_write_in *in)
{
    struct fuse_write_out  out = { .size = in->size };
    int                    is_last;

    if (in->offset + in->size > disk.size) {
        reply(unique, ENOSPC, NULL, 0);
        return;
    }

    is_last = disk.cut_after > 0 && --disk.cut_after == 0;
    keep_old(in->offset, in->size);

    if (pwrite(disk.image, in + 1, in->size, in->offset) != in->size) {
        fail("write");
    }

    disk.writes++;

    if (is_last) {
        cut();
        reply(unique, EIO, NULL, 0);
        return;
    }

    reply(unique, 0, &out, sizeof(out));
}


static void
do_read(uint64_t unique, const struct fuse_read_in *in)
{
    static unsigned char  data[1 << 20];
    ssize_t               n;

    n = pread(disk.image, data, in->size < sizeof(data) ? in->size
                                                        : sizeof(data),
              in->offset);
    reply(unique, n < 0 ? EIO : 0, data, n < 0 ? 0 : n);
}


static void
do_flush(uint64_t unique)
{
    forget();
    disk.flushes++;
    reply(unique, 0, NULL, 0);
}


/* What goes to the disk itself. */

static void
transfer(const struct fuse_in_header *in)
{
    wait_for_disk();

    if (disk.dead) {
        reply(in->unique, EIO, NULL, 0);

    } else if (in->opcode == FUSE_READ) {
        do_read(in->unique, (const void *) (in + 1));

    } else if (in->opcode == FUSE_WRITE) {
        do_write(in->unique, (const void *) (in + 1));

    } else {
        do_flush(in->unique);
    }
}


static void
handle(const struct fuse_in_header *in)
{
    static const struct fuse_open_out    opened = {
        .open_flags = FOPEN_DIRECT_IO };
    static const struct fuse_statfs_out  room = { .st = {
        .bsize = 4096, .frsize = 4096, .namelen = 255 } };

    switch (in->opcode) {
    case FUSE_INIT:
        do_init(in->unique, (const void *) (in + 1));
        return;

    case FUSE_LOOKUP:
        do_lookup(in->unique, (const char *) (in + 1));
        return;

    case FUSE_GETATTR:
    case FUSE_SETATTR:
        do_attributes(in->unique, in->nodeid);
        return;

    case FUSE_OPEN:
    case FUSE_OPENDIR:
        reply(in->unique, 0, &opened, sizeof(opened));
        return;

    case FUSE_STATFS:
        reply(in->unique, 0, &room, sizeof(room));
        return;

    case FUSE_READ:
    case FUSE_WRITE:
    case FUSE_FSYNC:
        transfer(in);
        return;

    case FUSE_FLUSH:
    case FUSE_RELEASE:
    case FUSE_RELEASEDIR:
        reply(in->unique, 0, NULL, 0);
        return;

    case FUSE_FORGET:
    case FUSE_BATCH_FORGET:
    case FUSE_INTERRUPT:
        return;
    }

    reply(in->unique, ENOSYS, NULL, 0);
}


static void
obey(const char *line)
{
    unsigned  seed;
    long      n;

    if (sscanf(line, "slow %ld", &n) == 1) {
        disk.slow_ms = n;

    } else if (sscanf(line, "cut %ld %u", &n, &seed) == 2) {
        srandom(seed);
        disk.cut_after = n;

        if (n == 0) {
            cut();
        }

    } else if (strcmp(line, "live\n") == 0) {
        forget();
        disk.dead = 0;
        disk.cut_after = 0;

    } else if (strcmp(line, "counts\n") != 0) {
        printf("no such order\n");
        return;
    }

    printf("%lu writes %lu flushes %lu lost%s\n", disk.writes, disk.flushes,
           disk.lost, disk.dead ? " dead" : "");
}


static void
start(const char *image, const char *directory)
{
    struct stat  st;
    char         options[80];

    disk.image = open(image, O_RDWR | O_CLOEXEC);
    disk.fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);

    if (disk.image < 0 || disk.fd < 0 || fstat(disk.image, &st) != 0) {
        fail(disk.image < 0 ? image : "/dev/fuse");
    }

    disk.size = st.st_size;
    disk.old = calloc(disk.size / SECTOR + 1, sizeof(disk.old[0]));
    disk.dirty = calloc(disk.size / SECTOR + 1, sizeof(disk.dirty[0]));

    if (disk.old == NULL || disk.dirty == NULL) {
        fail("memory");
    }

    snprintf(options, sizeof(options),
             "fd=%d,rootmode=40000,user_id=0,group_id=0", disk.fd);

    if (mount("ferrokv-disk", directory, "fuse", MS_NOSUID | MS_NODEV, options)
        != 0)
    {
        fail("mount");
    }
}


int
main(int argc, char **argv)
{
    static unsigned char  request[WRITE_MAX + 4096];
    char                  line[100];
    ssize_t               n;

    if (argc != 3) {
        fprintf(stderr, "disk IMAGE DIRECTORY\n");
        return 2;
    }

    start(argv[1], argv[2]);
    setvbuf(stdin, NULL, _IONBF, 0);
    setvbuf(stdout, NULL, _IOLBF, 0);

    for ( ;; ) {
        struct pollfd  wait[] = { { disk.fd, POLLIN, 0 }, { 0, POLLIN, 0 } };

        if (poll(wait, 2, -1) < 0 && errno != EINTR) {
            fail("poll");
        }

        if (wait[1].revents != 0) {
            if (fgets(line, sizeof(line), stdin) == NULL
                || strcmp(line, "end\n") == 0)
            {
                break;
            }

            obey(line);
        }

        if (wait[0].revents != 0) {
            n = read(disk.fd, request, sizeof(request));

            if (n >= (ssize_t) sizeof(struct fuse_in_header)) {
                handle((const void *) request);

            } else if (n < 0 && errno == ENODEV) {
                break;              /* unmounted */
            }
        }
    }

    (void) umount2(argv[2], MNT_DETACH);
    return 0;
}
