/*
 * control.c - control files.
 */

#include "extensions/control.h"

#include <stdio.h>
#include <string.h>

#define VALUE_BYTES_MAX  1023


typedef struct {
    const uint8_t  *p;
    const uint8_t  *end;
    unsigned        line;
    const char     *file;
    char           *error;
    fkv_control_t  *control;
    unsigned        seen;           /* a bit for each key */

    char            value[VALUE_BYTES_MAX + 1];
    size_t          len;
    bool            quoted;
} control_t;

typedef struct {
    const char  *name;
    bool         text;              /* needs quotes */
    int        (*set)(control_t *c);
} control_key_t;


#define FAIL(c, fmt, ...)                                                     \
    fkv__error((c)->error, FKV_EINVAL, "%s:%u: " fmt, (c)->file, (c)->line,   \
               ##__VA_ARGS__)


static int
set_comment(control_t *c)
{
    if (c->len > FKV_CONTROL_COMMENT_MAX) {
        return FAIL(c, "the comment is longer than %u bytes",
                    FKV_CONTROL_COMMENT_MAX);
    }

    memcpy(c->control->comment, c->value, c->len + 1);
    return FKV_OK;
}


static int
set_default_version(control_t *c)
{
    fkv_str_t  version = { (uint8_t *) c->value, c->len };

    if (!fkv_extension_version_ok(version)) {
        return FAIL(c, "\"%.64s\" is no version: letters, digits and \"._+~-\","
                    " at most %u bytes", c->value, FKV_EXTENSION_NAME_MAX);
    }

    memcpy(c->control->default_version, c->value, c->len + 1);
    return FKV_OK;
}


/* A number below 256, and what stops it. */
static const char *
api_part(const char *p, unsigned *n)
{
    const char  *from = p;

    for (*n = 0; *p >= '0' && *p <= '9' && p < from + 3; p++) {
        *n = *n * 10 + (unsigned) (*p - '0');
    }

    return (p == from || *n > 255) ? NULL : p;
}


static int
set_api(control_t *c)
{
    unsigned     major, minor;
    const char  *p = api_part(c->value, &major);

    if (p != NULL && *p == '.') {
        p = api_part(p + 1, &minor);

        if (p != NULL && *p == '\0') {
            c->control->api = major << 8 | minor;
            return FKV_OK;
        }
    }

    return FAIL(c, "\"%.64s\" is no version of the API, such as '0.1'",
                c->value);
}


static int
set_trusted(control_t *c)
{
    if (strcmp(c->value, "true") == 0) {
        c->control->trusted = true;

    } else if (strcmp(c->value, "false") != 0) {
        return FAIL(c, "\"trusted\" is true or false, not \"%.64s\"",
                    c->value);
    }

    return FKV_OK;
}


static const char *
blanks_skip(const char *p)
{
    while (*p == ' ' || *p == '\t') {
        p++;
    }

    return p;
}


/* What is in front of a blank, a comma, ">" or the end. */
static fkv_str_t
word_take(const char **p)
{
    size_t     len = strcspn(*p, " \t,>");
    fkv_str_t  word = { (const uint8_t *) *p, len };

    *p = blanks_skip(*p + len);
    return word;
}


/* "hash >= 1.0" */
static int
requires_take(control_t *c, const char **p)
{
    fkv_control_t           *control = c->control;
    fkv_control_requires_t  *r = &control->requires[control->requires_n];
    fkv_str_t                name, version = FKV_STR_NULL;

    if (control->requires_n == FKV_CONTROL_REQUIRES_MAX) {
        return FAIL(c, "\"requires\" names more than %u extensions",
                    FKV_CONTROL_REQUIRES_MAX);
    }

    name = word_take(p);

    if (!fkv_extension_name_ok(name)) {
        return FAIL(c, "\"%.*s\" in \"requires\" is no extension's name",
                    (int) fkv__min(name.len, 64u), (const char *) name.data);
    }

    for (unsigned i = 0; i < control->requires_n; i++) {
        const char  *other = control->requires[i].name;

        if (strlen(other) == name.len
            && memcmp(other, name.data, name.len) == 0)
        {
            return FAIL(c, "\"requires\" names \"%s\" twice", other);
        }
    }

    if ((*p)[0] == '>' && (*p)[1] == '=') {
        *p = blanks_skip(*p + 2);
        version = word_take(p);

        if (!fkv_extension_version_ok(version)) {
            return FAIL(c, "\"requires\" has no version behind \"%.*s >=\"",
                        (int) name.len, (const char *) name.data);
        }
    }

    memset(r, 0, sizeof(*r));
    memcpy(r->name, name.data, name.len);

    if (version.len > 0) {
        memcpy(r->version, version.data, version.len);
    }

    control->requires_n++;
    return FKV_OK;
}


static int
set_requires(control_t *c)
{
    const char  *p = blanks_skip(c->value);

    while (*p != '\0') {
        int  rc = requires_take(c, &p);

        if (rc != FKV_OK) {
            return rc;
        }

        if (*p != '\0' && *p != ',') {
            return FAIL(c, "\"requires\" is \"NAME\" or \"NAME >= VERSION\", "
                        "with commas between");
        }

        if (*p == ',') {
            p = blanks_skip(p + 1);

            if (*p == '\0') {
                return FAIL(c, "\"requires\" ends with a comma");
            }
        }
    }

    return FKV_OK;
}


static const control_key_t  keys[] = {
    { "comment", true, set_comment },
    { "default_version", true, set_default_version },
    { "requires", true, set_requires },
    { "api", true, set_api },
    { "trusted", false, set_trusted },
};

#define KEYS_N  (sizeof(keys) / sizeof(keys[0]))


static void
skip_blanks(control_t *c)
{
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\t' || *c->p == '\r')) {
        c->p++;
    }

    if (c->p < c->end && *c->p == '#') {
        while (c->p < c->end && *c->p != '\n') {
            c->p++;
        }
    }
}


static bool
is_word(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
           || (c >= '0' && c <= '9') || c == '_' || c == '.';
}


static fkv_str_t
take_word(control_t *c)
{
    fkv_str_t  word = { c->p, 0 };

    while (c->p < c->end && is_word(*c->p)) {
        c->p++;
    }

    word.len = (size_t) (c->p - word.data);
    return word;
}


static int
take_byte(control_t *c, uint8_t byte)
{
    if (c->len == VALUE_BYTES_MAX) {
        return FAIL(c, "the value is longer than %u bytes", VALUE_BYTES_MAX);
    }

    c->value[c->len++] = (char) byte;
    return FKV_OK;
}


/* Behind the quote. */
static int
take_quoted(control_t *c)
{
    while (c->p < c->end && *c->p != '\n') {

        if (*c->p == '\'') {
            if (c->p + 1 == c->end || c->p[1] != '\'') {
                c->p++;
                return FKV_OK;
            }

            c->p++;
        }

        int  rc = take_byte(c, *c->p++);

        if (rc != FKV_OK) {
            return rc;
        }
    }

    return FAIL(c, "a quote is missing at the end of the line");
}


static int
take_value(control_t *c)
{
    int  rc = FKV_OK;

    c->len = 0;
    c->quoted = (c->p < c->end && *c->p == '\'');

    if (c->quoted) {
        c->p++;
        rc = take_quoted(c);

    } else {
        fkv_str_t  word = take_word(c);

        for (size_t i = 0; i < word.len && rc == FKV_OK; i++) {
            rc = take_byte(c, word.data[i]);
        }
    }

    c->value[c->len] = '\0';
    return rc;
}


static int
set_key(control_t *c, size_t i)
{
    if (c->seen & 1u << i) {
        return FAIL(c, "\"%s\" is there twice", keys[i].name);
    }

    c->seen |= 1u << i;

    if (keys[i].text && !c->quoted) {
        return FAIL(c, "the value of \"%s\" is not in quotes",
                    keys[i].name);
    }

    return keys[i].set(c);
}


static int
find_key(control_t *c, fkv_str_t name)
{
    for (size_t i = 0; i < KEYS_N; i++) {
        if (strlen(keys[i].name) == name.len
            && memcmp(keys[i].name, name.data, name.len) == 0)
        {
            return set_key(c, i);
        }
    }

    return FAIL(c, "\"%.*s\" is unknown; a control file knows \"comment\", "
                "\"default_version\", \"requires\", \"api\" and \"trusted\"",
                (int) fkv__min(name.len, 64u), (const char *) name.data);
}


/* One line, without its end. */
static int
take_line(control_t *c)
{
    size_t          left = (size_t) (c->end - c->p);
    const uint8_t  *lf = memchr(c->p, '\n', left);

    if (memchr(c->p, '\0', lf ? (size_t) (lf - c->p) : left) != NULL) {
        return FAIL(c, "there is a NUL byte in it");
    }

    skip_blanks(c);

    if (c->p == c->end || *c->p == '\n') {
        return FKV_OK;
    }

    fkv_str_t  name = take_word(c);

    skip_blanks(c);

    if (name.len == 0 || c->p == c->end || *c->p != '=') {
        return FAIL(c, "a line is NAME = 'VALUE'");
    }

    c->p++;
    skip_blanks(c);

    int  rc = take_value(c);

    if (rc != FKV_OK) {
        return rc;
    }

    skip_blanks(c);

    if (c->p < c->end && *c->p != '\n') {
        return FAIL(c, "there is something behind the value");
    }

    return find_key(c, name);
}


int
fkv_control_parse(fkv_control_t *control, fkv_str_t text, const char *file,
    char *error)
{
    control_t  c = { .p = text.data, .end = text.data + text.len, .line = 1,
                     .file = file, .error = error, .control = control };

    memset(control, 0, sizeof(*control));

    if (text.len > FKV_CONTROL_BYTES_MAX) {
        return fkv__error(error, FKV_EINVAL, "%s: longer than %u bytes", file,
                          FKV_CONTROL_BYTES_MAX);
    }

    while (c.p < c.end) {
        int  rc = take_line(&c);

        if (rc != FKV_OK) {
            return rc;
        }

        if (c.p < c.end) {
            c.p++;
            c.line++;
        }
    }

    return FKV_OK;
}


const char *
fkv_api_text(char text[FKV_API_BYTES], uint32_t api)
{
    (void) snprintf(text, FKV_API_BYTES, "%u.%u", (unsigned) (api >> 8) & 0xff,
                    (unsigned) api & 0xff);
    return text;
}
