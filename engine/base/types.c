/*
 * types.c - texts of return codes, messages, assertion failure, kill points.
 */

#include "base/types.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#ifdef FKV_STEPS
#include <signal.h>
#include <string.h>
#endif


const char *
fkv_code_name(int rc)
{
    switch (rc) {
#define FKV_CODE_NAME(name, value, text)  case name: return #name;
    FKV_CODE_MAP(FKV_CODE_NAME)
#undef FKV_CODE_NAME
    }

    return "FKV_UNKNOWN";
}


const char *
fkv_code_text(int rc)
{
    switch (rc) {
#define FKV_CODE_TEXT(name, value, text)  case name: return text;
    FKV_CODE_MAP(FKV_CODE_TEXT)
#undef FKV_CODE_TEXT
    }

    return "unknown code";
}


void
fkv__log(const fkv_log_t *log, fkv_log_level_e level, const char *fmt, ...)
{
    char     text[1024];
    va_list  args;

    if (log == NULL || log->write == NULL) {
        return;
    }

    va_start(args, fmt);
    (void) vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    log->write(log->data, level, text);
}


int
fkv__error(char *error, int rc, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    (void) vsnprintf(error, FKV_ERROR_BYTES, fmt, args);
    va_end(args);

    return rc;
}


void
fkv__assert_failed(const char *cond, const char *file, int line)
{
    char  text[512];
    int   n;

    n = snprintf(text, sizeof(text), "ferrokv: assertion failed: %s (%s:%d)\n",
                 cond, file, line);

    if (n > 0) {
        /* The process ends here: there is nobody to tell of a failed write. */
        if (write(STDERR_FILENO, text, fkv__min((size_t) n, sizeof(text) - 1))
            < 0)
        {
            abort();
        }
    }

    abort();
}


#ifdef FKV_STEPS

void
fkv__step(const char *name)
{
    static long   passed;
    const char   *wanted = getenv("FKV_KILL"), *colon;
    size_t        len;
    long          nth;

    if (wanted == NULL) {
        return;
    }

    colon = strchr(wanted, ':');
    len = (colon != NULL) ? (size_t) (colon - wanted) : strlen(wanted);

    if (!(len == 1 && wanted[0] == '*')
        && (strncmp(name, wanted, len) != 0 || name[len] != '\0'))
    {
        return;
    }

    nth = (colon != NULL) ? atol(colon + 1) : 1;

    if (__atomic_add_fetch(&passed, 1, __ATOMIC_RELAXED) == nth) {
        (void) kill(getpid(), SIGKILL);
    }
}

#endif
