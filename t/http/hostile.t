# What clients over HTTP can do to harm others: these do it.  Meanwhile calm clients
# go on, memory is bounded, and each is told what is wrong.
#
# FKV_SECONDS= repeats it for so long.

use strict;
use warnings;

use IO::Handle;
use JSON::PP ();
use List::Util qw(min);
use Socket qw(:DEFAULT INADDR_LOOPBACK);
use Test::More;
use Time::HiRes qw(sleep time);

use Ferrokv::Calm;
use Ferrokv::Check;
use Ferrokv::Http;
use Ferrokv::Nginx;

my $end = time + ($ENV{FKV_SECONDS} // 0);
my $crowd = Ferrokv::Calm::crowd(10_000);

my $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 2, vars => { MANY => $crowd + 1000 });
%%GLOBALS%%
worker_rlimit_nofile %%MANY%%;
ferrokv_store main path=%%DIR%%/store memory=32m max_value=8m;
events { worker_connections %%MANY%%; }
http {
    %%HTTP%%
    keepalive_requests 1000000000;
    client_header_timeout 2s;
    client_body_timeout 2s;
    send_timeout 1s;
    lingering_timeout 1s;
    reset_timedout_connection on;
    server {
        listen 127.0.0.1:%%PORT%% reuseport backlog=4096;
        location /kv/ { ferrokv_rest write=on; }
        location /status { ferrokv_status; }
    }
    server {
        listen 127.0.0.1:%%PORT1%% reuseport;
        large_client_header_buffers 4 256k;
        location /kv/ { ferrokv_rest write=on; }
    }
}
CONF

$nginx->start;

my $json = JSON::PP->new->utf8;
my $http = Ferrokv::Http->new($nginx->port);
my $large = 'x' x 8_000_000;

is($http->put('/kv/large', $large)->status, 201, 'a large value');
is($http->put('/kv/short', 'ok')->status, 201, 'a short one');

for my $fifty (0 .. 19) {
    my @ops = map { { op => 'set', key => 'page:' . (50 * $fifty + $_),
                      value => 'x' x 9000 } } 0 .. 49;

    is($http->post('/kv/?batch', $json->encode(\@ops),
                   'Content-Type' => 'application/json')->status, 200, 'pages');
}

my $calm = Ferrokv::Calm->start($nginx, rest => $nginx->port);
my $files = files();

$calm->during('peace', sub { sleep 1 });

do {
    $calm->during("$crowd connections", \&connections, $crowd / 100);
    $calm->during('a byte at a time', \&slow_writers);
    $calm->during('large values, not read', sub {
        slow_readers(40, head('GET', '/kv/large')) });
    $calm->during('listings, not read', sub {
        slow_readers(50, head('GET', '/kv/?prefix=page:&limit=1000&values')
                         x 20) }, 128);
    $calm->during('pipelines, not read', sub {
        slow_readers(50, head('GET', '/kv/page:1') x 1000) });
    $calm->during('huge keys', \&huge_keys);
    $calm->during('too large values', \&huge_values);
    $calm->during('aborted uploads', \&aborted_uploads, 64);
    $calm->during('paths', \&paths);
    $calm->during('many header fields', \&headers);
    $calm->during('broken requests in pipelines', \&broken);
    $calm->during('half-closed', \&half_closed);
    $calm->during('resets', \&resets);
    $calm->during('snapshots', \&snapshots);
} while (time < $end);

# Tables and blobs are among them.
ok($nginx->wait_until(sub { files() <= $files + 100 }, 20),
   'no descriptor is left') or diag files() . " files, not $files";
$calm->finish;
ok(left(), 'nothing is left of what was aborted');

$nginx->finish;
done_testing();


sub files { return Ferrokv::Calm::files($nginx->workers) }


sub status { return $http->get('/status')->json->{stores}{main} }


# Without what IO::Socket does besides: there will be many.  rcvbuf => bytes.
sub connection {
    my (%opt) = @_;

    socket my $socket, PF_INET, SOCK_STREAM, 0 or die "socket: $!";
    setsockopt $socket, SOL_SOCKET, SO_RCVBUF, pack 'i', $opt{rcvbuf}
        if $opt{rcvbuf};
    connect $socket, pack_sockaddr_in($nginx->port, INADDR_LOOPBACK)
        or die "connect: $!";

    return Ferrokv::Http->new($nginx->port, socket => $socket, buffer => '');
}


sub head {
    my ($method, $target, @lines) = @_;

    return join "\r\n", "$method $target HTTP/1.1", 'Host: x', @lines, '', '';
}


# Who sends a reset instead of an end.
sub reset_it {
    my ($conn) = @_;

    setsockopt $conn->{socket}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0);
    $conn->close;
}


# The status of one that comes as one piece, when there are many.
sub short_answer {
    my ($conn) = @_;
    my $text = '';

    sysread($conn->{socket}, $text, 4096) or return 'closed';
    return $text =~ m{^HTTP/1.1 (\d+).*\r\n\r\nok\z}s ? "$1 ok" : $text;
}


sub connections {
    my $request = head('GET', '/kv/short');
    my (@all, %status);

    for (1 .. $crowd) {
        push @all, connection();
        $all[-1]->write($request);
    }

    $status{short_answer($_)}++ for @all;
    $_->write($request) for @all;
    $status{short_answer($_)}++ for @all;

    is_deeply(\%status, { '200 ok' => 2 * $crowd }, "$crowd clients are served");
    $_->close for @all;
}


# Who takes longer than client_header_timeout for all of a head is closed; a body may
# take its time, as long as something comes.
sub slow_writers {
    my @heads = map { connection() } 1 .. 100;
    my @bodies = map { connection() } 1 .. 100;
    my $begin = time;
    my $n = 0;

    $bodies[$_]->write(head('PUT', "/kv/slow:$_", 'Content-Length: 30'))
        for 0 .. $#bodies;

    while (++$n <= 30) {
        for my $conn (@heads) {
            eval { $conn->write(substr head('GET', '/kv/page:7'), $n - 1, 1) };
        }

        $_->write('x') for @bodies;
        sleep 0.02;
    }

    my %status;

    $status{ $_->read_answer->status }++ for @bodies;
    is($status{201} // 0 + $status{204} // 0, 100, 'slow bodies are whole');

    my %closed;

    $closed{ length $_->read_all }++ for @heads;
    is_deeply(\%closed, { 0 => 100 }, 'slow heads are closed');
    cmp_ok(time - $begin, '<', 20, 'in time');
}


sub slow_readers {
    my ($n, $request) = @_;
    my $had = files();
    my @all;

    for (1 .. $n) {
        push @all, connection(rcvbuf => 4096);
        $all[-1]{socket}->blocking(0);
        syswrite $all[-1]{socket}, $request;
    }

    ok($nginx->wait_until(sub { files() > $had + $n / 2 }), 'who reads nothing');
    ok($nginx->wait_until(sub { files() < $had + $n / 2 }, 20), 'is closed');
    $_->close for @all;
}


sub huge_keys {
    my %seen;
    my $wide = Ferrokv::Http->new($nginx->port(1));

    for (1 .. 50) {
        my $r = $http->put('/kv/' . 'k' x 70_000, 'x');

        $seen{'longer than a line: ' . $r->status}++;
        $r = $wide->put('/kv/' . 'k' x 65_537, 'x');
        $seen{'one byte too long: ' . $r->status . $r->json->{code}}++;
        $r = $wide->put('/kv/' . '%6b' x 65_536, 'x');
        $seen{'as long as may be: ' . $r->status}++;
        $r = $wide->delete('/kv/' . 'k' x 65_536);
        $seen{'it is there: ' . $r->status}++;
        $r = $http->post('/kv/?batch', $json->encode([{ op => 'set',
            key => 'k' x 65_537, value => '' }]),
            'Content-Type' => 'application/json');
        $seen{'in a batch: ' . $r->status . $r->json->{code}}++;
    }

    is_deeply(\%seen, { map { $_ => 50 }
        'longer than a line: 414', 'one byte too long: 400key_too_long',
        'as long as may be: 201', 'it is there: 204',
        'in a batch: 400bad_batch' }, 'huge keys: each is told');
}


sub huge_values {
    my %seen;
    my $chunk = sprintf "%x\r\n%s\r\n", 1 << 20, 'x' x (1 << 20);

    for (1 .. 10) {
        my $conn = connection();

        $conn->write(head('PUT', '/kv/huge', 'Content-Length: 8388609'));
        $seen{'length: ' . $conn->read_answer->status}++;

        $conn = connection();
        $conn->write(head('PUT', '/kv/huge',
                          'Content-Length: 99999999999999999999'));
        $seen{'absurd length: ' . $conn->read_answer->status}++;

        $conn = connection();
        $conn->write(head('PUT', '/kv/huge', 'Transfer-Encoding: chunked'));
        eval { $conn->write($chunk) for 1 .. 10 };
        $seen{'chunked: ' . $conn->read_answer->status}++;
    }

    is_deeply(\%seen, { 'length: 413' => 10, 'absurd length: 400' => 10,
                        'chunked: 413' => 10 }, 'huge values: each is told');
    is($http->get('/kv/huge')->status, 404, 'none of them is there');
}


# What is not whole is not there, and its space is given back: see left().
sub aborted_uploads {
    my $some = substr $large, 0, 3_000_000;

    for my $i (1 .. 10) {
        for my $end (sub { $_[0]->close }, \&reset_it) {
            my $conn = connection();

            $conn->write(head('PUT', '/kv/aborted', 'Content-Length: 8000000')
                         . $some);
            $end->($conn);

            $conn = connection();
            $conn->write(head('PUT', '/kv/aborted', 'Transfer-Encoding: chunked')
                         . sprintf("%x\r\n", length $some) . $some . "\r\n");
            $end->($conn);
        }
    }

    is($http->get('/kv/aborted')->status, 404, 'nothing of them is there');
}


# A worker appends to files of 128 MiB, whatever becomes of the values; when it has
# left, and all that was written meanwhile is in tables, those go that hold little
# else.
sub left {
    my $filler = 'x' x 30_000;

    $nginx->reload or return;
    $nginx->wait_until(sub { $nginx->leaving == 0 }, 20) or return;

    return $nginx->wait_until(sub {
        $http->put('/kv/filler:' . int rand 50, $filler) for 1 .. 100;
        return status()->{blob_bytes} < 3 * length $large;
    }, 60) || (diag($json->encode(status())), 0)[1];
}


sub paths {
    # What nginx takes for no request at all, it answers itself.
    my @cases = map { [split] } grep { /\S/ } split /\n/, <<'END';
        /kv/../kv/page:7                404 not_found       201
        /kv//a                          404 not_found       201
        /kv/./a                         404 not_found       201
        /kv/a/../b                      404 not_found       201
        /kv/%c0%af                      404 not_found       201
        /kv/%ff%fe                      404 not_found       201
        /kv/a#b                         404 not_found       201
        http://x/kv/absolute            404 not_found       201
        //kv/a                          400 bad_path        400 bad_path
        /kv/%2e%2e/a                    404                 405
        /kv/..%2f..%2fetc/passwd        400                 400
        http://x                        404                 405
        /kv                             404                 405
        /KV/a                           404                 405
        /kv/%00                         400                 400
        /kv/a%00b                       400                 400
        /kv/%                           400                 400
        /kv/%4                          400                 400
        /kv/%zz                         400                 400
        *                               400                 400
        kv/a                            400                 400
        /kv/?                           200                 400 empty_key
        /kv/??                          400 unknown_parameter  400 empty_key
        /kv/?&&&=                       400 unknown_parameter  400 empty_key
        /kv/?prefix                     200                 400 empty_key
        /kv/?prefix=%00                 200                 400 empty_key
        /kv/?prefix=%zz                 400 bad_encoding    400 empty_key
        /kv/?limit=-1                   400 bad_parameter   400 empty_key
        /kv/?limit=99999999999999999999 400 bad_parameter   400 empty_key
        /kv/a?b                         400 unknown_parameter  400 unknown_parameter
END
    push @cases, ["/kv/a\x01", 400, 400], ["/kv/a\x7f", 400, 400],
        ['/kv/a b', 400, 400], ["/kv/\xff\xfd", 404, 'not_found', 201],
        ['/kv/' . 'a/' x 3000, 404, 'not_found', 201],
        ['/kv/' . 'a' x 9000, 414, 414],
        ['/kv/?cursor=' . 'A' x 3000, 400, 'bad_cursor', 400, 'empty_key'],
        ['/kv/a?snapshot=' . 'x' x 4000, 400, 'bad_snapshot', 400,
         'bad_parameter'];

    my %wrong;

    for my $case (@cases) {
        my ($target, @expected) = @$case;
        my $said = join ' ', map { answer_to($_, $target) } qw(GET PUT);

        $wrong{ substr $target, 0, 40 } = $said if $said ne "@expected";
        answer_to('DELETE', $target) if $expected[-1] eq '201';
    }

    is_deeply(\%wrong, {}, 'odd paths: each is told');
}


# Its status, and the code of a problem.
sub answer_to {
    my ($method, $target) = @_;
    my $conn = connection();

    $conn->write(head($method, $target, 'Content-Length: 0'));

    my $r = $conn->read_answer;

    return ($r->status, eval { $r->json->{code} } // ());
}


sub headers {
    my %seen;

    for (1 .. 20) {
        my $conn = connection();

        eval { $conn->write("GET /kv/a HTTP/1.1\r\nHost: x\r\n");
               $conn->write('X-Field: ' . 'x' x 1000 . "\r\n") for 1 .. 1000 };
        $seen{'many: ' . $conn->read_answer->status}++;

        $conn = connection();
        eval { $conn->write("GET /kv/a HTTP/1.1\r\nHost: x\r\nX-Field: ");
               $conn->write('x' x 1000) for 1 .. 1000 };
        $seen{'long: ' . $conn->read_answer->status}++;

        $conn = connection();
        eval { $conn->write("GET /kv/page:7 HTTP/1.1\r\nHost: x\r\n");
               $conn->write("A:\r\n" x 1000) for 1 .. 100 };
        $seen{'short: ' . $conn->read_answer->status}++;

        $conn = connection();
        $conn->write(head('GET', '/kv/page:7', 'Range: bytes=' . join ',',
                          map { "$_-" } 0 .. 1000));
        $seen{'ranges: ' . $conn->read_answer->status}++;

        $conn = connection();
        $conn->write(head('GET', '/kv/page:7', 'If-None-Match: ' . join ',',
                          map { qq("$_") } 0 .. 1000));
        $seen{'tags: ' . $conn->read_answer->status}++;
    }

    is_deeply(\%seen, { map { $_ => 20 } 'many: 400', 'long: 400',
                        'short: 400', 'ranges: 200', 'tags: 200' },
              'many fields: each is told');
}


sub broken {
    my $good = head('GET', '/kv/short');
    my $chunked = 'Transfer-Encoding: chunked';
    my @put = ('PUT', '/kv/smuggled');
    my %wrong;

    for my $case (
        ["GARBAGE\r\n\r\n", 400], ["\0\0\0\0\r\n\r\n", 400],
        ["GET /kv/short HTTP/9.9\r\n\r\n", 505], ["GET  HTTP/1.1\r\n\r\n", 400],
        ["GET /kv/short HTTP/1.1\r\nHost: x\r\n: x\r\n\r\n", 400],
        [head(@put, 'Content-Length: 3', $chunked) . "0\r\n\r\n", 400],
        [head(@put, 'Content-Length: 3', 'Content-Length: 4') . 'abcd', 400],
        [head(@put, 'Content-Length: -3'), 400],
        [head(@put, 'Transfer-Encoding: x, chunked') . "0\r\n\r\n", 501],
        [head(@put, $chunked) . "ffffffffffffffff\r\n", 400],
        [head(@put, $chunked) . "-1\r\n", 400])
    {
        my ($bad, $status) = @$case;

        for (1 .. 20) {
            my $conn = connection();

            $conn->write($good . $bad . $good);

            my @status = $conn->read_all =~ m{HTTP/1\.1 (\d+)}g;

            $wrong{$bad} = "@status" if "@status" ne "200 $status";
        }
    }

    is_deeply(\%wrong, {}, 'broken requests: each is told, and closed');
    is($http->get('/kv/smuggled')->status, 404, 'nothing was smuggled');
}


sub half_closed {
    my %wrong;

    for my $case ([head('GET', '/kv/large'), '200', 8_000_000],
                  [head('GET', '/kv/short') x 3, '200 200 200', 6],
                  [head('PUT', '/kv/half', 'Content-Length: 10') . 'abc', '', 0],
                  ['GET /kv/short HT', '', 0])
    {
        my ($request, $expected, $least) = @$case;

        for (1 .. 50) {
            my $conn = connection();

            $conn->write($request);
            shutdown $conn->{socket}, 1;
            my $all = $conn->read_all;
            my @status = $all =~ m{HTTP/1\.1 (\d+)}g;

            $wrong{$request} = "@status, " . length $all
                if "@status" ne $expected || length $all < $least;
        }
    }

    is_deeply(\%wrong, {}, 'who says no more is answered');
    is($http->get('/kv/half')->status, 404, 'half a value is none');
}


sub resets {
    for (1 .. 200) {
        for my $request (head('GET', '/kv/large'),
                         head('GET', '/kv/?values&limit=1000'),
                         head('PUT', '/kv/reset', 'Content-Length: 300000')
                             . 'x' x 200_000,
                         head('POST', '/kv/n?incr=1', 'Content-Length: 0'))
        {
            my $conn = connection();

            $conn->write($request);
            sleep 0.001 if rand() < 0.2;
            reset_it($conn);
        }
    }

    is($http->get('/kv/reset')->status, 404, 'nothing of them is there');
}


sub snapshots {
    my %seen;

    for (1 .. 1000) {
        my $r = $http->post('/kv/?snapshot&ttl=1s');

        $seen{$r->status . ($r->status == 503 ? $r->json->{code} : '')}++;
    }

    my $given = delete $seen{201};

    cmp_ok($given, '<=', 512, 'snapshots are bounded');
    is_deeply([keys %seen], ['503too_many_snapshots'], 'the others are told');

    # What is left are those that cursors hold, a minute each.
    ok($nginx->wait_until(sub { status()->{leases} <= 384 }), 'they end');
}
