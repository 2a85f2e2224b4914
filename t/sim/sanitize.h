/*
 * sanitize.h - what the address and thread sanitizers must know of tasks.
 */

#ifndef FKV_SIM_SANITIZE_H
#define FKV_SIM_SANITIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    void        *fiber;
    const void  *stack;
    size_t       bytes;
    void        *fake;
} sanitize_task_t;

#if defined(SIM_ASAN)

#include <sanitizer/common_interface_defs.h>

static inline void
sanitize_new(sanitize_task_t *task, void *stack, size_t bytes)
{
    task->stack = stack;
    task->bytes = bytes;
}


static inline void
sanitize_leave(sanitize_task_t *from, const sanitize_task_t *to, bool over)
{
    __sanitizer_start_switch_fiber(over ? NULL : &from->fake, to->stack,
                                   to->bytes);
}


/* from: where we come from, whose stack may be the process's own. */
static inline void
sanitize_entered(sanitize_task_t *task, sanitize_task_t *from)
{
    __sanitizer_finish_switch_fiber(task->fake, &from->stack, &from->bytes);
    task->fake = NULL;
}


static inline void
sanitize_free(sanitize_task_t *task)
{
    (void) task;
}


static inline void
sanitize_acquire(const void *what)
{
    (void) what;
}


static inline void
sanitize_release(const void *what)
{
    (void) what;
}


static inline void
sanitize_kernel(bool begins)
{
    (void) begins;
}

#elif defined(SIM_TSAN)

#include <sanitizer/tsan_interface.h>

static inline void
sanitize_new(sanitize_task_t *task, void *stack, size_t bytes)
{
    (void) stack;
    (void) bytes;
    task->fiber = __tsan_create_fiber(0);
}


static inline void
sanitize_leave(sanitize_task_t *from, const sanitize_task_t *to, bool over)
{
    (void) over;

    if (from->fiber == NULL) {
        from->fiber = __tsan_get_current_fiber();
    }

    __tsan_switch_to_fiber(to->fiber, __tsan_switch_to_fiber_no_sync);
}


static inline void
sanitize_entered(sanitize_task_t *task, sanitize_task_t *from)
{
    (void) task;
    (void) from;
}


static inline void
sanitize_free(sanitize_task_t *task)
{
    __tsan_destroy_fiber(task->fiber);
}


static inline void
sanitize_acquire(const void *what)
{
    __tsan_acquire((void *) what);
}


static inline void
sanitize_release(const void *what)
{
    __tsan_release((void *) what);
}


void __tsan_ignore_thread_begin(void);
void __tsan_ignore_thread_end(void);


/* What the kernel does is no race. */
static inline void
sanitize_kernel(bool begins)
{
    if (begins) {
        __tsan_ignore_thread_begin();

    } else {
        __tsan_ignore_thread_end();
    }
}


/* The C library's own tell the sanitizer of what they touch. */

static inline void *
sanitize_memcpy(void *to, const void *from, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        ((uint8_t *) to)[i] = ((const uint8_t *) from)[i];
    }

    return to;
}


static inline void *
sanitize_memset(void *to, int byte, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        ((uint8_t *) to)[i] = (uint8_t) byte;
    }

    return to;
}


static inline int
sanitize_strcmp(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }

    return (uint8_t) *a - (uint8_t) *b;
}

#undef memcpy
#undef memset
#undef strcmp
#define memcpy  sanitize_memcpy
#define memset  sanitize_memset
#define strcmp  sanitize_strcmp

#else

static inline void
sanitize_new(sanitize_task_t *task, void *stack, size_t bytes)
{
    (void) task;
    (void) stack;
    (void) bytes;
}


static inline void
sanitize_leave(sanitize_task_t *from, const sanitize_task_t *to, bool over)
{
    (void) from;
    (void) to;
    (void) over;
}


static inline void
sanitize_entered(sanitize_task_t *task, sanitize_task_t *from)
{
    (void) task;
    (void) from;
}


static inline void
sanitize_free(sanitize_task_t *task)
{
    (void) task;
}


static inline void
sanitize_acquire(const void *what)
{
    (void) what;
}


static inline void
sanitize_release(const void *what)
{
    (void) what;
}


static inline void
sanitize_kernel(bool begins)
{
    (void) begins;
}

#endif

#endif /* FKV_SIM_SANITIZE_H */
