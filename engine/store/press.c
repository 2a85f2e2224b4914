/*
 * press.c - putting aside, and what comes of it.
 */

#include "store/press.h"

#include "store/blob_write.h"

#include <errno.h>


void
fkv__press_init(fkv__press_t *press, fkv__keep_t *keep, fkv__output_t *output)
{
    *press = (fkv__press_t) { .keep = keep, .output = output };
}


void
fkv__press_done(fkv__press_t *press)
{
    fkv__operands_done(&press->ops);
    fkv__buf_done(&press->key);
    fkv__buf_done(&press->room);
}


static int
press_out(fkv__press_t *press, const fkv__record_t *rec)
{
    press->above |= (rec->kind == FKV__RECORD_MERGE);

    return fkv__output_add(press->output, rec, press->cached);
}


static void
operand_record(const fkv__press_t *press, unsigned i, fkv__record_t *rec)
{
    const fkv__operand_t  *op = fkv__operand(&press->ops, i);

    *rec = (fkv__record_t) {
        .kind = FKV__RECORD_MERGE,
        .type = op->type,
        .stamp = op->at_ms,
        .version = op->version,
        .key = fkv__buf_str(&press->key),
        .value = { press->ops.bytes.data + op->offset, op->len }
    };
}


/* How many from this one on may become one operand? */
static unsigned
neighbours(const fkv__press_t *press, unsigned from)
{
    const fkv__operand_t  *first = fkv__operand(&press->ops, from);
    unsigned               n = 1;

    while (from + n < fkv__operands_n(&press->ops)) {
        const fkv__operand_t  *op = fkv__operand(&press->ops, from + n);

        if (op->type != first->type || op->at_ms > first->at_ms
            || first->at_ms / FKV__PRESS_MS != op->at_ms / FKV__PRESS_MS)
        {
            break;
        }

        n++;
    }

    return n;
}


/* Neighbours as one, if that can be done; returns how many *rec is of. */
static unsigned
press_neighbours(fkv__press_t *press, unsigned from, fkv__record_t *rec)
{
    const fkv_t  *store = press->output->helper->store;
    unsigned      n = neighbours(press, from);
    fkv_str_t     value;

    operand_record(press, from, rec);

    if (n == 1
        || fkv__fold_partly(store, rec->key, &press->ops, from, n,
                            &press->room, &value)
           != FKV_OK
        || fkv__blob_wanted(store, value.len))
    {
        return 1;
    }

    rec->value = value;
    fkv__count(store, folds_written, 1);

    return n;
}


/* What was put aside stays above whatever comes. */
static int
press_operands(fkv__press_t *press)
{
    unsigned  i = 0;
    int       rc = FKV_OK;

    while (rc == FKV_OK && i < fkv__operands_n(&press->ops)) {
        fkv__record_t  rec;

        i += press_neighbours(press, i, &rec);
        rc = press_out(press, &rec);
    }

    fkv__operands_clear(&press->ops);

    return rc;
}


static bool
nothing_below(const fkv__press_t *press)
{
    const fkv__keep_t  *keep = press->keep;
    fkv_str_t           key = fkv__buf_str(&press->key);

    return press->seen > keep->positions_n
           && !fkv__version_overlaps(keep->version, keep->below, key, key);
}


/* The base has expired, and all that was put aside before that. */
static int
press_expired(fkv__press_t *press, const fkv__record_t *base)
{
    fkv_str_t      key = fkv__buf_str(&press->key);
    bool           stub = press->above
                          || fkv__keep_stub(press->keep, key, base->expire_at);
    fkv__record_t  rec = {
        .kind = FKV__RECORD_TOMBSTONE,
        .stamp = base->stamp,
        .expire_at = stub ? base->expire_at : 0,
        .version = fkv__operand(&press->ops, 0)->version,
        .key = key
    };

    press->keep->expired += (base->kind != FKV__RECORD_TOMBSTONE);
    fkv__operands_clear(&press->ops);

    return (stub || !nothing_below(press)) ? press_out(press, &rec) : FKV_OK;
}


/*
 * Nobody puts it together, but n operands are all that is left of it: the
 * oldest of them has found the base gone, so nobody asks when that expired.
 */
static int
press_rest(fkv__press_t *press, const fkv__record_t *base, unsigned n)
{
    bool           below = !nothing_below(press);
    int            rc;
    fkv__record_t  rec = {
        .kind = FKV__RECORD_TOMBSTONE,
        .stamp = base->stamp,
        .version = base->version,
        .key = fkv__buf_str(&press->key)
    };

    press->keep->expired += (base->kind != FKV__RECORD_TOMBSTONE);
    (void) fkv__operands_cut(&press->ops,
                             fkv__operand(&press->ops, n - 1)->version);
    rc = press_operands(press);

    return (rc == FKV_OK && below) ? press_out(press, &rec) : rc;
}


/*
 * All of them on top of base, or of nothing.
 * FKV_OK that is written · FKV_NOTFOUND it cannot be done · as output
 */
static int
press_value(fkv__press_t *press, const fkv__record_t *base)
{
    const fkv_t       *store = press->output->helper->store;
    fkv_value_t        value;
    fkv__fold_part_t   part;
    fkv__record_t      rec;

    if (!fkv__fold_part(&press->ops, base, press->keep->now_ms, &part)) {
        return (press->keep->drops || base->kind == FKV__RECORD_TOMBSTONE)
               ? press_expired(press, base) : FKV_NOTFOUND;
    }

    if (store->merge == NULL
        || (part.with_base && base->kind == FKV__RECORD_BLOB)
        || fkv__fold(store, fkv__buf_str(&press->key), &press->ops, &part,
                     base, (base != NULL) ? base->value : FKV_STR_NULL,
                     &press->room, &value)
           != FKV_OK
        || fkv__blob_wanted(store, value.size))
    {
        return (!part.with_base && base != NULL && base->expire_at != 0)
               ? press_rest(press, base, part.n) : FKV_NOTFOUND;
    }

    rec = (fkv__record_t) {
        .kind = FKV__RECORD_VALUE,
        .type = value.type,
        .encver = value.encver,
        .stamp = value.stamp,
        .expire_at = value.expire_at,
        .version = value.version,
        .meta = value.content_type,
        .key = fkv__buf_str(&press->key),
        .value = value.data
    };

    fkv__operands_clear(&press->ops);
    fkv__count(store, folds_written, 1);

    return press_out(press, &rec);
}


static int
press_aside(fkv__press_t *press, const fkv__record_t *rec)
{
    if (fkv__operands_n(&press->ops) == 0) {
        press->key.len = 0;
        press->seen = fkv__keep_seen(press->keep, rec->version);

        if (fkv__buf_append(&press->key, rec->key.data, rec->key.len)
            != FKV_OK)
        {
            errno = ENOMEM;
            return FKV_ENOMEM;
        }
    }

    if (fkv__operands_add(&press->ops, rec) != FKV_OK) {
        errno = ENOMEM;
        return FKV_ENOMEM;
    }

    return FKV_OK;
}


int
fkv__press_add(fkv__press_t *press, const fkv__record_t *rec, bool cached)
{
    bool  some = fkv__operands_n(&press->ops) > 0;
    bool  operand = (rec->kind == FKV__RECORD_MERGE);
    bool  alike;
    int   rc = FKV_OK;

    if (!some && !operand) {
        return fkv__output_add(press->output, rec, cached);
    }

    alike = rec->version < press->keep->floor
            && (!some || press->seen == fkv__keep_seen(press->keep,
                                                       rec->version));

    if (some && alike && !operand) {
        rc = press_value(press, rec);

        if (rc != FKV_NOTFOUND) {
            return rc;
        }
    }

    if (some && !(alike && operand)) {
        rc = press_operands(press);
    }

    press->cached = cached;

    if (rc == FKV_OK) {
        rc = (operand && rec->version < press->keep->floor)
             ? press_aside(press, rec) : press_out(press, rec);
    }

    return rc;
}


int
fkv__press_end_key(fkv__press_t *press)
{
    int  rc = FKV_NOTFOUND;

    press->above = false;

    if (fkv__operands_n(&press->ops) == 0) {
        return FKV_OK;
    }

    if (nothing_below(press)) {
        rc = press_value(press, NULL);
    }

    return (rc == FKV_NOTFOUND) ? press_operands(press) : rc;
}
