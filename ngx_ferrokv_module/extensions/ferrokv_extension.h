/*
 * ferrokv_extension.h - the whole contract between ferrokv and an extension.
 *
 * An extension is one shared object that links to nothing of ours: it exports
 * one constant, ferrokv_magic_1, and calls back through ctx->api.  It sees
 * nothing of nginx, so one binary serves every build of it.
 *
 * Constants  what an extension provides is a list of constants.  It has no
 *            writable globals: during a reload two configurations live in one
 *            process, and after one that failed the old one goes on
 * Again      a call may be made again from its beginning: when what it asked
 *            for has come from the disk, or when somebody else's write came
 *            first.  So it depends on its arguments, ctx and the store alone,
 *            does nothing outside, and passes every negative code on at once
 * Memory     what a function returns or alloc() gives stays until the call
 *            ends; what is handed over is copied.  Nobody frees what the other
 *            side has allocated
 * Waiting    nothing may block: not on files, sockets, locks or sleep()
 *
 * The API is 0.x: it may still change, and an extension is built for the
 * version that it finds.
 */

#ifndef FERROKV_EXTENSION_H
#define FERROKV_EXTENSION_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * ABI: it changes when something is taken away or moved; it must be equal.
 * API: it grows when something is appended.  FERROKV_API_TARGET is the oldest
 * that an extension can live with; what is newer is then not declared, so what
 * compiles also runs there.
 */
#define FERROKV_ABI      0
#define FERROKV_API_0_1  0x0001
#define FERROKV_API      FERROKV_API_0_1

#ifndef FERROKV_API_TARGET
#define FERROKV_API_TARGET  FERROKV_API
#endif

/* Results: from 0 on an outcome, below a failure, which is passed on. */
enum {
    FERROKV_OK         =   0,
    FERROKV_AGAIN      =   1,   /* suspended; a step, a worker: call me again */
    FERROKV_NONE       =   2,   /* there is none */
    FERROKV_ERROR      =  -1,
    FERROKV_EMEMORY    =  -2,
    FERROKV_EARG       =  -3,   /* wrong number or form of arguments */
    FERROKV_ETYPE      =  -4,   /* the key holds another type */
    FERROKV_EDENIED    =  -5,   /* a hook, or nginx.conf, says no */
    FERROKV_ECONFLICT  =  -6,   /* another write came first */
    FERROKV_EREADONLY  =  -7,
    FERROKV_ETIMEOUT   =  -8,
    FERROKV_EBACKEND   =  -9,   /* something outside the store has failed */
    FERROKV_EMISSING   = -10,   /* the extension that owns it is not here */
    FERROKV_EPLACE     = -11,   /* not to be called in this place */
    FERROKV_ECORRUPT   = -12,
    FERROKV_EFULL      = -13,   /* disk, quota or max_size */
    FERROKV_ETOOBIG    = -14,
    FERROKV_ENOTYET    = -15    /* it comes from the disk: the call is made
                                   again when it is there */
};

typedef struct ferrokv_api    ferrokv_api;
typedef struct ferrokv_type   ferrokv_type;
typedef struct ferrokv_wait   ferrokv_wait;

typedef struct {
    const void          *data;
    size_t               len;
} ferrokv_str;

typedef struct {
    ferrokv_str          data;
    const ferrokv_type  *type;      /* NULL: plain bytes, what SET writes */
    uint64_t             expires;   /* ms since 1970, 0: never */
} ferrokv_value;

/* Of one call; only ferrokv makes them. */
typedef struct {
    const ferrokv_api   *api;
    void                *self;      /* what start() has set */
    uint64_t             now;       /* ms since 1970, the same in every run */
    uint64_t             random;    /* any 64 bits, the same in every run */
    uint32_t             place;     /* FERROKV_IN_... */
    uint32_t             schema;    /* of this extension, as installed */
} ferrokv_ctx;

/*
 * Where a call is made, and what it may do there; all else is EPLACE.
 *
 *             get, scan, keys  put, del, merge  say  suspend  watch, timer,
 *                                                               work
 *   COMMAND   yes              yes              yes  yes      behind suspend
 *   CHECK     no               no               no   no       no
 *   REWRITE   no               no               no   no       no
 *   OBSERVE   no               ON_WRITE: put,   no   no       no
 *                              del, own map
 *   PURE      no               no               no   no       no
 *   HELPER    yes              yes              no   no       no
 *   STEP      yes              yes              no   no       no
 *   PROCESS   no               no               no   no       yes
 *
 * say is also for a type's output().  alloc, fail, log and param are allowed
 * everywhere, count everywhere but in PURE, keep and drop where PROCESS says.
 */
enum {
    FERROKV_IN_COMMAND = 0x01,      /* a worker's event loop */
    FERROKV_IN_CHECK   = 0x02,      /* a hook: the same, in another's write */
    FERROKV_IN_REWRITE = 0x04,
    FERROKV_IN_OBSERVE = 0x08,
    FERROKV_IN_PURE    = 0x10,      /* any process, any thread: no store */
    FERROKV_IN_HELPER  = 0x20,      /* the helper process's event loop */
    FERROKV_IN_STEP    = 0x40,      /* installing or updating, there too */
    FERROKV_IN_PROCESS = 0x80       /* start, stop, and what they watch */
};


/*
 * Definitions.  Each begins with its kind, its size, flags and a name: of a
 * command any that is free, of all else that of the extension, or it, a dot
 * and more ("json", "json.max_depth").
 */
#define FERROKV_HEAD                                                          \
    uint16_t             kind;                                                \
    uint16_t             size;                                                \
    uint32_t             flags;                                               \
    const char          *name

/* A ferrokv that does not know this kind may pass over it. */
#define FERROKV_OPTIONAL  0x80000000u


/*
 * A command: one transaction.  It sees its keys at one moment, and its own
 * writes; they are committed together when it returns FERROKV_OK, and dropped
 * when it does not.  One definition serves RESP, HTTP and ferrokv_call.
 */
typedef struct {
    FERROKV_HEAD;                   /* upper case, "HSET" */
    int32_t              arity;     /* with the name: -2 is two or more */
    int32_t              first_key; /* in argv; 0: it has none */
    int32_t              last_key;  /* -1: the last argument */
    int32_t              key_step;
    int                (*call)(ferrokv_ctx *ctx, size_t argc,
                               const ferrokv_str *argv);
    const char          *usage;     /* "key field value [field value ...]" */
    const char          *summary;   /* one sentence */
} ferrokv_command;

enum {
    FERROKV_READ     = 0x01,        /* HTTP: GET will do */
    FERROKV_WRITE    = 0x02,        /* HTTP: POST only */
    FERROKV_ADMIN    = 0x04,        /* only where nginx.conf opens it */
    FERROKV_SLOW     = 0x08,        /* not O(1): not for ferrokv_call */
    FERROKV_ELEMENTS = 0x10,        /* looks at elements: they are read before
                                       the write is decided, not during it */
    FERROKV_BLIND    = 0x20         /* of WRITE: mostly needs nothing of its
                                       keys; they are read when it asks */
};


/*
 * What a command will look at, said before it runs: a hint.  The elements that
 * this names are loaded from memory for all commands of a pipeline together, so
 * that none waits by itself.  Its name is the command's; PURE.
 *   head     a value that the first key had just now, of a type of this
 *            extension, in today's encoding
 *   names    of elements of that key, max at most; of alloc, or of argv
 * Returns how many.
 */
typedef struct {
    FERROKV_HEAD;
    size_t             (*elements)(ferrokv_ctx *ctx, const ferrokv_value *head,
                                   size_t argc, const ferrokv_str *argv,
                                   ferrokv_str *names, size_t max);
} ferrokv_ahead;


/*
 * A type of values.  On disk its id, encver, expiry and length are ferrokv's,
 * so keys of this type expire, are deleted, listed, dumped and compacted also
 * where the extension is not.
 *
 *   input    text to a value, of PUT ?type=NAME, the whole name of the type,
 *            which replaces what is there; out: data.  NULL: there is no such
 *            PUT
 *   output   a value as a reply, of GET; or NULL: GET is WRONGTYPE
 *   recode   a value that an older encver wrote, in today's; needed if encver
 *            is not 0.  Called whenever it is read, and by the helper for what
 *            compaction meets, which is then written so
 *   compact  may make the value smaller: out is what it becomes, and is written
 *            if it is shorter.  FERROKV_OK · FERROKV_NONE it stays as it is; or
 *            NULL.  Called by the helper for what compaction meets, in today's
 *            encver, again and again: it must come to an end.  Both write a new
 *            version of the key, unless somebody has done so since, and hooks
 *            see that
 *   weight   bytes in memory that it stands for, of MEMORY USAGE; NULL: its
 *            length
 * All but output are PURE; bytes given to them may come from anybody.  A value
 * at which two processes have died in one of them, or in a merge operator, is
 * not given to it any more: whoever asks gets ECORRUPT.
 */
struct ferrokv_type {
    FERROKV_HEAD;                   /* what TYPE says: the part behind the dot,
                                       if there is one */
    uint32_t             encver;    /* of what put() writes, below 65536 */
    uint32_t             reserved;
    const char          *merge;     /* name of its merge operator, or NULL */
    int                (*input)(ferrokv_ctx *ctx, ferrokv_str text,
                                ferrokv_value *out);
    int                (*output)(ferrokv_ctx *ctx, const ferrokv_value *val);
    int                (*recode)(ferrokv_ctx *ctx, uint32_t encver,
                                 ferrokv_str old, ferrokv_value *out);
    int                (*compact)(ferrokv_ctx *ctx, ferrokv_str key,
                                  const ferrokv_value *val,
                                  ferrokv_value *out);
    uint64_t           (*weight)(const ferrokv_value *val);
};


/*
 * A merge operator: what merge() writes without reading is put together by it
 * later, in any process.  Pure and deterministic, and for any operands
 *     full(b, x y z) = full(full(b, x), y z) = full(b, partial(x, y) z)
 * If it fails nothing is dropped, and whoever reads gets ECORRUPT.
 *   base     a value of this type; NULL: the key does not exist.  On any other
 *            value they are ETYPE
 *   ops      oldest first
 *   out      of full: data and type; the expiry is that of base
 */
typedef struct {
    FERROKV_HEAD;
    int                (*full)(ferrokv_ctx *ctx, ferrokv_str key,
                               const ferrokv_value *base,
                               const ferrokv_str *ops, size_t n,
                               ferrokv_value *out);
    int                (*partial)(ferrokv_ctx *ctx, ferrokv_str key,
                                  const ferrokv_str *ops, size_t n,
                                  ferrokv_str *out);    /* or NULL */
} ferrokv_merge;


/*
 * A hook.  ferrokv calls hooks one after the other: all CHECK, then REWRITE,
 * then OBSERVE, and in each phase as extensions stand in nginx.conf.
 *
 *   ON_CALL    a command.  CHECK before it: a negative code refuses it, with
 *              the text of fail(); OBSERVE behind it: command, micros, rc
 *   ON_WRITE   a key is about to be written, by any face.  CHECK may refuse,
 *              REWRITE may change val's data and expiry, OBSERVE may write to
 *              its own map, as part of the same write.  It may be called again
 *              for the same write
 *   ON_COMMIT  it has been written.  OBSERVE, in the process that wrote
 *   ON_EXPIRE  the helper has noticed that a key has expired.  OBSERVE; it is
 *              told of most keys, once, and late if there are many
 */
typedef struct {
    uint32_t             event;     /* FERROKV_ON_... */
    int32_t              rc;        /* ON_CALL, OBSERVE: what it returned */
    uint32_t             db;        /* of key */
    uint32_t             reserved;
    ferrokv_str          key;       /* ON_CALL: the first, or empty */
    const ferrokv_value *old;       /* NULL: none, or it was not read */
    ferrokv_value       *val;       /* NULL: it is deleted; its data NULL:
                                       merged, or it came bit by bit */
    uint64_t             version;   /* ON_COMMIT: of the write */
    const char          *command;   /* ON_CALL: its name */
    uint64_t             micros;    /*   and what it took, to a tick */
} ferrokv_event;

typedef struct {
    FERROKV_HEAD;
    uint32_t             event;
    uint32_t             phase;
    const char          *prefix;    /* of the keys it is for; "": all */
    int                (*fn)(ferrokv_ctx *ctx, ferrokv_event *ev);
} ferrokv_hook;

enum {
    FERROKV_ON_CALL    = 1,
    FERROKV_ON_WRITE   = 2,
    FERROKV_ON_COMMIT  = 3,
    FERROKV_ON_MISS    = 4,         /* from 4 on: reserved */
    FERROKV_ON_EXPIRE  = 5,
    FERROKV_ON_EVICT   = 6,
    FERROKV_ON_COMPACT = 7
};

enum {
    FERROKV_CHECK   = 1,
    FERROKV_REWRITE = 2,
    FERROKV_OBSERVE = 3
};

/* Of a hook: where it is installed but missing, writes to its keys fail. */
#define FERROKV_REQUIRED  0x01


/* Work in the helper, every so many ms; AGAIN: there is more, at once. */
typedef struct {
    FERROKV_HEAD;
    uint64_t             every;
    int                (*run)(ferrokv_ctx *ctx);
} ferrokv_worker;


/* A setting: "ferrokv_param NAME VALUE;", checked by nginx -t. */
typedef struct {
    FERROKV_HEAD;
    uint32_t             form;
    uint32_t             reserved;
    int64_t              min;       /* of NUMBER, SIZE and TIME */
    int64_t              max;
    const char          *dflt;      /* as in nginx.conf */
    const char          *values;    /* of CHOICE: "a|b|c" */
    const char          *usage;
} ferrokv_param;

enum {
    FERROKV_FLAG   = 1,             /* on, off: 1, 0 */
    FERROKV_NUMBER = 2,
    FERROKV_SIZE   = 3,             /* bytes: 4k, 1m, 1g */
    FERROKV_TIME   = 4,             /* ms: 500ms, 10s, 5m; a bare number: s */
    FERROKV_TEXT   = 5,
    FERROKV_CHOICE = 6              /* its place in values, from 0 */
};


/* A figure of the store, summed over all processes; in ferrokv_status. */
typedef struct {
    FERROKV_HEAD;
    uint32_t             gauge;     /* 1: it goes up and down */
    uint32_t             reserved;
    const char          *usage;
} ferrokv_metric;


/* Kinds 5, 9 and 10 are reserved: feed, evictor, backend. */
enum {
    FERROKV_KIND_COMMAND = 1,
    FERROKV_KIND_TYPE    = 2,
    FERROKV_KIND_MERGE   = 3,
    FERROKV_KIND_HOOK    = 4,
    FERROKV_KIND_FEED    = 5,
    FERROKV_KIND_WORKER  = 6,
    FERROKV_KIND_PARAM   = 7,
    FERROKV_KIND_METRIC  = 8,
    FERROKV_KIND_EVICTOR = 9,
    FERROKV_KIND_BACKEND = 10,
    FERROKV_KIND_AHEAD   = 11
};

/* The beginning of an initializer: { FERROKV_COMMAND, flags, name, ... */
#define FERROKV_COMMAND  FERROKV_KIND_COMMAND, sizeof(ferrokv_command)
#define FERROKV_TYPE     FERROKV_KIND_TYPE,    sizeof(ferrokv_type)
#define FERROKV_MERGE    FERROKV_KIND_MERGE,   sizeof(ferrokv_merge)
#define FERROKV_HOOK     FERROKV_KIND_HOOK,    sizeof(ferrokv_hook)
#define FERROKV_WORKER   FERROKV_KIND_WORKER,  sizeof(ferrokv_worker)
#define FERROKV_PARAM    FERROKV_KIND_PARAM,   sizeof(ferrokv_param)
#define FERROKV_METRIC   FERROKV_KIND_METRIC,  sizeof(ferrokv_metric)
#define FERROKV_AHEAD    FERROKV_KIND_AHEAD,   sizeof(ferrokv_ahead)


/* Other than FERROKV_OK ends the walk, which returns it. */
typedef int (*ferrokv_row)(ferrokv_ctx *ctx, void *data, ferrokv_str key,
                           const ferrokv_value *val);

/* What ferrokv offers; append only. */
struct ferrokv_api {
    uint32_t             size;
    uint32_t             version;   /* FERROKV_API of this ferrokv */

    /* alloc: of the call, never NULL: the call ends instead.  keep: of the
       process, until drop; NULL: no memory.  Both have a limit. */
    void              *(*alloc)(ferrokv_ctx *ctx, size_t size);
    void              *(*keep)(ferrokv_ctx *ctx, size_t size);
    void               (*drop)(ferrokv_ctx *ctx, void *p);

    /* Sets the answer and returns rc.  A text in the manner of Redis, "ERR
       syntax error", is taken as it is; before any other stands what is usual
       for rc.  log: level as of syslog, 3 error .. 7 debug. */
    int                (*fail)(ferrokv_ctx *ctx, int rc, const char *fmt, ...);
    void               (*log)(ferrokv_ctx *ctx, int level, const char *fmt,
                              ...);

    /*
     * Data.  elem {NULL, 0} is the key's own value, its head.  Others are
     * elements: an ordered range under the key, which nobody else sees, and
     * which goes in O(1) when the key is deleted, expires or is overwritten by
     * something else.  They exist only under a head of a type of this
     * extension, so the head is put first; who writes an element writes the
     * head anew (as it was, if it was not put).
     *
     * key {NULL, 0} is the extension's own map, of all databases: its elements
     * go when the extension is dropped.  It has no head.
     *
     * get    OK · NONE · ETYPE a type of another extension
     * put    val->type of a head, and in the own map: NULL or one of this
     *        extension's types; of an element, or by a hook, NULL.  Elements,
     *        and what is in the own map, hold at most some 60 KiB, heads what
     *        the store's max_value says
     * del    OK · NONE
     * merge  by the operator of this type of ours, of a key's own value or of
     *        one in the own map.  Nothing is read.  ETYPE may come from it, or
     *        later from whoever reads, if the value there is of another type
     * scan   elements from <= elem < to (empty: no end), n at most (0: all):
     *        row's key is the element.  OK it is at its end, or n were given
     * keys   of the call's database, behind `after`, that begin with prefix;
     *        row's val is NULL
     */
    int                (*get)(ferrokv_ctx *ctx, ferrokv_str key,
                              ferrokv_str elem, ferrokv_value *out);
    int                (*put)(ferrokv_ctx *ctx, ferrokv_str key,
                              ferrokv_str elem, const ferrokv_value *val);
    int                (*del)(ferrokv_ctx *ctx, ferrokv_str key,
                              ferrokv_str elem);
    int                (*merge)(ferrokv_ctx *ctx, ferrokv_str key,
                                ferrokv_str elem, const ferrokv_type *type,
                                ferrokv_str operand);
    int                (*scan)(ferrokv_ctx *ctx, ferrokv_str key,
                               ferrokv_str from, ferrokv_str to, uint64_t n,
                               ferrokv_row row, void *data);
    int                (*keys)(ferrokv_ctx *ctx, ferrokv_str prefix,
                               ferrokv_str after, uint64_t n, ferrokv_row row,
                               void *data);

    /*
     * The answer: one value, or an array, set or map of n (of a map: n pairs)
     * and then these.  begin and end: an array whose length is known at its
     * end.  All return FERROKV_OK.
     */
    int                (*say_int)(ferrokv_ctx *ctx, int64_t n);
    int                (*say_real)(ferrokv_ctx *ctx, double n);
    int                (*say_bool)(ferrokv_ctx *ctx, int yes);
    int                (*say_status)(ferrokv_ctx *ctx, const char *text);
    int                (*say_str)(ferrokv_ctx *ctx, ferrokv_str str);
    int                (*say_null)(ferrokv_ctx *ctx);
    int                (*say_array)(ferrokv_ctx *ctx, size_t n);
    int                (*say_set)(ferrokv_ctx *ctx, size_t n);
    int                (*say_map)(ferrokv_ctx *ctx, size_t n);
    size_t             (*say_begin)(ferrokv_ctx *ctx);
    int                (*say_end)(ferrokv_ctx *ctx, size_t begin, size_t n);

    /*
     * Waiting, of a command that has written nothing yet.  go_on is called once
     * (and again, as every call), in place of the command's function: with
     * resume's rc, or ETIMEOUT.  It sees the store as it is then, and may
     * suspend again.  What alloc gave stays.  If the client goes, nothing is
     * called, and resume is in vain.
     *   suspend  the command returns FERROKV_AGAIN behind it; timeout in ms,
     *            1 to an hour.  NULL: not here, or something was written
     *   resume   in the same process, at any time, once; from anywhere but a
     *            thread
     *   watch    calls fn when fd is readable (events 1), writable (2), or
     *            both; events 0: no more.  The fd stays the extension's
     *   timer    calls fn once, in so many ms
     *   work     job in a thread, then done in the event loop; data stays the
     *            extension's.  job has no ctx and calls nothing of this table
     */
    ferrokv_wait      *(*suspend)(ferrokv_ctx *ctx, uint64_t timeout,
                                  int (*go_on)(ferrokv_ctx *ctx, void *data,
                                               int rc),
                                  void *data);
    void               (*resume)(ferrokv_wait *wait, int rc);
    int                (*watch)(ferrokv_ctx *ctx, int fd, int events,
                                void (*fn)(ferrokv_ctx *ctx, void *data,
                                           int events),
                                void *data);
    int                (*timer)(ferrokv_ctx *ctx, uint64_t ms,
                                void (*fn)(ferrokv_ctx *ctx, void *data),
                                void *data);
    int                (*work)(ferrokv_ctx *ctx, void (*job)(void *data),
                               void (*done)(ferrokv_ctx *ctx, void *data),
                               void *data);

    /* out: a ferrokv_str of TEXT, an int64_t of all others. */
    int                (*param)(ferrokv_ctx *ctx, const ferrokv_param *param,
                                void *out);
    void               (*count)(ferrokv_ctx *ctx, const ferrokv_metric *metric,
                                int64_t n);

    /* More of the answer: n pairs of scalars, which RESP3 gives as arrays of
       two and all others flat; an array that is not there. */
    int                (*say_pairs)(ferrokv_ctx *ctx, size_t n);
    int                (*say_null_array)(ferrokv_ctx *ctx);
};


/*
 * A step takes the store's data of an extension from schema i to i + 1; the
 * first installs it.  It is called until it returns FERROKV_OK instead of
 * FERROKV_AGAIN, each time as one transaction, and remembers in its own map how
 * far it is: a death repeats the last piece at most.  A value that get() finds
 * damaged, ECORRUPT, need not end it: it may go on without, and LIST and the
 * log name the key.
 */
typedef struct {
    uint32_t             size;      /* sizeof(ferrokv_step) */
    uint32_t             flags;
    int                (*run)(ferrokv_ctx *ctx);
} ferrokv_step;

/* Not while older workers, with the older library, still run. */
#define FERROKV_EXCLUSIVE  0x01

typedef struct {
    uint32_t             size;      /* sizeof(ferrokv_extension) */
    uint32_t             needs;     /* FERROKV_NEEDS_...; nginx.conf grants */
    const char          *name;      /* [a-z][a-z0-9_]*, at most 32 bytes */
    const char          *version;   /* as in the control file */
    const void *const   *provides;  /* definitions, NULL behind the last */
    const ferrokv_step  *steps;     /* or NULL, when schema is 0 */
    uint32_t             schema;    /* how many there are */
    uint32_t             serves;    /* the oldest installed schema that this
                                       library can work with as it is */
    int                (*start)(ferrokv_ctx *ctx);  /* in each process, not as
                                       root; may set ctx->self; or NULL */
    void               (*stop)(ferrokv_ctx *ctx);   /* or NULL */
} ferrokv_extension;

enum {
    FERROKV_NEEDS_NET     = 0x01,   /* watch */
    FERROKV_NEEDS_THREADS = 0x02,   /* work */
    FERROKV_NEEDS_HELPER  = 0x04    /* workers, and steps */
};

typedef struct {
    uint32_t                 magic;
    uint16_t                 size;
    uint16_t                 abi;
    uint32_t                 target;    /* API */
    uint32_t                 reserved;
    const ferrokv_extension *extension;
} ferrokv_magic;

#define FERROKV_MAGIC         0x78564b46u   /* "FKVx" */
#define FERROKV_MAGIC_SYMBOL  "ferrokv_magic_1"

#ifdef __cplusplus
#define FERROKV_EXTERN  extern "C"
#else
#define FERROKV_EXTERN  extern
#endif

/* Once, in one file: FERROKV_DEFINE(extension); */
#define FERROKV_DEFINE(ext)                                                   \
    FERROKV_EXTERN __attribute__((visibility("default")))                     \
    const ferrokv_magic ferrokv_magic_1;                                      \
    const ferrokv_magic ferrokv_magic_1 = {                                   \
        FERROKV_MAGIC, sizeof(ferrokv_magic), FERROKV_ABI,                    \
        FERROKV_API_TARGET, 0, &(ext)                                         \
    }

#ifdef __cplusplus
}
#endif

#endif /* FERROKV_EXTENSION_H */
