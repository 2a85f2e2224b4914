# The arithmetic: redis-cell's answers, and what must hold of any.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use IPC::Open2 qw(open2);
use Test::More;

my $source = abs_path(dirname($0) . '/..');
my $dir = tempdir(CLEANUP => 1);

# Lines "take|give burst count period(s) now(ns) units tat" -> five integers, tat.
open my $c, '>', "$dir/driver.c" or die;
print {$c} <<'C';
#include "gcra.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int
main(void)
{
    char         verb[8];
    int64_t      burst, count, period, now, units, tat;
    gcra_rule    rule;
    gcra_result  r;

    setvbuf(stdout, NULL, _IOLBF, 0);

    while (scanf("%7s %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64
                 " %" SCNd64, verb, &burst, &count, &period, &now, &units,
                 &tat) == 7)
    {
        if (!gcra_make(&rule, burst, count, period)
            || !gcra_fits(&rule, units))
        {
            printf("range\n");
            continue;
        }

        r = (strcmp(verb, "take") == 0) ? gcra_take(&rule, now, units, &tat)
                                        : gcra_give(&rule, now, units, &tat);

        printf("%d %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64
               " %" PRId64 "\n", r.limited, rule.limit, r.remaining,
               gcra_seconds(r.retry_after), gcra_seconds(r.reset_after), tat,
               r.retry_after);
    }

    return 0;
}
C
close $c or die;

is(system("cc -O1 -Wall -Wextra -Werror -fsanitize=undefined"
          . " -fno-sanitize-recover=undefined -I$source -o $dir/driver"
          . " $dir/driver.c $source/gcra.c"), 0, 'the driver compiles')
    or BAIL_OUT('cc');

open2(my $out, my $in, "$dir/driver");
$in->autoflush(1);


sub ask {
    print {$in} "@_\n";
    my $line = <$out> // die 'the driver has gone';

    chomp $line;
    return $line;
}


# Five at once, one a second: milliseconds, units => limited, remaining,
# seconds until it could pass, seconds until all is paid.
my $start = 1_700_000_000_000_000_000;
my $tat = 0;

for ([0,    6 => '1 5 -1 0'],   [0,    1 => '0 4 -1 1'],
     [0,    1 => '0 3 -1 2'],   [0,    1 => '0 2 -1 3'],
     [0,    1 => '0 1 -1 4'],   [0,    1 => '0 0 -1 5'],
     [0,    1 => '1 0 1 5'],    [3000, 1 => '0 2 -1 3'],
     [3100, 1 => '0 1 -1 4'],   [4000, 1 => '0 1 -1 4'],
     [8000, 1 => '0 4 -1 1'],   [9500, 1 => '0 4 -1 1'],
     [9500, 0 => '0 4 -1 1'],   [9500, 2 => '0 2 -1 3'],
     [9500, 5 => '1 2 3 3'],    [9501, 5 => '1 2 3 3'],
     [9500, 6 => '1 2 -1 3'],   [99999, 0 => '0 5 -1 0'])
{
    my ($ms, $units, $expected) = @$_;
    my ($limited, $limit, $remaining, $retry, $reset, $new) =
        split ' ', ask('take', 4, 1, 1, $start + $ms * 1e6, $units, $tat);

    is("$limited $remaining $retry $reset", $expected, "$units at $ms ms");
    $tat = $new;
}

is(ask('take', 15, 30, 60, $start, 1, 0) =~ s/( -?\d+){2}$//r, '0 16 15 -1 2',
   'the example of its documentation');

# Whatever the rule: what is refused passes after its time and not before, what
# is given back is as if it had not been taken.
my $seed = $ENV{FKV_SEED} // int(rand(1 << 30));
my %wrong = (early => 0, late => 0, refund => 0, many => 0);

srand $seed;

for (1 .. 3000) {
    my @rule = (int(rand(20)), 1 + int(rand(1000)), 1 + int(rand(100)));
    my $step = int($rule[2] * 1e9 / $rule[1]);
    my ($now, $state, $passed) = ($start, 0, 0);

    for (1 .. 20) {
        my $units = int(rand(4));
        my ($limited, $retry, $new) =
            (split ' ', ask('take', @rule, $now, $units, $state))[0, 6, 5];

        if ($limited && $retry > 0) {
            $wrong{late}++
                if ask('take', @rule, $now + $retry, $units, $state) !~ /^0/;
            $wrong{early}++
                if ask('take', @rule, $now + $retry - 1, $units, $state) !~ /^1/;
        }

        if (!$limited) {
            my $back = (split ' ', ask('give', @rule, $now, $units, $new))[5];

            $wrong{refund}++ if $back != ($state > $now ? $state : $now);
            $passed += $units;
        }

        $state = $new;
        $now += int(rand(2 * $step));
        $wrong{many}++
            if $passed > $rule[0] + 1 + ($now - $start) / $step;
    }
}

is($wrong{$_}, 0, "$_: FKV_SEED=$seed") for sort keys %wrong;

# What does not fit.
is(ask('take', @$_, $start, 1, 0), 'range', "out of range: @$_")
    for [0, 0, 1], [0, 1, 0], [0, 2_000_000_000, 1], [0, 1, 4e9],
        [9e12, 1, 1];
is(ask('take', 0, 1, 1, $start, 9_999_999_999_999, 0), 'range', 'units');
like(ask('take', 0, 1, 3_153_600_000, $start, 1, 0), qr/^0 1 0 -1 3153600000 /,
     'a hundred years');

close $in;
done_testing();
