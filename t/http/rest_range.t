# DELETE of many keys at once: by a prefix, or all.

use strict;
use warnings;

use lib 't/lib';
use Test::More;

use Ferrokv::Http;
use Ferrokv::Nginx;

my $nginx = Ferrokv::Nginx->new(<<'CONF');
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=16m;
events { }
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:%%PORT%%;
        location /kv/ { ferrokv_rest write=on; }
        location /ro/ { ferrokv_rest; }
        location /danger/ { ferrokv_rest write=on danger=on; }
        location /tenant/ { ferrokv_rest write=on danger=on prefix=t:; }
        location /status { ferrokv_status; }
    }
}
CONF

$nginx->start;
my $http = Ferrokv::Http->new($nginx->port);

# A prefix.

$http->put("/kv/$_", $_) for qw(a a:1 a:2 a:22 a;1 b);
my $r = $http->delete('/kv/?prefix=a:');
is($r->status, 200, 'DELETE of a prefix');
like($r->header('Content-Type'), qr{^application/json}, 'says it in JSON');
my $version = $r->json->{version};
cmp_ok($version, '>', 0, 'with its version');
is(keys_are(), 'a a;1 b', 'all keys that begin so are gone, no others');
is($http->get('/kv/a:1')->status, 404, 'a read knows it');
is($http->delete('/kv/a:2')->status, 404, 'a DELETE knows it');
is($http->post('/kv/a:22?incr=1')->body, '1', 'INCR begins anew');
is($http->put('/kv/a:1', 'new')->status, 201, 'PUT creates');
is($http->put('/kv/a:2', 'x', 'If-Match' => "\"$version\"")->status, 412,
    'the version is none of the key');
is(keys_are(), 'a a:1 a:22 a;1 b', 'what is written afterwards stays');

is($http->delete('/kv/?prefix=nothing')->status, 200,
    'a prefix without keys');
is($http->delete('/kv/?prefix=%C3%A4%00')->status, 200, 'any bytes');
is($http->delete('/kv/?prefix=a;&sync=always')->status, 200, 'with sync=');
is(keys_are(), 'a a:1 a:22 b', 'and it is done');

# Requests that cannot mean it.

$r = problem_is('/kv/', 400, 'empty_key', 'a bare DELETE');
like($r->json->{detail}, qr/\?prefix=/, 'is told what to do');
problem_is('/kv/?sync=always', 400, 'empty_key', 'nor by another parameter');
$r = problem_is('/kv/?prefix=', 400, 'bad_parameter', 'an empty prefix');
like($r->json->{detail}, qr/\?all=true/, 'is told what to do');
problem_is('/kv/?prefix=a&all=true', 400, 'bad_parameter', 'both');
problem_is('/danger/?all=no', 400, 'bad_parameter', 'all=no');
problem_is('/kv/?prefix=%g', 400, 'bad_encoding', 'no encoding');
problem_is('/kv/?prefix=a&prefix=b', 400, 'bad_parameter', 'two of them');
problem_is('/kv/?prefix=a&limit=1', 400, 'bad_parameter', 'with a limit');
problem_is('/kv/?prefix=a&sync=off', 403, 'danger_off', 'without sync');
problem_is('/kv/?all=true', 403, 'danger_off', 'all is dangerous');
problem_is('/ro/?prefix=a', 405, 'method_not_allowed', 'where write=off');
problem_is('/kv/a?prefix=a', 400, 'bad_parameter', 'of one key');
problem_is('/kv/?prefix=a', 400, 'bad_condition', 'with If-Match',
    'If-Match' => '*');
problem_is('/kv/?prefix=a', 400, 'bad_condition', 'with If-None-Match',
    'If-None-Match' => '*');
is(keys_are(), 'a a:1 a:22 b', 'nothing was deleted');

# All, but not beyond the location's prefix.

$http->put("/tenant/$_", 'x') for qw(a b c);
is(keys_are(), 'a a:1 a:22 b t:a t:b t:c', 'a location with a prefix');
is($http->delete('/tenant/?prefix=a')->status, 200, 'DELETE of a prefix there');
is(keys_are(), 'a a:1 a:22 b t:b t:c', 'is within it');
is($http->delete('/tenant/?all=true')->status, 200, 'DELETE of all there');
is(keys_are(), 'a a:1 a:22 b', 'is, too');
is($http->delete('/danger/?all=true')->status, 200, 'DELETE of all');
is(keys_are(), '', 'is of all');
is($http->get('/status')->json->{stores}{main}{range_deletes}, 7,
    'they are counted');

# It survives, in the log and in tables.

$http->put('/kv/old', 'x' x 100_000);
$http->put("/kv/fill$_", 'x' x 200_000) for 1 .. 40;
is($http->delete('/kv/?prefix=fill')->status, 200, 'DELETE over tables');
is($http->delete('/kv/?prefix=ol')->status, 200, 'and of one more');
$http->put('/kv/fill', 'new');
is(keys_are(), 'fill', 'all gone');
$nginx->kill('KILL');
$nginx->start;
is(keys_are(), 'fill', 'after a crash as well');
ok($nginx->wait_until(sub {
    my $main = $http->get("/status")->json->{stores}{main};
    return $main->{table_bytes} < 100_000;
}, 20), 'and the space is free');
is(keys_are(), 'fill', 'without a change');

$nginx->finish;
done_testing();


sub keys_are {
    return join ' ', map { $_->{key} } @{ $http->get('/kv/')->json->{keys} };
}


sub problem_is {
    my ($uri, $status, $code, $name, @headers) = @_;
    my $got = $http->delete($uri, @headers);

    is($got->status . ' ' . $got->json->{code}, "$status $code", $name);
    return $got;
}
