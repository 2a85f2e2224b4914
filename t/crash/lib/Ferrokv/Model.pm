package Ferrokv::Model;

# Ferrokv::Model - clients that know what the store must hold.
#
#   my $model = Ferrokv::Model->new($nginx->port);
#   $model->begin;                    # they work, each in its own process
#   ... kill, reload ...
#   $model->end;                      # collects what they know
#   ... kill everything, start again ...
#   is($model->wrong, '', 'all is there');
#
# begin and end may be repeated; what one round knows is where the next begins.
#
# Clients   writer    put, put with a TTL, delete, get on keys of its own, and
#                     now and then delete of a prefix of them
#           count     adds to counters that all of them share
#           sequence  seq:00000001, seq:00000002 ..., through all workers in
#                     turn, each begun when the one before is acknowledged
#           batch     three keys that change together
#           large     values of 64 KiB to 1 MiB
#           snapshot  listings at a snapshot, which never change
#           checkpoint  directories, by the name of those that are done
#           web       a location that is cached and one that is limited
#           command, multi, element, operand   Ferrokv/Model/Redis.pm; they need
#                     redis_port
# Options   keys (of a writer, 40), bytes (of a value, at most, 6000), counters
#           (names, hot:0 .. hot:2), others (keys that are none of ours),
#           keepalive (1), resend (what a kept connection did not answer)
#
# What a client knows of a key is the list of its possible values: that of the
# last acknowledged operation, then those of operations begun later whose answer
# never came.  A value that was read was durable, so it drops those before it.
# And it knows in which order it wrote: where writes may be lost, what is left
# is what the first so many of them made, wrong(lost => time).
#
# begin(cut => 1) is for a round in which the disk goes: a client that is answered
# by a failure, or not at all, has nothing more to say.

use strict;
use warnings;

use JSON::PP ();
use Time::HiRes qw(sleep time);

use Ferrokv::Http;
use Ferrokv::Load;
use Ferrokv::Model::Redis;

use constant SOON => 0.15;      # seconds; a TTL that ends before the check

my $json = JSON::PP->new->utf8;
my %client = (writer => \&_writer, count => \&_count,
              sequence => \&_sequence, batch => \&_batch, large => \&_large,
              snapshot => \&_snapshot, web => \&_web,
              checkpoint => \&_checkpoint,
              %Ferrokv::Model::Redis::client);


sub new {
    my ($class, $port, %opt) = @_;

    return bless {
        port     => $port,
        clients  => [qw(writer writer count count sequence batch)],
        keys     => 40,
        bytes    => 6000,
        others   => qr/^x:/,
        counters => [map { "hot:$_" } 0 .. 2],
        sequence => { acked => 0, begun => 0 },
        known    => {},         # key => [possible values]
        start    => {},         # key => value, when last compared
        did      => {},         # client => [[when acknowledged, key => value]]
        acked    => {},         # counter => sum
        begun    => {},
        base     => {},         # counter => sum, when last compared
        checkpoints => [],      # names
        members  => {},         # key => { acked, begun, base }: how many
        odd      => [],         # answers that nothing explains
        unknown  => [],         # why answers never came
        keepalive => 1,
        ops      => 0,
        %opt,
    }, $class;
}


sub begin {
    my ($self, %opt) = @_;

    # Values of different rounds differ.
    $self->{n} += 1_000_000;
    $self->{cut} = $opt{cut};
    delete $self->{failed};

    $self->{load} = Ferrokv::Load->start(scalar @{ $self->{clients} }, sub {
        my ($i, $stop) = @_;

        $self->{i} = $i;
        $self->{stop} = $stop;
        $self->{http} = [map { Ferrokv::Http->new($self->{port},
            keepalive => $self->{keepalive}) } 0 .. 1];
        $self->{$_} = {} for qw(acked begun members);
        $self->{$_} = [] for qw(odd unknown checkpoints);
        $self->{did} = { $i => [] };
        $self->{ops} = 0;

        # What the others own they know better.
        delete @{ $self->{known} }{ grep { !/^[a-z]+$i[:|]/ }
                                    keys %{ $self->{known} } };

        $client{ $self->{clients}[$i] }->($self) until $stop->();

        my %said = map { $_ => $self->{$_} } qw(known did acked begun odd unknown
                                                members checkpoints ops sequence
                                                failed);
        $said{mine} = $self->{clients}[$i];
        return \%said;
    });
}


sub end {
    my ($self) = @_;

    for my $said ((delete $self->{load})->finish) {
        my ($known, $client) = ($said->{known}, $said->{mine});

        $self->{known}{$_} = $known->{$_} for keys %$known;
        push @{ $self->{$_} }, @{ $said->{$_} } for qw(odd unknown checkpoints);
        $self->{sequence} = $said->{sequence} if $client eq 'sequence';
        $self->{ops} += $said->{ops};
        push @{ $self->{did}{$_} }, @{ $said->{did}{$_} }
            for keys %{ $said->{did} };
        $self->{failed} = $said->{failed}
            if ($said->{failed} // 9e9) < ($self->{failed} // 9e9);

        for my $what (qw(acked begun)) {
            $self->{$what}{$_} += $said->{$what}{$_}
                for keys %{ $said->{$what} };

            $self->{members}{$_}{$what} += $said->{members}{$_}{$what} // 0
                for keys %{ $said->{members} };
        }
    }

    return $self;
}


# In a client: what a request came to.  Status 0: nobody knows.
sub _ask {
    my ($self, $wanted, @request) = @_;

    # In turn, so that what one worker has written is read through another.
    my $http = $self->{http}[$self->{ops}++ % 2];
    my $kept = $http->{socket};
    my $r = $http->request(@request);

    # A worker that leaves closes kept connections; what it has not begun to
    # read it has not done.  A dead one may have done it.
    $r = $http->request(@request)
        if $self->{resend} && $kept && $r->status == 0 && !%{ $r->{headers} };

    return $r if $r->status =~ /^(?:$wanted)$/;

    if ($r->status == 0 || ($self->{cut} && $r->status =~ /^5/)) {
        $self->unanswered("$request[0] $request[1]", $r->error // $r->status);

    } else {
        push @{ $self->{odd} }, "$request[0] $request[1]: "
            . $r->status . ' ' . substr $r->body, 0, 200;
    }

    $r->{status} = 0;
    return $r;
}


# Nobody knows whether it was done.
sub unanswered {
    my ($self, $what, $why) = @_;

    if ($why =~ /timeout|in time/) {
        push @{ $self->{odd} }, "$what: no answer in time";
        return;
    }

    push @{ $self->{unknown} }, "$what: $why";

    if ($self->{cut}) {
        $self->{failed} = time;
        sleep 0.01 until $self->{stop}->();

    } elsif ($why =~ /^connect/) {
        sleep 0.005;
    }

    return;
}


# A value says what it is: "number length" and so many x.  The last digit of the
# length says whether it has a TTL: 0 yes, 1 no.  An empty string is a key that
# does not exist.
sub text {
    my ($value) = @_;
    my ($n, $length) = $value =~ /^(\d+) (\d+)/ or return '';

    return "$n $length " . 'x' x $length;
}


sub value {
    my ($text) = @_;
    my ($value) = ($text // '') =~ /^(\d+ \d+) /;

    return !length($text // '') ? ''
        : defined $value && $text eq text($value) ? $value
        : 'garbage: ' . substr $text, 0, 40;
}


# A value with "soon" behind it may have expired.
sub _is {
    my ($possible, $value) = @_;

    return $possible eq $value || $possible eq "$value soon"
        || ($value eq '' && $possible =~ /soon$/);
}


# What was read must be possible, and what was before that is so no longer.
sub seen {
    my ($self, $key, $value) = @_;
    my $known = $self->{known}{$key} //= [''];

    for my $i (reverse 0 .. $#$known) {
        if (_is($known->[$i], $value)) {
            splice @$known, 0, $i if $value ne '' && @$known > 1;
            return 1;
        }
    }

    push @{ $self->{odd} }, "$key is \"$value\", not \""
        . join('" or "', @$known) . '"';
    return 0;
}


# A write: what its keys will be, then as _ask.  True when it is acknowledged.
sub _write {
    my ($self, $made, @ask) = @_;

    return $self->make($made, sub { $self->_ask(@ask)->status });
}


sub make {
    my ($self, $made, $code) = @_;

    push @{ $self->{known}{$_} //= [''] }, $made->{$_} for keys %$made;
    push @{ $self->{did}{ $self->{i} } }, [0, %$made];

    return 0 if !$code->();

    $self->{known}{$_} = [$made->{$_}] for keys %$made;
    $self->{did}{ $self->{i} }[-1][0] = time;
    return 1;
}


sub _writer {
    my ($self) = @_;

    # Again what was not answered: a dead one's latch must not stay.
    my $key = delete $self->{again} // "w$self->{i}:" . int rand $self->{keys};
    my $what = rand;
    my $value = ++$self->{n} . ' ' . (1 + int rand $self->{bytes} / 10);

    if ($what < 0.03) {
        $self->_delete_prefix($key =~ /^(w\d+:.?)/);

    } elsif ($what < 0.1) {
        $self->_read($key);

    } elsif ($what < 0.25) {
        $self->_write({ $key => '' }, '204|404', 'DELETE', "/kv/$key")
            or $self->{again} = $key;

    } else {
        my ($ttl, $mark) =
            $what < 0.35 ? ('?ttl=' . SOON * 1000 . 'ms', ' soon')
            : $what < 0.5 ? ('?ttl=1h', '0') : ('', '1');

        $value .= $mark;
        $self->_write({ $key => $value }, '201|204', 'PUT', "/kv/$key$ttl",
                      text($value)) or $self->{again} = $key;
    }
}


sub _read {
    my ($self, $key) = @_;
    my $r = $self->_ask('200|404', 'GET', "/kv/$key");

    $self->seen($key, value($r->status == 404 ? '' : $r->body)) if $r->status;
}


# Of keys of its own.
sub _delete_prefix {
    my ($self, $prefix) = @_;
    my @keys = grep { /^\Q$prefix/ } keys %{ $self->{known} };

    $self->_write({ map { $_ => '' } @keys }, '200', 'DELETE',
                  "/kv/?prefix=$prefix") or $self->{again} = $keys[0];
}


# Files of their own on disk.
sub _large {
    my ($self) = @_;
    my $key = "large$self->{i}:" . int rand 8;
    my $what = rand;
    my $value = ++$self->{n} . ' ' . (6554 + int rand 98000) . '1';

    return $self->_read($key) if $what < 0.2;
    return $self->_write({ $key => '' }, '204|404', 'DELETE', "/kv/$key")
        if $what < 0.3;

    $self->_write({ $key => $value }, '201|204', 'PUT', "/kv/$key",
                  text($value));
    sleep 0.02;
}


sub _count {
    my ($self) = @_;
    my $key = $self->{counters}[rand @{ $self->{counters} }];

    $self->{begun}{$key}++;
    my $r = $self->_ask('200', 'POST', "/kv/$key?incr=1");

    return if !$r->status;

    $self->{acked}{$key}++;

    # Every sum is given once: ours grow.
    push @{ $self->{odd} }, "$key went back to " . $r->body
        if $r->body <= ($self->{last}{$key} // 0);
    $self->{last}{$key} = $r->body;
}


# Never a second one before the first is known: what survives is a prefix.
sub _sequence {
    my ($self) = @_;
    my $sequence = $self->{sequence};

    $sequence->{begun} = $sequence->{acked} + 1;
    my $r = $self->_ask('201|204', 'PUT',
        sprintf('/kv/seq:%08d', $sequence->{begun}),
        text("$sequence->{begun} " . int rand 200));

    return if !$r->status;

    $sequence->{acked} = $sequence->{begun};

    # When, now and then: wrong(lost => time) wants to know.
    my $at = $sequence->{at} //= [[$sequence->{acked} - 1, 0]];

    push @$at, [$sequence->{acked}, time] if time > $at->[-1][1] + 0.02;
}


# It ends by itself if nobody ends it.
sub _snapshot {
    my ($self) = @_;
    my $r = $self->_ask('201', 'POST', '/kv/?snapshot&ttl=2s', '');

    return if !$r->status;

    my $s = $r->json->{snapshot};
    my @list = map {
        sleep 0.02;
        $self->_ask('200', 'GET', "/kv/?snapshot=$s&prefix=batch&values");
    } 1 .. 2;

    push @{ $self->{odd} }, 'a snapshot has changed'
        if $list[0]->status && $list[1]->status
           && $list[0]->body ne $list[1]->body;
    $self->_ask('204', 'DELETE', "/kv/?snapshot=$s") if rand() < 0.5;
}


sub _checkpoint {
    my ($self) = @_;
    my $name = "of$self->{i}-" . ++$self->{n};

    push @{ $self->{checkpoints} }, $name
        if $self->_ask('201', 'POST', "/kv/?checkpoint=$name", '')->status;
    sleep 0.2;
}


# What is proxied to a worker that dies is a 502.
sub _web {
    my ($self) = @_;
    my $n = int rand 500;
    my $r = $self->_ask('200|502|504', 'GET', "/cached/$n");

    push @{ $self->{odd} }, "/cached/$n is " . substr $r->body, 0, 50
        if $r->status == 200 && $r->body ne "/origin/cached/$n";
    $self->_ask('200|429', 'GET', "/limited/$n");
    sleep 0.002;
}


sub _batch {
    my ($self) = @_;
    my @keys = map { "batch$self->{i}:$_" } 'a' .. 'c';
    my $value = ++$self->{n} . ' ' . (1 + int rand $self->{bytes} / 30) . '1';

    if ($self->{n} % 8 == 0) {
        my $r = $self->_ask('200', 'GET',
                            "/kv/?prefix=batch$self->{i}:&values");
        return if !$r->status;

        my %is = map { $_->{key} => $_->{value} } @{ $r->json->{keys} };
        my $first = value($is{ $keys[0] });

        if ($self->seen($keys[0], $first)) {
            # One batch, seen at one position.
            $self->seen($_, $first) for @keys;
            push @{ $self->{odd} }, "half a batch: $_"
                for grep { value($is{$_}) ne $first } @keys;
        }

        return;
    }

    $self->_write({ map { $_ => $value } @keys },
        '200', 'POST', '/kv/?batch&atomic',
        $json->encode([map { { op => 'set', key => $_,
                               value => text($value) } } @keys]),
        'Content-Type' => 'application/json');
}


# All keys and values, as the listing has them.  Lines, not JSON: thousands of
# them, and nothing in them needs a parser.
sub _list {
    my ($http) = @_;
    my ($cursor, %is) = ('');

    while (1) {
        my $r = $http->get("/kv/?values&limit=1000$cursor",
                           Accept => 'application/x-ndjson');
        die 'listing: ' . ($r->error // $r->status . ' ' . $r->body) . "\n"
            if $r->status != 200;

        my $text = $r->body;

        $is{$1} = $2
            while $text =~ /^\{"key":"([^"]+)",.*"value":"([^"]*)"\}$/mg;

        my ($end) = $text =~ /^(\{"complete":.*)\n\z/m
            or die "listing: no end\n";
        my $page = $json->decode($end);

        return \%is if $page->{complete};
        $cursor = "&cursor=$page->{cursor}";
    }
}


# Everything the store may not say, as lines; '' when all is well.
# lost => time: what was acknowledged after that may be missing, as long as a
# prefix is there.
sub wrong {
    my ($self, %opt) = @_;
    my $http = Ferrokv::Http->new($self->{port});

    sleep SOON + 0.01;
    my @wrong = splice @{ $self->{odd} };
    my $is = eval { _list($http) } // return join "\n", @wrong, "$@";

    push @wrong, $self->_wrong_sequence($is, $opt{lost}),
        $self->_wrong_counters($is, $opt{lost});
    push @wrong, $self->_read_redis($is, $opt{lost}) if $self->{redis_port};
    delete @$is{ keys %{ $self->{begun} }, grep { /^seq:/ } keys %$is };

    push @wrong, $opt{lost} ? $self->_wrong_prefixes($is, $opt{lost})
                            : $self->_wrong_values($http, $is);

    # It is what the next round begins with.
    for my $key (keys %{ $self->{known} }) {
        $self->{start}{$key} = value($is->{$key});
        $self->{known}{$key} = [$self->{start}{$key}];
    }

    $self->{did} = {};

    # Not a screen full of consequences.
    splice @wrong, 20, @wrong, '...' if @wrong > 20;
    return join "\n", @wrong;
}


sub _read_redis {
    my ($self, $is, $lost) = @_;
    my @wrong = eval { Ferrokv::Model::Redis::read_all($self, $is, $lost) };

    return $@ ? "$@" : @wrong;
}


sub _wrong_sequence {
    my ($self, $is, $lost) = @_;
    my ($acked, $begun, $at) = @{ $self->{sequence} }{qw(acked begun at)};
    my ($n, @wrong) = (0);

    if ($lost && $at) {
        $acked = $_->[0] for grep { $_->[1] < $lost } @$at;
    }

    for my $key (sort grep { /^seq:/ } keys %$is) {
        my ($at) = $key =~ /(\d+)/;

        push @wrong, "$key is there, the one before is not" if $at != $n + 1;
        push @wrong, "$key is " . value($is->{$key})
            if value($is->{$key}) !~ /^@{[ $at + 0 ]} /;
        $n = $at + 0;
    }

    push @wrong, "the sequence ends at $n, $acked is acknowledged"
        if $n < $acked;
    push @wrong, "the sequence ends at $n, only $begun was begun"
        if $n > $begun;

    $self->{lost} = $self->{sequence}{acked} - $n;
    $self->{sequence} = { acked => $n, begun => $n };
    return @wrong;
}


sub _wrong_counters {
    my ($self, $is, $lost) = @_;
    my @wrong;

    for my $key (sort keys %{ $self->{begun} }) {
        my ($acked, $begun) = ($self->{acked}{$key} // 0, $self->{begun}{$key});
        my $sum = $is->{$key} // 0;

        $acked = $self->{base}{$key} // 0 if $lost;

        push @wrong, "$key is $sum, not $acked (acknowledged) to $begun (begun)"
            if $sum < $acked || $sum > $begun;

        $self->{$_}{$key} = $sum for qw(acked begun base);
    }

    return @wrong;
}


sub _wrong_values {
    my ($self, $http, $is) = @_;
    my @wrong;

    for my $key (sort keys %{ $self->{known} }) {
        my $value = value($is->{$key});
        my @known = map { /soon$/ ? '' : $_ } @{ $self->{known}{$key} };

        push @wrong, "$key is \"$value\", not \"" . join('" or "', @known) . '"'
            if !grep { $_ eq $value } @known;
        next if $key =~ /\|/;
        my $r = $http->get("/kv/$key");

        push @wrong, "$key is \"$value\" in the listing, GET says "
            . ($r->error // $r->status . ' ' . substr $r->body, 0, 100)
            if value($r->status == 404 ? '' : $r->body) ne $value;
        my $ttl = $r->header('FerroKV-TTL') // '-';

        push @wrong, "$key is \"$value\", its TTL is $ttl"
            if $ttl !~ ($value =~ /0$/ ? qr/^3[56]\d\d$/ : qr/^-$/);
    }

    push @wrong, map { "$_ is there, nobody made it" }
        grep { !$self->{known}{$_} && $_ !~ $self->{others} } sort keys %$is;
    return @wrong, $self->_wrong_batches($is);
}


# What a client's first so many writes made, and all that were acknowledged
# before they may be lost are among them.
sub _wrong_prefixes {
    my ($self, $is, $lost) = @_;
    my @wrong;

    for my $client (sort keys %{ $self->{did} }) {
        my @did = @{ $self->{did}{$client} };
        my %made = map { $_ => $self->{start}{$_} // '' }
            grep { /^[a-z]+$client[:|]/ } keys %{ $self->{known} };
        my %differs = map { $_ => 1 }
            grep { $made{$_} ne value($is->{$_}) } keys %made;
        my ($n, $kept, $best) = (0, 0, join ' ', sort keys %differs);

        $kept = $_ for grep { $did[$_ - 1][0] && $did[$_ - 1][0] < $lost }
            1 .. @did;

        while (%differs || $n < $kept) {
            last if $n == @did;
            my ($when, %to) = @{ $did[$n++] };

            for my $key (keys %to) {
                delete $differs{$key};
                $differs{$key} = 1
                    if ($to{$key} =~ /soon$/ ? '' : $to{$key})
                        ne value($is->{$key});
            }

            $best = join ' ', sort keys %differs
                if keys %differs < (() = $best =~ / /g) + 1;
        }

        push @wrong, "client $client: what is there is no prefix of its "
            . @did . " writes that has the first $kept; at best these differ: "
            . $best if %differs;
    }

    return @wrong, $self->_wrong_batches($is);
}


sub _wrong_batches {
    my ($self, $is) = @_;
    my %values;

    for my $key (keys %{ $self->{known} }) {
        my ($batch) = $key =~ /^((?:batch|multi)\d+):/ or next;
        my ($n) = ($is->{$key} // '') =~ /^(\d+ \d+)/;

        $values{$batch}{$n // ''} = 1;
    }

    return map { "half of $_ is there" }
        grep { keys %{ $values{$_} } > 1 } sort keys %values;
}

1;
