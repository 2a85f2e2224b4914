/*
 * store_faults.c - every n-th call that fails: of the disk, of memory; once, or
 * from then on.
 *
 * A trial is a scenario, a kind of call and an n.  Whatever fails, the process
 * goes on and hangs nowhere, nothing is answered that is not so, it gives back
 * all memory and descriptors, and when the store is opened on a sound disk,
 * which it is without damage, all that was acknowledged is there; a write that
 * was refused is wholly there, or not at all.  A sync that fails has lost what
 * was written since the last one, and says that all is well afterwards.
 *
 * FKV_SECONDS=  how long (10), FKV_SEED= in what order; FKV_TRIAL=n only that
 * one
 */

#include "rich.h"
#include "forked.h"

#include "store/blob_collect.h"
#include "store/check.h"
#include "store/checkpoint.h"

#include <dirent.h>
#include <sys/stat.h>

#define BATCH       64
#define FOUND_MAX   20
#define SAID_BYTES  16384

typedef struct {
    const char    *name;
    bool           fresh;           /* there is no store yet */
    bool           closed;          /* run opens it */
    void         (*run)(void);
} scenario_t;

typedef struct {
    fault_kind_e   kind;
    int            error;           /* 0: a short transfer */
} failure_t;

typedef struct {
    const scenario_t  *scenario;
    const failure_t   *failure;
    unsigned           n;
    bool               for_good;
} trial_t;

/* Shared with the processes that do the trials. */
typedef struct {
    forked_t  forked;
    uint64_t  failed;               /* something answered a failure */
    uint64_t  readonly;
    unsigned  calls[FAULT_KINDS];   /* of a run in which nothing fails */
} shared_t;

static const failure_t  failures[] = {
    { FAULT_OPEN, EIO }, { FAULT_OPEN, ENOSPC }, { FAULT_OPEN, EMFILE },
    { FAULT_READ, EIO }, { FAULT_READ, 0 },
    { FAULT_WRITE, EIO }, { FAULT_WRITE, ENOSPC }, { FAULT_WRITE, 0 },
    { FAULT_SYNC, EIO }, { FAULT_SYNC, ENOSPC },
    { FAULT_ALLOCATE, ENOSPC }, { FAULT_ALLOCATE, EOPNOTSUPP },
    { FAULT_TRUNCATE, EIO }, { FAULT_RENAME, EIO }, { FAULT_RENAME, ENOSPC },
    { FAULT_UNLINK, EIO }, { FAULT_MKDIR, ENOSPC }, { FAULT_LINK, EIO },
    { FAULT_LINK, EMLINK }, { FAULT_MEMORY, ENOMEM }
};

static rich_t     origin;           /* what trials are copies of */
static rich_t     rich;
static shared_t  *shared;
static trial_t   *trials;
static uint64_t   trials_n;
static uint64_t   seed;
static char       said[SAID_BYTES];
static unsigned   answers;          /* failures among them */
static unsigned   duties;           /* the same of what the helper does */
static bool       saved;            /* a checkpoint was made */


static void
on_log(void *data, fkv_log_level_e level, const char *text)
{
    live_t  *live = data;
    size_t   len = strlen(said);

    (void) snprintf(live->logged, sizeof(live->logged), "%s", text);

    if (level <= FKV_LOG_NOTICE) {
        (void) snprintf(said + len, sizeof(said) - len, "%s\n", text);
    }
}


/* An answer of something that may fail; a full disk is told by the answer. */
static int
tried(int rc)
{
    assert_true(rc != FKV_AGAIN);
    answers += (rc < 0 && rc != FKV_EFULL);
    duties += (rc == FKV_EFULL);

    return rc;
}


/* One of the helper's, whose failures duty.c tells, and tries again. */
static int
by_helper(int rc)
{
    assert_true(rc != FKV_AGAIN);
    duties += (rc < 0);

    return rc;
}


/* What a scenario does goes on after a failure as a server would. */

static bool
open_it(void)
{
    if (tried(rich_open(&rich)) != FKV_OK) {
        assert_true(rich.live.error[0] != '\0');
        (void) snprintf(said + strlen(said), sizeof(said) - strlen(said),
                        "%s\n", rich.live.error);
        return false;
    }

    rich.live.error[0] = '\0';

    if (by_helper(rich_attach(&rich)) != FKV_OK && !rich.store->attached) {
        assert_true(rich.live.error[0] != '\0');
    }

    return rich.store->attached;
}


static void
run_open(void)
{
    if (open_it()) {
        (void) tried(rich_put(&rich, rich_first(RICH_PLAIN) + 7, 3));
    }
}


static void
run_write(void)
{
    (void) tried(rich_put(&rich, rich_first(RICH_PLAIN), 1));
    (void) tried(rich_put(&rich, rich_first(RICH_PLAIN) + 2, 10));
    (void) tried(rich_put(&rich, rich_first(RICH_OPERANDS), 6));
    (void) tried(rich_put_elements(&rich, rich_first(RICH_ELEMENTS)));
    (void) tried(rich_delete(&rich, rich_first(RICH_PLAIN) + 30));
    (void) tried(rich_put(&rich, rich_first(RICH_LARGE), 1));
    (void) tried(rich_delete_range(&rich));
    (void) tried(rich_put(&rich, rich_first(RICH_RANGE), 2));
    (void) tried(rich_put(&rich, rich_first(RICH_EXPIRING), 6));
}


static void
run_read(void)
{
    answers += rich_verify(&rich, true, "while it fails");
}


static void
run_flush(void)
{
    (void) tried(rich_put(&rich, rich_first(RICH_PLAIN) + 10, 10));
    (void) by_helper(rich_flush(&rich));
    (void) tried(rich_put(&rich, rich_first(RICH_CACHED), 4));
    (void) by_helper(rich_flush(&rich));
}


static void
run_compact(void)
{
    (void) by_helper(rich_flush(&rich));
    (void) by_helper(rich_compact(&rich));
    (void) tried(rich_put(&rich, rich_first(RICH_PLAIN) + 20, 3));
    (void) by_helper(rich_flush(&rich));
    (void) by_helper(rich_compact(&rich));
}


static void
collect(void)
{
    for (unsigned i = 0; i < 20; i++) {
        if (rich.helper->blobs != NULL) {
            rich.helper->blobs->looked_ms = 0;
        }

        if (by_helper(fkv__blob_collect(rich.helper)) != FKV_OK) {
            break;
        }
    }
}


/* Values that nobody refers to any more go, or the others are moved. */
static void
run_blobs(void)
{
    (void) tried(rich_put(&rich, rich_first(RICH_LARGE), 1));
    (void) tried(rich_delete(&rich, rich_first(RICH_LARGE) + 1));
    collect();
    (void) by_helper(rich_flush(&rich));
    (void) by_helper(rich_compact(&rich));
    collect();
    (void) by_helper(rich_flush(&rich));
    collect();
}


/* In pieces, and a value that is never written. */
static void
run_upload(void)
{
    unsigned       key = rich_first(RICH_LARGE);
    fkv_str_t      name = FKV_STR("l000");
    fkv_upload_t   up = { .store = rich.store, .key = name,
                          .now_ms = fkv_now_ms(rich.store) };
    fkv_change_t   change = { .key = name, .blind = true, .upload = &up,
                              .action = FKV_PUT };
    int            rc = FKV_OK;

    rich.step++;
    up.size = rich_value(&rich, key, RICH_LARGE, rich_a);

    for (size_t at = 0; at < up.size && rc == FKV_OK; at += 1500) {
        bool  done = false;

        up.data.data = (const uint8_t *) rich_a + at;
        up.data.len = fkv__min(up.size - at, 1500);
        up.op.on_done = live_done;
        up.op.data = &done;
        rc = tried(rich_wait(&rich, &up.op, fkv_upload(&up), &done));
    }

    if (rc == FKV_OK && rich_writable(&rich, key, 1)) {
        change.value.len = up.size;
        rc = tried(rich_update(&rich, &change, 1));
        rich_note(&rich, key, rich_a, rc, ++rich.doubts);
    }

    fkv_upload_close(&up);
}


static void
run_checkpoint(void)
{
    uint64_t     bytes;
    char         path[200];
    struct stat  st;

    (void) tried(rich_put(&rich, rich_first(RICH_PLAIN) + 10, 3));
    saved = (by_helper(fkv__checkpoint(rich.helper, FKV_STR("one"), &bytes))
             == FKV_OK);

    (void) snprintf(path, sizeof(path), "%s/one", rich.checkpoints);
    assert_true((stat(path, &st) == 0) == saved);
}


static void
run_lease(void)
{
    uint64_t     lsn = 0, left;
    fkv_lease_t  lease = { 0, 0 };
    char         name[8];
    unsigned     ns, key = rich_first(RICH_PLAIN) + 5;
    const char  *was = rich.keys[key].is;
    char        *then = (was != NULL) ? strdup(was) : NULL;
    bool         done = false;
    fkv_get_t    get = { .store = rich.store,
                         .now_ms = fkv_now_ms(rich.store),
                         .op = { .on_done = live_done, .data = &done } };
    int          rc = tried(fkv_snapshot_take(rich.store, 60000, 7, &lease,
                                              &lsn));

    (void) tried(rich_put(&rich, key, 5));
    (void) by_helper(rich_flush(&rich));
    (void) by_helper(rich_compact(&rich));

    if (rc == FKV_OK) {
        (void) rich_name(key, name, &ns);
        get.key = live_str(name);
        get.snapshot = lsn;
        get.lease = lease;
        rc = tried(rich_wait(&rich, &get.op, fkv_get(&get), &done));

        if (rc == FKV_OK) {
            (void) snprintf(rich_a, sizeof(rich_a), "%.*s",
                            (int) get.value.data.len, get.value.data.data);
        }

        if (rc >= 0 && !rich_same(then, rc == FKV_OK ? rich_a : NULL)) {
            fail_msg("the snapshot has %.60s", rich_a);
        }

        fkv_get_done(&get);
        (void) tried(fkv_snapshot_renew(rich.store, &lease, 1000, true,
                                        &left));
        (void) tried(fkv_snapshot_drop(rich.store, &lease));
    }

    free(then);
}


typedef struct {
    fkv_scan_t  scan;
    bool        done;
    char        last[8];
    unsigned    n;
} run_scan_t;


static int
on_scanned(fkv_scan_t *scan, fkv_str_t key, const fkv_value_t *value)
{
    run_scan_t  *s = fkv__container(scan, run_scan_t, scan);
    char         name[8];

    (void) value;
    (void) snprintf(name, sizeof(name), "%.*s", (int) key.len, key.data);
    assert_true(strcmp(s->last, name) < 0);
    (void) strcpy(s->last, name);
    s->n++;

    return FKV_OK;
}


static unsigned
there(unsigned ns)
{
    unsigned  n = 0, of;
    char      name[8];

    for (unsigned i = 0; i < RICH_KEYS; i++) {
        (void) rich_name(i, name, &of);
        n += (of == ns && rich.keys[i].is != NULL);
    }

    return n;
}


static void
run_scan(void)
{
    for (unsigned ns = 0; ns < 4; ns += 3) {
        run_scan_t  s = { .scan = { .store = rich.store, .ns = ns,
                                    .load_max = RICH_TEXT,
                                    .now_ms = fkv_now_ms(rich.store),
                                    .on_entry = on_scanned,
                                    .op = { .on_done = live_done } } };

        s.scan.op.data = &s.done;

        if (tried(rich_wait(&rich, &s.scan.op, fkv_scan(&s.scan), &s.done))
            == FKV_OK)
        {
            assert_int_equal(s.n, there(ns));
        }
    }
}


static const scenario_t  scenarios[] = {
    { "create", true, true, run_open },
    { "open", false, true, run_open },
    { "write", false, false, run_write },
    { "read", false, false, run_read },
    { "scan", false, false, run_scan },
    { "flush", false, false, run_flush },
    { "compact", false, false, run_compact },
    { "blobs", false, false, run_blobs },
    { "upload", false, false, run_upload },
    { "checkpoint", false, false, run_checkpoint },
    { "lease", false, false, run_lease },
};


/* Copies of files, but for those of directories of which there are none. */
static void
copy_file(const char *from, const char *to)
{
    int          in = open(from, O_RDONLY | O_CLOEXEC);
    int          out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
                            0600);
    struct stat  st;
    uint8_t     *all;
    size_t       len;

    assert_true(in >= 0 && out >= 0);
    assert_int_equal(fstat(in, &st), 0);
    len = (size_t) st.st_size;
    all = malloc(len + 1);
    assert_non_null(all);
    assert_int_equal(read(in, all, len), st.st_size);

    /* The zeros at the end need no room. */
    while (len > 0 && all[len - 1] == 0) {
        len--;
    }

    assert_int_equal(write(out, all, len), (ssize_t) len);
    assert_int_equal(ftruncate(out, st.st_size), 0);
    free(all);
    (void) close(in);
    (void) close(out);
}


static void
copy_dir(const char *from, const char *to)
{
    DIR            *dir = opendir(from);
    struct dirent  *entry;

    assert_non_null(dir);
    assert_true(mkdir(to, 0700) == 0 || errno == EEXIST);

    while ((entry = readdir(dir)) != NULL) {
        char         a[400], b[400];
        struct stat  st;

        (void) snprintf(a, sizeof(a), "%s/%.100s", from, entry->d_name);
        (void) snprintf(b, sizeof(b), "%s/%.100s", to, entry->d_name);

        if (entry->d_name[0] == '.') {
            continue;
        }

        assert_int_equal(stat(a, &st), 0);

        if (S_ISDIR(st.st_mode)) {
            copy_dir(a, b);

        } else {
            copy_file(a, b);
        }
    }

    (void) closedir(dir);
}


static void
trial_begin(const scenario_t *scenario)
{
    rich_dir(&rich);
    rich.live.log.write = on_log;
    rich.synced = true;
    (void) snprintf(rich.checkpoints, sizeof(rich.checkpoints), "%s.saved",
                    rich.live.dir);

    if (!scenario->fresh) {
        copy_dir(origin.live.dir, rich.live.dir);
        rich.step = origin.step;

        for (unsigned i = 0; i < RICH_KEYS; i++) {
            const char  *is = origin.keys[i].is;

            rich.keys[i].is = (is != NULL) ? strdup(is) : NULL;
        }
    }

    if (!scenario->closed) {
        rich_ok(rich_open(&rich));
        rich_ok(rich_attach(&rich));
    }

    said[0] = '\0';
    answers = 0;
    duties = 0;
    saved = false;
}


static void
trial_remove(void)
{
    live_t  there_too = rich.live;

    rich_done(&rich);
    (void) snprintf(there_too.dir, sizeof(there_too.dir), "%.63s",
                    rich.checkpoints);
    live_remove(&there_too);
}


static unsigned
descriptors(void)
{
    unsigned  n = 0;
    DIR      *dir = opendir("/proc/self/fd");

    assert_non_null(dir);

    while (readdir(dir) != NULL) {
        n++;
    }

    (void) closedir(dir);

    return n;
}


/* Of a store that has come into being. */
static void
trial_check(const char *path, bool made, const char *when)
{
    fkv__check_t  check = { .path = path };
    char          error[FKV_ERROR_BYTES] = "";
    int           rc = fkv__check(&check, error);

    if (rc != FKV_OK && (made || rc != FKV_EIO)) {
        fail_msg("the checker, %s: %s%s", when, check.first, error);
    }
}


/* On a sound disk everything is there, and goes on. */
static void
trial_reopen(bool made)
{
    char  path[200];

    trial_check(rich.live.dir, made, "afterwards");

    if (saved) {
        (void) snprintf(path, sizeof(path), "%s/one", rich.checkpoints);
        trial_check(path, true, "of the checkpoint");
    }

    if (rich_open(&rich) != FKV_OK) {
        fail_msg("not opened afterwards: %s", rich.live.error);
    }

    if (rich_attach(&rich) != FKV_OK) {
        fail_msg("not attached afterwards: %s%s", rich.live.error, said);
    }

    assert_int_equal(rich.store->seg->state.readonly, 0);
    (void) rich_verify(&rich, false, "afterwards");
    rich_ok(rich_put(&rich, rich_first(RICH_TAIL), 12));
    rich_ok(rich_flush(&rich));
    assert_int_equal(rich_compact(&rich), FKV_END);
    (void) rich_verify(&rich, false, "in the end");
    rich_close(&rich);
    trial_check(rich.live.dir, true, "in the end");
}


/* A failure of the disk is told with the file that it is of. */
static bool
is_told(const trial_t *trial)
{
    static const char *const  places[] = {
        "log/", "sst/", "blob/", "MANIFEST", "MIRROR", "CURRENT", "LOCK",
        "log", "store", "RESERVE", "the manifest", "/"
    };

    if (trial->failure->kind == FAULT_MEMORY) {
        return true;
    }

    for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (strstr(said, places[i]) != NULL) {
            return true;
        }
    }

    return false;
}


static void
trial_run(uint64_t i)
{
    static bool     warm;
    const trial_t  *trial = &trials[i];
    size_t          memory;
    unsigned        fds;
    bool            hit;

    /* What is made once and kept has been made then. */
    if (!warm) {
        trial_begin(trial->scenario);
        rich_close(&rich);
        trial_remove();
        warm = true;
    }

    memory = fkv_alloc_bytes();
    fds = descriptors();
    trial_begin(trial->scenario);

    fault_arm(trial->failure->kind, trial->n, trial->for_good,
              trial->failure->error);
    trial->scenario->run();

    if (!trial->for_good) {
        (void) fault_disarm();
    }

    if (rich.store != NULL && rich.store->attached) {
        (void) rich_verify(&rich, true, "meanwhile");

        shared->readonly += (rich.store->seg->state.readonly != 0);
    }

    rich_close(&rich);
    hit = fault_disarm() || !trial->for_good;
    assert_true(hit);

    if (fkv_alloc_bytes() != memory || descriptors() != fds) {
        fail_msg("memory %zu -> %zu, descriptors %u -> %u", memory,
                 fkv_alloc_bytes(), fds, descriptors());
    }

    if (answers > 0 && !is_told(trial)) {
        fail_msg("%u failures, and no file is named: \"%s\"", answers, said);
    }

    shared->failed += (answers + duties > 0);
    trial_reopen(!trial->scenario->fresh);
    trial_remove();
}


/* How many calls of each kind there are: nothing fails. */
static const scenario_t  *counted;

static void
count_run(uint64_t kind)
{
    trial_begin(counted);
    fault_arm((fault_kind_e) kind, 0, false, EIO);
    counted->run();
    shared->calls[kind] = fault.seen;
    (void) fault_disarm();

    if (answers > 0) {
        fail_msg("%s fails by itself: %s", counted->name, said);
    }

    rich_close(&rich);
    trial_reopen(true);
    trial_remove();
}


static void
trials_add(const scenario_t *scenario)
{
    for (unsigned i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        unsigned  calls = shared->calls[failures[i].kind];

        trials = realloc(trials, (trials_n + 2 * calls + 1) * sizeof(*trials));
        assert_non_null(trials);

        for (unsigned n = 1; n <= calls; n++) {
            trials[trials_n++] = (trial_t) { scenario, &failures[i], n, false };
            trials[trials_n++] = (trial_t) { scenario, &failures[i], n, true };
        }
    }
}


static void
trials_plan(void)
{
    for (unsigned i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
        counted = &scenarios[i];

        if (getenv("FKV_SCENARIO") != NULL
            && strcmp(getenv("FKV_SCENARIO"), counted->name) != 0)
        {
            continue;
        }

        assert_true(forked_batch(&shared->forked, count_run, 1, FAULT_KINDS));
        trials_add(counted);
    }

    shared->forked.done = 0;
}


/* In an order of the seed. */
static void
trials_shuffle(void)
{
    uint64_t  random = (seed + 1) * 0x9e3779b97f4a7c15ull;

    for (uint64_t i = trials_n; i > 1; i--) {
        uint64_t  k = check_random(&random) % i;
        trial_t   swap = trials[i - 1];

        trials[i - 1] = trials[k];
        trials[k] = swap;
    }
}


static void
trial_tell(const trial_t *trial)
{
    const failure_t  *failure = trial->failure;

    printf("# %s: %s %u fails%s: %s\n", trial->scenario->name,
           fault_names[failure->kind], trial->n,
           trial->for_good ? ", and all behind it" : "",
           failure->error == 0 ? "short" : strerror(failure->error));
}


static void
any_call_may_fail(void **state)
{
    uint64_t     found = 0, end_ms = forked_end_ms(10);
    const char  *one = getenv("FKV_TRIAL");

    (void) state;

    trials_plan();
    trials_shuffle();

    if (one != NULL) {
        trial_tell(&trials[strtoull(one, NULL, 10)]);
        trial_run(strtoull(one, NULL, 10));
        return;
    }

    for (uint64_t i = 0; i < trials_n && live_ms() < end_ms; ) {
        uint64_t  to = fkv__min(i + BATCH, trials_n);

        if (forked_batch(&shared->forked, trial_run, i, to)) {
            i = to;
            continue;
        }

        i = shared->forked.at + 1;

        if (++found <= FOUND_MAX) {
            printf("# found, FKV_TRIAL=%llu:\n",
                   (unsigned long long) shared->forked.at);
            trial_tell(&trials[shared->forked.at]);
        }
    }

    printf("# seed %llu: %llu of %llu trials of %zu scenarios; in %llu "
           "something failed, in %llu the store became read-only; wrong: "
           "%llu\n", (unsigned long long) seed,
           (unsigned long long) shared->forked.done,
           (unsigned long long) trials_n,
           sizeof(scenarios) / sizeof(scenarios[0]),
           (unsigned long long) shared->failed,
           (unsigned long long) shared->readonly,
           (unsigned long long) found);
    assert_int_equal(found, 0);
}


static int
faults_setup(void **state)
{
    (void) state;

    seed = forked_seed();
    shared = forked_share(sizeof(*shared));
    fkv__alloc_fails = fault_memory;

    rich_base_make();
    rich_dir(&origin);
    origin.synced = true;
    rich_ok(rich_open(&origin));
    rich_ok(rich_attach(&origin));
    rich_fill(&origin);
    rich_close(&origin);

    return 0;
}


static int
faults_teardown(void **state)
{
    (void) state;

    fkv__alloc_fails = NULL;
    rich_done(&origin);
    rich_base_remove();
    free(trials);

    return 0;
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(any_call_may_fail, faults_setup,
                                        faults_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
