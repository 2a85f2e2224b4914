# Lists answer as Redis' do.

use strict;
use warnings;

use Ferrokv::Collection;
use Ferrokv::Differ qw(one_of chance up_to);

sub item {
    return one_of('', "\0\r\n\xff", 'x' x 70, 'y' x 3000) if chance(20);
    return 'i' . up_to(6);
}

sub int64 {
    return one_of(0, 1, -1, 2, $i64_max, $i64_min, '9223372036854775808',
                  '-9223372036854775807', '01', '', 'abc', '1.5');
}

sub place { return chance(10) ? int64() : up_to(24) - 12 }

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
);

collection_as_redis('list',
    commands => \%commands,
    order => [qw(LPUSH RPUSH LPOP RPOP LRANGE LMOVE LREM LSET DEL)],
    fill => [LPUSH => qr/^(?:DEL|EXPIRE|LTRIM|.POP)$/],
    look => sub { (['LRANGE', $_[0], 0, -1], ['LLEN', $_[0]]) });
