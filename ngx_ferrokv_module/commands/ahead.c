#include "commands/ahead.h"
#include "base/bytes.h"

#define DIGITS_MAX  9

typedef struct {
    const uint8_t  *p;
    const uint8_t  *end;
} bytes_t;


static fkv_ahead_pt  ahead_ask;


void
fkv_ahead_ask(fkv_ahead_pt ask)
{
    ahead_ask = ask;
}


/* "*2" or "$10", and the end of the line. */
static bool
number_next(bytes_t *bytes, uint8_t letter, size_t *n)
{
    const uint8_t  *p = bytes->p, *digits;

    if (p == bytes->end || *p++ != letter) {
        return false;
    }

    for (*n = 0, digits = p;
         p < bytes->end && *p >= '0' && *p <= '9' && p - digits < DIGITS_MAX;
         p++)
    {
        *n = *n * 10 + (*p - '0');
    }

    if (p == digits || bytes->end - p < 2 || *p != '\r') {
        return false;
    }

    bytes->p = p + 2;

    return true;
}


static bool
bulk_next(bytes_t *bytes, fkv_str_t *str)
{
    size_t  n;

    if (!number_next(bytes, '$', &n)
        || (size_t) (bytes->end - bytes->p) < n + 2)
    {
        return false;
    }

    *str = (fkv_str_t) { bytes->p, n };
    bytes->p += n + 2;

    return true;
}


static void
key_add(fkv_ahead_keys_t *keys, fkv_str_t key)
{
    if (keys->n == 0 || fkv__str_cmp(keys->keys[keys->n - 1], key) != 0) {
        keys->keys[keys->n++] = key;
    }
}


static void
request_add(fkv_ahead_t *ahead, const fkv_ahead_request_t *request)
{
    bool                   put = request->command->flags & FKV_COMMAND_WRITE;
    unsigned               first = (unsigned) request->command->first_key;
    fkv_ahead_elements_t  *elements;

    if (first == 0 || first >= request->argc) {
        return;
    }

    key_add(put ? &ahead->put : &ahead->read, request->argv[first]);

    if ((request->command->flags & FKV_COMMAND_AHEAD)) {
        elements = put ? &ahead->elements_put : &ahead->elements_read;
        elements->requests[elements->keys.n] = *request;
        elements->keys.keys[elements->keys.n++] = request->argv[first];
    }
}


/* Behind SELECT, keys are others. */
static bool
command_plain(const fkv_command_t *command)
{
    return command != NULL && !(command->flags & FKV_COMMAND_SESSION);
}


static bool
request_next(fkv_ahead_t *ahead, bytes_t *bytes)
{
    fkv_ahead_request_t  request;
    size_t               argc;

    if (!number_next(bytes, '*', &argc) || argc == 0 || argc > FKV_AHEAD_ARGS)
    {
        return false;
    }

    for (request.argc = 0; request.argc < argc; request.argc++) {
        if (!bulk_next(bytes, &request.argv[request.argc])) {
            return false;
        }
    }

    request.command = fkv_command_find(request.argv[0]);

    if (!command_plain(request.command)) {
        return false;
    }

    request_add(ahead, &request);

    return true;
}


void
fkv_ahead_look(fkv_ahead_t *ahead, const uint8_t *data, size_t len)
{
    bytes_t  bytes = { data, data + len };

    ahead->read.n = 0;
    ahead->put.n = 0;
    ahead->elements_read.keys.n = 0;
    ahead->elements_put.keys.n = 0;
    ahead->requests = 0;

    while (ahead->requests < FKV_AHEAD_MAX && request_next(ahead, &bytes)) {
        ahead->requests++;
    }
}


typedef struct {
    const fkv_t                *store;
    const fkv_ahead_request_t  *requests;
    fkv__memory_t               memory;
} ask_t;


static unsigned
names_ask(void *data, unsigned key, const fkv_value_t *value,
    fkv_str_t *names)
{
    ask_t                      *ask = data;
    const fkv_ahead_request_t  *request = &ask->requests[key];

    if (!fkv_command_arity_ok(request->command, request->argc)) {
        return 0;
    }

    return ahead_ask(request->command, ask->store, value, request->argc,
                     request->argv, &ask->memory, names);
}


static void
elements_prefetch(fkv_t *store, unsigned ns,
    const fkv_ahead_elements_t *elements, bool put)
{
    ask_t  ask = { store, elements->requests, { .pieces = NULL } };

    if (elements->keys.n > 0) {
        fkv_prefetch_elements(store, ns, elements->keys.keys,
                              elements->keys.n, put, names_ask, &ask);
        fkv__memory_done(&ask.memory);
    }
}


static void
keys_prefetch(fkv_t *store, unsigned ns, const fkv_ahead_keys_t *keys,
    bool put)
{
    if (keys->n > 0) {
        fkv_prefetch(store, ns, keys->keys, keys->n, put);
    }
}


unsigned
fkv_ahead(fkv_t *store, unsigned ns, const uint8_t *data, size_t len)
{
    fkv_ahead_t  ahead;

    fkv_ahead_look(&ahead, data, len);
    keys_prefetch(store, ns, &ahead.read, false);
    keys_prefetch(store, ns, &ahead.put, true);
    elements_prefetch(store, ns, &ahead.elements_read, false);
    elements_prefetch(store, ns, &ahead.elements_put, true);

    return ahead.requests;
}
