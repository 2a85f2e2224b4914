package Ferrokv::Recorder;

# Ferrokv::Recorder - clients that write down what they do.
#
#   my $recorder = Ferrokv::Recorder->new($dir, $rest_port, $resp_port);
#   $recorder->begin;                 # each in its own process
#   ... kill, reload ...
#   my $history = $recorder->end;     # a Ferrokv::History of all of them
#   is($history->wrong, '');
#   $recorder->odd                    # answers that nothing explains, as text
#
# Clients   eight; those with an even number speak REST, the others RESP.  New
#           connections now and then, so that all workers have all of them.
# Objects   value0 ..     one key each: read, write, delete, create, compare-and-set
#           count0 ..     one key each: sums
#           group0 ..     four keys that only change together, to the same value
#           bank0         five counters, between which transfers are made
#           Their keys begin with the number of the round: rN:NAME, rN:NAME:CELL.
# Values    "ID:LENGTH:xxx", of up to bytes (6000); a history has the ID alone.
# No answer A read that was not answered is forgotten; a write stays, its end open.
#           What could not be sent, or was refused for now, has not happened.

use strict;
use warnings;

use JSON::PP ();
use List::Util qw(shuffle uniq);
use Storable ();
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC sleep);

use Ferrokv::History;
use Ferrokv::Http;
use Ferrokv::Load;
use Ferrokv::Resp;

use constant {
    CLIENTS => 8,
    VALUES  => 4,
    COUNTS  => 2,
    GROUPS  => 2,
    GROUP   => 4,       # keys of one
    BANK    => 5,
};

my $json = JSON::PP->new->utf8->canonical;

my %rest = (
    value => [qw(get get put put create swap remove)],
    count => [qw(incr incr incr get remove)],
    group => [qw(set_all set_all swap_all remove_prefix list pages snapshot
                 get_all get)],
    bank  => [qw(move move snapshot list get_all)],
);

my %resp = (
    value => [qw(get get set setnx getset getdel del watch multi pipeline)],
    count => [qw(incrby incrby get getdel pipeline multi_incr)],
    group => [qw(mset mset multi_set msetnx del_all mget mget multi_get get)],
    bank  => [qw(multi_move multi_move watch_move mget multi_get)],
);


sub new {
    my ($class, $dir, $rest, $resp, %opt) = @_;

    return bless { dir => $dir, rest => $rest, resp => $resp, bytes => 6000,
                   round => 0, odd => [], done => {}, %opt }, $class;
}


sub begin {
    my ($self) = @_;

    $self->{round}++;
    $self->{load} = Ferrokv::Load->start(CLIENTS, sub { $self->_client(@_) });
}


# After the last answer everything is read once more: see look().
sub end {
    my ($self) = @_;

    return $self->_collect((delete $self->{load})->finish);
}


# All that is there now goes to the history as well.
sub look {
    my ($self, $history) = @_;

    $self->{looks}++;
    my $load = Ferrokv::Load->start(2, sub { $self->_client(@_[0, 1], 1) });

    return $self->_collect($load->wait, $history);
}


sub _collect {
    my ($self, @files) = @_;
    my $history = ref $files[-1] ? pop @files : Ferrokv::History->new;

    for my $file (@files) {
        my $said = Storable::retrieve($file);

        $history->add(@{ $said->{ops} });
        $history->seen(@$_) for @{ $said->{seen} };
        push @{ $self->{odd} }, @{ $said->{odd} };
        $self->{done}{$_} += $said->{done}{$_} for keys %{ $said->{done} };
        unlink $file;
    }

    return $history;
}


# Since the last time.
sub odd {
    my ($self) = @_;
    my @odd = splice @{ $self->{odd} };

    splice @odd, 20, @odd, '...' if @odd > 20;
    return join "\n", @odd;
}


# How often what was answered well: { "rest get" => n }.
sub done { return $_[0]{done} }


# What was never answered well, of all that they can do.
sub missing {
    my ($class, $done) = @_;

    return sort grep { !$done->{$_} }
        uniq((map { map { "rest $_" } @$_ } values %rest),
             (map { map { "resp $_" } @$_ } values %resp));
}


# In a client from here on.

sub _client {
    my ($self, $i, $stop, $look) = @_;

    $self->{i} = $look ? "look$self->{looks}$i" : $i;
    $self->{n} = 0;
    $self->{$_} = [] for qw(ops seen odd);
    $self->{done} = {};
    $self->{face} = $i % 2 ? 'resp' : 'rest';

    if ($look) {
        $self->_look;

    } else {
        $self->_any until $stop->();
    }

    my $file = sprintf '%s/history.%d.%s.%d', $self->{dir}, $self->{round},
        $self->{i}, $$;

    Storable::store({ map { $_ => $self->{$_} } qw(ops seen odd done) }, $file);
    return $file;
}


my @objects = (('value') x 4, ('count') x 2, ('group') x 3, ('bank') x 2);
my %many = (value => VALUES, count => COUNTS, group => GROUPS, bank => 1);
my %cells = (value => 0, count => 0, group => GROUP, bank => BANK);

sub _any {
    my ($self) = @_;
    my $type = $objects[rand @objects];
    my $does = ($self->{face} eq 'rest' ? \%rest : \%resp)->{$type};

    $self->_drop if rand() < 0.03;
    $self->_do($type, int rand $many{$type}, $does->[rand @$does]);
}


sub _look {
    my ($self) = @_;

    for my $type (sort keys %many) {
        my $what = !$cells{$type} ? 'get'
            : $self->{face} eq 'rest' ? 'list' : 'mget';

        $self->_do($type, $_, $what) for 0 .. $many{$type} - 1;
    }
}


sub _do {
    my ($self, $type, $number, $what) = @_;
    my $method = "_$self->{face}_$what";

    $self->{on} = "r$self->{round}:$type$number";
    $self->{cells} = $cells{$type};
    $self->{keys} = $cells{$type}
        ? [map { "$self->{on}:$_" } 0 .. $cells{$type} - 1] : [$self->{on}];
    $self->{begun} = [];

    if (eval { $self->$method; 1 }) {
        $self->{done}{"$self->{face} $what"}++;
        return;
    }

    my $why = $@;

    # What was begun has perhaps happened.
    push @{ $self->{ops} }, grep { $_->{writes} } @{ $self->{begun} }
        if $why !~ /^nothing/;
    push @{ $self->{odd} }, "$self->{face} $what $self->{on}: $why"
        if $why !~ /^(?:lost|nothing)/;
    $self->_drop;
    sleep 0.01 if $why =~ /connect/;
}


sub _drop { delete @{ $_[0] }{qw(http redis)} }


sub now { return clock_gettime(CLOCK_MONOTONIC) }


# One has been begun; what it does is known when it ends.
sub _begin {
    my ($self, @do) = @_;
    my $op = { id => "$self->{i}.$self->{n}", on => $self->{on}, at => now(),
               do => \@do, writes => scalar grep { $_->[0] =~ /set|add/ } @do };

    $self->{n}++;
    push @{ $self->{begun} }, $op;
    return $op;
}


sub _end {
    my ($self, $op, @do) = @_;

    $op->{end} //= $self->{answered};
    $op->{do} = \@do if @do;
    delete $op->{writes};
    @{ $self->{begun} } = grep { $_ != $op } @{ $self->{begun} };
    push @{ $self->{ops} }, $op;
}


sub _id { return "$_[0]{i}.$_[0]{n}" }


sub _text {
    my ($self, $id) = @_;
    my $length = int rand(rand() < 0.1 ? 4 * $self->{bytes} : 200);

    return "$id:$length:" . 'x' x $length;
}


sub _value_of {
    my ($text) = @_;

    return $text if !defined $text || $text =~ /^-?\d+\z/;
    my ($id, $length) = $text =~ /^([\w.]+):(\d+):/;

    return defined $id && $text eq "$id:$length:" . 'x' x $length
        ? $id : 'garbage: ' . substr $text, 0, 60;
}


sub _cell { return int rand($_[0]{cells} || 1) }


# REST

# The answer, if its status is wanted; dies otherwise.
sub _ask {
    my ($self, $wanted, @request) = @_;
    my $http = $self->{http} //= Ferrokv::Http->new($self->{rest});
    my $r = $http->request(@request);

    $self->{answered} = now();
    return $r if $r->status =~ /^(?:$wanted)$/;

    die 'nothing: ' . $r->error . "\n"
        if $r->status == 0 && $r->error =~ /^connect/;
    die 'no answer in time' . "\n"
        if $r->status == 0 && $r->error =~ /timeout/;
    die 'lost: ' . $r->error . "\n" if $r->status == 0;
    die "nothing: for now\n"
        if $r->status == 503 && $r->body =~ /"(?:conflict|too_many_snapshots)"/;
    die "$request[0] $request[1]: " . $r->status . ' '
        . substr($r->body, 0, 300) . "\n";
}


sub _version {
    my ($self, $r, $op, $written, $key) = @_;
    my $version = ref $r ? ($r->header('ETag') // '') =~ s/"//gr : $r;

    push @{ $self->{seen} }, [$key // $self->{on}, $version, $op->{at},
                              $self->{answered}, $written] if length $version;
}


sub _rest_get {
    my ($self) = @_;
    my $cell = $self->_cell;
    my $op = $self->_begin;
    my $r = $self->_ask('200|404', 'GET', "/kv/$self->{keys}[$cell]");
    my $value = $r->status == 404 ? undef : _value_of($r->body);

    $self->_version($r, $op, 0, $self->{keys}[$cell]) if $r->status == 200;
    $self->_end($op, ['read', $cell, $value]);
    return ($value, $r->header('ETag'));
}


sub _rest_put {
    my ($self) = @_;
    my $id = $self->_id;
    my $op = $self->_begin(['set', 0, $id]);
    my $r = $self->_ask('201|204', 'PUT', "/kv/$self->{on}",
                        $self->_text($id));

    $self->_version($r, $op, 1);
    $self->_end($op, ['was', [0], $r->status == 204 ? 1 : 0],
                ['set', 0, $id]);
}


sub _rest_create {
    my ($self) = @_;

    $self->_conditional(undef, 'If-None-Match' => '*');
}


sub _rest_swap {
    my ($self) = @_;
    my ($value, $tag) = $self->_rest_get;

    $self->_conditional($value, 'If-Match' => $tag) if defined $value;
}


sub _conditional {
    my ($self, $old, @header) = @_;
    my $id = $self->_id;
    my $op = $self->_begin(['if', 0, $old], ['set', 0, $id]);
    my $r = $self->_ask('201|204|412', 'PUT', "/kv/$self->{on}",
                        $self->_text($id), @header);

    $op->{said} = $r->status == 412 ? 0 : 1;
    $self->_version($r, $op, 1) if $op->{said};
    $self->_end($op);
}


sub _rest_remove {
    my ($self) = @_;
    my $op = $self->_begin(['set', 0, undef]);
    my $r = $self->_ask('204|404', 'DELETE', "/kv/$self->{on}");

    $self->_end($op, ['was', [0], $r->status == 204 ? 1 : 0],
                ['set', 0, undef]);
}


sub _rest_incr {
    my ($self) = @_;
    my $by = 1 + int rand 9;
    my $op = $self->_begin(['add', 0, $by]);
    my $r = $self->_ask('200', 'POST', "/kv/$self->{on}?incr=$by");

    $self->_version($r, $op, 1);
    $self->_end($op, ['add', 0, $by, $r->body]);
}


sub _batch {
    my ($self, $wanted, $path, @ops) = @_;

    my $r = $self->_ask($wanted, 'POST', "/kv/?batch$path",
        $json->encode(\@ops), 'Content-Type' => 'application/json');

    return $r if $r->status != 200;

    my $results = $r->json->{results};

    die "a batch of other results: " . substr($r->body, 0, 300) . "\n"
        if @$results != @ops;
    return ($r, @$results);
}


sub _all {
    my ($self, $what, $value) = @_;

    return map { [$what, $_, $value] } 0 .. $self->{cells} - 1;
}


sub _rest_set_all {
    my ($self) = @_;
    my $id = $self->_id;
    my $text = $self->_text($id);
    my $op = $self->_begin($self->_all('set', $id));
    my (undef, @results) = $self->_batch('200', rand() < 0.5 ? '&atomic' : '',
        map { { op => 'set', key => $_, value => $text } } @{ $self->{keys} });

    $self->_end($op, map({ ['was', [$_], $results[$_]{status} == 204 ? 1 : 0] }
                         0 .. $#results), $self->_all('set', $id));
    $self->_version($results[0]{version} // '', $op, 1);
}


# On the version of one key; the others have it, or are as absent, too.
sub _rest_swap_all {
    my ($self) = @_;
    my $cell = $self->_cell;
    my $op = $self->_begin;
    my (undef, $seen) = $self->_batch('200', '',
        { op => 'get', key => $self->{keys}[$cell] });
    my $old = _value_of($seen->{value});
    my $id = $self->_id;
    my $text = $self->_text($id);

    $self->_end($op, ['read', $cell, $old]);
    $op = $self->_begin(['if', $cell, $old], $self->_all('set', $id));

    my ($r) = $self->_batch('200|412', '&atomic',
        { op => 'get', key => $self->{keys}[$cell],
          if_version => $seen->{version} // 0 },
        map { { op => 'set', key => $_, value => $text } } @{ $self->{keys} });

    $op->{said} = $r->status == 412 ? 0 : 1;
    $self->_end($op);
}


sub _rest_remove_prefix {
    my ($self) = @_;
    my $op = $self->_begin($self->_all('set'));
    my $r = $self->_ask('200', 'DELETE', "/kv/?prefix=$self->{on}:");

    $self->_version($r->json->{version}, $op, 1);
    $self->_end($op);
}


sub _rest_get_all {
    my ($self) = @_;
    my $op = $self->_begin;
    my (undef, @results) = $self->_batch('200', '',
        map { { op => 'get', key => $_ } } @{ $self->{keys} });

    $self->_end($op, map { ['read', $_, _value_of($results[$_]{value})] }
                0 .. $#results);
}


# What a listing's entries say of the cells after the one before, up to the last.
sub _entries {
    my ($self, $page, $from) = @_;
    my %is = map { $_->{key} => _value_of($_->{value}) } @{ $page->{keys} };
    my $to = $page->{complete} ? $self->{cells} - 1
        : ($page->{keys}[-1]{key} =~ /(\d+)$/)[0];
    my @read = map { ['read', $_, delete $is{ $self->{keys}[$_] }] }
        $from .. $to;

    die 'a listing with others: ' . join(', ', sort keys %is) . "\n" if %is;
    return ($to + 1, @read);
}


sub _rest_list {
    my ($self) = @_;
    my $op = $self->_begin;
    my $r = $self->_ask('200', 'GET', "/kv/?prefix=$self->{on}:&values");
    my (undef, @read) = $self->_entries($r->json, 0);

    $self->_end($op, @read);
}


# Pages of one moment, that of the first.
sub _rest_pages {
    my ($self) = @_;
    my ($from, $cursor, @all, @read) = (0, '');
    my $op = $self->_begin;

    my $ended = eval {
        while (1) {
            my $r = $self->_ask(@all ? '200|410' : '200', 'GET',
                "/kv/?prefix=$self->{on}:&values&limit=2$cursor");

            # A start ends them.
            last if $r->status == 410;

            $op->{end} //= $self->{answered};
            ($from, @read) = $self->_entries($r->json, $from);
            push @all, @read;
            last if $r->json->{complete};

            $cursor = '&cursor=' . $r->json->{cursor};
            sleep rand 0.02;
        }

        1;
    };

    my $why = $@;

    $self->_end($op, @all) if @all;
    die $why if !$ended;
}


# Reads at a token belong to the moment at which it was given.
sub _rest_snapshot {
    my ($self) = @_;
    my $op = $self->_begin;
    my $token = $self->_ask('201', 'POST', '/kv/?snapshot&ttl=20s', '')
        ->json->{snapshot};
    my @all;

    $op->{end} = $self->{answered};

    my $ended = eval {
        for my $cell (shuffle((0 .. $self->{cells} - 1) x 2)) {
            my $r = $self->_ask('200|404|410', 'GET',
                "/kv/$self->{keys}[$cell]?snapshot=$token");

            last if $r->status == 410;
            push @all, ['read', $cell,
                        $r->status == 404 ? undef : _value_of($r->body)];
            $self->_drop if rand() < 0.2;
            sleep rand 0.01;
        }

        my $r = $self->_ask('200|410', 'GET',
            "/kv/?prefix=$self->{on}:&values&snapshot=$token");

        push @all, ($self->_entries($r->json, 0))[1 .. $self->{cells}]
            if $r->status == 200;
        $self->_ask('204|410', 'DELETE', "/kv/?snapshot=$token");
        1;
    };

    my $why = $@;

    $self->_end($op, @all) if @all;
    die $why if !$ended;
}


# From one account to another: (from, to, how much).
sub _transfer {
    my ($self) = @_;
    my ($from, $to) = shuffle(0 .. $self->{cells} - 1);

    return ($from, $to, 1 + int rand 100);
}


sub _rest_move {
    my ($self) = @_;
    my ($from, $to, $n) = $self->_transfer;
    my $op = $self->_begin(['add', $from, -$n], ['add', $to, $n]);
    my ($r, @results) = $self->_batch('200', '&atomic',
        { op => 'incr', key => $self->{keys}[$from], by => -$n },
        { op => 'incr', key => $self->{keys}[$to], by => $n });

    $self->_end($op, ['add', $from, -$n, $results[0]{value}],
                ['add', $to, $n, $results[1]{value}]);
}


# RESP

# Replies to commands that are sent at once.  An error is one, unless the client
# shall try again.
sub _send {
    my ($self, @commands) = @_;

    my $redis = $self->{redis} //= eval { Ferrokv::Resp->new($self->{resp}) }
        // die "nothing: $@";
    my @replies = eval { $redis->pipeline(@commands) };

    $self->{answered} = now();

    if ($@) {
        die "no answer in time\n" if $@ =~ /in time/;
        die "lost: $@";
    }

    for my $reply (map { ref $_ eq 'ARRAY' ? @$_ : $_ } @replies) {
        next if !Ferrokv::Resp::is_error($reply);
        die +(@commands == 1 ? 'nothing' : 'lost') . ": $reply\n"
            if $reply =~ /^TRYAGAIN/;
        die join(' ', map { $_->[0] } @commands) . ": $reply\n";
    }

    return @replies;
}


# Of MULTI .. EXEC: the replies, or nothing if a watched key has changed.
sub _multi {
    my ($self, @commands) = @_;
    my $reply = ($self->_send(['MULTI'], @commands, ['EXEC']))[-1];

    return if !defined $reply;
    die "EXEC: $reply\n" if ref $reply ne 'ARRAY' || @$reply != @commands;
    return @$reply;
}


sub _resp_get {
    my ($self) = @_;
    my $cell = $self->_cell;
    my $op = $self->_begin;
    my ($text) = $self->_send(['GET', $self->{keys}[$cell]]);

    $self->_end($op, ['read', $cell, _value_of($text)]);
}


sub _resp_set {
    my ($self) = @_;
    my $id = $self->_id;
    my $op = $self->_begin(['set', 0, $id]);

    $self->_send(['SET', $self->{on}, $self->_text($id)]);
    $self->_end($op);
}


sub _resp_setnx {
    my ($self) = @_;
    my $id = $self->_id;
    my $op = $self->_begin(['if', 0, undef], ['set', 0, $id]);
    my ($reply) = $self->_send(['SET', $self->{on}, $self->_text($id), 'NX']);

    $op->{said} = defined $reply ? 1 : 0;
    $self->_end($op);
}


sub _resp_getset {
    my ($self) = @_;
    my $id = $self->_id;
    my $op = $self->_begin(['set', 0, $id]);
    my ($old) = $self->_send(['SET', $self->{on}, $self->_text($id), 'GET']);

    $self->_end($op, ['read', 0, _value_of($old)], ['set', 0, $id]);
}


sub _resp_getdel {
    my ($self) = @_;
    my $op = $self->_begin(['set', 0, undef]);
    my ($old) = $self->_send(['GETDEL', $self->{on}]);

    $self->_end($op, ['read', 0, _value_of($old)], ['set', 0, undef]);
}


sub _resp_del {
    my ($self) = @_;
    my $op = $self->_begin(['set', 0, undef]);
    my ($n) = $self->_send(['DEL', $self->{on}]);

    $self->_end($op, ['was', [0], $n], ['set', 0, undef]);
}


# A watched key that has changed is no answer about what it is.
sub _resp_watch {
    my ($self) = @_;
    my $op = $self->_begin;
    my (undef, $text) = $self->_send(['WATCH', $self->{on}],
                                     ['GET', $self->{on}]);
    my $old = _value_of($text);

    $self->_end($op, ['read', 0, $old]);

    my $id = $self->_id;

    $op = $self->_begin(['if', 0, $old], ['set', 0, $id]);
    die "nothing: it has changed\n"
        if !$self->_multi(['SET', $self->{on}, $self->_text($id)]);
    $self->_end($op);
}


sub _resp_multi {
    my ($self) = @_;
    my $id = $self->_id;
    my $op = $self->_begin(['set', 0, $id]);
    my @replies = $self->_multi(['GET', $self->{on}],
        ['SET', $self->{on}, $self->_text($id)], ['GET', $self->{on}]);

    $self->_end($op, ['read', 0, _value_of($replies[0])], ['set', 0, $id],
                ['read', 0, _value_of($replies[2])]);
}


# Each for itself, but none before the one before it.
sub _resp_pipeline {
    my ($self) = @_;
    my $counts = $self->{on} =~ /count/;
    my (@ops, @commands);

    for (1 .. 4 + int rand 8) {
        my $id = $self->_id;
        my $what = rand;
        my ($do, @command) =
            $what < 0.4 ? (undef, 'GET', $self->{on})
            : $what < 0.5 ? (['set', 0, undef], 'GETDEL', $self->{on})
            : $counts ? (['add', 0, 3], 'INCRBY', $self->{on}, 3)
            : (['set', 0, $id], 'SET', $self->{on}, $self->_text($id));

        push @ops, $self->_begin($do // ());
        push @commands, \@command;
        $ops[-1]{after} = $ops[-2]{id} if @ops > 1;
    }

    my @replies = $self->_send(@commands);

    for my $i (0 .. $#ops) {
        my $do = $ops[$i]{do}[0];

        $self->_end($ops[$i],
            $commands[$i][0] =~ /GET/
                ? (['read', 0, _value_of($replies[$i])], $do // ())
                : [@$do, $counts ? $replies[$i] : ()]);
    }
}


sub _resp_incrby {
    my ($self) = @_;
    my $by = int(rand 19) - 9;
    my $op = $self->_begin(['add', 0, $by]);
    my ($sum) = $self->_send(['INCRBY', $self->{on}, $by]);

    $self->_end($op, ['add', 0, $by, $sum]);
}


sub _resp_multi_incr {
    my ($self) = @_;
    my $op = $self->_begin(['add', 0, 1], ['add', 0, 1]);
    my @replies = $self->_multi(['INCR', $self->{on}], ['INCR', $self->{on}]);

    $self->_end($op, ['add', 0, 1, $replies[0]], ['add', 0, 1, $replies[1]]);
}


sub _resp_mset {
    my ($self) = @_;
    my $id = $self->_id;
    my $text = $self->_text($id);
    my $op = $self->_begin($self->_all('set', $id));

    $self->_send(['MSET', map { ($_, $text) } @{ $self->{keys} }]);
    $self->_end($op);
}


sub _resp_multi_set {
    my ($self) = @_;
    my $id = $self->_id;
    my $text = $self->_text($id);
    my $op = $self->_begin($self->_all('set', $id));

    $self->_multi(map { ['SET', $_, $text] } shuffle @{ $self->{keys} });
    $self->_end($op);
}


sub _resp_msetnx {
    my ($self) = @_;
    my $id = $self->_id;
    my $text = $self->_text($id);
    my $op = $self->_begin($self->_all('if'), $self->_all('set', $id));
    my ($reply) = $self->_send(['MSETNX',
                                map { ($_, $text) } @{ $self->{keys} }]);

    $op->{said} = $reply;
    $self->_end($op);
}


sub _resp_del_all {
    my ($self) = @_;
    my $op = $self->_begin($self->_all('set'));
    my ($n) = $self->_send(['DEL', @{ $self->{keys} }]);

    $self->_end($op, ['was', [0 .. $self->{cells} - 1], $n],
                $self->_all('set'));
}


sub _resp_mget {
    my ($self) = @_;
    my $op = $self->_begin;
    my ($texts) = $self->_send(['MGET', @{ $self->{keys} }]);

    $self->_end($op, map { ['read', $_, _value_of($texts->[$_])] }
                0 .. $#$texts);
}


sub _resp_multi_get {
    my ($self) = @_;
    my $op = $self->_begin;
    my @texts = $self->_multi(map { ['GET', $_] } @{ $self->{keys} });

    $self->_end($op, map { ['read', $_, _value_of($texts[$_])] } 0 .. $#texts);
}


sub _resp_multi_move {
    my ($self) = @_;
    my ($from, $to, $n) = $self->_transfer;
    my $op = $self->_begin(['add', $from, -$n], ['add', $to, $n]);
    my @sums = $self->_multi(['DECRBY', $self->{keys}[$from], $n],
                             ['INCRBY', $self->{keys}[$to], $n]);

    $self->_end($op, ['add', $from, -$n, $sums[0]], ['add', $to, $n, $sums[1]]);
}


sub _resp_watch_move {
    my ($self) = @_;
    my ($from, $to, $n) = $self->_transfer;
    my @keys = @{ $self->{keys} }[$from, $to];
    my $op = $self->_begin;
    my (undef, $texts) = $self->_send(['WATCH', @keys], ['MGET', @keys]);
    my ($a, $b) = @$texts;

    $self->_end($op, ['read', $from, $a], ['read', $to, $b]);

    my @new = (($a // 0) - $n, ($b // 0) + $n);

    $op = $self->_begin(['if', $from, $a], ['if', $to, $b],
                        ['set', $from, $new[0]], ['set', $to, $new[1]]);
    die "nothing: it has changed\n"
        if !$self->_multi(map { ['SET', $keys[$_], $new[$_]] } 0, 1);
    $self->_end($op);
}

1;
