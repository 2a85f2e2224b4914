/*
 * perform.h - commands on a real store, as a connection would send them.
 */

#ifndef FKV_T_PERFORM_H
#define FKV_T_PERFORM_H

#include "live.h"
#include "commands/exec.h"
#include "commands/resp.h"

#define PERFORM_ARGS  64

typedef struct {
    live_t               *live;
    fkv_server_t         *server;       /* or NULL */
    const fkv_command_t  *own;          /* the test's commands, or NULL */
    unsigned              ns;
    uint64_t              after;
    uint64_t              now_ms;       /* 0 = as the store says */
    fkv__buf_t            out;          /* the last reply, as RESP2 */
} perform_t;

typedef struct {
    fkv_exec_t     exec;
    fkv_request_t  requests[16];
    fkv_str_t      args[16][PERFORM_ARGS];
    char           text[16][1024];
    bool           done;
} performing_t;


static inline void
perform_close(perform_t *p)
{
    fkv__buf_done(&p->out);
}


/* A store for it, which perform_remove() removes. */
static inline void
perform_open(perform_t *p, live_t *live)
{
    live_dir(live);
    live_open(live, FKV_MEMORY_MIN, FKV_SYNC_ALWAYS);
    live_attach(live, FKV_WORKER);
    *p = (perform_t) { .live = live };
}


static inline void
perform_remove(perform_t *p)
{
    perform_close(p);
    live_detach_close(p->live);
    live_remove(p->live);
}


/* Steps on the way of a transaction, where a process may die. */
static const char *const  perform_steps[] __attribute__((unused)) = {
    "update.1:7", "update.2:9", "update.3:3", "update.4:5", "update.5:8",
    "update.6:4", "commit.1", "commit.2:9", "commit.4:5", "commit.5:7",
    "commit.6:8"
};

#define PERFORM_STEPS  (sizeof(perform_steps) / sizeof(perform_steps[0]))


/*
 * Another process opens the store and counts until it is killed at the step; it
 * writes each number that it was answered.  Returns the last, or last.
 */
static inline long long
perform_killed(const char *step, void (*count)(int to), long long last)
{
    int        status, answered[2];
    long long  told;
    pid_t      pid;

    assert_int_equal(pipe(answered), 0);
    pid = fork();

    if (pid == 0) {
        (void) setenv("FKV_KILL", step, 1);
        count(answered[1]);
        _exit(1);
    }

    close(answered[1]);

    while (read(answered[0], &told, sizeof(told)) == sizeof(told)) {
        last = told;
    }

    close(answered[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);

    return last;
}


/* The test's own commands come first. */
static inline const fkv_command_t *
perform_find(const perform_t *p, fkv_str_t name)
{
    for (const fkv_command_t *c = p->own; c != NULL && c->name != NULL; c++) {
        if (strlen(c->name) == name.len
            && memcmp(c->name, name.data, name.len) == 0)
        {
            return c;
        }
    }

    return NULL;
}


/* One more request of words; "" stands for a word without a byte. */
static inline void
perform_add(const perform_t *p, performing_t *r, const char *line)
{
    unsigned        n = r->exec.n++;
    fkv_request_t  *request = &r->requests[n];
    char           *save, *word;

    assert_true(n < 16 && strlen(line) < sizeof(r->text[n]));
    strcpy(r->text[n], line);

    for (word = strtok_r(r->text[n], " ", &save); word != NULL;
         word = strtok_r(NULL, " ", &save))
    {
        assert_true(request->argc < PERFORM_ARGS);
        r->args[n][request->argc++] = live_str(strcmp(word, "\"\"") == 0
                                               ? "" : word);
    }

    request->argv = r->args[n];
    request->command = perform_find(p, request->argv[0]);
    r->exec.requests = r->requests;
}


static inline void
perform_init(const perform_t *p, performing_t *r)
{
    memset(r, 0, sizeof(*r));
    r->exec.store = p->live->store;
    r->exec.server = p->server;
    r->exec.ns = p->ns;
    r->exec.rights = FKV_COMMAND_WRITE | FKV_COMMAND_ADMIN;
    r->exec.after = p->after;
    r->exec.now_ms = p->now_ms;
    r->exec.op.on_done = live_done;
    r->exec.op.data = &r->done;
}


/* The reply as text; valid until the next one. */
static inline const char *
perform_end(perform_t *p, performing_t *r, int rc)
{
    assert_int_equal(live_wait(p->live, &r->exec.op, rc, &r->done), FKV_OK);
    assert_true(r->exec.placed);

    p->ns = r->exec.ns;
    p->out.len = 0;
    assert_int_equal(fkv_resp_put(&p->out, &r->exec.reply, 2), FKV_OK);
    assert_int_equal(fkv__buf_append(&p->out, "", 1), FKV_OK);
    fkv_exec_done(&r->exec);

    return (const char *) p->out.data;
}


static inline const char *
perform(perform_t *p, const char *line)
{
    performing_t  *r = malloc(sizeof(*r));
    const char    *reply;

    perform_init(p, r);
    perform_add(p, r, line);
    reply = perform_end(p, r, fkv_exec(&r->exec));
    free(r);

    return reply;
}


/* The reply of these words is this. */
#define perform_expect(p, line, expected)                                     \
    assert_string_equal(perform(p, line), expected)


/* Several in one transaction, divided by "; ". */
static inline const char *
perform_multi(perform_t *p, const char *lines, const fkv_watch_t *watches,
    unsigned watches_n)
{
    performing_t  *r = malloc(sizeof(*r));
    char          *copy = strdup(lines), *save, *line;
    const char    *reply;

    perform_init(p, r);
    r->exec.multi = true;
    r->exec.watches = watches;
    r->exec.watches_n = watches_n;

    for (line = strtok_r(copy, ";", &save); line != NULL;
         line = strtok_r(NULL, ";", &save))
    {
        perform_add(p, r, line);
    }

    reply = perform_end(p, r, fkv_exec(&r->exec));
    free(copy);
    free(r);

    return reply;
}


#endif /* FKV_T_PERFORM_H */
