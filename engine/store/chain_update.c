/*
 * chain_update.c - collecting, folding, writing.
 */

#include "store/chain_update.h"

#include "store/blob_update.h"
#include "store/blob_write.h"
#include "store/read.h"

#include <string.h>

#define LOOKS  4                /* one merge in so many looks at its chain */


static fkv__update_chain_t *
chain_of(fkv__update_key_t *key)
{
    if (key->chain == NULL) {
        key->chain = fkv__zalloc(sizeof(*key->chain));
    }

    return key->chain;
}


static uint64_t
operand_ms(const fkv_update_t *u)
{
    return fkv__fold_written_ms(u->store, fkv__max(u->now_ms,
                                                   u->own->now_ms));
}


static void
operand_record(const fkv_update_t *u, const fkv_change_t *change,
    const fkv__update_key_t *key, fkv__record_t *rec)
{
    *rec = (fkv__record_t) {
        .kind = FKV__RECORD_MERGE,
        .type = change->type,
        .stamp = operand_ms(u),
        .key = key->ikey,
        .value = change->value
    };
}


/*
 * In tables, and in memory above them.  What the lookup found holds for a set
 * that has lost no memtable since: else an operand could be missed between.
 */
static int
chain_tables(fkv__update_key_t *key, fkv__record_t *rec)
{
    const fkv__lookup_t  *lookup = &key->lookup;
    uint64_t              newest = 0;

    if (lookup->rc != FKV_OK && lookup->rc != FKV_NOTFOUND) {
        return lookup->rc;
    }

    key->chain->has_base = (lookup->rc == FKV_OK);

    if (lookup->rc == FKV_OK) {
        *rec = lookup->rec;
        newest = rec->version;
    }

    if (fkv__operands_n(&lookup->ops) > 0) {
        newest = fkv__operand(&lookup->ops, 0)->version;
    }

    return fkv__operands_join(&key->chain->ops, &lookup->ops, newest);
}


int
fkv__chain_read(fkv_update_t *u, unsigned i, uint64_t set, bool memory,
    fkv__record_t *rec)
{
    fkv__update_key_t    *key = &u->own->keys[i];
    fkv__update_chain_t  *chain = chain_of(key);
    int                   rc = FKV_NOTFOUND;

    if (chain == NULL) {
        return FKV_ENOMEM;
    }

    fkv__operands_clear(&chain->ops);
    chain->has_base = true;

    if (memory) {
        key->seen = rec->version;
        rc = fkv__read_chain(u->store, set, key->ikey, key->hash, &chain->ops,
                             rec);

        if (rc == FKV_OK && fkv__update_gone(key, rec->version)) {
            rc = FKV_NOTFOUND;
        }

        if (rc == FKV_NOTFOUND
            && (!key->looked
                || key->tables_at < fkv__read_oldest(u->store, set)))
        {
            return FKV_NOTFOUND;
        }

    } else {
        key->seen = fkv__operand(&key->lookup.ops, 0)->version;
    }

    if (rc == FKV_NOTFOUND) {
        rc = chain_tables(key, rec);
    }

    if (rc != FKV_OK) {
        return rc;
    }

    chain->base = *rec;
    key->chained = true;

    return (fkv__operands_n(&chain->ops) > 0) ? FKV_OK : FKV_END;
}


/* The value of a large base: FKV_OK, perhaps it is in flight · as load */
static int
chain_load(fkv_update_t *u, unsigned i, fkv_str_t *data)
{
    fkv_change_t         *change = &u->changes[i];
    const fkv__record_t  *base = &u->own->keys[i].chain->base;
    int                   rc;

    rc = fkv__read_value(base, 0, &change->current);

    if (rc == FKV_OK) {
        rc = fkv__update_load(u, i, base);
    }

    *data = change->current.data;

    return (rc == FKV_GONE) ? FKV_NOTFOUND : rc;
}


int
fkv__chain_current(fkv_update_t *u, unsigned i)
{
    fkv_change_t         *change = &u->changes[i];
    fkv__update_key_t    *key = &u->own->keys[i];
    fkv__update_chain_t  *chain = key->chain;
    const fkv__record_t  *base = chain->has_base ? &chain->base : NULL;
    fkv__fold_part_t      part;
    fkv_str_t             data;
    int                   rc = FKV_OK;

    if (key->folds
        || !fkv__fold_part(&chain->ops, base,
                           fkv__max(u->now_ms, u->own->now_ms), &part))
    {
        return FKV_OK;
    }

    data = (base != NULL) ? base->value : FKV_STR_NULL;

    if (part.with_base && base->kind == FKV__RECORD_BLOB) {
        rc = chain_load(u, i, &data);

        if (rc != FKV_OK || data.data == NULL) {
            return rc;
        }
    }

    rc = fkv__fold(u->store, key->ikey, &chain->ops, &part, base, data,
                   &chain->room, &change->current);
    change->exists = (rc != FKV_ENOMEM);

    if (change->bare && fkv__fold_unread(rc)) {
        change->current.unread = rc;
        rc = FKV_OK;
    }

    return rc;
}


/* Is an operand on top of FKV__FOLD_CHAIN others, in the active memtable? */
static bool
chain_is_long(const fkv_update_t *u, const fkv__update_key_t *key,
    uint64_t set)
{
    unsigned              n = 0;
    fkv__memtable_t       mt;
    fkv__memtable_iter_t  it = { .mt = &mt };
    fkv__memtable_pos_t   pos;
    uint32_t              entry = 0;

    fkv__memtable_init(&mt, u->store->seg, fkv__set_arena(set, 0));

    if (!fkv__memtable_find(&mt, key->ikey, key->hash, UINT64_MAX, &pos)) {
        return false;
    }

    it.node = pos.node;

    while (n < FKV__FOLD_CHAIN
           && (entry = fkv__memtable_iter_version(&it, entry)) != 0)
    {
        fkv__record_t  rec;

        if (fkv__memtable_record(&mt, entry, &rec) != FKV_OK
            || rec.kind != FKV__RECORD_MERGE)
        {
            return false;
        }

        n++;
    }

    return n == FKV__FOLD_CHAIN;
}


/* By chance: what is written often is met soon enough. */
static bool
looks_now(fkv_t *store)
{
    store->random = store->random * 6364136223846793005ull
                    + 1442695040888963407ull;

    return (store->random >> 33) % LOOKS == 0;
}


bool
fkv__chain_reads(fkv_update_t *u, uint64_t set)
{
    bool  some = false;

    for (unsigned i = 0; i < u->n; i++) {
        fkv__update_key_t  *key = &u->own->keys[i];

        if (u->changes[i].action == FKV_MERGE && u->changes[i].blind
            && !key->folds && looks_now(u->store)
            && chain_is_long(u, key, set))
        {
            key->folds = true;
            some = true;
        }
    }

    return some;
}


/* In memory; what lies in tables is not asked for. */
static bool
base_fits(const fkv_update_t *u, const fkv_change_t *change,
    fkv__update_key_t *key, uint64_t set)
{
    fkv__memtable_t      mt;
    fkv__memtable_pos_t  pos;
    fkv__record_t        rec;

    if (!fkv__read_memtables(u->store, set, key->ikey, key->hash, UINT64_MAX,
                             0, &mt, &pos, NULL)
        || !pos.ready || fkv__update_gone(key, pos.version)
        || fkv__memtable_record(&mt, pos.entry, &rec) != FKV_OK
        || fkv__record_expired(&rec, u->now_ms))
    {
        return true;
    }

    return rec.type == change->type
           || (rec.kind != FKV__RECORD_VALUE && rec.kind != FKV__RECORD_BLOB
               && rec.kind != FKV__RECORD_MERGE)
           || u->store->merge->fits(u->store->merge_data, change->type,
                                    rec.type);
}


bool
fkv__chain_fits(const fkv_update_t *u, uint64_t set)
{
    for (unsigned i = 0; i < u->n; i++) {
        if (u->changes[i].action == FKV_MERGE && u->changes[i].blind
            && !base_fits(u, &u->changes[i], &u->own->keys[i], set))
        {
            return false;
        }
    }

    return true;
}


bool
fkv__chain_valid(const fkv_update_t *u, const fkv_change_t *change)
{
    return change->type != 0 && change->upload == NULL && !change->prefix
           && change->elements_n == 0
           && !fkv__blob_wanted(u->store, change->value.len);
}


bool
fkv__chain_is_late(fkv_update_t *u, const fkv__arena_shm_t *arena)
{
    if (fkv__max(u->now_ms, u->own->now_ms) >= arena->begin_ms) {
        return false;
    }

    u->own->now_ms = arena->begin_ms;

    return true;
}


/*
 * The operand joins those that were read.  Without an operator, or if the base
 * or the result is large, it is written as it is.
 */
static bool
chain_folds(const fkv_update_t *u, fkv__update_key_t *key,
    const fkv__record_t *operand)
{
    fkv__update_chain_t  *chain = key->chain;
    const fkv__record_t  *base = chain->has_base ? &chain->base : NULL;
    fkv__operands_t       all = { .list.len = 0 };
    fkv__record_t         newest = *operand;
    fkv__fold_part_t      part;
    bool                  folds;

    newest.version = UINT64_MAX;

    folds = fkv__operands_add(&all, &newest) == FKV_OK
            && fkv__operands_join(&all, &chain->ops, 0) == FKV_OK
            && fkv__fold_part(&all, base, u->now_ms, &part)
            && !(part.with_base && base->kind == FKV__RECORD_BLOB)
            && fkv__fold(u->store, key->ikey, &all, &part, base,
                         (base != NULL) ? base->value : FKV_STR_NULL,
                         &chain->room, &chain->value)
               == FKV_OK
            && !fkv__blob_wanted(u->store, chain->value.size);

    fkv__operands_done(&all);

    return folds;
}


void
fkv__chain_record(const fkv_update_t *u, const fkv_change_t *change,
    fkv__update_key_t *key, fkv__record_t *rec)
{
    const fkv_value_t  *value;

    operand_record(u, change, key, rec);
    key->folded = key->folds && key->chained && chain_folds(u, key, rec);

    if (!key->folded) {
        return;
    }

    value = &key->chain->value;

    *rec = (fkv__record_t) {
        .kind = FKV__RECORD_VALUE,
        .type = value->type,
        .encver = value->encver,
        .stamp = value->stamp,
        .expire_at = value->expire_at,
        .meta = value->content_type,
        .key = key->ikey,
        .value = value->data
    };

    fkv__count(u->store, folds_written, 1);
}


void
fkv__chains_done(fkv_update_t *u)
{
    for (unsigned i = 0; i < u->n; i++) {
        fkv__update_chain_t  *chain = u->own->keys[i].chain;

        if (chain != NULL) {
            fkv__operands_done(&chain->ops);
            fkv__buf_done(&chain->room);
            fkv__free(chain);
            u->own->keys[i].chain = NULL;
        }
    }
}
