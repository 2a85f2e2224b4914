# A binary upgrade (USR2): the second master cannot have the store while the
# first one has it, says so, and leaves; nothing is lost.

use strict;
use warnings;

use lib 't/lib';
use POSIX qw(setpgid _exit);
use Test::More;
use Time::HiRes qw(sleep);

use Ferrokv::Http;
use Ferrokv::Nginx;

my $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 2);
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=8m;
events { }
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:%%PORT%%;
        location /kv/ { ferrokv_rest write=on; }
    }
}
CONF

# A master whose parent lives does not listen to USR2.
start_orphaned();

my $master = $nginx->master_of_file;
my $http = Ferrokv::Http->new($nginx->port, keepalive => 0);
my @workers = $nginx->wait_workers;

is($http->put('/kv/before', 1)->status, 201, 'a value');
kill 'USR2', $master;

ok($nginx->wait_log(qr/\[emerg\] .*"main" could not open "\S+": .*\b$master\b/),
    'the second master is refused, and told who has the store');
ok($nginx->wait_until(sub { ($nginx->master_of_file // 0) == $master }),
    'the first one is master again');

is(join(' ', $nginx->workers), "@workers", 'its workers serve as before');
is($http->get('/kv/before')->body, 1, 'data are there');
is($http->put('/kv/after', 2)->status, 201, 'writes go on');

kill 'QUIT', $master;
ok($nginx->wait_gone, 'it stops');
$nginx->start;
is(join(' ', map { $http->get("/kv/$_")->body } qw(before after)), '1 2',
    'a new start finds all of it');

$nginx->allow(qr/could not open/, qr/exited with code 1/);
$nginx->finish;
done_testing();


sub start_orphaned {
    my $pid = fork() // die "fork: $!";

    if ($pid == 0) {
        my $child = fork() // _exit(1);

        if ($child == 0) {
            setpgid(0, 0);
            open STDIN, '<', '/dev/null';
            open STDOUT, '>', $nginx->dir . '/start.out';
            open STDERR, '>&', \*STDOUT;
            $nginx->_exec;
        }

        _exit($nginx->wait_until(sub { $nginx->master_of_file }) ? 0 : 1);
    }

    waitpid $pid, 0;
    is($?, 0, 'nginx is up, its parent is gone') or die;

    # It is not our child: the group is what there is to be watched.
    $nginx->{pgrp} = $nginx->master_of_file;
}
