
/*
 * ngx_stream_ferrokv_pair.c - "ferrokv KEY $VAR zone=NAME" in stream.
 *
 * A variable that is asked for too early stays empty, as nginx remembers what
 * it has once evaluated.  So a key is looked at early only if all that it is
 * made of is known when a connection has been accepted; any other may need the
 * TLS handshake or the first bytes, and comes late.
 */

#include "ngx_stream_ferrokv.h"


/* Nothing has loaded it: a session that has ended before. */

static ngx_int_t
ngx_stream_ferrokv_pair_variable(ngx_stream_session_t *s,
    ngx_stream_variable_value_t *v, uintptr_t data)
{
    v->not_found = 1;

    return NGX_OK;
}


static ngx_uint_t
ngx_stream_ferrokv_is_early(ngx_stream_ferrokv_main_conf_t *fmcf,
    ngx_str_t *name)
{
    ngx_uint_t            i;
    ngx_str_t            *known;
    ngx_ferrokv_pair_t  **pair;

    static ngx_str_t  names[] = {
        ngx_string("remote_addr"), ngx_string("binary_remote_addr"),
        ngx_string("remote_port"), ngx_string("realip_remote_addr"),
        ngx_string("realip_remote_port"), ngx_string("server_addr"),
        ngx_string("server_port"), ngx_string("protocol"),
        ngx_string("hostname"), ngx_string("proxy_protocol_addr"),
        ngx_string("proxy_protocol_port"),
        ngx_string("proxy_protocol_server_addr"),
        ngx_string("proxy_protocol_server_port"), ngx_null_string
    };

    for (known = names; known->len; known++) {
        if (known->len == name->len
            && ngx_strncasecmp(known->data, name->data, name->len) == 0)
        {
            return 1;
        }
    }

    pair = fmcf->pairs.elts;

    for (i = 0; i < fmcf->pairs.nelts; i++) {
        if (pair[i]->stage == NGX_STREAM_FERROKV_EARLY
            && pair[i]->variable.len == name->len
            && ngx_strncasecmp(pair[i]->variable.data, name->data, name->len)
               == 0)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_stream_ferrokv_is_name(u_char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9') || c == '_';
}


/* The stage of a key, as it is written in the configuration. */

static ngx_uint_t
ngx_stream_ferrokv_pair_stage(ngx_stream_ferrokv_main_conf_t *fmcf,
    ngx_str_t *key)
{
    u_char     *p, *last;
    ngx_str_t   name;

    last = key->data + key->len;

    for (p = key->data; p < last; /* void */ ) {

        if (*p++ != '$') {
            continue;
        }

        if (p < last && *p == '{') {
            p++;
        }

        name.data = p;

        while (p < last && ngx_stream_ferrokv_is_name(*p)) {
            p++;
        }

        name.len = p - name.data;

        if (!ngx_stream_ferrokv_is_early(fmcf, &name)) {
            return NGX_STREAM_FERROKV_LATE;
        }
    }

    return NGX_STREAM_FERROKV_EARLY;
}


char *
ngx_stream_ferrokv_pair(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_stream_ferrokv_main_conf_t *fmcf = conf;

    ngx_str_t              *value;
    ngx_ferrokv_pair_t     *pair, **slot;
    ngx_stream_variable_t  *v;

    value = cf->args->elts;

    pair = ngx_ferrokv_parse_pair(cf, &ngx_stream_ferrokv_face);
    if (pair == NULL) {
        return NGX_CONF_ERROR;
    }

    pair->stage = ngx_stream_ferrokv_pair_stage(fmcf, &value[1]);

    slot = ngx_array_push(&fmcf->pairs);
    if (slot == NULL) {
        return NGX_CONF_ERROR;
    }

    *slot = pair;

    v = ngx_stream_add_variable(cf, &pair->variable, 0);
    if (v == NULL) {
        return NGX_CONF_ERROR;
    }

    v->get_handler = ngx_stream_ferrokv_pair_variable;
    v->data = (uintptr_t) pair;

    return NGX_CONF_OK;
}


ngx_int_t
ngx_stream_ferrokv_index_pairs(ngx_conf_t *cf,
    ngx_stream_ferrokv_main_conf_t *fmcf)
{
    ngx_uint_t            i;
    ngx_ferrokv_pair_t  **pair;

    /* their scripts ask for variables by name */
    static const char  *scripts[] = {
        "ngx_stream_lua_module", "ngx_stream_js_module", NULL
    };

    if (!ngx_ferrokv_has_module(cf->cycle, scripts)) {
        return NGX_OK;
    }

    pair = fmcf->pairs.elts;

    for (i = 0; i < fmcf->pairs.nelts; i++) {
        if (ngx_stream_get_variable_index(cf, &pair[i]->variable)
            == NGX_ERROR)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_stream_ferrokv_variable_index(ngx_stream_core_main_conf_t *cmcf,
    ngx_str_t *name)
{
    ngx_uint_t              i;
    ngx_stream_variable_t  *v;

    v = cmcf->variables.elts;

    for (i = 0; i < cmcf->variables.nelts; i++) {
        if (v[i].name.len == name->len
            && ngx_strncasecmp(v[i].name.data, name->data, name->len) == 0)
        {
            return i;
        }
    }

    return NGX_FERROKV_PAIR_UNUSED;
}


void
ngx_stream_ferrokv_init_pairs(ngx_stream_core_main_conf_t *cmcf,
    ngx_stream_ferrokv_main_conf_t *fmcf)
{
    ngx_uint_t            i;
    ngx_ferrokv_pair_t  **pair;

    pair = fmcf->pairs.elts;

    for (i = 0; i < fmcf->pairs.nelts; i++) {
        pair[i]->index = ngx_stream_ferrokv_variable_index(cmcf,
                                                           &pair[i]->variable);

        if (pair[i]->index != NGX_FERROKV_PAIR_UNUSED) {
            fmcf->load[pair[i]->stage] = 1;
        }
    }
}
