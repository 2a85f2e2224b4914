#include "extensions/poison.h"
#include "base/hash.h"

#include <stdio.h>
#include <string.h>


static uint64_t
load(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}


static void
store(uint64_t *word, uint64_t n)
{
    __atomic_store_n(word, n, __ATOMIC_RELAXED);
}


static uint64_t
ask_hash(unsigned at, const fkv_poison_ask_t *ask)
{
    const fkv_chain_t  *chain = &ask->chain;
    uint64_t            whose[] = { fkv__hash(chain->key), at, ask->fn,
                                    chain->ns };
    uint64_t            hash = fkv__hash((fkv_str_t) {
                                   (const uint8_t *) whose, sizeof(whose) });

    return (hash != 0) ? hash : 1;
}


void
fkv_poison_note(fkv_poison_note_shm_t *note, unsigned at,
    const fkv_poison_ask_t *ask)
{
    store(&note->hash, 0);

    if (ask == NULL || ask->chain.newest == 0) {
        return;
    }

    /* Its reader comes behind a death: only the compiler could mix it up. */
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    store(&note->fn, ask->fn);
    store(&note->ns, ask->chain.ns);
    store(&note->oldest, ask->chain.oldest);
    store(&note->newest, ask->chain.newest);
    store(&note->len, ask->chain.key.len);
    memcpy(note->text, ask->chain.key.data,
           fkv__min(ask->chain.key.len, (size_t) FKV_POISON_TEXT));
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    store(&note->hash, ask_hash(at, ask));
}


static unsigned
rows_n(const fkv_poison_shm_t *table)
{
    uint64_t  n = __atomic_load_n(&table->n, __ATOMIC_ACQUIRE);

    return (unsigned) fkv__min(n, (uint64_t) FKV_POISON_ROWS);
}


/* FKV_POISON_ROWS: there is none. */
static unsigned
row_find(const fkv_poison_shm_t *table, uint64_t hash)
{
    unsigned  n = rows_n(table);

    for (unsigned i = 0; i < n; i++) {
        if (load(&table->rows[i].note.hash) == hash) {
            return i;
        }
    }

    return FKV_POISON_ROWS;
}


static bool
is_aside(const fkv_poison_row_shm_t *row)
{
    return load(&row->note.hash) != 0
           && load(&row->deaths) >= FKV_POISON_DEATHS;
}


static void
row_free(fkv_poison_row_shm_t *row)
{
    store(&row->deaths, 0);
    __atomic_store_n(&row->note.hash, 0, __ATOMIC_RELEASE);
}


/* A free one, or one that need not stay; FKV_POISON_ROWS: all must. */
static unsigned
row_take(fkv_poison_shm_t *table, uint64_t hash)
{
    for (unsigned pass = 0; pass < 2; pass++) {
        for (unsigned i = 0; i < FKV_POISON_ROWS; i++) {

            fkv_poison_row_shm_t  *row = &table->rows[i];
            uint64_t               was = load(&row->note.hash);

            if ((pass == 0 && was != 0) || is_aside(row)) {
                continue;
            }

            if (__atomic_compare_exchange_n(&row->note.hash, &was, hash, false,
                                            __ATOMIC_ACQ_REL,
                                            __ATOMIC_RELAXED))
            {
                return i;
            }
        }
    }

    return FKV_POISON_ROWS;
}


static void
rows_count(fkv_poison_shm_t *table, uint64_t n)
{
    uint64_t  is = load(&table->n);

    while (is < n && !__atomic_compare_exchange_n(&table->n, &is, n, false,
                                                  __ATOMIC_RELEASE,
                                                  __ATOMIC_RELAXED))
    {
        /* another one has added a row */
    }
}


/* Do they say of the same versions? */
static bool
overlap(const fkv_poison_row_shm_t *row, uint64_t oldest, uint64_t newest)
{
    return oldest <= load(&row->note.newest)
           && newest >= load(&row->note.oldest);
}


uint64_t
fkv_poison_died(fkv_poison_shm_t *table, unsigned at,
    const fkv_poison_note_shm_t *note, uint64_t now_ms, uint64_t *before_ms)
{
    fkv_poison_row_shm_t  *row;
    uint64_t               deaths = 0;
    unsigned               i;

    *before_ms = 0;

    if (note->hash == 0) {
        return 0;
    }

    i = row_find(table, note->hash);

    if (i < FKV_POISON_ROWS) {
        row = &table->rows[i];

        if (overlap(row, note->oldest, note->newest)) {
            deaths = load(&row->deaths);
            *before_ms = load(&row->died_ms);
        }

    } else {
        i = row_take(table, note->hash);

        if (i == FKV_POISON_ROWS) {
            return 0;
        }

        row = &table->rows[i];
    }

    store(&row->note.fn, note->fn);
    store(&row->note.ns, note->ns);
    store(&row->note.oldest, note->oldest);
    store(&row->note.newest, note->newest);
    store(&row->note.len, note->len);
    memcpy(row->note.text, note->text, FKV_POISON_TEXT);
    store(&row->at, at);
    store(&row->died_ms, now_ms);
    store(&row->deaths, deaths + 1);
    rows_count(table, i + 1);

    return deaths + 1;
}


/* NULL: it has not died of it, as far as one knows. */
static fkv_poison_row_shm_t *
row_of(const fkv_poison_shm_t *table, unsigned at, const fkv_poison_ask_t *ask)
{
    unsigned  i;

    if (rows_n(table) == 0 || ask->chain.newest == 0) {
        return NULL;
    }

    i = row_find(table, ask_hash(at, ask));

    return (i < FKV_POISON_ROWS)
           ? (fkv_poison_row_shm_t *) (uintptr_t) &table->rows[i] : NULL;
}


bool
fkv_poison_is(const fkv_poison_shm_t *table, unsigned at,
    const fkv_poison_ask_t *ask)
{
    const fkv_poison_row_shm_t  *row = row_of(table, at, ask);

    return row != NULL && is_aside(row)
           && overlap(row, ask->chain.oldest, ask->chain.newest);
}


/*
 * Was all of it in what was answered?  In a value all that is older is, and
 * what full() makes is the value; only partial() leaves out what lies below.
 */
static bool
covers(const fkv_poison_ask_t *ask, const fkv_poison_row_shm_t *row)
{
    return ask->chain.newest >= load(&row->note.newest)
           && (ask->fn != FKV_POISON_PARTIAL
               || ask->chain.oldest <= load(&row->note.oldest));
}


void
fkv_poison_answered(fkv_poison_shm_t *table, unsigned at,
    const fkv_poison_ask_t *ask)
{
    fkv_poison_row_shm_t  *row = row_of(table, at, ask);

    if (row != NULL && covers(ask, row)) {
        row_free(row);
    }
}


unsigned
fkv_poison_forgive(fkv_poison_shm_t *table, unsigned at)
{
    unsigned  n = rows_n(table), aside = 0;

    for (unsigned i = 0; i < n; i++) {

        fkv_poison_row_shm_t  *row = &table->rows[i];

        if (load(&row->note.hash) != 0 && load(&row->at) == at) {
            aside += is_aside(row);
            row_free(row);
        }
    }

    return aside;
}


unsigned
fkv_poison_n(const fkv_poison_shm_t *table, unsigned at)
{
    unsigned  n = rows_n(table), aside = 0;

    for (unsigned i = 0; i < n; i++) {
        aside += (is_aside(&table->rows[i])
                  && load(&table->rows[i].at) == at);
    }

    return aside;
}


void
fkv_poison_say(const fkv_poison_note_shm_t *note, fkv_poison_said_t *said)
{
    static const char *const  names[] = {
        [FKV_POISON_FULL] = "full",
        [FKV_POISON_PARTIAL] = "partial",
        [FKV_POISON_RECODE] = "recode",
        [FKV_POISON_OUTPUT] = "output",
        [FKV_POISON_WEIGHT] = "weight",
        [FKV_POISON_COMPACT] = "compact"
    };
    uint64_t                  fn = load(&note->fn);

    said->fn = (fn >= FKV_POISON_FULL && fn <= FKV_POISON_COMPACT) ? names[fn]
                                                                   : "?";
    said->ns = (unsigned) load(&note->ns);
    said->len = (size_t) load(&note->len);
    memcpy(said->text, note->text, FKV_POISON_TEXT);
}


_Static_assert(FKV_POISON_TEXT <= FKV_TEXT_KEY_LEN,
               "all that is kept of a key is shown");


void
fkv_poison_key(const fkv_poison_said_t *said, char out[FKV_POISON_KEY_BYTES])
{
    char    text[FKV_TEXT_KEY_BYTES];
    size_t  kept = fkv__min(said->len, (size_t) FKV_POISON_TEXT);

    (void) fkv_text_key(text, (fkv_str_t) { said->text, kept });
    (void) snprintf(out, FKV_POISON_KEY_BYTES, "%s%s", text,
                    kept < said->len ? "..." : "");
}


bool
fkv_poison_at(const fkv_poison_shm_t *table, unsigned at, unsigned i,
    fkv_poison_said_t *said)
{
    const fkv_poison_row_shm_t  *row = &table->rows[i];

    if (i >= rows_n(table) || !is_aside(row) || load(&row->at) != at) {
        return false;
    }

    fkv_poison_say(&row->note, said);
    said->deaths = load(&row->deaths);

    return true;
}
