# Reloads under load, also with another number of workers: no request fails, all
# data stay, those in memory as well, and the helper's work goes on.

use strict;
use warnings;

use lib 't/lib', 't/crash/lib';
use Test::More;
use Time::HiRes qw(sleep);

use Ferrokv::Http;
use Ferrokv::Model;
use Ferrokv::Nginx;

my ($nginx, $model);

# Most of it in memory alone; and so little that every moment is one of a flush.
my %bytes = ('128m' => 300, '4m' => 6000);

for my $memory (sort keys %bytes) {
    $nginx = Ferrokv::Nginx->new(<<'CONF', vars => { MEMORY => $memory });
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=%%MEMORY%%;
events { }
http {
    %%HTTP%%
    keepalive_requests 1000000000;
    server {
        listen 127.0.0.1:%%PORT%%;
        location /kv/ { ferrokv_rest write=on; }
        location /status { ferrokv_status; }
    }
}
CONF
    $nginx->start;

    reloads("memory=$memory, connections closed", keepalive => 0);
    reloads("memory=$memory, connections kept", resend => 1);

    $nginx->kill('KILL');
    $nginx->start;
    is($model->wrong, '', "memory=$memory: all is there after a crash");
    $nginx->finish;
}

done_testing();


sub status {
    return Ferrokv::Http->new($nginx->port, keepalive => 0)->get('/status')
        ->json->{stores}{main};
}


# Clients who keep connections send again what a leaving worker has not begun to
# read, as every client must; an answer that is an error is one.
sub reloads {
    my ($name, %opt) = @_;
    my $old = $model && $model->{port} == $nginx->port ? $model : {};

    $model = Ferrokv::Model->new($nginx->port, %$old, keepalive => 1,
        bytes => $bytes{ $nginx->{vars}{MEMORY} }, %opt);
    $model->begin;

    for my $workers (1, 3, 3, 2, 2) {
        my $before = status();
        my ($helper) = $nginx->helpers;

        $nginx->write_conf(undef, workers => $workers);
        ok($nginx->reload, "$name: a reload to $workers workers");
        ok($nginx->wait_until(sub {
            my @helpers = $nginx->helpers;
            return @helpers == 1 && $helpers[0] != $helper
                && status()->{helper};
        }), "$name: a new helper");

        # It does what the old one did.
        ok($nginx->wait_until(sub {
            return status()->{flushes} > $before->{flushes} + 1;
        }), "$name: it flushes") if $nginx->{vars}{MEMORY} eq '4m';
        sleep 0.3;
    }

    $model->end;
    is(join("\n", splice @{ $model->{unknown} }), '',
        "$name: no request of $model->{ops} failed");
    is($model->wrong, '', "$name: all is there");
    ok($nginx->wait_until(sub { $nginx->leaving == 0 }),
        "$name: old workers have left");
}
