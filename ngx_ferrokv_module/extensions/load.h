/*
 * load.h - a name of nginx.conf becomes an extension.
 *
 *   NAME    --> DIR/NAME.control --> DIR/NAME-VERSION.so --.
 *   /a/b.so -----------------------------------------------+--> dlopen, LOCAL
 *                             magic, names, definitions <--'
 *
 * In the master, and under nginx -t: no function of the library runs, but what
 * dlopen() itself calls.  A library that has been loaded stays so; when its
 * file is replaced under the same name, dlopen() gives the old one again.
 */

#ifndef FKV_EXTENSIONS_LOAD_H
#define FKV_EXTENSIONS_LOAD_H

#include "extensions/extension.h"

#include <sys/types.h>

/* Where extensions are installed, if nobody says otherwise. */
#ifndef FKV_EXTENSION_DIR
#define FKV_EXTENSION_DIR  "/usr/local/lib/ferrokv/extensions"
#endif

typedef struct {
    const char  *name;          /* or the absolute path of a library */
    const char  *version;       /* NULL: default_version */
    const char  *dirs;          /* absolute, ":" between them */
    uint32_t     granted;       /* of FERROKV_NEEDS_... */
    uid_t        uid;           /* who starts nginx */
    int        (*call)(fkv_call_t *call);   /* of its commands */
} fkv_load_t;

/* NULL if they are; else what is wrong with them, as a part of a sentence. */
const char *fkv_load_dirs_wrong(const char *dirs);

/*
 * FKV_OK *ext is the caller's · FKV_NOTFOUND a file is missing · FKV_EINVAL,
 * FKV_EIO, FKV_ENOMEM.  But for FKV_OK, error[FKV_ERROR_BYTES] is a sentence
 */
int fkv_extension_load(fkv_extension_t **ext, const fkv_load_t *load,
    char *error);
void fkv_extension_free(fkv_extension_t *ext);


#endif /* FKV_EXTENSIONS_LOAD_H */
