/*
 * guard.h - writes that an extension would have to allow which is not here: a
 * quota must not vanish with a file.
 *
 * Where a hook on writes is FERROKV_REQUIRED, installed, and its extension does
 * not work in this process, writes under its prefix are refused, whoever makes
 * them.  What the engine deletes by itself is not asked about.
 */

#ifndef FKV_EXTENSIONS_GUARD_H
#define FKV_EXTENSIONS_GUARD_H

#include "extensions/catalog.h"

/* Is there any such hook? */
bool fkv_guard_needed(const fkv_catalog_t *catalog);

/*
 * As fkv_hooks_t.write, data is the catalog: FKV_OK · FKV_EMISSING refusal says
 * whose hook is missing
 */
int  fkv_guard_write(void *data, fkv_update_t *update);


#endif /* FKV_EXTENSIONS_GUARD_H */
