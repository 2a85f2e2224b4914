# Collections as contrib has them, where redis-server cannot be asked: walks by
# cursor, members at random, times of fields, dumps; packed and as elements.

use strict;
use warnings;

use List::Util qw(uniq);
use Test::More;
use Time::HiRes qw(time);
use Ferrokv::Installed;
use Ferrokv::Nginx;
use Ferrokv::Resp;

my $large = 3000;
my %vars = (EXTENSIONS => extension_conf(qw(hash set zset list)));
my $nginx = Ferrokv::Nginx->new(<<'CONF', stream => 1, vars => \%vars);
%%GLOBALS%%
%%EXTENSIONS%%
ferrokv_store main path=%%DIR%%/store memory=64m;
events { }
stream {
    server {
        listen 127.0.0.1:%%PORT%%;
        ferrokv_resp;
    }
}
CONF

$nginx->start;

my $redis = Ferrokv::Resp->new($nginx->port);
my $seed = $ENV{FKV_SEED} // int rand 1_000_000_000;

srand $seed;
note "FKV_SEED=$seed";

sub cmd { return $redis->cmd(@_) }

sub fill {
    my ($name, $key, $n, @each) = @_;

    for my $from (map { 100 * $_ } 0 .. ($n - 1) / 100) {
        my $to = $from + 99 < $n ? $from + 99 : $n - 1;

        cmd($name, $key, map { my $i = $_; map { s/%/$i/r } @each }
            $from .. $to);
    }
}

# All that a walk gives, and how often it was asked.
sub walk {
    my ($name, $key, @options) = @_;
    my ($cursor, $calls, @all) = (0, 0);

    do {
        my $page = cmd($name, $key, $cursor, @options);

        $cursor = $page->[0];
        push @all, @{ $page->[1] };
        $calls++;
    } while ($cursor ne '0' && $calls < 10_000);

    return ($calls, @all);
}

for my $n (20, $large) {
    my $form = $n == $large ? 'elements' : 'packed';

    fill('HSET', "h$n", $n, 'field%', 'value%');
    fill('SADD', "s$n", $n, 'member%');
    fill('ZADD', "z$n", $n, '%', 'member%');
    fill('RPUSH', "l$n", $n, 'item%');

    my @members = sort map { "member$_" } 0 .. $n - 1;

    is(cmd('HLEN', "h$n"), $n, "$form: fields are counted");
    is(cmd('SCARD', "s$n"), $n, 'members are');
    is(cmd('ZCARD', "z$n"), $n, 'those with a score are');
    is(cmd('LLEN', "l$n"), $n, 'items are');

    my ($calls, @walked) = walk('SSCAN', "s$n", 'COUNT', 100);

    is_deeply([sort @walked], \@members, 'a walk meets each member once');
    cmp_ok($calls, '<=', $n / 100 + 1, 'in as many calls as it says');

    (undef, @walked) = walk('HSCAN', "h$n");
    my %walked = @walked;
    is(@walked, 2 * $n, 'a walk meets each field once');
    is((grep { $walked{"field$_"} ne "value$_" } 0 .. $n - 1), 0,
       'with its value');

    (undef, @walked) = walk('ZSCAN', "z$n", 'MATCH', '*1');
    my %scores = @walked;
    is(keys %scores, grep({ /1$/ } @members), 'a walk of what matches');
    is((grep { "member$scores{$_}" ne $_ } keys %scores), 0, 'with scores');

    is_deeply(cmd('LRANGE', "l$n", 0, -1), [map { "item$_" } 0 .. $n - 1],
              'items are in order');
    is_deeply(cmd('ZRANGE', "z$n", 0, -1), [map { "member$_" } 0 .. $n - 1],
              'members are in the order of scores');
    is_deeply(cmd('ZREVRANGE', "z$n", 0, 1),
              ['member' . ($n - 1), 'member' . ($n - 2)], 'backwards, too');
    is(cmd('ZRANK', "z$n", 'member7'), 7, 'a place');

    my $some = cmd('SRANDMEMBER', "s$n", 10);

    is(uniq(@$some), 10, 'ten at random are ten');
    is((grep { cmd('SISMEMBER', "s$n", $_) } @$some), 10, 'and members');
    is(@{ cmd('SRANDMEMBER', "s$n", -50) }, 50, 'fifty picks of any');
    cmp_ok(uniq(map { cmd('HRANDFIELD', "h$n") } 1 .. 60), '>', 5,
           'fields at random differ');

    for my $key ("h$n", "s$n", "z$n", "l$n") {
        my $dump = cmd('DUMP', $key);

        is(cmd('RESTORE', "copy.$key", 0, $dump), 'OK', "$key is restored");
        is(cmd('DUMP', "copy.$key"), $dump, 'the same');
        is(cmd('COPY', $key, "copy2.$key"), 1, 'and copied');
        is(cmd('DUMP', "copy2.$key"), $dump, 'the same');
    }

    my @popped = map { cmd('SPOP', "s$n") } 1 .. 10;

    push @popped, @{ cmd('SPOP', "s$n", $n / 2) };
    push @popped, @{ cmd('SPOP', "s$n", $n) };
    is_deeply([sort @popped], \@members, 'all are taken at random, each once');
    is(cmd('EXISTS', "s$n"), 0, 'nothing is left');
}

is(cmd('DEL', "h$large"), 1, 'a large hash is deleted');
cmd('HSET', "h$large", 'a', 1);
is_deeply(cmd('HGETALL', "h$large"), ['a', 1], 'nothing of it comes back');


# Times.  At any moment there are as many fields as are said to be.

my %ends;                       # field => when, in ms; 0: never
my $wrong = '';
my $begin = time;

sub now { return int(time * 1000) }

sub end_some {
    my @fields = map { 'f' . int rand 60 } 1 .. 1 + rand 3;
    my $at = now() + int rand 600;
    my $answer = cmd('HPEXPIREAT', 'h', $at, 'FIELDS', scalar @fields, @fields);

    for my $i (0 .. $#fields) {
        $ends{$fields[$i]} = $at if $answer->[$i] == 1;
        delete $ends{$fields[$i]} if $answer->[$i] == 2;
    }
}

my @steps = (
    \&end_some, \&end_some,
    sub { my $f = 'f' . int rand 60; cmd('HSET', 'h', $f, 'x'); $ends{$f} = 0 },
    sub {
        my $f = 'f' . int rand 60;
        my $answer = cmd('HPERSIST', 'h', 'FIELDS', 1, $f);
        $ends{$f} = 0 if $answer->[0] == 1;
    },
    sub { my $f = 'f' . int rand 60; cmd('HDEL', 'h', $f); delete $ends{$f} },
    sub { cmd('HINCRBY', 'n', 'x', 1) },
);

while (time - $begin < 3 && !$wrong) {
    $steps[rand @steps]->();
    next if rand > 0.2;

    my $before = now();
    my $seen = ($redis->pipeline(['MULTI'], ['HLEN', 'h'], ['HGETALL', 'h'],
        ['HKEYS', 'h'], ['EXEC']))[4];
    my $after = now();
    my ($n, $all, $keys) = @$seen;
    my %all = @$all;

    $wrong = "HLEN $n of " . keys %all if $n != keys %all || $n != @$keys;

    for my $f (keys %ends) {
        my $at = $ends{$f};

        $wrong = "$f is gone" if !exists $all{$f} && ($at == 0 || $at > $after + 5);
        $wrong = "$f is there" if exists $all{$f} && $at && $at < $before - 5;
    }
}

is($wrong, '', 'fields end in time, and are counted');

$nginx->finish;
done_testing();
