package Ferrokv::Extension;

# Ferrokv::Extension - small extensions, built where a test wants them.
#
#   build_extension("$dir/ext", 'demo',
#       version  => '1.0.0',
#       code     => 'static int hello(ferrokv_ctx *ctx, ...) { ... } ...',
#       provides => '&hello_command, &limit',
#       needs    => 'FERROKV_NEEDS_HELPER',   start => 'start', stop => 'stop',
#       steps    => 'steps', schema => 1, serves => 0,
#       control  => "trusted = true\n",       # more lines; undef: no file
#   );
#
# What is left out is as empty as can be; source => TEXT is all of the C file.
# cflags => '-DX=1' are more options.  Returns the library's path.

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);

our @EXPORT_OK = qw(build_extension command_source);

my $root = abs_path(__FILE__ =~ s{[^/]+$}{../../..}r);


sub build_extension {
    my ($dir, $name, %opt) = @_;

    $opt{version} //= '1.0.0';
    $opt{control} //= '' if !exists $opt{control};

    if (!-d $dir) {
        mkdir $dir or die "$dir: $!";
        chmod 0755, $dir;
    }

    _write("$dir/$name.control",
           "default_version = '$opt{version}'\n$opt{control}")
        if defined $opt{control};

    my $library = $opt{file} // "$dir/$name-$opt{version}.so";
    _write("$dir/$name.c", $opt{source} // _source($name, %opt));
    _compile("$dir/$name.c", $library, $opt{cflags} // '');

    return $library;
}


# A new inode: what runs has the old one mapped.
sub _compile {
    my ($source, $library, $cflags) = @_;

    my $said = `cc -std=gnu11 -Wall -Wextra -Werror -O1 -g -fPIC -shared \\
        -fvisibility=hidden -Wl,-z,defs $cflags \\
        -I$root/ngx_ferrokv_module/extensions \\
        -o $library.new $source 2>&1`;

    die "$source does not compile:\n$said" if $?;

    chmod 0755, "$library.new";
    rename "$library.new", $library or die "$library: $!";
}


sub _write {
    my ($path, $text) = @_;

    unlink $path;
    open my $file, '>', $path or die "$path: $!";
    print {$file} $text;
    close $file or die "$path: $!";
    chmod 0644, $path;
}


sub _source {
    my ($name, %opt) = @_;
    my %c = (code => '', provides => '', needs => 0, steps => 'NULL',
             schema => 0, serves => 0, start => 'NULL', stop => 'NULL',
             name => $name, %opt);

    $c{provides} .= ', ' if $c{provides} ne '';

    return <<"C";
#include "ferrokv_extension.h"
$c{code}
static const void *const  provides[] = { $c{provides}NULL };

static const ferrokv_extension  extension = {
    sizeof(ferrokv_extension), $c{needs}, "$c{name}", "$c{version}",
    provides, $c{steps}, $c{schema}, $c{serves}, $c{start}, $c{stop}
};

FERROKV_DEFINE(extension);
C
}


# A command without keys; body is that of its function.
sub command_source {
    my ($id, $command, $body) = @_;

    return <<"C";
static int
${id}_call(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    (void) argc;
    (void) argv;
    $body
}

static const ferrokv_command  $id = {
    FERROKV_COMMAND, FERROKV_READ, "$command", -1, 0, 0, 0, ${id}_call,
    "[arg ...]", "A command of a test"
};
C
}

1;
