/*
 * hash.h - what the files of this extension share: the commands, by what they
 * are about.
 */

#ifndef HASH_HASH_H
#define HASH_HASH_H

#include "../collection/members.h"

extern const members_kind_t  hash_kind;

/* field.c */
extern const ferrokv_command  hash_hset, hash_hmset, hash_hsetnx, hash_hget,
    hash_hmget, hash_hgetall, hash_hkeys, hash_hvals, hash_hdel, hash_hlen,
    hash_hexists, hash_hstrlen, hash_hscan;

/* increment.c */
extern const ferrokv_command  hash_hincrby, hash_hincrbyfloat;

/* random.c */
extern const ferrokv_command  hash_hrandfield;

/* expire.c */
extern const ferrokv_command  hash_hexpire, hash_hpexpire, hash_hexpireat,
    hash_hpexpireat, hash_httl, hash_hpttl, hash_hexpiretime,
    hash_hpexpiretime, hash_hpersist;

/* A command that looks at one key, the first argument. */
#define HASH_READS   FERROKV_COMMAND, FERROKV_READ | FERROKV_ELEMENTS
#define HASH_WRITES  FERROKV_COMMAND, FERROKV_WRITE | FERROKV_ELEMENTS


#endif /* HASH_HASH_H */
