# What several tests ask of an answer.

package Ferrokv::Check;

use strict;
use warnings;

use Exporter qw(import);
use Test::More;

our @EXPORT = qw(problem_is);


# An error answer: application/problem+json with this status and code.
sub problem_is {
    my ($r, $status, $code, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is(join(' ', $r->status, $r->header('Content-Type') // '',
            eval { $r->json->{status} . ' ' . $r->json->{code} } // ''),
        "$status application/problem+json $status $code", $name);
}


1;
