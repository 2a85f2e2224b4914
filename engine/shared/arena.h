/*
 * arena.h - reserving room in an arena: log bytes from below, nodes from
 * above, by one 16-byte compare-and-swap.
 *
 * Shape      the word says where both ends are, which frame was reserved last
 *            and by whom, whether the arena is sealed, and its generation
 * Processes  any worker that has the memtable set pinned
 * If killed  right after the CAS a frame has no stamp yet; the word names its
 *            owner and its start, so the next reserver, or the reaper, stamps
 *            {length, slot} into it before the word changes again.  So frames
 *            can always be walked from the bottom: no hole has no owner.
 *
 * The stamp is written before the CAS that would forget who was last; the
 * writer of the stamp has the set pinned, so the arena cannot have been
 * recycled under it, and the value is the same whoever writes it.
 */

#ifndef FKV_SHARED_ARENA_H
#define FKV_SHARED_ARENA_H

#include "shared/segment.h"

#define FKV__ARENA_NODE_ALIGN  8

typedef struct {
    uint32_t  top;              /* first byte behind the last frame */
    uint32_t  bottom;           /* first byte of the nodes */
    uint32_t  prev;             /* the last frame; none if top is 0 */
    uint8_t   slot;             /* its owner */
    bool      sealed;           /* nothing is reserved here any more */
    uint32_t  generation;       /* 23 bits, grows with each recycling */
} fkv__arena_word_t;

/* What one reservation got. */
typedef struct {
    uint32_t  frame;            /* byte offset of the frame */
    uint32_t  nodes;            /* byte offset of its node region */
} fkv__arena_room_t;


/* A consistent copy of the word. */
fkv__arena_word_t fkv__arena_word(const fkv__arena_shm_t *arena);

/* Sets the word of an arena that nobody else can see. */
void fkv__arena_reset(fkv__arena_shm_t *arena, uint32_t arena_bytes);

/*
 * Reserves frame_bytes (a multiple of 8) and node_bytes for slot and stamps
 * the frame.
 *   mem   the arena's bytes
 * FKV_OK · FKV_EFULL it is sealed now, or was
 */
int fkv__arena_reserve(fkv__arena_shm_t *arena, uint8_t *mem, unsigned slot,
    uint32_t frame_bytes, uint32_t node_bytes, fkv__arena_room_t *room);

/*
 * Nothing can be reserved afterwards; the last frame is stamped.  An empty
 * arena stays as it is, whatever the caller has seen in it before: who was slow
 * may meet its next life.  Sealed it would be a segment without a log file, and
 * recovery would not find what follows.
 */
void fkv__arena_seal(fkv__arena_shm_t *arena, uint8_t *mem);

/* Stamps the last frame if its owner did not come to it. */
void fkv__arena_stamp_last(fkv__arena_shm_t *arena, uint8_t *mem);


#endif /* FKV_SHARED_ARENA_H */
