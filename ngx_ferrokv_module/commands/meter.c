#define _GNU_SOURCE
#include "commands/meter.h"
#include "base/time.h"

#include <string.h>
#include <sys/mman.h>

#define SLOWER_US    10000      /* the slow log's bound if nobody sets it */
#define EXACT_FIRST  16         /* calls of a command that are all measured */

const char *const  fkv_meter_error_names[FKV_METER_ERRORS_N] = {
#define METER_NAME(name)  #name,
    FKV_METER_ERRORS(METER_NAME)
#undef METER_NAME
};


/* Row 0 is the base of the last reset. */
static fkv_meter_row_shm_t *
meter_row(const fkv_meter_t *meter, unsigned row)
{
    const size_t  head = fkv__align(sizeof(fkv_meter_shm_t), 64);

    return (fkv_meter_row_shm_t *) (void *)
               ((uint8_t *) meter->shm + head + row * meter->row_bytes);
}


static unsigned
place_of(const fkv_meter_t *meter, const fkv_command_t *command)
{
    uint64_t  h = (uint64_t) (uintptr_t) command * 0x9e3779b97f4a7c15;

    return (unsigned) (h >> 40) & (meter->places_n - 1);
}


static void
place_take(fkv_meter_t *meter, unsigned i)
{
    unsigned  place = place_of(meter, meter->commands[i]);

    while (meter->places[place] != 0) {
        place = (place + 1) & (meter->places_n - 1);
    }

    meter->places[place] = (uint16_t) (i + 1);
}


static void
meter_know(fkv_meter_t *meter, const fkv_command_t *command,
    const fkv_command_t *parent)
{
    meter->commands[meter->n] = command;
    meter->parents[meter->n] = parent;
    meter->n++;
}


/* Calls on_command (NULL: nobody) for those that are built in; how many. */
static unsigned
each_own(fkv_meter_t *meter, void (*on_command)(fkv_meter_t *meter,
    const fkv_command_t *command, const fkv_command_t *parent))
{
    const fkv_command_t  *command;
    unsigned              n = 0;

    for (unsigned i = 0; (command = fkv_command_at(i)) != NULL; i++) {

        if (command->flags & FKV_COMMAND_EXTENSION) {
            continue;
        }

        n++;

        if (on_command != NULL) {
            on_command(meter, command, NULL);
        }

        for (const fkv_command_t *sub = command->subs;
             sub != NULL && sub->name != NULL; sub++)
        {
            n++;

            if (on_command != NULL) {
                on_command(meter, sub, command);
            }
        }
    }

    return n;
}


static int
meter_index_all(fkv_meter_t *meter)
{
    unsigned  room = each_own(meter, NULL) + FKV_METER_ADDED;

    meter->places_n = 64;

    while (meter->places_n < 2 * room) {
        meter->places_n *= 2;
    }

    meter->commands = fkv__zalloc(room * sizeof(*meter->commands));
    meter->parents = fkv__zalloc(room * sizeof(*meter->parents));
    meter->begun = fkv__zalloc(room * sizeof(*meter->begun));
    meter->gone = fkv__zalloc(FKV_METER_ADDED * sizeof(*meter->gone));
    meter->places = fkv__zalloc(meter->places_n * sizeof(*meter->places));

    if (meter->commands == NULL || meter->parents == NULL
        || meter->begun == NULL || meter->gone == NULL
        || meter->places == NULL)
    {
        return FKV_ENOMEM;
    }

    meter->own_n = each_own(meter, meter_know);

    return FKV_OK;
}


/* NULL: there is no room for more names. */
static const fkv_command_t **
meter_added(fkv_meter_t *meter, const char *name)
{
    fkv_meter_shm_t  *shm = meter->shm;
    unsigned          n = meter->n - meter->own_n;
    size_t            len = strlen(name);

    for (unsigned i = 0; i < n; i++) {
        if (strcmp(shm->names[i], name) == 0) {
            return &meter->commands[meter->own_n + i];
        }
    }

    if (n == FKV_METER_ADDED || len >= FKV_METER_NAME_MAX) {
        return NULL;
    }

    memcpy(shm->names[n], name, len + 1);
    __atomic_store_n(&shm->added, n + 1, __ATOMIC_RELEASE);

    return &meter->commands[meter->n++];
}


void
fkv_meter_use(fkv_meter_t *meter)
{
    uint64_t              added = __atomic_load_n(&meter->shm->added,
                                                  __ATOMIC_RELAXED);
    const fkv_command_t  *command, **at;

    meter->n = meter->own_n + (unsigned) fkv__min(added, FKV_METER_ADDED);

    for (unsigned i = meter->own_n; i < meter->n; i++) {

        fkv_command_t  *gone = &meter->gone[i - meter->own_n];

        gone->name = meter->shm->names[i - meter->own_n];
        gone->flags = FKV_COMMAND_EXTENSION;
        meter->commands[i] = gone;
    }

    for (unsigned i = 0; (command = fkv_command_at(i)) != NULL; i++) {

        at = (command->flags & FKV_COMMAND_EXTENSION)
             ? meter_added(meter, command->name) : NULL;

        if (at != NULL) {
            *at = command;
        }
    }

    memset(meter->places, 0, meter->places_n * sizeof(*meter->places));

    for (unsigned i = 0; i < meter->n; i++) {
        place_take(meter, i);
    }
}


static int
meter_map(fkv_meter_t *meter)
{
    void  *p;

    meter->row_bytes = fkv__align(sizeof(fkv_meter_row_shm_t)
                                  + (meter->own_n + FKV_METER_ADDED)
                                    * sizeof(fkv_meter_command_shm_t),
                                  64);
    meter->bytes = fkv__align(sizeof(fkv_meter_shm_t), 64)
                   + (1 + FKV_SLOTS) * meter->row_bytes;

    /* Of what is not touched no memory is taken. */
    p = mmap(NULL, meter->bytes, PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (p == MAP_FAILED) {
        return FKV_ENOMEM;
    }

    (void) madvise(p, meter->bytes, MADV_DONTDUMP);
    meter->shm = p;

    return FKV_OK;
}


fkv_meter_t *
fkv_meter_open(uint64_t now_ms, const uint64_t random[3])
{
    fkv_meter_t  *meter = fkv__zalloc(sizeof(*meter));

    if (meter == NULL) {
        return NULL;
    }

    if (meter_index_all(meter) != FKV_OK || meter_map(meter) != FKV_OK) {
        fkv_meter_close(meter);
        return NULL;
    }

    meter->shm->opened_ms = now_ms;
    memcpy(meter->shm->id, random, sizeof(meter->shm->id));
    fkv_meter_use(meter);
    fkv_meter_defaults(meter);

    return meter;
}


void
fkv_meter_close(fkv_meter_t *meter)
{
    if (meter->shm != NULL) {
        (void) munmap(meter->shm, meter->bytes);
    }

    fkv__free(meter->places);
    fkv__free(meter->gone);
    fkv__free(meter->begun);
    fkv__free(meter->parents);
    fkv__free(meter->commands);
    fkv__free(meter);
}


void
fkv_meter_attach(fkv_meter_t *meter, unsigned slot)
{
    uint64_t  rows = __atomic_load_n(&meter->shm->rows, __ATOMIC_RELAXED);

    FKV_ASSERT(slot < FKV_SLOTS);

    while (rows <= slot
           && !__atomic_compare_exchange_n(&meter->shm->rows, &rows, slot + 1,
                                           false, __ATOMIC_RELAXED,
                                           __ATOMIC_RELAXED))
    {
        /* rows is what it is now */
    }

    meter->own = meter_row(meter, 1 + slot);

    __atomic_store_n(&meter->own->clients, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&meter->own->second, 0, __ATOMIC_RELAXED);
}


void
fkv_meter_defaults(fkv_meter_t *meter)
{
    __atomic_store_n(&meter->shm->slower_us, SLOWER_US, __ATOMIC_RELAXED);
    __atomic_store_n(&meter->shm->slow.max, FKV_SLOW_MAX, __ATOMIC_RELAXED);
}


unsigned
fkv_meter_index(const fkv_meter_t *meter, const fkv_command_t *command)
{
    unsigned  place = place_of(meter, command);

    while (meter->places[place] != 0) {

        unsigned  i = meter->places[place] - 1;

        if (meter->commands[i] == command) {
            return i;
        }

        place = (place + 1) & (meter->places_n - 1);
    }

    return meter->n;
}


/* How many calls the next measured one stands for; 0: it is not measured. */
static uint32_t
span_weight(fkv_meter_t *meter, const fkv_command_t *command)
{
    int64_t   slower = __atomic_load_n(&meter->shm->slower_us,
                                       __ATOMIC_RELAXED);
    unsigned  i = fkv_meter_index(meter, command);
    uint32_t  n;

    if (i == meter->n) {
        return 0;
    }

    n = meter->begun[i]++;

    if ((command->flags & FKV_COMMAND_SLOW)
        || (slower >= 0 && slower < FKV_METER_EXACT_US)
        || n < EXACT_FIRST)
    {
        return 1;
    }

    return (n % FKV_METER_EVERY == 0) ? FKV_METER_EVERY : 0;
}


void
fkv_meter_begin(fkv_meter_t *meter, const fkv_command_t *command,
    fkv_meter_span_t *span)
{
    span->weight = span_weight(meter, command);
    span->coarse_us = fkv__time_us(CLOCK_MONOTONIC_COARSE);
    span->exact_us = (span->weight != 0) ? fkv__monotonic_us() : 0;
}


/* What is counted in the second that has begun begins at nothing. */
static void
rates_turn(fkv_meter_row_shm_t *row, uint64_t second)
{
    const uint64_t  now[FKV_METER_RATES_N] = {
        row->counters[FKV_METER_commands],
        row->counters[FKV_METER_input_bytes],
        row->counters[FKV_METER_output_bytes]
    };
    bool            next = (second == row->second + 1);

    for (unsigned i = 0; i < FKV_METER_RATES_N; i++) {
        __atomic_store_n(&row->rates[i], next ? now[i] - row->since[i] : 0,
                         __ATOMIC_RELAXED);
        __atomic_store_n(&row->since[i], now[i], __ATOMIC_RELAXED);
    }

    __atomic_store_n(&row->second, second, __ATOMIC_RELAXED);
}


int64_t
fkv_meter_end(fkv_meter_t *meter, const fkv_command_t *command,
    const fkv_meter_span_t *span, bool failed)
{
    fkv_meter_row_shm_t  *row = meter->own;
    unsigned              i = fkv_meter_index(meter, command);
    int64_t               slower, usec;
    uint64_t              now = fkv__time_us(CLOCK_MONOTONIC_COARSE);

    if (now / 1000000 != row->second) {
        rates_turn(row, now / 1000000);
    }

    fkv_meter_bump(&row->counters[FKV_METER_commands], 1);

    if (i < meter->n) {
        fkv_meter_bump(&row->commands[i].calls, 1);

        if (failed) {
            fkv_meter_bump(&row->commands[i].failed, 1);
        }
    }

    if (span == NULL) {
        return -1;
    }

    usec = (int64_t) (now - span->coarse_us);

    if (span->weight != 0) {
        usec = (int64_t) (fkv__monotonic_us() - span->exact_us);

        if (i < meter->n) {
            fkv_meter_bump(&row->commands[i].usec,
                           (uint64_t) usec * span->weight);
        }
    }

    slower = __atomic_load_n(&meter->shm->slower_us, __ATOMIC_RELAXED);

    return (slower >= 0 && usec >= slower) ? usec : -1;
}


void
fkv_meter_reject(fkv_meter_t *meter, const fkv_command_t *command)
{
    unsigned  i;

    if (command == NULL) {
        return;
    }

    i = fkv_meter_index(meter, command);

    if (i < meter->n) {
        fkv_meter_bump(&meter->own->commands[i].rejected, 1);
    }
}


void
fkv_meter_error(fkv_meter_t *meter, fkv_str_t text)
{
    const uint8_t  *blank = memchr(text.data, ' ', text.len);
    size_t          len = blank ? (size_t) (blank - text.data) : text.len;
    unsigned        i = 0;

    while (i < FKV_METER_ERROR_UNKNOWN
           && (strlen(fkv_meter_error_names[i]) != len
               || memcmp(fkv_meter_error_names[i], text.data, len) != 0))
    {
        i++;
    }

    fkv_meter_bump(&meter->own->errors[i], 1);
    fkv_meter_add(meter, errors, 1);
}


/* To read a row that nobody has written would take memory for it. */
static unsigned
meter_rows(const fkv_meter_t *meter)
{
    uint64_t  rows = __atomic_load_n(&meter->shm->rows, __ATOMIC_RELAXED);

    return (unsigned) fkv__min(rows, FKV_SLOTS);
}


static uint64_t
word_of(const fkv_meter_t *meter, unsigned row, size_t at)
{
    const uint8_t  *p = (const uint8_t *) meter_row(meter, row) + at;

    return __atomic_load_n((const uint64_t *) (const void *) p,
                           __ATOMIC_RELAXED);
}


/* The word at this place of the rows, of all processes that ever were. */
static uint64_t
word_total(const fkv_meter_t *meter, size_t at)
{
    uint64_t  n = 0;

    for (unsigned row = 1; row <= meter_rows(meter); row++) {
        n += word_of(meter, row, at);
    }

    return n;
}


/* Words that only grow are counted from the last reset on. */
static uint64_t
word_sum(const fkv_meter_t *meter, size_t at)
{
    return word_total(meter, at) - word_of(meter, 0, at);
}


static void
words_reset(fkv_meter_t *meter, size_t at, size_t bytes)
{
    uint8_t  *base = (uint8_t *) meter_row(meter, 0);

    for (size_t end = at + bytes; at < end; at += sizeof(uint64_t)) {
        __atomic_store_n((uint64_t *) (void *) (base + at),
                         word_total(meter, at), __ATOMIC_RELAXED);
    }
}


void
fkv_meter_reset(fkv_meter_t *meter, fkv_t *store)
{
    fkv_stats_t  stats;

    fkv_stats(store, &stats);
    __atomic_store_n(&meter->shm->evicted, stats.evicted, __ATOMIC_RELAXED);
    __atomic_store_n(&meter->shm->expired, stats.expired_noticed,
                     __ATOMIC_RELAXED);

    words_reset(meter, offsetof(fkv_meter_row_shm_t, counters),
                FKV_METER_COUNTERS_N * sizeof(uint64_t));
    words_reset(meter, offsetof(fkv_meter_row_shm_t, errors),
                FKV_METER_ERRORS_N * sizeof(uint64_t));
    words_reset(meter, offsetof(fkv_meter_row_shm_t, commands),
                meter->n * sizeof(fkv_meter_command_shm_t));
}


/* One of the rates of one process, in the last whole second. */
static uint64_t
row_rate(const fkv_meter_row_shm_t *row, unsigned rate, uint64_t second)
{
    static const fkv_meter_counter_e  counted[FKV_METER_RATES_N] = {
        FKV_METER_commands, FKV_METER_input_bytes, FKV_METER_output_bytes
    };
    uint64_t  at = __atomic_load_n(&row->second, __ATOMIC_RELAXED);

    if (at == second) {
        return __atomic_load_n(&row->rates[rate], __ATOMIC_RELAXED);
    }

    /* It has done nothing since, so the second before is what it counts. */
    if (at + 1 == second) {
        return __atomic_load_n(&row->counters[counted[rate]], __ATOMIC_RELAXED)
               - __atomic_load_n(&row->since[rate], __ATOMIC_RELAXED);
    }

    return 0;
}


void
fkv_meter_sum(const fkv_meter_t *meter, const fkv_t *store,
    const fkv_stats_t *stats, fkv_meter_sums_t *sums)
{
    uint64_t  second = fkv__time_us(CLOCK_MONOTONIC_COARSE) / 1000000;

    memset(sums, 0, sizeof(*sums));

#define METER_SUM(name, text)                                                 \
    sums->name = word_sum(meter, offsetof(fkv_meter_row_shm_t, counters)      \
                          + FKV_METER_##name * sizeof(uint64_t));
    FKV_METER_COUNTERS(METER_SUM)
#undef METER_SUM

    sums->evicted = stats->evicted - __atomic_load_n(&meter->shm->evicted,
                                                     __ATOMIC_RELAXED);
    sums->expired = stats->expired_noticed
                    - __atomic_load_n(&meter->shm->expired, __ATOMIC_RELAXED);

    for (unsigned i = 0; i < FKV_METER_ERRORS_N; i++) {
        sums->by_error[i] = word_sum(meter,
                                     offsetof(fkv_meter_row_shm_t, errors)
                                     + i * sizeof(uint64_t));
    }

    for (unsigned slot = 0; slot < meter_rows(meter); slot++) {
        const fkv_meter_row_shm_t  *row = meter_row(meter, 1 + slot);

        if (!fkv_slot_used(store, slot)) {
            continue;
        }

        sums->clients += __atomic_load_n(&row->clients, __ATOMIC_RELAXED);

        for (unsigned i = 0; i < FKV_METER_RATES_N; i++) {
            sums->rates[i] += row_rate(row, i, second);
        }
    }
}


bool
fkv_meter_line(const fkv_meter_t *meter, unsigned i, fkv_meter_line_t *line)
{
    size_t  at = offsetof(fkv_meter_row_shm_t, commands)
                 + i * sizeof(fkv_meter_command_shm_t);

    if (i >= meter->n) {
        return false;
    }

    line->command = meter->commands[i];
    line->parent = meter->parents[i];

#define LINE_SUM(name)                                                        \
    line->sums.name = word_sum(meter, at                                      \
                               + offsetof(fkv_meter_command_shm_t, name));
    LINE_SUM(calls)
    LINE_SUM(usec)
    LINE_SUM(rejected)
    LINE_SUM(failed)
#undef LINE_SUM

    return true;
}
