/*
 * table.h - FerroSST, the file of sorted records.
 *
 *     data blocks | 0 .. | filter pages | index pages | root | properties
 *     | footer
 *
 * Data       blocks (block.h), one behind the other from offset 0
 * Filter     pages (filter.h) from a multiple of 4096 on
 * Index      pages (index.h) with an entry per data block, and a root page
 *            with one per page.  If one page is enough it is the root itself
 * Properties tagged fields of fkv__table_info_t, then a block's trailer
 * Footer     96 bytes that say where the rest is
 *
 * A table is written once, from front to back, and never changed.
 */

#ifndef FKV_FORMAT_TABLE_H
#define FKV_FORMAT_TABLE_H

#include "format/blob.h"
#include "format/block.h"
#include "format/expiry.h"
#include "format/filter.h"
#include "format/index.h"
#include "format/share.h"

#define FKV__TABLE_FORMAT        1
#define FKV__TABLE_FOOTER_BYTES  96


/*
 * All that a reader must know of a table; it is in the manifest too, so that
 * opening a table reads nothing.  Tag and name of each number; on disk, do
 * not change.
 *
 *   bytes           of the file; not among the properties
 *   index_offset,   of the root of the index, payload without trailer
 *   index_bytes
 *   pages_offset    of the first index page; index_pages: how many there are,
 *                   0 = the root leads to data blocks
 *   filter_pages    0 = the table has no filter
 *   entries, keys   records; distinct keys
 *   expiring        records with an expire_at, but for tombstones
 *   operands        merge operands
 *   stubs           tombstones with an expire_at (store/keep.h), the latest of
 *   stub_at_max     which this is
 *   expire_at_min,  of those records only, 0 if there are none.  All of the
 *   expire_at_max   table has expired at now_ms if expiring == entries and
 *                   expire_at_max <= now_ms
 *   created_ms      when the file was begun
 *   key_bytes       of all records' whole internal keys
 *   merging         in the manifest only: not 0 for a table whose records
 *                   before smallest a merge of level 0 has taken; tables with
 *                   the same number go on in it together
 *   taken           in the manifest only: data before this offset have gone
 *                   to other tables
 *   ranged          LSN: no record here is hidden by a range tombstone whose
 *                   version is below it
 *   blocks          data blocks; raw_bytes: of their payloads before packing;
 *                   finger_bytes: of fingerprints among these
 */
#define FKV__TABLE_INFO_MAP(X)                                                \
    X(2,   id)                                                                \
    X(4,   bytes)                                                             \
    X(6,   index_offset)                                                      \
    X(8,   index_bytes)                                                       \
    X(10,  filter_offset)                                                     \
    X(12,  filter_pages)                                                      \
    X(14,  entries)                                                           \
    X(16,  keys)                                                              \
    X(18,  tombstones)                                                        \
    X(20,  expiring)                                                          \
    X(22,  version_min)                                                       \
    X(24,  version_max)                                                       \
    X(26,  expire_at_min)                                                     \
    X(28,  expire_at_max)                                                     \
    X(40,  pages_offset)                                                      \
    X(42,  index_pages)                                                       \
    X(1,   key_bytes)                                                         \
    X(3,   value_bytes)                                                       \
    X(5,   created_ms)                                                        \
    X(51,  taken)                                                             \
    X(13,  merging)                                                           \
    X(21,  operands)                                                          \
    X(23,  stubs)                                                             \
    X(25,  stub_at_max)                                                       \
    X(35,  ranged)                                                            \
    X(41,  finger_bytes)                                                      \
    X(43,  raw_bytes)                                                         \
    X(45,  blocks)

#define FKV__TABLE_EXPIRY    17
#define FKV__TABLE_SMALLEST  30
#define FKV__TABLE_LARGEST   32
#define FKV__TABLE_SHARES    37
#define FKV__TABLE_BLOBS     7      /* left out if there are none */

typedef struct {
#define FKV__TABLE_INFO_FIELD(tag, name)  uint64_t  name;
    FKV__TABLE_INFO_MAP(FKV__TABLE_INFO_FIELD)
#undef FKV__TABLE_INFO_FIELD

    fkv__buf_t  smallest;           /* internal keys, owned */
    fkv__buf_t  largest;
    fkv__buf_t  expiry;             /* expiry.h, from created_ms on; owned */
    fkv__buf_t  shares;             /* of namespaces, share.h */
    fkv__buf_t  blobs;              /* what its records refer to, blob.h */
} fkv__table_info_t;

void fkv__table_info_init(fkv__table_info_t *info);
void fkv__table_info_done(fkv__table_info_t *info);

/* to is uninitialized; FKV_OK, or FKV_ENOMEM and to is empty. */
int fkv__table_info_copy(fkv__table_info_t *to, const fkv__table_info_t *from);

/* Appends the fields to buf.  FKV_OK or FKV_ENOMEM. */
int fkv__table_info_put(fkv__buf_t *buf, const fkv__table_info_t *info);

/*
 * Reads them into info, which is uninitialized and empty after a failure.
 * FKV_OK · FKV_ECORRUPT · FKV_EVERSION · FKV_ENOMEM
 */
int fkv__table_info_get(fkv_str_t fields, fkv__table_info_t *info);

/*
 * Whether places, counts and ranges are possible, bytes included.
 * FKV_OK or FKV_ECORRUPT.
 */
int fkv__table_info_check(const fkv__table_info_t *info);


/*
 * How to build a table; readers need not know.
 *   block_bytes    a data block, unpacked and with trailer, is at most so
 *                  long, unless one record alone is longer
 *   bits_per_key   of the filter, 10 gives about 1% false answers, 0 = none
 *   compression    of data blocks
 *   fingers        data blocks have fingerprints for point reads
 *   index          how its pages are searched
 *   page_bytes     an index page is about so long
 *   created_ms     store time now
 */
typedef struct {
    size_t             block_bytes;
    unsigned           bits_per_key;
    fkv__block_type_e  compression;
    bool               fingers;
    fkv__index_kind_e  index;
    size_t             page_bytes;
    uint64_t           created_ms;
} fkv__table_options_t;

/* Turns records into the file's bytes; does no I/O itself. */
typedef struct {
    fkv__buf_t             out;         /* for the caller to write ... */
    uint64_t               written;     /* ... at this offset */

    fkv__table_options_t   options;
    fkv__block_builder_t   block;
    fkv__index_builder_t   index;       /* the page that grows */
    fkv__index_builder_t   root;        /* of the pages that are full */
    fkv__buf_t             pages;       /* these, with room for trailers ... */
    fkv__buf_t             page_ends;   /* ... which are there; size_t each */
    uint64_t               page_base;   /* where the growing page's first
                                           block begins */
    fkv__filter_builder_t  filter;
    fkv__expiry_t          expiry;
    fkv__table_info_t      info;
    bool                   finished;
} fkv__table_builder_t;

void fkv__table_builder_init(fkv__table_builder_t *table, uint64_t file_id,
    const fkv__table_options_t *options);

/* At any time, also to give up. */
void fkv__table_builder_done(fkv__table_builder_t *table);

/*
 * Appends a copy of rec: key whole, shared 0, version not 0.  Records must
 * come in order (fkv__block_cmp); it is asserted.
 * FKV_OK · FKV_ENOMEM give up
 */
int fkv__table_builder_add(fkv__table_builder_t *table,
    const fkv__record_t *rec);

/* The first n bytes of out have been written. */
void fkv__table_builder_drained(fkv__table_builder_t *table, size_t n);

/* About how long the file would be if it were finished now. */
uint64_t fkv__table_builder_bytes(const fkv__table_builder_t *table);

/*
 * Puts everything behind the data blocks into out, after at least one record.
 * info is uninitialized and becomes the caller's; info->bytes is the length
 * of the file once out has been written.
 * FKV_OK · FKV_ENOMEM give up, info is empty
 */
int fkv__table_builder_finish(fkv__table_builder_t *table,
    fkv__table_info_t *info);


/*
 * Reads the footer, the last FKV__TABLE_FOOTER_BYTES of a file of so many
 * bytes, initializes info, and sets in it id, bytes, index and filter.  The
 * caller knows which id the file must have.
 *   properties     is set to their place; their trailer lies behind it
 * FKV_OK · FKV_ECORRUPT · FKV_EVERSION
 */
int fkv__table_footer_get(const uint8_t *footer, uint64_t bytes,
    fkv__table_info_t *info, fkv__block_place_t *properties);

/*
 * Completes info, as the footer left it, from the properties, trailer
 * included, that were read at offset.  Also checks it as a whole.
 * FKV_OK · FKV_ECORRUPT · FKV_EVERSION · FKV_ENOMEM; info is as it was then
 */
int fkv__table_properties_get(const uint8_t *raw, size_t len, uint64_t offset,
    fkv__table_info_t *info);

/* Where the root lies; how many pages lead to a data block: 1 or 2. */
static inline fkv__block_place_t
fkv__table_root(const fkv__table_info_t *info)
{
    return (fkv__block_place_t) { info->index_offset, info->index_bytes };
}


static inline unsigned
fkv__table_depth(const fkv__table_info_t *info)
{
    return (info->index_pages > 0) ? 2 : 1;
}


/*
 * What entry at < index->n leads to: depth 0 is the root's.
 * FKV_OK · FKV_ECORRUPT this is no place among index pages or data blocks
 */
int fkv__table_place(const fkv__table_info_t *info, unsigned depth,
    const fkv__index_t *index, uint32_t at, fkv__block_place_t *place);

/* Where data blocks end: the filter, or without one the index, begins. */
uint64_t fkv__table_data_end(const fkv__table_info_t *info);

/* How many of its records have expired at now_ms, at least. */
uint64_t fkv__table_expired(const fkv__table_info_t *info, uint64_t now_ms);


#endif /* FKV_FORMAT_TABLE_H */
