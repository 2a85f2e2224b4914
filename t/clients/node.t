# Clients for node, installed from npm's registry if it can be reached.

use strict;
use warnings;

use Test::More;

use Ferrokv::Client;

my @packages = ('ioredis@5', 'redis@5', '@upstash/redis@1', 'connect-redis@9',
                'express-session@1');
my $dir = build_dir() . '/node';

plan skip_all => 'no node and npm'
    if system('command -v node npm >/dev/null');
plan skip_all => 'node is older than 18'
    if (`node --version` =~ /^v(\d+)/ ? $1 : 0) < 18;
plan skip_all => 'npm cannot install the clients: ' . $@ if !install();

my $nginx = client_nginx();

$ENV{NODE_PATH} = "$dir/node_modules";

runs($_, 'node', clients_dir() . "/$_.js", $nginx->port)
    for qw(ioredis redis session);
runs('@upstash/redis', 'node', clients_dir() . '/upstash.js',
     'http://127.0.0.1:' . $nginx->port(1) . '/redis', 'the-token');

$nginx->finish;
done_testing();


# Once; a list that has changed means anew.
sub install {
    my $done = "$dir/installed";
    my $list = "@packages\n";

    if (open my $old, '<', $done) {
        return 1 if (<$old> // '') eq $list;
    }

    mkdir $dir;

    my ($status, $text) = output(['timeout', 180, 'npm', 'install',
        '--prefix', $dir, '--no-audit', '--no-fund', '--ignore-scripts',
        '--loglevel', 'error', '--fetch-retries', 0, '--fetch-timeout', 20_000,
        @packages]);

    if ($status) {
        $@ = $text =~ /^(.*(?:code|error).*)$/mi ? $1 : "status $status";
        return 0;
    }

    open my $file, '>', $done or die "$done: $!";
    print {$file} $list;
    close $file or die "$done: $!";

    return 1;
}
