#include "path.h"

#include <string.h>

typedef struct {
    ferrokv_ctx  *ctx;
    const char   *p;
    const char   *end;
    path_t       *path;
} parser_t;

/* One part of a path, being looked for in a document. */
typedef struct {
    ferrokv_ctx        *ctx;
    const path_part_t  *part;
    uint32_t            mark;       /* of this part, in nodes */
    path_matches_t     *found;
} finder_t;


static int
wrong(const parser_t *parser)
{
    const char  *begin = parser->path->text.data;

    return parser->ctx->api->fail(parser->ctx, FERROKV_EARG,
                                  "ERR JSON path is wrong at column %zu",
                                  (size_t) (parser->p - begin) + 1);
}


static bool
next_is(const parser_t *parser, char c)
{
    return parser->p != parser->end && *parser->p == c;
}


static bool
take(parser_t *parser, char c)
{
    bool  is = next_is(parser, c);

    parser->p += is;

    return is;
}


static bool
is_digit(const parser_t *parser)
{
    return parser->p != parser->end && *parser->p >= '0' && *parser->p <= '9';
}


static bool
is_integer(const parser_t *parser)
{
    return is_digit(parser) || next_is(parser, '-');
}


static bool
parse_integer(parser_t *parser, int64_t *n)
{
    bool  minus = take(parser, '-');

    if (!is_digit(parser)) {
        return false;
    }

    for (*n = 0; is_digit(parser); parser->p++) {
        if (*n > INT32_MAX) {
            return false;
        }

        *n = *n * 10 + (*parser->p - '0');
    }

    *n = minus ? -*n : *n;

    return true;
}


/* What stands bare behind a point: up to the next part. */
static bool
parse_name(parser_t *parser, path_part_t *part)
{
    const char  *begin = parser->p;

    if (take(parser, '*')) {
        part->kind = PATH_ALL;
        return true;
    }

    while (parser->p != parser->end && strchr(".[]*'\"", *parser->p) == NULL) {
        parser->p++;
    }

    part->kind = PATH_NAME;
    part->name = (ferrokv_str) { begin, (size_t) (parser->p - begin) };

    return part->name.len > 0;
}


/* A quote or a backslash stands in a name behind a backslash. */
static bool
parse_quoted(parser_t *parser, path_part_t *part)
{
    char   quote = *parser->p++;
    char  *name = parser->ctx->api->alloc(parser->ctx,
                      (size_t) (parser->end - parser->p) + 1);

    part->kind = PATH_NAME;
    part->name = (ferrokv_str) { name, 0 };

    while (parser->p != parser->end && *parser->p != quote) {
        if (*parser->p == '\\' && ++parser->p == parser->end) {
            return false;
        }

        name[part->name.len++] = *parser->p++;
    }

    return take(parser, quote);
}


/* n, from:to, from:to:step; each number may be left out. */
static bool
parse_numbers(parser_t *parser, path_part_t *part)
{
    part->kind = PATH_INDEX;
    part->from = 0;
    part->to = INT64_MAX;
    part->step = 1;

    if (is_integer(parser) && !parse_integer(parser, &part->from)) {
        return false;
    }

    if (!take(parser, ':')) {
        return parser->p[-1] >= '0' && parser->p[-1] <= '9';
    }

    part->kind = PATH_SLICE;

    if (is_integer(parser) && !parse_integer(parser, &part->to)) {
        return false;
    }

    return !take(parser, ':') || !is_integer(parser)
           || (parse_integer(parser, &part->step) && part->step > 0);
}


static bool
parse_bracket(parser_t *parser, path_part_t *part)
{
    bool  good;

    if (take(parser, '*')) {
        part->kind = PATH_ALL;
        good = true;

    } else if (next_is(parser, '\'') || next_is(parser, '"')) {
        good = parse_quoted(parser, part);

    } else {
        good = parse_numbers(parser, part);
    }

    return good && take(parser, ']');
}


static bool
parse_part(parser_t *parser, path_part_t *part, bool first)
{
    if (take(parser, '[')) {
        return parse_bracket(parser, part);
    }

    if (!take(parser, '.')) {
        return first && parser->path->old && parse_name(parser, part);
    }

    part->below = take(parser, '.');

    return (part->below && take(parser, '[')) ? parse_bracket(parser, part)
                                              : parse_name(parser, part);
}


int
path_parse(ferrokv_ctx *ctx, ferrokv_str text, path_t *path)
{
    const char  *p = text.len > 0 ? text.data : "";
    parser_t     parser = { ctx, p, p + text.len, path };

    path->text = (ferrokv_str) { p, text.len };
    path->n = 0;
    path->old = !take(&parser, '$');

    if (path->old && text.len == 1 && *p == '.') {
        return FERROKV_OK;
    }

    while (parser.p != parser.end) {
        path_part_t  *part = &path->parts[path->n];

        if (path->n == PATH_PARTS_MAX) {
            return ctx->api->fail(ctx, FERROKV_EARG, "ERR JSON path has more "
                                  "than %d parts", PATH_PARTS_MAX);
        }

        memset(part, 0, sizeof(path_part_t));

        if (!parse_part(&parser, part, path->n == 0)) {
            return wrong(&parser);
        }

        path->n++;
    }

    return (path->n > 0 || !path->old) ? FERROKV_OK : wrong(&parser);
}


bool
path_is_root(const path_t *path)
{
    return path->n == 0;
}


bool
path_is_one(const path_t *path)
{
    for (unsigned i = 0; i < path->n; i++) {
        const path_part_t  *part = &path->parts[i];

        if (part->below || part->kind == PATH_ALL || part->kind == PATH_SLICE) {
            return false;
        }
    }

    return true;
}


static void
add(ferrokv_ctx *ctx, path_matches_t *found, path_match_t match)
{
    if (found->n == found->max) {
        size_t         max = found->max > 0 ? 2 * found->max : 4;
        path_match_t  *at = ctx->api->alloc(ctx, max * sizeof(path_match_t));

        if (found->n > 0) {
            memcpy(at, found->at, found->n * sizeof(path_match_t));
        }

        found->at = at;
        found->max = max;
    }

    found->at[found->n++] = match;
}


static void
choose(finder_t *f, doc_node_t *parent, size_t i)
{
    doc_node_t  *value = parent->items[i].value;

    if (value->seen != f->mark) {
        value->seen = f->mark;
        add(f->ctx, f->found, (path_match_t) { parent, i, value });
    }
}


static int64_t
bounded(int64_t n, int64_t len)
{
    n = (n < 0) ? n + len : n;

    return n < 0 ? 0 : n > len ? len : n;
}


static void
select_items(finder_t *f, doc_node_t *node)
{
    const path_part_t  *part = f->part;
    int64_t             len = (int64_t) node->n;
    doc_item_t         *item;

    switch (part->kind) {

    case PATH_NAME:
        item = (node->kind == DOC_OBJECT) ? doc_member(node, part->name)
                                          : NULL;
        if (item != NULL) {
            choose(f, node, (size_t) (item - node->items));
        }

        break;

    case PATH_INDEX:
        if (node->kind == DOC_ARRAY && part->from < len && part->from >= -len)
        {
            choose(f, node, (size_t) bounded(part->from, len));
        }

        break;

    case PATH_SLICE:
        if (node->kind == DOC_ARRAY) {
            int64_t  to = bounded(part->to, len);

            for (int64_t i = bounded(part->from, len); i < to; i += part->step)
            {
                choose(f, node, (size_t) i);
            }
        }

        break;

    case PATH_ALL:
        for (size_t i = 0; i < node->n; i++) {
            choose(f, node, i);
        }
    }
}


/* What one part of a path finds below a value that others may be below. */
static void
select_below(finder_t *f, doc_node_t *node)
{
    if (node->walked == f->mark) {
        return;
    }

    node->walked = f->mark;
    select_items(f, node);

    for (size_t i = 0; i < node->n; i++) {
        select_below(f, node->items[i].value);
    }
}


/* Marks of an earlier path in the same document are not to be met again. */
static void
forget(doc_node_t *node)
{
    node->seen = 0;
    node->walked = 0;

    for (size_t i = 0; i < node->n; i++) {
        forget(node->items[i].value);
    }
}


path_matches_t
path_find(ferrokv_ctx *ctx, const path_t *path, unsigned n, doc_node_t *root)
{
    path_matches_t  found = { NULL, 0, 0 };

    forget(root);
    add(ctx, &found, (path_match_t) { NULL, 0, root });

    for (unsigned i = 0; i < n; i++) {
        path_matches_t  next = { NULL, 0, 0 };
        finder_t        f = { ctx, &path->parts[i], i + 1, &next };

        for (size_t j = 0; j < found.n; j++) {
            if (path->parts[i].below) {
                select_below(&f, found.at[j].value);

            } else {
                select_items(&f, found.at[j].value);
            }
        }

        found = next;
    }

    return found;
}


int
path_missing(ferrokv_ctx *ctx, const path_t *path, const char *what)
{
    return ctx->api->fail(ctx, FERROKV_EARG, "ERR Path '%.*s' does not exist%s",
                          (int) path->text.len,
                          (const char *) path->text.data, what);
}
