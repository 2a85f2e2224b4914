/*
 * rich.h - a small store that has something of everything: values, batches,
 * large values, elements, operands, expiry, deletes of keys and ranges, tables
 * of each compression and index, and a log that is in no table yet; and a
 * model of what was answered.
 *
 * A write that failed is in doubt: afterwards its batch is wholly there, or
 * not at all, and its keys are written no more.
 */

#ifndef FKV_T_RICH_H
#define FKV_T_RICH_H

#include "fault.h"
#include "live.h"

#include "shared/arena.h"
#include "store/compact.h"
#include "store/flush.h"
#include "store/helper.h"
#include "store/log_sync.h"
#include "store/recycle.h"
#include "store/switch.h"

#define RICH_MEMORY    FKV_MEMORY_MIN
#define RICH_BLOB_MIN  FKV_BLOB_MIN_MIN
#define RICH_OPERATOR  7                /* their type */
#define RICH_TEXT      (160 * 1024)
#define RICH_WAIT_MS   20000
#define RICH_MOMENTS   32
#define RICH_FAR       4102444800000ull /* when some keys expire: 2100 */

/* Names begin with the letter; in this order they are in order. */
#define RICH_KINDS(X)                                                         \
    X(CACHED,   'c', 4,  FKV_NAMESPACE_CACHE)                                 \
    X(ELEMENTS, 'e', 4,  0)                                                   \
    X(LARGE,    'l', 3,  0)                                                   \
    X(OPERANDS, 'o', 6,  0)                                                   \
    X(PLAIN,    'p', 40, 0)                                                   \
    X(RANGE,    'r', 12, 0)                                                   \
    X(TAIL,     't', 12, 3)                                                   \
    X(EXPIRING, 'x', 6,  0)

typedef enum {
#define RICH_ENUM(name, letter, n, ns)  RICH_##name,
    RICH_KINDS(RICH_ENUM)
#undef RICH_ENUM
    RICH_KIND_N
} rich_kind_e;

enum {
#define RICH_SUM(name, letter, n, ns)  + (n)
    RICH_KEYS = 0 RICH_KINDS(RICH_SUM)
#undef RICH_SUM
};

/* NULL: it is not there. */
typedef struct {
    char      *is;
    char      *maybe;           /* the other, if doubt is not 0 ... */
    unsigned   doubt;           /* ... with all others of this number */
} rich_key_t;

typedef struct {
    live_t          live;
    fkv_t          *store;
    fkv__helper_t  *helper;
    bool            synced;     /* sync=always */
    char            checkpoints[80];
    unsigned        step;       /* makes values differ */
    unsigned        doubts;
    bool            long_value; /* the next large one is of two pieces */
    rich_key_t      keys[RICH_KEYS];

    unsigned        moments;    /* since all was in tables */
    char           *then[RICH_MOMENTS][RICH_KEYS];
} rich_t;

static char  rich_a[RICH_TEXT], rich_b[RICH_TEXT];


static inline rich_kind_e
rich_kind(unsigned key, unsigned *number, unsigned *ns, char *letter)
{
    static const struct {
        char      letter;
        unsigned  n;
        unsigned  ns;
    } kinds[] = {
#define RICH_ROW(name, letter, n, ns)  { letter, n, ns },
        RICH_KINDS(RICH_ROW)
#undef RICH_ROW
    };
    unsigned  kind = 0;

    while (key >= kinds[kind].n) {
        key -= kinds[kind++].n;
    }

    *number = key;
    *ns = kinds[kind].ns;
    *letter = kinds[kind].letter;

    return (rich_kind_e) kind;
}


static inline unsigned
rich_first(rich_kind_e kind)
{
    unsigned  key = 0, number, ns;
    char      letter;

    while (rich_kind(key, &number, &ns, &letter) != kind) {
        key++;
    }

    return key;
}


static inline rich_kind_e
rich_name(unsigned key, char *name, unsigned *ns)
{
    unsigned     number;
    char         letter;
    rich_kind_e  kind = rich_kind(key, &number, ns, &letter);

    (void) sprintf(name, "%c%03u", letter, number % 1000);

    return kind;
}


/* The operator appends, so it tells order, loss and repetition. */
static inline int
rich_full(void *data, uint16_t type, const fkv_chain_t *chain,
    const fkv_value_t *base, const fkv_str_t *ops, unsigned n,
    fkv_merged_t *merged)
{
    static __thread char  out[RICH_TEXT];
    size_t                len = 0;

    (void) data;
    (void) chain;

    if (base != NULL && base->data.len > 0) {
        len = base->data.len;
        memcpy(out, base->data.data, len);
    }

    for (unsigned i = 0; i < n; i++) {
        memcpy(out + len, ops[i].data, ops[i].len);
        len += ops[i].len;
    }

    *merged = (fkv_merged_t) { { (uint8_t *) out, len }, type, 1 };

    return FKV_OK;
}


static inline int
rich_partial(void *data, uint16_t type, const fkv_chain_t *chain,
    const fkv_str_t *ops, unsigned n, fkv_str_t *merged)
{
    fkv_merged_t  value;
    int           rc = rich_full(data, type, chain, NULL, ops, n, &value);

    *merged = value.data;

    return rc;
}


static const fkv_merge_t  rich_operator = {
    .full = rich_full, .partial = rich_partial
};


/* Where stores are made: in memory, if there is room for files. */
static char  rich_base[32];

static inline void
rich_base_make(void)
{
    (void) snprintf(rich_base, sizeof(rich_base), "%s/fkv-unit-XXXXXX",
                    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/var/tmp");
    assert_non_null(mkdtemp(rich_base));
}


/* With all that is in it, also that of trials that have failed. */
static inline void
rich_base_remove(void)
{
    (void) nftw(rich_base, live_unlink, 16, FTW_DEPTH | FTW_PHYS);
}


static inline void
rich_dir(rich_t *rich)
{
    memset(rich, 0, sizeof(*rich));
    (void) snprintf(rich->live.dir, sizeof(rich->live.dir), "%s/XXXXXX",
                    rich_base);
    assert_non_null(mkdtemp(rich->live.dir));
    rich->live.log = (fkv_log_t) { live_log, &rich->live };
    rich->live.quiet = true;
}


/* Not yet attached.  As fkv_open. */
static inline int
rich_open(rich_t *rich)
{
    int  rc;

    rc = live_open_with(&rich->live, (fkv_options_t) {
                            .memory = RICH_MEMORY,
                            .blob_min = RICH_BLOB_MIN,
                            .sync = rich->synced ? FKV_SYNC_ALWAYS
                                                 : FKV_SYNC_EVERYSEC,
                            .checkpoints = rich->checkpoints[0] != '\0'
                                           ? rich->checkpoints : NULL,
                            .fs = fault_fs(), .io = &fault_io });
    rich->store = (rc == FKV_OK) ? rich->live.store : NULL;

    return rc;
}


/* This process has the helper role, and does what it is asked to. */
static inline int
rich_attach(rich_t *rich)
{
    int  rc;

    fkv_merge_set(rich->store, &rich_operator, NULL);

    rc = fkv_attach(rich->store, FKV_WORKER, &rich->live.log, live_on_turn,
                    &rich->live, rich->live.error);

    if (rc != FKV_OK) {
        return rc;
    }

    rich->store->seg->state.helper = rich->store->slot + 1;
    rich->helper = fkv__helper_new(rich->store);

    return (rich->helper != NULL) ? fkv__helper_open(rich->helper)
                                  : FKV_ENOMEM;
}


static inline void
rich_close(rich_t *rich)
{
    if (rich->helper != NULL) {
        fkv__helper_free(rich->helper);
        rich->helper = NULL;
    }

    if (rich->store != NULL && rich->store->attached) {
        fkv_detach(rich->store);
    }

    if (rich->store != NULL) {
        fkv_close(rich->store);
        rich->store = NULL;
    }
}


static inline void
rich_done(rich_t *rich)
{
    rich_close(rich);
    live_remove(&rich->live);

    for (unsigned i = 0; i < RICH_KEYS; i++) {
        free(rich->keys[i].is);
        free(rich->keys[i].maybe);

        for (unsigned m = 0; m < rich->moments; m++) {
            free(rich->then[m][i]);
        }
    }
}


/* FKV_AGAIN after a while: it hangs. */
static inline int
rich_wait(rich_t *rich, fkv_op_t *op, int rc, const bool *done)
{
    uint64_t  until = live_ms() + RICH_WAIT_MS;

    if (rc != FKV_AGAIN) {
        return rc;
    }

    while (!*done) {
        live_loop(&rich->live, 10);

        if (live_ms() > until) {
            fail_msg("%s hangs in state %d", op->name, op->state);
        }
    }

    return op->rc;
}


/* What a write of this key at this step puts there. */
static inline size_t
rich_value(const rich_t *rich, unsigned key, rich_kind_e kind, char *out)
{
    unsigned  step = rich->step;
    uint64_t  random = 0x9e3779b97f4a7c15ull * (key * 1000 + step + 1);
    size_t    n = (size_t) sprintf(out, "%u.%u:", key, step);
    size_t    len = n + check_random(&random) % 90;

    if (kind == RICH_LARGE) {
        len = RICH_BLOB_MIN + check_random(&random) % 3000
              + (rich->long_value ? FKV__BLOB_PIECE_BYTES - 5000 : 0);
    }

    for (; n < len; n++) {
        out[n] = (char) ('a' + check_random(&random) % (n % 7 == 0 ? 26 : 3));
    }

    out[len] = '\0';

    return len;
}


/* What keys had, or may have from now on. */
static inline void
rich_note(rich_t *rich, unsigned key, const char *text, int rc,
    unsigned doubt)
{
    rich_key_t  *k = &rich->keys[key];
    char        *copy = (text != NULL) ? strdup(text) : NULL;

    if (rc == FKV_OK) {
        free(k->is);
        k->is = copy;

    } else {
        k->maybe = copy;
        k->doubt = doubt;
    }
}


static inline int
rich_update(rich_t *rich, fkv_change_t *changes, unsigned n)
{
    bool          done = false;
    fkv_update_t  u = { .store = rich->store, .changes = changes, .n = n,
                        .now_ms = fkv_now_ms(rich->store),
                        .op = { .on_done = live_done, .data = &done } };

    return rich_wait(rich, &u.op, fkv_update(&u), &done);
}


/* Keys in doubt are left alone. */
static inline bool
rich_writable(const rich_t *rich, unsigned key, unsigned n)
{
    for (unsigned i = key; i < key + n; i++) {
        if (rich->keys[i].doubt != 0) {
            return false;
        }
    }

    return true;
}


/* A batch of neighbours of one kind: puts, of operands merges. */
static inline int
rich_put(rich_t *rich, unsigned first, unsigned n)
{
    static char   texts[RICH_KEYS][1000], names[RICH_KEYS][8];
    fkv_change_t  changes[RICH_KEYS] = { { .ns = 0 } };
    unsigned      doubt = ++rich->doubts;
    int           rc;

    if (!rich_writable(rich, first, n)) {
        return FKV_OK;
    }

    rich->step++;

    for (unsigned i = 0; i < n; i++) {
        fkv_change_t  *change = &changes[i];
        rich_kind_e    kind = rich_name(first + i, names[i], &change->ns);
        char          *text = (kind == RICH_LARGE) ? rich_a : texts[i];

        change->key = live_str(names[i]);
        change->blind = (i % 2 == 0 || kind == RICH_OPERANDS);
        change->action = (kind == RICH_OPERANDS) ? FKV_MERGE : FKV_PUT;
        change->type = (kind == RICH_OPERANDS) ? RICH_OPERATOR : 0;
        change->expire_at = (kind == RICH_EXPIRING) ? RICH_FAR + first + i : 0;
        change->content_type = (kind == RICH_CACHED) ? FKV_STR("text/css")
                                                     : FKV_STR_NULL;
        change->value.data = (const uint8_t *) text;
        change->value.len = rich_value(rich, first + i, kind, text);
    }

    rc = rich_update(rich, changes, n);

    for (unsigned i = 0; i < n; i++) {
        const char  *is = rich->keys[first + i].is;
        char         name[8];
        unsigned     ns;

        (void) snprintf(rich_b, sizeof(rich_b), "%s%.*s",
                        rich_name(first + i, name, &ns) == RICH_OPERANDS
                        && is != NULL ? is : "",
                        (int) changes[i].value.len,
                        (const char *) changes[i].value.data);
        rich_note(rich, first + i, rich_b, rc, doubt);
    }

    return rc;
}


static inline int
rich_delete(rich_t *rich, unsigned key)
{
    char          name[8];
    fkv_change_t  change = { .action = FKV_DELETE };
    int           rc;

    if (!rich_writable(rich, key, 1)) {
        return FKV_OK;
    }

    (void) rich_name(key, name, &change.ns);
    change.key = live_str(name);
    rc = rich_update(rich, &change, 1);
    rich_note(rich, key, NULL, rc, ++rich->doubts);

    return rc;
}


/* All keys of RICH_RANGE by one record. */
static inline int
rich_delete_range(rich_t *rich)
{
    unsigned      first = rich_first(RICH_RANGE), doubt = ++rich->doubts;
    unsigned      n = rich_first(RICH_TAIL) - first;
    fkv_change_t  change = { .prefix = true, .key = FKV_STR("r"),
                             .action = FKV_DELETE };
    int           rc;

    if (!rich_writable(rich, first, n)) {
        return FKV_OK;
    }

    rc = rich_update(rich, &change, 1);

    for (unsigned i = first; i < first + n; i++) {
        rich_note(rich, i, NULL, rc, doubt);
    }

    return rc;
}


/* A key with elements, all of them new. */
static inline int
rich_put_elements(rich_t *rich, unsigned key)
{
    char           name[8], names[20][8], values[20][20], text[1000];
    size_t         len = 0;
    fkv_element_t  elements[20] = { { .gone = false } };
    fkv_change_t   change = { .blind = true, .action = FKV_PUT, .type = 1,
                              .elements = elements, .elements_n = 20,
                              .value = FKV_STR("head") };
    int            rc;

    if (!rich_writable(rich, key, 1)) {
        return FKV_OK;
    }

    (void) rich_name(key, name, &change.ns);
    change.key = live_str(name);
    change.stamp = ++rich->step + 1000000;
    len = (size_t) sprintf(text, "head");

    for (unsigned i = 0; i < 20; i++) {
        (void) sprintf(names[i], "n%02u", i);
        (void) sprintf(values[i], "%u.%u", rich->step, i);
        elements[i].name = live_str(names[i]);
        elements[i].value = live_str(values[i]);
        len += (size_t) sprintf(text + len, "|%s=%s", names[i], values[i]);
    }

    rc = rich_update(rich, &change, 1);
    rich_note(rich, key, text, rc, ++rich->doubts);

    return rc;
}


typedef struct {
    fkv_scan_t  scan;
    bool        done;
    size_t      len;
    char       *text;
} rich_scan_t;


static inline int
rich_on_element(fkv_scan_t *scan, fkv_str_t key, const fkv_value_t *value)
{
    rich_scan_t  *s = fkv__container(scan, rich_scan_t, scan);

    assert_true(s->len + key.len + value->data.len + 3 < RICH_TEXT);
    s->len += (size_t) sprintf(s->text + s->len, "|%.*s=%.*s", (int) key.len,
                               (const char *) key.data, (int) value->data.len,
                               (const char *) value->data.data);

    return FKV_OK;
}


/* Appends the elements to text. */
static inline int
rich_read_elements(rich_t *rich, fkv_str_t key, unsigned ns, uint64_t stamp,
    char *text)
{
    rich_scan_t  s = {
        .scan = { .store = rich->store, .ns = ns, .key = key, .stamp = stamp,
                  .now_ms = fkv_now_ms(rich->store),
                  .on_entry = rich_on_element,
                  .op = { .on_done = live_done } },
        .len = strlen(text), .text = text
    };

    s.scan.op.data = &s.done;

    return rich_wait(rich, &s.scan.op, fkv_scan(&s.scan), &s.done);
}


/* What is there: FKV_OK and the text · FKV_NOTFOUND · a failure */
static inline int
rich_read(rich_t *rich, unsigned key, char *text)
{
    bool       done = false;
    char       name[8];
    int        rc;
    uint64_t   stamp;
    fkv_get_t  get = { .store = rich->store, .load_max = RICH_TEXT,
                       .now_ms = fkv_now_ms(rich->store),
                       .op = { .on_done = live_done, .data = &done } };

    (void) rich_name(key, name, &get.ns);
    get.key = live_str(name);
    rc = rich_wait(rich, &get.op, fkv_get(&get), &done);
    stamp = get.value.stamp;

    if (rc == FKV_OK) {
        assert_true(get.value.data.len < RICH_TEXT);
        (void) snprintf(text, RICH_TEXT, "%.*s", (int) get.value.data.len,
                        (const char *) get.value.data.data);
    }

    fkv_get_done(&get);

    return (rc == FKV_OK && stamp != 0)
           ? rich_read_elements(rich, live_str(name), get.ns, stamp, text)
           : rc;
}


static inline bool
rich_same(const char *a, const char *b)
{
    return (a == NULL || b == NULL) ? a == b : strcmp(a, b) == 0;
}


/* Counts keys whose reading failed, if they may; the others must be right. */
static inline unsigned
rich_verify(rich_t *rich, bool may_fail, const char *when)
{
    signed char  outcome[1000] = { 0 };     /* of a doubt: 1 no, 2 yes */
    unsigned     failed = 0;

    assert_true(rich->doubts < sizeof(outcome));

    for (unsigned i = 0; i < RICH_KEYS; i++) {
        rich_key_t  *k = &rich->keys[i];
        int          rc = rich_read(rich, i, rich_a);
        const char  *text = (rc == FKV_OK) ? rich_a : NULL;
        bool         is, maybe;
        signed char  way;
        char         name[8];
        unsigned     ns;

        (void) rich_name(i, name, &ns);

        if (rc < 0) {
            if (!may_fail) {
                fail_msg("%s: %s answers %s (%s)", when, name,
                         fkv_code_name(rc), rich->live.logged);
            }

            failed++;
            continue;
        }

        is = rich_same(text, k->is);
        maybe = (k->doubt != 0 && rich_same(text, k->maybe));

        if (!is && !maybe) {
            fail_msg("%s: %s is %.60s, not %.60s%s%.60s", when, name,
                     text != NULL ? text : "gone",
                     k->is != NULL ? k->is : "gone",
                     k->doubt != 0 ? " or " : "",
                     k->doubt == 0 ? "" : k->maybe != NULL ? k->maybe
                                                           : "gone");
        }

        if (is == maybe) {
            continue;
        }

        way = maybe ? 2 : 1;

        if (k->doubt != 0 && outcome[k->doubt] == 3 - way) {
            fail_msg("%s: of the batch of %s only a part is there", when,
                     name);
        }

        outcome[k->doubt] = way;
    }

    return failed;
}


/* All that was written is in the log file. */
static inline void
rich_settle(rich_t *rich)
{
    fkv__log_shm_t  *log = &rich->store->seg->log;
    uint64_t         until = live_ms() + RICH_WAIT_MS, ready;

    while (!__atomic_load_n(&rich->store->seg->state.readonly,
                            __ATOMIC_ACQUIRE)
           && __atomic_load_n(&log->written, __ATOMIC_ACQUIRE)
              < (ready = fkv__commit_advance(rich->store)))
    {
        rich->store->lazy_lsn = ready;
        rich->store->lazy_since_ms = 1;         /* long ago: it is due */
        fkv__want_turn(rich->store);
        live_loop(&rich->live, 10);
        assert_true(live_ms() < until);
    }

    (void) fkv__log_sync(rich->store);
}


/* Ends the memtable, not an empty one, and begins the next. */
static inline int
rich_seal(rich_t *rich)
{
    fkv__segment_shm_t  *seg = rich->store->seg;
    unsigned             id = fkv__set_arena(seg->state.memtables, 0);

    while (fkv__recycle(rich->helper) == FKV_OK) {
        /* go on */
    }

    if (fkv__arena_word(&seg->arenas[id]).top == 0) {
        return FKV_OK;
    }

    fkv__arena_seal(&seg->arenas[id], fkv__segment_arena(seg, id));

    return fkv__switch_arena(rich->store);
}


static inline int
rich_flush(rich_t *rich)
{
    int  rc = FKV_OK;

    rich_settle(rich);

    if (!fkv__flush_wanted(rich->store)) {
        rc = rich_seal(rich);
        rich_settle(rich);
    }

    while (rc == FKV_OK && fkv__flush_wanted(rich->store)) {
        rc = fkv__flush(rich->helper);
    }

    return rc;
}


/* FKV_END: nothing more to do. */
static inline int
rich_compact(rich_t *rich)
{
    int       rc;
    unsigned  n = 0;

    while ((rc = fkv__compact(rich->helper)) == FKV_OK) {
        assert_true(++n < 1000);
    }

    return rc;
}


static inline void
rich_change(rich_t *rich, fkv_compression_e compression, fkv_index_e index)
{
    fkv_options_t  opt = *fkv_options(rich->store);

    opt.compression = compression;
    opt.index = index;
    fkv_change(rich->store, &opt);
}


/* How all is now. */
static inline void
rich_remember(rich_t *rich)
{
    assert_true(rich->moments < RICH_MOMENTS);

    for (unsigned i = 0; i < RICH_KEYS; i++) {
        const char  *is = rich->keys[i].is;

        rich->then[rich->moments][i] = (is != NULL) ? strdup(is) : NULL;
    }

    rich->moments++;
}


#define rich_ok(call)  assert_int_equal((call), FKV_OK)

/* Something of every kind, written and flushed. */
static inline void
rich_fill_once(rich_t *rich)
{
    for (unsigned i = 0; i < 40; i += 10) {
        rich_ok(rich_put(rich, rich_first(RICH_PLAIN) + i, 10));
    }

    rich_ok(rich_put(rich, rich_first(RICH_RANGE), 12));
    rich_ok(rich_put(rich, rich_first(RICH_CACHED), 4));
    rich_ok(rich_put(rich, rich_first(RICH_EXPIRING), 6));
    rich_ok(rich_put(rich, rich_first(RICH_OPERANDS), 6));

    for (unsigned i = 0; i < 4; i++) {
        rich_ok(rich_put_elements(rich, rich_first(RICH_ELEMENTS) + i));
    }

    rich_ok(rich_put(rich, rich_first(RICH_LARGE) + rich->step % 3, 1));

    rich_ok(rich_delete(rich, rich_first(RICH_PLAIN) + rich->step % 40));
    rich_ok(rich_flush(rich));
}


/*
 * The whole store, attached: level 0 in three ways of writing tables over a
 * level below it, a range delete that hides something, and a log of two files
 * whose records are in no table; each moment of that is remembered.
 */
static inline void
rich_fill(rich_t *rich)
{
    for (unsigned i = 0; i < 4; i++) {
        rich_change(rich, (fkv_compression_e) (i % 3), (fkv_index_e) (i % 3));
        rich_fill_once(rich);
    }

    assert_int_equal(rich_compact(rich), FKV_END);

    rich_change(rich, FKV_COMPRESSION_ZSTD, FKV_INDEX_LINEAR);
    rich_fill_once(rich);
    rich_change(rich, FKV_COMPRESSION_NONE, FKV_INDEX_BINARY);
    rich_ok(rich_delete_range(rich));
    rich_fill_once(rich);
    rich_ok(rich_delete_range(rich));
    rich_ok(rich_put(rich, rich_first(RICH_RANGE) + 3, 2));
    rich_ok(rich_flush(rich));

    rich_remember(rich);
    rich_ok(rich_put(rich, rich_first(RICH_PLAIN), 5));
    rich_remember(rich);
    rich->long_value = true;
    rich_ok(rich_put(rich, rich_first(RICH_LARGE) + 1, 1));
    rich->long_value = false;
    rich_remember(rich);
    rich_ok(rich_put(rich, rich_first(RICH_OPERANDS), 2));
    rich_remember(rich);
    rich_ok(rich_seal(rich));
    rich_ok(rich_put_elements(rich, rich_first(RICH_ELEMENTS)));
    rich_remember(rich);
    rich_ok(rich_delete(rich, rich_first(RICH_PLAIN) + 1));
    rich_remember(rich);

    for (unsigned i = 0; i < 12; i++) {
        rich_ok(rich_put(rich, rich_first(RICH_TAIL) + i, 1));
        rich_settle(rich);
        rich_remember(rich);
    }
}


#endif /* FKV_T_RICH_H */
