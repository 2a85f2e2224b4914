# Responses that are too long to be collected: they go to disk as they come, and
# are answered by pieces.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);

use Ferrokv::Http;
use Ferrokv::Nginx;
use Ferrokv::Origin;

my $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 2);
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=64m max_value=12m sync=everysec;
events { }
http {
    %%HTTP%%
    add_header X-Cache $ferrokv_cache_status always;
    map $request_method $purge { PURGE 1; default 0; }

    server {
        listen 127.0.0.1:%%PORT%%;
        root %%DIR%%;
        ferrokv_cache main;
        ferrokv_cache_max_object_size 8m;
        ferrokv_cache_purge $purge;

        location / { proxy_pass http://127.0.0.1:%%PORT1%%; }

        location /unbuffered {
            proxy_buffering off;
            proxy_pass http://127.0.0.1:%%PORT1%%;
        }

        location /spooled {
            proxy_buffers 2 4k;
            proxy_busy_buffers_size 4k;
            proxy_buffer_size 4k;
            proxy_temp_path %%DIR%%/temp;
            limit_rate_after 64k;
            limit_rate 16m;
            proxy_pass http://127.0.0.1:%%PORT1%%;
        }

        location /file {
            ferrokv_cache_valid 10m;
        }

        location /gz {
            gzip on;
            gzip_types *;
            proxy_pass http://127.0.0.1:%%PORT1%%;
        }

        location /again {
            ferrokv_cache_revalidate on;
            ferrokv_cache_use_stale http_500 updating;
            ferrokv_cache_background_update on;
            proxy_pass http://127.0.0.1:%%PORT1%%;
        }

        location /again/at/once {
            ferrokv_cache_revalidate on;
            ferrokv_cache_use_stale http_500;
            proxy_pass http://127.0.0.1:%%PORT1%%;
        }

        location /locked {
            ferrokv_cache_lock on;
            proxy_pass http://127.0.0.1:%%PORT1%%;
        }

        location = /status { ferrokv_cache off; ferrokv_status json; }
    }
}
CONF

my $origin = Ferrokv::Origin->new($nginx->port(1));
my $MAX = 8 * 1024 * 1024;
my $gate = $nginx->dir . '/gate';

$nginx->make_dir('temp');
$nginx->write_file('file.bin', value(7, 5_000_001));
$nginx->start;
my $http = Ferrokv::Http->new($nginx->port, timeout => 30);

my $long = value(1, 3_000_003);

$origin->answer('/', sub {
    my ($request, $n) = @_;
    my ($vary) = $request->{uri} =~ /(vary)/;

    return { headers => [ 'Cache-Control' => 'max-age=100',
                          'Content-Type' => 'text/plain', ETag => '"e"',
                          $vary ? ('Vary' => 'X-A') : () ],
             body => $vary ? value($request->{headers}{'x-a'}, 2_000_000)
                           : $long };
});

# Stored, and answered.

for my $path (qw(/a /unbuffered /spooled /file.bin /gz /locked)) {
    my $body = $path eq '/file.bin' ? value(7, 5_000_001) : $long;
    my $first = $http->get($path);

    is($first->header('X-Cache'), 'MISS', "$path: is asked for");
    ok($first->body eq $body, 'and passed on whole');
    ok($nginx->wait_until(sub { hit($path, $body) }), 'is stored');
    ok(hit($path, $body), 'and answered again') for 1 .. 2;
}

my $asked = $origin->asked('/a');
ok(hit('/a', $long), 'nobody asks') for 1 .. 2;
is($origin->asked('/a'), $asked, 'the origin any more');

my $head = $http->head('/a');
is($head->status . $head->header('X-Cache'), '200HIT', 'HEAD');
is($head->header('Content-Length'), length $long, 'says how long it is');
is($http->get('/a', 'If-None-Match' => '"e"')->status, 304, 'a condition');

# Ranges.

for ([ '0-0', 0, 1 ], [ '0-99', 0, 100 ], [ '65000-66000', 65000, 1001 ],
    [ '2999000-', 2_999_000, 1003 ], [ '-5', 2_999_998, 5 ],
    [ '1000000-2500000', 1_000_000, 1_500_001 ])
{
    my ($range, $from, $len) = @$_;
    my $r = $http->get('/a', Range => "bytes=$range");

    is($r->status . $r->header('X-Cache'), '206HIT', "range $range");
    is($r->header('Content-Range'), sprintf('bytes %d-%d/%d', $from,
        $from + $len - 1, length $long), 'is what was asked for');
    ok($r->body eq substr($long, $from, $len), 'these bytes');
}

my $reads = stat_of('blob_reads');
$http->get('/a', Range => 'bytes=2900000-2900010');
cmp_ok(stat_of('blob_reads') - $reads, '<=', 4, 'only what is needed is read');

is($http->get('/a', Range => 'bytes=3000003-')->status, 416, 'behind the end');
is(length $http->get('/a', Range => 'bytes=1-2,4-5')->body, length $long,
    'several ranges: all of it');

my $part = $http->get('/part', Range => 'bytes=1000-1009');
is($part->status . $part->header('X-Cache'), '206MISS', 'a range of a miss');
is($part->body, substr($long, 1000, 10), 'these bytes');
ok($nginx->wait_until(sub { hit('/part', $long) }), 'all of it is stored');

# gzip, behind the cache.

my $packed = $http->get('/gz', 'Accept-Encoding' => 'gzip');
is($packed->header('Content-Encoding'), 'gzip', 'a hit is packed');
cmp_ok(length $packed->body, '<', length $long, 'by pieces');

# Variants.

for my $a (1, 2) {
    $http->get('/vary', 'X-A' => $a);
    ok($nginx->wait_until(sub {
        hit('/vary', value($a, 2_000_000), 'X-A' => $a) }), "variant $a");
}
ok(hit('/vary', value(1, 2_000_000), 'X-A' => 1), 'beside each other');

# Clients that are slow, or go; many at once.

my $slow = Ferrokv::Http->new($nginx->port, timeout => 30);
$slow->connect;
$slow->write("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
sleep 0.2;
is($http->request('PURGE', '/a')->status, 204, 'a purge meanwhile');
isnt($http->get('/a')->header('X-Cache'), 'HIT', 'it is gone');
ok($slow->read_answer->body eq $long, 'but who reads it goes on');

$slow->connect;
$slow->write("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
sleep 0.05;
$slow->close;

$slow->connect;
$slow->write("GET /left HTTP/1.1\r\nHost: a\r\n\r\n");
sleep 0.05;
$slow->close;
sleep 0.2;
like($http->get('/left')->header('X-Cache'), qr/MISS|HIT/, 'a client that left');

my @clients = map { Ferrokv::Http->new($nginx->port, timeout => 30) } 1 .. 8;
$_->connect, $_->write("GET /locked2 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    for @clients;
is(scalar(grep { $_->read_answer->body eq $long } @clients), 8, 'eight at once');
is($origin->asked('/locked2'), 1, 'one asks') or diag $origin->asked('/locked2');

# What breaks off, lies, or is too long leaves nothing.

$origin->answer('/cut', { headers => [ 'Cache-Control' => 'max-age=100' ],
    body => $long, cut => 2_900_000 });
$origin->answer('/short', { headers => [ 'Cache-Control' => 'max-age=100' ],
    body => $long, length => 3_000_100 });
$origin->answer('/over', { headers => [ 'Cache-Control' => 'max-age=100' ],
    body => value(1, $MAX + 1) });
$origin->answer('/edge', { headers => [ 'Cache-Control' => 'max-age=100' ],
    body => value(1, $MAX) });
$origin->answer('/chunked', { headers => [ 'Cache-Control' => 'max-age=100' ],
    body => $long, chunked => 1 });

for my $path (qw(/cut /short /over /chunked)) {
    eval { $http->get($path) } for 1 .. 2;
    is($origin->asked($path), 2, "$path is not stored");
}

ok($http->get('/over')->body eq value(1, $MAX + 1), 'but passed on');
$http->get('/edge');
ok($nginx->wait_until(sub { hit('/edge', value(1, $MAX)) }), 'one byte less is');

# Renewed by a 304; instead of an error; in the background.

$origin->answer('/again', sub {
    my ($request, $n) = @_;
    my $same = $request->{headers}{'if-none-match'} // '' eq '"v1"';

    return { headers => [ 'Cache-Control' => 'max-age=1', ETag => '"v1"' ],
             $same ? (status => 304) : (body => value(5, 2_500_000)) };
});

my $again = value(5, 2_500_000);

my $behind = '/again/behind';
my $at_once = '/again/at/once';

for my $path ($behind, $at_once) {
    $http->get($path);
    ok($nginx->wait_until(sub { hit($path, $again) }), 'stored for a second');
}

sleep 2.1;
for ([ $behind, 'STALE' ], [ $at_once, 'REVALIDATED' ]) {
    my ($path, $status) = @$_;
    my $r = $http->get($path);

    is($r->header('X-Cache'), $status, $status);
    ok($r->body eq $again, 'the same body');
    ok($nginx->wait_until(sub { hit($path, $again) }), 'it is fresh again');
}

$origin->answer('/again', { status => 500, body => 'no' });
sleep 2.1;
for my $path ($at_once, $behind) {
    my $r = $http->get($path);

    is($r->header('X-Cache'), 'STALE', 'instead of an error');
    ok($r->body eq $again, 'the old body');
}

# After a restart.

$http->get('/a');
ok($nginx->wait_until(sub { hit('/a', $long) }), 'stored');
$nginx->restart;
ok(hit('/a', $long), 'it is there after a restart');
ok(hit('/edge', value(1, $MAX)), 'so is the other');

# Damaged: it ends short, and is gone.

for my $file (glob $nginx->dir . '/store/blob/*.blob') {
    open my $fh, '+<', $file or die "$file: $!";

    for (my $at = 500_000; $at < -s $file; $at += 500_000) {
        sysseek $fh, $at, 0;
        syswrite $fh, 'no such bytes';
    }
}

my $short = $http->get('/a');
ok($short->error || length $short->body < length $long, 'a damaged body');
ok($nginx->wait_until(sub { $http->get('/a')->header('X-Cache') eq 'MISS' }),
    'is not offered again');
ok($nginx->wait_until(sub { hit('/a', $long) }), 'but stored anew');
$nginx->allow(qr/the response ends at|damaged piece/);

# Memory does not grow with length.

my $before = memory();
hit('/a', $long) for 1 .. 3;
cmp_ok(memory() - $before, '<', 4 * 1024, 'memory is bounded, KiB');

$nginx->allow(qr/upstream prematurely closed/);
$origin->stop;
$nginx->finish;
done_testing();


# Bytes that say where they are.
sub value {
    my ($seed, $len) = @_;
    my $text = join '', map { sprintf '%07x:', $_ * 8 ^ $seed } 0 .. $len / 8;

    return substr $text, 0, $len;
}


sub hit {
    my ($path, $body, @headers) = @_;
    my $r = $http->get($path, @headers);

    return $r->header('X-Cache') eq 'HIT' && $r->body eq $body;
}


sub stat_of {
    my ($name) = @_;
    my ($n) = $http->get('/status')->body =~ /"$name":\s*(\d+)/;

    return $n;
}


# Of the workers, KiB.
sub memory {
    my $sum = 0;

    for my $pid ($nginx->workers) {
        open my $status, '<', "/proc/$pid/status" or next;
        /^RssAnon:\s+(\d+)/ && ($sum += $1) for <$status>;
    }

    return $sum;
}
