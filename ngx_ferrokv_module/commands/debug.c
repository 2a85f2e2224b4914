/*
 * debug.c - DEBUG, as far as tests of client libraries go.
 */

#include "commands/encoding.h"
#include "commands/server.h"

#include <inttypes.h>
#include <stdio.h>

#define SLEEP_MAX_S  1000000.0


static int
debug_slept(fkv_call_t *call, void *data, int rc)
{
    (void) data;
    (void) rc;
    fkv_reply_ok(call->reply);

    return FKV_OK;
}


/* Other commands go on meanwhile, also those of this worker. */
static int
debug_sleep(fkv_call_t *call)
{
    long double  seconds;
    uint64_t     ms;

    if (fkv_number_real(call->argv[2], &seconds) != FKV_OK || seconds < 0) {
        seconds = 0;
    }

    ms = (uint64_t) (fkv__min(seconds, SLEEP_MAX_S) * 1000);

    if (ms > 0 && fkv_call_suspend(call, ms, debug_slept, NULL) != 0) {
        return FKV_AGAIN;
    }

    return debug_slept(call, NULL, FKV_OK);
}


static int
debug_object(fkv_call_t *call)
{
    fkv_call_value_t  value;
    char              line[160];
    int               rc = fkv_call_get_any(call, call->ns, call->argv[2],
                                            &value);

    if (rc == FKV_NOTFOUND) {
        return fkv_call_fail(call, "ERR no such key");
    }

    if (rc != FKV_OK) {
        return rc;
    }

    /* Redis' own fields: where it lies is nobody's business, nor is its age. */
    (void) snprintf(line, sizeof(line), "Value at:0x0 refcount:%" PRId64
                    " encoding:%s serializedlength:%zu lru:0 "
                    "lru_seconds_idle:0", fkv_encoding_refcount(&value),
                    fkv_encoding(call, &value), value.data.len);
    fkv_reply_status(call->reply, line);

    return FKV_OK;
}


/* Nobody sees what has expired, whoever has removed it. */
static int
debug_ok(fkv_call_t *call)
{
    fkv_reply_ok(call->reply);

    return FKV_OK;
}


static int
debug_reload(fkv_call_t *call)
{
    for (unsigned i = 2; i < call->argc; i++) {
        if (!fkv_call_is(call, i, "MERGE") && !fkv_call_is(call, i, "NOFLUSH")
            && !fkv_call_is(call, i, "NOSAVE"))
        {
            return fkv_call_fail(call, "ERR DEBUG RELOAD only supports the "
                                 "MERGE, NOFLUSH and NOSAVE options.");
        }
    }

    fkv_reply_ok(call->reply);

    return FKV_OK;
}


static const struct {
    const char    *name;
    int            arity;
    int          (*call)(fkv_call_t *call);
    const char    *usage;
    const char    *summary;
} subs[] = {
    { "OBJECT", 3, debug_object, "OBJECT <key>",
      "    What Redis would tell of a value." },
    { "RELOAD", -2, debug_reload, "RELOAD [option ...]",
      "    Nothing: all is on disk as it is." },
    { "SET-ACTIVE-EXPIRE", 3, debug_ok, "SET-ACTIVE-EXPIRE <0|1>",
      "    Nothing: what has expired is never seen." },
    { "SLEEP", 3, debug_sleep, "SLEEP <seconds>",
      "    Answers later; others are served meanwhile." }
};

#define SUBS  (sizeof(subs) / sizeof(subs[0]))


static int
debug_help(fkv_call_t *call)
{
    fkv_reply_array(call->reply, 2 * SUBS + 3);
    fkv_reply_status(call->reply, "DEBUG <subcommand> [<arg> [value] [opt] "
                     "...]. Subcommands are:");

    for (size_t i = 0; i < SUBS; i++) {
        fkv_reply_status(call->reply, subs[i].usage);
        fkv_reply_status(call->reply, subs[i].summary);
    }

    fkv_reply_status(call->reply, "HELP");
    fkv_reply_status(call->reply, "    Prints this help.");

    return FKV_OK;
}


/* In Redis it is no container, and its errors are others. */
static int
debug_call(fkv_call_t *call)
{
    if (call->argc == 2 && fkv_call_is(call, 1, "HELP")) {
        return debug_help(call);
    }

    for (size_t i = 0; i < SUBS; i++) {

        bool  fits = (subs[i].arity > 0)
                     ? call->argc == (unsigned) subs[i].arity
                     : call->argc >= (unsigned) -subs[i].arity;

        if (fits && fkv_call_is(call, 1, subs[i].name)) {
            return subs[i].call(call);
        }
    }

    return fkv_call_fail(call, "ERR unknown subcommand or wrong number of "
                         "arguments for '%.*s'. Try DEBUG HELP.",
                         (int) fkv__min(call->argv[1].len, 128),
                         (const char *) call->argv[1].data);
}


const fkv_command_t  fkv_commands_debug[] = {
    { .name = "DEBUG", .arity = -2,
      .flags = FKV_COMMAND_ADMIN | FKV_COMMAND_UNSEEN, .call = debug_call,
      .group = "server", .since = "1.0.0",
      .usage = "subcommand [arg [arg ...]]",
      .summary = "What tests of client libraries ask for" },
    { .name = NULL }
};
