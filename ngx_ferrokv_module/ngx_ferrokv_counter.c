
/*
 * ngx_ferrokv_counter.c - atomic addition to a decimal number.
 *
 * The engine calls decide() with the newest value, as often as the key changes
 * under way; everything it leaves in the struct is written anew each time.
 */

#include "ngx_ferrokv.h"


static int ngx_ferrokv_counter_decide(fkv_update_t *update);
static int ngx_ferrokv_counter_read(ngx_ferrokv_counter_t *counter,
    int64_t *n);


int
ngx_ferrokv_counter_add(ngx_ferrokv_counter_t *counter)
{
    fkv_update_t  *update;

    update = &counter->update;

    update->changes = &counter->change;
    update->n = 1;
    update->decide = ngx_ferrokv_counter_decide;

    return fkv_update(update);
}


static int
ngx_ferrokv_counter_decide(fkv_update_t *update)
{
    int64_t                 n;
    ngx_ferrokv_counter_t  *counter;

    counter = (ngx_ferrokv_counter_t *)
                  ((u_char *) update - offsetof(ngx_ferrokv_counter_t, update));

    if (counter->change.exists && counter->change.current.type != 0) {
        return FKV_WRONGTYPE;
    }

    if (ngx_ferrokv_counter_read(counter, &n) != FKV_OK
        || __builtin_add_overflow(n, counter->by, &counter->value))
    {
        return FKV_NOTINT;
    }

    counter->text_len = ngx_sprintf(counter->text, "%L", counter->value)
                        - counter->text;

    counter->change.action = FKV_PUT;
    counter->change.value.data = counter->text;
    counter->change.value.len = counter->text_len;

    return FKV_OK;
}


/* What to add to, and what stays of the record. */

static int
ngx_ferrokv_counter_read(ngx_ferrokv_counter_t *counter, int64_t *n)
{
    fkv_value_t   *current;
    fkv_change_t  *change;

    change = &counter->change;
    current = &change->current;

    counter->created = !change->exists;

    if (!change->exists) {
        *n = counter->init;
        change->expire_at = counter->expire_at;
        change->content_type = FKV_STR_NULL;

        return FKV_OK;
    }

    if (ngx_ferrokv_parse_int(current->data.data, current->data.len, n)
        != NGX_OK)
    {
        return FKV_NOTINT;
    }

    /* current is gone when decide() returns */

    change->content_type.len = ngx_min(current->content_type.len,
                                       NGX_FERROKV_TYPE_MAX);
    change->content_type.data = counter->type;
    ngx_memcpy(counter->type, current->content_type.data,
               change->content_type.len);

    change->expire_at = current->expire_at;

    return FKV_OK;
}
