# The response cache: what is stored, what is served, and what is left alone.

use strict;
use warnings;

use Test::More;

use Ferrokv::Http;
use Ferrokv::Nginx;
use Ferrokv::Origin;

my $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 2);
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=64m sync=everysec;
ferrokv_store other path=%%DIR%%/other memory=64m;
events { }
http {
    %%HTTP%%
    add_header X-Cache $ferrokv_cache_status always;

    ferrokv_limit_zone $server_port zone=misses rate=1r/m store=main;

    server {
        listen 127.0.0.1:%%PORT%%;
        proxy_set_header Host $host;
        proxy_http_version 1.1;
        gzip_types text/plain;
        gzip_min_length 1;

        ferrokv_cache main;

        location / { proxy_pass http://127.0.0.1:%%PORT1%%; }

        location /off/ {
            ferrokv_cache off;
            proxy_pass http://127.0.0.1:%%PORT1%%;
        }

        location /key/ {
            ferrokv_cache_key $arg_key;
            proxy_pass http://127.0.0.1:%%PORT1%%;
        }

        location /valid/ {
            ferrokv_cache_valid 200 10m;
            ferrokv_cache_valid 404 410 1m;
            ferrokv_cache_valid any 1s;
            proxy_pass http://127.0.0.1:%%PORT1%%;
        }

        location /other/ {
            ferrokv_cache other;
            ferrokv_cache_lock on;          # until it is on disk
            ferrokv_cache_status_header edge;
            proxy_pass http://127.0.0.1:%%PORT1%%;
        }

        location /uses/ {
            ferrokv_cache_min_uses 3;
            ferrokv_cache_status_header edge;
            proxy_pass http://127.0.0.1:%%PORT1%%;
        }

        location /choice/ {
            ferrokv_cache_bypass $arg_bypass $http_x_bypass;
            ferrokv_no_cache $arg_no;
            proxy_pass http://127.0.0.1:%%PORT1%%;
        }

        location /post/ {
            ferrokv_cache_methods POST;
            ferrokv_cache_key "$request_uri|$request_body";
            proxy_pass http://127.0.0.1:%%PORT1%%;
        }

        location /ignore/ {
            ferrokv_cache_ignore_headers Cache-Control Set-Cookie Expires Vary;
            ferrokv_cache_valid any 10m;
            proxy_pass http://127.0.0.1:%%PORT1%%;
        }

        location /limited/ {
            ferrokv_cache_key $uri;
            ferrokv_limit zone=misses phase=miss;
            proxy_pass http://127.0.0.1:%%PORT1%%;
        }

        location /small/ {
            ferrokv_cache_max_object_size 1000;
            proxy_pass http://127.0.0.1:%%PORT1%%;
        }

        location /client/ {
            ferrokv_cache_request_control on;
            proxy_pass http://127.0.0.1:%%PORT1%%;
        }

        location /heuristic/ {
            ferrokv_cache_heuristic 10% max=1h;
            proxy_pass http://127.0.0.1:%%PORT1%%;
        }

        location /target/ {
            ferrokv_cache_targets CDN-Cache-Control;
            proxy_pass http://127.0.0.1:%%PORT1%%;
        }

        location /gzip/ {
            gzip on;
            proxy_pass http://127.0.0.1:%%PORT1%%;
        }

        location /denied/ {
            deny all;
            proxy_pass http://127.0.0.1:%%PORT1%%;
        }

        location /static/ {
            ferrokv_cache_valid 10m;
            root %%DIR%%;
        }

        location /index/ {
            ferrokv_cache_valid 10m;
            root %%DIR%%;
            index index.txt;
        }

        location /files/ {
            root %%DIR%%;
            try_files $uri /fallback/$uri;
        }

        location /fallback/ { proxy_pass http://127.0.0.1:%%PORT1%%; }

        location /buffer/ {
            proxy_buffers 2 4k;
            proxy_buffer_size 4k;
            proxy_busy_buffers_size 4k;
            proxy_pass http://127.0.0.1:%%PORT1%%;
        }

        location /direct/ {
            proxy_buffering off;
            proxy_pass http://127.0.0.1:%%PORT1%%;
        }

        location /ssi/ {
            ssi on;
            ssi_types text/plain;
            proxy_pass http://127.0.0.1:%%PORT1%%;
        }

        location /error/ {
            ferrokv_cache_valid any 10m;
            proxy_intercept_errors on;
            error_page 503 /fallback/sorry;
            proxy_pass http://127.0.0.1:%%PORT1%%;
        }
    }
}
CONF

my $origin = Ferrokv::Origin->new($nginx->port(1));
my $http;

mkdir $nginx->dir . "/$_" for qw(static index);
file('static/a.txt', 'static a');
file('index/index.txt', 'the index');

$nginx->start;
$http = Ferrokv::Http->new($nginx->port);

# The origin counts: its body says how often it was asked.
$origin->answer('/', sub {
    my ($request, $n) = @_;
    my %args = $request->{uri} =~ /[?&](\w+)=(\w*)/g;

    return { headers => [ 'Cache-Control' => 'max-age=' . ($args{age} // 60),
                          'Content-Type' => 'text/plain' ],
             body => ($args{body} // 'answer') . " $n" };
});

# The simplest case, over and over.

is(cache('/a'), 'MISS answer 1', 'the first one goes to the origin');
hits('/a', 'answer 1', 'the second one does not') for 1 .. 4;
is(cache('/a?b'), 'MISS answer 1', 'arguments belong to the key');
is(cache('/off/a'), '- answer 1', 'off is off');
is(cache('/off/a'), '- answer 2', 'off is off again');
is(cache('/denied/a'), '- 403', 'access is checked first');

my $r = get('/a');

like($r->header('Age'), qr/^[0-2]$/, 'a hit has an Age');
is($r->header('Content-Type'), 'text/plain', 'and its type');
is($r->header('Content-Length'), 8, 'and its length');
is($r->header('Cache-Control'), 'max-age=60', 'and its Cache-Control');
like($r->header('Date'), qr/GMT$/, 'and a Date');

$r = $http->head('/a');
is($r->status . $r->header('X-Cache') . $r->header('Content-Length'),
    '200HIT8', 'HEAD is answered from a GET');
is($http->head('/never')->header('X-Cache'), 'MISS', 'HEAD of nothing');
is(cache('/never'), 'MISS answer 2', 'stores nothing');

# Ranges and conditions, on a miss and on a hit.

for my $path (qw(/range /range)) {
    $r = get($path, Range => 'bytes=1-3');
    is($r->status . $r->body, '206nsw', 'a range');
    is($r->header('Content-Range'), 'bytes 1-3/8', 'of the whole');
}
is($r->header('X-Cache'), 'HIT', 'which was stored whole');
hits('/range', 'answer 1', 'as all can see');
is(get('/range', Range => 'bytes=100-')->status, 416, 'not satisfiable');

origin('/etag', 'ETag' => '"x"', 'Cache-Control' => 'max-age=60',
    'Last-Modified' => 'Sun, 06 Nov 1994 08:49:37 GMT');
is(get('/etag', 'If-None-Match' => '"y", "x"')->status, 200,
    'a miss gets all there is');
$r = get('/etag', 'If-None-Match' => '"y", "x"');
is($r->status, 304, 'a hit is not modified');
is($r->header('ETag'), '"x"', 'and says its tag');
is(get('/etag', 'If-None-Match' => '"y"')->status, 200, 'another tag');
is(get('/etag', 'If-Modified-Since' => 'Sun, 06 Nov 1994 08:49:37 GMT')
    ->status, 304, 'by date');
is(get('/etag', 'If-None-Match' => '"y"',
    'If-Modified-Since' => 'Sun, 06 Nov 1994 08:49:37 GMT')
    ->status, 200, 'the tag counts, not the date');
is(get('/etag', Range => 'bytes=0-0', 'If-Range' => '"x"')->status, 206,
    'If-Range');
is(get('/etag', Range => 'bytes=0-0', 'If-Range' => '"z"')->status, 200,
    'If-Range of another');

# What is not stored.

for my $case (
    [ 'no word about it' ],
    [ 'no-store', 'Cache-Control' => 'no-store, max-age=60' ],
    [ 'private', 'Cache-Control' => 'private, max-age=60' ],
    [ 'a cookie', 'Cache-Control' => 'max-age=60', 'Set-Cookie' => 'a=b' ],
    [ 'Vary: *', 'Cache-Control' => 'max-age=60', 'Vary' => 'Accept, *' ],
) {
    my ($name, @headers) = @$case;
    my $path = '/not/' . $name =~ s/\W//gr;

    origin($path, @headers);
    cache($path) for 1 .. 2;
    is(cache($path), 'MISS 3', "not stored: $name");
}

is(get('/auth', Authorization => 'Basic x')->header('X-Cache'), 'MISS',
    'with Authorization');
is(get('/auth', Authorization => 'Basic x')->header('X-Cache'), 'MISS',
    'it is not stored');

# Directives.

is(cache('/key/1?key=a'), 'MISS answer 1', 'a key of its own');
hits('/key/2?key=a', 'answer 1', 'is all that counts');
is(cache('/key/2?key='), '- answer 1', 'without a key there is no cache');

origin('/valid/', 'X-Nothing' => '1');
is(cache('/valid/a'), 'MISS 1', 'valid says for how long');
hits('/valid/a', '1', 'if the origin does not');
$origin->answer('/valid/404', { status => 404, body => 'no' });
get('/valid/404');
is(get('/valid/404')->status . get('/valid/404')->header('X-Cache'), '404HIT',
    'a 404 is stored');
$origin->answer('/valid/500', { status => 500, body => 'no' });
get('/valid/500');
is(get('/valid/500')->header('X-Cache'), 'HIT', 'any');

is(cache('/other/a'), 'MISS answer 1', 'another store');
hits('/other/a', 'answer 1', 'is as good');
is(get('/other/a')->header('Cache-Status') =~ s/ttl=\d+/ttl=N/r,
    'edge; hit; ttl=N', 'Cache-Status of a hit');
is(get('/other/b')->header('Cache-Status'),
    'edge; fwd=uri-miss; fwd-status=200; stored', 'and of a miss');

is(cache('/uses/a'), "MISS answer $_", "use $_") for 1 .. 3;
hits('/uses/a', 'answer 3', 'the third one is stored');
unlike(get('/uses/b')->header('Cache-Status'), qr/stored/, 'which is not said');

is(cache('/choice/a'), 'MISS answer 1', 'no choice yet');
is(cache('/choice/a?bypass=0'), 'MISS answer 1', '0 is no');
is(get('/choice/a', 'X-Bypass' => 1)->body, 'answer 2', 'bypass');
hits('/choice/a', 'answer 2', 'what was fetched is stored');
is(cache('/choice/b?no=1'), 'MISS answer 1', 'no_cache');
is(cache('/choice/b?no=1'), 'MISS answer 2', 'is not stored');

is($http->post('/posted', 'x')->header('X-Cache'), undef, 'POST is not cached');
is($http->post('/post/a', 'x=1')->body, 'answer 1', 'unless it is said');
is($http->post('/post/a', 'x=1')->body, 'answer 1', 'POST of the same');
is($http->post('/post/a', 'x=2')->body, 'answer 2', 'POST of another');

origin('/ignore/', 'Cache-Control' => 'no-store', 'Set-Cookie' => 'a=b',
    'Vary' => '*');
is(cache('/ignore/a'), 'MISS 1', 'headers can be ignored');
hits('/ignore/a', '1', 'all of them');

get('/small/a?body=' . 'x' x 990);
is(get('/small/a?body=' . 'x' x 990)->header('X-Cache'), 'HIT', 'small');
get('/small/a?body=' . 'x' x 1000);
is(get('/small/a?body=' . 'x' x 1000)->header('X-Cache'), 'MISS', 'large');

is(cache('/client/a'), 'MISS answer 1', 'what the client says');
is(get('/client/a', 'Cache-Control' => 'no-cache')->body, 'answer 2',
    'counts if that is configured');
is(get('/a', 'Cache-Control' => 'no-cache')->body, 'answer 1',
    'else it does not');
is(get('/client/none', 'Cache-Control' => 'only-if-cached')->status, 504,
    'only-if-cached');

origin('/heuristic/', 'Last-Modified' => 'Sun, 06 Nov 1994 08:49:37 GMT');
is(cache('/heuristic/a'), 'MISS 1', 'heuristics');
hits('/heuristic/a', '1', 'by Last-Modified');

origin('/target/', 'Cache-Control' => 'no-store',
    'CDN-Cache-Control' => 'max-age=60');
is(cache('/target/a'), 'MISS 1', 'a targeted field');
hits('/target/a', '1', 'stands above Cache-Control');

is(cache('/limited/a'), 'MISS answer 1', 'one miss a minute');
hits('/limited/a', 'answer 1', 'hits are not limited') for 1 .. 3;
is(cache('/limited/b'), 'MISS 429', 'a second miss is');
$nginx->allow(qr/limiting requests/);

# Staleness, by the second.

is(cache('/short?age=1'), 'MISS answer 1', 'a short life');
hits('/short?age=1', 'answer 1', 'as long as it lasts');
ok($nginx->wait_until(sub { cache('/short?age=1') eq 'EXPIRED answer 2' }, 10),
    'it ends');
hits('/short?age=1', 'answer 2', 'then it is fetched anew');

# Variants.

$origin->answer('/vary', sub {
    my ($request, $n) = @_;
    return { headers => [ 'Vary' => 'Accept-Language, X-A',
                          'Cache-Control' => 'max-age=60' ],
             body => ($request->{headers}{'accept-language'} // '-') . " $n" };
});
is(get('/vary', 'Accept-Language' => 'de')->body, 'de 1', 'a variant');
is(get('/vary', 'Accept-Language' => 'en')->body, 'en 2', 'another');
is(get('/vary')->body, '- 3', 'none');
is(get('/vary', 'Accept-Language' => 'DE')->body, 'de 1', 'each has its own');
is(get('/vary', 'Accept-Language' => 'en')->body, 'en 2', 'each once more');
is(get('/vary')->body, '- 3', 'also none');
is(get('/vary', 'X-A' => '1')->header('X-Cache'), 'MISS', 'the second name');

# Gzip is done anew, for those who take it.

$r = get('/gzip/a?body=' . 'g' x 900, 'Accept-Encoding' => 'gzip');
is($r->header('Content-Encoding'), 'gzip', 'packed on the way out');
$r = get('/gzip/a?body=' . 'g' x 900);
is($r->header('X-Cache') . $r->body, 'HIT' . 'g' x 900 . ' 1',
    'stored as it came');
$r = get('/gzip/a?body=' . 'g' x 900, 'Accept-Encoding' => 'gzip');
is($r->header('X-Cache') . $r->header('Content-Encoding'), 'HITgzip',
    'and packed again');

# Not only proxies.

is(cache('/static/a.txt'), 'MISS static a', 'a file');
file('static/a.txt', 'changed');
hits('/static/a.txt', 'static a', 'is cached as well');
like(get('/static/a.txt')->header('Last-Modified'), qr/GMT$/, 'with its date');
is(cache('/index/'), 'MISS the index', 'an index');
file('index/index.txt', 'another');
hits('/index/', 'the index', 'behind its internal redirect');
is(cache('/files/x'), 'MISS answer 1', 'try_files');
hits('/files/x', 'answer 1', 'is not even tried');

$origin->answer('/ssi/page', {
    headers => [ 'Cache-Control' => 'max-age=60',
                 'Content-Type' => 'text/plain' ],
    body => 'page <!--# include virtual="/ssi/part" -->.' });
is(cache('/ssi/page'), 'MISS page answer 1.', 'a page and its part');
hits('/ssi/page', 'page answer 1.', 'are both cached');
is($origin->asked('/ssi/part'), 1, 'each by itself');
hits('/ssi/part', 'answer 1', 'also for a client');

# Bodies that come in pieces, from files, without a length.

for my $where (qw(buffer direct)) {
    my $body = join '', map { chr(33 + $_ % 90) } 1 .. 200_000;

    for my $how (qw(length chunked close)) {
        $origin->answer("/$where/$how", {
            headers => [ 'Cache-Control' => 'max-age=60' ],
            body => $body, $how => 1 });
        ok(cache("/$where/$how") eq "MISS $body", "$where, $how");
        ok($nginx->wait_until(sub { cache("/$where/$how") eq "HIT $body" }),
            "$where, $how, stored");
        $r = get("/$where/$how", Range => 'bytes=199999-');
        is($r->status . $r->body, '206' . substr($body, -1), 'its last byte');
    }
}

$origin->answer('/empty', { headers => [ 'Cache-Control' => 'max-age=60' ],
    body => '' });
is(cache('/empty'), 'MISS ', 'nothing');
hits('/empty', '', 'is stored, too');

# A response that breaks off leaves nothing.

for my $how (qw(length chunked)) {
    $origin->answer("/broken/$how", { body => 'x' x 10_000, $how => 1,
        headers => [ 'Cache-Control' => 'max-age=60' ], cut => 5000 });
    get("/broken/$how") for 1 .. 2;
    is($origin->asked("/broken/$how"), 2, "half a response ($how)");
}
$nginx->allow(qr/upstream prematurely closed connection/);

$origin->answer('/error/x', { status => 503, body => 'no' });
is(get('/error/x')->status, 503, 'an error page');
get('/error/x');
is($origin->asked('/error/x'), 1, 'is stored as what it is');

# All of it is there after a restart and after a crash.

$nginx->stop;
$nginx->start;
hits('/a', 'answer 1', 'after a restart');
is(get('/vary', 'Accept-Language' => 'de')->body, 'de 1', 'variants, too');
$nginx->reload;
hits('/a', 'answer 1', 'after a reload');
cache('/other/crash');
hits('/other/crash', 'answer 1', 'this is on disk');
$nginx->kill('KILL');
$nginx->start;
hits('/a', 'answer 1', 'after a crash');
hits('/other/crash', 'answer 1', 'what was on disk');

$origin->stop;
$nginx->finish;
done_testing();


sub get { return $http->get(@_) }


# "HIT body", or the status if it is not 200.
sub cache {
    my $answer = get(@_);

    return join ' ', $answer->header('X-Cache') // '-',
        $answer->status == 200 ? $answer->body : $answer->status;
}


# What was just answered is in the store when its write has ended.
sub hits {
    my ($path, $body, $name) = @_;

    $nginx->wait_until(sub { cache($path) eq "HIT $body" }, 3);
    is(cache($path), "HIT $body", $name);
}


# The origin counts there, and says so.
sub origin {
    my ($path, @headers) = @_;

    $origin->answer($path, sub { { headers => \@headers, body => $_[1] } });
}


sub file {
    my ($name, $text) = @_;

    open my $fh, '>', $nginx->dir . "/$name" or die "$name: $!";
    print $fh $text;
    close $fh;
}

