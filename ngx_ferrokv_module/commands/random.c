/*
 * random.c - RANDOMKEY.
 *
 * Few keys   are all gone through, and every one is as likely as any other
 * Many       would take too long.  Chance goes down the tree that the keys'
 *            bytes make: where they differ first, each byte that occurs there
 *            is as likely, and so on, until GROUP keys or less are left, of
 *            which one is taken.  So every key may come, and of keys that are
 *            numbered or drawn by lot each about as often; but one that stands
 *            alone comes as often as all those together that share what it
 *            does not.  It takes some tens of looks for a key, whatever the
 *            number of keys
 *
 * Which bytes occur at a place is not known.  One is drawn of those that might:
 * if no key has it, the next one that is there tells which others none has
 * either, and it is drawn again.
 */

#include "commands/call.h"

#include <string.h>

#define FEW          1024
#define THIN         64         /* of few keys one of so many is remembered */
#define GROUP        16
#define LOOKS_MAX    150        /* then the next best key will do */
#define LAST_BYTES   8          /* FF, behind what no key is expected to be */

typedef struct {
    fkv_call_t  *call;
    uint64_t     chance;
    unsigned     looks;
} draw_t;

typedef struct {
    fkv_str_t  keys[GROUP + 1];
    unsigned   n;
} group_t;

/* Of all keys met the one that chance likes best. */
typedef struct {
    fkv_str_t  key;             /* data NULL: none */
    uint64_t   best;
} lot_t;


/* Sebastiano Vigna, "splitmix64". */
static uint64_t
mix(uint64_t n)
{
    n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9;
    n = (n ^ n >> 27) * 0x94d049bb133111eb;

    return n ^ n >> 31;
}


static uint64_t
draw(draw_t *d, uint64_t below)
{
    d->chance += 0x9e3779b97f4a7c15;

    return mix(d->chance) % below;
}


static uint64_t
lot_of(const fkv_call_t *call, fkv_str_t key)
{
    uint64_t  n = call->random;

    for (size_t i = 0; i < key.len; i++) {
        n = mix(n + key.data[i] + 1);
    }

    return n;
}


static bool
lot_wants(const fkv_call_t *call, fkv_str_t key, unsigned type)
{
    (void) type;

    return lot_of(call, key) % THIN == 0;
}


static int
lot_draw(fkv_call_t *call, fkv_str_t key, void *data)
{
    lot_t     *lot = data;
    uint64_t   mine = lot_of(call, key) / THIN;

    if (lot->key.data == NULL || mine < lot->best) {
        lot->key = key;
        lot->best = mine;
    }

    return FKV_OK;
}


/* FKV_END they are few: key is one of them, or NULL · FKV_OK · failure */
static int
draw_of_few(fkv_call_t *call, fkv_str_t *key)
{
    lot_t  lot = { FKV_STR_NULL, 0 };
    int    rc;

    rc = fkv_call_scan(call, call->ns, FKV_STR_NULL, FKV_STR_NULL, FEW,
                       lot_wants, lot_draw, &lot, NULL);

    if (rc == FKV_END && lot.key.data == NULL) {
        rc = fkv_call_scan(call, call->ns, FKV_STR_NULL, FKV_STR_NULL, FEW,
                           NULL, lot_draw, &lot, NULL);
    }

    *key = lot.key;

    return rc;
}


static int
group_add(fkv_call_t *call, fkv_str_t key, void *data)
{
    group_t  *group = data;

    (void) call;
    group->keys[group->n++] = key;

    return FKV_OK;
}


/* The first n of those behind `after` that begin with prefix; as scan. */
static int
look(draw_t *d, fkv_str_t prefix, fkv_str_t after, unsigned n, group_t *group)
{
    group->n = 0;
    d->looks++;

    return fkv_call_scan(d->call, d->call->ns, prefix, after, n, NULL,
                         group_add, group, NULL);
}


/*
 * The first key that begins with prefix and lies behind all that begin with
 * these.  FKV_OK · FKV_NOTFOUND · failure
 */
static int
look_behind(draw_t *d, fkv_str_t prefix, fkv_str_t these, fkv_str_t *key)
{
    uint8_t  *after = fkv_call_alloc(d->call, these.len + LAST_BYTES);
    group_t   group;
    int       rc;

    memcpy(after, these.data, these.len);
    memset(after + these.len, 0xff, LAST_BYTES);

    rc = look(d, prefix, (fkv_str_t) { after, these.len + LAST_BYTES }, 1,
              &group);

    if (rc != FKV_OK && rc != FKV_END) {
        return rc;
    }

    if (group.n == 0) {
        return FKV_NOTFOUND;
    }

    *key = group.keys[0];

    return FKV_OK;
}


/*
 * How many bytes all keys of a prefix share, *shared, which are no fewer than
 * its own and no more than its first keys do.  In steps that grow, for what
 * follows is mostly long or nothing; then by halves.
 * FKV_OK · failure
 */
static int
shared_find(draw_t *d, fkv_str_t prefix, const group_t *group, size_t *shared)
{
    fkv_str_t  first = group->keys[0], last = group->keys[group->n - 1], key;
    size_t     low = prefix.len, high = low, step = 1;

    while (high < first.len && first.data[high] == last.data[high]) {
        high++;
    }

    while (low < high) {
        size_t  at = fkv__min(low + step - 1, low + (high - low) / 2);
        int     rc = look_behind(d, prefix, (fkv_str_t) { first.data, at + 1 },
                                 &key);

        if (rc == FKV_OK) {
            high = at;

        } else if (rc == FKV_NOTFOUND) {
            low = at + 1;
            step *= 2;

        } else {
            return rc;
        }
    }

    *shared = low;

    return FKV_OK;
}


/*
 * The first key that has c or more behind the prefix, or, hardly ever, what
 * sorts before c but behind all that was expected.  As above.
 */
static int
look_from(draw_t *d, fkv_str_t prefix, unsigned c, fkv_str_t *key)
{
    uint8_t  *before = fkv_call_alloc(d->call, prefix.len + 1);
    group_t   group;
    int       rc;

    memcpy(before, prefix.data, prefix.len);

    if (c > 0) {
        before[prefix.len] = (uint8_t) (c - 1);

        return look_behind(d, prefix,
                           (fkv_str_t) { before, prefix.len + 1 }, key);
    }

    rc = look(d, prefix, (fkv_str_t) { before, prefix.len }, 1, &group);

    if (rc != FKV_OK && rc != FKV_END) {
        return rc;
    }

    *key = group.keys[0];

    return (group.n > 0) ? FKV_OK : FKV_NOTFOUND;
}


/*
 * One of the bytes that keys have behind the prefix, of which first is the
 * first key; FKV_END: the prefix itself is a key, and was drawn.
 */
static int
byte_draw(draw_t *d, fkv_str_t prefix, fkv_str_t first, uint8_t *byte)
{
    bool      itself = (first.len == prefix.len);
    unsigned  from = itself ? 0 : first.data[prefix.len];
    bool      none[256] = { false };
    unsigned  left = 256 - from;

    for ( ;; ) {
        uint64_t   n = draw(d, left + itself);
        unsigned   c = from;
        fkv_str_t  key;
        int        rc;

        if (n == left) {
            return FKV_END;
        }

        while (none[c] || n-- > 0) {
            c++;
        }

        *byte = (uint8_t) c;

        if (c == from && !itself) {
            return FKV_OK;
        }

        rc = look_from(d, prefix, c, &key);

        if (rc == FKV_OK && key.data[prefix.len] <= c) {
            *byte = key.data[prefix.len];
            return FKV_OK;
        }

        if (rc != FKV_OK && rc != FKV_NOTFOUND) {
            return rc;
        }

        /* No key has c, nor any up to the one that was met. */

        for (unsigned end = (rc == FKV_OK) ? key.data[prefix.len] : 256;
             c < end;
             c++)
        {
            left -= !none[c];
            none[c] = true;
        }
    }
}


static int
draw_of_many(draw_t *d, fkv_str_t *key)
{
    fkv_str_t  prefix = FKV_STR_NULL;

    for ( ;; ) {
        group_t   group;
        size_t    shared;
        uint8_t  *longer;
        int       rc = look(d, prefix, FKV_STR_NULL, GROUP + 1, &group);

        if (rc != FKV_OK && rc != FKV_END) {
            return rc;
        }

        if (rc == FKV_END || group.n <= GROUP || d->looks > LOOKS_MAX) {
            *key = (group.n > 0) ? group.keys[draw(d, group.n)]
                                 : FKV_STR_NULL;
            return FKV_OK;
        }

        rc = shared_find(d, prefix, &group, &shared);
        if (rc != FKV_OK) {
            return rc;
        }

        longer = fkv_call_alloc(d->call, shared + 1);
        memcpy(longer, group.keys[0].data, shared);
        prefix = (fkv_str_t) { longer, shared };

        rc = byte_draw(d, prefix, group.keys[0], &longer[shared]);

        if (rc == FKV_END) {
            *key = prefix;
            return FKV_OK;
        }

        if (rc != FKV_OK) {
            return rc;
        }

        prefix.len++;
    }
}


static int
random_key(fkv_call_t *call)
{
    draw_t     d = { .call = call, .chance = call->random };
    fkv_str_t  key;
    int        rc = draw_of_few(call, &key);

    if (rc == FKV_OK) {
        rc = draw_of_many(&d, &key);
    }

    if (rc != FKV_OK && rc != FKV_END) {
        return rc;
    }

    if (key.data == NULL) {
        fkv_reply_null(call->reply);

    } else {
        fkv_reply_str(call->reply, key);
    }

    return FKV_OK;
}


const fkv_command_t  fkv_commands_random[] = {
    { "RANDOMKEY", 1, FKV_COMMAND_READ | FKV_COMMAND_SLOW, 0, 0, 0,
      random_key, "generic", "1.0.0", "", "Gives some key.", NULL },
    { .name = NULL }
};
