/*
 * load.c - the version that the disk holds: CURRENT, and the manifest that it
 * names.
 */

#include "store/version.h"

#include "fkv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NAME_BYTES  40


static int __attribute__((format(printf, 3, 4)))
load_failed(char *error, int rc, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    (void) vsnprintf(error, FKV_ERROR_BYTES, fmt, args);
    va_end(args);

    return rc;
}


static int
load_unreadable(char *error, int rc, const char *name)
{
    if (rc == FKV_ENOMEM) {
        return load_failed(error, rc, "no memory to read %s", name);
    }

    return load_failed(error, rc, "reading %s failed: %s", name,
                       strerror(errno));
}


/*
 * Does the directory have an entry that begins so?  found has room for it.
 * A directory that is not there has none.
 */
static bool
load_has(int dir, const char *path, const char *begin, char *found)
{
    int             fd;
    DIR            *entries;
    struct dirent  *entry;

    found[0] = '\0';

    fd = openat(dir, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }

    entries = fdopendir(fd);
    if (entries == NULL) {
        (void) close(fd);
        return false;
    }

    while ((entry = readdir(entries)) != NULL) {
        if (entry->d_name[0] != '.'
            && strncmp(entry->d_name, begin, strlen(begin)) == 0)
        {
            (void) snprintf(found, NAME_BYTES, "%.*s", NAME_BYTES - 1,
                            entry->d_name);
            break;
        }
    }

    (void) closedir(entries);

    return found[0] != '\0';
}


/*
 * Without CURRENT the directory is empty, or its creation was interrupted
 * before anything could be written to it, or somebody has lost the file.
 */
static int
load_no_current(int dir, char *error)
{
    char  manifest[NAME_BYTES], other[NAME_BYTES];

    if (!load_has(dir, ".", "MANIFEST-", manifest)) {
        return FKV_NOTFOUND;
    }

    if (!load_has(dir, "sst", "", other) && !load_has(dir, "log", "", other)) {
        return FKV_NOTFOUND;
    }

    return load_failed(error, FKV_ECORRUPT,
                       "CURRENT is missing though %s exists: which manifest "
                       "counts is unknown", manifest);
}


static int
load_current(const fkv__fs_t *fs, int dir, uint64_t *number, char *error)
{
    int         rc;
    fkv__buf_t  file = { 0 };

    rc = fkv__file_slurp(fs, dir, "CURRENT", &file);

    if (rc == FKV_NOTFOUND) {
        return load_no_current(dir, error);
    }

    if (rc != FKV_OK) {
        fkv__buf_done(&file);
        return load_unreadable(error, rc, "CURRENT");
    }

    rc = fkv__current_get(fkv__buf_str(&file), number);
    fkv__buf_done(&file);

    if (rc != FKV_OK) {
        return load_failed(error, rc, "CURRENT is damaged: no name of a "
                           "manifest with its sum at offset 0");
    }

    return FKV_OK;
}


static int
load_header(fkv_str_t file, const char *name, uint64_t number, char *error)
{
    int       rc;
    uint64_t  found;

    rc = fkv__manifest_header_get(file, &found);

    if (rc == FKV_EVERSION) {
        return load_failed(error, rc, "%s was written by a newer version",
                           name);
    }

    if (rc != FKV_OK) {
        return load_failed(error, rc, "%s is damaged: bad header at offset 0",
                           name);
    }

    if (found != number) {
        return load_failed(error, FKV_ECORRUPT,
                           "%s is damaged: the header at offset 0 says that "
                           "its number is %llu", name,
                           (unsigned long long) found);
    }

    return FKV_OK;
}


/*
 * What stopped the replay at offset?  Only a record whose sum is wrong, with
 * nothing valid behind it, is the torn end of a write that nobody relies on.
 */
static int
load_stopped(fkv_str_t file, const char *name, uint64_t number,
    uint64_t offset, int rc, char *error)
{
    uint64_t  found;

    switch (rc) {

    case FKV_ECORRUPT:
        break;

    case FKV_EVERSION:
        return load_failed(error, rc, "%s holds at offset %llu what only a "
                           "newer version can read", name,
                           (unsigned long long) offset);

    default:
        return load_failed(error, rc, "no memory to read %s", name);
    }

    if (fkv__manifest_find_valid_after(file, number, offset - 1, &found)
        != FKV_OK)
    {
        return FKV_OK;
    }

    if (found == offset) {
        return load_failed(error, rc, "%s is damaged: the edit at offset %llu "
                           "contradicts the tables before it", name,
                           (unsigned long long) offset);
    }

    return load_failed(error, rc, "%s is damaged at offset %llu: a valid edit "
                       "follows at offset %llu", name,
                       (unsigned long long) offset,
                       (unsigned long long) found);
}


static int
load_manifest(fkv_str_t file, uint64_t number, fkv__version_t **version,
    uint64_t *len, char *error)
{
    int   rc;
    char  name[NAME_BYTES];

    fkv__manifest_name(name, number);

    rc = load_header(file, name, number, error);
    if (rc != FKV_OK) {
        return rc;
    }

    *len = FKV__MANIFEST_HEADER_BYTES;

    rc = fkv__version_replay(version, file, number, len);

    if (rc != FKV_OK) {
        rc = load_stopped(file, name, number, *len, rc, error);
    }

    /* CURRENT names a manifest only once its snapshot is on disk. */
    if (rc == FKV_OK && *len == FKV__MANIFEST_HEADER_BYTES) {
        return load_failed(error, FKV_ECORRUPT, "%s is damaged: no snapshot "
                           "at offset %llu", name, (unsigned long long) *len);
    }

    return rc;
}


int
fkv__version_load(const fkv__fs_t *fs, int dir, fkv__version_t **version,
    uint64_t *number, uint64_t *len, char *error)
{
    int              rc;
    char             name[NAME_BYTES];
    fkv__buf_t       file = { 0 };
    fkv__version_t  *loaded;

    error[0] = '\0';

    rc = load_current(fs, dir, number, error);
    if (rc != FKV_OK) {
        return rc;
    }

    fkv__manifest_name(name, *number);

    rc = fkv__file_slurp(fs, dir, name, &file);

    if (rc == FKV_NOTFOUND) {
        return load_failed(error, FKV_ECORRUPT,
                           "%s is missing though CURRENT names it", name);
    }

    if (rc != FKV_OK) {
        fkv__buf_done(&file);
        return load_unreadable(error, rc, name);
    }

    loaded = fkv__version_new();

    rc = (loaded != NULL)
         ? load_manifest(fkv__buf_str(&file), *number, &loaded, len, error)
         : load_failed(error, FKV_ENOMEM, "no memory to read %s", name);

    fkv__buf_done(&file);

    if (rc == FKV_OK) {
        *version = loaded;

    } else if (loaded != NULL) {
        fkv__version_unpin(loaded);
    }

    return rc;
}
