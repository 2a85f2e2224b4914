#include "commands/request.h"
#include "commands/number.h"
#include "base/alloc.h"

#include <string.h>
#include <strings.h>

#define ARGV_MIN   8
#define ARGV_KEEP  1024         /* a larger one goes with its request */


static int
parser_fail(fkv_parser_t *parser, const char *error)
{
    parser->error = error;

    return FKV_EINVAL;
}


static int
parser_wait(fkv_parser_t *parser, uint64_t wanted)
{
    parser->wanted = (size_t) wanted;

    return FKV_AGAIN;
}


/* Offsets become pointers: the buffer stays where it is now. */
static int
parser_whole(fkv_parser_t *parser, const uint8_t *data)
{
    for (unsigned i = 0; i < parser->argc; i++) {
        parser->argv[i].data = data + (uintptr_t) parser->argv[i].data;
    }

    parser->used = parser->at;
    parser->state = FKV__REQUEST_NEW;

    return FKV_OK;
}


static int
parser_add(fkv_parser_t *parser, size_t from, size_t len)
{
    if (parser->argc == parser->argv_max) {
        unsigned    max = fkv__max(parser->argv_max * 2, ARGV_MIN);
        fkv_str_t  *argv;

        argv = fkv__realloc(parser->argv, max * sizeof(fkv_str_t));
        if (argv == NULL) {
            return FKV_ENOMEM;
        }

        parser->argv = argv;
        parser->argv_max = max;
    }

    parser->argv[parser->argc++] = (fkv_str_t) {
        (const uint8_t *) (uintptr_t) from, len
    };

    return FKV_OK;
}


static void
parser_begin(fkv_parser_t *parser, const uint8_t *data)
{
    if (parser->argv_max > ARGV_KEEP) {
        fkv_parser_done(parser);
    }

    parser->argc = 0;
    parser->at = 0;
    parser->seen = 0;
    parser->state = (data[0] == '*') ? FKV__REQUEST_COUNT : FKV__REQUEST_LINE;
}


/*
 * The line at `at`: a letter, a number, CR LF.  FKV_OK at is behind it
 * · FKV_AGAIN · FKV_NOTINT · FKV_ETOOBIG it does not end
 */
static int
parser_number(fkv_parser_t *parser, const uint8_t *data, size_t len,
    int64_t *n)
{
    size_t          at = parser->at;
    fkv_str_t       text;
    const uint8_t  *end;

    end = memchr(data + parser->seen, '\r', len - parser->seen);

    if (end == NULL) {
        parser->seen = len;

        return (len - at > FKV_REQUEST_LINE_MAX)
               ? FKV_ETOOBIG : parser_wait(parser, len + 1);
    }

    parser->seen = (size_t) (end - data);

    if (len - parser->seen < 2) {
        return parser_wait(parser, len + 1);
    }

    text = (fkv_str_t) { data + at + 1, parser->seen - at - 1 };
    parser->at = parser->seen += 2;

    /* most are so */
    if (text.len == 1 && text.data[0] >= '0' && text.data[0] <= '9') {
        *n = text.data[0] - '0';
        return FKV_OK;
    }

    return fkv_number_int(text, n);
}


static int
parser_count(fkv_parser_t *parser, const uint8_t *data, size_t len,
    const fkv_request_limits_t *limits)
{
    int  rc = parser_number(parser, data, len, &parser->left);

    if (rc == FKV_AGAIN) {
        return FKV_AGAIN;
    }

    if (rc == FKV_ETOOBIG) {
        return parser_fail(parser,
                           "Protocol error: too big mbulk count string");
    }

    if (rc != FKV_OK || parser->left > INT32_MAX) {
        return parser_fail(parser, "Protocol error: invalid multibulk length");
    }

    if (parser->left > FKV_REQUEST_UNAUTHENTICATED_ARGS
        && !limits->authenticated)
    {
        return parser_fail(parser,
                         "Protocol error: unauthenticated multibulk length");
    }

    parser->state = FKV__REQUEST_LENGTH;

    return FKV_OK;
}


static int
parser_unexpected(fkv_parser_t *parser, uint8_t c)
{
    static const char  expected[] = "Protocol error: expected '$', got 'x'";
    size_t             at = sizeof(expected) - 3;

    memcpy(parser->error_text, expected, sizeof(expected));
    parser->error_text[at] = (c < ' ' || c > '~') ? ' ' : (char) c;

    return parser_fail(parser, parser->error_text);
}


static int
parser_length(fkv_parser_t *parser, const uint8_t *data, size_t len,
    const fkv_request_limits_t *limits)
{
    int      rc;
    int64_t  n;

    if (parser->at == len) {
        return parser_wait(parser, len + 1);
    }

    if (data[parser->at] != '$') {
        return parser_unexpected(parser, data[parser->at]);
    }

    rc = parser_number(parser, data, len, &n);

    if (rc == FKV_AGAIN) {
        return FKV_AGAIN;
    }

    if (rc == FKV_ETOOBIG) {
        return parser_fail(parser,
                           "Protocol error: too big bulk count string");
    }

    if (rc != FKV_OK || n < 0 || (uint64_t) n > limits->bulk_max) {
        return parser_fail(parser, "Protocol error: invalid bulk length");
    }

    if (n > FKV_REQUEST_UNAUTHENTICATED_BYTES && !limits->authenticated) {
        return parser_fail(parser,
                           "Protocol error: unauthenticated bulk length");
    }

    if (parser->at + (uint64_t) n > limits->request_max) {
        return parser_fail(parser, "Protocol error: too big request");
    }

    parser->bulk = (uint64_t) n;
    parser->state = FKV__REQUEST_BULK;

    return FKV_OK;
}


/* What stands where CR LF should be is nobody's business, as in Redis. */
static int
parser_bulk(fkv_parser_t *parser, size_t len)
{
    size_t  from = parser->at;

    if (len - from < parser->bulk + 2) {
        return parser_wait(parser, from + parser->bulk + 2);
    }

    parser->at = parser->seen = from + parser->bulk + 2;
    parser->left--;
    parser->state = FKV__REQUEST_LENGTH;

    return parser_add(parser, from, parser->bulk);
}


static bool
is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}


/* Behind a backslash between double quotes, at *p: what it stands for. */
static uint8_t
line_escape(const uint8_t **p, const uint8_t *end)
{
    static const char  letters[] = "nrtba", bytes[] = "\n\r\t\b\a";
    uint8_t            c = *(*p)++;
    const char        *letter;

    if (c == 'x' && end - *p >= 2
        && fkv_number_hex((*p)[0]) >= 0 && fkv_number_hex((*p)[1]) >= 0)
    {
        c = (uint8_t) (fkv_number_hex((*p)[0]) * 16 + fkv_number_hex((*p)[1]));
        *p += 2;
        return c;
    }

    letter = (c != '\0') ? strchr(letters, c) : NULL;

    return (letter != NULL) ? (uint8_t) bytes[letter - letters] : c;
}


/*
 * What stands in quotes, whose first is at *p, goes to *out.  False: they do
 * not end, or something follows them at once.
 */
static bool
line_quoted(const uint8_t **p, const uint8_t *end, uint8_t **out)
{
    uint8_t  quote = *(*p)++;

    while (*p < end && **p != quote) {
        if (**p != '\\' || end - *p < 2
            || (quote == '\'' && (*p)[1] != '\''))
        {
            *(*out)++ = *(*p)++;
            continue;
        }

        (*p)++;
        *(*out)++ = (quote == '"') ? line_escape(p, end) : *(*p)++;
    }

    if (*p == end) {
        return false;
    }

    (*p)++;

    return *p == end || is_space(**p);
}


/* The argument at *p; what quotes and backslashes took is gone behind *out. */
static bool
line_argument(const uint8_t **p, const uint8_t *end, uint8_t **out)
{
    while (*p < end && !is_space(**p)) {
        if (**p == '"' || **p == '\'') {
            return line_quoted(p, end, out);
        }

        *(*out)++ = *(*p)++;
    }

    return true;
}


static int
line_split(fkv_parser_t *parser, uint8_t *data, size_t len)
{
    const uint8_t  *p = data, *end = data + len;

    for ( ;; ) {
        uint8_t  *arg, *out;

        while (p < end && is_space(*p)) {
            p++;
        }

        if (p == end) {
            return FKV_OK;
        }

        arg = out = data + (p - data);

        if (!line_argument(&p, end, &out)) {
            return parser_fail(parser,
                               "Protocol error: unbalanced quotes in request");
        }

        if (parser_add(parser, (size_t) (arg - data), (size_t) (out - arg))
            != FKV_OK)
        {
            return FKV_ENOMEM;
        }
    }
}


static int
parser_line(fkv_parser_t *parser, uint8_t *data, size_t len)
{
    int       rc;
    uint8_t  *end = memchr(data + parser->seen, '\n', len - parser->seen);
    size_t    line = (end != NULL) ? (size_t) (end - data) : len;

    parser->seen = line;

    if (line > FKV_REQUEST_LINE_MAX) {
        return parser_fail(parser, "Protocol error: too big inline request");
    }

    if (end == NULL) {
        return parser_wait(parser, len + 1);
    }

    rc = line_split(parser, data, line);
    parser->at = line + 1;

    return (rc == FKV_OK) ? parser_whole(parser, data) : rc;
}


int
fkv_parser_next(fkv_parser_t *parser, uint8_t *data, size_t len,
    const fkv_request_limits_t *limits)
{
    int  rc = FKV_OK;

    if (len == 0) {
        return parser_wait(parser, 1);
    }

    if (parser->state == FKV__REQUEST_NEW) {
        parser_begin(parser, data);
    }

    while (rc == FKV_OK) {
        switch (parser->state) {
        case FKV__REQUEST_NEW:
            fkv__unreachable();

        case FKV__REQUEST_LINE:
            return parser_line(parser, data, len);

        case FKV__REQUEST_COUNT:
            rc = parser_count(parser, data, len, limits);
            break;

        case FKV__REQUEST_LENGTH:
            if (parser->left <= 0) {
                return parser_whole(parser, data);
            }

            rc = parser_length(parser, data, len, limits);
            break;

        case FKV__REQUEST_BULK:
            rc = parser_bulk(parser, len);
            break;
        }
    }

    return rc;
}


void
fkv_parser_done(fkv_parser_t *parser)
{
    fkv__free(parser->argv);
    parser->argv = NULL;
    parser->argv_max = 0;
}


bool
fkv_request_is_http(fkv_str_t name)
{
    return (name.len == 4
            && strncasecmp((const char *) name.data, "POST", 4) == 0)
           || (name.len == 5
               && strncasecmp((const char *) name.data, "Host:", 5) == 0);
}
