/*
 * stored.h - the document of a key.
 */

#ifndef JSON_STORED_H
#define JSON_STORED_H

#include "doc.h"

extern const ferrokv_type   stored_type;
extern const ferrokv_param  stored_max_depth;

unsigned stored_depth(ferrokv_ctx *ctx);

/*
 * expires: of the key, for stored_write(); may be NULL.
 * FERROKV_OK · FERROKV_NONE no such key · FERROKV_ETYPE no document, and said ·
 * failure
 */
int stored_read(ferrokv_ctx *ctx, ferrokv_str key, doc_node_t **root,
    uint64_t *expires);

/* As stored_read(); that there is no such key is an error, and said. */
int stored_need(ferrokv_ctx *ctx, ferrokv_str key, doc_node_t **root,
    uint64_t *expires);

int stored_write(ferrokv_ctx *ctx, ferrokv_str key, doc_node_t *root,
    uint64_t expires);


#endif /* JSON_STORED_H */
