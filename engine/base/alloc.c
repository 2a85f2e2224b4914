/*
 * alloc.c - one choice of allocator per process, made at the first call.
 */

#include "base/alloc.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

/* jemalloc's own interface, present only in a process that carries it. */
void  *mallocx(size_t size, int flags) __attribute__((weak));
void  *rallocx(void *p, size_t size, int flags) __attribute__((weak));
void   dallocx(void *p, int flags) __attribute__((weak));
size_t sallocx(const void *p, int flags) __attribute__((weak));
int    mallctl(const char *name, void *old, size_t *old_len, void *new,
    size_t new_len) __attribute__((weak));

#define PAGE            4096
#define LG_ALIGN(lg)    (lg)
#define ARENA(n)        ((int) (((n) + 1) << 20))

#ifdef FKV_DEBUG
bool  (*fkv__alloc_fails)(size_t size);

#define alloc_fails(size)  (fkv__alloc_fails != NULL && fkv__alloc_fails(size))
#else
#define alloc_fails(size)  false
#endif

static size_t  alloc_bytes;
static int     alloc_flags;     /* our jemalloc arena */


__attribute__((constructor))
static void
alloc_choose(void)
{
    unsigned  arena;
    size_t    len = sizeof(arena);

    if (mallocx == NULL || mallctl == NULL) {
        return;
    }

    if (mallctl("arenas.create", &arena, &len, NULL, 0) == 0) {
        alloc_flags = ARENA(arena);
    }
}


static size_t
alloc_size(void *p)
{
    return (mallocx != NULL) ? sallocx(p, 0) : malloc_usable_size(p);
}


static void *
alloc_count(void *p)
{
    if (p != NULL) {
        __atomic_fetch_add(&alloc_bytes, alloc_size(p), __ATOMIC_RELAXED);
    }

    return p;
}


void *
fkv__alloc(size_t size)
{
    FKV_ASSERT(size > 0);

    if (alloc_fails(size)) {
        return NULL;
    }

    return alloc_count(mallocx != NULL ? mallocx(size, alloc_flags)
                                       : malloc(size));
}


void *
fkv__zalloc(size_t size)
{
    void  *p = fkv__alloc(size);

    if (p != NULL) {
        memset(p, 0, size);
    }

    return p;
}


void *
fkv__realloc(void *p, size_t size)
{
    size_t   old;
    void    *q;

    if (p == NULL) {
        return fkv__alloc(size);
    }

    if (alloc_fails(size)) {
        return NULL;
    }

    old = alloc_size(p);
    q = (mallocx != NULL) ? rallocx(p, size, alloc_flags) : realloc(p, size);

    if (q != NULL) {
        __atomic_fetch_sub(&alloc_bytes, old, __ATOMIC_RELAXED);
        (void) alloc_count(q);
    }

    return q;
}


void *
fkv__alloc_pages(size_t size)
{
    void  *p;

    FKV_ASSERT(size > 0);

    if (alloc_fails(size)) {
        return NULL;
    }

    if (mallocx != NULL) {
        return alloc_count(mallocx(size, alloc_flags | LG_ALIGN(12)));
    }

    if (posix_memalign(&p, PAGE, size) != 0) {
        return NULL;
    }

    return alloc_count(p);
}


void
fkv__free(void *p)
{
    if (p == NULL) {
        return;
    }

    __atomic_fetch_sub(&alloc_bytes, alloc_size(p), __ATOMIC_RELAXED);

    if (mallocx != NULL) {
        dallocx(p, alloc_flags);

    } else {
        free(p);
    }
}


const char *
fkv_alloc_name(void)
{
    return (mallocx != NULL) ? "jemalloc" : "libc";
}


size_t
fkv_alloc_bytes(void)
{
    return __atomic_load_n(&alloc_bytes, __ATOMIC_RELAXED);
}
