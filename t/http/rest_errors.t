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
    }
}
CONF

sub value { return "value $_[0] " x 1000 }

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

    for my $path (glob $nginx->dir . '/store/sst/*') {
        open my $file, '+<:raw', $path or die "$path: $!";
        seek $file, 20000, 0;
        read $file, my $byte, 1;
        seek $file, 20000, 0;
        print {$file} chr(ord($byte) ^ 0x40);
        close $file;
    }

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
    is($http->delete('/kv/k1')->status, 204, 'deletes are let through');
    is($http->get('/kv/k1')->status, 404, 'and delete');

    $nginx->allow(qr/No space left|disk|full/i);
    $nginx->finish;
};

done_testing();


package Guard;

sub new     { return bless { code => $_[1] }, $_[0] }
sub DESTROY { local $?; $_[0]{code}->() }
