/*
 * fold.c - lists of operands, and calling their operator.
 */

#include "store/fold.h"

#include "format/key.h"


void
fkv_merge_set(fkv_t *store, const fkv_merge_t *merge, void *data)
{
    store->merge = merge;
    store->merge_data = data;
}


int
fkv__operands_add(fkv__operands_t *ops, const fkv__record_t *rec)
{
    fkv__operand_t  op = {
        .version = rec->version,
        .at_ms = rec->stamp,
        .type = rec->type,
        .offset = ops->bytes.len,
        .len = rec->value.len
    };

    if (fkv__buf_append(&ops->bytes, rec->value.data, rec->value.len)
        != FKV_OK)
    {
        return FKV_ENOMEM;
    }

    return fkv__buf_append(&ops->list, &op, sizeof(op));
}


void
fkv__operands_clear(fkv__operands_t *ops)
{
    ops->list.len = 0;
    ops->bytes.len = 0;
}


void
fkv__operands_done(fkv__operands_t *ops)
{
    fkv__buf_done(&ops->list);
    fkv__buf_done(&ops->bytes);
}


static fkv_str_t
operand_bytes(const fkv__operands_t *ops, unsigned i)
{
    const fkv__operand_t  *op = fkv__operand(ops, i);

    return (fkv_str_t) { ops->bytes.data + op->offset, op->len };
}


bool
fkv__operands_cut(fkv__operands_t *ops, uint64_t version)
{
    unsigned  n = fkv__operands_n(ops), all = n;

    while (n > 0 && fkv__operand(ops, n - 1)->version < version) {
        n--;
    }

    ops->list.len = n * sizeof(fkv__operand_t);

    return n < all;
}


int
fkv__operands_join(fkv__operands_t *ops, const fkv__operands_t *older,
    uint64_t version)
{
    (void) fkv__operands_cut(ops, version + 1);

    for (unsigned i = 0; i < fkv__operands_n(older); i++) {
        fkv__operand_t  op = *fkv__operand(older, i);
        fkv_str_t       bytes = operand_bytes(older, i);

        op.offset = ops->bytes.len;

        if (fkv__buf_append(&ops->bytes, bytes.data, bytes.len) != FKV_OK
            || fkv__buf_append(&ops->list, &op, sizeof(op)) != FKV_OK)
        {
            return FKV_ENOMEM;
        }
    }

    return FKV_OK;
}


uint64_t
fkv__fold_written_ms(fkv_t *store, uint64_t now_ms)
{
    uint64_t  *first = &store->seg->state.operands_ms;
    uint64_t   at = __atomic_load_n(first, __ATOMIC_SEQ_CST);

    /* Once only: of two that are the first, one takes the other's time. */

    if (at <= 1) {
        uint64_t  now = 1;

        fkv__raise(first, 1);
        at = fkv_now_ms(store);

        if (!__atomic_compare_exchange_n(first, &now, at, false,
                                         __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        {
            at = now;
        }
    }

    return fkv__max(now_ms, at);
}


uint64_t
fkv__fold_since_ms(const fkv_t *store)
{
    const fkv__state_shm_t  *state = &store->seg->state;
    uint64_t                 first, now_ms = fkv_now_ms(store);

    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    first = __atomic_load_n(&state->operands_ms, __ATOMIC_SEQ_CST);

    return (first == 0)
           ? now_ms
           : fkv__max(first, __atomic_load_n(&state->settled_ms,
                                             __ATOMIC_SEQ_CST));
}


static bool
is_value(const fkv__record_t *base)
{
    return base != NULL && (base->kind == FKV__RECORD_VALUE
                            || base->kind == FKV__RECORD_BLOB);
}


bool
fkv__fold_part(const fkv__operands_t *ops, const fkv__record_t *base,
    uint64_t now_ms, fkv__fold_part_t *part)
{
    *part = (fkv__fold_part_t) {
        .n = fkv__operands_n(ops),
        .with_base = is_value(base)
    };

    if (base == NULL || base->expire_at == 0) {
        return true;
    }

    /* From the oldest that found it gone on all count, whatever they say. */

    for (unsigned i = part->n; i-- > 0; ) {
        if (fkv__operand(ops, i)->at_ms >= base->expire_at) {
            part->n = i + 1;
            part->with_base = false;
            return true;
        }
    }

    return part->with_base && !fkv__record_expired(base, now_ms);
}


/* Whose it is; the user's key is in room. */
static int
fold_key(fkv_str_t ikey, fkv__buf_t *room, fkv_chain_t *chain)
{
    int  rc;

    if (fkv__buf_reserve(room, ikey.len) != FKV_OK) {
        return FKV_ENOMEM;
    }

    rc = fkv__key_decode(ikey, &chain->ns, room->data, &chain->key.len);
    chain->key.data = room->data;

    return rc;
}


/* Any other code than these is a failure of the operator's. */
static int
fold_code(int rc)
{
    return (rc == FKV_OK || rc == FKV_EMISSING || rc == FKV_WRONGTYPE
            || rc == FKV_ENOMEM)
           ? rc : FKV_ECORRUPT;
}


/* Operands [from, to), counted from the newest, as the operator wants them. */
static fkv_str_t *
fold_list(const fkv__operands_t *ops, unsigned from, unsigned to)
{
    fkv_str_t  *list = fkv__alloc((to - from) * sizeof(*list));

    for (unsigned i = from; list != NULL && i < to; i++) {
        list[to - 1 - i] = operand_bytes(ops, i);
    }

    return list;
}


/* What an operator answers may be its base, which may lie in room. */
static int
room_append(fkv__buf_t *room, fkv_str_t str)
{
    uintptr_t  at = (uintptr_t) str.data, begin = (uintptr_t) room->data;
    bool       inside = (at >= begin && at < begin + room->len);

    if (fkv__buf_reserve(room, str.len) != FKV_OK) {
        return FKV_ENOMEM;
    }

    return fkv__buf_append(room, inside ? room->data + (at - begin) : str.data,
                           str.len);
}


/* Those of one type at a time, the oldest first; value is base and result. */
static int
fold_run(const fkv_t *store, fkv_chain_t *chain, const fkv__operands_t *ops,
    unsigned from, unsigned to, bool has_base, fkv_value_t *value,
    fkv__buf_t *room)
{
    const fkv_merge_t  *merge = store->merge;
    fkv_str_t          *list;
    fkv_merged_t        out = { .type = value->type };
    size_t              at = room->len;
    int                 rc;

    if (merge == NULL) {
        return FKV_EMISSING;
    }

    list = fold_list(ops, from, to);
    if (list == NULL) {
        return FKV_ENOMEM;
    }

    chain->newest = fkv__operand(ops, from)->version;
    chain->oldest = has_base ? value->version
                             : fkv__operand(ops, to - 1)->version;

    rc = fold_code(merge->full(store->merge_data,
                               fkv__operand(ops, from)->type, chain,
                               has_base ? value : NULL, list, to - from,
                               &out));
    fkv__free(list);

    if (rc == FKV_OK && (out.data.len > store->options.value_max
                         || (out.data.data == NULL && out.data.len > 0)))
    {
        return FKV_ECORRUPT;
    }

    if (rc == FKV_OK) {
        rc = room_append(room, out.data);
    }

    if (rc == FKV_OK) {
        value->data = (fkv_str_t) { room->data + at, out.data.len };
        value->size = out.data.len;
        value->type = out.type;
        value->encver = out.encver;
        value->version = chain->newest;
    }

    return rc;
}


static int
fold_runs(const fkv_t *store, fkv_chain_t *chain, const fkv__operands_t *ops,
    const fkv__fold_part_t *part, fkv_value_t *value, fkv__buf_t *room)
{
    bool      has_base = part->with_base;
    unsigned  to = part->n;
    int       rc = FKV_OK;

    while (rc == FKV_OK && to > 0) {
        unsigned  from = to - 1;

        while (from > 0 && fkv__operand(ops, from - 1)->type
                           == fkv__operand(ops, to - 1)->type)
        {
            from--;
        }

        rc = fold_run(store, chain, ops, from, to, has_base, value, room);
        has_base = true;
        to = from;
    }

    return rc;
}


int
fkv__fold(const fkv_t *store, fkv_str_t ikey, const fkv__operands_t *ops,
    const fkv__fold_part_t *part, const fkv__record_t *base, fkv_str_t data,
    fkv__buf_t *room, fkv_value_t *value)
{
    const fkv__operand_t  *newest = fkv__operand(ops, 0);
    fkv__buf_t             name = { 0 };
    fkv_chain_t            chain;
    size_t                 meta = 0;
    int                    rc;

    *value = (fkv_value_t) { .type = newest->type };
    room->len = 0;

    if (part->with_base) {
        value->data = data;
        value->size = data.len;
        value->type = base->type;
        value->encver = base->encver;
        value->stamp = base->stamp;
        value->expire_at = base->expire_at;
        value->version = base->version;
        value->content_type = base->meta;
        meta = base->meta.len;

        if (fkv__buf_append(room, base->meta.data, meta) != FKV_OK) {
            return FKV_ENOMEM;
        }
    }

    rc = fold_key(ikey, &name, &chain);

    if (rc == FKV_OK) {
        rc = fold_runs(store, &chain, ops, part, value, room);
    }

    fkv__buf_done(&name);
    fkv__count(store, folds, rc == FKV_OK);
    fkv__count(store, folds_failed, rc != FKV_OK);

    if (rc != FKV_OK) {
        value->data = FKV_STR_NULL;
        value->size = 0;
        value->encver = 0;
    }

    value->blob = NULL;
    value->version = newest->version;
    value->content_type = (fkv_str_t) { room->data, meta };

    return rc;
}


int
fkv__fold_partly(const fkv_t *store, fkv_str_t ikey,
    const fkv__operands_t *ops, unsigned from, unsigned n, fkv__buf_t *room,
    fkv_str_t *out)
{
    const fkv_merge_t  *merge = store->merge;
    fkv_chain_t         chain = {
        .oldest = fkv__operand(ops, from + n - 1)->version,
        .newest = fkv__operand(ops, from)->version
    };
    fkv__buf_t          name = { 0 };
    fkv_str_t           merged = FKV_STR_NULL, *list;
    int                 rc;

    if (merge == NULL || merge->partial == NULL) {
        return FKV_EMISSING;
    }

    list = fold_list(ops, from, from + n);
    rc = (list != NULL) ? fold_key(ikey, &name, &chain) : FKV_ENOMEM;

    if (rc == FKV_OK) {
        rc = fold_code(merge->partial(store->merge_data,
                                      fkv__operand(ops, from)->type, &chain,
                                      list, n, &merged));
    }

    if (rc == FKV_OK && merged.data == NULL && merged.len > 0) {
        rc = FKV_ECORRUPT;
    }

    room->len = 0;

    if (rc == FKV_OK) {
        rc = fkv__buf_append(room, merged.data, merged.len);
        *out = fkv__buf_str(room);
    }

    fkv__buf_done(&name);
    fkv__free(list);

    return rc;
}
