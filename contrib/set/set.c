/*
 * set.c - sets as Redis has them.
 */

#include "set.h"

static const ferrokv_type  type = {
    FERROKV_TYPE, 0, "set", 0, 0, NULL, NULL, NULL, NULL, NULL, NULL
};

static const ferrokv_param  packed_entries = {
    FERROKV_PARAM, 0, "set.packed_entries", FERROKV_NUMBER, 0, 0, 10000,
    "128", NULL, "members that a set may have to be stored as one value"
};

static const ferrokv_param  packed_bytes = {
    FERROKV_PARAM, 0, "set.packed_bytes", FERROKV_SIZE, 0, 0, 49152, "4k",
    NULL, "bytes that such a set may have"
};

const members_kind_t  set_kind = {
    &type, &packed_entries, &packed_bytes, false, false
};

/* "key member [member ...]" */
static size_t
members(ferrokv_ctx *ctx, const ferrokv_value *head, size_t argc,
    const ferrokv_str *argv, ferrokv_str *names, size_t max)
{
    return members_elements(&set_kind, ctx, head, argc, argv, 1, names, max);
}


static const ferrokv_ahead
    sadd = { FERROKV_AHEAD, FERROKV_OPTIONAL, "SADD", members },
    srem = { FERROKV_AHEAD, FERROKV_OPTIONAL, "SREM", members },
    sismember = { FERROKV_AHEAD, FERROKV_OPTIONAL, "SISMEMBER", members },
    smismember = { FERROKV_AHEAD, FERROKV_OPTIONAL, "SMISMEMBER", members };

static const void *const  provides[] = {
    &type, &packed_entries, &packed_bytes,
    &sadd, &srem, &sismember, &smismember,
    &set_sadd, &set_srem, &set_sismember, &set_smismember, &set_smembers,
    &set_scard, &set_smove, &set_sscan, &set_spop, &set_srandmember,
    &set_sinter, &set_sintercard, &set_sinterstore, &set_sunion,
    &set_sunionstore, &set_sdiff, &set_sdiffstore, NULL
};

static const ferrokv_extension  extension = {
    sizeof(ferrokv_extension), 0, "set", FERROKV_VERSION, provides, NULL, 0,
    0, NULL, NULL
};

FERROKV_DEFINE(extension);
