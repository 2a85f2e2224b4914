# REST over TLS, as HTTP/2 and HTTP/1.1: values come and go whole.

use strict;
use warnings;

use Test::More;

use Ferrokv::Nginx;

plan skip_all => 'curl without HTTP/2' if `curl -V` !~ /\bHTTP2\b/;

my $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 2);
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=64m sync=everysec;
events { }
http {
    %%HTTP%%
    ssl_certificate %%DIR%%/cert.pem;
    ssl_certificate_key %%DIR%%/cert.pem;
    server {
        listen 127.0.0.1:%%PORT%% ssl http2;
        location /kv/ { ferrokv_rest write=on; }
        location /hits { ferrokv_incr $n hits; try_files /- /n; }
        location /n { return 200 $n; }
    }
}
CONF

my $dir = $nginx->dir;
my $url = 'https://127.0.0.1:' . $nginx->port;

system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1"
       . " -nodes -days 2 -subj /CN=x -keyout $dir/cert.pem -out $dir/crt"
       . " -batch 2>/dev/null && cat $dir/crt >> $dir/cert.pem") == 0
    or die 'openssl';

$nginx->start;

# (status line's version and code, body)
sub curl {
    my (@args) = @_;

    open my $out, '-|', 'curl', '-sk', '--max-time', 30, '--stderr',
        '/dev/null', '-w', "\n%{http_version} %{http_code}", @args or die "curl: $!";
    my $text = do { local $/; <$out> } // '';
    close $out;

    return $text =~ /^(.*)\n(\S+ \d+)$/s ? ($2, $1) : ('', '');
}

my $mega = join('', map { chr } 0 .. 255) x 16384;

for my $version (2, 1.1) {
    my @as = $version == 2 ? '--http2' : '--http1.1';
    my ($said, $body);

    for my $size (1, 16384, 65536, 300000, length $mega) {
        my $value = substr $mega, 0, $size;

        $nginx->write_file('body', $value);
        ($said) = curl(@as, '-X', 'PUT', '--data-binary', "\@$dir/body",
                       "$url/kv/v");
        like($said, qr/^\Q$version\E 20[14]$/, "PUT of $size bytes");

        ($said, $body) = curl(@as, "$url/kv/v");
        is($said, "$version 200", "GET as HTTP/$version");
        ok($body eq $value, 'the value is whole');
    }

    ($said, $body) = curl(@as, '-r', '2000000-2000255', "$url/kv/v");
    is($said, "$version 206", 'a range');
    ok($body eq substr($mega, 2000000, 256), 'of a large value');

    # several requests on one connection, whose streams wait at once
    my @many = map { "$url/hits" } 1 .. 20;
    ($said, $body) = curl(@as, '--parallel', '--parallel-max', 20, @many);
    is($said, "$version 200", 'many at once');
}

is((curl("$url/hits"))[1], 41, 'none was lost');

$nginx->finish;
done_testing();
