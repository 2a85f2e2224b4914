/*
 * type.h - what commands and engine may ask of a type (commands/types.h),
 * asked of its extension.
 *
 * All of it is called with bytes that may come from anybody, and what comes
 * back is not believed: pointers without bytes, what is too long, another's
 * type are errors that name the extension.
 */

#ifndef FKV_EXTENSIONS_TYPE_H
#define FKV_EXTENSIONS_TYPE_H

#include "extensions/extension.h"
#include "commands/types.h"

/*
 * The type is here, by this definition of the extension's: owner, def, label,
 * encver and functions are set; ids and names are the caller's.
 */
void fkv_type_is(fkv_type_t *type, fkv_extension_t *extension,
    const fkv_extension_type_t *def);


#endif /* FKV_EXTENSIONS_TYPE_H */
