# bench/engine still builds and runs: our engine alone, a few keys.

use strict;
use warnings;

use JSON::PP;
use Test::More;

my $out = 'build/bench/smoke';
my $log = "$out/smoke.log";

system("mkdir -p $out");
my $make = 'make -j2 -s -f bench/engine/build.mk';

is(system("$make B=$out/engine DRIVERS='raw ferrokv' > $log 2>&1"), 0,
   'it builds') or BAIL();

my %env = (ENGINES => 'ferrokv', KEYS => 3000, OPS => 4000, SECONDS => 5,
           SYNC_SECONDS => 1, CACHE => 16, OUT => $out,
           CASES => 'fillrandom,readrandom,readmissing,seekrandom,'
                    . 'readwhilewriting,ycsb-f,sync-16');
my $env = join ' ', map { "$_=$env{$_}" } sort keys %env;

is(system("env $env bench/engine/run > $log 2>&1"), 0, 'it runs') or BAIL();

my $report = decode_json(slurp("$out/engine.json"));
my %found = (readrandom => 4000, readmissing => 0, readwhilewriting => 4000);

for my $case (@{ $report->{cases} }) {
    my ($name, $r) = ($case->{name}, $case->{results}{ferrokv}[0]);

    cmp_ok($r->{rate}, '>', 0, "$name has a rate");
    cmp_ok($r->{p50}, '<=', $r->{p99}, "$name has latencies");
    is($r->{found}, $found{$name}, "$name found what is there")
        if defined $found{$name};
}

is(@{ $report->{cases} }, 7, 'all cases were run');
like(slurp($log), qr/settings\n +ferrokv +memory=32m/, 'it says what it ran');

done_testing();


sub slurp {
    local (@ARGV, $/) = @_;
    return <> // '';
}


sub BAIL {
    diag(slurp($log));
    done_testing();
    exit 1;
}
