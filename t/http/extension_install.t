# Extensions of a store: they are installed, updated and worked for by the
# helper, also if that is killed again and again.

use strict;
use warnings;

use IO::Socket::INET;
use JSON::PP qw(decode_json encode_json);
use Test::More;
use Time::HiRes qw(sleep);

use Ferrokv::Extension qw(build_extension);
use Ferrokv::Http;
use Ferrokv::Nginx;

# STEP.COUNT name: a number of the own map, which steps and workers count up.
my $code = <<'C';
#include <string.h>

static int
count_up(ferrokv_ctx *ctx, const char *name, int64_t *n)
{
    ferrokv_str    key = { NULL, 0 }, elem = { name, strlen(name) };
    ferrokv_value  val;
    int            rc = ctx->api->get(ctx, key, elem, &val);

    if (rc < 0) {
        return rc;
    }

    *n = 0;

    if (rc == FERROKV_OK && val.data.len == sizeof(*n)) {
        memcpy(n, val.data.data, sizeof(*n));
    }

    (*n)++;
    val = (ferrokv_value) { { n, sizeof(*n) }, NULL, 0 };

    return ctx->api->put(ctx, key, elem, &val);
}

static int
count_call(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    ferrokv_str    key = { NULL, 0 };
    ferrokv_value  val;
    int64_t        n = 0;
    int            rc = ctx->api->get(ctx, key, argv[1], &val);

    (void) argc;

    if (rc < 0) {
        return rc;
    }

    if (rc == FERROKV_OK) {
        memcpy(&n, val.data.data, sizeof(n));
    }

    return ctx->api->say_int(ctx, n);
}

static const ferrokv_command  count_command = {
    FERROKV_COMMAND, FERROKV_READ, "STEP.COUNT", 2, 0, 0, 0, count_call,
    "name", "A number of the own map"
};

/* Many pieces; each is counted once. */
static int
many(ferrokv_ctx *ctx)
{
    int64_t  n;
    int      rc = count_up(ctx, "pieces", &n);

    return (rc < 0) ? rc : (n < 300) ? FERROKV_AGAIN : FERROKV_OK;
}

static int
one(ferrokv_ctx *ctx)
{
    int64_t  n;
    int      rc = count_up(ctx, "ones", &n);

    return (rc < 0) ? rc : FERROKV_OK;
}

static int
bad(ferrokv_ctx *ctx)
{
    int64_t  n;
    int      rc = count_up(ctx, "bad", &n);

    return (rc < 0) ? rc
           : ctx->api->fail(ctx, FERROKV_ERROR, "the moon is wrong");
}

static int
tick(ferrokv_ctx *ctx)
{
    int64_t  n;
    int      rc = count_up(ctx, "ticks", &n);

    return (rc < 0) ? rc : FERROKV_OK;
}

static const ferrokv_worker  tick_worker = {
    FERROKV_WORKER, 0, "step.tick", 20, tick
};

static const ferrokv_step  steps[] = {
    { sizeof(ferrokv_step), 0, many },
    { sizeof(ferrokv_step), FERROKV_EXCLUSIVE, one },
    { sizeof(ferrokv_step), 0, bad },
};
C

my %step = (needs => 'FERROKV_NEEDS_HELPER', code => $code, steps => 'steps',
            provides => '&count_command, &tick_worker');

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
    }
}
CONF
    vars => { EXTENSIONS => 'ferrokv_extension step grant=helper;' });

my $dir = $nginx->dir . '/ext';


sub reply {
    my (@words) = @_;

    return Ferrokv::Http->new($nginx->port)
        ->get('/redis/' . join('/', @words))->body;
}


sub manage {
    my (@words) = @_;

    return Ferrokv::Http->new($nginx->port)
        ->post('/redis', encode_json([ 'ferrokv.extension', @words ]),
               'Content-Type' => 'application/json')->body;
}


sub counted { return reply('step.count', $_[0]) =~ /"result":(\d+)/ ? $1 : -1 }


# What LIST says of it, as a hash: over HTTP maps are names and values in turn.
sub listed {
    my ($name) = @_;
    my $all = decode_json(manage('list'))->{result} // [];
    my ($found) = grep { $_->{name} eq $name } map { +{ @$_ } } @$all;

    $found->{library} = { @{ $found->{library} } } if $found->{library};
    return $found // {};
}


sub state_is {
    my ($state, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ok($nginx->wait_until(sub { (listed('step')->{state} // '') eq $state }),
       $name) or diag(explain(listed('step')));
}


sub configure {
    my ($line) = @_;

    $nginx->write_conf(undef, vars => { EXTENSIONS => $line });
}


subtest 'steps in pieces, however often their process dies' => sub {
    build_extension($dir, 'step', %step, version => '1.0', schema => 1);
    $nginx->start;
    like(reply('step.count', 'pieces'), qr/LOADING|"result"/,
         'commands wait for it');

    for (1 .. 5) {
        my ($helper) = $nginx->helpers;

        sleep 0.03;
        $nginx->kill('KILL', $helper) if $helper;
        $nginx->wait_until(sub { $nginx->helpers }, 10);
    }

    state_is('installed', 'it is installed at last');
    ok($nginx->wait_until(sub { counted('pieces') >= 0 }), 'for all workers');
    is(counted('pieces'), 300, 'each piece is done once');
    ok($nginx->wait_until(sub { counted('ticks') > 3 }), 'its worker runs');
    is(listed('step')->{schema}, 1, 'its schema');
    is_deeply(listed('step')->{commands}, ['STEP.COUNT'], 'its commands');
};

subtest 'an update that somebody asks for' => sub {
    build_extension($dir, 'step', %step, version => '2.0', schema => 2,
                    serves => 1);

    # A request that is not complete holds a worker of the old ones.
    my $old = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                    PeerPort => $nginx->port);
    print {$old} "PUT /kv/a HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na";
    sleep 0.2;

    ok($nginx->reload, 'reload');
    ok($nginx->wait_until(sub {
        (listed('step')->{library}{schema} // 0) == 2 }), 'a new library');
    state_is('installed', 'works with the old data');
    is(counted('pieces'), 300, 'and its commands do');
    like(manage('update', 'step'),
         qr/"UPDATING, as soon as the workers with the older configuration/,
         'UPDATE says what it waits for');
    state_is('updating', 'it goes on');
    ok($nginx->wait_log(qr/a step waits for the end of older workers/),
       'an exclusive step waits');
    is(counted('ones'), 0, 'for the old worker');

    print {$old} "b";
    like(<$old>, qr/ 201 /, 'whose request ends');
    close $old;

    state_is('installed', 'then it is done');
    is(counted('ones'), 1, 'once');
    is(listed('step')->{schema}, 2, 'its schema');
    is(listed('step')->{version}, '2.0', 'its version');
};

subtest 'a step that fails' => sub {
    build_extension($dir, 'step', %step, version => '3.0', schema => 3,
                    serves => 1);
    configure('ferrokv_extension step grant=helper update=auto;');
    ok($nginx->reload, 'reload');
    state_is('updating', 'it has begun');
    ok($nginx->wait_until(sub { listed('step')->{problem} }), 'and stopped');
    like(listed('step')->{problem}, qr/the moon is wrong/, 'LIST says why');
    like($nginx->error_log, qr/\[error\].*step.*the moon is wrong/, 'and the log');
    is(counted('bad'), 0, 'what it wrote is gone');
    is(counted('ones'), 1, 'its data are served as they are');

    my $code = $step{code} =~ s/: ctx->api->fail\(.*?\)/: FERROKV_OK/sr;

    build_extension($dir, 'step', %step, code => $code, version => '3.1',
                    schema => 3, serves => 1);
    ok($nginx->reload, 'a better library');
    state_is('installed', 'is tried at the next start');
    is(counted('bad'), 1, 'and does it');
};

subtest 'a library that is older than the data' => sub {
    configure('ferrokv_extension step version=2.0 grant=helper update=auto;');
    ok($nginx->reload, 'reload');
    state_is('dormant', 'sleeps');
    like(reply('step.count', 'ones'), qr/EXTMISSING.*older/,
         'its commands say so');
    like(manage('update', 'step'), qr/older than its data/, 'UPDATE says so');

    configure('ferrokv_extension step grant=helper;');
    $nginx->restart;
    state_is('installed', 'the newer one finds all as it was');
    is(counted('bad'), 1, 'nothing was done twice');
};

$nginx->finish;
done_testing();
