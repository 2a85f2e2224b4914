# ferrokv_call: any command as a directive; its variables, deny and on_error;
# when it runs; what a configuration may not say.

use strict;
use warnings;

use Test::More;

use Ferrokv::Http;
use Ferrokv::Nginx;

my $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 2);
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=64m;
ferrokv_store two path=%%DIR%%/two memory=64m;
events { }
http {
    %%HTTP%%
    map $list_1 $mapped { volatile; default "mapped $list_1"; }

    server {
        listen 127.0.0.1:%%PORT%%;
        root %%DIR%%/html;

        location /show { internal; return 200 "$v|$v_0|$v_1|$v_2|$v_9"; }

        location /set { ferrokv_call $s store=main SET set "<$arg_x>";
                        ferrokv_call $x store=main GET set;
                        try_files /- /set2; }
        location /set2 { internal; return 200 "$s $x"; }
        location /incr { ferrokv_call $v store=main incrby $arg_k $arg_by;
                         try_files /- /show; }
        location /mget { ferrokv_call $v store=main MGET a "$arg_k" c;
                         try_files /- /show; }
        location /get { ferrokv_call $v store=main GET $arg_k;
                        try_files /- /show; }
        location /two { ferrokv_call $v store=two GET a; try_files /- /show; }
        location /order { ferrokv_set o 1 store=main;
                          ferrokv_call $v store=main INCR o;
                          ferrokv_get $x o store=main;
                          try_files /- /order2; }
        location /order2 { internal; return 200 "$v $x"; }
        location /nest { ferrokv_call $list store=main MGET a b;
                         ferrokv_call $list_b store=main MGET b a;
                         try_files /- /nest2; }
        location /nest2 { internal;
                          return 200 "$list_0 $list_b_0 $mapped ${list_0}!"; }
        location /twice { ferrokv_call $v store=main MGET a;
                          ferrokv_call $v store=main MGET b c;
                          try_files /- /show; }

        location /deny { ferrokv_call $v store=main deny=403 GET $arg_k;
                         ferrokv_incr $n passed store=main;
                         try_files /- /show; }
        location /deny_first { ferrokv_call $v store=main deny=429
                                            MGET $arg_k a; }
        location /page { error_page 403 /page2;
                         ferrokv_call $v store=main deny=403 GET yes; }
        location /page2 { internal; ferrokv_call $v store=main GET a;
                          try_files /- /show; }
        location /error { ferrokv_call $v store=main INCR text;
                          try_files /- /show; }
        location /reject { ferrokv_call $v store=main on_error=reject
                                        INCR text;
                           ferrokv_incr $n passed store=main;
                           try_files /- /show; }
        location /once { ferrokv_call $v store=main INCR once;
                         try_files /- /once2; }
        location /once2 { internal; try_files /- /show; }

        location /kv/ { ferrokv_rest store=main write=on; }
    }

    server {
        listen 127.0.0.1:%%PORT1%%;
        root %%DIR%%/html;
        ferrokv_call $s store=main INCR server;
        location /in { ferrokv_call $l store=main INCR location;
                       error_page 404 =200 /levels; }
        location /off { ferrokv_inherit off; error_page 404 =200 /levels; }
        location /levels { internal; ferrokv_inherit off;
                           return 200 "$s|$l"; }
    }
}
CONF

$nginx->start;

my $http = Ferrokv::Http->new($nginx->port);
my %value = (a => 'A', b => 'B', c => 'C', yes => 1, no => 0, empty => '',
             text => 'word');

$http->put("/kv/$_", $value{$_}) for keys %value;


sub shows {
    my ($path, $body, $name) = @_;
    my $r = $http->get($path);

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is($r->status . ' ' . $r->body, "200 $body", $name // $path);
}


subtest 'variables' => sub {
    shows('/set?x=a%20b', 'OK <a%20b>', 'a status, a string');
    shows('/incr?k=n&by=5', '5||||', 'a number');
    shows('/incr?k=n&by=-7', '-2||||', 'a negative one');
    shows('/mget?k=b', '|A|B|C|', 'an array: its items');
    shows('/mget?k=none', '|A||C|', 'null is none');
    shows('/get?k=none', '||||', 'nor here');
    shows('/get?k=empty', '||||', 'an empty one');
    shows('/two', '||||', 'another store');
    shows('/order', '2 2', 'among other actions, in their order');
    shows('/nest', 'A B mapped B A!', '$list_b_0 is of $list_b');
    shows('/twice', '|B|C||', 'the last one counts');
};

subtest 'deny' => sub {
    is($http->get('/deny?k=yes')->status, 403, 'true');
    is($http->get('/deny?k=text')->status, 403, 'a word is true');
    is($http->get('/kv/passed')->status, 404, 'nothing runs behind it');
    shows('/deny?k=no', '0||||', '0 is not');
    shows('/deny?k=empty', '||||', 'nor is an empty string');
    shows('/deny?k=none', '||||', 'nor is none');
    is($http->get('/kv/passed')->body, '3', 'then the others run');
    is($http->get('/deny_first?k=yes')->status, 429, 'the first item');
    is($http->get('/deny_first?k=no')->status, 404, 'only the first');
    my $r = $http->get('/page');
    is($r->status . ' ' . $r->body, '403 A||||', 'an error_page has its own');
};

subtest 'on_error' => sub {
    shows('/error', '||||', 'allow: as if it were not there');
    ok($nginx->wait_log(qr/\[error\]\ .*"ferrokv_call":\ "incr"\ in\ store
                           \ "main":\ ERR\ value\ is\ not/x), 'and logged');
    $http->delete('/kv/passed');
    is($http->get('/reject')->status, 503, 'reject');
    is($http->get('/kv/passed')->status, 404, 'ends the request');
    shows('/error', '||||', 'and no other one');
};

subtest 'when' => sub {
    shows('/once', '1||||', 'once');
    shows('/once', '2||||', 'for each request');

    my $other = Ferrokv::Http->new($nginx->port(1));
    is($other->get('/in')->body, '1|1', 'levels add up');
    is($other->get('/off')->body, '|', 'if they do not say otherwise');
};

$nginx->finish;


# What nginx -t says.
my $conf = Ferrokv::Nginx->new('', workers => 1);

for my $case (
    ['$v NOPE a', qr/"ferrokv_call": ERR unknown command 'NOPE'/],
    ['$v GET', qr/"ferrokv_call": ERR wrong number of arguments for 'get'/],
    ['$v GET a b', qr/"ferrokv_call": ERR wrong number of arguments for 'get'/],
    ['$v KEYS *', qr/"ferrokv_call": "keys" .*, so it is not for requests/],
    ['$v DBSIZE', qr/"ferrokv_call": "dbsize" may take as long as the store/],
    ['$v FLUSHALL', qr/"ferrokv_call": "flushall" is for administrators/],
    ['$v CLIENT ID', qr/"ferrokv_call": ERR 'client\|id' is about a connection/],
    ['$v CONFIG SET maxmemory 1', qr/"config\|set" is for administrators/],
    ['$v store=main', qr/"ferrokv_call" names no command/],
    ['$v store=other GET a', qr/other/],
    ['v GET a', qr/invalid variable name "v"/],
    ['$v deny=200 GET a', qr/"deny=200".* between 400 and 599/],
    ['$v deny=no GET a', qr/"deny=no"/],
    ['$v on_error=what GET a', qr/"on_error=what".* "allow" or "reject"/],
    ['$v GET $nowhere', qr/unknown "nowhere" variable/],
    ['$http GET a', qr/the duplicate "http_" variable/],
) {
    my ($directive, $regex) = @$case;

    $conf->write_conf(<<"CONF");
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=64m;
events { }
http {
    %%HTTP%%
    server { listen 127.0.0.1:%%PORT%%; ferrokv_call $directive; }
}
CONF
    my ($status, $said) = $conf->test_conf;
    my @emerg = $said =~ /\[emerg\] (.*)/g;

    is($status, 1, "refused: $directive") or diag $said;
    is(scalar @emerg, 1, '  in one sentence') or diag $said;
    like($emerg[0] // '', $regex, '  that says why');
}

$conf->finish;
done_testing();
