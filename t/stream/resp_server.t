# ferrokv_resp: commands about the server, beside redis-server's, and figures of
# all workers.

use strict;
use warnings;

use JSON::PP;
use Test::More;
use Time::HiRes qw(sleep time);

use Ferrokv::Differ;
use Ferrokv::Http;
use Ferrokv::Nginx;
use Ferrokv::Resp;

plan skip_all => $_ for grep defined, Ferrokv::Differ->missing;

my $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 2, stream => 1);
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=64m max_size=64m;
events { }
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:%%PORT2%%;
        location /json { ferrokv_status; }
        location /prometheus { ferrokv_status prometheus; }
    }
}
stream {
    server { listen 127.0.0.1:%%PORT%%; ferrokv_resp admin=on; }
    server { listen 127.0.0.1:%%PORT1%%; ferrokv_resp; }
}
CONF

$nginx->start;

my $redis = Ferrokv::Resp->new($nginx->port);

sub info {
    my ($section, $of) = @_;

    return { map { /^([^#:][^:]*):(.*)/ ? ($1, $2) : () }
             split /\r\n/, ($of // $redis)->cmd('INFO', $section) };
}

# A connection to this worker.
sub to_worker {
    my ($pid) = @_;

    for (1 .. 200) {
        my $client = Ferrokv::Resp->new($nginx->port);

        return $client
            if info('server', $client)->{process_id} == $pid;
    }

    die "no connection comes to worker $pid";
}


# The same answers as Redis

my $differ = Ferrokv::Differ->new($nginx->port, args => [
    '--enable-debug-command', 'yes'
]);

$differ->same(map { [split] } <<'END' =~ /.+/g);
NOSUCH a b c
CONFIG
CONFIG NOSUCH
CONFIG GET
CONFIG GET nosuch save appendonly-x
CONFIG GET DataBases
CONFIG SET nosuch 1
CONFIG SET databases 3
CONFIG SET maxmemory abc
CONFIG SET maxmemory 100mb maxmemory 100mb
CONFIG SET maxmemory 100mb maxmemory-policy
CONFIG SET slowlog-max-len abc
CONFIG SET slowlog-log-slower-than 99999999999999999999
CONFIG SET maxmemory 104857600
CONFIG GET maxmemory
CONFIG SET maxmemory 100mb maxmemory-policy allkeys-lfu
CONFIG GET maxmemory-pol*
CONFIG SET maxmemory 1g
CONFIG GET maxmemory
CONFIG SET slowlog-max-len 17
CONFIG GET slowlog-max-*
CONFIG SET slowlog-max-len 128
CONFIG REWRITE
CONFIG RESETSTAT
CONFIG RESETSTAT x
SLOWLOG
SLOWLOG NOSUCH
SLOWLOG RESET
SLOWLOG LEN
SLOWLOG GET
SLOWLOG GET 10
SLOWLOG GET -2
SLOWLOG GET x
SLOWLOG GET 1 2
LATENCY LATEST
LATENCY HISTORY x
LATENCY RESET
LATENCY GRAPH x
LATENCY NOSUCH
WAIT a 1
WAIT 0 -1
WAIT 0 x
WAIT 0 0
TIME x
LASTSAVE x
FUNCTION FLUSH
FUNCTION FLUSH ASYNC
FUNCTION FLUSH x
FUNCTION NOSUCH
SCRIPT FLUSH
SCRIPT FLUSH SYNC
SCRIPT FLUSH x
SCRIPT FLUSH ASYNC SYNC
SCRIPT NOSUCH
COMMAND NOSUCH
COMMAND INFO nosuch config|nosuch
COMMAND DOCS nosuch
COMMAND COUNT x
COMMAND LIST x
COMMAND LIST FILTERBY nosuch x
COMMAND LIST FILTERBY MODULE x
COMMAND LIST FILTERBY PATTERN getra*
COMMAND GETKEYS
COMMAND GETKEYS GET a
COMMAND GETKEYS MSET a 1 b 2
COMMAND GETKEYS BITOP AND d a b
COMMAND GETKEYS CONFIG GET x
COMMAND GETKEYS NOSUCH x
COMMAND GETKEYS PING x
COMMAND GETKEYS GET a b
COMMAND GETKEYS MEMORY USAGE k
MEMORY
MEMORY NOSUCH
MEMORY USAGE
MEMORY USAGE nosuch
MEMORY USAGE nosuch SAMPLES
MEMORY USAGE nosuch SAMPLES x
MEMORY USAGE nosuch SAMPLES -1
MEMORY USAGE nosuch SAMPLES 5
DEBUG
DEBUG NOSUCH
DEBUG SLEEP
DEBUG SLEEP 0
DEBUG SLEEP x
DEBUG OBJECT nosuch
DEBUG SET-ACTIVE-EXPIRE 1
DEBUG RELOAD x
INFO nosuch
INFO cluster
SUBSCRIBE-X
ACL-X WHOAMI
END

is($redis->cmd(qw(CONFIG SET maxmemory-policy noeviction)), 'OK');


# The table

# Rights are asked for by fewer of ours; where there are no functions nothing is
# written; and to watch is to read.
my @admin = map { lc } qw(CONFIG|SET CONFIG|RESETSTAT CONFIG|REWRITE DEBUG
                          MONITOR SLOWLOG|GET SLOWLOG|LEN SLOWLOG|RESET);
my %admin = map { $_ => 1 } @admin;

sub described {
    my ($reply) = @_;
    my ($name, $arity, $flags, @keys) = @$reply;
    my %has = map { $_ => 1 } @$flags;

    delete $has{admin} if !$admin{$name};
    delete $has{write} if $name eq 'function|flush';
    delete $has{readonly} if $name eq 'watch';
    return join ' ', $arity, "keys @keys[0 .. 2]",
        grep { $has{$_} } qw(readonly write admin);
}

sub commands_of {
    my ($client) = @_;
    my %of;

    for my $reply (@{ $client->cmd('COMMAND') }) {
        $of{ $reply->[0] } = described($reply);
        $of{ $_->[0] } = described($_) for @{ $reply->[9] };
    }

    return %of;
}

my %ours = commands_of($redis);
my %theirs = commands_of(Ferrokv::Resp->new(undef,
                             socket => $differ->{theirs}{socket}));

is($redis->cmd('COMMAND', 'COUNT'), scalar(grep { !/\|/ } keys %ours),
   'COMMAND COUNT');
ok(keys(%ours) > 80, scalar(keys %ours) . ' commands');

my @both = grep { exists $theirs{$_} } sort keys %ours;

is_deeply([grep { !exists $theirs{$_} && !/^ferrokv\./ } sort keys %ours],
          [], 'none that Redis does not have, but our own');
is(join("\n", map { "$_ $ours{$_}" } grep { $ours{$_} ne $theirs{$_} } @both),
   join("\n", map { "$_ $theirs{$_}" } grep { $ours{$_} ne $theirs{$_} } @both),
          'arity, keys, and who reads, writes, needs rights: as Redis has it');

my %docs = @{ $redis->cmd(qw(COMMAND DOCS get config)) };

is_deeply([sort keys %docs], [qw(config get)], 'COMMAND DOCS');
like($ours{$_}, qr/ admin$/, "$_ needs rights") for @admin;
is({ @{ $docs{get} } }->{group}, 'string', 'says the group');


# Figures

$redis->cmd('CONFIG', 'RESETSTAT');

is(info('stats')->{$_}, 0, "$_ is 0 after a reset")
    for qw(keyspace_hits keyspace_misses evicted_keys total_error_replies);

$redis->cmd('SET', "k$_", 'x') for 1 .. 10;
$redis->pipeline(map { ['GET', "k$_"] } 1 .. 15);
$redis->cmd('MGET', map { "k$_" } 5 .. 14);
$redis->cmd('NOSUCH');
$redis->cmd('GET');
$redis->cmd('INCR', 'k1');

my $stats = info('stats');

is($stats->{keyspace_hits}, 16, 'hits are exact');
is($stats->{keyspace_misses}, 9, 'misses, too');
is($stats->{total_error_replies}, 3, 'and errors');
is(info('errorstats')->{errorstat_ERR}, 'count=3', 'by their code');

my $calls = info('commandstats');

like($calls->{cmdstat_get},
     qr/^calls=15,usec=\d+,usec_per_call=[\d.]+,rejected_calls=1,failed_calls=0/,
     'calls, and what was not run');
like($calls->{cmdstat_incr}, qr/^calls=1,.*failed_calls=1/, 'what has failed');
like($calls->{'cmdstat_config|resetstat'}, qr/^calls=1,/, 'subcommands, too');

cmp_ok($stats->{total_net_input_bytes}, '>', 500, 'bytes that came');
cmp_ok($stats->{total_net_output_bytes}, '>', 500, 'bytes that went');

my $http = Ferrokv::Http->new($nginx->port(2));
my $status = decode_json($http->get('/json')->body)->{stores}{main}{commands};

is($status->{hits}, 16, 'ferrokv_status has them, too');
is($status->{calls}{get}{calls}, 15, 'of each command');
is($status->{calls}{get}{rejected}, 1, 'also what was not run');

my $metrics = $http->get('/prometheus')->body;

like($metrics, qr/^ferrokv_commands_misses_total\{store="main"\} 9$/m,
     'for Prometheus');
like($metrics, qr/^ferrokv_command_calls_total
                   \{store="main",command="config\|resetstat"\}\ 1$/mx,
     'of each command');

my $server = info('server');

is($server->{redis_version}, '7.0.15', 'the version that clients go by');
is($server->{tcp_port}, $nginx->port, 'the port');
is(info('replication')->{role}, 'master', 'the role');
is(info('memory')->{maxmemory}, 1_000_000_000, 'maxmemory was set');
ok($nginx->wait_until(sub { (info('keyspace')->{db0} // '')
                                =~ /^keys=10,expires=0,avg_ttl=0/ }, 10),
   'keys of the database');

my @workers = $nginx->workers;
my @clients = map { to_worker($_) } @workers;
my $connected = 2 + @clients;       # $redis and $differ's, too

ok($nginx->wait_until(sub { info('clients')->{connected_clients}
                                == $connected }, 10), 'connections');
is(info('clients', $_)->{connected_clients}, $connected,
   'every worker knows of all connections') for @clients;

my @more = map { Ferrokv::Resp->new($nginx->port) } 1 .. 10;
$_->cmd('PING') for @more;
is(info('clients')->{connected_clients}, $connected + 10, 'ten more');
@more = ();
ok($nginx->wait_until(sub { info('clients')->{connected_clients}
                                == $connected }, 10), 'and gone');


# What is set is set everywhere, until nginx is reloaded

is($clients[0]->cmd(qw(CONFIG SET maxmemory 32mb maxmemory-policy
                       allkeys-lru slowlog-max-len 7)), 'OK');
is_deeply({ @{ $clients[1]->cmd('CONFIG', 'GET', 'maxmemory*',
                                'slowlog-max-len') } },
          { maxmemory => 33554432, 'maxmemory-policy' => 'allkeys-lru',
            'slowlog-max-len' => 7 }, 'the other worker knows');

# What does not get smaller on disk.
my $bytes = pack 'V*', map { int rand 2**32 } 1 .. 40_000;

$redis->cmd('SET', "big:$_", substr $bytes, 10 * $_, 50_000) for 1 .. 1500;
ok($nginx->wait_until(sub { info('stats')->{evicted_keys} > 0 }, 30),
   'and keys are evicted by it');

my $plain = Ferrokv::Resp->new($nginx->port(1));

like($plain->cmd(@$_), qr/^NOPERM /, "@$_ needs admin=on")
    for [qw(CONFIG SET maxmemory 1)], [qw(CONFIG RESETSTAT)],
        [qw(SLOWLOG GET)], [qw(DEBUG SLEEP 0)];
is_deeply($plain->cmd(qw(CONFIG GET save)), ['save', ''],
          'CONFIG GET does not');


# The slow log

$redis->cmd(qw(CONFIG SET slowlog-max-len 128));
$redis->cmd(qw(SLOWLOG RESET));

my $before = time;
$_->write(Ferrokv::Resp::request(qw(DEBUG SLEEP 1))) for @clients;

my $meanwhile = to_worker($workers[0]);
is($meanwhile->cmd('PING'), 'PONG', 'who sleeps holds up nobody');
cmp_ok(time - $before, '<', 0.9, 'while others sleep');

is($_->read, 'OK', 'it wakes up') for @clients;
cmp_ok(time - $before, '>=', 0.99, 'in time');

$clients[0]->cmd(qw(CLIENT SETNAME lazy));
$clients[0]->cmd(qw(DEBUG SLEEP 0.05));

my @slow = @{ $redis->cmd(qw(SLOWLOG GET -1)) };

is(scalar(@slow), 3, 'what is slow is told, of all workers');
is($redis->cmd(qw(SLOWLOG LEN)), 3, 'and counted');
is_deeply($slow[0][3], [qw(DEBUG SLEEP 0.05)], 'the newest first');
is($slow[0][5], 'lazy', 'with the name of the client');
like($slow[0][4], qr/^127\.0\.0\.1:\d+$/, 'its address');
cmp_ok($slow[0][2], '>=', 49_000, 'and the time it took');
cmp_ok($slow[0][1], '>=', int($before), 'and when');
is($slow[0][0], $slow[1][0] + 1, 'numbers grow by one');

$nginx->kill('KILL', $workers[1]);
ok($nginx->wait_until(sub { (grep { $_ == $workers[1] } $nginx->workers)
                                ? 0 : $nginx->workers == 2 }, 20),
   'a worker dies');

my $left = to_worker(($nginx->workers)[0]);

is(scalar(@{ $left->cmd(qw(SLOWLOG GET -1)) }), 3,
   'what it has told is still there');

$left->cmd(qw(CONFIG SET slowlog-log-slower-than 0));
$left->pipeline(['MULTI'], ['SET', 'a', '1'], ['INCR', 'a'], ['EXEC']);
$left->cmd(qw(AUTH secret));
$left->cmd(qw(CONFIG SET slowlog-log-slower-than -1));

@slow = map { join ' ', @{ $_->[3] } } @{ $left->cmd(qw(SLOWLOG GET -1)) };
ok((grep { $_ eq 'EXEC SET a 1 INCR a' } @slow), 'a transaction is one entry');
ok(!(grep { /secret/ } @slow), 'passwords are not written down');


# Back to nginx.conf

ok($nginx->reload, 'a reload');
$redis = Ferrokv::Resp->new($nginx->port);
is_deeply({ @{ $redis->cmd(qw(CONFIG GET maxmemory* slowlog-*)) } },
          { maxmemory => 67108864, 'maxmemory-policy' => 'noeviction',
            'slowlog-max-len' => 128, 'slowlog-log-slower-than' => 10000 },
          'goes back to nginx.conf');
cmp_ok(info('stats')->{evicted_keys}, '>', 0, 'counters go on');

$nginx->finish;
done_testing();
