/*
 * driver.h - what the benchmark asks of an engine.
 *
 * Shape      store     one open directory; opened before anything is forked
 *            session   what one thread or one process works with
 *            request   one operation, the runner's; ends exactly once
 * Processes  processes = false: sessions are threads of one process, and
 *            start() returns when the request has ended.  processes = true:
 *            a session is a process of its own, requests of one session
 *            overlap, and turn() ends them.
 *
 * A driver that cannot do what it is asked dies with one sentence: a figure
 * with an error in it is worth nothing.
 */

#ifndef BENCH_DRIVER_H
#define BENCH_DRIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define BENCH_KEY_BYTES  16
#define BENCH_OWN_BYTES  512    /* of a request, the driver's */

typedef enum {
    BENCH_LZ4 = 0,
    BENCH_ZSTD,
    BENCH_PLAIN,
    BENCH_COMPRESSIONS
} bench_compression_e;

typedef struct {
    const char  *dir;
    size_t       value_bytes;   /* of every value */
    uint64_t     memory;        /* cache and write buffers together */
    uint64_t     cache;         /* its shares, for who has two knobs */
    uint64_t     buffers;
    unsigned     threads;       /* background ones, at most */
    bool         sync;          /* a write is answered when it is durable */
    bool         direct;        /* tables are read past the page cache */
    bool         bounded;       /* index and filter count as cache */
    unsigned     ttl_s;         /* of every key; 0 = none */
    uint64_t     data;          /* bytes that will be live, about */
    bench_compression_e  compression;   /* who has not that one says so */
} bench_settings_t;

typedef enum {
    BENCH_GET,
    BENCH_PUT,
    BENCH_DELETE,
    BENCH_SCAN,
    BENCH_CHANGE,               /* read the key, then write it */
    BENCH_KINDS
} bench_kind_e;

typedef struct bench_request_s  bench_request_t;

struct bench_request_s {
    bench_kind_e      kind;
    uint64_t          number;   /* the key's, see data.h */
    char              key[BENCH_KEY_BYTES];
    const char       *value;    /* to be written */
    size_t            value_len;
    unsigned          limit;    /* of a scan, entries */

    unsigned          found;    /* result: entries read, checked */

    void            (*on_done)(bench_request_t *request);
    void             *data;     /* the runner's */
    uint64_t          started_ns;
    bench_request_t  *next;

    _Alignas(16) char own[BENCH_OWN_BYTES];
};

typedef struct {
    const char  *name;
    bool         processes;
    bool         ttl;           /* drops what is older than settings.ttl_s */

    void  *(*open)(const bench_settings_t *settings);
    void  *(*session)(void *store);

    /* True: it has ended, on_done is not called. */
    bool   (*start)(void *session, bench_request_t *request);

    /* NULL, or: ends requests; waits for at most wait_ms if none is ready. */
    void   (*turn)(void *session, int wait_ms);

    void   (*session_end)(void *session);
    void   (*close)(void *store);

    /* One line: what it runs with.  After the run, as the next. */
    void   (*describe)(void *store, FILE *out);

    /* NULL, or: what it counted, members of a JSON object. */
    void   (*counters)(void *store, FILE *out);
} bench_driver_t;

/* lz4, zstd or none: also how it is asked for. */
const char *bench_compression(bench_compression_e compression);

/* Every driver that was linked; NULL: there is none of that name. */
const bench_driver_t *bench_driver(const char *name);

/* The entry read is the one wanted, or die. */
void bench_check(const bench_settings_t *settings, const char *key,
    size_t key_len, const char *value, size_t value_len);

void bench_die(const char *fmt, ...)
    __attribute__((format(printf, 1, 2), noreturn));

#endif /* BENCH_DRIVER_H */
