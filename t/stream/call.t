# ferrokv_call in stream servers.

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
stream {
    log_format status "$server_port $status";
    access_log %%DIR%%/stream.log status;

    server {
        listen 127.0.0.1:%%PORT1%%;
        ferrokv_set a A;
        ferrokv_call $n INCR "visits:$remote_addr";
        ferrokv_call $v MGET a none "visits:$remote_addr";
        return "$n|$v|$v_0|$v_1|$v_2";
    }

    server {
        listen 127.0.0.1:%%PORT2%%;
        ferrokv_call $banned deny=403 STRLEN "ban:$remote_addr";
        ferrokv_incr $n passed;
        return "in";
    }

    server {
        listen 127.0.0.1:%%PORT3%%;
        ferrokv_call $n on_error=reject INCR a;
        return "never";
    }

    server {
        listen 127.0.0.1:%%PORT4%%;
        ferrokv_call $n INCR a;
        return "all the same|$n";
    }
}
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:%%PORT%%;
        location /kv/ { ferrokv_rest write=on; }
    }
}
CONF

$nginx->start;


# All that the server of a port says.
sub visit {
    my ($i) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $nginx->port($i), Timeout => 10) or die "connect: $!";
    local $/;

    return scalar(<$socket>) // '';
}


sub logged {
    my ($i, $status) = @_;
    my $port = $nginx->port($i);

    return $nginx->wait_until(sub {
        open my $log, '<', $nginx->dir . '/stream.log' or return;
        return grep { $_ eq "$port $status\n" } <$log>;
    });
}


my $http = Ferrokv::Http->new($nginx->port);

is(visit(1), '1||A||1', 'scalars and items');
is(visit(1), '2||A||2', 'again');

is(visit(2), 'in', 'the first item is 0');
$http->put('/kv/ban:127.0.0.1', 'x');
is(visit(2), '', 'deny');
ok(logged(2, 403), 'with its status');
is($http->get('/kv/passed')->body, '1', 'nothing runs behind it');

is(visit(3), '', 'reject');
ok(logged(3, 503), 'with its status');
is(visit(4), 'all the same|', 'allow');
ok($nginx->wait_log(qr/"ferrokv_call": "incr" in store "main": ERR value/),
   'and logged');

$nginx->finish;
done_testing();
