# kill -9 at any time: of a worker, the helper, the master, all.  Who is left
# goes on serving, and nothing acknowledged is lost.  FKV_SEED= repeats a run.

use strict;
use warnings;

use lib 't/lib', 't/crash/lib';
use List::Util qw(shuffle);
use Test::More;
use Time::HiRes qw(sleep time);

use Ferrokv::Http;
use Ferrokv::Load;
use Ferrokv::Model;
use Ferrokv::Nginx;

my $seed = $ENV{FKV_SEED} // time % 100000;
note "FKV_SEED=$seed";
srand $seed;

my $nginx = Ferrokv::Nginx->new(<<'CONF');
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=4m;
events { }
http {
    %%HTTP%%
    keepalive_requests 1000000000;
    server {
        listen 127.0.0.1:%%PORT%% reuseport;
        location /kv/ { ferrokv_rest write=on; }
        location /status { ferrokv_status; }
    }
}
CONF

my $model = Ferrokv::Model->new($nginx->port);
my %kill = (worker => \&worker, workers => \&workers, helper => \&helper,
            master => \&master, all => \&all);

$nginx->start;

for my $who (shuffle((keys %kill) x 3)) {
    note $who;
    $nginx->start if !$nginx->pids;
    $nginx->wait_workers(2);
    $nginx->wait_until(sub { $nginx->helpers == 1 });

    $model->begin;
    $kill{$who}->();
    is($model->wrong, '', "$who: nothing is lost") if $nginx->pids;

    # And on disk?
    if ($who ne 'all') {
        $model->begin;
        all();
    }

    $nginx->start;
    is($model->wrong, '', "$who: nor by a restart");
}

$nginx->finish;
done_testing();


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
}
