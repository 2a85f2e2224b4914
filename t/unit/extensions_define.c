/*
 * extensions_define.c - what a library says of itself.
 */

#include "check.h"
#include "extensions/define.h"

#define ROUNDS  50000


/* Functions that nobody calls: they are only looked at. */

static int
no_command(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    (void) ctx;
    (void) argc;
    (void) argv;
    abort();
}


static size_t
no_names(ferrokv_ctx *ctx, const ferrokv_value *head, size_t argc,
    const ferrokv_str *argv, ferrokv_str *names, size_t max)
{
    (void) ctx;
    (void) head;
    (void) argc;
    (void) argv;
    (void) names;
    (void) max;
    abort();
}


static int
no_full(ferrokv_ctx *ctx, ferrokv_str key, const ferrokv_value *base,
    const ferrokv_str *ops, size_t n, ferrokv_value *out)
{
    (void) ctx;
    (void) key;
    (void) base;
    (void) ops;
    (void) n;
    (void) out;
    abort();
}


static int
no_recode(ferrokv_ctx *ctx, uint32_t encver, ferrokv_str old,
    ferrokv_value *out)
{
    (void) ctx;
    (void) encver;
    (void) old;
    (void) out;
    abort();
}


static int
no_hook(ferrokv_ctx *ctx, ferrokv_event *event)
{
    (void) ctx;
    (void) event;
    abort();
}


static int
no_run(ferrokv_ctx *ctx)
{
    (void) ctx;
    abort();
}


static int
call(fkv_call_t *made)
{
    (void) made;
    abort();
}


/* A library that says something of every kind; tests change a copy of it. */
typedef struct {
    ferrokv_command    command;
    ferrokv_type       type;
    ferrokv_merge      merge;
    ferrokv_hook       hook;
    ferrokv_worker     worker;
    ferrokv_param      param;
    ferrokv_metric     metric;
    ferrokv_step       steps[2];
    const void        *provides[8];
    ferrokv_extension  extension;
    ferrokv_magic      magic;
    char               error[FKV_ERROR_BYTES];
} library_t;


static void
library_init(library_t *l)
{
    memset(l, 0, sizeof(*l));

    l->command = (ferrokv_command) {
        FERROKV_COMMAND, FERROKV_WRITE, "X.SET", -3, 1, -1, 2, no_command,
        "key value [key value ...]", "Sets"
    };
    l->type = (ferrokv_type) { .kind = FERROKV_KIND_TYPE,
                               .size = sizeof(ferrokv_type),
                               .name = "x.point", .encver = 1,
                               .merge = "x", .recode = no_recode };
    l->merge = (ferrokv_merge) { FERROKV_MERGE, 0, "x", no_full, NULL };
    l->hook = (ferrokv_hook) { FERROKV_HOOK, 0, "x.h", FERROKV_ON_WRITE,
                               FERROKV_REWRITE, "x:", no_hook };
    l->worker = (ferrokv_worker) { FERROKV_WORKER, 0, "x.w", 100, no_run };
    l->param = (ferrokv_param) { FERROKV_PARAM, 0, "x.p", FERROKV_NUMBER, 0,
                                 1, 10, "5", NULL, "a number" };
    l->metric = (ferrokv_metric) { FERROKV_METRIC, 0, "x.m", 1, 0, "a gauge" };

    l->steps[0] = l->steps[1] = (ferrokv_step) { sizeof(ferrokv_step), 0,
                                                 no_run };

    l->provides[0] = &l->command;
    l->provides[1] = &l->type;
    l->provides[2] = &l->merge;
    l->provides[3] = &l->hook;
    l->provides[4] = &l->worker;
    l->provides[5] = &l->param;
    l->provides[6] = &l->metric;

    l->extension = (ferrokv_extension) {
        sizeof(ferrokv_extension), FERROKV_NEEDS_HELPER, "x", "1.0",
        l->provides, l->steps, 2, 1, no_run, NULL
    };
    l->magic = (ferrokv_magic) { FERROKV_MAGIC, sizeof(ferrokv_magic),
                                 FERROKV_ABI, FERROKV_API, 0, &l->extension };
}


static int
define(library_t *l, fkv_extension_t *ext)
{
    memset(ext, 0, sizeof(*ext));

    return fkv_extension_define(ext, &l->extension, call, l->error);
}


static void
refuse(library_t *l, const char *expected)
{
    fkv_extension_t  ext;

    assert_int_equal(define(l, &ext), FKV_EINVAL);
    assert_string_equal(l->error, expected);
    fkv_extension_undefine(&ext);

    library_init(l);
}


static void
accept_library(library_t *l)
{
    fkv_extension_t  ext;
    int              rc = define(l, &ext);

    if (rc != FKV_OK) {
        print_error("%s\n", l->error);
    }

    assert_int_equal(rc, FKV_OK);
    fkv_extension_undefine(&ext);
    library_init(l);
}


#define REFUSE(change, expected)                                              \
    do { change; refuse(&l, expected); } while (0)

#define ACCEPT(change)                                                        \
    do { change; accept_library(&l); } while (0)


static void
definitions_become_what_the_process_works_with(void **state)
{
    library_t        l;
    fkv_extension_t  ext;

    (void) state;
    library_init(&l);
    assert_int_equal(define(&l, &ext), FKV_OK);

    assert_string_equal(ext.name, "x");
    assert_string_equal(ext.version, "1.0");
    assert_int_equal(ext.schema, 2);
    assert_int_equal(ext.serves, 1);
    assert_ptr_equal(ext.steps[1].run, no_run);

    assert_int_equal(ext.commands_n, 1);
    assert_ptr_equal(ext.commands[0].extension, &ext);
    assert_ptr_equal(ext.commands[0].command.call, call);
    assert_int_equal(ext.commands[0].command.flags,
                     FKV_COMMAND_WRITE | FKV_COMMAND_EXTENSION);
    assert_string_equal(ext.commands[0].command.group, "x");

    assert_int_equal(ext.types_n, 1);
    assert_ptr_equal(ext.types[0].def, &l.type);
    assert_string_equal(ext.types[0].label, "point");
    assert_ptr_equal(ext.types[0].merge, &ext.merges[0]);

    assert_int_equal(ext.hooks_n, 1);
    assert_int_equal(ext.workers_n, 1);
    assert_int_equal(ext.params_n, 1);
    assert_int_equal(ext.params[0].number, 5);
    assert_int_equal(ext.metrics_n, 1);
    assert_ptr_equal(ext.metric_defs[0], &l.metric);

    fkv_extension_undefine(&ext);
}


static void
a_wrong_magic_is_refused(void **state)
{
    library_t  l;

    (void) state;
    library_init(&l);
    assert_int_equal(fkv_extension_magic_check(&l.magic, l.error), FKV_OK);

#define WRONG(change, expected)                                               \
    do {                                                                      \
        change;                                                               \
        assert_int_equal(fkv_extension_magic_check(&l.magic, l.error),        \
                         FKV_EINVAL);                                         \
        assert_string_equal(l.error, expected);                               \
        library_init(&l);                                                     \
    } while (0)

    WRONG(l.magic.magic++, "it is no ferrokv extension: ferrokv_magic_1 has "
          "the wrong magic");
    WRONG(l.magic.size--, "it is no ferrokv extension: ferrokv_magic_1 has the "
          "wrong magic");
    WRONG(l.magic.abi = 7,
          "it is built for ABI 7, this ferrokv has ABI 0");
    WRONG(l.magic.target = 0x0009,
          "it needs API 0.9, this ferrokv has API 0.1");
    WRONG(l.magic.extension = NULL, "ferrokv_magic_1 names no extension");

#undef WRONG
}


static void
a_wrong_descriptor_is_refused(void **state)
{
    library_t  l;

    (void) state;
    library_init(&l);

    REFUSE(l.extension.size = 8,
           "its ferrokv_extension is 8 bytes, 64 are the least");
    REFUSE(l.extension.needs |= 0x100,
           "it needs what this ferrokv does not know (0x100)");
    REFUSE(l.extension.name = "X", "it calls itself \"X\", but a name is "
           "[a-z][a-z0-9_]*, at most 32 bytes");
    REFUSE(l.extension.name = NULL, "it calls itself \"\", but a name is "
           "[a-z][a-z0-9_]*, at most 32 bytes");
    REFUSE(l.extension.version = "1/2", "its version is \"1/2\", but a version "
           "is letters, digits and \"._+~-\", at most 32 bytes");
    REFUSE(l.extension.serves = 3, "it serves schema 3, but its own is 2");
    REFUSE(l.extension.schema = 2000, "its schema is 2000, 1024 is the most");
    REFUSE(l.extension.steps = NULL,
           "its schema is 2, but there are no steps");
    REFUSE(l.extension.needs = 0,
           "it has steps, but does not say FERROKV_NEEDS_HELPER");
    REFUSE(l.steps[0].size = 4, "a step is 4 bytes, 16 are the least");
    REFUSE(l.steps[1].size = 32, "step 1 has another size than the first");
    REFUSE(l.steps[1].run = NULL, "step 1 has no function");
    REFUSE(l.steps[0].flags = 2,
           "step 0 has flags that this ferrokv does not know");
}


static void
what_is_no_definition_is_refused(void **state)
{
    library_t    l;
    const void  *many[FKV_EXTENSION_DEFINITIONS_MAX + 2];

    (void) state;
    library_init(&l);

    REFUSE(l.metric.kind = 12,
           "it provides a definition of the unknown kind 12");
    REFUSE(l.metric.kind = 0,
           "it provides a definition of the unknown kind 0");
    REFUSE(l.metric.kind = FERROKV_KIND_FEED, "it provides a definition of the "
           "kind \"feed\", which this ferrokv does not have yet");
    REFUSE(l.metric.kind = FERROKV_KIND_BACKEND, "it provides a definition of "
           "the kind \"backend\", which this ferrokv does not have yet");
    REFUSE(l.metric.size = 8,
           "it provides a metric of 8 bytes, 32 are the least");

    ACCEPT(l.metric.kind = 12; l.metric.flags = FERROKV_OPTIONAL);
    ACCEPT(l.metric.kind = FERROKV_KIND_FEED;
           l.metric.flags = FERROKV_OPTIONAL);
    ACCEPT(l.metric.flags = FERROKV_OPTIONAL);

    for (unsigned i = 0; i <= FKV_EXTENSION_DEFINITIONS_MAX; i++) {
        many[i] = &l.metric;
    }

    many[FKV_EXTENSION_DEFINITIONS_MAX + 1] = NULL;
    REFUSE(l.extension.provides = many,
           "it provides more than 512 definitions");
    ACCEPT(l.extension.provides = NULL);
}


static void
names_belong_to_the_extension(void **state)
{
    library_t  l;

    (void) state;
    library_init(&l);

    REFUSE(l.type.name = "y", "a type is called \"y\", but its name is \"x\" "
           "or \"x.\" and [a-z0-9_]+, at most 63 bytes");
    REFUSE(l.metric.name = NULL, "a metric is called \"\", but its name is "
           "\"x\" or \"x.\" and [a-z0-9_]+, at most 63 bytes");
    REFUSE(l.command.name = "get", "a command is called \"get\", but the name "
           "of a command is [A-Z][A-Z0-9._-]*, at most 32 bytes");
    REFUSE(l.provides[7] = NULL; l.provides[5] = &l.metric,
           "it provides the metric \"x.m\" twice");
    REFUSE(l.provides[1] = &l.command,
           "it provides the command \"X.SET\" twice");
}


static void
what_is_looked_at_ahead_is_said_of_ones_own_command(void **state)
{
    library_t        l;
    fkv_extension_t  ext;
    ferrokv_ahead    ahead = { FERROKV_AHEAD, 0, "X.SET", no_names };

    (void) state;
    library_init(&l);
    l.provides[5] = &ahead;
    assert_int_equal(define(&l, &ext), FKV_OK);
    assert_ptr_equal(ext.commands[0].ahead, &ext.aheads[0]);
    assert_true(ext.commands[0].command.flags & FKV_COMMAND_AHEAD);
    fkv_extension_undefine(&ext);
    library_init(&l);

    REFUSE(l.provides[5] = &ahead; ahead.name = "X.GET",
           "it says what \"X.GET\" looks at ahead, but provides no such "
           "command with a key");
    REFUSE(l.provides[5] = &ahead; ahead.name = "x", "an ahead is called "
           "\"x\", but the name of a command is [A-Z][A-Z0-9._-]*, at most 32 "
           "bytes");
    ahead.name = "X.SET";
    REFUSE(l.provides[5] = &ahead; l.command.first_key = 0;
           l.command.last_key = 0; l.command.key_step = 0,
           "it says what \"X.SET\" looks at ahead, but provides no such "
           "command with a key");
    REFUSE(l.provides[4] = &ahead; l.provides[5] = &ahead,
           "it provides the ahead \"X.SET\" twice");
    REFUSE(l.provides[5] = &ahead; ahead.elements = NULL,
           "ahead of \"X.SET\" has no function");
}


static void
a_command_needs_a_sound_shape(void **state)
{
    library_t  l;

    (void) state;
    library_init(&l);

    REFUSE(l.command.flags = 0x40, "command \"X.SET\" has flags that this "
           "ferrokv does not know (0x40)");
    REFUSE(l.command.flags = FERROKV_READ | FERROKV_WRITE,
           "command \"X.SET\" says both FERROKV_READ and FERROKV_WRITE");
    REFUSE(l.command.flags = 0, "command \"X.SET\" has keys, but says neither "
           "FERROKV_READ nor FERROKV_WRITE");
    REFUSE(l.command.arity = 0, "command \"X.SET\" has the arity 0: it is 1 to "
           "1024, or -1 to -1024");
    REFUSE(l.command.arity = INT32_MIN, "command \"X.SET\" has the arity "
           "-2147483648: it is 1 to 1024, or -1 to -1024");
    REFUSE(l.command.call = NULL, "command \"X.SET\" has no function");
    REFUSE(l.command.first_key = 3, "command \"X.SET\": its first key is "
           "argument 3 of at least 3");
    REFUSE(l.command.first_key = -1, "command \"X.SET\": its first key is "
           "argument -1 of at least 3");
    REFUSE(l.command.first_key = 0, "command \"X.SET\" has a last key or a "
           "step between keys, but no first key");
    REFUSE(l.command.key_step = 0,
           "command \"X.SET\": the step between its keys is 0");
    REFUSE(l.command.last_key = 0, "command \"X.SET\": its last key is "
           "argument 0 of at least 3, its first is 1");
    REFUSE(l.command.last_key = INT32_MIN, "command \"X.SET\": its last key is "
           "argument -2147483648 of at least 3, its first is 1");

    ACCEPT(l.command.first_key = l.command.last_key = l.command.key_step = 0;
           l.command.flags = 0);
    ACCEPT(l.command.usage = l.command.summary = NULL);
}


static void
other_kinds_need_what_they_are_for(void **state)
{
    library_t  l;

    (void) state;
    library_init(&l);

    REFUSE(l.type.encver = 65536,
           "type \"x.point\" has the encver 65536, 65535 is the most");
    REFUSE(l.type.recode = NULL, "type \"x.point\" has the encver 1, but no "
           "recode for older ones");
    REFUSE(l.type.merge = "x.other", "type \"x.point\" names the merge "
           "operator \"x.other\", which it does not provide");
    REFUSE(l.merge.full = NULL, "merge operator \"x\" has no function full");
    REFUSE(l.worker.run = NULL, "worker \"x.w\" has no function");
    REFUSE(l.worker.every = 0, "worker \"x.w\" runs every 0 ms");
    REFUSE(l.extension.schema = l.extension.serves = 0;
           l.extension.needs = FERROKV_NEEDS_NET,
           "it has the worker \"x.w\", but does not say "
           "FERROKV_NEEDS_HELPER");
    REFUSE(l.metric.gauge = 2, "metric \"x.m\": gauge is 0 or 1, not 2");
    REFUSE(l.param.min = 11,
           "parameter \"x.p\" has a minimum, 11, above its maximum, 10");
    REFUSE(l.param.dflt = "x", "parameter \"x.p\" has the default \"x\", but "
           "it is a whole number");
}


static void
a_hook_needs_an_event_with_its_phase(void **state)
{
    library_t  l;

    (void) state;
    library_init(&l);

    ACCEPT(l.hook.event = FERROKV_ON_CALL; l.hook.phase = FERROKV_CHECK);
    ACCEPT(l.hook.event = FERROKV_ON_COMMIT; l.hook.phase = FERROKV_OBSERVE);
    ACCEPT(l.hook.event = FERROKV_ON_EXPIRE; l.hook.phase = FERROKV_OBSERVE);
    ACCEPT(l.hook.flags = FERROKV_REQUIRED; l.hook.prefix = NULL);

    REFUSE(l.hook.event = FERROKV_ON_CALL,
           "hook \"x.h\": ON_CALL has no phase REWRITE");
    REFUSE(l.hook.event = FERROKV_ON_COMMIT; l.hook.phase = FERROKV_CHECK,
           "hook \"x.h\": ON_COMMIT has no phase CHECK");
    REFUSE(l.hook.event = FERROKV_ON_EXPIRE,
           "hook \"x.h\": ON_EXPIRE has no phase REWRITE");
    REFUSE(l.hook.event = FERROKV_ON_MISS, "hook \"x.h\" is for ON_MISS, which "
           "this ferrokv does not have yet");
    REFUSE(l.hook.event = FERROKV_ON_COMPACT, "hook \"x.h\" is for ON_COMPACT, "
           "which this ferrokv does not have yet");
    REFUSE(l.hook.event = 8, "hook \"x.h\" is for the unknown event 8");
    REFUSE(l.hook.event = 0, "hook \"x.h\" is for the unknown event 0");
    REFUSE(l.hook.phase = 0, "hook \"x.h\" is for the unknown phase 0");
    REFUSE(l.hook.phase = 33, "hook \"x.h\" is for the unknown phase 33");
    REFUSE(l.hook.fn = NULL, "hook \"x.h\" has no function");
    REFUSE(l.hook.flags = FERROKV_REQUIRED; l.hook.event = FERROKV_ON_COMMIT;
           l.hook.phase = FERROKV_OBSERVE,
           "hook \"x.h\" is FERROKV_REQUIRED, which is for ON_WRITE");
}


/* A number that is likely to be near a limit. */
static uint32_t
random_number(uint64_t *random)
{
    uint64_t  n = check_random(random);

    switch (n % 4) {
    case 0:  return (uint32_t) (n >> 8) % 12;
    case 1:  return 1u << ((n >> 8) % 32);
    case 2:  return (uint32_t) -((n >> 8) % 4);
    default: return (uint32_t) (n >> 16);
    }
}


static const char *
random_name(uint64_t *random, char buf[80])
{
    static const char *const  names[] = {
        NULL, "", "x", "x.", "x.a", "x.m", "X", "X.SET", "y.a", "10", "on",
        "1k", "a|b", "|"
    };
    uint64_t  n = check_random(random);
    size_t    len = n % 79;

    if (n % 3 > 0) {
        return names[(n >> 8) % (sizeof(names) / sizeof(names[0]))];
    }

    for (size_t i = 0; i < len; i++) {
        buf[i] = (char) (check_random(random) >> 32);
    }

    buf[len] = '\0';
    return buf;
}


/* Numbers anywhere, but where a size says what may be read. */
static void
change(library_t *l, uint64_t *random, char buf[80])
{
    switch (check_random(random) % 26) {

    case 0:  l->command.flags = random_number(random);                  break;
    case 1:  l->command.arity = (int32_t) random_number(random);        break;
    case 2:  l->command.first_key = (int32_t) random_number(random);    break;
    case 3:  l->command.last_key = (int32_t) random_number(random);     break;
    case 4:  l->command.key_step = (int32_t) random_number(random);     break;
    case 5:  l->command.name = random_name(random, buf);                break;
    case 6:  l->type.encver = random_number(random);                    break;
    case 7:  l->type.merge = random_name(random, buf);                  break;
    case 8:  l->type.name = random_name(random, buf);                   break;
    case 9:  l->hook.event = random_number(random);                     break;
    case 10: l->hook.phase = random_number(random);                     break;
    case 11: l->hook.prefix = random_name(random, buf);                 break;
    case 12: l->worker.every = random_number(random);                   break;
    case 13: l->param.form = random_number(random);                     break;
    case 14: l->param.min = (int32_t) random_number(random);            break;
    case 15: l->param.max = (int32_t) random_number(random);            break;
    case 16: l->param.dflt = random_name(random, buf);                  break;
    case 17: l->param.values = random_name(random, buf);                break;
    case 18: l->metric.gauge = random_number(random);                   break;
    case 19: l->metric.kind = (uint16_t) random_number(random) % 7;     break;
    case 20: l->metric.flags = random_number(random);                   break;
    case 21: l->extension.needs = random_number(random);                break;
    case 22: l->extension.name = random_name(random, buf);              break;
    case 23: l->extension.serves = random_number(random);               break;
    case 24: l->extension.schema = random_number(random) % 3;           break;
    case 25: l->provides[check_random(random) % 7] =
                                   l->provides[check_random(random) % 7]; break;
    }
}


/* Wrong kinds read what is there: sizes are what is there. */
static void
sizes_fit(library_t *l)
{
    static const uint16_t  least[] = {
        [FERROKV_KIND_COMMAND] = sizeof(ferrokv_command),
        [FERROKV_KIND_TYPE] = sizeof(ferrokv_type),
        [FERROKV_KIND_MERGE] = sizeof(ferrokv_merge),
        [FERROKV_KIND_HOOK] = sizeof(ferrokv_hook),
        [FERROKV_KIND_WORKER] = sizeof(ferrokv_worker),
    };

    /* only metric has another kind: its size says that it is too small */
    if (l->metric.kind < sizeof(least) / sizeof(least[0])
        && l->metric.kind != 0 && l->metric.size >= least[l->metric.kind])
    {
        l->metric.size = (uint16_t) (least[l->metric.kind] - 1);
    }
}


static void
any_numbers_are_definitions_or_a_sentence(void **state)
{
    uint64_t         random = 20261122;
    unsigned         accepted = 0;
    char             bufs[4][80];
    library_t        l;
    fkv_extension_t  ext;

    (void) state;

    for (unsigned i = 0; i < ROUNDS; i++) {
        unsigned  n = 1 + check_random(&random) % 4;
        int       rc;

        library_init(&l);

        for (unsigned j = 0; j < n; j++) {
            change(&l, &random, bufs[j]);
        }

        sizes_fit(&l);
        l.error[0] = '\0';
        rc = define(&l, &ext);

        assert_true(rc == FKV_OK || rc == FKV_EINVAL);
        assert_true((rc == FKV_OK) == (l.error[0] == '\0'));
        accepted += (rc == FKV_OK);
        fkv_extension_undefine(&ext);
    }

    assert_true(accepted > ROUNDS / 100);
    assert_true(accepted < ROUNDS / 2);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(definitions_become_what_the_process_works_with),
        cmocka_unit_test(a_wrong_magic_is_refused),
        cmocka_unit_test(a_wrong_descriptor_is_refused),
        cmocka_unit_test(what_is_no_definition_is_refused),
        cmocka_unit_test(names_belong_to_the_extension),
        cmocka_unit_test(what_is_looked_at_ahead_is_said_of_ones_own_command),
        cmocka_unit_test(a_command_needs_a_sound_shape),
        cmocka_unit_test(other_kinds_need_what_they_are_for),
        cmocka_unit_test(a_hook_needs_an_event_with_its_phase),
        cmocka_unit_test(any_numbers_are_definitions_or_a_sentence),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
