/*
 * commands_slow.c - the slow log holds whole entries or none, whoever dies.
 */

#include "check.h"
#include "commands/slow.h"

#include <sys/mman.h>
#include <time.h>

#define WRITERS  4

static fkv_slow_shm_t  *slow;


static int
slow_setup(void **state)
{
    (void) state;

    slow = mmap(NULL, sizeof(*slow), PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(slow != MAP_FAILED);
    slow->max = FKV_SLOW_MAX;

    return 0;
}


static int
slow_teardown(void **state)
{
    (void) state;

    return munmap(slow, sizeof(*slow));
}


static fkv_str_t
str(const char *text)
{
    return (fkv_str_t) { (const uint8_t *) text, strlen(text) };
}


static void
check_text(const fkv_slow_entry_shm_t *entry, size_t *at, const char *expected)
{
    fkv_str_t  text;

    assert_int_equal(fkv_slow_text(entry, at, &text), FKV_OK);
    assert_int_equal(text.len, strlen(expected));
    assert_memory_equal(text.data, expected, text.len);
}


static void
an_entry_comes_back_as_it_was_added(void **state)
{
    fkv_str_t             argv[] = { str("GET"), str("k") }, text;
    fkv_slow_entry_shm_t  entry;
    uint64_t              first;
    size_t                at = 0;

    (void) state;

    assert_int_equal(fkv_slow_read(slow, 0, &entry), FKV_NOTFOUND);
    fkv_slow_add(slow, 1234567, 15000, argv, 2, str("127.0.0.1:7"), str("me"));

    assert_int_equal(fkv_slow_range(slow, &first), 1);
    assert_int_equal(first, 0);
    assert_int_equal(fkv_slow_read(slow, 0, &entry), FKV_OK);
    assert_int_equal(entry.time_ms, 1234567);
    assert_int_equal(entry.usec, 15000);
    assert_int_equal(entry.argc, 2);
    check_text(&entry, &at, "GET");
    check_text(&entry, &at, "k");
    check_text(&entry, &at, "127.0.0.1:7");
    check_text(&entry, &at, "me");
    assert_int_equal(fkv_slow_text(&entry, &at, &text), FKV_ECORRUPT);
    assert_int_equal(fkv_slow_read(slow, FKV_SLOW_PLACES, &entry),
                     FKV_NOTFOUND);
}


static void
what_is_long_is_cut_and_says_so(void **state)
{
    static uint8_t        bytes[100000];
    fkv_str_t             argv[1000], text;
    fkv_slow_entry_shm_t  entry;
    size_t                at = 0;

    (void) state;

    memset(bytes, 'x', sizeof(bytes));

    for (unsigned i = 0; i < 1000; i++) {
        argv[i] = (fkv_str_t) { bytes, sizeof(bytes) };
    }

    fkv_slow_add(slow, 1, 1, argv, 1000, argv[0], argv[0]);
    assert_int_equal(fkv_slow_read(slow, 0, &entry), FKV_OK);
    assert_int_equal(entry.argc, FKV_SLOW_ARGS);

    for (unsigned i = 0; i < FKV_SLOW_ARGS - 1; i++) {
        assert_int_equal(fkv_slow_text(&entry, &at, &text), FKV_OK);
        assert_memory_equal(text.data + FKV_SLOW_ARG_BYTES,
                            "... (99872 more bytes)", 22);
        assert_int_equal(text.len, FKV_SLOW_ARG_BYTES + 22);
    }

    check_text(&entry, &at, "... (969 more arguments)");

    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(fkv_slow_text(&entry, &at, &text), FKV_OK);
        assert_int_equal(text.len, FKV_SLOW_ADDR_BYTES);
    }

    assert_int_equal(at, entry.text_len);
}


static void
no_more_are_kept_than_wanted(void **state)
{
    fkv_str_t             argv[] = { str("GET") };
    fkv_slow_entry_shm_t  entry;
    uint64_t              first, next;

    (void) state;

    for (unsigned i = 0; i < 3 * FKV_SLOW_PLACES; i++) {
        fkv_slow_add(slow, i, i, argv, 1, FKV_STR_NULL, FKV_STR_NULL);
    }

    assert_int_equal(fkv_slow_range(slow, &first), 3 * FKV_SLOW_PLACES);
    assert_int_equal(first, 3 * FKV_SLOW_PLACES - FKV_SLOW_MAX);
    assert_int_equal(fkv_slow_read(slow, first, &entry), FKV_OK);
    assert_int_equal(entry.usec, first);
    assert_int_equal(fkv_slow_read(slow, 7, &entry), FKV_NOTFOUND);

    slow->max = 1000 * FKV_SLOW_PLACES;
    (void) fkv_slow_range(slow, &first);
    assert_int_equal(first, 2 * FKV_SLOW_PLACES);

    slow->max = 0;
    next = fkv_slow_range(slow, &first);
    assert_int_equal(next, first);
    slow->max = FKV_SLOW_MAX;

    fkv_slow_reset(slow);
    next = fkv_slow_range(slow, &first);
    assert_int_equal(next, first);
}


/* Entries of one number throughout, so that a mixed one is noticed. */
static void
write_for_ever(unsigned writer)
{
    char       text[FKV_SLOW_ARG_BYTES];
    fkv_str_t  argv[FKV_SLOW_ARGS];

    for (uint64_t i = writer; ; i += WRITERS) {

        unsigned  argc = 1 + (unsigned) (i % FKV_SLOW_ARGS);

        memset(text, 'a' + (int) (i % 26), sizeof(text));

        for (unsigned k = 0; k < argc; k++) {
            argv[k] = (fkv_str_t) { (uint8_t *) text, i % sizeof(text) };
        }

        fkv_slow_add(slow, i, i, argv, argc, FKV_STR_NULL, FKV_STR_NULL);
    }
}


static void
check_whole(const fkv_slow_entry_shm_t *entry)
{
    size_t     at = 0;
    fkv_str_t  text;

    assert_int_equal(entry->usec, entry->time_ms);
    assert_int_equal(entry->argc, 1 + entry->usec % FKV_SLOW_ARGS);

    for (unsigned i = 0; i < entry->argc; i++) {

        assert_int_equal(fkv_slow_text(entry, &at, &text), FKV_OK);
        assert_int_equal(text.len, entry->usec % FKV_SLOW_ARG_BYTES);

        for (size_t k = 0; k < text.len; k++) {
            assert_int_equal(text.data[k], 'a' + entry->usec % 26);
        }
    }
}


/* Writers are killed wherever they are, and others take their place. */
static void
entries_are_whole_whoever_dies(void **state)
{
    static fkv_slow_entry_shm_t  entry;
    pid_t                        pids[WRITERS];
    uint64_t                     first, next, seen = 0;
    struct timespec              moment = { 0, 1000000 };

    (void) state;

    slow->max = FKV_SLOW_PLACES;

    for (unsigned round = 0; round < 20 * WRITERS; round++) {

        unsigned  i = round % WRITERS;

        if (round >= WRITERS) {
            assert_int_equal(kill(pids[i], SIGKILL), 0);
            assert_int_equal(waitpid(pids[i], NULL, 0), pids[i]);
        }

        pids[i] = fork();

        if (pids[i] == 0) {
            write_for_ever(i);
        }

        (void) nanosleep(&moment, NULL);
        next = fkv_slow_range(slow, &first);

        for (uint64_t id = first; id < next; id++) {
            if (fkv_slow_read(slow, id, &entry) == FKV_OK) {
                check_whole(&entry);
                seen++;
            }
        }
    }

    for (unsigned i = 0; i < WRITERS; i++) {
        assert_int_equal(kill(pids[i], SIGKILL), 0);
        assert_int_equal(waitpid(pids[i], NULL, 0), pids[i]);
    }

    assert_true(seen > 0);
}


int
main(void)
{
#define slow_test(f)  cmocka_unit_test_setup_teardown(f, slow_setup,          \
                                                      slow_teardown)

    const struct CMUnitTest  tests[] = {
        slow_test(an_entry_comes_back_as_it_was_added),
        slow_test(what_is_long_is_cut_and_says_so),
        slow_test(no_more_are_kept_than_wanted),
        slow_test(entries_are_whole_whoever_dies)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
