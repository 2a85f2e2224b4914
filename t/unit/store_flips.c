/*
 * store_flips.c - one flipped bit in any byte of any file of a small store:
 * it is named, or it does no harm.  Never a wrong answer, a crash or a hang.
 *
 * Each flip is looked at twice: by the checker, and by a store that is opened,
 * read, scanned and compacted.  Whatever it answers must be as it was written
 * or a failure, and of failures the log must tell the file.
 *
 * FKV_SECONDS=  how long (10), FKV_SEED= which bits and in what order, and, if
 * it is odd, of a store whose processes were killed; FKV_FROM= goes on where a
 * run with the same seed has ended;
 * FKV_FLIP=path:offset:bit only that one, and all that is said of it
 */

#include "rich.h"
#include "forked.h"

#include "store/check.h"

#include <dirent.h>
#include <sys/stat.h>

#define FILES_MAX    100
#define BATCH        64             /* flips of a process */
#define SAID_BYTES   16384
#define FOUND_MAX    20             /* told one by one */

typedef struct {
    char       path[40];            /* in the store */
    uint8_t   *data;
    uint64_t   len;
} file_t;

/* What came of flips; shared with the processes that do them. */
#define OUTCOMES(X)                                                           \
    X(harmless,  "harmless")                                                  \
    X(checked,   "harmless to readers, named by the checker")                 \
    X(mended,    "named, nothing lost")                                       \
    X(refused,   "named, the store is not opened")                            \
    X(readonly,  "named, the store is not written")                           \
    X(failed,    "named, some reads fail")                                    \
    X(tail,      "at the end of the log, or behind it")

typedef struct {
    forked_t  forked;
    uint64_t  tried;
#define FIELD(name, text)  uint64_t  name;
    OUTCOMES(FIELD)
#undef FIELD
} progress_t;

static rich_t       rich;
static file_t       files[FILES_MAX];
static unsigned     files_n;
static uint64_t     bytes;          /* of all of them */
static uint64_t     seed;
static progress_t  *progress;
static char         said[SAID_BYTES];       /* all that was, since the open */
static bool         loud;
static bool         killed;         /* else the store was stopped */


static void
say(const char *text)
{
    size_t  len = strlen(said);

    (void) snprintf(said + len, sizeof(said) - len, "%s\n", text);

    if (loud) {
        printf("# %s\n", text);
    }
}


static void
on_log(void *data, fkv_log_level_e level, const char *text)
{
    live_t  *live = data;

    (void) snprintf(live->logged, sizeof(live->logged), "%s", text);

    if (level <= FKV_LOG_NOTICE) {
        say(text);
    }
}


static void
on_check(void *data, fkv__check_e what, const char *text)
{
    (void) data;

    if (what == FKV__CHECK_DAMAGE || loud) {
        say(text);
    }
}


/* The store's files, and the directories they are in. */

static const char *const  dirs[] = { "", "log/", "sst/", "blob/" };

static void
path_of(char *out, const char *path)
{
    (void) sprintf(out, "%s/%.40s", rich.live.dir, path);
}


static void
file_take(const char *path)
{
    char         name[128];
    FILE        *in;
    struct stat  st;
    file_t      *file = &files[files_n];

    path_of(name, path);
    assert_int_equal(stat(name, &st), 0);

    if (!S_ISREG(st.st_mode) || st.st_size == 0) {
        return;
    }

    in = fopen(name, "r");
    assert_non_null(in);
    assert_true(files_n < FILES_MAX);

    (void) snprintf(file->path, sizeof(file->path), "%s", path);
    file->len = (uint64_t) st.st_size;
    file->data = malloc(file->len);
    assert_non_null(file->data);
    assert_int_equal(fread(file->data, 1, file->len, in), file->len);
    (void) fclose(in);

    /* What a log file is too short for counts as zeros. */
    while (strncmp(path, "log/", 4) == 0 && file->len > 4096
           && file->data[file->len - 1] == 0)
    {
        file->len--;
    }

    bytes += file->len;
    files_n++;
}


static void
files_each(void (*each)(const char *path))
{
    for (unsigned i = 0; i < 4; i++) {
        char            name[128], path[300];
        DIR            *dir;
        struct dirent  *entry;

        path_of(name, dirs[i]);
        dir = opendir(name);
        assert_non_null(dir);

        while ((entry = readdir(dir)) != NULL) {
            if (entry->d_name[0] != '.' && strchr(entry->d_name, '0') != NULL) {
                (void) snprintf(path, sizeof(path), "%s%s", dirs[i],
                                entry->d_name);
                each(path);

            } else if (strcmp(entry->d_name, "CURRENT") == 0) {
                each("CURRENT");
            }
        }

        (void) closedir(dir);
    }
}


static void
file_remove(const char *path)
{
    char  name[128];

    path_of(name, path);
    (void) unlink(name);
}


static void
files_restore(void)
{
    files_each(file_remove);

    for (unsigned i = 0; i < files_n; i++) {
        char  name[128];
        int   fd;

        path_of(name, files[i].path);
        fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, files[i].data, files[i].len), files[i].len);
        (void) close(fd);
    }
}


static void
flip(const file_t *file, uint64_t offset, unsigned bit)
{
    char     name[128];
    int      fd;
    uint8_t  byte = file->data[offset] ^ (uint8_t) (1u << bit);

    path_of(name, file->path);
    fd = open(name, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, &byte, 1, (off_t) offset), 1);
    (void) close(fd);
}


static const file_t *
flip_place(uint64_t at, uint64_t *offset)
{
    const file_t  *file = files;

    for (*offset = at; *offset >= file->len; file++) {
        *offset -= file->len;
    }

    return file;
}


/* Both copies of a manifest are the same to who asks for its name. */
static bool
is_named(const file_t *file)
{
    return strstr(said, file->path) != NULL;
}


/* The first sentence with the file's name says an offset up to the flip. */
static bool
is_placed(const file_t *file, uint64_t offset)
{
    unsigned long long  at;
    const char         *p = strstr(said, file->path);
    const char         *end = (p != NULL) ? strchr(p, '\n') : NULL;

    p = (p != NULL) ? strstr(p, "offset ") : NULL;

    return p != NULL && (end == NULL || p < end)
           && sscanf(p, "offset %llu", &at) == 1 && at <= offset;
}


/* What was read of each key; moments are those that are all of it right. */
typedef struct {
    char      *text[RICH_KEYS];     /* NULL: it is not there */
    bool       failed[RICH_KEYS];
    unsigned   failures;
    uint64_t   moments;             /* bits */
} answers_t;

typedef struct {
    fkv_scan_t        scan;
    bool              done;
    unsigned          key;          /* the next one of the model */
    const answers_t  *answers;
} walk_t;


/* Passes over keys that are elsewhere, or not there. */
static bool
walk_next(walk_t *walk, char *name)
{
    unsigned  ns;

    for (; walk->key < RICH_KEYS; walk->key++) {
        (void) rich_name(walk->key, name, &ns);

        if (ns == walk->scan.ns && walk->answers->text[walk->key] != NULL) {
            return true;
        }
    }

    return false;
}


static int
walk_on_entry(fkv_scan_t *scan, fkv_str_t key, const fkv_value_t *value)
{
    walk_t      *walk = fkv__container(scan, walk_t, scan);
    char         name[8] = "", found[8];
    const char  *is;
    unsigned     ns;

    (void) snprintf(found, sizeof(found), "%.*s", (int) key.len, key.data);

    /* A get may fail where a scan comes by without the filter. */
    for (unsigned i = 0; i < RICH_KEYS; i++) {
        (void) rich_name(i, name, &ns);

        if (ns == scan->ns && walk->answers->failed[i]
            && strcmp(name, found) == 0)
        {
            return FKV_OK;
        }
    }

    if (!walk_next(walk, name) || strcmp(name, found) != 0) {
        fail_msg("a scan gives %s where %s is", found, name);
    }

    is = walk->answers->text[walk->key++];

    if (strncmp(is, (const char *) value->data.data, value->data.len) != 0) {
        fail_msg("a scan gives another value of %s", name);
    }

    return FKV_OK;
}


/* What a scan gives is what gets have given.  FKV_OK, or why it ended. */
static int
walk(unsigned ns, const answers_t *answers)
{
    char    name[8];
    int     rc;
    walk_t  w = { .scan = { .store = rich.store, .ns = ns,
                            .load_max = RICH_TEXT,
                            .now_ms = fkv_now_ms(rich.store),
                            .on_entry = walk_on_entry,
                            .op = { .on_done = live_done } },
                  .answers = answers };

    w.scan.op.data = &w.done;
    rc = rich_wait(&rich, &w.scan.op, fkv_scan(&w.scan), &w.done);

    if (rc == FKV_OK && walk_next(&w, name)) {
        fail_msg("a scan does not give %s", name);
    }

    return rc;
}


static void
answers_of(unsigned key, answers_t *answers)
{
    int       rc = rich_read(&rich, key, rich_a);
    uint64_t  right = 0;
    char      name[8];
    unsigned  ns;

    if (rc < 0) {
        answers->failed[key] = true;
        answers->failures++;
        return;
    }

    if (rc == FKV_OK) {
        answers->text[key] = strdup(rich_a);
    }

    for (unsigned m = 0; m < rich.moments; m++) {
        if (rich_same(answers->text[key], rich.then[m][key])) {
            right |= 1ull << m;
        }
    }

    answers->moments &= right;

    if (answers->moments == 0) {
        (void) rich_name(key, name, &ns);
        fail_msg("%s is %.60s: %s, log: %s", name,
                 rc == FKV_OK ? rich_a : "gone", right == 0
                 ? "it never was" : "when others were not as they are", said);
    }
}


/* How many reads failed; moments are narrowed to what was right. */
static unsigned
read_all(uint64_t *moments)
{
    answers_t  answers = { .moments = *moments };

    for (unsigned key = 0; key < RICH_KEYS; key++) {
        answers_of(key, &answers);
    }

    for (unsigned ns = 0; ns < FKV_NAMESPACES; ns++) {
        answers.failures += (walk(ns, &answers) < 0);
    }

    for (unsigned key = 0; key < RICH_KEYS; key++) {
        free(answers.text[key]);
    }

    *moments = answers.moments;

    return answers.failures;
}


/*
 * What may be seen.  A store whose log is damaged, which it says, is read as it
 * was before, and not written.  If all processes were killed, nobody knows of
 * the last frame whether it was acknowledged: it looks like one that was torn,
 * and the log says so.
 */
static uint64_t
moments_allowed(const file_t *file, bool *tail)
{
    uint64_t  last = 1ull << (rich.moments - 1);

    *tail = strstr(said, "bytes behind it were not acknowledged and are "
                   "dropped") != NULL;

    if (rich.store->seg->state.readonly && is_named(file)) {
        return UINT64_MAX;
    }

    return (*tail && killed) ? last | last >> 1 : last;
}


/* The store with the flip: the counter of what came of it. */
static uint64_t *
flip_open(const file_t *file)
{
    int       rc = rich_open(&rich);
    bool      readonly, tail;
    unsigned  failed;
    uint64_t  moments;

    if (rc != FKV_OK) {
        say(rich.live.error);

        if (!is_named(file)) {
            fail_msg("not opened, and not named: %s", said);
        }

        return &progress->refused;
    }

    moments = moments_allowed(file, &tail);
    rc = rich_attach(&rich);
    failed = (rc != FKV_OK);

    if (rich.store->attached) {
        failed += read_all(&moments);
    }

    if (rc == FKV_OK) {
        (void) rich_flush(&rich);
        (void) rich_compact(&rich);
        failed += read_all(&moments);
    }

    readonly = (rich.store->seg->state.readonly != 0);
    rich_close(&rich);

    if (tail) {
        return &progress->tail;
    }

    if ((failed > 0 || readonly) && !is_named(file)) {
        fail_msg("%u failures%s, and the file is not named: %s", failed,
                 readonly ? ", read-only" : "", said);
    }

    return readonly ? &progress->readonly
           : failed > 0 ? &progress->failed
           : is_named(file) ? &progress->mended : &progress->harmless;
}


static void
flip_try(const file_t *file, uint64_t offset, unsigned bit)
{
    char          error[FKV_ERROR_BYTES];
    fkv__check_t  check = { .path = rich.live.dir, .on_say = on_check };
    uint64_t     *outcome;
    int           rc;

    files_restore();
    flip(file, offset, bit);

    said[0] = '\0';
    rc = fkv__check(&check, error);

    if (rc == FKV_ECORRUPT) {
        if (!is_placed(file, offset)) {
            fail_msg("the checker does not say where: %s", said);
        }

    } else if (rc == FKV_EVERSION) {
        say(error);
        assert_true(is_named(file));

    } else if (rc != FKV_OK) {
        fail_msg("the checker answers %s: %s", fkv_code_name(rc), error);
    }

    if (loud) {
        printf("# the checker answers %s\n", fkv_code_name(rc));
    }

    said[0] = '\0';
    outcome = flip_open(file);

    if (rc == FKV_OK && outcome != &progress->harmless
        && outcome != &progress->tail)
    {
        fail_msg("the checker sees nothing, but: %s", said);
    }

    if (rc != FKV_OK && outcome == &progress->harmless) {
        outcome = &progress->checked;
    }

    if (loud) {
        printf("# outcome %td\n", outcome - &progress->harmless);
    }

    (*outcome)++;
}


static void
flips_setup_store(void)
{
    rich_dir(&rich);
    rich.live.log.write = on_log;
    rich.synced = true;
    rich_ok(rich_open(&rich));
    rich_ok(rich_attach(&rich));
    rich_fill(&rich);

    /* All that was answered is on disk; a stop adds a mark. */
    if (killed) {
        files_each(file_take);
        rich_close(&rich);

    } else {
        rich_close(&rich);
        files_each(file_take);
    }
}


/*
 * A permutation of all bytes without a table: an odd factor modulo a power of
 * two, and what is beyond the end is passed over.
 */
static uint64_t
order_of(uint64_t i, uint64_t *room)
{
    *room = 1;

    while (*room < bytes) {
        *room *= 2;
    }

    return (i * ((seed | 1) * 0x9e3779b97f4a7c15ull | 1) + seed)
           & (*room - 1);
}


static void
trial(uint64_t i)
{
    uint64_t       room, offset, at = order_of(i, &room);
    uint64_t       random = seed ^ ((at + 1) * 0x2545f4914f6cdd1dull);
    const file_t  *file;

    if (i >= room || at >= bytes) {
        return;
    }

    file = flip_place(at, &offset);
    flip_try(file, offset, (unsigned) (check_random(&random) % 8));
    progress->tried++;
}


static void
found_tell(uint64_t i)
{
    uint64_t       room, offset;
    const file_t  *file = flip_place(order_of(i, &room), &offset);

    printf("# found: %s:%llu of %llu\n", file->path,
           (unsigned long long) offset, (unsigned long long) file->len);
}


static void
one_flip_is_named_or_does_no_harm(void **state)
{
    uint64_t     room, i, found = 0, end_ms = forked_end_ms(10);
    const char  *from = getenv("FKV_FROM");

    (void) state;

    (void) order_of(0, &room);

    for (i = (from != NULL) ? strtoull(from, NULL, 10) : 0;
         i < room && live_ms() < end_ms; )
    {
        if (forked_batch(&progress->forked, trial, i, i + BATCH)) {
            i += BATCH;
            continue;
        }

        i = progress->forked.at + 1;

        if (++found <= FOUND_MAX) {
            found_tell(progress->forked.at);
        }
    }

    if (i < room) {
        printf("# FKV_FROM=%llu goes on\n", (unsigned long long) i);
    }

    printf("# seed %llu, %s: %llu flips of %llu bytes in %u files",
           (unsigned long long) seed, killed ? "killed" : "stopped",
           (unsigned long long) progress->tried,
           (unsigned long long) bytes, files_n);

#define SHOW(name, text)                                                      \
    printf("; %llu %s", (unsigned long long) progress->name, text);
    OUTCOMES(SHOW)
#undef SHOW

    printf("; wrong: %llu\n", (unsigned long long) found);
    assert_int_equal(found, 0);
}


/* FKV_FLIP=path:offset:bit */
static void
one_flip(const char *place)
{
    char                path[40];
    unsigned            bit;
    unsigned long long  offset;

    loud = true;
    assert_int_equal(sscanf(place, "%39[^:]:%llu:%u", path, &offset, &bit), 3);

    for (unsigned i = 0; i < files_n; i++) {
        if (strcmp(files[i].path, path) == 0) {
            flip_try(&files[i], offset, bit);
        }
    }
}


static void
flips(void **state)
{
    if (getenv("FKV_FLIP") != NULL) {
        one_flip(getenv("FKV_FLIP"));

    } else {
        one_flip_is_named_or_does_no_harm(state);
    }
}


static int
flips_setup(void **state)
{
    (void) state;

    seed = forked_seed();
    killed = (seed % 2 == 1);
    progress = forked_share(sizeof(*progress));
    rich_base_make();
    flips_setup_store();

    return 0;
}


static int
flips_teardown(void **state)
{
    (void) state;

    rich_done(&rich);
    rich_base_remove();

    for (unsigned i = 0; i < files_n; i++) {
        free(files[i].data);
    }

    return 0;
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(flips, flips_setup, flips_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
