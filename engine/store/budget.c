/*
 * budget.c - bytes against time.
 */

#include "store/budget.h"

#define SECOND_US  1000000


uint64_t
fkv__budget_wait_us(fkv__budget_t *budget, bool flushing, uint64_t bytes,
    uint64_t rate, uint64_t now_us)
{
    uint64_t  part = rate / FKV__BUDGET_PART, due_us;

    if (!flushing || part == 0) {
        budget->since_us = 0;
        return 0;
    }

    /* Less than there was: it is another merge. */

    if (budget->since_us == 0 || bytes < budget->bytes) {
        budget->since_us = now_us;
        budget->bytes = bytes;
        return 0;
    }

    due_us = budget->since_us + (bytes - budget->bytes) * SECOND_US / part;

    return (due_us > now_us) ? due_us - now_us : 0;
}
