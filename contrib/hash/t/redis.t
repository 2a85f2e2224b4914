# Hashes answer as Redis' do.

use strict;
use warnings;

use Ferrokv::Collection;
use Ferrokv::Differ qw(one_of chance up_to);

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

sub pairs { return some { (field(), value()) } chance(10) ? 12 : 2 }

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
                           scan_options(int64(), 'f1*', 'f?')) },
);

collection_as_redis('hash',
    commands => \%commands,
    order => [qw(HSET HDEL HINCRBY HGET HLEN HSETNX HMGET DEL)],
    fill => [HSET => qr/^(?:DEL|EXPIRE)$/],
    look => sub { (['HGETALL', $_[0]], ['HLEN', $_[0]]) },
    whole => qr/rand/i);
