#include "commands/bitmap.h"
#include "commands/bits.h"
#include "commands/held.h"
#include "commands/number.h"


int
fkv_bitmap_offset(fkv_call_t *call, unsigned i, unsigned width, bool write,
    uint64_t *at)
{
    fkv_str_t  text = call->argv[i];
    bool       of_width = (width > 0 && text.len > 0 && text.data[0] == '#');
    uint64_t   max = fkv_call_value_max(call);
    int64_t    n;

    if (!write) {
        max = fkv__max(max, FKV_BITMAP_BYTES_MAX);
    }

    if (of_width) {
        text.data++;
        text.len--;
    }

    if (fkv_number_int(text, &n) != FKV_OK
        || n < 0
        || __builtin_mul_overflow(n, of_width ? (int64_t) width : 1, &n)
        || (uint64_t) n / 8 >= max)
    {
        return fkv_call_fail(call, "ERR bit offset is not an integer or out "
                             "of range");
    }

    *at = (uint64_t) n;

    return FKV_OK;
}


static int
bitmap_setbit(fkv_call_t *call)
{
    fkv_held_t  held;
    uint64_t    at;
    uint8_t    *data;
    size_t      len;
    fkv_str_t   bit = call->argv[3];
    unsigned    was, is;
    int         rc = fkv_bitmap_offset(call, 2, 0, true, &at);

    if (rc != FKV_OK) {
        return rc;
    }

    if (bit.len != 1 || (bit.data[0] != '0' && bit.data[0] != '1')) {
        return fkv_call_fail(call, "ERR bit is not an integer or out of range");
    }

    rc = fkv_held_get(call, 1, &held);
    if (rc != FKV_OK) {
        return rc;
    }

    is = (bit.data[0] == '1');
    len = fkv__max(held.value.data.len, at / 8 + 1);
    was = fkv_bits_get(held.value.data, at);

    if (len > held.value.data.len || was != is) {
        rc = fkv_held_copy(call, &held, len, &data);
        if (rc != FKV_OK) {
            return rc;
        }

        fkv_bits_put(data, at, is);
        rc = fkv_call_put(call, call->argv[1], (fkv_str_t) { data, len },
                          held.value.expire_at);
    }

    if (rc == FKV_OK) {
        fkv_reply_int(call->reply, was);
    }

    return rc;
}


static int
bitmap_getbit(fkv_call_t *call)
{
    fkv_held_t  held;
    uint64_t    at;
    int         rc = fkv_bitmap_offset(call, 2, 0, false, &at);

    if (rc == FKV_OK) {
        rc = fkv_held_get(call, 1, &held);
    }

    if (rc == FKV_OK) {
        fkv_reply_int(call->reply, fkv_bits_get(held.value.data, at));
    }

    return rc;
}


/* How many bits one of a range's units has; argument i names it, if given. */
static int
unit_read(fkv_call_t *call, unsigned i, unsigned *unit)
{
    *unit = 8;

    if (i >= call->argc || fkv_call_is(call, i, "BYTE")) {
        return FKV_OK;
    }

    if (fkv_call_is(call, i, "BIT")) {
        *unit = 1;
        return FKV_OK;
    }

    return fkv_call_syntax(call);
}


/* What arguments 2 to 4 leave of the row's bits, maybe none. */
static int
count_range(fkv_call_t *call, fkv_str_t row, uint64_t *first, uint64_t *end)
{
    int64_t   from, to;
    unsigned  unit;

    *first = 0;
    *end = row.len * 8;

    if (call->argc == 2) {
        return FKV_OK;
    }

    if (call->argc != 4 && call->argc != 5) {
        return fkv_call_syntax(call);
    }

    if (fkv_call_int(call, 2, &from) != FKV_OK
        || fkv_call_int(call, 3, &to) != FKV_OK)
    {
        return FKV_EINVAL;
    }

    if (fkv_held_reversed(from, to)) {
        *end = 0;
        return FKV_OK;
    }

    if (unit_read(call, 4, &unit) != FKV_OK) {
        return FKV_EINVAL;
    }

    if (fkv_held_range(from, to, row.len * 8 / unit, first, end)) {
        *first *= unit;
        *end *= unit;
    } else {
        *first = *end = 0;
    }

    return FKV_OK;
}


static int
bitmap_bitcount(fkv_call_t *call)
{
    fkv_held_t  held;
    uint64_t    first = 0, end = 0;
    int         rc = fkv_held_get(call, 1, &held);

    /* Of a key that does not exist nothing else is looked at. */
    if (rc == FKV_OK && held.exists) {
        rc = count_range(call, held.value.data, &first, &end);
    }

    if (rc == FKV_OK) {
        fkv_reply_int(call->reply,
                      (int64_t) fkv_bits_count(held.value.data, first, end));
    }

    return rc;
}


/* Arguments 3 to 5.  FKV_OK · FKV_END: no bits · FKV_EINVAL, replied */
static int
find_range(fkv_call_t *call, fkv_str_t row, uint64_t *first, uint64_t *end)
{
    int64_t   from = 0, to = -1;
    unsigned  unit;

    if (call->argc > 6) {
        return fkv_call_syntax(call);
    }

    if ((call->argc > 3 && fkv_call_int(call, 3, &from) != FKV_OK)
        || unit_read(call, 5, &unit) != FKV_OK
        || (call->argc > 4 && fkv_call_int(call, 4, &to) != FKV_OK))
    {
        return FKV_EINVAL;
    }

    if (!fkv_held_range(from, to, row.len * 8 / unit, first, end)) {
        return FKV_END;
    }

    *first *= unit;
    *end *= unit;

    return FKV_OK;
}


static int
bitmap_find(fkv_call_t *call, fkv_str_t row, unsigned bit)
{
    uint64_t  first, end, at;
    int       rc = find_range(call, row, &first, &end);

    if (rc != FKV_OK && rc != FKV_END) {
        return rc;
    }

    at = (rc == FKV_OK) ? fkv_bits_find(row, bit, first, end) : 0;

    /* Zeros follow the value, unless an end was given. */
    if (rc == FKV_END || (at == end && (bit == 1 || call->argc > 4))) {
        fkv_reply_int(call->reply, -1);
    } else {
        fkv_reply_int(call->reply, (int64_t) at);
    }

    return FKV_OK;
}


static int
bitmap_bitpos(fkv_call_t *call)
{
    fkv_held_t  held;
    int64_t     bit;
    int         rc = fkv_call_int(call, 2, &bit);

    if (rc != FKV_OK) {
        return rc;
    }

    if (bit != 0 && bit != 1) {
        return fkv_call_fail(call, "ERR The bit argument must be 1 or 0.");
    }

    rc = fkv_held_get(call, 1, &held);
    if (rc != FKV_OK) {
        return rc;
    }

    if (!held.exists) {
        fkv_reply_int(call->reply, -bit);
        return FKV_OK;
    }

    return bitmap_find(call, held.value.data, (unsigned) bit);
}


static int
op_read(fkv_call_t *call, fkv_bits_op_e *op)
{
    static const struct {
        const char     *word;
        fkv_bits_op_e   op;
    } ops[] = {
        { "AND", FKV_BITS_AND }, { "OR", FKV_BITS_OR },
        { "XOR", FKV_BITS_XOR }, { "NOT", FKV_BITS_NOT },
    };

    for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        if (!fkv_call_is(call, 1, ops[i].word)) {
            continue;
        }

        if (ops[i].op == FKV_BITS_NOT && call->argc != 4) {
            return fkv_call_fail(call, "ERR BITOP NOT must be called with a "
                                 "single source key.");
        }

        *op = ops[i].op;

        return FKV_OK;
    }

    return fkv_call_syntax(call);
}


/* The values of arguments 3 and up; the length of the longest. */
static int
rows_get(fkv_call_t *call, fkv_str_t *rows, size_t *len)
{
    *len = 0;

    for (unsigned i = 3; i < call->argc; i++) {
        fkv_held_t  held;
        int         rc = fkv_held_get(call, i, &held);

        if (rc != FKV_OK) {
            return rc;
        }

        fkv_held_looked(call, &held);
        rows[i - 3] = held.value.data;
        *len = fkv__max(*len, held.value.data.len);
    }

    return FKV_OK;
}


static int
bitmap_bitop(fkv_call_t *call)
{
    fkv_bits_op_e   op = FKV_BITS_AND;
    unsigned        n = call->argc - 3;
    fkv_str_t      *rows = fkv_call_alloc(call, n * sizeof(*rows));
    fkv_str_t       into = FKV_STR_NULL;
    uint8_t        *data;
    int             rc = op_read(call, &op);

    if (rc == FKV_OK) {
        rc = rows_get(call, rows, &into.len);
    }

    if (rc != FKV_OK) {
        return rc;
    }

    if (into.len > 0) {
        into.data = data = fkv_call_alloc(call, into.len);
        fkv_bits_combine(op, rows, n, data, into.len);
        rc = fkv_call_put(call, call->argv[2], into, 0);

    } else {
        rc = fkv_call_delete(call, call->argv[2]);
    }

    if (rc != FKV_OK && rc != FKV_NOTFOUND) {
        return rc;
    }

    fkv_reply_int(call->reply, (int64_t) into.len);

    return FKV_OK;
}


#define READ   FKV_COMMAND_READ
#define WRITE  FKV_COMMAND_WRITE

const fkv_command_t  fkv_commands_bitmap[] = {
    { "BITCOUNT", -2, READ, 1, 1, 1, bitmap_bitcount, "bitmap", "2.6.0",
      "key [start end [BYTE | BIT]]",
      "How many bits of a value are set.", NULL },
    { "BITOP", -4, WRITE, 2, -1, 1, bitmap_bitop, "bitmap", "2.6.0",
      "AND | OR | XOR | NOT destkey key [key ...]",
      "Combines values bit by bit, and stores the result.", NULL },
    { "BITPOS", -3, READ, 1, 1, 1, bitmap_bitpos, "bitmap", "2.8.7",
      "key bit [start [end [BYTE | BIT]]]",
      "Where the first bit is that is set, or not set.", NULL },
    { "GETBIT", 3, READ, 1, 1, 1, bitmap_getbit, "bitmap", "2.2.0",
      "key offset",
      "One bit of a value.", NULL },
    { "SETBIT", 4, WRITE, 1, 1, 1, bitmap_setbit, "bitmap", "2.2.0",
      "key offset value",
      "Sets or clears one bit of a value.", NULL },
    { .name = NULL }
};
