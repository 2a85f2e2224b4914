#include "commands/help.h"

#include <stdio.h>

#define LINE_BYTES  512


static void
help_line(fkv_reply_t *reply, const char *a, const char *b, const char *c)
{
    char  line[LINE_BYTES];

    (void) snprintf(line, sizeof(line), "%s%s%s", a, b, c);
    fkv_reply_status(reply, line);
}


void
fkv_command_help(const fkv_command_t *container, fkv_reply_t *reply)
{
    size_t  begin = fkv_reply_array_begin(reply), n = 3;

    help_line(reply, container->name, " <subcommand> [<arg> [value] [opt] ...]"
              ". Subcommands are:", "");

    if (container->call != NULL) {
        fkv_reply_status(reply, "(no subcommand)");
        help_line(reply, "    ", container->summary, "");
        n += 2;
    }

    for (const fkv_command_t *sub = container->subs; sub->name != NULL; sub++)
    {
        bool  bare = (sub->usage == NULL || sub->usage[0] == '\0');

        help_line(reply, sub->name, bare ? "" : " ", bare ? "" : sub->usage);
        help_line(reply, "    ", sub->summary, "");
        n += 2;
    }

    fkv_reply_status(reply, "HELP");
    fkv_reply_status(reply, "    Prints this help.");
    fkv_reply_array_end(reply, begin, n);
}
