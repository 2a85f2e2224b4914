/*
 * sim.h - the engine in a world of its own: one thread, and everything that
 * it asks of the system answered from one seed.
 *
 * Shape      world.c   lives of one store, between power cuts
 *            work.c    processes: workers and what they ask for, a helper
 *            write.c   what they write
 *            read.c    what they read
 *            verify.c  all that a store holds, or a checkpoint
 *            operand.c an operator that remembers everything
 *            model.c   what was written, and what may be read
 *            disk.c    files, of which a cut loses what was not synced
 *            files.c   paths, open files, locks
 *            fs.c      blocking calls on them
 *            io.c      a process's asynchronous I/O on them
 *            libc.c    the C library's calls of the engine, wrapped by the
 *                      linker (build.mk)
 *            sched.c   tasks, time, who goes on
 *            main.c    seeds, each in a child of its own
 *
 * A task is a thread of a process: its own one or one that it has made.  It
 * gives way at each FKV_STEP, at each call of the system, at each request of
 * I/O, and in between wherever the compiler has put a look at a basic block
 * (-fsanitize-coverage=trace-pc).  Who goes on is the seed's choice, and so is
 * who dies there.
 */

#ifndef FKV_SIM_H
#define FKV_SIM_H

#include "fkv.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct sim_proc_s  sim_proc_t;

#define SIM_MS       1000ull            /* times are in microseconds */
#define SIM_SECOND   (1000 * SIM_MS)
#define SIM_FOREVER  UINT64_MAX

/* Figures of one seed, told to the parent. */
typedef struct {
    uint64_t  hash;             /* of all that was decided */
    uint64_t  switches;
    uint64_t  yields;
    uint64_t  lives;
    uint64_t  cuts;
    uint64_t  deaths;
    uint64_t  kills;            /* of all processes at once */
    uint64_t  faults;
    uint64_t  misdirected;
    uint64_t  corrupt;          /* answers that said so */
    uint64_t  jobs;
    uint64_t  lost_sectors;
    uint64_t  writes;
    uint64_t  acked;
    uint64_t  reads;
    uint64_t  checks;
    uint64_t  operands;         /* met in values */
    uint64_t  elements;         /* looked for */
    uint64_t  uploads;          /* of large values, whole */
    uint64_t  streams;          /* of large values, read so */
    uint64_t  evicted;
    uint64_t  copies;           /* checkpoints that were opened */
    uint64_t  flushes;
    uint64_t  compactions;
} sim_figures_t;

extern sim_figures_t  *sim_figures;


/* sched.c */

typedef enum {
    SIM_AT_CODE = 1,            /* between two basic blocks */
    SIM_AT_STEP,                /* FKV_STEP */
    SIM_AT_CALL,                /* of the system */
    SIM_AT_WAIT
} sim_at_e;

typedef enum {
    SIM_END_NONE = 0,
    SIM_END_DONE,               /* the master has ended */
    SIM_END_CUT,                /* the power is gone */
    SIM_END_KILLED              /* all processes are */
} sim_end_e;

/* What may happen at a yield; counts down to 0, SIM_FOREVER: never. */
typedef struct {
    uint64_t  cut;
    uint64_t  kill_all;
    uint64_t  death;            /* of the process that runs then */
    bool      death_at_step;    /* counts FKV_STEPs only */
    unsigned  blocks_max;       /* between two looks of SIM_AT_CODE; 0 none */
    unsigned  stops_one_in;     /* looks: it does not go on for long */
    uint64_t  cut_soon;         /* yields from a change of names to the cut */
} sim_plan_t;

extern sim_plan_t  sim_plan;

void     sim_begin(uint64_t seed);
uint64_t sim_random(void);
uint64_t sim_below(uint64_t n);             /* 0 .. n - 1 */
uint64_t sim_any_below(uint64_t n);         /* as likely small as large */
bool     sim_chance(unsigned one_in);
void     sim_note(uint64_t what);           /* becomes part of the hash */
uint64_t sim_now_us(void);
void     sim_pass(uint64_t us);

/* The wall alone steps. */
uint64_t sim_wall_us(void);
void     sim_step_wall(int64_t us);

sim_proc_t *sim_proc_new(const char *name);
sim_proc_t *sim_proc(void);                 /* that of the running task */
bool        sim_proc_alive(const sim_proc_t *proc);
unsigned    sim_proc_id(const sim_proc_t *proc);
void        sim_proc_end(sim_proc_t *proc);     /* its last task has ended */

void     sim_behind_the_dead(void);

/* It may be the caller's: then this does not return. */
void     sim_kill(sim_proc_t *proc);
void     sim_immortal(sim_proc_t *proc, bool immortal);

/* Returns a number; the task begins at some later yield. */
unsigned sim_spawn(sim_proc_t *proc, void *(*body)(void *data), void *data);
bool     sim_task_ended(unsigned task);
unsigned sim_task(void);
void   **sim_specific(void);                /* its pthread_getspecific() */
int     *sim_errno(void);                   /* NULL: no task runs */
uint8_t *sim_scratch(void);                 /* SIM_LOAD_MAX bytes of its own */

void     sim_yield(sim_at_e at, const char *step);
void     sim_sleep(uint64_t us);

/* False: until_us has come first.  Who is woken goes on at some time. */
bool     sim_wait(const void *what, uint64_t until_us);
void     sim_wake(const void *what);
void     sim_wake_kernel(const void *what);     /* it was nobody's doing */

/* Runs tasks until the master's has ended or the plan says so. */
sim_end_e sim_run(void);

/* By the master: its life has come to its end. */
void     sim_done(void);

/* The hypothesis of a hang: so much time has passed since this was called. */
void     sim_progress(void);

/* The seed has failed: says so, and what was last logged, and exits. */
void     sim_fail(const char *fmt, ...)
    __attribute__((format(printf, 1, 2), noreturn));
void     sim_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));


/* disk.c: what there is, and what of it a cut leaves */

#define SIM_NAME_MAX    64
#define SIM_SECTOR      512
#define SIM_NODE_BYTES  (128 * 1024 * 1024)

/* A file or a directory. */
typedef struct sim_node_s  sim_node_t;

struct stat;

void    sim_disk_begin(void);
void    sim_disk_cut(void);
void    sim_disk_sweep(void);       /* forgets what nobody can come to */
sim_node_t *sim_disk_root(void);

sim_node_t *sim_node_new(bool directory);
void    sim_node_hold(sim_node_t *node);    /* it is open, and so stays */
void    sim_node_drop(sim_node_t *node);
bool    sim_node_directory(const sim_node_t *node);
void    sim_node_stat(const sim_node_t *node, struct stat *st);

/* Names in a directory are shorter than SIM_NAME_MAX; no node: it goes. */
sim_node_t *sim_node_find(const sim_node_t *dir, const char *name);
const char *sim_node_name(const sim_node_t *dir, unsigned i);
void    sim_node_set(sim_node_t *dir, const char *name, sim_node_t *node);
void    sim_node_rename(sim_node_t *dir, const char *from, const char *to);

uint64_t sim_node_size(const sim_node_t *node);
void    sim_node_resize(sim_node_t *node, uint64_t bytes);
int64_t sim_node_read(const sim_node_t *node, void *to, size_t len,
    uint64_t offset);
int64_t sim_node_write(sim_node_t *node, const void *from, size_t len,
    uint64_t offset, bool dsync);
void    sim_node_push(sim_node_t *node, uint64_t offset, uint64_t len);
void    sim_node_sync(sim_node_t *node);

/* A sync has failed: of what was dirty the kernel forgets that it was. */
void    sim_node_forget(sim_node_t *node);


/* files.c: at once, and answers are as those of fkv__fs_t */

typedef struct sim_file_s  sim_file_t;      /* open */

bool    sim_fd_is(int fd);
int     sim_files_open(const sim_proc_t *proc, int dir, const char *path,
    int flags);
int     sim_files_close(int fd);
void    sim_files_close_all(const sim_proc_t *proc);    /* NULL: everybody's */
void    sim_files_cut(void);
int     sim_files_unlink(int dir, const char *path, bool directory);
int     sim_files_rename(int dir, const char *from, const char *to,
    bool replace);
int     sim_files_mkdir(int dir, const char *path);
int     sim_files_link(int dir, const char *path, int to_dir, const char *to);
int     sim_files_stat(int dir, const char *path, struct stat *st);
int     sim_files_lock(int fd, uint64_t byte, bool take, bool ask);
const char *sim_files_name(int dir, unsigned i);    /* NULL: no more; else
                                   SIM_NAME_MAX bytes */

sim_file_t *sim_file_of(int fd);
sim_node_t *sim_file_node(const sim_file_t *file);
int64_t sim_file_read(sim_file_t *file, void *to, size_t len, uint64_t offset);
int64_t sim_file_write(sim_file_t *file, const void *from, size_t len,
    uint64_t offset, bool dsync);
bool    sim_file_aligned(const sim_file_t *file, const void *buf, size_t len,
    uint64_t offset);

/* Of requests in flight: the open file stays while they hold it. */
sim_file_t *sim_file_hold(int fd);
void    sim_file_drop(sim_file_t *file);

/* Some sectors of a write that was in flight at a cut. */
void    sim_file_tear(sim_file_t *file, const void *from, size_t len,
    uint64_t offset);


/* fs.c: calls that take their time and may fail */

typedef struct {
    unsigned  error_one_in;     /* calls fail; 0 = none does */
    bool      full;             /* ... with ENOSPC where that may be */
    unsigned  short_one_in;     /* transfers are cut short */
    unsigned  misdirected_one_in;   /* writes go elsewhere */
    bool      ordered;          /* names survive a cut in their order */
} sim_faults_t;

extern sim_faults_t  sim_faults;
extern fkv__fs_t     sim_fs;

bool    sim_fault(const char *call, int *cause);
int     sim_fs_open(int dir, const char *path, int flags, mode_t mode);
int     sim_fs_close(int fd);
int     sim_fs_unlink(int dir, const char *path, bool directory);


/* io.c */

extern const fkv__io_ops_t  sim_io;

/* The next moment at which one ends; and those that end now. */
uint64_t sim_io_next_us(void);
void     sim_io_run(uint64_t now_us);
void     sim_io_cut(void);
void     sim_io_died(const sim_proc_t *proc);       /* NULL: all did */
bool     sim_io_orphans(void);              /* is anything of the dead left? */


/* libc.c: events that a process is woken by */

bool     sim_event_has(int fd);
int      sim_event_close(int fd);
void     sim_event_signal(int fd);              /* by the kernel */
void     sim_events_end(void);


/* model.c */

#define SIM_KEYS      48
#define SIM_NEVER     UINT32_MAX
#define SIM_KEY_BYTES  40
#define SIM_VALUE_MAX  (80 * 1024)
#define SIM_LOAD_MAX   (SIM_VALUE_MAX + 64 * 1024)      /* with operands */
#define SIM_OPERAND_BYTES  8
#define SIM_ELEMENTS   8

typedef enum {
    SIM_MAYBE = 0,              /* begun: it may be there or not */
    SIM_ACKED,                  /* said to be there */
    SIM_GONE                    /* must never be seen (again) */
} sim_fate_e;

/* One write of one key; its number is in its value. */
typedef struct {
    uint32_t    key;
    uint32_t    update;         /* what it was written with */
    uint32_t    len;
    sim_fate_e  fate;
    bool        removes;
    bool        merges;         /* it is an operand */
    bool        durable;        /* acknowledged as such */
    uint64_t    at_ms;          /* the time it was written at */
    uint64_t    stamp;          /* not 0: the key has elements, each ... */
    uint32_t    elements[SIM_ELEMENTS]; /* ... of this write, or SIM_NEVER */
    uint64_t    version;        /* 0 = not known */
    uint64_t    expire_at;
    uint64_t    seen;           /* version that it was made of; of an RMW */
    bool        made_of;        /* seen is set */
} sim_write_t;

/*
 * With a disk that writes elsewhere a reader may be told that data are damaged,
 * and of what is lost there is nobody who knows; but what is read is whole.
 */
static inline bool
sim_misdirected(void)
{
    return sim_figures->misdirected > 0;
}


void     sim_model_begin(void);
void     sim_model_time(uint64_t now_ms);    /* it is so late */
uint32_t sim_write_new(unsigned key, uint32_t update, fkv_action_e action,
    uint64_t expire_at, uint32_t len);
sim_write_t *sim_write(uint32_t number);

/* It has this version, and no other write ever had. */
void      sim_version_is(uint32_t number, uint64_t version, const char *who);

fkv_str_t sim_key(unsigned key, char *text);
int       sim_key_of(fkv_str_t name);           /* -1: none of ours */

/* Some keys take operands, some have elements. */
static inline bool
sim_key_merges(unsigned key)
{
    return key % 4 == 1;
}

static inline bool
sim_key_owns(unsigned key)
{
    return key % 4 == 2;
}

fkv_str_t sim_value(uint32_t number, uint8_t *bytes);

/*
 * The number in a value, which must be whole and of this key: of its last
 * operand, if it has any, and these fit together.
 */
uint32_t sim_value_check(unsigned key, fkv_str_t value, const char *who);

/*
 * What a read has found: a write's number, or SIM_NEVER for nothing.  It looked
 * at a moment between the positions lo and hi, and now_ms was the time.
 */
void     sim_check_read(unsigned key, uint32_t number, uint64_t version,
    uint64_t lo, uint64_t hi, uint64_t now_ms, uint64_t later_ms,
    const char *who);

/* What a scan has found of that write's key; SIM_NEVER for nothing. */
void     sim_elements_check(uint32_t number, const uint32_t *elements,
    const char *who);

/*
 * A start: for each key its value was just looked at, then the end, which
 * forgets the rest.  A checkpoint holds what lies below lo; nothing is
 * forgotten.
 */
void     sim_found(unsigned key, uint32_t number, uint64_t version);
void     sim_recovered_end(uint64_t now_ms);
void     sim_copied_end(uint64_t lo, uint64_t now_ms);

/* What is looked at is an older state: values must be whole, that is all. */
void     sim_model_other(bool it_is);

/* Everything that is known to be written fits together. */
void     sim_check_history(void);


/* operand.c */

#define SIM_OPERATOR  7         /* its type */

extern const fkv_merge_t  sim_merge;


/* work.c */

struct sim_proc_s {
    char        name[16];
    unsigned    id;
    bool        alive;
    bool        immortal;
    bool        running;        /* its body has not returned */
    unsigned    tasks;
    fkv_t      *store;
    bool        turn;
    bool        stop;           /* is asked to leave */
    unsigned    ops;            /* in flight */
};

typedef struct {
    unsigned    depth;          /* operations at once in a worker */
    unsigned    value_scale;    /* values are up to this */
    unsigned    keys;
    fkv_sync_e  sync;
    unsigned    uploads_one_in; /* of writes; 0 = none */
    bool        bounded;        /* for size writes may be refused */
    bool        evicts;         /* any key may go */
    unsigned    dawdles_one_in; /* values are not looked at for long */
} sim_load_t;

extern sim_load_t  sim_load;
extern bool        sim_strict;      /* nothing was broken: no call may fail */

/* May a call answer so?  Else the seed has failed. */
bool  sim_allowed(int rc);
void  sim_allow(int rc, const char *what);

extern const fkv_log_t  sim_log;

void  sim_work_begin(void);

/* The handle that a child of the process has which opened the store. */
fkv_t *sim_fork(const fkv_t *store);

void *sim_worker(void *proc);
void *sim_helper(void *proc);

/* One turn of an event loop, of which sim_on_turn() is told by the engine. */
void  sim_loop(sim_proc_t *proc, int ms);
void  sim_on_turn(void *proc);


/* verify.c */

/* By a worker that does nothing else: reads all keys after a start. */
void  sim_verify(fkv_t *store);

#define SIM_COPIES  6           /* checkpoints, by their numbers */

/*
 * One that has just been made is opened and read by a process of its own, or,
 * if that reads another one, not.
 */
void  sim_copy_open(const fkv_t *store, unsigned number, uint64_t lo);
bool  sim_copy_busy(void);
void  sim_copies_begin(void);       /* a life */

/* Any that there is can be opened, and its values are whole. */
void  sim_copies_after_start(const fkv_t *store);


/* world.c */

void  sim_world(uint64_t seed);


#endif /* FKV_SIM_H */
