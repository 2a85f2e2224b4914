# What is joined without being read is what it would have been.

use strict;
use warnings;

use Test::More;

use Ferrokv::Laws;


# Registers as registers.h lays them out: few, many, or all of them.
sub sparse {
    my %rank = map { int rand 16384 => 1 + int rand 51 } 1 .. $_[0];

    return join '', "\1",
        map { substr pack('V', $_ << 6 | $rank{$_}), 0, 3 }
        sort { $a <=> $b } keys %rank;
}

sub dense {
    return "\2" . pack 'b*', join '',
        map { unpack 'b6', chr int rand 52 } 1 .. 16384;
}

sub any {
    my $how = rand;

    return $how < 0.05 ? dense() : sparse(rand() > 0.3 ? int rand 10
                                                     : int rand 1100);
}

merge_laws('hll', 'hll.max', operand => \&any, commutative => 1,
           idempotent => 1, base => sub { rand() < 0.3 ? undef : any() });

type_laws('hll', 'hll', text => sub { any() });

done_testing();
