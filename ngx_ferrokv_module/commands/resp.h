/*
 * resp.h - a reply as RESP2 or RESP3 has it.
 *
 * RESP2 knows no map, set, real, boolean or text: they become arrays, strings
 * and numbers, as Redis sends them.
 */

#ifndef FKV_COMMANDS_RESP_H
#define FKV_COMMANDS_RESP_H

#include "commands/reply.h"

/*
 * Appends all of the reply to out; protocol is 2 or 3.
 * FKV_OK · FKV_ENOMEM, also if the reply had none: out is as it was
 */
int fkv_resp_put(fkv__buf_t *out, const fkv_reply_t *reply,
    unsigned protocol);


#endif /* FKV_COMMANDS_RESP_H */
