/*
 * intact.c - sums of frames, and the records that an index leads to.
 */

#include "store/intact.h"

#include "base/bytes.h"
#include "shared/arena.h"

#define STAMP_AT  8


/* FKV_OK records and sum of their places are added · FKV_ECORRUPT */
static int
frame_records(const fkv__memtable_t *mt, const fkv__frame_t *frame,
    fkv__memtable_records_t *records)
{
    int             rc;
    const uint8_t  *p = frame->body.data, *next;
    fkv__record_t   rec;

    while ((rc = fkv__record_get(p, frame->body.data + frame->body.len, &rec,
                                 &next)) == FKV_OK)
    {
        records->n++;
        records->places += (uint64_t) (p - mt->mem);
        p = next;
    }

    return (rc == FKV_END) ? FKV_OK : rc;
}


/* records: NULL, or those of all frames that are not void. */
static int
frames_check(const fkv__memtable_t *mt, fkv__memtable_records_t *records,
    uint32_t *at)
{
    int                rc = FKV_OK;
    fkv__frame_t       frame;
    fkv__arena_word_t  w = fkv__arena_word(mt->shm);

    for (*at = 0; *at < w.top; *at += frame.length) {
        rc = fkv__frame_get(mt->mem + *at, w.top - *at, mt->shm->base + *at,
                            mt->shm->incarnation, &frame);

        if (rc == FKV_OK && records != NULL
            && frame.kind == FKV__FRAME_BATCH)
        {
            rc = frame_records(mt, &frame, records);
        }

        if (rc != FKV_OK) {
            return FKV_ECORRUPT;
        }
    }

    return FKV_OK;
}


int
fkv__intact_frames(const fkv__memtable_t *mt, uint32_t *at)
{
    return frames_check(mt, NULL, at);
}


int
fkv__intact(const fkv__memtable_t *mt, uint32_t *at)
{
    fkv__memtable_records_t  written = { 0 }, found = { 0 };

    if (frames_check(mt, &written, at) != FKV_OK) {
        return FKV_ECORRUPT;
    }

    if (fkv__memtable_check(mt, &found, at) != FKV_OK) {
        return FKV_ECORRUPT;
    }

    /* Which of them is missing is not known. */
    *at = fkv__arena_word(mt->shm).bottom;

    return (found.n == written.n && found.places == written.places)
           ? FKV_OK : FKV_ECORRUPT;
}
