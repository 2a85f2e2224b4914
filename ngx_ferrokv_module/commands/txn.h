/*
 * txn.h - what a transaction knows: its keys as they are committed, as far as
 * they were read, and over them what it has written so far.
 *
 * Shape      keys in the order in which they were met, found by their bytes;
 *            a key that is wanted but not known is a need: whoever runs the
 *            commands reads it (read.h, write.h) and runs them again
 * Runs       each begins without anything written; what is committed stays
 *            known from run to run, until it is forgotten
 * Undo       of several commands one may fail: what it wrote goes, what those
 *            before it wrote stays
 * Elements   likewise, of a key and a stamp (element.h, rows.h).  A transaction
 *            that looks at them reads before it writes: by_elements
 */

#ifndef FKV_COMMANDS_TXN_H
#define FKV_COMMANDS_TXN_H

#include "base/buf.h"
#include "commands/call.h"
#include "commands/memory.h"

#include <setjmp.h>

#define FKV__TXN_FEW  16        /* keys that are found without a hash */

typedef enum {
    FKV__WROTE_NOTHING,
    FKV__WROTE_PUT,
    FKV__WROTE_DELETE,
    FKV__WROTE_MERGE            /* data is an operand; what the key holds is
                                   not known, else it would be a put */
} fkv__wrote_e;

/* Of one key, by this transaction. */
typedef struct {
    fkv__wrote_e  what;
    fkv_str_t     data;
    uint64_t      expire_at;
    uint16_t      type;
    uint16_t      encver;
    uint64_t      stamp;
} fkv__wrote_t;

typedef struct {
    unsigned          ns;
    uint32_t          next;     /* in its bucket; 0 = the last */
    uint64_t          tag;      /* of the key: others mostly have another */
    fkv_str_t         key;
    bool              wanted;   /* its value, or whether it exists */
    bool              load;     /* wanted: also if it is large */
    bool              quiet;    /* wanted: nobody uses it */
    bool              known;    /* rc and value say what is committed: */
    int               rc;       /* FKV_OK · FKV_NOTFOUND · failure */
    fkv_call_value_t  value;    /* data NULL of a large one not loaded */
    int               unread;   /* why nobody can know data; FKV_OK */
    fkv__wrote_t      wrote;
} fkv__txn_key_t;

/* Of an element: where its key stands, and which life of it. */
typedef struct {
    unsigned          at;
    uint32_t          next;     /* in its bucket; 0 = the last */
    uint64_t          stamp;
    fkv_str_t         name;
    bool              reading;  /* a get of it is in flight */
    bool              known;    /* rc and value say what is committed: */
    int               rc;
    fkv_call_value_t  value;
    fkv__wrote_t      wrote;
} fkv__element_t;

typedef struct fkv__look_s          fkv__look_t;            /* look.h */
typedef struct fkv__rows_s          fkv__rows_t;            /* rows.h */
typedef struct fkv__element_read_s  fkv__element_read_t;    /* element.h */

struct fkv__txn_s {
    fkv_t           *store;
    uint64_t         now_ms;
    bool             writes;    /* it may */
    bool             undoable;  /* several commands */
    bool             given_up;  /* nothing of the caller's is there any more */

    fkv__txn_key_t  *keys;
    unsigned         n;
    unsigned         hint;      /* the key that is probably asked for next */
    unsigned         room;
    fkv__txn_key_t   few[FKV__TXN_FEW];
    uint32_t        *buckets;   /* index + 1; NULL while keys are few */
    unsigned         buckets_n; /* a power of two */

    fkv__element_t  *elements;
    unsigned         elements_n;
    unsigned         elements_room;
    uint32_t        *element_buckets;   /* as of keys */
    unsigned         element_buckets_n;
    size_t           element_bytes;     /* written by this run, about */
    bool             by_elements;       /* it looks at elements */
    uint64_t         random;    /* of new stamps, and how many there were in */
    unsigned         stamps;    /*   this run */
    fkv__element_read_t  *reads;    /* not in flight */
    fkv__rows_t     *rows;      /* asked for so far */

    unsigned         hits;      /* of one run, for the meter */
    unsigned         misses;

    uint32_t         cleared;   /* a bit for each namespace */
    fkv__buf_t       undo;
    uint32_t         undo_cleared;

    fkv__look_t     *looks;     /* scans and counts asked for so far */
    fkv__memory_t    run;       /* of one run */
    fkv__memory_t    kept;      /* until the end */
    jmp_buf          escape;    /* out of memory in a command */
};

/*
 * Of a used one; a zero-initialized one is as if it had been.
 *   bytes_max   of what it keeps; of what a run makes four times as much
 */
void fkv__txn_init(fkv__txn_t *txn, fkv_t *store, uint64_t now_ms,
    size_t bytes_max);

/* Has its bound kept something from it?  Then FKV_ENOMEM means that. */
bool fkv__txn_refused(const fkv__txn_t *txn);

/* Everything but what the next transaction may use again. */
void fkv__txn_end(fkv__txn_t *txn);
void fkv__txn_done(fkv__txn_t *txn);

/*
 * The key, which is added if it is new; key.data must stay, or is copied.
 * NULL: out of memory
 */
fkv__txn_key_t *fkv__txn_key(fkv__txn_t *txn, unsigned ns, fkv_str_t key,
    bool copy);

fkv__txn_key_t *fkv__txn_find(fkv__txn_t *txn, unsigned ns, fkv_str_t key);

/* A run begins: nothing is written.  forget: nor is anything known. */
void fkv__txn_begin(fkv__txn_t *txn);
void fkv__txn_forget(fkv__txn_t *txn);

/* Has this run written anything?  Drop it. */
bool fkv__txn_wrote(const fkv__txn_t *txn);
void fkv__txn_drop(fkv__txn_t *txn);

/* One of several commands begins, or has failed. */
void fkv__txn_mark(fkv__txn_t *txn);
void fkv__txn_undo(fkv__txn_t *txn);

/*
 * Does it exist, as far as this transaction alone has made it?  FKV_OK
 * · FKV_NOTFOUND · FKV_AGAIN it has not touched it
 */
int fkv__txn_written(const fkv__txn_t *txn, const fkv__txn_key_t *key,
    fkv_call_value_t *value);

/* FKV_OK · FKV_NOTFOUND · FKV_AGAIN: it is wanted now · failure of its read */
int fkv__txn_get(fkv__txn_t *txn, fkv__txn_key_t *key, bool load,
    fkv_call_value_t *value);

/* That of its elements, as far as is known, if it is of this type; else 0. */
uint64_t fkv__txn_stamp(const fkv__txn_t *txn, const fkv__txn_key_t *key,
    unsigned type);

/* FKV_OK · FKV_ENOMEM */
int fkv__txn_write(fkv__txn_t *txn, fkv__txn_key_t *key,
    const fkv__wrote_t *wrote);
int fkv__txn_write_element(fkv__txn_t *txn, fkv__element_t *element,
    const fkv__wrote_t *wrote);
int fkv__txn_clear(fkv__txn_t *txn, unsigned ns);


static inline void
fkv__txn_value(fkv_call_value_t *to, const fkv_value_t *value)
{
    to->data = (fkv_str_t) { value->data.data, value->size };
    to->expire_at = value->expire_at;
    to->version = value->version;
    to->type = value->type;
    to->encver = value->encver;
    to->stamp = value->stamp;
}


/* Of the key: data NULL of a large one not loaded. */
static inline void
fkv__txn_committed(fkv__txn_key_t *key, const fkv_value_t *value)
{
    fkv__txn_value(&key->value, value);
    key->unread = value->unread;
}


static inline bool
fkv__txn_cleared(const fkv__txn_t *txn, unsigned ns)
{
    return txn->cleared >> ns & 1;
}


#endif /* FKV_COMMANDS_TXN_H */
