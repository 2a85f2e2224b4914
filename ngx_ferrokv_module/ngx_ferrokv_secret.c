
#include "ngx_ferrokv_secret.h"


/* The whole file into cf->pool. */

static ngx_int_t
ngx_ferrokv_read_file(ngx_conf_t *cf, ngx_str_t *name, ngx_str_t *text)
{
    ssize_t     n;
    ngx_file_t  file;

    ngx_memzero(&file, sizeof(ngx_file_t));

    file.name = *name;
    file.log = cf->log;

    file.fd = ngx_open_file(name->data, NGX_FILE_RDONLY, NGX_FILE_OPEN, 0);

    if (file.fd == NGX_INVALID_FILE) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, ngx_errno,
                           ngx_open_file_n " \"%V\" failed", name);
        return NGX_ERROR;
    }

    text->data = ngx_pnalloc(cf->pool, NGX_FERROKV_SECRET_FILE_MAX + 1);

    n = text->data ? ngx_read_file(&file, text->data,
                                   NGX_FERROKV_SECRET_FILE_MAX + 1, 0)
                   : NGX_ERROR;

    ngx_close_file(file.fd);

    if (n == NGX_ERROR) {
        return NGX_ERROR;                       /* logged */
    }

    if (n > NGX_FERROKV_SECRET_FILE_MAX) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is larger than %d bytes", name,
                           NGX_FERROKV_SECRET_FILE_MAX);
        return NGX_ERROR;
    }

    text->len = n;

    return NGX_OK;
}


static ngx_uint_t
ngx_ferrokv_is_blank(u_char ch)
{
    return ch == ' ' || ch == '\t' || ch == CR;
}


static ngx_int_t
ngx_ferrokv_add_secret(ngx_array_t *secrets, u_char *p, u_char *end)
{
    ngx_str_t  *secret;

    while (p < end && ngx_ferrokv_is_blank(*p)) {
        p++;
    }

    while (end > p && ngx_ferrokv_is_blank(end[-1])) {
        end--;
    }

    if (p == end) {
        return NGX_OK;
    }

    secret = ngx_array_push(secrets);
    if (secret == NULL) {
        return NGX_ERROR;
    }

    secret->data = p;
    secret->len = end - p;

    return NGX_OK;
}


ngx_array_t *
ngx_ferrokv_read_secrets(ngx_conf_t *cf, ngx_str_t *file)
{
    u_char       *p, *line, *end;
    ngx_str_t     name, text;
    ngx_array_t  *secrets;

    name = *file;

    secrets = ngx_array_create(cf->pool, 1, sizeof(ngx_str_t));

    if (secrets == NULL
        || ngx_conf_full_name(cf->cycle, &name, 1) != NGX_OK
        || ngx_ferrokv_read_file(cf, &name, &text) != NGX_OK)
    {
        return NULL;
    }

    end = text.data + text.len;

    for (p = text.data; p < end; p = line + 1) {

        line = ngx_strlchr(p, end, LF);

        if (line == NULL) {
            line = end;
        }

        if (ngx_ferrokv_add_secret(secrets, p, line) != NGX_OK) {
            return NULL;
        }
    }

    if (secrets->nelts == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" has no line that is not empty", &name);
        return NULL;
    }

    return secrets;
}


ngx_uint_t
ngx_ferrokv_is_secret(ngx_array_t *secrets, const u_char *data, size_t len)
{
    size_t       k;
    ngx_str_t   *secret;
    ngx_uint_t   i, found, differs;

    found = 0;
    secret = secrets->elts;

    /* len is what the other side has sent, and so the time it takes */

    for (i = 0; i < secrets->nelts; i++) {

        differs = (secret[i].len != len);

        for (k = 0; k < len; k++) {
            differs |= data[k] ^ secret[i].data[k % secret[i].len];
        }

        found |= (differs == 0);
    }

    return found;
}
