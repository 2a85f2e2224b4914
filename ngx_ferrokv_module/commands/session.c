#include "commands/session.h"
#include "commands/check.h"
#include "commands/number.h"
#include "commands/transaction.h"
#include "rules/field.h"

#include <string.h>

#define DATABASES  16

static bool runs_at_once(const fkv_command_t *command);

static const char  wrong_password[] =
    "WRONGPASS invalid username-password pair or user is disabled.";


void
fkv_session_init(fkv_client_t *client)
{
    client->protocol = 2;
    client->authenticated = !client->password;
}


void
fkv_session_done(fkv_client_t *client)
{
    fkv_transaction_drop(&client->transaction);
}


int
fkv_session_begin(fkv_client_t *client, fkv_turn_t *turn)
{
    fkv_exec_t     *exec = &turn->exec;
    fkv_request_t  *request = &turn->request;

    turn->protocol = client->protocol;
    turn->mute = (client->reply != FKV_CLIENT_REPLY_ON);

    if (client->reply == FKV_CLIENT_REPLY_SKIP) {
        client->reply = FKV_CLIENT_REPLY_ON;
        turn->skipped = true;
    }

    exec->client = client;
    exec->ns = client->ns;
    exec->rights = client->rights;
    exec->after = client->after;
    exec->requests = request;
    exec->n = 1;

    if (fkv_command_check(&request->command, request->argv, request->argc,
                          client->rights, client, &exec->reply)
        != FKV_OK)
    {
        if (fkv_transaction_open(client)) {
            fkv_transaction_refuse(client, request->command, &exec->reply);
        }

        return FKV_OK;
    }

    if (fkv_transaction_open(client) && !runs_at_once(request->command)) {
        fkv_transaction_queue(client, request, &exec->reply);
        return FKV_OK;
    }

    if (!fkv_transaction_run(client, turn)) {
        turn->alone = (request->command->flags & FKV_COMMAND_SESSION) != 0;
    }

    return FKV_AGAIN;
}


void
fkv_session_placed(fkv_client_t *client, fkv_turn_t *turn)
{
    client->after = fkv__max(client->after, turn->exec.lsn);
}


void
fkv_session_end(fkv_client_t *client, fkv_turn_t *turn)
{
    fkv_transaction_drop(&turn->transaction);

    if (client == NULL || !turn->alone) {
        return;
    }

    /* it may have changed what follows, and how its own reply is sent */

    client->ns = turn->exec.ns;
    turn->protocol = client->protocol;

    if (!turn->skipped) {
        turn->mute = (client->reply == FKV_CLIENT_REPLY_OFF);
    }
}


/* Who is in charge can go on, or nobody could say UNPAUSE. */
bool
fkv_session_pauses(const fkv_client_t *client, const fkv_command_t *command,
    fkv_client_pause_e what)
{
    unsigned  flags = (command != NULL) ? command->flags : 0;

    if (command != NULL && fkv_transaction_is_exec(command)) {
        flags = (client->transaction != NULL) ? client->transaction->flags : 0;

    } else if (flags & FKV_COMMAND_SESSION) {
        return false;
    }

    return what == FKV_CLIENT_PAUSE_ALL || (flags & FKV_COMMAND_WRITE);
}


void
fkv_session_row(const fkv_client_t *client, fkv_client_row_t *row)
{
    const fkv_transaction_t  *transaction = client->transaction;

    row->ns = client->ns;
    row->protocol = client->protocol;
    row->monitors = client->monitors;
    row->no_evict = client->no_evict;
    row->closing = client->closing;
    row->multi = fkv_transaction_open(client) ? (int32_t) transaction->n : -1;
    row->multi_bytes = (transaction != NULL) ? transaction->bytes : 0;
    row->name_len = (uint32_t) client->name_len;
    memcpy(row->name, client->name, client->name_len);
}


static int
auth_call(fkv_call_t *call)
{
    fkv_client_t  *client = call->client;
    fkv_str_t      given = call->argv[call->argc - 1];
    bool           user = (call->argc == 2
                           || fkv_rules_same(call->argv[1],
                                             FKV_STR("default")));

    if (call->argc > 3) {
        return fkv_call_syntax(call);
    }

    if (!client->password) {
        if (call->argc == 2) {
            return fkv_call_fail(call, "ERR AUTH <password> called without any "
                                 "password configured for the default user. "
                                 "Are you sure your configuration is "
                                 "correct?");
        }

    } else if (!client->host->password(client, given)) {
        user = false;
    }

    if (!user) {
        return fkv_call_fail(call, "%s", wrong_password);
    }

    client->authenticated = true;
    fkv_reply_ok(call->reply);

    return FKV_OK;
}


typedef struct {
    int64_t     protocol;
    bool        auth;
    fkv_str_t   user;
    fkv_str_t   password;
    bool        named;
    fkv_str_t   name;
} hello_t;


static int
hello_options(fkv_call_t *call, hello_t *hello)
{
    unsigned  i = 2;

    while (i < call->argc) {
        unsigned  more = call->argc - i - 1;

        if (fkv_call_is(call, i, "AUTH") && more >= 2) {
            hello->auth = true;
            hello->user = call->argv[i + 1];
            hello->password = call->argv[i + 2];
            i += 3;

        } else if (fkv_call_is(call, i, "SETNAME") && more >= 1) {
            hello->named = true;
            hello->name = call->argv[i + 1];
            i += 2;

        } else {
            return fkv_call_fail(call,
                                 "ERR Syntax error in HELLO option '%.*s'",
                                 (int) fkv__min(call->argv[i].len, 128),
                                 (const char *) call->argv[i].data);
        }
    }

    return FKV_OK;
}


static int
hello_auth(fkv_call_t *call, const hello_t *hello)
{
    fkv_client_t  *client = call->client;

    if (hello->auth) {

        if (!fkv_rules_same(hello->user, FKV_STR("default"))
            || (client->password
                && !client->host->password(client, hello->password)))
        {
            return fkv_call_fail(call, "%s", wrong_password);
        }

        client->authenticated = true;
    }

    if (!client->authenticated) {
        return fkv_call_fail(call, "NOAUTH HELLO must be called with the "
                             "client already authenticated, otherwise the "
                             "HELLO <proto> AUTH <user> <pass> option can be "
                             "used to authenticate the client and select the "
                             "RESP protocol version at the same time");
    }

    return FKV_OK;
}


static void
hello_reply(fkv_call_t *call)
{
    fkv_reply_t         *reply = call->reply;
    const fkv_client_t  *client = call->client;

    fkv_reply_map(reply, 7);
    fkv_reply_cstr(reply, "server");
    fkv_reply_cstr(reply, "redis");
    fkv_reply_cstr(reply, "version");
    fkv_reply_cstr(reply, client->host->version);
    fkv_reply_cstr(reply, "proto");
    fkv_reply_int(reply, client->protocol);
    fkv_reply_cstr(reply, "id");
    fkv_reply_int(reply, (int64_t) client->id);
    fkv_reply_cstr(reply, "mode");
    fkv_reply_cstr(reply, "standalone");
    fkv_reply_cstr(reply, "role");
    fkv_reply_cstr(reply, "master");
    fkv_reply_cstr(reply, "modules");
    fkv_reply_array(reply, 0);
}


static int
hello_call(fkv_call_t *call)
{
    int            rc;
    hello_t        hello = { .protocol = call->client->protocol };
    fkv_client_t  *client = call->client;

    if (call->argc > 1
        && fkv_number_int(call->argv[1], &hello.protocol) != FKV_OK)
    {
        return fkv_call_fail(call, "ERR Protocol version is not an integer or "
                             "out of range");
    }

    if (hello.protocol < 2 || hello.protocol > 3) {
        return fkv_call_fail(call, "NOPROTO unsupported protocol version");
    }

    rc = hello_options(call, &hello);
    if (rc == FKV_OK) {
        rc = hello_auth(call, &hello);
    }

    if (rc == FKV_OK && hello.named) {
        rc = fkv_client_set_name(call, hello.name);
    }

    if (rc == FKV_OK) {
        client->protocol = (unsigned) hello.protocol;
        hello_reply(call);
    }

    return rc;
}


static int
select_call(fkv_call_t *call)
{
    int      rc;
    int64_t  n;

    rc = fkv_call_int(call, 1, &n);
    if (rc != FKV_OK) {
        return rc;
    }

    if (n < 0 || n >= DATABASES) {
        return fkv_call_fail(call, "ERR DB index is out of range");
    }

    call->ns = (unsigned) n;
    fkv_reply_ok(call->reply);

    return FKV_OK;
}


static int
reset_call(fkv_call_t *call)
{
    fkv_client_t  *client = call->client;

    fkv_transaction_drop(&client->transaction);

    if (client->monitors) {
        client->monitors = false;
        client->host->monitor(client, false);
    }

    client->name_len = 0;
    client->no_evict = false;
    client->reply = FKV_CLIENT_REPLY_ON;
    client->authenticated = !client->password;
    client->protocol = 2;
    call->ns = 0;
    fkv_reply_status(call->reply, "RESET");

    return FKV_OK;
}


static int
quit_call(fkv_call_t *call)
{
    call->client->closing = true;
    fkv_reply_ok(call->reply);

    return FKV_OK;
}


static int
ping_call(fkv_call_t *call)
{
    char  name[FKV_COMMAND_NAME_BYTES];

    if (call->argc > 2) {
        fkv_command_name(name, call->command, call->argv);
        return fkv_call_fail(call,
                             "ERR wrong number of arguments for '%s' command",
                             name);
    }

    if (call->argc == 2) {
        fkv_reply_str(call->reply, call->argv[1]);
    } else {
        fkv_reply_status(call->reply, "PONG");
    }

    return FKV_OK;
}


static int
echo_call(fkv_call_t *call)
{
    fkv_reply_str(call->reply, call->argv[1]);

    return FKV_OK;
}


static int
monitor_call(fkv_call_t *call)
{
    if (!call->client->monitors) {
        call->client->monitors = true;
        call->client->host->monitor(call->client, true);
    }

    fkv_reply_ok(call->reply);

    return FKV_OK;
}


static bool
runs_at_once(const fkv_command_t *command)
{
    return command->call == quit_call || command->call == reset_call
           || fkv_transaction_direct(command);
}


const fkv_command_t  fkv_commands_session[] = {
    { .name = "AUTH", .arity = -2,
      .flags = FKV_COMMAND_SESSION|FKV_COMMAND_NOAUTH,
      .call = auth_call, .group = "connection", .since = "1.0.0",
      .usage = "[username] password",
      .summary = "Authenticate to the server" },

    { .name = "HELLO", .arity = -1,
      .flags = FKV_COMMAND_SESSION|FKV_COMMAND_NOAUTH,
      .call = hello_call, .group = "connection", .since = "6.0.0",
      .usage = "[protover [AUTH username password] [SETNAME clientname]]",
      .summary = "Choose the protocol, and introduce the client" },

    { .name = "SELECT", .arity = 2, .flags = FKV_COMMAND_SESSION,
      .call = select_call, .group = "connection", .since = "1.0.0",
      .usage = "index", .summary = "Choose the database of the connection" },

    { .name = "RESET", .arity = 1,
      .flags = FKV_COMMAND_SESSION|FKV_COMMAND_NOAUTH,
      .call = reset_call, .group = "connection", .since = "6.2.0",
      .usage = "", .summary = "Make the connection as if it were new" },

    { .name = "QUIT", .arity = -1,
      .flags = FKV_COMMAND_SESSION|FKV_COMMAND_NOAUTH,
      .call = quit_call, .group = "connection", .since = "1.0.0",
      .usage = "", .summary = "Close the connection" },

    { .name = "PING", .arity = -1, .call = ping_call,
      .group = "connection", .since = "1.0.0", .usage = "[message]",
      .summary = "Ask whether somebody answers" },

    { .name = "ECHO", .arity = 2, .call = echo_call,
      .group = "connection", .since = "1.0.0", .usage = "message",
      .summary = "Get the message back" },

    { .name = "MONITOR", .arity = 1,
      .flags = FKV_COMMAND_SESSION|FKV_COMMAND_ADMIN|FKV_COMMAND_NOMULTI,
      .call = monitor_call, .group = "server", .since = "1.0.0",
      .usage = "", .summary = "See every request of every client" },

    { .name = NULL }
};
