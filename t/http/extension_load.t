# ferrokv_extension: where files come from and whose they are, what nginx -t
# says of wrong ones, of wrong requirements, options and settings.

use strict;
use warnings;

use Test::More;

use Ferrokv::Extension qw(build_extension command_source);
use Ferrokv::Nginx;

my $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 1,
%%GLOBALS%%
%%EXTENSIONS%%
ferrokv_store main path=%%DIR%%/store memory=64m;
events { }
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:%%PORT%%;
        location /redis { ferrokv_commands write=on admin=on; }
        location /v { ferrokv_call $v %%CALL%%; return 200 $v; }
    }
}
CONF
    vars => { EXTENSIONS => '', CALL => 'PING' });

my $root = $nginx->dir;
my $dir = "$root/ext";
my $other = "$root/other";


# What nginx -t says.
sub tested {
    my ($lines, $call) = @_;

    $nginx->write_conf(undef, vars => { EXTENSIONS => $lines,
                                        CALL => $call // 'PING' });
    my ($status, $text) = $nginx->test_conf;

    return ($status == 0, $text);
}


# Lines behind the path.
sub accepted {
    my ($lines, $name, $call) = @_;
    my ($ok, $text) = tested("ferrokv_extension_path $dir;\n$lines", $call);

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    ok($ok, $name) or diag($text);
    return $text;
}


sub refused {
    my ($lines, $regex, $name, $call) = @_;
    my ($ok, $text) = tested($lines =~ /^ferrokv_extension_path/ ? $lines
                             : "ferrokv_extension_path $dir;\n$lines", $call);

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    my $emerg = () = $text =~ /\[emerg\]/g;

    ok(!$ok && $emerg == 1 && $text =~ $regex, $name)
        or diag("expected $regex\nbut it said: $text");
}


# An extension that is wrong, and what is said of it.
sub wrong {
    my ($name, $regex, %opt) = @_;

    build_extension($dir, 'bad', %opt);

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    refused('ferrokv_extension bad grant=helper;', $regex, $name);
}


sub hello {
    my ($command) = @_;

    return command_source('hello', $command,
                          'return ctx->api->say_int(ctx, 1);');
}


build_extension($dir, 'demo', code => hello('DEMO.HELLO'),
                provides => '&hello');
build_extension($dir, 'plain');

subtest 'a name, a path' => sub {
    accepted('ferrokv_extension demo;', 'a command is known behind it',
             'DEMO.HELLO');
    refused('', qr/'DEMO.HELLO'.* is known behind its "ferrokv_extension" only/,
            'and not without it', 'DEMO.HELLO');
    refused("ferrokv_extension_path $dir; ferrokv_extension demo;"
            . ' ferrokv_extension demo;',
            qr/the extension "demo" is there already/, 'twice');
    refused('ferrokv_extension nope;',
            qr{there is no "nope.control" in "\Q$dir\E"}, 'no control file');
    refused('ferrokv_extension Demo;', qr/"Demo" is neither a name/, 'a name');
    refused('ferrokv_extension ../demo;', qr{"../demo" is neither a name},
            'no slash in a name');
    refused('ferrokv_extension "demo\x";', qr/is neither a name/,
            'nor anything else');

    accepted("ferrokv_extension $dir/demo-1.0.0.so;", 'a path', 'DEMO.HELLO');
    refused("ferrokv_extension $dir/demo-2.so;",
            qr{there is no "\Q$dir\E/demo-2.so"}, 'a path that is none');
    refused("ferrokv_extension $dir/demo-1.0.0.so version=1.0.0;",
            qr/"version=" is for names/, 'a path has its version');

    build_extension("$root/free", 'any', control => undef,
                    file => "$root/free/whatever");
    accepted("ferrokv_extension $root/free/whatever;",
             'a path may be called anything, without a control file');
};

subtest 'directories' => sub {
    build_extension($other, 'demo', version => '9.0');
    build_extension($other, 'more');

    my $both = "ferrokv_extension_path $dir:$other;\n";

    ok((tested("$both ferrokv_extension demo; ferrokv_extension more;",
               'DEMO.HELLO'))[0], 'the first that has it counts');
    ok((tested("ferrokv_extension_path \$system:$dir:/nowhere;
                ferrokv_extension demo;"))[0],
       'where extensions are installed is $system; what is not there is none');
    like((tested("ferrokv_extension_path \$system:/nowhere;
                  ferrokv_extension nope;"))[1],
         qr{in "/[^:]*:/nowhere"}, 'it has another name');
    like((tested('ferrokv_extension nope;'))[1], qr{in "/[^:"]*"},
         'it is the default');

    refused('ferrokv_extension_path ext;',
            qr{"ferrokv_extension_path" has a directory that does not begin},
            'not relative');
    refused("ferrokv_extension_path $dir:;", qr/has an empty directory/,
            'not empty');
    refused("ferrokv_extension_path $dir; ferrokv_extension_path $dir;",
            qr/is duplicate/, 'once');
    refused("ferrokv_extension_path $dir; ferrokv_extension demo;
             ferrokv_extension_path $other;",
            qr/must stand before the first "ferrokv_extension"/,
            'before what it is for');
};

subtest 'owners and modes' => sub {
    my $so = "$dir/demo-1.0.0.so";
    my $line = 'ferrokv_extension demo;';

    for my $of (["$dir/demo.control", 0644], [$so, 0755], [$dir, 0755]) {
        my ($path, $mode) = @$of;

        for my $more (0020, 0002) {
            chmod $mode | $more, $path;
            refused($line, qr{"\Q$path\E" can be written by its group or},
                    sprintf '%s with %o', $path =~ s{.*/}{}r, $mode | $more);
        }

        chmod $mode, $path;

      SKIP: {
            skip 'only root can give files away', 1 if $> != 0;

            my ($user) = (getpwnam 'www-data')[2];
            chown $user, -1, $path;
            refused($line, qr{"\Q$path\E" belongs neither to root nor to who},
                    "$path of somebody else");
            chown 0, -1, $path;
        }
    }

    # Links: where they stand, and where they lead to.
    mkdir "$root/links";
    symlink "$dir/demo.control", "$root/links/demo.control";
    symlink $so, "$root/links/demo-1.0.0.so";
    my $links = "ferrokv_extension_path $root/links; $line";

    ok((tested($links))[0], 'links');
    chmod 0777, "$root/links";
    refused($links, qr{"\Q$root\E/links" can be written}, 'their directory');
    chmod 0755, "$root/links";
    chmod 0775, $dir;
    refused($links, qr{"\Q$dir\E" can be written}, 'the other one');
    chmod 0755, $dir;
    chmod 0775, $so;
    refused($links, qr{can be written}, 'the file');
    chmod 0755, $so;

    accepted($line, 'all well again');
};

subtest 'files' => sub {
    my $line = 'ferrokv_extension bad;';

    build_extension($dir, 'bad', version => '2.0');
    build_extension($dir, 'bad', version => '1.0');
    accepted($line, 'default_version');
    accepted('ferrokv_extension bad version=2.0;', 'version=');
    refused('ferrokv_extension bad version=3.0;',
            qr{there is no "\Q$dir\E/bad-3.0.so"}, 'a missing one');
    refused('ferrokv_extension bad version=../1;',
            qr{"version=../1" is no version}, 'no version');

    write_file("$dir/bad.control", "comment = 'no version'\n");
    refused($line, qr{bad.control: it has no default_version, so nginx.conf},
            'no default_version');
    accepted('ferrokv_extension bad version=2.0;', 'version= will do');

    write_file("$dir/bad-4.so", "#!/bin/sh\n");
    refused('ferrokv_extension bad version=4;',
            qr{"\Q$dir\E/bad-4.so" is no shared object}, 'a script');
    write_file("$dir/bad-4.so", '');
    refused('ferrokv_extension bad version=4;',
            qr{is no shared object}, 'an empty file');
    write_file("$dir/bad-4.so", substr read_file("$dir/bad-1.0.so"), 0, 9000);
    refused('ferrokv_extension bad version=4;', qr{bad-4.so" is cut short},
            'half a file');
    mkdir "$dir/bad-5.so";
    refused('ferrokv_extension bad version=5;', qr{bad-5.so" is not a file},
            'a directory');

    wrong('no magic', qr/is no ferrokv extension: it does not export ferro/,
          source => "int x;\n");
    wrong('a library that needs what is not there', qr/undefined symbol: nope/,
          cflags => '-Wl,-z,undefs',
          source => "void nope(void); void f(void);\n"
                    . "__attribute__((visibility(\"default\"))) void f(void)"
                    . " { nope(); }\n");

    for my $case (['a wrong magic', '1, sizeof(ferrokv_magic), 0, 1',
                   qr/has the wrong magic/],
                  ['a short magic', 'FERROKV_MAGIC, 8, 0, 1',
                   qr/has the wrong magic/],
                  ['another ABI', 'FERROKV_MAGIC, sizeof(ferrokv_magic), 3, 1',
                   qr/is built for ABI 3, this ferrokv has ABI 0/],
                  ['a newer API', 'FERROKV_MAGIC, sizeof(ferrokv_magic), 0, 9',
                   qr/needs API 0.9, this ferrokv has API 0.1/],
                  ['no extension', 'FERROKV_MAGIC, sizeof(ferrokv_magic), 0, 1',
                   qr/names no extension/])
    {
        my ($name, $numbers, $regex) = @$case;

        wrong($name, $regex, source => <<"C");
#include "ferrokv_extension.h"
__attribute__((visibility("default")))
extern const ferrokv_magic ferrokv_magic_1;
const ferrokv_magic ferrokv_magic_1 = { $numbers, 0, NULL };
C
    }

    wrong('another name', qr/says that it is "other" 1.0.0, so its file cannot/,
          name => 'other');
    build_extension($dir, 'bad', version => '6', file => "$dir/bad-7.so");
    refused('ferrokv_extension bad version=7;', qr/says that it is "bad" 6/,
            'another version');
};

subtest 'optional' => sub {
    my $text = accepted('ferrokv_extension nope optional;
                         ferrokv_param nope.depth 3;', 'no control file');
    like($text, qr/\[warn\].*no "nope.control".*goes on without it/,
         'but a warning');
    accepted('ferrokv_extension demo version=8 optional;', 'no library');
    accepted("ferrokv_extension $dir/nope-1.so optional;
              ferrokv_param nope.depth 3;", 'no path');
    chmod 0775, $dir;
    refused('ferrokv_extension demo optional;', qr/can be written/,
            'what is there has to be right');
    chmod 0755, $dir;
};

subtest 'control files' => sub {
    for my $case (['an unknown key', "\nversion = '1'\n",
                   qr/bad.control:3: "version" is unknown/],
                  ['a missing quote', "comment = 'a\n",
                   qr/bad.control:2: a quote is missing/],
                  ['no quotes', "comment = a\n",
                   qr/bad.control:2: the value of "comment" is not in quotes/],
                  ['a NUL', "#\n#\0\n",
                   qr/bad.control:3: there is a NUL byte in it/],
                  ['no line', "comment\n",
                   qr/bad.control:2: a line is NAME = 'VALUE'/],
                  ['twice', "default_version = '1.0.0'\n",
                   qr/bad.control:2: "default_version" is there twice/],
                  ['too long', '#' x 5000,
                   qr/bad.control: longer than 4096 bytes/],
                  ['a newer API', "api = '0.9'\n",
                   qr/bad.control: it needs API 0.9, this ferrokv has API 0.1/])
    {
        my ($name, $control, $regex) = @$case;
        wrong($name, $regex, control => $control);
    }

    build_extension($dir, 'bad', control => "comment = 'it''s'\napi = '0.1'\n");
    accepted('ferrokv_extension bad;', 'a good one');
};

sub defined_as {
    my ($text) = @_;

    return (code => <<"C", provides => '&it');
static int f(ferrokv_ctx *ctx) { (void) ctx; return 0; }
static int g(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
    { (void) ctx; (void) argc; (void) argv; return 0; }
static int h(ferrokv_ctx *ctx, ferrokv_event *ev)
    { (void) ctx; (void) ev; return 0; }
void *unused[] = { f, g, h };
static const $text;
C
}

subtest 'definitions' => sub {
    for my $case (
        ['an unknown kind', qr/of the unknown kind 77/,
         'ferrokv_metric it = { 77, sizeof(it), 0, "bad.m", 0, 0, "" }'],
        ['a reserved kind', qr/"feed", which this ferrokv does not have yet/,
         'ferrokv_metric it = { FERROKV_KIND_FEED, sizeof(it), 0, "bad.m", 0,'
         . ' 0, "" }'],
        ['a small one', qr/provides a metric of 8 bytes, 32 are the least/,
         'ferrokv_metric it = { FERROKV_KIND_METRIC, 8, 0, "bad.m", 0, 0, ""}'],
        ['a name', qr/a metric is called "good.m", but its name is "bad" or/,
         'ferrokv_metric it = { FERROKV_METRIC, 0, "good.m", 0, 0, "" }'],
        ['a built-in command', qr/provides the command "GET", which is built in/,
         'ferrokv_command it = { FERROKV_COMMAND, FERROKV_READ, "GET", 2, 1, 1,'
         . ' 1, g, "", "" }'],
        ['a name of a command', qr/called "x y", but the name of a command/,
         'ferrokv_command it = { FERROKV_COMMAND, 0, "x y", 2, 0, 0, 0, g,'
         . ' "", "" }'],
        ['arity', qr/command "BAD" has the arity 0/,
         'ferrokv_command it = { FERROKV_COMMAND, 0, "BAD", 0, 0, 0, 0, g, "",'
         . ' "" }'],
        ['keys', qr/command "BAD": its first key is argument 2 of at least 2/,
         'ferrokv_command it = { FERROKV_COMMAND, FERROKV_READ, "BAD", 2, 2, 2,'
         . ' 1, g, "", "" }'],
        ['flags', qr/command "BAD" has flags that .* \(0x80\)/,
         'ferrokv_command it = { FERROKV_COMMAND, 0x80, "BAD", 2, 0, 0, 0, g,'
         . ' "", "" }'],
        ['a merge operator', qr/type "bad" names the merge operator "bad.or"/,
         'ferrokv_type it = { FERROKV_TYPE, 0, "bad", 0, 0, "bad.or", 0, 0, 0,'
         . ' 0, 0 }'],
        ['a hook', qr/hook "bad.h": ON_COMMIT has no phase CHECK/,
         'ferrokv_hook it = { FERROKV_HOOK, 0, "bad.h", FERROKV_ON_COMMIT,'
         . ' FERROKV_CHECK, "", h }'],
        ['min and max', qr/"bad.p" has a minimum, 3, above its maximum, 2/,
         'ferrokv_param it = { FERROKV_PARAM, 0, "bad.p", FERROKV_NUMBER, 0, 3,'
         . ' 2, "2", 0, "" }'],
        ['a default', qr/"bad.p" has the default "4", but it is 1 to 3/,
         'ferrokv_param it = { FERROKV_PARAM, 0, "bad.p", FERROKV_NUMBER, 0, 1,'
         . ' 3, "4", 0, "" }'],
        ['a worker', qr/"bad.w", but does not say FERROKV_NEEDS_HELPER/,
         'ferrokv_worker it = { FERROKV_WORKER, 0, "bad.w", 10, f }'])
    {
        my ($name, $regex, $text) = @$case;
        wrong($name, $regex, defined_as($text));
    }

    wrong('steps', qr/has steps, but does not say FERROKV_NEEDS_HELPER/,
          code => 'static int f(ferrokv_ctx *ctx) { (void) ctx; return 0; }
                   static const ferrokv_step steps[] = {
                       { sizeof(ferrokv_step), 0, f } };',
          steps => 'steps', schema => 1);
    wrong('one twice', qr/provides the command "BAD" twice/,
          code => hello('BAD'), provides => '&hello, &hello');

    build_extension($dir, 'bad', code => hello('DEMO.HELLO'),
                    provides => '&hello');
    refused('ferrokv_extension demo; ferrokv_extension bad;',
            qr/"bad" provides the command "DEMO.HELLO", which "demo" provides/,
            'a command of two');

    build_extension($dir, 'bad', defined_as(
        'ferrokv_metric it = { 77, 16, FERROKV_OPTIONAL, "", 0, 0, "" }'));
    accepted('ferrokv_extension bad;', 'an unknown one that is optional');
};

subtest 'metrics' => sub {
    my $metrics = sub {
        my ($extension, %gauge) = @_;
        my $n = 0;

        build_extension($dir, $extension,
            provides => join(', ', map { "&m$_" } 1 .. keys %gauge),
            code => join '', map {
                $n++;
                "static const ferrokv_metric  m$n = { FERROKV_METRIC, 0,"
                . " \"$_\", $gauge{$_}, 0, \"\" };\n"
            } sort keys %gauge);
    };
    my $both = 'ferrokv_extension a; ferrokv_extension a_b;';

    # Where there are no dots, as for Prometheus.
    $metrics->('a', 'a.b_c' => 0);
    $metrics->('a_b', 'a_b.c' => 0);
    refused($both, qr/"a_b"\ provides\ the\ metric\ "a_b\.c",\ which\ is\ shown
                      \ as\ "a_b_c_total",\ and\ so\ is\ "a\.b_c"/x,
            'of two extensions one name');
    refused('ferrokv_extension a_b; ferrokv_extension a;',
            qr/"a" provides the metric "a\.b_c"/, 'in the other order');

    $metrics->('a_b', 'a_b.c' => 1);
    accepted($both, 'a counter and a gauge have two');
    $metrics->('a_b', 'a_b.c_total' => 1);
    refused($both, qr/"a_b\.c_total", which is shown as "a_b_c_total"/,
            'but not these');
    $metrics->('a', 'a.n' => 0, 'a.n_total' => 1);
    refused('ferrokv_extension a;', qr/"a\.n_total".*so is "a\.n"/,
            'nor of one extension');
};

subtest 'options' => sub {
    refused("ferrokv_extension demo $_;",
            qr/invalid parameter "\Q$_\E" in "ferrokv_extension"/, $_)
        for qw(foo foo=bar Optional optional=1 check=on);
    refused("ferrokv_extension demo $_;",
            qr/invalid value "\Q$_\E" in "ferrokv_extension"/, $_)
        for 'grant=net,', 'stores=main,', 'stores=main,main',
            qw(install= install=on update=off grant= grant=all grant=fetch
               stores=);
    refused('ferrokv_extension demo stores=main,two;',
            qr/of "ferrokv_extension" "demo" names the unknown store "two"/,
            'an unknown store');
    accepted('ferrokv_extension demo stores=main install=manual update=auto
              grant=net,threads,helper check optional version=1.0.0;',
             'all of them');

    build_extension($dir, 'bad',
        needs => 'FERROKV_NEEDS_NET | FERROKV_NEEDS_HELPER');
    refused('ferrokv_extension bad;',
            qr/needs net,helper, so nginx.conf has to say "grant=net,helper"/,
            'what is needed has to be granted');
    refused('ferrokv_extension bad grant=net,threads;',
            qr/"bad" needs helper, .* "grant=net,threads,helper"/, 'all of it');
    accepted('ferrokv_extension bad grant=helper,net;', 'granted');
};

subtest 'trusted' => sub {
    my $hook = sub {
        my ($event, $phase, $prefix) = @_;

        return defined_as("ferrokv_hook it = { FERROKV_HOOK, 0, \"bad.h\","
                          . " FERROKV_$event, FERROKV_$phase, \"$prefix\","
                          . ' h }');
    };

    wrong('it needs nothing', qr/says "trusted", but it needs helper/,
          needs => 'FERROKV_NEEDS_HELPER', control => "trusted = true\n");
    wrong('nor a hook on keys of others',
          qr/hook "bad.h" is not only for keys that begin with "bad:"/,
          $hook->('ON_WRITE', 'CHECK', 'ba'), control => "trusted = true\n");
    build_extension($dir, 'bad', $hook->('ON_WRITE', 'CHECK', 'bad:x'),
                    control => "trusted = true\n");
    accepted('ferrokv_extension bad;', 'one on its own');
    build_extension($dir, 'bad', $hook->('ON_WRITE', 'OBSERVE', ''),
                    control => "trusted = true\n");
    accepted('ferrokv_extension bad;', 'one that observes');
};

subtest 'requirements' => sub {
    build_extension($dir, 'a', control => "requires = 'b >= 1.5, plain'\n");
    build_extension($dir, 'b', version => '1.10');
    build_extension($dir, 'b', version => '1.4', control => undef);
    build_extension($dir, 'c', control => "requires = 'd'\n");
    build_extension($dir, 'd', control => "requires = 'c'\n");
    build_extension($dir, 'e', control => "requires = 'e'\n");

    accepted('ferrokv_extension a; ferrokv_extension b;
              ferrokv_extension plain;', 'in any order');
    refused('ferrokv_extension a; ferrokv_extension plain;',
            qr/"a" requires "b", so nginx.conf has to say "ferrokv_extension b/,
            'missing');
    refused('ferrokv_extension a; ferrokv_extension plain;
             ferrokv_extension b version=1.4;',
            qr/"a" requires "b" 1.5, but this is 1.4/, 'too old');
    refused('ferrokv_extension c; ferrokv_extension d;',
            qr/"[cd]" and "[cd]" require each other/, 'a circle');
    refused('ferrokv_extension e;', qr/"e" requires itself/, 'a small one');
};

subtest 'settings' => sub {
    build_extension($dir, 'set',
        code => 'static const ferrokv_param
            depth = { FERROKV_PARAM, 0, "set.depth", FERROKV_NUMBER, 0, 1, 9,
                      "3", NULL, "how deep" },
            mode = { FERROKV_PARAM, 0, "set.mode", FERROKV_CHOICE, 0, 0, 0,
                     "slow", "slow|fast", "how" };',
        provides => '&depth, &mode');

    my $set = "ferrokv_extension set;\n";

    accepted("$set ferrokv_param set.depth 9; ferrokv_param set.mode fast;",
             'set');
    refused("ferrokv_param set.depth 9; $set",
            qr/"set.depth": there is no such extension, or .* behind this/,
            'too early');
    refused("$set ferrokv_param nope.depth 9;", qr/no such extension/,
            'an unknown extension');
    refused("$set ferrokv_param set.width 9;",
            qr/"set.width" is unknown; "set" has set.depth, set.mode/,
            'an unknown name');
    refused("$set ferrokv_param set.depth deep;",
            qr/"set.depth" is a whole number, not "deep"/, 'form');
    refused("$set ferrokv_param set.depth 10;",
            qr/"set.depth" is 1 to 9, not "10"/, 'range');
    refused("$set ferrokv_param set.mode Fast;",
            qr/"set.mode" is one of "slow\|fast", not "Fast"/, 'choice');
    refused("$set ferrokv_param set.depth 1; ferrokv_param set.depth 1;",
            qr/"set.depth" is set twice/, 'twice');
    refused("$set ferrokv_param set.depth;",
            qr/invalid number of arguments in "ferrokv_param"/, 'no value');
};

subtest 'directives of all extensions' => sub {
    accepted('ferrokv_missing_extension keep;
              ferrokv_extension_crash_limit 5/2m; ferrokv_slow_call 20ms;',
             'good ones');
    accepted('ferrokv_missing_extension refuse;
              ferrokv_extension_crash_limit off; ferrokv_slow_call off;',
             'other ones');

    refused('ferrokv_missing_extension drop;',
            qr/"ferrokv_missing_extension" is "keep" or "refuse", not "drop"/,
            'missing');
    refused("ferrokv_extension_crash_limit $_;",
            qr{"ferrokv_extension_crash_limit" is 1 to 1000, a slash and},
            "crashes $_")
        for qw(3 3/ /60s 0/60s 3/0s 1001/1s x/1s 3/60x -1/1s);
    refused("ferrokv_slow_call $_;",
            qr/"ferrokv_slow_call" is a time, "10ms", or "off", not "$_"/,
            "slow $_")
        for qw(0 x 10k);
    refused("ferrokv_$_ ferrokv_$_",
            qr/"ferrokv_\w+" directive is duplicate/, $_)
        for 'missing_extension keep;', 'extension_crash_limit 3/1s;',
            'slow_call 10ms;';
};

$nginx->finish;
done_testing();


sub write_file {
    my ($path, $text) = @_;

    unlink $path;
    open my $file, '>', $path or die "$path: $!";
    print {$file} $text;
    close $file or die "$path: $!";
}


sub read_file {
    my ($path) = @_;

    open my $file, '<', $path or die "$path: $!";
    local $/;
    return scalar <$file>;
}
