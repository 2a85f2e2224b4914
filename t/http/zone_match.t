# ferrokv_zone type=ip and type=prefix: the longest entry that matches.

use strict;
use warnings;

use JSON::PP;
use Socket qw(inet_pton inet_ntop AF_INET AF_INET6);
use Test::More;

use Ferrokv::Http;
use Ferrokv::Nginx;

my $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 2);
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=64m;
events { }
http {
    %%HTTP%%

    ferrokv_zone net type=ip;
    ferrokv_zone zone=path:1m type=prefix timeout=100s;

    ferrokv $arg_ip      $net   zone=net default=none;
    ferrokv $remote_addr $mine  zone=net;
    ferrokv $arg_path    $path  zone=path default=none;
    ferrokv $uri         $route zone=path;

    map $net $open { bad 0; default 1; }

    server {
        listen 127.0.0.1:%%PORT%%;

        if ($mine = closed) { return 403; }

        location /kv/ { ferrokv_rest write=on; }
        location /net/ { ferrokv_rest write=on prefix=net:; }
        location /path/ { ferrokv_rest write=on prefix=path:; }
        location /ip { return 200 $net; }
        location /open { return 200 $open; }
        location /prefix { return 200 $path; }
        location /set { ferrokv_set net:$arg_key $arg_value;
                        ferrokv_incr $n net:$arg_n; try_files /- /ip; }
        location /app { rewrite ^ /to/$route last; }
        location /to/ { return 200 $uri; }
    }
}
CONF

$nginx->start;

my $http = Ferrokv::Http->new($nginx->port);

sub ip     { return $http->get("/ip?ip=$_[0]")->body }
sub prefix { return $http->get("/prefix?path=$_[0]")->body }

sub batch {
    my ($key, @ops) = @_;

    while (my @some = splice @ops, 0, 1000) {
        my $response = $http->post("/kv/?batch", encode_json(\@some),
                                   'Content-Type' => 'application/json');
        is($response->status, 200, "a batch of entries of $key");
    }
}

sub put {
    my ($path, $value) = @_;

    my $status = $http->put($path, $value)->status;
    ok($status == 201 || $status == 204, "PUT $path");
}


# Addresses and networks

is(ip('192.0.2.7'), 'none', 'no entry at all');

put('/net/192.0.2.0/24', 'c');
put('/net/192.0.0.0/16', 'b');
put('/net/192.0.2.7', 'seven');
put('/net/192.0.2.128/25', 'half');
put('/net/0.0.0.0/0', 'all');

is(ip('192.0.2.7'), 'seven', 'an address has its own entry');
is(ip('192.0.2.8'), 'c', 'another one that of the smallest network');
is(ip('192.0.2.200'), 'half', 'which may be half of one');
is(ip('192.0.77.1'), 'b', 'or a larger one');
is(ip('10.0.0.1'), 'all', 'or the largest');
is(ip('255.255.255.255'), 'all', 'of the last address too');
is(ip('2001:db8::1'), 'none', 'which has no IPv6 address in it');

is(ip('192.0.2.0/24'), 'c', 'a network has its own entry');
is(ip('192.0.2.0/26'), 'c', 'a part of it that too');
is(ip('192.0.2.192/26'), 'half', 'or the smaller one');
is(ip('192.0.2.0/23'), 'b', 'one that holds it has another');
is(ip('::ffff:192.0.2.7'), 'seven', 'an IPv4 address in IPv6 is one');
is(ip('::ffff:c000:207'), 'seven', 'however it is written');
is(ip('::ffff:192.0.2.0/122'), 'c', 'networks too');

put('/net/2001:db8::/32', 'doc');
put('/net/2001:db8:1::/48', 'one');
put('/net/2001:db8:1::1', 'host');
put('/net/::/0', 'six');

is(ip('2001:db8::1'), 'doc', 'an IPv6 network');
is(ip('2001:db8:1:2::1'), 'one', 'a smaller one');
is(ip('2001:db8:1::1'), 'host', 'an address');
is(ip('2001:0DB8:0001:0:0:0:0:1'), 'host', 'spelled in another way');
is(ip('2001:db9::1'), 'six', 'the largest');
is(ip('::1'), 'six');

is(ip($_), 'none', "\"$_\" is no address")
    for '', 'unix:', '192.0.2', '192.0.2.7.1', '192.0.2.7/33', '192.0.2.7/',
        '192.0.2.7/-1', '/8', '2001:db8::/129', 'fe80::1%25eth0', 'a' x 300;

is($http->delete('/net/192.0.2.0/24')->status, 204, 'an entry is deleted');
is(ip('192.0.2.8'), 'b', 'then the next one is found');

is($http->get('/open?ip=10.0.0.1')->body, 1, 'map sees it');
put('/net/10.0.0.0/8', 'bad');
is($http->get('/open?ip=10.0.0.1')->body, 0, 'and what it has become');

put('/net/127.0.0.0/8?ttl=1500ms', 'closed');
is($http->get('/ip?ip=10.0.0.1')->status, 403, 'if sees it');
ok($nginx->wait_until(sub { $http->get('/ip?ip=10.0.0.1')->status == 200 }),
   'until its TTL has passed');


# What an entry must look like

sub refused {
    my ($key, $why) = @_;
    my $response = $http->put("/net/$key", 'x');

    is($response->status, 400, "no entry $key");
    is($response->json->{code}, 'bad_key');
    like($response->json->{detail}, $why, 'it says why');
}

refused('10.1.2.3/8', qr{it is "10\.0\.0\.0/8", not "10\.1\.2\.3/8"});
refused('10.1.2.3/32', qr{it is "10\.1\.2\.3", not});
refused('010.0.0.0/8', qr{it is "10\.0\.0\.0/8", not});
refused('2001:DB8::/32', qr{it is "2001:db8::/32", not});
refused('2001:db8::1:2/64', qr{it is "2001:db8::/64", not});
refused('::ffff:192.0.2.7', qr{it is "192\.0\.2\.7", not});
refused('office', qr{"office" is neither an address nor a network, as the zone});

is($http->post('/net/office?incr=1')->status, 400, 'no counter of that name');
is($http->delete('/net/office')->status, 404, 'deletes may name anything');
is($http->get('/net/office')->status, 404, 'and reads');
is($http->put('/kv/network', 'x')->status, 201, 'other keys do not care');

my $response = $http->post('/kv/?batch', encode_json([
        { op => 'set', key => 'net:198.51.100.1', value => 'good' },
        { op => 'set', key => 'net:198.51.100.1/24', value => 'wrong' },
    ]), 'Content-Type' => 'application/json');
is($response->status, 400, 'nor in a batch');
like($response->json->{detail}, qr{operation 1: .*"198\.51\.100\.0/24"},
     'which says where');
is(ip('198.51.100.1'), 'all', 'and does nothing');

is($http->get('/set?key=198.51.100.0/24&value=set&n=198.51.100.9&'
              . 'ip=198.51.100.7')->body, 'all', 'before ferrokv_set');
is(ip('198.51.100.7'), 'set', 'after it');
is(ip('198.51.100.9'), 1, 'and ferrokv_incr');
$http->get('/set?key=198.51.100.7/24&value=wrong&n=x');
is(ip('198.51.100.7'), 'set', 'which write no other name');
like($nginx->error_log,
     qr{"ferrokv_set": key "net:198\.51\.100\.7/24" of store "main": in the },
     'the log says why');


# Prefixes

is(prefix('/api/users/1'), 'none', 'no entry at all');

put('/path/%2Fapi%2F', 'api');
put('/path/%2Fapi%2Fusers%2F', 'users');
put('/path/%2Fapi%2Fusers%2F1', 'one');
put('/path/%2Fapi%2Fzoo', 'zoo');
put('/path/%2Fa', 'a');
put('/path/b', 'b');

is(prefix('/api/users/'), 'users', 'the same key');
is(prefix('/api/users/2'), 'users', 'the longest beginning');
is(prefix('/api/users/10'), 'one');
is(prefix('/api/users'), 'api', 'a shorter one');
is(prefix('/api/z'), 'api', 'a longer entry is none');
is(prefix('/apj'), 'a');
is(prefix('/b'), 'none', 'nothing begins so');
is(prefix(''), 'none', 'an empty key finds nothing');
is(prefix('b' x 4000), 'b', 'a long key');
is($http->get('/app')->body, '/to/a', 'rewrite sees it');
is($http->get('/kv/path:b?meta')->json->{ttl_ms} > 0, 1, 'timeout= holds');


# Against a model: random networks and prefixes, also from tables and the log

srand(42);

sub bits { return unpack 'B*', inet_pton($_[0] =~ /:/ ? AF_INET6 : AF_INET,
                                         $_[0]) }

sub text {
    my ($bits, $all) = @_;

    return inet_ntop($all == 32 ? AF_INET : AF_INET6,
                     pack 'B*', $bits . '0' x ($all - length $bits))
        . (length $bits < $all ? '/' . length $bits : '');
}

sub best {
    my ($entries, $key) = @_;

    for my $len (reverse 1 .. length $key) {
        my $value = $entries->{substr $key, 0, $len};
        return $value if defined $value;
    }

    return;
}

sub random_bits {
    my ($start, $all) = @_;

    # few bits are free, so that many networks lie in each other
    my $bits = $start . join '', map { int rand 2 } 1 .. 10;
    return substr $bits . ('0' x $all), 0, $all;
}

my %all = (4 => 32, 6 => 128);
my %start = (4 => [ '110010110000000001110001', '10101100' ],
             6 => [ '0010000000000001' . '0000110110111000' . '0' x 40,
                    '0010101000000001' ]);
my (%model, @ops, @asked);

for my $i (1 .. 3000) {
    my $family = (4, 6)[rand 2];
    my $all = $all{$family};
    my $bits = random_bits($start{$family}[rand 2], $all);
    my $net = substr $bits, 0, 1 + int rand $all;
    my $name = text($net, $all);

    next if $name eq '10.0.0.0/8' || $name =~ /^::[\d.]+$/;

    if (rand() < 0.1) {
        delete $model{$family}{$net};
        push @ops, { op => 'delete', key => "net:$name" };

    } else {
        $model{$family}{$net} = "v$i";
        push @ops, { op => 'set', key => "net:$name", value => "v$i" };
    }

    push @asked, [ $family, random_bits($start{$family}[rand 2], $all) ];
}

my %old = ('192.0.0.0/16' => 'b', '192.0.2.7' => 'seven',
           '192.0.2.128/25' => 'half', '198.51.100.0/24' => 'set',
           '198.51.100.9' => 1, '2001:db8::/32' => 'doc',
           '2001:db8:1::/48' => 'one', '2001:db8:1::1' => 'host');

for my $name (keys %old) {
    my ($address, $len) = split m{/}, $name;
    my $bits = bits($address);

    $model{$name =~ /:/ ? 6 : 4}{substr $bits, 0, $len // length $bits}
        //= $old{$name};
}

batch('networks', @ops);

my @words = map {
    join '', map { ('a', 'b', 'ab', '/')[rand 4] } 1 .. 1 + rand 8
} 1 .. 2000;
my %prefixes = ('/api/' => 'api', '/api/users/' => 'users',
                '/api/users/1' => 'one', '/api/zoo' => 'zoo', '/a' => 'a',
                b => 'b');

@ops = ();

for my $word (@words) {
    $prefixes{$word} = "p$word";
    push @ops, { op => 'set', key => "path:$word", value => "p$word" }
}

batch('prefixes', @ops);

sub compare {
    my ($when) = @_;
    my $wrong = 0;

    for my $asked (@asked[0 .. 399]) {
        my ($family, $bits) = @$asked;
        my $address = text($bits, $all{$family});
        my $want = best($model{$family}, $bits)
            // ($family == 4 ? 'all' : 'six');
        my $got = ip($address);

        next if $got eq $want;
        diag("$address: $got, not $want") if $wrong++ < 5;
    }

    for my $word (map { "${_}ab" } @words[0 .. 199]) {
        my $got = prefix($word);

        next if $got eq (best(\%prefixes, $word) // 'none');
        diag("$word: $got") if $wrong++ < 5;
    }

    is($wrong, 0, "as the model says, $when");
}

compare('in memory');

$nginx->kill('KILL');
$nginx->start;
$http = Ferrokv::Http->new($nginx->port);
compare('after a crash');

$nginx->finish;
done_testing();
