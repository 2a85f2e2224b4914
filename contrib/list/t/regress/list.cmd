# A small one.
RPUSH l b c
LPUSH l a
RPUSHX l d
LPUSHX nothing a
LLEN l
LRANGE l 0 -1
LRANGE l -2 -1
LRANGE l 5 9
LRANGE nothing 0 -1
LINDEX l 0
LINDEX l -1
LINDEX l 9
LSET l 1 B
LSET l 9 x
LSET nothing 0 x
LINSERT l BEFORE c x
LINSERT l AFTER d y
LINSERT l AFTER nothing y
LINSERT nothing AFTER a b
LRANGE l 0 -1
LPOS l c
LPOS l nothing
LPOS l c COUNT 0
LREM l 1 x
LTRIM l 1 3
LRANGE l 0 -1
TYPE l
LMOVE l other RIGHT LEFT
RPOPLPUSH l l
LRANGE l 0 -1
LPOP l
RPOP l 5
LPOP l
LPOP l 2
EXISTS l

# A larger one.
RPUSH large 0 1 2 3 4 5 6 7 8 9
LPUSH large a
LRANGE large 0 -1
LINDEX large 5
LSET large 5 x
LINSERT large BEFORE x y
LREM large 0 1
LRANGE large 2 6
LPOS large x RANK -1
LTRIM large 3 -3
LRANGE large 0 -1
LTRIM large 0 1
LRANGE large 0 -1
LMPOP 2 nothing large LEFT COUNT 5
LMPOP 1 nothing RIGHT

# What goes wrong.
LPUSH l
LINSERT l BESIDE a b
RPUSH l a
LPOS l a RANK 0
LPOS l a COUNT -1
LPOP l -1
LPOP l 1 2
LMOVE l l UP DOWN
LMPOP 0 l LEFT
LRANGE l a b
SET plain bytes
LPUSH plain a
LMOVE l plain LEFT LEFT
