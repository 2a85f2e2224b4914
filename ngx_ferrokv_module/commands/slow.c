#include "commands/slow.h"
#include "base/bytes.h"
#include "base/hash.h"

#include <stdio.h>
#include <string.h>

#define MORE_BYTES  40          /* "... (18446744073709551615 more bytes)" */

_Static_assert(FKV_SLOW_ARGS * (2 + FKV_SLOW_ARG_BYTES + MORE_BYTES)
               + 2 + FKV_SLOW_ADDR_BYTES + 2 + FKV_SLOW_NAME_BYTES
               <= FKV_SLOW_TEXT_BYTES, "text");


static void
text_add(fkv_slow_entry_shm_t *entry, const void *data, size_t len)
{
    uint8_t  *p = entry->text + entry->text_len;

    fkv__put_le16(p, (uint16_t) len);

    if (len > 0) {
        memcpy(p + 2, data, len);
    }

    entry->text_len += 2 + (uint32_t) len;
}


static void
text_add_arg(fkv_slow_entry_shm_t *entry, fkv_str_t arg)
{
    char    cut[FKV_SLOW_ARG_BYTES + MORE_BYTES];
    size_t  len = FKV_SLOW_ARG_BYTES;

    if (arg.len <= FKV_SLOW_ARG_BYTES) {
        text_add(entry, arg.data, arg.len);
        return;
    }

    memcpy(cut, arg.data, FKV_SLOW_ARG_BYTES);
    len += (size_t) snprintf(cut + len, MORE_BYTES, "... (%zu more bytes)",
                             arg.len - FKV_SLOW_ARG_BYTES);
    text_add(entry, cut, len);
}


static void
text_add_args(fkv_slow_entry_shm_t *entry, const fkv_str_t *argv, unsigned argc)
{
    char  more[64];
    int   len;

    entry->argc = fkv__min(argc, FKV_SLOW_ARGS);

    for (unsigned i = 0; i < entry->argc; i++) {

        if (argc > FKV_SLOW_ARGS && i == FKV_SLOW_ARGS - 1) {
            len = snprintf(more, sizeof(more), "... (%u more arguments)",
                           argc - i);
            text_add(entry, more, (size_t) len);
            return;
        }

        text_add_arg(entry, argv[i]);
    }
}


static uint64_t
entry_hash(const fkv_slow_entry_shm_t *entry)
{
    const size_t  from = offsetof(fkv_slow_entry_shm_t, id);

    return fkv__hash((fkv_str_t) { (const uint8_t *) entry + from,
                                   offsetof(fkv_slow_entry_shm_t, text) - from
                                   + entry->text_len });
}


void
fkv_slow_add(fkv_slow_shm_t *slow, uint64_t now_ms, uint64_t usec,
    const fkv_str_t *argv, unsigned argc, fkv_str_t addr, fkv_str_t name)
{
    fkv_slow_entry_shm_t  entry;

    entry.id = __atomic_fetch_add(&slow->next, 1, __ATOMIC_RELAXED);
    entry.time_ms = now_ms;
    entry.usec = usec;
    entry.text_len = 0;

    text_add_args(&entry, argv, argc);
    text_add(&entry, addr.data, fkv__min(addr.len, FKV_SLOW_ADDR_BYTES));
    text_add(&entry, name.data, fkv__min(name.len, FKV_SLOW_NAME_BYTES));

    entry.hash = entry_hash(&entry);

    memcpy(&slow->entries[entry.id % FKV_SLOW_PLACES], &entry,
           offsetof(fkv_slow_entry_shm_t, text) + entry.text_len);
}


uint64_t
fkv_slow_range(const fkv_slow_shm_t *slow, uint64_t *first)
{
    uint64_t  next = __atomic_load_n(&slow->next, __ATOMIC_RELAXED);
    uint64_t  max = __atomic_load_n(&slow->max, __ATOMIC_RELAXED);

    max = fkv__min(max, FKV_SLOW_PLACES);
    *first = __atomic_load_n(&slow->first, __ATOMIC_RELAXED);

    if (next > max) {
        *first = fkv__max(*first, next - max);
    }

    *first = fkv__min(*first, next);

    return next;
}


int
fkv_slow_read(const fkv_slow_shm_t *slow, uint64_t id,
    fkv_slow_entry_shm_t *entry)
{
    memcpy(entry, &slow->entries[id % FKV_SLOW_PLACES], sizeof(*entry));

    return (entry->id == id && entry->argc <= FKV_SLOW_ARGS
            && entry->text_len <= FKV_SLOW_TEXT_BYTES
            && entry->hash == entry_hash(entry)) ? FKV_OK : FKV_NOTFOUND;
}


int
fkv_slow_text(const fkv_slow_entry_shm_t *entry, size_t *at, fkv_str_t *text)
{
    if (*at + 2 > entry->text_len) {
        return FKV_ECORRUPT;
    }

    text->len = fkv__get_le16(entry->text + *at);
    text->data = entry->text + *at + 2;
    *at += 2 + text->len;

    return (*at <= entry->text_len) ? FKV_OK : FKV_ECORRUPT;
}


void
fkv_slow_reset(fkv_slow_shm_t *slow)
{
    __atomic_store_n(&slow->first,
                     __atomic_load_n(&slow->next, __ATOMIC_RELAXED),
                     __ATOMIC_RELAXED);
}
