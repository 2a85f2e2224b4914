# redis-py, as Debian has it.

use strict;
use warnings;

use Test::More;

use Ferrokv::Client;

my $python = '/usr/bin/python3';

plan skip_all => 'no redis-py (Debian: python3-redis)'
    if system("$python -c 'import redis' >/dev/null 2>&1");

my $nginx = client_nginx();

runs('redis-py', $python, clients_dir() . '/python.py', $nginx->port);

$nginx->finish;
done_testing();
