# What clients of the Redis protocol can do to harm others: these do it.  Meanwhile
# calm clients go on, memory is bounded, and each is told what Redis tells.
#
# FKV_SECONDS= repeats it for so long.

use strict;
use warnings;

use IO::Socket::INET;
use List::Util qw(min);
use Socket qw(:DEFAULT INADDR_LOOPBACK);
use Test::More;
use Time::HiRes qw(sleep time);

use Ferrokv::Calm;
use Ferrokv::Installed;
use Ferrokv::Nginx;
use Ferrokv::Resp;

use constant OUTPUT_MIB => 4;

my $end = time + ($ENV{FKV_SECONDS} // 0);
my $crowd = Ferrokv::Calm::crowd($ENV{FKV_SECONDS} ? 10_000 : 2000);
my %vars = (EXTENSIONS => extension_conf(qw(hash list set)), MANY => $crowd + 1000);
my $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 2, stream => 1, vars => \%vars);
%%GLOBALS%%
%%EXTENSIONS%%
worker_rlimit_nofile %%MANY%%;
ferrokv_store main path=%%DIR%%/store memory=32m max_value=4m;
events { worker_connections %%MANY%%; }
stream {
    server {
        listen 127.0.0.1:%%PORT%% reuseport backlog=4096;
        ferrokv_resp admin=on output_limit=4m;
    }
    server { listen 127.0.0.1:%%PORT1%%; ferrokv_resp password=%%DIR%%/password; }
}
CONF

$nginx->write_file(password => "secret\n");
$nginx->start;

my $redis = Ferrokv::Resp->new($nginx->port);

$redis->cmd('SET', 'short', 'ok');
$redis->cmd('SET', 'long', 'x' x 20_000);
$redis->cmd('SET', 'large', 'x' x 1_000_000);
$redis->pipeline(map { ['SET', "key:$_", 'x' x 100] } 1 .. 2000);

my $calm = Ferrokv::Calm->start($nginx, resp => $nginx->port);
my $files = Ferrokv::Calm::files($nginx->workers);

$calm->during('peace', sub { sleep 1 });

do {
    $calm->during("$crowd connections", \&connections, 64);
    $calm->during('come and go', \&come_and_go);
    $calm->during('a byte at a time', \&slow_writers);
    $calm->during('100,000 commands at once', \&pipeline, 64);
    $calm->during('replies, not read', sub { slow_readers('long', 5000) },
                  30 * (OUTPUT_MIB + 1) + 32);
    $calm->during('large replies, not read', sub { slow_readers('large', 60) },
                  30 * (OUTPUT_MIB + 2) + 64);
    $calm->during('MONITOR, not read', \&monitors);
    $calm->during('lengths that are none', \&lengths);
    $calm->during('lengths that never come', \&promises);
    $calm->during('empty arguments', \&empty_arguments, 256);
    $calm->during('lines without an end', \&endless_lines);
    $calm->during('huge keys and values', \&huge);
    $calm->during('MULTI without EXEC', \&multi, 128);
    $calm->during('replies of any length', \&endless_replies, 128);
    $calm->during('large replies behind others', \&behind_others, 128);
    $calm->during('large values of short commands', \&growth, 256);
    $calm->during('patterns', \&patterns);
    $calm->during('unknown commands', \&unknown);
    $calm->during('half-closed', \&half_closed);
    $calm->during('resets', \&resets);
} while (time < $end);

ok($nginx->wait_until(sub {
    return Ferrokv::Calm::files($nginx->workers) <= $files + 100;
}, 20), 'no descriptor is left');
is($redis->cmd('GET', 'short'), 'ok', 'and all is as it was');
$calm->finish;

$nginx->finish;
done_testing();


# rcvbuf => bytes, port => number
sub connection {
    my (%opt) = @_;

    socket my $socket, PF_INET, SOCK_STREAM, 0 or die "socket: $!";
    setsockopt $socket, SOL_SOCKET, SO_RCVBUF, pack 'i', $opt{rcvbuf}
        if $opt{rcvbuf};
    connect $socket, pack_sockaddr_in($opt{port} // $nginx->port,
                                      INADDR_LOOPBACK) or die "connect: $!";

    return Ferrokv::Resp->new(undef, socket => bless $socket,
                              'IO::Socket::INET');
}


sub request { return Ferrokv::Resp::request(@_) }


# As much as goes; how much that is.
sub push_bytes {
    my ($conn, $bytes, $seconds) = @_;
    my $socket = $conn->{socket};
    my $sent = 0;
    my $end = time + ($seconds // 5);

    local $SIG{PIPE} = 'IGNORE';
    $socket->blocking(0);

    while ($sent < length $bytes && time < $end) {
        my $n = syswrite $socket, $bytes, 1 << 20, $sent;

        last if !defined $n && !$!{EAGAIN};
        sleep 0.001 if !defined $n;
        $sent += $n // 0;
    }

    $socket->blocking(1);
    return $sent;
}


sub reset_it {
    my ($conn) = @_;

    setsockopt $conn->{socket}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0);
    $conn->close;
}


sub connections {
    my @all = map { connection() } 1 .. $crowd;
    my %seen;

    for (1 .. 2) {
        $_->write("GET short\r\n") for @all;
        $seen{ $_->read }++ for @all;
    }

    is_deeply(\%seen, { ok => 2 * $crowd }, "$crowd clients are served");
}


sub come_and_go { connection() for 1 .. $crowd }


sub slow_writers {
    my @all = map { connection() } 1 .. 200;
    my $text = request('GET', 'short');

    for my $at (0 .. length($text) - 1) {
        $_->write(substr $text, $at, 1) for @all;
    }

    my %seen;

    $seen{ $_->read }++ for @all;
    is_deeply(\%seen, { ok => 200 }, 'a byte at a time is served');
}


# All is sent before anything is read; a socket takes what it can.
sub pipeline {
    my $conn = connection();
    my $n = 100_000;
    my $bytes = request('DEL', 'deep') . request('INCR', 'deep') x $n;

    is(push_bytes($conn, $bytes, 30), length $bytes, "$n commands are taken");
    is($conn->read >= 0 ? 'read' : '', 'read');

    my $wrong = 0;

    for my $i (1 .. $n) {
        $wrong++ if $conn->read != $i;
    }

    is($wrong, 0, 'and answered in order');
}


# A client that leaves more than output_limit unread is closed.
sub slow_readers {
    my ($key, $times) = @_;
    my @all = map { connection(rcvbuf => 4096) } 1 .. 30;

    push_bytes($_, request('GET', $key) x $times, 0.1) for @all;

    my $closed = $nginx->wait_until(sub {
        my @open = grep { defined eval { $_->write(request('PING')); 1 } } @all;
        return !@open;
    }, 20);

    ok($closed, 'who reads nothing is closed');
    ok($nginx->wait_log(qr/client closed: it has left \d+ bytes of replies unread/),
       'and the log says why');
}


sub monitors {
    my @all = map { connection(rcvbuf => 4096) } 1 .. 10;

    push_bytes($_, request('MONITOR')) for @all;
    sleep 0.1;

    for (1 .. 20) {
        $redis->pipeline((['SET', 'watched', 'x' x 1000]) x 500);
    }

    is($redis->cmd('GET', 'short'), 'ok', 'nobody waits for who monitors');
}


sub lengths {
    my %wrong;

    for my $case (
        ["*-1\r\n", ''], ["*0\r\n", ''], ["*-99999\r\n", ''],
        ["*2147483648\r\n", 'invalid multibulk length'],
        ["*99999999999999999999\r\n", 'invalid multibulk length'],
        ["*x\r\n", 'invalid multibulk length'], ["*\r\n", 'invalid multibulk length'],
        ["*1\r\n\$-1\r\n", 'invalid bulk length'],
        ["*1\r\n\$-2147483649\r\n", 'invalid bulk length'],
        ["*1\r\n\$99999999999999999999\r\n", 'invalid bulk length'],
        ["*1\r\n\$4194305\r\n", 'invalid bulk length'],
        ["*1\r\n\$x\r\n", 'invalid bulk length'],
        ["*1\r\n*1\r\n\$4\r\nPING\r\n", "expected '\$', got '*'"],
        ["*1\r\n:1\r\n", "expected '\$', got ':'"],
        ["*1\r\n\r\n", "expected '\$', got ' '"],
        ['*' . '1' x 70_000, 'too big mbulk count string'],
        ["*1\r\n\$" . '1' x 70_000, 'too big bulk count string'],
        ["SET a \"b\r\n", 'unbalanced quotes in request'])
    {
        my ($bytes, $error) = @$case;

        for (1 .. 10) {
            my $conn = connection();

            push_bytes($conn, $bytes . ($error ? '' : request('GET', 'short')));

            my $said = $error ? $conn->rest : $conn->read;

            $wrong{ substr $bytes, 0, 30 } = $said
                if $said ne ($error ? "-ERR Protocol error: $error\r\n" : 'ok');
        }
    }

    is_deeply(\%wrong, {}, 'wrong lengths: each is told, and closed');

    for my $case (["*11\r\n", 'unauthenticated multibulk length'],
                  ["*1\r\n\$16385\r\n", 'unauthenticated bulk length'])
    {
        my $conn = connection(port => $nginx->port(1));

        $conn->write($case->[0]);
        is($conn->rest, "-ERR Protocol error: $case->[1]\r\n",
           'less without a password');
    }
}


# What is announced, but does not come, takes no memory.
sub promises {
    my @all = map { connection() } 1 .. 300;

    for my $i (0 .. $#all) {
        push_bytes($all[$i], $i % 2 ? "*3\r\n\$3\r\nSET\r\n\$1\r\na\r\n\$4194304\r\n"
                                    : "*1048576\r\n\$4\r\nMGET\r\n");
    }

    is($redis->cmd('GET', 'short'), 'ok', 'nobody waits for them');
}


# Six bytes each; what has come is not moved for each of them.
sub empty_arguments {
    my @all = map { connection() } 1 .. 4;
    my $bytes = "*1000000\r\n\$4\r\nMGET\r\n" . "\$0\r\n\r\n" x 900_000;

    is(push_bytes($_, $bytes, 30), length $bytes, 'many arguments are taken')
        for @all;
    is($redis->cmd('GET', 'short'), 'ok', 'nobody waits for them');
}


sub endless_lines {
    my %seen;

    for (1 .. 20) {
        my $conn = connection();

        push_bytes($conn, 'x' x 200_000);
        $seen{ $conn->rest }++;
    }

    is_deeply(\%seen, { "-ERR Protocol error: too big inline request\r\n" => 20 },
              'a line without an end: it is told, and closed');
}


sub huge {
    my %wrong;

    for (1 .. 10) {
        my $conn = connection();

        for my $case (
            [qr/^ERR .*key.*65536/, 'SET', 'k' x 65_537, 'x'],
            [qr/^OK$/, 'SET', 'k' x 65_536, 'x'],
            [qr/^1$/, 'DEL', 'k' x 65_536],
            [qr/^OK$/, 'SET', 'huge', 'x' x 4_194_304],
            [qr/^ERR string exceeds maximum allowed size/, 'APPEND', 'huge', 'x'],
            [qr/^ERR string exceeds maximum allowed size/,
             'SETRANGE', 'huge', 4_194_304, 'x'],
            [qr/^ERR bit offset is not an integer or out of range/,
             'SETBIT', 'huge', 4294967295, 1],
            [qr/^ERR offset is out of range/, 'SETRANGE', 'huge', -1, 'x'])
        {
            my ($expected, @command) = @$case;
            my $said = $conn->cmd(@command);

            $wrong{"@command[0, 1]"} = $said if $said !~ $expected;
        }
    }

    is_deeply(\%wrong, {}, 'each is told');
    $redis->cmd('DEL', 'huge');
}


# What is queued is bounded.
sub multi {
    my @all = map { connection() } 1 .. 4;
    my %seen;

    for my $conn (@all) {
        my $set = request('SET', 'queued', 'x' x 100_000);

        $conn->write(request('MULTI'));
        is($conn->read, 'OK', 'MULTI');

        for (1 .. 200) {
            $conn->write($set);
            $seen{ $conn->read }++;
        }

        $seen{ $conn->cmd('EXEC') }++;
    }

    my ($abort) = grep { /^EXECABORT / } keys %seen;

    delete @seen{ 'QUEUED', 'ERR the transaction is too large', $abort // '' };
    is_deeply(\%seen, {}, 'a queue has an end');
    ok($abort, 'then EXEC fails');
    is($redis->cmd('GET', 'queued'), undef, 'nothing of it was done');
}


# A few bytes that ask for gigabytes: what is read for one reply is bounded, and
# so is the reply.
sub endless_replies {
    my %said;

    $redis->cmd('SET', "large:$_", $_ x 1_000_000) for 0 .. 9;

    # Ten MiB of elements, and keys as long as they may be.
    for my $i (0 .. 199) {
        my @many = map { "$i." . 'x' x 5000 . ".$_" } 0 .. 9;

        $redis->cmd('HSET', 'hash', map { $_ => 'x' } @many);
        $redis->cmd('RPUSH', 'list', @many);
        $redis->cmd('SADD', 'set', @many);
        $redis->cmd('SET', 'k' x 50_000 . $i, '');
    }

    my @asked = (
        ['MGET', ('large') x 2000],
        ['MGET', map { "large:$_" } 0 .. 9],
        ['HGETALL', 'hash'], ['HKEYS', 'hash'], ['LRANGE', 'list', 0, -1],
        ['SMEMBERS', 'set'], ['SRANDMEMBER', 'set', -1_000_000_000],
        ['SUNION', 'set', 'set'], ['KEYS', '*'],
        ['SCAN', 0, 'COUNT', 1_000_000]);

    my $refused = qr/it\ would\ take\ more\ memory\ than\ one\ command\ may
                     |it\ wants\ more\ than\ 64\ MiB\ of\ memory/x;

    for my $round (1 .. 3) {
        my @all = map { connection() } @asked;

        $all[$_]->write(request(@{ $asked[$_] })) for 0 .. $#asked;

        for my $i (0 .. $#asked) {
            my $reply = $all[$i]->read;
            my $name = "$asked[$i][0] $asked[$i][1]";

            $said{"$name: " . substr $reply, 0, 200} = 1
                if !Ferrokv::Resp::is_error($reply) || $reply !~ $refused;
            $said{"$name: closed"} = 1 if $all[$i]->cmd('GET', 'short') ne 'ok';
        }
    }

    is_deeply(\%said, {}, 'each is refused, and its client served');
    is(length $redis->cmd('GET', 'large'), 1_000_000, 'a value is not');
    is(scalar @{ $redis->cmd('MGET', ('large') x 7) }, 7, 'nor are several');

    # In a transaction, too, and only those that are too large.
    $redis->cmd('MULTI');
    $redis->cmd('MGET', ('large') x 6) for 1 .. 3;
    $redis->cmd('SET', 'short', 'ok');

    my @replies = map { ref ne 'ARRAY' ? "$_" =~ s/ would.*//r : scalar @$_ }
        @{ $redis->cmd('EXEC') };

    is("@replies", '6 ERR it ERR it OK', 'a transaction has one bound');
    $redis->cmd('DEL', 'hash', 'list', 'set', map { "large:$_" } 0 .. 9);
    $redis->cmd('DEL', 'k' x 50_000 . $_) for 0 .. 199;
}


# What is done waits for what was asked before, and is bounded meanwhile.
sub behind_others {
    my @all = map { connection(rcvbuf => 4096) } 1 .. 8;

    push_bytes($_, request('KEYS', '*' . '?*' x 50 . 'z')
               . request('GET', 'large') x 500, 1) for @all;
    is($redis->cmd('GET', 'short'), 'ok', 'nobody waits for them');
    sleep 0.5;
}


# A few bytes that make large values, many at once.
sub growth {
    my $conn = connection();

    push_bytes($conn, join('', map { request('SETRANGE', "grown:" . $_ % 4,
                                             4_000_000, 'x') } 1 .. 100), 20);
    is_deeply([map { my $r = $conn->read; $r eq 4_000_001 ? () : "$r" } 1 .. 100],
              [], 'each is done');
    $redis->cmd('DEL', map { "grown:$_" } 0 .. 3);
}


# Those that a matcher may take for ever to try.
sub patterns {
    my $conn = connection();
    my $begin = time;

    $conn->cmd('SET', 'a' x 60_000, 'x');
    $conn->cmd('SCAN', 0, 'MATCH', 'a*' x 30 . 'b', 'COUNT', 10_000);
    $conn->cmd('KEYS', 'a*' x 30_000 . 'b');
    $conn->cmd('KEYS', '[^b]' x 16_000 . 'b');
    $conn->cmd('DEL', 'a' x 60_000);
    cmp_ok(time - $begin, '<', 10, 'patterns end');
}


sub unknown {
    my %wrong;

    for my $command (['SUBSCRIBE', 'a'], ['EVAL', 'return 1', 0], ['BLPOP', 'a', 0],
                     ["\0\xff\r\n" x 100, 'x' x 100_000], ['x' x 100_000],
                     ['PSYNC', '?', -1], ['SHUTDOWN'], ['DEBUG', 'SEGFAULT'],
                     ['CONFIG', 'REWRITE'], ['REPLICAOF', 'NO', 'ONE'])
    {
        my $conn = connection();
        my $reply = $conn->cmd(@$command);

        $wrong{ substr "@$command", 0, 30 } = substr "$reply", 0, 500
            if !Ferrokv::Resp::is_error($reply) || $reply !~ /^ERR /
               || length $reply > 500 || $reply =~ /[\r\n]/;
        $wrong{"@$command, then"} = 1 if $conn->cmd('GET', 'short') ne 'ok';
    }

    is_deeply(\%wrong, {}, 'unknown commands: each is told');
}


sub half_closed {
    my %seen;

    for (1 .. 100) {
        my $conn = connection();

        $conn->write(request('GET', 'short') x 50 . "*2\r\n\$3\r\nGE");
        shutdown $conn->{socket}, 1;
        $seen{ $conn->rest }++;
    }

    is_deeply(\%seen, { "\$2\r\nok\r\n" x 50 => 100 }, 'all whole ones are answered');
}


sub resets {
    for (1 .. 200) {
        for my $bytes (request('GET', 'long') x 100, request('INCR', 'n') x 100,
                       "*3\r\n\$3\r\nSET\r\n\$1\r\na\r\n\$100000\r\nxxx",
                       request('MULTI') . request('SET', 'a', 'x'),
                       request('KEYS', '*'))
        {
            my $conn = connection();

            push_bytes($conn, $bytes);
            sleep 0.001 if rand() < 0.1;
            reset_it($conn);
        }
    }

    is($redis->cmd('GET', 'short'), 'ok', 'nobody else notices');
}
