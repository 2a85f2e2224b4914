/*
 * compact.h - tables are merged downwards, level by level, and what nobody
 * can see any more is left out.
 *
 * Shape      pick.h says which -> merge.h reads them in order -> keep.h says
 *            what stays -> new tables of helper->table_bytes, cut between
 *            keys, synced -> directory synced -> edit {drop inputs, add
 *            outputs} -> the inputs' files are unlinked.  Workers read on
 *            through the descriptors they hold.
 * Processes  the owner of the helper role, COMPACT thread
 * If killed  before the edit: orphans, nothing happened.  After: the inputs
 *            are orphans.  Steps: compact.1 tables are picked, no file exists;
 *            compact.2 within a table; compact.3 tables are on disk, no edit
 *            names them; compact.4 announced, the inputs' files are there
 *
 * An input that is damaged or missing stops compaction until the store is
 * opened again: state.compaction_stopped and one ALERT.  Nothing is dropped,
 * reads of what is whole go on.
 */

#ifndef FKV_STORE_COMPACT_H
#define FKV_STORE_COMPACT_H

#include "store/helper.h"

/*
 * Does what is most due.
 * FKV_OK something was done, call again · FKV_END nothing is due, or
 * compaction is stopped · FKV_ECANCELED · FKV_EIO · FKV_EFULL · FKV_ENOMEM
 * · FKV_ECORRUPT compaction has been stopped
 */
int fkv__compact(fkv__helper_t *helper);


#endif /* FKV_STORE_COMPACT_H */
