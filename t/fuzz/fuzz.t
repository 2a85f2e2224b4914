# Fuzz targets: each is given its corpus.  With FKV_SECONDS= libFuzzer looks for
# more inputs, that long for each; FUZZ="table request" are the only ones then.
# What it finds is kept in build/fuzz/found, what fails in build/fuzz/failed.

use strict;
use warnings;

use File::Basename qw(basename);
use File::Path qw(make_path);
use Test::More;

my $unit    = $ENV{UNIT} // 'build/unit';
my $seconds = $ENV{FKV_SECONDS};
my $seed    = $ENV{FKV_SEED} || time;
my %only    = map { $_ => 1 } split ' ', $ENV{FUZZ} // '';
my @targets = grep { !/^(main|seeds)$/ && (!%only || $only{$_}) }
              map { basename($_, '.c') } sort glob 't/fuzz/*.c';
my ($inputs, $runs) = (0, 0);

replay($_) for @targets;

if ($seconds) {
    SKIP: {
        skip 'clang is not here: make fuzz-deps', scalar @targets
            if system('clang --version > /dev/null 2>&1');

        make_path(qw(build/fuzz/found build/fuzz/failed));
        is(system('make -s fuzz > build/fuzz/log 2>&1'), 0, 'they are built')
            or diag(slurp('build/fuzz/log'));
        note("FKV_SEED=$seed");
        fuzz($_) for @targets;
    }
}

diag("fuzz: " . @targets . " targets, $inputs inputs replayed"
     . ($seconds ? ", $runs tried, seed $seed" : ''));
done_testing();


sub replay {
    my ($name) = @_;
    my @out = `$unit/fuzz/$name t/fuzz/corpus/$name 2>&1`;
    my $ran = grep m{^t/fuzz/corpus/}, @out;

    ok($? == 0 && $ran > 0, "$name: $ran inputs") or diag(@out);
    $inputs += $ran;
}


sub fuzz {
    my ($name) = @_;
    my ($found, $log) = ("build/fuzz/found/$name", "build/fuzz/$name.log");
    my $dict = "t/fuzz/$name.dict";

    make_path($found);

    my $failed = system("build/fuzz/fuzz/$name -max_total_time=$seconds"
        . " -seed=" . ($seed % 2**32) . " -max_len=65536 -timeout=60"
        . " -rss_limit_mb=2048 -print_final_stats=1"
        . " -artifact_prefix=build/fuzz/failed/$name-"
        . (-e $dict ? " -dict=$dict" : '')
        . " $found t/fuzz/corpus/$name > $log 2>&1");
    my $said = slurp($log);
    my @lines = grep { !/^#\d+\s/ } split /\n/, $said;
    my ($n) = $said =~ /number_of_executed_units: (\d+)/;
    my ($covered) = $said =~ /.*cov: (\d+)/s;

    ok(!$failed, "$name: " . ($n // 0) . ' tried, ' . ($covered // 0)
       . ' edges') or diag(join "\n", @lines);
    $runs += $n // 0;
}


sub slurp {
    local (@ARGV, $/) = @_;
    return <> // '';
}
