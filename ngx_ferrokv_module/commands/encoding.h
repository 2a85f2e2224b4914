/*
 * encoding.h - how Redis would hold a value, by the value alone.
 */

#ifndef FKV_COMMANDS_ENCODING_H
#define FKV_COMMANDS_ENCODING_H

#include "commands/number.h"
#include "commands/types.h"

#define FKV_ENCODING_EMBSTR_MAX   44        /* bytes */
#define FKV_ENCODING_SHARED_INTS  10000     /* numbers that many keys share */

static inline const char *
fkv_encoding(const fkv_call_t *call, const fkv_call_value_t *value)
{
    int64_t  n;

    if (value->type != 0) {
        return fkv_types_label(call->store, value->type);
    }

    if (fkv_number_int(value->data, &n) == FKV_OK) {
        return "int";
    }

    return (value->data.len <= FKV_ENCODING_EMBSTR_MAX) ? "embstr" : "raw";
}


/* What Redis says of a number that all its keys share is INT32_MAX. */
static inline int64_t
fkv_encoding_refcount(const fkv_call_value_t *value)
{
    int64_t  n;

    return (value->type == 0 && fkv_number_int(value->data, &n) == FKV_OK
            && n >= 0 && n < FKV_ENCODING_SHARED_INTS) ? INT32_MAX : 1;
}


#endif /* FKV_COMMANDS_ENCODING_H */
