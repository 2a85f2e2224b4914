/*
 * number.h - numbers as Redis reads and writes them.
 */

#ifndef COLLECTION_NUMBER_H
#define COLLECTION_NUMBER_H

#include "ferrokv_extension.h"

#include <stdbool.h>

#define NUMBER_INT_BYTES   20       /* room for any, as text */
#define NUMBER_REAL_BYTES  5120     /* a long double has 4933 digits */

/* No plus, blanks, leading zeros or "-0". */
bool number_int(ferrokv_str text, int64_t *n);
size_t number_int_put(char *out, int64_t n);

/* What strtold() takes, whole, in its range; no blanks, no nan. */
bool number_long_real(ferrokv_str text, long double *n);

/* 17 digits behind the point, without trailing zeros. */
size_t number_long_real_put(char *out, long double n);

/* As number_long_real(), with strtod(). */
bool number_real(ferrokv_str text, double *n);


#endif /* COLLECTION_NUMBER_H */
