/*
 * call.c - what functions of commands have in common.
 */

#include "commands/call.h"
#include "commands/number.h"
#include "rules/field.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FAIL_BYTES  512         /* longer sentences are cut */


int
fkv_call_fail(fkv_call_t *call, const char *fmt, ...)
{
    char     text[FAIL_BYTES];
    va_list  args;

    va_start(args, fmt);
    (void) vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    /* What was replied before is no answer any more. */
    fkv_reply_cut(call->reply, 0);
    fkv_reply_error(call->reply, "%s", text);

    return FKV_EINVAL;
}


int
fkv_call_syntax(fkv_call_t *call)
{
    return fkv_call_fail(call, "ERR syntax error");
}


bool
fkv_call_is(const fkv_call_t *call, unsigned i, const char *word)
{
    fkv_str_t  known = { (const uint8_t *) word, strlen(word) };

    return i < call->argc && fkv_rules_same(known, call->argv[i]);
}


int
fkv_call_int(fkv_call_t *call, unsigned i, int64_t *n)
{
    if (fkv_number_int(call->argv[i], n) != FKV_OK) {
        return fkv_call_fail(call, "ERR value is not an integer or out of "
                             "range");
    }

    return FKV_OK;
}
