/*
 * memory.h - memory that is given back all at once.
 *
 * Shape      pieces in a list, the last one has room; the first, of an ordinary
 *            size, is kept for the next time
 * Bound      of all that is held at one time, other things that belong to it
 *            included; what would go beyond is refused like what is not there
 */

#ifndef FKV_COMMANDS_MEMORY_H
#define FKV_COMMANDS_MEMORY_H

#include "base/alloc.h"

typedef struct fkv__piece_s  fkv__piece_t;

typedef struct {
    fkv__piece_t  *pieces;      /* newest first; NULL: none yet */
    uint8_t       *at;
    uint8_t       *end;
    size_t         bytes;       /* of pieces, and what else is counted */
    size_t         max;         /* of them; 0 = any number */
    bool           refused;     /* more was asked for */
} fkv__memory_t;                /* zero-initialized: empty */

/* Empty still, or again: what was refused is forgotten. */
void fkv__memory_bound(fkv__memory_t *memory, size_t max);

/*
 * Bytes that are held elsewhere, with the same life.  FKV_OK · FKV_EBOUND they
 * are too many, and not counted
 */
int  fkv__memory_count(fkv__memory_t *memory, size_t bytes);

/* Such bytes are no longer held. */
void fkv__memory_uncount(fkv__memory_t *memory, size_t bytes);

/* Aligned for anything; NULL: there is none. */
void *fkv__memory_alloc(fkv__memory_t *memory, size_t size);

/* FKV_OK · FKV_ENOMEM */
int fkv__memory_copy(fkv__memory_t *memory, fkv_str_t *str);

/* Does it lie here? */
bool fkv__memory_has(const fkv__memory_t *memory, const uint8_t *p);

/* What lies in `from` belongs to `to` from now on; from is empty. */
void fkv__memory_move(fkv__memory_t *to, fkv__memory_t *from);

/* All of it is free again, and what is more than ordinary is given back. */
void fkv__memory_reset(fkv__memory_t *memory);
void fkv__memory_done(fkv__memory_t *memory);


#endif /* FKV_COMMANDS_MEMORY_H */
