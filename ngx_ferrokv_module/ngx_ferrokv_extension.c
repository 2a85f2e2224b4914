
/*
 * ngx_ferrokv_extension.c - the directives of extensions.
 */

#include "ngx_ferrokv_extension.h"
#include "extensions/host.h"
#include "extensions/load.h"


typedef struct {
    const char            *name;
    ngx_int_t            (*set)(ngx_conf_t *cf, fkv_load_t *load,
                              fkv_extension_t *said, ngx_str_t *value);
} ngx_ferrokv_extension_option_t;


static void ngx_ferrokv_release_extensions(void *data);
static ngx_int_t ngx_ferrokv_set_version(ngx_conf_t *cf, fkv_load_t *load,
    fkv_extension_t *said, ngx_str_t *value);
static ngx_int_t ngx_ferrokv_set_stores(ngx_conf_t *cf, fkv_load_t *load,
    fkv_extension_t *said, ngx_str_t *value);
static ngx_int_t ngx_ferrokv_set_install(ngx_conf_t *cf, fkv_load_t *load,
    fkv_extension_t *said, ngx_str_t *value);
static ngx_int_t ngx_ferrokv_set_update(ngx_conf_t *cf, fkv_load_t *load,
    fkv_extension_t *said, ngx_str_t *value);
static ngx_int_t ngx_ferrokv_set_grant(ngx_conf_t *cf, fkv_load_t *load,
    fkv_extension_t *said, ngx_str_t *value);


static ngx_ferrokv_extension_option_t  ngx_ferrokv_extension_options[] = {
    { "version", ngx_ferrokv_set_version },
    { "stores", ngx_ferrokv_set_stores },
    { "install", ngx_ferrokv_set_install },
    { "update", ngx_ferrokv_set_update },
    { "grant", ngx_ferrokv_set_grant },
    { NULL, NULL }
};

/* Whose commands the table has, and whose it had before; or NULL. */
static fkv_extensions_t  *ngx_ferrokv_extensions_used;
static fkv_extensions_t  *ngx_ferrokv_extensions_before;


fkv_extensions_t *
ngx_ferrokv_create_extensions(ngx_cycle_t *cycle)
{
    fkv_extensions_t    *set;
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(cycle->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    set = fkv_extensions_new();
    if (set == NULL) {
        return NULL;
    }

    cln->handler = ngx_ferrokv_release_extensions;
    cln->data = set;

    ngx_ferrokv_extensions_before = ngx_ferrokv_extensions_used;
    ngx_ferrokv_extensions_used = set;
    fkv_extensions_use(set);

    return set;
}


static void
ngx_ferrokv_release_extensions(void *data)
{
    fkv_extensions_t *set = data;

    if (set == ngx_ferrokv_extensions_before) {
        ngx_ferrokv_extensions_before = NULL;
    }

    if (set == ngx_ferrokv_extensions_used) {
        ngx_ferrokv_extensions_used = ngx_ferrokv_extensions_before;
        ngx_ferrokv_extensions_before = NULL;
        fkv_extensions_use(ngx_ferrokv_extensions_used);
    }

    fkv_extensions_free(set);
}


void
ngx_ferrokv_use_extensions(ngx_cycle_t *cycle)
{
    ngx_ferrokv_conf_t  *fcf;

    fcf = (ngx_ferrokv_conf_t *) ngx_get_conf(cycle->conf_ctx,
                                              ngx_ferrokv_module);

    ngx_ferrokv_extensions_used = fcf->extensions;
    fkv_extensions_use(fcf->extensions);
}


/* Texts of a configuration end with a NUL; one inside would hide the rest. */

static ngx_int_t
ngx_ferrokv_extension_texts(ngx_conf_t *cf)
{
    ngx_str_t   *value;
    ngx_uint_t   i;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {
        if (ngx_strlen(value[i].data) != value[i].len) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "there is a NUL byte in \"%V\"", &value[0]);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_ferrokv_set_version(ngx_conf_t *cf, fkv_load_t *load,
    fkv_extension_t *said, ngx_str_t *value)
{
    load->version = (char *) value->data;

    return NGX_OK;
}


/* Calls add for each word between commas. */

static ngx_int_t
ngx_ferrokv_extension_words(ngx_conf_t *cf, fkv_extension_t *said,
    ngx_str_t *value, ngx_int_t (*add)(ngx_conf_t *cf, fkv_extension_t *said,
        ngx_str_t *word))
{
    u_char     *p, *last;
    ngx_str_t   word;

    last = value->data + value->len;

    for (p = value->data; /* void */ ; p = word.data + word.len + 1) {

        word.data = p;

        for (word.len = 0; p < last && *p != ','; p++) {
            word.len++;
        }

        if (word.len == 0 || add(cf, said, &word) != NGX_OK) {
            return NGX_ERROR;
        }

        if (p == last) {
            return NGX_OK;
        }
    }
}


static ngx_int_t
ngx_ferrokv_add_store(ngx_conf_t *cf, fkv_extension_t *said, ngx_str_t *word)
{
    fkv_str_t  *stores;

    if (said->stores_n && fkv_extension_is_for(said, ngx_ferrokv_str(word))) {
        return NGX_ERROR;
    }

    stores = ngx_palloc(cf->pool, (said->stores_n + 1) * sizeof(fkv_str_t));
    if (stores == NULL) {
        return NGX_ERROR;
    }

    if (said->stores_n) {
        ngx_memcpy(stores, said->stores, said->stores_n * sizeof(fkv_str_t));
    }

    stores[said->stores_n++] = ngx_ferrokv_str(word);
    said->stores = stores;

    return NGX_OK;
}


static ngx_int_t
ngx_ferrokv_set_stores(ngx_conf_t *cf, fkv_load_t *load,
    fkv_extension_t *said, ngx_str_t *value)
{
    return ngx_ferrokv_extension_words(cf, said, value, ngx_ferrokv_add_store);
}


static ngx_int_t
ngx_ferrokv_set_choice(ngx_str_t *value, const char *no, const char *yes,
    bool *is)
{
    *is = (ngx_strcmp(value->data, yes) == 0);

    return (*is || ngx_strcmp(value->data, no) == 0) ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_ferrokv_set_install(ngx_conf_t *cf, fkv_load_t *load,
    fkv_extension_t *said, ngx_str_t *value)
{
    return ngx_ferrokv_set_choice(value, "auto", "manual", &said->manual);
}


static ngx_int_t
ngx_ferrokv_set_update(ngx_conf_t *cf, fkv_load_t *load,
    fkv_extension_t *said, ngx_str_t *value)
{
    return ngx_ferrokv_set_choice(value, "manual", "auto", &said->update);
}


static ngx_int_t
ngx_ferrokv_add_grant(ngx_conf_t *cf, fkv_extension_t *said, ngx_str_t *word)
{
    ngx_uint_t  i;

    static const struct {
        ngx_str_t   name;
        uint32_t    need;
    } grants[] = {
        { ngx_string("net"), FERROKV_NEEDS_NET },
        { ngx_string("threads"), FERROKV_NEEDS_THREADS },
        { ngx_string("helper"), FERROKV_NEEDS_HELPER }
    };

    for (i = 0; i < sizeof(grants) / sizeof(grants[0]); i++) {
        if (word->len == grants[i].name.len
            && ngx_memcmp(word->data, grants[i].name.data, word->len) == 0)
        {
            said->granted |= grants[i].need;
            return NGX_OK;
        }
    }

    return NGX_ERROR;
}


static ngx_int_t
ngx_ferrokv_set_grant(ngx_conf_t *cf, fkv_load_t *load, fkv_extension_t *said,
    ngx_str_t *value)
{
    return ngx_ferrokv_extension_words(cf, said, value, ngx_ferrokv_add_grant);
}


static ngx_int_t
ngx_ferrokv_extension_option(ngx_conf_t *cf, fkv_load_t *load,
    fkv_extension_t *said, ngx_uint_t *optional, ngx_str_t *arg)
{
    ngx_str_t                        value;
    ngx_ferrokv_extension_option_t  *option;

    if (ngx_strcmp(arg->data, "optional") == 0) {
        *optional = 1;
        return NGX_OK;
    }

    if (ngx_strcmp(arg->data, "check") == 0) {
        said->check = 1;
        return NGX_OK;
    }

    for (option = ngx_ferrokv_extension_options; option->name; option++) {

        if (!ngx_ferrokv_arg(arg, option->name, &value)) {
            continue;
        }

        if (option->set(cf, load, said, &value) == NGX_OK) {
            return NGX_OK;
        }

        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid value \"%V\" in \"ferrokv_extension\"",
                           arg);
        return NGX_ERROR;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid parameter \"%V\" in \"ferrokv_extension\"",
                       arg);

    return NGX_ERROR;
}


/* What "/opt/acme/acme-2.so" would be called, and "acme". */

static fkv_str_t
ngx_ferrokv_extension_name(ngx_str_t *value)
{
    u_char     *p, *last;
    fkv_str_t   name;

    last = value->data + value->len;

    for (p = last; p > value->data && p[-1] != '/'; p--) { /* void */ }

    name.data = p;

    while (p < last && *p != '-' && *p != '.') {
        p++;
    }

    name.len = p - name.data;

    return name;
}


static ngx_int_t
ngx_ferrokv_load_extension(ngx_conf_t *cf, fkv_extensions_t *set,
    fkv_load_t *load, fkv_extension_t *said, ngx_uint_t optional)
{
    int               rc;
    char              error[FKV_ERROR_BYTES];
    ngx_str_t        *value;
    fkv_extension_t  *ext;

    value = cf->args->elts;
    rc = fkv_extension_load(&ext, load, error);

    if (rc == FKV_NOTFOUND && optional) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"ferrokv_extension\": %s: it is optional, so "
                           "nginx goes on without it", error);

        rc = fkv_extensions_add_absent(set,
                                       ngx_ferrokv_extension_name(&value[1]),
                                       error);
        if (rc == FKV_OK) {
            return NGX_OK;
        }
    }

    if (rc != FKV_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"ferrokv_extension\": %s", error);
        return NGX_ERROR;
    }

    ext->stores = said->stores;
    ext->stores_n = said->stores_n;
    ext->manual = said->manual;
    ext->update = said->update;
    ext->check = said->check;

    if (fkv_extensions_add(set, ext, error) != FKV_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"ferrokv_extension\": %s", error);
        fkv_extension_free(ext);
        return NGX_ERROR;
    }

    if (ext->replaced) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "\"%s\" has been replaced since it was loaded: "
                           "what was there before goes on until nginx is "
                           "started anew", ext->file);
    }

    return NGX_OK;
}


char *
ngx_ferrokv_extension(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_ferrokv_conf_t *fcf = conf;

    fkv_load_t        load;
    ngx_str_t        *value;
    ngx_uint_t        i, optional;
    fkv_extension_t   said;

    value = cf->args->elts;
    optional = 0;

    ngx_memzero(&load, sizeof(fkv_load_t));
    ngx_memzero(&said, sizeof(fkv_extension_t));

    if (ngx_ferrokv_extension_texts(cf) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    for (i = 2; i < cf->args->nelts; i++) {
        if (ngx_ferrokv_extension_option(cf, &load, &said, &optional,
                                         &value[i])
            != NGX_OK)
        {
            return NGX_CONF_ERROR;
        }
    }

    if (fcf->extension_path.len == 0) {
        ngx_str_set(&fcf->extension_path, FKV_EXTENSION_DIR);
    }

    load.name = (char *) value[1].data;
    load.dirs = (char *) fcf->extension_path.data;
    load.granted = said.granted;
    load.uid = geteuid();
    load.call = fkv_host_call;

    return (ngx_ferrokv_load_extension(cf, fcf->extensions, &load, &said,
                                       optional)
            == NGX_OK)
           ? NGX_CONF_OK : NGX_CONF_ERROR;
}


/* "$system" among the directories is where extensions are installed. */

static ngx_int_t
ngx_ferrokv_expand_path(ngx_conf_t *cf, ngx_str_t *value, ngx_str_t *path)
{
    u_char     *p, *d, *last, *end;
    ngx_uint_t  n;

    static ngx_str_t  word = ngx_string("$system");
    static ngx_str_t  system = ngx_string(FKV_EXTENSION_DIR);

    last = value->data + value->len;

    for (n = 1, p = value->data; p < last; p++) {
        n += (*p == ':');
    }

    d = ngx_pnalloc(cf->pool, value->len + n * system.len + 1);
    if (d == NULL) {
        return NGX_ERROR;
    }

    path->data = d;

    for (p = value->data; /* void */ ; p = end + 1) {

        end = ngx_strlchr(p, last, ':');
        end = end ? end : last;

        if ((size_t) (end - p) == word.len
            && ngx_memcmp(p, word.data, word.len) == 0)
        {
            d = ngx_cpymem(d, system.data, system.len);

        } else {
            d = ngx_cpymem(d, p, end - p);
        }

        if (end == last) {
            break;
        }

        *d++ = ':';
    }

    *d = '\0';
    path->len = d - path->data;

    return NGX_OK;
}


char *
ngx_ferrokv_extension_path(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_ferrokv_conf_t *fcf = conf;

    ngx_str_t   *value;
    const char  *wrong;

    value = cf->args->elts;

    if (fcf->extension_path.len) {
        return fcf->extensions->n || fcf->extensions->absent_n
               ? "must stand before the first \"ferrokv_extension\""
               : "is duplicate";
    }

    if (ngx_ferrokv_extension_texts(cf) != NGX_OK
        || ngx_ferrokv_expand_path(cf, &value[1], &fcf->extension_path)
           != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    wrong = fkv_load_dirs_wrong((char *) fcf->extension_path.data);

    if (wrong) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"ferrokv_extension_path\" %s in \"%V\"", wrong,
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ngx_ferrokv_extension_param(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_ferrokv_conf_t *fcf = conf;

    int         rc;
    char        error[FKV_ERROR_BYTES];
    ngx_str_t  *value;

    value = cf->args->elts;

    rc = fkv_extensions_param(fcf->extensions, ngx_ferrokv_str(&value[1]),
                              ngx_ferrokv_str(&value[2]), error);
    if (rc == FKV_OK) {
        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"ferrokv_param\": %s", error);

    return NGX_CONF_ERROR;
}


char *
ngx_ferrokv_missing_extension(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_ferrokv_conf_t *fcf = conf;

    ngx_str_t  *value;

    value = cf->args->elts;

    if (fcf->missing_extension_set) {
        return "is duplicate";
    }

    fcf->missing_extension_set = 1;

    if (ngx_ferrokv_set_choice(&value[1], "keep", "refuse",
                               &fcf->extensions->refuse_missing)
        == NGX_OK)
    {
        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"%V\" is \"keep\" or \"refuse\", not \"%V\"",
                       &value[0], &value[1]);

    return NGX_CONF_ERROR;
}


static ngx_int_t
ngx_ferrokv_parse_crash_limit(ngx_str_t *value, fkv_crash_limit_t *limit)
{
    u_char     *slash, *last;
    ngx_int_t   n;
    ngx_str_t   time;

    last = value->data + value->len;
    slash = ngx_strlchr(value->data, last, '/');

    if (slash == NULL) {
        return NGX_ERROR;
    }

    n = ngx_atoi(value->data, slash - value->data);

    time.data = slash + 1;
    time.len = last - time.data;

    if (n < 1 || n > 1000) {
        return NGX_ERROR;
    }

    limit->n = n;

    return ngx_ferrokv_parse_ttl(&time, &limit->ms);
}


char *
ngx_ferrokv_extension_crash_limit(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf)
{
    ngx_ferrokv_conf_t *fcf = conf;

    ngx_str_t  *value;

    value = cf->args->elts;

    if (fcf->crash_limit_set) {
        return "is duplicate";
    }

    fcf->crash_limit_set = 1;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        fcf->extensions->crash_limit.n = 0;
        return NGX_CONF_OK;
    }

    if (ngx_ferrokv_parse_crash_limit(&value[1], &fcf->extensions->crash_limit)
        == NGX_OK)
    {
        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"%V\" is 1 to 1000, a slash and a time, \"3/60s\", or "
                       "\"off\", not \"%V\"", &value[0], &value[1]);

    return NGX_CONF_ERROR;
}


char *
ngx_ferrokv_slow_call(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_ferrokv_conf_t *fcf = conf;

    uint64_t    ms;
    ngx_str_t  *value;

    value = cf->args->elts;

    if (fcf->slow_call_set) {
        return "is duplicate";
    }

    fcf->slow_call_set = 1;

    if (ngx_strcmp(value[1].data, "off") == 0) {
        fcf->extensions->slow_call_us = 0;
        return NGX_CONF_OK;
    }

    if (ngx_ferrokv_parse_ttl(&value[1], &ms) == NGX_OK) {
        fcf->extensions->slow_call_us = ms * 1000;
        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "\"%V\" is a time, \"10ms\", or \"off\", not \"%V\"",
                       &value[0], &value[1]);

    return NGX_CONF_ERROR;
}


/* Stores may be defined behind the extension. */

static ngx_int_t
ngx_ferrokv_check_stores(ngx_cycle_t *cycle, fkv_extension_t *ext)
{
    ngx_str_t   name;
    ngx_uint_t  i;

    for (i = 0; i < ext->stores_n; i++) {

        name.data = (u_char *) ext->stores[i].data;
        name.len = ext->stores[i].len;

        if (ngx_ferrokv_store_by_name(cycle, &name) == NULL) {
            ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                          "\"stores=\" of \"ferrokv_extension\" \"%s\" names "
                          "the unknown store \"%V\"", ext->name, &name);
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_ferrokv_init_extensions(ngx_cycle_t *cycle, ngx_ferrokv_conf_t *fcf)
{
    char               error[FKV_ERROR_BYTES];
    ngx_uint_t         i;
    fkv_extensions_t  *set;

    set = fcf->extensions;

    if (fkv_extensions_sort(set, error) != FKV_OK) {
        ngx_log_error(NGX_LOG_EMERG, cycle->log, 0,
                      "\"ferrokv_extension\": %s", error);
        return NGX_ERROR;
    }

    for (i = 0; i < set->n; i++) {
        if (ngx_ferrokv_check_stores(cycle, set->list[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}
