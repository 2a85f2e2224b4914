/*
 * filter.c - setting and asking the bits of a cache-line-blocked filter.
 *
 * The line comes from the hash's high bits (a multiplication instead of a
 * division), the bits of the line from a second mix of the hash: taken from
 * the hash itself they would repeat, for all keys of one line agree in its
 * high bits.
 */

#include "format/filter.h"
#include "format/block.h"

#define LINE_BITS   (FKV__FILTER_LINE_BYTES * 8)
#define PAGE_BITS   (FKV__FILTER_PAGE_LINES * LINE_BITS)
#define PROBE_BITS  9

_Static_assert(1 << PROBE_BITS == LINE_BITS, "a probe is a bit of a line");
_Static_assert(FKV__FILTER_PAGE_LINES * FKV__FILTER_LINE_BYTES
               + FKV__BLOCK_TRAILER_BYTES <= FKV__FILTER_PAGE_BYTES,
               "lines and trailer fit a page");


static uint64_t
filter_line(uint64_t hash, uint64_t pages)
{
    uint64_t  lines = pages * FKV__FILTER_PAGE_LINES;

    return (uint64_t) (((unsigned __int128) hash * lines) >> 64);
}


static uint64_t
filter_mix(uint64_t hash)
{
    return hash * 0x9e3779b97f4a7c15;
}


void
fkv__filter_builder_done(fkv__filter_builder_t *filter)
{
    fkv__buf_done(&filter->hashes);
}


int
fkv__filter_builder_add(fkv__filter_builder_t *filter, uint64_t hash)
{
    return fkv__buf_append(&filter->hashes, &hash, sizeof(hash));
}


uint64_t
fkv__filter_builder_pages(const fkv__filter_builder_t *filter,
    unsigned bits_per_key)
{
    uint64_t  bits = filter->hashes.len / sizeof(uint64_t) * bits_per_key;

    return (bits + PAGE_BITS - 1) / PAGE_BITS;
}


static void
filter_set(uint8_t *out, uint64_t hash, uint64_t pages)
{
    uint64_t  line = filter_line(hash, pages), bits = filter_mix(hash);

    out += line / FKV__FILTER_PAGE_LINES * FKV__FILTER_PAGE_BYTES;
    out += line % FKV__FILTER_PAGE_LINES * FKV__FILTER_LINE_BYTES;

    for (int i = 0; i < FKV__FILTER_PROBES; i++) {
        unsigned  bit = (unsigned) (bits >> (64 - PROBE_BITS));

        out[bit / 8] |= (uint8_t) (1 << bit % 8);
        bits <<= PROBE_BITS;
    }
}


int
fkv__filter_builder_finish(fkv__filter_builder_t *filter, fkv__buf_t *out,
    unsigned bits_per_key, uint64_t file_id, uint64_t offset)
{
    uint64_t  pages = fkv__filter_builder_pages(filter, bits_per_key);
    size_t    payload = FKV__FILTER_PAGE_BYTES - FKV__BLOCK_TRAILER_BYTES;
    uint8_t  *page;

    FKV_ASSERT(offset % FKV__FILTER_PAGE_BYTES == 0);

    if (fkv__buf_reserve(out, pages * FKV__FILTER_PAGE_BYTES) != FKV_OK) {
        return FKV_ENOMEM;
    }

    if (pages > 0) {
        page = out->data + out->len;
        memset(page, 0, pages * FKV__FILTER_PAGE_BYTES);

        for (size_t i = 0; i < filter->hashes.len; i += sizeof(uint64_t)) {
            filter_set(page, fkv__get_le64(filter->hashes.data + i), pages);
        }
    }

    for (uint64_t i = 0; i < pages; i++) {
        page = out->data + out->len;

        fkv__block_trailer_put(page + payload, (fkv_str_t) { page, payload },
                               file_id, offset + i * FKV__FILTER_PAGE_BYTES);
        out->len += FKV__FILTER_PAGE_BYTES;
    }

    filter->hashes.len = 0;

    return FKV_OK;
}


uint64_t
fkv__filter_page(uint64_t hash, uint64_t pages)
{
    FKV_ASSERT(pages > 0);

    return filter_line(hash, pages) / FKV__FILTER_PAGE_LINES;
}


size_t
fkv__filter_at(uint64_t hash, uint64_t pages)
{
    return filter_line(hash, pages) % FKV__FILTER_PAGE_LINES
           * FKV__FILTER_LINE_BYTES;
}


bool
fkv__filter_maybe(fkv_str_t page, uint64_t hash, uint64_t pages)
{
    uint64_t        bits = filter_mix(hash);
    const uint8_t  *p;

    if (page.len < FKV__FILTER_PAGE_LINES * FKV__FILTER_LINE_BYTES) {
        return true;
    }

    p = page.data + fkv__filter_at(hash, pages);

    for (int i = 0; i < FKV__FILTER_PROBES; i++) {
        unsigned  bit = (unsigned) (bits >> (64 - PROBE_BITS));

        if ((p[bit / 8] & (1 << bit % 8)) == 0) {
            return false;
        }

        bits <<= PROBE_BITS;
    }

    return true;
}
