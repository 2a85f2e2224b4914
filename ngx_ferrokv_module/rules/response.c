/*
 * response.c - one pass over the fields, a step for each name that matters.
 */

#include "rules/response.h"
#include "rules/validator.h"

typedef struct {
    fkv_rules_response_t      *response;
    const fkv_rules_policy_t  *policy;
    bool                       seen_age;
    bool                       seen_date;
    bool                       seen_accel;
} reader_t;


static int64_t
response_s(const fkv_rules_response_t *response)
{
    return response->response_ms / 1000;
}


static void
read_date(reader_t *reader, fkv_str_t value)
{
    fkv_rules_response_t  *response = reader->response;

    if (!reader->seen_date) {
        reader->seen_date = true;
        (void) fkv_rules_date_parse(value, response_s(response),
                                    &response->date_s);
    }
}


static void
read_age(reader_t *reader, fkv_str_t value)
{
    fkv_str_t  first;

    if (!reader->seen_age && fkv_rules_list_next(&value, &first)) {
        reader->seen_age = true;
        (void) fkv_rules_seconds(first, &reader->response->age_s);
    }
}


/* Wrong, it has passed long ago: 1970. */
static void
read_expires(reader_t *reader, fkv_str_t value)
{
    fkv_rules_response_t  *response = reader->response;

    if (response->expires_s == FKV_RULES_NO_TIME
        && !(reader->policy->ignore & FKV_RULES_IGNORE_EXPIRES))
    {
        response->expires_s = 0;
        (void) fkv_rules_date_parse(value, response_s(response),
                                    &response->expires_s);
    }
}


/* "60" seconds from now, "@1800000000" at that time; else it is not there. */
static void
read_accel(reader_t *reader, fkv_str_t value)
{
    fkv_rules_response_t  *response = reader->response;
    int64_t                seconds;
    fkv_str_t              digits = value;
    bool                   absolute = (value.len > 0 && value.data[0] == '@');

    if (reader->seen_accel
        || (reader->policy->ignore & FKV_RULES_IGNORE_ACCEL_EXPIRES))
    {
        return;
    }

    digits.data += absolute;
    digits.len -= absolute;
    reader->seen_accel = true;

    if (fkv_rules_seconds(digits, &seconds) == FKV_OK) {
        seconds -= absolute ? response_s(response) : 0;
        response->accel_s = fkv__max(seconds, 0);
    }
}


static void
read_last_modified(reader_t *reader, fkv_str_t value)
{
    fkv_rules_response_t  *response = reader->response;

    if (response->last_modified.len == 0
        && fkv_rules_date_parse(value, response_s(response),
                                &response->last_modified_s) == FKV_OK)
    {
        response->last_modified = value;
    }
}


static void
read_etag(reader_t *reader, fkv_str_t value)
{
    if (reader->response->etag.len == 0 && fkv_rules_etag(value)) {
        reader->response->etag = value;
    }
}


static void
read_vary(reader_t *reader, fkv_str_t value)
{
    fkv_str_t  name;

    if (reader->policy->ignore & FKV_RULES_IGNORE_VARY) {
        return;
    }

    while (fkv_rules_list_next(&value, &name)) {
        reader->response->vary_any |= !fkv_rules_token(name)
                                      || (name.len == 1 && *name.data == '*');
    }
}


/* One that no-cache or private keep out is not stored, so it does no harm. */
static void
read_set_cookie(reader_t *reader, fkv_str_t name)
{
    reader->response->set_cookie
        |= !(reader->policy->ignore & FKV_RULES_IGNORE_SET_COOKIE)
           && !fkv_rules_control_without(&reader->response->control, name);
}


static void
read_field(reader_t *reader, fkv_rules_field_t field)
{
    switch (field.id) {

    case FKV_RULES_DATE:
        read_date(reader, field.value);
        return;

    case FKV_RULES_AGE:
        read_age(reader, field.value);
        return;

    case FKV_RULES_EXPIRES:
        read_expires(reader, field.value);
        return;

    case FKV_RULES_X_ACCEL_EXPIRES:
        read_accel(reader, field.value);
        return;

    case FKV_RULES_LAST_MODIFIED:
        read_last_modified(reader, field.value);
        return;

    case FKV_RULES_ETAG:
        read_etag(reader, field.value);
        return;

    case FKV_RULES_VARY:
        read_vary(reader, field.value);
        return;

    case FKV_RULES_SET_COOKIE:
        read_set_cookie(reader, field.name);
        return;

    case FKV_RULES_CONTENT_RANGE:
        reader->response->partial = true;
        return;

    default:
        return;
    }
}


/* Whether a targeted field speaks; then Expires does not. */
static bool
read_control(reader_t *reader, fkv_rules_fields_t fields)
{
    const fkv_rules_policy_t  *policy = reader->policy;
    fkv_rules_control_t       *control = &reader->response->control;

    fkv_rules_control_init(control);

    if (policy->ignore & FKV_RULES_IGNORE_CACHE_CONTROL) {
        return false;
    }

    for (size_t i = 0; i < policy->n_targets; i++) {
        if (fkv_rules_control_targeted(control, fields, policy->target[i])
            == FKV_OK)
        {
            return true;
        }
    }

    for (size_t i = 0; i < fields.n; i++) {
        if (fields.field[i].id == FKV_RULES_CACHE_CONTROL) {
            fkv_rules_control_add(control, fields.field[i].value);
        }
    }

    return false;
}


static void
response_init(fkv_rules_response_t *response, unsigned status,
    int64_t request_ms, int64_t response_ms)
{
    *response = (fkv_rules_response_t) {
        .status = status,
        .request_ms = request_ms,
        .response_ms = response_ms,
        .date_s = response_ms / 1000,
        .expires_s = FKV_RULES_NO_TIME,
        .accel_s = FKV_RULES_NONE,
        .last_modified_s = FKV_RULES_NO_TIME
    };
}


static void
read_all(reader_t *reader, fkv_rules_fields_t fields)
{
    /* first: it says which cookies are kept out */
    bool  targeted = read_control(reader, fields);

    for (size_t i = 0; i < fields.n; i++) {
        read_field(reader, fields.field[i]);
    }

    if (targeted) {
        reader->response->expires_s = FKV_RULES_NO_TIME;
    }
}


void
fkv_rules_response_read(fkv_rules_response_t *response,
    const fkv_rules_policy_t *policy, fkv_rules_fields_t fields,
    unsigned status, int64_t request_ms, int64_t response_ms)
{
    reader_t  reader = { .response = response, .policy = policy };

    response_init(response, status, request_ms, response_ms);
    read_all(&reader, fields);
}


void
fkv_rules_response_update(fkv_rules_response_t *response,
    const fkv_rules_policy_t *policy, fkv_rules_fields_t updated,
    fkv_rules_fields_t answer, unsigned status, int64_t request_ms,
    int64_t response_ms)
{
    reader_t  reader = { .response = response, .policy = policy };

    response_init(response, status, request_ms, response_ms);
    read_all(&reader, updated);

    for (size_t i = 0; i < answer.n; i++) {
        switch (answer.field[i].id) {

        case FKV_RULES_DATE:
        case FKV_RULES_AGE:
        case FKV_RULES_X_ACCEL_EXPIRES:
            read_field(&reader, answer.field[i]);
            break;

        default:
            break;
        }
    }
}
