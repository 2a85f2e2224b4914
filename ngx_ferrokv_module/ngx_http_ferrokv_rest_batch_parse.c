
#include "ngx_http_ferrokv_rest_batch.h"


/* Members that an operation may have, as bits. */
#define NGX_HTTP_FERROKV_M_OP          0x01
#define NGX_HTTP_FERROKV_M_KEY         0x02
#define NGX_HTTP_FERROKV_M_VALUE       0x04
#define NGX_HTTP_FERROKV_M_EXPIRY      0x08
#define NGX_HTTP_FERROKV_M_BY          0x10
#define NGX_HTTP_FERROKV_M_INIT        0x20
#define NGX_HTTP_FERROKV_M_IF_VERSION  0x40

#define NGX_HTTP_FERROKV_M_ALWAYS                                             \
    (NGX_HTTP_FERROKV_M_OP|NGX_HTTP_FERROKV_M_KEY                             \
     |NGX_HTTP_FERROKV_M_IF_VERSION)


/* One operation being read. */
typedef struct {
    ngx_http_ferrokv_batch_t      *batch;
    ngx_http_ferrokv_operation_t  *op;
    ngx_uint_t                     given;
    const char                    *wrong;   /* what is, if a reader fails */
} ngx_http_ferrokv_reader_t;


typedef struct {
    const char                *name;
    ngx_uint_t                 bit;
    ngx_int_t                (*read)(ngx_http_ferrokv_reader_t *reader,
                                   json_t *json);
    const char                *wrong;
} ngx_http_ferrokv_member_t;


typedef struct {
    ngx_str_t                  name;
    ngx_uint_t                 allowed;
    ngx_uint_t                 needed;
} ngx_http_ferrokv_verb_t;


static ngx_int_t ngx_http_ferrokv_read_operation(
    ngx_http_ferrokv_reader_t *reader, json_t *json);
static ngx_int_t ngx_http_ferrokv_read_member(
    ngx_http_ferrokv_reader_t *reader, const char *name, json_t *json);
static ngx_int_t ngx_http_ferrokv_read_verb(ngx_http_ferrokv_reader_t *reader,
    json_t *json);
static ngx_int_t ngx_http_ferrokv_read_key(ngx_http_ferrokv_reader_t *reader,
    json_t *json);
static ngx_int_t ngx_http_ferrokv_read_key_b64(
    ngx_http_ferrokv_reader_t *reader, json_t *json);
static ngx_int_t ngx_http_ferrokv_read_any_key(
    ngx_http_ferrokv_reader_t *reader, ngx_str_t *key);
static ngx_int_t ngx_http_ferrokv_read_value(ngx_http_ferrokv_reader_t *reader,
    json_t *json);
static ngx_int_t ngx_http_ferrokv_read_value_b64(
    ngx_http_ferrokv_reader_t *reader, json_t *json);
static ngx_int_t ngx_http_ferrokv_read_ttl(ngx_http_ferrokv_reader_t *reader,
    json_t *json);
static ngx_int_t ngx_http_ferrokv_read_expires_at(
    ngx_http_ferrokv_reader_t *reader, json_t *json);
static ngx_int_t ngx_http_ferrokv_read_by(ngx_http_ferrokv_reader_t *reader,
    json_t *json);
static ngx_int_t ngx_http_ferrokv_read_init(ngx_http_ferrokv_reader_t *reader,
    json_t *json);
static ngx_int_t ngx_http_ferrokv_read_if_version(
    ngx_http_ferrokv_reader_t *reader, json_t *json);
static ngx_int_t ngx_http_ferrokv_read_string(json_t *json, ngx_str_t *str);
static ngx_int_t ngx_http_ferrokv_read_b64(ngx_http_ferrokv_reader_t *reader,
    json_t *json, ngx_str_t *bytes);
static ngx_int_t ngx_http_ferrokv_read_int(json_t *json, int64_t *n);
static void ngx_http_ferrokv_read_number(json_t *json, u_char *buf,
    ngx_str_t *text);


static ngx_http_ferrokv_member_t  ngx_http_ferrokv_members[] = {

    { "op", NGX_HTTP_FERROKV_M_OP, ngx_http_ferrokv_read_verb,
      "\"op\" is not \"get\", \"set\", \"incr\", \"delete\", \"touch\" or "
      "\"persist\"" },

    { "key", NGX_HTTP_FERROKV_M_KEY, ngx_http_ferrokv_read_key,
      "\"key\" is not a string of 1 to 65536 bytes" },

    { "key_b64", NGX_HTTP_FERROKV_M_KEY, ngx_http_ferrokv_read_key_b64,
      "\"key_b64\" is not base64 of 1 to 65536 bytes" },

    { "value", NGX_HTTP_FERROKV_M_VALUE, ngx_http_ferrokv_read_value,
      "\"value\" is not a string or an integer" },

    { "value_b64", NGX_HTTP_FERROKV_M_VALUE, ngx_http_ferrokv_read_value_b64,
      "\"value_b64\" is not base64" },

    { "ttl", NGX_HTTP_FERROKV_M_EXPIRY, ngx_http_ferrokv_read_ttl,
      "\"ttl\" is not a time to live" },

    { "expires_at", NGX_HTTP_FERROKV_M_EXPIRY,
      ngx_http_ferrokv_read_expires_at,
      "\"expires_at\" is not a time to come" },

    { "by", NGX_HTTP_FERROKV_M_BY, ngx_http_ferrokv_read_by,
      "\"by\" is not a 64-bit integer" },

    { "init", NGX_HTTP_FERROKV_M_INIT, ngx_http_ferrokv_read_init,
      "\"init\" is not a 64-bit integer" },

    { "if_version", NGX_HTTP_FERROKV_M_IF_VERSION,
      ngx_http_ferrokv_read_if_version,
      "\"if_version\" is not a version" },

    { NULL, 0, NULL, NULL }
};


/* In the order of ngx_http_ferrokv_op_e. */
static ngx_http_ferrokv_verb_t  ngx_http_ferrokv_verbs[] = {
    { ngx_string("get"), 0, 0 },
    { ngx_string("set"),
      NGX_HTTP_FERROKV_M_VALUE|NGX_HTTP_FERROKV_M_EXPIRY,
      NGX_HTTP_FERROKV_M_VALUE },
    { ngx_string("incr"),
      NGX_HTTP_FERROKV_M_BY|NGX_HTTP_FERROKV_M_INIT
      |NGX_HTTP_FERROKV_M_EXPIRY,
      0 },
    { ngx_string("delete"), 0, 0 },
    { ngx_string("touch"), NGX_HTTP_FERROKV_M_EXPIRY,
      NGX_HTTP_FERROKV_M_EXPIRY },
    { ngx_string("persist"), 0, 0 }
};


ngx_int_t
ngx_http_ferrokv_batch_parse(ngx_http_ferrokv_batch_t *batch,
    ngx_http_ferrokv_problem_t *problem)
{
    ngx_uint_t                 i;
    json_error_t               error;
    ngx_http_ferrokv_reader_t  reader;

    batch->json = json_loadb((char *) batch->body.data, batch->body.len,
                             JSON_REJECT_DUPLICATES|JSON_ALLOW_NUL, &error);

    if (batch->json == NULL) {
        return ngx_http_ferrokv_fail(problem, NGX_HTTP_BAD_REQUEST,
                                     "bad_json",
                                     "bad JSON at position %d: %s",
                                     ngx_max(error.position, 0), error.text);
    }

    if (!json_is_array(batch->json)) {
        return ngx_http_ferrokv_fail(problem, NGX_HTTP_BAD_REQUEST,
                                     "bad_batch",
                                     "bad batch at position 0: it is not an "
                                     "array of operations");
    }

    batch->n = json_array_size(batch->json);

    if (batch->n > FKV_BATCH_KEYS_MAX) {
        return ngx_http_ferrokv_fail(problem, NGX_HTTP_BAD_REQUEST,
                                     "batch_too_large",
                                     "operation %d: a batch holds %d "
                                     "operations at most",
                                     FKV_BATCH_KEYS_MAX, FKV_BATCH_KEYS_MAX);
    }

    batch->ops = ngx_pcalloc(batch->target.request->pool,
                     (batch->n + 1) * sizeof(ngx_http_ferrokv_operation_t));
    if (batch->ops == NULL) {
        ngx_http_ferrokv_fail_code(problem, FKV_ENOMEM);
        return NGX_ERROR;
    }

    for (i = 0; i < batch->n; i++) {

        ngx_memzero(&reader, sizeof(ngx_http_ferrokv_reader_t));
        reader.batch = batch;
        reader.op = &batch->ops[i];

        if (ngx_http_ferrokv_read_operation(&reader,
                                            json_array_get(batch->json, i))
            != NGX_OK)
        {
            return ngx_http_ferrokv_fail(problem, NGX_HTTP_BAD_REQUEST,
                                         "bad_batch", "operation %ui: %s", i,
                                         reader.wrong);
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_ferrokv_read_operation(ngx_http_ferrokv_reader_t *reader,
    json_t *json)
{
    json_t                   *value;
    ngx_uint_t                foreign;
    const char               *name;
    ngx_http_ferrokv_verb_t  *verb;

    if (!json_is_object(json)) {
        reader->wrong = "it is not an object";
        return NGX_ERROR;
    }

    reader->op->by = 1;

    json_object_foreach (json, name, value) {
        if (ngx_http_ferrokv_read_member(reader, name, value) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if ((reader->given & NGX_HTTP_FERROKV_M_OP) == 0) {
        reader->wrong = "\"op\" is missing";
        return NGX_ERROR;
    }

    if ((reader->given & NGX_HTTP_FERROKV_M_KEY) == 0) {
        reader->wrong = "\"key\" is missing";
        return NGX_ERROR;
    }

    verb = &ngx_http_ferrokv_verbs[reader->op->kind];
    foreign = reader->given & ~(verb->allowed | NGX_HTTP_FERROKV_M_ALWAYS);

    if (foreign) {
        reader->wrong = "a member does not go with this \"op\"";
        return NGX_ERROR;
    }

    if ((reader->given & verb->needed) != verb->needed) {
        reader->wrong = (verb->needed == NGX_HTTP_FERROKV_M_VALUE)
                        ? "\"value\" is missing" : "\"ttl\" is missing";
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_ferrokv_read_member(ngx_http_ferrokv_reader_t *reader,
    const char *name, json_t *json)
{
    ngx_http_ferrokv_member_t  *member;

    for (member = ngx_http_ferrokv_members; member->name; member++) {

        if (ngx_strcmp(member->name, name) != 0) {
            continue;
        }

        if (reader->given & member->bit) {
            reader->wrong = "two members say the same thing";
            return NGX_ERROR;
        }

        reader->given |= member->bit;

        if (member->read(reader, json) != NGX_OK) {
            reader->wrong = member->wrong;
            return NGX_ERROR;
        }

        return NGX_OK;
    }

    reader->wrong = "a member is not known";

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_ferrokv_read_verb(ngx_http_ferrokv_reader_t *reader, json_t *json)
{
    ngx_str_t    name, *verb;
    ngx_uint_t   i;

    if (ngx_http_ferrokv_read_string(json, &name) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i < NGX_HTTP_FERROKV_OPS; i++) {
        verb = &ngx_http_ferrokv_verbs[i].name;

        if (verb->len == name.len
            && ngx_memcmp(verb->data, name.data, name.len) == 0)
        {
            reader->op->kind = i;
            return NGX_OK;
        }
    }

    return NGX_ERROR;
}


static ngx_int_t
ngx_http_ferrokv_read_key(ngx_http_ferrokv_reader_t *reader, json_t *json)
{
    ngx_str_t  key;

    if (ngx_http_ferrokv_read_string(json, &key) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_ferrokv_read_any_key(reader, &key);
}


static ngx_int_t
ngx_http_ferrokv_read_key_b64(ngx_http_ferrokv_reader_t *reader, json_t *json)
{
    ngx_str_t  key;

    if (ngx_http_ferrokv_read_b64(reader, json, &key) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_ferrokv_read_any_key(reader, &key);
}


static ngx_int_t
ngx_http_ferrokv_read_any_key(ngx_http_ferrokv_reader_t *reader,
    ngx_str_t *key)
{
    u_char     *p;
    ngx_str_t  *prefix;

    prefix = &reader->batch->target.prefix;

    if (key->len == 0 || prefix->len + key->len > FKV_KEY_BYTES_MAX) {
        return NGX_ERROR;
    }

    if (prefix->len == 0) {
        reader->op->key = *key;
        return NGX_OK;
    }

    p = ngx_pnalloc(reader->batch->target.request->pool,
                    prefix->len + key->len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(p, prefix->data, prefix->len);
    ngx_memcpy(p + prefix->len, key->data, key->len);

    reader->op->key.data = p;
    reader->op->key.len = prefix->len + key->len;

    return NGX_OK;
}


static ngx_int_t
ngx_http_ferrokv_read_value(ngx_http_ferrokv_reader_t *reader, json_t *json)
{
    u_char  *buf;

    if (!json_is_integer(json)) {
        return ngx_http_ferrokv_read_string(json, &reader->op->value);
    }

    /* an integer is what INCR would have written */

    buf = ngx_pnalloc(reader->batch->target.request->pool, NGX_INT64_LEN);
    if (buf == NULL) {
        return NGX_ERROR;
    }

    ngx_http_ferrokv_read_number(json, buf, &reader->op->value);

    return NGX_OK;
}


static ngx_int_t
ngx_http_ferrokv_read_value_b64(ngx_http_ferrokv_reader_t *reader,
    json_t *json)
{
    return ngx_http_ferrokv_read_b64(reader, json, &reader->op->value);
}


static ngx_int_t
ngx_http_ferrokv_read_ttl(ngx_http_ferrokv_reader_t *reader, json_t *json)
{
    u_char     buf[NGX_INT64_LEN];
    ngx_str_t  text;

    ngx_http_ferrokv_read_number(json, buf, &text);

    return ngx_ferrokv_parse_ttl(&text, &reader->op->ttl_ms);
}


static ngx_int_t
ngx_http_ferrokv_read_expires_at(ngx_http_ferrokv_reader_t *reader,
    json_t *json)
{
    u_char     buf[NGX_INT64_LEN];
    ngx_str_t  text;

    ngx_http_ferrokv_read_number(json, buf, &text);

    return ngx_http_ferrokv_parse_time(&text, reader->batch->update.now_ms,
                                       &reader->op->expire_at);
}


static ngx_int_t
ngx_http_ferrokv_read_by(ngx_http_ferrokv_reader_t *reader, json_t *json)
{
    return ngx_http_ferrokv_read_int(json, &reader->op->by);
}


static ngx_int_t
ngx_http_ferrokv_read_init(ngx_http_ferrokv_reader_t *reader, json_t *json)
{
    return ngx_http_ferrokv_read_int(json, &reader->op->init);
}


static ngx_int_t
ngx_http_ferrokv_read_if_version(ngx_http_ferrokv_reader_t *reader,
    json_t *json)
{
    int64_t  n;

    if (ngx_http_ferrokv_read_int(json, &n) != NGX_OK || n < 0) {
        return NGX_ERROR;
    }

    reader->op->conditional = 1;
    reader->op->if_version = n;

    return NGX_OK;
}


static ngx_int_t
ngx_http_ferrokv_read_string(json_t *json, ngx_str_t *str)
{
    if (!json_is_string(json)) {
        return NGX_ERROR;
    }

    str->data = (u_char *) json_string_value(json);
    str->len = json_string_length(json);

    return NGX_OK;
}


static ngx_int_t
ngx_http_ferrokv_read_b64(ngx_http_ferrokv_reader_t *reader, json_t *json,
    ngx_str_t *bytes)
{
    ngx_str_t  text;

    if (ngx_http_ferrokv_read_string(json, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    bytes->data = ngx_pnalloc(reader->batch->target.request->pool,
                              ngx_base64_decoded_length(text.len));
    if (bytes->data == NULL) {
        return NGX_ERROR;
    }

    return ngx_decode_base64(bytes, &text);
}


/* A number, or a number in a string: not all clients have 64 bits. */
static ngx_int_t
ngx_http_ferrokv_read_int(json_t *json, int64_t *n)
{
    ngx_str_t  text;

    if (json_is_integer(json)) {
        *n = json_integer_value(json);
        return NGX_OK;
    }

    if (ngx_http_ferrokv_read_string(json, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_ferrokv_parse_int(text.data, text.len, n);
}


/* The text of a string or an integer; empty for anything else. */
static void
ngx_http_ferrokv_read_number(json_t *json, u_char *buf, ngx_str_t *text)
{
    if (json_is_integer(json)) {
        text->data = buf;
        text->len = ngx_sprintf(buf, "%L", (int64_t) json_integer_value(json))
                    - buf;
        return;
    }

    if (ngx_http_ferrokv_read_string(json, text) != NGX_OK) {
        ngx_str_null(text);
    }
}
