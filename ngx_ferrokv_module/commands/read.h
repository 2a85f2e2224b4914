/*
 * read.h - what a transaction wants to know of what is committed, from
 * fkv_get and looks.
 *
 * Moment     one key alone is read as it is now; several, and elements, at one
 *            snapshot, which is not below what the connection itself has
 *            written
 * Values     of reads that end at once they are used where they lie, in pinned
 *            memory, and copied only when something else has to be waited for
 */

#ifndef FKV_COMMANDS_READ_H
#define FKV_COMMANDS_READ_H

#include "commands/own.h"

/*
 * Begins to read what is wanted and not known.
 * FKV_OK nothing is left to be read · FKV_AGAIN children are in flight: call it
 * again when they have ended · FKV_CONFLICT snapshots are dropped faster than
 * they are read · FKV_EREADONLY · FKV_ENOMEM
 */
int fkv__read(fkv__exec_t *own);

/* Is there anything? */
bool fkv__read_wanted(const fkv__exec_t *own);

/* Of a new one: what is the same in all its uses. */
void fkv__read_init(fkv__exec_t *own, fkv__read_t *read);

/* Lets go of the engine's memory; keep: copies of it are wanted. */
void fkv__read_settle(fkv__exec_t *own, bool keep);


#endif /* FKV_COMMANDS_READ_H */
