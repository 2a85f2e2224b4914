# The life cycle that any extension's test can run: a small one with a type, one
# without, and the collections.

use strict;
use warnings;

use File::Temp qw(tempdir);
use Test::More;

use Ferrokv::Extension qw(build_extension);
use Ferrokv::Life;

my $dir = tempdir('ferrokv-XXXXXX', CLEANUP => 1,
                  DIR => $ENV{FKV_TMP} // '/var/tmp');

chmod 0755, $dir;

build_extension("$dir/ext", 'box', control => "trusted = true\n",
    provides => '&box, &put_command, &get_command', code => <<'C');
static const ferrokv_type  box = {
    FERROKV_TYPE, 0, "box", 0, 0, NULL, NULL, NULL, NULL, NULL, NULL
};

static int
put(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    const ferrokv_str  head = { NULL, 0 };
    ferrokv_value      value = { argv[2], &box, 0 };
    int                rc = ctx->api->put(ctx, argv[1], head, &value);

    (void) argc;
    return rc < 0 ? rc : ctx->api->say_status(ctx, "OK");
}

static int
get(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    const ferrokv_str  head = { NULL, 0 };
    ferrokv_value      value;
    int                rc = ctx->api->get(ctx, argv[1], head, &value);

    (void) argc;

    if (rc < 0) {
        return rc;
    }

    return rc == FERROKV_OK ? ctx->api->say_str(ctx, value.data)
                            : ctx->api->say_null(ctx);
}

static const ferrokv_command  put_command = {
    FERROKV_COMMAND, FERROKV_WRITE, "BOX.PUT", 3, 1, 1, 1, put, "key value",
    "Puts a value into a box."
};

static const ferrokv_command  get_command = {
    FERROKV_COMMAND, FERROKV_READ, "BOX.GET", 2, 1, 1, 1, get, "key",
    "What is in a box."
};
C

{
    local $ENV{FERROKV_EXTDIR} = "$dir/ext";

    life_cycle('box', type => 'box', keys => ['a', 'b', 'c'],
        write => ['BOX.PUT a one', 'BOX.PUT b two', 'BOX.PUT c three'],
        read => ['BOX.GET a', 'BOX.GET b']);
}

# It has no type: what it has written stays when it goes.
life_cycle('throttle', keys => ['a', 'b'], own => 'CL.PEEK a 0 1 3600',
    read => ['STRLEN a'],
    write => ['CL.THROTTLE a 0 1 3600', 'CL.THROTTLE b 0 1 3600']);

for (['hash', 'HSET %s a 1 b 2', 'HGETALL a'], ['set', 'SADD %s a', 'SMEMBERS a'],
     ['zset', 'ZADD %s 1 a 2 b', 'ZRANGE a 0 -1'],
     ['list', 'RPUSH %s a b', 'LRANGE a 0 -1'],
     ['bloom', 'BF.ADD %s x', 'BF.MEXISTS a x y'],
     ['hll', 'PFADD %s x y', 'PFCOUNT a'])
{
    my ($name, $write, $read) = @$_;

    life_cycle($name, type => $name, keys => ['a', 'b', 'c'], read => [$read],
               write => [map { sprintf $write, $_ } 'a', 'b', 'c']);
}

done_testing();
