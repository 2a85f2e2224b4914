/*
 * message.h - the fields of a message, written as lines.
 */

#ifndef FKV_T_MESSAGE_H
#define FKV_T_MESSAGE_H

#include "check.h"
#include "rules/field.h"

#define MESSAGE_FIELDS_MAX  64

typedef struct {
    fkv_rules_field_t   field[MESSAGE_FIELDS_MAX];
    fkv_rules_fields_t  fields;
    uint8_t            *copy;
} message_t;


static inline fkv_str_t
str(const char *text)
{
    return (fkv_str_t) { (const uint8_t *) text, strlen(text) };
}


static inline fkv_rules_field_t
message_field(fkv_str_t name, fkv_str_t value)
{
    return (fkv_rules_field_t) { name, value, fkv_rules_name(name) };
}


/* "Name: value\nName: value"; the bytes are a copy of exactly that size. */
static inline fkv_rules_fields_t
message_read(message_t *m, const char *lines)
{
    size_t     len = strlen(lines);
    fkv_str_t  rest;

    m->copy = check_copy(lines, len);
    m->fields = (fkv_rules_fields_t) { m->field, 0 };
    rest = (fkv_str_t) { m->copy, len };

    while (rest.len > 0) {
        const uint8_t  *end = memchr(rest.data, '\n', rest.len);
        size_t          n = end ? (size_t) (end - rest.data) : rest.len;
        const uint8_t  *colon = memchr(rest.data, ':', n);

        assert_non_null(colon);
        assert_true(m->fields.n < MESSAGE_FIELDS_MAX);

        m->field[m->fields.n++] = message_field(
            (fkv_str_t) { rest.data, (size_t) (colon - rest.data) },
            fkv_rules_trim((fkv_str_t) { colon + 1,
                                     n - (size_t) (colon + 1 - rest.data) }));

        rest = fkv__str_from(rest, n + 1);
    }

    return m->fields;
}


static inline void
message_done(message_t *m)
{
    free(m->copy);
}


#endif /* FKV_T_MESSAGE_H */
