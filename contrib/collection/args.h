/*
 * args.h - arguments as Redis reads them, and what it says of wrong ones.
 *
 * All return FERROKV_OK, or what fail() has answered.
 */

#ifndef COLLECTION_ARGS_H
#define COLLECTION_ARGS_H

#include "ferrokv_extension.h"

#include <stdbool.h>

#define ARGS_NOT_INT  "ERR value is not an integer or out of range"

/* Is it this word, whatever the letters' case? */
bool args_is(ferrokv_str arg, const char *word);
bool args_equal(ferrokv_str a, ferrokv_str b);

int args_syntax(ferrokv_ctx *ctx);

/* name: of the command, in lower case. */
int args_arity(ferrokv_ctx *ctx, const char *name);

int args_int(ferrokv_ctx *ctx, ferrokv_str arg, int64_t *n);

/* wrong: what to say if it is none from min to max; NULL: Redis' own words. */
int args_range(ferrokv_ctx *ctx, ferrokv_str arg, int64_t min, int64_t max,
    const char *wrong, int64_t *n);

/* "value is out of range, must be positive": not below 0. */
int args_positive(ferrokv_ctx *ctx, ferrokv_str arg, int64_t *n);

/* The number of keys at argv[0], that many keys and maybe more behind it. */
int args_keys(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv,
    int64_t *n);

/*
 * Of LMPOP and ZMPOP: the number of keys at argv[1], that many and a word after
 * them; then COUNT n from argv[i] on, 1 if nobody says it, and nothing more.
 */
int args_pop_keys(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv,
    int64_t *n);
int args_pop_count(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv,
    size_t i, int64_t *n);


#endif /* COLLECTION_ARGS_H */
