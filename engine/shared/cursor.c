#include "shared/cursor.h"
#include "base/crc32c.h"

#include <string.h>

#define ENTRY_BITS   11
#define ENTRY_MASK   ((1u << ENTRY_BITS) - 1)
#define NUMBER_BITS  53
#define WORDS        (FKV__CURSOR_BYTES / 8)

_Static_assert(FKV__CURSORS_MAX <= 1 << ENTRY_BITS, "a number holds an entry");

/* The word: when (63), 0 = it has ended | the newer place (1). */
#define WORD(when, newer)  ((when) << 1 | (newer))


static uint64_t
load(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}


/* NULL: it is no number of ours. */
static fkv__cursor_shm_t *
entry_of(fkv__segment_shm_t *seg, uint64_t cursor)
{
    uint64_t  at = cursor & ENTRY_MASK;

    if (cursor >> NUMBER_BITS != 0 || cursor >> ENTRY_BITS == 0
        || at >= seg->cursors)
    {
        return NULL;
    }

    return fkv__segment_cursors(seg) + at;
}


static bool
claim(fkv__cursor_shm_t *entry, uint64_t word, uint64_t to)
{
    return __atomic_compare_exchange_n(&entry->word, &word, to, false,
                                       __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}


static uint32_t
sum_of(uint64_t cursor, const uint64_t *words, uint64_t len)
{
    uint32_t  crc = fkv__crc32c(0, &cursor, sizeof(cursor));

    crc = fkv__crc32c(crc, &len, sizeof(len));

    return fkv__crc32c(crc, words, len);
}


/* The entry, claimed, whose place `older` may be written. */
static fkv__cursor_shm_t *
entry_claim(fkv__segment_shm_t *seg, uint64_t from, unsigned *older)
{
    fkv__cursor_shm_t  *entry = entry_of(seg, from);
    uint64_t            word, now;

    now = __atomic_add_fetch(&seg->cursors_used, 1, __ATOMIC_RELAXED);

    if (entry != NULL) {
        word = load(&entry->word);
        *older = !(word & 1);

        if (load(&entry->places[word & 1].cursor) == from
            && claim(entry, word, WORD(now, *older)))
        {
            return entry;
        }
    }

    for ( ;; ) {
        fkv__cursor_shm_t  *entries = fkv__segment_cursors(seg);
        uint64_t            least = UINT64_MAX;

        for (uint64_t i = 0; i < seg->cursors && least != 0; i++) {
            word = load(&entries[i].word);

            if (word < least) {
                least = word;
                entry = &entries[i];
            }
        }

        *older = !(least & 1);

        /* Who was quicker has used it: another one is the oldest now. */
        if (claim(entry, least, WORD(now, *older))) {
            return entry;
        }
    }
}


uint64_t
fkv__cursor_put(fkv__segment_shm_t *seg, uint64_t from, fkv_str_t place,
    uint64_t random)
{
    unsigned                  older = 0;
    fkv__cursor_shm_t        *entry = entry_claim(seg, from, &older);
    fkv__cursor_place_shm_t  *to = &entry->places[older];
    uint64_t                  at, cursor, words[WORDS] = { 0 };

    at = (uint64_t) (entry - fkv__segment_cursors(seg));
    cursor = ((random << ENTRY_BITS) & (((uint64_t) 1 << NUMBER_BITS) - 1))
             | at;
    cursor |= (cursor >> ENTRY_BITS == 0) ? 1 << ENTRY_BITS : 0;

    FKV_ASSERT(place.len <= FKV__CURSOR_BYTES);
    FKV_STEP("cursor.1");

    if (place.len > 0) {
        memcpy(words, place.data, place.len);
    }

    for (unsigned i = 0; i < WORDS; i++) {
        __atomic_store_n(&to->words[i], words[i], __ATOMIC_RELAXED);
    }

    FKV_STEP("cursor.2");

    __atomic_store_n(&to->sum, (uint64_t) sum_of(cursor, words, place.len)
                               << 32 | place.len, __ATOMIC_RELAXED);
    __atomic_store_n(&to->cursor, cursor, __ATOMIC_RELAXED);

    return cursor;
}


static bool
place_get(const fkv__cursor_place_shm_t *from, uint64_t cursor,
    uint8_t *place, size_t *len)
{
    uint64_t  words[WORDS], sum = load(&from->sum);

    *len = sum & UINT32_MAX;

    if (load(&from->cursor) != cursor || *len > FKV__CURSOR_BYTES) {
        return false;
    }

    for (unsigned i = 0; i < WORDS; i++) {
        words[i] = load(&from->words[i]);
    }

    memcpy(place, words, *len);

    return sum_of(cursor, words, *len) == sum >> 32;
}


int
fkv__cursor_get(fkv__segment_shm_t *seg, uint64_t cursor, uint8_t *place,
    size_t *len)
{
    const fkv__cursor_shm_t  *entry = entry_of(seg, cursor);

    if (entry != NULL && (place_get(&entry->places[0], cursor, place, len)
                          || place_get(&entry->places[1], cursor, place, len)))
    {
        return FKV_OK;
    }

    return FKV_GONE;
}


void
fkv__cursor_end(fkv__segment_shm_t *seg, uint64_t cursor)
{
    fkv__cursor_shm_t  *entry = entry_of(seg, cursor);
    uint64_t            word;

    if (entry == NULL) {
        return;
    }

    word = load(&entry->word);

    if (load(&entry->places[word & 1].cursor) == cursor) {
        (void) claim(entry, word, word & 1);
    }
}
