/*
 * control.c - directives by a table: name, kind, where the answer goes.
 *
 * Both syntaxes, Cache-Control's own and that of structured fields, end in
 * apply(), which knows the argument's form and no syntax.
 */

#include "rules/control.h"
#include "rules/dictionary.h"

#include <string.h>

typedef enum {
    FORBIDS,                            /* sets a flag, with any argument */
    ALLOWS,                             /* sets a flag, without one only */
    FORBIDS_FIELDS,                     /* a flag, or a list of fields */
    LIFETIME,                           /* seconds, 0 if wrong */
    WINDOW,                             /* seconds, nothing if wrong */
    WINDOW_OR_ANY                       /* seconds, or a flag without one */
} kind_e;

typedef struct {
    const char  *name;
    kind_e       kind;
    unsigned     flag;
    size_t       seconds;               /* offset of an int64_t */
} directive_t;

typedef struct {
    bool       given;
    bool       right;                   /* a token or a quoted string, whole */
    bool       number;                  /* text may be one */
    fkv_str_t  text;                    /* without the quotes */
} argument_t;

#define SECONDS(member)  offsetof(fkv_rules_control_t, member)

static const directive_t  directives[] = {
    { "max-age",          LIFETIME,       0, SECONDS(max_age_s) },
    { "s-maxage",         LIFETIME,       0, SECONDS(s_maxage_s) },
    { "no-cache",         FORBIDS_FIELDS, FKV_RULES_NO_CACHE, 0 },
    { "no-store",         FORBIDS,        FKV_RULES_NO_STORE, 0 },
    { "private",          FORBIDS_FIELDS, FKV_RULES_PRIVATE, 0 },
    { "public",           ALLOWS,         FKV_RULES_PUBLIC, 0 },
    { "must-revalidate",  FORBIDS,        FKV_RULES_MUST_REVALIDATE, 0 },
    { "proxy-revalidate", FORBIDS,        FKV_RULES_PROXY_REVALIDATE, 0 },
    { "must-understand",  ALLOWS,         FKV_RULES_MUST_UNDERSTAND, 0 },
    { "only-if-cached",   ALLOWS,         FKV_RULES_ONLY_IF_CACHED, 0 },
    { "max-stale",        WINDOW_OR_ANY,  FKV_RULES_MAX_STALE,
                                          SECONDS(max_stale_s) },
    { "min-fresh",        WINDOW,         0, SECONDS(min_fresh_s) },
    { "stale-while-revalidate", WINDOW,   0, SECONDS(while_revalidate_s) },
    { "stale-if-error",   WINDOW,         0, SECONDS(if_error_s) },
};


void
fkv_rules_control_init(fkv_rules_control_t *control)
{
    *control = (fkv_rules_control_t) {
        .max_age_s = FKV_RULES_NONE,
        .s_maxage_s = FKV_RULES_NONE,
        .max_stale_s = FKV_RULES_NONE,
        .min_fresh_s = FKV_RULES_NONE,
        .while_revalidate_s = FKV_RULES_NONE,
        .if_error_s = FKV_RULES_NONE
    };
}


static const directive_t *
directive_find(fkv_str_t name)
{
    for (size_t i = 0; i < sizeof(directives) / sizeof(directives[0]); i++) {
        const char  *known = directives[i].name;

        if (fkv_rules_same((fkv_str_t) { (const uint8_t *) known,
                                         strlen(known) }, name))
        {
            return &directives[i];
        }
    }

    return NULL;
}


static int64_t *
directive_seconds(fkv_rules_control_t *control, const directive_t *directive)
{
    return (int64_t *) (void *) ((char *) control + directive->seconds);
}


static bool
names_only(fkv_str_t list)
{
    fkv_str_t  name;
    unsigned   n = 0;

    while (fkv_rules_list_next(&list, &name)) {
        if (!fkv_rules_token(name)) {
            return false;
        }

        n++;
    }

    return n > 0;
}


static void
apply_fields(fkv_rules_control_t *control, const directive_t *directive,
    const argument_t *argument)
{
    if (!argument->given || !argument->right || !names_only(argument->text)
        || control->n_without == FKV_RULES_WITHOUT_MAX)
    {
        control->flags |= directive->flag;
        return;
    }

    control->without[control->n_without].names = argument->text;
    control->without[control->n_without].flag = directive->flag;
    control->n_without++;
}


static void
apply_seconds(fkv_rules_control_t *control, const directive_t *directive,
    const argument_t *argument)
{
    int64_t  *seconds = directive_seconds(control, directive);
    int64_t   value = 0;
    bool      right = argument->right && argument->number
                      && fkv_rules_seconds(argument->text, &value) == FKV_OK;

    if (*seconds == FKV_RULES_NONE
        && (right || directive->kind == LIFETIME))
    {
        *seconds = right ? value : 0;
    }
}


static void
apply(fkv_rules_control_t *control, const directive_t *directive,
    const argument_t *argument)
{
    switch (directive->kind) {

    case FORBIDS:
        control->flags |= directive->flag;
        return;

    case ALLOWS:
        control->flags |= argument->given ? 0 : directive->flag;
        return;

    case FORBIDS_FIELDS:
        apply_fields(control, directive, argument);
        return;

    case WINDOW_OR_ANY:
        if (!argument->given) {
            control->flags |= directive->flag;
            return;
        }

        apply_seconds(control, directive, argument);
        return;

    case LIFETIME:
    case WINDOW:
        apply_seconds(control, directive, argument);
        return;
    }
}


static bool
blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t';
}


static fkv_str_t
skip(fkv_str_t text, size_t n)
{
    return (fkv_str_t) { text.data + n, text.len - n };
}


/* Up to the comma that ends the directive, which is left. */
static fkv_str_t
argument_text(fkv_str_t *rest, bool *broken)
{
    fkv_str_t  text = *rest;
    size_t     i = 0;

    while (i < rest->len && rest->data[i] != ',') {
        size_t  quoted = 0;

        if (rest->data[i] == '"' && !*broken) {
            quoted = fkv_rules_quoted(skip(*rest, i));
            *broken = (quoted == 0);
        }

        i += fkv__max(quoted, 1);
    }

    text.len = i;
    *rest = skip(*rest, i);

    return text;
}


/*
 * What stands behind a directive's name.  Blanks around `=` are not allowed,
 * but many a server sends them: the directive is taken for what it was meant
 * to be, with a wrong argument.
 */
static argument_t
argument_get(fkv_str_t *rest, bool *broken)
{
    argument_t  argument = { .number = true };
    fkv_str_t   text = argument_text(rest, broken);

    if (text.len == 0 || text.data[0] != '=') {
        argument.given = (fkv_rules_trim(text).len > 0);
        return argument;
    }

    argument.given = true;
    text = skip(text, 1);

    while (text.len > 0 && blank(text.data[text.len - 1])) {
        text.len--;
    }

    argument.text = text;

    if (text.len > 0 && text.data[0] == '"') {
        argument.right = (fkv_rules_quoted(text) == text.len);
        argument.text = argument.right ? skip(text, 1) : text;
        argument.text.len -= argument.right;

    } else {
        argument.right = fkv_rules_token(text);
    }

    return argument;
}


/* The name ends where no token can go on; what follows is its argument. */
static fkv_str_t
name_get(fkv_str_t *rest)
{
    fkv_str_t  name = *rest;
    size_t     len = 0;

    while (len < rest->len && fkv_rules_token_byte(rest->data[len])) {
        len++;
    }

    name.len = len;
    *rest = skip(*rest, len);

    return name;
}


void
fkv_rules_control_add(fkv_rules_control_t *control, fkv_str_t line)
{
    bool  broken = false;

    while (line.len > 0) {
        const directive_t  *directive;
        argument_t          argument;
        fkv_str_t           name;

        if (line.data[0] == ',' || blank(line.data[0])) {
            line = skip(line, 1);
            continue;
        }

        name = name_get(&line);
        argument = argument_get(&line, &broken);
        directive = directive_find(name);

        if (directive != NULL) {
            apply(control, directive, &argument);
        }
    }

    if (broken) {
        control->max_age_s = 0;
        control->s_maxage_s = 0;
    }
}


/* A directive that comes again in a dictionary takes its first one's place. */
static void
forget(fkv_rules_control_t *control, const directive_t *directive)
{
    unsigned  n = 0;

    control->flags &= ~directive->flag;

    if (directive->seconds > 0) {
        *directive_seconds(control, directive) = FKV_RULES_NONE;
    }

    for (unsigned i = 0; i < control->n_without; i++) {
        if (control->without[i].flag != directive->flag) {
            control->without[n++] = control->without[i];
        }
    }

    control->n_without = n;
}


static void
member_apply(fkv_rules_control_t *control, const fkv_rules_member_t *member)
{
    const directive_t  *directive = directive_find(member->key);
    argument_t          argument = { .given = true, .text = member->text };

    if (directive == NULL) {
        return;
    }

    forget(control, directive);

    switch (member->type) {

    case FKV_RULES_FALSE:
        return;

    case FKV_RULES_TRUE:
        argument.given = false;
        break;

    case FKV_RULES_INTEGER:
        argument.right = true;
        argument.number = true;
        break;

    case FKV_RULES_STRING:
        argument.right = true;
        break;

    case FKV_RULES_UNUSED:
        break;
    }

    apply(control, directive, &argument);
}


int
fkv_rules_control_targeted(fkv_rules_control_t *control,
    fkv_rules_fields_t fields, fkv_str_t name)
{
    fkv_rules_member_t  member;
    unsigned            members = 0, lines = 0, empty = 0;

    fkv_rules_control_init(control);

    for (size_t i = 0; i < fields.n; i++) {
        fkv_str_t  line = fields.field[i].value;
        int        rc;

        if (!fkv_rules_same(fields.field[i].name, name)) {
            continue;
        }

        line = fkv_rules_dictionary(line);
        lines++;
        empty += (line.len == 0);

        while ((rc = fkv_rules_dictionary_next(&line, &member)) == FKV_OK) {
            member_apply(control, &member);
            members++;
        }

        if (rc != FKV_END) {
            fkv_rules_control_init(control);
            return FKV_NOTFOUND;
        }
    }

    /* joined, an empty line would leave a comma that begins or ends nothing */

    if (members == 0 || (empty > 0 && lines > 1)) {
        fkv_rules_control_init(control);
        return FKV_NOTFOUND;
    }

    return FKV_OK;
}


bool
fkv_rules_control_without(const fkv_rules_control_t *control, fkv_str_t name)
{
    for (unsigned i = 0; i < control->n_without; i++) {
        fkv_str_t  rest = control->without[i].names, member;

        while (fkv_rules_list_next(&rest, &member)) {
            if (fkv_rules_same(member, name)) {
                return true;
            }
        }
    }

    return false;
}
