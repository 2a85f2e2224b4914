use strict;
use warnings;

use lib 't/lib';
use Test::More;
use Time::HiRes qw(sleep);

use Ferrokv::Check;
use Ferrokv::Http;
use Ferrokv::Nginx;

my $nginx = Ferrokv::Nginx->new(<<'CONF');
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=64m max_value=1m;
events { }
http {
    %%HTTP%%
    client_max_body_size 1k;
    client_body_timeout 1s;
    lingering_timeout 1s;
    server {
        listen 127.0.0.1:%%PORT%%;
        client_body_in_file_only on;
        location /kv/ { ferrokv_rest write=on; }
        location /plain/ { return 200 ok; }
    }
}
CONF

$nginx->start;
my $http = Ferrokv::Http->new($nginx->port);
my ($r, $conn);

sub value { return $http->get("/kv/$_[0]")->body }

sub connection { return Ferrokv::Http->new($nginx->port)->connect }

sub head {
    my ($key, @lines) = @_;

    return join "\r\n", "PUT /kv/$key HTTP/1.1", 'Host: x', @lines, '', '';
}

sub chunks { return join '', map { sprintf "%x\r\n%s\r\n", length, $_ } @_ }

my $mega = join('', map { chr } 0 .. 255) x 4096;

# max_value governs, client_max_body_size does not.

is($http->put('/kv/mega', $mega)->status, 201, 'a value of max_value');
ok(value('mega') eq $mega, 'comes back');
problem_is($http->put('/kv/more', "${mega}x"), 413, 'too_large',
    'one byte more');
is($http->get('/kv/more')->status, 404, 'wrote nothing');
is($http->get('/kv/mega')->status, 200, 'the connection is in step');

# In pieces.

$conn = connection();
$conn->write(head('slow', 'Content-Length: 10'));
sleep 0.1;
$conn->write('01234');
sleep 0.1;
$conn->write('56789');
is($conn->read_answer->status, 201, 'a body in pieces');
is(value('slow'), '0123456789', 'is whole');

$conn = connection();
$conn->write(head('slow', 'Content-Length: 1000000'));
sleep 0.05;
$conn->write(substr $mega, 0, 100000);
sleep 0.05;
$conn->write(substr $mega, 100000, 900000);
is($conn->read_answer->status, 204, 'a large one in pieces');
ok(value('slow') eq substr($mega, 0, 1000000), 'is whole');

# Chunked.

$conn = connection();
$conn->write(head('chunked', 'Transfer-Encoding: chunked')
    . chunks('one ', 'two ', 'three') . "0\r\n\r\n");
is($conn->read_answer->status, 201, 'a chunked body');
is(value('chunked'), 'one two three', 'is whole');

$conn->write(head('chunked', 'Transfer-Encoding: chunked')
    . chunks('x') . "0\r\n\r\n");
is($conn->read_answer->status, 204, 'of one chunk');
is(value('chunked'), 'x', 'is whole');

$conn->write(head('chunked', 'Transfer-Encoding: chunked') . "0\r\n\r\n");
is($conn->read_answer->status, 204, 'of no chunk');
is(value('chunked'), '', 'is empty');

$conn->write(head('chunked', 'Transfer-Encoding: chunked'));
for my $i (0 .. 15) {
    $conn->write(chunks(substr $mega, $i * 65536, 65536));
    sleep 0.005;
}
$conn->write("0\r\n\r\n");
is($conn->read_answer->status, 204, 'a large chunked body');
ok(value('chunked') eq $mega, 'is whole');

$conn->write(head('chunked', 'Transfer-Encoding: chunked')
    . chunks(substr($mega, 0, 600000), substr($mega, 0, 600000)));
$r = $conn->read_answer;
problem_is($r, 413, 'too_large', 'a chunked body over max_value');
is($r->header('Connection'), 'close', 'ends the connection');
ok(value('chunked') eq $mega, 'wrote nothing');

$conn = connection();
$conn->write(head('chunked', 'Transfer-Encoding: chunked') . "zz\r\n");
problem_is($conn->read_answer, 400, 'bad_body', 'bad chunks');
$conn = connection();
$conn->write(head('chunked', 'Transfer-Encoding: chunked') . chunks('abc'));
sleep 0.1;
$conn->write("zz\r\n");
problem_is($conn->read_answer, 400, 'bad_body', 'bad chunks later');
ok(value('chunked') eq $mega, 'wrote nothing');

# Pipelined.

$conn = connection();
$conn->write(head('p1', 'Content-Length: 1') . 'a'
    . head('p2', 'Content-Length: 2') . 'bb'
    . head('p3', 'Transfer-Encoding: chunked') . chunks('ccc') . "0\r\n\r\n"
    . "GET /kv/p1 HTTP/1.1\r\nHost: x\r\n\r\n");
is(join(' ', map { $conn->read_answer->status } 1 .. 3), '201 201 201',
    'three PUTs in one packet');
is($conn->read_answer->body, 'a', 'and a GET behind');
is(value('p2') . value('p3'), 'bbccc', 'all are there');

# Clients that go away.

$http->put('/kv/kept', 'old');

for my $part ('', 'half', $mega x 0.5) {
    $conn = connection();
    $conn->write(head('kept', 'Content-Length: 1000000') . $part);
    sleep 0.05;
    $conn->close;
    is(value('kept'), 'old', 'aborted after ' . length $part);
}

$conn = connection();
$conn->write(head('kept', 'Transfer-Encoding: chunked') . chunks('new'));
sleep 0.05;
$conn->close;
sleep 0.05;
is(value('kept'), 'old', 'aborted within chunks');

$conn = connection();
$conn->write(head('kept', 'Content-Length: 10') . 'half');
is($conn->read_answer->status, 0, 'too slow: nginx hangs up');
is(value('kept'), 'old', 'wrote nothing');

$conn = connection();
$conn->write(head('gone', 'Content-Length: 3') . 'new');
$conn->close;
sleep 0.2;
is(value('gone'), 'new', 'a whole request counts, answered or not');

# Expect.

$conn = connection();
$conn->write(head('expect', 'Content-Length: 3', 'Expect: 100-continue'));
$conn->{end} = time + 5;
is($conn->_line, 'HTTP/1.1 100 Continue', '100-continue');
is($conn->_line, '', 'alone');
$conn->write('abc');
is($conn->read_answer->status, 201, 'then the body');
is(value('expect'), 'abc', 'is there');

$conn = connection();
$conn->write(head('expect', 'Content-Length: 9999999',
    'Expect: 100-continue'));
$conn->{end} = time + 5;
like($conn->_line, qr{^HTTP/1.1 413}, 'too large: 413 at once');

$conn = connection();
$conn->write(head('expect?ttl=x', 'Content-Length: 9',
    'Expect: 100-continue'));
$conn->{end} = time + 5;
like($conn->_line, qr{^HTTP/1.1 400}, 'bad parameter: 400 at once');

# Bodies nobody asked for.

$conn = connection();
$conn->write("DELETE /kv/expect HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n"
    . "\r\n12345GET /kv/kept HTTP/1.1\r\nHost: x\r\n\r\n");
is($conn->read_answer->status, 204, 'DELETE with a body');
is($conn->read_answer->body, 'old', 'the connection is in step');
$conn->write("GET /kv/kept HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n");
is($conn->read_answer->body, 'old', 'GET with a body to come');
$conn->write("12345GET /kv/kept HTTP/1.1\r\nHost: x\r\n\r\n");
is($conn->read_answer->body, 'old', 'the connection is in step');

# HTTP/1.0.

$conn = connection();
$conn->write("PUT /kv/old HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc");
is($conn->read_answer->status, 201, 'HTTP/1.0 PUT');
$conn = connection();
$conn->write("GET /kv/old HTTP/1.0\r\n\r\n");
is($conn->read_answer->body, 'abc', 'HTTP/1.0 GET');

# Slow readers get what they asked for, whatever is written meanwhile.

$conn = connection();
$conn->write("GET /kv/mega HTTP/1.1\r\nHost: x\r\n\r\n");
sleep 0.1;
$http->put('/kv/mega', 'small');
is(length $conn->read_answer->body, length $mega, 'a slow reader');
is(value('mega'), 'small', 'the new value');

is_deeply([glob $nginx->dir . '/temp_client_body/*'], [],
    'no body was put into a file');

$nginx->finish;
done_testing();
