/*
 * dictionary.c - a cursor over the text, which fails once and for all.
 */

#include "rules/dictionary.h"

typedef struct {
    const uint8_t  *p;
    const uint8_t  *end;
    bool            failed;
} cursor_t;


static int
peek(const cursor_t *c)
{
    return (c->p < c->end) ? *c->p : -1;
}


static bool
take(cursor_t *c, uint8_t byte)
{
    if (peek(c) != byte) {
        return false;
    }

    c->p++;
    return true;
}


static void
skip_spaces(cursor_t *c)
{
    while (take(c, ' ')) {
    }
}


static void
skip_blanks(cursor_t *c)
{
    while (take(c, ' ') || take(c, '\t')) {
    }
}


static bool
digit(int byte)
{
    return byte >= '0' && byte <= '9';
}


static bool
small(int byte)
{
    return byte >= 'a' && byte <= 'z';
}


static bool
letter(int byte)
{
    return small(byte) || (byte >= 'A' && byte <= 'Z');
}


static fkv_str_t
since(const cursor_t *c, const uint8_t *from)
{
    return (fkv_str_t) { from, (size_t) (c->p - from) };
}


static fkv_str_t
key(cursor_t *c)
{
    const uint8_t  *from = c->p;

    c->failed |= !small(peek(c)) && peek(c) != '*';

    while (small(peek(c)) || digit(peek(c)) || peek(c) == '_'
           || peek(c) == '-' || peek(c) == '.' || peek(c) == '*')
    {
        c->p++;
    }

    return since(c, from);
}


static size_t
digits(cursor_t *c)
{
    const uint8_t  *from = c->p;

    while (digit(peek(c))) {
        c->p++;
    }

    return (size_t) (c->p - from);
}


/* At most 15 digits; a decimal has 12 before its point and 1 to 3 behind. */
static fkv_rules_type_e
number(cursor_t *c)
{
    bool    negative = take(c, '-');
    size_t  whole = digits(c), part;

    if (!take(c, '.')) {
        c->failed |= (whole < 1 || whole > 15);
        return negative ? FKV_RULES_UNUSED : FKV_RULES_INTEGER;
    }

    part = digits(c);
    c->failed |= (whole < 1 || whole > 12 || part < 1 || part > 3);

    return FKV_RULES_UNUSED;
}


/* Without its quotes. */
static fkv_str_t
string(cursor_t *c)
{
    const uint8_t  *from = ++c->p;
    fkv_str_t       text;

    while (peek(c) != '"') {
        if (take(c, '\\') && peek(c) != '"' && peek(c) != '\\') {
            c->failed = true;
        }

        if (peek(c) < 0x20 || peek(c) > 0x7e) {
            c->failed = true;
            return FKV_STR_NULL;
        }

        c->p++;
    }

    text = since(c, from);
    c->p++;

    return text;
}


static void
token(cursor_t *c)
{
    while (peek(c) == ':' || peek(c) == '/'
           || (peek(c) >= 0 && fkv_rules_token_byte((uint8_t) peek(c))))
    {
        c->p++;
    }
}


static void
bytes(cursor_t *c)
{
    c->p++;

    while (letter(peek(c)) || digit(peek(c)) || peek(c) == '+'
           || peek(c) == '/' || peek(c) == '=')
    {
        c->p++;
    }

    c->failed |= !take(c, ':');
}


static fkv_rules_type_e
boolean(cursor_t *c)
{
    c->p++;

    if (take(c, '1')) {
        return FKV_RULES_TRUE;
    }

    c->failed |= !take(c, '0');

    return FKV_RULES_FALSE;
}


static fkv_rules_type_e
bare_item(cursor_t *c, fkv_str_t *text)
{
    const uint8_t     *from = c->p;
    int                byte = peek(c);
    fkv_rules_type_e   type = FKV_RULES_UNUSED;

    if (byte == '-' || digit(byte)) {
        type = number(c);
        *text = since(c, from);

    } else if (byte == '"') {
        type = FKV_RULES_STRING;
        *text = string(c);

    } else if (byte == '*' || letter(byte)) {
        token(c);

    } else if (byte == ':') {
        bytes(c);

    } else if (byte == '?') {
        type = boolean(c);

    } else {
        c->failed = true;
    }

    return type;
}


static void
parameters(cursor_t *c)
{
    while (!c->failed && take(c, ';')) {
        fkv_str_t  ignored;

        skip_spaces(c);
        (void) key(c);

        if (take(c, '=')) {
            (void) bare_item(c, &ignored);
        }
    }
}


static void
inner_list(cursor_t *c)
{
    c->p++;

    for ( ;; ) {
        fkv_str_t  ignored;

        skip_spaces(c);

        if (take(c, ')') || c->failed) {
            return;
        }

        (void) bare_item(c, &ignored);
        parameters(c);
        c->failed |= (peek(c) != ' ' && peek(c) != ')');
    }
}


fkv_str_t
fkv_rules_dictionary(fkv_str_t text)
{
    while (text.len > 0 && text.data[0] == ' ') {
        text.data++;
        text.len--;
    }

    while (text.len > 0 && text.data[text.len - 1] == ' ') {
        text.len--;
    }

    return text;
}


static void
member_get(cursor_t *c, fkv_rules_member_t *member)
{
    member->key = key(c);
    member->type = FKV_RULES_TRUE;
    member->text = FKV_STR_NULL;

    if (take(c, '=')) {
        if (peek(c) == '(') {
            inner_list(c);
            member->type = FKV_RULES_UNUSED;

        } else {
            member->type = bare_item(c, &member->text);
        }
    }

    parameters(c);
}


int
fkv_rules_dictionary_next(fkv_str_t *rest, fkv_rules_member_t *member)
{
    cursor_t  c = { rest->data, rest->data + rest->len, false };

    if (rest->len == 0) {
        return FKV_END;
    }

    member_get(&c, member);
    skip_blanks(&c);

    if (c.p < c.end) {
        c.failed |= !take(&c, ',');
        skip_blanks(&c);
        c.failed |= (c.p == c.end);     /* a comma that nothing follows */
    }

    if (c.failed) {
        return FKV_EINVAL;
    }

    *rest = (fkv_str_t) { c.p, (size_t) (c.end - c.p) };

    return FKV_OK;
}
