use strict;
use warnings;

use lib 't/lib';
use IO::Handle;
use Test::More;
use Time::HiRes qw(sleep);

use Ferrokv::Http;
use Ferrokv::Nginx;

plan skip_all => 'curl without HTTP/2' if `curl -V` !~ /\bHTTP2\b/;

my $nginx = Ferrokv::Nginx->new(<<'CONF');
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=64m max_value=1m;
ferrokv_store small path=%%DIR%%/small memory=8m max_value=10k;
events { }
http {
    %%HTTP%%
    client_max_body_size 1k;
    server {
        listen 127.0.0.1:%%PORT%% http2;
        location /kv/ { ferrokv_rest store=main write=on; }
        location /small/ { ferrokv_rest store=small write=on; }
    }
    server {
        listen 127.0.0.1:%%PORT1%%;
        location /kv/ { ferrokv_rest store=main write=on; }
        location /small/ { ferrokv_rest store=small write=on; }
    }
}
CONF

$nginx->start;
my $http = Ferrokv::Http->new($nginx->port(1));
my $url = 'http://127.0.0.1:' . $nginx->port . '/kv/';
my $dir = $nginx->dir;

# (status, headers and body)
sub curl {
    my (@args) = @_;

    open my $out, '-|', 'curl', '-s', '-i', '--max-time', 10,
        '--http2-prior-knowledge', @args or die "curl: $!";
    my $text = do { local $/; <$out> } // '';
    close $out;

    return ($text =~ m{^HTTP/2 (\d+)} ? $1 : 0, $text);
}

sub file {
    my ($bytes) = @_;

    $nginx->write_file('body', $bytes);

    return "\@$dir/body";
}

my ($status, $text) = curl('-X', 'PUT', '--data-binary', 'Alice', "${url}a");
is($status, 201, 'PUT');
($status, $text) = curl("${url}a");
is($status, 200, 'GET');
like($text, qr/\r\netag: "\d+"\r\n.*\r\n\r\nAlice$/s, 'the value, its version');
is((curl('-I', "${url}a"))[0], 200, 'HEAD');
like((curl('-X', 'POST', "${url}n?incr=5"))[1], qr/\r\n\r\n5$/, 'incr');
is((curl('-X', 'PUT', "${url}empty"))[0], 201, 'an empty value');
is((curl('-r', '1-2', "${url}a"))[1] =~ s/.*\r\n\r\n//sr, 'li', 'a range');
is((curl('-X', 'DELETE', "${url}n"))[0], 204, 'DELETE');
is((curl("${url}n"))[0], 404, 'it is gone');
is((curl('-X', 'POST', '-H', 'Content-Type: application/json', '-d',
         '[{"op":"get","key":"a"}]', "${url}?batch"))[0], 200, 'a batch');

my $mega = join('', map { chr } 0 .. 255) x 4096;

for my $size (1, 16384, 65535, 65536, 300000, 1048576) {
    my $value = substr $mega, 0, $size;

    ($status) = curl('-X', 'PUT', '--data-binary', file($value), "${url}v");
    like($status, qr/^20[14]$/, "PUT of $size bytes");
    ok($http->get('/kv/v')->body eq $value, 'is whole');

}

# Answers before the end of a body: nginx resets the stream behind them, and curl
# may not show what came before a reset, so this speaks HTTP/2 itself.

sub frame {
    my ($type, $flags, $stream, $payload) = @_;

    return substr(pack('N', length $payload), 1)
        . pack('CCN', $type, $flags, $stream) . $payload;
}

# A PUT whose body does not end; returns (status, data, code of the reset).
sub early {
    my ($path, $body, @headers) = @_;
    my $block = join '', map { pack('x C/a* C/a*', @$_) }
        [':method', 'PUT'], [':scheme', 'http'], [':path', $path],
        [':authority', 'x'], @headers;

    my $conn = Ferrokv::Http->new($nginx->port)->connect;
    $conn->{end} = time + 5;
    $conn->write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" . frame(4, 0, 0, '')
        . frame(1, 4, 1, $block));

    $conn->write(frame(0, 0, 1, $body)) if length $body;

    my ($status, $data) = (0, '');

    while (1) {
        my ($high, $low, $type) = unpack 'CnC', $conn->_bytes(9);
        my $payload = $conn->_bytes($high << 16 | $low);

        # the status comes first: an index for 400, else its digits
        if ($type == 1) {
            $status = $payload =~ /^\x20?\x8c/ ? 400
                    : $payload =~ /^\x20?\x48\x03(\d{3})/ ? $1 : 0;
        }

        $data .= $payload if $type == 0;
        return ($status, $data, unpack 'N', $payload) if $type == 3;
    }
}

for my $case (['over max_value', '413 too_large', '/kv/v', '',
               ['content-length', 1048577]],
              ['over max_value without a length', '413 too_large', '/small/v',
               'x' x 10241],
              ['a bad parameter', '400 bad_parameter', '/kv/v?ttl=x', 'x',
               ['content-length', 100]])
{
    my ($name, $want, @request) = @$case;
    my ($status, $data, $reset) = early(@request);

    is($status . ' ' . ($data =~ /"code":"(\w+)"/ ? $1 : $data), $want, $name);
    is($reset, 0, 'and no more is wanted');
}

ok($http->get('/kv/v')->body eq $mega, 'none of them wrote');
is($http->get('/small/v')->status, 404, 'anything');

open my $pipe, '|-', "curl -s -i --max-time 10 --http2-prior-knowledge -T - "
    . "${url}p > $dir/out" or die "curl: $!";
$pipe->autoflush(1);
for my $i (0 .. 9) {
    print {$pipe} substr $mega, $i * 50000, 50000;
    sleep 0.02;
}
close $pipe;
ok($http->get('/kv/p')->body eq substr($mega, 0, 500000), 'a slow upload');

# An upload that is cut off.

my $pid = open $pipe, '|-', 'curl', '-s', '--http2-prior-knowledge', '-T', '-',
    "${url}cut" or die "curl: $!";
$pipe->autoflush(1);
print {$pipe} substr $mega, 0, 100000;
sleep 0.2;
kill 'KILL', $pid;
close $pipe;
sleep 0.1;
is($http->get('/kv/cut')->status, 404, 'an aborted upload wrote nothing');

$nginx->finish;
done_testing();
