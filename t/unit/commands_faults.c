/*
 * commands_faults.c - commands, each with the n-th allocation that fails, for
 * every n, once and from then on.
 *
 * It answers as ever, and has done what it does, or an error, and has done
 * nothing; of a transaction it may be one of its commands.  When there is
 * memory again the next one works, and nothing that was allocated is left.
 */

#include "perform.h"
#include "fault.h"

#include "commands/server.h"

#define TEXT_BYTES  65536
#define HELD_MORE   16384

/* Of a transaction several, divided by ";"; "~": another answer each time. */
static const char *const  cases[] = {
    "GET a", "GET big", "GET none", "GETRANGE big 99990 -1", "STRLEN big",
    "MGET a b none a", "MGET a big b",
    "MGET k1 k2 k3 k4 k5 k6 k7 k8 k9 k10 k11 k12 k13 k14 k15 k16 "
      "k17 k18 k19 k20 k21 k22 k23 k24 k25 k26 k27 k28 k29 k30 k31 "
      "k32 k33 a",
    "SET a other", "SET new v PX 100000000", "SET a other GET", "SETNX new v",
    "SET a other NX", "GETSET a other", "GETDEL a", "GETEX a PX 100000000",
    "MSET a 1 b 2 c 3 new 4", "MSETNX new 1 new2 2",
    "MSET k1 1 k2 2 k3 3 k4 4 k5 5 k6 6 k7 7 k8 8 k9 9 k10 10 k11 "
      "11 k12 12 k13 13 k14 14 k15 15 k16 16 k17 17 k18 18 k19 19 k20"
      " 20 new 1",
    "INCR n", "INCRBYFLOAT n 0.5", "DECRBY n 4", "INCR a", "APPEND a more",
    "APPEND big more", "SETRANGE a 3 more", "SETRANGE big 3 more",
    "DEL a b none", "DEL big", "EXISTS a b none", "TOUCH a b", "TYPE a",
    "EXPIRE a 100000", "PEXPIREAT a 1", "PERSIST e", "TTL a", "EXPIRETIME e",
    "RENAME a new", "RENAMENX a b", "COPY a new", "COPY big new",
    "RENAME big new", "MOVE a 1", "KEYS *", "KEYS b*", "SCAN 0 COUNT 1000",
    "SCAN 0 MATCH a* COUNT 5", "~RANDOMKEY", "OBJECT ENCODING a", "DUMP a",
    "DUMP big", "SETBIT a 100 1", "GETBIT big 9", "BITCOUNT big",
    "BITPOS a 1", "BITOP XOR new a b", "BITOP NOT new big",
    "BITFIELD a SET u8 0 200 GET u8 8 INCRBY i16 3 70",
    "BITFIELD_RO a GET u8 8", "LCS a b", "LCS a b IDX WITHMATCHLEN",
    "FLUSHDB", "FLUSHALL", "~INFO", "~INFO everything", "~COMMAND",
    "~COMMAND DOCS", "COMMAND INFO get", "COMMAND LIST FILTERBY PATTERN g*",
    "COMMAND GETKEYS MSET a 1 b 2", "~CONFIG GET *", "CONFIG HELP",
    "~MEMORY USAGE big", "~MEMORY STATS", "~MEMORY DOCTOR", "~SLOWLOG GET",
    "~LATENCY LATEST", "~DEBUG OBJECT a", "GET", "NONE a b", "SET a b c d",
    "SET a other;GET a;INCR n;INCR b;MGET a n big",
    "DEL a;SETNX a again;APPEND a more;KEYS a*;FLUSHDB;SET new 1",
    "GET a;GET big;KEYS *;STRLEN big",
};

static live_t        live;
static perform_t     p;
static fkv_server_t  server;
static char          expected[TEXT_BYTES], before[TEXT_BYTES];
static char          after[TEXT_BYTES], said[TEXT_BYTES];
static unsigned      trials;
static unsigned      errors;
static __thread bool commands_here;


/* The store's other threads always have memory: they would try again. */
static bool
fails(size_t size)
{
    return commands_here && fault_memory(size);
}


static void
store_open(void)
{
    const uint64_t  random[3] = { 1, 2, 3 };

    memset(&live, 0, sizeof(live));
    live.quiet = true;
    live_dir(&live);
    live_open(&live, FKV_MEMORY_MIN, FKV_SYNC_OFF);
    live_attach(&live, FKV_WORKER);

    server = (fkv_server_t) {
        .store = live.store, .options = fkv_options(live.store),
        .meter = fkv_meter_open(1000, random), .name = "main",
        .version = "1.2.3", .host = "nginx", .executable = "/usr/sbin/nginx",
        .config = "/etc/nginx/nginx.conf", .port = 6379, .processes = 2,
        .clients_max = 512
    };
    assert_non_null(server.meter);
    fkv_meter_attach(server.meter, fkv_slot(live.store));
    p = (perform_t) { .live = &live, .server = &server };
}


static void
store_close(void)
{
    fkv_meter_close(server.meter);
    perform_remove(&p);
}


/* The same keys as before every other trial. */
static void
keys_put(void)
{
    if (before[0] != '\0' && strcmp(before, after) == 0) {
        return;
    }

    (void) perform(&p, "FLUSHALL");
    (void) perform(&p, "MSET a one-thing b another-thing c 3 n 41 e soon "
                   "k1 100 k10 1 k20 2 k30 3 k32 4 k33 ff");
    (void) perform(&p, "PEXPIREAT e 99999999999999");
    (void) perform(&p, "SETRANGE big 100000 end");
}


/* What is there. */
static void
keys_show(char *out)
{
    size_t  len = 0;

    static const char *const  lines[] = {
        "KEYS *", "MGET a b c n e new2 k1 k20 k33", "PEXPIRETIME a",
        "PEXPIRETIME e", "STRLEN big", "GETRANGE big 0 10",
        "GETRANGE big 99995 -1", "STRLEN new", "GETRANGE new 0 20"
    };

    for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        len += (size_t) snprintf(out + len, TEXT_BYTES - len, "%s",
                                 perform(&p, lines[i]));
        assert_true(len < TEXT_BYTES);
    }
}


/* False: it has said an error, or there was no memory even for that. */
static bool
case_run(const char *line, char *out)
{
    performing_t  *r = malloc(sizeof(*r));
    fkv__buf_t     bytes = { 0 };
    char          *copy = strdup(line + (line[0] == '~')), *save;
    fault_kind_e   kind = fault.kind;
    int            rc;

    perform_init(&p, r);
    r->exec.multi = (strchr(line, ';') != NULL);
    fault.kind = FAULT_NONE;

    for (char *one = strtok_r(copy, ";", &save); one != NULL;
         one = strtok_r(NULL, ";", &save))
    {
        perform_add(&p, r, one);
    }

    __atomic_store_n(&fault.kind, kind, __ATOMIC_RELEASE);
    rc = fkv_exec(&r->exec);
    assert_int_equal(live_wait(&live, &r->exec.op, rc, &r->done), FKV_OK);
    __atomic_store_n(&fault.kind, FAULT_NONE, __ATOMIC_RELEASE);
    assert_true(r->exec.placed);

    rc = fkv_resp_put(&bytes, &r->exec.reply, 2);
    assert_true(rc == FKV_OK || rc == FKV_ENOMEM);
    (void) snprintf(out, TEXT_BYTES, "%.*s", (int) bytes.len,
                    (const char *) bytes.data);
    fkv__buf_done(&bytes);
    fkv_exec_done(&r->exec);
    free(copy);
    free(r);

    return rc == FKV_OK && out[0] != '-' && strstr(out, "\n-") == NULL;
}


static void
trial(const char *line, bool good, unsigned n, bool for_good)
{
    bool  answered;

    keys_put();
    fault_arm(FAULT_MEMORY, n, for_good, ENOMEM);
    answered = case_run(line, said);
    keys_show(after);
    trials++;

    if (!good) {
        return;                     /* it is an error anyway */
    }

    if (answered) {
        if (line[0] != '~' && strcmp(said, expected) != 0) {
            fail_msg("%s, allocation %u: answers %.200s, not %.200s", line,
                     n, said, expected);
        }

        return;
    }

    errors++;

    if (strchr(line, ';') == NULL && strcmp(after, before) != 0) {
        fail_msg("%s, allocation %u: answers %.200s, but has written: %.900s",
                 line, n, said, after);
    }
}


static void
case_try(const char *line, bool for_good)
{
    bool      good;
    unsigned  n = 1;

    after[0] = '\0';
    keys_put();
    keys_show(before);
    good = case_run(line, expected);
    keys_show(after);

    do {
        trial(line, good, n++, for_good);
        assert_true(n < 2000);
    } while (fault_disarm());
}


static void
any_allocation_of_a_command_may_fail(void **state)
{
    size_t  held[2];

    (void) state;

    commands_here = true;
    fkv__alloc_fails = fails;

    for (unsigned round = 0; round < 2; round++) {
        store_open();

        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            case_try(cases[i], round == 1);
        }

        store_close();
        held[round] = fkv_alloc_bytes();
    }

    /* What is kept for the next time was there after the first round. */
    assert_true(held[1] < held[0] + HELD_MORE);
    fkv__alloc_fails = NULL;

    printf("# %u trials of %zu commands, in %u an error was answered\n",
           trials, sizeof(cases) / sizeof(cases[0]), errors);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(any_allocation_of_a_command_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
