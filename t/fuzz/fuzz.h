/*
 * fuzz.h - what the fuzz targets have in common.
 *
 * A target is one file with LLVMFuzzerTestOneInput(): bytes in, and whatever
 * must hold of them is asserted, as in a unit test.  libFuzzer calls it, or
 * main.c for each file of a corpus.  It keeps nothing from call to call.
 */

#ifndef FKV_T_FUZZ_H
#define FKV_T_FUZZ_H

#include "../unit/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* cmocka's, which keeps what an assertion says until its test has ended. */
void cm_print_error(const char *format, ...)
    __attribute__((weak, format(printf, 1, 2)));

void
cm_print_error(const char *format, ...)
{
    va_list  args;

    va_start(args, format);
    (void) vfprintf(stderr, format, args);
    va_end(args);
}


/* What is left of the input; beyond its end it is zeros. */
typedef struct {
    const uint8_t  *p;
    size_t          left;
} fuzz_t;


static inline uint8_t
fuzz_byte(fuzz_t *in)
{
    if (in->left == 0) {
        return 0;
    }

    in->left--;

    return *in->p++;
}


static inline uint16_t
fuzz_u16(fuzz_t *in)
{
    uint16_t  low = fuzz_byte(in);

    return (uint16_t) (low | fuzz_byte(in) << 8);
}


static inline uint32_t
fuzz_u32(fuzz_t *in)
{
    uint32_t  low = fuzz_u16(in);

    return low | (uint32_t) fuzz_u16(in) << 16;
}


static inline uint64_t
fuzz_u64(fuzz_t *in)
{
    uint64_t  low = fuzz_u32(in);

    return low | (uint64_t) fuzz_u32(in) << 32;
}


/* The next bytes, at most so many. */
static inline fkv_str_t
fuzz_take(fuzz_t *in, size_t len)
{
    fkv_str_t  str = { in->p, fkv__min(len, in->left) };

    in->p += str.len;
    in->left -= str.len;

    return str;
}


static inline fkv_str_t
fuzz_rest(fuzz_t *in)
{
    return fuzz_take(in, in->left);
}


/* A copy that a sanitizer watches over; the caller frees it. */
static inline fkv_str_t
fuzz_copy(fkv_str_t str)
{
    return (fkv_str_t) { check_copy(str.data, str.len), str.len };
}


static inline void
fuzz_free(fkv_str_t str)
{
    free((void *) (uintptr_t) str.data);
}


/* Is part inside of whole? */
static inline bool
fuzz_inside(fkv_str_t part, fkv_str_t whole)
{
    return part.len == 0
           || (part.data >= whole.data
               && part.data + part.len <= whole.data + whole.len);
}


#endif /* FKV_T_FUZZ_H */
