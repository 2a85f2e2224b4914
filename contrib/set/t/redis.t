# Sets answer as Redis' do: random commands, good and bad, sent to both; small
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

my %vars = (EXTENSIONS => extension_conf('set'));
my $nginx = Ferrokv::Nginx->new(<<'CONF', stream => 1, vars => \%vars);
%%GLOBALS%%
%%EXTENSIONS%%
ferrokv_param set.packed_entries 6;
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

    pop @args if @args > 1 && $args[0] !~ /rand|pop/i && chance(60);
    push @args, one_of('more', 1) if $args[0] ne 'SET' && chance(80);
    return [@args];
}

sub key { return chance(30) ? one_of('missing', 'string') : one_of(@keys) }

# Also where a set is stored: over anything.
sub target { return chance(20) ? 'other' : one_of(@keys) }

sub member {
    return one_of('', "\0\r\n\xff", 'x' x 70, 'y' x 3000) if chance(20);
    return chance(3) ? up_to(15) : 'm' . up_to(10);
}

sub int64 {
    return one_of(0, 1, -1, 2, 5, $i64_max, $i64_min, '9223372036854775808',
                  '01', '', 'abc', '1.5');
}

sub some(&$) {
    my ($what, $most) = @_;

    return map { $what->() } 1 .. 1 + up_to($most);
}

sub members { return some { member() } chance(10) ? 12 : 2 }

sub keys_of { return some { key() } 3 }

# How many at random: none, all, or so that the answer has no choice.
sub many { return one_of(0, 1000, 1000, 'abc', '', '1.5', $i64_max, $i64_min) }

sub scan_option {
    return one_of('COUNT', 'match', 'x') if chance(20);
    return ('COUNT', chance(6) ? int64() : 1000) if chance(2);
    return ('MATCH', one_of('*', 'm1*', 'm?', '[', ''));
}

my %commands = (
    SADD        => sub { (key(), members()) },
    SREM        => sub { (key(), members()) },
    SISMEMBER   => sub { (key(), member()) },
    SMISMEMBER  => sub { (key(), members()) },
    SMEMBERS    => sub { key() },
    SCARD       => sub { key() },
    SPOP        => sub { (key(), many()) },
    SRANDMEMBER => sub { (key(), many()) },
    SMOVE       => sub { (key(), key(), member()) },
    SINTER      => sub { keys_of() },
    SUNION      => sub { keys_of() },
    SDIFF       => sub { keys_of() },
    SINTERSTORE => sub { (target(), keys_of()) },
    SUNIONSTORE => sub { (target(), keys_of()) },
    SDIFFSTORE  => sub { (target(), keys_of()) },
    SINTERCARD  => sub {
        my @keys = keys_of();
        return (chance(10) ? int64() : scalar @keys, @keys,
                chance(2) ? () : (one_of('LIMIT', 'limit', 'x'), int64()));
    },
    SSCAN       => sub { (one_of('never', 'string'),
                          one_of(0, 0, '', 'x', -1, ' 1', '99999999999999999999'),
                          map { scan_option() } 1 .. up_to(2)) },
    DEL         => sub { one_of(@keys) },
    TYPE        => sub { key() },
    SET         => sub { ('other', 'bytes') },
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
my @short = qw(SADD SREM SCARD SISMEMBER SMOVE SUNIONSTORE DEL);      # with an order, for transactions

# Several as one.
sub transaction {
    return (['MULTI'], map({ [$_, $commands{$_}->()] }
                           map { one_of(@short) } 0 .. up_to(4)), ['EXEC']);
}

# After a command, what it left.
sub command {
    my ($name) = @_;

    return transaction() if chance(30);

    $name = 'SADD' if $name =~ /^(?:DEL|EXPIRE|SPOP)$/ && chance(2);
    my $command = cut(chance(2) ? $name : lc $name, $commands{$name}->());
    my $key = one_of(@keys, 'other');

    return ($command, chance(3)
            ? (['SMEMBERS', $key], ['SCARD', $key], ['EXISTS', $key]) : ());
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
