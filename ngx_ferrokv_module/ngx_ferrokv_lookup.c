
/*
 * ngx_ferrokv_lookup.c - the value of an entry of a zone.
 */

#include "ngx_ferrokv_lookup.h"
#include "ngx_ferrokv_network.h"


static int ngx_ferrokv_lookup_string(ngx_ferrokv_lookup_t *lookup);
static int ngx_ferrokv_lookup_prefix(ngx_ferrokv_lookup_t *lookup);
static int ngx_ferrokv_lookup_ip(ngx_ferrokv_lookup_t *lookup);


int
ngx_ferrokv_lookup(ngx_ferrokv_lookup_t *lookup)
{
    if (lookup->key.len == 0) {
        return FKV_NOTFOUND;
    }

    switch (lookup->zone->type) {

    case NGX_FERROKV_ZONE_STRING:
        return ngx_ferrokv_lookup_string(lookup);

    case NGX_FERROKV_ZONE_IP:
        return ngx_ferrokv_lookup_ip(lookup);

    case NGX_FERROKV_ZONE_PREFIX:
        return ngx_ferrokv_lookup_prefix(lookup);
    }

    return FKV_NOTFOUND;
}


static int
ngx_ferrokv_lookup_keep(ngx_ferrokv_lookup_t *lookup, fkv_str_t value)
{
    u_char  *p;

    p = ngx_pnalloc(lookup->pool, value.len);
    if (p == NULL) {
        return FKV_ENOMEM;
    }

    ngx_memcpy(p, value.data, value.len);

    lookup->value.data = p;
    lookup->value.len = value.len;
    lookup->found = 1;

    return FKV_OK;
}


/* "NAME:" and the key; names are followed by a zero, for a scan's end. */

static u_char *
ngx_ferrokv_lookup_name(ngx_ferrokv_lookup_t *lookup, size_t len)
{
    u_char     *p;
    ngx_str_t  *prefix;

    prefix = &lookup->zone->prefix;

    p = ngx_pnalloc(lookup->pool, prefix->len + len + 1);
    if (p == NULL) {
        return NULL;
    }

    lookup->name.data = p;
    lookup->name.len = prefix->len + len;

    p = ngx_cpymem(p, prefix->data, prefix->len);
    *ngx_cpymem(p, lookup->key.data, len) = '\0';

    return p;
}


/* type=string */

static int
ngx_ferrokv_lookup_got(ngx_ferrokv_lookup_t *lookup, int rc)
{
    if (rc == FKV_OK) {
        rc = ngx_ferrokv_lookup_keep(lookup, lookup->op.get.value.data);
    }

    fkv_get_done(&lookup->op.get);

    return rc;
}


static void
ngx_ferrokv_lookup_get_done(fkv_op_t *op)
{
    ngx_ferrokv_lookup_t  *lookup;

    lookup = op->data;

    lookup->on_done(lookup, ngx_ferrokv_lookup_got(lookup, op->rc));
}


static int
ngx_ferrokv_lookup_string(ngx_ferrokv_lookup_t *lookup)
{
    int         rc;
    fkv_get_t  *get;

    if (lookup->key.len > FKV_KEY_BYTES_MAX - lookup->zone->prefix.len) {
        return FKV_NOTFOUND;
    }

    if (ngx_ferrokv_lookup_name(lookup, lookup->key.len) == NULL) {
        return FKV_ENOMEM;
    }

    get = &lookup->op.get;

    get->op.on_done = ngx_ferrokv_lookup_get_done;
    get->op.data = lookup;
    get->store = lookup->zone->ref->store->fkv;
    get->ns = FKV_NAMESPACE_USER;
    get->key = lookup->name;
    get->now_ms = fkv_now_ms(get->store);
    get->load_max = NGX_MAX_OFF_T_VALUE;

    rc = fkv_get(get);

    return (rc == FKV_AGAIN) ? rc : ngx_ferrokv_lookup_got(lookup, rc);
}


/* Both others: a scan from the first to the last name */

static int
ngx_ferrokv_lookup_scanned(ngx_ferrokv_lookup_t *lookup, int rc)
{
    if (rc != FKV_OK && rc != FKV_END) {
        return rc;
    }

    return lookup->found ? FKV_OK : FKV_NOTFOUND;
}


static void
ngx_ferrokv_lookup_scan_done(fkv_op_t *op)
{
    ngx_ferrokv_lookup_t  *lookup;

    lookup = op->data;

    lookup->on_done(lookup, ngx_ferrokv_lookup_scanned(lookup, op->rc));
}


static int
ngx_ferrokv_lookup_scan(ngx_ferrokv_lookup_t *lookup, fkv_str_t first,
    fkv_str_t last,
    int (*on_entry)(fkv_scan_t *scan, fkv_str_t key, const fkv_value_t *value))
{
    int          rc;
    fkv_scan_t  *scan;

    scan = &lookup->op.scan;

    scan->op.on_done = ngx_ferrokv_lookup_scan_done;
    scan->op.data = lookup;
    scan->store = lookup->zone->ref->store->fkv;
    scan->ns = FKV_NAMESPACE_USER;
    scan->prefix = ngx_ferrokv_str(&lookup->zone->prefix);
    scan->start = first;
    scan->end.data = last.data;
    scan->end.len = last.len + 1;               /* what comes behind last */
    scan->now_ms = fkv_now_ms(scan->store);
    scan->load_max = NGX_MAX_OFF_T_VALUE;
    scan->on_entry = on_entry;

    rc = fkv_scan(scan);

    return (rc == FKV_AGAIN) ? rc : ngx_ferrokv_lookup_scanned(lookup, rc);
}


/* type=prefix: the names are the beginnings of one, in this order */

static int
ngx_ferrokv_lookup_prefix_entry(fkv_scan_t *scan, fkv_str_t key,
    const fkv_value_t *value)
{
    size_t                 n, max;
    fkv_str_t             *name;
    ngx_ferrokv_lookup_t  *lookup;

    lookup = scan->op.data;
    name = &lookup->name;

    max = ngx_min(key.len, name->len);

    for (n = 0; n < max && key.data[n] == name->data[n]; n++) { /* void */ }

    if (n == key.len) {

        if (ngx_ferrokv_lookup_keep(lookup, value->data) != FKV_OK) {
            return FKV_ENOMEM;
        }

    } else if (n < name->len && key.data[n] > name->data[n]) {
        return FKV_END;
    }

    /* no shorter beginning is left behind an entry that shares n bytes */

    if (n == name->len) {
        return FKV_END;
    }

    scan->seek.data = name->data;
    scan->seek.len = n + 1;

    return FKV_OK;
}


static int
ngx_ferrokv_lookup_prefix(ngx_ferrokv_lookup_t *lookup)
{
    size_t     len;
    fkv_str_t  first;

    len = ngx_min(lookup->key.len,
                  FKV_KEY_BYTES_MAX - lookup->zone->prefix.len);

    if (ngx_ferrokv_lookup_name(lookup, len) == NULL) {
        return FKV_ENOMEM;
    }

    first.data = lookup->name.data;
    first.len = lookup->zone->prefix.len + 1;

    return ngx_ferrokv_lookup_scan(lookup, first, lookup->name,
                                   ngx_ferrokv_lookup_prefix_entry);
}


/* type=ip: the names are in no order, but there are few */

static ngx_int_t
ngx_ferrokv_lookup_cmp(const u_char *a, size_t a_len, const u_char *b,
    size_t b_len)
{
    ngx_int_t  rc;

    rc = ngx_memcmp(a, b, ngx_min(a_len, b_len));

    return rc ? rc : (ngx_int_t) a_len - (ngx_int_t) b_len;
}


/* The first name behind key, of the networks that would be better; or NULL. */

static ngx_str_t *
ngx_ferrokv_lookup_next(ngx_ferrokv_lookup_t *lookup, fkv_str_t key)
{
    ngx_str_t   *name, *next;
    ngx_uint_t   i;

    next = NULL;

    for (i = lookup->best; i < lookup->n; i++) {
        name = &lookup->names[i];

        if (ngx_ferrokv_lookup_cmp(name->data, name->len, key.data, key.len)
            <= 0)
        {
            continue;
        }

        if (next == NULL
            || ngx_ferrokv_lookup_cmp(name->data, name->len, next->data,
                                      next->len)
               < 0)
        {
            next = name;
        }
    }

    return next;
}


static ngx_str_t *
ngx_ferrokv_lookup_last(ngx_ferrokv_lookup_t *lookup)
{
    ngx_str_t   *name, *last;
    ngx_uint_t   i;

    last = &lookup->names[0];

    for (i = 1; i < lookup->n; i++) {
        name = &lookup->names[i];

        if (ngx_ferrokv_lookup_cmp(name->data, name->len, last->data,
                                   last->len)
            > 0)
        {
            last = name;
        }
    }

    return last;
}


static int
ngx_ferrokv_lookup_ip_entry(fkv_scan_t *scan, fkv_str_t key,
    const fkv_value_t *value)
{
    ngx_str_t             *next, *names;
    ngx_uint_t             i;
    ngx_ferrokv_lookup_t  *lookup;

    lookup = scan->op.data;
    names = lookup->names;

    for (i = lookup->best; i < lookup->n; i++) {

        if (names[i].len == key.len
            && ngx_memcmp(names[i].data, key.data, key.len) == 0)
        {
            if (ngx_ferrokv_lookup_keep(lookup, value->data) != FKV_OK) {
                return FKV_ENOMEM;
            }

            lookup->best = i + 1;
            break;
        }
    }

    next = ngx_ferrokv_lookup_next(lookup, key);

    if (next == NULL) {
        return FKV_END;
    }

    scan->seek = ngx_ferrokv_str(next);

    return FKV_OK;
}


static ngx_int_t
ngx_ferrokv_lookup_names(ngx_ferrokv_lookup_t *lookup,
    ngx_ferrokv_network_t *network)
{
    u_char      *p;
    ngx_str_t   *prefix;
    ngx_uint_t   bits;

    lookup->n = network->bits + 1;
    lookup->names = ngx_palloc(lookup->pool, lookup->n * sizeof(ngx_str_t));

    prefix = &lookup->zone->prefix;
    p = ngx_pnalloc(lookup->pool,
                    lookup->n
                    * (prefix->len + NGX_FERROKV_NETWORK_LEN + 1));

    if (lookup->names == NULL || p == NULL) {
        return NGX_ERROR;
    }

    for (bits = 0; bits < lookup->n; bits++) {
        lookup->names[bits].data = p;

        p = ngx_cpymem(p, prefix->data, prefix->len);
        p += ngx_ferrokv_network_name(network, bits, p);

        lookup->names[bits].len = p - lookup->names[bits].data;
        *p++ = '\0';
    }

    return NGX_OK;
}


static int
ngx_ferrokv_lookup_ip(ngx_ferrokv_lookup_t *lookup)
{
    ngx_str_t              *first, *last;
    ngx_ferrokv_network_t   network;

    if (ngx_ferrokv_network_parse(&network, lookup->key.data, lookup->key.len)
        != NGX_OK)
    {
        return FKV_NOTFOUND;
    }

    if (ngx_ferrokv_lookup_names(lookup, &network) != NGX_OK) {
        return FKV_ENOMEM;
    }

    lookup->name = ngx_ferrokv_str(&lookup->names[network.bits]);

    first = ngx_ferrokv_lookup_next(lookup, FKV_STR_NULL);
    last = ngx_ferrokv_lookup_last(lookup);

    return ngx_ferrokv_lookup_scan(lookup, ngx_ferrokv_str(first),
                                   ngx_ferrokv_str(last),
                                   ngx_ferrokv_lookup_ip_entry);
}
