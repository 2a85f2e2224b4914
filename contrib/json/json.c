/*
 * json.c - JSON documents with paths, as RedisJSON has them.
 */

#include "json.h"
#include "fields.h"
#include "stored.h"

/* Nothing is to be made: step 2 fills the own map. */
static int
install(ferrokv_ctx *ctx)
{
    (void) ctx;

    return FERROKV_OK;
}


/* What writes fields that are not noted is an older library. */
static const ferrokv_step  steps[] = {
    { sizeof(ferrokv_step), 0, install },
    { sizeof(ferrokv_step), FERROKV_EXCLUSIVE, fields_step }
};

static const void *const  provides[] = {
    &stored_type, &stored_max_depth, &fields_param, &json_get, &json_mget,
    &json_type, &json_arrlen, &json_objkeys, &json_objlen, &json_set,
    &json_del, &json_merge, &json_clear, &json_toggle, &json_numincrby,
    &json_strappend, &json_arrappend, &fields_command, NULL
};

static const ferrokv_extension  extension = {
    sizeof(ferrokv_extension), FERROKV_NEEDS_HELPER, "json", FERROKV_VERSION,
    provides, steps, sizeof(steps) / sizeof(steps[0]), 1, NULL, NULL
};

FERROKV_DEFINE(extension);
