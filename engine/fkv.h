/*
 * fkv.h - the engine's whole public API: a durable, ordered key-value store
 * that several processes write through one shared memory segment.
 *
 * Life       master: fkv_open() before the fork, fkv_close()
 *            child:  fkv_attach() after the fork, fkv_detach()
 * Calls      fkv_get, fkv_update, fkv_scan, fkv_job start an operation
 *            (io/op.h): the result at once, or FKV_AGAIN and later exactly one
 *            on_done, from fkv_poll() or fkv_turn() and never from inside the
 *            starting call
 * Loop       the caller watches fkv_eventfd() for reading and calls fkv_poll()
 *            when it is readable; when the engine calls on_turn() the caller
 *            calls fkv_turn() once, at the end of its event-loop turn; after
 *            each of them fkv_timeout_ms() says when to call fkv_poll() again
 *            though nothing happened
 * Threads    a fkv_t belongs to one thread of its process; the helper's own
 *            threads are the engine's affair
 * Memory     an operation's struct, keys and values are the caller's until
 *            the operation has ended; zero-initialize the struct
 *
 * Nothing here blocks but fkv_open(), fkv_close(), fkv_attach(), fkv_detach().
 */

#ifndef FKV_H
#define FKV_H

#include "base/types.h"
#include "base/alloc.h"
#include "io/op.h"
#include "io/io.h"
#include "io/file.h"
#include "io/clock.h"
#include "format/key.h"
#include "format/field.h"

#include <sys/types.h>

typedef struct fkv_s  fkv_t;


/* What an acknowledged write has survived; architecture in store/README.md. */
typedef enum {
    FKV_SYNC_DEFAULT = 0,   /* of an operation: as the store says */
    FKV_SYNC_ALWAYS,        /* it is on disk */
    FKV_SYNC_EVERYSEC,      /* it is in the log, synced within a second */
    FKV_SYNC_OFF            /* it is in shared memory, written when it suits */
} fkv_sync_e;

/* Of the tables' data blocks; tables say themselves what they are. */
typedef enum {
    FKV_COMPRESSION_LZ4 = 0,
    FKV_COMPRESSION_ZSTD,
    FKV_COMPRESSION_NONE
} fkv_compression_e;

/* How the tables' indexes are searched: format/index.h. */
typedef enum {
    FKV_INDEX_LEARNED = 0,  /* by as many lines as a page's keys need */
    FKV_INDEX_LINEAR,       /* by one line, if that helps */
    FKV_INDEX_BINARY
} fkv_index_e;

/* How tables become fewer: store/pick.h. */
typedef enum {
    FKV_COMPACTION_LEVELED = 0, /* little space, few tables for a read */
    FKV_COMPACTION_TIERED,      /* little is written */
    FKV_COMPACTION_ADAPTIVE     /* by what the store is asked for */
} fkv_compaction_e;

/* What goes when more than max_size bytes live; store/evict.h. */
typedef enum {
    FKV_EVICT_NONE = 0,     /* nothing: what adds is refused */
    FKV_EVICT_LRU,          /* keys that were not used for long */
    FKV_EVICT_LFU,          /* keys that are rarely used */
    FKV_EVICT_TTL,          /* keys that would expire soon; only such keys */
    FKV_EVICT_RANDOM
} fkv_evict_e;

/* Namespaces that share a quota. */
typedef enum {
    FKV_CLASS_USER = 0,
    FKV_CLASS_CACHE,
    FKV_CLASS_LIMITS,
    FKV_CLASS_CATALOG
} fkv_class_e;

#define FKV_CLASSES  4

static inline fkv_class_e
fkv_class(unsigned ns)
{
    return (ns < FKV_NAMESPACE_USERS)
           ? FKV_CLASS_USER
           : (fkv_class_e) (ns - FKV_NAMESPACE_USERS + FKV_CLASS_CACHE);
}


typedef struct {
    const char          *path;          /* directory, absolute */
    uint64_t             memory;        /* bytes of the shared segment:
                                           memtables, table blocks, all */
    uint64_t             value_max;     /* bytes; 0 = fkv_value_max_default */
    uint64_t             blob_min;      /* from so many bytes on a value is
                                           kept out of log and tables; 0 =
                                           FKV_BLOB_MIN_DEFAULT */
    uint64_t             max_size;      /* bytes that live, 0 = no bound: the
                                           tables' and memtables', without
                                           what is known to be dead; exactly
                                           in store/size.h */
    fkv_evict_e          evict;         /* needs a max_size */
    uint64_t             quota[FKV_CLASSES];    /* bytes that a class of
                                           namespaces may hold, 0 = any; of
                                           the cache what was not used for
                                           long goes then, of others what
                                           evict says, of limits and the
                                           catalog nothing */
    fkv_sync_e           sync;          /* not DEFAULT */
    fkv_compression_e    compression;
    fkv_index_e          index;
    fkv_compaction_e     compaction;
    uid_t                uid;           /* owner of all files, the workers'; */
    gid_t                gid;           /*   (uid_t) -1 = as this process */
    const char          *checkpoints;   /* directory, absolute; NULL = none */

    const fkv__fs_t     *fs;            /* NULL = the real ones */
    const fkv__clock_t  *clock;
    const fkv__io_ops_t *io;            /* NULL = io_uring, else the pool */
} fkv_options_t;

#define FKV_MEMORY_MIN      (4 * 1024 * 1024)
#define FKV_VALUE_MAX_MAX   (1024 * 1024 * 1024)    /* of value_max */
#define FKV_BLOB_MIN_DEFAULT  (64 * 1024)   /* but see fkv_options_check */
#define FKV_BLOB_MIN_MIN    (4 * 1024)
#define FKV_BATCH_KEYS_MAX  1024        /* changes in one update */

/* memory / 16, from 1 to 16 MiB: some are whole in memory while they come. */
uint64_t fkv_value_max_default(uint64_t memory);

/*
 * What `nginx -t` can know without touching the disk.  Values below blob_min
 * go through memtables, so it can be no more than fits into a quarter of one
 * beside a key of 64 KiB; the default is that at most.  (A zero byte in a key
 * takes the room of two.)
 * FKV_OK · FKV_EINVAL, error[FKV_ERROR_BYTES] holds one sentence
 */
int fkv_options_check(const fkv_options_t *opt, char *error);


/*
 * Creates or opens the store: takes DIR/LOCK, replays the log into tables,
 * maps the segment.  log must live as long as the store.
 * FKV_OK · FKV_EBUSY another nginx owns it (names its pids) · FKV_EVERSION
 * · FKV_ECORRUPT · FKV_EIO · FKV_EFULL · FKV_ENOMEM; error holds one sentence
 */
int fkv_open(fkv_t **store, const fkv_options_t *opt, const fkv_log_t *log,
    char *error);

/*
 * Takes over from opt what may change while the store is open: compression and
 * index, for tables to come, and compaction, in this process and in those
 * forked later; max_size, evict and quotas, everywhere at once.
 */
void fkv_change(fkv_t *store, const fkv_options_t *opt);

/* Unmaps and drops this process's share of the lock.  Children go on. */
void fkv_close(fkv_t *store);


typedef enum {
    FKV_WORKER,             /* runs operations */
    FKV_HELPER              /* calls fkv_helper() only */
} fkv_process_e;

/*
 * Takes a slot, reaps what a dead owner left in it, opens log files and I/O.
 * on_turn(data) may be called from any engine call; it must not call back.
 * FKV_OK · FKV_EFULL all slots are taken · FKV_EIO · FKV_ENOMEM
 */
int fkv_attach(fkv_t *store, fkv_process_e as, const fkv_log_t *log,
    void (*on_turn)(void *data), void *data, char *error);

/*
 * Ends every operation that is in flight without on_done, brings what was
 * answered to disk whatever sync= is (for at most some seconds), frees the
 * slot.  Of an operation not ended nothing may be called afterwards.
 */
void fkv_detach(fkv_t *store);

/*
 * A second handle on a store that is attached in this process: it runs
 * operations beside a FKV_HELPER, as a worker does, with a slot of its own.
 * It is closed before the first one is detached.
 * FKV_OK *twin is attached · as fkv_attach
 */
int  fkv_twin_open(fkv_t **twin, const fkv_t *store,
    void (*on_turn)(void *data), void *data, char *error);
void fkv_twin_close(fkv_t *twin);

int      fkv_eventfd(const fkv_t *store);   /* watch edge-triggered; not ours
                                               to read or to close */
void     fkv_poll(fkv_t *store);
void     fkv_turn(fkv_t *store);
int64_t  fkv_timeout_ms(const fkv_t *store);    /* -1: no need */
unsigned fkv_in_flight(const fkv_t *store);     /* operations not ended */

/*
 * The helper role: flush, compaction, log preparation, syncing every second,
 * the clock.  Its threads run in the one process that owns the role; calling
 * this takes the role over if its owner is gone.  Call it again after the
 * returned number of milliseconds.  (A worker that waits for memory while no
 * helper lives does so by itself.)
 */
unsigned fkv_helper(fkv_t *store);

/* Asks the helper's threads of this process to stop and waits for them. */
void fkv_helper_stop(fkv_t *store);


/* Store time, milliseconds since 1970: never steps backwards. */
uint64_t fkv_now_ms(const fkv_t *store);

/*
 * A number of this process among those that are attached: nobody else has it
 * until its death has been noticed.  used: has anybody this number?
 */
#define FKV_SLOTS  128

unsigned fkv_slot(const fkv_t *store);
bool     fkv_slot_used(const fkv_t *store, unsigned slot);

const char *fkv_path(const fkv_t *store);
const fkv_options_t *fkv_options(const fkv_t *store);


/* A large value that is open for reading. */
typedef struct fkv_blob_s  fkv_blob_t;

typedef struct {
    fkv_str_t    data;          /* NULL of a large value not loaded */
    uint64_t     size;          /* of the value, also then */
    fkv_blob_t  *blob;          /* of fkv_get: how to read it; or NULL */
    fkv_str_t    content_type;  /* empty = none was given */
    uint64_t     version;       /* LSN of the record: the ETag */
    uint64_t     expire_at;     /* milliseconds, 0 = never */
    uint16_t     type;          /* 0 = bytes; what others are, the catalog
                                   says, not the engine */
    uint16_t     encver;        /* of the type's encoding */
    uint64_t     stamp;         /* not 0: the key has elements, and this is
                                   what they are found by */
    int          unread;        /* FKV_EMISSING, FKV_WRONGTYPE, FKV_ECORRUPT:
                                   operands wait for an operator that can,
                                   data is NULL */
} fkv_value_t;


/*
 * The next piece of a large value.  The piece after it is read meanwhile, and
 * that is all the memory it takes, however long the value is.
 *   from, to   bytes to be read; from moves behind the piece
 *   piece      verified; stays until the next call or fkv_blob_close()
 * One read of a blob at a time.
 * FKV_OK · FKV_END from has reached to, or the end · FKV_AGAIN · FKV_ECORRUPT
 * and FKV_EIO (the log says where), FKV_ENOMEM: of this piece
 */
typedef struct {
    fkv_op_t     op;
    fkv_blob_t  *blob;
    uint64_t     from;
    uint64_t     to;
    fkv_str_t    piece;
} fkv_blob_read_t;

int  fkv_blob_read(fkv_blob_read_t *read);

/*
 * At any time, also during a read, whose on_done is not called then.  Not
 * after fkv_detach().
 */
void fkv_blob_close(fkv_blob_t *blob);


/*
 * A snapshot that outlives an operation, a request, and the process that took
 * it: a lease of a bounded table in the segment, which any process may name
 * until it ends.  What it sees stays readable, though it is overwritten,
 * deleted or compacted meanwhile; expiry goes on.  A start of the store ends
 * all leases.
 *
 * take: of what is visible now.  nonce is random, the secret of the lease.
 * FKV_OK lease and lsn are set · FKV_EFULL all leases are taken · FKV_GONE
 * compaction was faster again and again
 *
 * renew: it ends in ttl_ms; earlier than it would have only if shorten is set.
 * FKV_OK left_ms is set · FKV_GONE it has ended, or never was
 *
 * drop: it ends now.  FKV_OK · FKV_GONE
 */
int fkv_snapshot_take(fkv_t *store, uint64_t ttl_ms, uint64_t nonce,
    fkv_lease_t *lease, uint64_t *lsn);
int fkv_snapshot_renew(fkv_t *store, const fkv_lease_t *lease,
    uint64_t ttl_ms, bool shorten, uint64_t *left_ms);
int fkv_snapshot_drop(fkv_t *store, const fkv_lease_t *lease);


/*
 * What readers see now: everything below this LSN.  Of a store that waits for
 * the disk that is less than what is complete, so who has written something and
 * wants to see it, before it is answered, reads behind it: a pipeline.
 */
uint64_t fkv_visible(const fkv_t *store);

/* What is complete now, visible or not: a snapshot may be as high as this. */
uint64_t fkv_ready(fkv_t *store);

/*
 * Waits until everything below lsn is visible or, with complete, only until it
 * is there: then fkv_get's after, and snapshots, may be as high as that.  (What
 * another process has begun to write is complete in a moment.)
 * FKV_OK · FKV_AGAIN · FKV_EREADONLY it will never be visible
 */
typedef enum {
    FKV__WAIT_VISIBLE,
    FKV__WAIT_DURABLE
} fkv__wait_e;

typedef struct {
    fkv_link_t    link;
    fkv_op_t     *op;
    fkv__wait_e   what;
    uint64_t      lsn;          /* the position that must be reached */
} fkv__wait_t;

typedef struct {
    fkv_op_t      op;
    fkv_t        *store;
    uint64_t      lsn;
    bool          complete;

    fkv__wait_t   wait;         /* the engine's */
} fkv_await_t;

int fkv_await(fkv_await_t *await);


/*
 * Read one key, now or at a snapshot.
 *   ns, key     what; key.len 1 .. FKV_KEY_BYTES_MAX
 *   now_ms      expiry is decided by this
 *   snapshot    an LSN, 0 = everything visible now; of a lease it is set
 *   after       of "now": what lies below this LSN is seen too, though it is
 *               not visible yet; it is complete (fkv_await)
 *   stamp       not 0: not the key itself is read, but its element of this
 *               name.  It is that of the key's value, read at the same moment:
 *               elements of another stamp are not the key's any more
 *   lease       what holds the snapshot, or id 0
 *   load_max    a large value up to this length is loaded: value.data
 *   head        a longer one is not even opened, and of operands without an
 *               operator there is no failure, but value.unread
 * FKV_OK value is set · FKV_NOTFOUND · FKV_AGAIN · FKV_EMISSING the key has
 * operands (fkv_merge_t) whose operator is not here · FKV_WRONGTYPE, they are
 * on top of a value that is nothing for it · FKV_GONE the lease has
 * ended, or versions of that snapshot may have been dropped · FKV_ECORRUPT
 * (the log says where) · FKV_EIO · FKV_ENOMEM
 *
 * value points into the engine's memory: copy what you need and call
 * fkv_get_done() before returning to the event loop, whatever the answer was
 * unless it was FKV_AGAIN.  value.blob is the caller's to close if it takes
 * it out of value before that; it stays readable whatever happens to its key.
 */
typedef struct fkv__get_s  fkv__get_t;

typedef struct {
    fkv_op_t      op;
    fkv_t        *store;
    unsigned      ns;
    fkv_str_t     key;
    uint64_t      now_ms;
    uint64_t      snapshot;
    uint64_t      after;
    fkv_lease_t   lease;
    uint64_t      stamp;
    fkv_str_t     element;
    uint64_t      load_max;
    bool          head;
    bool          quiet;        /* this is no use of the key, for eviction */

    fkv_value_t   value;

    fkv__get_t   *own;          /* the engine's, as what follows */
    bool          held;         /* who asks holds the snapshot */
} fkv_get_t;

int  fkv_get(fkv_get_t *get);
void fkv_get_done(fkv_get_t *get);


/*
 * These keys are about to be read, or put.  A hint: what the memtables have of
 * them is loaded from memory for all of them together, so that each does not
 * wait for it by itself.  Keys that are long are passed over.
 */
void fkv_prefetch(fkv_t *store, unsigned ns, const fkv_str_t *keys,
    unsigned n, bool put);

/*
 * The same of elements.  Which ones, names() is asked for each key that has a
 * stamp in a memtable, in their order: it gets a value that the key had just
 * now, sets FKV_PREFETCH_NAMES names at most, which stay until this returns,
 * and says how many.
 */
#define FKV_PREFETCH_NAMES  8

typedef unsigned (*fkv_prefetch_pt)(void *data, unsigned key,
    const fkv_value_t *value, fkv_str_t *names);

void fkv_prefetch_elements(fkv_t *store, unsigned ns, const fkv_str_t *keys,
    unsigned n, bool put, fkv_prefetch_pt names, void *data);


/*
 * Read-modify-write of 1 to FKV_BATCH_KEYS_MAX distinct keys, all or nothing.
 *
 * The engine reads the newest version of every key, pending ones included,
 * and calls decide(), which looks at exists and current, fills in action and
 * what is to be written, and returns FKV_OK.  If a key has changed meanwhile
 * the engine reads again and calls decide() again: it must depend on nothing
 * but the changes and do nothing outside.  If it returns another code, nothing
 * is written and the update ends with that code.  What decide() saw was there
 * at one moment, also of keys that are kept: at that of the write, or, if
 * nothing is written, at one during the update.  Either end waits until what
 * decide() saw is visible, so no answer tells of a write that could be lost;
 * unless sync asks for less than the store's FKV_SYNC_ALWAYS: then neither
 * waits for the disk.
 *
 *   now_ms      a current that has expired does not exist
 *   sync        FKV_SYNC_DEFAULT or more or less than the store's
 *   decide      NULL: write the changes as they stand
 *   blind       of a change: do not read it, exists and current are not set
 *   prefix      of a change: its FKV_DELETE is of all keys that begin with key,
 *               which may be empty: of the namespace; and of their elements; it
 *               costs the same however many they are.  It is blind and takes
 *               no FKV_PUT
 *   load        of a change: decide() needs the bytes of a large current
 *               value too, else current.size is all it learns of them
 *   bare        of a change: decide() needs no bytes at all; only then operands
 *               without an operator are no failure: current.unread
 *
 * Changes take effect in their order: a key put behind the delete of its
 * prefix is there afterwards.  What decide() sees is how all was before.
 *
 * It is placed when nothing can change its outcome any more but a death or a
 * failing log: its frame stands in the log, or decide() has said that nothing
 * is written.  Long before it is on disk, and mostly before fkv_update()
 * returns.  Who then reads behind its lsn sees what it wrote and what decide()
 * saw; updates that start then see it in any case.
 *   on_placed   NULL, or called once, also from inside fkv_update(), before the
 *               end; not if the update fails before it is placed
 *
 * FKV_OK version is set in each change written · decide()'s code · FKV_AGAIN
 * · FKV_CONFLICT after too many tries · FKV_ETOOBIG value over value_max or
 * batch over a quarter of an arena, elements included, or so many elements that
 * their index takes half of one · FKV_EINVAL elements that make no sense
 * · FKV_EREADONLY · FKV_EFULL disk full
 * · FKV_EMAXSIZE more would be added than max_size has room for, and nothing is
 * evicted · FKV_EQUOTA than the quota of its namespaces has; with both,
 * deletes, and what takes no more bytes than it replaces, go on
 * · FKV_ECORRUPT · FKV_EIO · FKV_ENOMEM · a hook's code; nothing is written
 * then, but what waited for a log that failed may be there after a restart
 */
typedef struct fkv_update_s    fkv_update_t;
typedef struct fkv_upload_s    fkv_upload_t;
typedef struct fkv__update_s   fkv__update_t;

/*
 * Elements are an ordered range under a key, seen only by who names the key's
 * stamp.  They are written with the key itself, so its version changes with
 * each of them, and an expectation on the key is one on all of them; they need
 * no latch of their own.  When the key has another stamp, or none, is deleted
 * or has expired, they are gone: nobody can name them, and compaction drops
 * them.  So a stamp is used for one life of a key: 63 random bits will do; and
 * who goes on with one has read the key, his change is not blind.  Only keys of
 * the databases, below FKV_NAMESPACE_USERS, have elements.
 */
typedef struct {
    fkv_str_t     name;         /* not empty; with the key at most
                                   FKV_KEY_BYTES_MAX */
    fkv_str_t     value;        /* below blob_min */
    uint64_t      expire_at;    /* 0 = never: with the key */
    bool          gone;         /* it is deleted */
} fkv_element_t;

typedef enum {
    FKV_KEEP = 0,               /* leave this key alone */
    FKV_PUT,
    FKV_DELETE,                 /* of a key that does not exist: nothing */
    FKV_MERGE                   /* of a blind change: value is an operand of
                                   type's operator, below blob_min */
} fkv_action_e;

typedef struct {
    unsigned      ns;
    fkv_str_t     key;
    bool          blind;
    bool          prefix;
    bool          load;
    bool          bare;

    bool          exists;       /* for decide() */
    fkv_value_t   current;      /* valid inside decide() only */

    fkv_action_e  action;       /* by decide() or beforehand */
    fkv_str_t     value;        /* the caller's until the end */
    fkv_upload_t *upload;       /* of the value, complete; or NULL */
    fkv_str_t     content_type;
    uint64_t      expire_at;    /* 0 = never */
    uint16_t      type;
    uint16_t      encver;
    uint64_t      stamp;        /* 0 = it has no elements */
    fkv_element_t *elements;    /* of this stamp, written with a PUT; sorted by
                                   name, each once; else NULL */
    unsigned      elements_n;

    uint64_t      version;      /* result of a PUT or DELETE */
} fkv_change_t;

struct fkv_update_s {
    fkv_op_t        op;
    fkv_t          *store;
    uint64_t        now_ms;
    fkv_sync_e      sync;
    fkv_change_t   *changes;
    unsigned        n;
    int           (*decide)(fkv_update_t *update);
    void          (*on_placed)(fkv_update_t *update);

    bool            placed;
    uint64_t        lsn;        /* when it is placed */

    fkv_change_t   *more;       /* these belong to fkv_hooks_t.write ... */
    unsigned        more_n;
    void           *hook;
    fkv_str_t       refusal;    /* ... at the end that of fkv_refusal() */

    fkv__update_t  *own;        /* the engine's; NULL again at the end */
};

int fkv_update(fkv_update_t *update);


/*
 * Who is asked and told of this process's updates, whoever makes them.  The
 * engine's own deletes, those of eviction, are not shown: they run in the
 * helper's threads, and nothing may refuse them.  Expiry writes nothing.
 *
 * write    decide() has said FKV_OK, or there is none: this will be written if
 *          nothing comes between.  Asked again with every try, of what decide()
 *          said then.  Nothing is reserved or latched, and it must not wait.
 *          Of a PUT it may change value and expire_at, but not the value of an
 *          upload; these are again as decide() left them at the next try and at
 *          the end.  It may set more and more_n: blind PUTs, with a value below
 *          blob_min, and DELETEs of FKV_NAMESPACE_CATALOG, keys not among the
 *          update's, that join the same frame; their memory, and that of new
 *          values, is the hook's until the end.  more is NULL at each try, hook
 *          at the first one, and nobody else touches it.
 *          Any other code than FKV_OK refuses the update and is its answer;
 *          refusal may say why in one line of up to FKV_REFUSAL_BYTES bytes,
 *          which are copied
 * commit   it was written, and the update ends in FKV_OK; before on_done.
 *          A process that dies before has written without telling
 * end      it ends, whatever came of it; once for each that write() was asked
 *          about, after commit(), before on_done: hook and more may be freed.
 *          Not for those that fkv_detach() ends
 * expire   this process has the helper role, and a key has expired: called by
 *          fkv_helper().  Keys wait for that, FKV_EXPIRED_BYTES of them, and
 *          if there are more they are noticed later.  Each once, but those of
 *          a helper that dies before it was called, and what no helper has
 *          seen (store/notice.h), are not told
 *
 * NULL: it does not care.  fkv_hook() by the process's own thread, when no
 * update is in flight; hooks stay the caller's.  NULL: nobody is asked.
 */
typedef struct {
    int   (*write)(void *data, fkv_update_t *update);
    void  (*commit)(void *data, const fkv_update_t *update);
    void  (*end)(void *data, fkv_update_t *update);
    void  (*expire)(void *data, unsigned ns, fkv_str_t key);
} fkv_hooks_t;

#define FKV_REFUSAL_BYTES  200
#define FKV_EXPIRED_BYTES  (1024 * 1024)

void fkv_hook(fkv_t *store, const fkv_hooks_t *hooks, void *data);

/*
 * What was said of the last update of this process that was refused; perhaps
 * nothing.  The store's memory, until the next one is: who answers does so in
 * on_done.
 */
fkv_str_t fkv_refusal(const fkv_t *store);


/*
 * Merge operators, found by the type that an operand names: they put together
 * what FKV_MERGE has written without reading.  Pure and deterministic, called
 * in any thread of the process, the helper's too, and under no latch.
 *
 * full     base with operands on top; base NULL: there is none, or it had
 *          expired.  Content type, stamp and expiry of the result are those of
 *          base
 * partial  several operands as one, where base is not at hand; or NULL
 * fits     may they be on top of a value of another type, base?  NULL: yes
 * renews   shall fkv_renew_next() tell of a value of this type that compaction
 *          meets, written by this encoding?  NULL: of none
 *   chain  whose it is: the user's key, and the versions of the oldest and the
 *          newest that is put together, base included
 *   ops    n of one type, the oldest first
 *   out    its bytes are the operator's, until its next call in this thread
 * FKV_OK · FKV_EMISSING it is not here · FKV_WRONGTYPE base is of another type
 * · any other code: it fails.  Readers are told (FKV_ECORRUPT of the last), and
 * operands stay as they are, in order.  Blind operands on what does not fit are
 * FKV_WRONGTYPE at once if memtables have it.
 *
 * fkv_merge_set() before fkv_attach(); merge stays the caller's.  NULL: there
 * are none.
 */
typedef struct {
    unsigned   ns;
    fkv_str_t  key;
    uint64_t   oldest;
    uint64_t   newest;
} fkv_chain_t;

typedef struct {
    fkv_str_t  data;
    uint16_t   type;            /* beforehand that of base */
    uint16_t   encver;
} fkv_merged_t;

typedef struct {
    int  (*full)(void *data, uint16_t type, const fkv_chain_t *chain,
             const fkv_value_t *base, const fkv_str_t *ops, unsigned n,
             fkv_merged_t *out);
    int  (*partial)(void *data, uint16_t type, const fkv_chain_t *chain,
             const fkv_str_t *ops, unsigned n, fkv_str_t *out);
    bool (*fits)(void *data, uint16_t type, uint16_t base);
    bool (*renews)(void *data, uint16_t type, uint16_t encver);
} fkv_merge_t;

void fkv_merge_set(fkv_t *store, const fkv_merge_t *merge, void *data);


/*
 * In the process that has the helper role: a value of a user's namespace that
 * compaction has met and that fkv_merge_t.renews says is to be written anew.
 * FKV_RENEW_BYTES of keys wait for that; what finds no room, or its helper
 * dead, is told when its table is compacted again.
 *   version  that was met; perhaps there is another by now
 *   key      until the next call, or fkv_helper_stop()
 * False: there is none.  fkv_renew_end() when one has been written, for the
 * figures.
 */
typedef struct {
    unsigned   ns;
    fkv_str_t  key;
    uint64_t   version;
} fkv_renew_t;

#define FKV_RENEW_BYTES  (64 * 1024)

bool fkv_renew_next(fkv_t *store, fkv_renew_t *next);
void fkv_renew_end(fkv_t *store);


/*
 * A large value that comes bit by bit goes to disk as it comes, and is written
 * by an update when all of it is there: change.upload, change.value = { NULL,
 * size }.  It takes 256 KiB of memory, however long it is.
 *   key         of the change to come
 *   size        of the value, at least options.blob_min
 *   now_ms, expire_at   which values it lies with; the change may say another
 *   data        the next bytes, not beyond size; stay until the operation ends,
 *               and are taken then
 * One call at a time.  FKV_OK data is taken, with the last of it all is on disk
 * · FKV_AGAIN · FKV_EBUSY at the first call: too many files are open, nothing
 * has begun · FKV_ETOOBIG · FKV_EINVAL no key · FKV_EREADONLY · FKV_EFULL
 * · FKV_EIO · FKV_ENOMEM; after a failure it can only be closed
 */
typedef struct fkv__upload_s  fkv__upload_t;

struct fkv_upload_s {
    fkv_op_t        op;
    fkv_t          *store;
    unsigned        ns;
    fkv_str_t       key;
    uint64_t        size;
    uint64_t        now_ms;
    uint64_t        expire_at;
    fkv_str_t       data;

    fkv__upload_t  *own;        /* the engine's; NULL: not begun, or closed */
};

int fkv_upload(fkv_upload_t *upload);

/*
 * At any time but during its update, also when nothing has begun and during a
 * call, whose on_done is not called then.  Not after fkv_detach().
 */
void fkv_upload_close(fkv_upload_t *upload);


/*
 * Walk keys in order at one snapshot.
 *   prefix      only keys that begin so; may be empty
 *   start       first key, inclusive, or behind it if after is set; may be
 *               empty
 *   end         exclusive; empty = none
 *   snapshot    one that lies in the future means what is ready now
 *   lease       what holds the snapshot; or id 0
 *   lease_ms    not 0: when the scan ends in FKV_OK before its range does, the
 *               snapshot is held for so long, for who goes on from there: the
 *               lease is renewed, or a new one with this nonce set
 *   limit       entries at most; bytes_max: of keys and values together, the
 *               first entry is given whatever its size; 0 = no bound
 *   on_entry    called for each, in order, also from inside fkv_scan(); key
 *               and value are valid during the call; any other answer than
 *               FKV_OK ends the scan before this entry with that code, which
 *               must not be FKV_AGAIN
 *   stamp       not 0: elements of this stamp of the key are walked, prefix,
 *               start, end, seek and on_entry's key are names of elements
 *   seek        on_entry may set it: the next entry wanted is the first at or
 *               behind this key; what lies between costs nothing.  Its bytes
 *               are taken when on_entry has answered
 * FKV_OK complete says whether the range is known to be exhausted · FKV_AGAIN
 * · FKV_GONE the lease has ended, or versions of that snapshot may have been
 * dropped · FKV_EFULL all leases are taken · FKV_ECORRUPT · FKV_EVERSION
 * · FKV_EIO · FKV_ENOMEM
 */
typedef struct fkv_scan_s   fkv_scan_t;
typedef struct fkv__scan_s  fkv__scan_t;

struct fkv_scan_s {
    fkv_op_t      op;
    fkv_t        *store;
    unsigned      ns;
    fkv_str_t     key;
    uint64_t      stamp;
    fkv_str_t     prefix;
    fkv_str_t     start;
    bool          after;
    fkv_str_t     end;
    uint64_t      now_ms;
    uint64_t      snapshot;     /* 0 = everything visible now */
    fkv_lease_t   lease;
    uint64_t      lease_ms;
    uint64_t      nonce;
    unsigned      limit;
    size_t        bytes_max;
    uint64_t      load_max;     /* as of fkv_get_t; value->blob is NULL */
    int         (*on_entry)(fkv_scan_t *scan, fkv_str_t key,
                      const fkv_value_t *value);
    fkv_str_t     seek;         /* empty before each on_entry */

    bool          complete;

    fkv__scan_t  *own;          /* the engine's; NULL again at the end */
};

int fkv_scan(fkv_scan_t *scan);


/*
 * A place where a scan goes on in a later request, of any process: a number
 * below 2^53 for a few bytes, in a bounded table of the segment.  Nothing else
 * is held.  The number is good until the scan goes on from there, once more,
 * and until many others have begun that were used later; at most until the
 * store is closed.
 *   from    the number with which the scan came, or 0
 *   place   at most FKV_CURSOR_BYTES_MAX
 *   random  any 64 bits
 * get copies the place: FKV_OK · FKV_GONE.  end: nobody will ask for it again.
 */
#define FKV_CURSOR_BYTES_MAX  232

uint64_t fkv_cursor_put(fkv_t *store, uint64_t from, fkv_str_t place,
    uint64_t random);
int  fkv_cursor_get(fkv_t *store, uint64_t cursor, uint8_t *place,
    size_t *len);
void fkv_cursor_end(fkv_t *store, uint64_t cursor);


/*
 * How a key was used, as far as eviction knows: by says what is counted in its
 * namespace, idle_ms is of FKV_EVICT_LRU (what was not used for long answers
 * the longest time that is remembered), often of FKV_EVICT_LFU (0 .. 255).
 */
typedef struct {
    fkv_evict_e  by;            /* else FKV_EVICT_NONE */
    uint64_t     idle_ms;
    unsigned     often;
} fkv_use_t;

void fkv_use(fkv_t *store, unsigned ns, fkv_str_t key, uint64_t now_ms,
    fkv_use_t *use);


/*
 * Work that the helper does while this process goes on, one after the other.
 *
 * FKV_JOB_CHECKPOINT  a copy of the store in the directory text of
 *   options.checkpoints, which opens as a store of its own.  It holds a prefix
 *   of the order of writes, and in it everything that was acknowledged before
 *   the call.  It is complete and on disk, or it is not there.
 *     text     its name: 1 to FKV_CHECKPOINT_NAME_MAX letters, digits, "_", "-"
 *              and ".", not beginning with "."
 *     result   bytes of its files; tables share theirs with the store's
 *   FKV_EINVAL no such name, or no options.checkpoints · FKV_EXISTS something
 *   has this name, it was not touched · FKV_ECORRUPT a table is missing
 *   · FKV_EREADONLY the store is · FKV_EFULL
 *
 * FKV_JOB_COUNT  keys that exist at one snapshot, counted one by one.
 *     ns       whose
 *     text     what the keys begin with, at most FKV_COUNT_PREFIX_MAX bytes
 *     result   how many
 *   FKV_EINVAL text is too long · FKV_ECORRUPT
 *
 * Both: FKV_OK · FKV_AGAIN · FKV_EBUSY too many wait already · FKV_EOWNERDEAD
 * helpers died at it again and again · FKV_EIO · FKV_ENOMEM
 */
typedef enum {
    FKV_JOB_CHECKPOINT = 1,
    FKV_JOB_COUNT = 2
} fkv_job_e;

#define FKV_CHECKPOINT_NAME_MAX  128
#define FKV_COUNT_PREFIX_MAX     1000

typedef struct fkv__job_s  fkv__job_t;

typedef struct {
    fkv_op_t      op;
    fkv_t        *store;
    fkv_job_e     kind;
    unsigned      ns;
    fkv_str_t     text;

    uint64_t      result;

    fkv__job_t   *own;          /* the engine's; NULL again at the end */
} fkv_job_t;

int fkv_job(fkv_job_t *job);

bool fkv_checkpoint_name_valid(fkv_str_t name);


/*
 * A claim on a number, so that not everybody begins the same work: of all
 * processes at most one operation holds it.  It lives in shared memory only,
 * and ends by fkv_claim_drop() or with its process.
 *   wait        if another has it, wait for the end of that
 *   age_ms      another's that is older is taken over; 0 = never
 * FKV_OK it is ours · FKV_EXISTS another has it and we do not wait, or, from
 * on_done, another had it and does no more: it is not ours; left_ms says how
 * much of age_ms another had left · FKV_AGAIN · FKV_EFULL too many are held, it
 * is not ours
 */
typedef struct {
    fkv_op_t   op;
    fkv_t     *store;
    uint64_t   id;
    bool       wait;
    uint64_t   age_ms;

    uint64_t   left_ms;
    bool       held;

    bool       waits;           /* the engine's, as what follows */
    uint32_t   place;
    uint64_t   word;
} fkv_claim_t;

int  fkv_claim(fkv_claim_t *claim);

/*
 * At any time: if it is ours it ends, if it waits on_done is not called any
 * more.  Not after fkv_detach().
 */
void fkv_claim_drop(fkv_claim_t *claim);


/* Figures of the whole store, all processes; counters since it was opened. */
#define FKV_STAT_COUNTERS(X)                                                  \
    X(gets,              "reads of one key")                                  \
    X(gets_found,        "reads that found a value")                          \
    X(gets_memtable,     "reads answered by a memtable")                      \
    X(puts,              "records written")                                   \
    X(deletes,           "tombstones written")                                \
    X(merges,            "merge operands written")                            \
    X(folds,             "chains of operands put together")       \
    X(folds_failed,      "chains whose operator was missing or failed")       \
    X(folds_written,     "chains that became one record")                     \
    X(range_deletes,     "deletes of a prefix or a namespace")                \
    X(scans,             "ordered scans")                                     \
    X(scans_dead,        "deleted and expired keys that scans passed")        \
    X(conflicts,         "read-modify-writes that had to run again")          \
    X(commits,           "writes of the log")                                 \
    X(commit_frames,     "batches in those writes")                           \
    X(commit_bytes,      "bytes of those writes")                             \
    X(syncs,             "separate syncs of the log")                         \
    X(wait_latch,        "operations that waited for a latch")                \
    X(wait_arena,        "operations that waited for a free arena")           \
    X(wait_durable,      "operations that waited for the log")                \
    X(delays,            "writes delayed for flush and compaction to keep up")\
    X(delay_us,          "microseconds that writes were put aside in all")    \
    X(blob_writes,       "large values written")                              \
    X(blob_write_bytes,  "bytes of them, in blob files")                      \
    X(blob_reads,        "pieces of large values read")                       \
    X(blob_moved_bytes,  "bytes of large values moved to new files")          \
    X(blob_drops,        "blob files removed")                                \
    X(block_hits,        "blocks found in the shared cache")                  \
    X(block_reads,       "blocks read from disk: misses of the cache")        \
    X(block_fills,       "blocks copied into the cache")                      \
    X(block_warmed,      "of these, blocks of new tables, by the helper")     \
    X(block_evictions,   "blocks evicted from the cache")                     \
    X(block_moves,       "blocks that were used and survived an eviction")    \
    X(flushes,           "memtables written to tables")                       \
    X(flush_bytes,       "bytes of those tables")                             \
    X(compactions,       "compactions committed")                             \
    X(compaction_read,   "bytes read by compaction")                          \
    X(compaction_written,"bytes written by compaction")                       \
    X(expired_dropped,   "expired records that compaction dropped")           \
    X(expired_noticed,   "keys whose expiry the helper noticed")              \
    X(expired_noticed_late, "of these, more than 100 ms late")                \
    X(range_dropped,     "records that compaction dropped for a range delete") \
    X(elements_dropped,  "elements of dead keys that compaction dropped")      \
    X(renew_met,         "values that compaction has met and that are to be "  \
                         "written anew")                                      \
    X(renew_lost,        "more of these, for which there was no room")        \
    X(renewed,           "of these, values that were written anew")           \
    X(checkpoints,       "checkpoints made")                                  \
    X(quota_refused,     "writes that were refused for a quota")              \
    X(reaped,            "dead processes whose slot was repaired")            \
    X(wait_evict,        "writes that waited for eviction")                   \
    X(evicted,           "keys that were evicted")                            \
    X(evicted_bytes,     "bytes of those")                                    \
    X(evict_sampled,     "keys that eviction has looked at")                  \
    X(evict_changed,     "keys that had changed before they were evicted")    \
    X(errors_io,         "input/output errors")                               \
    X(errors_corrupt,    "checksum or structure errors met")

/* How much a namespace holds, about. */
typedef struct {
    uint64_t  keys;
    uint64_t  bytes;        /* of disk, once compaction has come to its end */
} fkv_usage_t;

typedef struct {
#define FKV_STAT_FIELD(name, text)  uint64_t  name;
    FKV_STAT_COUNTERS(FKV_STAT_FIELD)
#undef FKV_STAT_FIELD

    fkv_usage_t usage[FKV_NAMESPACES];
    uint64_t    quota[FKV_CLASSES];
    uint64_t    keys_estimated;     /* of the user's namespaces together */
    uint64_t    memory;             /* the segment */
    uint64_t    memory_arenas;
    uint64_t    memory_used;        /* of the arenas: records and nodes */
    uint64_t    memory_cache;       /* table blocks, all processes' */
    uint64_t    memory_cache_used;
    uint64_t    memory_meta;        /* everything else in the segment */
    uint64_t    memory_private;     /* this process: engine's allocations */
    unsigned    arenas;
    unsigned    arenas_free;
    unsigned    arenas_sealed;      /* waiting for their flush */
    uint64_t    stall_max_us;       /* longest that a write was put aside */
    uint64_t    compaction_debt;    /* bytes that compaction has to do */
    unsigned    compaction_level_0; /* so many tables there make it due */
    unsigned    compaction_runs;    /* allowed above the deepest level */
    uint64_t    lsn_ready;
    uint64_t    lsn_durable;
    unsigned    tables;
    uint64_t    table_bytes;
    uint64_t    size;               /* bytes that live, see max_size */
    uint64_t    max_size;
    fkv_evict_e evict;
    unsigned    levels[8];          /* tables per level */
    uint64_t    blob_files;         /* as of the helper's last look */
    uint64_t    blob_bytes;         /* of these files */
    uint64_t    blob_live;          /* of them, what tables refer to */
    uint64_t    blob_missing;       /* files that should be there */
    uint64_t    edit;
    unsigned    leases;             /* snapshots that outlive an operation */
    unsigned    leases_max;
    uint64_t    snapshot_oldest;    /* LSN; 0 = none is held */
    uint64_t    expiry_late_max_ms; /* the latest notice of an expiry */
    unsigned    latches;            /* held now, the gate among them */
    unsigned    claims;             /* held now */
    unsigned    jobs;               /* that wait for the helper, or run */
    unsigned    readers;            /* processes that look into memtables */
    unsigned    block_readers;      /* and into cached blocks */
    unsigned    processes;          /* slots in use */
    bool        helper;             /* the helper role has an owner */
    bool        readonly;
    bool        disk_full;
    unsigned    tables_damaged;     /* met by compaction since it was opened */
    char        cause[128];         /* why it is read-only, or empty */
    const char *io;                 /* "io_uring" or "threads" */
} fkv_stats_t;

void fkv_stats(fkv_t *store, fkv_stats_t *stats);


#endif /* FKV_H */
