/*
 * list.h - what the files of this extension share: the commands, by what they
 * are about.
 */

#ifndef LIST_LIST_H
#define LIST_LIST_H

#include "items.h"

/* end.c */
extern const ferrokv_command  list_lpush, list_rpush, list_lpushx, list_rpushx,
    list_lpop, list_rpop, list_lmove, list_rpoplpush, list_lmpop;

/* place.c */
extern const ferrokv_command  list_llen, list_lrange, list_lindex, list_lset,
    list_linsert, list_lrem, list_ltrim, list_lpos;

#define LIST_READS   FERROKV_COMMAND, FERROKV_READ | FERROKV_ELEMENTS
#define LIST_WRITES  FERROKV_COMMAND, FERROKV_WRITE | FERROKV_ELEMENTS


#endif /* LIST_LIST_H */
