/*
 * name.c - names and versions.
 */

#include "extensions/name.h"
#include "commands/command.h"

#include <stdio.h>
#include <string.h>


static bool
is_lower(uint8_t c)
{
    return c >= 'a' && c <= 'z';
}


static bool
is_upper(uint8_t c)
{
    return c >= 'A' && c <= 'Z';
}


static bool
is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}


bool
fkv_extension_name_ok(fkv_str_t name)
{
    if (name.len == 0 || name.len > FKV_EXTENSION_NAME_MAX
        || !is_lower(name.data[0]))
    {
        return false;
    }

    for (size_t i = 1; i < name.len; i++) {
        uint8_t  c = name.data[i];

        if (!is_lower(c) && !is_digit(c) && c != '_') {
            return false;
        }
    }

    return true;
}


bool
fkv_extension_version_ok(fkv_str_t version)
{
    if (version.len == 0 || version.len > FKV_EXTENSION_NAME_MAX) {
        return false;
    }

    for (size_t i = 0; i < version.len; i++) {
        uint8_t  c = version.data[i];

        if (is_lower(c) || is_upper(c) || is_digit(c)) {
            continue;
        }

        if (i == 0 || c == '\0' || strchr("._+~-", c) == NULL) {
            return false;
        }
    }

    return true;
}


bool
fkv_extension_command_name_ok(fkv_str_t name)
{
    if (name.len == 0 || name.len > FKV_COMMAND_NAME_MAX
        || !is_upper(name.data[0]))
    {
        return false;
    }

    for (size_t i = 1; i < name.len; i++) {
        uint8_t  c = name.data[i];

        if (!is_upper(c) && !is_digit(c)
            && (c == '\0' || strchr("._-", c) == NULL))
        {
            return false;
        }
    }

    return true;
}


bool
fkv_extension_definition_name_ok(fkv_str_t name, fkv_str_t extension)
{
    if (name.len < extension.len || name.len > FKV_EXTENSION_DEFINITION_MAX
        || memcmp(name.data, extension.data, extension.len) != 0)
    {
        return false;
    }

    if (name.len == extension.len) {
        return true;
    }

    if (name.data[extension.len] != '.' || name.len == extension.len + 1) {
        return false;
    }

    for (size_t i = extension.len + 1; i < name.len; i++) {
        uint8_t  c = name.data[i];

        if (!is_lower(c) && !is_digit(c) && c != '_') {
            return false;
        }
    }

    return true;
}


/* The digits at *p, without leading zeros; *p is behind them. */
static fkv_str_t
digits_take(const uint8_t **p, const uint8_t *end)
{
    fkv_str_t  digits;

    while (*p < end && **p == '0') {
        (*p)++;
    }

    for (digits.data = *p; *p < end && is_digit(**p); (*p)++) {
        /* void */
    }

    digits.len = (size_t) (*p - digits.data);
    return digits;
}


void
fkv_extension_metric_name(char out[FKV_EXTENSION_METRIC_BYTES],
    const char *name, bool gauge)
{
    (void) snprintf(out, FKV_EXTENSION_METRIC_BYTES, "%.*s%s",
                    FKV_EXTENSION_DEFINITION_MAX, name, gauge ? "" : "_total");

    for (char *p = out; *p != '\0'; p++) {
        if (*p == '.') {
            *p = '_';
        }
    }
}


int
fkv_extension_version_order(fkv_str_t a, fkv_str_t b)
{
    const uint8_t  *p = a.data, *p_end = a.data + a.len;
    const uint8_t  *q = b.data, *q_end = b.data + b.len;

    while (p < p_end && q < q_end) {

        if (!is_digit(*p) || !is_digit(*q)) {
            if (*p != *q) {
                return (int) *p - (int) *q;
            }

            p++;
            q++;
            continue;
        }

        fkv_str_t  m = digits_take(&p, p_end), n = digits_take(&q, q_end);

        if (m.len != n.len) {
            return (m.len < n.len) ? -1 : 1;
        }

        int  order = memcmp(m.data, n.data, m.len);

        if (order != 0) {
            return order;
        }
    }

    return (p < p_end) - (q < q_end);
}
