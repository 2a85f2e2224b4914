
#include "ngx_ferrokv_result.h"


typedef struct {
    ngx_pool_t                *pool;
    const fkv_reply_t         *reply;
    size_t                     at;
    ngx_array_t               *items;
} ngx_ferrokv_result_walk_t;


static ngx_int_t ngx_ferrokv_result_nested(ngx_ferrokv_result_walk_t *walk,
    ngx_str_t *path, fkv_reply_token_t *token);


static ngx_int_t
ngx_ferrokv_result_copy(ngx_pool_t *pool, ngx_str_t *value, const u_char *data,
    size_t len)
{
    value->data = ngx_pnalloc(pool, len ? len : 1);
    value->len = len;

    if (value->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(value->data, data, len);

    return NGX_OK;
}


/* NGX_DECLINED: it has no value */

static ngx_int_t
ngx_ferrokv_result_value(ngx_pool_t *pool, fkv_reply_token_t *token,
    ngx_str_t *value)
{
    int     len;
    u_char  buf[NGX_FERROKV_RESULT_NUMBER];

    switch (token->type) {

    case FKV_REPLY_STATUS:
    case FKV_REPLY_STR:
    case FKV_REPLY_TEXT:
        return ngx_ferrokv_result_copy(pool, value, token->str.data,
                                       token->str.len);

    case FKV_REPLY_INT:
    case FKV_REPLY_BOOL:
        len = ngx_sprintf(buf, "%L", token->n) - buf;
        break;

    case FKV_REPLY_REAL:
        len = snprintf((char *) buf, sizeof(buf), "%.17g", token->real);
        break;

    default:
        return NGX_DECLINED;
    }

    return ngx_ferrokv_result_copy(pool, value, buf, len);
}


/* PATH_NAME, or NAME where there is no path yet. */

static ngx_int_t
ngx_ferrokv_result_name(ngx_pool_t *pool, ngx_str_t *path, const u_char *name,
    size_t len, ngx_str_t *out)
{
    u_char  *p, ch;
    size_t   i;

    p = ngx_pnalloc(pool, path->len + 1 + len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    out->data = p;

    if (path->len) {
        p = ngx_cpymem(p, path->data, path->len);
        *p++ = '_';
    }

    for (i = 0; i < len; i++) {
        ch = ngx_tolower(name[i]);
        *p++ = ((ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9')) ? ch
                                                                      : '_';
    }

    out->len = p - out->data;

    return NGX_OK;
}


static ngx_int_t
ngx_ferrokv_result_add(ngx_ferrokv_result_walk_t *walk, ngx_str_t *name,
    fkv_reply_token_t *token)
{
    ngx_int_t      rc;
    ngx_str_t      value;
    ngx_keyval_t  *item;

    rc = ngx_ferrokv_result_value(walk->pool, token, &value);

    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED) ? NGX_OK : rc;
    }

    item = ngx_array_push(walk->items);
    if (item == NULL) {
        return NGX_ERROR;
    }

    item->key = *name;
    item->value = value;

    return NGX_OK;
}


/* The name of item i: its key, which stands before it, or its number. */

static ngx_int_t
ngx_ferrokv_result_item_name(ngx_ferrokv_result_walk_t *walk, ngx_str_t *path,
    ngx_uint_t map, ngx_uint_t i, ngx_str_t *name)
{
    u_char             buf[NGX_INT_T_LEN];
    ngx_str_t          key;
    fkv_reply_token_t  token;

    if (!map) {
        return ngx_ferrokv_result_name(walk->pool, path, buf,
                                       ngx_sprintf(buf, "%ui", i) - buf, name);
    }

    if (fkv_reply_next(walk->reply, &walk->at, &token) != FKV_OK
        || ngx_ferrokv_result_value(walk->pool, &token, &key) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_ferrokv_result_name(walk->pool, path, key.data, key.len, name);
}


/* An array, set or map; replies nest as deep as commands make them. */

static ngx_int_t
ngx_ferrokv_result_nested(ngx_ferrokv_result_walk_t *walk, ngx_str_t *path,
    fkv_reply_token_t *token)
{
    int64_t            i, n;
    ngx_int_t          rc;
    ngx_str_t          name;
    ngx_uint_t         map;
    fkv_reply_token_t  item;

    n = (token->type == FKV_REPLY_PAIRS) ? 2 * token->n : token->n;
    map = (token->type == FKV_REPLY_MAP);

    for (i = 0; i < n; i++) {

        if (ngx_ferrokv_result_item_name(walk, path, map, i, &name) != NGX_OK
            || fkv_reply_next(walk->reply, &walk->at, &item) != FKV_OK)
        {
            return NGX_ERROR;
        }

        rc = (item.type == FKV_REPLY_ARRAY || item.type == FKV_REPLY_SET
              || item.type == FKV_REPLY_MAP || item.type == FKV_REPLY_PAIRS)
             ? ngx_ferrokv_result_nested(walk, &name, &item)
             : ngx_ferrokv_result_add(walk, &name, &item);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


ngx_ferrokv_result_t *
ngx_ferrokv_result(ngx_pool_t *pool, ngx_str_t *name, const fkv_reply_t *reply)
{
    ngx_int_t                  rc;
    ngx_str_t                  path;
    fkv_reply_token_t          token;
    ngx_ferrokv_result_t      *result;
    ngx_ferrokv_result_walk_t  walk;

    result = ngx_pcalloc(pool, sizeof(ngx_ferrokv_result_t));

    if (result == NULL
        || ngx_array_init(&result->items, pool, 4, sizeof(ngx_keyval_t))
           != NGX_OK)
    {
        return NULL;
    }

    result->name = *name;

    walk.pool = pool;
    walk.reply = reply;
    walk.at = 0;
    walk.items = &result->items;

    if (fkv_reply_next(reply, &walk.at, &token) != FKV_OK) {
        return NULL;
    }

    switch (token.type) {

    case FKV_REPLY_ARRAY:
    case FKV_REPLY_SET:
    case FKV_REPLY_MAP:
    case FKV_REPLY_PAIRS:
        ngx_str_null(&path);
        rc = ngx_ferrokv_result_nested(&walk, &path, &token);
        break;

    default:
        rc = ngx_ferrokv_result_value(pool, &token, &result->scalar);
        result->is_scalar = (rc == NGX_OK);
    }

    return (rc == NGX_ERROR) ? NULL : result;
}


ngx_uint_t
ngx_ferrokv_result_is_true(ngx_ferrokv_result_t *result)
{
    ngx_str_t     *value;
    ngx_keyval_t  *item;

    value = &result->scalar;

    if (!result->is_scalar) {

        if (result->items.nelts == 0) {
            return 0;
        }

        item = result->items.elts;
        value = &item[0].value;
    }

    return value->len && (value->len > 1 || value->data[0] != '0');
}


/* $a_b_0 is item 0 of $a_b, if there is such a call, and else "b_0" of $a. */

static ngx_str_t *
ngx_ferrokv_result_item(ngx_ferrokv_result_t *newest, ngx_str_t *variable)
{
    size_t                 skip;
    ngx_uint_t             i;
    ngx_keyval_t          *item;
    ngx_ferrokv_result_t  *result, *best;

    best = NULL;

    for (result = newest; result; result = result->next) {

        if (variable->len > result->name.len
            && variable->data[result->name.len] == '_'
            && ngx_strncmp(variable->data, result->name.data, result->name.len)
               == 0
            && (best == NULL || result->name.len > best->name.len))
        {
            best = result;
        }
    }

    if (best == NULL) {
        return NULL;
    }

    skip = best->name.len + 1;
    item = best->items.elts;

    for (i = 0; i < best->items.nelts; i++) {

        if (item[i].key.len == variable->len - skip
            && ngx_memcmp(item[i].key.data, variable->data + skip,
                          item[i].key.len)
               == 0)
        {
            return &item[i].value;
        }
    }

    return NULL;
}


ngx_int_t
ngx_ferrokv_item_prefix(ngx_conf_t *cf, ngx_str_t *name, ngx_str_t *prefix)
{
    prefix->len = name->len + 1;
    prefix->data = ngx_pnalloc(cf->pool, prefix->len);

    if (prefix->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(prefix->data, name->data, name->len);
    prefix->data[name->len] = '_';

    return NGX_OK;
}


void
ngx_ferrokv_item_get(ngx_ferrokv_result_t *newest, ngx_str_t *variable,
    ngx_variable_value_t *value)
{
    ngx_str_t  *item;

    item = ngx_ferrokv_result_item(newest, variable);

    if (item == NULL) {
        value->not_found = 1;
        return;
    }

    value->data = item->data;
    value->len = item->len;
    value->valid = 1;
    value->not_found = 0;
}
