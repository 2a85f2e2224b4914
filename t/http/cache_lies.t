# Upstreams that say too much, or what cannot be: no crash, not stored when in
# doubt, and the client gets what there is.

use strict;
use warnings;

use Test::More;

use Ferrokv::Http;
use Ferrokv::Nginx;
use Ferrokv::Origin;

my $nginx = Ferrokv::Nginx->new(<<'CONF');
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=64m sync=everysec;
events { }
http {
    %%HTTP%%
    add_header X-Cache $ferrokv_cache_status always;

    server {
        listen 127.0.0.1:%%PORT%%;
        ferrokv_cache main;
        ferrokv_cache_tag X-Tags;

        location / {
            proxy_buffer_size 1m;
            proxy_buffers 8 1m;
            proxy_busy_buffers_size 2m;
            proxy_pass http://127.0.0.1:%%PORT1%%;
        }

        location /usual { proxy_pass http://127.0.0.1:%%PORT1%%; }
    }
}
CONF

my $origin = Ferrokv::Origin->new($nginx->port(1));

$nginx->start;
my $http = Ferrokv::Http->new($nginx->port);
my @fresh = ('Cache-Control' => 'max-age=100');

# Many fields.

my @many = map { ("X-$_" => "value $_") } 1 .. 10_000;

said('/many', 0, headers => [ @fresh, @many ]);
is($http->get('/many')->header('X-10000'), 'value 10000', 'all are passed on');
said('/same', 0, headers => [ @fresh, ('X-A' => 1) x 10_000 ]);
said('/lines', 0, headers => [ ('Cache-Control' => 'max-age=100') x 10_000 ]);
said('/controls', 1, headers => [ 'Cache-Control' =>
    join(', ', $fresh[1], map { "x$_=$_" } 1 .. 10_000) ]);
said('/conflict', 0, headers => [ 'Cache-Control' => 'max-age=100',
    (map { ('Cache-Control' => "x$_") } 1 .. 100),
    'Cache-Control' => 'no-store' ]);
said('/wide', 1, headers => [ @fresh, 'X-Wide' => 'x' x 200_000 ]);

$origin->answer('/usual', { headers => [ @fresh, @many ], body => 'x' });
is($http->get('/usual')->status, 502, 'more than nginx has room for');
$nginx->allow(qr/upstream sent too big header/);

# Vary on everything.

said('/star', 0, headers => [ @fresh, Vary => '*' ]);
said('/vary32', 1, headers => [ @fresh, Vary => names(31) ]);
said('/vary100', 0, headers => [ @fresh, Vary => names(100) ]);
said('/vary10000', 0, headers => [ @fresh, Vary => names(10_000) ]);
said('/varylines', 0, headers => [ @fresh,
    map { (Vary => "X-$_") } 1 .. 10_000 ]);
said('/varywide', 0, headers => [ @fresh, Vary => 'x' x 100_000 ]);
said('/varysame', 1, headers => [ @fresh, Vary => 'X-A, ' x 10_000 ]);

# Tags.

said('/tags', 0, headers => [ @fresh, 'X-Tags' => names(10_000) ]);

# Dates and numbers that cannot be.

said('/future', 1, headers => [ Date => 'Sun, 06 Nov 2094 08:49:37 GMT',
    @fresh ]);
said('/nodate', 1, headers => [ Date => 'yesterday', @fresh ]);
said('/expires', 0, headers => [ Expires => 'Thu, 99 Foo 9999 99:99:99 GMT' ]);
said('/zero', 0, headers => [ Expires => '0' ]);
said('/old', 0, headers => [ Age => '99999999999999999999', @fresh ]);
said('/huge', 1, headers => [ 'Cache-Control' =>
    'max-age=99999999999999999999999999' ]);
said('/minus', 0, headers => [ 'Cache-Control' => 'max-age=-1' ]);
said('/etag', 1, headers => [ ETag => '"' . 'e' x 10_000, @fresh ]);

# Bytes that are no text.

said('/control', 1, headers => [ @fresh, 'X-A' => "a\x01\xffb" ]);
is($http->get('/control')->header('X-A'), "a\x01\xffb", 'unchanged');
$origin->answer('/nul', { headers => [ @fresh, 'X-A' => "a\0b" ] });
is($http->get('/nul')->status, 502, 'nginx refuses a zero byte');
$nginx->allow(qr/upstream sent invalid header/);

$origin->stop;
$nginx->finish;
done_testing();


# It is answered twice, the second time by the cache if it is stored.
sub said {
    my ($path, $stored, @answer) = @_;

    $origin->answer($path, { body => 'answer', @answer });

    my $bad = grep {
        my $r = $http->get($path);
        $r->status != 200 || $r->body ne 'answer'
    } 1 .. 3;

    is($bad, 0, "$path: answered");

    if ($stored) {
        ok($nginx->wait_until(sub {
            $http->get($path)->header('X-Cache') eq 'HIT' }, 5), 'stored');

    } else {
        is($origin->asked($path), 3, 'not stored');
    }
}


sub names {
    my ($n) = @_;

    return join ', ', map { "X-$_" } 1 .. $n;
}
