/*
 * cache.h - a worker's verified blocks, by file and offset.
 *
 * Shape      hash table; blocks that nobody holds are on a list, least
 *            recently used first, and leave from there when bytes_max is
 *            exceeded.  Held ones stay, so the bound may be passed for a time
 * Processes  private; one thread
 * Memory     an entry with a load is still being read: its payload is not
 *            there yet, and the load holds it (reader.c)
 */

#ifndef FKV_STORE_CACHE_H
#define FKV_STORE_CACHE_H

#include "base/list.h"
#include "store/source.h"

typedef struct fkv__cached_s  fkv__cached_t;

struct fkv__cached_s {
    fkv__block_t          block;        /* payload lies in raw or room */
    uint64_t              id;           /* of the file */
    uint64_t              offset;
    unsigned              refs;
    bool                  found;        /* fkv__cache_find() gives it */
    struct fkv__load_s   *load;
    fkv__cached_t        *next;         /* in its bucket */
    fkv_link_t            link;
    fkv__buf_t            room;         /* the payload, if it was packed */
    size_t                len;
    uint8_t               raw[];
};

typedef struct {
    fkv__cached_t  **buckets;
    fkv_link_t       unheld;
    size_t           bytes;             /* of all entries */
    size_t           bytes_max;
} fkv__cache_t;

/* FKV_OK or FKV_ENOMEM. */
int  fkv__cache_open(fkv__cache_t *cache, size_t bytes_max);

/* Frees all entries that can be found, held or not. */
void fkv__cache_close(fkv__cache_t *cache);

/* Not held by this; NULL: there is none. */
fkv__cached_t *fkv__cache_find(const fkv__cache_t *cache, uint64_t id,
    uint64_t offset);

/*
 * A new entry that can be found and is held, with room for len raw bytes.
 * There must be none for the place.  NULL: out of memory.
 */
fkv__cached_t *fkv__cache_new(fkv__cache_t *cache, uint64_t id,
    uint64_t offset, size_t len);

void fkv__cache_hold(fkv__cache_t *cache, fkv__cached_t *cached);
void fkv__cache_let_go(fkv__cache_t *cache, fkv__cached_t *cached);

/* It can no longer be found; goes when nobody holds it. */
void fkv__cache_forget(fkv__cache_t *cache, fkv__cached_t *cached);

/* Forgets all that is not held. */
void fkv__cache_drop(fkv__cache_t *cache);


#endif /* FKV_STORE_CACHE_H */
