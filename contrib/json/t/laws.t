# What must hold of the type: texts and bytes of any kind, and documents that
# earlier releases have written.

use strict;
use warnings;

use JSON::PP ();
use Test::More;

use Ferrokv::Laws;

my $json = JSON::PP->new->utf8->allow_nonref->canonical;

type_laws('json', 'json', text => sub { text(0) });

done_testing();


# Numbers as text of our own making: perl would make 1 of 1.0.
sub text {
    my ($depth) = @_;
    my $kind = int rand($depth > 4 ? 5 : 7);

    return (qw(null true false))[int rand 3] if $kind == 0;
    return int(rand 2 ** 33) - 2 ** 32 if $kind == 1;
    return (qw(0 -1 9223372036854775807 -9223372036854775808))[int rand 4]
        if $kind == 2;
    return (qw(0.0 -0.0 1e300 -2.5e-300 0.1 1e1))[int rand 6] if $kind == 3;
    return string() if $kind == 4;

    my @items = map { text($depth + 1) } 1 .. int rand 6;

    return '[' . join(', ', @items) . ']' if $kind == 5;

    # Names may be there twice: the last one counts.
    return '{' . join(', ', map { name() . ": $_" } @items) . '}';
}


sub string {
    return $json->encode(join '', map { chr int rand(rand() < 0.5 ? 128 : 0xd7ff) }
                         1 .. int rand 12);
}


# jansson's names hold no \u0000.
sub name { return $json->encode(join '', map { chr(97 + int rand 3) } 0 .. rand 3) }
