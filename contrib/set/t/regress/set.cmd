# A small set, whose members stand as they came.
SADD fruit apple pear apple
SADD fruit plum
SADD fruit apple
SMEMBERS fruit
SMEMBERS nothing
SCARD fruit
SISMEMBER fruit pear
SISMEMBER fruit stone
SMISMEMBER fruit pear stone plum
TYPE fruit
SREM fruit apple stone
SMOVE fruit basket pear
SMOVE fruit basket stone
SMEMBERS fruit
SMEMBERS basket
SSCAN basket 0
~ SRANDMEMBER fruit
SRANDMEMBER fruit 5
SRANDMEMBER nothing
SRANDMEMBER nothing 2
SPOP fruit
SPOP fruit
SPOP fruit 2
EXISTS fruit

# Several.
SADD a 1 2 3 4
SADD b 3 4 5
SADD c 4 6
SINTER a b
SINTER a b c
SINTER a nothing
SUNION b c
SDIFF a b
SDIFF a b c
SINTERCARD 2 a b
SINTERCARD 2 a b LIMIT 1
SINTERSTORE to a b
SMEMBERS to
SUNIONSTORE to b c
SCARD to
SDIFFSTORE to b b
EXISTS to

# A larger one.
SADD large 1 2 3 4 5 6 7 8 9
SCARD large
SISMEMBER large 9
SREM large 9 10
SMISMEMBER large 1 9
SINTER c large
~ SPOP large
SCARD large

# What goes wrong.
SADD a
SINTERCARD 0 a
SINTERCARD 3 a b
SINTERCARD 1 a LIMIT -1
SPOP a -1
SSCAN a x
SET plain bytes
SADD plain 1
SINTER a plain
SUNIONSTORE plain a
SCARD plain
