/*
 * scan.h - HSCAN, SSCAN: a cursor is a place among the elements; what is packed
 * comes at once.
 *
 * A call ends between two places, so members that share one come together.
 * What is there during the whole walk is met once.
 */

#ifndef COLLECTION_SCAN_H
#define COLLECTION_SCAN_H

#include "members.h"

/* What SCAN and its like are told behind the key. */
typedef struct {
    uint64_t     cursor;
    int64_t      count;
    ferrokv_str  match;         /* data NULL: all */
} scan_t;

int scan_cursor(ferrokv_ctx *ctx, ferrokv_str arg, scan_t *scan);

/* Those of argv from the third on. */
int scan_options(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv,
    scan_t *scan);

bool scan_wants(const scan_t *scan, ferrokv_str name);

/* The beginning of the answer: n strings follow. */
void scan_say(ferrokv_ctx *ctx, uint64_t cursor, size_t n);

/* A value as it is shown. */
typedef ferrokv_str (*scan_text)(ferrokv_ctx *ctx, ferrokv_str value);

/* The whole command: key cursor [MATCH pattern] [COUNT count]; text may be
   NULL. */
int scan_members(const members_kind_t *kind, scan_text text, ferrokv_ctx *ctx,
    size_t argc, const ferrokv_str *argv);


#endif /* COLLECTION_SCAN_H */
