# The checker of histories: what is wrong is found, what is right is not.

use strict;
use warnings;

use lib 't/crash/lib';
use Test::More;

use Ferrokv::History;

# Rows of: begin, end (- for none), what it does.  One object, 'x'.
sub verdict {
    my (@rows) = @_;
    my $history = Ferrokv::History->new;
    my $id = 0;

    for my $row (@rows) {
        my ($at, $end, @do) = @$row;
        my %more = ref $do[-1] eq 'HASH' ? %{ pop @do } : ();

        $history->add({ id => $id++, on => 'x', at => $at,
                        end => $end eq '-' ? undef : $end, do => \@do, %more });
    }

    return $history->wrong;
}

sub right {
    my ($name, @rows) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    is(verdict(@rows), '', "right: $name");
}

sub wrong {
    my ($name, @rows) = @_;

    local $Test::Builder::Level = $Test::Builder::Level + 1;
    like(verdict(@rows), qr/no order explains/, "wrong: $name");
}

sub r   { return ['read', $_[1] // 0, $_[0]] }
sub w   { return ['set', $_[1] // 0, $_[0]] }
sub was { return ['was', [0], $_[0]] }
sub add { return ['add', 0, @_] }


# One after the other

right('what was written is read', [1, 2, w('a')], [3, 4, r('a')]);
right('at first there is nothing', [1, 2, r(undef)], [3, 4, w('a')]);
wrong('a stale read', [1, 2, w('a')], [3, 4, w('b')], [5, 6, r('a')]);
wrong('a write that is lost', [1, 2, w('a')], [3, 4, r(undef)]);
wrong('a value that nobody wrote', [1, 2, w('a')], [3, 4, r('b')]);
wrong('a resurrected delete',
      [1, 2, w('a')], [3, 4, w(undef), was(1)], [5, 6, r('a')]);
wrong('resurrected, as a later delete tells',
      [1, 2, w('a')], [3, 4, was(1), w(undef)], [5, 6, was(1), w(undef)]);
wrong('read back and forth', [1, 9, w('a')], [2, 3, r('a')], [4, 5, r(undef)]);

# At the same time

right('a read may see what is being written', [1, 4, w('a')], [2, 3, r('a')]);
right('or not', [1, 4, w('a')], [2, 3, r(undef)]);
right('two writes, in any order', [1, 4, w('a')], [2, 3, w('b')], [5, 6, r('a')]);
right('the other order', [1, 4, w('a')], [2, 3, w('b')], [5, 6, r('b')]);
wrong('two readers see two orders', [1, 9, w('a')], [1, 9, w('b')],
      [2, 3, r('a')], [4, 5, r('b')], [6, 7, r('a')]);
right('one moment is enough', [1, 2, w('a')], [2, 3, r(undef)]);

# Conditions, sums

right('one of two creates', [1, 4, ['if', 0, undef], w('a')],
      [2, 3, ['if', 0, undef], w('b'), { said => 0 }], [5, 6, r('a')]);
wrong('both create', [1, 4, ['if', 0, undef], w('a')],
      [2, 3, ['if', 0, undef], w('b')]);
wrong('none does', [1, 4, ['if', 0, undef], w('a'), { said => 0 }],
      [2, 3, ['if', 0, undef], w('b'), { said => 0 }]);
wrong('compare-and-set of what was overwritten', [1, 2, w('a')], [3, 4, w('b')],
      [5, 6, ['if', 0, 'a'], w('c')]);
right('sums', [1, 9, add(1, 2)], [2, 8, add(1, 1)], [10, 11, add(5, 7)]);
wrong('a lost update', [1, 9, add(1, 1)], [2, 8, add(1, 1)]);
wrong('a sum that nobody read is lost', [1, 2, add(1, 1)], [3, 4, add(1, 2)],
      [5, 6, r(1)]);

# Without an answer

right('it may have happened', [1, '-', w('a')], [2, 3, r('a')]);
right('or not', [1, '-', w('a')], [2, 3, r(undef)], [4, 5, r(undef)]);
right('or much later', [1, '-', w('a')], [2, 3, r(undef)], [4, 5, w('b')],
      [6, 7, r('a')]);
wrong('but not before it was begun', [1, 2, r('a')], [3, '-', w('a')]);
wrong('nor twice', [1, '-', w('a')], [2, 3, w('b')], [4, 5, r('a')],
      [6, 7, w('c')], [8, 9, r('a')]);
wrong('a read undoes nothing', [1, '-', w('a')], [2, 3, r('a')],
      [4, 5, r(undef)]);
right('some of many', (map { [1, '-', add(1)] } 1 .. 12), [2, 3, r(7)],
      [4, 5, r(12)]);
wrong('more than all', (map { [1, '-', add(1)] } 1 .. 12), [2, 3, r(13)]);
right('one deletes', [1, 2, w('a')], [3, '-', w(undef)], [4, 5, was(0), w('b')],
      [6, 7, r('b')]);
right('many writes, few are seen', (map { [1, '-', w("a$_")] } 1 .. 30),
      [2, 3, r('a17')], [4, 5, w('b')], [6, 7, r('a4')], [8, 9, r('a30')]);

# Several cells, which a batch writes together

my @ab = (w('a'), w('a', 1));
my @bb = (w('b'), w('b', 1));

right('a batch', [1, 2, @ab], [3, 4, r('a'), r('a', 1)]);
wrong('half a batch', [1, 9, @ab], [2, 3, r('a'), r(undef, 1)]);
wrong('half of two', [1, 2, @ab], [3, 9, @bb], [4, 5, r('b'), r('a', 1)]);
wrong('half of one without an answer', [1, 2, @ab], [3, '-', @bb],
      [4, 5, r('a'), r('b', 1)]);
wrong('one cell at a time', [1, 2, @ab], [3, 9, @bb], [4, 5, r('b', 1)],
      [6, 7, r('a')]);
wrong('a batch that does not go away as one', [1, 2, @ab],
      [3, 4, w(undef), w(undef, 1)], [5, 6, r(undef), r('a', 1)]);

# A snapshot is a read at the moment at which it was taken

right('a snapshot', [1, 2, @ab], [3, 4, r('a'), r('a', 1), r('a')], [5, 6, @bb]);
wrong('one that sees a later write', [1, 2, @ab],
      [3, 4, r('b'), r('b', 1)], [5, 6, @bb]);
wrong('one that misses an earlier one', [1, 2, @ab],
      [3, 4, r(undef), r(undef, 1)], [5, 6, @bb]);
wrong('one that changes', [1, 2, @ab], [3, 6, r('a'), r('a', 1), r('b')],
      [4, 5, @bb]);

# Money

my $move = sub { my ($n, $from, $to) = @_;
                 return (['add', 0, -$n, $from], ['add', 1, $n, $to]) };

right('transfers', [1, 5, $move->(3, -3, 3)], [2, 4, $move->(2, -5, 5)],
      [6, 7, r(-5), r(5, 1)]);
wrong('a sum that is not kept', [1, 5, $move->(3, -3, 3)],
      [6, 7, r(-3), r(0, 1)]);
wrong('dirty: what was refused is seen', [1, 2, @ab],
      [3, 8, ['if', 0, 'x'], @bb, { said => 0 }], [4, 5, r('b'), r('b', 1)]);

# Pipelines

right('a pipeline', [1, 5, w('a')], [1, 5, r('a'), { after => 0 }]);
wrong('one that does not see its own write', [1, 5, w('a')],
      [1, 5, r(undef), { after => 0 }]);

right('a delete of nothing may come later and delete', [1, 5, w('a')],
      [2, 6, w(undef)], [7, 8, r(undef)]);


# Short histories at random: the same as if every order is tried.

my $seed = $ENV{FKV_SEED} // 1;
my %verdicts;

srand $seed;

for my $n (1 .. 3000) {
    my @rows = map { random_row() } 1 .. 2 + int rand 4;
    my $expected = some_order([], map { { at => $_->[0], end => $_->[1],
                                          do => [@$_[2 .. $#$_]] } } @rows);
    my $is = verdict(@rows) eq '' ? 1 : 0;

    $verdicts{$expected}++;

    if ($is != $expected) {
        fail("history $n of seed $seed: " . ($expected ? 'right' : 'wrong'));
        diag verdict(@rows), "\n", join "\n", map { "@$_[0, 1] "
            . join '; ', map { join ' ', map { $_ // 'none' } @$_ }
            @$_[2 .. $#$_] } @rows;
        last;
    }
}

cmp_ok($verdicts{$_}, '>', 300, "$verdicts{$_} of verdict $_") for 0, 1;


sub random_row {
    my $at = int rand 8;
    my $end = rand() < 0.2 ? '-' : $at + 0.5 + int rand 4;
    my $value = (undef, 1, 2, 3)[rand 4];

    return [$at, $end, rand() < 0.4 ? r($value)
        : rand() < 0.2 ? (was(int rand 2), w($value))
        : rand() < 0.3 ? add(1, 1 + int rand 3)
        : rand() < 0.3 ? (['if', 0, $value], w(3)) : w($value)];
}


# Those that have been put in order have led to this state.
sub some_order {
    my ($state, @left) = @_;

    return 1 if !grep { $_->{end} ne '-' } @left;

    for my $i (0 .. $#left) {
        my $op = $left[$i];

        next if grep { $_->{end} ne '-' && $_->{end} < $op->{at} } @left;

        my $after = happens($op, @$state) or next;

        return 1 if some_order($after, @left[grep { $_ != $i } 0 .. $#left]);
    }

    return 0;
}


sub happens {
    my ($op, $state) = @_;
    my $open = $op->{end} eq '-';
    my $is = sub { ($state // 'none') eq ($_[0] // 'none') };

    for my $do (@{ $op->{do} }) {
        my ($what, undef, $value, $sum) = @$do;

        return if $what eq 'if' && !$is->($value);
        return if $what eq 'read' && !$open && !$is->($value);
        return if $what eq 'was' && !$open && $value != (defined $state ? 1 : 0);
        $state = $value if $what eq 'set';
        $state = ($state // 0) + $value if $what eq 'add';
        return if $what eq 'add' && !$open && $state != $sum;
    }

    return [$state];
}


# Versions

sub versions {
    my $history = Ferrokv::History->new;

    $history->seen(@$_) for @_;
    return $history->wrong;
}

is(versions(['a', 5, 1, 2, 1], ['b', 6, 3, 4, 1], ['a', 5, 5, 6, 0],
            ['a', 5, 7, 8, 0]), '', 'right: versions grow');
is(versions(['a', 6, 1, 4, 1], ['b', 5, 2, 5, 1]), '',
   'right: at the same time in any order');
like(versions(['a', 6, 1, 2, 1], ['b', 5, 3, 4, 1]), qr/b: version 5/,
     'wrong: a write with an older version');
like(versions(['a', 6, 1, 2, 1], ['a', 6, 3, 4, 1]), qr/a: version 6/,
     'wrong: with the same');
like(versions(['a', 6, 1, 2, 1], ['a', 5, 3, 4, 0]), qr/a: version 5/,
     'wrong: an older one is read');

done_testing();
