/*
 * element.h - elements of keys, as a transaction knows and writes them.
 *
 * Shape      entries of txn.h, found by key, stamp and name.  One that is asked
 *            for is read at once: mostly it is in memory, and the run goes on
 * Moment     that of the transaction's snapshot, at which its keys are read,
 *            too; of one that writes it is what is complete, and the update
 *            writes only if no key has changed since
 * Stamps     an element belongs to one life of a key.  Of one that began in
 *            this transaction nothing is committed
 */

#ifndef FKV_COMMANDS_ELEMENT_H
#define FKV_COMMANDS_ELEMENT_H

#include "commands/txn.h"

/* How a key stands, of whose elements something is asked. */
typedef struct {
    unsigned          at;           /* in the transaction */
    fkv_call_value_t  value;
    bool              committed;    /* elements of this stamp may be there */
} fkv__head_t;

/*
 * FKV_OK it exists and has a type, its stamp may be 0 · FKV_NOTFOUND
 * · FKV_AGAIN · failure.  load: its value, however large.
 */
int fkv__head_get(fkv_call_t *call, unsigned ns, fkv_str_t key, bool load,
    fkv__head_t *head);

/*
 * What is written of elements becomes part of the changes, which stand in the
 * order of the keys and have none; in memory of the run.  FKV_OK · FKV_ENOMEM
 */
int fkv__txn_elements_fill(fkv__txn_t *txn, fkv_change_t *changes);

/* Gives back what is more than ordinary. */
void fkv__txn_elements_end(fkv__txn_t *txn);


/* Written, and there when the transaction is done? */
static inline bool
fkv__element_put(const fkv__txn_t *txn, const fkv__element_t *element)
{
    return element->wrote.what == FKV__WROTE_PUT
           && (element->wrote.expire_at == 0
               || element->wrote.expire_at > txn->now_ms);
}


#endif /* FKV_COMMANDS_ELEMENT_H */
