/*
 * index.c - building and searching pages of an index.
 *
 * Head: entries 4 | length of common 2 | lines 2 | error 1 | low 1 | high 1
 * | digits 1 | shape 1 | gap 1 | its bytes 1, zero 1 | base 8.  Line: first
 * number 8 | slope 8 | first position 4; the slope is positions per 2^64.
 */

#include "format/index.h"

#define WORD_BYTES    8
#define LINE_BYTES    20
#define ONES          0x0101010101010101
#define TOPS          0x8080808080808080
#define COMMON_MAX    UINT16_MAX
#define ERROR_MAX     254
#define LEARNED_OFF   8             /* how far a learned line may be off */
#define WORTH         4             /* lines must narrow the search so far */
#define SHAPE_RESTS   1
#define DIGITS_LEAST  4             /* fewer do not tell one from another */
#define GAP_LEAST     4             /* bytes that nobody uses */

#define COMMON_AT     4
#define LINES_AT      6
#define ERROR_AT      8
#define LOW_AT        9
#define HIGH_AT       10
#define DIGITS_AT     11
#define SHAPE_AT      12
#define GAP_AT        13
#define GAP_BYTES_AT  14
#define BASE_AT       16


/* The first eight bytes of s as a number; a short one ends in zeros. */
static uint64_t
word_of(fkv_str_t s)
{
    uint8_t  bytes[WORD_BYTES] = { 0 };

    if (s.len >= WORD_BYTES) {
        return fkv__get_be64(s.data);
    }

    if (s.len > 0) {
        memcpy(bytes, s.data, s.len);
    }

    return fkv__get_be64(bytes);
}


/* Of the alphabet without its gap. */
static uint64_t
alphabet_base(const fkv__index_alphabet_t *a)
{
    return (uint64_t) (a->high - a->low) + 1 - a->gap_bytes;
}


/*
 * All digits at once: ASCII, and no byte that is none.  The top bit of each
 * byte tells on which side of a bound it lies, then neighbours join to numbers
 * of two, four and eight digits.
 */
static bool
word_number_at_once(uint64_t word, const fkv__index_alphabet_t *a,
    uint64_t *number)
{
    uint64_t  base = alphabet_base(a), square = base * base;
    uint64_t  ones, low, high, gap, behind, x;

    if (a->digits == 0 || a->high >= 0x80) {
        return false;
    }

    word >>= 64 - 8 * a->digits;
    ones = ONES >> (64 - 8 * a->digits);

    low = ~((word | TOPS) - a->low * ones);
    high = word + (uint64_t) (0x7f - a->high) * ones;
    gap = word + (uint64_t) (0x80 - a->gap) * ones;
    behind = word + (uint64_t) (0x80 - a->gap - a->gap_bytes) * ones;

    if (((word | low | high | (gap & ~behind)) & TOPS) != 0) {
        return false;
    }

    x = word - a->low * ones - ((behind & TOPS) >> 7) * a->gap_bytes;
    x = (x >> 8 & 0x00ff00ff00ff00ff) * base + (x & 0x00ff00ff00ff00ff);
    x = (x >> 16 & 0x0000ffff0000ffff) * square + (x & 0x0000ffff0000ffff);

    *number = (x >> 32) * square * square + (uint32_t) x;

    return true;
}


/* One by one, as far as they are digits; what is behind them is fill. */
static uint64_t
word_number_by_digits(uint64_t word, const fkv__index_alphabet_t *a)
{
    uint64_t  x = 0, fill = 0, base = alphabet_base(a);
    unsigned  i, gap_end = a->gap + a->gap_bytes;

    for (i = 0; i < a->digits; i++) {
        uint8_t   byte = (uint8_t) (word >> (56 - 8 * i));
        unsigned  digit = byte;

        if (byte < a->low || byte > a->high) {
            fill = (byte < a->low) ? 0 : base - 1;
            break;
        }

        if (byte >= a->gap && a->gap_bytes > 0) {
            digit = fkv__max(digit, gap_end) - a->gap_bytes;
        }

        x = x * base + digit - a->low;

        if (byte >= a->gap && byte < gap_end) {
            i++;
            break;
        }
    }

    for ( ; i < a->digits; i++) {
        x = x * base + fill;
    }

    return x;
}


/*
 * The word's first bytes as digits of the alphabet.  A byte that is none counts
 * as the nearest end, and so do all behind it; one of the gap as the first
 * digit behind it, followed by the lowest ones.  So larger words never give
 * smaller numbers.
 */
static uint64_t
word_number(uint64_t word, const fkv__index_alphabet_t *a)
{
    uint64_t  number;

    if (a->digits == WORD_BYTES && alphabet_base(a) == 256) {
        return word;
    }

    return word_number_at_once(word, a, &number)
           ? number : word_number_by_digits(word, a);
}


static bool
alphabet_get(const uint8_t *head, fkv__index_alphabet_t *a)
{
    a->low = head[LOW_AT];
    a->high = head[HIGH_AT];
    a->digits = head[DIGITS_AT];
    a->gap = head[GAP_AT];
    a->gap_bytes = head[GAP_BYTES_AT];

    if (a->low > a->high || a->digits > WORD_BYTES) {
        return false;
    }

    return a->gap_bytes == 0
           || (a->gap > a->low && a->gap + a->gap_bytes <= a->high);
}


/* Positions that x is away from the beginning of a line. */
static uint64_t
line_run(uint64_t x, uint64_t slope)
{
    return (uint64_t) (((unsigned __int128) x * slope) >> 64);
}


int
fkv__index_open(fkv__index_t *index, fkv_str_t payload)
{
    const uint8_t  *p = payload.data;
    uint64_t        need;
    bool            rests;

    if (payload.len < FKV__INDEX_HEAD_BYTES) {
        return FKV_ECORRUPT;
    }

    index->n = fkv__get_le32(p);
    index->common.len = fkv__get_le16(p + COMMON_AT);
    index->lines_n = fkv__get_le16(p + LINES_AT);
    index->error = p[ERROR_AT];
    index->base = fkv__get_le64(p + BASE_AT);
    rests = p[SHAPE_AT] == SHAPE_RESTS;

    need = FKV__INDEX_HEAD_BYTES + index->common.len
           + (uint64_t) index->n * FKV__INDEX_ENTRY_BYTES
           + (uint64_t) index->lines_n * LINE_BYTES
           + (rests ? (uint64_t) index->n * 4 : 0);

    if (index->n == 0 || p[SHAPE_AT] > SHAPE_RESTS
        || !alphabet_get(p, &index->alphabet) || need > payload.len)
    {
        return FKV_ECORRUPT;
    }

    index->common.data = p + FKV__INDEX_HEAD_BYTES;
    index->words = index->common.data + index->common.len;
    index->ends = index->words + (size_t) index->n * WORD_BYTES;
    index->lines = index->ends + (size_t) index->n * 4;
    index->rest_ends = rests ? index->lines + index->lines_n * LINE_BYTES
                             : NULL;
    index->rests = p + need;

    if (rests) {
        need += fkv__get_le32(index->rests - 4);
    }

    return (need == payload.len) ? FKV_OK : FKV_ECORRUPT;
}


static uint64_t
index_word(const fkv__index_t *index, uint32_t i)
{
    return fkv__get_le64(index->words + (size_t) i * WORD_BYTES);
}


/* Number i of an array of ends, and the one before it. */
static void
index_ends(const uint8_t *ends, uint32_t i, uint32_t *from, uint32_t *to)
{
    *from = (i > 0) ? fkv__get_le32(ends + (size_t) i * 4 - 4) : 0;
    *to = fkv__get_le32(ends + (size_t) i * 4);
}


/* What is searched for. */
typedef struct {
    fkv_str_t  tail;                /* of the key, behind common */
    uint64_t   word;
    uint64_t   version;
    unsigned   looks;
    bool       corrupt;             /* an entry made no sense */
} aim_t;


/* A long entry with the aim's word: does it lie before the aim? */
static bool
rest_before(const fkv__index_t *index, uint32_t i, aim_t *aim)
{
    const uint8_t  *p, *end;
    uint32_t        from, to;
    uint64_t        version, len;
    fkv_str_t       rest;
    int             rc;

    index_ends(index->rest_ends, i, &from, &to);

    if (from == to) {
        return false;               /* a short one covers its whole word */
    }

    if (from > to
        || to > fkv__get_le32(index->rests - 4))
    {
        aim->corrupt = true;
        return false;
    }

    p = index->rests + from;
    end = index->rests + to;

    p = fkv__get_varint(p, end, &version);

    if (p == NULL || (p = fkv__get_varint(p, end, &len)) == NULL
        || (uint64_t) (end - p) != (len > WORD_BYTES ? len - WORD_BYTES : 0))
    {
        aim->corrupt = true;
        return false;
    }

    rest = (fkv_str_t) { p, (size_t) (end - p) };
    rc = fkv__str_cmp(rest, fkv__str_from(aim->tail, WORD_BYTES));

    if (rc != 0) {
        return rc < 0;
    }

    if (len != aim->tail.len) {
        return len < aim->tail.len;
    }

    return version > aim->version;
}


static inline bool
entry_before(const fkv__index_t *index, uint32_t i, aim_t *aim)
{
    uint64_t  word = index_word(index, i);

    aim->looks++;

    if (word != aim->word || index->rest_ends == NULL) {
        return word < aim->word;
    }

    return rest_before(index, i, aim);
}


/* The first entry of [low, high) that does not lie before the aim, or high. */
static uint32_t
index_bound(const fkv__index_t *index, uint32_t low, uint32_t high, aim_t *aim)
{
    while (low < high) {
        uint32_t  middle = low + (high - low) / 2;

        if (entry_before(index, middle, aim)) {
            low = middle + 1;

        } else {
            high = middle;
        }
    }

    return low;
}


static const uint8_t *
index_line(const fkv__index_t *index, uint64_t x, unsigned *looks)
{
    unsigned  low = 0, high = index->lines_n;

    while (low + 1 < high) {
        unsigned  middle = (low + high) / 2;

        (*looks)++;

        if (fkv__get_le64(index->lines + middle * LINE_BYTES) <= x) {
            low = middle;

        } else {
            high = middle;
        }
    }

    return index->lines + low * LINE_BYTES;
}


/* Where a line says that the word is: 0 .. n - 1. */
static uint32_t
index_guess(const fkv__index_t *index, uint64_t word, unsigned *looks)
{
    uint64_t        x, start, at, last = index->n - 1;
    const uint8_t  *line;

    x = word_number(word, &index->alphabet);
    line = index_line(index, x, looks);
    start = fkv__get_le64(line);
    at = fkv__get_le32(line + 16);

    if (line + LINE_BYTES < index->lines + index->lines_n * LINE_BYTES) {
        last = fkv__min(last, fkv__get_le32(line + LINE_BYTES + 16));
    }

    if (x > start) {
        at += line_run(x - start, fkv__get_le64(line + 8));
    }

    return (uint32_t) fkv__min(at, last);
}


/*
 * Both ends of the window are compared, so wrong lines cost time, not
 * truth.
 */
static uint32_t
index_narrow(const fkv__index_t *index, aim_t *aim)
{
    uint32_t  guess = index_guess(index, aim->word, &aim->looks);
    uint32_t  low = (guess > index->error) ? guess - index->error : 0;
    uint32_t  high = fkv__min(guess + index->error + 1, index->n);
    uint32_t  at;

    at = index_bound(index, low, high, aim);

    if (at == low && low > 0 && !entry_before(index, low - 1, aim)) {
        return index_bound(index, 0, low - 1, aim);
    }

    if (at == high && high < index->n && entry_before(index, high, aim)) {
        return index_bound(index, high + 1, index->n, aim);
    }

    return at;
}


/* Whether ikey begins with what all have in common; else rc < 0 or > 0. */
static bool
index_aim(const fkv__index_t *index, fkv_str_t ikey, uint64_t version,
    aim_t *aim, int *rc)
{
    fkv_str_t  first = { ikey.data, fkv__min(ikey.len, index->common.len) };

    *rc = fkv__str_cmp(first, index->common);

    if (*rc != 0) {
        return false;
    }

    aim->tail = fkv__str_from(ikey, index->common.len);
    aim->word = word_of(aim->tail);
    aim->version = version;
    aim->looks = 0;
    aim->corrupt = false;

    return true;
}


int
fkv__index_seek(const fkv__index_t *index, fkv_str_t ikey, uint64_t version,
    uint32_t *at, unsigned *looks)
{
    aim_t  aim;
    int    rc;

    if (!index_aim(index, ikey, version, &aim, &rc)) {
        *at = (rc < 0) ? 0 : index->n;
        return FKV_OK;
    }

    *at = (index->lines_n > 0) ? index_narrow(index, &aim)
                               : index_bound(index, 0, index->n, &aim);

    if (looks != NULL) {
        *looks += aim.looks;
    }

    return aim.corrupt ? FKV_ECORRUPT : FKV_OK;
}


int
fkv__index_covers(const fkv__index_t *index, uint32_t at, fkv_str_t ikey,
    uint64_t version)
{
    aim_t  aim;
    int    rc;
    bool   before;

    if (!index_aim(index, ikey, version, &aim, &rc)) {
        return (rc < 0) ? FKV_OK : FKV_END;
    }

    before = entry_before(index, at, &aim);

    return aim.corrupt ? FKV_ECORRUPT : before ? FKV_END : FKV_OK;
}


int
fkv__index_place(const fkv__index_t *index, uint32_t at,
    fkv__block_place_t *place)
{
    uint32_t  from, to;

    index_ends(index->ends, at, &from, &to);

    if (to < from || to - from < FKV__BLOCK_TRAILER_BYTES
        || index->base > UINT64_MAX - to)
    {
        return FKV_ECORRUPT;
    }

    place->offset = index->base + from;
    place->bytes = to - from - FKV__BLOCK_TRAILER_BYTES;

    return FKV_OK;
}


/*
 * A block's last record and what is needed of the next block's first: how many
 * first bytes they share, and the byte behind them.
 */
typedef struct {
    uint64_t  version;
    uint64_t  end;                  /* bytes of all blocks up to this one */
    uint32_t  key_at;               /* in keys */
    uint32_t  key_len;
    uint32_t  shared;               /* 0 if there is no next */
    uint8_t   byte;
    bool      cut;                  /* that byte ends a separator */
    bool      tied;                 /* no word can tell the two keys apart */
} entry_t;


void
fkv__index_builder_init(fkv__index_builder_t *index)
{
    memset(index, 0, sizeof(*index));
}


void
fkv__index_builder_done(fkv__index_builder_t *index)
{
    fkv__buf_done(&index->entries);
    fkv__buf_done(&index->keys);
    fkv__index_builder_init(index);
}


int
fkv__index_builder_add(fkv__index_builder_t *index, fkv_str_t key,
    uint64_t version, fkv_str_t next, uint64_t bytes)
{
    entry_t  entry = {
        .version = version,
        .end = index->bytes + bytes,
        .key_at = (uint32_t) index->keys.len,
        .key_len = (uint32_t) key.len,
    };

    if (next.len > 0) {
        size_t  shared = fkv__str_common(key, next);

        entry.shared = (uint32_t) shared;
        entry.tied = shared == key.len
                     && (next.len == shared || next.data[shared] == 0);
        entry.cut = next.len > shared + 1;
        entry.byte = entry.cut ? next.data[shared] : 0;
    }

    if (fkv__buf_reserve(&index->keys, key.len) != FKV_OK
        || fkv__buf_append(&index->entries, &entry, sizeof(entry)) != FKV_OK)
    {
        return FKV_ENOMEM;
    }

    (void) fkv__buf_append(&index->keys, key.data, key.len);
    index->bytes = entry.end;

    return FKV_OK;
}


uint32_t
fkv__index_builder_n(const fkv__index_builder_t *index)
{
    return (uint32_t) (index->entries.len / sizeof(entry_t));
}


/* A quarter of the keys' bytes stands for the rests. */
size_t
fkv__index_builder_bytes(const fkv__index_builder_t *index)
{
    uint32_t  n = fkv__index_builder_n(index);

    return (n == 0) ? 0 : FKV__INDEX_HEAD_BYTES + n * FKV__INDEX_ENTRY_BYTES
                          + index->keys.len / 4;
}


/* A page under construction: p is the end of what has been put. */
typedef struct {
    const entry_t          *entries;
    const uint8_t          *keys;
    uint32_t                n;
    size_t                  common;
    fkv__index_alphabet_t   alphabet;
    uint8_t                *head;
    uint8_t                *words;
    uint8_t                *p;
} page_t;


static fkv_str_t
page_key(const page_t *page, uint32_t i)
{
    const entry_t  *entry = &page->entries[i];

    return (fkv_str_t) { page->keys + entry->key_at, entry->key_len };
}


static bool
page_is_long(const page_t *page, uint32_t i)
{
    const entry_t  *entry = &page->entries[i];

    return entry->tied || entry->shared >= page->common + WORD_BYTES;
}


/*
 * The rest of a long entry: the shortest beginning of the next key that lies
 * behind this one, or if there is none this record itself.
 */
static void
page_put_rest(page_t *page, uint32_t i)
{
    const entry_t  *entry = &page->entries[i];
    fkv_str_t       key = page_key(page, i);
    size_t          len = entry->cut ? entry->shared + 1 : key.len;
    size_t          tail = len - page->common;

    page->p = fkv__put_varint(page->p, entry->cut ? 0 : entry->version);
    page->p = fkv__put_varint(page->p, tail);

    if (tail <= WORD_BYTES) {
        return;
    }

    key.data += page->common + WORD_BYTES;
    tail -= WORD_BYTES;

    if (entry->cut) {
        memcpy(page->p, key.data, tail - 1);
        page->p[tail - 1] = entry->byte;

    } else {
        memcpy(page->p, key.data, tail);
    }

    page->p += tail;
}


static void
page_put_rests(page_t *page)
{
    uint8_t  *ends = page->p, *rests;
    bool      any = false;

    for (uint32_t i = 0; i < page->n && !any; i++) {
        any = page_is_long(page, i);
    }

    if (!any) {
        return;
    }

    page->head[SHAPE_AT] = SHAPE_RESTS;
    rests = page->p + (size_t) page->n * 4;
    page->p = rests;

    for (uint32_t i = 0; i < page->n; i++) {
        if (page_is_long(page, i)) {
            page_put_rest(page, i);
        }

        fkv__put_le32(ends + (size_t) i * 4, (uint32_t) (page->p - rests));
    }
}


static uint64_t
page_number(const page_t *page, uint32_t i)
{
    return word_number(fkv__get_le64(page->words + (size_t) i * WORD_BYTES),
                       &page->alphabet);
}


/* How many first bytes all words have. */
static unsigned
page_digits(const page_t *page)
{
    unsigned  digits = WORD_BYTES;

    for (uint32_t i = 0; i < page->n; i++) {
        uint64_t  word = fkv__get_le64(page->words + (size_t) i * WORD_BYTES);

        for (unsigned k = 0; k < digits; k++) {
            if ((uint8_t) (word >> (56 - 8 * k)) == 0) {
                digits = k;
            }
        }
    }

    return digits;
}


/* The longest run of bytes between low and high that are not used. */
static void
alphabet_gap(fkv__index_alphabet_t *a, const bool *used)
{
    unsigned  run = 0;

    for (unsigned byte = a->low; byte <= a->high; byte++) {
        run = used[byte] ? 0 : run + 1;

        if (run >= GAP_LEAST && run > a->gap_bytes) {
            a->gap = (uint8_t) (byte - run + 1);
            a->gap_bytes = (uint8_t) run;
        }
    }
}


/*
 * The bytes that words are made of, as far as all keys reach.  Decimal digits,
 * for one, are spread evenly only if they are counted as such, and hex digits
 * only without what lies between 9 and a.
 */
static void
page_alphabet(page_t *page)
{
    fkv__index_alphabet_t  *a = &page->alphabet;
    bool                    used[256] = { false };

    *a = (fkv__index_alphabet_t) {
        .low = 0xff, .high = 0, .digits = (uint8_t) page_digits(page)
    };

    for (uint32_t i = 0; i < page->n; i++) {
        uint64_t  word = fkv__get_le64(page->words + (size_t) i * WORD_BYTES);

        for (unsigned k = 0; k < a->digits; k++) {
            uint8_t  byte = (uint8_t) (word >> (56 - 8 * k));

            used[byte] = true;
            a->low = fkv__min(a->low, byte);
            a->high = fkv__max(a->high, byte);
        }
    }

    if (a->digits < DIGITS_LEAST) {
        *a = (fkv__index_alphabet_t) { .high = 0xff, .digits = WORD_BYTES };

    } else {
        alphabet_gap(a, used);
    }

    page->head[LOW_AT] = a->low;
    page->head[HIGH_AT] = a->high;
    page->head[DIGITS_AT] = a->digits;
    page->head[GAP_AT] = a->gap;
    page->head[GAP_BYTES_AT] = a->gap_bytes;
}


static void
page_put_line(page_t *page, uint32_t i, double slope)
{
    uint64_t  fixed = UINT64_MAX;

    if (slope < 0.9999) {
        fixed = (uint64_t) (slope * 18446744073709551616.0);
    }

    fkv__put_le64(page->p, page_number(page, i));
    fkv__put_le64(page->p + 8, fixed);
    fkv__put_le32(page->p + 16, i);
    page->p += LINE_BYTES;
}


/* How far off the lines are for the entries themselves. */
static uint32_t
page_error(const page_t *page, unsigned lines_n)
{
    uint32_t      error = 0;
    fkv__index_t  index = {
        .n = page->n, .lines_n = lines_n,
        .alphabet = page->alphabet,
        .lines = page->p - (size_t) lines_n * LINE_BYTES
    };

    for (uint32_t i = 0; i < page->n; i++) {
        unsigned  looks = 0;
        uint64_t  word = fkv__get_le64(page->words + (size_t) i * WORD_BYTES);
        uint32_t  guess = index_guess(&index, word, &looks);

        error = fkv__max(error, (guess > i) ? guess - i : i - guess);
    }

    return error;
}


/* One line from the first entry to the last. */
static unsigned
page_put_linear(page_t *page)
{
    uint64_t  x = page_number(page, page->n - 1) - page_number(page, 0);

    page_put_line(page, 0, (x > 0) ? (double) (page->n - 1) / (double) x : 0);

    return 1;
}


/*
 * From each line's first entry the cone of slopes that come close enough to
 * all that follow is narrowed until it is empty: there the next line begins.
 * This is the shrinking cone of FITing-Tree (Galakatos et al., SIGMOD 2019),
 * one pass and no memory.
 */
static unsigned
page_put_learned(page_t *page)
{
    unsigned  lines_n = 0;
    uint32_t  i = 0;

    while (i < page->n) {
        double    least = 0, most = 1;
        uint32_t  first = i;
        uint64_t  x0 = page_number(page, first);

        for (i = first + 1; i < page->n; i++) {
            double  x = (double) (page_number(page, i) - x0);
            double  run = i - first, off = LEARNED_OFF;

            if (x == 0) {
                if (run > off) {
                    break;
                }

                continue;
            }

            if ((run - off) / x > most || (run + off) / x < least) {
                break;
            }

            least = fkv__max(least, (run - off) / x);
            most = fkv__min(most, (run + off) / x);
        }

        page_put_line(page, first, (least + most) / 2);
        lines_n++;
    }

    return lines_n;
}


/* Lines stay only if the window they leave is worth the guess. */
static bool
page_put_lines(page_t *page, fkv__index_kind_e kind)
{
    uint8_t  *begin = page->p;
    unsigned  lines_n;
    uint32_t  error;

    lines_n = (kind == FKV__INDEX_LEARNED) ? page_put_learned(page)
                                           : page_put_linear(page);
    error = page_error(page, lines_n);

    if (lines_n > UINT16_MAX || error > ERROR_MAX
        || (2 * (uint64_t) error + 1) * lines_n * WORTH > page->n)
    {
        page->p = begin;
        return false;
    }

    fkv__put_le16(page->head + LINES_AT, (uint16_t) lines_n);
    page->head[ERROR_AT] = (uint8_t) error;

    return true;
}


static void
page_put(page_t *page, fkv__index_kind_e kind, uint64_t base)
{
    fkv_str_t  common = page_key(page, 0);

    memset(page->head, 0, FKV__INDEX_HEAD_BYTES);
    fkv__put_le32(page->head, page->n);
    fkv__put_le16(page->head + COMMON_AT, (uint16_t) page->common);
    fkv__put_le64(page->head + BASE_AT, base);

    page->p = page->head + FKV__INDEX_HEAD_BYTES;

    if (page->common > 0) {
        memcpy(page->p, common.data, page->common);
        page->p += page->common;
    }

    page->words = page->p;

    for (uint32_t i = 0; i < page->n; i++) {
        fkv__put_le64(page->p, word_of(fkv__str_from(page_key(page, i),
                                                page->common)));
        page->p += WORD_BYTES;
    }

    for (uint32_t i = 0; i < page->n; i++) {
        fkv__put_le32(page->p, (uint32_t) page->entries[i].end);
        page->p += 4;
    }

    page_alphabet(page);

    if (kind != FKV__INDEX_BINARY && !page_put_lines(page, kind)
        && kind == FKV__INDEX_LEARNED)
    {
        (void) page_put_lines(page, FKV__INDEX_LINEAR);
    }

    page_put_rests(page);
}


int
fkv__index_builder_finish(fkv__index_builder_t *index, fkv__index_kind_e kind,
    uint64_t base, fkv__buf_t *out)
{
    page_t  page = {
        .entries = (const entry_t *) (void *) index->entries.data,
        .keys = index->keys.data,
        .n = fkv__index_builder_n(index)
    };
    size_t  room;

    FKV_ASSERT(page.n > 0);
    FKV_ASSERT(index->bytes <= UINT32_MAX);
    FKV_ASSERT(index->keys.len <= UINT32_MAX);

    page.common = fkv__min(fkv__str_common(page_key(&page, 0),
                                      page_key(&page, page.n - 1)),
                           (size_t) COMMON_MAX);

    /* As if every entry had a line and were long. */
    room = FKV__INDEX_HEAD_BYTES + page.common + index->keys.len
           + page.n * (size_t) (FKV__INDEX_ENTRY_BYTES + LINE_BYTES + 4
                                + 2 * FKV__VARINT_MAX + 1);

    if (fkv__buf_reserve(out, room) != FKV_OK) {
        return FKV_ENOMEM;
    }

    page.head = out->data + out->len;
    page_put(&page, kind, base);
    out->len = (size_t) (page.p - out->data);

    index->entries.len = 0;
    index->keys.len = 0;
    index->bytes = 0;

    return FKV_OK;
}
