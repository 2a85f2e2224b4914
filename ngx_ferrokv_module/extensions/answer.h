/*
 * answer.h - failures: an extension's codes, ours, and the sentences that
 * clients get.  One table says which belong together.
 */

#ifndef FKV_EXTENSIONS_ANSWER_H
#define FKV_EXTENSIONS_ANSWER_H

#include "extensions/host.h"

#include <stdarg.h>

/* The code that an extension gets for one of ours; FKV_OK is FERROKV_OK. */
int fkv_answer_code(int rc);

/*
 * Replies with the error, in fmt's words, and returns FKV_EINVAL.  A text in
 * the manner of Redis, "ERR syntax error", is taken as it is; before any other
 * stands what is usual for this FERROKV_E...  fmt NULL: the usual sentence.
 */
int fkv_answer_fail(fkv_host_t *host, int rc, const char *fmt, va_list args);

/* A function has returned rc: what the exec is to be told. */
int fkv_answer(fkv_host_t *host, int rc);

/* ferrokv_api.fail */
int fkv_answer_api_fail(ferrokv_ctx *ctx, int rc, const char *fmt, ...);


#endif /* FKV_EXTENSIONS_ANSWER_H */
