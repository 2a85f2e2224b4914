#include "extensions/guard.h"

#include <stdio.h>
#include <string.h>


static bool
def_guards(const fkv_installed_def_t *def)
{
    return def->kind == FERROKV_KIND_HOOK && def->event == FERROKV_ON_WRITE
           && (def->flags & FERROKV_REQUIRED);
}


/* While it is installed nothing was written that it would have to know. */
static bool
entry_guards(const fkv_catalog_entry_t *entry)
{
    return entry->stands != FKV_STANDS_READY
           && (entry->in.state == FKV_INSTALLED
               || entry->in.state == FKV_UPDATING);
}


/* Of a prefix: does it reach into the other one? */
static bool
key_is_under(const fkv_change_t *change, fkv_str_t prefix)
{
    size_t  n = change->prefix ? fkv__min(change->key.len, prefix.len)
                               : prefix.len;

    return change->key.len >= n
           && (n == 0 || memcmp(change->key.data, prefix.data, n) == 0);
}


static bool
change_is_under(const fkv_change_t *change, fkv_str_t prefix)
{
    return change->ns < FKV_NAMESPACE_USERS && change->action != FKV_KEEP
           && key_is_under(change, prefix);
}


static bool
update_is_under(const fkv_update_t *update, fkv_str_t prefix)
{
    for (unsigned i = 0; i < update->n; i++) {
        if (change_is_under(&update->changes[i], prefix)) {
            return true;
        }
    }

    return false;
}


/* The first of this extension that guards what is written, or NULL. */
static const fkv_installed_def_t *
guard_find(const fkv_catalog_entry_t *entry, const fkv_update_t *update)
{
    for (unsigned i = 0; entry_guards(entry) && i < entry->in.defs_n; i++) {

        const fkv_installed_def_t  *def = &entry->in.defs[i];

        if (def_guards(def)
            && (update == NULL || update_is_under(update, def->prefix)))
        {
            return def;
        }
    }

    return NULL;
}


bool
fkv_guard_needed(const fkv_catalog_t *catalog)
{
    for (unsigned i = 0; i < catalog->records.n; i++) {
        if (guard_find(&catalog->records.entries[i], NULL) != NULL) {
            return true;
        }
    }

    return false;
}


int
fkv_guard_write(void *data, fkv_update_t *update)
{
    static char           text[FKV_REFUSAL_BYTES];  /* until it is copied */
    const fkv_catalog_t  *catalog = data;
    int                   len;

    for (unsigned i = 0; i < catalog->records.n; i++) {

        const fkv_catalog_entry_t  *entry = &catalog->records.entries[i];
        const fkv_installed_def_t  *def = guard_find(entry, update);

        if (def == NULL) {
            continue;
        }

        len = snprintf(text, sizeof(text), "extension \"%.*s\" %.*s is needed "
                       "to check this write",
                       (int) entry->in.name.len,
                       (const char *) entry->in.name.data,
                       (int) fkv__min(entry->in.version.len, (size_t) 32),
                       (const char *) entry->in.version.data);
        update->refusal = (fkv_str_t) { (uint8_t *) text, (size_t) len };

        return FKV_EMISSING;
    }

    return FKV_OK;
}
