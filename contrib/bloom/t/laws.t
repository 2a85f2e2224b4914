# Anybody's bytes as a filter.

use strict;
use warnings;

use Test::More;

use Ferrokv::Laws;

type_laws('bloom', 'bloom', text => sub { random_bytes(int rand 100) });

done_testing();
