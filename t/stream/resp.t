# ferrokv_resp: requests in every form, their order, and what is no request.

use strict;
use warnings;

use Test::More;

use Ferrokv::Nginx;
use Ferrokv::Resp;

my $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 2, stream => 1);
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=64m max_value=1m;
events { }
stream {
    server { listen 127.0.0.1:%%PORT%%; ferrokv_resp; }
    server { listen 127.0.0.1:%%PORT1%%; ferrokv_resp readonly; }
    server { listen unix:%%DIR%%/redis.sock; ferrokv_resp; }
}
CONF

$nginx->start;

sub client { return Ferrokv::Resp->new($nginx->port(@_)) }

my $redis = client();

is($redis->cmd('PING'), 'PONG', 'it answers');
is($redis->cmd('SET', 'key', 'Alice'), 'OK', 'it writes');
is($redis->cmd('GET', 'key'), 'Alice', 'it reads');
is($redis->cmd('GET', 'none'), undef, 'what is not there is null');

my $bytes = join '', map { chr } 0 .. 255, 13, 10;

is($redis->cmd('SET', $bytes, $bytes x 100), 'OK', 'bytes are bytes');
is($redis->cmd('GET', $bytes), $bytes x 100, 'in keys and in values');
is($redis->cmd('SET', 'empty', ''), 'OK', 'a value may be empty');
is($redis->cmd('GET', 'empty'), '', 'and is so');


# Lines

is($redis->line('set "a b" \'c d\''), 'OK', 'a line with quotes');
is($redis->cmd('GET', 'a b'), 'c d', 'means what it says');
is($redis->line('echo "\x00\n\"x"'), "\x00\n\"x", 'escapes, too');
$redis->write("\r\n   \r\n*0\r\n*-1\r\n");
is($redis->line('PING'), 'PONG', 'empty requests are nothing');


# However the bytes come

my $request = Ferrokv::Resp::request('SET', 'pieces', 'x' x 20)
    . "GET pieces\r\n" . Ferrokv::Resp::request('STRLEN', 'pieces');

for my $byte (split //, $request) {
    $redis->write($byte);
    select undef, undef, undef, 0.001;
}

is_deeply([map { $redis->read } 1 .. 3], ['OK', 'x' x 20, 20],
          'byte by byte');

for my $size (15_000, 16_384, 40_000, 1_000_000, 1_048_576) {
    my $value = join '', map { chr(97 + $_ % 26) } 1 .. $size;

    is($redis->cmd('SET', "big:$size", $value), 'OK', "$size bytes");
    ok($redis->cmd('GET', "big:$size") eq $value, 'are the same');
}


# Pipelines

my @many = map { (['SET', "p:$_", $_], ['GET', "p:$_"], ['INCR', 'n']) }
    1 .. 1000;
my @got = $redis->pipeline(@many);

is_deeply(\@got, [map { ('OK', $_, $_) } 1 .. 1000],
          'each sees what those before it wrote, and replies are in order');

@got = $redis->pipeline(['GET', 'p:1'], ['GET'], ['NONE', 'a'], ['GET', 'p:2']);
is("@got", "1 ERR wrong number of arguments for 'get' command "
   . "ERR unknown command 'NONE', with args beginning with: 'a'  2",
   'an error is a reply like others');

@got = $redis->pipeline(map { ['SET', "mix:$_", 'x' x (37 * $_)],
                              ['GET', "mix:$_"] } 1 .. 400);
ok(!(grep { $got[2 * $_ - 1] ne 'x' x (37 * $_) } 1 .. 400),
   'long pipelines of values of all sizes');

# before a reply is read
my $writer = client();
$writer->write(join '', map { Ferrokv::Resp::request('ECHO', $_ x 100) }
               map { $_ % 10 } 1 .. 5000);
ok(!(grep { $writer->read ne ($_ % 10) x 100 } 1 .. 5000),
   'replies wait for who writes all of it first');


# Databases

is($redis->cmd('SELECT', 1), 'OK', 'another database');
is($redis->cmd('GET', 'key'), undef, 'has other keys');
is_deeply([$redis->pipeline(['SET', 'key', 'Bob'], ['SELECT', 0],
                            ['GET', 'key'], ['SELECT', 1], ['GET', 'key'],
                            ['SELECT', 0])],
          ['OK', 'OK', 'Alice', 'OK', 'Bob', 'OK'], 'also in a pipeline');
is($redis->cmd('SELECT', 16), 'ERR DB index is out of range', 'there are 16');


# RESP3

my $three = client();

is($three->cmd('HELLO', 3)->{proto}, 3, 'RESP3');
$three->write("GET none\r\n");
is($three->_line, '_', 'has one null');
is($three->cmd('HELLO', 4), 'NOPROTO unsupported protocol version',
   'there is no RESP4');
is(ref $three->cmd('HELLO', 2), 'ARRAY', 'and back');


# What is no request

sub malformed {
    my ($text, $error, $name) = @_;
    my $client = client();

    $client->write("PING\r\n$text");
    is($client->rest, "+PONG\r\n-ERR Protocol error: $error\r\n",
       $name // $text =~ s/\r\n/ /gr);
}

malformed("*x\r\n", 'invalid multibulk length');
malformed("*2147483648\r\n", 'invalid multibulk length');
malformed("*1\r\n\$-1\r\n", 'invalid bulk length');
malformed("*1\r\n\$x\r\n", 'invalid bulk length');
malformed("*1\r\n\$536870913\r\n", 'invalid bulk length');
malformed("*1\r\n\$1048577\r\n", 'invalid bulk length');
malformed("*1\r\n+PING\r\n", "expected '\$', got '+'");
malformed("set \"a\r\n", 'unbalanced quotes in request');
malformed('a' x 65537, 'too big inline request', 'a line that does not end');
malformed('*' . '1' x 65537, 'too big mbulk count string', 'nor a count');
malformed("*1\r\n\$" . '1' x 65537, 'too big bulk count string',
          'nor a length');

for my $http ("GET / HTTP/1.1\r\nHost: x\r\n\r\n",
              "POST / HTTP/1.1\r\nHost: x\r\n\r\nSET key evil\r\n")
{
    my $client = client();

    $client->write($http);
    unlike($client->rest, qr/OK/, 'a browser is not served');
}

is($redis->cmd('GET', 'key'), 'Alice', 'and has changed nothing');
ok($nginx->wait_log(qr/sent an HTTP request to a listener of the Redis/),
   'the log says so');


# Read only

my $reader = client(1);

is($reader->cmd('GET', 'key'), 'Alice', 'readonly reads');
like($reader->cmd('SET', 'key', 'x'), qr/^READONLY /, 'and does not write');
like($reader->cmd('MONITOR'), qr/^NOPERM /, 'nobody is admin by default');


# A unix socket

SKIP: {
    require IO::Socket::UNIX;
    my $socket = IO::Socket::UNIX->new(Peer => "$nginx->{dir}/redis.sock")
        or skip "no unix socket: $!", 1;

    is(Ferrokv::Resp->new(0, socket => $socket)->cmd('GET', 'key'), 'Alice',
       'over a unix socket');
}


# Ends

is($redis->cmd('QUIT'), 'OK', 'QUIT is answered');
ok($redis->closed, 'and closes');

my $half = client();
$half->write("SET half 1\r\nGET half\r\n");
shutdown $half->{socket}, 1;
is($half->rest, "+OK\r\n\$1\r\n1\r\n", 'who says no more still hears');


# What was answered is there after a crash

my $durable = client();

@got = $durable->pipeline(map { ['SET', "d:$_", $_] } 1 .. 500);
is_deeply(\@got, [('OK') x 500], 'a pipeline is answered');
$nginx->kill('KILL');
unlink "$nginx->{dir}/redis.sock";
$nginx->start;
$durable = client();
is_deeply([$durable->pipeline(map { ['GET', "d:$_"] } 1 .. 500)], [1 .. 500],
          'and is there after a crash');


# What nginx -t says

sub refused {
    my ($args, $why) = @_;

    $nginx->write_conf(<<"CONF");
\%\%GLOBALS\%\%
ferrokv_store main path=%%DIR%%/store memory=64m;
events { }
stream { server { listen 127.0.0.1:%%PORT%%; ferrokv_resp $args; } }
CONF
    my ($status, $text) = $nginx->test_conf;

    ok($status != 0, "refused: $args");
    like($text, $why, 'with a reason');
}

refused('what', qr/invalid parameter "what" in "ferrokv_resp"/);
refused('admin=yes', qr/invalid parameter "admin=yes"/);
refused('output_limit=0', qr/invalid parameter "output_limit=0"/);
refused('password=/nowhere/at/all', qr/"\/nowhere\/at\/all" failed/);
refused('store=none', qr/none/);
refused('; ferrokv_resp', qr/is duplicate/);

$nginx->finish;
done_testing();
