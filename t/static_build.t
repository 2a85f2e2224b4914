# The module linked into nginx by --add-module.  Debian's nginx-dev holds headers
# only, so nginx's full sources are fetched by apt; that and a whole build take
# minutes, hence only `make test-static` runs this.

use strict;
use warnings;

use Cwd qw(getcwd);
use File::Path qw(remove_tree make_path);
use Test::More;

plan skip_all => 'make test-static runs this' if !$ENV{FKV_STATIC};

my $root = getcwd;
my $dir = "$root/build/static";
my $bin = "$dir/nginx/objs/nginx";

plan skip_all => "nginx's full sources cannot be had: no deb-src, no network"
    if !sources();

plan tests => 4;

ok(run('configure', './configure', "--add-module=$root", '--with-threads',
       '--with-debug', '--with-stream', '--without-http_rewrite_module',
       '--without-http_gzip_module'), 'configure');
ok(run('make', 'make', '-j2'), 'make');

# Checking a configuration touches nothing, so the path need not be usable.
write_file('nginx.conf', <<"CONF");
pid $dir/nginx.pid;
error_log stderr;
ferrokv_store main path=$dir/store;
events { }
stream {
    server {
        listen unix:$dir/socket;
        ferrokv_incr \$n visits;
        return \$n;
    }
}
CONF

my $said = `$bin -p $dir -c $dir/nginx.conf -t 2>&1`;
is($? >> 8, 0, 'it knows ferrokv_store') or diag($said);
like(`ldd $bin`, qr/libjemalloc/, 'it carries jemalloc');


# An apt of our own: the machine's lists and sources stay as they are.
sub sources {
    return 1 if -x "$dir/nginx/configure";

    remove_tree($dir);
    make_path("$dir/lists/partial", "$dir/cache/archives/partial");

    write_file('sources.list',
               "deb-src http://deb.debian.org/debian bookworm main\n");

    my @apt = ('apt-get', '-q', '-o', "Dir::Etc::SourceList=$dir/sources.list",
        '-o', 'Dir::Etc::SourceParts=-', '-o', "Dir::State::Lists=$dir/lists",
        '-o', "Dir::Cache=$dir/cache", '-o', 'APT::Sandbox::User=');

    return run('update', @apt, 'update')
        && run('source', @apt, 'source', '--download-only', 'nginx')
        && run('unpack', 'sh', '-c', 'tar xf nginx_*.orig.tar.gz'
               . ' && mv nginx-*/ nginx');
}


sub write_file {
    my ($name, $text) = @_;

    open my $file, '>', "$dir/$name" or die "$name: $!";
    print {$file} $text;
    close $file or die "$name: $!";
}


# Run in the sources, or beside them while there are none; keep what it says.
sub run {
    my ($name, @command) = @_;

    my $pid = fork() // die "fork: $!";

    if ($pid == 0) {
        chdir(-d "$dir/nginx" ? "$dir/nginx" : $dir) or die "chdir: $!";
        open STDOUT, '>', "$dir/$name.log" or die "$name.log: $!";
        open STDERR, '>&', \*STDOUT;
        exec(@command) or die "@command: $!";
    }

    waitpid $pid, 0;
    diag(`tail -5 $dir/$name.log`) if $? != 0;
    return $? == 0;
}
