/*
 * zset.h - members with a score, in its order; what the files of this extension
 * share.
 *
 * Shape    members of members.h, whose value is the score (ferrokv_put_double);
 *          what is packed stands in the order of scores.  Of elements there is
 *          a second one for each member:
 *            's' | score 8 | name -> nothing
 * Order    walks go from the lowest score upwards, and a place (ZRANK) is
 *          counted from there, so it costs as many elements as lie before it.
 *          A few from the other end (ZREVRANGE 0 9, ZPOPMAX) are looked for by
 *          halving the scores: some sixty short walks, however many there are;
 *          but where a great many have the same score it is the long walk
 * Names    among members of the lowest score only: ZRANGEBYLEX and its like are
 *          meant for sets where all have the same
 */

#ifndef ZSET_ZSET_H
#define ZSET_ZSET_H

#include "../collection/members.h"

typedef struct {
    ferrokv_str  name;
    double       score;
} entry_t;

typedef struct {
    entry_t  *list;
    uint64_t  n, room;
} entries_t;

/* Other than FERROKV_OK ends the walk, which returns it. */
typedef int (*zset_row)(ferrokv_ctx *ctx, void *data, const entry_t *entry);

extern const members_kind_t  zset_kind;

/* A member's score.  FERROKV_OK · FERROKV_NONE */
int zset_get(members_t *m, ferrokv_str name, double *score);

/* old: what get gave; NULL: it is not there. */
int zset_put(members_t *m, ferrokv_str name, const double *old, double score);

/* Of one that is there, with this score. */
int zset_del(members_t *m, ferrokv_str name, double score);

/*
 * In order, those of scores min to max, as encoded; both belong to it.  n at
 * most (0: all).
 */
int zset_walk(members_t *m, const unsigned char *min, const unsigned char *max,
    uint64_t n, zset_row row, void *data);

/*
 * From which score on do the last n members up to max lie, and not many more?
 * Of elements; the score is one from min on, and min itself if there are fewer.
 * FERROKV_OK · FERROKV_NONE too many have the same score
 */
int zset_tail(members_t *m, const unsigned char *min, const unsigned char *max,
    uint64_t n, unsigned char *from);

/* Those of one score, from a name on, up to another, which does not belong to
   it (empty: no end). */
int zset_walk_names(members_t *m, double score, ferrokv_str from,
    ferrokv_str to, zset_row row, void *data);

double zset_score(ferrokv_str value);

/* The whole answer; pairs: with scores. */
void entries_say(ferrokv_ctx *ctx, const entries_t *entries, bool pairs);

/* They become all that a key has.  Says how many. */
int entries_store(ferrokv_ctx *ctx, ferrokv_str key, const entries_t *entries);

void entries_add(ferrokv_ctx *ctx, entries_t *entries, const entry_t *entry);
int entry_order(const void *a, const void *b);
int name_order(ferrokv_str a, ferrokv_str b);

/* add.c */
extern const ferrokv_command  zset_zadd, zset_zincrby, zset_zrem;

/* look.c */
extern const ferrokv_command  zset_zscore, zset_zmscore, zset_zcard,
    zset_zrank, zset_zrevrank, zset_zrandmember, zset_zscan;

/* ranges.c */
extern const ferrokv_command  zset_zrange, zset_zrevrange, zset_zrangebyscore,
    zset_zrevrangebyscore, zset_zrangebylex, zset_zrevrangebylex,
    zset_zrangestore, zset_zcount, zset_zlexcount, zset_zremrangebyrank,
    zset_zremrangebyscore, zset_zremrangebylex;

/* pop.c */
extern const ferrokv_command  zset_zpopmin, zset_zpopmax, zset_zmpop;

/* combine.c */
extern const ferrokv_command  zset_zunion, zset_zinter, zset_zdiff,
    zset_zunionstore, zset_zinterstore, zset_zdiffstore, zset_zintercard;

#define ZSET_READS   FERROKV_COMMAND, FERROKV_READ | FERROKV_ELEMENTS
#define ZSET_WRITES  FERROKV_COMMAND, FERROKV_WRITE | FERROKV_ELEMENTS


#endif /* ZSET_ZSET_H */
