/*
 * commands_key.c - commands over keys, their time and their order, on a store.
 */

#include "perform.h"

#define NIL    "$-1\r\n"
#define OK     "+OK\r\n"
#define NOW    2000000000000ull     /* far from any clock's */
#define ERROR(text)  "-ERR " text "\r\n"

static live_t     live;
static perform_t  p;


/* SET and GET as far as these tests need them: "PUT key value [until]" */
static int
put(fkv_call_t *call)
{
    int64_t  until = 0;
    int      rc;

    if (call->argc > 3) {
        (void) fkv_call_int(call, 3, &until);
    }

    rc = fkv_call_put(call, call->argv[1], call->argv[2], (uint64_t) until);

    if (rc == FKV_OK) {
        fkv_reply_ok(call->reply);
    }

    return rc;
}


static int
give(fkv_call_t *call)
{
    fkv_call_value_t  value;
    int               rc = fkv_call_get(call, call->argv[1], &value);

    if (rc == FKV_OK) {
        fkv_reply_str(call->reply, value.data);

    } else if (rc == FKV_NOTFOUND) {
        fkv_reply_null(call->reply);
        rc = FKV_OK;
    }

    return rc;
}


static const fkv_command_t  own_commands[] = {
    { .name = "PUT", .arity = -3, .flags = FKV_COMMAND_WRITE, .first_key = 1,
      .last_key = 1, .key_step = 1, .call = put },
    { .name = "GIVE", .arity = 2, .flags = FKV_COMMAND_READ, .first_key = 1,
      .last_key = 1, .key_step = 1, .call = give },
    { .name = NULL }
};


static int
setup_with(fkv_evict_e evict)
{
    live_dir(&live);
    assert_int_equal(live_open_with(&live, (fkv_options_t) {
        .memory = FKV_MEMORY_MIN, .sync = FKV_SYNC_OFF, .uid = (uid_t) -1,
        .gid = (gid_t) -1, .evict = evict,
        .max_size = (evict != FKV_EVICT_NONE) ? 64 * 1024 * 1024 : 0
    }), FKV_OK);
    live_attach(&live, FKV_WORKER);
    p = (perform_t) { .live = &live, .own = own_commands, .now_ms = NOW };

    return 0;
}


static int
setup(void **state)
{
    (void) state;
    return setup_with(FKV_EVICT_NONE);
}


static int
setup_lru(void **state)
{
    (void) state;
    return setup_with(FKV_EVICT_LRU);
}


static int
setup_lfu(void **state)
{
    (void) state;
    return setup_with(FKV_EVICT_LFU);
}


static int
teardown(void **state)
{
    (void) state;

    perform_remove(&p);

    return 0;
}


static void
keys_are_counted_and_deleted(void **state)
{
    (void) state;

    perform_expect(&p, "PUT a 1", OK);
    perform_expect(&p, "PUT b 2", OK);
    perform_expect(&p, "EXISTS a b c a", ":3\r\n");
    perform_expect(&p, "TOUCH a c", ":1\r\n");
    perform_expect(&p, "TYPE a", "+string\r\n");
    perform_expect(&p, "TYPE c", "+none\r\n");
    perform_expect(&p, "DEL a a c", ":1\r\n");
    perform_expect(&p, "UNLINK b c", ":1\r\n");
    perform_expect(&p, "EXISTS a b", ":0\r\n");
}


static void
keys_are_renamed(void **state)
{
    (void) state;

    perform_expect(&p, "RENAME no x", ERROR("no such key"));
    perform_expect(&p, "RENAMENX no x", ERROR("no such key"));
    perform_expect(&p, "PUT a 1 2000000005000", OK);
    perform_expect(&p, "PUT b 2", OK);
    perform_expect(&p, "RENAME a a", OK);
    perform_expect(&p, "RENAMENX a a", ":0\r\n");
    perform_expect(&p, "RENAMENX a b", ":0\r\n");
    perform_expect(&p, "RENAME a b", OK);
    perform_expect(&p, "GIVE b", "$1\r\n1\r\n");
    perform_expect(&p, "PTTL b", ":5000\r\n");
    perform_expect(&p, "EXISTS a", ":0\r\n");
    perform_expect(&p, "RENAMENX b c", ":1\r\n");
    perform_expect(&p, "PTTL c", ":5000\r\n");
    perform_expect(&p, "EXISTS a b", ":0\r\n");
}


static void
keys_are_copied_and_moved(void **state)
{
    (void) state;

    perform_expect(&p, "PUT a 1 2000000005000", OK);
    perform_expect(&p, "PUT b 2", OK);
    perform_expect(&p, "COPY a a", ERROR("source and destination objects are "
                   "the same"));
    perform_expect(&p, "COPY a c DB 16", ERROR("DB index is out of range"));
    perform_expect(&p, "COPY a c DB x", ERROR("value is not an integer or out "
                   "of range"));
    perform_expect(&p, "COPY a c DB", ERROR("syntax error"));
    perform_expect(&p, "COPY a c REPLACE NO", ERROR("syntax error"));
    perform_expect(&p, "COPY no c", ":0\r\n");
    perform_expect(&p, "COPY a b", ":0\r\n");
    perform_expect(&p, "COPY a b REPLACE", ":1\r\n");
    perform_expect(&p, "PTTL b", ":5000\r\n");
    perform_expect(&p, "COPY a a DB 3", ":1\r\n");
    perform_expect(&p, "COPY a a DB 3", ":0\r\n");
    perform_expect(&p, "COPY a a REPLACE DB 3", ":1\r\n");

    perform_expect(&p, "MOVE a 0", ERROR("source and destination objects are "
                   "the same"));
    perform_expect(&p, "MOVE a 16", ERROR("DB index is out of range"));
    perform_expect(&p, "MOVE no 1", ":0\r\n");
    perform_expect(&p, "MOVE a 3", ":0\r\n");
    perform_expect(&p, "MOVE a 4", ":1\r\n");
    perform_expect(&p, "EXISTS a", ":0\r\n");
    p.ns = 4;
    perform_expect(&p, "PTTL a", ":5000\r\n");
    perform_expect(&p, "GIVE a", "$1\r\n1\r\n");
}


static void
databases_are_cleared(void **state)
{
    (void) state;

    perform_expect(&p, "PUT a 1", OK);
    perform_expect(&p, "PUT b 1", OK);
    p.ns = 15;
    perform_expect(&p, "PUT a 1", OK);
    perform_expect(&p, "FLUSHDB NO", ERROR("syntax error"));
    perform_expect(&p, "FLUSHDB ASYNC SYNC", ERROR("syntax error"));
    perform_expect(&p, "FLUSHDB async", OK);
    perform_expect(&p, "EXISTS a", ":0\r\n");
    p.ns = 0;
    perform_expect(&p, "EXISTS a b", ":2\r\n");
    assert_string_equal(perform_multi(&p, "PUT c 1;FLUSHALL;EXISTS a b c;"
                                      "PUT b 2;KEYS *", NULL, 0),
                        "*5\r\n+OK\r\n+OK\r\n:0\r\n+OK\r\n*1\r\n$1\r\nb\r\n");
    perform_expect(&p, "KEYS *", "*1\r\n$1\r\nb\r\n");
    perform_expect(&p, "FLUSHALL sync", OK);
    perform_expect(&p, "KEYS *", "*0\r\n");

    perform_expect(&p, "SWAPDB x 0", ERROR("invalid first DB index"));
    perform_expect(&p, "SWAPDB 0 x", ERROR("invalid second DB index"));
    perform_expect(&p, "SWAPDB 0 16", ERROR("DB index is out of range"));
    assert_memory_equal(perform(&p, "SWAPDB 0 1"), "-ERR SWAPDB is not", 18);
}


/* What never expires, does so later than anything. */
static void
expiry_is_set_on_conditions(void **state)
{
    static const struct {
        const char  *has, *how;
        bool         set;
    } cases[] = {
        { "",              "NX", true },  { "2000000010000", "NX", false },
        { "",              "XX", false }, { "2000000010000", "XX", true },
        { "",              "GT", false }, { "2000000010000", "GT", false },
        { "2000000009999", "GT", true },  { "2000000010001", "GT", false },
        { "",              "LT", true },  { "2000000010000", "LT", false },
        { "2000000009999", "LT", false }, { "2000000010001", "LT", true },
        { "2000000009999", "XX GT", true }, { "", "XX LT", false },
        { "2000000010001", "lt xx", true }, { "", "nx NX", true },
    };
    char  line[128];

    (void) state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        (void) snprintf(line, sizeof(line), "PUT a 1 %s", cases[i].has);
        perform_expect(&p, line, OK);
        (void) snprintf(line, sizeof(line), "EXPIRE a 10 %s", cases[i].how);
        perform_expect(&p, line, cases[i].set ? ":1\r\n" : ":0\r\n");
        (void) snprintf(line, sizeof(line), ":%s\r\n", cases[i].set
                        ? "2000000010000"
                        : (cases[i].has[0] != '\0') ? cases[i].has : "-1");
        perform_expect(&p, "PEXPIRETIME a", line);
    }

    perform_expect(&p, "EXPIRE a 10 NO", ERROR("Unsupported option NO"));
    perform_expect(&p, "EXPIRE a x NX GT", ERROR("NX and XX, GT or LT options "
                   "at the same time are not compatible"));
    perform_expect(&p, "EXPIRE a 1 GT LT", ERROR("GT and LT options at the "
                   "same time are not compatible"));
    perform_expect(&p, "EXPIRE a x", ERROR("value is not an integer or out of "
                   "range"));
}


static void
times_are_said_in_every_unit(void **state)
{
    (void) state;

    perform_expect(&p, "PUT a 1", OK);
    perform_expect(&p, "TTL a", ":-1\r\n");
    perform_expect(&p, "EXPIRETIME a", ":-1\r\n");
    perform_expect(&p, "PTTL no", ":-2\r\n");
    perform_expect(&p, "PEXPIRETIME no", ":-2\r\n");
    perform_expect(&p, "EXPIRE no 5", ":0\r\n");
    perform_expect(&p, "PEXPIRE a 1499", ":1\r\n");
    perform_expect(&p, "TTL a", ":1\r\n");
    perform_expect(&p, "PTTL a", ":1499\r\n");
    perform_expect(&p, "PEXPIRE a 1500", ":1\r\n");
    perform_expect(&p, "TTL a", ":2\r\n");
    perform_expect(&p, "EXPIREAT a 2000000003", ":1\r\n");
    perform_expect(&p, "PTTL a", ":3000\r\n");
    perform_expect(&p, "PEXPIREAT a 2000000000501", ":1\r\n");
    perform_expect(&p, "EXPIRETIME a", ":2000000001\r\n");
    perform_expect(&p, "TTL a", ":1\r\n");
    perform_expect(&p, "PERSIST a", ":1\r\n");
    perform_expect(&p, "PERSIST a", ":0\r\n");
    perform_expect(&p, "PERSIST no", ":0\r\n");
    perform_expect(&p, "TTL a", ":-1\r\n");
    perform_expect(&p, "GIVE a", "$1\r\n1\r\n");
}


static void
times_that_are_over_or_none(void **state)
{
    static const char *const  over[] = {
        "EXPIRE a 0", "EXPIRE a -1", "PEXPIREAT a 2000000000000",
        "EXPIREAT a 5", "PEXPIREAT a -5", "PEXPIRE a -9223372036854775808"
    };

    (void) state;

    for (size_t i = 0; i < sizeof(over) / sizeof(over[0]); i++) {
        perform_expect(&p, "PUT a 1", OK);
        perform_expect(&p, over[i], ":1\r\n");
        perform_expect(&p, "EXISTS a", ":0\r\n");
    }

    perform_expect(&p, "PUT a 1", OK);
    perform_expect(&p, "EXPIRE a 9223372036854775",
                   ERROR("invalid expire time in 'expire' command"));
    perform_expect(&p, "EXPIRE a -9223372036854776",
                   ERROR("invalid expire time in 'expire' command"));
    perform_expect(&p, "PEXPIRE no 9223372036854775807",
                   ERROR("invalid expire time in 'pexpire' command"));
    perform_expect(&p, "EXPIREAT a 9223372036854776",
                   ERROR("invalid expire time in 'expireat' command"));
    perform_expect(&p, "PEXPIREAT a 9223372036854775807", ":1\r\n");
    perform_expect(&p, "PEXPIRETIME a", ":9223372036854775807\r\n");
}


static void
keys_that_match(void **state)
{
    (void) state;

    perform_expect(&p, "PUT user:2 x", OK);
    perform_expect(&p, "PUT user:1 x", OK);
    perform_expect(&p, "PUT use x", OK);
    perform_expect(&p, "PUT uses x", OK);
    perform_expect(&p, "KEYS user:*",
                   "*2\r\n$6\r\nuser:1\r\n$6\r\nuser:2\r\n");
    perform_expect(&p, "KEYS u*s", "*1\r\n$4\r\nuses\r\n");
    perform_expect(&p, "KEYS user:[^1]", "*1\r\n$6\r\nuser:2\r\n");
    perform_expect(&p, "KEYS use", "*1\r\n$3\r\nuse\r\n");
    perform_expect(&p, "KEYS none*", "*0\r\n");
    assert_string_equal(perform_multi(&p, "DEL use;PUT u1 x;KEYS u?;KEYS u*s;"
                                      "KEYS us?", NULL, 0),
                        "*5\r\n:1\r\n+OK\r\n*1\r\n$2\r\nu1\r\n*1\r\n$4\r\n"
                        "uses\r\n*0\r\n");
}


static void
fill(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        char  line[64];

        (void) snprintf(line, sizeof(line), "PUT key:%03u x", i);
        perform_expect(&p, line, OK);
    }
}


/* How often each of the keys was drawn of n times; none is anything else. */
static unsigned *
drawn(const char *format, unsigned keys, unsigned n)
{
    unsigned  *count = calloc(keys, sizeof(*count));

    for (unsigned i = 0; i < n; i++) {
        const char  *reply = perform(&p, "RANDOMKEY");
        char         key[32];
        unsigned     k;

        assert_int_equal(reply[0], '$');
        assert_int_equal(sscanf(strchr(reply, '\n') + 1, format, &k), 1);
        assert_true(k < keys);
        (void) snprintf(key, sizeof(key), format, k);
        assert_memory_equal(strchr(reply, '\n') + 1, key, strlen(key));
        count[k]++;
    }

    return count;
}


static void
a_random_key_may_be_any(void **state)
{
    unsigned  *count;

    (void) state;

    perform_expect(&p, "RANDOMKEY", NIL);
    perform_expect(&p, "PUT key:000 x", OK);
    perform_expect(&p, "RANDOMKEY", "$7\r\nkey:000\r\n");
    fill(40);
    count = drawn("key:%03u", 40, 4000);

    for (unsigned i = 0; i < 40; i++) {
        assert_in_range(count[i], 50, 160);
    }

    free(count);
}


/* More than are gone through: each comes, and none much more often. */
static void
a_random_key_of_many_may_be_any(void **state)
{
    unsigned  *count, met = 0, most = 0;
    char       line[64];

    (void) state;

    for (unsigned i = 0; i < 2000; i++) {
        (void) snprintf(line, sizeof(line), "PUT session:user:%04u x", i);
        perform_expect(&p, line, OK);
    }

    count = drawn("session:user:%04u", 2000, 4000);

    for (unsigned i = 0; i < 2000; i++) {
        met += (count[i] > 0);
        most = fkv__max(most, count[i]);
    }

    assert_true(met > 1400);
    assert_true(most < 20);
    free(count);

    perform_expect(&p, "PUT alone x", OK);
    perform_expect(&p, "PUT session:user:1 x", OK);

    for (met = 0, most = 0; (met == 0 || most == 0); ) {
        const char  *reply = perform(&p, "RANDOMKEY");

        met += (strcmp(reply, "$5\r\nalone\r\n") == 0);
        most += (strcmp(reply, "$14\r\nsession:user:1\r\n") == 0);
    }
}


#define SCANNED_MAX  400

typedef struct {
    char      keys[SCANNED_MAX][1100];
    unsigned  n;
    unsigned  answers;
} scanned_t;


/* One answer; the next cursor. */
static uint64_t
scan_step(scanned_t *scanned, uint64_t cursor, const char *options)
{
    char         line[256];
    const char  *at;
    char        *end;
    uint64_t     next, n;

    (void) snprintf(line, sizeof(line), "SCAN %llu %s",
                    (unsigned long long) cursor, options);
    at = perform(&p, line);

    assert_memory_equal(at, "*2\r\n$", 5);
    at = strchr(at + 5, '\n') + 1;
    next = strtoull(at, &end, 10);
    assert_int_equal(end[2], '*');
    n = strtoull(end + 3, &end, 10);

    for (at = end + 2; n > 0; n--) {
        size_t  len = strtoull(at + 1, &end, 10);

        assert_int_equal(at[0], '$');
        assert_true(scanned->n < SCANNED_MAX);
        assert_true(len < sizeof(scanned->keys[0]));
        memcpy(scanned->keys[scanned->n], end + 2, len);
        scanned->keys[scanned->n++][len] = '\0';
        at = end + 2 + len + 2;
    }

    scanned->answers++;

    return next;
}


static scanned_t *
scan_all(const char *options)
{
    static scanned_t  scanned;
    uint64_t          cursor = 0;

    scanned.n = 0;
    scanned.answers = 0;

    do {
        cursor = scan_step(&scanned, cursor, options);
        assert_true(scanned.answers < 1000);
    } while (cursor != 0);

    return &scanned;
}


static void
a_scan_gives_every_key_once(void **state)
{
    static const char *const  counts[] = {
        "", "COUNT 1", "COUNT 7", "COUNT 25", "COUNT 100", "COUNT 1000000000"
    };
    scanned_t  *scanned;

    (void) state;
    fill(100);

    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        scanned = scan_all(counts[i]);
        assert_int_equal(scanned->n, 100);

        for (unsigned k = 0; k < 100; k++) {
            char  key[16];

            (void) snprintf(key, sizeof(key), "key:%03u", k);
            assert_string_equal(scanned->keys[k], key);
        }
    }

    scanned = scan_all("MATCH key:?[05]* COUNT 3");
    assert_int_equal(scanned->n, 20);
    scanned = scan_all("MATCH key:05* COUNT 3");
    assert_int_equal(scanned->n, 10);
    assert_true(scanned->answers <= 4);
    assert_int_equal(scan_all("TYPE STRING")->n, 100);
    assert_int_equal(scan_all("TYPE list")->n, 0);
    assert_int_equal(scan_all("MATCH nothing")->answers, 1);
}


/* Others come and go meanwhile; a client asks twice, as after a lost answer. */
static void
a_scan_misses_nothing_that_stays(void **state)
{
    static scanned_t  scanned, again;
    uint64_t          cursor = 0, before;
    unsigned          round = 0;
    char              line[64];

    (void) state;
    fill(100);
    scanned.n = 0;

    do {
        (void) snprintf(line, sizeof(line), "PUT key:%03u+ x", round * 7 % 90);
        perform_expect(&p, line, OK);
        (void) snprintf(line, sizeof(line), "DEL key:%03u", 99 - round);
        (void) perform(&p, line);

        before = cursor;
        cursor = scan_step(&scanned, before, "COUNT 5");
        again.n = 0;
        (void) scan_step(&again, before, "COUNT 5");
        round++;
    } while (cursor != 0);

    for (unsigned k = 0, i = 0; k + round < 100; k++, i++) {
        char  key[16];

        (void) snprintf(key, sizeof(key), "key:%03u", k);

        while (i < scanned.n && strcmp(scanned.keys[i], key) != 0) {
            i++;
        }

        assert_true(i < scanned.n);
    }
}


/* Longer than a place can tell: they come in one answer. */
static void
long_keys_are_scanned_too(void **state)
{
    char        line[1200], key[1001];
    scanned_t  *scanned;

    (void) state;
    memset(key, 'k', 900);
    fill(3);

    for (unsigned i = 0; i < 30; i++) {
        (void) snprintf(key + 900, 20, "%02u", i);
        key[10] = (char) ('a' + i % 3);
        (void) snprintf(line, sizeof(line), "PUT %.902s x", key);
        perform_expect(&p, line, OK);
    }

    perform_expect(&p, "PUT z x", OK);

    scanned = scan_all("COUNT 2");
    assert_int_equal(scanned->n, 34);
    assert_string_equal(scanned->keys[33], "z");

    for (unsigned i = 1; i < scanned->n; i++) {
        assert_true(strcmp(scanned->keys[i - 1], scanned->keys[i]) < 0);
    }

    assert_int_equal(scan_all("COUNT 2 MATCH k*7")->n, 3);
}


static void
cursors_that_are_none(void **state)
{
    (void) state;
    fill(20);

    perform_expect(&p, "SCAN x", ERROR("invalid cursor"));
    perform_expect(&p, "SCAN 18446744073709551616", ERROR("invalid cursor"));
    assert_memory_equal(perform(&p, "SCAN 12345"),
                        "-ERR invalid cursor: it is unknown", 34);
    assert_memory_equal(perform(&p, "SCAN -1"),
                        "-ERR invalid cursor: it is unknown", 34);
    assert_memory_equal(perform(&p, "SCAN +0 COUNT 1"), "*2\r\n", 4);
    perform_expect(&p, "SCAN 0 COUNT", ERROR("syntax error"));
    perform_expect(&p, "SCAN 0 COUNT 0", ERROR("syntax error"));
    perform_expect(&p, "SCAN 0 COUNT x", ERROR("value is not an integer or "
                   "out of range"));
    perform_expect(&p, "SCAN 0 MATCH", ERROR("syntax error"));
    perform_expect(&p, "SCAN 0 FIND x", ERROR("syntax error"));
}


static void
objects_are_looked_into(void **state)
{
    char  line[128], value[46];

    (void) state;
    memset(value, 'x', 45);
    value[45] = '\0';

    perform_expect(&p, "PUT int -5", OK);
    perform_expect(&p, "PUT shared 9999", OK);
    perform_expect(&p, "PUT text 0012", OK);
    (void) snprintf(line, sizeof(line), "PUT long %s", value);
    perform_expect(&p, line, OK);

    perform_expect(&p, "OBJECT ENCODING int", "$3\r\nint\r\n");
    perform_expect(&p, "OBJECT ENCODING text", "$6\r\nembstr\r\n");
    perform_expect(&p, "OBJECT ENCODING long", "$3\r\nraw\r\n");
    perform_expect(&p, "OBJECT ENCODING no", NIL);
    perform_expect(&p, "OBJECT REFCOUNT int", ":1\r\n");
    perform_expect(&p, "OBJECT REFCOUNT shared", ":2147483647\r\n");
    perform_expect(&p, "OBJECT REFCOUNT no", NIL);
    perform_expect(&p, "OBJECT IDLETIME no", NIL);
    assert_memory_equal(perform(&p, "OBJECT FREQ int"),
                        "-ERR An LFU maxmemory policy is not selected", 44);
    assert_memory_equal(perform(&p, "OBJECT IDLETIME int"),
                        "-ERR An LRU maxmemory policy is not selected", 44);
}


static void
idle_time_ends_with_use(void **state)
{
    (void) state;

    perform_expect(&p, "PUT a 1", OK);
    p.now_ms = NOW + 7000;
    perform_expect(&p, "OBJECT IDLETIME a", ":7\r\n");
    perform_expect(&p, "TTL a", ":-1\r\n");
    perform_expect(&p, "EXISTS a", ":1\r\n");
    perform_expect(&p, "OBJECT IDLETIME a", ":7\r\n");
    p.now_ms = NOW + 9000;
    assert_string_equal(perform_multi(&p, "OBJECT IDLETIME a;GIVE a", NULL, 0),
                        "*2\r\n:0\r\n$1\r\n1\r\n");
    p.now_ms = NOW + 12000;
    perform_expect(&p, "OBJECT IDLETIME a", ":3\r\n");
    perform_expect(&p, "TOUCH a", ":1\r\n");
    perform_expect(&p, "OBJECT IDLETIME a", ":0\r\n");
    assert_memory_equal(perform(&p, "OBJECT FREQ a"),
                        "-ERR An LFU maxmemory policy is not selected", 44);
}


static void
frequency_grows_with_use(void **state)
{
    int  before, after;

    (void) state;

    perform_expect(&p, "PUT a 1", OK);
    before = atoi(perform(&p, "OBJECT FREQ a") + 1);

    for (unsigned i = 0; i < 1000; i++) {
        perform_expect(&p, "GIVE a", "$1\r\n1\r\n");
    }

    after = atoi(perform(&p, "OBJECT FREQ a") + 1);
    assert_true(before > 0);
    assert_true(after > before + 3);
    assert_true(after < 100);
    assert_memory_equal(perform(&p, "OBJECT IDLETIME a"),
                        "-ERR An LFU maxmemory policy is selected", 40);
}


/* The bytes of a DUMP hold zeros and blanks, so they do not go through text. */
static const char *
restore(const char *head, fkv_str_t payload, const char *option)
{
    performing_t  *r = malloc(sizeof(*r));
    const char    *reply;
    char           line[256];

    (void) snprintf(line, sizeof(line), "%s PAYLOAD %s", head, option);
    perform_init(&p, r);
    perform_add(&p, r, line);
    r->args[0][3] = payload;
    reply = perform_end(&p, r, fkv_exec(&r->exec));
    free(r);

    return reply;
}


static void
what_was_dumped_is_restored(void **state)
{
    static const fkv_str_t  hello = {
        (const uint8_t *) "\x00\x05\x68\x65\x6c\x6c\x6f\x0a\x00\x63\x72\xdf"
        "\x76\x65\x34\x20\x0a", 17
    };
    static const fkv_str_t  list = {
        (const uint8_t *) "\x12\x01\x02\x0a\x00\x0a\x00\x00\x00\x01\x00\x81"
        "\x61\x02\xff", 15
    };

    (void) state;

    perform_expect(&p, "DUMP a", NIL);
    perform_expect(&p, "PUT a hello", OK);
    assert_memory_equal(perform(&p, "DUMP a"), "$17\r\n", 5);
    assert_memory_equal(p.out.data + 5, hello.data, hello.len);

    assert_string_equal(restore("RESTORE a 0", hello, ""),
                        "-BUSYKEY Target key name already exists.\r\n");
    assert_string_equal(restore("RESTORE a 0", hello, "REPLACE"), OK);
    perform_expect(&p, "TTL a", ":-1\r\n");
    assert_string_equal(restore("RESTORE b 5000", hello, ""), OK);
    perform_expect(&p, "PTTL b", ":5000\r\n");
    assert_string_equal(restore("RESTORE c 2000000007000", hello,
                                "absttl idletime 5"), OK);
    perform_expect(&p, "PTTL c", ":7000\r\n");
    assert_string_equal(restore("RESTORE c 5", hello, "ABSTTL REPLACE"), OK);
    perform_expect(&p, "EXISTS c", ":0\r\n");
    perform_expect(&p, "GIVE b", "$5\r\nhello\r\n");

    assert_string_equal(restore("RESTORE n x", hello, ""),
                        ERROR("value is not an integer or out of range"));
    assert_string_equal(restore("RESTORE n -1", hello, ""),
                        ERROR("Invalid TTL value, must be >= 0"));
    assert_string_equal(restore("RESTORE n 0", hello, "FREQ 256"),
                        ERROR("Invalid FREQ value, must be >= 0 and <= 255"));
    assert_string_equal(restore("RESTORE n 0", hello, "IDLETIME -1"),
                        ERROR("Invalid IDLETIME value, must be >= 0"));
    assert_string_equal(restore("RESTORE n 0", hello, "FREQ 1 IDLETIME 1"),
                        ERROR("syntax error"));
    assert_string_equal(restore("RESTORE n 0", FKV_STR("nonsense bytes"), ""),
                        ERROR("DUMP payload version or checksum are wrong"));
    assert_string_equal(restore("RESTORE n 0", list, ""),
                        ERROR("DUMP payload version or checksum are wrong"));
    perform_expect(&p, "EXISTS n", ":0\r\n");
}


int
main(void)
{
#define TEST(name)  cmocka_unit_test_setup_teardown(name, setup, teardown)

    const struct CMUnitTest  tests[] = {
        TEST(keys_are_counted_and_deleted),
        TEST(keys_are_renamed),
        TEST(keys_are_copied_and_moved),
        TEST(databases_are_cleared),
        TEST(expiry_is_set_on_conditions),
        TEST(times_are_said_in_every_unit),
        TEST(times_that_are_over_or_none),
        TEST(keys_that_match),
        TEST(a_random_key_may_be_any),
        TEST(a_random_key_of_many_may_be_any),
        TEST(a_scan_gives_every_key_once),
        TEST(a_scan_misses_nothing_that_stays),
        TEST(long_keys_are_scanned_too),
        TEST(cursors_that_are_none),
        TEST(objects_are_looked_into),
        cmocka_unit_test_setup_teardown(idle_time_ends_with_use, setup_lru,
                                        teardown),
        cmocka_unit_test_setup_teardown(frequency_grows_with_use, setup_lfu,
                                        teardown),
        TEST(what_was_dumped_is_restored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
