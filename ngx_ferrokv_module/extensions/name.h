/*
 * name.h - what names and versions look like, and which version is newer.
 *
 *   extension   [a-z][a-z0-9_]*, at most FKV_EXTENSION_NAME_MAX bytes
 *   definition  an extension's name, or it, a dot and [a-z0-9_]+; of a command
 *               [A-Z][A-Z0-9._-]*
 *   version     [0-9A-Za-z][0-9A-Za-z._+~-]*, no longer than a name: it is
 *               part of a file's name
 */

#ifndef FKV_EXTENSIONS_NAME_H
#define FKV_EXTENSIONS_NAME_H

#include "base/types.h"

#define FKV_EXTENSION_NAME_MAX        32
#define FKV_EXTENSION_DEFINITION_MAX  63
#define FKV_EXTENSION_METRIC_BYTES    (FKV_EXTENSION_DEFINITION_MAX + 7)

/* Texts of others: what is longer than room is not looked at. */
static inline fkv_str_t
fkv_extension_text(const char *text, size_t room)
{
    fkv_str_t  str = { (const uint8_t *) text, 0 };

    while (text != NULL && str.len < room && text[str.len] != '\0') {
        str.len++;
    }

    return str;
}


bool fkv_extension_name_ok(fkv_str_t name);
bool fkv_extension_version_ok(fkv_str_t version);
bool fkv_extension_command_name_ok(fkv_str_t name);
bool fkv_extension_definition_name_ok(fkv_str_t name, fkv_str_t extension);

/*
 * What a metric is called where a name has no dots, as Prometheus': of a
 * counter "stat.hits" that is "stat_hits_total".
 */
void fkv_extension_metric_name(char out[FKV_EXTENSION_METRIC_BYTES],
    const char *name, bool gauge);

/*
 * Below 0: a is older.  Runs of digits compare as numbers, all else byte by
 * byte; what goes on is newer ("1.2" < "1.2.1" < "1.10").
 */
int fkv_extension_version_order(fkv_str_t a, fkv_str_t b);


#endif /* FKV_EXTENSIONS_NAME_H */
