/*
 * table.c - all commands: the families, and their names hashed.
 *
 * It is made when it is asked for the first time, and anew when extensions
 * change; what is built in comes first, so it has the same places everywhere.
 */

#include "commands/command.h"
#include "rules/field.h"

#include <string.h>

#define PLACES  1024            /* a power of two, more than FKV_COMMANDS_MAX */

static const fkv_command_t *const  families[] = {
    fkv_commands_session,
    fkv_commands_transaction,
    fkv_commands_client,
    fkv_commands_server,
    fkv_commands_info,
    fkv_commands_config,
    fkv_commands_introspect,
    fkv_commands_memory,
    fkv_commands_slowlog,
    fkv_commands_latency,
    fkv_commands_string,
    fkv_commands_counter,
    fkv_commands_lcs,
    fkv_commands_bitmap,
    fkv_commands_bitfield,
    fkv_commands_key,
    fkv_commands_expire,
    fkv_commands_scan,
    fkv_commands_object,
    fkv_commands_dump,
    fkv_commands_random,
    fkv_commands_debug,
    fkv_commands_extension,
    NULL
};

static struct {
    const fkv_command_t *const *added;
    unsigned              added_n;
    unsigned              n;            /* 0: not made yet */
    const fkv_command_t  *commands[FKV_COMMANDS_MAX + 1];
    fkv_str_t             names[FKV_COMMANDS_MAX];
    uint16_t              places[PLACES];       /* index + 1; 0 = free */
} table;


/* FNV-1a of the lower letters. */
static unsigned
place_of(fkv_str_t name)
{
    uint32_t  hash = 2166136261;

    for (size_t i = 0; i < name.len; i++) {
        hash = (hash ^ fkv_rules_lower(name.data[i])) * 16777619;
    }

    return (hash ^ hash >> 16) % PLACES;
}


static void
table_add(const fkv_command_t *command)
{
    fkv_str_t  name = { (const uint8_t *) command->name,
                        strlen(command->name) };
    unsigned   place;

    FKV_ASSERT(table.n < FKV_COMMANDS_MAX);
    FKV_ASSERT(name.len > 0 && name.len <= FKV_COMMAND_NAME_MAX);

    place = place_of(name);

    while (table.places[place] != 0) {
        place = (place + 1) % PLACES;
    }

    table.names[table.n] = name;
    table.commands[table.n] = command;
    table.places[place] = (uint16_t) ++table.n;
}


static void
table_make(void)
{
    for (unsigned i = 0; families[i] != NULL; i++) {
        for (const fkv_command_t *c = families[i]; c->name != NULL; c++) {
            table_add(c);
        }
    }

    for (unsigned i = 0; i < table.added_n; i++) {
        table_add(table.added[i]);
    }
}


void
fkv_command_use(const fkv_command_t *const *added, unsigned n)
{
    memset(&table, 0, sizeof(table));
    table.added = added;
    table.added_n = n;
}


const fkv_command_t *
fkv_command_find(fkv_str_t name)
{
    unsigned  place;

    if (table.n == 0) {
        table_make();
    }

    if (name.len == 0 || name.len > FKV_COMMAND_NAME_MAX) {
        return NULL;
    }

    for (place = place_of(name); table.places[place] != 0;
         place = (place + 1) % PLACES)
    {
        unsigned  i = table.places[place] - 1;

        if (fkv_rules_same(table.names[i], name)) {
            return table.commands[i];
        }
    }

    return NULL;
}


const fkv_command_t *
fkv_command_at(unsigned i)
{
    if (table.n == 0) {
        table_make();
    }

    return (i < table.n) ? table.commands[i] : NULL;
}
