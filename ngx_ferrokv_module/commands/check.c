#include "commands/check.h"
#include "commands/client.h"
#include "commands/types.h"
#include "rules/field.h"

#include <string.h>

#define SHOWN_MAX  128          /* bytes of a request in an error */


static int
check_unknown(const fkv_str_t *argv, unsigned argc, fkv_reply_t *reply)
{
    char       args[2 * SHOWN_MAX];
    size_t     len = 0;
    fkv_str_t  extension, version;

    if (fkv_types_missing_command(argv[0], &extension, &version)) {
        fkv_reply_error(reply, "EXTMISSING extension \"%.*s\" %.*s is needed "
                        "for '%.*s'", (int) extension.len,
                        (const char *) extension.data, (int) version.len,
                        (const char *) version.data,
                        (int) fkv__min(argv[0].len, SHOWN_MAX),
                        (const char *) argv[0].data);
        return FKV_EINVAL;
    }

    for (unsigned i = 1; i < argc && len < SHOWN_MAX; i++) {
        size_t  shown = fkv__min(argv[i].len, SHOWN_MAX - len);

        args[len++] = '\'';
        memcpy(args + len, argv[i].data, shown);
        len += shown;
        args[len++] = '\'';
        args[len++] = ' ';
    }

    args[len] = '\0';

    fkv_reply_error(reply, "ERR unknown command '%.*s', with args beginning "
                    "with: %s", (int) fkv__min(argv[0].len, SHOWN_MAX),
                    (const char *) argv[0].data, args);

    return FKV_EINVAL;
}


static int
check_unknown_sub(const fkv_command_t *container, fkv_str_t name,
    fkv_reply_t *reply)
{
    fkv_reply_error(reply, "ERR unknown subcommand '%.*s'. Try %s HELP.",
                    (int) fkv__min(name.len, SHOWN_MAX),
                    (const char *) name.data, container->name);

    return FKV_EINVAL;
}


static void
name_append(char name[FKV_COMMAND_NAME_BYTES], size_t *len, const uint8_t *text,
    size_t text_len)
{
    for (size_t i = 0; i < text_len && *len < FKV_COMMAND_NAME_BYTES - 1; i++)
    {
        name[(*len)++] = (char) fkv_rules_lower(text[i]);
    }

    name[*len] = '\0';
}


/* Of a subcommand argv[0] is the name of its container, whatever its case. */
void
fkv_command_name(char name[FKV_COMMAND_NAME_BYTES],
    const fkv_command_t *command, const fkv_str_t *argv)
{
    size_t     len = 0;
    fkv_str_t  own = { (const uint8_t *) command->name,
                       strlen(command->name) };

    if (!fkv_rules_same(own, argv[0])) {
        name_append(name, &len, argv[0].data, argv[0].len);
        name_append(name, &len, (const uint8_t *) "|", 1);
    }

    name_append(name, &len, own.data, own.len);
}


static int
check_arity(const fkv_command_t *command, const fkv_str_t *argv, unsigned argc,
    fkv_reply_t *reply)
{
    char  name[FKV_COMMAND_NAME_BYTES];

    /* a container alone: mostly it has nothing to call */
    if (command->call != NULL && fkv_command_arity_ok(command, argc)) {
        return FKV_OK;
    }

    fkv_command_name(name, command, argv);
    fkv_reply_error(reply, "ERR wrong number of arguments for '%s' command",
                    name);

    return FKV_EINVAL;
}


static int
check_rights(const fkv_command_t *command, const fkv_str_t *argv,
    unsigned rights, const fkv_client_t *client, fkv_reply_t *reply)
{
    char      name[FKV_COMMAND_NAME_BYTES];
    unsigned  flags = command->flags;

    if (client != NULL && !client->authenticated
        && !(flags & FKV_COMMAND_NOAUTH))
    {
        fkv_reply_error(reply, "NOAUTH Authentication required.");
        return FKV_EINVAL;
    }

    /* most of them */
    if (!(flags & ~rights & (FKV_COMMAND_WRITE | FKV_COMMAND_ADMIN))
        && (!(flags & FKV_COMMAND_SESSION) || client != NULL))
    {
        return FKV_OK;
    }

    fkv_command_name(name, command, argv);

    if (flags & ~rights & FKV_COMMAND_ADMIN) {
        fkv_reply_error(reply, "NOPERM this user has no permissions to run the "
                        "'%s' command: it needs admin=on", name);

    } else if (flags & ~rights & FKV_COMMAND_WRITE) {
        fkv_reply_error(reply, "READONLY You can't write against a read only "
                        "replica.");

    } else {
        fkv_reply_error(reply, "ERR '%s' is about a connection of the Redis "
                        "protocol, which this is not", name);
    }

    return FKV_EINVAL;
}


int
fkv_command_check(const fkv_command_t **command, const fkv_str_t *argv,
    unsigned argc, unsigned rights, const fkv_client_t *client,
    fkv_reply_t *reply)
{
    const fkv_command_t  *found = fkv_command_find(argv[0]);

    *command = found;

    if (found == NULL) {
        return check_unknown(argv, argc, reply);
    }

    if (found->subs != NULL && argc > 1) {

        found = fkv_command_sub(found, argv[1]);

        if (found == NULL && fkv_rules_same(argv[1], FKV_STR("HELP"))) {
            return check_rights(*command, argv, rights, client, reply);
        }

        if (found == NULL) {
            return check_unknown_sub(*command, argv[1], reply);
        }

        *command = found;
    }

    if (check_arity(found, argv, argc, reply) != FKV_OK) {
        return FKV_EINVAL;
    }

    return check_rights(found, argv, rights, client, reply);
}
