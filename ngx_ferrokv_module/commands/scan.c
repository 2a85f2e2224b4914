/*
 * scan.c - KEYS and SCAN: keys in order, those that match a pattern.
 *
 * Cursor     a place behind which the scan goes on, kept by the store under a
 *            number (fkv.h): so it works from any connection and worker.  Keys
 *            are met in order, so each that is there all the time is given
 *            exactly once, whatever else changes
 * Long keys  a place has few bytes.  Behind a key that is longer all those are
 *            given that begin with as much of it as fits, in one answer
 * Pattern    what it begins with is where the walk begins and ends
 */

#include "commands/call.h"
#include "commands/glob.h"
#include "commands/number.h"
#include "commands/types.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_DEFAULT     10
#define COUNT_MAX         10000     /* looked at for one answer */
#define CURSOR_TEXT_MAX   32

/* A place: how it is to be read, and so many bytes of a key. */
#define PLACE_KEY         0         /* behind this key */
#define PLACE_PREFIX      1         /* behind all that begin so */
#define PLACE_KEY_BYTES   (FKV_CURSOR_BYTES_MAX - 1)

typedef struct {
    fkv_str_t  pattern;             /* data NULL: any */
    int64_t    count;
    bool       typed;               /* it is asked for */
} scan_t;


static bool
pattern_is_any(fkv_str_t pattern)
{
    return pattern.len == 1 && pattern.data[0] == '*';
}


static fkv_str_t
pattern_prefix(fkv_call_t *call, fkv_str_t pattern)
{
    uint8_t  *out;

    if (pattern.len == 0) {
        return FKV_STR_NULL;
    }

    out = fkv_call_alloc(call, pattern.len);

    return (fkv_str_t) { out, fkv_glob_prefix(pattern, out) };
}


static int
key_count(fkv_call_t *call, fkv_str_t key, void *data)
{
    size_t  *n = data;

    (void) call;
    (void) key;
    (*n)++;

    return FKV_OK;
}


static int
key_reply(fkv_call_t *call, fkv_str_t key, void *data)
{
    fkv_reply_str(call->reply, key);

    return key_count(call, key, data);
}


static bool
keys_wants(const fkv_call_t *call, fkv_str_t key, unsigned type)
{
    (void) type;

    return fkv_glob(call->argv[1], key);
}


static int
scan_keys(fkv_call_t *call)
{
    fkv_str_t  pattern = call->argv[1];
    size_t     begin = fkv_reply_array_begin(call->reply), n = 0;
    int        rc;

    rc = fkv_call_scan(call, call->ns, pattern_prefix(call, pattern),
                       FKV_STR_NULL, 0,
                       pattern_is_any(pattern) ? NULL : keys_wants,
                       key_reply, &n, NULL);

    if (rc != FKV_END) {
        return rc;
    }

    fkv_reply_array_end(call->reply, begin, n);

    return FKV_OK;
}


/* As strtoull() takes it, blanks in front excepted, for so does Redis. */
static int
cursor_read(fkv_call_t *call, uint64_t *cursor)
{
    char       text[CURSOR_TEXT_MAX + 1], *end = text;
    fkv_str_t  arg = call->argv[1];

    if (arg.len <= CURSOR_TEXT_MAX) {
        memcpy(text, arg.data, arg.len);
        text[arg.len] = '\0';
        errno = 0;
        *cursor = strtoull(text, &end, 10);
    }

    if (arg.len > CURSOR_TEXT_MAX || end != text + arg.len || errno == ERANGE
        || (arg.len > 0 && (text[0] == ' '
                            || (text[0] >= '\t' && text[0] <= '\r'))))
    {
        return fkv_call_fail(call, "ERR invalid cursor");
    }

    return FKV_OK;
}


static int
options_read(fkv_call_t *call, scan_t *scan)
{
    *scan = (scan_t) { .count = COUNT_DEFAULT };

    for (unsigned i = 2; i < call->argc; i += 2) {

        if (i + 1 == call->argc) {
            return fkv_call_syntax(call);
        }

        if (fkv_call_is(call, i, "COUNT")) {

            if (fkv_call_int(call, i + 1, &scan->count) != FKV_OK) {
                return FKV_EINVAL;
            }

            if (scan->count < 1) {
                return fkv_call_syntax(call);
            }

        } else if (fkv_call_is(call, i, "MATCH")) {
            scan->pattern = call->argv[i + 1];

        } else if (fkv_call_is(call, i, "TYPE")) {
            scan->typed = true;

        } else {
            return fkv_call_syntax(call);
        }
    }

    scan->count = fkv__min(scan->count, COUNT_MAX);

    return FKV_OK;
}


/* The last one that was given, as in options_read(); 0: none was. */
static unsigned
option_find(const fkv_call_t *call, const char *word)
{
    for (unsigned i = call->argc - 2; i >= 2; i -= 2) {
        if (fkv_call_is(call, i, word)) {
            return i;
        }
    }

    return 0;
}


static bool
scan_wants(const fkv_call_t *call, fkv_str_t key, unsigned type)
{
    unsigned  match = option_find(call, "MATCH");
    unsigned  typed = option_find(call, "TYPE");

    return (typed == 0
            || fkv_call_is(call, typed + 1,
                           fkv_types_label(call->store, type)))
           && (match == 0 || fkv_glob(call->argv[match + 1], key));
}


/*
 * Where the cursor says to go on, as a key to be behind: no key that begins
 * with a prefix lies behind the prefix and as many FF as there may be.
 */
static int
place_get(fkv_call_t *call, uint64_t cursor, fkv_str_t *after)
{
    uint8_t   place[FKV_CURSOR_BYTES_MAX], *key;
    size_t    len;

    *after = FKV_STR_NULL;

    if (cursor == 0) {
        return FKV_OK;
    }

    if (fkv_cursor_get(call->store, cursor, place, &len) != FKV_OK
        || len == 0 || place[0] > PLACE_PREFIX)
    {
        return fkv_call_fail(call, "ERR invalid cursor: it is unknown, or was "
                             "not used for too long; begin again with 0");
    }

    len--;
    key = fkv_call_alloc(call, (place[0] == PLACE_KEY) ? len
                                                       : FKV_KEY_BYTES_MAX);
    memcpy(key, place + 1, len);

    if (place[0] == PLACE_PREFIX) {
        memset(key + len, 0xff, FKV_KEY_BYTES_MAX - len);
        len = FKV_KEY_BYTES_MAX;
    }

    *after = (fkv_str_t) { key, len };

    return FKV_OK;
}


static uint64_t
place_put(fkv_call_t *call, uint64_t cursor, fkv_str_t last)
{
    uint8_t  place[FKV_CURSOR_BYTES_MAX];
    size_t   len = fkv__min(last.len, PLACE_KEY_BYTES);

    place[0] = (len == last.len) ? PLACE_KEY : PLACE_PREFIX;
    memcpy(place + 1, last.data, len);

    return fkv_cursor_put(call->store, cursor,
                          (fkv_str_t) { place, len + 1 }, call->random);
}


/*
 * Up to count keys behind *last, which becomes the last one looked at; if that
 * is too long to be remembered, all that share its beginning, too.
 * FKV_OK · FKV_END · failure
 */
static int
scan_some(fkv_call_t *call, const scan_t *scan, fkv_str_t *last,
    fkv_call_on_key_pt on_key, size_t *n)
{
    fkv_call_wants_pt  wants = (!scan->typed
                                && (scan->pattern.data == NULL
                                    || pattern_is_any(scan->pattern)))
                               ? NULL : scan_wants;
    fkv_str_t          prefix = pattern_prefix(call, scan->pattern);
    int                rc;

    *n = 0;
    rc = fkv_call_scan(call, call->ns, prefix, *last, (uint64_t) scan->count,
                       wants, on_key, n, last);

    if (rc != FKV_OK || last->len <= PLACE_KEY_BYTES) {
        return rc;
    }

    if (prefix.len < PLACE_KEY_BYTES) {
        prefix = (fkv_str_t) { last->data, PLACE_KEY_BYTES };
    }

    rc = fkv_call_scan(call, call->ns, prefix, *last, 0, wants, on_key, n,
                       NULL);

    return (rc == FKV_END) ? FKV_OK : rc;
}


/*
 * The cursor stands in front of the keys, and is known when they are: so they
 * are gone through twice, in memory.  It is made, or ends, only when nothing
 * can have the command run again.
 */
static int
scan_scan(fkv_call_t *call)
{
    char       text[FKV_NUMBER_INT_BYTES];
    uint64_t   cursor = 0, next = 0;
    scan_t     scan;
    fkv_str_t  after, last;
    size_t     n;
    int        rc;

    if (cursor_read(call, &cursor) != FKV_OK
        || options_read(call, &scan) != FKV_OK
        || place_get(call, cursor, &after) != FKV_OK)
    {
        return FKV_EINVAL;
    }

    last = after;
    rc = scan_some(call, &scan, &last, key_count, &n);

    if (rc != FKV_OK && rc != FKV_END) {
        return rc;
    }

    if (rc == FKV_OK) {
        next = place_put(call, cursor, last);

    } else {
        fkv_cursor_end(call->store, cursor);
    }

    fkv_reply_array(call->reply, 2);
    fkv_reply_str(call->reply, (fkv_str_t) {
        (uint8_t *) text, fkv_number_int_put(text, (int64_t) next)
    });
    fkv_reply_array(call->reply, n);
    last = after;
    rc = scan_some(call, &scan, &last, key_reply, &n);

    return (rc == FKV_END) ? FKV_OK : rc;
}


const fkv_command_t  fkv_commands_scan[] = {
    { "KEYS", 2, FKV_COMMAND_READ | FKV_COMMAND_ADMIN | FKV_COMMAND_SLOW,
      0, 0, 0, scan_keys, "generic", "1.0.0", "pattern",
      "Lists all keys that match a pattern.", NULL },
    { "SCAN", -2, FKV_COMMAND_READ, 0, 0, 0, scan_scan, "generic", "2.8.0",
      "cursor [MATCH pattern] [COUNT count] [TYPE type]",
      "Lists keys, some at a time.", NULL },
    { .name = NULL }
};
