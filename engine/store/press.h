/*
 * press.h - chains of operands (fold.h) become fewer records on their way into
 * tables; between keep.h, which says what stays, and output.h.
 *
 *     records of a key, newest first --> operands are put aside
 *        | base, or nothing older can lie below: one value in their place
 *        | else: neighbours as one operand each, if the operator can
 *
 * What comes out has the version of the newest that went in.  Only what all
 * positions see alike is put together: a reader at any of them, and one at a
 * later position, meets the same value before and after.  Nobody takes a
 * position below the floor any more (hold.h).
 *
 * A base that is, or with its operands would become, a large value stays below
 * them: large values are not written here.  Where the operator is missing or
 * fails all stay, in order.  A chain whose base has expired goes as a record
 * that has expired does.
 *
 * Neighbours are written in the same FKV__PRESS_MS, and their time is that of
 * the newest: of two that a base's expiry lies between the older one may so be
 * counted as written after it.
 *
 * Processes  the owner of the helper role, FLUSH and COMPACT; each its own
 * If killed  as flush and compaction: tables that no edit names
 */

#ifndef FKV_STORE_PRESS_H
#define FKV_STORE_PRESS_H

#include "store/fold.h"
#include "store/keep.h"
#include "store/output.h"

#define FKV__PRESS_MS  100

typedef struct {
    fkv__keep_t      *keep;
    fkv__output_t    *output;
    fkv__operands_t   ops;          /* put aside */
    unsigned          seen;         /* by so many positions, all of them */
    bool              cached;
    bool              above;        /* operands of the key were written */
    fkv__buf_t        key;          /* of them */
    fkv__buf_t        room;
} fkv__press_t;

void fkv__press_init(fkv__press_t *press, fkv__keep_t *keep,
    fkv__output_t *output);
void fkv__press_done(fkv__press_t *press);

/* A record that keep says stays.  As fkv__output_add() */
int fkv__press_add(fkv__press_t *press, const fkv__record_t *rec,
    bool cached);

/* The key has no more; before output is told of the next. */
int fkv__press_end_key(fkv__press_t *press);


#endif /* FKV_STORE_PRESS_H */
