/*
 * json.h - a reply as Upstash's REST interface has it.
 *
 * Shape      {"result":VALUE}, or {"error":"ERR sentence"} if the reply is an
 *            error; of a transaction or a pipeline an array of these
 * Values     strings, numbers, null, arrays; a map is an array of its names
 *            and values in turn.  Bytes that are not UTF-8 become U+FFFD
 * base64     strings as base64, but the status OK, which clients know
 */

#ifndef FKV_COMMANDS_JSON_H
#define FKV_COMMANDS_JSON_H

#include "commands/reply.h"

/*
 * Each appends to out.
 * FKV_OK · FKV_ENOMEM, also if the reply had none: out is as it was
 *   put      one reply
 *   put_all  each member of a reply that is an array; of any other reply as put
 *   value    its VALUE alone
 *   error    {"error":text}
 */
int fkv_json_put(fkv__buf_t *out, const fkv_reply_t *reply, bool base64);
int fkv_json_put_all(fkv__buf_t *out, const fkv_reply_t *reply, bool base64);
int fkv_json_put_value(fkv__buf_t *out, const fkv_reply_t *reply);
int fkv_json_put_error(fkv__buf_t *out, fkv_str_t text);


#endif /* FKV_COMMANDS_JSON_H */
