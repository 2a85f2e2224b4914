# Its life in a store, as that of any extension.

use strict;
use warnings;

use Test::More;

use Ferrokv::Life;

life_cycle('json', grant => 'helper', type => 'json', own => 'JSON.FIELDS',
    write => ['JSON.SET a $ {"n":1,"list":[1,2,{"n":2}]}',
              'JSON.SET b $ [1.5,"x"]', 'JSON.SET c $ {"m":null}'],
    read  => ['JSON.GET a $', 'JSON.GET b .', 'JSON.MGET a b $..n',
              'JSON.FIELDS'],
    keys  => ['a', 'b', 'c']);

done_testing();
