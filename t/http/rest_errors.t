# What a client is told when the disk is damaged or full.

use strict;
use warnings;

use lib 't/lib';
use Test::More;

use Ferrokv::Check;
use Ferrokv::Http;
use Ferrokv::Nginx;

my $conf = <<'CONF';
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=8m compression=none;
events { }
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:%%PORT%%;
        location /kv/ { ferrokv_rest write=on; }
        location = /status { ferrokv_status; }
    }
}
CONF

sub value { return "value $_[0] " x 1000 }

# One bit of a byte of a file.
sub flip {
    my ($path, $at) = @_;

    open my $file, '+<:raw', $path or die "$path: $!";
    seek $file, $at, 0;
    read $file, my $byte, 1;
    seek $file, $at, 0;
    print {$file} chr(ord($byte) ^ 0x40);
    close $file;
}

subtest 'a flipped byte in a table' => sub {
    my $nginx = Ferrokv::Nginx->new($conf);

    $nginx->start;
    my $http = Ferrokv::Http->new($nginx->port);
    my $bad = grep { $http->put("/kv/k$_", value($_))->status != 201 }
        1 .. 1500;
    is($bad, 0, '1500 values');

    ok($nginx->wait_until(sub { glob $nginx->dir . '/store/sst/*' }),
        'some are in tables');
    $nginx->stop;

    flip($_, 20000) for glob $nginx->dir . '/store/sst/*';

    $nginx->start;
    $http = Ferrokv::Http->new($nginx->port);
    my %seen;

    for my $i (1 .. 1500) {
        my $r = $http->get("/kv/k$i");

        if ($r->status == 200) {
            $seen{$r->body eq value($i) ? 'right' : 'wrong'}++;

        } else {
            $seen{$r->status . ' ' . (eval { $r->json->{code} } // '')}++;
        }
    }

    ok(delete $seen{'500 corrupt'}, 'some reads say corrupt');
    ok(delete $seen{right}, 'others are right');
    is_deeply(\%seen, {}, 'none is wrong, none says anything else');
    ok($nginx->wait_log(qr/corrupt|checksum/i), 'the log tells of it');

    $nginx->allow(qr{sst/\d+\.sst: checksum is wrong}, qr/is damaged/,
        qr/the data are corrupt/);
    $nginx->finish;
};

subtest 'compaction meets a damaged table' => sub {
    my $nginx = Ferrokv::Nginx->new($conf);

    $nginx->start;
    my $http = Ferrokv::Http->new($nginx->port);
    my $bad = grep { $http->put("/kv/k$_", value($_))->status != 201 }
        1 .. 1500;
    is($bad, 0, '1500 values');

    ok($nginx->wait_until(sub { glob $nginx->dir . '/store/sst/*' }),
        'some are in tables');
    $nginx->stop;

    my ($path) = sort { -s $b <=> -s $a } glob $nginx->dir . '/store/sst/*';
    flip($path, 20000);
    my ($name) = $path =~ m{(\w+\.sst)$};

    $nginx->start;
    $http = Ferrokv::Http->new($nginx->port);

    # The same keys again, so that compaction needs all that there is.
    my ($rounds, $damaged, %value) = (0, 0, map { $_ => $_ } 1 .. 1500);

    while (!$damaged && $rounds++ < 100) {
        for my $i (1 .. 300) {
            my $r = $http->put("/kv/k$i", value("$i $rounds"));
            $value{$i} = "$i $rounds" if $r->status < 300;
        }

        $damaged = $http->get('/status')->json->{stores}{main}{tables_damaged};
    }

    is($damaged, 1, 'the status counts it');
    ok(-e $path, 'it is where it was');
    ok($nginx->wait_log(qr/table sst\/$name of store .* is damaged/),
        'the log names it, once')
        and is(() = $nginx->error_log =~ /is damaged: compaction/g, 1);

    my %seen;

    for my $i (1 .. 1500) {
        my $r = $http->get("/kv/k$i");

        $seen{$r->status == 200
              ? $r->body eq value($value{$i}) ? 'right' : 'wrong'
              : $r->status . ' ' . (eval { $r->json->{code} } // '')}++;
    }

    ok(delete $seen{right} > 1400, 'what is beside it is readable');
    delete $seen{'500 corrupt'};
    is_deeply(\%seen, {}, 'what is in the bad block is corrupt');

    $nginx->allow(qr{sst/\d+\.sst: checksum is wrong}, qr/is damaged/,
        qr/the data are corrupt/);
    $nginx->finish;
};

subtest 'a full disk' => sub {
    my $nginx = Ferrokv::Nginx->new($conf);
    my $store = $nginx->dir . '/store';

    mkdir $store;
    plan skip_all => 'cannot mount'
        if $> != 0 || system("mount -t tmpfs -o size=48m,mode=0755 none $store"
                             . ' 2> /dev/null') != 0;
    my $guard = Guard->new(sub { system('umount', '-l', $store) });

    $nginx->start;
    my $http = Ferrokv::Http->new($nginx->port);
    my ($last, $kept);

    for my $i (1 .. 20000) {
        my $r = $http->put("/kv/k$i", value($i));
        $last = $r;
        last if $r->status != 201;
        $kept = $i;
    }

    problem_is($last, 507, 'full', 'PUT to a full disk');
    problem_is($http->post('/kv/n?incr=1'), 507, 'full', 'incr too');
    is($http->get('/kv/k1')->body, value(1), 'reads go on');
    is($http->get("/kv/k$kept")->body, value($kept), 'of all that was written');
    ok($http->get('/status')->json->{stores}{main}{disk_full}, 'status: full');
    is($http->delete('/kv/k1')->status, 204, 'deletes are let through');
    is($http->get('/kv/k1')->status, 404, 'and delete');

    # They make room, also on a disk that has none for their tables.
    my @other = grep { $_ != 204 }
        map { $http->delete("/kv/k$_")->status } 2 .. $kept / 2;
    is_deeply(\@other, [], 'half of all keys are deleted');
    ok($nginx->wait_until(sub {
        $http->put('/kv/again', value(1))->status == 201;
    }, 60), 'and writes go on by themselves');
    my @lost = grep { $http->get("/kv/k$_")->status != 200 }
        $kept / 2 + 1 .. $kept;
    is_deeply(\@lost, [], 'what was kept is there');

    # Somebody else fills it; a store that must be replayed opens all the same.
    ok($nginx->wait_until(sub { -s "$store/RESERVE" }), 'there is a reserve');
    $nginx->kill('KILL');

    open my $file, '>', "$store/other" or die $!;
    my $filled = 1;
    $filled = syswrite $file, 'x' x 4096 while $filled;
    close $file;

    ok($nginx->start, 'it opens on a full disk');
    ok(!-e "$store/RESERVE", 'with the room of its reserve');
    $http = Ferrokv::Http->new($nginx->port);
    is($http->get("/kv/k$kept")->body, value($kept), 'with what it held');
    is($http->get('/kv/again')->body, value(1), 'and what was written last');
    ok($nginx->wait_until(sub {
        $http->get('/status')->json->{stores}{main}{disk_full};
    }, 30), 'it is full');
    is($http->put('/kv/more', value(1))->status, 507, 'takes no values');
    is($http->delete("/kv/k$kept")->status, 204, 'but deletes');

    unlink "$store/other";
    ok($nginx->wait_until(sub {
        $http->put('/kv/more', value(1))->status == 201;
    }, 30), 'and recovers when space returns');

    $nginx->allow(qr/No space left|disk|full/i);
    $nginx->finish;
};

done_testing();


package Guard;

sub new     { return bless { code => $_[1] }, $_[0] }
sub DESTROY { local $?; $_[0]{code}->() }
