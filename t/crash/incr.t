# Counters that all workers change: their sums are exact, or, when one dies, lie
# between what was acknowledged and what was begun.

use strict;
use warnings;

use lib 't/lib', 't/crash/lib';
use Test::More;
use Time::HiRes qw(sleep);

use Ferrokv::Model;
use Ferrokv::Nginx;

my ($nginx, $model);

for my $sync (qw(always everysec)) {
    $nginx = Ferrokv::Nginx->new(<<'CONF', vars => { SYNC => $sync });
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=4m sync=%%SYNC%%;
events { }
http {
    %%HTTP%%
    keepalive_requests 1000000000;
    server {
        listen 127.0.0.1:%%PORT%%;
        location /kv/ { ferrokv_rest write=on; }
    }
}
CONF
    $nginx->start;

    # A new connection for each request: they go to all workers, and no reload
    # can close one that waits.
    $model = Ferrokv::Model->new($nginx->port, keepalive => 0,
                                 clients => [('count') x 6]);

    for my $keys (1, 300) {
        my $name = "sync=$sync, keys: $keys";

        $model->{counters} = [map { "of$keys:$_" } 1 .. $keys];
        exact("$name: two workers", sub { sleep 1 });
        exact("$name: a reload", sub { sleep 0.3; $nginx->reload; sleep 0.3 });
        bounded("$name: a worker dies");
    }

    restarted("sync=$sync");
    $nginx->finish;
}

done_testing();


# Without a death every request is answered.
sub exact {
    my ($name, $code) = @_;

    $model->begin;
    $code->();
    $model->end;

    is(join("\n", splice @{ $model->{unknown} }), '', "$name: no failure");
    is_deeply($model->{acked}, $model->{begun}, "$name: all acknowledged");
    cmp_ok($model->{ops}, '>', 100, "$name: there was load");
    is($model->wrong, '', "$name: exact");
    $model->{ops} = 0;
}


sub bounded {
    my ($name) = @_;

    $model->begin;

    for (1 .. 3) {
        sleep 0.2;
        $nginx->kill('KILL', ($nginx->workers)[0]);
        $nginx->wait_workers(2);
    }

    $model->end;
    is($model->wrong, '', "$name: between acknowledged and begun");
    $model->{unknown} = [];
}


# What a dead worker would have written others write when it is reaped, at the
# latest by the helper within a second; then the death of all takes nothing.
sub restarted {
    my ($name) = @_;

    sleep 1.5;
    $nginx->kill('KILL');
    $nginx->start;
    is($model->wrong, '', "$name: the same after a restart");
}
