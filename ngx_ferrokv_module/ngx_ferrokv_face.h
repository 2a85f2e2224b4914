
/*
 * ngx_ferrokv_face.h - how http, or stream, has expressions and variables: what
 * directives that both have need to know about the one they stand in.
 */

#ifndef _NGX_FERROKV_FACE_H_INCLUDED_
#define _NGX_FERROKV_FACE_H_INCLUDED_


#include "ngx_ferrokv_result.h"
#include "ngx_ferrokv.h"


/* of: an ngx_http_request_t or an ngx_stream_session_t. */
typedef struct {
    /* A complex value, or NULL: [emerg] has been logged. */
    void                       *(*compile)(ngx_conf_t *cf, ngx_str_t *value);

    /* What it is, or NULL: it has variables in it. */
    ngx_str_t                  *(*constant)(void *expression);

    /* "$name" made a variable that we set; its index, or NGX_ERROR, logged. */
    ngx_int_t                   (*variable)(ngx_conf_t *cf, ngx_str_t *name);

    ngx_int_t                   (*eval)(void *of, void *expression,
                                    ngx_str_t *value);
    void                        (*set)(void *of, ngx_int_t index,
                                    u_char *data, size_t len);
    ngx_connection_t           *(*connection)(void *of);
    ngx_pool_t                 *(*pool)(void *of);

    /* Makes variables of all names that begin with "name_". */
    ngx_int_t                   (*items)(ngx_conf_t *cf, ngx_str_t *name);

    /* Where results are kept, the newest first. */
    ngx_ferrokv_result_t      **(*results)(void *of);
} ngx_ferrokv_face_t;


#endif /* _NGX_FERROKV_FACE_H_INCLUDED_ */
