package Ferrokv::Nginx;

# Ferrokv::Nginx - one nginx for one test: its own directory, ports, processes.
#
#   my $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 2);
#   %%GLOBALS%%
#   ferrokv_store main path=%%DIR%%/store;
#   events { }
#   http { %%HTTP%% server { listen 127.0.0.1:%%PORT%%; ... } }
#   CONF
#   $nginx->start;  ...  $nginx->finish;  done_testing();
#
# Words     %%GLOBALS%% (load_module, user, pid, error_log, env), %%HTTP%% (temp
#           paths, no access log), %%DIR%%, %%PORT%%, %%PORT1%% .. %%PORT9%%,
#           and any word of vars => { WORD => text }
# Processes nginx leads a process group of its own and does not become a daemon.
#           Whatever is in that group is ours, also when its master is dead, and
#           nothing else is ever signalled.
# Root      workers run as user => 'www-data' then; without root, as we do

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use POSIX qw(setpgid WNOHANG _exit);
use Test::More ();
use Time::HiRes qw(sleep time);

my $root = abs_path(__FILE__ =~ s{[^/]+$}{../../..}r);
my @all;        # for the end of the test

delete $ENV{NGINX};     # means inherited sockets to nginx

$SIG{$_} ||= sub { exit 1 } for qw(INT TERM HUP);


# Options: workers, user, module => 'test' (with kill points), 'modules' or '',
# stream => 1 (our stream module too, and nginx's), env => { NAME => value }
# (reaches the workers too), preload (jemalloc), vars, log_level, globals =>
# more lines for %%GLOBALS%%.
sub new {
    my ($class, $conf, %opt) = @_;

    # Not /tmp, which may be in memory, where direct I/O does not work.
    my $dir = tempdir('ferrokv-XXXXXX', CLEANUP => 0,
                      DIR => $ENV{FKV_TMP} // '/var/tmp');
    chmod 0755, $dir;

    my $self = bless {
        dir     => $dir,
        conf    => $conf,
        workers => 2,
        user    => 'www-data',
        module  => 'test',
        preload => 1,
        env     => {},
        vars    => {},
        allow   => [],
        killed  => {},
        ports   => {},
        owner   => $$,
        log_level => 'info',
        globals => '',
        %opt,
    }, $class;

    push @all, $self;
    $self->write_conf;

    return $self;
}


sub dir  { return $_[0]{dir} }
sub port { return $_[0]->_port('PORT' . ($_[1] // '')) }


# A port that nobody listens on; it stays ours over restarts.
sub _port {
    my ($self, $word) = @_;

    until ($self->{ports}{$word}) {
        my $port = 10000 + int(rand(20000));
        my $free = IO::Socket::INET->new(LocalAddr => '127.0.0.1',
            LocalPort => $port, Listen => 1);

        $self->{ports}{$word} = $port if $free;
    }

    return $self->{ports}{$word};
}


sub module {
    my ($self) = @_;

    return _modules_dir($self->{module}) . '/ngx_ferrokv_module.so';
}


# FERROKV_MODULES= names another directory.  Where these files are installed
# without the source tree it is nginx's.
sub _modules_dir {
    my ($build) = @_;

    return $ENV{FERROKV_MODULES} if length($ENV{FERROKV_MODULES} // '');
    return "$root/build/$build" if -e "$root/Makefile";

    return _nginx_modules(_nginx_built());
}


sub _nginx_built {
    my $nginx = $ENV{NGINX_BIN} || '/usr/sbin/nginx';

    return scalar `$nginx -V 2>&1`;
}


sub _nginx_modules { return $_[0] =~ /--modules-path=(\S+)/ ? $1 : '' }


sub _modules {
    my ($self) = @_;

    return '' if !$self->{module};

    my @modules = $self->module;

    if ($self->{stream}) {
        my $built = _nginx_built();

        push @modules, _nginx_modules($built) . '/ngx_stream_module.so'
            if $built =~ /--with-stream=dynamic/;
        push @modules, $modules[0] =~ s/ngx_ferrokv/ngx_stream_ferrokv/r;
    }

    return join "\n", map { "load_module $_;" } @modules;
}


# The user and group of the workers: undef without root, who cannot choose.
sub user {
    my ($self) = @_;

    return if $> != 0;

    my $gid = (getpwnam $self->{user})[3];

    return ($self->{user}, scalar getgrgid $gid);
}


sub _globals {
    my ($self) = @_;
    my ($user, $group) = $self->user;

    return join "\n",
        'daemon off;',
        $user ? "user $user $group;" : '',
        "worker_processes $self->{workers};",
        "pid $self->{dir}/nginx.pid;",
        "error_log $self->{dir}/error.log $self->{log_level};",
        $self->_modules,
        (map { "env $_;" } sort keys %{ $self->{env} }),
        $self->{globals};
}


sub _http {
    my ($self) = @_;

    return join "\n", 'access_log off;',
        map { "${_}_temp_path $self->{dir}/temp_$_;" }
        qw(client_body proxy fastcgi uwsgi scgi);
}


# Also for a reload: write_conf($text), reload.
sub write_conf {
    my ($self, $conf, %opt) = @_;

    $self->{$_} = $opt{$_} for keys %opt;
    $self->{conf} = $conf if defined $conf;

    my %word = (
        DIR     => $self->{dir},
        GLOBALS => $self->_globals,
        HTTP    => $self->_http,
        %{ $self->{vars} },
    );

    my $text = $self->{conf} =~ s{%%(PORT\d?)%%}{$self->_port($1)}ger;
    $text =~ s{%%(\w+)%%}{$word{$1} // die "no word %%$1%%"}ge;

    $self->write_file('nginx.conf', $text);
}


sub write_file {
    my ($self, $name, $text) = @_;

    open my $file, '>', "$self->{dir}/$name" or die "$name: $!";
    print {$file} $text;
    close $file or die "$name: $!";
}


# A directory in ours that belongs to the workers.
sub make_dir {
    my ($self, $name) = @_;
    my $path = "$self->{dir}/$name";
    my ($user) = $self->user;

    mkdir $path, 0700 or die "$path: $!";
    chown((getpwnam $user)[2, 3], $path) if $user;

    return $path;
}


sub _exec {
    my ($self, @args) = @_;

    $ENV{$_} = $self->{env}{$_} for keys %{ $self->{env} };
    $ENV{LD_PRELOAD} = 'libjemalloc.so.2' if $self->{preload};

    exec($ENV{NGINX_BIN} || '/usr/sbin/nginx', '-p', $self->{dir},
         '-c', "$self->{dir}/nginx.conf", @args) or _exit(127);
}


# A finished `nginx ARGS`: (exit status, all it said).
sub command {
    my ($self, @args) = @_;

    my $pid = open(my $out, '-|') // die "fork: $!";

    if ($pid == 0) {
        open STDERR, '>&', \*STDOUT;
        $self->_exec(@args);
    }

    my $text = do { local $/; <$out> } // '';
    close $out;

    return ($? >> 8, $text);
}


sub test_conf { return $_[0]->command('-t') }


# Start, and wait until it listens.  In scalar context dies when it does not;
# in list context returns (ok, text): what it said, for tests of a refusal.
sub start {
    my ($self) = @_;

    unlink "$self->{dir}/nginx.pid";    # of one that was killed

    my $pid = fork() // die "fork: $!";

    if ($pid == 0) {
        setpgid(0, 0);
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', "$self->{dir}/start.out";
        open STDERR, '>&', \*STDOUT;
        $self->_exec;
    }

    setpgid($pid, $pid);
    $self->{pgrp} = $self->{master} = $pid;

    my $ok = $self->wait_until(sub {
        return 1 if $self->_is_up;
        return $self->_reap ? 'gone' : 0;
    }, 30);

    $ok = 0 if $ok eq 'gone';
    return ($ok, $self->start_output) if wantarray;

    die "nginx does not start:\n" . $self->start_output if !$ok;
    return $self;
}


sub start_output {
    my ($self) = @_;

    return _slurp("$self->{dir}/start.out");
}


# The pid file is written when all sockets listen: from then on a connection is
# kept in the backlog until a worker takes it.
sub _is_up {
    my ($self) = @_;

    return ($self->master_of_file // 0) == $self->{master};
}


sub master_of_file {
    my ($self) = @_;

    return _slurp("$self->{dir}/nginx.pid") =~ /^(\d+)$/m ? $1 : undef;
}


sub _reap {
    my ($self) = @_;

    return 1 if !$self->{master};
    return 0 if waitpid($self->{master}, WNOHANG) == 0;

    $self->{master} = 0;
    return 1;
}


# Poll code until it is true or seconds have passed; returns what it gave last.
sub wait_until {
    my ($self, $code, $seconds) = @_;

    my $end = time + ($seconds // 10);
    my $result;

    until ($result = $code->()) {
        return 0 if time > $end;
        sleep 0.01;
    }

    return $result;
}


# Every process of our group that is not a zombie: { pid => title }.  One whose
# first thread is gone but not the others still holds files and locks; such
# a process has no title any more.
sub processes {
    my ($self) = @_;
    my %title;

    for my $path (glob '/proc/[0-9]*') {
        my ($pid) = $path =~ /(\d+)$/;
        my $stat = _slurp("$path/stat");

        next if $stat !~ /\) (\S) \d+ (\d+) /;
        next if $2 != ($self->{pgrp} // -1);
        next if $1 eq 'Z' && (() = glob "$path/task/*") < 2;

        $title{$pid} = _slurp("$path/cmdline") =~ tr/\0/ /r
            =~ s/ +$//r || 'ending';
    }

    return \%title;
}


sub _pids_like {
    my ($self, $title) = @_;

    my $all = $self->processes;

    my @pids = sort { $a <=> $b } grep { $all->{$_} =~ $title } keys %$all;
    return @pids;
}


# Each a sorted list, in scalar context its length.
sub pids    { return $_[0]->_pids_like(qr/./) }
sub master  { return $_[0]{master} }
sub workers { return $_[0]->_pids_like(qr/worker process$/) }
sub leaving { return $_[0]->_pids_like(qr/is shutting down/) }
sub helpers { return $_[0]->_pids_like(qr/cache manager process$/) }


# Wait until so many workers serve, and say which.
sub wait_workers {
    my ($self, $n) = @_;

    $n //= $self->{workers};
    $self->wait_until(sub { $self->workers == $n }, 15)
        or die "not $n workers: " . join ', ', values %{ $self->processes };

    return $self->workers;
}


# kill('KILL', @pids), or all processes when no pid is given.  The master's
# alert about a process that died so is expected.
sub kill {
    my ($self, $signal, @pids) = @_;

    my $ours = $self->processes;

    return 1 if !@pids && !%$ours;

    # All: by the group, or the master could start one more meanwhile.
    my @to = @pids ? @pids : -$self->{pgrp};

    for my $pid (@pids ? @pids : keys %$ours) {
        die "$pid is not ours" if !$ours->{$pid} && CORE::kill(0, $pid);
        $self->{killed}{$pid} = 1;
    }

    CORE::kill($signal, @to);

    return $self->wait_gone(@pids) if $signal eq 'KILL';
    return 1;
}


# These, or all.
sub wait_gone {
    my ($self, @pids) = @_;

    return $self->wait_until(sub {
        $self->_reap;
        my $ours = $self->processes;
        return !grep { $ours->{$_} } @pids ? @pids : keys %$ours;
    }, 20);
}


# Read the configuration again; returns when new workers serve.  False when
# nginx refused it (error_log says why) and the old workers go on.
sub reload {
    my ($self) = @_;

    my %old = map { $_ => 1 } $self->workers;
    my $seen = length $self->error_log;

    CORE::kill('HUP', $self->{master});

    my $result = $self->wait_until(sub {
        return 'refused'
            if substr($self->error_log, $seen) =~ /\[emerg\]/;
        return grep({ !$old{$_} } $self->workers) >= $self->{workers};
    }, 20);

    return $result && $result ne 'refused';
}


# stop: workers finish their requests (QUIT); stop('TERM') at once.
sub stop {
    my ($self, $signal) = @_;

    return 1 if !$self->{pgrp};

    CORE::kill($signal // 'QUIT', $self->{master}) if $self->{master};

    my $gone = $self->wait_until(sub {
        return $self->_reap && !$self->pids;
    }, 20);

    if (!$gone) {
        Test::More::diag('nginx does not leave: '
            . join ', ', values %{ $self->processes });
        $self->_kill_rest;
    }

    return $gone;
}


sub restart {
    my ($self) = @_;

    $self->stop;
    return $self->start;
}


sub _kill_rest {
    my ($self) = @_;

    CORE::kill('KILL', -$self->{pgrp}) if $self->pids;
    $self->wait_until(sub { return $self->_reap && !$self->pids }, 10);
}


sub error_log {
    my ($self) = @_;

    return _slurp("$self->{dir}/error.log");
}


sub wait_log {
    my ($self, $regex, $seconds) = @_;

    return $self->wait_until(sub { $self->error_log =~ $regex }, $seconds);
}


# Lines that match are no reason to fail.
sub allow {
    my ($self, @regexes) = @_;

    push @{ $self->{allow} }, @regexes;
    return $self;
}


sub unexpected {
    my ($self) = @_;
    my @lines;

    for my $line (split /\n/, $self->error_log) {
        next if $line !~ /\[(?:alert|emerg|crit)\]|exited on signal/;
        next if $line =~ /process (\d+) exited on signal/
                && $self->{killed}{$1};
        next if $line =~ /exited on signal 9/ && $self->{env}{FKV_KILL};
        next if grep { $line =~ $_ } @{ $self->{allow} };
        push @lines, $line;
    }

    return join "\n", @lines;
}


# Stop for good, and say what was wrong: '' when all was well.
sub end {
    my ($self) = @_;

    my $gone = $self->stop;
    $self->{finished} = 1;

    return ($gone ? '' : "processes did not leave\n") . $self->unexpected;
}


# The same as one more test.
sub finish {
    my ($self) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    return Test::More::is($self->end, '', 'nginx stopped, its log is clean');
}


sub _slurp {
    my ($path) = @_;

    open my $file, '<', $path or return '';
    local $/;
    return scalar(<$file>) // '';
}


# A failed test keeps its directory, or what it held could not be looked at.
END {
    for my $self (grep { $_->{owner} == $$ } @all) {
        my $status = $?;

        if (!$self->{finished}) {
            Test::More::diag('a test ended without finish()') if !$status;
            $status ||= 1;
            $self->_kill_rest if $self->{pgrp};
        }

        if ($status == 0 && Test::More->builder->is_passing) {
            remove_tree($self->{dir});
        } else {
            Test::More::diag("kept $self->{dir}");
        }

        $? = $status;
    }
}

1;
