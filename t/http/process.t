# Processes: who they are, what a death leaves, who may open a store.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use Ferrokv::Http;
use Ferrokv::Load;
use Ferrokv::Nginx;

my $conf = <<'CONF';
%%GLOBALS%%
%%MORE%%
ferrokv_store main path=%%DIR%%/store memory=64m;
ferrokv_store two path=two memory=32m;
events { %%EVENTS%% }
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:%%PORT%%;
        location /kv/ { ferrokv_rest write=on store=main; }
        location /two/ { ferrokv_rest write=on store=two; }
        location /incr { ferrokv_incr $n $arg_k store=main; try_files /- /n; }
        location /n { return 200 "$n"; }
        location /status { ferrokv_status; }
    }
}
CONF

my %vars = (MORE => '', EVENTS => '');
my $nginx = Ferrokv::Nginx->new($conf, workers => 2, vars => { %vars });

sub client { return Ferrokv::Http->new(($_[0] // $nginx)->port) }
sub value { return client()->get("/kv/$_[0]")->body }

$nginx->start;


# Who is there

is(scalar $nginx->wait_workers(2), 2, 'two workers');
ok($nginx->wait_until(sub { $nginx->helpers == 1 }), 'one helper');
is(scalar $nginx->pids, 4, 'and the master, nobody else');
is(client()->put('/kv/a', 'Alice')->status, 201);
is(client()->put('/two/b', 'Bob')->status, 201);

ok(-d $nginx->dir . '/two', "a relative path begins at nginx's prefix");

SKIP: {
    skip 'needs root', 3 if $> != 0;

    my ($uid, $gid) = (getpwnam 'www-data')[2, 3];
    my @wrong;

    for my $path (glob($nginx->dir . '/store'), glob($nginx->dir . '/store/*'),
                  glob($nginx->dir . '/store/*/*'))
    {
        my ($mode, $owner, $group) = (stat $path)[2, 4, 5];

        push @wrong, sprintf '%s %o %d:%d', $path, $mode, $owner, $group
            if $owner != $uid || $group != $gid
               || ($mode & 07777) != (-d $path ? 0700 : 0600);
    }

    is_deeply(\@wrong, [], 'files are the workers\', and nobody else\'s');

    for my $of ('workers', 'helpers') {
        my ($pid) = $nginx->$of;
        is((stat "/proc/$pid")[4], $uid, "$of run as the user");
    }
}


# A second one

my ($status, $said) = $nginx->test_conf;
is($status, 0, 'nginx -t passes beside a running nginx') or diag $said;
is(value('a'), 'Alice', 'and disturbs nothing');

my $second = Ferrokv::Nginx->new(<<"CONF", workers => 1);
%%GLOBALS%%
ferrokv_store other path=@{[ $nginx->dir ]}/store memory=64m;
events { }
CONF
$second->allow(qr/"ferrokv_store"/);

(my $ok, $said) = $second->start;
ok(!$ok, 'a second nginx does not start');
my @pids = $nginx->pids;
like($said, qr/\[emerg\] .*"other" could not open "\S+\/store": .*\b\d+\b/,
     'and says why');
ok((grep { $said =~ /\b$_\b/ } @pids) > 0, 'naming the pids') or diag $said;
is(value('a'), 'Alice', 'the first goes on');


# Deaths

my $load = Ferrokv::Load->start(2, sub {
    my ($i, $stop) = @_;
    my ($sent, $acked) = (0, 0);

    until ($stop->()) {
        my $r = Ferrokv::Http->new($nginx->port, timeout => 5)
            ->get("/incr?k=death$i");
        $sent++;
        $acked++ if $r->status == 200;
    }

    return { sent => $sent, acked => $acked };
});

for (1 .. 3) {
    sleep 0.3;
    my ($worker) = $nginx->workers;
    $nginx->kill('KILL', $worker);
    $nginx->wait_workers(2);
}

for (1 .. 2) {
    sleep 0.3;
    my ($helper) = $nginx->helpers;
    $nginx->kill('KILL', $helper);
    ok($nginx->wait_until(sub {
        my ($new) = $nginx->helpers;
        return $new && $new != $helper;
    }), 'a helper that was killed comes back');
}

sleep 0.3;
my @results = $load->finish;

for my $i (0, 1) {
    my ($sent, $acked) = @{ $results[$i] }{qw(sent acked)};
    my $value = value("death$i");

    ok($acked <= $value && $value <= $sent,
       "nothing acknowledged is lost, nothing comes twice: $acked of $sent")
        or diag $value;
    cmp_ok($acked, '>', 20, 'most requests were answered');
}

ok($nginx->wait_until(sub {
    client()->get('/status')->json->{stores}{main}{processes} == 3;
}), 'the slots of the dead are free again');
ok($nginx->wait_until(sub {
    client()->get('/status')->json->{stores}{main}{helper};
}), 'the helper has its role');


# Two workers, the same keys

$load = Ferrokv::Load->start(4, sub {
    my ($i) = @_;
    my $http = Ferrokv::Http->new($nginx->port);
    my $n = 0;

    for (1 .. 300) {
        $n++ if $http->get('/incr?k=hot')->status == 200;
    }

    return $n;
});

is_deeply([ $load->wait ], [ 300, 300, 300, 300 ], 'all increments answered');
is(value('hot'), 1200, 'and their sum is exact');


# All of them

$nginx->kill('KILL');
$nginx->start;
is(value('a'), 'Alice', 'after kill -9 of everything the data are there');
is(client()->get('/two/b')->body, 'Bob', 'of both stores');
is(value('hot'), 1200);

my $started = time;
ok($nginx->stop('TERM'), 'a fast stop');
cmp_ok(time - $started, '<', 5, 'is fast');
$nginx->start;
is(value('hot'), 1200);


# Other ways to run

ok($nginx->stop);
$nginx->write_conf(undef, vars => { %vars, MORE => 'master_process off;' });
$nginx->start;
is(value('a'), 'Alice', 'master_process off');
is(client()->put('/kv/c', 'Carl')->status, 201, 'writes');
is(scalar $nginx->pids, 1, 'in one process');
ok($nginx->wait_until(sub {
    client()->get('/status')->json->{stores}{main}{helper};
}), 'which is the helper, too');

$nginx->allow(qr/with "master_process off" there is no reload/);
kill 'HUP', $nginx->master;
ok($nginx->wait_log(qr/\[emerg\] .*with "master_process off" there is no reload/),
    'a reload is refused');
is(value('c'), 'Carl', 'it goes on as it was');
ok($nginx->stop);

for my $events ('accept_mutex on;', 'multi_accept on;', 'worker_connections 8;')
{
    $nginx->write_conf(undef, vars => { %vars, EVENTS => $events });
    $nginx->start;
    is(value('c'), 'Carl', $events);
    is(client()->put('/kv/c', 'Carl')->status, 204);
    ok($nginx->stop);
}

$nginx->write_conf(undef, preload => 0, vars => { %vars });
$nginx->start;
is(value('c'), 'Carl', 'without jemalloc');
is(client()->get('/status')->json->{allocator}, 'libc', 'libc allocates');
like($nginx->error_log, qr/\[notice\] .*memory is allocated by libc/,
     'the log says so');
unlike($nginx->error_log, qr/open socket/, 'no socket was left');

$nginx->finish;
$second->finish;
done_testing();
