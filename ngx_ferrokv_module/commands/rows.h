/*
 * rows.h - elements of a key in order, for a command that walks them.
 *
 * Shape      a scan of what is committed, begun inside the run that asks for
 *            it; what it has met is kept, and given together with what the
 *            transaction has written.  Asked again for the same, it is there
 * Moment     the transaction's snapshot (element.h)
 * Bounded    by whoever asks: a page of n, or all that there is
 */

#ifndef FKV_COMMANDS_ROWS_H
#define FKV_COMMANDS_ROWS_H

#include "commands/element.h"

/* All begin anew when they are asked for again; none is in flight. */
void fkv__rows_forget(fkv__txn_t *txn);
void fkv__rows_done(fkv__txn_t *txn);


#endif /* FKV_COMMANDS_ROWS_H */
