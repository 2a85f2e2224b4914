/*
 * say.h - what an extension answers.  Each function is one of ferrokv_api.
 *
 * An answer is one value, or an array, map or set and what it says follows.
 * Who says less or more has made a mistake, and gets an error for an answer:
 * whoever renders it relies on its shape.
 */

#ifndef FKV_EXTENSIONS_SAY_H
#define FKV_EXTENSIONS_SAY_H

#include "extensions/host.h"

int fkv_say_int(ferrokv_ctx *ctx, int64_t n);
int fkv_say_real(ferrokv_ctx *ctx, double n);
int fkv_say_bool(ferrokv_ctx *ctx, int yes);
int fkv_say_status(ferrokv_ctx *ctx, const char *text);
int fkv_say_str(ferrokv_ctx *ctx, ferrokv_str str);
int fkv_say_null(ferrokv_ctx *ctx);
int fkv_say_array(ferrokv_ctx *ctx, size_t n);
int fkv_say_set(ferrokv_ctx *ctx, size_t n);
int fkv_say_map(ferrokv_ctx *ctx, size_t n);
int fkv_say_pairs(ferrokv_ctx *ctx, size_t n);
int fkv_say_null_array(ferrokv_ctx *ctx);
size_t fkv_say_begin(ferrokv_ctx *ctx);
int fkv_say_end(ferrokv_ctx *ctx, size_t begin, size_t n);

/* Is it one whole value? */
bool fkv_say_complete(const fkv_host_t *host);


#endif /* FKV_EXTENSIONS_SAY_H */
