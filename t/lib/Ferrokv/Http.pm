package Ferrokv::Http;

# Ferrokv::Http - a small HTTP/1.1 client that hides nothing.
#
#   my $http = Ferrokv::Http->new($nginx->port);
#   my $r = $http->put('/kv/a', 'Alice', 'If-None-Match' => '*');
#   $r->status  $r->body  $r->header('ETag')  $r->json  $r->error
#
# One connection, kept while the server keeps it; one request at a time.  A
# request is never sent twice.  When no whole answer came, status is 0 and error
# says why: whether a write took place is then unknown, as for any client.

use strict;
use warnings;

use Errno qw(EINTR);
use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Time::HiRes qw(time);

# Options: host, timeout (seconds for one answer), keepalive.
sub new {
    my ($class, $port, %opt) = @_;

    return bless { port => $port, host => '127.0.0.1', timeout => 10,
                   keepalive => 1, %opt }, $class;
}


# get(target, Name => value ...), put(target, body, Name => value ...)
sub get    { return shift->request('GET', shift, undef, @_) }
sub head   { return shift->request('HEAD', shift, undef, @_) }
sub delete { return shift->request('DELETE', shift, undef, @_) }
sub put    { return shift->request('PUT', shift, shift // '', @_) }
sub post   { return shift->request('POST', shift, shift // '', @_) }
sub patch  { return shift->request('PATCH', shift, shift // '', @_) }


# request(METHOD, target as it shall be sent, body or undef, Name => value ...)
sub request {
    my ($self, $method, $path, $body, @headers) = @_;
    my $text = "$method $path HTTP/1.1\r\nHost: $self->{host}\r\n";

    $text .= "Connection: close\r\n" if !$self->{keepalive};
    $text .= 'Content-Length: ' . length($body) . "\r\n" if defined $body;

    while (my ($name, $value) = splice @headers, 0, 2) {
        $text .= "$name: $value\r\n";
    }

    return $self->send("$text\r\n" . ($body // ''), $method eq 'HEAD');
}


# Send these bytes as they are, and parse one answer.
sub send {
    my ($self, $bytes, $no_body) = @_;
    my $r = bless { status => 0, headers => {}, body => '' },
        'Ferrokv::Http::Response';

    eval {
        $self->connect if !$self->_usable;
        $self->{end} = time + $self->{timeout};
        $self->write($bytes);
        $self->_read_answer($r, $no_body);
        1;

    } or do {
        $r->{status} = 0;
        $r->{error} = $@ =~ s/(?: at \S+ line.*)?\n.*//sr;
        $self->close;
    };

    return $r;
}


# A kept connection with something to read has been closed by the server.
sub _usable {
    my ($self) = @_;

    return 0 if !$self->{socket};
    return 1 if !IO::Select->new($self->{socket})->can_read(0);

    $self->close;
    return 0;
}


sub connect {
    my ($self) = @_;

    $self->close;
    $self->{socket} = IO::Socket::INET->new(
        PeerAddr => $self->{host}, PeerPort => $self->{port},
        Timeout => $self->{timeout}) or die "connect: $!\n";
    $self->{socket}->setsockopt(IPPROTO_TCP, TCP_NODELAY, 1);
    $self->{buffer} = '';

    return $self;
}


sub close {
    my ($self) = @_;

    CORE::close(CORE::delete $self->{socket}) if $self->{socket};
}


# Part of a request, for tests of slow and broken clients: connect, write ...
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


# The answer to what was written by hand.
sub read_answer {
    my ($self, $no_body) = @_;
    my $r = bless { status => 0, headers => {}, body => '' },
        'Ferrokv::Http::Response';

    $self->{end} = time + $self->{timeout};

    eval { $self->_read_answer($r, $no_body); 1 } or do {
        $r->{status} = 0;
        $r->{error} = $@ =~ s/(?: at \S+ line.*)?\n.*//sr;
    };

    return $r;
}


# Everything the server sends until it closes.
sub read_all {
    my ($self) = @_;

    $self->{end} = time + $self->{timeout};
    eval { 1 while $self->_more };

    return CORE::delete $self->{buffer};
}


sub _more {
    my ($self) = @_;

    while (1) {
        my $left = $self->{end} - time;

        die "timeout\n" if $left <= 0;
        next if !IO::Select->new($self->{socket})->can_read($left);

        my $n = sysread $self->{socket}, $self->{buffer}, 65536,
            length $self->{buffer};

        next if !defined $n && $! == EINTR;
        die "read: $!\n" if !defined $n;
        return $n;
    }
}


sub _need {
    my ($self) = @_;

    $self->_more or die 'closed ' . (length $self->{buffer}
        ? 'within the answer' : 'without an answer') . "\n";
}


sub _line {
    my ($self) = @_;

    $self->_need while $self->{buffer} !~ /\r\n/;
    $self->{buffer} =~ s/^(.*?)\r\n//s;

    return $1;
}


sub _bytes {
    my ($self, $n) = @_;

    $self->_need while length $self->{buffer} < $n;
    return substr $self->{buffer}, 0, $n, '';
}


sub _read_answer {
    my ($self, $r, $no_body) = @_;

    do {
        my $line = $self->_line;
        $line =~ m{^HTTP/1\.[01] (\d{3})} or die "no status line: $line\n";
        $r->{status} = $1;
        $r->{headers} = {};

        while (length(my $header = $self->_line)) {
            my ($name, $value) = $header =~ /^([^:\s]+):\s*(.*?)\s*$/
                or die "bad header: $header\n";
            push @{ $r->{headers}{lc $name} }, $value;
        }
    } while ($r->{status} == 100);

    $r->{body} = $self->_read_body($r)
        unless $no_body || $r->{status} =~ /^(?:204|304)$/;

    $self->close if ($r->header('Connection') // '') =~ /close/i;
}


sub _read_body {
    my ($self, $r) = @_;

    if (($r->header('Transfer-Encoding') // '') =~ /chunked/i) {
        my $body = '';

        while (my $n = hex $self->_line) {
            $body .= $self->_bytes($n);
            $self->_line;
        }

        1 while length $self->_line;
        return $body;
    }

    my $length = $r->header('Content-Length');
    return $self->_bytes($length) if defined $length;

    1 while $self->_more;
    return CORE::delete $self->{buffer};
}


package Ferrokv::Http::Response;

sub status { return $_[0]{status} }
sub body   { return $_[0]{body} }
sub error  { return $_[0]{error} }
sub json   { return JSON::PP->new->utf8->decode($_[0]{body}) }

sub header {
    my ($self, $name) = @_;
    my $values = $self->{headers}{lc $name};

    return $values ? join(', ', @$values) : undef;
}

1;
