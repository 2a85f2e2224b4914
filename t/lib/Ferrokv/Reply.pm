package Ferrokv::Reply;

# Ferrokv::Reply - answers with their types, as each face shows them.
#
# A tree is [type, value]: int, real, bool, status, str, text, null, error; array
# and set have a reference to a list of trees, map one to names and values in
# turn.  What RESP3 says is a tree as the command has made it; the others see less:
#
#   pairs_of(tree)            arrays of two in an array, in a row: what RESP3 alone
#                             has of pairs
#   resp2_of(tree)            what RESP2 leaves of it
#   json_of(tree)             what JSON leaves of it, with base64
#   variables_of(tree, 'v')   ([name, value, leaf], ...) of ferrokv_call
#   text_of(tree, mask)       all of it on one line; leaves whose number, counted
#                             from 0, is in mask are shown by their type alone
#
#   5   ,1.5   #t   +OK   "bytes\x00"   nil   -ERR text   [1, 2]   ~["a"]
#   {"a": 1}   and ="verbatim text"

use strict;
use warnings;

use Exporter qw(import);
use MIME::Base64 qw(decode_base64);

our @EXPORT = qw(pairs_of resp2_of json_of tree_of_json variables_of text_of leaves_of);


sub pairs_of {
    my ($tree) = @_;
    my ($type, $value) = @$tree;

    return $tree if $type ne 'array' || grep { $_->[0] ne 'array' } @$value;
    return ['array', [map { @{ $_->[1] } } @$value]];
}


sub resp2_of {
    my ($tree) = @_;
    my ($type, $value) = @$tree;

    return ['str', $value] if $type eq 'real' || $type eq 'text';
    return ['int', $value] if $type eq 'bool';
    return ['array', [map { resp2_of($_) } @$value]]
        if $type =~ /^(?:array|set|map)$/;

    return $tree;
}


sub json_of {
    my ($tree) = @_;
    my ($type, $value) = @$tree;

    return ['int', 0 + $value] if $type =~ /^(?:int|real|bool)$/;
    return ['str', $value] if $type eq 'status' || $type eq 'text';
    return ['array', [map { json_of($_) } @$value]]
        if $type =~ /^(?:array|set|map)$/;

    return $tree;
}


# What the answer says that was decoded from JSON; its strings are base64.
sub tree_of_json {
    my ($answer) = @_;

    return ['error', $answer->{error}] if exists $answer->{error};
    return _of_json($answer->{result});
}


sub _of_json {
    my ($value) = @_;

    return ['null'] if !defined $value;
    return ['array', [map { _of_json($_) } @$value]] if ref $value;

    # A number has no quotes: JSON::PP keeps the difference in its flags.
    my $number = JSON::PP->new->allow_nonref->encode($value) !~ /^"/;

    return ['int', $value] if $number;
    return ['str', $value eq 'OK' ? $value : decode_base64($value)];
}


sub variables_of {
    my ($tree, $name) = @_;
    my $leaf = 0;

    return _variables($tree, $name, \$leaf);
}


sub _variables {
    my ($tree, $name, $leaf) = @_;
    my ($type, $value) = @$tree;

    if ($type eq 'map') {
        my @pairs = @$value;
        my @found;

        while (my ($key, $item) = splice @pairs, 0, 2) {
            $$leaf++;
            push @found, _variables($item,
                "${name}_" . lc($key->[1]) =~ s/[^a-z0-9]/_/gr, $leaf);
        }

        return @found;
    }

    if (ref $value) {
        my $i = 0;
        return map { _variables($_, "${name}_" . $i++, $leaf) } @$value;
    }

    my $number = $$leaf++;

    return [$name, $type =~ /^(?:null|error)$/ ? '' : $value, $number];
}


sub leaves_of {
    my ($tree) = @_;

    return ref $tree->[1] ? map { leaves_of($_) } @{ $tree->[1] } : $tree;
}


sub text_of {
    my ($tree, $mask) = @_;
    my $leaf = 0;

    return _text($tree, $mask // {}, \$leaf);
}


sub _text {
    my ($tree, $mask, $leaf) = @_;
    my ($type, $value) = @$tree;

    if (ref $value) {
        my @items = map { _text($_, $mask, $leaf) } @$value;

        return '[' . join(', ', @items) . ']' if $type eq 'array';
        return '~[' . join(', ', @items) . ']' if $type eq 'set';
        return '{' . join(', ', map { "$items[2 * $_]: $items[2 * $_ + 1]" }
                                0 .. @items / 2 - 1) . '}';
    }

    my $number = $$leaf++;

    return "<$type>" if $mask->{all} || $mask->{$number};
    return 'nil' if $type eq 'null';
    return $value if $type eq 'int';
    return ",$value" if $type eq 'real';
    return $value ? '#t' : '#f' if $type eq 'bool';
    return '+' . _escape($value) if $type eq 'status';
    return '-' . _escape($value) if $type eq 'error';
    return ($type eq 'text' ? '=' : '') . '"' . _escape($value) . '"';
}


sub _escape {
    my ($text) = @_;

    $text =~ s/(["\\])/\\$1/g;
    $text =~ s/\n/\\n/g;
    $text =~ s/\r/\\r/g;
    $text =~ s/([^\x20-\x7e])/sprintf '\\x%02x', ord $1/ge;

    return $text;
}


# A connection that keeps the types: Ferrokv::Reply::Reader->new($port), cmd().
package Ferrokv::Reply::Reader;

use parent 'Ferrokv::Resp';

my %type = (
    ':' => 'int', ',' => 'real', '+' => 'status', '-' => 'error',
    '(' => 'int', '$' => 'str', '=' => 'text', '#' => 'bool',
    '*' => 'array', '~' => 'set', '>' => 'array', '%' => 'map',
);


sub _reply {
    my ($self) = @_;
    my ($mark, $rest) = $self->_line =~ /^(.)(.*)\z/s or die "no reply\n";

    return ['null'] if $mark eq '_' || ($mark =~ /[\$*]/ && $rest eq '-1');

    my $type = $type{$mark} // die "a reply of type '$mark'\n";

    return [$type, $self->_bytes($rest)] if $mark eq '$';
    return [$type, substr $self->_bytes($rest), 4] if $mark eq '=';
    return [$type, $rest eq 't' ? 1 : 0] if $mark eq '#';
    return [$type, [map { $self->_reply } 1 .. $rest]] if $mark =~ /[*~>]/;
    return [$type, [map { $self->_reply } 1 .. 2 * $rest]] if $mark eq '%';

    return [$type, $rest];
}

1;
