/*
 * name.c - a name is compared only with those of its length and first letter.
 */

#include "rules/name.h"
#include "rules/field.h"

typedef struct {
    fkv_rules_name_e  id;
    fkv_str_t         name;
} known_t;

/* In the order of ids, which is nearly that of the alphabet. */
static const known_t  known[] = {
#define KNOWN(id, value, text)  { id, { (const uint8_t *) text,               \
                                        sizeof(text) - 1 } },
    FKV_RULES_NAME_MAP(KNOWN)
#undef KNOWN
};


fkv_rules_name_e
fkv_rules_name(fkv_str_t name)
{
    uint8_t  first;

    if (name.len == 0) {
        return FKV_RULES_OTHER;
    }

    first = fkv_rules_lower(name.data[0]);

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (known[i].name.len == name.len && known[i].name.data[0] == first
            && fkv_rules_same(known[i].name, name))
        {
            return known[i].id;
        }
    }

    return FKV_RULES_OTHER;
}
