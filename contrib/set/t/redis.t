# Sets answer as Redis' do.

use strict;
use warnings;

use Ferrokv::Collection;
use Ferrokv::Differ qw(one_of chance up_to);

sub member {
    return one_of('', "\0\r\n\xff", 'x' x 70, 'y' x 3000) if chance(20);
    return chance(3) ? up_to(15) : 'm' . up_to(10);
}

sub int64 {
    return one_of(0, 1, -1, 2, 5, $i64_max, $i64_min, '9223372036854775808',
                  '01', '', 'abc', '1.5');
}

sub members { return some { member() } chance(10) ? 12 : 2 }

sub keys_of { return some { key() } 3 }

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
                          scan_options(int64(), 'm1*', 'm?')) },
    SET         => sub { ('other', 'bytes') },
);

collection_as_redis('set',
    commands => \%commands,
    order => [qw(SADD SREM SCARD SISMEMBER SMOVE SUNIONSTORE DEL)],
    fill => [SADD => qr/^(?:DEL|EXPIRE|SPOP)$/],
    look => sub { (['SMEMBERS', $_[0]], ['SCARD', $_[0]]) },
    keys => ['other'], whole => qr/rand|pop/i);
