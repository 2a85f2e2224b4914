/*
 * bitfield.h - numbers of 1 to 64 bits, and what happens when they run over.
 */

#ifndef FKV_COMMANDS_BITFIELD_H
#define FKV_COMMANDS_BITFIELD_H

#include "base/types.h"

typedef struct {
    bool      is_signed;
    unsigned  width;            /* 1 .. 63, signed 64 */
} fkv_bitfield_type_t;

typedef enum {
    FKV_BITFIELD_WRAP,          /* the lowest bits are kept */
    FKV_BITFIELD_SAT,           /* the nearest number that fits */
    FKV_BITFIELD_FAIL
} fkv_bitfield_overflow_e;


/* "i8", "u63".  FKV_OK · FKV_NOTINT */
int fkv_bitfield_type(fkv_str_t text, fkv_bitfield_type_t *type);

/* The lowest bits as a number of the type. */
int64_t fkv_bitfield_value(fkv_bitfield_type_t type, uint64_t bits);

/*
 * n + by, n of the type.  To set a number is to add it to 0, but Redis reads it
 * as unsigned then if the type is: a negative one is too large, not too small.
 * false: it runs over and must not
 */
bool fkv_bitfield_add(fkv_bitfield_type_t type, int64_t n, int64_t by,
    fkv_bitfield_overflow_e overflow, int64_t *sum);
bool fkv_bitfield_set(fkv_bitfield_type_t type, int64_t n,
    fkv_bitfield_overflow_e overflow, int64_t *set);


#endif /* FKV_COMMANDS_BITFIELD_H */
