/*
 * output.h - what a type says of a value, for those who are no command: REST.
 */

#ifndef FKV_COMMANDS_OUTPUT_H
#define FKV_COMMANDS_OUTPUT_H

#include "base/buf.h"
#include "fkv.h"

#define FKV_OUTPUT_ERROR  512

/*
 * Appends a document in JSON: what its type says of the value.  One string is
 * taken for a document as it is.
 * FKV_OK · FKV_WRONGTYPE its type says nothing · FKV_EMISSING · FKV_ENOMEM
 * · FKV_EINVAL it has failed; of the last, and of the first two, error is a
 * sentence
 */
int fkv_output_json(fkv_t *store, const fkv_value_t *value, uint64_t now_ms,
    fkv__buf_t *out, char *error);


#endif /* FKV_COMMANDS_OUTPUT_H */
