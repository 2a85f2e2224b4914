package Ferrokv::Client;

# Ferrokv::Client - an nginx that unmodified clients of Redis can talk to, and
# programs that do.
#
#   my $nginx = client_nginx();           # RESP on port, commands over HTTP on
#                                         # port(1), both with all rights; RESP
#                                         # over TLS on port(2); on port(3) with
#                                         # the password "secret"
#   runs('python3', 't/clients/python.py', $nginx->port);
#   my ($status, $text) = output('redis-cli', ...);

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use POSIX ();
use Test::More;

use Ferrokv::Nginx;

our @EXPORT = qw(client_nginx clients_dir build_dir output runs);

my $root = abs_path(__FILE__ =~ s{[^/]+$}{../../..}r);

sub clients_dir { return "$root/t/clients" }


# What is built or installed for clients, and stays for the next run.
sub build_dir {
    mkdir $_ for "$root/build", "$root/build/clients";
    return "$root/build/clients";
}


sub client_nginx {
    my $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 2, stream => 1);
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=64m;
events { }
stream {
    ssl_certificate %%DIR%%/cert.pem;
    ssl_certificate_key %%DIR%%/cert.pem;

    server { listen 127.0.0.1:%%PORT%%; ferrokv_resp admin=on; }
    server { listen 127.0.0.1:%%PORT2%% ssl; ferrokv_resp admin=on; }
    server { listen 127.0.0.1:%%PORT3%%;
             ferrokv_resp password=%%DIR%%/password; }
}
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:%%PORT1%%;
        location /redis { ferrokv_commands token=%%DIR%%/token write=on
                                           admin=on; }
    }
}
CONF

    my $dir = $nginx->dir;

    $nginx->write_file(token => "the-token\n");
    $nginx->write_file(password => "secret\n");

    system("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1"
           . " -nodes -days 2 -subj /CN=x -keyout $dir/cert.pem -out $dir/crt"
           . " -batch 2>/dev/null && cat $dir/crt >> $dir/cert.pem") == 0
        or die 'openssl';
    $nginx->start;

    return $nginx;
}


# A program's exit status, and all it said; input goes to it.
sub output {
    my ($command, $input) = @_;

    pipe my $from, my $to or die "pipe: $!";
    my $pid = open(my $out, '-|') // die "fork: $!";

    if ($pid == 0) {
        close $to;
        open STDIN, '<&', $from;
        open STDERR, '>&', \*STDOUT;
        exec @$command or POSIX::_exit(127);
    }

    close $from;
    local $SIG{PIPE} = 'IGNORE';
    print {$to} $input // '';
    close $to;

    my $text = do { local $/; <$out> } // '';
    close $out;

    return ($? >> 8 || $? & 127, $text);
}


# As one test: it ends well.
sub runs {
    my ($name, @command) = @_;
    my ($status, $text) = output(['timeout', 120, @command]);

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return is($status, 0, $name) || diag $text;
}

1;
