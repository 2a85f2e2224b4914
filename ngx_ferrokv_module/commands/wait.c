#include "commands/wait.h"
#include "commands/server.h"

#define PLACES_MAX  65536
#define PLACES_MIN  16

typedef struct {
    fkv__exec_t  *own;          /* NULL: free */
    uint32_t      uses;
    uint32_t      next;         /* free one behind it; 0 = none */
} place_t;

/* Of this process, whose commands all run in one thread. */
static struct {
    place_t   *list;
    uint32_t   n;
    uint32_t   free;            /* index + 1 */
} places;


static int
places_grow(void)
{
    uint32_t   n = fkv__max(2 * places.n, (uint32_t) PLACES_MIN);
    place_t   *list;

    if (n > PLACES_MAX) {
        return FKV_EBUSY;
    }

    list = fkv__realloc(places.list, n * sizeof(*list));
    if (list == NULL) {
        return FKV_ENOMEM;
    }

    for (uint32_t i = places.n; i < n; i++) {
        list[i] = (place_t) { .next = places.free };
        places.free = i + 1;
    }

    places.list = list;
    places.n = n;

    return FKV_OK;
}


/* 0: there is no room. */
static uint64_t
place_take(fkv__exec_t *own)
{
    uint32_t   i;
    place_t   *place;

    if (places.free == 0 && places_grow() != FKV_OK) {
        return 0;
    }

    i = places.free;
    place = &places.list[i - 1];
    places.free = place->next;
    place->own = own;

    return (uint64_t) ++place->uses << 32 | i;
}


/* Whose it is; NULL: it has ended. */
static fkv__exec_t *
place_own(uint64_t wait)
{
    uint32_t  i = (uint32_t) wait;

    if (i == 0 || i > places.n || places.list[i - 1].uses != wait >> 32) {
        return NULL;
    }

    return places.list[i - 1].own;
}


static void
place_free(uint64_t wait)
{
    uint32_t  i = (uint32_t) wait;

    places.list[i - 1].own = NULL;
    places.list[i - 1].next = places.free;
    places.free = i;
}


static void
wait_forget(fkv__exec_t *own)
{
    fkv__suspended_t  *suspended = &own->suspended;

    place_free(suspended->wait);
    suspended->wait = 0;

    if (suspended->timer != NULL) {
        own->call.server->unpause(suspended->timer);
        suspended->timer = NULL;
    }
}


/* The execution may run on from here. */
static void
wait_over(fkv__exec_t *own, int rc)
{
    fkv__suspended_t  *suspended = &own->suspended;

    wait_forget(own);
    suspended->rc = rc;
    suspended->over = true;

    if (suspended->parked) {
        suspended->parked = false;
        fkv__own_child(own);
    }
}


static void
on_timer(void *data)
{
    fkv__exec_t  *own = data;

    own->suspended.timer = NULL;
    wait_over(own, FKV_ECANCELED);
}


uint64_t
fkv_call_suspend(fkv_call_t *call, uint64_t timeout_ms,
    fkv_call_go_on_pt go_on, void *data)
{
    fkv__exec_t         *own = fkv__container(call->txn, fkv__exec_t, txn);
    fkv__suspended_t    *suspended = &own->suspended;
    fkv__suspended_t     was = *suspended;
    const fkv_server_t  *server = call->server;
    uint64_t             wait;

    if (server == NULL || server->pause == NULL || own->exec->multi
        || suspended->asked || fkv__txn_wrote(call->txn))
    {
        return 0;
    }

    wait = place_take(own);
    if (wait == 0) {
        return 0;
    }

    *suspended = (fkv__suspended_t) {
        .wait = wait, .asked = true, .go_on = go_on, .data = data
    };

    suspended->timer = server->pause(timeout_ms, on_timer, own);

    if (suspended->timer == NULL) {
        place_free(wait);
        *suspended = was;
        return 0;
    }

    return wait;
}


void
fkv_call_resume(uint64_t wait, int rc)
{
    fkv__exec_t  *own = place_own(wait);

    if (own != NULL) {
        wait_over(own, rc);
    }
}


bool
fkv__wait_park(fkv__exec_t *own)
{
    fkv__suspended_t  *suspended = &own->suspended;

    suspended->asked = false;

    if (suspended->over) {
        return false;
    }

    suspended->parked = true;
    own->pending++;

    return true;
}


void
fkv__wait_drop(fkv__exec_t *own)
{
    fkv__suspended_t  *suspended = &own->suspended;
    bool               parked = suspended->parked;

    if (suspended->wait != 0) {
        wait_forget(own);
    }

    *suspended = (fkv__suspended_t) { .wait = 0 };

    if (parked) {
        fkv__own_child(own);
    }
}
