# The cache over TLS, as HTTP/2 and HTTP/1.1, and as HTTP/2 without TLS.

use strict;
use warnings;

use Test::More;

use Ferrokv::Nginx;
use Ferrokv::Origin;

plan skip_all => 'curl without HTTP/2' if `curl -V` !~ /\bHTTP2\b/;

my $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 2);
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=64m sync=everysec;
events { }
http {
    %%HTTP%%
    ssl_certificate %%DIR%%/cert.pem;
    ssl_certificate_key %%DIR%%/cert.pem;
    add_header X-Cache $ferrokv_cache_status always;
    map $request_method $purge { PURGE 1; default 0; }

    server {
        listen 127.0.0.1:%%PORT%% ssl http2;
        listen 127.0.0.1:%%PORT2%% http2;
        ferrokv_cache main;
        ferrokv_cache_key $request_uri;
        ferrokv_cache_max_object_size 4m;
        ferrokv_cache_lock on;
        ferrokv_cache_purge $purge;
        location / { proxy_pass http://127.0.0.1:%%PORT1%%; }
    }
}
CONF

my $dir = $nginx->dir;
my %url = (tls => 'https://127.0.0.1:' . $nginx->port,
           clear => 'http://127.0.0.1:' . $nginx->port(2));

system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1"
       . " -nodes -days 2 -subj /CN=x -keyout $dir/cert.pem -out $dir/crt"
       . " -batch 2>/dev/null && cat $dir/crt >> $dir/cert.pem") == 0
    or die 'openssl';

my $origin = Ferrokv::Origin->new($nginx->port(1));
my $mega = join '', map { sprintf '%07x:', $_ } 0 .. 3 * 131072;

$origin->answer('/', sub {
    my ($request, $n) = @_;
    my ($size) = $request->{uri} =~ /(\d+)$/;

    return { headers => [ 'Cache-Control' => 'max-age=100', ETag => '"e"' ],
             body => substr $mega, 0, $size };
});

$nginx->start;

for ([ 'tls2', '--http2', $url{tls} ], [ 'tls1', '--http1.1', $url{tls} ],
    [ 'clear2', '--http2-prior-knowledge', $url{clear} ])
{
    my ($as, $option, $url) = @$_;

    for my $size (0, 100, 16384, 300_000, 3_000_000) {
        my $path = "$url/$as/$size";
        my $body = substr $mega, 0, $size;
        my ($said, $got) = curl($option, $path);

        like($said, qr/^\S+ 200 MISS$/, "$as: $size bytes");
        ok($got eq $body, 'whole');
        ok($nginx->wait_until(sub {
            my ($said, $got) = curl($option, $path);
            return $said =~ /HIT$/ && $got eq $body;
        }), 'and again, out of the cache');
        next if $size < 1000;

        for my $from (10, $size - 100) {
            ($said, $got) = curl($option, '-r', "$from-" . ($from + 99), $path);
            like($said, qr/206 HIT$/, "a range from $from on");
            is($got, substr($mega, $from, 100), 'these bytes');
        }

        like((curl($option, '-I', $path))[0], qr/200 HIT$/, 'HEAD');
        like((curl($option, '-H', 'If-None-Match: "e"', $path))[0],
            qr/304 HIT$/, 'a condition');
    }

    # Streams that wait for one answer, on one connection.
    curl($option, '--parallel', '--parallel-max', 20,
        map { ('-o', "$dir/out$_", "$url/many/$as/3000000") } 1 .. 20);
    is(scalar(grep { slurp("$dir/out$_") eq substr $mega, 0, 3_000_000 }
              1 .. 20), 20, "$as: twenty at once");
    is($origin->asked("/many/$as/3000000"), 1, 'one is asked for');

    like((curl($option, '-X', 'PURGE', "$url/$as/100"))[0], qr/ 204/, 'a purge');
    like((curl($option, "$url/$as/100"))[0], qr/ MISS$/, 'it is gone');

    # A client that reads slowly.
    my ($said, $got) = curl($option, '--limit-rate', '4m', "$url/$as/3000000");
    ok($got eq substr($mega, 0, 3_000_000), 'slowly, and whole');
}

$origin->stop;
$nginx->finish;
done_testing();


# (version, status and cache status; body)
sub curl {
    my (@args) = @_;

    open my $out, '-|', 'curl', '-sk', '--max-time', 60, '--stderr',
        '/dev/null', '-D', "$dir/headers",
        '-w', "\n%{http_version} %{http_code}", @args or die "curl: $!";
    my $text = do { local $/; <$out> } // '';
    close $out;

    my ($body, $said) = $text =~ /^(.*)\n(\S+ \d+)$/s or return ('', '');

    my ($cache) = slurp("$dir/headers") =~ /^x-cache: (\w+)/im;

    return ("$said " . ($cache // '-'), $body);
}


sub slurp {
    my ($path) = @_;

    open my $in, '<:raw', $path or return '';
    local $/;

    return scalar <$in>;
}
