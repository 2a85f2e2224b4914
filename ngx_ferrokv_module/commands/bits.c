#include "commands/bits.h"
#include "base/bytes.h"


unsigned
fkv_bits_get(fkv_str_t row, uint64_t at)
{
    if (at / 8 >= row.len) {
        return 0;
    }

    return (row.data[at / 8] >> (7 - at % 8)) & 1;
}


void
fkv_bits_put(uint8_t *row, uint64_t at, unsigned bit)
{
    uint8_t  mask = (uint8_t) (0x80 >> (at % 8));

    row[at / 8] = (uint8_t) ((row[at / 8] & ~mask) | (bit ? mask : 0));
}


uint64_t
fkv_bits_count(fkv_str_t row, uint64_t from, uint64_t to)
{
    uint64_t  n = 0;

    for ( ; from < to && from % 8 != 0; from++) {
        n += fkv_bits_get(row, from);
    }

    for ( ; to - from >= 64; from += 64) {
        uint64_t  word = fkv__get_le64(row.data + from / 8);

        n += (unsigned) __builtin_popcountll(word);
    }

    for ( ; from < to; from++) {
        n += fkv_bits_get(row, from);
    }

    return n;
}


uint64_t
fkv_bits_find(fkv_str_t row, unsigned bit, uint64_t from, uint64_t to)
{
    uint64_t  without = bit ? 0 : UINT64_MAX;

    while (from < to) {
        unsigned  found = (row.data[from / 8] ^ (uint8_t) without)
                          & (0xffu >> (from % 8));

        if (found != 0) {
            from = from / 8 * 8 + (unsigned) __builtin_clz(found) - 24;
            break;
        }

        from = from / 8 * 8 + 8;

        while (from + 64 <= to
               && fkv__get_le64(row.data + from / 8) == without)
        {
            from += 64;
        }
    }

    return fkv__min(from, to);
}


static void
combine(fkv_bits_op_e op, fkv_str_t row, uint8_t *into)
{
    size_t  i = 0;

    for ( ; i + 8 <= row.len; i += 8) {
        uint64_t  a = fkv__get_le64(into + i), b = fkv__get_le64(row.data + i);

        a = (op == FKV_BITS_AND) ? a & b : (op == FKV_BITS_OR) ? a | b : a ^ b;
        fkv__put_le64(into + i, a);
    }

    for ( ; i < row.len; i++) {
        uint8_t  a = into[i], b = row.data[i];

        into[i] = (op == FKV_BITS_AND) ? a & b
                  : (op == FKV_BITS_OR) ? a | b : a ^ b;
    }
}


void
fkv_bits_combine(fkv_bits_op_e op, const fkv_str_t *rows, unsigned n,
    uint8_t *into, size_t len)
{
    memset(into, 0, len);

    if (rows[0].len > 0) {
        memcpy(into, rows[0].data, rows[0].len);
    }

    if (op == FKV_BITS_NOT) {
        for (size_t i = 0; i < len; i++) {
            into[i] = (uint8_t) ~into[i];
        }
    }

    for (unsigned i = 1; i < n; i++) {
        combine(op, rows[i], into);

        if (op == FKV_BITS_AND) {
            memset(into + rows[i].len, 0, len - rows[i].len);
        }
    }
}


uint64_t
fkv_bits_number(fkv_str_t row, uint64_t at, unsigned width)
{
    uint64_t  number = 0;

    for (unsigned i = 0; i < width; i++) {
        number = number << 1 | fkv_bits_get(row, at + i);
    }

    return number;
}


void
fkv_bits_number_put(uint8_t *row, uint64_t at, unsigned width, uint64_t number)
{
    for (unsigned i = 0; i < width; i++) {
        fkv_bits_put(row, at + i, (number >> (width - 1 - i)) & 1);
    }
}
