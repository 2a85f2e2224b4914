/*
 * compact.h - tables are merged downwards, level by level, and what nobody
 * can see any more is left out.
 *
 * Shape      pick.h says which -> merge.h reads them in order -> keep.h says
 *            what stays -> new tables of helper->table_bytes, cut between
 *            keys, synced -> directory synced -> edit {drop inputs, add
 *            outputs} -> the inputs' files are unlinked.  Workers read on
 *            through the descriptors they hold.
 * Slices     a merge ends early once it has written helper->slice_bytes, so
 *            that an edit follows about every second, work that is more urgent
 *            comes next, and little is lost with the helper.  It ends between
 *            two keys, where an output is cut; inputs that are read to their
 *            end are dropped, the others are dropped and added again with the
 *            first key that is left as their smallest (iter.h skips the rest),
 *            so of each key all versions have moved, or none.  pick.h goes on
 *            from there as with any other tables
 * Processes  the owner of the helper role, COMPACT thread
 * If killed  before the edit: orphans, nothing happened.  After: the inputs
 *            are orphans.  Steps: compact.1 tables are picked, no file exists;
 *            compact.2 within a table; compact.3 tables are on disk, no edit
 *            names them; compact.4 announced, the inputs' files are there;
 *            compact.5 range tombstones hide nothing, the version has them;
 *            compact.6 a slice is done, more of its merge is left
 *
 * A table that is damaged or missing is left alone from then on, with what it
 * hides (pick.h), until another helper tries: one ALERT,
 * state.tables_damaged.  Nothing is dropped, all else goes on.
 */

#ifndef FKV_STORE_COMPACT_H
#define FKV_STORE_COMPACT_H

#include "store/helper.h"

/*
 * Does what is most due.
 * FKV_OK something was done, or a table found damaged: call again · FKV_END
 * nothing is due · FKV_ECANCELED · FKV_EIO · FKV_EFULL · FKV_ENOMEM
 * · FKV_ECORRUPT as of fkv__helper_edit
 */
int fkv__compact(fkv__helper_t *helper);


#endif /* FKV_STORE_COMPACT_H */
