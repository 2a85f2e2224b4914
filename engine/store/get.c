/*
 * get.c - reading one key: memtables, then tables.
 *
 *     fkv_get --hit--> done            GET_LOOKUP: the tables' answer is in
 *        | miss
 *        v
 *     lookup (lookup.c) --AGAIN--> GET_LOOKUP --large value--> GET_BLOB
 *        ^------------------ its file is gone ----------------------'
 *
 * The helper unlinks a blob file when no record in a table refers to it, or
 * when it has given their values new places.  A memtable that has been flushed
 * may still name it, so after that only the tables are asked: all that could
 * be gone is in them.
 *
 * A read at a snapshot holds it (hold.h) until its record is found.
 *
 * Tables hold only what was visible when they were written, so a read of "now"
 * takes the newest it finds there.  Data move from memtables to tables only,
 * and the edit that names the table is announced before the memtable leaves
 * the set: whoever looks in that order misses nothing.
 */

#include "store/read.h"
#include "base/hash.h"
#include "store/blob_read.h"
#include "store/evict.h"
#include "store/hold.h"
#include "store/tables.h"

#include <string.h>

typedef enum {
    GET_START,
    GET_LOOKUP,
    GET_BLOB
} get_state_e;

/* A record that names a large value, and that value. */
typedef struct {
    fkv__record_t       rec;            /* without key; points into bytes */
    fkv__blob_fetch_t   fetch;
    uint8_t             bytes[];
} large_t;

struct fkv__get_s {
    fkv_link_t       link;              /* of tables->gets, or spare */
    bool             long_key;          /* is not kept as a spare */
    fkv__hold_t      hold;              /* of a snapshot; or of nothing */
    fkv__lookup_t    lookup;
    large_t         *large;
    fkv__blob_ref_t  gone;              /* its file did not exist */
    fkv__operands_t  ops;               /* on top of what is read */
    fkv__buf_t       room;              /* the value that they made */
    uint8_t          ikey[];
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


int
fkv__read_chain(fkv_t *store, uint64_t set, fkv_str_t ikey, uint64_t hash,
    fkv__operands_t *ops, fkv__record_t *rec)
{
    int                   rc = FKV_OK;
    fkv__memtable_t       mt;
    fkv__memtable_pos_t   pos;

    while (rc == FKV_OK && rec->kind == FKV__RECORD_MERGE) {

        if (fkv__operands_add(ops, rec) != FKV_OK) {
            return FKV_ENOMEM;
        }

        if (!fkv__read_memtables(store, set, ikey, hash, rec->version, 0, &mt,
                                 &pos, NULL))
        {
            return FKV_NOTFOUND;
        }

        if (!pos.ready) {
            return FKV_AGAIN;
        }

        rc = fkv__memtable_record(&mt, pos.entry, rec);
    }

    return rc;
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

    if (rec->kind == FKV__RECORD_BLOB) {
        fkv__blob_ref_t  ref;

        if (fkv__blob_ref_get(rec->value, &ref) != FKV_OK) {
            return FKV_ECORRUPT;
        }

        value->data = FKV_STR_NULL;
        value->size = ref.length;

    } else if (rec->kind == FKV__RECORD_VALUE) {
        value->data = rec->value;
        value->size = rec->value.len;

    } else {
        return FKV_ECORRUPT;
    }

    value->blob = NULL;
    value->unread = FKV_OK;
    value->content_type = rec->meta;
    value->version = rec->version;
    value->expire_at = rec->expire_at;
    value->type = rec->type;
    value->encver = rec->encver;
    value->stamp = rec->stamp;

    return FKV_OK;
}


/* Who reads an element has read its key. */
static bool
is_use(const fkv_get_t *get)
{
    return !get->quiet && get->stamp == 0;
}


/*
 * FKV_AGAIN it must be read from the tables · FKV_OK get->value, and rec if
 * the value is large, or only rec, an operand; the memtables stay pinned
 * · FKV_NOTFOUND · FKV_ECORRUPT
 */
static int
get_memtables(fkv_get_t *get, fkv_str_t ikey, uint64_t hash,
    fkv__record_t *rec)
{
    int                   rc;
    fkv_t                *store = get->store;
    uint64_t              below, set;
    fkv__memtable_t       mt;
    fkv__memtable_pos_t   pos;

    below = (get->snapshot != 0) ? get->snapshot
                                 : fkv__max(fkv__visible(store), get->after);
    set = fkv__pin(store);

    if (!fkv__read_memtables(store, set, ikey, hash, below, 0, &mt, &pos,
                             NULL))
    {
        fkv__unpin(store);
        return FKV_AGAIN;
    }

    fkv__count(store, gets_memtable, 1);
    rc = fkv__memtable_record(&mt, pos.entry, rec);

    if (rc == FKV_OK && rec->kind == FKV__RECORD_MERGE) {
        return FKV_OK;
    }

    if (rc == FKV_OK) {
        rc = fkv__read_value(rec, get->now_ms, &get->value);
    }

    if (rc == FKV_OK && is_use(get)) {
        fkv__evict_used(store, get->ns, hash, get->now_ms);
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
    fkv__hold_drop(get->store, &get->own->hold);

    if (rc == FKV_OK) {
        fkv__count(get->store, gets_found, 1);
    }

    if (rc == FKV_OK && is_use(get)) {
        fkv__evict_used(get->store, get->ns, get->own->lookup.hash,
                        get->now_ms);
    }

    get->store->in_flight--;

    if (get->op.started && get->op.on_done == NULL) {
        fkv_get_done(get);                  /* canceled: nobody else will */
    }

    return fkv__op_end(&get->op, rc);
}


/* Keeps what is needed of rec, so that nothing is held while it is read. */
static int
large_new(fkv__get_t *own, const fkv__record_t *rec)
{
    large_t  *large = fkv__zalloc(sizeof(*large) + rec->meta.len
                                  + rec->value.len);

    own->large = large;

    if (large == NULL) {
        return FKV_ENOMEM;
    }

    large->rec = *rec;
    large->rec.key = FKV_STR_NULL;
    large->rec.meta.data = large->bytes;
    large->rec.value.data = large->bytes + rec->meta.len;

    if (rec->meta.len > 0) {
        memcpy(large->bytes, rec->meta.data, rec->meta.len);
    }

    memcpy(large->bytes + rec->meta.len, rec->value.data, rec->value.len);

    return FKV_OK;
}


static void
large_done(fkv__get_t *own)
{
    if (own->large != NULL) {
        fkv__blob_fetch_done(&own->large->fetch);
        fkv__free(own->large);
        own->large = NULL;
    }
}


/*
 * own->ops on top of base, or of nothing, become the value.  What is wanted
 * without its bytes is there also without an operator.
 */
static int
get_fold(fkv_get_t *get, const fkv__record_t *base, fkv_str_t data)
{
    fkv__get_t        *own = get->own;
    fkv__fold_part_t   part;
    int                rc;

    if (!fkv__fold_part(&own->ops, base, get->now_ms, &part)) {
        memset(&get->value, 0, sizeof(get->value));
        return FKV_NOTFOUND;
    }

    rc = fkv__fold(get->store, own->lookup.ikey, &own->ops, &part, base, data,
                   &own->room, &get->value);

    if (get->head && fkv__fold_unread(rc)) {
        get->value.unread = rc;
        rc = FKV_OK;
    }

    return rc;
}


/* The value is at hand, or open. */
static fkv__turn_e
get_large_end(fkv_get_t *get)
{
    large_t    *large = get->own->large;
    fkv_str_t   data = { large->fetch.data, large->fetch.ref.length };
    int         rc;

    if (fkv__operands_n(&get->own->ops) > 0) {
        return get_end(get, get_fold(get, &large->rec, data));
    }

    rc = fkv__read_value(&large->rec, get->now_ms, &get->value);

    if (large->fetch.data != NULL) {
        get->value.data.data = large->fetch.data;
        get->value.data.len = get->value.size;

    } else {
        get->value.blob = large->fetch.blob;
        large->fetch.blob = NULL;
    }

    return get_end(get, rc);
}


/* The record may have been given a new place, or gone with its key. */
static fkv__turn_e
get_large_gone(fkv_get_t *get)
{
    fkv__get_t       *own = get->own;
    fkv__blob_ref_t   ref = own->large->fetch.ref;
    uint64_t          floor, version = own->large->rec.version;

    floor = __atomic_load_n(&get->store->seg->state.floor, __ATOMIC_ACQUIRE);

    if (version >= floor || memcmp(&ref, &own->gone, sizeof(ref)) == 0) {
        return get_end(get, fkv__blob_missing(get->store, &ref,
                                              own->large->rec.expire_at));
    }

    large_done(own);
    own->gone = ref;

    return fkv__op_enter(&get->op, GET_START);
}


static fkv__turn_e
get_fetched(fkv_get_t *get, int rc)
{
    switch (rc) {
    case FKV_OK:     return get_large_end(get);
    case FKV_GONE:   return get_large_gone(get);
    case FKV_AGAIN:  return FKV__TURN_WAIT;
    }

    return get_end(get, rc);
}


/* own->large is there. */
static fkv__turn_e
get_blob(fkv_get_t *get)
{
    fkv__get_t  *own = get->own;
    large_t     *large = own->large;
    bool         load = (get->value.size <= get->load_max
                         || fkv__operands_n(&own->ops) > 0);

    if (get->head && !load) {
        return get_large_end(get);
    }

    get->op.state = GET_BLOB;
    large->fetch.op = &get->op;

    return get_fetched(get, fkv__blob_fetch(&large->fetch, get->store,
                                            &large->rec, own->lookup.hash,
                                            load));
}


static fkv__turn_e get_lookup(fkv_get_t *get);
static fkv__turn_e get_found(fkv_get_t *get, int rc);


/*
 * Has an arena left the set that operands were read in?  All of it is in tables
 * then, perhaps as part of what came after, and of the tables as they were
 * when they were asked the base may have gone: rule 2 of fold.h.
 */
static bool
get_lags(fkv_get_t *get)
{
    fkv_t     *store = get->store;
    uint64_t   oldest = fkv__read_oldest(store, fkv__pin(store));

    fkv__unpin(store);

    return fkv__operands_cut(&get->own->ops, oldest);
}


/* Tables have answered, and there are operands; or nothing but the base. */
static fkv__turn_e
get_found_chain(fkv_get_t *get, int rc)
{
    fkv__get_t        *own = get->own;
    fkv__lookup_t     *lookup = &own->lookup;
    fkv__record_t     *base = (rc == FKV_OK) ? &lookup->rec : NULL;
    fkv__fold_part_t   part;
    uint64_t           newest = (rc == FKV_OK) ? base->version : 0;

    if (get_lags(get)) {
        fkv__lookup_done(lookup);
        return get_lookup(get);
    }

    if (fkv__operands_n(&lookup->ops) > 0) {
        newest = fkv__operand(&lookup->ops, 0)->version;
    }

    if (fkv__operands_join(&own->ops, &lookup->ops, newest) != FKV_OK) {
        return get_end(get, FKV_ENOMEM);
    }

    if (fkv__operands_n(&own->ops) == 0) {
        return get_found(get, rc);
    }

    if (base == NULL || base->kind != FKV__RECORD_BLOB
        || !fkv__fold_part(&own->ops, base, get->now_ms, &part)
        || !part.with_base)
    {
        return get_end(get, get_fold(get, base, (base != NULL) ? base->value
                                                     : FKV_STR_NULL));
    }

    rc = large_new(own, base);
    fkv__lookup_done(lookup);

    return (rc == FKV_OK) ? get_blob(get) : get_end(get, rc);
}


static fkv__turn_e
get_found(fkv_get_t *get, int rc)
{
    fkv__get_t  *own = get->own;

    if ((rc == FKV_OK || rc == FKV_NOTFOUND)
        && (fkv__operands_n(&own->ops) > 0
            || fkv__operands_n(&own->lookup.ops) > 0))
    {
        return get_found_chain(get, rc);
    }

    if (rc == FKV_OK) {
        rc = fkv__read_value(&own->lookup.rec, get->now_ms, &get->value);
    }

    if (rc != FKV_OK || own->lookup.rec.kind != FKV__RECORD_BLOB) {
        return get_end(get, rc);
    }

    rc = large_new(own, &own->lookup.rec);
    fkv__lookup_done(&own->lookup);

    return (rc == FKV_OK) ? get_blob(get) : get_end(get, rc);
}


static fkv__turn_e
get_lookup(fkv_get_t *get)
{
    int  rc;

    get->op.state = GET_LOOKUP;
    rc = fkv__lookup_start(&get->own->lookup);

    return (rc == FKV_AGAIN) ? FKV__TURN_WAIT : get_found(get, rc);
}


static fkv__turn_e
get_step(fkv_op_t *op)
{
    fkv_get_t  *get = fkv__container(op, fkv_get_t, op);
    fkv__get_t *own = get->own;

    switch ((get_state_e) op->state) {

    case GET_START:
        return (own->large != NULL) ? get_blob(get) : get_lookup(get);

    case GET_LOOKUP:
        return get_found(get, own->lookup.rc);

    case GET_BLOB:
        return get_fetched(get, own->large->fetch.rc);
    }

    fkv__unreachable();
}


/* A spare one has room for any key that fits on the stack. */
static fkv__get_t *
own_take(fkv__tables_t *tables, size_t key_bytes)
{
    fkv__get_t  *own;
    size_t       room = fkv__max(key_bytes, FKV__KEY_SIZE(KEY_ON_STACK));
    bool         long_key = (room > FKV__KEY_SIZE(KEY_ON_STACK));

    if (!long_key && !fkv__list_empty(&tables->gets_spare)) {
        own = fkv__container(tables->gets_spare.prev, fkv__get_t, link);
        fkv__list_remove(&own->link);

    } else {
        own = fkv__alloc(sizeof(*own) + room);
    }

    if (own != NULL) {
        memset(own, 0, sizeof(*own));
        own->long_key = long_key;
        fkv__list_append(&tables->gets, &own->link);
    }

    return own;
}


static void
own_free(fkv__tables_t *tables, fkv__get_t *own)
{
    fkv__operands_done(&own->ops);
    fkv__buf_done(&own->room);
    fkv__list_remove(&own->link);

    if (own->long_key) {
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
        fkv__free(own->large);          /* what it reads goes by itself */
        fkv__operands_done(&own->ops);
        fkv__operands_done(&own->lookup.ops);
        fkv__buf_done(&own->room);
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
    own->lookup.whole = true;

    return own;
}


static int
get_tables(fkv_get_t *get, fkv__get_t *own)
{
    get->own = own;
    get->store->in_flight++;

    return fkv__op_start(&get->op, "get", get_step, GET_START);
}


/* rec was found in a memtable and names a large value; both end here. */
static int
get_large(fkv_get_t *get, fkv__get_t *own, const fkv__record_t *rec)
{
    int  rc = large_new(own, rec);

    fkv__unpin(get->store);
    memset(&get->value.data, 0, sizeof(get->value.data));

    if (rc == FKV_OK) {
        return get_tables(get, own);
    }

    fkv__hold_drop(get->store, &own->hold);
    own_free(get->store->tables, own);

    return rc;
}


/*
 * rec was found in a memtable, which is pinned until the end of this call.  A
 * set that is newer than it, and lacks some of the chain, has that in tables.
 */
static int
get_chain(fkv_get_t *get, fkv__get_t *own, fkv__record_t *rec)
{
    fkv_t     *store = get->store;
    uint64_t   set = fkv__pin(store);
    int        rc;

    get->own = own;
    rc = fkv__read_chain(store, set, own->lookup.ikey, own->lookup.hash,
                         &own->ops, rec);
    fkv__unpin(store);

    if (rc == FKV_OK && rec->kind == FKV__RECORD_BLOB) {
        return get_large(get, own, rec);
    }

    if (rc == FKV_OK) {
        rc = get_fold(get, rec, rec->value);
        fkv__unpin(store);
        fkv__hold_drop(store, &own->hold);

        if (rc == FKV_OK) {
            fkv__count(store, gets_found, 1);

            if (is_use(get)) {
                fkv__evict_used(store, get->ns, own->lookup.hash, get->now_ms);
            }
        }

        return rc;
    }

    fkv__unpin(store);

    if (rc == FKV_NOTFOUND) {
        return get_tables(get, own);
    }

    fkv__hold_drop(store, &own->hold);

    return (rc == FKV_AGAIN) ? FKV_ECORRUPT : rc;   /* visible is complete */
}


/* rec was found in a memtable, which is pinned, and needs more than that. */
static int
get_more(fkv_get_t *get, fkv__get_t *own, fkv__record_t *rec)
{
    return (rec->kind == FKV__RECORD_BLOB) ? get_large(get, own, rec)
                                           : get_chain(get, own, rec);
}


static bool
needs_more(int rc, const fkv__record_t *rec)
{
    return rc == FKV_OK && (rec->kind == FKV__RECORD_BLOB
                            || rec->kind == FKV__RECORD_MERGE);
}


static int
get_now(fkv_get_t *get, fkv_str_t ikey, uint64_t hash)
{
    fkv__record_t  rec;
    int            rc = get_memtables(get, ikey, hash, &rec);
    bool           more = needs_more(rc, &rec);
    fkv__get_t    *own;

    if (rc != FKV_AGAIN && !more) {
        return rc;
    }

    own = own_new(get, ikey, hash);

    if (own != NULL) {
        return more ? get_more(get, own, &rec) : get_tables(get, own);
    }

    if (more) {
        fkv__unpin(get->store);
    }

    return FKV_ENOMEM;
}


static int
get_snapshot(fkv_get_t *get, fkv_str_t ikey, uint64_t hash)
{
    fkv__get_t     *own = own_new(get, ikey, hash);
    fkv__record_t   rec;
    int             rc;

    if (own == NULL) {
        return FKV_ENOMEM;
    }

    rc = FKV_OK;

    if (!get->held) {
        rc = fkv__hold_take(get->store, &own->hold, get->snapshot,
                            &get->lease);
        get->snapshot = own->hold.lsn;
    }

    if (rc == FKV_OK) {
        own->lookup.below = get->snapshot;
        rc = get_memtables(get, ikey, hash, &rec);
    }

    if (rc == FKV_AGAIN) {
        return get_tables(get, own);
    }

    if (needs_more(rc, &rec)) {
        return get_more(get, own, &rec);
    }

    fkv__hold_drop(get->store, &own->hold);
    own_free(get->store->tables, own);

    return rc;
}


static int
get_with(fkv_get_t *get, const fkv__space_t *space, fkv_str_t name,
    uint8_t *room)
{
    fkv_str_t  ikey;
    uint64_t   hash;
    bool       now = (get->snapshot == 0 && get->lease.id == 0);
    int        rc;

    ikey.data = room;
    ikey.len = fkv__space_encode(room, space, name);
    hash = fkv__hash(ikey);

    if (is_use(get)) {
        fkv__evict_prefetch(get->store, get->ns, hash);
    }

    rc = now ? get_now(get, ikey, hash) : get_snapshot(get, ikey, hash);

    if (rc == FKV_OK && get->own == NULL) {
        fkv__count(get->store, gets_found, 1);
    }

    return rc;
}


/* Also one without a stamp but with an element's name is no key. */
static bool
get_is_valid(const fkv_get_t *get)
{
    if (get->key.len == 0
        || get->key.len + get->element.len > FKV_KEY_BYTES_MAX)
    {
        return false;
    }

    return (get->stamp == 0)
           ? get->element.len == 0
           : get->element.len > 0 && get->ns < FKV_NAMESPACE_USERS;
}


int
fkv_get(fkv_get_t *get)
{
    uint8_t       stack[FKV__KEY_SIZE(KEY_ON_STACK)];
    uint8_t      *heap;
    fkv__space_t  space = { .ns = get->ns };
    fkv_str_t     name = get->key;
    size_t        size;
    int           rc;

    get->own = NULL;
    fkv__count(get->store, gets, 1);

    if (!get_is_valid(get)) {
        return FKV_EINVAL;
    }

    if (get->stamp != 0) {
        space.key = get->key;
        space.stamp = get->stamp;
        name = get->element;
    }

    size = fkv__space_size(&space, name.len);

    if (size <= sizeof(stack)) {
        return get_with(get, &space, name, stack);
    }

    heap = fkv__alloc(size);
    if (heap == NULL) {
        return FKV_ENOMEM;
    }

    rc = get_with(get, &space, name, heap);
    fkv__free(heap);

    return rc;
}


void
fkv_get_done(fkv_get_t *get)
{
    if (get->value.blob != NULL) {
        fkv_blob_close(get->value.blob);
    }

    if (get->own != NULL) {
        fkv__lookup_done(&get->own->lookup);
        large_done(get->own);
        own_free(get->store->tables, get->own);
        get->own = NULL;

    } else if (get->value.data.data != NULL) {
        fkv__unpin(get->store);
    }

    memset(&get->value, 0, sizeof(get->value));
}
