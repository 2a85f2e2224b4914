/*
 * table.c - building a table, reading its footer and properties.
 *
 * Footer: index offset 8, bytes 8 | filter offset 8, pages 8 | properties
 * offset 8, bytes 8 | file id 8 | bytes of the file 8 | index pages: offset 8,
 * number 8 | format 4 | crc 4 | magic 8.  The sum covers bytes 0 to 83.  Every
 * format keeps the length and the last 16 bytes, so that an older build can
 * tell a newer file from a damaged one.
 */

#include "format/table.h"
#include "format/field.h"
#include "base/crc32c.h"
#include "base/hash.h"

static const uint8_t  table_magic[8] = {
    'F', 'K', 'V', 's', 's', 't', 13, 10
};

#define INDEX_OFFSET_AT       0
#define INDEX_BYTES_AT        8
#define FILTER_OFFSET_AT      16
#define FILTER_PAGES_AT       24
#define PROPERTIES_OFFSET_AT  32
#define PROPERTIES_BYTES_AT   40
#define ID_AT                 48
#define BYTES_AT              56
#define PAGES_OFFSET_AT       64
#define INDEX_PAGES_AT        72
#define FORMAT_AT             80
#define CRC_AT                84
#define MAGIC_AT              88

/* What the estimate allows for properties, their two keys aside. */
#define PROPERTIES_BYTES  (256 + FKV__EXPIRY_BYTES_MAX / 2)

/* Blocks of one index page: its places are 32 bits. */
#define PAGE_SPAN_MAX  (1 << 30)


void
fkv__table_info_init(fkv__table_info_t *info)
{
    memset(info, 0, sizeof(*info));
}


void
fkv__table_info_done(fkv__table_info_t *info)
{
    fkv__buf_done(&info->smallest);
    fkv__buf_done(&info->largest);
    fkv__buf_done(&info->expiry);
    fkv__buf_done(&info->shares);
    fkv__buf_done(&info->blobs);
    fkv__table_info_init(info);
}


/* For a buffer whose old content does not matter. */
static int
table_set_bytes(fkv__buf_t *buf, fkv_str_t bytes)
{
    buf->len = 0;

    return fkv__buf_append(buf, bytes.data, bytes.len);
}


int
fkv__table_info_copy(fkv__table_info_t *to, const fkv__table_info_t *from)
{
    *to = *from;

    memset(&to->smallest, 0, sizeof(to->smallest));
    memset(&to->largest, 0, sizeof(to->largest));
    memset(&to->expiry, 0, sizeof(to->expiry));
    memset(&to->shares, 0, sizeof(to->shares));
    memset(&to->blobs, 0, sizeof(to->blobs));

    if (table_set_bytes(&to->smallest, fkv__buf_str(&from->smallest)) != FKV_OK
        || table_set_bytes(&to->largest, fkv__buf_str(&from->largest))
           != FKV_OK
        || table_set_bytes(&to->expiry, fkv__buf_str(&from->expiry)) != FKV_OK
        || table_set_bytes(&to->shares, fkv__buf_str(&from->shares)) != FKV_OK
        || table_set_bytes(&to->blobs, fkv__buf_str(&from->blobs)) != FKV_OK)
    {
        fkv__table_info_done(to);
        return FKV_ENOMEM;
    }

    return FKV_OK;
}


static int
table_put_shares(fkv__buf_t *buf, const fkv__buf_t *shares)
{
    fkv__buf_t  bytes = { 0 };
    int         rc = fkv__shares_put(&bytes, shares);

    if (rc == FKV_OK && bytes.len > 0) {
        rc = fkv__field_put(buf, FKV__TABLE_SHARES, fkv__buf_str(&bytes));
    }

    fkv__buf_done(&bytes);

    return rc;
}


static int
table_put_blobs(fkv__buf_t *buf, const fkv__buf_t *blobs)
{
    fkv__buf_t  value = { 0 };
    int         rc;

    if (blobs->len == 0) {
        return FKV_OK;
    }

    rc = fkv__blob_uses_put(&value, blobs);

    if (rc == FKV_OK) {
        rc = fkv__field_put(buf, FKV__TABLE_BLOBS, fkv__buf_str(&value));
    }

    fkv__buf_done(&value);

    return rc;
}


int
fkv__table_info_put(fkv__buf_t *buf, const fkv__table_info_t *info)
{
#define TABLE_PUT(tag, name)                                                  \
    if (fkv__field_put_number(buf, tag, info->name) != FKV_OK) {              \
        return FKV_ENOMEM;                                                    \
    }

    FKV__TABLE_INFO_MAP(TABLE_PUT)
#undef TABLE_PUT

    if ((info->expiry.len > 0
         && fkv__field_put(buf, FKV__TABLE_EXPIRY,
                           fkv__buf_str(&info->expiry)) != FKV_OK)
        || fkv__field_put(buf, FKV__TABLE_SMALLEST,
                          fkv__buf_str(&info->smallest)) != FKV_OK
        || fkv__field_put(buf, FKV__TABLE_LARGEST,
                          fkv__buf_str(&info->largest)) != FKV_OK)
    {
        return FKV_ENOMEM;
    }

    if (table_put_shares(buf, &info->shares) != FKV_OK) {
        return FKV_ENOMEM;
    }

    return table_put_blobs(buf, &info->blobs);
}


static int
table_info_get_field(const fkv__field_t *field, fkv__table_info_t *info)
{
    switch (field->tag) {

#define TABLE_GET(tag, name)                                                  \
    case tag:  return fkv__field_number(field, &info->name);

    FKV__TABLE_INFO_MAP(TABLE_GET)
#undef TABLE_GET

    case FKV__TABLE_EXPIRY:
        return table_set_bytes(&info->expiry, field->value);

    case FKV__TABLE_SMALLEST:
        return table_set_bytes(&info->smallest, field->value);

    case FKV__TABLE_LARGEST:
        return table_set_bytes(&info->largest, field->value);

    case FKV__TABLE_SHARES:
        info->shares.len = 0;
        return fkv__shares_get(field->value, &info->shares);

    case FKV__TABLE_BLOBS:
        info->blobs.len = 0;
        return fkv__blob_uses_get(field->value, &info->blobs);
    }

    return fkv__field_unknown(field);
}


int
fkv__table_info_get(fkv_str_t fields, fkv__table_info_t *info)
{
    fkv__field_t  field;
    int           rc;

    fkv__table_info_init(info);

    while ((rc = fkv__field_get(&fields, &field)) == FKV_OK) {
        rc = table_info_get_field(&field, info);
        if (rc != FKV_OK) {
            break;
        }
    }

    if (rc != FKV_END) {
        fkv__table_info_done(info);
        return rc;
    }

    return FKV_OK;
}


/* Whether [offset, offset + bytes + trailer) ends at or before end. */
static bool
table_place_ok(uint64_t offset, uint64_t bytes, uint64_t end)
{
    return end >= FKV__BLOCK_TRAILER_BYTES
           && bytes <= end - FKV__BLOCK_TRAILER_BYTES
           && offset <= end - FKV__BLOCK_TRAILER_BYTES - bytes;
}


/* Where the index begins, with its pages if it has any. */
static uint64_t
table_index_begin(const fkv__table_info_t *info)
{
    return (info->index_pages > 0) ? info->pages_offset : info->index_offset;
}


uint64_t
fkv__table_data_end(const fkv__table_info_t *info)
{
    return (info->filter_pages > 0) ? info->filter_offset
                                    : table_index_begin(info);
}


uint64_t
fkv__table_expired(const fkv__table_info_t *info, uint64_t now_ms)
{
    return (now_ms >= info->expire_at_max)
           ? info->expiring
           : fkv__expiry_passed(fkv__buf_str(&info->expiry), info->created_ms,
                                now_ms);
}


static bool
table_filter_ok(const fkv__table_info_t *info)
{
    uint64_t  end = table_index_begin(info);

    if (info->filter_pages == 0) {
        return info->filter_offset == 0;
    }

    return info->filter_offset % FKV__FILTER_PAGE_BYTES == 0
           && info->filter_offset < end
           && (end - info->filter_offset) % FKV__FILTER_PAGE_BYTES == 0
           && (end - info->filter_offset) / FKV__FILTER_PAGE_BYTES
              == info->filter_pages;
}


/* Filter and index where they must be in a file of info->bytes. */
static bool
table_layout_ok(const fkv__table_info_t *info)
{
    if (info->bytes < FKV__TABLE_FOOTER_BYTES
        || !table_place_ok(info->index_offset, info->index_bytes,
                           info->bytes - FKV__TABLE_FOOTER_BYTES)
        || fkv__table_data_end(info) == 0)
    {
        return false;
    }

    if ((info->index_pages == 0) != (info->pages_offset == 0)
        || info->pages_offset > info->index_offset)
    {
        return false;
    }

    return table_filter_ok(info);
}


int
fkv__table_info_check(const fkv__table_info_t *info)
{
    bool  ok;

    ok = info->id != 0
         && table_layout_ok(info)
         && info->keys != 0
         && info->keys <= info->entries
         && info->tombstones <= info->entries
         && info->operands <= info->entries
         && info->stubs <= info->tombstones
         && (info->stubs == 0) == (info->stub_at_max == 0)
         && info->expiring <= info->entries
         && info->version_min != 0
         && info->version_min <= info->version_max
         && info->expire_at_min <= info->expire_at_max
         && (info->expiring == 0) == (info->expire_at_min == 0)
         && (info->expiring == 0) == (info->expire_at_max == 0)
         && fkv__expiry_check(fkv__buf_str(&info->expiry), info->expiring)
            == FKV_OK
         && fkv__str_cmp(fkv__buf_str(&info->smallest),
                         fkv__buf_str(&info->largest)) <= 0;

    return ok ? FKV_OK : FKV_ECORRUPT;
}


void
fkv__table_builder_init(fkv__table_builder_t *table, uint64_t file_id,
    const fkv__table_options_t *options)
{
    FKV_ASSERT(file_id != 0);

    memset(table, 0, sizeof(*table));

    table->options = *options;

    fkv__block_builder_init(&table->block);
    fkv__index_builder_init(&table->index);
    fkv__index_builder_init(&table->root);
    fkv__table_info_init(&table->info);

    table->block.type = options->compression;
    table->info.id = file_id;
    table->info.created_ms = options->created_ms;
}


void
fkv__table_builder_done(fkv__table_builder_t *table)
{
    fkv__block_builder_done(&table->block);
    fkv__index_builder_done(&table->index);
    fkv__index_builder_done(&table->root);
    fkv__buf_done(&table->pages);
    fkv__buf_done(&table->page_ends);
    fkv__filter_builder_done(&table->filter);
    fkv__table_info_done(&table->info);
    fkv__buf_done(&table->out);
}


/* The file offset of the next byte that goes to out. */
static uint64_t
table_offset(const fkv__table_builder_t *table)
{
    return table->written + table->out.len;
}


/*
 * The page goes behind those that are full.  Its trailer has to wait, for
 * nobody knows yet where in the file it will be.
 */
static int
table_end_page(fkv__table_builder_t *table, fkv_str_t next)
{
    fkv__buf_t  *pages = &table->pages;
    size_t       start = pages->len, end;

    if (fkv__index_builder_finish(&table->index, table->options.index,
                                  table->page_base, pages)
        != FKV_OK
        || fkv__buf_reserve(pages, FKV__BLOCK_TRAILER_BYTES) != FKV_OK)
    {
        return FKV_ENOMEM;
    }

    pages->len += FKV__BLOCK_TRAILER_BYTES;
    end = pages->len;

    if (fkv__buf_append(&table->page_ends, &end, sizeof(end)) != FKV_OK) {
        return FKV_ENOMEM;
    }

    table->page_base = table_offset(table);
    table->info.index_pages++;

    return fkv__index_builder_add(&table->root,
                                  fkv__buf_str(&table->block.last_key),
                                  table->block.last_version, next,
                                  end - start);
}


/* next: key of the record that comes behind the block, or empty. */
static int
table_end_block(fkv__table_builder_t *table, fkv_str_t next)
{
    fkv__table_info_t   *info = &table->info;
    fkv__block_place_t   place;

    info->blocks++;
    info->finger_bytes += table->block.fingers.len;
    info->raw_bytes += fkv__block_builder_bytes(&table->block)
                       - FKV__BLOCK_TRAILER_BYTES;

    if (fkv__block_builder_finish(&table->block, &table->out, info->id,
                                  table_offset(table), &place)
        != FKV_OK
        || fkv__index_builder_add(&table->index,
                                  fkv__buf_str(&table->block.last_key),
                                  table->block.last_version, next,
                                  place.bytes + FKV__BLOCK_TRAILER_BYTES)
           != FKV_OK)
    {
        return FKV_ENOMEM;
    }

    /* The last page, which may be the only one, is for finish to end. */
    if (next.len == 0
        || (fkv__index_builder_bytes(&table->index) < table->options.page_bytes
            && table->index.bytes < PAGE_SPAN_MAX))
    {
        return FKV_OK;
    }

    return table_end_page(table, next);
}


static void
table_count(fkv__table_builder_t *table, const fkv__record_t *rec,
    bool new_key)
{
    fkv__table_info_t  *info = &table->info;

    if (info->entries == 0) {
        info->version_min = rec->version;
    }

    info->version_min = fkv__min(info->version_min, rec->version);
    info->version_max = fkv__max(info->version_max, rec->version);

    info->entries++;
    info->keys += new_key;
    info->tombstones += (rec->kind == FKV__RECORD_TOMBSTONE);
    info->operands += (rec->kind == FKV__RECORD_MERGE);
    info->key_bytes += rec->key.len;
    info->value_bytes += rec->value.len;

    if (rec->expire_at == 0) {
        return;
    }

    if (rec->kind == FKV__RECORD_TOMBSTONE) {
        info->stubs++;
        info->stub_at_max = fkv__max(info->stub_at_max, rec->expire_at);
        return;
    }

    if (info->expiring == 0) {
        info->expire_at_min = rec->expire_at;
    }

    info->expire_at_min = fkv__min(info->expire_at_min, rec->expire_at);
    info->expire_at_max = fkv__max(info->expire_at_max, rec->expire_at);
    info->expiring++;
    fkv__expiry_add(&table->expiry, info->created_ms, rec->expire_at);
}


/* FKV_OK · FKV_ENOMEM; the block before it may have ended. */
static int
table_add_record(fkv__table_builder_t *table, const fkv__record_t *rec,
    uint64_t hash)
{
    const uint64_t  *finger = table->options.fingers ? &hash : NULL;
    int              rc;

    rc = fkv__block_builder_add(&table->block, rec, finger,
                                table->options.block_bytes);
    if (rc != FKV_EFULL) {
        return rc;
    }

    rc = table_end_block(table, rec->key);
    if (rc != FKV_OK) {
        return rc;
    }

    return fkv__block_builder_add(&table->block, rec, finger,
                                  table->options.block_bytes);
}


/* A reference that makes no sense is its reader's business. */
static int
table_count_blob(fkv__table_info_t *info, const fkv__record_t *rec)
{
    fkv__blob_ref_t  ref;

    if (rec->kind != FKV__RECORD_BLOB
        || fkv__blob_ref_get(rec->value, &ref) != FKV_OK)
    {
        return FKV_OK;
    }

    return fkv__blob_uses_add(&info->blobs, &(fkv__blob_use_t) {
                                  .file = ref.file,
                                  .bytes = fkv__blob_entry_bytes(ref.length),
                                  .expire_at = rec->expire_at
                              });
}


int
fkv__table_builder_add(fkv__table_builder_t *table, const fkv__record_t *rec)
{
    uint64_t  hash = fkv__hash(rec->key);
    bool      new_key;
    int       rc;

    FKV_ASSERT(!table->finished);

    rc = table_add_record(table, rec, hash);

    new_key = !table->block.repeats;

    if (rc == FKV_OK && new_key && table->options.bits_per_key > 0) {
        rc = fkv__filter_builder_add(&table->filter, hash);
    }

    if (rc == FKV_OK && table->info.entries == 0) {
        rc = table_set_bytes(&table->info.smallest, rec->key);
    }

    if (rc == FKV_OK) {
        rc = fkv__shares_count(&table->info.shares, rec, new_key);
    }

    if (rc == FKV_OK) {
        rc = table_count_blob(&table->info, rec);
    }

    if (rc != FKV_OK) {
        return rc;
    }

    table_count(table, rec, new_key);

    return FKV_OK;
}


void
fkv__table_builder_drained(fkv__table_builder_t *table, size_t n)
{
    FKV_ASSERT(n <= table->out.len);

    if (n > 0) {
        memmove(table->out.data, table->out.data + n, table->out.len - n);
        table->out.len -= n;
        table->written += n;
    }
}


uint64_t
fkv__table_builder_bytes(const fkv__table_builder_t *table)
{
    uint64_t  pages = fkv__filter_builder_pages(&table->filter,
                                                table->options.bits_per_key);

    return table_offset(table) + fkv__block_builder_bytes(&table->block)
           + (pages > 0 ? pages + 1 : 0) * FKV__FILTER_PAGE_BYTES
           + table->pages.len + fkv__index_builder_bytes(&table->index)
           + fkv__index_builder_bytes(&table->root)
           + PROPERTIES_BYTES + table->info.smallest.len
           + table->info.blobs.len
           + table->block.last_key.len + FKV__TABLE_FOOTER_BYTES;
}


static int
table_put_filter(fkv__table_builder_t *table)
{
    fkv__table_info_t  *info = &table->info;
    uint64_t            offset = table_offset(table);
    size_t              pad;

    info->filter_pages = fkv__filter_builder_pages(&table->filter,
                                                   table->options.bits_per_key);
    if (info->filter_pages == 0) {
        return FKV_OK;
    }

    info->filter_offset = fkv__align(offset, FKV__FILTER_PAGE_BYTES);
    pad = info->filter_offset - offset;

    if (fkv__buf_reserve(&table->out, pad) != FKV_OK) {
        return FKV_ENOMEM;
    }

    if (pad > 0) {
        memset(table->out.data + table->out.len, 0, pad);
        table->out.len += pad;
    }

    return fkv__filter_builder_finish(&table->filter, &table->out,
                                      table->options.bits_per_key, info->id,
                                      info->filter_offset);
}


/* Trailer behind what out holds from start on; place is set to it. */
static int
table_put_trailer(fkv__table_builder_t *table, size_t start,
    fkv__block_place_t *place)
{
    fkv__buf_t  *out = &table->out;
    fkv_str_t    payload;

    if (fkv__buf_reserve(out, FKV__BLOCK_TRAILER_BYTES) != FKV_OK) {
        return FKV_ENOMEM;
    }

    payload = (fkv_str_t) { out->data + start, out->len - start };
    *place = (fkv__block_place_t) { table->written + start, payload.len };

    fkv__block_trailer_put(out->data + out->len, payload, table->info.id,
                           place->offset);
    out->len += FKV__BLOCK_TRAILER_BYTES;

    return FKV_OK;
}


/* The pages, whose place is known now. */
static int
table_put_pages(fkv__table_builder_t *table)
{
    fkv__buf_t  *pages = &table->pages;
    uint64_t     offset = table_offset(table);
    size_t       begin = 0, end;

    for (size_t i = 0; i < table->page_ends.len; i += sizeof(end)) {
        memcpy(&end, table->page_ends.data + i, sizeof(end));

        end -= FKV__BLOCK_TRAILER_BYTES;
        fkv__block_trailer_put(pages->data + end,
                               (fkv_str_t) { pages->data + begin,
                                             end - begin },
                               table->info.id, offset + begin);
        begin = end + FKV__BLOCK_TRAILER_BYTES;
    }

    table->info.pages_offset = offset;

    return fkv__buf_append(&table->out, pages->data, pages->len);
}


static int
table_put_index(fkv__table_builder_t *table)
{
    fkv__index_builder_t  *root = &table->index;
    fkv__block_place_t     place;
    size_t                 start;
    uint64_t               base = 0;

    if (table->info.index_pages > 0) {
        if (table_end_page(table, FKV_STR_NULL) != FKV_OK
            || table_put_pages(table) != FKV_OK)
        {
            return FKV_ENOMEM;
        }

        root = &table->root;
        base = table->info.pages_offset;
    }

    start = table->out.len;

    if (fkv__index_builder_finish(root, table->options.index, base,
                                  &table->out)
        != FKV_OK
        || table_put_trailer(table, start, &place) != FKV_OK)
    {
        return FKV_ENOMEM;
    }

    table->info.index_offset = place.offset;
    table->info.index_bytes = place.bytes;

    return FKV_OK;
}


static int
table_put_properties(fkv__table_builder_t *table, fkv__block_place_t *place)
{
    size_t  start = table->out.len;

    if (fkv__table_info_put(&table->out, &table->info) != FKV_OK) {
        return FKV_ENOMEM;
    }

    return table_put_trailer(table, start, place);
}


static int
table_put_footer(fkv__table_builder_t *table, fkv__block_place_t properties)
{
    fkv__table_info_t  *info = &table->info;
    uint8_t             footer[FKV__TABLE_FOOTER_BYTES] = { 0 };

    info->bytes = table_offset(table) + sizeof(footer);

    fkv__put_le64(footer + INDEX_OFFSET_AT, info->index_offset);
    fkv__put_le64(footer + INDEX_BYTES_AT, info->index_bytes);
    fkv__put_le64(footer + FILTER_OFFSET_AT, info->filter_offset);
    fkv__put_le64(footer + FILTER_PAGES_AT, info->filter_pages);
    fkv__put_le64(footer + PROPERTIES_OFFSET_AT, properties.offset);
    fkv__put_le64(footer + PROPERTIES_BYTES_AT, properties.bytes);
    fkv__put_le64(footer + PAGES_OFFSET_AT, info->pages_offset);
    fkv__put_le64(footer + INDEX_PAGES_AT, info->index_pages);
    fkv__put_le64(footer + ID_AT, info->id);
    fkv__put_le64(footer + BYTES_AT, info->bytes);
    fkv__put_le32(footer + FORMAT_AT, FKV__TABLE_FORMAT);
    fkv__put_le32(footer + CRC_AT, fkv__crc32c(0, footer, CRC_AT));
    memcpy(footer + MAGIC_AT, table_magic, sizeof(table_magic));

    return fkv__buf_append(&table->out, footer, sizeof(footer));
}


int
fkv__table_builder_finish(fkv__table_builder_t *table,
    fkv__table_info_t *info)
{
    fkv__block_place_t  properties;

    FKV_ASSERT(!table->finished);
    FKV_ASSERT(table->info.entries > 0);

    table->finished = true;
    fkv__table_info_init(info);

    if (table_set_bytes(&table->info.largest,
                        fkv__buf_str(&table->block.last_key)) != FKV_OK
        || fkv__expiry_put(&table->expiry, &table->info.expiry) != FKV_OK
        || table_end_block(table, FKV_STR_NULL) != FKV_OK
        || table_put_filter(table) != FKV_OK
        || table_put_index(table) != FKV_OK
        || table_put_properties(table, &properties) != FKV_OK
        || table_put_footer(table, properties) != FKV_OK)
    {
        return FKV_ENOMEM;
    }

    FKV_ASSERT(fkv__table_info_check(&table->info) == FKV_OK);

    *info = table->info;
    fkv__table_info_init(&table->info);

    return FKV_OK;
}


int
fkv__table_footer_get(const uint8_t *footer, uint64_t bytes,
    fkv__table_info_t *info, fkv__block_place_t *properties)
{
    fkv__table_info_init(info);

    if (bytes < FKV__TABLE_FOOTER_BYTES
        || memcmp(footer + MAGIC_AT, table_magic, sizeof(table_magic)) != 0
        || fkv__get_le32(footer + CRC_AT) != fkv__crc32c(0, footer, CRC_AT))
    {
        return FKV_ECORRUPT;
    }

    if (fkv__get_le32(footer + FORMAT_AT) > FKV__TABLE_FORMAT) {
        return FKV_EVERSION;
    }

    info->index_offset = fkv__get_le64(footer + INDEX_OFFSET_AT);
    info->index_bytes = fkv__get_le64(footer + INDEX_BYTES_AT);
    info->filter_offset = fkv__get_le64(footer + FILTER_OFFSET_AT);
    info->filter_pages = fkv__get_le64(footer + FILTER_PAGES_AT);
    info->pages_offset = fkv__get_le64(footer + PAGES_OFFSET_AT);
    info->index_pages = fkv__get_le64(footer + INDEX_PAGES_AT);
    properties->offset = fkv__get_le64(footer + PROPERTIES_OFFSET_AT);
    properties->bytes = fkv__get_le64(footer + PROPERTIES_BYTES_AT);
    info->id = fkv__get_le64(footer + ID_AT);
    info->bytes = fkv__get_le64(footer + BYTES_AT);

    if (info->bytes != bytes || info->id == 0 || !table_layout_ok(info)
        || !table_place_ok(properties->offset, properties->bytes,
                           bytes - FKV__TABLE_FOOTER_BYTES)
        || properties->offset < info->index_offset + info->index_bytes)
    {
        fkv__table_info_init(info);
        return FKV_ECORRUPT;
    }

    return FKV_OK;
}


int
fkv__table_properties_get(const uint8_t *raw, size_t len, uint64_t offset,
    fkv__table_info_t *info)
{
    fkv__table_info_t  read;
    fkv_str_t          payload;
    int                rc;

    rc = fkv__block_check(raw, len, info->id, offset, &payload);

    if (rc == FKV_OK) {
        rc = fkv__table_info_get(payload, &read);
    }

    if (rc != FKV_OK) {
        return rc;
    }

    read.bytes = info->bytes;

    if (read.id != info->id
        || read.index_offset != info->index_offset
        || read.index_bytes != info->index_bytes
        || read.filter_offset != info->filter_offset
        || read.filter_pages != info->filter_pages
        || read.pages_offset != info->pages_offset
        || read.index_pages != info->index_pages
        || fkv__table_info_check(&read) != FKV_OK)
    {
        fkv__table_info_done(&read);
        return FKV_ECORRUPT;
    }

    fkv__table_info_done(info);
    *info = read;

    return FKV_OK;
}


int
fkv__table_place(const fkv__table_info_t *info, unsigned depth,
    const fkv__index_t *index, uint32_t at, fkv__block_place_t *place)
{
    bool      pages = depth + 1 < fkv__table_depth(info);
    uint64_t  begin = pages ? info->pages_offset : 0;
    uint64_t  end = pages ? info->index_offset : fkv__table_data_end(info);

    if (fkv__index_place(index, at, place) != FKV_OK
        || place->offset < begin
        || !table_place_ok(place->offset, place->bytes, end))
    {
        return FKV_ECORRUPT;
    }

    return FKV_OK;
}
