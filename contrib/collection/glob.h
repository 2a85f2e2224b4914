/*
 * glob.h - Redis' patterns: * ? [a-z] [^a] and \ before any of them.
 */

#ifndef COLLECTION_GLOB_H
#define COLLECTION_GLOB_H

#include "ferrokv_extension.h"

#include <stdbool.h>

bool glob(ferrokv_str pattern, ferrokv_str text);


#endif /* COLLECTION_GLOB_H */
