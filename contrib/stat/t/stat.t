# What is counted adds up over processes, and STAT.RESET begins anew.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);

use Ferrokv::Installed;
use Ferrokv::Nginx;
use Ferrokv::Resp;

my $nginx = Ferrokv::Nginx->new(<<'CONF', stream => 1,
%%GLOBALS%%
%%EXTENSIONS%%
ferrokv_param stat.interval 100ms;
ferrokv_param stat.delimiter /;
ferrokv_store main path=%%DIR%%/store memory=64m;
events { }
stream { server { listen 127.0.0.1:%%PORT%%; ferrokv_resp admin=on; } }
CONF
    vars => { EXTENSIONS => extension_conf('stat') });

$nginx->start;

my $redis = connection();

$nginx->wait_until(sub { $redis->cmd('STAT.RESET') eq 'OK' }, 20)
    or BAIL_OUT($redis->cmd('STAT.RESET'));

# Connections of all workers, a few hundred calls each.
my @clients = map { connection() } 1 .. 8;

for my $i (1 .. 200) {
    $_->cmd('SET', "user/$i", 'x') for @clients;
    $_->cmd('GET', 'hot') for @clients;
    $_->cmd('INCR', "user/$i") for @clients[0, 1];
}

# All write their figures down with a write that comes later.
written();

my $commands = by('command', 'STAT.COMMANDS', 50);

is($commands->{SET}{calls} >= 1600, 1, 'all SETs of all workers');
is($commands->{GET}{calls}, 1600, 'all GETs');
is($commands->{INCR}{errors}, 400, 'what failed');
cmp_ok($commands->{GET}{usec}, '>=', 0, 'their time');
cmp_ok($commands->{GET}{p99_usec}, '>=', $commands->{GET}{p50_usec},
       'percentiles');

my $prefixes = by('prefix', 'STAT.PREFIXES', 50);

is($prefixes->{user}{calls}, 2000, 'a prefix');
is($prefixes->{'(none)'}{calls} >= 1600, 1, 'keys without one');

my $keys = by('key', 'STAT.HOTKEYS', 1);

is($keys->{hot}{count} - $keys->{hot}{error} <= 1600
   && $keys->{hot}{count} >= 1600, 1, 'the hottest key');
is($keys->{hot}{db}, 0, 'its database');

is(scalar keys %{ by('command', 'STAT.COMMANDS', 2) }, 2, 'so many rows');
like($redis->cmd('STAT.COMMANDS', $_), qr/^ERR how many/, "not \"$_\"")
    for '', 0, 'x', '10000';
like($redis->cmd('STAT.COMMANDS', 1, 2), qr/^ERR how many/, 'nor two');

is($redis->cmd('STAT.RESET'), 'OK', 'reset');
written();
is(by('command', 'STAT.COMMANDS', 50)->{GET}, undef, 'it begins anew');
$redis->cmd('GET', 'hot');
is(by('command', 'STAT.COMMANDS', 50)->{GET}{calls}, 1, 'and counts on');

$nginx->finish;
done_testing();


sub connection {
    my $client = Ferrokv::Resp->new($nginx->port, timeout => 30);

    $client->cmd('HELLO', 3);
    return $client;
}


# Twice, for the write that writes figures down does not know itself yet.
sub written {
    for (1 .. 2) {
        sleep 0.15;
        $_->cmd('SET', 'w', 1) for @clients, $redis;
    }
}


# { name => row }
sub by {
    my ($name, @command) = @_;
    my $answer = $redis->cmd(@command);

    BAIL_OUT("@command: $answer") if ref $answer ne 'ARRAY';
    return { map { $_->{$name} => $_ } @$answer };
}
