# Commands over values answer as Redis does: random ones, good and bad, sent to
# both.

use strict;
use warnings;

use Test::More;
use Ferrokv::Differ qw(one_of chance up_to);
use Ferrokv::Nginx;

if (my $why = Ferrokv::Differ->missing) {
    plan skip_all => $why;
}

my $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 1, stream => 1);
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=64m max_value=4m;
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
my @keys = map { "key$_" } 1 .. 5;
my $i64_max = '9223372036854775807';
my $i64_min = '-9223372036854775808';

# A word that may be in any letters, and sometimes another.
sub word {
    my ($word) = @_;

    return one_of('', 'foo', 'EX', 'x') if chance(60);
    return chance(4) ? lc $word : chance(8) ? ucfirst lc $word : $word;
}

# Some, and sometimes one too few or too many.
sub cut {
    my @args = @_;

    pop @args if @args > 1 && chance(60);
    push @args, one_of('more', 100_000) if chance(60);
    return [@args];
}

sub key { return chance(25) ? 'missing' : one_of(@keys) }

sub int64 {
    return one_of(0, 1, -1, 5, 100, -100, $i64_max, $i64_min,
                  '9223372036854775808', '-9223372036854775809', '01', '+1',
                  ' 1', '1.5', '', 'abc', '-0', '4611686018427387904')
        if chance(6);
    return up_to(2000) - 1000;
}

sub real {
    return one_of('inf', '-inf', 'nan', '', 'abc', '1e400', '1e5000', '1e-5000',
                  ' 1', '1 ', '0x10', '.5', '5.', '-0', '1e17', '1e-17',
                  '3.0e3', $i64_max)
        if chance(4);
    return sprintf '%.*f', up_to(6), rand(2000) - 1000;
}

sub value {
    return one_of(\&int64, \&real)->() if chance(3);
    return one_of('', 'a', 'foobar', "\0", "\xff" x 9, "\0" x 9, "a\r\nb")
        if chance(3);
    return join '', map { chr one_of(0, 255, 97, up_to(255)) }
        1 .. up_to(chance(10) ? 300 : 24);
}

# In seconds: times that end before the test does, or long after it.
sub expiry {
    return one_of('0', -1, 'abc', '', $i64_max, $i64_min, '9223372036854775',
                  '1.5', '9223372036854776')
        if chance(5);
    return 100_000 + up_to(100_000);
}

sub moment { return chance(2) ? expiry() : 4_000_000_000 + up_to(1000) }

sub time_of {
    my $word = one_of(qw(EX PX EXAT PXAT));
    my $time = $word =~ /AT/ ? moment() : expiry();

    # A moment of seconds is long past if it is read as milliseconds.
    $time .= '000' if $word eq 'PX' || $word eq 'PXAT' && !chance(6);
    return chance(30) ? word($word) : (word($word), $time);
}

sub offset {
    return one_of($i64_max, $i64_min, -1, '4294967296', 'abc', '',
                  '99999999999')
        if chance(10);
    return up_to(chance(10) ? 3000 : 60);
}

sub place { return chance(12) ? int64() : up_to(40) - 20 }

sub bit { return chance(12) ? one_of(2, -1, 'a', '', '01', 10) : up_to(1) }

sub unit { return chance(2) ? () : word(one_of(qw(BYTE BIT))) }

sub range { return (place(), place()) }

sub set_option {
    return time_of() if chance(2);
    return word(one_of(qw(NX XX GET KEEPTTL PERSIST)));
}

sub field_type {
    return one_of(qw(u64 i65 u0 i0 U8 x8 8 i u i08 u-1), '') if chance(15);
    return one_of('i', 'u') . one_of(1, 2, 5, 8, 13, 16, 31, 32, 33, 62, 63);
}

sub field_offset { return chance(3) ? '#' . up_to(40) : offset() }

# Nothing near -2^63, which Redis saturates to the largest number.
sub field_number {
    return one_of(0, 1, -1, 127, 128, 255, 256, -128, -129, 65535, 65536,
        $i64_max, '-4611686018427387904', 2 ** 31, 2 ** 32, '', 'abc',
        '9223372036854775808')
        if !chance(3);
    return up_to(2000) - 1000;
}

sub field {
    return (word('OVERFLOW'), word(one_of(qw(WRAP SAT FAIL)))) if chance(3);

    my $what = one_of(qw(GET SET INCRBY));

    return (word($what), field_type(), field_offset(),
            $what eq 'GET' ? () : field_number());
}

sub some(&$) {
    my ($what, $most) = @_;

    return map { $what->() } 1 .. up_to($most);
}

sub pairs { return map { (key(), value()) } 1 .. 1 + up_to(3) }

sub lcs_option {
    return chance(3) ? (word('MINMATCHLEN'), chance(6) ? int64() : up_to(4))
        : word(one_of(qw(LEN IDX WITHMATCHLEN IDX)));
}

my %commands = (
    APPEND      => sub { (key(), value()) },
    BITCOUNT    => sub { (key(), chance(4) ? () : (range(), unit())) },
    BITFIELD    => sub { (key(), some { field() } 4) },
    BITFIELD_RO => sub { (key(), some { chance(6) ? field()
                              : ('GET', field_type(), field_offset()) } 3) },
    BITOP       => sub { (word(one_of(qw(AND OR XOR NOT))), key(), key(),
                          some { key() } 3) },
    BITPOS      => sub { (key(), bit(), some { place() } 2) },
    DECR        => sub { key() },
    DECRBY      => sub { (key(), int64()) },
    GET         => sub { key() },
    GETBIT      => sub { (key(), offset()) },
    GETDEL      => sub { key() },
    GETEX       => sub { (key(), chance(3) ? () : chance(4) ? word('PERSIST')
                          : time_of(), chance(20) ? time_of() : ()) },
    GETRANGE    => sub { (key(), range()) },
    GETSET      => sub { (key(), value()) },
    INCR        => sub { key() },
    INCRBY      => sub { (key(), int64()) },
    INCRBYFLOAT => sub { (key(), real()) },
    LCS         => sub { (key(), key(), some { lcs_option() } 3) },
    MGET        => sub { (key(), some { key() } 4) },
    MSET        => sub { pairs() },
    MSETNX      => sub { pairs() },
    PSETEX      => sub { (key(), expiry() . '000', value()) },
    SET         => sub { (key(), value(), some { set_option() } 3) },
    SETBIT      => sub { (key(), offset(), bit()) },
    SETEX       => sub { (key(), expiry(), value()) },
    SETNX       => sub { (key(), value()) },
    SETRANGE    => sub { (key(), offset(), value()) },
    STRLEN      => sub { key() },
    SUBSTR      => sub { (key(), range()) },
);

# BITPOS has a unit only behind both ends.
my $bitpos = $commands{BITPOS};
$commands{BITPOS} = sub {
    return chance(3) ? (key(), bit(), range(), unit()) : $bitpos->();
};

my @names = sort keys %commands;

# After a command, what it left: the values and their times to live.
sub command {
    my ($name) = @_;
    my $command = cut(chance(2) ? $name : lc $name, $commands{$name}->());

    return ($command, chance(3) ? (['MGET', @keys], ['PTTL', key()]) : ());
}

for my $name (@names) {
    $differ->random(600, sub { return command(chance(2) ? $name
        : one_of(@names)) }, $name);
}

$differ->random(20_000, sub { return command(one_of(@names)) }, 'all of them');

# Numbers where random ones seldom are.
$differ->same(
    ['SET', 'n', $i64_max], [qw(INCR n)], [qw(DECR n)], [qw(INCRBY n 2)],
    ['SET', 'n', $i64_min], [qw(DECR n)], ['DECRBY', 'n', $i64_min],
    ['INCRBY', 'n', $i64_max], ['DECRBY', 'n', $i64_max],
    ['SET', 'f', '1e4932'], [qw(INCRBYFLOAT f 1.18e4932)], [qw(STRLEN f)],
    [qw(SET f 3.0e3)], [qw(INCRBYFLOAT f 0)], [qw(INCRBYFLOAT f -3000.1)],
    ['SET', 't', 'x', 'EX', '9223372036854775'], ['SET', 't', 'x', 'PX',
    $i64_max], ['SET', 't', 'x', 'PXAT', $i64_max], [qw(GET t)],
    ['PSETEX', 't', $i64_max, 'x'], ['GETEX', 't', 'EXAT', $i64_max],
    [qw(SETBIT b 0 1)], [qw(GETBIT b 4294967295)], [qw(GETBIT b 4294967296)],
    [qw(SETBIT b 99999999999 1)], [qw(SETRANGE b 536870912 x)],
    ['SETRANGE', 'b', $i64_max, 'x'], [qw(STRLEN b)],
);

# Large ones, and the bounds of LCS.
$differ->same(
    ['SET', 'big1', 'ab' x 2500], ['SET', 'big2', 'ba' x 3000],
    [qw(LCS big1 big2 LEN)], [qw(LCS big1 big2)],
    [qw(LCS big1 big2 IDX MINMATCHLEN 4 WITHMATCHLEN)],
    ['SET', 'big1', 'ab' x 6000], ['SET', 'big2', 'ba' x 6000],
    [qw(LCS big1 big2 LEN)],
    [qw(SETRANGE big1 300000 end)], [qw(STRLEN big1)], [qw(BITCOUNT big1)],
    [qw(BITPOS big1 1 12001)], [qw(BITPOS big1 1 12000 -1)],
    [qw(BITOP NOT big2 big1)], [qw(BITCOUNT big2)],
    [qw(BITCOUNT big2 7 -7 BIT)],
    [qw(BITOP XOR big3 big1 big2 missing)], [qw(BITCOUNT big3)],
    [qw(BITPOS big3 0)], [qw(GETRANGE big1 -4 -1)], [qw(APPEND big1 more)],
    [qw(GET big1)],
);

$differ->finish;
$nginx->finish;
done_testing();
