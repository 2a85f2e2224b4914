/*
 * shared_blocks.c - the block cache: what is found is right, whoever fills,
 * evicts or dies.
 */

#include "check.h"
#include "forget.h"
#include "store/epochs.h"
#include "store/slots.h"

#include <pthread.h>

#define MEMORY     (5 * 1024 * 1024)
#define PAYLOAD    1000
#define PROCESSES  3
#define PLACES     4000
#define UNTIL_KILLED  1000000000

static fkv__segment_shm_t  *seg;
static fkv__blocks_work_t   work;       /* of the last fill */


static int
setup(void **state)
{
    (void) state;
    return fkv__segment_create(MEMORY, &seg);
}


static int
teardown(void **state)
{
    (void) state;
    fkv__segment_unmap(seg);
    return 0;
}


/* One process's view. */
typedef struct {
    unsigned      slot;
    fkv__epochs_t  epochs;
    uint64_t      random;
} view_t;


static void
view_init(view_t *view, unsigned slot)
{
    view->slot = slot;
    view->random = 77 + slot;
    fkv__epochs_init(&view->epochs, seg, &seg->slots[slot]);
}


static size_t
payload_len(uint64_t place)
{
    return PAYLOAD + place * 37 % 5000;
}


/* What the block of a place holds: bytes that belong there and nowhere else. */
static void
payload_make(uint64_t place, uint8_t *out)
{
    for (size_t i = 0; i < payload_len(place); i += 8) {
        fkv__put_le64(out + i, place * 0x9e3779b97f4a7c15 + i);
    }
}


static bool
payload_right(uint64_t place, fkv_str_t payload)
{
    if (payload.len != payload_len(place)) {
        return false;
    }

    for (size_t i = 0; i + 8 <= payload.len; i += 8) {
        if (fkv__get_le64(payload.data + i)
            != place * 0x9e3779b97f4a7c15 + i)
        {
            return false;
        }
    }

    return true;
}


static void
fill(view_t *view, uint64_t place, fkv__blocks_kind_e kind,
    fkv__blocks_work_t *did)
{
    uint8_t    room[PAYLOAD + 5000 + 8];
    unsigned   hold = fkv__epochs_enter(&view->epochs);
    fkv_str_t  payload = { room, payload_len(place) };

    payload_make(place, room);
    fkv__blocks_fill(seg, view->slot, place / 100 + 1, place % 100 * 4096,
                     kind, payload, did);
    fkv__epochs_leave(&view->epochs, hold);
}


static bool
find(view_t *view, uint64_t place, fkv__blocks_hint_t *hint,
    fkv_str_t *payload)
{
    (void) view;

    return fkv__blocks_find(seg, place / 100 + 1, place % 100 * 4096, hint,
                            payload);
}


/* Is it there?  If so it must be right. */
static bool
there(view_t *view, uint64_t place, fkv__blocks_hint_t *hint)
{
    unsigned   hold = fkv__epochs_enter(&view->epochs);
    fkv_str_t  payload;
    bool       found = find(view, place, hint, &payload);

    if (found && !payload_right(place, payload)) {
        fail_msg("place %llu holds something else",
                 (unsigned long long) place);
    }

    fkv__epochs_leave(&view->epochs, hold);

    return found;
}


static unsigned
chunks_in(uint32_t state)
{
    fkv__blocks_shm_t  *blocks = fkv__blocks(seg);
    fkv__chunk_shm_t   *chunks = (void *) ((uint8_t *) blocks
                                           + blocks->words_at);
    unsigned            n = 0;

    for (uint32_t i = 0; i < blocks->chunks_n; i++) {
        n += (chunks[i].state == state);
    }

    return n;
}


static void
what_is_filled_is_found_at_its_place_only(void **state)
{
    view_t               view;
    fkv__blocks_hint_t   hint = { 0 };

    (void) state;

    view_init(&view, 0);
    assert_false(there(&view, 5, NULL));

    fill(&view, 5, FKV__BLOCKS_DATA, &work);
    assert_int_equal(work.filled, 1);
    assert_true(there(&view, 5, NULL));
    assert_false(there(&view, 6, NULL));
    assert_false(there(&view, 105, NULL));

    fill(&view, 5, FKV__BLOCKS_DATA, &work);
    assert_int_equal(work.filled, 0);

    assert_true(there(&view, 5, &hint));
    assert_true(hint.place != 0);
    assert_true(there(&view, 5, &hint));

    forget_blocks(seg);
    assert_false(there(&view, 5, &hint));
    assert_false(there(&view, 5, NULL));
    assert_int_equal(seg->slots[0].reading, 0);
}


static void
a_block_that_is_too_long_is_not_kept(void **state)
{
    view_t     view;
    unsigned   hold;
    size_t     max = fkv__blocks_len_max(seg, FKV__BLOCKS_DATA);
    fkv_str_t  payload = { calloc(1, max + 1), max + 1 }, found;

    (void) state;

    view_init(&view, 0);
    hold = fkv__epochs_enter(&view.epochs);

    fkv__blocks_fill(seg, 0, 1, 0, FKV__BLOCKS_DATA, payload, &work);
    assert_false(fkv__blocks_find(seg, 1, 0, NULL, &found));
    payload.len--;
    fkv__blocks_fill(seg, 0, 1, 0, FKV__BLOCKS_DATA, payload, &work);
    assert_true(fkv__blocks_find(seg, 1, 0, NULL, &found));
    check_str(found, payload);

    fkv__epochs_leave(&view.epochs, hold);
    free((void *) (uintptr_t) payload.data);
}


static void
old_ones_make_room_for_new_ones(void **state)
{
    view_t              view;
    unsigned            evicted = 0, n = 0;
    fkv__blocks_hint_t  hints[100] = { { 0 } };

    (void) state;

    view_init(&view, 0);

    for (unsigned i = 0; i < PLACES; i++) {
        fill(&view, i, FKV__BLOCKS_DATA, &work);
        assert_int_equal(work.filled, 1);
        assert_true(there(&view, i, i < 100 ? &hints[i] : NULL));
        assert_true(fkv__blocks_used(seg) <= seg->blocks_bytes);
        evicted += work.evicted;
    }

    for (unsigned i = 0; i < PLACES; i++) {
        n += there(&view, i, i < 100 ? &hints[i] : NULL);
    }

    assert_true(n > 80);
    assert_int_equal(evicted, PLACES - n);
    assert_true(fkv__blocks_used(seg) > seg->blocks_bytes / 2);
}


static void
what_is_used_stays(void **state)
{
    view_t    view;
    unsigned  lost = 0;

    (void) state;

    view_init(&view, 0);

    for (unsigned i = 0; i < 20; i++) {
        fill(&view, i, FKV__BLOCKS_DATA, &work);
    }

    for (unsigned i = 20; i < PLACES; i++) {
        fill(&view, i, FKV__BLOCKS_DATA, &work);

        for (unsigned used = 0; used < 20 && i % 4 == 0; used++) {
            lost += !there(&view, used, NULL);
        }
    }

    for (unsigned i = 0; i < 20; i++) {
        lost -= !there(&view, i, NULL);
    }

    /* At most a few, by a full bucket. */
    assert_true(lost < 3 * PLACES / 4);
    assert_false(there(&view, 100, NULL));
}


static void
index_and_filter_leave_last(void **state)
{
    view_t    view;
    unsigned  meta = 0, data = 0;

    (void) state;

    view_init(&view, 0);

    for (unsigned i = 0; i < 20; i++) {
        fill(&view, i, FKV__BLOCKS_META, &work);
    }

    for (unsigned i = 20; i < 500; i++) {
        fill(&view, i, FKV__BLOCKS_DATA, &work);
    }

    for (unsigned i = 0; i < 20; i++) {
        meta += there(&view, i, NULL);
        data += there(&view, 20 + i, NULL);
    }

    assert_true(meta >= 19);
    assert_int_equal(data, 0);

    /* But what nobody asks for does not stay for ever. */
    for (unsigned i = 500; i < 4 * PLACES; i++) {
        if (i % 8 == 0) {
            fill(&view, i, FKV__BLOCKS_META, &work);
        } else {
            fill(&view, i, FKV__BLOCKS_DATA, &work);
        }
    }

    for (unsigned i = 0; i < 20; i++) {
        meta -= there(&view, i, NULL);
    }

    assert_true(meta >= 19);
}


static void
what_is_held_stays_readable(void **state)
{
    view_t      reader, other;
    unsigned    hold, rounds = 0;
    fkv_str_t   payload;

    (void) state;

    view_init(&reader, 0);
    view_init(&other, 1);
    fill(&reader, 7, FKV__BLOCKS_DATA, &work);

    hold = fkv__epochs_enter(&reader.epochs);
    assert_true(find(&reader, 7, NULL, &payload));

    for (unsigned i = 100; i < PLACES; i++) {
        fill(&other, i, FKV__BLOCKS_DATA, &work);
        assert_true(payload_right(7, payload));
        rounds += work.filled;
    }

    /* Chunks wait for the hold, so the last ones found no room. */
    assert_true(rounds < PLACES / 2);
    assert_int_equal(work.filled, 0);

    fkv__epochs_leave(&reader.epochs, hold);

    for (unsigned i = 100; i < 200; i++) {
        fill(&other, PLACES + i, FKV__BLOCKS_DATA, &work);
    }

    assert_int_equal(work.filled, 1);
    assert_false(there(&reader, 7, NULL));
}


static void
holds_of_many_epochs_show_the_oldest(void **state)
{
    enum { N = 3 * FKV__EPOCHS_MAX };
    view_t              view;
    fkv__blocks_shm_t  *blocks = fkv__blocks(seg);
    unsigned            holds[N];
    uint64_t            random = 5;

    (void) state;

    view_init(&view, 0);

    for (unsigned round = 0; round < 200; round++) {
        uint64_t  epochs[N];
        bool      held[N];
        unsigned  n = N;

        for (unsigned i = 0; i < N; i++) {
            blocks->epoch += check_random(&random) % 2;
            epochs[i] = blocks->epoch;
            held[i] = true;
            holds[i] = fkv__epochs_enter(&view.epochs);
        }

        while (n > 0) {
            unsigned  i = (unsigned) (check_random(&random) % N);
            uint64_t  oldest = UINT64_MAX;

            if (!held[i]) {
                continue;
            }

            held[i] = false;
            fkv__epochs_leave(&view.epochs, holds[i]);
            n--;

            for (unsigned k = 0; k < N; k++) {
                if (held[k]) {
                    oldest = fkv__min(oldest, epochs[k]);
                }
            }

            if (n == 0) {
                assert_int_equal(seg->slots[0].reading, 0);

            } else {
                assert_true(seg->slots[0].reading > 0);
                assert_true(seg->slots[0].reading <= oldest);
            }
        }
    }
}


/* Reads and fills at random; every answer is looked at. */
static void
work_at_random(view_t *view, unsigned rounds, fkv__blocks_hint_t *hints)
{
    for (unsigned i = 0; i < rounds; i++) {
        uint64_t            place = check_random(&view->random) % 600;
        fkv__blocks_work_t  did;

        if (!there(view, place, &hints[place])) {
            fill(view, place, place % 10 == 0 ? FKV__BLOCKS_META
                                              : FKV__BLOCKS_DATA, &did);
        }
    }
}


static void *
thread_run(void *data)
{
    fkv__blocks_hint_t  *hints = calloc(600, sizeof(*hints));

    work_at_random(data, 30000, hints);
    free(hints);

    return NULL;
}


static void
many_read_fill_and_evict_at_once(void **state)
{
    pthread_t  threads[PROCESSES];
    view_t     views[PROCESSES];

    (void) state;

    for (unsigned i = 0; i < PROCESSES; i++) {
        view_init(&views[i], i);
        assert_int_equal(pthread_create(&threads[i], NULL, thread_run,
                                        &views[i]), 0);
    }

    for (unsigned i = 0; i < PROCESSES; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }

    assert_int_equal(fkv__blocks(seg)->evictor, FKV__NOBODY);
}


static pid_t
child_start(unsigned slot, const char *step, unsigned rounds)
{
    pid_t  pid = fork();

    if (pid == 0) {
        view_t              view;
        fkv__blocks_hint_t  hints[600] = { { 0 } };

        if (step != NULL) {
            (void) setenv("FKV_KILL", step, 1);
        }

        view_init(&view, slot);
        work_at_random(&view, rounds, hints);
        _exit(0);
    }

    assert_true(pid > 0);

    return pid;
}


static int
child_end(pid_t pid)
{
    int  status;

    assert_int_equal(waitpid(pid, &status, 0), pid);

    if (WIFEXITED(status) && WEXITSTATUS(status) != 0) {
        fail_msg("a process met a wrong block");
    }

    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}


/* As the reaper does. */
static void
bury(unsigned slot)
{
    fkv__slot_clear(&seg->slots[slot]);
    fkv__blocks_repair(seg, slot);
}


/* Nothing of the dead is lost: all chunks go round. */
static void
check_whole(void)
{
    view_t    view;
    unsigned  n = fkv__blocks(seg)->chunks_n;

    assert_int_equal(fkv__blocks(seg)->evictor, FKV__NOBODY);
    view_init(&view, 9);

    for (unsigned i = 0; i < 2000; i++) {
        fill(&view, 10000 + i, i % 4 == 0 ? FKV__BLOCKS_META
                                          : FKV__BLOCKS_DATA, &work);
    }

    assert_int_equal(work.filled, 1);
    assert_int_equal(chunks_in(FKV__CHUNK_OPEN), 2);
    assert_in_range(chunks_in(FKV__CHUNK_CLOSED), n - 5, n - 3);
}


static void
a_process_may_die_at_any_step(void **state)
{
    (void) state;

    for (unsigned step = 1; step <= 7; step++) {
        for (unsigned passage = 1; passage < 200; passage = 3 * passage + 1) {
            char   name[32];
            pid_t  mortal, other;

            (void) sprintf(name, "blocks.%u:%u", step, passage);

            mortal = child_start(1, name, UNTIL_KILLED);
            other = child_start(2, NULL, 5000);

            assert_int_equal(child_end(mortal), SIGKILL);
            bury(1);
            assert_int_equal(child_end(other), 0);
            bury(2);

            check_whole();
        }
    }
}


static void
processes_may_be_killed_at_any_time(void **state)
{
    uint64_t  random = 99;

    (void) state;

    for (unsigned i = 0; i < 40; i++) {
        pid_t  mortal = child_start(1, NULL, UNTIL_KILLED);
        pid_t  other = child_start(2, NULL, 3000);

        (void) usleep((useconds_t) (check_random(&random) % 5000));
        (void) kill(mortal, SIGKILL);
        assert_int_equal(child_end(mortal), SIGKILL);
        bury(1);
        assert_int_equal(child_end(other), 0);
        bury(2);
    }

    check_whole();
}


static void
a_dead_reader_holds_nothing(void **state)
{
    view_t  dead;

    (void) state;

    view_init(&dead, 3);
    (void) fkv__epochs_enter(&dead.epochs);
    assert_true(seg->slots[3].reading > 0);

    bury(3);
    check_whole();
}


/* All sizes that memory= may give. */
static void
every_size_is_divided_without_waste(void **state)
{
    (void) state;

    for (uint64_t memory = 4ull << 20; memory <= 64ull << 30; memory *= 2) {
        fkv__segment_layout_t    layout;
        fkv__segment_shm_t      *made;
        const fkv__blocks_shm_t *blocks;
        uint64_t                 chunks;

        fkv__segment_layout(memory, &layout);
        assert_true(layout.blocks_bytes >= memory / 12);
        assert_true(layout.blocks_at + layout.blocks_bytes <= memory);
        assert_true(layout.blocks_at + layout.blocks_bytes > memory - 4096);

        if (memory > 256ull << 20) {
            continue;
        }

        assert_int_equal(fkv__segment_create(memory, &made), FKV_OK);
        blocks = fkv__blocks(made);
        chunks = (uint64_t) blocks->chunks_n * blocks->chunk_bytes;
        assert_true(blocks->chunks_n >= 6);
        assert_true(blocks->chunks_at + chunks <= blocks->bytes);
        assert_true(chunks > blocks->bytes / 20 * 17);
        fkv__segment_unmap(made);
    }
}


int
main(void)
{
#define TEST(name)  cmocka_unit_test_setup_teardown(name, setup, teardown)

    const struct CMUnitTest  tests[] = {
        TEST(what_is_filled_is_found_at_its_place_only),
        TEST(a_block_that_is_too_long_is_not_kept),
        TEST(old_ones_make_room_for_new_ones),
        TEST(what_is_used_stays),
        TEST(index_and_filter_leave_last),
        TEST(what_is_held_stays_readable),
        TEST(holds_of_many_epochs_show_the_oldest),
        TEST(many_read_fill_and_evict_at_once),
        TEST(a_process_may_die_at_any_step),
        TEST(processes_may_be_killed_at_any_time),
        TEST(a_dead_reader_holds_nothing),
        TEST(every_size_is_divided_without_waste),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);

    return cmocka_run_group_tests(tests, NULL, NULL);
}
