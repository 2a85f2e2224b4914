# Counts in a store: large ones survive a crash and a dump, damaged ones are
# refused.

use strict;
use warnings;

use Test::More;

use Ferrokv::Dump;
use Ferrokv::Installed;
use Ferrokv::Nginx;
use Ferrokv::Resp;

my $elements = 50_000;
my $nginx = Ferrokv::Nginx->new(<<'CONF', stream => 1,
%%GLOBALS%%
%%EXTENSIONS%%
ferrokv_store main path=%%DIR%%/store memory=32m;
events { }
stream { server { listen 127.0.0.1:%%PORT%%; ferrokv_resp; } }
CONF
    vars => { EXTENSIONS => extension_conf('hll') });

my $redis;

# Up, and the store's extensions known.
sub start {
    $nginx->start;
    $redis = Ferrokv::Resp->new($nginx->port, timeout => 60);
    $nginx->wait_until(sub {
        return !Ferrokv::Resp::is_error($redis->cmd('PFCOUNT', 'missing'));
    }, 20);
}

start();

# Halves of it by two keys, a tenth in both.
for my $from (map { 500 * $_ } 0 .. $elements / 500 - 1) {
    my @some = map { "element$_" } $from .. $from + 499;

    $redis->cmd('PFADD', 'low', @some) if $from < $elements * 0.55;
    $redis->cmd('PFADD', 'high', @some) if $from >= $elements * 0.45;
}

sub near {
    my ($expected, @command) = @_;
    my $n = $redis->cmd(@command);

    ok(abs($n - $expected) < $expected * 0.0081 * 4, "@command: $expected")
        or diag $n;
    return $n;
}

my $low = near($elements * 0.55, 'PFCOUNT', 'low');
my $all = near($elements, 'PFCOUNT', 'low', 'high');

is($redis->cmd('PFMERGE', 'all', 'low', 'high'), 'OK', 'merged');
is($redis->cmd('PFCOUNT', 'all'), $all, 'one key counts what two did');
is($redis->cmd('PFADD', 'all', map { "element$_" } 1 .. 1000), 0,
   'what was counted changes nothing');
is($redis->cmd('MEMORY', 'USAGE', 'all') < 13_000, 1, 'it takes 12 KiB');

my $dump = $redis->cmd('DUMP', 'low');

$nginx->kill('KILL');
start();

is($redis->cmd('PFCOUNT', 'low'), $low, 'the same after a crash');
is($redis->cmd('PFCOUNT', 'all'), $all, 'and of what was merged');
is($redis->cmd('RESTORE', 'again', 0, $dump), 'OK', 'restored');
is($redis->cmd('PFCOUNT', 'again'), $low, 'the same where it was restored');

my $seed = $ENV{FKV_SEED} // int rand 1 << 30;

$redis->cmd(qw(PFADD small a b c));
my $small = $redis->cmd('DUMP', 'small');

srand $seed;

my ($restored, $refused) = (0, 0);

for (1 .. 500) {
    my $bytes = damaged_dump(rand() > 0.05 ? $small : $dump);

    next if $redis->cmd('RESTORE', 'damaged', 0, $bytes, 'REPLACE') ne 'OK';

    $restored++;
    $redis->cmd('PFCOUNT', 'damaged', 'small');
    $refused++ if Ferrokv::Resp::is_error($redis->cmd('PFADD', 'damaged', 'more'));
}

cmp_ok($restored, '>', 50, 'some damaged ones were restored');
cmp_ok($refused, '>', 10, 'and some of these refused');
is($redis->cmd('PING'), 'PONG', "damaged ones, FKV_SEED=$seed");

$nginx->finish;
done_testing();
