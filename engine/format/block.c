/*
 * block.c - building, verifying and walking blocks.
 */

#include "format/block.h"
#include "base/crc32c.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* The payload's last four bytes: number of records, and its shape. */
#define TAIL_BYTES     4
#define SHAPE_WIDE     0x01000000
#define SHAPE_FINGERS  0x02000000
#define SHAPE_UNKNOWN  0xfc000000


static uint32_t
block_crc(fkv_str_t payload, uint8_t type, uint64_t file_id, uint64_t offset)
{
    uint8_t   seed[16];
    uint32_t  crc;

    fkv__put_le64(seed, file_id);
    fkv__put_le64(seed + 8, offset);

    crc = fkv__crc32c(0, seed, sizeof(seed));
    crc = fkv__crc32c(crc, payload.data, payload.len);

    return fkv__crc32c(crc, &type, 1);
}


static void
block_trailer_put(uint8_t *out, fkv_str_t stored, uint8_t type,
    uint64_t file_id, uint64_t offset)
{
    out[0] = type;
    fkv__put_le32(out + 1, block_crc(stored, type, file_id, offset));
}


void
fkv__block_trailer_put(uint8_t *out, fkv_str_t payload, uint64_t file_id,
    uint64_t offset)
{
    block_trailer_put(out, payload, FKV__BLOCK_PLAIN, file_id, offset);
}


/* Verifies; what is before the trailer, and its type. */
static int
block_verify(const uint8_t *raw, size_t len, uint64_t file_id,
    uint64_t offset, fkv_str_t *stored, uint8_t *type)
{
    const uint8_t  *trailer;

    if (len < FKV__BLOCK_TRAILER_BYTES) {
        return FKV_ECORRUPT;
    }

    *stored = (fkv_str_t) { raw, len - FKV__BLOCK_TRAILER_BYTES };
    trailer = raw + stored->len;
    *type = trailer[0];

    return (fkv__get_le32(trailer + 1)
            == block_crc(*stored, *type, file_id, offset)) ? FKV_OK
                                                           : FKV_ECORRUPT;
}


int
fkv__block_open(const uint8_t *raw, size_t len, uint64_t file_id,
    uint64_t offset, fkv__buf_t *room, fkv_str_t *payload)
{
    uint8_t    type;
    fkv_str_t  stored;
    int        rc;

    rc = block_verify(raw, len, file_id, offset, &stored, &type);

    return (rc == FKV_OK) ? fkv__unpack(type, stored, room, payload) : rc;
}


int
fkv__block_check(const uint8_t *raw, size_t len, uint64_t file_id,
    uint64_t offset, fkv_str_t *payload)
{
    uint8_t  type;
    int      rc;

    rc = block_verify(raw, len, file_id, offset, payload, &type);

    /* The sum is right, so a newer build wrote what we cannot read. */
    return (rc == FKV_OK && type != FKV__BLOCK_PLAIN) ? FKV_EVERSION : rc;
}


void
fkv__block_builder_init(fkv__block_builder_t *block)
{
    memset(block, 0, sizeof(*block));
}


void
fkv__block_builder_done(fkv__block_builder_t *block)
{
    fkv__buf_done(&block->records);
    fkv__buf_done(&block->offsets);
    fkv__buf_done(&block->fingers);
    fkv__buf_done(&block->last_key);
    fkv__packer_done(&block->packer);
    fkv__block_builder_init(block);
}


/*
 * How the last record's key is to rec's: < 0, 0, > 0.  Both are behind their
 * head, so the one that shares less with it is the larger.
 */
static int
block_order(const fkv__block_builder_t *block, const fkv__record_t *rec,
    fkv_str_t head, size_t shared)
{
    fkv_str_t  last = fkv__buf_str(&block->last_key);

    if (block->last_version == 0) {
        return -1;
    }

    if (block->n % FKV__BLOCK_GROUP == 0) {
        return fkv__str_cmp(last, rec->key);
    }

    if (shared > block->shared
        || (shared < head.len
            && (rec->key.len == shared
                || rec->key.data[shared] < head.data[shared])))
    {
        return 1;
    }

    return (shared < block->shared)
           ? -1 : fkv__str_cmp(fkv__str_from(last, shared),
                               fkv__str_from(rec->key, shared));
}


/* n records that end at this offset, the last one of them beginning at at. */
static size_t
block_bytes(size_t records, size_t at, size_t n, bool fingers)
{
    size_t  each = ((at > UINT16_MAX) ? 4 : 2) + (fingers ? 1 : 0);

    return records + n * each + TAIL_BYTES + FKV__BLOCK_TRAILER_BYTES;
}


static size_t
block_last_at(const fkv__block_builder_t *block)
{
    return fkv__get_le32(block->offsets.data + block->offsets.len - 4);
}


/* Whatever a record can need, its head being as long as can be. */
static int
block_reserve(fkv__block_builder_t *block, const fkv__record_t *rec)
{
    size_t  size = FKV__RECORD_HEAD_MAX + rec->meta.len + rec->key.len
                   + rec->value.len;

    if (fkv__buf_reserve(&block->records, size) != FKV_OK
        || fkv__buf_reserve(&block->offsets, 4) != FKV_OK
        || fkv__buf_reserve(&block->fingers, 1) != FKV_OK
        || fkv__buf_reserve(&block->last_key, rec->key.len) != FKV_OK)
    {
        return FKV_ENOMEM;
    }

    return FKV_OK;
}


/* A record has been put behind records; makes it one of them. */
static void
block_accept(fkv__block_builder_t *block, const fkv__record_t *stored,
    size_t head_len, const uint64_t *hash)
{
    fkv__buf_t  *records = &block->records, *last = &block->last_key;
    uint8_t     *value = records->data + records->len + head_len;

    fkv__put_le32(block->offsets.data + block->offsets.len,
                  (uint32_t) records->len);
    block->offsets.len += 4;

    if (stored->value.len > 0) {
        memcpy(value, stored->value.data, stored->value.len);
    }

    block->shared = stored->shared;

    if (block->n % FKV__BLOCK_GROUP == 0) {
        block->shared = stored->key.len;
        block->head_len = stored->key.len;
        block->head_at = records->len + head_len - stored->key.len;
    }

    if (hash != NULL) {
        block->fingers.data[block->fingers.len++] = (uint8_t) *hash;
    }

    records->len += head_len + stored->value.len;
    block->n++;

    /* So many bytes the last key had in common with the head, too. */
    if (stored->key.len > 0) {
        memcpy(last->data + stored->shared, stored->key.data,
               stored->key.len);
    }

    last->len = stored->shared + stored->key.len;
    block->last_version = stored->version;
}


int
fkv__block_builder_add(fkv__block_builder_t *block, const fkv__record_t *rec,
    const uint64_t *hash, size_t bytes_max)
{
    fkv__record_t  stored = *rec;
    fkv_str_t      head = FKV_STR_NULL;
    size_t         at = block->records.len, head_len, total, shared = 0;
    int            order;

    if (block->n % FKV__BLOCK_GROUP != 0) {
        head = (fkv_str_t) { block->records.data + block->head_at,
                             block->head_len };
        shared = fkv__str_common(head, rec->key);
    }

    order = block_order(block, rec, head, shared);

    FKV_ASSERT(rec->kind != FKV__RECORD_END);
    FKV_ASSERT(rec->version != 0);
    FKV_ASSERT(rec->shared == 0);
    FKV_ASSERT(order < 0 || (order == 0
                             && block->last_version > rec->version));
    FKV_ASSERT(block->n < FKV__BLOCK_RECORDS_MAX);
    FKV_ASSERT(block->fingers.len == (hash != NULL ? block->n : 0));

    stored.shared = shared;
    stored.key = fkv__str_from(rec->key, shared);

    if (block_reserve(block, rec) != FKV_OK) {
        return FKV_ENOMEM;
    }

    /* It counts only once it is accepted. */
    head_len = (size_t) (fkv__record_put(block->records.data + at, &stored)
                         - (block->records.data + at));
    total = block_bytes(at + head_len + rec->value.len, at, block->n + 1,
                        hash != NULL);

    FKV_ASSERT(total <= UINT32_MAX);

    if (bytes_max != 0 && total > bytes_max && block->n != 0) {
        return FKV_EFULL;
    }

    block_accept(block, &stored, head_len, hash);
    block->repeats = (order == 0);

    return FKV_OK;
}


size_t
fkv__block_builder_bytes(const fkv__block_builder_t *block)
{
    if (block->n == 0) {
        return 0;
    }

    return block_bytes(block->records.len, block_last_at(block), block->n,
                       block->fingers.len != 0);
}


/* Appends everything up to the trailer; there is room. */
static void
block_put(const fkv__block_builder_t *block, fkv__buf_t *out)
{
    bool      wide = block_last_at(block) > UINT16_MAX;
    uint8_t  *p;

    (void) fkv__buf_append(out, block->records.data, block->records.len);

    p = out->data + out->len;

    for (size_t i = 0; i < block->offsets.len; i += 4) {
        memcpy(p, block->offsets.data + i, wide ? 4 : 2);
        p += wide ? 4 : 2;
    }

    out->len = (size_t) (p - out->data);
    (void) fkv__buf_append(out, block->fingers.data, block->fingers.len);

    fkv__put_le32(out->data + out->len, block->n
                  | (wide ? SHAPE_WIDE : 0)
                  | (block->fingers.len != 0 ? SHAPE_FINGERS : 0));
    out->len += TAIL_BYTES;
}


int
fkv__block_builder_finish(fkv__block_builder_t *block, fkv__buf_t *out,
    uint64_t file_id, uint64_t offset, fkv__block_place_t *place)
{
    size_t             start = out->len;
    fkv_str_t          stored;
    fkv__block_type_e  type;

    FKV_ASSERT(block->n != 0);

    if (fkv__buf_reserve(out, fkv__block_builder_bytes(block)) != FKV_OK) {
        return FKV_ENOMEM;
    }

    block_put(block, out);

    type = fkv__pack(&block->packer, block->type, out, out->len - start);
    stored = (fkv_str_t) { out->data + start, out->len - start };

    block_trailer_put(out->data + out->len, stored, type, file_id, offset);
    out->len += FKV__BLOCK_TRAILER_BYTES;

    *place = (fkv__block_place_t) { offset, stored.len };

    block->records.len = 0;
    block->offsets.len = 0;
    block->fingers.len = 0;
    block->n = 0;

    return FKV_OK;
}


static inline size_t
view_offset(const fkv__block_view_t *view, uint32_t i)
{
    return view->wide ? fkv__get_le32(view->end + 4 * (size_t) i)
                      : fkv__get_le16(view->end + 2 * (size_t) i);
}


static int
view_init(fkv__block_view_t *view, fkv_str_t payload)
{
    size_t    each, room;
    uint32_t  tail;

    if (payload.len < TAIL_BYTES) {
        return FKV_ECORRUPT;
    }

    room = payload.len - TAIL_BYTES;
    tail = fkv__get_le32(payload.data + room);

    view->n = tail & FKV__BLOCK_RECORDS_MAX;
    view->wide = (tail & SHAPE_WIDE) != 0;
    each = (view->wide ? 4 : 2) + ((tail & SHAPE_FINGERS) ? 1 : 0);

    if (view->n == 0 || (tail & SHAPE_UNKNOWN) || view->n > room / each) {
        return FKV_ECORRUPT;
    }

    view->begin = payload.data;
    view->end = payload.data + room - view->n * each;
    view->fingers = (tail & SHAPE_FINGERS) ? payload.data + room - view->n
                                           : NULL;

    /* A search checks the others that it meets. */
    if (view_offset(view, 0) != 0
        || view_offset(view, view->n - 1)
           >= (size_t) (view->end - view->begin))
    {
        return FKV_ECORRUPT;
    }

    return FKV_OK;
}


static int
view_read_any(const fkv__block_view_t *view, const uint8_t *p,
    fkv__record_t *rec, const uint8_t **next)
{
    int  rc = fkv__record_get(p, view->end, rec, next);

    return (rc == FKV_OK && rec->version != 0) ? FKV_OK : FKV_ECORRUPT;
}


/*
 * The record at p as it is stored, not yet related to its head.  Most have
 * nothing optional but a version, and a short key: these are read here, where
 * the compiler knows what the caller does not look at.
 */
static inline int
view_read(const fkv__block_view_t *view, const uint8_t *p, fkv__record_t *rec,
    const uint8_t **next)
{
    const uint8_t  *q = p + 3;
    uint64_t        value_len, version, left;

    if (view->end - p < 4
        || (p[0] & ~FKV__RECORD_KIND) != FKV__RECORD_VERSION
        || ((p[1] | p[2]) & 0x80) != 0)
    {
        return view_read_any(view, p, rec, next);
    }

    *rec = (fkv__record_t) {
        .kind = p[0] & FKV__RECORD_KIND, .shared = p[1]
    };

    q = fkv__get_varint(q, view->end, &value_len);

    if (q == NULL || (q = fkv__get_varint(q, view->end, &version)) == NULL) {
        return FKV_ECORRUPT;
    }

    left = (uint64_t) (view->end - q);

    if (rec->kind == FKV__RECORD_END || rec->kind > FKV__RECORD_BLOB
        || p[2] > left || value_len > left - p[2] || version == 0)
    {
        return FKV_ECORRUPT;
    }

    rec->version = version;
    rec->key = (fkv_str_t) { q, p[2] };
    rec->value = (fkv_str_t) { q + p[2], value_len };

    *next = rec->value.data + value_len;

    return FKV_OK;
}


static inline int
view_at(const fkv__block_view_t *view, uint32_t i, fkv__record_t *rec)
{
    size_t          offset = view_offset(view, i);
    const uint8_t  *next;

    if (offset >= (size_t) (view->end - view->begin)) {
        return FKV_ECORRUPT;
    }

    return view_read(view, view->begin + offset, rec, &next);
}


/* The head of i's group. */
static inline int
view_head(const fkv__block_view_t *view, uint32_t i, fkv__record_t *rec)
{
    int  rc = view_at(view, i - i % FKV__BLOCK_GROUP, rec);

    return (rc == FKV_OK && rec->shared != 0) ? FKV_ECORRUPT : rc;
}


/*
 * The first of (*low, high) at or behind (ikey, version), or high.  The head
 * of their group, which is no other than *low, lies before it.  With common
 * the bytes that ikey has in common with the head, a record that shares more
 * lies before ikey, one that shares less behind it.
 */
static int
view_bound_in_group(const fkv__block_view_t *view, const fkv__record_t *head,
    uint32_t *low, uint32_t high, fkv_str_t ikey, uint64_t version)
{
    size_t         common = fkv__str_common(head->key, ikey);
    fkv__record_t  rec;

    (*low)++;

    while (*low < high) {
        uint32_t  middle = *low + (high - *low) / 2;
        bool      before;

        if (view_at(view, middle, &rec) != FKV_OK
            || rec.shared > head->key.len)
        {
            return FKV_ECORRUPT;
        }

        if (rec.shared != common) {
            before = rec.shared > common;

        } else {
            before = fkv__block_cmp(rec.key, rec.version,
                                    fkv__str_from(ikey, common), version) < 0;
        }

        if (before) {
            *low = middle + 1;

        } else {
            high = middle;
        }
    }

    return FKV_OK;
}


/* Which record is the first at or behind (ikey, version); n: none is. */
static int
view_bound(const fkv__block_view_t *view, fkv_str_t ikey, uint64_t version,
    uint32_t *at)
{
    uint32_t       low = 0;
    uint32_t       high = (view->n - 1) / FKV__BLOCK_GROUP + 1;
    fkv__record_t  rec, head;

    /* Head low lies before the target or is the first, high does not. */

    if (view_head(view, 0, &head) != FKV_OK) {
        return FKV_ECORRUPT;
    }

    if (fkv__block_cmp(head.key, head.version, ikey, version) >= 0) {
        *at = 0;
        return FKV_OK;
    }

    while (low + 1 < high) {
        uint32_t  middle = low + (high - low) / 2;

        if (view_head(view, middle * FKV__BLOCK_GROUP, &rec) != FKV_OK) {
            return FKV_ECORRUPT;
        }

        if (fkv__block_cmp(rec.key, rec.version, ikey, version) < 0) {
            low = middle;
            head = rec;

        } else {
            high = middle;
        }
    }

    *at = low * FKV__BLOCK_GROUP;
    high = fkv__min(*at + FKV__BLOCK_GROUP, view->n);

    return view_bound_in_group(view, &head, at, high, ikey, version);
}


/* The first fingerprint from i on that is finger; n: there is none. */
static uint32_t
view_finger(const fkv__block_view_t *view, uint32_t i, uint8_t finger)
{
    const uint8_t  *p = view->fingers;

#if defined(__SSE2__)
    __m128i  want = _mm_set1_epi8((char) finger);

    for ( ; i + 16 <= view->n; i += 16) {
        __m128i   some = _mm_loadu_si128((const void *) (p + i));
        unsigned  mask;

        mask = (unsigned) _mm_movemask_epi8(_mm_cmpeq_epi8(some, want));

        if (mask != 0) {
            return i + (uint32_t) __builtin_ctz(mask);
        }
    }
#endif

    while (i < view->n && p[i] != finger) {
        i++;
    }

    return i;
}


/* FKV_OK record i has this key · FKV_NOTFOUND · FKV_ECORRUPT */
static int
view_is(const fkv__block_view_t *view, uint32_t i, fkv_str_t ikey,
    fkv__record_t *rec)
{
    fkv__record_t  head;

    /* Two misses of the processor's cache at a time, not one by one. */
    __builtin_prefetch(view->begin
                       + view_offset(view, i - i % FKV__BLOCK_GROUP));

    if (view_at(view, i, rec) != FKV_OK) {
        return FKV_ECORRUPT;
    }

    if (rec->shared > ikey.len
        || !fkv__str_eq(rec->key, fkv__str_from(ikey, rec->shared)))
    {
        return FKV_NOTFOUND;
    }

    if (rec->shared == 0) {
        return FKV_OK;
    }

    if (view_head(view, i, &head) != FKV_OK || rec->shared > head.key.len) {
        return FKV_ECORRUPT;
    }

    return (memcmp(head.key.data, ikey.data, rec->shared) == 0) ? FKV_OK
                                                                : FKV_NOTFOUND;
}


/* By search: for blocks without fingerprints, and for older versions. */
static int
view_find(const fkv__block_view_t *view, fkv_str_t ikey, uint64_t version,
    fkv__record_t *rec)
{
    uint32_t  at;
    int       rc = view_bound(view, ikey, version, &at);

    if (rc == FKV_OK) {
        rc = (at < view->n) ? view_is(view, at, ikey, rec) : FKV_NOTFOUND;
    }

    /* What is newer lies before the bound, unless shared is not what it is. */
    return (rc == FKV_OK && rec->version > version) ? FKV_ECORRUPT : rc;
}


int
fkv__block_find(fkv_str_t payload, fkv_str_t ikey, uint64_t hash,
    uint64_t version, fkv__record_t *rec)
{
    fkv__block_view_t  view;
    int                rc = view_init(&view, payload);

    if (rc != FKV_OK) {
        return rc;
    }

    if (view.fingers == NULL) {
        rc = view_find(&view, ikey, version, rec);

    } else {
        uint32_t  i = 0;

        rc = FKV_NOTFOUND;

        while (rc == FKV_NOTFOUND
               && (i = view_finger(&view, i, (uint8_t) hash)) < view.n)
        {
            rc = view_is(&view, i++, ikey, rec);
        }

        /* The first of the key is its newest. */
        if (rc == FKV_OK && rec->version > version) {
            rc = view_find(&view, ikey, version, rec);
        }
    }

    rec->key = ikey;
    rec->shared = 0;

    return rc;
}


int
fkv__block_iter_init(fkv__block_iter_t *it, fkv_str_t payload)
{
    int  rc;

    memset(it, 0, offsetof(fkv__block_iter_t, key_room));

    it->key = it->key_room;
    it->key_cap = sizeof(it->key_room);

    rc = view_init(&it->view, payload);

    if (rc != FKV_OK) {
        memset(&it->view, 0, sizeof(it->view));
    }

    it->next = it->view.begin;

    return rc;
}


void
fkv__block_iter_done(fkv__block_iter_t *it)
{
    if (it->key != it->key_room) {
        fkv__free(it->key);
    }

    it->key = it->key_room;
    it->valid = false;
}


/*
 * Whether rec, with its key not yet whole, may follow the current record, if
 * there is one.  Shared must be all that it has in common with its head, for
 * searches count on it.
 */
static bool
iter_follows(const fkv__block_iter_t *it, const fkv__record_t *rec)
{
    const fkv__record_t  *last = &it->rec;
    size_t                shared = rec->shared;

    if (it->at % FKV__BLOCK_GROUP == 0) {
        return shared == 0
               && (!it->valid
                   || fkv__block_cmp(last->key, last->version, rec->key,
                                     rec->version) < 0);
    }

    if (shared > it->shared
        || (shared < it->head.len
            && (rec->key.len == 0
                || rec->key.data[0] <= it->head.data[shared])))
    {
        return false;
    }

    return !it->valid || shared < it->shared
           || fkv__block_cmp(fkv__str_from(last->key, shared), last->version,
                             rec->key, rec->version) < 0;
}


/*
 * Makes rec's key whole.  A key that shares nothing stays where it is in the
 * payload; the others are put together in it->key, behind what is there of
 * the head's from those before them.
 */
static int
iter_key(fkv__block_iter_t *it, fkv__record_t *rec)
{
    size_t   shared = rec->shared, len = shared + rec->key.len;
    uint8_t *key;

    if (it->at % FKV__BLOCK_GROUP == 0) {
        it->head = rec->key;
        it->shared = rec->key.len;
        it->kept = 0;
        return FKV_OK;
    }

    it->shared = shared;

    if (shared == 0) {
        return FKV_OK;
    }

    if (len > it->key_cap) {
        key = fkv__alloc(2 * len);
        if (key == NULL) {
            return FKV_ENOMEM;
        }

        fkv__block_iter_done(it);
        it->key = key;
        it->key_cap = 2 * len;
        it->kept = 0;
    }

    if (it->kept < shared) {
        memcpy(it->key + it->kept, it->head.data + it->kept,
               shared - it->kept);
    }

    if (rec->key.len > 0) {
        memcpy(it->key + shared, rec->key.data, rec->key.len);
    }

    it->kept = shared;
    rec->key = (fkv_str_t) { it->key, len };
    rec->shared = 0;

    return FKV_OK;
}


static int
iter_failed(fkv__block_iter_t *it, int rc)
{
    it->valid = false;
    it->next = it->view.end;
    it->at = it->view.n;

    return rc;
}


int
fkv__block_iter_next(fkv__block_iter_t *it)
{
    const uint8_t  *next;
    fkv__record_t   rec;
    int             rc;

    if (it->at == it->view.n) {
        return iter_failed(it, (it->next == it->view.end) ? FKV_END
                                                          : FKV_ECORRUPT);
    }

    rc = view_read(&it->view, it->next, &rec, &next);

    if (rc == FKV_OK && !iter_follows(it, &rec)) {
        rc = FKV_ECORRUPT;
    }

    if (rc == FKV_OK) {
        rc = iter_key(it, &rec);
    }

    if (rc != FKV_OK) {
        return iter_failed(it, rc);
    }

    it->rec = rec;
    it->next = next;
    it->at++;
    it->valid = true;

    return FKV_OK;
}


int
fkv__block_iter_first(fkv__block_iter_t *it)
{
    it->valid = false;
    it->next = it->view.begin;
    it->at = 0;

    return fkv__block_iter_next(it);
}


int
fkv__block_iter_seek(fkv__block_iter_t *it, fkv_str_t ikey, uint64_t version)
{
    fkv__record_t  head;
    uint32_t       at;

    if (it->view.n == 0) {
        return FKV_END;
    }

    if (view_bound(&it->view, ikey, version, &at) != FKV_OK) {
        return iter_failed(it, FKV_ECORRUPT);
    }

    if (at == it->view.n) {
        return iter_failed(it, FKV_END);
    }

    if (view_head(&it->view, at, &head) != FKV_OK) {
        return iter_failed(it, FKV_ECORRUPT);
    }

    it->valid = false;
    it->head = head.key;
    it->shared = head.key.len;
    it->kept = 0;
    it->at = at;
    it->next = it->view.begin + view_offset(&it->view, at);

    return fkv__block_iter_next(it);
}
