# The estimate: its error is not larger than Redis'.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use Test::More;

my $source = abs_path(dirname($0) . '/..');
my $dir = tempdir(CLEANUP => 1);

# Arguments: how many elements, in how many trials.  Prints the square root of
# the mean square of the error and its mean, in per cent.
open my $c, '>', "$dir/driver.c" or die;
print {$c} <<'C';
#include "registers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static registers_t  r, again;
static uint8_t      bytes[REGISTERS_BYTES_MAX];

int
main(int argc, char **argv)
{
    uint64_t  n = strtoull(argv[1], NULL, 10);
    uint64_t  trials = strtoull(argv[2], NULL, 10);
    double    squares = 0, sum = 0;

    for (uint64_t i = 0; i < trials; i++) {
        registers_init(&r);

        for (uint64_t j = 0; j < n; j++) {
            uint64_t  element[2] = { i, j };

            registers_add(&r, element, sizeof(element));
        }

        double  error = (double) registers_count(&r) / (double) n - 1;

        squares += error * error;
        sum += error;

        registers_init(&again);

        if (!registers_join(&again, bytes, registers_write(&r, bytes))
            || memcmp(&r, &again, sizeof(r)) != 0)
        {
            printf("not what was written\n");
            return 1;
        }
    }

    printf("%.4f %.4f\n", 100 * sqrt(squares / (double) trials),
           100 * sum / (double) trials);

    return argc != 3;
}
C
close $c or die;

is(system("cc -O2 -Wall -Wextra -Werror -fsanitize=undefined"
          . " -fno-sanitize-recover=undefined -I$source -o $dir/driver"
          . " $dir/driver.c $source/registers.c -lm"), 0, 'the driver compiles')
    or BAIL_OUT('cc');

# The elements are the same in every run, and so is the error; what is measured in
# so many trials may be off by three times its own spread.  An answer is a whole
# number, which moves the mean of small ones by half of one at most.
for ([1, 100], [10, 100], [100, 400], [1000, 400], [1050, 400], [5000, 400],
     [20_000, 400], [40_000, 400], [80_000, 400], [300_000, 400],
     [2_000_000, 40])
{
    my ($n, $trials) = @$_;
    my ($error, $bias) = split ' ', `$dir/driver $n $trials`;

    ok(defined $bias && $error <= 0.8125 * (1 + 3 / sqrt(2 * $trials)),
       "the standard error of $n is 0.81 %") or diag $error;
    ok(defined $bias && abs $bias <= 0.8125 * 3 / sqrt($trials) + 50 / $n,
       "it is not to one side of $n") or diag $bias;
}

done_testing();
