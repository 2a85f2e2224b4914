/*
 * meter.h - what was asked of commands, counted by all processes of a store.
 *
 * Shape      one mapping, made before the fork: a row of counters for every
 *            slot of the engine, a row of what was there at the last reset,
 *            and the slow log (slow.h)
 * Processes  a row is written by the slot's owner alone: a relaxed load and a
 *            relaxed store, no locked instruction.  Who sums reads relaxed, so
 *            figures that belong together may be some commands apart.  The
 *            settings are single words that anybody may store
 * If killed  the row stays, and whoever gets the slot counts on in it; its
 *            gauges begin at nothing.  A reset that is cut short has reset
 *            some of the counters
 * Extensions their commands have places behind those that are built in, found
 *            by name: a reload brings other definitions, figures go on.  Only
 *            the master adds names, behind added, which is stored last
 * Time       two readings of the coarse clock a command, some nanoseconds.
 *            They find what was slow, to a tick of the kernel; time used is
 *            measured exactly for the first calls of a command and then for
 *            every FKV_METER_EVERYth, which stands for the others.  Commands
 *            that walk (FKV_COMMAND_SLOW) are all measured, as everything is
 *            while the slow log wants less than FKV_METER_EXACT_US
 */

#ifndef FKV_COMMANDS_METER_H
#define FKV_COMMANDS_METER_H

#include "fkv.h"
#include "commands/command.h"
#include "commands/slow.h"

#define FKV_METER_ADDED     512     /* commands of extensions, in all */
#define FKV_METER_NAME_MAX  64
#define FKV_METER_EVERY     16
#define FKV_METER_EXACT_US  1000

#define FKV_METER_COUNTERS(X)                                                 \
    X(commands,     "commands that were run")                                 \
    X(hits,         "keys that reading commands have found")                  \
    X(misses,       "keys that reading commands have not found")              \
    X(errors,       "replies that were errors")                               \
    X(connections,  "connections that were accepted")                         \
    X(refused,      "connections that were refused")                          \
    X(input_bytes,  "bytes that have come over connections")                  \
    X(output_bytes, "bytes that have gone over connections")

/* The codes of errors that are counted apart; the last is all others. */
#define FKV_METER_ERRORS(X)                                                   \
    X(ERR) X(WRONGTYPE) X(OOM) X(MISCONF) X(READONLY) X(TRYAGAIN) X(NOAUTH)   \
    X(WRONGPASS) X(NOPERM) X(NOPROTO) X(EXECABORT) X(BUSYKEY) X(DENIED)       \
    X(UNKNOWN)

typedef enum {
#define FKV_METER_INDEX(name, text)  FKV_METER_##name,
    FKV_METER_COUNTERS(FKV_METER_INDEX)
#undef FKV_METER_INDEX
    FKV_METER_COUNTERS_N
} fkv_meter_counter_e;

typedef enum {
#define FKV_METER_INDEX(name)  FKV_METER_ERROR_##name,
    FKV_METER_ERRORS(FKV_METER_INDEX)
#undef FKV_METER_INDEX
    FKV_METER_ERRORS_N
} fkv_meter_error_e;

/* Whose rate in the last whole second is known. */
typedef enum {
    FKV_METER_RATE_COMMANDS = 0,
    FKV_METER_RATE_INPUT,
    FKV_METER_RATE_OUTPUT,
    FKV_METER_RATES_N
} fkv_meter_rate_e;

typedef struct {
    uint64_t  calls;
    uint64_t  usec;
    uint64_t  rejected;         /* not run: arguments, rights */
    uint64_t  failed;           /* run, and the reply was an error */
} fkv_meter_command_shm_t;

typedef struct {
    uint64_t                 counters[FKV_METER_COUNTERS_N];
    uint64_t                 errors[FKV_METER_ERRORS_N];
    uint64_t                 clients;       /* a gauge: connected now */
    uint64_t                 second;        /* of the coarse clock: since ... */
    uint64_t                 since[FKV_METER_RATES_N];  /* ... it counts from
                                               here; the second before: */
    uint64_t                 rates[FKV_METER_RATES_N];
    fkv_meter_command_shm_t  commands[];
} fkv_meter_row_shm_t;

typedef struct {
    uint64_t        opened_ms;      /* 1970 */
    uint64_t        id[3];          /* random: of this life of the store */
    int64_t         slower_us;      /* the slow log's bound; below 0 = none */
    uint64_t        rows;           /* slots beyond have never been used */
    uint64_t        evicted;        /* the store's counters at the ... */
    uint64_t        expired;        /* ... last reset */
    uint64_t        added;          /* names of extensions' commands: */
    char            names[FKV_METER_ADDED][FKV_METER_NAME_MAX];
    fkv_slow_shm_t  slow;
} fkv_meter_shm_t;

typedef struct fkv_meter_s  fkv_meter_t;

struct fkv_meter_s {
    fkv_meter_shm_t      *shm;
    fkv_meter_row_shm_t  *own;      /* this process's; NULL: not attached */

    unsigned              n;        /* commands and subcommands */
    unsigned              own_n;    /* of these built in */
    fkv_command_t        *gone;     /* what stands for commands of extensions
                                       that are not here, but were */
    size_t                row_bytes;
    size_t                bytes;    /* of the mapping */
    const fkv_command_t **commands; /* n of them */
    const fkv_command_t **parents;  /* their containers, or NULL */
    uint32_t             *begun;    /* of each, by this process */
    uint16_t             *places;   /* of definitions, hashed by address */
    unsigned              places_n;
};


/* By the master, before the fork.  random: any 192 bits.  NULL: no memory. */
fkv_meter_t *fkv_meter_open(uint64_t now_ms, const uint64_t random[3]);
void fkv_meter_close(fkv_meter_t *meter);

/* By the master, when the table of commands is another one. */
void fkv_meter_use(fkv_meter_t *meter);

/* In the child, as soon as it has a slot. */
void fkv_meter_attach(fkv_meter_t *meter, unsigned slot);

/* Settings are as they were when it was opened. */
void fkv_meter_defaults(fkv_meter_t *meter);

/* Counters and what commands have taken begin at nothing, for all. */
void fkv_meter_reset(fkv_meter_t *meter, fkv_t *store);


/* When a command has begun. */
typedef struct {
    uint64_t  coarse_us;
    uint64_t  exact_us;
    uint32_t  weight;           /* 0: not measured */
} fkv_meter_span_t;

void fkv_meter_begin(fkv_meter_t *meter, const fkv_command_t *command,
    fkv_meter_span_t *span);

/*
 * It has been run: the microseconds it took if that is something for the slow
 * log, else -1.  span NULL: nothing is known of its time.
 */
int64_t fkv_meter_end(fkv_meter_t *meter, const fkv_command_t *command,
    const fkv_meter_span_t *span, bool failed);

/* It was not run at all.  command may be NULL: there is none of that name. */
void fkv_meter_reject(fkv_meter_t *meter, const fkv_command_t *command);

/* The reply is this error: "ERR syntax error". */
void fkv_meter_error(fkv_meter_t *meter, fkv_str_t text);

static inline void
fkv_meter_bump(uint64_t *word, uint64_t n)
{
    __atomic_store_n(word, __atomic_load_n(word, __ATOMIC_RELAXED) + n,
                     __ATOMIC_RELAXED);
}


#define fkv_meter_add(meter, name, n)                                         \
    fkv_meter_bump(&(meter)->own->counters[FKV_METER_##name], (n))

/* A connection has come (1) or gone (-1). */
static inline void
fkv_meter_clients(fkv_meter_t *meter, int n)
{
    fkv_meter_bump(&meter->own->clients, (uint64_t) (int64_t) n);
}


/* All processes' together, since the last reset. */
typedef struct {
#define FKV_METER_FIELD(name, text)  uint64_t  name;
    FKV_METER_COUNTERS(FKV_METER_FIELD)
#undef FKV_METER_FIELD
    uint64_t  clients;
    uint64_t  evicted;          /* keys, by the store; likewise: */
    uint64_t  expired;
    uint64_t  by_error[FKV_METER_ERRORS_N];
    uint64_t  rates[FKV_METER_RATES_N];
} fkv_meter_sums_t;

void fkv_meter_sum(const fkv_meter_t *meter, const fkv_t *store,
    const fkv_stats_t *stats, fkv_meter_sums_t *sums);

extern const char *const  fkv_meter_error_names[FKV_METER_ERRORS_N];

/* The i-th command that there are figures of; false: there is no i-th. */
typedef struct {
    const fkv_command_t      *command;
    const fkv_command_t      *parent;   /* its container, or NULL */
    fkv_meter_command_shm_t   sums;
} fkv_meter_line_t;

bool fkv_meter_line(const fkv_meter_t *meter, unsigned i,
    fkv_meter_line_t *line);

/* Which line a definition has; of one that is not in the table: meter->n. */
unsigned fkv_meter_index(const fkv_meter_t *meter,
    const fkv_command_t *command);


#endif /* FKV_COMMANDS_METER_H */
