/*
 * host.h - one call into an extension: its ctx, where it is, what it may do
 * there, and what becomes of its answer.
 *
 * Shape     a fkv_host_t lies on the stack of whoever calls; the extension has
 *           the address of its first member.  The functions of its table find
 *           the rest behind that
 * Outcome   what cannot be taken back is remembered here: something asked for
 *           is not in memory, a write was refused.  Then that is the outcome,
 *           whatever the function has returned
 * Escape    an alloc() that fails leaves the function by a jump; so does what
 *           the commands layer needs memory for.  Nothing of ours is held while
 *           a function runs, so nothing is lost but the function's own
 * Nesting   a function may have a value recoded by a second one.  Each has its
 *           own fkv_host_t
 */

#ifndef FKV_EXTENSIONS_HOST_H
#define FKV_EXTENSIONS_HOST_H

#include "extensions/extension.h"
#include "extensions/shared.h"
#include "commands/call.h"
#include "commands/memory.h"

#include <setjmp.h>

#define FKV_HOST_ALLOC_MAX  (64u << 20)     /* bytes, of one call */
#define FKV_HOST_KEEP_MAX   (256u << 20)    /* bytes, of an extension in a
                                               process */
#define FKV_HOST_OPEN_MAX   32              /* say_begin() without say_end() */

typedef struct fkv_host_s       fkv_host_t;
typedef struct fkv_hook_more_s  fkv_hook_more_t;    /* hook.h */

struct fkv_host_s {
    ferrokv_ctx          ctx;           /* the first: what the extension sees */
    fkv_extension_t     *extension;
    const fkv_host_store_t *at;         /* in this store; NULL: nothing is
                                           known of it */
    fkv_call_t          *call;          /* NULL: there is no store */
    fkv__memory_t       *memory;        /* of alloc() */
    size_t               room;          /* what it may still give */
    bool                 says;          /* an answer is wanted */
    bool                 writes;
    bool                 nested;        /* in another function's frame */
    bool                 suspended;     /* it goes on later */
    char                *said;          /* FKV_REFUSAL_BYTES for fail(), where
                                           there is no reply; or NULL */
    fkv_hook_more_t     *more;          /* where its own map is written, by an
                                           OBSERVE of ON_WRITE; or NULL */

    const fkv_poison_ask_t  *ask;       /* about which value; or NULL */
    unsigned             damaged_n;     /* values that a step could not read */
    fkv_str_t            damaged;       /* the first's key; of the call */

    int                  rc;            /* the outcome; FKV_OK: not yet known.
                                           FKV_EINVAL: it is replied */
    int                  failed;        /* what fail() was given */

    /* The answer, behind what was there: tokens owed until it is complete. */
    size_t               base;
    int64_t              owed;
    size_t               paired;        /* scalars of pairs still to come */
    bool                 wrong;         /* more was said than asked for */
    bool                 open;          /* say_begin(): they are counted at
                                           the end */
    unsigned             begins_n;
    size_t               begins[FKV_HOST_OPEN_MAX];

    jmp_buf              escape;
};

/* What is called; data is whose it likes. */
typedef int (*fkv_host_pt)(fkv_host_t *host, void *data);

static inline fkv_host_t *
fkv_host_of(ferrokv_ctx *ctx)
{
    return (fkv_host_t *) (void *) ctx;
}


/* place: FERROKV_IN_...; call may be NULL, memory not. */
void fkv_host_init(fkv_host_t *host, fkv_extension_t *extension,
    fkv_call_t *call, uint32_t place, fkv__memory_t *memory);

/*
 * In the place PURE, without a call, in any thread: of the process's it sees
 * nothing, not even what start() has set.  at: where it is watched, or NULL.
 */
void fkv_host_init_pure(fkv_host_t *host, fkv_extension_t *extension,
    const fkv_host_store_t *at, fkv__memory_t *memory);

/* There is no call, but it is about this store. */
void fkv_host_in_store(fkv_host_t *host, const fkv_t *store);

/*
 * Runs fn, which calls the extension, and returns what that has returned;
 * FERROKV_EMEMORY if it was left by a jump, FERROKV_ECORRUPT if the value in
 * ask is put aside (poison.h) and fn was not called: host->rc says more then.
 * While it runs the process's word (shared.h) says so, and it is measured: by
 * the coarse clock, so to a tick.
 */
int fkv_host_run(fkv_host_t *host, fkv_host_pt fn, void *data);

/* The function of every command of an extension. */
int fkv_host_call(fkv_call_t *call);


/*
 * An extension's state in a store, as this process sees it; what nobody has
 * said anything of is ready, and its schema the library's.
 */
typedef enum {
    FKV_HOST_READY,
    FKV_HOST_LOADING,           /* the catalog is still to be read */
    FKV_HOST_ABSENT,            /* not installed here */
    FKV_HOST_DORMANT,           /* the store is newer than the library */
    FKV_HOST_QUARANTINED,       /* it has crashed too often */
    FKV_HOST_FAILED             /* its start() has */
} fkv_host_state_e;

/* In any thread; at may be NULL. */
bool fkv_host_quarantined(const fkv_host_store_t *at);

/*
 * Its figures in a store, of all processes; i counts its metrics.  False: it is
 * not watched there, or there is no i-th.
 */
bool fkv_host_figures(const fkv_extension_t *extension, const fkv_t *store,
    fkv_shared_state_t *state);
bool fkv_host_metric(const fkv_extension_t *extension, const fkv_t *store,
    unsigned i, fkv_shared_figure_t *figure);

/*
 * Values that are put aside there: false if the i-th, below FKV_POISON_ROWS, is
 * none of its; and all are asked again, how many there were.
 */
bool fkv_host_aside(const fkv_extension_t *extension, const fkv_t *store,
    unsigned i, fkv_poison_said_t *said);
unsigned fkv_host_forgive(const fkv_extension_t *extension,
    const fkv_t *store);

/* NULL: nothing is known of it there. */
fkv_host_store_t *fkv_host_at(const fkv_extension_t *extension,
    const fkv_t *store);

/* FKV_OK · FKV_ENOMEM */
int fkv_host_set(fkv_extension_t *extension, const fkv_t *store,
    fkv_host_state_e state, uint32_t schema);
fkv_host_state_e fkv_host_state(const fkv_extension_t *extension,
    const fkv_t *store);

/* What is known of it in stores, before it is freed. */
void fkv_host_done(fkv_extension_t *extension);

/*
 * The process has attached the store: what the extension does there is watched
 * and counted from now on.  shared is attached.  FKV_OK · FKV_ENOMEM
 */
int fkv_host_attach(fkv_extension_t *extension, const fkv_t *store,
    fkv_shared_t *shared);

/*
 * start() and stop(), in a process that has attached its stores.  start: any
 * other code than FERROKV_OK is a failure, and logged; the extension's state is
 * FAILED then, everywhere.
 */
int  fkv_host_start(fkv_extension_t *extension);
void fkv_host_stop(fkv_extension_t *extension);

/*
 * Runs fn in the place PROCESS: what the extension waits for has come.  Not of
 * one that has failed to start, or sleeps.
 */
int  fkv_host_process(fkv_extension_t *extension, fkv_host_pt fn, void *data);

/*
 * Of the process: where log() writes to (NULL: nowhere); which calls are slow
 * (0: none is).
 */
void fkv_host_log(const fkv_log_t *log);
void fkv_host_slow(uint64_t us);


static inline fkv_str_t
fkv_host_in(ferrokv_str str)
{
    return (fkv_str_t) { str.data, str.len };
}


static inline ferrokv_str
fkv_host_out(fkv_str_t str)
{
    return (ferrokv_str) { str.data, str.len };
}


#endif /* FKV_EXTENSIONS_HOST_H */
