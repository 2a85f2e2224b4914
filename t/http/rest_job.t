# Checkpoints and exact counts: what the helper does for a request.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use Time::HiRes qw(sleep);

use Ferrokv::Http;
use Ferrokv::Load;
use Ferrokv::Nginx;

my $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 2);
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=8m checkpoints=%%DIR%%/saved/;
ferrokv_store fast path=%%DIR%%/fast memory=8m sync=off
                   checkpoints=%%DIR%%/saved;
ferrokv_store none path=%%DIR%%/none memory=8m;
events { }
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:%%PORT%%;
        location /kv/   { ferrokv_rest store=main write=on danger=on; }
        location /read/ { ferrokv_rest store=main; }
        location /safe/ { ferrokv_rest store=main write=on; }
        location /a/    { ferrokv_rest store=main write=on prefix=a:; }
        location /fast/ { ferrokv_rest store=fast write=on danger=on; }
        location /none/ { ferrokv_rest store=none write=on danger=on; }
        location /status { ferrokv_status; }
    }
}
CONF

$nginx->start;

my $http = Ferrokv::Http->new($nginx->port);
my $saved = $nginx->dir . '/saved';


# A checkpoint, served by an nginx of its own: ({ key => value }, its count).
sub contents {
    my ($name, @options) = @_;

    my $other = Ferrokv::Nginx->new(<<'CONF', vars => { STORE => "$saved/$name" });
%%GLOBALS%%
ferrokv_store main path=%%STORE%% memory=8m;
events { }
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:%%PORT%%;
        location /kv/ { ferrokv_rest write=on; }
    }
}
CONF
    my ($ok, $said) = $other->start;
    ok($ok, "$name opens as a store") or diag $said;

    my $http = Ferrokv::Http->new($other->port);
    my ($cursor, %all) = ('');

    while (defined $cursor) {
        my $page = $http->get('/kv/?values&limit=1000'
            . ($cursor ne '' ? "&cursor=$cursor" : ''))->json;

        $all{ $_->{key} } = $_->{value} for @{ $page->{keys} };
        $cursor = $page->{cursor};
    }

    my $count = $http->get('/kv/?count')->json->{count};
    is($http->put('/kv/written', 1)->status, 201, "$name takes writes");
    is($other->end, '', "$name: its log is clean");

    return (\%all, $count);
}


# Count.

is($http->get('/kv/?count')->body, qq({"count":0}\n), 'an empty store');

$http->put("/kv/a:$_", "a$_") for 1 .. 30;
$http->put("/kv/b:$_", "b$_") for 1 .. 20;
$http->put("/kv/a:$_", "new") for 1 .. 10;
$http->delete("/kv/b:$_") for 1 .. 5;
$http->put('/kv/gone?ttl=1ms', 1);
sleep 0.01;

is($http->get('/kv/?count')->json->{count}, 45, 'overwritten, deleted and '
    . 'expired keys do not count twice or at all');
is($http->get('/kv/?count&prefix=a:')->json->{count}, 30, 'of a prefix');
is($http->get('/kv/?prefix=a%3A1&count=1')->json->{count}, 11, 'encoded');
is($http->get('/a/?count')->json->{count}, 30, "of a location's prefix");
is($http->get('/a/?count&prefix=1')->json->{count}, 11, 'of both');
is($http->get('/read/?count')->status, 200, 'where reading is allowed');
is($http->head('/kv/?count')->status, 200, 'HEAD');

for ([ 'count&limit=5', qr/limit\W+does not go with this request/ ],
     [ 'count=no', qr/count\W+takes no value/ ],
     [ 'count&prefix=' . 'x' x 1001, qr/longer than 1000 bytes/ ])
{
    my $r = $http->get("/kv/?$_->[0]");

    is($r->status, 400, substr $_->[0], 0, 20);
    like($r->body, $_->[1], 'and why');
}


# Checkpoint.

$http->put('/kv/a:30', 'large' x 40_000);

my $r = $http->post('/kv/?checkpoint=first');
is($r->status, 201, 'a checkpoint');
is($r->json->{checkpoint}, 'first', 'its name');
cmp_ok($r->json->{bytes}, '>', 4096, 'its size');
is($http->get('/status')->json->{stores}{main}{checkpoints}, 1, 'is counted');

is(sprintf('%o', (stat "$saved/first")[2] & 07777), '700', 'mode 0700');
is(join(' ', map { sprintf '%o', (stat)[2] & 07777 }
        glob "$saved/first/{LOCK,CURRENT,MANIFEST-*,log/*,blob/*}"),
   '600 600 600 600 600', 'files 0600');

$http->put('/kv/a:30', 'none of yours' x 40_000);
$http->put('/kv/later', 1);
my ($all, $count) = contents('first');

is($count, 45, 'as many keys');
is($all->{'a:1'}, 'new', 'a value that was overwritten');
is($all->{'b:20'}, 'b20', 'a value that was not');
ok($all->{'a:30'} eq 'large' x 40_000, 'a large value');
ok(!exists $all->{'b:1'}, 'a deleted key');
ok(!exists $all->{later}, 'nothing of what came later');
is($http->get('/kv/later')->status, 200, 'the store itself goes on');

$r = $http->post('/kv/?checkpoint=first');
is($r->status, 409, 'the name is taken');
like($r->body, qr/"exists"/, 'and why');

mkdir "$saved/foreign" or die $!;
is($http->post('/kv/?checkpoint=foreign')->status, 409, 'a foreign directory');
is(join(' ', glob "$saved/foreign/*"), '', 'is not touched');

for my $name ('', '.', '..', '.x', 'a/b', '..%2Fx', 'a%00b', 'x' x 129, '%FF') {
    is($http->post("/kv/?checkpoint=$name")->status, 400,
        "no name: " . substr $name, 0, 10);
}

is($http->post('/safe/?checkpoint=x')->status, 403, 'not without danger=on');
is($http->post('/read/?checkpoint=x')->status, 405, 'not without write=on');
like($http->post('/none/?checkpoint=x')->body, qr/no_checkpoints/,
    'not without checkpoints=');
is($http->post('/kv/?checkpoint=x&sync=off')->status, 400,
    'another parameter');
is(join(' ', map { s{.*/}{}r } glob "$saved/{*,.partial*}"), 'first foreign',
    'no other is there');


# sync=off: what was answered has not been written when it is asked for.

$http->put("/fast/$_", $_) for 1 .. 100;
is($http->post('/fast/?checkpoint=fast')->status, 201, 'of a lazy store');
is((contents('fast'))[1], 100, 'has all that was answered');


# While writes go on, through many memtables: a prefix, with all that was
# acknowledged before.

my $port = $nginx->port;
my $acked = "$saved/../acked";

sub write_acked {
    my ($n) = @_;

    open my $file, '>', "$acked.new" or die $!;
    print {$file} $n;
    close $file;
    rename "$acked.new", $acked or die $!;
}

sub acked {
    local (@ARGV, $/) = $acked;
    return <>;
}

my $load = Ferrokv::Load->start(1, sub {
    my ($i, $stop) = @_;
    my $http = Ferrokv::Http->new($port);
    my $n = 0;

    until ($stop->()) {
        my $r = $http->put("/kv/n:" . ($n + 1), $n + 1 . ' ' . 'x' x 5000);

        next if $r->error;              # its worker was killed
        die 'a write failed' if $r->status !~ /^20[14]$/;
        write_acked(++$n);
        sleep 0.002;                    # counts below read all of it
    }

    return $n;
});

$nginx->wait_until(sub { -s $acked });

for my $name (qw(one two three)) {
    sleep 0.5;

    my $before = acked();
    is($http->post("/kv/?checkpoint=$name")->status, 201, "$name, under load");
    my $after = acked() + 1;
    my ($all) = contents($name);
    my @n = sort { $a <=> $b } map { /^n:(\d+)$/ ? $1 : () } keys %$all;

    is("@n[0, -1]", "1 " . @n, "$name: a prefix, without a hole");
    cmp_ok(@n, '>=', $before, "$name: with all that was acknowledged");
    cmp_ok(@n, '<=', $after, "$name: of its time");
    is(scalar(grep { $all->{"n:$_"} !~ /^$_ x{5000}$/ } @n), 0,
        "$name: each value is right");
}

# Two at once: one after the other.
my $two = Ferrokv::Load->start(2, sub {
    my ($i) = @_;

    return Ferrokv::Http->new($port)->post("/kv/?checkpoint=both$i")->status;
});
is(join(' ', $two->wait), '201 201', 'two requests at once');

# A worker dies while it waits for a count, a helper while it counts.
my $asking = Ferrokv::Load->start(4, sub {
    my ($i, $stop) = @_;
    my $http = Ferrokv::Http->new($port, keepalive => 0);
    my %status;

    until ($stop->()) {
        my $r = $http->get('/kv/?count');
        $status{ $r->error ? 'gone' : $r->status }++;
    }

    return \%status;
});

for (1 .. 3) {
    sleep 0.3;
    $nginx->kill('KILL', ($nginx->wait_workers)[0]);
    sleep 0.3;
    $nginx->kill('KILL', $nginx->helpers);
    $nginx->wait_until(sub { $nginx->helpers == 1 });
}

$nginx->wait_workers;
my %status;
$status{$_} = 1 for map { keys %$_ } $asking->finish;
is(join(' ', grep { $_ ne 'gone' } sort keys %status), '200',
    'others have their count');
is($http->get('/kv/?count')->status, 200, 'and nobody waits for ever');

my ($n) = $load->finish;
is($http->get('/kv/?count&prefix=n:')->json->{count}, $n, 'an exact count');


# Another directory needs a restart, and a reload says so.

my $conf = $nginx->{conf};

$nginx->write_conf($conf =~ s{saved/;}{elsewhere;}r);
ok(!$nginx->reload, 'a reload with another checkpoints= is refused');
like($nginx->error_log, qr/\[emerg\] .*"checkpoints=" of "ferrokv_store" "main"/,
    'and why');
is($http->post('/kv/?checkpoint=again')->status, 201, 'the old one goes on');
$nginx->write_conf($conf);
ok($nginx->reload, 'a reload with the same');

$nginx->allow(qr/"checkpoints="/);
$nginx->finish;


# Tables can be linked on their own file system only.

SKIP: {
    my $dir = "/dev/shm/ferrokv-$$";

    skip 'no other file system', 3
        if !-w '/dev/shm' || (stat '/dev/shm')[0] == (stat $nginx->dir)[0];

    my $nginx = Ferrokv::Nginx->new(<<'CONF', vars => { OTHER => $dir });
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=8m checkpoints=%%OTHER%%;
events { }
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:%%PORT%%;
        location /kv/ { ferrokv_rest write=on danger=on; }
    }
}
CONF
    $nginx->start;
    my $http = Ferrokv::Http->new($nginx->port);

    $http->put("/kv/$_", 'x' x 10000) for 1 .. 500;
    $nginx->wait_until(sub { glob $nginx->dir . '/store/sst/*' });
    is($http->post('/kv/?checkpoint=x')->status, 503, 'another file system');
    ok($nginx->wait_log(qr{\[error\].*"$dir" is not on the store's file system}),
        'the log says so');
    is(join(' ', glob "$dir/{*,.partial*}"), '', 'nothing is left');

    rmdir $dir;
    $nginx->allow(qr/checkpoint=x/);
    $nginx->finish;
}


# A full disk.

SKIP: {
    my $nginx = Ferrokv::Nginx->new(<<'CONF');
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/disk/store memory=8m compression=none
                   checkpoints=%%DIR%%/disk/saved;
events { }
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:%%PORT%%;
        location /kv/ { ferrokv_rest write=on danger=on; }
    }
}
CONF
    my $disk = $nginx->dir . '/disk';

    mkdir $disk;
    if ($> != 0 || system("mount -t tmpfs -o size=48m,mode=0755 none $disk"
                          . ' 2> /dev/null') != 0)
    {
        $nginx->end;
        skip 'cannot mount', 6;
    }

    $nginx->start;
    my $http = Ferrokv::Http->new($nginx->port);

    $http->put("/kv/$_", 'x' x 10000) for 1 .. 200;

    # Room for all but the copy of the log, nor what the store kept back.
    my $fill = sub { system("head -c 100M /dev/zero > $disk/$_[0] 2> /dev/null") };

    $fill->('filler');
    ok($nginx->wait_until(sub { $http->put('/kv/1', 'x')->status == 507 }, 10),
       'the disk is full');
    # What compaction has just given back is filled, too.
    my ($fillers, $full) = (0);

    ok($nginx->wait_until(sub {
           $fill->('filler.' . ++$fillers);
           $full = $http->post("/kv/?checkpoint=full$fillers");
           return $full->status == 507;
       }), 'a full disk');
    is(join(' ', glob "$disk/saved/.partial*"), '', 'nothing is left');
    unlink glob "$disk/filler*";
    ok($nginx->wait_until(sub { $http->put('/kv/1', 'x')->status < 300 }, 10),
       'it takes writes again');
    is($http->post('/kv/?checkpoint=x')->status, 201, 'with room again');
    is($http->get('/kv/200')->body, 'x' x 10000, 'the store goes on');

    $nginx->allow(qr{checkpoint=|no space left});
    $nginx->finish;
    system('umount', '-l', $disk);
}

done_testing();
