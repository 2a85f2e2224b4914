/*
 * blob_update.h - the large values of an update: current ones that decide()
 * wants to see, and new ones that must be on disk before their record.
 *
 *     READ --large current, load--> fetch --> READ
 *       | decide()
 *       '--large new value--> puts, all keys at once --> READ, decide() again
 *            '-- all written --> frame.c: records name them
 *
 * decide() is asked again after the write, so what was written is used only if
 * it says the same; else it is dead bytes and the new value is written.
 *
 * If killed  before the frame is READY the values are dead bytes
 */

#ifndef FKV_STORE_BLOB_UPDATE_H
#define FKV_STORE_BLOB_UPDATE_H

#include "store/blob_read.h"
#include "store/blob_write.h"
#include "store/memtable.h"
#include "store/update.h"

/* Of one key; made when it is needed. */
struct fkv__update_blob_s {
    fkv_link_t           link;      /* of store->update_blobs */
    fkv_update_t        *update;
    fkv__blob_put_t      put;
    bool                 written;   /* put has ended well, not done */
    uint64_t             digest;    /* of the value it wrote */
    uint8_t              ref[FKV__BLOB_REF_MAX];

    fkv__blob_fetch_t    fetch;
    uint64_t             fetched;   /* version of which fetch is, 0 = none */
    uint64_t             gone;      /* version whose file did not exist ... */
    fkv__blob_ref_t      gone_ref;  /* ... where it was said to be */
};

/*
 * key i was read as rec, whose value is large: loads it into current if
 * decide() wants it, or if operands lie on it.
 * FKV_OK, or it is in flight as own->looking says: read again then
 * · FKV_GONE ask the tables · FKV_NOTFOUND it has expired and was dropped
 * · FKV_ECORRUPT · FKV_EIO · FKV_ENOMEM
 */
int  fkv__update_load(fkv_update_t *u, unsigned i, const fkv__record_t *rec);

/* Is this version of the key to be read from the tables only? */
bool fkv__update_gone(const fkv__update_key_t *key, uint64_t version);

/*
 * After decide(): brings large new values to disk.
 * FKV_OK they are there · FKV_AGAIN the update is run when they are: read and
 * decide again · FKV_EBUSY try again later · FKV_ETOOBIG · FKV_CONFLICT
 * decide() says something else each time · FKV_EREADONLY · FKV_EFULL · FKV_EIO
 * · FKV_ENOMEM
 */
int  fkv__update_write_blobs(fkv_update_t *u);

/* Makes rec a reference if the value of the change is in a blob file. */
void fkv__update_refer(const fkv_change_t *change,
    const fkv__update_key_t *key, fkv__record_t *rec);

/*
 * The frame is READY in this memtable: so much in blob files hangs on it, and
 * when it is enough it is flushed, lest garbage wait for a full memtable.
 */
void fkv__update_referred(const fkv_update_t *u, const fkv__memtable_t *mt);

/* At the update's end. */
void fkv__update_blobs_done(fkv_update_t *u);

/* After the end of I/O: frees those of updates in flight. */
void fkv__update_blobs_close(fkv_t *store);


#endif /* FKV_STORE_BLOB_UPDATE_H */
