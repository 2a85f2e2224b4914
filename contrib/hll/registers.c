#include "registers.h"

#include <math.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#define INDEX_BITS   14
#define RANK_BITS    6
#define RANK_MAX     (64 - INDEX_BITS + 1)

#define FORM_SPARSE  1              /* on disk, do not change */
#define FORM_DENSE   2

#define ENTRY_SIZE   3
#define ENTRIES_MAX  1000           /* decides the form: do not change */


void
registers_init(registers_t *r)
{
    memset(r, 0, sizeof(*r));
}


static bool
raise_to(registers_t *r, unsigned index, unsigned rank)
{
    if (rank <= r->rank[index]) {
        return false;
    }

    r->rank[index] = (uint8_t) rank;

    return true;
}


bool
registers_add(registers_t *r, const void *element, size_t len)
{
    uint64_t  hash = XXH3_64bits(len > 0 ? element : "", len);
    uint64_t  rest = hash >> INDEX_BITS | UINT64_C(1) << (RANK_MAX - 1);

    return raise_to(r, (unsigned) (hash % REGISTERS),
                    (unsigned) __builtin_ctzll(rest) + 1);
}


static unsigned
read24(const uint8_t *p)
{
    return p[0] | (unsigned) p[1] << 8 | (unsigned) p[2] << 16;
}


static void
write24(uint8_t *p, unsigned n)
{
    p[0] = (uint8_t) n;
    p[1] = (uint8_t) (n >> 8);
    p[2] = (uint8_t) (n >> 16);
}


static bool
join_sparse(registers_t *r, const uint8_t *p, size_t len)
{
    unsigned  next = 0;

    if (len % ENTRY_SIZE != 0) {
        return false;
    }

    for (size_t i = 0; i < len; i += ENTRY_SIZE) {
        unsigned  entry = read24(p + i);
        unsigned  index = entry >> RANK_BITS;
        unsigned  rank = entry % (1 << RANK_BITS);

        if (index < next || index >= REGISTERS || rank < 1 || rank > RANK_MAX) {
            return false;
        }

        raise_to(r, index, rank);
        next = index + 1;
    }

    return true;
}


static bool
join_dense(registers_t *r, const uint8_t *p, size_t len)
{
    if (len != REGISTERS_BYTES_MAX - 1) {
        return false;
    }

    for (unsigned i = 0; i < REGISTERS; i += 4, p += 3) {
        unsigned  four = read24(p);

        for (unsigned j = 0; j < 4; j++) {
            unsigned  rank = four >> j * RANK_BITS & ((1 << RANK_BITS) - 1);

            if (rank > RANK_MAX) {
                return false;
            }

            raise_to(r, i + j, rank);
        }
    }

    return true;
}


bool
registers_join(registers_t *r, const void *bytes, size_t len)
{
    const uint8_t  *p = bytes;

    if (len == 0) {
        return false;
    }

    switch (p[0]) {
    case FORM_SPARSE:
        return join_sparse(r, p + 1, len - 1);
    case FORM_DENSE:
        return join_dense(r, p + 1, len - 1);
    default:
        return false;
    }
}


static size_t
write_sparse(const registers_t *r, uint8_t *out)
{
    uint8_t  *p = out;

    *p++ = FORM_SPARSE;

    for (unsigned i = 0; i < REGISTERS; i++) {
        if (r->rank[i] != 0) {
            write24(p, i << RANK_BITS | r->rank[i]);
            p += ENTRY_SIZE;
        }
    }

    return (size_t) (p - out);
}


static size_t
write_dense(const registers_t *r, uint8_t *out)
{
    uint8_t  *p = out;

    *p++ = FORM_DENSE;

    for (unsigned i = 0; i < REGISTERS; i += 4, p += 3) {
        const uint8_t  *rank = r->rank + i;

        write24(p, rank[0] | (unsigned) rank[1] << RANK_BITS
                   | (unsigned) rank[2] << 2 * RANK_BITS
                   | (unsigned) rank[3] << 3 * RANK_BITS);
    }

    return REGISTERS_BYTES_MAX;
}


size_t
registers_write(const registers_t *r, uint8_t *out)
{
    unsigned  n = 0;

    for (unsigned i = 0; i < REGISTERS; i++) {
        n += (r->rank[i] != 0);
    }

    return (n <= ENTRIES_MAX) ? write_sparse(r, out) : write_dense(r, out);
}


/*
 * The estimate is that of O. Ertl, "New cardinality estimation algorithms for
 * HyperLogLog sketches" (2017): right for few and for very many, without
 * thresholds and tables.  sigma corrects for registers that are still 0, tau
 * for those that cannot rise any more.
 */
static double
sigma(double x)
{
    double  sum = x, last = -1, y = 1;

    if (x == 1) {
        return INFINITY;
    }

    while (sum != last) {
        last = sum;
        x *= x;
        sum += x * y;
        y += y;
    }

    return sum;
}


static double
tau(double x)
{
    double  sum = 1 - x, last = -1, y = 1;

    if (x == 0 || x == 1) {
        return 0;
    }

    while (sum != last) {
        last = sum;
        x = sqrt(x);
        y /= 2;
        sum -= (1 - x) * (1 - x) * y;
    }

    return sum / 3;
}


uint64_t
registers_count(const registers_t *r)
{
    const double  m = REGISTERS;
    unsigned      having[RANK_MAX + 1] = { 0 };
    double        z;

    for (unsigned i = 0; i < REGISTERS; i++) {
        having[r->rank[i]]++;
    }

    z = m * tau(1 - having[RANK_MAX] / m);

    for (unsigned rank = RANK_MAX - 1; rank > 0; rank--) {
        z = (z + having[rank]) / 2;
    }

    z += m * sigma(having[0] / m);
    z = m * m / (2 * M_LN2 * z);

    return (z < 0x1p63) ? (uint64_t) llround(z) : UINT64_C(1) << 63;
}
