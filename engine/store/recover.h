/*
 * recover.h - opening a store's data: manifest, tables, and what the log holds
 * beyond them, brought into one state from which a new life starts.
 *
 * Shape      manifest -> version -> replay of the log from its floor on, one
 *            level-0 table or more a log file -> new manifest -> log files for
 *            the new life
 * Processes  the master, holding the store's lock, before the fork; blocking
 * If killed  nothing counts before CURRENT names the new manifest; afterwards
 *            nothing of the old log is needed.  So the next open begins again,
 *            or begins where this one ended, with the same data
 *
 * The end of the log.  Segments (log files) are followed from the floor F, the
 * LSN below which everything is in tables: first the one that contains F, read
 * from F on, then always the one whose prev_end is where the last one ended.
 * In a segment the first frame without a valid sum is its end.  The log ends
 * at E, where no segment goes on.
 *
 * Damage or torn tail.  Every frame says which LSN was durable when it was
 * filled.  If a valid frame behind E says that more than E was durable, bytes
 * that somebody may have been promised are gone: damage.  (As long as nothing
 * of a life is durable its frames say its first_base, the manifest's next_lsn:
 * no more than that promises nothing.)  Damage is, too, a log header
 * that knows of a later edit than the manifest does, and one that is neither
 * valid nor zero (what it says fits into one sector, so a torn write of it
 * does not exist; but of one in which a single bit is wrong the sum says which
 * one, so it is known).  Everything else behind E was never acknowledged, but
 * for one case: what the last write of the log brought to disk, before all
 * processes were killed, has nothing behind it that could speak for it.  If it
 * is damaged afterwards it counts as torn.  A process that leaves by itself
 * puts a mark behind it, if its memtable has room (commit.h).
 *
 * After damage, what came before it is in tables all the same and is read; the
 * store must not be written.  The log files stay as they are and so do the
 * manifest's edit number and next_lsn, so the next open finds the same damage.
 * After the log files that are named have been taken away the store opens for
 * writing.
 *
 * Why old frames are never believed again
 *   1  A frame's sum covers its LSN and the incarnation of its file.  Every
 *      open starts a new epoch (the high half of incarnations), and the
 *      manifest says so before a log file of it exists.
 *   2  first_base lies above E and above every LSN that any header on disk
 *      could cover, whether replayed or dropped, and FKV__ARENAS segments more
 *      that may have been filled but not written.  So no LSN is given out
 *      twice either: a version (an ETag) that somebody saw of a write that was
 *      lost never means another write.
 *   3  The headers of covered log files are cleared.  Should that be lost, the
 *      chain above ends at F, where the new life's first segment goes on.
 *
 * Kill points
 *   recover.1  the version is known, nothing has been changed
 *   recover.2  the tables are on disk, nothing names them
 *   recover.3  the new manifest counts, the log is not cleared yet
 *   recover.4  headers cleared, log file 0 not yet long enough
 *   recover.5  everything is on disk
 */

#ifndef FKV_STORE_RECOVER_H
#define FKV_STORE_RECOVER_H

#include "io/clock.h"
#include "store/chain.h"
#include "store/directory.h"
#include "store/version.h"

typedef struct {
    const fkv__directory_t  *directory;     /* open, locked */
    const fkv__clock_t      *clock;
    const fkv_log_t         *log;
    uid_t                    uid;           /* of new files, -1: ours */
    gid_t                    gid;
    uint64_t                 arena_bytes;   /* room of a log file to be */
    const fkv__table_options_t *table_options;
} fkv__recover_t;

typedef struct {
    fkv__version_t  *version;       /* the caller's reference */
    uint64_t         manifest;      /* its number ... */
    uint64_t         manifest_len;  /* ... and length */
    uint64_t         floor;         /* all data below are in tables: prev_end
                                       of the first segment */
    uint64_t         first_base;    /* of the first segment, >= floor */
    uint64_t         clock_ms;      /* store time, not less than ever before */
    uint64_t         stopped_ms;    /* the last one that the manifest knew of,
                                       0 of a new store: for fkv__clock_init */
    uint64_t         incarnation;   /* the first log file gets the next one */

    bool             damaged;       /* must become read-only; says why: */
    char             damage[FKV__DAMAGE_BYTES];     /* file and offset */
    unsigned         tables_bad;    /* missing or of a wrong length; logged */

    unsigned         segments;      /* what was replayed */
    unsigned         tables;
    uint64_t         frames;
    uint64_t         records;
    uint64_t         bytes;         /* of frames */
    uint64_t         dropped_bytes; /* behind the end, never acknowledged */
    uint64_t         ms;
} fkv__recovered_t;

/*
 * Tells the log in one INFO line what it did, dropped bytes in a NOTICE, each
 * bad table in an ALERT; the damage is for the caller to tell.
 *   out     uninitialized; valid if FKV_OK, also with damage
 *   error   FKV_ERROR_BYTES, one sentence after a failure
 * FKV_OK · FKV_EBUSY I/O of dead processes does not end · FKV_EVERSION names
 * the file · FKV_ECORRUPT of the manifest · FKV_EIO · FKV_EFULL · FKV_ENOMEM
 */
int fkv__recover(fkv__recovered_t *out, const fkv__recover_t *in,
    char *error);

#endif /* FKV_STORE_RECOVER_H */
