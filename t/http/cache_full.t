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
        ferrokv_cache_tag X-Tags;
        ferrokv_cache_purge_tag $http_x_purge;

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

# What is purged does not come back when the store makes room.
my @small = map { "/small/$_" } 1 .. 150;

$origin->answer('/small', sub {
    my ($request, $n) = @_;
    my ($tag) = $request->{uri} =~ /(\d+)$/;

    return { headers => [ 'Cache-Control' => 'max-age=100', 'X-Tags' => $tag ],
             body => "small $n" };
});

$http->get($_) for @small;
ok($nginx->wait_until(sub {
    !grep { $http->get($_)->header('X-Cache') ne 'HIT' } @small }),
    'small ones are stored');
is($http->get('/', 'X-Purge' => $_)->status, 204, 'and purged')
    for join(' ', 1 .. 75), join(' ', 76 .. 150);

my $wrong = grep {
    my $r = $http->get("/$_");
    $r->status != 200 || $r->body ne $body
} map { ($_, $_) } 1 .. 100;

is($wrong, 0, 'all are answered, whatever the store has room for');

my $hits = grep { $http->get("/$_")->header('X-Cache') eq 'HIT' } 1 .. 100;

cmp_ok($hits, '<', 60, 'most of it found no room');

is(scalar(grep { $http->get($_)->body eq 'small 1' } @small), 0,
    'what was purged stays so');

$nginx->allow(qr/ferrokv_cache.*quota/);
my $lines = () = $nginx->error_log =~ /quota/g;
cmp_ok($lines, '<=', 60, 'the log says so now and then');

$origin->stop;
$nginx->finish;
done_testing();
