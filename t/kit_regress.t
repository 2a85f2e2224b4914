# The regression kit itself: over built-in commands, and that it finds what it
# looks for.

use strict;
use warnings;

use File::Copy qw(copy);
use File::Temp qw(tempdir);
use Test::More;

use Ferrokv::Regress;
use Ferrokv::Reply;

if (!@ARGV) {
    my $dir = tempdir('ferrokv-XXXXXX', CLEANUP => 1,
                      DIR => $ENV{FKV_TMP} // '/var/tmp');

    # Failed tests keep their directories: here.
    chmod 0755, $dir;
    local $ENV{FKV_TMP} = $dir;

    copy('t/regress/builtin.cmd', $dir);

    my $out = `cat t/regress/builtin.out`;

    for (['an answer that differs', $out =~ s/^    2$/    3/mr,
          qr/line 3: INCR a\s+#\s+expected  3\s+#\s+got       2/],
         ['its type', $out =~ s/^    2$/    "2"/mr, qr/expected  "2"/],
         ['a command that is not there', $out =~ s/^INCR a\n.*\n//mr,
          qr/stands "INCRBYFLOAT f 1.5", not "INCR a"/],
         ['one more', $out . "GET x\n    nil\n", qr/not the end/],
         ['no file', undef, qr/UPDATE=1 writes it/])
    {
        my ($what, $text, $says) = @$_;

        unlink "$dir/builtin.out";
        if (defined $text) {
            open my $file, '>', "$dir/builtin.out" or die;
            print {$file} $text;
            close $file;
        }

        my $said = `$^X -It/lib $0 $dir 2>&1`;

        isnt($?, 0, "$what: fails");
        like($said, $says, "$what: says so");
    }
}

my $tree = ['map', [['str', 'A b'], ['real', '1.5'],
                    ['str', 'l'], ['set', [['bool', 1], ['null']]]]];

is(text_of($tree), '{"A b": ,1.5, "l": ~[#t, nil]}', 'as it is');
is(text_of($tree, { 1 => 1 }), '{"A b": <real>, "l": ~[#t, nil]}', 'masked');
is(text_of(resp2_of($tree)), '["A b", "1.5", "l", [1, nil]]', 'RESP2');
is(text_of(json_of($tree)), '["A b", 1.5, "l", [1, nil]]', 'JSON');
is(join(' ', map { "$_->[0]=$_->[1]" } variables_of($tree, 'v')),
   'v_a_b=1.5 v_l_0=1 v_l_1=', 'variables');

regress(undef, dir => $ARGV[0] // 't/regress');
