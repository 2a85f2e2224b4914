package Ferrokv::Soak;

# Ferrokv::Soak - what a store and its processes need, second by second.
#
#   my $soak = Ferrokv::Soak->new($nginx, "$nginx->{dir}/store");
#   $soak->sample while ...;              # once a second
#   $soak->clients(@of_clients);  # [[second, n, bytes, still, p50, p99, most], ...]
#   $soak->write("build/soak");           # soak.tsv, and soak.png if gnuplot is there
#   $soak->thirds('disk_mib')             # means of the middle and the last third
#
# The first third is the warm-up.

use strict;
use warnings;

use File::Find qw(find);
use List::Util qw(max sum0);
use Time::HiRes qw(time);

use Ferrokv::Http;

# Of the status of the store.
my @figures = qw(tables table_bytes blob_bytes keys_estimated leases
                 arenas_free arenas_sealed memory_used memory_cache_used
                 memory_private compaction_debt flushes compactions
                 expired_dropped processes);

my @columns = (qw(second disk_mib rss_mib pss_mib files nginx requests held_mib
                  still_ms p50_ms p99_ms most_ms), @figures);


sub new {
    my ($class, $nginx, $dir) = @_;

    return bless { nginx => $nginx, dir => $dir, rows => [], begin => time },
        $class;
}


sub sample {
    my ($self) = @_;
    my $nginx = $self->{nginx};
    my $r = Ferrokv::Http->new($nginx->port, keepalive => 0)->get('/status');
    my @pids = $nginx->pids;
    my %row = (second => time, disk_mib => $self->_disk, nginx => scalar @pids);

    for my $pid (@pids) {
        my $memory = _slurp("/proc/$pid/smaps_rollup");

        $row{rss_mib} += ($memory =~ /^Private_Dirty:\s+(\d+)/m)[0] / 1024
            if $memory =~ /^Private_Dirty/m;
        $row{pss_mib} += $1 / 1024 if $memory =~ /^Pss:\s+(\d+)/m;
        $row{files} += () = glob "/proc/$pid/fd/*";
    }

    my $store = $r->status == 200 ? $r->json->{stores}{main} : {};

    $row{$_} = $store->{$_} for @figures;
    push @{ $self->{rows} }, \%row;
    return \%row;
}


sub _slurp {
    my ($path) = @_;

    open my $file, '<', $path or return '';
    local $/;
    return scalar(readline $file) // '';
}


sub _disk {
    my ($self) = @_;
    my $blocks = 0;

    find({ no_chdir => 1, wanted => sub {
        my @stat = lstat;
        $blocks += $stat[12] if @stat && -f _;
    } }, $self->{dir});

    return $blocks / 2048;
}


# still is how long a request took that did not touch the store, the last one.
# held_mib is what was written in the time for which a snapshot may be held: so
# much of what is dead by now need not have gone from the disk.
sub clients {
    my ($self, $hold_seconds, @clients) = @_;
    my (%at, %written);

    push @{ $at{ $_->[0] } }, $_ for map { @$_ } @clients;

    for my $second (keys %at) {
        $written{$second} = sum0 map { $_->[2] } @{ $at{$second} };
    }

    for my $row (@{ $self->{rows} }) {
        my @seen = @{ $at{ int $row->{second} } // [] };

        $row->{requests} = sum0 map { $_->[1] } @seen;
        $row->{held_mib} = sum0(map { $written{ int($row->{second}) - $_ } // 0 }
                                0 .. $hold_seconds) / 1048576;
        $row->{still_ms} = 1000 * (sum0(map { $_->[3] } @seen) / (@seen || 1));
        $row->{p50_ms} = 1000 * (sum0(map { $_->[4] } @seen) / (@seen || 1));
        $row->{p99_ms} = 1000 * max(0, map { $_->[5] } @seen);
        $row->{most_ms} = 1000 * max(0, map { $_->[6] } @seen);
    }
}


# The means of the middle and of the last third.
sub thirds {
    my ($self, $column) = @_;
    my @all = map { $_->{$column} // 0 } @{ $self->{rows} };
    my $third = int(@all / 3) || 1;

    return map { sum0(@$_) / (@$_ || 1) }
        [@all[$third .. 2 * $third - 1]], [@all[2 * $third .. $#all]];
}


sub most { return max map { $_->{$_[1]} // 0 } @{ $_[0]{rows} } }


sub write {
    my ($self, $dir) = @_;

    mkdir $dir;
    open my $file, '>', "$dir/soak.tsv" or die "$dir/soak.tsv: $!";
    print {$file} join("\t", @columns), "\n";

    for my $row (@{ $self->{rows} }) {
        print {$file} join("\t", map {
            my $value = $_ eq 'second' ? $row->{second} - $self->{begin}
                : $row->{$_} // '';
            $value =~ /\.\d/ ? sprintf '%.2f', $value : $value;
        } @columns), "\n";
    }

    close $file or die "$dir/soak.tsv: $!";
    return _plot($dir);
}


sub _plot {
    my ($dir) = @_;

    return 0 if system('which gnuplot > /dev/null 2>&1') != 0;

    open my $file, '>', "$dir/soak.gnuplot" or die "$dir/soak.gnuplot: $!";
    print {$file} <<"END";
set terminal pngcairo size 1200,1300
set output '$dir/soak.png'
set datafile separator '\\t'
set key autotitle columnhead outside right
set grid
set yrange [0:*]
set multiplot layout 6,1
data = '$dir/soak.tsv'
plot data using 'second':'disk_mib' with lines, \\
     '' using 'second':(column('table_bytes')/1048576) with lines title 'tables', \\
     '' using 'second':(column('blob_bytes')/1048576) with lines title 'blobs', \\
     '' using 'second':'held_mib' with lines title 'written in 60 s'
plot data using 'second':'pss_mib' with lines, \\
     '' using 'second':'rss_mib' with lines
plot data using 'second':'files' with lines, '' using 'second':'nginx' with lines
set logscale y
set yrange [0.01:*]
plot data using 'second':'p50_ms' with lines, '' using 'second':'p99_ms' with lines, \\
     '' using 'second':'still_ms' with lines, \\
     '' using 'second':'most_ms' with points pointtype 7 pointsize 0.3
unset logscale y
set yrange [0:*]
plot data using 'second':'requests' with lines, \\
     '' using 'second':'keys_estimated' with lines
plot data using 'second':'leases' with lines, '' using 'second':'tables' with lines, \\
     '' using 'second':'arenas_sealed' with lines
END
    close $file;

    return system('gnuplot', "$dir/soak.gnuplot") == 0;
}

1;
