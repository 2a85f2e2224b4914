package Ferrokv::Regress;

# Ferrokv::Regress - an extension's commands, through every face.
#
#   regress('json');
#   regress('json grant=helper', with => ['hash'], conf => 'ferrokv_param ...;');
#
# Each file t/regress/NAME.cmd is lines of commands, NAME.out their answers.  An
# nginx of its own runs them through RESP3, RESP2, HTTP (ferrokv_commands) and
# ferrokv_call, each on a fresh store.  RESP3's answers must be those of the file,
# the others' what their face makes of them.  UPDATE=1 writes the file.
#
#   # a comment
#   HSET h "a field" 'it''s'     quotes as in redis-cli: \n \r \t \\ \" \xHH
#   ~ SPOP s                     only the types of the answer are compared
#   ~3,4 CL.THROTTLE k 9 1 60    of its leaves 3 and 4 only the type
#   % ZRANGE z 0 -1 WITHSCORES   pairs: only RESP3 has them in arrays of two
#   @wait 1100                   milliseconds
#
# The form of an answer: Ferrokv::Reply.  ferrokv_call cannot run commands that
# are slow, for administrators or of a connection, nor take bytes that nginx.conf
# cannot hold: HTTP stands in for it there.

use strict;
use warnings;

use Exporter qw(import);
use File::Basename qw(basename dirname);
use JSON::PP ();
use Test::More;
use Time::HiRes qw(sleep time);

use Ferrokv::Installed;
use Ferrokv::Http;
use Ferrokv::Nginx;
use Ferrokv::Reply;

our @EXPORT = qw(regress regress_together);

my $json = JSON::PP->new->latin1->allow_nonref;


# Options: with => other extensions, conf => lines for main, dir => of the files.
# May be the whole of a test.
sub regress {
    my ($extension, %opt) = @_;
    my $dir = $opt{dir} // dirname($0) . '/regress';
    my @files = sort glob "$dir/*.cmd" or die "no $dir/*.cmd\n";

    local $Test::Builder::Level = $Test::Builder::Level + 1;

    for my $file (@files) {
        subtest basename($file, '.cmd') => sub {
            _file($file, [grep { defined } @{ $opt{with} // [] }, $extension],
                  $opt{conf} // '');
        };
    }

    done_testing();
}


# All of these in one nginx, in this order: every file's commands by RESP3.
sub regress_together {
    my ($extensions, @files) = @_;
    my $nginx = _nginx($extensions, '');

    for my $file (@files) {
        my @lines = _read_commands($file);
        my $trees = _resp($nginx, 1, 3, \@lines);
        my $out = $file =~ s/cmd$/out/r;

        _same("$out: beside all others", \@lines,
              [_read_expected($out, \@lines)],
              [map { text_of($trees->[$_], $lines[$_]{mask}) } 0 .. $#lines]);
        Ferrokv::Resp->new($nginx->port(1))->cmd('FLUSHALL');
    }

    $nginx->finish;
}


sub _file {
    my ($file, $extensions, $conf) = @_;
    my @lines = _read_commands($file);
    my $out = $file =~ s/cmd$/out/r;
    my $nginx = _nginx($extensions, $conf);
    my $trees = _resp($nginx, 1, 3, \@lines);

    if ($ENV{UPDATE}) {
        _write_file($out, _text(\@lines, $trees));
    }

    _same("$out: RESP3", \@lines, [_read_expected($out, \@lines)],
          [map { text_of($trees->[$_], $lines[$_]{mask}) } 0 .. $#lines]);

    $trees = [map { $lines[$_]{pairs} ? pairs_of($trees->[$_]) : $trees->[$_] }
        0 .. $#lines];

    _face("$file: RESP2", \@lines, [map { resp2_of($_) } @$trees],
          _resp($nginx, 2, 2, \@lines));
    _face("$file: HTTP", \@lines, [map { json_of($_) } @$trees],
          _http($nginx, \@lines));
    _call($nginx, $file, \@lines, $trees, [$extensions, $conf]);

    $nginx->finish;
}


# One store for each face; what else its server needs is in call.conf.
sub _nginx {
    my ($extensions, $conf) = @_;

    my %words = (EXTENSIONS => extension_conf(@$extensions) . "\n$conf");
    my $nginx = Ferrokv::Nginx->new(<<'CONF', stream => 1, vars => \%words);
%%GLOBALS%%
%%EXTENSIONS%%
ferrokv_store resp3 path=%%DIR%%/resp3 memory=32m;
ferrokv_store resp2 path=%%DIR%%/resp2 memory=32m;
ferrokv_store http path=%%DIR%%/http memory=32m;
ferrokv_store call path=%%DIR%%/call memory=32m;
events { }
stream {
    server { listen 127.0.0.1:%%PORT1%%; ferrokv_resp store=resp3 admin=on; }
    server { listen 127.0.0.1:%%PORT2%%; ferrokv_resp store=resp2 admin=on; }
}
http {
    %%HTTP%%
    geo $dollar { default "$"; }

    server {
        listen 127.0.0.1:%%PORT%%;
        root %%DIR%%/html;
        location /http { ferrokv_commands store=http write=on admin=on; }
        location /call { ferrokv_commands store=call write=on admin=on; }
        include %%DIR%%/call.conf;
    }
}
CONF

    $nginx->write_file('call.conf', '');
    $nginx->start;

    return $nginx;
}


# ({ text, words, mask, line, wait }, ...)
sub _read_commands {
    my ($file) = @_;
    my $number = 0;
    my @lines;
    my $wait = 0;

    for my $line (_lines($file)) {
        $number++;
        next if $line =~ /^\s*(?:#|$)/;

        if ($line =~ /^\@wait (\d+)$/) {
            $wait += $1;
            next;
        }

        my ($masked, $leaves, $pairs, $text) =
            $line =~ /^(~([\d,]*) )?(% )?(.*)$/;
        my %mask = map { $_ => 1 } split /,/, $leaves // '';

        $mask{all} = 1 if defined $masked && $leaves eq '';
        push @lines, { text => $line, words => [_words($text, $file, $number)],
                       mask => \%mask, line => $number, wait => $wait,
                       pairs => defined $pairs };
        $wait = 0;
    }

    return @lines;
}


my %escape = (n => "\n", r => "\r", t => "\t", a => "\a", b => "\b");

sub _words {
    my ($text, $file, $number) = @_;
    my @words;

    while ($text =~ /\G\s*(?:"((?:\\.|[^"\\])*)"|'((?:''|[^'])*)'|([^\s"']+))
                     (?=\s|$)/gcx)
    {
        if (defined $1) {
            push @words, $1 =~ s{\\x([0-9a-fA-F]{2})|\\(.)}
                                {defined $1 ? chr hex $1
                                            : $escape{$2} // $2}ger;
        } else {
            push @words, defined $2 ? $2 =~ s/''/'/gr : $3;
        }
    }

    die "$file:$number: a quote is missing\n"
        if substr($text, pos($text) // 0) =~ /\S/;

    return @words;
}


# The answers in the file, each below its command.
sub _read_expected {
    my ($file, $lines) = @_;
    my %found;

    if (!-e $file) {
        fail("$file is not there: UPDATE=1 writes it");
        return;
    }

    my @text = _lines($file);
    my @answers;

    while (@text) {
        my ($command, $answer) = splice @text, 0, 2;
        my $line = $lines->[@answers];

        if (!$line || $line->{text} ne $command) {
            fail("$file: behind answer " . @answers . " stands \"$command\", "
                 . 'not ' . ($line ? "\"$line->{text}\"" : 'the end'));
            last;
        }

        push @answers, $answer =~ s/^ {4}//r;
    }

    return @answers;
}


sub _text {
    my ($lines, $trees) = @_;

    return join '', map { "$lines->[$_]{text}\n    "
        . text_of($trees->[$_], $lines->[$_]{mask}) . "\n" } 0 .. $#$lines;
}


# While the store's extensions are being read, whoever asks is told LOADING.
sub _ready {
    my ($code) = @_;
    my $end = time + 30;
    my $tree;

    while (1) {
        $tree = $code->();
        return $tree if $tree->[0] ne 'error' || $tree->[1] !~ /^LOADING/
            || time > $end;
        sleep 0.02;
    }
}


sub _resp {
    my ($nginx, $port, $version, $lines) = @_;
    my $redis = Ferrokv::Reply::Reader->new($nginx->port($port), timeout => 60);

    $redis->cmd('HELLO', $version);

    return [map {
        my $line = $_;
        sleep $line->{wait} / 1000;
        _ready(sub { $redis->cmd(@{ $line->{words} }) });
    } @$lines];
}


sub _http {
    my ($nginx, $lines) = @_;
    my $http = Ferrokv::Http->new($nginx->port, timeout => 60);

    return [map {
        sleep $_->{wait} / 1000;
        _command($http, '/http', $_);
    } @$lines];
}


sub _command {
    my ($http, $path, $line) = @_;

    return _ready(sub {
        my $r = $http->post($path, $json->encode($line->{words}),
                            'Content-Type' => 'application/json',
                            'Upstash-Encoding' => 'base64');
        my $answer = eval { $json->decode($r->body) };

        return tree_of_json($answer) if ref $answer;
        return ['error', "no answer: $r->{status} " . ($r->error // '')];
    });
}


sub _same {
    my ($what, $lines, $expected, $got) = @_;
    my $wrong = 0;

    for my $i (0 .. $#$lines) {
        my ($e, $g) = ($expected->[$i] // '(no answer)', $got->[$i]);

        next if $e eq $g;
        diag "$what, line $lines->[$i]{line}: $lines->[$i]{text}\n"
            . "  expected  $e\n  got       $g" if $wrong++ < 5;
    }

    is($wrong, 0, $what =~ s{^.*/}{}r);
}


sub _face {
    my ($what, $lines, $expected, $got) = @_;
    my @texts = map { my $trees = $_;
        [map { text_of($trees->[$_], $lines->[$_]{mask}) } 0 .. $#$lines] }
        $expected, $got;

    _same($what, $lines, @texts);
}


# ferrokv_call: each line is a location, which shows the variables that the
# answer has.
sub _call {
    my ($nginx, $file, $lines, $trees) = @_;
    my $redis = Ferrokv::Resp->new($nginx->port(1));
    my @by_http = map { _not_for_call($redis, $_->{words}) } @$lines;
    my @expected = map {
        $by_http[$_] ? text_of(json_of($trees->[$_]), $lines->[$_]{mask})
                     : _variables_text($trees->[$_], $lines->[$_]{mask})
    } 0 .. $#$lines;

    $nginx->write_file('call.conf', join "\n", map {
        $by_http[$_] ? () : _location($_, $lines->[$_], $trees->[$_])
    } 0 .. $#$lines);
    $nginx->restart;

    my $http = Ferrokv::Http->new($nginx->port, timeout => 60);
    my @got = map {
        my $line = $lines->[$_];

        sleep $line->{wait} / 1000;
        $by_http[$_] ? text_of(_command($http, '/call', $line), $line->{mask})
                     : _call_text($nginx, $http, $_, $trees->[$_]);
    } 0 .. $#$lines;

    _same("$file: ferrokv_call", $lines, \@expected, \@got);
}


sub _not_for_call {
    my ($redis, $words) = @_;
    my ($info) = @{ $redis->cmd('COMMAND', 'INFO', $words->[0]) };

    return 1 if !$info || grep { /\0/ || length > 2000 } @$words;

    my $arity = $info->[1];

    return 1 if $arity >= 0 ? @$words != $arity : @$words < -$arity;
    return 0 + grep { /^(?:\@slow|\@admin|\@dangerous|admin|noscript|no_multi)$/ }
        @{ $info->[2] }, @{ $info->[6] // [] };
}


sub _shown {
    my ($tree, $mask) = @_;

    return if $mask->{all} || $tree->[0] eq 'error';

    return grep { !$mask->{$_->[2]} } variables_of($tree, 'v');
}


sub _variables_text {
    my ($tree, $mask) = @_;

    return '-' . $tree->[1] if $tree->[0] eq 'error';
    return join ' ', map { "$_->[0]=" . text_of(['str', $_->[1]]) }
        _shown($tree, $mask);
}


sub _location {
    my ($i, $line, $tree) = @_;
    my @words = map { _quote($_) } @{ $line->{words} };
    my @shown = map { "$_->[0]=\$$_->[0]\n" } _shown($tree, $line->{mask});

    return "location = /run/$i { ferrokv_call \$v store=call on_error=reject "
        . "@words; try_files /- /show/$i; }\n"
        . "location = /show/$i { internal; return 200 \"@{[join '', @shown]}\"; }";
}


# As a word of nginx.conf; a dollar is a variable's value.
sub _quote {
    my ($word) = @_;

    $word =~ s/([\\"])/\\$1/g;
    $word =~ s/\$/\${dollar}/g;

    return "\"$word\"";
}


sub _call_text {
    my ($nginx, $http, $i, $tree) = @_;

    my $got = _ready(sub {
        my $seen = length $nginx->error_log;
        my $r = $http->get("/run/$i");
        my $log = substr $nginx->error_log, $seen;

        return ['body', $r->body] if $r->status == 200;
        return ['error', 'LOADING'] if $log =~ /LOADING/;
        return ['error', $tree->[1]] if $tree->[0] eq 'error'
            && index($log, $tree->[1]) >= 0;
        return ['error', "$r->{status}: $log"];
    });

    return "-$got->[1]" if $got->[0] eq 'error';

    # Values may hold lines: the next name ends one.
    my @values = split /^(v\w*)=/m, $got->[1];
    my @texts;

    shift @values;

    while (my ($name, $value) = splice @values, 0, 2) {
        push @texts, "$name=" . text_of(['str', $value =~ s/\n\z//r]);
    }

    return join ' ', @texts;
}


sub _lines {
    my ($file) = @_;

    open my $in, '<', $file or die "$file: $!\n";
    my @lines = <$in>;

    chomp @lines;
    return @lines;
}


sub _write_file {
    my ($file, $text) = @_;

    open my $out, '>', $file or die "$file: $!\n";
    print {$out} $text;
    close $out or die "$file: $!\n";
}

1;
