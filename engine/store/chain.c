/*
 * chain.c - the order of log files, and where the log ends.
 */

#include "store/chain.h"

#include "fkv.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define NAME_BYTES  32

/* A file that has been read, and the thread that writes its tables. */
typedef struct {
    fkv__replay_t               replay;
    const fkv__spill_target_t  *target;
    pthread_t                   thread;
    bool                        started;    /* to be joined */
    bool                        open;       /* replay is */
    int                         rc;
    int                         cause;      /* errno */
} chain_spill_t;


/* The cause is in errno, but for codes that say it themselves. */
static int
chain_failed(char *error, int rc, const char *what,
    const fkv__log_file_t *file)
{
    char  name[NAME_BYTES];

    fkv__log_name(name, file->number);

    (void) snprintf(error, FKV_ERROR_BYTES, "%s log/%s failed: %s", what, name,
                    rc == FKV_ENOMEM ? fkv_code_text(rc) : strerror(errno));

    return rc;
}


/* The file that holds the floor; the later one if an older reached over it. */
static const fkv__log_file_t *
chain_first(const fkv__chain_t *chain)
{
    const fkv__log_file_t  *file = NULL;

    for (size_t i = 0; i < chain->files->n_valid; i++) {
        if (chain->files->files[i].header.base <= chain->end) {
            file = &chain->files->files[i];
        }
    }

    if (file != NULL
        && chain->end - file->header.base >= file->header.bytes)
    {
        return NULL;
    }

    return file;
}


/*
 * The file that goes on where the log has ended so far.  They are in order of
 * base, and the log goes forward only: of two that claim the same end each is
 * followed once.
 */
static const fkv__log_file_t *
chain_next(const fkv__chain_t *chain)
{
    for (size_t i = 0; i < chain->files->n_valid; i++) {
        const fkv__log_file_t  *file = &chain->files->files[i];

        if (file->header.base >= chain->end
            && file->header.prev_end == chain->end
            && (chain->end_file == NULL || file > chain->end_file))
        {
            return file;
        }
    }

    return NULL;
}


static void
chain_damaged(fkv__chain_t *chain, const fkv__replay_rest_t *rest)
{
    char                name[NAME_BYTES], proof[NAME_BYTES];
    unsigned long long  offset = rest->proof_offset;

    fkv__log_name(proof, rest->proof_file);

    if (chain->end_file == NULL) {
        (void) snprintf(chain->damage, sizeof(chain->damage),
                        "a log file is missing: log/%s says at offset %llu "
                        "that more was on disk", proof, offset);
        return;
    }

    fkv__log_name(name, chain->end_file->number);

    (void) snprintf(chain->damage, sizeof(chain->damage),
                    "log/%s is damaged at offset %llu: log/%s says at offset "
                    "%llu that more was on disk", name,
                    (unsigned long long) fkv__log_file_offset(chain->end_file,
                                                              chain->end),
                    proof, offset);
}


static void
chain_dropped(const fkv__chain_t *chain)
{
    char  name[NAME_BYTES];

    if (chain->end_file == NULL) {
        fkv__log(chain->log, FKV_LOG_NOTICE, "%llu bytes of the log were not "
                 "acknowledged and are dropped",
                 (unsigned long long) chain->dropped_bytes);
        return;
    }

    fkv__log_name(name, chain->end_file->number);

    fkv__log(chain->log, FKV_LOG_NOTICE, "the log ends at log/%s offset %llu; "
             "%llu bytes behind it were not acknowledged and are dropped",
             name, (unsigned long long) fkv__log_file_offset(chain->end_file,
                                                             chain->end),
             (unsigned long long) chain->dropped_bytes);
}


static int
chain_search(fkv__chain_t *chain, const fkv__log_file_t *file,
    uint64_t durable, fkv__replay_rest_t *rest, char *error)
{
    int            rc;
    fkv__replay_t  replay;

    rc = fkv__replay_open(&replay, chain->directory, file);

    if (rc == FKV_OK) {
        rc = fkv__replay_search(&replay, file->header.base, durable, rest);
        fkv__replay_close(&replay);
    }

    return (rc == FKV_OK) ? FKV_OK : chain_failed(error, rc, "reading", file);
}


/*
 * Looks at everything behind the end.
 *   last   the file that the end is in, NULL = none
 */
static int
chain_rest(fkv__chain_t *chain, fkv__replay_t *last, char *error)
{
    int                 rc = FKV_OK;
    uint64_t            durable = fkv__max(chain->end, chain->promised);
    fkv__replay_rest_t  rest = { 0 };

    if (last != NULL) {
        rc = fkv__replay_search(last, chain->end, durable, &rest);

        if (rc != FKV_OK) {
            return chain_failed(error, rc, "reading", last->file);
        }
    }

    for (size_t i = 0; rc == FKV_OK && i < chain->files->n_valid; i++) {
        const fkv__log_file_t  *file = &chain->files->files[i];

        if (file->header.base >= chain->end && file != chain->end_file) {
            rc = chain_search(chain, file, durable, &rest, error);
        }
    }

    if (rc != FKV_OK) {
        return rc;
    }

    chain->dropped_bytes = rest.bytes;

    if (rest.proof != 0 && chain->damage[0] == '\0') {
        chain_damaged(chain, &rest);

    } else if (rest.bytes > 0) {
        chain_dropped(chain);
    }

    return FKV_OK;
}


static void
chain_count(fkv__chain_t *chain, const fkv__replay_t *replay, uint64_t from)
{
    char  name[NAME_BYTES];

    chain->end = replay->end;
    chain->end_file = replay->file;

    chain->segments += (replay->frames > 0);
    chain->frames += replay->frames;
    chain->records += replay->records;
    chain->bytes += replay->end - from;

    if (replay->invalid) {
        fkv__log_name(name, replay->file->number);

        (void) snprintf(chain->damage, sizeof(chain->damage),
                        "log/%s is damaged at offset %llu: the frame's sum is "
                        "right, its records are not", name,
                        (unsigned long long)
                        fkv__log_file_offset(replay->file, replay->end));
    }
}


static void *
chain_spill_run(void *data)
{
    chain_spill_t  *spill = data;
    fkv__replay_t  *replay = &spill->replay;

    if (spill->target == NULL) {
        return NULL;
    }

    spill->rc = fkv__spill_write(&replay->spill, replay->mem,
                                 replay->mem + replay->bytes,
                                 replay->file->header.base, spill->target);
    spill->cause = errno;

    return NULL;
}


/* Signals are the affair of the process's own thread. */
static void
chain_spill_start(chain_spill_t *spill)
{
    sigset_t  all, old;

    (void) sigfillset(&all);
    (void) pthread_sigmask(SIG_SETMASK, &all, &old);

    spill->started = (pthread_create(&spill->thread, NULL, chain_spill_run,
                                     spill)
                      == 0);

    (void) pthread_sigmask(SIG_SETMASK, &old, NULL);

    if (!spill->started) {
        (void) chain_spill_run(spill);
    }
}


/* Waits for the tables and lets go of the file. */
static int
chain_spill_end(chain_spill_t *spill, char *error)
{
    int  rc;

    if (spill->started) {
        (void) pthread_join(spill->thread, NULL);
        spill->started = false;
    }

    rc = spill->rc;
    spill->rc = FKV_OK;

    if (rc != FKV_OK) {
        errno = spill->cause;
        (void) chain_failed(error, rc, "writing the tables of",
                            spill->replay.file);
    }

    if (spill->open) {
        fkv__replay_close(&spill->replay);
        spill->open = false;
    }

    return rc;
}


/* Reads one file; *next is the one behind it, NULL at the end of the log. */
static int
chain_read(fkv__chain_t *chain, const fkv__log_file_t *file,
    chain_spill_t *spill, const fkv__log_file_t **next, char *error)
{
    int             rc;
    uint64_t        from = fkv__max(chain->end, file->header.base);
    fkv__replay_t  *replay = &spill->replay;

    rc = fkv__replay_open(replay, chain->directory, file);
    if (rc != FKV_OK) {
        return chain_failed(error, rc, "reading", file);
    }

    spill->open = true;

    rc = fkv__replay_read(replay, from);

    if (rc == FKV_OK && chain->on_read != NULL) {
        rc = chain->on_read(chain->data, replay);
    }

    if (rc != FKV_OK) {
        return chain_failed(error, rc, "reading", file);
    }

    chain_count(chain, replay, from);
    *next = replay->invalid ? NULL : chain_next(chain);

    return (*next != NULL) ? FKV_OK : chain_rest(chain, replay, error);
}


int
fkv__chain_follow(fkv__chain_t *chain, char *error)
{
    int                     rc = FKV_OK, ended;
    unsigned                i = 0;
    chain_spill_t           spills[2];
    const fkv__log_file_t  *file = chain_first(chain);

    memset(spills, 0, sizeof(spills));
    spills[0].target = spills[1].target = chain->target;

    if (file == NULL) {
        file = chain_next(chain);
    }

    if (file == NULL) {
        return chain_rest(chain, NULL, error);
    }

    while (rc == FKV_OK && file != NULL) {
        rc = chain_read(chain, file, &spills[i], &file, error);

        /* Tables are numbered and named in the order of the log. */
        ended = chain_spill_end(&spills[1 - i], error);

        if (rc == FKV_OK) {
            rc = ended;
        }

        if (rc == FKV_OK) {
            chain_spill_start(&spills[i]);
            i = 1 - i;
        }
    }

    for (i = 0; i < 2; i++) {
        ended = chain_spill_end(&spills[i], error);

        if (rc == FKV_OK) {
            rc = ended;
        }
    }

    return rc;
}
