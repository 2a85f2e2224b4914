# Snapshots that outlive requests, cursors that hold one.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use Time::HiRes qw(sleep time);

use Ferrokv::Check;
use Ferrokv::Http;
use Ferrokv::Nginx;

my $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 2);
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=4m;
events { }
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:%%PORT%% reuseport;
        location /kv/ { ferrokv_rest write=on; }
        location /ro/ { ferrokv_rest; }
        location /app/ { ferrokv_rest write=on prefix=app:; }
        location = /status { ferrokv_status; }
    }
}
CONF

$nginx->start;

# A connection a request: any worker may get it.
my $http = Ferrokv::Http->new($nginx->port, keepalive => 0);
my $r;

sub status { return $http->get('/status')->json->{stores}{main} }

sub take {
    my ($path) = @_;
    my $r = $http->post($path // '/kv/?snapshot');

    is($r->status, 201, 'a snapshot') or diag $r->body;
    return $r->json->{snapshot};
}

sub keys_of {
    my ($target) = @_;
    my $r = $http->get($target);

    return $r->status if $r->status != 200;
    return join ' ', map { "$_->{key}=" . ($_->{value} // '') }
        @{ $r->json->{keys} };
}

# A moment.

$http->put("/kv/$_", "old $_", 'Content-Type' => 'text/plain') for qw(a b c);
$r = $http->post('/kv/?snapshot');
is($r->status, 201, 'POST ?snapshot');
is($r->header('Content-Type'), 'application/json', 'JSON');
my $s = $r->json->{snapshot};
like($s, qr/^[A-Za-z0-9_-]{22}$/, 'a token that a URL can hold');
is($r->json->{ttl_ms}, 60000, 'a minute');

$http->put('/kv/a', 'new');
$http->delete('/kv/b');
$http->put('/kv/d', 'new');

for (1 .. 8) {
    is($http->get("/kv/a?snapshot=$s")->body, 'old a', 'GET');
}
is($http->get("/kv/b?snapshot=$s")->body, 'old b', 'of what was deleted');
is($http->get("/kv/d?snapshot=$s")->status, 404, 'of what was not yet there');
is($http->get("/kv/a?snapshot=$s&meta")->json->{value}, 'old a', '?meta');
is($http->head("/kv/d?snapshot=$s")->status, 404, 'HEAD');
is($http->head("/kv/b?snapshot=$s")->header('Content-Length'), 5, 'HEAD');
is(keys_of("/kv/?snapshot=$s&values"), 'a=old a b=old b c=old c', 'a listing');
is(keys_of('/kv/?values'), 'a=new c=old c d=new', 'now is another moment');
is($http->get("/ro/a?snapshot=$s")->body, 'old a', 'where only reads are');

my $etag = $http->get("/kv/a?snapshot=$s")->header('ETag');
is($http->get("/kv/a?snapshot=$s", 'If-None-Match' => $etag)->status, 304,
    'conditions');
is($http->get("/kv/a?snapshot=$s", Range => 'bytes=0-2')->body, 'old',
    'ranges');

# Compaction does not take it away, a reload neither.

for my $i (1 .. 3000) {
    last if status()->{compactions} > 0;
    $http->put("/kv/fill/$_", 'x' x 8000) for 1 .. 40;
}
cmp_ok(status()->{compactions}, '>', 0, 'a compaction');
is($http->get("/kv/a?snapshot=$s")->body, 'old a', 'disturbs nothing');
is(keys_of("/kv/?snapshot=$s&values"), 'a=old a b=old b c=old c', 'nor here');
ok($nginx->reload, 'reload');
is($http->get("/kv/b?snapshot=$s")->body, 'old b', 'neither');
$http->delete("/kv/fill/$_") for 1 .. 40;

# Status.

my $st = status();
is($st->{leases}, 1, 'one is held');
is($st->{leases_max}, 64, 'of so many');
cmp_ok($st->{snapshot_oldest}, '>', 0, 'the oldest');
cmp_ok($st->{snapshot_oldest}, '<', $st->{lsn_ready}, 'is before now');

# Longer, and ended.

$r = $http->post("/kv/?snapshot=$s&ttl=10m");
is($r->status, 200, 'renewed');
is($r->json->{snapshot}, $s, 'it is the same');
cmp_ok($r->json->{ttl_ms}, '>', 590000, 'for longer');
$r = $http->post("/kv/?snapshot=$s&ttl=1s");
cmp_ok($r->json->{ttl_ms}, '>', 590000, 'never for less');

is($http->delete("/kv/?snapshot=$s")->status, 204, 'DELETE');
problem_is($http->delete("/kv/?snapshot=$s"), 410, 'gone', 'DELETE again');
problem_is($http->get("/kv/a?snapshot=$s"), 410, 'gone', 'GET');
problem_is($http->get("/kv/?snapshot=$s"), 410, 'gone', 'a listing');
problem_is($http->post("/kv/?snapshot=$s"), 410, 'gone', 'to renew it');
is(status()->{snapshot_oldest}, 0, 'none is held');

$s = take('/kv/?snapshot&ttl=300ms');
is($http->get("/kv/a?snapshot=$s")->status, 200, 'a short one');
sleep 0.35;
problem_is($http->get("/kv/a?snapshot=$s"), 410, 'gone', 'expires');

# Without write=on: a minute at a time, which can be renewed.

$s = take('/ro/?snapshot');
is($http->post("/ro/?snapshot=$s")->status, 200, 'readers renew');
problem_is($http->post('/ro/?snapshot&ttl=61s'), 400, 'bad_parameter',
    'a minute at most');
is($http->delete("/ro/?snapshot=$s")->status, 204, 'and end it');
problem_is($http->post('/ro/?batch', '[]',
        'Content-Type' => 'application/json'), 405, 'method_not_allowed',
    'nothing else is open');
problem_is($http->delete('/ro/?prefix=a'), 405, 'method_not_allowed',
    'nor this');
problem_is($http->delete('/ro/a?snapshot=x'), 405, 'method_not_allowed',
    'nor that');

# What is wrong.

for my $bad ('', 'x', 'A' x 22, 'A' x 21, 'A' x 23, '!' x 22, 'a' x 4000) {
    problem_is($http->get("/kv/a?snapshot=$bad"), 400, 'bad_snapshot',
        'GET of "' . substr($bad, 0, 30) . '"');
    problem_is($http->get("/kv/?snapshot=$bad"), 400, 'bad_snapshot',
        'a listing');
    problem_is($http->delete("/kv/?snapshot=$bad"), 400, 'bad_snapshot',
        'DELETE');
}

problem_is($http->get('/kv/a?snapshot=' . 'B' x 21 . 'A'), 410, 'gone',
    'an unknown token');
problem_is($http->post('/kv/?snapshot&ttl=0'), 400, 'bad_parameter', 'ttl=0');
problem_is($http->post('/kv/?snapshot&ttl=61m'), 400, 'bad_parameter',
    'an hour at most');
problem_is($http->post('/kv/?snapshot&batch', '[]',
        'Content-Type' => 'application/json'), 400, 'bad_parameter',
    'no batch');
problem_is($http->delete('/kv/?snapshot=x&ttl=1s'), 400, 'bad_parameter',
    'no ttl here');
problem_is($http->put('/kv/a?snapshot=x', 'x'), 400, 'bad_parameter',
    'no write at a snapshot');

# A token is of one snapshot: the next one in its place has another.

my @tokens = map { take() } 1 .. 3;
is(scalar keys %{ { map { $_ => 1 } @tokens } }, 3, 'each has its own');
$http->delete("/kv/?snapshot=$_") for @tokens;

# A cursor holds the moment of its first page.

$http->put(sprintf('/kv/p/%03d', $_), "old $_") for 1 .. 30;
my ($cursor, $pages, @got) = ('', 0);
my $leases = status()->{leases};

for (1 .. 20) {
    my $list = $http->get("/kv/?prefix=p/&limit=4&values$cursor")->json;

    $pages++;
    push @got, map { "$_->{key}=$_->{value}" } @{ $list->{keys} };
    last if $list->{complete};
    is(status()->{leases}, $leases + 1, 'one lease') if $pages < 3;
    $cursor = "&cursor=$list->{cursor}";
    $http->put(sprintf('/kv/p/%03d', $_), 'new') for 1 .. 30;
    $http->put("/kv/p/010-$pages", 'new');
    $http->delete('/kv/p/025');
}

is_deeply(\@got, [map { sprintf 'p/%03d=old %d', $_, $_ } 1 .. 30],
    'all pages are of one moment');
is($pages, 8, 'in eight pages');
is(@{ $http->get("/kv/?prefix=p/&limit=4$cursor")->json->{keys} }, 2,
    'the last may be asked for again');

# One page takes none, also when it is just full.

$leases = status()->{leases};
my $n = @{ $http->get('/kv/?prefix=p/&limit=1000')->json->{keys} };
is($http->get("/kv/?prefix=p/&limit=$n")->json->{cursor}, undef,
    'just full is complete');
is(status()->{leases}, $leases, 'and holds nothing');

# A listing at a snapshot goes on at it, and leaves it to its owner.

$s = take('/kv/?snapshot');
$http->put('/kv/p/000', 'later');
my $list = $http->get("/kv/?prefix=p/&limit=25&snapshot=$s")->json;
is($list->{keys}[0]{key}, 'p/001', 'at the snapshot');
my $rest = $http->get("/kv/?prefix=p/&snapshot=$s&cursor=$list->{cursor}")
    ->json;
ok($rest->{complete}, 'the rest of it');
my $other = take();
problem_is($http->get("/kv/?prefix=p/&snapshot=$other&cursor="
        . $list->{cursor}), 400, 'bad_cursor', 'not at another one');
is($http->post("/kv/?snapshot=$s&ttl=1s")->json->{ttl_ms} > 55000, 1,
    'it has its time');
$http->delete("/kv/?snapshot=$s");
problem_is($http->get("/kv/?prefix=p/&cursor=$list->{cursor}"), 410, 'gone',
    'a cursor ends with its snapshot');

# Too many.

my $full;
for (1 .. 64) {
    $r = $http->post('/kv/?snapshot&ttl=2s');
    $full = $r, last if $r->status != 201;
}
problem_is($full, 503, 'too_many_snapshots', 'the table is bounded');
ok($full->header('Retry-After'), 'try later');
problem_is($http->get('/kv/?limit=1'), 503, 'too_many_snapshots',
    'no cursor either');
is($http->get('/kv/?prefix=p/&limit=1000')->status, 200, 'a page is a page');
sleep 2.1;
is($http->get('/kv/?limit=1')->status, 200, 'and it goes on');

# A start knows none of them.

$s = take();
$list = $http->get('/kv/?limit=1')->json;
$nginx->kill('KILL');
$nginx->start;
problem_is($http->get("/kv/a?snapshot=$s"), 410, 'gone', 'after a start');
problem_is($http->get("/kv/?cursor=$list->{cursor}"), 410, 'gone',
    'no cursor either');

$nginx->finish;
done_testing();
