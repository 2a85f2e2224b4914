/*
 * fold.h - merge operands: what is written to a key without reading it, and
 * put together later with what the key held, by an operator (fkv_merge_t).
 *
 *     newest                                   oldest
 *     operand  operand  operand  operand  base          one key
 *     '-- memtables --'  '-------- tables --------'
 *
 * A chain ends at its base: a value, or a tombstone, a range tombstone or the
 * end of all versions, which mean that there is none.  So overwriting and
 * deleting need no operator.
 *
 * Where chains are put together, tables hold one record in place of several:
 * the version of the newest of them, and all that they said.  Memtables that
 * have been flushed still hold the several.  So what tables hold of a key from
 * their newest version on downwards is a chain by itself, and of what memtables
 * hold only what is newer than that goes on top: fkv__fold_trim().  Nothing
 * between the two is missed, for what has left the memtables is in the version
 * of tables that is looked at after them, and a chain of tables is read in one
 * version.
 *
 * Time.  A base that expires takes with it the operands that were written
 * before that; those written later find nothing.  So an operand says when it
 * was written (in the record's stamp), and the answer is the same whether a
 * chain was put together before or after its base had expired.
 *
 * That needs the base's record, so what has expired is not forgotten while
 * operands that are older than its expiry may lie in what is newer than it: a
 * stub stays, a tombstone with the base's expire_at.  keep.h asks two things.
 *
 *   1  Tables know how many operands they have.
 *   2  Memtables have none that was written before fkv__fold_since_ms().  An
 *      operand's time is not before its arena's begin_ms, which is looked at
 *      before room is reserved in that arena, and arenas begin one after the
 *      other; state.settled_ms is the begin_ms of the oldest in the set.  Who
 *      reads a chain in memory and goes on in tables looks afterwards whether
 *      an arena of the chain has left the set, and if so asks the tables again
 *      (get.c, chain_update.c): so he has a list of tables with the stub.
 *
 * Who never uses operands has no stubs: state.operands_ms is 0 until the first
 * one is written, by whoever sets it and reads the clock after that, or else
 * takes the time that stands there.  Compaction reads the clock first and then
 * that word, all sequentially consistent: if it finds 0, no operand will be
 * older than its reading.
 *
 * Length.  Who writes an operand on top of FKV__FOLD_CHAIN others in the active
 * memtable reads the key and writes a value in its place, so a read meets so
 * many in each memtable and each table of level 0 at most.
 *
 * Without an operator, or where it fails, nothing is lost: operands stay, in
 * order, and readers are told.
 *
 * Processes  private memory; operators run in any thread, under no latch
 * If killed  nothing; between the two steps of the first operand: the word says
 *            1, and the next one does the second
 */

#ifndef FKV_STORE_FOLD_H
#define FKV_STORE_FOLD_H

#include "base/buf.h"
#include "format/record.h"
#include "store/store.h"

#define FKV__FOLD_CHAIN  16

typedef struct {
    uint64_t  version;
    uint64_t  at_ms;            /* when it was written */
    uint16_t  type;
    size_t    offset;           /* of its bytes in bytes */
    size_t    len;
} fkv__operand_t;

/* Operands of one key, newest first; zero-initialized it is empty. */
typedef struct {
    fkv__buf_t  list;           /* fkv__operand_t */
    fkv__buf_t  bytes;
} fkv__operands_t;

static inline unsigned
fkv__operands_n(const fkv__operands_t *ops)
{
    return (unsigned) (ops->list.len / sizeof(fkv__operand_t));
}

static inline const fkv__operand_t *
fkv__operand(const fkv__operands_t *ops, unsigned i)
{
    return (const fkv__operand_t *) (const void *) ops->list.data + i;
}

/* rec is an older operand than all that are there; copied. */
int  fkv__operands_add(fkv__operands_t *ops, const fkv__record_t *rec);
void fkv__operands_clear(fkv__operands_t *ops);
void fkv__operands_done(fkv__operands_t *ops);

/* Those before this version go; true: there were some. */
bool fkv__operands_cut(fkv__operands_t *ops, uint64_t version);

/*
 * older are those of tables, whose newest record of the key, operand or not,
 * has that version: what ops has up to it is in them already.
 * FKV_OK or FKV_ENOMEM
 */
int  fkv__operands_join(fkv__operands_t *ops, const fkv__operands_t *older,
    uint64_t version);


/* When an operand is written: not before now_ms, as rule 2 has it. */
uint64_t fkv__fold_written_ms(fkv_t *store, uint64_t now_ms);

/*
 * No memtable holds an operand that was written before; asked before the list
 * of tables.
 */
uint64_t fkv__fold_since_ms(const fkv_t *store);


/*
 * What a chain says, whatever the operator makes of it.
 *   base     NULL: there is none; a tombstone is none, but a stub says when it
 *            expired
 *   from     operands from this one on, counted from the newest, and the base
 *            are gone: the base had expired before the one in front was written
 * True: there is a value, of operands [0, n) and, if with_base, the base.
 */
typedef struct {
    unsigned  n;
    bool      with_base;
} fkv__fold_part_t;

bool fkv__fold_part(const fkv__operands_t *ops, const fkv__record_t *base,
    uint64_t now_ms, fkv__fold_part_t *part);

/* It waits for an operator that can: nobody knows its bytes till then. */
static inline bool
fkv__fold_unread(int rc)
{
    return rc == FKV_EMISSING || rc == FKV_WRONGTYPE || rc == FKV_ECORRUPT;
}

/*
 * Puts together what part says.
 *   data     the base's value; of a large one what was loaded
 *   room     the value lies in it
 *   value    data, size, type, encver, stamp, content type, expiry, version
 * FKV_OK · FKV_EMISSING no operator; value is set but for data, size and
 * encver · FKV_WRONGTYPE not on this base · FKV_ECORRUPT it failed (likewise)
 * · FKV_ENOMEM
 */
int fkv__fold(const fkv_t *store, fkv_str_t ikey, const fkv__operands_t *ops,
    const fkv__fold_part_t *part, const fkv__record_t *base, fkv_str_t data,
    fkv__buf_t *room, fkv_value_t *value);

/*
 * Several operands as one that stands for them.
 * FKV_OK out lies in room · FKV_EMISSING, FKV_ECORRUPT they stay · FKV_ENOMEM
 */
int fkv__fold_partly(const fkv_t *store, fkv_str_t ikey,
    const fkv__operands_t *ops, unsigned from, unsigned n, fkv__buf_t *room,
    fkv_str_t *out);


#endif /* FKV_STORE_FOLD_H */
