#include "extensions/type.h"
#include "extensions/answer.h"
#include "commands/txn.h"

#include <string.h>

/* One call of one of a type's functions. */
typedef struct {
    const fkv_extension_type_t  *def;
    const char                  *what;      /* "input" */
    ferrokv_str                  key;
    const ferrokv_value         *value;     /* or base, or NULL */
    ferrokv_str                  bytes;     /* text, old */
    uint32_t                     encver;
    const ferrokv_str           *ops;
    size_t                       ops_n;
    ferrokv_value                out;
    uint64_t                     weight;
} ask_t;


static fkv_extension_t *
owner_of(const fkv_type_t *type)
{
    return (fkv_extension_t *) (uintptr_t) type->owner;
}


static const fkv_extension_type_t *
def_of(const fkv_type_t *type)
{
    const fkv_extension_t  *extension = type->owner;

    for (unsigned i = 0; i < extension->types_n; i++) {
        if (extension->types[i].def == type->def) {
            return &extension->types[i];
        }
    }

    fkv__unreachable();
}


static ferrokv_value
value_of(const fkv_type_t *type, const fkv_call_value_t *value)
{
    return (ferrokv_value) {
        .data = fkv_host_out(value->data),
        .type = (value->type == type->id) ? type->def : NULL,
        .expires = value->expire_at
    };
}


/*
 * What a function has made: FKV_OK · FKV_EINVAL it cannot be a value of its
 * type.
 */
static int
out_check(const ask_t *ask, uint64_t max)
{
    const ferrokv_value  *out = &ask->out;

    return ((out->data.data != NULL || out->data.len == 0)
            && out->data.len <= max
            && (out->type == NULL || out->type == ask->def->def))
           ? FKV_OK : FKV_EINVAL;
}


static int
garbage(fkv_host_t *host, const ask_t *ask)
{
    return fkv_call_fail(host->call, "ERR extension \"%s\" failed: %s() of its "
                         "type \"%s\" made what is no value",
                         host->extension->name, ask->what,
                         ask->def->type.name);
}


/* A value as it stands in the store, or will: then its version is 0. */
static fkv_poison_ask_t
ask_value(fkv_poison_fn_e fn, unsigned ns, fkv_str_t key,
    const fkv_call_value_t *value)
{
    return (fkv_poison_ask_t) { fn, { ns, key, value->version,
                                      value->version } };
}


/* In the frame of a command that works on values of this type. */
static void
host_begin(fkv_host_t *host, const fkv_type_t *type, fkv_call_t *call)
{
    fkv_host_init(host, owner_of(type), call, FERROKV_IN_PURE,
                  &call->txn->run);
    host->nested = true;
}


/* A function that makes a value has returned rc. */
static int
made(fkv_host_t *host, const ask_t *ask, int rc, fkv_str_t *data)
{
    if (host->rc != FKV_OK || rc < 0) {
        return fkv_answer(host, rc);
    }

    if (rc != FERROKV_OK
        || out_check(ask, fkv_call_value_max(host->call)) != FKV_OK)
    {
        return garbage(host, ask);
    }

    *data = fkv_host_in(ask->out.data);

    return FKV_OK;
}


static int
output_run(fkv_host_t *host, void *data)
{
    const ask_t  *ask = data;

    return ask->def->type.output(&host->ctx, ask->value);
}


static int
type_output(const fkv_type_t *type, fkv_call_t *call, fkv_str_t key,
    const fkv_call_value_t *value)
{
    ferrokv_value     in = value_of(type, value);
    ask_t             ask = { .def = def_of(type), .what = "output",
                              .value = &in };
    fkv_poison_ask_t  about = ask_value(FKV_POISON_OUTPUT, call->ns, key,
                                        value);
    fkv_host_t        host;

    host_begin(&host, type, call);
    host.ask = &about;
    host.says = true;

    return fkv_answer(&host, fkv_host_run(&host, output_run, &ask));
}


static int
input_run(fkv_host_t *host, void *data)
{
    ask_t  *ask = data;

    return ask->def->type.input(&host->ctx, ask->bytes, &ask->out);
}


static int
type_input(const fkv_type_t *type, fkv_call_t *call, fkv_str_t text,
    fkv_str_t *data)
{
    ask_t       ask = { .def = def_of(type), .what = "input",
                        .bytes = fkv_host_out(text) };
    fkv_host_t  host;

    host_begin(&host, type, call);
    host.says = true;                   /* fail() answers, nothing else */
    host.owed = 0;

    return made(&host, &ask, fkv_host_run(&host, input_run, &ask), data);
}


static int
recode_run(fkv_host_t *host, void *data)
{
    ask_t  *ask = data;

    return ask->def->type.recode(&host->ctx, ask->encver, ask->bytes,
                                 &ask->out);
}


static int
type_recode(const fkv_type_t *type, fkv_call_t *call, unsigned ns,
    fkv_str_t key, const fkv_call_value_t *value, fkv_str_t *data)
{
    ask_t             ask = { .def = def_of(type), .what = "recode",
                              .encver = value->encver,
                              .bytes = fkv_host_out(value->data) };
    fkv_poison_ask_t  about = ask_value(FKV_POISON_RECODE, ns, key, value);
    fkv_host_t        host;

    host_begin(&host, type, call);
    host.ask = &about;

    return made(&host, &ask, fkv_host_run(&host, recode_run, &ask), data);
}


static int
compact_run(fkv_host_t *host, void *data)
{
    ask_t  *ask = data;

    return ask->def->type.compact(&host->ctx, ask->key, ask->value, &ask->out);
}


static int
type_compact(const fkv_type_t *type, fkv_call_t *call, unsigned ns,
    fkv_str_t key, const fkv_call_value_t *value, fkv_str_t *data)
{
    ferrokv_value     in = value_of(type, value);
    ask_t             ask = { .def = def_of(type), .what = "compact",
                              .key = fkv_host_out(key), .value = &in };
    fkv_poison_ask_t  about = ask_value(FKV_POISON_COMPACT, ns, key, value);
    fkv_host_t        host;
    int               rc;

    host_begin(&host, type, call);
    host.ask = &about;
    rc = fkv_host_run(&host, compact_run, &ask);

    return (host.rc == FKV_OK && rc == FERROKV_NONE)
           ? FKV_NOTFOUND : made(&host, &ask, rc, data);
}


static int
weight_run(fkv_host_t *host, void *data)
{
    ask_t  *ask = data;

    (void) host;
    ask->weight = ask->def->type.weight(ask->value);

    return FERROKV_OK;
}


static uint64_t
type_weight(const fkv_type_t *type, const fkv_call_t *call, fkv_str_t key,
    const fkv_call_value_t *value)
{
    ferrokv_value     in = value_of(type, value);
    ask_t             ask = { .def = def_of(type), .what = "weight",
                              .value = &in, .weight = value->data.len };
    fkv_poison_ask_t  about = ask_value(FKV_POISON_WEIGHT, call->ns, key,
                                        value);
    fkv__memory_t     memory = { .pieces = NULL };
    fkv_host_t        host;

    fkv_host_init(&host, owner_of(type), NULL, FERROKV_IN_PURE, &memory);
    fkv_host_in_store(&host, call->store);
    host.ask = &about;
    (void) fkv_host_run(&host, weight_run, &ask);
    fkv__memory_done(&memory);

    return ask.weight;
}


/* What an older encoding wrote is recoded first. */
static int
base_today(fkv_host_t *host, const ask_t *ask, ferrokv_value *base)
{
    ask_t  old = { .def = ask->def, .bytes = base->data,
                   .encver = ask->encver };

    if (ask->encver == ask->def->type.encver) {
        return FERROKV_OK;
    }

    if (ask->def->type.recode == NULL
        || recode_run(host, &old) != FERROKV_OK
        || out_check(&old, FKV_VALUE_MAX_MAX) != FKV_OK)
    {
        return FERROKV_ECORRUPT;
    }

    base->data = old.out.data;

    return FERROKV_OK;
}


static int
full_run(fkv_host_t *host, void *data)
{
    ask_t          *ask = data;
    ferrokv_value   base;
    int             rc;

    if (ask->value == NULL) {
        return ask->def->merge->full(&host->ctx, ask->key, NULL, ask->ops,
                                     ask->ops_n, &ask->out);
    }

    base = *ask->value;
    rc = base_today(host, ask, &base);

    return (rc == FERROKV_OK)
           ? ask->def->merge->full(&host->ctx, ask->key, &base, ask->ops,
                                   ask->ops_n, &ask->out)
           : rc;
}


static int
partial_run(fkv_host_t *host, void *data)
{
    ask_t  *ask = data;

    return ask->def->merge->partial(&host->ctx, ask->key, ask->ops, ask->ops_n,
                                    &ask->out.data);
}


/* It outlives the memory that it was made in.  FKV_OK · FKV_ENOMEM */
static int
out_copy(const ask_t *ask, fkv_str_t *data)
{
    uint8_t  *copy = fkv__alloc(ask->out.data.len + 1);

    if (copy == NULL) {
        return FKV_ENOMEM;
    }

    if (ask->out.data.len > 0) {
        memcpy(copy, ask->out.data.data, ask->out.data.len);
    }

    *data = (fkv_str_t) { copy, ask->out.data.len };

    return FKV_OK;
}


/* Without a call: whoever reads gets the failure. */
static int
merged(const fkv_type_t *type, const fkv_host_store_t *at, fkv_host_pt fn,
    const fkv_poison_ask_t *about, ask_t *ask, fkv_str_t *data)
{
    fkv__memory_t  memory = { .pieces = NULL };
    fkv_host_t     host;
    int            rc;

    fkv_host_init_pure(&host, owner_of(type), at, &memory);
    host.ask = about;
    rc = fkv_host_run(&host, fn, ask);

    if (rc == FERROKV_OK && out_check(ask, FKV_VALUE_MAX_MAX) == FKV_OK) {
        rc = out_copy(ask, data);

    } else {
        rc = (host.rc == FKV_ENOMEM) ? FKV_ENOMEM : FKV_ECORRUPT;
    }

    fkv__memory_done(&memory);

    return rc;
}


int
fkv_type_full(const fkv_type_t *type, const fkv_host_store_t *at,
    const fkv_chain_t *chain, const fkv_call_value_t *base,
    const fkv_str_t *ops, unsigned n, fkv_str_t *data)
{
    fkv_poison_ask_t  about = { FKV_POISON_FULL, *chain };
    ferrokv_value     in;
    ask_t             ask = { .def = def_of(type), .what = "full",
                              .key = fkv_host_out(chain->key),
                              .ops = (const ferrokv_str *) (const void *) ops,
                              .ops_n = n };

    if (ask.def->merge == NULL) {
        return FKV_EMISSING;
    }

    if (base != NULL) {

        if (base->type != type->id) {
            return FKV_WRONGTYPE;
        }

        in = value_of(type, base);
        ask.value = &in;
        ask.encver = base->encver;
    }

    return merged(type, at, full_run, &about, &ask, data);
}


int
fkv_type_partial(const fkv_type_t *type, const fkv_host_store_t *at,
    const fkv_chain_t *chain, const fkv_str_t *ops, unsigned n,
    fkv_str_t *data)
{
    fkv_poison_ask_t  about = { FKV_POISON_PARTIAL, *chain };
    ask_t             ask = { .def = def_of(type), .what = "partial",
                              .key = fkv_host_out(chain->key),
                              .ops = (const ferrokv_str *) (const void *) ops,
                              .ops_n = n };

    if (ask.def->merge == NULL || ask.def->merge->partial == NULL) {
        return FKV_EMISSING;
    }

    return merged(type, at, partial_run, &about, &ask, data);
}


static int
type_full(const fkv_type_t *type, const fkv_t *store,
    const fkv_chain_t *chain, const fkv_call_value_t *base,
    const fkv_str_t *ops, unsigned n, fkv_str_t *data)
{
    return fkv_type_full(type, fkv_host_at(owner_of(type), store), chain, base,
                         ops, n, data);
}


void
fkv_type_is(fkv_type_t *type, fkv_extension_t *extension,
    const fkv_extension_type_t *def)
{
    const ferrokv_type  *is = &def->type;

    type->owner = extension;
    type->def = def->def;
    type->label = def->label;
    type->encver = (uint16_t) is->encver;
    type->output = (is->output != NULL) ? type_output : NULL;
    type->input = (is->input != NULL) ? type_input : NULL;
    type->recode = (is->recode != NULL) ? type_recode : NULL;
    type->compact = (is->compact != NULL) ? type_compact : NULL;
    type->weight = (is->weight != NULL) ? type_weight : NULL;
    type->full = (def->merge != NULL) ? type_full : NULL;
}
