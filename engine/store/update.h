/*
 * update.h - the private part of an fkv_update_t.
 */

#ifndef FKV_STORE_UPDATE_H
#define FKV_STORE_UPDATE_H

#include "base/buf.h"
#include "format/record.h"
#include "store/commit.h"
#include "store/pace.h"
#include "store/store.h"
#include "store/tables.h"

#define FKV__UPDATE_META_MAX     1024       /* content type, bytes a key */
#define FKV__UPDATE_SPARE_BYTES  8192       /* kept for the next update */

typedef struct fkv__update_blob_s  fkv__update_blob_t;  /* blob_update.h */
typedef struct fkv__update_chain_s  fkv__update_chain_t;  /* chain_update.h */

/* A record that stands before that of its key: element.h. */
typedef struct {
    uint64_t            hash;
    unsigned            change;
    fkv__record_kind_e  kind;
    uint32_t            head_at;    /* in element_heads; it ends with ... */
    uint32_t            head_len;
    uint32_t            ikey_len;   /* ... so many bytes of the key */
    uint32_t            record_at;  /* in the frame */
    bool                fresh;      /* the active memtable has it not yet */
    fkv_str_t           value;
} fkv__update_element_t;

/* One key of an update, private. */
typedef struct {
    fkv_str_t       ikey;           /* in bytes */
    fkv_str_t       end;            /* of a prefix, ikey is its begin */
    uint64_t        hash;
    uint64_t        seen;           /* version read, 0 = there was none */
    uint64_t        read_at;        /* LSN when the tables were asked */
    bool            looked;         /* lookup holds the tables' answer */
    bool            read;           /* exists and current are set */
    bool            folds;          /* it is read for the sake of that: */
    bool            folded;         /* chain->value is written, not the
                                       operand */
    bool            chained;        /* chain is that of this try */
    uint64_t        tables_at;      /* what is below was in the tables asked */
    fkv__update_chain_t *chain;     /* chain_update.h; mostly NULL */
    bool            fresh;          /* the active memtable has it not yet */
    fkv__lookup_t   lookup;

    const uint8_t  *head;           /* encoded record up to its value ... */
    uint32_t        head_len;       /* ... 0 = this key is not written */
    uint32_t        record_at;      /* of the record, in the frame */
    fkv_str_t       value;
    fkv_str_t       decided;        /* what decide() said, if a hook was ... */
    uint64_t        decided_expire; /* ... asked since */
    uint32_t        elements_at;    /* of own->elements, before the record */
    uint32_t        elements_n;
    fkv__update_blob_t  *blob;      /* its large values; mostly NULL */
} fkv__update_key_t;

struct fkv__update_s {
    fkv_link_t          link;       /* of store->updates, or spare */
    fkv__wait_t         wait;
    fkv__pace_t         pace;
    int                 rc;         /* the answer that waits */
    unsigned            tries;
    unsigned            parks;      /* looks that it has waited for room */
    unsigned            looking;    /* lookups and large values in flight;
                                           they run the op */
    unsigned            blocker;    /* slot that holds a latch we want */
    uint64_t            began_at;   /* visible before this try read */
    uint64_t            now_ms;     /* not 0: it is later than u->now_ms */
    uint64_t            depends;    /* LSN that must be visible to answer */
    unsigned            ranges;     /* range tombstones in the frame */
    unsigned            blobs_n;    /* large values on their way to disk */
    int                 blobs_rc;   /* why one of them failed */
    bool                expires;    /* something in the frame does */
    uint32_t            frame_bytes;
    uint32_t            body_crc;
    fkv__buf_t          bytes;      /* internal keys, then record heads */
    size_t              keys_bytes;
    fkv__buf_t          elements;   /* fkv__update_element_t */
    fkv__buf_t          element_heads;
    fkv__buf_t          element_key;    /* the one being encoded */
    uint64_t            element_nodes;  /* bytes of nodes, at most */
    fkv__update_key_t  *keys;       /* of changes; &one if that is one */
    fkv__update_key_t   one;
    uint32_t           *stripes;
    unsigned            n_stripes;
    uint32_t            one_stripe;
    unsigned            n;          /* keys and more */
    bool                hooked;     /* a hook was asked, ... */
    bool                refused;    /* ... and its answer is ours */
    fkv__update_key_t  *more;       /* hook.c: of what it added; or NULL */
    fkv__buf_t          more_heads; /* in the same piece of memory */
    size_t              refusal_len;
    char                refusal[FKV_REFUSAL_BYTES];
};

/* The changes and what a hook has added, with their keys: 0 .. own->n. */
static inline fkv__update_key_t *
fkv__update_key(const fkv_update_t *u, unsigned i)
{
    return (i < u->n) ? &u->own->keys[i] : &u->own->more[i - u->n];
}

static inline fkv_change_t *
fkv__update_change(const fkv_update_t *u, unsigned i)
{
    return (i < u->n) ? &u->changes[i] : &u->more[i - u->n];
}

/* Frees all that have not ended, and what is kept for the next ones. */
void fkv__update_close(fkv_t *store);

#endif /* FKV_STORE_UPDATE_H */
