/*
 * due.h - which members of a key end when: elements 't' | time in ms | name.
 */

#ifndef COLLECTION_DUE_H
#define COLLECTION_DUE_H

#include "ferrokv_extension.h"

int due_put(ferrokv_ctx *ctx, ferrokv_str key, uint64_t at, ferrokv_str name);
int due_del(ferrokv_ctx *ctx, ferrokv_str key, uint64_t at, ferrokv_str name);

/* How many are over at ctx->now. */
int due_count(ferrokv_ctx *ctx, ferrokv_str key, uint64_t *n);

/* Removes what is over, of very many some; *next is the first that is left. */
int due_remove(ferrokv_ctx *ctx, ferrokv_str key, uint64_t *n, uint64_t *next);


#endif /* COLLECTION_DUE_H */
