# ferrokv_resp: who a client is, its transactions, and what clients do to each
# other, also from worker to worker.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use Ferrokv::Nginx;
use Ferrokv::Resp;

my $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 2, stream => 1);
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=64m;
events { }
stream {
    server { listen 127.0.0.1:%%PORT%%; ferrokv_resp admin=on; }
    server {
        listen 127.0.0.1:%%PORT1%%;
        ferrokv_resp password=%%DIR%%/passwords;
    }
    server {
        listen 127.0.0.1:%%PORT2%% proxy_protocol;
        set_real_ip_from 127.0.0.1;
        ferrokv_resp;
    }
    server {
        listen 127.0.0.1:%%PORT3%% proxy_protocol;
        set_real_ip_from 127.0.0.1;
        ferrokv_resp password=%%DIR%%/passwords;
    }
}
CONF

open my $file, '>', "$nginx->{dir}/passwords" or die $!;
print {$file} "sesame\n\n  old one \n";
close $file;

$nginx->start;

sub client { return Ferrokv::Resp->new($nginx->port(@_)) }

sub is_replies {
    my ($client, $requests, $replies, $name) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is_deeply([map { Ferrokv::Resp::is_error($_) ? "$_" : $_ }
               $client->pipeline(@$requests)], $replies, $name);
}


# Passwords

my $noauth = 'NOAUTH Authentication required.';
my $wrong = 'WRONGPASS invalid username-password pair or user is disabled.';
my $guest = client(1);

is_replies($guest, [['PING'], ['GET', 'a'], ['NONE'], ['GET'],
                    ['CLIENT', 'LIST'], ['MULTI']],
           [$noauth, $noauth, "ERR unknown command 'NONE', with args beginning "
            . 'with: ', "ERR wrong number of arguments for 'get' command",
            $noauth, $noauth], 'without a password nothing is done');
is_replies($guest, [['AUTH', 'guess'], ['AUTH', 'bob', 'sesame'],
                    ['AUTH', 'sesam'], ['AUTH', 'sesamee'], ['AUTH', ''],
                    ['AUTH', 'a', 'b', 'c']],
           [($wrong) x 5, 'ERR syntax error'], 'with a wrong one neither');
like($guest->cmd('HELLO', 3), qr/^NOAUTH HELLO must be called/, 'nor HELLO');
is_replies($guest, [['AUTH', 'sesame'], ['PING']], ['OK', 'PONG'], 'AUTH');
is_replies($guest, [['RESET'], ['PING'], ['AUTH', 'default', 'old one'],
                    ['PING']], ['RESET', $noauth, 'OK', 'PONG'],
           'any line of the file is a password; RESET forgets');
is(client(1)->cmd('HELLO', 3, 'AUTH', 'default', 'sesame', 'SETNAME',
                  'me')->{server}, 'redis', 'HELLO with a password');

for my $case (["*11\r\n", 'unauthenticated multibulk length'],
              ["*1\r\n\$16385\r\n", 'unauthenticated bulk length'])
{
    my $client = client(1);

    $client->write($case->[0]);
    is($client->rest, "-ERR Protocol error: $case->[1]\r\n", $case->[1]);
}

like(client()->cmd('AUTH', 'x'),
     qr/^ERR AUTH <password> called without any password configured/,
     'AUTH where there is no password');


# Other machines

my $far = client(2);

$far->write("PROXY TCP4 192.0.2.7 192.0.2.1 5000 6379\r\nPING\r\n");
like($far->rest, qr/^-DENIED Redis is running in protected mode [^\r\n]*\r\n$/,
     'without a password only this machine is served');

$far = client(2);
$far->write("PROXY TCP4 127.0.0.9 127.0.0.1 5000 6379\r\n");
is($far->cmd('PING'), 'PONG', 'as this is');

$far = client(3);
$far->write("PROXY TCP4 192.0.2.7 192.0.2.1 5000 6379\r\n");
is($far->cmd('AUTH', 'sesame'), 'OK', 'with one others are, too');


# MULTI

my ($redis, $other) = (client(), client());
my $abort = 'EXECABORT Transaction discarded because of previous errors.';

is_replies($redis, [['MULTI'], ['SET', 'a', 1], ['INCR', 'a'], ['GET', 'a'],
                    ['EXEC'], ['GET', 'a']],
           ['OK', ('QUEUED') x 3, ['OK', 2, 2], 2], 'a transaction');

$redis->pipeline(['MULTI'], ['SET', 'a', 'x'], ['INCR', 'a'], ['SET', 'b', 1]);
my $done = $redis->cmd('EXEC');
is("@$done", 'OK ERR value is not an integer or out of range OK',
   'what fails in it stops nothing');

is_replies($redis, [['MULTI'], ['SET', 'c', 1], ['NONE'], ['EXEC'],
                    ['GET', 'c']],
           ['OK', 'QUEUED', "ERR unknown command 'NONE', with args beginning "
            . 'with: ', $abort, undef], 'what cannot be queued stops all');
is_replies($redis, [['MULTI'], ['MULTI'], ['WATCH', 'a'], ['PING'], ['EXEC']],
           ['OK', 'ERR MULTI calls can not be nested',
            'ERR WATCH inside MULTI is not allowed', 'QUEUED', ['PONG']],
           'nesting');
is_replies($redis, [['EXEC'], ['DISCARD'], ['MULTI'], ['SET', 'c', 1],
                    ['DISCARD'], ['GET', 'c'], ['MULTI'], ['EXEC']],
           ['ERR EXEC without MULTI', 'ERR DISCARD without MULTI', 'OK',
            'QUEUED', 'OK', undef, 'OK', []], 'DISCARD, and nothing at all');
is_replies($redis, [['MULTI'], ['EXEC', 'x'], ['EXEC']],
           ['OK', 'EXECABORT Transaction discarded because of: wrong number of '
            . "arguments for 'exec' command", 'ERR EXEC without MULTI'],
           'EXEC itself is wrong');
is_replies($redis, [['MULTI'], ['SELECT', 3], ['SET', 'a', 3], ['EXEC'],
                    ['GET', 'a'], ['SELECT', 0], ['GET', 'a']],
           ['OK', 'QUEUED', 'QUEUED', ['OK', 'OK'], 3, 'OK', 'x'],
           'SELECT in it counts for what follows');
is_replies($redis, [map { (['MULTI'], ['INCR', 'n'], ['GET', 'n'], ['EXEC']) }
                    1 .. 100],
           [map { ('OK', 'QUEUED', 'QUEUED', [$_, $_]) } 1 .. 100],
           'a hundred in a pipeline');


# WATCH

sub watched {
    my ($name, $expected, $between, @first) = @_;

    $redis->pipeline(['SET', 'w', 1], ['GETDEL', 'w:none'], @first,
                     ['WATCH', 'w', 'w:none']);
    $between->();
    $redis->pipeline(['MULTI'], ['SET', 'w:done', $name]);

    my $reply = $redis->cmd('EXEC');

    is($reply ? 1 : 0, $expected, $name);
    is($redis->cmd('GET', 'w:done') eq $name ? 1 : 0, $expected, '.. so it is');
}

watched('nothing has changed', 1, sub { });
watched('another key has', 1, sub { $other->cmd('SET', 'x', 1) });
watched('it has', 0, sub { $other->cmd('SET', 'w', 2) });
watched('it was written with the same', 0, sub { $other->cmd('SET', 'w', 1) });
watched('it was deleted', 0, sub { $other->cmd('GETDEL', 'w') });
watched('one came', 0, sub { $other->cmd('SET', 'w:none', 1) });
watched('one came and went', 1, sub {
    $other->pipeline(['SET', 'w:none', 1], ['GETDEL', 'w:none']) });
watched('we have changed it ourselves', 0, sub { $redis->cmd('SET', 'w', 2) });
watched('it was in another database', 1, sub {
    $other->pipeline(['SELECT', 1], ['SET', 'w', 2], ['SELECT', 0]) });
watched('UNWATCH', 1, sub { $other->cmd('SET', 'w', 2);
                            $redis->cmd('UNWATCH') });
watched('it has expired', 0, sub { sleep 0.05 },
        ['SET', 'w', 1, 'PX', 20]);
is_replies($redis, [['WATCH', 'w'], ['SET', 'w', 1], ['MULTI'], ['EXEC']],
           ['OK', 'OK', 'OK', undef], 'an empty transaction compares, too');

# Two clients that count this way lose nothing.
my @pids = map {
    my $pid = fork() // die "fork: $!";

    if ($pid == 0) {
        my $counter = client();
        my $left = 100;

        while ($left) {
            $counter->cmd('WATCH', 'count');
            my $n = $counter->cmd('GET', 'count') // 0;

            $counter->pipeline(['MULTI'], ['SET', 'count', $n + 1]);
            $left-- if $counter->cmd('EXEC');
        }

        $nginx->{owner} = 0;
        POSIX::_exit(0);
    }

    $pid;
} 1 .. 3;

waitpid $_, 0 for @pids;
is($redis->cmd('GET', 'count'), 300, 'WATCH, GET, SET, EXEC count exactly');


# CLIENT

my $id = $redis->cmd('CLIENT', 'ID');

ok($id > 0, 'a client has an id');
is_replies($redis, [['CLIENT', 'GETNAME'], ['CLIENT', 'SETNAME', 'me'],
                    ['CLIENT', 'GETNAME'], ['CLIENT', 'SETNAME', 'a b']],
           [undef, 'OK', 'me', 'ERR Client names cannot contain spaces, '
            . 'newlines or special characters.'], 'and may have a name');
like($redis->cmd('CLIENT', 'INFO'),
     qr/^id=$id\ addr=127\.0\.0\.1:\d+\ laddr=127\.0\.0\.1:${\$nginx->port}\ .*
        \ name=me\ .*\ flags=N\ db=0\ .*\ multi=-1\ .*\ cmd=client\|info\ .*
        \ resp=2\n$/x, 'CLIENT INFO');

$redis->write(join '', map { Ferrokv::Resp::request(@$_) }
    ['CLIENT', 'REPLY', 'SKIP'], ['ECHO', 'a'], ['ECHO', 'b'],
    ['CLIENT', 'REPLY', 'OFF'], ['ECHO', 'c'], ['SET', 'quiet', 1],
    ['CLIENT', 'REPLY', 'ON'], ['GET', 'quiet']);
is_deeply([map { $redis->read } 1 .. 3], ['b', 'OK', 1],
          'CLIENT REPLY SKIP, OFF, ON');

for my $sub (qw(TRACKING SETINFO NONE)) {
    is($redis->cmd('CLIENT', $sub, 'x'),
       "ERR unknown subcommand '$sub'. Try CLIENT HELP.", "no CLIENT $sub");
}

# over both workers: nginx gives each some of them
my @clients = map { client() } 1 .. 40;
my %ids = map { $_->cmd('CLIENT', 'ID') => $_ } @clients;

is(keys %ids, 40, 'ids are unique over all workers');
ok($nginx->wait_until(sub {
    my %seen = map { $_ => 1 }
        $redis->cmd('CLIENT', 'LIST') =~ /^id=(\d+) /mg;
    return !grep { !$seen{$_} } keys %ids;
}), 'CLIENT LIST has those of all workers');

my @gone = (sort keys %ids)[0 .. 19];

is($redis->cmd('CLIENT', 'KILL', 'ID', $_), 1, "CLIENT KILL ID $_") for @gone;
ok(!(grep { !$ids{$_}->closed } @gone), 'they are closed, wherever they were');
ok(!(grep { $ids{$_}->cmd('PING') ne 'PONG' } (sort keys %ids)[20 .. 39]),
   'the others are not');
is_replies($redis, [['CLIENT', 'KILL', '192.0.2.1:1'],
                    ['CLIENT', 'KILL', 'ID', 1 << 40],
                    ['CLIENT', 'KILL', 'ID', 0],
                    ['CLIENT', 'KILL', 'TYPE', 'x']],
           ['ERR No such client', 0, 'ERR client-id should be greater than 0',
            "ERR Unknown client type 'x'"], 'nobody to kill');

is($redis->cmd('CLIENT', 'PAUSE', 60_000, 'WRITE'), 'OK', 'PAUSE WRITE');
my @paused = map { client() } 1 .. 6;
is($_->cmd('GET', 'a'), 'x', 'who reads goes on') for @paused;
$_->write(Ferrokv::Resp::request('INCR', 'paused')) for @paused;
ok(!(grep { !$_->quiet(0.05) } @paused), 'who writes waits');
is($redis->cmd('CLIENT', 'UNPAUSE'), 'OK', 'UNPAUSE');
is(join(' ', sort map { $_->read } @paused), '1 2 3 4 5 6', 'then writes');

my $since = time;
is($redis->cmd('CLIENT', 'PAUSE', 300), 'OK', 'PAUSE ALL for some time');
is($paused[0]->cmd('PING'), 'PONG', 'all wait');
ok(time - $since >= 0.25, 'as long as that');


# MONITOR

my $monitor = client();

is($monitor->cmd('MONITOR'), 'OK', 'MONITOR');
is($monitor->cmd('MONITOR'), 'OK', 'twice is once');
$paused[$_]->cmd('ECHO', "hear $_ \"\x00\n") for 0 .. 5;
$paused[0]->cmd('AUTH', 'default', 'secret');

my %heard;

while (keys %heard < 7) {
    my $line = $monitor->read;

    $heard{$1} = $line if $line =~ /hear (\d)/;
    $heard{auth} = $line if $line =~ /"AUTH"/;
}

like($heard{3}, qr/^\d+\.\d{6} \[0 127\.0\.0\.1:\d+\] "ECHO" /,
     'it hears all, of every worker');
like($heard{3}, qr/"hear 3 \\"\\x00\\n"$/, 'escaped');
like($heard{auth}, qr/"AUTH" "\(redacted\)" "\(redacted\)"$/,
     'but no passwords');


# A worker dies

my ($worker) = $nginx->workers;

$nginx->kill('KILL', $worker);
$nginx->wait_workers(2);
$_ = undef for @clients, @paused;
%ids = ();

my $last = client();

ok($nginx->wait_until(sub {
    return $last->cmd('CLIENT', 'LIST') =~ tr/\n// < 20;
}), 'its clients are no longer listed');

$nginx->finish;
done_testing();
