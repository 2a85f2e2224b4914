# Values of types of extensions, over REST: PUT ?type= and GET.

use strict;
use warnings;

use JSON::PP qw(decode_json);
use Test::More;

use Ferrokv::Extension qw(build_extension);
use Ferrokv::Http;
use Ferrokv::Nginx;

my $code = <<'C';
#include <string.h>

static int
number(ferrokv_ctx *ctx, ferrokv_str text, ferrokv_value *out)
{
    const char  *p = text.data;
    int64_t     *n = ctx->api->alloc(ctx, sizeof(*n));

    *n = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (p[i] < '0' || p[i] > '9' || i == 10) {
            return ctx->api->fail(ctx, FERROKV_EARG, "at most ten digits");
        }
        *n = *n * 10 + (p[i] - '0');
    }

    out->data.data = n;
    out->data.len = sizeof(*n);

    return FERROKV_OK;
}

static int
shown(ferrokv_ctx *ctx, const ferrokv_value *val)
{
    int64_t  n;

    if (val->data.len != sizeof(n)) {
        return FERROKV_ECORRUPT;
    }

    memcpy(&n, val->data.data, sizeof(n));
    ctx->api->say_array(ctx, 1);

    return ctx->api->say_int(ctx, n);
}

static int
greedy(ferrokv_ctx *ctx, ferrokv_str text, ferrokv_value *out)
{
    (void) text;
    out->data.data = ctx->api->alloc(ctx, (size_t) 1 << 40);
    out->data.len = 1;

    return FERROKV_OK;
}

static int
liar(ferrokv_ctx *ctx, ferrokv_str text, ferrokv_value *out)
{
    (void) ctx;
    (void) text;
    out->data.data = NULL;
    out->data.len = 8;

    return FERROKV_OK;
}

static const ferrokv_type  whole = {
    FERROKV_TYPE, 0, "num.whole", 0, 0, NULL, number, shown, NULL, NULL, NULL
};

static const ferrokv_type  mute = {
    FERROKV_TYPE, 0, "num.mute", 0, 0, NULL, NULL, NULL, NULL, NULL, NULL
};

static const ferrokv_type  more = {
    FERROKV_TYPE, 0, "num.more", 0, 0, NULL, greedy, NULL, NULL, NULL, NULL
};

static const ferrokv_type  wrong = {
    FERROKV_TYPE, 0, "num.wrong", 0, 0, NULL, liar, NULL, NULL, NULL, NULL
};
C

my $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 1,
%%GLOBALS%%
ferrokv_extension_path %%DIR%%/ext;
%%EXTENSIONS%%
ferrokv_store main path=%%DIR%%/store memory=64m;
events { }
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:%%PORT%%;
        location /kv/ { ferrokv_rest write=on; }
    }
}
CONF
    vars => { EXTENSIONS => 'ferrokv_extension num;' });

build_extension($nginx->dir . '/ext', 'num', code => $code,
    provides => '&whole, &mute, &more, &wrong');
$nginx->start;

my $http = Ferrokv::Http->new($nginx->port);


sub put { return $http->put("/kv/$_[0]", $_[1], @_[2 .. $#_]) }

sub problem_is {
    my ($response, $status, $code, $detail, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is($response->status, $status, "$name: $status");

    my $problem = eval { decode_json($response->body) } // {};

    is($problem->{code}, $code, "$name: $code");
    like($problem->{detail}, $detail, "$name: one sentence");
}


subtest 'what is put is shown as its type says' => sub {
    $nginx->wait_until(sub { put('a?type=num.whole', '1')->status != 400 });
    is(put('k?type=num.whole', '42')->status, 201, 'PUT ?type=');
    is($http->get('/kv/k')->body, '[42]', 'GET');
    is($http->get('/kv/k')->header('content-type'), 'application/json',
       'which is JSON');

    my $meta = decode_json($http->get('/kv/k?meta')->body);

    is($meta->{type}, 'whole', '?meta has its type');
    is(put('k?type=num.whole&ttl=100s', '43', 'Content-Type' => 'text/x')->status,
       204, 'another value, with a TTL');
    is($http->get('/kv/k')->body, '[43]', 'replaces it');
    ok($http->get('/kv/k')->header('ferrokv-ttl') > 90, 'and expires');
    is($http->get('/kv/k')->header('content-type'), 'application/json',
       'the content type of the text is not that of the value');
    is(put('k?type=num.whole', '1', 'If-None-Match' => '*')->status, 412,
       'conditions count');
    is($http->get('/kv/k')->body, '[43]', 'nothing is written then');
    is(put('k', 'bytes')->status, 204, 'PUT of bytes over it');
    is($http->get('/kv/k')->body, 'bytes', 'are bytes');
    is(put('k?type=num.whole', '')->status, 204, 'an empty text');
    is($http->get('/kv/k')->body, '[0]', 'is what its type makes of it');
};

subtest 'what is refused' => sub {
    problem_is(put('k?type=num.whole', '4x'), 400, 'bad_value',
               qr/at most ten digits/, 'a text that its type refuses');
    problem_is(put('k?type=num.whole', 'x' x 1_000_000), 400, 'bad_value',
               qr/at most ten digits/, 'a long one');
    problem_is(put('k?type=num.none', '4'), 400, 'bad_type',
               qr/^there is no type "num.none" in this store$/,
               'a type that there is not');
    problem_is(put('k?type=', '4'), 400, 'bad_type', qr/no type ""/,
               'an empty name');
    problem_is(put('k?type=whole', '4'), 400, 'bad_type', qr/no type "whole"/,
               'half a name');
    problem_is(put('k?type=%00%ff', '4'), 400, 'bad_type', qr/no type/,
               'any bytes');
    problem_is(put('k?type=num.mute', '4'), 400, 'bad_type',
               qr/^values of type "num.mute" cannot be put as documents$/,
               'a type without input()');
    problem_is(put('k?type=num.more', '4'), 400, 'bad_value',
               qr/wants more than \d+ MiB/, 'one that wants all memory');
    problem_is(put('k?type=num.wrong', '4'), 400, 'bad_value',
               qr/input\(\).*made what is no value/, 'one that makes garbage');
    problem_is($http->get('/kv/k?type=num.whole'), 400, 'bad_parameter',
               qr/"type" does not go with this request/, 'GET ?type=');
    is($http->get('/kv/k')->body, '[0]', 'the value is what it was');
};

subtest 'without the extension' => sub {
    my @old = $nginx->workers;

    $nginx->write_conf(undef, vars => { EXTENSIONS => '' });
    ok($nginx->reload, 'reload');
    ok($nginx->wait_gone(@old), 'the old worker has gone');
    problem_is(put('k?type=num.whole', '4'), 501, 'extension_missing',
               qr/^extension "num" 1\.0\.0 is needed/, 'PUT ?type=');
    problem_is($http->get('/kv/k'), 501, 'extension_missing',
               qr/^extension "num" 1\.0\.0 is needed/, 'GET');
};

$nginx->finish;
done_testing();
