# Limits are exact: over workers, seconds, restarts, reloads and deaths.

use strict;
use warnings;

use Test::More;
use Time::HiRes qw(sleep time);

use Ferrokv::Http;
use Ferrokv::Load;
use Ferrokv::Nginx;

my $conf = <<'CONF';
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=64m sync=SYNC;
events { }
http {
    %%HTTP%%
    ferrokv_limit_log_level info;
    ferrokv_limit_zone $arg_k zone=ten rate=10r/s;
    ferrokv_limit_zone $KEY zone=some rate=RATE;
    ferrokv_limit_zone $arg_k zone=every rate=1000r/h sync=always;

    server {
        listen 127.0.0.1:%%PORT%%;
        keepalive_requests 1000000;
        location /ten { ferrokv_limit zone=ten burst=5 nodelay; empty_gif; }
        location /some { ferrokv_limit zone=some burst=4 nodelay; empty_gif; }
        location /every { ferrokv_limit zone=every burst=100 nodelay;
                          empty_gif; }
        location /status { ferrokv_status; }
    }
}
CONF

sub conf {
    my (%word) = (SYNC => 'always', KEY => 'arg_k', RATE => '5r/h', @_);

    return $conf =~ s/\b(SYNC|KEY|RATE)\b/$word{$1}/gr;
}


# How many of each status n clients see, and the times of what passed.
sub hammer {
    my ($port, $path, $n, $seconds) = @_;

    my $load = Ferrokv::Load->start($n, sub {
        my $http = Ferrokv::Http->new($port, timeout => 30);
        my ($end, %seen, @passed) = (time + $seconds);

        while (time < $end) {
            my $status = $http->get($path)->status;

            $seen{$status}++;
            push @passed, time if $status == 200;
        }

        return { seen => \%seen, passed => \@passed };
    });

    my (%seen, @passed);

    for my $result ($load->wait) {
        $seen{$_} += $result->{seen}{$_} for keys %{ $result->{seen} };
        push @passed, @{ $result->{passed} };
    }

    return (\%seen, sort { $a <=> $b } @passed);
}


# What may have passed between the first and the last.
sub passed_is_exact {
    my ($sync, $seconds) = @_;
    my $nginx = Ferrokv::Nginx->new(conf(SYNC => $sync), workers => 2);

    $nginx->start;
    $nginx->wait_workers;

    my ($seen, @passed) = hammer($nginx->port, '/ten?k=a', 4, $seconds);
    my $expected = 10 * ($passed[-1] - $passed[0]) + 6;

    is(join(' ', sort keys %$seen), '200 429', "sync=$sync: nothing else");
    cmp_ok(abs(@passed - $expected), '<=', 1, 'as many as the rate says')
        or diag(@passed . " passed, not $expected");
    cmp_ok($passed[-1] - $passed[0], '>', $seconds - 0.5, 'to the end');

    my $zone = Ferrokv::Http->new($nginx->port)->get('/status')
        ->json->{limits}{ten};
    is($zone->{passed}, @passed, 'all were counted');
    is($zone->{rejected}, $seen->{429}, 'and all others');

    $nginx->finish;
}

passed_is_exact('always', 10);
passed_is_exact('everysec', 4);


my $nginx = Ferrokv::Nginx->new(conf(), workers => 2);
$nginx->start;

my $http = Ferrokv::Http->new($nginx->port);

sub statuses {
    my ($path, $n) = @_;

    return join ' ', map { $http->get($path)->status } 1 .. $n;
}

sub used { return 101 - ($http->get('/every?k=a')
                           ->header('RateLimit') =~ /r=(\d+)/)[0] }


# Restart and crash

is(statuses('/some?k=a', 6), '200 200 200 200 200 429', 'before');
is(statuses('/some?k=b', 2), '200 200', 'before');
$nginx->restart;
is(statuses('/some?k=a', 2), '429 429', 'a restart forgets nothing');
is(statuses('/some?k=b', 4), '200 200 200 429', 'and adds nothing');

is(statuses('/every?k=a', 20), join(' ', (200) x 20), 'sync=always');
$nginx->kill('KILL');
$nginx->start;
is(used(), 21, 'nothing is lost when all are killed');


# One worker dies, the others go on; its clients' connections break.

my $begun = time;
my $load = Ferrokv::Load->start(4, sub {
    my $client = Ferrokv::Http->new($nginx->port, timeout => 20);
    my %seen;

    until ($seen{429}) {
        $seen{$client->get('/every?k=kill')->status}++;
        sleep 0.02;
    }

    return \%seen;
});

for (1 .. 3) {
    sleep 0.1;
    $nginx->wait_workers;
    $nginx->kill('KILL', ($nginx->workers)[0]);
}

my ($passed, $lost) = (0, 0);

for my $seen ($load->wait) {
    $passed += $seen->{200} // 0;
    $lost += $seen->{0} // 0;
}

$nginx->wait_workers;
cmp_ok($passed, '<=', 101 + (time - $begun) / 3.6,
       'deaths let nobody pass twice');
cmp_ok($passed + $lost, '>=', 101, 'nor take what nobody has used');
is($http->get('/every?k=kill')->status, 429, 'it is known to who comes now');


# Reload: another key, another rate

# True when only new workers take connections.
sub reload_to {
    my %old = map { $_ => 1 } $nginx->workers;

    $nginx->write_conf(conf(@_));
    return $nginx->reload
        && $nginx->wait_until(sub { !grep { $old{$_} } $nginx->workers });
}

is(statuses('/some?k=reload', 6), '200 200 200 200 200 429', 'before');
ok(reload_to(KEY => 'arg_k$arg_k'), 'another key');
is(statuses('/some?k=reload', 6), '200 200 200 200 200 429', 'begins anew');

ok(reload_to(RATE => '20r/s'), 'another rate');
is(statuses('/some?k=reload', 1), '429', 'what was used, was');
sleep 0.5;
is(statuses('/some?k=reload', 5), '200 200 200 200 200',
   'but the new rate brings it back');
is($http->get('/status')->json->{limits}{every}{rejected} > 0, 1,
   'counters stay over a reload');

$nginx->finish;
done_testing();
