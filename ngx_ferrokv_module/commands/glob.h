/*
 * glob.h - Redis' patterns: * ? [a-z] [^a] and \ before any of them.
 *
 * Linear in text and pattern but for nested stars, whose work is bounded: each
 * star goes back to itself only.
 */

#ifndef FKV_COMMANDS_GLOB_H
#define FKV_COMMANDS_GLOB_H

#include "base/types.h"

bool fkv_glob(fkv_str_t pattern, fkv_str_t text);

/* What every match begins with: unescaped into out, of pattern.len bytes. */
size_t fkv_glob_prefix(fkv_str_t pattern, uint8_t *out);


#endif /* FKV_COMMANDS_GLOB_H */
