/*
 * fields.h - which names the top-level fields of a store's documents have, or
 * have had: JSON.FIELDS.
 *
 * Own map    "f/" and the name -> nothing; "at" -> the key up to which step 2
 *            has come, while it runs
 * Schema     1 had none of this.  Step 2 finds what documents of database 0
 *            have, key after key; those of others are noticed when a command
 *            writes them.  Writers note names in any schema, so that none is
 *            missed that is written while the step runs
 * Bounds     names of more than 256 bytes are not noted, and of a document only
 *            the first json.fields names.  None is ever taken out
 */

#ifndef JSON_FIELDS_H
#define JSON_FIELDS_H

#include "doc.h"

extern const ferrokv_param    fields_param;
extern const ferrokv_command  fields_command;

int fields_note(ferrokv_ctx *ctx, const doc_node_t *root);

/* The step from schema 1 to 2. */
int fields_step(ferrokv_ctx *ctx);


#endif /* JSON_FIELDS_H */
