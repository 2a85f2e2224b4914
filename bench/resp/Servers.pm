package Servers;

# The servers of bench/resp: of each contender one for each kind of work, started
# when it is first asked for.  A kind is a store, or a data set, of its own.
#
#   always, everysec    empty, and durable as it says
#   memtable            KEYS keys, nothing flushed
#   tables              KEYS keys, and so much behind them that they are in tables
#   many                MANY_KEYS keys
#   hundreds            1,000 hashes and sorted sets of 100 members each
#   hsets, ...          as everysec: of the one key of HSET and its like

use strict;
use warnings;

use Ours;
use Redis;

sub new {
    my ($class, %set) = @_;

    return bless { set => \%set, started => {}, bad => '' }, $class;
}


sub get {
    my ($self, $who, $kind) = @_;

    return $self->{started}{"$who $kind"} //= $self->_start($who, $kind);
}


sub _start {
    my ($self, $who, $kind) = @_;
    my %set = %{ $self->{set} };

    my $class = { redis => 'Redis', ferrokv => 'Ours', builtin => 'Ours' }->{$who}
        or die "no such contender: $who\n";
    my $server = $class->start(
        sync => $kind eq 'always' ? 'always' : 'everysec',
        memory => $kind eq 'tables' ? '64m'
                : $kind eq 'many' ? $set{MANY_MEMORY} : $set{MEMORY});

    if ($kind eq 'hundreds') {
        _load_hundreds($server);
        return $server;
    }

    # GET beside SET finds the same keys.
    _load($server, 'key', $kind eq 'many' ? $set{MANY_KEYS} : $set{KEYS},
          $set{VALUE});

    if ($kind eq 'tables' && $server->work) {
        _load($server, 'pad', 1_000_000, $set{VALUE});
    }

    return $server;
}


sub _pipe {
    my ($server) = @_;

    open my $pipe, '|-', 'redis-cli -p ' . $server->port . ' --pipe >/dev/null'
        or die "redis-cli: $!";
    return $pipe;
}


sub _command {
    return join '', '*' . @_ . "\r\n",
        map { '$' . length($_) . "\r\n$_\r\n" } @_;
}


# The keys that redis-benchmark uses, and others of the same form.
sub _load {
    my ($server, $name, $n, $value) = @_;
    my $pipe = _pipe($server);

    printf "load %s: %s keys\n", $server->name, Report::number($n);

    my $tail = "\r\n\$" . length($value) . "\r\n$value\r\n";

    for my $i (0 .. $n - 1) {
        print {$pipe} "*3\r\n\$3\r\nSET\r\n\$16\r\n",
            sprintf("%s:%012d", $name, $i), $tail;
    }

    close $pipe or die "redis-cli --pipe has failed\n";

    my $last = $server->cli('GET', sprintf '%s:%012d', $name, $n - 1);
    die "the last of $n keys is not there\n" if $last ne $value;
}


sub _load_hundreds {
    my ($server) = @_;
    my $pipe = _pipe($server);

    for my $i (0 .. 999) {
        my $key = sprintf '%012d', $i;

        print {$pipe} _command('HSET', "hash:$key",
            map { ("field:$_", "value of field $_") } 1 .. 100);
        print {$pipe} _command('ZADD', "zset:$key",
            map { ($_ * 1.5, "member:$_") } 1 .. 100);
    }

    close $pipe or die "redis-cli --pipe has failed\n";

    my @n = map { $server->cli(@$_) } ['HLEN', 'hash:000000000999'],
                                      ['ZCARD', 'zset:000000000999'];
    die "not 100 fields and members: @n\n" if "@n" ne '100 100';
}


sub allocator {
    my ($self) = @_;
    my ($one) = grep { $_->isa('Ours') } values %{ $self->{started} };

    return $one && $one->allocator;
}


sub drop {
    my ($self, $who, $kind) = @_;
    my $server = delete $self->{started}{"$who $kind"} or return;

    $self->{bad} .= $server->end;
}


sub end {
    my ($self) = @_;

    $self->drop(split ' ', $_) for sort keys %{ $self->{started} };

    return $self->{bad};
}

1;
