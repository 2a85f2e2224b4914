# contrib/README.md, "Write your first extension in ten minutes": all that it says
# is done, in the order in which it stands there, and answers what it shows.

use strict;
use warnings;

use Cwd qw(abs_path cwd);
use File::Temp qw(tempdir);
use Test::More;

use Ferrokv::Nginx;

my $root = cwd();
my $dir = tempdir('ferrokv-XXXXXX', CLEANUP => 1,
                  DIR => $ENV{FKV_TMP} // '/var/tmp');
my $nginx;

chmod 0755, $dir;
delete @ENV{qw(MAKEFLAGS MAKELEVEL MFLAGS FERROKV_EXTDIR UPDATE)};
$ENV{FERROKV_MODULES} ||= "$root/build/test";
$ENV{PATH} = "$dir/usr/bin:$ENV{PATH}";
$ENV{LC_ALL} = 'C';

is(system("make -s install-kit PREFIX=$dir/usr"), 0, 'the kit is installed')
    or BAIL_OUT('make install-kit');

my $tutorial = slurp('contrib/README.md') =~ s/.*^# Write your first//msr;
my %do = (console => \&console, 'c above' => \&above, 'c instead' => \&instead,
          nginx => \&nginx);
my $seen = 0;

chdir $dir or die;

while ($tutorial =~ /^```([^\n]+)\n(.*?)^```$/msg) {
    my ($kind, $text) = ($1, $2);

    BAIL_OUT("a block of \"$kind\"") if !$do{$kind};
    $do{$kind}->($text);
    $seen++;
}

cmp_ok($seen, '>=', 9, 'nothing was passed over');
chdir $root;
$nginx->finish if $nginx;
done_testing();


# "$ command", "> more of it", then what it says; "..." is any number of lines.
sub console {
    my ($text) = @_;

    for my $part (split /^(?=\$ )/m, $text) {
        my ($command, $expected) = $part =~ /^\$ (.*\n(?:> .*\n)*)((?:.*\n)*)\z/;
        my ($title) = $command =~ /(.*)/;

        $command =~ s/^> //mg;
        $command =~ s/localhost:8080/'127.0.0.1:' . $nginx->port/ge if $nginx;

        if ($command =~ /^cd (\S+)$/) {
            ok(chdir $1, $title);
            next;
        }

        # curl shows how far it is when it does not write to a terminal.
        $command =~ s/^curl /curl -sS /;

        open my $script, '>', "$dir/script" or die;
        print {$script} $command;
        close $script;

        my $said = `bash -e $dir/script 2>&1`;
        my $regex = join '', map { $_ eq "...\n" ? '(?:.*\n)*' : quotemeta }
            $expected =~ /.*\n/g;

        $said =~ s/\r$//mg;
        is($?, 0, $title) or diag $said;
        $said =~ s/(?<=[^\n])\z/\n/;
        like($said, qr/\A$regex\z/, "$title: what it says");
    }
}


sub above {
    my ($code) = @_;
    my $text = slurp('greet.c');

    ok($text =~ s/^(?=static const void \*const  provides)/$code/m,
       'code goes above provides');
    spew('greet.c', $text);
}


sub instead {
    my ($code) = @_;
    my $text = slurp('greet.c');

    ok($text =~ s/^static const void \*const  provides.*?;\n/$code/ms,
       'provides names it');
    spew('greet.c', $text);
}


# What a test needs beside what the text says: paths and ports of its own.
sub nginx {
    my ($text) = @_;
    my $extdir = `ferrokv-config --extdir`;

    chomp $extdir;
    ok($text =~ s{path=/var/lib/nginx/ferrokv}{path=%%DIR%%/store memory=64m},
       'nginx.conf names a store');
    ok($text =~ s/\b8080;/%%PORT%%;/, 'and a port');
    $text =~ s/^http \{/http {\n%%HTTP%%/m;

    $nginx = Ferrokv::Nginx->new("%%GLOBALS%%\n"
        . "ferrokv_extension_path $extdir;\n$text", workers => 1);
    ok($nginx->start, 'nginx starts');
}


sub slurp {
    local (@ARGV, $/) = @_;
    return <>;
}


sub spew {
    my ($name, $text) = @_;

    open my $file, '>', $name or die "$name: $!";
    print {$file} $text;
    close $file or die;
}
