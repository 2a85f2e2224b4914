/*
 * field.h - the fields of a message, and what all of them have in common:
 * RFC 9110, sections 5.5 and 5.6.
 *
 * Shape      an array of names and values in the order of the message; a field
 *            of several lines is several members of the array.  Values have no
 *            blanks at their ends
 *
 * Nothing here owns or copies bytes.
 */

#ifndef FKV_RULES_FIELD_H
#define FKV_RULES_FIELD_H

#include "rules/name.h"

typedef struct {
    fkv_str_t         name;
    fkv_str_t         value;
    fkv_rules_name_e  id;               /* fkv_rules_name(name) */
} fkv_rules_field_t;

typedef struct {
    const fkv_rules_field_t  *field;
    size_t                    n;
} fkv_rules_fields_t;


/* ASCII letters without regard to case. */
static inline uint8_t
fkv_rules_lower(uint8_t byte)
{
    unsigned  capital = ((unsigned) byte - 'A' < 26);

    return (uint8_t) (byte | capital << 5);
}


bool fkv_rules_same(fkv_str_t a, fkv_str_t b);

/* One character of a token; one or more of them. */
bool fkv_rules_token_byte(uint8_t byte);
bool fkv_rules_token(fkv_str_t text);

/*
 * Whether a field may be sent as it is: its name is a token, its value has no
 * CR, LF or NUL.  What is stored must be so, and nothing else ever is.
 */
bool fkv_rules_field_safe(fkv_rules_field_t field);

/* Without the spaces and tabs at both ends. */
fkv_str_t fkv_rules_trim(fkv_str_t text);

/*
 * How long the quoted string is whose first quote text begins with.
 * 0: it has no end
 */
size_t fkv_rules_quoted(fkv_str_t text);

/*
 * Takes the next member off the front of a comma-separated list of tokens,
 * trimmed.  Empty members are passed over.
 * false: there is none
 */
bool fkv_rules_list_next(fkv_str_t *rest, fkv_str_t *member);

/*
 * Digits only, and at least one; what is over FKV_RULES_SECONDS_MAX becomes
 * that (RFC 9111, section 1.2.2).
 * FKV_OK · FKV_EINVAL
 */
#define FKV_RULES_SECONDS_MAX  2147483648

int fkv_rules_seconds(fkv_str_t text, int64_t *seconds);


#endif /* FKV_RULES_FIELD_H */
