/*
 * catalog.h - what is installed in a store, as this process has read it, and
 * what follows for the extensions that are loaded here.
 *
 * Shape      a scan of the catalog's records (installed.h) at one moment.  What
 *            it has found takes effect at once: types (commands/types.h), also
 *            those of which nobody here has the code, and the state of each
 *            extension in this store (host.h)
 * Life       one for each store and process, from attach to detach.  It is read
 *            when it is opened, and again when roll.h knows a newer one
 * Sticky     an extension that works in this process goes on working while its
 *            data are updated for a newer library: a step that it could not
 *            live with is FERROKV_EXCLUSIVE and waits for the end of this
 *            process.  One that is loaded later, and older than the store, is
 *            dormant
 */

#ifndef FKV_EXTENSIONS_CATALOG_H
#define FKV_EXTENSIONS_CATALOG_H

#include "extensions/installed.h"
#include "extensions/operator.h"
#include "extensions/roll.h"

typedef struct fkv_catalog_s  fkv_catalog_t;

/* How an extension stands in a store, for this process. */
typedef enum {
    FKV_STANDS_UNKNOWN,         /* the catalog was not read yet */
    FKV_STANDS_ABSENT,          /* not installed */
    FKV_STANDS_BEGUN,           /* it is being installed, or updated from a
                                   schema that this library does not serve */
    FKV_STANDS_READY,
    FKV_STANDS_BEHIND,          /* the store's schema is older than the library
                                   serves: it waits for an update */
    FKV_STANDS_DORMANT,         /* the store is newer than the library */
    FKV_STANDS_DROPPING,
    FKV_STANDS_DAMAGED          /* its record cannot be read */
} fkv_stands_e;

typedef struct {
    fkv_installed_t         in;         /* state 0: the record is damaged */
    fkv_extension_t        *extension;  /* NULL: not loaded here */
    fkv_stands_e            stands;
    uint8_t                *bytes;      /* of in's texts */
} fkv_catalog_entry_t;

/* What one scan has found. */
typedef struct {
    uint64_t                generation; /* the head's version; 0: none */
    uint64_t                next;       /* id of the next type */
    fkv_catalog_entry_t    *entries;
    unsigned                n;
} fkv_catalog_records_t;

struct fkv_catalog_s {
    fkv_t                  *store;
    fkv_t                  *also;       /* the helper's handle; or NULL */
    const char             *name;       /* of the store, in nginx.conf */
    const fkv_extensions_t *loaded;     /* or NULL */
    const fkv_log_t        *log;
    fkv_roll_t             *roll;
    fkv_operators_t        *operators;  /* or NULL */

    bool                    read;       /* at least once */
    fkv_catalog_records_t   records;

    void                  (*on_read)(fkv_catalog_t *catalog, int rc);
    void                   *data;

    /* ours */
    fkv_scan_t              scan;
    bool                    reading;
    bool                    failed;     /* the log has a line about it */
    fkv_catalog_records_t   found;
    fkv_link_t              link;       /* of all catalogs of the process */
};


/*
 * Zero-initialized, and store to roll filled in.  close: after it nothing of
 * the store's types is known here.
 */
void fkv_catalog_open(fkv_catalog_t *catalog);
void fkv_catalog_close(fkv_catalog_t *catalog);

/* Of a store in this process; NULL: there is none. */
fkv_catalog_t *fkv_catalog_of(const fkv_t *store);

/*
 * FKV_OK it is read, and in effect · FKV_AGAIN on_read follows, or the read
 * that goes on already will call it · failures, which are logged
 */
int fkv_catalog_read(fkv_catalog_t *catalog);

/* Does anybody know a newer one? */
bool fkv_catalog_stale(const fkv_catalog_t *catalog);

/* NULL: not installed, or not read yet. */
fkv_catalog_entry_t *fkv_catalog_find(const fkv_catalog_t *catalog,
    fkv_str_t name);

/* One that is loaded and may be installed here, or NULL. */
fkv_extension_t *fkv_catalog_loaded(const fkv_catalog_t *catalog,
    fkv_str_t name);

/* How a library and what is installed go together; worked: it was READY. */
fkv_stands_e fkv_catalog_stands(const fkv_installed_t *in,
    const fkv_extension_t *extension, bool worked);

const char *fkv_catalog_stands_text(fkv_stands_e stands);


#endif /* FKV_EXTENSIONS_CATALOG_H */
