# Documents, whole.
JSON.GET a
JSON.SET a $ '{"n": 1, "f": 1.0, "s": "x", "t": true, "z": null, "l": [1, [2], {"n": 3}], "o": {"n": 4, "p": {"n": "five"}}}'
JSON.GET a
GET a
TYPE a
JSON.TYPE a
JSON.SET b . '[1, 2, 3, 4, 5]'
JSON.SET b . 7 NX
JSON.SET nokey $ 7 XX
JSON.SET nokey $.a 7
JSON.SET s $ '"t\"\\ü"' NX
JSON.GET s
JSON.MGET a b s nokey $.n
JSON.MGET a b s nokey .

# Paths.
JSON.GET a $
JSON.GET a .
JSON.GET a $.n
JSON.GET a .n
JSON.GET a n
JSON.GET a $..n
JSON.GET a $.o.*
JSON.GET a "$['o'][\"n\"]"
JSON.GET a $.l[0]
JSON.GET a $.l[-1].n
JSON.GET a $.l[9]
JSON.GET a $.l[*]
JSON.GET a l[1][0]
JSON.GET a $..[0]
JSON.GET a $..*..n
JSON.GET b $[1:3]
JSON.GET b $[-2:]
JSON.GET b $[::2]
JSON.GET b $[:-1]
JSON.GET a $.none
JSON.GET a .none
JSON.GET a $.n $.s
JSON.GET a .n .s
JSON.GET a .n $.s
JSON.GET a .n .none
JSON.GET a INDENT "  " NEWLINE "\n" SPACE " " $.o
JSON.GET a INDENT
JSON.GET a $.
JSON.GET a $.a[
JSON.GET a $[1
JSON.GET a "$['x]"
JSON.GET a $[x]
JSON.GET a $[1:2:0]
JSON.GET a $.a..
JSON.GET a $[99999999999999999999]
JSON.GET a ''

# Kinds and sizes.
JSON.TYPE a $.*
JSON.TYPE a .f
JSON.TYPE a .none
JSON.TYPE nokey
JSON.TYPE a . .
JSON.ARRLEN a $.*
JSON.ARRLEN a .l
JSON.ARRLEN a .n
JSON.ARRLEN a .none
JSON.ARRLEN nokey .
JSON.ARRLEN nokey $
JSON.ARRLEN b
JSON.OBJLEN a
JSON.OBJLEN a $..o
JSON.OBJLEN a .l
JSON.OBJKEYS a
JSON.OBJKEYS a $.*
JSON.OBJKEYS b

# Changes.
JSON.SET a $.n 2
JSON.SET a $.new '{"x": []}'
JSON.SET a $.none.x 1
JSON.SET a $.n 3 NX
JSON.SET a $.new2 3 XX
JSON.SET a $..n 5
JSON.SET a $.none[0] 1
JSON.SET a $..* 1 XX NX
JSON.SET a $.l[*].q[*] 1
JSON.SET a $ 'not json'
JSON.SET a $ '[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]'
JSON.SET a $.l[1][0] '[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]'
JSON.GET a
JSON.NUMINCRBY a $..n 2
JSON.NUMINCRBY a .n 2.5
JSON.NUMINCRBY a .s 2
JSON.NUMINCRBY a $.s 2
JSON.NUMINCRBY a .n '"2"'
JSON.NUMINCRBY nokey .n 2
JSON.SET big $ 9223372036854775807
JSON.NUMINCRBY big $ 1
JSON.SET huge $ 1e308
JSON.NUMINCRBY huge $ 1e308
JSON.STRAPPEND a .s '"yz"'
JSON.STRAPPEND a $.* '"!"'
JSON.STRAPPEND a .n '"yz"'
JSON.STRAPPEND a .s 1
JSON.STRAPPEND s '"more"'
JSON.GET s
JSON.ARRAPPEND a .l 1 '"two"' '{}'
JSON.ARRAPPEND a $.* null
JSON.ARRAPPEND a .n 1
JSON.GET a
JSON.TOGGLE a $.t
JSON.TOGGLE a .t
JSON.TOGGLE a $.*
JSON.TOGGLE a .n
JSON.TOGGLE nokey .
JSON.MERGE a $ '{"o": {"n": null, "q": {"r": null, "s": 1}}, "l": 1}'
JSON.GET a
JSON.MERGE a $.o.q 7
JSON.MERGE a $.fresh '{"a": null, "b": 1}'
JSON.MERGE a $.none.none 1
JSON.MERGE m $ '{"a": null, "b": {"c": null}}'
JSON.GET m
JSON.GET a
JSON.CLEAR a $.*
JSON.CLEAR a $.none
JSON.CLEAR nokey
JSON.CLEAR m
JSON.GET m
JSON.DEL a $.none
JSON.DEL a $..n
JSON.DEL a $.t $.s
JSON.DEL b $[1:3]
JSON.GET b
JSON.SET d $ '{"a": {"a": {"a": 1}}, "b": 1}'
JSON.DEL d $..a
JSON.GET d
JSON.DEL d
JSON.DEL d
EXISTS d

# Times, copies, other types.
EXPIRE m 1000
JSON.SET m $.x 1
~ TTL m
JSON.SET m $ 1
TTL m
COPY a e
JSON.GET e .n
RENAME e g
JSON.TYPE g
SET plain x
JSON.GET plain
JSON.SET plain $.x 1
JSON.MGET plain m .
GETRANGE m 0 1
JSON.FIELDS
JSON.SET a
JSON.GET
