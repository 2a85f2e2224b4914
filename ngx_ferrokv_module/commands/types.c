/*
 * types.c - a short list of stores, and for each its types by id.
 */

#include "commands/types.h"

#include <stdio.h>
#include <string.h>

struct fkv_types_s {
    fkv_types_t   *next;
    const fkv_t   *store;
    fkv_type_t   **types;       /* each stays where it is */
    unsigned       n;
};

static fkv_types_t  *all;           /* of this process */


fkv_types_t *
fkv_types_of(const fkv_t *store)
{
    fkv_types_t  *types = all;

    while (types != NULL && types->store != store) {
        types = types->next;
    }

    return types;
}


const fkv_type_t *
fkv_types_by_id(const fkv_types_t *types, unsigned id)
{
    for (unsigned i = 0; types != NULL && i < types->n; i++) {
        if (types->types[i]->id == id) {
            return types->types[i];
        }
    }

    return NULL;
}


const fkv_type_t *
fkv_types_by_name(const fkv_types_t *types, fkv_str_t name)
{
    for (unsigned i = 0; types != NULL && i < types->n; i++) {

        const char  *own = types->types[i]->name;

        if (strlen(own) == name.len && memcmp(own, name.data, name.len) == 0) {
            return types->types[i];
        }
    }

    return NULL;
}


const fkv_type_t *
fkv_types_by_def(const fkv_types_t *types, const void *def)
{
    for (unsigned i = 0; types != NULL && i < types->n; i++) {
        if (types->types[i]->def == def) {
            return types->types[i];
        }
    }

    return NULL;
}


const char *
fkv_types_label(const fkv_t *store, unsigned id)
{
    const fkv_type_t  *type;

    if (id == 0) {
        return "string";
    }

    type = fkv_types_by_id(fkv_types_of(store), id);

    return (type == NULL) ? "unknown"
           : (type->label != NULL) ? type->label : type->name;
}


bool
fkv_types_missing(const fkv_t *store, unsigned id, char *text)
{
    const fkv_type_t  *type = fkv_types_by_id(fkv_types_of(store), id);

    if (type == NULL) {
        (void) snprintf(text, FKV_TYPE_SENTENCE, "an extension is needed for "
                        "the key that is not known here: type %u", id);
        return true;
    }

    if (type->owner == NULL) {
        (void) snprintf(text, FKV_TYPE_SENTENCE, "extension \"%s\" %s is "
                        "needed for the key", type->extension, type->version);
        return true;
    }

    return false;
}


static fkv_types_t *
types_of_new(fkv_t *store)
{
    fkv_types_t  *types = fkv__zalloc(sizeof(*types));

    if (types != NULL) {
        types->store = store;
        types->next = all;
        all = types;
    }

    return types;
}


/* Whoever names no label: it is in the copy of the name. */
static void
type_copy(fkv_type_t *to, const fkv_type_t *type)
{
    const char  *dot;

    *to = *type;

    if (to->label == NULL) {
        dot = strchr(to->name, '.');
        to->label = (dot != NULL) ? dot + 1 : to->name;
    }
}


static int
types_add(fkv_types_t *types, const fkv_type_t *type)
{
    fkv_type_t  **list, *copy;

    list = fkv__realloc(types->types, (types->n + 1) * sizeof(*list));
    if (list == NULL) {
        return FKV_ENOMEM;
    }

    types->types = list;

    copy = fkv__alloc(sizeof(*copy));
    if (copy == NULL) {
        return FKV_ENOMEM;
    }

    type_copy(copy, type);
    list[types->n++] = copy;

    return FKV_OK;
}


int
fkv_types_set(fkv_t *store, const fkv_type_t *type)
{
    fkv_types_t       *types = fkv_types_of(store);
    const fkv_type_t  *same;
    fkv_str_t          name = { (const uint8_t *) type->name,
                                strlen(type->name) };

    if (types == NULL) {
        types = types_of_new(store);
    }

    if (types == NULL) {
        return FKV_ENOMEM;
    }

    same = fkv_types_by_name(types, name);

    if (same != NULL && same->id != type->id) {
        return FKV_EINVAL;
    }

    for (unsigned i = 0; i < types->n; i++) {
        if (types->types[i]->id == type->id) {
            type_copy(types->types[i], type);
            return FKV_OK;
        }
    }

    return types_add(types, type);
}


void
fkv_types_done(const fkv_t *store)
{
    fkv_types_t  **at = &all, *types;

    while (*at != NULL && (*at)->store != store) {
        at = &(*at)->next;
    }

    types = *at;

    if (types == NULL) {
        return;
    }

    *at = types->next;

    for (unsigned i = 0; i < types->n; i++) {
        fkv__free(types->types[i]);
    }

    fkv__free(types->types);
    fkv__free(types);
}
