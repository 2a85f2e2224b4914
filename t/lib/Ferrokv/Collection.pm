package Ferrokv::Collection;

# Collections answer as Redis' do: random commands, good and bad, sent to both;
# small ones, large ones, and on the way from one to the other.
#
#     use Ferrokv::Differ qw(one_of chance up_to);
#     use Ferrokv::Collection;
#
#     collection_as_redis('hash',
#         commands => { HSET => sub { (key(), ...) }, ... },   # by first words
#         order    => [qw(HSET HGET)],        # whose replies have one
#         fill     => [HSET => qr/^DEL$/],    # half of these are that instead
#         look     => sub { ['HGETALL', $_[0]] },     # after a command, at a key
#         keys     => ['other'],              # there are more than @keys
#         whole    => qr/rand/i);             # these lose no argument
#
# The extension's parameter NAME.packed_entries is 6.

use strict;
use warnings;

use Exporter qw(import);
use Test::More;

use Ferrokv::Differ qw(one_of chance up_to);
use Ferrokv::Installed;
use Ferrokv::Nginx;

our @EXPORT = qw(@keys key target many some scan_options $i64_max $i64_min
                 collection_as_redis);

our @keys = map { "key$_" } 1 .. 4;
our $i64_max = '9223372036854775807';
our $i64_min = '-9223372036854775808';

sub key { return chance(30) ? one_of('missing', 'string') : one_of(@keys) }

# Also where one is stored: over anything.
sub target { return chance(20) ? 'other' : one_of(@keys) }

# How many at random: none, all, or so that the answer has no choice.
sub many { return one_of(0, 1000, 1000, 'abc', '', '1.5', $i64_max, $i64_min) }

sub some(&$) {
    my ($what, $most) = @_;

    return map { $what->() } 1 .. 1 + up_to($most);
}

sub _scan_option {
    my ($count, @patterns) = @_;

    return one_of('COUNT', 'match', 'x') if chance(20);
    return ('COUNT', chance(6) ? $count : 1000) if chance(2);
    return ('MATCH', one_of('*', '[', '', @patterns));
}

# A cursor, and what comes behind.
sub scan_options {
    my @given = @_;

    return (one_of(0, 0, '', 'x', -1, ' 1', '99999999999999999999'),
            map { _scan_option(@given) } 1 .. up_to(2));
}

# What is done with keys of any type.
my %of_keys = (
    COPY    => sub { (one_of(@keys), one_of(@keys),
                      chance(2) ? 'REPLACE' : ()) },
    DEL     => sub { one_of(@keys) },
    EXPIRE  => sub { (one_of(@keys), chance(4) ? -1 : 100_000) },
    PERSIST => sub { one_of(@keys) },
    RENAME  => sub { (one_of(@keys), one_of(@keys)) },
    TTL     => sub { one_of(@keys) },
    TYPE    => sub { key() },
);


# Sometimes one argument too few or too many.
sub _cut {
    my ($c, @args) = @_;

    pop @args if @args > 1 && $args[0] !~ $c->{whole} && chance(60);
    push @args, one_of('more', 1) if $args[0] !~ /^SET$/i && chance(80);
    return [@args];
}


# Several as one.
sub _transaction {
    my ($c) = @_;

    return (['MULTI'], map({ [$_, $c->{commands}{$_}->()] }
                           map { one_of(@{ $c->{order} }) } 0 .. up_to(4)),
            ['EXEC']);
}


# A command, and then sometimes what it left.
sub _command {
    my ($c, $name) = @_;

    return _transaction($c) if chance(30);

    my ($fill, $instead) = @{ $c->{fill} };

    $name = $fill if $name =~ $instead && chance(2);

    my $key = one_of(@keys, @{ $c->{keys} });
    my ($word) = split / /, $name;
    my $command = _cut($c, chance(2) ? $word : lc $word,
                       $c->{commands}{$name}->());

    return ($command, chance(3) ? ($c->{look}->($key), ['EXISTS', $key]) : ());
}


sub collection_as_redis {
    my ($extension, %c) = @_;

    if (my $why = Ferrokv::Differ->missing) {
        plan skip_all => $why;
    }

    my $nginx = Ferrokv::Nginx->new(<<'CONF', stream => 1, vars => {
%%GLOBALS%%
%%EXTENSIONS%%
ferrokv_param %%NAME%%.packed_entries 6;
ferrokv_store main path=%%DIR%%/store memory=64m;
events { }
stream {
    server {
        listen 127.0.0.1:%%PORT%%;
        ferrokv_resp;
    }
}
CONF
        NAME => $extension, EXTENSIONS => extension_conf($extension) });

    $nginx->start;

    my $differ = Ferrokv::Differ->new($nginx->port);

    $c{commands} = { %of_keys, %{ $c{commands} } };
    $c{keys} //= [];
    $c{whole} //= qr/^$/;

    my @names = sort keys %{ $c{commands} };
    my $any = sub { return _command(\%c, one_of(@names)) };

    $differ->same(['SET', 'string', 'bytes']);

    for my $name (@names) {
        $differ->random(300, sub {
            return chance(2) ? _command(\%c, $name) : $any->();
        }, $name);
    }

    $differ->random(15_000, $any, 'all of them');

    $differ->both([qw(HELLO 3)]);
    $differ->random(3_000, $any, 'RESP3');

    $differ->finish;
    $nginx->finish;
    done_testing();
}

1;
