/*
 * block.h - the unit of reading a table: sorted records with a checksum.
 *
 *     records | offsets | fingerprints | number of records 3, shape 1
 *             | trailer: type 1, crc 4
 *
 * Order      internal key ascending (memcmp), of one key version descending
 * Groups     of FKV__BLOCK_GROUP records.  The first, the head, has its key
 *            whole; the others only what the head's key does not begin with
 *            ("shared").  So a record is read with its head and nothing else,
 *            and inside a group shared never grows, which decides most
 *            comparisons before a byte of a key is looked at
 * Offsets    of every record: a search touches only what it compares
 * Fingers    one byte of each key's hash, or none: a point read finds its
 *            record by one look at bytes that lie together
 * Trailer    sum seeded with file id and file offset, so that a block that
 *            was written or read at a wrong place is damaged, not believed
 *
 * The bytes up to the trailer are the payload, packed (pack.h) if the type says
 * so.  The trailer also ends filter pages, index pages and properties.
 */

#ifndef FKV_FORMAT_BLOCK_H
#define FKV_FORMAT_BLOCK_H

#include "base/buf.h"
#include "base/bytes.h"
#include "format/pack.h"
#include "format/record.h"

#define FKV__BLOCK_TRAILER_BYTES  5
#define FKV__BLOCK_GROUP          16        /* on disk, do not change */
#define FKV__BLOCK_RECORDS_MAX    0xffffff

/* Where a block lies in its file. */
typedef struct {
    uint64_t  offset;
    uint64_t  bytes;                    /* as stored, without trailer */
} fkv__block_place_t;


/* The order of records: < 0, 0, > 0. */
static inline int
fkv__block_cmp(fkv_str_t key1, uint64_t version1, fkv_str_t key2,
    uint64_t version2)
{
    int  rc = fkv__str_cmp(key1, key2);

    if (rc != 0) {
        return rc;
    }

    return (version1 < version2) - (version1 > version2);
}


/* Of a plain one; fills out[FKV__BLOCK_TRAILER_BYTES]; offset in the file. */
void fkv__block_trailer_put(uint8_t *out, fkv_str_t payload, uint64_t file_id,
    uint64_t offset);

/*
 * Verifies len bytes read at offset, trailer included, then takes them apart
 * if they are packed: payload points into raw or into room, whose old content
 * is lost.
 * FKV_OK · FKV_ECORRUPT · FKV_EVERSION the sum is right, the type is unknown
 * · FKV_ENOMEM
 */
int fkv__block_open(const uint8_t *raw, size_t len, uint64_t file_id,
    uint64_t offset, fkv__buf_t *room, fkv_str_t *payload);

/* The same for what is never packed; another type is FKV_EVERSION. */
int fkv__block_check(const uint8_t *raw, size_t len, uint64_t file_id,
    uint64_t offset, fkv_str_t *payload);


/*
 * Builds one block after the other.  last_key and last_version outlive a
 * block: all records of all blocks must ascend.
 */
typedef struct {
    fkv__buf_t         records;
    fkv__buf_t         offsets;         /* le32 each, whatever is written */
    fkv__buf_t         fingers;
    uint32_t           n;
    size_t             head_at;         /* key of the group's head in records */
    size_t             head_len;
    size_t             shared;          /* of the last record; head_len if it
                                           is the head */
    fkv__buf_t         last_key;
    uint64_t           last_version;    /* 0 = no record yet */
    bool               repeats;         /* its key is its predecessor's */
    fkv__packer_t      packer;
    fkv__block_type_e  type;            /* how to pack; the caller's */
} fkv__block_builder_t;

void fkv__block_builder_init(fkv__block_builder_t *block);
void fkv__block_builder_done(fkv__block_builder_t *block);

/*
 * Appends a copy of rec: key whole, shared 0, version not 0, behind the last.
 *   hash        of the key, for its fingerprint: for all records of a block or
 *               for none of them (NULL)
 *   bytes_max   the block, trailer included, shall not grow beyond it unless
 *               this is its only record; 0 = no bound
 * FKV_OK · FKV_EFULL finish the block and try again · FKV_ENOMEM; nothing has
 * changed then
 */
int fkv__block_builder_add(fkv__block_builder_t *block,
    const fkv__record_t *rec, const uint64_t *hash, size_t bytes_max);

/* Bytes that finish would append at most, with trailer; 0 if it is empty. */
size_t fkv__block_builder_bytes(const fkv__block_builder_t *block);

/*
 * Appends payload, packed if that pays, and trailer to out and begins an empty
 * block.
 *   offset      where in the file the bytes will be
 *   place       is set to where they will be
 * FKV_OK · FKV_ENOMEM nothing has changed
 */
int fkv__block_builder_finish(fkv__block_builder_t *block, fkv__buf_t *out,
    uint64_t file_id, uint64_t offset, fkv__block_place_t *place);


/* A payload whose tail has been looked at. */
typedef struct {
    const uint8_t  *begin;
    const uint8_t  *end;                /* of the records */
    const uint8_t  *fingers;            /* NULL: there are none */
    uint32_t        n;
    bool            wide;               /* offsets have 4 bytes, not 2 */
} fkv__block_view_t;

/*
 * The newest record of ikey in the block with a version <= version, without
 * an iterator.
 *   hash    of ikey
 *   rec     key is ikey, value and meta lie in the payload
 * FKV_OK · FKV_NOTFOUND · FKV_ECORRUPT
 */
int fkv__block_find(fkv_str_t payload, fkv_str_t ikey, uint64_t hash,
    uint64_t version, fkv__record_t *rec);


/*
 * Walks a payload, forward only.  Allocates only for keys that are longer
 * than the room in the struct.  Must not be moved while it is in use.
 */
typedef struct {
    bool               valid;           /* rec is a record of the block */
    fkv__record_t      rec;             /* key whole, until the next call (one
                                           that answers FKV_END leaves it);
                                           value and meta in the payload */
    fkv__block_view_t  view;
    const uint8_t     *next;            /* the record behind rec ... */
    uint32_t           at;              /* ... and its number */
    fkv_str_t          head;            /* key of the group's head */
    size_t             shared;          /* of rec with it, at most */
    size_t             kept;            /* first bytes of key that are its */
    uint8_t           *key;             /* key_room or heap */
    size_t             key_cap;
    uint8_t            key_room[256];
} fkv__block_iter_t;

/*
 * Looks at the payload's tail only; the iterator is not on a record yet.
 * FKV_OK · FKV_ECORRUPT; either way done() is needed, also before a next init
 */
int  fkv__block_iter_init(fkv__block_iter_t *it, fkv_str_t payload);
void fkv__block_iter_done(fkv__block_iter_t *it);

/*
 * To the first record; to the first at or behind (ikey, version), which is
 * key > ikey, or key == ikey with its version <= version; to the next record,
 * after init to the first.
 * FKV_OK · FKV_END there is none · FKV_ECORRUPT · FKV_ENOMEM; only FKV_OK
 * leaves it valid, after a failure use first or seek, or give up
 */
int fkv__block_iter_first(fkv__block_iter_t *it);
int fkv__block_iter_seek(fkv__block_iter_t *it, fkv_str_t ikey,
    uint64_t version);
int fkv__block_iter_next(fkv__block_iter_t *it);


#endif /* FKV_FORMAT_BLOCK_H */
