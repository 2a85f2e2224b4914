# Extensions over reloads: another version, none, one that is refused, a file
# that is replaced.

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
        %%LOCATION%%
    }
}
CONF
    vars => { EXTENSIONS => 'ferrokv_extension demo;', LOCATION => '' });

my $dir = $nginx->dir . '/ext';
my $http = Ferrokv::Http->new($nginx->port);


sub configure {
    my ($extensions, $location) = @_;

    $nginx->write_conf(undef, vars => { EXTENSIONS => $extensions,
                                        LOCATION => $location // '' });
}


sub build {
    my ($version, $says, %opt) = @_;

    return build_extension($dir, 'demo', version => $version,
        provides => '&word',
        code => command_source('word', 'DEMO.WORD', 'return ctx->api->say_str('
            . "ctx, (ferrokv_str) { \"$says\", " . length($says) . ' });'),
        %opt);
}


sub word {
    return $http->get('/redis/demo.word')->body =~ s/\s+\z//r;
}


# Until only new workers are there.
sub reloaded {
    my %old = map { $_ => 1 } $nginx->workers;

    return $nginx->reload
        && $nginx->wait_until(sub { !grep { $old{$_} } $nginx->pids });
}


# As the one that has died: from the master's memory.
sub new_worker {
    my ($old) = $nginx->workers;

    $nginx->kill('KILL', $old);
    $nginx->wait_until(sub { grep { $_ != $old } $nginx->workers });
}


build('1.0', 'one');
$nginx->start;
is(word(), '{"result":"one"}', 'the first version');

subtest 'COMMAND knows it' => sub {
    my $body = sub { return $http->get("/redis/command/$_[0]")->body };

    is($body->('list/filterby/module/demo'), qq({"result":["demo.word"]}\n),
       'by its extension');
    is($body->('list/filterby/aclcat/demo'), qq({"result":["demo.word"]}\n),
       'by its category');
    like($body->('info/demo.word'), qr/"demo.word",-1,.*"\@read","\@demo"/,
         'its categories');
    like($body->('docs/demo.word'), qr/"since","1.0","group","module","module",
                                       "demo","arguments"|"demo"/x, 'its text');
};

subtest 'a reload that is refused changes nothing' => sub {
    build('2.0', 'two', control => undef);

    for my $case (['an unknown extension', 'ferrokv_extension nope;'],
                  ['another version, and then something wrong',
                   'ferrokv_extension demo version=2.0; ferrokv_nope;'],
                  ['no extension, and then something wrong', 'ferrokv_nope;'])
    {
        my ($name, $lines) = @$case;

        configure($lines);
        ok(!$nginx->reload, "$name: refused");
        is(word(), '{"result":"one"}', 'the worker knows it');
        new_worker();
        is(word(), '{"result":"one"}', 'so does a new one');
    }

    $nginx->allow(qr/nope/);
};

subtest 'another version' => sub {
    configure('ferrokv_extension demo version=2.0;',
              'location /v { ferrokv_call $v DEMO.WORD; return 200 $v; }');
    ok(reloaded(), 'a reload');
    is(word(), '{"result":"two"}', 'answers');
    new_worker();
    is(word(), '{"result":"two"}', 'in a new worker too');

    configure('ferrokv_extension demo;');
    ok(reloaded(), 'and back');
    is(word(), '{"result":"one"}', 'answers');
};

subtest 'a file that is replaced' => sub {
    build('1.0', 'new');
    ok(reloaded(), 'a reload');
    is(word(), '{"result":"one"}', 'what was loaded goes on');
    like($nginx->error_log,
         qr{\[warn\].*"\Q$dir\E/demo-1.0.so" has been replaced since it was},
         'and the log says so');
};

subtest 'none' => sub {
    configure('');
    ok(reloaded(), 'a reload');
    ok($nginx->wait_until(sub { word() =~ /EXTMISSING extension .*demo/ }),
       'it is gone, and the store says what it was');
    like($http->get('/redis/ping')->body, qr/PONG/, 'others are not');

    configure('ferrokv_extension demo version=2.0;');
    ok(reloaded(), 'and back');
    is(word(), '{"result":"two"}', 'answers');
};

$nginx->finish;
done_testing();
