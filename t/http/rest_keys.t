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
ferrokv_store other path=%%DIR%%/other memory=8m;
events { }
http {
    %%HTTP%%
    large_client_header_buffers 4 256k;
    server {
        listen 127.0.0.1:%%PORT%%;
        location /kv/ { ferrokv_rest store=main write=on; }
        location /other/ { ferrokv_rest store=other write=on; }
        location /one { ferrokv_rest store=main write=on key=$arg_k; }
        location = /fixed { ferrokv_rest store=main write=on key=fixed; }
        location ~ ^/item/(\d+)$ {
            ferrokv_rest store=main write=on key=item:$1;
        }
        location /tenant/ {
            ferrokv_rest store=main write=on prefix=$http_x_tenant;
        }
        location /app/ { ferrokv_rest store=main write=on prefix=app:; }
        location /rewritten/ { rewrite ^/rewritten/(.*) /kv/$1 last; }
        location /named { try_files /nonexistent @named; }
        location @named { ferrokv_rest store=main key=$uri; }
        location /kv/private/ { deny all; ferrokv_rest store=main; }
        location /if/ {
            ferrokv_rest store=main write=on;
            if ($http_x_no) { add_header X-If yes; }
        }
        location /sub/ {
            mirror /mirror;
            ferrokv_rest store=main write=on;
        }
        location = /mirror {
            internal;
            ferrokv_rest store=main write=on key=mirrored;
        }
    }
}
CONF

$nginx->start;
my $http = Ferrokv::Http->new($nginx->port);
my $r;

sub key_of {
    my ($path) = @_;
    my $meta = $http->get("$path?meta")->json;

    return $meta->{key} // "base64 $meta->{key_b64}";
}

# The key is what was written, decoded once.

for my $case (['a', 'a'], ['a/b/c', 'a/b/c'], ['a//b', 'a//b'], ['/a', '/a'],
              ['a/../b', 'a/../b'], ['a/./b', 'a/./b'], ['a/', 'a/'],
              ['%2Fa%2f', '/a/'], ['a%20b', 'a b'], ['a+b', 'a+b'],
              ['%25', '%'], ['%2525', '%25'], ['%3Fa%23', '?a#'],
              ['caf%C3%A9', "caf\x{e9}"], ['%FF', 'base64 /w=='],
              ['a=b&c', 'a=b&c'], [':', ':'], ['user:101', 'user:101'])
{
    my ($path, $key) = @$case;

    $http->put("/kv/$path", $path);
    is(key_of("/kv/$path"), $key, "key of $path");
}

for my $path ('a//b', 'a/b/c', '/a', 'a/../b') {
    is($http->get("/kv/$path")->body, $path, "$path is a key of its own");
}

is($http->get('http://localhost/kv/a')->body, 'a', 'the absolute form');
is($http->get('/kv/a?')->body, 'a', 'an empty query');
is($http->get('/kv/a#b')->body, 'a', 'a fragment is no part of the key');

# Bad paths: nginx itself refuses the first two before any location.

is($http->get('/kv/%zz')->status, 400, 'malformed encoding');
is($http->get('/kv/a%00')->status, 400, 'NUL');
problem_is($http->get('/%6bv/a'), 400, 'bad_path',
    'the path is not what the location says');
problem_is($http->get('/x/../kv/a'), 400, 'bad_path', 'nor here');
problem_is($http->get('//kv/a'), 400, 'bad_path', 'nor here');
is($http->get('/kv//private/a')->status, 403, 'merged slashes are guarded');
is($http->get('/kv/%70rivate/a')->status, 403, 'encoded letters too');

# Long keys.

my $long = 'k' x 65536;
is($http->put("/kv/$long", 'long')->status, 201, 'a key of 64 KiB');
is($http->get("/kv/$long")->body, 'long', 'is found');
problem_is($http->put("/kv/${long}k", 'x'), 400, 'key_too_long',
    'one byte more');
problem_is($http->get("/kv/${long}k"), 400, 'key_too_long', 'GET of it');
problem_is($http->put("/app/$long", 'x'), 400, 'key_too_long',
    'the prefix counts');
is($http->put('/kv/' . '%6b' x 65536, 'again')->status, 204,
    'what counts is the decoded key');

# key=

is($http->put('/one?k=x', 'v')->status, 400,
    'a query that key= uses is still checked');
is($http->put('/fixed', 'f')->status, 201, 'key=fixed');
is($http->get('/kv/fixed')->body, 'f', 'is that key');
is($http->put('/item/17', 'seventeen')->status, 201, 'key= in a regex');
is($http->get('/kv/item:17')->body, 'seventeen', 'is that key');
problem_is($http->get('/one'), 400, 'empty_key', 'key= that is empty');

# prefix=

is($http->put('/app/x', 'v')->status, 201, 'prefix=');
is($http->get('/kv/app:x')->body, 'v', 'is before the key');
is($http->get('/app/x?meta')->json->{key}, 'x', 'and is not shown');
is($http->put('/tenant/x', '1', 'X-Tenant' => 't1:')->status, 201,
    'a prefix by request');
is($http->get('/kv/t1:x')->body, '1', 'is before the key');
is($http->get('/tenant/x', 'X-Tenant' => 't2:')->status, 404,
    'another one, another key');
problem_is($http->get('/tenant/x'), 403, 'empty_prefix',
    'an empty prefix opens nothing');
problem_is($http->get('/tenant/'), 403, 'empty_prefix', 'also no listing');

# Stores.

$http->put('/other/a', 'other');
is($http->get('/other/a')->body, 'other', 'another store');
is($http->get('/kv/a')->body, 'a', 'has other keys');

# Internal redirects and subrequests.

problem_is($http->get('/rewritten/a'), 400, 'bad_path',
    'a rewritten path is not what the client wrote');
is($http->get('/named')->status, 404, 'a named location with key=');
is($http->get('/if/a', 'X-No' => 1)->body, 'a', 'inside "if"');
is($http->get('/if/a', 'X-No' => 1)->header('X-If'), 'yes', 'it was inside');
is($http->put('/sub/s', 'v')->status, 201, 'a mirrored PUT writes');
is($http->get('/kv/s')->body, 'v', 'once');
is($http->get('/kv/mirrored')->status, 404, 'its mirror does not');

# Configuration.

sub refused {
    my ($line, $like, $name, $location) = @_;
    my $conf = "%%GLOBALS%%\n"
        . "ferrokv_store main path=%%DIR%%/store memory=8m;\n"
        . "events { }\nhttp { %%HTTP%% server { listen 127.0.0.1:%%PORT%%;\n"
        . 'location ' . ($location // '/') . " { $line } } }\n";
    my $other = Ferrokv::Nginx->new($conf);
    my ($status, $text) = $other->test_conf;

    ok($status != 0, $name);
    like($text, $like, 'with a sentence');
    $other->finish;
}

refused('ferrokv_rest wirte=on;', qr/invalid parameter "wirte=on"/,
    'an unknown parameter');
refused('ferrokv_rest write=yes;', qr/"yes".*"on" or "off"/, 'write=yes');
refused('ferrokv_rest key=;', qr/"key=" is empty/, 'key=');
refused('ferrokv_rest; ferrokv_rest;', qr/is duplicate/, 'twice');
refused('ferrokv_rest;', qr/needs key=/, 'a regex without key=', '~ /x');
refused('ferrokv_rest store=nix;', qr/nix/, 'a store that is not there');

$nginx->finish;
done_testing();
