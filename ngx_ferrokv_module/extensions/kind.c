/*
 * kind.c - the kinds of definitions.
 */

#include "extensions/kind.h"
#include "extensions/param.h"

#include <stdlib.h>
#include <string.h>

#define ARITY_MAX   1024
#define PREFIX_MAX  255

#define FAIL(error, ...)  fkv__error(error, FKV_EINVAL, __VA_ARGS__)

/* What all definitions begin with. */
typedef struct {
    FERROKV_HEAD;
} head_t;

typedef struct {
    const char  *noun;          /* NULL: there is no such kind */
    size_t       size;          /* 0: reserved */
    uint32_t     flags;         /* that one may have */
    int        (*add)(fkv_extension_t *ext, const void *def, const void *copy,
                      char *error);
} kind_t;

/* As large as the largest: a copy on the stack. */
typedef union {
    ferrokv_command  command;
    ferrokv_ahead    ahead;
    ferrokv_type     type;
    ferrokv_merge    merge;
    ferrokv_hook     hook;
    ferrokv_worker   worker;
    ferrokv_param    param;
    ferrokv_metric   metric;
} copy_t;


static int
keys_check(const ferrokv_command *def, char *error)
{
    int32_t  least = (def->arity < 0) ? -def->arity : def->arity;

    if (def->first_key == 0) {
        return (def->last_key == 0 && def->key_step == 0) ? FKV_OK
               : FAIL(error, "command \"%s\" has a last key or a step between "
                      "keys, but no first key", def->name);
    }

    if (def->first_key < 0 || def->first_key >= least) {
        return FAIL(error, "command \"%s\": its first key is argument %d of "
                    "at least %d", def->name, def->first_key, least);
    }

    if (def->key_step < 1 || def->key_step > ARITY_MAX) {
        return FAIL(error, "command \"%s\": the step between its keys is %d",
                    def->name, def->key_step);
    }

    if (def->last_key >= 0
        ? def->last_key < def->first_key || def->last_key >= least
        : def->last_key < -least)
    {
        return FAIL(error, "command \"%s\": its last key is argument %d of at "
                    "least %d, its first is %d", def->name, def->last_key,
                    least, def->first_key);
    }

    return (def->flags & (FERROKV_READ | FERROKV_WRITE)) ? FKV_OK
           : FAIL(error, "command \"%s\" has keys, but says neither "
                  "FERROKV_READ nor FERROKV_WRITE", def->name);
}


static int
command_check(const ferrokv_command *def, char *error)
{
    const uint32_t  both = FERROKV_READ | FERROKV_WRITE;

    if (def->arity == 0 || def->arity > ARITY_MAX || def->arity < -ARITY_MAX) {
        return FAIL(error, "command \"%s\" has the arity %d: it is 1 to %d, or "
                    "-1 to -%d", def->name, def->arity, ARITY_MAX, ARITY_MAX);
    }

    if ((def->flags & both) == both) {
        return FAIL(error, "command \"%s\" says both FERROKV_READ and "
                    "FERROKV_WRITE", def->name);
    }

    if (def->call == NULL) {
        return FAIL(error, "command \"%s\" has no function", def->name);
    }

    return keys_check(def, error);
}


static int
command_add(fkv_extension_t *ext, const void *def, const void *copy,
    char *error)
{
    fkv_extension_command_t  *own = &ext->commands[ext->commands_n];
    fkv_command_t            *command = &own->command;
    int                       rc;

    (void) def;
    own->def = *(const ferrokv_command *) copy;
    own->extension = ext;

    rc = command_check(&own->def, error);

    if (rc != FKV_OK) {
        return rc;
    }

    *command = (fkv_command_t) {
        .name = own->def.name,
        .arity = own->def.arity,
        .flags = FKV_COMMAND_EXTENSION,
        .first_key = own->def.first_key,
        .last_key = own->def.last_key,
        .key_step = own->def.key_step,
        .group = ext->name,
        .since = ext->version,
        .usage = own->def.usage,
        .summary = own->def.summary ? own->def.summary : "",
    };

    command->flags |= (own->def.flags & FERROKV_READ) ? FKV_COMMAND_READ : 0;
    command->flags |= (own->def.flags & FERROKV_WRITE) ? FKV_COMMAND_WRITE : 0;
    command->flags |= (own->def.flags & FERROKV_ADMIN) ? FKV_COMMAND_ADMIN : 0;
    command->flags |= (own->def.flags & FERROKV_SLOW) ? FKV_COMMAND_SLOW : 0;
    command->flags |= (own->def.flags & FERROKV_ELEMENTS)
                      ? FKV_COMMAND_ELEMENTS : 0;
    command->flags |= (own->def.flags & FERROKV_BLIND) ? FKV_COMMAND_BLIND : 0;

    ext->commands_n++;
    return FKV_OK;
}


static int
ahead_add(fkv_extension_t *ext, const void *def, const void *copy, char *error)
{
    ferrokv_ahead  *own = &ext->aheads[ext->aheads_n];

    (void) def;
    *own = *(const ferrokv_ahead *) copy;

    if (own->elements == NULL) {
        return FAIL(error, "ahead of \"%s\" has no function", own->name);
    }

    ext->aheads_n++;
    return FKV_OK;
}


static int
type_add(fkv_extension_t *ext, const void *def, const void *copy, char *error)
{
    fkv_extension_type_t  *own = &ext->types[ext->types_n];
    const char            *dot;

    own->def = def;
    own->type = *(const ferrokv_type *) copy;

    if (own->type.encver > UINT16_MAX) {
        return FAIL(error, "type \"%s\" has the encver %u, %u is the most",
                    own->type.name, own->type.encver, UINT16_MAX);
    }

    if (own->type.encver > 0 && own->type.recode == NULL) {
        return FAIL(error, "type \"%s\" has the encver %u, but no recode for "
                    "older ones", own->type.name, own->type.encver);
    }

    dot = strchr(own->type.name, '.');
    own->label = dot ? dot + 1 : own->type.name;

    ext->types_n++;
    return FKV_OK;
}


static int
merge_add(fkv_extension_t *ext, const void *def, const void *copy, char *error)
{
    ferrokv_merge  *own = &ext->merges[ext->merges_n];

    (void) def;
    *own = *(const ferrokv_merge *) copy;

    if (own->full == NULL) {
        return FAIL(error, "merge operator \"%s\" has no function full",
                    own->name);
    }

    ext->merges_n++;
    return FKV_OK;
}


static const char *
event_name(uint32_t event)
{
    static const char *const  names[] = {
        "", "ON_CALL", "ON_WRITE", "ON_COMMIT", "ON_MISS", "ON_EXPIRE",
        "ON_EVICT", "ON_COMPACT"
    };

    return (event < sizeof(names) / sizeof(names[0])) ? names[event] : "";
}


static int
phase_check(const ferrokv_hook *def, char *error)
{
    static const char *const  names[] = { "", "CHECK", "REWRITE", "OBSERVE" };
    static const uint8_t      phases[] = {
        [FERROKV_ON_CALL] = 1 << FERROKV_CHECK | 1 << FERROKV_OBSERVE,
        [FERROKV_ON_WRITE] = 1 << FERROKV_CHECK | 1 << FERROKV_REWRITE
                             | 1 << FERROKV_OBSERVE,
        [FERROKV_ON_COMMIT] = 1 << FERROKV_OBSERVE,
        [FERROKV_ON_EXPIRE] = 1 << FERROKV_OBSERVE,
    };

    if (event_name(def->event)[0] == '\0') {
        return FAIL(error, "hook \"%s\" is for the unknown event %u",
                    def->name, def->event);
    }

    if (def->event >= sizeof(phases) || phases[def->event] == 0) {
        return FAIL(error, "hook \"%s\" is for %s, which this ferrokv does not "
                    "have yet", def->name, event_name(def->event));
    }

    if (def->phase < FERROKV_CHECK || def->phase > FERROKV_OBSERVE) {
        return FAIL(error, "hook \"%s\" is for the unknown phase %u",
                    def->name, def->phase);
    }

    return (phases[def->event] & 1u << def->phase) ? FKV_OK
           : FAIL(error, "hook \"%s\": %s has no phase %s", def->name,
                  event_name(def->event), names[def->phase]);
}


static int
hook_add(fkv_extension_t *ext, const void *def, const void *copy, char *error)
{
    ferrokv_hook  *own = &ext->hooks[ext->hooks_n];
    int            rc;

    (void) def;
    *own = *(const ferrokv_hook *) copy;
    own->prefix = own->prefix ? own->prefix : "";

    rc = phase_check(own, error);

    if (rc != FKV_OK) {
        return rc;
    }

    if (own->fn == NULL) {
        return FAIL(error, "hook \"%s\" has no function", own->name);
    }

    if (fkv_extension_text(own->prefix, PREFIX_MAX + 1).len > PREFIX_MAX) {
        return FAIL(error, "hook \"%s\" has a prefix longer than %u bytes",
                    own->name, PREFIX_MAX);
    }

    if ((own->flags & FERROKV_REQUIRED) && own->event != FERROKV_ON_WRITE) {
        return FAIL(error, "hook \"%s\" is FERROKV_REQUIRED, which is for "
                    "ON_WRITE", own->name);
    }

    ext->hooks_n++;
    return FKV_OK;
}


static int
worker_add(fkv_extension_t *ext, const void *def, const void *copy,
    char *error)
{
    ferrokv_worker  *own = &ext->workers[ext->workers_n];

    (void) def;
    *own = *(const ferrokv_worker *) copy;

    if (own->run == NULL) {
        return FAIL(error, "worker \"%s\" has no function", own->name);
    }

    if (own->every == 0) {
        return FAIL(error, "worker \"%s\" runs every 0 ms", own->name);
    }

    if (!(ext->library->needs & FERROKV_NEEDS_HELPER)) {
        return FAIL(error, "it has the worker \"%s\", but does not say "
                    "FERROKV_NEEDS_HELPER", own->name);
    }

    ext->workers_n++;
    return FKV_OK;
}


static int
param_add(fkv_extension_t *ext, const void *def, const void *copy, char *error)
{
    fkv_extension_param_t  *own = &ext->params[ext->params_n];
    char                    why[FKV_ERROR_BYTES];

    own->param = *(const ferrokv_param *) copy;

    if (fkv_param_define(own, def, why) != FKV_OK) {
        return FAIL(error, "parameter \"%s\" %s", own->param.name, why);
    }

    ext->params_n++;
    return FKV_OK;
}


static int
metric_add(fkv_extension_t *ext, const void *def, const void *copy,
    char *error)
{
    ferrokv_metric  *own = &ext->metrics[ext->metrics_n];

    ext->metric_defs[ext->metrics_n] = def;
    *own = *(const ferrokv_metric *) copy;

    if (own->gauge > 1) {
        return FAIL(error, "metric \"%s\": gauge is 0 or 1, not %u", own->name,
                    own->gauge);
    }

    ext->metrics_n++;
    return FKV_OK;
}


static const kind_t  kinds[FKV__KINDS] = {
    [FERROKV_KIND_COMMAND] = { "command", sizeof(ferrokv_command),
                               FERROKV_READ | FERROKV_WRITE | FERROKV_ADMIN
                               | FERROKV_SLOW | FERROKV_ELEMENTS
                               | FERROKV_BLIND,
                               command_add },
    [FERROKV_KIND_AHEAD] = { "ahead", sizeof(ferrokv_ahead), 0, ahead_add },
    [FERROKV_KIND_TYPE] = { "type", sizeof(ferrokv_type), 0, type_add },
    [FERROKV_KIND_MERGE] = { "merge operator", sizeof(ferrokv_merge), 0,
                             merge_add },
    [FERROKV_KIND_HOOK] = { "hook", sizeof(ferrokv_hook), FERROKV_REQUIRED,
                            hook_add },
    [FERROKV_KIND_FEED] = { "feed", 0, 0, NULL },
    [FERROKV_KIND_WORKER] = { "worker", sizeof(ferrokv_worker), 0,
                              worker_add },
    [FERROKV_KIND_PARAM] = { "parameter", sizeof(ferrokv_param), 0,
                             param_add },
    [FERROKV_KIND_METRIC] = { "metric", sizeof(ferrokv_metric), 0,
                              metric_add },
    [FERROKV_KIND_EVICTOR] = { "evictor", 0, 0, NULL },
    [FERROKV_KIND_BACKEND] = { "backend", 0, 0, NULL },
};


/* NULL: it is passed over, or *rc is not FKV_OK. */
static const kind_t *
kind_of(const head_t *head, int *rc, char *error)
{
    const kind_t  *kind = (head->kind < FKV__KINDS) ? &kinds[head->kind]
                                                    : NULL;

    *rc = FKV_OK;

    if (kind != NULL && kind->size > 0) {
        return kind;
    }

    if (head->flags & FERROKV_OPTIONAL) {
        return NULL;
    }

    *rc = (kind != NULL && kind->noun != NULL)
          ? FAIL(error, "it provides a definition of the kind \"%s\", which "
                 "this ferrokv does not have yet", kind->noun)
          : FAIL(error, "it provides a definition of the unknown kind %u",
                 head->kind);
    return NULL;
}


int
fkv__kind_count(const void *def, unsigned counts[FKV__KINDS], char *error)
{
    const head_t  *head = def;
    int            rc;
    const kind_t  *kind = kind_of(head, &rc, error);

    if (kind == NULL) {
        return rc;
    }

    if (head->size < kind->size) {
        return FAIL(error, "it provides a %s of %u bytes, %zu are the least",
                    kind->noun, head->size, kind->size);
    }

    counts[head->kind]++;
    return FKV_OK;
}


int
fkv__kinds_init(fkv_extension_t *ext, const unsigned counts[FKV__KINDS],
    char *error)
{
    bool  ok = true;

#define ARRAY(member, kind)                                                   \
    do {                                                                      \
        unsigned  n = counts[FERROKV_KIND_##kind];                            \
        ext->member = (n > 0) ? calloc(n, sizeof(ext->member[0])) : NULL;     \
        ok &= (n == 0 || ext->member != NULL);                                \
    } while (0)

    ARRAY(commands, COMMAND);
    ARRAY(aheads, AHEAD);
    ARRAY(types, TYPE);
    ARRAY(merges, MERGE);
    ARRAY(hooks, HOOK);
    ARRAY(workers, WORKER);
    ARRAY(params, PARAM);
    ARRAY(metrics, METRIC);
    ARRAY(metric_defs, METRIC);

#undef ARRAY

    return ok ? FKV_OK : fkv__error(error, FKV_ENOMEM, "out of memory");
}


void
fkv__kinds_done(fkv_extension_t *ext)
{
    for (unsigned i = 0; i < ext->params_n; i++) {
        fkv_param_done(&ext->params[i]);
    }

    free(ext->commands);
    free(ext->aheads);
    free(ext->types);
    free(ext->merges);
    free(ext->hooks);
    free(ext->workers);
    free(ext->params);
    free(ext->metrics);
    free(ext->metric_defs);
}


static int
name_check(const fkv_extension_t *ext, const kind_t *kind, const head_t *head,
    char *error)
{
    fkv_str_t  name = fkv_extension_text(head->name,
                                         FKV_EXTENSION_DEFINITION_MAX + 1);
    fkv_str_t  own = { (const uint8_t *) ext->name, strlen(ext->name) };

    if (head->kind == FERROKV_KIND_COMMAND
        || head->kind == FERROKV_KIND_AHEAD)
    {
        return fkv_extension_command_name_ok(name) ? FKV_OK
               : FAIL(error, "%s is called \"%.*s\", but the name of a "
                      "command is [A-Z][A-Z0-9._-]*, at most %u bytes",
                      head->kind == FERROKV_KIND_COMMAND ? "a command"
                      : "an ahead", (int) name.len, (const char *) name.data,
                      FKV_COMMAND_NAME_MAX);
    }

    return fkv_extension_definition_name_ok(name, own) ? FKV_OK
           : FAIL(error, "a %s is called \"%.*s\", but its name is \"%s\" or "
                  "\"%s.\" and [a-z0-9_]+, at most %u bytes", kind->noun,
                  (int) name.len, (const char *) name.data, ext->name,
                  ext->name, FKV_EXTENSION_DEFINITION_MAX);
}


/* The i-th that has been added already; NULL: there is no i-th. */
static const char *
name_at(const fkv_extension_t *ext, unsigned kind, unsigned i)
{
    switch (kind) {

    case FERROKV_KIND_COMMAND:
        return (i < ext->commands_n) ? ext->commands[i].def.name : NULL;

    case FERROKV_KIND_AHEAD:
        return (i < ext->aheads_n) ? ext->aheads[i].name : NULL;

    case FERROKV_KIND_TYPE:
        return (i < ext->types_n) ? ext->types[i].type.name : NULL;

    case FERROKV_KIND_MERGE:
        return (i < ext->merges_n) ? ext->merges[i].name : NULL;

    case FERROKV_KIND_HOOK:
        return (i < ext->hooks_n) ? ext->hooks[i].name : NULL;

    case FERROKV_KIND_WORKER:
        return (i < ext->workers_n) ? ext->workers[i].name : NULL;

    case FERROKV_KIND_PARAM:
        return (i < ext->params_n) ? ext->params[i].param.name : NULL;

    default: /* FERROKV_KIND_METRIC */
        return (i < ext->metrics_n) ? ext->metrics[i].name : NULL;
    }
}


static int
unique_check(const fkv_extension_t *ext, const kind_t *kind,
    const head_t *head, char *error)
{
    const char  *other;

    for (unsigned i = 0; (other = name_at(ext, head->kind, i)) != NULL; i++) {
        if (strcmp(other, head->name) == 0) {
            return FAIL(error, "it provides the %s \"%s\" twice", kind->noun,
                        head->name);
        }
    }

    return FKV_OK;
}


int
fkv__kind_add(fkv_extension_t *ext, const void *def, char *error)
{
    const head_t  *head = def;
    copy_t         copy;
    uint32_t       unknown;
    int            rc;
    const kind_t  *kind = kind_of(head, &rc, error);

    if (kind == NULL) {
        return rc;
    }

    rc = name_check(ext, kind, head, error);

    if (rc == FKV_OK) {
        rc = unique_check(ext, kind, head, error);
    }

    if (rc != FKV_OK) {
        return rc;
    }

    unknown = head->flags & ~(kind->flags | FERROKV_OPTIONAL);

    if (unknown != 0) {
        return FAIL(error, "%s \"%s\" has flags that this ferrokv does not "
                    "know (0x%x)", kind->noun, head->name, unknown);
    }

    memset(&copy, 0, sizeof(copy));
    memcpy(&copy, def, fkv__min(head->size, kind->size));

    return kind->add(ext, def, &copy, error);
}


static int
type_join(fkv_extension_t *ext, fkv_extension_type_t *type, char *error)
{
    if (type->type.merge == NULL) {
        return FKV_OK;
    }

    for (unsigned i = 0; i < ext->merges_n; i++) {
        if (strcmp(ext->merges[i].name, type->type.merge) == 0) {
            type->merge = &ext->merges[i];
            return FKV_OK;
        }
    }

    return FAIL(error, "type \"%s\" names the merge operator \"%.64s\", which "
                "it does not provide", type->type.name, type->type.merge);
}


static int
ahead_join(fkv_extension_t *ext, const ferrokv_ahead *ahead, char *error)
{
    for (unsigned i = 0; i < ext->commands_n; i++) {

        fkv_extension_command_t  *own = &ext->commands[i];

        if (strcmp(own->def.name, ahead->name) == 0
            && own->def.first_key > 0)
        {
            own->ahead = ahead;
            own->command.flags |= FKV_COMMAND_AHEAD;
            return FKV_OK;
        }
    }

    return FAIL(error, "it says what \"%s\" looks at ahead, but provides no "
                "such command with a key", ahead->name);
}


int
fkv__kinds_join(fkv_extension_t *ext, char *error)
{
    int  rc = FKV_OK;

    for (unsigned i = 0; rc == FKV_OK && i < ext->types_n; i++) {
        rc = type_join(ext, &ext->types[i], error);
    }

    for (unsigned i = 0; rc == FKV_OK && i < ext->aheads_n; i++) {
        rc = ahead_join(ext, &ext->aheads[i], error);
    }

    return rc;
}
