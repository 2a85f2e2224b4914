# Extensions at work, seen from outside: operands that nobody reads, what hooks
# refuse and are told, and figures of all processes.

use strict;
use warnings;

use JSON::PP qw(decode_json encode_json);
use Test::More;

use Ferrokv::Extension qw(build_extension command_source);
use Ferrokv::Http;
use Ferrokv::Nginx;
use Ferrokv::Resp;

my $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 2, stream => 1,
%%GLOBALS%%
ferrokv_extension_path %%DIR%%/ext;
%%EXTENSIONS%%
ferrokv_slow_call 20ms;
ferrokv_store main path=%%DIR%%/store memory=64m;
events { }
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:%%PORT1%%;
        location /redis { ferrokv_commands write=on admin=on; }
        location /kv/ { ferrokv_rest write=on; }
        location = /json { ferrokv_status json; }
        location = /prometheus { ferrokv_status prometheus; }
        location = /text { ferrokv_status text; }
        location = /show { return 200 "<$r>"; }
        location = /call { ferrokv_call $r SET closed:2 x; try_files /- /show; }
        location = /reject { ferrokv_call $r on_error=reject SET closed:3 x;
                             try_files /- /show; }
        location = /set { ferrokv_set closed:4 x; try_files /- /show; }
    }
}
stream {
    server { listen 127.0.0.1:%%PORT%%; ferrokv_resp admin=on; }
}
CONF
    vars => { EXTENSIONS => 'ferrokv_extension log; ferrokv_extension door;' });

build_extension($nginx->dir . '/ext', 'log',
    start => 'start', provides => '&join, &type, &other_type, &put, &add, &own,'
                                  . ' &all, &idle, &sleepy, &added', code => <<'C'
#include <string.h>
#include <time.h>

static const ferrokv_metric  added = { FERROKV_METRIC, 0, "log.added", 0, 0, "" };
static const ferrokv_metric  idle = { FERROKV_METRIC, 0, "log.idle", 1, 0, "" };

static int
join_all(ferrokv_ctx *ctx, ferrokv_str base, const ferrokv_str *ops, size_t n,
    ferrokv_str *out)
{
    size_t   len = base.len;
    char    *to;

    for (size_t i = 0; i < n; i++) {
        len += ops[i].len;
    }

    to = ctx->api->alloc(ctx, len);
    *out = (ferrokv_str) { to, len };
    memcpy(to, base.len ? base.data : "", base.len);
    to += base.len;

    for (size_t i = 0; i < n; i++) {
        memcpy(to, ops[i].data, ops[i].len);
        to += ops[i].len;
    }

    return FERROKV_OK;
}

static int
full(ferrokv_ctx *ctx, ferrokv_str key, const ferrokv_value *base,
    const ferrokv_str *ops, size_t n, ferrokv_value *out)
{
    (void) key;

    return join_all(ctx, base ? base->data : (ferrokv_str) { NULL, 0 }, ops, n,
                    &out->data);
}

static int
partial(ferrokv_ctx *ctx, ferrokv_str key, const ferrokv_str *ops, size_t n,
    ferrokv_str *out)
{
    (void) key;

    return join_all(ctx, (ferrokv_str) { NULL, 0 }, ops, n, out);
}

static const ferrokv_merge  join = {
    FERROKV_MERGE, 0, "log.join", full, partial
};

static const ferrokv_type  type = {
    FERROKV_TYPE, 0, "log", 0, 0, "log.join", NULL, NULL, NULL, NULL, NULL
};

static int
start(ferrokv_ctx *ctx)
{
    ctx->self = ctx->api->keep(ctx, 1000);
    ctx->api->count(ctx, &idle, 1);

    return ctx->self != NULL ? FERROKV_OK : FERROKV_EMEMORY;
}

static int
add_call(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    int  rc = ctx->api->merge(ctx, argv[1], (ferrokv_str) { NULL, 0 }, &type,
                              argv[2]);

    (void) argc;
    ctx->api->count(ctx, &added, 1);

    return (rc < 0) ? rc : ctx->api->say_status(ctx, "OK");
}

static int
own_call(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    int  rc = ctx->api->merge(ctx, (ferrokv_str) { NULL, 0 }, argv[1], &type,
                              argv[2]);

    (void) argc;

    return (rc < 0) ? rc : ctx->api->say_status(ctx, "OK");
}

/* LOG.ALL key; of "own" what the own map has */
static int
all_call(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    ferrokv_value  v;
    ferrokv_str    none = { NULL, 0 };
    int            rc = (argc == 3) ? ctx->api->get(ctx, none, argv[1], &v)
                                    : ctx->api->get(ctx, argv[1], none, &v);

    return (rc < 0) ? rc
           : (rc == FERROKV_NONE) ? ctx->api->say_null(ctx)
           : ctx->api->say_str(ctx, v.data);
}

static const ferrokv_command  add = {
    FERROKV_COMMAND, FERROKV_WRITE | FERROKV_BLIND, "LOG.ADD", 3, 1, 1, 1,
    add_call, "key text", "Appends"
};

static const ferrokv_type  other_type = {
    FERROKV_TYPE, 0, "log.other", 0, 0, NULL, NULL, NULL, NULL, NULL, NULL
};

static int
put_call(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    ferrokv_value  v = { argv[2], &other_type, 0 };
    int            rc = ctx->api->put(ctx, argv[1], (ferrokv_str) { NULL, 0 },
                                      &v);

    (void) argc;

    return (rc < 0) ? rc : ctx->api->say_status(ctx, "OK");
}

static const ferrokv_command  put = {
    FERROKV_COMMAND, FERROKV_WRITE, "LOG.PUT", 3, 1, 1, 1, put_call,
    "key text", "Puts another type"
};

static const ferrokv_command  own = {
    FERROKV_COMMAND, FERROKV_WRITE, "LOG.OWN", 3, 0, 0, 0, own_call,
    "name text", "Appends"
};

static const ferrokv_command  all = {
    FERROKV_COMMAND, FERROKV_READ, "LOG.ALL", -2, 1, 1, 1, all_call,
    "key [own]", "All of it"
};
C
    . command_source('sleepy', 'LOG.SLEEP', <<'C'));
    struct timespec  t = { 0, 60 * 1000000 };

    nanosleep(&t, NULL);

    return ctx->api->say_int(ctx, 1);
C

build_extension($nginx->dir . '/ext', 'door',
    provides => '&closed, &told', code => <<'C');
static int
check(ferrokv_ctx *ctx, ferrokv_event *ev)
{
    (void) ev;

    return (ctx->api->fail)(ctx, FERROKV_EDENIED, "the door is closed");
}

static int
expired(ferrokv_ctx *ctx, ferrokv_event *ev)
{
    ctx->api->log(ctx, 5, "%.*s has expired", (int) ev->key.len,
                  (const char *) ev->key.data);

    return FERROKV_OK;
}

static const ferrokv_hook  closed = {
    FERROKV_HOOK, 0, "door.closed", FERROKV_ON_WRITE, FERROKV_CHECK, "closed:",
    check
};

static const ferrokv_hook  told = {
    FERROKV_HOOK, 0, "door.told", FERROKV_ON_EXPIRE, FERROKV_OBSERVE,
    "short:", expired
};
C


sub http { return Ferrokv::Http->new($nginx->port(1)) }

sub command {
    return decode_json(http()->post('/redis', encode_json(\@_),
                                    'Content-Type' => 'application/json')
                             ->body);
}

sub client { return Ferrokv::Resp->new($nginx->port) }

sub reload {
    my ($extensions) = @_;
    my @workers = $nginx->workers;

    $nginx->write_conf(undef, vars => { EXTENSIONS => $extensions });
    ok($nginx->reload, "reload with '$extensions'");
    ok($nginx->wait_gone(@workers), 'the old workers have gone');
}

sub extension {
    my ($name) = @_;
    my $all = decode_json(http()->get('/json')->body);

    return (grep { $_->{name} eq $name }
            @{ $all->{stores}{main}{extensions} })[0];
}


subtest 'operands' => sub {
    $nginx->start;

    my $client = client();

    ok($nginx->wait_until(sub { !Ferrokv::Resp::is_error(
           $client->cmd('LOG.ALL', 'a')) }), 'it is ready');

    is($client->cmd('LOG.ADD', 'a', "$_,"), 'OK', "operand $_") for 1 .. 40;

    my $want = join '', map { "$_," } 1 .. 40;

    is($client->cmd('LOG.ALL', 'a'), $want, 'put together');
    is($client->cmd('TYPE', 'a'), 'log', 'its type');
    is($client->cmd('LOG.OWN', 'a', $_), 'OK', 'own map') for 'x', 'y';
    is($client->cmd('LOG.ALL', 'a', 'own'), 'xy', 'put together there');
    undef $client;

    $nginx->restart;
    $client = client();
    is($client->cmd('LOG.ALL', 'a'), $want, 'after a restart');
    is($client->cmd('LOG.ADD', 'a', 'end'), 'OK', 'it grows');
    undef $client;

    my @workers = $nginx->workers;

    ok($nginx->reload, 'a reload');
    ok($nginx->wait_gone(@workers), 'the old workers have gone');
    $client = client();
    is($client->cmd('LOG.ALL', 'a'), $want . 'end', 'after a reload');
    is($client->cmd('LOG.ALL', 'a', 'own'), 'xy', 'the own map');

    undef $client;
    reload('');
    like(command('get', 'a')->{error}, qr/^EXTMISSING/, 'nobody can read it');
    reload('ferrokv_extension log; ferrokv_extension door;');
    is(client()->cmd('LOG.ALL', 'a'), $want . 'end', 'nothing is lost');
};

subtest 'operands on what is of another type' => sub {
    my $client = client();

    is($client->cmd('SET', 'plain', 'bytes'), 'OK', 'bytes');
    is($client->cmd('LOG.PUT', 'other', 'boxed'), 'OK', 'another type');

    for my $key ('plain', 'other') {
        like($client->cmd('LOG.ADD', $key, 'x'), qr/^WRONGTYPE/,
             "$key: refused at once while memory has it");
    }

    is($client->cmd('GET', 'plain'), 'bytes', 'nothing has happened');
    undef $client;
    $nginx->restart;
    $client = client();
    $client->cmd('LOG.ADD', $_, 'x') for 'plain', 'other';

    for my $key ('plain', 'other') {
        like($client->cmd('LOG.ALL', $key), qr/^WRONGTYPE/, "$key: LOG.ALL");
        like($client->cmd('GET', $key), qr/^WRONGTYPE/, "$key: GET");
        is($client->cmd('EXISTS', $key), 1, "$key: EXISTS");
        is(http()->get("/kv/$key")->status, 409, "$key: GET over HTTP");
    }

    is($client->cmd('TYPE', 'plain'), 'string', 'TYPE is that of the value');
    is($client->cmd('DEL', 'plain'), 1, 'DEL');
    is($client->cmd('LOG.ADD', 'plain', 'new'), 'OK', 'operands on nothing');
    is($client->cmd('LOG.ALL', 'plain'), 'new', 'are read');
    is($client->cmd('SET', 'other', 'over'), 'OK', 'SET');
    is($client->cmd('GET', 'other'), 'over', 'is what there is');
};

subtest 'operands that nobody can read' => sub {
    my $client = client();

    for my $way ('DEL', 'SET', 'DELETE', 'PUT') {
        is($client->cmd('LOG.ADD', "way:$way", 'x'), 'OK', "$way: an operand");
    }

    undef $client;
    reload('');
    like(command('get', 'way:DEL')->{error}, qr/^EXTMISSING/, 'GET');
    is(command('del', 'way:DEL')->{result}, 1, 'DEL');
    is(command('set', 'way:SET', 'v')->{result}, 'OK', 'SET');
    is(http()->delete('/kv/way:DELETE')->status, 204, 'DELETE');
    is(http()->put('/kv/way:PUT', 'v')->status, 204, 'PUT');
    is(command('exists', map { "way:$_" } qw(DEL SET DELETE PUT))->{result},
       2, 'what is left');
    reload('ferrokv_extension log; ferrokv_extension door;');
};

subtest 'what a hook refuses, on every face' => sub {
    my $client = client();

    like($client->cmd('SET', 'closed:1', 'x'), qr/^NOPERM.*the door is closed/,
         'RESP');
    is($client->cmd('MULTI'), 'OK', 'MULTI');
    is($client->cmd('SET', 'open', 'x'), 'QUEUED', 'a key');
    is($client->cmd('SET', 'closed:1', 'x'), 'QUEUED', 'and another');
    like(join('', map { ref eq 'ARRAY' ? @$_ : $_ } $client->cmd('EXEC')),
         qr/the door is closed/, 'EXEC');
    is($client->cmd('EXISTS', 'open'), 0, 'all or nothing');
    like(command('set', 'closed:1', 'x')->{error}, qr/the door is closed/,
         'commands over HTTP');

    my $answer = http()->put('/kv/closed:1', 'x');

    is($answer->status, 403, 'REST');
    like($answer->body, qr/the door is closed/, 'and why');
    is(client()->cmd('LOG.ADD', 'closed:1', 'x') =~ /the door is closed/, 1,
       'an operand');

    is(http()->get('/call')->body, '<>', 'ferrokv_call: an empty variable');
    is(http()->get('/reject')->status, 503, 'on_error=reject');
    http()->get('/set');
    like($nginx->error_log, qr/"ferrokv_call": .* NOPERM the door is closed/,
         'the log says why');
    like($nginx->error_log, qr/"ferrokv_set".*closed:4.*the door is closed/,
         'ferrokv_set: the log');
};

subtest 'who is told of keys that have expired' => sub {
    is(client()->cmd('SET', 'short:1', 'x', 'PX', 50), 'OK', 'a key');
    ok($nginx->wait_log(qr/extension "door": short:1 has expired/, 30),
       'the helper tells');
};

subtest 'figures' => sub {
    my $client = client();

    is($client->cmd('LOG.SLEEP'), 1, 'a slow one');
    ok($nginx->wait_log(qr/"log" held up all others for \d+ ms.*LOG.SLEEP/),
       'the log names it');

    my $figures = extension('log')->{figures};

    is($figures->{slow}, 1, 'and it is counted');
    is($figures->{crashes}, 0, 'nothing has crashed');
    cmp_ok($figures->{metrics}{'log.added'}, '>=', 2, 'a metric');
    ok($nginx->wait_until(sub {
           extension('log')->{figures}{metrics}{'log.idle'} == 3
       }), 'a gauge: two workers and the helper')
        or diag(explain($figures));
    is(extension('log')->{figures}{memory}, 3000, 'what they keep');

    my $text = http()->get('/prometheus')->body;

    like($text, qr/^ferrokv_ext_log_added_total\{store="main"\} [1-9]/m,
         'a metric for Prometheus');
    like($text, qr/^# TYPE ferrokv_ext_log_idle gauge$/m, 'its type');
    like($text, qr/^ferrokv_extension_slow_calls_total
                   \{store="main",extension="log"\}\ 1$/mx, 'slow calls');
    like($text, qr/^ferrokv_extension_memory_bytes
                   \{store="main",extension="log"\}\ 3000$/mx, 'memory');

    for my $shown (http()->get('/text')->body, $client->cmd('INFO', 'modules')) {
        like($shown, qr/^module:name=log,.*,slow=1,memory=3000\r?$/m,
             'a line of the extension');
        like($shown, qr/^metric_log\.added:[1-9]\d*\r?$/m, 'of a metric');
        like($shown, qr/^metric_log\.idle:3\r?$/m, 'and of a gauge');
    }
};

$nginx->finish;
done_testing();
