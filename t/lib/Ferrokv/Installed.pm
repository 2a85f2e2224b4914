package Ferrokv::Installed;

# Ferrokv::Installed - the extensions that are installed, and nginx.conf.
#
#   extension_dir()            FERROKV_EXTDIR=, or where `make` puts them
#   installed_extensions()     names of those that are there, sorted
#   extension_conf('json')     lines for nginx.conf, before ferrokv_store
#   extension_conf('json grant=helper', 'hash')

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(basename);

our @EXPORT = qw(extension_dir installed_extensions extension_conf
                 extension_requires);

my $lib = abs_path(__FILE__ =~ s{[^/]+$}{}r);


# Beside the modules in the source tree, or PREFIX/lib/ferrokv/kit/t/lib/Ferrokv.
sub extension_dir {
    return $ENV{FERROKV_EXTDIR} if length($ENV{FERROKV_EXTDIR} // '');

    my $installed = "$lib/../../../../extensions";

    return abs_path(-d $installed ? $installed
                                  : "$lib/../../../build/extensions");
}


sub installed_extensions {
    return sort map { basename($_, '.control') }
        glob extension_dir() . '/*.control';
}


# Names of those that its control file says it needs.
sub extension_requires {
    my ($name) = @_;

    open my $file, '<', extension_dir() . "/$name.control" or return;
    my ($list) = join('', <$file>) =~ /^ *requires *= *'(.*?)'/m or return;

    return map { /(\w+)/ } split /,/, $list;
}


sub extension_conf {
    my (@extensions) = @_;

    return '' if !@extensions;
    return join "\n", 'ferrokv_extension_path ' . extension_dir() . ';',
        map { "ferrokv_extension $_;" } @extensions;
}

1;
