/*
 * roll.h - what the processes of a store know of its catalog: which is the
 * newest, who has read it, and whose configuration is an older one.
 *
 * Shape      one mapping, made before the fork: a word for the newest catalog,
 *            and a row for every slot of the engine
 * Processes  generation is raised by whoever finds a newer catalog: a release
 *            store behind a read that has seen it; who loads it with acquire
 *            and then reads finds that catalog or a newer one.  A row is
 *            written by the slot's owner alone: what it has read, by a release
 *            store when it acts by that; then its pid, last of all
 * If killed  the row stays, with a pid that is nobody's.  Who gets the slot
 *            begins with a row that has read nothing.  A pid that has become
 *            somebody else's holds up those that wait for it until that ends
 */

#ifndef FKV_EXTENSIONS_ROLL_H
#define FKV_EXTENSIONS_ROLL_H

#include "fkv.h"

typedef struct fkv_roll_shm_s  fkv_roll_shm_t;

typedef struct {
    fkv_roll_shm_t  *shm;
    uint64_t         configuration;     /* of those forked from now on */
    unsigned         slot;              /* this process's ... */
    bool             enrolled;          /* ... if it has one */
} fkv_roll_t;


/* By the master, before the fork.  NULL: no memory. */
fkv_roll_t *fkv_roll_open(void);
void fkv_roll_close(fkv_roll_t *roll);

/* By the master: another configuration is in force. */
void fkv_roll_configure(fkv_roll_t *roll);

/* In a process that acts by the catalog; it has read nothing yet. */
void fkv_roll_attach(fkv_roll_t *roll, unsigned slot);
void fkv_roll_detach(fkv_roll_t *roll);

/* The newest catalog that anybody has found: a version, 0 = none. */
uint64_t fkv_roll_generation(const fkv_roll_t *roll);

/* This process has found this one, and acts by it. */
void fkv_roll_read(fkv_roll_t *roll, uint64_t generation);

/* Do all that live act by this one, or a newer one? */
bool fkv_roll_all_read(const fkv_roll_t *roll, uint64_t generation);

/* Is nobody left who was forked with an older configuration than this one? */
bool fkv_roll_newest_only(const fkv_roll_t *roll);


#endif /* FKV_EXTENSIONS_ROLL_H */
