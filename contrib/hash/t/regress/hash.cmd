# A small hash, whose fields stand as they came.
HSET user name Alice age 30
HSET user age 31 city Berlin
HSETNX user name Bob
HSETNX user mail a@example.com
HMSET user city Paris
HGET user name
HGET user nothing
HGET nothing name
HMGET user name nothing city
HGETALL user
HGETALL nothing
HKEYS user
HVALS user
HLEN user
HEXISTS user age
HEXISTS user nothing
HSTRLEN user name
HINCRBY user age -1
HINCRBY user age 9223372036854775807
HINCRBY user name 1
HINCRBYFLOAT user age 0.5
HINCRBYFLOAT user name 1
HINCRBYFLOAT user age abc
TYPE user
HSCAN user 0
HSCAN user 0 MATCH "*a*"
~ HRANDFIELD user
HRANDFIELD user 0
~ % HRANDFIELD user 2 WITHVALUES
HDEL user age nothing
HDEL user name city mail
EXISTS user

# A larger one.
HSET large a 1 b 2 c 3 d 4 e 5 f 6 g 7 h 8
HGET large h
HLEN large
HDEL large a h
HMGET large a b h
HINCRBY large b 40

# Fields that end.
HEXPIRE large 1000 FIELDS 2 b nothing
HEXPIRE large 1000 NX FIELDS 1 b
HEXPIRE large 100 GT FIELDS 1 b
HPEXPIREAT large 4000000000000 FIELDS 1 c
HPEXPIRETIME large FIELDS 2 c d
HEXPIRETIME large FIELDS 2 c nothing
HPERSIST large FIELDS 3 c d nothing
HTTL large FIELDS 1 c
~ HPTTL large FIELDS 1 b
HPEXPIRE large 0 FIELDS 1 d
HLEN large
HEXPIRE large 1 FIELDS 2 e f
HPEXPIRE large 200 FIELDS 1 g
@wait 1300
HMGET large b c d e f g
HLEN large
~ HGETALL large
HTTL nothing FIELDS 1 a

# What goes wrong.
HSET user name
HSET user name Alice age
HEXPIRE large 10 b FIELDS 1
HEXPIRE large 10 FIELDS 2 b
HEXPIRE large -1 FIELDS 1 b
HTTL large FIELDS 0 b
HRANDFIELD large x
HSCAN large x
SET plain bytes
HSET plain a 1
HGETALL plain
GET large
