/*
 * frame.c - an update's records into the active arena.
 */

#include "store/frame.h"
#include "base/crc32c.h"
#include "format/log.h"
#include "shared/arena.h"
#include "shared/latch.h"
#include "store/blob_update.h"
#include "store/chain_update.h"
#include "store/due.h"
#include "store/element.h"
#include "store/evict.h"
#include "store/orphan.h"
#include "store/read.h"
#include "store/usage.h"

#include <string.h>


bool
fkv__frame_writes(const fkv_change_t *change)
{
    return change->action == FKV_PUT || change->action == FKV_MERGE
           || (change->action == FKV_DELETE
               && (change->blind || change->prefix || change->exists));
}


static void
record_of(const fkv_update_t *u, const fkv_change_t *change,
    fkv__update_key_t *key, fkv__record_t *rec)
{
    memset(rec, 0, sizeof(*rec));
    rec->key = key->ikey;

    if (change->prefix) {
        FKV_ASSERT(change->action == FKV_DELETE);
        rec->kind = FKV__RECORD_RANGE_TOMBSTONE;
        rec->value = key->end;
        return;
    }

    /* So that flush and compaction know which elements have died. */

    if (change->action == FKV_DELETE) {
        rec->kind = FKV__RECORD_TOMBSTONE;
        rec->stamp = change->exists ? change->current.stamp : 0;
        return;
    }

    if (change->action == FKV_MERGE) {
        fkv__chain_record(u, change, key, rec);
        return;
    }

    rec->kind = FKV__RECORD_VALUE;
    rec->expire_at = change->expire_at;
    rec->type = change->type;
    rec->encver = change->encver;
    rec->stamp = change->stamp;
    rec->meta = change->content_type;
    rec->value = change->value;

    fkv__update_refer(change, key, rec);
}


/*
 * Bytes to be copied before the links.  Whoever meets a range tombstone reads
 * its end, so that is one with the head.
 */
static size_t
head_bytes(const fkv__record_t *rec)
{
    size_t  bytes = fkv__record_size(rec);

    return (rec->kind == FKV__RECORD_RANGE_TOMBSTONE)
           ? bytes : bytes - rec->value.len;
}


static void
head_put(uint8_t *p, fkv__record_t *rec)
{
    p = fkv__record_put(p, rec);

    if (rec->kind == FKV__RECORD_RANGE_TOMBSTONE) {
        memcpy(p, rec->value.data, rec->value.len);
        rec->value = FKV_STR_NULL;
    }
}


int
fkv__frame_encode(fkv_update_t *u)
{
    static const uint8_t  zero[FKV__FRAME_ALIGN];
    fkv__update_t        *own = u->own;
    uint64_t              bytes = FKV__FRAME_HEADER_BYTES;
    uint32_t              crc = 0;

    own->bytes.len = own->keys_bytes;
    own->more_heads.len = 0;
    own->frame_bytes = 0;
    own->ranges = 0;
    own->expires = false;
    fkv__elements_reset(own);

    for (unsigned i = 0; i < own->n; i++) {
        fkv_change_t       *change = fkv__update_change(u, i);
        fkv__update_key_t  *key = fkv__update_key(u, i);
        fkv__buf_t         *heads;
        fkv__record_t       rec;
        size_t              head;
        int                 rc;

        key->head_len = 0;
        key->elements_n = 0;

        if (!fkv__frame_writes(change)) {
            continue;
        }

        if (change->action == FKV_MERGE && !fkv__chain_valid(u, change)) {
            return FKV_EINVAL;
        }

        rc = fkv__elements_encode(u, i, &bytes, &crc);
        if (rc != FKV_OK) {
            return rc;
        }

        record_of(u, change, key, &rec);
        head = head_bytes(&rec);

        heads = (i < u->n) ? &own->bytes : &own->more_heads;

        if (heads->cap - heads->len < head) {
            return FKV_ETOOBIG;             /* metadata beyond its limit */
        }

        head_put(heads->data + heads->len, &rec);
        key->head = heads->data + heads->len;
        key->head_len = (uint32_t) head;
        key->value = rec.value;
        key->record_at = (uint32_t) bytes;      /* in the frame, for now */
        own->ranges += change->prefix;
        own->expires |= (rec.expire_at != 0 && fkv__due_wants(key->ikey));
        heads->len += head;

        crc = fkv__crc32c(crc, key->head, head);
        crc = fkv__crc32c(crc, rec.value.data, rec.value.len);

        bytes += head + rec.value.len;

        if (bytes > u->store->seg->arena_bytes / 4) {
            return FKV_ETOOBIG;
        }
    }

    if (bytes > FKV__FRAME_HEADER_BYTES) {
        uint64_t  whole = fkv__align(bytes, FKV__FRAME_ALIGN);

        own->body_crc = fkv__crc32c(crc, zero, whole - bytes);
        own->frame_bytes = (uint32_t) whole;
    }

    return FKV_OK;
}


/*
 * Rule 3 of orphan.h: has a key expired whose elements are to live on?  Then it
 * is read again, and by this clock.
 */
static bool
is_over(fkv_update_t *u, const fkv_change_t *change)
{
    const fkv_value_t  *current = &change->current;
    uint64_t            now_ms;

    if (!change->exists || change->action != FKV_PUT || change->stamp == 0
        || change->stamp != current->stamp || current->expire_at == 0)
    {
        return false;
    }

    now_ms = fkv_now_ms(u->store);

    if (current->expire_at > now_ms) {
        return false;
    }

    u->own->now_ms = now_ms;

    return true;
}


/*
 * Is every key as it was read?  Also finds out how many node bytes the active
 * memtable needs; that holds under the latches.
 *
 * What was visible at began_at was complete then and has been seen: only what
 * came later can differ, and it lies in memtables that end behind began_at.  Of
 * a blind change nothing but its node in the active one matters.
 */
static bool
keys_unchanged(fkv_update_t *u, uint64_t set, uint32_t *node_bytes)
{
    *node_bytes = 0;

    for (unsigned i = 0; i < u->own->n; i++) {
        const fkv_change_t   *change = fkv__update_change(u, i);
        fkv__update_key_t    *key = fkv__update_key(u, i);
        bool                  found;
        bool                  blind = change->blind && !key->folded;
        fkv__memtable_t       mt;
        fkv__memtable_pos_t   pos, active;

        if (change->prefix) {
            *node_bytes += (key->head_len > 0) ? FKV__MEMTABLE_RANGE_NODES : 0;
            continue;
        }

        found = fkv__read_memtables(u->store, set, key->ikey, key->hash,
                                    UINT64_MAX,
                                    blind ? UINT64_MAX : u->own->began_at,
                                    &mt, &pos, &active);

        if (change->action == FKV_MERGE
            && fkv__chain_is_late(u, &u->store->seg->arenas[
                                         fkv__set_arena(set, 0)]))
        {
            return false;
        }

        key->fresh = (active.node == 0);

        if (key->head_len > 0) {
            *node_bytes += fkv__memtable_nodes(key->hash, key->fresh);
        }

        if (blind) {
            continue;
        }

        if (found ? pos.version != key->seen
                  : u->own->began_at < fkv__read_oldest(u->store, set))
        {
            return false;           /* or it may be in a table by now */
        }

        if (is_over(u, change)) {
            return false;
        }
    }

    if (u->own->elements.len > 0) {
        fkv__memtable_t  mt;

        fkv__memtable_init(&mt, u->store->seg, fkv__set_arena(set, 0));
        *node_bytes += fkv__elements_nodes(u->own, &mt);
    }

    return true;
}


bool
fkv__frame_check(fkv_update_t *u)
{
    uint64_t  set;
    uint32_t  node_bytes;
    bool      unchanged;

    if (u->n == 1) {
        return true;
    }

    set = fkv__pin(u->store);
    unchanged = keys_unchanged(u, set, &node_bytes);
    fkv__unpin(u->store);

    return unchanged;
}


/* Header, heads and links; the caller holds the latches. */
static void
frame_link(fkv_update_t *u, fkv__memtable_t *mt,
    const fkv__arena_room_t *room)
{
    fkv_t          *store = u->store;
    fkv__update_t  *own = u->own;
    uint8_t        *frame = mt->mem + room->frame;
    uint32_t        nodes = room->nodes;

    /* First of all: without it a reaper could not finish the links. */
    __atomic_store_n((uint32_t *) (void *) (frame + 4), nodes,
                     __ATOMIC_RELEASE);

    fkv__frame_seal(frame, fkv__frame_stamp(own->frame_bytes, store->slot,
                                            FKV__FRAME_BATCH),
                    __atomic_load_n(&store->seg->log.durable,
                                    __ATOMIC_RELAXED),
                    own->body_crc, mt->shm->base + room->frame,
                    mt->shm->incarnation);

    FKV_STEP("update.2");

    for (unsigned i = 0; i < own->n; i++) {
        const fkv__update_key_t  *key = fkv__update_key(u, i);

        if (key->head_len > 0) {
            memcpy(frame + key->record_at, key->head, key->head_len);
        }
    }

    fkv__elements_put(own, frame);
    FKV_STEP("update.3");

    for (unsigned i = 0; i < own->n; i++) {
        fkv_change_t             *change = fkv__update_change(u, i);
        const fkv__update_key_t  *key = fkv__update_key(u, i);
        fkv_str_t                 ikey;

        if (key->head_len == 0) {
            continue;
        }

        fkv__elements_link(own, key, mt, room->frame, &nodes);

        /* A record's head ends with its key. */
        ikey.data = frame + key->record_at + key->head_len - key->ikey.len;
        ikey.len = key->ikey.len;

        change->version = mt->shm->base + room->frame + key->record_at;

        if (change->prefix) {
            fkv__memtable_link_range(mt, room->frame,
                                     room->frame + key->record_at, &nodes);
            continue;
        }

        fkv__memtable_link(mt, ikey, key->hash, room->frame,
                           room->frame + key->record_at, &nodes);
    }
}


/* Copies the values, outside of the latches, and makes the frame READY. */
static uint64_t
frame_fill(fkv_update_t *u, fkv__memtable_t *mt, const fkv__arena_room_t *room)
{
    fkv__update_t  *own = u->own;
    uint8_t        *frame = mt->mem + room->frame;

    for (unsigned i = 0; i < own->n; i++) {
        const fkv_change_t       *change = fkv__update_change(u, i);
        const fkv__update_key_t  *key = fkv__update_key(u, i);

        if (key->head_len == 0) {
            continue;
        }

        if (key->value.len > 0) {
            memcpy(frame + key->record_at + key->head_len, key->value.data,
                   key->value.len);
        }

        fkv__usage_write(mt->shm, change, key->ikey.len, key->fresh,
                         key->read);

        if (change->action == FKV_MERGE) {
            fkv__count(u->store, merges, 1);
            fkv__evict_used(u->store, change->ns, key->hash, u->now_ms);

        } else if (change->action == FKV_PUT) {
            fkv__count(u->store, puts, 1);
            fkv__evict_used(u->store, change->ns, key->hash, u->now_ms);

        } else if (change->prefix) {
            fkv__count(u->store, range_deletes, 1);

        } else {
            fkv__count(u->store, deletes, 1);
        }

        if (change->exists && change->current.stamp != 0
            && (change->action == FKV_DELETE
                || change->stamp != change->current.stamp))
        {
            fkv__orphans_made(mt->shm);
        }
    }

    fkv__elements_fill(u, mt, room->frame);
    FKV_STEP("update.5");

    /* Invariant 1 of commit.h. */
    __atomic_store_n((uint32_t *) (void *) frame, FKV__FRAME_READY,
                     __ATOMIC_SEQ_CST);

    FKV_STEP("update.6");

    return mt->shm->base + room->frame + own->frame_bytes;
}


static int
latches_take(fkv_update_t *u)
{
    fkv__update_t       *own = u->own;
    fkv__segment_shm_t  *seg = u->store->seg;

    return (own->ranges > 0)
           ? fkv__latch_take_gate(seg, u->store->slot, &own->blocker)
           : fkv__latch_take(seg, own->stripes, own->n_stripes,
                             u->store->slot, &own->blocker);
}


static void
latches_drop(fkv_update_t *u)
{
    fkv__update_t  *own = u->own;

    if (own->ranges > 0) {
        fkv__latch_drop_gate(u->store->seg);

    } else {
        fkv__latch_drop(u->store->seg, own->stripes, own->n_stripes);
    }
}


static int
frame_reserve(fkv_update_t *u, fkv__memtable_t *mt, uint32_t node_bytes,
    fkv__arena_room_t *room)
{
    if (u->own->ranges > 0
        && __atomic_load_n(&mt->shm->ranges_n, __ATOMIC_RELAXED)
           >= FKV__MEMTABLE_RANGES)
    {
        fkv__arena_seal(mt->shm, mt->mem);
    }

    /* Before anybody can see the record: notice.c looks at this first. */

    if (u->own->expires
        && !__atomic_load_n(&mt->shm->expiring, __ATOMIC_RELAXED))
    {
        __atomic_store_n(&mt->shm->expiring, 1, __ATOMIC_RELEASE);
    }

    return fkv__arena_reserve(mt->shm, mt->mem, u->store->slot,
                              u->own->frame_bytes, node_bytes, room);
}


int
fkv__frame_write(fkv_update_t *u, uint64_t *end)
{
    int                 rc;
    fkv_t              *store = u->store;
    uint64_t            set;
    uint32_t            node_bytes;
    fkv__memtable_t     mt;
    fkv__arena_room_t   room;

    rc = latches_take(u);
    if (rc != FKV_OK) {
        return rc;
    }

    FKV_STEP("update.1");

    /* The pin of our caller is older and protects this set as well. */
    set = fkv__pin(store);

    if (!keys_unchanged(u, set, &node_bytes)) {
        rc = FKV_CONFLICT;

    } else {
        fkv__memtable_init(&mt, store->seg, fkv__set_arena(set, 0));
        rc = frame_reserve(u, &mt, node_bytes, &room);
    }

    if (rc == FKV_OK) {
        store->reads_only = false;
        frame_link(u, &mt, &room);
        FKV_STEP("update.4");
    }

    latches_drop(u);

    if (rc == FKV_OK) {
        *end = frame_fill(u, &mt, &room);
        fkv__update_referred(u, &mt);
    }

    fkv__unpin(store);

    return rc;
}
