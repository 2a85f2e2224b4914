#include "extensions/data.h"
#include "extensions/answer.h"
#include "extensions/hook.h"
#include "commands/types.h"
#include "base/bytes.h"

#include <string.h>

#define MAP_ELEMENT_MAX  (60 * 1024)    /* bytes of a value in the own map */


/* What an extension is told; what ends its call whatever it does is kept. */
static int
data_code(fkv_host_t *host, int rc)
{
    if (rc != FKV_OK && rc != FKV_NOTFOUND && rc != FKV_END
        && rc != FKV_WRONGTYPE)
    {
        if (host->rc == FKV_OK || rc != FKV_AGAIN) {
            host->rc = rc;
        }
    }

    return fkv_answer_code(rc);
}


static bool
data_may_read(const fkv_host_t *host)
{
    return (host->ctx.place & (FERROKV_IN_COMMAND | FERROKV_IN_HELPER
                               | FERROKV_IN_STEP)) != 0;
}


/* "m/NAME/" and this; of the run. */
static fkv_str_t
map_key(fkv_host_t *host, ferrokv_str elem)
{
    const char  *name = host->extension->name;
    size_t       len = strlen(name);
    size_t       n = (elem.data != NULL) ? elem.len : 0;
    uint8_t     *p = host->ctx.api->alloc(&host->ctx, len + 3 + n);

    p[0] = 'm';
    p[1] = '/';
    memcpy(p + 2, name, len);
    p[len + 2] = '/';

    if (n > 0) {
        memcpy(p + len + 3, elem.data, n);
    }

    return (fkv_str_t) { p, len + 3 + n };
}


static size_t
map_prefix_len(const fkv_host_t *host)
{
    return strlen(host->extension->name) + 3;
}


static void
value_out(const fkv_call_value_t *value, const ferrokv_type *type,
    ferrokv_value *out)
{
    out->data = fkv_host_out(value->data);
    out->type = type;
    out->expires = value->expire_at;
}


/*
 * A head, or what a merge has made of an own map's entry, in today's encoding.
 * FKV_OK · FKV_WRONGTYPE it is another's · failure
 */
static int
typed_out(fkv_host_t *host, unsigned ns, fkv_str_t key,
    fkv_call_value_t *value, ferrokv_value *out)
{
    const fkv_type_t  *type;
    int                rc;

    if (value->type == 0) {
        value_out(value, NULL, out);
        return FKV_OK;
    }

    type = fkv_types_by_id(fkv_types_of(host->call->store), value->type);

    if (type == NULL || type->owner != host->extension) {
        return (type == NULL || type->owner == NULL)
               ? fkv_call_wrong_type(host->call, value) : FKV_WRONGTYPE;
    }

    if (value->encver != type->encver) {

        rc = (type->recode != NULL)
             ? type->recode(type, host->call, ns, key, value, &value->data)
             : FKV_ECORRUPT;

        if (rc != FKV_OK) {
            return rc;
        }
    }

    value_out(value, type->def, out);

    return FKV_OK;
}


/*
 * The head above the elements of this key must be of a type of the extension's
 * own.  FKV_OK · FKV_NOTFOUND · FKV_WRONGTYPE · FKV_AGAIN · failure
 */
static int
head_own(fkv_host_t *host, ferrokv_str key)
{
    fkv_call_t        *call = host->call;
    fkv_call_value_t   value;
    const fkv_type_t  *type;
    int                rc;

    rc = fkv_call_get_any(call, call->ns, fkv_host_in(key), &value);

    if (rc != FKV_OK) {
        return rc;
    }

    if (value.type == 0) {
        return FKV_WRONGTYPE;
    }

    type = fkv_types_by_id(fkv_types_of(call->store), value.type);

    if (type == NULL || type->owner == NULL) {
        return fkv_call_wrong_type(call, &value);
    }

    return (type->owner == host->extension) ? FKV_OK : FKV_WRONGTYPE;
}


static int
get_element(fkv_host_t *host, ferrokv_str key, ferrokv_str elem,
    ferrokv_value *out)
{
    fkv_call_value_t  value;
    int               rc = head_own(host, key);

    if (rc == FKV_OK) {
        rc = fkv_call_get_element(host->call, host->call->ns,
                                  fkv_host_in(key), fkv_host_in(elem), &value);
    }

    if (rc == FKV_OK) {
        value_out(&value, NULL, out);
    }

    return rc;
}


static int
get_value(fkv_host_t *host, unsigned ns, fkv_str_t key, ferrokv_value *out)
{
    fkv_call_value_t  value;
    int               rc = fkv_call_get_any(host->call, ns, key, &value);

    return (rc == FKV_OK) ? typed_out(host, ns, key, &value, out) : rc;
}


/* What is handed over is copied: an extension may use its own again. */
static fkv_str_t
put_copy(fkv_host_t *host, ferrokv_str data)
{
    uint8_t  *copy;

    if (data.len == 0) {
        return FKV_STR("");
    }

    copy = fkv_call_alloc(host->call, data.len);
    memcpy(copy, data.data, data.len);

    return (fkv_str_t) { copy, data.len };
}


/*
 * One value must not hold up a step for good: that may go on without it, who
 * runs it says so.
 */
static bool
step_may_pass(fkv_host_t *host, fkv_str_t key, int rc)
{
    if (host->ctx.place != FERROKV_IN_STEP
        || (rc != FKV_EINVAL && rc != FKV_ECORRUPT && rc != FKV_EMISSING))
    {
        return false;
    }

    if (host->damaged_n++ == 0) {
        host->damaged = put_copy(host, fkv_host_out(key));
    }

    return true;
}


int
fkv_data_get(ferrokv_ctx *ctx, ferrokv_str key, ferrokv_str elem,
    ferrokv_value *out)
{
    fkv_host_t  *host = fkv_host_of(ctx);
    int          rc;

    if (!data_may_read(host)) {
        return FERROKV_EPLACE;
    }

    if (key.data == NULL) {
        rc = get_value(host, FKV_NAMESPACE_CATALOG, map_key(host, elem), out);

    } else if (elem.data == NULL) {
        rc = get_value(host, host->call->ns, fkv_host_in(key), out);

    } else {
        rc = get_element(host, key, elem, out);
    }

    if (key.data != NULL && step_may_pass(host, fkv_host_in(key), rc)) {
        return FERROKV_ECORRUPT;
    }

    return data_code(host, rc);
}


/* NULL: none of this extension's, or the store does not know it yet. */
static const fkv_type_t *
type_own(fkv_host_t *host, const ferrokv_type *def)
{
    const fkv_type_t  *type;

    type = fkv_types_by_def(fkv_types_of(host->call->store), def);

    return (type != NULL && type->owner == host->extension) ? type : NULL;
}


static int
type_foreign(fkv_host_t *host)
{
    return fkv_call_fail(host->call, "ERR extension \"%s\" failed: it puts a "
                         "value of a type that is not its own",
                         host->extension->name);
}


static int
put_map(fkv_host_t *host, ferrokv_str elem, const ferrokv_value *val)
{
    const fkv_type_t  *type;

    if (val->data.len > MAP_ELEMENT_MAX) {
        return fkv_call_fail(host->call, "ERR extension \"%s\" failed: it puts "
                             "%zu bytes into its own map, at most %u fit",
                             host->extension->name, val->data.len,
                             MAP_ELEMENT_MAX);
    }

    if (val->type == NULL) {
        return fkv_call_put_in(host->call, FKV_NAMESPACE_CATALOG,
                               map_key(host, elem), fkv_host_in(val->data),
                               val->expires);
    }

    type = type_own(host, val->type);

    return (type != NULL)
           ? fkv_call_put_typed(host->call, FKV_NAMESPACE_CATALOG,
                                map_key(host, elem), fkv_host_in(val->data),
                                type->id, type->encver, val->expires)
           : type_foreign(host);
}


/* By an OBSERVE of ON_WRITE, as part of that write.  data NULL: deleted. */
static int
put_more(fkv_host_t *host, ferrokv_str key, ferrokv_str elem, fkv_str_t data,
    uint64_t expires)
{
    int  rc;

    if (host->more == NULL || key.data != NULL) {
        return FERROKV_EPLACE;
    }

    rc = fkv_hook_add(host->more, map_key(host, elem), data, expires);

    if (rc != FKV_OK) {
        host->rc = rc;                  /* or an index would lack it */
    }

    return fkv_answer_code(rc);
}


static int
put_head(fkv_host_t *host, ferrokv_str key, const ferrokv_value *val)
{
    fkv_call_t        *call = host->call;
    const fkv_type_t  *type;

    if (val->type == NULL) {
        return fkv_call_put(call, fkv_host_in(key), fkv_host_in(val->data),
                            val->expires);
    }

    type = type_own(host, val->type);

    if (type == NULL) {
        return type_foreign(host);
    }

    return fkv_call_put_typed(call, call->ns, fkv_host_in(key),
                              fkv_host_in(val->data), type->id, type->encver,
                              val->expires);
}


static int
put_element(fkv_host_t *host, ferrokv_str key, ferrokv_str elem,
    const ferrokv_value *val)
{
    int  rc = head_own(host, key);

    if (rc == FKV_OK) {
        rc = fkv_call_put_element(host->call, host->call->ns,
                                  fkv_host_in(key), fkv_host_in(elem),
                                  fkv_host_in(val->data), val->expires);
    }

    return rc;
}


int
fkv_data_put(ferrokv_ctx *ctx, ferrokv_str key, ferrokv_str elem,
    const ferrokv_value *val)
{
    fkv_host_t     *host = fkv_host_of(ctx);
    ferrokv_value   copy = *val;
    int             rc;

    if ((val->data.data == NULL && val->data.len != 0)
        || (val->type != NULL && key.data != NULL && elem.data != NULL))
    {
        return FERROKV_EARG;
    }

    if (!host->writes && val->type != NULL) {
        return FERROKV_EARG;
    }

    if (!host->writes) {
        return put_more(host, key, elem, (val->data.len > 0)
                                         ? fkv_host_in(val->data)
                                         : FKV_STR(""), val->expires);
    }

    if (val->data.len <= fkv_call_value_max(host->call)) {
        copy.data = fkv_host_out(put_copy(host, val->data));
    }

    if (key.data == NULL) {
        rc = put_map(host, elem, &copy);

    } else if (elem.data == NULL) {
        rc = put_head(host, key, &copy);

    } else {
        rc = put_element(host, key, elem, &copy);
    }

    return data_code(host, rc);
}


static int
delete_element(fkv_host_t *host, ferrokv_str key, ferrokv_str elem)
{
    int  rc = head_own(host, key);

    return (rc == FKV_OK)
           ? fkv_call_delete_element(host->call, host->call->ns,
                                     fkv_host_in(key), fkv_host_in(elem))
           : rc;
}


int
fkv_data_del(ferrokv_ctx *ctx, ferrokv_str key, ferrokv_str elem)
{
    fkv_host_t  *host = fkv_host_of(ctx);
    int          rc;

    if (!host->writes) {
        return put_more(host, key, elem, FKV_STR_NULL, 0);
    }

    if (key.data == NULL) {
        rc = fkv_call_delete_in(host->call, FKV_NAMESPACE_CATALOG,
                                map_key(host, elem));

    } else if (elem.data == NULL) {
        rc = fkv_call_delete(host->call, fkv_host_in(key));

    } else {
        rc = delete_element(host, key, elem);
    }

    return data_code(host, rc);
}


int
fkv_data_merge(ferrokv_ctx *ctx, ferrokv_str key, ferrokv_str elem,
    const ferrokv_type *def, ferrokv_str operand)
{
    fkv_host_t        *host = fkv_host_of(ctx);
    const fkv_type_t  *type;
    int                rc;

    if (!host->writes) {
        return FERROKV_EPLACE;
    }

    type = type_own(host, def);

    if (type == NULL || type->full == NULL
        || (key.data != NULL && elem.data != NULL)
        || (operand.data == NULL && operand.len != 0))
    {
        return FERROKV_EARG;
    }

    if (key.data == NULL && operand.len > MAP_ELEMENT_MAX) {
        return FERROKV_ETOOBIG;
    }

    if (operand.len <= fkv_call_value_max(host->call)) {
        operand = fkv_host_out(put_copy(host, operand));
    }

    rc = (key.data == NULL)
         ? fkv_call_merge(host->call, FKV_NAMESPACE_CATALOG,
                          map_key(host, elem), type->id, fkv_host_in(operand))
         : fkv_call_merge(host->call, host->call->ns, fkv_host_in(key),
                          type->id, fkv_host_in(operand));

    return data_code(host, rc);
}


/* A walk over keys, for a function of an extension. */
typedef struct {
    fkv_host_t   *host;
    size_t        skip;         /* bytes of a key that are not the element's */
    fkv_str_t     to;           /* exclusive; empty: no end */
    uint64_t      left;         /* rows */
    bool          values;
    ferrokv_row   row;
    void         *data;
    int           rc;           /* the row's, or FERROKV_ENOTYET */
} walk_t;


/*
 * Any code but FKV_OK ends it.  When the first value is missing no more rows
 * are given, but all values behind it are asked for: then all come at once.
 */
static int
walk_key(fkv_call_t *call, fkv_str_t key, void *data)
{
    walk_t         *walk = data;
    fkv_str_t       elem = { key.data + walk->skip, key.len - walk->skip };
    ferrokv_value   out;
    int             rc;

    (void) call;

    if (walk->left == 0
        || (walk->to.len > 0 && fkv__str_cmp(elem, walk->to) >= 0))
    {
        return FKV_END;
    }

    walk->left--;

    if (!walk->values) {
        walk->rc = walk->row(&walk->host->ctx, walk->data, fkv_host_out(elem),
                             NULL);
        return (walk->rc == FERROKV_OK) ? FKV_OK : FKV_END;
    }

    rc = get_value(walk->host, FKV_NAMESPACE_CATALOG, key, &out);

    if (rc == FKV_NOTFOUND) {
        return FKV_OK;
    }

    if (rc == FKV_AGAIN) {
        walk->rc = FERROKV_ENOTYET;
        return FKV_OK;
    }

    if (rc != FKV_OK) {
        return rc;
    }

    if (walk->rc == FERROKV_OK) {
        walk->rc = walk->row(&walk->host->ctx, walk->data, fkv_host_out(elem),
                             &out);
    }

    return (walk->rc == FERROKV_OK || walk->rc == FERROKV_ENOTYET) ? FKV_OK
                                                                   : FKV_END;
}


static int
walk_end(walk_t *walk, int rc)
{
    if (rc != FKV_OK && rc != FKV_END) {
        return data_code(walk->host, rc);
    }

    if (walk->rc == FERROKV_ENOTYET) {
        return data_code(walk->host, FKV_AGAIN);
    }

    return walk->rc;
}


static size_t
common(ferrokv_str a, ferrokv_str b)
{
    const uint8_t  *p = a.data, *q = b.data;
    size_t          n = 0;

    while (n < a.len && n < b.len && p[n] == q[n]) {
        n++;
    }

    return n;
}


/*
 * The store walks behind a key, or from the first that has a prefix: so the
 * element `from` itself is asked for apart.  A walk is known by its arguments,
 * so they are the same in every run.
 */
static int
scan_map(walk_t *walk, ferrokv_str from, ferrokv_str to, uint64_t n)
{
    fkv_host_t   *host = walk->host;
    fkv_call_t   *call = host->call;
    ferrokv_str   prefix = { from.data, common(from, to) };
    fkv_str_t     first = map_key(host, from);
    int           rc = FKV_OK;

    if (from.len > 0) {
        fkv_call_value_t  value;

        rc = fkv_call_get_any(call, FKV_NAMESPACE_CATALOG, first, &value);

        if (rc == FKV_OK || rc == FKV_AGAIN) {
            rc = walk_key(call, first, walk);
        }

        if (rc == FKV_NOTFOUND) {
            rc = FKV_OK;
        }
    }

    if (rc == FKV_OK) {
        rc = fkv_call_scan(call, FKV_NAMESPACE_CATALOG, map_key(host, prefix),
                           from.len > 0 ? first : FKV_STR_NULL, n,
                           NULL, walk_key, walk, NULL);
    }

    return walk_end(walk, rc);
}


/* Its answer may be any number, so it is not the walk's. */
static int
walk_element(fkv_call_t *call, fkv_str_t name, const fkv_call_value_t *value,
    void *data)
{
    walk_t         *walk = data;
    ferrokv_value   out;

    (void) call;
    value_out(value, NULL, &out);
    walk->rc = walk->row(&walk->host->ctx, walk->data, fkv_host_out(name),
                         &out);

    return (walk->rc == FERROKV_OK) ? FKV_OK : FKV_ECANCELED;
}


static int
scan_elements(walk_t *walk, ferrokv_str key, ferrokv_str from, ferrokv_str to,
    uint64_t n)
{
    fkv_call_t  *call = walk->host->call;
    int          rc = head_own(walk->host, key);

    if (rc == FKV_NOTFOUND) {
        return FERROKV_OK;
    }

    if (rc == FKV_OK) {
        rc = fkv_call_scan_elements(call, call->ns, fkv_host_in(key),
                                    fkv_host_in(from), fkv_host_in(to), n,
                                    walk_element, walk);
    }

    return walk_end(walk, (rc == FKV_ECANCELED) ? FKV_END : rc);
}


int
fkv_data_scan(ferrokv_ctx *ctx, ferrokv_str key, ferrokv_str from,
    ferrokv_str to, uint64_t n, ferrokv_row row, void *data)
{
    fkv_host_t  *host = fkv_host_of(ctx);
    walk_t       walk = { .host = host, .to = fkv_host_in(to),
                          .left = (n != 0) ? n : UINT64_MAX, .values = true,
                          .row = row, .data = data };

    if (!data_may_read(host)) {
        return FERROKV_EPLACE;
    }

    if (key.data != NULL) {
        return scan_elements(&walk, key, from, to, n);
    }

    walk.skip = map_prefix_len(host);

    return scan_map(&walk, from, to, n);
}


int
fkv_data_keys(ferrokv_ctx *ctx, ferrokv_str prefix, ferrokv_str after,
    uint64_t n, ferrokv_row row, void *data)
{
    fkv_host_t  *host = fkv_host_of(ctx);
    walk_t       walk = { .host = host, .left = (n != 0) ? n : UINT64_MAX,
                          .row = row, .data = data };
    int          rc;

    if (!data_may_read(host)) {
        return FERROKV_EPLACE;
    }

    rc = fkv_call_scan(host->call, host->call->ns, fkv_host_in(prefix),
                       fkv_host_in(after), n, NULL, walk_key, &walk, NULL);

    return walk_end(&walk, rc);
}
