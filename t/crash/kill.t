# kill -9 at any time: of a worker, the helper, the master, all; and at the
# numbered steps of engine and module.  Who is left goes on serving, nothing
# acknowledged is lost, and nothing stays held.
#
# FKV_SEED= repeats a run as far as it can; FKV_SECONDS= is the long form.

use strict;
use warnings;

use lib 't/lib', 't/crash/lib';
use List::Util qw(shuffle);
use Test::More;
use Time::HiRes qw(sleep time);

use Ferrokv::Http;
use Ferrokv::Installed;
use Ferrokv::Load;
use Ferrokv::Model;
use Ferrokv::Nginx;
use Ferrokv::Steps;

my $seed = $ENV{FKV_SEED} // time % 100000;
my $seconds = $ENV{FKV_SECONDS};
my $begun = time;

note "FKV_SEED=$seed";
srand $seed;

my $nginx = Ferrokv::Nginx->new(<<'CONF', stream => 1,
%%GLOBALS%%
%%EXTENSIONS%%
ferrokv_store main path=%%DIR%%/store memory=8m blob_min=16k;
events { }
http {
    %%HTTP%%
    keepalive_requests 1000000000;
    client_max_body_size 2m;
    ferrokv_limit_zone $uri zone=often store=main rate=2r/s;
    server {
        listen 127.0.0.1:%%PORT%% reuseport;
        location /kv/ { ferrokv_rest write=on danger=on; }
        location /status { ferrokv_status; }
        location /limited/ { ferrokv_limit zone=often; return 200; }
        location /cached/ {
            ferrokv_cache main;
            ferrokv_cache_valid 200 1s;
            proxy_pass http://127.0.0.1:%%PORT%%/origin$uri;
        }
        location /origin { return 200 $uri; }
    }
}
stream {
    server {
        listen 127.0.0.1:%%PORT1%% reuseport;
        ferrokv_resp;
    }
}
CONF
    vars => { EXTENSIONS => extension_conf(qw(hash set zset list hll)) });
my $model = Ferrokv::Model->new($nginx->port, redis_port => $nginx->port(1),
    others => qr/^x:/,
    clients => [qw(writer count sequence batch large snapshot web command multi
                   element operand)]);
my %kill = (worker => \&worker, workers => \&workers, helper => \&helper,
            master => \&master, all => \&all, steps => \&at_steps);
my %done = map { $_ => 0 } qw(rounds deaths longest);
my @steps = shuffle sort keys %{ Ferrokv::Steps::found() };

$nginx->allow(qr/exited on signal 9$/);
$nginx->start;
ok_quiet('start');

for (my $n = 0; going_on($n); $n++) {
    kill_one((shuffle keys %kill, ('steps') x 5)[0]) if $seconds;
    kill_one($_) for $seconds ? () : shuffle keys %kill;
}

ok_quiet('at last');
note sprintf '%d rounds, %d deaths, %d requests; the longest wait of a client '
    . 'of another worker: %.3f s; %.0f s, FKV_SEED=%s',
    @done{qw(rounds deaths)}, $model->{ops}, $done{longest}, time - $begun,
    $seed;
$nginx->finish;
done_testing();


sub going_on {
    my ($n) = @_;

    return $seconds ? time < $begun + $seconds
                      && Test::More->builder->is_passing : $n < 1;
}


sub kill_one {
    my ($who) = @_;

    note $who;
    $nginx->start if !$nginx->pids;
    $nginx->wait_workers(2);
    $nginx->wait_until(sub { $nginx->helpers == 1 });

    $model->begin;
    $kill{$who}->();

    if ($nginx->master && $nginx->pids) {
        is($model->wrong, '', "$who: nothing is lost");

        # A list's cursor is held for ten seconds.
        ok_quiet($who) if $seconds && rand() < 0.2;
    }

    # And on disk?
    if ($who ne 'all') {
        $model->begin;
        all();
    }

    my $died = () = $nginx->error_log =~ /exited on signal 9$/mg;

    $nginx->start;
    is($model->wrong, '', "$who: nor by a restart");
    $done{rounds}++;
    $done{deaths} = $died;
}


# Nobody does anything, so nobody holds anything; but the helper has its claim on
# the extensions, and with theirs and that of its jobs two slots besides its own.
sub ok_quiet {
    my ($who) = @_;
    my $http = Ferrokv::Http->new($nginx->port, keepalive => 0);
    my %most = (latches => 0, claims => 1, jobs => 0, readers => 0, leases => 0,
                block_readers => 0, arenas_sealed => 0, processes => 5);
    my $held = sub {
        my $is = $http->get('/status')->json->{stores}{main};

        return join ', ', map { "$_ $is->{$_}" }
            grep { $is->{$_} > $most{$_} } sort keys %most;
    };

    ok($nginx->wait_until(sub { $held->() eq '' }, 20),
        "$who: nothing is held") or diag $held->();
}


# Again and again as nginx starts them anew; some at a certain step, others at
# any.
sub at_steps {
    my $step = rand() < 0.5 ? '*' : $steps[0];
    my $passage = 1 + int rand rand($step eq '*' ? 2000 : 100);

    push @steps, shift @steps;
    note "FKV_KILL=$step:$passage";
    $nginx->write_conf(undef, globals => "env FKV_KILL=$step:$passage;");
    $nginx->reload;
    sleep($seconds ? 3 : 1);
    $nginx->write_conf(undef, globals => '');
    ok($nginx->reload, 'steps: a reload ends it');
    $nginx->wait_until(sub { !$nginx->leaving }, 10);
    $model->end;
}


sub some_time { sleep rand(0.5) + 0.05 }


sub worker {
    my @pids = shuffle $nginx->workers;
    my $watch = watch($pids[1]);

    some_time();
    $nginx->kill('KILL', $pids[0]);
    ok_watched($watch, 'worker: the other');
    is(scalar $nginx->wait_workers(2), 2, 'worker: there are two again');
    $model->end;
}


sub workers {
    some_time();
    $nginx->kill('KILL', $nginx->workers);
    is(scalar $nginx->wait_workers(2), 2, 'workers: there are two again');
    some_time();
    $model->end;
}


sub helper {
    my @old = $nginx->helpers;
    my $watch = watch(($nginx->workers)[0]);

    some_time();
    $nginx->kill('KILL', @old);
    ok_watched($watch, 'helper: a worker');
    ok($nginx->wait_until(sub { $nginx->helpers == 1 }),
        'helper: there is one again');
    $model->end;
}


# Orphans go on.  They hold the store: nobody else can have it until they end.
sub master {
    my $watch = watch(($nginx->workers)[0]);

    some_time();
    $nginx->kill('KILL', $nginx->master);
    ok_watched($watch, 'master: a worker');
    is(scalar $nginx->pids, 3, 'master: two workers and the helper are left');
    refused();
    $model->end;
}


sub refused {
    my $other = Ferrokv::Nginx->new(<<"CONF");
%%GLOBALS%%
ferrokv_store main path=@{[ $nginx->dir ]}/store memory=4m;
events { }
CONF
    my ($ok, $said) = $other->start;

    ok(!$ok, 'master: another nginx cannot have the store');
    my ($pids) = $said =~ /is in use by another nginx \((?:pids? )([\d, ]+)\)/;
    my %left = map { $_ => 1 } $nginx->pids;

    ok($pids && !grep({ !$left{$_} } $pids =~ /\d+/g),
        'master: it is told who has it') or diag $said;
    $other->allow(qr/is in use by another nginx/);
    is($other->end, '', 'master: and leaves nothing');
}


sub all {
    some_time();
    $nginx->kill('KILL');
    $model->end;
}


# A client of this worker, who notes how long it waits.
sub watch {
    my ($pid) = @_;

    return Ferrokv::Load->start(1, sub {
        my ($i, $stop) = @_;
        my $http;

        for (1 .. 100) {
            $http = Ferrokv::Http->new($nginx->port);
            last if $http->get('/status')->json->{pid} == $pid;
        }

        my ($longest, $n, @failed) = (0, 0);

        until ($stop->()) {
            my $begun = time;
            my $r = $n++ % 2 ? $http->put('/kv/x:watch', $n)
                             : $http->get('/kv/x:watch');

            push @failed, $r->error // $r->status
                if $r->status !~ /^20[014]$/ && $n > 1;
            $longest = time - $begun if time - $begun > $longest;
        }

        return { longest => $longest, failed => \@failed, n => $n };
    });
}


sub ok_watched {
    my ($watch, $who) = @_;

    some_time();
    my ($said) = $watch->finish;

    is(join(', ', @{ $said->{failed} }), '', "$who goes on");
    cmp_ok($said->{longest}, '<', 2,
        "$who, without a pause ($said->{n} requests)");
    note sprintf 'longest wait %.3f s', $said->{longest};
    $done{longest} = $said->{longest} if $said->{longest} > $done{longest};
}
