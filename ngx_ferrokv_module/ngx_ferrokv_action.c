
/*
 * ngx_ferrokv_action.c - the directives ferrokv_get, _set, _incr, _ttl and
 * _del, of http and of stream: what the configuration says.
 */

#include "ngx_ferrokv_action.h"


typedef struct {
    char                         *name;
    ngx_uint_t                    param;
    size_t                        offset;   /* of a complex value */
    ngx_int_t                   (*check)(ngx_str_t *value);
} ngx_ferrokv_action_param_t;


static ngx_int_t ngx_ferrokv_check_ttl(ngx_str_t *value);
static ngx_int_t ngx_ferrokv_check_int(ngx_str_t *value);


static ngx_ferrokv_action_param_t  ngx_ferrokv_action_params[] = {
    { "default", NGX_FERROKV_PARAM_DEFAULT,
      offsetof(ngx_ferrokv_action_t, fallback), NULL },

    { "ttl", NGX_FERROKV_PARAM_TTL,
      offsetof(ngx_ferrokv_action_t, ttl), ngx_ferrokv_check_ttl },

    { "by", NGX_FERROKV_PARAM_BY,
      offsetof(ngx_ferrokv_action_t, by), ngx_ferrokv_check_int },

    { "init", NGX_FERROKV_PARAM_INIT,
      offsetof(ngx_ferrokv_action_t, init), ngx_ferrokv_check_int },

    { "if", NGX_FERROKV_PARAM_IF,
      offsetof(ngx_ferrokv_action_t, filter), NULL },

    { NULL, 0, 0, NULL }
};


static ngx_int_t
ngx_ferrokv_check_ttl(ngx_str_t *value)
{
    uint64_t  ttl_ms;

    return value->len ? ngx_ferrokv_parse_ttl(value, &ttl_ms) : NGX_OK;
}


static ngx_int_t
ngx_ferrokv_check_int(ngx_str_t *value)
{
    int64_t  n;

    return value->len ? ngx_ferrokv_parse_int(value->data, value->len, &n)
                      : NGX_OK;
}


/* NGX_DECLINED: it is no parameter with an expression. */

static ngx_int_t
ngx_ferrokv_expression_param(ngx_conf_t *cf, ngx_ferrokv_action_t *action,
    ngx_str_t *arg)
{
    void                        *expression;
    ngx_str_t                    value, *constant;
    ngx_ferrokv_action_param_t  *param;

    for (param = ngx_ferrokv_action_params; param->name; param++) {

        if (!(action->kind->params & param->param)
            || !ngx_ferrokv_arg(arg, param->name, &value))
        {
            continue;
        }

        expression = action->face->compile(cf, &value);
        if (expression == NULL) {
            return NGX_ERROR;
        }

        constant = action->face->constant(expression);

        if (param->check && constant && param->check(constant) != NGX_OK) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid value \"%V\" in \"%V\"", arg,
                               &action->kind->name);
            return NGX_ERROR;
        }

        *(void **) ((u_char *) action + param->offset) = expression;

        return NGX_OK;
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_ferrokv_action_param(ngx_conf_t *cf, ngx_ferrokv_action_t *action,
    ngx_str_t *store, ngx_str_t *arg)
{
    ngx_int_t   rc;
    ngx_str_t   value;
    ngx_uint_t  params;

    params = action->kind->params;

    if (ngx_ferrokv_arg(arg, "store", &value) && value.len) {
        *store = value;
        return NGX_OK;
    }

    if (params & NGX_FERROKV_PARAM_CONDITION) {

        if (ngx_strcmp(arg->data, "nx") == 0) {
            action->condition = NGX_FERROKV_NX;
            return NGX_OK;
        }

        if (ngx_strcmp(arg->data, "xx") == 0) {
            action->condition = NGX_FERROKV_XX;
            return NGX_OK;
        }
    }

    if (params & NGX_FERROKV_PARAM_PHASE) {

        if (ngx_strcmp(arg->data, "phase=access") == 0) {
            action->log = 0;
            return NGX_OK;
        }

        if (ngx_strcmp(arg->data, "phase=log") == 0) {
            action->log = 1;
            return NGX_OK;
        }
    }

    rc = ngx_ferrokv_expression_param(cf, action, arg);

    if (rc == NGX_DECLINED) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid parameter \"%V\" in \"%V\"", arg,
                           &action->kind->name);
        return NGX_ERROR;
    }

    return rc;
}


/* DIRECTIVE [$var] KEY [VALUE] [PARAMETER]... */

ngx_ferrokv_action_t *
ngx_ferrokv_parse_action(ngx_conf_t *cf, ngx_ferrokv_face_t *face,
    ngx_ferrokv_kind_t *kind)
{
    ngx_str_t             *value, store;
    ngx_uint_t             i;
    ngx_ferrokv_action_t  *action;

    value = cf->args->elts;
    i = 1;

    action = ngx_pcalloc(cf->pool, sizeof(ngx_ferrokv_action_t));
    if (action == NULL) {
        return NULL;
    }

    action->face = face;
    action->kind = kind;

    if (kind->variable) {
        action->index = face->variable(cf, &value[i++]);
        if (action->index == NGX_ERROR) {
            return NULL;
        }
    }

    action->key = face->compile(cf, &value[i++]);
    if (action->key == NULL) {
        return NULL;
    }

    if (kind->value) {
        action->value = face->compile(cf, &value[i++]);
        if (action->value == NULL) {
            return NULL;
        }
    }

    ngx_str_null(&store);

    for ( /* void */ ; i < cf->args->nelts; i++) {
        if (ngx_ferrokv_action_param(cf, action, &store, &value[i]) != NGX_OK) {
            return NULL;
        }
    }

    action->ref = ngx_ferrokv_store_ref(cf, &store);

    return action->ref ? action : NULL;
}
