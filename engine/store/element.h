/*
 * element.h - records of an update that stand in the frame before that of
 * their key: the key's elements; and beside the range tombstone of a prefix the
 * one of all elements of its keys.
 *
 * Shape      frame.h: encode (no latch) | room, put, link (under the key's
 *            latch, or the gate) | fill
 * Order      a reaper links the records of a frame in their order, with the
 *            nodes that we have reserved, so that is the order of links here:
 *            elements, then their key
 * Processes  whoever writes an element has written its key in the same frame
 *            and holds the key's latch, so of one element there is one writer
 *            at a time
 * If killed  as any frame: all of it or nothing is there afterwards, elements
 *            and key together
 */

#ifndef FKV_STORE_ELEMENT_H
#define FKV_STORE_ELEMENT_H

#include "shared/arena.h"
#include "store/memtable.h"
#include "store/update.h"

/* At the begin of a try: there are none. */
void fkv__elements_reset(fkv__update_t *own);

/*
 * Encodes those of the i-th change, which is written, behind so many bytes of
 * the frame, with this sum of its body; both go on.
 * FKV_OK · FKV_EINVAL they may not be there, or names are empty or do not
 * ascend · FKV_ETOOBIG a name, a value, or all together · FKV_ENOMEM
 */
int fkv__elements_encode(fkv_update_t *u, unsigned i, uint64_t *bytes,
    uint32_t *crc);

/* Which are new to the memtable?  Returns bytes of nodes that all need. */
uint32_t fkv__elements_nodes(fkv__update_t *own, const fkv__memtable_t *mt);

/* Copies all that links need, then links those of one key. */
void fkv__elements_put(const fkv__update_t *own, uint8_t *frame);
void fkv__elements_link(const fkv__update_t *own,
    const fkv__update_key_t *key, fkv__memtable_t *mt, uint32_t frame_at,
    uint32_t *nodes);

/* Copies values, and counts; the latches are not held. */
void fkv__elements_fill(fkv_update_t *u, fkv__memtable_t *mt,
    uint32_t frame_at);

/* By how many bytes those of the key make its database grow, at most. */
int64_t fkv__elements_growth(const fkv__update_t *own,
    const fkv__update_key_t *key);


#endif /* FKV_STORE_ELEMENT_H */
