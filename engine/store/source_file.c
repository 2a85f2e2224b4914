/*
 * source_file.c - blocking reads of tables, through a window.
 */

#include "store/source_file.h"

#include <errno.h>
#include <fcntl.h>

#define NAME_BYTES  40


static void
file_close(fkv__source_file_t *file)
{
    if (file->fd >= 0) {
        (void) file->fs->close(file->fs, file->fd);
    }

    file->fd = -1;
    file->id = 0;
    file->window.len = 0;
}


/* Says what is wrong with a table; rc is returned. */
static int
file_failed(fkv__source_file_t *file, const fkv__table_t *table,
    uint64_t offset, int rc, const char *what)
{
    char  name[NAME_BYTES];

    fkv__table_name(name, table->info.id);

    if (rc == FKV_ECORRUPT) {
        file->errors_corrupt++;
    }

    fkv__log(file->log, FKV_LOG_ALERT, "sst/%s: %s at offset %llu, it is left "
             "as it is", name, what, (unsigned long long) offset);

    return rc;
}


static int
file_open(fkv__source_file_t *file, const fkv__table_t *table)
{
    char  name[NAME_BYTES];
    int   fd;

    if (file->id == table->info.id) {
        return FKV_OK;
    }

    file_close(file);
    fkv__table_name(name, table->info.id);

    fd = file->fs->open(file->fs, file->sst_dir, name, O_RDONLY, 0);

    if (fd == -ENOENT) {
        return FKV_GONE;
    }

    if (fd < 0) {
        return file_failed(file, table, 0, FKV_EIO, strerror(-fd));
    }

    file->fd = fd;
    file->id = table->info.id;

    return FKV_OK;
}


static int
file_read(fkv__source_file_t *file, const fkv__table_t *table, void *out,
    size_t len, uint64_t offset)
{
    int  rc = fkv__file_read(file->fs, file->fd, out, len, offset);

    if (rc == FKV_OK) {
        file->bytes_read += len;
        return FKV_OK;
    }

    if (rc == FKV_EIO && errno == ENODATA) {
        return file_failed(file, table, offset, FKV_ECORRUPT,
                           "file ends too early, block");
    }

    if (rc == FKV_EIO) {
        return file_failed(file, table, offset, rc, strerror(errno));
    }

    return rc;
}


/* room NULL: it is never packed, and the payload stays where it was read. */
static int
file_check(fkv__source_file_t *file, const fkv__table_t *table,
    const uint8_t *raw, size_t len, uint64_t offset, fkv__buf_t *room,
    fkv__block_t *block)
{
    uint64_t  id = table->info.id;
    int       rc;

    rc = (room != NULL)
         ? fkv__block_open(raw, len, id, offset, room, &block->payload)
         : fkv__block_check(raw, len, id, offset, &block->payload);

    if (rc == FKV_ECORRUPT) {
        return file_failed(file, table, offset, rc, "checksum is wrong");
    }

    if (rc == FKV_EVERSION) {
        return file_failed(file, table, offset, rc,
                           "block of a newer version");
    }

    return rc;
}


static int
file_index(fkv__source_file_t *file, const fkv__table_t *table,
    fkv__block_place_t place, unsigned i)
{
    int          rc;
    size_t       len = place.bytes + FKV__BLOCK_TRAILER_BYTES;
    fkv__buf_t  *room = &file->index_room[i];

    FKV_ASSERT(file->index_block[i].payload.data == NULL);

    room->len = 0;

    if (fkv__buf_reserve(room, len) != FKV_OK) {
        return FKV_ENOMEM;
    }

    rc = file_read(file, table, room->data, len, place.offset);

    if (rc == FKV_OK) {
        rc = file_check(file, table, room->data, len, place.offset, NULL,
                        &file->index_block[i]);
    }

    return rc;
}


static int
file_fill_window(fkv__source_file_t *file, const fkv__table_t *table,
    fkv__block_place_t place, size_t len)
{
    int       rc;
    uint64_t  end = fkv__table_data_end(&table->info);

    if (place.offset + len < end) {
        len = fkv__max(len, fkv__min(FKV__WINDOW_BYTES, end - place.offset));
    }

    file->window.len = 0;

    if (fkv__buf_reserve(&file->window, len) != FKV_OK) {
        return FKV_ENOMEM;
    }

    rc = file_read(file, table, file->window.data, len, place.offset);

    if (rc == FKV_OK) {
        file->window.len = len;
        file->window_at = place.offset;
    }

    return rc;
}


static int
file_data(fkv__source_file_t *file, const fkv__table_t *table,
    fkv__block_place_t place)
{
    int     rc;
    size_t  len = place.bytes + FKV__BLOCK_TRAILER_BYTES;

    FKV_ASSERT(file->data_block.payload.data == NULL);

    if (place.offset < file->window_at
        || place.offset + len > file->window_at + file->window.len)
    {
        rc = file_fill_window(file, table, place, len);
        if (rc != FKV_OK) {
            return rc;
        }
    }

    return file_check(file, table,
                      file->window.data + (place.offset - file->window_at),
                      len, place.offset, &file->data_room,
                      &file->data_block);
}


static int
file_get(fkv__source_t *source, fkv__table_t *table, fkv__block_place_t place,
    fkv__source_kind_e kind, fkv__block_t **block)
{
    fkv__source_file_t  *file;
    int                  rc;

    file = fkv__container(source, fkv__source_file_t, source);

    rc = file_open(file, table);
    if (rc != FKV_OK) {
        return rc;
    }

    if (kind == FKV__SOURCE_INDEX) {
        unsigned  i = (file->index_block[0].payload.data != NULL);

        *block = &file->index_block[i];
        rc = file_index(file, table, place, i);

    } else {
        *block = &file->data_block;
        rc = file_data(file, table, place);
    }

    if (rc != FKV_OK) {
        (*block)->payload = FKV_STR_NULL;
    }

    return rc;
}


static void
file_put(fkv__source_t *source, fkv__block_t *block)
{
    (void) source;

    block->payload = FKV_STR_NULL;
}


static void
file_damaged(fkv__source_t *source, const fkv__table_t *table, uint64_t offset)
{
    fkv__source_file_t  *file;

    file = fkv__container(source, fkv__source_file_t, source);

    (void) file_failed(file, table, offset, FKV_ECORRUPT,
                       "block makes no sense");
}


void
fkv__source_file_init(fkv__source_file_t *file, const fkv__fs_t *fs,
    int sst_dir, const fkv_log_t *log)
{
    *file = (fkv__source_file_t) {
        .source = { file_get, file_put, file_damaged, NULL },
        .fs = fs, .sst_dir = sst_dir, .log = log, .fd = -1
    };
}


void
fkv__source_file_done(fkv__source_file_t *file)
{
    file_close(file);

    fkv__buf_done(&file->window);
    fkv__buf_done(&file->data_room);
    fkv__buf_done(&file->index_room[0]);
    fkv__buf_done(&file->index_room[1]);
}
