/*
 * memory.h - files in memory, in one directory, for a target whose input is a
 * file or becomes one.
 */

#ifndef FKV_T_FUZZ_MEMORY_H
#define FKV_T_FUZZ_MEMORY_H

#include "fuzz.h"
#include "io/file.h"

#include <errno.h>
#include <fcntl.h>

#define MEMORY_FILES  64
#define MEMORY_FD     1000              /* of the first file */

typedef struct {
    char        name[40];
    fkv__buf_t  data;
} memory_file_t;

typedef struct {
    fkv__fs_t      fs;
    memory_file_t  files[MEMORY_FILES];
    int            n;
} memory_t;


static inline fkv__buf_t *
memory_of(const fkv__fs_t *fs, int fd)
{
    memory_t  *memory = fs->data;

    assert_in_range(fd - MEMORY_FD, 0, memory->n - 1);

    return &memory->files[fd - MEMORY_FD].data;
}


static inline int
memory_open(const fkv__fs_t *fs, int dir, const char *path, int flags,
    mode_t mode)
{
    memory_t  *memory = fs->data;

    (void) dir;
    (void) mode;

    for (int i = 0; i < memory->n; i++) {
        if (strcmp(memory->files[i].name, path) == 0) {
            return MEMORY_FD + i;
        }
    }

    if ((flags & O_CREAT) == 0) {
        return -ENOENT;
    }

    assert_true(memory->n < MEMORY_FILES);
    (void) snprintf(memory->files[memory->n].name,
                    sizeof(memory->files[0].name), "%s", path);

    return MEMORY_FD + memory->n++;
}


static inline int
memory_close(const fkv__fs_t *fs, int fd)
{
    (void) memory_of(fs, fd);

    return 0;
}


static inline int64_t
memory_pread(const fkv__fs_t *fs, int fd, void *buf, size_t len,
    uint64_t offset)
{
    const fkv__buf_t  *data = memory_of(fs, fd);

    if (offset >= data->len) {
        return 0;
    }

    len = fkv__min(len, data->len - offset);
    memcpy(buf, data->data + offset, len);

    return (int64_t) len;
}


static inline int64_t
memory_pwrite(const fkv__fs_t *fs, int fd, const void *buf, size_t len,
    uint64_t offset)
{
    fkv__buf_t  *data = memory_of(fs, fd);

    /* Nobody here leaves a hole. */
    assert_true(offset <= data->len);

    data->len = offset;
    assert_int_equal(fkv__buf_append(data, buf, len), FKV_OK);

    return (int64_t) len;
}


static inline int64_t
memory_size(const fkv__fs_t *fs, int fd)
{
    return (int64_t) memory_of(fs, fd)->len;
}


static inline int
memory_sync(const fkv__fs_t *fs, int fd)
{
    (void) memory_of(fs, fd);

    return 0;
}


static inline int
memory_push(const fkv__fs_t *fs, int fd, uint64_t offset, uint64_t len,
    bool wait)
{
    (void) offset;
    (void) len;
    (void) wait;

    return memory_sync(fs, fd);
}


/* Calls that are not here are not expected. */
static inline void
memory_init(memory_t *memory)
{
    memset(memory, 0, sizeof(*memory));

    memory->fs = (fkv__fs_t) {
        .open = memory_open, .close = memory_close, .pread = memory_pread,
        .pwrite = memory_pwrite, .size = memory_size,
        .fdatasync = memory_sync, .fsync = memory_sync, .push = memory_push,
        .data = memory
    };
}


static inline void
memory_done(memory_t *memory)
{
    for (int i = 0; i < memory->n; i++) {
        fkv__buf_done(&memory->files[i].data);
    }
}


static inline void
memory_file(memory_t *memory, const char *name, const void *data, size_t len)
{
    int  fd = memory_open(&memory->fs, 0, name, O_CREAT, 0);

    assert_int_equal(fkv__buf_append(memory_of(&memory->fs, fd), data, len),
                     FKV_OK);
}


#endif /* FKV_T_FUZZ_MEMORY_H */
