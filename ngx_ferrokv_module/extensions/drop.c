#include "extensions/drop.h"
#include "base/bytes.h"

#include <string.h>

#define LOOK_KEYS  1000         /* passed in one scan */

typedef enum {
    DROP_SCAN,
    DROP_SCANNED,
    DROP_DELETE,
    DROP_DELETED,
    DROP_LAST,
    DROP_GONE
} drop_state_e;


static bool
type_is_ours(const fkv_drop_t *drop, uint16_t type)
{
    for (unsigned i = 0; i < drop->ids_n; i++) {
        if (drop->ids[i] == type) {
            return true;
        }
    }

    return false;
}


static int
on_entry(fkv_scan_t *scan, fkv_str_t key, const fkv_value_t *value)
{
    fkv_drop_t  *drop = fkv__container(scan, fkv_drop_t, scan);
    uint8_t      head[4];

    if (drop->n == FKV_DROP_KEYS) {
        return FKV_END;
    }

    drop->last.len = 0;

    if (fkv__buf_append(&drop->last, key.data, key.len) != FKV_OK) {
        return FKV_ENOMEM;
    }

    if (!type_is_ours(drop, value->type)) {
        return FKV_OK;
    }

    fkv__put_le32(head, (uint32_t) key.len);

    if (fkv__buf_append(&drop->keys, head, sizeof(head)) != FKV_OK
        || fkv__buf_append(&drop->keys, key.data, key.len) != FKV_OK)
    {
        return FKV_ENOMEM;
    }

    drop->n++;

    return FKV_OK;
}


/* Any child: the op goes on with its code. */
static void
on_child_done(fkv_op_t *child)
{
    fkv_drop_t  *drop = child->data;

    drop->op.rc = child->rc;
    fkv__op_run(&drop->op);
}


static fkv__turn_e
child_begun(fkv_drop_t *drop, int rc, drop_state_e state)
{
    drop->op.state = state;

    if (rc == FKV_AGAIN) {
        return FKV__TURN_WAIT;
    }

    drop->op.rc = rc;

    return FKV__TURN_NEXT;
}


static fkv__turn_e
drop_scan(fkv_drop_t *drop)
{
    fkv__buf_t  from = drop->from;

    if (drop->ids_n == 0 || drop->ns == FKV_NAMESPACE_USERS) {
        return (drop->found > 0) ? fkv__op_end(&drop->op, FKV_EXISTS)
                                 : fkv__op_enter(&drop->op, DROP_LAST);
    }

    drop->n = 0;
    drop->keys.len = 0;
    drop->from = drop->last;
    drop->last = from;
    drop->last.len = 0;

    drop->scan = (fkv_scan_t) {
        .op = { .on_done = on_child_done, .data = drop },
        .store = drop->store,
        .ns = drop->ns,
        .start = fkv__buf_str(&drop->from),
        .after = (drop->from.len > 0),
        .now_ms = fkv_now_ms(drop->store),
        .limit = LOOK_KEYS,
        .on_entry = on_entry
    };

    return child_begun(drop, fkv_scan(&drop->scan), DROP_SCANNED);
}


/* Others have their turn. */
static fkv__turn_e
drop_piece_ends(fkv_drop_t *drop)
{
    if (drop->complete) {
        drop->ns++;
        drop->last.len = 0;
    }

    return fkv__op_end(&drop->op, FKV_END);
}


static fkv__turn_e
drop_scanned(fkv_drop_t *drop)
{
    int  rc = drop->op.rc;

    if (rc != FKV_OK && rc != FKV_END) {
        return fkv__op_end(&drop->op, rc);
    }

    drop->complete = (rc == FKV_OK && drop->scan.complete);

    if (drop->cascade && drop->n > 0) {
        return fkv__op_enter(&drop->op, DROP_DELETE);
    }

    drop->found += drop->n;

    return (drop->found > FKV_DROP_FOUND_MAX)
           ? fkv__op_end(&drop->op, FKV_EXISTS) : drop_piece_ends(drop);
}


/* What has become something else meanwhile stays. */
static int
decide_delete(fkv_update_t *update)
{
    const fkv_drop_t  *drop = fkv__container(update, fkv_drop_t, update);

    for (unsigned i = 0; i < update->n; i++) {

        fkv_change_t  *change = &update->changes[i];

        change->action = (change->exists
                          && type_is_ours(drop, change->current.type))
                         ? FKV_DELETE : FKV_KEEP;
    }

    return FKV_OK;
}


static fkv__turn_e
drop_update(fkv_drop_t *drop, unsigned n, int (*decide)(fkv_update_t *update),
    drop_state_e state)
{
    drop->update = (fkv_update_t) {
        .op = { .on_done = on_child_done, .data = drop },
        .store = drop->store,
        .now_ms = fkv_now_ms(drop->store),
        .changes = drop->changes,
        .n = n,
        .decide = decide
    };

    return child_begun(drop, fkv_update(&drop->update), state);
}


static fkv__turn_e
drop_delete(fkv_drop_t *drop)
{
    const uint8_t  *p = drop->keys.data;

    memset(drop->changes, 0, drop->n * sizeof(drop->changes[0]));

    for (unsigned i = 0; i < drop->n; i++) {

        uint32_t  len = fkv__get_le32(p);

        drop->changes[i].ns = drop->ns;
        drop->changes[i].bare = true;   /* its operator is at rest already */
        drop->changes[i].key = (fkv_str_t) { p + 4, len };
        p += 4 + len;
    }

    return drop_update(drop, drop->n, decide_delete, DROP_DELETED);
}


static fkv__turn_e
drop_deleted(fkv_drop_t *drop)
{
    if (drop->op.rc != FKV_OK) {
        return fkv__op_end(&drop->op, drop->op.rc);
    }

    FKV_STEP("drop.1");
    drop->deleted += drop->n;

    return drop_piece_ends(drop);
}


/* The head is written with every change of the catalog. */
static int
decide_last(fkv_update_t *update)
{
    fkv_drop_t    *drop = fkv__container(update, fkv_drop_t, update);
    fkv_change_t  *head = &update->changes[2];
    uint64_t       next;
    int            rc;

    rc = fkv_installed_head_parse(head->exists ? head->current.data
                                               : FKV_STR_NULL, &next);
    if (rc != FKV_OK) {
        return rc;
    }

    drop->head.len = 0;
    head->action = FKV_PUT;
    update->changes[0].action = FKV_DELETE;
    update->changes[1].action = FKV_DELETE;

    rc = fkv_installed_head_put(next, &drop->head);
    head->value = fkv__buf_str(&drop->head);

    return rc;
}


static fkv__turn_e
drop_last(fkv_drop_t *drop)
{
    static const char  own[] = FKV_INSTALLED_OWN_MAP;
    fkv_str_t          name = { (const uint8_t *) drop->name,
                                strlen(drop->name) };
    uint8_t            key[FKV_INSTALLED_KEY_BYTES];
    size_t             len = fkv_installed_key(key, name);

    drop->keys.len = 0;

    if (fkv__buf_append(&drop->keys, own, sizeof(own) - 1) != FKV_OK
        || fkv__buf_append(&drop->keys, name.data, name.len) != FKV_OK
        || fkv__buf_append(&drop->keys, "/", 1) != FKV_OK
        || fkv__buf_append(&drop->keys, key, len) != FKV_OK)
    {
        return fkv__op_end(&drop->op, FKV_ENOMEM);
    }

    FKV_STEP("drop.2");
    memset(drop->changes, 0, 3 * sizeof(drop->changes[0]));

    for (unsigned i = 0; i < 3; i++) {
        drop->changes[i].ns = FKV_NAMESPACE_CATALOG;
    }

    drop->changes[0].key = (fkv_str_t) { drop->keys.data,
                                         drop->keys.len - len };
    drop->changes[0].prefix = true;
    drop->changes[0].blind = true;
    drop->changes[1].key = (fkv_str_t) { drop->keys.data + drop->keys.len
                                         - len, len };
    drop->changes[2].key = FKV_STR(FKV_INSTALLED_HEAD);

    return drop_update(drop, 3, decide_last, DROP_GONE);
}


static fkv__turn_e
drop_gone(fkv_drop_t *drop)
{
    if (drop->op.rc == FKV_OK) {
        FKV_STEP("drop.3");
    }

    return fkv__op_end(&drop->op, drop->op.rc);
}


static fkv__turn_e
drop_step(fkv_op_t *op)
{
    fkv_drop_t  *drop = fkv__container(op, fkv_drop_t, op);

    switch ((drop_state_e) op->state) {

    case DROP_SCAN:
        return drop_scan(drop);

    case DROP_SCANNED:
        return drop_scanned(drop);

    case DROP_DELETE:
        return drop_delete(drop);

    case DROP_DELETED:
        return drop_deleted(drop);

    case DROP_LAST:
        return drop_last(drop);

    case DROP_GONE:
        return drop_gone(drop);
    }

    fkv__unreachable();
}


static void
on_drop_done(fkv_op_t *op)
{
    fkv_drop_t  *drop = fkv__container(op, fkv_drop_t, op);

    drop->on_done(drop, op->rc);
}


int
fkv_drop_init(fkv_drop_t *drop, const fkv_installed_t *in)
{
    drop->ids = fkv__alloc((in->defs_n + 1) * sizeof(*drop->ids));

    if (drop->ids == NULL) {
        return FKV_ENOMEM;
    }

    for (unsigned i = 0; i < in->defs_n; i++) {
        if (in->defs[i].kind == FERROKV_KIND_TYPE) {
            drop->ids[drop->ids_n++] = (uint16_t) in->defs[i].id;
        }
    }

    memcpy(drop->name, in->name.data, in->name.len);
    drop->cascade = in->cascade;

    return FKV_OK;
}


int
fkv_drop(fkv_drop_t *drop)
{
    drop->op.on_done = on_drop_done;

    return fkv__op_start(&drop->op, "drop", drop_step, DROP_SCAN);
}


void
fkv_drop_done(fkv_drop_t *drop)
{
    fkv__free(drop->ids);
    drop->ids = NULL;
    fkv__buf_done(&drop->from);
    fkv__buf_done(&drop->last);
    fkv__buf_done(&drop->keys);
    fkv__buf_done(&drop->head);
}
