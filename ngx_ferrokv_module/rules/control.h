/*
 * control.h - cache directives: RFC 9111, section 5.2, RFC 5861, and as
 * structured fields RFC 9213.
 *
 * Shape      lines of Cache-Control -> one struct; the same for requests and
 *            responses, whose directives differ in name or in meaning only
 *
 * When in doubt the stricter reading holds:
 *   1  a directive that forbids counts whatever its argument is; one that
 *      allows (public, max-stale, stale-while-revalidate, ..) only if right.
 *   2  max-age and s-maxage without a right number are 0: stale.
 *   3  of a directive given twice the first value holds, in a structured field
 *      the last one, as RFC 8941 has it.
 *   4  no-cache="a, b" and private="a, b" name fields to keep out of the cache;
 *      a list that is no list of names, or too long, is no-cache or private.
 *   5  a quoted string without an end is cut at the next comma and what the
 *      line says about freshness is 0.
 * Unknown directives and empty members are passed over.
 *
 * The struct points into the lines.
 */

#ifndef FKV_RULES_CONTROL_H
#define FKV_RULES_CONTROL_H

#include "rules/field.h"

#define FKV_RULES_WITHOUT_MAX  8

enum {                                  /* fkv_rules_control_t.flags */
    FKV_RULES_NO_STORE         = 1 << 0,
    FKV_RULES_NO_CACHE         = 1 << 1,    /* without a list of fields */
    FKV_RULES_PRIVATE          = 1 << 2,    /* the same */
    FKV_RULES_PUBLIC           = 1 << 3,
    FKV_RULES_MUST_REVALIDATE  = 1 << 4,
    FKV_RULES_PROXY_REVALIDATE = 1 << 5,
    FKV_RULES_MUST_UNDERSTAND  = 1 << 6,
    FKV_RULES_ONLY_IF_CACHED   = 1 << 7,
    FKV_RULES_MAX_STALE        = 1 << 8     /* however stale */
};

#define FKV_RULES_NONE  (-1)            /* a directive that is not there */

typedef struct {
    unsigned   flags;
    int64_t    max_age_s;
    int64_t    s_maxage_s;
    int64_t    max_stale_s;
    int64_t    min_fresh_s;
    int64_t    while_revalidate_s;      /* stale-while-revalidate */
    int64_t    if_error_s;              /* stale-if-error */

    struct {
        fkv_str_t  names;               /* a list of field names */
        unsigned   flag;                /* of NO_CACHE, PRIVATE */
    }          without[FKV_RULES_WITHOUT_MAX];
    unsigned   n_without;
} fkv_rules_control_t;


/* Nothing is said. */
void fkv_rules_control_init(fkv_rules_control_t *control);

/* One line of Cache-Control more. */
void fkv_rules_control_add(fkv_rules_control_t *control, fkv_str_t line);

/*
 * All lines of the targeted field of that name (RFC 9213, section 2.1).
 * FKV_OK       · FKV_NOTFOUND the field is not there, is empty, or any of its
 * lines is malformed; control says nothing
 */
int fkv_rules_control_targeted(fkv_rules_control_t *control,
    fkv_rules_fields_t fields, fkv_str_t name);

/* Whether a no-cache or private list names the field. */
bool fkv_rules_control_without(const fkv_rules_control_t *control,
    fkv_str_t name);


#endif /* FKV_RULES_CONTROL_H */
