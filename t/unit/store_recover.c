/*
 * store_recover.c - opening a store: what the log holds is there afterwards,
 * in every life, and damage is told from what was never promised.
 */

#include "recover.h"

static log_t  a, b, c;


static void
a_new_store_is_empty_and_ready(void **state)
{
    const fkv__recovered_t  *out;

    (void) state;

    out = recover();

    assert_false(out->damaged);
    assert_int_equal(out->manifest, 1);
    assert_int_equal(out->version->edit, 1);
    assert_int_equal(out->stopped_ms, 0);
    assert_int_equal(out->clock_ms, 1000000);
    assert_true(out->first_base > 0);
    assert_true(out->incarnation > 0);
    assert_string_equal(recovery.model, "");

    for (unsigned i = 0; i < 8; i++) {
        char  name[40];

        (void) snprintf(name, sizeof(name), "store/log/%02u.log", i);
        assert_int_equal(scratch_size(name), i == 0 ? 4096 + ARENA_BYTES : 0);
    }

    assert_false(scratch_exists("store/log/08.log"));
    assert_true(scratch_heard("INFO replayed 0 log files"));
}


static void
every_open_begins_a_new_life(void **state)
{
    fkv__recovered_t  first, second;

    (void) state;

    first = *recover();
    recovery.wall_ms += 1000;
    second = *recover();

    assert_true(second.incarnation >> 32 > first.incarnation >> 32);
    assert_true(second.first_base > first.first_base);
    assert_int_equal(second.floor, first.floor);
    assert_int_equal(second.manifest, 2);
    assert_int_equal(second.stopped_ms, 1000000);
    assert_int_equal(second.clock_ms, 1001000);
    assert_false(scratch_exists("store/MANIFEST-000001"));

    /* The clock was set back meanwhile: store time is not. */
    recovery.wall_ms = 5;
    assert_int_equal(recover()->clock_ms, 1001000);
}


static void
the_newest_of_each_key_comes_back(void **state)
{
    const fkv__recovered_t  *out;
    uint8_t                  body[256];
    uint64_t                 v1, v2, v3, v4;
    size_t                   n;

    (void) state;

    (void) recover();
    log_begin(&a);

    (void) log_put(&a, "k1", "old");
    v2 = log_put(&a, "k2", "two");
    log_frame(&a, FKV__FRAME_PAD, "\1\2\3\4\5\6\7", 7);
    v1 = log_put(&a, "k1", "new");

    /* A batch: within it, too, the last one counts. */
    n = log_record(body, "k3", "lost");
    v3 = a.header.base + a.at + FRAME_HEADER + n;
    n += log_record(body + n, "k3", "won");
    v4 = a.header.base + a.at + FRAME_HEADER + n;
    n += log_record(body + n, "k4", NULL);
    log_frame(&a, FKV__FRAME_BATCH, body, n);
    log_write(&a, 0);

    out = recover();

    expect("k1", v1, "new");
    expect("k2", v2, "two");
    expect("k3", v3, "won");
    expect("k4", v4, NULL);
    expected();

    assert_int_equal(out->segments, 1);
    assert_int_equal(out->frames, 5);
    assert_int_equal(out->records, 6);
    assert_int_equal(out->bytes, a.at);
    assert_int_equal(out->dropped_bytes, 0);
    assert_int_equal(out->tables, 1);
    assert_int_equal(out->floor, log_end(&a));
    assert_true(out->first_base >= a.header.base + a.header.bytes);
    assert_int_equal(out->version->levels[0][0]->info.entries, 4);
    assert_false(scratch_heard("NOTICE"));
}


static void
files_are_followed_in_the_order_of_their_lsns(void **state)
{
    uint64_t  v1, v2, v3;

    (void) state;

    (void) recover();

    log_begin(&a);
    v1 = log_put(&a, "k1", "a");
    (void) log_put(&a, "k2", "a");
    (void) log_put(&a, "k3", "a");
    log_continue(&b, &a);
    v2 = log_put(&b, "k2", "b");
    (void) log_put(&b, "k3", "b");
    log_continue(&c, &b);
    v3 = log_put(&c, "k3", NULL);

    log_write(&a, 5);
    log_write(&b, 11);
    log_write(&c, 0);

    (void) recover();

    expect("k1", v1, "a");
    expect("k2", v2, "b");
    expect("k3", v3, NULL);
    expected();

    assert_int_equal(recovery.out.segments, 3);
    assert_int_equal(recovery.out.tables, 3);
    assert_int_equal(recovery.out.floor, log_end(&c));

    /* There are names for eight only. */
    assert_false(scratch_exists("store/log/11.log"));
}


static void
recovering_twice_gives_the_same(void **state)
{
    uint64_t  floor;

    (void) state;

    (void) recover();
    log_begin(&a);
    (void) log_put(&a, "k1", "a");
    log_continue(&b, &a);
    (void) log_put(&b, "k2", "b");
    log_write(&a, 0);
    log_write(&b, 1);

    (void) recover();
    floor = recovery.out.floor;
    (void) snprintf(recovery.expected, sizeof(recovery.expected), "%s",
                    recovery.model);

    for (unsigned i = 0; i < 3; i++) {
        (void) recover();
        expected();
        assert_int_equal(recovery.out.floor, floor);
        assert_int_equal(recovery.out.frames, 0);
        assert_false(scratch_heard("NOTICE"));
    }

    /* Also if clearing the headers did not reach the disk. */
    log_write(&a, 0);
    log_write(&b, 1);

    (void) recover();
    expected();
    assert_int_equal(recovery.out.floor, floor);
    assert_int_equal(recovery.out.frames, 0);
    assert_false(recovery.out.damaged);
}


/* Three frames in one file; the length of the last. */
static uint64_t
three_frames(void)
{
    uint64_t  v1, v2, at;

    scratch_clear();
    recovery.expected[0] = '\0';
    (void) recover();

    log_begin(&a);
    v1 = log_put(&a, "k1", "one");
    v2 = log_put(&a, "k2", "two");
    at = a.at;
    (void) log_put(&a, "k3", "three");

    expect("k1", v1, "one");
    expect("k2", v2, "two");

    return a.at - at;
}


static void
a_tail_torn_at_any_byte_is_dropped(void **state)
{
    uint64_t  length = 8;

    (void) state;

    for (uint64_t n = 0; n < length; n++) {
        uint8_t  *last;

        length = three_frames();
        last = a.image + FKV__LOG_HEADER_BYTES + a.at - length;

        /* n bytes of the frame reached the disk. */
        memset(last + n, 0, length - n);
        log_write(&a, 0);

        /* The body's padding is zero anyway. */
        if (n >= FRAME_HEADER + 4 + 2 + 5) {
            break;
        }

        (void) recover();
        expected();

        assert_false(recovery.out.damaged);
        assert_int_equal(recovery.out.floor, log_end(&a) - length);
        assert_true(scratch_heard("NOTICE the log ends at log/00.log offset ")
                    == (n > 0));
        assert_in_range(recovery.out.dropped_bytes, n > 0, length);

        /* The next life goes on behind it. */
        log_begin(&b);
        expect("k3", log_put(&b, "k3", "again"), "again");
        log_write(&b, 0);
        (void) recover();
        expected();
    }

    assert_in_range(length, 40, 64);
}


static void
a_flipped_byte_in_the_last_frame_drops_it(void **state)
{
    (void) state;

    for (uint64_t n = 8; n < three_frames(); n++) {
        uint64_t  length = three_frames();

        log_write(&a, 0);
        scratch_flip("store/log/00.log",
                     FKV__LOG_HEADER_BYTES + a.at - length + n);

        (void) recover();
        expected();
        assert_false(recovery.out.damaged);
        assert_true(scratch_heard("NOTICE the log ends at"));
    }
}


static void
a_file_cut_off_anywhere_keeps_what_precedes(void **state)
{
    (void) state;

    for (uint64_t cut = FKV__LOG_HEADER_BYTES; ; cut += 8) {
        uint64_t  length = three_frames();
        uint64_t  second = FKV__LOG_HEADER_BYTES + a.at - length;

        if (cut >= second + length) {
            break;
        }

        log_write(&a, 0);
        assert_int_equal(truncate(scratch_name("store/log/00.log"),
                                  (off_t) cut), 0);
        (void) recover();
        assert_false(recovery.out.damaged);
        assert_true(strncmp(recovery.model, recovery.expected,
                            strlen(recovery.model)) == 0);

        if (cut >= second) {
            expected();
        }
    }
}


static void
damage_in_the_middle_is_told_and_stays(void **state)
{
    char      sentence[64];
    uint64_t  v1, offset;

    (void) state;

    (void) recover();
    log_begin(&a);
    v1 = log_put(&a, "k1", "one");
    offset = FKV__LOG_HEADER_BYTES + a.at;
    (void) log_put(&a, "k2", "two");
    a.durable = log_end(&a);
    (void) log_put(&a, "k3", "three");
    log_write(&a, 2);
    scratch_flip("store/log/02.log", offset + FRAME_HEADER + 3);

    expect("k1", v1, "one");
    (void) snprintf(sentence, sizeof(sentence), "log/02.log is damaged at "
                    "offset %u", (unsigned) offset);

    /* However often it is opened: the prefix, and not a byte is changed. */
    for (unsigned i = 0; i < 3; i++) {
        uint8_t  *image = malloc(sizeof(a.image));
        FILE     *file;

        (void) recover();
        expected();

        assert_true(recovery.out.damaged);
        assert_non_null(strstr(recovery.out.damage, sentence));
        assert_int_equal(recovery.out.floor, a.header.base + offset
                         - FKV__LOG_HEADER_BYTES);

        file = fopen(scratch_name("store/log/02.log"), "r");
        assert_int_equal(fread(image, 1, sizeof(a.image), file), 8192);
        (void) fclose(file);
        image[offset + FRAME_HEADER + 3] ^= 0x10;
        assert_memory_equal(image, a.image, 8192);
        free(image);
    }

    /* The operator takes the file away. */
    assert_int_equal(unlink(scratch_name("store/log/02.log")), 0);
    (void) recover();
    expected();
    assert_false(recovery.out.damaged);
}


static void
damage_is_also_seen_from_later_files(void **state)
{
    uint64_t  v1;

    (void) state;

    (void) recover();
    log_begin(&a);
    v1 = log_put(&a, "k1", "one");
    (void) log_put(&a, "k2", "two");
    log_continue(&b, &a);
    b.durable = log_end(&a);
    (void) log_put(&b, "k3", "three");
    log_write(&a, 0);
    log_write(&b, 1);
    scratch_flip("store/log/00.log", FKV__LOG_HEADER_BYTES + a.at - 1);

    (void) recover();
    expect("k1", v1, "one");
    expected();

    assert_true(recovery.out.damaged);
    assert_non_null(strstr(recovery.out.damage, "log/00.log is damaged at "));
    assert_non_null(strstr(recovery.out.damage, "log/01.log says at offset "
                           "4096 that more was on disk"));
}


static void
a_missing_file_in_the_middle_ends_the_log(void **state)
{
    uint64_t  v1;

    (void) state;

    for (unsigned promised = 0; promised < 2; promised++) {
        scratch_clear();
        recovery.expected[0] = '\0';

        (void) recover();
        log_begin(&a);
        v1 = log_put(&a, "k1", "one");
        log_continue(&b, &a);
        (void) log_put(&b, "k2", "two");
        log_continue(&c, &b);
        c.durable = promised ? log_end(&b) : a.header.base;
        (void) log_put(&c, "k3", "three");
        log_write(&a, 0);
        log_write(&c, 2);

        (void) recover();
        expect("k1", v1, "one");
        expected();

        assert_int_equal(recovery.out.damaged, promised);
        assert_int_equal(recovery.out.floor, log_end(&a));
        assert_true(recovery.out.dropped_bytes >= c.at);
        assert_true(scratch_heard("NOTICE the log ends at log/00.log")
                    == !promised);

        /* What was dropped is never found again. */
        if (!promised) {
            log_begin(&b);
            assert_true(b.header.base >= c.header.base + c.header.bytes);
            expect("k4", log_put(&b, "k4", "four"), "four");
            log_write(&b, 1);
            log_write(&c, 2);           /* cleared only in the cache */

            (void) recover();
            expected();
            assert_false(recovery.out.damaged);
        }
    }
}


static void
a_missing_first_file_is_damage_only_if_it_was_promised(void **state)
{
    (void) state;

    for (unsigned promised = 0; promised < 2; promised++) {
        scratch_clear();

        (void) recover();
        log_begin(&a);
        (void) log_put(&a, "k1", "one");
        log_continue(&b, &a);

        /* Of a life in which nothing is durable yet, frames say its base. */
        b.durable = promised ? log_end(&a) : a.header.base;
        (void) log_put(&b, "k2", "two");
        log_write(&b, 1);

        (void) recover();
        assert_string_equal(recovery.model, "");
        assert_int_equal(recovery.out.damaged, promised);

        if (promised) {
            assert_string_equal(recovery.out.damage, "a log file is missing: "
                                "log/01.log says at offset 4096 that more was "
                                "on disk");
        }
    }
}


static void
frames_of_an_earlier_life_are_not_believed(void **state)
{
    uint64_t  v1;

    (void) state;

    /*
     * A file that was full of frames is used again: first where the new frames
     * end amid old ones, then where old ones begin right behind the new.
     */
    for (unsigned records = 1; records <= 70; records++) {
        scratch_clear();
        recovery.expected[0] = '\0';
        (void) recover();

        log_begin(&a);

        while (a.at + 256 < ARENA_BYTES) {
            a.durable = log_end(&a);
            (void) log_put(&a, "old", "an old value");
        }

        log_write(&a, 0);

        b = a;
        b.at = 0;
        b.header.incarnation++;
        b.header.base += 65536;
        b.header.prev_end = recovery.out.floor;
        b.durable = b.header.base;
        memset(b.image, 0, sizeof(b.image));

        for (unsigned i = 0; i < records; i++) {
            v1 = log_put(&b, "new", "a new value");
        }

        log_write(&b, 0);
        (void) recover();

        expect("new", v1, "a new value");
        expected();
        assert_int_equal(recovery.out.floor, log_end(&b));
        assert_false(recovery.out.damaged);
    }
}


/* A manifest as a flush leaves it: everything below floor is in tables. */
static void
set_floor(uint64_t floor)
{
    char            path[512], error[512];
    fkv__catalog_t  catalog = {
        .fs = &fkv__fs_linux, .uid = (uid_t) -1, .gid = (gid_t) -1
    };
    fkv__edit_t     edit;

    (void) snprintf(path, sizeof(path), "%s/store", scratch.path);
    catalog.dir = open(path, O_RDONLY | O_DIRECTORY);
    assert_int_equal(fkv__catalog_open(&catalog, error), FKV_OK);

    fkv__edit_init(&edit);
    edit.log_floor = floor;
    edit.next_lsn = floor;
    assert_int_equal(fkv__catalog_append(&catalog, &edit), FKV_OK);

    fkv__catalog_close(&catalog);
    close(catalog.dir);
}


static void
only_what_is_behind_the_floor_is_replayed(void **state)
{
    uint64_t  floor, v2, v3;

    (void) state;

    /* In the middle of a file; at its end; at the base of the next. */
    for (unsigned where = 0; where < 3; where++) {
        scratch_clear();
        recovery.expected[0] = '\0';

        (void) recover();
        log_begin(&a);
        (void) log_put(&a, "k1", "one");
        floor = log_end(&a);
        v2 = log_put(&a, "k2", "two");
        log_continue(&b, &a);
        v3 = log_put(&b, "k3", "three");
        log_write(&a, 1);
        log_write(&b, 0);

        if (where == 0) {
            set_floor(floor);
            expect("k2", v2, "two");

        } else {
            set_floor((where == 1) ? log_end(&a) : b.header.base);
        }

        expect("k3", v3, "three");

        (void) recover();
        expected();
        assert_int_equal(recovery.out.floor, log_end(&b));
        assert_false(scratch_heard("NOTICE"));
    }
}


static void
a_flushed_file_may_be_gone_or_used_again(void **state)
{
    uint64_t  v3;

    (void) state;

    for (unsigned gone = 0; gone < 2; gone++) {
        scratch_clear();
        recovery.expected[0] = '\0';

        (void) recover();
        log_begin(&a);
        (void) log_put(&a, "k1", "one");
        log_continue(&b, &a);
        (void) log_put(&b, "k2", "two");
        log_continue(&c, &b);
        c.durable = log_end(&b);
        v3 = log_put(&c, "k3", "three");

        if (!gone) {
            log_write(&a, 0);
        }

        log_write(&c, 2);
        set_floor(log_end(&b));

        (void) recover();
        expect("k3", v3, "three");
        expected();
        assert_false(recovery.out.damaged);
    }
}


static void
arenas_may_have_another_size(void **state)
{
    uint64_t  v1, v2;

    (void) state;

    (void) recover();

    log_begin(&a);
    v1 = log_put(&a, "k1", "one");
    log_continue(&b, &a);
    v2 = log_put(&b, "k2", "two");
    log_write(&a, 0);
    log_write(&b, 1);

    recovery.arena_bytes = ARENA_MAX;
    (void) recover();
    expect("k1", v1, "one");
    expect("k2", v2, "two");
    expected();
    assert_int_equal(scratch_size("store/log/00.log"), 4096 + ARENA_MAX);

    log_begin(&a);

    while (a.at < ARENA_MAX - 4096) {
        v1 = log_put(&a, "l", "a larger arena");
    }

    log_write(&a, 0);

    recovery.arena_bytes = ARENA_BYTES;
    (void) recover();
    expect("l", v1, "a larger arena");
    expected();
    assert_true(recovery.out.first_base >= a.header.base + ARENA_MAX);
}


static void
a_newer_log_is_refused_by_name(void **state)
{
    (void) state;

    (void) recover();
    log_begin(&a);
    (void) log_put(&a, "k", "v");
    log_write(&a, 3);

    recover_done();
    fkv__put_le32(a.image + 8, FKV__LOG_FORMAT + 1);
    fkv__put_le32(a.image + 12, 0);
    fkv__put_le32(a.image + 12,
                  fkv__crc32c(0, a.image, FKV__LOG_HEADER_BYTES));
    scratch_write("store/log/03.log", a.image, FKV__LOG_HEADER_BYTES, 0);

    assert_int_equal(recover_try(), FKV_EVERSION);
    assert_non_null(strstr(scratch.error, "log/03.log was written by a newer "
                           "version"));
}


static void
a_valid_frame_of_nonsense_is_damage(void **state)
{
    uint64_t  v1;

    (void) state;

    (void) recover();
    log_begin(&a);
    v1 = log_put(&a, "k1", "one");
    log_frame(&a, FKV__FRAME_BATCH, "\1\0\377\377\377\377", 6);
    (void) log_put(&a, "k2", "two");
    log_write(&a, 0);

    (void) recover();
    expect("k1", v1, "one");
    expected();
    assert_true(recovery.out.damaged);
    assert_non_null(strstr(recovery.out.damage, "log/00.log is damaged at"));
}


static void
a_damaged_header_is_damage(void **state)
{
    (void) state;

    (void) recover();
    log_begin(&a);
    (void) log_put(&a, "k1", "one");
    log_write(&a, 4);
    scratch_flip("store/log/04.log", 20);
    scratch_flip("store/log/04.log", 30);

    (void) recover();
    assert_true(recovery.out.damaged);
    assert_string_equal(recovery.out.damage, "log/04.log is damaged: its "
                        "header at offset 0 is not valid");
    assert_string_equal(recovery.model, "");
}


/* Whether anybody needs the file, or it is wholly in tables. */
static void
a_header_with_a_flipped_bit_is_known_all_the_same(void **state)
{
    (void) state;

    for (unsigned at = 0; at < FKV__LOG_HEADER_BYTES; at += 1 + at / 2) {
        char  name[20];

        (void) snprintf(name, sizeof(name), "k%04u", at);
        (void) recover();
        log_begin(&a);
        expect(name, log_put(&a, name, "one"), "one");
        log_write(&a, 4);
        scratch_flip("store/log/04.log", at);

        (void) recover();
        expected();
        assert_false(recovery.out.damaged);
    }
}


static void
lost_edits_are_damage_and_no_table_is_removed(void **state)
{
    (void) state;

    (void) recover();
    log_begin(&a);
    expect("k1", log_put(&a, "k1", "one"), "one");
    a.header.edit += 2;
    log_write(&a, 0);
    scratch_write("store/sst/000077.sst", "precious", 8, 0);

    for (unsigned i = 0; i < 3; i++) {
        (void) recover();
        expected();
        assert_true(recovery.out.damaged);
        assert_non_null(strstr(recovery.out.damage, "ends with edit 1, but "
                               "log/00.log was written after edit 3"));
        assert_true(scratch_exists("store/sst/000077.sst"));
    }

    assert_true(recovery.out.version->next_file > 77);
}


static void
bad_tables_are_told_and_orphans_removed(void **state)
{
    (void) state;

    (void) recover();
    log_begin(&a);
    (void) log_put(&a, "k1", "one");
    log_continue(&b, &a);
    (void) log_put(&b, "k2", "two");
    log_write(&a, 0);
    log_write(&b, 1);
    (void) recover();

    scratch_write("store/sst/000999.sst", "orphan", 6, 0);
    scratch_write("store/MANIFEST-000099", "orphan", 6, 0);
    scratch_write("store/MIRROR-000099", "orphan", 6, 0);
    assert_int_equal(recovery.out.tables_bad, 0);

    assert_int_equal(unlink(scratch_name("store/sst/000001.sst")), 0);
    assert_int_equal(truncate(scratch_name("store/sst/000002.sst"), 100), 0);

    (void) recover();
    assert_int_equal(recovery.out.tables_bad, 2);
    assert_int_equal(recovery.out.version->n[0], 2);
    assert_true(scratch_heard("ALERT sst/000001.sst is missing"));
    assert_true(scratch_heard("ALERT sst/000002.sst is damaged: 100 bytes of"));
    assert_false(scratch_exists("store/sst/000999.sst"));
    assert_false(scratch_exists("store/MANIFEST-000099"));
    assert_false(scratch_exists("store/MIRROR-000099"));
}


static void
data_without_a_manifest_are_not_thrown_away(void **state)
{
    (void) state;

    (void) recover();
    log_begin(&a);
    (void) log_put(&a, "k1", "one");
    log_write(&a, 0);
    assert_int_equal(unlink(scratch_name("store/CURRENT")), 0);
    assert_int_equal(unlink(scratch_name("store/MANIFEST-000001")), 0);
    recover_done();

    assert_int_equal(recover_try(), FKV_ECORRUPT);
    assert_non_null(strstr(scratch.error, "though there are log files"));

    assert_int_equal(unlink(scratch_name("store/log/00.log")), 0);
    scratch_write("store/sst/000001.sst", "x", 1, 0);

    assert_int_equal(recover_try(), FKV_ECORRUPT);
    assert_non_null(strstr(scratch.error, "though there are tables"));
    assert_true(scratch_exists("store/sst/000001.sst"));
}


/* So that the next file begins just where this one ends. */
static void
log_fill_block(log_t *log)
{
    static const uint8_t  zeros[4096];
    size_t                rest = 4096 - log->at % 4096;

    log_frame(log, FKV__FRAME_PAD, zeros, rest - FRAME_HEADER);
    assert_int_equal(log->at % 4096, 0);
}


/*
 * An arena that was left without a frame, and the one after it: both claim the
 * end of the last frame, if that is where a block ends.
 */
static void
of_two_files_with_one_end_each_is_followed_once(void **state)
{
    (void) state;

    for (unsigned round = 0; round < 8; round++) {
        uint64_t  v1, v2, v3;

        scratch_clear();
        recovery.expected[0] = '\0';

        (void) recover();
        log_begin(&a);
        v1 = log_put(&a, "k1", "a");
        log_fill_block(&a);

        log_continue(&b, &a);
        log_continue(&c, &a);
        assert_int_equal(b.header.base, b.header.prev_end);
        c.header.incarnation++;
        c.header.base += (round & 4) ? c.header.bytes : 0;
        v2 = log_put(&c, "k2", "c");

        if (round & 2) {
            c.durable = log_end(&c);
        }

        v3 = log_put(&c, "k3", "c");
        log_write(&a, 2);
        log_write(&b, (round & 1) ? 0 : 1);
        log_write(&c, (round & 1) ? 1 : 0);

        (void) recover();
        expect("k1", v1, "a");
        expect("k2", v2, "c");
        expect("k3", v3, "c");
        expected();
        assert_false(recovery.out.damaged);
        assert_int_equal(recovery.out.frames, 4);
    }
}


/* No such pair can come about, but it must not be followed in a circle. */
static void
two_files_with_one_end_and_frames_both_are_no_circle(void **state)
{
    uint64_t  v1, v2;

    (void) state;

    (void) recover();
    log_begin(&a);
    v1 = log_put(&a, "k1", "a");
    log_continue(&b, &a);
    log_continue(&c, &a);
    c.header.incarnation++;
    c.header.base += 2 * c.header.bytes;
    v2 = log_put(&b, "k2", "b");
    b.durable = log_end(&b);
    (void) log_put(&b, "k3", "b");
    (void) log_put(&c, "k2", "c");
    log_write(&a, 2);
    log_write(&b, 0);
    log_write(&c, 1);

    (void) recover();
    expect("k1", v1, "a");
    expect("k2", v2, "b");
    expect("k3", b.last + FRAME_HEADER, "b");
    expected();

    /* What the other says was durable is no more than that. */
    assert_false(recovery.out.damaged);
    assert_true(recovery.out.dropped_bytes > 0);
}


static void
a_flipped_byte_of_the_manifest_loses_nothing(void **state)
{
    static const char *const  files[] = { "MANIFEST-", "MIRROR-", "CURRENT" };
    char                      name[64];

    (void) state;

    (void) recover();
    log_begin(&a);
    expect("k1", log_put(&a, "k1", "one"), "one");
    log_write(&a, 0);
    (void) recover();
    expected();

    for (unsigned i = 0; i < 3; i++) {
        (void) snprintf(name, sizeof(name), "store/%s", files[i]);

        if (i < 2) {
            (void) sprintf(name + strlen(name), "%06llu",
                           (unsigned long long) recovery.out.manifest);
        }

        scratch_flip(name, (i < 2) ? 60 : 3);
        (void) recover();
        expected();
        assert_false(recovery.out.damaged);
        assert_non_null(strstr(scratch.said, name + 6));
        assert_non_null(strstr(scratch.said, "damaged at offset"));

        /* Now it is mended. */
        (void) recover();
        expected();
        assert_null(strstr(scratch.said, "damaged"));
    }
}


/* Two files of log, an orphan, a stale manifest, a log file too many. */
static void
prepare(void)
{
    uint64_t  v1, v2, v3;

    scratch_clear();
    scratch_fail(0, 0, false);
    recovery.expected[0] = '\0';

    (void) recover();
    log_begin(&a);
    v1 = log_put(&a, "k1", "one");
    (void) log_put(&a, "k2", "one");
    v3 = log_put(&a, "k3", "three");
    log_continue(&b, &a);
    v2 = log_put(&b, "k2", "two");
    log_write(&a, 9);
    log_write(&b, 1);
    scratch_write("store/sst/000001.sst", "orphan", 6, 0);
    scratch_write("store/MANIFEST-000002", "stale", 5, 0);

    expect("k1", v1, "one");
    expect("k2", v2, "two");
    expect("k3", v3, "three");
}


/* The n-th call fails, and all that follow if dead; then all goes well. */
static void
interrupted(int with, bool dead)
{
    unsigned  n = 0, calls;

    /* Until no call is left to fail. */
    do {
        int     rc;
        size_t  bytes;

        n++;
        prepare();
        recover_done();
        bytes = fkv_alloc_bytes();

        scratch_fail(n, with, dead);
        rc = recover_try();
        calls = scratch.calls;
        scratch_fail(0, 0, false);

        if (rc == FKV_OK) {
            expected();
            recover_done();
            assert_int_equal(fkv_alloc_bytes(), bytes);

        } else {
            assert_true(rc == FKV_EIO
                        || (rc == FKV_EFULL && with == -ENOSPC));
            assert_true(scratch.error[0] != '\0');
        }

        (void) recover();
        expected();
        assert_false(recovery.out.damaged);
        assert_int_equal(recovery.out.floor, log_end(&b));
        assert_false(scratch_exists("store/log/09.log"));

        /* And there is a life after it. */
        log_begin(&c);
        expect("k4", log_put(&c, "k4", "four"), "four");
        log_write(&c, 0);
        (void) recover();
        expected();
    } while (calls >= n);

    assert_in_range(n, 50, 500);
}


static void
an_open_that_fails_anywhere_can_be_repeated(void **state)
{
    (void) state;

    interrupted(-EIO, false);
    interrupted(-ENOSPC, false);
}


static void
an_open_that_dies_anywhere_can_be_repeated(void **state)
{
    (void) state;

    interrupted(-EIO, true);
}


/* Opens the store in a process that is killed at this step; true if it was. */
static bool
killed_at(const char *step)
{
    int    status;
    pid_t  pid = fork();

    assert_true(pid >= 0);

    if (pid == 0) {
        (void) setenv("FKV_KILL", step, 1);
        (void) execl("/proc/self/exe", scratch.path, NULL);
        _exit(1);
    }

    assert_int_equal(waitpid(pid, &status, 0), pid);

    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}


static void
a_kill_at_any_step_loses_nothing(void **state)
{
    static const char *const  steps[] = {
        "directory.1", "directory.2", "recover.1", "table_file.1",
        "table_file.2", "table_file.3", "table_file.1:2", "table_file.3:2",
        "recover.2", "catalog.5", "catalog.6", "catalog.7", "recover.3",
        "recover.4", "recover.5"
    };

    (void) state;

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        prepare();
        assert_true(killed_at(steps[i]));
        (void) recover();
        expected();
        assert_false(recovery.out.damaged);
        assert_false(scratch_exists("store/log/09.log"));

        /* Of a store that does not exist yet, too. */
        scratch_clear();
        (void) killed_at(steps[i]);
        (void) recover();
        assert_string_equal(recovery.model, "");
    }

    prepare();
    assert_false(killed_at("recover.6"));
}


static void
a_full_disk_is_told_as_such(void **state)
{
    (void) state;

    prepare();
    recover_done();

    /* Everything that only reads goes well, the first write does not. */
    for (unsigned n = 1; ; n++) {
        scratch_fail(n, -ENOSPC, true);

        if (recover_try() == FKV_EFULL) {
            break;
        }

        assert_in_range(n, 1, 100);
    }

    assert_non_null(strstr(scratch.error, "No space left on device"));
}


#define TEST(name)  cmocka_unit_test_setup_teardown(name, recover_setup,      \
                                                    recover_teardown)

int
main(int argc, char **argv)
{
    const struct CMUnitTest  tests[] = {
        TEST(a_new_store_is_empty_and_ready),
        TEST(every_open_begins_a_new_life),
        TEST(the_newest_of_each_key_comes_back),
        TEST(files_are_followed_in_the_order_of_their_lsns),
        TEST(recovering_twice_gives_the_same),
        TEST(a_tail_torn_at_any_byte_is_dropped),
        TEST(a_flipped_byte_in_the_last_frame_drops_it),
        TEST(a_file_cut_off_anywhere_keeps_what_precedes),
        TEST(damage_in_the_middle_is_told_and_stays),
        TEST(damage_is_also_seen_from_later_files),
        TEST(a_missing_file_in_the_middle_ends_the_log),
        TEST(a_missing_first_file_is_damage_only_if_it_was_promised),
        TEST(frames_of_an_earlier_life_are_not_believed),
        TEST(only_what_is_behind_the_floor_is_replayed),
        TEST(a_flushed_file_may_be_gone_or_used_again),
        TEST(arenas_may_have_another_size),
        TEST(a_newer_log_is_refused_by_name),
        TEST(a_valid_frame_of_nonsense_is_damage),
        TEST(a_damaged_header_is_damage),
        TEST(a_header_with_a_flipped_bit_is_known_all_the_same),
        TEST(lost_edits_are_damage_and_no_table_is_removed),
        TEST(bad_tables_are_told_and_orphans_removed),
        TEST(data_without_a_manifest_are_not_thrown_away),
        TEST(of_two_files_with_one_end_each_is_followed_once),
        TEST(two_files_with_one_end_and_frames_both_are_no_circle),
        TEST(a_flipped_byte_of_the_manifest_loses_nothing),
        TEST(an_open_that_fails_anywhere_can_be_repeated),
        TEST(an_open_that_dies_anywhere_can_be_repeated),
        TEST(a_kill_at_any_step_loses_nothing),
        TEST(a_full_disk_is_told_as_such)
    };

    /* The process that killed_at() starts. */
    if (argc == 1 && getenv("FKV_KILL") != NULL) {
        (void) snprintf(scratch.path, sizeof(scratch.path), "%s", argv[0]);
        recovery.arena_bytes = ARENA_BYTES;
        recovery.wall_ms = 1000000;
        return recover_try() == FKV_OK ? 0 : 1;
    }

    return cmocka_run_group_tests(tests, NULL, NULL);
}
