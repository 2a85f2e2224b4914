# What an extension leaves behind when it is not there, one kind after the other:
# values, elements and own map, operands, hooks, settings, the policy.

use strict;
use warnings;

use JSON::PP qw(decode_json encode_json);
use Test::More;

use Ferrokv::Extension qw(build_extension);
use Ferrokv::Http;
use Ferrokv::Nginx;
use Ferrokv::Resp;

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

/* Keys that begin with "idx:" are in the own map. */
static int
index_fn(ferrokv_ctx *ctx, ferrokv_event *ev)
{
    ferrokv_str    self = { NULL, 0 };
    ferrokv_value  val = { { "1", 1 }, NULL, 0 };

    return ctx->api->put(ctx, self, ev->key, &val);
}

static const ferrokv_hook  index_hook = {
    FERROKV_HOOK, 0, "box.index", FERROKV_ON_WRITE, FERROKV_OBSERVE, "idx:",
    index_fn
};

/* BOX.FILL key n: so many elements.  BOX.COUNT key: how many there are. */
static int
fill_call(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    ferrokv_str    self = { NULL, 0 };
    ferrokv_value  val = { argv[2], &box, 0 };
    size_t         n = 0;
    int            rc = ctx->api->put(ctx, argv[1], self, &val);

    (void) argc;

    for (size_t i = 0; i < argv[2].len; i++) {
        n = n * 10 + (size_t) (((const char *) argv[2].data)[i] - '0');
    }

    val.type = NULL;

    for (size_t i = 0; i < n && rc >= 0; i++) {
        ferrokv_str  name = { &i, sizeof(i) };

        rc = ctx->api->put(ctx, argv[1], name, &val);
    }

    return (rc < 0) ? rc : ctx->api->say_status(ctx, "OK");
}

static int
one_more(ferrokv_ctx *ctx, void *data, ferrokv_str elem,
    const ferrokv_value *val)
{
    (void) ctx;
    (void) elem;
    (void) val;
    (*(int64_t *) data)++;

    return FERROKV_OK;
}

static int
count_call(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    ferrokv_str  all = { NULL, 0 };
    int64_t      n = 0;
    int          rc = ctx->api->scan(ctx, argv[1], all, all, 0, one_more, &n);

    (void) argc;

    return (rc < 0) ? rc : ctx->api->say_int(ctx, n);
}

static const ferrokv_command  fill_command = {
    FERROKV_COMMAND, FERROKV_WRITE | FERROKV_ELEMENTS, "BOX.FILL", 3, 1, 1, 1,
    fill_call, "key n", "A box with elements"
};

static const ferrokv_command  count_command = {
    FERROKV_COMMAND, FERROKV_READ | FERROKV_ELEMENTS, "BOX.COUNT", 2, 1, 1, 1,
    count_call, "key", "How many elements a box has"
};

/* BOX.LOG key text: appended without being read. */
static int
full(ferrokv_ctx *ctx, ferrokv_str key, const ferrokv_value *base,
    const ferrokv_str *ops, size_t n, ferrokv_value *out)
{
    size_t   len = base != NULL ? base->data.len : 0, at = len;
    char    *to;

    (void) key;

    for (size_t i = 0; i < n; i++) {
        len += ops[i].len;
    }

    to = ctx->api->alloc(ctx, len);

    if (at > 0) {
        memcpy(to, base->data.data, at);
    }

    for (size_t i = 0; i < n; i++) {
        memcpy(to + at, ops[i].data, ops[i].len);
        at += ops[i].len;
    }

    out->data.data = to;
    out->data.len = len;

    return FERROKV_OK;
}

static const ferrokv_merge  join = {
    FERROKV_MERGE, 0, "box.join", full, NULL
};

static const ferrokv_type  log_type = {
    FERROKV_TYPE, 0, "box.log", 0, 0, "box.join", NULL, NULL, NULL, NULL, NULL
};

static int
log_call(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    ferrokv_str  self = { NULL, 0 };
    int          rc = ctx->api->merge(ctx, argv[1], self, &log_type, argv[2]);

    (void) argc;

    return (rc < 0) ? rc : ctx->api->say_status(ctx, "OK");
}

static const ferrokv_command  log_command = {
    FERROKV_COMMAND, FERROKV_WRITE | FERROKV_BLIND, "BOX.LOG", 3, 1, 1, 1,
    log_call, "key text", "Appends"
};

static const ferrokv_param  size_param = {
    FERROKV_PARAM, 0, "box.size", FERROKV_NUMBER, 0, 0, 100, "1", NULL, ""
};
C

my $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 2, stream => 1,
%%GLOBALS%%
ferrokv_extension_path %%DIR%%/ext;
%%EXTENSIONS%%
ferrokv_store main path=%%DIR%%/%%STORE%% memory=64m checkpoints=%%DIR%%/copies;
events { }
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:%%PORT%%;
        location /redis { ferrokv_commands write=on admin=on; }
        location /kv/ { ferrokv_rest write=on danger=on; }
        location = /status { ferrokv_status json; }
        location = /text { ferrokv_status text; }
        location = /set { ferrokv_set $arg_key plain; try_files /- /show; }
        location = /del { ferrokv_del $arg_key; try_files /- /show; }
        location = /get { ferrokv_get $v $arg_key; try_files /- /show; }
        location = /show { return 200 "<$v>"; }
    }
}
stream {
    server { listen 127.0.0.1:%%PORT1%%; ferrokv_resp admin=on; }
}
CONF
    vars => { EXTENSIONS => 'ferrokv_extension box; ferrokv_extension quota;',
              STORE => 'store' });

$nginx->make_dir('copies');

build_extension($nginx->dir . '/ext', 'box', code => $code,
    control => "trusted = true\n",
    provides => '&box, &put_command, &get_command, &own_command, &seen_hook,'
                . ' &index_hook, &fill_command, &count_command, &join,'
                . ' &log_type, &log_command, &size_param');

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


sub directive {
    my ($name, $key) = @_;

    return Ferrokv::Http->new($nginx->port)->get("/$name?key=$key");
}


# Bytes as they are.
sub redis { return Ferrokv::Resp->new($nginx->port(1))->cmd(@_) }


# Other keys until tables have been put together.
sub compact {
    my $before = status('compactions');
    my $client = Ferrokv::Resp->new($nginx->port(1));

    for my $round (1 .. 40) {
        for my $key (1 .. 100) {
            $client->cmd('SET', "fill:$key",
                         join '', map { pack 'L', rand 2**32 } 1 .. 7500);
        }

        last if status('compactions') > $before;
    }

    cmp_ok(status('compactions'), '>', $before, 'tables were put together');
    result('del', map { "fill:$_" } 1 .. 100);
}


sub configure {
    my ($line) = @_;
    my @old = $nginx->workers;

    $nginx->write_conf(undef, vars => { EXTENSIONS => $line, STORE => 'store' });
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
    is_deeply(status()->[0]{types}, ['box', 'box.log'], 'its types there');
    is_deeply(status()->[1]{hooks}, ['check write guarded:* required'],
              'hooks of another one');
    is_deeply(status('hooks'),
              [ { name => 'quota.check', extension => 'quota',
                  hook => 'check write guarded:* required' },
                { name => 'box.seen', extension => 'box',
                  hook => 'observe commit *' },
                { name => 'box.index', extension => 'box',
                  hook => 'observe write idx:*' } ],
              'hooks of all extensions in their order');
    is_deeply([ map { +{ @$_ } } @{ result('ferrokv.extension', 'hooks') } ],
              status('hooks'), 'HOOKS says the same');
    is_deeply(module_lines(), [ ('module:name=box,ver=1.0.0,schema=0,'
              . 'state=installed,crashes=0,aside=0,slow=0,memory=0') x 2 ],
              'INFO, and the status for people');
    is(result('box.fill', "e$_", 50), 'OK', "e$_, with elements") for 1 .. 4;
    is(result('box.count', 'e1'), 50, 'which are counted');

    for my $key (map { "o$_" } 1 .. 5) {
        is(result('box.log', $key, $_), 'OK', "$key, operand $_") for 'a', 'b';
    }

    is(result('set', 'idx:1', 'x'), 'OK', 'what is in an index');
    is(result('box.own', 'idx:1'), 1, 'is there');
    is(listed()->{absent_since}, 0, 'it has seen all');
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

subtest 'without it: values in dumps, copies and compaction' => sub {
    is(redis('RESTORE', 'd1', 0, redis('DUMP', 'k1')), 'OK',
       'DUMP and RESTORE');
    is(result('type', 'd1'), 'box', 'of the same type');
    is(result('copy', 'k1', 'c1'), 1, 'COPY');
    compact();
    like(error('get', 'k1'), qr/^EXTMISSING/, 'still there');
    is(Ferrokv::Http->new($nginx->port)->post('/kv/?checkpoint=one', '')->status,
       201, 'a checkpoint');
};

subtest 'without it: elements' => sub {
    is(result('type', 'e1'), 'box', 'TYPE');
    like(error('box.count', 'e1'), qr/^EXTMISSING/, 'its commands');
    is(result('del', 'e2'), 1, 'DEL, with its elements');
    is(result('pexpire', 'e3', 1), 1, 'PEXPIRE');
    is(result('rename', 'e4', 'r4'), 'OK', 'RENAME');
    is(redis('RESTORE', 'd2', 0, redis('DUMP', 'e1')), 'OK', 'DUMP, RESTORE');
    ok($nginx->wait_until(sub { !result('exists', 'e3') }), 'expires');
};

subtest 'without it: operands' => sub {
    is(result('type', 'o1'), 'log', 'TYPE');
    is(result('exists', 'o1', 'o2', 'o3'), 3, 'EXISTS');
    like(error('get', 'o1'), qr/^EXTMISSING .*box/, 'GET');
    like(redis('DUMP', 'o1'), qr/^EXTMISSING/, 'DUMP');
    is(result('del', 'o2'), 1, 'DEL');
    is(result('set', 'o3', 'plain'), 'OK', 'SET');
    is(result('get', 'o3'), 'plain', 'which is bytes then');
};

# Values and operands; what is written is bytes then, and goes again.
subtest 'without it: directives' => sub {
    for my $key ('k7', 'o4') {
        is(directive('get', $key)->body, '<>', "ferrokv_get of $key: nothing");
        is(directive('set', $key)->status, 200, 'ferrokv_set over it');
        is(directive('get', $key)->body, '<plain>', 'which is bytes then');
        is(directive('del', $key)->status, 200, 'ferrokv_del');
        is(result('exists', $key), 0, 'it is gone');
    }

    for my $key ('k8', 'o5') {
        is(directive('del', $key)->status, 200, "ferrokv_del of $key");
        is(result('exists', $key), 0, 'it is gone');
    }
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

subtest 'without an index' => sub {
    ok($nginx->wait_until(sub { listed()->{absent_since} > 0 }),
       'since when it sees no writes');
    is(result('set', 'idx:2', 'x'), 'OK', 'writes go on');
};

subtest 'a setting of it' => sub {
    $nginx->write_conf(undef, vars => {
        EXTENSIONS => 'ferrokv_param box.size 3;', STORE => 'store' });

    my ($code, $said) = $nginx->test_conf;

    isnt($code, 0, 'nginx -t fails');
    like($said, qr/box/, 'and names it');
};

subtest 'also after a restart' => sub {
    $nginx->write_conf(undef, vars => { EXTENSIONS => '', STORE => 'store' });
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
    is(result('box.get', $_), 'v1', "$_: what was restored, copied")
        for 'd1', 'c1';
    is(result('box.count', $_), 50, "$_: elements") for 'e1', 'r4', 'd2';
    is(result('box.count', $_), 0, "$_: gone with their key") for 'e2', 'e3';
    is(result('box.fill', 'e2', 3), 'OK', 'a new life');
    is(result('box.count', 'e2'), 3, 'has only its own');
    is(result('box.log', 'o1', 'c'), 'OK', 'an operand on those of before');
    is(result('box.get', 'o1'), 'abc', 'in their order');
    cmp_ok(listed()->{absent_since}, '>', 0, 'its index has missed writes');
    is(result('box.own', 'idx:2'), undef, 'this one');
    ok($nginx->wait_log(qr/\[warn\].*"box".*its hooks saw no writes/),
       'the log says so');
    is(result('ferrokv.extension', 'update', 'box'), 'OK', 'UPDATE');
    is(listed()->{absent_since}, 0, 'forgets it');
    like(error('set', 'guarded:1', 'y'), qr/^EXTMISSING/,
         'beside its hooks the one that is missing counts');
};

subtest 'dropped' => sub {
    configure('ferrokv_extension box install=manual;');
    is(error('ferrokv.extension', 'drop', 'box'),
       'ERR cannot drop extension "box": 21 values of its types depend on it, '
       . 'the first is "c1" in database 0; delete what there is, or say CASCADE',
       'DROP refuses as long as there are values');
    is(listed()->{state}, 'installed', 'it stays');
    is(result('box.get', 'k1'), 'v1', 'with all its values');

    like(result('ferrokv.extension', 'drop', 'box', 'cascade'), qr/DROPPING/,
         'DROP CASCADE');
    ok($nginx->wait_until(sub { listed()->{state} eq 'not installed' }),
       'takes it away');
    is_deeply([ sort @{ result('keys', '*') } ],
              ['guarded:1', 'idx:1', 'idx:2', 'k4', 'o3'],
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

subtest 'a checkpoint that was made without it' => sub {
    $nginx->write_conf(undef, vars => { EXTENSIONS => 'ferrokv_extension box;',
                                        STORE => 'copies/one' });
    $nginx->restart;
    ok($nginx->wait_until(sub { (result('box.get', 'k1') // '') eq 'v1' }),
       'values');
    is(result('box.count', 'e2'), 50, 'elements');
    is(result('box.get', 'o2'), 'ab', 'operands');
};

subtest 'ferrokv_missing_extension refuse' => sub {
    $nginx->write_conf(undef, vars => {
        EXTENSIONS => 'ferrokv_missing_extension refuse;', STORE => 'store' });
    $nginx->allow(qr/says "refuse"|exited with fatal code 2/);
    $nginx->stop;
    $nginx->start;
    ok($nginx->wait_log(qr/\[emerg\].*extension "box" 1\.0\.0 is installed/),
       'workers do not serve such a store');
};

$nginx->finish;
done_testing();
