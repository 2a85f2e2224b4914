#include "json.h"
#include "path.h"
#include "stored.h"
#include "text.h"

#include <string.h>
#include <strings.h>

#define ROOT  ((ferrokv_str) { ".", 1 })

/* One change of values that a path has chosen. */
typedef struct change  change_t;

struct change {
    /* OK: it is changed, and said; NONE: it is of another kind; failure */
    int         (*apply)(ferrokv_ctx *ctx, const change_t *how,
                         doc_node_t *node);
    const char   *what;         /* behind an old path that found no such */
    size_t        n;
    doc_node_t  **values;       /* arguments */
};


static int
syntax(ferrokv_ctx *ctx)
{
    return ctx->api->fail(ctx, FERROKV_EARG, "ERR syntax error");
}


/*
 * An old path's first value, and its answer alone; of a new one's each, with a
 * null in the array for what is of another kind.
 */
static int
change(ferrokv_ctx *ctx, ferrokv_str key, ferrokv_str text,
    const change_t *how)
{
    path_matches_t   found;
    path_t           path;
    doc_node_t      *root;
    uint64_t         expires;
    int              changed = 0, rc;

    if ((rc = path_parse(ctx, text, &path)) < 0
        || (rc = stored_need(ctx, key, &root, &expires)) < 0)
    {
        return rc;
    }

    found = path_find(ctx, &path, path.n, root);

    if (path.old) {
        rc = (found.n == 0) ? FERROKV_NONE
                            : how->apply(ctx, how, found.at[0].value);

        if (rc == FERROKV_NONE) {
            return path_missing(ctx, &path, how->what);
        }

        return (rc < 0) ? rc : stored_write(ctx, key, root, expires);
    }

    ctx->api->say_array(ctx, found.n);

    for (size_t i = 0; i < found.n; i++) {
        rc = how->apply(ctx, how, found.at[i].value);

        if (rc == FERROKV_NONE) {
            ctx->api->say_null(ctx);

        } else if (rc < 0) {
            return rc;

        } else {
            changed++;
        }
    }

    return (changed > 0) ? stored_write(ctx, key, root, expires) : FERROKV_OK;
}


/* There is nothing at this path: an object above it gets a new member. */
static int
set_member(ferrokv_ctx *ctx, const path_t *path, doc_node_t *root,
    const doc_node_t *value)
{
    const path_part_t  *last = &path->parts[path->n - 1];
    path_matches_t      above;
    int                 rc = FERROKV_NONE;

    if (last->kind != PATH_NAME || last->below) {
        return path_is_one(path) ? FERROKV_NONE
               : ctx->api->fail(ctx, FERROKV_EARG, "ERR wrong static path");
    }

    above = path_find(ctx, path, path->n - 1, root);

    for (size_t i = 0; i < above.n; i++) {
        doc_node_t  *node = above.at[i].value;

        if (node->kind == DOC_OBJECT && doc_member(node, last->name) == NULL) {
            doc_node_t  *copy = doc_new(ctx, DOC_NULL);

            doc_assign(ctx, copy, value);
            doc_put(ctx, node, last->name, copy);
            rc = FERROKV_OK;
        }
    }

    return rc;
}


/* FERROKV_OK · FERROKV_NONE if_is, or that nothing is there, forbids it */
static int
set_at(ferrokv_ctx *ctx, const path_t *path, doc_node_t *root,
    const doc_node_t *value, bool if_new, bool if_is)
{
    path_matches_t  found = path_find(ctx, path, path->n, root);

    if (found.n > 0 ? if_new : if_is) {
        return FERROKV_NONE;
    }

    if (found.n == 0) {
        return set_member(ctx, path, root, value);
    }

    for (size_t i = 0; i < found.n; i++) {
        doc_assign(ctx, found.at[i].value, value);
    }

    return FERROKV_OK;
}


static int
set_new(ferrokv_ctx *ctx, ferrokv_str key, const path_t *path,
    doc_node_t *value, bool if_is)
{
    int  rc;

    if (!path_is_root(path)) {
        return ctx->api->fail(ctx, FERROKV_EARG, "ERR new objects must be "
                              "created at the root");
    }

    if (if_is) {
        return ctx->api->say_null(ctx);
    }

    rc = stored_write(ctx, key, value, 0);

    return (rc < 0) ? rc : ctx->api->say_status(ctx, "OK");
}


static bool
is_word(ferrokv_str arg, const char *word)
{
    return arg.len == strlen(word) && strncasecmp(arg.data, word, arg.len) == 0;
}


static int
set_call(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    bool          if_new = (argc == 5 && is_word(argv[4], "NX"));
    bool          if_is = (argc == 5 && is_word(argv[4], "XX"));
    path_t        path;
    doc_node_t   *value, *root;
    uint64_t      expires;
    int           rc;

    if (argc > 5 || (argc == 5 && !if_new && !if_is)) {
        return syntax(ctx);
    }

    if ((rc = path_parse(ctx, argv[2], &path)) < 0
        || (rc = text_read(ctx, argv[3], stored_depth(ctx), &value)) < 0
        || (rc = stored_read(ctx, argv[1], &root, &expires)) < 0)
    {
        return rc;
    }

    if (rc == FERROKV_NONE) {
        return set_new(ctx, argv[1], &path, value, if_is);
    }

    rc = set_at(ctx, &path, root, value, if_new, if_is);
    if (rc != FERROKV_OK) {
        return (rc < 0) ? rc : ctx->api->say_null(ctx);
    }

    /* A new document has no time, as what SET writes has none. */
    rc = stored_write(ctx, argv[1], root, path_is_root(&path) ? 0 : expires);

    return (rc < 0) ? rc : ctx->api->say_status(ctx, "OK");
}


/* What is below what goes is not counted. */
static void
strike(doc_node_t *node)
{
    node->dead = true;

    for (size_t i = 0; i < node->n; i++) {
        if (node->items[i].value != NULL) {
            strike(node->items[i].value);
        }
    }
}


/* From above to below: of two values one in the other only the outer counts. */
static int64_t
take_out(const path_matches_t *found)
{
    int64_t  n = 0;

    for (size_t i = 0; i < found->n; i++) {
        const path_match_t  *match = &found->at[i];

        if (!match->value->dead) {
            strike(match->value);
            match->parent->items[match->at].value = NULL;
            n++;
        }
    }

    return n;
}


static int
del_call(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    const ferrokv_str   head = { NULL, 0 };
    path_matches_t      found;
    path_t              path;
    doc_node_t         *root;
    uint64_t            expires;
    int64_t             n;
    int                 rc;

    if (argc > 3) {
        return syntax(ctx);
    }

    if ((rc = path_parse(ctx, argc == 3 ? argv[2] : ROOT, &path)) < 0
        || (rc = stored_read(ctx, argv[1], &root, &expires)) < 0)
    {
        return rc;
    }

    if (rc == FERROKV_NONE) {
        return ctx->api->say_int(ctx, 0);
    }

    if (path_is_root(&path)) {
        rc = ctx->api->del(ctx, argv[1], head);
        return (rc < 0) ? rc : ctx->api->say_int(ctx, 1);
    }

    found = path_find(ctx, &path, path.n, root);
    n = take_out(&found);

    if (n > 0) {
        doc_sweep(root);
        rc = stored_write(ctx, argv[1], root, expires);

        if (rc < 0) {
            return rc;
        }
    }

    return ctx->api->say_int(ctx, n);
}


/* RFC 7396. */
static void
merge(ferrokv_ctx *ctx, doc_node_t *node, const doc_node_t *patch)
{
    if (patch->kind != DOC_OBJECT) {
        doc_assign(ctx, node, patch);
        return;
    }

    if (node->kind != DOC_OBJECT) {
        doc_assign(ctx, node, doc_new(ctx, DOC_OBJECT));
    }

    for (size_t i = 0; i < patch->n; i++) {
        const doc_item_t  *item = &patch->items[i];
        doc_item_t        *old = doc_member(node, item->name);

        if (item->value->kind == DOC_NULL) {
            if (old != NULL) {
                old->value = NULL;
            }

            continue;
        }

        if (old == NULL) {
            doc_node_t  *added = doc_new(ctx, DOC_NULL);

            merge(ctx, added, item->value);
            doc_put(ctx, node, item->name, added);

        } else {
            merge(ctx, old->value, item->value);
        }
    }

    doc_sweep(node);
}


static int
merge_call(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    path_matches_t   found;
    path_t           path;
    doc_node_t      *patch, *root, *clean = doc_new(ctx, DOC_NULL);
    uint64_t         expires = 0;
    int              rc;

    (void) argc;

    if ((rc = path_parse(ctx, argv[2], &path)) < 0
        || (rc = text_read(ctx, argv[3], stored_depth(ctx), &patch)) < 0
        || (rc = stored_read(ctx, argv[1], &root, &expires)) < 0)
    {
        return rc;
    }

    merge(ctx, clean, patch);

    if (rc == FERROKV_NONE) {
        return set_new(ctx, argv[1], &path, clean, false);
    }

    found = path_find(ctx, &path, path.n, root);

    for (size_t i = 0; i < found.n; i++) {
        merge(ctx, found.at[i].value, patch);
    }

    rc = (found.n > 0) ? FERROKV_OK : set_member(ctx, &path, root, clean);
    if (rc != FERROKV_OK) {
        return (rc < 0) ? rc : ctx->api->say_null(ctx);
    }

    rc = stored_write(ctx, argv[1], root, expires);

    return (rc < 0) ? rc : ctx->api->say_status(ctx, "OK");
}


static bool
clear(doc_node_t *node)
{
    if (doc_is_container(node) && node->n > 0) {
        node->n = 0;
        return true;
    }

    if ((node->kind == DOC_INTEGER && node->integer != 0)
        || (node->kind == DOC_REAL && node->real != 0))
    {
        node->kind = DOC_INTEGER;
        node->integer = 0;
        return true;
    }

    return false;
}


static int
clear_call(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    path_matches_t   found;
    path_t           path;
    doc_node_t      *root;
    uint64_t         expires;
    int64_t          n = 0;
    int              rc;

    if (argc > 3) {
        return syntax(ctx);
    }

    if ((rc = path_parse(ctx, argc == 3 ? argv[2] : ROOT, &path)) < 0
        || (rc = stored_need(ctx, argv[1], &root, &expires)) < 0)
    {
        return rc;
    }

    found = path_find(ctx, &path, path.n, root);

    for (size_t i = 0; i < found.n; i++) {
        n += clear(found.at[i].value);
    }

    if (n > 0 && (rc = stored_write(ctx, argv[1], root, expires)) < 0) {
        return rc;
    }

    return ctx->api->say_int(ctx, n);
}


static int
toggle(ferrokv_ctx *ctx, const change_t *how, doc_node_t *node)
{
    (void) how;

    if (node->kind != DOC_TRUE && node->kind != DOC_FALSE) {
        return FERROKV_NONE;
    }

    node->kind = (node->kind == DOC_TRUE) ? DOC_FALSE : DOC_TRUE;

    return ctx->api->say_int(ctx, node->kind == DOC_TRUE);
}


static int
toggle_call(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    static const change_t  how = { toggle, " or not a bool", 0, NULL };

    (void) argc;

    return change(ctx, argv[1], argv[2], &how);
}


static double
real_of(const doc_node_t *number)
{
    return (number->kind == DOC_INTEGER) ? (double) number->integer
                                         : number->real;
}


static bool
is_number(const doc_node_t *node)
{
    return node->kind == DOC_INTEGER || node->kind == DOC_REAL;
}


/* Integers stay integers while the sum is one that fits. */
static int
increment(ferrokv_ctx *ctx, doc_node_t *node, const doc_node_t *by)
{
    double  sum = real_of(node) + real_of(by);

    if (node->kind == DOC_INTEGER && by->kind == DOC_INTEGER
        && !__builtin_add_overflow(node->integer, by->integer, &node->integer))
    {
        return FERROKV_OK;
    }

    if (sum - sum != 0) {
        return ctx->api->fail(ctx, FERROKV_EARG,
                              "ERR result is not a number");
    }

    node->kind = DOC_REAL;
    node->real = sum;

    return FERROKV_OK;
}


/* Its answer is JSON, so it does not fit the others'. */
static int
numincrby_all(ferrokv_ctx *ctx, const path_t *path, const path_matches_t *found,
    const doc_node_t *by, text_out_t *out)
{
    const doc_node_t  *none = doc_new(ctx, DOC_NULL);
    int                changed = 0;

    if (path->old && (found->n == 0 || !is_number(found->at[0].value))) {
        return path_missing(ctx, path, " or does not contain a number");
    }

    if (!path->old) {
        text_open(out, '[');
    }

    for (size_t i = 0; i < (path->old ? 1 : found->n); i++) {
        doc_node_t  *node = found->at[i].value;
        int          rc = FERROKV_OK;

        if (!path->old) {
            text_item(out, i);
        }

        if (is_number(node)) {
            rc = increment(ctx, node, by);
            changed++;
        }

        if (rc < 0) {
            return rc;
        }

        text_put(out, is_number(node) ? node : none);
    }

    if (!path->old) {
        text_close(out, ']', found->n);
    }

    return (changed > 0) ? FERROKV_OK : FERROKV_NONE;
}


static int
numincrby_call(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    path_matches_t   found;
    path_t           path;
    doc_node_t      *by, *root;
    text_out_t       out;
    uint64_t         expires;
    int              rc;

    (void) argc;

    if ((rc = path_parse(ctx, argv[2], &path)) < 0
        || (rc = text_read(ctx, argv[3], 1, &by)) < 0)
    {
        return rc;
    }

    if (!is_number(by)) {
        return ctx->api->fail(ctx, FERROKV_EARG, "ERR value is not a number");
    }

    if ((rc = stored_need(ctx, argv[1], &root, &expires)) < 0) {
        return rc;
    }

    found = path_find(ctx, &path, path.n, root);
    text_begin(ctx, &out);
    rc = numincrby_all(ctx, &path, &found, by, &out);

    if (rc == FERROKV_OK) {
        rc = stored_write(ctx, argv[1], root, expires);
    }

    return (rc < 0) ? rc : ctx->api->say_str(ctx, text_end(&out));
}


static int
strappend(ferrokv_ctx *ctx, const change_t *how, doc_node_t *node)
{
    ferrokv_str  more = how->values[0]->text;
    char        *text;

    if (node->kind != DOC_STRING) {
        return FERROKV_NONE;
    }

    text = ctx->api->alloc(ctx, node->text.len + more.len + 1);

    if (node->text.len > 0) {
        memcpy(text, node->text.data, node->text.len);
    }

    if (more.len > 0) {
        memcpy(text + node->text.len, more.data, more.len);
    }

    node->text = (ferrokv_str) { text, node->text.len + more.len };

    return ctx->api->say_int(ctx, (int64_t) node->text.len);
}


static int
strappend_call(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    doc_node_t  *more;
    change_t     how = { strappend, " or not a string", 1, &more };
    int          rc;

    if (argc > 4) {
        return syntax(ctx);
    }

    if ((rc = text_read(ctx, argv[argc - 1], 1, &more)) < 0) {
        return rc;
    }

    if (more->kind != DOC_STRING) {
        return ctx->api->fail(ctx, FERROKV_EARG, "ERR value is not a string");
    }

    return change(ctx, argv[1], argc == 4 ? argv[2] : ROOT, &how);
}


static int
arrappend(ferrokv_ctx *ctx, const change_t *how, doc_node_t *node)
{
    if (node->kind != DOC_ARRAY) {
        return FERROKV_NONE;
    }

    for (size_t i = 0; i < how->n; i++) {
        doc_node_t  *copy = doc_new(ctx, DOC_NULL);

        doc_assign(ctx, copy, how->values[i]);
        doc_put(ctx, node, (ferrokv_str) { "", 0 }, copy);
    }

    return ctx->api->say_int(ctx, (int64_t) node->n);
}


static int
arrappend_call(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    change_t  how = { arrappend, " or not an array", argc - 3, NULL };

    how.values = ctx->api->alloc(ctx, how.n * sizeof(doc_node_t *));

    for (size_t i = 0; i < how.n; i++) {
        int  rc = text_read(ctx, argv[3 + i], stored_depth(ctx),
                            &how.values[i]);

        if (rc < 0) {
            return rc;
        }
    }

    return change(ctx, argv[1], argv[2], &how);
}


const ferrokv_command  json_set = {
    FERROKV_COMMAND, FERROKV_WRITE, "JSON.SET", -4, 1, 1, 1, set_call,
    "key path value [NX|XX]", "Sets what a path chooses, or a new member."
};

const ferrokv_command  json_del = {
    FERROKV_COMMAND, FERROKV_WRITE, "JSON.DEL", -2, 1, 1, 1, del_call,
    "key [path]", "Deletes what a path chooses."
};

const ferrokv_command  json_merge = {
    FERROKV_COMMAND, FERROKV_WRITE, "JSON.MERGE", 4, 1, 1, 1, merge_call,
    "key path value", "Merges a patch into what a path chooses (RFC 7396)."
};

const ferrokv_command  json_clear = {
    FERROKV_COMMAND, FERROKV_WRITE, "JSON.CLEAR", -2, 1, 1, 1, clear_call,
    "key [path]", "Empties arrays and objects, makes numbers 0."
};

const ferrokv_command  json_toggle = {
    FERROKV_COMMAND, FERROKV_WRITE, "JSON.TOGGLE", 3, 1, 1, 1, toggle_call,
    "key path", "Makes true false, and false true."
};

const ferrokv_command  json_numincrby = {
    FERROKV_COMMAND, FERROKV_WRITE, "JSON.NUMINCRBY", 4, 1, 1, 1,
    numincrby_call, "key path number", "Adds to numbers."
};

const ferrokv_command  json_strappend = {
    FERROKV_COMMAND, FERROKV_WRITE, "JSON.STRAPPEND", -3, 1, 1, 1,
    strappend_call, "key [path] value", "Puts a string behind strings."
};

const ferrokv_command  json_arrappend = {
    FERROKV_COMMAND, FERROKV_WRITE, "JSON.ARRAPPEND", -4, 1, 1, 1,
    arrappend_call, "key path value [value ...]",
    "Puts values at the end of arrays."
};
