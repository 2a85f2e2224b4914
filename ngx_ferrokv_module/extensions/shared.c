#define _GNU_SOURCE
#include "extensions/shared.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Which of its process's words a thread has; 0: none yet. */
static __thread unsigned  thread_word;
static unsigned           thread_words;


fkv_shared_t *
fkv_shared_open(void)
{
    fkv_shared_t  *shared = fkv__zalloc(sizeof(*shared));
    void          *p;

    if (shared == NULL) {
        return NULL;
    }

    /* Of what is not touched no memory is taken. */
    p = mmap(NULL, sizeof(fkv_shared_shm_t), PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (p == MAP_FAILED) {
        fkv__free(shared);
        return NULL;
    }

    shared->shm = p;

    return shared;
}


void
fkv_shared_close(fkv_shared_t *shared)
{
    (void) munmap(shared->shm, sizeof(fkv_shared_shm_t));
    fkv__free(shared);
}


static unsigned
bounded(const uint64_t *n, unsigned max)
{
    uint64_t  is = __atomic_load_n(n, __ATOMIC_ACQUIRE);

    return (unsigned) fkv__min(is, (uint64_t) max);
}


static unsigned
extensions_n(const fkv_shared_t *shared)
{
    return bounded(&shared->shm->extensions_n, FKV_SHARED_EXTENSIONS);
}


static unsigned
metrics_n(const fkv_shared_t *shared)
{
    return bounded(&shared->shm->metrics_n, FKV_SHARED_METRICS);
}


unsigned
fkv_shared_extension(const fkv_shared_t *shared, const char *name)
{
    unsigned  n = extensions_n(shared);

    for (unsigned i = 0; i < n; i++) {
        if (strncmp(shared->shm->extensions[i].name, name,
                    FKV_SHARED_NAME_MAX) == 0)
        {
            return i;
        }
    }

    return FKV_SHARED_EXTENSIONS;
}


unsigned
fkv_shared_metric(const fkv_shared_t *shared, const char *name)
{
    unsigned  n = metrics_n(shared);

    for (unsigned i = 0; i < n; i++) {
        if (strncmp(shared->shm->metrics[i].name, name,
                    FKV_SHARED_NAME_MAX) == 0)
        {
            return i;
        }
    }

    return FKV_SHARED_METRICS;
}


/* What another version has died of this one is asked again. */
static void
version_is(fkv_shared_t *shared, unsigned at, const char *version)
{
    fkv_shared_extension_shm_t  *extension = &shared->shm->extensions[at];

    if (strncmp(extension->version, version, FKV_SHARED_NAME_MAX - 1) != 0) {
        (void) fkv_poison_forgive(&shared->shm->poison, at);
        (void) snprintf(extension->version, FKV_SHARED_NAME_MAX, "%s",
                        version);
    }
}


static int
extension_add(fkv_shared_t *shared, const fkv_extension_t *extension)
{
    const char  *name = extension->name;
    unsigned     at = fkv_shared_extension(shared, name);

    if (at == FKV_SHARED_EXTENSIONS) {
        at = extensions_n(shared);

        if (at == FKV_SHARED_EXTENSIONS
            || strlen(name) >= FKV_SHARED_NAME_MAX)
        {
            return FKV_EFULL;
        }

        memcpy(shared->shm->extensions[at].name, name, strlen(name) + 1);
        __atomic_store_n(&shared->shm->extensions_n, at + 1, __ATOMIC_RELEASE);
    }

    version_is(shared, at, extension->version);

    return FKV_OK;
}


static int
metric_add(fkv_shared_t *shared, const ferrokv_metric *metric)
{
    unsigned  n = metrics_n(shared);

    if (fkv_shared_metric(shared, metric->name) < FKV_SHARED_METRICS) {
        return FKV_OK;
    }

    if (n == FKV_SHARED_METRICS || strlen(metric->name) >= FKV_SHARED_NAME_MAX)
    {
        return FKV_EFULL;
    }

    shared->shm->metrics[n].gauge = metric->gauge;
    memcpy(shared->shm->metrics[n].name, metric->name,
           strlen(metric->name) + 1);
    __atomic_store_n(&shared->shm->metrics_n, n + 1, __ATOMIC_RELEASE);

    return FKV_OK;
}


static void
quarantine_clear(fkv_shared_extension_shm_t *extension)
{
    for (unsigned i = 0; i < FKV_SHARED_CRASHES; i++) {
        __atomic_store_n(&extension->crashed_ms[i], 0, __ATOMIC_RELAXED);
    }

    __atomic_store_n(&extension->quarantined, 0, __ATOMIC_RELAXED);
}


int
fkv_shared_configure(fkv_shared_t *shared, const fkv_extensions_t *set)
{
    int  rc = FKV_OK;

    for (unsigned i = 0; set != NULL && i < set->n; i++) {

        const fkv_extension_t  *extension = set->list[i];

        if (extension_add(shared, extension) != FKV_OK) {
            rc = FKV_EFULL;
        }

        for (unsigned k = 0; k < extension->metrics_n; k++) {
            if (metric_add(shared, &extension->metrics[k]) != FKV_OK) {
                rc = FKV_EFULL;
            }
        }
    }

    for (unsigned i = 0; i < extensions_n(shared); i++) {
        quarantine_clear(&shared->shm->extensions[i]);
    }

    return rc;
}


static uint64_t
word_of(uint64_t pid, unsigned at)
{
    return pid << 32 | (at + 1);
}


/* Has it crashed n times within ms, the last time now? */
static bool
crashed_too_often(fkv_shared_extension_shm_t *extension,
    const fkv_shared_limit_t *limit)
{
    unsigned  recent = 0;

    for (unsigned i = 0; i < FKV_SHARED_CRASHES; i++) {

        uint64_t  ms = __atomic_load_n(&extension->crashed_ms[i],
                                       __ATOMIC_RELAXED);

        recent += (ms != 0 && ms + limit->ms >= limit->now_ms);
    }

    return limit->n != 0
           && recent >= fkv__min(limit->n, FKV_SHARED_CRASHES);
}


/* For a death that is explained. */
static void
crash_forget(fkv_shared_extension_shm_t *extension, uint64_t ms)
{
    for (unsigned i = 0; i < FKV_SHARED_CRASHES; i++) {
        if (__atomic_load_n(&extension->crashed_ms[i], __ATOMIC_RELAXED) == ms)
        {
            __atomic_store_n(&extension->crashed_ms[i], 0, __ATOMIC_RELAXED);
            return;
        }
    }
}


static void
crash_count(fkv_shared_t *shared, unsigned at,
    const fkv_poison_note_shm_t *note, const fkv_shared_limit_t *limit)
{
    fkv_shared_extension_shm_t  *extension = &shared->shm->extensions[at];
    fkv_shared_crash_t           crash = { .name = extension->name };
    uint64_t                     n, before_ms;
    bool                         aside;

    fkv_poison_say(note, &crash.of);
    crash.of.deaths = fkv_poison_died(&shared->shm->poison, at, note,
                                      limit->now_ms, &before_ms);
    aside = (crash.of.deaths >= FKV_POISON_DEATHS);

    n = __atomic_fetch_add(&extension->crashes, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&extension->crashed_ms[n % FKV_SHARED_CRASHES],
                     aside ? 0 : limit->now_ms, __ATOMIC_RELAXED);

    if (aside) {
        crash_forget(extension, before_ms);
    }

    if (crashed_too_often(extension, limit)) {
        crash.quarantined = __atomic_exchange_n(&extension->quarantined, 1,
                                                __ATOMIC_RELAXED) == 0;
    }

    limit->on_crash(limit->data, &crash);
}


/* Whose word is it?  One of ours is of an earlier process with this pid. */
static bool
is_dead(const fkv_shared_t *shared, uint64_t pid)
{
    return pid == shared->pid
           || (kill((pid_t) pid, 0) == -1 && errno == ESRCH);
}


static void
row_reap(fkv_shared_t *shared, fkv_shared_row_shm_t *row, bool vacant,
    const fkv_shared_limit_t *limit)
{
    for (unsigned i = 0; i < FKV_SHARED_WORDS; i++) {

        uint64_t  word = __atomic_load_n(&row->words[i], __ATOMIC_RELAXED);
        uint64_t  at = (word & UINT32_MAX) - 1;

        fkv_poison_note_shm_t  note;

        if (word == 0 || (!vacant && !is_dead(shared, word >> 32))) {
            continue;
        }

        memcpy(&note, &row->notes[i], sizeof(note));

        if (__atomic_compare_exchange_n(&row->words[i], &word, 0, false,
                                        __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)
            && at < extensions_n(shared))
        {
            crash_count(shared, (unsigned) at, &note, limit);
        }
    }
}


void
fkv_shared_attach(fkv_shared_t *shared, const fkv_t *store,
    const fkv_shared_limit_t *limit)
{
    unsigned  own = fkv_slot(store);

    FKV_ASSERT(own < FKV_SLOTS);
    shared->pid = (uint64_t) getpid();
    shared->own = NULL;

    for (unsigned slot = 0; slot < FKV_SLOTS; slot++) {
        row_reap(shared, &shared->shm->rows[slot],
                 slot == own || !fkv_slot_used(store, slot), limit);
    }

    shared->own = &shared->shm->rows[own];
    __atomic_store_n(&shared->own->pid, shared->pid, __ATOMIC_RELAXED);

    for (unsigned i = 0; i < metrics_n(shared); i++) {
        if (shared->shm->metrics[i].gauge) {
            __atomic_store_n(&shared->own->figures[i], 0, __ATOMIC_RELAXED);
        }
    }

    for (unsigned i = 0; i < FKV_SHARED_EXTENSIONS; i++) {
        __atomic_store_n(&shared->own->kept[i], 0, __ATOMIC_RELAXED);
    }
}


/* Threads beyond share a word: then one of them is blamed, maybe wrongly. */
static unsigned
word_own(void)
{
    if (thread_word == 0) {
        thread_word = __atomic_add_fetch(&thread_words, 1, __ATOMIC_RELAXED);
    }

    return (thread_word - 1) % FKV_SHARED_WORDS;
}


uint64_t
fkv_shared_enter(fkv_shared_t *shared, unsigned at,
    const fkv_poison_ask_t *ask)
{
    unsigned   i;
    uint64_t  *word, before;

    if (shared->own == NULL || at >= FKV_SHARED_EXTENSIONS) {
        return 0;
    }

    i = word_own();
    word = &shared->own->words[i];
    before = __atomic_load_n(word, __ATOMIC_RELAXED);
    __atomic_store_n(word, word_of(shared->pid, at), __ATOMIC_RELAXED);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    fkv_poison_note(&shared->own->notes[i], at, ask);

    return before;
}


void
fkv_shared_leave(fkv_shared_t *shared, uint64_t before)
{
    unsigned  i = word_own();

    if (shared->own != NULL) {
        fkv_poison_note(&shared->own->notes[i], 0, NULL);
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        __atomic_store_n(&shared->own->words[i], before, __ATOMIC_RELAXED);
    }
}


static void
add(uint64_t *word, uint64_t n)
{
    __atomic_store_n(word, __atomic_load_n(word, __ATOMIC_RELAXED) + n,
                     __ATOMIC_RELAXED);
}


void
fkv_shared_count(fkv_shared_t *shared, unsigned metric, int64_t n)
{
    if (shared->own != NULL && metric < FKV_SHARED_METRICS) {
        add(&shared->own->figures[metric], (uint64_t) n);
    }
}


void
fkv_shared_slow(fkv_shared_t *shared, unsigned extension)
{
    if (shared->own != NULL && extension < FKV_SHARED_EXTENSIONS) {
        add(&shared->own->slow[extension], 1);
    }
}


void
fkv_shared_keep(fkv_shared_t *shared, unsigned extension, uint64_t bytes)
{
    if (shared->own != NULL && extension < FKV_SHARED_EXTENSIONS) {
        __atomic_store_n(&shared->own->kept[extension], bytes,
                         __ATOMIC_RELAXED);
    }
}


static bool
row_lives(const fkv_shared_t *shared, const fkv_t *store, unsigned slot)
{
    uint64_t  pid = __atomic_load_n(&shared->shm->rows[slot].pid,
                                    __ATOMIC_RELAXED);

    return pid != 0 && fkv_slot_used(store, slot)
           && (kill((pid_t) pid, 0) == 0 || errno != ESRCH);
}


bool
fkv_shared_figure(const fkv_shared_t *shared, const fkv_t *store, unsigned i,
    fkv_shared_figure_t *figure)
{
    const fkv_shared_metric_shm_t  *metric = &shared->shm->metrics[i];
    uint64_t                        sum = 0;

    if (i >= metrics_n(shared)) {
        return false;
    }

    for (unsigned slot = 0; slot < FKV_SLOTS; slot++) {
        if (!metric->gauge || row_lives(shared, store, slot)) {
            sum += __atomic_load_n(&shared->shm->rows[slot].figures[i],
                                   __ATOMIC_RELAXED);
        }
    }

    *figure = (fkv_shared_figure_t) { .name = metric->name,
                                      .gauge = metric->gauge != 0,
                                      .value = (int64_t) sum };

    return true;
}


bool
fkv_shared_state(const fkv_shared_t *shared, const fkv_t *store, unsigned i,
    fkv_shared_state_t *state)
{
    const fkv_shared_extension_shm_t  *extension = &shared->shm->extensions[i];

    if (i >= extensions_n(shared)) {
        return false;
    }

    *state = (fkv_shared_state_t) {
        .name = extension->name,
        .aside = fkv_poison_n(&shared->shm->poison, i),
        .crashes = __atomic_load_n(&extension->crashes, __ATOMIC_RELAXED),
        .quarantined = fkv_shared_quarantined(shared, i)
    };

    for (unsigned slot = 0; slot < FKV_SLOTS; slot++) {
        const fkv_shared_row_shm_t  *row = &shared->shm->rows[slot];

        state->slow += __atomic_load_n(&row->slow[i], __ATOMIC_RELAXED);

        if (row_lives(shared, store, slot)) {
            state->kept += __atomic_load_n(&row->kept[i], __ATOMIC_RELAXED);
        }
    }

    return true;
}
