#include "commands/bitfield.h"
#include "commands/bitmap.h"
#include "commands/bits.h"
#include "commands/held.h"
#include "commands/number.h"

#include <string.h>

typedef __int128  wide_t;

typedef enum {
    FIELD_GET,
    FIELD_SET,
    FIELD_INCRBY
} field_e;

typedef struct {
    field_e                  what;
    fkv_bitfield_type_t      type;
    uint64_t                 at;
    int64_t                  n;         /* of SET and INCRBY */
    fkv_bitfield_overflow_e  overflow;
} field_t;

typedef struct {
    field_t   *fields;
    unsigned   n;
    bool       writes;
    uint64_t   bytes;           /* a value that holds all that is written */
} fields_t;


int
fkv_bitfield_type(fkv_str_t text, fkv_bitfield_type_t *type)
{
    int64_t  width;

    if (text.len == 0 || (text.data[0] != 'i' && text.data[0] != 'u')) {
        return FKV_NOTINT;
    }

    type->is_signed = (text.data[0] == 'i');
    text.data++;
    text.len--;

    if (fkv_number_int(text, &width) != FKV_OK
        || width < 1 || width > (type->is_signed ? 64 : 63))
    {
        return FKV_NOTINT;
    }

    type->width = (unsigned) width;

    return FKV_OK;
}


int64_t
fkv_bitfield_value(fkv_bitfield_type_t type, uint64_t bits)
{
    unsigned  unused = 64 - type.width;

    return type.is_signed ? (int64_t) (bits << unused) >> unused
                          : (int64_t) (bits << unused >> unused);
}


static bool
fit(fkv_bitfield_type_t type, wide_t exact, fkv_bitfield_overflow_e overflow,
    int64_t *n)
{
    unsigned  bits = type.width - type.is_signed;
    wide_t    max = ((wide_t) 1 << bits) - 1;
    wide_t    min = type.is_signed ? -max - 1 : 0;

    if (exact < min || exact > max) {
        switch (overflow) {
        case FKV_BITFIELD_FAIL:
            return false;

        case FKV_BITFIELD_SAT:
            exact = (exact < min) ? min : max;
            break;

        case FKV_BITFIELD_WRAP:
            break;
        }
    }

    *n = fkv_bitfield_value(type, (uint64_t) exact);

    return true;
}


bool
fkv_bitfield_add(fkv_bitfield_type_t type, int64_t n, int64_t by,
    fkv_bitfield_overflow_e overflow, int64_t *sum)
{
    return fit(type, (wide_t) n + by, overflow, sum);
}


bool
fkv_bitfield_set(fkv_bitfield_type_t type, int64_t n,
    fkv_bitfield_overflow_e overflow, int64_t *set)
{
    return fit(type, type.is_signed ? (wide_t) n : (wide_t) (uint64_t) n,
               overflow, set);
}


static int
overflow_read(fkv_call_t *call, unsigned i, fkv_bitfield_overflow_e *overflow)
{
    if (fkv_call_is(call, i, "WRAP")) {
        *overflow = FKV_BITFIELD_WRAP;

    } else if (fkv_call_is(call, i, "SAT")) {
        *overflow = FKV_BITFIELD_SAT;

    } else if (fkv_call_is(call, i, "FAIL")) {
        *overflow = FKV_BITFIELD_FAIL;

    } else {
        return fkv_call_fail(call, "ERR Invalid OVERFLOW type specified");
    }

    return FKV_OK;
}


/* "GET u8 0" from argument i on; how many arguments it has, 0: replied. */
static unsigned
field_read(fkv_call_t *call, unsigned i, field_t *field)
{
    unsigned  left = call->argc - i, takes = 4;

    if (fkv_call_is(call, i, "GET")) {
        field->what = FIELD_GET;
        takes = 3;

    } else if (fkv_call_is(call, i, "SET")) {
        field->what = FIELD_SET;

    } else if (fkv_call_is(call, i, "INCRBY")) {
        field->what = FIELD_INCRBY;

    } else {
        takes = left + 1;
    }

    if (takes > left) {
        (void) fkv_call_syntax(call);
        return 0;
    }

    if (fkv_bitfield_type(call->argv[i + 1], &field->type) != FKV_OK) {
        (void) fkv_call_fail(call, "ERR Invalid bitfield type. Use something "
                             "like i16 u8. Note that u64 is not supported but "
                             "i64 is.");
        return 0;
    }

    if (fkv_bitmap_offset(call, i + 2, field->type.width,
                          field->what != FIELD_GET, &field->at)
            != FKV_OK
        || (takes == 4 && fkv_call_int(call, i + 3, &field->n) != FKV_OK))
    {
        return 0;
    }

    return takes;
}


static int
fields_read(fkv_call_t *call, fields_t *fields)
{
    fkv_bitfield_overflow_e  overflow = FKV_BITFIELD_WRAP;
    unsigned                 takes;

    memset(fields, 0, sizeof(*fields));
    fields->fields = fkv_call_alloc(call, call->argc * sizeof(field_t));

    for (unsigned i = 2; i < call->argc; i += takes) {
        field_t  *field = &fields->fields[fields->n];

        if (fkv_call_is(call, i, "OVERFLOW") && i + 1 < call->argc) {
            if (overflow_read(call, i + 1, &overflow) != FKV_OK) {
                return FKV_EINVAL;
            }

            takes = 2;
            continue;
        }

        takes = field_read(call, i, field);
        if (takes == 0) {
            return FKV_EINVAL;
        }

        field->overflow = overflow;
        fields->n++;

        if (field->what != FIELD_GET) {
            fields->writes = true;
            fields->bytes = fkv__max(fields->bytes,
                                (field->at + field->type.width + 7) / 8);
        }
    }

    return FKV_OK;
}


static int64_t
field_value(fkv_str_t row, const field_t *field)
{
    return fkv_bitfield_value(field->type,
               fkv_bits_number(row, field->at, field->type.width));
}


/* Replies; true: the row is not what it was. */
static bool
field_write(fkv_reply_t *reply, uint8_t *row, size_t len, const field_t *field)
{
    int64_t  was = field_value((fkv_str_t) { row, len }, field);
    int64_t  is;
    bool     set = (field->what == FIELD_SET);
    bool     ok = set ? fkv_bitfield_set(field->type, field->n,
                                         field->overflow, &is)
                      : fkv_bitfield_add(field->type, was, field->n,
                                         field->overflow, &is);

    if (!ok) {
        fkv_reply_null(reply);
        return false;
    }

    fkv_bits_number_put(row, field->at, field->type.width, (uint64_t) is);
    fkv_reply_int(reply, set ? was : is);

    return is != was;
}


static int
fields_write(fkv_call_t *call, const fields_t *fields, const fkv_held_t *held)
{
    uint8_t   *row;
    size_t     len = fkv__max(held->value.data.len, fields->bytes);
    bool       changed = len > held->value.data.len;
    fkv_str_t  data = { NULL, len };
    int        rc = fkv_held_copy(call, held, len, &row);

    if (rc != FKV_OK) {
        return rc;
    }

    data.data = row;

    for (unsigned i = 0; i < fields->n; i++) {
        const field_t  *field = &fields->fields[i];

        if (field->what == FIELD_GET) {
            fkv_reply_int(call->reply, field_value(data, field));

        } else if (field_write(call->reply, row, len, field)) {
            changed = true;
        }
    }

    return changed ? fkv_call_put(call, call->argv[1], data,
                                  held->value.expire_at)
                   : FKV_OK;
}


static int
fields_run(fkv_call_t *call, const fields_t *fields)
{
    fkv_held_t  held;
    int         rc = fkv_held_get(call, 1, &held);

    if (rc != FKV_OK) {
        return rc;
    }

    fkv_reply_array(call->reply, fields->n);

    if (fields->writes) {
        return fields_write(call, fields, &held);
    }

    fkv_held_looked(call, &held);

    for (unsigned i = 0; i < fields->n; i++) {
        fkv_reply_int(call->reply,
                      field_value(held.value.data, &fields->fields[i]));
    }

    return FKV_OK;
}


static int
bitfield_call(fkv_call_t *call)
{
    fields_t  fields;
    int       rc = fields_read(call, &fields);

    return (rc == FKV_OK) ? fields_run(call, &fields) : rc;
}


static int
bitfield_ro_call(fkv_call_t *call)
{
    fields_t  fields;
    int       rc = fields_read(call, &fields);

    if (rc == FKV_OK && fields.writes) {
        return fkv_call_fail(call, "ERR BITFIELD_RO only supports the GET "
                             "subcommand");
    }

    return (rc == FKV_OK) ? fields_run(call, &fields) : rc;
}


const fkv_command_t  fkv_commands_bitfield[] = {
    { "BITFIELD", -2, FKV_COMMAND_WRITE, 1, 1, 1, bitfield_call, "bitmap",
      "3.2.0",
      "key [GET type offset | [OVERFLOW WRAP | SAT | FAIL] "
      "SET type offset value | INCRBY type offset increment ...]",
      "Reads and writes numbers of any width in a value.", NULL },
    { "BITFIELD_RO", -2, FKV_COMMAND_READ, 1, 1, 1, bitfield_ro_call,
      "bitmap", "6.0.0",
      "key [GET type offset ...]",
      "Reads numbers of any width in a value.", NULL },
    { .name = NULL }
};
