# The cache's lock, old entries that are served nevertheless, and those that the
# upstream says are still good.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use Ferrokv::Http;
use Ferrokv::Nginx;
use Ferrokv::Origin;

my $nginx = Ferrokv::Nginx->new(<<'CONF', workers => 2);
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=64m sync=everysec;
events { }
http {
    %%HTTP%%
    add_header X-Cache $ferrokv_cache_status always;

    server {
        listen 127.0.0.1:%%PORT%% reuseport;
        proxy_set_header Host $host;
        proxy_http_version 1.1;
        proxy_read_timeout 1s;
        ferrokv_cache main;
        ferrokv_cache_inactive 1h;
        ferrokv_cache_status_header on;

        location / { proxy_pass http://127.0.0.1:%%PORT1%%; }

        location /lock/ {
            ferrokv_cache_lock on;
            proxy_read_timeout 20s;
            proxy_pass http://127.0.0.1:%%PORT1%%;
        }

        location /lock/death {
            ferrokv_cache_lock on;
            proxy_read_timeout 20s;
            proxy_pass http://127.0.0.1:%%PORT1%%/death/$pid;
        }

        location /lock/timeout/ {
            ferrokv_cache_lock on;
            ferrokv_cache_lock_timeout 300ms;
            proxy_read_timeout 20s;
            proxy_pass http://127.0.0.1:%%PORT1%%;
        }

        location /lock/age/ {
            ferrokv_cache_lock on;
            ferrokv_cache_lock_age 300ms;
            proxy_read_timeout 20s;
            proxy_pass http://127.0.0.1:%%PORT1%%;
        }

        location /stale/ {
            ferrokv_cache_use_stale error timeout http_500 http_404;
            proxy_pass http://127.0.0.1:%%PORT1%%;
        }

        location /dead/ {
            ferrokv_cache_use_stale error;
            error_page 502 /sorry;
            proxy_pass http://127.0.0.1:%%PORT2%%;
        }

        location /updating/ {
            ferrokv_cache_use_stale updating;
            proxy_read_timeout 20s;
            proxy_pass http://127.0.0.1:%%PORT1%%;
        }

        location /background/ {
            ferrokv_cache_use_stale updating;
            ferrokv_cache_background_update on;
            proxy_read_timeout 20s;
            proxy_pass http://127.0.0.1:%%PORT1%%;
        }

        location /again/ {
            ferrokv_cache_revalidate on;
            ferrokv_cache_background_update on;
            proxy_pass http://127.0.0.1:%%PORT1%%;
        }
    }
}
CONF

my $origin = Ferrokv::Origin->new($nginx->port(1));
my $dead = Ferrokv::Origin->new($nginx->port(2));
my $gate = $nginx->dir . '/gate';
my $http;

$nginx->start;
$http = Ferrokv::Http->new($nginx->port);

# Many at once: the origin is asked once, and all get its answer.

$origin->answer('/', sub {
    return { headers => [ 'Cache-Control' => 'max-age=60' ],
             body => "answer $_[1]", wait => $gate };
});
my $clients = clients(20, '/lock/a');
ok($nginx->wait_until(sub { $origin->asked('/lock/a') }), 'one asks');
sleep 0.3;
open_gate();
is_deeply([ results($clients) ], [ ('200 answer 1') x 20 ], 'all are answered');
is($origin->asked('/lock/a'), 1, 'by one answer');

# What cannot be stored is asked for by each.

unlink $gate;
$origin->answer('/lock/private', sub {
    return { headers => [ 'Cache-Control' => 'private' ],
             body => "private $_[1]" };
});
$clients = clients(6, '/lock/private');
is(scalar(grep { /^200 private/ } results($clients)), 6, 'nobody is left over');
is($origin->asked('/lock/private'), 6, 'each asked for itself');

# As soon as that is known nobody waits any more: each of these is answered
# when all of them have been asked for, which would not happen one by one.

my $first = $nginx->dir . '/first';

for my $how ('private', 'large') {
    my $path = "/lock/together/$how";

    unlink $gate, $first;
    $origin->answer('/lock/together', sub {
        return { $how eq 'private'
            ? (headers => [ 'Cache-Control' => 'private' ], body => "a $_[1]")
            : (headers => [ 'Cache-Control' => 'max-age=60' ],
               body => "a $_[1] " . 'x' x 2_000_000),
            wait => $_[1] == 1 ? $first : $gate };
    });
    $clients = clients(8, $path);
    ok($nginx->wait_until(sub { $origin->asked($path) }), "$how: one asks");
    sleep 0.2;
    is($origin->asked($path), 1, 'nobody else');
    open_gate($first);
    ok($nginx->wait_until(sub { $origin->asked($path) == 8 }), 'then all do');
    open_gate();
    is(scalar(grep { /^200 a \d/ } results($clients)), 8, 'and are answered');
}

unlink $gate;
$clients = clients(4, '/lock/together/large');
ok($nginx->wait_until(sub { $origin->asked('/lock/together/large') == 12 }),
    'it is remembered');
open_gate();
results($clients);
unlink $gate;

# The upstream's failures are no reason to ask all at once.

unlink $first;
$origin->answer('/lock/fails', sub {
    return { status => 503, body => 'no', wait => $_[1] == 1 ? $first : $gate };
});
$clients = clients(3, '/lock/fails');
ok($nginx->wait_until(sub { $origin->asked('/lock/fails') }), 'one asks');
sleep 0.2;
open_gate($first);
ok($nginx->wait_until(sub { $origin->asked('/lock/fails') == 2 }), 'then another');
sleep 0.3;
is($origin->asked('/lock/fails'), 2, 'but not all');
open_gate();
results($clients);
unlink $gate;

# A holder that dies: another goes on.

sub holders { return map { m{^/death/(\d+)} } $origin->requests }

$clients = clients(8, '/lock/death');
ok($nginx->wait_until(sub { holders() }), 'one asks');
sleep 0.3;
$nginx->allow(qr/exited on signal 9$/);
kill 'KILL', holders();
ok($nginx->wait_until(sub { holders() == 2 }),
    'it dies, and another one goes on');
sleep 0.3;
cmp_ok(holders(), '<=', 2, 'and no third one');
open_gate();
results($clients);
ok($nginx->wait_until(sub { cache('/lock/death') =~ /^HIT answer/ }),
    'what it got is stored');
ok($nginx->wait_workers(2), 'there are two again');

# A client that goes away, and one whose patience ends.

unlink $gate;
my $gone = Ferrokv::Http->new($nginx->port);
$gone->connect;
$gone->write("GET /lock/gone HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
ok($nginx->wait_until(sub { $origin->asked('/lock/gone') }), 'one asks');
$clients = clients(2, '/lock/gone');
sleep 0.2;
shutdown $gone->{socket}, 2;            # the clients have it, too
ok($nginx->wait_until(sub { $origin->asked('/lock/gone') == 2 }),
    'another asks when it has gone');
open_gate();
is_deeply([ results($clients) ], [ ('200 answer 2') x 2 ], 'for both');

unlink $gate;
$clients = clients(1, '/lock/timeout/a');
ok($nginx->wait_until(sub { $origin->asked('/lock/timeout/a') }), 'one asks');
push @$clients, @{ clients(1, '/lock/timeout/a') };
ok($nginx->wait_until(sub { $origin->asked('/lock/timeout/a') == 2 }),
    'lock_timeout: so does the other');
open_gate();
is(join(' ', sort(results($clients))), '200 answer 1 200 answer 2', 'each');

unlink $gate;
$clients = clients(1, '/lock/age/a');
ok($nginx->wait_until(sub { $origin->asked('/lock/age/a') }), 'one asks');
push @$clients, @{ clients(3, '/lock/age/a') };
ok($nginx->wait_until(sub { $origin->asked('/lock/age/a') >= 2 }),
    'lock_age: one more');
open_gate();
is(scalar(grep { /^200 answer/ } results($clients)), 4, 'all are answered');

# Stale when the upstream fails.

fresh_then_stale('/stale/a', 'max-age=1');
is(cache('/stale/a'), 'STALE answer', 'a 500');
is(get('/stale/a')->header('Cache-Status'),
    'ferrokv; fwd=stale; fwd-status=500', 'which Cache-Status tells');
is(get('/stale/a', Range => 'bytes=0-2')->body, 'ans', 'a range of it');
$origin->answer('/stale/a', { status => 503, body => 'no' });
is(cache('/stale/a'), 'EXPIRED 503', 'a 503 was not named');
$origin->answer('/stale/a', { status => 404, body => 'no' });
is(cache('/stale/a'), 'STALE answer', 'a 404 was');
$origin->answer('/stale/a', { raw => '' });
is(cache('/stale/a'), 'STALE answer', 'an upstream that says nothing');
$origin->answer('/stale/a', { wait => "$gate.never" });
is(cache('/stale/a'), 'STALE answer', 'one that is too slow');
$origin->answer('/stale/none', { wait => "$gate.never" });
is(cache('/stale/none'), 'MISS 504', 'of nothing there is nothing');
$nginx->allow(qr/upstream (?:prematurely closed|timed out)/);

fresh_then_stale('/stale/must', 'max-age=1, must-revalidate');
is(cache('/stale/must'), 'EXPIRED 500', 'must-revalidate');
fresh_then_stale('/if_error', 'max-age=1, stale-if-error=100');
is(cache('/if_error'), 'STALE answer', 'stale-if-error');

$dead->answer('/', { headers => [ 'Cache-Control' => 'max-age=1' ],
    body => 'alive' });
get('/dead/a');
$dead->stop;
$origin->answer('/sorry', { body => 'sorry' });
ok($nginx->wait_until(sub { cache('/dead/a') eq 'STALE alive' }),
    'nobody listens there');
is(get('/dead/b')->body, 'sorry', 'an error page, if there is nothing old');
$nginx->allow(qr/connect\(\) failed|no live upstreams/);

# Stale while somebody asks.

fresh_then_slow('/updating/a');
$clients = clients(1, '/updating/a');
ok($nginx->wait_until(sub { $origin->asked('/updating/a') == 2 }), 'one asks');
is(cache('/updating/a'), 'UPDATING answer 1', 'others get what there is')
    for 1 .. 3;
open_gate();
is_deeply([ results($clients) ], [ '200 answer 2' ], 'who asked waits');
ok($nginx->wait_until(sub { cache('/updating/a') eq 'HIT answer 2' }),
    'then all get that');

fresh_then_slow('/background/a');
is(cache('/background/a'), 'STALE answer 1', 'nobody waits');
ok($nginx->wait_until(sub { $origin->asked('/background/a') == 2 }),
    'it is asked for behind');
is((map { my $h = Ferrokv::Http->new($nginx->port);
          $h->get('/background/a')->header('X-Cache') } 1)[0], 'UPDATING',
    'once');
open_gate();
ok($nginx->wait_until(sub { cache('/background/a') eq 'HIT answer 2' }),
    'and stored');
is($origin->asked('/background/a'), 2, 'once');

fresh_then_slow('/swr', 'max-age=1, stale-while-revalidate=100');
is(cache('/swr'), 'STALE answer 1', 'stale-while-revalidate');
open_gate();
ok($nginx->wait_until(sub { cache('/swr') eq 'HIT answer 2' }), 'updates it');

# Revalidation.

$origin->answer('/again/', sub {
    my ($request, $n) = @_;
    my $asked = $request->{headers}{'if-none-match'} // '';
    my $since = $request->{headers}{'if-modified-since'} // '';

    return { status => 304, headers => [ 'ETag' => '"1"', 'X-N' => $n,
                 'Cache-Control' => 'max-age=100' ] }
        if $asked eq '"1"' && $since eq 'Sun, 06 Nov 1994 08:49:37 GMT';

    return { headers => [ 'ETag' => '"1"', 'X-N' => $n, 'X-Old' => 'yes',
                 'Last-Modified' => 'Sun, 06 Nov 1994 08:49:37 GMT',
                 'Content-Type' => 'text/x', 'Cache-Control' => 'max-age=1' ],
             body => "body $n" };
});
is(cache('/again/a'), 'MISS body 1', 'a body with a tag');
my $r;
ok($nginx->wait_until(sub { ($r = get('/again/a'))->header('X-Cache')
    eq 'REVALIDATED' }), 'is revalidated');
is($r->status . $r->body, '200body 1', 'the body is the old one');
is($r->header('X-N') . $r->header('X-Old') . $r->header('Content-Type'),
    '2yestext/x', 'its fields are renewed');
is($r->header('Cache-Status'), 'ferrokv; fwd=stale; fwd-status=304; stored',
    'Cache-Status');
ok($nginx->wait_until(sub { ($r = get('/again/a'))->header('X-Cache')
    eq 'HIT' }), 'and it is stored');
is($r->body . $r->header('X-N') . $r->header('Cache-Control'),
    'body 12max-age=100', 'with them');
is(get('/again/a', 'If-None-Match' => '"1"')->status, 304, 'for a client, too');

$origin->answer('/again/other', sub {
    my ($request, $n) = @_;

    return { status => $n == 1 ? 200 : 304, body => 'x',
             headers => [ 'ETag' => "\"$n\"", 'Cache-Control' => 'max-age=1' ] };
});
get('/again/other');
ok($nginx->wait_until(sub { cache('/again/other') eq 'EXPIRED 502' }),
    'a 304 about something else');

$origin->answer('/again/changed', sub {
    my ($request, $n) = @_;

    return { body => "new $n", headers => [ 'ETag' => "\"$n\"",
             'Cache-Control' => 'max-age=' . ($n == 1 ? 1 : 100) ] };
});
get('/again/changed');
ok($nginx->wait_until(sub { cache('/again/changed') eq 'EXPIRED new 2' }),
    'one that has changed');
ok($nginx->wait_until(sub { cache('/again/changed') eq 'HIT new 2' }),
    'is stored');

$origin->stop;
$nginx->finish;
done_testing();


sub get { return $http->get(@_) }


sub cache {
    my $answer = get(@_);

    return join ' ', $answer->header('X-Cache') // '-',
        $answer->status == 200 ? $answer->body : $answer->status;
}


sub open_gate {
    my ($path) = (@_, $gate);

    open my $fh, '>', $path or die "$path: $!";
    close $fh;
}


# Requests at once, each by a process of its own.
sub clients {
    my ($n, $path) = @_;
    my @pipes;

    for (1 .. $n) {
        my $pid = open(my $pipe, '-|') // die "fork: $!";

        if ($pid == 0) {
            my $answer = Ferrokv::Http->new($nginx->port, timeout => 20)
                ->get($path);

            print $answer->status, ' ', $answer->body;
            close STDOUT;
            POSIX::_exit(0);
        }

        push @pipes, $pipe;
    }

    return \@pipes;
}


sub results {
    my ($pipes) = @_;
    local $/;

    return map { scalar(<$_>) // '' } @$pipes;
}


sub fresh_then_stale {
    my ($path, $control) = @_;

    $origin->answer($path, { body => 'answer',
        headers => [ 'Cache-Control' => $control ] });
    is(cache($path), 'MISS answer', "$path: $control");
    $origin->answer($path, { status => 500, body => 'no' });
    ok($nginx->wait_until(sub { cache($path) !~ /^HIT/ }), 'it gets old');
}


# The second answer waits for the gate.
sub fresh_then_slow {
    my ($path, $control) = @_;

    unlink $gate;
    $control //= 'max-age=1';
    $origin->answer($path, sub {
        my ($request, $n) = @_;

        return { body => "answer $n", $n == 1 ? () : (wait => $gate),
                 headers => [ 'Cache-Control' => $n == 1 ? $control
                                                         : 'max-age=100' ] };
    });
    is(cache($path), 'MISS answer 1', $path);
    sleep 2.1;
}
