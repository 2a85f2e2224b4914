/*
 * vary.c - names into one order, values into one form.
 */

#include "rules/vary.h"
#include "base/hash.h"

#include <string.h>

typedef struct {
    uint8_t  *start;
    uint8_t  *p;
    uint8_t  *end;
    bool      full;
} out_t;

/* What may be made alike in the value of a field. */
typedef enum {
    AS_IT_IS,
    BLANKS,
    BLANKS_AND_CASE
} alike_e;


static void
out_bytes(out_t *out, const void *data, size_t len)
{
    if ((size_t) (out->end - out->p) < len) {
        out->full = true;
        return;
    }

    if (len > 0) {
        memcpy(out->p, data, len);
        out->p += len;
    }
}


static void
out_byte(out_t *out, uint8_t byte)
{
    out_bytes(out, &byte, 1);
}


static int
name_cmp(fkv_str_t a, fkv_str_t b)
{
    size_t  n = fkv__min(a.len, b.len);

    for (size_t i = 0; i < n; i++) {
        int  diff = fkv_rules_lower(a.data[i]) - fkv_rules_lower(b.data[i]);

        if (diff != 0) {
            return diff;
        }
    }

    return (a.len > b.len) - (a.len < b.len);
}


/* Each once, sorted.  FKV_OK · FKV_ETOOBIG */
static int
name_insert(fkv_str_t *names, size_t *n, fkv_str_t name)
{
    size_t  at = 0;
    int     diff = 1;

    while (at < *n && (diff = name_cmp(name, names[at])) > 0) {
        at++;
    }

    if (at < *n && diff == 0) {
        return FKV_OK;
    }

    if (*n == FKV_RULES_VARY_NAMES_MAX) {
        return FKV_ETOOBIG;
    }

    memmove(names + at + 1, names + at, (*n - at) * sizeof(*names));
    names[at] = name;
    (*n)++;

    return FKV_OK;
}


/* FKV_OK · FKV_EINVAL · FKV_ETOOBIG */
static int
names_add(fkv_str_t *names, size_t *n, fkv_str_t value)
{
    fkv_str_t  name;

    while (fkv_rules_list_next(&value, &name)) {
        int  rc;

        if (!fkv_rules_token(name) || (name.len == 1 && *name.data == '*')) {
            return FKV_EINVAL;
        }

        rc = name_insert(names, n, name);
        if (rc != FKV_OK) {
            return rc;
        }
    }

    return FKV_OK;
}


static void
names_print(out_t *out, const fkv_str_t *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i > 0) {
            out_byte(out, ',');
        }

        for (size_t k = 0; k < names[i].len; k++) {
            out_byte(out, fkv_rules_lower(names[i].data[k]));
        }
    }
}


int
fkv_rules_vary_names(fkv_rules_fields_t response, uint8_t *out, size_t *len)
{
    fkv_str_t  names[FKV_RULES_VARY_NAMES_MAX];
    out_t      text = { out, out, out + FKV_RULES_VARY_BYTES_MAX, false };
    size_t     n = 0;
    int        rc = FKV_OK, worst = FKV_OK;

    /* a `*` behind too many names is still a `*` */

    for (size_t i = 0; i < response.n; i++) {
        if (response.field[i].id != FKV_RULES_VARY) {
            continue;
        }

        rc = names_add(names, &n, response.field[i].value);

        if (rc == FKV_EINVAL) {
            return rc;
        }

        worst = (rc != FKV_OK) ? rc : worst;
    }

    names_print(&text, names, n);
    *len = (size_t) (text.p - text.start);

    return (worst == FKV_OK && !text.full) ? FKV_OK : FKV_ETOOBIG;
}


bool
fkv_rules_vary_names_right(fkv_str_t names)
{
    fkv_rules_field_t  field = { FKV_STR("vary"), names, FKV_RULES_VARY };
    uint8_t            again[FKV_RULES_VARY_BYTES_MAX];
    size_t             len;

    return fkv_rules_vary_names((fkv_rules_fields_t) { &field, 1 }, again,
                                &len) == FKV_OK
           && len == names.len
           && (len == 0 || memcmp(again, names.data, len) == 0);
}


static alike_e
alike(fkv_str_t name)
{
    if (fkv_rules_same(name, FKV_STR("accept"))) {
        return BLANKS;
    }

    return (fkv_rules_same(name, FKV_STR("accept-encoding"))
            || fkv_rules_same(name, FKV_STR("accept-language"))
            || fkv_rules_same(name, FKV_STR("accept-charset")))
           ? BLANKS_AND_CASE : AS_IT_IS;
}


/*
 * Drops blanks beside commas and semicolons and empty members.  A value with a
 * quote stays as it is: what is in quotes must not change.
 */
static void
value_print(out_t *out, fkv_str_t value, alike_e how)
{
    const uint8_t  *start = out->p;

    if (value.len == 0) {
        return;
    }

    if (how == AS_IT_IS || memchr(value.data, '"', value.len) != NULL) {
        out_bytes(out, value.data, value.len);
        return;
    }

    for (size_t i = 0; i < value.len; i++) {
        uint8_t  byte = value.data[i];
        bool     first = (out->p == start);
        uint8_t  before = first ? ',' : out->p[-1];

        if (byte == ' ' || byte == '\t') {
            if (before != ',' && before != ';') {
                out_byte(out, ' ');
            }

            continue;
        }

        if (byte == ',' || byte == ';') {
            while (out->p > start && out->p[-1] == ' ') {
                out->p--;
            }

            before = (out->p == start) ? ',' : out->p[-1];

            if (byte == ',' && before == ',') {
                continue;
            }
        }

        out_byte(out, (how == BLANKS_AND_CASE) ? fkv_rules_lower(byte) : byte);
    }

    while (out->p > start && (out->p[-1] == ' ' || out->p[-1] == ',')) {
        out->p--;
    }
}


static void
variant_field(out_t *out, fkv_str_t name, fkv_rules_fields_t request)
{
    alike_e  how = alike(name);
    bool     found = false;

    out_bytes(out, name.data, name.len);

    for (size_t i = 0; i < request.n; i++) {
        if (!fkv_rules_same(request.field[i].name, name)) {
            continue;
        }

        if (!found) {
            out_byte(out, ':');

        } else {
            out_bytes(out, ", ", (how == AS_IT_IS) ? 2 : 1);
        }

        found = true;
        value_print(out, request.field[i].value, how);
    }

    if (!found) {
        out_byte(out, '!');
    }

    out_byte(out, '\n');
}


int
fkv_rules_variant(fkv_str_t names, fkv_rules_fields_t request, uint8_t *out,
    size_t room, size_t *len)
{
    out_t      text = { out, out, out + room, false };
    fkv_str_t  name;

    while (fkv_rules_list_next(&names, &name)) {
        variant_field(&text, name, request);
    }

    *len = (size_t) (text.p - text.start);

    return text.full ? FKV_ETOOBIG : FKV_OK;
}


void
fkv_rules_variant_digest(fkv_str_t variant,
    uint8_t out[FKV_RULES_DIGEST_BYTES])
{
    XXH128_canonical_t  canonical;

    XXH128_canonicalFromHash(&canonical,
                             XXH3_128bits(variant.data, variant.len));
    memcpy(out, canonical.digest, FKV_RULES_DIGEST_BYTES);
}
