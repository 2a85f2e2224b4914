use strict;
use warnings;

use lib 't/lib';
use JSON::PP ();
use Test::More;

use Ferrokv::Check;
use Ferrokv::Http;
use Ferrokv::Nginx;

my $nginx = Ferrokv::Nginx->new(<<'CONF');
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=64m max_value=1m;
events { }
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:%%PORT%%;
        location /kv/ { ferrokv_rest write=on; }
        location /app/ { ferrokv_rest write=on prefix=app:; }
    }
}
CONF

$nginx->start;
my $http = Ferrokv::Http->new($nginx->port);
my ($r, $list);

sub keys_of {
    my ($query, $path) = @_;
    my $r = $http->get(($path // '/kv/') . "?$query");

    return join ' ', $r->status if $r->status != 200;
    return join ' ', map { $_->{key} // "=$_->{key_b64}" }
        @{ $r->json->{keys} };
}

# Nothing.

$r = $http->get('/kv/');
is_deeply($r->json, { keys => [], complete => JSON::PP::true,
                      cursor => undef }, 'an empty store');
is($r->header('Content-Type'), 'application/json', 'is JSON');
is($r->header('X-Content-Type-Options'), 'nosniff', 'nosniff');

# Some.

$http->put("/kv/$_", "value of $_") for qw(b a c/1 c/2 d);
$http->put('/kv/ttl?ttl=60s', 'x', 'Content-Type' => 'text/plain');
$http->put('/kv/%ff%fe', "\xff");
$http->delete('/kv/d');
$http->put('/kv/d2?ttl=50ms', 'x');
select undef, undef, undef, 0.1;

is(keys_of(''), 'a b c/1 c/2 ttl =//4=',
    'all keys in order, none that is gone');
is($http->head('/kv/')->status, 200, 'HEAD of the listing');

$list = $http->get('/kv/')->json;
my ($a) = @{ $list->{keys} };
is($a->{size}, 10, 'size');
is($a->{ttl_ms}, undef, 'no TTL');
is("\"$a->{version}\"", $http->get('/kv/a')->header('ETag'), 'version');
ok(!exists $a->{value}, 'no value');
my ($ttl) = grep { ($_->{key} // '') eq 'ttl' } @{ $list->{keys} };
ok($ttl->{ttl_ms} > 50000 && $ttl->{ttl_ms} <= 60000, 'TTL');

# Values.

$list = $http->get('/kv/?values')->json->{keys};
is($list->[0]{value}, 'value of a', 'values');
is($list->[5]{value_b64}, '/w==', 'that are not UTF-8');
is($list->[4]{content_type}, 'text/plain', 'with their type');
is($list->[0]{content_type}, undef, 'or none');

# Ranges.

is(keys_of('prefix=c/'), 'c/1 c/2', 'prefix');
is(keys_of('prefix=c%2F'), 'c/1 c/2', 'prefix, encoded');
is(keys_of('prefix=x'), '', 'prefix of nothing');
is(keys_of('start=b&end=c/2'), 'b c/1', 'start and end');
is(keys_of('start=bb'), 'c/1 c/2 ttl =//4=', 'start between keys');
is(keys_of('end=b'), 'a', 'end');
is(keys_of('start=x&end=b'), '', 'an empty range');
is(keys_of('prefix=c/&start=c/2'), 'c/2', 'prefix and start');
is(keys_of('prefix=&start=&end='), keys_of(''),
    'empty ones are as good as none');
is(keys_of('prefix=%ff'), '=//4=', 'bytes');

# Pages.

$http->put(sprintf('/kv/page/%04d', $_), $_) for 1 .. 250;

for my $size (1000, 250, 249, 100, 7) {
    my ($cursor, @all) = ('');

    for my $page (0 .. 100) {
        $list = $http->get("/kv/?prefix=page/&limit=$size$cursor")->json;
        push @all, map { $_->{key} } @{ $list->{keys} };
        last if $list->{complete};
        $cursor = "&cursor=$list->{cursor}";
    }

    is_deeply(\@all, [map { sprintf 'page/%04d', $_ } 1 .. 250],
        "pages of $size");
    is($list->{cursor}, undef, 'the last has no cursor');
}

is(scalar @{ $http->get('/kv/?prefix=page/')->json->{keys} }, 100,
    '100 unless told otherwise');

# A cursor is a place at a moment: what is written later is not seen.

$list = $http->get('/kv/?prefix=page/&limit=10')->json;
$http->put('/kv/page/0005x', 'x');
$http->put('/kv/page/0010x', 'x');
$http->delete('/kv/page/0011');
is($http->get("/kv/?prefix=page/&limit=1&cursor=$list->{cursor}")
    ->json->{keys}[0]{key}, 'page/0011', 'it goes on behind the last key');
like($list->{cursor}, qr/^[A-Za-z0-9_-]+$/, 'a cursor needs no encoding');

# Bad ones.

my $cursor = $list->{cursor};
for my $bad ('', 'x', 'AAAA', '!!!', substr($cursor, 1),
             substr($cursor, 0, -1), "$cursor$cursor",
             $cursor =~ s/.\z//r . ($cursor =~ /A\z/ ? 'Q' : 'A'))
{
    problem_is($http->get("/kv/?prefix=page/&cursor=$bad"), 400, 'bad_cursor',
        "cursor '$bad'");
}

problem_is($http->get("/kv/?prefix=c/&cursor=$cursor"), 400, 'bad_cursor',
    'a cursor of another listing');

for my $bad (qw(0 -1 1001 x 1.5), '') {
    problem_is($r = $http->get("/kv/?limit=$bad"), 400, 'bad_parameter',
        "limit=$bad");
    like($r->json->{detail}, qr/"limit"/, 'is named');
}

problem_is($r = $http->get('/kv/?prefix=a%2'), 400, 'bad_encoding',
    'malformed encoding');
like($r->json->{detail}, qr/"prefix".*position 8 /, 'with its position');
problem_is($http->get('/kv/?perfix=a'), 400, 'unknown_parameter',
    'an unknown parameter');
problem_is($http->get('/kv/?meta'), 400, 'bad_parameter',
    'a parameter of another request');

# NDJSON.

$r = $http->get('/kv/?prefix=page/&limit=3', Accept => 'application/x-ndjson');
is($r->header('Content-Type'), 'application/x-ndjson', 'NDJSON');
my @lines = map { JSON::PP::decode_json($_) } split /\n/, $r->body;
is(scalar @lines, 4, 'a line an entry and one more');
is($lines[0]{key}, 'page/0001', 'an entry');
ok(!$lines[3]{complete} && $lines[3]{cursor}, 'the end says how to go on');
$r = $http->get('/kv/?prefix=nothing',
    Accept => 'text/html, application/x-ndjson;q=0.5');
is($r->body, qq({"complete":true,"cursor":null}\n), 'NDJSON of nothing');

# A location's prefix.

$http->put("/app/$_", $_) for qw(x y);
is(keys_of('', '/app/'), 'x y', 'a location lists its prefix');
is(keys_of('prefix=y', '/app/'), 'y', 'within it');
is(keys_of('start=y&end=z', '/app/'), 'y', 'start and end too');
is(keys_of('prefix=app:'), 'app:x app:y', 'others see the whole key');
$list = $http->get('/app/?limit=1')->json;
is(keys_of("cursor=$list->{cursor}", '/app/'), 'y', 'with its own cursors');
problem_is($http->get("/kv/?prefix=app:&cursor=$list->{cursor}"), 400,
    'bad_cursor', 'which mean nothing elsewhere');

# Large values: pages end early rather than grow.

$http->put("/kv/big/$_", 'x' x 700000) for 1 .. 4;
$list = $http->get('/kv/?prefix=big/&values')->json;
ok(@{ $list->{keys} } >= 1 && @{ $list->{keys} } < 4 && !$list->{complete},
    'a page of large values ends early');
my $n = @{ $list->{keys} };
while (!$list->{complete}) {
    $list = $http->get("/kv/?prefix=big/&values&cursor=$list->{cursor}")->json;
    $n += @{ $list->{keys} };
}
is($n, 4, 'and others follow');

$nginx->finish;
done_testing();
