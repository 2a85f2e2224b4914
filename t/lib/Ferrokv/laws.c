/*
 * laws.c - calls what an extension calls pure: merge operators, and a type's
 * input, output, recode, compact and weight, without a store.
 *
 *   laws LIBRARY          reads lines of words, answers each with one line
 *
 *   list                                  type=NAME,ENCVER,FUNCTIONS merge=...
 *   full NAME BASE OPERAND...             0 BYTES
 *   partial NAME OPERAND...               or a negative code and its text
 *   input NAME TEXT   output NAME VALUE   compact NAME VALUE
 *   recode NAME ENCVER VALUE              weight NAME VALUE
 *
 * Bytes are hexadecimal behind an "x"; "-" is no base.  What an extension is
 * given ends where the memory ends that it may read, and may not be written:
 * who goes beyond dies.  What it gives back must be sane, or the answer is
 * "bad" and says why.
 */

#define _GNU_SOURCE

#include <ferrokv_extension.h>

#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ARGUMENTS_MAX  64
#define ARGUMENT_MAX   (256 * 1024)
#define ALLOC_MAX      (64 << 20)
#define TEXT_MAX       256

/* Mapped once: the page behind is not there. */
typedef struct {
    char     *memory;
    size_t    len;
} argument;

typedef struct block_s {
    struct block_s  *next;
} block;

static argument    arguments[ARGUMENTS_MAX];
static unsigned    arguments_n;
static block      *blocks;
static size_t      room;
static jmp_buf     escape;
static char        text[TEXT_MAX];      /* of fail() */
static ferrokv_str said;
static unsigned    said_n;              /* how many answers */
static int         said_other;          /* not one string */


static void *
api_alloc(ferrokv_ctx *ctx, size_t size)
{
    block  *b;

    (void) ctx;

    if (size > room || (b = malloc(sizeof(block) + 16 + size)) == NULL) {
        snprintf(text, sizeof(text), "more memory than a call gets");
        longjmp(escape, 1);
    }

    room -= size;
    b->next = blocks;
    blocks = b;

    /* What is read before it was written is not zero. */
    return memset((char *) b + 16, 0xa5, size);
}


static void *
api_keep(ferrokv_ctx *ctx, size_t size)
{
    (void) ctx;
    (void) size;

    return NULL;
}


static void
api_drop(ferrokv_ctx *ctx, void *p)
{
    (void) ctx;
    (void) p;
}


static int
api_fail(ferrokv_ctx *ctx, int rc, const char *fmt, ...)
{
    va_list  args;

    (void) ctx;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);

    return rc;
}


static void
api_log(ferrokv_ctx *ctx, int level, const char *fmt, ...)
{
    (void) ctx;
    (void) level;
    (void) fmt;
}


/* As nginx.conf would say them: "64", "16k", "5m" of a time, "on". */
static int64_t
number_of(const ferrokv_param *param, const char *value)
{
    static const struct {
        const char  *unit;
        int64_t      size;
        int64_t      time;
    } units[] = {
        { "", 1, 1000 }, { "k", 1 << 10, 0 }, { "m", 1 << 20, 60000 },
        { "g", 1 << 30, 0 }, { "ms", 0, 1 }, { "s", 0, 1000 },
        { "h", 0, 3600000 }, { "d", 0, 86400000 }
    };
    char     *end;
    int64_t   n = strtoll(value, &end, 10);

    if (param->form == FERROKV_FLAG) {
        return strcmp(value, "on") == 0;
    }

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcasecmp(end, units[i].unit) == 0) {
            return param->form == FERROKV_TIME ? n * units[i].time
                   : param->form == FERROKV_SIZE ? n * units[i].size : n;
        }
    }

    return n;
}


static int64_t
choice_of(const ferrokv_param *param)
{
    size_t       len = strlen(param->dflt);
    int64_t      n = 0;

    for (const char *p = param->values; p != NULL; n++) {
        if (strncmp(p, param->dflt, len) == 0 && strchr("|", p[len]) != NULL) {
            return n;
        }

        p = strchr(p, '|');
        p = (p != NULL) ? p + 1 : NULL;
    }

    return 0;
}


/* The default: a law holds with whatever is set. */
static int
api_param(ferrokv_ctx *ctx, const ferrokv_param *param, void *out)
{
    (void) ctx;

    if (param->form == FERROKV_TEXT) {
        *(ferrokv_str *) out = (ferrokv_str) { param->dflt,
                                               strlen(param->dflt) };
    } else {
        *(int64_t *) out = (param->form == FERROKV_CHOICE)
                           ? choice_of(param) : number_of(param, param->dflt);
    }

    return FERROKV_OK;
}


static int
say_other(void)
{
    said_n++;
    said_other = 1;

    return FERROKV_OK;
}


static int
api_say_str(ferrokv_ctx *ctx, ferrokv_str str)
{
    char  *copy = api_alloc(ctx, str.len);

    if (str.len != 0) {
        memcpy(copy, str.data, str.len);
    }

    said = (ferrokv_str) { copy, str.len };
    said_n++;

    return FERROKV_OK;
}


static int api_say_int(ferrokv_ctx *c, int64_t n)
    { (void) c; (void) n; return say_other(); }
static int api_say_real(ferrokv_ctx *c, double n)
    { (void) c; (void) n; return say_other(); }
static int api_say_bool(ferrokv_ctx *c, int n)
    { (void) c; (void) n; return say_other(); }
static int api_say_status(ferrokv_ctx *c, const char *s)
    { (void) c; (void) s; return say_other(); }
static int api_say_null(ferrokv_ctx *c)
    { (void) c; return say_other(); }
static int api_say_many(ferrokv_ctx *c, size_t n)
    { (void) c; (void) n; return say_other(); }
static size_t api_say_begin(ferrokv_ctx *c)
    { (void) c; return (size_t) say_other(); }
static int api_say_end(ferrokv_ctx *c, size_t begin, size_t n)
    { (void) c; (void) begin; (void) n; return FERROKV_OK; }


/* There is no store. */
static int api_get(ferrokv_ctx *c, ferrokv_str k, ferrokv_str e,
    ferrokv_value *v)
    { (void) c; (void) k; (void) e; (void) v; return FERROKV_EPLACE; }
static int api_put(ferrokv_ctx *c, ferrokv_str k, ferrokv_str e,
    const ferrokv_value *v)
    { (void) c; (void) k; (void) e; (void) v; return FERROKV_EPLACE; }
static int api_del(ferrokv_ctx *c, ferrokv_str k, ferrokv_str e)
    { (void) c; (void) k; (void) e; return FERROKV_EPLACE; }
static int api_merge(ferrokv_ctx *c, ferrokv_str k, ferrokv_str e,
    const ferrokv_type *t, ferrokv_str o)
    { (void) c; (void) k; (void) e; (void) t; (void) o;
      return FERROKV_EPLACE; }
static int api_scan(ferrokv_ctx *c, ferrokv_str k, ferrokv_str from,
    ferrokv_str to, uint64_t n, ferrokv_row row, void *data)
    { (void) c; (void) k; (void) from; (void) to; (void) n; (void) row;
      (void) data; return FERROKV_EPLACE; }
static int api_keys(ferrokv_ctx *c, ferrokv_str p, ferrokv_str a, uint64_t n,
    ferrokv_row row, void *data)
    { (void) c; (void) p; (void) a; (void) n; (void) row; (void) data;
      return FERROKV_EPLACE; }


static const ferrokv_api  api = {
    .size = sizeof(ferrokv_api), .version = FERROKV_API,
    .alloc = api_alloc, .keep = api_keep, .drop = api_drop,
    .fail = api_fail, .log = api_log, .param = api_param,
    .get = api_get, .put = api_put, .del = api_del, .merge = api_merge,
    .scan = api_scan, .keys = api_keys,
    .say_int = api_say_int, .say_real = api_say_real,
    .say_bool = api_say_bool, .say_status = api_say_status,
    .say_str = api_say_str, .say_null = api_say_null,
    .say_array = api_say_many, .say_set = api_say_many,
    .say_map = api_say_many, .say_begin = api_say_begin,
    .say_end = api_say_end
};


/* A definition by its name; NULL: there is none. */
static const void *
find(const ferrokv_extension *extension, unsigned kind, const char *name)
{
    for (const void *const *p = extension->provides; *p != NULL; p++) {
        const ferrokv_worker  *head = *p;       /* all begin alike */

        if (head->kind == kind && strcmp(head->name, name) == 0) {
            return head;
        }
    }

    return NULL;
}


static ferrokv_str
argument_of(const char *word)
{
    argument  *arg = &arguments[arguments_n++];
    size_t     len = (strlen(word) - 1) / 2;
    char      *p;

    if (arguments_n == ARGUMENTS_MAX || len > ARGUMENT_MAX || word[0] != 'x') {
        fprintf(stderr, "laws: bad argument\n");
        exit(2);
    }

    if (arg->memory == NULL) {
        arg->memory = mmap(NULL, ARGUMENT_MAX + 65536, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (arg->memory == MAP_FAILED
            || mprotect(arg->memory + ARGUMENT_MAX, 65536, PROT_NONE) != 0)
        {
            perror("laws: mmap");
            exit(2);
        }
    }

    (void) mprotect(arg->memory, ARGUMENT_MAX, PROT_READ | PROT_WRITE);
    p = arg->memory + ARGUMENT_MAX - len;

    for (size_t i = 0; i < len; i++) {
        unsigned  byte;

        sscanf(word + 1 + 2 * i, "%2x", &byte);
        p[i] = (char) byte;
    }

    (void) mprotect(arg->memory, ARGUMENT_MAX, PROT_READ);

    return (ferrokv_str) { p, len };
}


static void
answer(int rc, ferrokv_str out)
{
    const unsigned char  *p = out.data;

    if (rc != FERROKV_OK) {
        printf("%d %s\n", rc, text);
        return;
    }

    if (out.data == NULL && out.len != 0) {
        printf("bad: %zu bytes at NULL\n", out.len);
        return;
    }

    if (out.len > ALLOC_MAX) {
        printf("bad: %zu bytes\n", out.len);
        return;
    }

    printf("0 x");

    for (size_t i = 0; i < out.len; i++) {
        printf("%02x", p[i]);
    }

    printf("\n");
}


static void
answer_value(int rc, const ferrokv_value *out, const ferrokv_type *type)
{
    if (rc == FERROKV_OK && out->type != NULL && type != NULL
        && out->type != type)
    {
        printf("bad: of another type\n");
        return;
    }

    answer(rc, out->data);
}


static void
run_merge(const ferrokv_extension *extension, ferrokv_ctx *ctx, char **words,
    unsigned n)
{
    const ferrokv_merge  *merge = find(extension, FERROKV_KIND_MERGE,
                                       words[1]);
    int                   full = strcmp(words[0], "full") == 0;
    unsigned              first = full ? 3 : 2;
    const ferrokv_str     key = { "key", 3 };
    ferrokv_str           ops[ARGUMENTS_MAX], part = { NULL, 0 };
    ferrokv_value         base, out;

    if (merge == NULL || n < first) {
        printf("bad: no merge operator \"%s\"\n", words[1]);
        return;
    }

    memset(&base, 0, sizeof(base));
    memset(&out, 0, sizeof(out));

    for (unsigned i = first; i < n; i++) {
        ops[i - first] = argument_of(words[i]);
    }

    if (!full) {
        if (merge->partial == NULL) {
            printf("none\n");
            return;
        }

        answer(merge->partial(ctx, key, ops, n - first, &part), part);
        return;
    }

    if (words[2][0] != '-') {
        base.data = argument_of(words[2]);

        for (const void *const *p = extension->provides; *p != NULL; p++) {
            const ferrokv_type  *type = *p;

            if (type->kind == FERROKV_KIND_TYPE && type->merge != NULL
                && strcmp(type->merge, merge->name) == 0)
            {
                base.type = type;
            }
        }
    }

    answer_value(merge->full(ctx, key, words[2][0] != '-' ? &base : NULL, ops,
                             n - first, &out), &out, NULL);
}


static void
run_type(const ferrokv_extension *extension, ferrokv_ctx *ctx, char **words,
    unsigned n)
{
    const ferrokv_type  *type = find(extension, FERROKV_KIND_TYPE, words[1]);
    const ferrokv_str    key = { "key", 3 };
    ferrokv_value        value, out;
    int                  rc;

    if (type == NULL) {
        printf("bad: no type \"%s\"\n", words[1]);
        return;
    }

    memset(&value, 0, sizeof(value));
    memset(&out, 0, sizeof(out));
    value.type = type;
    value.data = argument_of(words[n - 1]);

    if (strcmp(words[0], "input") == 0 && type->input != NULL) {
        answer_value(type->input(ctx, value.data, &out), &out, type);

    } else if (strcmp(words[0], "recode") == 0 && type->recode != NULL) {
        answer_value(type->recode(ctx, (uint32_t) atoi(words[2]), value.data,
                                  &out), &out, type);

    } else if (strcmp(words[0], "compact") == 0 && type->compact != NULL) {
        answer_value(type->compact(ctx, key, &value, &out), &out, type);

    } else if (strcmp(words[0], "weight") == 0 && type->weight != NULL) {
        printf("%llu\n", (unsigned long long) type->weight(&value));

    } else if (strcmp(words[0], "output") == 0 && type->output != NULL) {
        rc = type->output(ctx, &value);

        if (rc == FERROKV_OK && said_n == 0) {
            printf("bad: no answer\n");

        } else if (rc == FERROKV_OK && (said_other || said_n > 1)) {
            printf("other\n");

        } else {
            answer(rc, said);
        }

    } else {
        printf("none\n");
    }
}


static void
list(const ferrokv_extension *extension)
{
    const char  *before = "";

    for (const void *const *p = extension->provides; *p != NULL; p++) {
        const ferrokv_type  *type = *p;

        if (type->kind == FERROKV_KIND_TYPE) {
            printf("%stype=%s,%u", before, type->name, type->encver);

        } else if (type->kind == FERROKV_KIND_MERGE) {
            printf("%smerge=%s", before, type->name);

        } else {
            continue;
        }

        before = " ";
    }

    printf("\n");
}


static void
run(const ferrokv_extension *extension, char **words, unsigned n)
{
    ferrokv_ctx  ctx = { &api, NULL, 1700000000000, 12345, FERROKV_IN_PURE,
                         extension->schema };

    arguments_n = 0;
    room = ALLOC_MAX;
    text[0] = '\0';
    said_n = 0;
    said_other = 0;

    if (setjmp(escape) != 0) {
        printf("%d %s\n", FERROKV_EMEMORY, text);

    } else if (n == 1 && strcmp(words[0], "list") == 0) {
        list(extension);

    } else if (n >= 3 && (strcmp(words[0], "full") == 0
                          || strcmp(words[0], "partial") == 0))
    {
        run_merge(extension, &ctx, words, n);

    } else if (n >= 3) {
        run_type(extension, &ctx, words, n);

    } else {
        printf("bad: no such line\n");
    }

    while (blocks != NULL) {
        block  *next = blocks->next;

        free(blocks);
        blocks = next;
    }
}


int
main(int argc, char **argv)
{
    const ferrokv_magic  *magic;
    char                 *line = NULL;
    size_t                size = 0;
    void                 *library;

    library = dlopen(argc > 1 ? argv[1] : "", RTLD_NOW | RTLD_LOCAL);
    magic = (library != NULL) ? dlsym(library, FERROKV_MAGIC_SYMBOL) : NULL;

    if (magic == NULL || magic->magic != FERROKV_MAGIC
        || magic->abi != FERROKV_ABI)
    {
        fprintf(stderr, "laws: %s is no extension: %s\n", argv[1],
                library == NULL ? dlerror() : "no magic");
        return 2;
    }

    setvbuf(stdout, NULL, _IOLBF, 0);

    while (getline(&line, &size, stdin) > 0) {
        char      *words[ARGUMENTS_MAX];
        unsigned   n = 0;

        words[0] = strtok(line, " \n");

        while (words[n] != NULL && ++n < ARGUMENTS_MAX) {
            words[n] = strtok(NULL, " \n");
        }

        if (n > 0) {
            run(magic->extension, words, n);
        }
    }

    return 0;
}
