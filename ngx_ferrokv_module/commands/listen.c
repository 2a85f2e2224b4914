#include "commands/listen.h"

const fkv_listener_t  *fkv__listener;


void
fkv_listen(const fkv_listener_t *listener)
{
    fkv__listener = listener;
}


fkv_str_t
fkv_listen_key(const fkv_command_t *command, unsigned argc,
    const fkv_str_t *argv)
{
    unsigned  at = fkv_command_key(command, argc, 0);

    return (at != 0) ? argv[at] : FKV_STR_NULL;
}
