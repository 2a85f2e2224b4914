# What an extension leaves behind when it is not there: row by row.

use strict;
use warnings;

use JSON::PP qw(decode_json encode_json);
use Test::More;

use Ferrokv::Extension qw(build_extension);
use Ferrokv::Http;
use Ferrokv::Nginx;

my $code = <<'C';
#include <string.h>

static const ferrokv_type  box = {
    FERROKV_TYPE, 0, "box", 0, 0, NULL, NULL, NULL, NULL, NULL, NULL
};

static int
put_call(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    ferrokv_str    self = { NULL, 0 };
    ferrokv_value  val = { argv[2], &box, 0 };
    int            rc = ctx->api->put(ctx, argv[1], self, &val);

    (void) argc;

    if (rc == FERROKV_OK) {
        val = (ferrokv_value) { argv[2], NULL, 0 };
        rc = ctx->api->put(ctx, self, argv[1], &val);
    }

    return (rc < 0) ? rc : ctx->api->say_status(ctx, "OK");
}

static int
get_call(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    ferrokv_str    self = { NULL, 0 };
    ferrokv_value  val;
    int            rc = ctx->api->get(ctx, argv[1], self, &val);

    (void) argc;

    return (rc < 0) ? rc
           : (rc == FERROKV_NONE) ? ctx->api->say_null(ctx)
           : ctx->api->say_str(ctx, val.data);
}

/* What the own map has of it. */
static int
own_call(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    ferrokv_str    self = { NULL, 0 };
    ferrokv_value  val;
    int            rc = ctx->api->get(ctx, self, argv[1], &val);

    (void) argc;

    return (rc < 0) ? rc
           : (rc == FERROKV_NONE) ? ctx->api->say_null(ctx)
           : ctx->api->say_str(ctx, val.data);
}

static const ferrokv_command  put_command = {
    FERROKV_COMMAND, FERROKV_WRITE, "BOX.PUT", 3, 1, 1, 1, put_call,
    "key value", "Puts a box"
};

static const ferrokv_command  get_command = {
    FERROKV_COMMAND, FERROKV_READ, "BOX.GET", 2, 1, 1, 1, get_call,
    "key", "What is in a box"
};

static const ferrokv_command  own_command = {
    FERROKV_COMMAND, FERROKV_READ, "BOX.OWN", 2, 0, 0, 0, own_call,
    "key", "What the own map knows of a box"
};

static int
seen(ferrokv_ctx *ctx, ferrokv_event *ev)
{
    (void) ctx;
    (void) ev;

    return FERROKV_OK;
}

static const ferrokv_hook  seen_hook = {
    FERROKV_HOOK, 0, "box.seen", FERROKV_ON_COMMIT, FERROKV_OBSERVE, "", seen
};
C

my $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 2,
%%GLOBALS%%
ferrokv_extension_path %%DIR%%/ext;
%%EXTENSIONS%%
ferrokv_store main path=%%DIR%%/store memory=64m;
events { }
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:%%PORT%%;
        location /redis { ferrokv_commands write=on admin=on; }
        location /kv/ { ferrokv_rest write=on; }
        location = /status { ferrokv_status json; }
        location = /text { ferrokv_status text; }
    }
}
CONF
    vars => { EXTENSIONS => 'ferrokv_extension box; ferrokv_extension quota;' });

build_extension($nginx->dir . '/ext', 'box', code => $code,
    control => "trusted = true\n",
    provides => '&box, &put_command, &get_command, &own_command, &seen_hook');

build_extension($nginx->dir . '/ext', 'quota', code => <<'C',
static int
check(ferrokv_ctx *ctx, ferrokv_event *ev)
{
    (void) ctx;
    (void) ev;

    return FERROKV_OK;
}

static const ferrokv_hook  check_hook = {
    FERROKV_HOOK, FERROKV_REQUIRED, "quota.check", FERROKV_ON_WRITE,
    FERROKV_CHECK, "guarded:", check
};
C
    provides => '&check_hook');


sub command {
    return decode_json(Ferrokv::Http->new($nginx->port)
                       ->post('/redis', encode_json(\@_),
                              'Content-Type' => 'application/json')->body);
}


sub result { return command(@_)->{result} }
sub error  { return command(@_)->{error} // '' }


sub configure {
    my ($line) = @_;
    my @old = $nginx->workers;

    $nginx->write_conf(undef, vars => { EXTENSIONS => $line });
    ok($nginx->reload, "reload with '$line'");
    ok($nginx->wait_gone(@old), 'the old workers have gone');
}


sub listed {
    my ($found) = grep { $_->{name} eq 'box' }
        map { +{ @$_ } } @{ result('ferrokv.extension', 'list') // [] };

    return $found // {};
}


sub status {
    my $all = decode_json(Ferrokv::Http->new($nginx->port)
                          ->get('/status')->body);

    return $all->{stores}{main}{$_[0] // 'extensions'};
}


# What INFO and the status for people say of it.
sub module_lines {
    my ($info) = grep { /^module:name=box,/ }
        split /\r\n/, result('info', 'modules');
    my ($text) = grep { /^module:name=box,/ }
        split /\n/, Ferrokv::Http->new($nginx->port)->get('/text')->body;

    return [ $info, $text ];
}


subtest 'as long as it is there' => sub {
    $nginx->start;
    is(result('box.put', "k$_", "v$_"), 'OK', "k$_") for 1 .. 20;
    is(result('box.get', 'k1'), 'v1', 'what a command reads');
    is(result('type', 'k1'), 'box', 'TYPE');
    like(error('get', 'k1'), qr/^WRONGTYPE/, 'GET');
    is(listed()->{state}, 'installed', 'LIST');
    is(status()->[0]{name}, 'box', 'the status');
    is_deeply(status()->[0]{types}, ['box'], 'its types there');
    is_deeply(status()->[1]{hooks}, ['check write guarded:* required'],
              'hooks of another one');
    is_deeply(status('hooks'),
              [ { name => 'quota.check', extension => 'quota',
                  hook => 'check write guarded:* required' },
                { name => 'box.seen', extension => 'box',
                  hook => 'observe commit *' } ],
              'hooks of all extensions in their order');
    is_deeply([ map { +{ @$_ } } @{ result('ferrokv.extension', 'hooks') } ],
              status('hooks'), 'HOOKS says the same');
    is_deeply(module_lines(), [ ('module:name=box,ver=1.0.0,schema=0,'
              . 'state=installed,crashes=0,slow=0,memory=0') x 2 ],
              'INFO, and the status for people');
    is(result('set', 'guarded:1', 'x'), 'OK', 'what a hook allows');
    like(error('ferrokv.extension', 'drop', 'box'), qr/install=manual/,
         'what nginx.conf installs is not dropped');
};

subtest 'without it' => sub {
    configure('');
    is(listed()->{state}, 'missing', 'LIST');
    is(listed()->{library}, undef, 'there is no library');
    is_deeply(module_lines(),
              [ ('module:name=box,ver=1.0.0,schema=0,state=missing') x 2 ],
              'INFO, and the status for people');
    like(error('get', 'k1'), qr/^EXTMISSING .*box.* 1\.0\.0/,
         'GET names extension and version');
    like(error('box.get', 'k1'), qr/^EXTMISSING .*box.* 1\.0\.0.*box\.get/,
         'so do its commands');
    like(error('box.nosuch', 'k1'), qr/^ERR unknown command/,
         'those that it had');
    is(result('type', 'k1'), 'box', 'TYPE');
    is(result('exists', 'k1'), 1, 'EXISTS');
    is(result('ttl', 'k1'), -1, 'TTL');
    is(result('expire', 'k1', 1000), 1, 'EXPIRE');
    cmp_ok(result('ttl', 'k1'), '>', 900, 'TTL of one that expires');
    is(result('persist', 'k1'), 1, 'PERSIST');
    is(scalar @{ result('keys', 'k*') }, 20, 'KEYS');
    is(scalar @{ result('scan', 0, 'match', 'k*', 'count', 100)->[1] }, 20, 'SCAN');
    is(result('del', 'k2'), 1, 'DEL');
    is(result('rename', 'k3', 'r3'), 'OK', 'RENAME');
    is(result('set', 'k4', 'plain'), 'OK', 'SET over it');
    is(result('get', 'k4'), 'plain', 'which is bytes then');
    is(result('pexpire', 'k5', 1), 1, 'PEXPIRE');
    ok($nginx->wait_until(sub { !result('exists', 'k5') }), 'expires');
    is(Ferrokv::Http->new($nginx->port)->delete('/kv/k6')->status, 204,
       'DELETE');
};

subtest 'without a hook that is required' => sub {
    like(error('set', 'guarded:1', 'y'), qr/^EXTMISSING/, 'SET');
    like(error('del', 'guarded:1'), qr/^EXTMISSING/, 'DEL');
    is(Ferrokv::Http->new($nginx->port)->put('/kv/guarded:1', 'y')->status,
       501, 'PUT');
    is(result('get', 'guarded:1'), 'x', 'what it was');
    is(result('set', 'free', 'y'), 'OK', 'what the hook is not for');
    is(result('del', 'free'), 1, 'and its DEL');
};

subtest 'also after a restart' => sub {
    $nginx->restart;
    is(result('type', 'k1'), 'box', 'TYPE');
    like(error('get', 'k1'), qr/^EXTMISSING/, 'GET');
    ok($nginx->wait_log(
           qr/\[error\].*extension "box" 1\.0\.0.*store "main".*not load/),
       'the log has a line about it');
};

subtest 'with it again' => sub {
    configure('ferrokv_extension box;');
    is(result('box.get', 'k1'), 'v1', 'what it was');
    is(result('box.get', 'r3'), 'v3', 'what was renamed');
    is(result('box.get', 'k2'), undef, 'what was deleted');
    is(result('box.own', 'k2'), 'v2', 'its own map');
    like(error('set', 'guarded:1', 'y'), qr/^EXTMISSING/,
         'beside its hooks the one that is missing counts');
};

subtest 'dropped' => sub {
    configure('ferrokv_extension box install=manual;');
    is(error('ferrokv.extension', 'drop', 'box'),
       'ERR cannot drop extension "box": 16 values of its types depend on it, '
       . 'the first is "k1" in database 0; delete what there is, or say CASCADE',
       'DROP refuses as long as there are values');
    is(listed()->{state}, 'installed', 'it stays');
    is(result('box.get', 'k1'), 'v1', 'with all its values');

    like(result('ferrokv.extension', 'drop', 'box', 'cascade'), qr/DROPPING/,
         'DROP CASCADE');
    ok($nginx->wait_until(sub { listed()->{state} eq 'not installed' }),
       'takes it away');
    is_deeply([ sort @{ result('keys', '*') } ], ['guarded:1', 'k4'],
              'with its values');
    ok($nginx->wait_until(sub { error('box.get', 'k1') =~ /not installed/ }),
       'its commands say so');

    is(result('ferrokv.extension', 'create', 'box'), 'OK', 'CREATE');
    ok($nginx->wait_until(sub { error('box.put', 'k1', 'new') eq '' }, 10),
       'it works again');
    is(result('box.own', 'k2'), undef, 'its own map is another');
    like(error('ferrokv.extension', 'create', 'box'), qr/installed already/,
         'CREATE once more');
    like(error('ferrokv.extension', 'create', 'nosuch'),
         qr/"ferrokv_extension nosuch;"/, 'what is not loaded');
    like(error('ferrokv.extension', 'drop', 'nosuch'), qr/not installed/,
         'what is not there');
};

subtest 'ferrokv_missing_extension refuse' => sub {
    $nginx->write_conf(undef, vars => {
        EXTENSIONS => 'ferrokv_missing_extension refuse;' });
    $nginx->allow(qr/says "refuse"|exited with fatal code 2/);
    $nginx->stop;
    $nginx->start;
    ok($nginx->wait_log(qr/\[emerg\].*extension "box" 1\.0\.0 is installed/),
       'workers do not serve such a store');
};

$nginx->finish;
done_testing();
