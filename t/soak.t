# Mixed load for long: keys that expire, overwrites, deletes of prefixes, elements,
# large values, cache, limits, snapshots, and reloads.  What it takes of disk, memory
# and descriptors stays as it is, and so does how long clients wait.
#
# FKV_SECONDS= an hour, say: a reload each minute, and trends are judged.  The short
# form has two reloads.  build/soak has a table of each second, and a plot.

use strict;
use warnings;

use List::Util qw(max);
use Test::More;
use Time::HiRes qw(sleep time);

use Ferrokv::Http;
use Ferrokv::Installed;
use Ferrokv::Load;
use Ferrokv::Nginx;
use Ferrokv::Resp;
use Ferrokv::Soak;

use constant {
    CLIENTS => 4,
    PAUSE   => 0.004,       # between two requests of a client
    JUDGED  => 180,         # seconds; less says nothing about trends
    HOLD    => 60,          # seconds that a cursor holds what it has seen
};

my $seconds = $ENV{FKV_SECONDS} // 8;
my $reload_every = $seconds < JUDGED ? $seconds / 3 : 60;

my $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 2, stream => 1,
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=16m max_value=512k blob_min=32k
              sync=everysec;
%%EXTENSIONS%%
events { }
stream {
    server { listen 127.0.0.1:%%PORT1%% reuseport; ferrokv_resp; }
}
http {
    %%HTTP%%
    keepalive_requests 1000000000;
    ferrokv_limit_zone $http_x_who zone=who rate=10r/s;

    server {
        listen 127.0.0.1:%%PORT%% reuseport;
        location /kv/ { ferrokv_rest write=on; }
        location /status { ferrokv_status; }
        location /still { return 200; }
        location /limited/ {
            ferrokv_limit zone=who burst=5 nodelay;
            ferrokv_limit_log_level notice;
            ferrokv_rest;
        }
        location /cached/ {
            ferrokv_cache main;
            ferrokv_cache_valid 200 2s;
            ferrokv_cache_inactive 3s;
            proxy_pass http://127.0.0.1:%%PORT2%%;
        }
    }
    server {
        listen 127.0.0.1:%%PORT2%%;
        location / { return 200 "$request_uri $request_uri $request_uri"; }
    }
}
CONF
    log_level => 'warn', vars => { EXTENSIONS => extension_conf('hash') });
$nginx->start;

my $load = Ferrokv::Load->start(CLIENTS, \&client);
my $soak = Ferrokv::Soak->new($nginx, $nginx->dir . '/store');
my $begin = time;
my ($reloads, $next) = (0, $begin + $reload_every);

for (my $second = 1; $second <= $seconds; $second++) {
    my $left = $begin + $second - time;

    sleep $left if $left > 0;
    $soak->sample;

    if (time >= $next && time < $begin + $seconds - 1) {
        ok($nginx->reload, 'a reload');
        $reloads++;
        $next += $reload_every;
    }
}

my @said = $load->finish;
my ($bytes, $requests, $crossed) = (0, 0, 0);

for my $client (@said) {
    is(join("\n", @{ $client->{odd} }), '', 'no request failed');
    $bytes += $client->{bytes};
    $requests += $client->{requests};
    $crossed += $client->{crossed};
}

cmp_ok($crossed, '<=', $reloads, 'few requests crossed the end of a connection');

$soak->clients(HOLD, map { $_->{seen} } @said);
mkdir 'build';
my $plotted = $soak->write('build/soak');

ok($nginx->wait_until(sub { $nginx->leaving == 0 }, 20), 'old workers have left');
trends() if $seconds >= JUDGED;

diag sprintf 'soak: %d s, %d reloads, %d requests, %.1f MiB written, disk at most'
    . ' %.1f MiB, memory (PSS) %.1f MiB, %d descriptors, longest wait %.1f ms, %d requests sent twice%s',
    $seconds, $reloads, $requests, $bytes / 1048576,
    map({ $soak->most($_) } qw(disk_mib pss_mib files most_ms)),
    $crossed, $plotted ? '; build/soak/soak.png' : '';

$nginx->finish;
done_testing();


# The last third beside the middle one; and the disk does not keep what was written.
# Clients leave listings unfinished, so what the last minute wrote is on disk, dead
# or not, and how much that is, is up to the machine.  So is how long a request
# waits that has nothing to do with the store.
sub trends {
    my ($held, $still) = map { growth($_) } qw(held_mib still_ms);

    for my $case ([disk_mib => 1.15 * $held, 8], [tables => 1.5 * $held, 10],
                  [pss_mib => 1.15, 8], [rss_mib => 1.15, 8], [files => 1.15, 20],
                  [memory_private => 1.15, 1 << 20], [leases => 1.5, 10],
                  [p50_ms => 3 * $still, 5], [p99_ms => 3 * $still, 50])
    {
        my ($column, $times, $more) = @$case;
        my ($middle, $last) = $soak->thirds($column);

        cmp_ok($last, '<', $middle * $times + $more,
               sprintf '%s: %.1f, then %.1f', $column, $middle, $last);
    }

    cmp_ok($soak->most('disk_mib'), '<', $bytes / 1048576,
           'the disk has less than was written');
}


sub growth {
    my ($middle, $last) = $soak->thirds($_[0]);

    return max(1, $last / ($middle || 1));
}


sub client {
    my ($i, $stop) = @_;
    my $self = { i => $i, n => 0, bytes => 0, counted => 0, still => 0, odd => [],
                 seen => [], waits => [], second => int time, requests => 0,
                 crossed => 0 };
    my @does = ((\&overwrite) x 6, (\&expiring) x 6, (\&read_some) x 6,
                \&prefix, (\&elements) x 3, \&large, (\&cached) x 3, (\&limited) x 3,
                \&snapshot, \&list, \&still);

    until ($stop->()) {
        $does[rand @does]->($self);
        sleep PAUSE;
    }

    count_second($self);
    return { map { $_ => $self->{$_} } qw(bytes odd seen requests crossed) };
}


sub count_second {
    my ($self) = @_;
    my @waits = sort { $a <=> $b } splice @{ $self->{waits} };

    if (@waits) {
        push @{ $self->{seen} }, [$self->{second}, scalar @waits,
            $self->{bytes} - $self->{counted}, $self->{still},
            @waits[$#waits / 2, $#waits * 0.99, -1]];
        $self->{counted} = $self->{bytes};
    }

    $self->{requests} += @waits;
    $self->{second} = int time;
}


# What takes a second or more belongs to the one in which it ends.
sub timed {
    my ($self, $code) = @_;
    my $begin = time;
    my $r = $code->();

    count_second($self) if int time != $self->{second};
    push @{ $self->{waits} }, time - $begin;
    return $r;
}


# A worker that leaves closes kept connections: one more try.
sub rest {
    my ($self, $wanted, @request) = @_;
    my $http = $self->{http} //= Ferrokv::Http->new($nginx->port);
    my $r = timed($self, sub {
        my $r = $http->request(@request);
        return $r->status ? $r : $http->request(@request);
    });

    $self->{bytes} += length($request[2] // '');
    push @{ $self->{odd} }, "$request[0] $request[1]: "
        . ($r->error // $r->status . ' ' . substr $r->body, 0, 200)
        if $r->status !~ /^(?:$wanted)$/ && @{ $self->{odd} } < 10;
    return $r;
}


# A worker that leaves ends a kept connection behind an answer.  Who sees that
# begins another; a request that has been sent before its end could be seen is lost
# unanswered, and undone: TCP knows no way to prevent that.  It is sent again, on a
# connection that nothing has been answered on, which is never closed so.
sub resp {
    my ($self, @command) = @_;
    my $reply = timed($self, sub {
        delete $self->{resp} if $self->{resp} && !$self->{resp}->quiet(0);

        my $kept = $self->{resp};
        my $reply = resp_try($self, @command);

        if (!defined $self->{resp} && $kept) {
            $self->{crossed}++;
            $reply = resp_try($self, @command);
        }

        return $reply;
    });

    $self->{bytes} += length for @command;
    push @{ $self->{odd} }, "$command[0]: $reply"
        if defined $reply && $reply =~ /^(?:[A-Z]+ |no answer)/
           && @{ $self->{odd} } < 10;
    return $reply;
}


sub resp_try {
    my ($self, @command) = @_;
    my $reply = eval {
        ($self->{resp} //= Ferrokv::Resp->new($nginx->port(1)))->cmd(@command) };

    return $reply if !$@;

    delete $self->{resp};
    return "no answer: $@";
}


# Compression gains nothing.
sub noise { return join '', map { pack 'N', rand 2 ** 32 } 1 .. $_[0] / 4 }


sub overwrite {
    my ($self) = @_;
    my $key = 'over:' . int rand 500;

    rand() < 0.5
        ? rest($self, '201|204', 'PUT', "/kv/$key", noise(2000 + rand 6000))
        : resp($self, 'SET', $key, noise(2000 + rand 6000));
}


sub expiring {
    my ($self) = @_;
    my $key = "ttl:$self->{i}:" . $self->{n}++;
    my $ms = 500 + int rand 4000;

    rand() < 0.5
        ? rest($self, '201', 'PUT', "/kv/$key?ttl=${ms}ms", noise(3000))
        : resp($self, 'SET', $key, noise(3000), 'PX', $ms);
}


sub read_some {
    my ($self) = @_;

    rand() < 0.5
        ? rest($self, '200|404', 'GET', '/kv/over:' . int rand 500)
        : resp($self, 'MGET', map { 'over:' . int rand 500 } 1 .. 5);
}


sub prefix {
    my ($self) = @_;
    my $name = "prefix:$self->{i}:" . $self->{n}++;

    resp($self, 'MSET', map { ("$name:$_", noise(500)) } 1 .. 10);
    rest($self, '200', 'DELETE', "/kv/?prefix=$name:");
}


sub elements {
    my ($self) = @_;
    my $key = 'hash:' . int rand 20;

    rand() < 0.05 ? resp($self, 'DEL', $key)
        : rand() < 0.2 ? resp($self, 'HDEL', $key, 'f' . int rand 500)
        : rand() < 0.2 ? resp($self, 'HMGET', $key, map { 'f' . int rand 500 } 1 .. 5)
        : resp($self, 'HSET', $key, map { ('f' . int rand 500, noise(100)) } 1 .. 5);
}


sub large {
    my ($self) = @_;
    my $key = 'large:' . int rand 20;

    rand() < 0.5
        ? rest($self, '200|404', 'GET', "/kv/$key")
        : rest($self, '201|204', 'PUT', "/kv/$key", noise(33_000 + rand 60_000));
}


# What the machine itself takes.
sub still {
    my ($self) = @_;

    rest($self, '200', 'GET', '/still');
    $self->{still} = $self->{waits}[-1] // 0;
}


sub cached  { rest($_[0], '200', 'GET', '/cached/' . int rand 300) }
sub limited { rest($_[0], '200|404|429', 'GET', '/limited/over:1', undef,
                   'X-Who' => int rand 1000) }


sub snapshot {
    my ($self) = @_;
    my $r = rest($self, '201|503', 'POST', '/kv/?snapshot&ttl=1s', '');

    return if $r->status != 201;
    rest($self, '200|404|410', 'GET', '/kv/over:' . int(rand 500) . '?snapshot='
         . $r->json->{snapshot});
}


sub list { rest($_[0], '200|503', 'GET', '/kv/?prefix=over:&limit=20') }
