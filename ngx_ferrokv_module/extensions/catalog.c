#include "extensions/catalog.h"
#include "extensions/host.h"
#include "extensions/type.h"
#include "extensions/set.h"
#include "rules/field.h"
#include "base/bytes.h"

#include <string.h>

static fkv_link_t  all = { &all, &all };    /* of this process */


static fkv_str_t
str_of(const char *text)
{
    return (fkv_str_t) { (const uint8_t *) text, strlen(text) };
}


static void
records_free(fkv_catalog_records_t *records)
{
    for (unsigned i = 0; i < records->n; i++) {
        fkv_installed_done(&records->entries[i].in);
        fkv__free(records->entries[i].bytes);
    }

    fkv__free(records->entries);
    *records = (fkv_catalog_records_t) { .next = 1 };
}


fkv_extension_t *
fkv_catalog_loaded(const fkv_catalog_t *catalog, fkv_str_t name)
{
    fkv_extension_t  *extension;

    extension = (catalog->loaded != NULL)
                ? fkv_extensions_find(catalog->loaded, name) : NULL;

    return (extension != NULL
            && fkv_extension_is_for(extension, str_of(catalog->name)))
           ? extension : NULL;
}


fkv_catalog_entry_t *
fkv_catalog_find(const fkv_catalog_t *catalog, fkv_str_t name)
{
    for (unsigned i = 0; i < catalog->records.n; i++) {

        fkv_catalog_entry_t  *entry = &catalog->records.entries[i];

        if (fkv__str_eq(entry->in.name, name)) {
            return entry;
        }
    }

    return NULL;
}


/* Is what the library writes older than what it would have to read? */
static bool
encver_behind(const fkv_installed_t *in, const fkv_extension_t *extension)
{
    for (unsigned i = 0; i < in->defs_n; i++) {

        const fkv_installed_def_t  *def = &in->defs[i];

        for (unsigned j = 0; j < extension->types_n; j++) {

            const ferrokv_type  *type = &extension->types[j].type;

            if (def->kind == FERROKV_KIND_TYPE
                && fkv__str_eq(def->name, str_of(type->name))
                && type->encver < def->encver)
            {
                return true;
            }
        }
    }

    return false;
}


fkv_stands_e
fkv_catalog_stands(const fkv_installed_t *in,
    const fkv_extension_t *extension, bool worked)
{
    switch (in->state) {

    case FKV_INSTALLING:
        return FKV_STANDS_BEGUN;

    case FKV_DROPPING:
        return FKV_STANDS_DROPPING;

    case FKV_INSTALLED:
    case FKV_UPDATING:
        if (worked) {
            return FKV_STANDS_READY;
        }

        if (in->schema > extension->schema || encver_behind(in, extension)) {
            return FKV_STANDS_DORMANT;
        }

        if (in->schema >= extension->serves) {
            return FKV_STANDS_READY;
        }

        return (in->state == FKV_UPDATING) ? FKV_STANDS_BEGUN
                                           : FKV_STANDS_BEHIND;
    }

    return FKV_STANDS_DAMAGED;
}


const char *
fkv_catalog_stands_text(fkv_stands_e stands)
{
    switch (stands) {

    case FKV_STANDS_UNKNOWN:
        return "unknown";

    case FKV_STANDS_ABSENT:
        return "absent";

    case FKV_STANDS_BEGUN:
        return "begun";

    case FKV_STANDS_READY:
        return "ready";

    case FKV_STANDS_BEHIND:
        return "behind";

    case FKV_STANDS_DORMANT:
        return "dormant";

    case FKV_STANDS_DROPPING:
        return "dropping";

    case FKV_STANDS_DAMAGED:
        return "damaged";
    }

    fkv__unreachable();
}


static fkv_host_state_e
host_state(fkv_stands_e stands)
{
    switch (stands) {

    case FKV_STANDS_READY:
        return FKV_HOST_READY;

    case FKV_STANDS_UNKNOWN:
    case FKV_STANDS_BEGUN:
    case FKV_STANDS_BEHIND:
        return FKV_HOST_LOADING;

    case FKV_STANDS_ABSENT:
    case FKV_STANDS_DROPPING:
        return FKV_HOST_ABSENT;

    case FKV_STANDS_DORMANT:
    case FKV_STANDS_DAMAGED:
        return FKV_HOST_DORMANT;
    }

    fkv__unreachable();
}


static void
text_copy(char *to, size_t room, fkv_str_t text)
{
    size_t  len = fkv__min(text.len, room - 1);

    memcpy(to, text.data, len);
    to[len] = '\0';
}


static const fkv_extension_type_t *
type_of(const fkv_catalog_entry_t *entry, fkv_str_t name)
{
    const fkv_extension_t  *extension = entry->extension;

    for (unsigned i = 0; extension != NULL && i < extension->types_n; i++) {
        if (fkv__str_eq(str_of(extension->types[i].type.name), name)) {
            return &extension->types[i];
        }
    }

    return NULL;
}


/* FKV_OK · FKV_ENOMEM */
static int
operator_set(fkv_catalog_t *catalog, const fkv_type_t *type)
{
    const fkv_host_store_t  *at = (type->owner != NULL)
                                  ? fkv_host_at(type->owner, catalog->store)
                                  : NULL;

    return (catalog->operators != NULL)
           ? fkv_operators_set(catalog->operators, type, at) : FKV_OK;
}


static void
type_set(fkv_catalog_t *catalog, const fkv_type_t *type)
{
    if (fkv_types_set(catalog->store, type) != FKV_OK
        || (catalog->also != NULL
            && fkv_types_set(catalog->also, type) != FKV_OK)
        || operator_set(catalog, type) != FKV_OK)
    {
        fkv__log(catalog->log, FKV_LOG_ERROR, "type \"%s\" of store \"%s\" "
                 "is not known to this process: out of memory, or its id %u "
                 "is given twice", type->name, catalog->name, type->id);
    }
}


/* Its values are of a type without code, unless the extension works. */
static void
type_apply(fkv_catalog_t *catalog, const fkv_catalog_entry_t *entry,
    const fkv_installed_def_t *def)
{
    const fkv_extension_type_t  *type = type_of(entry, def->name);
    fkv_type_t                   known = { .id = (uint16_t) def->id };

    text_copy(known.name, sizeof(known.name), def->name);
    text_copy(known.extension, sizeof(known.extension), entry->in.name);
    text_copy(known.version, sizeof(known.version), entry->in.version);
    known.encver = (uint16_t) def->encver;

    if (type != NULL && entry->stands == FKV_STANDS_READY) {
        fkv_type_is(&known, entry->extension, type);
    }

    type_set(catalog, &known);
}


/* A type that is gone leaves its name to another, its id to nobody. */
static void
type_forget(fkv_catalog_t *catalog, const fkv_installed_def_t *def)
{
    const fkv_types_t  *types = fkv_types_of(catalog->store);
    const fkv_type_t   *known = fkv_types_by_id(types, (unsigned) def->id);
    fkv_type_t          gone = { .id = (uint16_t) def->id };
    static const char   digits[] = "0123456789";
    unsigned            n = (unsigned) def->id;

    if (known == NULL || !fkv__str_eq(str_of(known->name), def->name)) {
        return;
    }

    /* no type has a name like this */
    for (unsigned i = 5; i-- > 0; n /= 10) {
        gone.name[i] = digits[n % 10];
    }

    text_copy(gone.extension, sizeof(gone.extension), str_of(known->extension));
    text_copy(gone.version, sizeof(gone.version), str_of(known->version));
    type_set(catalog, &gone);
}


static bool
id_is_there(const fkv_catalog_records_t *records, uint64_t id)
{
    for (unsigned i = 0; i < records->n; i++) {

        const fkv_installed_t  *in = &records->entries[i].in;

        for (unsigned j = 0; j < in->defs_n; j++) {
            if (in->defs[j].id == id) {
                return true;
            }
        }
    }

    return false;
}


static void
types_forget(fkv_catalog_t *catalog, const fkv_catalog_records_t *old)
{
    for (unsigned i = 0; i < old->n; i++) {

        const fkv_installed_t  *in = &old->entries[i].in;

        for (unsigned j = 0; j < in->defs_n; j++) {
            if (in->defs[j].kind == FERROKV_KIND_TYPE
                && !id_is_there(&catalog->records, in->defs[j].id))
            {
                type_forget(catalog, &in->defs[j]);
            }
        }
    }
}


static void
entry_apply(fkv_catalog_t *catalog, fkv_catalog_entry_t *entry,
    const fkv_catalog_entry_t *old)
{
    bool  worked = (old != NULL && old->stands == FKV_STANDS_READY);

    entry->extension = fkv_catalog_loaded(catalog, entry->in.name);
    entry->stands = (entry->extension != NULL)
                    ? fkv_catalog_stands(&entry->in, entry->extension, worked)
                    : (entry->in.state == 0) ? FKV_STANDS_DAMAGED
                                             : FKV_STANDS_ABSENT;

    for (unsigned i = 0; i < entry->in.defs_n; i++) {
        if (entry->in.defs[i].kind == FERROKV_KIND_TYPE) {
            type_apply(catalog, entry, &entry->in.defs[i]);
        }
    }
}


/* Of all that are loaded, also those that are not installed. */
static void
states_apply(fkv_catalog_t *catalog)
{
    const fkv_extensions_t  *loaded = catalog->loaded;

    for (unsigned i = 0; loaded != NULL && i < loaded->n; i++) {

        fkv_extension_t            *extension = loaded->list[i];
        const fkv_catalog_entry_t  *entry;
        fkv_stands_e                stands = FKV_STANDS_ABSENT;
        uint32_t                    schema = 0;

        entry = fkv_catalog_find(catalog, str_of(extension->name));

        if (entry != NULL && entry->extension == extension) {
            stands = entry->stands;
            schema = (uint32_t) entry->in.schema;
        }

        if (!catalog->read) {
            stands = FKV_STANDS_UNKNOWN;

        } else if (entry == NULL && !extension->manual
                   && fkv_extension_is_for(extension, str_of(catalog->name)))
        {
            stands = FKV_STANDS_BEGUN;
        }

        /* until the next reload */
        switch (fkv_host_state(extension, catalog->store)) {

        case FKV_HOST_QUARANTINED:
        case FKV_HOST_FAILED:
            continue;

        default:
            break;
        }

        if (fkv_host_set(extension, catalog->store, host_state(stands), schema)
            != FKV_OK)
        {
            fkv__log(catalog->log, FKV_LOG_ERROR, "extension \"%s\" does not "
                     "work in store \"%s\": out of memory", extension->name,
                     catalog->name);
        }
    }
}


static void
found_apply(fkv_catalog_t *catalog)
{
    fkv_catalog_records_t  old = catalog->records;

    catalog->records = catalog->found;
    catalog->found = (fkv_catalog_records_t) { .next = 1 };
    catalog->read = true;

    types_forget(catalog, &old);

    for (unsigned i = 0; i < catalog->records.n; i++) {

        fkv_catalog_entry_t        *entry = &catalog->records.entries[i];
        const fkv_catalog_entry_t  *was = NULL;

        for (unsigned j = 0; j < old.n; j++) {
            if (fkv__str_eq(old.entries[j].in.name, entry->in.name)) {
                was = &old.entries[j];
            }
        }

        entry_apply(catalog, entry, was);
    }

    states_apply(catalog);
    records_free(&old);

    fkv_roll_read(catalog->roll, catalog->records.generation);
}


static fkv_catalog_entry_t *
found_add(fkv_catalog_records_t *found)
{
    fkv_catalog_entry_t  *entries;

    entries = fkv__realloc(found->entries,
                           (found->n + 1) * sizeof(*entries));
    if (entries == NULL) {
        return NULL;
    }

    found->entries = entries;
    memset(&entries[found->n], 0, sizeof(*entries));

    return &entries[found->n++];
}


/* A record that cannot be read is there, but nothing is known of it. */
static int
found_record(fkv_catalog_t *catalog, fkv_str_t name, fkv_str_t bytes)
{
    fkv_catalog_entry_t  *entry = found_add(&catalog->found);
    int                   rc;

    if (entry == NULL) {
        return FKV_ENOMEM;
    }

    entry->bytes = fkv__alloc(name.len + bytes.len);

    if (entry->bytes == NULL) {
        return FKV_ENOMEM;
    }

    memcpy(entry->bytes, name.data, name.len);
    memcpy(entry->bytes + name.len, bytes.data, bytes.len);

    rc = fkv_installed_parse(&entry->in,
                             (fkv_str_t) { entry->bytes, name.len },
                             (fkv_str_t) { entry->bytes + name.len,
                                           bytes.len });

    if (rc == FKV_ECORRUPT || rc == FKV_EVERSION) {
        fkv__log(catalog->log, FKV_LOG_ERROR, "the record of extension "
                 "\"%.*s\" in store \"%s\": %s; the extension does not work "
                 "there", (int) name.len, (const char *) name.data,
                 catalog->name, fkv_code_text(rc));
        fkv_installed_done(&entry->in);
        entry->in.state = 0;
        rc = FKV_OK;
    }

    return rc;
}


static int
on_entry(fkv_scan_t *scan, fkv_str_t key, const fkv_value_t *value)
{
    fkv_catalog_t  *catalog = fkv__container(scan, fkv_catalog_t, scan);
    fkv_str_t       name;

    if (key.len == 1 && key.data[0] == FKV_INSTALLED_HEAD[0]) {
        catalog->found.generation = value->version;
        return fkv_installed_head_parse(value->data, &catalog->found.next);
    }

    return fkv_installed_key_is(key, &name)
           ? found_record(catalog, name, value->data) : FKV_OK;
}


static int
read_ended(fkv_catalog_t *catalog, int rc)
{
    catalog->reading = false;

    if (rc == FKV_OK) {
        found_apply(catalog);
        return FKV_OK;
    }

    records_free(&catalog->found);

    if (!catalog->failed) {
        catalog->failed = true;
        fkv__log(catalog->log, FKV_LOG_ERROR, "the extensions of store \"%s\" "
                 "could not be read, it is tried again: %s", catalog->name,
                 fkv_code_text(rc));
    }

    return rc;
}


static void
on_scan_done(fkv_op_t *op)
{
    fkv_catalog_t  *catalog = op->data;
    int             rc = read_ended(catalog, op->rc);

    if (catalog->on_read != NULL) {
        catalog->on_read(catalog, rc);
    }
}


int
fkv_catalog_read(fkv_catalog_t *catalog)
{
    int  rc;

    if (catalog->reading) {
        return FKV_AGAIN;
    }

    catalog->reading = true;
    catalog->found = (fkv_catalog_records_t) { .next = 1 };

    /* from the head to behind the records: own maps come later */
    catalog->scan = (fkv_scan_t) {
        .op = { .on_done = on_scan_done, .data = catalog },
        .store = catalog->store,
        .ns = FKV_NAMESPACE_CATALOG,
        .start = FKV_STR(FKV_INSTALLED_HEAD),
        .end = FKV_STR("f"),
        .now_ms = fkv_now_ms(catalog->store),
        .load_max = UINT64_MAX,
        .on_entry = on_entry
    };

    rc = fkv_scan(&catalog->scan);

    return (rc == FKV_AGAIN) ? FKV_AGAIN : read_ended(catalog, rc);
}


bool
fkv_catalog_stale(const fkv_catalog_t *catalog)
{
    return !catalog->read
           || fkv_roll_generation(catalog->roll)
              > catalog->records.generation;
}


fkv_catalog_t *
fkv_catalog_of(const fkv_t *store)
{
    for (fkv_link_t *link = all.next; link != &all; link = link->next) {

        fkv_catalog_t  *catalog = fkv__container(link, fkv_catalog_t, link);

        if (catalog->store == store) {
            return catalog;
        }
    }

    return NULL;
}


static bool
entry_has_command(const fkv_catalog_entry_t *entry, fkv_str_t name)
{
    for (unsigned i = 0; i < entry->in.defs_n; i++) {

        const fkv_installed_def_t  *def = &entry->in.defs[i];

        if (def->kind == FERROKV_KIND_COMMAND
            && fkv_rules_same(def->name, name))
        {
            return true;
        }
    }

    return false;
}


bool
fkv_types_missing_command(fkv_str_t name, fkv_str_t *extension,
    fkv_str_t *version)
{
    for (fkv_link_t *link = all.next; link != &all; link = link->next) {

        const fkv_catalog_t  *catalog = fkv__container(link, fkv_catalog_t,
                                                       link);

        for (unsigned i = 0; i < catalog->records.n; i++) {

            const fkv_catalog_entry_t  *entry = &catalog->records.entries[i];

            if (entry->extension == NULL && entry_has_command(entry, name)) {
                *extension = entry->in.name;
                *version = entry->in.version;
                return true;
            }
        }
    }

    return false;
}


void
fkv_catalog_open(fkv_catalog_t *catalog)
{
    catalog->records = (fkv_catalog_records_t) { .next = 1 };
    fkv__list_append(&all, &catalog->link);
    fkv_roll_attach(catalog->roll, fkv_slot(catalog->store));
    states_apply(catalog);
}


void
fkv_catalog_close(fkv_catalog_t *catalog)
{
    fkv__list_remove(&catalog->link);
    fkv_roll_detach(catalog->roll);
    fkv_types_done(catalog->store);

    if (catalog->operators != NULL) {
        fkv_operators_clear(catalog->operators);
    }

    if (catalog->also != NULL) {
        fkv_types_done(catalog->also);
    }

    records_free(&catalog->records);
    records_free(&catalog->found);
}
