# Limits that are configured wrongly, variables that are no rates, and a store
# that cannot answer.

use strict;
use warnings;

use Test::More;

use Ferrokv::Http;
use Ferrokv::Nginx;

sub conf {
    my (%part) = @_;

    $part{$_} //= '' for qw(http server size);
    $part{stores} //= "ferrokv_store main path=%%DIR%%/store memory=64m"
                      . " $part{size};";

    return <<"CONF";
%%GLOBALS%%
events { }
$part{stores}
http {
    %%HTTP%%
    $part{http}
    server {
        listen 127.0.0.1:%%PORT%%;
        $part{server}
        location /kv/ { ferrokv_rest write=on store=main; }
        location = /status { ferrokv_status; }
    }
}
CONF
}

my $nginx = Ferrokv::Nginx->new(conf());

sub refused {
    my ($http, $server, $regex, %part) = @_;

    $nginx->write_conf(conf(http => $http, server => $server, %part));
    my ($status, $said) = $nginx->test_conf;
    my @emerg = $said =~ /\[emerg\] (.*)/g;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is($status, 1, "refused: $http $server") or diag $said;
    is(scalar @emerg, 1, '  in one sentence') or diag $said;
    like($emerg[0] // '', $regex, '  that says why');
    like($emerg[0] // '', qr/"ferrokv_\w+".* in \S+:\d+\s*$/,
         '  with directive and line');
}


# Zones

my $zone = 'ferrokv_limit_zone $arg_k';

for my $rate ('', '0r/s', '10', '10r', 'r/s', '10r/y', '-1r/s', '1.5r/s',
              '10r/0s', '1000000001r/s', '1r/367d', '99999999999999999999r/s',
              '10r/s5', '10 r/s')
{
    refused("$zone zone=a \"rate=$rate\";", '',
            qr/invalid parameter "rate=\Q$rate\E" in "ferrokv_limit_zone"/);
}

refused("$zone rate=1r/s;", '', qr/"ferrokv_limit_zone" .*has no "zone="/);
refused("$zone zone=a;", '', qr/"ferrokv_limit_zone" .*has no "rate="/);
refused("$zone;", '', qr/invalid number of arguments in "ferrokv_limit_zone"/);
refused("$zone zone=$_ rate=1r/s;", '',
        qr/invalid zone name "\Q$_\E" in "ferrokv_limit_zone"/)
    for '', 'a=b', ':1m', 'a/b', 'a"b';
refused("$zone zone=a:much rate=1r/s;", '',
        qr/invalid zone size "a:much" in "ferrokv_limit_zone"/);
refused("$zone zone=a rate=1r/s $_;", '',
        qr/invalid parameter "\Q$_\E" in "ferrokv_limit_zone"/)
    for qw(algorithm=best algorithm= ipv6_prefix=0 ipv6_prefix=129
           ipv6_prefix= sync=often store= burst=5 size=1m);
refused("$zone zone=a rate=1r/s; $zone zone=a:10m rate=1r/s;", '',
        qr/"ferrokv_limit_zone" "a" is defined twice/);
refused("$zone zone=a rate=1r/s store=other;", '',
        qr/"ferrokv_limit_zone" names the unknown store "other"/);
refused("$zone zone=a rate=1r/s;", '',
        qr/"ferrokv_limit_zone" .*store/, stores =>
        'ferrokv_store main path=%%DIR%%/a; ferrokv_store b path=%%DIR%%/b;');


# Limits

my $good = "$zone zone=a rate=1r/s; $zone zone=b rate=1r/s;";

refused($good, 'ferrokv_limit zone=c;',
        qr/"ferrokv_limit" names the unknown zone "c"/);
refused($good, 'ferrokv_limit burst=5;', qr/"ferrokv_limit" .*has no "zone="/);
refused($good, "ferrokv_limit zone=a $_;",
        qr/invalid parameter "\Q$_\E" in "ferrokv_limit"/)
    for qw(burst= burst=five burst=-1 burst=1000000001 delay= delay=x cost=
           cost=1.5 phase=content phase= wait rate=1r/s);
refused($good, 'ferrokv_limit zone=a; ferrokv_limit zone=a phase=log;',
        qr/duplicate "ferrokv_limit" of zone "a"/);
refused('ferrokv_limit_zone $arg_k zone=a rate=1r/s store=main;'
        . ' ferrokv_limit_zone $arg_k zone=b rate=1r/s store=two;',
        'ferrokv_limit zone=a; ferrokv_limit zone=b;',
        qr/"ferrokv_limit" of zones "a" and "b" .* different stores/,
        stores => 'ferrokv_store main path=%%DIR%%/a;'
                  . ' ferrokv_store two path=%%DIR%%/b;');

for (['status', 200], ['status', 'x'], ['dry_run', 'maybe'],
     ['log_level', 'loud'], ['headers', 'some'], ['body', 'html'],
     ['on_error', 'wait'])
{
    refused($good, "ferrokv_limit_$_->[0] $_->[1];",
            qr/invalid value "$_->[1]" in "ferrokv_limit_$_->[0]"/);
}


# Variables that are nothing: counted, logged once a minute, on_error decides.

$nginx->write_conf(conf(http => <<'HTTP', server => <<'SERVER'));
    ferrokv_limit_zone $arg_k zone=rate rate=$arg_rate;
    ferrokv_limit_zone $arg_k zone=burst rate=1r/h;
    ferrokv_limit_zone $arg_k zone=cost rate=1r/h;
HTTP
        location /rate { ferrokv_limit zone=rate; empty_gif; }
        location /reject { ferrokv_limit_on_error reject;
                           ferrokv_limit zone=rate; empty_gif; }
        location /burst { ferrokv_limit zone=burst burst=$arg_burst;
                          empty_gif; }
        location /cost { ferrokv_limit zone=cost cost=$arg_cost; empty_gif; }
        location /dry { ferrokv_limit_on_error reject;
                        ferrokv_limit_dry_run on;
                        ferrokv_limit zone=rate; empty_gif; }
SERVER
$nginx->{workers} = 1;
$nginx->write_conf($nginx->{conf});
$nginx->start;

my $http = Ferrokv::Http->new($nginx->port);

sub statuses {
    my ($path, $n) = @_;

    return join ' ', map { $http->get($path)->status } 1 .. $n;
}

sub zone { return $http->get('/status')->json->{limits}{$_[0]} }

is(statuses("/rate?k=a&rate=$_", 2), '200 200', "allowed: rate=$_")
    for '', '0r/s', 'fast', '10r/s%0d%0aX:y', 'x' x 1000;
is(zone('rate')->{errors}, 10, 'counted');
is(() = $nginx->error_log =~ /"ferrokv_limit": zone "rate": invalid rate/g, 1,
   'logged once a minute');
is(statuses('/rate?k=a&rate=1r/h', 2), '200 429', 'a good one');
is(statuses('/reject?k=a&rate=', 2), '503 503', 'on_error reject');
is(statuses('/reject?k=r&rate=1r/h', 2), '200 429', 'a good one');
is(statuses('/dry?k=d&rate=', 2), '200 200', 'not in a dry run');
is(statuses('/burst?k=a&burst=', 2), '200 200', 'an empty burst');
is(statuses('/burst?k=a&burst=-1', 2), '200 200', 'a negative one');
is(zone('burst')->{errors}, 4, 'counted');
is(statuses('/cost?k=a&cost=1.5', 2), '200 200', 'a broken cost');
is(zone('cost')->{errors}, 2, 'counted');
is(zone('rate')->{passed}, 2, 'what was not decided has not passed');
is($http->get('/rate?rate=1r/h&k=' . 'x' x 7000)->status, 200, 'a long key');

$nginx->finish;


# A full store

my @limits = (http => <<'HTTP', server => <<'SERVER');
    ferrokv_limit_zone $arg_k zone=a rate=1r/h;
    ferrokv_limit_zone $arg_k zone=s rate=1r/h sync=always;
HTTP
        location /allow { ferrokv_limit zone=a; empty_gif; }
        location /reject { ferrokv_limit_on_error reject;
                           ferrokv_limit zone=a; empty_gif; }
        location /always { ferrokv_limit zone=s; empty_gif; }
SERVER

sub start {
    my (%part) = @_;

    $nginx = Ferrokv::Nginx->new(conf(@limits, %part), workers => 1);
    $nginx->start;
    $http = Ferrokv::Http->new($nginx->port);
}

subtest 'a full store' => sub {
    start(size => 'max_size=2m max_value=256k');
    is(statuses('/allow?k=before', 2), '200 429', 'before it is full');

    my $r;

    for my $i (1 .. 20000) {
        $r = $http->put("/kv/k$i", 'x' x 1000);
        last if $r->status != 201;
    }

    is($r->status, 507, 'full');
    is($http->put('/kv/last' . 'x' x $_, 'y')->status =~ /201|507/, 1)
        for reverse 0 .. 300;

    is(statuses('/allow?k=new', 3), '200 200 200', 'on_error allow');
    is(statuses('/reject?k=new', 3), '503 503 503', 'on_error reject');
    is(statuses('/allow?k=before', 1), '429', 'what is known goes on');
    is(zone('a')->{errors}, 6, 'counted');
    is(() = $nginx->error_log =~ /zone "a": no decision: .*max_size/g, 1,
       'logged once');

    $nginx->finish;
};


# A store that is read-only: its log is damaged in the middle.

subtest 'a read-only store' => sub {
    start();
    is(statuses('/allow?k=before', 2), '200 429', 'before');
    is($http->put("/kv/k$_", "value $_ " x 500)->status, 201) for 1 .. 20;
    $nginx->kill('KILL');

    my ($log) = sort { -M $a <=> -M $b || $a cmp $b }
        grep { slurp($_) =~ /value 10 value 10/ }
        glob $nginx->dir . '/store/log/*';
    my $at = index slurp($log), 'value 10 value 10';

    flip($log, $at + 100);
    $nginx->start;
    $http = Ferrokv::Http->new($nginx->port);

    ok($http->get('/status')->json->{stores}{main}{readonly}, 'read-only');
    is(statuses('/allow?k=new', 3), '200 200 200', 'on_error allow');
    is(statuses('/reject?k=new', 3), '503 503 503', 'on_error reject');
    is(statuses('/always?k=new', 3), '200 200 200', 'sync=always');
    is($http->get('/reject?k=new')->header('RateLimit'), undef,
       'no header tells what nobody knows');
    like($nginx->error_log, qr/zone "a": no decision: .*read-only/, 'logged');

    $nginx->allow(qr/\[alert\]/);
    $nginx->finish;
};

done_testing();


sub slurp {
    my ($path) = @_;

    open my $file, '<:raw', $path or die "$path: $!";
    local $/;
    return scalar <$file>;
}


sub flip {
    my ($path, $at) = @_;

    open my $file, '+<:raw', $path or die "$path: $!";
    seek $file, $at, 0;
    read $file, my $byte, 1 or die "$path: no byte at $at";
    seek $file, $at, 0;
    print {$file} chr(ord($byte) ^ 0x40);
    close $file or die "$path: $!";
}
