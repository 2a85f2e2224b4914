package Ferrokv::Differ;

# Ferrokv::Differ - the same commands to us and to redis-server: the same bytes
# must come back.
#
#   plan skip_all => $why if my $why = Ferrokv::Differ->missing;
#   my $differ = Ferrokv::Differ->new($nginx->port);
#   $differ->same([qw(SET a 1)], [qw(GET a)]);          # a test for each
#   $differ->random(5000, sub { return ['GET', one_of(qw(a b))] });
#
# redis-server is Debian's, started for this test alone and empty: on a port of
# its own, without its service, its configuration or a file.
#
# random() is one test: FKV_SEED= repeats it, which it prints when it fails,
# FKV_ROUNDS= multiplies it.  Commands go in pipelines of several, so what is
# compared is also that each reply is that of its command.
#
# Time      replies of TTL and its like may differ by what time it takes; a
#           generator gives no times that end during the test
# Order     where Redis promises none, items (or pairs) may come in any

use strict;
use warnings;

use Exporter qw(import);
use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use IO::Select;
use IO::Socket::INET;
use POSIX qw(WNOHANG _exit);
use Socket qw(IPPROTO_TCP TCP_NODELAY);
use Test::More ();
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw(one_of chance up_to);

my $pipeline = 40;
my $shown = 5;              # differences, and commands before the first
my %near_ms = (TTL => 10, EXPIRETIME => 10, PTTL => 10_000,
               PEXPIRETIME => 10_000);
# Items that belong together, of what has no order.
my %unordered = (HGETALL => 2, HKEYS => 1, HVALS => 1, SMEMBERS => 1,
                 SINTER => 1, SUNION => 1, SDIFF => 1, SPOP => 1,
                 SRANDMEMBER => 1, ZRANDMEMBER => 1, HRANDFIELD => 1);
my @all;                    # for the end of the test


# Why there is nothing to compare with, or nothing.
sub missing {
    return (grep { -x "$_/redis-server" } split /:/, $ENV{PATH})
        ? undef : 'no redis-server to compare with (make deps installs it)';
}


# Of a generator.
sub one_of { return $_[rand @_] }
sub chance { return rand($_[0]) < 1 }       # one of so many
sub up_to  { return int rand($_[0] + 1) }


# Options: args => [more for redis-server].
sub new {
    my ($class, $port, %opt) = @_;

    my $self = bless {
        seed  => $ENV{FKV_SEED} // int(rand(1_000_000_000)),
        owner => $$,
        dir   => tempdir('redis-XXXXXX', DIR => $ENV{FKV_TMP} // '/var/tmp'),
    }, $class;

    push @all, $self;
    $self->_start(@{ $opt{args} // [] });
    $self->{ours} = _connect($port) or die "port $port: $!";
    srand $self->{seed};

    return $self;
}


sub _start {
    my ($self, @args) = @_;

    for (1 .. 20) {
        my $port = 10000 + int(rand(20000));

        $self->{pid} = fork() // die "fork: $!";

        if ($self->{pid} == 0) {
            open STDIN, '<', '/dev/null';
            open STDOUT, '>', "$self->{dir}/log";
            open STDERR, '>&', \*STDOUT;
            exec('redis-server', '--port', $port, '--bind', '127.0.0.1',
                 '--save', '', '--appendonly', 'no', '--dir', $self->{dir},
                 '--daemonize', 'no', @args) or _exit(127);
        }

        return if $self->{theirs} = $self->_wait($port);
    }

    die 'redis-server does not start';
}


# A server on somebody else's port ends by itself: then undef.
sub _wait {
    my ($self, $port) = @_;
    my $end = time + 30;

    until (waitpid($self->{pid}, WNOHANG)) {
        my $peer = _connect($port);

        return $peer
            if $peer && _slurp("$self->{dir}/log") =~ /Ready to accept/;
        die 'redis-server does not listen' if time > $end;
        sleep 0.02;
    }

    delete $self->{pid};
    return;
}


sub _slurp {
    my ($path) = @_;

    open my $file, '<', $path or return '';
    local $/;
    return <$file> // '';
}


sub _connect {
    my ($port) = @_;

    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $port) or return;

    setsockopt $socket, IPPROTO_TCP, TCP_NODELAY, 1;
    return { socket => $socket, bytes => '' };
}


sub _frame {
    return join '', map { '*' . @$_ . "\r\n",
        map { '$' . length($_) . "\r\n$_\r\n" } @$_ } @_;
}


# The length of the reply that begins at a place of the bytes; undef: not whole.
sub _reply_end {
    my ($bytes, $at) = @_;
    my $eol = index $$bytes, "\r\n", $at;

    return if $eol < 0;

    my $type = substr $$bytes, $at, 1;
    my $n = substr $$bytes, $at + 1, $eol - $at - 1;
    my $end = $eol + 2;

    return $end if $type =~ /[-+:_,#(]/ || $n eq '-1';

    if ($type =~ /[\$=!]/) {
        $end += $n + 2;
        return $end <= length $$bytes ? $end : undef;
    }

    die "no reply begins with $type" if $type !~ /[*~%>]/;

    for (1 .. $n * ($type eq '%' ? 2 : 1)) {
        $end = _reply_end($bytes, $end) // return;
    }

    return $end;
}


sub _reply {
    my ($peer) = @_;
    my $select = IO::Select->new($peer->{socket});

    while (1) {
        my $end = _reply_end(\$peer->{bytes}, 0);

        return substr $peer->{bytes}, 0, $end, '' if defined $end;

        return 'no reply' if !$select->can_read(20)
            || !sysread $peer->{socket}, $peer->{bytes}, 65536,
                length $peer->{bytes};
    }
}


# Replies of both to commands sent at once: [ours, theirs] for each.
sub both {
    my ($self, @commands) = @_;
    my $frame = _frame(@commands);

    for my $peer (@$self{qw(ours theirs)}) {
        print { $peer->{socket} } $frame;
        $peer->{socket}->flush;
    }

    return map { [_reply($self->{ours}), _reply($self->{theirs})] } @commands;
}


sub _equal {
    my ($command, $ours, $theirs) = @_;

    return 1 if $ours eq $theirs;

    if (my $width = $unordered{uc $command->[0]}) {
        $width = 2 if $command->[-1] =~ /^with(?:values|scores)$/i
            && $ours !~ /^\*\d+\r\n\*/;
        return _sorted($ours, $width) eq _sorted($theirs, $width);
    }

    my $near = $near_ms{uc $command->[0]} or return 0;
    my ($a, $b) = map { /^:(\d+)\r\n$/ } $ours, $theirs;

    return defined $b && abs($a - $b) <= $near;
}


# An array, set or map whose items, so many together, are in order.
sub _sorted {
    my ($reply, $width) = @_;
    my ($head) = $reply =~ /^([*~%]\d+\r\n)/ or return $reply;
    my $at = length $head;
    my @items;

    while (defined(my $end = _reply_end(\$reply, $at))) {
        push @items, substr $reply, $at, $end - $at;
        $at = $end;
        last if $at == length $reply;
    }

    my @groups;
    push @groups, join '', splice @items, 0, $width while @items;

    return join '', $head, sort @groups;
}


sub _visible {
    my ($text) = @_;

    $text = substr($text, 0, 200) . '...' if length $text > 200;
    return $text =~ s/([^ -~])/sprintf '\\x%02x', ord $1/gre;
}


sub _text {
    my ($command) = @_;

    return join ' ', map { /^[!-~]{1,200}$/ ? $_ : '"' . _visible($_) . '"' }
        @$command;
}


sub _difference {
    my ($command, $ours, $theirs) = @_;
    my ($same) = ($ours ^ $theirs) =~ /^(\0*)/;
    my $from = length $same > 100 ? length($same) - 20 : 0;

    return sprintf "%s\n   ours  %s\n   Redis %s", _text($command),
        map { '...' x !!$from . _visible(substr $_, $from) } $ours, $theirs;
}


sub same {
    my ($self, @commands) = @_;

    for my $command (@commands) {
        my ($pair) = $self->both($command);
        my $equal = _equal($command, @$pair);

        Test::More::ok($equal, join ' ', map { _visible($_) } @$command);
        Test::More::diag(_difference($command, @$pair)) if !$equal;
    }
}


# n commands of a generator, which may also give several: [...], [...].
sub random {
    my ($self, $n, $generator, $name) = @_;
    my @wrong;

    $n *= $ENV{FKV_ROUNDS} // 1;

    while ($n > 0 && !@wrong) {
        my @commands;

        push @commands, $generator->() while @commands < $pipeline;
        my @pairs = $self->both(@commands);

        @wrong = $self->_differences(\@commands, \@pairs);
        $n -= @commands;
    }

    Test::More::ok(!@wrong, $name // 'as redis-server answers');
    Test::More::diag(join "\n", "FKV_SEED=$self->{seed}", @wrong) if @wrong;
}


# The first ones, and what was sent before.
sub _differences {
    my ($self, $commands, $pairs) = @_;

    my @at = grep { !_equal($commands->[$_], @{ $pairs->[$_] }) }
        0 .. $#$commands or return;
    my @before = grep { $_ >= 0 } $at[0] - $shown .. $at[0] - 1;

    splice @at, $shown;

    return (map { _text($commands->[$_]) } @before),
        map { _difference($commands->[$_], @{ $pairs->[$_] }) } @at;
}


sub finish {
    my ($self) = @_;

    return if !$self->{dir} || $self->{owner} != $$;

    if ($self->{pid}) {
        kill 'KILL', $self->{pid};
        waitpid $self->{pid}, 0;
    }

    remove_tree($self->{dir});
    delete $self->{dir};
}


END {
    my $status = $?;

    $_->finish for @all;
    $? = $status;
}

1;
