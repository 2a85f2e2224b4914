/*
 * store_fold.c - operands, against a model that puts them together at once.
 */

#include "disk.h"

#include "store/count.h"
#include "store/evict.h"
#include "store/flush.h"
#include "store/fold.h"
#include "store/log_sync.h"
#include "store/memtable.h"
#include "store/press.h"

#define KEYS    60
#define TEXT    60000
#define TYPE    7
#define MEMORY  (8 * 1024 * 1024)

/* The operator appends: that tells order, loss and repetition. */
typedef struct {
    bool      exists;
    uint64_t  expire_at;
    char      text[TEXT];
} model_t;

static disk_t      disk;
static model_t    *model;               /* KEYS of them */
static model_t    *then;                /* as of the snapshot */
static bool        missing;             /* the operator is */
static bool        fails;
static unsigned    partials;
static uint64_t    random_state;
static char        out[2 * TEXT];       /* of the operator */


static int
full(void *data, uint16_t type, const fkv_chain_t *chain,
    const fkv_value_t *base, const fkv_str_t *ops, unsigned n,
    fkv_merged_t *merged)
{
    size_t  len = 0;

    assert_ptr_equal(data, &disk);
    assert_true(type == TYPE || type == TYPE + 1);
    assert_true(chain->key.len > 0);
    assert_true(chain->ns < 256 && chain->oldest <= chain->newest);
    assert_true((n > 1 || base != NULL) == (chain->oldest < chain->newest));
    assert_true(n > 0);

    if (missing) {
        return FKV_EMISSING;
    }

    if (fails) {
        return FKV_EIO;
    }

    if (base != NULL) {
        len = base->data.len;
        memcpy(out, base->data.data, len);
    }

    for (unsigned i = 0; i < n; i++) {
        memcpy(out + len, ops[i].data, ops[i].len);
        len += ops[i].len;
    }

    merged->data = (fkv_str_t) { (uint8_t *) out, len };
    merged->type = type;
    merged->encver = 3;

    return FKV_OK;
}


static int
partial(void *data, uint16_t type, const fkv_chain_t *chain,
    const fkv_str_t *ops, unsigned n, fkv_str_t *merged)
{
    fkv_merged_t  value;
    int           rc = full(data, type, chain, NULL, ops, n, &value);

    partials += (rc == FKV_OK);
    *merged = value.data;

    return rc;
}


static const fkv_merge_t  operator = { .full = full, .partial = partial };


static void
fold_open(void)
{
    disk_open(&disk, MEMORY);
    fkv_merge_set(disk.store, &operator, &disk);
    disk_attach(&disk);
}


static int
fold_setup(void **state)
{
    (void) state;

    missing = false;
    fails = false;
    partials = 0;
    random_state = 88172645463325252ull;
    model = calloc(KEYS, sizeof(*model));
    then = calloc(KEYS, sizeof(*then));

    memset(&disk, 0, sizeof(disk));
    live_dir(&disk.live);
    disk.live.quiet = true;
    fold_open();

    return 0;
}


static int
fold_teardown(void **state)
{
    (void) state;
    disk_end(&disk);
    free(model);
    free(then);

    return 0;
}


/* Closed, as all processes may end at any time; the log is replayed. */
static void
reopen(void)
{
    disk_settle(&disk);
    disk_close(&disk);
    fold_open();
}


static int
change_key(fkv_change_t *change)
{
    bool          done = false;
    fkv_update_t  u = { .store = disk.store, .changes = change, .n = 1,
                        .now_ms = fkv_now_ms(disk.store),
                        .op = { .on_done = live_done, .data = &done } };

    return live_wait(&disk.live, &u.op, fkv_update(&u), &done);
}


static void
name_of(unsigned key, char *name)
{
    (void) sprintf(name, "k%u", key);
}


static model_t *
model_now(unsigned key)
{
    model_t   *m = &model[key];

    if (m->exists && m->expire_at != 0
        && m->expire_at <= fkv_now_ms(disk.store))
    {
        *m = (model_t) { .exists = false };
    }

    return m;
}


static void
merge_typed(unsigned key, uint16_t type, const char *operand)
{
    char          name[16];
    model_t      *m = model_now(key);
    fkv_change_t  change = { .blind = true, .action = FKV_MERGE,
                             .type = type, .value = live_str(operand) };

    name_of(key, name);
    change.key = live_str(name);
    assert_int_equal(change_key(&change), FKV_OK);
    assert_true(change.version != 0);

    m->exists = true;
    assert_true(strlen(m->text) + strlen(operand) < TEXT);
    (void) strcat(m->text, operand);
}


static void
merge(unsigned key, const char *operand)
{
    merge_typed(key, TYPE, operand);
}


static void
put(unsigned key, const char *text, uint64_t ttl_ms)
{
    char          name[16];
    fkv_change_t  change = { .blind = true, .action = FKV_PUT,
                             .type = TYPE, .content_type = FKV_STR("a/b"),
                             .value = live_str(text) };

    name_of(key, name);
    change.key = live_str(name);
    change.expire_at = (ttl_ms > 0) ? fkv_now_ms(disk.store) + ttl_ms : 0;
    assert_int_equal(change_key(&change), FKV_OK);

    model[key] = (model_t) { .exists = true, .expire_at = change.expire_at };
    (void) strcpy(model[key].text, text);
}


static void
remove_key(unsigned key)
{
    char          name[16];
    fkv_change_t  change = { .blind = true, .action = FKV_DELETE };

    name_of(key, name);
    change.key = live_str(name);
    assert_int_equal(change_key(&change), FKV_OK);
    model[key] = (model_t) { .exists = false };
}


static void
remove_all(const char *prefix)
{
    char          name[16];
    fkv_change_t  change = { .prefix = true, .action = FKV_DELETE,
                             .key = live_str(prefix) };

    assert_int_equal(change_key(&change), FKV_OK);

    for (unsigned i = 0; i < KEYS; i++) {
        name_of(i, name);

        if (strncmp(name, prefix, strlen(prefix)) == 0) {
            model[i] = (model_t) { .exists = false };
        }
    }
}


static int
get_at(unsigned key, const fkv_lease_t *lease, fkv_get_t *get)
{
    static char  name[16];
    bool         done = false;

    name_of(key, name);
    *get = (fkv_get_t) { .store = disk.store, .key = live_str(name),
                         .now_ms = fkv_now_ms(disk.store),
                         .load_max = TEXT,
                         .op = { .on_done = live_done, .data = &done } };

    if (lease != NULL) {
        get->lease = *lease;
    }

    return live_wait(&disk.live, &get->op, fkv_get(get), &done);
}


static void
check_value(unsigned key, const model_t *m, int rc, const fkv_value_t *value)
{
    bool  exists = m->exists && (m->expire_at == 0
                                 || m->expire_at > fkv_now_ms(disk.store));

    if ((rc == FKV_OK) != exists) {
        fail_msg("key %u: %s, model \"%.60s\"", key, fkv_code_name(rc),
                 m->text);
    }

    if (!exists) {
        assert_int_equal(rc, FKV_NOTFOUND);
        return;
    }

    if (value->data.len != strlen(m->text)
        || memcmp(value->data.data, m->text, value->data.len) != 0)
    {
        fail_msg("key %u: \"%.*s\", not \"%s\"", key, (int) value->data.len,
                 value->data.data, m->text);
    }

    assert_int_equal(value->expire_at, m->expire_at);
}


static void
check_gets(const model_t *models, const fkv_lease_t *lease)
{
    for (unsigned i = 0; i < KEYS; i++) {
        fkv_get_t  get;
        int        rc = get_at(i, lease, &get);

        check_value(i, &models[i], rc, &get.value);
        fkv_get_done(&get);
    }
}


static unsigned  seen[KEYS];

static int
on_entry(fkv_scan_t *scan, fkv_str_t key, const fkv_value_t *value)
{
    unsigned  i = check_number(key, 1);

    check_value(i, (const model_t *) scan->op.data + i, FKV_OK, value);
    seen[i]++;

    return FKV_OK;
}


static void
on_scanned(fkv_op_t *op)
{
    fkv__container(op, fkv_scan_t, op)->limit = 1;
}


static void
check_scan(model_t *models, const fkv_lease_t *lease)
{
    fkv_scan_t  scan = { .store = disk.store, .load_max = TEXT,
                         .now_ms = fkv_now_ms(disk.store),
                         .on_entry = on_entry,
                         .op = { .on_done = on_scanned, .data = models } };
    uint64_t    until = live_ms() + 20000;
    int         rc;

    if (lease != NULL) {
        scan.lease = *lease;
    }

    memset(seen, 0, sizeof(seen));
    rc = fkv_scan(&scan);

    while (rc == FKV_AGAIN && scan.limit == 0) {
        live_loop(&disk.live, 10);
        assert_true(live_ms() < until);
    }

    assert_int_equal((rc == FKV_AGAIN) ? scan.op.rc : rc, FKV_OK);

    for (unsigned i = 0; i < KEYS; i++) {
        const model_t  *m = &models[i];

        assert_int_equal(seen[i], m->exists
                         && (m->expire_at == 0
                             || m->expire_at > fkv_now_ms(disk.store)));
    }
}


/* What decide() sees is what the model says; it puts it back, longer. */
static int
decide_append(fkv_update_t *u)
{
    fkv_change_t  *change = u->changes;
    const model_t *m = u->op.data;
    static char    text[TEXT + 2];

    check_value(0, m, change->exists ? FKV_OK : FKV_NOTFOUND,
                &change->current);
    (void) sprintf(text, "%sU", m->exists ? m->text : "");
    change->action = FKV_PUT;
    change->type = TYPE;
    change->expire_at = change->exists ? change->current.expire_at : 0;
    change->value = live_str(text);

    return FKV_OK;
}


static bool  updated;

static void
on_updated(fkv_op_t *op)
{
    (void) op;
    updated = true;
}


static void
append(unsigned key)
{
    char          name[16];
    model_t      *m = model_now(key);
    fkv_change_t  change = { .load = true };
    fkv_update_t  u = { .store = disk.store, .changes = &change, .n = 1,
                        .now_ms = fkv_now_ms(disk.store),
                        .decide = decide_append,
                        .op = { .on_done = on_updated, .data = m } };

    name_of(key, name);
    change.key = live_str(name);
    updated = false;
    assert_int_equal(live_wait(&disk.live, &u.op, fkv_update(&u), &updated),
                     FKV_OK);
    m->exists = true;
    (void) strcat(m->text, "U");
}


static void
check_all(void)
{
    for (unsigned i = 0; i < KEYS; i++) {
        (void) model_now(i);
    }

    check_gets(model, NULL);
    check_scan(model, NULL);
}


static void
operands_lie_on_what_is_there(void **state)
{
    (void) state;

    merge(1, "a");
    merge(1, "b");
    put(2, "x", 0);
    merge(2, "y");
    put(3, "gone", 0);
    remove_key(3);
    merge(3, "z");
    merge(4, "old");
    put(4, "new", 0);
    merge(5, "old");
    remove_key(5);
    put(6, "gone", 0);
    remove_all("k6");
    merge(6, "z");
    check_all();

    for (unsigned i = 0; i < 3; i++) {
        (i == 1) ? (void) disk_compact(&disk) : disk_flush(&disk);
        check_all();
        merge(1, "c");
        merge(2, "z");
        append(2);
        append(7);
        merge(7, "v");
        check_all();
    }

    reopen();
    check_all();
}


static void
operands_of_two_types_are_put_together_in_turn(void **state)
{
    fkv_get_t  get;

    (void) state;

    put(1, "p", 0);
    merge_typed(1, TYPE, "a");
    merge_typed(1, TYPE, "b");
    merge_typed(1, TYPE + 1, "c");
    merge_typed(1, TYPE, "d");
    check_all();

    assert_int_equal(get_at(1, NULL, &get), FKV_OK);
    assert_int_equal(get.value.type, TYPE);
    assert_int_equal(get.value.encver, 3);
    check_str(get.value.content_type, FKV_STR("a/b"));
    fkv_get_done(&get);
    disk_flush(&disk);
    check_all();
}


static void
a_base_that_expires_takes_older_operands_with_it(void **state)
{
    (void) state;

    for (unsigned i = 0; i < 4; i++) {
        put(i, "base", 1000);
        merge(i, "1");
    }

    disk_flush(&disk);
    disk_pass(&disk, 500);
    merge(1, "2");
    merge(2, "2");
    check_all();

    disk_pass(&disk, 600);
    fkv__clock_tick(disk.store);
    check_all();
    assert_false(model[1].exists);
    assert_true(600 > FKV__PRESS_MS);

    merge(2, "3");                      /* finds nothing */
    merge(3, "3");
    check_all();
    assert_string_equal(model[2].text, "3");

    disk_flush(&disk);
    check_all();
    reopen();
    check_all();

    (void) disk_compact(&disk);
    check_all();
}


static void
a_large_value_is_a_base(void **state)
{
    static char  large[50000];

    (void) state;

    memset(large, 'x', 49000);
    assert_true(disk.store->options.blob_min < 1000000);
    put(1, large, 0);
    merge(1, "a");
    check_all();
    disk_flush(&disk);
    merge(1, "b");
    check_all();
    append(1);
    check_all();
}


static void
without_an_operator_nothing_is_lost(void **state)
{
    fkv_get_t     get;
    fkv_change_t  change = { .key = FKV_STR("k1"), .action = FKV_DELETE };
    unsigned      chains = 0;

    (void) state;

    put(1, "p", 0);
    merge(1, "a");
    merge(2, "b");
    merge(3, "c");

    for (unsigned round = 0; round < 4; round++) {
        missing = (round % 2 == 0);
        fails = !missing;

        assert_int_equal(get_at(1, NULL, &get),
                         missing ? FKV_EMISSING : FKV_ECORRUPT);
        fkv_get_done(&get);
        merge(2, "+");
        disk_flush(&disk);
        (void) disk_compact(&disk);
        chains++;

        missing = false;
        fails = false;
        check_all();
        fkv_merge_set(disk.store, NULL, NULL);
        assert_int_equal(get_at(2, NULL, &get), FKV_EMISSING);
        fkv_get_done(&get);
        fkv_merge_set(disk.store, &operator, &disk);
    }

    /* Overwriting and deleting need none. */

    missing = true;
    put(3, "new", 0);
    assert_int_equal(change_key(&change), FKV_EMISSING);
    change.bare = true;
    assert_int_equal(change_key(&change), FKV_OK);
    model[1] = (model_t) { .exists = false };
    remove_key(2);
    check_all();
    missing = false;
}


static int
on_name(fkv_scan_t *scan, fkv_str_t key, const fkv_value_t *value)
{
    seen[check_number(key, 1)] += 1 + (value->unread == FKV_EMISSING);
    assert_int_equal(value->type, TYPE);
    (void) scan;

    return FKV_OK;
}


/* What is asked for without its bytes: names, types, times. */
static void
keys_are_listed_without_an_operator(void **state)
{
    fkv_scan_t  scan = { .store = disk.store, .on_entry = on_name };
    fkv_get_t   get;
    bool        done = false;

    (void) state;

    put(1, "p", 5000);
    merge(1, "a");
    put(2, "p", 0);
    missing = true;
    scan.now_ms = fkv_now_ms(disk.store);

    for (unsigned round = 0; round < 2; round++) {
        memset(seen, 0, sizeof(seen));
        scan.op = (fkv_op_t) { .on_done = live_done, .data = &done };
        done = false;
        assert_int_equal(live_wait(&disk.live, &scan.op, fkv_scan(&scan),
                                   &done), FKV_OK);
        assert_int_equal(seen[1], 2);
        assert_int_equal(seen[2], 1);

        get = (fkv_get_t) { .store = disk.store, .key = FKV_STR("k1"),
                            .now_ms = scan.now_ms, .head = true };
        get.op = (fkv_op_t) { .on_done = live_done, .data = &done };
        done = false;
        assert_int_equal(live_wait(&disk.live, &get.op, fkv_get(&get), &done),
                         FKV_OK);
        assert_int_equal(get.value.unread, FKV_EMISSING);
        assert_int_equal(get.value.type, TYPE);
        assert_int_equal(get.value.expire_at, scan.now_ms + 5000);
        fkv_get_done(&get);
        disk_flush(&disk);
    }

    missing = false;
}


static void
what_is_no_operand_is_refused(void **state)
{
    fkv_change_t  change = { .key = FKV_STR("k"), .blind = true,
                             .action = FKV_MERGE, .value = FKV_STR("v") };

    (void) state;

    assert_int_equal(change_key(&change), FKV_EINVAL);
    change.type = TYPE;
    change.prefix = true;
    assert_int_equal(change_key(&change), FKV_EINVAL);
    change.prefix = false;
    change.value = (fkv_str_t) { (uint8_t *) out,
                                 disk.store->options.blob_min };
    assert_int_equal(change_key(&change), FKV_EINVAL);
}


/* Operands in the active memtable, of the key, up to its base. */
static unsigned
chain_length(const char *key)
{
    uint8_t               ikey[40];
    fkv_str_t             str = { ikey, fkv__key_encode(ikey, 0,
                                                        live_str(key)) };
    fkv__memtable_t       mt;
    fkv__memtable_iter_t  it;
    fkv__record_t         rec;
    uint32_t              entry = 0;
    unsigned              n = 0;

    fkv__memtable_init(&mt, disk.store->seg,
                       fkv__set_arena(disk.store->seg->state.memtables, 0));
    fkv__memtable_iter_seek(&it, &mt, str);

    while ((entry = fkv__memtable_iter_version(&it, entry)) != 0
           && fkv__memtable_record(&mt, entry, &rec) == FKV_OK
           && rec.kind == FKV__RECORD_MERGE)
    {
        n++;
    }

    return n;
}


static void
a_long_chain_becomes_a_value(void **state)
{
    unsigned  longest = 0;

    (void) state;

    put(1, "p", 90000);

    for (unsigned i = 0; i < 3000; i++) {
        merge(1, "a");
        longest = fkv__max(longest, chain_length("k1"));
    }

    check_all();
    assert_true(longest >= FKV__FOLD_CHAIN);
    assert_true(longest < 5 * FKV__FOLD_CHAIN);
    assert_true(disk_count(&disk, FKV__STAT_folds_written) > 30);

    missing = true;                     /* then it only grows */

    for (unsigned i = 0; i < 300; i++) {
        merge(1, "b");
    }

    missing = false;
    assert_true(chain_length("k1") >= 300);
    check_all();
}


/* Records of the key in tables, and how many of them are operands. */
static unsigned
table_records(unsigned key, unsigned *operands)
{
    disk_walk_t  walk;
    unsigned     n = 0;

    *operands = 0;
    disk_walk_begin(&disk, &walk);

    while (fkv__merge_settle(&walk.merge) == FKV_OK) {
        const fkv__record_t  *rec = walk.merge.rec;

        if (check_number(rec->key, 2) == key) {
            n++;
            *operands += (rec->kind == FKV__RECORD_MERGE);
        }

        fkv__merge_next(&walk.merge);
    }

    disk_walk_end(&walk);

    return n;
}


static void
expect_tables(unsigned key, unsigned records, unsigned operands)
{
    unsigned  n, ops;

    n = table_records(key, &ops);

    if (n != records || ops != operands) {
        fail_msg("key %u: %u records, %u operands, not %u, %u", key, n, ops,
                 records, operands);
    }
}


static void
flush_puts_chains_together(void **state)
{
    (void) state;

    put(1, "p", 0);
    merge(1, "a");
    merge(1, "b");
    merge(2, "a");                      /* nothing older can lie below */
    merge(2, "b");
    put(4, "p", 0);
    merge_typed(5, TYPE, "a");
    merge_typed(5, TYPE + 1, "b");
    disk_flush(&disk);
    expect_tables(1, 1, 0);
    expect_tables(2, 1, 0);
    expect_tables(5, 1, 0);
    check_all();

    for (unsigned i = 0; i < 5; i++) {
        merge(1, "c");                  /* something does: one for all */
    }

    merge_typed(4, TYPE, "a");
    merge_typed(4, TYPE, "b");
    merge_typed(4, TYPE + 1, "c");
    remove_key(2);
    merge(2, "d");
    disk_flush(&disk);
    assert_true(partials > 0);
    expect_tables(1, 2, 1);
    expect_tables(2, 2, 0);
    expect_tables(4, 3, 2);
    check_all();
    reopen();
    check_all();
}


static void
operands_that_are_far_apart_stay_apart(void **state)
{
    (void) state;

    put(1, "p", 0);
    disk_flush(&disk);
    merge(1, "a");
    disk_pass(&disk, FKV__PRESS_MS + 1);
    fkv__clock_tick(disk.store);
    merge(1, "b");
    disk_flush(&disk);
    expect_tables(1, 3, 2);
    check_all();
}


static void
nothing_is_put_together_across_a_snapshot(void **state)
{
    fkv_lease_t  lease = { 0 };
    uint64_t     lsn;

    (void) state;

    put(1, "p", 0);
    merge(1, "a");
    merge(1, "b");
    assert_int_equal(fkv_snapshot_take(disk.store, 1000000, 1, &lease, &lsn),
                     FKV_OK);
    memcpy(then, model, KEYS * sizeof(*then));
    merge(1, "c");
    merge(1, "d");
    disk_flush(&disk);
    expect_tables(1, 2, 1);
    check_all();
    check_gets(then, &lease);
    check_scan(then, &lease);

    assert_int_equal(fkv_snapshot_drop(disk.store, &lease), FKV_OK);
    check_all();
}


static void
without_an_operator_all_records_stay(void **state)
{
    (void) state;

    put(1, "p", 0);
    merge(1, "a");
    merge(1, "b");
    merge(2, "c");
    missing = true;
    disk_flush(&disk);
    missing = false;
    expect_tables(1, 3, 2);
    expect_tables(2, 1, 1);
    check_all();

    fails = true;

    for (unsigned i = 0; i < 10; i++) {
        put(3, "x", 0);
        disk_flush(&disk);
    }

    assert_true(disk_compact(&disk) > 0);       /* goes on */
    expect_tables(1, 3, 2);
    fails = false;
    check_all();

    for (unsigned i = 0; i < 10; i++) {
        put(1 + i % 2 * 2, "y", 0);
        disk_flush(&disk);
    }

    assert_true(disk_compact(&disk) > 0);
    check_all();
}


static void
a_chain_on_what_has_expired_goes(void **state)
{
    unsigned  ops;

    (void) state;

    put(1, "p", 1000);
    merge(1, "a");
    missing = true;                     /* none is needed for that */
    disk_flush(&disk);
    expect_tables(1, 2, 1);
    disk_pass(&disk, 2000);
    fkv__clock_tick(disk.store);

    for (unsigned i = 0; i < 10; i++) {
        put(1 + i, "y", 1);
        put(40, "y", 0);
        disk_pass(&disk, 100);
        fkv__clock_tick(disk.store);
        disk_flush(&disk);
    }

    assert_true(disk_compact(&disk) > 0);
    assert_true(table_records(1, &ops) <= 1);
    assert_int_equal(ops, 0);
    missing = false;
    check_all();
}


static void
pass(uint64_t ms)
{
    disk_pass(&disk, ms);
    fkv__clock_tick(disk.store);
}


/* Until all that is in memtables now has left them, and all is merged. */
static void
churn(unsigned key)
{
    for (unsigned i = 0; i < 3 * FKV__ARENAS; i++) {
        pass(1);
        put(key, "y", 0);
        disk_flush(&disk);
    }

    (void) disk_compact(&disk);
}


/* Tables that compaction has merged down, a base with an expiry in them. */
static void
base_below(unsigned key, bool alone)
{
    put(key, "base", 1000);

    if (!alone) {
        put(key + 1, "live", 0);
        put(key + 2, "too", 0);
    }

    for (unsigned i = 0; i < 2 * FKV__PICK_L0_WRITES; i++) {
        put(50, "y", 0);
        disk_flush(&disk);
    }

    assert_true(disk_compact(&disk) > 0);
    expect_tables(key, 1, 0);
}


/* Where the operands are when compaction meets the base. */
static void
operands_wait(bool alone, bool flushed)
{
    unsigned  ops;

    base_below(1, alone);
    merge(1, "a");

    if (flushed) {
        disk_flush(&disk);
    }

    pass(500);
    merge(1, "b");
    pass(2000);
    check_all();
    (void) disk_compact(&disk);
    check_all();
    assert_false(model[1].exists);

    reopen();
    check_all();
    merge(1, "c");
    (void) disk_compact(&disk);
    check_all();
    assert_string_equal(model[1].text, "c");

    churn(2);
    check_all();
    assert_int_equal(table_records(1, &ops), 1);
    assert_int_equal(ops, 0);
}


static void
older_operands_in_memory_find_that_their_base_expired(void **state)
{
    (void) state;
    operands_wait(true, false);
}


static void
older_operands_in_tables_find_that_their_base_expired(void **state)
{
    (void) state;
    operands_wait(true, true);
}


static void
among_other_keys_an_expired_base_is_not_forgotten(void **state)
{
    (void) state;
    operands_wait(false, false);
}


static void
among_other_tables_an_expired_base_is_not_forgotten(void **state)
{
    (void) state;
    operands_wait(false, true);
}


/* The base, and operands that have met it, go; others lie above still. */
static void
a_chain_that_expired_is_not_forgotten(void **state)
{
    (void) state;

    base_below(1, false);
    missing = true;                     /* so they stay operands */
    merge(1, "a");
    disk_flush(&disk);

    for (unsigned i = 0; i < FKV__PICK_L0_WRITES; i++) {
        put(1 + i % 3 * 10, "y", 0);
        put(1, "base", 1000);
        merge(1, "a");
        disk_flush(&disk);
    }

    merge(1, "b");
    pass(2000);
    assert_true(disk_compact(&disk) > 0);
    missing = false;
    check_all();
    assert_false(model[1].exists);
    disk_flush(&disk);
    check_all();
    churn(2);
    check_all();
}


static void
a_stub_goes_when_nothing_needs_it(void **state)
{
    unsigned  ops;

    (void) state;

    base_below(1, false);
    merge(1, "a");
    merge(9, "a");
    pass(2000);
    (void) disk_compact(&disk);
    check_all();
    assert_true(table_records(1, &ops) > 0);    /* the stub, or its base */

    churn(50);
    check_all();
    expect_tables(1, 0, 0);
    expect_tables(9, 1, 0);
}


static void
a_snapshot_agrees_while_a_stub_stays(void **state)
{
    fkv_lease_t  lease = { 0 };
    uint64_t     lsn;

    (void) state;

    base_below(1, false);
    merge(1, "a");
    disk_settle(&disk);
    (void) fkv__commit_advance(disk.store);
    assert_int_equal(fkv_snapshot_take(disk.store, 1000000, 1, &lease, &lsn),
                     FKV_OK);
    memcpy(then, model, KEYS * sizeof(*then));
    check_gets(then, &lease);
    merge(1, "b");
    pass(2000);
    merge(1, "c");

    for (unsigned i = 0; i < 3; i++) {
        (void) disk_compact(&disk);
        check_all();
        check_gets(then, &lease);
        check_scan(then, &lease);
        churn(50);
    }

    assert_int_equal(fkv_snapshot_drop(disk.store, &lease), FKV_OK);
    churn(50);
    check_all();
    expect_tables(1, 1, 0);
}


/* Nobody writes operands: then nothing is kept for them. */
static void
without_operands_there_are_no_stubs(void **state)
{
    (void) state;

    base_below(1, false);
    put(3, "base", 1000);
    pass(2000);
    assert_true(disk_compact(&disk) > 0);
    expect_tables(1, 0, 0);
    disk_flush(&disk);
    (void) disk_compact(&disk);
    check_all();
}


static void
an_operand_is_not_older_than_its_memtable(void **state)
{
    bool          done = false;
    char          name[16];
    fkv_change_t  change = { .blind = true, .action = FKV_MERGE, .type = TYPE,
                             .value = live_str("late") };
    fkv_update_t  u = { .store = disk.store, .changes = &change, .n = 1,
                        .now_ms = fkv_now_ms(disk.store),
                        .op = { .on_done = live_done, .data = &done } };

    (void) state;

    put(1, "base", 1000);
    merge(2, "a");                      /* not the first operand */
    pass(2000);
    put(3, "y", 0);
    disk_flush(&disk);                  /* a memtable that begins now */

    name_of(1, name);
    change.key = live_str(name);
    assert_int_equal(live_wait(&disk.live, &u.op, fkv_update(&u), &done),
                     FKV_OK);
    model[1] = (model_t) { .exists = true, .text = "late" };
    check_all();
    churn(50);
    check_all();
}


static void
jobs_and_figures_know_chains(void **state)
{
    fkv_stats_t  before, after;
    uint64_t     keys;

    (void) state;

    fkv_stats(disk.store, &before);
    merge(1, "a");
    merge(1, "b");
    merge(2, "a");
    put(3, "p", 0);
    merge(3, "a");
    remove_key(4);
    fkv_stats(disk.store, &after);
    assert_int_equal(after.merges - before.merges, 4);
    assert_int_equal(after.usage[0].keys - before.usage[0].keys, 3);
    assert_true(after.usage[0].bytes >= before.usage[0].bytes + 6 * 4);

    missing = true;                     /* names need none */

    for (unsigned round = 0; round < 2; round++) {
        assert_int_equal(fkv__count_keys(disk.helper, 0, FKV_STR("k"), &keys),
                         FKV_OK);
        assert_int_equal(keys, 3);
        disk_flush(&disk);
    }

    missing = false;
    fkv_stats(disk.store, &after);
    assert_int_equal(after.usage[0].keys, 3);
    check_all();
}


/* What eviction does: a chain goes if it is as it was when it was sampled. */
static void
a_chain_is_evicted(void **state)
{
    fkv__evict_t  evict = { .store = disk.store };
    fkv_get_t     get;
    unsigned      left = 0;
    fkv_options_t options = disk.store->options;

    (void) state;

    for (unsigned i = 0; i < KEYS; i++) {
        memset(out, 'x', 3000);
        out[3000] = '\0';
        merge(i, out);
    }

    disk_flush(&disk);
    missing = true;
    options.max_size = 40 * 3000;
    options.evict = FKV_EVICT_RANDOM;
    fkv_change(disk.store, &options);
    fkv__evict_init(&evict);

    for (unsigned i = 0; i < 1000 && fkv__evict(&evict) != FKV_END; i++) {
        live_loop(&disk.live, 0);
    }

    fkv__evict_done(&evict);
    missing = false;

    for (unsigned i = 0; i < KEYS; i++) {
        left += (get_at(i, NULL, &get) == FKV_OK);
        fkv_get_done(&get);
    }

    assert_in_range(left, 1, KEYS - 10);
}


static void
random_writes(unsigned n, bool wide)
{
    static unsigned  token;

    for (unsigned i = 0; i < n; i++) {
        unsigned  key = (unsigned) (check_random(&random_state) % KEYS);
        unsigned  what = (unsigned) (check_random(&random_state) % 20);
        char      text[24];

        (void) sprintf(text, "%u,", ++token);

        if (strlen(model[key].text) > TEXT - 1000) {
            what = 19;
        }

        /* fold.h says what may become of operands on what expires. */

        if (what < 12 && model_now(key)->expire_at != 0) {
            what = 15;
        }

        if (what < 12) {
            merge(key, text);

        } else if (what < 14) {
            put(key, text, 0);

        } else if (what < 15) {
            put(key, text, 1 + check_random(&random_state) % 3000);

        } else if (what < 17) {
            append(key);

        } else if (what < 18) {
            disk_pass(&disk, check_random(&random_state) % 100);
            fkv__clock_tick(disk.store);

        } else if (what < 19 && wide && token % 8 == 0) {
            remove_all(token % 3 ? "k3" : "k1");

        } else {
            remove_key(key);
        }
    }
}


static void
random_writes_agree_with_a_model(void **state)
{
    fkv_lease_t  lease = { 0 };
    uint64_t     lsn;
    bool         leased = false;

    (void) state;

    for (unsigned round = 0; round < 120; round++) {
        random_writes(150, true);

        if (leased && round % 7 == 6) {
            check_gets(then, &lease);
            check_scan(then, &lease);
            assert_int_equal(fkv_snapshot_drop(disk.store, &lease), FKV_OK);
            leased = false;
        }

        if (!leased && round % 7 == 1) {
            disk_settle(&disk);
            (void) fkv__commit_advance(disk.store);
            assert_int_equal(fkv_snapshot_take(disk.store, 1000000, round + 1,
                                               &lease, &lsn), FKV_OK);
            memcpy(then, model, KEYS * sizeof(*then));
            leased = true;
        }

        if (round % 3 == 0) {
            disk_flush(&disk);
        }

        if (round % 5 == 0) {
            (void) disk_compact(&disk);
        }

        if (round % 11 == 10) {
            reopen();
            leased = false;
        }

        random_writes(20, false);
        missing = (round % 4 == 1);     /* so some chains stay as they are */
        disk_flush(&disk);
        missing = false;

        check_all();

        if (leased) {
            check_gets(then, &lease);
        }
    }
}


/* Keys 1 to 8 have bases that expire, in the last level. */
static void
eight_below(void)
{
    for (unsigned i = 1; i <= 8; i++) {
        put(i, "base", 1000);
    }

    for (unsigned i = 0; i < 2 * FKV__PICK_L0_WRITES; i++) {
        put(50, "y", 0);
        disk_flush(&disk);
    }

    (void) disk_compact(&disk);
}


static void
eight_merge(const char *text)
{
    for (unsigned i = 1; i <= 8; i++) {
        merge(i, text);
    }
}


/* All comes to tables, and those come to rest: disk_compact() sees to that. */
static void
come_to_rest(void)
{
    for (unsigned i = 0; i < 3 * FKV__ARENAS; i++) {
        pass(1);
        put(50, "y", 0);
        disk_flush(&disk);
    }

    (void) disk_compact(&disk);
}


static void
what_nobody_puts_together_comes_to_rest(void **state)
{
    (void) state;

    eight_below();
    missing = true;
    pass(2000);
    eight_merge("c");
    come_to_rest();
    missing = false;
    check_all();
}


static void
what_fails_on_a_stub_comes_to_rest(void **state)
{
    (void) state;

    eight_below();
    eight_merge("a");
    pass(2000);
    (void) disk_compact(&disk);
    fails = true;
    eight_merge("c");
    come_to_rest();
    fails = false;
    check_all();
}


/* The clock has made a step: nothing that expires is dropped for a while. */
static void
a_stub_comes_to_rest_though_nothing_may_expire(void **state)
{
    (void) state;

    eight_below();
    eight_merge("a");
    pass(2000);
    (void) disk_compact(&disk);
    check_all();

    disk_state(&disk)->drops_after_ms = fkv_now_ms(disk.store) + 3600000;
    come_to_rest();
    check_all();
}


/* A clock behind whose first look another process comes in between. */
static struct {
    const fkv__clock_t  *real;
    unsigned             looks;
} between;


static uint64_t
between_wall_ms(const fkv__clock_t *clock)
{
    (void) clock;

    return between.real->wall_ms(between.real);
}


static uint64_t
between_boot_ms(const fkv__clock_t *clock)
{
    uint64_t  at = between.real->boot_ms(between.real);

    (void) clock;

    if (between.looks++ == 0) {
        disk_pass(&disk, 5);
        (void) fkv__fold_written_ms(disk.store, 0);
    }

    return at;
}


static void
of_two_first_operands_none_is_before_the_first(void **state)
{
    static fkv__clock_t  clock;
    uint64_t             at;

    (void) state;

    between.real = disk.store->clock;
    clock = *between.real;
    clock.boot_ms = between_boot_ms;
    clock.wall_ms = between_wall_ms;

    disk.store->clock = &clock;
    at = fkv__fold_written_ms(disk.store, 0);
    disk.store->clock = between.real;

    assert_int_not_equal(between.looks, 0);
    assert_true(at >= fkv__fold_since_ms(disk.store));
}


static int
decide_longer(fkv_update_t *update)
{
    static char    text[100];
    fkv_change_t  *change = update->changes;

    (void) sprintf(text, "%.*sU", (int) change->current.data.len,
                   (const char *) change->current.data.data);
    change->action = FKV_PUT;
    change->type = TYPE;
    change->value = live_str(text);

    return FKV_OK;
}


/*
 * An update has found an operand in memory, and asks the tables for what is
 * below; meanwhile that memtable becomes a table, which it has not asked.
 */
static void
an_update_loses_no_operand_to_a_flush(void **state)
{
    char               name[16];
    model_t           *m;
    fkv_change_t       change = { .load = true };
    fkv_update_t       update = { .changes = &change, .n = 1,
                                  .decide = decide_longer,
                                  .op = { .on_done = on_updated } };
    fkv__state_shm_t  *shm;
    int                rc;

    (void) state;

    put(1, "base", 0);
    disk_flush(&disk);
    reopen();
    merge(1, "a");
    disk_seal(&disk);
    put(50, "y", 0);
    disk_settle(&disk);
    (void) fkv__log_sync(disk.store);
    (void) fkv__commit_advance(disk.store);

    m = model_now(1);
    name_of(1, name);
    change.key = live_str(name);
    update.store = disk.store;
    update.now_ms = fkv_now_ms(disk.store);
    update.op.data = m;
    updated = false;
    rc = fkv_update(&update);
    assert_int_equal(rc, FKV_AGAIN);

    assert_true(fkv__flush_wanted(disk.store));

    while (fkv__flush_wanted(disk.store)) {
        assert_int_equal(fkv__flush(disk.helper), FKV_OK);
    }

    shm = disk_state(&disk);                /* as recycle.c takes it out */
    assert_int_equal(fkv__set_count(shm->memtables), 2);
    shm->memtables = fkv__set_without_oldest(shm->memtables);

    assert_int_equal(live_wait(&disk.live, &update.op, rc, &updated), FKV_OK);
    (void) strcat(m->text, "U");
    check_all();
}


int
main(void)
{
#define TEST(name)  cmocka_unit_test_setup_teardown(name, fold_setup,         \
                                                    fold_teardown)

    const struct CMUnitTest  tests[] = {
        TEST(operands_lie_on_what_is_there),
        TEST(operands_of_two_types_are_put_together_in_turn),
        TEST(a_base_that_expires_takes_older_operands_with_it),
        TEST(a_large_value_is_a_base),
        TEST(without_an_operator_nothing_is_lost),
        TEST(keys_are_listed_without_an_operator),
        TEST(what_is_no_operand_is_refused),
        TEST(a_long_chain_becomes_a_value),
        TEST(flush_puts_chains_together),
        TEST(operands_that_are_far_apart_stay_apart),
        TEST(nothing_is_put_together_across_a_snapshot),
        TEST(without_an_operator_all_records_stay),
        TEST(a_chain_on_what_has_expired_goes),
        TEST(older_operands_in_memory_find_that_their_base_expired),
        TEST(older_operands_in_tables_find_that_their_base_expired),
        TEST(among_other_keys_an_expired_base_is_not_forgotten),
        TEST(among_other_tables_an_expired_base_is_not_forgotten),
        TEST(a_chain_that_expired_is_not_forgotten),
        TEST(a_stub_goes_when_nothing_needs_it),
        TEST(a_snapshot_agrees_while_a_stub_stays),
        TEST(without_operands_there_are_no_stubs),
        TEST(an_operand_is_not_older_than_its_memtable),
        TEST(what_nobody_puts_together_comes_to_rest),
        TEST(what_fails_on_a_stub_comes_to_rest),
        TEST(a_stub_comes_to_rest_though_nothing_may_expire),
        TEST(of_two_first_operands_none_is_before_the_first),
        TEST(an_update_loses_no_operand_to_a_flush),
        TEST(jobs_and_figures_know_chains),
        TEST(a_chain_is_evicted),
        TEST(random_writes_agree_with_a_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
