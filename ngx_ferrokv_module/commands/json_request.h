/*
 * json_request.h - commands as JSON text, which is how HTTP sends them.
 *
 *   one     ["SET", "k", "v", "EX", 100]
 *   many    [["SET", "k", "v"], ["INCR", "n"]]
 *
 * An argument is a string, a number (its text as it stands: 1e3 is "1e3"), true
 * or false (the word).  Bytes above 127 are taken as they are, UTF-8 or not: a
 * value may be any bytes.
 *
 * Strings are decoded where they stand, so arguments lie in the text.
 */

#ifndef FKV_COMMANDS_JSON_REQUEST_H
#define FKV_COMMANDS_JSON_REQUEST_H

#include "base/buf.h"
#include "commands/exec.h"

typedef struct {
    fkv_request_t  *requests;       /* each has at least one argument */
    unsigned        n;              /* many: may be 0 */

    const char     *error;          /* FKV_EINVAL: what is wrong, and ... */
    size_t          at;             /* ... before which byte */

    fkv__buf_t      lines;          /* of fkv_request_t */
    fkv__buf_t      args;           /* of fkv_str_t */
} fkv_json_request_t;


/* FKV_OK · FKV_EINVAL · FKV_ENOMEM; _done() in any case. */
int fkv_json_request_parse(fkv_json_request_t *json, uint8_t *text,
    size_t len, bool many);
void fkv_json_request_done(fkv_json_request_t *json);


#endif /* FKV_COMMANDS_JSON_REQUEST_H */
