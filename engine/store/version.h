/*
 * version.h - a list of tables by level, as of one manifest edit.
 *
 * Shape      immutable and counted; applying an edit makes a new version that
 *            shares the tables of the old one
 * Processes  private to each; all read the same manifest, so version n holds
 *            the same tables everywhere
 * Threads    counts are atomic: the helper's threads share versions
 *
 * Level 0: tables may overlap, newest (largest version_max) first.  Levels 1
 * to 6: sorted by key, disjoint.
 */

#ifndef FKV_STORE_VERSION_H
#define FKV_STORE_VERSION_H

#include "base/list.h"
#include "format/manifest.h"
#include "io/file.h"
#include "shared/blocks.h"
#include "store/ranges.h"

#define FKV__LEVELS        7
#define FKV__DAMAGE_BYTES  256      /* room of one sentence */

typedef struct fkv__table_s  fkv__table_t;

struct fkv__table_s {
    uint32_t           refs;        /* atomic */
    unsigned           level;
    fkv__table_info_t  info;

    /* Of a worker, store/files.h; elsewhere as version.c left it. */
    int                fd;          /* -1: not open */
    bool               opening;     /* an open is in flight */
    unsigned           reading;     /* users of fd */
    fkv_link_t         open_link;
    fkv_link_t         opening_waits;
    void             (*on_free)(fkv__table_t *table, void *data);
    void              *on_free_data;
    fkv__blocks_hint_t  *hints;     /* index, filter pages; NULL: none yet */
};

typedef struct {
    uint32_t           refs;        /* atomic */
    uint64_t           edit;        /* number of the last edit in it */
    uint64_t           clock_ms;    /* latest known values of the edits' */
    uint64_t           log_floor;   /*   numbers, see format/manifest.h */
    uint64_t           next_file;
    uint64_t           next_incarnation;
    uint64_t           next_lsn;
    uint64_t           next_blob;
    fkv__ranges_t     *ranges;      /* what they hide counts as deleted */
    fkv__table_t     **levels[FKV__LEVELS];
    unsigned           n[FKV__LEVELS];
    uint64_t           bytes[FKV__LEVELS];      /* of the tables' files */
} fkv__version_t;


/* An empty version, edit 0, one reference.  NULL: out of memory. */
fkv__version_t *fkv__version_new(void);

static inline fkv__version_t *
fkv__version_pin(fkv__version_t *version)
{
    __atomic_fetch_add(&version->refs, 1, __ATOMIC_RELAXED);
    return version;
}


/* The last one frees the version, and each table that is in no other. */
void fkv__version_unpin(fkv__version_t *version);

fkv__table_t *fkv__table_pin(fkv__table_t *table);
void fkv__table_unpin(fkv__table_t *table);

/*
 * The version after the edit, one reference.  A snapshot edit starts from
 * nothing, but tables that the old version has too keep their open file; its
 * number may also be that of the old version, whose state it then repeats.
 * FKV_OK · FKV_ECORRUPT the edit drops what is not there, adds what is, its
 * number is not larger, levels overlap or are too high · FKV_ENOMEM
 */
int fkv__version_apply(fkv__version_t *from, const fkv__edit_t *edit,
    fkv__version_t **to);

/*
 * One edit that is the whole version, with its number: for a new manifest.
 * edit is uninitialized, and empty after a failure.  FKV_OK or FKV_ENOMEM.
 */
int fkv__version_snapshot(const fkv__version_t *version, fkv__edit_t *edit);

/*
 * Applies the records in file[*offset .. ) of manifest number to *version
 * (which is replaced; its reference passes on) until the end.  The first
 * record of a file must be a snapshot.
 *   file     what lies before *offset is not looked at
 *   offset   advanced over every record that was applied
 * FKV_OK up to the end · FKV_ECORRUPT, *offset is where it is damaged or torn
 * · FKV_EVERSION · FKV_ENOMEM; what was applied stays applied
 */
int fkv__version_replay(fkv__version_t **version, fkv_str_t file,
    uint64_t number, uint64_t *offset);

/* What is on disk. */
typedef struct {
    fkv__version_t  *version;       /* the caller's reference */
    uint64_t         number;        /* of the manifest */
    uint64_t         len;           /* of its valid edits */
    bool             whole;         /* both copies are just these */
    char             damage[FKV__DAMAGE_BYTES];     /* of one copy, made good
                                       by the other: file, offset; or empty */
} fkv__loaded_t;

/*
 * Reads CURRENT and the manifest it names, blocking; what is damaged in one of
 * the manifest's two copies is taken from the other, and if CURRENT itself is
 * damaged the manifest counts that goes farthest.
 * FKV_OK out is set · FKV_NOTFOUND there is no CURRENT and nothing else
 * · FKV_ECORRUPT (error names file and offset; a torn last record is not
 * corruption: len ends before it) · FKV_EVERSION · FKV_EIO · FKV_ENOMEM
 */
int fkv__version_load(const fkv__fs_t *fs, int dir, fkv__loaded_t *out,
    char *error);

/* DIR/MANIFEST-n, DIR/MIRROR-n, DIR/sst/n.sst; out has room for 40 bytes. */
void fkv__manifest_name(char *out, uint64_t number);
void fkv__mirror_name(char *out, uint64_t number);
void fkv__table_name(char *out, uint64_t id);

/*
 * Index of the first of n tables of a level 1.. whose largest key is >= ikey;
 * n if there is none.
 */
unsigned fkv__table_find(fkv__table_t *const *tables, unsigned n,
    fkv_str_t ikey);
unsigned fkv__version_find(const fkv__version_t *version, unsigned level,
    fkv_str_t ikey);

/* May a table hold a record that the range hides? */
bool fkv__version_hides(const fkv__version_t *version,
    const fkv__range_t *range);
bool fkv__table_hides(const fkv__table_t *table, const fkv__range_t *range);

/* Is the table of this id in it? */
bool fkv__version_has(const fkv__version_t *version, uint64_t id);

/* Does any table of levels >= level hold keys in [from, to]? */
bool fkv__version_overlaps(const fkv__version_t *version, unsigned level,
    fkv_str_t from, fkv_str_t to);


#endif /* FKV_STORE_VERSION_H */
