#include "extensions/hook.h"
#include "extensions/answer.h"
#include "commands/listen.h"
#include "commands/txn.h"
#include "commands/types.h"
#include "base/bytes.h"

#include <stdio.h>
#include <string.h>

#define ADDED_MAX  256          /* changes by hooks in one update */

typedef struct {
    fkv_extension_t  *extension;
    ferrokv_hook      hook;
    size_t            prefix_len;
} listed_t;

struct fkv_hook_list_s {
    fkv_hook_list_t  *next;     /* of those that listen to commands */
    fkv_hook_list_t  *made;     /* the one that was made before */
    const fkv_t  *store;
    fkv_t        *handle;
    listed_t     *hooks;        /* in their order */
    unsigned      n;
    fkv_hooks_t   asked;
    int         (*guard)(void *data, fkv_update_t *update);     /* or NULL */
    void         *guard_data;
};

static fkv_hook_list_t  *listening;     /* of this process */
static fkv_hook_list_t  *lists;         /* likewise, all */

/* Of a type that is not here. */
static const ferrokv_type  unknown_type;


static int
order(const listed_t *a, const listed_t *b)
{
    return (a->hook.phase != b->hook.phase)
           ? (int) a->hook.phase - (int) b->hook.phase
           : (int) a->extension->index - (int) b->extension->index;
}


/* Behind those that come before it, and those that are its equals. */
static void
list_insert(fkv_hook_list_t *list, const listed_t *hook)
{
    unsigned  i = list->n++;

    while (i > 0 && order(hook, &list->hooks[i - 1]) < 0) {
        list->hooks[i] = list->hooks[i - 1];
        i--;
    }

    list->hooks[i] = *hook;
}


static bool
prefix_concerns(const listed_t *listed, fkv_str_t key, bool prefix)
{
    size_t  len = listed->prefix_len;

    if (prefix) {
        len = fkv__min(len, key.len);
    }

    return len <= key.len
           && (len == 0 || memcmp(key.data, listed->hook.prefix, len) == 0);
}


/* FERROKV_OK it is to be called · FERROKV_NONE passed over · refused */
static int
state_of(const fkv_hook_list_t *list, const listed_t *listed)
{
    bool  check = (listed->hook.phase == FERROKV_CHECK);

    switch (fkv_host_state(listed->extension, list->store)) {

    case FKV_HOST_READY:
        return FERROKV_OK;

    case FKV_HOST_ABSENT:
        return FERROKV_NONE;

    case FKV_HOST_DORMANT:
        return (check && (listed->hook.flags & FERROKV_REQUIRED))
               ? FERROKV_EMISSING : FERROKV_NONE;

    case FKV_HOST_LOADING:
    case FKV_HOST_QUARANTINED:
    case FKV_HOST_FAILED:
        return check ? FERROKV_EMISSING : FERROKV_NONE;
    }

    fkv__unreachable();
}


static uint32_t
place_of(const ferrokv_hook *hook)
{
    switch (hook->phase) {

    case FERROKV_CHECK:
        return FERROKV_IN_CHECK;

    case FERROKV_REWRITE:
        return FERROKV_IN_REWRITE;

    default:
        return FERROKV_IN_OBSERVE;
    }
}


typedef struct {
    const listed_t  *listed;
    ferrokv_event    event;
} ask_t;


static int
hook_run(fkv_host_t *host, void *data)
{
    ask_t  *ask = data;

    return ask->listed->hook.fn(&host->ctx, &ask->event);
}


static void
host_begin(const fkv_hook_list_t *list, const listed_t *listed,
    fkv_host_t *host, fkv__memory_t *memory, uint64_t now_ms)
{
    fkv_host_init(host, listed->extension, NULL, place_of(&listed->hook),
                  memory);
    fkv_host_in_store(host, list->store);
    host->ctx.now = now_ms;
}


/* What will be written by this change, as a hook sees it. */
static ferrokv_value
value_of(const fkv_hook_list_t *list, const fkv_change_t *change)
{
    const fkv_type_t  *type = fkv_types_by_id(fkv_types_of(list->store),
                                              change->type);
    ferrokv_value      value = { .data = fkv_host_out(change->value),
                                 .expires = change->expire_at };

    if (change->type != 0) {
        value.type = (type != NULL && type->def != NULL) ? type->def
                                                         : &unknown_type;
    }

    if (change->value.data == NULL) {
        value.data.len = 0;             /* it came bit by bit */
    }

    if (change->action == FKV_MERGE) {
        value.data = (ferrokv_str) { NULL, 0 };     /* nobody has read it */
    }

    return value;
}


static bool
is_own(const listed_t *listed, const ferrokv_type *def)
{
    if (def == NULL) {
        return true;
    }

    for (unsigned i = 0; i < listed->extension->types_n; i++) {
        if (listed->extension->types[i].def == def) {
            return true;
        }
    }

    return false;
}


/* The bytes, for as long as the update lasts.  FKV_OK · FKV_ENOMEM */
static int
keep(fkv_hook_more_t *more, ferrokv_str *data)
{
    fkv_str_t  str = fkv_host_in(*data);
    int        rc = (str.len > 0) ? fkv__memory_copy(&more->memory, &str)
                                  : FKV_OK;

    *data = fkv_host_out(str);

    return rc;
}


/* A REWRITE has changed the value. */
static int
rewrite(const fkv_hook_list_t *list, const listed_t *listed,
    fkv_hook_more_t *more, fkv_change_t *change, ferrokv_value *value)
{
    bool  same = (value->data.data == change->value.data
                  && value->data.len == change->value.len);

    change->expire_at = value->expires;

    if (same || change->upload != NULL) {
        return FKV_OK;
    }

    if ((value->data.data == NULL && value->data.len > 0)
        || value->data.len > fkv_options(list->store)->value_max
        || !is_own(listed, value->type))
    {
        return FKV_EINVAL;
    }

    if (keep(more, &value->data) != FKV_OK) {
        return FKV_ENOMEM;
    }

    change->value = (value->data.len > 0) ? fkv_host_in(value->data)
                                          : FKV_STR("");

    return FKV_OK;
}


static int
refuse(const listed_t *listed, fkv_hook_more_t *more, fkv_update_t *update,
    const char *said, int rc)
{
    char       text[FKV_REFUSAL_BYTES];
    fkv_str_t  str;

    if (said[0] != '\0') {
        (void) snprintf(text, sizeof(text), "%s", said);

    } else if (rc == FERROKV_EMISSING) {
        (void) snprintf(text, sizeof(text), "extension \"%s\", which has to "
                            "agree, does not work", listed->extension->name);

    } else {
        (void) snprintf(text, sizeof(text), "extension \"%s\" refuses it",
                            listed->extension->name);
    }

    str = (fkv_str_t) { (const uint8_t *) text, strlen(text) };

    if (fkv__memory_copy(&more->memory, &str) == FKV_OK) {
        update->refusal = str;
    }

    return FKV_EDENIED;
}


/* FKV_OK · what the update ends with */
static int
write_ask(const fkv_hook_list_t *list, const listed_t *listed,
    fkv_hook_more_t *more, fkv_update_t *update, fkv_change_t *change)
{
    ferrokv_value  value = value_of(list, change);
    ask_t          ask = { .listed = listed, .event = {
                               .event = FERROKV_ON_WRITE, .db = change->ns,
                               .key = fkv_host_out(change->key) } };
    char           said[FKV_REFUSAL_BYTES] = "";
    fkv__memory_t  memory = { .pieces = NULL };
    fkv_host_t     host;
    int            rc;

    if (change->action != FKV_DELETE) {
        ask.event.val = &value;
    }

    host_begin(list, listed, &host, &memory, update->now_ms);
    host.said = said;
    host.more = (listed->hook.phase == FERROKV_OBSERVE) ? more : NULL;
    rc = fkv_host_run(&host, hook_run, &ask);

    if (rc < 0 || host.rc != FKV_OK) {
        rc = refuse(listed, more, update, said, rc);

    } else if (listed->hook.phase == FERROKV_REWRITE
               && ask.event.val == &value)
    {
        rc = rewrite(list, listed, more, change, &value);

        if (rc == FKV_EINVAL) {
            rc = refuse(listed, more, update, "a hook made what is no value",
                        rc);
        }

    } else {
        rc = FKV_OK;
    }

    fkv__memory_done(&memory);

    return rc;
}


static bool
concerns(const listed_t *listed, unsigned event, const fkv_change_t *change)
{
    return listed->hook.event == event && change->ns < FKV_NAMESPACE_USERS
           && change->action != FKV_KEEP
           && (change->action != FKV_MERGE
               || listed->hook.phase != FERROKV_REWRITE)
           && prefix_concerns(listed, change->key, change->prefix);
}


/* Of an update that concerns nobody nothing is kept.  NULL: no memory. */
static fkv_hook_more_t *
more_of(const fkv_hook_list_t *list, fkv_update_t *update)
{
    fkv_hook_more_t  *more = update->hook;

    if (more == NULL) {
        more = fkv__zalloc(sizeof(*more));
    }

    if (more != NULL) {
        more->value_max = fkv_options(list->store)->blob_min - 1;
    }

    update->hook = more;

    return more;
}


static int
write_one(const fkv_hook_list_t *list, const listed_t *listed,
    fkv_update_t *update, fkv_change_t *change)
{
    fkv_hook_more_t  *more;
    int               rc = state_of(list, listed);

    if (rc == FERROKV_NONE) {
        return FKV_OK;
    }

    more = more_of(list, update);

    if (more == NULL) {
        return FKV_ENOMEM;
    }

    return (rc == FERROKV_OK)
           ? write_ask(list, listed, more, update, change)
           : refuse(listed, more, update, "", rc);
}


static int
on_write(void *data, fkv_update_t *update)
{
    const fkv_hook_list_t  *list = data;
    fkv_hook_more_t        *more = update->hook;

    if (more != NULL) {
        more->n = 0;                    /* an earlier try's */
    }

    if (list->guard != NULL) {

        int  rc = list->guard(list->guard_data, update);

        if (rc != FKV_OK) {
            return rc;
        }
    }

    for (unsigned i = 0; i < list->n; i++) {
        for (unsigned k = 0; k < update->n; k++) {

            int  rc = FKV_OK;

            if (concerns(&list->hooks[i], FERROKV_ON_WRITE,
                         &update->changes[k]))
            {
                rc = write_one(list, &list->hooks[i], update,
                               &update->changes[k]);
            }

            if (rc != FKV_OK) {
                return rc;
            }
        }
    }

    more = update->hook;

    if (more != NULL && more->n > 0) {
        update->more = more->changes;
        update->more_n = more->n;
    }

    return FKV_OK;
}


static void
tell(const fkv_hook_list_t *list, const listed_t *listed, ask_t *ask,
    uint64_t now_ms)
{
    fkv__memory_t  memory = { .pieces = NULL };
    fkv_host_t     host;

    if (state_of(list, listed) == FERROKV_OK) {
        host_begin(list, listed, &host, &memory, now_ms);
        (void) fkv_host_run(&host, hook_run, ask);
        fkv__memory_done(&memory);
    }
}


static void
on_commit(void *data, const fkv_update_t *update)
{
    const fkv_hook_list_t  *list = data;

    for (unsigned i = 0; i < list->n; i++) {
        for (unsigned k = 0; k < update->n; k++) {

            const fkv_change_t  *change = &update->changes[k];
            ferrokv_value        value = value_of(list, change);
            ask_t                ask = { .listed = &list->hooks[i], .event = {
                                             .event = FERROKV_ON_COMMIT,
                                             .db = change->ns,
                                             .key = fkv_host_out(change->key),
                                             .version = change->version } };

            if (concerns(&list->hooks[i], FERROKV_ON_COMMIT, change)) {
                ask.event.val = (change->action != FKV_DELETE) ? &value : NULL;
                tell(list, &list->hooks[i], &ask, update->now_ms);
            }
        }
    }
}


static void
on_end(void *data, fkv_update_t *update)
{
    fkv_hook_more_t  *more = update->hook;

    (void) data;

    if (more != NULL) {
        update->hook = NULL;
        update->more = NULL;
        update->more_n = 0;
        fkv__memory_done(&more->memory);
        fkv__free(more->changes);
        fkv__free(more);
    }
}


static void
on_expire(void *data, unsigned ns, fkv_str_t key)
{
    const fkv_hook_list_t  *list = data;
    const fkv_change_t      change = { .ns = ns, .key = key,
                                       .action = FKV_DELETE };

    for (unsigned i = 0; i < list->n; i++) {

        ask_t  ask = { .listed = &list->hooks[i], .event = {
                           .event = FERROKV_ON_EXPIRE, .db = ns,
                           .key = fkv_host_out(key) } };

        if (concerns(&list->hooks[i], FERROKV_ON_EXPIRE, &change)) {
            tell(list, &list->hooks[i], &ask, fkv_now_ms(list->store));
        }
    }
}


/* NULL: nobody listens in this store. */
static const fkv_hook_list_t *
list_of(const fkv_t *store)
{
    const fkv_hook_list_t  *list = listening;

    while (list != NULL && list->handle != store) {
        list = list->next;
    }

    return list;
}


static bool
listens(const listed_t *listed, unsigned phase, unsigned ns, fkv_str_t key)
{
    return listed->hook.event == FERROKV_ON_CALL
           && listed->hook.phase == phase && ns < FKV_NAMESPACE_USERS
           && prefix_concerns(listed, key, false);
}


/* FKV_OK · what the command is answered */
static int
call_ask(const fkv_hook_list_t *list, const listed_t *listed, fkv_call_t *call,
    fkv_str_t key)
{
    ask_t       ask = { .listed = listed, .event = {
                            .event = FERROKV_ON_CALL, .db = call->ns,
                            .key = fkv_host_out(key),
                            .command = call->command->name } };
    fkv_host_t  host;
    int         rc = state_of(list, listed);

    if (rc == FERROKV_NONE) {
        return FKV_OK;
    }

    if (rc != FERROKV_OK) {
        return fkv_call_fail(call, "NOPERM extension \"%s\", which has to "
                             "agree, does not work", listed->extension->name);
    }

    fkv_host_init(&host, listed->extension, call, FERROKV_IN_CHECK,
                  &call->txn->run);
    host.says = true;                   /* fail() answers, nothing else */
    host.owed = 0;
    rc = fkv_host_run(&host, hook_run, &ask);

    return (rc >= 0 && host.rc == FKV_OK) ? FKV_OK : fkv_answer(&host, rc);
}


static int
on_call(fkv_call_t *call)
{
    const fkv_hook_list_t  *list = list_of(call->store);
    fkv_str_t               key = fkv_listen_key(call->command, call->argc,
                                                 call->argv);
    int                     rc = FKV_OK;

    for (unsigned i = 0; list != NULL && i < list->n && rc == FKV_OK; i++) {
        if (listens(&list->hooks[i], FERROKV_CHECK, call->ns, key)) {
            rc = call_ask(list, &list->hooks[i], call, key);
        }
    }

    return rc;
}


static void
on_called(const fkv_heard_t *heard)
{
    const fkv_hook_list_t  *list = list_of(heard->store);

    for (unsigned i = 0; list != NULL && i < list->n; i++) {

        ask_t  ask = { .listed = &list->hooks[i], .event = {
                           .event = FERROKV_ON_CALL, .db = heard->ns,
                           .key = fkv_host_out(heard->key),
                           .command = heard->command->name,
                           .micros = heard->us,
                           .rc = heard->failed ? FERROKV_ERROR
                                               : FERROKV_OK } };

        if (listens(&list->hooks[i], FERROKV_OBSERVE, heard->ns, heard->key)) {
            tell(list, &list->hooks[i], &ask, heard->now_ms);
        }
    }
}


static const fkv_listener_t  listener = { on_call, on_called };


/* A helper's own commands are nobody's affair. */
static void
list_listen(fkv_hook_list_t *list)
{
    if (list->store == list->handle) {
        list->next = listening;
        listening = list;
        fkv_listen(&listener);
    }
}


static void
list_deafen(const fkv_hook_list_t *list)
{
    fkv_hook_list_t  **at = &listening;

    while (*at != NULL && *at != list) {
        at = &(*at)->next;
    }

    if (*at != NULL) {
        *at = list->next;
    }

    if (listening == NULL) {
        fkv_listen(NULL);
    }
}


static void
list_forget(const fkv_hook_list_t *list)
{
    fkv_hook_list_t  **at = &lists;

    while (*at != list) {
        at = &(*at)->made;
    }

    *at = list->made;
}


/* NULL: no memory, or no room. */
static fkv_change_t *
more_change(fkv_hook_more_t *more, fkv_str_t key)
{
    for (unsigned i = 0; i < more->n; i++) {
        if (fkv__str_eq(more->changes[i].key, key)) {
            return &more->changes[i];
        }
    }

    if (more->n == more->room) {

        unsigned       room = more->room ? 2 * more->room : 4;
        fkv_change_t  *changes;

        if (room > ADDED_MAX) {
            return NULL;
        }

        changes = fkv__realloc(more->changes, room * sizeof(*changes));

        if (changes == NULL) {
            return NULL;
        }

        more->changes = changes;
        more->room = room;
    }

    return &more->changes[more->n++];
}


int
fkv_hook_add(fkv_hook_more_t *more, fkv_str_t key, fkv_str_t value,
    uint64_t expire_at)
{
    bool           puts = (value.data != NULL);
    fkv_change_t  *change;

    if (value.len > more->value_max) {
        return FKV_ETOOBIG;
    }

    if (fkv__memory_copy(&more->memory, &key) != FKV_OK
        || (puts && fkv__memory_copy(&more->memory, &value) != FKV_OK))
    {
        return FKV_ENOMEM;
    }

    change = more_change(more, key);

    if (change == NULL) {
        return FKV_ETOOBIG;
    }

    *change = (fkv_change_t) {
        .ns = FKV_NAMESPACE_CATALOG, .key = key, .blind = true,
        .action = puts ? FKV_PUT : FKV_DELETE, .value = value,
        .expire_at = expire_at
    };

    return FKV_OK;
}


static bool
is_of_store(const fkv_extension_t *extension, const fkv_t *store)
{
    const fkv_host_store_t  *at = fkv_host_at(extension, store);

    return at != NULL && extension->hooks_n > 0;
}


static void
list_fill(fkv_hook_list_t *list, const fkv_extensions_t *set)
{
    for (unsigned i = 0; i < set->n; i++) {

        fkv_extension_t  *extension = set->list[i];

        if (!is_of_store(extension, list->store)) {
            continue;
        }

        for (unsigned k = 0; k < extension->hooks_n; k++) {

            listed_t  listed = { .extension = extension,
                                 .hook = extension->hooks[k] };

            if (listed.hook.prefix == NULL) {
                listed.hook.prefix = "";
            }

            listed.prefix_len = strlen(listed.hook.prefix);
            list_insert(list, &listed);

            if (listed.hook.event == FERROKV_ON_WRITE) {
                list->asked.write = on_write;
                list->asked.end = on_end;

            } else if (listed.hook.event == FERROKV_ON_COMMIT) {
                list->asked.commit = on_commit;

            } else if (listed.hook.event == FERROKV_ON_EXPIRE) {
                list->asked.expire = on_expire;
            }
        }
    }
}


int
fkv_hook_list_new(fkv_hook_list_t **to, fkv_t *handle, const fkv_t *store,
    const fkv_extensions_t *set)
{
    fkv_hook_list_t  *list;
    unsigned          n = 0;

    *to = NULL;

    for (unsigned i = 0; i < set->n; i++) {
        n += is_of_store(set->list[i], store) ? set->list[i]->hooks_n : 0;
    }

    if (n == 0) {
        return FKV_OK;
    }

    list = fkv__zalloc(sizeof(*list) + n * sizeof(listed_t));

    if (list == NULL) {
        return FKV_ENOMEM;
    }

    list->store = store;
    list->handle = handle;
    list->hooks = (listed_t *) (void *) (list + 1);
    list_fill(list, set);
    fkv_hook(handle, &list->asked, list);

    for (unsigned i = 0; i < list->n; i++) {
        if (list->hooks[i].hook.event == FERROKV_ON_CALL) {
            list_listen(list);
            break;
        }
    }

    list->made = lists;
    lists = list;
    *to = list;

    return FKV_OK;
}


void
fkv_hook_list_guard(fkv_hook_list_t *list,
    int (*guard)(void *data, fkv_update_t *update), void *data)
{
    list->guard = guard;
    list->guard_data = data;
    list->asked.write = on_write;
    list->asked.end = on_end;
}


void
fkv_hook_list_free(fkv_hook_list_t *list)
{
    if (list != NULL) {
        fkv_hook(list->handle, NULL, NULL);
        list_deafen(list);
        list_forget(list);
        fkv__free(list);
    }
}


const fkv_hook_list_t *
fkv_hook_list_of(const fkv_t *store)
{
    const fkv_hook_list_t  *list = lists;

    while (list != NULL && list->handle != store) {
        list = list->made;
    }

    return list;
}


const ferrokv_hook *
fkv_hook_list_at(const fkv_hook_list_t *list, unsigned i,
    const fkv_extension_t **extension)
{
    if (list == NULL || i >= list->n) {
        return NULL;
    }

    *extension = list->hooks[i].extension;

    return &list->hooks[i].hook;
}
