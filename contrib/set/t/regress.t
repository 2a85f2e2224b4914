# The commands of t/regress/*.cmd answer what *.out says, through every face.

use strict;
use warnings;

use Ferrokv::Regress;

regress('set', conf => 'ferrokv_param set.packed_entries 6;');
