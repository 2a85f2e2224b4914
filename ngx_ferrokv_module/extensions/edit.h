/*
 * edit.h - a record of the catalog is changed, as part of a transaction.
 *
 * The record and the head are read, the caller changes edit.in, and both are
 * written: so all changes of the catalog come one after the other, and the
 * head's version is that of the newest.
 */

#ifndef FKV_EXTENSIONS_EDIT_H
#define FKV_EXTENSIONS_EDIT_H

#include "commands/call.h"
#include "extensions/installed.h"

typedef struct {
    fkv_installed_t  in;        /* texts stay until the run returns */
    bool             found;     /* else only in.name is set */
    uint64_t         next;
} fkv_edit_t;

/*
 * FKV_OK · FKV_AGAIN · FKV_EINVAL replied: it cannot be read · failures; done()
 * in any case.
 */
int  fkv_edit_begin(fkv_call_t *call, fkv_edit_t *edit, fkv_str_t name);
void fkv_edit_done(fkv_edit_t *edit);

/* FKV_OK · FKV_AGAIN · failures */
int  fkv_edit_put(fkv_call_t *call, const fkv_edit_t *edit);


#endif /* FKV_EXTENSIONS_EDIT_H */
