# Who starts extensions, who stops them, in which order; a start that fails.

use strict;
use warnings;

use Test::More;

use Ferrokv::Extension qw(build_extension command_source);
use Ferrokv::Http;
use Ferrokv::Nginx;

my $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 1,
%%GLOBALS%%
ferrokv_extension_path %%DIR%%/ext;
%%EXTENSIONS%%
ferrokv_store main path=%%DIR%%/store memory=64m;
events { }
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:%%PORT%%;
        location /redis { ferrokv_commands write=on; }
    }
}
CONF
    vars => { EXTENSIONS => '' });

my $dir = $nginx->dir . '/ext';
my $http = Ferrokv::Http->new($nginx->port);


sub configure {
    my ($extensions) = @_;

    $nginx->write_conf(undef, vars => { EXTENSIONS => $extensions });
}


# Until only new workers are there.
sub reloaded {
    my %old = map { $_ => 1 } $nginx->workers;

    return $nginx->reload
        && $nginx->wait_until(sub { !grep { $old{$_} } $nginx->pids });
}


# Each start and stop is a line "start NAME PID" of a file.
my $log = $nginx->make_dir('log') . '/lines';

sub lives {
    my ($name, %opt) = @_;
    my $rc = $opt{rc} // 'FERROKV_OK';

    build_extension($dir, $name, start => 'start', stop => 'stop',
        provides => '&known', control => $opt{control} // '',
        code => <<"C" . command_source('known', "\U$name.KNOWN",
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static void
line(const char *what)
{
    char  text[64];
    int   n = snprintf(text, sizeof(text), "%s $name %d\\n", what, getpid());
    int   fd = open("$log", O_WRONLY | O_APPEND | O_CREAT, 0666);

    (void) !write(fd, text, (size_t) n);
    close(fd);
}

static int
start(ferrokv_ctx *ctx)
{
    static const char  self[] = "the state of $name";

    line("start");
    ctx->self = (void *) self;
    return $rc;
}

static void
stop(ferrokv_ctx *ctx)
{
    line(ctx->self != NULL ? "stop" : "stop without self");
}
C
            'const char *p = ctx->self;
             size_t n = 0;
             while (p[n] != 0) { n++; }
             return ctx->api->say_str(ctx, (ferrokv_str) { p, n });'));
}


sub lines {
    open my $file, '<', $log or return '';
    local $/;
    return scalar <$file>;
}


$nginx->start;

subtest 'start and stop' => sub {
    my $requires = "requires = 'below'\n";

    lives('above', control => $requires);
    lives('below');
    configure('ferrokv_extension above; ferrokv_extension below;');

    is(($nginx->test_conf)[0], 0, 'a good configuration');
    is(lines(), '', 'under nginx -t nothing of it is called');

    ok(reloaded(), 'a reload');
    my ($worker) = $nginx->workers;
    ok($nginx->wait_until(sub { (() = lines() =~ /start/g) == 4 }),
       'each starts in the worker and in the helper');

    my ($helper) = grep { lines() =~ /start below $_\n/ } $nginx->helpers;
    ok($helper, 'the helper is one');

    my $master = $nginx->master;
    unlike(lines(), qr/ $master$/m, 'the master is not');

    for my $pid ($worker, $helper // 0) {
        is(join(' ', lines() =~ /start (\w+) $pid\n/g), 'below above',
           'what is required comes first');
    }

    is($http->get('/redis/above.known')->body,
       qq({"result":"the state of above"}\n), 'what start() has set');

    configure('');
    ok(reloaded(), 'a reload without them');
    ok($nginx->wait_until(sub { (() = lines() =~ /stop/g) == 4 }),
       'all of them stop');

    for my $pid ($worker, $helper // 0) {
        is(join(' ', lines() =~ /stop (\w+) $pid\n/g), 'above below',
           'the other way round');
    }
};

subtest 'a start that fails' => sub {
    my $errors = 'ctx->api->fail(ctx, FERROKV_ERROR, "no")';

    unlink $log;
    build_extension($dir, 'plain', provides => '&known',
        code => command_source('known', 'PLAIN.KNOWN',
                               'return ctx->api->say_int(ctx, 1);'));
    lives('broken', rc => $errors);
    lives('needs', control => "requires = 'broken'\n");
    configure('ferrokv_extension broken; ferrokv_extension needs;
               ferrokv_extension plain;');

    ok(reloaded(), 'nginx goes on');
    like($http->get('/redis/broken.known')->body, qr/"error".*broken/,
         'its commands say so');
    like($http->get('/redis/needs.known')->body, qr/"error".*needs/,
         'so do those of what requires it');
    is($http->get('/redis/plain.known')->body, qq({"result":1}\n),
       'others are not concerned');
    unlike(lines(), qr/start needs/, 'what requires it was not started');
    like($nginx->error_log, qr/extension "needs" does not start, for it requir/,
         'the log says why');

    configure('');
    ok(reloaded(), 'a reload without them');
    unlike(lines(), qr/stop/, 'what has not started does not stop');
};

subtest 'one process for all' => sub {
    $nginx->stop;
    unlink $log;
    configure('master_process off;
               ferrokv_extension above; ferrokv_extension below;');
    $nginx->start;

    is($http->get('/redis/below.known')->body,
       qq({"result":"the state of below"}\n), 'it serves');
    $nginx->stop;
    is(join(' ', lines() =~ /^(\w+ \w+)/gm),
       'start below start above stop above stop below', 'once each');
};

$nginx->finish;
done_testing();
