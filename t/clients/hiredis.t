# hiredis, Redis' own client library for C.

use strict;
use warnings;

use Test::More;

use Ferrokv::Client;

plan skip_all => 'no hiredis (Debian: libhiredis-dev)'
    if !-e '/usr/include/hiredis/hiredis.h';

my $program = build_dir() . '/hiredis';

runs('it builds', 'cc', '-std=gnu11', '-O2', '-Wall', '-Wextra', '-Werror',
     clients_dir() . '/hiredis.c', '-lhiredis', '-o', $program);

my $nginx = client_nginx();

runs('hiredis', $program, $nginx->port);

$nginx->finish;
done_testing();
