# ferrokv_get, _set, _incr, _ttl and _del in stream servers.

use strict;
use warnings;

use IO::Socket::INET;
use Test::More;

use Ferrokv::Http;
use Ferrokv::Nginx;

my $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 2, stream => 1);
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=64m;
ferrokv_store two path=%%DIR%%/two memory=64m;
events { }
stream {
    map $remote_addr $yes { default 1; }
    map $remote_addr $no { default 0; }

    server {
        listen 127.0.0.1:%%PORT1%%;
        ferrokv_incr $n visits store=main ttl=100s;
        ferrokv_ttl $ttl visits store=main;
        ferrokv_get $absent nothing store=main default=none;
        ferrokv_set "last:$remote_addr" $n store=main;
        ferrokv_get $last "last:$remote_addr" store=main;
        ferrokv_set no 1 store=main if=$no;
        ferrokv_set yes 1 store=main if=$yes nx;
        ferrokv_incr $elsewhere visits store=two by=10 init=5;
        ferrokv_del gone store=main;
        return "$n $ttl $absent $last $elsewhere";
    }

    server {
        listen 127.0.0.1:%%PORT2%%;
        ferrokv_set "log:$server_port" "$status $bytes_sent" store=main
                    phase=log ttl=1h;
        ferrokv_incr $ended ended store=main phase=log;
        return "hello";
    }

    server {
        listen 127.0.0.1:%%PORT3%%;
        ferrokv_incr $n denied store=main;
        ferrokv_incr $m denied_log store=main phase=log;
        deny all;
        return "never";
    }

    server {
        listen 127.0.0.1:%%PORT4%%;
        ferrokv_get $word word store=main;
        ferrokv_incr $n word store=main;
        set $copy "$word";
        return "$word $n $copy";
    }

    server {
        listen 127.0.0.1:%%PORT5%% udp;
        ferrokv_incr $n datagrams store=main;
        return $n;
    }

    server {
        listen 127.0.0.1:%%PORT6%%;
        ferrokv_get $port backend store=main;
        proxy_pass 127.0.0.1:$port;
    }
}
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:%%PORT%%;
        location /kv/ { ferrokv_rest store=main write=on; }
    }
}
CONF

$nginx->start;

my $http = Ferrokv::Http->new($nginx->port);

sub value { return $http->get("/kv/$_[0]")->body }

# All that a server says before it closes.
sub said {
    my ($port, $text) = @_;

    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $nginx->port($port), Timeout => 10) or die "connect: $!";

    print {$socket} $text if defined $text;
    local $/;
    return scalar(<$socket>) // '';
}


$http->put('/kv/gone', 'x');

is(said(1), '1 100 none 1 15', 'actions in their order');
is(said(1), '2 100 none 2 25', 'with what the last session left');
is(value('visits'), 2, 'http sees the same');
is($http->get('/kv/gone')->status, 404, 'del has deleted');
is($http->get('/kv/no')->status, 404, 'if= was 0');
is(value('yes'), 1, 'and 1');

is(said(2), 'hello', 'a session of which the log is kept');
ok($nginx->wait_until(sub { $http->get('/kv/ended')->body eq '1' }),
   'is counted at its end');
is(value('log:' . $nginx->port(2)), '200 5', 'when all is known');
ok($http->get('/kv/log:' . $nginx->port(2) . '?meta')->json->{ttl_ms} > 3e6,
   'with a TTL');

is(said(3), '', 'a client that is denied');
is(value('denied'), 1, 'is counted before');
ok($nginx->wait_until(sub { $http->get('/kv/denied_log')->body eq '1' }),
   'and in the log');

$http->put('/kv/word', 'no number');
is(said(4), 'no number  ', 'a failure leaves the variable empty');
like($nginx->error_log, qr/"ferrokv_incr": key "word" of store "main": /,
     'the log says why');

my $udp = IO::Socket::INET->new(PeerAddr => '127.0.0.1', Proto => 'udp',
                                PeerPort => $nginx->port(5)) or die $!;

for my $n (1 .. 3) {
    $udp->send('ping');
    $udp->recv(my $answer, 100);
    is($answer, $n, 'a datagram is a session');
}

$http->put('/kv/backend', $nginx->port(1));
like(said(6), qr/^3 \d+ none 3 35$/, 'proxy_pass to what was read');
$http->put('/kv/backend', $nginx->port);
like(said(6, "GET /kv/yes HTTP/1.0\r\n\r\n"), qr/\r\n\r\n1$/,
     'a client that speaks at once is understood');


# Many at once, over two workers

my @pids = map {
    my $pid = fork() // die "fork: $!";

    if ($pid == 0) {
        said(1) for 1 .. 50;
        $nginx->{owner} = 0;
        POSIX::_exit(0);
    }

    $pid;
} 1 .. 4;

waitpid $_, 0 for @pids;
is(value('visits'), 203, 'nothing was counted twice or not at all');

$nginx->kill('KILL');
$nginx->start;
like(said(1), qr/^204 /, 'the count has survived a crash');


# What nginx -t says

sub refused {
    my ($server, $main, $why) = @_;

    my $conf = <<"CONF";
\%\%GLOBALS\%\%
ferrokv_store main path=%%DIR%%/store memory=64m;
events { }
stream {
    $main
    server { listen 127.0.0.1:%%PORT%%; return x; $server }
}
CONF
    $nginx->write_conf($conf);
    my ($status, $text) = $nginx->test_conf;

    ok($status != 0, "refused: $server$main");
    like($text, $why, 'and it says why');
}

refused('ferrokv_get $a k by=1;', '', qr/invalid parameter "by=1" in "ferrokv_get"/);
refused('ferrokv_get a k;', '', qr/invalid variable name "a"/);
refused('ferrokv_set k v ttl=never;', '', qr/invalid value "ttl=never"/);
refused('ferrokv_set k v store=x;', '', qr/unknown store "x"/);
refused('', 'ferrokv_incr $n k;', qr/"ferrokv_incr" directive is not allowed here/);

$nginx->finish;
done_testing();
