/*
 * sent.h - random commands and transactions, some sent before the answers of
 * those before them have come; a model says what each should answer.
 *
 * Who includes it has a command_any(s, line, size), which writes a command of
 * database sent_ns for perform.h, does it to its model, and says by answers()
 * what should come back.
 */

#ifndef FKV_TEST_SENT_H
#define FKV_TEST_SENT_H

#include "perform.h"

#define SENT_DATABASES  2
#define SENT_DEPTH_MAX  8

/* What one of these should answer, and its parts. */
typedef struct {
    performing_t  r;
    int           rc;
    char          expected[16384];
    size_t        len;
} sent_t;

typedef void (*sent_command_pt)(sent_t *s, char *line, size_t size);

static live_t     live;
static perform_t  p;
static uint64_t   seed;
static unsigned   sent_ns;


static unsigned
any(unsigned n)
{
    return (unsigned) (check_random(&seed) >> 33) % n;
}


static void
answers(sent_t *s, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    s->len += (size_t) vsnprintf(s->expected + s->len,
                                 sizeof(s->expected) - s->len, fmt, args);
    va_end(args);
    assert_true(s->len < sizeof(s->expected));
}


static void
sent_make(sent_t *s, sent_command_pt command_any)
{
    unsigned  n = (any(3) == 0) ? 1 + any(6) : 1;
    char      line[256];

    perform_init(&p, &s->r);
    s->len = 0;
    s->r.exec.multi = (n > 1);

    if (n > 1) {
        answers(s, "*%u\r\n", n);
    }

    for (unsigned i = 0; i < n; i++) {
        command_any(s, line, sizeof(line));
        perform_add(&p, &s->r, line);
    }
}


/* The next one may start when this one is placed. */
static void
sent_start(sent_t *s, uint64_t *after)
{
    s->r.exec.after = *after;
    s->rc = fkv_exec(&s->r.exec);

    for (uint64_t until = live_ms() + 60000; !s->r.exec.placed; ) {
        live_loop(&live, 10);
        assert_true(live_ms() < until);
    }

    *after = fkv__max(*after, s->r.exec.lsn);
}


static void
sent_check(sent_t *s)
{
    char  first[256];

    (void) snprintf(first, sizeof(first), "%s", s->r.text[0]);
    (void) perform_end(&p, &s->r, s->rc);

    if (p.out.len != s->len + 1
        || memcmp(p.out.data, s->expected, s->len) != 0)
    {
        fail_msg("%s...: expected \"%s\", got \"%s\"", first, s->expected,
                 p.out.data);
    }
}


/* So that memtables become tables meanwhile. */
static void
sent_fill(void)
{
    static char   filler[16000];
    bool          done = false;
    fkv_change_t  change = { .ns = SENT_DATABASES, .key = FKV_STR("filler"),
                             .blind = true, .action = FKV_PUT,
                             .value = { (uint8_t *) filler,
                                        sizeof(filler) } };
    fkv_update_t  u = { .store = live.store, .changes = &change, .n = 1,
                        .op = { .on_done = live_done, .data = &done } };

    assert_int_equal(live_wait(&live, &u.op, fkv_update(&u), &done), FKV_OK);
}


/* The store is open, with a helper. */
static void
sent_rounds(unsigned rounds, sent_command_pt command_any)
{
    sent_t       *sent = calloc(SENT_DEPTH_MAX, sizeof(*sent));
    uint64_t      after = 0;
    fkv_stats_t   stats;

    for (unsigned i = 0; i < rounds; i++) {
        unsigned  depth = 1 + any(SENT_DEPTH_MAX);

        p.ns = sent_ns = any(SENT_DATABASES);

        for (unsigned k = 0; k < depth; k++) {
            sent_make(&sent[k], command_any);
            sent_start(&sent[k], &after);
        }

        for (unsigned k = 0; k < depth; k++) {
            sent_check(&sent[k]);
        }

        if (i % 4 == 0) {
            sent_fill();
        }
    }

    fkv_stats(live.store, &stats);
    assert_true(stats.flushes > 0);
    assert_int_equal(fkv_in_flight(live.store), 0);
    free(sent);
}


#endif /* FKV_TEST_SENT_H */
