/*
 * options.h - what BF.RESERVE and BF.INSERT say about a filter to be made.
 */

#ifndef BLOOM_OPTIONS_H
#define BLOOM_OPTIONS_H

#include <ferrokv_extension.h>

#include <stdbool.h>

typedef struct {
    double    error;
    int64_t   capacity;
    int64_t   expansion;
    bool      fixed;            /* NONSCALING */
    bool      only;             /* NOCREATE */
    size_t    items;            /* BF.INSERT: where in argv they begin */
} options_t;

extern const ferrokv_param  options_error, options_capacity, options_expansion;

/* All: FERROKV_OK, or what fail() has answered. */
int options_default(ferrokv_ctx *ctx, options_t *options);
int options_reserve(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv,
    options_t *options);
int options_insert(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv,
    options_t *options);


#endif /* BLOOM_OPTIONS_H */
