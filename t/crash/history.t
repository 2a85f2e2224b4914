# What concurrent clients saw, over REST and RESP and through all workers, has an
# order: every key is linearizable, keys of a batch and reads of a snapshot are
# strictly serializable.  Also over reloads and deaths; and what was answered is
# there after the death of all.
#
# FKV_SEED= repeats the choices, FKV_SECONDS= goes on with more rounds.

use strict;
use warnings;

use lib 't/lib', 't/crash/lib';
use List::Util qw(shuffle);
use Test::More;
use Time::HiRes qw(sleep time);

use Ferrokv::Http;
use Ferrokv::Nginx;
use Ferrokv::Recorder;

my $seed = $ENV{FKV_SEED} // time % 100000;
note "FKV_SEED=$seed";
srand $seed;

my $end = time + ($ENV{FKV_SECONDS} // 0);
my $long = $ENV{FKV_SECONDS} ? 3 : 1;

my %round = (reloads => \&reloads, worker => \&worker, workers => \&workers,
             helper => \&helper, all => \&all);
my %n = map { $_ => 0 } qw(rounds ops open reloads deaths restarts most);
my ($nginx, $recorder, %done);

# sync=everysec answers when others can see it, and the death of some loses nothing.
stores(['always', '4m', sort keys %round],
       ['everysec', '4m', qw(helper reloads worker)]);

for (my $more = 2; time < $end || ($more-- && missing()); ) {
    stores(['always', (qw(4m 16m 64m))[rand 3], sort keys %round],
           ['everysec', '4m', qw(helper reloads worker workers)]);
}

is(join(', ', missing()), '', 'every kind of request was answered');
diag "history: seed $seed, " . join ', ', map { "$n{$_} $_" }
    qw(rounds ops open reloads deaths restarts most);
done_testing();


sub missing { return Ferrokv::Recorder->missing(\%done) }


sub stores {
    for my $store (@_) {
        my ($sync, $memory, @rounds) = @$store;

        begin($sync, $memory);
        round($_, "sync=$sync, memory=$memory: $_") for shuffle @rounds;
        finish("sync=$sync, memory=$memory");
    }
}


sub begin {
    my ($sync, $memory) = @_;

    $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 2, stream => 1,
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=%%MEMORY%% sync=%%SYNC%%
              blob_min=16k;
events { }
stream {
    server { listen 127.0.0.1:%%PORT1%% reuseport; ferrokv_resp; }
}
http {
    %%HTTP%%
    keepalive_requests 1000000000;
    server {
        listen 127.0.0.1:%%PORT%% reuseport;
        location /kv/ { ferrokv_rest write=on; }
    }
}
CONF
        vars => { SYNC => $sync, MEMORY => $memory });
    $nginx->start;
    $recorder = Ferrokv::Recorder->new($nginx->dir, $nginx->port,
                                       $nginx->port(1));
}


sub round {
    my ($what, $name) = @_;

    $nginx->wait_workers;
    $nginx->wait_until(sub { $nginx->helpers == 1 });

    $recorder->begin;
    $round{$what}->() for 1 .. $long;
    pause();

    # In the midst of it, as well.
    restart(), pause() if $nginx->{vars}{SYNC} eq 'always';

    my $history = $recorder->look($recorder->end);

    restart(), $recorder->look($history) if $nginx->{vars}{SYNC} eq 'always';

    is($history->wrong, '', "$name: it has an order");
    is($recorder->odd, '', "$name: and all answers are known");

    $n{rounds}++;
    $n{ops} += $history->ops;
    $n{open} += $history->open;
    $n{most} = $history->most if $history->most > $n{most};

    my $r = Ferrokv::Http->new($nginx->port)
        ->delete("/kv/?prefix=r$recorder->{round}:");
    is($r->status, 200, "$name: an end of it");
}


sub finish {
    my ($name) = @_;
    my $r = Ferrokv::Http->new($nginx->port)->get('/kv/?prefix=r&limit=5');

    is_deeply($r->json->{keys}, [], "$name: nothing has come back");
    $done{$_} += $recorder->done->{$_} for keys %{ $recorder->done };
    $nginx->finish;
}


sub pause { sleep 0.1 + rand 0.3 }


# Clients that work meanwhile wait.
sub restart {
    if ($nginx->{vars}{SYNC} eq 'always') {
        $n{deaths} += $nginx->pids;
        $nginx->kill('KILL');

    } else {
        $nginx->stop;
    }

    $nginx->start;
    $n{restarts}++;
}


sub reloads {
    for my $workers (shuffle 1, 3, 2) {
        pause();
        $nginx->write_conf(undef, workers => $workers);
        ok($nginx->reload, "a reload to $workers workers");
        $n{reloads}++;
    }
}


sub worker {
    for (1 .. 2) {
        pause();
        $nginx->kill('KILL', (shuffle $nginx->workers)[0]);
        $nginx->wait_workers;
        $n{deaths}++;
    }
}


sub workers {
    pause();
    my @workers = $nginx->workers;

    $nginx->kill('KILL', @workers);
    $nginx->wait_workers;
    $n{deaths} += @workers;
}


sub helper {
    pause();
    $nginx->kill('KILL', $nginx->helpers);
    $nginx->wait_until(sub { $nginx->helpers == 1 });
    $n{deaths}++;
}


sub all {
    for (1 .. 3) {
        pause();
        restart();
    }
}
