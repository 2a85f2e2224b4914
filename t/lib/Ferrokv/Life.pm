package Ferrokv::Life;

# Ferrokv::Life - the life of an extension in a store, for any extension.
#
#   life_cycle('hash',
#       write => ['HSET h a 1', 'HSET i b 2'],    # makes these keys
#       read  => ['HGETALL h', 'HLEN h'],         # does not look at the last one
#       keys  => ['h', 'i'],
#       type  => 'hash');                         # of all keys; "string": plain
#
# Options beside: own, a command of the extension if the first to read is none,
# grant, with => other extensions, conf => lines for main.
#
# Installed   while the helper is killed again and again; what is read is the
#             same after all processes have been killed
# Missing     nginx without it: keys of its type are listed, dumped, expire and
#             are deleted; what reads them says what is needed
# Back        what is read is what it was
# Dropped     not while there are values of its type; with CASCADE they go

use strict;
use warnings;

use Exporter qw(import);
use Test::More;
use Time::HiRes qw(sleep time);

use Ferrokv::Installed;
use Ferrokv::Nginx;
use Ferrokv::Reply;
use Ferrokv::Resp;

our @EXPORT = qw(life_cycle);


sub life_cycle {
    my ($extension, %opt) = @_;
    my $self = { name => $extension, type => 'string', with => [], conf => '',
                 %opt };

    $self->{typed} = $self->{type} ne 'string';
    $self->{loaded} = [@{ $self->{with} },
        $self->{grant} ? "$extension grant=$self->{grant}" : $extension];
    $self->{nginx} = Ferrokv::Nginx->new(<<'CONF', stream => 1,
%%GLOBALS%%
%%EXTENSIONS%%
ferrokv_store main path=%%DIR%%/store memory=32m;
events { }
stream { server { listen 127.0.0.1:%%PORT%%; ferrokv_resp admin=on; } }
CONF
        vars => { EXTENSIONS => _conf($self, @{ $self->{loaded} }) });

    subtest "$extension: its life" => sub {
        _installed($self);
        _missing($self);
        _back($self);
        _dropped($self);
        $self->{nginx}->finish;
    };
}


sub _conf {
    my ($self, @extensions) = @_;

    return @extensions ? extension_conf(@extensions) . "\n$self->{conf}" : '';
}


sub _restart {
    my ($self, @extensions) = @_;

    $self->{nginx}->stop;
    $self->{nginx}->write_conf(undef,
        vars => { EXTENSIONS => _conf($self, @extensions) });
    $self->{nginx}->start;
}


# The answer as text; while the catalog is being read, and while what was
# dropped is going, it is asked again.
sub _ask {
    my ($self, @words) = @_;
    my $redis = Ferrokv::Reply::Reader->new($self->{nginx}->port,
                                            timeout => 60);
    my $end = time + 30;
    my $text;

    do {
        sleep 0.02 if defined $text;
        $text = text_of($redis->cmd(@words));
    } while $text =~ /^-LOADING/ && time < $end;

    return $text;
}


sub _line { return _ask($_[0], split ' ', $_[1]) }
sub _read { return join "\n", map { _line($_[0], $_) } @{ $_[0]{read} } }


# What was read at first, as soon as all workers know that they may.
sub _reads {
    my ($self) = @_;
    my $is;

    return $self->{nginx}->wait_until(sub {
        return ($is = _read($self)) eq $self->{was};
    }, 20) || diag("$is\ninstead of\n$self->{was}") && 0;
}


sub _installed {
    my ($self) = @_;
    my $nginx = $self->{nginx};

    $nginx->start;

    for (1 .. 5) {
        $nginx->wait_until(sub { scalar $nginx->helpers }, 20);
        $nginx->kill('KILL', $nginx->helpers) if $nginx->helpers;
        sleep rand 0.05;
    }

    # It is installed by whichever helper has lived.
    $nginx->wait_until(sub {
        return _line($self, $self->{write}[0]) !~ /^-EXTMISSING/;
    }, 30);
    unlike(_line($self, $_), qr/^-/, $_) for @{ $self->{write} };
    $self->{was} = _read($self);
    unlike($self->{was}, qr/^-/m, 'what is written is read')
        or diag $self->{was};

    $nginx->kill('KILL');
    $nginx->start;
    ok(_reads($self), 'all the same after a crash');
}


sub _missing {
    my ($self) = @_;
    my @keys = @{ $self->{keys} };
    my $last = $keys[-1];

    _restart($self, @{ $self->{with} });

    # Its commands, and its values, say who is needed.
    my $needed = qr/^-EXTMISSING extension \\"$self->{name}\\"/;

    like(_line($self, $self->{own} // $self->{read}[0]), $needed,
         'missing: its commands say what is needed');
    like(_ask($self, 'GET', $last), $needed, 'missing: GET says what is needed')
        if $self->{typed};

    is(_ask($self, 'EXISTS', @keys), scalar @keys, 'missing: the keys are there');
    is(_ask($self, 'TYPE', $last), "+$self->{type}", 'missing: TYPE');
    like(_ask($self, 'DUMP', $last), qr/^"/, 'missing: DUMP');
    is(join(' ', sort(map { /"([^"]*)"/g } _ask($self, 'KEYS', '*'))),
       join(' ', sort @keys), 'missing: KEYS');
    is(_ask($self, 'EXPIRE', $last, 1000), '1', 'missing: EXPIRE');
    is(_ask($self, 'PERSIST', $last), '1', 'missing: PERSIST');
    is(_ask($self, 'DEL', $last), '1', 'missing: DEL');
    is(_ask($self, 'EXISTS', $last), '0', 'missing: and it is gone');
}


sub _back {
    my ($self) = @_;

    _restart($self, @{ $self->{loaded} });
    ok(_reads($self), 'back: what is read is what it was');
}


sub _dropped {
    my ($self) = @_;
    my @drop = ('FERROKV.EXTENSION', 'DROP', $self->{name});
    my @kept = @{ $self->{keys} }[0 .. $#{ $self->{keys} } - 1];
    my $nginx = $self->{nginx};

    # What nginx.conf installs by itself would come again.
    _restart($self, map { "$_ install=manual" } @{ $self->{loaded} });

    if ($self->{typed}) {
        like(_ask($self, @drop), qr/^-ERR cannot drop .*values? of its types/,
             'drop: not while there are values of its types')
            or diag _ask($self, qw(FERROKV.EXTENSION LIST));
        ok(_reads($self), 'drop: and nothing has changed');
    }

    unlike(_ask($self, @drop, 'CASCADE'), qr/^-/, 'drop: CASCADE');
    ok($nginx->wait_until(sub {
        my $row = _row($self);
        return $row && $row->{state} eq 'not installed';
    }, 30), 'drop: it is done') or diag _ask($self, qw(FERROKV.EXTENSION LIST));
    is(_ask($self, 'EXISTS', @kept), $self->{typed} ? '0' : scalar @kept,
       'drop: what became of the keys');
}


# What LIST says of it.
sub _row {
    my ($self) = @_;
    my $redis = Ferrokv::Resp->new($self->{nginx}->port, timeout => 60);

    $redis->cmd('HELLO', 3);

    my $list = $redis->cmd('FERROKV.EXTENSION', 'LIST');

    return if ref $list ne 'ARRAY';
    return (grep { $_->{name} eq $self->{name} } @$list)[0];
}

1;
