/*
 * sample.h - members at random.
 *
 * Packed ones are all equally likely.  Among elements a choice is made from a
 * window of some that begins at a random place, so it costs as much in a large
 * collection as in a small one, and is fair but for how names' hashes lie.
 */

#ifndef COLLECTION_SAMPLE_H
#define COLLECTION_SAMPLE_H

#include "members.h"

typedef struct {
    member_t  *list;
    uint64_t   n;
} sample_t;

/* n different ones, fewer if there are fewer.  FERROKV_OK · failures */
int sample_distinct(members_t *m, uint64_t n, sample_t *sample);

/* n picks, each of any; of an empty collection none. */
int sample_any(members_t *m, uint64_t n, sample_t *sample);


#endif /* COLLECTION_SAMPLE_H */
