# What each setting of sync= promises when processes die.  A power cut, which is
# where always and everysec differ most, cannot be made here.

use strict;
use warnings;

use lib 't/lib', 't/crash/lib';
use Test::More;
use Time::HiRes qw(sleep time);

use Ferrokv::Http;
use Ferrokv::Model;
use Ferrokv::Nginx;

# How much of what was acknowledged the death of all processes may take, in
# seconds: nothing; what came while one write was in flight, which is short but
# where a busy disk holds that up; what waits a second for its write.
my %lost = (always => 0, everysec => 2, off => 3);

my ($nginx, $model, $sync);

for (qw(always everysec off)) {
    $sync = $_;
    $nginx = Ferrokv::Nginx->new(<<'CONF', user => 'nobody',
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=8m sync=%%SYNC%%;
events { }
http {
    %%HTTP%%
    keepalive_requests 1000000000;
    server {
        listen 127.0.0.1:%%PORT%% reuseport;
        location /kv/ { ferrokv_rest write=on danger=on; }
    }
}
CONF
        vars => { SYNC => $sync });
    $model = Ferrokv::Model->new($nginx->port);
    $nginx->start;

    one_dies();
    all_die() for 1 .. 3;
    all_die_after_one_that_waited();
    all_leave();
    $nginx->finish;
}

done_testing();


sub one_dies {
    $model->begin;

    for my $who (qw(workers helpers workers helpers)) {
        sleep 0.15;
        $nginx->kill('KILL', ($nginx->$who)[-1]);
        $nginx->wait_workers(2);
        $nginx->wait_until(sub { $nginx->helpers == 1 });
    }

    $model->end;
    is($model->wrong, '', "$sync: nothing is lost by single deaths");
}


sub all_die {
    # Longer than what may be lost, so that something must be left.
    $model->begin;
    sleep $lost{$sync} + 0.4;

    my $now = time;
    $nginx->kill('KILL');
    $model->end;
    $nginx->start;

    is($model->wrong($lost{$sync} ? (lost => $now - $lost{$sync}) : ()), '',
        "$sync: a prefix is there");
    note "$model->{lost} of the sequence lost, $model->{sequence}{acked} there";
}


# A write that waits for the disk takes all with it that was before.
sub all_die_after_one_that_waited {
    my $http = Ferrokv::Http->new($nginx->port);
    my @other = map { Ferrokv::Http->new($nginx->port) } 1 .. 5;

    for my $round (1 .. 5) {
        my @r = map { $other[$_ % 5]->put("/kv/x:$round:$_", $_) } 1 .. 20;
        push @r, $http->put("/kv/x:$round:21?sync=always", 21);
        $nginx->kill('KILL');
        $nginx->start;

        is(join(' ', map { $_->status } @r), join(' ', (201) x 21),
            "$sync: writes, round $round");
        is(join(' ', map { $http->get("/kv/x:$round:$_")->body } 1 .. 21),
            join(' ', 1 .. 21), "$sync: sync=always brings them all to disk");
    }
}


# The end of nginx is no crash.
sub all_leave {
    $model->begin;
    sleep 0.3;
    $nginx->stop;
    $model->end;

    my ($user) = $nginx->user;
    my $id = $user ? getpwnam $user : $>;
    my @files = glob $nginx->dir . '/store/{,*/}*';

    is(join(' ', grep { (stat)[4] != $id } @files), '',
        "$sync: all files are the workers'");
    $nginx->start;
    is($model->wrong, '', "$sync: nothing is lost by a stop");
}
