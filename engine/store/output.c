/*
 * output.c - a series of table files.
 */

#include "store/output.h"

#include <errno.h>


void
fkv__output_init(fkv__output_t *output, fkv__helper_t *helper,
    fkv__edit_t *edit, unsigned level, uint64_t table_bytes)
{
    *output = (fkv__output_t) {
        .helper = helper,
        .edit = edit,
        .level = level,
        .table_bytes = table_bytes
    };

    fkv__warm_init(&output->warm, helper);
}


static int
output_open(fkv__output_t *output)
{
    const fkv__helper_t   *helper = output->helper;
    const fkv_t           *store = helper->store;
    fkv__table_options_t   options;
    int                    rc;

    fkv__table_options(&store->options, &options);
    options.created_ms = fkv_now_ms(store);

    rc = fkv__table_file_open(&output->file, store->fs, store->sst_dir,
                              fkv__helper_file_id(output->helper),
                              helper->uid, helper->gid,
                              &options);

    output->open = (rc == FKV_OK);

    if (output->open) {
        output->file.builder.info.ranged = output->ranged;
        output->file.warm = &output->warm;
    }

    return rc;
}


/* Finishes the table that is being written. */
static int
output_close(fkv__output_t *output)
{
    fkv__table_info_t  info;
    int                rc;

    rc = fkv__table_file_finish(&output->file, &info);

    if (rc != FKV_OK) {
        return rc;
    }

    output->open = false;
    rc = fkv__edit_add(output->edit, output->level, &info);

    if (rc == FKV_OK) {
        output->bytes += info.bytes;
        output->n++;

    } else {
        fkv__helper_unlink(output->helper, info.id);
        errno = ENOMEM;
    }

    fkv__table_info_done(&info);

    return rc;
}


void
fkv__output_align(fkv__output_t *output, fkv__table_t *const *below,
    unsigned n)
{
    output->below = below;
    output->n_below = n;
}


/* Moves on in the level below to where the key is. */
static void
output_pass(fkv__output_t *output, fkv_str_t key)
{
    while (output->at_below < output->n_below) {
        const fkv__table_info_t  *info = &output->below[output->at_below]->info;

        if (fkv__str_cmp(fkv__buf_str(&info->largest), key) >= 0) {
            break;
        }

        output->bytes_below += info->bytes;
        output->at_below++;
    }
}


/* Is there reason to cut before the key? */
static bool
output_aligned(fkv__output_t *output, fkv_str_t key)
{
    unsigned  before = output->at_below;
    uint64_t  bytes = fkv__table_file_bytes(&output->file);

    output_pass(output, key);

    return output->at_below > before
           && (2 * bytes >= output->table_bytes
               || output->bytes_below
                  >= FKV__OUTPUT_BELOW * output->table_bytes);
}


int
fkv__output_next_key(fkv__output_t *output, fkv_str_t key)
{
    if (output->open
        && (fkv__table_file_bytes(&output->file) >= output->table_bytes
            || output_aligned(output, key)))
    {
        return output_close(output);
    }

    return FKV_OK;
}


int
fkv__output_add(fkv__output_t *output, const fkv__record_t *rec, bool cached)
{
    const fkv__block_builder_t  *last = &output->file.builder.block;
    int                          rc;

    if (!output->open) {
        rc = output_open(output);

        if (rc != FKV_OK) {
            return rc;
        }

        /* What lies before its first key is not below it. */
        output_pass(output, rec->key);
        output->bytes_below = 0;

    } else if (fkv__block_cmp(fkv__buf_str(&last->last_key),
                              last->last_version, rec->key, rec->version)
               >= 0)
    {
        errno = EILSEQ;
        return FKV_ECORRUPT;
    }

    rc = fkv__table_file_add(&output->file, rec);

    if (rc == FKV_OK) {
        fkv__warm_record(&output->warm, cached);
    }

    return rc;
}


int
fkv__output_finish(fkv__output_t *output)
{
    fkv_t  *store = output->helper->store;
    int     rc = FKV_OK;

    if (output->open) {
        rc = output_close(output);
    }

    if (rc == FKV_OK && output->edit->n_adds > 0) {
        rc = fkv__file_sync_dir(store->fs, store->sst_dir);
    }

    return rc;
}


void
fkv__output_abort(fkv__output_t *output)
{
    int  cause = errno;

    if (output->open) {
        fkv__table_file_abort(&output->file);
        output->open = false;
    }

    for (size_t i = 0; i < output->n; i++) {
        fkv__helper_unlink(output->helper, output->edit->adds[i].info.id);
    }

    errno = cause;
}
