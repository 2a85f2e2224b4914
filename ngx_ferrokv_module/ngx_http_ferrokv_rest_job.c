
/*
 * POST ?checkpoint=NAME and GET ?count of the collection: what the helper does
 * while this worker serves others.
 */

#include "ngx_http_ferrokv_rest.h"


typedef struct {
    ngx_http_ferrokv_target_t  target;
    fkv_job_t                  job;
    ngx_str_t                  text;
} ngx_http_ferrokv_job_t;


static ngx_int_t ngx_http_ferrokv_job_start(ngx_http_ferrokv_target_t *target,
    fkv_job_e kind, ngx_str_t *text);
static void ngx_http_ferrokv_job_on_done(fkv_op_t *op);
static ngx_int_t ngx_http_ferrokv_job_answer(void *data, int rc);
static ngx_int_t ngx_http_ferrokv_job_send(ngx_http_ferrokv_job_t *job);
static ngx_int_t ngx_http_ferrokv_checkpoint_query(
    ngx_http_ferrokv_target_t *target, ngx_str_t *name,
    ngx_http_ferrokv_problem_t *problem);
static ngx_int_t ngx_http_ferrokv_count_query(
    ngx_http_ferrokv_target_t *target, ngx_str_t *prefix,
    ngx_http_ferrokv_problem_t *problem);


ngx_int_t
ngx_http_ferrokv_rest_checkpoint(ngx_http_ferrokv_target_t *target)
{
    ngx_int_t                    rc;
    ngx_str_t                    name;
    ngx_http_request_t          *r;
    ngx_http_ferrokv_problem_t   problem;

    r = target->request;

    if (ngx_http_ferrokv_checkpoint_query(target, &name, &problem) != NGX_OK) {
        return ngx_http_ferrokv_send_problem(r, &problem);
    }

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_ferrokv_job_start(target, FKV_JOB_CHECKPOINT, &name);
}


static ngx_int_t
ngx_http_ferrokv_checkpoint_query(ngx_http_ferrokv_target_t *target,
    ngx_str_t *name, ngx_http_ferrokv_problem_t *problem)
{
    ngx_http_ferrokv_query_t  query;

    if (ngx_http_ferrokv_query_parse(target->request, &query,
                                     ngx_http_ferrokv_bit(CHECKPOINT), problem)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (!target->conf->danger) {
        return ngx_http_ferrokv_fail(problem, NGX_HTTP_FORBIDDEN, "danger_off",
                                     "parameter \"checkpoint\" works only "
                                     "where ferrokv_rest has danger=on");
    }

    if (target->store->options.checkpoints == NULL) {
        return ngx_http_ferrokv_fail(problem, NGX_HTTP_FORBIDDEN,
                                     "no_checkpoints",
                                     "the store's ferrokv_store has no "
                                     "checkpoints=");
    }

    *name = query.value[NGX_HTTP_FERROKV_CHECKPOINT];

    if (!fkv_checkpoint_name_valid(ngx_ferrokv_str(name))) {
        return ngx_http_ferrokv_fail(problem, NGX_HTTP_BAD_REQUEST,
                                     "bad_parameter",
                                     "parameter \"checkpoint\" is not a name "
                                     "of 1 to %d letters, digits, \"_\", "
                                     "\"-\" and \".\" that does not begin "
                                     "with \".\"", FKV_CHECKPOINT_NAME_MAX);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_ferrokv_rest_count(ngx_http_ferrokv_target_t *target)
{
    ngx_str_t                   prefix;
    ngx_http_ferrokv_problem_t  problem;

    if (ngx_http_ferrokv_count_query(target, &prefix, &problem) != NGX_OK) {
        return ngx_http_ferrokv_send_problem(target->request, &problem);
    }

    return ngx_http_ferrokv_job_start(target, FKV_JOB_COUNT, &prefix);
}


static ngx_int_t
ngx_http_ferrokv_count_query(ngx_http_ferrokv_target_t *target,
    ngx_str_t *prefix, ngx_http_ferrokv_problem_t *problem)
{
    u_char                    *p;
    ngx_str_t                 *own, *wanted;
    ngx_http_ferrokv_query_t   query;

    if (ngx_http_ferrokv_query_parse(target->request, &query,
                                     ngx_http_ferrokv_bit(COUNT)
                                     |ngx_http_ferrokv_bit(PREFIX), problem)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    own = &target->prefix;
    *prefix = *own;

    if (ngx_http_ferrokv_given(&query, PREFIX)) {
        wanted = &query.value[NGX_HTTP_FERROKV_PREFIX];

        p = ngx_pnalloc(target->request->pool, own->len + wanted->len);
        if (p == NULL) {
            ngx_http_ferrokv_fail_code(problem, FKV_ENOMEM);
            return NGX_ERROR;
        }

        prefix->data = p;
        prefix->len = own->len + wanted->len;

        p = ngx_cpymem(p, own->data, own->len);
        ngx_memcpy(p, wanted->data, wanted->len);
    }

    if (prefix->len > FKV_COUNT_PREFIX_MAX) {
        return ngx_http_ferrokv_fail(problem, NGX_HTTP_BAD_REQUEST,
                                     "bad_parameter",
                                     "parameter \"prefix\" is longer than %d "
                                     "bytes", FKV_COUNT_PREFIX_MAX);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_ferrokv_job_start(ngx_http_ferrokv_target_t *target, fkv_job_e kind,
    ngx_str_t *text)
{
    int                      rc;
    ngx_http_ferrokv_job_t  *job;

    job = ngx_pcalloc(target->request->pool, sizeof(ngx_http_ferrokv_job_t));
    if (job == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    job->target = *target;
    job->text = *text;

    job->job.store = target->store->fkv;
    job->job.kind = kind;
    job->job.ns = FKV_NAMESPACE_USER;
    job->job.text = ngx_ferrokv_str(&job->text);
    job->job.op.on_done = ngx_http_ferrokv_job_on_done;
    job->job.op.data = job;

    rc = fkv_job(&job->job);

    if (rc == FKV_AGAIN) {
        return ngx_http_ferrokv_wait(target->request);
    }

    return ngx_http_ferrokv_job_answer(job, rc);
}


static void
ngx_http_ferrokv_job_on_done(fkv_op_t *op)
{
    ngx_http_ferrokv_job_t  *job;

    job = op->data;

    ngx_http_ferrokv_done(job->target.request, ngx_http_ferrokv_job_answer,
                          job, op->rc);
}


static ngx_int_t
ngx_http_ferrokv_job_answer(void *data, int rc)
{
    ngx_http_ferrokv_job_t *job = data;

    ngx_http_ferrokv_problem_t  problem;

    switch (rc) {

    case FKV_OK:
        return ngx_http_ferrokv_job_send(job);

    case FKV_EXISTS:
        (void) ngx_http_ferrokv_fail(&problem, NGX_HTTP_CONFLICT, "exists",
                                     "\"%V\" exists among the checkpoints",
                                     &job->text);
        break;

    case FKV_EBUSY:
        (void) ngx_http_ferrokv_fail(&problem, NGX_HTTP_SERVICE_UNAVAILABLE,
                                     "busy", "too many requests wait for the "
                                     "helper process");
        break;

    default:
        return ngx_http_ferrokv_send_failure(&job->target, rc);
    }

    return ngx_http_ferrokv_send_problem(job->target.request, &problem);
}


static ngx_int_t
ngx_http_ferrokv_job_send(ngx_http_ferrokv_job_t *job)
{
    ngx_uint_t           status;
    ngx_ferrokv_json_t   json;

    ngx_ferrokv_json_init(&json, job->target.request->pool, 256);

    if (job->job.kind == FKV_JOB_CHECKPOINT) {
        status = NGX_HTTP_CREATED;
        ngx_ferrokv_json_text(&json, "{\"checkpoint\":");
        ngx_ferrokv_json_string(&json, job->text.data, job->text.len);
        ngx_ferrokv_json_text(&json, ",\"bytes\":");

    } else {
        status = NGX_HTTP_OK;
        ngx_ferrokv_json_text(&json, "{\"count\":");
    }

    ngx_ferrokv_json_uint(&json, job->job.result);
    ngx_ferrokv_json_text(&json, "}\n");

    return ngx_http_ferrokv_send_json(job->target.request, status, &json);
}
