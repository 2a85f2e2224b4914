/*
 * catalog.h - writing the manifest: the one place that changes the set of
 * tables.
 *
 * Shape      two files of the same bytes, the manifest and its mirror: what is
 *            damaged in one is taken from the other (load.c)
 * Processes  the master while it opens the store, then the owner of the helper
 *            role; never two at once
 * If killed  before the record is whole: the edit never happened, its tables
 *            are orphans and go.  After: the next owner finds it behind the
 *            announced length and announces it (fkv__catalog_open)
 *
 * Invariants
 *   1  An edit is acknowledged only when its record, in both files, and their
 *      directory entries are on disk; the manifest's is before the mirror's is
 *      written.
 *   2  Nothing is appended behind anything but the last valid record, and not
 *      to a manifest that CURRENT may stop naming after a crash: whoever is in
 *      doubt starts a new one.
 *   3  A manifest is unlinked when the second one after it counts: who was told
 *      of the one before may still be reading it.
 */

#ifndef FKV_STORE_CATALOG_H
#define FKV_STORE_CATALOG_H

#include "store/version.h"

#define FKV__CATALOG_BYTES_MAX  (1024 * 1024)   /* then a new manifest */

/* Zero-initialized, and with the caller's fields set, it is closed. */
typedef struct {
    const fkv__fs_t  *fs;           /* the caller's */
    const fkv_log_t  *log;          /* or NULL */
    int               dir;
    uid_t             uid;          /* owner of new files, -1: ours */
    gid_t             gid;

    bool              usable;       /* false: these are not open */
    int               fd;
    int               mirror;
    uint64_t          number;       /* of the manifest */
    uint64_t          len;
    uint64_t          len_max;      /* longer: the next edit rotates */
    fkv__version_t   *version;      /* the state after the last edit; may be
                                       NULL before open or rotate */
} fkv__catalog_t;

/*
 * Opens the current manifest for appending, for the first time or again: loads
 * the version and syncs files and directory.  If anything stands behind the
 * last edit, a torn record or the zeros of a withdrawn one, it rotates; so it
 * does after damage of one copy, of which it tells the log.
 * FKV_OK · as fkv__version_load, FKV_EFULL
 */
int fkv__catalog_open(fkv__catalog_t *catalog, char *error);

/*
 * Starts a new manifest that begins with a snapshot of version, syncs it and
 * its directory, and makes CURRENT name it.  Also for a new store.  version's
 * edit must not be 0; FKV_OK takes the caller's reference over.
 * FKV_OK · FKV_EIO · FKV_EFULL · FKV_ENOMEM; the catalog is unusable then, it
 * must be opened again.  The state on disk is the old one, unless only the
 * directory's sync failed: then it is either.
 */
int fkv__catalog_rotate(fkv__catalog_t *catalog, fkv__version_t *version);

/*
 * Gives edit the next number, appends it, syncs, applies it to version.
 * Rotates first when the file has become long.
 *
 * FKV_OK · FKV_ECORRUPT the edit does not fit the version, FKV_ENOMEM: nothing
 * has happened and the catalog goes on.
 * FKV_EIO · FKV_EFULL: the catalog is unusable and must be opened again.  The
 * edit is withdrawn and nobody was told of it; but until that open has
 * succeeded a crash may bring it back, so leave the tables that it adds, and
 * those that it drops, where they are.
 */
int fkv__catalog_append(fkv__catalog_t *catalog, fkv__edit_t *edit);

void fkv__catalog_close(fkv__catalog_t *catalog);

#endif /* FKV_STORE_CATALOG_H */
