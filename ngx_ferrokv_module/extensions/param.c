/*
 * param.c - settings.
 */

#include "extensions/param.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define FAIL(error, ...)  fkv__error(error, FKV_EINVAL, __VA_ARGS__)

typedef struct {
    const char  *name;
    int64_t      factor;
} unit_t;

static const unit_t  plain[] = { { "", 1 }, { NULL, 0 } };

static const unit_t  sizes[] = {
    { "", 1 }, { "k", 1 << 10 }, { "K", 1 << 10 }, { "m", 1 << 20 },
    { "M", 1 << 20 }, { "g", 1 << 30 }, { "G", 1 << 30 }, { NULL, 0 }
};

static const unit_t  times[] = {
    { "", 1000 }, { "ms", 1 }, { "s", 1000 }, { "m", 60 * 1000 },
    { "h", 3600 * 1000 }, { "d", 86400 * 1000 }, { "w", 7 * 86400 * 1000 },
    { NULL, 0 }
};


static bool
text_is(fkv_str_t text, const char *word, size_t len)
{
    return text.len == len && memcmp(text.data, word, len) == 0;
}


/* Digits, maybe with a minus, and one of the units. */
static bool
parse_units(fkv_str_t text, const unit_t *units, int64_t *number)
{
    size_t   i = 0;
    bool     minus = (text.len > 0 && text.data[0] == '-');
    int64_t  n = 0;

    for (i = minus; i < text.len && text.data[i] >= '0'
                    && text.data[i] <= '9'; i++)
    {
        int  digit = text.data[i] - '0';

        /* downwards: INT64_MIN has no positive twin */
        if (__builtin_mul_overflow(n, 10, &n)
            || __builtin_sub_overflow(n, digit, &n))
        {
            return false;
        }
    }

    if (i == (size_t) minus || (!minus && n == INT64_MIN)) {
        return false;
    }

    n = minus ? n : -n;

    for (const unit_t *unit = units; unit->name != NULL; unit++) {
        fkv_str_t  rest = { text.data + i, text.len - i };

        if (text_is(rest, unit->name, strlen(unit->name))) {
            return !__builtin_mul_overflow(n, unit->factor, number);
        }
    }

    return false;
}


static int
parse_choice(const char *values, fkv_str_t text, int64_t *number, char *error)
{
    int64_t  i = 0;

    for (const char *p = values; ; i++) {
        size_t  len = strcspn(p, "|");

        if (text_is(text, p, len)) {
            *number = i;
            return FKV_OK;
        }

        if (p[len] == '\0') {
            return FAIL(error, "is one of \"%.128s\"", values);
        }

        p += len + 1;
    }
}


static int
parse_range(const ferrokv_param *param, fkv_str_t text, const unit_t *units,
    const char *form, int64_t *number, char *error)
{
    if (!parse_units(text, units, number)) {
        return FAIL(error, "is %s", form);
    }

    if (*number < param->min || *number > param->max) {
        return FAIL(error, "is %" PRId64 " to %" PRId64 "%s", param->min,
                    param->max, (param->form == FERROKV_TIME) ? " ms" : "");
    }

    return FKV_OK;
}


static int
parse(const ferrokv_param *param, fkv_str_t text, int64_t *number, char *error)
{
    switch (param->form) {

    case FERROKV_FLAG:
        *number = text_is(text, "on", 2);

        return (*number || text_is(text, "off", 3))
               ? FKV_OK : FAIL(error, "is on or off");

    case FERROKV_NUMBER:
        return parse_range(param, text, plain, "a whole number", number,
                           error);

    case FERROKV_SIZE:
        return parse_range(param, text, sizes, "a number of bytes, such as 64k",
                           number, error);

    case FERROKV_TIME:
        return parse_range(param, text, times, "a time, such as 500ms or 10s",
                           number, error);

    case FERROKV_CHOICE:
        return parse_choice(param->values, text, number, error);

    default: /* FERROKV_TEXT */
        return (text.len <= FKV_PARAM_TEXT_MAX) ? FKV_OK
               : FAIL(error, "is at most %u bytes", FKV_PARAM_TEXT_MAX);
    }
}


static int
values_check(const char *values, char *error)
{
    if (values == NULL) {
        return FAIL(error, "is a choice without values");
    }

    for (const char *p = values; ; ) {
        size_t  len = strcspn(p, "|");

        if (len == 0) {
            return FAIL(error, "has an empty value among \"%.128s\"", values);
        }

        if (p[len] == '\0') {
            return FKV_OK;
        }

        p += len + 1;
    }
}


static int
form_check(const ferrokv_param *param, char *error)
{
    switch (param->form) {

    case FERROKV_FLAG:
    case FERROKV_TEXT:
        return FKV_OK;

    case FERROKV_NUMBER:
    case FERROKV_SIZE:
    case FERROKV_TIME:
        return (param->min <= param->max) ? FKV_OK
               : FAIL(error, "has a minimum, %" PRId64 ", above its maximum, "
                      "%" PRId64, param->min, param->max);

    case FERROKV_CHOICE:
        return values_check(param->values, error);

    default:
        return FAIL(error, "has the unknown form %u", param->form);
    }
}


int
fkv_param_define(fkv_extension_param_t *value, const ferrokv_param *def,
    char *error)
{
    char           why[FKV_ERROR_BYTES];
    ferrokv_param  *param = &value->param;
    fkv_str_t       text;
    int             rc;

    value->def = def;
    value->given = false;
    value->own = NULL;
    value->number = 0;

    rc = form_check(param, error);

    if (rc != FKV_OK) {
        return rc;
    }

    if (param->dflt == NULL && param->form != FERROKV_TEXT) {
        return FAIL(error, "has no default");
    }

    if (param->dflt == NULL) {
        param->dflt = "";
    }

    text = fkv_extension_text(param->dflt, FKV_PARAM_TEXT_MAX + 1);
    value->text = (param->form == FERROKV_TEXT) ? text : FKV_STR_NULL;

    if (parse(param, text, &value->number, why) != FKV_OK) {
        return FAIL(error, "has the default \"%.64s\", but it %s", param->dflt,
                    why);
    }

    return FKV_OK;
}


int
fkv_param_set(fkv_extension_param_t *value, fkv_str_t text, char *error)
{
    int64_t  number = 0;
    int      rc = parse(&value->param, text, &number, error);

    if (rc != FKV_OK) {
        return rc;
    }

    if (value->param.form == FERROKV_TEXT) {
        char  *own = malloc(text.len + 1);

        if (own == NULL) {
            return fkv__error(error, FKV_ENOMEM, "is too much: out of memory");
        }

        memcpy(own, text.data, text.len);
        own[text.len] = '\0';

        free(value->own);
        value->own = own;
        value->text = (fkv_str_t) { (uint8_t *) own, text.len };
    }

    value->number = number;
    value->given = true;

    return FKV_OK;
}


void
fkv_param_done(fkv_extension_param_t *value)
{
    free(value->own);
    value->own = NULL;
}
