# The power goes, at any moment: under load, while a store is made, while one is
# recovered.  What each setting of sync= promises of that is there afterwards,
# and nothing else.
#
# FKV_SEED= repeats a run as far as it can; FKV_SECONDS= is the long form, with
# XFS too and a cut at each numbered step of the engine.

use strict;
use warnings;

use lib 't/lib', 't/crash/lib';
use File::Path qw(remove_tree);
use List::Util qw(shuffle);
use Test::More;
use Time::HiRes qw(sleep time);

use Ferrokv::Disk;
use Ferrokv::Installed;
use Ferrokv::Model;
use Ferrokv::Nginx;
use Ferrokv::Steps;

my $seed = $ENV{FKV_SEED} // time % 100000;
my $seconds = $ENV{FKV_SECONDS};
my $begun = time;

note "FKV_SEED=$seed";
srand $seed;

# How much of what was acknowledged a cut may take, in seconds: nothing; what
# came since the last sync of the log, and while that took; all since the last
# flush, but nothing out of the middle.
my %lost = (always => 0, everysec => 2, off => 1e9);

# The build with steps reads the same, but also dies at them.
my $conf = <<'CONF';
%%GLOBALS%%
%%EXTENSIONS%%
ferrokv_store main path=%%DISK%%/store memory=4m sync=%%SYNC%% blob_min=16k
                   checkpoints=%%DISK%%/checkpoints;
events { }
http {
    %%HTTP%%
    keepalive_requests 1000000000;
    client_max_body_size 2m;
    server {
        listen 127.0.0.1:%%PORT%% reuseport;
        location /kv/ { ferrokv_rest write=on danger=on; }
    }
}
stream {
    server {
        listen 127.0.0.1:%%PORT1%% reuseport;
        ferrokv_resp;
    }
}
CONF

my ($disk, $nginx, $model, $sync);
my %done = map { $_ => 0 } qw(cuts starts steps writes lost checked);
my @disks = shuffle grep { usable(@$_) }
    ['ext4'], ['ext4', cache => 1],
    $seconds ? (['xfs'], ['xfs', cache => 1]) : ();

plan skip_all => 'no filesystem to cut off' if !@disks;
$seconds ? long() : short();
note sprintf '%d cuts (%d of them in a start, %d at a numbered step), %d writes '
    . 'and reads, %d unsynced sectors lost, %d stores and checkpoints checked by '
    . 'fsck, %.0f s, FKV_SEED=%s',
    @done{qw(cuts starts steps writes lost checked)}, time - $begun, $seed;
done_testing();


sub usable {
    my $why = Ferrokv::Disk->missing(@_);

    diag "not here: $why" if $why;
    return !$why;
}


sub short {
    for (shuffle keys %lost) {
        fresh($_, @{ $disks[rand @disks] });
        under_load();
        in_a_start();
        finish();
    }
}


sub long {
    my @steps = shuffle(sort keys %{ Ferrokv::Steps::found() });

    for (my $n = 0; going_on(); $n++) {
        fresh((qw(always everysec off))[rand 3], @{ $disks[$n % @disks] });
        going_on() && under_load() for 1 .. 4;
        going_on() && in_a_start() for 1 .. 3;
        finish();

        fresh('always', @{ $disks[$n % @disks] });
        push @steps, my @some = splice @steps, 0, 12;
        going_on() && at_step($_) for @some;
        finish();
    }
}


sub going_on {
    return time < $begun + $seconds && Test::More->builder->is_passing;
}


# An empty filesystem; the first start makes the store.
sub fresh {
    ($sync, my @disk) = @_;

    $disk = Ferrokv::Disk->new(@disk);
    chmod 0777, $disk->path;
    $nginx = Ferrokv::Nginx->new($conf, stream => 1,
        vars => { SYNC => $sync, DISK => $disk->path,
                  EXTENSIONS => extension_conf(qw(hash set zset list hll)) });
    $nginx->allow(qr/\[(?:crit|alert|emerg)\]/, qr/exited on signal 9$/);
    $model = Ferrokv::Model->new($nginx->port,
        redis_port => $nginx->port(1),
        clients => [qw(writer writer count sequence batch large command multi
                       element operand checkpoint)]);

    in_a_start();
    $nginx->start if !$nginx->pids;
}


sub finish {
    $done{writes} += $model->{ops};
    $done{lost} += $disk->lost if $disk->{cache};
    $nginx->finish;
    $disk->end;
}


sub name {
    return $disk->{type} . ($disk->{cache} ? ' with a cache' : '')
        . ", sync=$sync, $_[0]";
}


sub under_load {
    my $checkpoint;

    $nginx->start if !$nginx->pids;
    $model->begin(cut => 1);
    sleep 0.05 + rand($sync eq 'everysec' ? $lost{$sync} + 1.5 : 1);

    my $at = time;
    cut();
    sleep rand 0.1;
    $nginx->kill('KILL');
    $model->end;

    cmp_ok($model->{failed} // 9e9, '>=', $at,
        name('under load: no failure before the cut'))
        or diag join "\n", @{ $model->{unknown} };
    $model->{unknown} = [];
    ok_all('under load', $at);
}


sub cut {
    $disk->cut;
    $done{cuts}++;
}


# The next start finds what is promised.
sub ok_all {
    my ($what, $at) = @_;

    $disk->restore;
    ok_undamaged($what);
    my ($ok, $said) = $nginx->start;

    ok($ok, name("$what: the next start")) or die $said;
    my $wrong = $model->wrong($lost{$sync} ? (lost => $at - $lost{$sync}) : ());
    is($wrong, '', name("$what: all is there that must be"));
    note "$model->{lost} of the sequence lost, $model->{sequence}{acked} there";
}


# Whatever the start would mend: what is there was written as it should be.  So
# were the checkpoints that somebody knows of.
sub ok_undamaged {
    my ($what) = @_;
    my @checkpoints = map { $disk->path . "/checkpoints/$_" }
        splice @{ $model->{checkpoints} };

    return if !-x 'build/fsck/fsck' || !-e $disk->path . '/store/CURRENT';

    for my $dir ($disk->path . '/store', @checkpoints) {
        my $said = `build/fsck/fsck '$dir' 2>&1`;

        is($?, 0, name("$what: fsck finds no damage")) or diag "$dir: $said";
        $done{checked}++;
    }

    remove_tree(@checkpoints);
}


# A start that creates, or recovers.
sub in_a_start {
    $nginx->kill('KILL');

    my $after = rand 0.08;
    my $pid = fork() // die "fork: $!";

    if ($pid == 0) {
        sleep $after;
        $disk->cut;
        POSIX::_exit(0);
    }

    my ($ok) = $nginx->start;

    waitpid $pid, 0;
    is($?, 0, name('the power is cut in a start'));
    $done{cuts}++;
    $done{starts}++;
    $nginx->kill('KILL');
    ok_all('cut in a start', time);
}


# The only process dies at a numbered step, and nothing it had not synced is
# left.  That some are not reached here does not matter: t/crash/steps.t sees to
# that.
sub at_step {
    my ($step) = @_;

    $nginx->kill('KILL');
    $nginx->write_conf(undef, workers => 1, globals => "master_process off;\n"
        . "env FKV_KILL=$step:" . (1 + int rand rand 30) . ';');
    () = $nginx->start;         # it may die in that
    $model->begin(cut => 1);
    $nginx->wait_until(sub { !$nginx->pids }, rand 3);
    $done{steps}++ if !$nginx->pids;
    my $at = time;
    cut();
    $nginx->kill('KILL');
    $model->end;
    $nginx->write_conf(undef, workers => 2, globals => '');
    ok_all("at $step", $at);
}
