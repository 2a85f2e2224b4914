/*
 * set.h - what the files of this extension share: the commands, by what they
 * are about.
 */

#ifndef SET_SET_H
#define SET_SET_H

#include "../collection/members.h"

extern const members_kind_t  set_kind;

/* member.c */
extern const ferrokv_command  set_sadd, set_srem, set_sismember, set_smismember,
    set_smembers, set_scard, set_smove, set_sscan;

/* random.c */
extern const ferrokv_command  set_spop, set_srandmember;

/* combine.c */
extern const ferrokv_command  set_sinter, set_sintercard, set_sinterstore,
    set_sunion, set_sunionstore, set_sdiff, set_sdiffstore;

#define SET_READS   FERROKV_COMMAND, FERROKV_READ | FERROKV_ELEMENTS
#define SET_WRITES  FERROKV_COMMAND, FERROKV_WRITE | FERROKV_ELEMENTS


#endif /* SET_SET_H */
