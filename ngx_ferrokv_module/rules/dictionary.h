/*
 * dictionary.h - dictionaries of structured fields: RFC 8941, section 4.2.
 *
 * Shape      text -> members, one by one: key, type and text of the value;
 *            parameters are checked and passed over
 *
 * Any error is one of the whole field: use nothing of it.
 */

#ifndef FKV_RULES_DICTIONARY_H
#define FKV_RULES_DICTIONARY_H

#include "rules/field.h"

typedef enum {
    FKV_RULES_TRUE,                     /* no value, or ?1 */
    FKV_RULES_FALSE,
    FKV_RULES_INTEGER,                  /* not negative */
    FKV_RULES_STRING,                   /* text: without quotes */
    FKV_RULES_UNUSED                    /* a negative or decimal number, token,
                                           bytes, inner list */
} fkv_rules_type_e;

typedef struct {
    fkv_str_t         key;
    fkv_rules_type_e  type;
    fkv_str_t         text;
} fkv_rules_member_t;


/* Where its members begin: without the spaces around it. */
fkv_str_t fkv_rules_dictionary(fkv_str_t text);

/*
 * Takes the next member off the front.
 * FKV_OK · FKV_END · FKV_EINVAL
 */
int fkv_rules_dictionary_next(fkv_str_t *rest, fkv_rules_member_t *member);


#endif /* FKV_RULES_DICTIONARY_H */
