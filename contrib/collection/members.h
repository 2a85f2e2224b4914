/*
 * members.h - names, and maybe a value of each, under one key: what hashes and
 * sets are.
 *
 * Shape      head: form 1, then
 *              packed    count 2 | name, value (of a hash), name, value ...
 *              elements  count 8 | timed 8 | next 8 | seed 4
 *            elements: 'm' | hash of the name 4 | name -> value
 *                      't' | time in ms 8 | name -> nothing, of a timed member
 *            All big-endian.  What is small is packed; once it is not, each
 *            member is an element, for good
 * Hash       keyed by the seed: the order of elements is nobody's choice.  So a
 *            place among them is a number (SCAN's cursor), and whoever begins
 *            anywhere meets members at random
 * Time       a member's element expires GRACE_MS after its time, so that what
 *            is decided at ctx->now sees it, dead or alive.  Dead ones are as
 *            if they were not there.  count has all members whose entry 't' is
 *            there, dead or alive, and those without a time; a write removes
 *            entries that are over first, and what a reader finds of them it
 *            subtracts.  So the number of members is right at any moment, and
 *            costs nothing where no member has a time
 * Without    any member there is no key
 */

#ifndef COLLECTION_MEMBERS_H
#define COLLECTION_MEMBERS_H

#include "ferrokv_extension.h"

#include <stdbool.h>

typedef struct {
    const ferrokv_type   *type;
    const ferrokv_param  *entries;      /* as much may be packed */
    const ferrokv_param  *bytes;
    bool                  valued;
    bool                  ordered;      /* packed: by value, then by name */
} members_kind_t;

typedef enum {
    MEMBERS_NONE,
    MEMBERS_PACKED = 1,                 /* on disk, do not change */
    MEMBERS_ELEMENTS = 2
} members_form_e;

typedef struct {
    ferrokv_ctx           *ctx;
    const members_kind_t  *kind;
    ferrokv_str            key;
    uint64_t               expires;     /* the key's */
    members_form_e         form;
    bool                   changed;     /* the head is to be written */
    uint64_t               count;

    const unsigned char   *items;       /* packed */
    size_t                 len;
    unsigned char         *own;         /* items, where they may be changed */
    size_t                 room;

    uint64_t               timed;       /* elements */
    uint64_t               next;        /* no time is over before */
    uint32_t               seed;
    uint64_t               walked;      /* by the last walk, dead ones too */
} members_t;

typedef struct {
    ferrokv_str            name;
    ferrokv_str            value;
    uint64_t               expires;     /* ms, 0: never */
} member_t;

/* Other than FERROKV_OK ends the walk, which returns it. */
typedef int (*members_row)(members_t *m, void *data, const member_t *member);

#define MEMBERS_STOP  FERROKV_AGAIN     /* of a row: it has seen enough */

/*
 * To read or to write.  FERROKV_OK, also if there are none, which count says
 * (of one to read: count is exact) · failures, passed on
 */
int members_open(members_t *m, const members_kind_t *kind, ferrokv_ctx *ctx,
    ferrokv_str key);
int members_open_write(members_t *m, const members_kind_t *kind,
    ferrokv_ctx *ctx, ferrokv_str key);

/* As one that holds nothing, whatever is there: close() writes over it. */
int members_replace(members_t *m, const members_kind_t *kind, ferrokv_ctx *ctx,
    ferrokv_str key);

/* FERROKV_OK · FERROKV_NONE */
int members_get(members_t *m, ferrokv_str name, member_t *member);

/* Before each of several is asked for: what is on the disk comes at once.
   FERROKV_OK · FERROKV_ENOTYET, passed on · failures */
int members_ahead(members_t *m, const ferrokv_str *names, size_t n,
    size_t step);

/*
 * As ferrokv_ahead has it: the elements of the members argv[2], and every
 * step-th behind it.
 */
size_t members_elements(const members_kind_t *kind, ferrokv_ctx *ctx,
    const ferrokv_value *head, size_t argc, const ferrokv_str *argv,
    size_t step, ferrokv_str *names, size_t max);

/*
 * An array, of each of the names what say() says of it; NULL is a member that
 * is not there.  answer: of HMGET and its like, the names are argv[2], ...
 * FERROKV_OK · failures
 */
typedef void (*members_say_pt)(ferrokv_ctx *ctx, const member_t *member,
    const void *data);

int members_say(members_t *m, const ferrokv_str *names, size_t n,
    members_say_pt say, const void *data);
int members_answer(const members_kind_t *kind, ferrokv_ctx *ctx, size_t argc,
    const ferrokv_str *argv, members_say_pt say);

/* Its time stays, or it has none; *added may be NULL. */
int members_put(members_t *m, ferrokv_str name, ferrokv_str value, bool keep,
    bool *added);

/* What get gave, or NULL for nothing, is known: it is not asked for again. */
int members_put_over(members_t *m, const member_t *old, ferrokv_str name,
    ferrokv_str value);

/* FERROKV_OK · FERROKV_NONE */
int members_del(members_t *m, ferrokv_str name);

/* Of a member that is there; at 0: it has none.  All are elements then. */
int members_expire(members_t *m, const member_t *member, uint64_t at);

/* What has been changed becomes the key's value; none are left: no key. */
int members_close(members_t *m);

/*
 * All of them, or those from a place (a hash) on, n at most (0: no limit), of
 * which dead ones are not shown.
 * FERROKV_OK · what row has returned
 */
int members_each(members_t *m, members_row row, void *data);
int members_from(members_t *m, uint32_t place, uint64_t n, members_row row,
    void *data);
uint32_t members_place(const members_t *m, ferrokv_str name);


#endif /* COLLECTION_MEMBERS_H */
