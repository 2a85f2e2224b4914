/*
 * same.c - GET and SET once more, by an extension: what it costs to be one.
 */

#include "ferrokv_extension.h"

static const ferrokv_str  self = { NULL, 0 };


static int
same_get(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    const ferrokv_api  *api = ctx->api;
    ferrokv_value       value;
    int                 rc = api->get(ctx, argv[1], self, &value);

    (void) argc;

    if (rc < 0) {
        return rc;
    }

    return (rc == FERROKV_OK) ? api->say_str(ctx, value.data)
                              : api->say_null(ctx);
}


static int
same_set(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    const ferrokv_api  *api = ctx->api;
    ferrokv_value       value = { { NULL, 0 }, NULL, 0 };
    int                 rc;

    (void) argc;

    value.data = argv[2];
    rc = api->put(ctx, argv[1], self, &value);

    return (rc < 0) ? rc : api->say_status(ctx, "OK");
}


static const ferrokv_command  get = {
    FERROKV_COMMAND, FERROKV_READ, "SAME.GET", 2, 1, 1, 1, same_get,
    "key", "Returns the value of a key."
};

static const ferrokv_command  set = {
    FERROKV_COMMAND, FERROKV_WRITE, "SAME.SET", 3, 1, 1, 1, same_set,
    "key value", "Sets the value of a key."
};

static const void *const  provides[] = { &get, &set, NULL };

static const ferrokv_extension  extension = {
    sizeof(ferrokv_extension), 0, "same", "1.0.0", provides, NULL, 0, 0,
    NULL, NULL
};

FERROKV_DEFINE(extension);
