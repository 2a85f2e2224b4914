# All kinds of answers that built-in commands have.
SET a 1
INCR a
INCRBYFLOAT f 1.5
GET none
MGET a none f
SET "b\x00\xff\r\n" "x\x00\xff\r\n"
GET "b\x00\xff\r\n"
SET q "a \"quoted\" $word \\ 'x'"
GET q
SET e ''
GET e
GET 'it''s'
EXISTS a f none
SET t 1 PX 100
@wait 150
GET t
~ TTL a
~1 MGET a f
INCR q
SET a 1 NX
LCS a f IDX
COMMAND GETKEYS GET x
NOSUCH x
GET
ECHO "two\nlines"
SCAN 0 MATCH q
