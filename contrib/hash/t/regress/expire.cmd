# What Redis documents of the family of HEXPIRE (7.4), each sentence once.

# No such key, no such field.
HEXPIRE nokey 20 NX FIELDS 2 a b
HPEXPIREAT nokey 4000000000000 FIELDS 1 a
HPERSIST nokey FIELDS 1 a
HTTL nokey FIELDS 1 a
HPTTL nokey FIELDS 1 a
HEXPIRETIME nokey FIELDS 1 a
HPEXPIRETIME nokey FIELDS 1 a
EXISTS nokey

# Conditions; a field that does not end counts as one that ends last of all.
HSET h a 1 b 2 c 3 d 4
HEXPIRE h 1000 XX FIELDS 1 a
HEXPIRE h 1000 GT FIELDS 1 a
HPEXPIREAT h 4000000000000 LT FIELDS 1 a
HEXPIRE h 1000 NX FIELDS 3 a b nothing
HEXPIREAT h 4000000001 LT FIELDS 1 a
HEXPIREAT h 4000000001 GT FIELDS 1 a
HEXPIREAT h 4000000002 XX FIELDS 2 a c
HEXPIRETIME h FIELDS 3 a c nothing

# What alters a field leaves its time, what replaces it does not.
HINCRBY h a 5
HINCRBYFLOAT h a 1.5
HPEXPIRETIME h FIELDS 1 a
HSET h a 7
HPEXPIRETIME h FIELDS 1 a
HTTL h FIELDS 1 a

# A time that is over, or none at all, deletes.
HEXPIREAT h 1000 FIELDS 2 b nothing
HPEXPIREAT h 1000 NX FIELDS 1 a
HPEXPIRE h 0 FIELDS 1 c
HGETALL h
HEXPIRE h 0 FIELDS 1 d
EXISTS h

# What goes wrong.
HSET h a 1
HEXPIRE h 10 NX XX FIELDS 1 a
HEXPIRE h ten FIELDS 1 a
HEXPIRE h 10 FIELDS 0 a
HEXPIRE h 10 FIELDS 2 a
HPEXPIRE h 99999999999999999 FIELDS 1 a
HPERSIST h FIELDS 1 a
HPERSIST h a
SET plain x
HEXPIRE plain 10 FIELDS 1 a
HTTL plain FIELDS 1 a
