#include "commands/json_request.h"
#include "commands/number.h"

typedef struct {
    fkv_json_request_t  *json;
    uint8_t             *start;
    uint8_t             *p;
    uint8_t             *end;
} reader_t;


static int
reader_fail(reader_t *reader, const char *error)
{
    reader->json->error = error;
    reader->json->at = (size_t) (reader->p - reader->start);

    return FKV_EINVAL;
}


/* The next byte that is no blank, 0 at the end; it is not taken yet. */
static uint8_t
reader_peek(reader_t *reader)
{
    for ( ; reader->p < reader->end; reader->p++) {
        uint8_t  c = *reader->p;

        if (c != ' ' && c != '\t' && c != '\n' && c != '\r') {
            return c;
        }
    }

    return 0;
}


static bool
reader_take(reader_t *reader, uint8_t c)
{
    if (reader_peek(reader) != c) {
        return false;
    }

    reader->p++;

    return true;
}


/* The four digits behind \u; p is behind them then. */
static bool
reader_hex(reader_t *reader, uint32_t *unit)
{
    uint32_t  n = 0;

    if (reader->end - reader->p < 4) {
        return false;
    }

    for (int i = 0; i < 4; i++) {
        int  digit = fkv_number_hex(reader->p[i]);

        if (digit < 0) {
            return false;
        }

        n = n * 16 + (uint32_t) digit;
    }

    reader->p += 4;
    *unit = n;

    return true;
}


static uint8_t *
utf8_put(uint8_t *out, uint32_t c)
{
    if (c < 0x80) {
        *out++ = (uint8_t) c;
        return out;
    }

    if (c < 0x800) {
        *out++ = (uint8_t) (0xc0 | c >> 6);

    } else {
        if (c < 0x10000) {
            *out++ = (uint8_t) (0xe0 | c >> 12);

        } else {
            *out++ = (uint8_t) (0xf0 | c >> 18);
            *out++ = (uint8_t) (0x80 | (c >> 12 & 0x3f));
        }

        *out++ = (uint8_t) (0x80 | (c >> 6 & 0x3f));
    }

    *out++ = (uint8_t) (0x80 | (c & 0x3f));

    return out;
}


/* Behind \u: a character, or the two halves of one. */
static int
reader_unicode(reader_t *reader, uint8_t **out)
{
    uint32_t  c, low;

    if (!reader_hex(reader, &c)) {
        return reader_fail(reader, "\\u needs four hexadecimal digits");
    }

    if (c >= 0xd800 && c <= 0xdbff) {

        if (reader->end - reader->p < 6
            || reader->p[0] != '\\' || reader->p[1] != 'u')
        {
            return reader_fail(reader, "half a surrogate pair");
        }

        reader->p += 2;

        if (!reader_hex(reader, &low) || low < 0xdc00 || low > 0xdfff) {
            return reader_fail(reader, "half a surrogate pair");
        }

        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);

    } else if (c >= 0xdc00 && c <= 0xdfff) {
        return reader_fail(reader, "half a surrogate pair");
    }

    *out = utf8_put(*out, c);

    return FKV_OK;
}


static int
reader_escape(reader_t *reader, uint8_t **out)
{
    static const char  names[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
    uint8_t            c;

    if (reader->p == reader->end) {
        return reader_fail(reader, "a string does not end");
    }

    c = *reader->p++;

    if (c == 'u') {
        return reader_unicode(reader, out);
    }

    for (size_t i = 0; i < sizeof(names) - 1; i++) {
        if (c == (uint8_t) names[i]) {
            *(*out)++ = (uint8_t) bytes[i];
            return FKV_OK;
        }
    }

    return reader_fail(reader, "unknown escape in a string");
}


/* Behind the opening quote.  No escape is shorter than what it stands for. */
static int
reader_string(reader_t *reader, fkv_str_t *arg)
{
    uint8_t  *out = reader->p;
    int       rc;

    arg->data = out;

    while (reader->p < reader->end) {
        uint8_t  c = *reader->p;

        if (c == '"') {
            reader->p++;
            arg->len = (size_t) (out - arg->data);
            return FKV_OK;
        }

        if (c < 0x20) {
            return reader_fail(reader, "a control character in a string");
        }

        reader->p++;

        if (c != '\\') {
            *out++ = c;
            continue;
        }

        rc = reader_escape(reader, &out);
        if (rc != FKV_OK) {
            return rc;
        }
    }

    return reader_fail(reader, "a string does not end");
}


static bool
reader_digits(reader_t *reader)
{
    uint8_t  *first = reader->p;

    while (reader->p < reader->end
           && *reader->p >= '0' && *reader->p <= '9')
    {
        reader->p++;
    }

    return reader->p > first;
}


static int
reader_number(reader_t *reader, fkv_str_t *arg)
{
    uint8_t  *first = reader->p, *digits;
    bool      ok;

    reader->p += (*reader->p == '-');
    digits = reader->p;
    ok = reader_digits(reader)
         && (*digits != '0' || reader->p - digits == 1);

    if (ok && reader->p < reader->end && *reader->p == '.') {
        reader->p++;
        ok = reader_digits(reader);
    }

    if (ok && reader->p < reader->end && (*reader->p | 0x20) == 'e') {
        reader->p++;
        reader->p += (reader->p < reader->end
                      && (*reader->p == '+' || *reader->p == '-'));
        ok = reader_digits(reader);
    }

    *arg = (fkv_str_t) { first, (size_t) (reader->p - first) };

    return ok ? FKV_OK : reader_fail(reader, "a malformed number");
}


static bool
reader_word(reader_t *reader, const char *word, fkv_str_t *arg)
{
    size_t  len = strlen(word);

    if ((size_t) (reader->end - reader->p) < len
        || memcmp(reader->p, word, len) != 0)
    {
        return false;
    }

    *arg = (fkv_str_t) { reader->p, len };
    reader->p += len;

    return true;
}


static int
reader_argument(reader_t *reader, fkv_str_t *arg)
{
    uint8_t  c = reader_peek(reader);

    if (c == '"') {
        reader->p++;
        return reader_string(reader, arg);
    }

    if (c == '-' || (c >= '0' && c <= '9')) {
        return reader_number(reader, arg);
    }

    if (reader_word(reader, "true", arg) || reader_word(reader, "false", arg)) {
        return FKV_OK;
    }

    return reader_fail(reader,
                       "an argument is a string, a number, true or false");
}


/* Behind the opening bracket. */
static int
reader_command(reader_t *reader)
{
    fkv_request_t  line = { .argc = 0 };
    fkv_str_t      arg;
    int            rc;

    if (reader_peek(reader) == ']') {
        return reader_fail(reader, "a command needs a name");
    }

    do {
        rc = reader_argument(reader, &arg);
        if (rc != FKV_OK) {
            return rc;
        }

        if (fkv__buf_append(&reader->json->args, &arg, sizeof(arg)) != FKV_OK) {
            return FKV_ENOMEM;
        }

        line.argc++;

    } while (reader_take(reader, ','));

    if (!reader_take(reader, ']')) {
        return reader_fail(reader, "expected , or ]");
    }

    return fkv__buf_append(&reader->json->lines, &line, sizeof(line));
}


/* Behind the opening bracket of the list. */
static int
reader_commands(reader_t *reader)
{
    int  rc;

    if (reader_take(reader, ']')) {
        return FKV_OK;
    }

    do {
        if (!reader_take(reader, '[')) {
            return reader_fail(reader, "a command is an array");
        }

        rc = reader_command(reader);
        if (rc != FKV_OK) {
            return rc;
        }
    } while (reader_take(reader, ','));

    return reader_take(reader, ']') ? FKV_OK
                                    : reader_fail(reader, "expected , or ]");
}


/* The arguments do not move any more. */
static void
json_point(fkv_json_request_t *json)
{
    fkv_str_t  *arg = (fkv_str_t *) (void *) json->args.data;

    json->requests = (fkv_request_t *) (void *) json->lines.data;
    json->n = (unsigned) (json->lines.len / sizeof(fkv_request_t));

    for (unsigned i = 0; i < json->n; i++) {
        json->requests[i].argv = arg;
        arg += json->requests[i].argc;
    }
}


int
fkv_json_request_parse(fkv_json_request_t *json, uint8_t *text, size_t len,
    bool many)
{
    reader_t  reader = { json, text, text, text + len };
    int       rc;

    memset(json, 0, sizeof(*json));

    if (!reader_take(&reader, '[')) {
        return reader_fail(&reader, "expected an array");
    }

    rc = many ? reader_commands(&reader) : reader_command(&reader);
    if (rc != FKV_OK) {
        return rc;
    }

    (void) reader_peek(&reader);

    if (reader.p < reader.end) {
        return reader_fail(&reader, "something follows the array");
    }

    json_point(json);

    return FKV_OK;
}


void
fkv_json_request_done(fkv_json_request_t *json)
{
    fkv__buf_done(&json->lines);
    fkv__buf_done(&json->args);
}
