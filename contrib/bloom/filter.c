#include "filter.h"

#include <string.h>

#define NAME_SIZE  5

struct filter_block_s {
    unsigned  layer;
    uint32_t  number;
    uint8_t   data[];
};

static const ferrokv_str  head = { NULL, 0 };


static uint64_t
weight(const ferrokv_value *val)
{
    chain_t  chain;

    return val->data.len + (chain_read(&chain, val->data.data, val->data.len)
                            ? chain_size(&chain) : 0);
}


const ferrokv_type  filter_type = {
    FERROKV_TYPE, 0, "bloom", 0, 0, NULL, NULL, NULL, NULL, NULL, weight
};


static int
corrupt(ferrokv_ctx *ctx)
{
    return ctx->api->fail(ctx, FERROKV_ECORRUPT, "damaged filter");
}


int
filter_open(filter_t *filter, ferrokv_ctx *ctx, ferrokv_str key)
{
    ferrokv_value  value;
    int            rc = ctx->api->get(ctx, key, head, &value);

    memset(filter, 0, sizeof(*filter));
    filter->ctx = ctx;
    filter->key = key;

    if (rc != FERROKV_OK) {
        return rc;
    }

    if (value.type == NULL) {
        return ctx->api->fail(ctx, FERROKV_ETYPE, "WRONGTYPE Operation against "
                              "a key holding the wrong kind of value");
    }

    filter->expires = value.expires;

    return chain_read(&filter->chain, value.data.data, value.data.len)
           ? FERROKV_OK : corrupt(ctx);
}


int
filter_create(filter_t *filter, double error, uint64_t capacity,
    uint32_t expansion, bool fixed)
{
    filter->dirty = true;

    return chain_init(&filter->chain, error, capacity, expansion, fixed)
           ? FERROKV_OK
           : filter->ctx->api->fail(filter->ctx, FERROKV_ETOOBIG,
                                    "ERR could not create filter");
}


static ferrokv_str
block_name(uint8_t *buf, unsigned layer, uint32_t number)
{
    buf[0] = (uint8_t) layer;

    for (unsigned i = 1; i < NAME_SIZE; i++) {
        buf[i] = (uint8_t) (number >> 8 * (NAME_SIZE - 1 - i));
    }

    return (ferrokv_str) { buf, NAME_SIZE };
}


/* Where it is in the table, or where it would be. */
static filter_block_t **
changed_place(filter_t *filter, unsigned layer, uint32_t number)
{
    size_t  mask = filter->changed_n - 1;
    size_t  i = (number + layer * 0x9e3779b9u) & mask;

    while (filter->changed[i] != NULL
           && (filter->changed[i]->layer != layer
               || filter->changed[i]->number != number))
    {
        i = (i + 1) & mask;
    }

    return &filter->changed[i];
}


/* FERROKV_OK · FERROKV_NONE: no bit is set in it · failure */
static int
block_get(filter_t *filter, unsigned layer, uint32_t number,
    const uint8_t **data)
{
    ferrokv_ctx     *ctx = filter->ctx;
    uint8_t          buf[NAME_SIZE];
    ferrokv_value    value;
    filter_block_t  *block = NULL;
    int              rc;

    if (filter->changed_n > 0) {
        block = *changed_place(filter, layer, number);
    }

    if (block != NULL) {
        *data = block->data;
        return FERROKV_OK;
    }

    rc = ctx->api->get(ctx, filter->key, block_name(buf, layer, number),
                       &value);

    if (rc == FERROKV_OK
        && value.data.len != filter->chain.layers[layer].bytes)
    {
        return corrupt(ctx);
    }

    *data = (rc == FERROKV_OK) ? value.data.data : NULL;

    return rc;
}


int
filter_ahead(filter_t *filter, const ferrokv_str *items, size_t n)
{
    const chain_t  *chain = &filter->chain;
    const uint8_t  *data;
    int             result = FERROKV_OK;

    for (size_t i = 0; i < n; i++) {
        chain_item_t  item = chain_item(items[i].data, items[i].len);

        for (unsigned j = 0; j < chain->layers_n; j++) {
            int  rc = block_get(filter, j, chain_block(&chain->layers[j], item),
                                &data);

            if (rc == FERROKV_ENOTYET) {
                result = rc;

            } else if (rc < 0) {
                return rc;
            }
        }
    }

    return result;
}


static int
item_has(filter_t *filter, chain_item_t item)
{
    for (unsigned i = filter->chain.layers_n; i-- > 0; ) {
        const chain_layer_t  *layer = &filter->chain.layers[i];
        const uint8_t        *data;
        int                   rc;

        rc = block_get(filter, i, chain_block(layer, item), &data);

        if (rc < 0 || (rc == FERROKV_OK && chain_has(layer, item, data))) {
            return rc;
        }
    }

    return FERROKV_NONE;
}


int
filter_has(filter_t *filter, ferrokv_str item)
{
    return item_has(filter, chain_item(item.data, item.len));
}


void
filter_adds(filter_t *filter, size_t n)
{
    size_t  size;

    filter->changed_n = 2;

    while (filter->changed_n < 2 * n) {
        filter->changed_n *= 2;
    }

    size = filter->changed_n * sizeof(filter_block_t *);
    filter->changed = filter->ctx->api->alloc(filter->ctx, size);
    memset(filter->changed, 0, size);
}


/* A block of the newest layer, to be written. */
static int
block_change(filter_t *filter, uint32_t number, filter_block_t **out)
{
    unsigned          layer = filter->chain.layers_n - 1u;
    size_t            size = filter->chain.layers[layer].bytes;
    filter_block_t  **place = changed_place(filter, layer, number);
    const uint8_t    *data;
    int               rc;

    if (*place == NULL) {

        rc = block_get(filter, layer, number, &data);
        if (rc < 0) {
            return rc;
        }

        *place = filter->ctx->api->alloc(filter->ctx, sizeof(**place) + size);
        (*place)->layer = layer;
        (*place)->number = number;

        if (data != NULL) {
            memcpy((*place)->data, data, size);

        } else {
            memset((*place)->data, 0, size);
        }
    }

    *out = *place;

    return FERROKV_OK;
}


int
filter_add(filter_t *filter, ferrokv_str bytes)
{
    chain_t         *chain = &filter->chain;
    chain_item_t     item = chain_item(bytes.data, bytes.len);
    chain_layer_t   *layer;
    filter_block_t  *block;
    int              rc = item_has(filter, item);

    if (rc != FERROKV_NONE) {
        return (rc == FERROKV_OK) ? FERROKV_NONE : rc;
    }

    if (!chain_grow(chain)) {
        return filter->ctx->api->fail(filter->ctx, FERROKV_EFULL,
                                      chain->fixed
                                      ? "ERR non scaling filter is full"
                                      : "ERR filter cannot grow any more");
    }

    layer = &chain->layers[chain->layers_n - 1];

    rc = block_change(filter, chain_block(layer, item), &block);
    if (rc < 0) {
        return rc;
    }

    chain_set(layer, item, block->data);
    layer->items++;
    filter->dirty = true;

    return FERROKV_OK;
}


static int
block_put(filter_t *filter, const filter_block_t *block)
{
    const ferrokv_value  value = {
        { block->data, filter->chain.layers[block->layer].bytes }, NULL, 0
    };
    uint8_t              buf[NAME_SIZE];

    return filter->ctx->api->put(filter->ctx, filter->key,
                                 block_name(buf, block->layer, block->number),
                                 &value);
}


int
filter_close(filter_t *filter)
{
    ferrokv_ctx    *ctx = filter->ctx;
    uint8_t         buf[CHAIN_BYTES_MAX];
    ferrokv_value   value = { { buf, 0 }, &filter_type, filter->expires };
    int             rc;

    if (!filter->dirty) {
        return FERROKV_OK;
    }

    value.data.len = chain_write(&filter->chain, buf);
    rc = ctx->api->put(ctx, filter->key, head, &value);

    for (size_t i = 0; i < filter->changed_n && rc == FERROKV_OK; i++) {
        if (filter->changed[i] != NULL) {
            rc = block_put(filter, filter->changed[i]);
        }
    }

    return rc;
}
