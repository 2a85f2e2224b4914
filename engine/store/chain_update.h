/*
 * chain_update.h - operands of an update's keys: current values that are made
 * of some, and those that are written.
 *
 *     READ --current is a chain--> operands and base, folded for decide()
 *       | decide()
 *       |--FKV_MERGE on a long chain --> READ it, decide() again
 *       '--> frame.c: an operand; or, of a long chain, the value of all
 *
 * The chain's newest version stands for all of it: whoever adds to it, or ends
 * it, writes a newer one, and the check under the latch finds that.
 */

#ifndef FKV_STORE_CHAIN_UPDATE_H
#define FKV_STORE_CHAIN_UPDATE_H

#include "store/fold.h"
#include "store/update.h"

struct fkv__update_chain_s {
    fkv__operands_t  ops;           /* with the one to be written, if any */
    fkv__record_t    base;          /* valid within a try */
    bool             has_base;
    fkv__buf_t       room;
    fkv_value_t      value;         /* in place of the operand */
};

/*
 * key i was found as an operand: in memory, then rec is it, or else in tables,
 * whose lookup has ended well.  Collects the chain.
 * FKV_OK there is one · FKV_END there is none, lookup->rc and rec say what is
 * · FKV_NOTFOUND the tables must be asked · FKV_AGAIN a frame is not complete
 * · FKV_ECORRUPT · FKV_ENOMEM · as the lookup
 */
int  fkv__chain_read(fkv_update_t *u, unsigned i, uint64_t set, bool memory,
    fkv__record_t *rec);

/*
 * Then: sets exists and current.
 * FKV_OK, or the base is in flight as own->looking says · FKV_NOTFOUND the
 * tables must be asked · FKV_EMISSING · FKV_ECORRUPT · FKV_EIO · FKV_ENOMEM
 */
int  fkv__chain_current(fkv_update_t *u, unsigned i);

/* decide() wants operands on chains that are long: read them, then again. */
bool fkv__chain_reads(fkv_update_t *u, uint64_t set);

/*
 * Do operands that are written unread find values of their type, as far as
 * memory says?  If not: FKV_WRONGTYPE, instead of a key that cannot be read.
 */
bool fkv__chain_fits(const fkv_update_t *u, uint64_t set);

/* Is the operand fit to be written? */
bool fkv__chain_valid(const fkv_update_t *u, const fkv_change_t *change);

/*
 * Would an operand be older than the arena in which it is to be?  Then it is
 * written anew, and by that arena's clock; under the latch, before room is
 * reserved.
 */
bool fkv__chain_is_late(fkv_update_t *u, const fkv__arena_shm_t *arena);

/* The operand as a record, or the value that key->chain makes with it. */
void fkv__chain_record(const fkv_update_t *u, const fkv_change_t *change,
    fkv__update_key_t *key, fkv__record_t *rec);

/* At the update's end. */
void fkv__chains_done(fkv_update_t *u);


#endif /* FKV_STORE_CHAIN_UPDATE_H */
