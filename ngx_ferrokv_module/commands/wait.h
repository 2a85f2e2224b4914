/*
 * wait.h - a command that is suspended: its run has ended, the execution waits
 * for a resume, a timer or the end of whoever has sent it.
 *
 * Life       asked for in a run; parked when the run has ended; over by the
 *            first of the three.  Then all begins again with what goes on in
 *            place of the command's function
 * Numbers    a place in a table of the process and how often it was used:
 *            who resumes late, or twice, meets nobody
 */

#ifndef FKV_COMMANDS_WAIT_H
#define FKV_COMMANDS_WAIT_H

#include "commands/own.h"

/* The run has ended and has asked for it: false, if it is over already. */
bool fkv__wait_park(fkv__exec_t *own);

/* Nobody is interested any more, whatever had been asked for. */
void fkv__wait_drop(fkv__exec_t *own);


#endif /* FKV_COMMANDS_WAIT_H */
