# A store that takes nothing more: requests go on without it.

use strict;
use warnings;

use Test::More;

use Ferrokv::Http;
use Ferrokv::Nginx;
use Ferrokv::Origin;

my $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 2);
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=16m sync=everysec cache_quota=1m;
events { }
http {
    %%HTTP%%
    add_header X-Cache $ferrokv_cache_status always;

    server {
        listen 127.0.0.1:%%PORT%%;
        ferrokv_cache main;
        ferrokv_cache_lock on;

        location / { proxy_pass http://127.0.0.1:%%PORT1%%; }
    }
}
CONF

my $origin = Ferrokv::Origin->new($nginx->port(1));
my $body = join '', map { chr rand 256 } 1 .. 50_000;     # not to be compressed

$nginx->start;
my $http = Ferrokv::Http->new($nginx->port);

$origin->answer('/', { headers => [ 'Cache-Control' => 'max-age=100' ],
    body => $body });

my $wrong = grep {
    my $r = $http->get("/$_");
    $r->status != 200 || $r->body ne $body
} map { ($_, $_) } 1 .. 100;

is($wrong, 0, 'all are answered, whatever the store has room for');

my $hits = grep { $http->get("/$_")->header('X-Cache') eq 'HIT' } 1 .. 100;

cmp_ok($hits, '<', 60, 'most of it found no room');

$nginx->allow(qr/ferrokv_cache.*quota/);
my $lines = () = $nginx->error_log =~ /quota/g;
cmp_ok($lines, '<=', 60, 'the log says so now and then');

$origin->stop;
$nginx->finish;
done_testing();
