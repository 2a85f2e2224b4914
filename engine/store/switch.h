/*
 * switch.h - from a full arena to the next one.
 *
 * Shape      claim a FREE arena by CAS, fill in its base and predecessor, put
 *            it into the memtable set by CAS, call it USED
 * Processes  any worker that met a sealed active arena; whoever's CAS on the
 *            set succeeds has switched for all, others give their claim back
 * If killed  the claim names its owner: the reaper frees the arena, or calls
 *            it USED if it is in the set already
 */

#ifndef FKV_STORE_SWITCH_H
#define FKV_STORE_SWITCH_H

#include "store/store.h"

/* FKV_OK look at the set again · FKV_EFULL no arena is free */
int fkv__switch_arena(fkv_t *store);

/* Puts the op aside until the helper has freed an arena. */
void fkv__retry_arena(fkv_t *store, fkv_op_t *op);

#endif /* FKV_STORE_SWITCH_H */
