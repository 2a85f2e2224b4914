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


void
fkv_command_keys(const fkv_command_t *command, unsigned argc, unsigned *first,
    unsigned *last)
{
    int64_t  to = command->last_key;

    if (command->first_key == 0) {
        *first = 1;
        *last = 0;
        return;
    }

    to += (to < 0) ? argc : 0;

    *first = (unsigned) command->first_key;
    *last = (unsigned) fkv__max(fkv__min(to, (int64_t) argc - 1), 0);
}


unsigned
fkv_command_key(const fkv_command_t *command, unsigned argc, unsigned i)
{
    unsigned  first, last;
    uint64_t  at;

    fkv_command_keys(command, argc, &first, &last);
    at = first + (uint64_t) i * (unsigned) command->key_step;

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
