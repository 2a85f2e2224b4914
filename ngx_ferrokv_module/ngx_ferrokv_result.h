
/*
 * ngx_ferrokv_result.h - what a ferrokv_call has answered, as variables.
 *
 *   OK, 7, "text"             $var
 *   [a, [b, c]]               $var_0   $var_1_0  $var_1_1
 *   {limit: 10, left: 3}      $var_limit  $var_left
 *
 * A scalar is the value of $var itself, an indexed variable.  The others are
 * found by name when they are asked for: nginx calls the handler of a prefix.
 * Names are as variables' names are: in small letters, and whatever is neither
 * letter nor digit is an underscore.
 */

#ifndef _NGX_FERROKV_RESULT_H_INCLUDED_
#define _NGX_FERROKV_RESULT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "commands/reply.h"


typedef struct ngx_ferrokv_result_s  ngx_ferrokv_result_t;

struct ngx_ferrokv_result_s {
    ngx_ferrokv_result_t      *next;        /* the one before it */
    ngx_str_t                  name;        /* "var" */
    ngx_array_t                items;       /* of ngx_keyval_t: "1_0", value */
    ngx_str_t                  scalar;
    ngx_uint_t                 is_scalar;
};

/* Reals, -9223372036854775808 and whatever else is no string. */
#define NGX_FERROKV_RESULT_NUMBER  32


/*
 * A copy of the reply in pool; NULL: no memory.  null is no value, and an error
 * is none either.
 */
ngx_ferrokv_result_t *ngx_ferrokv_result(ngx_pool_t *pool, ngx_str_t *name,
    const fkv_reply_t *reply);

/* Neither empty nor "0": the scalar, or the first item.  As nginx's "if". */
ngx_uint_t ngx_ferrokv_result_is_true(ngx_ferrokv_result_t *result);

/* "name_", which the names of all its items begin with. */
ngx_int_t ngx_ferrokv_item_prefix(ngx_conf_t *cf, ngx_str_t *name,
    ngx_str_t *prefix);

/* The value of a variable: the item that has its name, if there is one. */
void ngx_ferrokv_item_get(ngx_ferrokv_result_t *newest, ngx_str_t *variable,
    ngx_variable_value_t *value);


#endif /* _NGX_FERROKV_RESULT_H_INCLUDED_ */
