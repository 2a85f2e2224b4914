/*
 * commands_command.c - definitions: found by name, arity, where keys stand;
 * the whole table holds what every definition must.
 */

#include "check.h"
#include "commands/call.h"

#include <ctype.h>


static int
nothing(fkv_call_t *call)
{
    (void) call;

    return FKV_OK;
}


static void
keys_and_arity(void **state)
{
    static const fkv_command_t  mget = { .name = "MGET", .arity = -2,
        .first_key = 1, .last_key = -1, .key_step = 1 };
    static const fkv_command_t  mset = { .name = "MSET", .arity = -3,
        .first_key = 1, .last_key = -1, .key_step = 2 };
    static const fkv_command_t  copy = { .name = "COPY", .arity = 3,
        .first_key = 1, .last_key = 2, .key_step = 1 };
    static const fkv_command_t  ping = { .name = "PING", .arity = -1 };

    (void) state;

    assert_true(fkv_command_arity_ok(&mget, 2));
    assert_true(fkv_command_arity_ok(&mget, 200));
    assert_false(fkv_command_arity_ok(&mget, 1));
    assert_true(fkv_command_arity_ok(&copy, 3));
    assert_false(fkv_command_arity_ok(&copy, 2));
    assert_false(fkv_command_arity_ok(&copy, 4));

    assert_int_equal(fkv_command_key(&mget, 4, 0), 1);
    assert_int_equal(fkv_command_key(&mget, 4, 2), 3);
    assert_int_equal(fkv_command_key(&mget, 4, 3), 0);
    assert_int_equal(fkv_command_key(&mset, 5, 1), 3);
    assert_int_equal(fkv_command_key(&mset, 5, 2), 0);
    assert_int_equal(fkv_command_key(&copy, 3, 1), 2);
    assert_int_equal(fkv_command_key(&copy, 9, 2), 0);
    assert_int_equal(fkv_command_key(&copy, 2, 1), 0);
    assert_int_equal(fkv_command_key(&ping, 2, 0), 0);
}


static void
subcommands_by_name(void **state)
{
    static const fkv_command_t  subs[] = {
        { .name = "GET", .call = nothing },
        { .name = "SET", .call = nothing },
        { .name = NULL }
    };
    static const fkv_command_t  config = { .name = "CONFIG", .subs = subs };

    (void) state;

    assert_ptr_equal(fkv_command_sub(&config, FKV_STR("sEt")), &subs[1]);
    assert_null(fkv_command_sub(&config, FKV_STR("GETS")));
    assert_null(fkv_command_sub(&config, FKV_STR_NULL));
}


static void
check_definition(const fkv_command_t *c)
{
    assert_true(c->call != NULL || c->subs != NULL);
    assert_non_null(c->group);
    assert_non_null(c->since);
    assert_non_null(c->summary);
    assert_true(c->arity != 0);

    for (const char *p = c->name; *p != '\0'; p++) {
        assert_false(islower((int) *p));
    }

    if (c->first_key != 0) {
        assert_true(c->key_step > 0);
        assert_true(c->flags & (FKV_COMMAND_READ | FKV_COMMAND_WRITE));
    }
}


/* Whatever the families are. */
static void
the_whole_table(void **state)
{
    const fkv_command_t  *command;
    char                  lower[64];
    unsigned              n;

    (void) state;

    for (n = 0; (command = fkv_command_at(n)) != NULL; n++) {
        size_t  len = strlen(command->name);

        for (size_t i = 0; i <= len; i++) {
            lower[i] = (char) tolower((int) command->name[i]);
        }

        assert_ptr_equal(command,
                         fkv_command_find((fkv_str_t) { (uint8_t *) lower,
                                                        len }));
        check_definition(command);

        for (unsigned i = 0; command->subs != NULL
             && command->subs[i].name != NULL; i++)
        {
            check_definition(&command->subs[i]);
        }
    }

    assert_null(fkv_command_at(n));
    assert_null(fkv_command_find(FKV_STR("NOSUCHCOMMAND")));
    assert_null(fkv_command_find(FKV_STR("")));
    assert_null(fkv_command_find(
        FKV_STR("ANAMETHATISLONGERTHANANYNAMEOFACOMMANDEVERWAS")));
}


static void
calls_fail_with_one_error(void **state)
{
    fkv_str_t    argv[] = { FKV_STR("GET"), FKV_STR("17"), FKV_STR("x17"),
                            FKV_STR("") };
    fkv_reply_t  reply = { .rc = FKV_OK };
    fkv_call_t   call = { .argv = argv, .argc = 4, .reply = &reply };
    int64_t      n;
    size_t       at = 0;
    fkv_reply_token_t  token;

    (void) state;

    assert_true(fkv_call_is(&call, 0, "get"));
    assert_false(fkv_call_is(&call, 0, "gets"));
    assert_false(fkv_call_is(&call, 3, "get"));
    assert_false(fkv_call_is(&call, 4, "get"));

    assert_int_equal(fkv_call_int(&call, 1, &n), FKV_OK);
    assert_int_equal(n, 17);

    fkv_reply_array(&reply, 2);
    fkv_reply_int(&reply, 1);
    assert_int_equal(fkv_call_int(&call, 2, &n), FKV_EINVAL);
    assert_int_equal(fkv_reply_next(&reply, &at, &token), FKV_OK);
    assert_int_equal(token.type, FKV_REPLY_ERROR);
    assert_int_equal(token.str.len, 43);
    assert_memory_equal(token.str.data, "ERR value is not an integer or out "
                        "of range", 43);
    assert_int_equal(fkv_reply_next(&reply, &at, &token), FKV_END);
    fkv_reply_done(&reply);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(keys_and_arity),
        cmocka_unit_test(subcommands_by_name),
        cmocka_unit_test(the_whole_table),
        cmocka_unit_test(calls_fail_with_one_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
