/*
 * chain.h - a Bloom filter that grows: layers, each larger and more exact.
 *
 * Shape      layer 0, 1, ... each of `blocks` blocks of `bytes` bytes; an item
 *            goes to one block of the newest layer, and is looked for in one
 *            block of each.  The errors of the layers are halves of each other,
 *            so that all together do not reach what was asked for
 * Bytes      numbers are little-endian.  0: 1 (on disk, do not change); 1: 1 if
 *            it does not grow; 2: layers; 3: error, 8 bytes as IEEE 754;
 *            11: expansion, 4.  Then of each layer: capacity, 8; items, 8;
 *            blocks, 4; bytes, 2; hashes, 1
 *
 * Pure: no store is touched here.
 */

#ifndef BLOOM_CHAIN_H
#define BLOOM_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHAIN_LAYERS_MAX  128
#define CHAIN_BLOCK_MAX   1024
#define CHAIN_BYTES_MAX   (15 + CHAIN_LAYERS_MAX * 23)

typedef struct {
    uint64_t        capacity;
    uint64_t        items;
    uint32_t        blocks;
    uint16_t        bytes;          /* of a block */
    uint8_t         hashes;         /* bits that an item sets */
} chain_layer_t;

typedef struct {
    double          error;          /* above 0, below 1 */
    uint32_t        expansion;      /* how much larger the next layer is */
    bool            fixed;          /* there is only one */
    uint8_t         layers_n;
    chain_layer_t   layers[CHAIN_LAYERS_MAX];
} chain_t;

/* Where an item is in any layer. */
typedef struct {
    uint64_t        place;
    uint64_t        seed;
} chain_item_t;

chain_item_t chain_item(const void *item, size_t len);

/* With its first layer.  False: that would be too large. */
bool chain_init(chain_t *chain, double error, uint64_t capacity,
    uint32_t expansion, bool fixed);

/* One more layer, if the last one is full.  False: there can be none. */
bool chain_grow(chain_t *chain);

/* False: these bytes are none of ours. */
bool chain_read(chain_t *chain, const void *bytes, size_t len);

/* out has room for CHAIN_BYTES_MAX; how many they are. */
size_t chain_write(const chain_t *chain, uint8_t *out);

/* Bytes of all blocks, if all were there. */
uint64_t chain_size(const chain_t *chain);

uint32_t chain_block(const chain_layer_t *layer, chain_item_t item);

/* In such a block of layer->bytes. */
bool chain_has(const chain_layer_t *layer, chain_item_t item,
    const uint8_t *block);
void chain_set(const chain_layer_t *layer, chain_item_t item, uint8_t *block);


#endif /* BLOOM_CHAIN_H */
