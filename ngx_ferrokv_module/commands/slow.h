/*
 * slow.h - commands that took long, those of all processes.
 *
 * Shape      a ring of entries in shared memory; numbers of entries only grow,
 *            entry n is in place n % FKV_SLOW_PLACES
 * Processes  who adds takes a number by an atomic addition, and fills in the
 *            place of it, which is nobody else's until the ring comes round.
 *            Nothing orders the bytes: an entry holds a hash over all of it,
 *            with its number, and who reads copies it and believes only that.
 *            Half an entry, or one that two have written when the ring came
 *            round under a sleeper, is none
 * If killed  the number has an entry, or none
 */

#ifndef FKV_COMMANDS_SLOW_H
#define FKV_COMMANDS_SLOW_H

#include "base/types.h"

#define FKV_SLOW_PLACES      1024
#define FKV_SLOW_MAX         128        /* entries that it keeps, if not told */
#define FKV_SLOW_ARGS        32         /* of a command; more are counted */
#define FKV_SLOW_ARG_BYTES   128        /* of an argument; likewise */
#define FKV_SLOW_ADDR_BYTES  128
#define FKV_SLOW_NAME_BYTES  128
#define FKV_SLOW_TEXT_BYTES  5700       /* room for all of them, see slow.c */

typedef struct {
    uint64_t  hash;             /* of what follows, up to the text's end */
    uint64_t  id;
    uint64_t  time_ms;          /* 1970 */
    uint64_t  usec;
    uint32_t  argc;
    uint32_t  text_len;
    uint8_t   text[FKV_SLOW_TEXT_BYTES];    /* argc + 2 strings: length in two
                                   bytes, bytes; address and name at last */
} fkv_slow_entry_shm_t;

typedef struct {
    uint64_t              next;     /* number of the next entry */
    uint64_t              first;    /* entries before it are forgotten */
    uint64_t              max;      /* up to FKV_SLOW_PLACES */
    fkv_slow_entry_shm_t  entries[FKV_SLOW_PLACES];
} fkv_slow_shm_t;

/* addr and name are the client's, or empty. */
void fkv_slow_add(fkv_slow_shm_t *slow, uint64_t now_ms, uint64_t usec,
    const fkv_str_t *argv, unsigned argc, fkv_str_t addr, fkv_str_t name);

/* Entries that are kept: numbers from *first on, before what it returns. */
uint64_t fkv_slow_range(const fkv_slow_shm_t *slow, uint64_t *first);

/* FKV_OK, entry is a copy · FKV_NOTFOUND */
int fkv_slow_read(const fkv_slow_shm_t *slow, uint64_t id,
    fkv_slow_entry_shm_t *entry);

/* The next string of an entry's text; at begins at 0.  FKV_OK · FKV_ECORRUPT */
int fkv_slow_text(const fkv_slow_entry_shm_t *entry, size_t *at,
    fkv_str_t *text);

void fkv_slow_reset(fkv_slow_shm_t *slow);


#endif /* FKV_COMMANDS_SLOW_H */
