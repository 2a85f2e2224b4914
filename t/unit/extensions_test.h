/*
 * extensions_test.h - an extension that is linked into the test, as the loader
 * would have made it of a library.
 */

#ifndef FKV_T_EXTENSIONS_TEST_H
#define FKV_T_EXTENSIONS_TEST_H

#include "perform.h"
#include "extensions/host.h"

#define TEST_EXTENSION_MAX  32

typedef struct {
    fkv_extension_t          extension;
    fkv_extension_command_t  commands[TEST_EXTENSION_MAX];
    fkv_extension_type_t     types[TEST_EXTENSION_MAX];
    ferrokv_merge            merges[TEST_EXTENSION_MAX];
    ferrokv_hook             hooks[TEST_EXTENSION_MAX];
    fkv_extension_param_t    params[TEST_EXTENSION_MAX];
    const ferrokv_metric    *metric_defs[TEST_EXTENSION_MAX];
    ferrokv_metric           metrics[TEST_EXTENSION_MAX];
    const fkv_command_t     *table[TEST_EXTENSION_MAX];
} test_extension_t;


static inline void
test_command(test_extension_t *t, const ferrokv_command *def)
{
    fkv_extension_command_t  *c = &t->commands[t->extension.commands_n++];

    t->table[t->extension.commands_n - 1] = &c->command;
    c->def = *def;
    c->extension = &t->extension;
    c->command = (fkv_command_t) {
        .name = def->name, .arity = def->arity,
        .flags = (def->flags & (FERROKV_READ | FERROKV_WRITE))
                 | ((def->flags & FERROKV_ELEMENTS) ? FKV_COMMAND_ELEMENTS : 0)
                 | ((def->flags & FERROKV_BLIND) ? FKV_COMMAND_BLIND : 0)
                 | FKV_COMMAND_EXTENSION,
        .first_key = def->first_key, .last_key = def->last_key,
        .key_step = def->key_step, .call = fkv_host_call,
        .group = t->extension.name, .since = "", .usage = def->usage,
        .summary = def->summary
    };
}


/* Its last dot and what is in front is not in the label. */
static inline void
test_type(test_extension_t *t, const ferrokv_type *def)
{
    const char  *dot = strrchr(def->name, '.');

    t->types[t->extension.types_n++] = (fkv_extension_type_t) {
        .def = def, .type = *def, .label = dot ? dot + 1 : def->name
    };
}


static inline void
test_add(test_extension_t *t, const void *def)
{
    fkv_extension_t  *e = &t->extension;
    uint16_t          kind = *(const uint16_t *) def;

    switch (kind) {

    case FERROKV_KIND_COMMAND:
        test_command(t, def);
        break;

    case FERROKV_KIND_TYPE:
        test_type(t, def);
        break;

    case FERROKV_KIND_MERGE:
        t->merges[e->merges_n++] = *(const ferrokv_merge *) def;
        break;

    case FERROKV_KIND_HOOK:
        t->hooks[e->hooks_n++] = *(const ferrokv_hook *) def;
        break;

    case FERROKV_KIND_METRIC:
        t->metric_defs[e->metrics_n] = def;
        t->metrics[e->metrics_n++] = *(const ferrokv_metric *) def;
        break;

    case FERROKV_KIND_PARAM:
        t->params[e->params_n++] = (fkv_extension_param_t) {
            .def = def, .param = *(const ferrokv_param *) def
        };
        break;

    default:
        fail();
    }
}


/* t stays where it is; its commands are those of the process. */
static inline void
test_extension(test_extension_t *t, const ferrokv_extension *library)
{
    fkv_extension_t  *e = &t->extension;

    memset(t, 0, sizeof(*t));
    e->library = library;
    e->schema = library->schema;
    e->granted = library->needs;
    (void) snprintf(e->name, sizeof(e->name), "%s", library->name);
    (void) snprintf(e->version, sizeof(e->version), "%s", library->version);

    e->commands = t->commands;
    e->types = t->types;
    e->merges = t->merges;
    e->hooks = t->hooks;
    e->params = t->params;
    e->metric_defs = t->metric_defs;
    e->metrics = t->metrics;

    for (const void *const *def = library->provides; *def != NULL; def++) {
        test_add(t, *def);
    }

    fkv_command_use(t->table, e->commands_n);
}


#endif /* FKV_T_EXTENSIONS_TEST_H */
