/*
 * hll.c - PFADD, PFCOUNT, PFMERGE: how many different elements were seen, in
 * 12 KiB at most; and HLL.PUT, which counts without asking what is there.
 */

#include <ferrokv_extension.h>

#include "registers.h"

static int full(ferrokv_ctx *ctx, ferrokv_str key, const ferrokv_value *base,
    const ferrokv_str *ops, size_t n, ferrokv_value *out);
static int partial(ferrokv_ctx *ctx, ferrokv_str key, const ferrokv_str *ops,
    size_t n, ferrokv_str *out);

static const ferrokv_str  head = { NULL, 0 };

static const ferrokv_merge  max = {
    FERROKV_MERGE, 0, "hll.max", full, partial
};

static const ferrokv_type  type = {
    FERROKV_TYPE, 0, "hll", 0, 0, "hll.max", NULL, NULL, NULL, NULL, NULL
};


static registers_t *
registers_new(ferrokv_ctx *ctx)
{
    registers_t  *r = ctx->api->alloc(ctx, sizeof(*r));

    registers_init(r);

    return r;
}


static ferrokv_str
bytes_of(ferrokv_ctx *ctx, const registers_t *r)
{
    uint8_t  *p = ctx->api->alloc(ctx, REGISTERS_BYTES_MAX);

    return (ferrokv_str) { p, registers_write(r, p) };
}


static int
join(ferrokv_ctx *ctx, registers_t *r, ferrokv_str bytes)
{
    return registers_join(r, bytes.data, bytes.len)
           ? FERROKV_OK
           : ctx->api->fail(ctx, FERROKV_ECORRUPT, "INVALIDOBJ Corrupted HLL "
                            "object detected");
}


static int
full(ferrokv_ctx *ctx, ferrokv_str key, const ferrokv_value *base,
    const ferrokv_str *ops, size_t n, ferrokv_value *out)
{
    registers_t  *r = registers_new(ctx);
    int           rc = FERROKV_OK;

    (void) key;

    /* Plain bytes may look like ours. */
    if (base != NULL) {
        rc = join(ctx, r, base->type == &type ? base->data : head);
    }

    for (size_t i = 0; i < n && rc == FERROKV_OK; i++) {
        rc = join(ctx, r, ops[i]);
    }

    if (rc == FERROKV_OK) {
        out->data = bytes_of(ctx, r);
        out->type = &type;
    }

    return rc;
}


static int
partial(ferrokv_ctx *ctx, ferrokv_str key, const ferrokv_str *ops, size_t n,
    ferrokv_str *out)
{
    ferrokv_value  value;
    int            rc = full(ctx, key, NULL, ops, n, &value);

    if (rc == FERROKV_OK) {
        *out = value.data;
    }

    return rc;
}


/*
 * What is at the key joins r; expires: of the key.
 * FERROKV_OK · FERROKV_NONE · failure
 */
static int
read_key(ferrokv_ctx *ctx, ferrokv_str key, registers_t *r, uint64_t *expires)
{
    ferrokv_value  value;
    int            rc = ctx->api->get(ctx, key, head, &value);

    *expires = 0;

    if (rc != FERROKV_OK) {
        return rc;
    }

    if (value.type == NULL) {
        return ctx->api->fail(ctx, FERROKV_ETYPE, "WRONGTYPE Key is not a "
                              "valid HyperLogLog string value.");
    }

    *expires = value.expires;

    return join(ctx, r, value.data);
}


static int
write_key(ferrokv_ctx *ctx, ferrokv_str key, const registers_t *r,
    uint64_t expires)
{
    const ferrokv_value  value = { bytes_of(ctx, r), &type, expires };

    return ctx->api->put(ctx, key, head, &value);
}


/* All of them join r; one that comes from the disk does not keep the next from
   being asked for. */
static int
read_keys(ferrokv_ctx *ctx, size_t n, const ferrokv_str *keys, registers_t *r)
{
    uint64_t  expires;
    int       result = FERROKV_OK;

    for (size_t i = 0; i < n; i++) {
        int  rc = read_key(ctx, keys[i], r, &expires);

        if (rc == FERROKV_ENOTYET) {
            result = rc;

        } else if (rc < 0) {
            return rc;
        }
    }

    return result;
}


static bool
add_all(registers_t *r, size_t n, const ferrokv_str *elements)
{
    bool  changed = false;

    for (size_t i = 0; i < n; i++) {
        changed |= registers_add(r, elements[i].data, elements[i].len);
    }

    return changed;
}


static int
pfadd(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    registers_t  *r = registers_new(ctx);
    uint64_t      expires;
    bool          changed;
    int           rc = read_key(ctx, argv[1], r, &expires);

    if (rc < 0) {
        return rc;
    }

    changed = add_all(r, argc - 2, argv + 2) || rc == FERROKV_NONE;

    if (changed && (rc = write_key(ctx, argv[1], r, expires)) < 0) {
        return rc;
    }

    return ctx->api->say_int(ctx, changed);
}


static int
pfcount(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    registers_t  *r = registers_new(ctx);
    int           rc = read_keys(ctx, argc - 1, argv + 1, r);

    return (rc < 0) ? rc
                    : ctx->api->say_int(ctx, (int64_t) registers_count(r));
}


/* The destination is read, too: it may be what no HyperLogLog can join. */
static int
pfmerge(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    registers_t  *r = registers_new(ctx);
    uint64_t      expires;
    int           rc = read_keys(ctx, argc - 1, argv + 1, r);

    if (rc < 0 || (rc = read_key(ctx, argv[1], r, &expires)) < 0
        || (rc = write_key(ctx, argv[1], r, expires)) < 0)
    {
        return rc;
    }

    return ctx->api->say_status(ctx, "OK");
}


static int
put(ferrokv_ctx *ctx, size_t argc, const ferrokv_str *argv)
{
    registers_t  *r = registers_new(ctx);
    int           rc;

    add_all(r, argc - 2, argv + 2);
    rc = ctx->api->merge(ctx, argv[1], head, &type, bytes_of(ctx, r));

    return (rc < 0) ? rc : ctx->api->say_status(ctx, "OK");
}


static const ferrokv_command  pfadd_command = {
    FERROKV_COMMAND, FERROKV_WRITE, "PFADD", -2, 1, 1, 1, pfadd,
    "key [element [element ...]]",
    "Counts elements, and says whether the count may have changed."
};

static const ferrokv_command  pfcount_command = {
    FERROKV_COMMAND, FERROKV_READ, "PFCOUNT", -2, 1, -1, 1, pfcount,
    "key [key ...]",
    "Says how many different elements were counted, in all keys together."
};

static const ferrokv_command  pfmerge_command = {
    FERROKV_COMMAND, FERROKV_WRITE, "PFMERGE", -2, 1, -1, 1, pfmerge,
    "destkey [sourcekey [sourcekey ...]]",
    "Counts in the first key what was counted in the others."
};

static const ferrokv_command  put_command = {
    FERROKV_COMMAND, FERROKV_WRITE | FERROKV_BLIND, "HLL.PUT", -3, 1, 1, 1, put,
    "key element [element ...]",
    "Counts elements without reading what is there."
};

static const void *const  provides[] = {
    &type, &max, &pfadd_command, &pfcount_command, &pfmerge_command,
    &put_command, NULL
};

static const ferrokv_extension  extension = {
    sizeof(ferrokv_extension), 0, "hll", FERROKV_VERSION, provides, NULL, 0, 0,
    NULL, NULL
};

FERROKV_DEFINE(extension);
