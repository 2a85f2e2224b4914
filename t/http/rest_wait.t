# Requests that wait for the disk: reads of tables, writes that need the log,
# and clients that leave meanwhile.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use Time::HiRes qw(sleep);

use Ferrokv::Http;
use Ferrokv::Nginx;

my $nginx = Ferrokv::Nginx->new(<<'CONF');
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=8m;
worker_shutdown_timeout 1s;
events { }
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:%%PORT%%;
        location /kv/ { ferrokv_rest write=on; }
        location /page/ {
            ssi on;
            ssi_types *;
            alias %%DIR%%/;
        }
        location /auth/ {
            auth_request /kv/allowed;
            return 200 in;
        }
    }
}
CONF

$nginx->start;
my $http = Ferrokv::Http->new($nginx->port);
my $port = $nginx->port;

# Enough to leave memory: most of it is read from tables later.

my $bad = 0;
for my $i (1 .. 600) {
    $bad++ if $http->put("/kv/k$i?ttl=1h", "$i " x 10000,
        'Content-Type' => 'text/plain')->status != 201;
}
is($bad, 0, '600 values of 20 to 40 KB');

$bad = 0;
for my $i (1 .. 600) {
    my $r = $http->get("/kv/k$i");
    $bad++ if $r->status != 200 || $r->body ne "$i " x 10000
              || $r->header('Content-Type') ne 'text/plain';
}
is($bad, 0, 'all are read back');

is($http->get('/kv/k1', Range => 'bytes=0-3')->body, '1 1 ', 'a range');
is($http->get('/kv/k1', 'If-None-Match' => $http->get('/kv/k1')
        ->header('ETag'))->status, 304, 'not modified');
is($http->head('/kv/k2')->header('Content-Length'), 20000, 'HEAD');
is($http->get('/kv/k3?meta')->json->{size}, 20000, 'meta');
is($http->get('/kv/k4x')->status, 404, 'a key between');
is(scalar @{ $http->get('/kv/?prefix=k1&limit=50')->json->{keys} }, 50,
    'a listing');
is($http->patch('/kv/k5?persist')->status, 204, 'PATCH of a value on disk');
is($http->get('/kv/k5')->body, '5 ' x 10000, 'which stays');
is($http->put('/kv/k6', 'x')->status, 204, 'PUT over one');
is($http->post('/kv/k6?incr=1')->status, 409, 'incr of one');
is($http->delete('/kv/k7')->status, 204, 'DELETE of one');
is($http->get('/kv/k7')->status, 404, 'is gone');

# Many at once, over connections that stay in step.

my @conns = map { Ferrokv::Http->new($port)->connect } 1 .. 40;
for my $i (0 .. 39) {
    $conns[$i]->write(join '', map {
        "GET /kv/k" . (20 + $i * 10 + $_) . " HTTP/1.1\r\nHost: x\r\n\r\n"
    } 0 .. 9);
}
$bad = 0;
for my $i (0 .. 39) {
    for my $j (0 .. 9) {
        my $n = 20 + $i * 10 + $j;
        $bad++ if $conns[$i]->read_answer->body ne "$n " x 10000;
    }
}
is($bad, 0, '400 pipelined reads of 40 clients');

# Clients that ask and leave at once.

for my $round (1 .. 10) {
    for my $i (1 .. 20) {
        my $n = ($round * 57 + $i * 29) % 590 + 8;
        my $conn = Ferrokv::Http->new($port)->connect;
        $conn->write($i % 2
            ? "GET /kv/k$n HTTP/1.1\r\nHost: x\r\n\r\n"
            : "PUT /kv/left$i HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"
              . 'left');
        $conn->close;
    }
}
sleep 0.5;
is($http->get('/kv/left2')->body, 'left', 'what they wrote is there');
is(scalar @{[$nginx->workers]}, 2, 'the workers live');

# Subrequests.

$nginx->write_file('page.html',
    'A<!--# include virtual="/kv/k6" -->B'
    . '<!--# include virtual="/kv/k8?meta" -->C'
    . '<!--# include virtual="/kv/empty" -->D');
$http->put('/kv/empty', '');
my $page = $http->get('/page/page.html')->body;
like($page, qr/^AxB\{"key":"k8",.*\}\nCD$/s, 'values in a page');

$http->put('/kv/allowed', 'yes');
is($http->get('/auth/')->body, 'in', 'auth_request by a key');

# Leaving with requests in flight.

for (1 .. 3) {
    my @busy = map { Ferrokv::Http->new($port)->connect } 1 .. 20;
    for my $i (0 .. 19) {
        $busy[$i]->write("PUT /kv/busy$i HTTP/1.1\r\nHost: x\r\n"
            . "Content-Length: 4\r\n\r\nbusy");
    }
    ok($nginx->reload, 'reload');
    is(scalar(grep { $_->read_answer->status =~ /^20[14]$/ } @busy), 20,
        'every request was answered');
}

$nginx->finish;
done_testing();
