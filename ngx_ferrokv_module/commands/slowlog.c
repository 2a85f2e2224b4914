/*
 * slowlog.c - SLOWLOG: commands that took long, of all processes.
 */

#include "commands/number.h"
#include "commands/server.h"

#define GET_DEFAULT  10


/* FKV_OK · FKV_NOTFOUND its place holds something else, or half of it */
static int
reply_entry(fkv_call_t *call, uint64_t id)
{
    fkv_slow_entry_shm_t  entry;
    fkv_str_t             text[FKV_SLOW_ARGS + 2];
    size_t                at = 0;

    if (fkv_slow_read(&call->server->meter->shm->slow, id, &entry) != FKV_OK) {
        return FKV_NOTFOUND;
    }

    for (unsigned i = 0; i < entry.argc + 2; i++) {
        if (fkv_slow_text(&entry, &at, &text[i]) != FKV_OK) {
            return FKV_NOTFOUND;
        }
    }

    fkv_reply_array(call->reply, 6);
    fkv_reply_int(call->reply, (int64_t) entry.id);
    fkv_reply_int(call->reply, (int64_t) (entry.time_ms / 1000));
    fkv_reply_int(call->reply, (int64_t) entry.usec);
    fkv_reply_array(call->reply, entry.argc);

    for (unsigned i = 0; i < entry.argc + 2; i++) {
        fkv_reply_str(call->reply, text[i]);
    }

    return FKV_OK;
}


static int
slowlog_get(fkv_call_t *call)
{
    int64_t   wanted = GET_DEFAULT;
    uint64_t  first, id = fkv_slow_range(&call->server->meter->shm->slow,
                                         &first);
    size_t    begin, n = 0;

    if (call->argc > 3) {
        return fkv_call_fail(call, "ERR unknown subcommand or wrong number of "
                             "arguments for '%.*s'. Try SLOWLOG HELP.",
                             (int) call->argv[1].len,
                             (const char *) call->argv[1].data);
    }

    if (call->argc == 3
        && (fkv_number_int(call->argv[2], &wanted) != FKV_OK || wanted < -1))
    {
        return fkv_call_fail(call, "ERR count should be greater than or equal "
                             "to -1");
    }

    begin = fkv_reply_array_begin(call->reply);

    while (id > first && (wanted < 0 || n < (uint64_t) wanted)) {
        n += (reply_entry(call, --id) == FKV_OK);
    }

    fkv_reply_array_end(call->reply, begin, n);

    return FKV_OK;
}


static int
slowlog_len(fkv_call_t *call)
{
    uint64_t  first, next = fkv_slow_range(&call->server->meter->shm->slow,
                                           &first);

    fkv_reply_int(call->reply, (int64_t) (next - first));

    return FKV_OK;
}


static int
slowlog_reset(fkv_call_t *call)
{
    fkv_slow_reset(&call->server->meter->shm->slow);
    fkv_reply_ok(call->reply);

    return FKV_OK;
}


static const fkv_command_t  subs[] = {
    { .name = "GET", .arity = -2, .flags = FKV_COMMAND_ADMIN,
      .call = slowlog_get, .group = "server", .since = "2.2.12",
      .usage = "[count]",
      .summary = "The newest entries (10; -1: all): id, time, microseconds, "
                 "arguments, client's address and name" },
    { .name = "LEN", .arity = 2, .flags = FKV_COMMAND_ADMIN,
      .call = slowlog_len, .group = "server", .since = "2.2.12",
      .summary = "How many entries there are" },
    { .name = "RESET", .arity = 2, .flags = FKV_COMMAND_ADMIN,
      .call = slowlog_reset, .group = "server", .since = "2.2.12",
      .summary = "Forgets all entries" },
    { .name = NULL }
};

const fkv_command_t  fkv_commands_slowlog[] = {
    { .name = "SLOWLOG", .arity = -2, .subs = subs, .group = "server",
      .since = "2.2.12",
      .summary = "Container of commands about commands that took long" },
    { .name = NULL }
};
