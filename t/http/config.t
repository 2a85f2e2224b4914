# Wrong configurations fail with one sentence that names the directive, and a
# test of the configuration touches nothing.

use strict;
use warnings;

use Test::More;

use Ferrokv::Nginx;

my $nginx = Ferrokv::Nginx->new(conf());
my $dir = $nginx->dir;


# Parts of a configuration: stores (main), http, server, location.
sub conf {
    my (%part) = @_;

    $part{$_} //= '' for qw(http server location);
    $part{stores} //= 'ferrokv_store main path=store memory=64m;';

    return <<"CONF";
%%GLOBALS%%
events { }
http {
    %%HTTP%%
    $part{http}
    server {
        listen 127.0.0.1:%%PORT%%;
        $part{server}
        location / { $part{location} }
    }
}
$part{stores}
CONF
}


sub refused {
    my ($part, $text, $regex) = @_;

    $nginx->write_conf(conf($part => $text));
    my ($status, $said) = $nginx->test_conf;
    my @emerg = $said =~ /\[emerg\] (.*)/g;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is($status, 1, "refused: $text") or diag $said;
    is(scalar @emerg, 1, '  in one sentence') or diag $said;
    like($emerg[0] // '', $regex, '  that says why');
}


sub accepted {
    my ($part, $text) = @_;

    $nginx->write_conf(conf($part => $text));
    my ($status, $said) = $nginx->test_conf;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is($status, 0, "accepted: $text") or diag $said;
}


# Stores

my $store = 'ferrokv_store main path=store';

refused(stores => 'ferrokv_store main;', qr/"main" has no "path="/);
refused(stores => 'ferrokv_store path=store;',
        qr/invalid name "path=store" in "ferrokv_store"/);
refused(stores => 'ferrokv_store "a b" path=store;', qr/invalid name "a b"/);
refused(stores => 'ferrokv_store main path=;', qr/invalid value "path="/);
refused(stores => 'ferrokv_store main path=/;', qr{invalid value "path=/"});
refused(stores => "$store memory=lots;", qr/invalid value "memory=lots"/);
refused(stores => "$store memory=0;", qr/invalid value "memory=0"/);
refused(stores => "$store memory=64k;", qr/"ferrokv_store" "main": .*memory/);
refused(stores => "$store memory=16m max_value=2g;",
        qr/"ferrokv_store" "main": max_value=2147483648 is too large/);
refused(stores => "$store memory=16m blob_min=1k;",
        qr/"ferrokv_store" "main": blob_min=1024 is too small/);
refused(stores => "$store memory=16m blob_min=1m;",
        qr/"ferrokv_store" "main": memory=16777216 is too small for blob_min/);
accepted(stores => "$store memory=16m max_value=1g blob_min=4k;");
refused(stores => "$store sync=often;", qr/invalid value "sync=often"/);
refused(stores => "$store sync=;", qr/invalid value "sync="/);
refused(stores => "$store max_value=-1;", qr/invalid value "max_value=-1"/);
refused(stores => "$store compression=gzip;",
        qr/invalid value "compression=gzip" in "ferrokv_store"/);
refused(stores => "$store index=hashed;", qr/invalid value "index=hashed"/);
refused(stores => "$store compaction=lazy;",
        qr/invalid value "compaction=lazy" in "ferrokv_store"/);
refused(stores => "$store cache_quota=much;",
        qr/invalid value "cache_quota=much" in "ferrokv_store"/);
refused(stores => "$store cache_quota=64k;",
        qr/"ferrokv_store" "main": a quota of 65536 is too small/);
refused(stores => "$store compression=;", qr/invalid value "compression="/);
refused(stores => "$store max_size=much;",
        qr/invalid value "max_size=much" in "ferrokv_store"/);
refused(stores => "$store max_size=1g evict=often;",
        qr/invalid value "evict=often" in "ferrokv_store"/);
refused(stores => "$store evict=lru;",
        qr/"ferrokv_store" "main": evict= needs max_size=/);
refused(stores => "$store max_size=0;", qr/invalid value "max_size=0"/);
refused(stores => "$store max_size=64k;",
        qr/"ferrokv_store" "main": max_size=65536 is too small/);
refused(stores => "$store colour=red;",
        qr/invalid parameter "colour=red" in "ferrokv_store"/);

refused(stores => "$store; ferrokv_store main path=other;",
        qr/"ferrokv_store" "main" is defined twice/);
refused(stores => "$store; ferrokv_store other path=store;",
        qr{"other" has the path "$dir/store" of "ferrokv_store" "main"});
refused(stores => "$store; ferrokv_store other path=$dir//./store/;",
        qr{"other" has the path "$dir/store" of "ferrokv_store" "main"});
refused(http => "proxy_cache_path $dir/store keys_zone=c:1m;",
        qr{the path "$dir/store" of "ferrokv_store" "main" is used by another});

accepted(stores => "$store memory=64m sync=everysec max_value=1m;");
accepted(stores => "$store memory=1g sync=off;");
accepted(stores => "$store cache_quota=1g;");
accepted(stores => "$store compression=$_;") for qw(lz4 zstd none);
accepted(stores => "$store index=$_;") for qw(linear binary learned);
accepted(stores => "$store compaction=$_;") for qw(leveled tiered adaptive);


# Which store

for my $use ('ferrokv_get $v k', 'ferrokv_set k v', 'ferrokv_incr $v k',
             'ferrokv_ttl $v k', 'ferrokv_del k', 'ferrokv_rest')
{
    my ($name) = $use =~ /^(\w+)/;

    accepted(location => "$use;");
    accepted(location => "$use store=main;");
    refused(location => "$use store=other;",
            qr{"$name" names the unknown store "other" in \S+nginx.conf:\d+});
}

$nginx->write_conf(conf(location => 'ferrokv_del k;',
    stores => "$store; ferrokv_store other path=other;"));
like(($nginx->test_conf)[1], qr/"ferrokv_del" needs "store=", as there are/,
     'of several stores one must be named');

$nginx->write_conf(conf(location => 'ferrokv_del k;', stores => ''));
like(($nginx->test_conf)[1], qr/"ferrokv_del" needs a store, but there is no/,
     'there must be a store');

$nginx->write_conf(conf(stores => ''));
is(($nginx->test_conf)[0], 0, 'but not if nobody needs it');


# Actions

refused(location => 'ferrokv_get v k;', qr/invalid variable name "v"/);
refused(location => 'ferrokv_get $ k;', qr/invalid variable name/);
refused(location => 'ferrokv_get $host k;', qr/duplicate "host" variable/);
refused(location => 'ferrokv_get $v $nothing;', qr/unknown "nothing" variable/);
refused(location => 'ferrokv_get $v k ttl=1;',
        qr/invalid parameter "ttl=1" in "ferrokv_get"/);
refused(location => 'ferrokv_get $v k phase=log;', qr/"phase=log" in "ferrokv_get"/);
refused(location => 'ferrokv_set k v later;',
        qr/invalid parameter "later" in "ferrokv_set"/);
refused(location => 'ferrokv_set k v phase=body;', qr/"phase=body"/);
refused(location => 'ferrokv_incr $v k by=x;',
        qr/invalid value "by=x" in "ferrokv_incr"/);
refused(location => 'ferrokv_incr $v k by=9223372036854775808;', qr/"by=/);
refused(location => 'ferrokv_incr $v k init=1.5;', qr/"init=1.5"/);
refused(location => 'ferrokv_del k nx;', qr/invalid parameter "nx"/);
refused(location => 'ferrokv_del;', qr/number of arguments in "ferrokv_del"/);
refused(location => 'ferrokv_inherit maybe;', qr/"maybe" in "ferrokv_inherit"/);

for my $ttl ('0', '-1', 'x', '1y', '1.5s', '1s2', ' 1', '999999999999',
             '18446744073709551617', '101x', '40000d')
{
    refused(location => "ferrokv_set k v 'ttl=$ttl';",
            qr/invalid value "ttl=\Q$ttl\E" in "ferrokv_set"/);
}

for my $ttl (qw(1 30s 5m 1h 1d 2w 1500ms 36500d $arg_ttl)) {
    accepted(location => "ferrokv_set k v ttl=$ttl;");
}


# Zones

my $pair = 'ferrokv $remote_addr $v';

refused(http => 'ferrokv_zone;', qr/number of arguments in "ferrokv_zone"/);
refused(http => 'ferrokv_zone zone=;', qr/invalid zone name ""/);
refused(http => 'ferrokv_zone a:lots;', qr/invalid zone size "a:lots"/);
refused(http => 'ferrokv_zone a timeout=0;', qr/invalid value "timeout=0"/);
refused(http => 'ferrokv_zone a type=cidr;', qr/invalid value "type=cidr"/);
refused(http => 'ferrokv_zone a sync;', qr/a store is of one machine/);
refused(http => 'ferrokv_zone a state=/tmp/x;', qr/needs no "state="/);
refused(http => 'ferrokv_zone a; ferrokv_zone a:1m;', qr/"a" is defined twice/);
refused(http => 'ferrokv_zone a store=other;',
        qr/"ferrokv_zone" names the unknown store "other"/);
refused(http => "$pair;", qr/"ferrokv" "\$v" has no "zone="/);
refused(http => "$pair zone=b;", qr/unknown zone "b" in \S+nginx.conf:\d+/);
refused(http => "ferrokv_zone a; $pair zone=a x=1;", qr/"x=1" in "ferrokv"/);
refused(http => "ferrokv_zone a; ferrokv k v zone=a;", qr/variable name "v"/);
refused(http => "ferrokv_zone a; $pair zone=a; $pair zone=a;",
        qr/duplicate "v" variable/);

accepted(http => "$pair zone=a; ferrokv_zone zone=a:1m timeout=1h type=string;");
accepted(http => "ferrokv_zone a:1m; $pair zone=a default=none;");


# Status

refused(location => 'ferrokv_status xml;', qr/invalid format "xml"/);
refused(location => 'ferrokv_status; ferrokv_status;', qr/is duplicate/);


# All that has been tested so far has opened nothing.

opendir my $handle, $dir or die "$dir: $!";
is_deeply([ grep { /store|other/ } readdir $handle ], [],
          'a test of the configuration makes no directory');

$nginx->allow(qr/./)->finish;
done_testing();
