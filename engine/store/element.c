/*
 * element.c - elements of an update: encoded, linked, copied.
 */

#include "store/element.h"
#include "base/crc32c.h"
#include "base/hash.h"
#include "store/usage.h"

#include <string.h>


void
fkv__elements_reset(fkv__update_t *own)
{
    own->elements.len = 0;
    own->element_heads.len = 0;
    own->element_nodes = 0;
}


static fkv__update_element_t *
elements(const fkv__update_t *own)
{
    return (fkv__update_element_t *) (void *) own->elements.data;
}


static unsigned
elements_n(const fkv__update_t *own)
{
    return (unsigned) (own->elements.len / sizeof(fkv__update_element_t));
}


/*
 * An update must fit into an empty arena, and small elements need more bytes
 * of nodes than of records.
 */
static bool
room_left(const fkv_update_t *u, uint64_t bytes)
{
    uint64_t  arena_bytes = u->store->seg->arena_bytes;

    return bytes <= arena_bytes / 4
           && u->own->element_nodes <= arena_bytes / 2;
}


/* The value of a range tombstone, its end, is one with the head. */
static int
record_add(fkv_update_t *u, unsigned i, fkv__record_t *rec, uint64_t *bytes,
    uint32_t *crc)
{
    fkv__update_t         *own = u->own;
    fkv__buf_t            *heads = &own->element_heads;
    bool                   range;
    size_t                 len = fkv__record_size(rec);
    fkv__update_element_t  element;
    uint8_t               *p;

    range = (rec->kind == FKV__RECORD_RANGE_TOMBSTONE);
    len -= range ? 0 : rec->value.len;

    if (fkv__buf_reserve(heads, len) != FKV_OK) {
        return FKV_ENOMEM;
    }

    element = (fkv__update_element_t) {
        .hash = range ? 0 : fkv__hash(rec->key),
        .change = i,
        .kind = rec->kind,
        .head_at = (uint32_t) heads->len,
        .head_len = (uint32_t) len,
        .ikey_len = (uint32_t) rec->key.len,
        .record_at = (uint32_t) *bytes,
        .value = range ? FKV_STR_NULL : rec->value
    };

    p = fkv__record_put(heads->data + heads->len, rec);

    if (range) {
        memcpy(p, rec->value.data, rec->value.len);
    }

    *crc = fkv__crc32c(*crc, heads->data + heads->len, len);
    *crc = fkv__crc32c(*crc, element.value.data, element.value.len);
    *bytes += len + element.value.len;
    heads->len += len;
    own->element_nodes += range ? FKV__MEMTABLE_RANGE_NODES
                                : fkv__memtable_nodes(element.hash, true);

    if (!room_left(u, *bytes)) {
        return FKV_ETOOBIG;
    }

    return fkv__buf_append(&own->elements, &element, sizeof(element));
}


/* own->element_key begins with the group; the name is put behind it. */
static int
element_encode(fkv_update_t *u, unsigned i, const fkv_element_t *element,
    size_t group, uint64_t *bytes, uint32_t *crc)
{
    fkv__buf_t     *ikey = &u->own->element_key;
    fkv__record_t   rec = { .kind = FKV__RECORD_TOMBSTONE };

    if (element->name.len == 0) {
        return FKV_EINVAL;
    }

    if (fkv__update_change(u, i)->key.len + element->name.len
        > FKV_KEY_BYTES_MAX
        || element->value.len >= u->store->options.blob_min
        || element->value.len > u->store->options.value_max)
    {
        return FKV_ETOOBIG;
    }

    ikey->len = group;

    if (fkv__buf_append(ikey, element->name.data, element->name.len)
        != FKV_OK)
    {
        return FKV_ENOMEM;
    }

    rec.key = fkv__buf_str(ikey);

    if (!element->gone) {
        rec.kind = FKV__RECORD_VALUE;
        rec.expire_at = element->expire_at;
        rec.value = element->value;
    }

    return record_add(u, i, &rec, bytes, crc);
}


static int
elements_encode(fkv_update_t *u, unsigned i, uint64_t *bytes, uint32_t *crc)
{
    const fkv_change_t  *change = fkv__update_change(u, i);
    fkv__buf_t          *ikey = &u->own->element_key;
    fkv__space_t         space = { change->ns, change->key, change->stamp };
    size_t               group;
    int                  rc = FKV_OK;

    if (change->stamp == 0 || change->ns >= FKV_NAMESPACE_USERS) {
        return FKV_EINVAL;
    }

    ikey->len = 0;

    if (fkv__buf_reserve(ikey, fkv__space_size(&space, 0)) != FKV_OK) {
        return FKV_ENOMEM;
    }

    group = fkv__space_encode(ikey->data, &space, FKV_STR_NULL);

    for (unsigned k = 0; rc == FKV_OK && k < change->elements_n; k++) {
        const fkv_element_t  *element = &change->elements[k];

        if (k > 0 && fkv__str_cmp(element[-1].name, element->name) >= 0) {
            return FKV_EINVAL;
        }

        rc = element_encode(u, i, element, group, bytes, crc);
    }

    return rc;
}


/* All elements of keys that begin so, in place of the keys themselves. */
static int
range_encode(fkv_update_t *u, unsigned i, uint64_t *bytes, uint32_t *crc)
{
    const fkv__update_key_t  *key = fkv__update_key(u, i);
    fkv__buf_t               *both = &u->own->element_key;
    size_t                    begin = key->ikey.len, end = key->end.len;
    fkv__record_t             rec = { .kind = FKV__RECORD_RANGE_TOMBSTONE };

    both->len = 0;

    if (fkv__buf_append(both, key->ikey.data, begin) != FKV_OK
        || fkv__buf_append(both, key->end.data, end) != FKV_OK)
    {
        return FKV_ENOMEM;
    }

    rec.key = (fkv_str_t) { both->data, begin };
    rec.value = (fkv_str_t) { both->data + begin, end };
    both->data[0] += FKV__NAMESPACE_ELEMENTS;
    both->data[begin] += FKV__NAMESPACE_ELEMENTS;
    u->own->ranges++;

    return record_add(u, i, &rec, bytes, crc);
}


int
fkv__elements_encode(fkv_update_t *u, unsigned i, uint64_t *bytes,
    uint32_t *crc)
{
    const fkv_change_t  *change = fkv__update_change(u, i);
    fkv__update_key_t   *key = fkv__update_key(u, i);
    int                  rc = FKV_OK;

    key->elements_at = elements_n(u->own);

    if (change->prefix && change->ns < FKV_NAMESPACE_USERS) {
        rc = range_encode(u, i, bytes, crc);

    } else if (change->action == FKV_PUT && change->elements_n > 0) {
        rc = elements_encode(u, i, bytes, crc);
    }

    key->elements_n = elements_n(u->own) - key->elements_at;

    return rc;
}


static fkv_str_t
element_ikey(const fkv__update_element_t *element, const uint8_t *head)
{
    return (fkv_str_t) { head + element->head_len - element->ikey_len,
                         element->ikey_len };
}


uint32_t
fkv__elements_nodes(fkv__update_t *own, const fkv__memtable_t *mt)
{
    uint32_t  bytes = 0;

    for (unsigned i = 0; i < elements_n(own); i++) {
        fkv__update_element_t  *element = &elements(own)[i];
        fkv__memtable_pos_t     pos;
        fkv_str_t               ikey;

        if (element->kind == FKV__RECORD_RANGE_TOMBSTONE) {
            bytes += FKV__MEMTABLE_RANGE_NODES;
            continue;
        }

        ikey = element_ikey(element,
                            own->element_heads.data + element->head_at);
        (void) fkv__memtable_find(mt, ikey, element->hash, UINT64_MAX, &pos);

        element->fresh = (pos.node == 0);
        bytes += fkv__memtable_nodes(element->hash, element->fresh);
    }

    return bytes;
}


void
fkv__elements_put(const fkv__update_t *own, uint8_t *frame)
{
    for (unsigned i = 0; i < elements_n(own); i++) {
        const fkv__update_element_t  *element = &elements(own)[i];

        memcpy(frame + element->record_at,
               own->element_heads.data + element->head_at, element->head_len);
    }
}


void
fkv__elements_link(const fkv__update_t *own, const fkv__update_key_t *key,
    fkv__memtable_t *mt, uint32_t frame_at, uint32_t *nodes)
{
    const fkv__update_element_t  *element = elements(own) + key->elements_at;

    for (unsigned i = 0; i < key->elements_n; i++, element++) {
        uint32_t  at = frame_at + element->record_at;

        if (element->kind == FKV__RECORD_RANGE_TOMBSTONE) {
            fkv__memtable_link_range(mt, frame_at, at, nodes);
            continue;
        }

        fkv__memtable_link(mt, element_ikey(element, mt->mem + at),
                           element->hash, frame_at, at, nodes);
    }
}


static int64_t
element_bytes(const fkv__update_element_t *element)
{
    return (element->kind == FKV__RECORD_VALUE)
           ? (int64_t) (element->ikey_len + element->value.len) : 0;
}


void
fkv__elements_fill(fkv_update_t *u, fkv__memtable_t *mt, uint32_t frame_at)
{
    for (unsigned i = 0; i < elements_n(u->own); i++) {
        const fkv__update_element_t  *element = &elements(u->own)[i];
        unsigned                      ns;

        if (element->value.len > 0) {
            memcpy(mt->mem + frame_at + element->record_at + element->head_len,
                   element->value.data, element->value.len);
        }

        if (element->kind == FKV__RECORD_RANGE_TOMBSTONE) {
            continue;
        }

        ns = fkv__update_change(u, element->change)->ns;
        fkv__usage_element(mt->shm, ns, element_bytes(element),
                           element->fresh);

        if (element->kind == FKV__RECORD_VALUE) {
            fkv__count(u->store, puts, 1);

        } else {
            fkv__count(u->store, deletes, 1);
        }
    }
}


int64_t
fkv__elements_growth(const fkv__update_t *own, const fkv__update_key_t *key)
{
    const fkv__update_element_t  *element = elements(own) + key->elements_at;
    int64_t                       bytes = 0;

    for (unsigned i = 0; i < key->elements_n; i++) {
        bytes += element_bytes(&element[i]);
    }

    return bytes;
}
