/*
 * frame.h - from what decide() has chosen to one complete frame of the log.
 *
 * Shape      encode (no latch) | latch, check, reserve, header and heads, link,
 *            unlatch | values, READY
 * Processes  any worker; the order of the log is the order of versions because
 *            a key's latch is held from the check of what was read over the
 *            reservation to the link
 * If killed  update.1 latches only. update.2 to update.5 a frame that is not
 *            READY: reap.h finishes or voids it. update.6 it is READY, nobody
 *            was told
 */

#ifndef FKV_STORE_FRAME_H
#define FKV_STORE_FRAME_H

#include "store/update.h"

/* Does decide() want to have it written? */
bool fkv__frame_writes(const fkv_change_t *change);

/*
 * Encodes everything but the values and sums the body; own->frame_bytes is
 * set, 0 if there is nothing to write.
 * FKV_OK · FKV_ETOOBIG · of elements also FKV_EINVAL · FKV_ENOMEM
 */
int fkv__frame_encode(fkv_update_t *u);

/*
 * When nothing is written: is what was read what was there at one moment?  A
 * key is read again after all have been read; each that has not changed was so
 * between the two.  No latch is needed: a version is read only when its frame
 * is READY, thus linked to every key that the frame is about.
 */
bool fkv__frame_check(fkv_update_t *u);

/*
 * Writes it; the memtable set is pinned by the caller.
 * FKV_OK *end is the LSN behind the frame · FKV_CONFLICT a key has changed
 * · FKV_EBUSY own->blocker holds a latch · FKV_EFULL the active arena is full;
 * nothing has been written then
 */
int fkv__frame_write(fkv_update_t *u, uint64_t *end);


#endif /* FKV_STORE_FRAME_H */
