/*
 * cache.c - least recently used out first.
 */

#include "store/cache.h"

#define BUCKETS  4096           /* a power of two; about one block each */


static fkv__cached_t **
cache_bucket(const fkv__cache_t *cache, uint64_t id, uint64_t offset)
{
    uint64_t  hash = (id * 0x9e3779b97f4a7c15ull) ^ offset;

    hash *= 0xff51afd7ed558ccdull;

    return &cache->buckets[(hash >> 32) % BUCKETS];
}


int
fkv__cache_open(fkv__cache_t *cache, size_t bytes_max)
{
    memset(cache, 0, sizeof(*cache));

    fkv__list_init(&cache->unheld);
    cache->bytes_max = bytes_max;
    cache->buckets = fkv__zalloc(BUCKETS * sizeof(*cache->buckets));

    return (cache->buckets != NULL) ? FKV_OK : FKV_ENOMEM;
}


void
fkv__cache_close(fkv__cache_t *cache)
{
    for (unsigned i = 0; cache->buckets != NULL && i < BUCKETS; i++) {
        while (cache->buckets[i] != NULL) {
            fkv__cached_t  *cached = cache->buckets[i];

            cache->buckets[i] = cached->next;
            fkv__buf_done(&cached->room);
            fkv__free(cached);
        }
    }

    fkv__free(cache->buckets);
    memset(cache, 0, sizeof(*cache));
}


fkv__cached_t *
fkv__cache_find(const fkv__cache_t *cache, uint64_t id, uint64_t offset)
{
    fkv__cached_t  *cached = *cache_bucket(cache, id, offset);

    while (cached != NULL && (cached->offset != offset || cached->id != id)) {
        cached = cached->next;
    }

    return cached;
}


static void
cache_free(fkv__cache_t *cache, fkv__cached_t *cached)
{
    cache->bytes -= sizeof(*cached) + cached->len + cached->room.cap;
    fkv__list_remove(&cached->link);
    fkv__buf_done(&cached->room);
    fkv__free(cached);
}


/* Makes room until no more than bytes_max would be there with so many more. */
static void
cache_evict(fkv__cache_t *cache, size_t more)
{
    while (cache->bytes + more > cache->bytes_max
           && !fkv__list_empty(&cache->unheld))
    {
        fkv__cache_forget(cache, fkv__container(cache->unheld.next,
                                                fkv__cached_t, link));
    }
}


fkv__cached_t *
fkv__cache_new(fkv__cache_t *cache, uint64_t id, uint64_t offset, size_t len)
{
    fkv__cached_t  *cached, **bucket = cache_bucket(cache, id, offset);

    cache_evict(cache, sizeof(*cached) + len);

    cached = fkv__alloc(sizeof(*cached) + len);
    if (cached == NULL) {
        return NULL;
    }

    memset(cached, 0, sizeof(*cached));

    cached->id = id;
    cached->offset = offset;
    cached->len = len;
    cached->refs = 1;
    cached->found = true;
    cached->next = *bucket;
    fkv__list_init(&cached->link);

    *bucket = cached;
    cache->bytes += sizeof(*cached) + len;

    return cached;
}


void
fkv__cache_hold(fkv__cache_t *cache, fkv__cached_t *cached)
{
    (void) cache;

    if (cached->refs++ == 0) {
        fkv__list_remove(&cached->link);
    }
}


void
fkv__cache_let_go(fkv__cache_t *cache, fkv__cached_t *cached)
{
    FKV_ASSERT(cached->refs > 0);

    if (--cached->refs > 0) {
        return;
    }

    if (!cached->found) {
        cache_free(cache, cached);
        return;
    }

    fkv__list_append(&cache->unheld, &cached->link);
    cache_evict(cache, 0);
}


void
fkv__cache_forget(fkv__cache_t *cache, fkv__cached_t *cached)
{
    fkv__cached_t  **at = cache_bucket(cache, cached->id, cached->offset);

    if (!cached->found) {
        return;
    }

    while (*at != cached) {
        at = &(*at)->next;
    }

    *at = cached->next;
    cached->found = false;

    if (cached->refs == 0) {
        cache_free(cache, cached);
    }
}


void
fkv__cache_drop(fkv__cache_t *cache)
{
    while (!fkv__list_empty(&cache->unheld)) {
        fkv__cache_forget(cache, fkv__container(cache->unheld.next,
                                                fkv__cached_t, link));
    }
}
