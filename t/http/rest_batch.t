use strict;
use warnings;

use lib 't/lib';
use JSON::PP ();
use MIME::Base64 qw(encode_base64);
use POSIX ();
use Test::More;

use Ferrokv::Check;
use Ferrokv::Http;
use Ferrokv::Nginx;

my $nginx = Ferrokv::Nginx->new(<<'CONF');
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=32m max_value=512k;
events { }
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:%%PORT%%;
        location /kv/ { ferrokv_rest write=on; }
        location /ro/ { ferrokv_rest; }
        location /app/ { ferrokv_rest write=on prefix=app:; }
    }
}
CONF

$nginx->start;
my $http = Ferrokv::Http->new($nginx->port);
my $json = JSON::PP->new->utf8->allow_nonref;
my ($r, @results);

sub send_batch {
    my ($query, $text, $path) = @_;

    return $http->post(($path // '/kv/') . "?batch$query",
        ref $text ? $json->encode($text) : $text,
        'Content-Type' => 'application/json');
}

sub batch {
    my $r = send_batch('', [@_]);

    return @{ $r->json->{results} // [{ error => $r->body }] };
}
sub value { return $http->get("/kv/$_[0]")->body }
sub exists_key { return $http->get("/kv/$_[0]")->status == 200 }

# Each operation.

@results = batch(
    { op => 'set', key => 'a', value => 'one' },
    { op => 'set', key => 'b', value => 'two', ttl => 60 },
    { op => 'set', key => 'c', value => 'three', ttl => '2m' },
    { op => 'incr', key => 'n' },
    { op => 'incr', key => 'm', by => 5, init => 10, ttl => '1h' },
    { op => 'get', key => 'nobody' },
    { op => 'delete', key => 'nobody' },
    { op => 'touch', key => 'nobody', ttl => 1 },
    { op => 'persist', key => 'nobody' });

is(join(' ', map { $_->{status} } @results),
    '201 201 201 200 200 404 404 404 404', 'results in order');
is(value('a') . value('b') . value('c'), 'onetwothree', 'set');
is($results[3]{value} . ' ' . $results[4]{value}, '1 15', 'incr');
is($http->get('/kv/m')->header('FerroKV-TTL'), 3600, 'with a TTL');
cmp_ok(abs($http->get('/kv/c')->header('FerroKV-TTL') - 120), '<=', 2,
    'set with a TTL');
is('"' . $results[0]{version} . '"', $http->get('/kv/a')->header('ETag'),
    'versions are those of GET');
is($results[5]{code}, 'not_found', 'what is missing has a code');

$http->put('/kv/typed?ttl=90s', 'x', 'Content-Type' => 'text/plain');
@results = batch(
    { op => 'get', key => 'typed' },
    { op => 'touch', key => 'a', ttl => 30 },
    { op => 'persist', key => 'b' },
    { op => 'delete', key => 'c' },
    { op => 'set', key => 'a2', value => 'x', expires_at => time + 50 },
    { op => 'set', key => 'n', value => '7' });

is(join(' ', map { $_->{status} } @results), '200 204 204 204 201 204',
    'results in order');
is($results[0]{value} . $results[0]{content_type}, 'xtext/plain', 'get');
is('"' . $results[0]{version} . '"', $http->get('/kv/typed')->header('ETag'),
    'with its version');
ok($results[0]{ttl_ms} > 80000, 'and its TTL');
cmp_ok(abs($http->get('/kv/a')->header('FerroKV-TTL') - 30), '<=', 2, 'touch');
is(value('a'), 'one', 'keeps the value');
is($http->get('/kv/b')->header('FerroKV-TTL'), undef, 'persist');
ok(!exists_key('c'), 'delete');
cmp_ok(abs($http->get('/kv/a2')->header('FerroKV-TTL') - 50), '<=', 2,
    'expires_at');

is_deeply([batch()], [], 'no operations, no results');

# Bytes.

@results = batch(
    { op => 'set', key_b64 => encode_base64("\xff\x00k", ''),
      value_b64 => encode_base64("\x00\xfe", '') },
    { op => 'get', key_b64 => encode_base64("\xff\x00k", '') },
    { op => 'set', key => "nul\0", value => "caf\x{e9}\0" },
    { op => 'get', key => "nul\0" });
is($results[1]{value_b64}, encode_base64("\x00\xfe", ''), 'base64 both ways');
is($results[3]{value}, "caf\x{e9}\0", 'text both ways');
is($http->get('/kv/?prefix=nul')->json->{keys}[0]{key}, "nul\0",
    'a key that no URL can hold');
is($http->get('/kv/?prefix=nul')->json->{keys}[0]{size}, 6, 'as UTF-8');

# One key several times: as if one after another.

@results = batch(
    { op => 'delete', key => 'k' },
    { op => 'set', key => 'k', value => '1', ttl => 100 },
    { op => 'get', key => 'k' },
    { op => 'incr', key => 'k', by => 4 },
    { op => 'get', key => 'k' },
    { op => 'delete', key => 'k' },
    { op => 'get', key => 'k' },
    { op => 'incr', key => 'k', by => 2 },
    { op => 'persist', key => 'k' });
is(join(' ', map { $_->{status} . ($_->{value} // '') } @results),
    '404 201 2001 2005 2005 204 404 2002 204', 'each sees the one before');
is(value('k'), '2', 'the last one stays');
is($http->get('/kv/k')->header('FerroKV-TTL'), undef, 'with its TTL');
@results = batch({ op => 'incr', key => 'k' }, { op => 'delete', key => 'k' });
is(join(' ', map { $_->{status} } @results), '200 204', 'made and deleted');
ok(!exists_key('k'), 'is gone');

my @many = map { { op => 'incr', key => 'many' } } 1 .. 1024;
@results = batch(@many);
is($results[1023]{value}, 1024, '1024 operations on one key');
@results = batch(map { { op => 'set', key => "k$_", value => $_ } } 1 .. 1024);
is(scalar(grep { $_->{status} == 201 } @results), 1024, '1024 keys');
@results = batch(map { { op => 'get', key => "k$_" } } 1 .. 1024);
is(join(',', map { $_->{value} } @results), join(',', 1 .. 1024),
    'read back in order');

# A failing operation fails alone.

$http->put('/kv/text', 'Alice');
$http->put('/kv/max', '9223372036854775807');
my $version = $http->get('/kv/text?meta')->json->{version};
my @ops = (
    { op => 'set', key => 'f1', value => 'x' },
    { op => 'incr', key => 'text' },
    { op => 'incr', key => 'max' },
    { op => 'set', key => 'text', value => 'Bob', if_version => 1 },
    { op => 'set', key => 'text', value => 'Bob', if_version => 0 },
    { op => 'set', key => 'f2', value => 'x', if_version => 0 },
    { op => 'get', key => 'text', if_version => $version });
@results = batch(@ops);
is(join(' ', map { "$_->{status}" . ($_->{code} // '') } @results),
    '201 409not_an_integer 409overflow 412precondition_failed '
    . '412precondition_failed 201 200', 'a failing operation fails alone');
is(value('text') . value('f1') . value('f2'), 'Alicexx',
    'and the others do not');

@results = batch({ op => 'set', key => 'text', value => 'Bob',
                   if_version => "$version" });
is($results[0]{status}, 204, 'if_version, as a string');
is(value('text'), 'Bob', 'writes');

# Atomic: all or nothing.

for my $case (
    [{ op => 'incr', key => 'text' }, 409, 'not_an_integer'],
    [{ op => 'incr', key => 'max' }, 409, 'overflow'],
    [{ op => 'set', key => 'text', value => 'x', if_version => 1 }, 412,
     'precondition_failed'],
    [{ op => 'delete', key => 'nobody', if_version => 1 }, 412,
     'precondition_failed'])
{
    my ($op, $status, $code) = @$case;

    $r = send_batch('&atomic', [{ op => 'set', key => 'g', value => 'x' },
                                { op => 'delete', key => 'f1' }, $op,
                                { op => 'set', key => 'h', value => 'x' }]);
    problem_is($r, $status, $code, "atomic: $code");
    like($r->json->{detail}, qr/^operation 2: /, 'says which');
    ok(!exists_key('g') && !exists_key('h') && exists_key('f1'),
        'nothing was written');
}

$r = send_batch('&atomic', [{ op => 'set', key => 'g', value => 'x' },
                            { op => 'delete', key => 'nobody' },
                            { op => 'get', key => 'f1' }]);
is($r->status, 200, 'atomic: what is missing is no failure');
is(value('g'), 'x', 'all was written');

# A condition on a key that is not written: get with if_version.

$version = $http->get('/kv/text?meta')->json->{version};
$r = send_batch('&atomic', [
    { op => 'get', key => 'text', if_version => $version },
    { op => 'set', key => 'checked', value => 1, if_version => 0 }]);
is($r->status, 200, 'checked, not written');
is($http->get('/kv/text?meta')->json->{version}, $version, 'it is as it was');

for my $case ([$version + 1, 0], [$version, 1], [0, 0]) {
    my ($seen, $absent) = @$case;

    $r = send_batch('&atomic', [
        { op => 'set', key => 'g2', value => 'x' },
        { op => 'get', key => ($absent ? 'checked' : 'text'),
          if_version => $absent ? 0 : $seen }]);
    problem_is($r, 412, 'precondition_failed', 'a condition that fails');
    like($r->json->{detail}, qr/^operation 1: .*nothing was written/,
        'says which');
    ok(!exists_key('g2'), 'and nothing is written');
}

# Two workers, one counter each of two: transfers keep the sum.

$http->put('/kv/left', 1000);
$http->put('/kv/right', 1000);
my @pids;
for my $worker (1 .. 4) {
    my $pid = fork() // die "fork: $!";
    if (!$pid) {
        my $mine = Ferrokv::Http->new($nginx->port);
        my $bad = 0;
        for (1 .. 50) {
            my $answer = $mine->post('/kv/?batch&atomic', $json->encode([
                { op => 'incr', key => 'left', by => -1 },
                { op => 'incr', key => 'right', by => 1 }]),
                'Content-Type' => 'application/json');
            $bad++ if $answer->status != 200;
        }
        POSIX::_exit($bad ? 1 : 0);
    }
    push @pids, $pid;
}
my $failed = 0;
for my $pid (@pids) {
    waitpid $pid, 0;
    $failed++ if $?;
}
is($failed, 0, 'four clients transfer');
is(value('left') . ' ' . value('right'), '800 1200', 'nothing is lost');

# Bad ones.

for my $type (undef, 'text/plain', 'application/jsonx',
              'application/x-www-form-urlencoded')
{
    problem_is($http->post('/kv/?batch', '[]',
            $type ? ('Content-Type' => $type) : ()), 415, 'not_json',
        $type // 'no type');
}

is($http->post('/kv/?batch', '[]',
        'Content-Type' => 'Application/JSON; charset=utf-8')->status, 200,
    'a type with a parameter');

for my $case (['', 0], ['[', 1], ['[{"op":"get","key":"a"},]', 25],
              ['[{"op":"get" "key":"a"}]', 18], ["[\"\xff\"]", 1],
              ['[] x', 4], ['[{"op":"get","op":"get","key":"a"}]', 17],
              ['[99999999999999999999]', 21], ['[' x 5000, 2049])
{
    my ($text, $position) = @$case;

    problem_is($r = send_batch('', $text), 400, 'bad_json',
        'JSON ' . substr $text, 0, 40);
    my ($said) = $r->json->{detail} =~ /position (\d+)/;
    cmp_ok(abs(($said // -99) - $position), '<=', 2, "position $position");
}

problem_is($r = send_batch('', '{"op":"get"}'), 400, 'bad_batch', 'no array');
like($r->json->{detail}, qr/position 0/, 'at position 0');

for my $case (
    ['1', 'not an object'], [{}, '"op" is missing'],
    [{ op => 'get' }, '"key" is missing'],
    [{ op => 'nop', key => 'a' }, '"op" is not'],
    [{ op => 1, key => 'a' }, '"op" is not'],
    [{ op => 'get', key => '' }, '"key" is not'],
    [{ op => 'get', key => 'x' x 65537 }, '"key" is not'],
    [{ op => 'get', key => [] }, '"key" is not'],
    [{ op => 'get', key_b64 => '*' }, '"key_b64" is not'],
    [{ op => 'get', key => 'a', key_b64 => 'YQ==' }, 'same thing'],
    [{ op => 'get', key => 'a', value => 'x' }, 'does not go with'],
    [{ op => 'set', key => 'a' }, '"value" is missing'],
    [{ op => 'set', key => 'a', value => {} }, '"value" is not'],
    [{ op => 'set', key => 'a', value => 1.5 }, '"value" is not'],
    [{ op => 'set', key => 'a', value => undef }, '"value" is not'],
    [{ op => 'set', key => 'a', value_b64 => 'x' }, '"value_b64" is not'],
    [{ op => 'set', key => 'a', value => 'x', ttl => 0 }, '"ttl" is not'],
    [{ op => 'set', key => 'a', value => 'x', ttl => -1 }, '"ttl" is not'],
    [{ op => 'set', key => 'a', value => 'x', ttl => '1x' }, '"ttl" is not'],
    [{ op => 'set', key => 'a', value => 'x', ttl => 1.5 }, '"ttl" is not'],
    [{ op => 'set', key => 'a', value => 'x', ttl => undef }, '"ttl" is not'],
    [{ op => 'set', key => 'a', value => 'x', expires_at => 5 },
     '"expires_at" is not'],
    [{ op => 'set', key => 'a', value => 'x', if_version => -1 },
     '"if_version" is not'],
    [{ op => 'incr', key => 'a', by => 'x' }, '"by" is not'],
    [{ op => 'incr', key => 'a', init => 1.5 }, '"init" is not'],
    [{ op => 'touch', key => 'a' }, '"ttl" is missing'],
    [{ op => 'get', key => 'a', vlaue => 1 }, 'not known'])
{
    my ($op, $like) = @$case;

    $r = send_batch('', [{ op => 'set', key => 'bad', value => 'x' },
                         ref $op ? $op : 1]);
    problem_is($r, 400, 'bad_batch', $like);
    like($r->json->{detail}, qr/^operation 1: .*\Q$like\E/, 'and says which');
}

ok(!exists_key('bad'), 'none of them wrote');

problem_is($r = send_batch('', [@many, { op => 'get', key => 'a' }]), 400,
    'batch_too_large', '1025 operations');
like($r->json->{detail}, qr/operation 1024/, 'says where');
problem_is(send_batch('', '[' . ' ' x 1048576 . ']'), 413, 'too_large',
    'a body over 1 MiB');
problem_is(send_batch('', [{ op => 'set', key => 'a', value => 'x' x 600000 }]),
    413, 'too_large', 'a value over max_value');
problem_is(send_batch('&ttl=1s', '[]'), 400, 'bad_parameter',
    'a parameter of another request');
problem_is(send_batch('', '[]', '/ro/'), 405, 'method_not_allowed',
    'where write=off');
problem_is(send_batch('&sync=off', '[]'), 403, 'danger_off',
    'sync=off is dangerous');

# More than an answer may hold.

$http->put("/kv/large/$_", 'x' x 500000) for 1 .. 4;
problem_is(send_batch('', [map { { op => 'get', key => "large/$_" } } 1 .. 4]),
    413, 'too_large', 'reads more than an answer may hold');
is(scalar batch(map { { op => 'get', key => "large/$_" } } 1 .. 2), 2,
    'reads less');

# A location's prefix.

$r = send_batch('', [{ op => 'set', key => 'x', value => '1' },
                     { op => 'get', key => 'x' }], '/app/');
is($r->json->{results}[1]{value}, '1', 'within a prefix');
is(value('app:x'), '1', 'is before the key');

$nginx->finish;
done_testing();
