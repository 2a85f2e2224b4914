/*
 * write.h - the update of a transaction that writes.
 *
 * Blind      a run with nothing known has come to its end: what it wrote is
 *            written as it stands, and no old value is read
 * Decided    the update reads what is wanted, and its decide() runs the
 *            commands over that; they may ask for more, then the update ends
 *            without having written, and another one begins
 * Checked    a run over what was read at one moment has come to its end: what
 *            it wrote is written if no key has another version now
 */

#ifndef FKV_COMMANDS_WRITE_H
#define FKV_COMMANDS_WRITE_H

#include "commands/own.h"

/*
 * own->blind and own->checked say which it is; own->updated becomes its
 * result.
 * FKV_OK it has ended · FKV_AGAIN it is in flight · FKV_ENOMEM · FKV_ETOOBIG
 *
 * Results, besides those of fkv_update: FKV_GONE the commands ask for more, or
 * must run again · FKV_PRECONDITION a watched key has changed · FKV_ECANCELED
 * given up
 */
int fkv__write(fkv__exec_t *own);

/* Are the watched keys, which are known, as they were? */
bool fkv__write_watches(fkv__exec_t *own);

/* Of a new one: what is the same in all its uses. */
void fkv__write_init(fkv__exec_t *own);


#endif /* FKV_COMMANDS_WRITE_H */
