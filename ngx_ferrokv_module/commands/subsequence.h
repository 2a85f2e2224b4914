/*
 * subsequence.h - the longest common subsequence of two strings.
 *
 * Shape    a row for each byte of a, in it a bit for each byte of b: 0 where
 *          the length up to there is one more than without that byte of b.
 *          A row comes from the one before it, 64 bits at a time; the way back,
 *          from the end of both strings, reads two strings and one bit a step
 * Bounds   fkv_subsequence_check(): some milliseconds, and 8 MiB at most
 */

#ifndef FKV_COMMANDS_SUBSEQUENCE_H
#define FKV_COMMANDS_SUBSEQUENCE_H

#include "base/types.h"

#define FKV_SUBSEQUENCE_BYTES_MAX  (256 * 1024)         /* of a string */
#define FKV_SUBSEQUENCE_CELLS_MAX  (32 * 1024 * 1024)   /* the product, each
                                                           with one more */

typedef struct {
    fkv_str_t   a, b;
    bool        back;       /* rows are kept, for fkv_subsequence_back() */

    size_t      length;

    uint64_t   *rows;       /* ours */
    size_t      words;      /* of a row */
    size_t      i, j;       /* so much of a and b lies before the way back */
} fkv_subsequence_t;

/* Bytes that stand together in both strings. */
typedef struct {
    size_t      a, b;       /* where they begin */
    size_t      len;
} fkv_subsequence_run_t;


/* FKV_OK · FKV_ETOOBIG a string is too long · FKV_EFULL the product is */
int fkv_subsequence_check(fkv_str_t a, fkv_str_t b);

/* With a, b and back given: the memory that find needs, then length. */
size_t fkv_subsequence_memory(const fkv_subsequence_t *lcs);
void fkv_subsequence_find(fkv_subsequence_t *lcs, void *memory);

/*
 * The next run, from the last to the first.  Where there is a choice, a byte
 * of b is left out rather than one of a, from the end.
 * FKV_OK · FKV_END
 */
int fkv_subsequence_back(fkv_subsequence_t *lcs, fkv_subsequence_run_t *run);


#endif /* FKV_COMMANDS_SUBSEQUENCE_H */
