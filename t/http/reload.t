# Reload: an open store stays open, with its memory, whatever changes around it;
# what cannot change under way, or cannot be opened, fails the reload and the old
# configuration goes on.

use strict;
use warnings;

use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(sleep);

use Ferrokv::Http;
use Ferrokv::Load;
use Ferrokv::Nginx;

my $nginx = Ferrokv::Nginx->new(conf(), workers => 2);


sub conf {
    my (%part) = @_;

    $part{main} //= 'memory=64m';
    $part{stores} //= "ferrokv_store main path=%%DIR%%/store $part{main};";
    $part{$_} //= '' for qw(more location listen);

    return <<"CONF";
%%GLOBALS%%
worker_shutdown_timeout 10s;
$part{stores}
$part{more}
events { }
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:%%PORT%%;
        $part{listen}
        location /kv/ { ferrokv_rest write=on store=main; }
        location /incr { ferrokv_incr \$n \$arg_k store=main;
                         try_files /- /n; }
        location /n { return 200 "\$n"; }
        location /log { ferrokv_incr \$n log phase=log store=main;
                        return 200; }
        location /status { ferrokv_status; }
        $part{location}
    }
}
CONF
}


# True when only new workers take connections.
sub reload_to {
    my (%part) = @_;
    my %old = map { $_ => 1 } $nginx->workers;

    $nginx->write_conf(conf(%part), workers => $part{workers} // 2);
    return $nginx->reload
        && $nginx->wait_until(sub { !grep { $old{$_} } $nginx->workers });
}


# Must fail with one [emerg] line like this, and nothing may have changed.
sub refused {
    my ($regex, $name, %part) = @_;

    my %before = map { $_ => 1 } $nginx->workers;
    my $seen = length $nginx->error_log;

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    ok(!reload_to(%part), "refused: $name");

    my @emerg = substr($nginx->error_log, $seen) =~ /\[emerg\] (.*)/g;
    is(scalar @emerg, 1, '  in one sentence') or diag join "\n", @emerg;
    like($emerg[0] // '', $regex, '  that says why');
    is_deeply([ sort keys %before ], [ sort $nginx->workers ],
              '  the old workers go on');
    $nginx->allow($regex);
}


sub value {
    my ($key) = @_;

    return Ferrokv::Http->new($nginx->port)->get("/kv/$key")->body;
}


sub put {
    my ($key, $value) = @_;

    return Ferrokv::Http->new($nginx->port)->put("/kv/$key", $value)->status;
}


sub status { return Ferrokv::Http->new($nginx->port)->get('/status')->json }

$nginx->start;

is(put('a', 'Alice'), 201);
my $puts = status()->{stores}{main}{puts};

ok(reload_to(), 'a reload');
is(value('a'), 'Alice', 'the value is there');
is(status()->{stores}{main}{puts}, $puts,
   'and the shared memory with it: nothing was opened again');

ok(reload_to(workers => 4), 'four workers');
is(value('a'), 'Alice');
ok(reload_to(workers => 1), 'one worker');
is(value('a'), 'Alice');
ok(reload_to(workers => 2), 'two again');
ok($nginx->wait_until(sub { $nginx->helpers == 1 }), 'one helper');

ok(reload_to(main => 'memory=64m compression=zstd index=binary '
                     . 'compaction=tiered'),
   'another compression');
is(value('a'), 'Alice');
ok(reload_to(), 'and back');


# What cannot change

refused(qr/"memory=" of "ferrokv_store" "main" cannot be changed while/,
        'other memory', main => 'memory=128m');
refused(qr/"sync=" of "ferrokv_store" "main" cannot be changed while/,
        'another sync', main => 'memory=64m sync=off');
refused(qr/"max_value=" of "ferrokv_store" "main" cannot be changed/,
        'another max_value', main => 'memory=64m max_value=100k');

SKIP: {
    skip 'needs root', 4 if $> != 0;

    $nginx->{user} = 'nobody';
    refused(qr/the "user" of "ferrokv_store" "main" cannot be changed/,
            'another user');
    $nginx->{user} = 'www-data';
}

is(put('b', 'Bob'), 201, 'writes go on');


# What cannot be opened

$nginx->write_file('file', 'no directory');
refused(qr{"ferrokv_store" "bad" could not open "\S+/file"},
        'a path that is a file',
        more => 'ferrokv_store bad path=%%DIR%%/file memory=64m;');
refused(qr{"ferrokv_store" "bad" could not open "\S+/no/where"},
        'a path in no directory',
        more => 'ferrokv_store bad path=%%DIR%%/no/where memory=64m;');


# A later step fails: what was opened is released.

my $taken = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
    LocalPort => $nginx->port(1), Listen => 1) or die "listen: $!";
my $second = 'ferrokv_store second path=%%DIR%%/second memory=64m;';

$nginx->allow(qr/bind\(\) to 127|still could not bind/);
$nginx->write_conf(conf(more => $second, listen => 'listen 127.0.0.1:%%PORT1%%;'));
kill 'HUP', $nginx->master;
ok($nginx->wait_log(qr/still could not bind/, 10), 'a port that is taken');
is(value('b'), 'Bob', 'the old configuration goes on');

my $other = Ferrokv::Nginx->new(<<"CONF", workers => 1);
%%GLOBALS%%
ferrokv_store second path=@{[ $nginx->dir ]}/second memory=64m;
events { }
CONF
chmod 0755, $nginx->dir;

my ($ok, $said) = $other->start;
ok($ok, 'the store was released') or diag $said;

refused(qr{"second" could not open "\S+/second": .*\b@{[ $other->master ]}\b},
        'a store of another nginx, whose pids are named', more => $second);
$other->finish;
close $taken;

ok(reload_to(more => $second), 'now it can be opened');
ok($nginx->wait_until(sub { status()->{stores}{second}{helper} }),
   'the helper serves it');


# A store that a reload drops goes on serving old workers.

ok(reload_to(more => $second, location =>
             'location /second/ { ferrokv_rest write=on store=second; }'),
   'a store more');
is(Ferrokv::Http->new($nginx->port)->put('/second/x', 'kept')->status, 201);

my $kept = Ferrokv::Http->new($nginx->port)->connect;
$kept->write("PUT /second/late HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nla");
sleep 0.2;

ok(reload_to(), 'a store less');
$kept->write('te');
is($kept->read_answer->status, 201, 'a request under way ends well');
ok($nginx->wait_until(sub { $nginx->leaving == 0 }, 15), 'old workers leave');
ok($nginx->wait_log(qr/nobody uses "\S+second" any more/, 15),
   'the helper leaves the store');

ok(reload_to(), 'a reload closes it');
($ok, $said) = $other->start;
ok($ok, 'another nginx can have it') or diag $said;
$other->finish;

ok(reload_to(more => $second, location =>
             'location /second/ { ferrokv_rest store=second; }'),
   'back again');
is(Ferrokv::Http->new($nginx->port)->get('/second/late')->body, 'late',
   'with what was written last');


# Under load no request fails, and nothing acknowledged is lost.

my $load = Ferrokv::Load->start(4, sub {
    my ($i, $stop) = @_;
    my ($n, @failed) = (0);

    # a connection each: nginx closes kept ones when a worker leaves
    until ($stop->()) {
        my $http = Ferrokv::Http->new($nginx->port, keepalive => 0);
        my $r = $http->get("/incr?k=load$i");

        if ($r->status == 200 && $r->body == $n + 1) {
            $n++;
        } else {
            push @failed, ($r->error // $r->status) . ' ' . $r->body;
        }
    }

    return { n => $n, failed => \@failed };
});

for my $workers (3, 1, 2, 4, 2) {
    ok(reload_to(workers => $workers), "$workers workers under load");
    sleep 0.3;
}

my @results = $load->finish;

is_deeply([ map { @{ $_->{failed} } } @results ], [], 'no request failed');
is_deeply([ map { value("load$_") } 0 .. 3 ], [ map { $_->{n} } @results ],
          'the counters are exact');
cmp_ok($results[0]{n}, '>', 10, 'there was load');


# A leaving worker ends what nobody waits for.

for (1 .. 5) {
    my @clients = map { Ferrokv::Http->new($nginx->port)->connect } 1 .. 40;

    $_->write("GET /log HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        for @clients;
    $nginx->reload;
    $_->read_answer for @clients;
}

ok($nginx->wait_until(sub { value('log') eq 200 }), 'actions of the log phase')
    or diag value('log');

ok($nginx->wait_until(sub { $nginx->leaving == 0 }, 20), 'old workers leave');
ok($nginx->wait_until(sub { $nginx->helpers == 1 }), 'one helper');

$nginx->finish;
done_testing();
