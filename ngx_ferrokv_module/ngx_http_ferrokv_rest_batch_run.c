
#include "ngx_http_ferrokv_rest_batch.h"


static void ngx_http_ferrokv_run_load(ngx_http_ferrokv_batch_t *batch);
static void ngx_http_ferrokv_run_store(ngx_http_ferrokv_batch_t *batch);
static int ngx_http_ferrokv_run_one(ngx_http_ferrokv_batch_t *batch,
    ngx_http_ferrokv_operation_t *op);
static ngx_uint_t ngx_http_ferrokv_run_condition(
    ngx_http_ferrokv_operation_t *op, ngx_http_ferrokv_slot_t *slot);
static int ngx_http_ferrokv_run_get(ngx_http_ferrokv_batch_t *batch,
    ngx_http_ferrokv_operation_t *op, ngx_http_ferrokv_slot_t *slot);
static void ngx_http_ferrokv_run_set(ngx_http_ferrokv_operation_t *op,
    ngx_http_ferrokv_slot_t *slot);
static int ngx_http_ferrokv_run_incr(ngx_http_ferrokv_batch_t *batch,
    ngx_http_ferrokv_operation_t *op, ngx_http_ferrokv_slot_t *slot);
static int ngx_http_ferrokv_run_expire(ngx_http_ferrokv_batch_t *batch,
    ngx_http_ferrokv_operation_t *op, ngx_http_ferrokv_slot_t *slot);
static void ngx_http_ferrokv_run_written(ngx_http_ferrokv_operation_t *op,
    ngx_http_ferrokv_slot_t *slot);
static int ngx_http_ferrokv_run_copy(ngx_http_ferrokv_batch_t *batch,
    fkv_value_t *value, ngx_uint_t data);


int
ngx_http_ferrokv_batch_run(ngx_http_ferrokv_batch_t *batch)
{
    int                            rc;
    ngx_uint_t                     i;
    ngx_http_ferrokv_operation_t  *op;

    /* what an earlier attempt has copied is of no use any more */

    ngx_reset_pool(batch->scratch);

    batch->read = 0;
    batch->failed = NULL;

    ngx_http_ferrokv_run_load(batch);

    for (i = 0; i < batch->n; i++) {
        op = &batch->ops[i];

        rc = ngx_http_ferrokv_run_one(batch, op);
        op->rc = rc;

        if (rc < 0) {
            return rc;
        }

        /* that a key is missing is an answer, not a failure */

        if (batch->atomic && rc != FKV_OK && rc != FKV_NOTFOUND) {
            batch->failed = op;
            return rc;
        }
    }

    ngx_http_ferrokv_run_store(batch);

    return FKV_OK;
}


static void
ngx_http_ferrokv_run_load(ngx_http_ferrokv_batch_t *batch)
{
    ngx_uint_t                i;
    ngx_http_ferrokv_slot_t  *slot;

    for (i = 0; i < batch->n_slots; i++) {
        slot = &batch->slots[i];

        slot->exists = batch->changes[i].exists;
        slot->written = 0;
        slot->value = batch->changes[i].current;
    }
}


static void
ngx_http_ferrokv_run_store(ngx_http_ferrokv_batch_t *batch)
{
    ngx_uint_t                i;
    fkv_change_t             *change;
    ngx_http_ferrokv_slot_t  *slot;

    for (i = 0; i < batch->n_slots; i++) {
        slot = &batch->slots[i];
        change = &batch->changes[i];

        if (!slot->written) {
            change->action = FKV_KEEP;
            continue;
        }

        change->action = slot->exists ? FKV_PUT : FKV_DELETE;
        change->value = slot->value.data;
        change->content_type = slot->value.content_type;
        change->expire_at = slot->value.expire_at;
        change->type = slot->value.type;
        change->encver = slot->value.encver;
        change->stamp = slot->value.stamp;
    }
}


static int
ngx_http_ferrokv_run_one(ngx_http_ferrokv_batch_t *batch,
    ngx_http_ferrokv_operation_t *op)
{
    ngx_http_ferrokv_slot_t  *slot;

    slot = &batch->slots[op->slot];

    op->overflow = 0;
    op->existed = slot->exists;
    op->pending = 0;
    ngx_memzero(&op->result, sizeof(fkv_value_t));

    if (!ngx_http_ferrokv_run_condition(op, slot)) {
        return FKV_PRECONDITION;
    }

    switch (op->kind) {

    case NGX_HTTP_FERROKV_OP_GET:
        return slot->exists ? ngx_http_ferrokv_run_get(batch, op, slot)
                            : FKV_NOTFOUND;

    case NGX_HTTP_FERROKV_OP_SET:
        ngx_http_ferrokv_run_set(op, slot);
        return FKV_OK;

    case NGX_HTTP_FERROKV_OP_INCR:
        return ngx_http_ferrokv_run_incr(batch, op, slot);

    case NGX_HTTP_FERROKV_OP_DELETE:
        if (!slot->exists) {
            return FKV_NOTFOUND;
        }

        ngx_memzero(slot, sizeof(ngx_http_ferrokv_slot_t));
        slot->written = 1;

        return FKV_OK;

    case NGX_HTTP_FERROKV_OP_TOUCH:
    case NGX_HTTP_FERROKV_OP_PERSIST:
        return slot->exists ? ngx_http_ferrokv_run_expire(batch, op, slot)
                            : FKV_NOTFOUND;

    case NGX_HTTP_FERROKV_OPS:
        break;
    }

    return FKV_EINVAL;
}


/* The version of what this batch itself has written is not known yet. */
static ngx_uint_t
ngx_http_ferrokv_run_condition(ngx_http_ferrokv_operation_t *op,
    ngx_http_ferrokv_slot_t *slot)
{
    if (!op->conditional) {
        return 1;
    }

    if (op->if_version == 0) {
        return !slot->exists;
    }

    return slot->exists && !slot->written
           && slot->value.version == op->if_version;
}


static int
ngx_http_ferrokv_run_get(ngx_http_ferrokv_batch_t *batch,
    ngx_http_ferrokv_operation_t *op, ngx_http_ferrokv_slot_t *slot)
{
    if (slot->value.type != 0) {
        return FKV_WRONGTYPE;
    }

    op->result = slot->value;
    op->pending = slot->written;

    return ngx_http_ferrokv_run_copy(batch, &op->result, 1);
}


static void
ngx_http_ferrokv_run_set(ngx_http_ferrokv_operation_t *op,
    ngx_http_ferrokv_slot_t *slot)
{
    slot->exists = 1;
    slot->value.data = ngx_ferrokv_str(&op->value);
    slot->value.content_type = FKV_STR_NULL;
    slot->value.expire_at = op->expire_at;
    slot->value.type = 0;
    slot->value.encver = 0;
    slot->value.stamp = 0;

    ngx_http_ferrokv_run_written(op, slot);
}


static int
ngx_http_ferrokv_run_incr(ngx_http_ferrokv_batch_t *batch,
    ngx_http_ferrokv_operation_t *op, ngx_http_ferrokv_slot_t *slot)
{
    int       rc;
    u_char   *text;
    int64_t   sum;

    if (slot->exists && slot->value.type != 0) {
        return FKV_WRONGTYPE;
    }

    rc = ngx_http_ferrokv_add(slot->exists ? &slot->value.data : NULL,
                              op->by, op->init, &sum, &op->overflow);

    if (rc != FKV_OK) {
        return rc;
    }

    text = ngx_pnalloc(batch->scratch, NGX_INT64_LEN);
    if (text == NULL) {
        return FKV_ENOMEM;
    }

    if (!slot->exists) {
        slot->exists = 1;
        slot->value.content_type = FKV_STR_NULL;
        slot->value.expire_at = op->expire_at;

    } else if (!slot->written) {
        rc = ngx_http_ferrokv_run_copy(batch, &slot->value, 0);

        if (rc != FKV_OK) {
            return rc;
        }
    }

    slot->value.data.data = text;
    slot->value.data.len = ngx_sprintf(text, "%L", sum) - text;

    ngx_http_ferrokv_run_written(op, slot);

    return FKV_OK;
}


/* op->expire_at is 0 for persist. */
static int
ngx_http_ferrokv_run_expire(ngx_http_ferrokv_batch_t *batch,
    ngx_http_ferrokv_operation_t *op, ngx_http_ferrokv_slot_t *slot)
{
    int  rc;

    if (!slot->written) {
        rc = ngx_http_ferrokv_run_copy(batch, &slot->value, 1);

        if (rc != FKV_OK) {
            return rc;
        }
    }

    slot->value.expire_at = op->expire_at;

    ngx_http_ferrokv_run_written(op, slot);

    return FKV_OK;
}


static void
ngx_http_ferrokv_run_written(ngx_http_ferrokv_operation_t *op,
    ngx_http_ferrokv_slot_t *slot)
{
    slot->written = 1;
    slot->value.size = slot->value.data.len;
    slot->value.version = 0;

    op->result = slot->value;
    op->pending = 1;
}


/*
 * The engine lends values for the length of decide(): what is answered or
 * written later moves into the scratch pool, the content type always.
 */
static int
ngx_http_ferrokv_run_copy(ngx_http_ferrokv_batch_t *batch, fkv_value_t *value,
    ngx_uint_t data)
{
    size_t   len;
    u_char  *p;

    len = value->content_type.len + (data ? value->data.len : 0);

    batch->read += len;

    if (batch->read > NGX_HTTP_FERROKV_LIST_BYTES_MAX
                      + batch->target.store->options.value_max)
    {
        return FKV_ETOOBIG;
    }

    if (len == 0) {
        return FKV_OK;
    }

    p = ngx_pnalloc(batch->scratch, len);
    if (p == NULL) {
        return FKV_ENOMEM;
    }

    ngx_memcpy(p, value->content_type.data, value->content_type.len);
    value->content_type.data = p;

    if (data) {
        p += value->content_type.len;
        ngx_memcpy(p, value->data.data, value->data.len);
        value->data.data = p;
    }

    return FKV_OK;
}
