/*
 * check.h - what the unit tests of bytes have in common.
 */

#ifndef FKV_T_CHECK_H
#define FKV_T_CHECK_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/types.h"
#include "base/buf.h"
#include "base/bytes.h"


/* A reproducible stream: xorshift64*. */
static inline uint64_t
check_random(uint64_t *state)
{
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;

    return *state * 0x2545f4914f6cdd1d;
}


static inline void
check_random_bytes(uint64_t *state, void *out, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        ((uint8_t *) out)[i] = (uint8_t) (check_random(state) >> 32);
    }
}


/* Bytes written as hex digits; spaces are for the reader. */
static inline void
check_hex(const void *data, size_t len, const char *expected)
{
    char  *got = malloc(2 * len + 1), *want = malloc(strlen(expected) + 1);
    char  *w = want;

    for (size_t i = 0; i < len; i++) {
        (void) sprintf(got + 2 * i, "%02x", ((const uint8_t *) data)[i]);
    }

    got[2 * len] = '\0';

    for (const char *p = expected; *p != '\0'; p++) {
        if (*p != ' ') {
            *w++ = *p;
        }
    }

    *w = '\0';

    assert_string_equal(got, want);

    free(got);
    free(want);
}


/* A copy of exactly that size: a sanitizer sees one byte too many. */
static inline uint8_t *
check_copy(const void *data, size_t len)
{
    uint8_t  *copy = malloc(len + (len == 0));

    assert_non_null(copy);

    if (len > 0) {
        memcpy(copy, data, len);
    }

    return copy;
}


static inline void
check_str(fkv_str_t got, fkv_str_t want)
{
    assert_int_equal(got.len, want.len);

    if (want.len > 0) {
        assert_memory_equal(got.data, want.data, want.len);
    }
}


/* The number that stands behind so many bytes; no zero ends them. */
static inline unsigned
check_number(fkv_str_t bytes, size_t skip)
{
    unsigned  number = 0;
    size_t    i;

    for (i = skip; i < bytes.len; i++) {
        if (bytes.data[i] < '0' || bytes.data[i] > '9') {
            break;
        }

        number = number * 10 + (bytes.data[i] - '0');
    }

    assert_true(i > skip);

    return number;
}


/*
 * At the beginning of a test in which several processes write: what another
 * one has done in between is not known to ThreadSanitizer, which then sees
 * races between two threads of one.
 */
static inline void
check_many_processes(void)
{
#ifdef __SANITIZE_THREAD__
    skip();
#endif
}


/* Whether call(data) ends in a failed assertion. */
static inline bool
check_aborts(void (*call)(void *data), void *data)
{
    static const struct rlimit  no_core = { 0, 0 };
    int                         status;
    pid_t                       pid = fork();

    assert_true(pid >= 0);

    if (pid == 0) {
        (void) setrlimit(RLIMIT_CORE, &no_core);
        (void) signal(SIGABRT, SIG_DFL);
        (void) close(STDERR_FILENO);
        call(data);
        _exit(0);
    }

    assert_int_equal(waitpid(pid, &status, 0), pid);

    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}


#endif /* FKV_T_CHECK_H */
