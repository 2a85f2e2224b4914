# A store of version 1.0 becomes one of today's: read as it is, then updated while
# the helper is killed again and again, and commands go on.

use strict;
use warnings;

use File::Basename qw(dirname);
use File::Copy qw(copy);
use File::Temp qw(tempdir);
use Test::More;
use Time::HiRes qw(sleep);

use Ferrokv::Installed;
use Ferrokv::Extension qw(build_extension);
use Ferrokv::Nginx;
use Ferrokv::Resp;

my $documents = 3000;
my $dir = tempdir('ferrokv-XXXXXX', CLEANUP => 1,
                  DIR => $ENV{FKV_TMP} // '/var/tmp');

chmod 0755, $dir;

# Both versions beside each other, as two releases leave them.
build_extension("$dir/ext", 'json', version => '1.0.0',
                source => slurp(dirname($0) . '/older/json.c'));

for my $file (glob extension_dir() . '/json-*.so') {
    my $to = "$dir/ext/" . $file =~ s{.*/}{}r;

    copy($file, $to) or die "$to: $!";
    chmod 0755, $to;
}

my ($today) = map { /json-(.*)\.so$/ && $1 ne '1.0.0' ? $1 : () }
    glob "$dir/ext/json-*.so";

my $nginx = Ferrokv::Nginx->new(<<'CONF', stream => 1,
%%GLOBALS%%
%%EXTENSIONS%%
ferrokv_store main path=%%DIR%%/store memory=32m;
events { }
stream { server { listen 127.0.0.1:%%PORT%%; ferrokv_resp admin=on; } }
CONF
    vars => { EXTENSIONS => extensions('1.0.0') });

$nginx->start;

my $redis = connection();

$nginx->wait_until(sub {
    return $redis->cmd('JSON.SET', 'first', '$', '{"first": 1}') eq 'OK';
}, 20) or BAIL_OUT('1.0.0 is not installed');

$redis->cmd('JSON.SET', "k$_", '$',
            sprintf '{"all": %d, "f%d": [1.50]}', $_, $_ % 50) eq 'OK'
    or BAIL_OUT('a document is not written')
    for 1 .. $documents;
$redis->cmd('SET', "plain$_", 'no document') for 1 .. 100;
$redis->cmd('JSON.SET', 'damaged', '$', '{"a": ');
is(row()->{schema}, 1, 'schema 1');

# Today's version serves it as it is.
$nginx->stop;
$nginx->write_conf(undef, vars => { EXTENSIONS => extensions($today) });
$nginx->start;
$redis = connection();

ok($nginx->wait_until(sub {
    return $redis->cmd('JSON.GET', 'k51', '$.f1') eq '[[1.5]]';
}, 20), 'what 1.0 has written is read');
is(row()->{schema}, 1, 'still schema 1');
like($redis->cmd('JSON.FIELDS'), qr/^ERR JSON.FIELDS needs schema 2/,
     'what needs the new schema says so');
like($redis->cmd('JSON.GET', 'damaged'), qr/^ERR corrupt data/,
     'what is no JSON is damaged');

# The step, with a helper that dies.
unlike($redis->cmd('FERROKV.EXTENSION', 'UPDATE', 'json'), qr/^ERR/, 'UPDATE');

for my $i (1 .. 15) {
    $nginx->kill('KILL', $nginx->helpers) if $nginx->helpers;
    is($redis->cmd('JSON.SET', "new$i", '$', sprintf '{"new%d": 1}', $i), 'OK',
       'commands go on');
    $nginx->wait_until(sub { scalar $nginx->helpers }, 20);
    sleep rand 0.03;
}

ok($nginx->wait_until(sub { row()->{schema} == 2 }, 60), 'schema 2')
    or diag explain row();

like(row()->{problem}, qr/^passed over the value of key "damaged"/,
     'LIST names what could not be read');
is(row()->{state}, 'installed', 'which holds up nothing');
is($redis->cmd('DEL', 'damaged'), 1, 'and can be deleted');

my @expected = sort 'all', 'first', (map { "f$_" } 0 .. 49),
    map { "new$_" } 1 .. 15;

ok($nginx->wait_until(sub {
    my $fields = connection()->cmd('JSON.FIELDS');
    return ref $fields eq 'ARRAY' && "@$fields" eq "@expected";
}, 20), 'all fields, of old documents and new ones')
    or diag explain $redis->cmd('JSON.FIELDS');

is($redis->cmd('JSON.GET', 'k7', '$'), '[{"all":7,"f7":[1.5]}]',
   'and documents are what they were');

$nginx->finish;
done_testing();


sub extensions {
    my ($version) = @_;

    # Deaths inside of it would put it to sleep.
    return "ferrokv_extension_path $dir/ext;\n"
        . "ferrokv_extension_crash_limit 100/60s;\n"
        . "ferrokv_extension json version=$version grant=helper;";
}


sub connection { return Ferrokv::Resp->new($nginx->port, timeout => 60) }


sub row {
    my $asks = connection();

    $asks->cmd('HELLO', 3);

    my $list = $asks->cmd('FERROKV.EXTENSION', 'LIST');

    return (ref $list eq 'ARRAY' ? grep { $_->{name} eq 'json' } @$list : ())[0] // {};
}


sub slurp {
    local (@ARGV, $/) = @_;
    return scalar <>;
}
