/*
 * text.h - text that grows line by line: INFO and its like.
 */

#ifndef FKV_COMMANDS_TEXT_H
#define FKV_COMMANDS_TEXT_H

#include "base/buf.h"

/* A failure is kept in rc, and what comes later is left out. */
typedef struct {
    fkv__buf_t  buf;
    int         rc;             /* FKV_OK or FKV_ENOMEM */
} fkv_text_t;                   /* zero-initialized: empty */

void fkv_text_add(fkv_text_t *text, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Lower case. */
void fkv_text_add_lower(fkv_text_t *text, const char *word);

/* A key in a sentence: what is not plain is escaped, what is long is cut. */
#define FKV_TEXT_KEY_LEN    64
#define FKV_TEXT_KEY_BYTES  (FKV_TEXT_KEY_LEN * 4 + 4)

size_t fkv_text_key(char out[FKV_TEXT_KEY_BYTES], fkv_str_t key);

/* "1.50M", as Redis has it. */
#define FKV_TEXT_HUMAN_BYTES  32

void fkv_text_human(char out[FKV_TEXT_HUMAN_BYTES], uint64_t bytes);
void fkv_text_done(fkv_text_t *text);


#endif /* FKV_COMMANDS_TEXT_H */
