
/*
 * ngx_http_ferrokv_status_extensions.c - extensions of a store in the status:
 * what FERROKV.EXTENSION LIST says, as this process has read it last.
 */

#include "ngx_http_ferrokv.h"
#include "ngx_ferrokv_json.h"
#include "extensions/manage.h"


static void ngx_http_ferrokv_status_value(ngx_ferrokv_json_t *json,
    fkv_reply_t *reply, size_t *at);


static void
ngx_http_ferrokv_status_members(ngx_ferrokv_json_t *json, fkv_reply_t *reply,
    size_t *at, ngx_uint_t n, ngx_uint_t map)
{
    ngx_uint_t  i;

    ngx_ferrokv_json_raw(json, map ? "{" : "[", 1);

    for (i = 0; i < n; i++) {

        if (i) {
            ngx_ferrokv_json_text(json, ",");
        }

        if (map) {
            ngx_http_ferrokv_status_value(json, reply, at);
            ngx_ferrokv_json_text(json, ":");
        }

        ngx_http_ferrokv_status_value(json, reply, at);
    }

    ngx_ferrokv_json_raw(json, map ? "}" : "]", 1);
}


/* As deep as a description is. */

static void
ngx_http_ferrokv_status_value(ngx_ferrokv_json_t *json, fkv_reply_t *reply,
    size_t *at)
{
    fkv_reply_token_t  token;

    if (fkv_reply_next(reply, at, &token) != FKV_OK) {
        json->failed = 1;
        return;
    }

    switch (token.type) {

    case FKV_REPLY_INT:
        ngx_ferrokv_json_uint(json, (uint64_t) token.n);
        return;

    case FKV_REPLY_STR:
        ngx_ferrokv_json_string(json, token.str.data, token.str.len);
        return;

    case FKV_REPLY_ARRAY:
    case FKV_REPLY_MAP:
        ngx_http_ferrokv_status_members(json, reply, at, token.n,
                                        token.type == FKV_REPLY_MAP);
        return;

    default: /* FKV_REPLY_NULL */
        ngx_ferrokv_json_text(json, "null");
    }
}


ngx_int_t
ngx_http_ferrokv_extensions_status(ngx_pool_t *pool,
    ngx_ferrokv_store_t *store, ngx_str_t *text)
{
    size_t               at;
    fkv_reply_t          reply;
    fkv_catalog_t       *catalog;
    ngx_ferrokv_json_t   json;

    ngx_str_set(text, "[]");

    catalog = fkv_catalog_of(store->fkv);
    if (catalog == NULL) {
        return NGX_OK;
    }

    at = 0;
    ngx_memzero(&reply, sizeof(fkv_reply_t));
    ngx_ferrokv_json_init(&json, pool, 1024);

    fkv_manage_list(&reply, catalog);

    if (reply.rc != FKV_OK) {
        json.failed = 1;

    } else {
        ngx_http_ferrokv_status_value(&json, &reply, &at);
    }

    fkv_reply_done(&reply);

    text->data = json.start;
    text->len = ngx_ferrokv_json_size(&json);

    return json.failed ? NGX_ERROR : NGX_OK;
}
