/*
 * table_file.c - a table builder whose bytes go to a file.
 */

#include "store/table_file.h"

#include "store/directory.h"
#include "store/version.h"

#include <errno.h>
#include <fcntl.h>

#define NAME_BYTES   40
#define PIECE_BYTES  (1024 * 1024)
#define BLOCK_BYTES  4096
#define FILTER_BITS  10
#define INDEX_BYTES  (32 * 1024)    /* of a page, and so of most tables' */


void
fkv__table_options(const fkv_options_t *opt, fkv__table_options_t *out)
{
    static const fkv__block_type_e  types[] = {
        [FKV_COMPRESSION_LZ4] = FKV__BLOCK_LZ4,
        [FKV_COMPRESSION_ZSTD] = FKV__BLOCK_ZSTD,
        [FKV_COMPRESSION_NONE] = FKV__BLOCK_PLAIN
    };
    static const fkv__index_kind_e  kinds[] = {
        [FKV_INDEX_LEARNED] = FKV__INDEX_LEARNED,
        [FKV_INDEX_LINEAR] = FKV__INDEX_LINEAR,
        [FKV_INDEX_BINARY] = FKV__INDEX_BINARY
    };

    *out = (fkv__table_options_t) {
        .block_bytes = BLOCK_BYTES,
        .bits_per_key = FILTER_BITS,
        .fingers = true,
        .index = kinds[__atomic_load_n(&opt->index, __ATOMIC_RELAXED)],
        .page_bytes = INDEX_BYTES,
        .compression = types[__atomic_load_n(&opt->compression,
                                             __ATOMIC_RELAXED)]
    };
}


/* Of an answer of the table of calls; the cause is left in errno. */
static int
table_file_code(int res)
{
    if (res >= 0) {
        return FKV_OK;
    }

    errno = -res;

    return (errno == ENOSPC || errno == EDQUOT) ? FKV_EFULL : FKV_EIO;
}


int
fkv__table_file_open(fkv__table_file_t *file, const fkv__fs_t *fs, int sst_dir,
    uint64_t id, uid_t uid, gid_t gid, const fkv__table_options_t *options)
{
    char  name[NAME_BYTES];

    fkv__table_name(name, id);

    file->fs = fs;
    file->sst_dir = sst_dir;
    file->id = id;
    file->warm = NULL;
    file->pushed = 0;

    /* An orphan of that name can only be what a crash left behind. */
    file->fd = fs->open(fs, sst_dir, name, O_RDWR | O_CREAT | O_TRUNC, 0600);

    if (file->fd < 0) {
        return table_file_code(file->fd);
    }

    fkv__table_builder_init(&file->builder, id, options);

    if (fkv__directory_own(file->fd, uid, gid) != FKV_OK) {
        fkv__table_file_abort(file);
        return FKV_EIO;
    }

    FKV_STEP("table_file.1");

    return FKV_OK;
}


/* Nothing of it remains in the builder: no bytes have to be moved up. */
static int
table_file_drain(fkv__table_file_t *file)
{
    fkv__buf_t  *out = &file->builder.out;
    int          rc;

    rc = fkv__file_write(file->fs, file->fd, out->data, out->len,
                         file->builder.written);
    if (rc != FKV_OK) {
        return (rc == FKV_EFULL || rc == FKV_ENOMEM) ? rc : FKV_EIO;
    }

    fkv__table_builder_drained(&file->builder, out->len);

    return FKV_OK;
}


/* The next piece sets out; the one before it has to have arrived. */
static int
table_file_push(fkv__table_file_t *file)
{
    uint64_t  from = file->pushed, to = file->builder.written;
    int       rc = fkv__file_push(file->fs, file->fd, from, to - from, false);

    if (rc == FKV_OK && from > 0) {
        rc = fkv__file_push(file->fs, file->fd, 0, from, true);
    }

    file->pushed = to;

    return rc;
}


int
fkv__table_file_add(fkv__table_file_t *file, const fkv__record_t *rec)
{
    fkv__table_builder_t  *builder = &file->builder;
    size_t                 len = builder->out.len;
    int                    rc = fkv__table_builder_add(builder, rec);

    /* What came to it is a block. */
    if (rc == FKV_OK && file->warm != NULL && builder->out.len > len) {
        fkv__warm_block(file->warm, file->id, builder->out.data + len,
                        builder->out.len - len, builder->written + len);
    }

    if (rc != FKV_OK || builder->out.len < PIECE_BYTES) {
        return rc;
    }

    rc = table_file_drain(file);

    return (rc == FKV_OK) ? table_file_push(file) : rc;
}


uint64_t
fkv__table_file_bytes(const fkv__table_file_t *file)
{
    return fkv__table_builder_bytes(&file->builder);
}


int
fkv__table_file_finish(fkv__table_file_t *file, fkv__table_info_t *info)
{
    int  rc;

    rc = fkv__table_builder_finish(&file->builder, info);
    if (rc != FKV_OK) {
        return rc;
    }

    if (file->warm != NULL) {
        fkv__warm_table(file->warm, info, file->builder.out.data,
                        file->builder.written);
    }

    rc = table_file_drain(file);
    FKV_STEP("table_file.2");

    if (rc == FKV_OK) {
        rc = table_file_code(file->fs->fdatasync(file->fs, file->fd));
        FKV_STEP("table_file.3");
    }

    if (rc != FKV_OK) {
        fkv__table_info_done(info);
        return rc;
    }

    /* All is on disk: what close() could complain of is no loss. */
    (void) file->fs->close(file->fs, file->fd);
    fkv__table_builder_done(&file->builder);
    file->fd = -1;

    return FKV_OK;
}


void
fkv__table_file_abort(fkv__table_file_t *file)
{
    char  name[NAME_BYTES];
    int   cause = errno;

    if (file->fd >= 0) {
        (void) file->fs->close(file->fs, file->fd);
        file->fd = -1;
    }

    fkv__table_name(name, file->id);
    (void) file->fs->unlink(file->fs, file->sst_dir, name);
    fkv__table_builder_done(&file->builder);

    errno = cause;
}
