/*
 * load.c - the version that the disk holds: CURRENT, and the manifest that it
 * names, in two copies.
 */

#include "store/version.h"

#include "fkv.h"
#include "store/directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NAME_BYTES  40
#define COPIES      2               /* of a manifest: itself, its mirror */

/* One of them. */
typedef struct {
    char        name[NAME_BYTES];
    bool        headed;             /* its header is valid */
    fkv__buf_t  file;
    uint64_t    end;                /* of its valid edits */
    int         rc;                 /* of reading it, or of the last replay */
} copy_t;

typedef struct {
    const fkv__fs_t  *fs;
    int               dir;
    fkv__loaded_t    *out;
    char             *error;
    copy_t            copies[COPIES];
} load_t;


/* The first damage is the one that is told. */
static void __attribute__((format(printf, 2, 3)))
load_damaged(load_t *load, const char *fmt, ...)
{
    va_list          args;
    fkv__loaded_t   *out = load->out;

    out->whole = false;

    if (out->damage[0] == '\0') {
        va_start(args, fmt);
        (void) vsnprintf(out->damage, sizeof(out->damage), fmt, args);
        va_end(args);
    }
}


static int
load_unreadable(char *error, int rc, const char *name)
{
    if (rc == FKV_ENOMEM) {
        return fkv__error(error, rc, "no memory to read %s", name);
    }

    return fkv__error(error, rc, "reading %s failed: %s", name,
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

    return fkv__error(error, FKV_ECORRUPT,
                      "CURRENT is missing though %s exists: which manifest "
                      "counts is unknown", manifest);
}


/*
 * FKV_OK · FKV_END it is there and damaged · as fkv__version_load
 */
static int
load_current(load_t *load, uint64_t *number)
{
    int         rc;
    fkv__buf_t  file = { 0 };

    rc = fkv__file_slurp(load->fs, load->dir, "CURRENT", &file);

    if (rc == FKV_NOTFOUND) {
        return load_no_current(load->dir, load->error);
    }

    if (rc != FKV_OK) {
        fkv__buf_done(&file);
        return load_unreadable(load->error, rc, "CURRENT");
    }

    rc = fkv__current_get(fkv__buf_str(&file), number);
    fkv__buf_done(&file);

    if (rc != FKV_OK) {
        (void) fkv__error(load->error, FKV_ECORRUPT, "CURRENT is damaged: no "
                          "name of a manifest with its sum at offset 0");
        return FKV_END;
    }

    return FKV_OK;
}


static int
copy_header(copy_t *copy, uint64_t number, char *error)
{
    int       rc;
    uint64_t  found;

    rc = fkv__manifest_header_get(fkv__buf_str(&copy->file), &found);

    if (rc == FKV_EVERSION) {
        return fkv__error(error, rc, "%s was written by a newer version",
                          copy->name);
    }

    if (rc != FKV_OK) {
        return fkv__error(error, rc, "%s is damaged: bad header at offset 0",
                          copy->name);
    }

    if (found != number) {
        return fkv__error(error, FKV_ECORRUPT,
                          "%s is damaged: the header at offset 0 says that "
                          "its number is %llu", copy->name,
                          (unsigned long long) found);
    }

    copy->headed = true;

    return FKV_OK;
}


/* Each edit by itself, whatever it says. */
static int
copy_find_end(copy_t *copy, uint64_t number)
{
    int       rc;
    uint64_t  next = FKV__MANIFEST_HEADER_BYTES;

    do {
        fkv__edit_t  edit;

        copy->end = next;
        rc = fkv__manifest_get(fkv__buf_str(&copy->file), number, copy->end,
                               &edit, &next);
        fkv__edit_done(&edit);
    } while (rc == FKV_OK);

    return (rc == FKV_ENOMEM) ? rc : FKV_OK;
}


/* FKV_OK also if there is nothing to be had of it · FKV_EVERSION · ENOMEM */
static int
copy_read(load_t *load, copy_t *copy, uint64_t number)
{
    int   rc;
    char  why[FKV_ERROR_BYTES];

    rc = fkv__file_slurp(load->fs, load->dir, copy->name, &copy->file);
    copy->rc = rc;

    if (rc == FKV_NOTFOUND) {
        load_damaged(load, "%s is missing", copy->name);
        return FKV_OK;
    }

    if (rc == FKV_ENOMEM) {
        return load_unreadable(load->error, rc, copy->name);
    }

    if (rc != FKV_OK) {
        (void) load_unreadable(why, rc, copy->name);
        load_damaged(load, "%s", why);
        return FKV_OK;
    }

    rc = copy_header(copy, number, why);

    if (rc == FKV_EVERSION) {
        return fkv__error(load->error, rc, "%s", why);
    }

    if (rc != FKV_OK) {
        load_damaged(load, "%s", why);
    }

    rc = copy_find_end(copy, number);

    return (rc == FKV_OK) ? rc : load_unreadable(load->error, rc, copy->name);
}


/*
 * What stopped the replay at offset?  Only a record whose sum is wrong, with
 * nothing valid behind it, is the torn end of a write that nobody relies on.
 */
static int
copy_stopped(const copy_t *copy, uint64_t number, uint64_t offset, char *error)
{
    int          rc = copy->rc;
    uint64_t     found;
    const char  *name = copy->name;

    switch (rc) {

    case FKV_OK:
        return FKV_OK;

    case FKV_ECORRUPT:
        break;

    case FKV_EVERSION:
        return fkv__error(error, rc, "%s holds at offset %llu what only a "
                          "newer version can read", name,
                          (unsigned long long) offset);

    default:
        return fkv__error(error, rc, "no memory to read %s", name);
    }

    if (fkv__manifest_find_valid_after(fkv__buf_str(&copy->file), number,
                                       offset - 1, &found)
        != FKV_OK)
    {
        return FKV_OK;
    }

    if (found == offset) {
        return fkv__error(error, rc, "%s is damaged: the edit at offset %llu "
                          "contradicts the tables before it", name,
                          (unsigned long long) offset);
    }

    return fkv__error(error, rc, "%s is damaged at offset %llu, and so is "
                      "its other copy: a valid edit follows at offset %llu",
                      name, (unsigned long long) offset,
                      (unsigned long long) found);
}


/*
 * Applies what either copy has, until neither goes on.  Sums are seeded with
 * number and offset, so an edit is the same in both or it is not there.
 */
static int
load_replay(load_t *load, uint64_t number)
{
    int             rc;
    unsigned        idle = 0;
    fkv__loaded_t  *out = load->out;

    out->len = FKV__MANIFEST_HEADER_BYTES;

    for (unsigned c = 0; idle < COPIES; c = (c + 1) % COPIES) {
        copy_t    *copy = &load->copies[c];
        uint64_t   from = out->len;

        copy->rc = (copy->file.len > from)
                   ? fkv__version_replay(&out->version,
                                         fkv__buf_str(&copy->file), number,
                                         &out->len)
                   : FKV_OK;

        if (copy->rc == FKV_ENOMEM || copy->rc == FKV_EVERSION) {
            break;
        }

        idle = (out->len > from) ? 1 : idle + 1;
    }

    for (unsigned c = 0; c < COPIES; c++) {
        rc = copy_stopped(&load->copies[c], number, out->len, load->error);

        if (rc != FKV_OK) {
            return rc;
        }
    }

    return FKV_OK;
}


/*
 * The manifest is on disk before its mirror is written: a death between leaves
 * the mirror one edit behind, and that is all it leaves.
 */
static bool
mirror_is_behind(const load_t *load, uint64_t number)
{
    int            rc;
    uint64_t       next = 0;
    fkv__edit_t    edit;
    const copy_t  *mirror = &load->copies[1];

    if (!mirror->headed || mirror->end == FKV__MANIFEST_HEADER_BYTES) {
        return false;
    }

    rc = fkv__manifest_get(fkv__buf_str(&load->copies[0].file), number,
                           mirror->end, &edit, &next);
    fkv__edit_done(&edit);

    return rc == FKV_OK && next == load->out->len;
}


static void
load_compare(load_t *load, uint64_t number)
{
    fkv__loaded_t  *out = load->out;

    for (unsigned c = 0; c < COPIES; c++) {
        const copy_t  *copy = &load->copies[c];

        if (copy->end != out->len || copy->file.len != out->len) {
            out->whole = false;
        }

        if (copy->end != out->len
            && (c == 0 || !mirror_is_behind(load, number)))
        {
            load_damaged(load, "%s is damaged at offset %llu", copy->name,
                         (unsigned long long) copy->end);
        }
    }
}


static int
load_copies(load_t *load, uint64_t number)
{
    int  rc = FKV_OK;

    fkv__manifest_name(load->copies[0].name, number);
    fkv__mirror_name(load->copies[1].name, number);

    for (unsigned c = 0; rc == FKV_OK && c < COPIES; c++) {
        rc = copy_read(load, &load->copies[c], number);
    }

    if (rc != FKV_OK) {
        return rc;
    }

    if (!load->copies[0].headed && !load->copies[1].headed) {
        bool  io = (load->copies[0].rc == FKV_EIO
                    || load->copies[1].rc == FKV_EIO);

        return fkv__error(load->error, io ? FKV_EIO : FKV_ECORRUPT,
                          "%s, and its other copy is no better",
                          load->out->damage);
    }

    rc = load_replay(load, number);

    /* CURRENT names a manifest only once its snapshot is on disk. */
    if (rc == FKV_OK && load->out->len == FKV__MANIFEST_HEADER_BYTES) {
        return fkv__error(load->error, FKV_ECORRUPT, "%s is damaged: no "
                          "snapshot at offset %llu", load->copies[0].name,
                          (unsigned long long) load->out->len);
    }

    if (rc == FKV_OK) {
        load_compare(load, number);
    }

    return rc;
}


/* out is uninitialized, and nothing is held after a failure. */
static int
load_manifest(load_t *load, uint64_t number)
{
    int             rc;
    fkv__loaded_t  *out = load->out;

    memset(out, 0, sizeof(*out));
    memset(load->copies, 0, sizeof(load->copies));

    out->number = number;
    out->whole = true;
    out->version = fkv__version_new();

    rc = (out->version != NULL)
         ? load_copies(load, number)
         : fkv__error(load->error, FKV_ENOMEM, "no memory for a version");

    for (unsigned c = 0; c < COPIES; c++) {
        fkv__buf_done(&load->copies[c].file);
    }

    if (rc != FKV_OK && out->version != NULL) {
        fkv__version_unpin(out->version);
        out->version = NULL;
    }

    return rc;
}


/* Of two that end with the same edit the later one says the same. */
static bool
load_is_newer(const fkv__loaded_t *a, const fkv__loaded_t *b)
{
    return (a->version->edit != b->version->edit)
           ? a->version->edit > b->version->edit
           : a->number > b->number;
}


/*
 * CURRENT does not say which manifest counts: the one that goes farthest.  A
 * later one that was never named has been written over, or says what the one
 * before it says.
 */
static int
load_newest(load_t *load)
{
    int             rc;
    uint64_t        number;
    char            why[FKV_ERROR_BYTES];
    fkv__buf_t      numbers = { 0 };
    fkv__loaded_t  *out = load->out, one;
    load_t          try = { .fs = load->fs, .dir = load->dir, .out = &one,
                            .error = why };

    out->version = NULL;

    rc = fkv__directory_numbers(load->dir, "MANIFEST-", 6, "", &numbers);

    for (size_t at = 0; rc == FKV_OK && at < numbers.len;
         at += sizeof(number))
    {
        memcpy(&number, numbers.data + at, sizeof(number));

        if (load_manifest(&try, number) != FKV_OK) {
            continue;
        }

        if (out->version == NULL || load_is_newer(&one, out)) {
            fkv__version_t  *worse = out->version;

            *out = one;
            one.version = worse;
        }

        if (one.version != NULL) {
            fkv__version_unpin(one.version);
        }
    }

    fkv__buf_done(&numbers);

    if (out->version == NULL) {
        return FKV_ECORRUPT;
    }

    /* CURRENT is what went wrong first. */
    (void) snprintf(out->damage, sizeof(out->damage), "CURRENT is damaged at "
                    "offset 0");
    out->whole = false;

    return FKV_OK;
}


int
fkv__version_load(const fkv__fs_t *fs, int dir, fkv__loaded_t *out,
    char *error)
{
    int       rc;
    uint64_t  number;
    load_t    load = { .fs = fs, .dir = dir, .out = out, .error = error };

    error[0] = '\0';
    rc = load_current(&load, &number);

    switch (rc) {
    case FKV_OK:   return load_manifest(&load, number);
    case FKV_END:  return load_newest(&load);
    }

    return rc;
}
