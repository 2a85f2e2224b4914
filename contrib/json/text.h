/*
 * text.h - documents as JSON.
 *
 * Strings are UTF-8 and shown as they are; only what JSON demands is escaped.
 * A real has as few digits as give it back, and always a point or an exponent:
 * so what was one stays one.
 */

#ifndef JSON_TEXT_H
#define JSON_TEXT_H

#include "doc.h"

/* What stands between the parts; all empty: on one line, without blanks. */
typedef struct {
    ferrokv_str  indent;
    ferrokv_str  newline;
    ferrokv_str  space;         /* behind a name's colon */
} text_form_t;

typedef struct {
    ferrokv_ctx  *ctx;
    char         *data;
    size_t        len;
    size_t        max;
    text_form_t   form;
    unsigned      level;
} text_out_t;

/*
 * FERROKV_OK · FERROKV_EARG it is not JSON, or deeper than max_depth: fail()
 * has said why
 */
int text_read(ferrokv_ctx *ctx, ferrokv_str text, unsigned max_depth,
    doc_node_t **root);

void text_begin(ferrokv_ctx *ctx, text_out_t *out);
void text_put(text_out_t *out, const doc_node_t *node);

/* A container of which n items have been put, by hand. */
void text_open(text_out_t *out, char bracket);
void text_item(text_out_t *out, size_t n);
void text_name(text_out_t *out, ferrokv_str name);
void text_close(text_out_t *out, char bracket, size_t n);

ferrokv_str text_end(const text_out_t *out);


#endif /* JSON_TEXT_H */
