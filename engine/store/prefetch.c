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
#include "store/read.h"
#include "store/tables.h"

#define TOGETHER        16      /* searches: as many loads are in flight */
#define IKEY_BYTES_MAX  256     /* what may be longer is passed over */

typedef struct {
    fkv__memtable_walk_t  walk;
    unsigned              memtable;
    bool                  ended;
    uint8_t               ikey[IKEY_BYTES_MAX];
} ahead_t;

typedef struct {
    fkv__memtable_t  memtables[FKV__ARENAS];
    unsigned         memtables_n;
    fkv_t           *store;
    bool             put;
    bool             tables;    /* what no memtable has is asked of filters;
                                   pays where most of it is nowhere */
    ahead_t          aheads[TOGETHER];
    unsigned         n;
} together_t;


/* Under a pin. */
static void
together_init(together_t *t, fkv_t *store, uint64_t set, bool put, bool tables)
{
    t->memtables_n = fkv__set_count(set);
    t->store = store;
    t->put = put;
    t->tables = tables;
    t->n = 0;

    for (unsigned i = 0; i < t->memtables_n; i++) {
        fkv__memtable_init(&t->memtables[i], store->seg,
                           fkv__set_arena(set, i));
    }
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

    for (unsigned i = 0; t->tables && i < t->n; i++) {
        const fkv__memtable_walk_t  *walk = &t->aheads[i].walk;

        if (!walk->found) {
            fkv__lookup_prefetch(t->store, walk->ikey, walk->hash);
        }
    }

    t->n = 0;
}


static void
together_add(together_t *t, const fkv__space_t *space, fkv_str_t name)
{
    ahead_t  *ahead = &t->aheads[t->n];

    if (name.len == 0 || fkv__space_size(space, name.len) > IKEY_BYTES_MAX) {
        return;
    }

    ahead->walk.ikey.data = ahead->ikey;
    ahead->walk.ikey.len = fkv__space_encode(ahead->ikey, space, name);
    ahead->walk.hash = fkv__hash(ahead->walk.ikey);
    ahead->walk.place = t->put;
    ahead->memtable = 0;

    for (unsigned i = 0; i < t->memtables_n; i++) {
        fkv__memtable_prefetch(&t->memtables[i], ahead->walk.hash);
    }

    if (++t->n == TOGETHER) {
        together_run(t);
    }
}


void
fkv_prefetch(fkv_t *store, unsigned ns, const fkv_str_t *keys, unsigned n,
    bool put)
{
    fkv__space_t  space = { .ns = ns };
    together_t    t;

    together_init(&t, store, fkv__pin(store), put, false);

    for (unsigned i = 0; i < n; i++) {
        together_add(&t, &space, keys[i]);
    }

    together_run(&t);
    fkv__unpin(store);
}


/* A value of the key, if it has elements and is in a memtable. */
static bool
stamped_find(fkv_t *store, uint64_t set, unsigned ns, fkv_str_t key,
    fkv_value_t *value)
{
    uint8_t              room[IKEY_BYTES_MAX];
    fkv__space_t         space = { .ns = ns };
    fkv_str_t            ikey = { room, 0 };
    fkv__memtable_t      mt;
    fkv__memtable_pos_t  pos;
    fkv__record_t        rec;

    if (key.len == 0 || fkv__space_size(&space, key.len) > sizeof(room)) {
        return false;
    }

    ikey.len = fkv__space_encode(room, &space, key);

    return fkv__read_memtables(store, set, ikey, fkv__hash(ikey), UINT64_MAX,
                               0, &mt, &pos, NULL)
           && pos.ready
           && fkv__memtable_record(&mt, pos.entry, &rec) == FKV_OK
           && rec.stamp != 0
           && fkv__read_value(&rec, 0, value) == FKV_OK;
}


void
fkv_prefetch_elements(fkv_t *store, unsigned ns, const fkv_str_t *keys,
    unsigned n, bool put, fkv_prefetch_pt names, void *data)
{
    fkv_str_t     some[FKV_PREFETCH_NAMES];
    fkv_value_t   value;
    together_t    t;
    uint64_t      set = fkv__pin(store);
    bool          found = false;

    together_init(&t, store, set, put, true);

    for (unsigned i = 0; i < n; i++) {

        if (i == 0 || fkv__str_cmp(keys[i - 1], keys[i]) != 0) {
            found = stamped_find(store, set, ns, keys[i], &value);
        }

        if (found) {
            fkv__space_t  space = { ns, keys[i], value.stamp };
            unsigned      m = names(data, i, &value, some);

            for (unsigned k = 0; k < m; k++) {
                together_add(&t, &space, some[k]);
            }
        }
    }

    together_run(&t);
    fkv__unpin(store);
}
