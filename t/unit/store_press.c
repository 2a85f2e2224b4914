/*
 * store_press.c - two processes write operands while chains are put together
 * on their way into tables, and die: nothing is lost, nothing counts twice.
 */

#include "live.h"

#include "shared/arena.h"
#include "store/fold.h"
#include "store/store.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define KEYS    8
#define ROUNDS  30

/* What each process has been answered, and what it tries just now. */
typedef struct {
    uint32_t  acked[2][KEYS];
    uint32_t  tried[2][KEYS];
} told_t;

static live_t     live;
static told_t    *told;
static uint32_t   unsure[2][KEYS][ROUNDS];  /* tried when its writer died */


/* Concatenates: bytes tell who wrote, and in which order. */
static int
partial(void *data, uint16_t type, const fkv_chain_t *chain,
    const fkv_str_t *ops, unsigned n, fkv_str_t *merged)
{
    static __thread uint8_t  bytes[1 << 20];
    size_t                   len = 0;

    (void) data;
    (void) type;
    (void) chain;

    for (unsigned i = 0; i < n; i++) {
        memcpy(bytes + len, ops[i].data, ops[i].len);
        len += ops[i].len;
    }

    *merged = (fkv_str_t) { bytes, len };

    return FKV_OK;
}


static int
full(void *data, uint16_t type, const fkv_chain_t *chain,
    const fkv_value_t *base, const fkv_str_t *ops, unsigned n,
    fkv_merged_t *merged)
{
    static __thread uint8_t  bytes[1 << 20];
    size_t                   len = (base != NULL) ? base->data.len : 0;
    fkv_str_t                rest;

    if (len > 0) {
        memcpy(bytes, base->data.data, len);
    }

    (void) partial(data, type, chain, ops, n, &rest);
    memcpy(bytes + len, rest.data, rest.len);
    merged->data = (fkv_str_t) { bytes, len + rest.len };

    return FKV_OK;
}


static const fkv_merge_t  merge = { .full = full, .partial = partial };


static int
write_operand(unsigned process, unsigned key, uint32_t number)
{
    bool          done = false;
    char          name[8];
    uint8_t       operand[5] = { (uint8_t) process };
    fkv_change_t  change = { .blind = true, .action = FKV_MERGE, .type = 1,
                             .value = { operand, sizeof(operand) } };
    fkv_update_t  u = { .store = live.store, .changes = &change, .n = 1,
                        .now_ms = fkv_now_ms(live.store),
                        .op = { .on_done = live_done, .data = &done } };

    memcpy(operand + 1, &number, sizeof(number));
    (void) sprintf(name, "k%u", key);
    change.key = live_str(name);

    return live_wait(&live, &u.op, fkv_update(&u), &done);
}


/* So that much is flushed, though little is written. */
static void
seal(void)
{
    fkv__segment_shm_t  *seg = live.store->seg;
    uint64_t             set = fkv__pin(live.store);
    unsigned             id = fkv__set_arena(set, 0);

    /* The other may just have done so: an empty one is never sealed. */
    if (fkv__arena_word(&seg->arenas[id]).top > 0) {
        fkv__arena_seal(&seg->arenas[id], fkv__segment_arena(seg, id));
    }

    fkv__unpin(live.store);
}


static void
writer(unsigned process, const char *step)
{
    (void) prctl(PR_SET_PDEATHSIG, SIGKILL);

    if (step != NULL) {
        (void) setenv("FKV_KILL", step, 1);
    }

    live_attach(&live, FKV_WORKER);

    for (unsigned i = 1; ; i++) {
        unsigned   key = i % KEYS;
        uint32_t  *tried = &told->tried[process][key];

        if (i % 50 == 0) {
            (void) fkv_helper(live.store);
        }

        if (i % 400 == 0) {
            seal();
        }

        __atomic_add_fetch(tried, 1, __ATOMIC_RELEASE);

        if (write_operand(process, key, *tried) != FKV_OK) {
            _exit(3);
        }

        __atomic_store_n(&told->acked[process][key], *tried,
                         __ATOMIC_RELEASE);
    }
}


static bool
is_unsure(unsigned process, unsigned key, uint32_t number)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        if (unsure[process][key][i] == number) {
            return true;
        }
    }

    return false;
}


/*
 * Of each process its numbers ascend, all that were answered are there, and
 * none that was not tried.
 */
static void
check(void)
{
    for (unsigned key = 0; key < KEYS; key++) {
        char        name[8];
        bool        done = false;
        uint32_t    last[2] = { 0 };
        fkv_get_t   get = { .store = live.store, .load_max = 1 << 20,
                            .now_ms = fkv_now_ms(live.store),
                            .op = { .on_done = live_done, .data = &done } };
        int         rc;

        (void) sprintf(name, "k%u", key);
        get.key = live_str(name);
        rc = live_wait(&live, &get.op, fkv_get(&get), &done);
        assert_true(rc == FKV_OK || (rc == FKV_NOTFOUND
                                     && told->acked[0][key] == 0
                                     && told->acked[1][key] == 0));

        for (size_t at = 0; rc == FKV_OK && at < get.value.data.len; at += 5) {
            const uint8_t  *p = get.value.data.data + at;
            uint32_t        number;

            assert_true(p[0] < 2);
            memcpy(&number, p + 1, sizeof(number));
            assert_true(number > last[p[0]]);
            assert_true(number <= told->tried[p[0]][key]);

            while (++last[p[0]] < number) {
                assert_true(is_unsure(p[0], key, last[p[0]]));
            }
        }

        fkv_get_done(&get);

        for (unsigned process = 0; process < 2; process++) {
            assert_true(last[process] >= told->acked[process][key]);
        }
    }
}


static void
dead(unsigned process, unsigned round)
{
    for (unsigned key = 0; key < KEYS; key++) {
        uint32_t  tried = told->tried[process][key];

        if (tried != told->acked[process][key]) {
            unsure[process][key][round] = tried;
        }
    }
}


static void
two_processes_die_again_and_again(void **state)
{
    static const char *const  steps[] = {
        NULL, "update.2:300", "update.4:500", "update.5:700", "flush.2:3",
        "flush.3", "compact.2:5", "edit.2:2", "update.6:900"
    };

    (void) state;

    for (unsigned round = 0; round < ROUNDS; round++) {
        pid_t  pids[2];
        int    status;

        for (unsigned i = 0; i < 2; i++) {
            pids[i] = fork();
            assert_true(pids[i] >= 0);

            if (pids[i] == 0) {
                writer(i, (i == 0)
                          ? steps[round % (sizeof(steps) / sizeof(steps[0]))]
                          : NULL);
            }
        }

        (void) poll(NULL, 0, 20 + (int) (round * 37 % 150));

        for (unsigned i = 0; i < 2; i++) {
            (void) kill(pids[i], SIGKILL);
            assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
            assert_true(WIFSIGNALED(status));
            dead(i, round);
        }

        live_attach(&live, FKV_WORKER);
        check();
        fkv_detach(live.store);
    }

    /* Then the log and the tables alone. */

    fkv_close(live.store);
    live_open(&live, FKV_MEMORY_MIN, FKV_SYNC_EVERYSEC);
    fkv_merge_set(live.store, &merge, NULL);
    live_attach(&live, FKV_WORKER);
    check();
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(two_processes_die_again_and_again),
    };

    int  failed;

    told = live_share(&live, sizeof(*told));
    fkv_merge_set(live.store, &merge, NULL);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    live_unshare(&live, told, sizeof(*told));

    return failed;
}
