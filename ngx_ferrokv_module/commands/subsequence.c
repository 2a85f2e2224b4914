#include "commands/subsequence.h"

#include <string.h>

#define BYTES  256


int
fkv_subsequence_check(fkv_str_t a, fkv_str_t b)
{
    if (fkv__max(a.len, b.len) > FKV_SUBSEQUENCE_BYTES_MAX) {
        return FKV_ETOOBIG;
    }

    if ((a.len + 1) * (b.len + 1) > FKV_SUBSEQUENCE_CELLS_MAX) {
        return FKV_EFULL;
    }

    return FKV_OK;
}


/* Bytes that a has: only their places in b matter.  Their number. */
static unsigned
number_bytes(fkv_str_t a, uint16_t number[BYTES])
{
    unsigned  n = 0;

    memset(number, 0, BYTES * sizeof(number[0]));

    for (size_t i = 0; i < a.len; i++) {
        if (number[a.data[i]] == 0) {
            number[a.data[i]] = (uint16_t) ++n;
        }
    }

    return n;
}


static size_t
row_words(const fkv_subsequence_t *lcs)
{
    return (lcs->b.len + 63) / 64;
}


size_t
fkv_subsequence_memory(const fkv_subsequence_t *lcs)
{
    uint16_t  number[BYTES];
    size_t    rows = lcs->back ? lcs->a.len + 1 : 1;

    return (rows + number_bytes(lcs->a, number)) * row_words(lcs)
           * sizeof(uint64_t);
}


/*
 * In a row, each block of ones that ends in a 0 behind it holds one step of the
 * length.  The sum moves a block's 0 to the first place of the byte in it,
 * which is Crochemore's, Iliopoulos', Pinzon's and Reid's way.
 */
static void
row_next(const uint64_t *row, const uint64_t *places, uint64_t *next,
    size_t words)
{
    unsigned char  carry = 0;

    for (size_t k = 0; k < words; k++) {
        uint64_t  at = row[k] & places[k];
        uint64_t  sum;
        bool      over = __builtin_add_overflow(row[k], at, &sum);

        over |= __builtin_add_overflow(sum, (uint64_t) carry, &sum);
        carry = over;
        next[k] = sum | (row[k] & ~places[k]);
    }
}


void
fkv_subsequence_find(fkv_subsequence_t *lcs, void *memory)
{
    uint16_t   number[BYTES];
    unsigned   n = number_bytes(lcs->a, number);
    size_t     words = row_words(lcs);
    uint64_t  *places = memory, *row = places + n * words;

    memset(places, 0, n * words * sizeof(uint64_t));
    memset(row, 0xff, words * sizeof(uint64_t));

    for (size_t j = 0; j < lcs->b.len; j++) {
        unsigned  of = number[lcs->b.data[j]];

        if (of > 0) {
            places[(of - 1) * words + j / 64] |= 1ULL << (j % 64);
        }
    }

    lcs->rows = row;
    lcs->words = words;
    lcs->i = lcs->a.len;
    lcs->j = lcs->b.len;
    lcs->length = 0;

    for (size_t i = 0; i < lcs->a.len; i++) {
        unsigned   of = number[lcs->a.data[i]];
        uint64_t  *next = lcs->back ? row + words : row;

        row_next(row, places + (of - 1) * words, next, words);
        row = next;
    }

    /* Bits behind b are never in places, so they stay ones. */
    for (size_t k = 0; k < words; k++) {
        lcs->length += (unsigned) __builtin_popcountll(~row[k]);
    }
}


static bool
grows_at(const fkv_subsequence_t *lcs, size_t i, size_t j)
{
    return !((lcs->rows[i * lcs->words + (j - 1) / 64] >> ((j - 1) % 64)) & 1);
}


/*
 * At bytes that differ, the length is that without the one or without the
 * other.  If it grows by the byte of b, it is the one without that of a; else
 * b's byte is not needed.
 */
int
fkv_subsequence_back(fkv_subsequence_t *lcs, fkv_subsequence_run_t *run)
{
    size_t  i = lcs->i, j = lcs->j;

    while (i > 0 && j > 0 && lcs->a.data[i - 1] != lcs->b.data[j - 1]) {
        if (grows_at(lcs, i, j)) {
            i--;
        } else {
            j--;
        }
    }

    for (run->len = 0;
         i > 0 && j > 0 && lcs->a.data[i - 1] == lcs->b.data[j - 1];
         run->len++)
    {
        i--;
        j--;
    }

    lcs->i = run->a = i;
    lcs->j = run->b = j;

    return (run->len > 0) ? FKV_OK : FKV_END;
}
