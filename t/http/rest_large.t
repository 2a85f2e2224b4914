use strict;
use warnings;

use lib 't/lib';
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(sleep time);

use Ferrokv::Http;
use Ferrokv::Nginx;

my $nginx = Ferrokv::Nginx->new(<<'CONF');
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=64m max_value=16m;
events { }
http {
    %%HTTP%%
    ferrokv_zone pages store=main;
    ferrokv $arg_page $page zone=pages;
    server {
        listen 127.0.0.1:%%PORT%%;
        location /kv/ { ferrokv_rest write=on; }
        location /noranges/ { ferrokv_rest; max_ranges 0; }
        location /gz/ {
            gzip on; gzip_types *; gzip_min_length 1;
            ferrokv_rest;
        }
        location /slow/ { ferrokv_rest; limit_rate 200k; }
        location /timeout/ { ferrokv_rest; send_timeout 1s; }
        location = /size {
            ferrokv_get $value kv-large;
            add_header X-Value $value;
            default_type text/plain;
            return 200;
        }
        location = /page { default_type text/plain; return 200 $page; }
        location = /status { ferrokv_status json; }
    }
}
CONF

$nginx->start;
my $http = Ferrokv::Http->new($nginx->port, timeout => 30);
my ($r, $tag);

# Bytes that say where they are.
sub value {
    my ($seed, $len) = @_;
    my $text = join '', map { sprintf '%07x:', $_ * 8 ^ $seed } 0 .. $len / 8;

    return substr $text, 0, $len;
}

sub problem_is {
    my ($r, $status, $code, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is(join(' ', $r->status, eval { $r->json->{code} } // ''),
       "$status $code", $name);
}

# Is the body this?  Never prints megabytes.
sub body_is {
    my ($r, $body, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ok($r->body eq $body, $name) or diag length($r->body) . ' bytes, status '
                                         . $r->status;
}

sub figures { return $http->get('/status')->json->{stores}{main} }

sub memory_kb {
    my ($pid) = @_;

    open my $file, '<', "/proc/$pid/smaps_rollup" or return 0;
    my ($kb) = join('', <$file>) =~ /^Private_Dirty:\s+(\d+)/m;

    return $kb;
}

my $size = 10 * 1024 * 1024;
my $large = value(0, $size);

# Written, read, replaced.

$r = $http->put('/kv/large', $large, 'Content-Type' => 'image/x; q=1');
is($r->status, 201, 'a large value');
$tag = $r->header('ETag');

$r = $http->get('/kv/large');
is($r->status, 200, 'is there');
body_is($r, $large, 'with all its bytes');
is($r->header('ETag'), $tag, 'its tag');
is($r->header('Content-Type'), 'image/x; q=1', 'its type');
is($r->header('Content-Length'), $size, 'its length');
is($r->header('Accept-Ranges'), 'bytes', 'and ranges are to be had');
is($r->header('X-Content-Type-Options'), 'nosniff', 'nosniff');
is($r->header('FerroKV-TTL'), undef, 'it does not expire');

ok(figures()->{blob_writes} == 1, 'it went to a blob file');
is(scalar(() = glob $nginx->dir . '/store/blob/*.blob'), 1, 'which is there');

is($http->put('/kv/large', value(1, 100_000), 'If-Match' => '"1"')->status,
   412, 'If-Match of another version');
is($http->put('/kv/large', value(1, 100_000), 'If-None-Match' => '*')->status,
   412, 'If-None-Match');
body_is($http->get('/kv/large'), $large, 'neither has changed it');

for my $len (65_535, 65_536, 65_532, 131_064, 131_065, 1_000_003) {
    my $value = value($len, $len);

    is($http->put("/kv/n$len", $value)->status, 201, "$len bytes");
    body_is($http->get("/kv/n$len"), $value, "$len bytes are read");
}

# HEAD, conditions, meta, lists.

$r = $http->head('/kv/large');
is(join(' ', $r->status, $r->header('Content-Length'), $r->header('ETag')),
   "200 $size $tag", 'HEAD');
is($http->get('/kv/large', 'If-None-Match' => $tag)->status, 304,
   'If-None-Match');
problem_is($http->get('/kv/large', 'If-Match' => '"1"'), 412,
           'precondition_failed', 'If-Match');

$r = $http->get('/kv/large?meta')->json;
is(join(' ', $r->{size}, exists $r->{value} ? 'value' : 'no value',
        $r->{content_type}), "$size no value image/x; q=1", 'meta says no value');
$r = $http->get('/kv/n131064?meta')->json;
is($r->{value}, value(131_064, 131_064), 'unless it is up to a megabyte');

$r = $http->get('/kv/?values&prefix=n')->json;
is(scalar @{ $r->{keys} }, 6, 'a list');
is_deeply([ map { length $_->{value} } @{ $r->{keys} } ],
          [ 1_000_003, 131_064, 131_065, 65_532, 65_535, 65_536 ],
          'loads values up to a megabyte');
$r = $http->get('/kv/?values&prefix=l')->json;
is(join(' ', $r->{keys}[0]{size}, exists $r->{keys}[0]{value} ? 1 : 0),
   "$size 0", 'and leaves larger ones out');

# Ranges: what is valid for small values is valid for large ones.

is($http->put('/kv/small', 'x' x 1000)->status, 201, 'a small one beside it');

for my $case (
    [ 'bytes=0-0', 206, 0, 1 ],
    [ 'bytes=0-', 206, 0, $size ],
    [ 'bytes=5-9', 206, 5, 10 ],
    [ 'Bytes=5-9', 206, 5, 10 ],
    [ 'bytes= 5 - 9 ', 206, 5, 10 ],
    [ 'bytes=65531-65532', 206, 65_531, 65_533 ],
    [ 'bytes=65532-131063', 206, 65_532, 131_064 ],
    [ 'bytes=100000-4999999', 206, 100_000, 5_000_000 ],
    [ 'bytes=10485759-', 206, $size - 1, $size ],
    [ 'bytes=10485000-99999999', 206, 10_485_000, $size ],
    [ 'bytes=-1', 206, $size - 1, $size ],
    [ 'bytes=-70000', 206, $size - 70_000, $size ],
    [ 'bytes=-99999999', 206, 0, $size ],
    [ 'lines=0-1', 200, 0, $size ],
    [ 'bytes=0-1,5-9', 200, 0, $size ],
    [ "bytes=$size-", 416 ],
    [ 'bytes=9-5', 416 ],
    [ 'bytes=-0', 416 ],
    [ 'bytes=a-b', 416 ],
    [ 'bytes=5', 416 ],
    [ 'bytes=5-9x', 416 ],
    [ 'bytes=99999999999999999999-', 416 ],
) {
    my ($range, $status, $from, $end) = @$case;

    $r = $http->get('/kv/large', Range => $range);
    is($r->status, $status, "$range: $status");

    if ($status == 416) {
        is($r->header('Content-Range'), "bytes */$size", "$range: of how many");
        is(eval { $r->json->{code} }, 'bad_range', "$range: a problem");
        is($r->header('ETag'), undef, "$range: no tag");
        is($http->get('/kv/small', Range => $range)->status, 416,
           "$range: so for a small value");
        next;
    }

    body_is($r, substr($large, $from, $end - $from), "$range: the bytes");
    is($r->header('Content-Range'),
       $status == 206 ? "bytes $from-@{[ $end - 1 ]}/$size" : undef,
       "$range: Content-Range");
    is($r->header('ETag'), $tag, "$range: the tag");
}

is($http->get('/kv/large', Range => 'bytes=0-1', 'If-Range' => $tag)->status,
   206, 'If-Range of this version');
is($http->get('/kv/large', Range => 'bytes=0-1', 'If-Range' => '"1"')->status,
   200, 'If-Range of another');
is($http->get('/kv/large', Range => 'bytes=0-1',
              'If-Range' => 'Sat, 21 Nov 2026 12:00:00 GMT')->status,
   200, 'If-Range of a date');
is($http->get('/noranges/large', Range => 'bytes=0-1')->status, 200,
   'max_ranges 0');

my $reads = figures()->{blob_reads};

$http->get('/kv/large', Range => 'bytes=5000000-5000009');
ok(figures()->{blob_reads} - $reads <= 2, 'only what is asked for is read');

# Through filters and variables.

$r = $http->get('/gz/large', 'Accept-Encoding' => 'gzip');
is($r->header('Content-Encoding'), 'gzip', 'gzip');
ok(length $r->body < $size / 2, 'has compressed it');

SKIP: {
    eval { require Compress::Zlib } or skip 'no Compress::Zlib', 1;
    ok(Compress::Zlib::memGunzip($r->body) eq $large, 'to the same bytes');
}

is($http->put('/kv/pages:page1', value(2, 70_000))->status, 201, 'a large page');
body_is($http->get('/page?page=page1'), value(2, 70_000),
        'a variable holds a large value');

# Expiry: touched values are the same, and expire.

$r = $http->patch('/kv/n1000003?ttl=100s');
is($r->status, 204, 'PATCH gives it an expiry');
$r = $http->get('/kv/n1000003');
body_is($r, value(1_000_003, 1_000_003), 'and leaves the bytes');
like($r->header('FerroKV-TTL'), qr/^(?:100|99)$/, 'which expire');
is($http->put('/kv/short?ttl=300ms', value(3, 200_000))->status, 201,
   'one that lives shortly');
sleep 0.5;
problem_is($http->get('/kv/short'), 404, 'not_found', 'is gone');

problem_is($http->post('/kv/large?incr=1'), 409, 'not_an_integer',
           'a large value is no number');

$r = $http->post('/kv/?batch',
                 '[{"op":"get","key":"n65536"},{"op":"get","key":"n131065"}]',
                 'Content-Type' => 'application/json')->json;
is_deeply([ map { length $_->{value} } @{ $r->{results} // $r } ],
          [ 65_536, 131_065 ], 'a batch reads them');

problem_is($http->put('/kv/huge', 'x' x (16 * 1024 * 1024 + 1)), 413,
           'too_large', 'max_value');
is($http->put('/kv/huge', 'x' x (16 * 1024 * 1024))->status, 201,
   'a value of max_value');
is($http->delete('/kv/huge')->status, 204, 'DELETE');
is($http->get('/kv/huge')->status, 404, 'it is gone');

# Slow clients cost two pieces of memory each, not the value.

my ($pid) = $nginx->workers;
my $before = memory_kb($pid);
my @slow;

for (1 .. 20) {
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $nginx->port) or die;

    setsockopt $socket, SOL_SOCKET, SO_RCVBUF, 65_536;
    print {$socket} "GET /kv/large HTTP/1.1\r\nHost: a\r\n\r\n";
    push @slow, $socket;
}

sleep 1;
my $grown = memory_kb($pid) - $before;

cmp_ok($grown, '<', 20 * 400, "20 clients that do not read: $grown KiB");
body_is($http->get('/kv/large'), $large, 'others are served meanwhile');

# The value may be overwritten under them.
is($http->put('/kv/large', value(5, $size))->status, 204, 'a new value');

my $last = pop @slow;
my $got = '';

while (sysread $last, my $bytes, 1 << 20) {
    $got .= $bytes;
    last if length $got >= $size && $got =~ /\r\n\r\n/
            && length($got) - $+[0] >= $size;
}

$got =~ s/^.*?\r\n\r\n//s;
ok($got eq $large, 'who began before gets what was there');
body_is($http->get('/kv/large'), value(5, $size), 'who comes now the new one');

# Clients that go away.
my $open = sub { scalar grep { (readlink $_ // '') =~ m{/blob/} }
                        glob "/proc/$pid/fd/*" };

$_->close for @slow, $last;
sleep 0.3;
is($http->put('/kv/a', value(6, 200_000))->status, 201, 'and it goes on');
cmp_ok($open->(), '<=', 8, 'their files are not open once for each');

my $t = time;
is(length $http->get('/slow/n1000003')->body, 1_000_003, 'limit_rate');
cmp_ok(time - $t, '>', 3, 'is obeyed');

{
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $nginx->port) or die;

    setsockopt $socket, SOL_SOCKET, SO_RCVBUF, 65_536;
    print {$socket} "GET /timeout/large HTTP/1.1\r\nHost: a\r\n\r\n";
    sleep 2.5;
    $got = '';
    while (sysread $socket, my $bytes, 1 << 20) { $got .= $bytes }
    cmp_ok(length $got, '<', $size, 'send_timeout ends it');
}

# Uploads: what has come is on disk, not in memory.

sub uploading {
    my ($path, $size, $bytes, @headers) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $nginx->port) or die;

    print {$socket} join "\r\n", "PUT $path HTTP/1.1", 'Host: a',
        "Content-Length: $size", @headers, '', $bytes;
    $socket->flush;
    return $socket;
}

sub answer {
    my ($socket) = @_;
    my $text = '';

    $text .= $_ while $text !~ /\r\n\r\n/ && defined($_ = <$socket>);
    return $text =~ m{^HTTP/1.1 (\d+)} ? $1 : $text;
}

my $new = value(7, $size);

($pid) = $nginx->workers;
$before = memory_kb($pid);

my @half = map { uploading("/kv/up$_", $size, substr $new, 0, $size / 2) } 1 .. 8;

ok($nginx->wait_until(sub {
    my $bytes = 0;
    $bytes += -s for glob $nginx->dir . '/store/blob/*.blob';
    $bytes > 8 * $size / 2;
}, 20), 'eight halves of uploads are on disk');
$grown = memory_kb($pid) - $before;
cmp_ok($grown, '<', 8 * 1024, "and not in memory: $grown KiB");
is($http->get('/kv/up1')->status, 404, 'nobody sees them');

$_->close for splice @half, 0, 4;
$half[0]->print(substr $new, $size / 2);
$half[0]->flush;
is(answer($half[0]), 201, 'the rest of one');
body_is($http->get('/kv/up5'), $new, 'is all of it');
is($http->get('/kv/up1')->status, 404, 'who went away has written nothing');

is(answer(uploading('/kv/up5', $size, $new, 'If-None-Match: *')), 412,
   'a condition that does not hold');
is(answer(uploading('/kv/up5?ttl=100s', $size, $large)), 204, 'a new one');
$r = $http->get('/kv/up5');
body_is($r, $large, 'is there');
like($r->header('FerroKV-TTL'), qr/^(?:100|99|98)$/, 'and expires');
is(answer(uploading('/kv/up9', $size, $new, 'Expect: 100-continue')), 100,
   'Expect: 100-continue');

{
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $nginx->port) or die;

    print {$socket} "PUT /kv/chunked HTTP/1.1\r\nHost: a\r\n"
        . "Transfer-Encoding: chunked\r\n\r\n"
        . join('', map { sprintf "%x\r\n%s\r\n", length, $_ }
                   unpack '(a300000)*', $new)
        . "0\r\n\r\n";
    $socket->flush;
    is(answer($socket), 201, 'a chunked upload');
    body_is($http->get('/kv/chunked'), $new, 'is there');
}

# All of it after a crash, nothing of what was on its way.

is($http->put('/kv/large', $large)->status, 204, 'once more');
$nginx->kill('KILL');
$nginx->start;
$http = Ferrokv::Http->new($nginx->port, timeout => 30);

body_is($http->get('/kv/large'), $large, 'is there after a crash');
is($http->get('/kv/up6')->status, 404, 'half an upload is nothing');
body_is($http->get('/kv/up5'), $large, 'a whole one is');
$_->close for @half;
body_is($http->get('/kv/n131065'), value(131_065, 131_065), 'and this');

# Damage: a flipped byte in the third piece, then in the first.

sub flip {
    my ($needle) = @_;

    for my $path (glob $nginx->dir . '/store/blob/*.blob') {
        open my $file, '+<:raw', $path or next;   # it is collected
        local $/;
        my $bytes = <$file>;
        my $at = index $bytes, $needle;

        next if $at < 0;
        seek $file, $at, 0;
        print {$file} chr(1 ^ ord $needle);
        close $file;
        return;
    }

    die 'not found';
}

my $victim = join '', map { sprintf 'victim %08d;', $_ } 1 .. 20_000;

is($http->put('/kv/victim', $victim)->status, 201, 'a victim');
flip(substr $victim, 2 * 65_532 + 100, 60);
$nginx->allow(qr/damaged piece|the data are corrupt/);
$nginx->allow(qr/the response ends at byte/);

$r = $http->get('/kv/victim');
isnt($r->error // '', '', 'the connection is closed before the bad piece');
body_is($http->get('/kv/victim', Range => 'bytes=0-131063'),
        substr($victim, 0, 131_064), 'what comes before it can be read');
body_is($http->get('/kv/victim', Range => 'bytes=196596-'),
        substr($victim, 196_596), 'and what comes behind');
problem_is($http->get('/kv/victim', Range => 'bytes=131064-131065'), 500,
           'corrupt', 'a bad first piece is a problem');
like($nginx->error_log, qr{blob/\d+\.blob: damaged piece at offset \d+},
     'file and offset are logged');
is($http->get('/kv/n65536')->status, 200, 'its neighbours are well');

flip(substr $victim, 100, 60);
problem_is($http->get('/kv/victim'), 500, 'corrupt', 'a bad beginning');
is($http->head('/kv/victim')->status, 200, 'HEAD does not look');
is($http->put('/kv/victim', $victim)->status, 204, 'it can be overwritten');
body_is($http->get('/kv/victim'), $victim, 'and read');

$r = figures();
ok($r->{errors_corrupt} >= 3, 'counted');
ok($r->{blob_files} >= 1, 'the status knows the files');

$nginx->finish;
done_testing();
