# Sorted sets answer as Redis' do.

use strict;
use warnings;

use Ferrokv::Collection;
use Ferrokv::Differ qw(one_of chance up_to);

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

sub members { return some { member() } chance(10) ? 12 : 2 }

sub pairs { return some { (score(), member()) } chance(10) ? 12 : 2 }

sub keys_of {
    my @keys = some { key() } 2;

    return (chance(12) ? one_of(0, -1, 2, 'x', 1000) : scalar @keys, @keys);
}

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
                          scan_options(int64(), 'a1*', 'b?')) },
    DEL         => sub { one_of(@keys, 'lex') },
    'ZADD lex'  => sub { ('lex', map { (3, $_) } members()) },
);

collection_as_redis('zset',
    commands => \%commands,
    order => [qw(ZADD ZREM ZINCRBY ZCARD ZRANGE ZPOPMIN ZUNIONSTORE DEL)],
    fill => [ZADD => qr/^(?:DEL|EXPIRE|Z.*POP|ZREMRANGE)/],
    look => sub { (['ZRANGE', $_[0], 0, -1, 'WITHSCORES'], ['ZCARD', $_[0]]) },
    keys => ['other', 'lex'], whole => qr/rand/i);
