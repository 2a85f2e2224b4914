# ferrokv_extension: where files come from and whose they are, what nginx -t
# says of wrong ones, reloads.

use strict;
use warnings;

use Test::More;

use Ferrokv::Extension qw(build_extension command_source);
use Ferrokv::Http;
use Ferrokv::Nginx;

my $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 1,
%%GLOBALS%%
%%EXTENSIONS%%
ferrokv_store main path=%%DIR%%/store memory=64m;
events { }
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:%%PORT%%;
        location /redis { ferrokv_commands write=on admin=on; }
        %%LOCATION%%
    }
}
CONF
    vars => { EXTENSIONS => '', LOCATION => '' });

my $dir = $nginx->dir . '/ext';
my $path = "ferrokv_extension_path $dir;";


sub configure {
    my ($extensions, $location) = @_;

    $nginx->write_conf(undef, vars => { EXTENSIONS => $extensions,
                                        LOCATION => $location // '' });
}


# What nginx -t says of lines behind the path.
sub tested {
    my ($lines, $location) = @_;

    configure("$path\n$lines", $location);
    my ($status, $text) = $nginx->test_conf;

    return ($status == 0, $text);
}


sub accepted {
    my ($lines, $name, $location) = @_;
    my ($ok, $text) = tested($lines, $location);

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ok($ok, $name) or diag($text);
    return $text;
}


sub refused {
    my ($lines, $regex, $name, $location) = @_;
    my ($ok, $text) = tested($lines, $location);

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ok(!$ok, "$name: refused");
    like($text, $regex, $name);
}


sub says {
    my ($word) = @_;

    return "return ctx->api->say_str(ctx, (ferrokv_str) { \"$word\", "
        . length($word) . ' });';
}


build_extension($dir, 'demo',
    code => command_source('hello', 'DEMO.HELLO', says('one')),
    provides => '&hello');

subtest 'a command of an extension' => sub {
    accepted('ferrokv_extension demo;', 'known to ferrokv_call',
             'location /v { ferrokv_call $v DEMO.HELLO; return 200 $v; }');

    $nginx->start;
    my $http = Ferrokv::Http->new($nginx->port);

    is($http->get('/redis/demo.hello')->body, qq({"result":"one"}\n), 'over HTTP');
};

$nginx->finish;
done_testing();
