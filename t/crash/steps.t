# A process dies at each numbered step of the engine, again and again as nginx
# starts it anew; it is cured by a reload, all are killed, and what the next
# start finds is compared with what clients know.  Then the same with nginx in
# one process, whose death there is that of all.

use strict;
use warnings;

use lib 't/lib', 't/crash/lib';
use File::Path qw(remove_tree);
use JSON::PP qw(encode_json);
use Test::More;
use Time::HiRes qw(sleep time);

use Ferrokv::Extension qw(build_extension);
use Ferrokv::Http;
use Ferrokv::Load;
use Ferrokv::Model;
use Ferrokv::Nginx;
use Ferrokv::Steps;

# FKV_STEPS=commit,reap.1 t/crash/steps.t: only those.
my @only = split /,/, $ENV{FKV_STEPS} // '';

# Steps with a way of their own; all others are reached by load, in a worker
# or in the helper.
my %way = (
    (map { ("directory.$_" => \&opening) } 1 .. 2),
    (map { ("recover.$_" => \&opening) } 1 .. 5),
    (map { ("reap.$_" => \&reaping) } 1 .. 4),
    (map { ("catalog.$_" => \&rotation) } 5 .. 7),
    'lease.1' => \&leasing,
    (map { ("job.$_" => \&asking) } 1 .. 5),
    (map { ("checkpoint.$_" => \&asking) } 1 .. 8),
    'count.1' => \&asking,
    (map { ("blob_move.$_" => \&moving) } 1 .. 4),
    (map { ("evict.$_" => \&evicting) } 1 .. 2),
    'compact.6' => \&slicing,
    'refill.1' => \&refilling,
    (map { ("mark.$_" => \&leaving) } 1 .. 2),
    'extension_edit.1' => \&extending,
    (map { ("install.$_" => \&extending) } 1 .. 2),
    (map { ("drop.$_" => \&extending) } 1 .. 3),
);

# Steps of the helper's that recovery takes as well.
my @also_opening = map { ("catalog." . ($_ + 4), "table_file.$_") } 1 .. 3;

my %sync = ('log_sync.1' => 'everysec', 'log_sync.2' => 'off',
            'log_sync.3' => 'off', 'recycle.6' => 'off');

# Taken only in the first life of a log file, of a store.
my %fresh = ('recycle.4' => 1, 'disk_reserve.1' => 1);

my %skip = (
    'expire.1' => 'the wall clock must step; t/unit/store_expire.c has its own',
    (map { ("claim.$_" => 't/unit/store_claim.c dies there') } 1 .. 2),
    (map { ("cursor.$_" => 't/unit/shared_cursor.c dies there') } 1 .. 2),
    (map { ("hook.$_" => 't/unit/store_hook.c dies there') } 1 .. 3),
);

# These are passed by every write, and each process shall do some before.
my $often = qr/^(?:reserve|update|link(?!\.5)|commit)\./;

my ($nginx, $model);

fresh('always');

for my $step (steps()) {
    next if @only && !grep { $step =~ /^\Q$_\E/ } @only;

    if ($skip{$step}) {
        note "$step: not here, $skip{$step}";
        next;
    }

    my $begun = time;
    my $sync = $sync{$step} // 'always';

    fresh($sync) if $fresh{$step} || $sync ne $nginx->{vars}{SYNC};
    ($way{$step} // \&load)->($step);
    opening($step) if grep { $_ eq $step } @also_opening;
    note sprintf '%s: %.1f s', $step, time - $begun;
}

# What users get reads the same; so far it was the build with the steps.
$nginx->stop;
$nginx->write_conf(undef, module => 'modules');
$nginx->start;
is($model->wrong, '', 'all is there, without steps');
finish();
done_testing();


# A step without a passage in here would be noticed: all are looked for.
sub steps {
    my %found = %{ Ferrokv::Steps::found() };

    is(join(' ', grep { $found{$_} > 1 } sort keys %found), '',
        'no two steps have one name');
    is(join(' ', grep { !$found{$_} } keys %skip, keys %way, @also_opening), '',
        'none that is named here is gone');
    return sort keys %found;
}


# A new store, and clients who know nothing.
sub fresh {
    my ($sync, $size) = @_;

    finish() if $nginx;
    $nginx = Ferrokv::Nginx->new(<<'CONF',
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=4m sync=%%SYNC%% %%SIZE%%
                   blob_min=4k checkpoints=%%DIR%%/checkpoints;
events { }
http {
    %%HTTP%%
    keepalive_requests 1000000000;
    server {
        listen 127.0.0.1:%%PORT%% reuseport;
        location /kv/ { ferrokv_rest write=on danger=on; }
    }
}
CONF
        vars => { SYNC => $sync, SIZE => $size // '' });
    $nginx->allow(qr/exited on signal 9$/);
    $model = Ferrokv::Model->new($nginx->port);
}


sub finish { $nginx->finish }


# From now on workers and helpers die there; the master never does.
sub dying_at {
    my ($step, $passage) = @_;

    $passage //= $step =~ $often ? 30 : 1;
    $nginx->write_conf(undef, workers => 2,
        globals => "env FKV_KILL=$step:$passage;");
}


sub dying_nowhere { $nginx->write_conf(undef, workers => 2, globals => '') }


sub deaths {
    my $text = $nginx->error_log;
    return scalar(() = $text =~ /exited on signal 9$/mg);
}


# Wait for so many deaths more than there were.
sub ok_died {
    my ($step, $before, $n) = @_;

    my $died = $nginx->wait_until(sub { deaths() >= $before + $n }, 20);

    ok($died, "$step: reached") or diag deaths() - $before, " deaths of $n";
}


# The configuration without FKV_KILL heals it, under load: nobody waits for
# ever for what a dead one has left.
sub ok_cured {
    my ($step) = @_;

    dying_nowhere();
    ok($nginx->reload, "$step: reload");
    settle(0);

    my $http = Ferrokv::Http->new($nginx->port, keepalive => 0);
    my @r = ($http->put('/kv/x:cured', ''), $http->delete('/kv/x:cured'));

    is(join(' ', map { $_->error // $_->status } @r), '201 204',
        "$step: life goes on");
    $model->end;
    is($model->wrong, '', "$step: nothing is lost by one death");
    $model->begin;
    sleep 0.1;
}


# All are killed, the next start must know all that was acknowledged.
sub ok_kept {
    my ($step) = @_;

    if ($nginx->{vars}{SYNC} ne 'always') {
        # What has been written outlives all processes; give it that turn, or
        # the seconds after which what nobody flushed is written.
        $model->end;
        sleep($nginx->{vars}{SYNC} eq 'off' ? 3 : 0.1);
        $nginx->kill('KILL');

    } else {
        $nginx->kill('KILL');
        $model->end;
    }

    my ($ok, $said) = $nginx->start;
    ok($ok, "$step: the next start") or die $said;

    my $wrong = $model->wrong;
    is($wrong, '', "$step: all is there");
    fresh($nginx->{vars}{SYNC}) if $wrong ne '';
    return $wrong eq '';
}


sub load {
    my ($step) = @_;
    my $before = deaths();

    dying_at($step);
    $nginx->pids ? $nginx->reload : $nginx->start;
    $model->begin;
    ok_died($step, $before, 2);
    ok_cured($step);
    ok_kept($step);
    alone($step) if $nginx->{vars}{SYNC} eq 'always';
}


# A helper that starts looks through tables for what expires and is in no memtable
# any more: more is written than all memtables hold.
sub refilling {
    my ($step) = @_;

    dying_nowhere();
    $nginx->pids ? $nginx->reload : $nginx->start;

    my $http = Ferrokv::Http->new($nginx->port, keepalive => 0);
    my $value = join '', map { chr rand 256 } 1 .. 3000;

    $http->put("/kv/t:$_?ttl=1h", $value) for 1 .. 2000;
    load($step);
}


# Who leaves dies, while others go on.
sub leaving {
    my ($step) = @_;
    my $before = deaths();

    dying_at($step);
    $nginx->pids ? $nginx->reload : $nginx->start;
    $model->begin;
    sleep 0.2;
    dying_nowhere();
    $nginx->reload;
    ok_died($step, $before, 1);
    ok_cured($step);
    ok_kept($step);
}


# More than a slice lies in tables, and what is written lies around all of it: so
# each merge ends in several slices.
sub slicing {
    my ($step) = @_;
    my $before = deaths();
    my $value = join '', map { chr rand 256 } 1 .. 3000;
    my $put = sub {
        my $http = Ferrokv::Http->new($nginx->port, keepalive => 0);
        $http->put("/kv/$_", $value) for @_;
    };
    my $around = sub { $put->('a:first', 'z:last') };

    dying_nowhere();
    $nginx->pids ? $nginx->reload : $nginx->start;
    $put->(map { sprintf 'y:%04d', $_ * 7 % 1500 } 0 .. 1499);

    dying_at($step);
    $nginx->reload;
    $model->begin;
    ok($nginx->wait_until(sub { $around->(); deaths() >= $before + 2 }, 20),
        "$step: reached");
    ok_cured($step);
    ok_kept($step);
    alone($step, $around);

    my $http = Ferrokv::Http->new($nginx->port);
    is($http->get(sprintf '/kv/y:%04d', $_)->body, $value,
        "$step: value $_ is there") for 0, 700, 1499;
    fresh('always');
}


# The only process there is dies, and the memory with it: what was acknowledged
# before this very instant must be on disk.
sub alone {
    my ($step, $poke) = @_;

    fresh('always') if $fresh{$step};
    $nginx->kill('KILL');
    dying_at($step);

    # With two workers there would be two sockets, and one nobody listens to.
    $nginx->write_conf(undef, workers => 1,
        globals => "master_process off;\n$nginx->{globals}");
    $model->begin;
    $nginx->start;

    my $died = $nginx->wait_until(sub {
        $poke->() if $poke;
        return !$nginx->pids;
    }, 20);
    ok($died, "$step: reached by nginx in one process");
    $nginx->kill('KILL');
    $model->end;

    dying_nowhere();
    $nginx->start;
    is($model->wrong, '', "$step: all is there after its death");
}


# The master dies in its start.
sub opening {
    my ($step) = @_;

    dying_nowhere();

    # Something to recover, in log files and in tables.
    $nginx->start if !$nginx->pids;
    $model->begin;
    sleep 0.3;
    $nginx->kill('KILL');
    $model->end;

    for my $time (1 .. 2) {
        local $ENV{FKV_KILL} = $step;
        my ($ok) = $nginx->start;

        is(!$ok && $? & 127, 9, "$step: start dies, time $time");
    }

    ok($nginx->start, "$step: the next start");
    is($model->wrong, '', "$step: all is there");
}


# A reload is over: of the old processes only so many are left.  It need not get
# there: the old helper's slot is reaped as well, and who does it dies.
sub settle {
    my ($held) = @_;

    return $nginx->wait_until(sub {
        $nginx->workers == 2 && $nginx->helpers == 1
            && $nginx->leaving == $held;
    }, 3);
}


# Who repairs what a dead one has left dies at that.  Two kinds of processes are
# needed: a reload gives one worker of the old configuration, held by a request,
# that shall die in a write; those of the new one find what it leaves.
sub reaping {
    my ($step) = @_;

    # A whole frame that is not READY, or one without its bytes.
    my $leave = $step eq 'reap.1' ? 'update.5' : 'update.2';
    my $before = deaths();

    dying_at($leave, 1);
    $nginx->pids ? $nginx->reload : $nginx->start;
    settle(0);

    my $held = Ferrokv::Http->new($nginx->port)->connect;
    $held->write("PUT /kv/x:held HTTP/1.1\r\nHost: x\r\n"
                 . "Content-Length: 4\r\n\r\n12");
    sleep 0.1;

    dying_at($step);
    $nginx->reload;
    settle(1);
    $model->begin;
    $held->write('34');

    ok_died($step, $before, 3);
    ok_cured($step);
    ok_held($step);
    ok_kept($step);
    ok_held($step);
    Ferrokv::Http->new($nginx->port)->delete('/kv/x:held');
}


sub ok_held {
    my ($step) = @_;

    is(Ferrokv::Http->new($nginx->port)->get('/kv/x:held')->body =~ /^1234$/,
        $step eq 'reap.1', "$step: a write is finished if it is whole");
}


# A snapshot is taken and nobody gets to know it: it ends by itself, others are
# neither refused nor mistaken for it.
sub leasing {
    my ($step) = @_;
    my $before = deaths();
    my $http = Ferrokv::Http->new($nginx->port, keepalive => 0);

    dying_at($step);
    $nginx->pids ? $nginx->reload : $nginx->start;
    $model->begin;
    $nginx->wait_until(sub {
        return deaths() >= $before + 2 || !$http->post('/kv/?snapshot&ttl=1s');
    }, 10);
    ok_died($step, $before, 2);
    ok_cured($step);

    my $r = $http->post('/kv/?snapshot');
    is($r->status, 201, "$step: a snapshot");
    $r = $r->json->{snapshot};
    is($http->get("/kv/?snapshot=$r")->status, 200, "$step: is read at");
    is($http->delete("/kv/?snapshot=$r")->status, 204, "$step: and ended");
    ok_kept($step);
    alone($step, sub { $http->post('/kv/?snapshot&ttl=1s') });
}


# The helper is asked for checkpoints and counts all the time.
sub asking {
    my ($step) = @_;
    my $before = deaths();
    my $port = $nginx->port;

    dying_at($step);
    $nginx->pids ? $nginx->reload : $nginx->start;
    $model->begin;

    my $load = Ferrokv::Load->start(1, sub {
        my ($i, $stop) = @_;
        my $http = Ferrokv::Http->new($port, keepalive => 0);

        for (my $n = 0; !$stop->(); $n++) {
            $http->post("/kv/?checkpoint=$step-$$-$n");
            $http->get('/kv/?count');
            sleep 0.05;
        }
    });

    ok_died($step, $before, 2);
    ok_cured($step);
    $load->finish;
    ok_asked($step);
    ok_kept($step);
}


# A store that evicts what expires: of the model's keys those with an hour's TTL
# may go, of the others none.
sub evicting {
    my ($step) = @_;

    fresh('always', 'max_size=4m evict=ttl compression=none');

    my $before = deaths();
    my $port = $nginx->port;

    dying_at($step);
    $nginx->start;
    $model->begin;

    my $load = Ferrokv::Load->start(1, sub {
        my ($i, $stop) = @_;
        my $http = Ferrokv::Http->new($port, keepalive => 0);

        for (my $n = 0; !$stop->(); $n++) {
            $http->put("/kv/e:$n?ttl=10m", 'e' x 20000);
        }
    });

    ok_died($step, $before, 2);
    $load->finish;
    $nginx->kill('KILL');
    $model->end;
    dying_nowhere();
    $nginx->start;

    my $http = Ferrokv::Http->new($port, keepalive => 0);
    my @r = ($http->put('/kv/e:x?ttl=10m', ''), $http->delete('/kv/?prefix=e:'));

    is(join(' ', map { $_->error // $_->status } @r), '201 200',
        "$step: life goes on");
    is(join("\n", grep { !/^\S+ is "", not ".*0"$|^\.\.\.$|^$|"max_size"/ }
                   split /\n/, $model->wrong),
        '', "$step: nothing else is lost");
    fresh('always');
}


sub ok_asked {
    my ($step) = @_;
    my $dir = $nginx->dir . '/checkpoints';
    my $http = Ferrokv::Http->new($nginx->port, keepalive => 0);
    my @r = ($http->post("/kv/?checkpoint=$step"), $http->get('/kv/?count'));

    is(join(' ', map { $_->error // $_->status } @r), '201 200',
        "$step: the helper answers again");
    is(join(' ', glob "$dir/.partial*"), '', "$step: nothing half is left");
    remove_tree(glob "$dir/$step*");
}


# An extension is installed, updated and dropped; what each of these is seen to do
# is in the catalog or is not, and steps are done once.
sub extending {
    my ($step) = @_;
    my @ways = $step =~ /^drop/ ? 'DROP'
             : $step =~ /^install/ ? qw(install UPDATE) : qw(CREATE UPDATE DROP);

    extend($step, $_) for @ways;
    fresh('always');
}


# What is with steps is installed by the helper alone, x; CREATE is for y.
sub extend {
    my ($step, $way) = @_;
    my $what = "$step, $way";
    my $name = $way eq 'CREATE' ? 'y' : 'x';
    my @command = ($way, $name, $way eq 'DROP' ? 'CASCADE' : ());

    extensible();
    extension_before($way);
    dying_at($step);

    my $before = deaths();

    $nginx->reload;
    settle(0);

    my $seen = listed($name);
    my $ours = $step =~ /^extension_edit/;

    # A worker dies of each attempt; the helper of what was begun by one.
    ok($nginx->wait_until(sub {
        managed(@command) if $ours || $way ne 'install'
                             && listed($name)->{state} eq $seen->{state};
        return deaths() >= $before + ($step eq 'drop.3' ? 1 : 2);
    }, 20), "$what: reached");

    settle(0);
    is_deeply(listed($name), $seen, "$what: nothing has changed") if $ours;
    $nginx->kill('KILL');
    dying_nowhere();
    $nginx->start;
    managed(@command) if $ours;
    ok_extended($what, $way, $name);
}


# Five pieces a step, each of which counts; X.COUNT says how far that is.
sub extensible {
    my %x = (steps => 'steps', needs => 'FERROKV_NEEDS_HELPER',
             provides => '&type, &count, &put', code => <<'C');
#include <string.h>

static const ferrokv_str  none = { NULL, 0 }, pieces = { "pieces", 6 };

static const ferrokv_type  type = {
    FERROKV_TYPE, 0, "x", 0, 0, NULL, NULL, NULL, NULL, NULL, NULL
};

static int
counted(ferrokv_ctx *ctx, int64_t *n)
{
    ferrokv_value  val;
    int            rc = ctx->api->get(ctx, none, pieces, &val);

    *n = 0;

    if (rc == FERROKV_OK) {
        memcpy(n, val.data.data, sizeof(*n));
    }

    return (rc < 0) ? rc : FERROKV_OK;
}

static int
five(ferrokv_ctx *ctx)
{
    ferrokv_value  val = { { NULL, sizeof(int64_t) }, NULL, 0 };
    int64_t        n;
    int            rc = counted(ctx, &n);

    if (rc != FERROKV_OK) {
        return rc;
    }

    n++;
    val.data.data = &n;
    rc = ctx->api->put(ctx, none, pieces, &val);

    return (rc < 0) ? rc : (n % 5 != 0) ? FERROKV_AGAIN : FERROKV_OK;
}

static const ferrokv_step  steps[] = {
    { sizeof(ferrokv_step), 0, five },
    { sizeof(ferrokv_step), 0, five }
};

static int
count_call(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    int64_t  n;
    int      rc = counted(ctx, &n);

    (void) argc;
    (void) argv;

    return (rc < 0) ? rc : ctx->api->say_int(ctx, n);
}

static int
put_call(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    ferrokv_value  val = { { "x", 1 }, &type, 0 };
    int            rc = FERROKV_OK;

    for (size_t i = 1; i < argc && rc >= 0; i++) {
        rc = ctx->api->put(ctx, argv[i], none, &val);
    }

    return (rc < 0) ? rc : ctx->api->say_int(ctx, (int64_t) argc - 1);
}

static const ferrokv_command  count = {
    FERROKV_COMMAND, FERROKV_READ, "X.COUNT", 1, 0, 0, 0, count_call, "",
    "Pieces that were done"
};

static const ferrokv_command  put = {
    FERROKV_COMMAND, FERROKV_WRITE, "X.PUT", -2, 1, -1, 1, put_call,
    "key [key ...]", "Values"
};
C

    finish();
    $nginx = Ferrokv::Nginx->new(<<'CONF', vars => { LOADED => '' });
%%GLOBALS%%
ferrokv_extension_path %%DIR%%/ext;
%%LOADED%%
ferrokv_extension_crash_limit off;
ferrokv_store main path=%%DIR%%/store memory=4m sync=always;
events { }
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:%%PORT%% reuseport;
        location /redis { ferrokv_commands write=on admin=on; }
        location /kv/ { ferrokv_rest write=on; }
    }
}
CONF
    $nginx->allow(qr/exited on signal 9$/);
    build_extension($nginx->dir . '/ext', 'x', %x, version => "$_.0",
                    schema => $_, serves => 1) for 1, 2;
    build_extension($nginx->dir . '/ext', 'y', control => "trusted = true\n");
}


# The next configuration loads that.
sub loaded { $nginx->{vars}{LOADED} = "ferrokv_extension $_[0];" }


# What is there before it is updated or dropped: more values than one piece of a
# drop deletes.
sub extension_before {
    my ($way) = @_;

    loaded('x version=1.0 grant=helper') if $way =~ /UPDATE|DROP/;
    dying_nowhere();
    $nginx->start;
    settle(0);
    return loaded('x version=1.0 grant=helper') if $way eq 'install';
    return loaded('y install=manual') if $way eq 'CREATE';

    ok_pieces($way, 5);

    for my $from (map { 50 * $_ } 0 .. 11) {
        ok($nginx->wait_until(sub {
            return asked('X.PUT', map { "k$_" } $from .. $from + 49);
        }, 20), "$way: values");
    }

    loaded($way eq 'UPDATE' ? 'x version=2.0 grant=helper'
                            : 'x version=1.0 grant=helper install=manual');
}


sub ok_pieces {
    my ($what, $n) = @_;

    ok($nginx->wait_until(sub { (asked('X.COUNT') // '') eq $n }, 20),
        "$what: each piece was done once") or diag asked('X.COUNT');
}


# It ends well.
sub ok_extended {
    my ($what, $way, $name) = @_;
    my $state = $way eq 'DROP' ? 'not installed' : 'installed';

    ok($nginx->wait_until(sub {
        my $is = listed($name);
        return $is->{state} eq $state
            && ($way ne 'UPDATE' || $is->{schema} == 2);
    }, 20), "$what: it is $state") or diag explain listed($name);

    if ($way eq 'DROP') {
        is(Ferrokv::Http->new($nginx->port)->get('/kv/?count')->json->{count},
            0, "$what: no value is left");
        loaded('x version=1.0 grant=helper');
        dying_nowhere();
        $nginx->reload;
    }

    ok_pieces($what, $way eq 'UPDATE' ? 10 : 5) if $way ne 'CREATE';
}


# Of a command: its result; undef, if there is none.
sub asked {
    my $r = Ferrokv::Http->new($nginx->port, keepalive => 0)
        ->post('/redis', encode_json(\@_),
               'Content-Type' => 'application/json');

    return eval { $r->json->{result} };
}


sub managed { return asked('FERROKV.EXTENSION', @_) }


# What LIST says of it, but for figures; over HTTP maps are names and values.
sub listed {
    my ($name) = @_;
    my $all;

    $nginx->wait_until(sub { $all = managed('LIST') }, 20);

    my %it = map { @$_ } grep { my %one = @$_; $one{name} eq $name } @{ $all };

    delete $it{figures};
    return \%it;
}


# Of a file of large values little is left: the helper moves it to another.
sub moving {
    my ($step) = @_;
    my $before = deaths();

    $nginx->start if !$nginx->pids;

    my $http = Ferrokv::Http->new($nginx->port);

    $http->put("/kv/x:moved$_", "$_ moved " x 2000) for 0 .. 9;
    $http->delete("/kv/x:moved$_") for 1 .. 9;

    # Who appends to the file leaves.
    dying_at($step);
    $nginx->reload;
    $model->begin;

    # With the last step it is done, and nothing is left for another helper.
    ok_died($step, $before, $step eq 'blob_move.4' ? 1 : 2);
    ok_cured($step);
    ok_moved($step);
    ok_kept($step);
    ok_moved($step);
    Ferrokv::Http->new($nginx->port)->delete('/kv/x:moved0');
}


sub ok_moved {
    my ($step) = @_;

    ok(Ferrokv::Http->new($nginx->port)->get('/kv/x:moved0')->body
        eq '0 moved ' x 2000, "$step: what is moved is the same");
}


# A new manifest is begun when somebody died while appending to the old one, so
# that its end is torn: the next helper does it.
sub rotation {
    my ($step) = @_;

    dying_at($step);
    $nginx->pids ? $nginx->reload : $nginx->start;
    settle(0);
    $model->begin;
    sleep 0.2;

    my $before = deaths();
    my ($helper) = $nginx->helpers;

    kill 'STOP', $nginx->master;
    kill 'KILL', $helper;
    $nginx->wait_gone($helper);
    tear_manifest();
    kill 'CONT', $nginx->master;

    ok_died($step, $before, 2);
    ok_cured($step);
    ok_kept($step);
}


sub tear_manifest {
    my ($path) = glob $nginx->dir . '/store/MANIFEST-*';

    open my $file, '>>', $path or die "$path: $!";
    print {$file} 'half a record';
    close $file;
}
