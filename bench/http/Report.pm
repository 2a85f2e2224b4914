package Report;

# What a run of bench/http or bench/resp says: a line a turn, a table of medians,
# the goals, and everything as JSON.

use strict;
use warnings;

use JSON::PP;
use POSIX qw(strftime);

my @columns = qw(rate p50 p99 p999 cpu_us);


sub median {
    my @sorted = sort { $a <=> $b } grep { defined } @_;

    return if !@sorted;
    return ($sorted[$#sorted / 2] + $sorted[@sorted / 2]) / 2;
}


sub line {
    my ($round, $case, $who, $r) = @_;

    return sprintf "round %d  %-15s %-8s %9s /s  p50 %7s us%s%s\n",
        $round, $case->{name}, $who,
        number($r->{rate}), number($r->{p50}), grinding($r), trouble($r);
}


sub grinding {
    my ($r) = @_;

    return sprintf '  %.0f bytes a key', $r->{bytes} if defined $r->{bytes};
    return '' if !defined $r->{flushes};
    return "  flushes $r->{flushes}, compactions $r->{compactions}";
}


sub trouble {
    my ($r) = @_;
    my @text;

    push @text, "$r->{errors} errors" if $r->{errors};
    push @text, "$r->{not_2xx} refused" if $r->{not_2xx};
    push @text, sprintf 'others took %.1f CPUs', $r->{others}
        if ($r->{others} // 0) > 0.2;

    return @text ? '  ! ' . join ', ', @text : '';
}


sub number {
    my ($n) = @_;

    return '-' if !defined $n;
    return sprintf '%.1f', $n if $n < 100;
    return scalar reverse(reverse(sprintf '%.0f', $n) =~ s/(\d{3})(?=\d)/$1,/gr);
}


# The median over rounds of a contender's figure, or of its ratio to that of
# another one in the same round.
sub of {
    my ($case, $who, $what) = @_;

    return median(map { $_->{$what} } @{ $case->{results}{$who} // [] });
}


sub ratio {
    my ($case, $who, $what, $base) = @_;
    my ($a, $b) = map { $case->{results}{$_} // [] } $who, $base;

    return median(map { $a->[$_] && $b->[$_] && $b->[$_]{$what}
        ? $a->[$_]{$what} / $b->[$_]{$what} : undef } 0 .. $#$b);
}


sub table {
    my @cases = @_;

    printf "\n%-33s %9s %8s %8s %8s %7s %7s  %s\n", 'median of rounds',
        'req/s', 'p50 us', 'p99 us', 'p99.9 us', 'cpu us', 'ratio',
        'flushes, compactions';

    for my $case (@cases) {
        print $case->{title},
            $case->{conns} > 1 ? ", $case->{conns} connections" : '', "\n";

        for my $who (grep { $case->{results}{$_} }
                     qw(raw return uncached limit_req proxy_cache srcache
                        redis builtin ferrokv lua))
        {
            my $ratio = ratio($case, $who, 'rate', base($case));

            printf "    %-29s %9s %8s %8s %8s %7s %7s  %s\n", name($who),
                (map { number(of($case, $who, $_)) } @columns),
                defined $ratio && $who ne 'raw' ? sprintf('%.2f', $ratio) : '',
                least($case, $who);
        }
    }

    print "\n", map { goal($_) } @cases;
}


# What a case is compared with.
sub base { return $_[0]{base} // 'return' }


sub name {
    my ($who) = @_;

    return { raw => 'one raw 4 KiB write', return => 'return 200',
             lua => 'lua_shared_dict',
             builtin => 'built in' }->{$who} // $who;
}


# A write case that met no flush and no compaction has not met its own price.
sub least {
    my ($case, $who) = @_;
    my @rounds = @{ $case->{results}{$who} };

    return grinding({ bytes => of($case, $who, 'bytes') }) =~ s/^ +//r
        if defined $rounds[0]{bytes};
    return trouble_of(@rounds) if !defined $rounds[0]{flushes};

    my ($f) = sort { $a <=> $b } map { $_->{flushes} } @rounds;
    my ($c) = sort { $a <=> $b } map { $_->{compactions} } @rounds;

    return "at least $f, $c" . ($f < 2 || $c < 1 ? '  ! too few' : '')
        . trouble_of(@rounds);
}


sub trouble_of {
    my %sum;

    for my $r (@_) {
        $sum{$_} += $r->{$_} // 0 for qw(errors not_2xx);
        $sum{others} = $r->{others} if ($r->{others} // 0) > ($sum{others} // 0);
    }

    return trouble(\%sum);
}


sub goal {
    my ($case) = @_;
    my ($kind, $limit, @above) = @{ $case->{goal} };
    my @goals;

    return '' if !$case->{results}{ferrokv};

    if ($kind eq 'ratio') {
        my $is = ratio($case, 'ferrokv', 'rate', base($case));
        push @goals, [$is, ">= $limit of " . name(base($case)),
                      sub { $_[0] >= $limit }];
    } else {
        my $base = $kind eq 'p50' ? 'raw' : base($case);
        my $is = ratio($case, 'ferrokv', $kind, $base);
        push @goals, [$is, "$kind <= $limit of " . name($base),
                      sub { $_[0] <= $limit }];
    }

    for my $above (@above) {
        my ($least, $who) = ref $above ? @$above : (1, $above);
        my $is = ratio($case, 'ferrokv', 'rate', $who);

        push @goals, [$is, ">= $least of " . name($who),
                      sub { $_[0] >= $least }];
    }

    $case->{goals} = [map { { text => $_->[1], is => $_->[0] } } @goals];

    return map { sprintf "%-4s %-33s %.2f, goal %s\n",
        $_->[2]->($_->[0]) ? 'ok' : 'NOT', $case->{title}, $_->[0], $_->[1] }
        grep { defined $_->[0] } @goals;
}


sub save {
    my ($path, $set, $allocator, @cases) = @_;

    my ($cpu) = slurp('/proc/cpuinfo') =~ /^model name\s*:\s*(.*)/m;
    my @plain = map { my $case = $_; +{ map { $_ => $case->{$_} }
        grep { defined $case->{$_} } qw(name title conns keys goals results) } }
        @cases;

    open my $file, '>', $path or die "$path: $!";
    print {$file} JSON::PP->new->pretty->canonical->encode({
        date => strftime('%Y-%m-%dT%H:%M:%SZ', gmtime),
        kernel => slurp('/proc/sys/kernel/osrelease') =~ s/\n//r,
        cpu => $cpu, cpus => scalar(() = slurp('/proc/cpuinfo') =~ /^processor/mg),
        nginx => `${\($ENV{NGINX_BIN} || '/usr/sbin/nginx')} -v 2>&1` =~ s/\n//r,
        allocator => $allocator, settings => $set, cases => \@plain,
    });
    close $file or die "$path: $!";
}


sub slurp {
    local (@ARGV, $/) = @_;
    return <> // '';
}

1;
