#include "chain.h"

#include <math.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define VERSION     1
#define HEAD_SIZE   15
#define LAYER_SIZE  23
#define HASHES_MAX  64


chain_item_t
chain_item(const void *item, size_t len)
{
    XXH128_hash_t  hash = XXH3_128bits(len > 0 ? item : "", len);

    return (chain_item_t) { hash.low64, hash.high64 };
}


/*
 * Bits of a layer that is one block: the least for this many items and hashes.
 * Of several blocks some get more items than others; the bits that make up for
 * that follow from the variance of a block's items, as the error grows with the
 * items to the power of the hashes.
 */
static double
layer_bits(double error, uint64_t capacity, unsigned hashes)
{
    double  each = -log(error) / (M_LN2 * M_LN2);
    double  bits = each * (double) capacity;

    if (bits > CHAIN_BLOCK_MAX * 8) {
        bits *= 1 + hashes * M_LN2 * each / (CHAIN_BLOCK_MAX * 8);
    }

    return bits;
}


static bool
layer_init(chain_layer_t *layer, double error, uint64_t capacity)
{
    double  halvings = fmin(-log2(error), HASHES_MAX);
    double  size, blocks;

    layer->hashes = (uint8_t) fmax(ceil(halvings), 1);
    size = fmax(ceil(layer_bits(exp2(-halvings), capacity, layer->hashes) / 8),
                1);
    blocks = ceil(size / CHAIN_BLOCK_MAX);

    if (blocks > UINT32_MAX) {
        return false;
    }

    layer->capacity = capacity;
    layer->items = 0;
    layer->blocks = (uint32_t) blocks;
    layer->bytes = (uint16_t) ceil(size / blocks);

    return true;
}


bool
chain_init(chain_t *chain, double error, uint64_t capacity, uint32_t expansion,
    bool fixed)
{
    memset(chain, 0, sizeof(*chain));
    chain->error = error;
    chain->expansion = expansion;
    chain->fixed = fixed;
    chain->layers_n = 1;

    return layer_init(chain->layers, fixed ? error : error / 2, capacity);
}


bool
chain_grow(chain_t *chain)
{
    const chain_layer_t  *last = &chain->layers[chain->layers_n - 1];
    uint64_t              capacity;
    double                error;

    if (last->items < last->capacity) {
        return true;
    }

    if (chain->fixed || chain->layers_n == CHAIN_LAYERS_MAX
        || __builtin_mul_overflow(last->capacity, chain->expansion, &capacity))
    {
        return false;
    }

    error = ldexp(chain->error, -(chain->layers_n + 1));

    if (!layer_init(&chain->layers[chain->layers_n], error, capacity)) {
        return false;
    }

    chain->layers_n++;

    return true;
}


static uint64_t
get_le(const uint8_t **p, unsigned bytes)
{
    uint64_t  n = 0;

    for (unsigned i = 0; i < bytes; i++) {
        n |= (uint64_t) *(*p)++ << 8 * i;
    }

    return n;
}


static void
put_le(uint8_t **p, uint64_t n, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        *(*p)++ = (uint8_t) (n >> 8 * i);
    }
}


static bool
layer_read(chain_layer_t *layer, const uint8_t *p)
{
    layer->capacity = get_le(&p, 8);
    layer->items = get_le(&p, 8);
    layer->blocks = (uint32_t) get_le(&p, 4);
    layer->bytes = (uint16_t) get_le(&p, 2);
    layer->hashes = (uint8_t) get_le(&p, 1);

    return layer->capacity > 0 && layer->items <= layer->capacity
           && layer->blocks > 0
           && layer->bytes > 0 && layer->bytes <= CHAIN_BLOCK_MAX
           && layer->hashes > 0 && layer->hashes <= HASHES_MAX;
}


bool
chain_read(chain_t *chain, const void *bytes, size_t len)
{
    const uint8_t  *p = bytes;
    uint64_t        error;

    if (len < HEAD_SIZE || p[0] != VERSION || p[1] > 1
        || p[2] < 1 || p[2] > CHAIN_LAYERS_MAX
        || len != HEAD_SIZE + (size_t) p[2] * LAYER_SIZE)
    {
        return false;
    }

    chain->fixed = p[1];
    chain->layers_n = p[2];
    p += 3;
    error = get_le(&p, 8);
    memcpy(&chain->error, &error, sizeof(error));
    chain->expansion = (uint32_t) get_le(&p, 4);

    for (unsigned i = 0; i < chain->layers_n; i++, p += LAYER_SIZE) {
        if (!layer_read(&chain->layers[i], p)) {
            return false;
        }
    }

    return chain->error > 0 && chain->error < 1 && chain->expansion > 0;
}


size_t
chain_write(const chain_t *chain, uint8_t *out)
{
    uint8_t   *p = out;
    uint64_t   error;

    memcpy(&error, &chain->error, sizeof(error));

    put_le(&p, VERSION, 1);
    put_le(&p, chain->fixed, 1);
    put_le(&p, chain->layers_n, 1);
    put_le(&p, error, 8);
    put_le(&p, chain->expansion, 4);

    for (unsigned i = 0; i < chain->layers_n; i++) {
        const chain_layer_t  *layer = &chain->layers[i];

        put_le(&p, layer->capacity, 8);
        put_le(&p, layer->items, 8);
        put_le(&p, layer->blocks, 4);
        put_le(&p, layer->bytes, 2);
        put_le(&p, layer->hashes, 1);
    }

    return (size_t) (p - out);
}


uint64_t
chain_size(const chain_t *chain)
{
    uint64_t  size = 0;

    for (unsigned i = 0; i < chain->layers_n; i++) {
        size += (uint64_t) chain->layers[i].blocks * chain->layers[i].bytes;
    }

    return size;
}


uint32_t
chain_block(const chain_layer_t *layer, chain_item_t item)
{
    return (uint32_t) ((item.place >> 32) * layer->blocks >> 32);
}


/* Each bit is a hash of its own: steps of one size would meet too often in a
   small block. */
static unsigned
item_bit(const chain_layer_t *layer, chain_item_t item, unsigned i)
{
    uint64_t  h = item.seed + (i + 1) * UINT64_C(0x9e3779b97f4a7c15);

    h = (h ^ h >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    h = (h ^ h >> 27) * UINT64_C(0x94d049bb133111eb);

    return (unsigned) ((h >> 32) * layer->bytes * 8 >> 32);
}


bool
chain_has(const chain_layer_t *layer, chain_item_t item, const uint8_t *block)
{
    for (unsigned i = 0; i < layer->hashes; i++) {
        unsigned  bit = item_bit(layer, item, i);

        if ((block[bit / 8] >> bit % 8 & 1) == 0) {
            return false;
        }
    }

    return true;
}


void
chain_set(const chain_layer_t *layer, chain_item_t item, uint8_t *block)
{
    for (unsigned i = 0; i < layer->hashes; i++) {
        unsigned  bit = item_bit(layer, item, i);

        block[bit / 8] |= (uint8_t) (1 << bit % 8);
    }
}
