
#include "ngx_ferrokv_json.h"
#include "commands/utf8.h"


static u_char *ngx_ferrokv_json_reserve(ngx_ferrokv_json_t *json, size_t size);
static u_char *ngx_ferrokv_json_escape(u_char *out, u_char ch);
static u_char *ngx_ferrokv_json_sequence(u_char *out, const u_char **p,
    const u_char *end);


void
ngx_ferrokv_json_init(ngx_ferrokv_json_t *json, ngx_pool_t *pool, size_t size)
{
    ngx_memzero(json, sizeof(ngx_ferrokv_json_t));

    json->pool = pool;
    json->start = ngx_pnalloc(pool, size);

    if (json->start == NULL) {
        json->failed = 1;
        return;
    }

    json->pos = json->start;
    json->end = json->start + size;
}


/* Room for size more bytes at json->pos, or NULL. */
static u_char *
ngx_ferrokv_json_reserve(ngx_ferrokv_json_t *json, size_t size)
{
    u_char  *start;
    size_t   used, room;

    if (json->failed) {
        return NULL;
    }

    if (size <= (size_t) (json->end - json->pos)) {
        return json->pos;
    }

    used = json->pos - json->start;
    room = 2 * (json->end - json->start);

    if (room < used + size) {
        room = used + size;
    }

    start = ngx_pnalloc(json->pool, room);

    if (start == NULL) {
        json->failed = 1;
        return NULL;
    }

    ngx_memcpy(start, json->start, used);

    /* gives back large blocks only; the small ones go with the pool */
    (void) ngx_pfree(json->pool, json->start);

    json->start = start;
    json->pos = start + used;
    json->end = start + room;

    return json->pos;
}


void
ngx_ferrokv_json_raw(ngx_ferrokv_json_t *json, const void *data, size_t len)
{
    u_char  *p;

    p = ngx_ferrokv_json_reserve(json, len);

    if (p) {
        json->pos = ngx_cpymem(p, data, len);
    }
}


void
ngx_ferrokv_json_uint(ngx_ferrokv_json_t *json, uint64_t n)
{
    u_char  *p;

    p = ngx_ferrokv_json_reserve(json, NGX_INT64_LEN);

    if (p) {
        json->pos = ngx_sprintf(p, "%uL", n);
    }
}


ngx_uint_t
ngx_ferrokv_utf8_valid(const u_char *p, size_t len)
{
    size_t         n;
    uint64_t       word;
    const u_char  *end;

    end = p + len;

    while (p < end) {

        if (end - p >= 8) {
            ngx_memcpy(&word, p, 8);

            if ((word & 0x8080808080808080ULL) == 0) {
                p += 8;
                continue;
            }
        }

        n = fkv_utf8_sequence(p, end);

        if (n == 0) {
            return 0;
        }

        p += n;
    }

    return 1;
}


/* At most 6 bytes. */
static u_char *
ngx_ferrokv_json_escape(u_char *out, u_char ch)
{
    static const u_char  hex[] = "0123456789abcdef";

    *out++ = '\\';

    switch (ch) {

    case '"':
    case '\\':
        *out++ = ch;
        return out;

    case '\n':
        *out++ = 'n';
        return out;

    case '\r':
        *out++ = 'r';
        return out;

    case '\t':
        *out++ = 't';
        return out;
    }

    out = ngx_cpymem(out, "u00", 3);
    *out++ = hex[ch >> 4];
    *out++ = hex[ch & 0xf];

    return out;
}


void
ngx_ferrokv_json_string(ngx_ferrokv_json_t *json, const void *data,
    size_t len)
{
    u_char        *out;
    const u_char  *p, *end, *stop;

    p = data;
    end = p + len;

    ngx_ferrokv_json_text(json, "\"");

    while (p < end) {

        /* in pieces, so that room for the worst case, 6 for 1, stays small */

        stop = p + ngx_min(end - p, 4096);
        out = ngx_ferrokv_json_reserve(json, 6 * (stop - p));

        if (out == NULL) {
            return;
        }

        while (p < stop) {

            if (*p >= 0x20 && *p < 0x80 && *p != '"' && *p != '\\') {
                *out++ = *p++;

            } else if (*p < 0x80) {
                out = ngx_ferrokv_json_escape(out, *p++);

            } else {
                out = ngx_ferrokv_json_sequence(out, &p, end);
            }
        }

        json->pos = out;
    }

    ngx_ferrokv_json_text(json, "\"");
}


/* Copies one sequence, which may reach beyond the piece, or replaces a byte. */
static u_char *
ngx_ferrokv_json_sequence(u_char *out, const u_char **p, const u_char *end)
{
    size_t  n;

    n = fkv_utf8_sequence(*p, end);

    if (n == 0) {
        (*p)++;
        return ngx_cpymem(out, "\xef\xbf\xbd", 3);
    }

    out = ngx_cpymem(out, *p, n);
    *p += n;

    return out;
}


void
ngx_ferrokv_json_bytes(ngx_ferrokv_json_t *json, const char *name,
    const void *data, size_t len)
{
    u_char     *p;
    ngx_str_t   src, dst;

    ngx_ferrokv_json_text(json, "\"");
    ngx_ferrokv_json_raw(json, name, ngx_strlen(name));

    if (ngx_ferrokv_utf8_valid(data, len)) {
        ngx_ferrokv_json_text(json, "\":");
        ngx_ferrokv_json_string(json, data, len);
        return;
    }

    ngx_ferrokv_json_text(json, "_b64\":\"");

    p = ngx_ferrokv_json_reserve(json, ngx_base64_encoded_length(len));

    if (p == NULL) {
        return;
    }

    src.data = (u_char *) data;
    src.len = len;
    dst.data = p;

    ngx_encode_base64(&dst, &src);

    json->pos = p + dst.len;

    ngx_ferrokv_json_text(json, "\"");
}
