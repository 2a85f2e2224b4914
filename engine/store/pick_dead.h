/*
 * pick_dead.h - tables that are picked for what is dead in them: expired,
 * deleted, or hidden by a range tombstone.
 *
 * All answer FKV_OK or FKV_END; pick.h says why, and in which order they are
 * asked.  Pure, as it.
 */

#ifndef FKV_STORE_PICK_DEAD_H
#define FKV_STORE_PICK_DEAD_H

#include "store/pick.h"

/* All of a table has expired, and nothing older would come to light. */
int fkv__pick_expired(fkv__pick_t *pick, const fkv__version_t *version,
    uint64_t now_ms);

/* A range hides all of it. */
int fkv__pick_hidden(fkv__pick_t *pick, const fkv__version_t *version,
    uint64_t floor);

/* Where nothing older lies below, the dead go when it is written anew. */
int fkv__pick_rewrite(fkv__pick_t *pick, const fkv__version_t *version,
    double share, uint64_t floor, uint64_t now_ms);

/* Elsewhere they go a level down each time, so this ends. */
int fkv__pick_dead(fkv__pick_t *pick, const fkv__version_t *version,
    double share, uint64_t floor, uint64_t now_ms);

/* Has such a share of all records of level 0 expired? */
bool fkv__pick_level_0_expired(const fkv__version_t *version, double share,
    uint64_t floor, uint64_t now_ms);

/* Scans met a run of dead keys in it: pick->wanted. */
int fkv__pick_wanted(fkv__pick_t *pick, const fkv__version_t *version,
    uint64_t floor, uint64_t now_ms);

/* The begin or the end of a range cuts through it.  There are ranges. */
int fkv__pick_cut(fkv__pick_t *pick, const fkv__version_t *version,
    uint64_t floor, uint64_t now_ms);


#endif /* FKV_STORE_PICK_DEAD_H */
