/*
 * log_files.h - the log files that a store finds when it is opened, and those
 * that it starts its new life with.
 *
 * Names are fixed, DIR/log/00.log and so on; which life and which LSNs are in
 * a file only its header says.  There may be any number of them, of any size.
 */

#ifndef FKV_STORE_LOG_FILES_H
#define FKV_STORE_LOG_FILES_H

#include "base/buf.h"
#include "format/log.h"
#include "store/directory.h"

typedef enum {
    FKV__LOG_FILE_EMPTY,            /* its header is zero: never used */
    FKV__LOG_FILE_VALID,
    FKV__LOG_FILE_BAD               /* the header is neither zero nor valid */
} fkv__log_file_e;

typedef struct {
    uint64_t           number;
    uint64_t           bytes;       /* of frames that can be in the file */
    fkv__log_file_e    state;
    fkv__log_header_t  header;      /* of a VALID one */
    bool               mended;      /* a bit of that was wrong, ... */
    size_t             mended_at;   /* ... in this byte of the file */
} fkv__log_file_t;

typedef struct {
    fkv__log_file_t  *files;        /* the VALID ones first, by base */
    size_t            n;
    size_t            n_valid;
} fkv__log_files_t;

/* DIR/log/NN.log; out has room for 32 bytes. */
void fkv__log_name(char *out, uint64_t number);

/*
 * Reads all headers, after the last I/O of dead processes has ended: their
 * lock bytes (slots.h) are free then.
 *   quiet_ms   how long to wait for that
 * FKV_OK files must be done · FKV_EBUSY · FKV_EVERSION · FKV_EIO · FKV_ENOMEM;
 * error holds one sentence
 */
int fkv__log_files_find(fkv__log_files_t *files,
    const fkv__directory_t *directory, unsigned quiet_ms, char *error);
void fkv__log_files_done(fkv__log_files_t *files);

/*
 * What is wrong with the headers: one that is neither zero nor valid, or knows
 * of a later edit than the manifest of this number, which ends with this edit.
 *   damage       room for FKV__LOG_DAMAGE_BYTES: one sentence, or empty
 *   edits_lost   the manifest once said more
 */
#define FKV__LOG_DAMAGE_BYTES  256

void fkv__log_files_check(const fkv__log_files_t *files, uint64_t manifest,
    uint64_t edit, char *damage, bool *edits_lost);

/* The sentence about one that was mended. */
void fkv__log_file_mended(const fkv__log_file_t *file,
    char damage[FKV__LOG_DAMAGE_BYTES]);

/*
 * Makes the FKV__ARENAS files of a new life, all synced.  Nothing that is in
 * them is needed any more: headers are cleared first, files beyond are
 * unlinked.  The first file is written with zeros to its full length; the
 * helper does that for the others before they are used.
 *   keep       change no file that is there, only make missing ones
 * FKV_OK · FKV_EIO · FKV_EFULL · FKV_ENOMEM; error holds one sentence
 */
int fkv__log_files_renew(const fkv__log_files_t *files,
    const fkv__directory_t *directory, uint64_t arena_bytes, bool keep,
    uid_t uid, gid_t gid, char *error);


/* Where in the file an LSN is. */
static inline uint64_t
fkv__log_file_offset(const fkv__log_file_t *file, uint64_t lsn)
{
    return FKV__LOG_HEADER_BYTES + (lsn - file->header.base);
}


#endif /* FKV_STORE_LOG_FILES_H */
