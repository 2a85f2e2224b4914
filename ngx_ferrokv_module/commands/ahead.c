#include "commands/ahead.h"
#include "commands/command.h"

#define ARGS_MAX    8       /* more are not looked through */
#define DIGITS_MAX  9

typedef struct {
    const uint8_t  *p;
    const uint8_t  *end;
} bytes_t;


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
key_add(fkv_ahead_t *ahead, const fkv_command_t *command, fkv_str_t key)
{
    fkv_ahead_keys_t  *keys = (command->flags & FKV_COMMAND_WRITE)
                              ? &ahead->put : &ahead->read;

    keys->keys[keys->n++] = key;
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
    const fkv_command_t  *command;
    fkv_str_t             arg;
    size_t                argc;

    if (!number_next(bytes, '*', &argc) || argc > ARGS_MAX
        || !bulk_next(bytes, &arg))
    {
        return false;
    }

    command = fkv_command_find(arg);

    if (!command_plain(command)) {
        return false;
    }

    for (size_t i = 1; i < argc; i++) {
        if (!bulk_next(bytes, &arg)) {
            return false;
        }

        if (i == (size_t) command->first_key) {
            key_add(ahead, command, arg);
        }
    }

    return true;
}


void
fkv_ahead_look(fkv_ahead_t *ahead, const uint8_t *data, size_t len)
{
    bytes_t  bytes = { data, data + len };

    ahead->read.n = 0;
    ahead->put.n = 0;
    ahead->requests = 0;

    while (ahead->requests < FKV_AHEAD_MAX && request_next(ahead, &bytes)) {
        ahead->requests++;
    }
}


unsigned
fkv_ahead(fkv_t *store, unsigned ns, const uint8_t *data, size_t len)
{
    fkv_ahead_t  ahead;

    fkv_ahead_look(&ahead, data, len);

    if (ahead.read.n > 0) {
        fkv_prefetch(store, ns, ahead.read.keys, ahead.read.n, false);
    }

    if (ahead.put.n > 0) {
        fkv_prefetch(store, ns, ahead.put.keys, ahead.put.n, true);
    }

    return ahead.requests;
}
