
/*
 * ngx_ferrokv_extension.h - extensions in a configuration and in a process.
 *
 * An extension is loaded where its directive stands, so that what stands
 * behind it, ferrokv_call above all, knows its commands.  What needs all of
 * the configuration is checked at its end.
 *
 * The table of commands is the process's.  While a configuration is read it is
 * that configuration's; one that fails gives it back to the one in force, and
 * a process that serves takes its own once more when it begins.
 */

#ifndef _NGX_FERROKV_EXTENSION_H_INCLUDED_
#define _NGX_FERROKV_EXTENSION_H_INCLUDED_


#include "ngx_ferrokv.h"
#include "extensions/set.h"


/* In create_conf: a new set, which goes with the cycle.  NULL: no memory. */
fkv_extensions_t *ngx_ferrokv_create_extensions(ngx_cycle_t *cycle);

/* When all is parsed.  NGX_OK, or NGX_ERROR after one [emerg] line */
ngx_int_t ngx_ferrokv_init_extensions(ngx_cycle_t *cycle,
    ngx_ferrokv_conf_t *fcf);

/* In a process that is to run them. */
void ngx_ferrokv_use_extensions(ngx_cycle_t *cycle);


/* The directives */

char *ngx_ferrokv_extension_path(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_ferrokv_extension(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ngx_ferrokv_extension_param(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_ferrokv_missing_extension(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_ferrokv_extension_crash_limit(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
char *ngx_ferrokv_slow_call(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);


#endif /* _NGX_FERROKV_EXTENSION_H_INCLUDED_ */
