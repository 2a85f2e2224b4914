/*
 * set.c - the extensions of one configuration.
 */

#include "extensions/set.h"
#include "extensions/ahead.h"
#include "extensions/load.h"
#include "extensions/param.h"
#include "commands/ahead.h"

#include <stdlib.h>
#include <string.h>

#define CRASHES    3
#define CRASHES_MS (60 * 1000)
#define SLOW_US    (10 * 1000)

#define FAIL(error, ...)  fkv__error(error, FKV_EINVAL, __VA_ARGS__)


fkv_extensions_t *
fkv_extensions_new(void)
{
    fkv_extensions_t  *set = calloc(1, sizeof(fkv_extensions_t));

    if (set != NULL) {
        set->crash_limit = (fkv_crash_limit_t) { CRASHES, CRASHES_MS };
        set->slow_call_us = SLOW_US;
    }

    return set;
}


void
fkv_extensions_free(fkv_extensions_t *set)
{
    for (unsigned i = 0; i < set->n; i++) {
        fkv_extension_free(set->list[i]);
    }

    free(set);
}


void
fkv_extensions_use(const fkv_extensions_t *set)
{
    fkv_command_use(set ? set->commands : NULL, set ? set->commands_n : 0);
    fkv_ahead_ask(fkv_extension_ahead);
}


static bool
same(const char *text, fkv_str_t str)
{
    return strlen(text) == str.len && memcmp(text, str.data, str.len) == 0;
}


fkv_extension_t *
fkv_extensions_find(const fkv_extensions_t *set, fkv_str_t name)
{
    for (unsigned i = 0; i < set->n; i++) {
        if (same(set->list[i]->name, name)) {
            return set->list[i];
        }
    }

    return NULL;
}


static int
command_check(const fkv_extension_t *ext, const fkv_command_t *command,
    char *error)
{
    fkv_str_t             name = fkv_extension_text(command->name,
                                                    FKV_COMMAND_NAME_MAX);
    const fkv_command_t  *other = fkv_command_find(name);

    if (other == NULL) {
        return FKV_OK;
    }

    if (other->flags & FKV_COMMAND_EXTENSION) {
        return FAIL(error, "\"%s\" provides the command \"%s\", which \"%s\" "
                    "provides too", ext->name, command->name, other->group);
    }

    return FAIL(error, "\"%s\" provides the command \"%s\", which is built in",
                ext->name, command->name);
}


/* The first of another's metrics, up to n, that is shown as this name; NULL. */
static const char *
metric_find(const fkv_extension_t *ext, unsigned n, const char *shown)
{
    char  name[FKV_EXTENSION_METRIC_BYTES];

    for (unsigned i = 0; i < n; i++) {

        const ferrokv_metric  *metric = &ext->metrics[i];

        fkv_extension_metric_name(name, metric->name, metric->gauge);

        if (strcmp(name, shown) == 0) {
            return metric->name;
        }
    }

    return NULL;
}


/* "a.b_c" and "a_b.c" are one name where names have no dots. */
static int
metric_check(const fkv_extensions_t *set, const fkv_extension_t *ext,
    unsigned at, char *error)
{
    const ferrokv_metric  *metric = &ext->metrics[at];
    const char            *other;
    char                   name[FKV_EXTENSION_METRIC_BYTES];

    fkv_extension_metric_name(name, metric->name, metric->gauge);
    other = metric_find(ext, at, name);

    for (unsigned i = 0; i < set->n && other == NULL; i++) {
        other = metric_find(set->list[i], set->list[i]->metrics_n, name);
    }

    return (other == NULL) ? FKV_OK
           : FAIL(error, "\"%s\" provides the metric \"%s\", which is shown "
                  "as \"%s\", and so is \"%s\"", ext->name, metric->name,
                  name, other);
}


static int
room_check(const fkv_extensions_t *set, const fkv_extension_t *ext,
    char *error)
{
    unsigned  n = 0;

    if (set->n == FKV_EXTENSIONS_MAX) {
        return FAIL(error, "there are more than %u extensions",
                    FKV_EXTENSIONS_MAX);
    }

    while (fkv_command_at(n) != NULL) {
        n++;
    }

    return (n + ext->commands_n <= FKV_COMMANDS_MAX) ? FKV_OK
           : FAIL(error, "with \"%s\" there are more than %u commands",
                  ext->name, FKV_COMMANDS_MAX);
}


int
fkv_extensions_add(fkv_extensions_t *set, fkv_extension_t *ext, char *error)
{
    fkv_str_t  name = fkv_extension_text(ext->name, FKV_EXTENSION_NAME_MAX);
    int        rc = room_check(set, ext, error);

    if (rc == FKV_OK && fkv_extensions_find(set, name) != NULL) {
        return FAIL(error, "the extension \"%s\" is there already", ext->name);
    }

    for (unsigned i = 0; i < ext->commands_n && rc == FKV_OK; i++) {
        rc = command_check(ext, &ext->commands[i].command, error);
    }

    for (unsigned i = 0; i < ext->metrics_n && rc == FKV_OK; i++) {
        rc = metric_check(set, ext, i, error);
    }

    if (rc != FKV_OK) {
        return rc;
    }

    ext->index = set->n;
    set->order[set->n] = set->n;
    set->list[set->n++] = ext;

    for (unsigned i = 0; i < ext->commands_n; i++) {
        set->commands[set->commands_n++] = &ext->commands[i].command;
    }

    fkv_extensions_use(set);
    return FKV_OK;
}


int
fkv_extensions_add_absent(fkv_extensions_t *set, fkv_str_t name, char *error)
{
    if (set->absent_n == FKV_EXTENSIONS_MAX) {
        return FAIL(error, "there are more than %u extensions",
                    FKV_EXTENSIONS_MAX);
    }

    if (name.len <= FKV_EXTENSION_NAME_MAX) {
        memcpy(set->absent[set->absent_n++], name.data, name.len);
    }

    return FKV_OK;
}


static int
requirement_check(const fkv_extensions_t *set, const fkv_extension_t *ext,
    const fkv_control_requires_t *r, char *error)
{
    fkv_str_t               name = fkv_extension_text(r->name,
                                                      FKV_EXTENSION_NAME_MAX);
    fkv_str_t               least = fkv_extension_text(r->version,
                                                       FKV_EXTENSION_NAME_MAX);
    const fkv_extension_t  *other = fkv_extensions_find(set, name);

    if (other == NULL) {
        return FAIL(error, "\"%s\" requires \"%s\", so nginx.conf has to say "
                    "\"ferrokv_extension %s\"", ext->name, r->name, r->name);
    }

    if (least.len > 0
        && fkv_extension_version_order(
               fkv_extension_text(other->version, FKV_EXTENSION_NAME_MAX),
               least)
           < 0)
    {
        return FAIL(error, "\"%s\" requires \"%s\" %s, but this is %s",
                    ext->name, r->name, r->version, other->version);
    }

    return FKV_OK;
}


static int
requirements_check(const fkv_extensions_t *set, char *error)
{
    for (unsigned i = 0; i < set->n; i++) {
        const fkv_control_t  *control = &set->list[i]->control;

        for (unsigned j = 0; j < control->requires_n; j++) {
            int  rc = requirement_check(set, set->list[i],
                                        &control->requires[j], error);

            if (rc != FKV_OK) {
                return rc;
            }
        }
    }

    return FKV_OK;
}


/* The first that it requires and that is not placed yet; NULL: none. */
static const fkv_extension_t *
waits_for(const fkv_extensions_t *set, const fkv_extension_t *ext,
    uint64_t placed)
{
    for (unsigned i = 0; i < ext->control.requires_n; i++) {
        fkv_str_t         name = fkv_extension_text(
                                     ext->control.requires[i].name,
                                     FKV_EXTENSION_NAME_MAX);
        fkv_extension_t  *other = fkv_extensions_find(set, name);

        if ((placed & 1ULL << other->index) == 0) {
            return other;
        }
    }

    return NULL;
}


static fkv_extension_t *
next_placed(const fkv_extensions_t *set, uint64_t placed)
{
    for (unsigned i = 0; i < set->n; i++) {
        if ((placed & 1ULL << i) == 0
            && waits_for(set, set->list[i], placed) == NULL)
        {
            return set->list[i];
        }
    }

    return NULL;
}


/* All that is left waits: following it leads into the circle. */
static int
circle(const fkv_extensions_t *set, uint64_t placed, char *error)
{
    const fkv_extension_t  *a = set->list[__builtin_ctzll(~placed)], *b;

    for (unsigned i = 0; i < set->n; i++) {
        a = waits_for(set, a, placed);
    }

    b = waits_for(set, a, placed);

    return (a == b)
           ? FAIL(error, "\"%s\" requires itself", a->name)
           : FAIL(error, "\"%s\" and \"%s\" require each other, directly or by "
                  "others", a->name, b->name);
}


int
fkv_extensions_sort(fkv_extensions_t *set, char *error)
{
    uint64_t  placed = 0;
    int       rc = requirements_check(set, error);

    _Static_assert(FKV_EXTENSIONS_MAX <= 64, "placed has a bit for each");

    for (unsigned i = 0; i < set->n && rc == FKV_OK; i++) {
        const fkv_extension_t  *next = next_placed(set, placed);

        if (next == NULL) {
            return circle(set, placed, error);
        }

        set->order[i] = next->index;
        placed |= 1ULL << next->index;
    }

    return rc;
}


static bool
is_absent(const fkv_extensions_t *set, fkv_str_t name)
{
    for (unsigned i = 0; i < set->absent_n; i++) {
        if (same(set->absent[i], name)) {
            return true;
        }
    }

    return false;
}


/* Those that there are, for somebody who has mistyped one. */
static int
unknown_param(const fkv_extension_t *ext, fkv_str_t name, char *error)
{
    char    known[256];
    size_t  len = 0;

    known[0] = '\0';

    for (unsigned i = 0; i < ext->params_n; i++) {
        const char  *own = ext->params[i].param.name;
        size_t       n = strlen(own);

        if (len + n + sizeof(", ") > sizeof(known)) {
            break;
        }

        memcpy(known + len, ", ", 2);
        memcpy(known + len + 2, own, n + 1);
        len += n + 2;
    }

    return (len == 0)
           ? FAIL(error, "the extension \"%s\" has no parameters", ext->name)
           : FAIL(error, "\"%.*s\" is unknown; \"%s\" has %s", (int) name.len,
                  (const char *) name.data, ext->name, known + 2);
}


int
fkv_extensions_param(fkv_extensions_t *set, fkv_str_t name, fkv_str_t value,
    char *error)
{
    char              why[FKV_ERROR_BYTES];
    const uint8_t    *dot = memchr(name.data, '.', name.len);
    fkv_str_t         owner = { name.data, dot ? (size_t) (dot - name.data)
                                               : name.len };
    fkv_extension_t  *ext = fkv_extensions_find(set, owner);

    name.len = fkv__min(name.len, 2u * FKV_EXTENSION_DEFINITION_MAX);

    if (ext == NULL) {
        return is_absent(set, owner) ? FKV_OK
               : FAIL(error, "\"%.*s\": there is no such extension, or its "
                      "\"ferrokv_extension\" stands behind this",
                      (int) name.len, (const char *) name.data);
    }

    for (unsigned i = 0; i < ext->params_n; i++) {
        fkv_extension_param_t  *param = &ext->params[i];

        if (!same(param->param.name, name)) {
            continue;
        }

        if (param->given) {
            return FAIL(error, "\"%s\" is set twice", param->param.name);
        }

        int  rc = fkv_param_set(param, value, why);

        return (rc == FKV_OK) ? rc
               : fkv__error(error, rc, "\"%s\" %s, not \"%.*s\"",
                            param->param.name, why,
                            (int) fkv__min(value.len, 64u),
                            (const char *) value.data);
    }

    return unknown_param(ext, name, error);
}


bool
fkv_extension_is_for(const fkv_extension_t *ext, fkv_str_t store)
{
    for (unsigned i = 0; i < ext->stores_n; i++) {
        if (ext->stores[i].len == store.len
            && memcmp(ext->stores[i].data, store.data, store.len) == 0)
        {
            return true;
        }
    }

    return ext->stores_n == 0;
}
