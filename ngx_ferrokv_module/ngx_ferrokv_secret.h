
/*
 * ngx_ferrokv_secret.h - tokens and passwords of the configuration, which
 * stand in files of their own, one a line, so that they can be changed one
 * after another and nginx.conf may be shown.
 */

#ifndef _NGX_FERROKV_SECRET_H_INCLUDED_
#define _NGX_FERROKV_SECRET_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_FERROKV_SECRET_FILE_MAX  65536

/*
 * The lines of a file, whose name is relative to nginx.conf, without blanks
 * around them; empty ones are none.  Array of ngx_str_t, at least one.
 * NULL: [emerg] has been logged
 */
ngx_array_t *ngx_ferrokv_read_secrets(ngx_conf_t *cf, ngx_str_t *file);

/* Is it one of them?  How long that takes tells nothing about any of them. */
ngx_uint_t ngx_ferrokv_is_secret(ngx_array_t *secrets, const u_char *data,
    size_t len);


#endif /* _NGX_FERROKV_SECRET_H_INCLUDED_ */
