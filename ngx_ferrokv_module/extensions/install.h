/*
 * install.h - what the extensions of a store need done: they are installed,
 * updated, dropped, and their workers run; one transaction after the other.
 * What is left of the time goes to values to be written anew (renew.h).
 *
 *   (no record) --install--> installing --steps--> installed
 *        ^                                          |  ^
 *        |                                 update   v  | steps
 *        '--values, own map-- dropping <--------- updating
 *
 * Shape      turn() looks at the catalog for the next piece of work and begins
 *            it; on_turn() says when it has ended.  Those that have much to do
 *            take turns
 * Processes  a worker installs what needs no steps, when it begins: it is one
 *            transaction, and who comes second finds it done.  All else is done
 *            by the one process that holds the claim, the helper; of two, as
 *            during a reload, the second waits for the first to end
 * Steps      each call is a transaction that also writes how far it is; those
 *            that are FERROKV_EXCLUSIVE wait until nobody with an older
 *            configuration lives, and none runs before all know the ids of the
 *            types.  One that fails is left alone, with its problem in the
 *            record, until the next start or UPDATE
 * If killed  the piece that was not committed is done again by the next holder
 *            of the claim, which ends with its process; the record says where
 */

#ifndef FKV_EXTENSIONS_INSTALL_H
#define FKV_EXTENSIONS_INSTALL_H

#include "commands/exec.h"
#include "extensions/catalog.h"
#include "extensions/drop.h"
#include "extensions/edit.h"
#include "extensions/renew.h"

#define FKV_INSTALL_LOOK_MS  100    /* is there a newer catalog? */

typedef struct fkv_installer_s  fkv_installer_t;

typedef int (*fkv_install_piece_pt)(fkv_installer_t *installer,
    fkv_call_t *call, fkv_edit_t *edit);

/* Of one extension, in the order of the configuration. */
typedef struct {
    bool      tried;            /* since the start: a problem counts */
    bool      waits;            /* the log says for what */
    bool      known;            /* all know its types */
    unsigned  next;             /* of its workers, the first to be looked at */
    uint64_t *due_ms;           /* of each worker */
} fkv_install_turn_t;

struct fkv_installer_s {
    fkv_catalog_t          *catalog;
    bool                    helper;     /* does everything, not only begins */
    void                  (*on_turn)(fkv_installer_t *installer);
    void                   *data;

    /* ours */
    fkv_install_turn_t     *turns;      /* one for each that is loaded */
    unsigned                at;         /* whose turn it is */
    bool                    busy;
    bool                    dirty;      /* our own change is to be read */
    bool                    note;       /* a problem is to be written down */
    bool                    keep;       /* a drop has been refused */
    bool                    settled;
    bool                    listed;     /* the log has a line about each */
    uint64_t                looked_ms;
    uint64_t                retry_ms;   /* not before */
    bool                    told;       /* the log has a line about it */
    fkv_get_t               look;
    fkv_claim_t             claim;
    bool                    claiming;

    fkv_command_t           command;    /* of the piece that runs: */
    fkv_exec_t              exec;
    fkv_request_t           request;
    fkv_str_t               argv;
    fkv_install_piece_pt    piece;
    fkv_extension_t        *extension;
    const ferrokv_worker   *worker;
    bool                    changes;    /* it is about the record */
    bool                    again;      /* the function wants to go on */
    bool                    refused;    /* the function has failed */
    char                    problem[FKV_ERROR_BYTES];
    char                    passed[FKV_ERROR_BYTES];    /* by a step */

    fkv_drop_t              drop;
    fkv_renewal_t           renewal;
};


/* Zero-initialized, catalog to data filled in.  FKV_OK · FKV_ENOMEM */
int  fkv_installer_init(fkv_installer_t *installer);
void fkv_installer_done(fkv_installer_t *installer);

/*
 * Begins what is next, if nothing is going on.  Milliseconds until it is to be
 * called again, unless on_turn() says so before; 0: at once.
 */
uint64_t fkv_installer_turn(fkv_installer_t *installer, uint64_t now_ms);

/* Is all done that this process begins with? */
bool fkv_installer_settled(const fkv_installer_t *installer);


#endif /* FKV_EXTENSIONS_INSTALL_H */
