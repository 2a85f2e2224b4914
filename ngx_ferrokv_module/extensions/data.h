/*
 * data.h - the store as an extension sees it: keys, their elements, its own
 * map.  Each function is one of ferrokv_api.
 *
 * Own map   keys of FKV_NAMESPACE_CATALOG, "m/NAME/" and the element
 * Strings   data NULL is what the header calls {NULL, 0}: a head, the own map.
 *           An empty string that points somewhere is a name without a byte, as
 *           clients may send: no key, but an element
 */

#ifndef FKV_EXTENSIONS_DATA_H
#define FKV_EXTENSIONS_DATA_H

#include "extensions/host.h"

int fkv_data_get(ferrokv_ctx *ctx, ferrokv_str key, ferrokv_str elem,
    ferrokv_value *out);
int fkv_data_put(ferrokv_ctx *ctx, ferrokv_str key, ferrokv_str elem,
    const ferrokv_value *val);
int fkv_data_del(ferrokv_ctx *ctx, ferrokv_str key, ferrokv_str elem);
int fkv_data_merge(ferrokv_ctx *ctx, ferrokv_str key, ferrokv_str elem,
    const ferrokv_type *type, ferrokv_str operand);
int fkv_data_scan(ferrokv_ctx *ctx, ferrokv_str key, ferrokv_str from,
    ferrokv_str to, uint64_t n, ferrokv_row row, void *data);
int fkv_data_keys(ferrokv_ctx *ctx, ferrokv_str prefix, ferrokv_str after,
    uint64_t n, ferrokv_row row, void *data);


#endif /* FKV_EXTENSIONS_DATA_H */
