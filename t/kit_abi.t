# What ferrokv_extension.h promises: contrib/kit/abi/N.txt has every offset, size,
# declaration and constant of ABI N, and none of these lines may change.

use strict;
use warnings;

use Test::More;

my $list = 'contrib/kit/abi/list';
my @now = split /\n/, `$list`;

is($?, 0, 'the header says what its ABI is');

my ($abi) = map { /^FERROKV_ABI = (\d+)$/ ? $1 : () } @now;
my $file = "contrib/kit/abi/$abi.txt";

plan skip_all => 'the lists are of 64-bit machines'
    if !grep { /^ferrokv_str size 16$/ } @now;

open my $in, '<', $file or BAIL_OUT("$file: $!");
chomp(my @then = <$in>);

my %now = map { $_ => 1 } @now;
my %then = map { $_ => 1 } @then;
my @lost = grep { !$now{$_} } @then;
my @new = grep { !$then{$_} } @now;

is(join("\n", @lost), '', "all of $file holds") or diag <<"END";
An extension that was built before would call, or read, something else. Put what
is new behind what was there. If it must change: FERROKV_ABI + 1 in
ferrokv_extension.h, and $list > contrib/kit/abi/${\($abi + 1)}.txt.
As long as nothing is released ABI 0 may change: $list > $file,
in the same commit.
END

is(join("\n", @new), '', "and $file has all that there is") or diag <<"END";
What is new is a promise from now on: $list > $file
END

# The test can fail.
my $header = do {
    local (@ARGV, $/) = 'ngx_ferrokv_module/extensions/ferrokv_extension.h';
    <>;
};

my %change = (
    'a constant' => sub { s/FERROKV_EARG +=/FERROKV_EARG = -30 +/ },
    'an order' => sub { s/( +uint32_t +place;.*\n)( +uint32_t +schema;.*\n)/$2$1/ },
    'an argument' => sub { s/(say_int\)\(ferrokv_ctx \*ctx, )int64_t/$1int32_t/ },
);

for my $what (sort keys %change) {
    local $_ = $header;
    $change{$what}->() or BAIL_OUT("the header has no such $what");

    my $path = "build/kit_abi.$$.h";

    open my $out, '>', $path or BAIL_OUT("$path: $!");
    print {$out} $_;
    close $out;

    my %other = map { $_ => 1 } split /\n/, `$list $path`;

    unlink $path;
    ok((grep { !$other{$_} } @then), "$what that changes is seen");
}

done_testing();
