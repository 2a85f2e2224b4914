# The checker as people start it: what it says, and its exit status.

use strict;
use warnings;

use Test::More;

use Ferrokv::Http;
use Ferrokv::Nginx;

my $fsck = './build/fsck/fsck';

plan skip_all => "no $fsck: make build/fsck/fsck" if !-x $fsck;

my $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 2);
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=16m;
events { }
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:%%PORT%%;
        location /kv/ { ferrokv_rest write=on; }
    }
}
CONF

my $store = $nginx->dir . '/store';

$nginx->start;
my $http = Ferrokv::Http->new($nginx->port);

is($http->put("/kv/key$_", "value $_")->status, 201, "key$_") for 1 .. 5;
is($http->put('/kv/large', 'x' x 200_000)->status, 201, 'a large value');

my ($status, $said) = fsck($store);
is($status, 2, 'of a store that is in use nothing can be said');
like($said, qr/is in use by another nginx \(pid \d/, 'by whom is told');

$nginx->kill('KILL');
($status, $said) = fsck($store);
is($status, 0, 'a crash is no damage');
like($said, qr/^values    1, 0\.2 MiB, in 1 blob files/m, 'the value was read');
like($said, qr/^no damage$/m, 'says so');

my ($blob) = glob("$store/blob/*");
flip($blob, 70_000);
($status, $said) = fsck($store);
is($status, 1, 'a flipped bit is');
like($said, qr{^DAMAGE: blob/\d+\.blob is damaged at offset 65\d\d\d: checksum},
     'where is told');
like($said, qr{^1 damages; the first: blob/}m, 'once more at the end');
flip($blob, 70_000);

$nginx->start;
is($http->get('/kv/key5')->body, 'value 5', 'nothing was changed');
$nginx->stop;

($status, $said) = fsck($store);
is($status, 0, 'nor is a stop');
is((fsck("$store/nothing"))[0], 2, 'a directory that is not there');
is((fsck(''))[0], 2, 'no directory');

$nginx->finish;
done_testing();


sub fsck {
    my ($dir) = @_;
    my $said = qx($fsck "$dir" 2>&1);

    return ($? >> 8, $said);
}


sub flip {
    my ($path, $at) = @_;

    open(my $file, '+<:raw', $path) or die "$path: $!";
    seek($file, $at, 0);
    read($file, my $byte, 1);
    seek($file, $at, 0);
    print $file chr(ord($byte) ^ 16);
    close($file) or die "$path: $!";
}
