/*
 * bloom.c - the BF commands of RedisBloom: has this been added, for sure not or
 * probably?
 */

#include <ferrokv_extension.h>

#include "../collection/args.h"
#include "filter.h"
#include "options.h"


static int
not_found(ferrokv_ctx *ctx)
{
    return ctx->api->fail(ctx, FERROKV_EARG, "ERR not found");
}


static int
create(filter_t *filter, const options_t *options)
{
    return filter_create(filter, options->error, (uint64_t) options->capacity,
                         (uint32_t) options->expansion, options->fixed);
}


static int
reserve(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    options_t  options;
    filter_t   filter;
    int        rc;

    if ((rc = options_reserve(ctx, argc, argv, &options)) < 0
        || (rc = filter_open(&filter, ctx, argv[1])) < 0)
    {
        return rc;
    }

    if (rc == FERROKV_OK) {
        return ctx->api->fail(ctx, FERROKV_EARG, "ERR item exists");
    }

    if ((rc = create(&filter, &options)) < 0
        || (rc = filter_close(&filter)) < 0)
    {
        return rc;
    }

    return ctx->api->say_status(ctx, "OK");
}


/* added: of each item whether it was new. */
static int
add_items(ferrokv_ctx *ctx, ferrokv_str key, const options_t *options,
    const ferrokv_str *items, size_t n, bool *added)
{
    filter_t  filter;
    int       rc = filter_open(&filter, ctx, key);

    if (rc == FERROKV_NONE) {
        rc = options->only ? not_found(ctx) : create(&filter, options);

    } else if (rc == FERROKV_OK) {
        rc = filter_ahead(&filter, items, n);
    }

    if (rc < 0) {
        return rc;
    }

    filter_adds(&filter, n);

    for (size_t i = 0; i < n; i++) {

        rc = filter_add(&filter, items[i]);
        if (rc < 0) {
            return rc;
        }

        added[i] = (rc == FERROKV_OK);
    }

    return filter_close(&filter);
}


static int
say_items(ferrokv_ctx *ctx, const bool *are, size_t n)
{
    ctx->api->say_array(ctx, n);

    for (size_t i = 0; i < n; i++) {
        ctx->api->say_int(ctx, are[i]);
    }

    return FERROKV_OK;
}


static int
add(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    options_t  options;
    bool       added;
    int        rc;

    (void) argc;

    if ((rc = options_default(ctx, &options)) < 0
        || (rc = add_items(ctx, argv[1], &options, argv + 2, 1, &added)) < 0)
    {
        return rc;
    }

    return ctx->api->say_int(ctx, added);
}


static int
madd(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    size_t      n = argc - 2;
    bool       *added = ctx->api->alloc(ctx, n * sizeof(bool));
    options_t   options;
    int         rc;

    if ((rc = options_default(ctx, &options)) < 0
        || (rc = add_items(ctx, argv[1], &options, argv + 2, n, added)) < 0)
    {
        return rc;
    }

    return say_items(ctx, added, n);
}


static int
insert(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    options_t   options;
    size_t      n;
    bool       *added;
    int         rc = options_insert(ctx, argc, argv, &options);

    if (rc < 0) {
        return rc;
    }

    n = argc - options.items;
    added = ctx->api->alloc(ctx, n * sizeof(bool));

    rc = add_items(ctx, argv[1], &options, argv + options.items, n, added);

    return (rc < 0) ? rc : say_items(ctx, added, n);
}


/* are: of each item whether it may have been added. */
static int
look_items(ferrokv_ctx *ctx, ferrokv_str key, const ferrokv_str *items,
    size_t n, bool *are)
{
    filter_t  filter;
    int       opened = filter_open(&filter, ctx, key);
    int       rc = opened;

    if (opened == FERROKV_OK) {
        rc = filter_ahead(&filter, items, n);
    }

    for (size_t i = 0; i < n && rc >= 0; i++) {

        if (opened == FERROKV_OK) {
            rc = filter_has(&filter, items[i]);
        }

        are[i] = (rc == FERROKV_OK);
    }

    return rc;
}


static int
exists(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    bool  is;
    int   rc = look_items(ctx, argv[1], argv + 2, 1, &is);

    (void) argc;

    return (rc < 0) ? rc : ctx->api->say_int(ctx, is);
}


static int
mexists(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    size_t   n = argc - 2;
    bool    *are = ctx->api->alloc(ctx, n * sizeof(bool));
    int      rc = look_items(ctx, argv[1], argv + 2, n, are);

    return (rc < 0) ? rc : say_items(ctx, are, n);
}


static uint64_t
items_of(const chain_t *chain)
{
    uint64_t  items = 0;

    for (unsigned i = 0; i < chain->layers_n; i++) {
        items += chain->layers[i].items;
    }

    return items;
}


static uint64_t
capacity_of(const chain_t *chain)
{
    uint64_t  capacity = 0;

    for (unsigned i = 0; i < chain->layers_n; i++) {
        capacity += chain->layers[i].capacity;
    }

    return capacity;
}


static int
card(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    filter_t  filter;
    int       rc = filter_open(&filter, ctx, argv[1]);

    (void) argc;

    return (rc < 0) ? rc
                    : ctx->api->say_int(ctx, (int64_t) items_of(&filter.chain));
}


typedef enum {
    INFO_CAPACITY, INFO_SIZE, INFO_FILTERS, INFO_ITEMS, INFO_EXPANSION, INFO_N
} info_e;

static const char *const  info_words[INFO_N] = {
    "CAPACITY", "SIZE", "FILTERS", "ITEMS", "EXPANSION"
};

static const char *const  info_names[INFO_N] = {
    "Capacity", "Size", "Number of filters", "Number of items inserted",
    "Expansion rate"
};


static int
say_info(ferrokv_ctx *ctx, const chain_t *chain, info_e which)
{
    switch (which) {
    case INFO_CAPACITY:
        return ctx->api->say_int(ctx, (int64_t) capacity_of(chain));
    case INFO_SIZE:
        return ctx->api->say_int(ctx, (int64_t) chain_size(chain));
    case INFO_FILTERS:
        return ctx->api->say_int(ctx, chain->layers_n);
    case INFO_ITEMS:
        return ctx->api->say_int(ctx, (int64_t) items_of(chain));
    case INFO_EXPANSION:
    case INFO_N:
        break;
    }

    return chain->fixed ? ctx->api->say_null(ctx)
                        : ctx->api->say_int(ctx, chain->expansion);
}


static int
say_info_of(ferrokv_ctx *ctx, const chain_t *chain, ferrokv_str word)
{
    for (info_e i = 0; i < INFO_N; i++) {
        if (args_is(word, info_words[i])) {
            ctx->api->say_array(ctx, 1);
            return say_info(ctx, chain, i);
        }
    }

    return ctx->api->fail(ctx, FERROKV_EARG, "ERR invalid information value");
}


static int
info(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    filter_t  filter;
    int       rc;

    if (argc > 3) {
        return args_arity(ctx, "bf.info");
    }

    rc = filter_open(&filter, ctx, argv[1]);

    if (rc != FERROKV_OK) {
        return (rc == FERROKV_NONE) ? not_found(ctx) : rc;
    }

    if (argc == 3) {
        return say_info_of(ctx, &filter.chain, argv[2]);
    }

    ctx->api->say_map(ctx, INFO_N);

    for (info_e i = 0; i < INFO_N; i++) {
        ctx->api->say_status(ctx, info_names[i]);
        say_info(ctx, &filter.chain, i);
    }

    return FERROKV_OK;
}


#define READS   FERROKV_COMMAND, FERROKV_READ | FERROKV_ELEMENTS
#define WRITES  FERROKV_COMMAND, FERROKV_WRITE | FERROKV_ELEMENTS

static const ferrokv_command  reserve_command = {
    FERROKV_COMMAND, FERROKV_WRITE, "BF.RESERVE", -4, 1, 1, 1, reserve,
    "key error_rate capacity [EXPANSION expansion] [NONSCALING]",
    "Makes an empty filter."
};

static const ferrokv_command  add_command = {
    WRITES, "BF.ADD", 3, 1, 1, 1, add, "key item",
    "Adds an item, and says whether it was new."
};

static const ferrokv_command  madd_command = {
    WRITES, "BF.MADD", -3, 1, 1, 1, madd, "key item [item ...]",
    "Adds items, and says of each whether it was new."
};

static const ferrokv_command  insert_command = {
    WRITES, "BF.INSERT", -4, 1, 1, 1, insert,
    "key [CAPACITY capacity] [ERROR error] [EXPANSION expansion] [NOCREATE] "
    "[NONSCALING] ITEMS item [item ...]",
    "Adds items to a filter that is made like this if there is none."
};

static const ferrokv_command  exists_command = {
    READS, "BF.EXISTS", 3, 1, 1, 1, exists, "key item",
    "Says whether an item may have been added."
};

static const ferrokv_command  mexists_command = {
    READS, "BF.MEXISTS", -3, 1, 1, 1, mexists, "key item [item ...]",
    "Says of each item whether it may have been added."
};

static const ferrokv_command  card_command = {
    FERROKV_COMMAND, FERROKV_READ, "BF.CARD", 2, 1, 1, 1, card, "key",
    "Says how many items were new when they were added."
};

static const ferrokv_command  info_command = {
    FERROKV_COMMAND, FERROKV_READ, "BF.INFO", -2, 1, 1, 1, info,
    "key [CAPACITY | SIZE | FILTERS | ITEMS | EXPANSION]",
    "Says how large a filter is, and how full."
};

static const void *const  provides[] = {
    &filter_type, &options_error, &options_capacity, &options_expansion,
    &reserve_command, &add_command, &madd_command, &insert_command,
    &exists_command, &mexists_command, &card_command, &info_command, NULL
};

static const ferrokv_extension  extension = {
    sizeof(ferrokv_extension), 0, "bloom", FERROKV_VERSION, provides, NULL, 0,
    0, NULL, NULL
};

FERROKV_DEFINE(extension);
