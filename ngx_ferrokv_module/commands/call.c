/*
 * call.c - what functions of commands have in common.
 */

#include "commands/call.h"
#include "commands/number.h"
#include "commands/txn.h"
#include "commands/types.h"
#include "rules/field.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAIL_BYTES  512         /* longer sentences are cut */


void *
fkv_call_alloc(fkv_call_t *call, size_t size)
{
    void  *p = fkv__memory_alloc(&call->txn->run, size);

    if (p == NULL) {
        longjmp(call->txn->escape, 1);
    }

    return p;
}


/* Redis has keys without a byte; here they never exist. */
static bool
key_valid(fkv_str_t key)
{
    return key.len > 0 && key.len <= FKV_KEY_BYTES_MAX;
}


/* It is known which one, if it is known that it is not here. */
static int
missing(fkv_call_t *call, const fkv_call_value_t *value, int rc)
{
    char  sentence[FKV_TYPE_SENTENCE];

    if (value->type == 0
        || !fkv_types_missing(call->store, value->type, sentence))
    {
        return rc;
    }

    return fkv_call_fail(call, "EXTMISSING %s", sentence);
}


int
fkv_call_get_any(fkv_call_t *call, unsigned ns, fkv_str_t key,
    fkv_call_value_t *value)
{
    fkv__txn_key_t  *known;
    unsigned         flags = call->command->flags;
    int              rc;

    if (!key_valid(key)) {
        return FKV_NOTFOUND;
    }

    known = fkv__txn_key(call->txn, ns, key, true);
    if (known == NULL) {
        return FKV_ENOMEM;
    }

    rc = fkv__txn_get(call->txn, known, !(flags & FKV_COMMAND_BARE), value);

    if (rc == FKV_EMISSING) {
        return missing(call, value, rc);
    }

    if ((rc == FKV_OK || rc == FKV_NOTFOUND)
        && (flags & (FKV_COMMAND_READ | FKV_COMMAND_UNSEEN))
           == FKV_COMMAND_READ)
    {
        fkv_call_looked(call, rc == FKV_OK);
    }

    return rc;
}


void
fkv_call_looked(fkv_call_t *call, bool found)
{
    if (found) {
        call->txn->hits++;

    } else {
        call->txn->misses++;
    }
}


int
fkv_call_get_in(fkv_call_t *call, unsigned ns, fkv_str_t key,
    fkv_call_value_t *value)
{
    int  rc = fkv_call_get_any(call, ns, key, value);

    return (rc == FKV_OK && value->type != 0)
           ? fkv_call_wrong_type(call, value) : rc;
}


int
fkv_call_get(fkv_call_t *call, fkv_str_t key, fkv_call_value_t *value)
{
    return fkv_call_get_in(call, call->ns, key, value);
}


int
fkv_call_wrong_type(fkv_call_t *call, const fkv_call_value_t *value)
{
    if (missing(call, value, FKV_OK) != FKV_OK) {
        return FKV_EINVAL;
    }

    return fkv_call_fail(call, "WRONGTYPE Operation against a key holding "
                         "the wrong kind of value");
}


uint64_t
fkv_call_value_max(const fkv_call_t *call)
{
    return fkv_options(call->store)->value_max;
}


/*
 * A large value goes to disk while others run, and whoever has sent it may be
 * gone before it is there.
 */
static fkv_str_t
put_keep(fkv_call_t *call, fkv_str_t data)
{
    uint8_t  *copy;

    if (data.len < fkv_options(call->store)->blob_min
        || fkv__memory_has(&call->txn->run, data.data))
    {
        return data;
    }

    copy = fkv_call_alloc(call, data.len);
    memcpy(copy, data.data, data.len);

    return (fkv_str_t) { copy, data.len };
}


static int
put_check(fkv_call_t *call, fkv_str_t key, fkv_str_t data)
{
    if (!call->txn->writes) {
        return fkv_call_fail(call, "ERR this command does not write");
    }

    if (!key_valid(key)) {
        return fkv_call_fail(call, "ERR a key has 1 to %u bytes",
                             FKV_KEY_BYTES_MAX);
    }

    if (data.len > fkv_call_value_max(call)) {
        return fkv_call_fail(call, "ERR string exceeds maximum allowed size "
                             "(max_value is %llu bytes)", (unsigned long long)
                             fkv_call_value_max(call));
    }

    return FKV_OK;
}


static int
put(fkv_call_t *call, unsigned ns, fkv_str_t key, fkv__wrote_t *wrote)
{
    fkv__txn_key_t  *known;

    wrote->data = put_keep(call, wrote->data);
    known = fkv__txn_key(call->txn, ns, key, true);

    return (known != NULL) ? fkv__txn_write(call->txn, known, wrote)
                           : FKV_ENOMEM;
}


int
fkv_call_put_in(fkv_call_t *call, unsigned ns, fkv_str_t key, fkv_str_t data,
    uint64_t expire_at)
{
    fkv__wrote_t  wrote = { .what = FKV__WROTE_PUT, .data = data,
                            .expire_at = expire_at };
    int           rc = put_check(call, key, data);

    return (rc == FKV_OK) ? put(call, ns, key, &wrote) : rc;
}


int
fkv_call_put_value(fkv_call_t *call, unsigned ns, fkv_str_t key,
    const fkv_call_value_t *value)
{
    fkv__wrote_t  wrote = { .what = FKV__WROTE_PUT, .data = value->data,
                            .expire_at = value->expire_at,
                            .type = value->type, .encver = value->encver,
                            .stamp = value->stamp };
    int           rc = put_check(call, key, value->data);

    return (rc == FKV_OK) ? put(call, ns, key, &wrote) : rc;
}


int
fkv_call_put_typed(fkv_call_t *call, unsigned ns, fkv_str_t key,
    fkv_str_t data, unsigned type, unsigned encver, uint64_t expire_at)
{
    fkv_call_value_t  value = { .data = data, .expire_at = expire_at,
                                .type = (uint16_t) type,
                                .encver = (uint16_t) encver };
    fkv__txn_key_t   *known = fkv__txn_find(call->txn, ns, key);

    if (known != NULL) {
        value.stamp = fkv__txn_stamp(call->txn, known, type);
    }

    return fkv_call_put_value(call, ns, key, &value);
}


int
fkv_call_put(fkv_call_t *call, fkv_str_t key, fkv_str_t data,
    uint64_t expire_at)
{
    return fkv_call_put_in(call, call->ns, key, data, expire_at);
}


/* The key is known: what the operand makes of it is put. */
static int
merge_known(fkv_call_t *call, fkv__txn_key_t *known,
    const fkv_call_value_t *base, unsigned id, fkv_str_t operand)
{
    const fkv_type_t  *type = fkv_types_by_id(fkv_types_of(call->store), id);
    fkv_chain_t        chain = { .ns = known->ns, .key = known->key };
    fkv_str_t          data;
    fkv__wrote_t       wrote = { .what = FKV__WROTE_PUT,
                                 .type = (uint16_t) id };
    uint8_t           *copy;
    int                rc;

    if (type == NULL || type->full == NULL) {
        return FKV_EMISSING;
    }

    if (base != NULL && base->type != id) {
        return fkv_call_wrong_type(call, base);
    }

    if (base != NULL) {
        chain.oldest = base->version;
        chain.newest = base->version;
    }

    rc = type->full(type, call->store, &chain, base, &operand, 1, &data);

    if (rc != FKV_OK) {
        return rc;
    }

    copy = fkv__memory_alloc(&call->txn->run, data.len);

    if (copy != NULL && data.len > 0) {
        memcpy(copy, data.data, data.len);
    }

    fkv__free((void *) (uintptr_t) data.data);

    wrote.data = (fkv_str_t) { copy, data.len };
    wrote.encver = type->encver;

    if (base != NULL) {
        wrote.expire_at = base->expire_at;
        wrote.stamp = base->stamp;
    }

    return (copy != NULL) ? fkv__txn_write(call->txn, known, &wrote)
                          : FKV_ENOMEM;
}


int
fkv_call_merge(fkv_call_t *call, unsigned ns, fkv_str_t key, unsigned type,
    fkv_str_t operand)
{
    const fkv__wrote_t   wrote = { .what = FKV__WROTE_MERGE, .data = operand,
                                   .type = (uint16_t) type };
    fkv__txn_key_t      *known;
    fkv_call_value_t     value;
    int                  rc = put_check(call, key, operand);

    if (rc != FKV_OK) {
        return rc;
    }

    known = fkv__txn_key(call->txn, ns, key, true);
    if (known == NULL) {
        return FKV_ENOMEM;
    }

    if (!known->wanted && known->wrote.what == FKV__WROTE_NOTHING
        && !fkv__txn_cleared(call->txn, ns)
        && operand.len < fkv_options(call->store)->blob_min)
    {
        return fkv__txn_write(call->txn, known, &wrote);
    }

    rc = fkv__txn_get(call->txn, known, true, &value);

    return (rc == FKV_OK) ? merge_known(call, known, &value, type, operand)
           : (rc == FKV_NOTFOUND) ? merge_known(call, known, NULL, type,
                                                operand)
           : rc;
}


int
fkv_call_delete_in(fkv_call_t *call, unsigned ns, fkv_str_t key)
{
    static const fkv__wrote_t  gone = { .what = FKV__WROTE_DELETE };
    fkv__txn_key_t            *known;
    fkv_call_value_t           value;
    int                        rc;

    if (!call->txn->writes) {
        return fkv_call_fail(call, "ERR this command does not write");
    }

    if (!key_valid(key)) {
        return FKV_NOTFOUND;
    }

    known = fkv__txn_key(call->txn, ns, key, true);
    if (known == NULL) {
        return FKV_ENOMEM;
    }

    rc = fkv__txn_get(call->txn, known, false, &value);

    return (rc == FKV_OK) ? fkv__txn_write(call->txn, known, &gone) : rc;
}


int
fkv_call_delete(fkv_call_t *call, fkv_str_t key)
{
    return fkv_call_delete_in(call, call->ns, key);
}


int
fkv_call_clear(fkv_call_t *call, unsigned ns)
{
    if (!call->txn->writes) {
        return fkv_call_fail(call, "ERR this command does not write");
    }

    return fkv__txn_clear(call->txn, ns);
}


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
