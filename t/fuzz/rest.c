/*
 * rest.c - the query of a REST request, and the JSON of a batch.
 *
 * A value lies in the query, or where it was decoded to; written with every
 * byte encoded it is read as the same.  Times that are accepted lie ahead, and
 * no more than a hundred years.  Operations of a batch have a key that the
 * engine takes.  Whatever is refused has a status and a reason.
 *
 * Input    query or batch 1 | mask of allowed parameters 4 | text
 *
 * nginx's own functions that are called come from here: its library is the
 * program, which nobody can link.  Allocations are as large as they are asked
 * for, so that a sanitizer sees one byte too many.
 */

#include "ngx_http_ferrokv_rest_batch.h"
#include "fuzz.h"

#define NOW_MS       1700000000000ull
#define BLOCKS_MAX   8192

static void    *blocks[BLOCKS_MAX];
static size_t   n_blocks;


void *
ngx_pnalloc(ngx_pool_t *pool, size_t size)
{
    (void) pool;
    assert_true(n_blocks < BLOCKS_MAX);

    return blocks[n_blocks++] = malloc(size);
}


void *
ngx_pcalloc(ngx_pool_t *pool, size_t size)
{
    void  *p = ngx_pnalloc(pool, size);

    memset(p, 0, size);

    return p;
}


static void
pool_done(void)
{
    while (n_blocks > 0) {
        free(blocks[--n_blocks]);
    }
}


static int
hex(u_char c)
{
    c |= 0x20;

    return (c >= '0' && c <= '9') ? c - '0'
           : (c >= 'a' && c <= 'f') ? c - 'a' + 10 : -1;
}


ngx_int_t
ngx_hextoi(u_char *line, size_t n)
{
    ngx_int_t  value = 0;

    for (size_t i = 0; i < n; i++) {
        /* 0x10 to 0x19 become digits by the bit of small letters. */
        if (line[i] < '0' || hex(line[i]) < 0) {
            return NGX_ERROR;
        }

        value = value * 16 + hex(line[i]);
    }

    return value;
}


static int
base64(u_char c)
{
    static const char  digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "abcdefghijklmnopqrstuvwxyz0123456789+/";
    const char        *p = (c != '\0') ? strchr(digits, c) : NULL;

    return (p != NULL) ? (int) (p - digits) : -1;
}


ngx_int_t
ngx_decode_base64(ngx_str_t *dst, ngx_str_t *src)
{
    size_t    n = 0, out = 0;
    uint32_t  bits = 0;

    while (n < src->len && src->data[n] != '=' && base64(src->data[n]) >= 0) {
        n++;
    }

    if ((n < src->len && src->data[n] != '=') || n % 4 == 1) {
        return NGX_ERROR;
    }

    for (size_t i = 0; i < n; i++) {
        bits = bits << 6 | (uint32_t) base64(src->data[i]);

        if (i % 4 > 0) {
            dst->data[out++] = (u_char) (bits >> (6 - 2 * (i % 4)));
        }
    }

    dst->len = out;

    return NGX_OK;
}


/* For "%L" alone. */
u_char *
ngx_sprintf(u_char *buf, const char *fmt, ...)
{
    int      n;
    va_list  args;

    assert_string_equal(fmt, "%L");
    va_start(args, fmt);
    n = sprintf((char *) buf, "%lld", (long long) va_arg(args, int64_t));
    va_end(args);

    return buf + n;
}


void
ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *fmt, ...)
{
    (void) level;
    (void) log;
    (void) err;
    (void) fmt;
}


ngx_int_t
ngx_http_ferrokv_fail(ngx_http_ferrokv_problem_t *problem, ngx_uint_t status,
    const char *code, const char *fmt, ...)
{
    problem->status = status;
    problem->code = code;
    problem->detail_len = strlen(fmt);

    return NGX_ERROR;
}


void
ngx_http_ferrokv_fail_code(ngx_http_ferrokv_problem_t *problem, int rc)
{
    (void) ngx_http_ferrokv_fail(problem, 500, "error", fkv_code_text(rc));
}


static void
has_reason(const ngx_http_ferrokv_problem_t *problem)
{
    assert_in_range(problem->status, 400, 599);
    assert_true(problem->code != NULL && problem->code[0] != '\0');
    assert_true(problem->detail_len > 0);
}


static fkv_str_t
str(const ngx_str_t *s)
{
    return (fkv_str_t) { s->data, s->len };
}


/* Every byte of a value stands for itself when it is encoded. */
static void
value_again(const ngx_str_t *value)
{
    size_t     len, bad;
    u_char    *text = malloc(value->len * 3 + 1), *p = text;
    u_char    *out = malloc(value->len * 3 + 1);
    ngx_str_t  encoded;

    for (size_t i = 0; i < value->len; i++) {
        p += sprintf((char *) p, "%%%02X", value->data[i]);
    }

    encoded = (ngx_str_t) { (size_t) (p - text), text };
    assert_int_equal(ngx_http_ferrokv_decode(out, &encoded, 1, &len, &bad),
                     NGX_OK);
    check_str((fkv_str_t) { out, len }, str(value));
    free(text);
    free(out);
}


static void
query(fkv_str_t args, ngx_uint_t allowed)
{
    int64_t                      n;
    fkv_sync_e                   sync;
    ngx_http_request_t           r;
    ngx_http_ferrokv_query_t     q;
    ngx_http_ferrokv_expiry_t    expiry;
    ngx_http_ferrokv_problem_t   problem;

    memset(&r, 0, sizeof(r));
    memset(&problem, 0, sizeof(problem));
    r.args.data = (u_char *) (uintptr_t) args.data;
    r.args.len = args.len;

    for (ngx_uint_t i = 0; i < NGX_HTTP_FERROKV_PARAMS; i++) {
        (void) ngx_http_ferrokv_query_has(&r,
                                          (ngx_http_ferrokv_param_e) i);
    }

    if (ngx_http_ferrokv_query_parse(&r, &q, allowed, &problem) != NGX_OK) {
        has_reason(&problem);
        return;
    }

    assert_int_equal(q.given & ~allowed, 0);

    for (ngx_uint_t i = 0; i < NGX_HTTP_FERROKV_PARAMS; i++) {
        if (q.given & (1u << i)) {
            assert_true(q.value[i].len <= args.len);
            value_again(&q.value[i]);
            assert_true(ngx_http_ferrokv_query_has(&r,
                            (ngx_http_ferrokv_param_e) i));
        }

        if (ngx_http_ferrokv_query_int(&q, (ngx_http_ferrokv_param_e) i, &n,
                                       &problem) != NGX_OK)
        {
            has_reason(&problem);
        }
    }

    if (ngx_http_ferrokv_query_expiry(&q, NOW_MS, &expiry, &problem)
        == NGX_OK)
    {
        assert_true(expiry.ttl_ms <= NGX_FERROKV_TTL_MAX);
        assert_true(expiry.expire_at == 0
                    || (expiry.expire_at > NOW_MS
                        && expiry.expire_at <= NOW_MS + NGX_FERROKV_TTL_MAX));

    } else {
        has_reason(&problem);
    }

    if (ngx_http_ferrokv_query_sync(&q, allowed & 1, &sync, &problem)
        != NGX_OK)
    {
        has_reason(&problem);
    }
}


static void
operation_is_right(const ngx_http_ferrokv_operation_t *op, size_t len)
{
    assert_in_range(op->kind, 0, NGX_HTTP_FERROKV_OPS - 1);
    assert_in_range(op->key.len, 1, FKV_KEY_BYTES_MAX);
    assert_true(op->value.len <= len);
    assert_true(op->ttl_ms <= NGX_FERROKV_TTL_MAX);

    /* All bytes are there. */
    free(check_copy(op->key.data, op->key.len));
    free(check_copy(op->value.data, op->value.len));
}


static void
batch(fkv_str_t text, ngx_uint_t prefix)
{
    ngx_http_request_t           r;
    ngx_http_ferrokv_batch_t     b;
    ngx_http_ferrokv_problem_t   problem;

    memset(&r, 0, sizeof(r));
    memset(&b, 0, sizeof(b));
    memset(&problem, 0, sizeof(problem));
    b.target.request = &r;
    b.body.data = (u_char *) (uintptr_t) text.data;
    b.body.len = text.len;

    if (prefix & 1) {
        ngx_str_set(&b.target.prefix, "prefix:");
    }

    if (ngx_http_ferrokv_batch_parse(&b, &problem) == NGX_OK) {
        assert_in_range(b.n, 0, FKV_BATCH_KEYS_MAX);

        for (ngx_uint_t i = 0; i < b.n; i++) {
            operation_is_right(&b.ops[i], text.len);
        }

    } else {
        has_reason(&problem);
    }

    json_decref(b.json);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_t      in = { data, size };
    uint8_t     which = fuzz_byte(&in);
    ngx_uint_t  mask = fuzz_u32(&in);
    fkv_str_t   text = fuzz_copy(fuzz_rest(&in));

    if (which & 1) {
        batch(text, mask);

    } else {
        query(text, mask);
    }

    pool_done();
    fuzz_free(text);

    return 0;
}
