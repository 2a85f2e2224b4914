# Values that compaction has met are written anew: by recode() what an older
# version of the library wrote, by compact() what may be smaller.

use strict;
use warnings;

use JSON::PP qw(decode_json);
use Test::More;

use Ferrokv::Extension qw(build_extension);
use Ferrokv::Http;
use Ferrokv::Nginx;
use Ferrokv::Resp;

# BAG.PUT key text: a value of today's encoding.  Encoding 0 is the text, 1 has
# "1:" in front.  compact() takes blanks from the end; a "!" there fails.
my $code = <<'C';
#include <string.h>

static int
in_front(ferrokv_ctx *ctx, ferrokv_str text, ferrokv_str *out)
{
    char  *to = ctx->api->alloc(ctx, text.len + 2);

    memcpy(to, "1:", 2);
    memcpy(to + 2, text.data, text.len);
    *out = (ferrokv_str) { to, text.len + 2 };

    return FERROKV_OK;
}

static int
bag_recode(ferrokv_ctx *ctx, uint32_t encver, ferrokv_str old,
    ferrokv_value *out)
{
    return (encver == 0) ? in_front(ctx, old, &out->data) : FERROKV_ECORRUPT;
}

static int
bag_compact(ferrokv_ctx *ctx, ferrokv_str key, const ferrokv_value *val,
    ferrokv_value *out)
{
    const char  *text = val->data.data;
    size_t       len = val->data.len;

    (void) ctx;
    (void) key;

    if (len > 0 && text[len - 1] == '!') {
        return FERROKV_ECORRUPT;
    }

    while (len > 0 && text[len - 1] == ' ') {
        len--;
    }

    out->data = (ferrokv_str) { text, len };

    return (len < val->data.len) ? FERROKV_OK : FERROKV_NONE;
}

static const ferrokv_type  bag = {
    FERROKV_TYPE, 0, "bag", ENCVER, 0, NULL, NULL, NULL,
    ENCVER ? bag_recode : NULL, COMPACT ? bag_compact : NULL, NULL
};

static int
put_call(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    ferrokv_str    self = { NULL, 0 };
    ferrokv_value  val = { argv[2], &bag, 0 };
    int            rc = FERROKV_OK;

    (void) argc;

    if (ENCVER == 1) {
        rc = in_front(ctx, argv[2], &val.data);
    }

    if (rc == FERROKV_OK) {
        rc = ctx->api->put(ctx, argv[1], self, &val);
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

static const ferrokv_command  put_command = {
    FERROKV_COMMAND, FERROKV_WRITE, "BAG.PUT", 3, 1, 1, 1, put_call,
    "key text", "Puts a bag"
};

static const ferrokv_command  get_command = {
    FERROKV_COMMAND, FERROKV_READ, "BAG.GET", 2, 1, 1, 1, get_call,
    "key", "What is in a bag"
};
C

my $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 2, stream => 1,
%%GLOBALS%%
ferrokv_extension_path %%DIR%%/ext;
ferrokv_extension bag;
ferrokv_store main path=%%DIR%%/store memory=64m sync=everysec;
events { }
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:%%PORT%%;
        location = /status { ferrokv_status json; }
    }
}
stream {
    server { listen 127.0.0.1:%%PORT1%%; ferrokv_resp admin=on; }
}
CONF
);


sub bag {
    my ($version, $encver, $compact) = @_;

    build_extension($nginx->dir . '/ext', 'bag', version => $version,
                    code => $code,
                    cflags => "-DENCVER=$encver -DCOMPACT=$compact",
                    provides => '&bag, &put_command, &get_command');
}


sub redis { return Ferrokv::Resp->new($nginx->port(1))->cmd(@_) }


sub status {
    my ($name) = @_;
    my $stores = decode_json(Ferrokv::Http->new($nginx->port)->get('/status')
                             ->body)->{stores};

    return $stores->{main}{$name};
}


# Other keys, some megabytes, so that tables are put together at last.
sub fill {
    my $client = Ferrokv::Resp->new($nginx->port(1));

    for my $key (1 .. 100) {
        $client->cmd('SET', "fill:$key",
                     join '', map { pack 'L', rand 2**32 } 1 .. 7500);
    }
}


# As it is stored.
sub stored { return redis('DUMP', $_[0]) // '' }


# Until the code says so: compaction comes again and again.
sub at_last {
    my ($what, $code) = @_;

    ok($nginx->wait_until(sub { return 1 if $code->(); fill(); 0 }, 180), $what);
}


bag('1.0.0', 0, 0);
ok($nginx->start, 'start');
is(redis('BAG.PUT', "old:$_", "text $_"), 'OK', 'a value') for 1 .. 3;
is(redis('PEXPIRE', 'old:2', 1_000_000), 1, 'that expires');
is(redis('BAG.GET', 'old:1'), 'text 1', 'it is there');
unlike(stored('old:1'), qr/1:text 1/, 'in the old encoding');

my @old = $nginx->workers;

bag('1.1.0', 1, 1);
ok($nginx->reload, 'a new version of the library');
ok($nginx->wait_gone(@old), 'the old workers have gone');

subtest 'what an older version wrote' => sub {
    is(redis('BAG.GET', 'old:1'), '1:text 1', 'read, it is of today');
    unlike(stored('old:1'), qr/1:text 1/, 'and stays as it was');

    at_last("old:$_ is written anew", sub { stored("old:$_") =~ /1:text/ })
        for 1 .. 3;

    is(redis('BAG.GET', "old:$_"), "1:text $_", 'its text') for 1 .. 3;
    cmp_ok(redis('PTTL', 'old:2'), '>', 0, 'it expires as before');
    is(redis('PTTL', 'old:1'), -1, 'and others do not');
    cmp_ok(status('renewed'), '>=', 3, 'counted');
    cmp_ok(status('renew_met'), '>=', 3, 'as met');
};

subtest 'what may be smaller' => sub {
    is(redis('BAG.PUT', 'full', 'text' . ' ' x 1000), 'OK', 'a value');
    is(redis('BAG.PUT', 'wrong', 'text!'), 'OK', 'and one that fails');
    is(redis('BAG.PUT', 'small', 'text'), 'OK', 'and one that is small');

    my $small = stored('small');

    at_last('it is smaller', sub { redis('BAG.GET', 'full') eq '1:text' });
    is(redis('BAG.GET', 'wrong'), '1:text!', 'what fails stays');
    is(redis('BAG.GET', 'small'), '1:text', 'what is small stays');
    is(stored('small'), $small, 'byte by byte');
};

subtest 'who writes meanwhile has the last word' => sub {
    my $client = Ferrokv::Resp->new($nginx->port(1));
    my ($n, $renewed, $wrong) = (0, status('renewed'), 0);
    my %last;

    at_last('some were written anew', sub {
        for my $key (1 .. 50) {
            my $was = $client->cmd('BAG.GET', "race:$key");

            $wrong++ if $last{$key} && $was !~ /^1:$last{$key}(?: {20})?$/;
            $last{$key} = ++$n;
            $client->cmd('BAG.PUT', "race:$key", $n . ' ' x 20);
        }

        return status('renewed') > $renewed + 20;
    });

    is($wrong, 0, 'no other than the last that was written');
};

subtest 'the helper dies again and again' => sub {
    redis('BAG.PUT', "kill:$_", "$_ ") for 1 .. 200;

    for (1 .. 3) {
        my @helpers = $nginx->helpers;
        my $renewed = status('renewed');

        at_last('some are written', sub { status('renewed') > $renewed
                                          || kept() == 0 });
        $nginx->kill('KILL', @helpers);
        ok($nginx->wait_until(sub {
            my @new = $nginx->helpers;
            return @new == 1 && $new[0] != $helpers[0];
        }, 30), 'another helper');
    }

    at_last('all are smaller in the end', sub { kept() == 0 });
    is(redis('BAG.GET', "kill:$_"), "1:$_", "kill:$_") for 1, 77, 200;
};


# How many of them are as they were put?
sub kept {
    my $client = Ferrokv::Resp->new($nginx->port(1));

    return scalar grep { $client->cmd('BAG.GET', "kill:$_") =~ / $/ } 1 .. 200;
}


$nginx->allow(qr/the value of key "wrong" in store "main" stays as it is/,
              qr/exited on signal 9/);
$nginx->finish;
done_testing();
