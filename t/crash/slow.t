# Deaths with reads and writes in flight: the disk is slow, so that a killed
# process's last write lands long after it, and nobody may do its work before.
# FKV_SEED= repeats a run as far as it can; FKV_SECONDS= is the long form.

use strict;
use warnings;

use lib 't/lib', 't/crash/lib';
use List::Util qw(shuffle);
use Test::More;
use Time::HiRes qw(sleep time);

use Ferrokv::Disk;
use Ferrokv::Http;
use Ferrokv::Load;
use Ferrokv::Model;
use Ferrokv::Nginx;

my $seed = $ENV{FKV_SEED} // time % 100000;
my $seconds = $ENV{FKV_SECONDS};
my $begun = time;
my $why = Ferrokv::Disk->missing('ext4', cache => 1);

plan skip_all => "no slow disk: $why" if $why;
note "FKV_SEED=$seed";
srand $seed;

# The log needs a write and a flush, so an answer takes several of these.
use constant SLOW_MS => 25;

my $disk = Ferrokv::Disk->new('ext4', cache => 1);
chmod 0777, $disk->path;

my $nginx = Ferrokv::Nginx->new(<<'CONF', vars => { DISK => $disk->path });
%%GLOBALS%%
ferrokv_store main path=%%DISK%%/store memory=4m blob_min=16k;
events { }
http {
    %%HTTP%%
    keepalive_requests 1000000000;
    client_max_body_size 2m;
    server {
        listen 127.0.0.1:%%PORT%% reuseport;
        location /kv/ { ferrokv_rest write=on danger=on; }
        location /status { ferrokv_status; }
    }
}
CONF
my $model = Ferrokv::Model->new($nginx->port,
    clients => [qw(writer writer count sequence batch large)]);
my ($deaths, $in_flight, $longest, $rounds) = (0, 0, 0, 0);

$nginx->start;

do {
    one_dies($_) for shuffle qw(workers helpers);
    all_die();
    $rounds++;
} while ($seconds && time < $begun + $seconds
         && Test::More->builder->is_passing);

note sprintf '%d rounds on a disk of %d ms, %d deaths, %d of them with a request '
    . 'of theirs in flight; the longest read from memory meanwhile: %.3f s; '
    . '%d requests, %.0f s, FKV_SEED=%s', $rounds, SLOW_MS, $deaths, $in_flight,
    $longest, $model->{ops}, time - $begun, $seed;
$nginx->finish;
$disk->end;
done_testing();


# Readers of what is in memory wait for no disk, nor for the dead.
sub one_dies {
    my ($who) = @_;

    $nginx->wait_workers(2);
    $nginx->wait_until(sub { $nginx->helpers == 1 });

    my @pids = shuffle $nginx->$who;
    my ($other) = grep { $_ != $pids[0] } $nginx->workers;
    my $watch = watch($other);

    $model->begin;
    sleep 0.2;
    $disk->slow(SLOW_MS);
    sleep 0.1 + rand 0.3;
    die_in_flight($pids[0], $who);
    $nginx->wait_workers(2);
    $nginx->wait_until(sub { $nginx->helpers == 1 });
    sleep 1;
    ok_watched($watch, "$who: a reader");
    $disk->slow(0);
    $model->end;
    is($model->wrong, '', "$who: nothing is lost");
}


# The pid is gone, but the kernel still writes for it: then it has not given back
# the lock on each of its log files.
sub die_in_flight {
    my ($pid, $who) = @_;

    kill 'STOP', $nginx->master;
    my ($before, $files) = locks();

    $nginx->kill('KILL', $pid);
    my ($after) = locks();

    kill 'CONT', $nginx->master;
    $deaths++;
    $in_flight++ if $who eq 'workers' && $after > $before - $files;
}


# How many there are on log files, and how many files.
sub locks {
    my %is_log = map { (stat)[1] => 1 } glob $disk->path . '/store/log/*';

    open my $file, '<', '/proc/locks' or die "/proc/locks: $!";
    my @locks = grep { /OFDLCK.* \w+:\w+:(\d+) / && $is_log{$1} } <$file>;

    return (scalar @locks, scalar keys %is_log);
}


sub all_die {
    $model->begin;
    sleep 0.2;
    $disk->slow(SLOW_MS);
    sleep 0.1 + rand 0.5;
    $nginx->kill('KILL');
    $deaths += 3;
    $model->end;

    # A start waits for the last of them: two processes never write one log.
    my ($ok, $said) = $nginx->start;

    $disk->slow(0);
    ok($ok, 'all: the next start, on the slow disk') or diag $said;
    is($model->wrong, '', 'all: nothing is lost');
}


sub watch {
    my ($pid) = @_;

    return Ferrokv::Load->start(1, sub {
        my ($i, $stop) = @_;
        my ($longest, $http, @failed) = (0);

        for (1 .. 100) {
            $http = Ferrokv::Http->new($nginx->port);
            last if $http->get('/status')->json->{pid} == $pid;
        }

        until ($stop->()) {
            my $begun = time;
            my $r = $http->get('/kv/x:none');

            push @failed, $r->error // $r->status if $r->status != 404;
            $longest = time - $begun if time - $begun > $longest;
            sleep 0.001;
        }

        return { longest => $longest, failed => \@failed };
    });
}


sub ok_watched {
    my ($watch, $who) = @_;
    my ($said) = $watch->finish;

    is(join(', ', @{ $said->{failed} }), '', "$who goes on");
    cmp_ok($said->{longest}, '<', 3, "$who, without a pause");
    $longest = $said->{longest} if $said->{longest} > $longest;
}
