# What a worker that shuts down owes its clients: an answer to whatever has come,
# and the end of a connection behind an answer, when no request is under way.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep);

use Ferrokv::Nginx;
use Ferrokv::Resp;

use constant TRIES => 10;       # on a machine that stands still for a second

my $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 1, stream => 1);
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=16m;
events { }
stream {
    server { listen 127.0.0.1:%%PORT1%%; ferrokv_resp; }
}
CONF

$nginx->start;

my $answers = 0;

# The word to leave and the request are there when the worker wakes up.
for my $what ('one that has been served', 'a new one') {
    my $client = client($what);
    my ($old) = $nginx->wait_workers;
    my ($helper) = $nginx->helpers;

    kill STOP => $old;
    ok($nginx->reload, 'a reload, while the old worker is stopped');
    ok($nginx->wait_gone($helper), 'it has been told to leave, as the helper');
    $client->write(Ferrokv::Resp::request(qw(INCR counter)));
    kill CONT => $old;

    like(eval { $client->read } // $@, qr/^\d+$/, "$what is answered");
    $answers++;
    ok(eval { $client->closed(20) }, 'and closed then');
    ok($nginx->wait_gone($old), 'the old worker has left');
}

# The request comes when the worker is leaving already, and would be idle; and
# when it wakes up its patience may be over.
for (['one that has been served', 0], ['a new one', 0], ['a new one', 1.2]) {
    my ($what, $pause) = @$_;
    my $answer = '';

    for (my $try = 0; $answer !~ /^\d+$/ && $try < TRIES; $try++) {
        my $client = client($what);
        my ($old) = $nginx->wait_workers;

        $nginx->reload or die 'no reload';
        $answer = late_answer($client, $old, $pause);
        $nginx->wait_gone($old) or die "$old does not leave";
    }

    like($answer, qr/^\d+$/, "$what is answered though it is late, $pause s");
    $answers++;
}

is(client('a new one')->cmd(qw(GET counter)), $answers,
   'what was not answered was not done');

# Nobody waits for ever for the silent.
my $silent = client('one that has been served');
my ($old) = $nginx->wait_workers;

ok($nginx->reload, 'a reload');
ok(eval { $silent->closed(20) }, 'a silent client is closed');
ok($nginx->wait_gone($old), 'the old worker has left');

$nginx->finish;
done_testing();


sub client {
    my ($what) = @_;
    my $client = Ferrokv::Resp->new($nginx->port(1));

    $client->cmd(qw(SET before 1)) if $what !~ /new/;
    return $client;
}


# The worker is stopped meanwhile, or its patience could be over.
sub late_answer {
    my ($client, $old, $pause) = @_;

    $nginx->wait_until(sub { grep { $_ == $old } $nginx->leaving }, 20)
        or return 'it has left';

    kill STOP => $old;

    my $answer = eval {
        $client->write(Ferrokv::Resp::request(qw(INCR counter)));
        sleep $pause;
        kill CONT => $old;
        $client->read;
    } // $@;

    kill CONT => $old;
    return $answer;
}
