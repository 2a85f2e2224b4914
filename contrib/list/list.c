/*
 * list.c - lists as Redis has them, but for those commands that wait.
 */

#include "list.h"

const ferrokv_type  list_type = {
    FERROKV_TYPE, 0, "list", 0, 0, NULL, NULL, NULL, NULL, NULL, NULL
};

const ferrokv_param  list_packed_entries = {
    FERROKV_PARAM, 0, "list.packed_entries", FERROKV_NUMBER, 0, 0, 10000,
    "128", NULL, "items that a list may have to be stored as one value"
};

const ferrokv_param  list_packed_bytes = {
    FERROKV_PARAM, 0, "list.packed_bytes", FERROKV_SIZE, 0, 0, 49152, "8k",
    NULL, "bytes that such a list may have"
};

static const void *const  provides[] = {
    &list_type, &list_packed_entries, &list_packed_bytes,
    &list_lpush, &list_rpush, &list_lpushx, &list_rpushx, &list_lpop,
    &list_rpop, &list_lmove, &list_rpoplpush, &list_lmpop, &list_llen,
    &list_lrange, &list_lindex, &list_lset, &list_linsert, &list_lrem,
    &list_ltrim, &list_lpos, NULL
};

static const ferrokv_extension  extension = {
    sizeof(ferrokv_extension), 0, "list", FERROKV_VERSION, provides, NULL, 0,
    0, NULL, NULL
};

FERROKV_DEFINE(extension);
