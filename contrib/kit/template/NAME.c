/*
 * @COMMAND@.NAME key name: the key remembers the name, and the answer is the
 * one that it remembered before.
 */

#include <ferrokv_extension.h>


static int
name(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    const ferrokv_str  head = { NULL, 0 };
    ferrokv_value      before, value = { { NULL, 0 }, NULL, 0 };
    int                rc, found;

    (void) argc;

    found = ctx->api->get(ctx, argv[1], head, &before);
    if (found < 0) {
        return found;
    }

    value.data = argv[2];

    rc = ctx->api->put(ctx, argv[1], head, &value);
    if (rc < 0) {
        return rc;
    }

    if (found == FERROKV_NONE) {
        return ctx->api->say_null(ctx);
    }

    return ctx->api->say_str(ctx, before.data);
}


static const ferrokv_command  name_command = {
    FERROKV_COMMAND, FERROKV_WRITE, "@COMMAND@.NAME", 3, 1, 1, 1, name,
    "key name", "Sets the name of a key, and answers the one before."
};

static const void *const  provides[] = { &name_command, NULL };

static const ferrokv_extension  extension = {
    sizeof(ferrokv_extension), 0, "@NAME@", FERROKV_VERSION, provides,
    NULL, 0, 0, NULL, NULL
};

FERROKV_DEFINE(extension);
