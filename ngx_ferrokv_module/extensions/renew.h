/*
 * renew.h - values that compaction has met in an older encoding, or that their
 * type may make smaller (fkv_renew_next()), are written anew.
 *
 * Shape      one at a time, as a command of its own: get, recode(), compact(),
 *            and a put if something came of it; and only if the version is the
 *            one that was met, so whoever writes meanwhile has the last word.
 *            Expiry and elements stay.  To hooks it is a write like any other
 * Processes  the one with the helper role
 * If killed  it was written or not; what waited is met again by the next
 *            compaction of its table
 *
 * What fails is left as it is and logged, one line until one succeeds.
 */

#ifndef FKV_EXTENSIONS_RENEW_H
#define FKV_EXTENSIONS_RENEW_H

#include "commands/exec.h"

typedef struct fkv_renewal_s  fkv_renewal_t;

struct fkv_renewal_s {
    fkv_t            *store;    /* where it is written */
    fkv_t            *helper;   /* that has the role, or may have */
    const fkv_log_t  *log;
    const char       *name;     /* of the store */
    void            (*on_done)(fkv_renewal_t *renewal);
    void             *data;

    /* ours */
    fkv_command_t     command;
    fkv_exec_t        exec;
    fkv_request_t     request;
    fkv_str_t         argv;
    uint8_t           key[FKV_KEY_BYTES_MAX];
    uint64_t          version;
    bool              written;
    bool              told;     /* the log has a line about it */
};


/*
 * The next one; zero-initialized before the first, store to data filled in.
 * FKV_OK it has ended · FKV_AGAIN on_done follows · FKV_END there is none
 */
int  fkv_renewal(fkv_renewal_t *renewal);


#endif /* FKV_EXTENSIONS_RENEW_H */
