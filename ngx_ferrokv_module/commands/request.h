/*
 * request.h - requests as Redis' clients write them: arrays of bulk strings,
 * and lines for people.
 *
 * Shape      the caller collects bytes in a buffer and calls next() until it
 *            answers FKV_AGAIN; what was complete lies in the buffer, nothing
 *            is copied.  A line with quotes is unquoted where it stands
 * Resuming   bytes are looked at once, however they come; the buffer may have
 *            moved between two calls
 * Memory     argv is the parser's, and stays until the next call; a caller who
 *            needs it for longer takes it and leaves another one, or NULL
 */

#ifndef FKV_COMMANDS_REQUEST_H
#define FKV_COMMANDS_REQUEST_H

#include "base/types.h"

#define FKV_REQUEST_LINE_MAX   (64 * 1024)

/* Of whoever has not said the password. */
#define FKV_REQUEST_UNAUTHENTICATED_ARGS   10
#define FKV_REQUEST_UNAUTHENTICATED_BYTES  16384

typedef struct {
    uint64_t     bulk_max;      /* bytes of an argument */
    uint64_t     request_max;   /* of a request, with what frames it */
    bool         authenticated;
} fkv_request_limits_t;

typedef struct {
    fkv_str_t   *argv;          /* offsets, not pointers, until it is whole */
    unsigned     argc;
    unsigned     argv_max;      /* room in argv */

    size_t       used;          /* FKV_OK: it was so many bytes */
    size_t       wanted;        /* FKV_AGAIN: of so many in all, at least */
    const char  *error;         /* FKV_EINVAL: "Protocol error: ..." */
    char         error_text[48];

    enum {
        FKV__REQUEST_NEW = 0,
        FKV__REQUEST_COUNT,     /* at "*" */
        FKV__REQUEST_LENGTH,    /* at "$" */
        FKV__REQUEST_BULK,
        FKV__REQUEST_LINE
    }            state;
    size_t       at;            /* what lies before is done with */
    size_t       seen;          /* before it no line ends */
    int64_t      left;          /* arguments still to come */
    uint64_t     bulk;          /* bytes of the one at `at` */
} fkv_parser_t;                 /* zero-initialized: before a request */


/*
 * data holds all that has come since the end of the request before.
 * FKV_OK argv and argc are set, used bytes are done with; argc 0: an empty
 * request, which nobody answers · FKV_AGAIN · FKV_EINVAL error is set: what
 * follows cannot be understood · FKV_ENOMEM
 */
int fkv_parser_next(fkv_parser_t *parser, uint8_t *data, size_t len,
    const fkv_request_limits_t *limits);
void fkv_parser_done(fkv_parser_t *parser);

/* Does a browser, or a page in it, talk to us? */
bool fkv_request_is_http(fkv_str_t name);


#endif /* FKV_COMMANDS_REQUEST_H */
