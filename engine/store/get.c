/*
 * get.c - reading one key: memtables, then tables.
 *
 *     fkv_get --hit--> done            GET_LOOKUP: the tables' answer is in
 *        | miss
 *        v
 *     lookup (lookup.c) --AGAIN--> GET_LOOKUP
 *
 * A read at a snapshot holds it (hold.h) until its record is found.
 *
 * Tables hold only what was durable, thus visible, when they were written, so
 * a read of "now" takes the newest it finds there.  Data move from memtables
 * to tables only, and the edit that names the table is announced before the
 * memtable leaves the set: whoever looks in that order misses nothing.
 */

#include "store/read.h"
#include "base/hash.h"
#include "store/hold.h"
#include "store/tables.h"

#include <string.h>

typedef enum {
    GET_START,
    GET_LOOKUP
} get_state_e;

struct fkv__get_s {
    fkv_link_t     link;            /* of tables->gets, or spare */
    bool           large;           /* is not kept as a spare */
    fkv__hold_t    hold;            /* of a snapshot; or of nothing */
    fkv__lookup_t  lookup;
    uint8_t        ikey[];
};

#define KEY_ON_STACK  512


bool
fkv__read_memtables(fkv_t *store, uint64_t set, fkv_str_t ikey, uint64_t hash,
    uint64_t below, uint64_t since, fkv__memtable_t *mt,
    fkv__memtable_pos_t *pos, fkv__memtable_pos_t *active)
{
    unsigned  n = 0;

    /* One after the other they would wait for memory each. */
    do {
        fkv__memtable_init(mt, store->seg, fkv__set_arena(set, n));
        fkv__memtable_prefetch(mt, hash);
    } while (++n < fkv__set_count(set) && since < mt->shm->prev_end);

    for (unsigned i = 0; i < n; i++) {
        bool  found;

        fkv__memtable_init(mt, store->seg, fkv__set_arena(set, i));
        found = fkv__memtable_find(mt, ikey, hash, below, pos);

        if (fkv__memtable_has_ranges(mt)
            && fkv__memtable_cover(mt, ikey, below, pos))
        {
            found = true;
        }

        if (i == 0 && active != NULL) {
            *active = *pos;
        }

        if (found) {
            return true;
        }
    }

    return false;
}


uint64_t
fkv__read_oldest(const fkv_t *store, uint64_t set)
{
    unsigned  oldest = fkv__set_arena(set, fkv__set_count(set) - 1);

    /* Between a predecessor's end and the base there is nothing. */
    return store->seg->arenas[oldest].prev_end;
}


int
fkv__read_value(const fkv__record_t *rec, uint64_t now_ms, fkv_value_t *value)
{
    if (rec->kind == FKV__RECORD_TOMBSTONE
        || rec->kind == FKV__RECORD_RANGE_TOMBSTONE
        || fkv__record_expired(rec, now_ms))
    {
        return FKV_NOTFOUND;
    }

    if (rec->kind != FKV__RECORD_VALUE) {
        return FKV_ECORRUPT;
    }

    value->data = rec->value;
    value->content_type = rec->meta;
    value->version = rec->version;
    value->expire_at = rec->expire_at;

    return FKV_OK;
}


static int
get_memtables(fkv_get_t *get, fkv_str_t ikey, uint64_t hash)
{
    int                   rc;
    fkv_t                *store = get->store;
    uint64_t              below, set;
    fkv__record_t         rec;
    fkv__memtable_t       mt;
    fkv__memtable_pos_t   pos;

    below = (get->snapshot != 0) ? get->snapshot : fkv__visible(store);
    set = fkv__pin(store);

    if (!fkv__read_memtables(store, set, ikey, hash, below, 0, &mt, &pos,
                             NULL))
    {
        fkv__unpin(store);
        return FKV_AGAIN;
    }

    fkv__count(store, gets_memtable, 1);
    rc = fkv__memtable_record(&mt, pos.entry, &rec);

    if (rc == FKV_OK) {
        rc = fkv__read_value(&rec, get->now_ms, &get->value);
    }

    /* With a value the pin stays until fkv_get_done(): it lies in the arena. */
    if (rc != FKV_OK) {
        fkv__unpin(store);
    }

    return rc;
}


static fkv__turn_e
get_end(fkv_get_t *get, int rc)
{
    fkv__lookup_t  *lookup = &get->own->lookup;

    fkv__hold_drop(get->store, &get->own->hold);

    if (rc == FKV_OK) {
        rc = fkv__read_value(&lookup->rec, get->now_ms, &get->value);
    }

    if (rc == FKV_OK) {
        fkv__count(get->store, gets_found, 1);
    }

    get->store->in_flight--;

    if (get->op.started && get->op.on_done == NULL) {
        fkv_get_done(get);                  /* canceled: nobody else will */
    }

    return fkv__op_end(&get->op, rc);
}


static fkv__turn_e
get_step(fkv_op_t *op)
{
    fkv_get_t  *get = fkv__container(op, fkv_get_t, op);
    int         rc;

    switch ((get_state_e) op->state) {

    case GET_START:
        get->store->in_flight++;
        op->state = GET_LOOKUP;

        rc = fkv__lookup_start(&get->own->lookup);
        if (rc == FKV_AGAIN) {
            return FKV__TURN_WAIT;
        }

        return get_end(get, rc);

    case GET_LOOKUP:
        return get_end(get, get->own->lookup.rc);
    }

    fkv__unreachable();
}


/* A spare one has room for any key that fits on the stack. */
static fkv__get_t *
own_take(fkv__tables_t *tables, size_t key_bytes)
{
    fkv__get_t  *own;
    size_t       room = fkv__max(key_bytes, FKV__KEY_SIZE(KEY_ON_STACK));
    bool         large = (room > FKV__KEY_SIZE(KEY_ON_STACK));

    if (!large && !fkv__list_empty(&tables->gets_spare)) {
        own = fkv__container(tables->gets_spare.prev, fkv__get_t, link);
        fkv__list_remove(&own->link);

    } else {
        own = fkv__alloc(sizeof(*own) + room);
    }

    if (own != NULL) {
        memset(own, 0, sizeof(*own));
        own->large = large;
        fkv__list_append(&tables->gets, &own->link);
    }

    return own;
}


static void
own_free(fkv__tables_t *tables, fkv__get_t *own)
{
    fkv__list_remove(&own->link);

    if (own->large) {
        fkv__free(own);
        return;
    }

    fkv__list_append(&tables->gets_spare, &own->link);
}


static void
gets_free(fkv_link_t *gets)
{
    while (!fkv__list_empty(gets)) {
        fkv__get_t  *own = fkv__container(gets->next, fkv__get_t, link);

        fkv__list_remove(&own->link);
        fkv__free(own);
    }
}


void
fkv__get_close(fkv__tables_t *tables)
{
    gets_free(&tables->gets);
    gets_free(&tables->gets_spare);
}


static fkv__get_t *
own_new(fkv_get_t *get, fkv_str_t ikey, uint64_t hash)
{
    fkv__get_t  *own = own_take(get->store->tables, ikey.len);

    if (own == NULL) {
        return NULL;
    }

    memcpy(own->ikey, ikey.data, ikey.len);

    own->lookup.store = get->store;
    own->lookup.op = &get->op;
    own->lookup.ikey = (fkv_str_t) { own->ikey, ikey.len };
    own->lookup.hash = hash;
    own->lookup.below = UINT64_MAX;

    return own;
}


static int
get_tables(fkv_get_t *get, fkv__get_t *own)
{
    get->own = own;

    return fkv__op_start(&get->op, "get", get_step, GET_START);
}


static int
get_now(fkv_get_t *get, fkv_str_t ikey, uint64_t hash)
{
    int          rc = get_memtables(get, ikey, hash);
    fkv__get_t  *own;

    if (rc != FKV_AGAIN) {
        return rc;
    }

    own = own_new(get, ikey, hash);

    return (own != NULL) ? get_tables(get, own) : FKV_ENOMEM;
}


static int
get_snapshot(fkv_get_t *get, fkv_str_t ikey, uint64_t hash)
{
    fkv__get_t  *own = own_new(get, ikey, hash);
    int          rc;

    if (own == NULL) {
        return FKV_ENOMEM;
    }

    rc = fkv__hold_take(get->store, &own->hold, get->snapshot, &get->lease);

    if (rc == FKV_OK) {
        get->snapshot = own->hold.lsn;
        own->lookup.below = get->snapshot;
        rc = get_memtables(get, ikey, hash);
    }

    if (rc == FKV_AGAIN) {
        return get_tables(get, own);
    }

    fkv__hold_drop(get->store, &own->hold);
    own_free(get->store->tables, own);

    return rc;
}


static int
get_with(fkv_get_t *get, uint8_t *room)
{
    fkv_str_t  ikey;
    uint64_t   hash;
    bool       now = (get->snapshot == 0 && get->lease.id == 0);
    int        rc;

    ikey.data = room;
    ikey.len = fkv__key_encode(room, get->ns, get->key);
    hash = fkv__hash(ikey);

    rc = now ? get_now(get, ikey, hash) : get_snapshot(get, ikey, hash);

    if (rc == FKV_OK && get->own == NULL) {
        fkv__count(get->store, gets_found, 1);
    }

    return rc;
}


int
fkv_get(fkv_get_t *get)
{
    uint8_t   stack[FKV__KEY_SIZE(KEY_ON_STACK)];
    uint8_t  *heap;
    int       rc;

    get->own = NULL;
    fkv__count(get->store, gets, 1);

    if (get->key.len == 0 || get->key.len > FKV_KEY_BYTES_MAX) {
        return FKV_EINVAL;
    }

    if (get->key.len <= KEY_ON_STACK) {
        return get_with(get, stack);
    }

    heap = fkv__alloc(FKV__KEY_SIZE(get->key.len));
    if (heap == NULL) {
        return FKV_ENOMEM;
    }

    rc = get_with(get, heap);
    fkv__free(heap);

    return rc;
}


void
fkv_get_done(fkv_get_t *get)
{
    if (get->own != NULL) {
        fkv__lookup_done(&get->own->lookup);
        own_free(get->store->tables, get->own);
        get->own = NULL;

    } else if (get->value.data.data != NULL) {
        fkv__unpin(get->store);
    }

    memset(&get->value, 0, sizeof(get->value));
}
