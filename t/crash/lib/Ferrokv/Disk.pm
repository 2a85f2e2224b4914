package Ferrokv::Disk;

# Ferrokv::Disk - a filesystem of a test's own, whose power can be cut.
#
#   use Ferrokv::Disk;                # before Ferrokv::Nginx: its END comes last
#   plan skip_all => $why if $why = Ferrokv::Disk->missing('ext4');
#   my $disk = Ferrokv::Disk->new('ext4');
#   ... something writes below $disk->path ...
#   $disk->cut;                       # from now on nothing reaches the disk
#   ... kill who writes ...
#   $disk->restore;                   # as after a boot: the journal is replayed
#
# Cut       the filesystem's own shutdown (FS_IOC_SHUTDOWN), which does not write
#           its log: what was not synced, a name, a length or dirty pages, is
#           gone, and every later write fails; but a direct write stays, synced
#           or not
# cache     => 1: the device has a cache, of which a cut keeps what it likes
#           (t/crash/disk.c, needs FUSE), and may be slow: $disk->slow(ms).  A
#           cut comes with one of the next writes, in the middle of what belongs
#           together
# Device    the loop device is this mount's own and goes with it

use strict;
use warnings;

use File::Path qw(make_path);
use File::Temp qw(tempdir);
use IO::Handle;
use IPC::Open2 qw(open2);
use POSIX ();
use Time::HiRes qw(sleep time);

use constant {
    SHUTDOWN => 0x8004587d,     # ext4's and XFS's, _IOR('X', 125, __u32)
    NO_LOG_FLUSH => 2,
};

my %mkfs = (
    ext4 => [qw(mkfs.ext4 -q -F -J size=4 -E),
             'lazy_itable_init=0,lazy_journal_init=0'],
    xfs => [qw(mkfs.xfs -q -f)],
);
my @all;


# Why there can be none of this type here; '' when there can.
sub missing {
    my ($class, $type, %opt) = @_;

    return "$type: only root mounts" if $> != 0;
    return "$type: no $mkfs{$type}[0]"
        if !grep { -x "$_/$mkfs{$type}[0]" } split(/:/, $ENV{PATH}), '/sbin',
            '/usr/sbin';
    return "$type: no loop device" if system('losetup -f >/dev/null 2>&1') != 0;

    return "$type: no /dev/fuse" if $opt{cache} && !-w '/dev/fuse';

    my $disk = $class->new($type, %opt, may_fail => 1);
    my $why = $disk->{why} ? "$type: $disk->{why}" : '';

    $disk->end;
    return $why;
}


# Options: cache, megabytes (of a sparse file; what a load of seconds writes on a
# fast machine, and the checkpoints it makes, find room).
sub new {
    my ($class, $type, %opt) = @_;
    my $dir = tempdir('ferrokv-disk-XXXXXX', CLEANUP => 0,
                      DIR => $ENV{FKV_TMP} // '/var/tmp');
    my $self = bless {
        type => $type, dir => $dir, image => "$dir/image",
        path => "$dir/mnt", device => "$dir/image", owner => $$,
        megabytes => 640, %opt,
    }, $class;

    local $ENV{PATH} = "$ENV{PATH}:/sbin:/usr/sbin";

    push @all, $self;
    chmod 0755, $dir;
    mkdir $self->{path} or die "$self->{path}: $!";
    open my $image, '>', $self->{image} or die "$self->{image}: $!";
    truncate $image, $self->{megabytes} << 20 or die "truncate: $!";

    $self->_run(@{ $mkfs{$type} }, $self->{image})
        && (!$self->{cache} || $self->_insert) && $self->_mount;
    return $self;
}


sub path { return $_[0]{path} }


# The program that is the disk.  It ends with us, however we end.
sub _insert {
    my ($self) = @_;
    my ($program, $source) = qw(build/crash/disk t/crash/disk.c);

    make_path('build/crash');
    $self->_run($ENV{CC} // 'cc', qw(-std=gnu11 -O2 -Wall -Wextra -Werror -o),
                "$program.$$", $source)
        && rename "$program.$$", $program or return 0
        if !-e $program || -M $program > -M $source;

    mkdir "$self->{dir}/fuse" or die "$self->{dir}/fuse: $!";
    $self->{device} = "$self->{dir}/fuse/disk";
    $self->{pid} = open2(@$self{qw(said orders)}, $program, $self->{image},
                         "$self->{dir}/fuse");
    return $self->_order('counts');
}


# What the disk answers.
sub _order {
    my ($self, $order) = @_;

    local $SIG{PIPE} = 'IGNORE';
    print { $self->{orders} } "$order\n";
    $self->{orders}->flush;
    my $said = readline $self->{said};

    return $said if defined $said;
    $self->{why} = 'no FUSE';
    die "$self->{why}\n" if !$self->{may_fail};
    return;
}


sub slow { return $_[0]->_order("slow $_[1]") }


# How many sectors cuts have taken.
sub lost { return $_[0]->_order('counts') =~ /(\d+) lost/ ? $1 : 0 }


# A command, quietly; what it says is for whoever asks why it failed.
sub _run {
    my ($self, @command) = @_;
    my $pid = open(my $out, '-|') // die "fork: $!";

    if ($pid == 0) {
        open STDERR, '>&', \*STDOUT;
        exec @command or POSIX::_exit(127);
    }

    my $said = do { local $/; <$out> } // '';

    return 1 if close $out;
    $self->{why} = "$command[0]: " . ($said =~ s/\s+/ /gr || 'fails');
    die "$self->{why}\n" if !$self->{may_fail};
    return 0;
}


# With -o loop, umount frees the device.
sub _mount {
    my ($self) = @_;

    $self->_run('mount', '-t', $self->{type}, '-o', 'loop,noatime',
                $self->{device}, $self->{path}) or return;
    $self->{mounted} = 1;
}


sub cut {
    my ($self) = @_;
    my $how = pack 'L', NO_LOG_FLUSH;

    $self->_power_off if $self->{cache};

    # XFS may have shut itself down by now.
    if (open my $root, '<', $self->{path}) {
        return if ioctl $root, SHUTDOWN, $how;
    }

    die "$self->{path}: shutdown: $!\n" if !$self->{cache};
}


# With one of the next writes, if there are any.
sub _power_off {
    my ($self) = @_;
    my $end = time + 0.2;

    $self->_order(sprintf 'cut %d %d', rand 40, rand 1 << 31);
    sleep 0.005 while time < $end && $self->_order('counts') !~ /dead/;
    $self->_order(sprintf 'cut 0 %d', rand 1 << 31) if time >= $end;
}


# Who had files open there is gone, or will be in a moment.
sub restore {
    my ($self) = @_;

    $self->_umount or die "$self->{path} cannot be unmounted\n";
    $self->_order('live') if $self->{cache};
    $self->_mount;
}


sub _umount {
    my ($self) = @_;
    my $end = time + 20;

    while (system("umount '$self->{path}' 2>/dev/null") != 0) {
        return 0 if time > $end;
        sleep 0.02;
    }

    $self->{mounted} = 0;
    return 1;
}


sub end {
    my ($self) = @_;

    # A lazy one at last: the device goes with whoever still holds it.
    $self->_umount || system "umount -l '$self->{path}'" if $self->{mounted};
    $self->_eject if $self->{pid};
    unlink $self->{image};
    rmdir for $self->{path}, "$self->{dir}/fuse", $self->{dir};
    @all = grep { $_ != $self } @all;
}


sub _eject {
    my ($self) = @_;

    # Clients that a dying test has left hold its stdin open, too.
    local $SIG{PIPE} = 'IGNORE';
    print { $self->{orders} } "end\n";
    close $self->{orders};
    waitpid $self->{pid}, 0;
}


END {
    my $status = $?;

    $_->end for grep { $_->{owner} == $$ } @all;
    $? = $status;
}

1;
