package Server;

# What both have: a port, and processes.

use strict;
use warnings;

use POSIX ();
use Report;

sub port { return $_[0]{port} }


sub cli {
    my ($self, @command) = @_;
    my $pid = open(my $out, '-|') // die "fork: $!";

    if ($pid == 0) {
        open STDERR, '>&', \*STDOUT;
        exec 'redis-cli', '-p', $self->port, @command or POSIX::_exit(127);
    }

    my $text = do { local $/; <$out> };
    close $out;

    return $text =~ s/\n$//r;
}


# Threads and children that have ended are in it, and the kernel's I/O threads of
# a ring.
sub cpu_seconds {
    my ($self) = @_;
    my $ticks = 0;

    for my $pid ($self->pids) {
        my @field = split ' ', Report::slurp("/proc/$pid/stat") =~ s/^.*\) //r;

        $ticks += $_ for @field[11 .. 14];      # utime, stime, cutime, cstime
    }

    return $ticks / 100;
}


sub memory {
    my ($self) = @_;
    my $kb = 0;

    for my $pid ($self->pids) {
        $kb += $1 if Report::slurp("/proc/$pid/smaps_rollup") =~ /^Pss:\s+(\d+)/m;
    }

    return $kb * 1024;
}

1;
