package Ours;

# An nginx with one worker, one store, all of contrib's extensions, and
# ferrokv_resp.

use strict;
use warnings;

use parent 'Server';

use Cwd qw(abs_path);
use File::Basename qw(basename dirname);

use Ferrokv::Http;
use Ferrokv::Nginx;

sub start {
    my ($class, %opt) = @_;
    my $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 1, stream => 1,
%%GLOBALS%%
%%EXTENSIONS%%
ferrokv_store main path=%%DIR%%/store memory=%%MEMORY%% sync=%%SYNC%%;
events { worker_connections 1024; }
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:%%PORT1%%;
        location /status { ferrokv_status json; }
    }
}
stream {
    server { listen 127.0.0.1:%%PORT%%; ferrokv_resp; }
}
CONF
        module => 'modules', log_level => 'notice',
        vars => { MEMORY => $opt{memory}, SYNC => $opt{sync},
                  EXTENSIONS => extensions() });

    # redis-benchmark leaves in the middle of its requests.
    $nginx->allow(qr/Connection reset by peer/);
    $nginx->start;
    $nginx->wait_workers;

    return bless { nginx => $nginx, port => $nginx->port,
                   http => Ferrokv::Http->new($nginx->port(1)) }, $class;
}


# contrib's, and the one of this bench.
sub extensions {
    my $build = abs_path(dirname(__FILE__) . '/../../build');
    my @controls = glob "$build/{extensions,bench/same}/*.control";

    return join "\n",
        "ferrokv_extension_path $build/extensions:$build/bench/same;",
        map { 'ferrokv_extension ' . basename($_, '.control')
              . ' grant=net,threads,helper;' } @controls;
}


sub name { return 'ferrokv' }
sub pids { return $_[0]{nginx}->pids }
sub end  { return $_[0]{nginx}->end }


sub _status {
    my ($self) = @_;
    my $r = $self->{http}->get('/status');

    die "/status: $r->{status}\n" if $r->status != 200;
    return $r->json;
}


sub allocator { return $_[0]->_status->{allocator} }


sub work {
    my ($self) = @_;
    my $store = $self->_status->{stores}{main};

    return { map { $_ => $store->{$_} } qw(flushes compactions) };
}

1;
