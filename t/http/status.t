# ferrokv_status in its three formats.

use strict;
use warnings;

use Test::More;

use Ferrokv::Http;
use Ferrokv::Nginx;

my $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 2);
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=64m cache_quota=8m;
ferrokv_store other.one path=%%DIR%%/other memory=32m sync=off;
events { }
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:%%PORT%%;
        location /set { ferrokv_set k v store=main; try_files /- =204; }
        location /get { ferrokv_get $v k store=main; try_files /- =204; }
        location = /json { ferrokv_status; }
        location = /json2 { ferrokv_status json;
                            if ($arg_x) { add_header X-If 1; } }
        location = /prometheus { ferrokv_status prometheus; }
        location = /text { ferrokv_status text; }
    }
}
CONF

# The names, from where they are made.
sub counters {
    open my $file, '<', 'engine/fkv.h' or die "fkv.h: $!";
    my $text = do { local $/; <$file> };

    return $text =~ /^\s*X\((\w+)\s*,/mg;
}

$nginx->start;

my $http = Ferrokv::Http->new($nginx->port);

$http->get('/set') for 1 .. 10;
$http->get('/get') for 1 .. 5;


# json

my $r = $http->get('/json');
is($r->status, 200);
is($r->header('Content-Type'), 'application/json');

my $json = $r->json;
like($json->{allocator}, qr/^(?:jemalloc|libc)$/, 'the allocator');
is_deeply([ sort keys %{ $json->{stores} } ], [ 'main', 'other.one' ], 'stores');

my $main = $json->{stores}{main};

is_deeply([ grep { ($main->{$_} // 'none') !~ /^\d+$/ } counters() ], [],
          'every counter');
is_deeply([ grep { ($main->{$_} // 'none') !~ /^\d+$/ } qw(
    keys_estimated memory memory_arenas memory_used memory_cache
    memory_cache_used memory_meta memory_private arenas arenas_free
    arenas_sealed lsn_ready lsn_durable tables table_bytes
    edit leases leases_max snapshot_oldest expiry_late_max_ms latches
    claims jobs readers block_readers processes) ], [], 'every figure');
is(scalar @{ $main->{levels} }, 8, 'levels');
is_deeply([ sort keys %{ $main->{namespaces} } ], [ 0, 'cache' ],
          'namespaces that hold something or have a quota');
is($main->{namespaces}{cache}{quota}, 8 * 1024 * 1024, 'a quota');
is($main->{namespaces}{0}{keys}, $main->{keys_estimated}, 'keys');
cmp_ok($main->{namespaces}{0}{bytes}, '>', 0, 'and bytes');
is($main->{puts}, 10, 'writes of all workers');
is($main->{gets}, 5, 'reads');
is($main->{gets_found}, 5, 'that found something');
is($json->{stores}{'other.one'}{puts}, 0, 'stores are apart');
is($main->{memory}, 64 * 1024 * 1024, 'memory is what was given');
cmp_ok($main->{commits}, '>', 0, 'commits');
like($main->{batch_mean}, qr/^\d+(?:\.\d+)?$/, 'a mean of batches');
ok(!$main->{readonly}, 'not read-only');
is($main->{cause}, '', 'for no cause');
like($main->{io}, qr/^(?:io_uring|threads)$/, 'the back end');
ok($nginx->wait_until(sub { $http->get('/json')->json->{stores}{main}{helper} },
                      5), 'the helper lives');

is($http->get('/json2?x=1')->status, 200, 'in an if block');
is($http->head('/json')->status, 200, 'HEAD');
is($http->post('/json', '')->status, 405, 'POST');


# prometheus

$r = $http->get('/prometheus');
like($r->header('Content-Type'), qr{^text/plain; version=0\.0\.4});

my %type = $r->body =~ /^# TYPE (\w+) (\w+)$/mg;
my %help = $r->body =~ /^# HELP (\w+) (.+)$/mg;
my @samples = $r->body =~ /^(\w+)\{store="[\w.]+"[^}]*\} \d+$/mg;

is_deeply([ grep { !/^(?:# (?:HELP|TYPE) \w+ .+|\w+\{\w+="[^"]*"(?:,\w+="[^"]*")*\} \d+)$/ }
            split /\n/, $r->body ], [], 'every line is well-formed');
is_deeply([ grep { !$type{$_} || !$help{$_} } @samples ], [],
          'every sample has a type and a help');
is_deeply([ grep { ($type{"ferrokv_${_}_total"} // '') ne 'counter' }
            counters() ], [], 'every counter');
is(scalar(() = $r->body =~ /^# TYPE/mg), scalar keys %type, 'each type once');
like($r->body, qr/^ferrokv_puts_total\{store="main"\} 10$/m, 'a value');
like($r->body,
     qr/^ferrokv_namespace_bytes\{store="main",namespace="cache"\} 0$/m,
     'a namespace');


# text

$r = $http->get('/text');
like($r->header('Content-Type'), qr{^text/plain});
like($r->body, qr/^store main: ok$/m, 'text');
like($r->body, qr/^ +10  records written$/m, 'a figure');

$nginx->finish;
done_testing();
