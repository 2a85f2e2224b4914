#include "options.h"
#include "../collection/args.h"
#include "../collection/number.h"

const ferrokv_param  options_error = {
    FERROKV_PARAM, 0, "bloom.error_rate", FERROKV_TEXT, 0, 0, 0, "0.01", NULL,
    "share of wrong answers of a filter that was not reserved"
};

const ferrokv_param  options_capacity = {
    FERROKV_PARAM, 0, "bloom.capacity", FERROKV_NUMBER, 0, 1, UINT32_MAX, "100",
    NULL, "items for which such a filter is made at first"
};

const ferrokv_param  options_expansion = {
    FERROKV_PARAM, 0, "bloom.expansion", FERROKV_NUMBER, 0, 1, 32768, "2", NULL,
    "how much larger than the last one its next layer is"
};


static bool
in_range(double error)
{
    return error > 0 && error < 1;
}


int
options_default(ferrokv_ctx *ctx, options_t *options)
{
    ferrokv_str  error;

    *options = (options_t) { .fixed = false };

    ctx->api->param(ctx, &options_error, &error);
    ctx->api->param(ctx, &options_capacity, &options->capacity);
    ctx->api->param(ctx, &options_expansion, &options->expansion);

    if (!number_real(error, &options->error) || !in_range(options->error)) {
        return ctx->api->fail(ctx, FERROKV_ERROR, "bloom.error_rate is not "
                              "between 0 and 1");
    }

    return FERROKV_OK;
}


static int
fail(ferrokv_ctx *ctx, const char *text)
{
    return ctx->api->fail(ctx, FERROKV_EARG, "ERR %s", text);
}


/* [EXPANSION number] [NONSCALING], from argv[4] on. */
static int
read_growth(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv,
    options_t *options)
{
    bool  expands = false;
    int   rc;

    for (size_t i = 4; i < argc; i++) {

        if (args_is(argv[i], "NONSCALING")) {
            options->fixed = true;
            continue;
        }

        if (!args_is(argv[i], "EXPANSION")) {
            return args_syntax(ctx);
        }

        if (++i == argc) {
            return fail(ctx, "no expansion");
        }

        rc = args_range(ctx, argv[i], 1, UINT32_MAX, "bad expansion",
                        &options->expansion);
        if (rc != FERROKV_OK) {
            return rc;
        }

        expands = true;
    }

    return (options->fixed && expands)
           ? fail(ctx, "Nonscaling filters cannot expand") : FERROKV_OK;
}


int
options_reserve(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv,
    options_t *options)
{
    int  rc = options_default(ctx, options);

    if (rc != FERROKV_OK) {
        return rc;
    }

    if (argc > 7) {
        return args_arity(ctx, "bf.reserve");
    }

    if (!number_real(argv[2], &options->error)) {
        return fail(ctx, "bad error rate");
    }

    if (!in_range(options->error)) {
        return fail(ctx, "(0 < error rate range < 1)");
    }

    if (!number_int(argv[3], &options->capacity)) {
        return fail(ctx, "bad capacity");
    }

    if (options->capacity <= 0) {
        return fail(ctx, "(capacity should be larger than 0)");
    }

    return read_growth(ctx, argc, argv, options);
}


/* An option with a value. */
static int
read_value(ferrokv_ctx *ctx, ferrokv_str name, ferrokv_str value,
    options_t *options)
{
    if (args_is(name, "ERROR")) {
        return number_real(value, &options->error)
               ? FERROKV_OK : fail(ctx, "Bad error rate");
    }

    if (args_is(name, "CAPACITY")) {
        return number_int(value, &options->capacity)
               ? FERROKV_OK : fail(ctx, "Bad capacity");
    }

    return number_int(value, &options->expansion)
           ? FERROKV_OK : fail(ctx, "Bad expansion");
}


int
options_insert(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv,
    options_t *options)
{
    size_t  i;
    int     rc = options_default(ctx, options);

    for (i = 2; rc == FERROKV_OK && i < argc; i++) {

        if (args_is(argv[i], "ITEMS")) {
            break;
        }

        if (args_is(argv[i], "NOCREATE")) {
            options->only = true;

        } else if (args_is(argv[i], "NONSCALING")) {
            options->fixed = true;

        } else if (!args_is(argv[i], "ERROR") && !args_is(argv[i], "CAPACITY")
                   && !args_is(argv[i], "EXPANSION"))
        {
            return fail(ctx, "Unknown argument received");

        } else if (i + 1 == argc) {
            return args_arity(ctx, "bf.insert");

        } else {
            rc = read_value(ctx, argv[i], argv[i + 1], options);
            i++;
        }
    }

    options->items = i + 1;

    if (rc != FERROKV_OK) {
        return rc;
    }

    if (i + 1 >= argc) {
        return args_arity(ctx, "bf.insert");
    }

    return (in_range(options->error) && options->capacity >= 1
            && options->expansion >= 1 && options->expansion <= UINT32_MAX)
           ? FERROKV_OK : fail(ctx, "Bad argument received");
}
