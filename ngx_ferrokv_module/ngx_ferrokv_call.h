
/*
 * ngx_ferrokv_call.h - ferrokv_call: any command of the table, as an action.
 *
 * It has its place among a level's actions (ngx_ferrokv_action.h) and runs as
 * they do, once for a request; what is its own is here: arguments instead of
 * a key, a reply instead of a value, and it may end the request.
 */

#ifndef _NGX_FERROKV_CALL_H_INCLUDED_
#define _NGX_FERROKV_CALL_H_INCLUDED_


#include "ngx_ferrokv_action.h"
#include "ngx_ferrokv_result.h"
#include "ngx_ferrokv_server.h"


struct ngx_ferrokv_call_s {
    ngx_str_t                  variable;    /* without its dollar sign */
    const fkv_command_t       *command;
    fkv_str_t                  name;        /* as configured */
    ngx_array_t                args;        /* of expressions; may be none */

    ngx_uint_t                 deny;        /* status, 0 = none */
    ngx_uint_t                 reject;      /* on_error=reject */

    fkv_server_t               server;      /* of this process */
};


/*
 * The directive of cf->args: "ferrokv_call $var [OPTION]... COMMAND [ARG]...".
 * NULL: [emerg] has been logged, or no memory
 */
ngx_ferrokv_action_t *ngx_ferrokv_parse_call(ngx_conf_t *cf,
    ngx_ferrokv_face_t *face);


#endif /* _NGX_FERROKV_CALL_H_INCLUDED_ */
