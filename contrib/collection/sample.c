#include "sample.h"
#include "random.h"

#define WINDOW  16              /* members, for each that is wanted */

typedef struct {
    member_t  *list;
    uint64_t   n;
    uint64_t   wanted;
    uint32_t   begin;           /* where a walk around ends, */
    bool       around;          /*   which begins at the first */
} window_t;


static int
window_add(members_t *m, void *data, const member_t *member)
{
    window_t  *window = data;

    if (window->n == window->wanted
        || (window->around && members_place(m, member->name) >= window->begin))
    {
        return MEMBERS_STOP;
    }

    window->list[window->n++] = *member;

    return (window->n == window->wanted) ? MEMBERS_STOP : FERROKV_OK;
}


/* So many from here on, behind the last the first again. */
static int
window_fill(members_t *m, uint64_t n, uint32_t place, window_t *window)
{
    int  rc;

    window->list = m->ctx->api->alloc(m->ctx, (n + 1) * sizeof(member_t));
    window->n = 0;
    window->wanted = n;
    window->begin = place;
    window->around = false;

    if (m->form != MEMBERS_ELEMENTS || n >= m->count) {
        rc = members_each(m, window_add, window);

    } else {
        rc = members_from(m, place, n, window_add, window);

        if (rc >= 0 && window->n < n) {
            window->around = true;
            rc = members_from(m, 0, n - window->n, window_add, window);
        }
    }

    return (rc < 0) ? rc : FERROKV_OK;
}


/* n of them, in their order, each choice as likely as any other. */
static void
window_choose(window_t *window, uint64_t n, uint64_t *seed)
{
    uint64_t  chosen = 0;

    for (uint64_t i = 0; i < window->n && chosen < n; i++) {
        if (random_below(seed, window->n - i) < n - chosen) {
            window->list[chosen++] = window->list[i];
        }
    }

    window->n = chosen;
}


static int
sample_window(members_t *m, uint64_t n, uint64_t *seed, window_t *window)
{
    uint64_t  wanted = m->count;
    uint32_t  place = (uint32_t) random_next(seed);
    int       rc;

    if (m->form == MEMBERS_ELEMENTS && n < m->count / WINDOW) {
        wanted = n * WINDOW;
    }

    rc = window_fill(m, wanted, place, window);

    /* too many of them are dead */
    if (rc == FERROKV_OK && window->n < n) {
        rc = window_fill(m, m->count, place, window);
    }

    if (rc == FERROKV_OK) {
        window_choose(window, n, seed);
    }

    return rc;
}


int
sample_distinct(members_t *m, uint64_t n, sample_t *sample)
{
    window_t  window = { NULL, 0, 0, 0, false };
    uint64_t  seed = m->ctx->random;
    int       rc = sample_window(m, (n < m->count) ? n : m->count, &seed,
                                 &window);

    sample->list = window.list;
    sample->n = window.n;

    return rc;
}


/* Few of many: a window for each. */
static int
sample_each(members_t *m, uint64_t n, uint64_t *seed, sample_t *sample)
{
    window_t  window;

    while (sample->n < n) {
        int  rc = sample_window(m, 1, seed, &window);

        if (rc != FERROKV_OK || window.n == 0) {
            return rc;
        }

        sample->list[sample->n++] = window.list[0];
    }

    return FERROKV_OK;
}


int
sample_any(members_t *m, uint64_t n, sample_t *sample)
{
    window_t  window;
    uint64_t  seed = m->ctx->random;
    int       rc;

    sample->n = 0;

    if (n > UINT32_MAX) {
        return m->ctx->api->fail(m->ctx, FERROKV_ETOOBIG,
                                 "ERR value is out of range");
    }

    sample->list = m->ctx->api->alloc(m->ctx, (n + 1) * sizeof(member_t));

    if (m->form == MEMBERS_ELEMENTS && n < m->count / WINDOW) {
        return sample_each(m, n, &seed, sample);
    }

    rc = window_fill(m, m->count, 0, &window);

    while (rc == FERROKV_OK && window.n > 0 && sample->n < n) {
        sample->list[sample->n++]
            = window.list[random_below(&seed, window.n)];
    }

    return rc;
}
