# Filters in a store: nothing is lost while they grow, are written by two clients,
# after a crash, or in a dump; damaged ones are refused.

use strict;
use warnings;

use Test::More;

use Ferrokv::Dump;
use Ferrokv::Installed;
use Ferrokv::Nginx;
use Ferrokv::Resp;

my $items = 20_000;
my $error = 0.01;
my $nginx = Ferrokv::Nginx->new(<<'CONF', stream => 1,
%%GLOBALS%%
%%EXTENSIONS%%
ferrokv_param bloom.capacity 1000;
ferrokv_param bloom.error_rate 0.01;
ferrokv_store main path=%%DIR%%/store memory=32m;
events { }
stream { server { listen 127.0.0.1:%%PORT%%; ferrokv_resp; } }
CONF
    vars => { EXTENSIONS => extension_conf('bloom') });

my $redis;

# Up, and the store's extensions known.
sub start {
    $nginx->start;
    $redis = Ferrokv::Resp->new($nginx->port, timeout => 60);
    $nginx->wait_until(sub {
        return !Ferrokv::Resp::is_error($redis->cmd('BF.CARD', 'missing'));
    }, 20);
}

start();

# How many of these are there.
sub found {
    my ($key, @names) = @_;
    my $n = 0;

    while (my @some = splice @names, 0, 500) {
        $n += $_ for @{ $redis->cmd('BF.MEXISTS', $key, @some) };
    }

    return $n;
}

my @mine = map { "item$_" } 1 .. $items;
my @strangers = map { "stranger$_" } 1 .. $items;

# Both at once into one key: each has sent before either is answered.
my @clients = map { Ferrokv::Resp->new($nginx->port, timeout => 60) } 1, 2;
my @left = @mine;
my $new = 0;

while (@left) {
    my @busy = grep { @left } @clients;

    $_->write(Ferrokv::Resp::request('BF.MADD', 'grown',
                                      splice @left, 0, 100)) for @busy;

    for my $client (@busy) {
        $new += $_ for @{ $client->read };
    }
}

is(found('grown', @mine), $items, 'all are found');
is($redis->cmd('BF.CARD', 'grown'), $new, 'as many as were new');
cmp_ok($new, '>', $items * (1 - 2 * $error), 'nearly all were');
cmp_ok($redis->cmd('BF.INFO', 'grown', 'FILTERS')->[0], '>=', 4, 'it has grown');

my $wrong = found('grown', @strangers);

cmp_ok($wrong, '<=', $items * $error * 1.5, 'few others are');

my $dump = $redis->cmd('DUMP', 'grown');

$nginx->kill('KILL');
start();

is(found('grown', @mine), $items, 'all are found after a crash');
is(found('grown', @strangers), $wrong, 'and the same others');

is($redis->cmd('RESTORE', 'again', 0, $dump), 'OK', 'restored');
is(found('again', @mine), $items, 'all are found in what was restored');
is($redis->cmd('DEL', 'grown'), 1, 'deleted');
is(found('grown', @mine), 0, 'and nothing is left');

# A dump with other bytes in it is refused, or is a filter that answers.  Most of
# these bytes are its head.
my $seed = $ENV{FKV_SEED} // int rand 1 << 30;
my $small = do {
    $redis->cmd(qw(BF.INSERT small CAPACITY 3 ITEMS a b c));
    $redis->cmd('DUMP', 'small');
};

srand $seed;

my ($restored, $refused) = (0, 0);

for (1 .. 500) {
    my $bytes = damaged_dump($small);

    next if $redis->cmd('RESTORE', 'damaged', 0, $bytes, 'REPLACE') ne 'OK';

    $restored++;
    $redis->cmd('BF.MADD', 'damaged', 1 .. 5);
    $redis->cmd('BF.MEXISTS', 'damaged', 1 .. 5);
    $refused++ if Ferrokv::Resp::is_error($redis->cmd('BF.INFO', 'damaged'));
}

cmp_ok($restored, '>', 50, 'some damaged ones were restored');
cmp_ok($refused, '>', 10, 'and some of these refused');
is($redis->cmd('PING'), 'PONG', "damaged ones, FKV_SEED=$seed");

$nginx->finish;
done_testing();
