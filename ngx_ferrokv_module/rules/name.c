/*
 * name.c - a name is compared only with those of its length and first letter.
 */

#include "rules/name.h"
#include "rules/field.h"

#define LENGTH_MAX  31

/* By id. */
static const fkv_str_t  known[] = {
#define KNOWN(id, value, text)                                                \
    [value] = { (const uint8_t *) text, sizeof(text) - 1 },
    FKV_RULES_NAME_MAP(KNOWN)
#undef KNOWN
};

_Static_assert(sizeof(known) / sizeof(known[0]) <= 64, "ids are bits");

/* The ids of a length as bits; made when the program, or library, is loaded. */
static uint64_t  of_length[LENGTH_MAX + 1];


static __attribute__((constructor)) void
names_index(void)
{
    for (size_t id = 1; id < sizeof(known) / sizeof(known[0]); id++) {
        of_length[known[id].len] |= (uint64_t) 1 << id;
    }
}


fkv_rules_name_e
fkv_rules_name(fkv_str_t name)
{
    uint8_t   first;
    uint64_t  ids;

    if (name.len == 0 || name.len > LENGTH_MAX) {
        return FKV_RULES_OTHER;
    }

    first = fkv_rules_lower(name.data[0]);

    for (ids = of_length[name.len]; ids != 0; ids &= ids - 1) {
        unsigned  id = (unsigned) __builtin_ctzll(ids);

        if (known[id].data[0] == first && fkv_rules_same(known[id], name)) {
            return (fkv_rules_name_e) id;
        }
    }

    return FKV_RULES_OTHER;
}
