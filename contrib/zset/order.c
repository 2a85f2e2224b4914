/*
 * order.c - members, and the order of their scores.
 */

#include "zset.h"

#include "ferrokv_encode.h"

#include <string.h>

#define SCORE_BYTES  FERROKV_ENCODED_BYTES
#define ORDER_BYTES  (1 + SCORE_BYTES)      /* before the name */
#define TAIL_MORE    64                     /* than are needed, of a tail */


static ferrokv_str
str(const void *data, size_t len)
{
    ferrokv_str  s = { data, len };

    return s;
}


static int
damaged(ferrokv_ctx *ctx)
{
    return ctx->api->fail(ctx, FERROKV_ECORRUPT, "ERR the value is damaged");
}


double
zset_score(ferrokv_str value)
{
    return (value.len == SCORE_BYTES) ? ferrokv_get_double(value.data) : 0;
}


int
zset_get(members_t *m, ferrokv_str name, double *score)
{
    member_t  member;
    int       rc = members_get(m, name, &member);

    if (rc == FERROKV_OK) {
        *score = zset_score(member.value);
    }

    return rc;
}


static ferrokv_str
order_name(members_t *m, double score, ferrokv_str name)
{
    unsigned char  *p = m->ctx->api->alloc(m->ctx, ORDER_BYTES + name.len);

    p[0] = 's';
    ferrokv_put_double(p + 1, score);

    if (name.len > 0) {
        memcpy(p + ORDER_BYTES, name.data, name.len);
    }

    return str(p, ORDER_BYTES + name.len);
}


static int
order_put(members_t *m, double score, ferrokv_str name)
{
    ferrokv_value  nothing = { { NULL, 0 }, NULL, 0 };

    return m->ctx->api->put(m->ctx, m->key, order_name(m, score, name),
                            &nothing);
}


static int
order_del(members_t *m, double score, ferrokv_str name)
{
    int  rc = m->ctx->api->del(m->ctx, m->key, order_name(m, score, name));

    return (rc == FERROKV_NONE) ? FERROKV_OK : rc;
}


static int
order_one(members_t *m, void *data, const member_t *member)
{
    (void) data;

    return order_put(m, zset_score(member->value), member->name);
}


int
zset_put(members_t *m, ferrokv_str name, const double *old, double score)
{
    unsigned char  value[SCORE_BYTES];
    member_t       member = { name, { NULL, 0 }, 0 };
    members_form_e form = m->form;
    int            rc;

    ferrokv_put_double(value, score);
    rc = members_put_over(m, (old != NULL) ? &member : NULL, name,
                          str(value, sizeof(value)));

    if (rc != FERROKV_OK || m->form != MEMBERS_ELEMENTS) {
        return rc;
    }

    if (form != MEMBERS_ELEMENTS) {
        return members_each(m, order_one, NULL);
    }

    if (old != NULL) {
        rc = order_del(m, *old, name);
    }

    return (rc == FERROKV_OK) ? order_put(m, score, name) : rc;
}


int
zset_del(members_t *m, ferrokv_str name, double score)
{
    int  rc = members_del(m, name);

    if (rc == FERROKV_OK && m->form == MEMBERS_ELEMENTS) {
        rc = order_del(m, score, name);
    }

    return (rc == FERROKV_NONE) ? FERROKV_OK : rc;
}


typedef struct {
    const unsigned char  *min, *max;    /* of what is packed */
    uint64_t              n, seen;
    zset_row              row;
    void                 *data;
} walk_t;


static int
walk_packed(members_t *m, void *data, const member_t *member)
{
    walk_t   *walk = data;
    entry_t   entry = { member->name, zset_score(member->value) };

    if (member->value.len != SCORE_BYTES) {
        return damaged(m->ctx);
    }

    if (memcmp(member->value.data, walk->min, SCORE_BYTES) < 0) {
        return FERROKV_OK;
    }

    if (memcmp(member->value.data, walk->max, SCORE_BYTES) > 0
        || (walk->n != 0 && walk->seen++ == walk->n))
    {
        return MEMBERS_STOP;
    }

    return walk->row(m->ctx, walk->data, &entry);
}


static int
walk_element(ferrokv_ctx *ctx, void *data, ferrokv_str key,
    const ferrokv_value *val)
{
    walk_t               *walk = data;
    const unsigned char  *p = key.data;
    entry_t               entry;

    (void) val;

    if (key.len < ORDER_BYTES) {
        return damaged(ctx);
    }

    entry.name = str(p + ORDER_BYTES, key.len - ORDER_BYTES);
    entry.score = ferrokv_get_double(p + 1);

    return walk->row(ctx, walk->data, &entry);
}


int
zset_walk(members_t *m, const unsigned char *min, const unsigned char *max,
    uint64_t n, zset_row row, void *data)
{
    unsigned char  from[ORDER_BYTES], to[ORDER_BYTES];
    walk_t         walk = { min, max, n, 0, row, data };

    if (m->form != MEMBERS_ELEMENTS) {
        return members_each(m, walk_packed, &walk);
    }

    from[0] = to[0] = 's';
    memcpy(from + 1, min, SCORE_BYTES);
    memcpy(to + 1, max, SCORE_BYTES);

    /* behind all of max; NaN, which nothing has, sorts behind infinity */
    ferrokv_put_u64(to + 1, ferrokv_get_u64(to + 1) + 1);

    return m->ctx->api->scan(m->ctx, m->key, str(from, sizeof(from)),
                             str(to, sizeof(to)), n, walk_element, &walk);
}


static int
count_one(ferrokv_ctx *ctx, void *data, const entry_t *entry)
{
    (void) ctx;
    (void) entry;
    ++*(uint64_t *) data;

    return FERROKV_OK;
}


/* Each score that is tried costs as many elements as are asked for at most. */
int
zset_tail(members_t *m, const unsigned char *min, const unsigned char *max,
    uint64_t n, unsigned char *from)
{
    uint64_t  low = ferrokv_get_u64(min), high = ferrokv_get_u64(max);
    uint64_t  most = 2 * n + TAIL_MORE, count = most;

    /* n lie from low on, or low is min; above high there are fewer. */
    while (count >= most && low < high) {

        uint64_t  middle = high - (high - low) / 2;
        uint64_t  seen = 0;
        int       rc;

        ferrokv_put_u64(from, middle);
        rc = zset_walk(m, from, max, most, count_one, &seen);

        if (rc < 0) {
            return rc;
        }

        if (seen < n) {
            high = middle - 1;

        } else {
            low = middle;
            count = seen;
        }
    }

    ferrokv_put_u64(from, low);

    return (count < most || low == ferrokv_get_u64(min)) ? FERROKV_OK
                                                          : FERROKV_NONE;
}


typedef struct {
    double       score;
    ferrokv_str  from, to;
    zset_row     row;
    void        *data;
} names_t;


static int
names_one(ferrokv_ctx *ctx, void *data, const entry_t *entry)
{
    names_t  *names = data;

    if (name_order(entry->name, names->from) < 0
        || (names->to.len > 0 && name_order(entry->name, names->to) >= 0))
    {
        return FERROKV_OK;
    }

    return names->row(ctx, names->data, entry);
}


int
zset_walk_names(members_t *m, double score, ferrokv_str from, ferrokv_str to,
    zset_row row, void *data)
{
    names_t        names = { score, from, to, row, data };
    walk_t         walk = { NULL, NULL, 0, 0, row, data };
    unsigned char  same[SCORE_BYTES];
    unsigned char  *end;
    ferrokv_str     first, last;

    ferrokv_put_double(same, score);

    if (m->form != MEMBERS_ELEMENTS) {
        return zset_walk(m, same, same, 0, names_one, &names);
    }

    first = order_name(m, score, from);
    last = order_name(m, score, to);

    if (to.len == 0) {
        end = (unsigned char *) last.data;
        ferrokv_put_u64(end + 1, ferrokv_get_u64(end + 1) + 1);
    }

    return m->ctx->api->scan(m->ctx, m->key, first, last, 0, walk_element,
                             &walk);
}
