# max_size= of ferrokv_store: what a client is told when the store is full.

use strict;
use warnings;

use Test::More;

use Ferrokv::Http;
use Ferrokv::Nginx;

my $conf = <<'CONF';
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=16m compression=none SIZE;
events { }
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:%%PORT%%;
        location /kv/ { ferrokv_rest write=on; }
        location = /status { ferrokv_status json; }
    }
}
CONF

sub conf { my $size = shift; return $conf =~ s/SIZE/$size/r }

my $nginx = Ferrokv::Nginx->new(conf('max_size=2m'), workers => 2);
$nginx->start;
my $http = Ferrokv::Http->new($nginx->port);

sub status { return $http->get('/status')->json->{stores}{main} }

sub problem_is {
    my ($r, $what) = @_;

    subtest $what => sub {
        is($r->status, 507, 'status');
        is($r->json->{code}, 'max_size', 'code');
        is($r->json->{detail}, 'the store has reached its max_size', 'detail');
    };
}

# Puts new keys until one is refused; returns how many there are then.
my $keys = 0;

sub fill {
    my $r;

    while ($keys < 20000) {
        $r = $http->put('/kv/k' . ($keys + 1), 'x' x 1000);
        last if $r->status != 201;
        $keys++;
    }

    return $r;
}

problem_is(fill(), 'a write that adds to a full store');

my $full = $keys;
my $status = status();
cmp_ok($full, '>', 1500, 'it was nearly full before');
cmp_ok($full, '<', 2200, 'and not beyond');
is($status->{max_size}, 2 * 1024 * 1024, 'max_size');
cmp_ok($status->{size}, '<=', $status->{max_size}, 'size is within');
cmp_ok($status->{size}, '>', $status->{max_size} * 0.95, 'just');

is($http->get('/kv/k1')->body, 'x' x 1000, 'reads go on');
is($http->put('/kv/k1', 'y' x 1000)->status, 204, 'a write of the same size');
is($http->put('/kv/k1', 'y')->status, 204, 'a smaller one');
is($http->put('/kv/k1', 'y' x 1000)->status, 204, 'and what that left');
problem_is($http->put('/kv/k1', 'y' x 4000), 'one that grows');
is($http->delete('/kv/k2')->status, 204, 'a delete');
is($http->put('/kv/new', 'z' x 1000)->status, 201, 'makes room');

# Everything again and again: compaction has much to do, writers notice nothing.
my %seen;

for my $round (1 .. 5) {
    $seen{ $http->put("/kv/k$_", 'abcde' x 200)->status }++ for 3 .. $full;
}

is_deeply([ keys %seen ], [ 204 ], 'overwriting goes on')
    or diag(explain(\%seen));

# A log that is replayed does not tell what it replaced; compaction finds out.
$nginx->stop;
$nginx->start;
$http = Ferrokv::Http->new($nginx->port);

%seen = ();
$seen{ $http->delete("/kv/k$_")->status }++ for 3 .. 502;
is_deeply(\%seen, { 204 => 500 }, 'deletes after a restart');

for my $i (3 .. 402) {
    ok(0, "k$i is refused for ever"), last
        unless $nginx->wait_until(sub {
            $http->put("/kv/k$i", 'x' x 1000)->status == 201;
        });
}

cmp_ok(status()->{size}, '>', 1.8 * 1024 * 1024, 'and it is full again');

# At a reload it can change.
my %old = map { $_ => 1 } $nginx->workers;

$nginx->write_conf(conf('max_size=3m'));
ok($nginx->reload, 'a reload');
ok($nginx->wait_until(sub { !grep { $old{$_} } $nginx->workers }),
   'ends the workers that were there');
ok($nginx->wait_until(sub {
    $http = Ferrokv::Http->new($nginx->port);
    status()->{max_size} == 3 * 1024 * 1024;
}), 'changes it');
problem_is(fill(), 'full again');
cmp_ok($keys, '>', $full + 700, 'but later');

$nginx->finish;
done_testing();
