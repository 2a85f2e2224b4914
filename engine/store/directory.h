/*
 * directory.h - the store's directory: making it, owning it, what lies in it.
 *
 *     DIR/LOCK  DIR/CURRENT  DIR/MANIFEST-n  DIR/log/NN.log  DIR/sst/N.sst
 *     DIR/blob/N.blob
 *
 * Processes  the master, before the fork; children inherit the descriptors
 * If killed  the lock is the open file's, so it falls with the last process
 *            that inherited it.  A directory that was only half made is
 *            completed by the next open: LOCK is made first and tells it from
 *            somebody else's directory
 */

#ifndef FKV_STORE_DIRECTORY_H
#define FKV_STORE_DIRECTORY_H

#include "base/buf.h"
#include "io/file.h"

/* Descriptors, -1 = none. */
typedef struct {
    const fkv__fs_t  *fs;
    int               dir;
    int               log_dir;
    int               sst_dir;
    int               blob_dir;
    int               lock;
} fkv__directory_t;

/*
 * Makes what is missing and takes the lock.  Nothing is changed in a store
 * whose lock is held, nor in a directory that holds something else.
 *   uid, gid   owner of what is made; (uid_t) -1 = as this process
 *   error      FKV_ERROR_BYTES, one sentence after a failure
 * FKV_OK · FKV_EBUSY names the processes that hold it, as far as this one may
 * see them · FKV_EIO also: not a directory, not ours, holds something else
 * · FKV_EFULL · FKV_ENOMEM; nothing is open then
 */
int fkv__directory_open(fkv__directory_t *directory, const fkv__fs_t *fs,
    const char *path, uid_t uid, gid_t gid, char *error);

/*
 * The same of a store that is there and stays as it is: nothing is made or
 * given to anybody.  Where there is no LOCK (somebody's copy), or none can be
 * taken as nobody can write there, nobody has the store open.
 * FKV_OK · FKV_EBUSY · FKV_NOTFOUND it is a store in the making, left by a
 * crash · FKV_ECORRUPT a directory of it is missing · FKV_EIO also: it holds no
 * store · FKV_ENOMEM; but for FKV_OK error says so
 */
int fkv__directory_look(fkv__directory_t *directory, const fkv__fs_t *fs,
    const char *path, char *error);

void fkv__directory_close(fkv__directory_t *directory);

/*
 * Opens a directory that is not the store's own; if it is missing its last
 * component is made, mode 0700.
 * FKV_OK · FKV_EIO · FKV_EFULL · FKV_ENOMEM; error holds one sentence
 */
int fkv__directory_open_other(int *fd, const fkv__fs_t *fs, const char *path,
    uid_t uid, gid_t gid, char *error);

/*
 * Gives a file that we have made to its owner; nothing to do for (uid_t) -1 or
 * if it is so already.  FKV_OK · FKV_EIO, cause in errno
 */
int fkv__directory_own(int fd, uid_t uid, gid_t gid);

/*
 * Appends to numbers, as uint64_t, every n for which dir holds a file that is
 * called prefix, n in decimal of at least width digits, suffix.
 * FKV_OK · FKV_EIO · FKV_ENOMEM
 */
int fkv__directory_numbers(int dir, const char *prefix, unsigned width,
    const char *suffix, fkv__buf_t *numbers);

#endif /* FKV_STORE_DIRECTORY_H */
