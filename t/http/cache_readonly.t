# A store that is read-only: requests go on without it.

use strict;
use warnings;

use Test::More;

use Ferrokv::Http;
use Ferrokv::Nginx;
use Ferrokv::Origin;

my $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 2);
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=16m max_value=4m;
events { }
http {
    %%HTTP%%
    add_header X-Cache $ferrokv_cache_status always;

    server {
        listen 127.0.0.1:%%PORT%%;
        ferrokv_cache main;
        ferrokv_cache_lock on;
        ferrokv_cache_max_object_size 4m;
        ferrokv_cache_purge_tag $http_x_purge;

        location / { proxy_pass http://127.0.0.1:%%PORT1%%; }
        location = /status { ferrokv_cache off; ferrokv_status json; }
    }
}
CONF

my $origin = Ferrokv::Origin->new($nginx->port(1));
my @fresh = ('Cache-Control' => 'max-age=100');
my @pages = map { "/page/$_" } 1 .. 40;

$origin->answer('/page', sub { { headers => \@fresh,
    body => "page $_[0]{uri} " x 100 } });
$origin->answer('/large', { headers => \@fresh, body => 'x' x 2_000_000 });

$nginx->start;
my $http = Ferrokv::Http->new($nginx->port);

$http->get($_) for @pages;
ok($nginx->wait_until(sub {
    !grep { $http->get($_)->header('X-Cache') ne 'HIT' } @pages }), 'stored');

# It becomes so if its log is damaged in the middle.

$nginx->kill('KILL');

my ($log) = sort { -M $a <=> -M $b || $a cmp $b }
    grep { slurp($_) =~ m{page /page/20 page} }
    glob $nginx->dir . '/store/log/*';
my $at = index slurp($log), 'page /page/20 page';

open my $file, '+<:raw', $log or die "$log: $!";
seek $file, $at + 100, 0;
print {$file} 'X';
close $file;

$nginx->start;
$http = Ferrokv::Http->new($nginx->port);
ok($http->get('/status')->json->{stores}{main}{readonly}, 'read-only');

for my $path ('/page/new', '/large/new') {
    my @r = map { $http->get($path) } 1 .. 3;

    is(join(' ', map { $_->status . $_->header('X-Cache') } @r),
       '200MISS 200MISS 200MISS', "$path goes on without it");
    is($origin->asked($path), 3, 'each time');
}

is($http->get('/page/1', 'X-Purge' => 'a')->status, 503, 'a purge says so');
is(scalar(grep { $http->get($_)->status != 200 } @pages), 0, 'the rest goes on');
cmp_ok(scalar(grep { $http->get($_)->header('X-Cache') eq 'HIT' } @pages), '>=',
    10, 'what can be read is answered');

$nginx->allow(qr/\[alert\]/, qr/read-only/);
$origin->stop;
$nginx->finish;
done_testing();


sub slurp {
    my ($path) = @_;

    open my $in, '<:raw', $path or die "$path: $!";
    local $/;

    return scalar <$in>;
}
