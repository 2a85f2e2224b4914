# The build kit: ferrokv-config, ferrokv.mk, check-abi and --new, from the source
# tree and installed.  No nginx is needed.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Path qw(make_path remove_tree);
use File::Temp qw(tempdir);
use Test::More;

my $root = abs_path('.');
my $dir = tempdir('ferrokv-XXXXXX', CLEANUP => 1,
                  DIR => $ENV{FKV_TMP} // '/var/tmp');
my $config = "$root/contrib/kit/ferrokv-config";

delete @ENV{qw(MAKEFLAGS MAKELEVEL MFLAGS FERROKV_EXTDIR)};

# From the source tree.
is(run("$config --includedir"), "$root/ngx_ferrokv_module/extensions\n",
   'where the header is');
is(run("$config --extdir"), "$root/build/extensions\n", 'extensions');
is(run("FERROKV_EXTDIR=/x $config --extdir"), "/x\n", 'or elsewhere');
like(run("$config --api"), qr/^\d+\.\d+$/, 'API');
like(run("$config --version"), qr/^\S+$/, 'version');
like(run("$config --help"), qr/^  --mk .*^  --new NAME /ms, 'help');
like(run("$config --nope", 1), qr/unknown option "--nope"/, 'unknown option');
like(run($config, 1), qr/--mk/, 'no option');

# --new, and what it refuses.
chdir $dir or die;
like(run("$config --new hello"), qr/ferrokv_extension hello;/, 'a new one');
like(run("$config --new hello", 1), qr/hello exists already/, 'not twice');
like(run("$config --new $_", 1), qr/is no name/, "not $_")
    for qw(Hello 1a a-b ../x a/b a.b _a), "''";
like(run("$config --new " . 'x' x 33, 1), qr/longer than 32/, 'not 33 letters');
is(join(' ', sort(glob '*')), 'hello', 'and leave nothing');

my $make = "make -C hello FERROKV_CONFIG=$config";

like(run("$make check-abi"), qr/hello-1\.0\.0\.so: ABI ok/, 'it builds');
is(run("grep -rl -e \@NAME\@ -e \@COMMAND\@ -e \@API\@ hello", 1), '',
   'no word is left to fill in');
run("$make clean");
is(join(' ', sort(glob 'hello/*')),
   'hello/Makefile hello/README.md hello/hello.c hello/hello.control hello/t',
   'clean leaves what is not built');

# Installed: nothing of the source tree is needed.
my $to = "$dir/root";

run("make -s -C $root install-kit DESTDIR=$to PREFIX=/usr");
my $installed = "$to/usr/bin/ferrokv-config";

is(run("$installed --includedir"), "$to/usr/include/ferrokv\n", 'header');
is(run("$installed --extdir"), "$to/usr/lib/ferrokv/extensions\n",
   'extensions');
ok(-f run("$installed --testlib") =~ s/\n//r . '/Ferrokv/Nginx.pm', 'testlib');
is(run("$installed --api"), run("$config --api"), 'API');
is(run("$installed --version"), run("$config --version"), 'version');
run("$installed --new other");

my $other = "make -C other FERROKV_CONFIG=$installed";

like(run("$other install DESTDIR=$dir/stage"), qr/ABI ok/, 'install');
ok(-f "$dir/stage$to/usr/lib/ferrokv/extensions/$_", "$_ is installed")
    for qw(other-1.0.0.so other.control);
is(run("find $dir/stage -perm /022"), '', 'and writable by its owner alone');

# What an extension must not have; each is a sentence.
my %wrong = (
    'int counter = 1;' => qr/has writable globals: counter; .* keep\(\)/,
    'int zero; ' => qr/has writable globals: zero/,
    'static int hidden; int *p(void) { return &hidden; }'
        => qr/has writable globals: hidden/,
    'int f(void) { static int n; return ++n; }'
        => qr/has writable globals: n\b/,
    '__thread int each; ' => qr/has writable globals: each/,
    '__attribute__((common)) int shared; '
        => qr/has writable globals: shared/,
    '__attribute__((visibility("default"))) void seen(void); void seen(void) {}'
        => qr/exports seen beside ferrokv_magic_1/,
    'void *ngx_palloc(void *, int); void *p(void *q) '
        . '{ return ngx_palloc(q, 1); }'
        => qr/uses ngx_palloc, which is nginx's/,
    'extern int ngx_pid; int p(void) { return ngx_pid; }'
        => qr/uses ngx_pid, which is nginx's/,
    'int lost(void); int p(void) { return lost(); }'
        => qr/undefined reference to `lost'/,
);

my $source = slurp('hello/hello.c');

for my $line (sort keys %wrong) {
    write_file('hello/hello.c', "$source\n$line\n");
    run("$make clean");
    like(run("$make CFLAGS=-O0 check-abi", 1), $wrong{$line}, $line);
}

write_file('hello/hello.c', $source =~ s/^FERROKV_DEFINE.*//mr);
like(run("$make CFLAGS=-O0 check-abi", 1), qr/does not export ferrokv_magic_1/,
     'no magic');

write_file('hello/hello.c', $source
    . 'static const char *const names[] = { "a", "b" };'
    . 'const char *name_of(int i); const char *name_of(int i)'
    . ' { return names[i]; }');
like(run("$make check-abi"), qr/ABI ok/, 'constants are none');

# Several objects, C++ among them.
write_file('hello/Makefile', <<'END');
EXTENSION = hello
OBJS      = hello.o words.o

FERROKV_CONFIG ?= ferrokv-config
include $(shell $(FERROKV_CONFIG) --mk)
END
write_file('hello/words.cc', <<'END');
#include <ferrokv_extension.h>
#include <map>
#include <string>

extern "C" int words(int n);

extern "C" int
words(int n)
{
    std::map<std::string, int>  count;

    while (n-- > 0) {
        count[std::string(static_cast<size_t>(n % 7), 'x')]++;
    }

    return static_cast<int>(count.size());
}
END

SKIP: {
    skip 'no C++ compiler', 3 if system('c++ --version > /dev/null 2>&1');

    like(run("$make B=built check-abi"), qr{built/hello-1.0.0.so: ABI ok},
         'C++, and built elsewhere');
    like(run('ldd hello/built/hello-1.0.0.so'), qr/libstdc\+\+/,
         'linked as C++ is');
    write_file('hello/words.cc', "#include <iostream>\n"
               . 'extern "C" int words() { std::cout << 1; return 0; }');
    like(run("$make B=built check-abi", 1), qr/writable globals/,
         'C++ with an object that a constructor makes');
}

# Makefiles and control files that say too little.
write_file('hello/hello.control', "comment = 'x'\n");
like(run($make, 1), qr/hello.control needs a line default_version/,
     'no version');
write_file('hello/Makefile', "include \$(shell \$(FERROKV_CONFIG) --mk)\n");
like(run($make, 1), qr/EXTENSION = NAME/, 'no name');

done_testing();


# What it said; the status must be 0, or not if that is expected.
sub run {
    my ($command, $fails) = @_;
    my $text = `{ $command; } 2>&1`;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ok(!$? == !$fails, ($fails ? 'fails: ' : 'runs: ') . $command)
        or diag $text;

    return $text;
}


sub slurp {
    local (@ARGV, $/) = @_;
    return <>;
}


sub write_file {
    my ($name, $text) = @_;

    open my $file, '>', $name or die "$name: $!";
    print {$file} $text;
    close $file or die;
}
