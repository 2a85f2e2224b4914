/*
 * manage.h - FERROKV.EXTENSION: what is installed, and changes of that.
 *
 * A command changes the record and answers; the helper does the rest, which
 * LIST shows: so CREATE of what has steps answers INSTALLING, and UPDATE and
 * DROP likewise.  DROP without CASCADE looks for values first, and refuses;
 * those that are written until the helper begins are found by that, and LIST
 * says so.
 */

#ifndef FKV_EXTENSIONS_MANAGE_H
#define FKV_EXTENSIONS_MANAGE_H

#include "commands/text.h"
#include "extensions/catalog.h"

/*
 * A map about an extension: as it is installed, in, or NULL; and as it is
 * loaded, extension, or NULL.
 */
void fkv_manage_describe(fkv_reply_t *reply, const fkv_catalog_t *catalog,
    const fkv_installed_t *in, const fkv_extension_t *extension);

/* An array of maps: what this process knows. */
void fkv_manage_list(fkv_reply_t *reply, const fkv_catalog_t *catalog);

/* An array of maps: hooks of all extensions, as they are called. */
void fkv_manage_hooks(fkv_reply_t *reply, const fkv_t *store);

/*
 * Lines, of INFO and the like: a module for each that is installed, and behind
 * it its metrics.
 */
void fkv_manage_modules(fkv_text_t *text, const fkv_t *store, const char *eol);


#endif /* FKV_EXTENSIONS_MANAGE_H */
