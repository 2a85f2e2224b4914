package Ferrokv::History;

# Ferrokv::History - what clients did, and whether a store can have answered so.
#
#   my $history = Ferrokv::History->new;
#   $history->add({ id => 1, on => 'a', at => 0.1, end => 0.2,
#                   do => [['read', 0, undef], ['set', 0, 'x']] });
#   is($history->wrong, '', 'it is linearizable');
#
# Objects   A history is of objects, each of one or more cells: a key, or keys that
#           only change together.  A cell holds a string, or undef: no such key.
# An op     has an id; an object (on); the times of its begin (at) and of its
#           answer (end; undef when none came: it may take effect at any later
#           moment, or never); and what it does, all at one moment:
#             ['read', cell, value]        what it read there
#             ['was', [cells], n]          so many of them existed
#             ['set', cell, value]         undef deletes
#             ['add', cell, by, sum]
#             ['if', cell, value]          the rest happens only if that is there
#           said => 0: it was answered that an 'if' did not hold.  after => id:
#           the op before it in a pipeline.  Without an answer the values of read,
#           was and sum say nothing.
# Right     Every object by itself is linearizable: there is an order of its ops, each
#           at a moment between its begin and its end, in which every answer is
#           the one that was given.  For cells that are read and written together
#           that is strict serializability: a half-seen batch, a moved sum, a
#           snapshot that changes or is too old or too new has no such order.
# How       Wing and Gong's search, in Lowe's just-in-time form: ops come and go in
#           the order of time; a configuration is a state and the ops of those
#           pending that have taken effect; an op that ends must have, in each
#           configuration that survives.  Equal configurations are one.  Three rules
#           keep them few, and lose nothing: the answer of one that only
#           reads is taken as soon as it fits; an op without an answer is left out
#           if the next one overwrites all it did; of equal ones the oldest
#           comes first.
# Versions  seen($key, version, begin, end, written): versions of what is written
#           grow, over all keys; those that are read of one key do not shrink.

use strict;
use warnings;

use constant TOO_MANY => 200_000;       # configurations looked at for one answer


sub new {
    my ($class) = @_;

    return bless { ops => {}, seen => [], most => 0, n => 0 }, $class;
}


sub add {
    my ($self, @ops) = @_;

    for my $op (@ops) {
        push @{ $self->{ops}{ $op->{on} } }, $op;
        $self->{n}++;
    }

    return $self;
}


sub seen {
    my ($self, @seen) = @_;

    push @{ $self->{seen} }, \@seen;
    return $self;
}


sub ops { return $_[0]{n} }


# The most configurations that one answer needed.
sub most { return $_[0]{most} }


# Ops that were never answered.
sub open {
    my ($self) = @_;

    return scalar grep { !defined $_->{end} } map { @$_ } values %{ $self->{ops} };
}


# Everything that cannot be, as text; '' when there is nothing.
sub wrong {
    my ($self) = @_;

    return join "\n", (map { $self->_wrong_object($_) }
                       sort keys %{ $self->{ops} }), $self->_wrong_versions;
}


sub _wrong_object {
    my ($self, $on) = @_;
    my @ops = @{ $self->{ops}{$on} };
    my $cells = _prepare(@ops);
    my %configs = ('' => { state => [(undef) x $cells], done => {} });
    my %pending;

    # Who ends when another begins overlaps with it.
    for my $event (sort { $a->[0] <=> $b->[0] || $a->[1] <=> $b->[1] }
                   map { ([$_->{at}, 0, $_],
                          defined $_->{end} ? [$_->{end}, 1, $_] : ()) } @ops)
    {
        my (undef, $ends, $op) = @$event;

        if (!$ends) {
            $pending{ $op->{id} } = $op;
            next;
        }

        my $next = $self->_end_of($op, \%configs, \%pending);

        return "$on: cannot be decided at " . _text($op) if !$next;
        return _explain($on, $op, \%configs, \%pending) if !%$next;

        delete $pending{ $op->{id} };
        %configs = %$next;
    }

    return;
}


# How many cells there are; and what the search asks for again and again.
sub _prepare {
    my (@ops) = @_;
    my $cells = 0;

    for my $do (map { @{ $_->{do} } } @ops) {
        for my $cell (ref $do->[1] ? @{ $do->[1] } : $do->[1]) {
            $cells = $cell + 1 if $cell >= $cells;
        }
    }

    for my $op (@ops) {
        my $open = !defined $op->{end};
        my %set = map { $_->[1] => 1 } grep { $_->[0] eq 'set' } @{ $op->{do} };
        my $depends = grep { $_->[0] =~ /^(?:if|add)$/
                             || (!$open && $_->[0] ne 'set') } @{ $op->{do} };

        $op->{reads} = !$open
            && (!($op->{said} // 1)
                || !grep { $_->[0] =~ /^(?:set|add)$/ } @{ $op->{do} });
        $op->{blind} = !$depends && keys %set == $cells;
        $op->{same} = join ' ', map { join ',', map { $_ // '-' }
            grep { !ref } @$_[0 .. 2] } @{ $op->{do} } if $open;
    }

    return $cells;
}


# The configurations in which it has taken effect.
sub _end_of {
    my ($self, $op, $configs, $pending) = @_;
    my @ops = sort { $a->{at} <=> $b->{at} } values %$pending;
    my @stack = values %$configs;
    my (%seen, %next);

    while (my $config = pop @stack) {
        my $done = $config->{done};

        if (!$done->{ $op->{id} }) {
            $done = _take_what_fits($config, \@ops, $pending);
        }

        if ($done->{ $op->{id} }) {
            my %left = %$done;

            delete $left{ $op->{id} };
            $next{ _key($config->{state}, \%left) } = {
                state => $config->{state}, done => \%left };
            next;
        }

        return if keys %seen > TOO_MANY;
        push @stack, grep { !$seen{ _key(@$_{qw(state done)}) . $_->{open} }++ }
            _steps($config, $done, \@ops, $pending);
    }

    $self->{most} = keys %seen if keys %seen > $self->{most};
    return _fewest(\%next, $pending);
}


# Those that come next, one for each op that can.  Who has been read has been of
# some use, though it has no answer.
sub _steps {
    my ($config, $done, $ops, $pending) = @_;
    my (@steps, %same);

    for my $op (@$ops) {
        my $open = !defined $op->{end};

        next if $done->{ $op->{id} } || _waits($op, $done, $pending);
        next if $config->{open} && $config->{done} == $done && $op->{blind};
        next if $open && $same{ $op->{same} }++;

        my $state = _apply($op, $config->{state});

        next if !$state || ($open && $state == $config->{state});
        push @steps, { state => $state, open => $open ? 1 : 0,
                       done => { %$done, $op->{id} => 1 } };
    }

    return @steps;
}


sub _take_what_fits {
    my ($config, $ops, $pending) = @_;
    my $done = $config->{done};

    for my $op (@$ops) {
        next if !$op->{reads} || $done->{ $op->{id} }
            || _waits($op, $done, $pending);

        $done = { %$done, $op->{id} => 1 } if _apply($op, $config->{state});
    }

    return $done;
}


# Ops of a pipeline have their order, as far as it is known that they happened.
sub _waits {
    my ($op, $done, $pending) = @_;
    my $before = defined $op->{after} && $pending->{ $op->{after} };

    return $before && defined $before->{end} && !$done->{ $op->{after} };
}


# The state after it: the same one if nothing changes, none if it cannot be.
sub _apply {
    my ($op, $state) = @_;
    my $open = !defined $op->{end};
    my $refused = !($op->{said} // 1);
    my @state = @$state;
    my $changed = 0;

    for my $do (@{ $op->{do} }) {
        my ($what, $cell, $value, $sum) = @$do;

        if ($what eq 'if') {
            next if _equal($state[$cell], $value);
            return $refused ? $state : undef;
        }

        next if $refused;

        if ($what eq 'read') {
            return if !$open && !_equal($state[$cell], $value);

        } elsif ($what eq 'was') {
            return if !$open && $value != grep { defined $state[$_] } @$cell;

        } else {
            $value += $state[$cell] // 0 if $what eq 'add';
            return if $what eq 'add' && !$open && $value != $sum;

            $changed ||= !_equal($state[$cell], $value);
            $state[$cell] = $value;
        }
    }

    return if $refused;
    return $changed ? \@state : $state;
}


sub _equal {
    my ($a, $b) = @_;

    return defined $a ? defined $b && $a eq $b : !defined $b;
}


sub _key {
    my ($state, $done) = @_;

    return join "\0", (map { $_ // "\1" } @$state), "\2", sort keys %$done;
}


# Of two that differ only in that one has used up more ops without an answer, the
# other can do all that it can.
sub _fewest {
    my ($configs, $pending) = @_;
    my (%like, %kept);

    return $configs if keys %$configs == 1;

    for my $key (keys %$configs) {
        my ($state, $done) = @{ $configs->{$key} }{qw(state done)};
        my (%known, %used);

        (defined $pending->{$_}{end} ? $known{$_} : $used{$_}) = 1
            for keys %$done;
        push @{ $like{ _key($state, \%known) } }, [$key, \%used];
    }

    for my $group (values %like) {
        my @kept;

        for my $one (sort { keys %{ $a->[1] } <=> keys %{ $b->[1] } } @$group) {
            next if grep { _within($_->[1], $one->[1]) } @kept;
            push @kept, $one;
            $kept{ $one->[0] } = $configs->{ $one->[0] };
        }
    }

    return \%kept;
}


sub _within {
    my ($few, $many) = @_;

    return !grep { !$many->{$_} } keys %$few;
}


sub _explain {
    my ($on, $op, $configs, $pending) = @_;
    my %states = map { _show(@{ $_->{state} }) => 1 } values %$configs;
    my @states = sort keys %states;
    my @others = grep { $_ != $op } values %$pending;

    splice @states, 5, @states, '...' if @states > 5;
    @others = map { _text($_) } sort { $b->{at} <=> $a->{at} } @others;
    splice @others, 10, @others, '...' if @others > 10;

    return join "\n  ", "$on: no order explains " . _text($op),
        map({ "it was $_, or" } @states), @others;
}


sub _text {
    my ($op) = @_;

    return sprintf '%s [%.6f, %s]%s: %s', $op->{id}, $op->{at},
        defined $op->{end} ? sprintf('%.6f', $op->{end}) : 'no answer',
        $op->{said} // 1 ? '' : ' refused',
        join '; ', map { my ($what, $cell, @rest) = @$_;
                         "$what " . (ref $cell ? "@$cell" : $cell) . ' '
                             . _show(@rest) } @{ $op->{do} };
}


sub _show { return '(' . join(', ', map { $_ // 'none' } @_) . ')' }


sub _wrong_versions {
    my ($self) = @_;
    my ($newest, %newest) = (0);
    my @wrong;

    for my $event (sort { $a->[0] <=> $b->[0] || $a->[1] <=> $b->[1] }
                   map { ([$_->[2], 0, $_], [$_->[3], 1, $_]) }
                   @{ $self->{seen} })
    {
        my (undef, $ends, $seen) = @$event;
        my ($key, $version, $at, $end, $written) = @$seen;

        if (!$ends) {
            # What had been answered by then.
            push @$seen, $written ? $newest : $newest{$key} // 0;
            next;
        }

        my $before = $seen->[5];

        push @wrong, sprintf '%s: version %s was %s in [%.6f, %.6f], after %s',
            $key, $version, $written ? 'written' : 'read', $at, $end, $before
            if $written ? $version <= $before : $version < $before;

        $newest = $version if $written && $version > $newest;
        $newest{$key} = $version if $version > ($newest{$key} // 0);
    }

    splice @wrong, 10, @wrong, '...' if @wrong > 10;
    return @wrong;
}

1;
