# ferrokv_get, _set, _incr, _ttl and _del: what they do, when and how often.

use strict;
use warnings;

use Test::More;

use Ferrokv::Http;
use Ferrokv::Nginx;

my $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 2);
%%GLOBALS%%
events { }
http {
    %%HTTP%%

    limit_req_zone $binary_remote_addr zone=never:1m rate=1r/m;
    map $status $is_404 { 404 1; default 0; }
    large_client_header_buffers 4 256k;

    server {
        listen 127.0.0.1:%%PORT%%;
        root %%DIR%%/html;
        add_header X-V "$v" always;

        # the answer: what an action has left in $v and $t
        location = /show { internal; add_header X-V "$v" always;
                           add_header X-T "$t" always; return 200 "$v"; }

        location /get { ferrokv_get $v "$arg_k"; ferrokv_ttl $t "$arg_k";
                        try_files /- /show; }
        location /default { ferrokv_get $v "$arg_k" "default=no $arg_k";
                            try_files /- /show; }
        location /set { ferrokv_set "$arg_k" "$arg_v" ttl=$arg_ttl;
                        try_files /- /show; }
        location /nx { ferrokv_set "$arg_k" "$arg_v" nx; try_files /- /show; }
        location /xx { ferrokv_set "$arg_k" "$arg_v" xx; try_files /- /show; }
        location /del { ferrokv_del "$arg_k"; try_files /- /show; }
        location /incr { ferrokv_incr $v "$arg_k" by=$arg_by init=$arg_init
                                      ttl=$arg_ttl; try_files /- /show; }
        location /if { ferrokv_incr $v "$arg_k" if=$arg_if;
                       try_files /- /show; }
        location /chain { ferrokv_get $a "user:$arg_k";
                          ferrokv_get $v "quota:$a"; try_files /- /show; }
        location /order { ferrokv_set o 1; ferrokv_incr $b o by=2;
                          ferrokv_get $v o; try_files /- /show; }
        location /return { ferrokv_incr $v returned; return 200 "$v"; }
        location /limited { limit_req zone=never; ferrokv_incr $v limited;
                            try_files /- /show; }
        location /denied { deny all; ferrokv_incr $v denied; }

        # redirects
        location /once { ferrokv_incr $v once; try_files /- /once2; }
        location /once2 { internal; ferrokv_incr $w once2;
                          error_page 404 = /show; }
        location /error { ferrokv_incr $v error; error_page 404 /oops; }
        location /oops { internal; ferrokv_incr $w oops; return 404 "$v"; }
        location /named { ferrokv_incr $v named; try_files /- @named; }
        location @named { ferrokv_incr $v named2; try_files /- /show; }

        # the log phase
        location /log { ferrokv_incr $v "log:$status" phase=log;
                        ferrokv_incr $w log:404 if=$is_404 phase=log;
                        ferrokv_set log:last "$request_uri" phase=log ttl=1h;
                        location /log/redirect { error_page 404 = /show; }
                        location /log/return { return 200 "$v"; } }
    }

    server {
        listen 127.0.0.1:%%PORT1%%;
        root %%DIR%%/html;
        ferrokv_incr $s levels:server;

        location / { ferrokv_incr $l levels:location; }
        location /off { ferrokv_inherit off;
                        ferrokv_incr $l levels:off; }
        location /off/inner { ferrokv_incr $l levels:inner; }
        location /if { if ($arg_x) { add_header X-If 1; }
                       ferrokv_incr $l levels:if; }
        location /sub { auth_request /auth; }
        location = /auth { internal; ferrokv_incr $l levels:auth;
                           proxy_pass http://127.0.0.1:%%PORT%%/set; }
    }

    server {
        listen 127.0.0.1:%%PORT2%% http2;
        location / { ferrokv_incr $v h2 ; try_files /- /show; }
        location = /show { return 200 "$v"; }
    }
}
ferrokv_store main path=%%DIR%%/store memory=64m;
CONF

$nginx->start;

my $http = Ferrokv::Http->new($nginx->port);
my $levels = Ferrokv::Http->new($nginx->port(1));


sub body { return $http->get(@_)->body }

sub is_body {
    my ($path, $want, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is($http->get($path)->body, $want, $name // $path);
}


# A key after writes that nobody waits for.
sub wait_value {
    my ($key, $want) = @_;

    return $nginx->wait_until(sub { body("/get?k=$key") eq $want }, 5);
}


# get, set, del

is_body('/get?k=a', '', 'an absent key is empty');
is_body('/default?k=a', 'no a', 'or the default');
is($http->get('/get?k=a')->header('X-T'), -2, 'its TTL is -2');
$http->get('/set?k=a&v=Alice');
is_body('/get?k=a', 'Alice', 'a value');
is_body('/default?k=a', 'Alice', 'hides the default');
is($http->get('/get?k=a')->header('X-T'), -1, 'TTL -1: it does not expire');
$http->get('/set?k=a&v=');
is_body('/get?k=a', '', 'an empty value');
is_body('/default?k=a', '', 'is a value');
$http->get('/del?k=a');
is_body('/default?k=a', 'no a', 'deleted');
is($http->get('/del?k=a')->status, 200, 'deleting an absent key is nothing');
is($http->get('/set?k=&v=1')->status, 200, 'an empty key is not written');
is_body('/default?k=', 'no ', 'and not found');

my $long = 'k' x 65536;

$http->get("/set?k=$long&v=long");
is_body("/get?k=$long", 'long', 'a key of 64 KiB');
$http->get("/set?k=${long}k&v=longer");
like($nginx->error_log,
     qr/"ferrokv_set": key "k{64}\.\.\." of store "main": the key is too long/,
     'one byte more is refused, logged and cut');


# Conditions

$http->get('/xx?k=c&v=1');
is_body('/get?k=c', '', 'xx does not create');
$http->get('/nx?k=c&v=2');
is_body('/get?k=c', '2', 'nx does');
$http->get('/nx?k=c&v=3');
is_body('/get?k=c', '2', 'nx does not replace');
$http->get('/xx?k=c&v=4');
is_body('/get?k=c', '4', 'xx does');

is_body('/if?k=f&if=1', '1', 'if=1');
is_body('/if?k=f&if=0', '', 'if=0');
is_body('/if?k=f&if=', '', 'if= nothing');
is_body('/if?k=f&if=00', '2', 'if=00 is not 0');


# TTL

$http->get('/set?k=t&v=1&ttl=100s');
is($http->get('/get?k=t')->header('X-T'), 100, 'seconds remain');
$http->get('/set?k=t&v=2');
is($http->get('/get?k=t')->header('X-T'), -1, 'a set without ttl clears it');
$http->get('/set?k=t&v=3&ttl=300ms');
is_body('/get?k=t', '3', 'not expired yet');
ok($nginx->wait_until(sub { body('/get?k=t') eq '' }, 3), 'expired');
is($http->get('/get?k=t')->header('X-T'), -2, 'an expired key is absent');

$http->get('/set?k=t&v=4');
for my $wrong (qw(0 -1 1y 99999999999999999999 1.5s s)) {
    $http->get("/set?k=t&v=5&ttl=$wrong");
    is_body('/get?k=t', '4', "ttl=$wrong is no time, nothing is written");
}
like($nginx->error_log,
     qr/"ferrokv_set": key "t" of store "main": "ttl=" is not a time/,
     'the log says so');


# incr

is_body('/incr?k=n', 1);
is_body('/incr?k=n', 2);
is_body('/incr?k=n&by=40', 42);
is_body('/incr?k=n&by=-50', -8);
is_body('/get?k=n', -8, 'the value is the number');
is_body('/incr?k=i&init=100', 101, 'init, then by');
is_body('/incr?k=i&init=100', 102, 'init only if it creates');
is_body('/incr?k=e&ttl=100', 1);
is($http->get('/get?k=e')->header('X-T'), 100, 'ttl if it creates');
$http->get('/incr?k=e&ttl=500');
is($http->get('/get?k=e')->header('X-T'), 100, 'and only then');

$http->get('/set?k=max&v=9223372036854775806&ttl=100');
is_body('/incr?k=max', '9223372036854775807', 'the largest number');
is_body('/incr?k=max', '', 'overflow');
is_body('/get?k=max', '9223372036854775807', 'leaves the value');
is($http->get('/get?k=max')->header('X-T'), 100, 'and the TTL');
$http->get('/set?k=min&v=-9223372036854775808');
is_body('/incr?k=min&by=-1', '', 'underflow');
is_body('/incr?k=min&by=1', '-9223372036854775807', 'the smallest number');

for my $wrong ('x', '1x', '+1', '01', '-', '-0', '1.0', '',
               '9223372036854775808', '-9223372036854775809')
{
    $http->get("/set?k=w&v=$wrong");
    is_body('/incr?k=w', '', "'$wrong' is no integer");
    is_body('/get?k=w', $wrong, 'and stays');
}
like($nginx->error_log,
     qr/"ferrokv_incr": key "w" of store "main": the value is not an integer/,
     'the log says so');
unlike($nginx->error_log, qr/9223372036854775808"|1x"/, 'without the value');

is_body('/incr?k=n&by=x', '', 'by= is no integer');
is_body('/get?k=n', -8, 'nothing happens');

# Order and phases

is_body('/order', 3, 'actions run in order');
$http->get('/set?k=user:joe&v=42');
$http->get('/set?k=quota:42&v=many');
is_body('/chain?k=joe', 'many', 'a key may use what an action has found');

is_body('/return', '', 'return ends before');
is_body('/get?k=returned', '', 'and nothing has run');
is($http->get('/denied')->status, 403, 'deny comes later');
is_body('/get?k=denied', 1, 'the action has run');
is($http->get('/limited')->status, 200, 'limit_req comes earlier');
is($http->get('/limited')->status, 503, 'it refuses');
is_body('/get?k=limited', 1, 'the action has not run again');


# Once

is_body('/once', 1, 'a redirect keeps the variable');
is_body('/get?k=once', 1, 'the action has run once');
is_body('/get?k=once2', 1, 'so has the one it leads to');
is_body('/error', 1, 'error_page');
is_body('/get?k=error', 1);
is_body('/get?k=oops', '', 'return again');
is_body('/named', 1, 'a named location');
is_body('/get?k=named', 1);
is_body('/get?k=named2', 1);

$levels->get('/x');
is_body('/get?k=levels:server', 1, "the server's");
is_body('/get?k=levels:location', 1, "and the location's");
$levels->get('/off');
is_body('/get?k=levels:server', 1, 'not inherited');
is_body('/get?k=levels:off', 1);
$levels->get('/off/inner');
is_body('/get?k=levels:server', 2, 'off holds for one level');
is_body('/get?k=levels:inner', 1);
$levels->get('/if?x=1');
is_body('/get?k=levels:if', 1, 'an if block has its location\'s');
is_body('/get?k=levels:server', 3);
$levels->get('/sub');
is_body('/get?k=levels:auth', '', 'not in subrequests');
is_body('/get?k=levels:server', 4, 'in the main request');


# The log phase

$http->get('/log');
ok(wait_value('log:404', 2), 'after the response');
ok(wait_value('log:last', '/log'), 'what it writes is a copy');
$http->get('/log/redirect');
ok(wait_value('log:200', 1), 'the status is known');
ok(wait_value('log:last', '/log/redirect'), 'though the request has moved on');
$http->get('/log/return');
ok(wait_value('log:200', 2), 'return ends in its location');


# Together

SKIP: {
    my $port = $nginx->port(2);

    skip 'no curl', 1 if system('curl --version >/dev/null 2>&1') != 0;

    my $out = `curl -s --http2-prior-knowledge http://127.0.0.1:$port/`;
    is($out, 1, 'HTTP/2');
}

$http->send("GET /log\x01 HTTP/1.1\r\nHost: x\r\n\r\n");
$http->send("BAD\r\n\r\n");
is_body('/get?k=a&x=1', '', 'bad requests do no harm');

for (1 .. 20) {
    my $gone = Ferrokv::Http->new($nginx->port)->connect;
    $gone->write("GET /incr?k=gone HTTP/1.1\r\nHost: x\r\n\r\n");
    $gone->close;
}
ok(wait_value('gone', 20), 'clients that leave do not stop an action');

my @answers;
my $pipe = Ferrokv::Http->new($nginx->port)->connect;
$pipe->write("GET /incr?k=pipe HTTP/1.1\r\nHost: x\r\n\r\n" x 50);
push @answers, $pipe->read_answer->body for 1 .. 50;
is_deeply(\@answers, [ 1 .. 50 ], 'pipelined requests are in order');

$nginx->finish;
done_testing();
