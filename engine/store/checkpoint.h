/*
 * checkpoint.h - a copy of the whole store that opens as a store.
 *
 * Shape      a directory of its own under options.checkpoints, made under a
 *            name that no client can ask for and renamed when all of it is on
 *            disk:
 *              between two edits   tables are linked; the end of the log and
 *                                  the memtable set are read; blob files are
 *                                  linked
 *              then                the log from the version's floor to that
 *                                  end, out of the arenas; a manifest that is
 *                                  a snapshot of the version
 *            Tables are never changed, so a link is as good as a copy; a blob
 *            file may grow, but by nothing that the copy names.  The
 *            checkpoints must be on the store's file system, or linking fails
 *            and the log says so
 * Processes  the owner of the helper role, JOBS thread; one at a time
 * If killed  what was begun is no checkpoint, and the next one in this store
 *            removes it.  Steps: checkpoint.1 the directory is there, empty;
 *            checkpoint.2 within the links; checkpoint.3 all are there, the
 *            log is not; checkpoint.4 within the log; checkpoint.5 there is a
 *            manifest; checkpoint.6 all is on disk, under the other name;
 *            checkpoint.7 it has its name, which is not on disk;
 *            checkpoint.8 within the links of blob files
 *
 * Why it is a prefix: what is durable before the set is read is, up to the
 * version's floor, in the version's tables, and beyond it in arenas of the set,
 * for an arena leaves the set only when an announced edit has its data.  No
 * arena leaves while helper->log_held, so they stay until they are copied.
 * Frames below durable are complete and never change, and none of them says
 * that more was durable, so the next open finds a log that ends there.
 *
 * A blob file that a table of the version or a record of that log names is not
 * collected meanwhile: who collects goes by a version, and it must refer to no
 * such file and have its floor beyond such records.  An older version than
 * ours would, and there is no newer one before all are linked.
 */

#ifndef FKV_STORE_CHECKPOINT_H
#define FKV_STORE_CHECKPOINT_H

#include "store/helper.h"

/*
 *   bytes   of its files
 * FKV_OK it is there and on disk · FKV_EXISTS the name is taken · FKV_EINVAL it
 * is none · FKV_EREADONLY · FKV_ECANCELED · FKV_ECORRUPT a table is missing
 * · FKV_EIO · FKV_EFULL · FKV_ENOMEM; failures are logged, and nothing is left
 */
int fkv__checkpoint(fkv__helper_t *helper, fkv_str_t name, uint64_t *bytes);


#endif /* FKV_STORE_CHECKPOINT_H */
