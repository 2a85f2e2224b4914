/*
 * poison.h - values that kill: where a function of a type has died twice, the
 * value is put aside, and whoever asks for it is told, instead of one process
 * dying after the other.
 *
 * Shape      beside the word that says which extension runs (shared.h) a note
 *            says which function, and at which key.  Who takes a dead
 *            process's word moves the note to a table: a row for each function
 *            and key
 * Versions   a row is about what lies between two versions of the key.  What is
 *            newer than that was not there when it died, and is asked: to write
 *            the key anew, or to delete it, is a cure
 * Innocent   a process may die in a function by chance, as by kill -9.  Where
 *            the same is asked again, and answered, the row goes; so a value is
 *            put aside after two deaths with no answer between
 * Deaths     are counted by who attaches behind them (shared.h).  Until then
 *            others may ask, so as many as there are may die besides
 * Forgotten  with the shared memory, which is no place to remember: after a
 *            start two processes more die of it
 * Full       a row of one death gives way to another one.  When all values in
 *            the table are put aside no more are, and quarantine is left
 * Names      rows are found by a hash of extension, function, namespace and
 *            key, taken for the key itself; the text is for people
 * Order      a note: its hash is cleared first and stored last, both between
 *            the two stores of the word; who reads it does so behind its
 *            writer's death.  A row: the hash is taken by a compare and
 *            exchange, all else relaxed: who reads it in between asks once too
 *            often, or once too seldom
 * If killed  in a note: there is none; while a row is taken: it has fewer
 *            deaths, or no text
 */

#ifndef FKV_EXTENSIONS_POISON_H
#define FKV_EXTENSIONS_POISON_H

#include "fkv.h"
#include "commands/text.h"

#define FKV_POISON_TEXT    48           /* of a key, that is kept */
#define FKV_POISON_ROWS    64
#define FKV_POISON_DEATHS  2            /* that put it aside */

typedef enum {
    FKV_POISON_FULL = 1,
    FKV_POISON_PARTIAL,
    FKV_POISON_RECODE,
    FKV_POISON_OUTPUT,
    FKV_POISON_WEIGHT,
    FKV_POISON_COMPACT
} fkv_poison_fn_e;

/* What a function is asked about. */
typedef struct {
    fkv_poison_fn_e  fn;
    fkv_chain_t      chain;             /* newest 0: nothing of it is in the
                                           store, no value is blamed */
} fkv_poison_ask_t;

typedef struct {
    uint64_t  hash;                     /* 0: nothing is asked */
    uint64_t  fn;
    uint64_t  ns;
    uint64_t  oldest;
    uint64_t  newest;
    uint64_t  len;                      /* of the key */
    uint8_t   text[FKV_POISON_TEXT];    /* how it begins */
} fkv_poison_note_shm_t;

typedef struct {
    fkv_poison_note_shm_t  note;        /* of the last death; hash 0: free */
    uint64_t               at;          /* place of the extension */
    uint64_t               deaths;
    uint64_t               died_ms;     /* the last time */
} fkv_poison_row_shm_t;

typedef struct {
    uint64_t               n;           /* rows that were ever in use */
    fkv_poison_row_shm_t   rows[FKV_POISON_ROWS];
} fkv_poison_shm_t;

_Static_assert(sizeof(fkv_poison_note_shm_t) == 6 * 8 + FKV_POISON_TEXT
               && sizeof(fkv_poison_row_shm_t)
                  == sizeof(fkv_poison_note_shm_t) + 24,
               "no holes");


/* By who asks: in a note of its own; NULL: nothing is asked any more. */
void fkv_poison_note(fkv_poison_note_shm_t *note, unsigned at,
    const fkv_poison_ask_t *ask);

/*
 * It has died with this note, a copy: how often by now, and when before.  0:
 * nothing was asked, or there is no room.
 */
uint64_t fkv_poison_died(fkv_poison_shm_t *table, unsigned at,
    const fkv_poison_note_shm_t *note, uint64_t now_ms, uint64_t *before_ms);

/* Is it put aside? */
bool fkv_poison_is(const fkv_poison_shm_t *table, unsigned at,
    const fkv_poison_ask_t *ask);

/* It was answered, whatever that was. */
void fkv_poison_answered(fkv_poison_shm_t *table, unsigned at,
    const fkv_poison_ask_t *ask);

/* All of an extension are asked again; how many were put aside. */
unsigned fkv_poison_forgive(fkv_poison_shm_t *table, unsigned at);


/* How many of an extension are. */
unsigned fkv_poison_n(const fkv_poison_shm_t *table, unsigned at);

/* For people: false if row i is none that is put aside, of this extension. */
typedef struct {
    const char  *fn;                    /* "full" */
    unsigned     ns;
    uint64_t     deaths;
    size_t       len;                   /* of the key, of which text has up to
                                           FKV_POISON_TEXT bytes */
    uint8_t      text[FKV_POISON_TEXT];
} fkv_poison_said_t;

/* How its key begins; marked if there is more of it. */
#define FKV_POISON_KEY_BYTES  (FKV_TEXT_KEY_BYTES + 3)

void fkv_poison_key(const fkv_poison_said_t *said,
    char out[FKV_POISON_KEY_BYTES]);

bool fkv_poison_at(const fkv_poison_shm_t *table, unsigned at, unsigned i,
    fkv_poison_said_t *said);
void fkv_poison_say(const fkv_poison_note_shm_t *note, fkv_poison_said_t *said);


#endif /* FKV_EXTENSIONS_POISON_H */
