# What a machine judges well in the sources: layers, columns, banned calls.

use strict;
use warnings;

use File::Basename qw(basename dirname);
use File::Find qw(find);
use Test::More;

# Layer => the layers it may include besides itself.
my %may_include = (
    base   => [],
    format => ['base'],
    io     => ['base'],
    shared => ['base'],
    store  => [qw(base format io shared fkv.h)],
    'fkv.h' => [qw(base format io shared)],
    rules  => ['base'],
    commands => [qw(base rules fkv.h)],
    extensions => [qw(base rules commands fkv.h)],
);

my $unsafe = 'strcpy|strcat|v?sprintf|gets|strtok|sleep|usleep';
my %banned = (
    engine             => "$unsafe|printf|fprintf|puts",
    rules              => "$unsafe|printf|fprintf|puts",
    commands           => "$unsafe|printf|fprintf|puts",
    extensions         => "$unsafe|printf|fprintf|puts",
    ngx_ferrokv_module => $unsafe,
);

my @files;
find({ no_chdir => 1, wanted => sub { push @files, $_ if /\.[ch]$/ } },
     grep { -d } qw(engine ngx_ferrokv_module t bench contrib));

for my $path (sort @files) {
    my $text = slurp($path);
    my @wrong = (lines($path, $text), calls($path, $text),
                 includes($path, $text), shm($path, $text));

    is(join("\n", @wrong), '', $path);
}

done_testing();


sub slurp {
    local (@ARGV, $/) = @_;
    my $text = <> // '';

    utf8::decode($text);
    return $text;
}


# Comments and strings become blanks, so that line numbers stay.
sub code_of {
    my ($text) = @_;

    $text =~ s{ (/\*.*?\*/) | ("(?:\\.|[^"\\\n])*") | (//[^\n]*) }
              { $1 // $3 ? ($1 // $3) =~ s/[^\n]/ /gr : '""' }gsex;
    return $text;
}


sub each_line {
    my ($text, $code) = @_;
    my $n = 0;

    return map { $n++; map { "line $n: $_" } $code->() } split /\n/, $text;
}


sub lines {
    my ($path, $text) = @_;

    my @wrong = each_line($text, sub {
        return ('a tab') x !!/\t/, ('trailing blanks') x !!/[ \t\r]$/,
            ('longer than 80 columns') x (length > 80);
    });

    push @wrong, 'no newline at the end' if $text !~ /\n\z/;
    return @wrong;
}


sub calls {
    my ($path, $text) = @_;
    my ($tree) = grep defined,
        $path =~ m{^ngx_ferrokv_module/(rules|commands|extensions)/|^([^/]+)};
    my $banned = $banned{$tree} or return;

    return each_line(code_of($text),
        sub { /\b($banned)\s*\(/ ? "calls $1" : () });
}


sub includes {
    my ($path, $text) = @_;
    my @includes = $text =~ /^\s*#\s*include\s*([<"][^>"]+)/mg;
    my @wrong;

    if ($path =~ m{^(?:engine|ngx_ferrokv_module(?=/(?:rules|commands|extensions)/))/([^/]+)}) {
        my $layer = $1;
        my %ok = map { $_ => 1 } $layer, @{ $may_include{$layer} // [] };

        push @wrong, "$layer is no layer" if !$may_include{$layer};

        for (map { /^"(.+)/ ? $1 : () } @includes) {
            my ($of) = m{^([^/]+)};
            next if $_ eq 'ferrokv_extension.h';    # installed, beside it
            push @wrong, "$layer includes $_" if !$ok{$of};
        }

        push @wrong, own_header($path, @includes);
    }

    if ($path =~ m{^ngx_ferrokv_module/[^/]+$}) {
        push @wrong, map { "includes $_: of the engine only fkv.h" }
            grep { m{^["<](?:\.\./|engine/|(?:base|format|io|shared|store)/)} }
            @includes;
    }

    push @wrong, map { "includes $_\"" } grep { /\.c$/ } @includes;
    push @wrong, map { "includes nginx: $_" } grep { /ngx_/ } @includes
        if $path =~ m{^engine/|/(?:rules|commands|extensions)/};

    return @wrong;
}


# x.c includes x.h, when there is one, first.
sub own_header {
    my ($path, @includes) = @_;
    my $own = $path =~ s/\.c$/.h/r;

    return if $path !~ /\.c$/ || !-e $own;

    my $wanted = '"' . basename(dirname($own)) . '/' . basename($own);
    return $includes[0] eq $wanted ? () : "its own header is not the first";
}


# No pointer lives in shared memory: a *_shm_t has no `*` among its members.
sub shm {
    my ($path, $text) = @_;
    my $code = code_of($text);
    my @wrong;

    while ($code =~ /^(?:typedef\s+)?struct\b[^;{]*(\{(?:[^{}]|(?1))*\})
                              \s*(\w*)/xmg) {
        my ($body, $name) = ($1, $2);
        my ($tag) = $& =~ /struct\s+(\w+)/;

        next if "$name " !~ /_shm_t / && ($tag // '') !~ /_shm_(?:s|t)$/;
        push @wrong, "a pointer in $tag$name" if $body =~ /\*/;
    }

    return @wrong;
}
