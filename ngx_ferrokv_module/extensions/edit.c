#include "extensions/edit.h"
#include "commands/txn.h"

#include <string.h>


/* FKV_OK, also if there is none: then bytes are empty. */
static int
edit_get(fkv_call_t *call, fkv_str_t key, fkv_str_t *bytes)
{
    fkv_call_value_t  value;
    int               rc = fkv_call_get_in(call, FKV_NAMESPACE_CATALOG, key,
                                           &value);

    *bytes = (rc == FKV_OK) ? value.data : FKV_STR_NULL;

    return (rc == FKV_NOTFOUND) ? FKV_OK : rc;
}


static int
edit_damaged(fkv_call_t *call, fkv_str_t name, int rc)
{
    if (rc != FKV_ECORRUPT && rc != FKV_EVERSION) {
        return rc;
    }

    return fkv_call_fail(call, "ERR the record of extension \"%.*s\" cannot be "
                         "read: %s", (int) name.len, (const char *) name.data,
                         fkv_code_text(rc));
}


int
fkv_edit_begin(fkv_call_t *call, fkv_edit_t *edit, fkv_str_t name)
{
    uint8_t    key[FKV_INSTALLED_KEY_BYTES];
    fkv_str_t  head, record;
    size_t     len = fkv_installed_key(key, name);
    int        rc, rc_head;

    memset(edit, 0, sizeof(*edit));
    edit->in.name = name;

    /* both are asked for at once */
    rc_head = edit_get(call, FKV_STR(FKV_INSTALLED_HEAD), &head);
    rc = edit_get(call, (fkv_str_t) { key, len }, &record);
    rc = (rc_head != FKV_OK) ? rc_head : rc;

    if (rc != FKV_OK) {
        return rc;
    }

    rc = fkv_installed_head_parse(head, &edit->next);

    if (rc == FKV_OK && record.len > 0) {
        edit->found = true;
        rc = fkv_installed_parse(&edit->in, name, record);
    }

    return (rc == FKV_OK) ? FKV_OK : edit_damaged(call, name, rc);
}


void
fkv_edit_done(fkv_edit_t *edit)
{
    fkv_installed_done(&edit->in);
}


/* What is written must stay; buf is freed. */
static int
edit_write(fkv_call_t *call, fkv_str_t key, fkv__buf_t *buf, int rc)
{
    uint8_t  *bytes;

    if (rc == FKV_OK) {
        bytes = fkv__memory_alloc(&call->txn->run, buf->len);

        if (bytes == NULL) {
            rc = FKV_ENOMEM;

        } else {
            memcpy(bytes, buf->data, buf->len);
            rc = fkv_call_put_in(call, FKV_NAMESPACE_CATALOG, key,
                                 (fkv_str_t) { bytes, buf->len }, 0);
        }
    }

    fkv__buf_done(buf);

    return rc;
}


int
fkv_edit_put(fkv_call_t *call, const fkv_edit_t *edit)
{
    uint8_t     key[FKV_INSTALLED_KEY_BYTES];
    fkv__buf_t  buf = { NULL, 0, 0 };
    size_t      len = fkv_installed_key(key, edit->in.name);
    int         rc;

    rc = edit_write(call, (fkv_str_t) { key, len }, &buf,
                    fkv_installed_put(&edit->in, &buf));

    if (rc == FKV_OK) {
        FKV_STEP("extension_edit.1");
        buf = (fkv__buf_t) { NULL, 0, 0 };
        rc = edit_write(call, FKV_STR(FKV_INSTALLED_HEAD), &buf,
                        fkv_installed_head_put(edit->next, &buf));
    }

    return rc;
}
