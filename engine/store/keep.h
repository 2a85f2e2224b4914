/*
 * keep.h - which versions of a key must live on when its records are written
 * anew, by flush or by compaction.
 *
 * Snapshots are read at positions; version < position is seen, the newest of
 * these answers.  From the floor on there may be one at any position, below it
 * only those that are listed: what slots and leases hold (hold.h).  So of a key
 *
 *   1  every version that is not below the floor stays,
 *   2  of those below, the newest that the floor and each listed position see
 *      stays,
 *   3  unless it says "there is nothing" (a tombstone, or expired), all
 *      positions see it, and nothing older of the key can lie below,
 *   4  all others go.  A version that a range tombstone hides is not seen by
 *      the positions above that,
 *   5  below an operand (fold.h) its base is seen, too, also one that has
 *      expired: which operands go with it, its expiry says.
 *   6  What has expired stays as a stub where newer operands may lie above that
 *      were written before it had: a tombstone with its expire_at.
 *
 * What has expired but must go on hiding something older becomes a tombstone
 * of the same version.  A stub is one too, and becomes a plain one, or goes as
 * such, when nothing above needs it any more.
 */

#ifndef FKV_STORE_KEEP_H
#define FKV_STORE_KEEP_H

#include "format/record.h"
#include "store/store.h"
#include "store/version.h"

/*
 * The lowest position at which anybody reads now.  Nothing may be dropped by
 * it: who takes a snapshot does not know of it.
 */
uint64_t fkv__keep_floor_now(fkv_t *store);

/* The lowest that a slot or a lease holds, 0 = nothing is held. */
uint64_t fkv__keep_oldest(fkv_t *store);

/* Records pass through it in order, newest version of a key first. */
typedef struct {
    uint64_t               floor;
    uint64_t              *positions;   /* what is held below the floor, ... */
    unsigned               positions_n; /* ... highest first, each once */
    uint64_t               now_ms;
    bool                   drops;       /* what has expired may go */
    const fkv__version_t  *version;     /* pinned by the caller ... */
    unsigned               below;       /* ... in it, levels from here on may
                                           hold older records */
    const fkv__ranges_t   *ranges;      /* those to apply; the caller's */
    uint64_t               since_ms;    /* operands outside of tables are not
                                           older: fkv__fold_since_ms() ... */
    fkv__table_t         **above;       /* ... and these tables have some */
    unsigned               above_n;
    unsigned               answered;    /* positions that newer versions of
                                           the key have answered */
    bool                   operands;    /* the newer one that is kept is one */
    uint64_t               expired;     /* counted: expired records that went */
    uint64_t               covered;     /* and those that ranges hid */
} fkv__keep_t;

/*
 * The range tombstones are those of the version.
 * Raises state.gc_floor to what is visible, then looks at what is held: hold.h
 * has the other half of this.  FKV_OK · FKV_ENOMEM, the cause is in errno
 */
int  fkv__keep_init(fkv__keep_t *keep, fkv_t *store,
    const fkv__version_t *version, unsigned below);
void fkv__keep_done(fkv__keep_t *keep);

/*
 * Of what lies above: without it rule 6 keeps a stub of all that has expired.
 *   inputs   tables of the version that are written anew
 * FKV_OK · FKV_ENOMEM, the cause is in errno
 */
int  fkv__keep_above(fkv__keep_t *keep, uint64_t since_ms,
    fkv__table_t *const *inputs, unsigned n);

/* Rule 6, of something that expired then. */
bool fkv__keep_stub(const fkv__keep_t *keep, fkv_str_t key,
    uint64_t expire_at);

/* The lowest position; all that is or will be read at sees what is below. */
static inline uint64_t
fkv__keep_lowest(const fkv__keep_t *keep)
{
    return (keep->positions_n > 0) ? keep->positions[keep->positions_n - 1]
                                   : keep->floor;
}


/* The next record is of another key. */
static inline void
fkv__keep_next_key(fkv__keep_t *keep)
{
    keep->answered = 0;
    keep->operands = false;
}


/* How many positions, the floor among them, see a version or a newer one? */
unsigned fkv__keep_seen(const fkv__keep_t *keep, uint64_t version);

/* True: write rec, which may have become a tombstone.  False: leave it out. */
bool fkv__keep(fkv__keep_t *keep, fkv__record_t *rec);


#endif /* FKV_STORE_KEEP_H */
