/*
 * wait.h - commands that wait, and what a process waits for.  Each function is
 * one of ferrokv_api.
 *
 * A suspended command is the commands layer's (commands/call.h); here it has
 * its ctx again when it goes on.  Timers, descriptors and jobs belong to the
 * process, not to a call: what they call runs in the place PROCESS, and an
 * extension that has gone to quarantine meanwhile is not called.
 */

#ifndef FKV_EXTENSIONS_WAIT_H
#define FKV_EXTENSIONS_WAIT_H

#include "extensions/host.h"

ferrokv_wait *fkv_wait_suspend(ferrokv_ctx *ctx, uint64_t timeout,
    int (*go_on)(ferrokv_ctx *ctx, void *data, int rc), void *data);
void fkv_wait_resume(ferrokv_wait *wait, int rc);
int  fkv_wait_watch(ferrokv_ctx *ctx, int fd, int events,
    void (*fn)(ferrokv_ctx *ctx, void *data, int events), void *data);
int  fkv_wait_timer(ferrokv_ctx *ctx, uint64_t ms,
    void (*fn)(ferrokv_ctx *ctx, void *data), void *data);
int  fkv_wait_work(ferrokv_ctx *ctx, void (*job)(void *data),
    void (*done)(ferrokv_ctx *ctx, void *data), void *data);


#endif /* FKV_EXTENSIONS_WAIT_H */
