#include "commands/client.h"
#include "commands/number.h"
#include "commands/transaction.h"
#include "rules/field.h"

#include <stdio.h>
#include <string.h>

#define ROW_BYTES  1024         /* room for a line of CLIENT LIST */


int
fkv_client_set_name(fkv_call_t *call, fkv_str_t name)
{
    fkv_client_t  *client = call->client;

    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] < '!' || name.data[i] > '~') {
            return fkv_call_fail(call, "ERR Client names cannot contain "
                                 "spaces, newlines or special characters.");
        }
    }

    if (name.len > FKV_CLIENT_NAME_MAX) {
        return fkv_call_fail(call, "ERR Client names cannot be longer than "
                             "%d bytes.", FKV_CLIENT_NAME_MAX);
    }

    client->name_len = name.len;
    memcpy(client->name, name.data, name.len);

    return FKV_OK;
}


static const char *
row_flags(const fkv_client_row_t *row, char flags[8])
{
    size_t  n = 0;

    if (row->monitors) {
        flags[n++] = 'O';
    }

    if (row->multi >= 0) {
        flags[n++] = 'x';
    }

    if (row->closing) {
        flags[n++] = 'c';
    }

    if (row->no_evict) {
        flags[n++] = 'e';
    }

    if (n == 0) {
        flags[n++] = 'N';
    }

    flags[n] = '\0';

    return flags;
}


static int
text_len(const char *text, size_t size)
{
    return (int) strnlen(text, size);
}


static uint64_t
seconds_since(uint64_t now_ms, uint64_t then_ms)
{
    return (now_ms > then_ms) ? (now_ms - then_ms) / 1000 : 0;
}


/* Another process may be writing the row: every length is bounded here. */
static size_t
row_put(char out[ROW_BYTES], const fkv_client_row_t *row, uint64_t now_ms)
{
    char  flags[8];

    return (size_t) snprintf(out, ROW_BYTES,
        "id=%llu addr=%.*s laddr=%.*s fd=%d name=%.*s age=%llu idle=%llu "
        "flags=%s db=%u sub=0 psub=0 ssub=0 multi=%d qbuf=%llu qbuf-free=%llu "
        "argv-mem=0 multi-mem=%llu rbs=0 rbp=0 obl=%llu oll=0 omem=%llu "
        "tot-mem=%llu events=%s cmd=%.*s user=default redir=-1 resp=%u\n",
        (unsigned long long) row->id,
        text_len(row->addr, FKV_CLIENT_ADDR_SIZE), row->addr,
        text_len(row->laddr, FKV_CLIENT_ADDR_SIZE), row->laddr, row->fd,
        (int) fkv__min(row->name_len, FKV_CLIENT_NAME_MAX), row->name,
        (unsigned long long) seconds_since(now_ms, row->created_ms),
        (unsigned long long) seconds_since(now_ms, row->active_ms),
        row_flags(row, flags), row->ns, row->multi,
        (unsigned long long) row->query_bytes,
        (unsigned long long) row->query_free,
        (unsigned long long) row->multi_bytes,
        (unsigned long long) row->out_bytes,
        (unsigned long long) row->out_bytes,
        (unsigned long long) row->memory, row->out_bytes ? "rw" : "r",
        text_len(row->cmd, FKV_CLIENT_CMD_SIZE), row->cmd, row->protocol);
}


static int
id_call(fkv_call_t *call)
{
    fkv_reply_int(call->reply, (int64_t) call->client->id);

    return FKV_OK;
}


static int
info_call(fkv_call_t *call)
{
    char               text[ROW_BYTES];
    fkv_client_row_t   row;

    call->client->host->row(call->client, &row);

    fkv_reply_text(call->reply, (fkv_str_t) {
        (uint8_t *) text, row_put(text, &row, call->now_ms)
    });

    return FKV_OK;
}


typedef enum { TYPE_ANY, TYPE_NORMAL, TYPE_NONE } type_e;

/* What all rows are asked; what is not set asks nothing. */
typedef struct {
    fkv_call_t        *call;
    type_e             type;
    const fkv_str_t   *ids;         /* of CLIENT LIST ID */
    unsigned           ids_n;
    uint64_t           id;          /* of CLIENT KILL */
    fkv_str_t          addr;
    fkv_str_t          laddr;
    bool               skip_me;

    fkv__buf_t         text;        /* LIST: the rows; KILL: the ids */
    int                rc;
} filter_t;


/* There are no replicas and no subscribers. */
static int
filter_type(filter_t *filter, fkv_str_t type)
{
    static const char *const  none[] = {
        "master", "replica", "slave", "pubsub", NULL
    };

    filter->type = TYPE_NONE;

    if (fkv_rules_same(type, FKV_STR("normal"))) {
        filter->type = TYPE_NORMAL;
        return FKV_OK;
    }

    for (unsigned i = 0; none[i] != NULL; i++) {
        if (fkv_rules_same(type, (fkv_str_t) { (const uint8_t *) none[i],
                                               strlen(none[i]) }))
        {
            return FKV_OK;
        }
    }

    return fkv_call_fail(filter->call, "ERR Unknown client type '%.*s'",
                         (int) fkv__min(type.len, 128),
                         (const char *) type.data);
}


static bool
is_text(fkv_str_t wanted, const char *text, size_t size)
{
    return wanted.len == strnlen(text, size)
           && memcmp(wanted.data, text, wanted.len) == 0;
}


static bool
filter_has_id(const filter_t *filter, uint64_t id)
{
    int64_t  n;

    for (unsigned i = 0; i < filter->ids_n; i++) {
        (void) fkv_number_int(filter->ids[i], &n);

        if ((uint64_t) n == id) {
            return true;
        }
    }

    return filter->ids_n == 0;
}


static bool
filter_matches(const filter_t *filter, const fkv_client_row_t *row)
{
    return filter->type != TYPE_NONE
           && (filter->id == 0 || filter->id == row->id)
           && (filter->addr.data == NULL
               || is_text(filter->addr, row->addr, FKV_CLIENT_ADDR_SIZE))
           && (filter->laddr.data == NULL
               || is_text(filter->laddr, row->laddr, FKV_CLIENT_ADDR_SIZE))
           && !(filter->skip_me && row->id == filter->call->client->id)
           && filter_has_id(filter, row->id);
}


static bool
list_row(const fkv_client_row_t *row, void *data)
{
    char       text[ROW_BYTES];
    filter_t  *filter = data;

    if (filter_matches(filter, row)) {
        filter->rc = fkv__buf_append(&filter->text, text,
                            row_put(text, row, filter->call->now_ms));
    }

    return filter->rc == FKV_OK;
}


static int
list_filter(fkv_call_t *call, filter_t *filter)
{
    int64_t  n;

    if (call->argc == 2) {
        return FKV_OK;
    }

    if (call->argc == 4 && fkv_call_is(call, 2, "TYPE")) {
        return filter_type(filter, call->argv[3]);
    }

    if (call->argc < 4 || !fkv_call_is(call, 2, "ID")) {
        return fkv_call_syntax(call);
    }

    filter->ids = call->argv + 3;
    filter->ids_n = call->argc - 3;

    for (unsigned i = 0; i < filter->ids_n; i++) {
        if (fkv_number_int(filter->ids[i], &n) != FKV_OK || n < 1) {
            return fkv_call_fail(call, "ERR Invalid client ID");
        }
    }

    return FKV_OK;
}


static int
list_call(fkv_call_t *call)
{
    int       rc;
    filter_t  filter = { .call = call };

    rc = list_filter(call, &filter);
    if (rc != FKV_OK) {
        return rc;
    }

    call->client->host->each(call->client, list_row, &filter);

    if (filter.rc == FKV_OK) {
        fkv_reply_text(call->reply, fkv__buf_str(&filter.text));
    }

    fkv__buf_done(&filter.text);

    return filter.rc;
}


static bool
kill_row(const fkv_client_row_t *row, void *data)
{
    filter_t  *filter = data;

    if (filter_matches(filter, row)) {
        filter->rc = fkv__buf_append(&filter->text, &row->id,
                                     sizeof(row->id));
    }

    return filter->rc == FKV_OK;
}


/* Who kills itself gets its answer. */
static unsigned
kill_matching(filter_t *filter)
{
    unsigned       killed = 0;
    fkv_client_t  *client = filter->call->client;

    client->host->each(client, kill_row, filter);

    for (size_t at = 0; at < filter->text.len; at += sizeof(uint64_t)) {
        uint64_t  id;

        memcpy(&id, filter->text.data + at, sizeof(id));

        if (id == client->id) {
            client->closing = true;
            killed++;
        } else if (client->host->kill(client, id)) {
            killed++;
        }
    }

    fkv__buf_done(&filter->text);

    return killed;
}


static int
kill_option(filter_t *filter, unsigned i)
{
    int64_t      n;
    fkv_call_t  *call = filter->call;
    fkv_str_t    value = call->argv[i + 1];

    if (fkv_call_is(call, i, "ID")) {
        if (fkv_number_int(value, &n) != FKV_OK || n < 1) {
            return fkv_call_fail(call,
                                 "ERR client-id should be greater than 0");
        }

        filter->id = (uint64_t) n;

    } else if (fkv_call_is(call, i, "TYPE")) {
        return filter_type(filter, value);

    } else if (fkv_call_is(call, i, "ADDR")) {
        filter->addr = value;

    } else if (fkv_call_is(call, i, "LADDR")) {
        filter->laddr = value;

    } else if (fkv_call_is(call, i, "USER")) {
        if (!fkv_rules_same(value, FKV_STR("default"))) {
            return fkv_call_fail(call, "ERR No such user '%.*s'",
                                 (int) fkv__min(value.len, 128),
                                 (const char *) value.data);
        }

    } else if (fkv_call_is(call, i, "SKIPME")) {
        filter->skip_me = fkv_call_is(call, i + 1, "yes");

        if (!filter->skip_me && !fkv_call_is(call, i + 1, "no")) {
            return fkv_call_syntax(call);
        }

    } else {
        return fkv_call_syntax(call);
    }

    return FKV_OK;
}


static int
kill_address(fkv_call_t *call)
{
    filter_t  filter = { .call = call, .addr = call->argv[2] };

    if (kill_matching(&filter) == 0) {
        return fkv_call_fail(call, "ERR No such client");
    }

    fkv_reply_ok(call->reply);

    return FKV_OK;
}


static int
kill_call(fkv_call_t *call)
{
    int       rc;
    filter_t  filter = { .call = call, .skip_me = true };

    if (call->argc == 3) {
        return kill_address(call);
    }

    for (unsigned i = 2; i < call->argc; i += 2) {
        rc = (i + 1 < call->argc) ? kill_option(&filter, i)
                                  : fkv_call_syntax(call);
        if (rc != FKV_OK) {
            return rc;
        }
    }

    fkv_reply_int(call->reply, kill_matching(&filter));

    return FKV_OK;
}


static int
getname_call(fkv_call_t *call)
{
    const fkv_client_t  *client = call->client;

    if (client->name_len == 0) {
        fkv_reply_null(call->reply);
    } else {
        fkv_reply_str(call->reply, (fkv_str_t) {
            (const uint8_t *) client->name, client->name_len
        });
    }

    return FKV_OK;
}


static int
setname_call(fkv_call_t *call)
{
    int  rc = fkv_client_set_name(call, call->argv[2]);

    if (rc == FKV_OK) {
        fkv_reply_ok(call->reply);
    }

    return rc;
}


static int
no_evict_call(fkv_call_t *call)
{
    bool  on = fkv_call_is(call, 2, "on");

    if (!on && !fkv_call_is(call, 2, "off")) {
        return fkv_call_syntax(call);
    }

    call->client->no_evict = on;
    fkv_reply_ok(call->reply);

    return FKV_OK;
}


static int
pause_call(fkv_call_t *call)
{
    int64_t             ms;
    fkv_client_t       *client = call->client;
    fkv_client_pause_e  what = FKV_CLIENT_PAUSE_ALL;

    if (call->argc > 4) {
        return fkv_call_syntax(call);
    }

    if (call->argc == 4) {
        if (fkv_call_is(call, 3, "WRITE")) {
            what = FKV_CLIENT_PAUSE_WRITE;

        } else if (!fkv_call_is(call, 3, "ALL")) {
            return fkv_call_fail(call,
                                 "ERR CLIENT PAUSE mode must be WRITE or ALL");
        }
    }

    if (fkv_number_int(call->argv[2], &ms) != FKV_OK) {
        return fkv_call_fail(call,
                             "ERR timeout is not an integer or out of range");
    }

    if (ms < 0) {
        return fkv_call_fail(call, "ERR timeout is negative");
    }

    client->host->pause(client, (uint64_t) ms, what);
    fkv_reply_ok(call->reply);

    return FKV_OK;
}


static int
unpause_call(fkv_call_t *call)
{
    call->client->host->pause(call->client, 0, FKV_CLIENT_PAUSE_ALL);
    fkv_reply_ok(call->reply);

    return FKV_OK;
}


/* OFF and SKIP are not answered themselves. */
static int
reply_call(fkv_call_t *call)
{
    fkv_client_t  *client = call->client;

    if (fkv_call_is(call, 2, "ON")) {
        client->reply = FKV_CLIENT_REPLY_ON;
        fkv_reply_ok(call->reply);

    } else if (fkv_call_is(call, 2, "OFF")) {
        client->reply = FKV_CLIENT_REPLY_OFF;

    } else if (!fkv_call_is(call, 2, "SKIP")) {
        return fkv_call_syntax(call);

    } else if (client->reply != FKV_CLIENT_REPLY_OFF) {
        client->reply = FKV_CLIENT_REPLY_SKIP;
    }

    return FKV_OK;
}


#define SUB(sub, n, function, version, text, what)                            \
    { .name = sub, .arity = n, .flags = FKV_COMMAND_SESSION,                  \
      .call = function, .group = "connection", .since = version,              \
      .usage = text, .summary = what }

static const fkv_command_t  subs[] = {
    SUB("GETNAME", 2, getname_call, "2.6.9", "", "The connection's name"),
    SUB("ID", 2, id_call, "5.0.0", "", "The connection's id"),
    SUB("INFO", 2, info_call, "6.2.0", "", "What is known of the connection"),
    SUB("KILL", -3, kill_call, "2.4.0",
        "ip:port | [ID client-id] [TYPE type] [USER username] [ADDR ip:port] "
        "[LADDR ip:port] [SKIPME yes/no]", "Close connections"),
    SUB("LIST", -2, list_call, "2.4.0", "[TYPE type] [ID client-id ...]",
        "What is known of all connections"),
    SUB("NO-EVICT", 3, no_evict_call, "7.0.0", "ON | OFF",
        "Accepted, for a connection is never evicted"),
    SUB("PAUSE", -3, pause_call, "3.0.0", "timeout [WRITE | ALL]",
        "Let the requests of all connections wait"),
    SUB("REPLY", 3, reply_call, "3.2.0", "ON | OFF | SKIP",
        "Whether replies are sent"),
    SUB("SETNAME", 3, setname_call, "2.6.9", "connection-name",
        "Name the connection"),
    SUB("UNPAUSE", 2, unpause_call, "6.2.0", "",
        "Let the requests of all connections go on"),
    { .name = NULL }
};

const fkv_command_t  fkv_commands_client[] = {
    { .name = "CLIENT", .arity = -2, .flags = FKV_COMMAND_SESSION,
      .group = "connection", .since = "2.4.0", .usage = "",
      .summary = "Commands about connections", .subs = subs },

    { .name = NULL }
};
