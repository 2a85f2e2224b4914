/*
 * store_version.c - versions made from edits, and the manifest on disk.
 */

#include "shelf.h"

static shelf_t  shelf;


static int
setup(void **state)
{
    (void) state;
    shelf_make(&shelf);
    return 0;
}


static int
teardown(void **state)
{
    (void) state;
    shelf_remove(&shelf);
    return 0;
}


static fkv_str_t
str(const char *s)
{
    return (fkv_str_t) { (const uint8_t *) s, strlen(s) };
}


/* A table that could be, from key to key. */
static void
add(fkv__edit_t *edit, unsigned level, uint64_t id, const char *from,
    const char *to, uint64_t version_max)
{
    fkv__table_info_t  info;

    fkv__table_info_init(&info);

    info.id = id;
    info.bytes = 4096;
    info.index_offset = 100;
    info.index_bytes = 100;
    info.entries = info.keys = 2;
    info.version_min = 1;
    info.version_max = version_max;

    assert_int_equal(fkv__buf_append(&info.smallest, from, strlen(from)),
                     FKV_OK);
    assert_int_equal(fkv__buf_append(&info.largest, to, strlen(to)), FKV_OK);
    assert_int_equal(fkv__edit_add(edit, level, &info), FKV_OK);

    fkv__table_info_done(&info);
}


/* Replaces *version if it answers FKV_OK; the edit is empty afterwards. */
static int
apply(fkv__version_t **version, fkv__edit_t *edit, uint64_t number)
{
    fkv__version_t  *to;
    int              rc;

    edit->number = number;
    rc = fkv__version_apply(*version, edit, &to);
    fkv__edit_done(edit);

    if (rc == FKV_OK) {
        fkv__version_unpin(*version);
        *version = to;
    }

    return rc;
}


static void
check_ids(const fkv__version_t *version, unsigned level, const char *ids)
{
    char  got[256] = "";

    for (unsigned i = 0; i < version->n[level]; i++) {
        (void) sprintf(got + strlen(got), "%llu ", (unsigned long long)
                       version->levels[level][i]->info.id);
    }

    assert_string_equal(got, ids);
}


static void
tables_are_ordered_by_level(void **state)
{
    fkv__version_t  *version = fkv__version_new();
    fkv__edit_t      edit;

    (void) state;

    fkv__edit_init(&edit);
    add(&edit, 0, 1, "a", "z", 10);
    add(&edit, 0, 2, "b", "c", 30);
    add(&edit, 0, 3, "a", "y", 20);
    add(&edit, 0, 4, "a", "y", 20);
    add(&edit, 1, 5, "m", "p", 5);
    add(&edit, 1, 6, "a", "c", 5);
    add(&edit, 6, 7, "a", "z", 5);
    edit.next_file = 8;
    edit.clock_ms = 77;
    assert_int_equal(apply(&version, &edit, 1), FKV_OK);

    check_ids(version, 0, "2 4 3 1 ");
    check_ids(version, 1, "6 5 ");
    check_ids(version, 2, "");
    check_ids(version, 6, "7 ");
    assert_int_equal(version->bytes[0], 4 * 4096);
    assert_int_equal(version->edit, 1);

    assert_int_equal(fkv__version_find(version, 1, str("")), 0);
    assert_int_equal(fkv__version_find(version, 1, str("c")), 0);
    assert_int_equal(fkv__version_find(version, 1, str("d")), 1);
    assert_int_equal(fkv__version_find(version, 1, str("q")), 2);
    assert_int_equal(fkv__version_find(version, 2, str("a")), 0);

    assert_true(fkv__version_overlaps(version, 0, str("z"), str("z")));
    assert_false(fkv__version_overlaps(version, 7, str("a"), str("z")));
    assert_true(fkv__version_overlaps(version, 1, str("zz"), str("zz"))
                == false);
    assert_true(fkv__version_overlaps(version, 2, str("d"), str("l")));

    fkv__edit_init(&edit);
    assert_int_equal(fkv__edit_drop(&edit, 7), FKV_OK);
    assert_int_equal(fkv__edit_drop(&edit, 2), FKV_OK);
    assert_int_equal(apply(&version, &edit, 5), FKV_OK);

    check_ids(version, 0, "4 3 1 ");
    assert_false(fkv__version_overlaps(version, 1, str("d"), str("l")));
    assert_true(fkv__version_overlaps(version, 1, str("d"), str("m")));
    assert_int_equal(version->next_file, 8);
    assert_int_equal(version->clock_ms, 77);

    fkv__version_unpin(version);
}


static void
impossible_edits_are_refused(void **state)
{
    fkv__version_t  *version = fkv__version_new();
    fkv__edit_t      edit;

    (void) state;

    fkv__edit_init(&edit);
    add(&edit, 1, 1, "a", "c", 10);
    assert_int_equal(apply(&version, &edit, 3), FKV_OK);

    add(&edit, 2, 2, "a", "c", 10);
    assert_int_equal(apply(&version, &edit, 3), FKV_ECORRUPT);

    add(&edit, 2, 1, "a", "c", 10);
    assert_int_equal(apply(&version, &edit, 4), FKV_ECORRUPT);

    add(&edit, 1, 2, "c", "d", 10);
    assert_int_equal(apply(&version, &edit, 4), FKV_ECORRUPT);

    add(&edit, FKV__LEVELS, 2, "x", "y", 10);
    assert_int_equal(apply(&version, &edit, 4), FKV_ECORRUPT);

    assert_int_equal(fkv__edit_drop(&edit, 2), FKV_OK);
    assert_int_equal(apply(&version, &edit, 4), FKV_ECORRUPT);

    assert_int_equal(fkv__edit_drop(&edit, 1), FKV_OK);
    assert_int_equal(fkv__edit_drop(&edit, 1), FKV_OK);
    assert_int_equal(apply(&version, &edit, 4), FKV_ECORRUPT);

    /* A table may move in one edit. */
    assert_int_equal(fkv__edit_drop(&edit, 1), FKV_OK);
    add(&edit, 2, 1, "a", "c", 10);
    assert_int_equal(apply(&version, &edit, 4), FKV_OK);
    check_ids(version, 1, "");
    check_ids(version, 2, "1 ");

    fkv__version_unpin(version);
}


static void
a_snapshot_keeps_the_tables_that_are_known(void **state)
{
    fkv__version_t  *version = fkv__version_new();
    fkv__table_t    *table;
    fkv__edit_t      edit;

    (void) state;

    fkv__edit_init(&edit);
    add(&edit, 0, 1, "a", "c", 10);
    add(&edit, 1, 2, "a", "c", 10);
    edit.log_floor = 5;
    assert_int_equal(apply(&version, &edit, 3), FKV_OK);

    assert_int_equal(fkv__version_snapshot(version, &edit), FKV_OK);
    assert_int_equal(edit.number, 3);
    assert_int_equal(edit.log_floor, 5);

    table = version->levels[1][0];
    add(&edit, 1, 9, "x", "y", 10);
    assert_int_equal(apply(&version, &edit, 3), FKV_OK);
    check_ids(version, 1, "2 9 ");
    assert_ptr_equal(version->levels[1][0], table);
    assert_int_equal(version->log_floor, 5);

    edit.snapshot = 1;
    add(&edit, 1, 9, "x", "y", 10);
    assert_int_equal(apply(&version, &edit, 2), FKV_ECORRUPT);

    edit.snapshot = 1;
    add(&edit, 1, 9, "x", "y", 10);
    assert_int_equal(apply(&version, &edit, 7), FKV_OK);
    check_ids(version, 0, "");
    check_ids(version, 1, "9 ");
    assert_int_equal(version->log_floor, 0);

    fkv__version_unpin(version);
}


/* Who has not followed since before a merge took the first part off. */
static void
a_snapshot_does_not_keep_what_has_been_trimmed(void **state)
{
    fkv__version_t  *version = fkv__version_new();
    fkv__edit_t      edit;

    (void) state;

    fkv__edit_init(&edit);
    add(&edit, 1, 1, "a", "z", 10);
    assert_int_equal(apply(&version, &edit, 1), FKV_OK);

    fkv__edit_init(&edit);
    edit.snapshot = 1;
    add(&edit, 1, 1, "m", "z", 10);
    add(&edit, 1, 2, "a", "k", 10);
    assert_int_equal(apply(&version, &edit, 7), FKV_OK);

    check_ids(version, 1, "2 1 ");
    check_str(fkv__buf_str(&version->levels[1][1]->info.smallest),
              FKV_STR("m"));

    fkv__version_unpin(version);
}


static fkv__loaded_t  loaded;           /* by load(); its version is gone */


static int
load(uint64_t *edit, char *error)
{
    int  rc = fkv__version_load(&fkv__fs_linux, shelf.store.dir, &loaded,
                                error);

    if (rc == FKV_OK) {
        *edit = loaded.version->edit;
        fkv__version_unpin(loaded.version);
    }

    return rc;
}


static void
what_was_appended_is_loaded(void **state)
{
    char             error[FKV_ERROR_BYTES];
    fkv__version_t  *version;

    (void) state;

    for (unsigned i = 1; i <= 20; i++) {
        shelf_add(&shelf, i, 0, i, 10, i * 100, "value");
    }

    shelf_drop(&shelf, 3);

    assert_int_equal(fkv__version_load(&fkv__fs_linux, shelf.store.dir,
                                       &loaded, error), FKV_OK);
    version = loaded.version;
    assert_int_equal(version->edit, 22);
    assert_int_equal(version->n[0], 19);
    assert_int_equal(loaded.number, shelf.catalog.number);
    assert_int_equal(loaded.len, shelf.catalog.len);
    assert_true(loaded.whole);
    assert_string_equal(loaded.damage, "");

    fkv__version_unpin(version);
}


static void
flip(int fd, uint64_t offset)
{
    uint8_t  byte;

    assert_int_equal(pread(fd, &byte, 1, (off_t) offset), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, (off_t) offset), 1);
}


static void
flip_both(uint64_t offset)
{
    flip(shelf.catalog.fd, offset);
    flip(shelf.catalog.mirror, offset);
}


/* All edits are found, and told is what one copy lacks. */
static void
check_mended(uint64_t edits, const char *damage)
{
    char      error[FKV_ERROR_BYTES];
    uint64_t  edit;

    if (load(&edit, error) != FKV_OK) {
        fail_msg("%s", error);
    }

    assert_int_equal(edit, edits);
    assert_int_equal(loaded.len, shelf.catalog.len);
    assert_false(loaded.whole);
    assert_string_equal(loaded.damage, damage);
}


static void
what_one_copy_lacks_the_other_has(void **state)
{
    char      damage[80];
    uint64_t  at[4], edit;

    (void) state;

    for (unsigned i = 0; i < 4; i++) {
        at[i] = shelf.catalog.len;
        shelf_add(&shelf, i + 1, 0, 1, 10, 100 * (i + 1), "value");
    }

    for (unsigned i = 0; i < 4; i++) {
        (void) sprintf(damage, "MANIFEST-000001 is damaged at offset %llu",
                       (unsigned long long) at[i]);
        flip(shelf.catalog.fd, at[i] + 20);
        check_mended(5, damage);
        flip(shelf.catalog.fd, at[i] + 20);
    }

    /* Each has what the other lacks. */
    flip(shelf.catalog.fd, at[0] + 20);
    flip(shelf.catalog.mirror, at[1] + 20);
    flip(shelf.catalog.fd, at[2] + 3);
    flip(shelf.catalog.mirror, at[3] + 20);
    (void) sprintf(damage, "MANIFEST-000001 is damaged at offset %llu",
                   (unsigned long long) at[0]);
    check_mended(5, damage);
    flip(shelf.catalog.fd, at[0] + 20);
    flip(shelf.catalog.fd, at[2] + 3);

    (void) sprintf(damage, "MIRROR-000001 is damaged at offset %llu",
                   (unsigned long long) at[1]);
    check_mended(5, damage);
    flip(shelf.catalog.mirror, at[1] + 20);

    /* The mirror comes second: the last edit may not have reached it. */
    check_mended(5, "");
    flip(shelf.catalog.mirror, at[3] + 20);

    flip(shelf.catalog.fd, 2);
    check_mended(5, "MANIFEST-000001 is damaged: bad header at offset 0");
    flip(shelf.catalog.fd, 2);
    flip(shelf.catalog.mirror, 2);
    check_mended(5, "MIRROR-000001 is damaged: bad header at offset 0");
    flip(shelf.catalog.mirror, 2);

    assert_int_equal(load(&edit, damage), FKV_OK);
    assert_true(loaded.whole);
}


static void
damage_of_both_is_told_from_a_torn_end(void **state)
{
    char      error[FKV_ERROR_BYTES], at[40];
    uint64_t  edit, before, last;

    (void) state;

    shelf_add(&shelf, 1, 0, 1, 10, 100, "value");
    before = shelf.catalog.len;
    shelf_add(&shelf, 2, 0, 1, 10, 200, "value");
    last = shelf.catalog.len;
    shelf_add(&shelf, 3, 0, 1, 10, 300, "value");

    flip_both(last + 20);
    assert_int_equal(load(&edit, error), FKV_OK);
    assert_int_equal(edit, 3);
    assert_false(loaded.whole);
    assert_string_equal(loaded.damage, "");

    flip_both(last + 20);
    flip_both(before + 20);
    assert_int_equal(load(&edit, error), FKV_ECORRUPT);
    (void) sprintf(at, "offset %llu,", (unsigned long long) before);
    assert_non_null(strstr(error, "MANIFEST-000001"));
    assert_non_null(strstr(error, at));

    flip_both(before + 20);
    flip_both(2);
    assert_int_equal(load(&edit, error), FKV_ECORRUPT);
    assert_non_null(strstr(error, "offset 0"));
}


/* Whatever becomes of CURRENT, the manifest that goes farthest counts. */
static void
without_current_the_newest_manifest_counts(void **state)
{
    char      error[FKV_ERROR_BYTES];
    uint64_t  edit;
    int       fd, torn;

    (void) state;

    shelf_add(&shelf, 1, 0, 1, 10, 100, "value");
    assert_int_equal(fkv__catalog_rotate(&shelf.catalog,
                                 fkv__version_pin(shelf.catalog.version)),
                     FKV_OK);

    fd = openat(shelf.store.dir, "CURRENT", O_RDWR);
    assert_true(fd >= 0);
    flip(fd, 9);

    /* The same edit is the last of both. */
    assert_int_equal(load(&edit, error), FKV_OK);
    assert_int_equal(edit, 2);
    assert_int_equal(loaded.number, 2);

    shelf_add(&shelf, 2, 0, 1, 10, 200, "value");
    check_mended(3, "CURRENT is damaged at offset 0");
    assert_int_equal(loaded.number, 2);

    /* As a rotation leaves it that died before CURRENT was written. */
    assert_int_equal(renameat(shelf.store.dir, "MANIFEST-000001",
                              shelf.store.dir, "x"), 0);
    torn = openat(shelf.store.dir, "MANIFEST-000003", O_WRONLY | O_CREAT,
                  0600);
    assert_int_equal(write(torn, "torn", 4), 4);
    close(torn);
    check_mended(3, "CURRENT is damaged at offset 0");
    assert_int_equal(loaded.number, 2);
    assert_int_equal(unlinkat(shelf.store.dir, "MIRROR-000001", 0), 0);

    flip_both(50);
    assert_int_equal(load(&edit, error), FKV_ECORRUPT);
    assert_non_null(strstr(error, "CURRENT is damaged"));
    close(fd);
}


static void
an_edit_that_contradicts_is_damage(void **state)
{
    char         error[FKV_ERROR_BYTES];
    uint64_t     number;
    fkv__buf_t   buf = { 0 };
    fkv__edit_t  edit;

    (void) state;

    fkv__edit_init(&edit);
    assert_int_equal(fkv__edit_drop(&edit, 99), FKV_OK);
    edit.number = 2;
    assert_int_equal(fkv__manifest_put(&buf, 1, shelf.catalog.len, &edit),
                     FKV_OK);
    assert_int_equal(pwrite(shelf.catalog.fd, buf.data, buf.len,
                            (off_t) shelf.catalog.len), (ssize_t) buf.len);

    assert_int_equal(load(&number, error), FKV_ECORRUPT);
    assert_non_null(strstr(error, "contradicts"));

    fkv__buf_done(&buf);
    fkv__edit_done(&edit);
}


/* Of ids that are there, or not: tables 0 .. LIVES - 1. */
#define LIVES   300
#define RANGES  600

typedef struct {
    uint64_t    random;
    uint64_t    number;
    uint64_t    ids[LIVES];         /* 0: it is not there */
    uint64_t    ranges[RANGES];     /* versions, likewise */
    uint64_t    next;
    fkv__buf_t  file;
} history_t;


/* So that in each level none overlaps another. */
static void
history_table(history_t *h, fkv__edit_t *edit, unsigned i)
{
    char  from[16], to[16];

    if (h->ids[i] != 0) {
        assert_int_equal(fkv__edit_drop(edit, h->ids[i]), FKV_OK);
    }

    if (h->ids[i] != 0 && check_random(&h->random) % 2 == 0) {
        h->ids[i] = 0;
        return;
    }

    /* It stays itself, moves perhaps, or is another. */

    if (h->ids[i] == 0 || check_random(&h->random) % 2 == 0) {
        h->ids[i] = h->next++;
    }

    (void) sprintf(from, "k%05u", i);
    (void) sprintf(to, "k%05u+", i);
    add(edit, (unsigned) (check_random(&h->random) % FKV__LEVELS), h->ids[i],
        from, to, h->ids[i]);
}


static void
history_range(history_t *h, fkv__edit_t *edit, unsigned i)
{
    fkv__range_t  range = { str("b"), str("c"), 0 };

    if (h->ranges[i] != 0) {
        assert_int_equal(fkv__edit_range_drop(edit, h->ranges[i]), FKV_OK);
        h->ranges[i] = 0;

    } else {
        range.version = h->ranges[i] = h->next++;
        assert_int_equal(fkv__edit_range(edit, &range), FKV_OK);
    }
}


static void
history_put(history_t *h, fkv__edit_t *edit)
{
    edit->number = h->number += 1 + check_random(&h->random) % 2;
    assert_int_equal(fkv__manifest_put(&h->file, 1, h->file.len, edit),
                     FKV_OK);
    fkv__edit_done(edit);
}


/* What happens in it differs by its seed; the first edit is a snapshot. */
static void
history_make(history_t *h, uint64_t seed, unsigned edits)
{
    uint8_t      header[FKV__MANIFEST_HEADER_BYTES];
    fkv__edit_t  edit;

    memset(h, 0, sizeof(*h));
    h->random = seed * 2 + 1;
    h->next = 1;
    fkv__manifest_header_put(header, 1);
    assert_int_equal(fkv__buf_append(&h->file, header, sizeof(header)),
                     FKV_OK);

    for (unsigned n = 0; n < edits; n++) {
        fkv__edit_init(&edit);
        edit.snapshot = (n == 0 || check_random(&h->random) % 500 == 0);
        edit.log_floor = (n % 3 == 0) ? n + 1 : 0;

        if (edit.snapshot) {
            memset(h->ids, 0, sizeof(h->ids));
            memset(h->ranges, 0, sizeof(h->ranges));
        }

        for (unsigned i = (unsigned) (check_random(&h->random) % 40);
             i < LIVES; i += 1 + (unsigned) (check_random(&h->random) % 150))
        {
            history_table(h, &edit, i);
        }

        for (unsigned i = (unsigned) (check_random(&h->random) % 80);
             i < RANGES; i += 1 + (unsigned) (check_random(&h->random) % 300))
        {
            history_range(h, &edit, i);
        }

        history_put(h, &edit);
    }
}


/* Up to byte end; in seconds of CPU. */
static double
history_replay(const history_t *h, fkv__version_t **version, uint64_t *offset,
    uint64_t end)
{
    struct timespec  from, to;
    int              rc;

    (void) clock_gettime(CLOCK_THREAD_CPUTIME_ID, &from);
    rc = fkv__version_replay(version, (fkv_str_t) { h->file.data, end }, 1,
                             offset);
    (void) clock_gettime(CLOCK_THREAD_CPUTIME_ID, &to);

    assert_int_equal(rc, FKV_OK);
    assert_int_equal(*offset, end);

    return (double) (to.tv_sec - from.tv_sec)
           + (double) (to.tv_nsec - from.tv_nsec) / 1e9;
}


/* An edit a call, as who follows a quiet store does. */
static double
history_step(const history_t *h, fkv__version_t **version)
{
    uint64_t     offset = FKV__MANIFEST_HEADER_BYTES, next;
    double       seconds = 0;
    fkv__edit_t  edit;

    while (offset < h->file.len) {
        assert_int_equal(fkv__manifest_get(fkv__buf_str(&h->file), 1, offset,
                                           &edit, &next), FKV_OK);
        fkv__edit_done(&edit);
        seconds += history_replay(h, version, &offset, next);
    }

    return seconds;
}


static void
check_same(const fkv__version_t *a, const fkv__version_t *b)
{
    fkv__edit_t  edit;
    fkv__buf_t   bytes[2] = { { 0 }, { 0 } };

    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(fkv__version_snapshot((i == 0) ? a : b, &edit),
                         FKV_OK);
        assert_int_equal(fkv__edit_encode(&bytes[i], &edit), FKV_OK);
        fkv__edit_done(&edit);
    }

    check_str(fkv__buf_str(&bytes[0]), fkv__buf_str(&bytes[1]));
    fkv__buf_done(&bytes[0]);
    fkv__buf_done(&bytes[1]);
}


static void
many_edits_lead_where_one_after_the_other_does(void **state)
{
    static history_t  h;

    (void) state;

    for (uint64_t seed = 1; seed <= 30; seed++) {
        fkv__version_t  *stepped = fkv__version_new();
        fkv__version_t  *some = fkv__version_new();
        uint64_t         offset = FKV__MANIFEST_HEADER_BYTES, next, middle;
        fkv__edit_t      edit;

        history_make(&h, seed, 400);
        (void) history_step(&h, &stepped);

        /* In two parts: then the second begins with a version. */

        middle = 1 + check_random(&h.random) % (h.file.len - 1);

        for (next = offset; next < middle; ) {
            assert_int_equal(fkv__manifest_get(fkv__buf_str(&h.file), 1, next,
                                               &edit, &next), FKV_OK);
            fkv__edit_done(&edit);
        }

        (void) history_replay(&h, &some, &offset, next);
        (void) history_replay(&h, &some, &offset, h.file.len);
        check_same(stepped, some);

        fkv__version_unpin(stepped);
        fkv__version_unpin(some);
        fkv__buf_done(&h.file);
    }
}


/* Or every process that begins would be late by all that had happened. */
static void
many_edits_do_not_cost_a_version_each(void **state)
{
    static history_t  h;
    fkv__version_t   *stepped = fkv__version_new(), *all = fkv__version_new();
    uint64_t          offset = FKV__MANIFEST_HEADER_BYTES;
    double            each, once;

    (void) state;

    history_make(&h, 7, 3000);
    each = history_step(&h, &stepped);
    once = history_replay(&h, &all, &offset, h.file.len);
    check_same(stepped, all);

    printf("# %zu bytes: %.4f s at once, %.4f s one by one\n", h.file.len,
           once, each);
    assert_true(once < each / 3);

    fkv__version_unpin(stepped);
    fkv__version_unpin(all);
    fkv__buf_done(&h.file);
}


/* It is told where the one begins that does not fit, and the rest counts. */
static void
of_many_edits_those_before_a_wrong_one_count(void **state)
{
    static history_t  h;

    (void) state;

    for (unsigned wrong = 0; wrong < 4; wrong++) {
        fkv__version_t  *version = fkv__version_new();
        uint64_t         offset = FKV__MANIFEST_HEADER_BYTES, good;
        fkv__edit_t      edit;

        history_make(&h, 11 + wrong, 50);
        good = h.file.len;

        fkv__edit_init(&edit);

        switch (wrong) {
        case 0:
            assert_int_equal(fkv__edit_drop(&edit, 1000000), FKV_OK);
            break;

        case 1:
            assert_int_equal(fkv__edit_range_drop(&edit, 1000000), FKV_OK);
            break;

        case 2:
            add(&edit, 0, 2000000, "a", "b", 1);
            add(&edit, 0, 2000000, "a", "b", 1);
            break;

        default:
            h.number -= 10;
            break;
        }

        history_put(&h, &edit);
        fkv__edit_init(&edit);
        h.number += 10;
        history_put(&h, &edit);

        assert_int_equal(fkv__version_replay(&version,
                                             fkv__buf_str(&h.file), 1,
                                             &offset), FKV_ECORRUPT);
        assert_int_equal(offset, good);
        assert_true(version->edit > 0);

        fkv__version_unpin(version);
        fkv__buf_done(&h.file);
    }
}


static void
missing_files_are_named(void **state)
{
    char      error[FKV_ERROR_BYTES];
    uint64_t  edit;

    (void) state;

    shelf_add(&shelf, 1, 0, 1, 10, 100, "value");

    assert_int_equal(renameat(shelf.store.dir, "MANIFEST-000001",
                              shelf.store.dir, "x"), 0);
    check_mended(2, "MANIFEST-000001 is missing");
    assert_int_equal(renameat(shelf.store.dir, "MIRROR-000001",
                              shelf.store.dir, "y"), 0);
    assert_int_equal(load(&edit, error), FKV_ECORRUPT);
    assert_non_null(strstr(error, "MANIFEST-000001 is missing"));

    assert_int_equal(renameat(shelf.store.dir, "x", shelf.store.dir,
                              "MANIFEST-000001"), 0);
    check_mended(2, "MIRROR-000001 is missing");
    assert_int_equal(unlinkat(shelf.store.dir, "CURRENT", 0), 0);
    assert_int_equal(load(&edit, error), FKV_ECORRUPT);
    assert_non_null(strstr(error, "CURRENT is missing"));

    /* Without data it is the directory of an open that was interrupted. */
    shelf_unlink_table(&shelf, 1);
    assert_int_equal(load(&edit, error), FKV_NOTFOUND);

    assert_int_equal(unlinkat(shelf.store.dir, "MANIFEST-000001", 0), 0);
    assert_int_equal(load(&edit, error), FKV_NOTFOUND);
}


static void
no_flipped_bit_crashes_it_or_loses_anything(void **state)
{
    char      error[FKV_ERROR_BYTES];
    uint64_t  edit;

    (void) state;

    shelf_add(&shelf, 1, 0, 1, 10, 100, "value");
    shelf_add(&shelf, 2, 1, 1, 10, 200, "value");

    for (uint64_t at = 0; at < shelf.catalog.len; at++) {
        int  rc;

        flip_both(at);
        rc = load(&edit, error);
        assert_true(rc == FKV_ECORRUPT || (rc == FKV_OK && edit == 2));
        flip(shelf.catalog.mirror, at);
        assert_int_equal(load(&edit, error), FKV_OK);
        assert_int_equal(edit, 3);
        assert_int_not_equal(loaded.damage[0], '\0');
        flip_both(at);
        assert_int_equal(load(&edit, error), FKV_OK);
        assert_int_equal(edit, 3);
        flip(shelf.catalog.mirror, at);
    }

    assert_int_equal(load(&edit, error), FKV_OK);
    assert_int_equal(edit, 3);
}


int
main(void)
{
#define TEST(name)  cmocka_unit_test_setup_teardown(name, setup, teardown)

    const struct CMUnitTest  tests[] = {
        TEST(tables_are_ordered_by_level),
        TEST(impossible_edits_are_refused),
        TEST(a_snapshot_keeps_the_tables_that_are_known),
        TEST(a_snapshot_does_not_keep_what_has_been_trimmed),
        TEST(what_was_appended_is_loaded),
        TEST(what_one_copy_lacks_the_other_has),
        TEST(damage_of_both_is_told_from_a_torn_end),
        TEST(without_current_the_newest_manifest_counts),
        TEST(an_edit_that_contradicts_is_damage),
        TEST(many_edits_lead_where_one_after_the_other_does),
        TEST(many_edits_do_not_cost_a_version_each),
        TEST(of_many_edits_those_before_a_wrong_one_count),
        TEST(missing_files_are_named),
        TEST(no_flipped_bit_crashes_it_or_loses_anything),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
