/*
 * zset.c - sorted sets as Redis has them, but for those commands that wait.
 */

#include "zset.h"

static const ferrokv_type  type = {
    FERROKV_TYPE, 0, "zset", 0, 0, NULL, NULL, NULL, NULL, NULL, NULL
};

static const ferrokv_param  packed_entries = {
    FERROKV_PARAM, 0, "zset.packed_entries", FERROKV_NUMBER, 0, 0, 10000,
    "128", NULL, "members that a sorted set may have to be stored as one value"
};

static const ferrokv_param  packed_bytes = {
    FERROKV_PARAM, 0, "zset.packed_bytes", FERROKV_SIZE, 0, 0, 49152, "8k",
    NULL, "bytes that such a sorted set may have"
};

const members_kind_t  zset_kind = {
    &type, &packed_entries, &packed_bytes, true, true
};

static const void *const  provides[] = {
    &type, &packed_entries, &packed_bytes,
    &zset_zadd, &zset_zincrby, &zset_zrem, &zset_zscore, &zset_zmscore,
    &zset_zcard, &zset_zrank, &zset_zrevrank, &zset_zrandmember, &zset_zscan,
    &zset_zrange, &zset_zrevrange, &zset_zrangebyscore,
    &zset_zrevrangebyscore, &zset_zrangebylex, &zset_zrevrangebylex,
    &zset_zrangestore, &zset_zcount, &zset_zlexcount, &zset_zremrangebyrank,
    &zset_zremrangebyscore, &zset_zremrangebylex, &zset_zpopmin,
    &zset_zpopmax, &zset_zmpop, &zset_zunion, &zset_zinter, &zset_zdiff,
    &zset_zunionstore, &zset_zinterstore, &zset_zdiffstore, &zset_zintercard,
    NULL
};

static const ferrokv_extension  extension = {
    sizeof(ferrokv_extension), 0, "zset", FERROKV_VERSION, provides, NULL, 0,
    0, NULL, NULL
};

FERROKV_DEFINE(extension);
