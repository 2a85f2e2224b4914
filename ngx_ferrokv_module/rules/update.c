/*
 * update.c - fields chosen by name; nothing is copied but their places.
 */

#include "rules/update.h"

typedef struct {
    fkv_rules_fields_t          fields;
    const fkv_rules_control_t  *control;
    bool                        connection;     /* there is a Connection */
} message_t;

typedef struct {
    fkv_rules_field_t  *field;
    size_t              n;
    int                 rc;
} out_t;


static message_t
message(fkv_rules_fields_t fields, const fkv_rules_control_t *control)
{
    message_t  m = { fields, control, false };

    for (size_t i = 0; i < fields.n; i++) {
        m.connection |= (fields.field[i].id == FKV_RULES_CONNECTION);
    }

    return m;
}


static bool
connection_lists(const message_t *m, fkv_str_t name)
{
    for (size_t i = 0; m->connection && i < m->fields.n; i++) {
        fkv_str_t  rest = m->fields.field[i].value, member;

        if (m->fields.field[i].id != FKV_RULES_CONNECTION) {
            continue;
        }

        while (fkv_rules_list_next(&rest, &member)) {
            if (fkv_rules_same(member, name)) {
                return true;
            }
        }
    }

    return false;
}


static bool
never_stored(fkv_rules_name_e id)
{
    switch (id) {
    case FKV_RULES_AGE:
    case FKV_RULES_CONNECTION:
    case FKV_RULES_CONTENT_LENGTH:
    case FKV_RULES_DATE:
    case FKV_RULES_KEEP_ALIVE:
    case FKV_RULES_PROXY_AUTHENTICATE:
    case FKV_RULES_PROXY_AUTHENTICATION_INFO:
    case FKV_RULES_PROXY_AUTHORIZATION:
    case FKV_RULES_PROXY_CONNECTION:
    case FKV_RULES_TE:
    case FKV_RULES_TRAILER:
    case FKV_RULES_TRANSFER_ENCODING:
    case FKV_RULES_UPGRADE:
    case FKV_RULES_X_ACCEL_BUFFERING:
    case FKV_RULES_X_ACCEL_CHARSET:
    case FKV_RULES_X_ACCEL_EXPIRES:
    case FKV_RULES_X_ACCEL_LIMIT_RATE:
    case FKV_RULES_X_ACCEL_REDIRECT:
        return true;

    default:
        return false;
    }
}


/* Those that describe the stored body, and cookies for somebody else. */
static bool
never_changed(fkv_rules_name_e id)
{
    switch (id) {
    case FKV_RULES_CONTENT_DIGEST:
    case FKV_RULES_CONTENT_ENCODING:
    case FKV_RULES_CONTENT_RANGE:
    case FKV_RULES_CONTENT_TYPE:
    case FKV_RULES_SET_COOKIE:
        return true;

    default:
        return false;
    }
}


static bool
stores(const message_t *m, const fkv_rules_field_t *field)
{
    return !never_stored(field->id)
           && !fkv_rules_control_without(m->control, field->name)
           && !connection_lists(m, field->name);
}


static bool
changes(const message_t *m, const fkv_rules_field_t *field)
{
    return !never_changed(field->id) && stores(m, field);
}


static bool
has(fkv_rules_fields_t fields, fkv_str_t name)
{
    for (size_t i = 0; i < fields.n; i++) {
        if (fkv_rules_same(fields.field[i].name, name)) {
            return true;
        }
    }

    return false;
}


static void
put(out_t *out, fkv_rules_field_t field)
{
    if (!fkv_rules_field_safe(field)) {
        out->rc = FKV_EINVAL;

    } else if (out->n == FKV_RULES_FIELDS_MAX) {
        out->rc = FKV_ETOOBIG;

    } else {
        out->field[out->n++] = field;
    }
}


/* Looking each name up among all others must stay short. */
static bool
too_many(fkv_rules_fields_t fields)
{
    return fields.n > 2 * FKV_RULES_FIELDS_MAX;
}


int
fkv_rules_keep(fkv_rules_fields_t response,
    const fkv_rules_control_t *control, fkv_rules_field_t *out, size_t *n)
{
    message_t  m = message(response, control);
    out_t      kept = { out, 0, FKV_OK };

    if (too_many(response)) {
        return FKV_ETOOBIG;
    }

    for (size_t i = 0; i < response.n && kept.rc == FKV_OK; i++) {
        if (stores(&m, &response.field[i])) {
            put(&kept, response.field[i]);
        }
    }

    *n = kept.n;

    return kept.rc;
}


int
fkv_rules_update(fkv_rules_fields_t stored, fkv_rules_fields_t answer,
    const fkv_rules_control_t *control, fkv_rules_field_t *out, size_t *n)
{
    message_t  m = message(answer, control);
    out_t      kept = { out, 0, FKV_OK };

    if (too_many(stored) || too_many(answer)) {
        return FKV_ETOOBIG;
    }

    for (size_t i = 0; i < stored.n && kept.rc == FKV_OK; i++) {
        const fkv_rules_field_t  *field = &stored.field[i];

        if (!has(answer, field->name) || !changes(&m, field)) {
            put(&kept, *field);
        }
    }

    for (size_t i = 0; i < answer.n && kept.rc == FKV_OK; i++) {
        if (changes(&m, &answer.field[i])) {
            put(&kept, answer.field[i]);
        }
    }

    *n = kept.n;

    return kept.rc;
}
