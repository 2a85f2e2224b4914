/*
 * look.h - what a transaction has asked of many keys: scans, and counts.
 *
 * Shape      each is a need that is answered once and remembered, so a command
 *            that runs again asks for the same and goes on
 * Memory     of a scan the keys that are wanted, not those that go by
 * Moment     that at which it was begun.  Where all else is read at a snapshot
 *            it is that one; in a transaction that writes, others may write
 *            between it and the transaction's own moment
 */

#ifndef FKV_COMMANDS_LOOK_H
#define FKV_COMMANDS_LOOK_H

#include "commands/txn.h"

typedef enum {
    FKV__LOOK_SCAN,
    FKV__LOOK_COUNT
} fkv__look_e;

struct fkv__look_s {
    fkv__look_t         *next;
    fkv__look_e          kind;
    bool                 begun;
    bool                 done;
    int                  rc;

    unsigned             ns;
    fkv_str_t            prefix;
    fkv_str_t            after;
    uint64_t             n;
    uint64_t             most;      /* that are kept; 0: all that there are */
    fkv_call_wants_pt    wants;
    fkv_call_t           call;      /* for wants */

    fkv_scan_t           scan;
    uint64_t             kept;
    fkv__buf_t           keys;      /* length 4, bytes; and so on */
    fkv__buf_t           last;
    bool                 complete;

    fkv_job_t            job;
    uint64_t             count;

    void               (*on_done)(fkv__look_t *look);   /* by who begins it */
    void                *data;
};

/*
 * snapshot: of a scan.  FKV_OK it is done, rc says how · FKV_AGAIN on_done
 * follows, and the look must stay until then
 */
int fkv__look_begin(fkv__look_t *look, uint64_t snapshot);

/* Of all that are done; forget: they are to be begun again. */
void fkv__look_forget(fkv__txn_t *txn);
void fkv__looks_done(fkv__txn_t *txn);


#endif /* FKV_COMMANDS_LOOK_H */
