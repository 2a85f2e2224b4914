# Of a transaction only the command that reads more than one reply may hold is
# refused, wherever it stands.

use strict;
use warnings;

use Test::More;

use Ferrokv::Nginx;
use Ferrokv::Resp;

my $nginx = Ferrokv::Nginx->new(<<'CONF', stream => 1);
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=16m;
events { }
stream {
    server { listen 127.0.0.1:%%PORT%%; ferrokv_resp admin=on output_limit=4k; }
}
CONF

$nginx->start;

my $redis = Ferrokv::Resp->new($nginx->port);
my $long = 'x' x 30_000;

$redis->cmd('SET', "many$_$long", 1) for 10 .. 60;
$redis->cmd('SET', "few$_$long", 1) for 1 .. 3;

for my $order (['few', 'many'], ['many', 'few'], ['many', 'few', 'many']) {
    $redis->cmd('MULTI');
    $redis->cmd('KEYS', "$_*") for @$order;

    my @answers = @{ $redis->cmd('EXEC') };

    is_deeply([map { ref $_ eq 'ARRAY' ? 'few' : 'many' } @answers], $order,
              "KEYS of @$order");
    is(@$_, 3, 'all of them') for grep { ref $_ eq 'ARRAY' } @answers;
    like($_, qr/^ERR it would take more memory/, 'why it is refused')
        for grep { ref $_ ne 'ARRAY' } @answers;
}

$nginx->finish;
done_testing();
