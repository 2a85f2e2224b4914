/*
 * call.h - what the function of a command sees and may do.
 *
 * A command is a transaction.  It sees the keys as they were at one moment
 * (of a command that writes: their newest versions), and its own writes; it
 * replies; what it wrote is committed together when it has returned FKV_OK,
 * and dropped when it has not.
 *
 *   FKV_OK      the reply is complete
 *   FKV_AGAIN   something that it asked for is not in memory: it is run again
 *               from the beginning when that is there
 *   other       as fkv_call_fail() and the functions below answer: passed on
 *
 * It is also run again when a key has changed meanwhile.  So it depends on
 * nothing but the call, does nothing outside, and passes every code but
 * FKV_OK and FKV_NOTFOUND on at once.  What the definition names as keys is
 * read before the first run, all at once.
 *
 * Memory   what is given out stays until this run returns; what is handed over
 *          (keys and values of put, arguments of the replies) may be in
 *          fkv_call_alloc()'s memory, argv or what get gave
 */

#ifndef FKV_COMMANDS_CALL_H
#define FKV_COMMANDS_CALL_H

#include "fkv.h"
#include "commands/command.h"
#include "commands/reply.h"

typedef struct fkv_client_s  fkv_client_t;      /* client.h */
typedef struct fkv_server_s  fkv_server_t;      /* server.h */
typedef struct fkv__txn_s    fkv__txn_t;        /* txn.h */

struct fkv_call_s {
    const fkv_command_t  *command;      /* of a container its subcommand */
    unsigned              argc;
    const fkv_str_t      *argv;         /* argv[0] is the name, as sent */
    unsigned              ns;           /* the selected database; SELECT may
                                           change it for what follows */
    uint64_t              now_ms;       /* the same in every run */
    uint64_t              random;       /* likewise: any 64 bits */
    fkv_t                *store;
    fkv_reply_t          *reply;        /* empty at the beginning of a run */
    fkv_client_t         *client;       /* the connection; NULL: none */
    fkv_server_t         *server;       /* never NULL */
    fkv__txn_t           *txn;          /* ours */
};

typedef struct {
    fkv_str_t   data;
    uint64_t    expire_at;      /* milliseconds since 1970, 0 = never */
    uint64_t    version;        /* of what is committed; 0 = written by this
                                   transaction */
    uint16_t    type;           /* 0 = bytes; others: types.h */
    uint16_t    encver;
    uint64_t    stamp;          /* what its elements are found by; 0: it never
                                   had any */
} fkv_call_value_t;


/* Never NULL: a failure ends the call with FKV_ENOMEM before it returns. */
void *fkv_call_alloc(fkv_call_t *call, size_t size);

/*
 * FKV_OK · FKV_NOTFOUND · FKV_AGAIN · failures, replied by whoever runs it
 * get: of bytes, else FKV_EINVAL, replied: WRONGTYPE, or whose extension is
 * missing.  get_any: of every type; its data are as they were written, maybe
 * with an older encver.
 */
int fkv_call_get(fkv_call_t *call, fkv_str_t key, fkv_call_value_t *value);
int fkv_call_get_in(fkv_call_t *call, unsigned ns, fkv_str_t key,
    fkv_call_value_t *value);
int fkv_call_get_any(fkv_call_t *call, unsigned ns, fkv_str_t key,
    fkv_call_value_t *value);

/*
 * What a command answers that finds a type that it is not for: FKV_EINVAL,
 * replied.
 */
int fkv_call_wrong_type(fkv_call_t *call, const fkv_call_value_t *value);

/*
 * A key was found, or not: counted in INFO.  What commands get that only read
 * is counted by itself; one that writes says so where Redis counts it.
 */
void fkv_call_looked(fkv_call_t *call, bool found);

/* The longest value that put takes. */
uint64_t fkv_call_value_max(const fkv_call_t *call);

/*
 * FKV_OK · FKV_AGAIN · FKV_EINVAL, replied: the key is too long, the value
 * larger than max_value, or the command is not a writing one.
 */
int fkv_call_put(fkv_call_t *call, fkv_str_t key, fkv_str_t data,
    uint64_t expire_at);
int fkv_call_put_in(fkv_call_t *call, unsigned ns, fkv_str_t key,
    fkv_str_t data, uint64_t expire_at);

/*
 * A value of a type.  It keeps the elements of the one it replaces, if that is
 * of the same type and this transaction has asked for it; else it has none.
 */
int fkv_call_put_typed(fkv_call_t *call, unsigned ns, fkv_str_t key,
    fkv_str_t data, unsigned type, unsigned encver, uint64_t expire_at);

/*
 * A value as get_any gives it, of any type.  It keeps its elements under the
 * same key; its stamp must be 0 under another.
 */
int fkv_call_put_value(fkv_call_t *call, unsigned ns, fkv_str_t key,
    const fkv_call_value_t *value);

/*
 * Written without being read: the type's operator puts it together with what
 * is there.  Answers as put.
 */
int fkv_call_merge(fkv_call_t *call, unsigned ns, fkv_str_t key,
    unsigned type, fkv_str_t operand);

/*
 * Elements of a key that has a type, as the transaction sees it: when the key
 * is deleted or becomes another its elements are gone, and the next begins
 * without any.  Who changes one writes the key, too: as it was, if nothing
 * else was put.  What has elements should say FKV_COMMAND_ELEMENTS, which
 * saves a run.
 *   get      value has data and expire_at.  FKV_OK · FKV_NOTFOUND, also of a
 *            key that does not exist · FKV_AGAIN: it is being read; who needs
 *            several asks for all before it passes that on
 *   put      expire_at 0: when the key ends.  FKV_OK · FKV_NOTFOUND there is no
 *            such key, or it is plain bytes · FKV_AGAIN · FKV_ETOOBIG
 *            · FKV_EINVAL, replied: the name is too long, the element too
 *            large, or the command is not a writing one
 *   delete   FKV_OK · FKV_NOTFOUND there was none · FKV_AGAIN · FKV_EINVAL
 *   scan     in order, from <= name < to (to empty: no end), n at most (0:
 *            all).  FKV_OK n were given · FKV_END there are no more
 *            · FKV_AGAIN · what on_element has answered, if not FKV_OK
 */
typedef int (*fkv_call_on_element_pt)(fkv_call_t *call, fkv_str_t name,
    const fkv_call_value_t *value, void *data);

#define FKV_CALL_ELEMENT_MAX  61440     /* bytes of its value */

int fkv_call_get_element(fkv_call_t *call, unsigned ns, fkv_str_t key,
    fkv_str_t name, fkv_call_value_t *value);
int fkv_call_put_element(fkv_call_t *call, unsigned ns, fkv_str_t key,
    fkv_str_t name, fkv_str_t data, uint64_t expire_at);
int fkv_call_delete_element(fkv_call_t *call, unsigned ns, fkv_str_t key,
    fkv_str_t name);
int fkv_call_scan_elements(fkv_call_t *call, unsigned ns, fkv_str_t key,
    fkv_str_t from, fkv_str_t to, uint64_t n,
    fkv_call_on_element_pt on_element, void *data);

/*
 * All of them, some at a time, for who may give up long before the end.
 * FKV_OK · as scan
 */
int fkv_call_each_element(fkv_call_t *call, unsigned ns, fkv_str_t key,
    fkv_call_on_element_pt on_element, void *data);

/* Of a key that does not exist: nothing.  FKV_OK · FKV_NOTFOUND · FKV_AGAIN */
int fkv_call_delete(fkv_call_t *call, fkv_str_t key);
int fkv_call_delete_in(fkv_call_t *call, unsigned ns, fkv_str_t key);

/* Every key of a database, in O(1); FKV_OK. */
int fkv_call_clear(fkv_call_t *call, unsigned ns);

/*
 * Keys in order, behind `after` (empty: from the first that has the prefix):
 * n are looked at (0: all that there are), those that wants() wants (NULL: all)
 * are given, until on_key answers other than FKV_OK, which is the result then.
 * Keys that this transaction has written are seen.  FKV_END: the range is at
 * its end.  FKV_OK: n were looked at, there may be more; *last is the last of
 * them, wanted or not (last may be NULL).  FKV_AGAIN: as get.
 *
 * wants is asked once as a key goes by, between two runs and in pieces that
 * hold up nobody, and looks at argv, store and the key's type only.  What it
 * wants is kept for the next run: so a walk takes no more memory than what it
 * is to find.
 */
typedef bool (*fkv_call_wants_pt)(const fkv_call_t *call, fkv_str_t key,
    unsigned type);
typedef int (*fkv_call_on_key_pt)(fkv_call_t *call, fkv_str_t key,
    void *data);

int fkv_call_scan(fkv_call_t *call, unsigned ns, fkv_str_t prefix,
    fkv_str_t after, uint64_t n, fkv_call_wants_pt wants,
    fkv_call_on_key_pt on_key, void *data, fkv_str_t *last);

/*
 * The first keys of a database that wants() wants, so many of them at most.
 * FKV_END there are no more · FKV_OK there may be · else as scan
 */
int fkv_call_find(fkv_call_t *call, unsigned ns, uint64_t most,
    fkv_call_wants_pt wants, fkv_call_on_key_pt on_key, void *data);

/* How many keys a database has.  Exact; FKV_AGAIN: as get. */
int fkv_call_count(fkv_call_t *call, unsigned ns, uint64_t *n);

/*
 * This run ends, and nothing of the store is held until go_on runs in place of
 * the command's function, with the store as it is then; it may suspend again.
 * What fkv_call_alloc() gave stays.  The command returns FKV_AGAIN behind it.
 * rc is what resume has said, or FKV_ECANCELED: the time is over.  Who has sent
 * the command may be gone meanwhile: go_on does not run then.
 * Returns what the wait is known by; 0: refused, for something was written, or
 * the command is one of several, or the host has no timers.
 */
typedef int (*fkv_call_go_on_pt)(fkv_call_t *call, void *data, int rc);

uint64_t fkv_call_suspend(fkv_call_t *call, uint64_t timeout_ms,
    fkv_call_go_on_pt go_on, void *data);

/* In the same process and thread, at any time; of what has ended: in vain. */
void fkv_call_resume(uint64_t wait, int rc);

/* Replies with an error and returns FKV_EINVAL.  "ERR syntax error" */
int fkv_call_fail(fkv_call_t *call, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Replies "ERR syntax error". */
int fkv_call_syntax(fkv_call_t *call);

/* Is argument i this word, whatever the letters' case? */
bool fkv_call_is(const fkv_call_t *call, unsigned i, const char *word);

/*
 * Argument i as a number; a failure is replied with Redis' text.
 * int: "ERR value is not an integer or out of range"
 */
int fkv_call_int(fkv_call_t *call, unsigned i, int64_t *n);


#endif /* FKV_COMMANDS_CALL_H */
