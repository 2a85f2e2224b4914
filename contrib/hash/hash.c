/*
 * hash.c - hashes as Redis has them, and times of their fields.
 */

#include "hash.h"

static const ferrokv_type  type = {
    FERROKV_TYPE, 0, "hash", 0, 0, NULL, NULL, NULL, NULL, NULL, NULL
};

static const ferrokv_param  packed_entries = {
    FERROKV_PARAM, 0, "hash.packed_entries", FERROKV_NUMBER, 0, 0, 10000,
    "128", NULL, "fields that a hash may have to be stored as one value"
};

static const ferrokv_param  packed_bytes = {
    FERROKV_PARAM, 0, "hash.packed_bytes", FERROKV_SIZE, 0, 0, 49152, "8k",
    NULL, "bytes that such a hash may have"
};

const members_kind_t  hash_kind = {
    &type, &packed_entries, &packed_bytes, true, false
};

/* "key field [field ...]" */
static size_t
fields(ferrokv_ctx *ctx, const ferrokv_value *head, size_t argc,
    const ferrokv_str *argv, ferrokv_str *names, size_t max)
{
    return members_elements(&hash_kind, ctx, head, argc, argv, 1, names, max);
}


/* "key field value [field value ...]" */
static size_t
pairs(ferrokv_ctx *ctx, const ferrokv_value *head, size_t argc,
    const ferrokv_str *argv, ferrokv_str *names, size_t max)
{
    return members_elements(&hash_kind, ctx, head, argc, argv, 2, names, max);
}


static const ferrokv_ahead
    hset = { FERROKV_AHEAD, FERROKV_OPTIONAL, "HSET", pairs },
    hmset = { FERROKV_AHEAD, FERROKV_OPTIONAL, "HMSET", pairs },
    hincrby = { FERROKV_AHEAD, FERROKV_OPTIONAL, "HINCRBY", pairs },
    hget = { FERROKV_AHEAD, FERROKV_OPTIONAL, "HGET", fields },
    hmget = { FERROKV_AHEAD, FERROKV_OPTIONAL, "HMGET", fields },
    hexists = { FERROKV_AHEAD, FERROKV_OPTIONAL, "HEXISTS", fields },
    hdel = { FERROKV_AHEAD, FERROKV_OPTIONAL, "HDEL", fields };

static const void *const  provides[] = {
    &type, &packed_entries, &packed_bytes,
    &hset, &hmset, &hincrby, &hget, &hmget, &hexists, &hdel,
    &hash_hset, &hash_hmset, &hash_hsetnx, &hash_hget, &hash_hmget,
    &hash_hgetall, &hash_hkeys, &hash_hvals, &hash_hdel, &hash_hlen,
    &hash_hexists, &hash_hstrlen, &hash_hscan, &hash_hincrby,
    &hash_hincrbyfloat, &hash_hrandfield, &hash_hexpire, &hash_hpexpire,
    &hash_hexpireat, &hash_hpexpireat, &hash_httl, &hash_hpttl,
    &hash_hexpiretime, &hash_hpexpiretime, &hash_hpersist, NULL
};

static const ferrokv_extension  extension = {
    sizeof(ferrokv_extension), 0, "hash", FERROKV_VERSION, provides, NULL, 0,
    0, NULL, NULL
};

FERROKV_DEFINE(extension);
