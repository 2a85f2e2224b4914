/*
 * operator.h - merge operators of a store's types, as the engine asks for them
 * (fkv_merge_t).
 *
 * Shape      a list, newest first: what it says of a type first is what holds.
 *            An entry is never changed, and freed with the list
 * Processes  each has its own.  The master's is empty: no function of an
 *            extension runs there
 * Threads    the process's own thread adds, any thread looks.  An entry is
 *            complete before a release store makes it the first, and who looks
 *            begins with an acquire load of that
 * Missing    what the list does not know, what is known not to be here, and
 *            what is in quarantine: operands stay as they are
 */

#ifndef FKV_EXTENSIONS_OPERATOR_H
#define FKV_EXTENSIONS_OPERATOR_H

#include "extensions/host.h"
#include "commands/types.h"

typedef struct fkv_operators_s  fkv_operators_t;

/* For fkv_merge_set(); its data is a fkv_operators_t. */
extern const fkv_merge_t  fkv_operators_merge;

/* NULL: no memory.  free: the store is detached. */
fkv_operators_t *fkv_operators_new(void);
void fkv_operators_free(fkv_operators_t *operators);

/*
 * The type is as the catalog has just said; at is its extension in this store,
 * or NULL.  FKV_OK · FKV_ENOMEM
 */
int fkv_operators_set(fkv_operators_t *operators, const fkv_type_t *type,
    const fkv_host_store_t *at);

/* From now on all are missing. */
void fkv_operators_clear(fkv_operators_t *operators);


#endif /* FKV_EXTENSIONS_OPERATOR_H */
