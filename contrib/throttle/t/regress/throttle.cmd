# Five at once, one more each hour.  Seconds are only compared where no time can
# have passed.
CL.THROTTLE a 4 1 3600
~4 CL.THROTTLE a 4 1 3600
~4 CL.THROTTLE a 4 1 3600 2
~3,4 CL.PEEK a 4 1 3600
~3,4 CL.PEEK a 4 1 3600 2
~4 CL.THROTTLE a 4 1 3600
~3,4 CL.THROTTLE a 4 1 3600
~3,4 CL.THROTTLE a 4 1 3600 3
~4 CL.THROTTLE a 4 1 3600 6
~4 CL.THROTTLE a 4 1 3600 0
~4 CL.REFUND a 4 1 3600
~4 CL.REFUND a 4 1 3600 2
~4 CL.THROTTLE a 4 1 3600 3
~4 CL.REFUND a 4 1 3600 100
EXISTS a
CL.REFUND a 4 1 3600

# More than there ever will be.
CL.THROTTLE b 4 1 3600 6
EXISTS b
CL.PEEK b 4 1 3600
CL.PEEK b 4 1 3600 0
EXISTS b

# Half a second is a whole one; it is paid back by time, and then nothing is
# left.
CL.THROTTLE c 0 2 1
@wait 600
CL.THROTTLE c 0 2 1
@wait 700
EXISTS c

# It is a key as all others are.
CL.THROTTLE d 0 1 60
TYPE d
~ TTL d
STRLEN d
RENAME d e
~3,4 CL.THROTTLE e 0 1 60
DEL e
SET f "12345678"
~ CL.PEEK f 0 1 60
SET f "\xff\xff\xff\xff\xff\xff\xff\xff"
CL.PEEK f 0 1 60
SET f "\xff\xff\xff\xff\xff\xff\xff\x7f"
~3,4 CL.THROTTLE f 0 1 60
SET f nine.long
CL.THROTTLE f 0 1 60
CL.PEEK f 0 1 60
CL.REFUND f 0 1 60

# Bad arguments.
CL.THROTTLE g
CL.THROTTLE g 1 1 1 1 1
CL.THROTTLE g -1 1 60
CL.THROTTLE g 1 x 60
CL.THROTTLE g 1 1 ''
CL.THROTTLE g 1 1.5 60
CL.THROTTLE g 1 1 60 -1
CL.THROTTLE g 99999999999999 1 60
CL.THROTTLE g 1 0 60
CL.THROTTLE g 1 1 0
CL.THROTTLE g 1 2000000000 1
CL.THROTTLE g 1 1 9999999999
CL.THROTTLE g 9999999999 1 60
CL.THROTTLE g 1 1 60 9999999999
EXISTS g
