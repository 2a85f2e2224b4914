/*
 * crc32c.c - by the CPU's instruction, or by a table.
 *
 * Both are chosen before main() runs, so that threads never race to fill the
 * table.
 */

#include "base/crc32c.h"
#include "base/bytes.h"

typedef uint32_t (*crc32c_pt)(uint32_t seed, const void *data, size_t len);

static uint32_t   crc32c_bytes[256];
static crc32c_pt  crc32c_best = fkv__crc32c_table;


#if defined(__x86_64__)

__attribute__((target("sse4.2")))
static uint32_t
crc32c_sse42(uint32_t seed, const void *data, size_t len)
{
    const uint8_t  *p = data;
    uint64_t        crc = (uint32_t) ~seed;

    for ( ; len >= 8; len -= 8, p += 8) {
        crc = __builtin_ia32_crc32di(crc, fkv__get_le64(p));
    }

    for ( ; len > 0; len--, p++) {
        crc = __builtin_ia32_crc32qi((uint32_t) crc, *p);
    }

    return ~(uint32_t) crc;
}

#endif


__attribute__((constructor))
static void
crc32c_choose(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t  crc = i;

        for (int bit = 0; bit < 8; bit++) {
            crc = (crc >> 1) ^ ((crc & 1) ? 0x82f63b78 : 0);
        }

        crc32c_bytes[i] = crc;
    }

#if defined(__x86_64__)
    __builtin_cpu_init();

    if (__builtin_cpu_supports("sse4.2")) {
        crc32c_best = crc32c_sse42;
    }
#endif
}


uint32_t
fkv__crc32c_table(uint32_t seed, const void *data, size_t len)
{
    const uint8_t  *p = data;
    uint32_t        crc = ~seed;

    for ( ; len > 0; len--, p++) {
        crc = (crc >> 8) ^ crc32c_bytes[(crc ^ *p) & 0xff];
    }

    return ~crc;
}


uint32_t
fkv__crc32c(uint32_t seed, const void *data, size_t len)
{
    return crc32c_best(seed, data, len);
}
