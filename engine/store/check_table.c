/*
 * check_table.c - one table, from its footer to each record.
 */

#include "store/check_table.h"

#include "base/hash.h"
#include "store/check_blob.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NAME_BYTES    40
#define WINDOW_BYTES  (1024 * 1024)
#define SAID_MAX      20        /* damages of one table that are told */

typedef struct {
    fkv__check_t             *check;
    const fkv__table_info_t  *info;         /* as the manifest has it */
    char                      name[NAME_BYTES];
    int                       fd;
    fkv__buf_t                window;       /* file bytes from window_at on */
    uint64_t                  window_at;
    unsigned                  said;

    fkv__table_info_t         own;          /* as the file has it */
    fkv__block_place_t        properties;
    fkv__buf_t                filter;       /* all pages */
    fkv__buf_t                root_room;
    fkv__buf_t                page_room;
    fkv__buf_t                data_room;
    fkv__index_t              root;
    fkv__index_t              page;
    uint32_t                  root_at;
    uint32_t                  page_at;

    uint64_t                  data_at;      /* the next block must begin here */
    uint64_t                  page_next;    /* so must the next page */
    fkv__table_info_t         found;        /* as its records are */
    fkv__expiry_t             expiry;
    fkv__buf_t                last_key;
    uint64_t                  last_version; /* 0: no record yet */
} table_t;


/* The first byte that is wrong is in what begins at offset. */
static void __attribute__((format(printf, 3, 4)))
table_say(table_t *t, uint64_t offset, const char *fmt, ...)
{
    va_list  args;
    char     why[256];

    va_start(args, fmt);
    (void) vsnprintf(why, sizeof(why), fmt, args);
    va_end(args);

    if (++t->said <= SAID_MAX) {
        fkv__check_say(t->check, FKV__CHECK_DAMAGE, "sst/%s is damaged at "
                       "offset %llu: %s", t->name,
                       (unsigned long long) offset, why);

    } else {
        t->check->damages++;
    }
}


/* len bytes at offset, which lie within the file; until the next call. */
static int
table_bytes(table_t *t, uint64_t offset, size_t len, const uint8_t **bytes)
{
    int                  rc;
    size_t               n;
    const fkv__fs_t     *fs = t->check->directory.fs;

    if (offset < t->window_at
        || offset + len > t->window_at + t->window.len)
    {
        n = (size_t) fkv__min(t->info->bytes - offset,
                              fkv__max(len, (size_t) WINDOW_BYTES));
        t->window.len = 0;

        if (fkv__buf_reserve(&t->window, n) != FKV_OK) {
            return FKV_ENOMEM;
        }

        rc = fkv__file_read(fs, t->fd, t->window.data, n, offset);
        if (rc != FKV_OK) {
            return rc;
        }

        t->window.len = n;
        t->window_at = offset;
        fkv__check_progress(t->check, n);
    }

    *bytes = t->window.data + (offset - t->window_at);

    return FKV_OK;
}


/*
 * A page or a block, with trailer; what is packed comes to lie in room.
 * FKV_OK payload is set · FKV_END what is wrong was told · others
 */
static int
table_block(table_t *t, fkv__block_place_t place, const char *what, bool data,
    fkv__buf_t *room, fkv_str_t *payload)
{
    int             rc;
    const uint8_t  *raw;
    size_t          len = place.bytes + FKV__BLOCK_TRAILER_BYTES;

    rc = table_bytes(t, place.offset, len, &raw);
    if (rc != FKV_OK) {
        return rc;
    }

    rc = data ? fkv__block_open(raw, len, t->info->id, place.offset, room,
                                payload)
              : fkv__block_check(raw, len, t->info->id, place.offset, payload);

    if (rc == FKV_ECORRUPT) {
        table_say(t, place.offset, "checksum of its %s is wrong", what);
        return FKV_END;
    }

    /* Pages are looked at while others are read. */

    if (rc == FKV_OK && !data) {
        room->len = 0;
        rc = fkv__buf_append(room, payload->data, payload->len);
        *payload = fkv__buf_str(room);
    }

    return rc;
}


/* What the manifest says of a table the file says too, but for these. */
static void
table_compare_manifest(table_t *t)
{
    const fkv__table_info_t  *info = t->info;
    fkv__table_info_t        *own = &t->own;
    fkv_str_t                 first = fkv__buf_str(&own->smallest);

    own->taken = info->taken;
    own->merging = info->merging;
    own->ranged = info->ranged;

#define COMPARE(tag, name)                                                    \
    if (info->name != own->name) {                                            \
        table_say(t, t->properties.offset, "its properties say " #name        \
                  "=%llu, the manifest says %llu",                            \
                  (unsigned long long) own->name,                             \
                  (unsigned long long) info->name);                           \
    }

    FKV__TABLE_INFO_MAP(COMPARE)
#undef COMPARE

    if (!fkv__str_eq(fkv__buf_str(&own->largest), fkv__buf_str(&info->largest))
        || fkv__str_cmp(first, fkv__buf_str(&info->smallest)) > 0)
    {
        table_say(t, t->properties.offset, "its range of keys is not that of "
                  "the manifest");
    }
}


/* FKV_OK · FKV_END told · others */
static int
table_read_own(table_t *t)
{
    int             rc;
    const uint8_t  *raw;
    uint64_t        bytes = t->info->bytes;
    uint64_t        footer = bytes - FKV__TABLE_FOOTER_BYTES;

    rc = table_bytes(t, footer, FKV__TABLE_FOOTER_BYTES, &raw);
    if (rc != FKV_OK) {
        return rc;
    }

    rc = fkv__table_footer_get(raw, bytes, &t->own, &t->properties);

    if (rc == FKV_OK && t->own.id != t->info->id) {
        rc = FKV_ECORRUPT;
    }

    if (rc == FKV_ECORRUPT) {
        table_say(t, footer, "its footer is not valid");
        return FKV_END;
    }

    if (rc == FKV_OK) {
        rc = table_bytes(t, t->properties.offset, t->properties.bytes
                         + FKV__BLOCK_TRAILER_BYTES, &raw);
    }

    if (rc == FKV_OK) {
        rc = fkv__table_properties_get(raw, t->properties.bytes
                                       + FKV__BLOCK_TRAILER_BYTES,
                                       t->properties.offset, &t->own);
    }

    if (rc == FKV_ECORRUPT) {
        table_say(t, t->properties.offset, "its properties are not valid");
        return FKV_END;
    }

    if (rc == FKV_OK) {
        table_compare_manifest(t);
    }

    return rc;
}


static int
table_read_filter(table_t *t)
{
    int  rc = FKV_OK;

    for (uint64_t i = 0; rc == FKV_OK && i < t->own.filter_pages; i++) {
        const uint8_t  *raw;
        fkv_str_t       payload;
        uint64_t        at = t->own.filter_offset + i * FKV__FILTER_PAGE_BYTES;

        rc = table_bytes(t, at, FKV__FILTER_PAGE_BYTES, &raw);

        if (rc == FKV_OK) {
            rc = fkv__block_check(raw, FKV__FILTER_PAGE_BYTES, t->own.id, at,
                                  &payload);
        }

        if (rc == FKV_ECORRUPT) {
            table_say(t, at, "checksum of its filter page is wrong");
            return FKV_END;
        }

        if (rc == FKV_OK) {
            rc = fkv__buf_append(&t->filter, raw, FKV__FILTER_PAGE_BYTES);
        }
    }

    return rc;
}


static bool
table_filter_has(const table_t *t, uint64_t hash)
{
    uint64_t   page;
    fkv_str_t  payload;

    if (t->own.filter_pages == 0) {
        return true;
    }

    page = fkv__filter_page(hash, t->own.filter_pages);
    payload.data = t->filter.data + page * FKV__FILTER_PAGE_BYTES;
    payload.len = FKV__FILTER_PAGE_BYTES - FKV__BLOCK_TRAILER_BYTES;

    return fkv__filter_maybe(payload, hash, t->own.filter_pages);
}


static void
record_count(table_t *t, const fkv__record_t *rec, bool new_key)
{
    fkv__table_info_t  *found = &t->found;

    if (found->entries == 0) {
        found->version_min = rec->version;
    }

    found->version_min = fkv__min(found->version_min, rec->version);
    found->version_max = fkv__max(found->version_max, rec->version);
    found->entries++;
    found->keys += new_key;
    found->tombstones += (rec->kind == FKV__RECORD_TOMBSTONE);
    found->operands += (rec->kind == FKV__RECORD_MERGE);
    found->key_bytes += rec->key.len;
    found->value_bytes += rec->value.len;

    if (rec->expire_at == 0) {
        return;
    }

    if (rec->kind == FKV__RECORD_TOMBSTONE) {
        found->stubs++;
        found->stub_at_max = fkv__max(found->stub_at_max, rec->expire_at);
        return;
    }

    if (found->expiring == 0) {
        found->expire_at_min = rec->expire_at;
    }

    found->expire_at_min = fkv__min(found->expire_at_min, rec->expire_at);
    found->expire_at_max = fkv__max(found->expire_at_max, rec->expire_at);
    found->expiring++;
    fkv__expiry_add(&t->expiry, t->own.created_ms, rec->expire_at);
}


/* What has gone to other tables may name values that are gone. */
static int
record_value(table_t *t, const fkv__record_t *rec)
{
    int              rc;
    char             where[NAME_BYTES + 8];
    fkv__blob_ref_t  ref;

    if (rec->kind != FKV__RECORD_BLOB) {
        return FKV_OK;
    }

    if (fkv__blob_ref_get(rec->value, &ref) == FKV_OK) {
        rc = fkv__blob_uses_add(&t->found.blobs, &(fkv__blob_use_t) {
                                    .file = ref.file,
                                    .bytes = fkv__blob_entry_bytes(ref.length),
                                    .expire_at = rec->expire_at
                                });
        if (rc != FKV_OK) {
            return rc;
        }
    }

    if (fkv__str_cmp(rec->key, fkv__buf_str(&t->info->smallest)) < 0) {
        return FKV_OK;
    }

    (void) snprintf(where, sizeof(where), "sst/%s", t->name);

    return fkv__check_value(t->check, rec, where);
}


/* Is it found by those who look for it?  FKV_END told. */
static int
record_search(table_t *t, fkv_str_t payload, uint64_t offset,
    const fkv__record_t *rec, uint64_t hash)
{
    fkv__record_t  there;

    if (!table_filter_has(t, hash)) {
        table_say(t, t->own.filter_offset, "its filter lacks a key of the "
                  "block at offset %llu", (unsigned long long) offset);
        return FKV_END;
    }

    if (fkv__block_find(payload, rec->key, hash, rec->version, &there)
        != FKV_OK
        || there.version != rec->version)
    {
        table_say(t, offset, "a search of the block does not find what is in "
                  "it");
        return FKV_END;
    }

    return FKV_OK;
}


/* FKV_OK · FKV_END told, no more of this block · others */
static int
record_check(table_t *t, fkv_str_t payload, uint64_t offset,
    const fkv__record_t *rec)
{
    int        rc;
    bool       new_key;
    fkv_str_t  last = fkv__buf_str(&t->last_key);

    if (rec->version == 0 || rec->kind == FKV__RECORD_RANGE_TOMBSTONE
        || !fkv__check_key(rec->key))
    {
        table_say(t, offset, "a record of the block has no %s",
                  rec->version == 0 ? "version" : "key of the engine's");
        return FKV_END;
    }

    if (t->last_version != 0
        && fkv__block_cmp(last, t->last_version, rec->key, rec->version) >= 0)
    {
        table_say(t, offset, "a record of the block is out of order");
        return FKV_END;
    }

    rc = record_search(t, payload, offset, rec, fkv__hash(rec->key));
    if (rc != FKV_OK) {
        return rc;
    }

    new_key = (t->last_version == 0 || !fkv__str_eq(last, rec->key));
    record_count(t, rec, new_key);

    if (t->last_version == 0) {
        rc = fkv__buf_append(&t->found.smallest, rec->key.data, rec->key.len);
    }

    if (rc == FKV_OK) {
        rc = fkv__shares_count(&t->found.shares, rec, new_key);
    }

    if (rc == FKV_OK) {
        rc = record_value(t, rec);
    }

    if (new_key && rc == FKV_OK) {
        t->last_key.len = 0;
        rc = fkv__buf_append(&t->last_key, rec->key.data, rec->key.len);
    }

    t->last_version = rec->version;

    return rc;
}


/* Does the way through the index lead here?  It is told if not. */
static void
data_check_way(table_t *t, const fkv__record_t *rec, uint64_t offset)
{
    uint32_t  at;
    bool      right = true;

    if (fkv__table_depth(&t->own) == 2) {
        right = fkv__index_seek(&t->root, rec->key, rec->version, &at, NULL)
                == FKV_OK && at == t->root_at;
    }

    right = right
            && fkv__index_seek(&t->page, rec->key, rec->version, &at, NULL)
               == FKV_OK && at == t->page_at;

    if (!right) {
        table_say(t, t->own.index_offset, "its index does not lead to a "
                  "record of the block at offset %llu",
                  (unsigned long long) offset);
    }
}


/* FKV_OK also if its damage was told. */
static int
data_check(table_t *t, fkv__block_place_t place)
{
    int                rc;
    fkv_str_t          payload;
    fkv__block_iter_t  it;

    rc = table_block(t, place, "data block", true, &t->data_room, &payload);

    if (rc != FKV_OK) {
        return (rc == FKV_END) ? FKV_OK : rc;
    }

    t->check->blocks++;
    t->found.blocks++;
    rc = fkv__block_iter_init(&it, payload);

    while (rc == FKV_OK && (rc = fkv__block_iter_next(&it)) == FKV_OK) {
        rc = record_check(t, payload, place.offset, &it.rec);

        if (rc == FKV_OK && (it.at == 0 || it.at + 1 == it.view.n)) {
            data_check_way(t, &it.rec, place.offset);
        }

        if (rc == FKV_END) {
            break;
        }
    }

    fkv__block_iter_done(&it);

    if (rc == FKV_ECORRUPT) {
        table_say(t, place.offset, "its data block makes no sense");
    }

    return (rc == FKV_END || rc == FKV_ECORRUPT) ? FKV_OK : rc;
}


/* FKV_OK · FKV_END an entry leads nowhere, which was told · others */
static int
page_check(table_t *t, uint64_t offset)
{
    int                 rc = FKV_OK;
    unsigned            depth = fkv__table_depth(&t->own) - 1;
    fkv__block_place_t  place;

    for (t->page_at = 0; rc == FKV_OK && t->page_at < t->page.n; t->page_at++) {
        if (fkv__table_place(&t->own, depth, &t->page, t->page_at, &place)
            != FKV_OK
            || place.offset != t->data_at)
        {
            table_say(t, offset, "entry %u of its index page leads nowhere",
                      t->page_at);
            return FKV_END;
        }

        t->data_at = place.offset + place.bytes + FKV__BLOCK_TRAILER_BYTES;
        rc = data_check(t, place);
    }

    return rc;
}


static int
index_read(table_t *t, fkv__block_place_t place, fkv__buf_t *room,
    fkv__index_t *index)
{
    int        rc;
    fkv_str_t  payload;

    rc = table_block(t, place, "index page", false, room, &payload);

    if (rc == FKV_OK && fkv__index_open(index, payload) != FKV_OK) {
        table_say(t, place.offset, "its index page makes no sense");
        return FKV_END;
    }

    return rc;
}


/* FKV_OK · FKV_END not all could be looked at, which was told · others */
static int
index_check(table_t *t)
{
    int                 rc;
    fkv__block_place_t  place = fkv__table_root(&t->own);

    if (fkv__table_depth(&t->own) == 1) {
        rc = index_read(t, place, &t->page_room, &t->page);
        return (rc == FKV_OK) ? page_check(t, place.offset) : rc;
    }

    rc = index_read(t, place, &t->root_room, &t->root);
    t->page_next = t->own.pages_offset;

    for (t->root_at = 0; rc == FKV_OK && t->root_at < t->root.n; t->root_at++) {
        if (fkv__table_place(&t->own, 0, &t->root, t->root_at, &place)
            != FKV_OK
            || place.offset != t->page_next)
        {
            table_say(t, t->own.index_offset, "entry %u of its index leads "
                      "nowhere", t->root_at);
            return FKV_END;
        }

        t->page_next = place.offset + place.bytes + FKV__BLOCK_TRAILER_BYTES;
        rc = index_read(t, place, &t->page_room, &t->page);

        /* Without the page it is unknown where the next block begins. */
        if (rc == FKV_OK) {
            rc = page_check(t, place.offset);
        }
    }

    return rc;
}


/* What stands between the parts is zero, and nothing is behind them. */
static int
table_check_gaps(table_t *t)
{
    int             rc;
    const uint8_t  *raw;
    uint64_t        end = fkv__table_data_end(&t->own);
    uint64_t        root = t->own.index_offset;
    uint64_t        pages = (t->own.index_pages > 0) ? t->own.pages_offset
                                                     : root;

    rc = table_bytes(t, t->data_at, end - t->data_at, &raw);
    if (rc != FKV_OK) {
        return rc;
    }

    for (uint64_t at = t->data_at; at < end; at++, raw++) {
        if (*raw != 0) {
            table_say(t, at, "there is something between data and filter");
            break;
        }
    }

    if ((t->own.filter_pages > 0
         && t->own.filter_offset
            + t->own.filter_pages * FKV__FILTER_PAGE_BYTES != pages)
        || (t->own.index_pages > 0 && t->page_next != root)
        || root + t->own.index_bytes + FKV__BLOCK_TRAILER_BYTES
           != t->properties.offset
        || t->properties.offset + t->properties.bytes
           + FKV__BLOCK_TRAILER_BYTES + FKV__TABLE_FOOTER_BYTES
           != t->own.bytes)
    {
        table_say(t, pages, "its parts do not lie one behind the other");
    }

    return FKV_OK;
}


static bool
table_same_list(const fkv__buf_t *a, const fkv__buf_t *b)
{
    return a->len == b->len
           && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}


static void
table_compare_records(table_t *t)
{
    const fkv__table_info_t  *own = &t->own, *found = &t->found;
    uint64_t                  at = t->properties.offset;

#define COMPARE(name)                                                         \
    if (own->name != found->name) {                                           \
        table_say(t, at, "its properties say " #name "=%llu, its records "    \
                  "%llu", (unsigned long long) own->name,                     \
                  (unsigned long long) found->name);                          \
    }

    COMPARE(entries)
    COMPARE(keys)
    COMPARE(tombstones)
    COMPARE(expiring)
    COMPARE(operands)
    COMPARE(stubs)
    COMPARE(stub_at_max)
    COMPARE(version_min)
    COMPARE(version_max)
    COMPARE(expire_at_min)
    COMPARE(expire_at_max)
    COMPARE(key_bytes)
    COMPARE(value_bytes)
    COMPARE(blocks)
#undef COMPARE

    if (!table_same_list(&own->smallest, &found->smallest)
        || !table_same_list(&own->largest, &t->last_key))
    {
        table_say(t, at, "its records are not in the range that its "
                  "properties say");
    }

    if (!table_same_list(&own->blobs, &found->blobs)) {
        table_say(t, at, "its records refer to other large values than its "
                  "properties say");
    }

    if (!table_same_list(&own->shares, &found->shares)
        || !table_same_list(&own->expiry, &found->expiry))
    {
        table_say(t, at, "its records are not what its properties count by "
                  "%s", table_same_list(&own->shares, &found->shares)
                        ? "time" : "namespace");
    }
}


static int
table_check(table_t *t)
{
    int   rc = table_read_own(t);
    bool  filter;

    if (rc != FKV_OK) {
        return rc;
    }

    rc = table_read_filter(t);
    filter = (rc == FKV_OK);

    /* Without it the rest can be looked at all the same. */
    if (rc == FKV_END) {
        t->filter.len = 0;
        t->own.filter_pages = 0;
        rc = FKV_OK;
    }

    if (rc == FKV_OK) {
        rc = index_check(t);
    }

    if (rc == FKV_OK && t->said == 0) {
        rc = fkv__expiry_put(&t->expiry, &t->found.expiry);

        if (rc == FKV_OK) {
            table_compare_records(t);
        }
    }

    return (rc == FKV_OK && filter && t->said == 0) ? table_check_gaps(t) : rc;
}


/* FKV_OK · FKV_END told · others */
static int
table_open(table_t *t)
{
    const fkv__directory_t  *d = &t->check->directory;
    int64_t                  size;

    t->fd = d->fs->open(d->fs, d->sst_dir, t->name, O_RDONLY, 0);

    if (t->fd == -ENOENT) {
        fkv__check_say(t->check, FKV__CHECK_DAMAGE, "sst/%s is missing: "
                       "nothing is there from offset 0 on", t->name);
        return FKV_END;
    }

    size = (t->fd >= 0) ? d->fs->size(d->fs, t->fd) : t->fd;

    if (size < 0) {
        errno = (int) -size;
        return FKV_EIO;
    }

    if ((uint64_t) size != t->info->bytes) {
        table_say(t, fkv__min((uint64_t) size, t->info->bytes), "it has %llu "
                  "bytes, the manifest says %llu", (unsigned long long) size,
                  (unsigned long long) t->info->bytes);
        return FKV_END;
    }

    return FKV_OK;
}


static void
table_done(table_t *t)
{
    if (t->fd >= 0) {
        (void) t->check->directory.fs->close(t->check->directory.fs, t->fd);
    }

    fkv__table_info_done(&t->own);
    fkv__table_info_done(&t->found);
    fkv__buf_done(&t->window);
    fkv__buf_done(&t->filter);
    fkv__buf_done(&t->root_room);
    fkv__buf_done(&t->page_room);
    fkv__buf_done(&t->data_room);
    fkv__buf_done(&t->last_key);
}


int
fkv__check_table(fkv__check_t *check, const fkv__table_info_t *info,
    char *error)
{
    int      rc;
    table_t  t = { .check = check, .info = info };

    fkv__table_name(t.name, info->id);
    fkv__table_info_init(&t.own);
    fkv__table_info_init(&t.found);

    rc = table_open(&t);

    if (rc == FKV_OK) {
        rc = table_check(&t);
    }

    check->records += t.found.entries;
    check->keys += t.found.keys;
    check->tombstones += t.found.tombstones;
    check->expiring += t.found.expiring;

    if (t.said > SAID_MAX) {
        fkv__check_say(check, FKV__CHECK_NOTE, "sst/%s: %u more of the kind",
                       t.name, t.said - SAID_MAX);
    }

    if (rc < 0) {
        (void) fkv__error(error, rc, "reading sst/%s failed: %s", t.name,
                          rc == FKV_EIO ? strerror(errno) : fkv_code_text(rc));
    }

    table_done(&t);

    return (rc == FKV_END) ? FKV_OK : rc;
}
