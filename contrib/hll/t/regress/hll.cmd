# What Redis answers.
PFADD a
PFADD a
PFCOUNT a
PFADD a x y z
PFADD a x z y
PFADD a '' "\x00\r\n\xff"
PFADD a '' "\x00\r\n\xff"
PFCOUNT a
PFADD b x 1 2 3
PFCOUNT b
PFCOUNT a b
PFCOUNT b a b missing
PFCOUNT missing
EXISTS missing

# One into another.
PFMERGE c a b
PFCOUNT c
PFMERGE c
PFMERGE d
EXISTS d
PFCOUNT d
PFMERGE d missing
PFMERGE b a b
PFCOUNT b

# It is a key as all others are.
TYPE a
GET a
STRLEN a
RENAME a e
COPY e f
PFCOUNT e f
EXPIRE f 1000
PFADD f more
PFMERGE f b
~ TTL f
SET f bytes
DEL e
PFCOUNT e

# Other values, and too few arguments.
SET s bytes
PFADD s x
PFADD s
PFCOUNT s
PFCOUNT b s
PFMERGE s b
PFMERGE new b s
EXISTS new
GET s
PFADD
PFCOUNT
PFMERGE
