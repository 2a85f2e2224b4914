/*
 * prefetch.c - what operations to come will look at, loaded ahead of them.
 *
 * A key of a large memtable is a dozen steps away, each to an address that only
 * the one before it tells, and few of them in the processor's cache.  A search
 * waits for memory most of its time; several in turn wait together.
 */

#include "store/store.h"
#include "base/hash.h"
#include "format/key.h"
#include "shared/set.h"
#include "store/memtable.h"

#define TOGETHER       16       /* searches: as many loads are in flight */
#define KEY_BYTES_MAX  64

typedef struct {
    fkv__memtable_walk_t  walk;
    unsigned              memtable;
    bool                  ended;
    uint8_t               ikey[FKV__KEY_SIZE(KEY_BYTES_MAX)];
} ahead_t;

typedef struct {
    fkv__memtable_t  memtables[FKV__ARENAS];
    unsigned         memtables_n;
    ahead_t          aheads[TOGETHER];
    unsigned         n;
} together_t;


static void
ahead_init(together_t *t, unsigned ns, fkv_str_t key, bool put)
{
    ahead_t  *ahead = &t->aheads[t->n];

    if (key.len == 0 || key.len > KEY_BYTES_MAX) {
        return;
    }

    ahead->walk.ikey.data = ahead->ikey;
    ahead->walk.ikey.len = fkv__key_encode(ahead->ikey, ns, key);
    ahead->walk.hash = fkv__hash(ahead->walk.ikey);
    ahead->walk.place = put;
    ahead->memtable = 0;

    for (unsigned i = 0; i < t->memtables_n; i++) {
        fkv__memtable_prefetch(&t->memtables[i], ahead->walk.hash);
    }

    t->n++;
}


/* A key is put into the newest memtable only, and searched in all. */
static bool
ahead_begin(together_t *t, ahead_t *ahead)
{
    for ( ; ahead->memtable < t->memtables_n; ahead->memtable++) {
        const fkv__memtable_t  *mt = &t->memtables[ahead->memtable];

        ahead->walk.place &= (ahead->memtable == 0);

        if (fkv__memtable_walk_begin(mt, &ahead->walk)) {
            return true;
        }
    }

    return false;
}


/* False: nothing is left to do. */
static bool
ahead_step(together_t *t, ahead_t *ahead)
{
    if (fkv__memtable_walk_step(&t->memtables[ahead->memtable], &ahead->walk))
    {
        return true;
    }

    if (ahead->walk.found) {
        return false;
    }

    ahead->memtable++;

    return ahead_begin(t, ahead);
}


static void
together_run(together_t *t)
{
    unsigned  left = 0;

    for (unsigned i = 0; i < t->n; i++) {
        t->aheads[i].ended = !ahead_begin(t, &t->aheads[i]);
        left += !t->aheads[i].ended;
    }

    while (left > 0) {
        for (unsigned i = 0; i < t->n; i++) {
            ahead_t  *ahead = &t->aheads[i];

            if (!ahead->ended && !ahead_step(t, ahead)) {
                ahead->ended = true;
                left--;
            }
        }
    }
}


void
fkv_prefetch(fkv_t *store, unsigned ns, const fkv_str_t *keys, unsigned n,
    bool put)
{
    together_t  t;
    uint64_t    set = fkv__pin(store);

    t.memtables_n = fkv__set_count(set);

    for (unsigned i = 0; i < t.memtables_n; i++) {
        fkv__memtable_init(&t.memtables[i], store->seg,
                           fkv__set_arena(set, i));
    }

    for (unsigned i = 0; i < n; ) {
        for (t.n = 0; i < n && t.n < TOGETHER; i++) {
            ahead_init(&t, ns, keys[i], put);
        }

        together_run(&t);
    }

    fkv__unpin(store);
}
