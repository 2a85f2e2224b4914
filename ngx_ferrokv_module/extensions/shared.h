/*
 * shared.h - what all processes of a store know of its extensions: who runs
 * which just now, how often each has crashed, figures that extensions count.
 * (What they know of the catalog is in roll.h.)
 *
 * Shape      one mapping, made before the fork: names of extensions and of
 *            metrics, which only the master adds, and for each slot of the
 *            engine a row: words and figures
 * Reloads    a name keeps its place as long as the store is open, so figures
 *            go on; there is room for so many names
 * Words      while a function of an extension runs, the process's word says
 *            which: its pid and the extension's place, and a note beside it
 *            at which key (poison.h).  A few relaxed stores around every call.
 *            Only the process itself stores, and whoever reads reads a dead
 *            process's: what that stored before it died is there, since it
 *            died behind it.  Threads of one process have words of their own
 * Deaths     who attaches takes the words of the dead: of its own slot, of free
 *            slots, of pids that are no more; by a compare and exchange, so
 *            each death is counted once, and a word that a successor has
 *            stored meanwhile, with another pid, stays.  The note is copied
 *            before that, as its successor writes one only after it has looked
 *            for the word itself
 * Quarantine an extension that crashes too often in too short a time: said by
 *            one relaxed word that every call reads.  The next configuration
 *            clears it.  Deaths of a value that is put aside are not held
 *            against it: it will not die of that again
 * Versions   a configuration with another version of the library forgives what
 *            the older one has died of
 * Figures    a row has one writer; who sums reads relaxed, so figures may be
 *            some calls apart.  A gauge counts in rows of living processes: a
 *            handle without extensions may have the slot of a dead one
 * If killed  the master: names are added behind n, which is stored last; a
 *            worker: its word stays, and so do its figures.  A death that is
 *            taken by somebody who dies before it is counted is not counted
 */

#ifndef FKV_EXTENSIONS_SHARED_H
#define FKV_EXTENSIONS_SHARED_H

#include "fkv.h"
#include "extensions/poison.h"
#include "extensions/set.h"

#define FKV_SHARED_NAME_MAX    64
#define FKV_SHARED_EXTENSIONS  128      /* names, as long as it is open */
#define FKV_SHARED_METRICS     512
#define FKV_SHARED_WORDS       8        /* threads of a process */
#define FKV_SHARED_CRASHES     16       /* times that are remembered */

typedef struct {
    char      name[FKV_SHARED_NAME_MAX];
    char      version[FKV_SHARED_NAME_MAX];
    uint64_t  crashes;                  /* since the store was opened */
    uint64_t  crashed_ms[FKV_SHARED_CRASHES];   /* the last of them, 1970; 0:
                                                   before the configuration */
    uint64_t  quarantined;
} fkv_shared_extension_shm_t;

typedef struct {
    char      name[FKV_SHARED_NAME_MAX];
    uint64_t  gauge;
} fkv_shared_metric_shm_t;

typedef struct {
    uint64_t  pid;                      /* whose row it was last */
    uint64_t  words[FKV_SHARED_WORDS];
    fkv_poison_note_shm_t  notes[FKV_SHARED_WORDS];
    uint64_t  slow[FKV_SHARED_EXTENSIONS];
    uint64_t  kept[FKV_SHARED_EXTENSIONS];      /* bytes of a living process */
    uint64_t  figures[FKV_SHARED_METRICS];
} fkv_shared_row_shm_t;

typedef struct {
    uint64_t                    extensions_n;
    uint64_t                    metrics_n;
    fkv_shared_extension_shm_t  extensions[FKV_SHARED_EXTENSIONS];
    fkv_shared_metric_shm_t     metrics[FKV_SHARED_METRICS];
    fkv_shared_row_shm_t        rows[FKV_SLOTS];
    fkv_poison_shm_t            poison;
} fkv_shared_shm_t;

_Static_assert(sizeof(fkv_shared_extension_shm_t)
               == 2 * FKV_SHARED_NAME_MAX + 8 * (FKV_SHARED_CRASHES + 2),
               "no holes");

typedef struct {
    fkv_shared_shm_t      *shm;
    fkv_shared_row_shm_t  *own;         /* this process's; NULL: not attached */
    uint64_t               pid;
} fkv_shared_t;


/* By the master, before the fork.  NULL: no memory. */
fkv_shared_t *fkv_shared_open(void);
void fkv_shared_close(fkv_shared_t *shared);

/*
 * The master has taken a configuration with these extensions (NULL: none):
 * names get their places, and nobody is in quarantine.
 * FKV_OK · FKV_EFULL some got none: they are not watched, or not counted
 */
int fkv_shared_configure(fkv_shared_t *shared, const fkv_extensions_t *set);

/*
 * In the child, as soon as it has a slot: deaths are counted.  An extension
 * that has crashed n times (0: never mind) within ms is in quarantine.
 *   on_crash   for each death
 */
typedef struct {
    const char         *name;
    bool                quarantined;    /* this one was the last straw */
    fkv_poison_said_t   of;             /* deaths 0: no key is known */
} fkv_shared_crash_t;

typedef struct {
    unsigned   n;
    uint64_t   ms;
    uint64_t   now_ms;
    void     (*on_crash)(void *data, const fkv_shared_crash_t *crash);
    void      *data;
} fkv_shared_limit_t;

void fkv_shared_attach(fkv_shared_t *shared, const fkv_t *store,
    const fkv_shared_limit_t *limit);

/* The place of a name; FKV_SHARED_EXTENSIONS, _METRICS: it has none. */
unsigned fkv_shared_extension(const fkv_shared_t *shared, const char *name);
unsigned fkv_shared_metric(const fkv_shared_t *shared, const char *name);


/*
 * This thread runs the extension at this place; what it ran before.
 *   ask   about a value of the store's; or NULL.  What runs then makes no such
 *         call itself
 */
uint64_t fkv_shared_enter(fkv_shared_t *shared, unsigned at,
    const fkv_poison_ask_t *ask);
void fkv_shared_leave(fkv_shared_t *shared, uint64_t before);

static inline bool
fkv_shared_quarantined(const fkv_shared_t *shared, unsigned at)
{
    return at < FKV_SHARED_EXTENSIONS
           && __atomic_load_n(&shared->shm->extensions[at].quarantined,
                              __ATOMIC_RELAXED) != 0;
}


/* n may be negative.  By the process's own thread. */
void fkv_shared_count(fkv_shared_t *shared, unsigned metric, int64_t n);
void fkv_shared_slow(fkv_shared_t *shared, unsigned extension);

/* So many bytes it keeps in this process now. */
void fkv_shared_keep(fkv_shared_t *shared, unsigned extension, uint64_t bytes);

/* Of all processes.  The i-th of those that there are; false: no i-th. */
typedef struct {
    const char  *name;
    bool         gauge;
    int64_t      value;
} fkv_shared_figure_t;

typedef struct {
    const char  *name;
    uint64_t     crashes;
    uint64_t     slow;
    uint64_t     kept;
    uint64_t     aside;                 /* values */
    bool         quarantined;
} fkv_shared_state_t;

bool fkv_shared_figure(const fkv_shared_t *shared, const fkv_t *store,
    unsigned i, fkv_shared_figure_t *figure);
bool fkv_shared_state(const fkv_shared_t *shared, const fkv_t *store,
    unsigned i, fkv_shared_state_t *state);


#endif /* FKV_EXTENSIONS_SHARED_H */
