package Ferrokv::Model::Redis;

# Ferrokv::Model::Redis - those clients of a model that speak RESP.
#
# Clients   command   strings by SET, GETSET, DEL and GET, some with a TTL
#           multi     three keys and a counter, changed by one MULTI
#           element   what a hash, a set, a sorted set and a list hold, of
#                     extensions that are loaded; it dies with its key
#           operand   members of a HyperLogLog, added without reading it
#
# What is in a key of those types the model knows as a key of its own: "hash4|f7"
# is field f7 of hash4.

use strict;
use warnings;

use Time::HiRes qw(sleep);

use Ferrokv::Resp;

our %client = (command => \&_command, multi => \&_multi,
               element => \&_element, operand => \&_operand);


# The reply in an array, or undef: nobody knows whether it was done.
sub _ask {
    my ($model, @requests) = @_;
    my @said = eval {
        $model->{redis} //= Ferrokv::Resp->new($model->{redis_port});
        $model->{redis}->pipeline(@requests);
    };
    my $what = join ' ', map { substr $_, 0, 30 } @{ $requests[0] };
    my ($error) = grep { Ferrokv::Resp::is_error($_) } @said;

    $model->{ops}++;

    if (!@said) {
        delete $model->{redis};
        return $model->unanswered($what, $@ =~ s/\n.*//sr);
    }

    return \@said if !defined $error;
    return $model->unanswered($what, "$error") if $model->{cut};

    push @{ $model->{odd} }, "$what: $error";
    return;
}


sub _command {
    my ($model) = @_;
    my $key = "r$model->{i}:" . int rand $model->{keys};
    my $value = ++$model->{n} . ' ' . int rand $model->{bytes} / 10;
    my $what = rand;

    if ($what < 0.2) {
        my $said = _ask($model, ['GET', $key]) or return;
        $model->seen($key, Ferrokv::Model::value($said->[0]));

    } elsif ($what < 0.3) {
        $model->make({ $key => '' }, sub { _ask($model, ['DEL', $key]) });

    } else {
        my ($mark, @option) = $what < 0.4 ? (' soon', PX => 150)
            : $what < 0.5 ? ('0', EX => 3600) : ('1');
        my $text = Ferrokv::Model::text("$value$mark");

        $model->make({ $key => "$value$mark" },
            sub { _ask($model, ['SET', $key, $text, @option]) });
    }
}


sub _multi {
    my ($model) = @_;
    my $value = ++$model->{n} . ' ' . int(rand $model->{bytes} / 30) . '1';
    my $text = Ferrokv::Model::text($value);
    my %made = map { ("multi$model->{i}:$_" => $value) } 'a' .. 'c';

    $model->{begun}{'hot:multi'}++;
    $model->make(\%made, sub {
        _ask($model, ['MULTI'], (map { ['SET', $_, $text] } sort keys %made),
             ['INCR', 'hot:multi'], ['EXEC']);
    }) or return;
    $model->{acked}{'hot:multi'}++;
}


sub _element {
    my ($model) = @_;
    my $type = (qw(hash set zset list))[rand 4];
    my ($made, @request) = rand() < 0.01 ? _delete($model, $type)
        : $type eq 'list' ? _push_or_remove($model) : _member($model, $type);

    $model->make($made, sub { _ask($model, \@request) });
}


sub _held {
    my ($model, $key) = @_;

    return grep { /^\Q$key|/ && $model->{known}{$_}[-1] ne '' }
        keys %{ $model->{known} };
}


sub _delete {
    my ($model, $type) = @_;
    my $key = "$type$model->{i}";

    return ({ map { $_ => '' } _held($model, $key) }, 'DEL', $key);
}


sub _member {
    my ($model, $type) = @_;
    my ($key, $f, $n) = ("$type$model->{i}", 'f' . int rand 60, ++$model->{n});
    my %gone = (hash => 'HDEL', set => 'SREM', zset => 'ZREM');

    return ({ "$key|$f" => '' }, $gone{$type}, $key, $f) if $n % 3 == 0;
    return ({ "$key|$f" => '1 1' }, 'SADD', $key, $f) if $type eq 'set';
    return ({ "$key|$f" => "$n 1" }, 'ZADD', $key, $n, $f) if $type eq 'zset';

    # Two fields that change together.
    my $value = $n . ' ' . int(rand 20) . '1';
    my $text = Ferrokv::Model::text($value);

    return ({ "$key|$f" => $value, "$key|last" => $value },
            'HSET', $key, $f, $text, 'last', $text);
}


# Numbers that only grow, each once.
sub _push_or_remove {
    my ($model) = @_;
    my ($key, $n) = ("list$model->{i}", ++$model->{n});
    my @held = sort { $a <=> $b } map { /\|(.*)/ } _held($model, $key);

    return ({ "$key|$n" => "$n 1" }, 'RPUSH', $key, $n) if @held < 40;
    return ({ "$key|$held[0]" => '' }, 'LREM', $key, 0, $held[0]);
}


sub _operand {
    my ($model) = @_;
    my $key = "hll$model->{i}";

    $model->{members}{$key}{begun}++;
    _ask($model, ['PFADD', $key, ++$model->{n}]) or return;
    $model->{members}{$key}{acked}++;
    sleep 0.002;
}


# Everything of these types that is there, into %$is; returns what is wrong.
sub read_all {
    my ($model, $is, $lost) = @_;
    my $redis = Ferrokv::Resp->new($model->{redis_port});
    my %keys = map { /^(.*)\|/ ? ($1 => 1) : () } keys %{ $model->{known} };
    my @wrong;

    for my $key (sort keys %keys) {
        my @pairs = _pairs($redis, $key);
        my @members = @pairs[grep { $_ % 2 == 0 } 0 .. $#pairs];

        push @wrong, "$key is in disorder: @members"
            if $key =~ /^list/ && "@members" ne join ' ',
                sort { $a <=> $b } @members;

        while (my ($member, $text) = splice @pairs, 0, 2) {
            $is->{"$key|$member"} = $text;
        }

        delete $is->{$key};
    }

    return @wrong, _wrong_operands($model, $redis, $is, $lost);
}


# Members and their values as texts.
sub _pairs {
    my ($redis, $key) = @_;
    my ($type) = $key =~ /^([a-z]+)/;
    my %read = (hash => ['HGETALL', $key], set => ['SMEMBERS', $key],
                zset => ['ZRANGE', $key, 0, -1, 'WITHSCORES'],
                list => ['LRANGE', $key, 0, -1]);
    my $said = $redis->cmd(@{ $read{$type} });

    die "$key: $said\n" if ref $said ne 'ARRAY';
    return @$said if $type eq 'hash';
    return map { $_ => Ferrokv::Model::text('1 1') } @$said if $type eq 'set';
    return map { $_ => Ferrokv::Model::text("$_ 1") } @$said if $type eq 'list';

    my %score = @$said;

    return map { $_ => Ferrokv::Model::text("$score{$_} 1") } keys %score;
}


# It says about how many there are: within some percent, and more than any hole
# that a lost operand would be, where many are.
sub _wrong_operands {
    my ($model, $redis, $is, $lost) = @_;
    my @wrong;

    for my $key (sort keys %{ $model->{members} }) {
        my $is_there = $redis->cmd('PFCOUNT', $key);
        my ($acked, $begun, $base) =
            map { $_ // 0 } @{ $model->{members}{$key} }{qw(acked begun base)};

        $acked = $base if $lost;

        push @wrong, "$key has $is_there members, not $acked to $begun"
            if $is_there !~ /^\d+$/ || $is_there < 0.96 * $acked - 1
               || $is_there > 1.04 * $begun + 1;

        delete $is->{$key};
        @{ $model->{members}{$key} }{qw(acked begun base)} = ($is_there) x 3;
    }

    return @wrong;
}

1;
