# ferrokv_resp: clients that do not read, do not end, ask for too much, or go
# while others work; TLS; reloads with clients connected.

use strict;
use warnings;

use IO::Socket::UNIX;
use POSIX ();
use Socket;
use Test::More;
use Time::HiRes qw(sleep time);

use Ferrokv::Nginx;
use Ferrokv::Resp;

my $conf = <<'CONF';
%%GLOBALS%%
worker_shutdown_timeout 30s;
ferrokv_store main path=%%DIR%%/store memory=64m;
events { }
stream {
    server { listen 127.0.0.1:%%PORT%%; ferrokv_resp; }
    server { listen 127.0.0.1:%%PORT1%%; ferrokv_resp output_limit=1m; }
    server {
        listen 127.0.0.1:%%PORT2%% ssl;
        ssl_certificate %%DIR%%/cert.pem;
        ssl_certificate_key %%DIR%%/cert.pem;
        ferrokv_resp;
    }
}
CONF

my $nginx = Ferrokv::Nginx->new($conf, workers => 1, stream => 1);
my $dir = $nginx->dir;

system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1"
       . " -nodes -days 2 -subj /CN=x -keyout $dir/cert.pem -out $dir/crt"
       . " -batch 2>/dev/null && cat $dir/crt >> $dir/cert.pem") == 0
    or die 'openssl';

$nginx->start;

sub client {
    my ($port, %opt) = @_;

    return Ferrokv::Resp->new($nginx->port($port), timeout => 30, %opt);
}

# A process of its own that does this until it is ended.
my @pids;

sub meanwhile {
    my ($code) = @_;
    my $pid = fork() // die "fork: $!";

    if ($pid == 0) {
        eval { $code->() };
        $nginx->{owner} = 0;
        POSIX::_exit(0);
    }

    push @pids, $pid;
    return $pid;
}

sub end_all {
    kill 'KILL', $_ for @pids;
    waitpid $_, 0 for splice @pids;
}

my $redis = client();
my $value = join '', map { chr(33 + $_ % 90) } 1 .. 100_000;

$redis->cmd('SET', 'large', $value);


# Who does not read

my $deaf = client(1);

eval { $deaf->write(Ferrokv::Resp::request('GET', 'large')) for 1 .. 2000 };
ok($nginx->wait_log(qr/it has left \d+ bytes of replies unread/, 30),
   'a client that does not read is closed');
ok(length($deaf->rest) < 100e6, 'without the rest');
is($redis->cmd('PING'), 'PONG', 'others go on');

$redis->cmd('SET', 'huge', 'x' x 3_000_000);
is(length client(1)->cmd('GET', 'huge'), 3_000_000,
   'one reply may be longer than the limit');

my $late = client();

$late->write(Ferrokv::Resp::request('GET', 'large')) for 1 .. 300;
sleep 0.3;
ok(!(grep { $late->read ne $value } 1 .. 300), 'who reads late gets all of it');


# A calm client beside those that flood, trickle and do nothing

sub p99_ms {
    my ($n) = @_;
    my @ms;

    for (1 .. $n) {
        my $since = time;

        $redis->cmd('GET', 'calm');
        push @ms, 1000 * (time - $since);
        sleep 0.002;
    }

    return (sort { $a <=> $b } @ms)[int(0.99 * $n)];
}

my @idle = map { client() } 1 .. 100;
$_->write("*2\r\n\$3\r\nGET\r\n\$100") for @idle;

my $flood = join '', map { (Ferrokv::Resp::request('SET', "f:$_", 'x' x 100),
                            Ferrokv::Resp::request('GET', "f:$_")) } 1 .. 5000;

for (1 .. 2) {
    meanwhile(sub {
        my $client = client();

        while (1) {
            $client->write($flood);
            $client->read for 1 .. 10_000;
        }
    });
}

meanwhile(sub {
    my $client = client();

    while (1) {
        $client->write($_) for split //, "PING\r\n";
        $client->read;
    }
});

sleep 0.5;
my $p99 = p99_ms(300);
note(sprintf 'p99 beside floods: %.1f ms', $p99);
ok($p99 < 250, 'a calm client is answered all the while');
end_all();
is($redis->cmd('PING'), 'PONG', 'they are gone');
$_->write("000\r\n") for @idle;         # ... of 100000 bytes, which never come
is($redis->cmd('PING'), 'PONG', 'and nobody waits for what is announced');
@idle = ();


# Who goes in the middle of its pipeline: what was begun ends

for (1 .. 30) {
    my $client = client();

    $client->write(join '', map { Ferrokv::Resp::request('INCR', 'left') }
                   1 .. 200);
    $client->read if $_ % 2;
    $client->{socket}->sockopt(SO_LINGER, pack 'II', 1, 0) if $_ % 3;
    $client->close;
}

my $left = $redis->cmd('INCR', 'left');
ok($left > 0 && $left <= 6001, "of 6000 from clients that went: $left");


# TLS

sub tls {
    socketpair(my $ours, my $theirs, AF_UNIX, SOCK_STREAM, PF_UNSPEC)
        or die "socketpair: $!";

    my $pid = fork() // die "fork: $!";

    if ($pid == 0) {
        open STDIN, '<&', $theirs;
        open STDOUT, '>&', $theirs;
        open STDERR, '>', '/dev/null';
        exec 'openssl', 's_client', '-quiet', '-connect',
            '127.0.0.1:' . $nginx->port(2) or POSIX::_exit(1);
    }

    push @pids, $pid;
    close $theirs;

    return Ferrokv::Resp->new(0, timeout => 30,
        socket => IO::Socket::UNIX->new_from_fd($ours, 'r+'));
}

my $tls = tls();

is($tls->cmd('PING'), 'PONG', 'over TLS');
is($tls->cmd('GET', 'large'), $value, 'long replies, too');
is_deeply([$tls->pipeline(map { (['SET', "t:$_", $_], ['GET', "t:$_"]) }
                          1 .. 500)], [map { ('OK', $_) } 1 .. 500],
          'and pipelines');
$tls->write(Ferrokv::Resp::request('GET', 'large')) for 1 .. 200;
sleep 0.3;
ok(!(grep { $tls->read ne $value } 1 .. 200), 'also to who reads late');
end_all();


# Reload

my ($idle, $inside) = (client(), client());

$idle->cmd('SET', 'idle', 1);
$inside->pipeline(['MULTI'], ['SET', 'inside', 1]);

meanwhile(sub {
    open my $file, '>', "$dir/busy" or die $!;
    $file->autoflush;

    while (1) {
        my $client = client();

        # each that was answered is there: counted in the store, and here
        eval {
            while (1) {
                $client->write(join '', map {
                    Ferrokv::Resp::request('INCR', 'busy') } 1 .. 20);
                print {$file} $client->read, "\n" for 1 .. 20;
            }
        };
    }
});

sleep 0.3;
ok($nginx->reload, 'a reload');
ok($idle->closed, 'who is idle is closed');
is_deeply($inside->cmd('EXEC'), ['OK'], 'who has begun may end');
ok($inside->closed, 'and is closed then');
sleep 0.3;
ok($nginx->wait_until(sub { !$nginx->leaving }, 30), 'the old worker leaves');
end_all();

$redis = client();

open my $file, '<', "$dir/busy" or die $!;
my ($answered) = (<$file>)[-1] =~ /(\d+)\n/;

ok($redis->cmd('GET', 'busy') >= $answered, 'what was answered is counted');
is($redis->cmd('GET', 'inside'), 1, 'the transaction was done');


# Many connections at once, and none left behind

for my $round (1 .. 3) {
    my @clients = map { client() } 1 .. 100;

    $_->write(Ferrokv::Resp::request('INCR', 'many')) for @clients;
    $_->read for @clients;
}

is($redis->cmd('GET', 'many'), 300, 'a few hundred clients');
ok($nginx->wait_until(sub {
    return $redis->cmd('CLIENT', 'LIST') =~ tr/\n// == 1;
}), 'who has gone is no longer listed');

$nginx->finish;
done_testing();
