# A library that is older than its data: row by row as if there was none
# (extension_missing.t), until the newer one is back.

use strict;
use warnings;

use JSON::PP qw(decode_json encode_json);
use Test::More;

use Ferrokv::Extension qw(build_extension);
use Ferrokv::Http;
use Ferrokv::Nginx;

my %box = (needs => 'FERROKV_NEEDS_HELPER', steps => 'steps',
           provides => '&join, &type, &add, &put, &get, &own,'
                       . ' &check_hook, &index_hook', code => <<'C');
#include <string.h>

static const ferrokv_str  none = { NULL, 0 };

static int
full(ferrokv_ctx *ctx, ferrokv_str key, const ferrokv_value *base,
    const ferrokv_str *ops, size_t n, ferrokv_value *out)
{
    size_t  len = (base != NULL) ? base->data.len : 0;
    char   *to = ctx->api->alloc(ctx, len + 100 * n);

    (void) key;
    out->data.data = to;

    if (len > 0) {
        memcpy(to, base->data.data, len);
    }

    for (size_t i = 0; i < n; i++) {
        memcpy(to + len, ops[i].data, ops[i].len);
        len += ops[i].len;
    }

    out->data.len = len;

    return FERROKV_OK;
}

static const ferrokv_merge  join = {
    FERROKV_MERGE, 0, "box.join", full, NULL
};

static const ferrokv_type  type = {
    FERROKV_TYPE, 0, "box", 0, 0, "box.join", NULL, NULL, NULL, NULL, NULL
};

static int
step(ferrokv_ctx *ctx)
{
    (void) ctx;

    return FERROKV_OK;
}

static const ferrokv_step  steps[] = {
    { sizeof(ferrokv_step), 0, step },
    { sizeof(ferrokv_step), 0, step }
};

static int
add_call(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    int  rc = ctx->api->merge(ctx, argv[1], none, &type, argv[2]);

    (void) argc;

    return (rc < 0) ? rc : ctx->api->say_status(ctx, "OK");
}

static int
put_call(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    ferrokv_value  val = { argv[2], &type, 0 };
    int            rc = ctx->api->put(ctx, argv[1], none, &val);

    (void) argc;

    return (rc < 0) ? rc : ctx->api->say_status(ctx, "OK");
}

static int
say_value(ferrokv_ctx *ctx, ferrokv_str key, ferrokv_str elem)
{
    ferrokv_value  val;
    int            rc = ctx->api->get(ctx, key, elem, &val);

    return (rc < 0) ? rc
           : (rc == FERROKV_NONE) ? ctx->api->say_null(ctx)
           : ctx->api->say_str(ctx, val.data);
}

static int
get_call(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    (void) argc;

    return say_value(ctx, argv[1], none);
}

static int
own_call(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    (void) argc;

    return say_value(ctx, none, argv[1]);
}

static const ferrokv_command  add = {
    FERROKV_COMMAND, FERROKV_WRITE | FERROKV_BLIND, "BOX.ADD", 3, 1, 1, 1,
    add_call, "key text", "Appends"
};

static const ferrokv_command  put = {
    FERROKV_COMMAND, FERROKV_WRITE, "BOX.PUT", 3, 1, 1, 1, put_call,
    "key text", "Sets"
};

static const ferrokv_command  get = {
    FERROKV_COMMAND, FERROKV_READ, "BOX.GET", 2, 1, 1, 1, get_call, "key", "All"
};

static const ferrokv_command  own = {
    FERROKV_COMMAND, FERROKV_READ, "BOX.OWN", 2, 0, 0, 0, own_call, "key",
    "What the own map has"
};

static int
check(ferrokv_ctx *ctx, ferrokv_event *ev)
{
    (void) ctx;
    (void) ev;

    return FERROKV_OK;
}

static const ferrokv_hook  check_hook = {
    FERROKV_HOOK, FERROKV_REQUIRED, "box.check", FERROKV_ON_WRITE,
    FERROKV_CHECK, "guarded:", check
};

static int
index_fn(ferrokv_ctx *ctx, ferrokv_event *ev)
{
    ferrokv_value  val = { { "1", 1 }, NULL, 0 };

    return ctx->api->put(ctx, none, ev->key, &val);
}

static const ferrokv_hook  index_hook = {
    FERROKV_HOOK, 0, "box.index", FERROKV_ON_WRITE, FERROKV_OBSERVE, "idx:",
    index_fn
};
C

my $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 2,
%%GLOBALS%%
ferrokv_extension_path %%DIR%%/ext;
ferrokv_extension box version=%%VERSION%% grant=helper;
ferrokv_store main path=%%DIR%%/store memory=64m;
events { }
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:%%PORT%%;
        location /redis { ferrokv_commands write=on admin=on; }
        location /kv/ { ferrokv_rest write=on; }
    }
}
CONF
    vars => { VERSION => '2.0' });

build_extension($nginx->dir . '/ext', 'box', %box, version => "$_.0",
                schema => $_, serves => $_) for 1, 2;


sub http { return Ferrokv::Http->new($nginx->port) }

sub command {
    return decode_json(http()->post('/redis', encode_json(\@_),
                                    'Content-Type' => 'application/json')
                             ->body);
}

sub result { return command(@_)->{result} }
sub error  { return command(@_)->{error} // '' }

sub listed {
    my ($found) = grep { $_->{name} eq 'box' }
        map { +{ @$_ } } @{ result('ferrokv.extension', 'list') // [] };

    return $found // {};
}


sub reload {
    my ($version) = @_;
    my @old = $nginx->workers;

    $nginx->write_conf(undef, vars => { VERSION => $version });
    ok($nginx->reload, "reload with $version");
    ok($nginx->wait_gone(@old), 'the old workers have gone');
}


subtest 'with the library that wrote them' => sub {
    $nginx->start;
    ok($nginx->wait_until(sub { (result('box.add', 'o0', 'a') // '') eq 'OK' }),
       'it works');

    is(result('box.put', "v$_", "v$_"), 'OK', "value $_") for 1 .. 5;

    for my $key (map { "o$_" } 1 .. 4) {
        is(result('box.add', $key, $_), 'OK', "$key, operand $_") for 'a', 'b';
    }

    is(result('set', 'guarded:1', 'x'), 'OK', 'what a hook allows');
    is(result('set', 'idx:1', 'x'), 'OK', 'what is in an index');
    is(result('box.own', 'idx:1'), 1, 'is there');
};

subtest 'with an older one' => sub {
    reload('1.0');
    is(listed()->{state}, 'dormant', 'LIST');
    is(listed()->{schema}, 2, 'the data stay what they are');
    ok($nginx->wait_log(qr/"box" 2\.0.*the library that is loaded is older/),
       'the log says so');
    like(error('box.get', 'o1'),
         qr/^EXTMISSING extension "box" 1\.0 is older than its data/,
         'its commands');
    like(error('box.add', 'o1', 'c'), qr/^EXTMISSING/, 'also those that write');

    for my $key ('v1', 'o1') {
        like(error('get', $key), qr/^EXTMISSING/, "GET $key");
        is(http()->get("/kv/$key")->status, 501, 'REST');
        is(result('type', $key), 'box', 'TYPE');
    }

    is(result('exists', 'v1', 'o1'), 2, 'EXISTS');
    is(scalar @{ result('keys', '[ov]*') }, 10, 'KEYS');
    is(result('expire', 'v1', 1000), 1, 'EXPIRE');
    cmp_ok(result('ttl', 'v1'), '>', 900, 'TTL');
    is(result('persist', 'v1'), 1, 'PERSIST');
    is(result('rename', 'v2', 'r2'), 'OK', 'RENAME');
    is(result('pexpire', 'v3', 1), 1, 'PEXPIRE');
    ok($nginx->wait_until(sub { !result('exists', 'v3') }), 'expires');

    for my $key ('v4', 'o3') {
        is(result('del', $key), 1, "DEL $key");
    }

    for my $key ('v5', 'o4') {
        is(result('set', $key, 'plain'), 'OK', "SET $key");
        is(result('get', $key), 'plain', 'which is bytes then');
    }

    like(error('set', 'guarded:1', 'y'), qr/^EXTMISSING/, 'a required hook');
    is(result('set', 'idx:2', 'x'), 'OK', 'an index stops nobody');
    ok($nginx->wait_until(sub { listed()->{absent_since} > 0 }),
       'but it is noted since when it sees nothing');
    like(error('ferrokv.extension', 'update', 'box'),
         qr/1\.0 is older than its data in this store, which 2\.0 has written/,
         'UPDATE');
};

subtest 'also after a restart' => sub {
    $nginx->restart;
    is(listed()->{state}, 'dormant', 'LIST');
    like(error('get', 'o1'), qr/^EXTMISSING/, 'GET');
    like(error('set', 'guarded:1', 'y'), qr/^EXTMISSING/, 'a required hook');
};

subtest 'with the newer one again' => sub {
    reload('2.0');
    ok($nginx->wait_until(sub { (result('box.get', 'o1') // '') eq 'ab' }),
       'operands');
    is(result('box.get', 'o2'), 'ab', 'of all');
    is(result('box.get', 'v1'), 'v1', 'values');
    is(result('box.get', 'r2'), 'v2', 'under a new name, too');
    is(result('box.get', 'o3'), undef, 'what was deleted is gone');
    is(result('set', 'guarded:1', 'y'), 'OK', 'its hook allows');
    is(result('box.own', 'idx:1'), 1, 'its own map');
    is(result('box.own', 'idx:2'), undef, 'has missed a write');
    is(listed()->{state}, 'installed', 'LIST');
};

$nginx->finish;
done_testing();
