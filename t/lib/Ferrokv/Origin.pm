package Ferrokv::Origin;

# Ferrokv::Origin - an upstream that answers as a test says, and counts.
#
#   my $origin = Ferrokv::Origin->new($nginx->port(1));
#   $origin->answer('/path', { status => 404, body => 'no',
#                              headers => [ Name => value ... ] });
#   $origin->answer('/', sub { my ($request, $n) = @_; return { ... } });
#   $origin->asked('/path?with=arguments');      # how often
#   $origin->stop;
#
# Answers  of the longest prefix of the path.  A sub gets { method, uri,
#          headers => { lower-case name => value }, body } and how often this
#          very URI was asked for, this time included.  Further words:
#            chunked, close  how the body ends, else by Content-Length
#            cut => n        the connection ends after n bytes of the body
#            length => n     another Content-Length than the true one
#            raw => text     these bytes, and nothing else
#            wait => file    not before there is this file
# Speaks   HTTP/1.1, one request a connection, each in a process of its own.

use strict;
use warnings;

use Fcntl qw(:flock);
use File::Temp qw(tempfile);
use IO::Socket::INET;
use POSIX qw(_exit);
use Time::HiRes qw(sleep);

my @listening;      # in the parent; a child keeps its own only


sub new {
    my ($class, $port) = @_;
    my ($log, $name) = tempfile('ferrokv-origin-XXXXXX', UNLINK => 1,
        DIR => $ENV{FKV_TMP} // '/var/tmp');

    my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
        LocalPort => $port, Listen => 512, ReuseAddr => 1)
        or die "origin: $!";

    push @listening, $listen;

    return bless { listen => $listen, log => $name, answers => {},
                   owner => $$ }, $class;
}


# What has been said holds for requests that come from now on.
sub answer {
    my ($self, $path, $answer) = @_;

    $self->{answers}{$path} = $answer;
    $self->stop_listening;

    defined($self->{pid} = fork) or die "fork: $!";
    return $self if $self->{pid};

    $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);
    $SIG{CHLD} = 'IGNORE';
    $self->{server} = $$;
    close $_ for grep { $_ != $self->{listen} } @listening;
    $self->_serve;
    _exit(0);
}


sub stop_listening {
    my ($self) = @_;
    my $pid = delete $self->{pid} or return;

    kill 'TERM', $pid;
    waitpid $pid, 0;
}


# From now on connections are refused.
sub stop {
    my ($self) = @_;

    $self->stop_listening;
    close $self->{listen};
}


sub DESTROY {
    my ($self) = @_;

    local ($?, $!);
    $self->stop_listening if $$ == $self->{owner};
}


sub asked {
    my ($self, $uri) = @_;

    open my $log, '<', $self->{log} or die "$self->{log}: $!";
    return scalar grep { $_ eq "$uri\n" } <$log>;
}


# In the order of their coming.
sub requests {
    my ($self) = @_;

    open my $log, '<', $self->{log} or die "$self->{log}: $!";
    chomp(my @uris = <$log>);

    return @uris;
}


sub _serve {
    my ($self) = @_;

    while (1) {
        my $client = $self->{listen}->accept or next;

        if (!defined(my $pid = fork)) {
            die "fork: $!";

        } elsif ($pid == 0) {
            eval { $self->_talk($client) };
            close $client;
            _exit(0);
        }

        close $client;
    }
}


sub _talk {
    my ($self, $client) = @_;
    my $request = _read_request($client) or return;
    my $path = $request->{uri} =~ s/\?.*//sr;
    my ($prefix) = sort { length $b <=> length $a }
        grep { index($path, $_) == 0 } keys %{ $self->{answers} };
    my $n = $self->_count($request->{uri});
    my $answer = defined $prefix ? $self->{answers}{$prefix}
                                 : { status => 404, body => 'no such thing' };

    $answer = $answer->($request, $n) if ref $answer eq 'CODE';

    if (my $file = $answer->{wait}) {
        # not longer than there is somebody to wait for
        sleep 0.01 until -e $file || getppid != $self->{server};
    }

    local $SIG{PIPE} = 'IGNORE';
    _write($client, $answer->{raw} // _message($request, $answer));
    shutdown $client, 1;
}


sub _count {
    my ($self, $uri) = @_;

    open my $log, '+>>', $self->{log} or die "$self->{log}: $!";
    flock $log, LOCK_EX;
    syswrite $log, "$uri\n";
    seek $log, 0, 0;

    return scalar grep { $_ eq "$uri\n" } <$log>;
}


sub _read_request {
    my ($client) = @_;
    my $text = '';

    until ($text =~ /\r\n\r\n/) {
        sysread $client, $text, 65536, length $text or return;
    }

    my ($head, $body) = split /\r\n\r\n/, $text, 2;
    my ($line, @lines) = split /\r\n/, $head;
    my ($method, $uri) = $line =~ /^(\S+) (\S+)/ or return;
    my %headers;

    for (@lines) {
        my ($name, $value) = /^([^:]+):\s*(.*)$/ or next;
        $headers{lc $name} = defined $headers{lc $name}
            ? "$headers{lc $name}, $value" : $value;
    }

    while (length $body < ($headers{'content-length'} // 0)) {
        sysread $client, $body, 65536, length $body or return;
    }

    return { method => $method, uri => $uri, headers => \%headers,
             body => $body };
}


sub _message {
    my ($request, $answer) = @_;
    my $status = $answer->{status} // 200;
    my $body = $answer->{body} // '';
    my @headers = @{ $answer->{headers} // [] };
    my $text = "HTTP/1.1 $status Said\r\nConnection: close\r\n";

    while (my ($name, $value) = splice @headers, 0, 2) {
        $text .= "$name: $value\r\n";
    }

    my $whole = $body;

    if ($answer->{chunked}) {
        $text .= "Transfer-Encoding: chunked\r\n";
        $whole = join('', map { sprintf("%x\r\n%s\r\n", length, $_) }
                      $body =~ /(.{1,10000})/gs) . "0\r\n\r\n";

    } elsif (!$answer->{close} && $status != 304 && $status != 204) {
        my $length = $answer->{length} // 0;

        $text .= 'Content-Length: '
            . ($length > 1 ? $length : length $body) . "\r\n";
    }

    $whole = substr $whole, 0, $answer->{cut} if defined $answer->{cut};
    $whole = '' if $request->{method} eq 'HEAD' || $status =~ /^(?:204|304)$/;

    return "$text\r\n$whole";
}


sub _write {
    my ($client, $bytes) = @_;

    while (length $bytes) {
        my $n = syswrite $client, $bytes or return;
        substr $bytes, 0, $n, '';
    }
}

1;
