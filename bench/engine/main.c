/*
 * bench ENGINE WORKLOAD DIR [name=value ...] - one engine, one workload, in a
 * directory that may hold a store already; prints JSON.
 *
 *   keys value seed             the data: how many, bytes, another order
 *   ops seconds                 how much; 0 is no bound, whichever comes first
 *   in_flight                   requests at a time
 *   memory cache buffers threads sync direct bounded ttl      driver.h
 *   compression                 lz4, zstd or none
 *   rate                        of a writer beside, requests a second; 0 is all
 *                               it can
 *   warm settle                 read every key before; wait until the engine
 *                               is idle afterwards
 *
 * bench/engine/run knows the cases and runs this for each.
 */

#define _GNU_SOURCE
#include "actor.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ACTORS_MAX  256

typedef struct {
    uint64_t  keys, value, seed, ops, seconds, in_flight, memory, cache,
              buffers, threads, sync, direct, bounded, ttl, warm, settle,
              rate;
    bench_compression_e  compression;
} args_t;

typedef struct {
    const char              *engine;
    const bench_driver_t    *driver;
    const bench_workload_t  *workload;
    args_t                   args;
    bench_settings_t         settings;
    bench_values_t           values;
    void                    *store;
    bool                     fresh;
    unsigned                 n;
    bench_actor_t            actors[ACTORS_MAX];
    bench_common_t          *common;
    bench_result_t          *results;
} bench_t;

#define DRIVER(name)  extern const bench_driver_t  bench_driver_##name;
BENCH_DRIVERS
#undef DRIVER

static const bench_driver_t *const  drivers[] = {
#define DRIVER(name)  &bench_driver_##name,
    BENCH_DRIVERS
#undef DRIVER
};


const bench_driver_t *
bench_driver(const char *name)
{
    for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
        if (strcmp(name, drivers[i]->name) == 0) {
            return drivers[i];
        }
    }

    return NULL;
}


const char *
bench_compression(bench_compression_e compression)
{
    static const char *const  names[BENCH_COMPRESSIONS] = {
        [BENCH_LZ4] = "lz4", [BENCH_ZSTD] = "zstd", [BENCH_PLAIN] = "none"
    };

    return names[compression];
}


void
bench_die(const char *fmt, ...)
{
    va_list  ap;

    va_start(ap, fmt);
    fprintf(stderr, "bench: ");
    vfprintf(stderr, fmt, ap);
    fprintf(stderr, "\n");
    va_end(ap);

    _exit(1);
}


void
bench_check(const bench_settings_t *settings, const char *key, size_t key_len,
    const char *value, size_t value_len)
{
    uint64_t  number;

    if (key_len != BENCH_KEY_BYTES || value_len != settings->value_bytes) {
        bench_die("a key of %zu bytes, a value of %zu", key_len, value_len);
    }

    memcpy(&number, value, sizeof(number));

    if (number != bench_key_number(key)) {
        bench_die("%.16s has the value of %016" PRIu64, key, number);
    }
}


static void
arg_compression(args_t *args, const char *text)
{
    for (unsigned i = 0; i < BENCH_COMPRESSIONS; i++) {
        if (strcmp(text, bench_compression(i)) == 0) {
            args->compression = i;
            return;
        }
    }

    bench_die("compression=lz4, zstd or none");
}


static void
arg_set(args_t *args, const char *arg)
{
    static const struct {
        const char  *name;
        size_t       at;
    } names[] = {
#define ARG(name)  { #name "=", offsetof(args_t, name) }
        ARG(keys), ARG(value), ARG(seed), ARG(ops), ARG(seconds),
        ARG(in_flight), ARG(memory), ARG(cache), ARG(buffers), ARG(threads),
        ARG(sync), ARG(direct), ARG(bounded), ARG(ttl), ARG(warm),
        ARG(settle), ARG(rate)
#undef ARG
    };

    if (strncmp(arg, "compression=", 12) == 0) {
        arg_compression(args, arg + 12);
        return;
    }

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size_t  len = strlen(names[i].name);

        if (strncmp(arg, names[i].name, len) == 0) {
            char      *end;
            uint64_t  *to = (uint64_t *) ((char *) args + names[i].at);

            *to = strtoull(arg + len, &end, 10);

            if (*end != '\0' || end == arg + len) {
                bench_die("\"%s\": not a number", arg);
            }

            return;
        }
    }

    bench_die("unknown argument \"%s\"", arg);
}


static void
args_check(const args_t *args)
{
    if (args->keys == 0 || args->value < BENCH_VALUE_MIN) {
        bench_die("at least one key, values of at least %d bytes",
                  BENCH_VALUE_MIN);
    }

    if (args->in_flight == 0 || args->in_flight >= ACTORS_MAX) {
        bench_die("in_flight=1 to %d", ACTORS_MAX - 1);
    }

    if (args->ops == 0 && args->seconds == 0) {
        bench_die("ops= or seconds=");
    }
}


static void *
shared(size_t bytes)
{
    void  *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (p == MAP_FAILED) {
        bench_die("mmap: %s", strerror(errno));
    }

    return p;
}


static void
bench_init(bench_t *bench, int argc, char **argv)
{
    args_t  *args = &bench->args;

    if (argc < 4) {
        bench_die("usage: bench ENGINE WORKLOAD DIR [name=value ...]");
    }

    *args = (args_t) { .keys = 100000, .value = 100, .in_flight = 1,
                       .memory = 96 << 20, .cache = 64 << 20,
                       .buffers = 32 << 20, .threads = 2, .seed = 1 };

    for (int i = 4; i < argc; i++) {
        arg_set(args, argv[i]);
    }

    args_check(args);

    bench->engine = argv[1];
    bench->driver = bench_driver(argv[1]);
    bench->workload = bench_workload(argv[2]);

    if (bench->driver == NULL) {
        bench_die("no driver for \"%s\" was built", argv[1]);
    }

    if (bench->workload == NULL) {
        bench_die("no workload \"%s\"", argv[2]);
    }

    bench->settings = (bench_settings_t) {
        .dir = argv[3], .value_bytes = args->value, .memory = args->memory,
        .cache = args->cache, .buffers = args->buffers,
        .threads = (unsigned) args->threads, .sync = args->sync,
        .direct = args->direct, .bounded = args->bounded,
        .ttl_s = bench->driver->ttl ? (unsigned) args->ttl : 0,
        .data = args->keys * (BENCH_KEY_BYTES + args->value),
        .compression = args->compression,
    };

    bench_values_init(&bench->values, args->value, args->seed);
}


/* Engines keep as many tables open as they may. */
static void
raise_files(void)
{
    struct rlimit  limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void) setrlimit(RLIMIT_NOFILE, &limit);
    }
}


static void
actors_init(bench_t *bench)
{
    const args_t  *args = &bench->args;
    bool           processes = bench->driver->processes;
    unsigned       measured = processes ? 1 : (unsigned) args->in_flight;

    bench->n = measured + (bench->workload->beside != NULL);
    bench->common = shared(sizeof(bench_common_t));
    bench->common->measured = measured;
    bench->results = shared(bench->n * sizeof(bench_result_t));

    for (unsigned i = 0; i < bench->n; i++) {
        bool  beside = (i >= measured);

        bench->actors[i] = (bench_actor_t) {
            .driver = bench->driver,
            .settings = &bench->settings,
            .workload = bench->workload,
            .values = &bench->values,
            .store = bench->store,
            .common = bench->common,
            .result = &bench->results[i],
            .state = {
                .keys = args->keys,
                .expected = args->ops / 10,
                .actor = beside ? 0 : i,
                .actors = beside ? 1 : measured,
                .expires = bench->driver->ttl,
            },
            .beside = beside,
            .first = processes || i == 0,
            .fresh = bench->fresh,
            .warm = args->warm,
            .settle = args->settle,
            .in_flight = processes && !beside ? (unsigned) args->in_flight : 1,
            .ops = (args->ops + measured - 1) / measured,
            .seconds = args->seconds,
            .rate = beside ? args->rate : 0,
            .seed = args->seed + beside,
        };

        bench_state_init(&bench->actors[i].state, bench->workload,
                         args->seed + beside);
    }
}


static void
barriers_init(bench_t *bench)
{
    pthread_barrierattr_t  attr;

    (void) pthread_barrierattr_init(&attr);
    (void) pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    (void) pthread_barrier_init(&bench->common->start, &attr, bench->n);
    (void) pthread_barrier_init(&bench->common->end, &attr, bench->n);
}


static void
run_processes(bench_t *bench)
{
    pid_t  pids[ACTORS_MAX];
    bool   failed = false;

    for (unsigned i = 0; i < bench->n; i++) {
        pids[i] = fork();

        if (pids[i] == -1) {
            bench_die("fork: %s", strerror(errno));
        }

        if (pids[i] == 0) {
            (void) bench_actor_run(&bench->actors[i]);
            _exit(0);
        }
    }

    for (unsigned i = 0; i < bench->n; i++) {
        int  status;

        if (waitpid(pids[i], &status, 0) != pids[i] || status != 0) {
            failed = true;
        }
    }

    if (failed) {
        bench_die("a process failed");
    }
}


static void
run_threads(bench_t *bench)
{
    pthread_t  threads[ACTORS_MAX];

    for (unsigned i = 0; i < bench->n; i++) {
        if (pthread_create(&threads[i], NULL, bench_actor_run,
                           &bench->actors[i])
            != 0)
        {
            bench_die("cannot start a thread");
        }
    }

    for (unsigned i = 0; i < bench->n; i++) {
        (void) pthread_join(threads[i], NULL);
    }
}


static void
print_latency(const char *name, const bench_histogram_t *h)
{
    printf("\"%s\":{\"n\":%" PRIu64 ",\"p50\":%.2f,\"p99\":%.2f,\"p999\":%.2f,"
           "\"max\":%.2f}", name, h->n, bench_histogram_at(h, 0.5) / 1e3,
           bench_histogram_at(h, 0.99) / 1e3,
           bench_histogram_at(h, 0.999) / 1e3, (double) h->max / 1e3);
}


/* Of the actors that are measured, or of those beside them. */
static void
print_actors(bench_t *bench, const char *prefix, bool beside)
{
    static const char *const  names[BENCH_KINDS] = { "get", "put", "delete",
                                                     "scan", "change" };
    static bench_histogram_t  all, kinds[BENCH_KINDS];
    uint64_t                  start = UINT64_MAX, end = 0, found = 0;

    memset(&all, 0, sizeof(all));
    memset(kinds, 0, sizeof(kinds));

    for (unsigned i = 0; i < bench->n; i++) {
        const bench_result_t  *r = &bench->results[i];

        if (bench->actors[i].beside != beside) {
            continue;
        }

        for (unsigned k = 0; k < BENCH_KINDS; k++) {
            bench_histogram_merge(&kinds[k], &r->kinds[k]);
            bench_histogram_merge(&all, &r->kinds[k]);
        }

        start = r->start_ns < start ? r->start_ns : start;
        end = r->end_ns > end ? r->end_ns : end;
        found += r->found;
    }

    printf("\"%sops\":%" PRIu64 ",\"%sseconds\":%.6f,\"%sfound\":%" PRIu64
           ",\"%slatency\":{", prefix, all.n, prefix,
           (double) (end - start) / 1e9, prefix, found, prefix);

    for (unsigned k = 0; k < BENCH_KINDS; k++) {
        if (kinds[k].n != 0) {
            print_latency(names[k], &kinds[k]);
            printf(",");
        }
    }

    print_latency("all", &all);
    printf("},");
}


static void
print_meters(bench_t *bench)
{
    bench_meter_t  run = { 0 }, settled = { 0 };
    uint64_t       private = 0, most_shared = 0, settle_ns = 0, given = 0;

    for (unsigned i = 0; i < bench->n; i++) {
        const bench_result_t  *r = &bench->results[i];

        given += r->kinds[BENCH_PUT].n + r->kinds[BENCH_CHANGE].n;

        if (!bench->actors[i].first) {
            continue;
        }

        run.cpu_ns += r->after.cpu_ns - r->before.cpu_ns;
        run.read_bytes += r->after.read_bytes - r->before.read_bytes;
        run.write_bytes += r->after.write_bytes - r->before.write_bytes;
        settled.cpu_ns += r->settled.cpu_ns - r->before.cpu_ns;
        settled.write_bytes += r->settled.write_bytes - r->before.write_bytes;
        private += r->memory_peak - r->memory_shared;

        if (r->memory_shared > most_shared) {
            most_shared = r->memory_shared;
        }

        if (r->settle_ns > settle_ns) {
            settle_ns = r->settle_ns;
        }
    }

    printf("\"cpu_s\":%.3f,\"read_bytes\":%" PRIu64 ",\"write_bytes\":%" PRIu64
           ",\"settled_cpu_s\":%.3f,\"settled_write_bytes\":%" PRIu64
           ",\"settle_seconds\":%.3f,\"memory\":%" PRIu64
           ",\"given_bytes\":%" PRIu64 ",\"run_disk_bytes\":%" PRIu64
           ",\"disk_bytes\":%" PRIu64 ",", (double) run.cpu_ns / 1e9,
           run.read_bytes, run.write_bytes, (double) settled.cpu_ns / 1e9,
           settled.write_bytes, (double) settle_ns / 1e9,
           private + most_shared,
           given * (BENCH_KEY_BYTES + bench->args.value),
           bench->results[0].disk_bytes,
           bench_disk_bytes(bench->settings.dir));
}


/* The first actor's: how it went over time. */
static void
print_course(const bench_result_t *r)
{
    uint64_t  last = r->start_ns;

    printf("\"tenths\":[");

    for (unsigned i = 0; i < BENCH_PARTS; i++) {
        if (r->parts_ns[i] != 0) {
            printf("%s%.6f", i == 0 ? "" : ",",
                   (double) (r->parts_ns[i] - last) / 1e9);
            last = r->parts_ns[i];
        }
    }

    printf("],\"rows\":[");

    for (unsigned i = 0; i < r->rows_n; i++) {
        const bench_row_t  *row = &r->rows[i];

        printf("%s[%" PRIu64 ",%.2f,%.2f,%.2f]", i == 0 ? "" : ",", row->ops,
               (double) row->p50_ns / 1e3, (double) row->p99_ns / 1e3,
               (double) row->max_ns / 1e3);
    }

    printf("],");
}


int
main(int argc, char **argv)
{
    static bench_t  bench;

    bench_init(&bench, argc, argv);
    raise_files();

    bench.fresh = (mkdir(bench.settings.dir, 0700) == 0);

    if (!bench.fresh && errno != EEXIST) {
        bench_die("%s: %s", bench.settings.dir, strerror(errno));
    }

    bench.store = bench.driver->open(&bench.settings);
    actors_init(&bench);
    barriers_init(&bench);

    if (bench.driver->processes) {
        run_processes(&bench);

    } else {
        run_threads(&bench);
    }

    printf("{\"engine\":\"%s\",\"workload\":\"%s\",\"settings\":\"",
           bench.engine, bench.workload->name);
    bench.driver->describe(bench.store, stdout);
    printf("\",\"counters\":{");

    if (bench.driver->counters != NULL) {
        bench.driver->counters(bench.store, stdout);
    }

    printf("},");
    bench.driver->close(bench.store);

    print_actors(&bench, "", false);

    if (bench.workload->beside != NULL) {
        print_actors(&bench, "beside_", true);
    }

    print_meters(&bench);
    print_course(&bench.results[0]);
    printf("\"cpus\":%ld}\n", sysconf(_SC_NPROCESSORS_ONLN));

    return fflush(stdout) == 0 ? 0 : 1;
}
