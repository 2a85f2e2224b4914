# What is wanted from the end of a large sorted set, against all of it.

use strict;
use warnings;

use Test::More;

use Ferrokv::Installed;
use Ferrokv::Nginx;
use Ferrokv::Resp;

my $members = 12_000;

my $nginx = Ferrokv::Nginx->new(<<'CONF', stream => 1,
%%GLOBALS%%
%%EXTENSIONS%%
ferrokv_store main path=%%DIR%%/store memory=64m;
events { }
stream { server { listen 127.0.0.1:%%PORT%%; ferrokv_resp admin=on; } }
CONF
    vars => { EXTENSIONS => extension_conf('zset') });

$nginx->start;

my $redis = Ferrokv::Resp->new($nginx->port, timeout => 60);

$nginx->wait_until(sub { $redis->cmd('ZADD', 'z', 1, 'a') =~ /^\d/ }, 20)
    or BAIL_OUT('it is not installed');


# A set, and its members in their order.
sub filled {
    my ($key, $score) = @_;
    my %score = map { ("m$_" => $score->($_)) } 1 .. $members;
    my @names = sort keys %score;

    while (my @some = splice @names, 0, 500) {
        $redis->cmd('ZADD', $key, map { ($score{$_}, $_) } @some);
    }

    return sort { $score{$a} <=> $score{$b} || $a cmp $b } keys %score;
}


sub same {
    my ($want, @command) = @_;
    my $got = $redis->cmd(@command);

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is("@$got", "@$want", "@command");
}


my %kinds = (
    spread  => sub { sprintf '%.3f', rand(2e6) - 1e6 },
    few     => sub { int rand 40 },
    'all one' => sub { 7 },
    infinite  => sub { (-1, 3, 'inf', '-inf')[$_[0] % 4] },
);

for my $kind (sort keys %kinds) {
    subtest "scores: $kind" => sub {
        my @up = filled($kind, $kinds{$kind});
        my @down = reverse @up;

        same([ @down[0 .. 9] ], 'ZREVRANGE', $kind, 0, 9);
        same([ @down[3 .. 40] ], 'ZREVRANGE', $kind, 3, 40);
        same([ $down[0] ], 'ZREVRANGE', $kind, 0, 0);
        same([ @up[-7 .. -1] ], 'ZRANGE', $kind, -7, -1);
        same([ @up[-30 .. -20] ], 'ZRANGE', $kind, -30, -20);
        same([ @down[5 .. 14] ], 'ZREVRANGEBYSCORE', $kind, '+inf', '-inf',
             'LIMIT', 5, 10);
        same([ @down[0 .. 2] ], 'ZRANGE', $kind, '+inf', '-inf', 'BYSCORE',
             'REV', 'LIMIT', 0, 3);
        same([], 'ZREVRANGEBYSCORE', $kind, '-1e300', '(-inf', 'LIMIT', 0, 3);

        my $popped = $redis->cmd('ZPOPMAX', $kind, 3);

        is("@$popped[0, 2, 4]", "@down[0 .. 2]", 'ZPOPMAX');
        same([ @down[3 .. 6] ], 'ZREVRANGE', $kind, 0, 3);
    };
}

subtest 'within a range' => sub {
    my @up = map { "m$_" } 1 .. $members;

    $redis->cmd('ZADD', 'line', map { ($_, "m$_") }
                $_ * 1000 + 1 .. $_ * 1000 + 1000) for 0 .. $members / 1000 - 1;
    same([ map { "m$_" } reverse 8991 .. 9000 ], 'ZREVRANGEBYSCORE', 'line',
         9000, 10, 'LIMIT', 0, 10);
    same([ map { "m$_" } reverse 8990 .. 8999 ], 'ZREVRANGEBYSCORE', 'line',
         '(9000', 10, 'LIMIT', 0, 10);
    same([ 'm8', 'm7' ], 'ZREVRANGEBYSCORE', 'line', 10, 7, 'LIMIT', 2, 10);
    same([], 'ZREVRANGEBYSCORE', 'line', 10, 7, 'LIMIT', 20, 10);
};

$nginx->finish;
done_testing();
