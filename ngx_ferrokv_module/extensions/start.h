/*
 * start.h - extensions begin and end in a process.
 *
 * Order      what is required has started before; stop() goes the other way.
 *            One whose requirement has not started does not start: it would
 *            call what is not there
 */

#ifndef FKV_EXTENSIONS_START_H
#define FKV_EXTENSIONS_START_H

#include "extensions/set.h"

/* Those that fail are logged, and their commands say so. */
void fkv_extensions_start(fkv_extensions_t *set, const fkv_log_t *log);

/* Of those that have started. */
void fkv_extensions_stop(fkv_extensions_t *set);


#endif /* FKV_EXTENSIONS_START_H */
