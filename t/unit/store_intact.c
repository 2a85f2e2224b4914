/*
 * store_intact.c - a stray write into a sealed memtable never reaches a table.
 */

#include "rich.h"

#include "store/intact.h"

static rich_t           rich;
static fkv__memtable_t  mt;
static uint32_t         top;
static uint32_t         bottom;


/* A sealed memtable with something of everything. */
static int
intact_setup(void **state)
{
    fkv__arena_word_t  w;

    (void) state;

    rich_base_make();
    rich_dir(&rich);
    rich.synced = true;
    rich_ok(rich_open(&rich));
    rich_ok(rich_attach(&rich));

    rich_ok(rich_put(&rich, rich_first(RICH_PLAIN), 10));
    rich_ok(rich_put(&rich, rich_first(RICH_PLAIN), 3));
    rich_ok(rich_put(&rich, rich_first(RICH_OPERANDS), 3));
    rich_ok(rich_put(&rich, rich_first(RICH_RANGE), 5));
    rich_ok(rich_put(&rich, rich_first(RICH_LARGE), 1));
    rich_ok(rich_delete_range(&rich));
    rich_ok(rich_put(&rich, rich_first(RICH_RANGE), 2));
    rich_ok(rich_put_elements(&rich, rich_first(RICH_ELEMENTS)));

    fkv__memtable_init(&mt, rich.store->seg, fkv__set_arena(
                           rich.store->seg->state.memtables, 0));
    rich_ok(rich_seal(&rich));

    w = fkv__arena_word(mt.shm);
    top = w.top;
    bottom = w.bottom;

    return 0;
}


static int
intact_teardown(void **state)
{
    (void) state;

    rich_done(&rich);
    rich_base_remove();

    return 0;
}


static void
what_was_written_is_intact(void **state)
{
    uint32_t  at;

    (void) state;

    assert_int_equal(fkv__intact(&mt, &at), FKV_OK);
    assert_int_equal(fkv__intact_frames(&mt, &at), FKV_OK);
}


/* But for its first word each byte of a frame is under a sum. */
static void
a_stray_write_into_any_frame_is_found(void **state)
{
    uint32_t  length, found;

    (void) state;

    for (uint32_t frame = 0; frame < top; frame += length) {
        length = fkv__frame_stamp_length(fkv__get_le64(mt.mem + frame + 8));

        for (uint32_t at = frame + 8; at < frame + length; at++) {
            mt.mem[at] ^= (uint8_t) (1u << at % 8);

            assert_int_equal(fkv__intact_frames(&mt, &found), FKV_ECORRUPT);
            assert_int_equal(found, frame);
            assert_int_equal(fkv__intact(&mt, &found), FKV_ECORRUPT);

            mt.mem[at] ^= (uint8_t) (1u << at % 8);
        }
    }

    assert_int_equal(fkv__intact(&mt, &found), FKV_OK);
}


static void
a_frame_that_became_void_is_missed(void **state)
{
    uint32_t   found;
    uint32_t  *frame = (uint32_t *) (void *) mt.mem;

    (void) state;

    *frame = FKV__FRAME_VOID;
    assert_int_equal(fkv__intact(&mt, &found), FKV_ECORRUPT);
    *frame = FKV__FRAME_READY;
}


/* Any word of the index may be anything: it is found, or of no consequence. */
static void
a_stray_write_into_the_index_does_no_harm(void **state)
{
    static const uint32_t  strays[] = { 0, 1, 8, 0xffffffff, 0x80000000 };
    uint32_t               found, was, missed = 0, words = 0;

    (void) state;

    for (uint32_t at = bottom; at < mt.bytes; at += 4) {
        uint32_t  *word = (uint32_t *) (void *) (mt.mem + at);

        for (unsigned i = 0; i < 5; i++) {
            was = *word;
            *word = strays[i];
            words++;
            missed += (fkv__intact(&mt, &found) == FKV_OK);
            *word = was;
        }
    }

    /* Prefixes, hashes and higher levels are for those who search. */
    assert_in_range(missed, 1, words - 1);
    assert_int_equal(fkv__intact(&mt, &found), FKV_OK);
}


static void
it_is_not_flushed_and_comes_back_from_the_log(void **state)
{
    uint64_t          edit = rich.store->seg->state.edit;
    fkv__state_shm_t *shm = &rich.store->seg->state;

    (void) state;

    mt.mem[top - 20] ^= 4;
    assert_int_equal(rich_flush(&rich), FKV_ECORRUPT);

    assert_int_equal(shm->edit, edit);
    assert_int_equal(shm->readonly, 1);
    assert_non_null(strstr(shm->cause, "is damaged in memory at offset "));
    assert_non_null(strstr(rich.live.logged, "is damaged in memory"));
    assert_int_equal(rich_put(&rich, rich_first(RICH_PLAIN) + 30, 1),
                     FKV_EREADONLY);
    rich.keys[rich_first(RICH_PLAIN) + 30].doubt = 0;

    rich_close(&rich);
    rich_ok(rich_open(&rich));
    rich_ok(rich_attach(&rich));
    (void) rich_verify(&rich, false, "from the log");
}


#define TEST(name)                                                            \
    cmocka_unit_test_setup_teardown(name, intact_setup, intact_teardown)

int
main(void)
{
    const struct CMUnitTest  tests[] = {
        TEST(what_was_written_is_intact),
        TEST(a_stray_write_into_any_frame_is_found),
        TEST(a_frame_that_became_void_is_missed),
        TEST(a_stray_write_into_the_index_does_no_harm),
        TEST(it_is_not_flushed_and_comes_back_from_the_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
