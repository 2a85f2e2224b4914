/*
 * document.h - a value of a type as a document, for those who are no command:
 * REST.
 */

#ifndef FKV_COMMANDS_DOCUMENT_H
#define FKV_COMMANDS_DOCUMENT_H

#include "base/buf.h"
#include "fkv.h"

#define FKV_DOCUMENT_ERROR  512

/*
 * Appends a document in JSON: what its type says of the value that was got.
 * One string is taken for a document as it is.
 * FKV_OK · FKV_WRONGTYPE its type says nothing · FKV_EMISSING · FKV_ENOMEM
 * · FKV_EINVAL it has failed; of the last, and of the first two, error is a
 * sentence
 */
int fkv_document_get(const fkv_get_t *get, fkv__buf_t *out, char *error);

/*
 * Appends the value that a type makes of a document, and says what is to be
 * written with it.
 * FKV_OK · FKV_NOTFOUND there is no type of this name · FKV_WRONGTYPE it takes
 * no documents · FKV_EMISSING · FKV_EINVAL not this one; of these error is a
 * sentence · FKV_ENOMEM
 */
int fkv_document_put(fkv_t *store, fkv_str_t type, fkv_str_t document,
    uint64_t now_ms, fkv_change_t *change, fkv__buf_t *out, char *error);


#endif /* FKV_COMMANDS_DOCUMENT_H */
