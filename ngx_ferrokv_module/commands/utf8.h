/*
 * utf8.h - what of a text is UTF-8, as RFC 3629 has it: no surrogates, nothing
 * overlong, nothing behind U+10FFFF.
 */

#ifndef FKV_COMMANDS_UTF8_H
#define FKV_COMMANDS_UTF8_H

#include "base/types.h"


/* Bytes of the character at p, before end; 0: there is none. */
static inline size_t
fkv_utf8_sequence(const uint8_t *p, const uint8_t *end)
{
    uint8_t  low, high;
    size_t   n;

    if (p[0] < 0x80) {
        return 1;
    }

    if (p[0] < 0xc2 || p[0] > 0xf4) {
        return 0;
    }

    n = (p[0] < 0xe0) ? 2 : (p[0] < 0xf0) ? 3 : 4;

    if ((size_t) (end - p) < n) {
        return 0;
    }

    /* The second byte decides overlong forms, surrogates and the end. */
    low = (p[0] == 0xe0) ? 0xa0 : (p[0] == 0xf0) ? 0x90 : 0x80;
    high = (p[0] == 0xed) ? 0x9f : (p[0] == 0xf4) ? 0x8f : 0xbf;

    if (p[1] < low || p[1] > high) {
        return 0;
    }

    for (size_t i = 2; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }

    return n;
}


#endif /* FKV_COMMANDS_UTF8_H */
