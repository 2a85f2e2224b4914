# The answer is what was there before.
@COMMAND@.NAME first Alice
@COMMAND@.NAME first "Bob and Carol"
GET first

# It is an ordinary value: what SET wrote is a name, too.
SET second Dave
@COMMAND@.NAME second Erin

# What goes wrong.
@COMMAND@.NAME first
