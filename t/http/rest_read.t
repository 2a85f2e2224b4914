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
        location /gz/ {
            gzip on; gzip_types *; gzip_min_length 1;
            ferrokv_rest;
        }
    }
}
CONF

$nginx->start;
my $http = Ferrokv::Http->new($nginx->port);
my ($r, $tag);

# A value, and none.

is($http->put('/kv/user:101', 'Alice')->status, 201, 'PUT makes a key');

$r = $http->get('/kv/user:101');
$tag = $r->header('ETag');
is($r->status, 200, 'GET finds it');
is($r->body, 'Alice', 'the value as it was');
like($tag, qr/^"\d+"$/, 'ETag is the version in quotes');
is($r->header('Content-Type'), 'application/octet-stream',
    'no type was given: octets');
is($r->header('Content-Length'), 5, 'Content-Length');
is($r->header('X-Content-Type-Options'), 'nosniff', 'nosniff');
is($r->header('Accept-Ranges'), 'bytes', 'ranges are offered');
is($r->header('FerroKV-TTL'), undef, 'no TTL, no header');
is($r->header('Last-Modified'), undef, 'no Last-Modified');

problem_is($r = $http->get('/kv/nobody'), 404, 'not_found', '404 is a problem');
is($r->json->{title}, 'Not Found', 'with a title');
is($r->json->{type}, 'about:blank', 'a type');
ok(length $r->json->{detail}, 'and a detail');
is($r->header('X-Content-Type-Options'), 'nosniff', 'nosniff there too');

# HEAD.

$r = $http->head('/kv/user:101');
is($r->status . ' ' . $r->header('Content-Length') . ' ' . $r->header('ETag'),
    "200 5 $tag", 'HEAD says what GET would');
is($http->head('/kv/nobody')->status, 404, 'HEAD of nothing');
is($http->get('/kv/user:101')->body, 'Alice', 'the connection is in step');

# Values of all kinds.

my $bytes = join '', map { chr } 0 .. 255;

for my $case (['empty', ''], ['bytes', $bytes], ['large', $bytes x 1200],
              ['larger than the arena has pages', $bytes x 2000])
{
    my ($name, $value) = @$case;

    is($http->put("/kv/v", $value)->status =~ /^20[14]$/, 1, "$name: PUT");
    $r = $http->get('/kv/v');
    ok($r->status == 200 && $r->body eq $value, "$name: GET");
    is($r->header('Content-Length'), length $value, "$name: length");
}

# Content types.

for my $case (['text/plain; charset=utf-8', 'text/plain; charset=utf-8'],
              ['image/png', 'image/png'],
              ['application/x-www-form-urlencoded',
               'application/octet-stream'],
              ['Application/X-WWW-Form-Urlencoded; charset=x',
               'application/octet-stream'])
{
    $http->put('/kv/typed', 'x', 'Content-Type' => $case->[0]);
    is($http->get('/kv/typed')->header('Content-Type'), $case->[1],
        "type $case->[0]");
}

$http->put('/kv/typed', 'x', 'Content-Type' => 'text/html');
$http->put('/kv/typed', 'y');
is($http->get('/kv/typed')->header('Content-Type'),
    'application/octet-stream', 'a type does not outlive its value');

problem_is($http->put('/kv/typed', 'z', 'Content-Type' => 'a/' . 'b' x 254),
    400, 'bad_content_type', 'a type too long');
is($http->get('/kv/typed')->body, 'y', 'wrote nothing');

# Ranges.

$http->put('/kv/digits', '0123456789');

$r = $http->get('/kv/digits', Range => 'bytes=2-4');
is($r->status . ' ' . $r->body, '206 234', 'a range');
is($r->header('Content-Range'), 'bytes 2-4/10', 'Content-Range');
is($http->get('/kv/digits', Range => 'bytes=-3')->body, '789', 'a suffix');
is($http->get('/kv/digits', Range => 'bytes=7-')->body, '789', 'open end');

$r = $http->get('/kv/digits', Range => 'bytes=0-1,8-9');
is($r->status, 206, 'two ranges');
like($r->header('Content-Type'), qr{^multipart/byteranges}, 'are multipart');
like($r->body, qr/\r\n01\r\n.*\r\n89\r\n/s, 'and both are there');

$r = $http->get('/kv/digits', Range => 'bytes=20-30');
problem_is($r, 416, 'bad_range', 'a range behind the end');
is($r->header('Content-Range'), 'bytes */10', 'which says how long it is');

$tag = $http->get('/kv/digits')->header('ETag');
is($http->get('/kv/digits', Range => 'bytes=0-1', 'If-Range' => $tag)->status,
    206, 'If-Range holds');
is($http->get('/kv/digits', Range => 'bytes=0-1', 'If-Range' => '"1"')->status,
    200, 'If-Range fails');
is($http->head('/kv/digits', Range => 'bytes=0-1')->header('Content-Length'),
    2, 'HEAD of a range');

# Conditions.

for my $list ($tag, "W/$tag", '*', qq{"x", $tag}, qq{"x,y" , W/$tag ,"z"}) {
    $r = $http->get('/kv/digits', 'If-None-Match' => $list);
    is($r->status, 304, "If-None-Match: $list");
    is($r->header('ETag'), $tag, '304 names the version');
    is($r->header('Content-Length'), undef, '304 has no length');
}

is($http->get('/kv/digits', 'If-None-Match' => '"1"')->body, '0123456789',
    'another version: the value');
is($http->get('/kv/digits', 'If-None-Match' => '12')->status, 200,
    'a list that is none');
is($http->head('/kv/digits', 'If-None-Match' => $tag)->status, 304,
    'HEAD, If-None-Match');
is($http->get('/kv/digits', 'If-None-Match' => $tag,
        'If-Modified-Since' => 'Mon, 01 Jan 2024 00:00:00 GMT')->status, 304,
    'If-None-Match goes before If-Modified-Since');
is($http->get('/kv/digits',
        'If-Modified-Since' => 'Mon, 01 Jan 2035 00:00:00 GMT')->status, 200,
    'If-Modified-Since says nothing without a date');
is($http->get('/kv/digits',
        'If-Unmodified-Since' => 'Mon, 01 Jan 2024 00:00:00 GMT')->status, 200,
    'nor does If-Unmodified-Since');
is($http->get('/kv/digits', 'If-Match' => $tag)->status, 200, 'If-Match');
is($http->get('/kv/digits', 'If-Match' => '*')->status, 200, 'If-Match: *');
problem_is($http->get('/kv/digits', 'If-Match' => '"1"'), 412,
    'precondition_failed', 'If-Match fails');
problem_is($http->get('/kv/digits', 'If-Match' => "W/$tag"), 412,
    'precondition_failed', 'If-Match compares strongly');
problem_is($http->get('/kv/nobody', 'If-Match' => '*'), 412,
    'precondition_failed', 'If-Match: * of nothing');
is($http->get('/kv/digits')->body, '0123456789', 'the connection is in step');

# gzip makes the tag weak; it must still be ours.

$http->put('/kv/text', 'abc ' x 1000, 'Content-Type' => 'text/plain');
$r = $http->get('/gz/text', 'Accept-Encoding' => 'gzip');
is($r->header('Content-Encoding'), 'gzip', 'compressed');
like($r->header('ETag'), qr{^W/"\d+"$}, 'its tag is a weak one');
is($http->get('/gz/text', 'Accept-Encoding' => 'gzip',
        'If-None-Match' => $r->header('ETag'))->status, 304,
    'which is known again');

# TTL.

$http->put('/kv/soon?ttl=100s', 'x');
like($http->get('/kv/soon')->header('FerroKV-TTL'), qr/^(?:100|99)$/,
    'FerroKV-TTL in seconds');
$http->put('/kv/soon?ttl=1500ms', 'x');
is($http->get('/kv/soon')->header('FerroKV-TTL'), 2, 'rounded up');
$http->put('/kv/soon?ttl=150ms', 'x');
is($http->get('/kv/soon')->status, 200, 'it lives');
select undef, undef, undef, 0.3;
is($http->get('/kv/soon')->status, 404, 'it has expired');
is($http->head('/kv/soon')->status, 404, 'for HEAD too');

# Meta.

$http->put('/kv/meta?ttl=60s', "caf\xc3\xa9 \"q\"\n",
    'Content-Type' => 'text/plain');
$tag = $http->get('/kv/meta')->header('ETag');
$r = $http->get('/kv/meta?meta');
my $meta = $r->json;
is($r->header('Content-Type'), 'application/json', 'meta is JSON');
is($meta->{key}, 'meta', 'its key');
is($meta->{value}, "caf\x{e9} \"q\"\n", 'its value');
is($meta->{size}, 10, 'its size in bytes');
is("\"$meta->{version}\"", $tag, 'its version');
is($meta->{content_type}, 'text/plain', 'its type');
ok($meta->{ttl_ms} > 50000 && $meta->{ttl_ms} <= 60000, 'its TTL');

is($http->get('/kv/user:101?meta')->json->{ttl_ms}, undef, 'no TTL is null');
$http->put('/kv/%fe%ffz', "\xff\x00");
$meta = $http->get('/kv/%fe%ffz?meta')->json;
is($meta->{key_b64}, '/v96', 'a key that is not UTF-8');
is($meta->{value_b64}, '/wA=', 'a value that is not UTF-8');
ok(!exists $meta->{key} && !exists $meta->{value}, 'instead of the text');
problem_is($http->get('/kv/nobody?meta'), 404, 'not_found', 'meta of nothing');

# Parameters.

problem_is($r = $http->get('/kv/meta?mata'), 400, 'unknown_parameter',
    'an unknown parameter');
like($r->json->{detail}, qr/"mata"/, 'is named');
problem_is($r = $http->get('/kv/meta?ttl=1s'), 400, 'bad_parameter',
    'a parameter of another request');
like($r->json->{detail}, qr/"ttl"/, 'is named');
problem_is($http->get('/kv/meta?meta&meta'), 400, 'bad_parameter', 'twice');
problem_is($http->get('/kv/meta?meta=no'), 400, 'bad_parameter',
    'a flag with a value');
is($http->get('/kv/meta?&meta=1&')->status, 200, 'empty pieces are nothing');
problem_is($http->get('/kv/meta?snapshot=x'), 400, 'bad_snapshot',
    'no snapshot');

$nginx->finish;
done_testing();
