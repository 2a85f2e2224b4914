#include "commands/monitor.h"
#include "rules/field.h"

#include <stdio.h>
#include <string.h>

#define CUT         "..."
#define LETTER_MAX  4           /* "\xff" */


static size_t
letter_put(char *out, uint8_t c)
{
    static const char  bytes[] = "\n\r\t\a\b\\\"", letters[] = "nrtab\\\"";
    static const char  digits[] = "0123456789abcdef";
    const char        *escaped = (c != '\0') ? strchr(bytes, c) : NULL;

    if (escaped != NULL) {
        out[0] = '\\';
        out[1] = letters[escaped - bytes];
        return 2;
    }

    if (c >= ' ' && c <= '~') {
        out[0] = (char) c;
        return 1;
    }

    out[0] = '\\';
    out[1] = 'x';
    out[2] = digits[c >> 4];
    out[3] = digits[c & 15];

    return 4;
}


/* Room is kept for the cut, the quote and a letter. */
static bool
arg_put(char *out, size_t *len, fkv_str_t arg)
{
    size_t  last = FKV_MONITOR_LINE_MAX - LETTER_MAX - sizeof(CUT "\" \"");

    if (*len > last) {
        return false;
    }

    out[(*len)++] = ' ';
    out[(*len)++] = '"';

    for (size_t i = 0; i < arg.len; i++) {
        if (*len > last) {
            memcpy(out + *len, CUT "\"", sizeof(CUT));
            *len += sizeof(CUT);
            return false;
        }

        *len += letter_put(out + *len, arg.data[i]);
    }

    out[(*len)++] = '"';

    return true;
}


bool
fkv_monitor_shown(const fkv_command_t *command)
{
    return command == NULL || !(command->flags & FKV_COMMAND_ADMIN);
}


/* AUTH's arguments, and those of HELLO's AUTH. */
static bool
is_secret(const fkv_monitor_t *monitor, unsigned i)
{
    if (monitor->command == NULL || i == 0) {
        return false;
    }

    if (strcmp(monitor->command->name, "AUTH") == 0) {
        return true;
    }

    return strcmp(monitor->command->name, "HELLO") == 0 && i > 2
           && (fkv_rules_same(monitor->argv[i - 1], FKV_STR("AUTH"))
               || (i > 3 && fkv_rules_same(monitor->argv[i - 2],
                                           FKV_STR("AUTH"))));
}


size_t
fkv_monitor_line(char out[FKV_MONITOR_LINE_MAX], const fkv_monitor_t *monitor)
{
    size_t  len;

    len = (size_t) snprintf(out, FKV_MONITOR_LINE_MAX, "%llu.%06llu [%u %s]",
                            (unsigned long long) (monitor->now_us / 1000000),
                            (unsigned long long) (monitor->now_us % 1000000),
                            monitor->ns, monitor->addr);

    for (unsigned i = 0; i < monitor->argc; i++) {
        fkv_str_t  arg = is_secret(monitor, i) ? FKV_STR("(redacted)")
                                               : monitor->argv[i];

        if (!arg_put(out, &len, arg)) {
            break;
        }
    }

    return len;
}
