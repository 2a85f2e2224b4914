/*
 * define.c - the descriptor of a library, and the list of what it provides.
 *
 * The list is walked twice: what is counted first has its arrays when it is
 * copied, so nothing moves that others already point to.
 */

#include "extensions/define.h"
#include "extensions/kind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEEDS_ALL  (FERROKV_NEEDS_NET | FERROKV_NEEDS_THREADS                 \
                    | FERROKV_NEEDS_HELPER)

#define FAIL(error, ...)  fkv__error(error, FKV_EINVAL, __VA_ARGS__)


int
fkv_extension_magic_check(const ferrokv_magic *magic, char *error)
{
    char  theirs[FKV_API_BYTES], ours[FKV_API_BYTES];

    if (magic->magic != FERROKV_MAGIC || magic->size < sizeof(*magic)) {
        return FAIL(error, "it is no ferrokv extension: "
                    FERROKV_MAGIC_SYMBOL " has the wrong magic");
    }

    if (magic->abi != FERROKV_ABI) {
        return FAIL(error, "it is built for ABI %u, this ferrokv has ABI %u",
                    magic->abi, FERROKV_ABI);
    }

    if (magic->target > FERROKV_API) {
        return FAIL(error, "it needs API %s, this ferrokv has API %s",
                    fkv_api_text(theirs, magic->target),
                    fkv_api_text(ours, FERROKV_API));
    }

    if (magic->extension == NULL) {
        return FAIL(error, FERROKV_MAGIC_SYMBOL " names no extension");
    }

    return FKV_OK;
}


const char *
fkv_extension_needs_text(char text[FKV_EXTENSION_NEEDS_BYTES], uint32_t needs)
{
    static const char *const  names[] = { "net", "threads", "helper" };
    size_t                    len = 0;

    text[0] = '\0';

    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (needs & 1u << i) {
            len += (size_t) snprintf(text + len,
                                     FKV_EXTENSION_NEEDS_BYTES - len, "%s%s",
                                     len > 0 ? "," : "", names[i]);
        }
    }

    return text;
}


static int
names_copy(fkv_extension_t *ext, const ferrokv_extension *library, char *error)
{
    fkv_str_t  name = fkv_extension_text(library->name,
                                         FKV_EXTENSION_NAME_MAX + 1);
    fkv_str_t  version = fkv_extension_text(library->version,
                                            FKV_EXTENSION_NAME_MAX + 1);

    if (!fkv_extension_name_ok(name)) {
        return FAIL(error, "it calls itself \"%.*s\", but a name is "
                    "[a-z][a-z0-9_]*, at most %u bytes", (int) name.len,
                    (const char *) name.data, FKV_EXTENSION_NAME_MAX);
    }

    if (!fkv_extension_version_ok(version)) {
        return FAIL(error, "its version is \"%.*s\", but a version is letters, "
                    "digits and \"._+~-\", at most %u bytes",
                    (int) version.len, (const char *) version.data,
                    FKV_EXTENSION_NAME_MAX);
    }

    memcpy(ext->name, name.data, name.len);
    memcpy(ext->version, version.data, version.len);

    return FKV_OK;
}


static int
descriptor_check(const ferrokv_extension *library, char *error)
{
    if (library->size < sizeof(*library)) {
        return FAIL(error, "its ferrokv_extension is %u bytes, %zu are the "
                    "least", library->size, sizeof(*library));
    }

    if (library->needs & ~(uint32_t) NEEDS_ALL) {
        return FAIL(error, "it needs what this ferrokv does not know (0x%x)",
                    library->needs & ~(uint32_t) NEEDS_ALL);
    }

    if (library->schema > FKV_EXTENSION_SCHEMA_MAX) {
        return FAIL(error, "its schema is %u, %u is the most", library->schema,
                    FKV_EXTENSION_SCHEMA_MAX);
    }

    if (library->serves > library->schema) {
        return FAIL(error, "it serves schema %u, but its own is %u",
                    library->serves, library->schema);
    }

    if (library->schema == 0) {
        return FKV_OK;
    }

    if (library->steps == NULL) {
        return FAIL(error, "its schema is %u, but there are no steps",
                    library->schema);
    }

    return (library->needs & FERROKV_NEEDS_HELPER) ? FKV_OK
           : FAIL(error, "it has steps, but does not say "
                  "FERROKV_NEEDS_HELPER");
}


/* Elements are as large as the first one says. */
static int
steps_copy(fkv_extension_t *ext, const ferrokv_extension *library, char *error)
{
    const char  *p = (const char *) library->steps;
    uint32_t     size;

    ext->schema = library->schema;
    ext->serves = library->serves;

    if (library->schema == 0) {
        return FKV_OK;
    }

    size = library->steps->size;

    if (size < sizeof(ferrokv_step) || size % _Alignof(ferrokv_step) != 0) {
        return FAIL(error, "a step is %u bytes, %zu are the least", size,
                    sizeof(ferrokv_step));
    }

    ext->steps = calloc(library->schema, sizeof(ferrokv_step));

    if (ext->steps == NULL) {
        return fkv__error(error, FKV_ENOMEM, "out of memory");
    }

    for (unsigned i = 0; i < library->schema; i++, p += size) {
        ferrokv_step  *step = &ext->steps[i];

        memcpy(step, p, sizeof(ferrokv_step));

        if (step->size != size || step->run == NULL
            || (step->flags & ~(uint32_t) FERROKV_EXCLUSIVE))
        {
            return FAIL(error, "step %u has %s", i,
                        (step->size != size) ? "another size than the first"
                        : (step->run == NULL) ? "no function"
                        : "flags that this ferrokv does not know");
        }
    }

    return FKV_OK;
}


static int
provides_walk(fkv_extension_t *ext, const ferrokv_extension *library,
    unsigned counts[FKV__KINDS], char *error)
{
    const void *const  *def = library->provides;

    for (unsigned i = 0; def != NULL && def[i] != NULL; i++) {

        if (i == FKV_EXTENSION_DEFINITIONS_MAX) {
            return FAIL(error, "it provides more than %u definitions",
                        FKV_EXTENSION_DEFINITIONS_MAX);
        }

        int  rc = (counts != NULL) ? fkv__kind_count(def[i], counts, error)
                                   : fkv__kind_add(ext, def[i], error);

        if (rc != FKV_OK) {
            return rc;
        }
    }

    return FKV_OK;
}


int
fkv_extension_define(fkv_extension_t *ext, const ferrokv_extension *library,
    int (*call)(fkv_call_t *call), char *error)
{
    unsigned  counts[FKV__KINDS] = { 0 };
    int       rc = descriptor_check(library, error);

    ext->library = library;

    if (rc == FKV_OK) {
        rc = names_copy(ext, library, error);
    }

    if (rc == FKV_OK) {
        rc = steps_copy(ext, library, error);
    }

    if (rc == FKV_OK) {
        rc = provides_walk(ext, library, counts, error);
    }

    if (rc == FKV_OK) {
        rc = fkv__kinds_init(ext, counts, error);
    }

    if (rc == FKV_OK) {
        rc = provides_walk(ext, library, NULL, error);
    }

    if (rc == FKV_OK) {
        rc = fkv__kinds_join(ext, error);
    }

    for (unsigned i = 0; i < ext->commands_n; i++) {
        ext->commands[i].command.call = call;
    }

    return rc;
}


void
fkv_extension_undefine(fkv_extension_t *ext)
{
    fkv__kinds_done(ext);
    free(ext->steps);
    ext->steps = NULL;
}
