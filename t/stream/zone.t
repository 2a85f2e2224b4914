# ferrokv_zone and ferrokv in stream: variables loaded when their key is known.

use strict;
use warnings;

use IO::Socket::INET;
use Test::More;

use Ferrokv::Http;
use Ferrokv::Nginx;

my $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 2, stream => 1);
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=64m;
events { }
http {
    %%HTTP%%
    ferrokv_zone deny type=ip;
    ferrokv $arg_name $known zone=name default=no;
    ferrokv $arg_ip $denied zone=deny default=no;

    server {
        listen 127.0.0.1:%%PORT%%;
        location /kv/ { ferrokv_rest write=on; }
        location /known { return 200 "$known $denied"; }
    }
}
stream {
    ferrokv_zone zone=name:1m timeout=1h;
    ferrokv_zone path type=prefix;

    ferrokv $remote_addr $denied zone=deny default=no;
    ferrokv "$denied-$server_port" $early zone=name default=nothing;
    ferrokv $ssl_server_name $sni zone=name default=nobody;
    ferrokv $ssl_preread_server_name $preread zone=name default=nobody;
    ferrokv $word $path zone=path default=root;
    ferrokv $remote_addr $unused zone=name;

    map $denied $backend { no %%PORT1%%; default %%PORT9%%; }
    map $remote_addr $word { default /api/users; }
    limit_conn_zone $early zone=early:1m;

    server {
        listen 127.0.0.1:%%PORT1%%;
        set $copy $early;
        ferrokv_incr $n "seen:$denied" if=$early;
        return "$denied $early $copy $n $path";
    }

    server {
        listen 127.0.0.1:%%PORT2%%;
        proxy_pass 127.0.0.1:$backend;
    }

    server {
        listen 127.0.0.1:%%PORT3%% ssl;
        ssl_certificate %%DIR%%/cert.pem;
        ssl_certificate_key %%DIR%%/cert.pem;
        return "$ssl_server_name=$sni $denied\n";
    }

    server {
        listen 127.0.0.1:%%PORT4%%;
        ssl_preread on;
        proxy_pass 127.0.0.1:$preread;
    }

    server {
        listen 127.0.0.1:%%PORT5%%;
        limit_conn early 1;
        ssl_preread on;
        return "$path";
    }
}
CONF

my $dir = $nginx->dir;

system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1"
       . " -nodes -days 2 -subj /CN=a.example -keyout $dir/cert.pem"
       . " -out $dir/crt -batch 2>/dev/null && cat $dir/crt >> $dir/cert.pem")
    == 0 or die 'openssl';

$nginx->start;

my $http = Ferrokv::Http->new($nginx->port);

sub put { $http->put("/kv/$_[0]", $_[1]) }

sub connected {
    my ($port) = @_;

    return IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $nginx->port($port), Timeout => 10) // die "connect: $!";
}

sub said {
    my $socket = connected(@_);

    local $/;
    return scalar(<$socket>) // '';
}

sub tls {
    my ($port, $name) = @_;
    my $at = $nginx->port($port);

    my $options = "-sk --http0.9 --max-time 10 --resolve $name:$at:127.0.0.1";

    return scalar `curl $options https://$name:$at/`;
}


is(said(1), 'no nothing nothing 1 root', 'there are no entries');

put('deny:127.0.0.0/8', 'all');
put('path:%2Fapi', 'api');
is(said(1), 'all nothing nothing 1 api', 'networks and prefixes');
put('name:all-' . $nginx->port(1), 'found');
is(said(1), 'all found found 2 api',
   'a key may use the variable of an earlier line');
is($http->get('/kv/seen:all')->body, 2, 'so may actions, which come later');

is($http->get('/known?name=all-' . $nginx->port(1) . '&ip=127.3.2.1')->body,
   'found all', 'http and stream share zones');

is(said(2), '', 'map sees it: proxied to nobody');
$http->delete('/kv/deny:127.0.0.0%2F8');
is(said(2), 'no nothing nothing 2 api', 'and to somebody');

put('name:a.example', 'Alice');
is(tls(3, 'a.example'), "a.example=Alice no\n", 'the name of a TLS handshake');
is(tls(3, 'b.example'), "b.example=nobody no\n", 'another one');
put('name:c.example', $nginx->port(3));
is(tls(4, 'c.example'), 'c.example=' . $nginx->port(3) . " no\n",
   'the name of a handshake that is passed on');

my $slow = connected(5);
print {$slow} 'no TLS at all';
is(do { local $/; scalar <$slow> }, 'api', 'no TLS where it is looked for');

is($http->get('/kv/name:a.example?meta')->json->{ttl_ms} > 3e6, 1,
   'timeout= of a zone in stream holds for http');


# From tables that nobody has read yet, so sessions wait, early and late

put('deny:127.0.0.0%2F8', 'all');
$nginx->restart;
$http = Ferrokv::Http->new($nginx->port);
is(tls(3, 'a.example'), "a.example=Alice all\n", 'read from disk, with TLS');

$nginx->restart;
is(said(1), 'all found found 3 api', 'and without');


# Reload, and what nginx -t says

my $conf = $nginx->{conf};

ok($nginx->reload, 'reload');
is(tls(3, 'a.example'), "a.example=Alice all\n", 'it goes on');

sub refused {
    my ($what, $with, $why) = @_;

    $nginx->write_conf($conf =~ s/\Q$what\E/$with/r);
    my ($status, $text) = $nginx->test_conf;

    ok($status != 0, "refused: $with");
    like($text, $why, 'and it says why');
}

refused('zone path type=prefix', 'zone deny', qr/"deny" is defined twice/);
refused('zone=path default', 'zone=nowhere default', qr/unknown zone "nowhere"/);
refused('$path zone=path', 'path zone=path', qr/invalid variable name "path"/);
refused('zone path type=prefix', 'zone path type=x', qr/invalid value "type=x"/);

# what nginx's own "return" makes of a client that has sent something
$nginx->allow(qr/SSL_shutdown\(\) failed/);

$nginx->finish;
done_testing();
