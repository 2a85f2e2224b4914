# evict= of ferrokv_store: a store stays below its bound, whatever the policy.

use strict;
use warnings;

use Test::More;

use Ferrokv::Http;
use Ferrokv::Nginx;

my $conf = <<'CONF';
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=16m compression=none sync=everysec
              max_size=4m POLICY;
events { }
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:%%PORT%%;
        location /kv/ { ferrokv_rest write=on danger=on; }
        location = /status { ferrokv_status json; }
    }
}
CONF

sub conf { my $policy = shift; return $conf =~ s/POLICY/evict=$policy/r }

my $nginx = Ferrokv::Nginx->new(conf('random'), workers => 2);
$nginx->start;
my $http = Ferrokv::Http->new($nginx->port);
my $value = 'x' x 1000;
my $next = 0;
my $most = 0;

sub status { return $http->get('/status')->json->{stores}{main} }

# Puts n keys that were never there; returns the other answers than 201.
sub put_new {
    my ($n, $query) = @_;
    my %other;

    for my $i (1 .. $n) {
        my $status = $http->put("/kv/n$next$query", $value)->status;

        $next++;
        $other{$status}++ if $status != 201;

        if ($i % 100 == 0) {
            my $size = status()->{size};
            $most = $size if $size > $most;
        }
    }

    return \%other;
}

# True when only new workers take connections.
sub reload_to {
    my ($policy) = @_;
    my %old = map { $_ => 1 } $nginx->workers;

    $nginx->write_conf(conf($policy));

    return 0 unless $nginx->reload
        && $nginx->wait_until(sub { !grep { $old{$_} } $nginx->workers });

    $http = Ferrokv::Http->new($nginx->port);
    return $nginx->wait_until(sub { status()->{helper} });
}

sub settled { return $nginx->wait_until(sub {
    return status()->{size} < status()->{max_size};
}) }

for my $policy (qw(random lru lfu ttl)) {
    ok(reload_to($policy), "evict=$policy");

    my $before = status()->{evicted};

    $most = 0;
    is_deeply(put_new(6000, '?ttl=1h'), {}, 'all new keys are taken');
    cmp_ok($most, '<', 4.5 * 1024 * 1024, 'and the store stays small');
    ok(settled(), 'in the end below its bound');
    cmp_ok(status()->{evicted}, '>', $before + 1000, 'keys were evicted');
}

my $status = status();
cmp_ok($status->{evicted_bytes}, '>', 1000 * $status->{evicted}, 'bytes');
cmp_ok($status->{evict_sampled}, '>', $status->{evicted}, 'sampled');

# lru: what is read all the time stays, if the machine is quick enough to read it all
# the time; at random one or two would.
ok(reload_to('lru'), 'evict=lru again');

$http->put("/kv/hot$_", $value) for 1 .. 50;

for my $round (1 .. 60) {
    put_new(100, '');
    $http->get("/kv/hot$_") for 1 .. 50;
}

my $hot = grep { $http->get("/kv/hot$_")->status == 200 } 1 .. 50;
cmp_ok($hot, '>=', 20, 'hot keys survive lru');

# ttl: with nothing that expires there is nothing to evict.
ok(reload_to('ttl'), 'evict=ttl again');

is($http->delete('/kv/?all=true')->status, 200, 'empty');
my ($full) = keys %{ put_new(6000, '') };
is($full, 507, 'refused when there is nothing to evict');
$nginx->allow(qr/finds nothing to evict/);

$nginx->finish;
done_testing();
