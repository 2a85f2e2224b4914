# Extensions of a store: they are installed, updated and worked for by the
# helper, also if that is killed again and again.

use strict;
use warnings;

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
    }
}
CONF
    vars => { EXTENSIONS => 'ferrokv_extension step grant=helper;' });

my $dir = $nginx->dir . '/ext';


sub call {
    my (@words) = @_;

    return Ferrokv::Http->new($nginx->port)
        ->get('/redis/' . join('/', @words))->body;
}


sub counted { return call('step.count', $_[0]) =~ /"result":(\d+)/ ? $1 : -1 }


build_extension($dir, 'step', %step, version => '1.0', schema => 1);
$nginx->start;
ok($nginx->wait_until(sub { counted('pieces') == 300 }), 'a step in pieces')
    or diag(call('step.count', 'pieces'));
ok($nginx->wait_until(sub { counted('ticks') > 3 }), 'its worker runs');

$nginx->finish;
done_testing();
