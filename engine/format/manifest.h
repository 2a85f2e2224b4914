/*
 * manifest.h - which files make up the store: a header, then edits.
 *
 *     header: magic 8 | format 4 | zero 4 | number 8 | zero 4 | crc 4
 *     record: length 4 | crc 4 | edit: number 8, tagged fields (field.h)
 *
 * The edits, applied in order, are the state; the first edit of a file is a
 * snapshot, which is complete in itself.  A record's sum is seeded with the
 * manifest's number and the record's offset, so leftovers of another file or
 * another place are not mistaken for edits.  DIR/CURRENT names the manifest
 * that counts.
 */

#ifndef FKV_FORMAT_MANIFEST_H
#define FKV_FORMAT_MANIFEST_H

#include "format/range.h"
#include "format/table.h"

#define FKV__MANIFEST_FORMAT        1
#define FKV__MANIFEST_HEADER_BYTES  32
#define FKV__LEVEL_MAX              63

/* A table that the edit adds. */
typedef struct {
    unsigned           level;
    fkv__table_info_t  info;
} fkv__edit_table_t;

/*
 * One edit.  Tag and name of its numbers, 0 = this edit says nothing of it;
 * on disk, do not change.
 *
 *   snapshot          1: complete state, all before it is void
 *   clock_ms          store time
 *   log_floor         LSN; everything below is in tables
 *   next_file         ids from here on were never used
 *   next_incarnation  of log files, likewise
 *   next_lsn          a new log file's base must not be less
 *   next_blob         as next_file, of blob files
 */
#define FKV__EDIT_MAP(X)                                                      \
    X(2,   snapshot)                                                          \
    X(4,   clock_ms)                                                          \
    X(6,   log_floor)                                                         \
    X(8,   next_file)                                                         \
    X(10,  next_incarnation)                                                  \
    X(12,  next_lsn)                                                          \
    X(20,  next_blob)

#define FKV__EDIT_ADD   14          /* varint level, fields of the info */
#define FKV__EDIT_DROP  16          /* varint file id */

#define FKV__EDIT_RANGE       26    /* varint version, varint length of begin,
                                       begin, end */
#define FKV__EDIT_RANGE_DROP  28    /* varint version, which is its name */

typedef struct {
    uint64_t            number;     /* of the edit, not 0 */

#define FKV__EDIT_FIELD(tag, name)  uint64_t  name;
    FKV__EDIT_MAP(FKV__EDIT_FIELD)
#undef FKV__EDIT_FIELD

    fkv__edit_table_t  *adds;
    size_t              n_adds;
    size_t              adds_cap;

    uint64_t           *drops;      /* file ids */
    size_t              n_drops;
    size_t              drops_cap;

    fkv__range_t       *ranges;     /* tombstones; keys owned */
    size_t              n_ranges;
    size_t              ranges_cap;

    uint64_t           *range_drops;    /* their versions */
    size_t              n_range_drops;
    size_t              range_drops_cap;
} fkv__edit_t;

void fkv__edit_init(fkv__edit_t *edit);
void fkv__edit_done(fkv__edit_t *edit);

/* Copies info.  FKV_OK, or FKV_ENOMEM and the edit is as it was. */
int fkv__edit_add(fkv__edit_t *edit, unsigned level,
    const fkv__table_info_t *info);
int fkv__edit_drop(fkv__edit_t *edit, uint64_t file_id);
int fkv__edit_range(fkv__edit_t *edit, const fkv__range_t *range);
int fkv__edit_range_drop(fkv__edit_t *edit, uint64_t version);

/* Appends a record's payload to buf.  FKV_OK or FKV_ENOMEM. */
int fkv__edit_encode(fkv__buf_t *buf, const fkv__edit_t *edit);

/*
 * edit is uninitialized and empty after a failure.
 * FKV_OK · FKV_ECORRUPT · FKV_EVERSION · FKV_ENOMEM
 */
int fkv__edit_decode(fkv_str_t payload, fkv__edit_t *edit);


/* Fills out[FKV__MANIFEST_HEADER_BYTES]. */
void fkv__manifest_header_put(uint8_t *out, uint64_t number);

/* FKV_OK · FKV_ECORRUPT · FKV_EVERSION */
int fkv__manifest_header_get(fkv_str_t file, uint64_t *number);

/*
 * Appends the edit as a record to buf.
 *   number    of the manifest
 *   offset    in the manifest, where the record will be
 * FKV_OK · FKV_ENOMEM buf is as it was
 */
int fkv__manifest_put(fkv__buf_t *buf, uint64_t number, uint64_t offset,
    const fkv__edit_t *edit);

/*
 * Reads the record at offset.  edit is uninitialized and empty unless FKV_OK.
 *   file      the whole file from byte 0 on
 *   next      is set to the offset behind the record if FKV_OK
 * FKV_OK · FKV_END offset is the end, or only zeros follow · FKV_ECORRUPT
 * torn or damaged · FKV_EVERSION · FKV_ENOMEM
 */
int fkv__manifest_get(fkv_str_t file, uint64_t number, uint64_t offset,
    fkv__edit_t *edit, uint64_t *next);

/*
 * Is there any record with a valid sum behind offset?  If so, what is wrong
 * at offset is damage, else the torn end of a write that nobody relies on.
 * FKV_OK found is its offset · FKV_NOTFOUND
 */
int fkv__manifest_find_valid_after(fkv_str_t file, uint64_t number,
    uint64_t offset, uint64_t *found);


/* DIR/CURRENT: "MANIFEST-17\n", the CRC-32C of that in hex, "\n". */
#define FKV__CURRENT_BYTES_MAX  64

/* Returns how many bytes of out[FKV__CURRENT_BYTES_MAX] it filled. */
size_t fkv__current_put(char *out, uint64_t number);

/* FKV_OK, or FKV_ECORRUPT if it is not exactly what put would write. */
int fkv__current_get(fkv_str_t file, uint64_t *number);


#endif /* FKV_FORMAT_MANIFEST_H */
