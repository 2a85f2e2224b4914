use strict;
use warnings;

use lib 't/lib';
use Test::More;

use Ferrokv::Check;
use Ferrokv::Http;
use Ferrokv::Nginx;

my $nginx = Ferrokv::Nginx->new(<<'CONF');
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=32m;
events { }
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:%%PORT%%;
        location /kv/ { ferrokv_rest write=on; }
        location /ro/ { ferrokv_rest; }
        location /danger/ { ferrokv_rest write=on danger=on; }
        location /limited/ {
            ferrokv_rest write=on;
            limit_except GET { deny all; }
        }
        location /some/ {
            ferrokv_rest write=on;
            limit_except GET { allow 127.0.0.1; deny all; }
        }
    }
}
CONF

$nginx->start;
my $http = Ferrokv::Http->new($nginx->port);
my ($r, $tag);

sub ttl { return $http->get("/kv/$_[0]")->header('FerroKV-TTL') }
sub tag { return $http->get("/kv/$_[0]")->header('ETag') }

# PUT.

$r = $http->put('/kv/a', 'one');
is($r->status, 201, 'PUT of a new key');
is($r->header('Content-Length'), 0, 'has no body');
like($r->header('ETag'), qr/^"\d+"$/, 'and names the version');
is($r->header('ETag'), tag('a'), 'that GET gives');

$tag = $r->header('ETag');
$r = $http->put('/kv/a', 'two');
is($r->status, 204, 'PUT of a key that exists');
isnt($r->header('ETag'), $tag, 'is a new version');
is($http->get('/kv/a')->body, 'two', 'and a new value');
is($http->put('/kv/none', '')->status, 201, 'an empty value');
is($http->request('PUT', '/kv/none2', undef)->status, 201,
    'no body is an empty value');
is($http->get('/kv/none2')->header('Content-Length'), 0, 'of no bytes');

# TTL in all its forms.

for my $case (['30s', 30], ['5m', 300], ['2h', 7200], ['1d', 86400], [45, 45],
              ['2500ms', 3])
{
    $http->put("/kv/t?ttl=$case->[0]", 'x');
    cmp_ok(abs(ttl('t') - $case->[1]), '<=', 1, "ttl=$case->[0]");
}

$http->put('/kv/t', 'x');
is(ttl('t'), undef, 'PUT without ttl drops the old one');

$http->put('/kv/t?expires_at=' . (time + 100), 'x');
cmp_ok(abs(ttl('t') - 100), '<=', 2, 'expires_at in seconds');
$http->put('/kv/t?expires_at=' . (time + 200) . '000ms', 'x');
cmp_ok(abs(ttl('t') - 200), '<=', 2, 'expires_at in milliseconds');
$http->put('/kv/t?keepttl', 'y');
cmp_ok(abs(ttl('t') - 200), '<=', 2, 'keepttl keeps it');
is($http->get('/kv/t')->body, 'y', 'and writes');
is($http->put('/kv/fresh?keepttl', 'y')->status, 201, 'keepttl of a new key');
is(ttl('fresh'), undef, 'keeps nothing');

$http->put('/kv/t', 'before');

for my $case (['ttl', 0], ['ttl', '-1'], ['ttl', ''], ['ttl', '1x'],
              ['ttl', '99999999999999999999'], ['ttl', '101y'],
              ['ttl', '40000d'], ['ttl', '1.5s'],
              ['expires_at', 1], ['expires_at', '-5'], ['expires_at', 'soon'],
              ['expires_at', '9223372036854775807'],
              ['expires_at', time + 101 * 365 * 86400],
              ['sync', 'maybe'], ['keepttl', 'no'])
{
    problem_is($r = $http->put("/kv/t?$case->[0]=$case->[1]", 'after'),
        400, 'bad_parameter', "$case->[0]=$case->[1]");
    like($r->json->{detail}, qr/"$case->[0]"/, 'is named');
}

problem_is($http->put('/kv/t?ttl=1s&keepttl', 'after'), 400, 'bad_parameter',
    'ttl and keepttl');
problem_is($http->put('/kv/t?ttl=1s&ttl=1s', 'after'), 400, 'bad_parameter',
    'ttl twice');
problem_is($r = $http->put('/kv/t?tll=1s', 'after'), 400, 'unknown_parameter',
    'an unknown parameter');
like($r->json->{detail}, qr/"tll"/, 'is named');
problem_is($http->put('/kv/t?incr=1', 'after'), 400, 'bad_parameter',
    'a parameter of another method');
problem_is($r = $http->put('/kv/t?ttl=1%zzs', 'after'), 400, 'bad_encoding',
    'malformed encoding in the query');
like($r->json->{detail}, qr/"ttl".*position 5 /, 'with its position');
is($http->get('/kv/t')->body, 'before', 'none of them wrote');

# sync.

is($http->put('/kv/s?sync=always', 'x')->status, 201, 'sync=always');
is($http->put('/kv/s?sync=everysec', 'x')->status, 204, 'sync=everysec');
problem_is($http->put('/kv/s?sync=off', 'x'), 403, 'danger_off',
    'sync=off is dangerous');
is($http->put('/danger/s?sync=off', 'x')->status, 204, 'and may be allowed');

# Conditions.

$http->put('/kv/c', 'first');
problem_is($http->put('/kv/c', 'no', 'If-None-Match' => '*'), 412,
    'precondition_failed', 'create-only of a key that exists');
is($http->put('/kv/c2', 'yes', 'If-None-Match' => '*')->status, 201,
    'create-only of a new one');
problem_is($http->put('/kv/c', 'no', 'If-Match' => '"1"'), 412,
    'precondition_failed', 'compare-and-set with an old version');
$tag = tag('c');
$r = $http->put('/kv/c', 'second', 'If-Match' => $tag);
is($r->status, 204, 'compare-and-set');
problem_is($http->put('/kv/c', 'no', 'If-Match' => $tag), 412,
    'precondition_failed', 'the same once more');
is($http->put('/kv/c', 'third', 'If-Match' => qq{"7", } . $r->header('ETag'))
    ->status, 204, 'a list of versions');
problem_is($http->put('/kv/new', 'no', 'If-Match' => '*'), 412,
    'precondition_failed', 'replace-only of nothing');
is($http->put('/kv/c', 'fourth', 'If-Match' => '*')->status, 204,
    'replace-only');
problem_is($http->put('/kv/c', 'no', 'If-None-Match' => tag('c')), 412,
    'precondition_failed', 'If-None-Match with the version');
problem_is($http->delete('/kv/c', 'If-Match' => '"1"'), 412,
    'precondition_failed', 'DELETE with an old version');
problem_is($http->patch('/kv/c?ttl=1s', '', 'If-Match' => '"1"'), 412,
    'precondition_failed', 'PATCH with an old version');
problem_is($http->post('/kv/c?incr=1', '', 'If-Match' => '"1"'), 412,
    'precondition_failed', 'POST with an old version');
is($http->get('/kv/c')->body, 'fourth', 'nothing else was written');

# INCR.

$r = $http->post('/kv/n?incr=1');
is($r->status . ' ' . $r->body, '200 1', 'incr of a new key');
like($r->header('Content-Type'), qr{^text/plain}, 'is text');
is($r->header('ETag'), tag('n'), 'and names the version');
is($http->post('/kv/n?incr=41')->body, 42, 'adds');
is($http->post('/kv/n?incr=-50')->body, -8, 'takes away');
is($http->get('/kv/n')->body, '-8', 'GET gives the number');
is($http->post('/kv/n2?incr=5&init=100')->body, 105, 'init');
is($http->post('/kv/n2?incr=5&init=100')->body, 110, 'only when it creates');
is($http->post('/kv/n3?incr=1&ttl=60s')->body, 1, 'ttl');
$http->post('/kv/n3?incr=1&ttl=600s');
cmp_ok(abs(ttl('n3') - 60), '<=', 2, 'only when it creates');
is(ttl('n2'), undef, 'no ttl, none set');

$http->put('/kv/n4?ttl=50s', '7', 'Content-Type' => 'text/x-number');
is($http->post('/kv/n4?incr=1')->body, 8, 'of a value that was put');
cmp_ok(abs(ttl('n4') - 50), '<=', 2, 'its TTL stays');
is($http->get('/kv/n4')->header('Content-Type'), 'text/x-number',
    'its type too');

for my $value ('Alice', '', ' 1', '1 ', '+1', '1.0', '01', '0x1', '-', '-0',
               '9223372036854775808', '1' x 30)
{
    $http->put('/kv/text?ttl=50s', $value);
    $tag = tag('text');
    problem_is($http->post('/kv/text?incr=1'), 409, 'not_an_integer',
        "incr of '$value'");
    is($http->get('/kv/text')->body, $value, 'value untouched');
    cmp_ok(abs(ttl('text') - 50), '<=', 2, 'TTL untouched');
    is(tag('text'), $tag, 'version untouched');
}

$http->put('/kv/max?ttl=50s', '9223372036854775807');
problem_is($http->post('/kv/max?incr=1'), 409, 'overflow', 'past the largest');
is($http->get('/kv/max')->body, '9223372036854775807', 'value untouched');
cmp_ok(abs(ttl('max') - 50), '<=', 2, 'TTL untouched');
is($http->post('/kv/max?incr=-9223372036854775807')->body, 0, 'down again');
$http->put('/kv/min', '-9223372036854775808');
problem_is($http->post('/kv/min?incr=-1'), 409, 'overflow',
    'past the smallest');
problem_is($http->post('/kv/none9?incr=1&init=9223372036854775807'), 409,
    'overflow', 'past the largest at once');
is($http->get('/kv/none9')->status, 404, 'makes nothing');

for my $bad ('', 'x', '1.5', '9223372036854775808', '+1', '%201') {
    problem_is($r = $http->post("/kv/n?incr=$bad"), 400, 'bad_parameter',
        "incr=$bad");
    like($r->json->{detail}, qr/"incr"/, 'is named');
}

problem_is($r = $http->post('/kv/n?incr=1&init=x'), 400, 'bad_parameter',
    'init=x');
like($r->json->{detail}, qr/"init"/, 'is named');
problem_is($http->post('/kv/n'), 400, 'bad_parameter', 'POST says nothing');
is($http->get('/kv/n')->body, '-8', 'none of them wrote');

# PATCH.

$http->put('/kv/p', 'value', 'Content-Type' => 'text/plain');
$tag = tag('p');
$r = $http->patch('/kv/p?ttl=60s');
is($r->status, 204, 'PATCH ttl');
isnt($r->header('ETag'), $tag, 'is a new version');
is($r->header('ETag'), tag('p'), 'that GET gives');
cmp_ok(abs(ttl('p') - 60), '<=', 2, 'the TTL is there');
is($http->get('/kv/p')->body, 'value', 'the value stays');
is($http->get('/kv/p')->header('Content-Type'), 'text/plain', 'its type too');
is($http->patch('/kv/p?expires_at=' . (time + 500))->status, 204,
    'PATCH expires_at');
cmp_ok(abs(ttl('p') - 500), '<=', 2, 'the TTL is there');
is($http->patch('/kv/p?persist')->status, 204, 'PATCH persist');
is(ttl('p'), undef, 'the TTL is gone');
is($http->get('/kv/p')->body, 'value', 'the value stays');
problem_is($http->patch('/kv/nobody?ttl=1s'), 404, 'not_found',
    'PATCH of nothing');
problem_is($http->patch('/kv/nobody?persist'), 404, 'not_found',
    'PATCH persist of nothing');
problem_is($http->patch('/kv/p'), 400, 'bad_parameter', 'PATCH says nothing');
problem_is($http->patch('/kv/p?ttl=1s&persist'), 400, 'bad_parameter',
    'PATCH says two things');
$http->put('/kv/big', 'x' x 300000);
is($http->patch('/kv/big?ttl=60s')->status, 204, 'PATCH of a large value');
is(length $http->get('/kv/big')->body, 300000, 'which stays');

# DELETE.

$r = $http->delete('/kv/p');
is($r->status, 204, 'DELETE');
is($http->get('/kv/p')->status, 404, 'it is gone');
problem_is($http->delete('/kv/p'), 404, 'not_found', 'DELETE of nothing');
$http->put('/kv/p?ttl=100ms', 'x');
select undef, undef, undef, 0.2;
problem_is($http->delete('/kv/p'), 404, 'not_found', 'of what has expired');
is($http->put('/kv/p', 'again')->status, 201, 'and PUT makes it anew');
is($http->delete('/kv/p', 'If-Match' => tag('p'))->status, 204,
    'DELETE with the version');

problem_is($http->delete('/kv/'), 400, 'empty_key', 'a bare DELETE');
is($http->get('/kv/c')->body, 'fourth', 'nothing was deleted');

# Methods.

for my $method (qw(PUT POST PATCH DELETE)) {
    problem_is($r = $http->request($method, '/ro/a?x', ''), 405,
        'method_not_allowed', "$method where write=off");
    is($r->header('Allow'), 'GET, HEAD', 'Allow');
}

is($http->get('/ro/a')->body, 'two', 'reads go on');

for my $method (qw(OPTIONS MKCOL TRACK)) {
    $r = $http->request($method, '/kv/a', undef);
    problem_is($r, 405, 'method_not_allowed', $method);
    is($r->header('Allow'), 'GET, HEAD, PUT, POST, PATCH, DELETE', 'Allow');
}

problem_is($http->put('/kv/', 'x'), 400, 'empty_key', 'PUT without a key');
problem_is($http->patch('/kv/?ttl=1s'), 400, 'empty_key', 'PATCH without one');
problem_is($http->post('/kv/'), 400, 'empty_key', 'POST without one');

# limit_except is a location of its own that inherits the handler.

is($http->put('/limited/a', 'x')->status, 403, 'limit_except denies');
is($http->get('/limited/a')->body, 'two', 'and lets through');
is($http->put('/some/a', 'three')->status, 204, 'limit_except allows');
is($http->get('/kv/a')->body, 'three', 'and it is written');

$nginx->finish;
done_testing();
