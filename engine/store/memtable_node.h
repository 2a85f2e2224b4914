/*
 * memtable_node.h - the nodes of a memtable's index, as memtable.h draws them,
 * for the two files that look at them.
 */

#ifndef FKV_STORE_MEMTABLE_NODE_H
#define FKV_STORE_MEMTABLE_NODE_H

#include "store/memtable.h"

typedef struct {
    uint64_t  prefix_high;      /* of key or name: most comparisons end */
    uint64_t  prefix_low;       /*   here, without a look at the record */
    uint32_t  hash;             /* low half of the key's hash */
    uint32_t  hash_next;
    uint32_t  versions;         /* newest version node */
    uint32_t  key_at;
    uint32_t  key_len;
    uint8_t   ns;               /* the key's first byte */
    uint8_t   height;
    uint16_t  unused;
    uint32_t  next[];           /* height words */
} key_node_shm_t;

typedef struct {
    uint32_t  older;
    uint32_t  record_at;
    uint32_t  frame_at;
    uint32_t  unused;
} version_node_shm_t;

_Static_assert(sizeof(key_node_shm_t) == 40, "key node");
_Static_assert(sizeof(version_node_shm_t) == FKV__MEMTABLE_RANGE_NODES,
               "version node");

#define NODE_ALIGN  8


static inline key_node_shm_t *
key_node(const fkv__memtable_t *mt, uint32_t at)
{
    return (key_node_shm_t *) (void *) (mt->mem + at);
}


static inline version_node_shm_t *
version_node(const fkv__memtable_t *mt, uint32_t at)
{
    return (version_node_shm_t *) (void *) (mt->mem + at);
}


static inline uint32_t
link_load(const uint32_t *link)
{
    return __atomic_load_n(link, __ATOMIC_ACQUIRE);
}


static inline fkv_str_t
node_key(const fkv__memtable_t *mt, const key_node_shm_t *node)
{
    return (fkv_str_t) { mt->mem + node->key_at, node->key_len };
}


static inline bool
version_is_void(const fkv__memtable_t *mt, const version_node_shm_t *version)
{
    const uint32_t  *state = (const uint32_t *) (const void *)
                             (mt->mem + version->frame_at);

    return __atomic_load_n(state, __ATOMIC_ACQUIRE) == FKV__FRAME_VOID;
}


#endif /* FKV_STORE_MEMTABLE_NODE_H */
