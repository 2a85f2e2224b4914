# Its life in a store, as that of any extension; and keys that expire.

use strict;
use warnings;

use Test::More;

use Ferrokv::Installed;
use Ferrokv::Life;
use Ferrokv::Nginx;
use Ferrokv::Resp;

life_cycle('cachetag', grant => 'helper',
    write => ['TAG.ADD a news', 'SET a 1', 'SET b 2'],
    read  => ['TAG.KEYS news', 'TAG.STALE a'],
    keys  => ['a', 'b']);

my $nginx = Ferrokv::Nginx->new(<<'CONF', stream => 1,
%%GLOBALS%%
%%EXTENSIONS%%
ferrokv_store main path=%%DIR%%/store memory=32m;
events { }
stream { server { listen 127.0.0.1:%%PORT%%; ferrokv_resp admin=on; } }
CONF
    vars => { EXTENSIONS => extension_conf('cachetag grant=helper') });

$nginx->start;

my $redis = Ferrokv::Resp->new($nginx->port, timeout => 60);

$nginx->wait_until(sub {
    return $redis->cmd('TAG.ADD', 'stays', 'news') =~ /^\d/;
}, 20) or BAIL_OUT('it is not installed');

for my $i (1 .. 20) {
    $redis->cmd('SET', "page$i", 'x', 'PX', 300);
    $redis->cmd('TAG.ADD', "page$i", 'news', "t$i");
}

my $last;

ok($nginx->wait_until(sub {
    $last = $redis->cmd('TAG.KEYS', 'news');
    return "@$last" eq 'stays';
}, 60), 'keys that expire lose their tags') or diag "@$last";
is_deeply($redis->cmd('TAG.KEYS', 't7'), [], 'all of them');

$nginx->finish;
done_testing();
