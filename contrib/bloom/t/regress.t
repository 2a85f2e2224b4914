# The commands of t/regress/*.cmd answer what *.out says, through every face.

use strict;
use warnings;

use Ferrokv::Regress;

regress('bloom');
