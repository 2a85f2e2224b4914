package Ferrokv::Calm;

# Ferrokv::Calm - well-behaved clients beside hostile ones: how long they wait, and
# what the workers need meanwhile.
#
#   my $calm = Ferrokv::Calm->start($nginx, rest => $port, resp => $port);
#   $calm->during('peace', sub { sleep 1 });
#   $calm->during('a flood', sub { ... }, 64);
#   $calm->finish;                # tests and prints all of them
#
# For each worker one client, which reads and writes a key every few milliseconds
# over both faces (or the one that is given), and, with one more, what /status
# says of the worker's memory: its own (RssAnon), not that of the segment.
#
# Tested    no request fails; nobody waits for seconds; no worker grows by more than
#           so many MiB (32) while something is done to it.  Latencies are
#           printed beside those of the first "during", and only bounded
#           generously: machines differ.

use strict;
use warnings;

use List::Util qw(max min);
use Test::More;
use Time::HiRes qw(sleep time);

use Ferrokv::Http;
use Ferrokv::Load;
use Ferrokv::Resp;

use constant {
    PAUSE   => 0.004,
    P99_MAX => 3,           # seconds
    MAX     => 8,
    LEAST   => 0.2,         # that something takes
    GROWTH  => 32,          # MiB
};


sub start {
    my ($class, $nginx, %ports) = @_;
    my @workers = $nginx->wait_workers;
    my $self = bless { workers => \@workers, times => [] }, $class;

    $self->{load} = Ferrokv::Load->start(@workers + 1, sub {
        my ($i, $stop) = @_;

        return $i < @workers ? _client($workers[$i], \%ports, $stop)
                             : _memory(\@workers, $stop);
    });

    return $self;
}


# Requests to this worker: [[begin, seconds], ...], or what went wrong.
sub _client {
    my ($pid, $ports, $stop) = @_;
    my (@requests, @seen);

    if (my $port = $ports->{rest}) {
        my $http = _to($pid, sub { Ferrokv::Http->new($port) }, sub {
            $_[0]->get('/status')->json->{pid} });

        push @requests, [qr/^20[14]$/, sub {
            $http->put("/kv/calm:$pid", 'x' x 100)->status }],
            [qr/^200$/, sub { $http->get("/kv/calm:$pid")->status }];
    }

    if (my $port = $ports->{resp}) {
        my $redis = _to($pid, sub { Ferrokv::Resp->new($port) }, sub {
            ($_[0]->cmd('INFO', 'server') =~ /process_id:(\d+)/)[0] });

        push @requests, [qr/^OK$/, sub {
            eval { $redis->cmd('SET', "calm:$pid", 'y' x 100) } // $@ }],
            [qr/^[xy]+$/, sub { eval { $redis->cmd('GET', "calm:$pid") }
                                // $@ }];
    }

    until ($stop->()) {
        for my $request (@requests) {
            my ($wanted, $ask) = @$request;
            my $begin = time;
            my $said = $ask->();

            push @seen, [$begin, time - $begin];
            return { failed => "$said", seen => \@seen } if $said !~ $wanted;
            sleep PAUSE;
        }
    }

    return { seen => \@seen };
}


sub _to {
    my ($pid, $connect, $who) = @_;

    for (1 .. 500) {
        my $client = $connect->();
        return $client if $who->($client) == $pid;
    }

    die "no connection comes to worker $pid";
}


# [[time, MiB of the largest worker, descriptors of all], ...]
sub _memory {
    my ($workers, $stop) = @_;
    my ($files, $last) = (0, 0);
    my @seen;

    until ($stop->()) {
        # A look at ten thousand descriptors takes time that others want.
        if (time > $last + 0.3) {
            $files = files(@$workers);
            $last = time;
        }

        push @seen, [time, max(map { memory($_) } @$workers), $files];
        sleep 0.02;
    }

    return { seen => \@seen };
}


# What belongs to this process alone, in MiB.
sub memory {
    my ($pid) = @_;

    open my $file, '<', "/proc/$pid/status" or return 0;
    my $text = do { local $/; <$file> } // '';

    return $text =~ /^RssAnon:\s+(\d+)/m ? $1 / 1024 : 0;
}


# So many connections, or as many as there may be descriptors for.
sub crowd {
    my ($wanted) = @_;

    chomp(my $hard = `bash -c 'ulimit -Hn'`);
    my $n = $hard eq 'unlimited' ? $wanted : min($wanted, $hard - 1000);

    diag "$n connections, not $wanted: descriptors are limited to $hard"
        if $n < $wanted;
    system('prlimit', '--pid', $$, '--nofile=' . ($n + 1000) . ':') == 0
        or die 'prlimit';
    return $n;
}


# The descriptors of these processes.
sub files {
    my $n = 0;

    for my $pid (@_) {
        opendir my $dir, "/proc/$pid/fd" or next;
        $n += grep { !/^\./ } readdir $dir;
    }

    return $n;
}


# What is done meanwhile, and by how many MiB a worker may grow.
sub during {
    my ($self, $name, $code, $mib) = @_;
    my $begin = time;

    note $name;
    $code->();

    # What is over at once would be met by nobody.
    my $rest = $begin + LEAST - time;

    sleep $rest if $rest > 0;
    push @{ $self->{times} }, [$name, $begin, time, $mib // GROWTH];
    sleep 0.1;
}


sub finish {
    my ($self) = @_;
    my @said = (delete $self->{load})->finish;
    my $memory = (pop @said)->{seen};
    my @failed = grep { defined } map { $_->{failed} } @said;
    my @seen = map { @{ $_->{seen} } } @said;
    my @lines;

    is(join(', ', @failed), '', 'calm clients: no request fails');

    for my $time (@{ $self->{times} }) {
        my ($name, $begin, $end, $mib) = @$time;
        my @waits = sort { $a <=> $b } map { $_->[1] }
            grep { $_->[0] + $_->[1] > $begin && $_->[0] < $end } @seen;
        my @during = grep { $_->[0] >= $begin && $_->[0] <= $end + 0.05 }
            @$memory;
        my ($before) = map { $_->[1] } grep { $_->[0] <= $begin } reverse @$memory;
        my $most = max($before // 0, map { $_->[1] } @during);
        my $files = max(0, map { $_->[2] } @during);

        $before //= $most;
        ok(scalar @waits, "$name: calm clients are there");
        push @lines, sprintf '%-34s %5.1f s  p50 %6.2f  p99 %7.2f  max %7.2f ms'
            . '  %5.1f .. %5.1f MiB  %5d files', $name, $end - $begin,
            map({ 1000 * $_ } @waits[$#waits / 2, $#waits * 0.99, -1]),
            $before, $most, $files;
        cmp_ok($waits[$#waits * 0.99], '<', P99_MAX, "$name: p99");
        cmp_ok($waits[-1], '<', MAX, "$name: nobody waits for long");
        cmp_ok($most - $before, '<', $mib, "$name: memory is bounded");
    }

    diag $_ for @lines;
}

1;
