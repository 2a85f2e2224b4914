#include "members.h"
#include "due.h"

#include "ferrokv_encode.h"

#include <string.h>

#define PACKED_HEAD     3
#define ELEMENTS_HEAD   29
#define PACKED_ITEM     64          /* a longer one is no small collection's */
#define PLACE_BYTES     5           /* before an element's name */
#define GRACE_MS        60000

static const ferrokv_str  head_elem = { NULL, 0 };


static ferrokv_str
str(const void *data, size_t len)
{
    ferrokv_str  s = { data, len };

    return s;
}


static int
damaged(members_t *m)
{
    return m->ctx->api->fail(m->ctx, FERROKV_ECORRUPT, "ERR the value is "
                             "damaged");
}


static void
put_u32(unsigned char *p, uint32_t n)
{
    p[0] = (unsigned char) (n >> 24);
    p[1] = (unsigned char) (n >> 16);
    p[2] = (unsigned char) (n >> 8);
    p[3] = (unsigned char) n;
}


static uint32_t
get_u32(const unsigned char *p)
{
    return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16
           | (uint32_t) p[2] << 8 | p[3];
}


/* On disk, do not change. */
uint32_t
members_place(const members_t *m, ferrokv_str name)
{
    const unsigned char  *p = name.data;
    uint64_t              h = (m->seed + 0x9e3779b97f4a7c15) ^ name.len;
    size_t                i;

    for (i = 0; i + 8 <= name.len; i += 8) {
        h = (h ^ ferrokv_get_u64(p + i)) * 0xff51afd7ed558ccd;
        h ^= h >> 32;
    }

    for (; i < name.len; i++) {
        h = (h ^ p[i]) * 0xc4ceb9fe1a85ec53;
        h ^= h >> 32;
    }

    h *= 0xff51afd7ed558ccd;

    return (uint32_t) (h >> 32);
}


static ferrokv_str
element_name(members_t *m, ferrokv_str name)
{
    unsigned char  *p = m->ctx->api->alloc(m->ctx, PLACE_BYTES + name.len);

    p[0] = 'm';
    put_u32(p + 1, members_place(m, name));

    if (name.len > 0) {
        memcpy(p + PLACE_BYTES, name.data, name.len);
    }

    return str(p, PLACE_BYTES + name.len);
}


/* The head. */

static int
head_read(members_t *m, const ferrokv_value *head)
{
    const unsigned char  *p = head->data.data;
    size_t                len = head->data.len;

    m->expires = head->expires;

    if (len >= PACKED_HEAD && p[0] == MEMBERS_PACKED) {
        m->form = MEMBERS_PACKED;
        m->count = (uint64_t) p[1] << 8 | p[2];
        m->items = p + PACKED_HEAD;
        m->len = len - PACKED_HEAD;

        return FERROKV_OK;
    }

    if (len == ELEMENTS_HEAD && p[0] == MEMBERS_ELEMENTS) {
        m->form = MEMBERS_ELEMENTS;
        m->count = ferrokv_get_u64(p + 1);
        m->timed = ferrokv_get_u64(p + 9);
        m->next = ferrokv_get_u64(p + 17);
        m->seed = get_u32(p + 25);

        return FERROKV_OK;
    }

    return damaged(m);
}


static int
head_write(members_t *m)
{
    unsigned char  buf[ELEMENTS_HEAD], *p = buf;
    ferrokv_value  value = { { NULL, 0 }, m->kind->type, m->expires };

    if (m->form == MEMBERS_PACKED) {
        p = m->own - PACKED_HEAD;
        p[1] = (unsigned char) (m->count >> 8);
        p[2] = (unsigned char) m->count;
        value.data = str(p, PACKED_HEAD + m->len);

    } else {
        ferrokv_put_u64(p + 1, m->count);
        ferrokv_put_u64(p + 9, m->timed);
        ferrokv_put_u64(p + 17, m->timed > 0 ? m->next : 0);
        put_u32(p + 25, m->seed);
        value.data = str(p, sizeof(buf));
    }

    p[0] = (unsigned char) m->form;

    return m->ctx->api->put(m->ctx, m->key, head_elem, &value);
}


static int
members_read(members_t *m, const members_kind_t *kind, ferrokv_ctx *ctx,
    ferrokv_str key)
{
    ferrokv_value  head;
    int            rc;

    memset(m, 0, sizeof(*m));
    m->ctx = ctx;
    m->kind = kind;
    m->key = key;

    rc = ctx->api->get(ctx, key, head_elem, &head);

    if (rc != FERROKV_OK) {
        return (rc == FERROKV_NONE) ? FERROKV_OK : rc;
    }

    if (head.type != kind->type) {
        return ctx->api->fail(ctx, FERROKV_ETYPE, "WRONGTYPE Operation against "
                              "a key holding the wrong kind of value");
    }

    return head_read(m, &head);
}


int
members_open(members_t *m, const members_kind_t *kind, ferrokv_ctx *ctx,
    ferrokv_str key)
{
    int       rc = members_read(m, kind, ctx, key);
    uint64_t  over;

    if (rc != FERROKV_OK || m->timed == 0 || m->next > ctx->now) {
        return rc;
    }

    rc = due_count(ctx, key, &over);

    if (rc == FERROKV_OK && over > m->count) {
        return damaged(m);
    }

    m->count -= (rc == FERROKV_OK) ? over : 0;

    return rc;
}


int
members_open_write(members_t *m, const members_kind_t *kind, ferrokv_ctx *ctx,
    ferrokv_str key)
{
    int       rc = members_read(m, kind, ctx, key);
    uint64_t  over;

    if (rc != FERROKV_OK || m->timed == 0 || m->next > ctx->now) {
        return rc;
    }

    rc = due_remove(ctx, key, &over, &m->next);

    if (rc != FERROKV_OK) {
        return rc;
    }

    if (over > m->timed || over > m->count) {
        return damaged(m);
    }

    m->count -= over;
    m->timed -= over;
    m->expires = (m->count > 0) ? m->expires : 0;
    m->changed = true;

    return FERROKV_OK;
}


int
members_replace(members_t *m, const members_kind_t *kind, ferrokv_ctx *ctx,
    ferrokv_str key)
{
    int  rc = ctx->api->del(ctx, key, head_elem);

    memset(m, 0, sizeof(*m));
    m->ctx = ctx;
    m->kind = kind;
    m->key = key;

    return (rc == FERROKV_NONE) ? FERROKV_OK : rc;
}


/* Some may be over that due_remove() had no room for. */
static int
members_alive(members_t *m, uint64_t *n)
{
    uint64_t  over = 0;
    int       rc = FERROKV_OK;

    if (m->timed > 0 && m->next <= m->ctx->now) {
        rc = due_count(m->ctx, m->key, &over);
    }

    *n = m->count - over;

    return rc;
}


int
members_close(members_t *m)
{
    uint64_t  n;
    int       rc;

    if (!m->changed) {
        return FERROKV_OK;
    }

    rc = members_alive(m, &n);

    if (rc != FERROKV_OK) {
        return rc;
    }

    if (n > 0) {
        return head_write(m);
    }

    rc = m->ctx->api->del(m->ctx, m->key, head_elem);

    return (rc == FERROKV_NONE) ? FERROKV_OK : rc;
}


/* Packed. */

typedef struct {
    size_t        at;           /* of the member among the items */
    size_t        len;
    ferrokv_str   name, value;
} place_t;


static int
packed_next(members_t *m, ferrokv_str *rest, place_t *place)
{
    int  rc;

    place->at = m->len - rest->len;
    place->value = str(NULL, 0);
    rc = ferrokv_packed_next(rest, &place->name);

    if (rc != FERROKV_OK) {
        return (rc == FERROKV_NONE) ? rc : damaged(m);
    }

    if (m->kind->valued
        && ferrokv_packed_next(rest, &place->value) != FERROKV_OK)
    {
        return damaged(m);
    }

    place->len = m->len - rest->len - place->at;

    return FERROKV_OK;
}


static int
packed_find(members_t *m, ferrokv_str name, place_t *place)
{
    ferrokv_str  rest = str(m->items, m->len);
    int          rc;

    while ((rc = packed_next(m, &rest, place)) == FERROKV_OK) {
        if (place->name.len == name.len
            && (name.len == 0
                || memcmp(place->name.data, name.data, name.len) == 0))
        {
            return FERROKV_OK;
        }
    }

    return rc;
}


/* Instead of len bytes there are now so many; the items may be changed. */
static unsigned char *
packed_splice(members_t *m, size_t at, size_t len, size_t with)
{
    size_t          wanted = m->len - len + with;
    unsigned char  *p;

    if (m->own == NULL || wanted > m->room) {
        m->room = 2 * wanted + 256;
        p = m->ctx->api->alloc(m->ctx, PACKED_HEAD + m->room);
        p += PACKED_HEAD;

        if (m->len > 0) {
            memcpy(p, m->items, m->len);
        }

        m->own = p;
        m->items = p;
    }

    p = m->own + at;
    memmove(p + with, p + len, m->len - at - len);
    m->len = wanted;
    m->changed = true;

    return p;
}


static bool
packed_fits(members_t *m, ferrokv_str name, ferrokv_str value,
    const place_t *place)
{
    int64_t  entries, bytes;
    size_t   len;

    if (m->form == MEMBERS_ELEMENTS || name.len > PACKED_ITEM
        || value.len > PACKED_ITEM)
    {
        return false;
    }

    (void) m->ctx->api->param(m->ctx, m->kind->entries, &entries);
    (void) m->ctx->api->param(m->ctx, m->kind->bytes, &bytes);

    len = m->len - place->len + name.len + value.len + 2;

    return len <= (uint64_t) bytes
           && m->count + (place->len == 0) <= (uint64_t) entries;
}


static int
str_order(ferrokv_str a, ferrokv_str b)
{
    size_t  len = (a.len < b.len) ? a.len : b.len;
    int     rc = (len > 0) ? memcmp(a.data, b.data, len) : 0;

    return (rc != 0) ? rc : (a.len > b.len) - (a.len < b.len);
}


/* Before the first that is behind it in order. */
static size_t
packed_where(members_t *m, ferrokv_str name, ferrokv_str value)
{
    ferrokv_str  rest = str(m->items, m->len);
    place_t      place;

    while (packed_next(m, &rest, &place) == FERROKV_OK) {
        int  rc = str_order(place.value, value);

        if (rc > 0 || (rc == 0 && str_order(place.name, name) > 0)) {
            return place.at;
        }
    }

    return m->len;
}


static void
packed_put(members_t *m, ferrokv_str name, ferrokv_str value,
    const place_t *place)
{
    size_t          len = ferrokv_packed_size(name.len);
    size_t          at = place->at, old = place->len;
    unsigned char  *p;

    if (m->kind->ordered) {
        packed_splice(m, at, old, 0);
        at = packed_where(m, name, value);
        old = 0;
    }

    len += m->kind->valued ? ferrokv_packed_size(value.len) : 0;
    p = ferrokv_packed_put(packed_splice(m, at, old, len), name);

    if (m->kind->valued) {
        ferrokv_packed_put(p, value);
    }

    m->form = MEMBERS_PACKED;
    m->count += (place->len == 0);
}


/* Elements. */

static int
element_put(members_t *m, ferrokv_str name, ferrokv_str value, uint64_t expires)
{
    ferrokv_value  v = { value, NULL, expires ? expires + GRACE_MS : 0 };

    return m->ctx->api->put(m->ctx, m->key, element_name(m, name), &v);
}


/* The head first: elements are written under it only. */
static int
members_unpack(members_t *m)
{
    ferrokv_str  rest = str(m->items, m->len);
    place_t      place;
    int          rc;

    if (m->form == MEMBERS_ELEMENTS) {
        return FERROKV_OK;
    }

    m->form = MEMBERS_ELEMENTS;
    m->seed = (uint32_t) (m->ctx->random >> 16);
    m->changed = true;
    rc = head_write(m);

    while (rc == FERROKV_OK) {
        rc = packed_next(m, &rest, &place);

        if (rc == FERROKV_OK) {
            rc = element_put(m, place.name, place.value, 0);
        }
    }

    return (rc == FERROKV_NONE) ? FERROKV_OK : rc;
}


/* Alive or dead; a dead one's expires is not above ctx->now. */
static int
element_get(members_t *m, ferrokv_str name, member_t *member)
{
    ferrokv_value  v;
    int            rc;

    rc = m->ctx->api->get(m->ctx, m->key, element_name(m, name), &v);

    if (rc == FERROKV_OK) {
        member->name = name;
        member->value = v.data;
        member->expires = (v.expires > GRACE_MS) ? v.expires - GRACE_MS : 0;
    }

    return rc;
}


static bool
member_dead(const members_t *m, const member_t *member)
{
    return member->expires != 0 && member->expires <= m->ctx->now;
}


/* Its entry in time's order goes, comes, or is another. */
static int
element_due(members_t *m, ferrokv_str name, uint64_t old, uint64_t at)
{
    int  rc = FERROKV_OK;

    if (old == at) {
        return FERROKV_OK;
    }

    m->changed = true;

    if (old != 0) {
        rc = due_del(m->ctx, m->key, old, name);
        m->timed--;
    }

    if (rc == FERROKV_OK && at != 0) {
        rc = due_put(m->ctx, m->key, at, name);
        m->next = (m->timed++ == 0 || at < m->next) ? at : m->next;
    }

    return rc;
}


static int
members_put_element(members_t *m, ferrokv_str name, ferrokv_str value,
    bool keep, bool *added)
{
    member_t  old = { { NULL, 0 }, { NULL, 0 }, 0 };
    int       rc = element_get(m, name, &old);
    bool      new = (rc == FERROKV_NONE || member_dead(m, &old));

    if (rc < 0) {
        return rc;
    }

    if (new) {
        m->count++;
        m->changed = true;

    } else if (!m->kind->valued) {
        *added = false;
        return FERROKV_OK;

    } else if (!keep) {
        rc = element_due(m, name, old.expires, 0);
    }

    *added = new;

    return (rc < 0) ? rc : element_put(m, name, value,
                                       (keep && !new) ? old.expires : 0);
}


int
members_get(members_t *m, ferrokv_str name, member_t *member)
{
    place_t  place;
    int      rc;

    switch (m->form) {

    case MEMBERS_NONE:
        return FERROKV_NONE;

    case MEMBERS_PACKED:
        rc = packed_find(m, name, &place);
        member->name = place.name;
        member->value = place.value;
        member->expires = 0;

        return rc;

    case MEMBERS_ELEMENTS:
        rc = element_get(m, name, member);

        return (rc == FERROKV_OK && member_dead(m, member)) ? FERROKV_NONE : rc;
    }

    return damaged(m);
}


int
members_ahead(members_t *m, const ferrokv_str *names, size_t n, size_t step)
{
    member_t  member;
    int       rc, result = FERROKV_OK;

    if (m->form != MEMBERS_ELEMENTS || n < 2) {
        return FERROKV_OK;
    }

    for (size_t i = 0; i < n; i++) {
        rc = element_get(m, names[i * step], &member);
        result = (rc < 0) ? rc : result;
    }

    return result;
}


int
members_put(members_t *m, ferrokv_str name, ferrokv_str value, bool keep,
    bool *added)
{
    place_t  place = { 0, 0, { NULL, 0 }, { NULL, 0 } };
    bool     ignored;
    int      rc = FERROKV_NONE;

    added = (added == NULL) ? &ignored : added;

    if (m->form == MEMBERS_ELEMENTS) {
        return members_put_element(m, name, value, keep, added);
    }

    if (m->form == MEMBERS_PACKED) {
        rc = packed_find(m, name, &place);
    }

    if (rc < 0) {
        return rc;
    }

    *added = (rc == FERROKV_NONE);

    if (!*added && !m->kind->valued) {
        return FERROKV_OK;
    }

    if (*added) {
        place.at = m->len;
        place.len = 0;
    }

    if (packed_fits(m, name, value, &place)) {
        packed_put(m, name, value, &place);
        return FERROKV_OK;
    }

    rc = members_unpack(m);

    return (rc < 0) ? rc : members_put_element(m, name, value, keep, added);
}


int
members_put_over(members_t *m, const member_t *old, ferrokv_str name,
    ferrokv_str value)
{
    if (m->form != MEMBERS_ELEMENTS) {
        return members_put(m, name, value, false, NULL);
    }

    if (old == NULL) {
        m->count++;
        m->changed = true;
    }

    return element_put(m, name, value, 0);
}


static int
members_del_element(members_t *m, ferrokv_str name)
{
    member_t  member = { name, { NULL, 0 }, 0 };
    int       rc = FERROKV_OK;

    if (m->timed > 0) {
        rc = element_get(m, name, &member);

        if (rc != FERROKV_OK || member_dead(m, &member)) {
            return (rc < 0) ? rc : FERROKV_NONE;
        }

        rc = element_due(m, name, member.expires, 0);
    }

    return (rc < 0) ? rc : m->ctx->api->del(m->ctx, m->key,
                                            element_name(m, name));
}


int
members_del(members_t *m, ferrokv_str name)
{
    place_t  place;
    int      rc = FERROKV_NONE;

    if (m->form == MEMBERS_PACKED) {
        rc = packed_find(m, name, &place);

        if (rc == FERROKV_OK) {
            packed_splice(m, place.at, place.len, 0);
        }

    } else if (m->form == MEMBERS_ELEMENTS) {
        rc = members_del_element(m, name);
    }

    if (rc == FERROKV_OK) {
        if (m->count == 0) {
            return damaged(m);
        }

        m->count--;
        m->changed = true;
    }

    return rc;
}


int
members_expire(members_t *m, const member_t *member, uint64_t at)
{
    int  rc = members_unpack(m);

    if (rc == FERROKV_OK) {
        rc = element_due(m, member->name, member->expires, at);
    }

    return (rc < 0) ? rc : element_put(m, member->name, member->value, at);
}


typedef struct {
    members_t    *m;
    members_row   row;
    void         *data;
} walk_t;


static int
walk_element(ferrokv_ctx *ctx, void *data, ferrokv_str key,
    const ferrokv_value *val)
{
    walk_t               *walk = data;
    const unsigned char  *p = key.data;
    member_t              member;

    (void) ctx;
    walk->m->walked++;

    if (key.len < PLACE_BYTES) {
        return damaged(walk->m);
    }

    member.name = str(p + PLACE_BYTES, key.len - PLACE_BYTES);
    member.value = val->data;
    member.expires = (val->expires > GRACE_MS) ? val->expires - GRACE_MS : 0;

    return member_dead(walk->m, &member)
           ? FERROKV_OK : walk->row(walk->m, walk->data, &member);
}


int
members_from(members_t *m, uint32_t place, uint64_t n, members_row row,
    void *data)
{
    walk_t         walk = { m, row, data };
    unsigned char  from[PLACE_BYTES];

    from[0] = 'm';
    put_u32(from + 1, place);
    m->walked = 0;

    return m->ctx->api->scan(m->ctx, m->key, str(from, sizeof(from)),
                             str("n", 1), n, walk_element, &walk);
}


int
members_each(members_t *m, members_row row, void *data)
{
    ferrokv_str  rest = str(m->items, m->len);
    member_t     member = { { NULL, 0 }, { NULL, 0 }, 0 };
    place_t      place;
    int          rc = FERROKV_OK;

    if (m->form == MEMBERS_ELEMENTS) {
        return members_from(m, 0, 0, row, data);
    }

    while (rc == FERROKV_OK) {
        rc = packed_next(m, &rest, &place);

        if (rc == FERROKV_OK) {
            member.name = place.name;
            member.value = place.value;
            rc = row(m, data, &member);
        }
    }

    return (rc == FERROKV_NONE) ? FERROKV_OK : rc;
}


size_t
members_elements(const members_kind_t *kind, ferrokv_ctx *ctx,
    const ferrokv_value *head, size_t argc, const ferrokv_str *argv,
    size_t step, ferrokv_str *names, size_t max)
{
    members_t  m = { .ctx = ctx, .kind = kind };
    size_t     n = 0;

    if (head->type != kind->type || head_read(&m, head) != FERROKV_OK
        || m.form != MEMBERS_ELEMENTS)
    {
        return 0;
    }

    for (size_t i = 2; i < argc && n < max; i += step) {
        names[n++] = element_name(&m, argv[i]);
    }

    return n;
}


int
members_say(members_t *m, const ferrokv_str *names, size_t n,
    members_say_pt say, const void *data)
{
    member_t  member;

    m->ctx->api->say_array(m->ctx, n);

    for (size_t i = 0; i < n; i++) {
        int  rc = members_get(m, names[i], &member);

        if (rc < 0) {
            return rc;
        }

        say(m->ctx, (rc == FERROKV_OK) ? &member : NULL, data);
    }

    return FERROKV_OK;
}


int
members_answer(const members_kind_t *kind, ferrokv_ctx *ctx, size_t argc,
    const ferrokv_str *argv, members_say_pt say)
{
    members_t  m;
    int        rc = members_open(&m, kind, ctx, argv[1]);

    if (rc == FERROKV_OK) {
        rc = members_ahead(&m, argv + 2, argc - 2, 1);
    }

    return (rc == FERROKV_OK) ? members_say(&m, argv + 2, argc - 2, say, NULL)
                              : rc;
}
