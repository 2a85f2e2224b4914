/*
 * blocks sizes|index|filter - the table format, measured: which size of blocks,
 * what an index of lines gains, what a filter costs.  bench/README.md tells
 * about it, engine/format/tables.md has the results.
 */

#define _GNU_SOURCE
#include "blocks.h"

#include "data.h"
#include "format/key.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define HUGE_BYTES  (2 * 1024 * 1024)


double
seconds(void)
{
    struct timespec  ts;

    (void) clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);

    return (double) ts.tv_sec + (double) ts.tv_nsec / 1e9;
}


void
must(int rc)
{
    if (rc != FKV_OK) {
        fprintf(stderr, "blocks: %s\n", fkv_code_text(rc));
        exit(1);
    }
}


uint8_t *
room(size_t bytes)
{
    uint8_t  *p = aligned_alloc(HUGE_BYTES, (bytes / HUGE_BYTES + 1)
                                            * HUGE_BYTES);

    if (p == NULL) {
        must(FKV_ENOMEM);
    }

    (void) madvise(p, bytes, MADV_HUGEPAGE);
    memset(p, 0, bytes);

    return p;
}


fkv_str_t
ikey_of(uint64_t number, uint8_t *room_for_key)
{
    char  key[16];

    bench_key(key, number);

    return (fkv_str_t) {
        room_for_key,
        fkv__key_encode(room_for_key, FKV_NAMESPACE_USER,
                        (fkv_str_t) { (const uint8_t *) key, sizeof(key) })
    };
}


int
main(int argc, char **argv)
{
    static const struct {
        const char  *name;
        void       (*measure)(void);
    } modes[] = {
        { "sizes", measure_sizes },
        { "index", measure_index },
        { "filter", measure_filter },
    };
    bool  any = false;

    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (argc == 1 || strcmp(argv[1], modes[i].name) == 0) {
            modes[i].measure();
            any = true;
        }
    }

    if (!any) {
        fprintf(stderr, "usage: blocks [sizes|index|filter]\n");
        return 2;
    }

    return 0;
}
