#include "scan.h"
#include "args.h"
#include "glob.h"
#include "number.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_DEFAULT  10
#define CURSOR_BYTES   24
#define PAGE_MAX       ((uint64_t) 1 << 32)
#define MORE           16

typedef struct {
    const scan_t  *scan;
    member_t      *list;
    uint64_t       n, room;
    uint64_t       seen;
    uint32_t       last;        /* where the latest stands */
    uint64_t       cursor;
} page_t;


/* As strtoul() reads it: nothing at all is 0, too. */
int
scan_cursor(ferrokv_ctx *ctx, ferrokv_str arg, scan_t *scan)
{
    char   copy[CURSOR_BYTES], *end = copy;
    bool   ok = (arg.len < sizeof(copy));

    memset(scan, 0, sizeof(*scan));
    scan->count = COUNT_DEFAULT;

    if (ok) {
        memcpy(copy, arg.len > 0 ? arg.data : "", arg.len);
        copy[arg.len] = '\0';
        errno = 0;
        scan->cursor = strtoull(copy, &end, 10);
        ok = (*end == '\0' && errno == 0 && copy[0] != ' '
              && (copy[0] < '\t' || copy[0] > '\r'));
    }

    return ok ? FERROKV_OK
           : ctx->api->fail(ctx, FERROKV_EARG, "ERR invalid cursor");
}


int
scan_options(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv,
    scan_t *scan)
{
    for (size_t i = 3; i < argc; i += 2) {

        if (i + 1 == argc) {
            return args_syntax(ctx);
        }

        if (args_is(argv[i], "MATCH")) {
            scan->match = argv[i + 1];
            scan->match.data = scan->match.len > 0 ? scan->match.data : "";

        } else if (args_is(argv[i], "COUNT")) {
            int  rc = args_int(ctx, argv[i + 1], &scan->count);

            if (rc != FERROKV_OK) {
                return rc;
            }

            if (scan->count < 1) {
                return args_syntax(ctx);
            }

        } else {
            return args_syntax(ctx);
        }
    }

    return FERROKV_OK;
}


bool
scan_wants(const scan_t *scan, ferrokv_str name)
{
    return scan->match.data == NULL || glob(scan->match, name);
}


void
scan_say(ferrokv_ctx *ctx, uint64_t cursor, size_t n)
{
    char         text[NUMBER_INT_BYTES];
    ferrokv_str  str = { text, number_int_put(text, (int64_t) cursor) };

    ctx->api->say_array(ctx, 2);
    ctx->api->say_str(ctx, str);
    ctx->api->say_array(ctx, n);
}


static void
page_add(members_t *m, page_t *page, const member_t *member)
{
    member_t  *list;

    if (page->n == page->room) {
        page->room = 2 * page->room + 16;
        list = m->ctx->api->alloc(m->ctx, page->room * sizeof(member_t));

        if (page->n > 0) {
            memcpy(list, page->list, page->n * sizeof(member_t));
        }

        page->list = list;
    }

    page->list[page->n++] = *member;
}


static int
page_row(members_t *m, void *data, const member_t *member)
{
    page_t  *page = data;

    if (m->form == MEMBERS_ELEMENTS) {
        uint32_t  place = members_place(m, member->name);

        if (page->seen >= (uint64_t) page->scan->count && place != page->last) {
            page->cursor = place;
            return MEMBERS_STOP;
        }

        page->seen++;
        page->last = place;
    }

    if (scan_wants(page->scan, member->name)) {
        page_add(m, page, member);
    }

    return FERROKV_OK;
}


static int
page_fill(members_t *m, page_t *page)
{
    int  rc;

    if (m->form != MEMBERS_ELEMENTS) {
        return members_each(m, page_row, page);
    }

    if (page->scan->cursor > UINT32_MAX) {
        return FERROKV_OK;
    }

    /* only the next place says where to go on: further, if need be */
    for (uint64_t n = (uint64_t) page->scan->count; ; ) {
        n = (n < PAGE_MAX) ? 2 * n + MORE : 0;
        page->n = 0;
        page->seen = 0;
        rc = members_from(m, (uint32_t) page->scan->cursor, n, page_row, page);

        if (rc != FERROKV_OK || n == 0 || m->walked < n) {
            return (rc < 0) ? rc : FERROKV_OK;
        }
    }
}


int
scan_members(const members_kind_t *kind, scan_text text, ferrokv_ctx *ctx,
    size_t argc, const ferrokv_str *argv)
{
    members_t  m;
    scan_t     scan;
    page_t     page = { &scan, NULL, 0, 0, 0, 0, 0 };
    int        rc;

    if ((rc = scan_cursor(ctx, argv[2], &scan)) != FERROKV_OK
        || (rc = members_open(&m, kind, ctx, argv[1])) != FERROKV_OK)
    {
        return rc;
    }

    if (m.form == MEMBERS_NONE) {
        scan_say(ctx, 0, 0);
        return FERROKV_OK;
    }

    if ((rc = scan_options(ctx, argc, argv, &scan)) != FERROKV_OK
        || (rc = page_fill(&m, &page)) != FERROKV_OK)
    {
        return rc;
    }

    scan_say(ctx, page.cursor, kind->valued ? 2 * page.n : page.n);

    for (uint64_t i = 0; i < page.n; i++) {
        ctx->api->say_str(ctx, page.list[i].name);

        if (kind->valued) {
            ctx->api->say_str(ctx, (text != NULL)
                                   ? text(ctx, page.list[i].value)
                                   : page.list[i].value);
        }
    }

    return FERROKV_OK;
}
