/*
 * type.h - what commands and engine may ask of a type (commands/types.h),
 * asked of its extension.
 *
 * All of it is called with bytes that may come from anybody, and what comes
 * back is not believed: pointers without bytes, what is too long, another's
 * type are errors that name the extension.  A value that is put aside
 * (poison.h) is FKV_ECORRUPT, and weighs what it has bytes.
 */

#ifndef FKV_EXTENSIONS_TYPE_H
#define FKV_EXTENSIONS_TYPE_H

#include "extensions/host.h"
#include "commands/types.h"

/*
 * The type is here, by this definition of the extension's: owner, def, label,
 * encver and functions are set; ids and names are the caller's.
 */
void fkv_type_is(fkv_type_t *type, fkv_extension_t *extension,
    const fkv_extension_type_t *def);

/*
 * Its merge operator, in any thread; at is where its extension stands, or NULL.
 * *data is memory of fkv__alloc().
 * FKV_OK · FKV_EMISSING there is none (or no partial()) · FKV_WRONGTYPE base is
 * of another type, or bytes · FKV_ECORRUPT it has failed, or the value is put
 * aside · FKV_ENOMEM
 */
int fkv_type_full(const fkv_type_t *type, const fkv_host_store_t *at,
    const fkv_chain_t *chain, const fkv_call_value_t *base,
    const fkv_str_t *ops, unsigned n, fkv_str_t *data);
int fkv_type_partial(const fkv_type_t *type, const fkv_host_store_t *at,
    const fkv_chain_t *chain, const fkv_str_t *ops, unsigned n,
    fkv_str_t *data);


#endif /* FKV_EXTENSIONS_TYPE_H */
