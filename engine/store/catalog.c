/*
 * catalog.c - appending edits to the manifest, and starting a new one.
 */

#include "store/catalog.h"

#include "fkv.h"
#include "store/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#define NAME_BYTES  40

/* A manifest's two files. */
typedef struct {
    int  fd;
    int  mirror;
} pair_t;


/* Keeps the version: its owner may still look at it. */
static void
catalog_unusable(fkv__catalog_t *catalog)
{
    int  cause = errno;

    if (catalog->usable) {
        catalog->usable = false;
        (void) catalog->fs->close(catalog->fs, catalog->fd);
        (void) catalog->fs->close(catalog->fs, catalog->mirror);
    }

    errno = cause;
}


/*
 * Takes the version's reference over.  image is the length of a manifest that
 * has nothing but it: how long this one may become does not depend on how often
 * it is opened.
 */
static void
catalog_use(fkv__catalog_t *catalog, const pair_t *pair, uint64_t number,
    uint64_t len, uint64_t image, fkv__version_t *version)
{
    if (catalog->version != NULL) {
        fkv__version_unpin(catalog->version);
    }

    catalog->usable = true;
    catalog->fd = pair->fd;
    catalog->mirror = pair->mirror;
    catalog->number = number;
    catalog->len = len;
    catalog->len_max = fkv__max(2 * image, FKV__CATALOG_BYTES_MAX);
    catalog->version = version;
}


/* Of an answer of the table; the cause is left in errno. */
static int
catalog_code(int64_t res)
{
    if (res >= 0) {
        return FKV_OK;
    }

    errno = (int) -res;

    return (errno == ENOSPC || errno == EDQUOT) ? FKV_EFULL : FKV_EIO;
}


static int
catalog_sync(const fkv__catalog_t *catalog, int fd)
{
    return catalog_code(catalog->fs->fdatasync(catalog->fs, fd));
}


static void
pair_close(const fkv__catalog_t *catalog, const pair_t *pair)
{
    int  cause = errno;

    (void) catalog->fs->close(catalog->fs, pair->fd);
    (void) catalog->fs->close(catalog->fs, pair->mirror);

    errno = cause;
}


/* Opens, or creates empty, the files of that number. */
static int
pair_open(const fkv__catalog_t *catalog, uint64_t number, int flags,
    pair_t *pair)
{
    int   cause;
    char  name[NAME_BYTES];

    fkv__manifest_name(name, number);
    pair->fd = catalog->fs->open(catalog->fs, catalog->dir, name, flags, 0600);

    if (pair->fd < 0) {
        return catalog_code(pair->fd);
    }

    fkv__mirror_name(name, number);
    pair->mirror = catalog->fs->open(catalog->fs, catalog->dir, name, flags,
                                     0600);

    if (pair->mirror < 0) {
        cause = pair->mirror;
        (void) catalog->fs->close(catalog->fs, pair->fd);
        return catalog_code(cause);
    }

    return FKV_OK;
}


/* Makes sure that a crash takes away neither the files nor their names. */
static int
pair_settle(const fkv__catalog_t *catalog, const pair_t *pair)
{
    int  rc = catalog_sync(catalog, pair->fd);

    if (rc == FKV_OK) {
        rc = catalog_sync(catalog, pair->mirror);
    }

    return (rc == FKV_OK) ? fkv__file_sync_dir(catalog->fs, catalog->dir) : rc;
}


/* Header and snapshot of the whole version. */
static int
catalog_image(fkv__buf_t *image, uint64_t number,
    const fkv__version_t *version)
{
    int          rc;
    uint8_t      header[FKV__MANIFEST_HEADER_BYTES];
    fkv__edit_t  edit;

    fkv__manifest_header_put(header, number);

    if (fkv__buf_append(image, header, sizeof(header)) != FKV_OK
        || fkv__version_snapshot(version, &edit) != FKV_OK)
    {
        return FKV_ENOMEM;
    }

    rc = fkv__manifest_put(image, number, image->len, &edit);
    fkv__edit_done(&edit);

    return rc;
}


/* Goes on where the two files, which are whole, end. */
static int
catalog_continue(fkv__catalog_t *catalog, const fkv__loaded_t *loaded)
{
    int         rc;
    pair_t      pair;
    fkv__buf_t  image = { 0 };

    rc = pair_open(catalog, loaded->number, O_RDWR, &pair);
    if (rc != FKV_OK) {
        return rc;
    }

    rc = pair_settle(catalog, &pair);

    if (rc == FKV_OK) {
        errno = ENOMEM;
        rc = catalog_image(&image, loaded->number, loaded->version);
    }

    if (rc == FKV_OK) {
        catalog_use(catalog, &pair, loaded->number, loaded->len, image.len,
                    loaded->version);

    } else {
        pair_close(catalog, &pair);
    }

    fkv__buf_done(&image);

    return rc;
}


int
fkv__catalog_open(fkv__catalog_t *catalog, char *error)
{
    int            rc;
    fkv__loaded_t  loaded;

    catalog_unusable(catalog);

    rc = fkv__version_load(catalog->fs, catalog->dir, &loaded, error);
    if (rc != FKV_OK) {
        return rc;
    }

    if (loaded.damage[0] != '\0') {
        fkv__log(catalog->log, FKV_LOG_ALERT, "%s; the other copy is whole, a "
                 "new manifest is written", loaded.damage);
    }

    if (loaded.whole) {
        rc = catalog_continue(catalog, &loaded);

    } else {
        catalog->number = loaded.number;
        rc = fkv__catalog_rotate(catalog, loaded.version);
    }

    if (rc != FKV_OK) {
        (void) snprintf(error, FKV_ERROR_BYTES, "opening MANIFEST-%06llu for "
                        "writing failed: %s",
                        (unsigned long long) loaded.number, strerror(errno));
        fkv__version_unpin(loaded.version);
    }

    return rc;
}


static int
catalog_fill(const fkv__catalog_t *catalog, int fd, const fkv__buf_t *image)
{
    int  rc = fkv__directory_own(fd, catalog->uid, catalog->gid);

    return (rc == FKV_OK)
           ? fkv__file_write(catalog->fs, fd, image->data, image->len, 0) : rc;
}


/* Leaves a complete, synced manifest that nothing names yet. */
static int
catalog_create(const fkv__catalog_t *catalog, uint64_t number,
    const fkv__buf_t *image, pair_t *pair)
{
    int  rc;

    rc = pair_open(catalog, number, O_RDWR | O_CREAT | O_TRUNC, pair);
    if (rc != FKV_OK) {
        return rc;
    }

    rc = catalog_fill(catalog, pair->fd, image);

    if (rc == FKV_OK) {
        rc = catalog_fill(catalog, pair->mirror, image);
    }

    if (rc == FKV_OK) {
        rc = pair_settle(catalog, pair);
    }

    if (rc != FKV_OK) {
        pair_close(catalog, pair);
    }

    return rc;
}


/* After this the new manifest counts. */
static int
catalog_set_current(const fkv__catalog_t *catalog, uint64_t number)
{
    int     fd, rc;
    char    current[FKV__CURRENT_BYTES_MAX];
    size_t  len = fkv__current_put(current, number);

    rc = fkv__file_replace(catalog->fs, catalog->dir, "CURRENT", current, len,
                           0600);
    if (rc != FKV_OK) {
        return rc;
    }

    /* The master makes it, the helper must be able to read it. */
    fd = catalog->fs->open(catalog->fs, catalog->dir, "CURRENT", O_RDONLY, 0);
    rc = catalog_code(fd);

    if (rc == FKV_OK) {
        rc = fkv__directory_own(fd, catalog->uid, catalog->gid);
        (void) catalog->fs->close(catalog->fs, fd);
    }

    return rc;
}


/* What stays behind is unlinked when the store is opened. */
static void
catalog_unlink(const fkv__catalog_t *catalog, uint64_t number)
{
    char  name[NAME_BYTES];

    fkv__manifest_name(name, number);
    (void) catalog->fs->unlink(catalog->fs, catalog->dir, name);
    fkv__mirror_name(name, number);
    (void) catalog->fs->unlink(catalog->fs, catalog->dir, name);
}


int
fkv__catalog_rotate(fkv__catalog_t *catalog, fkv__version_t *version)
{
    int         rc;
    pair_t      pair;
    uint64_t    number = catalog->number + 1;
    fkv__buf_t  image = { 0 };

    FKV_ASSERT(version->edit != 0);

    errno = ENOMEM;
    rc = catalog_image(&image, number, version);

    if (rc == FKV_OK) {
        rc = catalog_create(catalog, number, &image, &pair);
    }

    if (rc == FKV_OK) {
        FKV_STEP("catalog.5");
        rc = catalog_set_current(catalog, number);
        FKV_STEP("catalog.6");

        if (rc != FKV_OK) {
            pair_close(catalog, &pair);
        }
    }

    catalog_unusable(catalog);

    if (rc == FKV_OK) {
        /* The last one stays: who has not heard of the new one may open it. */
        if (catalog->number > 1) {
            catalog_unlink(catalog, catalog->number - 1);
        }

        FKV_STEP("catalog.7");
        catalog_use(catalog, &pair, number, image.len, image.len, version);
    }

    fkv__buf_done(&image);

    /* That a file is not there is no answer that anybody expects. */
    return (rc == FKV_NOTFOUND) ? FKV_EIO : rc;
}


static int
catalog_write_to(const fkv__catalog_t *catalog, int fd,
    const fkv__buf_t *record)
{
    int  rc;

    rc = fkv__file_write(catalog->fs, fd, record->data, record->len,
                         catalog->len);
    FKV_STEP("catalog.2");

    return (rc == FKV_OK) ? catalog_sync(catalog, fd) : rc;
}


/*
 * After a failure the record may be there in part, or as a whole but not on
 * disk.  Zeros are the end of a manifest for whoever reads it next, and the
 * next open starts a new one instead of appending behind them.  The mirror is
 * never to have more than the manifest.
 */
static void
catalog_withdraw(fkv__catalog_t *catalog, fkv__buf_t *record)
{
    int  cause = errno;

    memset(record->data, 0, record->len);
    (void) catalog_write_to(catalog, catalog->mirror, record);
    (void) catalog_write_to(catalog, catalog->fd, record);

    errno = cause;
}


static int
catalog_write(fkv__catalog_t *catalog, fkv__buf_t *record)
{
    int  rc;

    FKV_STEP("catalog.1");
    rc = catalog_write_to(catalog, catalog->fd, record);

    if (rc == FKV_OK) {
        FKV_STEP("catalog.3");
        rc = catalog_write_to(catalog, catalog->mirror, record);
    }

    if (rc != FKV_OK) {
        catalog_withdraw(catalog, record);
        catalog_unusable(catalog);
        return (rc == FKV_EFULL) ? FKV_EFULL : FKV_EIO;
    }

    FKV_STEP("catalog.4");
    catalog->len += record->len;

    return FKV_OK;
}


int
fkv__catalog_append(fkv__catalog_t *catalog, fkv__edit_t *edit)
{
    int              rc;
    fkv__buf_t       record = { 0 };
    fkv__version_t  *version;

    if (!catalog->usable) {
        errno = EBADF;
        return FKV_EIO;
    }

    if (catalog->len > catalog->len_max) {
        fkv__version_t  *same = fkv__version_pin(catalog->version);

        rc = fkv__catalog_rotate(catalog, same);

        if (rc != FKV_OK) {
            fkv__version_unpin(same);
            return rc;
        }
    }

    edit->number = catalog->version->edit + 1;

    rc = fkv__version_apply(catalog->version, edit, &version);
    if (rc != FKV_OK) {
        return rc;
    }

    rc = fkv__manifest_put(&record, catalog->number, catalog->len, edit);

    if (rc == FKV_OK) {
        rc = catalog_write(catalog, &record);
    }

    fkv__buf_done(&record);

    if (rc != FKV_OK) {
        fkv__version_unpin(version);
        return rc;
    }

    fkv__version_unpin(catalog->version);
    catalog->version = version;

    return FKV_OK;
}


void
fkv__catalog_close(fkv__catalog_t *catalog)
{
    catalog_unusable(catalog);

    if (catalog->version != NULL) {
        fkv__version_unpin(catalog->version);
        catalog->version = NULL;
    }
}
