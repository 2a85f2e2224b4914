# ferrokv_zone, and variables that are loaded before anything can use them.

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

    ferrokv_zone deny store=main timeout=100s;
    ferrokv_zone zone=plan:32k store=main type=string;
    ferrokv_zone zone=other store=two;

    map $arg_plan $plan_key { default $arg_plan; "" standard; }
    map $denied $state { 1 closed; default open; "" unknown; }

    ferrokv $arg_ip      $denied   zone=deny;
    ferrokv $remote_addr $real     zone=deny default=none;
    ferrokv $plan_key    $rate     zone=plan:1m "default=$arg_fallback";
    ferrokv "$rate-name" $name     zone=other;
    ferrokv $arg_ip      $elsewhere zone=other;
    ferrokv $arg_ip      $unused   zone=deny;
    ferrokv $arg_ssi     $by_name  zone=deny default=ssi;

    server {
        listen 127.0.0.1:%%PORT%%;
        root %%DIR%%/html;
        set_real_ip_from 127.0.0.1;

        location /set { ferrokv_set "$arg_k" "$arg_v" store=$arg_store; }
    }
}
ferrokv_store main path=%%DIR%%/store memory=64m;
ferrokv_store two path=%%DIR%%/two memory=64m;
CONF

like(($nginx->test_conf)[1], qr/unknown store "\$arg_store"/,
     'a store is a name, not an expression');

$nginx->write_conf($nginx->{conf}
    =~ s{location /set .*\n}{<<'LOCATIONS'}er);
location /set { ferrokv_set "$arg_k" "$arg_v" store=main;
                try_files /- /done; }
        location /set2 { ferrokv_set "$arg_k" "$arg_v" store=two;
                         try_files /- /done; }
        location /incr { ferrokv_incr $n "$arg_k" store=main;
                         try_files /- /done; }
        location /ttl { ferrokv_ttl $t "$arg_k" store=main;
                        try_files /- /ttl_done; }
        location /ttl_done { return 200 "$t"; }
        location /done { return 200 done; }

        location /if { if ($denied) { return 403; } return 200 ok; }
        location /rewrite { rewrite ^ /to/$rate last; }
        location /to/ { return 200 $uri; }
        location /map { return 200 $state; }
        location /real { return 200 $real; }
        location /chain { return 200 "$rate $name $elsewhere"; }
        location /redirect { ferrokv_set deny:$arg_ip 2 store=main;
                             try_files /- /seen; }
        location /seen { return 200 "$denied"; }
        location /sub { auth_request /auth; try_files /- /done; }
        location = /auth { internal; if ($denied) { return 403; }
                           return 204; }
        location /ssi { ssi on; default_type text/html; }
LOCATIONS

$nginx->start;

mkdir $nginx->dir . '/html';
$nginx->write_file('html/ssi', '<!--# echo var="by_name" -->');

my $http = Ferrokv::Http->new($nginx->port);

sub body { return $http->get(@_)->body }


# The entries of a zone are keys NAME:KEY.

is($http->get('/if?ip=192.0.2.7')->status, 200, 'no entry');
body('/set?k=deny:192.0.2.7&v=1');
is($http->get('/if?ip=192.0.2.7')->status, 403, 'if sees the entry');
is($http->get('/if?ip=192.0.2.8')->status, 200, 'of this key only');
is(body('/map?ip=192.0.2.7'), 'closed', 'map sees it');
is(body('/map?ip=192.0.2.8'), 'unknown', 'an absent one is empty');
is(body('/map'), 'unknown', 'so is that of an empty key');

body('/set?k=deny:192.0.2.7&v=0');
is($http->get('/if?ip=192.0.2.7')->status, 200, 'a change is seen at once');

is(body('/rewrite?fallback=slow'), '/to/slow', 'a default is an expression');
body('/set?k=plan:standard&v=fast');
is(body('/rewrite?fallback=slow'), '/to/fast', 'the key may come from a map');
is(body('/rewrite?plan=gold&fallback=x'), '/to/x', 'or an argument');

is(body('/chain?ip=a'), 'fast  ', 'zones are apart');
body('/set2?k=other:fast-name&v=Fast');
body('/set2?k=other:a&v=elsewhere');
body('/set2?k=deny:192.0.2.9&v=1');
is(body('/chain?ip=a'), 'fast Fast elsewhere',
   'a key may use the variable of an earlier line');
is($http->get('/if?ip=192.0.2.9')->status, 200, 'stores are apart');

is(body('/real'), 'none', 'realip comes first');
body('/set?k=deny:203.0.113.5&v=forwarded');
is($http->get('/real', 'X-Real-IP' => '203.0.113.5')->body, 'forwarded',
   'so the address is the real one');

body('/set?k=deny:192.0.2.7&v=1');
is(body('/redirect?ip=192.0.2.7'), 1, 'loaded once for a request');
is(body('/seen?ip=192.0.2.7'), 2, 'the next one sees the write');
is($http->get('/sub?ip=192.0.2.7')->status, 403, 'subrequests share it');
is($http->get('/sub?ip=192.0.2.8')->status, 200);


# timeout=

is(body('/ttl?k=deny:192.0.2.7'), 100, 'timeout is the TTL of a set');
body('/incr?k=deny:n');
is(body('/ttl?k=deny:n'), 100, 'and of an incr that creates');
is(body('/ttl?k=plan:standard'), -1, 'of its zone only');


# A name that nobody mentions

like(body('/ssi'), qr/none|\(none\)|^$/, 'not loaded for SSI');
like($nginx->error_log, qr/"\$by_name" is not loaded/, 'the log says so');

$http->send("BAD\r\n\r\n");
is($http->get('/if?ip=x')->status, 200, 'a bad request does no harm');

$nginx->finish;
done_testing();
