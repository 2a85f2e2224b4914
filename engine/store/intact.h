/*
 * intact.h - is a sealed memtable what its writers have written?
 *
 * Shared memory is written by every worker, and by every module that a worker
 * has loaded: a stray write of theirs may hit a memtable that is still to be
 * flushed.  Its log file has the right bytes, the tables would have the wrong
 * ones with right sums, and nobody would ever know.  So flush asks here before
 * it begins, and once more before the edit that names the tables: what was read
 * in between was written before or is found then.
 *
 *   1  Each frame has the sum that its writer made of it (format/log.h).
 *   2  Each node lies in the arena, keys ascend, versions of one descend, and
 *      what index and ranges lead to is just the records of the frames: as many
 *      of them, at the same places.
 *
 * If it is not, the memtable is not flushed, the store becomes read-only, which
 * the log says with arena and offset, and the log files stay: the next open
 * makes the tables of them.  Going on without it is no choice, as the tables of
 * later memtables would move the floor of the log past it; nor is flushing what
 * is right of it, as what is wrong was acknowledged.  Reads go on, since what
 * else is in memory is likely to be right, and a restart makes it so.
 *
 * What a stray write hits before the log has it on disk is not seen here: the
 * frame's sum is wrong there too, and replay tells.
 *
 * Processes  the owner of the helper role; the arena is sealed and READY to its
 *            end, so nobody writes there
 * Cost       reads the arena once and walks the index once
 */

#ifndef FKV_STORE_INTACT_H
#define FKV_STORE_INTACT_H

#include "store/memtable.h"

/*
 * Of all frames, at is set to the offset in the arena of the first that is
 * wrong.  FKV_OK or FKV_ECORRUPT.
 */
int fkv__intact_frames(const fkv__memtable_t *mt, uint32_t *at);

/* Of frames and index.  As above. */
int fkv__intact(const fkv__memtable_t *mt, uint32_t *at);


#endif /* FKV_STORE_INTACT_H */
