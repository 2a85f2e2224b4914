/*
 * store.c - the engine's API, against a model: all that was ever written, in
 * order, with versions, and every answer worked out of that anew.
 *
 * What a read, a scan in its limits, decide() of an update, or a snapshot that
 * was taken long ago say is what the model says, whatever flush, compaction,
 * expiry and a new start have done to the bytes.  After a crash, which is a
 * copy of the files at that moment, the store is as it was behind one of its
 * writes, and not before the last that was known to be on disk.  Nothing is
 * merged onto a value in the last tenth of a second of its life: store/press.h
 * says why the model does not know what comes of that.
 *
 * Input    how tables are made 1 | operations: what 1 | what it needs
 */

#include "../unit/disk.h"
#include "fuzz.h"

#include "store/press.h"

#include <fcntl.h>

#define KEYS        24
#define NAMESPACES  2
#define EVENTS      600
#define OPERATIONS  200
#define LEASES      4
#define LEASE_MS    (60 * 60 * 1000)
#define PIECES      64
#define FLUSH_AT    (48 * 1024)         /* bytes of values since the last */
#define TYPE        7                   /* of operands */
#define KEY_BYTES   320

typedef enum {
    PUT, DELETE, RANGE, MERGE
} event_e;

/* Something that was written. */
typedef struct {
    event_e    what;
    unsigned   ns;
    unsigned   key;             /* of a range: whose first bytes ... */
    unsigned   len;             /* ... so many; else of the value */
    unsigned   value;           /* its number */
    uint64_t   at_ms;           /* of an operand */
    uint64_t   expire_at;
    uint64_t   version;
    uint64_t   stamp;           /* of what has an element, called "e" ... */
    unsigned   element;         /* ... whose value this is the number of */
    unsigned   operation;       /* it belongs to */
} event_t;

/* A key at some moment: a value put together of numbered pieces. */
typedef struct {
    bool       exists;
    uint64_t   version;
    uint64_t   expire_at;
    uint64_t   stamp;
    unsigned   element;
    unsigned   n;
    struct {
        unsigned  value;
        unsigned  len;
    }          pieces[PIECES];
} state_t;

typedef struct {
    fkv_lease_t  lease;
    uint64_t     lsn;
    uint64_t     until;         /* store time; 0: there is none */
} lease_t;

/* What a scan must find. */
typedef struct {
    unsigned     ns;
    unsigned     keys[KEYS];
    unsigned     n;
    uint64_t     lsn;
    uint64_t     now_ms;
    unsigned     seen;
    size_t       bytes;
    unsigned     jump;          /* from this entry on to that of keys[to] */
    unsigned     to;
} walk_t;

static struct {
    disk_t      disk;
    event_t     events[EVENTS];
    unsigned    n;
    unsigned    values;
    unsigned    operation;
    unsigned    durable;        /* so many events are on disk */
    size_t      dirty;          /* bytes in the memtable, about */
    bool        written;        /* it is not empty: else nobody seals it */
    lease_t     leases[LEASES];
    unsigned    order[KEYS];    /* keys, sorted */
} the;

static uint8_t    key_bytes[KEYS][KEY_BYTES];
static fkv_str_t  keys[KEYS];


/* Zeros, prefixes of each other, the ends of what there is, long ones. */
static void
keys_make(void)
{
    static const fkv_str_t  some[] = {
        FKV_STR("a"), FKV_STR("a\0"), FKV_STR("a\0\0"), FKV_STR("a\0b"),
        FKV_STR("a\xff"), FKV_STR("ab"), FKV_STR("abc"), FKV_STR("abd"),
        FKV_STR("b"), FKV_STR("\0"), FKV_STR("\xff"), FKV_STR("\xff\xff"),
        FKV_STR("key1"), FKV_STR("key10"), FKV_STR("key2"), FKV_STR("key20"),
        FKV_STR("key3"), FKV_STR("k"), FKV_STR("\0\xff"), FKV_STR("\0\0")
    };

    for (unsigned i = 0; i < KEYS; i++) {
        keys[i] = (fkv_str_t) { key_bytes[i], 0 };

        if (i < sizeof(some) / sizeof(some[0])) {
            memcpy(key_bytes[i], some[i].data, some[i].len);
            keys[i].len = some[i].len;

        } else {
            memset(key_bytes[i], 'k', KEY_BYTES);
            key_bytes[i][300] = (uint8_t) i;
            keys[i].len = 290 + i;
        }
    }

    for (unsigned i = 0; i < KEYS; i++) {
        unsigned  at = i;

        while (at > 0 && fkv__str_cmp(keys[the.order[at - 1]], keys[i]) > 0) {
            the.order[at] = the.order[at - 1];
            at--;
        }

        the.order[at] = i;
    }
}


/* The value of this number: its bytes tell which it is. */
static void
value_fill(uint8_t *out, unsigned value, unsigned len)
{
    uint64_t  random = value * 0x9e3779b97f4a7c15 + 1;

    for (unsigned i = 0; i < len; i++) {
        if (i % 64 == 0) {
            (void) check_random(&random);
        }

        out[i] = (uint8_t) ((random >> 32) + i % 7);
    }
}


static bool
range_covers(const event_t *e, unsigned key)
{
    return keys[key].len >= e->len
           && memcmp(keys[key].data, keys[e->key].data, e->len) == 0;
}


static void
state_take(state_t *s, const event_t *e)
{
    if (e->what == MERGE) {
        if (s->exists && s->expire_at != 0 && s->expire_at <= e->at_ms) {
            s->exists = false;
        }

        if (!s->exists) {
            *s = (state_t) { .exists = true };
        }

    } else {
        *s = (state_t) { .exists = (e->what == PUT),
                         .expire_at = e->expire_at, .stamp = e->stamp,
                         .element = e->element };
    }

    s->version = e->version;

    if (e->what == PUT || e->what == MERGE) {
        assert_true(s->n < PIECES);
        s->pieces[s->n].value = e->value;
        s->pieces[s->n++].len = e->len;
    }
}


/* A key as events[0 .. n) below an LSN have left it, at this time. */
static state_t
state_at(unsigned ns, unsigned key, unsigned n, uint64_t lsn, uint64_t now_ms)
{
    state_t  s = { .exists = false };

    for (unsigned i = 0; i < n; i++) {
        const event_t  *e = &the.events[i];

        if (e->ns == ns && e->version < lsn
            && (e->what == RANGE ? range_covers(e, key) : e->key == key))
        {
            state_take(&s, e);
        }
    }

    if (s.expire_at != 0 && s.expire_at <= now_ms) {
        s.exists = false;
    }

    return s;
}


static size_t
state_len(const state_t *s)
{
    size_t  len = 0;

    for (unsigned i = 0; i < s->n; i++) {
        len += s->pieces[i].len;
    }

    return len;
}


static bool
state_has_bytes(const state_t *s, fkv_str_t data)
{
    bool      same = true;
    uint8_t  *want;
    size_t    at = 0;

    if (data.len != state_len(s)) {
        return false;
    }

    for (unsigned i = 0; i < s->n && same; i++) {
        unsigned  len = s->pieces[i].len;

        want = malloc(len + 1);
        value_fill(want, s->pieces[i].value, len);
        same = (len == 0 || memcmp(data.data + at, want, len) == 0);
        at += len;
        free(want);
    }

    return same;
}


/* Of what exists; a large value may be told of by its length only. */
static bool
state_is(const state_t *s, const fkv_value_t *v)
{
    return v->version == s->version && v->expire_at == s->expire_at
           && v->size == state_len(s) && v->stamp == s->stamp
           && (v->data.data == NULL || state_has_bytes(s, v->data));
}


static uint64_t
now(void)
{
    return fkv_now_ms(the.disk.store);
}


/*
 * One more event; its version comes when it is written.  Too many of anything
 * and the input ends.
 */
static event_t *
event_add(event_e what, unsigned ns, unsigned key)
{
    event_t  *e = &the.events[the.n++];

    *e = (event_t) { .what = what, .ns = ns, .key = key,
                     .operation = the.operation, .at_ms = now() };

    return e;
}


static void
dirty(size_t bytes)
{
    the.dirty += bytes;
    the.written = true;
}


static void
all_is_durable(void)
{
    the.durable = the.n;
}


static void
flush(void)
{
    disk_settle(&the.disk);
    all_is_durable();

    if (the.written) {
        disk_flush(&the.disk);
    }

    the.dirty = 0;
    the.written = false;
}


/* The operator appends. */
static int
full(void *data, uint16_t type, const fkv_chain_t *chain,
    const fkv_value_t *base, const fkv_str_t *ops, unsigned n,
    fkv_merged_t *out)
{
    static __thread uint8_t  room[1 << 20];
    size_t                   len = 0;

    (void) data;
    assert_int_equal(type, TYPE);
    assert_true(chain->key.len > 0 && n > 0);
    assert_true(chain->oldest <= chain->newest);

    if (base != NULL && base->data.len > 0) {
        memcpy(room, base->data.data, base->data.len);
        len = base->data.len;
    }

    for (unsigned i = 0; i < n; i++) {
        assert_true(len + ops[i].len <= sizeof(room));

        if (ops[i].len > 0) {
            memcpy(room + len, ops[i].data, ops[i].len);
            len += ops[i].len;
        }
    }

    out->data = (fkv_str_t) { room, len };

    return FKV_OK;
}


static int
partial(void *data, uint16_t type, const fkv_chain_t *chain,
    const fkv_str_t *ops, unsigned n, fkv_str_t *out)
{
    fkv_merged_t  merged = { .type = type };
    int           rc = full(data, type, chain, NULL, ops, n, &merged);

    *out = merged.data;

    return rc;
}


static const fkv_merge_t  operator = { .full = full, .partial = partial };


static void
store_open(uint8_t how)
{
    fkv_options_t  options;

    the.disk.blob_min = FKV_BLOB_MIN_MIN;
    disk_open(&the.disk, FKV_MEMORY_MIN);
    fkv_merge_set(the.disk.store, &operator, NULL);

    options = *fkv_options(the.disk.store);
    options.compression = (fkv_compression_e) (how % 3);
    options.index = (fkv_index_e) (how / 3 % 3);
    options.compaction = (fkv_compaction_e) (how / 9 % 3);
    fkv_change(the.disk.store, &options);
    disk_attach(&the.disk);
}


/* A new start ends all leases. */
static void
store_reopen(uint8_t how)
{
    disk_close(&the.disk);
    memset(the.leases, 0, sizeof(the.leases));
    the.dirty = 0;
    the.written = false;
    store_open(how);
}


/*
 * An update under way: changes, what the model says beforehand, and the events
 * that it becomes.
 */
typedef struct {
    fkv_update_t   update;
    bool           done;
    fkv_change_t   changes[8];
    state_t        before[8];
    event_t       *events[8];       /* NULL: nothing will be written */
    fkv_element_t  elements[8];
    unsigned       n;
    unsigned       n_before;        /* of the.n */
    int            refuse;          /* decide()'s code */
} change_t;


static int
decide(fkv_update_t *u)
{
    change_t  *c = fkv__container(u, change_t, update);

    for (unsigned i = 0; i < c->n; i++) {
        const fkv_change_t  *change = &c->changes[i];

        if (change->blind) {
            continue;
        }

        assert_int_equal(change->exists, c->before[i].exists);

        if (change->exists) {
            assert_true(state_is(&c->before[i], &change->current));
        }
    }

    return c->refuse;
}


/* An element, "e", besides the value of a put. */
static void
change_add_element(change_t *c, event_t *e)
{
    fkv_change_t   *change = &c->changes[c->n];
    fkv_element_t  *element = &c->elements[c->n];
    uint8_t        *value = malloc(16);

    e->stamp = 0x1000 + e->value;
    e->element = ++the.values;
    value_fill(value, e->element, 16);
    *element = (fkv_element_t) { .name = FKV_STR("e"), .value = { value, 16 } };
    change->stamp = e->stamp;
    change->elements = element;
    change->elements_n = 1;
}


/* One change more: flags say what it is, the input how much. */
static void
change_add(change_t *c, fuzz_t *in, bool blind)
{
    uint8_t        what = fuzz_byte(in), which = fuzz_byte(in);
    unsigned       ns = which / KEYS % NAMESPACES, key = which % KEYS;
    fkv_change_t  *change = &c->changes[c->n];
    state_t        before = state_at(ns, key, c->n_before, UINT64_MAX,
                                      now());
    event_t       *e = NULL;

    for (unsigned i = 0; i < c->n; i++) {
        if (!c->changes[i].prefix && c->changes[i].ns == ns
            && c->changes[i].key.data == keys[key].data)
        {
            return;
        }
    }

    *change = (fkv_change_t) { .ns = ns, .key = keys[key], .blind = blind,
                               .load = what & 0x80 };

    switch (what % 8) {

    case 0:
        change->action = FKV_KEEP;
        change->blind = false;
        break;

    case 1:
        change->action = FKV_DELETE;

        if (before.exists || blind) {
            e = event_add(DELETE, ns, key);
        }

        break;

    case 2:
        change->action = FKV_DELETE;
        change->prefix = true;
        change->blind = true;
        change->key.len = fuzz_byte(in) % 4;
        change->key.len = fkv__min(change->key.len, keys[key].len);
        e = event_add(RANGE, ns, key);
        e->len = (unsigned) change->key.len;
        break;

    case 3:
        change->action = FKV_MERGE;
        change->blind = true;
        change->type = TYPE;

        if (before.n >= PIECES / 2
            || (before.exists && before.expire_at != 0
                && before.expire_at - now() <= FKV__PRESS_MS))
        {
            return;
        }

        e = event_add(MERGE, ns, key);
        e->len = fuzz_byte(in);
        break;

    default:
        change->action = FKV_PUT;
        e = event_add(PUT, ns, key);
        e->len = fuzz_byte(in);

        if (what & 0x08) {
            e->len *= 64;               /* some are above blob_min */
        }

        if (what & 0x10) {
            e->expire_at = now() + 1 + 500u * fuzz_byte(in);
        }

        break;
    }

    if (e != NULL && (e->what == PUT || e->what == MERGE)) {
        uint8_t  *value = malloc(e->len + 1);

        e->value = ++the.values;
        value_fill(value, e->value, e->len);
        change->value = (fkv_str_t) { value, e->len };
        change->expire_at = e->expire_at;

        if (e->what == PUT && !blind && (what & 0x20)) {
            change_add_element(c, e);
        }
    }

    c->before[c->n] = before;
    c->events[c->n++] = e;
}


static void
change_free(change_t *c)
{
    for (unsigned i = 0; i < c->n; i++) {
        fuzz_free(c->changes[i].value);
        fuzz_free(c->elements[i].value);
    }
}


/* Runs it; refused, its events have never been. */
static void
change_run(change_t *c, fkv_sync_e sync)
{
    int  rc;

    c->update.store = the.disk.store;
    c->update.changes = c->changes;
    c->update.n = c->n;
    c->update.sync = sync;
    c->update.now_ms = now();
    c->update.decide = decide;
    c->update.op.on_done = live_done;
    c->update.op.data = &c->done;

    rc = live_wait(&the.disk.live, &c->update.op, fkv_update(&c->update),
                   &c->done);
    assert_int_equal(rc, c->refuse);

    if (rc != FKV_OK) {
        the.n = c->n_before;
        return;
    }

    for (unsigned i = 0; i < c->n; i++) {
        if (c->events[i] != NULL) {
            c->events[i]->version = c->changes[i].version;
            dirty(c->changes[i].value.len + c->changes[i].key.len + 100);

            if (c->events[i]->what != MERGE) {
                assert_true(c->changes[i].version != 0);
            }
        }
    }

    /* What writes nothing waits for nobody's writes in a store like this. */
    if (sync == FKV_SYNC_ALWAYS && the.n > c->n_before) {
        all_is_durable();
    }
}


static void
do_update(fuzz_t *in)
{
    static const fkv_sync_e  syncs[] = { FKV_SYNC_DEFAULT, FKV_SYNC_OFF,
                                         FKV_SYNC_EVERYSEC, FKV_SYNC_ALWAYS };
    uint8_t                  how = fuzz_byte(in);
    unsigned                 many = how % 8;
    change_t                *c = calloc(1, sizeof(*c));

    c->n_before = the.n;

    do {
        change_add(c, in, how & 0x08);
    } while (many-- > 1);

    c->refuse = ((how & 0xc0) == 0xc0) ? FKV_EXISTS : FKV_OK;

    if (c->n > 0) {
        change_run(c, syncs[how / 16 % 4]);
    }

    change_free(c);
    free(c);
}


/* What a blob has, piece by piece, as one. */
static void
read_blob(fkv_blob_t *blob, uint64_t size, fkv__buf_t *out)
{
    int              rc;
    bool             done = false;
    fkv_blob_read_t  read = { .blob = blob, .to = size,
                              .op = { .on_done = live_done, .data = &done } };

    while ((rc = live_wait(&the.disk.live, &read.op, fkv_blob_read(&read),
                           &done)) == FKV_OK)
    {
        assert_int_equal(fkv__buf_append(out, read.piece.data,
                                         read.piece.len), FKV_OK);
        done = false;
    }

    assert_int_equal(rc, FKV_END);
}


static lease_t *
lease_of(fuzz_t *in)
{
    uint8_t  which = fuzz_byte(in) % (LEASES + 2);

    return (which < LEASES && the.leases[which].until != 0)
           ? &the.leases[which] : NULL;
}


static bool
lease_over(const lease_t *lease)
{
    return lease != NULL && lease->until <= now();
}


/* The element of a value, which only who knows its stamp finds. */
static void
check_element(const fkv_get_t *of, const state_t *want)
{
    int        rc;
    bool       done = false;
    state_t    element = { .n = 1, .pieces = { { want->element, 16 } } };
    fkv_get_t  get = { .store = the.disk.store, .ns = of->ns, .key = of->key,
                       .now_ms = of->now_ms, .lease = of->lease,
                       .stamp = want->stamp, .element = FKV_STR("e"),
                       .op = { .on_done = live_done, .data = &done } };

    rc = live_wait(&the.disk.live, &get.op, fkv_get(&get), &done);
    assert_int_equal(rc, FKV_OK);
    assert_true(state_has_bytes(&element, get.value.data));
    fkv_get_done(&get);

    /* Of another stamp there is none. */

    get = (fkv_get_t) { .store = the.disk.store, .ns = of->ns, .key = of->key,
                        .now_ms = of->now_ms, .lease = of->lease,
                        .stamp = want->stamp + 1, .element = FKV_STR("e"),
                        .op = { .on_done = live_done, .data = &done } };
    done = false;
    rc = live_wait(&the.disk.live, &get.op, fkv_get(&get), &done);
    assert_int_equal(rc, FKV_NOTFOUND);
    fkv_get_done(&get);
}


static void
check_get(unsigned ns, unsigned key, const lease_t *lease, uint64_t load_max)
{
    int         rc;
    bool        done = false;
    state_t     want = state_at(ns, key, the.n, lease ? lease->lsn
                                                      : UINT64_MAX, now());
    fkv__buf_t  bytes = { .data = NULL };
    fkv_get_t   get = { .store = the.disk.store, .ns = ns, .key = keys[key],
                        .now_ms = now(), .load_max = load_max,
                        .op = { .on_done = live_done, .data = &done } };

    if (lease != NULL) {
        get.lease = lease->lease;
    }

    rc = live_wait(&the.disk.live, &get.op, fkv_get(&get), &done);

    if (lease_over(lease)) {
        assert_int_equal(rc, FKV_GONE);

    } else {
        assert_int_equal(rc, want.exists ? FKV_OK : FKV_NOTFOUND);
    }

    if (rc == FKV_OK) {
        assert_true(state_is(&want, &get.value));
        assert_true(get.value.data.len == get.value.size
                    || get.value.size > load_max);

        if (get.value.blob != NULL) {
            read_blob(get.value.blob, get.value.size, &bytes);
            assert_true(state_has_bytes(&want, fkv__buf_str(&bytes)));
            fkv__buf_done(&bytes);
        }
    }

    fkv_get_done(&get);

    if (rc == FKV_OK && want.stamp != 0) {
        check_element(&get, &want);
    }
}


static void
do_get(fuzz_t *in)
{
    uint8_t  which = fuzz_byte(in), how = fuzz_byte(in);

    check_get(which / KEYS % NAMESPACES, which % KEYS, lease_of(in),
              (how & 1) ? UINT64_MAX : 0);
}


static int
on_entry(fkv_scan_t *scan, fkv_str_t key, const fkv_value_t *value)
{
    walk_t   *walk = scan->op.data;
    unsigned  want = walk->keys[walk->seen];
    state_t   state;

    assert_true(walk->seen < walk->n);
    check_str(key, keys[want]);
    state = state_at(walk->ns, want, the.n, walk->lsn, walk->now_ms);
    assert_true(state.exists);
    assert_true(state_is(&state, value));

    walk->bytes += key.len + value->size;

    if (walk->seen == walk->jump) {
        walk->seen = walk->to - 1;
        scan->seek = keys[walk->keys[walk->to]];
    }

    walk->seen++;

    return FKV_OK;
}


static bool  scan_ended;


static void
scan_done(fkv_op_t *op)
{
    (void) op;
    scan_ended = true;
}


/* Is the key within what the scan is of? */
static bool
scan_wants(const fkv_scan_t *scan, fkv_str_t key)
{
    int  start = fkv__str_cmp(key, scan->start);

    return key.len >= scan->prefix.len
           && (scan->prefix.len == 0
               || memcmp(key.data, scan->prefix.data, scan->prefix.len) == 0)
           && (scan->start.len == 0 || start > 0
               || (start == 0 && !scan->after))
           && (scan->end.len == 0 || fkv__str_cmp(key, scan->end) < 0);
}


/* A scan of no more than the model has, from its first on. */
static void
check_scan(fkv_scan_t *scan, const lease_t *lease, uint8_t jump)
{
    int     rc;
    walk_t  walk = { .ns = scan->ns, .now_ms = now(), .jump = KEYS,
                     .lsn = lease ? lease->lsn : UINT64_MAX };

    for (unsigned i = 0; i < KEYS; i++) {
        unsigned  key = the.order[i];

        if (scan_wants(scan, keys[key])
            && state_at(scan->ns, key, the.n, walk.lsn, walk.now_ms).exists)
        {
            walk.keys[walk.n++] = key;
        }
    }

    if ((jump & 0x80) && walk.n > 2) {
        walk.jump = jump % (walk.n - 2);
        walk.to = walk.jump + 1 + (jump / 16 % 8) % (walk.n - walk.jump - 1);
    }

    scan->store = the.disk.store;
    scan->now_ms = walk.now_ms;
    scan->on_entry = on_entry;
    scan->op.on_done = scan_done;
    scan->op.data = &walk;
    scan->load_max = UINT64_MAX;
    scan_ended = false;

    if (lease != NULL) {
        scan->lease = lease->lease;
    }

    rc = live_wait(&the.disk.live, &scan->op, fkv_scan(scan), &scan_ended);

    if (lease_over(lease)) {
        assert_int_equal(rc, FKV_GONE);
        return;
    }

    assert_int_equal(rc, FKV_OK);

    if (scan->complete) {
        assert_int_equal(walk.seen, walk.n);

    } else if (walk.seen < walk.n || scan->limit == 0) {
        assert_true((scan->limit != 0 && walk.seen >= scan->limit)
                    || scan->bytes_max != 0);
    }

    if (scan->limit != 0 && walk.jump == KEYS) {
        assert_true(walk.seen <= scan->limit);
    }

    if (scan->bytes_max != 0 && walk.seen > 1) {
        assert_true(walk.bytes <= scan->bytes_max);
    }
}


static void
do_scan(fuzz_t *in)
{
    uint8_t     how = fuzz_byte(in), jump = 0;
    lease_t    *lease = lease_of(in);
    fkv_scan_t  scan = { .ns = how & 1, .after = how & 2 };

    if (how & 4) {
        scan.prefix = keys[fuzz_byte(in) % KEYS];
        scan.prefix.len = fkv__min(scan.prefix.len, 1u + how / 64);
    }

    if (how & 8) {
        scan.start = keys[fuzz_byte(in) % KEYS];
    }

    if (how & 16) {
        scan.end = keys[fuzz_byte(in) % KEYS];
    }

    if (how & 32) {
        scan.limit = fuzz_byte(in) % 16;
        scan.bytes_max = 64u * fuzz_byte(in);

    } else {
        jump = fuzz_byte(in);
    }

    check_scan(&scan, lease, jump);
}


static void
check_all(void)
{
    for (unsigned ns = 0; ns < NAMESPACES; ns++) {
        fkv_scan_t  scan = { .ns = ns };

        check_scan(&scan, NULL, 0);
        assert_true(scan.complete);

        for (unsigned key = 0; key < KEYS; key++) {
            check_get(ns, key, NULL, UINT64_MAX);
        }
    }
}


static void
do_lease(fuzz_t *in)
{
    uint8_t   which = fuzz_byte(in);
    lease_t  *lease = &the.leases[which % LEASES];

    if (lease->until != 0) {
        assert_int_equal(fkv_snapshot_drop(the.disk.store, &lease->lease),
                         lease_over(lease) ? FKV_GONE : FKV_OK);
        lease->until = 0;
        return;
    }

    assert_int_equal(fkv_snapshot_take(the.disk.store, LEASE_MS, which + 1u,
                                       &lease->lease, &lease->lsn), FKV_OK);
    lease->until = now() + LEASE_MS;
}


static void
copy_file(const char *from, const char *to)
{
    int      in = open(from, O_RDONLY);
    int      out = open(to, O_CREAT | O_WRONLY, 0600);
    ssize_t  n;

    assert_true(in >= 0 && out >= 0);

    do {
        n = copy_file_range(in, NULL, out, NULL, 1 << 30, 0);
        assert_true(n >= 0);
    } while (n > 0);

    (void) close(in);
    (void) close(out);
}


/* The files as they are now. */
static void
copy_files(const char *to)
{
    static const char *const  dirs[] = { "", "/log", "/sst", "/blob" };
    char                      from[512], path[512];
    DIR                      *dir;
    struct dirent            *entry;

    for (unsigned i = 0; i < 4; i++) {
        (void) snprintf(path, sizeof(path), "%s%s", to, dirs[i]);
        assert_int_equal(mkdir(path, 0700), 0);
        (void) snprintf(path, sizeof(path), "%s%s", the.disk.live.dir,
                        dirs[i]);
        dir = opendir(path);

        while (dir != NULL && (entry = readdir(dir)) != NULL) {
            if (entry->d_type == DT_REG) {
                (void) snprintf(from, sizeof(from), "%s%s/%s",
                                the.disk.live.dir, dirs[i], entry->d_name);
                (void) snprintf(path, sizeof(path), "%s%s/%s", to, dirs[i],
                                entry->d_name);
                copy_file(from, path);
            }
        }

        if (dir != NULL) {
            (void) closedir(dir);
        }
    }
}


/* Is the store as it was behind events[0 .. n)? */
static bool
is_as_behind(unsigned n)
{
    for (unsigned ns = 0; ns < NAMESPACES; ns++) {
        for (unsigned key = 0; key < KEYS; key++) {
            int        rc;
            bool       done = false, same;
            state_t    want = state_at(ns, key, n, UINT64_MAX, now());
            fkv_get_t  get = { .store = the.disk.store, .ns = ns,
                               .key = keys[key], .now_ms = now(),
                               .load_max = UINT64_MAX,
                               .op = { .on_done = live_done, .data = &done } };

            rc = live_wait(&the.disk.live, &get.op, fkv_get(&get), &done);
            same = (rc == (want.exists ? FKV_OK : FKV_NOTFOUND))
                   && (rc != FKV_OK || state_is(&want, &get.value));
            fkv_get_done(&get);

            if (!same) {
                return false;
            }
        }
    }

    return true;
}


/* All processes die; the log goes on to disk for as long as the loop turns. */
static void
do_crash(fuzz_t *in, uint8_t how)
{
    char      copy[80];
    unsigned  n = the.n;

    for (unsigned turns = fuzz_byte(in) % 4; turns > 0; turns--) {
        live_loop(&the.disk.live, 0);
    }

    (void) snprintf(copy, sizeof(copy), "%s-copy", the.disk.live.dir);
    copy_files(copy);
    disk_close(&the.disk);
    live_remove(&the.disk.live);
    assert_int_equal(rename(copy, the.disk.live.dir), 0);
    store_reopen(how);

    while (!is_as_behind(n)) {
        unsigned  operation = the.events[n - 1].operation;

        assert_true(n > the.durable);

        while (n > 0 && the.events[n - 1].operation == operation) {
            n--;
        }
    }

    assert_true(n >= the.durable);
    the.n = n;
    all_is_durable();
}


static void
do_time(fuzz_t *in)
{
    static const unsigned  steps[] = { 1, 100, 1000, 10000, 60000, 600000,
                                       LEASE_MS, 2 * LEASE_MS };
    uint8_t                how = fuzz_byte(in);

    disk_pass(&the.disk, (uint64_t) steps[how % 8] * (how / 8 + 1));
    live_loop(&the.disk.live, 0);
}


static void
operate(fuzz_t *in, uint8_t how)
{
    uint8_t  what = fuzz_byte(in);

    the.operation++;

    if (the.dirty > FLUSH_AT) {
        flush();
    }

    switch (what % 16) {
    case 0: case 1: case 2: case 3: case 4:
        do_update(in);
        break;
    case 5: case 6:
        do_get(in);
        break;
    case 7: case 8:
        do_scan(in);
        break;
    case 9:
        do_lease(in);
        break;
    case 10:
        do_time(in);
        break;
    case 11:
        flush();
        break;
    case 12:
        flush();
        (void) disk_compact(&the.disk);
        break;
    case 13:
        disk_settle(&the.disk);
        all_is_durable();
        break;
    case 14:
        store_reopen(how);
        all_is_durable();
        break;
    case 15:
        do_crash(in, how);
        break;
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_t   in = { data, size };
    uint8_t  how = fuzz_byte(&in);

    memset(&the, 0, sizeof(the));
    keys_make();
    strcpy(the.disk.live.dir, "/dev/shm/fkv-fuzz-XXXXXX");
    assert_non_null(mkdtemp(the.disk.live.dir));
    the.disk.live.log = (fkv_log_t) { live_log, &the.disk.live };
    the.disk.live.quiet = true;
    store_open(how);

    while (in.left > 0 && the.operation < OPERATIONS && the.n < EVENTS - 8) {
        operate(&in, how);
    }

    check_all();
    disk_end(&the.disk);

    return 0;
}
