/*
 * file.h - whether a file may be trusted with what the master will run.
 *
 * Trusted are files that belong to root or to who starts nginx, that neither
 * group nor others can write, in a directory of which the same is true; of a
 * symbolic link where it stands and where it leads to.
 *
 * Directories further up are not looked at: nginx looks at none for modules,
 * and checkouts, containers and group-writable homes would be refused.  Who can
 * write there can exchange the directory for another trusted one.
 */

#ifndef FKV_EXTENSIONS_FILE_H
#define FKV_EXTENSIONS_FILE_H

#include "base/types.h"

#include <sys/types.h>

/*
 * path is absolute, uid who starts nginx.
 * FKV_OK · FKV_NOTFOUND there is none · FKV_EINVAL error[FKV_ERROR_BYTES] is a
 * sentence that names what is wrong
 */
int fkv_file_check(const char *path, uid_t uid, char *error);

/*
 * The file as text of at most max + 1 bytes (more: it is longer), malloc'ed.
 * FKV_OK · FKV_EIO, FKV_ENOMEM error is set
 */
int fkv_file_read(const char *path, size_t max, fkv_str_t *text, char *error);

/*
 * A whole shared object, as far as its headers say: mapping one that was cut
 * short would kill whoever touches its end.  FKV_OK · FKV_EINVAL error is set
 */
int fkv_file_check_elf(const char *path, char *error);


#endif /* FKV_EXTENSIONS_FILE_H */
