# That keys have expired is noticed: by the helper, soon, once, also by the next
# helper.

use strict;
use warnings;
use Test::More;
use Time::HiRes qw(sleep time);

use Ferrokv::Http;
use Ferrokv::Nginx;

my $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 2);
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=8m;
events { }
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:%%PORT%%;
        location /kv/ { ferrokv_rest write=on danger=on; }
        location = /status { ferrokv_status; }
    }
}
CONF

$nginx->start;
my $http = Ferrokv::Http->new($nginx->port);

sub figure { $http->get('/status')->json->{stores}{main}{$_[0]} }

sub noticed { figure('expired_noticed') }

# Waits for a count, and then whether it stays that.
sub noticed_is {
    my ($n, $name) = @_;
    my $until = time + 30;

    sleep 0.05 while noticed() < $n && time < $until;
    sleep 0.2;
    is(noticed(), $n, $name);
}

$http->put('/kv/stays', 'x');
is(noticed(), 0, 'nothing expires');

$http->put("/kv/soon$_?ttl=300ms", 'x') for 1 .. 100;
$http->put("/kv/late$_?ttl=1h", 'x') for 1 .. 100;
noticed_is(100, 'what has expired was noticed');

my $late = figure('expiry_late_max_ms');
cmp_ok($late, '<', 20_000, "at most $late ms late");

# Renewed, deleted, and kept from expiring.

$http->put("/kv/$_?ttl=700ms", 'x') for qw(renewed deleted kept gone1 gone2 is);
$http->put('/kv/renewed?ttl=1h', 'x');
$http->put('/kv/kept', 'x');
$http->delete('/kv/deleted');
$http->delete('/kv/?prefix=gone');
noticed_is(101, 'only what was left to expire');

# The helper dies; what expires until there is another one is noticed by that.

$http->put("/kv/waits$_?ttl=1s", 'x') for 1 .. 50;
my ($helper) = $nginx->helpers;
$nginx->allow(qr/exited on signal 9$/);
kill 'KILL', $helper;
$nginx->wait_gone($helper);
noticed_is(151, 'by the next helper too');

# All die: what is left is in tables then.

$http->put("/kv/table$_?ttl=8s", 'x') for 1 .. 50;
$nginx->kill('KILL');
$nginx->start;
noticed_is(50, 'and from tables');

$nginx->finish;
done_testing();
