# A worker runs out of descriptors: nobody new is heard, what would need a file
# fails and says so, what needs none goes on; and all is well as soon as there are
# some again.

use strict;
use warnings;

use Socket qw(:DEFAULT INADDR_LOOPBACK);
use Test::More;
use Time::HiRes qw(sleep time);

use Ferrokv::Calm;
use Ferrokv::Http;
use Ferrokv::Nginx;

use constant FILES => 400;

my $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 1);
%%GLOBALS%%
worker_rlimit_nofile 400;
ferrokv_store main path=%%DIR%%/store memory=4m blob_min=4k;
events { worker_connections 2000; }
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:%%PORT%% backlog=1000;
        location /kv/ { ferrokv_rest write=on; }
        location /status { ferrokv_status; }
    }
}
CONF

# Each is told, as often as it happens.
$nginx->allow(qr/accept4?\(\) failed \(24: Too many open files\)/);
$nginx->allow(qr{^.*"ferrokv_rest": key "(\d+|large|later|huge)" of store "main": input/output error});

$nginx->start;

my $value = join '', map { chr 97 + rand 26 } 1 .. 3000;
my $http = Ferrokv::Http->new($nginx->port);

# More than all memtables hold: the first keys are in tables only.
$http->put("/kv/$_", "$_ $value") for 1 .. 3000;
$http->put('/kv/large', 'x' x 100_000);
ok($nginx->wait_until(sub { status()->{tables} > 1 }, 20), 'there are tables');

# None of which is open.
$nginx->stop;
$nginx->start;
$http = Ferrokv::Http->new($nginx->port);
$http->put('/kv/new', 'new');
$http->put('/kv/later', 'z' x 100_000);
is($http->get('/kv/new')->body, 'new', 'a client is served');

my @crowd;

for my $round (1 .. 3) {
    @crowd = map { connection() } 1 .. FILES;

    ok($nginx->wait_until(sub {
        Ferrokv::Calm::files($nginx->workers) >= FILES - 1 }, 20),
        'there are no descriptors left');
    ok($nginx->wait_log(qr/accept4?\(\) failed \(24: Too many open files\)/),
        'and the log says so');

    is($http->get('/kv/new')->body, 'new', 'what is in memory is read');
    is($http->put('/kv/new', 'new')->status, 204, 'and written');

    my %seen;

    $seen{ $http->get("/kv/$_")->status }++ for map { $_ * 100 + $round } 1 .. 20;
    $seen{ $http->get("/kv/$_")->status }++ for qw(large later);
    $seen{ $http->put('/kv/huge', 'y' x 100_000)->status }++;
    delete @seen{200, 204, 503};
    is_deeply(\%seen, {}, 'what needs a file fails, if it is not open yet');

    @crowd = ();
    ok($nginx->wait_until(sub {
        my $new = eval { Ferrokv::Http->new($nginx->port, keepalive => 0) };
        return $new && ($new->get('/kv/new')->status // 0) == 200;
    }, 20), 'then others are heard again');

    my @wrong = grep { $http->get("/kv/$_")->body ne "$_ $value" }
        map { $_ * 37 } 1 .. 80;

    is("@wrong", '', 'and all is there');
    is($http->get('/kv/large')->body, 'x' x 100_000, 'large values, too');
    like($http->put('/kv/huge', 'y' x 100_000)->status, qr/^20[14]$/,
        'which are written again');
    is($http->get('/kv/huge')->body, 'y' x 100_000, 'and read');
}

like($nginx->error_log, qr{ferrokv: sst/\d+\.sst: open failed: Too many open files},
     'the file is named, and why');
like($nginx->error_log, qr{blob/\d+\.blob.*Too many open files},
     'a large one, too');
is(status()->{readonly}, 0, 'the store is not read-only');
$nginx->finish;
done_testing();


sub status { return $http->get('/status')->json->{stores}{main} }


# Nobody says anything on it.
sub connection {
    socket my $socket, PF_INET, SOCK_STREAM, 0 or die "socket: $!";
    connect $socket, pack_sockaddr_in($nginx->port, INADDR_LOOPBACK)
        or die "connect: $!";
    return $socket;
}
