# Sorted sets answer as Redis' do: random commands, good and bad, sent to both; small
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

my %vars = (EXTENSIONS => extension_conf('zset'));
my $nginx = Ferrokv::Nginx->new(<<'CONF', stream => 1, vars => \%vars);
%%GLOBALS%%
%%EXTENSIONS%%
ferrokv_param zset.packed_entries 6;
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

# Also where one is stored: over anything.
sub target { return chance(20) ? 'other' : one_of(@keys) }

# Whose members have all the same score, for ranges of names.
sub lex_key { return chance(6) ? one_of('never', 'string') : 'lex' }

sub member {
    return one_of('', "\0\r\n\xff", 'x' x 70, 'y' x 3000) if chance(20);
    return one_of('a' .. 'd') . up_to(3);
}

sub score {
    return one_of('inf', '-inf', '+inf', 'nan', '', 'abc', '1e400', ' 1',
                  '0x10', '.5', '5.', '1e17', '3.0e3', $i64_max, '1.0000001')
        if chance(6);
    return chance(2) ? up_to(10)
        : sprintf('%.*f', up_to(3), rand(20) - 10) =~ s/^-(?=[0.]+$)//r;
}

sub int64 {
    return one_of(0, 1, -1, 2, 5, $i64_max, $i64_min, '9223372036854775808',
                  '01', '', 'abc', '1.5');
}

sub place { return chance(12) ? int64() : up_to(24) - 12 }

sub bound { return one_of('', '', '(') . (chance(4) ? one_of('-inf', '+inf')
                                                    : score()) }

sub name { return chance(12) ? one_of('', 'a', '(', '[')
               : chance(4) ? one_of('-', '+') : one_of('[', '(') . member() }

sub some(&$) {
    my ($what, $most) = @_;

    return map { $what->() } 1 .. 1 + up_to($most);
}

sub members { return some { member() } chance(10) ? 12 : 2 }

sub pairs { return some { (score(), member()) } chance(10) ? 12 : 2 }

sub keys_of {
    my @keys = some { key() } 2;

    return (chance(12) ? one_of(0, -1, 2, 'x', 1000) : scalar @keys, @keys);
}

# How many at random: none, all, or so that the answer has no choice.
sub many { return one_of(0, 1000, 1000, 'abc', '', '1.5', $i64_max, $i64_min) }

sub maybe(@) { return chance(2) ? @_ : () }

sub limit { return maybe(one_of('LIMIT', 'limit'), chance(6) ? int64()
                             : up_to(3), chance(6) ? int64() : up_to(5)) }

sub with_scores { return maybe(one_of('WITHSCORES', 'withscores')) }

# Redis has a zero below zero, sometimes; we do not.
sub weight { return chance(12) ? one_of('', 'x', 'nan') : 1 + up_to(30) / 10 }

sub weights {
    my ($n) = @_;

    return (maybe('WEIGHTS', map { weight() } 1 .. ($n =~ /^[123]$/ ? $n : 1)),
            maybe('AGGREGATE', chance(12) ? 'x' : one_of(qw(SUM min MAX))));
}

sub combined {
    my @keys = keys_of();

    return (@keys, weights($keys[0]));
}

# A range, and where it is in: the options of ZRANGE decide of both.
sub range {
    my $by = one_of('', 'BYSCORE', 'BYLEX', 'bylex');

    return (key(), place(), place(), maybe('REV')) if !$by;
    return ($by eq 'BYSCORE' ? (key(), bound(), bound())
                             : (lex_key(), name(), name()),
            $by, maybe('REV'), limit());
}

sub scan_option {
    return one_of('COUNT', 'match', 'x') if chance(20);
    return ('COUNT', chance(6) ? int64() : 1000) if chance(2);
    return ('MATCH', one_of('*', 'a1*', 'b?', '[', ''));
}

my %commands = (
    ZADD        => sub { (key(), map({ maybe($_) } chance(4)
                              ? qw(NX XX GT lt CH INCR) : chance(3) ? 'CH' : ()),
                          pairs()) },
    ZINCRBY     => sub { (key(), score(), member()) },
    ZREM        => sub { (key(), members()) },
    ZSCORE      => sub { (key(), member()) },
    ZMSCORE     => sub { (key(), members()) },
    ZCARD       => sub { key() },
    ZRANK       => sub { (key(), member()) },
    ZREVRANK    => sub { (key(), member()) },
    ZRANDMEMBER => sub { (key(), many(), maybe(one_of('WITHSCORES', 'x'))) },
    ZRANGE      => sub { (range(), with_scores()) },
    ZREVRANGE   => sub { (key(), place(), place(), with_scores()) },
    ZRANGEBYSCORE    => sub { (key(), bound(), bound(), with_scores(),
                               limit()) },
    ZREVRANGEBYSCORE => sub { (key(), bound(), bound(), limit(),
                               with_scores()) },
    ZRANGEBYLEX      => sub { (lex_key(), name(), name(), limit()) },
    ZREVRANGEBYLEX   => sub { (lex_key(), name(), name(), limit()) },
    ZRANGESTORE => sub { (target(), range()) },
    ZCOUNT      => sub { (key(), bound(), bound()) },
    ZLEXCOUNT   => sub { (lex_key(), name(), name()) },
    ZREMRANGEBYRANK  => sub { (key(), place(), place()) },
    ZREMRANGEBYSCORE => sub { (key(), bound(), bound()) },
    ZREMRANGEBYLEX   => sub { (lex_key(), name(), name()) },
    ZPOPMIN     => sub { (key(), maybe(chance(6) ? int64() : up_to(4))) },
    ZPOPMAX     => sub { (key(), maybe(chance(6) ? int64() : up_to(4))) },
    ZMPOP       => sub { (keys_of(), one_of(qw(MIN max x)), maybe(
                              one_of('COUNT', 'x'), int64())) },
    ZUNION      => sub { (combined(), with_scores()) },
    ZINTER      => sub { (combined(), with_scores()) },
    ZDIFF       => sub { (keys_of(), with_scores()) },
    ZUNIONSTORE => sub { (target(), combined()) },
    ZINTERSTORE => sub { (target(), combined()) },
    ZDIFFSTORE  => sub { (target(), keys_of()) },
    ZINTERCARD  => sub { (keys_of(), maybe('LIMIT', int64())) },
    ZSCAN       => sub { (one_of('never', 'string'),
                          one_of(0, 0, '', 'x', -1, ' 1', '99999999999999999999'),
                          map { scan_option() } 1 .. up_to(2)) },
    LEX         => sub { () },
    DEL         => sub { one_of(@keys, 'lex') },
    TYPE        => sub { key() },
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
my @short = qw(ZADD ZREM ZINCRBY ZCARD ZRANGE ZPOPMIN ZUNIONSTORE DEL);      # with an order, for transactions

# Several as one.
sub transaction {
    return (['MULTI'], map({ [$_, $commands{$_}->()] }
                           map { one_of(@short) } 0 .. up_to(4)), ['EXEC']);
}

# After a command, what it left.
sub command {
    my ($name) = @_;

    return transaction() if chance(30);

    return ['ZADD', 'lex', map { (3, $_) } members()] if $name eq 'LEX';
    $name = 'ZADD' if $name =~ /^(?:DEL|EXPIRE|Z.*POP|ZREMRANGE)/ && chance(2);
    my $command = cut(chance(2) ? $name : lc $name, $commands{$name}->());
    my $key = one_of(@keys, 'other', 'lex');

    return ($command, chance(3)
            ? (['ZRANGE', $key, 0, -1, 'WITHSCORES'], ['ZCARD', $key],
               ['EXISTS', $key]) : ());
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
