/*
 * ahead.h - what a command of an extension will look at, as its ferrokv_ahead
 * says it.
 */

#ifndef FKV_EXTENSIONS_AHEAD_H
#define FKV_EXTENSIONS_AHEAD_H

#include "extensions/host.h"

/* A fkv_ahead_pt. */
unsigned fkv_extension_ahead(const fkv_command_t *command, const fkv_t *store,
    const fkv_value_t *value, unsigned argc, const fkv_str_t *argv,
    fkv__memory_t *memory, fkv_str_t *names);


#endif /* FKV_EXTENSIONS_AHEAD_H */
