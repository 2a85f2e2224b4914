/*
 * index.c - ways to search an index: pages of one table over keys of several
 * kinds, with one line, no line, and as many as it takes.
 */

#include "blocks.h"

#include "data.h"
#include "format/index.h"
#include "format/key.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS      1000000
#define BLOCK       4096
#define PAGE_BYTES  (32 * 1024)
#define KEY_MAX     40

/* The pages one behind the other, and the page above them. */
typedef struct {
    fkv__buf_t     bytes;
    fkv__buf_t     root_bytes;
    size_t        *at;              /* of each page in bytes, and the end */
    uint32_t       pages_n;
    uint32_t       lines;
    fkv__index_t   root;
} spine_t;

/* The last key of each block. */
typedef struct {
    uint8_t    (*keys)[KEY_MAX];
    uint8_t    *lens;
} keys_t;


static fkv_str_t
key_at(const keys_t *keys, uint32_t i)
{
    return (fkv_str_t) { keys->keys[i], keys->lens[i] };
}


static void
key_set(keys_t *keys, uint32_t i, const char *text, size_t len)
{
    uint8_t  ikey[FKV__KEY_SIZE(KEY_MAX)];
    size_t   n = fkv__key_encode(ikey, FKV_NAMESPACE_USER,
                                 (fkv_str_t) { (const uint8_t *) text, len });

    memcpy(keys->keys[i], ikey, n);
    keys->lens[i] = (uint8_t) n;
}


/* Decimal: each number once, one in ten. */
static void
key_counted(keys_t *keys, uint32_t i, bench_random_t *random)
{
    char  text[16];

    (void) random;
    bench_key(text, (uint64_t) i * 200);
    key_set(keys, i, text, sizeof(text));
}


static void
key_drawn(keys_t *keys, uint32_t i, bench_random_t *random)
{
    char  text[16];

    bench_key(text, bench_below(random, 10000000000000000));
    key_set(keys, i, text, sizeof(text));
}


static void
key_hex(keys_t *keys, uint32_t i, bench_random_t *random)
{
    char  text[40];
    int   len = snprintf(text, sizeof(text), "%016" PRIx64 "%08x",
                         bench_random(random),
                         (unsigned) bench_below(random, 1u << 31));

    key_set(keys, i, text, (size_t) len);
}


/* Times in ms of events that come in bursts. */
static void
key_timed(keys_t *keys, uint32_t i, bench_random_t *random)
{
    static double  now = 1700000000000;
    char           text[40];
    double         u = (double) (bench_below(random, 1000000) + 1) / 1000001;
    int            len;

    now = (i == 0) ? 1700000000000 : now;
    now += (bench_below(random, 1000) == 0) ? 3600000 * u : -50 * log(u);
    len = snprintf(text, sizeof(text), "event:%013.0f:%04u", now,
                   (unsigned) bench_below(random, 10000));
    key_set(keys, i, text, (size_t) len);
}


/* Paths: few words, many of each. */
static void
key_path(keys_t *keys, uint32_t i, bench_random_t *random)
{
    static const char *const  words[] = {
        "about", "account", "api", "basket", "blog", "cache", "docs", "item",
        "news", "order", "product", "search", "session", "shop", "user", "x"
    };
    char  text[36];
    int   len = snprintf(text, sizeof(text), "/%s/%s/%" PRIu64,
                         words[bench_below(random, 16)],
                         words[bench_below(random, 16)],
                         bench_below(random, 100000000));

    key_set(keys, i, text, (size_t) len);
}


typedef struct {
    uint8_t  len;
    uint8_t  key[KEY_MAX];
} sortable_t;


static int
sortable_cmp(const void *a, const void *b)
{
    const sortable_t  *x = a, *y = b;

    return fkv__str_cmp((fkv_str_t) { x->key, x->len },
                        (fkv_str_t) { y->key, y->len });
}


static void
keys_sort(keys_t *keys)
{
    sortable_t  *all = malloc(BLOCKS * sizeof(*all));

    for (uint32_t i = 0; i < BLOCKS; i++) {
        all[i].len = keys->lens[i];
        memcpy(all[i].key, keys->keys[i], KEY_MAX);
    }

    qsort(all, BLOCKS, sizeof(*all), sortable_cmp);

    for (uint32_t i = 0; i < BLOCKS; i++) {
        keys->lens[i] = all[i].len;
        memcpy(keys->keys[i], all[i].key, KEY_MAX);
    }

    free(all);
}


static void
spine_page(spine_t *s, fkv__index_builder_t *page, fkv__index_builder_t *root,
    const keys_t *keys, uint32_t last, fkv__index_kind_e kind)
{
    fkv__index_t  opened;

    must(fkv__index_builder_finish(page, kind, 0, &s->bytes));

    must(fkv__index_open(&opened, (fkv_str_t) {
        s->bytes.data + s->at[s->pages_n],
        s->bytes.len - s->at[s->pages_n] }));
    s->lines += opened.lines_n;

    s->at[++s->pages_n] = s->bytes.len;
    must(fkv__index_builder_add(root, key_at(keys, last), 1,
        last + 1 < BLOCKS ? key_at(keys, last + 1) : FKV_STR_NULL,
        s->at[s->pages_n] - s->at[s->pages_n - 1]));
}


static void
spine_build(spine_t *s, const keys_t *keys, fkv__index_kind_e kind)
{
    fkv__index_builder_t  page, root;

    memset(s, 0, sizeof(*s));
    s->at = calloc(BLOCKS + 1, sizeof(*s->at));
    fkv__index_builder_init(&page);
    fkv__index_builder_init(&root);

    for (uint32_t i = 0; i < BLOCKS; i++) {
        must(fkv__index_builder_add(&page, key_at(keys, i), 1,
            i + 1 < BLOCKS ? key_at(keys, i + 1) : FKV_STR_NULL, BLOCK));

        if (fkv__index_builder_bytes(&page) >= PAGE_BYTES || i + 1 == BLOCKS) {
            spine_page(s, &page, &root, keys, i, kind);
        }
    }

    must(fkv__index_builder_finish(&root, kind, 0, &s->root_bytes));
    must(fkv__index_open(&s->root, fkv__buf_str(&s->root_bytes)));

    fkv__index_builder_done(&page);
    fkv__index_builder_done(&root);
}


/* As a lookup does it: the page is opened each time. */
static uint32_t
spine_seek(const spine_t *s, fkv_str_t ikey, unsigned *looks)
{
    fkv__index_t  page;
    uint32_t      at, i;

    must(fkv__index_seek(&s->root, ikey, 1, &i, looks));
    must(fkv__index_open(&page, (fkv_str_t) {
        s->bytes.data + s->at[i], s->at[i + 1] - s->at[i] }));
    must(fkv__index_seek(&page, ikey, 1, &at, looks));

    return at;
}


/* A lookup of each target; the comparisons are those of the last round. */
static double
spine_round(const spine_t *s, const keys_t *targets, unsigned *looks)
{
    double    start = seconds();
    uint32_t  sum = 0;

    *looks = 0;

    for (uint32_t i = 0; i < BLOCKS; i++) {
        sum += spine_seek(s, key_at(targets, i), looks);
    }

    must(sum != 0 ? FKV_OK : FKV_ECORRUPT);

    return seconds() - start;
}


static const struct {
    const char         *name;
    fkv__index_kind_e   kind;
} kinds[] = {
    { "binary", FKV__INDEX_BINARY },
    { "linear", FKV__INDEX_LINEAR },
    { "learned", FKV__INDEX_LEARNED }
};

#define KINDS  3


/* Kinds take turns, so that what disturbs one disturbs all. */
static void
keys_measure(const char *name, const keys_t *keys, const keys_t *targets)
{
    spine_t   spines[KINDS];
    double    least[KINDS] = { 0 };
    unsigned  looks[KINDS];

    for (unsigned k = 0; k < KINDS; k++) {
        spine_build(&spines[k], keys, kinds[k].kind);
    }

    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned k = 0; k < KINDS; k++) {
            double  took = spine_round(&spines[k], targets, &looks[k]);

            least[k] = (round == 0 || took < least[k]) ? took : least[k];
        }
    }

    for (unsigned k = 0; k < KINDS; k++) {
        spine_t  *s = &spines[k];

        printf("| %s | %s | %.2f | %.1f | %.1f | %.0f |\n", name,
               kinds[k].name,
               (double) (s->bytes.len + s->root_bytes.len) / BLOCKS,
               (double) s->lines / s->pages_n, (double) looks[k] / BLOCKS,
               least[k] * 1e9 / BLOCKS);

        fkv__buf_done(&s->bytes);
        fkv__buf_done(&s->root_bytes);
        free(s->at);
    }
}


static void
keys_init(keys_t *keys)
{
    keys->keys = (void *) room((size_t) BLOCKS * KEY_MAX);
    keys->lens = room(BLOCKS);
}


static void
keys_done(keys_t *keys)
{
    free(keys->keys);
    free(keys->lens);
}


/* In another order: they are read one after the other, and hardly cost. */
static void
keys_shuffle(keys_t *to, const keys_t *from)
{
    bench_shuffle_t  shuffle;

    bench_shuffle_init(&shuffle, BLOCKS, 1);

    for (uint32_t i = 0; i < BLOCKS; i++) {
        uint64_t  n = bench_shuffle(&shuffle, i);

        memcpy(to->keys[i], from->keys[n], KEY_MAX);
        to->lens[i] = from->lens[n];
    }
}


void
measure_index(void)
{
    static const struct {
        const char  *name;
        void       (*make)(keys_t *keys, uint32_t i, bench_random_t *random);
    } sets[] = {
        { "counted, 16 digits", key_counted },
        { "random, 16 digits", key_drawn },
        { "random, 24 hex digits", key_hex },
        { "times in bursts", key_timed },
        { "paths", key_path }
    };
    keys_t  keys, targets;

    keys_init(&keys);
    keys_init(&targets);

    printf("\n| keys | index | bytes a block | lines a page | comparisons "
           "| lookup ns |\n| --- | --- | --- | --- | --- | --- |\n");

    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
        bench_random_t  random = { 1 };

        for (uint32_t b = 0; b < BLOCKS; b++) {
            sets[i].make(&keys, b, &random);
        }

        keys_sort(&keys);
        keys_shuffle(&targets, &keys);
        keys_measure(sets[i].name, &keys, &targets);
    }

    keys_done(&keys);
    keys_done(&targets);
}
