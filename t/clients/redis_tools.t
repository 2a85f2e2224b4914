# redis-cli and redis-benchmark, as Debian has them.

use strict;
use warnings;

use Test::More;

use Ferrokv::Client;

plan skip_all => 'no redis-cli (Debian: redis-tools)'
    if system('command -v redis-cli redis-benchmark >/dev/null');

my $nginx = client_nginx();


sub cli {
    my ($args, $input) = @_;
    my ($status, $text) = output(
        ['timeout', 60, 'redis-cli', '-p', $nginx->port, @$args], $input);

    return $text;
}


subtest 'redis-cli' => sub {
    is(cli(['PING']), "PONG\n", 'answers');
    is(cli(['SET', 'k', 'v', 'EX', 100]), "OK\n", 'writes');
    is(cli(['GET', 'k']), "v\n", 'reads');
    is(cli(['-3', 'GET', 'none']), "\n", 'RESP3');
    is(cli(['-n', 1, 'GET', 'k']), "\n", 'another database');
    is(cli(['-x', 'SET', 'in'], "from\0stdin"), "OK\n", 'a value from stdin');
    is(cli(['STRLEN', 'in']), "10\n", 'whole');
    like(cli(['NOPE']), qr/ERR unknown command 'NOPE'/, 'an error');
    is(cli([], "MULTI\nINCR m\nINCR m\nEXEC\n"), "OK\nQUEUED\nQUEUED\n1\n2\n",
       'a transaction');
    like(cli(['INFO', 'server']), qr/^redis_version:7\./m, 'INFO');
    like(cli(['--no-raw', 'CONFIG', 'GET', 'maxmemory-policy']),
         qr/"maxmemory-policy"/, 'CONFIG GET');

    my $n = 20_000;
    my $text = join '', map { "*3\r\n\$3\r\nSET\r\n\$" . length("mass:$_")
        . "\r\nmass:$_\r\n\$1\r\nx\r\n" } 1 .. $n;
    like(cli(['--pipe'], $text), qr/errors: 0, replies: $n/, '--pipe');

    my @keys = split /\n/, cli(['--scan', '--pattern', 'mass:*']);
    my %seen = map { $_ => 1 } @keys;
    is(scalar keys %seen, $n, '--scan finds every one');
    like(cli(['--bigkeys']), qr/Sampled 2000[3-9] keys/, '--bigkeys');
};

subtest 'TLS and passwords' => sub {
    my @tls = ('-p', $nginx->port(2), '--tls', '--cacert',
               $nginx->dir . '/crt');
    my @locked = ('-p', $nginx->port(3), '--no-auth-warning');

    is(cli([@tls, 'SET', 'tls', 't' x 100_000]), "OK\n", 'writes over TLS');
    is(cli([@tls, 'GET', 'tls']), 't' x 100_000 . "\n", 'reads');
    like(cli([@tls], join '', map { "INCR t\n" } 1 .. 1000), qr/^1000$/m,
         'many');

    like(cli([@locked, 'GET', 'k']), qr/^NOAUTH Authentication required/,
         'a password is needed');
    like(cli([@locked, '-a', 'wrong', 'GET', 'k']), qr/WRONGPASS/, 'the right one');
    is(cli([@locked, '-a', 'secret', 'GET', 'k']), "v\n", 'then it answers');
    is(cli([@locked, '-3', '-a', 'secret', 'GET', 'k']), "v\n", 'RESP3, too');
};

subtest 'redis-benchmark' => sub {
    for my $more ([], ['-P', 16], ['-3'], ['--threads', 2]) {
        my ($status, $text) = output(['timeout', 120, 'redis-benchmark',
            '-p', $nginx->port, '-t', 'ping,set,get,incr,mset', '-n', 2000,
            '-c', 20, '-r', 1000, '-q', @$more]);

        is($status, 0, "with '@$more'") or diag $text;
        is(scalar(() = $text =~ /requests per second/g), 6, 'measures all');
        unlike($text, qr/error|warning/i, 'and complains of nothing');
    }
};

$nginx->allow(qr/Connection reset by peer/);
$nginx->finish;
done_testing();
