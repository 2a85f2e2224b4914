/*
 * define.h - what a library says of itself, checked and copied.
 *
 * Pure: nothing here runs code of the library, opens a file or depends on
 * other extensions.  Numbers and texts may be anything; that pointers point to
 * something has to be believed.
 */

#ifndef FKV_EXTENSIONS_DEFINE_H
#define FKV_EXTENSIONS_DEFINE_H

#include "extensions/extension.h"

#define FKV_EXTENSION_DEFINITIONS_MAX  512
#define FKV_EXTENSION_SCHEMA_MAX       1024

/* May what exports this be used?  FKV_OK · FKV_EINVAL error[FKV_ERROR_BYTES] */
int fkv_extension_magic_check(const ferrokv_magic *magic, char *error);

/*
 * Fills name, version, steps and definitions of an ext that is zeroed; commands
 * get this call.  Whatever is returned, fkv_extension_undefine() comes later.
 * FKV_OK · FKV_EINVAL, FKV_ENOMEM error is set
 */
int fkv_extension_define(fkv_extension_t *ext,
    const ferrokv_extension *library, int (*call)(fkv_call_t *call),
    char *error);
void fkv_extension_undefine(fkv_extension_t *ext);

/* "net, helper": of FERROKV_NEEDS_... */
#define FKV_EXTENSION_NEEDS_BYTES  64
const char *fkv_extension_needs_text(char text[FKV_EXTENSION_NEEDS_BYTES],
    uint32_t needs);


#endif /* FKV_EXTENSIONS_DEFINE_H */
