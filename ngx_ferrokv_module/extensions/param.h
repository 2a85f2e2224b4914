/*
 * param.h - settings: the values of ferrokv_param, and what a definition says
 * of them.
 *
 * A value is bytes of nginx.conf or of a library; both are read by the same
 * grammar.  Errors are the part of a sentence behind the setting's name: "is
 * not a number".
 */

#ifndef FKV_EXTENSIONS_PARAM_H
#define FKV_EXTENSIONS_PARAM_H

#include "extensions/extension.h"

#define FKV_PARAM_TEXT_MAX  4096

/* FKV_OK value holds the default · FKV_EINVAL error[FKV_ERROR_BYTES] */
int fkv_param_define(fkv_extension_param_t *value, const ferrokv_param *def,
    char *error);

/*
 * What nginx.conf says; it is copied.
 * FKV_OK · FKV_EINVAL error is set · FKV_ENOMEM likewise
 */
int fkv_param_set(fkv_extension_param_t *value, fkv_str_t text, char *error);

void fkv_param_done(fkv_extension_param_t *value);


#endif /* FKV_EXTENSIONS_PARAM_H */
