# Purging: one key, a prefix, tags, soft or not; and what unsafe methods do.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);

use Ferrokv::Http;
use Ferrokv::Nginx;
use Ferrokv::Origin;

my $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 2);
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=64m sync=everysec;
events { }
http {
    %%HTTP%%
    add_header X-Cache $ferrokv_cache_status always;

    map $request_method $purge { PURGE 1; default 0; }
    map $request_method $soft { SOFT 1; default 0; }
    map $request_method $tags { PURGETAG $http_x_tags; default ""; }
    map $request_method $soft_tags { SOFTTAG $http_x_tags; default ""; }

    server {
        listen 127.0.0.1:%%PORT%%;
        proxy_set_header Host $host;
        ferrokv_cache main;
        ferrokv_cache_use_stale updating http_500;
        ferrokv_cache_tag Surrogate-Key X-Tags;
        proxy_hide_header Surrogate-Key;

        location / {
            ferrokv_cache_purge $purge;
            ferrokv_cache_purge_tag $tags;
            proxy_pass http://127.0.0.1:%%PORT1%%;
        }

        location /soft {
            ferrokv_cache_purge $soft soft;
            ferrokv_cache_purge_tag $soft_tags soft;
            proxy_pass http://127.0.0.1:%%PORT1%%;
        }

        location /all {
            ferrokv_cache_purge 1 prefix;
            ferrokv_cache_key http://127.0.0.1$arg_prefix;
        }

        location /soften {
            ferrokv_cache_purge 1 prefix soft;
            ferrokv_cache_key http://127.0.0.1$arg_prefix;
        }

        location /kept {
            ferrokv_cache_invalidate off;
            proxy_pass http://127.0.0.1:%%PORT1%%;
        }

        location /closed {
            deny all;
            ferrokv_cache_purge $purge;
        }
    }
}
CONF

my $origin = Ferrokv::Origin->new($nginx->port(1));
my $gate = $nginx->dir . '/gate';

$nginx->start;
my $http = Ferrokv::Http->new($nginx->port);

$origin->answer('/', sub {
    my ($request, $n) = @_;
    my ($tags) = $request->{uri} =~ /tags=([\w,]+)/;
    my ($vary) = $request->{uri} =~ /(vary)/;

    return { headers => [ 'Cache-Control' => 'max-age=100',
                          $tags ? ('Surrogate-Key' => $tags =~ tr/,/ /r) : (),
                          $vary ? ('Vary' => 'X-A') : () ],
             body => "answer $n",
             $request->{uri} =~ /slow/ && $n == 1 ? (wait => $gate) : () };
});

# One key.

hits('/a', 1);
is(ask('PURGE', '/a')->status, 204, 'a purge');
is(cache('/a'), 'MISS answer 2', 'and it is gone');
is(ask('PURGE', '/none')->status, 404, 'nothing to purge');
is(ask('PURGE', '/closed')->status, 403, 'purging is subject to access');

hits('/vary', 1, 'X-A' => 1);
hits('/vary', 2, 'X-A' => 2);
is(ask('PURGE', '/vary')->status, 204, 'a key with variants');
is(cache('/vary', 'X-A' => 2), 'MISS answer 3', 'all of them are gone');
is(cache('/vary', 'X-A' => 1), 'MISS answer 4', 'each');

# What is on its way while its key is purged.

my $slow = Ferrokv::Http->new($nginx->port);
on_its_way('/slow1', sub { ask('PURGE', '/slow1') });
on_its_way('/slow2', sub { get('/all?prefix=/slow') });

# A prefix.

hits("/list/$_", 1) for 1 .. 5;
hits('/list/vary', 1, 'X-A' => 1);
hits('/lis', 1);
is(get('/all?prefix=/list/')->status, 204, 'a prefix');
is(cache("/list/$_"), 'MISS answer 2', "is gone: $_") for 1 .. 5;
is(cache('/list/vary', 'X-A' => 1), 'MISS answer 2', 'variants, too');
hits('/lis', 1);

# Tags.

hits('/t1?tags=red,green', 1);
hits('/t2?tags=green', 1);
hits('/t3?tags=blue', 1);
is(get('/t1?tags=red,green')->header('Surrogate-Key'), undef,
    'the field need not be shown');
is(ask('PURGETAG', '/', 'X-Tags' => 'green, yellow')->status, 204, 'two tags');
is(cache('/t1?tags=red,green'), 'MISS answer 2', 'green is gone');
is(cache('/t2?tags=green'), 'MISS answer 2', 'everywhere');
hits('/t3?tags=blue', 1);
hits('/t1?tags=red,green', 2);
is(ask('PURGETAG', '/', 'X-Tags' => 'red')->status, 204, 'red');
is(cache('/t1?tags=red,green'), 'MISS answer 3', 'is gone');
hits('/t2?tags=green', 2);

# What is asked for after the answer is not what was purged.
for my $n (1 .. 50) {
    ask('PURGETAG', '/', 'X-Tags' => 'loop');
    my $first = cache("/loop?tags=loop");
    my $second;

    next if $nginx->wait_until(sub {
        ($second = cache("/loop?tags=loop")) =~ /^HIT/ }, 2)
        && $first eq "MISS answer $n" && $second eq "HIT answer $n";
    fail("round $n: $first, $second");
    last;
}
is($origin->asked('/loop?tags=loop'), 50, 'each purge costs one answer');

is(ask('PURGETAG', '/', 'X-Tags' => 'a' x 300)->status, 400, 'that is no tag');

$origin->answer('/badtag', { body => 'x', headers => [
    'Cache-Control' => 'max-age=100', 'X-Tags' => 'a' x 300 ] });
get('/badtag') for 1 .. 2;
is($origin->asked('/badtag'), 2, 'what has a wrong tag is not stored');

# Softly: what is there is stale, but there.

hits('/soft/a', 1);
is(ask('SOFT', '/soft/a')->status, 204, 'a soft purge');
$origin->answer('/soft', { status => 500, body => 'no' });
is(cache('/soft/a'), 'STALE answer 1', 'it is good for an error');
is(ask('SOFT', '/soft/none')->status, 404, 'nothing to soften');
$origin->answer('/soft', sub { { headers =>
    [ 'Cache-Control' => 'max-age=100', 'X-Tags' => 'old' ],
    body => "again $_[1]" } });
is(cache('/soft/a'), 'EXPIRED again 3', 'else it is fetched anew');
ok($nginx->wait_until(sub { cache('/soft/a') eq 'HIT again 3' }), 'and stored');
is(ask('SOFTTAG', '/soft', 'X-Tags' => 'old')->status, 204, 'a tag softly');
like(cache('/soft/a'), qr/^EXPIRED again 4/, 'is fetched anew');

# A prefix softly: what was asked for before is stale, whoever finds it.

hits("/below/$_", 1) for qw(a a/b ab b c);
hits('/below/vary', 1, 'X-A' => 1);
hits('/belo', 1);
is(get("/soften?prefix=/below/$_")->status, 204, "softly: $_")
    for qw(a/b a/x 0 a0), 'a/' . 'x' x 300;
is(cache('/below/a/b'), 'EXPIRED answer 2', 'the longest prefix: the key');
hits('/below/a', 1);
hits('/below/ab', 1);
get('/soften?prefix=/below/a');
is(cache("/below/$_"), 'EXPIRED answer 2', "a shorter one: $_") for qw(a ab);
hits("/below/$_", 2) for qw(a ab);
hits('/below/b', 1);
get('/soften?prefix=/below');
is(cache('/below/vary', 'X-A' => 1), 'EXPIRED answer 2', 'a variant');
is(cache('/below/b'), 'EXPIRED answer 2', 'the shortest one');
hits('/below/b', 2);
hits('/belo', 1);

for my $n (2 .. 30) {
    get('/soften?prefix=/below/c');
    is(cache('/below/c'), "EXPIRED answer $n", "softened again: $n");
    hits('/below/c', $n);
}

$origin->answer('/below', { status => 500, body => 'no' });
get('/soften?prefix=/below/c');
is(cache('/below/c'), 'STALE answer 30', 'it is there all the same');
get('/all?prefix=/below/c');
is(cache('/below/c'), 'MISS 500', 'until it is purged');

# Unsafe methods.

$origin->answer('/form', sub {
    my ($request, $n) = @_;

    return { status => $request->{method} eq 'POST' ? 303 : 200,
             body => "form $n",
             headers => [ 'Cache-Control' => 'max-age=100',
                 $request->{method} eq 'POST'
                 ? ('Location' => '/form/list?x', 'Content-Location' =>
                    'http://elsewhere.example/form/other') : () ] };
});

cache('/form') && hits('/form', 'form 1');
cache("/form/$_") for 'list?x', 'other';
hits('/form/list?x', 'form 1');
hits('/form/other', 'form 1');
is($http->post('/form', 'x')->status, 303, 'a POST that is done');
is(cache('/form'), 'MISS form 3', 'invalidates its own URI');
is(cache('/form/list?x'), 'MISS form 2', 'and that of Location');
hits('/form/other', 'form 1');

$origin->answer('/fails', sub { { body => "fails $_[1]",
    status => $_[0]{method} eq 'PUT' ? 409 : 200,
    headers => [ 'Cache-Control' => 'max-age=100' ] } });
cache('/fails') && hits('/fails', 'fails 1');
$http->put('/fails', 'x');
hits('/fails', 'fails 1');

hits('/kept', 1);
$http->post('/kept', 'x');
hits('/kept', 1);

# Marks are there after a crash.

ask('PURGETAG', '/', 'X-Tags' => 'blue');
get('/soften?prefix=/lis');
$nginx->restart;
is(cache('/t3?tags=blue'), 'MISS answer 2', 'a purge outlives a restart');
is(cache('/lis'), 'EXPIRED answer 2', 'a soft one, too');

$origin->stop;
$nginx->finish;
done_testing();


sub get { return $http->get(@_) }


sub ask {
    my ($method, $path, @headers) = @_;

    return $http->request($method, $path, undef, @headers);
}


sub cache {
    my $answer = get(@_);

    return join ' ', $answer->header('X-Cache') // '-',
        $answer->status == 200 ? $answer->body : $answer->status;
}


# It is stored, sooner or later, as this answer.
sub hits {
    my ($path, $n, @headers) = @_;
    my $body = $n =~ /^\d+$/ ? "answer $n" : $n;

    ok($nginx->wait_until(sub { cache($path, @headers) eq "HIT $body" }, 3),
        "$path: $body");
}


sub on_its_way {
    my ($path, $purge) = @_;

    $slow->connect;
    $slow->write("GET $path HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    ok($nginx->wait_until(sub { $origin->asked($path) }), "$path is asked for");
    sleep 0.05;
    $purge->();
    open my $fh, '>', $gate or die "$gate: $!";
    close $fh;
    is($slow->read_answer->body, 'answer 1', 'the client gets it');
    sleep 0.1;
    is(cache($path), 'MISS answer 2', 'but it is not stored');
    unlink $gate;
}
