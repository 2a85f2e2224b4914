/*
 * range.c - range tombstones, checked and copied.
 */

#include "format/range.h"
#include "base/alloc.h"


int
fkv__range_check(const fkv__range_t *range)
{
    return (range->version != 0 && range->begin.len > 0
            && fkv__str_cmp(range->begin, range->end) < 0)
           ? FKV_OK : FKV_ECORRUPT;
}


int
fkv__range_get(const fkv__record_t *rec, fkv__range_t *range)
{
    range->begin = rec->key;
    range->end = rec->value;
    range->version = rec->version;

    if (rec->kind != FKV__RECORD_RANGE_TOMBSTONE || rec->expire_at != 0
        || rec->meta.len != 0)
    {
        return FKV_ECORRUPT;
    }

    return fkv__range_check(range);
}


int
fkv__range_copy(fkv__range_t *to, const fkv__range_t *from)
{
    size_t    n = from->begin.len;
    uint8_t  *keys = fkv__alloc(n + from->end.len);     /* both, in one */

    if (keys == NULL) {
        return FKV_ENOMEM;
    }

    memcpy(keys, from->begin.data, n);
    memcpy(keys + n, from->end.data, from->end.len);

    *to = (fkv__range_t) {
        .begin = { keys, n },
        .end = { keys + n, from->end.len },
        .version = from->version
    };

    return FKV_OK;
}


void
fkv__range_done(fkv__range_t *range)
{
    fkv__free((void *) (uintptr_t) range->begin.data);
}
