/*
 * shared_arena.c - reservations: frames can always be walked.
 */

#include "check.h"
#include "shared/arena.h"
#include "format/log.h"

#include <pthread.h>

#define BYTES    (1024 * 1024)
#define THREADS  4

static fkv__arena_shm_t  arena;
static _Alignas(4096) uint8_t  mem[BYTES];


static int
arena_setup(void **state)
{
    (void) state;

    memset(&arena, 0, sizeof(arena));
    memset(mem, 0, sizeof(mem));
    fkv__arena_reset(&arena, BYTES);

    return 0;
}


static uint64_t
stamp_at(uint32_t frame)
{
    return fkv__get_le64(mem + frame + 8);
}


static void
frames_grow_up_and_nodes_grow_down(void **state)
{
    fkv__arena_room_t  a, b;
    fkv__arena_word_t  w;

    (void) state;

    assert_int_equal(fkv__arena_reserve(&arena, mem, 3, 64, 48, &a), FKV_OK);
    assert_int_equal(fkv__arena_reserve(&arena, mem, 4, 40, 16, &b), FKV_OK);

    assert_int_equal(a.frame, 0);
    assert_int_equal(a.nodes, BYTES - 48);
    assert_int_equal(b.frame, 64);
    assert_int_equal(b.nodes, BYTES - 64);

    w = fkv__arena_word(&arena);
    assert_int_equal(w.top, 104);
    assert_int_equal(w.bottom, BYTES - 64);
    assert_int_equal(w.prev, 64);
    assert_int_equal(w.slot, 4);
    assert_false(w.sealed);

    assert_int_equal(stamp_at(0), fkv__frame_stamp(64, 3, FKV__FRAME_BATCH));
    assert_int_equal(stamp_at(64), fkv__frame_stamp(40, 4, FKV__FRAME_BATCH));
}


static void
what_does_not_fit_seals_the_arena(void **state)
{
    fkv__arena_room_t  room;

    (void) state;

    assert_int_equal(fkv__arena_reserve(&arena, mem, 1, BYTES - 64, 64, &room),
                     FKV_OK);
    assert_int_equal(fkv__arena_reserve(&arena, mem, 1, 8, 0, &room),
                     FKV_EFULL);
    assert_true(fkv__arena_word(&arena).sealed);
}


static void
an_empty_arena_is_never_sealed(void **state)
{
    fkv__arena_room_t  room;

    (void) state;

    fkv__arena_seal(&arena, mem);
    assert_false(fkv__arena_word(&arena).sealed);

    assert_int_equal(fkv__arena_reserve(&arena, mem, 1, BYTES, 8, &room),
                     FKV_EFULL);
    assert_int_equal(fkv__arena_reserve(&arena, mem, 1, 64, 8, &room), FKV_OK);

    fkv__arena_seal(&arena, mem);
    assert_true(fkv__arena_word(&arena).sealed);
    assert_int_equal(fkv__arena_reserve(&arena, mem, 1, 64, 8, &room),
                     FKV_EFULL);
}


static void
the_next_reserver_stamps_a_frame_whose_owner_died(void **state)
{
    fkv__arena_room_t  a, b;

    (void) state;

    assert_int_equal(fkv__arena_reserve(&arena, mem, 7, 64, 16, &a), FKV_OK);
    memset(mem + a.frame, 0, 64);           /* as if it had come no further */

    assert_int_equal(fkv__arena_reserve(&arena, mem, 8, 72, 16, &b), FKV_OK);
    assert_int_equal(stamp_at(a.frame),
                     fkv__frame_stamp(64, 7, FKV__FRAME_BATCH));

    memset(mem + b.frame, 0, 72);
    fkv__arena_stamp_last(&arena, mem);
    assert_int_equal(stamp_at(b.frame),
                     fkv__frame_stamp(72, 8, FKV__FRAME_BATCH));

    memset(mem + b.frame, 0, 72);
    fkv__arena_seal(&arena, mem);
    assert_int_equal(stamp_at(b.frame),
                     fkv__frame_stamp(72, 8, FKV__FRAME_BATCH));
}


static void
a_reset_arena_has_another_generation(void **state)
{
    uint32_t  before = fkv__arena_word(&arena).generation;

    (void) state;

    fkv__arena_seal(&arena, mem);
    fkv__arena_reset(&arena, BYTES);

    assert_int_equal(fkv__arena_word(&arena).generation, before + 1);
    assert_false(fkv__arena_word(&arena).sealed);
}


static void *
reserve_until_full(void *data)
{
    uint64_t           seed = 1 + (uintptr_t) data;
    fkv__arena_room_t  room;
    uint32_t           bytes;

    do {
        bytes = 32 + 8 * (uint32_t) (check_random(&seed) >> 60);
    } while (fkv__arena_reserve(&arena, mem, (unsigned) (uintptr_t) data,
                                bytes, 24, &room) == FKV_OK);

    return NULL;
}


static void
concurrent_reservations_leave_no_hole(void **state)
{
    pthread_t          threads[THREADS];
    uint32_t           at = 0, frames = 0;
    fkv__arena_word_t  w;

    (void) state;

    for (uintptr_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, reserve_until_full,
                                        (void *) i), 0);
    }

    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }

    w = fkv__arena_word(&arena);

    while (at < w.top) {
        uint64_t  stamp = stamp_at(at);

        assert_in_range(fkv__frame_stamp_length(stamp), 32, 152);
        assert_in_range(fkv__frame_stamp_slot(stamp), 0, THREADS - 1);

        at += fkv__frame_stamp_length(stamp);
        frames++;
    }

    assert_int_equal(at, w.top);
    assert_int_equal(BYTES - w.bottom, frames * 24);
    assert_true(w.top <= w.bottom);
    assert_true(w.bottom - w.top < 256);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup(frames_grow_up_and_nodes_grow_down,
                               arena_setup),
        cmocka_unit_test_setup(what_does_not_fit_seals_the_arena, arena_setup),
        cmocka_unit_test_setup(an_empty_arena_is_never_sealed, arena_setup),
        cmocka_unit_test_setup(
            the_next_reserver_stamps_a_frame_whose_owner_died, arena_setup),
        cmocka_unit_test_setup(a_reset_arena_has_another_generation,
                               arena_setup),
        cmocka_unit_test_setup(concurrent_reservations_leave_no_hole,
                               arena_setup),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
