# A chain of layers: what was added is there, what was not is wrongly found no more
# often than was asked for; damaged bytes are refused, or are a chain.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use Test::More;

my $source = abs_path(dirname($0) . '/..');
my $dir = tempdir(CLEANUP => 1);

# fill ERROR CAPACITY ITEMS FIXED  -> added, missed, share wrongly found, layers
# noise SEED ROUNDS                -> how many damaged chains were still chains
open my $c, '>', "$dir/driver.c" or die;
print {$c} <<'C';
#include "chain.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STRANGERS  300000

static chain_t   chain, again;
static uint8_t  *blocks[CHAIN_LAYERS_MAX];

static uint8_t *
block_of(unsigned i, chain_item_t item)
{
    const chain_layer_t  *layer = &chain.layers[i];

    if (blocks[i] == NULL) {
        blocks[i] = calloc(layer->blocks, layer->bytes);
    }

    return blocks[i] + (size_t) chain_block(layer, item) * layer->bytes;
}

static bool
has(uint64_t number)
{
    chain_item_t  item = chain_item(&number, sizeof(number));

    for (unsigned i = 0; i < chain.layers_n; i++) {
        if (chain_has(&chain.layers[i], item, block_of(i, item))) {
            return true;
        }
    }

    return false;
}

static bool
add(uint64_t number)
{
    chain_item_t    item = chain_item(&number, sizeof(number));
    chain_layer_t  *layer;

    if (has(number)) {
        return true;
    }

    if (!chain_grow(&chain)) {
        return false;
    }

    layer = &chain.layers[chain.layers_n - 1];
    chain_set(layer, item, block_of(chain.layers_n - 1u, item));
    layer->items++;

    return true;
}

static int
fill(char **argv)
{
    uint64_t  n = strtoull(argv[4], NULL, 10), added = 0, missed = 0, wrong = 0;

    if (!chain_init(&chain, atof(argv[2]), strtoull(argv[3], NULL, 10), 2,
                    atoi(argv[5])))
    {
        return 1;
    }

    while (added < n && add(added)) {
        added++;
    }

    for (uint64_t i = 0; i < added; i++) {
        missed += !has(i);
    }

    for (uint64_t i = 0; i < STRANGERS; i++) {
        wrong += has(i + (UINT64_C(1) << 40));
    }

    printf("%zu %zu %g %u\n", (size_t) added, (size_t) missed,
           (double) wrong / STRANGERS, chain.layers_n);

    return 0;
}

static int
noise(char **argv)
{
    int  kept = 0;

    srand((unsigned) atoi(argv[2]));

    for (int i = atoi(argv[3]); i > 0; i--) {
        uint8_t   bytes[CHAIN_BYTES_MAX], other[CHAIN_BYTES_MAX], *copy;
        uint64_t  number = (uint64_t) rand();
        size_t    len;

        if (!chain_init(&chain, 0.01, 1, 1 + rand() % 3, rand() % 2)) {
            return 1;
        }

        for (int j = rand() % 4; j > 0; j--) {
            chain.layers[chain.layers_n - 1].items = 1;
            (void) chain_grow(&chain);
        }

        len = chain_write(&chain, bytes);

        if (!chain_read(&again, bytes, len)
            || chain_write(&again, other) != len
            || memcmp(bytes, other, len) != 0)
        {
            return 1;
        }

        for (int j = rand() % 5; j > 0; j--) {
            bytes[(size_t) rand() % len] = (uint8_t) rand();
        }

        len -= (rand() % 4 == 0) ? (size_t) rand() % len : 0;

        /* With nothing behind it that could be read by mistake. */
        copy = malloc(len);
        memcpy(copy, bytes, len);

        if (chain_read(&chain, copy, len)) {
            chain_item_t  item = chain_item(&number, sizeof(number));
            uint8_t       block[CHAIN_BLOCK_MAX] = { 0 };

            for (unsigned j = 0; j < chain.layers_n; j++) {
                chain_layer_t  *layer = &chain.layers[j];

                if (chain_block(layer, item) >= layer->blocks) {
                    return 1;
                }

                chain_set(layer, item, block);
                if (!chain_has(layer, item, block)) {
                    return 1;
                }
            }

            (void) chain_size(&chain);
            (void) chain_grow(&chain);
            kept++;
        }

        free(copy);
    }

    printf("%d\n", kept);

    return 0;
}

int
main(int argc, char **argv)
{
    return (argc == 6) ? fill(argv) : noise(argv);
}
C
close $c or die;

is(system("cc -O2 -Wall -Wextra -Werror -fsanitize=address,undefined"
          . " -fno-sanitize-recover=undefined -I$source -o $dir/driver"
          . " $dir/driver.c $source/chain.c -lm"), 0, 'the driver compiles')
    or BAIL_OUT('cc');

# The items are the same in every run, and so is what is wrongly found; strangers
# are so many that their share has a spread of its own.
for ([0.01, 100, 100, 1], [0.01, 100, 100, 0], [0.01, 100, 5000, 0],
     [0.01, 100_000, 100_000, 1], [0.001, 1000, 1000, 1],
     [0.001, 1000, 50_000, 0], [0.0001, 20_000, 20_000, 1], [0.1, 1, 1000, 0],
     [0.5, 10, 10, 1], [0.01, 8, 8, 1])
{
    my ($error, $capacity, $n, $fixed) = @$_;
    my $name = "$n items of $capacity at $error";
    my ($added, $missed, $wrong, $layers) =
        split ' ', `$dir/driver fill $error $capacity $n $fixed`;

    is($added, $n, "$name: all are taken");
    is($missed, 0, "$name: all are found");
    cmp_ok($wrong, '<=', $error + 4 * sqrt($error / 300_000),
           "$name: wrongly found");
    is($layers, 1, "$name: in one layer") if $n == $capacity;
    cmp_ok($layers, '>', 1, "$name: it grows") if $n > $capacity;
}

like(`$dir/driver fill 0.01 100 200 1`, qr/^1\d\d 0 /,
     'a fixed one takes no more than it was made for');

my $seed = $ENV{FKV_SEED} // int rand 1 << 30;

like(`$dir/driver noise $seed 20000`, qr/^\d+$/, "damaged, FKV_SEED=$seed");

done_testing();
