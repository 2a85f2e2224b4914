# What HLL.PUT costs: it looks nothing up, wherever the count lies; PFADD does.

use strict;
use warnings;

use JSON::PP qw(decode_json);
use Test::More;

use Ferrokv::Http;
use Ferrokv::Installed;
use Ferrokv::Nginx;
use Ferrokv::Resp;

my $keys = 200;
my $nginx = Ferrokv::Nginx->new(<<'CONF', stream => 1, workers => 1,
%%GLOBALS%%
%%EXTENSIONS%%
ferrokv_store main path=%%DIR%%/store memory=8m;
events { }
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:%%PORT1%%;
        location = /json { ferrokv_status json; }
    }
}
stream { server { listen 127.0.0.1:%%PORT%%; ferrokv_resp; } }
CONF
    vars => { EXTENSIONS => extension_conf('hll') });

my $redis;

sub start {
    $nginx->start;
    $redis = Ferrokv::Resp->new($nginx->port, timeout => 60);
    $nginx->wait_until(sub {
        return !Ferrokv::Resp::is_error($redis->cmd('PFCOUNT', 'missing'));
    }, 20);
}

start();


sub figure {
    my $all = decode_json(Ferrokv::Http->new($nginx->port(1))->get('/json')
                          ->body);
    my $main = $all->{stores}{main};
    my $sum = 0;

    $sum += $main->{$_} // die "no $_" for @_;
    return $sum;
}


# How often blocks of tables were asked for, and what else was counted, meanwhile.
# The helper may ask for some, too.
sub meanwhile {
    my ($count, $command) = @_;
    my @of = ([qw(block_hits block_reads)], [$count]);
    my @before = map { figure(@$_) } @of;

    $redis->cmd($command, "k$_", 'another') for 1 .. $keys;
    return map { figure(@{ $of[$_] }) - $before[$_] } 0 .. 1;
}


# Counts in tables alone: what is flushed is in no memtable of the next start.
$redis->cmd('PFADD', "k$_", map { "element$_" } 1 .. 20) for 1 .. $keys;

my $flushes = figure('flushes');

ok($nginx->wait_until(sub {
    $redis->cmd('SET', "fill:$_", 'x' x 8000) for 1 .. 200;
    return figure('flushes') >= $flushes + 4;
}, 60), 'the counts are in tables');
$nginx->stop;
start();

my ($lookups, $merges) = meanwhile('merges', 'HLL.PUT');

is($merges, $keys, 'HLL.PUT writes operands');
cmp_ok($lookups, '<', $keys / 2, 'and looks none of them up');
is($redis->cmd('PFCOUNT', 'k7'), 21, 'they count');

my ($seen, $written) = meanwhile('puts', 'PFADD');

cmp_ok($seen, '>=', $keys, 'PFADD looks the count up');
is($written, 0, 'and writes nothing that it had');

$nginx->finish;
done_testing();
