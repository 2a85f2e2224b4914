package Redis;

# Debian's redis-server as it comes, but for the port, the directory, and an
# append-only file instead of snapshots.

use strict;
use warnings;

use parent 'Server';

use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use Time::HiRes qw(sleep);

sub start {
    my ($class, %opt) = @_;
    my $dir = tempdir('redis-XXXXXX', DIR => $ENV{FKV_TMP} // '/var/tmp');
    my $free = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1)
        or die "socket: $!";
    my $self = bless { port => $free->sockport, dir => $dir }, $class;

    close $free;
    $self->{pid} = fork // die "fork: $!";

    if ($self->{pid} == 0) {
        open STDOUT, '>', "$dir/log";
        open STDERR, '>&', \*STDOUT;
        exec 'redis-server', '--bind', '127.0.0.1', '--port', $self->{port},
            '--dir', $dir, '--save', '', '--appendonly', 'yes',
            '--appendfsync', $opt{sync} or die "redis-server: $!";
    }

    for (1 .. 500) {
        return $self if $self->cli('PING') eq 'PONG';
        sleep 0.02;
    }

    die "redis-server does not start:\n" . Report::slurp("$dir/log");
}


sub name { return 'redis' }
sub pids { return $_[0]{pid} }


# What it does behind the writes it does not count.
sub work { return }


sub end {
    my ($self) = @_;

    kill 'TERM', $self->{pid};
    waitpid $self->{pid}, 0;
    remove_tree($self->{dir});
    $self->{ended} = 1;

    return '';
}


sub DESTROY {
    my ($self) = @_;

    $self->end if !$self->{ended};
}

1;
