/*
 * commands_merge.c - operands that are written without reading, and what a
 * transaction sees of them.  The operator appends.
 */

#include "perform.h"
#include "commands/types.h"

#define OK    "+OK\r\n"
#define TYPE  1

static live_t          live;
static perform_t       p;
static uint8_t         room[4096];
static bool            here;


static int
append_all(fkv_str_t base, const fkv_str_t *ops, unsigned n, fkv_str_t *out)
{
    size_t  len = base.len;

    memcpy(room, base.data, base.len);

    for (unsigned i = 0; i < n; i++) {
        memcpy(room + len, ops[i].data, ops[i].len);
        len += ops[i].len;
    }

    *out = (fkv_str_t) { room, len };

    return FKV_OK;
}


static int
store_full(void *data, uint16_t type, const fkv_chain_t *chain,
    const fkv_value_t *base, const fkv_str_t *ops, unsigned n,
    fkv_merged_t *out)
{
    static const fkv_str_t  nothing = FKV_STR("");

    (void) data;
    (void) chain;
    out->type = type;

    return here ? append_all(base ? base->data : nothing, ops, n, &out->data)
                : FKV_EMISSING;
}


static int
type_full(const fkv_type_t *type, const fkv_t *store,
    const fkv_chain_t *chain, const fkv_call_value_t *base,
    const fkv_str_t *ops, unsigned n, fkv_str_t *data)
{
    static const fkv_str_t  nothing = FKV_STR("");
    uint8_t                *copy;

    (void) type;
    (void) store;
    (void) chain;
    (void) append_all(base ? base->data : nothing, ops, n, data);
    copy = fkv__alloc(data->len + 1);
    memcpy(copy, data->data, data->len);
    data->data = copy;

    return FKV_OK;
}


/* ADD key operand [operand ...] */
static int
add(fkv_call_t *call)
{
    for (unsigned i = 2; i < call->argc; i++) {
        int  rc = fkv_call_merge(call, call->ns, call->argv[1], TYPE,
                                 call->argv[i]);

        if (rc != FKV_OK) {
            return rc;
        }
    }

    fkv_reply_ok(call->reply);

    return FKV_OK;
}


static int
show(fkv_call_t *call)
{
    fkv_call_value_t  value;
    int               rc = fkv_call_get_any(call, call->ns, call->argv[1],
                                            &value);

    if (rc == FKV_OK) {
        fkv_reply_str(call->reply, value.data);

    } else if (rc == FKV_NOTFOUND) {
        fkv_reply_null(call->reply);
        rc = FKV_OK;
    }

    return rc;
}


static const fkv_command_t  own_commands[] = {
    { .name = "ADD", .arity = -3,
      .flags = FKV_COMMAND_WRITE | FKV_COMMAND_BLIND, .first_key = 1,
      .last_key = 1, .key_step = 1, .call = add },
    { .name = "ADDSEEN", .arity = -3, .flags = FKV_COMMAND_WRITE,
      .first_key = 1, .last_key = 1, .key_step = 1, .call = add },
    { .name = "SHOW", .arity = 2, .flags = FKV_COMMAND_READ, .first_key = 1,
      .last_key = 1, .key_step = 1, .call = show },
    { .name = NULL }
};


static void
type_set(bool is_here)
{
    const fkv_type_t  type = { .id = TYPE, .name = "log", .label = "log",
                               .extension = "log", .version = "2",
                               .owner = is_here ? &live : NULL,
                               .full = is_here ? type_full : NULL };

    here = is_here;
    assert_int_equal(fkv_types_set(live.store, &type), FKV_OK);
}


static int
setup(void **state)
{
    static const fkv_merge_t  merge = { .full = store_full };

    (void) state;

    live_dir(&live);
    live_open(&live, FKV_MEMORY_MIN, FKV_SYNC_ALWAYS);
    fkv_merge_set(live.store, &merge, NULL);
    live_attach(&live, FKV_WORKER);
    p = (perform_t) { .live = &live, .own = own_commands };
    type_set(true);

    return 0;
}


static int
teardown(void **state)
{
    (void) state;
    fkv_types_done(live.store);
    perform_remove(&p);

    return 0;
}


static void
operands_are_put_together(void **state)
{
    fkv_stats_t  stats;

    (void) state;

    perform_expect(&p, "ADD k a", OK);
    perform_expect(&p, "ADD k b", OK);
    fkv_stats(live.store, &stats);
    assert_int_equal(stats.merges, 2);
    perform_expect(&p, "SHOW k", "$2\r\nab\r\n");
    perform_expect(&p, "ADDSEEN k c", OK);
    perform_expect(&p, "SHOW k", "$3\r\nabc\r\n");
    perform_expect(&p, "ADD k d e f", OK);
    perform_expect(&p, "SHOW k", "$6\r\nabcdef\r\n");
    perform_expect(&p, "TYPE k", "+log\r\n");
    perform_expect(&p, "ADD new x y", OK);
    perform_expect(&p, "SHOW new", "$2\r\nxy\r\n");
}


static void
a_transaction_sees_its_own(void **state)
{
    (void) state;

    perform_expect(&p, "ADD k a", OK);
    assert_string_equal(perform_multi(&p, "ADD k b;SHOW k;ADD k c;SHOW k;"
                                      "DEL k;SHOW k;ADD k d;SHOW k", NULL, 0),
                        "*8\r\n" OK "$2\r\nab\r\n" OK "$3\r\nabc\r\n"
                        ":1\r\n$-1\r\n" OK "$1\r\nd\r\n");
    perform_expect(&p, "SHOW k", "$1\r\nd\r\n");
    assert_string_equal(perform_multi(&p, "ADD k e;KEYS *", NULL, 0),
                        "*2\r\n" OK "*1\r\n$1\r\nk\r\n");
    assert_string_equal(perform_multi(&p, "ADD n e;KEYS *;DBSIZE", NULL, 0),
                        "*3\r\n" OK "*2\r\n$1\r\nk\r\n$1\r\nn\r\n:2\r\n");
    perform_expect(&p, "SHOW k", "$2\r\nde\r\n");
    perform_expect(&p, "SHOW n", "$1\r\ne\r\n");
}


static void
without_an_operator_they_are_kept(void **state)
{
    (void) state;

    perform_expect(&p, "ADD k a", OK);
    perform_expect(&p, "ADD k b", OK);
    perform_expect(&p, "ADD gone b", OK);
    type_set(false);

    perform_expect(&p, "GET k", "-EXTMISSING extension \"log\" 2 is needed "
                   "for the key\r\n");
    perform_expect(&p, "EXISTS k", ":1\r\n");
    perform_expect(&p, "TYPE k", "+log\r\n");
    perform_expect(&p, "TTL k", ":-1\r\n");
    perform_expect(&p, "DEL gone", ":1\r\n");
    perform_expect(&p, "SET k x", OK);
    perform_expect(&p, "GET k", "$1\r\nx\r\n");
}


int
main(void)
{
#define TEST(f)  cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest  tests[] = {
        TEST(operands_are_put_together),
        TEST(a_transaction_sees_its_own),
        TEST(without_an_operator_they_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
