/*
 * replay.c - reading, checking and walking the frames of one log file.
 */

#include "store/replay.h"

#include "base/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>

#define PIECE_BYTES  (4 * 1024 * 1024)
#define PAGE         4096


int
fkv__replay_open(fkv__replay_t *replay, const fkv__directory_t *directory,
    const fkv__log_file_t *file)
{
    char   name[32];
    void  *mem;

    memset(replay, 0, sizeof(*replay));

    replay->fs = directory->fs;
    replay->file = file;
    replay->bytes = fkv__align_down(file->bytes, FKV__FRAME_ALIGN);
    replay->end = file->header.base;

    fkv__log_name(name, file->number);

    replay->fd = replay->fs->open(replay->fs, directory->log_dir, name,
                                  O_RDONLY, 0);
    if (replay->fd < 0) {
        errno = -replay->fd;
        return FKV_EIO;
    }

    /* What is not read takes no memory.  Huge pages made it slower. */
    mem = mmap(NULL, replay->bytes + PAGE, PROT_READ | PROT_WRITE,
               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (mem == MAP_FAILED) {
        (void) replay->fs->close(replay->fs, replay->fd);
        errno = ENOMEM;
        return FKV_ENOMEM;
    }

    replay->mem = mem;

    return FKV_OK;
}


void
fkv__replay_close(fkv__replay_t *replay)
{
    fkv__spill_done(&replay->spill);
    (void) munmap(replay->mem, replay->bytes + PAGE);
    (void) replay->fs->close(replay->fs, replay->fd);
}


/* Reads on until so many bytes of frames are there, or all. */
static int
replay_load(fkv__replay_t *replay, uint64_t wanted)
{
    wanted = fkv__min(wanted, replay->bytes);

    while (replay->loaded < wanted) {
        int       rc;
        uint64_t  at = replay->loaded;
        uint64_t  n = fkv__min(replay->bytes - at, PIECE_BYTES);

        rc = fkv__file_read(replay->fs, replay->fd, replay->mem + at, n,
                            FKV__LOG_HEADER_BYTES + at);

        if (rc != FKV_OK) {
            return (rc == FKV_ENOMEM) ? FKV_ENOMEM : FKV_EIO;
        }

        replay->loaded = at + n;
    }

    return FKV_OK;
}


/* FKV_OK · FKV_END no valid frame is there · FKV_EIO · FKV_ENOMEM */
static int
replay_frame(fkv__replay_t *replay, uint64_t at, fkv__frame_t *frame)
{
    int       rc;
    uint64_t  length;

    if (replay->bytes - at < FKV__FRAME_HEADER_BYTES) {
        return FKV_END;
    }

    rc = replay_load(replay, at + FKV__FRAME_HEADER_BYTES);
    if (rc != FKV_OK) {
        return rc;
    }

    length = fkv__frame_stamp_length(fkv__get_le64(replay->mem + at + 8));

    if (length > replay->bytes - at) {
        return FKV_END;
    }

    rc = replay_load(replay, at + length);
    if (rc != FKV_OK) {
        return rc;
    }

    return fkv__frame_get(replay->mem + at, replay->bytes - at,
                          replay->file->header.base + at,
                          replay->file->header.incarnation, frame);
}


static bool
replay_record_ok(const fkv__record_t *rec)
{
    return rec->shared == 0 && rec->version == 0 && rec->key.len != 0;
}


/*
 * All records of a batch, or none.  FKV_OK · FKV_ECORRUPT · FKV_ENOMEM
 */
static int
replay_batch(fkv__replay_t *replay, const fkv__frame_t *frame)
{
    int             rc;
    size_t          n = replay->spill.n, common = replay->spill.common;
    size_t          ranges = replay->spill.ranges.len;
    uint64_t        records = 0;
    const uint8_t  *p = frame->body.data, *end = p + frame->body.len, *next;
    fkv__record_t   rec;

    while ((rc = fkv__record_get(p, end, &rec, &next)) == FKV_OK) {
        if (!replay_record_ok(&rec)) {
            rc = FKV_ECORRUPT;

        } else if (rec.kind == FKV__RECORD_RANGE_TOMBSTONE) {
            rc = fkv__spill_add_range(&replay->spill,
                                      (uint64_t) (p - replay->mem), &rec);

        } else {
            rc = fkv__spill_add(&replay->spill, p, &rec);
        }

        if (rc != FKV_OK) {
            break;
        }

        p = next;
        records++;
    }

    if (rc == FKV_END) {
        replay->records += records;
        return FKV_OK;
    }

    replay->spill.n = n;
    replay->spill.common = common;
    replay->spill.ranges.len = ranges;

    return rc;
}


int
fkv__replay_read(fkv__replay_t *replay, uint64_t from)
{
    int           rc;
    uint64_t      at = from - replay->file->header.base;
    fkv__frame_t  frame;

    FKV_ASSERT(from >= replay->file->header.base);

    /* What is below is in tables already. */
    replay->loaded = fkv__min(fkv__align_down(at, PAGE), replay->bytes);
    replay->end = from;

    if (at > replay->bytes || at % FKV__FRAME_ALIGN != 0) {
        return FKV_OK;
    }

    while ((rc = replay_frame(replay, at, &frame)) == FKV_OK) {
        if (frame.kind == FKV__FRAME_BATCH) {
            rc = replay_batch(replay, &frame);
        }

        if (rc == FKV_ECORRUPT) {
            replay->invalid = true;
            return FKV_OK;
        }

        if (rc != FKV_OK) {
            return rc;
        }

        at += frame.length;
        replay->end += frame.length;
        replay->frames++;
    }

    return (rc == FKV_END) ? FKV_OK : rc;
}


/*
 * Does a frame of ours begin here, though it is not whole?  Its header has a
 * sum of its own, so put together anew it must come out the same.
 */
static uint64_t
replay_begun(const fkv__replay_t *replay, uint64_t at)
{
    const uint8_t        *p = replay->mem + at;
    _Alignas(8) uint8_t  again[FKV__FRAME_HEADER_BYTES];
    uint64_t              stamp;

    if (replay->bytes - at < FKV__FRAME_HEADER_BYTES) {
        return 0;
    }

    stamp = fkv__get_le64(p + 8);

    if (fkv__frame_stamp_length(stamp) == 0) {
        return 0;
    }

    fkv__frame_seal(again, stamp, fkv__get_le64(p + 16), fkv__get_le32(p + 24),
                    replay->file->header.base + at,
                    replay->file->header.incarnation);

    return (memcmp(p + 8, again + 8, FKV__FRAME_HEADER_BYTES - 8) == 0)
           ? fkv__min(fkv__frame_stamp_length(stamp), replay->bytes - at)
           : 0;
}


/*
 * How much of a frame is at the end?  The last block of each write is padded
 * with zeros, so what stands in the same block behind the last good frame was
 * meant to follow it.  What stands in further blocks may be of the file's
 * earlier life.
 */
static uint64_t
replay_torn(const fkv__replay_t *replay, uint64_t at)
{
    uint64_t  begun = replay_begun(replay, at);
    uint64_t  end = fkv__min(fkv__align(at + 1, PAGE), replay->bytes);

    if (begun != 0) {
        return begun;
    }

    while (end > at && replay->mem[end - 1] == 0) {
        end--;
    }

    return end - at;
}


int
fkv__replay_search(fkv__replay_t *replay, uint64_t from, uint64_t durable,
    fkv__replay_rest_t *rest)
{
    int       rc;
    uint64_t  torn_until, base = replay->file->header.base;
    uint64_t  at = fkv__align(from - base, FKV__FRAME_ALIGN);

    if (at >= replay->bytes) {
        return FKV_OK;
    }

    replay->loaded = fkv__max(replay->loaded, fkv__align_down(at, PAGE));

    rc = replay_load(replay, replay->bytes);
    if (rc != FKV_OK) {
        return rc;
    }

    torn_until = at + replay_torn(replay, at);
    rest->bytes += torn_until - at;

    while (replay->bytes - at >= FKV__FRAME_HEADER_BYTES) {
        fkv__frame_t  frame;

        if (fkv__frame_get(replay->mem + at, replay->bytes - at, base + at,
                           replay->file->header.incarnation, &frame)
            != FKV_OK)
        {
            at += FKV__FRAME_ALIGN;
            continue;
        }

        if (frame.durable > durable && rest->proof == 0) {
            rest->proof = base + at;
            rest->proof_file = replay->file->number;
            rest->proof_offset = FKV__LOG_HEADER_BYTES + at;
        }

        at += frame.length;
        rest->bytes += at - fkv__max(at - frame.length,
                                     fkv__min(torn_until, at));
    }

    return FKV_OK;
}
