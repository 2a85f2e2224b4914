#include "seen.h"

#include <string.h>

#define ROOM  16


/* Keyed, so that nobody can choose strings that meet. */
static uint64_t
hash_of(const seen_t *seen, ferrokv_str str)
{
    const unsigned char  *p = str.data;
    uint64_t              h = seen->ctx->random ^ str.len, word;
    size_t                i;

    for (i = 0; i + sizeof(word) <= str.len; i += sizeof(word)) {
        memcpy(&word, p + i, sizeof(word));
        h = (h ^ word) * 0xff51afd7ed558ccd;
        h ^= h >> 32;
    }

    for (; i < str.len; i++) {
        h = (h ^ p[i]) * 0xc4ceb9fe1a85ec53;
        h ^= h >> 32;
    }

    h *= 0xff51afd7ed558ccd;

    return h ^ h >> 32;
}


static void
slots_make(seen_t *seen)
{
    size_t  n = 2 * seen->room;

    seen->slots = seen->ctx->api->alloc(seen->ctx, n * sizeof(uint32_t));
    seen->mask = n - 1;
    memset(seen->slots, 0, n * sizeof(uint32_t));
}


void
seen_init(seen_t *seen, ferrokv_ctx *ctx)
{
    seen->ctx = ctx;
    seen->n = 0;
    seen->room = ROOM;
    seen->list = ctx->api->alloc(ctx, ROOM * sizeof(seen_entry_t));
    slots_make(seen);
}


/* Where it stands, or where there is room for it. */
static uint32_t *
slot_of(const seen_t *seen, ferrokv_str str, uint64_t hash)
{
    for (size_t i = hash & seen->mask; ; i = (i + 1) & seen->mask) {
        seen_entry_t  *entry;

        if (seen->slots[i] == 0) {
            return &seen->slots[i];
        }

        entry = &seen->list[seen->slots[i] - 1];

        if (entry->hash == hash && entry->str.len == str.len
            && (str.len == 0
                || memcmp(entry->str.data, str.data, str.len) == 0))
        {
            return &seen->slots[i];
        }
    }
}


static void
seen_grow(seen_t *seen)
{
    seen_entry_t  *old = seen->list;

    seen->room *= 2;
    seen->list = seen->ctx->api->alloc(seen->ctx,
                                       seen->room * sizeof(seen_entry_t));
    memcpy(seen->list, old, seen->n * sizeof(seen_entry_t));
    slots_make(seen);

    for (size_t i = 0; i < seen->n; i++) {
        *slot_of(seen, seen->list[i].str, seen->list[i].hash)
            = (uint32_t) (i + 1);
    }
}


seen_entry_t *
seen_add(seen_t *seen, ferrokv_str str, bool *new)
{
    uint64_t       hash = hash_of(seen, str);
    uint32_t      *slot = slot_of(seen, str, hash);
    seen_entry_t  *entry;

    *new = (*slot == 0);

    if (!*new) {
        return &seen->list[*slot - 1];
    }

    if (seen->n == seen->room) {
        seen_grow(seen);
        slot = slot_of(seen, str, hash);
    }

    entry = &seen->list[seen->n++];
    entry->str = str;
    entry->hash = hash;
    entry->number = 0;
    *slot = (uint32_t) seen->n;

    return entry;
}


seen_entry_t *
seen_find(const seen_t *seen, ferrokv_str str)
{
    uint32_t  *slot = slot_of(seen, str, hash_of(seen, str));

    return (*slot == 0) ? NULL : &seen->list[*slot - 1];
}
