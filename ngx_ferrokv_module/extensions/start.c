/*
 * start.c - extensions begin and end in a process.
 */

#include "extensions/start.h"
#include "extensions/host.h"


/* NULL: all that it requires has started. */
static const fkv_extension_t *
waits_for(const fkv_extensions_t *set, const fkv_extension_t *ext)
{
    for (unsigned i = 0; i < ext->control.requires_n; i++) {
        const char             *name = ext->control.requires[i].name;
        const fkv_extension_t  *other = fkv_extensions_find(set,
                                            fkv_extension_text(
                                                name, FKV_EXTENSION_NAME_MAX));

        if (other->host.failed) {
            return other;
        }
    }

    return NULL;
}


void
fkv_extensions_start(fkv_extensions_t *set, const fkv_log_t *log)
{
    for (unsigned i = 0; i < set->n; i++) {
        fkv_extension_t        *ext = set->list[set->order[i]];
        const fkv_extension_t  *other = waits_for(set, ext);

        if (other == NULL) {
            (void) fkv_host_start(ext);
            continue;
        }

        ext->host.failed = true;
        fkv__log(log, FKV_LOG_ERROR, "extension \"%s\" does not start, for it "
                 "requires \"%s\", which has not", ext->name, other->name);
    }
}


void
fkv_extensions_stop(fkv_extensions_t *set)
{
    for (unsigned i = set->n; i > 0; i--) {
        fkv_host_stop(set->list[set->order[i - 1]]);
    }
}
