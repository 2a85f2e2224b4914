# Commands over keys: the same as redis-server's, and what is ours alone:
# cursors that work in every worker.

use strict;
use warnings;

use Test::More;

use Ferrokv::Differ qw(one_of chance up_to);
use Ferrokv::Nginx;
use Ferrokv::Resp;

plan skip_all => $_ for grep defined, Ferrokv::Differ->missing;

my $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 2, stream => 1);
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=64m sync=off;
events { }
stream {
    server { listen 127.0.0.1:%%PORT%%; ferrokv_resp admin=on; }
}
CONF

$nginx->start;

my $differ = Ferrokv::Differ->new($nginx->port);
my $ours = Ferrokv::Resp->new($nginx->port);
my $theirs = Ferrokv::Resp->new($differ->{theirs}{socket}->peerport);


# What Redis dumps, packed by LZF or not, and what is no dump.

my @values = ('', '1', '-1', '127', '128', '-32769', '2147483648', '0012',
    'hello', 'x' x 20, 'the quick ' x 30, join('', 'a' .. 'z') x 900,
    join('', map { chr up_to(255) } 1 .. 500));
my @payloads = map {
    $theirs->cmd('SET', 'dumped', $_);
    $theirs->cmd('DUMP', 'dumped');
} @values;

push @payloads, map { substr $_, 0, -1 } @payloads[0, 3, 10];
push @payloads, map {
    my $bytes = $_;

    substr($bytes, up_to(length($bytes) - 1), 1) ^= chr(1 << up_to(7));
    $bytes;
} @payloads[1, 4, 10, 11];
push @payloads, '', 'payload';

$theirs->cmd('RPUSH', 'list', 1, 2, 3);
is($ours->cmd('RESTORE', 'list', 0, $theirs->cmd('DUMP', 'list')),
    'ERR Bad data format', 'a list is nothing that can be restored');
$theirs->cmd('FLUSHALL');


# Relative and absolute times are chosen so that none is near another: what is
# compared with GT and LT must not depend on a millisecond.

my $now = time;
my @seconds = (0, -1, -100_000, 50_000, 150_000, 250_000, '', 'x', '1.5',
    9223372036854775807, -9223372036854775807, 9223372036854775, 99999999999);
my @at = (0, -1, 1000, $now + 100_000, $now + 200_000, $now + 300_000, 'x',
    9223372036854775807, 9223372036854775, 99999999999);

sub key { return 'k' . up_to(7) }
sub db { return one_of(0, 0, 1, 1, 2, 16, -1, 'x') }

sub any_case {
    return join '', map { chance(4) ? lc : uc } split //, $_[0];
}

sub expiry {
    my $absolute = chance(2);
    my $name = one_of('', 'P') . ($absolute ? 'EXPIREAT' : 'EXPIRE');
    my $time = $absolute ? one_of(@at) : one_of(@seconds);
    my @options = map { any_case(one_of(qw(NX XX GT LT), chance(9) ? 'NO' : ()))
        } 1 .. one_of(0, 0, 1, 1, 2);

    $time *= 1000 if $name =~ /^P/ && $time =~ /^-?\d{4,10}$/;

    # of relative ones, two that are the same would be near
    @options = grep { !/^[GL]T$/i } @options if !$absolute;
    return [any_case($name), key(), $time, @options];
}

sub restore {
    my @options = map { one_of(['REPLACE'], ['REPLACE'], ['ABSTTL'],
        ['IDLETIME', one_of(0, 100, -1, 'x')],
        ['FREQ', one_of(0, 255, 256, -1, 'x')],
        chance(9) ? ['NO'] : (), chance(9) ? ['FREQ'] : ()) }
        1 .. one_of(0, 1, 1, 1, 2);
    my ($absolute) = grep { $_->[0] eq 'ABSTTL' } @options;
    my $ttl = one_of(0, 0, $absolute ? ($now + 400_000) * 1000 : 500_000_000,
        $absolute ? 1 : (), -1, 'x');

    return [any_case('RESTORE'), key(), $ttl, one_of(@payloads),
        map { any_case($_->[0]), @$_[1 .. $#$_] } @options];
}

my @generators = (
    sub { ['SET', key(), one_of(@values[1 .. 10])] },
    sub { ['SET', key(), one_of(@values)] },
    sub { ['GET', key()] },
    sub { [one_of(qw(DEL UNLINK)), map { key() } 0 .. one_of(0, 0, 1, 2)] },
    sub { [one_of(qw(EXISTS TOUCH)), map { key() } 0 .. one_of(0, 1, 3)] },
    sub { ['TYPE', key()] },
    sub { [one_of(qw(RENAME RENAMENX)), key(), key()] },
    sub { ['COPY', key(), key(), map { @$_ } map { one_of(['REPLACE'],
        ['DB', db()], ['replace'], chance(5) ? ['DB'] : (),
        chance(9) ? ['NO'] : ()) } 1 .. one_of(0, 1, 1, 2)] },
    sub { ['MOVE', key(), db()] },
    sub { ['SELECT', one_of(0, 1, 2)] },
    (\&expiry) x 4,
    sub { [one_of(qw(TTL PTTL EXPIRETIME PEXPIRETIME)), key()] },
    sub { [one_of(qw(TTL PTTL EXPIRETIME PEXPIRETIME)), key()] },
    sub { ['PERSIST', key()] },
    sub { ['DBSIZE'] },
    sub { ['OBJECT', one_of('ENCODING', 'encoding', chance(5) ? 'NO' : ()),
        key()] },
    sub { ['DUMP', 'short'] },
    sub { ['SET', 'short', one_of(@values[0 .. 9])] },
    (\&restore) x 2,
    sub { chance(20) ? ['FLUSHDB', one_of('ASYNC', 'SYNC', 'NO')]
        : ['EXISTS', key()] },
    sub { chance(40) ? ['FLUSHALL'] : ['TTL', key()] },
    sub { chance(3) ? ['SCAN', one_of('x', '18446744073709551616', ' 1'),
        'COUNT', 5] : ['SCAN', 0, one_of(['COUNT', 0], ['COUNT', 'x'],
            ['MATCH'], ['NO', 1])->@*] },
    sub { [one_of(qw(DEL EXISTS TTL EXPIRE RENAME COPY MOVE SCAN KEYS DUMP
        RESTORE OBJECT PERSIST TYPE DBSIZE TOUCH FLUSHDB))] },
    sub { ['OBJECT', one_of(qw(ENCODING FREQ REFCOUNT))] },
);

$differ->random(8000, sub { one_of(@generators)->() },
    'keys, expiry and dumps as redis-server has them');


# Patterns, over the same keys.

my @letters = ('a', 'a', 'b', '*', '?', '[', ']', '^', '-', '\\', 'c');
my %keys = map { $_ => 1 }
    map { join '', map { one_of(@letters) } 0 .. up_to(4) } 1 .. 300;

$_->cmd('FLUSHALL') for $ours, $theirs;
$_->pipeline(map { ['SET', $_, 'x'] } sort keys %keys) for $ours, $theirs;

my @wrong;

for (1 .. 500) {
    my $pattern = join '', map { one_of(@letters) } 0 .. up_to(7);
    my ($a, $b) = map { join "\n", sort @{ $_->cmd('KEYS', $pattern) } }
        $ours, $theirs;

    push @wrong, $pattern if $a ne $b;
}

is_deeply(\@wrong, [], 'patterns match what they match in redis-server');


# SCAN, each step from a connection of its own: the workers take turns.

sub scan {
    my (@options) = @_;
    my ($cursor, $steps, @found) = (0, 0);

    do {
        my $client = Ferrokv::Resp->new($nginx->port);
        my $reply = $client->cmd('SCAN', $cursor, @options);

        die $reply if ref $reply ne 'ARRAY';
        $cursor = $reply->[0];
        push @found, @{ $reply->[1] };
        $steps++;
    } while ($cursor ne '0' && $steps < 1000);

    return ($steps, @found);
}

my ($steps, @found) = scan('COUNT', 7);
my $all = keys %keys;

is_deeply(\@found, [sort keys %keys], 'a scan gives each key once, in order');
cmp_ok($steps, '>=', $all / 7, 'in steps');

(undef, @found) = scan('COUNT', 50, 'MATCH', 'a*');
is_deeply(\@found, [grep { /^a/ } sort keys %keys], 'those that match');
(undef, @found) = scan('TYPE', 'hash');
is_deeply(\@found, [], 'there are no hashes');

my $reply = $ours->cmd('SCAN', 0, 'COUNT', 3);
my $cursor = $reply->[0];

my @twice = map { $ours->cmd('SCAN', $cursor, 'COUNT', 3)->[1] } 1 .. 2;

is_deeply($twice[0], $twice[1], 'who lost an answer asks again');
like($ours->cmd('SCAN', $cursor + 1), qr/^ERR invalid cursor: it is unknown/,
    'a cursor that was never given');

ok($keys{ $ours->cmd('RANDOMKEY') }, 'a random key is one of them') for 1 .. 5;

is($ours->cmd('DBSIZE'), $all, 'DBSIZE counts them');


# What we dump, redis-server restores.

my @back = map {
    $ours->cmd('SET', 'dumped', $_);
    $theirs->cmd('RESTORE', 'dumped', 0, $ours->cmd('DUMP', 'dumped'),
        'REPLACE');
    $theirs->cmd('GET', 'dumped');
} @values;

is_deeply(\@back, \@values, 'redis-server restores what we dump');


# Many keys: KEYS takes its time, and others do not wait for it.

$ours->cmd('FLUSHALL');
$ours->pipeline(map { ['MSET', map { ("n:$_", 'x') } $_ * 500 .. $_ * 500 + 499]
    } 0 .. 199);

my $asks = Ferrokv::Resp->new($nginx->port, timeout => 60);

$asks->write(Ferrokv::Resp::request('KEYS', '*99999'));

my $calm = Ferrokv::Resp->new($nginx->port);

is($calm->cmd('GET', 'n:5'), 'x', 'others are answered meanwhile');
is_deeply($asks->read, ['n:99999'], 'one of a hundred thousand is found');
is($ours->cmd('DBSIZE'), 100_000, 'all are counted');
ok($ours->cmd('RANDOMKEY') =~ /^n:\d+$/, 'one of many');


# Places are in shared memory, and so is what they need: a worker that dies
# takes none along.

$reply = $ours->cmd('SCAN', 0, 'COUNT', 1000);
$nginx->kill('KILL', ($nginx->workers)[0]);
$nginx->wait_workers;

my $left = Ferrokv::Resp->new($nginx->port)
    ->cmd('SCAN', $reply->[0], 'COUNT', 1000);

isnt($left->[1][0], $reply->[1][-1], 'a scan goes on when a worker has died');
is(@{ $left->[1] }, 1000, 'from where it was');

$differ->finish;
$nginx->finish;
done_testing();
