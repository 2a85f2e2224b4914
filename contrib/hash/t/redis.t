# Hashes answer as Redis' do: random commands, good and bad, sent to both; small
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

my %vars = (EXTENSIONS => extension_conf('hash'));
my $nginx = Ferrokv::Nginx->new(<<'CONF', stream => 1, vars => \%vars);
%%GLOBALS%%
%%EXTENSIONS%%
ferrokv_param hash.packed_entries 6;
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

    pop @args if @args > 1 && $args[0] !~ /rand/i && chance(60);
    push @args, one_of('more', 1) if chance(80);
    return [@args];
}

sub key { return chance(30) ? one_of('missing', 'string') : one_of(@keys) }

sub field { return chance(20) ? one_of('', "\0\r\n\xff", 'x' x 70)
                              : 'f' . up_to(14) }

sub int64 {
    return one_of(0, 1, -1, $i64_max, $i64_min, '9223372036854775808', '01',
                  '+1', ' 1', '1.5', '', 'abc', '-0', '4611686018427387904')
        if chance(5);
    return up_to(2000) - 1000;
}

sub real {
    return one_of('inf', '-inf', 'nan', '', 'abc', '1e400', '1e5000', ' 1',
                  '0x10', '.5', '5.', '-0', '1e17', '3.0e3', $i64_max)
        if chance(4);
    return sprintf '%.*f', up_to(6), rand(2000) - 1000;
}

sub value {
    return one_of(\&int64, \&real)->() if chance(2);
    return one_of('', "a\r\nb", "\0" x 9, 'v' x 65, 'v' x 3000)
        if chance(6);
    return 'v' x up_to(20);
}

sub some(&$) {
    my ($what, $most) = @_;

    return map { $what->() } 1 .. 1 + up_to($most);
}

sub pairs { return some { (field(), value()) } chance(10) ? 12 : 2 }

# How many fields at random: none, all, or so that the answer has no choice.
sub many { return one_of(0, 1000, 1000, 'abc', '', '1.5', $i64_max, $i64_min) }

sub scan_option {
    return one_of('COUNT', 'match', 'x') if chance(20);
    return ('COUNT', chance(6) ? int64() : 1000) if chance(2);
    return ('MATCH', one_of('*', 'f1*', 'f?', '[', ''));
}

my %commands = (
    HSET         => sub { (key(), pairs()) },
    HMSET        => sub { (key(), pairs()) },
    HSETNX       => sub { (key(), field(), value()) },
    HGET         => sub { (key(), field()) },
    HMGET        => sub { (key(), some { field() } 4) },
    HGETALL      => sub { key() },
    HKEYS        => sub { key() },
    HVALS        => sub { key() },
    HDEL         => sub { (key(), some { field() } chance(6) ? 20 : 2) },
    HLEN         => sub { key() },
    HEXISTS      => sub { (key(), field()) },
    HSTRLEN      => sub { (key(), field()) },
    HINCRBY      => sub { (key(), field(), int64()) },
    HINCRBYFLOAT => sub { (key(), field(), real()) },
    HRANDFIELD   => sub { (key(), many(), chance(2) ? ()
                           : one_of('WITHVALUES', 'withvalues', 'x')) },
    HSCAN        => sub { (one_of('never', 'string'),
                           one_of(0, 0, '', 'x', -1, ' 1', '99999999999999999999'),
                           map { scan_option() } 1 .. up_to(2)) },
    DEL          => sub { one_of(@keys) },
    TYPE         => sub { key() },
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
my @short = qw(HSET HDEL HINCRBY HGET HLEN HSETNX HMGET DEL);      # with an order, for transactions

# Several as one.
sub transaction {
    return (['MULTI'], map({ [$_, $commands{$_}->()] }
                           map { one_of(@short) } 0 .. up_to(4)), ['EXEC']);
}

# After a command, what it left.
sub command {
    my ($name) = @_;

    return transaction() if chance(30);

    $name = 'HSET' if $name =~ /^(?:DEL|EXPIRE)$/ && chance(2);
    my $command = cut(chance(2) ? $name : lc $name, $commands{$name}->());
    my $key = one_of(@keys);

    return ($command, chance(3)
            ? (['HGETALL', $key], ['HLEN', $key], ['EXISTS', $key]) : ());
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
