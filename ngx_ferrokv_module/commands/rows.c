/*
 * rows.c - what is met and what is written, in one order.
 */

#include "commands/rows.h"
#include "commands/own.h"
#include "base/bytes.h"

#include <stdlib.h>
#include <string.h>

/* Of one that is kept: lengths of name and value, expire_at; then both. */
#define HEAD_BYTES  16

#define TOGETHER    256         /* of each, at first */

struct fkv__rows_s {
    fkv__rows_t  *next;
    fkv__txn_t   *txn;
    bool          begun;
    bool          done;
    int           rc;

    unsigned      at;           /* of the key, in the transaction */
    uint64_t      stamp;
    fkv_str_t     from;
    fkv_str_t     to;
    uint64_t      n;            /* that are looked at; 0 = all */

    fkv_scan_t    scan;
    fkv__buf_t    met;
};

typedef struct {
    fkv_str_t         name;
    fkv_call_value_t  value;
    bool              there;    /* else it hides what was met */
} entry_t;

/* Of each: who is told, and how far it has come. */
typedef struct {
    fkv_call_on_element_pt   on_element;
    void                    *data;
    fkv_str_t                last;
} each_t;


static fkv__exec_t *
own_of(fkv__txn_t *txn)
{
    return fkv__container(txn, fkv__exec_t, txn);
}


void
fkv__rows_forget(fkv__txn_t *txn)
{
    for (fkv__rows_t *rows = txn->rows; rows != NULL; rows = rows->next) {
        rows->begun = false;
        rows->done = false;
    }
}


void
fkv__rows_done(fkv__txn_t *txn)
{
    for (fkv__rows_t *rows = txn->rows; rows != NULL; rows = rows->next) {
        fkv__buf_done(&rows->met);
    }

    txn->rows = NULL;
}


static int
entry_compare(const void *a, const void *b)
{
    return fkv__str_cmp(((const entry_t *) a)->name,
                        ((const entry_t *) b)->name);
}


static int
on_entry(fkv_scan_t *scan, fkv_str_t name, const fkv_value_t *value)
{
    fkv__rows_t  *rows = scan->op.data;
    fkv__buf_t   *met = &rows->met;
    size_t        len = value->data.len;
    uint8_t      *p;
    int           rc = fkv__memory_count(&rows->txn->kept,
                                         HEAD_BYTES + name.len + len);

    if (rc != FKV_OK
        || fkv__buf_reserve(met, HEAD_BYTES + name.len + len) != FKV_OK)
    {
        return (rc != FKV_OK) ? rc : FKV_ENOMEM;
    }

    p = met->data + met->len;
    fkv__put_le32(p, (uint32_t) name.len);
    fkv__put_le32(p + 4, (uint32_t) len);
    fkv__put_le64(p + 8, value->expire_at);
    memcpy(p + HEAD_BYTES, name.data, name.len);

    if (len > 0) {
        memcpy(p + HEAD_BYTES + name.len, value->data.data, len);
    }

    met->len += HEAD_BYTES + name.len + len;

    return FKV_OK;
}


/* The next one at *at; false: there is none. */
static bool
met_next(const fkv__rows_t *rows, size_t *at, entry_t *entry)
{
    const uint8_t  *p;
    size_t          name, len;

    if (*at == rows->met.len) {
        return false;
    }

    p = rows->met.data + *at;
    name = fkv__get_le32(p);
    len = fkv__get_le32(p + 4);

    entry->name = (fkv_str_t) { p + HEAD_BYTES, name };
    entry->value = (fkv_call_value_t) {
        .data = { p + HEAD_BYTES + name, len },
        .expire_at = fkv__get_le64(p + 8)
    };
    entry->there = true;
    *at += HEAD_BYTES + name + len;

    return true;
}


/* FKV_OK it has ended · FKV_AGAIN it is in flight */
static int
rows_ended(fkv__rows_t *rows, fkv__exec_t *own, int rc)
{
    if (rc == FKV_EBOUND) {             /* others find room again */
        fkv__memory_uncount(&own->txn.kept, rows->met.len);
        fkv__buf_done(&rows->met);
    }

    rows->done = (rc != FKV_GONE);
    rows->rc = rc;
    own->gone |= (rc == FKV_GONE);      /* all is read anew */

    return (rc == FKV_GONE) ? FKV_AGAIN : FKV_OK;
}


static void
on_scan_done(fkv_op_t *op)
{
    fkv__rows_t  *rows = op->data;
    fkv__exec_t  *own = own_of(rows->txn);

    (void) rows_ended(rows, own, op->rc);
    fkv__own_child(own);
}


static int
rows_begin(fkv__rows_t *rows, fkv__exec_t *own)
{
    const fkv__txn_key_t  *key = &own->txn.keys[rows->at];
    int                    rc;

    fkv__memory_uncount(&own->txn.kept, rows->met.len);
    rows->begun = true;
    rows->met.len = 0;

    rows->scan = (fkv_scan_t) {
        .op = { .on_done = on_scan_done, .data = rows },
        .store = own->store,
        .ns = key->ns,
        .key = key->key,
        .stamp = rows->stamp,
        .start = rows->from,
        .end = rows->to,
        .now_ms = own->txn.now_ms,
        .snapshot = own->snapshot,
        .limit = (unsigned) fkv__min(rows->n, (uint64_t) UINT32_MAX),
        .load_max = UINT64_MAX,
        .on_entry = on_entry
    };

    rc = fkv_scan(&rows->scan);

    if (rc == FKV_AGAIN) {
        own->pending++;
        return FKV_AGAIN;
    }

    return rows_ended(rows, own, rc);
}


static bool
rows_is(const fkv__rows_t *rows, const fkv__rows_t *as)
{
    return rows->at == as->at && rows->stamp == as->stamp && rows->n == as->n
           && fkv__str_cmp(rows->from, as->from) == 0
           && fkv__str_cmp(rows->to, as->to) == 0;
}


/* That was asked for already, or a new one; NULL: out of memory. */
static fkv__rows_t *
rows_find(fkv__txn_t *txn, const fkv__rows_t *as)
{
    fkv__rows_t  *rows;

    for (rows = txn->rows; rows != NULL; rows = rows->next) {
        if (rows_is(rows, as)) {
            return rows;
        }
    }

    rows = fkv__memory_alloc(&txn->kept, sizeof(*rows));
    if (rows == NULL) {
        return NULL;
    }

    *rows = *as;

    if (fkv__memory_copy(&txn->kept, &rows->from) != FKV_OK
        || fkv__memory_copy(&txn->kept, &rows->to) != FKV_OK)
    {
        return NULL;
    }

    rows->next = txn->rows;
    txn->rows = rows;

    return rows;
}


/* What this transaction has written of the range, in order. */
static entry_t *
own_entries(fkv_call_t *call, const fkv__rows_t *as, size_t *n)
{
    const fkv__txn_t  *txn = call->txn;
    entry_t           *entries;

    *n = 0;

    if (txn->element_bytes == 0) {
        return NULL;
    }

    entries = fkv_call_alloc(call, txn->elements_n * sizeof(*entries));

    for (unsigned i = 0; i < txn->elements_n; i++) {
        const fkv__element_t  *element = &txn->elements[i];
        const fkv__wrote_t    *wrote = &element->wrote;

        if (wrote->what == FKV__WROTE_NOTHING || element->at != as->at
            || element->stamp != as->stamp
            || fkv__str_cmp(element->name, as->from) < 0
            || (as->to.len > 0 && fkv__str_cmp(element->name, as->to) >= 0))
        {
            continue;
        }

        entries[(*n)++] = (entry_t) {
            .name = element->name,
            .value = { .data = wrote->data, .expire_at = wrote->expire_at },
            .there = fkv__element_put(txn, element)
        };
    }

    qsort(entries, *n, sizeof(*entries), entry_compare);

    return entries;
}


/*
 * Both kinds in one order, n of them; 0: all.  rows NULL: nothing is committed.
 */
static int
rows_give(fkv_call_t *call, const fkv__rows_t *rows, const entry_t *own,
    size_t own_n, uint64_t n, fkv_call_on_element_pt on_element, void *data)
{
    entry_t   met = { .name = FKV_STR_NULL };
    size_t    i = 0, at = 0;
    uint64_t  given = 0;
    bool      more = (rows != NULL) && met_next(rows, &at, &met);

    while (more || i < own_n) {
        int             order = !more ? -1 : (i == own_n) ? 1
                                : fkv__str_cmp(own[i].name, met.name);
        const entry_t   entry = (order <= 0) ? own[i] : met;

        i += (order <= 0);

        if (order >= 0) {
            more = met_next(rows, &at, &met);
        }

        if (entry.there) {
            int  rc = on_element(call, entry.name, &entry.value, data);

            if (rc != FKV_OK) {
                return rc;
            }

            if (++given == n) {
                return FKV_OK;
            }
        }
    }

    return FKV_END;
}


/* As many more are looked at as may be hidden. */
static uint64_t
hidden(const entry_t *own, size_t n)
{
    uint64_t  count = 0;

    for (size_t i = 0; i < n; i++) {
        count += !own[i].there;
    }

    return count;
}


int
fkv_call_scan_elements(fkv_call_t *call, unsigned ns, fkv_str_t key,
    fkv_str_t from, fkv_str_t to, uint64_t n,
    fkv_call_on_element_pt on_element, void *data)
{
    fkv__exec_t  *own = own_of(call->txn);
    fkv__rows_t  *rows = NULL, as = { .from = from, .to = to };
    fkv__head_t   head;
    entry_t      *mine;
    size_t        mine_n;
    int           rc = fkv__head_get(call, ns, key, false, &head);

    if (rc != FKV_OK || head.value.stamp == 0) {
        return (rc == FKV_OK || rc == FKV_NOTFOUND) ? FKV_END : rc;
    }

    as.at = head.at;
    as.stamp = head.value.stamp;
    mine = own_entries(call, &as, &mine_n);

    if (head.committed) {
        as.txn = call->txn;
        as.n = (n > 0) ? n + hidden(mine, mine_n) : 0;
        rows = rows_find(call->txn, &as);

        if (rows == NULL) {
            return FKV_ENOMEM;
        }

        if (!rows->begun && own->gone) {
            return FKV_AGAIN;
        }

        rc = rows->begun ? (rows->done ? FKV_OK : FKV_AGAIN)
                         : rows_begin(rows, own);

        if (rc != FKV_OK || rows->rc != FKV_OK) {
            return (rc != FKV_OK) ? rc : rows->rc;
        }
    }

    return rows_give(call, rows, mine, mine_n, n, on_element, data);
}


static int
each_next(fkv_call_t *call, fkv_str_t name, const fkv_call_value_t *value,
    void *data)
{
    each_t  *each = data;

    each->last = name;

    return each->on_element(call, name, value, each->data);
}


int
fkv_call_each_element(fkv_call_t *call, unsigned ns, fkv_str_t key,
    fkv_call_on_element_pt on_element, void *data)
{
    each_t     each = { .on_element = on_element, .data = data };
    fkv_str_t  from = FKV_STR_NULL;
    uint64_t   n = TOGETHER;
    int        rc;

    for ( ;; ) {
        uint8_t  *behind;

        rc = fkv_call_scan_elements(call, ns, key, from, FKV_STR_NULL, n,
                                    each_next, &each);

        if (rc != FKV_OK) {
            return (rc == FKV_END) ? FKV_OK : rc;
        }

        behind = fkv_call_alloc(call, each.last.len + 1);
        memcpy(behind, each.last.data, each.last.len);
        behind[each.last.len] = 0;
        from = (fkv_str_t) { behind, each.last.len + 1 };
        n *= 2;
    }
}
