/*
 * sched.c - tasks, time, and who goes on.
 *
 * A task that gives way chooses the next one itself and switches to it; the
 * main context is for the beginning and the end of a life.  With the thread
 * sanitizer a switch orders nothing, so what two tasks share without an order
 * of their own is a race, whichever way they were run; what gives order (locks,
 * wakeups, threads that begin and end) says so.
 */

#define _GNU_SOURCE
#include "sim.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "sanitize.h"

#define TASKS_MAX    160
#define PROCS_MAX    20000
#define STACK_BYTES  (512 * 1024)
#define EPOCH_US     (1700000000ull * SIM_SECOND)
#define BOOT_US      (3600ull * SIM_SECOND)
#define HANG_US      (300 * SIM_SECOND)
#define HANG_YIELDS  3000000
#define LINES        60

typedef enum {
    TASK_FREE = 0,
    TASK_READY,
    TASK_WAITS,
    TASK_ENDED,
    TASK_DEAD
} task_state_e;

typedef struct {
    task_state_e     state;
    unsigned         number;
    unsigned         weight;
    sim_proc_t      *proc;
    void          *(*body)(void *data);
    void            *data;
    const void      *what;
    uint64_t         until_us;
    bool             woken;
    int              cause;         /* errno */
    void            *specific;      /* of the one key that there is */
    uint8_t         *scratch;
    sanitize_task_t  sanitize;
    uint8_t         *stack;
    ucontext_t      *context;       /* large, and all tasks are looked at */
} task_t;

sim_plan_t      sim_plan;

static task_t           tasks[TASKS_MAX];
static sim_proc_t       procs[PROCS_MAX];
static unsigned         procs_n, numbers, tasks_top;
static task_t          *current;
static task_t           outside;        /* the main context */
static task_t          *left;           /* who ran before */
static char             dead;           /* all who do not run any more */
static char             stopped;        /* what nobody wakes */
static sim_end_e        end;
static uint64_t         state[2];
static uint64_t         now_us;
static int64_t          wall_us;
static uint64_t         progress_us, progress_yields;
static unsigned         blocks;         /* until the next look */
static char             lines[LINES][300];
static unsigned         lines_n;


void
sim_begin(uint64_t seed)
{
    state[0] = seed * 0x9e3779b97f4a7c15 + 1;
    state[1] = ~seed * 0xbf58476d1ce4e5b9 + 2;

    for (unsigned i = 0; i < 20; i++) {
        (void) sim_random();
    }

    now_us = BOOT_US;
    outside.context = calloc(1, sizeof(*outside.context));
    wall_us = (int64_t) (EPOCH_US - BOOT_US);
    sim_figures->hash = 14695981039346656037ull;
}


/* xoroshiro128+. */
uint64_t
sim_random(void)
{
    uint64_t  a = state[0], b = state[1], sum = a + b;

    b ^= a;
    state[0] = (a << 24 | a >> 40) ^ b ^ (b << 16);
    state[1] = b << 37 | b >> 27;

    return sum;
}


uint64_t
sim_below(uint64_t n)
{
    return (sim_random() >> 11) % n;
}


uint64_t
sim_any_below(uint64_t n)
{
    return 1 + sim_below(1ull << sim_below(64 - (unsigned) __builtin_clzll(n)));
}


bool
sim_chance(unsigned one_in)
{
    return one_in != 0 && sim_below(one_in) == 0;
}


void
sim_note(uint64_t what)
{
    sim_figures->hash = (sim_figures->hash ^ what) * 1099511628211ull;
    sim_figures->hash ^= sim_figures->hash >> 29;
}


uint64_t
sim_now_us(void)
{
    return now_us;
}


void
sim_pass(uint64_t us)
{
    now_us += us;
}


uint64_t
sim_wall_us(void)
{
    return (uint64_t) (wall_us + (int64_t) now_us);
}


void
sim_step_wall(int64_t us)
{
    wall_us += us;
}


void
sim_say(const char *fmt, ...)
{
    int      n;
    va_list  args;
    char    *line = lines[lines_n++ % LINES];

    sanitize_kernel(true);

    n = snprintf(line, sizeof(lines[0]), "%9.3f %-9s ",
                 (double) (now_us - BOOT_US) / SIM_SECOND,
                 current != NULL ? current->proc->name : "-");

    va_start(args, fmt);
    (void) vsnprintf(line + n, sizeof(lines[0]) - (size_t) n, fmt, args);
    va_end(args);

    if (getenv("SIM_SAY") != NULL) {
        printf("# %s\n", line);
        (void) fflush(stdout);
    }

    sanitize_kernel(false);
}


void
sim_fail(const char *fmt, ...)
{
    va_list  args;

    for (unsigned i = (lines_n > LINES) ? lines_n - LINES : 0; i < lines_n;
         i++)
    {
        printf("#   %s\n", lines[i % LINES]);
    }

    printf("# failed at %.3f s, yield %llu, in %s: ",
           (double) (now_us - BOOT_US) / SIM_SECOND,
           (unsigned long long) sim_figures->yields,
           current != NULL ? current->proc->name : "no process");

    va_start(args, fmt);
    (void) vprintf(fmt, args);
    va_end(args);

    printf("\n");
    (void) fflush(stdout);

    if (getenv("SIM_ABORT") != NULL) {
        abort();
    }

    _exit(1);
}


void
sim_progress(void)
{
    progress_us = now_us;
    progress_yields = sim_figures->yields;
}


sim_proc_t *
sim_proc_new(const char *name)
{
    sim_proc_t  *proc;

    if (procs_n == PROCS_MAX) {
        sim_fail("too many processes");
    }

    proc = &procs[procs_n];
    memset(proc, 0, sizeof(*proc));
    proc->id = ++procs_n;
    proc->alive = true;
    (void) snprintf(proc->name, sizeof(proc->name), "%s.%u", name, proc->id);

    return proc;
}


sim_proc_t *
sim_proc(void)
{
    return (current != NULL) ? current->proc : NULL;
}


unsigned
sim_task(void)
{
    return (current != NULL) ? current->number : 0;
}


int *
sim_errno(void)
{
    return (current != NULL) ? &current->cause : NULL;
}


void **
sim_specific(void)
{
    return (current != NULL) ? &current->specific : &outside.specific;
}


uint8_t *
sim_scratch(void)
{
    task_t  *task = (current != NULL) ? current : &outside;

    if (task->scratch == NULL) {
        task->scratch = malloc(SIM_LOAD_MAX);
    }

    return task->scratch;
}


static task_t *
task_of(unsigned number)
{
    for (unsigned i = 0; i < tasks_top; i++) {
        if (tasks[i].number == number && tasks[i].state != TASK_FREE) {
            return &tasks[i];
        }
    }

    return NULL;
}


static bool
task_is_over(const task_t *task)
{
    return task->state != TASK_READY && task->state != TASK_WAITS;
}


/* What they did was before: their locks have fallen, or they were joined. */
void
sim_behind_the_dead(void)
{
    sanitize_acquire(&dead);
}


static void
task_main(unsigned i)
{
    task_t  *task = &tasks[i];

    sanitize_entered(&task->sanitize, &left->sanitize);
    sim_behind_the_dead();              /* whose stack it may have been */
    sanitize_acquire(task->data);
    (void) task->body(task->data);

    task->state = TASK_ENDED;
    task->proc->tasks--;
    sanitize_release(task);
    sim_wake(task);
    sim_yield(SIM_AT_WAIT, NULL);
    sim_fail("an ended task goes on");
}


static void
task_make(task_t *task)
{
    (void) getcontext(task->context);
    task->context->uc_stack.ss_sp = task->stack;
    task->context->uc_stack.ss_size = STACK_BYTES;
    task->context->uc_link = NULL;
    makecontext(task->context, (void (*)(void)) (void *) task_main, 1,
                (unsigned) (task - tasks));
}


unsigned
sim_spawn(sim_proc_t *proc, void *(*body)(void *data), void *data)
{
    unsigned     i = 0;
    task_t      *task;
    uint8_t     *stack, *scratch;
    ucontext_t  *context;

    while (&tasks[i] == current || !task_is_over(&tasks[i])) {
        if (++i == TASKS_MAX) {
            sim_fail("too many tasks");
        }
    }

    task = &tasks[i];
    stack = task->stack;
    scratch = task->scratch;

    if (task->state != TASK_FREE) {
        sanitize_free(&task->sanitize);
    }

    if (stack == NULL) {
        stack = mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

        if (stack == MAP_FAILED) {
            sim_fail("no memory for a stack");
        }
    }

    context = (task->context != NULL) ? task->context
                                      : calloc(1, sizeof(*context));
    tasks_top = fkv__max(tasks_top, i + 1);
    memset(task, 0, sizeof(*task));
    task->context = context;
    task->stack = stack;
    task->scratch = scratch;
    sanitize_release(data);
    task->state = TASK_READY;
    task->number = ++numbers;
    task->weight = 1 + (unsigned) sim_below(8);
    task->proc = proc;
    task->body = body;
    task->data = data;
    proc->tasks++;

    task_make(task);
    sanitize_new(&task->sanitize, stack, STACK_BYTES);

    return task->number;
}


bool
sim_task_ended(unsigned number)
{
    task_t  *task = task_of(number);

    if (task == NULL) {
        return true;
    }

    if (task->state == TASK_ENDED) {
        sanitize_acquire(task);
        return true;
    }

    (void) sim_wait(task, SIM_FOREVER);

    return sim_task_ended(number);
}


static void
switch_to(task_t *to)
{
    task_t  *from = (current != NULL) ? current : &outside;

    current = (to == &outside) ? NULL : to;
    left = from;
    sanitize_release(from->stack);

    if (from != &outside && task_is_over(from)) {
        sanitize_release(&dead);
    }

    sim_figures->switches++;

    sanitize_leave(&from->sanitize, &to->sanitize,
                   from->state == TASK_ENDED || from->state == TASK_DEAD);
    (void) swapcontext(from->context, to->context);
    sanitize_entered(&from->sanitize, &left->sanitize);
}


/* Who waited long enough; the moment of the next who will have. */
static uint64_t
tasks_look(void)
{
    uint64_t  next = SIM_FOREVER;

    for (unsigned i = 0; i < tasks_top; i++) {
        task_t  *task = &tasks[i];

        if (task->state != TASK_WAITS) {
            continue;
        }

        if (task->until_us <= now_us) {
            task->state = TASK_READY;
            task->woken = false;

        } else {
            next = fkv__min(next, task->until_us);
        }
    }

    return next;
}


static task_t *
task_choose(void)
{
    unsigned  sum = 0, at;

    for (unsigned i = 0; i < tasks_top; i++) {
        sum += (tasks[i].state == TASK_READY) ? tasks[i].weight : 0;
    }

    if (sum == 0) {
        return NULL;
    }

    at = (unsigned) sim_below(sum);

    for (unsigned i = 0; ; i++) {
        if (tasks[i].state == TASK_READY) {
            if (at < tasks[i].weight) {
                return &tasks[i];
            }

            at -= tasks[i].weight;
        }
    }
}


static task_t *
task_next(void)
{
    for ( ;; ) {
        uint64_t  next;
        task_t   *task;

        sim_io_run(now_us);
        next = tasks_look();
        task = task_choose();

        if (task != NULL) {
            return task;
        }

        next = fkv__min(next, sim_io_next_us());

        if (next == SIM_FOREVER) {
            sim_fail("everybody waits, for ever");
        }

        now_us = fkv__max(now_us, next);
    }
}


static void
look_for_hang(void)
{
    if (now_us - progress_us > HANG_US
        || sim_figures->yields - progress_yields > HANG_YIELDS)
    {
        for (unsigned i = 0; i < tasks_top; i++) {
            if (tasks[i].state == TASK_READY || tasks[i].state == TASK_WAITS) {
                printf("# task %u of %s %s\n", tasks[i].number,
                       tasks[i].proc->name,
                       tasks[i].state == TASK_READY ? "runs" : "waits");
            }
        }

        sim_fail("nothing has ended for %.1f s, %llu yields",
                 (double) (now_us - progress_us) / SIM_SECOND,
                 (unsigned long long) (sim_figures->yields - progress_yields));
    }
}


static bool
comes(uint64_t *count)
{
    return *count != SIM_FOREVER && *count > 0 && --*count == 0;
}


/* What the plan has for this yield. */
static void
look_at_plan(sim_at_e at)
{
    if (comes(&sim_plan.cut)) {
        end = SIM_END_CUT;

    } else if (comes(&sim_plan.kill_all)) {
        end = SIM_END_KILLED;
    }

    if ((!sim_plan.death_at_step || at == SIM_AT_STEP)
        && current->state == TASK_READY && !current->proc->immortal
        && comes(&sim_plan.death))
    {
        sim_kill(current->proc);
    }
}


static void
blocks_plan(void)
{
    blocks = (sim_plan.blocks_max == 0)
             ? UINT32_MAX : 1 + (unsigned) sim_below(sim_plan.blocks_max);
}


void
sim_yield(sim_at_e at, const char *step)
{
    task_t  *to;

    if (current == NULL) {
        return;
    }

    /* What follows calls the engine too, and is not to be parted. */
    blocks = UINT32_MAX;

    sim_figures->yields++;
    now_us += 1 + sim_below(3);

    if (sim_chance(100)) {
        now_us += sim_below(3000);
    }

    if (sim_chance(5000)) {
        current->weight = sim_chance(3) ? 1 : 1 + (unsigned) sim_below(30);
    }

    /* Others have the processor, or somebody has sent SIGSTOP. */

    if (at == SIM_AT_CODE && current->state == TASK_READY
        && sim_chance(sim_plan.stops_one_in))
    {
        current->state = TASK_WAITS;
        current->what = &stopped;
        current->until_us = now_us + sim_below(SIM_SECOND);
    }

    look_for_hang();
    look_at_plan(at);

    to = (end != SIM_END_NONE) ? &outside : task_next();
    sim_note((uint64_t) at << 56 ^ (uint64_t) to->number << 40 ^ now_us);

    if (step != NULL && getenv("SIM_STEPS") != NULL) {
        sim_say("step %s", step);
    }

    blocks_plan();

    if (to != current) {
        switch_to(to);
    }
}


/* By the compiler, at each basic block of the engine. */
void __sanitizer_cov_trace_pc(void);

void
__sanitizer_cov_trace_pc(void)
{
    if (--blocks == 0) {
        if (current == NULL) {
            blocks_plan();
            return;
        }

        sim_yield(SIM_AT_CODE, NULL);
    }
}


bool
sim_wait(const void *what, uint64_t until_us)
{
    current->state = TASK_WAITS;
    current->what = what;
    current->until_us = until_us;
    current->woken = false;
    sim_yield(SIM_AT_WAIT, NULL);

    if (current->woken) {
        sanitize_acquire(what);
    }

    return current->woken;
}


void
sim_wake(const void *what)
{
    sanitize_release(what);
    sim_wake_kernel(what);
}


void
sim_wake_kernel(const void *what)
{
    for (unsigned i = 0; i < tasks_top; i++) {
        if (tasks[i].state == TASK_WAITS && tasks[i].what == what) {
            tasks[i].state = TASK_READY;
            tasks[i].woken = true;
        }
    }
}


void
sim_sleep(uint64_t us)
{
    static const char  nothing;

    (void) sim_wait(&nothing, now_us + us);
}


bool
sim_proc_alive(const sim_proc_t *proc)
{
    return proc->alive;
}


unsigned
sim_proc_id(const sim_proc_t *proc)
{
    return proc->id;
}


void
sim_immortal(sim_proc_t *proc, bool immortal)
{
    proc->immortal = immortal;
}


static void
proc_over(sim_proc_t *proc)
{
    proc->alive = false;
    proc->tasks = 0;

    for (unsigned i = 0; i < tasks_top; i++) {
        if (tasks[i].proc == proc && tasks[i].state != TASK_FREE
            && tasks[i].state != TASK_ENDED)
        {
            tasks[i].state = TASK_DEAD;
            sanitize_acquire(tasks[i].stack);
        }
    }

    sanitize_release(&dead);

    sim_io_died(proc);
    sim_files_close_all(proc);
}


/* What other tasks it has end with it. */
void
sim_proc_end(sim_proc_t *proc)
{
    unsigned  tasks_left = proc->tasks - 1;

    proc_over(proc);

    if (tasks_left > 0) {
        sim_say("%s leaves %u threads", proc->name, tasks_left);
    }

    sim_yield(SIM_AT_WAIT, NULL);
}


void
sim_done(void)
{
    end = SIM_END_DONE;
    sim_yield(SIM_AT_WAIT, NULL);
}


void
sim_kill(sim_proc_t *proc)
{
    sim_say("%s is killed", proc->name);
    sim_figures->deaths++;
    proc_over(proc);
}


sim_end_e
sim_run(void)
{
    end = SIM_END_NONE;
    sim_progress();
    blocks_plan();

    switch_to(task_next());

    for (unsigned i = 0; i < tasks_top; i++) {
        if (tasks[i].state != TASK_FREE) {
            sanitize_acquire(tasks[i].stack);
            sanitize_free(&tasks[i].sanitize);
            tasks[i].state = TASK_FREE;
        }
    }

    sanitize_release(&dead);

    for (unsigned i = 0; i < procs_n; i++) {
        procs[i].alive = false;
    }

    return end;
}
