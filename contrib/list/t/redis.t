# Lists answer as Redis' do: random commands, good and bad, sent to both; small
# ones, large ones, and on the way from one to the other.

use strict;
use warnings;

use Test::More;
use Ferrokv::Differ qw(one_of chance up_to);
use Ferrokv::Installed;
use Ferrokv::Nginx;

if (my $why = Ferrokv::Differ->missing) {
    plan skip_all => $why;
}

my %vars = (EXTENSIONS => extension_conf('list'));
my $nginx = Ferrokv::Nginx->new(<<'CONF', stream => 1, vars => \%vars);
%%GLOBALS%%
%%EXTENSIONS%%
ferrokv_param list.packed_entries 6;
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

my $differ = Ferrokv::Differ->new($nginx->port);
my @keys = map { "key$_" } 1 .. 4;
my $i64_max = '9223372036854775807';
my $i64_min = '-9223372036854775808';

# Some, and sometimes one too few or too many.
sub cut {
    my @args = @_;

    pop @args if @args > 1 && chance(60);
    push @args, one_of('more', 1) if chance(80);
    return [@args];
}

sub key { return chance(30) ? one_of('missing', 'string') : one_of(@keys) }

sub item {
    return one_of('', "\0\r\n\xff", 'x' x 70, 'y' x 3000) if chance(20);
    return 'i' . up_to(6);
}

sub int64 {
    return one_of(0, 1, -1, 2, $i64_max, $i64_min, '9223372036854775808',
                  '-9223372036854775807', '01', '', 'abc', '1.5');
}

sub place { return chance(10) ? int64() : up_to(24) - 12 }

sub some(&$) {
    my ($what, $most) = @_;

    return map { $what->() } 1 .. 1 + up_to($most);
}

sub items { return some { item() } chance(10) ? 12 : 2 }

sub side { return chance(30) ? 'x' : one_of(qw(LEFT RIGHT left Right)) }

sub count { return chance(6) ? int64() : up_to(4) }

sub maybe_count { return chance(2) ? () : count() }

sub position {
    return one_of('RANK', 'x') if chance(30);
    return (one_of('RANK', 'rank'), chance(6) ? one_of(0, $i64_max, 'x', '')
                                              : up_to(6) - 3)
        if chance(2);
    return (one_of(qw(COUNT count MAXLEN)), chance(8) ? int64() : up_to(5));
}

my %commands = (
    LPUSH     => sub { (key(), items()) },
    RPUSH     => sub { (key(), items()) },
    LPUSHX    => sub { (key(), items()) },
    RPUSHX    => sub { (key(), items()) },
    LPOP      => sub { (key(), maybe_count()) },
    RPOP      => sub { (key(), maybe_count()) },
    LLEN      => sub { key() },
    LRANGE    => sub { (key(), place(), place()) },
    LINDEX    => sub { (key(), place()) },
    LSET      => sub { (key(), place(), item()) },
    LINSERT   => sub { (key(), one_of(qw(BEFORE AFTER after x)), item(),
                        item()) },
    LREM      => sub { (key(), chance(3) ? 0 : place(), item()) },
    LTRIM     => sub { (key(), chance(2) ? (up_to(3), -1 - up_to(3))
                               : (place(), place())) },
    LPOS      => sub { (key(), item(), map { position() } 1 .. up_to(3)) },
    LMOVE     => sub { (key(), key(), side(), side()) },
    RPOPLPUSH => sub { (key(), key()) },
    LMPOP     => sub {
        my @from = some { key() } 2;
        return (chance(10) ? one_of(0, -1, 2, 'x', 1000) : scalar @from, @from,
                side(), chance(2) ? () : (one_of('COUNT', 'count', 'x'),
                                          count()));
    },
    DEL       => sub { one_of(@keys) },
    TYPE      => sub { key() },
);

# What is done with keys of any type.
%commands = (%commands,
    COPY    => sub { (one_of(@keys), one_of(@keys), chance(2) ? 'REPLACE' : ()) },
    RENAME  => sub { (one_of(@keys), one_of(@keys)) },
    EXPIRE  => sub { (one_of(@keys), chance(4) ? -1 : 100_000) },
    PERSIST => sub { one_of(@keys) },
    TTL     => sub { one_of(@keys) },
);

my @names = sort keys %commands;
my @short = qw(LPUSH RPUSH LPOP RPOP LRANGE LMOVE LREM LSET DEL);      # with an order, for transactions

# Several as one.
sub transaction {
    return (['MULTI'], map({ [$_, $commands{$_}->()] }
                           map { one_of(@short) } 0 .. up_to(4)), ['EXEC']);
}

# After a command, what it left.
sub command {
    my ($name) = @_;

    return transaction() if chance(30);

    $name = one_of('LPUSH', 'RPUSH') if $name =~ /^(?:DEL|EXPIRE|LTRIM|.POP)$/ && chance(2);
    my $command = cut(chance(2) ? $name : lc $name, $commands{$name}->());
    my $key = one_of(@keys);

    return ($command, chance(3)
            ? (['LRANGE', $key, 0, -1], ['LLEN', $key], ['EXISTS', $key]) : ());
}

$differ->same(['SET', 'string', 'bytes']);

for my $name (@names) {
    $differ->random(300, sub { return command(chance(2) ? $name
        : one_of(@names)) }, $name);
}

$differ->random(15_000, sub { return command(one_of(@names)) }, 'all of them');

$differ->both([qw(HELLO 3)]);
$differ->random(3_000, sub { return command(one_of(@names)) }, 'RESP3');

$differ->finish;
$nginx->finish;
done_testing();
