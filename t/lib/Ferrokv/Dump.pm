package Ferrokv::Dump;

# Ferrokv::Dump - what DUMP gave, damaged, with a sum that is right again: what
# RESTORE takes from anybody.
#
#   $redis->cmd('RESTORE', 'key', 0, damaged_dump($redis->cmd('DUMP', 'other')));

use strict;
use warnings;

use Exporter qw(import);

our @EXPORT = qw(damaged_dump);


# One to three bytes are others; the version is not.
sub damaged_dump {
    my ($dump) = @_;
    my $bytes = substr $dump, 0, -8;

    substr($bytes, int rand(length($bytes) - 2), 1) = chr int rand 256
        for 0 .. int rand 3;

    return $bytes . pack 'Q<', _crc64($bytes);
}


# "Jones", reflected, a bit at a time.
sub _crc64 {
    my ($bytes) = @_;
    my $crc = 0;

    for my $byte (unpack 'C*', $bytes) {
        $crc ^= $byte;
        $crc = ($crc >> 1) ^ ($crc & 1 ? (0x95ac9329 << 32 | 0xac4bc9b5) : 0) for 1 .. 8;
    }

    return $crc;
}

1;
