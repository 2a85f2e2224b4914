/*
 * hook.h - who is asked and told of this process's updates: fkv_hooks_t.
 *
 *     update.c   decide() -> fkv__hook_write() -> large values, frame.c
 *                   ^ fkv__hook_undo()                   | conflict, waiting
 *                   '------------------------------------'
 *                end: fkv__hook_end() -> on_done
 *     notice.c   EXPIRE thread: fkv__told_add() -> told -> fkv_helper():
 *                fkv__told_tell(), in the process's own thread
 *
 * One place for all writes, so no face can forget it.  A store without hooks
 * pays a predicted branch in an update.  Handles of the helper's threads
 * (twin.h) have none: a hook runs in one thread of a process.
 *
 * What a hook adds is blind, so it is checked for nothing; its latches are
 * taken with those of the update, and it stands in the same frame behind the
 * changes: all of it is there or nothing.
 *
 * Shape      private memory; told is under its mutex, which is held for a copy
 * If killed  hook.1 asked, nothing written; hook.2 the update is visible, the
 *            hook was not told; hook.3 of an expiry neither.  The rest of told
 *            goes with the process, noticed_ms is raised already
 */

#ifndef FKV_STORE_HOOK_H
#define FKV_STORE_HOOK_H

#include "base/buf.h"
#include "store/update.h"

#include <pthread.h>

/*
 * Asks: decide() has said what is written.  What is not written is not shown.
 * FKV_OK · FKV_EINVAL it adds what it must not · FKV_ETOOBIG · FKV_ENOMEM
 * · the hook's code
 */
int  fkv__hook_write(fkv_update_t *u);

/* A hook was asked: the changes are as decide() left them, nothing is added. */
void fkv__hook_undo(fkv_update_t *u);

/* A hook was asked and the update ends with rc. */
void fkv__hook_end(fkv_update_t *u, int rc);


/* Expired keys that the process's own thread has not seen yet. */
typedef struct {
    pthread_mutex_t  mutex;
    fkv__buf_t       keys;          /* under it; each: length, internal key */
    fkv__buf_t       telling;       /* that thread's: taken from keys, ... */
    size_t           at;            /* ... told up to here */
} fkv__told_t;

void fkv__told_init(fkv__told_t *told);
void fkv__told_done(fkv__told_t *told);

/* Any thread: is there room, or nobody who asks? */
bool fkv__told_ready(fkv__told_t *told, const fkv_t *store);
void fkv__told_add(fkv__told_t *told, const fkv_t *store, fkv_str_t ikey);

/* The process's own thread calls the hook for some; true: there are more. */
bool fkv__told_tell(fkv__told_t *told, fkv_t *store);


#endif /* FKV_STORE_HOOK_H */
