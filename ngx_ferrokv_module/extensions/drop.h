/*
 * drop.h - what an extension leaves behind goes: values of its types, in all
 * databases, then its own map and its record.
 *
 * Shape      scans of some hundred keys, and behind each an update that deletes
 *            those that are still of its types; at last one update for all
 *            else.  Nothing but the record's state says that it goes on
 * If killed  it begins again with the first key; what is deleted is so
 */

#ifndef FKV_EXTENSIONS_DROP_H
#define FKV_EXTENSIONS_DROP_H

#include "extensions/installed.h"

#define FKV_DROP_KEYS       256     /* deleted at once */
#define FKV_DROP_FOUND_MAX  1000    /* values that are counted */

typedef struct fkv_drop_s  fkv_drop_t;

struct fkv_drop_s {
    fkv_t          *store;
    char            name[FKV_EXTENSION_NAME_MAX + 1];
    bool            cascade;
    void          (*on_done)(fkv_drop_t *drop, int rc);
    void           *data;

    uint64_t        deleted;
    uint64_t        found;      /* if not cascade */

    /* ours */
    fkv_op_t        op;
    uint16_t       *ids;
    unsigned        ids_n;
    unsigned        ns;
    fkv__buf_t      from;       /* behind this key */
    fkv__buf_t      last;       /* the last one that was looked at */
    fkv_scan_t      scan;
    fkv_update_t    update;
    fkv_change_t    changes[FKV_DROP_KEYS];
    unsigned        n;
    bool            complete;   /* the database is at its end */
    fkv__buf_t      keys;       /* length 4, bytes; and so on */
    fkv__buf_t      head;
};


/* Zero-initialized, store to data filled in.  FKV_OK · FKV_ENOMEM */
int  fkv_drop_init(fkv_drop_t *drop, const fkv_installed_t *in);
void fkv_drop_done(fkv_drop_t *drop);

/*
 * One piece.  FKV_OK it is gone · FKV_END there is more to do · FKV_EXISTS
 * there are values, and not cascade · FKV_AGAIN on_done follows · failures
 */
int  fkv_drop(fkv_drop_t *drop);


#endif /* FKV_EXTENSIONS_DROP_H */
