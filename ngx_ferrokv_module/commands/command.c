/*
 * command.c - what a definition says of a request.
 */

#include "commands/command.h"
#include "rules/field.h"

#include <string.h>


bool
fkv_command_arity_ok(const fkv_command_t *command, unsigned argc)
{
    return (command->arity >= 0) ? argc == (unsigned) command->arity
                                 : argc >= (unsigned) -command->arity;
}


unsigned
fkv_command_key(const fkv_command_t *command, unsigned argc, unsigned i)
{
    int64_t  last = command->last_key, at;

    if (command->first_key == 0) {
        return 0;
    }

    if (last < 0) {
        last += argc;
    }

    last = fkv__min(last, (int64_t) argc - 1);
    at = command->first_key + (int64_t) i * command->key_step;

    return (at <= last) ? (unsigned) at : 0;
}


const fkv_command_t *
fkv_command_sub(const fkv_command_t *container, fkv_str_t name)
{
    for (const fkv_command_t *sub = container->subs; sub->name != NULL; sub++)
    {
        fkv_str_t  known = { (const uint8_t *) sub->name, strlen(sub->name) };

        if (fkv_rules_same(known, name)) {
            return sub;
        }
    }

    return NULL;
}
