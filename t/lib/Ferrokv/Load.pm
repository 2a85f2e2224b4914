package Ferrokv::Load;

# Ferrokv::Load - clients at work in processes of their own.
#
#   my $load = Ferrokv::Load->start(4, sub {
#       my ($i, $stop) = @_;              # client 0 .. 3
#       my $http = Ferrokv::Http->new($port);
#       my @acked;
#       until ($stop->()) { ... push @acked, $key if $r->status == 201 }
#       return \@acked;
#   });
#   ...                                   # kill, reload
#   my @acked_of = $load->finish;         # asks them to stop, collects results
#
# The code runs until it returns; $stop->() becomes true at finish().  Its result
# is one value that JSON can hold.  A client that dies makes finish() die.

use strict;
use warnings;

use JSON::PP ();
use POSIX qw(_exit);

my $json = JSON::PP->new->allow_nonref->latin1;


sub start {
    my ($class, $n, $code) = @_;
    my $self = bless { clients => [], owner => $$ }, $class;
    my $stopped = 0;

    # Before the fork, or one that is stopped at once would die of it.
    local $SIG{TERM} = sub { $stopped = 1 };

    for my $i (0 .. $n - 1) {
        pipe my $read, my $write or die "pipe: $!";
        my $pid = fork() // die "fork: $!";

        _client($i, $code, $write, \$stopped) if $pid == 0;

        close $write;
        push @{ $self->{clients} }, { pid => $pid, read => $read };
    }

    return $self;
}


# Ends by _exit: objects of the test, such as its nginx, are the parent's.
sub _client {
    my ($i, $code, $write, $stopped) = @_;

    local $SIG{INT} = 'DEFAULT';
    srand($$);

    my $result = eval { [ $code->($i, sub { return $$stopped }) ] };
    print {$write} $json->encode($result
        ? { result => $result->[0] } : { died => "$@" });
    close $write;
    _exit(0);
}


# Wait for the clients to return by themselves.
sub wait {
    my ($self) = @_;
    my @results;

    for my $client (splice @{ $self->{clients} }) {
        my $text = do { local $/; readline $client->{read} };

        waitpid $client->{pid}, 0;
        my $said = length($text // '') ? $json->decode($text) : { died => 'no result' };
        die "a client died: $said->{died}" if exists $said->{died};
        push @results, $said->{result};
    }

    return @results;
}


sub finish {
    my ($self) = @_;

    kill 'TERM', map { $_->{pid} } @{ $self->{clients} };
    return $self->wait;
}


sub DESTROY {
    my ($self) = @_;

    return if $self->{owner} != $$;
    local ($?, $!);

    for my $client (@{ $self->{clients} }) {
        kill 'KILL', $client->{pid};
        waitpid $client->{pid}, 0;
    }
}

1;
