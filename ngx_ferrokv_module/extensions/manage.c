#include "extensions/manage.h"
#include "extensions/drop.h"
#include "extensions/edit.h"
#include "extensions/hook.h"
#include "extensions/host.h"
#include "extensions/set.h"
#include "base/bytes.h"

#include <string.h>

typedef struct {
    const fkv_catalog_t  *catalog;
    size_t                n;
} list_t;

/* Of the types of an extension that is to be dropped. */
typedef struct {
    uint64_t    n;
    fkv_str_t   first;
    unsigned    db;             /* of the first */
    unsigned    ns;             /* that is looked at */
} values_t;


static fkv_str_t
str_of(const char *text)
{
    return (fkv_str_t) { (const uint8_t *) text, strlen(text) };
}


static const char *
state_text(const fkv_catalog_t *catalog, const fkv_installed_t *in,
    const fkv_extension_t *extension)
{
    fkv_stands_e  stands;

    if (in == NULL) {
        return "not installed";
    }

    if (in->state != FKV_INSTALLED) {
        return fkv_installed_text(in->state);
    }

    if (extension == NULL) {
        return "missing";
    }

    switch (fkv_host_state(extension, catalog->store)) {

    case FKV_HOST_QUARANTINED:
        return "quarantined";

    case FKV_HOST_FAILED:
        return "failed";

    default:
        break;
    }

    stands = fkv_catalog_stands(in, extension, false);

    return (stands == FKV_STANDS_DORMANT) ? "dormant"
           : (stands == FKV_STANDS_BEHIND) ? "behind" : "installed";
}


static void
describe_names(fkv_reply_t *reply, const char *what,
    const fkv_installed_t *in, uint64_t kind)
{
    size_t  begin, n = 0;

    fkv_reply_cstr(reply, what);
    begin = fkv_reply_array_begin(reply);

    for (unsigned i = 0; in != NULL && i < in->defs_n; i++) {
        if (in->defs[i].kind == kind) {
            fkv_reply_str(reply, in->defs[i].name);
            n++;
        }
    }

    fkv_reply_array_end(reply, begin, n);
}


static const char *
event_text(uint64_t event)
{
    static const char *const  texts[] = {
        [FERROKV_ON_CALL] = "call",
        [FERROKV_ON_WRITE] = "write",
        [FERROKV_ON_COMMIT] = "commit",
        [FERROKV_ON_EXPIRE] = "expire"
    };

    return (event < sizeof(texts) / sizeof(texts[0]) && texts[event] != NULL)
           ? texts[event] : "?";
}


static const char *
phase_text(uint64_t phase)
{
    return (phase == FERROKV_CHECK) ? "check"
           : (phase == FERROKV_REWRITE) ? "rewrite" : "observe";
}


/* "check write user:*" */
static void
hook_text(fkv_text_t *text, uint64_t phase, uint64_t event, fkv_str_t prefix,
    uint64_t flags)
{
    fkv_text_add(text, "%s %s %.*s*%s", phase_text(phase), event_text(event),
                 (int) prefix.len, (const char *) prefix.data,
                 (flags & FERROKV_REQUIRED) ? " required" : "");
}


/* In the order in which they are called. */
static void
describe_hooks(fkv_reply_t *reply, const fkv_installed_t *in)
{
    size_t  begin, n = 0;

    fkv_reply_cstr(reply, "hooks");
    begin = fkv_reply_array_begin(reply);

    for (uint64_t phase = FERROKV_CHECK; phase <= FERROKV_OBSERVE; phase++) {
        for (unsigned i = 0; in != NULL && i < in->defs_n; i++) {

            const fkv_installed_def_t  *def = &in->defs[i];
            fkv_text_t                  text = { .rc = FKV_OK };

            if (def->kind != FERROKV_KIND_HOOK || def->phase != phase) {
                continue;
            }

            hook_text(&text, phase, def->event, def->prefix, def->flags);
            fkv_reply_str(reply, fkv__buf_str(&text.buf));
            fkv_text_done(&text);
            n++;
        }
    }

    fkv_reply_array_end(reply, begin, n);
}


static void
describe_library(fkv_reply_t *reply, const fkv_extension_t *extension)
{
    fkv_reply_cstr(reply, "library");

    if (extension == NULL) {
        fkv_reply_null(reply);
        return;
    }

    fkv_reply_map(reply, 5);
    fkv_reply_cstr(reply, "version");
    fkv_reply_cstr(reply, extension->version);
    fkv_reply_cstr(reply, "schema");
    fkv_reply_int(reply, (int64_t) extension->schema);
    fkv_reply_cstr(reply, "file");
    fkv_reply_cstr(reply, extension->file != NULL ? extension->file : "");
    fkv_reply_cstr(reply, "order");
    fkv_reply_int(reply, (int64_t) extension->index + 1);
    fkv_reply_cstr(reply, "stores");
    fkv_reply_array(reply, extension->stores_n);

    for (unsigned i = 0; i < extension->stores_n; i++) {
        fkv_reply_str(reply, extension->stores[i]);
    }
}


/* Of all processes, since the store was opened. */
static void
describe_figures(fkv_reply_t *reply, const fkv_catalog_t *catalog,
    const fkv_extension_t *extension)
{
    fkv_shared_state_t   state;
    fkv_shared_figure_t  figure;
    unsigned             n = 0;

    fkv_reply_cstr(reply, "figures");

    if (extension == NULL
        || !fkv_host_figures(extension, catalog->store, &state))
    {
        fkv_reply_null(reply);
        return;
    }

    fkv_reply_map(reply, 4);
    fkv_reply_cstr(reply, "crashes");
    fkv_reply_int(reply, (int64_t) state.crashes);
    fkv_reply_cstr(reply, "slow");
    fkv_reply_int(reply, (int64_t) state.slow);
    fkv_reply_cstr(reply, "memory");
    fkv_reply_int(reply, (int64_t) state.kept);
    fkv_reply_cstr(reply, "metrics");

    for (unsigned i = 0; i < extension->metrics_n; i++) {
        n += fkv_host_metric(extension, catalog->store, i, &figure);
    }

    fkv_reply_map(reply, n);

    for (unsigned i = 0; i < extension->metrics_n; i++) {
        if (fkv_host_metric(extension, catalog->store, i, &figure)) {
            fkv_reply_cstr(reply, figure.name);
            fkv_reply_int(reply, figure.value);
        }
    }
}


/* Values that it has died of, and that are not asked for any more. */
static void
describe_aside(fkv_reply_t *reply, const fkv_catalog_t *catalog,
    const fkv_extension_t *extension)
{
    fkv_poison_said_t  said;
    char               key[FKV_POISON_KEY_BYTES];
    size_t             begin, n = 0;

    fkv_reply_cstr(reply, "aside");
    begin = fkv_reply_array_begin(reply);

    for (unsigned i = 0; extension != NULL && i < FKV_POISON_ROWS; i++) {

        if (!fkv_host_aside(extension, catalog->store, i, &said)) {
            continue;
        }

        fkv_poison_key(&said, key);
        fkv_reply_map(reply, 4);
        fkv_reply_cstr(reply, "key");
        fkv_reply_cstr(reply, key);
        fkv_reply_cstr(reply, "database");
        fkv_reply_int(reply, said.ns);
        fkv_reply_cstr(reply, "function");
        fkv_reply_cstr(reply, said.fn);
        fkv_reply_cstr(reply, "deaths");
        fkv_reply_int(reply, (int64_t) said.deaths);
        n++;
    }

    fkv_reply_array_end(reply, begin, n);
}


void
fkv_manage_describe(fkv_reply_t *reply, const fkv_catalog_t *catalog,
    const fkv_installed_t *in, const fkv_extension_t *extension)
{
    static const fkv_installed_t  nothing;
    const fkv_installed_t        *as = (in != NULL) ? in : &nothing;

    fkv_reply_map(reply, 13);
    fkv_reply_cstr(reply, "name");
    fkv_reply_str(reply, in != NULL ? in->name : str_of(extension->name));
    fkv_reply_cstr(reply, "version");
    fkv_reply_str(reply, as->version);
    fkv_reply_cstr(reply, "schema");
    fkv_reply_int(reply, (int64_t) as->schema);
    fkv_reply_cstr(reply, "state");
    fkv_reply_cstr(reply, state_text(catalog, in, extension));
    fkv_reply_cstr(reply, "cursor");
    fkv_reply_int(reply, (int64_t) as->cursor);
    fkv_reply_cstr(reply, "absent_since");
    fkv_reply_int(reply, (int64_t) as->absent);
    describe_names(reply, "types", in, FERROKV_KIND_TYPE);
    describe_names(reply, "commands", in, FERROKV_KIND_COMMAND);
    describe_hooks(reply, in);
    fkv_reply_cstr(reply, "problem");
    fkv_reply_str(reply, as->problem);
    describe_library(reply, extension);
    describe_figures(reply, catalog, extension);
    describe_aside(reply, catalog, extension);
}


/* Those that may be installed here, and are not. */
static size_t
describe_others(fkv_reply_t *reply, const fkv_catalog_t *catalog,
    bool (*is_there)(void *data, fkv_str_t name), void *data)
{
    const fkv_extensions_t  *loaded = catalog->loaded;
    size_t                   n = 0;

    for (unsigned i = 0; loaded != NULL && i < loaded->n; i++) {

        fkv_str_t               name = str_of(loaded->list[i]->name);
        const fkv_extension_t  *extension = fkv_catalog_loaded(catalog, name);

        if (extension != NULL && !is_there(data, name)) {
            fkv_manage_describe(reply, catalog, NULL, extension);
            n++;
        }
    }

    return n;
}


static bool
is_known(void *data, fkv_str_t name)
{
    return fkv_catalog_find(data, name) != NULL;
}


void
fkv_manage_list(fkv_reply_t *reply, const fkv_catalog_t *catalog)
{
    size_t  begin = fkv_reply_array_begin(reply), n;

    for (n = 0; n < catalog->records.n; n++) {

        const fkv_catalog_entry_t  *entry = &catalog->records.entries[n];

        fkv_manage_describe(reply, catalog, &entry->in, entry->extension);
    }

    n += describe_others(reply, catalog, is_known,
                         (void *) (uintptr_t) catalog);
    fkv_reply_array_end(reply, begin, n);
}


void
fkv_manage_hooks(fkv_reply_t *reply, const fkv_t *store)
{
    const fkv_hook_list_t  *list = fkv_hook_list_of(store);
    const fkv_extension_t  *extension;
    const ferrokv_hook     *hook;
    size_t                  begin = fkv_reply_array_begin(reply);
    unsigned                i;

    for (i = 0; (hook = fkv_hook_list_at(list, i, &extension)) != NULL; i++) {

        fkv_text_t  text = { .rc = FKV_OK };

        hook_text(&text, hook->phase, hook->event, str_of(hook->prefix),
                  hook->flags);
        fkv_reply_map(reply, 3);
        fkv_reply_cstr(reply, "name");
        fkv_reply_cstr(reply, hook->name);
        fkv_reply_cstr(reply, "extension");
        fkv_reply_cstr(reply, extension->name);
        fkv_reply_cstr(reply, "hook");
        fkv_reply_str(reply, fkv__buf_str(&text.buf));
        fkv_text_done(&text);
    }

    fkv_reply_array_end(reply, begin, i);
}


void
fkv_manage_modules(fkv_text_t *text, const fkv_t *store, const char *eol)
{
    const fkv_catalog_t  *catalog = fkv_catalog_of(store);
    fkv_shared_state_t    state;
    fkv_shared_figure_t   figure;

    for (unsigned i = 0; catalog != NULL && i < catalog->records.n; i++) {

        const fkv_catalog_entry_t  *entry = &catalog->records.entries[i];
        const fkv_extension_t      *extension = entry->extension;

        fkv_text_add(text, "module:name=%.*s,ver=%.*s,schema=%llu,state=%s",
                     (int) entry->in.name.len,
                     (const char *) entry->in.name.data,
                     (int) entry->in.version.len,
                     (const char *) entry->in.version.data,
                     (unsigned long long) entry->in.schema,
                     state_text(catalog, &entry->in, extension));

        if (extension == NULL
            || !fkv_host_figures(extension, catalog->store, &state))
        {
            fkv_text_add(text, "%s", eol);
            continue;
        }

        fkv_text_add(text, ",crashes=%llu,aside=%llu,slow=%llu,memory=%llu%s",
                     (unsigned long long) state.crashes,
                     (unsigned long long) state.aside,
                     (unsigned long long) state.slow,
                     (unsigned long long) state.kept, eol);

        for (unsigned k = 0; k < extension->metrics_n; k++) {
            if (fkv_host_metric(extension, catalog->store, k, &figure)) {
                fkv_text_add(text, "metric_%s:%lld%s", figure.name,
                             (long long) figure.value, eol);
            }
        }
    }
}


/* FKV_OK · FKV_EINVAL replied */
static int
catalog_of(fkv_call_t *call, const fkv_catalog_t **catalog)
{
    *catalog = fkv_catalog_of(call->store);

    if (*catalog == NULL || !(*catalog)->read) {
        return fkv_call_fail(call, "LOADING the extensions of this store are "
                             "not read yet");
    }

    return FKV_OK;
}


/* Of what is in the store now, not of what this process has read. */
static int
on_record(fkv_call_t *call, fkv_str_t key, void *data)
{
    list_t      *list = data;
    fkv_edit_t   edit;
    fkv_str_t    name;
    int          rc;

    if (!fkv_installed_key_is(key, &name)) {
        return FKV_OK;
    }

    rc = fkv_edit_begin(call, &edit, name);

    if (rc == FKV_OK && edit.found) {
        fkv_manage_describe(call->reply, list->catalog, &edit.in,
                            fkv_catalog_loaded(list->catalog, name));
        list->n++;
    }

    fkv_edit_done(&edit);

    return rc;
}


/* on_record() has asked for those that there are. */
static bool
is_in_store(void *data, fkv_str_t name)
{
    fkv_edit_t  edit;
    bool        found;

    found = (fkv_edit_begin(data, &edit, name) == FKV_OK && edit.found);
    fkv_edit_done(&edit);

    return found;
}


static int
list_call(fkv_call_t *call)
{
    list_t  list = { NULL, 0 };
    size_t  begin;
    int     rc = catalog_of(call, &list.catalog);

    if (rc != FKV_OK) {
        return rc;
    }

    begin = fkv_reply_array_begin(call->reply);
    rc = fkv_call_scan(call, FKV_NAMESPACE_CATALOG,
                       FKV_STR(FKV_INSTALLED_KEY), FKV_STR_NULL, 0, NULL,
                       on_record, &list, NULL);

    if (rc != FKV_END && rc != FKV_OK) {
        return rc;
    }

    list.n += describe_others(call->reply, list.catalog, is_in_store, call);
    fkv_reply_array_end(call->reply, begin, list.n);

    return FKV_OK;
}


static int
hooks_call(fkv_call_t *call)
{
    fkv_manage_hooks(call->reply, call->store);

    return FKV_OK;
}


static int
name_int(fkv_str_t name)
{
    return (int) fkv__min(name.len, (size_t) FKV_EXTENSION_NAME_MAX);
}


/* FKV_OK · FKV_EINVAL replied: nginx.conf has to name it first */
static int
loaded_of(fkv_call_t *call, fkv_str_t name, const fkv_catalog_t **catalog,
    fkv_extension_t **extension)
{
    int  rc = catalog_of(call, catalog);

    if (rc != FKV_OK) {
        return rc;
    }

    if (!fkv_extension_name_ok(name)) {
        return fkv_call_fail(call, "ERR '%.*s' is no name of an extension",
                             name_int(name), (const char *) name.data);
    }

    *extension = fkv_catalog_loaded(*catalog, name);

    if (*extension == NULL) {
        return fkv_call_fail(call, "ERR extension \"%.*s\" is not loaded for "
                             "this store: nginx.conf needs "
                             "\"ferrokv_extension %.*s;\", and nginx a reload",
                             name_int(name), (const char *) name.data,
                             name_int(name), (const char *) name.data);
    }

    return FKV_OK;
}


/* What a change has come to is written and answered. */
static int
edit_end(fkv_call_t *call, fkv_edit_t *edit, int rc)
{
    if (rc == FKV_EFULL) {
        rc = fkv_call_fail(call, "ERR all ids of types are given out");
    }

    if (rc == FKV_OK) {
        rc = fkv_edit_put(call, edit);
    }

    if (rc == FKV_OK) {
        fkv_reply_status(call->reply,
                         (edit->in.state == FKV_INSTALLING) ? "INSTALLING"
                         : (edit->in.state == FKV_UPDATING) ? "UPDATING"
                         : (edit->in.state == FKV_DROPPING) ? "DROPPING"
                         : "OK");
    }

    fkv_edit_done(edit);

    return rc;
}


static int
create_edit(fkv_call_t *call, fkv_edit_t *edit,
    const fkv_extension_t *extension)
{
    if (edit->found && edit->in.state == FKV_DROPPING) {
        return fkv_call_fail(call, "ERR extension \"%s\" is being dropped",
                             extension->name);
    }

    if (edit->found) {
        return fkv_call_fail(call, "ERR extension \"%s\" is installed already",
                             extension->name);
    }

    if (!extension->control.trusted) {
        return fkv_call_fail(call, "ERR extension \"%s\" is not trusted by its "
                             "control file: only nginx.conf installs it, with "
                             "install=auto", extension->name);
    }

    edit->in.state = (extension->schema > 0) ? FKV_INSTALLING : FKV_INSTALLED;

    return fkv_installed_take(&edit->in, extension, &edit->next);
}


static int
create_call(fkv_call_t *call)
{
    const fkv_catalog_t  *catalog;
    fkv_extension_t      *extension;
    fkv_edit_t            edit;
    int                   rc;

    rc = loaded_of(call, call->argv[2], &catalog, &extension);

    if (rc != FKV_OK) {
        return rc;
    }

    rc = fkv_edit_begin(call, &edit, call->argv[2]);

    return edit_end(call, &edit, rc == FKV_OK
                                 ? create_edit(call, &edit, extension) : rc);
}


static int
installed_or_not(fkv_call_t *call, const fkv_edit_t *edit)
{
    if (edit->found) {
        return FKV_OK;
    }

    return fkv_call_fail(call, "ERR extension \"%.*s\" is not installed in "
                         "this store", (int) edit->in.name.len,
                         (const char *) edit->in.name.data);
}


static int
update_edit(fkv_call_t *call, fkv_edit_t *edit,
    const fkv_extension_t *extension)
{
    fkv_installed_t  *in = &edit->in;
    int               rc = installed_or_not(call, edit);

    if (rc != FKV_OK) {
        return rc;
    }

    if (in->state == FKV_DROPPING) {
        return fkv_call_fail(call, "ERR extension \"%s\" is being dropped",
                             extension->name);
    }

    if (in->schema > extension->schema) {
        return fkv_call_fail(call, "ERR extension \"%s\" %s is older than its "
                             "data in this store, which %.*s has written",
                             extension->name, extension->version,
                             (int) in->version.len,
                             (const char *) in->version.data);
    }

    /* who asks again wants what has failed to be tried again */
    (void) fkv_host_forgive(extension, call->store);
    in->problem = FKV_STR_NULL;
    in->absent = 0;

    if (in->state == FKV_INSTALLED) {

        if (in->schema < extension->schema) {
            in->state = FKV_UPDATING;
            in->cursor = 0;
        }

        return fkv_installed_take(in, extension, &edit->next);
    }

    return FKV_OK;
}


/* Is there a step to do that older workers could not live with? */
static bool
update_waits(const fkv_catalog_t *catalog, const fkv_installed_t *in,
    const fkv_extension_t *extension)
{
    if (in->state != FKV_UPDATING || fkv_roll_newest_only(catalog->roll)) {
        return false;
    }

    for (uint64_t i = in->schema; i < extension->schema; i++) {
        if (extension->steps[i].flags & FERROKV_EXCLUSIVE) {
            return true;
        }
    }

    return false;
}


static int
update_call(fkv_call_t *call)
{
    const fkv_catalog_t  *catalog;
    fkv_extension_t      *extension;
    fkv_edit_t            edit;
    bool                  waits;
    int                   rc;

    rc = loaded_of(call, call->argv[2], &catalog, &extension);

    if (rc != FKV_OK) {
        return rc;
    }

    rc = fkv_edit_begin(call, &edit, call->argv[2]);

    if (rc == FKV_OK) {
        rc = update_edit(call, &edit, extension);
    }

    waits = (rc == FKV_OK && update_waits(catalog, &edit.in, extension));
    rc = edit_end(call, &edit, rc);

    if (rc == FKV_OK && waits) {
        fkv_reply_cut(call->reply, 0);
        fkv_reply_status(call->reply, "UPDATING, as soon as the workers with "
                         "the older configuration have ended");
    }

    return rc;
}


/* FKV_OK · FKV_EINVAL replied: another one that is installed needs it */
static int
required_by(fkv_call_t *call, const fkv_catalog_t *catalog, fkv_str_t name)
{
    const fkv_extensions_t  *loaded = catalog->loaded;

    for (unsigned i = 0; loaded != NULL && i < loaded->n; i++) {

        const fkv_extension_t  *other = loaded->list[i];

        if (fkv_catalog_find(catalog, str_of(other->name)) == NULL) {
            continue;
        }

        for (unsigned j = 0; j < other->control.requires_n; j++) {
            if (fkv__str_eq(str_of(other->control.requires[j].name), name)) {
                return fkv_call_fail(call, "ERR extension \"%s\" requires it: "
                                     "drop that first", other->name);
            }
        }
    }

    return FKV_OK;
}


static bool
is_its_value(const fkv_call_t *call, fkv_str_t key, unsigned id)
{
    const fkv_type_t  *type = fkv_types_by_id(fkv_types_of(call->store), id);

    (void) key;

    return type != NULL
           && fkv__str_eq(str_of(type->extension), call->argv[2]);
}


static int
on_value(fkv_call_t *call, fkv_str_t key, void *data)
{
    values_t  *values = data;

    (void) call;

    if (values->n++ == 0) {
        values->first = key;
        values->db = values->ns;
    }

    return FKV_OK;
}


/* FKV_OK · FKV_AGAIN · FKV_EINVAL replied: there are values of its types */
static int
values_none(fkv_call_t *call)
{
    values_t  values = { .n = 0 };
    char      key[FKV_TEXT_KEY_BYTES];
    bool      again = false;

    for (; values.ns < FKV_NAMESPACE_USERS; values.ns++) {

        int  rc = fkv_call_find(call, values.ns, FKV_DROP_FOUND_MAX + 1,
                                is_its_value, on_value, &values);

        again |= (rc == FKV_AGAIN);

        if (rc != FKV_OK && rc != FKV_END && rc != FKV_AGAIN) {
            return rc;
        }
    }

    if (again) {
        return FKV_AGAIN;
    }

    if (values.n == 0) {
        return FKV_OK;
    }

    (void) fkv_text_key(key, values.first);

    return fkv_call_fail(call, "ERR cannot drop extension \"%.*s\": %s%llu "
                         "value%s of its types depend%s on it, the first is "
                         "\"%s\" in database %u; delete what there is, or say "
                         "CASCADE",
                         name_int(call->argv[2]),
                         (const char *) call->argv[2].data,
                         values.n > FKV_DROP_FOUND_MAX ? "more than " : "",
                         (unsigned long long) fkv__min(values.n,
                                              (uint64_t) FKV_DROP_FOUND_MAX),
                         values.n > 1 ? "s" : "", values.n > 1 ? "" : "s",
                         key, values.db);
}


static int
drop_edit(fkv_call_t *call, fkv_edit_t *edit, const fkv_catalog_t *catalog)
{
    const fkv_extension_t  *extension;
    int                     rc = installed_or_not(call, edit);

    extension = fkv_catalog_loaded(catalog, edit->in.name);

    if (rc == FKV_OK && extension != NULL && !extension->manual) {
        rc = fkv_call_fail(call, "ERR nginx.conf would install extension "
                           "\"%s\" again: write \"install=manual\" there, or "
                           "take it out, and reload nginx first",
                           extension->name);
    }

    if (rc == FKV_OK) {
        rc = required_by(call, catalog, edit->in.name);
    }

    if (rc == FKV_OK && call->argc == 3) {
        rc = values_none(call);
    }

    if (rc == FKV_OK) {
        edit->in.state = FKV_DROPPING;
        edit->in.cascade |= (call->argc == 4);
        edit->in.cursor = 0;
        edit->in.problem = FKV_STR_NULL;
    }

    return rc;
}


static int
drop_call(fkv_call_t *call)
{
    const fkv_catalog_t  *catalog;
    fkv_edit_t            edit;
    int                   rc = catalog_of(call, &catalog);

    if (rc != FKV_OK) {
        return rc;
    }

    if (call->argc > 4 || (call->argc == 4 && !fkv_call_is(call, 3, "CASCADE")))
    {
        return fkv_call_syntax(call);
    }

    if (!fkv_extension_name_ok(call->argv[2])) {
        return fkv_call_fail(call, "ERR '%.*s' is no name of an extension",
                             name_int(call->argv[2]),
                             (const char *) call->argv[2].data);
    }

    rc = fkv_edit_begin(call, &edit, call->argv[2]);

    return edit_end(call, &edit, rc == FKV_OK
                                 ? drop_edit(call, &edit, catalog) : rc);
}


static int
forgive_call(fkv_call_t *call)
{
    const fkv_catalog_t  *catalog;
    fkv_extension_t      *extension;
    int                   rc;

    rc = loaded_of(call, call->argv[2], &catalog, &extension);

    if (rc == FKV_OK) {
        fkv_reply_int(call->reply, fkv_host_forgive(extension,
                                                    catalog->store));
    }

    return rc;
}


static const fkv_command_t  extension_subs[] = {
    { .name = "LIST", .arity = 2, .call = list_call,
      .group = "server", .since = "0.1",
      .flags = FKV_COMMAND_READ | FKV_COMMAND_ADMIN | FKV_COMMAND_SLOW
               | FKV_COMMAND_UNSEEN,
      .usage = "", .summary = "Extensions of the store: what is installed, "
                              "and what could be" },
    { .name = "HOOKS", .arity = 2, .call = hooks_call,
      .group = "server", .since = "0.1",
      .flags = FKV_COMMAND_READ | FKV_COMMAND_ADMIN | FKV_COMMAND_SLOW
               | FKV_COMMAND_UNSEEN,
      .usage = "", .summary = "Hooks of all extensions, in the order in which "
                              "they are called" },
    { .name = "CREATE", .arity = 3, .call = create_call,
      .group = "server", .since = "0.1",
      .flags = FKV_COMMAND_WRITE | FKV_COMMAND_ADMIN | FKV_COMMAND_UNSEEN,
      .usage = "name", .summary = "Installs an extension that nginx.conf "
                                  "loads" },
    { .name = "UPDATE", .arity = 3, .call = update_call,
      .group = "server", .since = "0.1",
      .flags = FKV_COMMAND_WRITE | FKV_COMMAND_ADMIN | FKV_COMMAND_UNSEEN,
      .usage = "name", .summary = "Brings its data to the schema of the "
                                  "library, or tries that again" },
    { .name = "FORGIVE", .arity = 3, .call = forgive_call,
      .group = "server", .since = "0.1",
      .flags = FKV_COMMAND_ADMIN | FKV_COMMAND_UNSEEN,
      .usage = "name", .summary = "Its values that were put aside, since "
                                  "processes died of them, are read again" },
    { .name = "DROP", .arity = -3, .call = drop_call,
      .group = "server", .since = "0.1",
      .flags = FKV_COMMAND_WRITE | FKV_COMMAND_ADMIN | FKV_COMMAND_UNSEEN,
      .usage = "name [CASCADE]",
      .summary = "Takes it out of the store, with CASCADE also the values of "
                 "its types" },
    { .name = NULL }
};


const fkv_command_t  fkv_commands_extension[] = {
    { .name = "FERROKV.EXTENSION", .arity = -2, .subs = extension_subs,
      .flags = FKV_COMMAND_ADMIN, .group = "server", .since = "0.1",
      .summary = "A container for extensions of a store" },
    { .name = NULL }
};
