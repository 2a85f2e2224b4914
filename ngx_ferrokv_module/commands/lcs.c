/*
 * lcs.c - LCS: what two values have in common.
 *
 * Its work is bounded, so that no event loop waits for it: a quarter of what
 * Redis allows, with Redis' errors.
 */

#include "commands/held.h"
#include "commands/subsequence.h"

#include <string.h>

typedef struct {
    bool     len;
    bool     idx;
    bool     with_len;
    int64_t  len_min;
} options_t;


static int
options_read(fkv_call_t *call, options_t *options)
{
    for (unsigned i = 3; i < call->argc; i++) {
        if (fkv_call_is(call, i, "LEN")) {
            options->len = true;

        } else if (fkv_call_is(call, i, "IDX")) {
            options->idx = true;

        } else if (fkv_call_is(call, i, "WITHMATCHLEN")) {
            options->with_len = true;

        } else if (fkv_call_is(call, i, "MINMATCHLEN") && i + 1 < call->argc) {
            if (fkv_call_int(call, ++i, &options->len_min) != FKV_OK) {
                return FKV_EINVAL;
            }

        } else {
            return fkv_call_syntax(call);
        }
    }

    if (options->len && options->idx) {
        return fkv_call_fail(call, "ERR If you want both the length and "
                             "indexes, please just use IDX.");
    }

    return FKV_OK;
}


static int
size_check(fkv_call_t *call, const fkv_subsequence_t *lcs)
{
    switch (fkv_subsequence_check(lcs->a, lcs->b)) {
    case FKV_ETOOBIG:
        return fkv_call_fail(call, "ERR String too long for LCS");

    case FKV_EFULL:
        return fkv_call_fail(call, "ERR Insufficient memory, transient memory "
                             "for LCS exceeds proto-max-bulk-len");
    }

    return FKV_OK;
}


static void
reply_string(fkv_call_t *call, fkv_subsequence_t *lcs)
{
    uint8_t                *text = fkv_call_alloc(call, lcs->length);
    size_t                  left = lcs->length;
    fkv_subsequence_run_t   run;

    while (fkv_subsequence_back(lcs, &run) == FKV_OK) {
        left -= run.len;
        memcpy(text + left, lcs->a.data + run.a, run.len);
    }

    fkv_reply_str(call->reply, (fkv_str_t) { text, lcs->length });
}


static void
reply_range(fkv_reply_t *reply, size_t first, size_t len)
{
    fkv_reply_array(reply, 2);
    fkv_reply_int(reply, (int64_t) first);
    fkv_reply_int(reply, (int64_t) (first + len - 1));
}


static void
reply_matches(fkv_call_t *call, fkv_subsequence_t *lcs,
    const options_t *options)
{
    fkv_reply_t            *reply = call->reply;
    fkv_subsequence_run_t   run;
    size_t                  begin, n = 0;

    fkv_reply_map(reply, 2);
    fkv_reply_cstr(reply, "matches");
    begin = fkv_reply_array_begin(reply);

    while (fkv_subsequence_back(lcs, &run) == FKV_OK) {
        if ((int64_t) run.len < options->len_min) {
            continue;
        }

        n++;
        fkv_reply_array(reply, options->with_len ? 3 : 2);
        reply_range(reply, run.a, run.len);
        reply_range(reply, run.b, run.len);

        if (options->with_len) {
            fkv_reply_int(reply, (int64_t) run.len);
        }
    }

    fkv_reply_array_end(reply, begin, n);
    fkv_reply_cstr(reply, "len");
    fkv_reply_int(reply, (int64_t) lcs->length);
}


static int
lcs_call(fkv_call_t *call)
{
    options_t          options = { .len = false };
    fkv_subsequence_t  lcs;
    fkv_held_t         a, b;
    int                rc = fkv_held_any(call, 1, &a);

    if (rc == FKV_OK) {
        rc = fkv_held_any(call, 2, &b);
    }

    if (rc == FKV_OK && (a.value.type != 0 || b.value.type != 0)) {
        rc = fkv_call_fail(call, "ERR The specified keys must contain string "
                           "values");
    }

    if (rc == FKV_OK) {
        rc = options_read(call, &options);
    }

    if (rc != FKV_OK) {
        return rc;
    }

    lcs = (fkv_subsequence_t) { .a = a.value.data, .b = b.value.data,
                                .back = !options.len };

    rc = size_check(call, &lcs);
    if (rc != FKV_OK) {
        return rc;
    }

    fkv_subsequence_find(&lcs,
                         fkv_call_alloc(call, fkv_subsequence_memory(&lcs)));

    if (options.len) {
        fkv_reply_int(call->reply, (int64_t) lcs.length);

    } else if (options.idx) {
        reply_matches(call, &lcs, &options);

    } else {
        reply_string(call, &lcs);
    }

    return FKV_OK;
}


const fkv_command_t  fkv_commands_lcs[] = {
    { "LCS", -3, FKV_COMMAND_READ, 1, 2, 1, lcs_call, "string", "7.0.0",
      "key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]",
      "The longest sequence of bytes that two values share.", NULL },
    { .name = NULL }
};
