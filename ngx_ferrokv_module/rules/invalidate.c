/*
 * invalidate.c - references taken apart, resolved and compared.
 */

#include "rules/invalidate.h"
#include "rules/field.h"
#include "base/bytes.h"

#include <string.h>

typedef struct {
    fkv_str_t  scheme;                  /* data NULL: there is none */
    fkv_str_t  authority;
    fkv_str_t  path;
    fkv_str_t  query;                   /* with its `?` */
} uri_t;


bool
fkv_rules_invalidates(fkv_str_t method, unsigned status)
{
    return status >= 200 && status < 400
           && !fkv__str_eq(method, FKV_STR("GET"))
           && !fkv__str_eq(method, FKV_STR("HEAD"))
           && !fkv__str_eq(method, FKV_STR("OPTIONS"))
           && !fkv__str_eq(method, FKV_STR("TRACE"));
}


/* How many bytes of text come before the first of these, or all. */
static size_t
until(fkv_str_t text, const char *these)
{
    size_t  i = 0;

    while (i < text.len
           && (text.data[i] == '\0' || strchr(these, text.data[i]) == NULL))
    {
        i++;
    }

    return i;
}


static fkv_str_t
cut(fkv_str_t *rest, size_t n)
{
    fkv_str_t  front = { rest->data, n };

    *rest = (fkv_str_t) { rest->data + n, rest->len - n };

    return front;
}


static bool
visible(fkv_str_t text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] <= 0x20 || text.data[i] >= 0x7f) {
            return false;
        }
    }

    return true;
}


static bool
scheme_right(fkv_str_t scheme)
{
    for (size_t i = 0; i < scheme.len; i++) {
        uint8_t  byte = fkv_rules_lower(scheme.data[i]);
        bool     letter = (byte >= 'a' && byte <= 'z');
        bool     other = (byte >= '0' && byte <= '9') || byte == '+'
                         || byte == '-' || byte == '.';

        if (!letter && !(other && i > 0)) {
            return false;
        }
    }

    return scheme.len > 0;
}


/* RFC 3986, appendix B.  false: not a reference */
static bool
uri_parse(uri_t *uri, fkv_str_t text)
{
    size_t  colon;

    *uri = (uri_t) { .scheme = FKV_STR_NULL };
    text.len = until(text, "#");

    colon = until(text, ":/?");

    if (colon < text.len && text.data[colon] == ':') {
        uri->scheme = cut(&text, colon);
        (void) cut(&text, 1);

        if (!scheme_right(uri->scheme)) {
            return false;
        }
    }

    if (text.len >= 2 && text.data[0] == '/' && text.data[1] == '/') {
        (void) cut(&text, 2);
        uri->authority = cut(&text, until(text, "/?"));
    }

    uri->path = cut(&text, until(text, "?"));
    uri->query = text;

    return true;
}


/* Host and port; user information and a port's leading zeros are not equal. */
static void
authority_split(fkv_str_t authority, fkv_str_t scheme, fkv_str_t *host,
    fkv_str_t *port)
{
    size_t  i = authority.len;

    while (i > 0 && authority.data[i - 1] >= '0'
           && authority.data[i - 1] <= '9')
    {
        i--;
    }

    *host = authority;
    *port = FKV_STR_NULL;

    if (i > 0 && authority.data[i - 1] == ':') {
        host->len = i - 1;
        *port = (fkv_str_t) { authority.data + i, authority.len - i };
    }

    if (port->len == 0) {
        *port = fkv_rules_same(scheme, FKV_STR("https")) ? FKV_STR("443")
                                                         : FKV_STR("80");
    }
}


static bool
same_origin(const fkv_rules_target_t *target, const uri_t *uri)
{
    fkv_str_t  host, port, host_here, port_here;

    if (uri->authority.data == NULL) {
        return uri->scheme.data == NULL;
    }

    if (uri->scheme.data != NULL
        && !fkv_rules_same(uri->scheme, target->scheme))
    {
        return false;
    }

    authority_split(target->authority, target->scheme, &host_here, &port_here);
    authority_split(uri->authority, target->scheme, &host, &port);

    return fkv_rules_same(host, host_here) && fkv__str_eq(port, port_here);
}


/* Takes the last segment and its slash off what lies between from and p. */
static uint8_t *
segment_drop(const uint8_t *from, uint8_t *p)
{
    while (p > from && *--p != '/') {
    }

    return p;
}


/*
 * Appends a path to what is there without its segments `.` and `..` (RFC 3986,
 * section 5.2.4); the path begins with a slash.
 */
static uint8_t *
path_print(const uint8_t *from, uint8_t *p, fkv_str_t path)
{
    while (path.len > 0) {
        fkv_str_t  segment;
        bool       last;

        (void) cut(&path, 1);
        segment = cut(&path, until(path, "/"));
        last = (path.len == 0);

        if (fkv__str_eq(segment, FKV_STR(".."))) {
            p = segment_drop(from, p);

        } else if (!fkv__str_eq(segment, FKV_STR("."))) {
            *p++ = '/';
            memmove(p, segment.data, segment.len);
            p += segment.len;
            continue;
        }

        if (last) {
            *p++ = '/';
        }
    }

    return p;
}


/* The target's path up to its last slash, which is left for what follows. */
static fkv_str_t
directory(fkv_str_t path)
{
    while (path.len > 0 && path.data[path.len - 1] != '/') {
        path.len--;
    }

    path.len -= (path.len > 0);

    return path;
}


static uint8_t *
bytes(uint8_t *p, fkv_str_t s)
{
    if (s.len > 0) {
        memcpy(p, s.data, s.len);
    }

    return p + s.len;
}


int
fkv_rules_resolve(const fkv_rules_target_t *target, fkv_str_t reference,
    uint8_t *out, size_t room, size_t *len)
{
    uint8_t    *p = out;
    uri_t       uri;
    fkv_str_t   rest = target->uri, path = cut(&rest, until(rest, "?"));

    if (!visible(reference) || !uri_parse(&uri, reference)
        || room < target->uri.len + reference.len + 1)
    {
        return FKV_EINVAL;
    }

    if (!same_origin(target, &uri)) {
        return FKV_NOTFOUND;
    }

    if (uri.authority.data != NULL && uri.path.len == 0) {
        *p++ = '/';

    } else if (uri.path.len == 0) {
        p = bytes(p, path);
        uri.query = (uri.query.len > 0) ? uri.query : rest;

    } else if (uri.path.data[0] == '/') {
        p = path_print(out, p, uri.path);

    } else {
        /* in place: what is printed never overtakes what is read */
        uint8_t  *merged = bytes(p, directory(path));

        *merged++ = '/';
        merged = bytes(merged, uri.path);
        p = path_print(out, p, (fkv_str_t) { out, (size_t) (merged - out) });
    }

    p = bytes(p, uri.query);
    *len = (size_t) (p - out);

    return FKV_OK;
}
