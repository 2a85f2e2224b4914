
/*
 * ngx_http_ferrokv_limit_count.c - what the zones have counted, in memory that
 * all workers share, over reloads: a zone is found again by its name.
 *
 * Counters are added to and read, one by one; nothing is locked, so a worker
 * that dies leaves nothing behind.  Only the master adds zones.
 */

#include "ngx_http_ferrokv_limit.h"


/* Room for more than a thousand zones. */
#define NGX_HTTP_FERROKV_LIMIT_COUNT_SIZE  (256 * 1024)


typedef struct {
    ngx_queue_t                   queue;
    ngx_http_ferrokv_limit_count_t  count;
    size_t                        len;
    u_char                        name[1];
} ngx_http_ferrokv_limit_node_t;


static const char *const  ngx_http_ferrokv_limit_names[] = {
    "passed", "delayed", "rejected", "delayed_dry_run", "rejected_dry_run",
    "errors"
};


static const char *const  ngx_http_ferrokv_limit_texts[] = {
    "requests that limits let pass",
    "requests that limits put off",
    "requests that limits rejected",
    "requests that limits would have put off",
    "requests that limits would have rejected",
    "requests of which limits could not decide"
};


#define NGX_HTTP_FERROKV_LIMIT_COUNTS                                         \
    (sizeof(ngx_http_ferrokv_limit_names)                                     \
     / sizeof(ngx_http_ferrokv_limit_names[0]))


static ngx_http_ferrokv_limit_node_t *
ngx_http_ferrokv_limit_node(ngx_slab_pool_t *pool, ngx_str_t *name)
{
    ngx_queue_t                     *q, *nodes;
    ngx_http_ferrokv_limit_node_t   *node;

    nodes = pool->data;

    for (q = ngx_queue_head(nodes);
         q != ngx_queue_sentinel(nodes);
         q = ngx_queue_next(q))
    {
        node = ngx_queue_data(q, ngx_http_ferrokv_limit_node_t, queue);

        if (node->len == name->len
            && ngx_memcmp(node->name, name->data, name->len) == 0)
        {
            return node;
        }
    }

    node = ngx_slab_calloc(pool, offsetof(ngx_http_ferrokv_limit_node_t, name)
                                 + name->len);
    if (node == NULL) {
        return NULL;
    }

    node->len = name->len;
    ngx_memcpy(node->name, name->data, name->len);
    ngx_queue_insert_tail(nodes, &node->queue);

    return node;
}


static ngx_int_t
ngx_http_ferrokv_limit_init_counts(ngx_shm_zone_t *shm_zone, void *old)
{
    ngx_uint_t                        i;
    ngx_queue_t                      *nodes;
    ngx_slab_pool_t                  *pool;
    ngx_http_ferrokv_main_conf_t     *fmcf;
    ngx_http_ferrokv_limit_node_t    *node;
    ngx_http_ferrokv_limit_zone_t   **zone;

    fmcf = shm_zone->data;
    pool = (ngx_slab_pool_t *) shm_zone->shm.addr;

    if (old == NULL && !shm_zone->shm.exists) {
        nodes = ngx_slab_alloc(pool, sizeof(ngx_queue_t));
        if (nodes == NULL) {
            return NGX_ERROR;
        }

        ngx_queue_init(nodes);
        pool->data = nodes;
    }

    zone = fmcf->limit_zones.elts;

    for (i = 0; i < fmcf->limit_zones.nelts; i++) {

        node = ngx_http_ferrokv_limit_node(pool, &zone[i]->name);
        if (node == NULL) {
            return NGX_ERROR;
        }

        zone[i]->count = &node->count;
    }

    return NGX_OK;
}


char *
ngx_http_ferrokv_limit_count(ngx_conf_t *cf,
    ngx_http_ferrokv_main_conf_t *fmcf)
{
    ngx_str_t        name = ngx_string("ferrokv_limits");
    ngx_shm_zone_t  *shm_zone;

    shm_zone = ngx_shared_memory_add(cf, &name,
                                     NGX_HTTP_FERROKV_LIMIT_COUNT_SIZE,
                                     &ngx_http_ferrokv_module);
    if (shm_zone == NULL) {
        return NGX_CONF_ERROR;
    }

    shm_zone->init = ngx_http_ferrokv_limit_init_counts;
    shm_zone->data = fmcf;

    return NGX_CONF_OK;
}


/* ferrokv_status */

size_t
ngx_http_ferrokv_limit_status_size(ngx_http_ferrokv_main_conf_t *fmcf)
{
    size_t                           size;
    ngx_uint_t                       i;
    ngx_http_ferrokv_limit_zone_t  **zone;

    size = 1024;
    zone = fmcf->limit_zones.elts;

    for (i = 0; i < fmcf->limit_zones.nelts; i++) {
        size += NGX_HTTP_FERROKV_LIMIT_COUNTS
                * (zone[i]->name.len + zone[i]->ref->store->name.len + 128);
    }

    return size;
}


u_char *
ngx_http_ferrokv_limit_status_json(u_char *p, u_char *end,
    ngx_http_ferrokv_main_conf_t *fmcf)
{
    ngx_uint_t                       i, n;
    ngx_http_ferrokv_limit_zone_t  **zone;

    zone = fmcf->limit_zones.elts;

    for (i = 0; i < fmcf->limit_zones.nelts; i++) {

        p = ngx_slprintf(p, end, "%s\"%V\":{\"store\":\"%V\"", i ? "," : "",
                         &zone[i]->name, &zone[i]->ref->store->name);

        for (n = 0; n < NGX_HTTP_FERROKV_LIMIT_COUNTS; n++) {
            p = ngx_slprintf(p, end, ",\"%s\":%uA",
                             ngx_http_ferrokv_limit_names[n],
                             zone[i]->count->n[n]);
        }

        p = ngx_slprintf(p, end, "}");
    }

    return p;
}


u_char *
ngx_http_ferrokv_limit_status_prometheus(u_char *p, u_char *end,
    ngx_http_ferrokv_main_conf_t *fmcf)
{
    ngx_uint_t                       i, n;
    ngx_http_ferrokv_limit_zone_t  **zone;

    zone = fmcf->limit_zones.elts;

    for (n = 0; n < NGX_HTTP_FERROKV_LIMIT_COUNTS; n++) {

        if (fmcf->limit_zones.nelts == 0) {
            break;
        }

        p = ngx_slprintf(p, end, "# HELP ferrokv_limit_%s_total %s\n"
                                 "# TYPE ferrokv_limit_%s_total counter\n",
                         ngx_http_ferrokv_limit_names[n],
                         ngx_http_ferrokv_limit_texts[n],
                         ngx_http_ferrokv_limit_names[n]);

        for (i = 0; i < fmcf->limit_zones.nelts; i++) {
            p = ngx_slprintf(p, end, "ferrokv_limit_%s_total{store=\"%V\","
                                     "zone=\"%V\"} %uA\n",
                             ngx_http_ferrokv_limit_names[n],
                             &zone[i]->ref->store->name, &zone[i]->name,
                             zone[i]->count->n[n]);
        }
    }

    return p;
}


u_char *
ngx_http_ferrokv_limit_status_text(u_char *p, u_char *end,
    ngx_http_ferrokv_main_conf_t *fmcf)
{
    ngx_uint_t                       i, n;
    ngx_http_ferrokv_limit_zone_t  **zone;

    zone = fmcf->limit_zones.elts;

    for (i = 0; i < fmcf->limit_zones.nelts; i++) {

        p = ngx_slprintf(p, end, "limits of zone %V in store %V:\n",
                         &zone[i]->name, &zone[i]->ref->store->name);

        for (n = 0; n < NGX_HTTP_FERROKV_LIMIT_COUNTS; n++) {
            p = ngx_slprintf(p, end, "%20uA  %s\n", zone[i]->count->n[n],
                             ngx_http_ferrokv_limit_texts[n]);
        }

        p = ngx_slprintf(p, end, "\n");
    }

    return p;
}
