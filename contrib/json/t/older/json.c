/*
 * json.c of version 1.0.0, for updates: documents are their text (encver 0),
 * schema 1, paths are not looked at.
 */

#include "ferrokv_extension.h"

static int
input(ferrokv_ctx *ctx, ferrokv_str text, ferrokv_value *out);

static const ferrokv_type  type = {
    FERROKV_TYPE, 0, "json", 0, 0, NULL, input, NULL, NULL, NULL, NULL
};


static int
input(ferrokv_ctx *ctx, ferrokv_str text, ferrokv_value *out)
{
    (void) ctx;
    *out = (ferrokv_value) { text, &type, 0 };

    return FERROKV_OK;
}


static int
set(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    const ferrokv_str  head = { NULL, 0 };
    ferrokv_value      value = { argv[3], &type, 0 };
    int                rc = ctx->api->put(ctx, argv[1], head, &value);

    (void) argc;

    return rc < 0 ? rc : ctx->api->say_status(ctx, "OK");
}


static int
get(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    const ferrokv_str  head = { NULL, 0 };
    ferrokv_value      value;
    int                rc = ctx->api->get(ctx, argv[1], head, &value);

    (void) argc;

    return rc < 0 ? rc : rc == FERROKV_NONE ? ctx->api->say_null(ctx)
                       : ctx->api->say_str(ctx, value.data);
}


static int
install(ferrokv_ctx *ctx)
{
    (void) ctx;

    return FERROKV_OK;
}


static const ferrokv_command  json_set = {
    FERROKV_COMMAND, FERROKV_WRITE, "JSON.SET", 4, 1, 1, 1, set,
    "key path value", "Sets a document."
};

static const ferrokv_command  json_get = {
    FERROKV_COMMAND, FERROKV_READ, "JSON.GET", 2, 1, 1, 1, get, "key",
    "A document."
};

static const ferrokv_step  steps[] = {
    { sizeof(ferrokv_step), 0, install }
};

static const void *const  provides[] = { &type, &json_set, &json_get, NULL };

static const ferrokv_extension  extension = {
    sizeof(ferrokv_extension), FERROKV_NEEDS_HELPER, "json", "1.0.0", provides,
    steps, 1, 1, NULL, NULL
};

FERROKV_DEFINE(extension);
