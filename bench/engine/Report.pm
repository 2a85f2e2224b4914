package Report;

# What a run of bench/engine says: a line a turn, a table of medians, the goals,
# the settings, everything as JSON, and a plot of how it went over time.

use strict;
use warnings;

use JSON::PP;
use POSIX qw(strftime);

my @columns = (
    [rate => '/s'], [p50 => 'p50 us'], [p99 => 'p99 us'],
    [p999 => 'p99.9 us'], [stall_ms => 'max ms'], [cpu_us => 'cpu us'],
    [memory_mib => 'MiB'], [write_amp => 'write x'], [space_amp => 'disk x'],
);

my %texts = (rate => 'rate', p99 => 'p99', write_amp => 'bytes written',
             space_amp => 'bytes on disk');


sub median {
    my @sorted = sort { $a <=> $b } grep { defined } @_;

    return if !@sorted;
    return ($sorted[$#sorted / 2] + $sorted[@sorted / 2]) / 2;
}


sub line {
    my ($round, $case, $who, $r) = @_;

    return sprintf "round %d  %-17s %-10s %10s /s  p50 %8s  p99 %8s us%s\n",
        $round, $case->{name}, $who, number($r->{rate}), number($r->{p50}),
        number($r->{p99}), trouble($r);
}


sub trouble {
    my ($r) = @_;

    return '' if ($r->{others} // 0) <= 0.2;
    return sprintf '  ! others took %.1f CPUs', $r->{others};
}


sub number {
    my ($n) = @_;

    return '' if !defined $n;
    return sprintf '%.2f', $n if $n < 10;
    return sprintf '%.1f', $n if $n < 100;
    return scalar reverse(reverse(sprintf '%.0f', $n) =~ s/(\d{3})(?=\d)/$1,/gr);
}


sub of {
    my ($case, $who, $what) = @_;

    return median(map { $_->{$what} } @{ $case->{results}{$who} // [] });
}


# The median of ratios, each of one round.
sub ratio {
    my ($case, $who, $what, $base) = @_;
    my ($a, $b) = map { $case->{results}{$_} // [] } $who, $base;

    return median(map { defined $a->[$_]{$what} && $b->[$_]{$what}
        ? $a->[$_]{$what} / $b->[$_]{$what} : undef } 0 .. $#$b);
}


sub contenders {
    my ($case) = @_;
    my %rank = (ferrokv => 0, rocksdb => 1, raw => 8, fio => 9);

    return sort { ($rank{$a} // 5) <=> ($rank{$b} // 5) || $a cmp $b }
           keys %{ $case->{results} };
}


sub table {
    my @cases = @_;

    printf "\n%-19s%s  %s\n", 'median of rounds',
        join('', map { sprintf ' %10s', $_->[1] } @columns), 'ours is x';

    for my $case (@cases) {
        print "$case->{name}: $case->{title}\n";

        for my $who (contenders($case)) {
            my $ratio = $who ne 'ferrokv'
                        && ratio($case, 'ferrokv', 'rate', $who);

            printf "    %-15s%s  %s%s\n", $who,
                join('', map { sprintf ' %10s', number(of($case, $who, $_)) }
                         map { $_->[0] } @columns),
                $ratio ? sprintf('%.2f', $ratio) : '', beside($case, $who);
        }
    }

    print "\n", map { goals($_) } @cases;
}


sub beside {
    my ($case, $who) = @_;
    my $rate = of($case, $who, 'beside');

    return $rate ? '  beside: ' . number($rate) . ' writes/s' : '';
}


sub goals {
    my ($case) = @_;

    return if !$case->{results}{ferrokv};

    for my $goal (@{ $case->{goals} // [] }) {
        my ($what, $sign, $limit) = @$goal;

        push @{ $case->{reached} },
            $what eq 'stall' ? stall($case)
            : $what eq 'fio' ? against($case, rate => 'fio', '>=', $sign)
            : $what eq 'decay' ? decay($case, $sign)
            : against($case, $what => 'rocksdb', $sign, $limit);
    }

    return map { sprintf "%-4s %-36s %s\n", $_->{ok} ? 'ok' : 'NOT',
        $case->{title}, $_->{text} } @{ $case->{reached} };
}


sub against {
    my ($case, $what, $base, $sign, $limit) = @_;
    my $is = ratio($case, 'ferrokv', $what, $base);

    return if !defined $is;
    return { ok => $sign eq '>=' ? $is >= $limit : $is <= $limit, is => $is,
             text => sprintf '%s %.2f of %s, goal %s %s', $texts{$what}, $is,
                 $base, $sign, $limit };
}


# At most 50 ms or twice the raw writer's, and below RocksDB's.
sub stall {
    my ($case) = @_;
    my ($ours, $theirs, $raw) =
        map { of($case, $_, 'stall_ms') } qw(ferrokv rocksdb raw);
    my $limit = $raw && 2 * $raw > 50 ? 2 * $raw : 50;

    return { ok => $ours <= $limit && (!$theirs || $ours < $theirs),
             is => $ours,
             text => sprintf 'longest stall %.1f ms, goal <= %.0f and below '
                 . 'rocksdb (%s)', $ours, $limit,
                 defined $theirs ? sprintf '%.1f ms', $theirs : 'not run' };
}


sub decay {
    my ($case, $limit) = @_;
    my $is = of($case, 'ferrokv', 'decay') // return;

    return { ok => $is >= $limit, is => $is,
             text => sprintf 'the last tenth ran at %.2f of the first, goal '
                 . '>= %s; %d MiB of memory', $is, $limit,
                 of($case, 'ferrokv', 'memory_mib') };
}


# Each engine's, once; what differs by case is memory and sync.
sub settings {
    my %seen;

    print "\nsettings\n";

    for my $case (@_) {
        for my $who (contenders($case)) {
            my $text = $case->{results}{$who}[0]{settings};

            printf "    %-10s %s (%s)\n", $who, $text, $case->{name}
                if !$seen{"$who $text"}++;
        }
    }
}


sub save {
    my ($path, $set, @cases) = @_;
    my ($cpu) = slurp('/proc/cpuinfo') =~ /^model name\s*:\s*(.*)/m;

    open my $file, '>', $path or die "$path: $!";
    print {$file} JSON::PP->new->pretty->canonical->encode({
        date => strftime('%Y-%m-%dT%H:%M:%SZ', gmtime),
        kernel => slurp('/proc/sys/kernel/osrelease') =~ s/\n//r,
        cpu => $cpu,
        cpus => scalar(() = slurp('/proc/cpuinfo') =~ /^processor/mg),
        settings => $set,
        cases => [map { my $case = $_; +{ map { $_ => $case->{$_} }
            grep { defined $case->{$_} } qw(name title goals reached results)
            } } @cases],
    });
    close $file or die "$path: $!";
    print "\nall figures of all rounds: $path\n";
}


# Operations and p99 of each second of the last round.
sub plot {
    my ($path, @cases) = @_;
    my ($case) = grep { $_->{name} eq 'sustained' && $_->{results} } @cases;
    my @who = $case ? grep { $_ ne 'raw' } contenders($case) : ();

    return if !@who;

    if (system('command -v gnuplot > /dev/null') != 0) {
        print "no plot: gnuplot is not installed\n";
        return;
    }

    open my $out, '|-', 'gnuplot' or die "gnuplot: $!\n";
    print {$out} plot_data($case, @who), <<"PLOT";
set terminal svg size 900,620 font 'sans,12' background rgb 'white'
set output '$path'
set multiplot layout 2,1
set grid
set key top right
set xrange [0:*]
set ylabel 'overwrites per second'
set yrange [0:*]
plot @{[plot_lines(2, @who)]}
set ylabel 'p99, microseconds'
set xlabel 'seconds'
set logscale y
set yrange [*:*]
plot @{[plot_lines(4, @who)]}
PLOT
    close $out or die "gnuplot failed\n";
    print "plot of the sustained case: $path\n";
}


sub plot_data {
    my ($case, @who) = @_;

    return map { my $n = 0; my $rows = $case->{results}{$_}[-1]{rows};
        ("\$$_ << END\n",
         (map { join(' ', ++$n, @$_) . "\n" } @$rows), "END\n") } @who;
}


sub plot_lines {
    my ($column, @who) = @_;

    return join ', ', map { "\$$_ using 1:$column with lines lw 1.5 "
        . "title '$_'" } @who;
}


sub slurp {
    local (@ARGV, $/) = @_;
    return <> // '';
}

1;
