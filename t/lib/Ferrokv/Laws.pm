package Ferrokv::Laws;

# Ferrokv::Laws - what must hold of an extension's merge operators and types,
# tried with many values.  No nginx, no store: laws.c calls the library.
#
#   merge_laws('hll', 'hll.add', operand => sub { random_bytes(8) },
#              base => sub { ... }, idempotent => 1);
#   type_laws('json', 'json', text => sub { '{"a": ' . int(rand 9) . '}' });
#
# operand, base, text make a new value with rand(); base may give undef: no key.
# FKV_SEED= repeats, FKV_ROUNDS= (300) says how many.
#
# Merge     full(b, x y z) = full(full(b, x), y z) = full(b, partial(x, y) z); the
#           same again, and in another process; idempotent and commutative are
#           laws of joins, if asked for
# Type      input(output(v)) = v where output is a text; recode of each file
#           t/encver/NAME.N, which encver N has written; NAME.text beside it is
#           what its output must be
# Anybody's bytes into all of it: an answer or an error, nothing else

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(basename dirname);
use File::Temp qw(tempdir);
use IPC::Open2 qw(open2);
use Test::More;

use Ferrokv::Installed;

our @EXPORT = qw(merge_laws type_laws random_bytes);

my $here = abs_path(dirname(__FILE__));
my $program;


sub random_bytes {
    my ($n) = @_;

    return join '', map { chr int rand 256 } 1 .. $n;
}


# Options beside operand and base: commutative, idempotent, library (its path).
sub merge_laws {
    my ($extension, $operator, %opt) = @_;
    my $self = _begin($extension, \%opt);

    $self->{operator} = $operator;

    subtest "$operator: the laws of merging, FKV_SEED=$self->{seed}" => sub {
        _merge_round($self, \%opt) for 1 .. $self->{rounds};
        _merge_noise($self, \%opt) for 1 .. $self->{rounds};
        _end($self);
    };
}


# Options: text, encver (a directory, t/encver), library.
sub type_laws {
    my ($extension, $type, %opt) = @_;
    my $self = _begin($extension, \%opt);

    $self->{type} = $type;
    ($self->{encver}) = $self->{list} =~ /type=\Q$type\E,(\d+)/
        or die "$extension has no type $type\n";

    subtest "$type: the laws of a type, FKV_SEED=$self->{seed}" => sub {
        _type_round($self, $opt{text}->()) for 1 .. $self->{rounds};
        _kept($self, $opt{encver} // dirname($0) . '/encver');
        _type_noise($self, \%opt) for 1 .. $self->{rounds};
        _end($self);
    };
}


sub _begin {
    my ($extension, $opt) = @_;
    my $library = $opt->{library} // _library($extension);
    my $seed = $ENV{FKV_SEED} // int rand 1 << 30;

    srand $seed;

    my $self = { seed => $seed, rounds => $ENV{FKV_ROUNDS} // 300,
                 wrong => {}, tried => 0,
                 one => _driver($library), other => _driver($library) };

    $self->{list} = _ask($self->{one}, 'list');
    return $self;
}


sub _library {
    my ($extension) = @_;
    my $control = extension_dir() . "/$extension.control";

    open my $file, '<', $control or die "$control: $!\n";
    my ($version) = join('', <$file>) =~ /^ *default_version *= *'(.*?)'/m
        or die "$control has no default_version\n";

    return extension_dir() . "/$extension-$version.so";
}


sub _driver {
    my ($library) = @_;

    if (!$program) {
        my ($include) = grep { -e "$_/ferrokv_extension.h" }
            "$here/../../../ngx_ferrokv_module/extensions",
            "$here/../../../../../../include/ferrokv"
            or die "no ferrokv_extension.h\n";

        $program = tempdir(CLEANUP => 1) . '/laws';
        system('cc', '-std=gnu11', '-O1', "-I$include", '-o', $program,
               "$here/laws.c", '-ldl') == 0 or die "laws.c does not compile\n";
    }

    my $pid = open2(my $out, my $in, $program, $library);

    $in->autoflush(1);
    return { library => $library, pid => $pid, in => $in, out => $out };
}


# One line; undef: the process has died, and another one takes its place.
sub _ask {
    my ($driver, @words) = @_;

    local $SIG{PIPE} = 'IGNORE';
    print { $driver->{in} } "@words\n";
    my $line = readline $driver->{out};

    if (!defined $line) {
        waitpid $driver->{pid}, 0;
        %$driver = (%{ _driver($driver->{library}) });
        return;
    }

    chomp $line;
    return $line;
}


sub _hex { return defined $_[0] ? 'x' . unpack('H*', $_[0]) : '-' }


# What both processes say; whatever they must not do is noted.
sub _call {
    my ($self, @words) = @_;
    my $line = _ask($self->{one}, @words);
    my $other = _ask($self->{other}, @words);

    $self->{tried}++;
    return _wrong($self, 'a process dies', @words) if !defined $line;
    return _wrong($self, "an answer is $line", @words) if $line =~ /^bad/;
    _wrong($self, 'another process answers ' . ($other // 'nothing'), @words,
           '->', $line) if $line ne ($other // '');

    return $line;
}


# The first of each kind is shown.
sub _wrong {
    my ($self, $what, @words) = @_;
    my $kind = $what =~ s/ x[0-9a-f]*//r;

    return '' if $self->{wrong}{$kind}++;

    my $text = "@words";

    $text = substr($text, 0, 500) . ' ...' if length $text > 500;
    fail($what);
    diag $text;
    return '';
}


# FERROKV_OK and bytes, as a word that can be asked about again; undef: not so.
sub _bytes {
    my ($self, @words) = @_;
    my $line = _call($self, @words);

    return $1 if $line =~ /^0 (x.*)$/;
    _wrong($self, "refused: $line", @words) if $line ne '';
    return;
}


sub _same {
    my ($self, $law, $expected, $got, @words) = @_;

    return if !defined $expected || !defined $got || $expected eq $got;
    _wrong($self, $law, @words, '->', $expected, 'and', $got);
}


sub _merge_round {
    my ($self, $opt) = @_;
    my $name = $self->{operator};
    my @ops = map { _hex($opt->{operand}->()) } 1 .. 1 + int rand 6;
    my $base = _hex($opt->{base} ? $opt->{base}->() : undef);
    my @whole = ('full', $name, $base, @ops);
    my $all = _bytes($self, @whole) // return;

    _same($self, 'the second time it is something else', $all,
          _bytes($self, @whole), @whole);

    for my $i (1 .. $#ops) {
        my $begun = _bytes($self, 'full', $name, $base, @ops[0 .. $i - 1]);

        _same($self, 'full(full(b, x), y) is not full(b, x y)', $all,
              _bytes($self, 'full', $name, $begun, @ops[$i .. $#ops]), @whole)
            if defined $begun;
    }

    _merge_partial($self, $base, $all, @ops);

    _same($self, 'it is not commutative', $all,
          _bytes($self, 'full', $name, $base, reverse @ops), @whole)
        if $opt->{commutative};
    _same($self, 'it is not idempotent', $all,
          _bytes($self, 'full', $name, $base, @ops, $ops[-1]), @whole)
        if $opt->{idempotent};
}


# Any run of operands may be put together first, and any run of these again.
sub _merge_partial {
    my ($self, $base, $all, @ops) = @_;
    my @parts = @ops;

    while (@parts > 1) {
        my $from = int rand(@parts - 1);
        my $n = 2 + int rand(@parts - 1 - $from);
        my $line = _call($self, 'partial', $self->{operator},
                         @parts[$from .. $from + $n - 1]);

        # Operands may be such that they cannot be put together.
        return if $line !~ /^0 (x.*)$/;
        splice @parts, $from, $n, $1;
        _same($self, 'full(b, partial(x, y)) is not full(b, x y)', $all,
              _bytes($self, 'full', $self->{operator}, $base, @parts),
              'full', $self->{operator}, $base, @ops);
    }
}


# Bytes that something has damaged, or that mean nothing at all.
sub _damaged {
    my ($bytes) = @_;
    my $how = rand;

    return random_bytes(int rand 40) if !defined $bytes || $how < 0.3;
    return substr $bytes, 0, int rand(1 + length $bytes) if $how < 0.5;
    return $bytes . random_bytes(1 + int rand 8) if $how < 0.6;

    for (1 .. 1 + int rand 4) {
        substr($bytes, int rand length $bytes, 1) = chr int rand 256
            if length $bytes;
    }

    return $bytes;
}


sub _merge_noise {
    my ($self, $opt) = @_;
    my @ops = map { _hex(rand() < 0.5 ? _damaged($opt->{operand}->())
                                      : $opt->{operand}->()) } 1 .. 3;
    my $base = _hex(_damaged($opt->{base} ? $opt->{base}->() : undef));

    _call($self, 'full', $self->{operator}, $base, @ops);
    _call($self, 'partial', $self->{operator}, @ops);
}


sub _type_round {
    my ($self, $text) = @_;
    my $type = $self->{type};
    my @input = ('input', $type, _hex($text));
    my $line = _call($self, @input);

    return if $line eq 'none' || $line eq '';
    return _wrong($self, "refused: $line", @input) if $line !~ /^0 (x.*)$/;

    my $value = $1;

    _same($self, 'the second time it is something else', $value,
          _bytes($self, @input), @input);

    my $shown = _call($self, 'output', $type, $value);

    if ($shown =~ /^0 (x.*)$/) {
        _same($self, 'input(output(v)) is not v', $value,
              _bytes($self, 'input', $type, $1), @input);

    } elsif ($shown =~ /^-/) {
        _wrong($self, "output refuses it: $shown", @input);
    }

    my $smaller = _call($self, 'compact', $type, $value);

    _wrong($self, "compact refuses it: $smaller", @input) if $smaller =~ /^-/;
    _wrong($self, 'compact makes it larger', @input)
        if $smaller =~ /^0 (x.*)$/ && length $1 > length $value;

    my $weight = _call($self, 'weight', $type, $value);

    _wrong($self, 'it weighs nothing', @input) if $weight eq '0';
}


sub _slurp {
    my ($path) = @_;

    open my $file, '<:raw', $path or die "$path: $!\n";
    local $/;
    return scalar <$file>;
}


# NAME.N is kept from when encver was N.
sub _kept {
    my ($self, $dir) = @_;
    my $kept = 0;

    for my $path (sort glob "$dir/*") {
        my ($name, $encver) = $path =~ m{^(.*)\.(\d+)$} or next;
        my @recode = ('recode', $self->{type}, $encver, _hex(_slurp($path)));
        my $value = _bytes($self, @recode);

        $kept++;
        next if !defined $value;
        push @{ $self->{old} }, [$encver, _slurp($path)];

        my $shown = _call($self, 'output', $self->{type}, $value);

        is($shown, '0 ' . _hex(_slurp("$name.text")),
           basename($path) . ' is what it was') if -e "$name.text";
        _wrong($self, "output refuses what recode gives: $shown", @recode)
            if $shown =~ /^-/;
    }

    for my $n (0 .. $self->{encver} - 1) {
        ok((grep { $_->[0] == $n } @{ $self->{old} }),
           "a value of encver $n is kept in $dir");
    }
}


sub _type_noise {
    my ($self, $opt) = @_;
    my $type = $self->{type};
    my $line = _call($self, 'input', $type, _hex(_damaged($opt->{text}->())));
    my $value = $line =~ /^0 (x.*)$/ ? pack 'H*', substr $1, 1 : undef;

    $value = _damaged($value);
    _call($self, $_, $type, _hex($value)) for qw(output compact weight);

    for my $old (@{ $self->{old} // [] }, [int rand 4, $value]) {
        my $recoded = _call($self, 'recode', $type, $old->[0],
                            _hex(_damaged($old->[1])));

        _call($self, 'output', $type, $1) if $recoded =~ /^0 (x.*)$/;
    }
}


sub _end {
    my ($self) = @_;

    cmp_ok($self->{tried}, '>', $self->{rounds}, "$self->{tried} calls")
        if !%{ $self->{wrong} };
    close $self->{$_}{in}, waitpid $self->{$_}{pid}, 0 for qw(one other);
}

1;
