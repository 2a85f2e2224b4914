package Ferrokv::Steps;

# Ferrokv::Steps - the numbered steps of engine and module, as the sources name
# them: { name => how often }.

use strict;
use warnings;

use File::Find qw(find);


sub found {
    my (%found, @files);

    find({ no_chdir => 1, wanted => sub { push @files, $_ if /\.c$/ } },
         'engine', 'ngx_ferrokv_module');

    for my $file (@files) {
        local (@ARGV, $/) = $file;
        my $text = <>;

        $found{$1}++ while $text =~ /FKV_STEP\("([^"]+)"\)/g;
    }

    return \%found;
}

1;
