/*
 * cursor.h - places where scans go on later: a number names a few bytes, in
 * whatever process it is asked for.
 *
 * Shape      a bounded table; an entry is for one scan and has two places: the
 *            newer, from which the scan goes on, and the one before, from which
 *            a client goes on that has not got the last answer.  The word says
 *            when it was used, by a number that grows with each use of any, and
 *            which place is the newer
 * Number     random (42 bits) and the entry's (11): below 2^53, for the clients
 *            that hold it as a double; never 0
 * Bounded    a new scan takes the entry that was not used for longest, so many
 *            new ones end those that pause; one that ends gives its entry back
 * Processes  all.  Who has changed the word by CAS writes the older place, all
 *            other accesses are relaxed: a place has a sum over its number and
 *            its bytes, and one that is half another's answers FKV_GONE
 * If killed  before the place is written (cursor.1): its number was never told,
 *            what stood there may be asked for still.  In the middle of it
 *            (cursor.2): what stood there is gone, for its sum is wrong
 *
 * That the reader of a number sees its place follows from how it came to know
 * the number: from who wrote it, over a socket.
 */

#ifndef FKV_SHARED_CURSOR_H
#define FKV_SHARED_CURSOR_H

#include "shared/segment.h"

/*
 * Writes the place down and returns its number.  from: the number that this
 * scan came with, whose entry it goes on with if it is the newest there; or 0.
 *   place     at most FKV__CURSOR_BYTES long
 */
uint64_t fkv__cursor_put(fkv__segment_shm_t *seg, uint64_t from,
    fkv_str_t place, uint64_t random);

/* Copies at most FKV__CURSOR_BYTES; FKV_OK len is set · FKV_GONE */
int fkv__cursor_get(fkv__segment_shm_t *seg, uint64_t cursor, uint8_t *place,
    size_t *len);

/* The scan that came with it has ended: its entry is the next to be taken. */
void fkv__cursor_end(fkv__segment_shm_t *seg, uint64_t cursor);


#endif /* FKV_SHARED_CURSOR_H */
