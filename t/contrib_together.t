# The extensions of contrib beside each other: in pairs, in both orders, nginx
# takes them; all in one nginx, forwards and backwards, they answer as alone.

use strict;
use warnings;

use File::Basename qw(basename);
use Test::More;

use Ferrokv::Installed;
use Ferrokv::Nginx;
use Ferrokv::Regress;

my $granted = 'grant=net,threads,helper';
my @names = map { basename($_, '.control') } sort glob 'contrib/*/*.control';
my %there = map { $_ => 1 } installed_extensions();

is(join(' ', grep { !$there{$_} } @names), '', 'make has built them all')
    or BAIL_OUT('make contrib');

my $nginx = Ferrokv::Nginx->new(<<'CONF', vars => { EXTENSIONS => '' });
%%GLOBALS%%
%%EXTENSIONS%%
ferrokv_store main path=%%DIR%%/store memory=32m;
events { }
CONF

for my $first (@names) {
    for my $second (@names) {
        my %pair = map { $_ => 1 } $first, $second;

        # What one of them needs comes with it.
        my @needed = grep { !$pair{$_} }
            map { extension_requires($_) } sort keys %pair;
        my %once = map { $_ => 1 } @needed;
        my @conf = map { "$_ $granted" } sort(keys %once), $first,
            $first eq $second ? () : $second;

        $nginx->write_conf(undef,
                           vars => { EXTENSIONS => extension_conf(@conf) });

        my ($status, $text) = $nginx->test_conf;

        is($status, 0, $first eq $second ? $first : "$first, then $second")
            or diag $text;
    }
}

$nginx->finish;

my @files = sort glob 'contrib/*/t/regress/*.cmd';

for my $order ([@names], [reverse @names]) {
    subtest "all, from $order->[0] on" => sub {
        regress_together([map { "$_ $granted" } @$order], @files);
    };
}

done_testing();
