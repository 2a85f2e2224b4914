#include "extensions/host.h"
#include "extensions/answer.h"
#include "extensions/data.h"
#include "extensions/say.h"
#include "extensions/wait.h"
#include "commands/txn.h"
#include "base/time.h"

#include <stdio.h>
#include <string.h>

#define ESCAPE_MEMORY  1        /* there is none: also fkv_call_alloc()'s */
#define ESCAPE_LIMIT   2        /* more than one call gets */

#define ALLOC_LEAST    ((size_t) 16)    /* that an alloc() takes */
#define LOG_BYTES      512
#define KEPT           0x7470656b796b7666ull
#define SLOW_LOG_US    (60 * 1000000ull)

/* An extension in a store. */
struct fkv_host_store_s {
    fkv_host_store_t  *next;
    const fkv_t       *store;
    fkv_host_state_e   state;
    uint32_t           schema;
    fkv_shared_t      *shared;          /* NULL: it is not attached */
    unsigned           place;           /* there */
    unsigned          *metrics;         /* likewise, of each */
};

/* In front of what keep() gives. */
typedef struct {
    fkv_extension_t  *extension;
    uint64_t          size;
    uint64_t          mark;
    uint64_t          reserved;         /* what follows is aligned for all */
} kept_t;

_Static_assert(sizeof(kept_t) % 16 == 0, "what keep() gives is aligned");
_Static_assert(sizeof(ferrokv_str) == sizeof(fkv_str_t)
               && offsetof(ferrokv_str, len) == offsetof(fkv_str_t, len),
               "arguments are handed on as they are");

static const fkv_log_t  *log_to;        /* of this process, as slow_us */
static uint64_t          slow_us;


void
fkv_host_log(const fkv_log_t *log)
{
    log_to = log;
}


void
fkv_host_slow(uint64_t us)
{
    slow_us = us;
}


/*
 * Where alloc(), and what the commands layer allocates for this call, jump to.
 */
static jmp_buf *
host_escape(fkv_host_t *host)
{
    return (host->call != NULL) ? &host->call->txn->escape : &host->escape;
}


static void *
host_alloc(ferrokv_ctx *ctx, size_t size)
{
    fkv_host_t  *host = fkv_host_of(ctx);
    void        *p;

    size = fkv__max(size, ALLOC_LEAST);

    if (size > host->room) {
        _longjmp(*host_escape(host), ESCAPE_LIMIT);
    }

    host->room -= size;
    p = fkv__memory_alloc(host->memory, size);

    if (p == NULL) {
        _longjmp(*host_escape(host), ESCAPE_MEMORY);
    }

    return p;
}


/* It is of the process: each of its stores shows all of it. */
static void
kept_show(const fkv_extension_t *extension)
{
    for (const fkv_host_store_t *at = extension->host.stores; at != NULL;
         at = at->next)
    {
        if (at->shared != NULL) {
            fkv_shared_keep(at->shared, at->place, extension->host.kept);
        }
    }
}


static void *
host_keep(ferrokv_ctx *ctx, size_t size)
{
    fkv_extension_t  *extension = fkv_host_of(ctx)->extension;
    kept_t           *kept;

    if (ctx->place == FERROKV_IN_PURE
        || size > FKV_HOST_KEEP_MAX - extension->host.kept)
    {
        return NULL;
    }

    kept = fkv__alloc(sizeof(*kept) + size);
    if (kept == NULL) {
        return NULL;
    }

    *kept = (kept_t) { .extension = extension, .size = size, .mark = KEPT };
    extension->host.kept += size;
    kept_show(extension);

    return kept + 1;
}


static void
host_drop(ferrokv_ctx *ctx, void *p)
{
    fkv_extension_t  *extension = fkv_host_of(ctx)->extension;
    kept_t           *kept = (kept_t *) p - 1;

    if (p == NULL || ctx->place == FERROKV_IN_PURE) {
        return;
    }

    FKV_ASSERT(kept->mark == KEPT);
    FKV_ASSERT(kept->extension == extension);

    kept->mark = 0;
    extension->host.kept -= kept->size;
    kept_show(extension);
    fkv__free(kept);
}


static fkv_log_level_e
log_level(int level)
{
    static const fkv_log_level_e  levels[] = {
        FKV_LOG_ERROR, FKV_LOG_WARN, FKV_LOG_NOTICE, FKV_LOG_INFO
    };

    if (level < 3) {
        return FKV_LOG_ERROR;           /* alerts are ours */
    }

    return (level < 7) ? levels[level - 3] : FKV_LOG_DEBUG;
}


static void
host_log(ferrokv_ctx *ctx, int level, const char *fmt, ...)
{
    char     text[LOG_BYTES];
    va_list  args;

    va_start(args, fmt);
    (void) vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    for (char *p = text; *p != '\0'; p++) {
        if ((unsigned char) *p < ' ') {
            *p = ' ';
        }
    }

    fkv__log(log_to, log_level(level), "extension \"%s\": %s",
             fkv_host_of(ctx)->extension->name, text);
}


static int
host_param(ferrokv_ctx *ctx, const ferrokv_param *param, void *out)
{
    const fkv_extension_t  *extension = fkv_host_of(ctx)->extension;

    for (unsigned i = 0; i < extension->params_n; i++) {
        const fkv_extension_param_t  *known = &extension->params[i];

        if (known->def != param) {
            continue;
        }

        if (known->param.form == FERROKV_TEXT) {
            *(ferrokv_str *) out = fkv_host_out(known->text);

        } else {
            *(int64_t *) out = known->number;
        }

        return FERROKV_OK;
    }

    return FERROKV_NONE;
}


/* Of what runs without a store the first one is told. */
static void
host_count(ferrokv_ctx *ctx, const ferrokv_metric *metric, int64_t n)
{
    const fkv_host_t        *host = fkv_host_of(ctx);
    const fkv_host_store_t  *at = host->at;

    if (at == NULL || at->shared == NULL || ctx->place == FERROKV_IN_PURE) {
        return;
    }

    for (unsigned i = 0; i < host->extension->metrics_n; i++) {
        if (host->extension->metric_defs[i] == metric) {
            fkv_shared_count(at->shared, at->metrics[i], n);
            return;
        }
    }
}


static const ferrokv_api  host_api = {
    .size = sizeof(ferrokv_api),
    .version = FERROKV_API,
    .alloc = host_alloc,
    .keep = host_keep,
    .drop = host_drop,
    .fail = fkv_answer_api_fail,
    .log = host_log,
    .get = fkv_data_get,
    .put = fkv_data_put,
    .del = fkv_data_del,
    .merge = fkv_data_merge,
    .scan = fkv_data_scan,
    .keys = fkv_data_keys,
    .say_int = fkv_say_int,
    .say_real = fkv_say_real,
    .say_bool = fkv_say_bool,
    .say_status = fkv_say_status,
    .say_str = fkv_say_str,
    .say_null = fkv_say_null,
    .say_array = fkv_say_array,
    .say_set = fkv_say_set,
    .say_map = fkv_say_map,
    .say_begin = fkv_say_begin,
    .say_end = fkv_say_end,
    .suspend = fkv_wait_suspend,
    .resume = fkv_wait_resume,
    .watch = fkv_wait_watch,
    .timer = fkv_wait_timer,
    .work = fkv_wait_work,
    .param = host_param,
    .count = host_count,
    .say_pairs = fkv_say_pairs,
    .say_null_array = fkv_say_null_array
};


fkv_host_store_t *
fkv_host_at(const fkv_extension_t *extension, const fkv_t *store)
{
    fkv_host_store_t  *at = extension->host.stores;

    while (at != NULL && at->store != store) {
        at = at->next;
    }

    return at;
}


/* NULL: no memory. */
static fkv_host_store_t *
store_know(fkv_extension_t *extension, const fkv_t *store)
{
    fkv_host_store_t  *at = fkv_host_at(extension, store);

    if (at != NULL) {
        return at;
    }

    at = fkv__zalloc(sizeof(*at));

    if (at != NULL) {
        at->store = store;
        at->schema = extension->schema;
        at->next = extension->host.stores;
        extension->host.stores = at;
    }

    return at;
}


int
fkv_host_set(fkv_extension_t *extension, const fkv_t *store,
    fkv_host_state_e state, uint32_t schema)
{
    fkv_host_store_t  *at = store_know(extension, store);

    if (at == NULL) {
        return FKV_ENOMEM;
    }

    at->state = state;
    __atomic_store_n(&at->schema, schema, __ATOMIC_RELAXED);

    return FKV_OK;
}


void
fkv_host_done(fkv_extension_t *extension)
{
    fkv_host_store_t  *at, *next;

    for (at = extension->host.stores; at != NULL; at = next) {
        next = at->next;
        fkv__free(at->metrics);
        fkv__free(at);
    }

    extension->host.stores = NULL;
}


int
fkv_host_attach(fkv_extension_t *extension, const fkv_t *store,
    fkv_shared_t *shared)
{
    fkv_host_store_t  *at = store_know(extension, store);

    if (at == NULL) {
        return FKV_ENOMEM;
    }

    if (at->metrics == NULL) {
        at->metrics = fkv__zalloc((extension->metrics_n + 1)
                                  * sizeof(*at->metrics));
    }

    if (at->metrics == NULL) {
        return FKV_ENOMEM;
    }

    for (unsigned i = 0; i < extension->metrics_n; i++) {
        at->metrics[i] = fkv_shared_metric(shared, extension->metrics[i].name);
    }

    at->place = fkv_shared_extension(shared, extension->name);
    at->shared = shared;
    kept_show(extension);

    return FKV_OK;
}


/* NULL: it is not watched there. */
static const fkv_host_store_t *
watched_at(const fkv_extension_t *extension, const fkv_t *store)
{
    const fkv_host_store_t  *at = fkv_host_at(extension, store);

    return (at != NULL && at->shared != NULL) ? at : NULL;
}


bool
fkv_host_figures(const fkv_extension_t *extension, const fkv_t *store,
    fkv_shared_state_t *state)
{
    const fkv_host_store_t  *at = watched_at(extension, store);

    return at != NULL
           && fkv_shared_state(at->shared, store, at->place, state);
}


bool
fkv_host_metric(const fkv_extension_t *extension, const fkv_t *store,
    unsigned i, fkv_shared_figure_t *figure)
{
    const fkv_host_store_t  *at = watched_at(extension, store);

    return at != NULL && i < extension->metrics_n
           && fkv_shared_figure(at->shared, store, at->metrics[i], figure);
}


bool
fkv_host_aside(const fkv_extension_t *extension, const fkv_t *store,
    unsigned i, fkv_poison_said_t *said)
{
    const fkv_host_store_t  *at = watched_at(extension, store);

    return at != NULL
           && fkv_poison_at(&at->shared->shm->poison, at->place, i, said);
}


unsigned
fkv_host_forgive(const fkv_extension_t *extension, const fkv_t *store)
{
    const fkv_host_store_t  *at = watched_at(extension, store);

    return (at != NULL) ? fkv_poison_forgive(&at->shared->shm->poison,
                                             at->place)
                        : 0;
}


bool
fkv_host_quarantined(const fkv_host_store_t *at)
{
    return at != NULL && at->shared != NULL
           && fkv_shared_quarantined(at->shared, at->place);
}


static fkv_host_state_e
state_of(const fkv_extension_t *extension, const fkv_host_store_t *at)
{
    if (extension->host.failed) {
        return FKV_HOST_FAILED;
    }

    if (at == NULL) {
        return FKV_HOST_READY;
    }

    if (fkv_host_quarantined(at)) {
        return FKV_HOST_QUARANTINED;
    }

    return at->state;
}


fkv_host_state_e
fkv_host_state(const fkv_extension_t *extension, const fkv_t *store)
{
    return state_of(extension, fkv_host_at(extension, store));
}


/* The schema may be another one from now on. */
static uint32_t
schema_of(const fkv_extension_t *extension, const fkv_host_store_t *at)
{
    return (at != NULL) ? __atomic_load_n(&at->schema, __ATOMIC_RELAXED)
                        : extension->schema;
}


static void
init(fkv_host_t *host, fkv_extension_t *extension, fkv_call_t *call,
    const fkv_host_store_t *at, uint32_t place, fkv__memory_t *memory)
{
    bool  own = (place == FERROKV_IN_COMMAND || place == FERROKV_IN_HELPER
                 || place == FERROKV_IN_STEP);

    host->ctx = (ferrokv_ctx) {
        .api = &host_api,
        .now = (call != NULL) ? call->now_ms : 0,
        .random = (call != NULL) ? call->random : 0,
        .place = place,
        .schema = schema_of(extension, at)
    };

    host->extension = extension;
    host->at = at;
    host->call = call;
    host->memory = memory;
    host->room = FKV_HOST_ALLOC_MAX;
    host->says = (place == FERROKV_IN_COMMAND);
    host->writes = own && (call->command->flags & FKV_COMMAND_WRITE);
    host->nested = false;
    host->suspended = false;
    host->said = NULL;
    host->more = NULL;
    host->ask = NULL;
    host->damaged_n = 0;
    host->rc = FKV_OK;
    host->failed = 0;
    host->base = (call != NULL) ? call->reply->bytes.len : 0;
    host->owed = 1;
    host->paired = 0;
    host->wrong = false;
    host->open = false;
    host->begins_n = 0;
}


void
fkv_host_init(fkv_host_t *host, fkv_extension_t *extension, fkv_call_t *call,
    uint32_t place, fkv__memory_t *memory)
{
    const fkv_host_store_t  *at = (call != NULL)
                                  ? fkv_host_at(extension, call->store)
                                  : extension->host.stores;

    init(host, extension, call, at, place, memory);
    host->ctx.self = extension->self;
}


void
fkv_host_init_pure(fkv_host_t *host, fkv_extension_t *extension,
    const fkv_host_store_t *at, fkv__memory_t *memory)
{
    init(host, extension, NULL, at, FERROKV_IN_PURE, memory);
}


void
fkv_host_in_store(fkv_host_t *host, const fkv_t *store)
{
    host->at = fkv_host_at(host->extension, store);

    if (host->at != NULL) {
        host->ctx.schema = schema_of(host->extension, host->at);
    }
}


/* A frame of its own: what a jump finds here has not changed since. */
static int
run_guarded(fkv_host_t *host, fkv_host_pt fn, void *data)
{
    switch (_setjmp(*host_escape(host))) {

    case 0:
        return fn(host, data);

    case ESCAPE_LIMIT:
        host->rc = FKV_EINVAL;

        if (host->says) {
            (void) fkv_call_fail(host->call, "ERR extension \"%s\" failed: it "
                                 "wants more than %u MiB of memory",
                                 host->extension->name,
                                 FKV_HOST_ALLOC_MAX >> 20);
        }

        return FERROKV_EMEMORY;
    }

    host->rc = FKV_ENOMEM;

    return FERROKV_EMEMORY;
}


/* Once a minute it is told, too. */
static void
slow_count(fkv_host_t *host, uint64_t now_us, uint64_t us)
{
    fkv_extension_t  *extension = host->extension;

    if (host->at != NULL && host->at->shared != NULL) {
        fkv_shared_slow(host->at->shared, host->at->place);
    }

    if (extension->host.slow_us != 0
        && now_us - extension->host.slow_us < SLOW_LOG_US)
    {
        return;
    }

    extension->host.slow_us = now_us;
    fkv__log(log_to, FKV_LOG_WARN, "extension \"%s\" held up all others for "
             "%llu ms in one call%s%s; such calls are counted, and named once "
             "a minute", extension->name, (unsigned long long) us / 1000,
             host->call != NULL ? ", of " : "",
             host->call != NULL ? host->call->command->name : "");
}


static int
run_measured(fkv_host_t *host, fkv_host_pt fn, void *data)
{
    uint64_t  begin, now;
    int       rc;

    /* What is pure may run in a thread, and holds up nobody. */
    if (slow_us == 0 || host->ctx.place == FERROKV_IN_PURE) {
        return run_guarded(host, fn, data);
    }

    begin = fkv__time_us(CLOCK_MONOTONIC_COARSE);
    rc = run_guarded(host, fn, data);
    now = fkv__time_us(CLOCK_MONOTONIC_COARSE);

    if (now - begin >= slow_us) {
        slow_count(host, now, now - begin);
    }

    return rc;
}


static int
run_watched(fkv_host_t *host, fkv_host_pt fn, void *data)
{
    const fkv_host_store_t  *at = host->at;
    fkv_poison_shm_t        *poison;
    uint64_t                 before;
    int                      rc;

    if (at == NULL || at->shared == NULL) {
        return run_measured(host, fn, data);
    }

    poison = &at->shared->shm->poison;

    if (host->ask != NULL && fkv_poison_is(poison, at->place, host->ask)) {
        host->rc = FKV_ECORRUPT;
        return FERROKV_ECORRUPT;
    }

    before = fkv_shared_enter(at->shared, at->place, host->ask);
    rc = run_measured(host, fn, data);
    fkv_shared_leave(at->shared, before);

    if (host->ask != NULL) {
        fkv_poison_answered(poison, at->place, host->ask);
    }

    return rc;
}


int
fkv_host_run(fkv_host_t *host, fkv_host_pt fn, void *data)
{
    bool  outer = (host->nested && host->call != NULL);
    int   rc;

    if (outer) {
        memcpy(&host->escape, &host->call->txn->escape, sizeof(jmp_buf));
    }

    rc = run_watched(host, fn, data);

    if (outer) {
        memcpy(&host->call->txn->escape, &host->escape, sizeof(jmp_buf));
    }

    return rc;
}


static int
process_run(fkv_extension_t *extension, fkv_host_pt fn, void *data)
{
    fkv__memory_t  memory = { .pieces = NULL };
    fkv_host_t     host;
    int            rc;

    fkv_host_init(&host, extension, NULL, FERROKV_IN_PROCESS, &memory);
    rc = fkv_host_run(&host, fn, data);
    extension->self = host.ctx.self;
    fkv__memory_done(&memory);

    return rc;
}


int
fkv_host_process(fkv_extension_t *extension, fkv_host_pt fn, void *data)
{
    if (state_of(extension, extension->host.stores) == FKV_HOST_QUARANTINED
        || extension->host.failed)
    {
        return FERROKV_EMISSING;
    }

    return process_run(extension, fn, data);
}


static int
start_run(fkv_host_t *host, void *data)
{
    (void) data;

    return host->extension->library->start(&host->ctx);
}


static int
stop_run(fkv_host_t *host, void *data)
{
    (void) data;
    host->extension->library->stop(&host->ctx);

    return FERROKV_OK;
}


int
fkv_host_start(fkv_extension_t *extension)
{
    int  rc = FERROKV_OK;

    if (extension->library->start != NULL) {
        rc = process_run(extension, start_run, NULL);
    }

    extension->host.failed = (rc != FERROKV_OK);

    if (rc != FERROKV_OK) {
        fkv__log(log_to, FKV_LOG_ERROR, "extension \"%s\" could not start: "
                 "its start() returned %d, its commands answer an error",
                 extension->name, rc);
    }

    return rc;
}


void
fkv_host_stop(fkv_extension_t *extension)
{
    if (extension->library->stop != NULL && !extension->host.failed) {
        (void) process_run(extension, stop_run, NULL);
    }
}


/* An argument without a byte is a name without one, not {NULL, 0}. */
static const fkv_str_t *
argv_named(fkv_call_t *call)
{
    fkv_str_t  *argv;
    unsigned    i = 0;

    while (i < call->argc && call->argv[i].data != NULL) {
        i++;
    }

    if (i == call->argc) {
        return call->argv;
    }

    argv = fkv_call_alloc(call, call->argc * sizeof(*argv));
    memcpy(argv, call->argv, call->argc * sizeof(*argv));

    for (; i < call->argc; i++) {
        if (argv[i].data == NULL) {
            argv[i] = FKV_STR("");
        }
    }

    return argv;
}


static int
command_run(fkv_host_t *host, void *data)
{
    const fkv_extension_command_t  *command = data;
    const fkv_str_t                *argv = argv_named(host->call);

    return command->def.call(&host->ctx, host->call->argc,
                             (const ferrokv_str *) (const void *) argv);
}


/* What a command of an extension is answered that cannot be run. */
static int
command_refuse(fkv_call_t *call, const fkv_extension_t *extension,
    fkv_host_state_e state)
{
    const char  *name = extension->name;

    switch (state) {

    case FKV_HOST_READY:
        break;

    case FKV_HOST_LOADING:
        return fkv_call_fail(call, "LOADING extension \"%s\" is not ready yet",
                             name);

    case FKV_HOST_ABSENT:
        return fkv_call_fail(call, "EXTMISSING extension \"%s\" is not "
                             "installed in this store", name);

    case FKV_HOST_DORMANT:
        return fkv_call_fail(call, "EXTMISSING extension \"%s\" %s is older "
                             "than its data in this store", name,
                             extension->version);

    case FKV_HOST_QUARANTINED:
        return fkv_call_fail(call, "EXTMISSING extension \"%s\" has crashed "
                             "too often and sleeps until the next reload",
                             name);

    case FKV_HOST_FAILED:
        return fkv_call_fail(call, "EXTMISSING extension \"%s\" could not "
                             "start, see the error log", name);
    }

    fkv__unreachable();
}


int
fkv_host_call(fkv_call_t *call)
{
    const fkv_extension_command_t  *command;
    fkv_extension_t                *extension;
    fkv_host_state_e                state;
    fkv_host_t                      host;

    command = fkv__container(call->command, const fkv_extension_command_t,
                             command);
    extension = command->extension;
    fkv_host_init(&host, extension, call, FERROKV_IN_COMMAND,
                  &call->txn->run);
    state = state_of(extension, host.at);

    if (state != FKV_HOST_READY) {
        return command_refuse(call, extension, state);
    }

    return fkv_answer(&host, fkv_host_run(&host, command_run,
                                          (void *) (uintptr_t) command));
}
