package Ferrokv::Resp;

# Ferrokv::Resp - a small client of the Redis protocol that hides nothing.
#
#   my $redis = Ferrokv::Resp->new($nginx->port(1));
#   is($redis->cmd(qw(SET a 1)), 'OK');
#   is_deeply([$redis->pipeline(['GET', 'a'], ['INCR', 'a'])], [1, 2]);
#   is($redis->cmd('GET'), "ERR wrong number ...");     # an error
#   $redis->write("*1\r\n");  $redis->read;  $redis->closed
#
# Replies   strings and numbers as such, null as undef, arrays and sets as array
#           references, maps as hash references, errors as objects whose text
#           they are: Ferrokv::Resp::is_error() tells them from strings
# No reply  in time, or a connection that closes: dies
# Bytes     all strings are bytes

use strict;
use warnings;

use Errno qw(EAGAIN EINTR EWOULDBLOCK);
use IO::Select;
use IO::Socket::INET;
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(time);


# Options: host, timeout (seconds for one reply), socket (an open one).
sub new {
    my ($class, $port, %opt) = @_;
    my $self = bless { host => '127.0.0.1', timeout => 10, buffer => '', %opt },
        $class;

    $self->{socket} ||= IO::Socket::INET->new(PeerAddr => $self->{host},
        PeerPort => $port, Timeout => $self->{timeout})
        or die "connect: $!\n";

    $self->{socket}->setsockopt(IPPROTO_TCP, TCP_NODELAY, 1);
    return $self;
}


# The bytes of a request.
sub request {
    my (@args) = @_;

    return join '', '*' . @args . "\r\n",
        map { '$' . length($_) . "\r\n$_\r\n" } @args;
}


sub cmd {
    my ($self, @args) = @_;

    $self->write(request(@args));
    return $self->read;
}


# All are sent before the first reply is read.
sub pipeline {
    my ($self, @requests) = @_;

    $self->write(join '', map { request(@$_) } @requests);
    return map { $self->read } @requests;
}


# One line of words, as a person types it.
sub line {
    my ($self, $line) = @_;

    $self->write("$line\r\n");
    return $self->read;
}


sub write {
    my ($self, $bytes) = @_;

    local $SIG{PIPE} = 'IGNORE';

    while (length $bytes) {
        my $n = syswrite $self->{socket}, $bytes;

        next if !defined $n && $! == EINTR;
        die "write: $!\n" if !defined $n;
        substr($bytes, 0, $n, '');
    }
}


# The next reply.
sub read {
    my ($self) = @_;

    $self->{end} = time + $self->{timeout};
    return $self->_reply;
}


# All that comes until the other side closes; dies when it does not.
sub rest {
    my ($self) = @_;

    $self->{end} = time + $self->{timeout};
    1 while $self->_fill;

    my $rest = $self->{buffer};

    $self->{buffer} = '';
    return $rest;
}


# Has it been closed, within so many seconds, without another byte?
sub closed {
    my ($self, $seconds) = @_;

    $self->{end} = time + ($seconds // $self->{timeout});
    return eval { !$self->_fill } && $self->{buffer} eq '';
}


# Is nothing there to be read for so long?
sub quiet {
    my ($self, $seconds) = @_;

    return $self->{buffer} eq ''
        && !IO::Select->new($self->{socket})->can_read($seconds);
}


sub close { CORE::close($_[0]{socket}) }


sub is_error { return ref $_[0] eq 'Ferrokv::Resp::Error' }


# False: the other side has closed.  A reset is no more than that.
sub _fill {
    my ($self) = @_;
    my $socket = $self->{socket};

    while (1) {
        my $left = $self->{end} - time;

        die "no reply in time\n" if $left <= 0;

        # TLS may hold bytes that no select sees; a signal ends a select.
        next if !($socket->can('pending') && $socket->pending)
            && !IO::Select->new($socket)->can_read($left);

        my $n = sysread $socket, $self->{buffer}, 65536,
            length $self->{buffer};

        return $n if defined $n;
        return 0 if !($! == EINTR || $! == EAGAIN || $! == EWOULDBLOCK);
    }
}


sub _line {
    my ($self) = @_;
    my $end;

    while (($end = index $self->{buffer}, "\r\n") < 0) {
        $self->_fill or die "closed\n";
    }

    my $line = substr $self->{buffer}, 0, $end;

    substr $self->{buffer}, 0, $end + 2, '';
    return $line;
}


sub _bytes {
    my ($self, $n) = @_;

    while (length($self->{buffer}) < $n + 2) {
        $self->_fill or die "closed\n";
    }

    my $bytes = substr $self->{buffer}, 0, $n;

    substr $self->{buffer}, 0, $n + 2, '';
    return $bytes;
}


sub _reply {
    my ($self) = @_;
    my ($type, $rest) = $self->_line =~ /^(.)(.*)\z/s or die "no reply\n";

    return $rest if $type =~ /[+:,(]/;
    return bless \$rest, 'Ferrokv::Resp::Error' if $type eq '-';
    return undef if $type eq '_' || $rest eq '-1';
    return $rest eq 't' ? 1 : 0 if $type eq '#';
    return $self->_bytes($rest) if $type eq '$';
    return substr $self->_bytes($rest), 4 if $type eq '=';
    return [map { $self->_reply } 1 .. $rest] if $type =~ /[*~>]/;
    return { map { $self->_reply } 1 .. 2 * $rest } if $type eq '%';

    die "a reply of type '$type'\n";
}


package Ferrokv::Resp::Error;

use overload '""' => sub { ${ $_[0] } }, fallback => 1;

1;
