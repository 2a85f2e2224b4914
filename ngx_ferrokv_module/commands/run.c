/*
 * run.c - requests become calls.
 */

#include "commands/run.h"
#include "commands/check.h"
#include "commands/count.h"
#include "commands/help.h"
#include "commands/listen.h"
#include "commands/wait.h"

#define KEYS_TOGETHER  16
#define ERROR_ROOM     2048


void
fkv__run_failed(fkv_reply_t *reply, int rc)
{
    fkv_reply_cut(reply, 0);

    switch (rc) {

    case FKV_CONFLICT:
    case FKV_GONE:
    case FKV_EBUSY:
        fkv_reply_error(reply, "TRYAGAIN too much has changed meanwhile, or "
                        "too many wait: try again");
        return;

    case FKV_EMAXSIZE:
    case FKV_EQUOTA:
        fkv_reply_error(reply, "OOM command not allowed when used memory > "
                        "'maxmemory'.");
        return;

    case FKV_EFULL:
        fkv_reply_error(reply, "OOM no space left on disk");
        return;

    case FKV_EREADONLY:
        fkv_reply_error(reply, "MISCONF the store is read-only since its log "
                        "could not be written, see the error log");
        return;

    case FKV_EDENIED:
        fkv_reply_error(reply, "NOPERM %s", fkv_code_text(rc));
        return;

    case FKV_WRONGTYPE:
        fkv_reply_error(reply, "WRONGTYPE Operation against a key holding the "
                        "wrong kind of value");
        return;

    case FKV_EMISSING:
        fkv_reply_error(reply, "EXTMISSING %s", fkv_code_text(rc));
        return;

    case FKV_ECORRUPT:
        fkv_reply_error(reply, "ERR corrupt data, see the error log");
        return;

    case FKV_EBOUND:
        fkv_reply_error(reply, "ERR it would take more memory than one "
                        "command may, its answer included (output_limit and "
                        "max_value together)");
        return;

    case FKV_ETOOBIG:
        fkv_reply_error(reply, "ERR too much for one transaction: at most %u "
                        "keys, and with their elements a quarter of a "
                        "memtable", FKV_BATCH_KEYS_MAX);
        return;
    }

    fkv_reply_error(reply, "ERR %s", fkv_code_text(rc));
}


int
fkv__run_why(const fkv__exec_t *own, int rc)
{
    return (rc == FKV_ENOMEM && fkv__txn_refused(&own->txn)) ? FKV_EBOUND
                                                             : rc;
}


static bool
key_valid(fkv_str_t key)
{
    return key.len > 0 && key.len <= FKV_KEY_BYTES_MAX;
}


/* FKV_OK · FKV_ENOMEM */
static int
keys_add(fkv__exec_t *own, unsigned ns, const fkv_command_t *command,
    const fkv_request_t *request, bool wanted)
{
    unsigned  first, last;

    fkv_command_keys(command, request->argc, &first, &last);

    for (unsigned i = first; i <= last; i += (unsigned) command->key_step) {
        fkv_str_t        name = request->argv[i];
        fkv__txn_key_t  *key;

        if (!key_valid(name)) {
            continue;
        }

        key = fkv__txn_key(&own->txn, ns, name, false);
        if (key == NULL) {
            return FKV_ENOMEM;
        }

        if (wanted) {
            key->quiet = (!key->wanted || key->quiet)
                         && (command->flags & FKV_COMMAND_QUIET);
            key->wanted = true;
            key->load |= !(command->flags & FKV_COMMAND_BARE);
        }
    }

    return FKV_OK;
}


static int
check(fkv__exec_t *own, unsigned i, const fkv_command_t **command,
    fkv_reply_t *reply)
{
    fkv_exec_t           *exec = own->exec;
    const fkv_request_t  *request = &exec->requests[i];

    if (request->command != NULL) {
        *command = request->command;
        return FKV_OK;
    }

    return fkv_command_check(command, request->argv, request->argc,
                             exec->rights, exec->client, reply);
}


/* Those of one that is wrong are not looked at; nor does it stop others. */
static int
commands_find(fkv__exec_t *own)
{
    fkv_exec_t  *exec = own->exec;

    own->commands = &own->one;

    if (exec->n > 1) {
        own->commands = fkv__memory_alloc(&own->txn.kept,
                                          exec->n * sizeof(*own->commands));

        if (own->commands == NULL) {
            return FKV_ENOMEM;
        }
    }

    for (unsigned i = 0; i < exec->n; i++) {
        if (check(own, i, &own->commands[i], &exec->reply) == FKV_OK) {
            own->txn.writes |= !!(own->commands[i]->flags & FKV_COMMAND_WRITE);
            own->txn.by_elements |= !!(own->commands[i]->flags
                                       & FKV_COMMAND_ELEMENTS);
            continue;
        }

        fkv_count_rejected(exec->server, own->commands[i], &exec->reply);
        own->commands[i] = NULL;

        if (!exec->multi) {
            return FKV_EINVAL;
        }

        fkv_reply_cut(&exec->reply, 0);
    }

    return FKV_OK;
}


/* All of them are looked at, one after the other. */
static void
keys_prefetch(const fkv__exec_t *own)
{
    const fkv__txn_t  *txn = &own->txn;
    fkv_str_t          names[KEYS_TOGETHER];
    unsigned           n = 0;

    for (unsigned i = 0; i < txn->n; i++) {
        names[n++] = txn->keys[i].key;

        if (n == KEYS_TOGETHER || i + 1 == txn->n) {
            fkv_prefetch(own->store, own->exec->ns, names, n, txn->writes);
            n = 0;
        }
    }
}


int
fkv__run_prepare(fkv__exec_t *own)
{
    fkv_exec_t  *exec = own->exec;
    int          rc = commands_find(own);

    own->txn.writes |= (exec->watches_n > 0);
    own->txn.undoable = exec->multi;

    for (unsigned i = 0; i < exec->n && rc == FKV_OK; i++) {
        const fkv_command_t  *command = own->commands[i];

        if (command != NULL) {
            rc = keys_add(own, exec->ns, command, &exec->requests[i],
                          !own->txn.writes
                          || !(command->flags & FKV_COMMAND_BLIND));
        }
    }

    if (own->txn.n > 1) {
        keys_prefetch(own);
    }

    return rc;
}


bool
fkv__run_blind(const fkv__exec_t *own)
{
    const fkv_exec_t  *exec = own->exec;

    for (unsigned i = 0; i < exec->n; i++) {
        const fkv_command_t  *command = own->commands[i];

        if (command != NULL && command->first_key != 0
            && !(command->flags & FKV_COMMAND_BLIND))
        {
            return false;
        }
    }

    return exec->watches_n == 0;
}


/* A frame of its own: what a jump finds here has not changed since. */
static int
call_run(fkv_call_t *call, const fkv__suspended_t *suspended)
{
    if (_setjmp(call->txn->escape) != 0) {
        return FKV_ENOMEM;
    }

    return suspended->over
           ? suspended->go_on(call, suspended->data, suspended->rc)
           : call->command->call(call);
}


/* FKV_OK · FKV_AGAIN · FKV_EINVAL, it has failed, and that is replied */
static int
run_one(fkv__exec_t *own, unsigned i, fkv_reply_t *reply)
{
    fkv_call_t           *call = &own->call;
    const fkv_request_t  *request = &own->exec->requests[i];
    int                   rc;

    if (own->commands[i] == NULL) {
        return check(own, i, &call->command, reply);
    }

    call->command = own->commands[i];
    call->argc = request->argc;
    call->argv = request->argv;
    call->reply = reply;

    /* Of a container itself, which may have something to call alone. */
    if (call->command->subs != NULL && call->argc > 1) {
        fkv_command_help(call->command, reply);
        return FKV_OK;
    }

    rc = (fkv__listener != NULL) ? fkv__listener->before(call) : FKV_OK;

    if (rc == FKV_OK) {
        rc = call_run(call, &own->suspended);
    }

    if (rc == FKV_OK) {
        rc = reply->rc;
    }

    /* What it asks for first it mostly asks for of all its keys. */
    if (rc == FKV_AGAIN
        && keys_add(own, call->ns, call->command, request, true) != FKV_OK)
    {
        rc = FKV_ENOMEM;
    }

    if (rc == FKV_OK || rc == FKV_AGAIN || rc == FKV_EINVAL) {
        return rc;
    }

    reply->rc = FKV_OK;
    fkv__run_failed(reply, fkv__run_why(own, rc));

    return FKV_EINVAL;
}


/* What is left for one of several; an error always has room. */
static size_t
reply_room(const fkv_reply_t *reply)
{
    size_t  len = reply->bytes.len;

    return (len + ERROR_ROOM < reply->max) ? reply->max - len : ERROR_ROOM;
}


static void
reply_append(fkv_reply_t *reply, const fkv_reply_t *each)
{
    if (reply->rc == FKV_OK) {
        reply->rc = (each->rc != FKV_OK)
                    ? each->rc
                    : fkv__buf_append(&reply->bytes, each->bytes.data,
                                      each->bytes.len);
    }
}


static int
run_several(fkv__exec_t *own)
{
    fkv_exec_t  *exec = own->exec;

    fkv_reply_array(&exec->reply, exec->n);

    for (unsigned i = 0; i < exec->n; i++) {
        int  rc;

        fkv_reply_cut(&own->each, 0);
        own->each.max = reply_room(&exec->reply);
        own->each.rc = FKV_OK;
        fkv__txn_mark(&own->txn);

        rc = run_one(own, i, &own->each);

        if (rc == FKV_AGAIN) {
            return FKV_AGAIN;
        }

        if (rc != FKV_OK) {
            fkv__txn_undo(&own->txn);
        }

        reply_append(&exec->reply, &own->each);
    }

    return FKV_OK;
}


int
fkv__run(fkv__exec_t *own)
{
    fkv_exec_t  *exec = own->exec;
    int          rc;

    fkv__txn_begin(&own->txn);
    fkv_reply_cut(&exec->reply, 0);
    exec->reply.rc = FKV_OK;
    own->call.ns = exec->ns;

    rc = exec->multi ? run_several(own) : run_one(own, 0, &exec->reply);

    if (rc != FKV_AGAIN && own->suspended.asked) {
        fkv__wait_drop(own);            /* it has answered all the same */
    }

    if (rc == FKV_EINVAL) {
        fkv__txn_drop(&own->txn);
        return FKV_OK;
    }

    return rc;
}
