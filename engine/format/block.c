/*
 * block.c - building, verifying and walking blocks.
 */

#include "format/block.h"
#include "base/crc32c.h"

#define RESTART_BYTES  4        /* an offset; also their number at the end */


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
    fkv__buf_done(&block->restarts);
    fkv__buf_done(&block->last_key);
    fkv__packer_done(&block->packer);
    fkv__block_builder_init(block);
}


/* How many first bytes a and b have in common. */
static size_t
block_common(fkv_str_t a, fkv_str_t b)
{
    size_t  n = fkv__min(a.len, b.len), i = 0;

    for ( ; n - i >= 8; i += 8) {
        uint64_t  diff = fkv__get_le64(a.data + i) ^ fkv__get_le64(b.data + i);

        if (diff != 0) {
            return i + (size_t) __builtin_ctzll(diff) / 8;
        }
    }

    while (i < n && a.data[i] == b.data[i]) {
        i++;
    }

    return i;
}


/* Whether rec comes behind the last record, whose first bytes it shares. */
static bool
block_ascends(const fkv__block_builder_t *block, const fkv__record_t *rec,
    size_t common)
{
    const fkv__buf_t  *last = &block->last_key;

    if (block->last_version == 0) {
        return true;
    }

    if (common < last->len) {
        return common < rec->key.len
               && last->data[common] < rec->key.data[common];
    }

    return common < rec->key.len || block->last_version > rec->version;
}


static size_t
block_bytes(size_t records, size_t restarts)
{
    return records + restarts + RESTART_BYTES + FKV__BLOCK_TRAILER_BYTES;
}


int
fkv__block_builder_add(fkv__block_builder_t *block, const fkv__record_t *rec,
    size_t bytes_max)
{
    fkv__record_t  stored = *rec;
    size_t         common, size, total;
    uint8_t       *p;
    bool           restart;

    common = block_common(fkv__buf_str(&block->last_key), rec->key);

    FKV_ASSERT(rec->kind != FKV__RECORD_END);
    FKV_ASSERT(rec->version != 0);
    FKV_ASSERT(rec->shared == 0);
    FKV_ASSERT(block_ascends(block, rec, common));

    restart = block->records.len == 0 || block->n == FKV__BLOCK_INTERVAL;

    if (!restart) {
        stored.shared = common;
        stored.key.data += common;
        stored.key.len -= common;
    }

    size = fkv__record_size(&stored);
    total = block_bytes(block->records.len + size,
                        block->restarts.len + (restart ? RESTART_BYTES : 0));

    FKV_ASSERT(total <= UINT32_MAX);

    if (bytes_max != 0 && total > bytes_max && block->records.len != 0) {
        return FKV_EFULL;
    }

    if (fkv__buf_reserve(&block->records, size) != FKV_OK
        || fkv__buf_reserve(&block->restarts, RESTART_BYTES) != FKV_OK
        || fkv__buf_reserve(&block->last_key, rec->key.len) != FKV_OK)
    {
        return FKV_ENOMEM;
    }

    if (restart) {
        fkv__put_le32(block->restarts.data + block->restarts.len,
                      (uint32_t) block->records.len);
        block->restarts.len += RESTART_BYTES;
        block->n = 0;
    }

    p = fkv__record_put(block->records.data + block->records.len, &stored);

    if (stored.value.len > 0) {
        memcpy(p, stored.value.data, stored.value.len);
    }

    block->records.len += size;
    block->n++;

    block->last_key.len = common;
    (void) fkv__buf_append(&block->last_key, rec->key.data + common,
                           rec->key.len - common);
    block->last_version = rec->version;

    return FKV_OK;
}


size_t
fkv__block_builder_bytes(const fkv__block_builder_t *block)
{
    if (block->records.len == 0) {
        return 0;
    }

    return block_bytes(block->records.len, block->restarts.len);
}


int
fkv__block_builder_finish(fkv__block_builder_t *block, fkv__buf_t *out,
    uint64_t file_id, uint64_t offset, fkv__block_place_t *place)
{
    size_t             bytes = fkv__block_builder_bytes(block);
    size_t             start = out->len;
    uint8_t            count[RESTART_BYTES];
    fkv_str_t          stored;
    fkv__block_type_e  type;

    FKV_ASSERT(bytes != 0);

    if (fkv__buf_reserve(out, bytes) != FKV_OK) {
        return FKV_ENOMEM;
    }

    fkv__put_le32(count, (uint32_t) (block->restarts.len / RESTART_BYTES));

    (void) fkv__buf_append(out, block->records.data, block->records.len);
    (void) fkv__buf_append(out, block->restarts.data, block->restarts.len);
    (void) fkv__buf_append(out, count, sizeof(count));

    type = fkv__pack(&block->packer, block->type, out, out->len - start);
    stored = (fkv_str_t) { out->data + start, out->len - start };

    block_trailer_put(out->data + out->len, stored, type, file_id, offset);
    out->len += FKV__BLOCK_TRAILER_BYTES;

    *place = (fkv__block_place_t) { offset, stored.len };

    block->records.len = 0;
    block->restarts.len = 0;
    block->n = 0;

    return FKV_OK;
}


static uint32_t
block_restart(const fkv__block_iter_t *it, uint32_t i)
{
    return fkv__get_le32(it->end + (size_t) i * RESTART_BYTES);
}


int
fkv__block_iter_init(fkv__block_iter_t *it, fkv_str_t payload)
{
    size_t    room;
    uint32_t  n;

    memset(it, 0, offsetof(fkv__block_iter_t, key_room));

    it->key = it->key_room;
    it->key_cap = sizeof(it->key_room);

    if (payload.len < 2 * RESTART_BYTES) {
        return FKV_ECORRUPT;
    }

    room = payload.len - RESTART_BYTES;
    n = fkv__get_le32(payload.data + room);

    if (n == 0 || n > room / RESTART_BYTES) {
        return FKV_ECORRUPT;
    }

    it->begin = payload.data;
    it->end = payload.data + room - (size_t) n * RESTART_BYTES;
    it->next = it->begin;

    /* A large index block has many: seek checks those that it meets. */
    if (block_restart(it, 0) != 0
        || block_restart(it, n - 1) >= (size_t) (it->end - it->begin))
    {
        it->next = it->end = it->begin;
        return FKV_ECORRUPT;
    }

    it->n_restarts = n;

    return FKV_OK;
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


/* The record at p as it is stored, not yet related to its predecessor. */
static int
block_read(const fkv__block_iter_t *it, const uint8_t *p, fkv__record_t *rec,
    const uint8_t **next)
{
    int  rc;

    if (p == it->end) {
        return FKV_END;
    }

    rc = fkv__record_get(p, it->end, rec, next);

    if (rc != FKV_OK || rec->version == 0) {
        return FKV_ECORRUPT;
    }

    return FKV_OK;
}


/*
 * Makes rec's key whole.  A key that shares nothing stays where it is in the
 * payload; the others are put together in it->key, on top of the shared bytes
 * that the predecessor may have left there.
 */
static int
block_key(fkv__block_iter_t *it, fkv__record_t *rec)
{
    const uint8_t  *prev = it->rec.key.data;
    size_t          len = rec->shared + rec->key.len;
    uint8_t        *key = it->key;

    if (rec->shared == 0) {
        return FKV_OK;
    }

    if (len > it->key_cap) {
        key = fkv__alloc(2 * len);
        if (key == NULL) {
            return FKV_ENOMEM;
        }
    }

    if (prev != key) {
        memcpy(key, prev, rec->shared);
    }

    if (rec->key.len > 0) {
        memcpy(key + rec->shared, rec->key.data, rec->key.len);
    }

    if (key != it->key) {
        fkv__block_iter_done(it);
        it->key = key;
        it->key_cap = 2 * len;
    }

    rec->key = (fkv_str_t) { key, len };
    rec->shared = 0;

    return FKV_OK;
}


/* Whether rec, with its key not yet whole, may follow the current record. */
static bool
block_follows(const fkv__block_iter_t *it, const fkv__record_t *rec)
{
    fkv_str_t  key = it->rec.key;

    if (!it->valid) {
        return rec->shared == 0;
    }

    if (rec->shared > key.len) {
        return false;
    }

    key.data += rec->shared;
    key.len -= rec->shared;

    return fkv__block_cmp(key, it->rec.version, rec->key, rec->version) < 0;
}


int
fkv__block_iter_next(fkv__block_iter_t *it)
{
    const uint8_t  *next;
    fkv__record_t   rec;
    int             rc;

    rc = block_read(it, it->next, &rec, &next);

    if (rc == FKV_OK && !block_follows(it, &rec)) {
        rc = FKV_ECORRUPT;
    }

    if (rc == FKV_OK) {
        rc = block_key(it, &rec);
    }

    if (rc != FKV_OK) {
        it->valid = false;
        it->next = it->end;
        return rc;
    }

    it->rec = rec;
    it->next = next;
    it->valid = true;

    return FKV_OK;
}


int
fkv__block_iter_first(fkv__block_iter_t *it)
{
    it->valid = false;
    it->next = it->begin;

    return fkv__block_iter_next(it);
}


/* Whether the record of the i-th restart lies before (ikey, version). */
static int
block_restart_before(const fkv__block_iter_t *it, uint32_t i, fkv_str_t ikey,
    uint64_t version, bool *before)
{
    const uint8_t  *next;
    uint32_t        offset = block_restart(it, i);
    fkv__record_t   rec;

    if (offset >= (size_t) (it->end - it->begin)
        || block_read(it, it->begin + offset, &rec, &next) != FKV_OK
        || rec.shared != 0)
    {
        return FKV_ECORRUPT;
    }

    *before = fkv__block_cmp(rec.key, rec.version, ikey, version) < 0;

    return FKV_OK;
}


int
fkv__block_iter_seek(fkv__block_iter_t *it, fkv_str_t ikey, uint64_t version)
{
    uint32_t  low = 0, high = it->n_restarts;
    int       rc;

    it->valid = false;
    it->next = it->begin;

    /* Restart low lies before the target or is the first, high does not. */
    while (low + 1 < high) {
        uint32_t  middle = low + (high - low) / 2;
        bool      before;

        rc = block_restart_before(it, middle, ikey, version, &before);
        if (rc != FKV_OK) {
            return rc;
        }

        if (before) {
            low = middle;
            it->next = it->begin + block_restart(it, middle);

        } else {
            high = middle;
        }
    }

    do {
        rc = fkv__block_iter_next(it);

    } while (rc == FKV_OK
             && fkv__block_cmp(it->rec.key, it->rec.version, ikey, version)
                < 0);

    return rc;
}
