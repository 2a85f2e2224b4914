/*
 * file.c - whose file it is, and what is in it.
 */

#include "extensions/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FAIL(error, ...)  fkv__error(error, FKV_EINVAL, __VA_ARGS__)


static int
owner_check(const char *path, uid_t uid, mode_t form, char *error)
{
    struct stat  st;

    if (stat(path, &st) != 0) {
        return (errno == ENOENT || errno == ENOTDIR) ? FKV_NOTFOUND
               : FAIL(error, "\"%s\": %s", path, strerror(errno));
    }

    if ((st.st_mode & S_IFMT) != form) {
        return FAIL(error, "\"%s\" is not a %s", path,
                    (form == S_IFDIR) ? "directory" : "file");
    }

    if (st.st_uid != 0 && st.st_uid != uid) {
        return FAIL(error, "\"%s\" belongs neither to root nor to who starts "
                    "nginx", path);
    }

    if (st.st_mode & (S_IWGRP | S_IWOTH)) {
        return FAIL(error, "\"%s\" can be written by its group or by others",
                    path);
    }

    return FKV_OK;
}


/* The file, and the directory that it is in. */
static int
place_check(const char *path, uid_t uid, char *error)
{
    char   dir[PATH_MAX];
    char  *slash;
    int    rc = owner_check(path, uid, S_IFREG, error);

    if (rc != FKV_OK) {
        return rc;
    }

    memcpy(dir, path, strlen(path) + 1);
    slash = strrchr(dir, '/');
    slash[slash == dir] = '\0';

    return owner_check(dir, uid, S_IFDIR, error);
}


int
fkv_file_check(const char *path, uid_t uid, char *error)
{
    char  real[PATH_MAX];
    int   rc;

    if (strlen(path) >= PATH_MAX) {
        return FAIL(error, "\"%.128s...\" is too long", path);
    }

    rc = place_check(path, uid, error);

    if (rc != FKV_OK) {
        return rc;
    }

    if (realpath(path, real) == NULL) {
        return FAIL(error, "\"%s\": %s", path, strerror(errno));
    }

    return (strcmp(real, path) == 0) ? FKV_OK
                                     : place_check(real, uid, error);
}


static ssize_t
read_some(int fd, uint8_t *data, size_t room)
{
    size_t  len = 0;

    while (len < room) {
        ssize_t  n = read(fd, data + len, room - len);

        if (n < 0 && errno == EINTR) {
            continue;
        }

        if (n < 0) {
            return -1;
        }

        if (n == 0) {
            break;
        }

        len += (size_t) n;
    }

    return (ssize_t) len;
}


int
fkv_file_read(const char *path, size_t max, fkv_str_t *text, char *error)
{
    int       fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    uint8_t  *data = malloc(max + 1);
    ssize_t   len = (fd >= 0 && data != NULL) ? read_some(fd, data, max + 1)
                                              : -1;
    int       rc = FKV_OK;

    if (data == NULL) {
        rc = fkv__error(error, FKV_ENOMEM, "out of memory");

    } else if (len < 0) {
        rc = fkv__error(error, FKV_EIO, "\"%s\": %s", path, strerror(errno));
    }

    if (fd >= 0) {
        (void) close(fd);
    }

    if (rc != FKV_OK) {
        free(data);
        return rc;
    }

    *text = (fkv_str_t) { data, (size_t) len };
    return FKV_OK;
}


static bool
segments_whole(int fd, const ElfW(Ehdr) *elf, uint64_t bytes)
{
    for (unsigned i = 0; i < elf->e_phnum; i++) {
        ElfW(Phdr)  segment;
        off_t       at = (off_t) (elf->e_phoff + i * sizeof(segment));

        if (pread(fd, &segment, sizeof(segment), at) != sizeof(segment)) {
            return false;
        }

        if (segment.p_type == PT_LOAD
            && (segment.p_offset > bytes
                || segment.p_filesz > bytes - segment.p_offset))
        {
            return false;
        }
    }

    return true;
}


static int
elf_check(int fd, const char *path, char *error)
{
    ElfW(Ehdr)   elf;
    struct stat  st;

    if (fd < 0 || fstat(fd, &st) != 0) {
        return FAIL(error, "\"%s\": %s", path, strerror(errno));
    }

    if (pread(fd, &elf, sizeof(elf), 0) != sizeof(elf)
        || memcmp(elf.e_ident, ELFMAG, SELFMAG) != 0 || elf.e_type != ET_DYN
        || elf.e_phentsize != sizeof(ElfW(Phdr)))
    {
        return FAIL(error, "\"%s\" is no shared object of this machine", path);
    }

    return segments_whole(fd, &elf, (uint64_t) st.st_size) ? FKV_OK
           : FAIL(error, "\"%s\" is cut short", path);
}


int
fkv_file_check_elf(const char *path, char *error)
{
    int  fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    int  rc = elf_check(fd, path, error);

    if (fd >= 0) {
        (void) close(fd);
    }

    return rc;
}
