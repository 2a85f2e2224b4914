/*
 * model.c - what was written, and what may be read.
 *
 * There is one thread, so the order of all calls and answers is known.  What is
 * not known of a write is its version, until its update says so or a reader
 * has met it; and of who has died before he was answered, whether it is there.
 *
 * 1  A read at a moment between the positions lo and hi finds the newest write
 *    below lo, or something newer below hi.
 * 2  A version belongs to one write, also to one that was lost.
 * 3  A read-modify-write was made of its predecessor.
 * 4  After a start there is a position below which everything is there and
 *    nothing above; it lies behind all that was acknowledged as durable; an
 *    update is there wholly or not.
 * 5  What is not there after a start is never seen again.
 * 6  Operands are put together in their order, none is left out, on what was
 *    there below them and had not expired when they were written.
 * 7  The elements of a key are those of its write, and of those before it as
 *    far back as the stamp is the same.
 */

#include "sim.h"

#define CHAIN_MAX     ((SIM_LOAD_MAX - SIM_VALUE_MAX) / SIM_OPERAND_BYTES)
#define VERSIONS_MAX  (1u << 18)
#define OPERAND       0xfffffffeu      /* no number of a write */

typedef struct {
    uint32_t  *numbers;             /* not forgotten */
    unsigned   n;
    unsigned   room;
} history_t;

/* Of one key: a write, or one with operands on top of it, the oldest first. */
typedef struct {
    uint32_t   numbers[CHAIN_MAX];
    unsigned   n;
} chain_t;

typedef struct {
    uint32_t   number;
    uint64_t   version;
    chain_t    chain;
} found_t;

typedef struct {
    uint64_t   version;
    uint32_t   number;
} versioned_t;

static versioned_t   versions[VERSIONS_MAX];    /* all there ever were */
static unsigned      versions_n;
static sim_write_t  *writes;
static uint32_t      writes_n, writes_room;
static history_t     histories[SIM_KEYS];
static chain_t       chain;             /* of the value last looked at */
static bool          other;             /* it is no state of the store's */
static found_t       found[SIM_KEYS];
static uint64_t      time_max_ms;


void
sim_model_begin(void)
{
    writes_n = 0;
}


void
sim_model_other(bool it_is)
{
    other = it_is;
}


void
sim_model_time(uint64_t now_ms)
{
    time_max_ms = fkv__max(time_max_ms, now_ms);
}


sim_write_t *
sim_write(uint32_t number)
{
    return &writes[number];
}


/* Where a version is, or would be, in the table. */
static versioned_t *
versioned_find(uint64_t version)
{
    unsigned  i = (unsigned) (version * 0x9e3779b97f4a7c15 >> 32);

    while (versions[i % VERSIONS_MAX].version != 0
           && versions[i % VERSIONS_MAX].version != version)
    {
        i++;
    }

    return &versions[i % VERSIONS_MAX];
}


void
sim_version_is(uint32_t number, uint64_t version, const char *who)
{
    sim_write_t  *w = &writes[number];
    versioned_t  *at = versioned_find(version);

    if (w->version == version || sim_misdirected()) {
        w->version = version;
        return;
    }

    if (w->version != 0) {
        sim_fail("%s: key %u: write %u has version %llu, not %llu", who, w->key,
                 number, (unsigned long long) version,
                 (unsigned long long) w->version);
    }

    /* Of a range delete all have the same. */

    if (at->version != 0 && writes[at->number].update != w->update) {
        sim_fail("%s: key %u: write %u has version %llu, as write %u had", who,
                 w->key, number, (unsigned long long) version, at->number);
    }

    *at = (versioned_t) { version, number };
    w->version = version;

    if (++versions_n == VERSIONS_MAX - 1) {
        sim_fail("too many versions");
    }
}


uint32_t
sim_write_new(unsigned key, uint32_t update, fkv_action_e action,
    uint64_t expire_at, uint32_t len)
{
    history_t  *history = &histories[key];

    if (writes_n == writes_room) {
        writes_room = writes_room * 2 + 1024;
        writes = realloc(writes, writes_room * sizeof(*writes));
    }

    if (history->n == history->room) {
        history->room = history->room * 2 + 64;
        history->numbers = realloc(history->numbers, history->room
                                   * sizeof(*history->numbers));
    }

    writes[writes_n] = (sim_write_t) {
        .key = key,
        .update = update,
        .removes = (action == FKV_DELETE),
        .merges = (action == FKV_MERGE),
        .expire_at = expire_at,
        .len = len
    };

    history->numbers[history->n++] = writes_n;
    sim_figures->writes++;

    return writes_n++;
}


fkv_str_t
sim_key(unsigned key, char *text)
{
    int  n = sprintf(text, "%c/key%02u%s", 'a' + (int) (key % 3), key,
                     key % 7 == 0 ? "-with-a-longer-name" : "");

    return (fkv_str_t) { (uint8_t *) text, (size_t) n };
}


int
sim_key_of(fkv_str_t name)
{
    char       text[SIM_KEY_BYTES];
    unsigned   key;
    fkv_str_t  same;

    if (name.len < 7 || name.len >= sizeof(text)) {
        return -1;
    }

    memcpy(text, name.data, name.len);
    text[name.len] = '\0';

    if (sscanf(text + 2, "key%2u", &key) != 1 || key >= SIM_KEYS) {
        return -1;
    }

    same = sim_key(key, text);

    return (same.len == name.len && memcmp(same.data, name.data, same.len) == 0)
           ? (int) key : -1;
}


static uint64_t
pattern(uint32_t number, size_t at)
{
    return (number + 1) * 0x9e3779b97f4a7c15 + (at >> 6) * 0x1234567;
}


fkv_str_t
sim_value(uint32_t number, uint8_t *bytes)
{
    size_t    len = writes[number].len;
    uint32_t  operand = OPERAND;

    if (writes[number].merges) {
        memcpy(bytes, &operand, sizeof(operand));
        memcpy(bytes + sizeof(operand), &number, sizeof(number));

        return (fkv_str_t) { bytes, len };
    }

    for (size_t i = 0; i < len; i += 8) {
        uint64_t  word = pattern(number, i);

        memcpy(bytes + i, &word, fkv__min((size_t) 8, len - i));
    }

    memcpy(bytes, &number, sizeof(number));

    return (fkv_str_t) { bytes, len };
}


static bool
expires_until(const sim_write_t *w, uint64_t now_ms)
{
    return w->expire_at != 0 && w->expire_at <= now_ms;
}


/* The newest write of the key that is known to lie below a position. */
static const sim_write_t *
newest_below(unsigned key, uint64_t lsn)
{
    const history_t    *history = &histories[key];
    const sim_write_t  *newest = NULL;

    for (unsigned i = 0; i < history->n; i++) {
        const sim_write_t  *w = &writes[history->numbers[i]];

        if (w->fate != SIM_GONE && w->version != 0 && w->version < lsn
            && (newest == NULL || w->version > newest->version))
        {
            newest = w;
        }
    }

    return newest;
}


/* Is there something from this version on that may hide the key? */
static bool
may_be_hidden(unsigned key, uint64_t from, uint64_t hi, uint64_t later_ms)
{
    const history_t  *history = &histories[key];

    for (unsigned i = 0; i < history->n && !sim_load.evicts; i++) {
        const sim_write_t  *w = &writes[history->numbers[i]];

        if (w->fate != SIM_GONE
            && (w->version == 0 || (w->version >= from && w->version < hi))
            && (w->removes || expires_until(w, later_ms)))
        {
            return true;
        }
    }

    return sim_load.evicts;
}


/* Was what w stands on gone by then, or may it have been? */
static bool
may_be_gone(const sim_write_t *w, uint64_t hi, uint64_t later_ms)
{
    const sim_write_t  *base = w;

    while (base != NULL && base->merges) {
        base = newest_below(base->key, base->version);
    }

    return w->removes || (base != NULL && expires_until(base, later_ms))
           || may_be_hidden(w->key, w->version, hi, later_ms);
}


static bool
chain_has(const chain_t *c, uint32_t number)
{
    for (unsigned i = 0; i < c->n; i++) {
        if (c->numbers[i] == number) {
            return true;
        }
    }

    return false;
}


/* Operands were made of what is below them in the chain. */
static void
operand_check(unsigned key, unsigned i, const char *who)
{
    uint32_t            number = chain.numbers[i];
    const sim_write_t  *w = &writes[number], *below;

    if (w->fate == SIM_GONE) {
        sim_fail("%s: key %u: write %u is back, version %llu, under others",
                 who, key, number, (unsigned long long) w->version);
    }

    if (!w->merges || w->version == 0) {
        return;
    }

    below = newest_below(key, w->version);

    if (below == NULL
        || (i > 0 && below == &writes[chain.numbers[i - 1]])
        || (i > 0 && writes[chain.numbers[i - 1]].version == 0)
        || (i == 0 && may_be_gone(below, w->version, w->at_ms)))
    {
        return;
    }

    sim_fail("%s: key %u: operand %u, version %llu, is on %s, not on write %u, "
             "version %llu", who, key, number,
             (unsigned long long) w->version, i > 0 ? "another" : "nothing",
             (unsigned) (below - writes), (unsigned long long) below->version);
}


static void
chain_check(unsigned key, const char *who)
{
    sim_figures->operands += chain.n - !writes[chain.numbers[0]].merges;

    for (unsigned i = 0; i < chain.n && !sim_misdirected() && !other; i++) {
        operand_check(key, i, who);
    }
}


static uint32_t
word_at(fkv_str_t value, size_t at)
{
    uint32_t  word;

    memcpy(&word, value.data + at, sizeof(word));

    return word;
}


static void
chain_add(unsigned key, uint32_t number, bool merges, const char *who)
{
    const sim_write_t  *w = &writes[number];

    if (number >= writes_n || w->key != key || w->removes
        || w->merges != merges)
    {
        sim_fail("%s: key %u has the value of no write of it (%u)", who, key,
                 number);
    }

    if (chain.n == CHAIN_MAX) {
        sim_fail("%s: key %u has too many operands", who, key);
    }

    chain.numbers[chain.n++] = number;
}


/* Returns its length; 0: there are operands alone. */
static size_t
base_check(unsigned key, fkv_str_t value, const char *who)
{
    static uint8_t  bytes[SIM_VALUE_MAX];
    uint32_t        number = word_at(value, 0);
    size_t          len;

    if (number == OPERAND) {
        return 0;
    }

    chain_add(key, number, false, who);
    len = writes[number].len;

    if (len > value.len
        || memcmp(sim_value(number, bytes).data, value.data, len) != 0)
    {
        sim_fail("%s: key %u has the value of write %u, but other bytes", who,
                 key, number);
    }

    return len;
}


uint32_t
sim_value_check(unsigned key, fkv_str_t value, const char *who)
{
    size_t  at;

    if (value.len < sizeof(uint32_t)) {
        sim_fail("%s: a value of %zu bytes", who, value.len);
    }

    chain.n = 0;

    for (at = base_check(key, value, who); at + SIM_OPERAND_BYTES <= value.len;
         at += SIM_OPERAND_BYTES)
    {
        if (word_at(value, at) != OPERAND) {
            break;
        }

        chain_add(key, word_at(value, at + sizeof(uint32_t)), true, who);
    }

    if (at != value.len) {
        sim_fail("%s: key %u has %zu bytes behind its value", who, key,
                 value.len - at);
    }

    chain_check(key, who);

    return chain.numbers[chain.n - 1];
}


static void
found_is(unsigned key, uint32_t number, uint64_t version, uint64_t now_ms,
    const char *who)
{
    sim_write_t  *w = &writes[number];

    if (w->fate == SIM_GONE) {
        sim_fail("%s: key %u: write %u is back, version %llu", who, key,
                 number, (unsigned long long) version);
    }

    sim_version_is(number, version, who);

    if (expires_until(w, now_ms)) {
        sim_fail("%s: key %u: write %u has expired", who, key, number);
    }
}


void
sim_check_read(unsigned key, uint32_t number, uint64_t version, uint64_t lo,
    uint64_t hi, uint64_t now_ms, uint64_t later_ms, const char *who)
{
    const sim_write_t  *floor = newest_below(key, lo);

    sim_figures->checks++;
    sim_model_time(later_ms);

    if (sim_misdirected()) {
        return;
    }

    if (number != SIM_NEVER) {
        found_is(key, number, version, now_ms, who);

        if (version >= hi) {
            sim_fail("%s: key %u: write %u of version %llu is seen at %llu",
                     who, key, number, (unsigned long long) version,
                     (unsigned long long) hi);
        }

        if (floor != NULL && floor->version > version) {
            sim_fail("%s: key %u: write %u of version %llu is seen, not the "
                     "newer one of version %llu, at %llu", who, key, number,
                     (unsigned long long) version,
                     (unsigned long long) floor->version,
                     (unsigned long long) lo);
        }

        return;
    }

    if (floor == NULL || may_be_gone(floor, hi, time_max_ms)) {
        return;
    }

    sim_fail("%s: key %u: nothing is seen, but write %u of version %llu is "
             "there, at %llu", who, key, (unsigned) (floor - writes),
             (unsigned long long) floor->version, (unsigned long long) lo);
}


void
sim_found(unsigned key, uint32_t number, uint64_t version)
{
    found[key].number = number;
    found[key].version = version;
    found[key].chain.n = 0;

    if (number != SIM_NEVER) {
        found[key].chain = chain;
    }
}


/* Everything is there up to this version. */
static uint64_t
found_newest(void)
{
    uint64_t  newest = 0;

    for (unsigned key = 0; key < SIM_KEYS; key++) {
        if (found[key].number != SIM_NEVER) {
            newest = fkv__max(newest, found[key].version);
        }
    }

    return newest;
}


static uint64_t
durable_newest(void)
{
    uint64_t  newest = 0;

    for (unsigned key = 0; key < SIM_KEYS; key++) {
        const history_t  *history = &histories[key];

        for (unsigned i = 0; i < history->n; i++) {
            const sim_write_t  *w = &writes[history->numbers[i]];

            if (w->durable && w->fate != SIM_GONE) {
                newest = fkv__max(newest, w->version);
            }
        }
    }

    return newest;
}


/* Of an update of which something was found nothing is missing. */
static void
check_whole(unsigned key, uint64_t now_ms, const char *who)
{
    const sim_write_t  *w = &writes[found[key].number];

    for (uint32_t i = 0; i < writes_n; i++) {
        const sim_write_t  *w2 = &writes[i];
        const found_t      *at = &found[w2->key];

        if (w2->update != w->update || w2->fate == SIM_GONE
            || w2 == w || at->version > w->version
            || chain_has(&at->chain, i))
        {
            continue;
        }

        if (w2->version != 0 && at->version >= w2->version) {
            continue;
        }

        if (at->number == SIM_NEVER
            && may_be_hidden(w2->key, 0, UINT64_MAX, now_ms))
        {
            continue;
        }

        sim_fail("%s: write %u of key %u is there, but not write %u of key "
                 "%u, of the same update", who, found[key].number, key, i,
                 w2->key);
    }
}


/*
 * A key that has expired comes back when the wall was set back and the store
 * had not written down how late it was (clock_persist of duty.c).
 */
static bool
may_live_again(const sim_write_t *w, const sim_write_t *newest)
{
    return w->fate != SIM_GONE && expires_until(w, time_max_ms)
           && (w->version == 0 || w == newest);
}


static void
forget_all_but_found(unsigned key)
{
    history_t          *history = &histories[key];
    const found_t      *at = &found[key];
    const sim_write_t  *newest = newest_below(key, UINT64_MAX);
    unsigned            kept = 0;

    for (unsigned i = 0; i < history->n; i++) {
        sim_write_t  *w = &writes[history->numbers[i]];

        if (at->number == SIM_NEVER && may_live_again(w, newest)) {
            history->numbers[kept++] = history->numbers[i];

        } else if (!chain_has(&at->chain, history->numbers[i])) {
            w->fate = SIM_GONE;
        }
    }

    history->n = kept;

    for (unsigned i = 0; i < at->chain.n; i++) {
        uint32_t  number = at->chain.numbers[i];

        history->numbers[history->n++] = number;
        writes[number].fate = SIM_ACKED;
        writes[number].durable = true;
    }

    if (at->number != SIM_NEVER) {
        sim_version_is(at->number, at->version, "start");
    }
}


/* It is everything below a position, and nothing of what lies behind. */
static void
check_prefix(uint64_t position, uint64_t now_ms, const char *who)
{
    for (unsigned key = 0; key < SIM_KEYS; key++) {
        sim_check_read(key, found[key].number, found[key].version, position,
                       UINT64_MAX, now_ms, now_ms, who);
    }

    for (unsigned key = 0; key < SIM_KEYS; key++) {
        if (found[key].number != SIM_NEVER && !sim_misdirected()) {
            check_whole(key, now_ms, who);
        }
    }
}


void
sim_copied_end(uint64_t lo, uint64_t now_ms)
{
    check_prefix(fkv__max(lo, found_newest() + 1), now_ms, "checkpoint");
}


void
sim_recovered_end(uint64_t now_ms)
{
    check_prefix(fkv__max(durable_newest(), found_newest()) + 1, now_ms,
                 "start");

    for (unsigned key = 0; key < SIM_KEYS; key++) {
        forget_all_but_found(key);
    }
}


void
sim_check_history(void)
{
    if (sim_misdirected()) {
        return;
    }

    for (unsigned key = 0; key < SIM_KEYS; key++) {
        const history_t  *history = &histories[key];

        for (unsigned i = 0; i < history->n; i++) {
            const sim_write_t  *w = &writes[history->numbers[i]];
            const sim_write_t  *before;

            if (w->fate != SIM_ACKED || !w->made_of || w->version == 0) {
                continue;
            }

            before = newest_below(key, w->version);

            if (before != NULL && before->version > w->seen
                && !(w->seen == 0 && may_be_gone(before, w->version,
                                                 time_max_ms)))
            {
                sim_fail("key %u: write %u, version %llu, was made of version "
                         "%llu, not of write %u, version %llu", key,
                         history->numbers[i], (unsigned long long) w->version,
                         (unsigned long long) w->seen,
                         (unsigned) (before - writes),
                         (unsigned long long) before->version);
            }

            sim_figures->checks++;
        }
    }
}


void
sim_elements_check(uint32_t number, const uint32_t *elements, const char *who)
{
    const sim_write_t  *w = &writes[number];

    for (unsigned i = 0; i < SIM_ELEMENTS && !sim_misdirected(); i++) {
        if (elements[i] != w->elements[i]) {
            sim_fail("%s: key %u, write %u: element %u is of write %d, not %d",
                     who, w->key, number, i, (int) elements[i],
                     (int) w->elements[i]);
        }

        sim_figures->elements++;
    }
}
