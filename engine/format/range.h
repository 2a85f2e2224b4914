/*
 * range.h - what a range tombstone says.
 *
 * In the log it is a record of its kind, whose position is its version; once
 * that log is in tables it is a field of the manifest, until nothing is left
 * that it could hide.
 */

#ifndef FKV_FORMAT_RANGE_H
#define FKV_FORMAT_RANGE_H

#include "base/bytes.h"
#include "format/record.h"

/* Of every key in [begin, end) the versions below its own are deleted. */
typedef struct {
    fkv_str_t   begin;          /* internal keys, or prefixes of such */
    fkv_str_t   end;
    uint64_t    version;        /* LSN; no two have the same */
} fkv__range_t;

static inline bool
fkv__range_has(const fkv__range_t *range, fkv_str_t ikey)
{
    return fkv__str_cmp(range->begin, ikey) <= 0
           && fkv__str_cmp(ikey, range->end) < 0;
}


/* FKV_OK, or FKV_ECORRUPT: it is empty or has no version. */
int fkv__range_check(const fkv__range_t *range);

/*
 * Points into the record, whose version must be set.
 * FKV_OK, or FKV_ECORRUPT: it is no range tombstone, or an empty one.
 */
int fkv__range_get(const fkv__record_t *rec, fkv__range_t *range);

/* With keys of its own, which done frees.  FKV_OK or FKV_ENOMEM. */
int  fkv__range_copy(fkv__range_t *to, const fkv__range_t *from);
void fkv__range_done(fkv__range_t *range);


#endif /* FKV_FORMAT_RANGE_H */
