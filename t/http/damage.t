# What a store still answers when bytes of it are wrong or gone: an error that
# says where, all the rest, and never a wrong value.

use strict;
use warnings;

use lib 't/lib';
use Test::More;

use Ferrokv::Http;
use Ferrokv::Nginx;

my $conf = <<'CONF';
%%GLOBALS%%
ferrokv_store main path=%%DIR%%/store memory=8m compression=none
                   checkpoints=%%DIR%%/saved;
events { }
http {
    %%HTTP%%
    server {
        listen 127.0.0.1:%%PORT%%;
        location /kv/ { ferrokv_rest write=on danger=on; }
        location /status { ferrokv_status; }
    }
}
CONF

my ($nginx, $http);

sub value { return "value $_[0] " x 500 }

sub path { return $nginx->dir . "/store/$_[0]" }


# A store that was stopped, with keys 1 .. n in tables and log.
sub stopped {
    my ($n) = @_;

    $nginx = Ferrokv::Nginx->new($conf);
    $nginx->start;
    $http = Ferrokv::Http->new($nginx->port);

    my $bad = grep { $http->put("/kv/k$_", value($_))->status != 201 } 1 .. $n;

    is($bad, 0, "$n values");
    $nginx->stop;
}


# What the master said meanwhile: to stderr, as there is no other log yet.
sub started {
    my ($ok, $said) = $nginx->start;

    ok($ok, 'the store opens') or diag $said;
    $http = Ferrokv::Http->new($nginx->port);

    return $said;
}


# What the keys 1 .. n answer: { what => how many }.
sub answers {
    my ($n) = @_;
    my %seen;

    for my $i (1 .. $n) {
        my $r = $http->get("/kv/k$i");
        my $code = $r->status == 200 ? '' : eval { $r->json->{code} } // '';

        $code = $r->body eq value($i) ? 'right' : 'wrong' if $r->status == 200;
        $seen{ $r->status . " $code" }++;
    }

    return \%seen;
}


sub flip {
    my ($path, $at) = @_;

    open my $file, '+<:raw', $path or die "$path: $!";
    seek $file, $at, 0;
    read $file, my $byte, 1 or die "$path: no byte at $at";
    seek $file, $at, 0;
    print {$file} chr(ord($byte) ^ 0x40);
    close $file or die "$path: $!";
}


sub manifest { return (glob path($_[0] . '-*'))[-1] }


subtest 'a flipped byte in a manifest' => sub {
    stopped(1000);
    cmp_ok(-s manifest('MANIFEST'), '>', 500, 'of some edits');
    my $said;

    for my $part (0.001, 0.1, 0.4, 0.7, 0.97) {
        my $path = manifest($part < 0.5 ? 'MANIFEST' : 'MIRROR');
        my ($name) = $path =~ m{([^/]+)$};

        flip($path, int($part * -s $path));
        $said = started();
        is_deeply(answers(1000), { '200 right' => 1000 },
            "$name, $part: all values are there");
        is($http->put('/kv/new', $part)->status =~ s/204/201/r, 201,
            'and it takes writes');

        # The last edit of a mirror looks as if it had never been written.
        like($said, qr/\[alert\].*$name is damaged.* at offset \d+/,
            'the log says where') if $part < 0.9;

        # More edits, for the next round.
        $http->put("/kv/more$part:$_", value($_)) for 1 .. 800;
        $nginx->stop;
    }

    flip(path('CURRENT'), 3);
    $said = started();
    is_deeply(answers(1000), { '200 right' => 1000 }, 'CURRENT: the same');
    like($said, qr/\[alert\].*CURRENT is damaged at offset 0/,
        'the log says so');
    $nginx->stop;

    flip(manifest('MANIFEST'), 50);
    flip(manifest('MIRROR'), 50);
    (my $ok, $said) = $nginx->start;
    ok(!$ok, 'with both copies damaged it is not opened');
    like($said, qr/\[emerg\].*MANIFEST-\d+ is damaged.* offset \d+/, 'and why');

    $nginx->allow(qr/is damaged/);
    $nginx->finish;
};


subtest 'a missing table' => sub {
    stopped(1000);

    my @tables = glob path('sst/*');
    my ($name) = $tables[0] =~ m{([^/]+)$};
    unlink $tables[0] or die $!;
    my $said = started();

    my $seen = answers(1000);
    my $lost = delete $seen->{'500 corrupt'};
    my $right = delete $seen->{'200 right'};

    ok($lost, 'its keys say corrupt');
    ok($right, 'others are right');
    is_deeply($seen, {}, 'none is wrong or said to be absent');
    like($said, qr{\[alert\].*sst/\Q$name\E is missing},
        'the log names it');

    is($http->put('/kv/other', 1)->status, 201, 'it takes writes');
    is($http->post('/kv/?checkpoint=x')->status, 500,
        'there is no checkpoint without it');
    is_deeply([glob $nginx->dir . '/saved/*'], [], 'nor half of one');

    $nginx->allow(qr/$name/, qr/the data are corrupt/);
    $nginx->finish;
};


# The log file that holds the newest frames, and where they end.
sub log_end {
    my ($path) = sort { (stat $b)[9] <=> (stat $a)[9] } glob path('log/*.log');

    open my $file, '<:raw', $path or die "$path: $!";
    local $/;
    my $bytes = <$file>;
    $bytes =~ s/\0+\z//;

    return ($path, length $bytes);
}


subtest 'the tail of the log' => sub {
    $nginx = Ferrokv::Nginx->new($conf);
    $nginx->start;
    $http = Ferrokv::Http->new($nginx->port);
    is(scalar(grep { $http->put("/kv/k$_", value($_))->status == 201 }
        1 .. 20), 20, 'twenty values');
    $nginx->kill('KILL');

    my ($path, $end) = log_end();
    flip($path, $end - 100);
    my $said = started();
    is_deeply(answers(20), { '200 right' => 19, '404 not_found' => 1 },
        'what came before is there');
    like($said, qr/\[notice\].*\d+ bytes.* are dropped/,
        'the log says how much is not');
    is($http->put('/kv/k20', value(20))->status, 201, 'and it goes on');

    $nginx->finish;
};


subtest 'the middle of the log' => sub {
    $nginx = Ferrokv::Nginx->new($conf);
    $nginx->start;
    $http = Ferrokv::Http->new($nginx->port);
    is(scalar(grep { $http->put("/kv/k$_", value($_))->status == 201 }
        1 .. 20), 20, 'twenty values');
    $nginx->kill('KILL');

    my ($path, $end) = log_end();
    my ($name) = $path =~ m{(log/[^/]+)$};
    flip($path, 4096 + int(($end - 4096) / 2));
    my $said = started();

    my $seen = answers(20);
    is(join(' ', sort keys %$seen), '200 right 404 not_found',
        'a prefix is there, nothing is wrong');
    cmp_ok($seen->{'200 right'}, '>=', 8, 'all before the damage');
    like($said, qr{\[alert\].*\Q$name\E.* offset \d+},
        'the log says where');

    for (1 .. 2) {
        is($http->get('/status')->json->{stores}{main}{readonly}, 1,
            'the store is read-only');

        for my $r ($http->put('/kv/k1', 1), $http->post('/kv/n?incr=1'),
                   $http->delete('/kv/k1'), $http->delete('/kv/?prefix=k'),
                   $http->post('/kv/?batch',
                       '[{"op":"set","key":"a","value":"b"}]',
                       'Content-Type' => 'application/json'),
                   $http->post('/kv/?checkpoint=x'))
        {
            is($r->status, 503, 'a write: 503');
            is(eval { $r->json->{code} }, 'read_only', 'and why');
        }

        is($http->get('/kv/?count')->json->{count}, $seen->{'200 right'},
            'reads, listings and counts go on');

        # A start changes nothing about it.
        is_deeply(answers(20), $seen, 'as it was');
        $nginx->restart;
        $http = Ferrokv::Http->new($nginx->port);
    }

    # Taking the file away says: I know.
    $nginx->stop;
    unlink $path or die $!;
    started();
    is_deeply(answers(20), $seen, 'without the log file: the same values');
    is($http->put('/kv/k1', 1)->status, 204, 'and it takes writes');

    $nginx->allow(qr/\Q$name\E/, qr/read-only/);
    $nginx->finish;
};

done_testing();
