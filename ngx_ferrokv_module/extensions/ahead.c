#include "extensions/ahead.h"
#include "commands/types.h"

typedef struct {
    const ferrokv_ahead  *ahead;
    ferrokv_value         head;
    unsigned              argc;
    const ferrokv_str    *argv;
    ferrokv_str          *names;
    size_t                n;
} ask_t;


static int
ask_run(fkv_host_t *host, void *data)
{
    ask_t  *ask = data;

    ask->n = ask->ahead->elements(&host->ctx, &ask->head, ask->argc, ask->argv,
                                  ask->names, FKV_PREFETCH_NAMES);

    return FERROKV_OK;
}


/* Nothing is recoded for a hint. */
static const fkv_type_t *
type_of(const fkv_extension_t *extension, const fkv_t *store,
    const fkv_value_t *value)
{
    const fkv_type_t  *type;

    type = fkv_types_by_id(fkv_types_of(store), value->type);

    return (type != NULL && type->owner == extension
            && type->encver == value->encver && value->data.data != NULL)
           ? type : NULL;
}


unsigned
fkv_extension_ahead(const fkv_command_t *command, const fkv_t *store,
    const fkv_value_t *value, unsigned argc, const fkv_str_t *argv,
    fkv__memory_t *memory, fkv_str_t *names)
{
    const fkv_extension_command_t  *own = (const void *) command;
    fkv_extension_t                *extension = own->extension;
    const fkv_type_t               *type = type_of(extension, store, value);
    ask_t                           ask;
    fkv_host_t                      host;

    if (type == NULL || fkv_host_state(extension, store) != FKV_HOST_READY) {
        return 0;
    }

    ask = (ask_t) {
        .ahead = own->ahead,
        .head = { fkv_host_out(value->data), type->def, value->expire_at },
        .argc = argc,
        .argv = (const ferrokv_str *) (const void *) argv,
        .names = (ferrokv_str *) (void *) names
    };

    fkv_host_init_pure(&host, extension, fkv_host_at(extension, store),
                       memory);

    if (fkv_host_run(&host, ask_run, &ask) != FERROKV_OK
        || ask.n > FKV_PREFETCH_NAMES)
    {
        return 0;
    }

    return (unsigned) ask.n;
}
