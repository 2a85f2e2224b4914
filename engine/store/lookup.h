/*
 * lookup.h - the private part of a point read; its contract is in tables.h.
 */

#ifndef FKV_STORE_LOOKUP_H
#define FKV_STORE_LOOKUP_H

#include "store/reader.h"
#include "store/tables.h"

typedef struct fkv__lookup_own_s  fkv__lookup_own_t;

struct fkv__lookup_own_s {
    fkv_op_t             op;        /* run by reader and follow */
    fkv_link_t           link;      /* of tables->lookups, or spare */
    fkv__lookup_t       *lookup;
    fkv__reader_t        reader;
    fkv__follow_wait_t   follow;
    fkv__version_t      *version;   /* pinned; NULL before and after */
    uint64_t             below;     /* the lookup's, or the last operand's */
    uint64_t             hidden;    /* what is below a range tombstone hides */
    unsigned             level;     /* of the candidate */
    unsigned             next;      /* of level 0: the table after it */
    fkv__table_t        *table;     /* the candidate */
    unsigned             depth;     /* of the index page that is wanted */
    fkv__block_place_t   place;     /* of that page or of the data block */
    fkv__block_t        *held;      /* lookup->rec lies in it; or NULL */
    bool                 ahead;     /* the other tables' filters were asked */
};

/* Frees all that have not been done. */
void fkv__lookup_close(fkv_t *store);


#endif /* FKV_STORE_LOOKUP_H */
