# Extensions at work in nginx: start and stop, timers, descriptors, threads, and
# one that crashes its worker.

use strict;
use warnings;

use Test::More;

use Ferrokv::Extension qw(build_extension command_source);
use Ferrokv::Nginx;
use Ferrokv::Resp;

my $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 1, stream => 1,
%%GLOBALS%%
%%EXTENSIONS%%
ferrokv_store main path=%%DIR%%/store memory=64m;
events { }
stream {
    server { listen 127.0.0.1:%%PORT%%; ferrokv_resp admin=on; }
}
CONF
    vars => { EXTENSIONS => '' });

my $dir = $nginx->dir . '/ext';

build_extension($dir, 'loop', needs => 'FERROKV_NEEDS_NET'
                                       . ' | FERROKV_NEEDS_THREADS',
                start => 'start', stop => 'stop',
                cflags => '-D_GNU_SOURCE', provides => '&ticks, &byte, &place',
                code => <<'C' .
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

typedef struct {
    int        fds[2];
    int64_t    ticks;
    int64_t    bytes;
    int64_t    worked;
    int64_t    elsewhere;
    int        refused;
    pthread_t  thread;
} self_t;

static void
work(void *data)
{
    self_t  *self = data;

    self->worked += 100;
    self->elsewhere = !pthread_equal(pthread_self(), self->thread);
}

static void
worked(ferrokv_ctx *ctx, void *data)
{
    self_t  *self = data;

    self->worked++;
    self->refused += ctx->place != FERROKV_IN_PROCESS;
}

static void
tick(ferrokv_ctx *ctx, void *data)
{
    self_t  *self = data;

    self->ticks++;

    if (self->ticks < 3) {
        ctx->api->timer(ctx, 10, tick, self);
    }

    if (self->ticks == 3) {
        ctx->api->work(ctx, work, worked, self);
    }
}

static void
readable(ferrokv_ctx *ctx, void *data, int events)
{
    self_t  *self = data;
    char     c;

    if ((events & 1) && read(self->fds[0], &c, 1) == 1) {
        self->bytes++;
    }

    if (self->bytes == 3) {
        ctx->api->watch(ctx, self->fds[0], 0, NULL, NULL);
    }
}

static int
start(ferrokv_ctx *ctx)
{
    self_t  *self = ctx->api->keep(ctx, sizeof(*self));

    *self = (self_t) { .ticks = 0, .thread = pthread_self() };
    ctx->self = self;

    if (pipe2(self->fds, O_NONBLOCK | O_CLOEXEC) != 0) {
        return FERROKV_ERROR;
    }

    if (ctx->api->watch(ctx, self->fds[0], 1, readable, self) != FERROKV_OK) {
        return FERROKV_ERROR;
    }

    return ctx->api->timer(ctx, 10, tick, self);
}

static void
stop(ferrokv_ctx *ctx)
{
    ctx->api->log(ctx, 5, "stopped after %d ticks",
                  (int) ((self_t *) ctx->self)->ticks);
}
C
    command_source('ticks', 'LOOP.STATE', <<'C')
    self_t  *self = ctx->self;

    ctx->api->say_array(ctx, 5);
    ctx->api->say_int(ctx, self->ticks);
    ctx->api->say_int(ctx, self->bytes);
    ctx->api->say_int(ctx, self->worked);
    ctx->api->say_int(ctx, self->elsewhere);
    return ctx->api->say_int(ctx, self->refused);
C
    . command_source('byte', 'LOOP.BYTE', <<'C')
    return ctx->api->say_int(ctx,
                             write(((self_t *) ctx->self)->fds[1], "x", 1));
C
    . command_source('place', 'LOOP.PLACE', <<'C'));
    return ctx->api->say_int(ctx, ctx->api->timer(ctx, 1, tick, ctx->self)
                                  == FERROKV_EPLACE);
C

build_extension($dir, 'wait',
                provides => '&never, &later, &twice, &again, &unheard, &wrote',
                code => <<'C'
static void
tick(ferrokv_ctx *ctx, void *data)
{
    ctx->api->resume(data, FERROKV_EPLACE);
    ctx->api->resume(data, 5);
}

static int
go_on(ferrokv_ctx *ctx, void *data, int rc)
{
    ctx->api->say_array(ctx, 2);
    ctx->api->say_str(ctx, (ferrokv_str) { data, 4 });

    return ctx->api->say_int(ctx, rc);
}

static int
go_on_loudly(ferrokv_ctx *ctx, void *data, int rc)
{
    ctx->api->log(ctx, 5, "it goes on with %d", rc);

    return go_on(ctx, data, rc);
}

static int
go_on_again(ferrokv_ctx *ctx, void *data, int rc)
{
    ferrokv_wait  *wait = ctx->api->suspend(ctx, 60000, go_on, data);

    (void) rc;
    ctx->api->timer(ctx, 10, tick, wait);

    return FERROKV_AGAIN;
}

static char *
text(ferrokv_ctx *ctx)
{
    char  *p = ctx->api->alloc(ctx, 4);

    for (int i = 0; i < 4; i++) {
        p[i] = (char) ('a' + i);
    }

    return p;
}
C
    . command_source('never', 'WAIT.NEVER', <<'C')
    ctx->api->suspend(ctx, 50, go_on, text(ctx));
    return FERROKV_AGAIN;
C
    . command_source('later', 'WAIT.LATER', <<'C')
    ferrokv_wait  *wait = ctx->api->suspend(ctx, 60000, go_on, text(ctx));

    ctx->api->timer(ctx, argc > 1 ? 300 : 20, tick, wait);
    return FERROKV_AGAIN;
C
    . command_source('twice', 'WAIT.TWICE', <<'C')
    return ctx->api->say_int(ctx,
        ctx->api->suspend(ctx, 0, go_on, NULL) == NULL
        && ctx->api->suspend(ctx, 3600001, go_on, NULL) == NULL);
C
    . command_source('again', 'WAIT.AGAIN', <<'C')
    ferrokv_wait  *wait = ctx->api->suspend(ctx, 60000, go_on_again, text(ctx));

    ctx->api->timer(ctx, 10, tick, wait);
    return FERROKV_AGAIN;
C
    . command_source('unheard', 'WAIT.UNHEARD', <<'C')
    ferrokv_wait  *wait = ctx->api->suspend(ctx, 60000, go_on_loudly,
                                            text(ctx));

    ctx->api->timer(ctx, 300, tick, wait);
    return FERROKV_AGAIN;
C
    . <<'C');
static int
wrote_call(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    ferrokv_value  v = { .data = argv[1] };

    (void) argc;
    ctx->api->put(ctx, argv[1], (ferrokv_str) { NULL, 0 }, &v);

    return ctx->api->say_int(ctx, ctx->api->suspend(ctx, 50, go_on, NULL)
                                  == NULL);
}

static const ferrokv_command  wrote = {
    FERROKV_COMMAND, FERROKV_WRITE, "WAIT.WROTE", 2, 1, 1, 1, wrote_call,
    "key", "A command of a test"
};
C

build_extension($dir, 'crash', provides => '&now, &well, &pid', code =>
    "#include <signal.h>\n#include <unistd.h>\n"
    . command_source('now', 'CRASH.NOW', <<'C')
    kill(getpid(), SIGKILL);
    return ctx->api->say_int(ctx, 0);
C
    . command_source('well', 'CRASH.WELL', 'return ctx->api->say_int(ctx, 1);')
    . command_source('pid', 'CRASH.PID',
                     'return ctx->api->say_int(ctx, getpid());'));

build_extension($dir, 'lame', start => 'start', provides => '&lame',
                code => "static int start(ferrokv_ctx *ctx)"
                        . " { (void) ctx; return FERROKV_EBACKEND; }\n"
                        . command_source('lame', 'LAME.CALL',
                                         'return ctx->api->say_int(ctx, 1);'));

sub configure {
    $nginx->write_conf(undef, vars => {
        EXTENSIONS => "ferrokv_extension_path $dir; $_[0]" });
}

sub client { Ferrokv::Resp->new($nginx->port) }

sub state { join ' ', @{ $_[0]->cmd('LOOP.STATE') } }


subtest 'timers, descriptors, threads' => sub {
    configure('ferrokv_extension loop grant=net,threads;');
    $nginx->start;

    my $client = client();

    ok($nginx->wait_until(sub { state($client) eq '3 0 101 1 0' }),
       'timers, and a job in a thread') or diag(state($client));

    is($client->cmd('LOOP.BYTE'), 1, 'a byte is written') for 1 .. 4;
    ok($nginx->wait_until(sub { state($client) eq '3 3 101 1 0' }),
       'and read, until it is watched no more') or diag(state($client));

    is($client->cmd('LOOP.PLACE'), 1, 'not in a command');
    undef $client;
    $nginx->stop;
    like($nginx->error_log, qr/extension "loop": stopped after 3 ticks/,
         'stop() is called');
};

subtest 'commands that wait' => sub {
    configure('ferrokv_extension wait;');
    $nginx->start;

    my $client = client();
    my $other = client();

    is_deeply($client->cmd('WAIT.NEVER'), ['abcd', -8],
              'one that nobody resumes: ETIMEOUT');
    is_deeply($client->cmd('WAIT.LATER'), ['abcd', -11],
              'a timer resumes it, with the first code; the second is in vain');
    is_deeply($client->cmd('WAIT.AGAIN'), ['abcd', -11],
              'it may suspend again');
    is($client->cmd('WAIT.TWICE'), 1, 'a time must be given');
    is($client->cmd('WAIT.WROTE', 'a'), 1, 'not behind a write');

    $client->write(Ferrokv::Resp::request('WAIT.LATER', 'slowly'));
    is($other->cmd('PING'), 'PONG', 'others go on meanwhile');
    $client->close;
    is_deeply($other->cmd('WAIT.LATER'), ['abcd', -11],
              'and when a client has gone');

    my $gone = client();

    $gone->write(Ferrokv::Resp::request('WAIT.UNHEARD')
                 . Ferrokv::Resp::request('SET', 'behind', 'it'));
    $gone->close;
    is_deeply($other->cmd('WAIT.UNHEARD'), ['abcd', -11], 'one that waits');

    my @lines = $nginx->error_log =~ /it goes on with/g;

    is(@lines, 1, 'for one that has gone nothing goes on');
    is($other->cmd('EXISTS', 'behind'), 0, 'nor does what it sent behind that');
    undef $other;
    $nginx->stop;
};

subtest 'one that does not start' => sub {
    configure('ferrokv_extension lame; ferrokv_extension loop'
              . ' grant=net,threads;');
    $nginx->start;

    my $client = client();

    like(eval { $client->cmd('LAME.CALL') } // $@,
         qr/EXTMISSING extension "lame" could not start/, 'its commands say so');
    like(state($client), qr/^\d/, 'others have started');
    undef $client;
    $nginx->stop;
};

subtest 'one that crashes' => sub {
    configure('ferrokv_extension crash; ferrokv_extension loop'
              . ' grant=net,threads; ferrokv_extension_crash_limit 3/60s;');
    $nginx->allow(qr/exited on signal 9/);
    $nginx->allow(qr/"crash" was running .* once too often/);
    $nginx->start;

    for my $time (1 .. 3) {
        my $client = client();
        my $pid = $client->cmd('CRASH.PID');

        is($client->cmd('CRASH.WELL'), 1, 'its commands work');
        ok(!defined eval { $client->cmd('CRASH.NOW') }, 'the worker dies');
        ok($nginx->wait_until(sub {
            my $got = eval { client()->cmd('PING') };
            return defined $got && $got eq 'PONG';
        }), 'and is started anew');
    }

    my $client = client();

    like(eval { $client->cmd('CRASH.WELL') } // $@,
         qr/EXTMISSING extension "crash" has crashed too often/,
         'after three it sleeps');
    like(state($client), qr/^\d/, 'others go on');
    is($client->cmd('SET', 'a', 1), 'OK', 'and so does the store');

    my @alerts = $nginx->error_log =~ /\[alert\][^\n]*"crash" was running/g;

    is(scalar @alerts, 1, 'one alert');
    $nginx->reload;
    ok($nginx->wait_until(sub {
        my $got = eval { client()->cmd('CRASH.WELL') };
        return defined $got && $got eq '1';
    }), 'a reload wakes it');
};

$nginx->finish;
done_testing();
