/*
 * operand.c - an operator that forgets nothing: the value is what there was,
 * with all operands behind it in their order.
 */

#include "sim.h"


static int
put_together(fkv_str_t base, const fkv_str_t *ops, unsigned n, fkv_str_t *out)
{
    uint8_t  *bytes = sim_scratch();

    *out = (fkv_str_t) { bytes, base.len };

    if (base.len > 0) {
        memcpy(bytes, base.data, base.len);
    }

    for (unsigned i = 0; i < n; i++) {
        if (out->len + ops[i].len > SIM_LOAD_MAX) {
            sim_fail("a key has too many operands");
        }

        memcpy(bytes + out->len, ops[i].data, ops[i].len);
        out->len += ops[i].len;
    }

    return FKV_OK;
}


static int
full(void *data, uint16_t type, const fkv_chain_t *chain,
    const fkv_value_t *base, const fkv_str_t *ops, unsigned n,
    fkv_merged_t *out)
{
    (void) data;
    (void) type;
    (void) chain;

    return put_together(base != NULL ? base->data : (fkv_str_t) { NULL, 0 },
                        ops, n, &out->data);
}


static int
partial(void *data, uint16_t type, const fkv_chain_t *chain,
    const fkv_str_t *ops, unsigned n, fkv_str_t *out)
{
    (void) data;
    (void) type;
    (void) chain;

    return put_together((fkv_str_t) { NULL, 0 }, ops, n, out);
}


const fkv_merge_t  sim_merge = {
    .full = full,
    .partial = partial
};
