/*
 * store_checkpoint.c - a copy opens as the store of its moment, or it is not
 * there.
 */

#include "disk.h"

#include "store/checkpoint.h"

#include <fcntl.h>
#include <sys/stat.h>

#define MEMORY  FKV_MEMORY_MIN

static disk_t  disk;
static disk_t  copy;            /* the model at the moment of a checkpoint */
static char    saved[100];      /* the directory of checkpoints */


static int
checkpoint_setup(void **state)
{
    (void) state;

    memset(&disk, 0, sizeof(disk));
    memset(&copy, 0, sizeof(copy));
    live_dir(&disk.live);
    disk.live.quiet = true;
    disk.random = 88172645463325252ull;
    (void) sprintf(saved, "%s/saved", disk.live.dir);
    disk.checkpoints = saved;
    disk_open(&disk, MEMORY);
    disk_attach(&disk);

    return 0;
}


static int
checkpoint_teardown(void **state)
{
    (void) state;

    disk_mend(&disk);
    disk_close(&copy);
    disk_end(&disk);

    return 0;
}


static int
checkpoint(const char *name)
{
    uint64_t  bytes = 0;
    int       rc;

    rc = fkv__checkpoint(disk.helper, live_str(name), &bytes);
    assert_true((rc == FKV_OK) == (bytes > 0));
    assert_false(disk.helper->log_held);

    return rc;
}


/* All that was written is durable, as before a job is posted. */
static void
settle(void)
{
    disk_settle(&disk);
    (void) fkv__log_sync(disk.store);
}


/* Tables on several levels, and something that is in the log alone. */
static void
fill(void)
{
    for (unsigned i = 0; i < 3; i++) {
        disk_churn(&disk, 300, true);
        disk_flush(&disk);
    }

    (void) disk_compact(&disk);
    disk_churn(&disk, 300, true);
    disk_flush(&disk);
    disk_churn(&disk, 200, true);
    settle();
}


/* Entries, each with a blank behind it, in the order of their names. */
static const char *
entries(void)
{
    static char      list[1000];
    struct dirent  **names;
    int              n = scandir(saved, &names, NULL, alphasort);

    assert_true(n >= 2);
    list[0] = '\0';

    for (int i = 0; i < n; i++) {
        if (strcmp(names[i]->d_name, ".") != 0
            && strcmp(names[i]->d_name, "..") != 0)
        {
            (void) strcat(strcat(list, names[i]->d_name), " ");
        }

        free(names[i]);
    }

    free(names);

    return list;
}


/* Opens the checkpoint as a store. */
static void
copy_open(const char *name)
{
    copy.passed_ms = disk.passed_ms;
    copy.live.quiet = true;
    copy.live.log = (fkv_log_t) { live_log, &copy.live };
    (void) snprintf(copy.live.dir, sizeof(copy.live.dir), "%.40s/%.20s",
                    saved, name);
    disk_open(&copy, MEMORY);
    disk_attach(&copy);
}


/* What the model is now the checkpoint is to be. */
static void
copy_model(void)
{
    memcpy(copy.writes, disk.writes, sizeof(copy.writes));
    memcpy(copy.n, disk.n, sizeof(copy.n));
}


/* Later writes of the store may have moved what the model lies in. */
static void
copy_model_again(void)
{
    memcpy(copy.writes, disk.writes, sizeof(copy.writes));
}


static void
it_is_a_store_of_its_moment(void **state)
{
    (void) state;

    fill();
    copy_model();
    assert_int_equal(checkpoint("one"), FKV_OK);
    assert_string_equal(entries(), "one ");
    assert_int_equal(disk_count(&disk, FKV__STAT_checkpoints), 1);

    /* The store goes on, and drops what the checkpoint has. */
    disk_churn(&disk, 800, true);
    disk_flush(&disk);
    (void) disk_compact(&disk);
    disk_check_gets(&disk);
    disk_close(&disk);

    copy_model_again();
    copy_open("one");
    disk_check_gets(&copy);
    disk_flush(&copy);
    (void) disk_check(&copy, UINT64_MAX);
    assert_int_equal(disk_files(&copy), disk_state(&copy)->tables);
    assert_int_equal(live_put(&copy.live, "other", "x"), FKV_OK);
    disk_close(&copy);

    disk_open(&disk, MEMORY);
    disk_attach(&disk);
    disk_check_gets(&disk);
}


static void
range_tombstones_come_along(void **state)
{
    (void) state;

    fill();
    disk_delete_prefix(&disk, "key001");
    disk_flush(&disk);
    disk_delete_prefix(&disk, "key002");
    settle();
    copy_model();
    assert_int_equal(checkpoint("one"), FKV_OK);
    disk_close(&disk);

    copy_open("one");
    disk_check_gets(&copy);
}


static void
an_empty_store_has_checkpoints_too(void **state)
{
    (void) state;

    copy_model();
    assert_int_equal(checkpoint("one"), FKV_OK);
    disk_close(&disk);
    copy_open("one");
    disk_check_gets(&copy);
    assert_int_equal(live_put(&copy.live, "key", "x"), FKV_OK);
}


static void
what_has_the_name_is_not_touched(void **state)
{
    char  path[200];
    int   fd;

    (void) state;
    disk_put(&disk, 1);
    settle();

    (void) sprintf(path, "%s/dir", saved);
    assert_int_equal(mkdir(path, 0700), 0);
    (void) sprintf(path, "%s/file", saved);
    fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, "mine", 4), 4);
    close(fd);
    (void) sprintf(path, "%s/link", saved);
    assert_int_equal(symlink("nowhere", path), 0);

    assert_int_equal(checkpoint("dir"), FKV_EXISTS);
    assert_int_equal(checkpoint("file"), FKV_EXISTS);
    assert_int_equal(checkpoint("link"), FKV_EXISTS);
    assert_string_equal(entries(), "dir file link ");

    (void) sprintf(path, "%s/dir", saved);
    assert_int_equal(rmdir(path), 0);           /* it is empty */
}


static fkv__fs_t   racy;
static const char  *racy_name;


/* Somebody takes the name while the tables are linked. */
static int
racy_link(const fkv__fs_t *fs, int dir, const char *path, int to_dir,
    const char *to)
{
    char  taken[200];

    (void) sprintf(taken, "%s/%s", saved, racy_name);
    (void) mkdir(taken, 0700);

    return disk_link(fs, dir, path, to_dir, to);
}


static void
who_takes_the_name_meanwhile_keeps_it(void **state)
{
    char  path[200];

    (void) state;
    fill();

    racy = *disk.store->fs;
    racy.link = racy_link;
    racy_name = "one";
    disk.store->fs = &racy;

    assert_int_equal(checkpoint("one"), FKV_EXISTS);
    assert_string_equal(entries(), "one ");
    (void) sprintf(path, "%s/one", saved);
    assert_int_equal(rmdir(path), 0);
}


/* Each call of that name fails once; there is nothing left of it, ever. */
static void
fail_each(const char *call, int cause, int code)
{
    unsigned  n = 0;
    int       rc;

    do {
        disk_break(&disk, call, cause, n++);
        rc = checkpoint("one");
        disk_mend(&disk);

        if (rc != FKV_OK) {
            assert_int_equal(rc, code);
            assert_string_equal(entries(), "");
            disk_put(&disk, n % DISK_KEYS);
            settle();
        }
    } while (rc != FKV_OK && n < 500);

    assert_int_equal(rc, FKV_OK);
    assert_true(n > 1);
    assert_string_equal(entries(), "one ");
    assert_int_equal(fkv__file_remove_tree(disk.store->checkpoints, "one"),
                     FKV_OK);
    disk_check_gets(&disk);
}


static void
after_a_failure_nothing_is_left(void **state)
{
    static const char *const  calls[] = {
        "open", "pwrite", "fdatasync", "fsync", "mkdir", "link", "rename_new"
    };

    (void) state;
    fill();

    for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        fail_each(calls[i], EIO, FKV_EIO);
        fail_each(calls[i], ENOSPC, FKV_EFULL);
    }

    fail_each("link", EMLINK, FKV_EIO);
}


static void
another_file_system_is_named(void **state)
{
    (void) state;
    fill();

    disk_break(&disk, "link", EXDEV, 0);
    assert_int_equal(checkpoint("one"), FKV_EIO);
    assert_non_null(strstr(disk.live.logged, "is not on the store's file"));
    assert_non_null(strstr(disk.live.logged, saved));
}


static void
a_missing_table_is_named(void **state)
{
    char      path[200];
    uint64_t  id;

    (void) state;
    fill();

    id = disk.helper->catalog.version->levels[0][0]->info.id;
    (void) sprintf(path, "%s/sst/%06llu.sst", disk.live.dir,
                   (unsigned long long) id);
    assert_int_equal(unlink(path), 0);

    assert_int_equal(checkpoint("one"), FKV_ECORRUPT);
    assert_non_null(strstr(disk.live.logged, strrchr(path, '/') + 1));
    assert_string_equal(entries(), "");
}


static void
what_a_dead_one_left_is_removed(void **state)
{
    struct stat  st;
    char         path[220], left[100], expected[200];

    (void) state;
    disk_put(&disk, 1);
    settle();

    assert_int_equal(stat(disk.live.dir, &st), 0);
    (void) sprintf(left, ".partial-%llx-%llx", (unsigned long long) st.st_dev,
                   (unsigned long long) st.st_ino);
    (void) sprintf(path, "%s/%s", saved, left);
    assert_int_equal(mkdir(path, 0700), 0);
    (void) strcat(path, "/sst");
    assert_int_equal(mkdir(path, 0700), 0);
    (void) strcat(path, "/000001.sst");
    close(open(path, O_WRONLY | O_CREAT, 0600));

    /* One of another store's stays. */
    (void) sprintf(path, "%s/%s0", saved, left);
    assert_int_equal(mkdir(path, 0700), 0);

    assert_int_equal(checkpoint("one"), FKV_OK);
    (void) sprintf(expected, "%s0 one ", left);
    assert_string_equal(entries(), expected);
}


static void
it_is_refused_where_it_cannot_be(void **state)
{
    (void) state;
    disk_put(&disk, 1);
    settle();

    assert_int_equal(checkpoint("../one"), FKV_EINVAL);

    disk.helper->stop = true;
    assert_int_equal(checkpoint("one"), FKV_ECANCELED);
    assert_string_equal(entries(), "");
    disk.helper->stop = false;

    fkv__set_readonly(disk.store, "the test says so");
    assert_int_equal(checkpoint("one"), FKV_EREADONLY);
    assert_string_equal(entries(), "");
}


static void
nothing_leaks(void **state)
{
    size_t  before;

    (void) state;
    fill();

    assert_int_equal(checkpoint("one"), FKV_OK);
    before = fkv_alloc_bytes();
    assert_int_equal(checkpoint("two"), FKV_OK);
    assert_int_equal(checkpoint("two"), FKV_EXISTS);
    disk_break(&disk, "pwrite", EIO, 1);
    assert_int_equal(checkpoint("three"), FKV_EIO);
    assert_int_equal(fkv_alloc_bytes(), before);
}


int
main(void)
{
#define TEST(name)                                                            \
    cmocka_unit_test_setup_teardown(name, checkpoint_setup, checkpoint_teardown)

    const struct CMUnitTest  tests[] = {
        TEST(it_is_a_store_of_its_moment),
        TEST(range_tombstones_come_along),
        TEST(an_empty_store_has_checkpoints_too),
        TEST(what_has_the_name_is_not_touched),
        TEST(who_takes_the_name_meanwhile_keeps_it),
        TEST(after_a_failure_nothing_is_left),
        TEST(another_file_system_is_named),
        TEST(a_missing_table_is_named),
        TEST(what_a_dead_one_left_is_removed),
        TEST(it_is_refused_where_it_cannot_be),
        TEST(nothing_leaks),
    };

#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
