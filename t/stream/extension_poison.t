# Values that kill whoever asks an extension about them: after two deaths the value
# is put aside, and everything else goes on; what brings it back.

use strict;
use warnings;

use Test::More;

use Ferrokv::Extension qw(build_extension);
use Ferrokv::Nginx;
use Ferrokv::Resp;

my $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 2, stream => 1,
%%GLOBALS%%
ferrokv_extension_path %%DIR%%/ext;
ferrokv_extension venom version=%%VERSION%%;
ferrokv_extension_crash_limit %%LIMIT%%;
ferrokv_store main path=%%DIR%%/store memory=4m;
events { }
stream {
    server { listen 127.0.0.1:%%PORT%%; ferrokv_resp admin=on; }
}
CONF
    vars => { VERSION => '1.0.0', LIMIT => '3/1h' });

$nginx->allow(qr/exited on signal 9$/);

# Which function dies of a value, is said by letters in it: F of full(), and so on.
my %code = (code => <<'C', provides => '&join, &type, &add, &get, &put');
#include <signal.h>
#include <string.h>
#include <unistd.h>

#ifndef KILLS
#define KILLS  ""
#endif
#ifndef ENCVER
#define ENCVER  0
#endif

/* SIGKILL leaves no core; to whoever looks at it, it is a crash. */
static void
look(ferrokv_str value, char at)
{
    if (memchr(KILLS, at, strlen(KILLS)) != NULL && value.len > 0
        && memchr(value.data, at, value.len) != NULL)
    {
        kill(getpid(), SIGKILL);
    }
}

static int
join_all(ferrokv_ctx *ctx, ferrokv_str base, const ferrokv_str *ops, size_t n,
    ferrokv_str *out, char kills)
{
    size_t  len = base.len;
    char   *to;

    for (size_t i = 0; i < n; i++) {
        look(ops[i], kills);
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
                    &out->data, 'F');
}

static int
partial(ferrokv_ctx *ctx, ferrokv_str key, const ferrokv_str *ops, size_t n,
    ferrokv_str *out)
{
    (void) key;

    return join_all(ctx, (ferrokv_str) { NULL, 0 }, ops, n, out, 'P');
}

static int
output(ferrokv_ctx *ctx, const ferrokv_value *val)
{
    look(val->data, 'O');

    return ctx->api->say_str(ctx, val->data);
}

static int
recode(ferrokv_ctx *ctx, uint32_t encver, ferrokv_str old, ferrokv_value *out)
{
    (void) ctx;
    (void) encver;
    look(old, 'R');
    out->data = old;

    return FERROKV_OK;
}

static uint64_t
weight(const ferrokv_value *val)
{
    look(val->data, 'W');

    return 100000;
}

static const ferrokv_merge  join = {
    FERROKV_MERGE, 0, "venom.join", full, partial
};

static const ferrokv_type  type = {
    FERROKV_TYPE, 0, "venom", ENCVER, 0, "venom.join", NULL, output, recode,
    NULL, weight
};

static int
add_call(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    int  rc = ctx->api->merge(ctx, argv[1], (ferrokv_str) { NULL, 0 }, &type,
                              argv[2]);

    (void) argc;

    return (rc < 0) ? rc : ctx->api->say_status(ctx, "OK");
}

static int
get_call(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    ferrokv_value  v;
    int            rc = ctx->api->get(ctx, argv[1], (ferrokv_str) { NULL, 0 },
                                      &v);

    (void) argc;

    return (rc < 0) ? rc
           : (rc == FERROKV_NONE) ? ctx->api->say_null(ctx)
           : ctx->api->say_str(ctx, v.data);
}

static int
put_call(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    ferrokv_value  v = { argv[2], &type, 0 };
    int            rc = ctx->api->put(ctx, argv[1], (ferrokv_str) { NULL, 0 },
                                      &v);

    (void) argc;

    return (rc < 0) ? rc : ctx->api->say_status(ctx, "OK");
}

static const ferrokv_command  add = {
    FERROKV_COMMAND, FERROKV_WRITE | FERROKV_BLIND, "VENOM.ADD", 3, 1, 1, 1,
    add_call, "key text", "Appends"
};

static const ferrokv_command  get = {
    FERROKV_COMMAND, FERROKV_READ, "VENOM.GET", 2, 1, 1, 1, get_call, "key",
    "All of it"
};

static const ferrokv_command  put = {
    FERROKV_COMMAND, FERROKV_WRITE, "VENOM.PUT", 3, 1, 1, 1, put_call,
    "key text", "Sets"
};
C

my $ext = $nginx->dir . '/ext';

build_extension($ext, 'venom', %code, cflags => '-DKILLS=\"FPOW\"');
build_extension($ext, 'venom', %code, version => '2.0.0');
build_extension($ext, 'venom', %code, version => '3.0.0',
                cflags => '-DKILLS=\"FR\" -DENCVER=1');


sub client { return Ferrokv::Resp->new($nginx->port) }


# As a client does that tries again: no reply is a dead worker.
sub ask {
    my (@command) = @_;
    my $got;

    $nginx->wait_until(sub {
        $got = eval { client()->cmd(@command) };
        return $@ eq '' && ($got // '') !~ /^LOADING/;
    }) or die "no answer to @command: $@";

    return $got;
}


sub venom {
    my ($it) = grep { ref && $_->{name} eq 'venom' } map { hash($_) }
        @{ ask('FERROKV.EXTENSION', 'LIST') };
    return $it;
}


# A map is an array in RESP2.
sub hash {
    my ($it) = @_;

    return $it if ref $it ne 'ARRAY';

    my %hash = @$it;
    $hash{aside} = [ map { my %row = @$_; \%row } @{ $hash{aside} } ];
    $hash{figures} = { @{ $hash{figures} } };
    return \%hash;
}


sub aside {
    return join ', ', sort map {
        "$_->{function} $_->{database}:$_->{key}"
    } @{ venom()->{aside} };
}


sub crashes { return venom()->{figures}{crashes} }


# Of all that there were: a new one comes behind the line about its predecessor.
sub deaths {
    $nginx->wait_until(sub { $nginx->workers == 2 && $nginx->helpers == 1 });
    return scalar(() = $nginx->error_log =~ /exited on signal 9$/mg);
}


# As many as there are workers may ask before the second death is counted.
sub ok_two_died {
    my ($before, $of) = @_;
    my $died = deaths() - $before;

    ok($died >= 2 && $died <= 4, "$of: two have died of it") or diag $died;
}


sub ok_put_aside {
    my ($function, $key, @command) = @_;
    my $before = deaths();

    $nginx->allow(qr/in $function\(\) of key "\Q$key\E" .* is put aside/);

    like(ask(@command), qr/^ERR corrupt data/, "@command: an error");
    ok_two_died($before, "@command");
    $before = deaths();
    like(ask(@command), qr/^ERR corrupt data/, "@command: again");
    is(deaths() - $before, 0, "@command: nobody else has");
}


sub reload {
    my ($version, $limit) = @_;
    my @old = ($nginx->workers, $nginx->helpers);

    $nginx->write_conf(undef, vars => { VERSION => $version,
                                          LIMIT => $limit // '3/1h' });
    ok($nginx->reload, "reload with $version");
    ok($nginx->wait_gone(@old), 'the old processes have gone');
}


subtest 'operands that kill who reads them' => sub {
    $nginx->start;
    is(ask('VENOM.ADD', $_, 'good'), 'OK', "operand of $_") for 'a', 'b';
    is(ask('VENOM.ADD', 'a', 'bad:F'), 'OK', 'and one that kills');

    ok_put_aside('full', 'a', 'GET', 'a');
    is(ask('GET', 'b'), 'good', 'the other key is there');
    is(ask('SET', 'c', 1), 'OK', 'and so is the store');
    is(ask('VENOM.ADD', 'a', 'more'), 'OK', 'it can be written');
    like(ask('VENOM.GET', 'a'), qr/^ERR corrupt data/, 'not read');
    is(ask('TYPE', 'a'), 'venom', 'it has its type');
    is(aside(), 'full 0:a', 'LIST names it');
    is(crashes(), deaths(), 'and says how many died');
    like(ask('INFO', 'modules'), qr/name=venom,.*,crashes=[234],aside=1,/,
        'so does INFO');
    is(() = $nginx->error_log =~ /\[alert\].* is put aside, who asks/g, 1,
        'there is one alert');
    is(ask('GET', 'b'), 'good', 'it does not sleep');
};


subtest 'another database' => sub {
    my $client = client();

    $client->cmd('SELECT', 3);
    is($client->cmd('VENOM.ADD', 'a', 'good'), 'OK', 'has the same key');
    is($client->cmd('GET', 'a'), 'good', 'which is read');
};


subtest 'written anew' => sub {
    is(ask('DEL', 'a'), 1, 'it can be deleted');
    is(ask('GET', 'a'), undef, 'then it is gone');
    is(ask('VENOM.ADD', 'a', 'new'), 'OK', 'it is written');
    is(ask('GET', 'a'), 'new', 'and read');
    is(aside(), '', 'nothing is put aside any more');
};


subtest 'other functions' => sub {
    is(ask('VENOM.PUT', "$_\x01", "dies:$_"), 'OK', "value $_") for 'O', 'W';

    ok_put_aside('output', 'O\x01', 'GET', "O\x01");
    is(ask('VENOM.GET', "O\x01"), 'dies:O', 'who needs no output() reads it');

    my $before = deaths();

    $nginx->allow(qr/in weight\(\) of key "W\\x01" .* is put aside/);
    ok(ask('MEMORY', 'USAGE', "W\x01") < 1000, 'it weighs what it is long');
    ok_two_died($before, 'MEMORY USAGE');
    is(ask('GET', "W\x01"), 'dies:W', 'it is read');
    ok(ask('MEMORY', 'USAGE', 'a') > 100000, 'others weigh what they are said to');
    is(aside(), 'output 0:O\x01, weight 0:W\x01', 'LIST names both');
    is(ask('VENOM.PUT', "O\x01", 'well'), 'OK', 'one is written anew');
    is(ask('GET', "O\x01"), 'well', 'and heals');
    is(aside(), 'weight 0:W\x01', 'the other stays');
};


subtest 'what lasts how long' => sub {
    is(ask('VENOM.ADD', 'k', 'good,bad:F'), 'OK', 'an operand that kills');
    ok_put_aside('full', 'k', 'GET', 'k');
    reload('1.0.0');

    my $before = deaths();

    like(ask('GET', 'k'), qr/^ERR corrupt data/, 'still put aside');
    is(deaths() - $before, 0, 'nobody dies');

    $nginx->stop;
    $nginx->start;
    is(aside(), '', 'another start knows nothing');
    ok_put_aside('full', 'k', 'GET', 'k');

    is(ask('FERROKV.EXTENSION', 'FORGIVE', 'venom'), 1, 'FORGIVE: one value');
    is(aside(), '', 'it is asked again');
    is(ask('FERROKV.EXTENSION', 'FORGIVE', 'venom'), 0, 'there is no other');
    like(ask('FERROKV.EXTENSION', 'FORGIVE', 'gall'), qr/is not loaded/,
        'nor another extension');
    ok_put_aside('full', 'k', 'GET', 'k');
    like(ask('FERROKV.EXTENSION', 'UPDATE', 'venom'), qr/^OK/, 'UPDATE');
    is(aside(), '', 'forgives, too');
    ok_put_aside('full', 'k', 'GET', 'k');

    reload('2.0.0');
    is(ask('GET', 'k'), 'good,bad:F', 'a better library reads it');
    is(aside(), '', 'nothing is put aside');
};


# Enough is written for memtables to be flushed, so often, or until it is so.
sub flush_until {
    my ($is) = @_;
    my $long = 'x' x 3000;
    my $flushes = flushes() + 4;

    return $nginx->wait_until(sub {
        ask('SET', "long:$_", $long) for 1 .. 100;
        return $is->() || flushes() >= $flushes;
    }, 60);
}


sub flushes { return ask('INFO', 'persistence') =~ /_flushes:(\d+)/ ? $1 : 0 }

sub put_aside {
    return scalar(() = $nginx->error_log
                       =~ /partial\(\) of key "p\d+" .* is put aside/g);
}


# It puts operands together that lie in one memtable, above a base in a table. A
# helper that has just begun may not know the operator yet, and leave them.
subtest 'the helper' => sub {
    my $n = 0;

    is(ask('DEL', 'k'), 1, 'no other key kills');
    reload('1.0.0', 'off');
    $nginx->allow(qr/in partial\(\) of key "p\d+" .* is put aside/);

    while ($n++ < 20 && !put_aside()) {
        ask('VENOM.PUT', "p$n", 'base ');
        flush_until(sub { 0 });
        client()->pipeline(map { [ 'VENOM.ADD', "p$n", $_ ] }
                           'one ', 'dies:P ', 'three ');
        flush_until(\&put_aside);
    }

    ok(put_aside(), "it dies twice of the same operands ($n)");

    my $before = deaths();

    ok(flush_until(sub { 0 }), 'then it goes on');
    is(deaths() - $before, 0, 'nobody else has died');
    is(ask('GET', "p$_"), 'base one dies:P three ', "operands $_ are there")
        for 1 .. $n - 1;
};


subtest 'an older encoding' => sub {
    is(ask('VENOM.PUT', 'r', 'dies:R'), 'OK', 'a value');
    is(ask('VENOM.PUT', 's', 'well'), 'OK', 'and another');
    reload('3.0.0');
    ok_put_aside('recode', 'r', 'VENOM.GET', 'r');
    is(ask('VENOM.GET', 's'), 'well', 'the other one is read');
    is(aside(), 'recode 0:r', 'LIST names it');
    is(ask('VENOM.PUT', 'r', 'dies:R'), 'OK', 'it is written in the newer one');
    is(ask('VENOM.GET', 'r'), 'dies:R', 'and read');
};

$nginx->finish;
done_testing();
