/*
 * types.h - return codes, byte strings, assertions, kill points.
 *
 * Every int-returning call of the engine answers with one of these codes:
 * zero is success, a positive code is an answer the caller expects to see, a
 * negative code is a failure.  The texts are for people; programs compare
 * codes.  The module maps the codes once to HTTP and nginx.
 */

#ifndef FKV_BASE_TYPES_H
#define FKV_BASE_TYPES_H

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>


#define FKV_CODE_MAP(X)                                                       \
    X(FKV_OK,           0,   "success")                                       \
    X(FKV_AGAIN,        1,   "the operation goes on; on_done follows")        \
    X(FKV_NOTFOUND,     2,   "the key does not exist")                        \
    X(FKV_EXISTS,       3,   "the key exists")                                \
    X(FKV_CONFLICT,     4,   "the key changed too often; try again")          \
    X(FKV_PRECONDITION, 5,   "the condition does not hold")                   \
    X(FKV_NOTINT,       6,   "the value is not an integer or out of range")   \
    X(FKV_WRONGTYPE,    7,   "the key holds a value of another type")         \
    X(FKV_GONE,         8,   "the snapshot or cursor has expired")            \
    X(FKV_END,          9,   "there is no further entry")                     \
    X(FKV_EIO,         -1,   "input/output error")                            \
    X(FKV_ECORRUPT,    -2,   "the data are corrupt")                          \
    X(FKV_ENOMEM,      -3,   "out of memory")                                 \
    X(FKV_EFULL,       -4,   "no space left")                                 \
    X(FKV_EREADONLY,   -5,   "the store is read-only")                        \
    X(FKV_EINVAL,      -6,   "invalid argument")                              \
    X(FKV_ETOOBIG,     -7,   "too large")                                     \
    X(FKV_EBUSY,       -8,   "another process owns it")                       \
    X(FKV_EVERSION,    -9,   "written by a newer version")                    \
    X(FKV_EOWNERDEAD,  -10,  "its owner died; repaired")                      \
    X(FKV_ECANCELED,   -11,  "canceled")                                      \
    X(FKV_EMAXSIZE,    -12,  "the store has reached its max_size")           \
    X(FKV_EQUOTA,      -13,  "its namespace has reached its quota")           \
    X(FKV_EMISSING,    -14,  "the extension that owns it is not here")        \
    X(FKV_EDENIED,     -15,  "an extension refuses it")                       \
    X(FKV_EBOUND,      -16,  "it would take too much memory")

enum {
#define FKV_CODE_ENUM(name, value, text)  name = value,
    FKV_CODE_MAP(FKV_CODE_ENUM)
#undef FKV_CODE_ENUM
};

/* The name ("FKV_EIO") and the sentence of a code; never NULL. */
const char *fkv_code_name(int rc);
const char *fkv_code_text(int rc);


/* Bytes that somebody else owns; may hold NULs, has no terminator. */
typedef struct {
    const uint8_t  *data;
    size_t          len;
} fkv_str_t;

#define FKV_STR_NULL      ((fkv_str_t) { NULL, 0 })
#define FKV_STR(literal)                                                      \
    ((fkv_str_t) { (const uint8_t *) (literal), sizeof(literal) - 1 })


/* What names a leased snapshot; id 0 names none.  The nonce is its secret. */
typedef struct {
    uint64_t  id;
    uint64_t  nonce;
} fkv_lease_t;


/*
 * The log callback, the engine's only way to speak.  It prints nothing.  May
 * be called from any thread of the process; text is one sentence without a
 * newline and is valid during the call only.
 */
typedef enum {
    FKV_LOG_ALERT,          /* damage, or a rule of the engine was broken */
    FKV_LOG_ERROR,
    FKV_LOG_WARN,
    FKV_LOG_NOTICE,
    FKV_LOG_INFO,
    FKV_LOG_DEBUG
} fkv_log_level_e;

typedef struct {
    void  (*write)(void *data, fkv_log_level_e level, const char *text);
    void   *data;
} fkv_log_t;

/* Formats into 1024 bytes, longer messages are cut; log may be NULL. */
void fkv__log(const fkv_log_t *log, fkv_log_level_e level, const char *fmt,
    ...) __attribute__((format(printf, 3, 4)));

#define FKV_ERROR_BYTES  512        /* room for one error sentence */

/* Formats into error[FKV_ERROR_BYTES]; returns rc. */
int fkv__error(char *error, int rc, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));


/*
 * FKV_ASSERT is for a programmer's error and is on in release builds: the
 * engine survives the abort as it survives SIGKILL.  Bytes from disk, network
 * or shared memory are never asserted, they give FKV_ECORRUPT.
 */
#define FKV_ASSERT(cond)                                                      \
    ((cond) ? (void) 0 : fkv__assert_failed(#cond, __FILE__, __LINE__))

#ifdef FKV_DEBUG
#define FKV_DEBUG_ASSERT(cond)  FKV_ASSERT(cond)
#else
#define FKV_DEBUG_ASSERT(cond)  ((void) 0)
#endif

void fkv__assert_failed(const char *cond, const char *file, int line)
    __attribute__((noreturn));

#define fkv__unreachable()                                                    \
    fkv__assert_failed("unreachable", __FILE__, __LINE__)

#define fkv__container(ptr, type, member)                                     \
    ((type *) (void *) ((char *) (ptr) - offsetof(type, member)))

#define fkv__align(n, a)       (((n) + ((a) - 1)) & ~((uint64_t) (a) - 1))
#define fkv__align_down(n, a)  ((n) & ~((uint64_t) (a) - 1))
#define fkv__min(a, b)         ((a) < (b) ? (a) : (b))
#define fkv__max(a, b)         ((a) > (b) ? (a) : (b))


/* In a loop that waits for another processor. */
#if defined(__x86_64__)
#define fkv__cpu_relax()  __builtin_ia32_pause()
#else
#define fkv__cpu_relax()  __asm__ volatile("" ::: "memory")
#endif


/*
 * A numbered kill point.  In builds with FKV_STEPS a process whose environment
 * says FKV_KILL=commit.3 (or commit.3:17 for the 17th passage in this process,
 * or *:17 for that of any of them) kills itself with SIGKILL there; in other
 * builds it is nothing.
 */
#ifdef FKV_STEPS
#define FKV_STEP(name)  fkv__step(name)
void fkv__step(const char *name);
#else
#define FKV_STEP(name)  ((void) 0)
#endif


#endif /* FKV_BASE_TYPES_H */
