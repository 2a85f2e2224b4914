#include "json.h"
#include "path.h"
#include "stored.h"
#include "text.h"

#include <string.h>
#include <strings.h>

#define ROOT  ((ferrokv_str) { ".", 1 })

typedef int (*say_t)(ferrokv_ctx *ctx, const doc_node_t *node);

/* Says something of values of one or two kinds. */
typedef struct {
    say_t        say;
    doc_kind_e   kind;
    bool         any;           /* of any kind */
    const char  *what;          /* behind an old path that found no such */
    bool         needs;         /* with a new path: the key is needed */
} look_t;

/* JSON.GET's arguments. */
typedef struct {
    text_form_t         form;
    const ferrokv_str  *paths;
    size_t              n;
    bool                old;    /* all paths are */
} get_t;


static bool
is_word(ferrokv_str arg, const char *word)
{
    return arg.len == strlen(word) && strncasecmp(arg.data, word, arg.len) == 0;
}


static int
read_form(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv, get_t *get)
{
    size_t  i = 2;

    memset(get, 0, sizeof(get_t));

    for ( ; i < argc; i += 2) {
        ferrokv_str  *part = is_word(argv[i], "INDENT") ? &get->form.indent
                           : is_word(argv[i], "NEWLINE") ? &get->form.newline
                           : is_word(argv[i], "SPACE") ? &get->form.space
                           : NULL;

        if (part == NULL) {
            break;
        }

        if (i + 1 == argc) {
            return ctx->api->fail(ctx, FERROKV_EARG, "ERR syntax error");
        }

        *part = argv[i + 1];
    }

    get->paths = &argv[i];
    get->n = argc - i;

    return FERROKV_OK;
}


/* The first value of an old path, an array of all of a new one. */
static int
put_path(ferrokv_ctx *ctx, text_out_t *out, const path_t *path, bool old,
    doc_node_t *root)
{
    path_matches_t  found = path_find(ctx, path, path->n, root);

    if (old) {
        if (found.n == 0) {
            return path_missing(ctx, path, "");
        }

        text_put(out, found.at[0].value);
        return FERROKV_OK;
    }

    text_open(out, '[');

    for (size_t i = 0; i < found.n; i++) {
        text_item(out, i);
        text_put(out, found.at[i].value);
    }

    text_close(out, ']', found.n);

    return FERROKV_OK;
}


static int
put_paths(ferrokv_ctx *ctx, text_out_t *out, const get_t *get,
    const path_t *paths, doc_node_t *root)
{
    int  rc = FERROKV_OK;

    if (get->n == 1) {
        return put_path(ctx, out, paths, get->old, root);
    }

    text_open(out, '{');

    for (size_t i = 0; rc == FERROKV_OK && i < get->n; i++) {
        text_item(out, i);
        text_name(out, get->paths[i]);
        rc = put_path(ctx, out, &paths[i], get->old, root);
    }

    text_close(out, '}', get->n);

    return rc;
}


static int
get_call(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    const ferrokv_str   whole = ROOT;
    get_t               get;
    path_t             *paths;
    doc_node_t         *root;
    text_out_t          out;
    int                 rc = read_form(ctx, argc, argv, &get);

    if (rc < 0) {
        return rc;
    }

    if (get.n == 0) {
        get.paths = &whole;
        get.n = 1;
    }

    paths = ctx->api->alloc(ctx, get.n * sizeof(path_t));
    get.old = true;

    for (size_t i = 0; i < get.n; i++) {
        if ((rc = path_parse(ctx, get.paths[i], &paths[i])) < 0) {
            return rc;
        }

        get.old = get.old && paths[i].old;
    }

    rc = stored_read(ctx, argv[1], &root, NULL);
    if (rc != FERROKV_OK) {
        return (rc < 0) ? rc : ctx->api->say_null(ctx);
    }

    text_begin(ctx, &out);
    out.form = get.form;
    rc = put_paths(ctx, &out, &get, paths, root);

    return (rc < 0) ? rc : ctx->api->say_str(ctx, text_end(&out));
}


/* A key that holds no document, or not this path, is none here. */
static int
mget_one(ferrokv_ctx *ctx, ferrokv_str key, const path_t *path)
{
    const ferrokv_str   head = { NULL, 0 };
    ferrokv_value       value;
    doc_node_t         *root;
    text_out_t          out;
    int                 rc = ctx->api->get(ctx, key, head, &value);

    if (rc == FERROKV_NONE || rc == FERROKV_ETYPE
        || (rc == FERROKV_OK && value.type != &stored_type))
    {
        return ctx->api->say_null(ctx);
    }

    if (rc < 0 || (rc = doc_read(ctx, value.data, &root)) < 0) {
        return rc;
    }

    if (path->old && path_find(ctx, path, path->n, root).n == 0) {
        return ctx->api->say_null(ctx);
    }

    text_begin(ctx, &out);
    rc = put_path(ctx, &out, path, path->old, root);

    return (rc < 0) ? rc : ctx->api->say_str(ctx, text_end(&out));
}


static int
mget_call(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    path_t  path;
    int     rc = path_parse(ctx, argv[argc - 1], &path);

    if (rc < 0) {
        return rc;
    }

    ctx->api->say_array(ctx, argc - 2);

    for (size_t i = 1; i + 1 < argc; i++) {
        if ((rc = mget_one(ctx, argv[i], &path)) < 0) {
            return rc;
        }
    }

    return FERROKV_OK;
}


static int
look(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv, const look_t *how)
{
    path_matches_t   found;
    path_t           path;
    doc_node_t      *root;
    int              rc;

    if (argc > 3) {
        return ctx->api->fail(ctx, FERROKV_EARG, "ERR syntax error");
    }

    rc = path_parse(ctx, argc == 3 ? argv[2] : ROOT, &path);
    if (rc < 0) {
        return rc;
    }

    rc = (how->needs && !path.old) ? stored_need(ctx, argv[1], &root, NULL)
                                   : stored_read(ctx, argv[1], &root, NULL);
    if (rc != FERROKV_OK) {
        return (rc < 0) ? rc : ctx->api->say_null(ctx);
    }

    found = path_find(ctx, &path, path.n, root);

    if (path.old) {
        if (found.n > 0 && (how->any || found.at[0].value->kind == how->kind)) {
            return how->say(ctx, found.at[0].value);
        }

        return (how->any) ? ctx->api->say_null(ctx)
                          : path_missing(ctx, &path, how->what);
    }

    ctx->api->say_array(ctx, found.n);

    for (size_t i = 0; i < found.n; i++) {
        const doc_node_t  *node = found.at[i].value;

        if (how->any || node->kind == how->kind) {
            how->say(ctx, node);

        } else {
            ctx->api->say_null(ctx);
        }
    }

    return FERROKV_OK;
}


static int
say_kind(ferrokv_ctx *ctx, const doc_node_t *node)
{
    const char  *name = doc_kind_name(node);

    return ctx->api->say_str(ctx, (ferrokv_str) { name, strlen(name) });
}


static int
say_length(ferrokv_ctx *ctx, const doc_node_t *node)
{
    return ctx->api->say_int(ctx, (int64_t) node->n);
}


static int
say_names(ferrokv_ctx *ctx, const doc_node_t *node)
{
    ctx->api->say_array(ctx, node->n);

    for (size_t i = 0; i < node->n; i++) {
        ctx->api->say_str(ctx, node->items[i].name);
    }

    return FERROKV_OK;
}


static int
type_call(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    static const look_t  how = { say_kind, DOC_NULL, true, "", false };

    return look(ctx, argc, argv, &how);
}


static int
arrlen_call(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    static const look_t  how = { say_length, DOC_ARRAY, false,
                                 " or not an array", true };

    return look(ctx, argc, argv, &how);
}


static int
objlen_call(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    static const look_t  how = { say_length, DOC_OBJECT, false,
                                 " or not an object", true };

    return look(ctx, argc, argv, &how);
}


static int
objkeys_call(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    static const look_t  how = { say_names, DOC_OBJECT, false,
                                 " or not an object", true };

    return look(ctx, argc, argv, &how);
}


const ferrokv_command  json_get = {
    FERROKV_COMMAND, FERROKV_READ, "JSON.GET", -2, 1, 1, 1, get_call,
    "key [INDENT text] [NEWLINE text] [SPACE text] [path ...]",
    "What paths choose of a document, as JSON."
};

const ferrokv_command  json_mget = {
    FERROKV_COMMAND, FERROKV_READ, "JSON.MGET", -3, 1, -2, 1, mget_call,
    "key [key ...] path", "What a path chooses of several documents."
};

const ferrokv_command  json_type = {
    FERROKV_COMMAND, FERROKV_READ, "JSON.TYPE", -2, 1, 1, 1, type_call,
    "key [path]", "What kinds of values a path chooses."
};

const ferrokv_command  json_arrlen = {
    FERROKV_COMMAND, FERROKV_READ, "JSON.ARRLEN", -2, 1, 1, 1, arrlen_call,
    "key [path]", "How many items arrays have."
};

const ferrokv_command  json_objlen = {
    FERROKV_COMMAND, FERROKV_READ, "JSON.OBJLEN", -2, 1, 1, 1, objlen_call,
    "key [path]", "How many members objects have."
};

const ferrokv_command  json_objkeys = {
    FERROKV_COMMAND, FERROKV_READ, "JSON.OBJKEYS", -2, 1, 1, 1, objkeys_call,
    "key [path]", "The names of objects' members."
};
