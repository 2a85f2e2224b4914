/*
 * alloc.h - private memory: jemalloc when the process has it, else libc.
 *
 * jemalloc cannot be pulled in by a module that nginx opens with dlopen()
 * ("cannot allocate memory in static TLS block"), so its symbols are weak: a
 * process started with LD_PRELOAD=libjemalloc.so.2, or linked with it, gives
 * us an arena of our own; any other process gives us malloc().  Memory from
 * here must come back here.  All calls may come from any thread.
 */

#ifndef FKV_BASE_ALLOC_H
#define FKV_BASE_ALLOC_H

#include "base/types.h"

void *fkv__alloc(size_t size);              /* NULL: out of memory */
void *fkv__zalloc(size_t size);
void *fkv__realloc(void *p, size_t size);   /* p may be NULL */
void *fkv__alloc_pages(size_t size);        /* 4 KiB-aligned, for direct I/O */
void  fkv__free(void *p);                   /* p may be NULL */

#ifdef FKV_DEBUG
/*
 * A test's: when it says so there is no memory for this allocation.  Set while
 * there is one thread.
 */
extern bool (*fkv__alloc_fails)(size_t size);
#endif

/* "jemalloc" or "libc". */
const char *fkv_alloc_name(void);

/* Bytes that the engine holds in this process, by what it asked for. */
size_t fkv_alloc_bytes(void);

#endif /* FKV_BASE_ALLOC_H */
