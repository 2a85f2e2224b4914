
/*
 * Between nginx's lists of headers and the fields of rules/.  Nothing is copied
 * but names and values as pointers.
 */

#include "ngx_http_ferrokv_cache.h"


static ngx_uint_t ngx_http_ferrokv_cache_own(fkv_rules_name_e id);
static void ngx_http_ferrokv_cache_add(fkv_rules_fields_t *fields,
    fkv_str_t name, fkv_str_t value, fkv_rules_name_e id);
static ngx_int_t ngx_http_ferrokv_cache_fields_shown(ngx_http_request_t *r,
    fkv_rules_fields_t *said, fkv_rules_fields_t *shown);
static ngx_int_t ngx_http_ferrokv_cache_register(ngx_http_request_t *r,
    ngx_table_elt_t *h, fkv_rules_name_e id);
static ngx_int_t ngx_http_ferrokv_cache_register_control(
    ngx_http_request_t *r, ngx_table_elt_t *h);


ngx_table_elt_t *
ngx_http_ferrokv_cache_next(ngx_http_ferrokv_cache_walk_t *walk)
{
    ngx_table_elt_t  *h;

    while (walk->part) {

        h = walk->part->elts;

        while (walk->i < walk->part->nelts) {
            h = (ngx_table_elt_t *) walk->part->elts + walk->i++;

            if (h->hash) {
                return h;
            }
        }

        walk->part = walk->part->next;
        walk->i = 0;
    }

    return NULL;
}


/* An array with room for n more. */

static ngx_int_t
ngx_http_ferrokv_cache_collect_fields(ngx_pool_t *pool, ngx_list_t *list,
    ngx_uint_t n, fkv_rules_fields_t *fields)
{
    ngx_table_elt_t                *h;
    ngx_list_part_t                *part;
    fkv_rules_field_t              *field;
    ngx_http_ferrokv_cache_walk_t   walk;

    for (part = &list->part; part; part = part->next) {
        n += part->nelts;
    }

    field = ngx_palloc(pool, n * sizeof(fkv_rules_field_t) + 1);
    if (field == NULL) {
        return NGX_ERROR;
    }

    fields->field = field;

    walk.part = &list->part;
    walk.i = 0;

    while ((h = ngx_http_ferrokv_cache_next(&walk)) != NULL) {
        field->name = ngx_ferrokv_str(&h->key);
        field->value = ngx_ferrokv_str(&h->value);
        field->id = fkv_rules_name(field->name);
        field++;
    }

    fields->n = field - fields->field;

    return NGX_OK;
}


ngx_int_t
ngx_http_ferrokv_cache_fields(ngx_pool_t *pool, ngx_list_t *list,
    fkv_rules_fields_t *fields)
{
    return ngx_http_ferrokv_cache_collect_fields(pool, list, 0, fields);
}


/* An upstream that is just giving us its header. */

ngx_http_upstream_t *
ngx_http_ferrokv_cache_upstream(ngx_http_request_t *r)
{
    ngx_http_upstream_t  *u;

    u = r->upstream;

    if (u == NULL
        || u->cleanup == NULL
        || u->headers_in.headers.last == NULL
        || u->headers_in.status_n != r->headers_out.status)
    {
        return NULL;
    }

    return u;
}


static void
ngx_http_ferrokv_cache_add(fkv_rules_fields_t *fields, fkv_str_t name,
    fkv_str_t value, fkv_rules_name_e id)
{
    fkv_rules_field_t  *field;

    field = (fkv_rules_field_t *) &fields->field[fields->n++];

    field->name = name;
    field->value = value;
    field->id = id;
}


ngx_int_t
ngx_http_ferrokv_cache_fields_out(ngx_http_request_t *r,
    fkv_rules_fields_t *said, fkv_rules_fields_t *shown)
{
    ngx_http_upstream_t  *u;

    u = ngx_http_ferrokv_cache_upstream(r);

    if (u == NULL) {
        said->n = 0;

    } else if (ngx_http_ferrokv_cache_fields(r->pool, &u->headers_in.headers,
                                             said)
               != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_ferrokv_cache_fields_shown(r, said, shown) != NGX_OK) {
        return NGX_ERROR;
    }

    if (u == NULL) {
        *said = *shown;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_ferrokv_cache_fields_shown(ngx_http_request_t *r,
    fkv_rules_fields_t *said, fkv_rules_fields_t *shown)
{
    ngx_str_t   date, *value;
    ngx_uint_t  i;

    if (ngx_http_ferrokv_cache_collect_fields(r->pool, &r->headers_out.headers,
                                              2 + said->n, shown)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (r->headers_out.content_type.len) {
        value = &r->headers_out.content_type;
        ngx_http_ferrokv_cache_add(shown, FKV_STR("Content-Type"),
                                   ngx_ferrokv_str(value),
                                   FKV_RULES_CONTENT_TYPE);
    }

    if (r->headers_out.last_modified == NULL
        && r->headers_out.last_modified_time != -1)
    {
        date.data = ngx_pnalloc(r->pool,
                                sizeof("Mon, 28 Sep 1970 06:00:00 GMT"));
        if (date.data == NULL) {
            return NGX_ERROR;
        }

        date.len = ngx_http_time(date.data, r->headers_out.last_modified_time)
                   - date.data;

        ngx_http_ferrokv_cache_add(shown, FKV_STR("Last-Modified"),
                                   ngx_ferrokv_str(&date),
                                   FKV_RULES_LAST_MODIFIED);
    }

    for (i = 0; i < said->n; i++) {

        if (said->field[i].id == FKV_RULES_CONNECTION) {
            ngx_http_ferrokv_cache_add(shown, said->field[i].name,
                                       said->field[i].value,
                                       FKV_RULES_CONNECTION);
        }
    }

    return NGX_OK;
}


/* What nginx or this module writes itself. */

static ngx_uint_t
ngx_http_ferrokv_cache_own(fkv_rules_name_e id)
{
    return id == FKV_RULES_ACCEPT_RANGES
           || id == FKV_RULES_AGE
           || id == FKV_RULES_CONTENT_LENGTH
           || id == FKV_RULES_DATE;
}


ngx_int_t
ngx_http_ferrokv_cache_field_send(ngx_http_request_t *r,
    const fkv_rules_field_t *field)
{
    ngx_str_t         value;
    ngx_table_elt_t  *h;

    if (ngx_http_ferrokv_cache_own(field->id)) {
        return NGX_OK;
    }

    value.data = (u_char *) field->value.data;
    value.len = field->value.len;

    if (field->id == FKV_RULES_CONTENT_TYPE) {
        ngx_http_ferrokv_content_type(r, value.data, value.len);
        return NGX_OK;
    }

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    h->hash = 1;
    h->key.data = (u_char *) field->name.data;
    h->key.len = field->name.len;
    h->value = value;

    return ngx_http_ferrokv_cache_register(r, h, field->id);
}


/* For the filters that look for some headers by themselves. */

static ngx_int_t
ngx_http_ferrokv_cache_register(ngx_http_request_t *r, ngx_table_elt_t *h,
    fkv_rules_name_e id)
{
    static const size_t  place[] = {
#define NGX_HTTP_FERROKV_CACHE_PLACE(member)                                  \
    offsetof(ngx_http_headers_out_t, member)

        [FKV_RULES_CONTENT_ENCODING] =
                             NGX_HTTP_FERROKV_CACHE_PLACE(content_encoding),
        [FKV_RULES_ETAG] = NGX_HTTP_FERROKV_CACHE_PLACE(etag),
        [FKV_RULES_EXPIRES] = NGX_HTTP_FERROKV_CACHE_PLACE(expires),
        [FKV_RULES_LAST_MODIFIED] =
                             NGX_HTTP_FERROKV_CACHE_PLACE(last_modified),
        [FKV_RULES_LOCATION] = NGX_HTTP_FERROKV_CACHE_PLACE(location),
        [FKV_RULES_REFRESH] = NGX_HTTP_FERROKV_CACHE_PLACE(refresh),
        [FKV_RULES_SERVER] = NGX_HTTP_FERROKV_CACHE_PLACE(server),
        [FKV_RULES_WWW_AUTHENTICATE] =
                             NGX_HTTP_FERROKV_CACHE_PLACE(www_authenticate)

#undef NGX_HTTP_FERROKV_CACHE_PLACE
    };

    u_char  *out;

    if (id == FKV_RULES_CACHE_CONTROL) {
        return ngx_http_ferrokv_cache_register_control(r, h);
    }

    if (id < sizeof(place) / sizeof(place[0]) && place[id]) {
        out = (u_char *) &r->headers_out;
        *(ngx_table_elt_t **) (void *) (out + place[id]) = h;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_ferrokv_cache_register_control(ngx_http_request_t *r,
    ngx_table_elt_t *h)
{
    ngx_table_elt_t  **ph;

#if (nginx_version < 1023000)

    if (r->headers_out.cache_control.elts == NULL
        && ngx_array_init(&r->headers_out.cache_control, r->pool, 1,
                          sizeof(ngx_table_elt_t *))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ph = ngx_array_push(&r->headers_out.cache_control);
    if (ph == NULL) {
        return NGX_ERROR;
    }

#else

    for (ph = &r->headers_out.cache_control; *ph; ph = &(*ph)->next) {
        /* void */
    }

#endif

    *ph = h;

    return NGX_OK;
}


static ngx_int_t
ngx_http_ferrokv_cache_ask_line(ngx_http_request_t *r, const char *name,
    const char *lowcase, fkv_str_t value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_in.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(h, sizeof(ngx_table_elt_t));

    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->lowcase_key = (u_char *) lowcase;
    h->hash = ngx_hash_key(h->lowcase_key, h->key.len);
    h->value.data = (u_char *) value.data;
    h->value.len = value.len;

    return NGX_OK;
}


static ngx_int_t
ngx_http_ferrokv_cache_ask_changed(ngx_http_request_t *r,
    const fkv_rules_entry_t *entry)
{
    fkv_str_t           fields;
    fkv_rules_field_t   field;

    if (entry->etag.len
        && ngx_http_ferrokv_cache_ask_line(r, "If-None-Match", "if-none-match",
                                           entry->etag)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (entry->last_modified_s == FKV_RULES_NO_TIME) {
        return NGX_OK;
    }

    fields = entry->fields;

    while (fkv_rules_entry_field(&fields, &field)) {

        if (field.id == FKV_RULES_LAST_MODIFIED) {
            return ngx_http_ferrokv_cache_ask_line(r, "If-Modified-Since",
                                                   "if-modified-since",
                                                   field.value);
        }
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_ferrokv_cache_conditional(ngx_table_elt_t *h)
{
    static ngx_str_t  names[] = {
        ngx_string("Range"),
        ngx_string("If-Range"),
        ngx_string("If-None-Match"),
        ngx_string("If-Modified-Since")
    };

    ngx_uint_t  i;

    for (i = 0; i < sizeof(names) / sizeof(ngx_str_t); i++) {

        if (h->key.len == names[i].len
            && ngx_strncasecmp(h->key.data, names[i].data, names[i].len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/*
 * A new list: nginx's own filters find the client's headers by the pointers of
 * headers_in, and cut ranges and answer conditions from the whole response.
 */

ngx_int_t
ngx_http_ferrokv_cache_ask(ngx_http_request_t *r,
    const fkv_rules_entry_t *validators)
{
    ngx_list_t                     *list;
    ngx_table_elt_t                *h, *copy;
    ngx_http_ferrokv_cache_walk_t   walk;

    if (validators == NULL
        && r->headers_in.range == NULL
        && r->headers_in.if_range == NULL
        && r->headers_in.if_none_match == NULL
        && r->headers_in.if_modified_since == NULL)
    {
        return NGX_OK;
    }

    walk.part = ngx_palloc(r->pool, sizeof(ngx_list_part_t));
    if (walk.part == NULL) {
        return NGX_ERROR;
    }

    *walk.part = r->headers_in.headers.part;
    walk.i = 0;

    list = &r->headers_in.headers;

    if (ngx_list_init(list, r->pool, 20, sizeof(ngx_table_elt_t)) != NGX_OK) {
        return NGX_ERROR;
    }

    while ((h = ngx_http_ferrokv_cache_next(&walk)) != NULL) {

        if (ngx_http_ferrokv_cache_conditional(h)) {
            continue;
        }

        copy = ngx_list_push(list);
        if (copy == NULL) {
            return NGX_ERROR;
        }

        *copy = *h;
    }

    return validators ? ngx_http_ferrokv_cache_ask_changed(r, validators)
                      : NGX_OK;
}
